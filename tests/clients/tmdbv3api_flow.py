"""tmdbv3api: the whole flow, by POST and DELETE with bodies. It has no setting for its address, so that is replaced. Arguments: as tmdbsimple_flow.py."""

import json
import sys
from importlib.metadata import version

from tmdbv3api import Account, Authentication, TMDb
from tmdbv3api.exceptions import TMDbException

TOLD = json.load(open(sys.argv[1], encoding="utf-8"))
USER = TOLD["users"][0]
TMDb._base = property(lambda self: TOLD["base_url"] + "/3", lambda self, value: None)


def ok(what):
    print("ok tmdbv3api", version("tmdbv3api"), what, flush=True)


client = TMDb()
client.api_key = TOLD["tmdb"]["api_key"]
client.cache = False  # its cache cannot hold a request with a body
try:
    Authentication(USER["login_name"], "wrong")
    sys.exit("a wrong password is good")
except TMDbException as error:
    assert "Invalid username" in str(error)
ok("Authentication is refused with a wrong password")
auth = Authentication(USER["login_name"], USER["password"])
ok("Authentication: request token, login, session")
assert Account().details().username == USER["login_name"]
ok("Account.details")
session = auth.session_id
auth.delete_session()
ok("delete_session")
client.session_id = session
try:
    Account().details()
    sys.exit("a deleted session is good")
except TMDbException as error:
    assert "Authentication failed" in str(error)
ok("Account.details is refused after that")
