//! Randomness: from the operating system, read in this file alone.

use std::{fmt, sync::Arc};

use rand::{TryRng, rngs::SysRng};

use crate::error::EntropyError;

/// Where an issuer takes its randomness.
///
/// # Contract
/// - `fill` MUST fill the whole buffer from a cryptographically secure generator, or fail. There is no fallback.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// Fills the buffer with random bytes.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// The random generator of the operating system.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        SysRng.try_fill_bytes(buffer).map_err(EntropyError::new)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: Entropy + ?Sized> Entropy for Arc<T> {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        (**self).fill(buffer)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<T: Entropy + ?Sized> Entropy for Box<T> {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        (**self).fill(buffer)
    }
}
