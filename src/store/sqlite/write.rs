//! Writing: within the writer's transaction an act reads what it wants, decides, and writes.

use rusqlite::Connection;

use super::{
    error::broken,
    log,
    rows::{self, FoundRow, records_where},
    subjects,
};
use crate::{
    clock::Timestamp,
    id::{SessionId, SessionKey, SubjectKey},
    session::{SubjectStamp, Tombstone, Use},
    store::{
        Change, Committed, Ended, Inserted, NewRecord, Noted, Snapshot, StoreError, SubjectChange,
        SubjectChanged,
        act::{self, Facts, Others, Plan, Row, Wants, Write},
    },
};

/// Adds a record whose text was written before.
pub(super) fn insert(tables: &Connection, new: NewRecord, text: &str) -> Answer<Inserted> {
    let wants = act::insert_wants(&new);
    let number = rows::free_row_number(tables, &new.record.key())?;
    let (mut facts, mut numbers) = look(tables, &Wants { record: None, ..wants })?;
    match number {
        Some(number) => numbers.push((new.record.id(), number)),
        // Whatever stands there: the id is taken.
        None => facts.current = Row::Unreadable { error: broken(), is_ended: false },
    }
    carry_out(tables, &numbers, Some(text), act::insert(new, facts))
}

pub(super) fn commit(tables: &Connection, change: Change) -> Answer<Committed> {
    let (facts, numbers) = look(tables, &act::commit_wants(&change))?;
    carry_out(tables, &numbers, None, act::commit(change, facts))
}

pub(super) fn end(tables: &Connection, key: &SessionKey, tombstone: &Tombstone) -> Answer<Ended> {
    let (facts, numbers) = look(tables, &act::end_wants(key))?;
    carry_out(tables, &numbers, None, act::end(key, tombstone, facts))
}

pub(super) fn note_use(tables: &Connection, seen: &Snapshot, used: &Use) -> Answer<Noted> {
    let (facts, numbers) = look(tables, &act::note_use_wants(seen))?;
    carry_out(tables, &numbers, None, act::note_use(used, facts))
}

pub(super) fn begin_subject(
    tables: &Connection,
    subject: &SubjectKey,
    now: Timestamp,
) -> Answer<SubjectStamp> {
    let (facts, numbers) = look(tables, &act::begin_subject_wants(subject))?;
    carry_out(tables, &numbers, None, act::begin_subject(subject, now, facts))
}

pub(super) fn change_subject(
    tables: &Connection,
    subject: &SubjectKey,
    change: &SubjectChange,
) -> Answer<SubjectChanged> {
    let (facts, numbers) = look(tables, &act::change_subject_wants(subject, change))?;
    carry_out(tables, &numbers, None, act::change_subject(subject, change, facts))
}

/// The outer error takes back what was written; the inner one is an answer beside writes.
type Answer<T> = Result<Result<T, StoreError>, StoreError>;

/// Which row each record has that an act has read.
type Numbers = Vec<(SessionId, i64)>;

/// Reads what an act wants. The transaction holds it.
fn look(tables: &Connection, wants: &Wants<'_>) -> Result<(Facts, Numbers), StoreError> {
    let mut facts = Facts::held();
    let mut numbers = Vec::new();
    if let Some(key) = wants.record_key() {
        facts.current = row(rows::find(tables, &key)?, &mut numbers);
    }
    if let Some(key) = wants.subject_key() {
        facts.stamp = subjects::stamp(tables, &key)?;
        if let Some(limit) = wants.others {
            facts.others = others(tables, &key, limit.get(), &mut numbers)?;
        }
    }
    if let Some(device) = wants.slot {
        const HOLDER: &str = records_where!("r.device_slot = ?2");
        let holder = rows::find_all(tables, HOLDER, wants.tenant, device.as_str())?.pop();
        facts.slot_holder = holder.map(|holder| Box::new(row(Some(holder), &mut numbers)));
    }
    Ok((facts, numbers))
}

fn row(found: Option<FoundRow>, numbers: &mut Numbers) -> Row {
    let Some(FoundRow { number, id, is_ended, snapshot }) = found else { return Row::Absent };
    numbers.extend(id.map(|id| (id, number)));
    match snapshot {
        Ok(snapshot) => Row::Record(snapshot),
        Err(error) => Row::Unreadable { error, is_ended },
    }
}

fn others(
    tables: &Connection,
    key: &SubjectKey,
    limit: u32,
    numbers: &mut Numbers,
) -> Result<Others, StoreError> {
    if rows::are_fewer(tables, &key.tenant, &key.subject, limit)? {
        return Ok(Others::Few);
    }
    const OTHERS: &str = records_where!("r.subject = ?2 AND r.ended_at IS NULL");
    let mut all = Vec::new();
    for found in rows::find_all(tables, OTHERS, &key.tenant, key.subject.as_str())? {
        match row(Some(found), numbers) {
            Row::Record(snapshot) => all.push(snapshot),
            Row::Absent | Row::Unreadable { .. } => {}
        }
    }
    Ok(Others::All(all))
}

/// Does the writes of a plan. `text` is that of the record which it inserts.
fn carry_out<T>(
    tables: &Connection,
    numbers: &Numbers,
    text: Option<&str>,
    plan: Plan<T>,
) -> Answer<T> {
    let Plan { answer, compares: _, writes } = plan;
    let number = |id: SessionId| {
        let found = numbers.iter().find(|(known, _)| *known == id);
        found.map(|(_, number)| *number).ok_or_else(broken)
    };
    for write in writes {
        match write {
            Write::Insert { record } => {
                let text = text.ok_or_else(broken)?;
                rows::insert(tables, number(record.id())?, &record, text)?;
            }
            Write::Replace { was, next } => {
                rows::replace(tables, number(next.id())?, &was, &next)?;
            }
            Write::NoteUse { next } => rows::note_use(tables, number(next.id())?, &next)?,
            Write::End { key, tombstone, record, purge_at } => {
                rows::end(tables, number(key.id)?, &tombstone, record.as_deref(), purge_at)?;
            }
            Write::FreeSlot { tenant, device } => rows::free_slot(tables, &tenant, &device)?,
            Write::Stamp { subject, stamp } => subjects::put(tables, &subject, &stamp)?,
            Write::Log(entry) => log::push(tables, &entry)?,
        }
    }
    Ok(answer)
}
