"""PyJWT: Hanko's tokens, verified by the public keys alone. Arguments: the file with the program's first line."""

import json
import sys
from importlib.metadata import version

import jwt
import requests

TOLD = json.load(open(sys.argv[1], encoding="utf-8"))
BASE, USER = TOLD["base_url"], TOLD["users"][0]
if not requests.get(BASE + "/.well-known/jwks.json", timeout=20).json()["keys"]:
    print("the program signs without public keys: build it with --features rust-crypto", file=sys.stderr)
    sys.exit(77)

key = {"Authorization": "Bearer " + TOLD["hanko"]["api_key"]}
made = requests.post(BASE + "/sessions", json={"user_id": USER["id"]}, headers=key, timeout=20)
token = made.json()["session_token"]
public = jwt.PyJWKClient(BASE + "/.well-known/jwks.json").get_signing_key_from_jwt(token)
claims = jwt.decode(token, public.key, algorithms=["ES256"], audience="localhost", issuer=BASE)
assert claims["sub"] == USER["id"] and claims["session_id"] and claims["exp"] == claims["iat"] + 12 * 3600
print("ok pyjwt", version("pyjwt"), "a session token, by its key in the JWKS", flush=True)
