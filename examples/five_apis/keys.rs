//! Every key of the demo: drawn at random once, and with a store in a file kept beside it.

use std::{error::Error, path::Path};

use serde::{Deserialize, Serialize};
use session_issuer::{
    entropy::{Entropy, SystemEntropy},
    signer::{KeyRing, SecretKey},
    token::{Algorithm, TokenKeys},
};

use super::kept::PrivateFile;

/// What must be the same after a restart, or the sessions in the file are of no use to anybody.
#[derive(Serialize, Deserialize)]
pub(crate) struct Keys {
    pub(crate) api: ApiKeys,
    token_key: [u8; 32],
    /// A private JWK, where tokens are signed with ES256.
    signing_key: Option<String>,
    /// Signs HS256 where that cannot be.
    signing_secret: [u8; 32],
    zelf_secret: [u8; 32],
}

/// What callers prove themselves by.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct ApiKeys {
    pub(crate) hanko: String,
    pub(crate) stack_client: String,
    pub(crate) stack_server: String,
    pub(crate) stack_admin: String,
    pub(crate) zitadel: String,
    pub(crate) tmdb: String,
    pub(crate) tmdb_read: String,
}

impl Keys {
    /// Those that are kept beside this store, or new ones.
    pub(crate) fn of(store: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let Some(file) = store.map(PrivateFile::beside) else { return Self::draw() };
        if let Some(keys) = file.read()? {
            return Ok(keys);
        }
        let keys = Self::draw()?;
        file.write(&keys)?;
        Ok(keys)
    }

    fn draw() -> Result<Self, Box<dyn Error>> {
        let asymmetric = cfg!(any(feature = "aws-lc-rs", feature = "rust-crypto"));
        let pair = || SecretKey::generate(Algorithm::Es256, &SystemEntropy);
        Ok(Self {
            api: ApiKeys::draw()?,
            token_key: bytes()?,
            signing_key: asymmetric
                .then(pair)
                .transpose()?
                .map(|pair| pair.jwk.expose().to_owned()),
            signing_secret: bytes()?,
            zelf_secret: bytes()?,
        })
    }

    pub(crate) fn token_keys(&self) -> Result<TokenKeys, Box<dyn Error>> {
        Ok(TokenKeys::new(1, &self.token_key)?)
    }

    /// Hanko's and Stack Auth's.
    pub(crate) fn ring(&self) -> Result<KeyRing, Box<dyn Error>> {
        Ok(match &self.signing_key {
            Some(jwk) => KeyRing::new(SecretKey::from_jwk(jwk)?),
            None => KeyRing::hs256("demo", &self.signing_secret)?,
        })
    }

    /// ZELF signs HS256.
    pub(crate) fn zelf_ring(&self) -> Result<KeyRing, Box<dyn Error>> {
        Ok(KeyRing::hs256("zelf", &self.zelf_secret)?)
    }
}

impl ApiKeys {
    fn draw() -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            hanko: drawn()?,
            stack_client: format!("pck_{}", drawn()?),
            stack_server: format!("ssk_{}", drawn()?),
            stack_admin: format!("sak_{}", drawn()?),
            zitadel: drawn()?,
            tmdb: drawn()?,
            tmdb_read: drawn()?,
        })
    }
}

/// 32 hexadecimal digits.
pub(crate) fn drawn() -> Result<String, Box<dyn Error>> {
    Ok(bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn bytes<const N: usize>() -> Result<[u8; N], Box<dyn Error>> {
    let mut bytes = [0; N];
    SystemEntropy.fill(&mut bytes)?;
    Ok(bytes)
}
