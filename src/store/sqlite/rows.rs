//! Records as rows: the text of a record, and the columns that find it.

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::error::damaged;
use crate::{
    clock::Timestamp,
    error::RevokeReason,
    id::{CreatorId, DeviceId, SessionId, SessionKey, SubjectId, TenantId},
    session::{Index, Record, SubjectStamp, Tombstone},
    store::{Snapshot, StoreError},
};

/// The statement that reads records of the tenant `?1` with the stamps of their subjects, all as of one moment.
macro_rules! records_where {
    ($($condition:literal),+ $(,)?) => {
        concat!(
            "SELECT r.number, r.id, r.row, r.ended_at, r.ended_reason, r.ended_by, r.subject, s.stamp, r.created_at ",
            "FROM records AS r LEFT JOIN subjects AS s ON s.tenant = r.tenant AND s.subject = r.subject ",
            "WHERE r.tenant = ?1 AND ",
            $($condition),+
        )
    };
}
pub(super) use records_where;

/// A row that was found.
pub(super) struct Found {
    pub(super) number: i64,
    /// Its id; none where what stands there is none.
    pub(super) id: Option<SessionId>,
    pub(super) is_ended: bool,
    pub(super) snapshot: Result<Snapshot, StoreError>,
}

/// Reads what `records_where` selects.
pub(super) fn found(tenant: Option<&TenantId>, row: &Row<'_>) -> rusqlite::Result<Found> {
    let id = row.get_ref(1)?.as_str().ok().and_then(|id| id.parse().ok());
    let tombstone = tombstone(row);
    Ok(Found {
        number: row.get(0)?,
        id,
        is_ended: !matches!(tombstone, Ok(None)),
        snapshot: tombstone.and_then(|tombstone| snapshot(tenant, id, tombstone, row)),
    })
}

fn snapshot(
    tenant: Option<&TenantId>,
    id: Option<SessionId>,
    tombstone: Option<Tombstone>,
    row: &Row<'_>,
) -> Result<Snapshot, StoreError> {
    let bytes =
        |column| row.get_ref(column).map_err(StoreError::from)?.as_bytes().map_err(|_| damaged("no text"));
    let mut record = Record::decode(bytes(2)?)?;
    if Some(record.id()) != id || Some(record.tenant()) != tenant {
        return Err(damaged("a row under another's id"));
    }
    let subject = record.bound().map(|(subject, _)| subject.as_str().as_bytes());
    let beside = row.get_ref(6)?;
    if subject != beside.as_bytes_or_null().map_err(|_| damaged("a subject that is no text"))? {
        return Err(damaged("a row under another's subject"));
    }
    if let Some(tombstone) = tombstone {
        record = record.ended(&tombstone);
    }
    let stamp = row.get_ref(7)?.as_bytes_or_null().map_err(|_| damaged("a stamp that is no text"))?;
    Ok(Snapshot::new(record.into(), stamp.map(SubjectStamp::decode).transpose()?))
}

fn tombstone(row: &Row<'_>) -> Result<Option<Tombstone>, StoreError> {
    let Some(at) = row.get::<_, Option<i64>>(3)? else { return Ok(None) };
    let reason = row.get::<_, Option<String>>(4)?;
    let reason = reason.as_deref().and_then(RevokeReason::from_code);
    let by = row.get::<_, Option<String>>(5)?.map(SubjectId::new).transpose();
    match (reason, by) {
        (Some(reason), Ok(by)) => Ok(Some(Tombstone::new(reason, Timestamp::from_millis(at)).by(by))),
        _ => Err(damaged("a tombstone that is none of ours")),
    }
}

/// The record of this key.
pub(super) fn find(tables: &Connection, key: &SessionKey) -> Result<Option<Found>, StoreError> {
    let mut buffer = Uuid::encode_buffer();
    let id = &*key.id.as_uuid().hyphenated().encode_lower(&mut buffer);
    let mut statement = tables.prepare_cached(records_where!("r.id = ?2"))?;
    let mut rows = statement.query(params![key.tenant.as_str(), id])?;
    Ok(rows.next()?.map(|row| found(Some(&key.tenant), row)).transpose()?)
}

/// The records of the tenant that a statement finds by one text, made by `records_where`.
pub(super) fn find_all(
    tables: &Connection,
    sql: &str,
    tenant: &TenantId,
    text: &str,
) -> Result<Vec<Found>, StoreError> {
    let mut statement = tables.prepare_cached(sql)?;
    let rows = statement.query_map(params![tenant.as_str(), text], |row| found(Some(tenant), row))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// True when there is a row of this key, readable or not.
pub(super) fn exists(tables: &Connection, key: &SessionKey) -> Result<bool, StoreError> {
    let mut statement = tables.prepare_cached("SELECT 1 FROM records WHERE tenant = ?1 AND id = ?2")?;
    Ok(statement.exists(params![key.tenant.as_str(), key.id.to_string()])?)
}

pub(super) fn insert(tables: &Connection, record: &Record, row: &str) -> Result<(), StoreError> {
    let Index {
        subject,
        device,
        device_slot,
        actors: _,
        creator,
        fingerprint,
        created_at,
        purge_at,
        ended: _,
    } = record.index();
    let mut statement = tables.prepare_cached(
        "INSERT INTO records (tenant, id, row, subject, device, device_slot, creator, fingerprint, created_at, sweep_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    statement.execute(params![
        record.tenant().as_str(),
        record.id().to_string(),
        row,
        subject.map(SubjectId::as_str),
        device.map(DeviceId::as_str),
        device_slot.map(DeviceId::as_str),
        creator.map(CreatorId::as_str),
        fingerprint,
        created_at.as_millis(),
        sweep_at(purge_at),
    ])?;
    insert_actors(tables, tables.last_insert_rowid(), record)
}

/// Puts `next` in the place of `current`.
pub(super) fn replace(
    tables: &Connection,
    number: i64,
    current: &Record,
    next: &Record,
) -> Result<(), StoreError> {
    let row = next.encode()?;
    let (was, is) = (current.index(), next.index());
    // A sweep may look too early: then it looks again. So a use of a session touches no index.
    if (Index { purge_at: was.purge_at, ..is }) == was && was.purge_at <= is.purge_at {
        tables
            .prepare_cached("UPDATE records SET row = ?2 WHERE number = ?1")?
            .execute(params![number, row])?;
        return Ok(());
    }
    let mut statement = tables.prepare_cached(
        "UPDATE records SET row = ?2, ended_at = ?3, ended_reason = ?4, ended_by = ?5, subject = ?6, device = ?7, \
         device_slot = CASE WHEN ?8 THEN device_slot END, creator = ?9, fingerprint = ?10, sweep_at = ?11 \
         WHERE number = ?1",
    )?;
    let tombstone = next.tombstone();
    statement.execute(params![
        number,
        row,
        tombstone.map(|tombstone| tombstone.at.as_millis()),
        tombstone.map(|tombstone| tombstone.reason.code()),
        tombstone.and_then(|tombstone| tombstone.by.as_ref()).map(SubjectId::as_str),
        is.subject.map(SubjectId::as_str),
        is.device.map(DeviceId::as_str),
        is.device_slot.is_some() && !is.ended,
        is.creator.map(CreatorId::as_str),
        is.fingerprint,
        sweep_at(is.purge_at),
    ])?;
    match was.actors.is_empty() {
        true => insert_actors(tables, number, next),
        false => Ok(()),
    }
}

/// Ends a row that cannot be read: whatever its text says, and whoever mends it.
pub(super) fn end_unreadable(
    tables: &Connection,
    number: i64,
    tombstone: &Tombstone,
) -> Result<(), StoreError> {
    let Tombstone { reason, at, by } = tombstone;
    let mut statement = tables.prepare_cached(
        "UPDATE records SET ended_at = ?2, ended_reason = ?3, ended_by = ?4, device_slot = NULL, \
         sweep_at = coalesce(sweep_at, ?2) WHERE number = ?1",
    )?;
    let by = by.as_ref().map(SubjectId::as_str);
    statement.execute(params![number, at.as_millis(), reason.code(), by])?;
    Ok(())
}

/// Takes the device's slot from a record that holds it and is not live.
pub(super) fn leave_slot(tables: &Connection, number: i64) -> Result<(), StoreError> {
    tables.prepare_cached("UPDATE records SET device_slot = NULL WHERE number = ?1")?.execute([number])?;
    Ok(())
}

pub(super) fn sweep_later(tables: &Connection, number: i64, at: Timestamp) -> Result<(), StoreError> {
    let mut statement = tables.prepare_cached("UPDATE records SET sweep_at = ?2 WHERE number = ?1")?;
    statement.execute(params![number, sweep_at(at)])?;
    Ok(())
}

pub(super) fn remove(tables: &Connection, number: i64) -> Result<(), StoreError> {
    tables.prepare_cached("DELETE FROM actors WHERE record = ?1")?.execute([number])?;
    tables.prepare_cached("DELETE FROM records WHERE number = ?1")?.execute([number])?;
    Ok(())
}

fn insert_actors(tables: &Connection, number: i64, record: &Record) -> Result<(), StoreError> {
    for actor in record.index().actors {
        // One subject may act twice in a chain.
        let mut statement = tables.prepare_cached(
            "INSERT OR IGNORE INTO actors (tenant, actor, created_at, id, record) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?;
        statement.execute(params![
            record.tenant().as_str(),
            actor.subject().as_str(),
            record.created_at().as_millis(),
            record.id().to_string(),
            number,
        ])?;
    }
    Ok(())
}

fn sweep_at(at: Timestamp) -> Option<i64> {
    (at != Timestamp::MAX).then_some(at.as_millis())
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;
    use crate::store::{SqliteStore, sqlite::open};

    #[test]
    fn a_read_compiles_its_statement_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.db");
        let (_, readers) = open::open(&path, SqliteStore::options()).unwrap();
        let read = |tables: &Connection| {
            for number in 0..9 {
                let id = SessionId::assemble(Timestamp::from_secs(1), number, [0; 6], 0);
                assert!(find(tables, &SessionKey::new(TenantId::default(), id))?.is_none());
            }
            let statement = tables.prepare_cached(records_where!("r.id = ?2"))?;
            Ok((statement.get_status(StatementStatus::Run), statement.get_status(StatementStatus::RePrepare)))
        };
        assert_eq!(readers.read(read).unwrap(), (9, 0));
    }
}
