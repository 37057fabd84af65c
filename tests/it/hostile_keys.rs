//! Keys that must not be used, each with the reason that refuses it: R15 to R20, R22.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use session_issuer::{
    secret::WeakKey,
    signer::{InvalidJwks, InvalidKey, Jwks, PublicKey, SecretKey},
    token::{Algorithm, InvalidTokenKey, TokenKeys},
};

use crate::world::secret;

pub const ANY: bool = cfg!(any(feature = "aws-lc-rs", feature = "rust-crypto"));
pub const AWS: bool = cfg!(feature = "aws-lc-rs");

const NO_JSON: InvalidKey = InvalidKey::Malformed("no JSON of a JWK");
pub const NO_OBJECT: InvalidKey = InvalidKey::Malformed("a JWK is an object");
const NO_TEXT: InvalidKey = InvalidKey::Malformed("a member of a JWK is not a text");
pub const MISSING: InvalidKey = InvalidKey::Malformed("a member of the JWK is missing");
const CODE: InvalidKey = InvalidKey::Malformed("a member of the JWK is not base64url");
const BYTES: InvalidKey = InvalidKey::Malformed("a coordinate is not 32 bytes long");
const ZEROS: InvalidKey = InvalidKey::Malformed("a number is empty or has leading zeros");
const NO_CURVE: InvalidKey = InvalidKey::Malformed("crv is missing");
const TWICE: InvalidKey = InvalidKey::Malformed("key_ops names one operation twice");
const NO_WORDS: InvalidKey = InvalidKey::Malformed("key_ops is not an array of texts");
const OTHER_CURVE: InvalidKey = InvalidKey::NotSupported("another curve");
const OTHER_TYPE: InvalidKey = InvalidKey::NotSupported("another type of key");
pub const PRIVATE: InvalidKey = InvalidKey::Misused("a private key, where a public one belongs");
const PUBLIC: InvalidKey = InvalidKey::Misused("a public key, where a private one belongs");
const USE: InvalidKey = InvalidKey::Misused("use is not sig");
const OPERATIONS: InvalidKey = InvalidKey::Misused("key_ops allows something else");
pub const ALGORITHM: InvalidKey = InvalidKey::Misused("alg names another algorithm than the key's");

pub fn code(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A key of P-256 (RFC 9449), one of Ed25519 (RFC 8037), one of RSA (RFC 7638).
pub fn ec() -> Value {
    json!({"kty": "EC", "crv": "P-256",
        "x": "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs", "y": "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA"})
}

pub fn ed() -> Value {
    json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})
}

pub fn rsa() -> Value {
    let all: Value = serde_json::from_str(include_str!("../vectors/rfc/rfc-vectors.json")).unwrap();
    let found =
        all["vectors"].as_array().unwrap().iter().find(|vector| vector["source"] == "RFC 7638 3.1");
    found.unwrap()["jwk"].clone()
}

pub fn private_rsa() -> Value {
    let mut key: Value =
        serde_json::from_str(include_str!("../vectors/cookbook/jwk/3_4.rsa_private_key.json"))
            .unwrap();
    key["kid"] = "r".into();
    key
}

pub fn private_ed() -> Value {
    let mut key = ed();
    key["d"] = "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A".into();
    key
}

/// The scalar one: its point is the generator.
pub fn private_ec() -> Value {
    let mut one = [0; 32];
    one[31] = 1;
    json!({"kty": "EC", "crv": "P-256", "d": code(&one),
        "x": "axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY", "y": "T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"})
}

pub fn with(mut key: Value, name: &str, value: impl Into<Value>) -> Value {
    key[name] = value.into();
    key
}

fn without(mut key: Value, name: &str) -> Value {
    key.as_object_mut().unwrap().remove(name);
    key
}

#[track_caller]
fn public_is(key: &Value, why: &InvalidKey) {
    text_is(&key.to_string(), why);
    // In a set it is refused for the same, where it is not passed over for being somebody else's.
    match Jwks::parse(json!({ "keys": [key] }).to_string().as_bytes()) {
        Err(InvalidJwks::Key { at: 0, why: in_set }) => assert_eq!(in_set, *why, "{key}"),
        Err(InvalidJwks::NoneUsable(1)) => {
            let foreign = [
                &OTHER_CURVE,
                &OTHER_TYPE,
                &USE,
                &OPERATIONS,
                &ALGORITHM,
                &InvalidKey::MalformedId,
            ];
            let elsewhere =
                matches!(why, InvalidKey::RsaSize(4097..) | InvalidKey::NotSupported(_));
            assert!(elsewhere || foreign.contains(&why), "{key} is passed over");
        }
        other => panic!("{key}: {other:?}"),
    }
}

#[track_caller]
fn text_is(text: &str, why: &InvalidKey) {
    let refusal = PublicKey::from_jwk(text).expect_err(text);
    assert_eq!(refusal, *why, "{text}");
    let shown = format!("{refusal} {refusal:?}");
    assert!(!shown.contains("l8tFrhx") && !shown.contains("11qYAYK"), "{shown}");
}

#[track_caller]
fn secret_is(key: &Value, why: &InvalidKey) {
    assert_eq!(SecretKey::from_jwk(&key.to_string()).expect_err("taken"), *why, "{key}");
}

#[test]
#[cfg_attr(not(any(feature = "aws-lc-rs", feature = "rust-crypto")), ignore = "no such keys")]
fn the_keys_that_the_tables_begin_with_are_sound() {
    for key in [ec(), ed()] {
        PublicKey::from_jwk(&key.to_string()).unwrap();
        Jwks::parse(json!({ "keys": [key] }).to_string().as_bytes()).unwrap();
    }
    for key in [private_ec(), private_ed()] {
        SecretKey::from_jwk(&key.to_string()).unwrap();
    }
    if AWS {
        PublicKey::from_jwk(&rsa().to_string()).unwrap();
        SecretKey::from_jwk(&private_rsa().to_string()).unwrap();
    }
}

// R18
#[test]
fn an_rsa_key_that_is_short_or_long_or_has_a_weak_exponent_is_refused() {
    let odd = |bits: usize| {
        let mut n = vec![0xa5; bits.div_ceil(8)];
        n[0] = 1 << ((bits - 1) % 8);
        (*n.last_mut().unwrap()) |= 1;
        code(&n)
    };
    for bits in [512, 1024, 2040, 2047, 4097, 4104, 8192] {
        public_is(&with(rsa(), "n", odd(bits)), &InvalidKey::RsaSize(bits));
    }
    if AWS {
        for bits in [2048, 2049, 3072, 4096] {
            assert_eq!(
                PublicKey::from_jwk(&with(rsa(), "n", odd(bits)).to_string()).unwrap().rsa_bits(),
                Some(bits)
            );
        }
    }
    for exponent in
        [1_u64, 2, 3, 17, 257, 65_535, 65_536, 65_538, (1 << 32) - 2, (1 << 32) + 1, u64::MAX]
    {
        let bytes = exponent.to_be_bytes();
        let short = &bytes[bytes.iter().position(|byte| *byte != 0).unwrap()..];
        public_is(&with(rsa(), "e", code(short)), &InvalidKey::RsaNumbers);
    }
    let modulus = URL_SAFE_NO_PAD.decode(rsa()["n"].as_str().unwrap()).unwrap();
    let mut even = modulus.clone();
    even[255] &= 0xfe;
    public_is(&with(rsa(), "n", code(&even)), &InvalidKey::RsaNumbers);
    for (name, value) in
        [("e", code(&[0])), ("e", code(&[0, 1, 0, 1])), ("e", String::new()), ("n", String::new())]
    {
        public_is(&with(rsa(), name, value), &ZEROS);
    }
    public_is(&with(rsa(), "n", code(&[&[0], &modulus[..]].concat())), &ZEROS);
    public_is(&with(rsa(), "crv", "P-256"), &InvalidKey::Malformed("crv of a key without a curve"));
    for name in ["n", "e"] {
        public_is(&without(rsa(), name), &MISSING);
        public_is(&with(rsa(), name, 65_537), &NO_TEXT);
    }
    if AWS {
        let pem = include_str!("../vectors/keys/rsa1024.pkcs8.pem");
        assert_eq!(
            SecretKey::from_pem(Algorithm::Rs256, pem).unwrap_err(),
            InvalidKey::RsaSize(1024)
        );
        let pem = include_str!("../vectors/keys/rsa2048.e3.pkcs8.pem");
        assert_eq!(SecretKey::from_pem(Algorithm::Rs256, pem).unwrap_err(), InvalidKey::RsaNumbers);
    }
}

// R18
#[test]
fn a_private_rsa_key_whose_numbers_do_not_belong_together_is_refused() {
    let sound = private_rsa();
    let swap = |name: &str, bit: u8| {
        let mut bytes = URL_SAFE_NO_PAD.decode(sound[name].as_str().unwrap()).unwrap();
        *bytes.last_mut().unwrap() ^= bit;
        with(sound.clone(), name, code(&bytes))
    };
    if AWS {
        for name in ["n", "p", "q", "d", "dp", "dq", "qi"] {
            let refusal = SecretKey::from_jwk(&swap(name, 2).to_string()).expect_err(name);
            assert!(
                matches!(
                    refusal,
                    InvalidKey::RsaNumbers | InvalidKey::Malformed("the key does not sign")
                ),
                "{name} {refusal:?}"
            );
        }
        let swapped = with(with(sound.clone(), "p", sound["q"].clone()), "q", sound["p"].clone());
        secret_is(&swapped, &InvalidKey::RsaNumbers);
    }
    for name in ["p", "q", "dp", "dq", "qi"] {
        secret_is(&without(sound.clone(), name), &MISSING);
    }
    secret_is(&without(sound.clone(), "d"), &PUBLIC);
    secret_is(
        &with(sound.clone(), "oth", json!([])),
        &InvalidKey::NotSupported("RSA of more than two primes"),
    );
    secret_is(&with(sound, "e", code(&[3])), &InvalidKey::RsaNumbers);
}

// R19
#[test]
#[cfg_attr(not(any(feature = "aws-lc-rs", feature = "rust-crypto")), ignore = "no such keys")]
fn a_point_that_is_not_on_p_256_or_not_written_as_one_is_refused() {
    let point = |x: &[u8], y: &[u8]| with(with(ec(), "x", code(x)), "y", code(y));
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(ec()[name].as_str().unwrap()).unwrap();
    let (x, y) = (coordinate("x"), coordinate("y"));
    // The prime; and the y of x = 0, a square root of the curve's b.
    let p = hex("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff");
    let root = hex("66485c780e2f83d72433bd5d84a06bb6541c2af31dae871728bf856a174f93f4");
    PublicKey::from_jwk(&point(&[0; 32], &root).to_string()).unwrap();
    let mut off = y.clone();
    off[31] ^= 1;
    for (x, y) in [
        (&x, &off),
        (&y, &x),
        (&x, &x),
        (&vec![0; 32], &vec![0; 32]),
        (&vec![0xff; 32], &vec![0xff; 32]),
        (&p, &root),
        (&p, &vec![0; 32]),
        (&vec![0; 32], &p),
        (&x, &vec![0; 32]),
        (&x, &p),
    ] {
        public_is(&point(x, y), &InvalidKey::InvalidPoint);
    }
    let compressed = [&[2], &x[..]].concat();
    let whole = [&[4], &x[..], &y[..]].concat();
    for bad in [&x[..31], &x[1..], &compressed, &whole, &[0], &[]] {
        public_is(&point(bad, &y), &BYTES);
        public_is(&point(&x, bad), &BYTES);
    }
    for name in ["x", "y"] {
        public_is(&without(ec(), name), &MISSING);
        public_is(&with(ec(), name, Value::Null), &NO_TEXT);
        public_is(&with(ec(), name, 7), &NO_TEXT);
    }
}

// R19
#[test]
#[cfg_attr(not(any(feature = "aws-lc-rs", feature = "rust-crypto")), ignore = "no such keys")]
fn an_edwards_point_of_small_order_or_no_point_at_all_is_refused() {
    let keyed = |x: &[u8]| with(ed(), "x", code(x));
    let small = [
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
    ];
    // The same ones written in another way: a y above the prime, the sign of an x that is zero.
    let twice = [
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    // A y that no point has; y = 3 + p, which is another way to write y = 3; and the greatest
    // number there is.
    let none = [
        "0200000000000000000000000000000000000000000000000000000000000000",
        "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    ];
    for point in small.iter().chain(&twice).chain(&none) {
        public_is(&keyed(&hex(point)), &InvalidKey::InvalidPoint);
    }
    let right = URL_SAFE_NO_PAD.decode(ed()["x"].as_str().unwrap()).unwrap();
    for bad in [&right[..31], &[&right[..], &[0]].concat(), &[&[0x40], &right[..]].concat(), &[]] {
        public_is(&keyed(bad), &BYTES);
    }
    public_is(&without(ed(), "x"), &MISSING);
}

// R20
#[test]
fn a_jwk_that_says_it_is_something_else_is_refused() {
    for (name, value, why) in [
        ("kty", json!("ec"), &OTHER_TYPE),
        ("kty", json!(""), &OTHER_TYPE),
        ("kty", json!("AKP"), &OTHER_TYPE),
        ("kty", Value::Null, &NO_TEXT),
        ("kty", json!(["EC"]), &NO_TEXT),
        ("crv", json!("P-384"), &OTHER_CURVE),
        ("crv", json!("p-256"), &OTHER_CURVE),
        ("crv", json!("secp256k1"), &OTHER_CURVE),
        ("crv", json!(""), &OTHER_CURVE),
        ("crv", Value::Null, &NO_TEXT),
        ("use", json!("enc"), &USE),
        ("use", json!("SIG"), &USE),
        ("use", json!(""), &USE),
        ("use", json!(["sig"]), &NO_TEXT),
        ("use", Value::Null, &NO_TEXT),
        ("key_ops", json!(["encrypt"]), &OPERATIONS),
        ("key_ops", json!(["sign"]), &OPERATIONS),
        ("key_ops", json!(["verify", "encrypt"]), &OPERATIONS),
        ("key_ops", json!(["VERIFY"]), &OPERATIONS),
        ("key_ops", json!([]), &OPERATIONS),
        ("key_ops", json!(["verify", "verify"]), &TWICE),
        ("key_ops", json!(["verify", "sign", "verify"]), &TWICE),
        ("key_ops", json!("verify"), &NO_WORDS),
        ("key_ops", json!([1]), &NO_WORDS),
        ("key_ops", json!(["verify", null]), &NO_WORDS),
        ("key_ops", Value::Null, &NO_WORDS),
        ("alg", json!("RS256"), &ALGORITHM),
        ("alg", json!("HS256"), &ALGORITHM),
        ("alg", json!("EdDSA"), &ALGORITHM),
        ("alg", json!("ES384"), &ALGORITHM),
        ("alg", json!("es256"), &ALGORITHM),
        ("alg", json!("none"), &ALGORITHM),
        ("alg", json!(""), &ALGORITHM),
        ("alg", json!(["ES256"]), &NO_TEXT),
        ("alg", Value::Null, &NO_TEXT),
        ("kid", json!(1), &NO_TEXT),
        ("kid", Value::Null, &NO_TEXT),
    ] {
        // An id is read when the key stands, which takes arithmetic.
        if ANY || name != "kid" {
            public_is(&with(ec(), name, value), why);
        }
    }
    public_is(&without(ec(), "kty"), &MISSING);
    public_is(&without(ec(), "crv"), &NO_CURVE);
    public_is(&without(ed(), "crv"), &NO_CURVE);
    for curve in ["Ed448", "X25519", "X448", "P-256"] {
        public_is(&with(ed(), "crv", curve), &OTHER_CURVE);
    }
    public_is(&with(ec(), "crv", "Ed25519"), &OTHER_CURVE);
    public_is(&with(ed(), "alg", "ES256"), &ALGORITHM);
    public_is(&with(rsa(), "alg", "PS256"), &ALGORITHM);
    public_is(&with(rsa(), "alg", "RSA-OAEP"), &ALGORITHM);
    for name in ["d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"] {
        for value in [json!("AAAA"), json!(""), Value::Null] {
            for key in [ec(), ed(), rsa()] {
                public_is(&with(key, name, value.clone()), &PRIVATE);
            }
        }
    }
    public_is(&json!({"kty": "oct", "kid": "a", "k": code(&secret(2))}), &PRIVATE);
    for kid in ["", " ", "a b", "a/b", "../a", "a\0", "ä", "a@b", "a\"b", &"k".repeat(65)] {
        if ANY {
            public_is(&with(ec(), "kid", kid), &InvalidKey::MalformedId);
        }
    }
}

// R20, R22
#[test]
fn a_jwk_whose_text_can_be_read_in_two_ways_is_refused() {
    let (ec, x) = (ec().to_string(), "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs");
    let inner = ec.trim_matches(['{', '}']);
    for text in [
        String::new(),
        "{".to_owned(),
        "nothing".to_owned(),
        format!("{ec}{ec}"),
        format!("{ec},"),
        format!("\u{feff}{ec}"),
        format!("{{{inner},}}"),
        format!("{{{inner},\"x\":\"{x}\"}}"),
        format!("{{{inner},\"\\u0078\":\"{x}\"}}"),
        format!("{{{inner},\"kty\":\"oct\"}}"),
        format!("{{{inner},\"a\":1,\"a\":1}}"),
        format!("{{{inner},\"a\":{{\"b\":1,\"b\":1}}}}"),
        format!("{{{inner},\"a\":NaN}}"),
        format!("{{{inner},\"a\":Infinity}}"),
        format!("{{{inner},\"a\":1e400}}"),
        format!("{{{inner},\"a\":{}{}}}", "[".repeat(100), "]".repeat(100)),
        ec.replace('"', "'"),
    ] {
        text_is(&text, &NO_JSON);
    }
    for text in
        ["[]", "null", "1", "\"EC\"", r#"{"$serde_json::private::Number":"1"}"#, &format!("[{ec}]")]
    {
        text_is(text, &NO_OBJECT);
    }
    for bad in [
        format!("{x}="),
        format!("{x}=="),
        format!(" {x}"),
        format!("{x}\\n"),
        x.replace('-', "+"),
        x.replace("WBFs", "WBFt"),
        x.replace("WBFs", "WBFu"),
        x.replace("WBFs", "WBFv"),
        format!("{x}AA"),
        "l8tF\\u0000".to_owned(),
        "~".to_owned(),
        "AA\\\",\\\"z\\\":\\\"1".to_owned(),
    ] {
        text_is(&ec.replace(x, &bad), &CODE);
    }
}

// R19, R20
#[test]
#[cfg_attr(not(any(feature = "aws-lc-rs", feature = "rust-crypto")), ignore = "no such keys")]
fn a_private_jwk_that_does_not_belong_to_its_public_part_or_purpose_is_refused() {
    // aws-lc does not say which of the two is wrong.
    let scalar =
        if AWS { InvalidKey::Mismatch } else { InvalidKey::Malformed("no scalar of P-256") };
    let order = hex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    for d in [&[0; 32][..], &order, &[0xff; 32]] {
        secret_is(&with(private_ec(), "d", code(d)), &scalar);
    }
    let mut two = [0; 32];
    two[31] = 2;
    secret_is(&with(private_ec(), "d", code(&two)), &InvalidKey::Mismatch);
    secret_is(
        &with(with(private_ec(), "x", ec()["x"].clone()), "y", ec()["y"].clone()),
        &InvalidKey::Mismatch,
    );
    secret_is(&with(private_ed(), "d", code(&[7; 32])), &InvalidKey::Mismatch);
    for d in [&[1; 31][..], &[1; 33], &[1; 64], &[]] {
        secret_is(&with(private_ec(), "d", code(d)), &BYTES);
        secret_is(&with(private_ed(), "d", code(d)), &BYTES);
    }
    for key in [private_ec(), private_ed()] {
        secret_is(&without(key.clone(), "x"), &MISSING);
        secret_is(&without(key.clone(), "d"), &PUBLIC);
        secret_is(&with(key.clone(), "d", 1), &NO_TEXT);
        secret_is(&with(key.clone(), "use", "enc"), &USE);
        secret_is(&with(key.clone(), "key_ops", json!(["verify"])), &OPERATIONS);
        secret_is(&with(key.clone(), "alg", "HS256"), &ALGORITHM);
        secret_is(&with(key, "kid", "a b"), &InvalidKey::MalformedId);
    }
}

// R15, R16, R17
#[test]
fn a_symmetric_jwk_is_as_long_and_as_random_as_any_secret() {
    let oct = |k: &[u8]| json!({"kty": "oct", "kid": "a", "k": code(k)});
    SecretKey::from_jwk(&oct(&secret(2)).to_string()).unwrap();
    for length in [0, 1, 16, 31] {
        secret_is(&oct(&secret(2)[..length]), &InvalidKey::Weak(WeakKey::TooShort(32)));
    }
    secret_is(&oct(&[0; 64]), &InvalidKey::Weak(WeakKey::LowEntropy));
    secret_is(
        &without(oct(&secret(2)), "kid"),
        &InvalidKey::Malformed("a symmetric key needs a kid"),
    );
    secret_is(&with(oct(&secret(2)), "kid", "a b"), &InvalidKey::MalformedId);
    secret_is(&with(oct(&secret(2)), "alg", "HS512"), &ALGORITHM);
    secret_is(&with(oct(&secret(2)), "alg", "RS256"), &ALGORITHM);
    secret_is(
        &with(oct(&secret(2)), "crv", "P-256"),
        &InvalidKey::Malformed("crv of a key without a curve"),
    );
    secret_is(&without(oct(&secret(2)), "k"), &MISSING);
    secret_is(&with(oct(&secret(2)), "key_ops", json!(["encrypt"])), &OPERATIONS);
}

// R16
#[test]
fn key_text_is_no_secret_whatever_stands_in_front_of_it() {
    use base64::engine::general_purpose::STANDARD;
    let pem = [
        include_str!("../vectors/keys/rsa2048.public.pem"),
        include_str!("../vectors/keys/p256.public.pem"),
        include_str!("../vectors/keys/ed25519.public.pem"),
        include_str!("../vectors/keys/ed25519.openssh.pem"),
        include_str!("../vectors/keys/p256.certificate.pem"),
        include_str!("../vectors/keys/p256.sec1.pem"),
    ];
    let der = |pem: &str| {
        let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
        STANDARD.decode(body).unwrap()
    };
    let mut texts: Vec<Vec<u8>> = pem.iter().map(|pem| pem.as_bytes().to_vec()).collect();
    texts.extend(pem[..3].iter().map(|pem| der(pem)));
    texts.push(der(include_str!("../vectors/keys/ed25519.pkcs8.pem")));
    texts.push(b"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE7x6uVfGLLLQ9vGd1zI2a4 a@b".to_vec());
    texts.push(b"ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlz".to_vec());
    texts.push(ec().to_string().into_bytes());
    texts.push(rsa().to_string().into_bytes());
    for text in &texts {
        for junk in [&b""[..], b" ", b"\n\t", b"\0", b"\xef\xbb\xbf", b"key: ", b"0123456789abcdef"]
        {
            let secret = [junk, &text[..text.len().min(500)]].concat();
            let weak = InvalidKey::Weak(WeakKey::KeyText);
            assert_eq!(
                SecretKey::hs256("a", &secret).unwrap_err(),
                weak,
                "{:?}",
                String::from_utf8_lossy(&secret)
            );
            let weak = InvalidTokenKey::Weak(WeakKey::KeyText);
            assert_eq!(TokenKeys::new(1, &secret).unwrap_err(), weak);
        }
    }
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}
