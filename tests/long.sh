#!/usr/bin/env bash
# Checks and measures what takes too long for tests/run.sh: now and then, and before a release.
#
#   bash tests/long.sh                  every step that has not passed yet
#   bash tests/long.sh kills races      these steps, unless they have passed
#   bash tests/long.sh --again kills    these steps, also when they have passed
#   bash tests/long.sh --less           the steps with a small amount each, without optimisation
#   bash tests/long.sh --list           the steps, what each does, and where it has passed
#
# A step is the function of the same name. A step that passes leaves a file with the commit and the
# time in LONG_STATE (by default a folder of the target folder), and its output beside it; so a run
# that was stopped goes on where it was. A step that takes longer than 80 minutes has failed.
# A run with --less shows that no step is broken and measures nothing: its files lie apart.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
export CARGO_TERM_COLOR=${CARGO_TERM_COLOR:-never}
TARGET=${CARGO_TARGET_DIR:-target}
STATE=${LONG_STATE:-$TARGET/long}
MINUTES=80

# What --less makes smaller: see less().
KILLS=1000 ROUNDS=30 PARTS=8 PROFILE=release LESS=

STEPS="kills races disk comparing plain pure mutants_1 mutants_2 mutants_3 mutants_4 mutants_5 mutants_6
    mutants_7 mutants_8 bench_memory bench_sqlite bench_login peers peers_fast"

WHAT_kills="a thousand workers are killed in the middle of their commits"
WHAT_races="the tests that race, thirty times over, in memory and on SQLite"
WHAT_disk="every test on SQLite with its files on the disk"
WHAT_comparing="every test of the issuer and of the five systems on the store that compares"
WHAT_plain="every integration test, hostile tokens among them, without asymmetric keys"
WHAT_pure="every integration test, hostile tokens among them, with the arithmetic in pure Rust"
WHAT_mutants="no mutant of the rules and of the tokens survives: one part of eight"
WHAT_bench_memory="the benchmark of the store in memory"
WHAT_bench_sqlite="the benchmark of the store on SQLite"
WHAT_bench_login="the benchmark of a login by password"
WHAT_peers="this crate beside others: ratios, and allocations"
WHAT_peers_fast="the same with the arithmetic of aws-lc"

main() {
    local again= names=() name
    for name in "$@"; do
        case $name in
            --list) list && exit 0 ;;
            --again) again=1 ;;
            --less) export LONG_LESS=1 ;;
            --inside) [ -z "${LONG_LESS:-}" ] || less; inside "$2"; exit 0 ;;
            *) known "$name" && names+=("$name") ;;
        esac
    done
    [ ${#names[@]} -gt 0 ] || read -r -a names <<<"$(echo $STEPS)"
    [ -z "${LONG_LESS:-}" ] || less
    mkdir -p "$STATE"
    for name in "${names[@]}"; do
        if [ -z "$again" ] && [ -e "$STATE/$name.passed" ]; then
            echo "$name: has passed $(cat "$STATE/$name.passed")"
        else
            step "$name"
        fi
    done
}

less() {
    STATE=$STATE/less KILLS=60 ROUNDS=2 PARTS=400 PROFILE=dev LESS=1
}

known() {
    case " $(echo $STEPS) " in
        *" $1 "*) ;;
        *) echo "no step is called $1: see bash tests/long.sh --list" >&2; exit 2 ;;
    esac
}

list() {
    local name what
    for name in $STEPS; do
        what=WHAT_${name%_[0-9]}
        printf '%-13s %s\n' "$name" "${!what}"
        [ ! -e "$STATE/$name.passed" ] || echo "              passed $(cat "$STATE/$name.passed")"
    done
}

# The step is this script once more, so that its whole process group ends when its time is over.
step() {
    local what=WHAT_${1%_[0-9]} began=$SECONDS
    printf '\n== %s: %s\n' "$1" "${!what}"
    rm -f "$STATE/$1.passed"
    if ! timeout "${MINUTES}m" bash tests/long.sh --inside "$1" 2>&1 | tee "$STATE/$1.out"; then
        echo "$1 has failed after $(((SECONDS - began) / 60)) minutes: see $STATE/$1.out" >&2
        exit 1
    fi
    local commit
    commit=$(git describe --always --dirty 2>/dev/null || echo 'no commit')
    echo "at $commit, $(date -u +%F), in $(((SECONDS - began) / 60)) min" >"$STATE/$1.passed"
}

inside() {
    case $1 in
        mutants_*) mutants "${1#mutants_}" ;;
        *) "$1" ;;
    esac
}

kills() {
    cargo test --locked --all-features --test crash -- --kills "$KILLS"
}

races() {
    local round
    for round in $(seq "$ROUNDS"); do
        echo "round $round"
        cargo test --locked --quiet --all-features --test it -- races:: two_handles::
        SESSION_STORE=sqlite \
            cargo test --locked --quiet --all-features --test it -- races:: --skip stores::
    done
}

disk() {
    SESSION_STORE=sqlite cargo test --locked --all-features --test it
}

comparing() {
    SESSION_STORE=comparing cargo test --locked --all-features --test it -- --skip stores:: \
        --skip flawed_stores:: --skip sqlite:: --skip rows:: --skip rooms::
}

plain() {
    cargo test --locked --features testing --test it
}

pure() {
    cargo test --locked --features testing,rust-crypto --test it
}

# `--iterate` leaves out the mutants that a run before has caught.
mutants() {
    cargo mutants --version >/dev/null 2>&1 || cargo install --quiet --locked cargo-mutants
    cargo mutants --file 'src/session/**' --file 'src/token/**' --exclude 'src/session/model/**' \
        --shard "$(($1 - 1))/$PARTS" --no-shuffle --iterate --output "$STATE/mutants_$1" \
        -- --features testing
}

bench_memory() { bench memory testing 10000; }
bench_sqlite() { bench sqlite sqlite,testing 1000; }
bench_login() { bench zitadel_login password,testing 3; }

# A bench, the features that it needs, and its amount in a run with --less.
bench() {
    local profile=$PROFILE
    [ "$profile" != release ] || profile=bench
    cargo bench --locked --profile "$profile" --features "$2" --bench "$1" -- ${LESS:+"$3"}
}

peers() (
    cd benches/peers
    cargo clippy --locked --all-features --all-targets -- -D warnings
    cargo run --locked --profile "$PROFILE" --bin report -- ${LESS:+1000}
)

peers_fast() (
    cd benches/peers
    cargo run --locked --profile "$PROFILE" --features fast --bin report -- ${LESS:+1000}
)

main "$@"; exit # in one line, so that the script may change while it runs
