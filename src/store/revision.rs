//! How often a row was written.

/// The count of writes of a row, as far as a store counts.
///
/// A store that compares moves it with every write of the row: with commits, and with ends and
/// noted uses too, which move no version. A store that locks leaves it at zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision(u64);

impl Revision {
    /// The revision of this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The count as a number.
    pub const fn get(self) -> u64 {
        self.0
    }
}
