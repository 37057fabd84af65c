//! Sets of keys that must not be used, sets that are published, and the ids of keys: R20, R21, R24.

use serde_json::{Value, json};
use session_issuer::{
    signer::{InvalidJwks, InvalidKey, Jwks, KeyRing, PublicKey, SecretKey},
    testing::ManualClock,
};

use crate::{
    hostile_keys::{
        ALGORITHM, ANY, AWS, MISSING, NO_OBJECT, PRIVATE, code, ec, ed, private_ec, private_ed,
        private_rsa, rsa, with,
    },
    world::secret,
};

/// How many keys a set has, or why it is refused.
fn refusal(text: &str) -> Result<usize, InvalidJwks> {
    Jwks::parse(text.as_bytes()).map(|set| set.iter().count())
}

fn set(keys: &[Value]) -> Result<usize, InvalidJwks> {
    refusal(&json!({ "keys": keys }).to_string())
}

// R20
#[test]
fn an_ambiguous_secret_or_too_large_set_is_refused_as_a_whole() {
    for text in [
        "",
        "null",
        "[]",
        "{}",
        "1",
        "\"keys\"",
        "{\"keys\":null}",
        "{\"keys\":{}}",
        "{\"keys\":\"a\"}",
        "{\"keys\":1}",
        "{\"Keys\":[]}",
        "{\"keys\":[]",
        "{\"keys\":[]}}",
        "{\"keys\":[],\"keys\":[]}",
        "{\"keys\":[],\"\\u006beys\":[]}",
        "{\"keys\":[{\"kty\":\"EC\",\"kty\":\"EC\"}]}",
        "{\"keys\":[],\"a\":NaN}",
        "{\"keys\":[],\"a\":1e400}",
        "\u{feff}{\"keys\":[]}",
    ] {
        assert_eq!(refusal(text), Err(InvalidJwks::Malformed), "{text}");
    }
    for depth in [17, 100, 10_000] {
        let deep = format!("{{\"keys\":[],\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(refusal(&deep), Err(InvalidJwks::Malformed));
    }
    assert_eq!(set(&[]), Err(InvalidJwks::Empty));
    for element in [json!(1), json!(null), json!("EC"), json!([]), json!([ec()])] {
        assert_eq!(set(&[element]), Err(InvalidJwks::Key { at: 0, why: NO_OBJECT }));
    }
    let number = r#"{"keys":[{"$serde_json::private::Number":"1"}]}"#;
    assert_eq!(refusal(number), Err(InvalidJwks::Key { at: 0, why: NO_OBJECT }));
    let padded = |bytes: usize| {
        let text = json!({ "keys": [] }).to_string();
        format!("{text}{}", " ".repeat(bytes - text.len()))
    };
    assert_eq!(refusal(&padded(65_536)), Err(InvalidJwks::Empty));
    for bytes in [65_537, 1 << 20] {
        assert_eq!(refusal(&padded(bytes)), Err(InvalidJwks::TooLarge));
    }
    // Nothing in it is for us: it verifies nothing, and says so.
    let other = with(ec(), "crv", "P-384");
    assert_eq!(set(&[other.clone(), with(ed(), "use", "enc")]), Err(InvalidJwks::NoneUsable(2)));
    // What is secret is not any more, also where the key is somebody else's.
    let oct = json!({"kty": "oct", "kid": "s", "k": code(&secret(2))});
    let shown = |at| Err(InvalidJwks::Key { at, why: PRIVATE });
    assert_eq!(set(std::slice::from_ref(&oct)), shown(0));
    for key in [
        with(oct, "use", "enc"),
        private_ec(),
        private_ed(),
        private_rsa(),
        with(other.clone(), "d", "AAAA"),
    ] {
        assert_eq!(set(&[other.clone(), key]), shown(1));
    }
}

// R20
#[test]
#[cfg_attr(not(any(feature = "aws-lc-rs", feature = "rust-crypto")), ignore = "no such keys")]
fn a_set_of_sound_keys_is_bounded_and_has_no_id_twice() {
    let other = with(ec(), "crv", "P-384");
    let named = |key: Value, id: &str| with(key, "kid", id);
    let many = |count: usize| (0..count).map(|n| named(ec(), &n.to_string())).collect::<Vec<_>>();
    assert_eq!(set(&many(64)), Ok(64));
    assert_eq!(set(&many(65)), Err(InvalidJwks::TooMany));
    let twice = |id: &str| Err(InvalidJwks::DuplicateId(id.into()));
    assert_eq!(set(&[named(ec(), "a"), named(ed(), "a")]), twice("a"));
    assert_eq!(
        set(&[named(ec(), "a"), named(other.clone(), "a")]),
        twice("a"),
        "also of a key that is passed over"
    );
    let escaped = json!({ "keys": [named(ec(), "a"), named(ed(), "b")] })
        .to_string()
        .replace("\"b\"", "\"\\u0061\"");
    assert_eq!(refusal(&escaped), twice("a"));
    let thumbprint = PublicKey::from_jwk(&ed().to_string()).unwrap().thumbprint();
    assert_eq!(set(&[ed(), ed()]), twice(&thumbprint), "two of one derived id");
    assert_eq!(set(&[ed(), named(ec(), &thumbprint)]), twice(&thumbprint));
    assert_eq!(set(&[named(ec(), &thumbprint), ed()]), twice(&thumbprint));
    let sound = ec();
    let bad = |why| Err(InvalidJwks::Key { at: 1, why });
    assert_eq!(
        set(&[sound.clone(), with(ed(), "x", code(&[0; 32]))]),
        bad(InvalidKey::InvalidPoint)
    );
    assert_eq!(set(&[sound.clone(), with(rsa(), "e", code(&[3]))]), bad(InvalidKey::RsaNumbers));
    assert_eq!(set(&[sound.clone(), with(ed(), "alg", "ES256")]), bad(ALGORITHM));
    assert_eq!(set(&[sound.clone(), json!({})]), bad(MISSING));
    assert_eq!(set(&[sound, other]), Ok(1));
}

// R21
#[test]
fn an_exported_set_has_no_private_member_and_no_symmetric_key() {
    fn members(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(map) => map.iter().for_each(|(name, value)| {
                found.push(name.clone());
                members(value, found);
            }),
            Value::Array(list) => list.iter().for_each(|value| members(value, found)),
            _ => {}
        }
    }
    let mut ring = KeyRing::hs256("h", &secret(2)).unwrap();
    let mut count = 0;
    if ANY {
        for key in [private_ec(), private_ed()] {
            ring = ring
                .roll(SecretKey::from_jwk(&key.to_string()).unwrap(), ManualClock::START)
                .unwrap();
            count += 1;
        }
    }
    if AWS {
        ring = ring
            .roll(SecretKey::from_jwk(&private_rsa().to_string()).unwrap(), ManualClock::START)
            .unwrap();
        ring = ring.verify_only(PublicKey::from_jwk(&rsa().to_string()).unwrap()).unwrap();
        count += 2;
    }
    let set = serde_json::to_value(ring.jwks(ManualClock::START)).unwrap();
    assert_eq!(set["keys"].as_array().unwrap().len(), count);
    let mut found = Vec::new();
    members(&set, &mut found);
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        assert!(!found.iter().any(|member| member == name), "{name}");
    }
    assert!(!set.to_string().contains("oct") && !set.to_string().contains("HS256"));
    let private = [private_ec(), private_ed(), private_rsa()];
    let secrets =
        private.iter().flat_map(|key| ["d", "p", "q", "dp", "dq", "qi"].map(|name| key.get(name)));
    for text in secrets.flatten().filter_map(Value::as_str) {
        assert!(!set.to_string().contains(text), "a private number");
        assert!(!format!("{ring:?}").contains(text), "a private number");
    }
    if count > 0 {
        assert_eq!(
            Jwks::parse(set.to_string().as_bytes()).unwrap().iter().count(),
            count,
            "it is read back"
        );
    }
}

// R24
#[test]
fn an_id_names_one_key_and_is_derived_where_nobody_gives_one() {
    let ring = || KeyRing::hs256("a", &secret(2)).unwrap();
    let duplicate = |id: &str| InvalidKey::DuplicateId(id.into());
    let again = SecretKey::hs256("a", &secret(3)).unwrap();
    assert_eq!(ring().roll(again, ManualClock::START).unwrap_err(), duplicate("a"));
    for id in ["", "a b", "../a", "a\0", "ä", "a'--", &"k".repeat(65)] {
        assert_eq!(KeyRing::hs256(id, &secret(2)).unwrap_err(), InvalidKey::MalformedId, "{id}");
    }
}

// R24
#[test]
#[cfg_attr(not(any(feature = "aws-lc-rs", feature = "rust-crypto")), ignore = "no such keys")]
fn an_id_that_is_derived_is_as_unique_as_one_that_is_given() {
    let ring = || KeyRing::hs256("a", &secret(2)).unwrap();
    let duplicate = |id: &str| InvalidKey::DuplicateId(id.into());
    let public = PublicKey::from_jwk(&ed().to_string()).unwrap();
    assert_eq!(
        ring().verify_only(public.clone().with_id("a").unwrap()).unwrap_err(),
        duplicate("a")
    );
    let derived = SecretKey::from_jwk(&private_ed().to_string()).unwrap();
    assert_eq!(
        (derived.id(), public.id()),
        (public.thumbprint().as_str(), public.thumbprint().as_str())
    );
    let both = ring().roll(derived, ManualClock::START).unwrap().verify_only(public.clone());
    assert_eq!(both.unwrap_err(), duplicate(public.id()));
}
