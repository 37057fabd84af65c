//! Examples of the RFCs, from `tests/vectors`: what they sign holds, and what they show is refused
//! where it is not ours.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::Value;
use session_issuer::{
    Issuer,
    id::SessionId,
    policy::{Policy, TokenType},
    signer::{
        InvalidJwks, InvalidKey, Jwks, KeyRing, PublicKey, SecretKey, SignErrorKind, SignRequest,
        TokenSigner, VerifyRequest,
    },
    testing::{ManualClock, block_on},
    token::{Algorithm, TokenKeys},
};

use crate::world::secret;

const COOKBOOK: [&str; 11] = [
    include_str!("../vectors/cookbook/jws/4_1.rsa_v15_signature.json"),
    include_str!("../vectors/cookbook/jws/4_2.rsa-pss_signature.json"),
    include_str!("../vectors/cookbook/jws/4_3.ecdsa_signature.json"),
    include_str!("../vectors/cookbook/jws/4_4.hmac-sha2_integrity_protection.json"),
    include_str!("../vectors/cookbook/jws/4_5.signature_with_detached_content.json"),
    include_str!("../vectors/cookbook/jws/4_6.protecting_specific_header_fields.json"),
    include_str!("../vectors/cookbook/jws/4_7.protecting_content_only.json"),
    include_str!("../vectors/cookbook/jws/4_8.multiple_signatures.json"),
    include_str!("../vectors/cookbook/rfc7797/4.2.hmac-sha2_b64_false.json"),
    include_str!("../vectors/cookbook/rfc7797/hmac-sha2_b64_false.json"),
    include_str!("../vectors/cookbook/curve25519/jws.json"),
];
const JWK: [&str; 6] = [
    include_str!("../vectors/cookbook/jwk/3_1.ec_public_key.json"),
    include_str!("../vectors/cookbook/jwk/3_2.ec_private_key.json"),
    include_str!("../vectors/cookbook/jwk/3_3.rsa_public_key.json"),
    include_str!("../vectors/cookbook/jwk/3_4.rsa_private_key.json"),
    include_str!("../vectors/cookbook/jwk/3_5.symmetric_key_mac_computation.json"),
    include_str!("../vectors/cookbook/jwk/3_6.symmetric_key_encryption.json"),
];
const ANY: bool = cfg!(any(feature = "aws-lc-rs", feature = "rust-crypto"));

fn cookbook(part: usize) -> Value {
    serde_json::from_str(COOKBOOK[part]).unwrap()
}

/// The vectors of one kind.
fn rfc(kind: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(include_str!("../vectors/rfc/rfc-vectors.json")).unwrap();
    let found: Vec<_> = all["vectors"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|vector| vector["kind"] == kind)
        .cloned()
        .collect();
    assert!(!found.is_empty());
    found
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The key under another id: those of the RFCs have letters that ids here have not.
fn renamed(jwk: &Value, id: &str) -> String {
    let mut jwk = jwk.clone();
    jwk["kid"] = id.into();
    jwk.to_string()
}

/// Whether a ring takes the signature of a compact JWS, as it is and with one bit changed.
fn holds(ring: &KeyRing, algorithm: Algorithm, input: &str, signature: &str) -> bool {
    let mut signature = decode(signature);
    let judge = |signature: &[u8]| {
        let request =
            VerifyRequest::new("a", algorithm, input.as_bytes(), signature, ManualClock::START);
        ring.verify(request).map_err(|error| error.kind())
    };
    let right = judge(&signature);
    signature[7] ^= 1;
    assert_eq!(judge(&signature), Err(SignErrorKind::BadSignature));
    right == Ok(())
}

fn signs(ring: &KeyRing, input: &str) -> String {
    let key = ring.signing_key(ManualClock::START).unwrap();
    URL_SAFE_NO_PAD.encode(block_on(ring.sign(SignRequest::new(&key, input.as_bytes()))).unwrap())
}

/// What two issuers say of a token, one for each type that a policy may name.
fn refusals(ring: &KeyRing, token: &str) -> Vec<&'static str> {
    let issuer = |policy: Policy| {
        let builder =
            Issuer::builder().store(crate::world::any_store()).signer(ring.clone()).policy(policy);
        let builder = builder.token_keys(TokenKeys::new(1, &secret(1)).unwrap());
        builder.name("joe").clock(ManualClock::new()).build().unwrap()
    };
    let policies = [Policy::default(), Policy::default().token_type(TokenType::Jwt)];
    policies.into_iter().map(|policy| issuer(policy).verify(token).unwrap_err().code()).collect()
}

#[test]
fn the_hmac_example_of_rfc_7515_holds_and_is_no_token_of_ours() {
    let example = rfc("jws").into_iter().find(|vector| vector["source"] == "RFC 7515 A.1").unwrap();
    let ring = KeyRing::new(SecretKey::from_jwk(&renamed(&example["jwk"], "a")).unwrap());
    let token = example["token"].as_str().unwrap();
    let (input, signature) = token.rsplit_once('.').unwrap();
    assert!(holds(&ring, Algorithm::Hs256, input, signature));
    assert_eq!(signs(&ring, input), signature);
    assert_eq!(refusals(&ring, token), ["malformed_token"; 2]);
    let nameless = SecretKey::from_jwk(&example["jwk"].to_string()).unwrap_err();
    assert_eq!(nameless, InvalidKey::Malformed("a symmetric key needs a kid"));
}

#[test]
fn thumbprints_are_those_of_the_rfcs_and_only_of_members_that_are_what_they_say() {
    for vector in rfc("jwk-thumbprint") {
        let is_rsa = vector["jwk"]["kty"] == "RSA";
        if !(if is_rsa { cfg!(feature = "aws-lc-rs") } else { ANY }) {
            let refusal = PublicKey::from_jwk(&vector["jwk"].to_string()).unwrap_err();
            assert!(matches!(refusal, InvalidKey::NotSupported(_)), "{refusal:?}");
            continue;
        }
        let key = PublicKey::from_jwk(&vector["jwk"].to_string()).unwrap();
        assert_eq!(
            (key.id(), key.thumbprint()),
            (vector["sha256"].as_str().unwrap(), key.id().to_owned())
        );
        // Other members, and their order, change nothing.
        let mut more = vector["jwk"].clone();
        (more["use"], more["zzz"]) = ("sig".into(), 1.into());
        assert_eq!(PublicKey::from_jwk(&more.to_string()).unwrap().id(), key.id());
    }
    let quotes = r#"{"crv":"Ed25519","kty":"OKP","x":"AA\",\"z\":\"1"}"#;
    let refusal = PublicKey::from_jwk(quotes).unwrap_err();
    assert_eq!(refusal, InvalidKey::Malformed("a member of the JWK is not base64url"));
    let rsa =
        rfc("jwk-thumbprint").into_iter().find(|vector| vector["jwk"]["kty"] == "RSA").unwrap();
    let mut zero = rsa["jwk"].clone();
    zero["n"] =
        URL_SAFE_NO_PAD.encode([&[0], &decode(zero["n"].as_str().unwrap())[..]].concat()).into();
    let refusal = PublicKey::from_jwk(&zero.to_string()).unwrap_err();
    assert_eq!(refusal, InvalidKey::Malformed("a number is empty or has leading zeros"));
}

#[test]
#[cfg_attr(not(any(feature = "aws-lc-rs", feature = "rust-crypto")), ignore = "no such keys")]
fn the_ed25519_example_of_rfc_8037_is_signed_and_verified_as_there() {
    let example = cookbook(10);
    let ring = KeyRing::new(SecretKey::from_jwk(&renamed(&example["input"]["key"], "a")).unwrap());
    let (input, signature) =
        (example["signing"]["sig-input"].as_str().unwrap(), &example["signing"]["sig"]);
    assert_eq!(signs(&ring, input), *signature);
    assert!(holds(&ring, Algorithm::EdDsa, input, signature.as_str().unwrap()));
    let rfc = rfc("jws").into_iter().find(|vector| vector["source"] == "RFC 8037 A.4").unwrap();
    let token = rfc["token"].as_str().unwrap();
    assert_eq!(token.rsplit_once('.').unwrap(), (input, signature.as_str().unwrap()));
    assert_eq!(refusals(&ring, token), ["malformed_token"; 2]);
}

#[cfg(feature = "aws-lc-rs")]
#[test]
fn the_rsa_example_of_rfc_7520_is_signed_and_verified_as_there() {
    let example = cookbook(0);
    let ring = KeyRing::new(SecretKey::from_jwk(&renamed(&example["input"]["key"], "a")).unwrap());
    let (input, signature) =
        (example["signing"]["sig-input"].as_str().unwrap(), &example["signing"]["sig"]);
    assert_eq!(signs(&ring, input), *signature);
    assert!(holds(&ring, Algorithm::Rs256, input, signature.as_str().unwrap()));
    assert_eq!(
        refusals(&ring, example["output"]["compact"].as_str().unwrap()),
        ["malformed_token"; 2]
    );
    // The same key, for PSS: its signature is none of ours, and neither is the key when it says so.
    let pss = cookbook(1);
    let (input, signature) =
        (pss["signing"]["sig-input"].as_str().unwrap(), &pss["signing"]["sig"]);
    assert!(!holds(&ring, Algorithm::Rs256, input, signature.as_str().unwrap()));
    assert_eq!(refusals(&ring, pss["output"]["compact"].as_str().unwrap()), ["malformed_token"; 2]);
}

#[test]
fn the_hmac_examples_of_rfc_7520_are_signed_and_verified_as_there() {
    for part in [3, 4, 5, 6] {
        let example = cookbook(part);
        let ring =
            KeyRing::new(SecretKey::from_jwk(&renamed(&example["input"]["key"], "a")).unwrap());
        let (input, signature) =
            (example["signing"]["sig-input"].as_str().unwrap(), &example["signing"]["sig"]);
        assert_eq!(signs(&ring, input), *signature);
        assert!(holds(&ring, Algorithm::Hs256, input, signature.as_str().unwrap()));
    }
}

#[test]
fn every_serialisation_in_the_cookbook_is_refused_although_the_key_is_known() {
    let mut tried = 0;
    for part in 0..COOKBOOK.len() {
        let example = cookbook(part);
        let symmetric = &example["input"]["key"];
        let ring = match symmetric["kty"].as_str() {
            Some("oct") => {
                let id = symmetric["kid"].as_str().unwrap_or("a");
                KeyRing::new(SecretKey::from_jwk(&renamed(symmetric, id)).unwrap())
            }
            _ => KeyRing::hs256("a", &secret(2)).unwrap(),
        };
        for (form, output) in example["output"].as_object().unwrap() {
            let token = output.as_str().map_or_else(|| output.to_string(), str::to_owned);
            assert_eq!(
                refusals(&ring, &token),
                ["malformed_token"; 2],
                "{} {form}",
                example["title"]
            );
            tried += 1;
        }
    }
    assert!(tried > 25, "{tried}");
}

#[test]
fn the_cookbooks_keys_are_read_or_refused_for_what_they_are() {
    let jwk = |at: usize| serde_json::from_str::<Value>(JWK[at]).unwrap();
    let public =
        |at: usize| PublicKey::from_jwk(&renamed(&jwk(at), "a")).map(|key| key.algorithm());
    let private =
        |at: usize| SecretKey::from_jwk(&renamed(&jwk(at), "a")).map(|key| key.algorithm());
    let curve = InvalidKey::NotSupported("another curve");
    let secret = InvalidKey::Misused("a private key, where a public one belongs");
    let no_rsa =
        |key: &Result<Algorithm, InvalidKey>| matches!(key, Err(InvalidKey::NotSupported(_)));
    assert_eq!((public(0), private(0)), (Err(curve.clone()), Err(curve.clone())));
    assert_eq!((public(1), private(1)), (Err(secret.clone()), Err(curve)));
    match cfg!(feature = "aws-lc-rs") {
        true => assert_eq!((public(2), private(3)), (Ok(Algorithm::Rs256), Ok(Algorithm::Rs256))),
        false => assert!(no_rsa(&public(2)) && no_rsa(&private(3))),
    }
    assert_eq!(private(2), Err(InvalidKey::Misused("a public key, where a private one belongs")));
    assert_eq!(public(3), Err(secret.clone()));
    assert_eq!((public(4), private(4)), (Err(secret.clone()), Ok(Algorithm::Hs256)));
    let enc = InvalidKey::Misused("use is not sig");
    assert_eq!((public(5), private(5)), (Err(enc.clone()), Err(enc)));
    // As they are named there, their ids are none of ours.
    assert_eq!(
        PublicKey::from_jwk(&renamed(&jwk(2), "bilbo.baggins@hobbiton.example")).err(),
        match cfg!(feature = "aws-lc-rs") {
            true => Some(InvalidKey::MalformedId),
            false => public(2).err(),
        }
    );
    // In a set: another curve or algorithm is passed over, what is secret refuses it.
    let set = |keys: &[Value]| {
        Jwks::parse(serde_json::json!({ "keys": keys }).to_string().as_bytes()).err()
    };
    let mut pss = jwk(2);
    pss["alg"] = "PS384".into();
    assert_eq!(set(&[jwk(0)]), Some(InvalidJwks::NoneUsable(1)));
    assert_eq!(set(&[pss]), Some(InvalidJwks::NoneUsable(1)));
    for at in [1, 3, 4, 5] {
        assert_eq!(
            set(&[jwk(at)]),
            Some(InvalidJwks::Key { at: 0, why: secret.clone() }),
            "3.{}",
            at + 1
        );
    }
}

#[test]
#[cfg_attr(not(any(feature = "aws-lc-rs", feature = "rust-crypto")), ignore = "no such keys")]
fn the_dpop_proofs_of_rfc_9449_are_signatures_of_the_key_they_show_and_no_tokens() {
    for vector in rfc("dpop-proof") {
        let proof = vector["token"].as_str().unwrap();
        let (input, signature) = proof.rsplit_once('.').unwrap();
        let header: Value =
            serde_json::from_slice(&decode(input.split('.').next().unwrap())).unwrap();
        let key = PublicKey::from_jwk(&header["jwk"].to_string()).unwrap();
        assert_eq!(key.algorithm(), Algorithm::Es256);
        assert_eq!(key.thumbprint(), vector["jkt"].as_str().unwrap());
        key.verify(input.as_bytes(), &decode(signature)).unwrap();
        let other = format!("{input}A");
        assert_eq!(
            key.verify(other.as_bytes(), &decode(signature)).unwrap_err().kind(),
            SignErrorKind::BadSignature
        );
        let ring = KeyRing::hs256("a", &secret(2)).unwrap().verify_only(key).unwrap();
        assert_eq!(
            refusals(&ring, proof),
            ["malformed_token"; 2],
            "the key that it shows is known, even"
        );
    }
}

#[test]
fn the_uuid_of_rfc_9562_is_read_as_there() {
    for vector in rfc("uuidv7") {
        let text = vector["uuid"].as_str().unwrap();
        let id: SessionId = text.parse().unwrap();
        let [a, b, c, d, e, f, ..] = id.as_uuid().into_bytes();
        assert_eq!(
            u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
            vector["unix_ms"].as_u64().unwrap()
        );
        assert_eq!(id.to_string(), text.to_lowercase());
    }
}
