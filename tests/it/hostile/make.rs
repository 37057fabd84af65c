//! Fixed keys and a fixed clock, and tokens that are right but for one thing.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use p256::ecdsa::{Signature, SigningKey, signature::Signer};
use session_issuer::testing::ManualClock;
use sha2::{Digest, Sha256};

use super::row::Keys;
use crate::world::secret;

pub const ISSUER_NAME: &str = "https://id.example";
pub const AUDIENCE_NAME: &str = "api";
/// The sessions that the tokens name, and the request.
pub const PAIR: &str = "019b76da-9400-7000-8000-0000000000a1";
pub const SESSION: &str = "019b76da-9400-7000-8000-0000000000b2";
pub const REQUEST: &str = "019b76da-9400-7000-8000-0000000000c3";

/// The second at which the clock stands.
pub fn now() -> i64 {
    ManualClock::START.as_secs()
}

pub fn encode(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The one key of each kind.
pub fn key_id(keys: Keys) -> &'static str {
    match keys {
        Keys::Hs256 | Keys::Opaque => "k1",
        Keys::Es256 => "e1",
        Keys::EdDsa => "d1",
        Keys::Rs256 => "r1",
    }
}

pub fn algorithm(keys: Keys) -> &'static str {
    match keys {
        Keys::Hs256 | Keys::Opaque => "HS256",
        Keys::Es256 => "ES256",
        Keys::EdDsa => "EdDSA",
        Keys::Rs256 => "RS256",
    }
}

pub fn header(keys: Keys) -> String {
    format!(r#"{{"typ":"at+jwt","alg":"{}","kid":"{}"}}"#, algorithm(keys), key_id(keys))
}

/// Claims in the order in which they are written: each a name and its JSON.
#[derive(Clone)]
pub struct Payload(Vec<(String, String)>);

impl Payload {
    pub fn good() -> Self {
        let at = now();
        let claims = [
            ("iss", format!("{ISSUER_NAME:?}")),
            ("sub", r#""alice""#.to_owned()),
            ("aud", format!("[{AUDIENCE_NAME:?}]")),
            ("iat", at.to_string()),
            ("nbf", at.to_string()),
            ("exp", (at + 600).to_string()),
            ("jti", r#""AAECAwQFBgcICQoL""#.to_owned()),
            ("sid", format!("{PAIR:?}")),
            ("gen", "1".to_owned()),
            ("epo", (at * 1000).to_string()),
            ("tenant", r#""default""#.to_owned()),
            ("auth_time", at.to_string()),
            ("amr", r#"["pwd"]"#.to_owned()),
            ("acr", r#""aal1""#.to_owned()),
        ];
        Self(claims.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub fn get(&self, name: &str) -> &str {
        &self.0.iter().find(|(own, _)| own == name).unwrap().1
    }

    /// With this claim, in its place or at the end. The value is JSON, or what claims to be.
    pub fn with(mut self, name: &str, value: impl ToString) -> Self {
        match self.0.iter_mut().find(|(own, _)| own == name) {
            Some((_, own)) => *own = value.to_string(),
            None => self.0.push((name.to_owned(), value.to_string())),
        }
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(own, _)| own != name);
        self
    }

    /// With a member in front, whatever its name; the name may be escaped.
    pub fn first(mut self, name: &str, value: impl ToString) -> Self {
        self.0.insert(0, (name.to_owned(), value.to_string()));
        self
    }

    pub fn text(&self) -> String {
        let members: Vec<_> =
            self.0.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
        format!("{{{}}}", members.join(","))
    }
}

/// A token with this header and this payload, whose signature holds.
pub fn token(keys: Keys, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    sealed(keys, &format!("{}.{}", encode(header), encode(payload)))
}

/// A token that is right.
pub fn good(keys: Keys) -> String {
    token(keys, header(keys), Payload::good().text())
}

/// A token with this payload that is right otherwise.
pub fn claiming(keys: Keys, payload: &Payload) -> String {
    token(keys, header(keys), payload.text())
}

/// Signs whatever stands before the second dot, as it stands.
pub fn sealed(keys: Keys, input: &str) -> String {
    format!("{input}.{}", encode(sign(keys, input.as_bytes())))
}

pub fn sign(keys: Keys, message: &[u8]) -> Vec<u8> {
    match keys {
        Keys::Hs256 | Keys::Opaque => hmac(&secret(2), message),
        Keys::Es256 => {
            let signature: Signature = es256().sign(message);
            signature.to_bytes().to_vec()
        }
        _ => ring_signs(keys, message),
    }
}

pub fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(message);
    mac.finalize().into_bytes().to_vec()
}

/// The key of P-256: a scalar that is the hash of a sentence.
pub fn es256() -> SigningKey {
    SigningKey::from_slice(&Sha256::digest("session-issuer: hostile tokens: ES256")).unwrap()
}

/// The coordinates of a point, as a JWK has them.
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
pub fn es256_jwk(id: &str, point: &[u8], d: Option<&[u8]>) -> String {
    let mut jwk = serde_json::json!({
        "kty": "EC", "crv": "P-256", "kid": id, "x": encode(&point[1..33]), "y": encode(&point[33..65]),
    });
    if let Some(d) = d {
        jwk["d"] = encode(d).into();
    }
    jwk.to_string()
}

/// The key of RFC 8037, appendix A.
pub const ED_SEED: &str = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A";
pub const ED_PUBLIC: &str = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";

#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
pub fn rsa_pem() -> &'static str {
    include_str!("../../vectors/keys/rsa2048.pkcs8.pem")
}

#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
pub fn secret_key(keys: Keys) -> session_issuer::signer::SecretKey {
    use session_issuer::{signer::SecretKey, token::Algorithm};
    let key = match keys {
        Keys::Hs256 | Keys::Opaque => SecretKey::hs256("k1", &secret(2)),
        Keys::Es256 => {
            let key = es256();
            let point = key.verifying_key().to_sec1_point(false);
            SecretKey::from_jwk(&es256_jwk("e1", point.as_bytes(), Some(&key.to_bytes())))
        }
        Keys::EdDsa => SecretKey::from_jwk(&format!(
            r#"{{"kty":"OKP","crv":"Ed25519","kid":"d1","x":"{ED_PUBLIC}","d":"{ED_SEED}"}}"#
        )),
        Keys::Rs256 => {
            SecretKey::from_pem(Algorithm::Rs256, rsa_pem()).and_then(|key| key.with_id("r1"))
        }
    };
    key.unwrap()
}

/// EdDSA and RS256 sign the same bytes the same way every time, whoever does it.
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
fn ring_signs(keys: Keys, message: &[u8]) -> Vec<u8> {
    use session_issuer::{
        signer::{KeyRing, SignRequest, TokenSigner},
        testing::block_on,
    };
    use std::sync::OnceLock;
    static RINGS: [OnceLock<KeyRing>; 2] = [const { OnceLock::new() }; 2];
    let ring =
        RINGS[usize::from(keys == Keys::Rs256)].get_or_init(|| KeyRing::new(secret_key(keys)));
    let key = ring.signing_key(ManualClock::START).unwrap();
    block_on(ring.sign(SignRequest::new(&key, message))).unwrap()
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
fn ring_signs(_: Keys, _: &[u8]) -> Vec<u8> {
    unreachable!("no arithmetic: nothing asks for it")
}

/// A public key as PEM and as DER, as everybody may have it.
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
pub fn public_forms(keys: Keys) -> (String, Vec<u8>) {
    use base64::engine::general_purpose::STANDARD;
    let der = match keys {
        Keys::Es256 => {
            let head = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
            let mut der = STANDARD.decode(head).unwrap();
            der.extend_from_slice(&es256().verifying_key().to_sec1_point(false).as_bytes()[1..]);
            der
        }
        Keys::EdDsa => {
            let mut der = STANDARD.decode("MCowBQYDK2VwAyEA").unwrap();
            der.extend(URL_SAFE_NO_PAD.decode(ED_PUBLIC).unwrap());
            der
        }
        _ => {
            let pem = include_str!("../../vectors/keys/rsa2048.public.pem");
            let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
            STANDARD.decode(body).unwrap()
        }
    };
    let body = STANDARD.encode(&der);
    let lines: Vec<_> =
        body.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    (format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n")), der)
}
