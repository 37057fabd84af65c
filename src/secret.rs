//! Secrets: never shown, never serialized, wiped when dropped.

use std::fmt;

use zeroize::optimization_barrier;

/// A text that must not leak: a password, a code, an assertion, a fresh token.
///
/// It has no `Display` and no `Serialize`, cannot be compared, and is wiped when dropped. Reading
/// it is a loud call.
///
/// ```compile_fail
/// # use session_issuer::secret::Secret;
/// println!("{}", Secret::from("hunter2")); // no Display
/// ```
/// ```compile_fail
/// # use session_issuer::secret::Secret;
/// serde_json::to_string(&Secret::from("hunter2")); // no Serialize
/// ```
/// ```
/// # use session_issuer::secret::Secret;
/// assert_eq!(format!("{:?}", Secret::from("hunter2")), "[redacted]");
/// ```
pub struct Secret(String);

impl Secret {
    /// The secret as text: a loud call, to be searched for.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Drop for Secret {
    /// Wipes it as a block: byte by byte, as `Zeroizing` does, takes longer than making a token.
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        bytes.resize(bytes.capacity(), 0);
        bytes.fill(0);
        optimization_barrier(bytes.as_slice());
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self::from(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// The reasons for which bytes are refused as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakKey {
    /// Fewer bytes than the algorithm needs (RFC 7518 section 3.2).
    #[error("the key is shorter than {0} bytes")]
    TooShort(usize),
    /// More bytes than any key here needs.
    #[error("the key is longer than 512 bytes")]
    TooLong,
    /// The bytes repeat themselves: a passphrase, a run of zeros, a word.
    #[error("the key is not random enough: take 32 bytes from the system's generator")]
    LowEntropy,
    /// A placeholder that documentation or templates use.
    #[error("the key is a placeholder")]
    Placeholder,
    /// The text of another kind of key: PEM, OpenSSH or JWK. A public key as a secret is known to
    /// everybody.
    #[error("the key holds the text of another kind of key")]
    KeyText,
}

/// Checks that bytes can serve as a symmetric key: long enough, random enough, and not the text of
/// another key.
pub(crate) fn check_key(bytes: &[u8], at_least: usize) -> Result<(), WeakKey> {
    const KEY_TEXT: [&[u8]; 5] =
        [b"-----BEGIN", b"---- BEGIN", b"ssh-", b"ecdsa-sha2-", b"\"kty\""];
    const PLACEHOLDERS: [&[u8]; 6] = [
        b"changeme",
        b"change-me",
        b"change_me",
        b"your-256-bit-secret",
        b"placeholder",
        b"example",
    ];
    if bytes.len() < at_least {
        return Err(WeakKey::TooShort(at_least));
    }
    let holds =
        |needle: &&[u8]| bytes.windows(needle.len()).any(|part| part.eq_ignore_ascii_case(needle));
    if KEY_TEXT.iter().any(holds) || is_der_key(bytes) {
        return Err(WeakKey::KeyText);
    }
    if bytes.len() > 512 {
        return Err(WeakKey::TooLong);
    }
    if PLACEHOLDERS.iter().any(holds) {
        return Err(WeakKey::Placeholder);
    }
    if estimated_bits(bytes) < 128.0 {
        return Err(WeakKey::LowEntropy);
    }
    Ok(())
}

/// The object id of an RSA, EC or Edwards key, as DER has it: anywhere, so that junk in front of a
/// key hides nothing.
fn is_der_key(bytes: &[u8]) -> bool {
    const OIDS: [&[u8]; 3] = [
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01],
        &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01],
        &[0x30, 0x05, 0x06, 0x03, 0x2b, 0x65],
    ];
    OIDS.iter().any(|oid| bytes.windows(oid.len()).any(|part| part == *oid))
}

/// How many bits the bytes hold at most, judged by how evenly their values are spread (Shannon).
fn estimated_bits(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    for byte in bytes {
        if let Some(count) = counts.get_mut(usize::from(*byte)) {
            *count += 1;
        }
    }
    let total = bytes.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count))
        .map(|n| n * (total / n).log2())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_everybody_can_guess_are_refused() {
        assert_eq!(check_key(&[], 32), Err(WeakKey::TooShort(32)));
        assert_eq!(check_key(&[7; 31], 32), Err(WeakKey::TooShort(32)));
        assert_eq!(check_key(&[0; 32], 32), Err(WeakKey::LowEntropy));
        assert_eq!(check_key(b"correct horse battery staple aaa", 32), Err(WeakKey::LowEntropy));
        assert_eq!(
            check_key(b"changeme-9f8e7d6c5b4a39281706f5e4d3c2b1a0", 32),
            Err(WeakKey::Placeholder)
        );
        assert_eq!(
            check_key(b" \n-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYI", 32),
            Err(WeakKey::KeyText)
        );
        assert_eq!(
            check_key(br#"{"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ"}"#, 32),
            Err(WeakKey::KeyText)
        );
        let random: Vec<u8> = (0..32_u8).map(|n| n.wrapping_mul(167).wrapping_add(13)).collect();
        assert_eq!(check_key(&random, 32), Ok(()));
        let hex: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(check_key(hex.as_bytes(), 32), Ok(()), "random bytes written as hex are fine");
    }
}
