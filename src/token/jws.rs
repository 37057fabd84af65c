//! JWS compact serialisation (RFC 7515), strictly: our own header and nothing else.

use std::{borrow::Cow, sync::OnceLock};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Deserialize;

use super::TokenFault;

/// The longest token that is looked at: 8 KiB.
pub const MAX_TOKEN_BYTES: usize = 8 * 1024;
/// The longest header, decoded: 1 KiB.
const MAX_HEADER_BYTES: usize = 1024;
/// A payload of at most so many characters is decoded on the stack.
const USUAL_PAYLOAD_BYTES: usize = 1024;
/// The longest signature: RSA of 4096 bits.
const MAX_SIGNATURE_BYTES: usize = 512;
/// A header of ours with a key id of 64 characters fits.
const USUAL_HEADER_BYTES: usize = 128;
/// Room for two dots, and for a signature of 64 bytes as base64url.
const SIGNED_BYTES: usize = 96;

/// The algorithm of a signing key. A key has exactly one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// HMAC with SHA-256 (RFC 7518).
    Hs256,
    /// ECDSA on P-256 with SHA-256 (RFC 7518).
    Es256,
    /// Ed25519 (RFC 8037); `Ed25519` (RFC 9864) is understood.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256 (RFC 7518).
    Rs256,
}

impl Algorithm {
    /// The value of the `alg` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hs256 => "HS256",
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    fn from_header(alg: &str) -> Option<Self> {
        match alg {
            "HS256" => Some(Self::Hs256),
            "ES256" => Some(Self::Es256),
            "EdDSA" | "Ed25519" => Some(Self::EdDsa),
            "RS256" => Some(Self::Rs256),
            _ => None,
        }
    }
}

/// A token taken apart. Nothing of it is believed yet.
pub(crate) struct Jws<'a> {
    pub(crate) algorithm: Algorithm,
    pub(crate) key_id: Cow<'a, str>,
    pub(crate) signing_input: &'a [u8],
    pub(crate) signature: &'a [u8],
    header: &'a str,
    payload: &'a str,
}

/// The one header this crate writes, and the only members it reads: `crit`, `jku`, `jwk`, `x5u`,
/// `b64`, `zip` and all others are unknown fields, and a name that comes twice is an error, however
/// it is escaped.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    kid: Cow<'a, str>,
    #[serde(borrow)]
    typ: Cow<'a, str>,
}

impl<'a> Jws<'a> {
    /// Takes a token apart, in this order: length, parts, header, `typ`, algorithm, signature's
    /// form. `scratch` holds the decoded signature.
    pub(crate) fn parse(
        token: &'a str,
        typ: &str,
        known: &'a KnownHeaders,
        scratch: &'a mut SignatureBuffer,
    ) -> Result<Self, TokenFault> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(TokenFault::malformed("longer than any token of ours"));
        }
        let (signing_input, signature) =
            token.rsplit_once('.').ok_or(TokenFault::malformed("not three parts"))?;
        let (header, payload) =
            signing_input.split_once('.').ok_or(TokenFault::malformed("not three parts"))?;
        if payload.contains('.') {
            return Err(TokenFault::malformed("not three parts"));
        }
        let (algorithm, key_id) = match known.get(header) {
            Some(known) => (known.algorithm, Cow::Borrowed(&*known.key_id)),
            None => {
                let (algorithm, key_id) = parse_header(header, typ)?;
                (algorithm, Cow::Owned(key_id))
            }
        };
        if signature.is_empty() || signature.len() > (MAX_SIGNATURE_BYTES * 4).div_ceil(3) {
            return Err(TokenFault::malformed("a signature of no length that is ours"));
        }
        let length = URL_SAFE_NO_PAD
            .decode_slice(signature, &mut scratch.0)
            .map_err(|_| TokenFault::malformed("the signature is not base64url"))?;
        let signature = scratch.0.get(..length).unwrap_or_default();
        let signing_input = signing_input.as_bytes();
        Ok(Self { algorithm, key_id, signing_input, signature, header, payload })
    }

    /// The payload. Only read it after the signature has held.
    pub(crate) fn payload<'b>(
        &self,
        buffer: &'b mut PayloadBuffer,
    ) -> Result<&'b [u8], TokenFault> {
        let malformed = || TokenFault::malformed("the payload is not base64url");
        if self.payload.len() > USUAL_PAYLOAD_BYTES {
            URL_SAFE_NO_PAD.decode_vec(self.payload, &mut buffer.long).map_err(|_| malformed())?;
            return Ok(&buffer.long);
        }
        let length = URL_SAFE_NO_PAD
            .decode_slice(self.payload, &mut buffer.usual)
            .map_err(|_| malformed())?;
        Ok(buffer.usual.get(..length).unwrap_or_default())
    }
}

fn parse_header(header: &str, typ: &str) -> Result<(Algorithm, String), TokenFault> {
    if header.len() > (MAX_HEADER_BYTES * 4).div_ceil(3) {
        return Err(TokenFault::malformed("the header is too long"));
    }
    let json = URL_SAFE_NO_PAD
        .decode(header)
        .map_err(|_| TokenFault::malformed("the header is not base64url"))?;
    // Serde would take an array of the three values, too.
    let header =
        json.starts_with(b"{").then(|| serde_json::from_slice::<Header<'_>>(&json).ok()).flatten();
    let header = header.ok_or(TokenFault::malformed("not a header of ours"))?;
    if !is_type(&header.typ, typ) {
        return Err(TokenFault::malformed("the header names another type of token"));
    }
    let algorithm = Algorithm::from_header(&header.alg)
        .ok_or(TokenFault::malformed("an algorithm that is not ours"))?;
    Ok((algorithm, header.kid.into_owned()))
}

/// The first few headers under which a signature has held, as they were written: one a key. What is
/// written the same says the same, so it is read once. The ring still decides, at every token,
/// whether the key is good.
#[derive(Default)]
pub(crate) struct KnownHeaders([OnceLock<KnownHeader>; 4]);

struct KnownHeader {
    text: Box<str>,
    algorithm: Algorithm,
    key_id: Box<str>,
}

impl KnownHeaders {
    fn get(&self, text: &str) -> Option<&KnownHeader> {
        self.0.iter().map_while(OnceLock::get).find(|known| *known.text == *text)
    }

    /// Remembers the header of a token whose signature has held.
    pub(crate) fn remember(&self, jws: &Jws<'_>) {
        let Cow::Owned(key_id) = &jws.key_id else { return };
        for place in &self.0 {
            let known = || KnownHeader {
                text: jws.header.into(),
                algorithm: jws.algorithm,
                key_id: key_id.as_str().into(),
            };
            // Another thread may have put the same one there.
            if *place.get_or_init(known).text == *jws.header {
                return;
            }
        }
    }
}

/// Where a signature is decoded to.
pub(crate) struct SignatureBuffer([u8; MAX_SIGNATURE_BYTES + 2]);

impl SignatureBuffer {
    pub(crate) fn new() -> Self {
        Self([0; MAX_SIGNATURE_BYTES + 2])
    }
}

/// Where a payload is decoded to: the usual one costs no allocation.
pub(crate) struct PayloadBuffer {
    usual: [u8; USUAL_PAYLOAD_BYTES],
    long: Vec<u8>,
}

impl PayloadBuffer {
    pub(crate) fn new() -> Self {
        Self { usual: [0; USUAL_PAYLOAD_BYTES], long: Vec::new() }
    }
}

/// Media types compare without case, and without `application/` (RFC 7515 section 4.1.9).
fn is_type(found: &str, wanted: &str) -> bool {
    let bare = match found.get(..12) {
        Some(prefix) if prefix.eq_ignore_ascii_case("application/") => {
            found.get(12..).unwrap_or_default()
        }
        _ => found,
    };
    bare.eq_ignore_ascii_case(wanted)
}

/// A token that is being written: `header.payload`, ready to be signed.
pub(crate) struct Unsigned(Vec<u8>);

impl Unsigned {
    pub(crate) fn new(algorithm: Algorithm, key_id: &str, typ: &str, payload: &[u8]) -> Self {
        // A key id has no character that JSON escapes: the ring sees to that.
        let parts = [
            r#"{"typ":""#,
            typ,
            r#"","alg":""#,
            algorithm.as_str(),
            r#"","kid":""#,
            key_id,
            r#""}"#,
        ];
        let (mut buffer, mut length) = ([0; USUAL_HEADER_BYTES], 0);
        for part in parts {
            if let Some(place) = buffer.get_mut(length..length + part.len()) {
                place.copy_from_slice(part.as_bytes());
            }
            length += part.len();
        }
        let mut token =
            Self(Vec::with_capacity((length + payload.len()).div_ceil(3) * 4 + SIGNED_BYTES));
        match buffer.get(..length) {
            Some(header) => token.encode(header),
            // The id of a host's own signer may be longer.
            None => token.encode(parts.concat().as_bytes()),
        }
        token.0.push(b'.');
        token.encode(payload);
        token
    }

    /// What is to be signed.
    pub(crate) fn signing_input(&self) -> &[u8] {
        &self.0
    }

    /// The whole token: the signature behind the rest.
    pub(crate) fn seal(mut self, signature: &[u8]) -> String {
        self.0.push(b'.');
        self.encode(signature);
        // Base64url and dots alone are text.
        String::from_utf8(self.0).unwrap_or_default()
    }

    /// Appends these bytes as base64url: text that grows is proven to be text piece by piece, which
    /// takes longer.
    fn encode(&mut self, bytes: &[u8]) {
        let from = self.0.len();
        self.0.resize(from + (bytes.len() * 4).div_ceil(3), 0);
        // The room is as long as it must be, so this does not fail.
        let _ = URL_SAFE_NO_PAD.encode_slice(bytes, self.0.get_mut(from..).unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(token: &str) -> Result<(Algorithm, String), &'static str> {
        let (known, mut buffer) = (KnownHeaders::default(), SignatureBuffer::new());
        let jws = Jws::parse(token, "at+jwt", &known, &mut buffer).map_err(|fault| fault.what)?;
        Ok((jws.algorithm, jws.key_id.into_owned()))
    }

    fn with_header(header: &str) -> String {
        format!(
            "{}.{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode("{}"),
            URL_SAFE_NO_PAD.encode("s")
        )
    }

    #[test]
    fn our_own_header_is_read_and_every_other_is_refused() {
        let good = with_header(r#"{"typ":"at+jwt","alg":"HS256","kid":"k1"}"#);
        assert_eq!(parse(&good), Ok((Algorithm::Hs256, "k1".to_owned())));
        let media_type = with_header(r#"{"typ":"application/AT+JWT","alg":"HS256","kid":"k1"}"#);
        assert_eq!(parse(&media_type), Ok((Algorithm::Hs256, "k1".to_owned())));
        const NOT_OURS: &str = "not a header of ours";
        const OTHER_ALGORITHM: &str = "an algorithm that is not ours";
        for (header, expected) in [
            (r#"{"typ":"at+jwt","alg":"none","kid":"k1"}"#, OTHER_ALGORITHM),
            (r#"{"typ":"at+jwt","alg":"None","kid":"k1"}"#, OTHER_ALGORITHM),
            (r#"{"typ":"at+jwt","alg":"hs256","kid":"k1"}"#, OTHER_ALGORITHM),
            (r#"{"typ":"at+jwt","alg":["HS256"],"kid":"k1"}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","alg":null,"kid":"k1"}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","kid":"k1"}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","alg":"HS256"}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","alg":"HS256","kid":1}"#, NOT_OURS),
            (r#"{"typ":"JWT","alg":"HS256","kid":"k1"}"#, "the header names another type of token"),
            (r#"{"alg":"HS256","kid":"k1"}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","alg":"HS256","alg":"HS256","kid":"k1"}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","alg":"HS256","\u0061lg":"HS256","kid":"k1"}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","alg":"HS256","kid":"k1","crit":[]}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","alg":"HS256","kid":"k1","b64":false}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","alg":"HS256","kid":"k1","jwk":{}}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","alg":"HS256","kid":"k1","jku":"https://a.example"}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","alg":"HS256","kid":"k1","x5u":"https://a.example"}"#, NOT_OURS),
            (r#"{"typ":"at+jwt","alg":"HS256","kid":"k1"} {}"#, NOT_OURS),
            (r#"["HS256"]"#, NOT_OURS),
            (r#"["HS256","k1","at+jwt"]"#, NOT_OURS),
            ("", NOT_OURS),
        ] {
            assert_eq!(parse(&with_header(header)), Err(expected), "{header}");
        }
        let long = format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":"{}"}}"#, "k".repeat(1024));
        assert_eq!(parse(&with_header(&long)), Err("the header is too long"));
    }

    #[test]
    fn a_header_that_was_seen_is_read_as_it_was_and_others_beside_it() {
        let known = KnownHeaders::default();
        let token =
            |kid: usize| with_header(&format!(r#"{{"typ":"at+jwt","alg":"HS256","kid":"{kid}"}}"#));
        for round in 0..2 {
            for kid in 0..6 {
                let (token, mut buffer) = (token(kid), SignatureBuffer::new());
                let jws = Jws::parse(&token, "at+jwt", &known, &mut buffer).ok().unwrap();
                assert_eq!((jws.algorithm, &*jws.key_id), (Algorithm::Hs256, &*kid.to_string()));
                assert_eq!(matches!(jws.key_id, Cow::Borrowed(_)), round == 1 && kid < 4);
                known.remember(&jws);
            }
        }
    }

    #[test]
    fn only_three_parts_of_canonical_base64url_are_a_token() {
        let good = with_header(r#"{"typ":"at+jwt","alg":"HS256","kid":"k1"}"#);
        let (head, tail) = good.split_once('.').unwrap();
        const PARTS: &str = "not three parts";
        const HEADER: &str = "the header is not base64url";
        const SIGNATURE: &str = "the signature is not base64url";
        const LONG: &str = "longer than any token of ours";
        for (bad, expected) in [
            (String::new(), PARTS),
            (".".into(), PARTS),
            ("..".into(), "not a header of ours"),
            (head.into(), PARTS),
            (format!("{head}.{tail}.x"), PARTS),
            (format!(".{good}"), PARTS),
            (format!("{good}."), PARTS),
            (format!("{good}="), SIGNATURE),
            (format!(" {good}"), HEADER),
            (format!("{good}\n"), SIGNATURE),
            (format!("{good}\0"), SIGNATURE),
            (format!("{head}=.{tail}"), HEADER),
            (good.replace("cw", "cx"), SIGNATURE), // trailing bits that are not zero
            (format!("{good}~disclosure~"), SIGNATURE),
            (".".repeat(100_000), LONG),
            ("A".repeat(1_000_000), LONG),
        ] {
            assert_eq!(parse(&bad), Err(expected), "{}", bad.get(..80).unwrap_or(&bad));
        }
    }
}
