//! JSON Web Keys (RFC 7517, RFC 8037), strictly, and their thumbprints (RFC 7638).

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    InvalidKey,
    encoded::pkcs1,
    parts::{PrivateParts, PublicParts, RsaNumbers},
};
use crate::token::Algorithm;

/// Members that only a private or symmetric key has.
const PRIVATE: [&str; 9] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"];

/// A JSON object that says it is a key. No member of it has been believed yet.
pub(super) struct Jwk<'a>(&'a Map<String, Value>);

/// What a key may be asked to do.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Sign,
    Verify,
}

impl<'a> Jwk<'a> {
    /// Takes an object; whatever was parsed must have refused names that come twice.
    pub(super) fn of(value: &'a Value) -> Result<Self, InvalidKey> {
        value.as_object().map(Self).ok_or(InvalidKey::Malformed("a JWK is an object"))
    }

    /// Its id, where it has one.
    pub(super) fn id(&self) -> Result<Option<&'a str>, InvalidKey> {
        self.text("kid")
    }

    /// True for a key that somebody else uses for something else: it is of no concern here.
    pub(super) fn is_foreign(&self) -> bool {
        let says = |name: &str, ours: &[&str]| match self.0.get(name) {
            Some(Value::String(word)) => !ours.contains(&word.as_str()),
            _ => false,
        };
        says("kty", &["EC", "OKP", "RSA", "oct"])
            || says("crv", &["P-256", "Ed25519"])
            || says("alg", &["ES256", "EdDSA", "Ed25519", "RS256", "HS256"])
            || says("use", &["sig"])
            || self.0.get("key_ops").and_then(Value::as_array).is_some_and(|words| {
                let other = |word: &Value| {
                    word.as_str().is_some_and(|word| !["sign", "verify"].contains(&word))
                };
                !words.is_empty() && words.iter().all(other)
            })
    }

    /// The algorithm: by type and curve, and as `alg` says, if it does.
    pub(super) fn algorithm(&self) -> Result<Algorithm, InvalidKey> {
        let by_type = match (self.required("kty")?, self.text("crv")?) {
            ("EC", Some("P-256")) => Algorithm::Es256,
            ("OKP", Some("Ed25519")) => Algorithm::EdDsa,
            ("EC" | "OKP", Some(_)) => return Err(InvalidKey::NotSupported("another curve")),
            ("EC" | "OKP", None) => return Err(InvalidKey::Malformed("crv is missing")),
            ("RSA", None) => Algorithm::Rs256,
            ("oct", None) => Algorithm::Hs256,
            ("RSA" | "oct", Some(_)) => {
                return Err(InvalidKey::Malformed("crv of a key without a curve"));
            }
            _ => return Err(InvalidKey::NotSupported("another type of key")),
        };
        match self.text("alg")? {
            None => Ok(by_type),
            Some(alg) if alg == by_type.as_str() => Ok(by_type),
            Some("Ed25519") if by_type == Algorithm::EdDsa => Ok(by_type),
            Some(_) => Err(InvalidKey::Misused("alg names another algorithm than the key's")),
        }
    }

    /// Whether the key says that it is not for this (`use`, `key_ops`).
    pub(super) fn check_purpose(&self, purpose: Purpose) -> Result<(), InvalidKey> {
        if self.text("use")?.is_some_and(|word| word != "sig") {
            return Err(InvalidKey::Misused("use is not sig"));
        }
        let Some(operations) = self.0.get("key_ops") else { return Ok(()) };
        let words = operations
            .as_array()
            .map(|words| words.iter().map(Value::as_str).collect::<Option<Vec<_>>>());
        let Some(Some(words)) = words else {
            return Err(InvalidKey::Malformed("key_ops is not an array of texts"));
        };
        let twice = words
            .iter()
            .enumerate()
            .any(|(at, word)| words.iter().skip(at + 1).any(|other| other == word));
        if twice {
            return Err(InvalidKey::Malformed("key_ops names one operation twice"));
        }
        let needed = match purpose {
            Purpose::Sign => "sign",
            Purpose::Verify => "verify",
        };
        match words.contains(&needed) && words.iter().all(|word| ["sign", "verify"].contains(word))
        {
            true => Ok(()),
            false => Err(InvalidKey::Misused("key_ops allows something else")),
        }
    }

    /// The public part, of a key that shows nothing else.
    pub(super) fn public(&self) -> Result<PublicParts, InvalidKey> {
        self.shows_no_secret()?;
        self.public_members()
    }

    /// Refuses a key that has a private or symmetric member, whatever it is for.
    pub(super) fn shows_no_secret(&self) -> Result<(), InvalidKey> {
        match PRIVATE.iter().any(|name| self.0.contains_key(*name)) {
            true => Err(InvalidKey::Misused("a private key, where a public one belongs")),
            false => Ok(()),
        }
    }

    fn public_members(&self) -> Result<PublicParts, InvalidKey> {
        match self.algorithm()? {
            Algorithm::Es256 => Ok(PublicParts::ec(&*self.fixed("x")?, &*self.fixed("y")?)),
            Algorithm::EdDsa => Ok(PublicParts::EdDsa(*self.fixed("x")?)),
            Algorithm::Rs256 => PublicParts::rsa(&self.number("n")?, &self.number("e")?),
            Algorithm::Hs256 => {
                Err(InvalidKey::Misused("a symmetric key, where a public one belongs"))
            }
        }
    }

    /// The private part of an asymmetric key, with its public one.
    pub(super) fn private(&self) -> Result<PrivateParts, InvalidKey> {
        if self.0.contains_key("oth") {
            return Err(InvalidKey::NotSupported("RSA of more than two primes"));
        }
        if !self.0.contains_key("d") {
            return Err(InvalidKey::Misused("a public key, where a private one belongs"));
        }
        match self.public_members()? {
            PublicParts::Es256(point) => {
                Ok(PrivateParts::Es256 { d: self.fixed("d")?, public: Some(point) })
            }
            PublicParts::EdDsa(public) => {
                Ok(PrivateParts::EdDsa { seed: self.fixed("d")?, public: Some(public) })
            }
            public => {
                let names = ["n", "e", "d", "p", "q", "dp", "dq", "qi"];
                let numbers = names.map(|name| self.number(name));
                let mut bytes: [&[u8]; 8] = [&[]; 8];
                for (to, from) in bytes.iter_mut().zip(&numbers) {
                    *to = from.as_ref().map_err(Clone::clone)?;
                }
                Ok(PrivateParts::Rs256 { pkcs1: pkcs1(&RsaNumbers(bytes))?, public })
            }
        }
    }

    /// The bytes of a symmetric key.
    pub(super) fn symmetric(&self) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
        self.bytes("k")
    }

    fn text(&self, name: &str) -> Result<Option<&'a str>, InvalidKey> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(InvalidKey::Malformed("a member of a JWK is not a text")),
        }
    }

    fn required(&self, name: &str) -> Result<&'a str, InvalidKey> {
        self.text(name)?.ok_or(InvalidKey::Malformed("a member of the JWK is missing"))
    }

    fn bytes(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
        let decoded = URL_SAFE_NO_PAD.decode(self.required(name)?);
        decoded
            .map(Zeroizing::new)
            .map_err(|_| InvalidKey::Malformed("a member of the JWK is not base64url"))
    }

    /// A coordinate or a scalar: always 32 bytes, leading zeros included (RFC 7518 section
    /// 6.2.1.2).
    fn fixed(&self, name: &str) -> Result<Zeroizing<[u8; 32]>, InvalidKey> {
        let bytes = <[u8; 32]>::try_from(self.bytes(name)?.as_slice());
        bytes
            .map(Zeroizing::new)
            .map_err(|_| InvalidKey::Malformed("a coordinate is not 32 bytes long"))
    }

    /// A number: without leading zeros (RFC 7518 section 2).
    fn number(&self, name: &str) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
        let bytes = self.bytes(name)?;
        match bytes.first() {
            None | Some(0) => Err(InvalidKey::Malformed("a number is empty or has leading zeros")),
            Some(_) => Ok(bytes),
        }
    }
}

/// The required members of a public key, in the order of RFC 7638.
fn members(parts: &PublicParts) -> Vec<(&'static str, String)> {
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    match parts {
        PublicParts::Es256(point) => {
            let [_, coordinates @ ..] = point;
            let (x, y) = coordinates.split_at(32);
            vec![("crv", "P-256".into()), ("kty", "EC".into()), ("x", encode(x)), ("y", encode(y))]
        }
        PublicParts::EdDsa(x) => {
            vec![("crv", "Ed25519".into()), ("kty", "OKP".into()), ("x", encode(x))]
        }
        PublicParts::Rs256 { n, e } => {
            vec![("e", encode(e)), ("kty", "RSA".into()), ("n", encode(n))]
        }
    }
}

/// The SHA-256 thumbprint (RFC 7638), from members that were decoded and are encoded anew.
pub(super) fn thumbprint(parts: &PublicParts) -> String {
    let members: Vec<_> =
        members(parts).iter().map(|(name, value)| format!("\"{name}\":\"{value}\"")).collect();
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{{{}}}", members.join(","))))
}

/// The public JWK: no private member can get into it.
pub(super) fn to_json(id: &str, parts: &PublicParts) -> Value {
    let mut json = Map::new();
    json.insert("kid".into(), id.into());
    json.insert("use".into(), "sig".into());
    json.insert("alg".into(), parts.algorithm().as_str().into());
    json.extend(members(parts).into_iter().map(|(name, value)| (name.to_owned(), value.into())));
    Value::Object(json)
}

/// A public JWK with its private members, for a host to keep.
pub(super) fn with_private(mut jwk: Value, private: &[(&str, &[u8])]) -> Value {
    if let Value::Object(members) = &mut jwk {
        let encode = |bytes: &[u8]| Value::from(URL_SAFE_NO_PAD.encode(bytes));
        members.extend(private.iter().map(|(name, bytes)| ((*name).to_owned(), encode(bytes))));
    }
    jwk
}
