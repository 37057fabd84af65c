//! The seed cases of the five systems: each case that `compat` satisfies has a test that says so.

use std::{collections::BTreeSet, fs, path::Path};

use crate::rooms::walk;

/// The seed cases that `compat` satisfies.
const CASES: [(&str, &[u16]); 5] = [
    (
        "Hanko",
        &[
            1, 2, 3, 4, 5, 7, 8, 10, 11, 12, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 26, 27,
            29, 31, 32, 33, 34, 35, 37, 38, 39, 40, 41, 42,
        ],
    ),
    (
        "Stack Auth",
        &[
            43, 44, 45, 46, 47, 49, 50, 51, 53, 54, 55, 56, 57, 60, 61, 62, 63, 64, 65, 67, 69, 70,
            71, 72, 73, 74,
        ],
    ),
    (
        "ZITADEL",
        &[
            75, 76, 77, 78, 80, 81, 82, 83, 84, 86, 87, 88, 89, 90, 92, 94, 95, 96, 97, 98, 99,
            101, 102, 103, 104, 106, 107, 108, 109, 110, 112, 113, 114, 116, 117, 119, 120, 121,
            123, 124, 126, 127, 128, 129, 130,
        ],
    ),
    ("TMDB", &[131, 132, 133, 135, 136, 137, 140, 141, 142, 143, 144, 145, 146, 147, 148]),
    ("ZELF", &[150, 151, 152, 153, 155, 156, 158, 159, 160, 163, 164, 165, 166, 167, 168]),
];

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

/// The numbers of the seed cases in the comments that stand right above tests: `// 133, 136: why`.
fn cases(text: &str) -> BTreeSet<u16> {
    let lines: Vec<_> = text.lines().collect();
    let above_tests = lines.windows(2).filter(|pair| pair[1].starts_with("#["));
    above_tests
        .filter_map(|pair| pair[0].strip_prefix("// "))
        .flat_map(|comment| {
            let numbers =
                comment.split(|c: char| !c.is_ascii_digit() && c != ',' && c != ' ').next();
            numbers.unwrap().split([',', ' ']).filter_map(|number| number.parse().ok())
        })
        .collect()
}
