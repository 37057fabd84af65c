//! Who may import whom: reads `src/**/*.rs` and refuses every edge between rooms that is not drawn here.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Level 0: nothing but each other, without a cycle.
const NAMES: &[&str] = &["clock", "entropy", "error", "id", "json", "mac", "secret"];
/// Level 1: pure data.
const DATA: &[&str] = &["actor", "client", "factor", "metadata"];
/// Level 3: the joints.
const JOINTS: &[&str] = &["event", "signer", "store", "verifier"];

const THREATS: &str = include_str!("../../src/guide/threats.md");
const FLOWS: &str = include_str!("../../src/guide/flows.md");
/// The seed cases that `compat` satisfies.
const CASES: [(&str, &[u16]); 5] = [
    (
        "Hanko",
        &[
            1, 2, 3, 4, 5, 7, 8, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 27, 29, 31, 32,
            33, 34, 35, 37, 38, 39, 40, 41, 42,
        ],
    ),
    (
        "Stack Auth",
        &[
            43, 44, 45, 46, 47, 49, 50, 51, 53, 54, 55, 56, 57, 60, 61, 62, 63, 64, 65, 67, 69, 70, 71, 72,
            73, 74,
        ],
    ),
    (
        "ZITADEL",
        &[
            75, 76, 77, 78, 80, 81, 82, 83, 84, 86, 87, 88, 89, 90, 92, 94, 95, 96, 97, 98, 99, 101, 102,
            103, 104, 106, 107, 108, 109, 110, 112, 113, 114, 116, 117, 119, 120, 121, 123, 124, 126, 127,
            128, 129, 130,
        ],
    ),
    ("TMDB", &[131, 132, 133, 135, 136, 137, 140, 141, 142, 143, 144, 145, 146, 147, 148]),
    ("ZELF", &[150, 151, 152, 153, 155, 156, 158, 159, 160, 163, 164, 165, 166, 167, 168]),
];

/// What a room may import, besides itself.
fn allowed(room: &str) -> Vec<&'static str> {
    let up_to = |levels: &[&[&'static str]]| levels.concat();
    match room {
        "clock" | "error" | "json" | "secret" => vec![],
        "entropy" => vec!["error"],
        "mac" => vec!["secret"],
        "id" => vec!["clock", "error"],
        "actor" | "client" | "factor" | "metadata" => NAMES.to_vec(),
        "policy" | "token" => up_to(&[NAMES, DATA]),
        // The rules take the policy as an argument.
        "session" => up_to(&[NAMES, DATA, &["policy"]]),
        "event" | "signer" | "store" | "verifier" => up_to(&[NAMES, DATA, &["policy", "session", "token"]]),
        "store::memory" | "store::sqlite" => up_to(&[NAMES, DATA, &["policy", "session", "token", "store"]]),
        "signer::key" | "signer::key_ring" | "signer::live_ring" => up_to(&[NAMES, &["token", "signer"]]),
        // A lockout or verifier knows its joint, and no other of its kind.
        "verifier::attempt_limit"
        | "verifier::one_time_codes"
        | "verifier::password"
        | "verifier::recovery_codes"
        | "verifier::totp"
        | "verifier::verifiers" => up_to(&[NAMES, &["factor", "verifier"]]),
        "issuer" => up_to(&[NAMES, DATA, JOINTS, &["policy", "session", "token"]]),
        "compat" | "testing" | "guide" => {
            up_to(&[NAMES, DATA, JOINTS, &["policy", "session", "token", "issuer"]])
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
                assert!(allowed(&room).contains(&import.as_str()), "{file}: {room} may not import {import}");
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
fn the_rules_are_pure() {
    let mut rules = BTreeSet::new();
    for (file, text) in sources() {
        if file.starts_with("session/") && text.contains("pub(crate) fn decide_") {
            rules.insert(file.clone());
        }
        if ["policy", "session", "token"].contains(&room_of(&file).as_str()) && !file.contains("model") {
            for word in ["async ", "dyn ", "Clock", ".await"] {
                assert!(!text.contains(word), "{file} has {word:?}");
            }
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
                || word == "tokio::" && file == "issuer/sweeper_task.rs";
            assert!(is_free || !code(&text).contains(word), "{file} has {word}");
        }
    }
}

#[test]
fn every_test_that_the_guide_names_exists() {
    let mut tests = include_str!("../providers/tests/interop.rs").to_owned();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for file in ["tests/it", "src"].iter().flat_map(|folder| walk(&root.join(folder))) {
        tests += &fs::read_to_string(file).unwrap();
    }
    for guide in [THREATS, FLOWS] {
        let named = named_tests(guide);
        assert!(named.len() > 50, "{}", named.len());
        for test in named {
            assert!(
                tests.contains(&format!("fn {test}()")),
                "{test} is named in the guide and does not exist"
            );
        }
    }
}

#[test]
fn every_difference_from_a_system_has_a_reason_and_a_test() {
    let mut differences = 0;
    for row in FLOWS.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---")) {
        let cells: Vec<_> = row.trim_matches('|').split(" | ").collect();
        assert_eq!(cells.len(), 4, "{row}");
        if cells[1] != "we do" {
            assert!(!cells[2].trim().is_empty() && !named_tests(cells[3]).is_empty(), "{row}");
            differences += 1;
        }
    }
    assert!(differences > 70, "{differences}");
}

#[test]
fn no_case_of_a_system_has_lost_its_test() {
    let mut shown = BTreeSet::new();
    for file in walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/compat")) {
        shown.extend(cases(&fs::read_to_string(file).unwrap()));
    }
    for (system, claimed) in CASES {
        let lost: Vec<_> = claimed.iter().filter(|case| !shown.contains(*case)).collect();
        assert!(lost.is_empty(), "{system}: no test says that it shows {lost:?}");
    }
}

#[test]
fn every_class_of_hostile_tokens_is_in_the_guide() {
    let guide = THREATS;
    let table = include_str!("../vectors/hostile.jsonl");
    let classes: BTreeSet<_> =
        table.split("{\"class\":\"").skip(1).map(|row| row.split('"').next().unwrap()).collect();
    let told = guide.split('\n').filter(|line| line.starts_with("| R")).collect::<String>();
    for class in &classes {
        assert!(
            told.contains(&format!("`{class}`")),
            "{class} is a class of hostile tokens and not in the guide"
        );
    }
    assert!(classes.len() > 30, "{classes:?}");
}

/// The tests that a guide names: in backticks, and neither in a fenced block nor the text of a link.
fn named_tests(guide: &str) -> BTreeSet<&str> {
    let mut named = BTreeSet::new();
    for prose in guide.split("```").step_by(2) {
        let mut is_link = false;
        for (at, part) in prose.split('`').enumerate() {
            match at % 2 {
                0 => is_link = part.ends_with('['),
                _ if !is_link && is_test_name(part) => drop(named.insert(part)),
                _ => {}
            }
        }
    }
    named
}

/// A sentence of four words or more, in snake case.
fn is_test_name(word: &str) -> bool {
    word.matches('_').count() > 2
        && word.chars().all(|c| c == '_' || c.is_ascii_lowercase() || c.is_ascii_digit())
}

/// The numbers of the seed cases in the comments that stand right above tests: `// 133, 136: why`.
fn cases(text: &str) -> BTreeSet<u16> {
    let lines: Vec<_> = text.lines().collect();
    let above_tests = lines.windows(2).filter(|pair| pair[1].starts_with("#["));
    above_tests
        .filter_map(|pair| pair[0].strip_prefix("// "))
        .flat_map(|comment| {
            let numbers = comment.split(|c: char| !c.is_ascii_digit() && c != ',' && c != ' ').next();
            numbers.unwrap().split([',', ' ']).filter_map(|number| number.parse().ok())
        })
        .collect()
}

/// Every source file below `src/`, by its path there, without its comments.
fn sources() -> Vec<(String, String)> {
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

fn walk(folder: &Path) -> Vec<PathBuf> {
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
        ["signer", backend @ ("key" | "key_ring" | "live_ring"), ..] => format!("signer::{backend}"),
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
    found.into_iter().filter(|name| name.starts_with(char::is_lowercase) && name != "store_suite").collect()
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
