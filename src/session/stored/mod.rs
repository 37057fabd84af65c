//! The stored form of a record: a JSON text that only commits change, the columns that other acts
//! write beside it, and what a store indexes.
//!
//! | file | what |
//! | --- | --- |
//! | `columns` | what acts other than commits write: ends, noted uses, adopted epochs |
//! | `row` | the members of the text, written and read by the same types |
//! | `write` | a record as a row |
//! | `read` | a row as a record, each value checked as at its birth |
//! | `stamp` | what is known of a subject |

mod columns;
mod read;
mod row;
mod stamp;
mod write;

pub use columns::Columns;
use serde::Deserialize;

use crate::{
    actor::Actor,
    clock::Timestamp,
    error::{InvalidInput, StoreError, StoreErrorKind},
    id::{CreatorId, DeviceId, SubjectId},
    session::{Record, Session},
};

/// The most bytes of a row: more than the largest record of the longest parts has.
pub const MAX_ROW_BYTES: usize = 1024 * 1024;

/// The version of the form that this release writes.
const VERSION: u32 = 1;

/// What every row begins with, whatever its version.
const BEGINNING: &[u8] = b"{\"v\":";

/// The values of a record that a store indexes, taken from the record itself.
///
/// A store keeps these beside the row, and writes them anew with every change: any of them may
/// move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Index<'a> {
    /// The subject of the record.
    pub subject: Option<&'a SubjectId>,
    /// The device it belongs to.
    pub device: Option<&'a DeviceId>,
    /// The device whose slot it holds: of the records without a tombstone, at most one holds it.
    pub device_slot: Option<&'a DeviceId>,
    /// The actors in the subject's place. One subject may come twice.
    pub actors: &'a [Actor],
    /// The caller of the host who made the session.
    pub creator: Option<&'a CreatorId>,
    /// The fingerprint of its client.
    pub fingerprint: Option<&'a str>,
    /// The time of birth: with the id, the order of lists.
    pub created_at: Timestamp,
    /// From when on it may be swept; `Timestamp::MAX` for never.
    pub purge_at: Timestamp,
    /// It has a tombstone, and is not listed.
    pub ended: bool,
}

impl Record {
    /// The part of the record that only inserts and commits write, as one JSON text.
    ///
    /// The text is at most [`MAX_ROW_BYTES`] long and the same for the same record. A store keeps
    /// the record's [`columns`](Self::columns) beside it.
    ///
    /// The form is `{"v":1,...}`: every member is always there, times are milliseconds since the
    /// Unix epoch, `null` is none. It holds the salt of the record's opaque tokens and no token,
    /// key or password. Later releases read it.
    ///
    /// # Errors
    /// `TooLarge` for a record above the bound.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "testing")] {
    /// use session_issuer::{session::Record, testing::fixtures};
    ///
    /// let record = fixtures::session().build();
    /// let row = record.encode()?;
    /// assert!(row.starts_with(r#"{"v":1,"id":""#));
    /// assert!(Record::decode(row.as_bytes(), record.columns())? == record);
    /// # }
    /// # Ok::<(), session_issuer::store::StoreError>(())
    /// ```
    pub fn encode(&self) -> Result<String, StoreError> {
        let row = serde_json::to_string(&write::row(self)).map_err(|_| RowFault::Form(0))?;
        match row.len() > MAX_ROW_BYTES {
            true => Err(StoreError::new(StoreErrorKind::TooLarge).with_source(RowFault::TooLong)),
            false => Ok(row),
        }
    }

    /// The record of a row and its columns, in this release's form or that of an earlier one.
    ///
    /// Nothing is taken on trust: every value passes the checks that it passed at its birth, a
    /// member that is missing, unknown or there twice is an error, and nothing has a default.
    ///
    /// # Errors
    /// `UnknownVersion` for a row of a later release, `Damaged` for whatever else is no row. Their
    /// sources say where, and show nothing of the row.
    pub fn decode(row: &[u8], columns: Columns) -> Result<Self, StoreError> {
        Ok(read::record(members(row)?, columns)?)
    }

    /// The values of the record that a store indexes.
    pub fn index(&self) -> Index<'_> {
        let session = self.session();
        Index {
            subject: self.bound().map(|(subject, _)| subject),
            device: session.and_then(Session::device),
            device_slot: self.device_slot(),
            actors: session.and_then(Session::actors).map_or(&[], |chain| chain.actors()),
            creator: session.and_then(Session::creator),
            fingerprint: session.and_then(|session| session.client().fingerprint()),
            created_at: self.created_at(),
            purge_at: self.purge_at(),
            ended: self.tombstone().is_some(),
        }
    }
}

/// The members of a text of this release's version.
fn members<'a, T: Deserialize<'a>>(row: &'a [u8]) -> Result<T, RowFault> {
    if row.len() > MAX_ROW_BYTES {
        return Err(RowFault::TooLong);
    }
    match version(row).ok_or(RowFault::NoVersion)? {
        VERSION => {
            // Asked once of all of it, and not again of each text in it.
            let row =
                str::from_utf8(row).map_err(|error| RowFault::Form(error.valid_up_to() + 1))?;
            serde_json::from_str(row).map_err(|error| RowFault::Form(error.column()))
        }
        version => Err(RowFault::Version(version)),
    }
}

/// The number that stands in front of a row.
fn version(row: &[u8]) -> Option<u32> {
    let rest = row.strip_prefix(BEGINNING)?;
    let digits = rest.iter().position(|byte| !byte.is_ascii_digit())?;
    let (digits, rest) = rest.split_at(digits);
    if !rest.starts_with(b",") || digits.starts_with(b"0") {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Why a row is no record. It says where, and never what stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
enum RowFault {
    #[error("longer than any row")]
    TooLong,
    #[error("no version in front")]
    NoVersion,
    #[error("a row of version {0}, and this release reads up to {VERSION}")]
    Version(u32),
    #[error("not of the form of its version, at column {0}")]
    Form(usize),
    #[error(transparent)]
    Value(#[from] InvalidInput),
    #[error("{0}")]
    Rule(&'static str),
}

impl From<RowFault> for StoreError {
    fn from(fault: RowFault) -> Self {
        let kind = match fault {
            RowFault::Version(_) => StoreErrorKind::UnknownVersion,
            _ => StoreErrorKind::Damaged,
        };
        StoreError::new(kind).with_source(fault)
    }
}
