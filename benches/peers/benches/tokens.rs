//! Signed tokens: ours next to `jsonwebtoken`, and the floor under both.
//!
//! ```text
//! cargo bench --manifest-path benches/peers/Cargo.toml --bench tokens [--features fast] [-- filter]
//! ```

use criterion::{Criterion, criterion_group, criterion_main};
use peers::{
    measure::Operation,
    tokens::{Tokens, cases},
};

fn measure(criterion: &mut Criterion, group: &str, who: &str, mut operation: Operation<'_>) {
    criterion.benchmark_group(group).bench_function(who, |bencher| {
        bencher.iter_custom(|times| operation.time(times as usize));
    });
}

fn all(c: &mut Criterion) {
    for case in cases() {
        let tokens = Tokens::new(case);
        let (verify, issue) =
            (format!("verify {}", tokens.case().name), format!("issue {}", tokens.case().name));
        measure(c, &verify, "ours", tokens.verify());
        measure(c, &verify, "jsonwebtoken", tokens.peer_decode());
        if let Some(floor) = tokens.floor_verify() {
            measure(c, &verify, "floor", floor);
        }
        measure(c, &issue, "ours", tokens.issue());
        measure(c, &issue, "jsonwebtoken", tokens.peer_encode());
        if let Some(floor) = tokens.floor_issue() {
            measure(c, &issue, "floor", floor);
        }
    }
}

criterion_group!(tokens, all);
criterion_main!(tokens);
