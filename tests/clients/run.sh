#!/usr/bin/env bash
# Clients that others wrote, against examples/five_apis.rs, with no more than their address changed. Needs python3 and
# node; installs the clients into a temporary folder. One that cannot be installed is skipped, visibly; one that can and
# fails is a failure. The last line says how many ran. With REQUIRE_CLIENTS=1, one that was skipped is a failure too.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
. tests/clients/server.sh
start_server --addr 127.0.0.1:0
HERE=$PWD/tests/clients
FAILED=0
RAN=0
SKIPPED=0

# skipped WHY [INSTALLER]: the client, or all that this one would have installed.
skipped() {
    printf 'SKIPPED %s\n' "$1"
    SKIPPED=$((SKIPPED + $(if [ -z "${2:-}" ]; then echo 1; else grep -c "^    ! $2 " "$HERE/run.sh"; fi)))
}

# installed CLIENT COMMAND...: true when the command has installed the client; tells of it when not.
installed() {
    local client=$1
    shift
    if ! command -v "$1" >/dev/null; then
        skipped "$client: $1 is missing" "${ALL:-}"
    elif ! timeout 120 "$@" >"$TEMP/install.log" 2>&1; then
        skipped "$client: cannot be installed: $(grep -i -m 1 error "$TEMP/install.log" | cut -c 1-120)" "${ALL:-}"
    else
        return 0
    fi
    return 1
}

# drive CLIENT COMMAND...: runs the client's steps, which print a line each. One that cannot be driven here ends with 77.
drive() {
    local client=$1 status=0
    shift
    timeout 60 "$@" 2>"$TEMP/drive.log" || status=$?
    case $status in
        0) RAN=$((RAN + 1)) ;;
        77) skipped "$client: $(cut -c 1-120 "$TEMP/drive.log")" ;;
        *)
            printf 'FAILED %s\n' "$client"
            cut -c 1-300 "$TEMP/drive.log" | tail -n 20
            FAILED=$((FAILED + 1))
            ;;
    esac
}

PYTHON=$TEMP/python
if ALL=pip installed 'clients in Python' python3 -m venv "$PYTHON"; then
    pip() { installed "$1" "$PYTHON/bin/pip" install --quiet --disable-pip-version-check --retries 1 "${@:2}"; }
    ! pip tmdbsimple requests tmdbsimple~=2.9.1 || drive tmdbsimple "$PYTHON/bin/python" "$HERE/tmdbsimple_flow.py" "$TOLD"
    ! pip tmdbv3api tmdbv3api~=1.9 || drive tmdbv3api "$PYTHON/bin/python" "$HERE/tmdbv3api_flow.py" "$TOLD"
    ! pip pyjwt requests 'pyjwt[crypto]~=2.8' || drive pyjwt "$PYTHON/bin/python" "$HERE/pyjwt_flow.py" "$TOLD"
    ! pip zitadel-client zitadel-client~=4.1.9 || drive zitadel-client "$PYTHON/bin/python" "$HERE/zitadel_flow.py" "$TOLD"
    ! pip jsonschema requests jsonschema~=4.20 || drive jsonschema "$PYTHON/bin/python" "$HERE/schemas.py" "$TOLD"
fi

mkdir "$TEMP/node"
cd "$TEMP/node"
echo '{ "private": true }' >package.json
npm() { installed "$1" npm install --loglevel error --no-audit --no-fund --no-update-notifier --ignore-scripts --fetch-retries 0 "$1@$2"; }
if ! command -v node >/dev/null; then
    skipped 'clients in JavaScript: node is missing' npm
else
    ! npm moviedb-promise '^4.0.8' || drive moviedb-promise node "$HERE/moviedb_promise_flow.mjs" "$TOLD"
    ! npm @teamhanko/hanko-frontend-sdk '^3.0.0' || drive hanko-frontend-sdk node "$HERE/hanko_flow.mjs" "$TOLD"
    ! npm @stackframe/js '~2.8.108' || drive @stackframe/js node "$HERE/stack_auth_flow.mjs" "$TOLD"
fi
cd "$HERE/../.."

check_log
printf 'clients: %d ran well, %d failed, %d skipped\n' "$RAN" "$FAILED" "$SKIPPED"
[ "$FAILED" = 0 ] || exit 1
[ "$SKIPPED" = 0 ] || [ "${REQUIRE_CLIENTS:-0}" != 1 ] || die 'clients were skipped, and REQUIRE_CLIENTS is 1'
