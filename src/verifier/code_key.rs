//! The key of codes that this crate makes: what is stored of a code is a MAC, so it tells nobody
//! the code.

use super::Holder;
use crate::{
    mac::MacKey,
    secret::{WeakKey, check_key},
};

/// A key for one use, derived from the host's.
#[derive(Debug)]
pub(super) struct CodeKey(MacKey);

impl CodeKey {
    /// The key for the use that the label names (HKDF-SHA256, RFC 5869), from 32 to 512 random
    /// bytes.
    pub(super) fn derive(secret: &[u8], label: &[u8]) -> Result<Self, WeakKey> {
        check_key(secret, 32)?;
        MacKey::derived(secret, label).map(Self)
    }

    /// The MAC over a code of this subject. What stands before the code must have a fixed length.
    pub(super) fn tag(&self, holder: Holder<'_>, fixed: &[u8], code: &[u8]) -> [u8; 32] {
        self.0.tag(&[&names(holder), fixed, code])
    }

    /// Whether this is the MAC over a code of this subject: in constant time.
    pub(super) fn proves(
        &self,
        holder: Holder<'_>,
        fixed: &[u8],
        code: &[u8],
        tag: &[u8; 32],
    ) -> bool {
        self.0.proves(&[&names(holder), fixed, code], tag)
    }

    /// The work of a MAC, for a subject that nobody knows.
    pub(super) fn dummy(&self, code: &[u8]) {
        std::hint::black_box(self.0.tag(&[code]));
    }
}

/// Tenant and subject, each preceded by its length, so that no two pairs are the same bytes.
fn names(holder: Holder<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    for name in [holder.tenant.as_str(), holder.subject.as_str()] {
        bytes.extend_from_slice(&(name.len() as u64).to_be_bytes());
        bytes.extend_from_slice(name.as_bytes());
    }
    bytes
}
