//! Randomness that is the same in every run, or fails.

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

use crate::{entropy::Entropy, error::EntropyError};

/// Randomness that follows from a seed: the same in every run. Never for production.
///
/// # Examples
/// ```
/// use session_issuer::{entropy::Entropy, testing::SeededEntropy};
///
/// let (mut one, mut other) = ([0; 40], [0; 40]);
/// SeededEntropy::new(7).fill(&mut one)?;
/// SeededEntropy::new(7).fill(&mut other)?;
/// assert_eq!(one, other);
/// assert!(SeededEntropy::failing().fill(&mut one).is_err());
/// # Ok::<(), session_issuer::entropy::EntropyError>(())
/// ```
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    blocks: AtomicU64,
    fills: AtomicU64,
    fails: Fails,
}

#[derive(Debug, Clone, Copy)]
enum Fails {
    Never,
    Always,
    /// At the fill of this number, counted from one.
    At(u64),
}

impl SeededEntropy {
    /// The randomness that follows from this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, blocks: AtomicU64::new(0), fills: AtomicU64::new(0), fails: Fails::Never }
    }

    /// A generator that always fails.
    pub fn failing() -> Self {
        Self { fails: Fails::Always, ..Self::new(0) }
    }

    /// Fails at the n-th call, counted from one, and at no other.
    #[must_use]
    pub fn fail_at(mut self, call: u64) -> Self {
        self.fails = Fails::At(call);
        self
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        let call = self.fills.fetch_add(1, Ordering::Relaxed) + 1;
        let fails = match self.fails {
            Fails::Never => false,
            Fails::Always => true,
            Fails::At(at) => at == call,
        };
        if fails {
            return Err(EntropyError::new("this generator was told to fail"));
        }
        for chunk in buffer.chunks_mut(32) {
            let block = self.blocks.fetch_add(1, Ordering::Relaxed);
            let hash = Sha256::new()
                .chain_update(self.seed.to_be_bytes())
                .chain_update(block.to_be_bytes());
            chunk.iter_mut().zip(hash.finalize()).for_each(|(byte, random)| *byte = random);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_fixes_all_that_follows_and_a_planned_failure_fails_once() {
        let take = |entropy: &SeededEntropy| {
            let mut bytes = [0; 8];
            entropy.fill(&mut bytes).map(|()| bytes).ok()
        };
        let entropy = SeededEntropy::new(1).fail_at(2);
        let taken = [take(&entropy), take(&entropy), take(&entropy)];
        assert!(taken[0].is_some() && taken[1].is_none() && taken[2].is_some());
        assert_ne!(taken[0], taken[2]);
        assert_ne!(taken[0], take(&SeededEntropy::new(2)));
    }
}
