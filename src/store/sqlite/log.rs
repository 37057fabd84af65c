//! The revocation log: one writer at a time gives numbers in the order of commits, so a number
//! passes nothing.

use rusqlite::{Connection, Row, params};

use super::error::damaged;
use crate::{
    clock::Timestamp,
    id::{SessionId, SessionKey, SubjectId, SubjectKey, TenantId},
    session::Epoch,
    store::{Cursor, RevocationBatch, RevocationEntry, StoreError},
};

pub(super) fn push(tables: &Connection, entry: &RevocationEntry) -> Result<(), StoreError> {
    let mut statement = tables.prepare_cached(
        "INSERT INTO log (tenant, session, subject, epoch, kept, factors_changed_at, until) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    match entry {
        RevocationEntry::Session { key, until } => statement.execute(params![
            key.tenant.as_str(),
            key.id.to_string(),
            None::<&str>,
            None::<i64>,
            None::<&str>,
            None::<i64>,
            until.as_millis(),
        ])?,
        RevocationEntry::Subject { key, epoch, kept, factors_changed_at, until } => statement
            .execute(params![
                key.tenant.as_str(),
                None::<&str>,
                key.subject.as_str(),
                epoch.get(),
                kept.map(|kept| kept.to_string()),
                factors_changed_at.map(Timestamp::as_millis),
                until.as_millis(),
            ])?,
    };
    Ok(())
}

/// Forgets entries that nobody needs any more, at most so many; true when there may be more.
/// Whoever has not read them needs them no more either, so no cursor is too old.
pub(super) fn forget(tables: &Connection, now: Timestamp, limit: u32) -> Result<bool, StoreError> {
    let mut statement = tables.prepare_cached(
        "DELETE FROM log WHERE number IN (SELECT number FROM log WHERE until <= ?1 ORDER BY until LIMIT ?2)",
    )?;
    let gone = statement.execute(params![now.as_millis(), limit])?;
    Ok(u32::try_from(gone).is_ok_and(|gone| gone >= limit))
}

pub(super) fn since(
    tables: &Connection,
    cursor: &Cursor,
    limit: u32,
) -> Result<RevocationBatch, StoreError> {
    let position = LogPosition::of(tables)?;
    let Some(from) = position.number(cursor) else {
        return Ok(RevocationBatch::Reset { next: position.cursor(position.last) });
    };
    let mut statement = tables.prepare_cached(
        "SELECT number, tenant, session, subject, epoch, kept, factors_changed_at, until FROM log \
         WHERE number > ?1 ORDER BY number LIMIT ?2",
    )?;
    let rows = statement.query_map(params![from, i64::from(limit) + 1], |row| {
        row.get::<_, i64>(0).map(|number| (number, entry(row)))
    })?;
    let mut found = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().map_or(from, |(number, _)| *number);
    let entries = found.into_iter().map(|(_, entry)| entry).collect::<Result<_, _>>()?;
    Ok(RevocationBatch::Entries { entries, next: position.cursor(next), more })
}

fn entry(row: &Row<'_>) -> Result<RevocationEntry, StoreError> {
    let id = |text: Option<String>| {
        let id = text.map(|text| text.parse::<SessionId>()).transpose();
        id.map_err(|_| damaged("an entry of the log without an id of ours"))
    };
    let tenant =
        TenantId::new(row.get::<_, String>(1)?).map_err(|_| damaged("an entry of no tenant"))?;
    let until = Timestamp::from_millis(row.get(7)?);
    if let Some(session) = id(row.get(2)?)? {
        return Ok(RevocationEntry::Session { key: SessionKey::new(tenant, session), until });
    }
    let subject =
        SubjectId::new(row.get::<_, String>(3)?).map_err(|_| damaged("an entry of no subject"))?;
    Ok(RevocationEntry::Subject {
        key: SubjectKey::new(tenant, subject),
        epoch: Epoch::from_number(row.get(4)?),
        kept: id(row.get(5)?)?,
        factors_changed_at: row.get::<_, Option<i64>>(6)?.map(Timestamp::from_millis),
        until,
    })
}

/// Which log this is, and the last number that it gave.
struct LogPosition {
    store: String,
    last: i64,
}

impl LogPosition {
    fn of(tables: &Connection) -> Result<Self, StoreError> {
        let mut statement = tables.prepare_cached(
            "SELECT id, coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'log'), 0) FROM store",
        )?;
        Ok(statement.query_row([], |row| Ok(Self { store: row.get(0)?, last: row.get(1)? }))?)
    }

    fn cursor(&self, number: i64) -> Cursor {
        Cursor::from_bytes(format!("{}:{number}", self.store))
    }

    /// The number that a cursor stands for; none when it is of another log, or of a time that this
    /// one has not seen.
    fn number(&self, cursor: &Cursor) -> Option<i64> {
        if cursor.as_bytes().is_empty() {
            return Some(0);
        }
        let (store, number) = std::str::from_utf8(cursor.as_bytes()).ok()?.split_once(':')?;
        let number = number.parse().ok().filter(|number| (0..=self.last).contains(number))?;
        (store == self.store).then_some(number)
    }
}
