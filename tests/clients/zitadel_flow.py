"""zitadel-client, ZITADEL's own: a session that grows, is shown, found and ended. Arguments: the file with the program's first line."""

import base64
import datetime
import hashlib
import hmac
import json
import struct
import sys
import time
from importlib.metadata import version

import zitadel_client as zc
from zitadel_client import models
from zitadel_client.exceptions import ApiError

TOLD = json.load(open(sys.argv[1], encoding="utf-8"))
USER, OTHER = TOLD["users"][0], TOLD["users"][1]
RECOVERY = TOLD["zitadel"]["recovery_codes"][USER["id"]]


def ok(what):
    print("ok zitadel-client", version("zitadel-client"), what, flush=True)


def client(token):
    return zc.Zitadel.with_access_token(TOLD["base_url"], token).sessions


def refused(status, part, call, **fields):
    try:
        call(fields)
    except ApiError as error:
        body = error.response_body
        text = body if isinstance(body, str) else str(body)
        assert error.code == status and part in text, (error.code, text)
        return
    sys.exit(f"not refused: {call} {fields}")


def code_of_app(secret):
    """RFC 6238."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8), casefold=True)
    digest = hmac.new(key, struct.pack(">Q", int(time.time()) // 30), hashlib.sha1).digest()
    at = digest[-1] & 15
    return "%06d" % ((struct.unpack(">I", digest[at : at + 4])[0] & 0x7FFFFFFF) % 10**6)


page = client(TOLD["zitadel"]["token"])

made = page.create_session(
    {
        "checks": {"user": {"loginName": USER["login_name"]}},
        "metadata": {"hello": base64.b64encode(b"world").decode()},
        "userAgent": {"fingerprintId": "fp-1", "ip": "192.0.2.7", "header": {"accept": {"values": ["a", "b"]}}},
        "lifetime": "600s",
    }
)
assert made.session_id and made.session_token and made.details.resource_owner == "demo-instance"
ok("create_session, with a user")
refused(400, "COMMAND-3M0fs", page.set_session, sessionId=made.session_id, checks={"password": {"password": "wrong"}})
ok("set_session with a wrong password is refused")
first = page.set_session({"sessionId": made.session_id, "checks": {"password": {"password": USER["password"]}}})
assert first.session_token and first.session_token != made.session_token
assert int(first.details.sequence) > int(made.details.sequence)
ok("set_session, password")
asked = page.set_session({"sessionId": made.session_id, "challenges": {"otpEmail": {"returnCode": {}}}})
second = page.set_session(
    {"sessionId": made.session_id, "checks": {"otpEmail": {"code": asked.challenges.otp_email}}}
)
ok("set_session, a code by email")
third = page.set_session({"sessionId": made.session_id, "checks": {"recoveryCode": {"code": RECOVERY[0]}}})
ok("set_session, a recovery code")
app = TOLD["zitadel"]["totp_secrets"][USER["id"]]
if app:
    third = page.set_session({"sessionId": made.session_id, "checks": {"totp": {"code": code_of_app(app)}}})
    ok("set_session, an authenticator app")

shown = page.get_session({"sessionId": made.session_id}).session
assert isinstance(shown, models.SessionServiceSession) and shown.id == made.session_id
assert shown.factors.user.id == USER["id"] and shown.factors.user.login_name == USER["login_name"]
assert shown.factors.user.display_name == USER["name"] and shown.factors.user.organization_id
assert shown.factors.password.verified_at and shown.factors.otp_email.verified_at
assert shown.factors.recovery_code.verified_at and shown.factors.web_auth_n is None
assert (shown.factors.totp is not None) == bool(app)
assert base64.b64decode(shown.metadata["hello"]) == b"world"
assert shown.user_agent.fingerprint_id == "fp-1" and shown.user_agent.header["accept"].values == ["a", "b"]
life = shown.expiration_date - shown.creation_date
assert datetime.timedelta(seconds=600) <= life < datetime.timedelta(seconds=660), life
ok("get_session, with all that was kept on it")
own = client(third.session_token)
assert own.get_session({"sessionId": made.session_id}).session.id == made.session_id
ok("get_session, by the session's own user")
refused(401, "unauthenticated", client(first.session_token).get_session, sessionId=made.session_id)
ok("a token that was replaced is no bearer token")
refused(403, "permission_denied", page.get_session, sessionId=made.session_id, sessionToken=first.session_token)
refused(404, "not_found", page.get_session, sessionId="no-such-session")
ok("get_session with a wrong token, or of nobody, is refused")

other = page.create_session(
    {"checks": {"user": {"userId": OTHER["id"]}, "password": {"password": OTHER["password"]}}}
)
refused(403, "permission_denied", own.get_session, sessionId=other.session_id)
ok("get_session of another user's is refused")


def found(who, *queries, **page_of):
    listed = who.list_sessions({"query": page_of, "queries": list(queries)})
    assert int(listed.details.total_result) >= len(listed.sessions)
    return [session.id for session in listed.sessions]


assert found(page, {"userIdQuery": {"id": USER["id"]}}, {"creatorQuery": {}}) == [made.session_id]
assert found(page, {"userAgentQuery": {"fingerprintId": "fp-1"}}) == [made.session_id]
ids = {"idsQuery": {"ids": [made.session_id, other.session_id]}}
assert found(page, ids) == [other.session_id, made.session_id]
assert found(page, ids, asc=True, limit=1, offset=1) == [other.session_id]
assert found(own, ids) == [made.session_id]
never = {"expirationDateQuery": {"expirationDate": "2100-01-01T00:00:00Z", "method": "TIMESTAMP_QUERY_METHOD_GREATER"}}
assert found(page, ids, never) == [other.session_id]
created = models.SessionServiceCreationDateQuery(
    creation_date=shown.creation_date, method=models.SessionServiceTimestampQueryMethod.TIMESTAMP_QUERY_METHOD_EQUALS
)
query = models.SessionServiceSearchQuery(creation_date_query=created)
listed = page.list_sessions(models.SessionServiceListSessionsRequest(queries=[query]))
assert [session.id for session in listed.sessions] == [made.session_id]
refused(400, "invalid_argument", page.list_sessions, queries=[{"creatorQuery": {"id": ""}}])
ok("list_sessions, by each query, for each caller")

refused(403, "COMMAND-sGr42", page.delete_session, sessionId=other.session_id, sessionToken=third.session_token)
refused(403, "permission_denied", own.delete_session, sessionId=other.session_id)
gone = own.delete_session({"sessionId": made.session_id})
assert int(gone.details.sequence) == int(third.details.sequence) + 1 and gone.details.change_date
refused(404, "not_found", page.get_session, sessionId=made.session_id)
refused(401, "unauthenticated", own.get_session, sessionId=made.session_id)
assert page.delete_session({"sessionId": made.session_id}).details == gone.details
page.delete_session({"sessionId": other.session_id, "sessionToken": other.session_token})
assert found(page, ids) == []
ok("delete_session, and what is refused after that")
