//! What a poisoned lock is.

use crate::store::{StoreError, StoreErrorKind};

/// A thread panicked while it held this lock, so what lies behind it may be half done.
pub(super) fn poisoned<Guard>(_: std::sync::PoisonError<Guard>) -> StoreError {
    broken()
}

pub(super) fn broken() -> StoreError {
    StoreError::new(StoreErrorKind::Broken)
}
