# Starts examples/five_apis.rs on a free port, and stops it when the script that sourced this ends.
# Sets BASE, its address, and TOLD, a file with its first line: users and keys as JSON. A file, since keys do not belong
# on command lines.

die() { printf 'FAILED %s\n' "$*" >&2; exit 1; }

PROGRAM=${FIVE_APIS:-${CARGO_TARGET_DIR:-target}/debug/examples/five_apis}
SERVER=
TEMP=$(mktemp -d)
TOLD=$TEMP/told.json

clean_up() {
    [ -z "$SERVER" ] || { kill "$SERVER" 2>/dev/null || true; wait "$SERVER" 2>/dev/null || true; }
    rm -rf "$TEMP"
}
trap clean_up EXIT

start_server() {
    [ -x "$PROGRAM" ] || die "$PROGRAM is missing: cargo build --example five_apis --features rust-crypto,totp,sqlite"
    : >"$TOLD"
    "$PROGRAM" "$@" </dev/null >"$TOLD" 2>"$TEMP/server.log" &
    SERVER=$!
    for _ in $(seq 100); do
        [ ! -s "$TOLD" ] || break
        kill -0 "$SERVER" 2>/dev/null || die "the program has ended: $(cat "$TEMP/server.log")"
        sleep 0.1
    done
    BASE=$(sed -n 's/.*"base_url":"\([^"]*\)".*/\1/p' "$TOLD")
    [ -n "$BASE" ] || die "the program's first line does not say where it listens"
}

# Nothing went wrong in the program itself: it logs that, and nothing else.
check_log() {
    [ ! -s "$TEMP/server.log" ] || die "the program has logged: $(cat "$TEMP/server.log")"
    kill -0 "$SERVER" 2>/dev/null || die "the program has ended"
}
