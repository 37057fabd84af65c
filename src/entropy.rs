//! Randomness: from the operating system, read in this file alone.

use std::{
    fmt,
    sync::{Arc, Mutex},
};

use rand::{TryRng, rngs::SysRng};
use zeroize::{Zeroize, Zeroizing};

pub use crate::error::joints::EntropyError;

/// A source of randomness for an issuer.
///
/// # Contract
/// - `fill` MUST fill the whole buffer from a cryptographically secure generator, or fail. There is
///   no fallback.
pub trait Entropy: fmt::Debug + Send + Sync {
    /// Fills the buffer with random bytes.
    ///
    /// # Errors
    /// [`EntropyError`] when the generator gives no bytes. The buffer holds nothing that may be
    /// used then.
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
/// It reads 1024 bytes at once and hands them out in order, each byte once and wiped as it goes,
/// because a system call for each id costs more than all else that makes one. A caller who would
/// have to wait for another goes to the system, and so do requests of 32 bytes and more: a key
/// never comes from a block. A process that has forked begins a block of its own.
#[derive(Default)]
pub(crate) struct BlockEntropy(Mutex<Block>);

const BLOCK_BYTES: usize = 1024;
const KEY_BYTES: usize = 32;

/// Random bytes that were not handed out yet, at the end.
struct Block {
    bytes: Zeroizing<[u8; BLOCK_BYTES]>,
    used: usize,
    /// The process that drew them.
    process: u32,
}

impl Default for Block {
    fn default() -> Self {
        Self { bytes: Zeroizing::new([0; BLOCK_BYTES]), used: BLOCK_BYTES, process: 0 }
    }
}

impl Entropy for BlockEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        match self.0.try_lock() {
            Ok(mut block) if buffer.len() < KEY_BYTES => block.fill(buffer, std::process::id()),
            _ => SystemEntropy.fill(buffer),
        }
    }
}

impl Block {
    fn fill(&mut self, buffer: &mut [u8], process: u32) -> Result<(), EntropyError> {
        if process != self.process || BLOCK_BYTES - self.used < buffer.len() {
            // Not a byte of it is handed out unless all of it came.
            self.used = BLOCK_BYTES;
            SystemEntropy.fill(&mut *self.bytes)?;
            (self.used, self.process) = (0, process);
        }
        let from = self.bytes.get_mut(self.used..).and_then(|rest| rest.get_mut(..buffer.len()));
        let Some(from) = from else { return SystemEntropy.fill(buffer) };
        buffer.copy_from_slice(from);
        from.zeroize();
        self.used += buffer.len();
        Ok(())
    }
}

impl fmt::Debug for BlockEntropy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlockEntropy")
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
    fn a_block_hands_out_each_byte_once_to_however_many_threads() {
        let block = BlockEntropy::default();
        let draw = || {
            let mut drawn = Vec::new();
            for _ in 0..1000 {
                let mut bytes = [0; 26];
                block.fill(&mut bytes).unwrap();
                drawn.push(bytes);
            }
            drawn
        };
        let all: HashSet<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(draw)).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(all.len(), 4000);
        let block = block.0.lock().unwrap();
        assert!(block.bytes[..block.used].iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_key_is_not_of_a_block() {
        let block = BlockEntropy::default();
        block.fill(&mut [0; 4]).unwrap();
        block.fill(&mut [0; 32]).unwrap();
        assert_eq!(block.0.lock().unwrap().used, 4);
    }

    #[test]
    fn a_process_that_has_forked_draws_other_bytes() {
        let (mut parent, mut first) = (Block::default(), [0; 26]);
        parent.fill(&mut [0; 4], 1).unwrap();
        let mut child =
            Block { bytes: parent.bytes.clone(), used: parent.used, process: parent.process };
        parent.fill(&mut first, 1).unwrap();
        let mut second = [0; 26];
        child.fill(&mut second, 2).unwrap();
        assert_ne!(first, second);
        assert_eq!(child.used, 26);
    }
}
