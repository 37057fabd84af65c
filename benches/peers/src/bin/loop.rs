//! Repeats one operation, for a profiler.
//!
//! ```text
//! cargo build --release --bin loop && perf record -g target/release/loop check 100000 10
//! ```
//! Operation, sessions, and thousands of repetitions.

use peers::{
    Client,
    measure::Operation,
    ours::Ours,
    tokens::{Tokens, cases},
};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize, otherwise: u64| {
        words.get(at).map_or(otherwise, |word| word.parse().expect("a number"))
    };
    let (sessions, thousands) = (number(1, 1), number(2, 100));
    let mut ours = Ours::new(sessions, Client::Browser);
    let tokens = Tokens::new(cases().remove(0));
    let mut operation: Operation<'_> = match words.first().map(String::as_str) {
        Some("check") => ours.check(),
        Some("refresh") => ours.refresh(1000),
        Some("create") => ours.create(),
        Some("create-again") => ours.create_again(),
        Some("list") => ours.list(),
        Some("verify") => tokens.verify(),
        Some("check-signed") => tokens.check(),
        Some("issue") => tokens.issue(),
        _ => panic!("check, refresh, create, create-again, list, verify, check-signed or issue"),
    };
    for _ in 0..thousands {
        operation.time(1000);
    }
    println!(
        "{:.0} ns, {} allocations",
        operation.time(1000).as_nanos() as f64 / 1000.0,
        operation.allocations()
    );
}
