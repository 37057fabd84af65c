//! Randomness: from the operating system, read in this file alone.

use std::{cell::RefCell, fmt, sync::Arc};

use rand::{TryRng, rngs::SysRng};
use zeroize::Zeroize;

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

/// The same generator, asked for a block at a time: what an issuer uses unless told otherwise.
///
/// A thread reads 256 bytes at once and hands them out in order, each byte once and wiped as it goes, because a system
/// call for each id costs more than all else that makes one. Requests of 32 bytes and more go to the system as they are,
/// so a key never comes from a block.
///
/// # Security
/// A process that forks takes the rest of the forking thread's block with it: the two then draw the same ids and salts
/// once. Ids carry the time, and a store refuses one that is taken, so neither gets the other's session; where that is
/// not enough, as in a server that forks its workers after its first session, use [`SystemEntropy`].
#[derive(Debug, Clone, Copy, Default)]
pub struct BlockEntropy;

const BLOCK_BYTES: usize = 256;
const KEY_BYTES: usize = 32;

/// Random bytes that were not handed out yet, at the end.
struct Block {
    bytes: [u8; BLOCK_BYTES],
    used: usize,
}

impl Drop for Block {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

thread_local! {
    static BLOCK: RefCell<Block> = const { RefCell::new(Block { bytes: [0; BLOCK_BYTES], used: BLOCK_BYTES }) };
}

impl Entropy for BlockEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        if buffer.len() >= KEY_BYTES {
            return SystemEntropy.fill(buffer);
        }
        let filled = BLOCK.try_with(|block| Some(block.try_borrow_mut().ok()?.fill(buffer)));
        match filled {
            Ok(Some(filled)) => filled,
            // A thread that is ending has no block any more.
            _ => SystemEntropy.fill(buffer),
        }
    }
}

impl Block {
    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        if BLOCK_BYTES - self.used < buffer.len() {
            // Not a byte of it is handed out unless all of it came.
            self.used = BLOCK_BYTES;
            SystemEntropy.fill(&mut self.bytes)?;
            self.used = 0;
        }
        let from = self.bytes.get_mut(self.used..).and_then(|rest| rest.get_mut(..buffer.len()));
        let Some(from) = from else { return SystemEntropy.fill(buffer) };
        buffer.copy_from_slice(from);
        from.zeroize();
        self.used += buffer.len();
        Ok(())
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_block_hands_out_each_byte_once_on_every_thread() {
        let draw = || {
            let mut drawn = Vec::new();
            for _ in 0..100 {
                let mut bytes = [0; 26];
                BlockEntropy.fill(&mut bytes).unwrap();
                drawn.push(bytes);
            }
            BLOCK.with_borrow(|block| assert!(block.bytes[..block.used].iter().all(|byte| *byte == 0)));
            drawn
        };
        let other = std::thread::spawn(draw).join().unwrap();
        let all: HashSet<_> = draw().into_iter().chain(other).collect();
        assert_eq!(all.len(), 200);
    }

    #[test]
    fn a_key_is_not_of_a_block() {
        BlockEntropy.fill(&mut [0; 4]).unwrap();
        let used = BLOCK.with_borrow(|block| block.used);
        BlockEntropy.fill(&mut [0; 32]).unwrap();
        assert_eq!(BLOCK.with_borrow(|block| block.used), used);
    }
}
