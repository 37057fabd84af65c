//! The form of a compact JWS: R09, R10, R12, R13.

use super::{
    make::*,
    row::{
        CLAIMS, HEADER, HEADER_CODE, Keys, PARTS, Row, SIGNATURE, SIGNATURE_CODE, SIGNATURE_LENGTH,
        Sheet, TOO_LONG, Text,
    },
};

const KEYS: Keys = Keys::Hs256;

pub fn rows(rows: &mut Vec<Row>) {
    parts(rows);
    alphabet(rows);
    trailing_bits(rows);
    around(rows);
    sizes(rows);
}

fn split() -> (String, String, String) {
    let token = good(KEYS);
    let mut parts = token.split('.').map(str::to_owned);
    (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap())
}

fn parts(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "parts", req: "R09 R10", keys: KEYS };
    let ((h, p, s), whole) = (split(), good(KEYS));
    sheet.good("three", whole.as_str());
    for (name, token) in [
        ("none", String::new()),
        ("one", h.clone()),
        ("one, the payload", p.clone()),
        ("two", format!("{h}.{p}")),
        ("two, without a payload", format!("{h}.{s}")),
        ("four", format!("{whole}.{s}")),
        ("four, the payload twice", format!("{h}.{p}.{p}.{s}")),
        ("five, as a JWE", format!("{h}.AAAA.AAAA.{p}.{s}")),
        ("five, as a JWE that is empty", "....".to_owned()),
        ("seven", format!("{whole}.{whole}.AAAA")),
        ("a dot in front", format!(".{whole}")),
        ("a dot behind", format!("{whole}.")),
        ("two dots in the middle", format!("{h}..{p}.{s}")),
        ("a dot alone", ".".to_owned()),
        ("an opaque token's prefix behind it", format!("{whole}.ses_")),
        ("JSON, flattened", format!(r#"{{"protected":"{h}","payload":"{p}","signature":"{s}"}}"#)),
        (
            "JSON, general",
            format!(
                r#"{{"payload":"{p}","signatures":[{{"protected":"{h}","signature":"{s}"}}]}}"#
            ),
        ),
        (
            "JSON, with an unprotected header",
            format!(
                r#"{{"header":{{"kid":"k1"}},"protected":"{h}","payload":"{p}","signature":"{s}"}}"#
            ),
        ),
        ("a JSON text", format!("\"{}\"", whole.replace('.', "\\u002e"))),
        ("dots of another script", whole.replace('.', "\u{ff0e}")),
        ("dots in percent code", whole.replace('.', "%2E")),
        ("commas in place of dots", whole.replace('.', ",")),
    ] {
        sheet.bad(name, token, PARTS);
    }
    sheet.bad("three, empty", "..", HEADER);
    sheet.bad("an empty header", sealed(KEYS, &format!(".{p}")), HEADER);
    sheet.bad("an empty payload", sealed(KEYS, &format!("{h}.")), CLAIMS);
    sheet.bad("payload and header swapped", sealed(KEYS, &format!("{p}.{h}")), HEADER);
    sheet.bad("nested in another", token(KEYS, header(KEYS), &whole), CLAIMS);
    for (name, tail) in [
        ("an SD-JWT's tail", "~"),
        ("an SD-JWT's tail with a disclosure", "~WyJzYWx0Iiwic3ViIiwibWFsbG9yeSJd~"),
        ("a second signature behind a comma", ",AAAA"),
    ] {
        sheet.bad(name, format!("{whole}{tail}"), SIGNATURE_CODE);
    }
}

/// What stands in base64url of none of the three parts. The signature is made over the text as it
/// is.
fn alphabet(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "base64url", req: "R09", keys: KEYS };
    let (h, p, s) = split();
    for (name, with) in [
        ("padding", "="),
        ("more padding", "=="),
        ("a space", " "),
        ("a tab", "\t"),
        ("a line break", "\n"),
        ("a line break of two", "\r\n"),
        ("a space that does not break", "\u{a0}"),
        ("a space without width", "\u{200b}"),
        ("NUL", "\0"),
        ("a plus", "+"),
        ("a slash", "/"),
        ("a tilde", "~"),
        ("a colon", ":"),
        ("percent code", "%41"),
        ("a letter of another script", "\u{410}"),
        ("a wide letter", "\u{ff21}"),
        ("DEL", "\u{7f}"),
    ] {
        let middle = |text: &str| format!("{}{with}{}", &text[..8], &text[8..]);
        sheet.bad(
            format!("{name} behind the header"),
            sealed(KEYS, &format!("{h}{with}.{p}")),
            HEADER_CODE,
        );
        sheet.bad(
            format!("{name} in the header"),
            sealed(KEYS, &format!("{}.{p}", middle(&h))),
            HEADER_CODE,
        );
        sheet.bad(
            format!("{name} behind the payload"),
            sealed(KEYS, &format!("{h}.{p}{with}")),
            CLAIMS,
        );
        sheet.bad(
            format!("{name} in the payload"),
            sealed(KEYS, &format!("{h}.{}", middle(&p))),
            CLAIMS,
        );
        sheet.bad(
            format!("{name} behind the signature"),
            format!("{h}.{p}.{s}{with}"),
            SIGNATURE_CODE,
        );
        sheet.bad(
            format!("{name} in the signature"),
            format!("{h}.{p}.{}", middle(&s)),
            SIGNATURE_CODE,
        );
    }
    let marked = Payload::good().with("x", r#""???>>>""#);
    let text = encode(marked.text());
    assert!(text.contains('-') && text.contains('_'));
    sheet.good("letters that the standard alphabet lacks", claiming(KEYS, &marked));
    let standard = text.replace('-', "+").replace('_', "/");
    sheet.bad(
        "the standard alphabet in the payload",
        sealed(KEYS, &format!("{h}.{standard}")),
        CLAIMS,
    );
    let other = (0..).map(|n| claiming(KEYS, &Payload::good().with("x", n)));
    let mut other = other.filter(|token| token.rsplit('.').next().unwrap().contains(['-', '_']));
    let (input, signature) = {
        let token = other.next().unwrap();
        let (input, signature) = token.rsplit_once('.').unwrap();
        (input.to_owned(), signature.replace('-', "+").replace('_', "/"))
    };
    sheet.bad(
        "the standard alphabet in the signature",
        format!("{input}.{signature}"),
        SIGNATURE_CODE,
    );
}

/// Bits behind the last byte that are not zero, and lengths that no bytes make.
fn trailing_bits(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "trailing-bits", req: "R09", keys: KEYS };
    let p = encode(Payload::good().text());
    for spaces in 0..3 {
        let header = header(KEYS).replacen('{', &format!("{{{}", " ".repeat(spaces)), 1);
        sheet.good(
            format!("header of {} bytes", header.len()),
            token(KEYS, &header, Payload::good().text()),
        );
        for other in others(&encode(&header)) {
            let name = format!(
                "header of {} bytes, ending in {}",
                header.len(),
                &other[other.len() - 1..]
            );
            sheet.bad(name, sealed(KEYS, &format!("{other}.{p}")), HEADER_CODE);
        }
        let payload = format!("{}{}", Payload::good().text(), " ".repeat(spaces));
        sheet.good(
            format!("payload of {} bytes", payload.len()),
            token(KEYS, self::header(KEYS), &payload),
        );
        for other in others(&encode(&payload)) {
            let name = format!(
                "payload of {} bytes, ending in {}",
                payload.len(),
                &other[other.len() - 1..]
            );
            sheet.bad(
                name,
                sealed(KEYS, &format!("{}.{other}", encode(self::header(KEYS)))),
                CLAIMS,
            );
        }
    }
    let (h, p, s) = split();
    for other in others(&s) {
        let name = format!("signature ending in {}", &other[other.len() - 1..]);
        sheet.bad(name, format!("{h}.{p}.{other}"), SIGNATURE_CODE);
    }
    for extra in ["A", "AA", "AAA"] {
        // Two letters more may be a byte; three are two; one, to a whole number of fours, is none.
        let whole = |part: &str| (part.len() + extra.len()) % 4 != 1;
        if !whole(&s) {
            sheet.bad(
                format!("{extra} behind the signature"),
                format!("{h}.{p}.{s}{extra}"),
                SIGNATURE_CODE,
            );
        }
        if !whole(&h) {
            sheet.bad(
                format!("{extra} behind the header"),
                sealed(KEYS, &format!("{h}{extra}.{p}")),
                HEADER_CODE,
            );
        }
        if !whole(&p) {
            sheet.bad(
                format!("{extra} behind the payload"),
                sealed(KEYS, &format!("{h}.{p}{extra}")),
                CLAIMS,
            );
        }
    }
}

/// The same bytes, written with each other value of the bits that belong to none.
fn others(part: &str) -> Vec<String> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let spare = match part.len() % 4 {
        2 => 16,
        3 => 4,
        _ => return Vec::new(),
    };
    let (head, last) = part.split_at(part.len() - 1);
    let value = LETTERS.iter().position(|letter| *letter == last.as_bytes()[0]).unwrap();
    assert_eq!(value % spare, 0);
    (1..spare).map(|bits| format!("{head}{}", char::from(LETTERS[value + bits]))).collect()
}

/// A good token in something else.
fn around(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "around", req: "R09", keys: KEYS };
    let whole = good(KEYS);
    sheet.good("nothing", whole.as_str());
    for (name, before, refusal) in [
        ("a space", " ", HEADER_CODE),
        ("a line break", "\n", HEADER_CODE),
        ("NUL", "\0", HEADER_CODE),
        ("a byte order mark", "\u{feff}", HEADER_CODE),
        ("the scheme", "Bearer ", HEADER_CODE),
        ("the scheme of DPoP", "DPoP ", HEADER_CODE),
        ("a quote", "\"", HEADER_CODE),
        ("a name", "token=", HEADER_CODE),
        ("a name of ours", "__Host-session=", HEADER_CODE),
        ("a letter", "A", HEADER),
        ("a zero-width joiner", "\u{200d}", HEADER_CODE),
    ] {
        sheet.bad(format!("{name} in front"), format!("{before}{whole}"), refusal);
    }
    for (name, behind) in [
        ("a space", " "),
        ("a line break", "\n"),
        ("NUL and more", "\0admin"),
        ("a quote", "\""),
        ("a semicolon", "; Path=/"),
        ("a comma and another", ", A"),
        ("a fragment", "#a"),
        ("a query", "?a=b"),
    ] {
        sheet.bad(format!("{name} behind"), format!("{whole}{behind}"), SIGNATURE_CODE);
    }
    let last = whole.rsplit('.').next().unwrap();
    sheet.bad("twice, in one text", format!("{whole}{whole}"), PARTS);
    sheet.bad("in capitals", whole.to_uppercase(), HEADER);
    sheet.bad("in small letters", whole.to_lowercase(), HEADER);
    sheet.bad("back to front", whole.chars().rev().collect::<String>(), HEADER_CODE);
    sheet.bad("without its last letter", &whole[..whole.len() - 1], SIGNATURE_CODE);
    sheet.bad(
        "without its signature's letters",
        &whole[..whole.len() - last.len()],
        SIGNATURE_LENGTH,
    );
}

/// Refused by length, before anything is decoded: R12, R13.
fn sizes(rows: &mut Vec<Row>) {
    let mut sheet = Sheet { rows, class: "size", req: "R12 R13", keys: KEYS };
    let of = |bytes: usize| {
        let room = bytes - encode(header(KEYS)).len() - 43 - 2;
        let payload = Payload::good().text();
        let spaces = room * 3 / 4 - payload.len();
        let token = token(KEYS, header(KEYS), format!("{payload}{}", " ".repeat(spaces)));
        assert_eq!(token.len(), bytes);
        token
    };
    let exact = (8180..=8192)
        .rev()
        .find(|bytes| (bytes - encode(header(KEYS)).len() - 45) % 4 != 1)
        .unwrap();
    sheet.good("as long as a token may be", of(exact));
    let beyond = (8193..).find(|bytes| (bytes - encode(header(KEYS)).len() - 45) % 4 != 1).unwrap();
    let (input, signature) = {
        let token = of(beyond);
        let (input, signature) = token.rsplit_once('.').unwrap();
        (input.to_owned(), signature.to_owned())
    };
    let spaces = input.len() - input.trim_end_matches(['I', 'C', 'A', 'g']).len();
    let (head, four) = (&input[..input.len() - spaces], &input[input.len() - spaces..]);
    sheet.bad(
        "longer by a letter, with a signature that holds",
        pieces(head, four, &signature),
        TOO_LONG,
    );
    let whole = good(KEYS);
    for (name, text) in [
        ("64 kB of A", Text::repeat("A", 65_536)),
        ("1 MB of A", Text::repeat("A", 1_000_000)),
        ("2 MB of A", Text::repeat("A", 2_000_000)),
        ("100 k dots", Text::repeat(".", 100_000)),
        ("200 k dots", Text::repeat(".", 200_000)),
        ("100 k of A and a dot", Text::repeat("A.", 100_000)),
        ("64 kB of braces", Text::repeat("{", 65_536)),
        ("1 MB of NUL", Text::repeat("\0", 1_000_000)),
        ("64 kB of an emoji", Text::repeat("\u{1F600}", 16_384)),
        ("a good token and 64 kB of A", Text(vec![(whole.clone(), 1), ("A".into(), 65_536)])),
        ("64 kB of spaces and a good token", Text(vec![(" ".into(), 65_536), (whole.clone(), 1)])),
        ("a good token a thousand times", Text(vec![(format!("{whole},"), 1000)])),
        ("8193 dots", Text::repeat(".", 8193)),
    ] {
        sheet.bad(name, text, TOO_LONG);
    }
    sheet.bad("8192 dots", Text::repeat(".", 8192), PARTS);
    sheet.bad("8192 of A", Text::repeat("A", 8192), PARTS);
    sheet.bad(
        "a signature of 684 letters",
        Text(vec![
            (whole.rsplit_once('.').unwrap().0.to_owned(), 1),
            (".".into(), 1),
            ("A".into(), 684),
        ]),
        SIGNATURE_LENGTH,
    );
    sheet.bad(
        "a signature of 683 letters",
        Text(vec![
            (whole.rsplit_once('.').unwrap().0.to_owned(), 1),
            (".".into(), 1),
            ("A".into(), 683),
        ]),
        SIGNATURE,
    );
}

/// Many spaces in base64url are `ICAg` again and again: written as a piece and its number.
fn pieces(head: &str, spaces: &str, signature: &str) -> Text {
    let at = spaces.find("ICAg").unwrap();
    let times = spaces.as_bytes()[at..].chunks(4).take_while(|four| four == b"ICAg").count();
    let rest = &spaces[at + times * 4..];
    Text(vec![
        (format!("{head}{}", &spaces[..at]), 1),
        ("ICAg".to_owned(), times),
        (format!("{rest}.{signature}"), 1),
    ])
}
