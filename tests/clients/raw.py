"""What no HTTP client sends. `chunked URL STATUS [-H HEADER]...`: a body whose chunks break off in nonsense is answered with
the status. `slow URL`: a head that does not end is not waited for, be it a byte now and then or silence; nor is a body."""

import socket
import sys
import time
from urllib.parse import urlsplit

url = urlsplit(sys.argv[2])


def connected():
    return socket.create_connection((url.hostname, url.port), timeout=20)


def chunked(status, headers):
    with connected() as stream:
        lines = [f"POST {url.path} HTTP/1.1", f"Host: {url.netloc}", "Content-Type: application/json", *headers]
        head = "\r\n".join([*lines, "Transfer-Encoding: chunked", "Connection: close", "", ""])
        stream.sendall(head.encode() + b'5\r\n{"a":\r\nno length\r\n')
        answer = stream.recv(65536).decode()
    assert answer.split(" ")[1] == status, answer
    assert "application/json" in answer.lower(), answer


def slow():
    start = time.monotonic()
    silent, dripping, body = connected(), connected(), connected()
    head = f"POST /sessions/validate HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Type: application/json\r\n"
    body.sendall(head.encode() + b"Content-Length: 100\r\n\r\n{")
    silent.sendall(b"GET /me HTTP/1.1\r\nX-")
    dripping.sendall(b"GET /me HTTP/1.1\r\nX-")
    dripping.settimeout(0.5)
    while True:
        assert time.monotonic() - start < 15, "it still waits"
        try:
            dripping.sendall(b"x")
            if not dripping.recv(4096):
                break
        except TimeoutError:
            continue
        except OSError:
            break
    silent.settimeout(15)
    try:
        while silent.recv(4096):
            pass
    except ConnectionError:
        pass
    took = time.monotonic() - start
    assert 4 < took < 15, took
    answer = body.recv(65536).decode()
    took = time.monotonic() - start
    assert answer.split(" ")[1] == "400" and 9 < took < 15, (took, answer)


if sys.argv[1] == "chunked":
    chunked(sys.argv[3], [header for header in sys.argv[4:] if header != "-H"])
else:
    slow()
