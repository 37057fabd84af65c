//! Opaque tokens: a name, a place in its session, and a MAC.
//!
//! ```text
//! ses_r1_ base64url( key id 2 | session id 16 | generation 4 | [expiry 6] | MAC 24 | checksum 4 )
//!     ||
//!     |+- version of the form
//!     +-- kind: a access, r refresh, s session, q request
//! ```
//!
//! `MAC = HMAC-SHA256(key, version | kind | key id | session id | generation | [expiry] | salt |
//! tenant length | tenant)`, cut to 192 bits. Everything before the tenant has a fixed length for
//! its kind, so no two tokens share an input. The checksum is a short MAC (SipHash-2-4) under a key
//! of its own: what does not pass it never reaches a store.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use siphasher::sip::SipHasher24;
use subtle::ConstantTimeEq;

use super::{TokenFault, TokenKeys, keys::TokenKey};
use crate::{
    clock::Timestamp,
    id::{SessionId, TenantId},
    secret::Secret,
};

const PREFIX: &str = "ses_";
const VERSION: u8 = b'1';
const MAC_BYTES: usize = 24;
const SUM_BYTES: usize = 4;
const HEAD_BYTES: usize = 2 + 16 + 4;
const EXPIRY_BYTES: usize = 6;
/// Version and kind, which stand in front of the base64url.
const FORM_BYTES: usize = 2;
const MAX_BYTES: usize = HEAD_BYTES + EXPIRY_BYTES + MAC_BYTES + SUM_BYTES;

/// What an opaque token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum TokenKind {
    /// Proof of a session, for a short time.
    Access,
    /// Buys the next pair.
    Refresh,
    /// Handle of a session, good at its exact generation (flows C and D).
    Session,
    /// A request token before its exchange (flow D).
    Request,
}

impl TokenKind {
    fn letter(self) -> u8 {
        match self {
            Self::Access => b'a',
            Self::Refresh => b'r',
            Self::Session => b's',
            Self::Request => b'q',
        }
    }

    fn from_letter(letter: u8) -> Option<Self> {
        [Self::Access, Self::Refresh, Self::Session, Self::Request]
            .into_iter()
            .find(|kind| kind.letter() == letter)
    }
}

/// What a token is minted from.
pub(crate) struct Mint<'a> {
    pub(crate) kind: TokenKind,
    pub(crate) key: u16,
    pub(crate) tenant: &'a TenantId,
    pub(crate) id: SessionId,
    pub(crate) generation: u32,
    pub(crate) salt: &'a [u8; 16],
    /// Access tokens alone have one.
    pub(crate) expires_at: Option<Timestamp>,
}

/// A token of the right form with the right checksum. Its MAC is not proven yet.
pub(crate) struct OpaqueToken {
    pub(crate) kind: TokenKind,
    pub(crate) id: SessionId,
    pub(crate) generation: u32,
    pub(crate) expires_at: Option<Timestamp>,
    key: u16,
    mac: [u8; MAC_BYTES],
}

/// True when a text claims to be one of our opaque tokens.
pub(crate) fn looks_opaque(text: &str) -> bool {
    text.starts_with(PREFIX)
}

impl TokenKeys {
    /// Mints a token; none when the ring has no such key.
    pub(crate) fn mint(&self, mint: &Mint<'_>) -> Option<Secret> {
        let key = self.get(mint.key)?;
        let mut bytes = head(key, mint.kind, mint.id, mint.generation, mint.expires_at);
        let mac = tag(key, &bytes, mint.salt, mint.tenant);
        bytes.put(&mac);
        let sum = checksum(key, bytes.all());
        bytes.put(&sum);
        let bytes = bytes.all().get(FORM_BYTES..)?;
        let form = PREFIX.len() + 3;
        let length = form + (bytes.len() * 4).div_ceil(3);
        let mut text = Vec::with_capacity(length);
        text.extend_from_slice(PREFIX.as_bytes());
        text.extend_from_slice(&[mint.kind.letter(), VERSION, b'_']);
        text.resize(length, 0);
        URL_SAFE_NO_PAD.encode_slice(bytes, text.get_mut(form..)?).ok()?;
        String::from_utf8(text).ok().map(Secret::from)
    }

    /// Reads a token: its form and its checksum, and nothing that needs a store.
    pub(crate) fn parse(&self, text: &str) -> Result<OpaqueToken, TokenFault> {
        let rest = text.strip_prefix(PREFIX).ok_or(TokenFault::malformed("not an opaque token"))?;
        let &[letter, VERSION, b'_', ref body @ ..] = rest.as_bytes() else {
            return Err(TokenFault::malformed("no opaque token of this version"));
        };
        let kind = TokenKind::from_letter(letter)
            .ok_or(TokenFault::malformed("no such kind of opaque token"))?;
        let length = HEAD_BYTES
            + MAC_BYTES
            + SUM_BYTES
            + if kind == TokenKind::Access { EXPIRY_BYTES } else { 0 };
        if body.len() != (length * 4).div_ceil(3) {
            return Err(TokenFault::malformed("an opaque token of another length"));
        }
        let mut buffer = Form::new(kind);
        let decoded = URL_SAFE_NO_PAD.decode_slice(body, buffer.rest());
        let bytes = buffer.bytes.get(..FORM_BYTES + length).filter(|_| decoded == Ok(length));
        let bytes = bytes.ok_or(TokenFault::malformed("an opaque token in another alphabet"))?;
        let sealed = bytes.split_at_checked(FORM_BYTES + length - SUM_BYTES);
        let (sealed, sum) =
            sealed.ok_or(TokenFault::malformed("an opaque token of another length"))?;
        let mut reader = Reader(sealed.get(FORM_BYTES..).unwrap_or_default());

        let fields = (|| {
            let key = u16::from_be_bytes(reader.take()?);
            let id = SessionId::from_bytes(reader.take()?);
            let generation = u32::from_be_bytes(reader.take()?);
            let expires_at = match kind {
                TokenKind::Access => {
                    let [a, b, c, d, e, f] = reader.take::<EXPIRY_BYTES>()?;
                    Some(Timestamp::from_millis(i64::from_be_bytes([0, 0, a, b, c, d, e, f])))
                }
                _ => None,
            };
            Some(OpaqueToken { kind, id, generation, expires_at, key, mac: reader.take()? })
        })();
        let token = fields.ok_or(TokenFault::malformed("an opaque token of another length"))?;
        let key = self
            .get(token.key)
            .ok_or(TokenFault::invalid("a token of a key that is not in the ring"))?;
        match bool::from(checksum(key, sealed).ct_eq(sum)) {
            true => Ok(token),
            false => Err(TokenFault::malformed("the checksum of an opaque token does not hold")),
        }
    }

    /// Says whether a token is genuine: in constant time, and the same work whether or not its
    /// record exists (the caller passes any salt when it does not).
    pub(crate) fn proves(&self, token: &OpaqueToken, tenant: &TenantId, salt: &[u8; 16]) -> bool {
        let Some(key) = self.get(token.key) else { return false };
        let head = head(key, token.kind, token.id, token.generation, token.expires_at);
        let right = tag(key, &head, salt, tenant);
        right.ct_eq(&token.mac).into()
    }
}

/// What a token says: both the MAC and the checksum begin with it.
fn head(
    key: &TokenKey,
    kind: TokenKind,
    id: SessionId,
    generation: u32,
    expires_at: Option<Timestamp>,
) -> Form {
    let mut form = Form::new(kind);
    form.put(&key.id.to_be_bytes());
    form.put(&id.to_bytes());
    form.put(&generation.to_be_bytes());
    if let Some(at) = expires_at {
        let [_, _, bytes @ ..]: [u8; 2 + EXPIRY_BYTES] =
            u64::try_from(at.as_millis()).unwrap_or(0).to_be_bytes();
        form.put(&bytes);
    }
    form
}

fn tag(key: &TokenKey, head: &Form, salt: &[u8; 16], tenant: &TenantId) -> [u8; MAC_BYTES] {
    // A tenant has at most 200 characters, so its bytes fit.
    let tenant_len = u16::try_from(tenant.as_str().len()).unwrap_or(u16::MAX);
    let mut fixed = *head;
    fixed.put(salt);
    fixed.put(&tenant_len.to_be_bytes());
    let full = key.mac.tag(&[fixed.all(), tenant.as_str().as_bytes()]);
    let mut cut = [0; MAC_BYTES];
    for (out, byte) in cut.iter_mut().zip(full) {
        *out = byte;
    }
    cut
}

fn checksum(key: &TokenKey, sealed: &[u8]) -> [u8; SUM_BYTES] {
    let [a, b, c, d, ..] = SipHasher24::new_with_key(&key.checksum).hash(sealed).to_be_bytes();
    [a, b, c, d]
}

/// The bytes of a token, with its version and its kind in front, as they are authenticated.
#[derive(Clone, Copy)]
struct Form {
    bytes: [u8; FORM_BYTES + MAX_BYTES],
    len: usize,
}

impl Form {
    fn new(kind: TokenKind) -> Self {
        let mut form = Self { bytes: [0; FORM_BYTES + MAX_BYTES], len: 0 };
        form.put(&[VERSION, kind.letter()]);
        form
    }

    /// Adds a part. Every form has room for all of its parts.
    fn put(&mut self, part: &[u8]) {
        let room = self.bytes.get_mut(self.len..).and_then(|room| room.get_mut(..part.len()));
        if let Some(room) = room {
            room.copy_from_slice(part);
            self.len += part.len();
        }
    }

    fn all(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn rest(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.len..).unwrap_or_default()
    }
}

/// Takes fixed parts off the front of some bytes.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    fn keys() -> TokenKeys {
        let secret: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(167).wrapping_add(13)).collect();
        TokenKeys::new(7, &secret).unwrap()
    }

    fn mint<'a>(kind: TokenKind, tenant: &'a TenantId, salt: &'a [u8; 16]) -> Mint<'a> {
        let id = SessionId::assemble(Timestamp::from_secs(1_700_000_000), 3, [9; 6], 0x1234);
        let expires_at = (kind == TokenKind::Access).then(|| Timestamp::from_secs(1_700_000_600));
        Mint { kind, key: 7, tenant, id, generation: 5, salt, expires_at }
    }

    const KINDS: [TokenKind; 4] =
        [TokenKind::Access, TokenKind::Refresh, TokenKind::Session, TokenKind::Request];

    #[test]
    fn a_token_reads_back_as_what_it_was_minted_from() {
        let (keys, tenant, salt) = (keys(), TenantId::default(), [4; 16]);
        for kind in KINDS {
            let minted = keys.mint(&mint(kind, &tenant, &salt)).unwrap();
            let token = keys.parse(minted.expose()).unwrap();
            assert_eq!((token.kind, token.generation), (kind, 5));
            assert_eq!(token.expires_at.is_some(), kind == TokenKind::Access);
            assert!(keys.proves(&token, &tenant, &salt));
            assert!(!keys.proves(&token, &tenant, &[5; 16]), "another salt");
            assert!(
                !keys.proves(&token, &TenantId::new("other").unwrap(), &salt),
                "another tenant"
            );
            assert!((70..85).contains(&minted.expose().len()), "{}", minted.expose().len());
        }
    }

    #[test]
    fn a_token_changed_in_any_one_character_is_refused() {
        let (keys, tenant, salt) = (keys(), TenantId::default(), [4; 16]);
        for kind in KINDS {
            let minted = keys.mint(&mint(kind, &tenant, &salt)).unwrap().expose().to_owned();
            for at in 0..minted.len() {
                for with in ["A", "q", "_", "=", "\0"] {
                    let mut text = minted.clone();
                    text.replace_range(at..=at, with);
                    if text == minted {
                        continue;
                    }
                    let proven =
                        keys.parse(&text).is_ok_and(|token| keys.proves(&token, &tenant, &salt));
                    assert!(!proven, "{text}");
                }
                let cut = keys.parse(&minted[..at]).err().unwrap();
                assert_eq!(cut.kind, ErrorKind::MalformedToken, "{at}");
            }
            let longer = keys.parse(&format!("{minted}A")).err().unwrap();
            assert_eq!(longer.what, "an opaque token of another length");
        }
    }

    #[test]
    fn a_token_made_without_the_key_never_gets_as_far_as_a_store() {
        let (keys, tenant, salt) = (keys(), TenantId::default(), [4; 16]);
        let other =
            TokenKeys::new(7, &[*b"0123456789abcdef", *b"ghijklmnopqrstuv"].concat()).unwrap();
        let foreign = other.mint(&mint(TokenKind::Refresh, &tenant, &salt)).unwrap();
        assert_eq!(keys.parse(foreign.expose()).err().unwrap().kind, ErrorKind::MalformedToken);
    }

    #[test]
    fn a_ring_mints_with_the_latest_key_that_has_started_and_proves_with_all() {
        let secret: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(59).wrapping_add(3)).collect();
        let keys = keys().roll(8, &secret, Timestamp::from_secs(100)).unwrap();
        assert_eq!(keys.minting(Timestamp::from_millis(99_999)), Some(7));
        assert_eq!(keys.minting(Timestamp::from_secs(100)), Some(8));
        let (tenant, salt) = (TenantId::default(), [4; 16]);
        let old = keys.mint(&mint(TokenKind::Refresh, &tenant, &salt)).unwrap();
        assert!(keys.proves(&keys.parse(old.expose()).unwrap(), &tenant, &salt));
        let again = keys.clone().roll(7, &secret, Timestamp::EPOCH);
        assert_eq!(again.unwrap_err(), crate::token::InvalidTokenKey::DuplicateId(7));
        assert_eq!(format!("{keys:?}"), "TokenKeys { ids: [7, 8] }");
    }
}
