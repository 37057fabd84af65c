#!/usr/bin/env bash
# Everything that must hold before a change lands. Needs cargo and a C compiler; installs what else it needs.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}

step() { printf '\n== %s\n' "$1"; }

step "set-up"
command -v cargo >/dev/null || { echo "cargo is missing: install Rust 1.89 or later" >&2; exit 1; }
command -v cc >/dev/null || { echo "cc is missing: install a C compiler (aws-lc-rs needs one)" >&2; exit 1; }
cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
cargo --version

step "format"
cargo fmt --check

step "clippy: no features, default features, all features"
cargo clippy --locked --no-default-features --lib --examples -- -D warnings
cargo clippy --locked --lib --examples -- -D warnings
cargo clippy --locked --all-features --all-targets -- -D warnings

step "each feature by itself"
features=$(sed -n '/^\[features\]/,/^\[/s/^\([a-z0-9_-]*\) *=.*/\1/p' Cargo.toml)
for feature in $features; do
    cargo check --locked --quiet --no-default-features --features "$feature"
    echo "builds with $feature alone"
done

step "the default tree"
crates=$(cargo tree --locked --edges normal,build --prefix none | sed 's/ (.*//' | sort -u | wc -l)
echo "$crates crates, our own included"
[ "$crates" -le 45 ] || { echo "more than 45" >&2; exit 1; }

step "documentation"
RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features --quiet

step "documentation examples"
cargo test --locked --all-features --doc --quiet

step "the first thing anyone sees"
cargo run --locked --quiet --example quickstart >/dev/null

step "the five systems from outside: compat uses nothing that a host has not"
(
    cd tests/outside
    cargo fmt --check
    CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-../../target} cargo check --locked --quiet
)

step "jsonwebtoken with one of its crypto features, and with both, with and without a provider"
(
    cd tests/providers
    cargo fmt --check
    export CARGO_TARGET_DIR=../../target/providers
    cargo test --locked --quiet
    cargo test --locked --quiet --features both
    WITHOUT_PROVIDER=1 cargo test --locked --quiet --features both
)

step "logging in"
cargo run --locked --quiet --example login --features password,totp >/dev/null

step "a key that lives elsewhere"
cargo run --locked --quiet --example kms_signer --features rust-crypto >/dev/null

step "a tool without a runtime"
told=$(printf 'login alice\nwhoami\nrefresh\nwhoami\nlogout\nwhoami\n' | cargo run --locked --quiet --example desktop)
grep -q "^alice, for session" <<<"$told"
grep -q "^generation 2$" <<<"$told"
grep -q "the old token is revoked$" <<<"$told"
[ "$(tail -n 1 <<<"$told")" = "nobody is logged in" ]

step "a tool that keeps its sessions in a file"
cargo build --locked --quiet --example desktop --example quickstart --example login --features password,totp,sqlite
(
    kept=$(mktemp -d)
    trap 'rm -rf "$kept"' EXIT
    desk() { "${CARGO_TARGET_DIR:-target}/debug/examples/desktop" --file "$kept/sessions.db" "$@"; }
    [ "$(desk login alice)" = "hello, alice" ]
    [ -z "$(find "$kept" -type f -perm /077)" ] || { echo "others can read what it keeps" >&2; exit 1; }
    # The run before has kept a refresh token, and this one has used it.
    told=$(desk whoami , refresh)
    grep -q "^alice, for session" <<<"$told"
    grep -q "^generation 3$" <<<"$told"
    cp "$kept/sessions.db.secrets" "$kept/stolen"
    [ "$(desk logout)" = "goodbye; the old token is revoked" ]
    grep -q "nobody is logged in" <<<"$(desk whoami 2>&1 || true)"
    # A copy of the token from before is worth nothing: the session itself has ended.
    mv "$kept/stolen" "$kept/sessions.db.secrets"
    grep -q "^the last session is over: revoked$" <<<"$(desk whoami 2>/dev/null || true)"
)

step "stories that are told twice on one file"
(
    kept=$(mktemp -d)
    trap 'rm -rf "$kept"' EXIT
    run() { "${CARGO_TARGET_DIR:-target}/debug/examples/$1" "${@:2}"; }
    # Without what is drawn anew in each run: tokens, and ids.
    story() { sed -E '/^[Ww]hat stays/,$d; s/[^" ]+\.\.\.[^", ]+/TOKEN/g; s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/ID/g' <<<"$1"; }
    for example in quickstart login; do
        first=$(run $example --file "$kept/$example.db")
        second=$(run $example --file "$kept/$example.db")
        diff <(story "$first") <(story "$second")
        grep -q ", from earlier runs: 0$" <<<"$first"
        # Each run counts the sessions that it leaves, and finds as many of the one before.
        left=$(sed -n 's/.*live sessions of .*: \([1-9][0-9]*\), from.*/\1/p' <<<"$first")
        grep -q ": $((2 * left)), from earlier runs: ${left:?}$" <<<"$second"
        [ -z "$(find "$kept" -type f -perm /077)" ] || { echo "others can read what it keeps" >&2; exit 1; }
        for wrong in --file --flie; do
            told=$(run $example $wrong 2>&1) && exit 1 || [ $? = 2 ]
            [ "$told" = "usage: $example [--file PATH]" ]
        done
    done
)

step "a store of one's own, and the suite that proves it"
cargo run --locked --quiet --example own_store >/dev/null
cargo test --locked --quiet --example own_store --features testing

step "five APIs over real HTTP: the systems' own curl commands, a restart, and clients that others wrote"
cargo build --locked --quiet --example five_apis --features rust-crypto,totp,sqlite
bash tests/clients/curl.sh
bash tests/clients/restart.sh
bash tests/clients/run.sh

step "keys and tokens with the arithmetic in pure Rust"
cargo test --locked --quiet --features testing,rust-crypto --test it -- keys:: token tokens::

step "tests; workers killed in the middle of their commits"
cargo test --locked --all-features --lib --tests

step "every test of the issuer and of the five systems once more, on SQLite"
# In memory where there is such a place: what is durable was shown above.
fast=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
trap 'rm -rf "$fast"' EXIT
TMPDIR=$fast SESSION_STORE=sqlite cargo test --locked --quiet --all-features --test it -- \
    --skip stores:: --skip flawed_stores:: --skip sqlite:: --skip rows:: --skip rooms:: --skip hostile_keys:: --skip hostile_sets::
