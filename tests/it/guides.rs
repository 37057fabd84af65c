//! The guides name tests: each of these tests exists, and each difference from a system has its
//! test.

use std::{collections::BTreeSet, fs, path::Path};

use crate::rooms::walk;

const THREATS: &str = include_str!("../../src/guide/threats.md");
const FLOWS: &str = include_str!("../../src/guide/flows.md");

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
fn every_class_of_hostile_tokens_is_in_the_guide() {
    let table = include_str!("../vectors/hostile.jsonl");
    let classes: BTreeSet<_> =
        table.split("{\"class\":\"").skip(1).map(|row| row.split('"').next().unwrap()).collect();
    let listed = THREATS.split('\n').filter(|line| line.starts_with("| R")).collect::<String>();
    for class in &classes {
        assert!(
            listed.contains(&format!("`{class}`")),
            "{class} is a class of hostile tokens and not in the guide"
        );
    }
    assert!(classes.len() > 30, "{classes:?}");
}

/// The tests that a guide names: in backticks, and neither in a fenced block nor the text of a
/// link.
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
