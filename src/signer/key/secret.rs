//! Keys that sign: a symmetric secret, or a private key with its public one.

use std::{fmt, sync::Arc};

use super::{InvalidKey, checked_id, hs256::Hs256Key};
use super::{
    PublicKey,
    arithmetic::{Signing, generate_rsa},
    encoded,
    jwk::{Jwk, Purpose, with_private},
    parts::{PrivateParts, RsaNumbers},
};
use crate::{
    entropy::Entropy,
    error::{SignError, SignErrorKind},
    secret::Secret,
    token::Algorithm,
};

/// A key that signs: of one algorithm, and with an id.
///
/// Keys come in as bytes (HS256), PEM, DER or JWK, or are generated. Everything is checked when a
/// key is loaded, down to a signature that is made and verified, so that none fails at its first
/// use. The id of an asymmetric key is its thumbprint (RFC 7638) unless a JWK or the host names
/// another.
///
/// | algorithm | feature | from |
/// | --- | --- | --- |
/// | HS256 | none | 32 to 512 random bytes, JWK (with one of the features below) |
/// | ES256 | `aws-lc-rs` or `rust-crypto` | PKCS #8, SEC 1, JWK |
/// | EdDSA | `aws-lc-rs` or `rust-crypto` | PKCS #8, JWK |
/// | RS256 | `aws-lc-rs` | PKCS #8, PKCS #1, JWK; 2048 to 4096 bits |
///
/// # Security
/// `Debug` shows the id and the algorithm. Parsed keys are wiped when dropped. The text that they
/// were read from is the host's to wipe, and while a JWK is read or made, copies of its members
/// pass through memory that is not.
#[derive(Clone)]
pub struct SecretKey {
    id: Arc<str>,
    material: Material,
}

/// What a key is made of.
#[derive(Clone)]
enum Material {
    Hs256(Arc<Hs256Key>),
    Pair(Arc<Signing>, PublicKey),
}

/// A key that was just made, and the text to keep it by.
#[derive(Debug)]
#[non_exhaustive]
pub struct GeneratedKey {
    /// The new key, ready to sign.
    pub key: SecretKey,
    /// The same as a private JWK, with its id and algorithm: for [`SecretKey::from_jwk`] at the
    /// next start.
    pub jwk: Secret,
}

impl SecretKey {
    /// A symmetric key: 32 to 512 random bytes (RFC 7518 section 3.2). Whoever can verify with it
    /// can sign with it.
    ///
    /// # Errors
    /// [`MalformedId`](InvalidKey::MalformedId); [`Weak`](InvalidKey::Weak) for bytes that are too
    /// few, too many, or not random.
    pub fn hs256(id: &str, secret: &[u8]) -> Result<Self, InvalidKey> {
        Ok(Self {
            id: checked_id(id)?,
            material: Material::Hs256(Arc::new(Hs256Key::new(secret)?)),
        })
    }

    /// A new key: 32 random bytes (HS256), a scalar of P-256, an Ed25519 seed, or RSA of 3072 bits,
    /// whose primes aws-lc draws by its own generator.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(any(feature = "aws-lc-rs", feature = "rust-crypto"))] {
    /// use session_issuer::{entropy::SystemEntropy, signer::SecretKey, token::Algorithm};
    ///
    /// let new = SecretKey::generate(Algorithm::EdDsa, &SystemEntropy)?;
    /// // Keep new.jwk where secrets are kept.
    /// let again = SecretKey::from_jwk(new.jwk.expose())?;
    /// assert_eq!(again.id(), new.key.id());
    /// # }
    /// # Ok::<(), session_issuer::signer::InvalidKey>(())
    /// ```
    ///
    /// # Errors
    /// `NotSupported` for an algorithm that no feature brings, `NoEntropy`.
    pub fn generate(
        algorithm: Algorithm,
        entropy: &dyn Entropy,
    ) -> Result<GeneratedKey, InvalidKey> {
        match algorithm {
            Algorithm::Hs256 => generate_hs256(entropy),
            _ => Self::generate_pair(algorithm, entropy),
        }
    }

    /// A key as `jsonwebtoken` holds it. It must be of this algorithm.
    ///
    /// # Errors
    /// [`WrongAlgorithm`](InvalidKey::WrongAlgorithm) for a key of another family; then those of
    /// [`hs256`](Self::hs256) or [`from_der`](Self::from_der), and of [`with_id`](Self::with_id).
    pub fn from_encoding_key(
        id: &str,
        algorithm: Algorithm,
        key: &jsonwebtoken::EncodingKey,
    ) -> Result<Self, InvalidKey> {
        use jsonwebtoken::AlgorithmFamily;
        match (algorithm, key.family()) {
            (Algorithm::Hs256, AlgorithmFamily::Hmac) => Self::hs256(id, key.as_bytes()),
            (Algorithm::Es256, AlgorithmFamily::Ec)
            | (Algorithm::EdDsa, AlgorithmFamily::Ed)
            | (Algorithm::Rs256, AlgorithmFamily::Rsa) => {
                Self::from_der(algorithm, key.as_bytes())?.with_id(id)
            }
            _ => Err(InvalidKey::WrongAlgorithm(algorithm)),
        }
    }

    /// The same key under another id.
    ///
    /// # Errors
    /// [`MalformedId`](InvalidKey::MalformedId) for an id that is not 1 to 64 of `A-Z a-z 0-9 . _ ~
    /// -`.
    pub fn with_id(self, id: &str) -> Result<Self, InvalidKey> {
        let id = checked_id(id)?;
        let material = match self.material {
            Material::Pair(signing, public) => Material::Pair(signing, public.with_id(&id)?),
            material => material,
        };
        Ok(Self { id, material })
    }

    /// The id of the key (`kid`).
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(in crate::signer) fn shared_id(&self) -> &Arc<str> {
        &self.id
    }

    /// The algorithm of the key (`alg`).
    pub fn algorithm(&self) -> Algorithm {
        match &self.material {
            Material::Hs256(_) => Algorithm::Hs256,
            Material::Pair(_, public) => public.algorithm(),
        }
    }

    pub(in crate::signer) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError> {
        match &self.material {
            Material::Hs256(key) => Ok(key.sign(message)),
            Material::Pair(signing, _) => {
                signing.sign(message).ok_or_else(|| SignError::new(SignErrorKind::Unavailable))
            }
        }
    }

    pub(in crate::signer) fn verify(
        &self,
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), SignError> {
        match &self.material {
            Material::Hs256(key) => key.verify(message, signature),
            Material::Pair(_, public) => public.verify(message, signature),
        }
    }

    /// Whether two keys are the same, whatever they are called.
    pub(in crate::signer) fn is_same(&self, other: &Self) -> bool {
        match (&self.material, &other.material) {
            (Material::Hs256(key), Material::Hs256(other)) => {
                other.verify(b"the same key", &key.sign(b"the same key")).is_ok()
            }
            (Material::Pair(_, public), Material::Pair(_, other)) => public.is_same(other),
            _ => false,
        }
    }
}

impl SecretKey {
    /// A private key in PEM: `PRIVATE KEY`, `EC PRIVATE KEY` or `RSA PRIVATE KEY`.
    ///
    /// # Errors
    /// [`Malformed`](InvalidKey::Malformed) for text that is no such key,
    /// [`Encrypted`](InvalidKey::Encrypted) for a key under a passphrase,
    /// [`WrongAlgorithm`](InvalidKey::WrongAlgorithm) for a key of another algorithm,
    /// [`Mismatch`](InvalidKey::Mismatch) for a public part of another key;
    /// [`RsaSize`](InvalidKey::RsaSize), [`RsaNumbers`](InvalidKey::RsaNumbers) or
    /// [`InvalidPoint`](InvalidKey::InvalidPoint) for an unsound one;
    /// [`NotSupported`](InvalidKey::NotSupported) for a kind of key that no feature brings.
    pub fn from_pem(algorithm: Algorithm, pem: &str) -> Result<Self, InvalidKey> {
        Self::of(algorithm, encoded::private_pem(pem, None)?)
    }

    /// A private key in PEM that is encrypted: `ENCRYPTED PRIVATE KEY` (PKCS #8 with PBES2). Needs
    /// the feature `encrypted-keys`.
    ///
    /// # Errors
    /// [`WrongPassphrase`](InvalidKey::WrongPassphrase), and those of [`from_pem`](Self::from_pem).
    pub fn from_encrypted_pem(
        algorithm: Algorithm,
        pem: &str,
        passphrase: &Secret,
    ) -> Result<Self, InvalidKey> {
        Self::of(algorithm, encoded::private_pem(pem, Some(passphrase.expose()))?)
    }

    /// A private key in DER: PKCS #8, SEC 1 (ES256) or PKCS #1 (RS256).
    ///
    /// # Errors
    /// Those of [`from_pem`](Self::from_pem).
    pub fn from_der(algorithm: Algorithm, der: &[u8]) -> Result<Self, InvalidKey> {
        Self::of(algorithm, encoded::private_der(algorithm, der)?)
    }

    /// A private or symmetric key as a JWK (RFC 7517). Its `kid` becomes its id; a symmetric one
    /// must have one.
    ///
    /// # Errors
    /// [`Malformed`](InvalidKey::Malformed) for text that is no JWK, or a symmetric key without
    /// `kid`; [`Misused`](InvalidKey::Misused) for a key that says that it is for something else;
    /// [`MalformedId`](InvalidKey::MalformedId); [`Weak`](InvalidKey::Weak) for a symmetric key;
    /// [`Mismatch`](InvalidKey::Mismatch) for parts of two keys; [`RsaSize`](InvalidKey::RsaSize),
    /// [`RsaNumbers`](InvalidKey::RsaNumbers) or [`InvalidPoint`](InvalidKey::InvalidPoint) for an
    /// unsound one; [`NotSupported`](InvalidKey::NotSupported) for a kind of key that no feature
    /// brings.
    pub fn from_jwk(json: &str) -> Result<Self, InvalidKey> {
        let value = crate::token::strict_json(json.as_bytes());
        let value = value.ok_or(InvalidKey::Malformed("no JSON of a JWK"))?;
        let jwk = Jwk::of(&value)?;
        jwk.check_purpose(Purpose::Sign)?;
        match (jwk.algorithm()?, jwk.id()?) {
            (Algorithm::Hs256, Some(id)) => Self::hs256(id, &jwk.symmetric()?),
            (Algorithm::Hs256, None) => Err(InvalidKey::Malformed("a symmetric key needs a kid")),
            (_, Some(id)) => Self::new(jwk.private()?)?.with_id(id),
            (_, None) => Self::new(jwk.private()?),
        }
    }

    fn generate_pair(
        algorithm: Algorithm,
        entropy: &dyn Entropy,
    ) -> Result<GeneratedKey, InvalidKey> {
        let random = || -> Result<_, InvalidKey> {
            let mut bytes = zeroize::Zeroizing::new([0; 32]);
            entropy.fill(&mut *bytes).map_err(|_| InvalidKey::NoEntropy)?;
            Ok(bytes)
        };
        match algorithm {
            Algorithm::Es256 => {
                // One of 2^32 draws is no scalar of P-256: another is taken then.
                let mut last = InvalidKey::NoEntropy;
                for _ in 0..4 {
                    let d = random()?;
                    match Self::new(PrivateParts::Es256 { d: d.clone(), public: None }) {
                        Ok(key) => return Ok(key.generated(&[("d", &*d)])),
                        Err(why) => last = why,
                    }
                }
                Err(last)
            }
            Algorithm::EdDsa => {
                let seed = random()?;
                let key = Self::new(PrivateParts::EdDsa { seed: seed.clone(), public: None })?;
                Ok(key.generated(&[("d", &*seed)]))
            }
            _ => {
                let parts = encoded::private_der(algorithm, &generate_rsa()?)?;
                let PrivateParts::Rs256 { pkcs1, .. } = &parts else {
                    return Err(InvalidKey::WrongAlgorithm(algorithm));
                };
                let pkcs1 = pkcs1.clone();
                let key = Self::new(parts)?;
                encoded::rsa_numbers(&pkcs1, |RsaNumbers([_, _, d, p, q, dp, dq, qi])| {
                    key.generated(&[
                        ("d", d),
                        ("p", p),
                        ("q", q),
                        ("dp", dp),
                        ("dq", dq),
                        ("qi", qi),
                    ])
                })
            }
        }
    }

    fn generated(self, private: &[(&str, &[u8])]) -> GeneratedKey {
        let public = self.public().map_or(serde_json::Value::Null, PublicKey::to_jwk);
        GeneratedKey { jwk: Secret::from(with_private(public, private).to_string()), key: self }
    }

    /// Its public part; a symmetric key has none.
    pub fn public(&self) -> Option<&PublicKey> {
        match &self.material {
            Material::Hs256(_) => None,
            Material::Pair(_, public) => Some(public),
        }
    }

    fn of(algorithm: Algorithm, parts: PrivateParts) -> Result<Self, InvalidKey> {
        match parts.algorithm() == algorithm {
            true => Self::new(parts),
            false => Err(InvalidKey::WrongAlgorithm(algorithm)),
        }
    }

    /// Parses the key, and lets it sign once: what is wrong with it shows here, and what a backend
    /// sets up at its first use is set up.
    fn new(parts: PrivateParts) -> Result<Self, InvalidKey> {
        const PROBE: &[u8] = b"session-issuer: a key that is loaded";
        let (signing, public) = Signing::new(parts)?;
        let public = PublicKey::new(public)?;
        let signature =
            signing.sign(PROBE).ok_or(InvalidKey::Malformed("the key does not sign"))?;
        public.verify(PROBE, &signature).map_err(|_| InvalidKey::Mismatch)?;
        let id = Arc::clone(public.shared_id());
        Ok(Self { id, material: Material::Pair(Arc::new(signing), public) })
    }
}

fn generate_hs256(entropy: &dyn Entropy) -> Result<GeneratedKey, InvalidKey> {
    use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
    let (mut secret, mut id) = (zeroize::Zeroizing::new([0; 32]), [0; 12]);
    entropy
        .fill(&mut *secret)
        .and_then(|()| entropy.fill(&mut id))
        .map_err(|_| InvalidKey::NoEntropy)?;
    let id = URL_SAFE_NO_PAD.encode(id);
    let k = zeroize::Zeroizing::new(URL_SAFE_NO_PAD.encode(*secret));
    let jwk = format!(r#"{{"kty":"oct","use":"sig","alg":"HS256","kid":"{id}","k":"{}"}}"#, *k);
    Ok(GeneratedKey { key: SecretKey::hs256(&id, &*secret)?, jwk: Secret::from(jwk) })
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}
