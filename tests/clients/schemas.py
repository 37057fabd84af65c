"""Each system's create call answers as the schema of its own page says. Arguments: the file with the program's first line."""

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
judge("zitadel-create-session", post("/v2alpha/sessions", {"checks": checks, "metadata": {}}))
app = bearer(TOLD["tmdb"]["read_access_token"])
opened = requests.get(BASE + "/3/authentication/token/new", headers=app, timeout=20).json()
login = (USER["login_name"], USER["password"])
page = BASE + "/authenticate/" + opened["request_token"]
assert requests.post(page, data={"decision": "approve"}, auth=login, timeout=20).status_code == 200
exchange = {"request_token": opened["request_token"]}
judge("tmdb-create-session", post("/3/authentication/session/new", exchange, app))
judge("zelf-create-session", post("/api/sessions", {}, {"origin": "postman"}))
