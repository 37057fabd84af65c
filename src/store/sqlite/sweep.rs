//! What may be forgotten: records a while after their end, subjects that no record names, and what
//! the log says of both.

use std::{collections::BTreeSet, time::Duration};

use rusqlite::{Connection, params};

use super::{
    log,
    rows::{self, FoundRow, records_where},
    subjects,
};
use crate::{
    clock::Timestamp,
    id::{SessionKey, SubjectId, SubjectKey, TenantId},
    session::Record,
    store::{StoreError, Swept},
};

/// How many one transaction removes: others write between two of them. With four times as many a
/// sweep takes half as long, and leaves live traffic half as much.
pub(super) const AT_ONCE: u32 = 25;
/// A row that cannot be read is looked at, and reported, once a day.
const LOOK_AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

pub(super) fn sweep(tables: &Connection, now: Timestamp, limit: u32) -> Result<Swept, StoreError> {
    let records = due_records(tables, now, limit)?;
    let mut swept = Swept::new(Vec::new(), is_full(records.len(), limit));
    for (tenant, found) in records {
        match found.snapshot {
            Ok(snapshot) if snapshot.record.is_purgeable(now) => {
                rows::remove(tables, found.number)?;
                look_at_subjects(tables, &snapshot.record, now)?;
                swept.removed.push(snapshot);
            }
            // It was used after the time was noted.
            Ok(snapshot) => rows::sweep_later(tables, found.number, snapshot.record.purge_at())?,
            Err(_) => {
                rows::sweep_later(tables, found.number, now.saturating_add(LOOK_AGAIN))?;
                swept
                    .damaged
                    .extend(tenant.zip(found.id).map(|(tenant, id)| SessionKey::new(tenant, id)));
            }
        }
    }
    swept.more |= forget_subjects(tables, now, limit)?;
    swept.more |= log::forget(tables, now, limit)?;
    Ok(swept)
}

fn due_records(
    tables: &Connection,
    now: Timestamp,
    limit: u32,
) -> Result<Vec<(Option<TenantId>, FoundRow)>, StoreError> {
    let mut statement = tables.prepare_cached(concat!(
        "SELECT ",
        records_where!(columns),
        ", r.tenant FROM records AS r LEFT JOIN subjects AS s ON s.tenant = r.tenant AND s.subject = r.subject \
             WHERE r.sweep_at <= ?1 ORDER BY r.sweep_at LIMIT ?2",
    ))?;
    let rows = statement.query_map(params![now.as_millis(), limit], |row| {
        let tenant = row.get_ref(15)?.as_str().ok().and_then(|tenant| TenantId::new(tenant).ok());
        let found = rows::found(tenant.as_ref(), row)?;
        Ok((tenant, found))
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

/// Has the subjects looked at that a record named which is gone.
fn look_at_subjects(
    tables: &Connection,
    record: &Record,
    now: Timestamp,
) -> Result<(), StoreError> {
    let index = record.index();
    let named: BTreeSet<&SubjectId> =
        index.subject.into_iter().chain(index.actors.iter().map(|actor| actor.subject())).collect();
    for subject in named {
        let key = (record.tenant().as_str().as_bytes(), subject.as_str().as_bytes());
        subjects::look_at(tables, key, Some(now))?;
    }
    Ok(())
}

/// Forgets subjects that nothing names and to which nothing happened for a day; true when there may
/// be more.
fn forget_subjects(tables: &Connection, now: Timestamp, limit: u32) -> Result<bool, StoreError> {
    let mut statement = tables.prepare_cached(
        "SELECT tenant, subject, epoch, stamp FROM subjects WHERE sweep_at <= ?1 ORDER BY sweep_at LIMIT ?2",
    )?;
    let rows = statement.query_map(params![now.as_millis(), limit], |row| {
        let bytes = |column| Ok::<_, rusqlite::Error>(row.get_ref(column)?.as_bytes()?.to_vec());
        Ok((bytes(0)?, bytes(1)?, subjects::stamp_of(row.get(2)?, row.get_ref(3)?)))
    })?;
    let due = rows.collect::<rusqlite::Result<Vec<_>>>()?;
    for (tenant, subject, stamp) in &due {
        let (Some(key), Ok(stamp)) = (subject_key(tenant, subject), stamp) else {
            // Whatever it is, nothing of it is lost.
            subjects::look_at(tables, (tenant, subject), None)?;
            continue;
        };
        match (subjects::is_named(tables, &key)?, stamp.forgettable_at()) {
            // The sweep of the last record that names it has it looked at again.
            (true, _) => subjects::look_at(tables, (tenant, subject), None)?,
            (false, due) if due > now => subjects::look_at(tables, (tenant, subject), Some(due))?,
            (false, _) => subjects::forget(tables, &key)?,
        }
    }
    Ok(is_full(due.len(), limit))
}

/// The names of these bytes, which somebody may have edited.
fn subject_key(tenant: &[u8], subject: &[u8]) -> Option<SubjectKey> {
    let tenant = TenantId::new(str::from_utf8(tenant).ok()?).ok()?;
    Some(SubjectKey::new(tenant, SubjectId::new(str::from_utf8(subject).ok()?).ok()?))
}

fn is_full(count: usize, limit: u32) -> bool {
    u32::try_from(count).is_ok_and(|count| count >= limit)
}
