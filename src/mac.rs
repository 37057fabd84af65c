//! HMAC-SHA256 (RFC 2104) with a prepared key, wiped when it is dropped.

use std::fmt;

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::secret::WeakKey;

/// A prepared key.
#[derive(Clone)]
pub(crate) struct MacKey(Hmac<Sha256>);

impl MacKey {
    /// A key of any length; whether it is good enough is the caller's to judge.
    pub(crate) fn new(secret: &[u8]) -> Result<Self, WeakKey> {
        Hmac::new_from_slice(secret).map(Self).map_err(|_| WeakKey::TooLong)
    }

    /// The key for the use that the label names, derived from a host's secret.
    pub(crate) fn derived(secret: &[u8], label: &[u8]) -> Result<Self, WeakKey> {
        Self::new(&*derive::<32>(secret, label)?)
    }

    /// The MAC over these parts, one after the other.
    pub(crate) fn tag(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    /// Whether this is the MAC over these parts, or the beginning of it: in constant time. How
    /// short a beginning may be is the caller's to judge.
    pub(crate) fn proves(&self, parts: &[&[u8]], tag: &[u8]) -> bool {
        let right = self.tag(parts);
        right.get(..tag.len()).is_some_and(|right| right.ct_eq(tag).into())
    }
}

/// Bytes for the use that the label names (HKDF-SHA256, RFC 5869): each use has its own.
pub(crate) fn derive<const N: usize>(
    secret: &[u8],
    label: &[u8],
) -> Result<Zeroizing<[u8; N]>, WeakKey> {
    let mut bytes = Zeroizing::new([0; N]);
    // Every length here is far below HKDF's limit.
    let expanded = Hkdf::<Sha256>::new(Some(b"session-issuer"), secret).expand(label, &mut *bytes);
    expanded.map(|()| bytes).map_err(|_| WeakKey::TooLong)
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mac_is_that_of_the_standard_however_the_message_is_cut() {
        // RFC 4231, test case 2.
        let key = MacKey::new(b"Jefe").unwrap();
        let right = [
            0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95,
            0x75, 0xc7, 0x5a, 0x00, 0x3f, 0x08, 0x9d, 0x27, 0x39, 0x83, 0x9d, 0xec, 0x58, 0xb9,
            0x64, 0xec, 0x38, 0x43,
        ];
        assert_eq!(key.tag(&[b"what do ya want for nothing?"]), right);
        assert_eq!(key.tag(&[b"what do ya ", b"", b"want for nothing?"]), right);
        assert!(key.proves(&[b"what do ya want for nothing?"], &right));
        assert!(key.proves(&[b"what do ya want for nothing?"], &right[..24]));
        assert!(!key.proves(&[b"what do ya want for nothing!"], &right));
        assert!(!key.proves(&[b"what do ya want for nothing?"], &[&right[..], &[0]].concat()));
        assert_eq!(format!("{key:?}"), "[redacted]");
    }
}
