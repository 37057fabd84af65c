//! Keys as hosts have them: PEM, DER, JWK or generated; rings that roll. Numbers are those of the
//! requirements and of the lifecycle cases.

use std::{sync::atomic::Ordering, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use session_issuer::{
    Issuer, NewSession, Policy, Refresh, Timestamp,
    entropy::{Entropy, EntropyError, SystemEntropy},
    error::ErrorKind,
    signer::{
        InvalidJwks, InvalidKey, Jwks, KeyRing, LiveKeyRing, PublicKey, SecretKey, SignErrorKind,
        SignRequest, TokenSigner, VerifyRequest,
    },
    testing::{ManualClock, SeededEntropy, block_on},
    token::{Algorithm, TokenKeys},
};

use crate::world::*;

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!("../vectors/keys/", $name, ".pem"))
    };
}

const ES256: &str = pem!("p256.pkcs8");
const EDDSA: &str = pem!("ed25519.pkcs8");
const RS256: &str = pem!("rsa2048.pkcs8");

/// The algorithms whose arithmetic is there, with a private and a public key of each.
fn pairs() -> Vec<(Algorithm, &'static str, &'static str)> {
    let mut pairs = vec![
        (Algorithm::Es256, ES256, pem!("p256.public")),
        (Algorithm::EdDsa, EDDSA, pem!("ed25519.public")),
    ];
    if cfg!(feature = "aws-lc-rs") {
        pairs.push((Algorithm::Rs256, RS256, pem!("rsa2048.public")));
    }
    pairs
}

fn der(pem: &str) -> Vec<u8> {
    let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    STANDARD.decode(body).unwrap()
}

fn sign(key: &SecretKey, message: &[u8]) -> Vec<u8> {
    let ring = KeyRing::new(key.clone());
    let name = ring.signing_key(Timestamp::EPOCH).unwrap();
    block_on(ring.sign(SignRequest::new(&name, message))).unwrap()
}

/// What is said of a signature by this key, when a ring knows nothing else.
fn judge(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), SignErrorKind> {
    key.verify(message, signature).map_err(|error| error.kind())
}

#[track_caller]
fn refused_key(key: Result<SecretKey, InvalidKey>, why: InvalidKey) {
    assert_eq!(key.map(|key| key.id().to_owned()), Err(why));
}

#[test]
fn one_key_is_the_same_key_in_whatever_form_it_comes() {
    for (algorithm, private, public) in pairs() {
        let key = SecretKey::from_pem(algorithm, private).unwrap();
        let signature = sign(&key, b"message");
        let as_public = key.public().unwrap();
        let jwk = as_public.to_jwk().to_string();
        for other in [
            PublicKey::from_pem(algorithm, public).unwrap(),
            PublicKey::from_der(algorithm, &der(public)).unwrap(),
            PublicKey::from_jwk(&jwk).unwrap(),
            SecretKey::from_der(algorithm, &der(private)).unwrap().public().unwrap().clone(),
        ] {
            assert_eq!(other.id(), key.id(), "{algorithm:?}: the id is the thumbprint");
            assert_eq!(other.thumbprint(), other.id());
            assert_eq!(other.algorithm(), algorithm);
            assert_eq!(judge(&other, b"message", &signature), Ok(()));
            assert_eq!(judge(&other, b"massage", &signature), Err(SignErrorKind::BadSignature));
        }
    }
    let sec1 = SecretKey::from_pem(Algorithm::Es256, pem!("p256.sec1")).unwrap();
    assert_eq!(sec1.id(), SecretKey::from_pem(Algorithm::Es256, ES256).unwrap().id());
    let with_line_ends = ES256.replace('\n', "\r\n");
    assert_eq!(SecretKey::from_pem(Algorithm::Es256, &with_line_ends).unwrap().id(), sec1.id());
}

#[test]
#[cfg(feature = "aws-lc-rs")]
fn rsa_keys_are_taken_in_pkcs_1_too() {
    let key = SecretKey::from_pem(Algorithm::Rs256, RS256).unwrap();
    let private = SecretKey::from_pem(Algorithm::Rs256, pem!("rsa2048.pkcs1")).unwrap();
    let public = PublicKey::from_pem(Algorithm::Rs256, pem!("rsa2048.pkcs1.public")).unwrap();
    let bare = SecretKey::from_der(Algorithm::Rs256, &der(pem!("rsa2048.pkcs1"))).unwrap();
    assert_eq!([private.id(), public.id(), bare.id()], [key.id(); 3]);
}

#[test]
#[cfg(not(feature = "aws-lc-rs"))]
fn without_aws_lc_an_rsa_key_is_refused_with_the_name_of_the_feature() {
    let why = SecretKey::from_pem(Algorithm::Rs256, RS256).unwrap_err();
    assert_eq!(why, InvalidKey::NotSupported("RS256 needs the feature aws-lc-rs"));
}

#[test]
#[cfg(feature = "encrypted-keys")]
fn an_encrypted_key_opens_with_its_passphrase_and_with_no_other() {
    use session_issuer::secret::Secret;
    let right = Secret::from("open-sesame");
    let open = |algorithm, pem: &str, phrase: &Secret| {
        SecretKey::from_encrypted_pem(algorithm, pem, phrase)
    };
    let es256 = open(Algorithm::Es256, pem!("p256.encrypted"), &right).unwrap();
    assert_eq!(es256.id(), SecretKey::from_pem(Algorithm::Es256, ES256).unwrap().id());
    let eddsa = open(Algorithm::EdDsa, pem!("ed25519.scrypt.encrypted"), &right).unwrap();
    assert_eq!(eddsa.id(), SecretKey::from_pem(Algorithm::EdDsa, EDDSA).unwrap().id());
    for wrong in ["open-sesam", "Open-sesame", "", "\0"] {
        let key = open(Algorithm::Es256, pem!("p256.encrypted"), &Secret::from(wrong));
        refused_key(key, InvalidKey::WrongPassphrase);
    }
    refused_key(
        SecretKey::from_pem(Algorithm::Es256, pem!("p256.encrypted")),
        InvalidKey::Encrypted,
    );
    let not_encrypted = InvalidKey::Misused("a passphrase is given, and the key is not encrypted");
    refused_key(open(Algorithm::Es256, ES256, &right), not_encrypted);
    let old = InvalidKey::NotSupported("OpenSSL's old encryption: convert the key to PKCS #8");
    refused_key(open(Algorithm::Es256, pem!("p256.traditional.encrypted"), &right), old);
    let triple_des = open(Algorithm::Es256, pem!("p256.des3.encrypted"), &right);
    assert!(
        matches!(triple_des, Err(InvalidKey::NotSupported(_) | InvalidKey::Malformed(_))),
        "{triple_des:?}"
    );
    refused_key(
        open(Algorithm::EdDsa, pem!("p256.encrypted"), &right),
        InvalidKey::WrongAlgorithm(Algorithm::EdDsa),
    );
}

// R01, R18, R19
#[test]
fn keys_of_other_kinds_are_refused_when_they_are_loaded_and_say_why() {
    use Algorithm::{EdDsa, Es256, Rs256};
    let load = SecretKey::from_pem;
    for (asked, other) in [(Es256, EDDSA), (EdDsa, ES256), (Rs256, ES256), (Es256, RS256)] {
        refused_key(load(asked, other), InvalidKey::WrongAlgorithm(asked));
    }
    let curve = InvalidKey::NotSupported("another curve than P-256");
    for other in
        [pem!("p384.pkcs8"), pem!("p384.sec1"), pem!("secp256k1.pkcs8"), pem!("p256.explicit.sec1")]
    {
        let why = load(Es256, other).unwrap_err();
        assert!(why == curve || matches!(why, InvalidKey::Malformed(_)), "{why:?}");
    }
    for other in [pem!("x25519.pkcs8"), pem!("ed448.pkcs8")] {
        refused_key(load(EdDsa, other), InvalidKey::NotSupported("another type of key"));
    }
    refused_key(load(Rs256, pem!("rsapss.pkcs8")), InvalidKey::NotSupported("a key for RSA-PSS"));
    refused_key(load(Rs256, pem!("rsa1024.pkcs8")), InvalidKey::RsaSize(1024));
    refused_key(load(Rs256, pem!("rsa2048.e3.pkcs8")), InvalidKey::RsaNumbers);
    let primes = load(Rs256, pem!("rsa3primes.pkcs8"));
    refused_key(primes, InvalidKey::NotSupported("RSA of more than two primes"));
    let openssh = load(EdDsa, pem!("ed25519.openssh"));
    refused_key(openssh, InvalidKey::NotSupported("OpenSSH's form: convert it to PKCS #8"));
    let public = InvalidKey::Misused("a public key, where a private one belongs");
    refused_key(load(Es256, pem!("p256.public")), public.clone());
    refused_key(load(Es256, pem!("p256.certificate")), public);

    let load = |algorithm, pem| PublicKey::from_pem(algorithm, pem).unwrap_err();
    assert_eq!(
        load(Es256, ES256),
        InvalidKey::Misused("a private key, where a public one belongs")
    );
    assert_eq!(load(Es256, pem!("p384.public")), curve);
    assert_eq!(
        load(Es256, pem!("p256.compressed.public")),
        InvalidKey::NotSupported("a compressed point")
    );
    assert_eq!(load(EdDsa, pem!("x25519.public")), InvalidKey::NotSupported("another type of key"));
    assert_eq!(load(Rs256, pem!("rsa1024.public")), InvalidKey::RsaSize(1024));
    assert_eq!(load(EdDsa, pem!("p256.public")), InvalidKey::WrongAlgorithm(EdDsa));
    assert!(matches!(load(Es256, pem!("p256.certificate")), InvalidKey::NotSupported(_)));
}

#[track_caller]
fn malformed<T: std::fmt::Debug>(key: Result<T, InvalidKey>) {
    let why = key.unwrap_err();
    assert!(matches!(why, InvalidKey::Malformed(_)), "{why:?}");
}

// R14
#[test]
fn malformed_keys_are_refused_in_every_form_and_at_every_cut() {
    let mut tried = 0;
    for (algorithm, private, public) in pairs() {
        let (private_der, public_der) = (der(private), der(public));
        for cut in 0..private_der.len() {
            malformed(SecretKey::from_der(algorithm, &private_der[..cut]));
            tried += 1;
        }
        for cut in 0..public_der.len() {
            malformed(PublicKey::from_der(algorithm, &public_der[..cut]));
            tried += 1;
        }
        let longer = [private_der.as_slice(), &[0]].concat();
        malformed(SecretKey::from_der(algorithm, &longer));
        malformed(PublicKey::from_der(algorithm, &[public_der.as_slice(), &[0]].concat()));
        for cut in (0..private.trim_end().len()).step_by(7) {
            malformed(SecretKey::from_pem(algorithm, &private[..cut]));
            tried += 1;
        }
        // A flipped bit is refused, or makes another key, and never the same one.
        for at in 0..public_der.len() {
            let mut flipped = public_der.clone();
            flipped[at] ^= 4;
            match PublicKey::from_der(algorithm, &flipped) {
                Ok(other) => {
                    assert_ne!(other.id(), PublicKey::from_pem(algorithm, public).unwrap().id())
                }
                Err(
                    InvalidKey::Malformed(_)
                    | InvalidKey::NotSupported(_)
                    | InvalidKey::InvalidPoint,
                ) => {}
                Err(why) => panic!("{algorithm:?} {at}: {why:?}"),
            }
        }
        let jwk = PublicKey::from_pem(algorithm, public).unwrap().to_jwk().to_string();
        for cut in 0..jwk.len() {
            malformed(PublicKey::from_jwk(&jwk[..cut]));
            tried += 1;
        }
    }
    for junk in [
        "",
        "-----BEGIN PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----",
        "[]",
    ] {
        assert!(matches!(
            SecretKey::from_pem(Algorithm::Es256, junk),
            Err(InvalidKey::Malformed(_) | InvalidKey::NotSupported(_))
        ));
        malformed(SecretKey::from_jwk(junk));
    }
    let huge = format!("{ES256}{}", "A".repeat(1 << 20));
    refused_key(
        SecretKey::from_pem(Algorithm::Es256, &huge),
        InvalidKey::Malformed("longer than any key"),
    );
    assert!(tried > 500, "{tried}");
}

#[test]
fn a_generated_key_comes_back_from_its_jwk() {
    let mut algorithms = vec![Algorithm::Hs256, Algorithm::Es256, Algorithm::EdDsa];
    if cfg!(feature = "aws-lc-rs") {
        algorithms.push(Algorithm::Rs256);
    }
    for algorithm in algorithms {
        let new = SecretKey::generate(algorithm, &SystemEntropy).unwrap();
        let again = SecretKey::from_jwk(new.jwk.expose()).unwrap();
        assert_eq!(again.id(), new.key.id());
        assert_eq!(again.algorithm(), algorithm);
        let signature = sign(&new.key, b"message");
        let ring = KeyRing::new(again);
        let request =
            VerifyRequest::new(new.key.id(), algorithm, b"message", &signature, Timestamp::EPOCH);
        ring.verify(request).unwrap();
        let other = SecretKey::generate(algorithm, &SystemEntropy).unwrap();
        assert_ne!(other.key.id(), new.key.id());
        assert!(!format!("{new:?}{other:?}").contains("\"d\""), "{new:?}");
    }
    let seeded = |seed| SecretKey::generate(Algorithm::EdDsa, &SeededEntropy::new(seed)).unwrap();
    assert_eq!(seeded(7).key.id(), seeded(7).key.id());
}

// R39
#[test]
fn without_randomness_no_key_is_made() {
    #[derive(Debug)]
    struct Dry;
    impl Entropy for Dry {
        fn fill(&self, _: &mut [u8]) -> Result<(), EntropyError> {
            Err(EntropyError::new("dry"))
        }
    }
    for algorithm in [Algorithm::Hs256, Algorithm::Es256, Algorithm::EdDsa] {
        assert_eq!(SecretKey::generate(algorithm, &Dry).unwrap_err(), InvalidKey::NoEntropy);
    }
}

// R66
#[test]
fn no_key_shows_its_secret() {
    let hs256 = SecretKey::hs256("k1", &secret(1)).unwrap();
    let mut shown = format!("{hs256:?} {:?}", KeyRing::new(hs256.clone()));
    for (algorithm, private, _) in pairs() {
        let key = SecretKey::from_pem(algorithm, private).unwrap();
        shown += &format!("{key:?} {:?} {:?}", KeyRing::new(key.clone()), key.public());
    }
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert!(!shown.contains(&hex(&secret(1)[..4])) && !shown.contains("[3, "), "{shown}");
    assert!(shown.len() < 2000, "{shown}");
}

// R24
#[test]
fn two_keys_of_one_id_never_share_a_ring_or_a_set() {
    let key = || SecretKey::from_pem(Algorithm::EdDsa, EDDSA).unwrap();
    let other = SecretKey::from_pem(Algorithm::Es256, ES256).unwrap().with_id("k1").unwrap();
    let ring = KeyRing::new(key().with_id("k1").unwrap());
    let twice = InvalidKey::DuplicateId("k1".into());
    assert_eq!(ring.clone().roll(other.clone(), Timestamp::EPOCH).unwrap_err(), twice);
    assert_eq!(ring.clone().verify_only(other.public().unwrap().clone()).unwrap_err(), twice);
    assert_eq!(key().with_id("a/b").unwrap_err(), InvalidKey::MalformedId);
    let set = |a: &str, b: &str| {
        let jwk = |pem, algorithm, id: &str| {
            PublicKey::from_pem(algorithm, pem).unwrap().with_id(id).unwrap().to_jwk().to_string()
        };
        let keys = [
            jwk(pem!("ed25519.public"), Algorithm::EdDsa, a),
            jwk(pem!("p256.public"), Algorithm::Es256, b),
        ];
        Jwks::parse(format!("{{\"keys\":[{}]}}", keys.join(",")).as_bytes())
            .map(|set| set.iter().count())
    };
    assert_eq!(set("k1", "k2"), Ok(2));
    assert_eq!(set("k1", "k1"), Err(InvalidJwks::DuplicateId("k1".into())));
}

#[test]
fn a_set_that_cannot_be_used_is_refused_when_it_is_read() {
    let parse =
        |json: &str| Jwks::parse(json.as_bytes()).map(|set| set.iter().count()).unwrap_err();
    assert_eq!(parse(r#"{"keys":[]}"#), InvalidJwks::Empty);
    assert_eq!(
        parse(&format!(r#"{{"keys":[{}"a"]}}"#, r#""a","#.repeat(300_000))),
        InvalidJwks::TooLarge
    );
    assert_eq!(parse(&format!(r#"{{"keys":[{}{{}}]}}"#, "{},".repeat(64))), InvalidJwks::TooMany);
    for malformed in
        ["", "{}", "[]", r#"{"keys":{}}"#, r#"{"keys":[],"keys":[]}"#, r#"{"keys":[{}]} x"#]
    {
        assert_eq!(parse(malformed), InvalidJwks::Malformed, "{malformed}");
    }
    let foreign = r#"{"keys":[{"kty":"EC","crv":"P-521","x":"AA","y":"AA"},{"kty":"RSA","use":"enc","n":"AA","e":"AQAB"},
        {"kty":"AKP","alg":"ML-DSA-44","pub":"AA"},{"kty":"EC","crv":"P-256","key_ops":["deriveKey"],"x":"AA"}]}"#;
    assert_eq!(parse(foreign), InvalidJwks::NoneUsable(4));
    let symmetric =
        r#"{"keys":[{"kty":"oct","kid":"a","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr8"}]}"#;
    assert!(matches!(parse(symmetric), InvalidJwks::Key { at: 0, why: InvalidKey::Misused(_) }));
}

// R21
#[test]
fn a_published_set_has_every_public_key_and_nothing_private() {
    let mut ring = KeyRing::hs256("symmetric", &secret(1)).unwrap();
    for (at, (algorithm, private, _)) in pairs().into_iter().enumerate() {
        let from = Timestamp::from_secs(i64::try_from(at).unwrap());
        ring = ring.roll(SecretKey::from_pem(algorithm, private).unwrap(), from).unwrap();
    }
    let set = ring.jwks(Timestamp::from_secs(10));
    assert_eq!(set.iter().count(), pairs().len(), "the symmetric key is left out");
    let json = serde_json::to_value(&set).unwrap();
    for key in json["keys"].as_array().unwrap() {
        let members: Vec<_> = key.as_object().unwrap().keys().map(String::as_str).collect();
        assert!(
            members
                .iter()
                .all(|name| ["kid", "use", "alg", "kty", "crv", "x", "y", "n", "e"].contains(name)),
            "{members:?}"
        );
    }
    let read = Jwks::parse(&serde_json::to_vec(&set).unwrap()).unwrap();
    let ids = |set: &Jwks| set.iter().map(|key| key.id().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(&read), ids(&set));
}

// R18
#[test]
#[cfg(feature = "aws-lc-rs")]
fn a_short_rsa_key_is_taken_with_a_warning_and_a_longer_one_without() {
    let short = SecretKey::from_pem(Algorithm::Rs256, RS256).unwrap().with_id("short").unwrap();
    let long = SecretKey::from_pem(Algorithm::Rs256, pem!("rsa3072.pkcs8")).unwrap();
    let ring = KeyRing::new(long).roll(short, Timestamp::EPOCH).unwrap();
    assert_eq!(
        ring.warnings(),
        [session_issuer::signer::KeyWarning::ShortRsa { id: "short".into(), bits: 2048 }]
    );
    assert!(ring.warnings()[0].to_string().contains("2048 bits"));
}

fn issuer(ring: impl TokenSigner + 'static, clock: &ManualClock) -> Issuer {
    Issuer::builder()
        .store(crate::world::any_store())
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .signer(ring)
        .clock(clock.clone())
        .policy(Policy::default().access_lifetime(10 * MINUTE))
        .build()
        .unwrap()
}

#[test]
fn every_algorithm_signs_sessions_that_live_and_die() {
    for (algorithm, private, _) in pairs() {
        let issuer = issuer(
            KeyRing::new(SecretKey::from_pem(algorithm, private).unwrap()),
            &ManualClock::new(),
        );
        let login = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
        assert_eq!(issuer.verify(login.token()).unwrap().subject(), Some(&id("alice")));
        let next = block_on(issuer.refresh(Refresh::new(login.refresh_token().unwrap()))).unwrap();
        block_on(issuer.check(next.token(), &session_issuer::Requirement::new())).unwrap();
        let (mut forged, signature) =
            (next.token().to_owned(), next.token().rfind('.').unwrap() + 1);
        let other = if forged[signature..].starts_with('A') { "B" } else { "A" };
        forged.replace_range(signature..=signature, other);
        refused(issuer.verify(&forged), ErrorKind::InvalidToken);
    }
}

// 20, 21, 44; R23
#[test]
fn a_ring_rolls_from_one_algorithm_to_another_and_old_tokens_outlive_the_roll() {
    let clock = ManualClock::new();
    let start = session_issuer::clock::Clock::now(&clock);
    let roll_at = start.saturating_add(HOUR);
    let old = SecretKey::from_pem(Algorithm::EdDsa, EDDSA).unwrap().with_id("old").unwrap();
    let new = SecretKey::from_pem(Algorithm::Es256, ES256).unwrap().with_id("new").unwrap();
    let ring =
        KeyRing::new(old).roll(new, roll_at).unwrap().keep_retired(10 * MINUTE + 10 * SECOND);
    let ids = |at| ring.jwks(at).iter().map(|key| key.id().to_owned()).collect::<Vec<_>>();
    assert_eq!(ids(start), ["old", "new"], "published before its use");
    assert_eq!(ids(roll_at.saturating_add(10 * MINUTE)), ["old", "new"]);
    assert_eq!(ids(roll_at.saturating_add(11 * MINUTE)), ["new"], "and not for ever");

    let issuer = issuer(ring, &clock);
    clock.advance(HOUR - SECOND);
    let before = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    clock.advance(SECOND);
    let after = block_on(issuer.refresh(Refresh::new(before.refresh_token().unwrap()))).unwrap();
    let kid = |token: &str| {
        let header = token.split('.').next().unwrap();
        let json = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(header).unwrap();
        serde_json::from_slice::<serde_json::Value>(&json).unwrap()["kid"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    assert_eq!((kid(before.token()), kid(after.token())), ("old".to_owned(), "new".to_owned()));
    clock.advance(10 * MINUTE - 2 * SECOND);
    issuer.verify(before.token()).unwrap();
    issuer.verify(after.token()).unwrap();
}

#[test]
fn a_ring_whose_first_key_has_not_started_is_refused_when_the_issuer_is_built() {
    let clock = ManualClock::new();
    let tomorrow = session_issuer::clock::Clock::now(&clock).saturating_add(DAY);
    let build = || {
        let ring = KeyRing::starting(SecretKey::hs256("k1", &secret(2)).unwrap(), tomorrow);
        Issuer::builder()
            .store(crate::world::any_store())
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(ring)
            .clock(clock.clone())
            .build()
    };
    let error = refused(build(), ErrorKind::InvalidConfiguration);
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("no key signs at this time"), "{why}");
    clock.advance(DAY);
    build().unwrap();
}

// 45
#[test]
fn a_live_ring_is_replaced_while_many_threads_sign_and_no_token_is_torn() {
    let clock = ManualClock::new();
    let key = |n: u8| SecretKey::hs256(&format!("k{n}"), &secret(n)).unwrap();
    let ring = LiveKeyRing::new(KeyRing::new(key(0)));
    let issuer = issuer(ring.clone(), &clock);
    let (done, signed) =
        (std::sync::atomic::AtomicBool::new(false), std::sync::atomic::AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for worker in 0..8 {
            let (issuer, done, signed) = (&issuer, &done, &signed);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) || signed.load(Ordering::Relaxed) < 400 {
                    let subject = id(&format!("user-{worker}"));
                    let login =
                        block_on(issuer.create(NewSession::for_subject(subject.clone()))).unwrap();
                    assert_eq!(issuer.verify(login.token()).unwrap().subject(), Some(&subject));
                    signed.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for n in 1..40 {
            let from = session_issuer::clock::Clock::now(&clock);
            ring.replace(ring.get().roll(key(n), from).unwrap()).unwrap();
            clock.advance(Duration::from_millis(1));
            while signed.load(Ordering::Relaxed) < usize::from(n) * 10 {
                std::thread::yield_now();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(&*ring.signing_key(session_issuer::clock::Clock::now(&clock)).unwrap().id, "k39");
}

#[test]
fn a_live_ring_never_lets_an_id_name_another_key() {
    let ring = LiveKeyRing::new(KeyRing::hs256("k1", &secret(1)).unwrap());
    let other = KeyRing::hs256("k1", &secret(2)).unwrap();
    assert_eq!(ring.replace(other), Err(InvalidKey::DuplicateId("k1".into())));
    ring.replace(KeyRing::hs256("k1", &secret(1)).unwrap()).unwrap();
    ring.replace(KeyRing::hs256("k2", &secret(2)).unwrap()).unwrap();

    let public =
        |pem, algorithm| PublicKey::from_pem(algorithm, pem).unwrap().with_id("x").unwrap();
    let (ed, ec) = (
        public(pem!("ed25519.public"), Algorithm::EdDsa),
        public(pem!("p256.public"), Algorithm::Es256),
    );
    let with = |key: &PublicKey| {
        KeyRing::hs256("k2", &secret(2)).unwrap().verify_only(key.clone()).unwrap()
    };
    let own = |pem, algorithm| SecretKey::from_pem(algorithm, pem).unwrap().with_id("x").unwrap();
    ring.replace(with(&ed)).unwrap();
    let twice = Err(InvalidKey::DuplicateId("x".into()));
    assert_eq!(ring.replace(with(&ec)), twice);
    assert_eq!(ring.replace(KeyRing::new(own(ES256, Algorithm::Es256))), twice);
    assert_eq!(ring.replace(KeyRing::hs256("x", &secret(3)).unwrap()), twice);
    ring.replace(KeyRing::new(own(EDDSA, Algorithm::EdDsa))).unwrap();
    assert_eq!(ring.replace(with(&ec)), twice);
    ring.replace(with(&ed)).unwrap();
}

#[test]
#[cfg(not(feature = "aws-lc-rs"))]
fn a_set_passes_over_keys_whose_arithmetic_is_not_here() {
    let key = |pem, algorithm| PublicKey::from_pem(algorithm, pem).unwrap().to_jwk();
    let modulus: Vec<u8> = (0..=255_u8).map(|n| n.wrapping_mul(7).wrapping_add(129) | 1).collect();
    let modulus = base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(modulus);
    let rsa = serde_json::json!({ "kty": "RSA", "e": "AQAB", "n": modulus });
    let set = serde_json::json!({ "keys": [key(pem!("ed25519.public"), Algorithm::EdDsa), rsa] });
    let set = Jwks::parse(set.to_string().as_bytes()).unwrap();
    assert_eq!((set.iter().count(), set.passed_over()), (1, 1));
}

#[test]
fn a_public_key_in_a_ring_verifies_and_never_signs() {
    let clock = ManualClock::new();
    let sibling = SecretKey::from_pem(Algorithm::EdDsa, EDDSA).unwrap();
    let theirs = issuer(KeyRing::new(sibling.clone()), &clock);
    let login = block_on(theirs.create(NewSession::for_subject(id("alice")))).unwrap();
    let ring = KeyRing::hs256("own", &secret(2)).unwrap();
    let ring = ring.verify_only(sibling.public().unwrap().clone()).unwrap();
    let ours = issuer(ring, &clock);
    ours.verify(login.token()).unwrap();
    let own = block_on(ours.create(NewSession::for_subject(id("bob")))).unwrap();
    refused(theirs.verify(own.token()), ErrorKind::InvalidToken);
}
