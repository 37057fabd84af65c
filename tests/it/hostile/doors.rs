//! Issuers and verifiers over one small store, the doors of both, and what each door must answer.

use std::{sync::Arc, time::Duration};

use session_issuer::{
    Error, Issuer, Refresh, Requirement, Revoke, Update,
    factor::FactorKind,
    id::{AppId, SubjectKey, TenantId},
    issuer::{Decide, Exchange},
    policy::Freshness,
    session::{CredentialsKind, Epoch, Record},
    signer::{KeyRing, TokenSigner},
    store::{Inserted, NewRecord, SessionStore},
    testing::{FaultyStore, ManualClock, SeededEntropy, block_on, fixtures},
    token::TokenKeys,
};

use super::{
    make::*,
    row::{Keys, Row},
};
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
use session_issuer::verify::TokenVerifier;

use crate::world::{Store, id, secret};

/// Without arithmetic there is none.
#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
enum TokenVerifier {}

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
impl TokenVerifier {
    fn verify(&self, _: &str) -> Result<(), Error> {
        match *self {}
    }

    async fn verify_or_fetch(&self, _: &str) -> Result<(), Error> {
        match *self {}
    }
}

/// An issuer with one key, and a service that holds public keys alone.
pub struct House {
    pub issuer: Issuer,
    pub store: Store,
    verifier: Option<TokenVerifier>,
}

impl House {
    pub fn new(keys: Keys) -> Self {
        let store = Arc::new(FaultyStore::new(crate::world::any_store()));
        let alice = SubjectKey::new(TenantId::default(), id("alice"));
        block_on(store.stamp(&alice, ManualClock::START)).unwrap();
        for record in records() {
            let inserted = block_on(store.insert(NewRecord::new(record, ManualClock::START)));
            assert!(matches!(inserted, Ok(Inserted::Created { .. })), "{inserted:?}");
        }
        let issuer = Issuer::builder()
            .store(Arc::clone(&store))
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(signer(keys))
            .name(ISSUER_NAME)
            .audience(AUDIENCE_NAME)
            .clock(ManualClock::new())
            .entropy(SeededEntropy::new(7))
            .build()
            .unwrap();
        store.reset_calls();
        Self { issuer, store, verifier: verifier(keys) }
    }
}

/// A pair, a session token's session, and a request.
fn records() -> [Record; 3] {
    let session = |name: &str, kind| {
        fixtures::session()
            .id(name.parse().unwrap())
            .subject(id("alice"), Epoch::first(ManualClock::START))
            .factors(&[FactorKind::Password])
            .credentials(kind)
            .build()
    };
    let request = fixtures::request(AppId::new("films").unwrap()).id(REQUEST.parse().unwrap());
    [
        session(PAIR, CredentialsKind::Pair),
        session(SESSION, CredentialsKind::Session),
        request.build(),
    ]
}

#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
fn signer(keys: Keys) -> impl TokenSigner + 'static {
    ring(keys)
}

/// The one key, and for ES256 those that were chosen after their signature.
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
fn ring(keys: Keys) -> KeyRing {
    use session_issuer::signer::PublicKey;
    use std::sync::OnceLock;
    static RINGS: [OnceLock<KeyRing>; 5] = [const { OnceLock::new() }; 5];
    let make = || match keys {
        Keys::Es256 => super::curves::chosen().into_iter().fold(
            KeyRing::new(secret_key(keys)),
            |ring, chosen| {
                ring.verify_only(
                    PublicKey::from_jwk(&es256_jwk(chosen.id, &chosen.point, None)).unwrap(),
                )
                .unwrap()
            },
        ),
        _ => KeyRing::new(secret_key(keys)),
    };
    let at = Keys::ALL.iter().position(|own| *own == keys).unwrap();
    RINGS[at].get_or_init(make).clone()
}

/// Its own keys as they are published; for a symmetric one, those of all others.
#[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))]
fn verifier(keys: Keys) -> Option<TokenVerifier> {
    use session_issuer::signer::Jwks;
    let published = |keys: Keys| {
        serde_json::to_value(ring(keys).jwks(ManualClock::START)).unwrap()["keys"].clone()
    };
    let lists: Vec<_> = match keys {
        Keys::Hs256 | Keys::Opaque => [Keys::Es256, Keys::EdDsa, Keys::Rs256]
            .into_iter()
            .filter(|keys| keys.are_known())
            .map(published)
            .collect(),
        keys => vec![published(keys)],
    };
    let all: Vec<_> = lists.iter().flat_map(|list| list.as_array().unwrap()).collect();
    let set = Jwks::parse(serde_json::json!({ "keys": all }).to_string().as_bytes()).unwrap();
    let builder = TokenVerifier::builder(ISSUER_NAME).audience(AUDIENCE_NAME).keys(set);
    Some(builder.clock(ManualClock::new()).build().unwrap())
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
fn signer(_: Keys) -> impl TokenSigner + 'static {
    KeyRing::hs256("k1", &secret(2)).unwrap()
}

#[cfg(not(any(feature = "aws-lc-rs", feature = "rust-crypto")))]
fn verifier(_: Keys) -> Option<TokenVerifier> {
    None
}

/// Wherever a token is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    Verify,
    CheckStore,
    CheckStateless,
    CheckAtMost,
    Update,
    Revoke,
    RevokeOthers,
    Refresh,
    Decide,
    Exchange,
    Verifier,
    VerifierFetch,
}

impl Door {
    pub const ALL: [Self; 12] = [
        Self::Verify,
        Self::CheckStore,
        Self::CheckStateless,
        Self::CheckAtMost,
        Self::Update,
        Self::Revoke,
        Self::RevokeOthers,
        Self::Refresh,
        Self::Decide,
        Self::Exchange,
        Self::Verifier,
        Self::VerifierFetch,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::CheckStore => "check by the store",
            Self::CheckStateless => "check without it",
            Self::CheckAtMost => "check by the log",
            Self::Update => "update",
            Self::Revoke => "revoke",
            Self::RevokeOthers => "revoke the others",
            Self::Refresh => "refresh",
            Self::Decide => "decide",
            Self::Exchange => "exchange",
            Self::Verifier => "the verifier",
            Self::VerifierFetch => "the verifier that may fetch",
        }
    }

    /// Knocks. None where this build has no such door.
    pub fn knock(self, house: &House, token: &str) -> Option<Result<(), Error>> {
        let issuer = &house.issuer;
        let check = |freshness| {
            let need = Requirement::new().freshness(freshness);
            block_on(issuer.check(token, &need)).map(drop)
        };
        let app = || AppId::new("films").unwrap();
        Some(match self {
            Self::Verify => issuer.verify(token).map(drop),
            Self::CheckStore => check(Freshness::Store),
            Self::CheckStateless => check(Freshness::Stateless),
            Self::CheckAtMost => check(Freshness::AtMost(Duration::from_secs(5))),
            Self::Update => block_on(issuer.update(Update::with_token(token))).map(drop),
            Self::Revoke => block_on(issuer.revoke(Revoke::token(token))).map(drop),
            Self::RevokeOthers => block_on(issuer.revoke(Revoke::others_than(token))).map(drop),
            Self::Refresh => block_on(issuer.refresh(Refresh::new(token))).map(drop),
            Self::Decide => block_on(issuer.decide(Decide::deny(token))).map(drop),
            Self::Exchange => block_on(issuer.exchange(Exchange::new(token, app()))).map(drop),
            Self::Verifier => house.verifier.as_ref()?.verify(token).map(drop),
            Self::VerifierFetch => {
                block_on(house.verifier.as_ref()?.verify_or_fetch(token)).map(drop)
            }
        })
    }

    fn is_for_requests(self) -> bool {
        matches!(self, Self::Decide | Self::Exchange)
    }

    fn is_for_signed_ones(self) -> bool {
        matches!(self, Self::Verify | Self::Verifier | Self::VerifierFetch)
    }

    fn is_elsewhere(self) -> bool {
        matches!(self, Self::Verifier | Self::VerifierFetch)
    }

    /// Whether it takes opaque tokens of this kind.
    fn takes(self, letter: u8) -> bool {
        match self {
            Self::Revoke => true,
            Self::Refresh => letter == b'r',
            door if door.is_for_requests() => letter == b'q',
            door if door.is_for_signed_ones() => false,
            _ => matches!(letter, b'a' | b's'),
        }
    }
}

/// What a door must say: a code, and the rule behind it where that is known.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer<'a> {
    pub code: &'a str,
    pub why: Option<&'a str>,
}

/// What this door must say of this row. None where the row is for another door, or this door shall
/// take it.
pub fn answer<'a>(row: &'a Row, token: &str, door: Door) -> Option<Answer<'a>> {
    let own = Answer { code: &row.expect, why: (!row.why.is_empty()).then_some(&*row.why) };
    let of = |code| Some(Answer { code, why: None });
    if !row.door.is_empty() {
        return (row.door == door.name()).then_some(own);
    }
    // Whoever shows a token that is over, or was replaced, may still log out.
    if door == Door::Revoke
        && !["malformed_token", "invalid_token", "wrong_audience", "ok"].contains(&&*row.expect)
    {
        return None;
    }
    if token.starts_with("ses_") {
        let parsed = row.expect == "malformed_token" || row.why == super::opaque::RING.1;
        return match token.as_bytes().get(4) {
            _ if door.is_for_signed_ones() => of("wrong_token_kind"),
            _ if parsed => Some(own),
            Some(letter) if door.takes(*letter) => Some(own),
            _ => of("wrong_token_kind"),
        };
    }
    match door {
        Door::Refresh | Door::Decide | Door::Exchange => of("malformed_token"),
        // It has none of this issuer's symmetric keys: what is well formed is signed by nobody it
        // knows.
        door if door.is_elsewhere()
            && row.keys == Keys::Hs256
            && row.expect != "malformed_token" =>
        {
            of("invalid_token")
        }
        _ => Some(own),
    }
}
