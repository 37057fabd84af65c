//! Opaque tokens, made by a second hand that follows the documented form: R12, R34, R39, R40.

use std::hash::Hasher;

use hkdf::Hkdf;
use session_issuer::id::SessionId;
use sha2::Sha256;
use siphasher::sip::SipHasher24;

use super::{
    make::*,
    row::{Keys, Refusal, Row, Sheet, Text},
};
use crate::world::secret;

const OTHER_PREFIX: Refusal = super::row::PARTS;
const VERSION: Refusal = ("malformed_token", "no opaque token of this version");
const KIND: Refusal = ("malformed_token", "no such kind of opaque token");
const LENGTH: Refusal = ("malformed_token", "an opaque token of another length");
const ALPHABET: Refusal = ("malformed_token", "an opaque token in another alphabet");
const SUM: Refusal = ("malformed_token", "the checksum of an opaque token does not hold");
pub const RING: Refusal = ("invalid_token", "a token of a key that is not in the ring");
const MAC: Refusal = ("invalid_token", "no such session, or a MAC that does not hold");

/// What a token is made from.
#[derive(Clone)]
pub struct Mint {
    letter: u8,
    version: u8,
    key: u16,
    seed: u8,
    id: SessionId,
    generation: u32,
    expires_at: Option<u64>,
    salt: [u8; 16],
    tenant: &'static str,
}

impl Mint {
    /// A token as the issuer makes it. Records of this house have their id for a salt.
    pub fn new(letter: u8) -> Self {
        let id: SessionId = match letter {
            b'a' | b'r' => PAIR,
            b's' => SESSION,
            _ => REQUEST,
        }
        .parse()
        .unwrap();
        let expires_at = (letter == b'a').then(|| u64::try_from((now() + 600) * 1000).unwrap());
        let salt = id.as_uuid().into_bytes();
        Self {
            letter,
            version: b'1',
            key: 1,
            seed: 1,
            id,
            generation: 1,
            expires_at,
            salt,
            tenant: "default",
        }
    }

    fn derived<const N: usize>(&self, info: &[u8]) -> [u8; N] {
        let mut key = [0; N];
        Hkdf::<Sha256>::new(Some(b"session-issuer"), &secret(self.seed))
            .expand(info, &mut key)
            .unwrap();
        key
    }

    fn head(&self) -> Vec<u8> {
        let mut bytes = self.key.to_be_bytes().to_vec();
        bytes.extend(self.id.as_uuid().into_bytes());
        bytes.extend(self.generation.to_be_bytes());
        bytes.extend(self.expires_at.iter().flat_map(|at| at.to_be_bytes().into_iter().skip(2)));
        bytes
    }

    fn mac(&self) -> Vec<u8> {
        let tenant = self.tenant.as_bytes();
        let length = u16::try_from(tenant.len()).unwrap().to_be_bytes();
        let message =
            [&[self.version, self.letter][..], &self.head(), &self.salt, &length, tenant].concat();
        hmac(&self.derived::<32>(b"opaque token mac v1"), &message)[..24].to_vec()
    }

    /// These bytes with the checksum that they should have.
    fn sealed(&self, mut bytes: Vec<u8>) -> String {
        let mut hasher =
            SipHasher24::new_with_key(&self.derived::<16>(b"opaque token checksum v1"));
        hasher.write(&[self.version, self.letter]);
        hasher.write(&bytes);
        bytes.extend(&hasher.finish().to_be_bytes()[..4]);
        self.written(&bytes)
    }

    fn written(&self, bytes: &[u8]) -> String {
        format!("ses_{}{}_{}", char::from(self.letter), char::from(self.version), encode(bytes))
    }

    fn bytes(&self) -> Vec<u8> {
        [self.head(), self.mac()].concat()
    }

    pub fn token(&self) -> String {
        self.sealed(self.bytes())
    }

    /// Says something else, under the MAC of what was true, and with the checksum that it should
    /// have.
    fn under_the_mac_of(&self, other: &Self) -> String {
        self.sealed([self.head(), other.mac()].concat())
    }
}

pub fn rows(rows: &mut Vec<Row>) {
    for (letter, name) in
        [(b'a', "access"), (b'r', "refresh"), (b's', "session"), (b'q', "request")]
    {
        forms(
            &mut Sheet { rows, class: "opaque-form", req: "R09 R12 R13", keys: Keys::Opaque },
            letter,
            name,
        );
        checksums(
            &mut Sheet { rows, class: "opaque-checksum", req: "R39", keys: Keys::Opaque },
            letter,
            name,
        );
        macs(
            &mut Sheet { rows, class: "opaque-mac", req: "R34 R39", keys: Keys::Opaque },
            letter,
            name,
        );
    }
    let mut sheet = Sheet { rows, class: "opaque-state", req: "R25 R43", keys: Keys::Opaque };
    let access = Mint::new(b'a');
    let soon = u64::try_from(now() * 1000 + 1).unwrap();
    sheet.good(
        "access, over in a millisecond",
        Mint { expires_at: Some(soon), ..access.clone() }.token(),
    );
    for (name, ago) in
        [("now", 0), ("a second ago", 1000), ("at the epoch", u64::try_from(now() * 1000).unwrap())]
    {
        let at = u64::try_from(now() * 1000).unwrap() - ago;
        sheet.bad(
            format!("access, over {name}"),
            Mint { expires_at: Some(at), ..access.clone() }.token(),
            ("token_expired", ""),
        );
    }
}

fn forms(sheet: &mut Sheet<'_>, letter: u8, kind: &str) {
    let mint = Mint::new(letter);
    let whole = mint.token();
    let (head, body) = whole.split_at(7);
    sheet.good(format!("{kind}, right"), whole.as_str());
    let mut bad =
        |name: &str, token: Text, refusal| sheet.bad(format!("{kind}, {name}"), token, refusal);
    for prefix in [
        "",
        "ses",
        "SES_",
        "Ses_",
        "ses-",
        "sess_",
        "xes_",
        " ses_",
        "\u{feff}ses_",
        "\0ses_",
        "ѕes_",
    ] {
        bad(&format!("prefix {prefix:?}"), format!("{prefix}{}", &whole[4..]).into(), OTHER_PREFIX);
    }
    let l = char::from(letter);
    for version in ['0', '2', 'A', ' ', '\0', '_'] {
        bad(&format!("version {version:?}"), format!("ses_{l}{version}_{body}").into(), VERSION);
        let by = Mint { version: u8::try_from(version).unwrap(), ..mint.clone() };
        bad(&format!("version {version:?}, sealed as such"), by.token().into(), VERSION);
    }
    for (name, token) in [
        ("no version", format!("ses_{l}_{body}")),
        ("no second line", format!("ses_{l}1{body}")),
        ("another line", format!("ses_{l}1-{body}")),
        ("nothing behind the prefix", "ses_".to_owned()),
        ("nothing behind the kind", format!("ses_{l}")),
        ("nothing behind the version", format!("ses_{l}1")),
        ("a space behind the prefix", format!("ses_ {}", &whole[4..])),
    ] {
        bad(name, token.into(), VERSION);
    }
    for other in ['x', 'A', 'R', 'j', '0', ' ', '\0'] {
        bad(&format!("letter {other:?}"), format!("ses_{other}1_{body}").into(), KIND);
    }
    for other in "arsq".chars().filter(|other| *other != l) {
        let same = (l == 'a') == (other == 'a');
        let refusal = if same { SUM } else { LENGTH };
        bad(&format!("letter {other:?}"), format!("ses_{other}1_{body}").into(), refusal);
    }
    let last = &whole[..whole.len() - 1];
    for (name, token) in [
        ("no body", head.to_owned()),
        ("cut by one", last.to_owned()),
        ("cut in half", whole[..whole.len() / 2].to_owned()),
        ("a letter more", format!("{whole}A")),
        ("four letters more", format!("{whole}AAAA")),
        ("padding behind it", format!("{whole}=")),
        ("a space behind it", format!("{whole} ")),
        ("a line break behind it", format!("{whole}\n")),
        ("NUL behind it", format!("{whole}\0")),
        ("twice", format!("{whole}{whole}")),
        ("a dot and more behind it", format!("{whole}.a.b")),
        ("a letter of two bytes at its end", format!("{whole}é")),
    ] {
        bad(name, token.into(), LENGTH);
    }
    for (name, size) in [("64 kB", 65_536), ("1 MB", 1_000_000), ("2 MB", 2_000_000)] {
        bad(
            &format!("{name} of A"),
            Text(vec![(head.to_owned(), 1), ("A".to_owned(), size)]),
            LENGTH,
        );
    }
    let put =
        |at: usize, with: &str| format!("{head}{}{with}{}", &body[..at], &body[at + with.len()..]);
    for (name, token) in [
        ("padding within", put(8, "=")),
        ("padding at its end", put(body.len() - 1, "=")),
        ("a plus within", put(8, "+")),
        ("a slash within", put(8, "/")),
        ("a space within", put(8, " ")),
        ("a line break within", put(8, "\n")),
        ("NUL within", put(8, "\0")),
        ("a dot within", put(8, ".")),
        ("a letter of two bytes within", put(8, "é")),
        ("a wide letter within", put(8, "\u{ff21}")),
    ] {
        bad(name, token.into(), ALPHABET);
    }
    bad("a body of nothing but A", format!("{head}{}", "A".repeat(body.len())).into(), RING);
    bad(
        "a body of nothing but lines",
        format!("{head}{}", "_".repeat(body.len())).into(),
        if body.len() % 4 == 0 { RING } else { ALPHABET },
    );
}

fn checksums(sheet: &mut Sheet<'_>, letter: u8, kind: &str) {
    let mint = Mint::new(letter);
    let sealed = mint.token();
    sheet.good(format!("{kind}, right"), sealed.as_str());
    let bytes = mint.bytes();
    let sum = {
        use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
        URL_SAFE_NO_PAD.decode(&sealed[7..]).unwrap()[bytes.len()..].to_vec()
    };
    let mut bad =
        |name: &str, token: String, refusal| sheet.bad(format!("{kind}, {name}"), token, refusal);
    for (name, at) in [
        ("id", 2),
        ("generation", 21),
        ("first byte of the MAC", bytes.len() - 24),
        ("last byte of the MAC", bytes.len() - 1),
    ] {
        for bit in [0, 7] {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            bad(
                &format!("bit {bit} of the {name}"),
                mint.written(&[&bytes[..], &sum].concat()),
                SUM,
            );
        }
    }
    if letter == b'a' {
        let mut bytes = bytes.clone();
        bytes[27] ^= 1;
        bad("last byte of the expiry", mint.written(&[&bytes[..], &sum].concat()), SUM);
    }
    for at in 0..4 {
        let mut sum = sum.clone();
        sum[at] ^= 1;
        bad(&format!("byte {at} of the checksum"), mint.written(&[&bytes[..], &sum].concat()), SUM);
    }
    bad("checksum zero", mint.written(&[&bytes[..], &[0; 4]].concat()), SUM);
    bad(
        "checksum without a key",
        mint.written(&[&bytes[..], &crate::hostile::opaque::unkeyed(&bytes)].concat()),
        SUM,
    );
    bad("made by another ring's key of the same id", Mint { seed: 9, ..mint.clone() }.token(), SUM);
    for key in [0, 2, 256, 65_535] {
        bad(&format!("key {key}"), Mint { key, ..mint.clone() }.token(), RING);
    }
}

fn unkeyed(bytes: &[u8]) -> [u8; 4] {
    let mut hasher = SipHasher24::new();
    hasher.write(bytes);
    hasher.finish().to_be_bytes()[..4].try_into().unwrap()
}

/// With the right checksum: what a leaked checksum key would let somebody try.
fn macs(sheet: &mut Sheet<'_>, letter: u8, kind: &str) {
    let mint = Mint::new(letter);
    sheet.good(format!("{kind}, right"), mint.token());
    let mut bad = |name: &str, token: String| sheet.bad(format!("{kind}, {name}"), token, MAC);
    let at = mint.head().len();
    for byte in [0, 1, 11, 22, 23] {
        for bit in [0, 7] {
            let mut bytes = mint.bytes();
            bytes[at + byte] ^= 1 << bit;
            bad(&format!("bit {bit} of byte {byte} of the MAC"), mint.sealed(bytes));
        }
    }
    for (name, mac) in [
        ("zero", vec![0; 24]),
        ("0xff", vec![0xff; 24]),
        ("back to front", mint.mac().into_iter().rev().collect()),
    ] {
        bad(&format!("the MAC {name}"), mint.sealed([mint.head(), mac].concat()));
    }
    for generation in [0, 2, 3, 256, u32::MAX] {
        bad(
            &format!("generation {generation}"),
            Mint { generation, ..mint.clone() }.under_the_mac_of(&mint),
        );
    }
    let session = |id: &str| -> SessionId { id.parse().unwrap() };
    for (name, id) in [
        ("another session", if letter == b's' { PAIR } else { SESSION }),
        ("a session that never was", "019b76da-9400-7000-8000-00000000ffff"),
    ] {
        bad(name, Mint { id: session(id), ..mint.clone() }.under_the_mac_of(&mint));
    }
    let never = session("019b76da-9400-7000-8000-00000000ffff");
    bad(
        "a session that never was, under the salt of nobody",
        Mint { id: never, salt: [0; 16], ..mint.clone() }.token(),
    );
    bad("another salt", Mint { salt: [4; 16], ..mint.clone() }.token());
    bad("no salt", Mint { salt: [0; 16], ..mint.clone() }.token());
    bad("another tenant", Mint { tenant: "other", ..mint.clone() }.token());
    bad("a tenant that begins the same", Mint { tenant: "defaul", ..mint.clone() }.token());
    bad("no tenant", Mint { tenant: "", ..mint.clone() }.token());
    for other in [b'a', b'r', b's', b'q'] {
        if other != letter {
            let of = Mint { letter: other, expires_at: mint.expires_at, ..mint.clone() };
            bad(&format!("the MAC of kind {:?}", char::from(other)), mint.under_the_mac_of(&of));
        }
    }
    if let Some(end) = mint.expires_at {
        for (name, expires_at) in [
            ("a second later", end + 1000),
            ("a millisecond later", end + 1),
            ("zero", 0),
            ("the last there is", (1 << 48) - 1),
        ] {
            let later = Mint { expires_at: Some(expires_at), ..mint.clone() };
            bad(&format!("its end {name}"), later.under_the_mac_of(&mint));
        }
    }
}
