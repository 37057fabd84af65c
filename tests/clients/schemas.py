"""Each system's create call, and ZITADEL's others, answer as the schema of their own pages say. Arguments: the file with the program's first line."""

import json
import pathlib
import sys
from importlib.metadata import version

import jsonschema
import requests

TOLD = json.load(open(sys.argv[1], encoding="utf-8"))
BASE, USER = TOLD["base_url"], TOLD["users"][0]
SCHEMAS = pathlib.Path(__file__).parent / "schemas"


def bearer(token):
    return {"Authorization": "Bearer " + token}


def judge(name, answer, status=200):
    assert answer.status_code == status, (name, answer.status_code, answer.text)
    schema = json.loads((SCHEMAS / (name + ".json")).read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(answer.json(), schema)
    print("ok jsonschema", version("jsonschema"), name, flush=True)


def post(path, body, headers=None):
    return requests.post(BASE + path, json=body, headers=headers, timeout=20)


hanko = bearer(TOLD["hanko"]["api_key"])
judge("hanko-create-session", post("/sessions", {"user_id": USER["id"]}, hanko))
judge("hanko-error", post("/sessions", {"user_id": "nobody"}, hanko), 400)
judge("hanko-error", post("/sessions", {"user_id": "00000000-0000-4000-8000-00000000dead"}, hanko), 404)
server = bearer(TOLD["stack_auth"]["secret_server_key"])
judge("stack-auth-create-session", post("/auth/sessions", {"user_id": USER["id"]}, server))
checks = {"user": {"loginName": USER["login_name"]}, "password": {"password": USER["password"]}}
created = post("/v2alpha/sessions", {"checks": checks, "metadata": {}})
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
opened = requests.get(BASE + "/3/authentication/token/new", headers=app, timeout=20).json()
login = (USER["login_name"], USER["password"])
page = BASE + "/authenticate/" + opened["request_token"]
assert requests.post(page, data={"decision": "approve"}, auth=login, timeout=20).status_code == 200
exchange = {"request_token": opened["request_token"]}
judge("tmdb-create-session", post("/3/authentication/session/new", exchange, app))
judge("zelf-create-session", post("/api/sessions", {}, {"origin": "postman"}))
