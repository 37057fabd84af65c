//! Records as rows: the text of a record, the columns beside it, and the number where it stands.

use std::ops::RangeInclusive;

use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::{error::damaged, subjects};
use crate::{
    clock::Timestamp,
    id::{CreatorId, DeviceId, SessionId, SessionKey, SubjectId, TenantId},
    session::{Columns, Epoch, Index, Record, RevokeReason, Tombstone},
    store::{Snapshot, StoreError, StoreErrorKind},
};

/// The statement that reads records of the tenant `?1` with the stamps of their subjects, all as of
/// one moment. Those that are named `by number` are found by nothing else.
macro_rules! records_where {
    // The columns that `found` reads, of records `r` and the subjects `s` that they name.
    (columns) => {
        "r.number, r.id, r.row, r.ended_at, r.ended_reason, r.ended_by, r.subject, s.stamp, \
         r.created_at, s.epoch, r.version, r.epoch, r.last_seen_at, r.seen_generation, r.counters"
    };
    (by number, $($condition:literal),+ $(,)?) => { records_where!(@ "NOT INDEXED ", $($condition),+) };
    (@ $how:literal, $($condition:literal),+) => {
        concat!(
            "SELECT ",
            records_where!(columns),
            " FROM records AS r ",
            $how,
            "LEFT JOIN subjects AS s ON s.tenant = r.tenant AND s.subject = r.subject ",
            "WHERE r.tenant = ?1 AND ",
            $($condition),+
        )
    };
    ($($condition:literal),+ $(,)?) => { records_where!(@ "", $($condition),+) };
}
pub(super) use records_where;

/// A row that was found.
pub(super) struct FoundRow {
    pub(super) number: i64,
    /// Its id; none where what stands there is none.
    pub(super) id: Option<SessionId>,
    pub(super) is_ended: bool,
    pub(super) snapshot: Result<Snapshot, StoreError>,
}

/// Reads what `records_where` selects.
pub(super) fn found(tenant: Option<&TenantId>, row: &Row<'_>) -> rusqlite::Result<FoundRow> {
    let id = row.get_ref(1)?.as_str().ok().and_then(|id| id.parse().ok());
    let tombstone = tombstone(row);
    Ok(FoundRow {
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
    let bytes = |column| {
        row.get_ref(column).map_err(StoreError::from)?.as_bytes().map_err(|_| damaged("no text"))
    };
    let record = Record::decode(bytes(2)?, columns(tombstone, row)?)?;
    if Some(record.id()) != id || Some(record.tenant()) != tenant {
        return Err(damaged("a row under another's id"));
    }
    let subject = record.bound().map(|(subject, _)| subject.as_str().as_bytes());
    let beside = row.get_ref(6)?;
    if subject != beside.as_bytes_or_null().map_err(|_| damaged("a subject that is no text"))? {
        return Err(damaged("a row under another's subject"));
    }
    let stamp =
        row.get::<_, Option<i64>>(9)?.map(|epoch| subjects::stamp_of(epoch, row.get_ref(7)?));
    Ok(Snapshot::new(record.into(), stamp.transpose()?))
}

fn columns(ended: Option<Tombstone>, row: &Row<'_>) -> Result<Columns, StoreError> {
    let counters = row.get_ref(14)?.as_bytes_or_null();
    let counters = counters.map_err(|_| damaged("counters that are no text"))?;
    Ok(Columns {
        version: u64::try_from(row.get::<_, i64>(10)?)
            .map_err(|_| damaged("a version below zero"))?,
        epoch: row.get::<_, Option<i64>>(11)?.map(Epoch::from_number),
        ended,
        last_seen_at: row.get::<_, Option<i64>>(12)?.map(Timestamp::from_millis),
        seen_generation: row.get(13)?,
        counters: counters.map_or(Ok(Vec::new()), Columns::decode_counters)?,
    })
}

fn tombstone(row: &Row<'_>) -> Result<Option<Tombstone>, StoreError> {
    let Some(at) = row.get::<_, Option<i64>>(3)? else { return Ok(None) };
    let reason = row.get::<_, Option<String>>(4)?;
    let reason = reason.as_deref().and_then(RevokeReason::from_code);
    let by = row.get::<_, Option<String>>(5)?.map(SubjectId::new).transpose();
    match (reason, by) {
        (Some(reason), Ok(by)) => {
            Ok(Some(Tombstone::new(reason, Timestamp::from_millis(at)).by(by)))
        }
        _ => Err(damaged("a tombstone that is none of ours")),
    }
}

/// The numbers that the row of this id may have: the table itself is in the order of births, and
/// needs no index of ids.
///
/// The first of them is made of the id's milliseconds, its counter, and three bits of chance. Where
/// two ids share it, the later takes the next that is free.
pub(super) fn row_numbers(id: SessionId) -> RangeInclusive<i64> {
    let [m0, m1, m2, m3, m4, m5, c0, c1, _, chance, ..] = id.to_bytes();
    let millis = i64::from_be_bytes([0, 0, m0, m1, m2, m3, m4, m5]);
    let counter = i64::from(u16::from_be_bytes([c0, c1]) & 0x0FFF);
    let first = millis << 15 | counter << 3 | i64::from(chance & 0b111);
    first..=first.saturating_add(63)
}

/// The statement that `find` runs.
const BY_ID: &str = records_where!("r.number BETWEEN ?3 AND ?4 AND r.id = ?2");

/// The record of this key.
pub(super) fn find(tables: &Connection, key: &SessionKey) -> Result<Option<FoundRow>, StoreError> {
    let mut buffer = Uuid::encode_buffer();
    let id = &*key.id.as_uuid().hyphenated().encode_lower(&mut buffer);
    let (first, last) = row_numbers(key.id).into_inner();
    let mut statement = tables.prepare_cached(BY_ID)?;
    let mut rows = statement.query(params![key.tenant.as_str(), id, first, last])?;
    Ok(rows.next()?.map(|row| found(Some(&key.tenant), row)).transpose()?)
}

/// The records of the tenant that a statement finds by one text, made by `records_where`.
pub(super) fn find_all(
    tables: &Connection,
    sql: &str,
    tenant: &TenantId,
    text: &str,
) -> Result<Vec<FoundRow>, StoreError> {
    let mut statement = tables.prepare_cached(sql)?;
    let rows =
        statement.query_map(params![tenant.as_str(), text], |row| found(Some(tenant), row))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// A number for the row of this key. None when there is such a row, readable or not, or no place
/// left for its id: which is as good as taken.
pub(super) fn free_row_number(
    tables: &Connection,
    key: &SessionKey,
) -> Result<Option<i64>, StoreError> {
    let (mut free, last) = row_numbers(key.id).into_inner();
    let mut statement = tables.prepare_cached(
        "SELECT number, id = ?4 AND tenant = ?3 FROM records WHERE number BETWEEN ?1 AND ?2 ORDER BY number",
    )?;
    let mut taken =
        statement.query(params![free, last, key.tenant.as_str(), key.id.to_string()])?;
    while let Some(row) = taken.next()? {
        if row.get(1)? {
            return Ok(None);
        }
        if row.get::<_, i64>(0)? == free {
            let Some(next) = free.checked_add(1) else { return Ok(None) };
            free = next;
        }
    }
    Ok((free <= last).then_some(free))
}

/// Adds a row in this place.
pub(super) fn insert(
    tables: &Connection,
    number: i64,
    record: &Record,
    row: &str,
) -> Result<(), StoreError> {
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
    let columns = record.columns();
    let mut statement = tables.prepare_cached(
        "INSERT INTO records (number, tenant, id, row, subject, device, device_slot, creator, \
         fingerprint, created_at, sweep_at, version, epoch, last_seen_at, seen_generation, counters) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16)",
    )?;
    statement.execute(params![
        number,
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
        number_of(columns.version)?,
        columns.epoch.map(Epoch::get),
        columns.last_seen_at.map(Timestamp::as_millis),
        columns.seen_generation,
        columns.encode_counters()?,
    ])?;
    insert_actors(tables, number, record)
}

/// Puts `next` in the place of `was`.
pub(super) fn replace(
    tables: &Connection,
    number: i64,
    was: &Record,
    next: &Record,
) -> Result<(), StoreError> {
    let (row, columns) = (next.encode()?, next.columns());
    let (before, is) = (was.index(), next.index());
    let epoch = columns.epoch.map(Epoch::get);
    let last_seen_at = columns.last_seen_at.map(Timestamp::as_millis);
    let counters = columns.encode_counters()?;
    // A sweep may look too early: then it looks again. So a use of a session touches no index.
    if (Index { purge_at: before.purge_at, ..is }) == before && before.purge_at <= is.purge_at {
        let mut statement = tables.prepare_cached(
            "UPDATE records SET row = ?2, version = ?3, epoch = ?4, last_seen_at = ?5, \
             seen_generation = ?6, counters = ?7 WHERE number = ?1",
        )?;
        statement.execute(params![
            number,
            row,
            number_of(columns.version)?,
            epoch,
            last_seen_at,
            columns.seen_generation,
            counters,
        ])?;
        return Ok(());
    }
    let mut statement = tables.prepare_cached(
        "UPDATE records SET row = ?2, version = ?3, epoch = ?4, last_seen_at = ?5, \
         seen_generation = ?6, counters = ?7, subject = ?8, device = ?9, \
         device_slot = CASE WHEN ?10 THEN device_slot END, creator = ?11, fingerprint = ?12, \
         sweep_at = ?13 WHERE number = ?1",
    )?;
    statement.execute(params![
        number,
        row,
        number_of(columns.version)?,
        epoch,
        last_seen_at,
        columns.seen_generation,
        counters,
        is.subject.map(SubjectId::as_str),
        is.device.map(DeviceId::as_str),
        is.device_slot.is_some(),
        is.creator.map(CreatorId::as_str),
        is.fingerprint,
        sweep_at(is.purge_at),
    ])?;
    match before.actors.is_empty() {
        true => insert_actors(tables, number, next),
        false => Ok(()),
    }
}

/// A version as SQLite keeps it: below 2^63.
fn number_of(version: u64) -> Result<i64, StoreError> {
    i64::try_from(version).map_err(|_| StoreError::new(StoreErrorKind::TooLarge))
}

/// Notes a use: neither the text of the record nor an index is touched.
pub(super) fn note_use(tables: &Connection, number: i64, next: &Record) -> Result<(), StoreError> {
    let columns = next.columns();
    let mut statement = tables.prepare_cached(
        "UPDATE records SET last_seen_at = ?2, seen_generation = ?3, counters = ?4 WHERE number = ?1",
    )?;
    statement.execute(params![
        number,
        columns.last_seen_at.map(Timestamp::as_millis),
        columns.seen_generation,
        columns.encode_counters()?,
    ])?;
    Ok(())
}

/// Ends a row, whatever its text says: one that can be read gets the version of its `record`.
pub(super) fn end(
    tables: &Connection,
    number: i64,
    tombstone: &Tombstone,
    record: Option<&Record>,
    purge_at: Timestamp,
) -> Result<(), StoreError> {
    let Tombstone { reason, at, by } = tombstone;
    let mut statement = tables.prepare_cached(
        "UPDATE records SET ended_at = ?2, ended_reason = ?3, ended_by = ?4, device_slot = NULL, \
         version = coalesce(?5, version), \
         sweep_at = CASE WHEN ?5 IS NULL THEN coalesce(sweep_at, ?6) ELSE ?6 END WHERE number = ?1",
    )?;
    let by = by.as_ref().map(SubjectId::as_str);
    let version = record.map(|record| number_of(record.version())).transpose()?;
    statement.execute(params![
        number,
        at.as_millis(),
        reason.code(),
        by,
        version,
        sweep_at(purge_at)
    ])?;
    Ok(())
}

/// Takes the slot of a device from whoever holds it.
pub(super) fn free_slot(
    tables: &Connection,
    tenant: &TenantId,
    device: &DeviceId,
) -> Result<(), StoreError> {
    let sql = "UPDATE records SET device_slot = NULL WHERE tenant = ?1 AND device_slot = ?2";
    tables.prepare_cached(sql)?.execute(params![tenant.as_str(), device.as_str()])?;
    Ok(())
}

/// True when fewer records than this name a subject and have no tombstone.
pub(super) fn are_fewer(
    tables: &Connection,
    tenant: &TenantId,
    subject: &SubjectId,
    limit: u32,
) -> Result<bool, StoreError> {
    let mut statement = tables.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM records \
         WHERE tenant = ?1 AND subject = ?2 AND ended_at IS NULL LIMIT ?3)",
    )?;
    let count: u32 =
        statement.query_row(params![tenant.as_str(), subject.as_str(), limit], |row| row.get(0))?;
    Ok(count < limit)
}

pub(super) fn sweep_later(
    tables: &Connection,
    number: i64,
    at: Timestamp,
) -> Result<(), StoreError> {
    let mut statement =
        tables.prepare_cached("UPDATE records SET sweep_at = ?2 WHERE number = ?1")?;
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
    use crate::{
        store::{SqliteStore, sqlite::open},
        testing::fixtures,
    };

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
            let statement = tables.prepare_cached(BY_ID)?;
            Ok((
                statement.get_status(StatementStatus::Run),
                statement.get_status(StatementStatus::RePrepare),
            ))
        };
        assert_eq!(readers.read(read).unwrap(), (9, 0));
    }

    /// Ids that differ in bits that make no place.
    fn sharing_a_place(number: u16) -> SessionKey {
        SessionKey::new(
            TenantId::default(),
            SessionId::assemble(Timestamp::from_secs(1), 7, [1; 6], number),
        )
    }

    #[test]
    fn ids_that_share_a_place_stand_side_by_side_and_none_is_another() {
        let folder = tempfile::tempdir().unwrap();
        let (tables, _) =
            open::open(&folder.path().join("sessions.db"), SqliteStore::options()).unwrap();
        let insert = |key: &SessionKey| {
            let place = free_row_number(&tables, key).unwrap();
            let record = fixtures::session().at(Timestamp::from_secs(1)).id(key.id).build();
            place.map(|place| {
                super::insert(&tables, place, &record, &record.encode().unwrap()).unwrap()
            })
        };
        let keys: Vec<_> = (0..64).map(sharing_a_place).collect();
        assert!(keys.iter().all(|key| row_numbers(key.id) == row_numbers(keys[0].id)));
        assert!(keys.iter().all(|key| insert(key).is_some()));
        assert!(keys.iter().all(|key| insert(key).is_none()), "each is taken");
        assert!(
            insert(&sharing_a_place(64)).is_none(),
            "no room is as good as taken: the issuer draws another id"
        );
        let read =
            |key: &SessionKey| find(&tables, key).unwrap().map(|found| (found.number, found.id));
        for (key, number) in keys.iter().zip(row_numbers(keys[0].id)) {
            assert_eq!(read(key), Some((number, Some(key.id))));
        }
        // What goes leaves a gap; those behind it are found, and the next comes into it.
        let (number, _) = read(&keys[9]).unwrap();
        remove(&tables, number).unwrap();
        assert_eq!(read(&keys[9]), None);
        assert!(insert(&keys[63]).is_none(), "it is taken, although there is a place before it");
        assert_eq!(read(&keys[63]).unwrap().1, Some(keys[63].id));
        assert!(insert(&sharing_a_place(64)).is_some());
        assert_eq!(read(&sharing_a_place(64)).unwrap().0, number);
    }

    #[test]
    fn behind_the_last_place_of_all_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let (tables, _) =
            open::open(&folder.path().join("sessions.db"), SqliteStore::options()).unwrap();
        let end = Timestamp::from_millis((1 << 48) - 1);
        let place = |number| {
            let id = SessionId::assemble(end, 0xFFF, [255; 6], number);
            let place =
                free_row_number(&tables, &SessionKey::new(TenantId::default(), id)).unwrap()?;
            let record = fixtures::session().id(id).build();
            super::insert(&tables, place, &record, &record.encode().unwrap()).unwrap();
            Some(place)
        };
        assert_eq!([place(0), place(1)], [Some(i64::MAX), None]);
    }

    #[test]
    fn places_are_in_the_order_of_births_and_the_last_of_all_is_one_too() {
        let place = |millis, counter, random| {
            *row_numbers(SessionId::assemble(Timestamp::from_millis(millis), counter, random, 0))
                .start()
        };
        assert!(place(1_000, 0xFFF, [255; 6]) < place(1_001, 0, [0; 6]));
        assert!(place(1_000, 1, [255; 6]) < place(1_000, 2, [0; 6]));
        // Each counter has eight numbers of its own, and so has the last one of a millisecond.
        assert_eq!(place(1_000, 2, [0; 6]) - place(1_000, 1, [0; 6]), 8);
        assert_eq!(place(1_001, 0, [0; 6]) - place(1_000, 0xFFF, [0; 6]), 8);
        assert_ne!(place(1_000, 1, [0; 6]), place(1_000, 1, [0, 1, 2, 3, 4, 5]), "of two issuers");
        let last = row_numbers(SessionId::assemble(
            Timestamp::from_millis((1 << 48) - 1),
            0xFFF,
            [255; 6],
            0,
        ));
        assert!(*last.start() > 0 && last.contains(last.start()));
    }
}
