#!/usr/bin/env bash
# The curl commands of the five systems' own pages, with only host, ids and keys filled in, and the calls around them.
# Prints a line for each; ends at the first that does not answer as it should. STORE=sqlite keeps the sessions in a file.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/clients/server.sh
. tests/clients/calls.sh
case ${STORE:-memory} in
    memory) start_server ;;
    sqlite) start_server --store "$TEMP/sessions.db" ;;
    *) die "no store is called $STORE here" ;;
esac
# Its status is kept in a file: on a busy machine the number of an ended process goes to another one
# before the end of this script, and `wait` then knows the first no more.
{
    status=0
    python3 tests/clients/raw.py slow "$BASE" >"$TEMP/slow" 2>&1 || status=$?
    echo "$status" >"$TEMP/slow.status"
} &
SLOW=$!

WHO=$(told "['users'][0]['id']")
LOGIN=$(told "['users'][0]['login_name']")
PASSWORD=$(told "['users'][0]['password']")
MAX=$(told "['users'][1]['id']")
MAX_PASSWORD=$(told "['users'][1]['password']")
HANKO=$(told "['hanko']['api_key']")
STACK=$(told "['stack_auth']['secret_server_key']")
STACK_CLIENT=$(told "['stack_auth']['publishable_client_key']")
PROJECT=$(told "['stack_auth']['project_id']")
TMDB=$(told "['tmdb']['api_key']")
READ=$(told "['tmdb']['read_access_token']")

# ---- Hanko: the page has a schema and no command
call 'hanko POST /sessions' 200 "a['session_token'].count('.') == 2" \
    -X POST "$BASE/sessions" -H "Authorization: Bearer $HANKO" -H "$JSON" \
    -d "{\"user_id\": \"$WHO\", \"user_agent\": \"Mozilla/5.0\", \"ip_address\": \"192.0.2.7\"}"
COOKIE=$(got "['session_token']")
call 'hanko POST /admin/sessions' 200 "'session_token' in a" \
    -X POST "$BASE/admin/sessions" -H "Authorization: Bearer $HANKO" -H "$JSON" -d "{\"user_id\": \"$WHO\"}"
call 'hanko GET /users/{user_id}/sessions' 200 "len(a) == 2 and a[1]['ip_address'] == '192.0.2.7'" \
    "$BASE/users/$WHO/sessions" -H "Authorization: Bearer $HANKO"
SESSION=$(got "[0]['id']")
call 'hanko DELETE /users/{user_id}/sessions/{session_id}' 204 "a == ''" \
    -X DELETE "$BASE/users/$WHO/sessions/$SESSION" -H "Authorization: Bearer $HANKO"
call 'hanko GET /admin/users/{user_id}/sessions' 200 "len(a) == 1" \
    "$BASE/admin/users/$WHO/sessions" -H "Authorization: Bearer $HANKO"
call 'hanko GET /sessions/validate, by cookie' 200 "a['is_valid'] and a['claims']['subject'] == '$WHO'" \
    "$BASE/sessions/validate" -b "hanko=$COOKIE"
call 'hanko GET /sessions/validate, below its prefix' 200 "a['is_valid']" \
    "$BASE/hanko/sessions/validate" -H "Authorization: Bearer $COOKIE"
call 'hanko POST /sessions/validate' 200 "a['user_id'] == '$WHO'" \
    -X POST "$BASE/sessions/validate" -H "$JSON" -d "{\"session_token\": \"$COOKIE\"}"
call 'hanko GET /me/sessions' 200 "[one['current'] for one in a] == [True]" "$BASE/me/sessions" -b "hanko=$COOKIE"
call 'hanko POST /sessions, another' 200 "a['session_token']" \
    -X POST "$BASE/sessions" -H "Authorization: Bearer $HANKO" -H "$JSON" -d "{\"user_id\": \"$WHO\"}"
OTHER=$(got "['session_token']")
call 'hanko GET /me/sessions, of two' 200 "sorted(one['current'] for one in a) == [False, True]" \
    "$BASE/me/sessions" -b "hanko=$COOKIE"
SESSION=$(got "[0]['id']")
call 'hanko DELETE /me/sessions/{session_id}' 204 "a == ''" -X DELETE "$BASE/me/sessions/$SESSION" -b "hanko=$COOKIE"
call 'hanko GET /me, of the session that was deleted' 401 "a['code'] == 401" "$BASE/me" -b "hanko=$OTHER"
call 'hanko GET /me, of the other' 200 "a['id'] == '$WHO'" "$BASE/me" -b "hanko=$COOKIE"
call 'hanko DELETE /me/sessions/{session_id}, by nobody' 401 "a['code'] == 401" -X DELETE "$BASE/me/sessions/$SESSION"
call 'hanko GET /.well-known/jwks.json' 200 "all('d' not in key for key in a['keys'])" \
    "$BASE/.well-known/jwks.json"
call 'hanko POST /logout' 204 "a == ''" -X POST "$BASE/logout" -b "hanko=$COOKIE"
grep -qi '^set-cookie: hanko=; .*max-age=-1' "$TEMP/headers" || die 'hanko POST /logout: the cookie is not deleted'
call 'hanko GET /sessions/validate, after logout' 200 "a == {'is_valid': False}" \
    "$BASE/sessions/validate" -b "hanko=$COOKIE"
call 'hanko POST /sessions, without a key' 401 "a['code'] == 401" \
    -X POST "$BASE/sessions" -H "$JSON" -d "{\"user_id\": \"$WHO\"}"
call 'hanko POST /sessions, unknown user' 404 "a == {'code': 404, 'message': 'user not found'}" \
    -X POST "$BASE/sessions" -H "Authorization: Bearer $HANKO" -H "$JSON" \
    -d '{"user_id": "00000000-0000-4000-8000-00000000dead"}'

# ---- Stack Auth: the first command is the page's
call 'stack POST /auth/sessions' 200 "a['refresh_token'] and a['access_token']" \
    -X POST "$BASE/auth/sessions" \
    -H "Authorization: Bearer $STACK" \
    -H "Content-Type: application/json" \
    -d "{\"user_id\": \"$WHO\"}"
call 'stack POST /api/v1/auth/sessions' 200 "a['access_token'].count('.') == 2" \
    -X POST "$BASE/api/v1/auth/sessions" -H "$JSON" -H 'x-stack-access-type: server' \
    -H "x-stack-project-id: $PROJECT" -H "x-stack-secret-server-key: $STACK" \
    -d "{\"user_id\": \"$WHO\", \"expires_in_millis\": 60000, \"is_impersonation\": false}"
REFRESH=$(got "['refresh_token']")
CLIENT=(-H 'x-stack-access-type: client' -H "x-stack-project-id: $PROJECT"
    -H "x-stack-publishable-client-key: $STACK_CLIENT")
call 'stack POST /api/v1/auth/sessions/current/refresh' 200 "a['access_token'].count('.') == 2" \
    -X POST "$BASE/api/v1/auth/sessions/current/refresh" "${CLIENT[@]}" -H "x-stack-refresh-token: $REFRESH"
ACCESS=$(got "['access_token']")
call 'stack GET /api/v1/auth/sessions?user_id=me' 200 "len(a['items']) == 2 and a['items'][0]['is_current_session']" \
    "$BASE/api/v1/auth/sessions?user_id=me" "${CLIENT[@]}" -H "x-stack-access-token: $ACCESS"
OTHER=$(got "['items'][1]['id']")
call 'stack DELETE /api/v1/auth/sessions/{id}' 200 "a == {'success': True}" \
    -X DELETE "$BASE/api/v1/auth/sessions/$OTHER" "${CLIENT[@]}" -H "x-stack-access-token: $ACCESS"
call 'stack DELETE /api/v1/auth/sessions/current' 200 "a == {'success': True}" \
    -X DELETE "$BASE/api/v1/auth/sessions/current" "${CLIENT[@]}" -H "x-stack-access-token: $ACCESS"
call 'stack refresh, after that' 401 "a['code'] == 'REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED'" \
    -X POST "$BASE/api/v1/auth/sessions/current/refresh" "${CLIENT[@]}" -H "x-stack-refresh-token: $REFRESH"
call 'stack POST /api/v1/auth/sessions, as a client' 401 "a['code'] == 'INSUFFICIENT_ACCESS_TYPE'" \
    -X POST "$BASE/stack/api/v1/auth/sessions" "${CLIENT[@]}" -H "$JSON" -d "{\"user_id\": \"$WHO\"}"

call 'stack GET /api/v1/users/{id}, as a server' 200 "a['id'] == '$WHO'" "$BASE/api/v1/users/$WHO" \
    -H 'x-stack-access-type: server' -H "x-stack-project-id: $PROJECT" -H "x-stack-secret-server-key: $STACK"
call 'stack GET /api/v1/users/{id}, with the key alone' 200 "a['primary_email'] == '$LOGIN'" \
    "$BASE/api/v1/users/$WHO" -H "Authorization: Bearer $STACK"
call 'stack GET /api/v1/users/{id}, as a client' 404 "a['code'] == 'USER_NOT_FOUND'" "$BASE/api/v1/users/$WHO" "${CLIENT[@]}"
for millis in 1e3 60000.0; do
    call "stack POST /auth/sessions, of $millis ms" 200 "a['refresh_token']" -X POST "$BASE/auth/sessions" \
        -H "Authorization: Bearer $STACK" -H "$JSON" -d "{\"user_id\": \"$WHO\", \"expires_in_millis\": $millis}"
done
for millis in 31708800001 9223372036854775808 1e400 -0 0.5 null '"5000"'; do
    call "stack POST /auth/sessions, of $millis ms" 400 "a['code'] == 'SCHEMA_ERROR'" -X POST "$BASE/auth/sessions" \
        -H "Authorization: Bearer $STACK" -H "$JSON" -d "{\"user_id\": \"$WHO\", \"expires_in_millis\": $millis}"
done
# A password change: the own session is kept, another ends.
signed_in() {
    call "stack POST /auth/sessions, $1" 200 "a['access_token']" -X POST "$BASE/auth/sessions" \
        -H "Authorization: Bearer $STACK" -H "$JSON" -d "{\"user_id\": \"$MAX\"${2:-}}"
    REFRESH=$(got "['refresh_token']") ACCESS=$(got "['access_token']")
}
signed_in 'another session'
OTHER=$REFRESH
signed_in 'an impersonation' ', "is_impersonation": true'
change() {
    call "stack POST /api/v1/auth/password/update, $1" "$2" "$3" -X POST "$BASE/api/v1/auth/password/update" \
        "${CLIENT[@]}" -H "$JSON" -H "x-stack-access-token: $ACCESS" -H "x-stack-refresh-token: $REFRESH" \
        -d "{\"old_password\": \"$4\", \"new_password\": \"$5\"}"
}
change 'by an impersonation' 401 "a['code'] == 'USER_AUTHENTICATION_REQUIRED'" "$MAX_PASSWORD" 'Changed1234!'
signed_in 'a session of the own'
change 'of a wrong password' 400 "a['code'] == 'PASSWORD_CONFIRMATION_MISMATCH'" 'wrong' 'Changed1234!'
change 'to a short one' 400 "a['code'] == 'PASSWORD_TOO_SHORT'" "$MAX_PASSWORD" 'short'
change 'of the right one' 200 "a == {'success': True}" "$MAX_PASSWORD" 'Changed1234!'
call 'stack refresh, of the own session' 200 "a['access_token']" -X POST "$BASE/api/v1/auth/sessions/current/refresh" \
    "${CLIENT[@]}" -H "x-stack-refresh-token: $REFRESH"
call 'stack refresh, of the other' 401 "a['code'] == 'REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED'" \
    -X POST "$BASE/api/v1/auth/sessions/current/refresh" "${CLIENT[@]}" -H "x-stack-refresh-token: $OTHER"
change 'of the old one again' 400 "a['code'] == 'PASSWORD_CONFIRMATION_MISMATCH'" "$MAX_PASSWORD" 'Changed1234!'
change 'back' 200 "a == {'success': True}" 'Changed1234!' "$MAX_PASSWORD"

# ---- ZITADEL: the page's command
zitadel() {
    call "zitadel POST $1" 201 "a['sessionId'] and a['sessionToken'] and a['details']['sequence'] and a['details']['resourceOwner']" \
        -L -X POST "$BASE$1" \
        -H 'Content-Type: application/json' \
        -H 'Accept: application/json' \
        --data-raw "{
\"checks\": {
\"user\": {
\"userId\": \"$WHO\",
\"loginName\": \"$LOGIN\"
},
\"password\": {
\"password\": \"$PASSWORD\"
}
},
\"metadata\": {}
}"
}
for path in /v2/sessions /zitadel/v2alpha/sessions /v2alpha/sessions; do zitadel "$path"; done
ZID=$(got "['sessionId']")
ZTOKEN=$(got "['sessionToken']")
ZITADEL=$(told "['zitadel']['token']")
RECOVERY=$(told "['zitadel']['recovery_codes']['$WHO'][0]")
PAGE=(-H "Authorization: Bearer $ZITADEL" -H "$JSON")
call 'zitadel POST /v2alpha/sessions, wrong password' 400 "a['code'] == 3 and a['details'][0]['id'] == 'COMMAND-SAF3g'" \
    -X POST "$BASE/v2alpha/sessions" -H "$JSON" \
    --data-raw "{\"checks\": {\"user\": {\"userId\": \"$WHO\"}, \"password\": {\"password\": \"wrong\"}}}"
call 'zitadel PATCH /v2alpha/sessions/{session_id}, without its token' 400 "a['code'] == 3" \
    -X PATCH "$BASE/v2alpha/sessions/$ZID" -H "$JSON" -d '{"metadata": {"hello": "d29ybGQ="}}'
call 'zitadel PATCH /v2alpha/sessions/{session_id}, another token' 403 "a['details'][0]['id'] == 'COMMAND-sGr42'" \
    -X PATCH "$BASE/v2alpha/sessions/$ZID" -H "$JSON" -d '{"sessionToken": "none", "metadata": {"hello": "d29ybGQ="}}'
call 'zitadel PATCH /v2alpha/sessions/{session_id}' 200 "a['sessionToken'] != '$ZTOKEN' and a['details']['sequence'] == '2'" \
    -X PATCH "$BASE/v2alpha/sessions/$ZID" -H "$JSON" \
    -d "{\"sessionToken\": \"$ZTOKEN\", \"checks\": {\"recoveryCode\": {\"code\": \"$RECOVERY\"}}, \"metadata\": {\"hello\": \"d29ybGQ=\"}}"
SPENT=$ZTOKEN
ZTOKEN=$(got "['sessionToken']")
call 'zitadel GET /v2alpha/sessions/{session_id}, the token before' 403 "a['details'][0]['id'] == 'QUERY-dsfr3'" \
    "$BASE/v2alpha/sessions/$ZID?sessionToken=$SPENT"
call 'zitadel GET /v2alpha/sessions/{session_id}' 200 \
    "a['session']['factors']['recoveryCode'] and a['session']['metadata'] == {'hello': 'd29ybGQ='}" \
    "$BASE/v2alpha/sessions/$ZID?sessionToken=$ZTOKEN"
call 'zitadel GET /v2beta/sessions/{session_id}, by the login page' 200 "a['session']['factors']['user']['id'] == '$WHO'" \
    "$BASE/v2beta/sessions/$ZID" "${PAGE[@]}"
call 'zitadel GET /v2/sessions/{session_id}, by its own user' 200 "a['session']['id'] == '$ZID'" \
    "$BASE/v2/sessions/$ZID" -H "Authorization: Bearer $ZTOKEN"
call 'zitadel GET /v2/sessions/{session_id}, by nobody' 403 "a['code'] == 7" "$BASE/v2/sessions/$ZID"
call 'zitadel GET /v2/sessions/{session_id}, unknown' 404 "a['details'][0]['id'] == 'QUERY-SFeaa'" \
    "$BASE/v2/sessions/none" "${PAGE[@]}"
for family in v2alpha v2beta v2; do
    call "zitadel POST /$family/sessions/search" 200 \
        "a['details']['totalResult'] == '3' and [s['id'] for s in a['sessions']] == ['$ZID']" \
        -X POST "$BASE/$family/sessions/search" "${PAGE[@]}" \
        -d "{\"query\": {\"limit\": 1, \"offset\": \"0\"}, \"queries\": [{\"userIdQuery\": {\"id\": \"$WHO\"}}]}"
done
call 'zitadel POST /v2/sessions/search, nothing to see' 200 "a['details']['totalResult'] == '0' and a['sessions'] == []" \
    -X POST "$BASE/v2/sessions/search" -H "$JSON" -d '{}'
call 'zitadel POST /v2/sessions/search, an empty creator' 400 "a['code'] == 3" \
    -X POST "$BASE/v2/sessions/search" "${PAGE[@]}" -d '{"queries": [{"creatorQuery": {"id": ""}}]}'
call 'zitadel PATCH /v2/sessions/{session_id}, without permission' 403 "a['details'][0]['id'] == 'AUTH-5mWD2'" \
    -X PATCH "$BASE/v2/sessions/$ZID" -H "$JSON" -d "{\"sessionToken\": \"$ZTOKEN\", \"lifetime\": \"600s\"}"
for family in v2beta v2; do
    call "zitadel PATCH /$family/sessions/{session_id}, without its token" 200 "a['details']['resourceOwner'] == 'demo-instance'" \
        -X PATCH "$BASE/$family/sessions/$ZID" "${PAGE[@]}" -d '{"lifetime": "600s"}'
done
ZTOKEN=$(got "['sessionToken']")
for family in v2beta v2; do
    call "zitadel PATCH /$family/sessions/{session_id}, by a user" 403 "a['details'][0]['id'] == 'AUTH-5mWD2'" \
        -X PATCH "$BASE/$family/sessions/$ZID" -H "Authorization: Bearer $ZTOKEN" -H "$JSON" -d '{"lifetime": "700s"}'
done
call 'zitadel PATCH /v2alpha/sessions/{session_id}, a code for nobody but the login page' 400 "a['details'][0]['id'] == 'COMMAND-BJ2g3'" \
    -X PATCH "$BASE/v2alpha/sessions/$ZID" -H "$JSON" \
    -d "{\"sessionToken\": \"$ZTOKEN\", \"challenges\": {\"otpSms\": {\"returnCode\": true}}}"
call 'zitadel POST /v2/sessions, in a user agent of its own claim' 201 "a['sessionId']" \
    -X POST "$BASE/v2/sessions" -H "$JSON" -d '{"userAgent": {"fingerprintId": "claimed", "description": "told"}}'
call 'zitadel POST /v2/sessions/search, of that user agent' 200 "a['details']['totalResult'] == '0'" \
    -X POST "$BASE/v2/sessions/search" "${PAGE[@]}" -d '{"queries": [{"userAgentQuery": {"fingerprintId": "claimed"}}]}'
call 'zitadel POST /v2beta/sessions, by nobody' 401 "a['code'] == 16" -X POST "$BASE/v2beta/sessions" -H "$JSON" -d '{}'
call 'zitadel POST /v2/sessions, by somebody unknown' 401 "a['code'] == 16" \
    -X POST "$BASE/v2/sessions" -H 'Authorization: Bearer no' -H "$JSON" -d '{}'
call 'zitadel DELETE /v2/sessions/{session_id}, by nobody' 403 "a['code'] == 7" -X DELETE "$BASE/v2/sessions/$ZID"
call 'zitadel DELETE /v2alpha/sessions/{session_id}, another token' 403 "a['details'][0]['id'] == 'COMMAND-sGr42'" \
    -X DELETE "$BASE/v2alpha/sessions/$ZID" -H "$JSON" -d "{\"sessionToken\": \"$SPENT\"}"
call 'zitadel DELETE /v2alpha/sessions/{session_id}' 200 "a['details']['sequence'] == '5'" \
    -X DELETE "$BASE/v2alpha/sessions/$ZID" -H "$JSON" -d "{\"sessionToken\": \"$ZTOKEN\"}"
call 'zitadel DELETE /v2/sessions/{session_id}, again' 200 "a['details']['sequence'] == '5'" \
    -X DELETE "$BASE/v2/sessions/$ZID" "${PAGE[@]}"
call 'zitadel GET /v2/sessions/{session_id}, after that' 404 "a['code'] == 5" "$BASE/v2/sessions/$ZID" "${PAGE[@]}"
call 'zitadel Connect CreateSession' 200 "a['sessionId'] and a['sessionToken']" \
    -X POST "$BASE/zitadel.session.v2.SessionService/CreateSession" "${PAGE[@]}" -d '{}'
call 'zitadel Connect GetSession, unknown' 404 \
    "a['code'] == 'not_found' and a['details'][0]['value'] == 'CgtRVUVSWS1TRmVhYRIaRXJyb3JzLlNlc3Npb24uTm90RXhpc3Rpbmc='" \
    -X POST "$BASE/zitadel.session.v2.SessionService/GetSession" "${PAGE[@]}" -d '{"sessionId": "none"}'
call 'zitadel Connect, broken JSON' 400 "a['code'] == 'invalid_argument'" \
    -X POST "$BASE/zitadel.session.v2.SessionService/GetSession" "${PAGE[@]}" -d '{'
call 'zitadel Connect, no such call' 404 "a['code'] == 'not_found'" -X POST "$BASE/zitadel.session.v2.SessionService/Nothing"

# ---- TMDB: the page has a schema and no command
call 'tmdb GET /3/authentication/token/new' 200 "a['success'] and a['expires_at'].endswith(' UTC')" \
    "$BASE/3/authentication/token/new?api_key=$TMDB"
TOKEN=$(got "['request_token']")
call 'tmdb POST /3/authentication/session/new, not approved' 422 "a['status_code'] == 41" \
    -X POST "$BASE/3/authentication/session/new" -H "Authorization: Bearer $READ" -H "$JSON" \
    -d "{\"request_token\": \"$TOKEN\"}"
call 'tmdb GET /authenticate/{token}' 200 "'demo-app' in a" -u "$LOGIN:$PASSWORD" "$BASE/authenticate/$TOKEN"
for header in 'content-security-policy: frame-ancestors .none.' 'x-frame-options: DENY' 'cache-control: no-store'; do
    grep -qi "^$header" "$TEMP/headers" || die "tmdb GET /authenticate/{token}: no $header"
done
call 'tmdb GET /authenticate/{token}, by nobody' 401 "'Log in' in a" "$BASE/authenticate/$TOKEN"
grep -qi "^x-frame-options: DENY" "$TEMP/headers" || die 'tmdb GET /authenticate/{token}, by nobody: may be framed'
call 'tmdb POST /authenticate/{token}, approve' 303 "a == ''" -u "$LOGIN:$PASSWORD" -d decision=approve \
    "$BASE/authenticate/$TOKEN?redirect_to=http://127.0.0.1:9/done"
grep -qi "^location: http://127.0.0.1:9/done?request_token=$TOKEN&approved=true" "$TEMP/headers" \
    || die 'tmdb approve: sent elsewhere'
call 'tmdb POST /3/authentication/session/new' 200 "a['success'] is True and isinstance(a['session_id'], str)" \
    -X POST "$BASE/3/authentication/session/new" -H "Authorization: Bearer $READ" -H "$JSON" \
    -d "{\"request_token\": \"$TOKEN\"}"
ID=$(got "['session_id']")
call 'tmdb POST /3/authentication/session/new, again' 401 "a['status_code'] == 33" \
    -X POST "$BASE/3/authentication/session/new" -H "Authorization: Bearer $READ" -H "$JSON" \
    -d "{\"request_token\": \"$TOKEN\"}"
call 'tmdb GET /3/account' 200 "a['username'] == '$LOGIN'" "$BASE/3/account?api_key=$TMDB&session_id=$ID"
call 'tmdb DELETE /3/authentication/session' 200 "a == {'success': True}" \
    -X DELETE "$BASE/3/authentication/session?api_key=$TMDB" -H "$JSON" -d "{\"session_id\": \"$ID\"}"
call 'tmdb DELETE /3/authentication/session, again' 404 "a['status_code'] == 37" \
    -X DELETE "$BASE/3/authentication/session?api_key=$TMDB&session_id=$ID"
call 'tmdb GET /3/authentication/guest_session/new' 200 "a['success'] and a['guest_session_id']" \
    "$BASE/tmdb/3/authentication/guest_session/new?api_key=$TMDB"
# The key in the query and an empty object as the body, a form, and a body that goes before the query.
new_token() {
    call "tmdb GET /3/authentication/token/new, for $1" 200 "a['success']" "$BASE/3/authentication/token/new?api_key=$TMDB"
    TOKEN=$(got "['request_token']")
}
new_token 'a form'
call 'tmdb POST .../validate_with_login, a form' 200 "a['request_token'] == '$TOKEN'" \
    -X POST "$BASE/3/authentication/token/validate_with_login?api_key=$TMDB" --data-urlencode "username=$LOGIN" \
    --data-urlencode "password=$PASSWORD" --data-urlencode "request_token=$TOKEN"
call 'tmdb POST /3/authentication/session/new, an empty object and a query' 200 "a['session_id']" \
    -X POST "$BASE/3/authentication/session/new?api_key=$TMDB&request_token=$TOKEN" -H "$JSON" -d '{}'
ID=$(got "['session_id']")
call 'tmdb DELETE /3/authentication/session, the body before the query' 404 "a['status_code'] == 37" \
    -X DELETE "$BASE/3/authentication/session?api_key=$TMDB&session_id=$ID" -H "$JSON" -d '{"session_id": "other"}'
call 'tmdb DELETE /3/authentication/session, an empty object and a query' 200 "a == {'success': True}" \
    -X DELETE "$BASE/3/authentication/session?api_key=$TMDB&session_id=$ID" -H "$JSON" -d '{}'
new_token 'a form with the key in it'
call 'tmdb POST .../validate_with_login, an empty object and a query' 200 "a['request_token'] == '$TOKEN'" \
    -X POST -G "$BASE/3/authentication/token/validate_with_login" -H "$JSON" --data-urlencode "username=$LOGIN" \
    --data-urlencode "password=$PASSWORD" -d "request_token=$TOKEN&api_key=$TMDB"
call 'tmdb POST /3/authentication/session/new, a form with the key in it' 200 "a['session_id']" \
    -X POST "$BASE/3/authentication/session/new" -d "api_key=$TMDB&request_token=$TOKEN"
new_token 'a fragment'
call 'tmdb POST /authenticate/{token}, to an address with a fragment' 303 "a == ''" -u "$LOGIN:$PASSWORD" \
    -d decision=approve "$BASE/authenticate/$TOKEN?redirect_to=http://127.0.0.1:9/done%3Fx=1%23part"
grep -qi "^location: http://127.0.0.1:9/done?x=1&request_token=$TOKEN&approved=true#part" "$TEMP/headers" \
    || die 'tmdb approve: the answer is not before the fragment'
call 'tmdb deny' 200 "a['success']" "$BASE/3/authentication/token/new?api_key=$TMDB"
TOKEN=$(got "['request_token']")
call 'tmdb POST /authenticate/{token}, deny; no redirect to strangers' 200 "'denied' in a" \
    -u "$LOGIN:$PASSWORD" -d decision=deny "$BASE/authenticate/$TOKEN?redirect_to=http://127.0.0.1@example.com/"
call 'tmdb GET /3/authentication/session/new, denied' 401 "a['status_code'] == 17" \
    "$BASE/3/authentication/session/new?api_key=$TMDB&request_token=$TOKEN"
call 'tmdb POST /4/auth/request_token' 200 "a['status_code'] == 1" \
    -X POST "$BASE/4/auth/request_token" -H "Authorization: Bearer $READ" -H "$JSON" -d '{}'
TOKEN=$(got "['request_token']")
call 'tmdb approve, v4' 200 "'approved' in a" -u "$LOGIN:$PASSWORD" -d decision=approve "$BASE/authenticate/$TOKEN"
call 'tmdb POST /4/auth/access_token' 200 "a['account_id'] == '$WHO'" \
    -X POST "$BASE/4/auth/access_token" -H "Authorization: Bearer $READ" -H "$JSON" -d "{\"request_token\": \"$TOKEN\"}"
V4=$(got "['access_token']")
call 'tmdb POST /3/authentication/session/convert/4' 200 "a['success'] and a['session_id']" \
    -X POST "$BASE/3/authentication/session/convert/4?api_key=$TMDB" -H "$JSON" -d "{\"access_token\": \"$V4\"}"
call 'tmdb DELETE /4/auth/access_token' 200 "a['status_code'] == 13" \
    -X DELETE "$BASE/4/auth/access_token" -H "Authorization: Bearer $READ" -H "$JSON" -d "{\"access_token\": \"$V4\"}"

# ---- ZELF: the page's command, and the same with an identifier
call 'zelf POST /api/sessions' 200 "a['data']['expiresAt'] == a['data']['activatedAt'] + 600" \
    --location --request POST "$BASE/api/sessions" \
    --header 'origin: postman' \
    --header 'Content-Type: application/json' \
    --data '{
}'
FIRST=$(got "['data']['activatedAt']")
call 'zelf POST /api/sessions, again: the same window' 200 "a['data']['activatedAt'] == $FIRST" \
    -X POST "$BASE/zelf/api/sessions" -H 'origin: postman'
WINDOW=$(got "['data']['token']")
call 'zelf GET /api/zelf-name-service/search' 200 "a['data']['identifier'] == '127.0.0.1'" \
    "$BASE/api/zelf-name-service/search" -H "Authorization: Bearer $WINDOW"
call 'zelf GET /api/zelf-name-service/search, with a body that is no JSON' 400 "'validationError' in a" \
    -X GET "$BASE/api/zelf-name-service/search" -H "Authorization: Bearer $WINDOW" -H 'Content-Type: text/plain' -d 'x'
call 'zelf POST /api/wallets/decrypt' 200 "a['data']['decrypted']" \
    -X POST "$BASE/api/wallets/decrypt" -H "$JSON" -d "{\"token\": \"$WINDOW\"}"
call 'zelf GET /api/zelf-name-service/search, used up' 403 "a == {'validationError': 'Session is not active'}" \
    "$BASE/api/zelf-name-service/search" -H "Authorization: Bearer $WINDOW"
call 'zelf GET /api/sessions/yek-cilbup' 200 "isinstance(a['data'], str)" \
    "$BASE/api/sessions/yek-cilbup?identifier=device-1" -H 'origin: postman'
call 'zelf POST /api/sessions, without an origin' 403 "a == {'error': 'rejected'}" \
    -X POST "$BASE/api/sessions" -H "$JSON" -d '{}'

# ---- What is wrong at the door, in the words of each system
head -c 1100000 /dev/zero | tr '\0' ' ' >"$TEMP/large"
door() {
    local system=$1 post=$2 is=$3
    shift 3
    call "$system, broken JSON" "$BAD" "$is" -X POST "$BASE$post" "$@" -H "$JSON" -d '{"user_id": '
    call "$system, an array" "$BAD" "$is" -X POST "$BASE$post" "$@" -H "$JSON" -d '["x"]'
    call "$system, a wrong type" "${WRONG_IS:-$BAD}" "$is" -X POST "$BASE$post" "$@" -H "$JSON" -d "$WRONG"
    call "$system, not said to be JSON" "$TYPE" "$is" -X POST "$BASE$post" "$@" -H 'Content-Type: text/plain' -d '{}'
    call "$system, a large body" 413 "$is" -X POST "$BASE$post" "$@" -H "$JSON" -H 'Expect:' --data-binary "@$TEMP/large"
    python3 tests/clients/raw.py chunked "$BASE$post" "$BAD" "$@" || die "$system, a broken chunk"
    printf 'ok %s %s, a broken chunk\n' "$BAD" "$system"
    call "$system, another method" 405 "$is" -X PUT "$BASE$post" "$@"
    call "$system, no such path" 404 "$is" "$BASE$NOWHERE" "$@"
}
BAD=400 TYPE=415 WRONG='{"user_id": 7}' NOWHERE=/hanko/nowhere
door hanko /sessions "set(a) == {'code', 'message'}" -H "Authorization: Bearer $HANKO"
TYPE=400 NOWHERE=/api/v1/nowhere
door stack /api/v1/auth/sessions "a['error']" -H "Authorization: Bearer $STACK"
TYPE=415 WRONG='{"checks": {"user": {"userId": 7}}}' NOWHERE=/v2/nowhere
door zitadel /v2alpha/sessions "set(a) == {'code', 'message', 'details'}"
WRONG='{"request_token": 7}' WRONG_IS=422 NOWHERE=/3/nowhere
door tmdb /3/authentication/session/new "a['success'] is False and a['status_code'] and a['status_message']" \
    -H "Authorization: Bearer $READ"
WRONG='{"identifier": 7}' WRONG_IS=409 TYPE=400 NOWHERE=/api/nowhere
door zelf /api/sessions "set(a) <= {'error', 'validationError'}" -H 'origin: postman'
call 'hanko, a path that is no UTF-8' 404 "a == {'code': 404, 'message': 'Not Found'}" \
    "$BASE/users/%ff/sessions" -H "Authorization: Bearer $HANKO"
call 'tmdb, a path that is no UTF-8' 404 "a['status_code'] == 34" -u "$LOGIN:$PASSWORD" "$BASE/authenticate/%ff"
call 'tmdb, an approval from another site' 401 "a['status_code'] == 3" -u "$LOGIN:$PASSWORD" \
    -H 'Origin: https://example.com' -d decision=approve "$BASE/authenticate/$TOKEN"

wait "$SLOW" || true
[ "$(cat "$TEMP/slow.status")" = 0 ] || die "a slow head: $(cat "$TEMP/slow")"
echo 'ok a head that does not end is waited for no longer than five seconds, and a body no longer than ten'
check_log
kill -TERM "$SERVER"
wait "$SERVER" || die "SIGTERM: ended with $?"
SERVER=
echo 'ok stopped by SIGTERM'

# ---- Its arguments
starts() {
    start_server "$@"
    [ "$BASE" != http://127.0.0.1:0 ] || die "$*: listens nowhere"
    kill -TERM "$SERVER"
    wait "$SERVER" || die "$*: ended with $?"
    SERVER=
    printf 'ok starts with %s\n' "$*"
}
starts --addr 127.0.0.1:0
starts --addr=127.0.0.1:0
does_not_start() {
    local expected=$1
    shift
    ! "$PROGRAM" "$@" </dev/null >"$TEMP/out" 2>"$TEMP/usage" || die "$*: starts"
    grep -q -- "$expected" "$TEMP/usage" || die "$*: $(cat "$TEMP/usage")"
    [ ! -s "$TEMP/out" ] || die "$*: $(cat "$TEMP/out")"
    printf 'ok does not start with %s\n' "$*"
}
does_not_start 'unknown argument --port' --port 8080
does_not_start 'usage: five_apis \[--addr HOST:PORT\] \[--store FILE\]' --port 8080
does_not_start '--addr needs HOST:PORT' --addr
does_not_start '--store needs FILE' --store
does_not_start 'cannot listen at nowhere' --addr=nowhere
