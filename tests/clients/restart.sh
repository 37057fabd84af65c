#!/usr/bin/env bash
# One session of each system, kept in a file: the program stops, starts again on it, and every session goes on. One that
# was ended before is still ended. Needs the program with the feature `sqlite`.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/clients/server.sh
. tests/clients/calls.sh

start_server --store "$TEMP/sessions.db"
WHO=$(told "['users'][0]['id']")
LOGIN=$(told "['users'][0]['login_name']")
PASSWORD=$(told "['users'][0]['password']")
HANKO=$(told "['hanko']['api_key']")
STACK=$(told "['stack_auth']['secret_server_key']")
PROJECT=$(told "['stack_auth']['project_id']")
STACK_CLIENT=$(told "['stack_auth']['publishable_client_key']")
TMDB=$(told "['tmdb']['api_key']")

hanko() {
    call "hanko POST /sessions, $1" 200 "a['session_token']" \
        -X POST "$BASE/sessions" -H "Authorization: Bearer $HANKO" -H "$JSON" -d "{\"user_id\": \"$WHO\"}"
}
hanko 'one to keep'
COOKIE=$(got "['session_token']")
hanko 'one to end'
ENDED=$(got "['session_token']")
call 'hanko POST /logout' 204 "a == ''" -X POST "$BASE/logout" -b "hanko=$ENDED"
call 'stack POST /auth/sessions' 200 "a['refresh_token']" \
    -X POST "$BASE/auth/sessions" -H "Authorization: Bearer $STACK" -H "$JSON" -d "{\"user_id\": \"$WHO\"}"
REFRESH=$(got "['refresh_token']")
call 'zitadel POST /v2alpha/sessions' 201 "a['sessionToken']" -X POST "$BASE/v2alpha/sessions" -H "$JSON" \
    -d "{\"checks\": {\"user\": {\"loginName\": \"$LOGIN\"}, \"password\": {\"password\": \"$PASSWORD\"}}}"
ZID=$(got "['sessionId']")
ZTOKEN=$(got "['sessionToken']")
token() {
    call "tmdb GET /3/authentication/token/new, $1" 200 "a['success']" "$BASE/3/authentication/token/new?api_key=$TMDB"
    TOKEN=$(got "['request_token']")
    call "tmdb POST /authenticate/{token}, $1" 200 "'approved' in a" -u "$LOGIN:$PASSWORD" -d decision=approve \
        "$BASE/authenticate/$TOKEN"
}
exchange() {
    call "tmdb POST /3/authentication/session/new, $1" "$2" "$3" \
        -X POST "$BASE/3/authentication/session/new?api_key=$TMDB" -H "$JSON" -d "{\"request_token\": \"$TOKEN\"}"
}
token 'exchanged before'
exchange 'before' 200 "a['session_id']"
ID=$(got "['session_id']")
token 'exchanged after'
call 'zelf POST /api/sessions' 200 "a['data']['token']" -X POST "$BASE/api/sessions" -H 'origin: postman'
FIRST=$(got "['data']['activatedAt']")
WINDOW=$(got "['data']['token']")
search() {
    call "zelf GET /api/zelf-name-service/search, $1" 200 "a['data']['identifier'] == '127.0.0.1'" \
        "$BASE/api/zelf-name-service/search" -H "Authorization: Bearer $WINDOW"
}
search 'once'

# Nobody else can read what is kept. The address is part of what tokens say, so it stays.
[ -z "$(find "$TEMP" -name 'sessions.db*' -perm /077)" ] || die 'others can read what is kept'
check_log
kill -TERM "$SERVER"
wait "$SERVER" || die "SIGTERM: ended with $?"
SERVER=
cp "$TOLD" "$TEMP/before.json"
start_server --addr "${BASE#http://}" --store "$TEMP/sessions.db"
for system in hanko stack_auth tmdb; do
    [ "$(told "['$system']")" = "$(TOLD=$TEMP/before.json told "['$system']")" ] || die "$system has other keys"
done
echo 'ok started again with the same keys'

call 'hanko GET /sessions/validate' 200 "a['is_valid'] and a['claims']['subject'] == '$WHO'" \
    "$BASE/sessions/validate" -b "hanko=$COOKIE"
call 'hanko GET /sessions/validate, of the one that was ended' 200 "a == {'is_valid': False}" \
    "$BASE/sessions/validate" -b "hanko=$ENDED"
call 'stack POST /api/v1/auth/sessions/current/refresh' 200 "a['access_token'].count('.') == 2" \
    -X POST "$BASE/api/v1/auth/sessions/current/refresh" -H 'x-stack-access-type: client' \
    -H "x-stack-project-id: $PROJECT" -H "x-stack-publishable-client-key: $STACK_CLIENT" \
    -H "x-stack-refresh-token: $REFRESH"
call 'zitadel GET /v2alpha/sessions/{session_id}' 200 \
    "a['session']['factors']['password'] and a['session']['factors']['user']['id'] == '$WHO'" \
    "$BASE/v2alpha/sessions/$ZID?sessionToken=$ZTOKEN"
call 'zitadel PATCH /v2alpha/sessions/{session_id}' 200 "a['details']['sequence'] == '2'" \
    -X PATCH "$BASE/v2alpha/sessions/$ZID" -H "$JSON" \
    -d "{\"sessionToken\": \"$ZTOKEN\", \"metadata\": {\"hello\": \"d29ybGQ=\"}}"
call 'tmdb GET /3/account' 200 "a['username'] == '$LOGIN'" "$BASE/3/account?api_key=$TMDB&session_id=$ID"
exchange 'after' 200 "a['session_id']"
exchange 'twice' 401 "a['status_code'] == 33"
call 'tmdb DELETE /3/authentication/session' 200 "a == {'success': True}" \
    -X DELETE "$BASE/3/authentication/session?api_key=$TMDB" -H "$JSON" -d "{\"session_id\": \"$ID\"}"
search 'again'
call 'zelf POST /api/sessions, the same window' 200 "a['data']['activatedAt'] == $FIRST" \
    -X POST "$BASE/api/sessions" -H 'origin: postman'
check_log
