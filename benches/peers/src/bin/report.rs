//! Measures everything in one run, and prints it as Markdown.
//!
//! ```text
//! cargo run --release --manifest-path benches/peers/Cargo.toml --bin report [--features fast] [-- 1000000]
//! ```
//!
//! The number is the largest count of sessions; each pair is measured in turns, so that what else
//! the machine does slows both. Two threads need two idle cores.

use peers::{
    Client, guard,
    map::Bare,
    measure::{Operation, compare, scaling},
    ours::Ours,
    tokens::{Tokens, cases},
    tower,
};

const ROUNDS: usize = 61;
const MANY: u64 = 100_000;

fn main() {
    let largest = std::env::args()
        .nth(1)
        .map_or(1_000_000, |text| text.parse().expect("a number of sessions"));
    let tree = if cfg!(feature = "fast") { "aws-lc-rs" } else { "pure Rust" };
    let sha = if cfg!(target_arch = "x86_64")
        && std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| text.contains("sha_ni"))
    {
        "with SHA extensions"
    } else {
        "without SHA extensions, or none known"
    };
    println!("Ours with {tree}, on a processor {sha}; medians of {ROUNDS} rounds, in turns.\n");
    println!("| operation | ours | peer | ratio | goal | met | allocations: ours / peer |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    checks();
    refreshes();
    creates();
    tokens();
    println!("\n| operation | ours | goal | met |\n| --- | --- | --- | --- |");
    lists();
    threads();
    growth(largest);
}

fn checks() {
    for sessions in [1, MANY] {
        let size = if sessions == 1 { "1 session" } else { "1e5 sessions" };
        let goals = if sessions == 1 { (3.5, 5.0) } else { (2.5, 3.0) };
        for (client, name, goal) in
            [(Client::Bare, "bare", goals.0), (Client::Browser, "browser", goals.1)]
        {
            let (mut ours, mut peer) =
                (Ours::new(sessions, client), guard::Peer::new(sessions, client));
            let label = format!("check, {size}, {name}: session-guard authenticate");
            row(&label, 400, ours.check(), peer.authenticate(), Some(goal));
        }
        let (mut ours, mut peer) = (Ours::new(sessions, Client::Bare), tower::Peer::new(sessions));
        let label = format!("check, {size}: tower-sessions load + get");
        row(&label, 400, ours.check(), peer.load(), (sessions > 1).then_some(1.5));
    }
}

fn refreshes() {
    for (client, name) in [(Client::Bare, "bare"), (Client::Browser, "browser")] {
        let (mut ours, mut peer) = (Ours::new(0, client), guard::Peer::rotating(client));
        row(
            &format!("refresh, {name}: session-guard rotation"),
            250,
            ours.refresh(1000),
            peer.rotate(1000),
            Some(3.0),
        );
    }
    let (mut ours, mut peer) = (Ours::new(0, Client::Bare), tower::Peer::new(0));
    row(
        "refresh: tower-sessions cycle + save (no theft detection)",
        250,
        ours.refresh(1000),
        peer.cycle(1000),
        None,
    );
}

fn creates() {
    for (client, name, goal) in [(Client::Bare, "bare", 1.8), (Client::Browser, "browser", 2.8)] {
        let (mut ours, mut peer) = (Ours::new(0, client), guard::Peer::new(0, client));
        let label = format!("create, {name}, new subject: session-guard login");
        row(&label, 250, ours.create(), peer.login(), Some(goal));
        let (mut ours, mut peer) = (Ours::new(MANY, client), guard::Peer::new(MANY, client));
        let label = format!("create, {name}, known subject, 1e5 sessions: session-guard login");
        row(&label, 250, ours.create_again(), peer.login(), Some(goal));
    }
    let (mut ours, mut peer) = (Ours::new(0, Client::Bare), tower::Peer::new(0));
    row("create: tower-sessions insert + save", 250, ours.create(), peer.create(), None);
}

fn tokens() {
    for case in cases() {
        let tokens = Tokens::new(case);
        let (case, bytes) = (tokens.case(), tokens.payload_bytes);
        let name = case.name;
        // A signature of RSA or of a curve takes as long as a hundred MACs.
        let times = if name == "HS256" { 200 } else { 20 };
        let label = format!("verify {name} (claims of {bytes} bytes): jsonwebtoken decode");
        row(&label, times, tokens.verify(), tokens.peer_decode(), case.verify_goal);
        if let Some(floor) = tokens.floor_verify() {
            row(
                &format!("verify {name}: the floor"),
                times,
                tokens.verify(),
                floor,
                Some(1.0 / 1.1),
            );
        }
        let label =
            format!("check of a token signed with {name}, by the store: jsonwebtoken decode");
        row(&label, times, tokens.check(), tokens.peer_decode(), None);
        let label = format!("check of a token signed with {name}, stateless: jsonwebtoken decode");
        row(&label, times, tokens.check_stateless(), tokens.peer_decode(), None);
        let label = format!("issue {name}: jsonwebtoken encode");
        row(&label, times, tokens.issue(), tokens.peer_encode(), Some(case.issue_goal));
        if let Some(floor) = tokens.floor_issue() {
            row(&format!("issue {name}: the floor"), times, tokens.issue(), floor, None);
        }
    }
}

fn lists() {
    let mut nanos = Vec::new();
    for sessions in [100, MANY] {
        let mut ours = Ours::new(sessions, Client::Bare);
        let list = compare(ROUNDS, 100, &mut [&mut ours.list()]).nanos[0];
        let revoke = compare(ROUNDS, 100, &mut [&mut ours.revoke_all()]).nanos[0];
        nanos.push((list, revoke));
    }
    let (few, many) = (nanos[0], nanos[1]);
    let mut peer = guard::Peer::new(MANY, Client::Bare);
    let scan = compare(3, 3, &mut [&mut peer.list()]).nanos[0];
    let yes = |met| if met { "yes" } else { "no" };
    let grown = many.0 / few.0;
    println!(
        "| list of one subject, 1e2 and 1e5 sessions (session-guard at 1e5: {:.0} us) | {:.0} and {:.0} ns | no scan | {} |",
        scan / 1000.0,
        few.0,
        many.0,
        yes(grown < 10.0)
    );
    let grown = many.1 / few.1;
    println!(
        "| revoke-all of one subject, 1e2 and 1e5 sessions | {:.0} and {:.0} ns | no scan | {} |",
        few.1,
        many.1,
        yes(grown < 10.0)
    );
}

fn threads() {
    for sessions in [1, MANY] {
        let ours = Ours::new(sessions, Client::Bare);
        let peer = guard::Peer::new(sessions, Client::Bare);
        let half = (sessions / 2) as usize;
        let scale = scaling(31, 20_000, [ours.worker(0), ours.worker(half)]);
        let theirs = scaling(11, 5_000, [peer.worker(0), peer.worker(half)]);
        let met = if scale >= 1.7 { "yes" } else { "no" };
        println!(
            "| check on 2 threads through 1, {sessions} sessions (session-guard: {theirs:.2}x) | {scale:.2}x | 1.7x | {met} |"
        );
    }
}

fn growth(largest: u64) {
    let (mut first, mut met) = (None, true);
    let mut shown = Vec::new();
    for sessions in [1, 1_000, MANY, largest] {
        let (mut ours, mut map) = (Ours::new(sessions, Client::Browser), Bare::new(sessions));
        let nanos = compare(ROUNDS, 2_000, &mut [&mut ours.check(), &mut map.get()]).nanos;
        let (check, get) = (nanos[0], nanos[1]);
        let (from_check, from_get) = *first.get_or_insert((check, get));
        let (grown, bare) = (check / from_check, get / from_get);
        met &= grown <= bare.max(1.1);
        shown
            .push(format!("{sessions}: {check:.0} ns (x{grown:.1}), map {get:.0} ns (x{bare:.1})"));
    }
    println!(
        "| check by sessions stored, next to a bare `HashMap` | {} | grows no faster | {} |",
        shown.join("; "),
        if met { "yes" } else { "no" }
    );
}

fn row<'a>(
    name: &str,
    times: usize,
    mut ours: Operation<'a>,
    mut peer: Operation<'a>,
    goal: Option<f64>,
) {
    let compared = compare(ROUNDS, times, &mut [&mut ours, &mut peer]);
    let ratio = compared.ratios[0];
    let (aim, met) = match goal {
        Some(goal) => (format!("{goal:.2}x"), if ratio >= goal { "yes" } else { "no" }),
        None => (String::new(), ""),
    };
    println!(
        "| {name} | {:.0} ns | {:.0} ns | {ratio:.2}x | {aim} | {met} | {} / {} |",
        compared.nanos[0],
        compared.nanos[1],
        ours.allocations(),
        peer.allocations()
    );
}
