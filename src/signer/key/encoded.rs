//! PEM (RFC 7468) and DER: PKCS #8, SEC 1, PKCS #1 and SubjectPublicKeyInfo, as the parts of a key.

#[cfg(feature = "aws-lc-rs")]
use std::sync::LazyLock;

#[cfg(feature = "aws-lc-rs")]
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use pkcs1::{RsaPrivateKeyRef, RsaPublicKeyRef};
use pkcs8::{
    AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef,
    der::{
        Decode, Encode,
        asn1::{AnyRef, OctetStringRef, UintRef},
        pem,
    },
};
use sec1::EcPrivateKey;
use zeroize::Zeroizing;

use super::{
    InvalidKey,
    parts::{PrivateParts, PublicParts, RsaNumbers},
};
use crate::token::Algorithm;

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const RSA_PSS: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.10");

/// The longest key text that is looked at. An RSA key of 4096 bits has 3272 characters.
const MAX_PEM_BYTES: usize = 16 * 1024;
const MAX_DER_BYTES: usize = 8 * 1024;

const NOT_PKCS8: InvalidKey = InvalidKey::Malformed("no PKCS #8");
const NOT_SPKI: InvalidKey = InvalidKey::Malformed("no SubjectPublicKeyInfo");
const NOT_PKCS1: InvalidKey = InvalidKey::Malformed("no PKCS #1");
const NOT_SEC1: InvalidKey = InvalidKey::Malformed("no SEC 1");

/// A private key in PEM. `passphrase` opens an encrypted one.
pub(super) fn private_pem(pem: &str, passphrase: Option<&str>) -> Result<PrivateParts, InvalidKey> {
    let (label, der) = decode_pem(pem)?;
    match (label, passphrase) {
        ("PRIVATE KEY", None) => pkcs8(&der),
        ("EC PRIVATE KEY", None) => sec1_private(&der),
        ("RSA PRIVATE KEY", None) => pkcs1_private(&der),
        ("ENCRYPTED PRIVATE KEY", Some(passphrase)) => decrypt(&der, passphrase),
        ("ENCRYPTED PRIVATE KEY", None) => Err(InvalidKey::Encrypted),
        ("PRIVATE KEY" | "EC PRIVATE KEY" | "RSA PRIVATE KEY", Some(_)) => {
            Err(InvalidKey::Misused("a passphrase is given, and the key is not encrypted"))
        }
        ("PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE", _) => {
            Err(InvalidKey::Misused("a public key, where a private one belongs"))
        }
        ("OPENSSH PRIVATE KEY", _) => {
            Err(InvalidKey::NotSupported("OpenSSH's form: convert it to PKCS #8"))
        }
        _ => Err(InvalidKey::NotSupported("PEM of this label")),
    }
}

/// A public key in PEM.
pub(super) fn public_pem(pem: &str) -> Result<PublicParts, InvalidKey> {
    let (label, der) = decode_pem(pem)?;
    match label {
        "PUBLIC KEY" => spki(&der),
        "RSA PUBLIC KEY" => pkcs1_public_key(&der),
        "CERTIFICATE" => {
            Err(InvalidKey::NotSupported("a certificate: take its public key out of it"))
        }
        label if label.ends_with("PRIVATE KEY") => {
            Err(InvalidKey::Misused("a private key, where a public one belongs"))
        }
        _ => Err(InvalidKey::NotSupported("PEM of this label")),
    }
}

/// A private key in DER, of whatever structure is usual for its algorithm.
pub(super) fn private_der(algorithm: Algorithm, der: &[u8]) -> Result<PrivateParts, InvalidKey> {
    if der.len() > MAX_DER_BYTES {
        return Err(InvalidKey::Malformed("longer than any key"));
    }
    let other = match algorithm {
        Algorithm::Es256 => sec1_private(der),
        Algorithm::Rs256 => pkcs1_private(der),
        _ => Err(NOT_PKCS8),
    };
    match (other, pkcs8(der)) {
        (Ok(parts), _) | (_, Ok(parts)) => Ok(parts),
        // A structure that could be read says more of what is wrong.
        (Err(other), Err(InvalidKey::Malformed(_)))
            if !matches!(other, InvalidKey::Malformed(_)) =>
        {
            Err(other)
        }
        (_, Err(why)) => Err(why),
    }
}

/// A public key in DER.
pub(super) fn public_der(der: &[u8]) -> Result<PublicParts, InvalidKey> {
    match der.len() > MAX_DER_BYTES {
        true => Err(InvalidKey::Malformed("longer than any key")),
        false => spki(der),
    }
}

/// Refuses an Edwards point that is none, is written in a second way, or is of small order.
pub(super) fn check_edwards(public: &[u8; 32]) -> Result<(), InvalidKey> {
    let point = CompressedEdwardsY(*public).decompress().ok_or(InvalidKey::InvalidPoint)?;
    match point.compress().as_bytes() == public && !point.is_small_order() {
        true => Ok(()),
        false => Err(InvalidKey::InvalidPoint),
    }
}

/// Whether these are the bytes of one of the eight Edwards points of small order.
#[cfg(feature = "aws-lc-rs")]
pub(super) fn is_small_order(point: &[u8]) -> bool {
    static SMALL: LazyLock<[[u8; 32]; 8]> =
        LazyLock::new(|| EIGHT_TORSION.map(|point| point.compress().to_bytes()));
    SMALL.iter().any(|small| small == point)
}

/// An ECPrivateKey of P-256 (RFC 5915) without its public part.
#[cfg(feature = "aws-lc-rs")]
pub(super) fn sec1(d: &[u8; 32]) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
    let key = EcPrivateKey { private_key: d, parameters: Some(P256.into()), public_key: None };
    key.to_der().map(Zeroizing::new).map_err(|_| NOT_SEC1)
}

/// An RSAPublicKey (RFC 8017).
#[cfg(feature = "aws-lc-rs")]
pub(super) fn pkcs1_public(n: &[u8], e: &[u8]) -> Result<Vec<u8>, InvalidKey> {
    let key = RsaPublicKeyRef { modulus: uint(n)?, public_exponent: uint(e)? };
    key.to_der().map_err(|_| NOT_PKCS1)
}

/// An RSAPrivateKey (RFC 8017) of these numbers.
pub(super) fn pkcs1(numbers: &RsaNumbers<'_>) -> Result<Zeroizing<Vec<u8>>, InvalidKey> {
    let [n, e, d, p, q, dp, dq, qi] = numbers.0;
    let key = RsaPrivateKeyRef {
        modulus: uint(n)?,
        public_exponent: uint(e)?,
        private_exponent: uint(d)?,
        prime1: uint(p)?,
        prime2: uint(q)?,
        exponent1: uint(dp)?,
        exponent2: uint(dq)?,
        coefficient: uint(qi)?,
        other_prime_infos: None,
    };
    key.to_der().map(Zeroizing::new).map_err(|_| InvalidKey::RsaNumbers)
}

/// Hands the numbers of an RSAPrivateKey to `read`.
pub(super) fn rsa_numbers<T>(
    pkcs1: &[u8],
    read: impl FnOnce(RsaNumbers<'_>) -> T,
) -> Result<T, InvalidKey> {
    let key = RsaPrivateKeyRef::from_der(pkcs1).map_err(|_| NOT_PKCS1)?;
    if key.other_prime_infos.is_some() {
        return Err(InvalidKey::NotSupported("RSA of more than two primes"));
    }
    Ok(read(RsaNumbers([
        key.modulus.as_bytes(),
        key.public_exponent.as_bytes(),
        key.private_exponent.as_bytes(),
        key.prime1.as_bytes(),
        key.prime2.as_bytes(),
        key.exponent1.as_bytes(),
        key.exponent2.as_bytes(),
        key.coefficient.as_bytes(),
    ])))
}

fn uint(bytes: &[u8]) -> Result<UintRef<'_>, InvalidKey> {
    UintRef::new(bytes).map_err(|_| InvalidKey::RsaNumbers)
}

/// The label and the bytes of the first PEM block that holds a key.
fn decode_pem(pem: &str) -> Result<(&str, Zeroizing<Vec<u8>>), InvalidKey> {
    /// What OpenSSL writes before a key of a named curve.
    const PARAMETERS: &str = "-----END EC PARAMETERS-----";
    if pem.len() > MAX_PEM_BYTES {
        return Err(InvalidKey::Malformed("longer than any key"));
    }
    if pem.contains("\nProc-Type:") {
        return Err(InvalidKey::NotSupported(
            "OpenSSL's old encryption: convert the key to PKCS #8",
        ));
    }
    let key = pem.split_once(PARAMETERS).map_or(pem, |(_, key)| key);
    let unreadable = |_| InvalidKey::Malformed("no PEM (RFC 7468)");
    let mut decoder =
        pem::Decoder::new_detect_wrap(key.trim_start().as_bytes()).map_err(unreadable)?;
    let mut der = Zeroizing::new(Vec::with_capacity(decoder.remaining_len()));
    decoder.decode_to_end(&mut der).map_err(unreadable)?;
    Ok((decoder.type_label(), der))
}

#[cfg(feature = "encrypted-keys")]
fn decrypt(der: &[u8], passphrase: &str) -> Result<PrivateParts, InvalidKey> {
    let encrypted = pkcs8::EncryptedPrivateKeyInfoRef::from_der(der)
        .map_err(|_| InvalidKey::Malformed("no encrypted PKCS #8"))?;
    if !is_affordable(&encrypted.encryption_algorithm) {
        return Err(InvalidKey::NotSupported(
            "a key whose passphrase costs more than 10 million rounds or 256 MiB",
        ));
    }
    let opened = encrypted.decrypt(passphrase).map_err(|error| match error {
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::UnsupportedAlgorithm { .. }) => {
            InvalidKey::NotSupported("this encryption of a key: take PBES2")
        }
        _ => InvalidKey::WrongPassphrase,
    })?;
    // Padding may look right by chance: what comes out must be a key, too.
    pkcs8(opened.as_bytes()).map_err(|why| match why {
        InvalidKey::Malformed(_) => InvalidKey::WrongPassphrase,
        why => why,
    })
}

/// A text that says it takes hours to open, or more memory than there is, is not tried.
#[cfg(feature = "encrypted-keys")]
fn is_affordable(scheme: &pkcs8::pkcs5::EncryptionScheme) -> bool {
    use pkcs8::pkcs5::{EncryptionScheme, pbes2::Kdf};
    let EncryptionScheme::Pbes2(pbes2) = scheme else { return true };
    match &pbes2.kdf {
        Kdf::Pbkdf2(params) => params.iteration_count <= 10_000_000,
        Kdf::Scrypt(params) => {
            let blocks = params.cost_parameter.saturating_mul(u64::from(params.block_size));
            blocks.saturating_mul(128) <= 256 * 1024 * 1024 && params.parallelization <= 16
        }
        _ => true,
    }
}

#[cfg(not(feature = "encrypted-keys"))]
fn decrypt(_: &[u8], _: &str) -> Result<PrivateParts, InvalidKey> {
    Err(InvalidKey::NotSupported("encrypted keys need the feature encrypted-keys"))
}

fn pkcs8(der: &[u8]) -> Result<PrivateParts, InvalidKey> {
    let info = PrivateKeyInfoRef::try_from(der).map_err(|_| NOT_PKCS8)?;
    match kind_of(info.algorithm)? {
        Algorithm::Es256 => sec1_private(info.private_key.as_bytes()),
        Algorithm::EdDsa => {
            let seed =
                <&OctetStringRef>::from_der(info.private_key.as_bytes()).map_err(|_| NOT_PKCS8)?;
            let seed = <[u8; 32]>::try_from(seed.as_bytes()).map_err(|_| NOT_PKCS8)?;
            let public = match info.public_key {
                Some(bits) => {
                    let bytes = bits.as_bytes().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
                    Some(bytes.ok_or(InvalidKey::InvalidPoint)?)
                }
                None => None,
            };
            Ok(PrivateParts::EdDsa { seed: Zeroizing::new(seed), public })
        }
        _ => pkcs1_private(info.private_key.as_bytes()),
    }
}

fn sec1_private(der: &[u8]) -> Result<PrivateParts, InvalidKey> {
    let key = EcPrivateKey::from_der(der).map_err(|_| NOT_SEC1)?;
    if key.parameters.is_some_and(|curve| curve.named_curve() != Some(P256)) {
        return Err(InvalidKey::NotSupported("another curve than P-256"));
    }
    let d = <[u8; 32]>::try_from(key.private_key)
        .map_err(|_| InvalidKey::Malformed("no scalar of P-256"))?;
    let public = key.public_key.map(PublicParts::ec_point).transpose()?;
    Ok(PrivateParts::Es256 { d: Zeroizing::new(d), public })
}

fn pkcs1_private(der: &[u8]) -> Result<PrivateParts, InvalidKey> {
    let public = rsa_numbers(der, |RsaNumbers([n, e, ..])| PublicParts::rsa(n, e))??;
    Ok(PrivateParts::Rs256 { pkcs1: Zeroizing::new(der.to_vec()), public })
}

fn spki(der: &[u8]) -> Result<PublicParts, InvalidKey> {
    let info = SubjectPublicKeyInfoRef::from_der(der).map_err(|_| NOT_SPKI)?;
    let bytes = info.subject_public_key.as_bytes().ok_or(NOT_SPKI)?;
    match kind_of(info.algorithm)? {
        Algorithm::Es256 => PublicParts::ec_point(bytes).map(PublicParts::Es256),
        Algorithm::EdDsa => <[u8; 32]>::try_from(bytes)
            .map(PublicParts::EdDsa)
            .map_err(|_| InvalidKey::InvalidPoint),
        _ => pkcs1_public_key(bytes),
    }
}

fn pkcs1_public_key(der: &[u8]) -> Result<PublicParts, InvalidKey> {
    let key = RsaPublicKeyRef::from_der(der).map_err(|_| NOT_PKCS1)?;
    PublicParts::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
}

fn kind_of(algorithm: AlgorithmIdentifierRef<'_>) -> Result<Algorithm, InvalidKey> {
    let null = algorithm.parameters.is_none_or(|parameters| parameters == AnyRef::NULL);
    match algorithm.oid {
        EC => match algorithm.parameters_oid() {
            Ok(P256) => Ok(Algorithm::Es256),
            _ => Err(InvalidKey::NotSupported("another curve than P-256")),
        },
        ED25519 if algorithm.parameters.is_none() => Ok(Algorithm::EdDsa),
        RSA if null => Ok(Algorithm::Rs256),
        RSA_PSS => Err(InvalidKey::NotSupported("a key for RSA-PSS")),
        ED25519 | RSA => {
            Err(InvalidKey::Malformed("an algorithm with parameters that it does not have"))
        }
        _ => Err(InvalidKey::NotSupported("another type of key")),
    }
}
