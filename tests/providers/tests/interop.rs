//! Tokens of ours that `jsonwebtoken` reads, and tokens of its that we read: with one of its crypto
//! features on, and, with the feature `both`, with both of them on at once, where its own functions
//! panic and ours do not.

use std::collections::BTreeMap;

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::Value;
#[cfg(feature = "both")]
use serde_json::json;
use session_issuer::{
    Issuer, NewSession, Policy, Refresh, Requirement,
    entropy::SystemEntropy,
    error::ErrorKind,
    id::SubjectId,
    metadata::HostClaims,
    signer::{InvalidKey, KeyRing, SecretKey},
    store::MemoryStore,
    token::{self, TokenKeys},
};

const SECRET: [u8; 32] = [
    0x03, 0x23, 0x35, 0x4b, 0x2b, 0x0f, 0xa5, 0xbc, 0x83, 0x7e, 0x06, 0x65, 0x77, 0x7b, 0xa6, 0x8f,
    0x5a, 0xb3, 0x28, 0xe6, 0xf0, 0x54, 0xc9, 0x28, 0xa9, 0x0f, 0x84, 0xb2, 0xd2, 0x50, 0x2e, 0xbf,
];

fn issuer() -> Issuer {
    let key = EncodingKey::from_secret(&SECRET);
    issuer_with(KeyRing::new(
        SecretKey::from_encoding_key("k1", token::Algorithm::Hs256, &key).unwrap(),
    ))
}

fn issuer_with(ring: KeyRing) -> Issuer {
    Issuer::builder()
        .store(MemoryStore::new())
        .token_keys(TokenKeys::generate(&SystemEntropy).unwrap())
        .signer(ring)
        .name("https://id.example")
        .audience("api")
        .build()
        .unwrap()
}

fn login(issuer: &Issuer) -> session_issuer::issuer::Issued {
    let claims = HostClaims::of([("plan", "gold")]).unwrap();
    let new = NewSession::for_subject(SubjectId::new("alice").unwrap()).claims(claims);
    pollster::block_on(issuer.create(new)).unwrap()
}

#[test]
fn everything_of_ours_works_whatever_the_provider() {
    let issuer = issuer();
    let login = login(&issuer);
    pollster::block_on(async {
        issuer.verify(login.token()).unwrap();
        issuer.check(login.token(), &Requirement::new()).await.unwrap();
        let next = issuer.refresh(Refresh::new(login.refresh_token().unwrap())).await.unwrap();
        issuer.check(next.token(), &Requirement::new()).await.unwrap();
        let forged = format!("{}.AAAA", next.token().rsplit_once('.').unwrap().0);
        assert_eq!(issuer.verify(&forged).unwrap_err().kind(), ErrorKind::InvalidToken);
    });
    let junk = EncodingKey::from_ed_der(&[0; 48]);
    let refusal = SecretKey::from_encoding_key("k1", token::Algorithm::EdDsa, &junk).unwrap_err();
    assert!(matches!(refusal, InvalidKey::Malformed(_)), "{refusal:?}");
    assert_eq!(Policy::default().problems(), []);
}

#[test]
#[cfg(feature = "both")]
#[ignore = "runs in a process of its own: see tests/run.sh"]
fn with_both_features_on_its_own_functions_panic_where_no_provider_is_installed() {
    // What this crate keeps its hosts from.
    assert!(std::env::var_os("WITHOUT_PROVIDER").is_some(), "others would install one");
    let panicked = std::panic::catch_unwind(|| {
        let _ = jsonwebtoken::encode(
            &Header::default(),
            &json!({}),
            &EncodingKey::from_secret(&SECRET),
        );
    });
    // Where the trap is gone, the documentation must say so.
    let panicked = panicked.unwrap_err();
    let message = panicked.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panicked.downcast_ref::<&str>().copied());
    assert!(message.is_some_and(|text| text.contains("CryptoProvider")), "{message:?}");
    everything_of_ours_works_whatever_the_provider();
}

/// With both features on, an application must choose, and only then do its functions work.
fn choose_a_provider() {
    assert!(std::env::var_os("WITHOUT_PROVIDER").is_none(), "this run is to have no provider");
    #[cfg(feature = "both")]
    {
        // An error says that another test was faster.
        let _ = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
    }
}

/// One algorithm: our key and `jsonwebtoken`'s of the same text.
struct Side {
    algorithm: Algorithm,
    ours: SecretKey,
    encoding: EncodingKey,
    decoding: DecodingKey,
}

fn sides() -> Vec<Side> {
    let hs256 = EncodingKey::from_secret(&SECRET);
    let es256 =
        EncodingKey::from_ec_pem(include_bytes!("../../vectors/keys/p256.pkcs8.pem")).unwrap();
    let eddsa =
        EncodingKey::from_ed_pem(include_bytes!("../../vectors/keys/ed25519.pkcs8.pem")).unwrap();
    let mut sides = vec![
        (Algorithm::HS256, token::Algorithm::Hs256, hs256),
        (Algorithm::ES256, token::Algorithm::Es256, es256),
        (Algorithm::EdDSA, token::Algorithm::EdDsa, eddsa),
    ];
    if cfg!(feature = "both") {
        let rs256 =
            EncodingKey::from_rsa_pem(include_bytes!("../../vectors/keys/rsa2048.pkcs8.pem"))
                .unwrap();
        sides.push((Algorithm::RS256, token::Algorithm::Rs256, rs256));
    }
    let side = |(algorithm, own, encoding): (_, _, EncodingKey)| {
        let ours = SecretKey::from_encoding_key("k1", own, &encoding).unwrap();
        let decoding = match ours.public() {
            Some(public) => {
                DecodingKey::from_jwk(&serde_json::from_value(public.to_jwk()).unwrap()).unwrap()
            }
            None => DecodingKey::from_secret(&SECRET),
        };
        Side { algorithm, ours, encoding, decoding }
    };
    sides.into_iter().map(side).collect()
}

#[test]
fn every_algorithm_of_ours_works_whatever_the_provider() {
    for side in sides() {
        let issuer = issuer_with(KeyRing::new(side.ours));
        let login = login(&issuer);
        issuer.verify(login.token()).unwrap();
    }
}

#[test]
fn it_reads_our_tokens() {
    choose_a_provider();
    for side in sides() {
        let issuer = issuer_with(KeyRing::new(side.ours));
        let login = login(&issuer);
        let mut validation = Validation::new(side.algorithm);
        validation.set_audience(&["api"]);
        validation.set_issuer(&["https://id.example"]);
        validation.set_required_spec_claims(&["exp", "nbf", "aud", "iss", "sub"]);
        let decoded = jsonwebtoken::decode::<BTreeMap<String, Value>>(
            login.token(),
            &side.decoding,
            &validation,
        )
        .unwrap_or_else(|error| panic!("{:?}: {error}", side.algorithm));
        assert_eq!(decoded.header.alg, side.algorithm);
        assert_eq!(decoded.header.kid.as_deref(), Some("k1"));
        assert_eq!(decoded.header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(decoded.claims["sub"], "alice");
        assert_eq!(decoded.claims["plan"], "gold");
        assert_eq!(decoded.claims["sid"], login.session_id().to_string());
    }
}

#[test]
fn we_read_its_tokens_and_refuse_what_ours_never_say() {
    choose_a_provider();
    for side in sides() {
        let issuer = issuer_with(KeyRing::new(side.ours));
        let login = login(&issuer);
        let mut validation = Validation::new(side.algorithm);
        validation.set_audience(&["api"]);
        let claims = jsonwebtoken::decode::<Value>(login.token(), &side.decoding, &validation)
            .unwrap()
            .claims;
        let header = |typ: Option<&str>, kid: Option<&str>| Header {
            typ: typ.map(str::to_owned),
            kid: kid.map(str::to_owned),
            ..Header::new(side.algorithm)
        };
        let encode = |header: &Header, claims: &Value| {
            jsonwebtoken::encode(header, claims, &side.encoding).unwrap()
        };
        let good = header(Some("at+jwt"), Some("k1"));
        let verified = issuer.verify(&encode(&good, &claims)).unwrap();
        assert_eq!(verified.subject().unwrap().as_str(), "alice");
        pollster::block_on(issuer.check(encode(&good, &claims).as_str(), &Requirement::new()))
            .unwrap();
        for bad in [
            header(None, Some("k1")),
            header(Some("JWT"), Some("k1")),
            header(Some("at+jwt"), None),
        ] {
            let refusal = issuer.verify(&encode(&bad, &claims)).unwrap_err();
            assert_eq!(refusal.kind(), ErrorKind::MalformedToken);
        }
        let mut without = claims.clone();
        without.as_object_mut().unwrap().remove("jti");
        let refusal = issuer.verify(&encode(&good, &without)).unwrap_err();
        assert_eq!(refusal.kind(), ErrorKind::InvalidToken);
    }
}
