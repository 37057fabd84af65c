//! What acts other than commits write of a record, beside its encoding.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use super::{
    RowFault, VERSION, members,
    row::{ColumnsRow, Members, TombstoneRow},
    write::text,
};
use crate::{
    clock::Timestamp,
    epoch::Epoch,
    error::StoreError,
    id::SubjectId,
    session::{Record, Tombstone, record::Body},
};

/// The columns of a record: all that acts other than commits write of it.
///
/// A store keeps these beside the record's [encoding](Record::encode), in columns of their own or
/// as the text that [`encode`](Self::encode) makes. So ending a session and noting its use rewrite
/// no encoding.
///
/// # Examples
/// ```
/// # #[cfg(feature = "testing")] {
/// use session_issuer::{session::Columns, testing::fixtures};
///
/// let columns = fixtures::session().build().columns();
/// assert!(columns.version == 1 && columns.ended.is_none());
/// assert_eq!(Columns::decode(columns.encode()?.as_bytes())?, columns);
/// # }
/// # Ok::<(), session_issuer::store::StoreError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// The count of changes of the record, from 1. ZITADEL's `sequence`.
    pub version: u64,
    /// The epoch of its subject that it came under. Present exactly where it names a subject.
    pub epoch: Option<Epoch>,
    /// The tombstone of the record, once it has ended.
    pub ended: Option<Tombstone>,
    /// The time of the last use, as far as that was noted. Absent exactly for a request token.
    pub last_seen_at: Option<Timestamp>,
    /// The current generation, once a check has seen it used; 0 before.
    pub seen_generation: u32,
    /// The named counters and how far each is, in the order in which they were begun.
    pub counters: Vec<(Box<str>, u64)>,
}

impl Columns {
    /// The columns as one JSON text, the same for the same columns.
    ///
    /// # Errors
    /// None today; a later release may refuse what it cannot write.
    pub fn encode(&self) -> Result<String, StoreError> {
        Ok(serde_json::to_string(&self.row()).map_err(|_| RowFault::Form(0))?)
    }

    fn row(&self) -> ColumnsRow<'_> {
        let Self { version, epoch, ended, last_seen_at, seen_generation, counters } = self;
        ColumnsRow {
            v: VERSION,
            version: *version,
            epoch: epoch.map(Epoch::get),
            ended: ended.as_ref().map(|Tombstone { reason, at, by }| TombstoneRow {
                reason: *reason,
                at: at.as_millis(),
                by: by.as_ref().map(|by| text(by.as_str())),
            }),
            last_seen_at: last_seen_at.map(Timestamp::as_millis),
            seen_generation: *seen_generation,
            counters: counters_row(counters),
        }
    }

    /// The columns of such a text, read as strictly as [`Record::decode`] reads a row.
    ///
    /// # Errors
    /// `UnknownVersion` for the text of a later release, `Damaged` for whatever else is none.
    pub fn decode(text: &[u8]) -> Result<Self, StoreError> {
        Ok(Self::of(members(text)?)?)
    }

    fn of(row: ColumnsRow<'_>) -> Result<Self, RowFault> {
        let ColumnsRow { v: _, version, epoch, ended, last_seen_at, seen_generation, counters } =
            row;
        Ok(Self {
            version,
            epoch: epoch.map(Epoch::from_number),
            ended: ended.map(tombstone).transpose()?,
            last_seen_at: last_seen_at.map(Timestamp::from_millis),
            seen_generation,
            counters: owned(counters),
        })
    }

    /// The counters as one JSON object; none where there are none.
    ///
    /// # Errors
    /// None today; a later release may refuse what it cannot write.
    pub fn encode_counters(&self) -> Result<Option<String>, StoreError> {
        if self.counters.is_empty() {
            return Ok(None);
        }
        let text = serde_json::to_string(&counters_row(&self.counters));
        Ok(Some(text.map_err(|_| RowFault::Form(0))?))
    }

    /// The counters of such an object.
    ///
    /// # Errors
    /// `Damaged` for whatever is no object of counts, or has a name twice.
    pub fn decode_counters(text: &[u8]) -> Result<Vec<(Box<str>, u64)>, StoreError> {
        let counters = serde_json::from_slice::<Members<'_, u64>>(text);
        Ok(owned(counters.map_err(|error| RowFault::Form(error.column()))?))
    }
}

/// As [`encode`](Columns::encode) writes them.
impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.row().serialize(serializer)
    }
}

/// As [`decode`](Columns::decode) reads them, but for the version, which stands where it may.
impl<'de> Deserialize<'de> for Columns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let row = ColumnsRow::deserialize(deserializer)?;
        match row.v {
            VERSION => Self::of(row).map_err(D::Error::custom),
            version => Err(D::Error::custom(RowFault::Version(version))),
        }
    }
}

impl Record {
    /// The columns of the record, for a store to write.
    pub fn columns(&self) -> Columns {
        let session = match &self.body {
            Body::Session(session) => Some(session),
            Body::Request(_) => None,
        };
        let seen = session.is_some_and(|session| session.successor_seen);
        let counters = session.and_then(|session| session.rare.as_ref()).map(|rare| &rare.counters);
        Columns {
            version: self.version,
            epoch: self.bound().map(|(_, epoch)| epoch),
            ended: self.tombstone().cloned(),
            last_seen_at: session.map(|session| session.last_seen_at),
            seen_generation: if seen { self.generation } else { 0 },
            counters: counters.cloned().unwrap_or_default(),
        }
    }
}

fn tombstone(row: TombstoneRow<'_>) -> Result<Tombstone, RowFault> {
    let TombstoneRow { reason, at, by } = row;
    let by = by.map(|by| SubjectId::new(&by.0)).transpose()?;
    Ok(Tombstone::new(reason, Timestamp::from_millis(at)).by(by))
}

fn counters_row(counters: &[(Box<str>, u64)]) -> Members<'_, u64> {
    Members(counters.iter().map(|(name, count)| (text(name), *count)).collect())
}

fn owned(counters: Members<'_, u64>) -> Vec<(Box<str>, u64)> {
    counters.0.into_iter().map(|(name, count)| (name.0.into(), count)).collect()
}
