//! What is known of a subject, as a store keeps it.

use serde::{Deserialize, Serialize};

use super::{RowFault, VERSION, members, row::required};
use crate::{
    clock::Timestamp,
    epoch::Epoch,
    error::StoreError,
    factor::FactorKind,
    id::SessionId,
    reason::RevokeReason,
    session::{FactorFloor, SubjectStamp},
};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StampRow {
    v: u32,
    epoch: i64,
    #[serde(deserialize_with = "required")]
    kept: Option<SessionId>,
    #[serde(deserialize_with = "required")]
    reason: Option<RevokeReason>,
    floors: Vec<FloorRow>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FloorRow {
    kind: FactorKind,
    at: i64,
}

impl SubjectStamp {
    /// The stamp as one JSON text, the same for the same stamp: at most 1 KiB.
    ///
    /// # Errors
    /// None today; a later release may refuse what it cannot write.
    ///
    /// # Examples
    /// ```
    /// use session_issuer::{Timestamp, session::SubjectStamp};
    ///
    /// let stamp = SubjectStamp::first(Timestamp::from_secs(1));
    /// let row = stamp.encode()?;
    /// assert_eq!(row, r#"{"v":1,"epoch":1000,"kept":null,"reason":null,"floors":[]}"#);
    /// assert_eq!(SubjectStamp::decode(row.as_bytes())?, stamp);
    /// # Ok::<(), session_issuer::store::StoreError>(())
    /// ```
    pub fn encode(&self) -> Result<String, StoreError> {
        let Self { epoch, kept, reason, floors } = self;
        let floors = floors.iter().flat_map(|floors| floors.iter());
        let row = StampRow {
            v: VERSION,
            epoch: epoch.get(),
            kept: *kept,
            reason: *reason,
            floors: floors
                .map(|floor| FloorRow { kind: floor.kind, at: floor.at.as_millis() })
                .collect(),
        };
        Ok(serde_json::to_string(&row).map_err(|_| RowFault::Form(0))?)
    }

    /// The stamp of such a text, read as strictly as
    /// [`Record::decode`](crate::session::Record::decode) reads a row.
    ///
    /// # Errors
    /// `UnknownVersion` for the text of a later release, `Damaged` for whatever else is none.
    pub fn decode(row: &[u8]) -> Result<Self, StoreError> {
        let StampRow { v: _, epoch, kept, reason, floors } = members(row)?;
        let floors: Vec<_> = floors
            .iter()
            .map(|floor| FactorFloor::new(floor.kind, Timestamp::from_millis(floor.at)))
            .collect();
        let twice = |(at, floor): (usize, &FactorFloor)| {
            floors.iter().skip(at + 1).any(|f| f.kind == floor.kind)
        };
        if floors.len() > FactorKind::ALL.len() || floors.iter().enumerate().any(twice) {
            return Err(RowFault::Rule("a kind of factor with two floors").into());
        }
        Ok(Self::new(Epoch::from_number(epoch), kept, reason, floors))
    }
}
