//! What a password's hash costs, and how much a stored one may ask for.

use argon2::{Algorithm, Params, PasswordHash, Version};

use crate::error::VerifyError;

/// 256 MiB: what libsodium calls moderate, and enough parallel logins to fill a machine.
const MOST_MEMORY_KIB: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;

/// The cost of one hash: memory, passes over it, and lanes.
///
/// The default is OWASP's: 19456 KiB, 2 passes, 1 lane (Password Storage Cheat Sheet, Argon2id).
///
/// | | bounds |
/// | --- | --- |
/// | memory | 8 KiB a lane to 256 MiB |
/// | passes | 1 to 16 |
/// | lanes | 1 to 16 |
///
/// The bounds hold for stored hashes too, so that no row of a database can exhaust the machine.
///
/// # Examples
/// ```
/// use session_issuer::verifier::{InvalidCost, PasswordCost};
///
/// let stronger = PasswordCost::new(64 * 1024, 3, 1)?; // RFC 9106 section 4, but for the lanes
/// assert_eq!(PasswordCost::new(64 * 1024, 17, 1), Err(InvalidCost::Passes));
/// # Ok::<(), InvalidCost>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordCost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

/// The parts of a cost that can be out of bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidCost {
    /// Less than 8 KiB a lane, or more than 256 MiB.
    #[error("the memory of a password hash is out of bounds")]
    Memory,
    /// None, or more than 16.
    #[error("the passes of a password hash are out of bounds")]
    Passes,
    /// None, or more than 16.
    #[error("the lanes of a password hash are out of bounds")]
    Lanes,
}

impl Default for PasswordCost {
    /// OWASP's.
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

impl PasswordCost {
    /// This much memory in KiB, so many passes over it, cut into so many lanes, which are computed
    /// one after the other here.
    ///
    /// # Errors
    /// The first part that is out of its bounds: the lanes, the memory, the passes.
    pub fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, InvalidCost> {
        Self { memory_kib, passes, lanes }.checked()
    }

    fn checked(self) -> Result<Self, InvalidCost> {
        if !(1..=MOST_LANES).contains(&self.lanes) {
            return Err(InvalidCost::Lanes);
        }
        if !(8 * self.lanes..=MOST_MEMORY_KIB).contains(&self.memory_kib) {
            return Err(InvalidCost::Memory);
        }
        if !(1..=MOST_PASSES).contains(&self.passes) {
            return Err(InvalidCost::Passes);
        }
        Ok(self)
    }

    pub(super) fn params(self) -> Result<Params, VerifyError> {
        Params::new(self.memory_kib, self.passes, self.lanes, None).map_err(VerifyError::new)
    }

    /// How many KiB are filled in all.
    fn work(self) -> u64 {
        u64::from(self.memory_kib) * u64::from(self.passes)
    }
}

/// The cost of a hash that somebody stored.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredCost {
    cost: PasswordCost,
    /// Argon2id of version 1.3, with a salt and an output of the usual length.
    current: bool,
}

impl StoredCost {
    /// Reads a PHC string; one that no honest host would have stored is a fault.
    pub(super) fn read(stored: &str) -> Result<(PasswordHash, Self), VerifyError> {
        let mut hash = PasswordHash::new(stored).map_err(VerifyError::new)?;
        // A string that names no version is of the first one (PHC string format).
        hash.version.get_or_insert(u32::from(Version::V0x10));
        let algorithm = Algorithm::try_from(hash.algorithm.as_str()).map_err(VerifyError::new)?;
        let version = hash.version.map(Version::try_from).transpose().map_err(VerifyError::new)?;
        let params = Params::try_from(&hash).map_err(VerifyError::new)?;
        let (Some(salt), Some(output)) = (&hash.salt, &hash.hash) else {
            return Err(VerifyError::new("a stored hash has no salt or no output"));
        };
        let cost = PasswordCost {
            memory_kib: params.m_cost(),
            passes: params.t_cost(),
            lanes: params.p_cost(),
        };
        let cost = cost.checked().map_err(VerifyError::new)?;
        let current = algorithm == Algorithm::Argon2id
            && version == Some(Version::V0x13)
            && salt.len() >= super::SALT_BYTES
            && output.len() >= Params::DEFAULT_OUTPUT_LEN;
        Ok((hash, Self { cost, current }))
    }

    /// True when a hash of that cost would be the stronger one: by its memory, or by its work in
    /// all.
    pub(super) fn is_below(self, wanted: PasswordCost) -> bool {
        !self.current
            || self.cost.memory_kib < wanted.memory_kib
            || self.cost.work() < wanted.work()
    }
}
