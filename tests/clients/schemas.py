"""Each system's create call, and ZITADEL's others, answer as the schema of its own page says, by every path and every way
to send it.

Arguments: the file with the program's first line."""

import json
import pathlib
import sys
from importlib.metadata import version

import jsonschema
import requests

TOLD = json.load(open(sys.argv[1], encoding="utf-8"))
BASE, USER = TOLD["base_url"], TOLD["users"][0]
SCHEMAS = pathlib.Path(__file__).parent / "schemas"
JUDGED = set()


def bearer(token):
    return {"Authorization": "Bearer " + token}


def judge(name, answer, status=200):
    assert answer.status_code == status, (name, answer.status_code, answer.text)
    schema = json.loads((SCHEMAS / (name + ".json")).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(answer.json(), schema)
    JUDGED.add(name)
    print("ok jsonschema", version("jsonschema"), name, flush=True)


def post(path, body, headers=None):
    return requests.post(BASE + path, json=body, headers=headers, timeout=20)


hanko = bearer(TOLD["hanko"]["api_key"])
full = {"user_id": USER["id"], "user_agent": "Mozilla/5.0", "ip_address": "192.0.2.7"}
for path in ["/sessions", "/admin/sessions", "/hanko/sessions", "/hanko/admin/sessions"]:
    judge("hanko-create-session", post(path, {"user_id": USER["id"]}, hanko))
    judge("hanko-create-session", post(path, full, hanko))
for wrong in [{}, {"user_id": "nobody"}, {"user_id": 7}, {**full, "ip_address": "999.1.1.1"}, ["x"]]:
    judge("hanko-error", post("/sessions", wrong, hanko), 400)
judge("hanko-error", post("/sessions", {"user_id": "00000000-0000-4000-8000-00000000dead"}, hanko), 404)
judge("hanko-error", post("/sessions", full), 401)
server = bearer(TOLD["stack_auth"]["secret_server_key"])
for path in ["/auth/sessions", "/api/v1/auth/sessions", "/stack/auth/sessions", "/stack/api/v1/auth/sessions"]:
    judge("stack-auth-create-session", post(path, {"user_id": USER["id"]}, server))
    operator = {"user_id": USER["id"], "is_impersonation": True, "expires_in_millis": 7_200_000}
    judge("stack-auth-create-session", post(path, operator, server))
checks = {"user": {"loginName": USER["login_name"]}, "password": {"password": USER["password"]}}
for path in ["/zitadel/v2alpha/sessions", "/v2alpha/sessions"]:
    created = post(path, {"checks": checks, "metadata": {}})
    judge("zitadel-create-session", created, 201)
page = bearer(TOLD["zitadel"]["token"])
grown = {"checks": checks, "metadata": {"a": "YQ=="}, "lifetime": "600s"}
grown["userAgent"] = {"fingerprintId": "fp", "ip": "192.0.2.7", "header": {"accept": {"values": ["a"]}}}
judge("zitadel-create-session", post("/v2/sessions", grown, page), 201)
session = "/v2alpha/sessions/" + created.json()["sessionId"]
change = {"sessionToken": created.json()["sessionToken"], "metadata": {"a": "YQ=="}}
judge("zitadel-set-session", requests.patch(BASE + session, json=change, timeout=20))
judge("zitadel-get-session", requests.get(BASE + session, headers=page, timeout=20))
judge("zitadel-list-sessions", post("/v2/sessions/search", {}, page))
judge("zitadel-delete-session", requests.delete(BASE + session, headers=page, timeout=20))
judge("zitadel-error", requests.get(BASE + session, headers=page, timeout=20), 404)
app = bearer(TOLD["tmdb"]["read_access_token"])


def approved():
    opened = requests.get(BASE + "/3/authentication/token/new", headers=app, timeout=20).json()
    login = (USER["login_name"], USER["password"])
    page = BASE + "/authenticate/" + opened["request_token"]
    assert requests.post(page, data={"decision": "approve"}, auth=login, timeout=20).status_code == 200
    return {"request_token": opened["request_token"]}


for path in ["/3/authentication/session/new", "/tmdb/3/authentication/session/new"]:
    judge("tmdb-create-session", post(path, approved(), app))
    for sent in [{"data": approved()}, {"params": approved()}, {"params": approved(), "json": {}}]:
        judge("tmdb-create-session", requests.post(BASE + path, headers=app, timeout=20, **sent))
    judge("tmdb-create-session", requests.get(BASE + path, params=approved(), headers=app, timeout=20))
for path in ["/api/sessions", "/zelf/api/sessions"]:
    for device in [{}, {}, {"identifier": "device-1", "type": "createWallet", "isWebExtension": True, "killSession": True}]:
        judge("zelf-create-session", post(path, device, {"origin": "postman"}))
unused = {file.stem for file in SCHEMAS.glob("*.json")} - JUDGED
assert not unused, unused
