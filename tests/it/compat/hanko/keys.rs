//! Hanko's tokens under keys of every algorithm. Numbers are those of the seed cases.

use serde_json::json;
use session_issuer::{
    Issuer, NewSession, Policy,
    compat::hanko::Service,
    entropy::SystemEntropy,
    signer::{KeyRing, SecretKey},
    testing::{ManualClock, block_on},
    token::{Algorithm, TokenKeys},
};

use crate::{
    compat::{create::*, hanko::create::post},
    world::*,
};

/// RS256, as Hanko, and others where the arithmetic is there.
fn algorithms() -> Vec<Algorithm> {
    let mut all = vec![Algorithm::Hs256];
    if cfg!(any(feature = "aws-lc-rs", feature = "rust-crypto")) {
        all.extend([Algorithm::Es256, Algorithm::EdDsa]);
    }
    if cfg!(feature = "aws-lc-rs") {
        all.push(Algorithm::Rs256);
    }
    all
}

fn key(algorithm: Algorithm, seed: u8) -> SecretKey {
    match algorithm {
        Algorithm::Hs256 => SecretKey::hs256(&format!("k{seed}"), &secret(seed)).unwrap(),
        _ => SecretKey::generate(algorithm, &SystemEntropy).unwrap().key,
    }
}

fn issuer(ring: KeyRing, clock: &ManualClock, name: &str, audience: &str) -> Issuer {
    Issuer::builder()
        .store(crate::world::any_store())
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .signer(ring)
        .clock(clock.clone())
        .policy(Policy::hanko())
        .name(name)
        .audience(audience)
        .build()
        .unwrap()
}

fn header(token: &str) -> serde_json::Value {
    use base64::Engine;
    let part = token.split('.').next().unwrap();
    let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

// 20
#[test]
fn the_newest_key_signs_the_published_set_has_both_and_both_verify() {
    for algorithm in algorithms() {
        let clock = ManualClock::new();
        let (old, new) = (key(algorithm, 2), key(algorithm, 3));
        let ring = KeyRing::new(old.clone());
        let before = issuer(ring.clone(), &clock, "rp", "rp");
        let first = post(&Service::new(before), json!({ "user_id": USER })).unwrap().session_token;
        clock.advance(SECOND);
        let both = ring.roll(new.clone(), session_issuer::clock::Clock::now(&clock)).unwrap();
        let after = issuer(both.clone(), &clock, "rp", "rp");
        let second =
            post(&Service::new(after.clone()), json!({ "user_id": USER })).unwrap().session_token;
        assert_eq!(header(first.expose())["kid"], json!(old.id()));
        assert_eq!(header(second.expose())["kid"], json!(new.id()));
        assert_eq!(header(second.expose())["typ"], json!("JWT"));
        let published = serde_json::to_value(both.jwks(after.now())).unwrap();
        let public = if algorithm == Algorithm::Hs256 { 0 } else { 2 };
        assert_eq!(
            published["keys"].as_array().unwrap().len(),
            public,
            "a shared secret is never published"
        );
        assert!(!published.to_string().contains("\"d\""));
        after.verify(first.expose()).unwrap();
        after.verify(second.expose()).unwrap();
    }
}

// 21
#[test]
fn a_token_of_the_key_before_stays_good_until_its_own_end() {
    for algorithm in algorithms() {
        let clock = ManualClock::new();
        let soon = session_issuer::clock::Clock::now(&clock).saturating_add(HOUR);
        let ring = KeyRing::new(key(algorithm, 2)).roll(key(algorithm, 3), soon).unwrap();
        let service = Service::new(issuer(ring, &clock, "rp", "rp"));
        let token = post(&service, json!({ "user_id": USER })).unwrap().session_token;
        let good = || block_on(service.validate_session(&[token.expose()])).unwrap().is_valid;
        clock.advance(12 * HOUR - SECOND);
        assert!(good());
        clock.advance(SECOND);
        assert!(!good());
    }
}

/// A token of HS256 whose secret is the text of the published key.
fn confused(key: &SecretKey, payload: &str) -> Option<String> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    use hmac::{Hmac, KeyInit, Mac};
    let head = json!({ "alg": "HS256", "typ": "JWT", "kid": key.id() }).to_string();
    let input = format!("{}.{payload}", URL_SAFE_NO_PAD.encode(head));
    let published = key.public()?.to_jwk().to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(published.as_bytes()).unwrap();
    mac.update(input.as_bytes());
    Some(format!("{input}.{}", URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())))
}

// 22
#[test]
fn a_token_for_somebody_else_or_under_another_algorithm_is_not_good() {
    for algorithm in algorithms() {
        let clock = ManualClock::new();
        let key = key(algorithm, 2);
        let ring = KeyRing::new(key.clone());
        let service = Service::new(issuer(ring.clone(), &clock, "rp", "rp"));
        let own = post(&service, json!({ "user_id": USER })).unwrap().session_token;
        let token = |issuer: Issuer| {
            let login = block_on(issuer.create(NewSession::for_subject(id(USER)))).unwrap();
            login.token().to_owned()
        };
        let [head, payload, _] = own.expose().split('.').collect::<Vec<_>>()[..] else { panic!() };
        let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
        for (what, forged) in [
            ("another audience", token(issuer(ring.clone(), &clock, "rp", "else"))),
            ("another issuer", token(issuer(ring.clone(), &clock, "else", "rp"))),
            ("the public key as a shared secret", confused(&key, payload).unwrap_or_default()),
            ("no algorithm", format!("{none}.{payload}.")),
            ("no signature", format!("{head}.{payload}.")),
        ] {
            let answer = block_on(service.validate_session(&[&forged])).unwrap();
            assert!(!answer.is_valid, "{algorithm:?}: {what}");
        }
        assert!(block_on(service.validate_session(&[own.expose()])).unwrap().is_valid);
    }
}
