//! What is known of a subject, as rows.

use rusqlite::{
    Connection, params,
    types::{ToSqlOutput, ValueRef},
};

use super::error::damaged;
use crate::{
    clock::Timestamp,
    id::SubjectKey,
    session::{Epoch, SubjectStamp},
    store::StoreError,
};

/// What is known of a subject; none when nothing is.
pub(super) fn stamp(
    tables: &Connection,
    key: &SubjectKey,
) -> Result<Option<SubjectStamp>, StoreError> {
    let mut statement = tables
        .prepare_cached("SELECT epoch, stamp FROM subjects WHERE tenant = ?1 AND subject = ?2")?;
    let mut rows = statement.query(params![key.tenant.as_str(), key.subject.as_str()])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    stamp_of(row.get(0)?, row.get_ref(1)?).map(Some)
}

/// A stamp of its columns.
pub(super) fn stamp_of(epoch: i64, stamp: ValueRef<'_>) -> Result<SubjectStamp, StoreError> {
    let epoch = Epoch::from_number(epoch);
    match stamp.as_bytes_or_null().map_err(|_| damaged("a stamp that is no text"))? {
        None => Ok(SubjectStamp::unmoved(epoch)),
        Some(stamp) => {
            let stamp = SubjectStamp::decode(stamp)?;
            if stamp.epoch != epoch {
                return Err(damaged("a stamp of another epoch"));
            }
            Ok(stamp)
        }
    }
}

/// Keeps what is known of a subject, new or not.
pub(super) fn put(
    tables: &Connection,
    key: &SubjectKey,
    stamp: &SubjectStamp,
) -> Result<(), StoreError> {
    let mut statement = tables.prepare_cached(
        "INSERT INTO subjects (tenant, subject, epoch, stamp, sweep_at) VALUES (?1, ?2, ?3, ?4, ?5) \
         ON CONFLICT (tenant, subject) DO UPDATE SET epoch = excluded.epoch, stamp = excluded.stamp",
    )?;
    let all = if stamp.is_first() { None } else { Some(stamp.encode()?) };
    let (epoch, due) = (stamp.epoch.get(), stamp.forgettable_at().as_millis());
    statement.execute(params![key.tenant.as_str(), key.subject.as_str(), epoch, all, due])?;
    Ok(())
}

/// True when a record, ended or not, names this subject, or names it as an actor.
pub(super) fn is_named(tables: &Connection, key: &SubjectKey) -> Result<bool, StoreError> {
    let mut statement = tables.prepare_cached(
        "SELECT 1 WHERE EXISTS (SELECT 1 FROM records WHERE tenant = ?1 AND subject = ?2 AND ended_at IS NULL) \
         OR EXISTS (SELECT 1 FROM records WHERE tenant = ?1 AND subject = ?2 AND ended_at IS NOT NULL) \
         OR EXISTS (SELECT 1 FROM actors WHERE tenant = ?1 AND actor = ?2)",
    )?;
    Ok(statement.exists(params![key.tenant.as_str(), key.subject.as_str()])?)
}

/// Lets the sweep look at a subject, whatever its name is made of, at this time, or never.
pub(super) fn look_at(
    tables: &Connection,
    (tenant, subject): (&[u8], &[u8]),
    at: Option<Timestamp>,
) -> Result<(), StoreError> {
    let text = |bytes| ToSqlOutput::Borrowed(ValueRef::Text(bytes));
    let mut statement = tables
        .prepare_cached("UPDATE subjects SET sweep_at = ?3 WHERE tenant = ?1 AND subject = ?2")?;
    statement.execute(params![text(tenant), text(subject), at.map(Timestamp::as_millis)])?;
    Ok(())
}

pub(super) fn forget(tables: &Connection, key: &SubjectKey) -> Result<(), StoreError> {
    let mut statement =
        tables.prepare_cached("DELETE FROM subjects WHERE tenant = ?1 AND subject = ?2")?;
    statement.execute(params![key.tenant.as_str(), key.subject.as_str()])?;
    Ok(())
}
