//! The tests of the table.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error as _,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use session_issuer::{Error, error::ErrorKind};

use super::{
    doors::{Door, House, answer},
    generate,
    make::{Payload, encode, good, header},
    row::{Keys, Legend, Row, Text},
};

const TABLE: &str = include_str!("../../vectors/hostile.jsonl");

/// The table as it is checked in.
fn all() -> Vec<Row> {
    let (legend, rows) = TABLE.split_once('\n').unwrap();
    let legend = Legend::read(legend);
    rows.lines().map(|line| Row::read(line, &legend)).collect()
}

/// The table as far as this build has the arithmetic.
fn table() -> Vec<Row> {
    let mut rows = all();
    let count = rows.len();
    rows.retain(|row| row.keys.are_known());
    if rows.len() < count {
        println!(
            "{} of {count} rows are for algorithms that this build has not",
            count - rows.len()
        );
    }
    rows
}

/// What stands in many rows: headers, the good payload, its beginning, and its end after each
/// number of bytes.
fn legend() -> Legend {
    let headers =
        [("<h>", Keys::Hs256), ("<e>", Keys::Es256), ("<d>", Keys::EdDsa), ("<r>", Keys::Rs256)];
    let headers = headers.map(|(mark, keys)| (mark, encode(header(keys))));
    let payload = Payload::good().text();
    let (begin, end) = payload.split_at(payload.find("\"iat\"").unwrap());
    let end = &end[end.find(",\"jti\"").unwrap()..];
    let begin = (".<b>", format!(".{}", &encode(begin)[..begin.len() * 4 / 3]));
    let ends = [("<0>", 0), ("<1>", 1), ("<2>", 2)].map(|(mark, before): (_, usize)| {
        let letters = encode(format!("{}{end}", "?".repeat(before)));
        (mark, letters[(before * 4).div_ceil(3)..].to_owned())
    });
    Legend::new(headers.into_iter().chain([("<p>", encode(&payload)), begin]).chain(ends))
}

#[test]
fn the_table_of_hostile_tokens_is_what_its_generator_makes() {
    let legend = legend();
    let lines: Vec<_> = generate().iter().map(|row| row.line(&legend)).collect();
    if std::env::var_os("WRITE_HOSTILE").is_some() {
        assert!(Keys::ALL.iter().all(|keys| keys.are_known()), "write it with --all-features");
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/hostile.jsonl");
        fs::write(file, format!("{}\n{}\n", legend.line(), lines.join("\n"))).unwrap();
        panic!("the table was written: run the test again without WRITE_HOSTILE");
    }
    let (first, rows) = TABLE.split_once('\n').unwrap();
    assert_eq!(first, legend.line());
    // A build that lacks an algorithm cannot sign with it for another's door either.
    let knows_all = Keys::ALL.iter().all(|keys| keys.are_known());
    let mut made = lines.iter().peekable();
    for line in rows.lines() {
        let row = Row::read(line, &legend);
        if made.next_if(|made| *made == line).is_none() && row.keys.are_known() {
            assert!(
                !knows_all && row.class == "alg-family",
                "{:?} is made, and there stands {line}",
                made.peek()
            );
        }
    }
    assert_eq!(made.next(), None);
    assert!(TABLE.len() < 660_000, "{} bytes", TABLE.len());
}

#[test]
fn the_table_has_every_class_and_no_row_twice() {
    let rows = all();
    let (mut classes, mut names) = (BTreeMap::new(), BTreeSet::new());
    let mut tokens = BTreeMap::<_, Vec<_>>::new();
    for row in &rows {
        let counts: &mut (u32, u32) = classes.entry(&row.class).or_default();
        if row.expect == "ok" {
            counts.1 += 1
        } else {
            counts.0 += 1
        }
        assert!(
            names.insert((&row.class, row.keys, &row.name)),
            "{}: {} twice",
            row.class,
            row.name
        );
        if row.door.is_empty() {
            tokens.entry(row.token.whole()).or_default().push(row);
        }
    }
    for (class, (hostile, good)) in &classes {
        println!("{class}: {hostile} hostile, {good} good");
        assert!(*good > 0, "{class} has no token that passes");
    }
    // A token that stands in two classes is judged the same in both.
    for same in tokens.values() {
        assert!(same.iter().all(|row| row.expect == same[0].expect), "{same:?}");
    }
    let hostile: u32 = classes.values().map(|(hostile, _)| hostile).sum();
    println!(
        "{hostile} hostile in {} classes, {} good beside them",
        classes.len(),
        rows.len() - hostile as usize
    );
    assert!(hostile >= 1000 && classes.len() >= 30, "{hostile} in {}", classes.len());
}

/// The text of an error and of everything behind it.
fn shown(error: &Error) -> String {
    let mut text = format!("{error} {error:?} {:?}", error.public());
    let mut source = error.source();
    while let Some(error) = source {
        text += &format!(" {error} {error:?}");
        source = error.source();
    }
    text
}

/// Whether a text shows a piece of a token: 12 letters of it in a row, from every fourth on.
fn shows(text: &str, token: &str) -> bool {
    let letters: Vec<_> = token.char_indices().map(|(at, _)| at).chain([token.len()]).collect();
    let pieces = letters.iter().zip(letters.iter().skip(12)).step_by(4).take(800);
    pieces.map(|(from, to)| &token[*from..*to]).any(|piece| text.contains(piece))
}

#[test]
fn every_hostile_token_is_refused_at_every_door_for_its_own_reason_and_changes_nothing() {
    let houses: BTreeMap<_, _> = Keys::ALL
        .into_iter()
        .filter(|keys| keys.are_known())
        .map(|keys| (keys, House::new(keys)))
        .collect();
    let mut knocks = BTreeMap::<_, u32>::new();
    let mut wrong = Vec::new();
    for row in table().iter().filter(|row| row.expect != "ok") {
        let (house, token) = (&houses[&row.keys], row.token.whole());
        for door in Door::ALL {
            let Some(expected) = answer(row, &token, door) else { continue };
            house.store.reset_calls();
            let knock = AssertUnwindSafe(|| door.knock(house, &token));
            let answered =
                catch_unwind(knock).unwrap_or_else(|_| panic!("{} panics: {row:?}", door.name()));
            let Some(answered) = answered else { continue };
            *knocks.entry(door.name()).or_default() += 1;
            let at = format!("{}, {}, {} at {}", row.class, row.keys.name(), row.name, door.name());
            let Err(error) = answered else {
                wrong.push(format!("{at}: taken, and should be {expected:?}"));
                continue;
            };
            let why = error.source().map(ToString::to_string).unwrap_or_default();
            if error.code() != expected.code || expected.why.is_some_and(|expected| expected != why)
            {
                wrong.push(format!("{at}: {} ({why}), and should be {expected:?}", error.code()));
            }
            let text = shown(&error);
            assert!(
                !shows(&text, &token) && !text.contains("alice") && !text.contains("evil"),
                "{at}: {text}"
            );
            assert_eq!(error.public().code, "invalid_credential", "{at}");
            assert!(!error.is_terminal() && !error.is_retryable(), "{at}");
            let calls = house.store.calls();
            if house.store.writes() > 0 {
                wrong.push(format!("{at}: something was written"));
            }
            // A store is read for tokens whose form, checksum or signature held, and for no others.
            let authentic = row.class == "opaque-mac" || row.class == "opaque-state";
            assert!(calls.total() == 0 || authentic, "{at}: {calls:?}");
        }
    }
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    println!("{knocks:#?}");
}

#[test]
fn beside_every_hostile_class_stands_a_token_that_passes_every_door() {
    let mut passed = 0;
    for row in table().iter().filter(|row| row.expect == "ok") {
        let token = row.token.whole();
        for door in Door::ALL {
            let Some(expected) = answer(row, &token, door) else { continue };
            // A fresh one each: some doors change what they opened.
            let house = House::new(row.keys);
            let Some(answered) = door.knock(&house, &token) else { continue };
            let code = answered.as_ref().err().map_or("ok", Error::code);
            // A request that nobody has approved cannot be exchanged; who has no factor but a name
            // cannot be kept.
            let expected = match (door, expected.code) {
                (Door::Exchange, "ok") => "not_approved",
                (_, code) => code,
            };
            assert_eq!(
                code,
                expected,
                "{}, {} at {}: {answered:?}",
                row.class,
                row.name,
                door.name()
            );
            passed += u32::from(code == "ok");
        }
    }
    println!("{passed} times a good token passed");
    assert!(passed > 300);
}

#[test]
fn a_token_that_is_over_still_ends_its_own_session_and_does_nothing_else() {
    let mut ended = 0;
    for row in table().iter().filter(|row| row.expect == "token_expired") {
        let (house, token) = (House::new(row.keys), row.token.whole());
        let answered = Door::Revoke.knock(&house, &token).unwrap();
        // Its other claims are judged all the same.
        let code = answered.err().map_or("ok", |error| error.code());
        assert!(["ok", "invalid_token"].contains(&code), "{}: {code}", row.name);
        ended += u32::from(code == "ok");
    }
    assert!(ended > 5, "{ended}");
}

// R12, R13: the work is that of comparing a length, however long the token.
#[test]
fn tokens_of_any_length_beyond_the_longest_are_refused_before_anything_is_decoded() {
    let house = House::new(Keys::Hs256);
    for piece in
        ["A", ".", "A.", "a.b.", "{", "[", "\0", "%", "\u{1F600}", "ses", "eyJhbGciOiJIUzI1NiJ9."]
    {
        for bytes in [8193, 16_384, 32_768, 1 << 16, 1 << 20, 1 << 21] {
            let token = Text::repeat(piece, bytes / piece.len() + 1).whole();
            for door in Door::ALL
                .into_iter()
                .filter(|door| !matches!(door, Door::Refresh | Door::Decide | Door::Exchange))
            {
                let Some(answered) = door.knock(&house, &token) else { continue };
                let error = answered.unwrap_err();
                assert_eq!(error.code(), "malformed_token");
                assert_eq!(
                    error.source().unwrap().to_string(),
                    "longer than any token of ours",
                    "{piece}"
                );
            }
        }
    }
    for kind in ["a", "r", "s", "q"] {
        for bytes in [100, 8193, 1 << 16, 1 << 20, 1 << 21] {
            let token = format!("ses_{kind}1_{}", "A".repeat(bytes));
            for door in
                [Door::CheckStore, Door::Refresh, Door::Decide, Door::Exchange, Door::Revoke]
            {
                let error = door.knock(&house, &token).unwrap().unwrap_err();
                assert_eq!(
                    error.source().unwrap().to_string(),
                    "an opaque token of another length"
                );
            }
        }
    }
    assert_eq!(house.store.calls().total(), 0);
}

#[test]
fn a_signed_token_changed_in_any_one_letter_is_refused_whatever_its_algorithm() {
    for keys in [Keys::Hs256, Keys::Es256, Keys::EdDsa, Keys::Rs256]
        .into_iter()
        .filter(|keys| keys.are_known())
    {
        let (house, token) = (House::new(keys), good(keys));
        house.issuer.verify(&token).unwrap();
        for at in 0..token.len() {
            for with in ["A", "_"] {
                let mut bad = token.clone();
                bad.replace_range(at..=at, with);
                let kind = house.issuer.verify(&bad).map(drop).map_err(|error| error.kind());
                let expected: &[_] = match bad == token {
                    true => &[Ok(())],
                    false => &[Err(ErrorKind::MalformedToken), Err(ErrorKind::InvalidToken)],
                };
                assert!(expected.contains(&kind), "{} {at} {with}: {kind:?}", keys.name());
            }
        }
    }
}
