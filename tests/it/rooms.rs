//! Who may import whom: reads `src/**/*.rs` and refuses every edge between rooms that is not drawn
//! here.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Level 0: nothing but each other, without a cycle.
const NAMES: &[&str] =
    &["clock", "entropy", "epoch", "error", "forward", "id", "json", "mac", "reason", "secret"];
/// Level 1: pure data.
const DATA: &[&str] = &["actor", "client", "factor", "metadata"];
/// Level 3: the joints.
const JOINTS: &[&str] = &["event", "signer", "store", "verifier"];

/// What a room may import, besides itself.
fn allowed(room: &str) -> Vec<&'static str> {
    let up_to = |levels: &[&[&'static str]]| levels.concat();
    match room {
        "clock" | "forward" | "json" | "reason" | "secret" => vec![],
        "epoch" => vec!["clock"],
        "error" => vec!["reason"],
        "entropy" => vec!["error"],
        "mac" => vec!["secret"],
        "id" => vec!["clock", "error"],
        "actor" | "client" | "factor" | "metadata" => NAMES.to_vec(),
        "policy" | "token" => up_to(&[NAMES, DATA]),
        // The rules take the policy as an argument.
        "session" => up_to(&[NAMES, DATA, &["policy"]]),
        "event" | "signer" | "store" | "verifier" => {
            up_to(&[NAMES, DATA, &["policy", "session", "token"]])
        }
        "store::memory" | "store::sqlite" => {
            up_to(&[NAMES, DATA, &["policy", "session", "token", "store"]])
        }
        "signer::key" | "signer::key_ring" | "signer::live_ring" => {
            up_to(&[NAMES, &["token", "signer"]])
        }
        // A lockout or verifier knows its joint, and no other of its kind.
        "verifier::attempt_limit"
        | "verifier::one_time_codes"
        | "verifier::password"
        | "verifier::recovery_codes"
        | "verifier::totp"
        | "verifier::verifiers" => up_to(&[NAMES, &["factor", "verifier"]]),
        // What a signed token must be is the same for whoever holds public keys alone.
        "verify" => up_to(&[NAMES, DATA, JOINTS, &["policy", "session", "token"]]),
        "issuer" => up_to(&[NAMES, DATA, JOINTS, &["policy", "session", "token", "verify"]]),
        "testing" | "guide" => {
            up_to(&[NAMES, DATA, JOINTS, &["policy", "session", "token", "verify", "issuer"]])
        }
        // Public rooms alone: it must be all that a host can build. `tests/outside` compiles it
        // from there.
        "compat" => {
            let rooms =
                up_to(&[NAMES, DATA, JOINTS, &["policy", "session", "token", "verify", "issuer"]]);
            rooms
                .into_iter()
                .filter(|room| !["epoch", "forward", "json", "mac", "reason"].contains(room))
                .collect()
        }
        other => panic!("{other} is no room: draw it in tests/it/rooms.rs"),
    }
}

#[test]
fn no_room_imports_what_lies_above_or_beside_it() {
    let mut edges = BTreeSet::new();
    for (file, text) in sources() {
        let room = room_of(&file);
        for import in imports(&text) {
            if room != "lib" && import != room && !room.starts_with(&format!("{import}::")) {
                assert!(
                    allowed(&room).contains(&import.as_str()),
                    "{file}: {room} may not import {import}"
                );
                edges.insert((room.clone(), import));
            }
        }
        assert!(
            ["crate::store::memory", "crate::store::sqlite", "crate::signer::key_ring"]
                .iter()
                .all(|backend| !text.contains(backend)),
            "{file}"
        );
    }
    assert!(edges.len() > 50, "the reader of imports has gone blind: {edges:?}");
}

#[test]
fn each_public_item_has_one_path_and_a_dozen_have_one_at_the_root() {
    // Rooms that are not public: what lies there is shown in another.
    const HIDDEN: &[&str] = &["epoch", "reason", "error::joints", "store_suite"];
    let mut shown = BTreeSet::<&str>::new();
    for (file, text) in sources() {
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let exports = || {
            text.split("pub use ")
                .skip(1)
                .filter_map(|rest| rest.split_once(';'))
                .map(|(tree, _)| tree)
        };
        if file == "lib.rs" {
            let is_name = |name: &&str| name.contains(char::is_alphabetic);
            let names = exports().flat_map(|tree| tree.split(',')).filter(is_name).count();
            assert!((1..=12).contains(&names), "{names} names stand at the root");
            continue;
        }
        for tree in exports() {
            let group = tree.strip_prefix("crate::").unwrap_or_default().trim_start_matches('{');
            for path in group.split(", ").filter(|path| path.starts_with(char::is_lowercase)) {
                let hidden = HIDDEN.iter().find(|hidden| path.starts_with(*hidden));
                assert!(hidden.is_some(), "{file} shows crate::{path} on a second path");
                shown.extend(hidden);
            }
            let room = tree.trim_start_matches("self::").split("::").next().unwrap();
            assert!(
                !text.contains(&format!("pub mod {room};")),
                "{file} shows {tree} on a second path"
            );
        }
    }
    assert_eq!(shown.len(), HIDDEN.len(), "the reader of exports has gone blind: {shown:?}");
}

#[test]
fn the_rules_are_pure() {
    let mut rules = BTreeSet::new();
    for (file, text) in sources() {
        if file.starts_with("session/") && text.contains("pub(crate) fn decide_") {
            rules.insert(file.clone());
        }
        if ["policy", "session", "token"].contains(&room_of(&file).as_str())
            && !file.contains("model")
        {
            for word in ["async ", "dyn ", "Clock", ".await"] {
                assert!(!text.contains(word), "{file} has {word:?}");
            }
        }
    }
    let acts: Vec<_> =
        sources().into_iter().filter(|(file, _)| file.starts_with("store/act/")).collect();
    assert!(acts.len() > 7, "{}", acts.len());
    for (file, text) in acts {
        for word in ["async ", "dyn ", "Clock", ".await", "Mutex", "std::fs"] {
            assert!(!code(&text).contains(word), "{file} has {word:?}");
        }
    }
    let verbs = ["check", "refresh", "request", "update"].map(|verb| format!("session/{verb}.rs"));
    assert_eq!(rules, verbs.into(), "each verb has its rule in a file of its own");
}

#[test]
fn the_core_knows_no_runtime_no_network_and_no_files() {
    for (file, text) in sources() {
        let words = [
            "std::net::Tcp",
            "std::fs",
            "std::env",
            "thread::spawn",
            "thread::Builder",
            "tokio::",
            "block_on(",
        ];
        for word in words {
            let is_free = file.starts_with("testing")
                // A backend that is a file has files, and a thread that writes them.
                || file.starts_with("store/sqlite") && ["std::fs", "thread::Builder"].contains(&word)
                // The one file behind the feature `tokio`.
                || word == "tokio::" && file == "issuer/upkeep/sweeper_task.rs";
            assert!(is_free || !code(&text).contains(word), "{file} has {word}");
        }
    }
}

/// Every source file below `src/`, by its path there, without its comments.
pub fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let found: Vec<_> = walk(&root)
        .into_iter()
        .map(|file| {
            let name = file.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
            (name, code(&fs::read_to_string(file).unwrap()))
        })
        .collect();
    assert!(found.len() > 40);
    found
}

/// Every Rust file in a folder and below.
pub fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|entry| match entry.is_dir() {
            true => walk(&entry),
            false if entry.extension().is_some_and(|extension| extension == "rs") => vec![entry],
            false => Vec::new(),
        })
        .collect()
}

/// The text without comments and without the tests at its end.
fn code(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod tests {").next().unwrap();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn room_of(file: &str) -> String {
    let parts: Vec<_> = file.trim_end_matches(".rs").split('/').collect();
    match parts.as_slice() {
        ["store", backend @ ("memory" | "sqlite"), ..] => format!("store::{backend}"),
        ["signer", backend @ ("key" | "key_ring" | "live_ring"), ..] => {
            format!("signer::{backend}")
        }
        [
            "verifier",
            backend @ ("attempt_limit" | "one_time_codes" | "password" | "recovery_codes" | "totp"
            | "verifiers"),
            ..,
        ] => format!("verifier::{backend}"),
        [room, ..] => (*room).to_owned(),
        [] => unreachable!(),
    }
}

/// The rooms named in `crate::room` and in `crate::{room, room::{..}, ..}`.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, path) in text.match_indices("crate::") {
        if text[..at].ends_with('$') {
            continue; // a macro's own crate, in somebody else's code
        }
        let rest = &text[at + path.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(first_names(group)),
            None => found.extend(leading_name(rest)),
        }
    }
    // Types at the root are exports, not rooms, and so is the one exported macro.
    found
        .into_iter()
        .filter(|name| name.starts_with(char::is_lowercase) && name != "store_suite")
        .collect()
}

fn first_names(group: &str) -> Vec<String> {
    let (mut depth, mut begins, mut names) = (0, true, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => begins = true,
            c if begins && c.is_alphanumeric() => {
                names.extend(leading_name(&group[at..]));
                begins = false;
            }
            _ => {}
        }
    }
    names
}

fn leading_name(text: &str) -> Option<String> {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}
