//! Sessions in memory: ours next to session-guard and tower-sessions.
//!
//! ```text
//! cargo bench --manifest-path benches/peers/Cargo.toml --bench sessions [--features fast] [-- filter]
//! ```
//!
//! A million sessions, ours and the bare map's alone: the peers' take some gigabytes. Set
//! `PEERS_AT_A_MILLION=1` for all.

use std::{env, time::Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use peers::{Client, guard, map::Bare, measure::Operation, ours::Ours, tower};

const SIZES: [u64; 3] = [1, 100_000, 1_000_000];
const CLIENTS: [(Client, &str); 2] = [(Client::Bare, "bare"), (Client::Browser, "browser")];

fn measure(
    criterion: &mut Criterion,
    group: &str,
    who: &str,
    sessions: u64,
    mut operation: Operation<'_>,
) {
    let id = BenchmarkId::new(who, sessions);
    criterion.benchmark_group(group).bench_function(id, |bencher| {
        // In portions, so that the inputs of one stay in the caches.
        bencher.iter_custom(|times| {
            (0..times.div_ceil(500))
                .map(|portion| operation.time((times - portion * 500).min(500) as usize))
                .sum()
        });
    });
}

fn sizes(peers: bool) -> impl Iterator<Item = u64> {
    let all = !peers || env::var_os("PEERS_AT_A_MILLION").is_some();
    SIZES.into_iter().filter(move |sessions| all || *sessions < 1_000_000)
}

fn check(c: &mut Criterion) {
    for (client, name) in CLIENTS {
        let group = format!("check {name}");
        for sessions in sizes(false) {
            measure(c, &group, "ours", sessions, Ours::new(sessions, client).check());
        }
        for sessions in sizes(true) {
            measure(
                c,
                &group,
                "session-guard",
                sessions,
                guard::Peer::new(sessions, client).authenticate(),
            );
        }
    }
    for sessions in sizes(true) {
        measure(c, "check bare", "tower-sessions", sessions, tower::Peer::new(sessions).load());
    }
    for sessions in sizes(false) {
        measure(c, "check bare", "HashMap", sessions, Bare::new(sessions).get());
    }
}

fn refresh(c: &mut Criterion) {
    for (client, name) in CLIENTS {
        let group = format!("refresh {name}");
        for sessions in sizes(false) {
            measure(c, &group, "ours", sessions, Ours::new(sessions, client).refresh(1000));
        }
        measure(c, &group, "session-guard", 1, guard::Peer::rotating(client).rotate(1000));
    }
    for sessions in sizes(true) {
        measure(
            c,
            "refresh bare",
            "tower-sessions",
            sessions,
            tower::Peer::new(sessions).cycle(1000),
        );
    }
}

fn create(c: &mut Criterion) {
    for (client, name) in CLIENTS {
        let group = format!("create {name}");
        for sessions in sizes(false) {
            measure(c, &group, "ours", sessions, Ours::new(sessions, client).create());
            measure(
                c,
                &group,
                "ours, known subject",
                sessions,
                Ours::new(sessions, client).create_again(),
            );
        }
        for sessions in sizes(true) {
            measure(
                c,
                &group,
                "session-guard",
                sessions,
                guard::Peer::new(sessions, client).login(),
            );
        }
    }
    for sessions in sizes(true) {
        measure(c, "create bare", "tower-sessions", sessions, tower::Peer::new(sessions).create());
    }
}

fn list_and_revoke(c: &mut Criterion) {
    for sessions in sizes(false) {
        measure(
            c,
            "list of one subject",
            "ours",
            sessions,
            Ours::new(sessions, Client::Bare).list(),
        );
        measure(
            c,
            "revoke all of one subject",
            "ours",
            sessions,
            Ours::new(sessions, Client::Bare).revoke_all(),
        );
    }
    for sessions in sizes(true) {
        measure(
            c,
            "list of one subject",
            "session-guard",
            sessions,
            guard::Peer::new(sessions, Client::Bare).list(),
        );
    }
}

/// The time that one check takes while another thread checks as well.
fn two_threads(c: &mut Criterion) {
    for sessions in sizes(false) {
        let ours = Ours::new(sessions, Client::Bare);
        let half = (sessions / 2) as usize;
        let mut workers = [ours.worker(0), ours.worker(half)];
        let id = BenchmarkId::new("ours", sessions);
        c.benchmark_group("check on 2 threads").bench_function(id, |bencher| {
            bencher.iter_custom(|times| {
                let started = Instant::now();
                std::thread::scope(|scope| {
                    for worker in &mut workers {
                        scope.spawn(move || (0..times).for_each(|_| worker()));
                    }
                });
                started.elapsed() / 2
            });
        });
    }
}

criterion_group!(sessions, check, refresh, create, list_and_revoke, two_threads);
criterion_main!(sessions);
