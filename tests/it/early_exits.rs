//! No test passes because it stopped early, and none takes any error for the right one.

use std::{fs, path::Path};

use crate::rooms::walk;

/// What hides an outcome in a test, and what to write instead.
const HIDES: [(&str, &str); 5] = [
    ("return;", "assert something in that case too, or ignore the test by its attribute"),
    ("else { return", "unwrap, or assert which error it was"),
    ("Err(_) => return", "assert which error it was"),
    ("is_err()", "assert which error it was: its kind, its code or its variant"),
    (".is_ok());", "unwrap: a failure then says why"),
];

#[test]
fn no_test_stops_early_or_takes_any_error() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders = ["src", "examples", "tests/it", "tests/providers/tests"];
    let (mut tests, mut found) = (0, Vec::new());
    for file in folders.iter().flat_map(|folder| walk(&root.join(folder))) {
        let text = fs::read_to_string(&file).unwrap();
        for test in bodies(&text) {
            tests += 1;
            let name = test.lines().find_map(|line| line.trim_start().strip_prefix("fn "));
            for (hides, instead) in HIDES.iter().filter(|(hides, _)| test.contains(hides)) {
                found.push(format!("{}: {}: `{hides}`: {instead}", file.display(), name.unwrap()));
            }
        }
    }
    assert!(tests > 900, "{tests}");
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn an_early_exit_is_found_in_the_body_of_a_test_alone() {
    let stops = HIDES[0].0;
    let text = format!(
        "    #[test]\n    fn a() {{\n        {stops}\n    }}\n    fn b() {{\n        {stops}\n    }}"
    );
    let bodies: Vec<_> = bodies(&text).collect();
    assert_eq!(bodies, [format!("\n    fn a() {{\n        {stops}")]);
}

/// From each attribute to the brace that ends its function, which stands where the attribute did.
fn bodies(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("#[test]\n").map(|(at, attribute)| {
        let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
        let end = format!("\n{}}}", &text[line..at]);
        let body = &text[at + attribute.len() - 1..];
        &body[..body.find(&end).expect("rustfmt puts the brace there")]
    })
}
