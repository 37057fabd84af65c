"""tmdbsimple: the whole flow, by GET with queries, and DELETE with a body. Arguments: the file with the program's first line."""

import json
import sys
from importlib.metadata import version

import requests
import tmdbsimple

TOLD = json.load(open(sys.argv[1], encoding="utf-8"))
USER = TOLD["users"][0]
tmdbsimple.API_KEY = TOLD["tmdb"]["api_key"]
tmdbsimple.REQUESTS_TIMEOUT = 20


def here(client):
    client.base_uri = TOLD["base_url"] + "/3"
    return client


def ok(what):
    print("ok tmdbsimple", version("tmdbsimple"), what, flush=True)


auth = here(tmdbsimple.Authentication())
auth.token_new()
assert auth.success and auth.expires_at.endswith(" UTC")
ok("token_new")
auth.token_validate_with_login(
    request_token=auth.request_token, username=USER["login_name"], password=USER["password"]
)
assert auth.success
ok("token_validate_with_login")
auth.session_new(request_token=auth.request_token)
assert auth.success
ok("session_new")
account = here(tmdbsimple.Account(auth.session_id))
assert account.info()["username"] == USER["login_name"]
ok("Account.info")
auth.session_delete(session_id=auth.session_id)
assert auth.success
ok("session_delete")
try:
    account.info()
    sys.exit("a deleted session is good")
except requests.HTTPError as error:
    assert error.response.status_code == 401
ok("Account.info is refused after that")
guest = here(tmdbsimple.Authentication())
guest.guest_session_new()
assert guest.success and guest.guest_session_id
ok("guest_session_new")
