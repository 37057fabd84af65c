//! A row of the table, how it is written, and how the table is read.

use serde_json::{Value, json};

/// One token, and what every door that takes such a token must say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    pub class: String,
    /// The one thing that is wrong with it.
    pub name: String,
    /// The requirements that it tests.
    pub req: String,
    pub keys: Keys,
    pub token: Text,
    /// The code of the refusal, or `ok`.
    pub expect: String,
    /// The source of the error: which rule refused it.
    pub why: String,
    /// The only door that it is for; empty for all.
    pub door: String,
}

/// Whose door it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Keys {
    Hs256,
    Es256,
    EdDsa,
    Rs256,
    /// An opaque token, at the issuer that signs with HS256.
    Opaque,
}

impl Keys {
    pub const ALL: [Self; 5] = [Self::Hs256, Self::Es256, Self::EdDsa, Self::Rs256, Self::Opaque];

    pub fn name(self) -> &'static str {
        match self {
            Self::Hs256 => "hs256",
            Self::Es256 => "es256",
            Self::EdDsa => "eddsa",
            Self::Rs256 => "rs256",
            Self::Opaque => "opaque",
        }
    }

    /// Whether this build has the arithmetic.
    pub fn are_known(self) -> bool {
        match self {
            Self::Hs256 | Self::Opaque => true,
            Self::Es256 | Self::EdDsa => cfg!(any(feature = "aws-lc-rs", feature = "rust-crypto")),
            Self::Rs256 => cfg!(feature = "aws-lc-rs"),
        }
    }
}

/// Pieces of text, each so many times: large tokens stay small in the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub Vec<(String, usize)>);

impl Text {
    pub fn repeat(text: &str, times: usize) -> Self {
        Self(vec![(text.to_owned(), times)])
    }

    pub fn whole(&self) -> String {
        self.0.iter().map(|(text, times)| text.repeat(*times)).collect()
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Self(vec![(text, 1)])
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

/// The first line of the table: marks, and what they stand for.
pub struct Legend(Vec<(String, String)>);

impl Legend {
    pub fn new(marks: impl IntoIterator<Item = (&'static str, String)>) -> Self {
        Self(marks.into_iter().map(|(mark, text)| (mark.to_owned(), text)).collect())
    }

    pub fn line(&self) -> String {
        json!({ "legend": self.0 }).to_string()
    }

    pub fn read(line: &str) -> Self {
        let line: Value = serde_json::from_str(line).unwrap();
        Self(serde_json::from_value(line["legend"].clone()).unwrap())
    }

    fn shortened(&self, text: &str) -> String {
        assert!(!text.contains('<'), "no token has a mark's first letter");
        self.0.iter().fold(text.to_owned(), |text, (mark, whole)| text.replace(whole, mark))
    }

    fn whole(&self, text: &str) -> String {
        self.0.iter().rev().fold(text.to_owned(), |text, (mark, whole)| text.replace(mark, whole))
    }
}

impl Row {
    /// The row as a line of the table: its members in the order of the alphabet, and marks for what
    /// comes often.
    pub fn line(&self, legend: &Legend) -> String {
        let token = match self.token.0.as_slice() {
            [(text, 1)] => json!(legend.shortened(text)),
            pieces => {
                json!(
                    pieces
                        .iter()
                        .map(|(text, times)| (legend.shortened(text), times))
                        .collect::<Vec<_>>()
                )
            }
        };
        let mut row = json!({
            "class": self.class, "name": self.name, "req": self.req, "keys": self.keys.name(),
            "token": token, "expect": self.expect,
        });
        for (member, value) in [("why", &self.why), ("door", &self.door)] {
            if !value.is_empty() {
                row[member] = json!(value);
            }
        }
        row.to_string()
    }

    pub fn read(line: &str, legend: &Legend) -> Self {
        let row: Value = serde_json::from_str(line).unwrap();
        let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let token = match &row["token"] {
            Value::String(text) => Text::from(legend.whole(text)),
            pieces => {
                let pieces: Vec<(String, usize)> = serde_json::from_value(pieces.clone()).unwrap();
                Text(pieces.into_iter().map(|(text, times)| (legend.whole(&text), times)).collect())
            }
        };
        let keys = Keys::ALL.into_iter().find(|keys| keys.name() == text("keys")).unwrap();
        let (class, name, req) = (text("class"), text("name"), text("req"));
        Self {
            class,
            name,
            req,
            keys,
            token,
            expect: text("expect"),
            why: text("why"),
            door: text("door"),
        }
    }
}

/// Takes rows of one class and one set of keys.
pub struct Sheet<'a> {
    pub rows: &'a mut Vec<Row>,
    pub class: &'static str,
    pub req: &'static str,
    pub keys: Keys,
}

impl Sheet<'_> {
    /// A hostile token: the kind of its refusal, and the rule that refuses it.
    pub fn bad(&mut self, name: impl Into<String>, token: impl Into<Text>, (expect, why): Refusal) {
        self.push(name.into(), token.into(), expect, why);
    }

    /// A token that is as it should be: the class would refuse everything without it.
    pub fn good(&mut self, name: impl Into<String>, token: impl Into<Text>) {
        self.push(name.into(), token.into(), "ok", "");
    }

    fn push(&mut self, name: String, token: Text, expect: &str, why: &str) {
        self.rows.push(Row {
            class: self.class.to_owned(),
            name,
            req: self.req.to_owned(),
            keys: self.keys,
            token,
            expect: expect.to_owned(),
            why: why.to_owned(),
            door: String::new(),
        });
    }
}

/// A code and the rule behind it.
pub type Refusal = (&'static str, &'static str);

const MALFORMED: &str = "malformed_token";
const INVALID: &str = "invalid_token";

pub const TOO_LONG: Refusal = (MALFORMED, "longer than any token of ours");
pub const PARTS: Refusal = (MALFORMED, "not three parts");
pub const HEADER_LONG: Refusal = (MALFORMED, "the header is too long");
pub const HEADER_CODE: Refusal = (MALFORMED, "the header is not base64url");
pub const HEADER: Refusal = (MALFORMED, "not a header of ours");
pub const TYP: Refusal = (MALFORMED, "the header names another type of token");
pub const ALGORITHM: Refusal = (MALFORMED, "an algorithm that is not ours");
pub const SIGNATURE_LENGTH: Refusal = (MALFORMED, "a signature of no length that is ours");
pub const SIGNATURE_CODE: Refusal = (MALFORMED, "the signature is not base64url");
pub const KEY: Refusal = (INVALID, "signer: no such key");
pub const KEYS_ALGORITHM: Refusal = (INVALID, "signer: the algorithm is not the key's");
pub const SIGNATURE: Refusal = (INVALID, "signer: the signature does not hold");
pub const CLAIMS: Refusal = (INVALID, "claims that are not ours");
pub const MISSING: Refusal = (INVALID, "a claim is missing");
pub const ISSUER: Refusal = (INVALID, "another issuer");
pub const TENANT: Refusal = (INVALID, "another tenant");
pub const AUDIENCE: Refusal = ("wrong_audience", "another audience");
pub const EXPIRED: Refusal = ("token_expired", "exp has passed");
pub const INSTANT: Refusal = (INVALID, "an instant that no clock shows");
pub const FUTURE: Refusal = (INVALID, "nbf or iat is in the future");
pub const LIFETIME: Refusal = (INVALID, "a lifetime that is not ours");
pub const SUBJECT: Refusal = (INVALID, "sub is not a subject");
pub const EPOCH: Refusal = (INVALID, "sub and epo go together");
pub const LEVEL: Refusal = (INVALID, "no acr of ours");
pub const ACTORS: Refusal = (INVALID, "a chain of actors that is not ours");
