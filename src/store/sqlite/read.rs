//! Reading: load and list. Each is one statement, and sees one moment.

use rusqlite::{Connection, params};

use super::rows::{self, FoundRow, records_where};
use crate::{
    clock::Timestamp,
    id::{SessionId, SessionKey},
    store::{PageKey, Query, RecordPage, Select, Snapshot, StoreError},
};

pub(super) fn load(tables: &Connection, key: &SessionKey) -> Result<Option<Snapshot>, StoreError> {
    rows::find(tables, key)?.map(|found| found.snapshot).transpose()
}

/// The rows of one page and one more. Bounds that were not asked for are the ends of the order.
macro_rules! page_where {
    ($($by:ident number,)? $condition:literal, $after:literal, $order:literal) => {
        records_where!(
            $($by number,)?
            $condition,
            " AND r.ended_at IS NULL AND r.created_at >= ?3 AND r.created_at < ?4 \
            AND (r.created_at, r.id) ",
            $after,
            " (?5, ?6) ORDER BY r.created_at ",
            $order,
            ", r.id ",
            $order,
            " LIMIT ?7"
        )
    };
}

macro_rules! both_ways {
    ($query:expr, $($by:ident number,)? $condition:literal) => {
        match $query.newest_first {
            true => page_where!($($by number,)? $condition, "<", "DESC"),
            false => page_where!($($by number,)? $condition, ">", "ASC"),
        }
    };
}

pub(super) fn list(tables: &Connection, query: &Query) -> Result<RecordPage, StoreError> {
    let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
    if limit == 0 {
        return Ok(RecordPage::default());
    }
    let (sql, value) = statement(query);
    let (after, after_id) = match (query.after, query.newest_first) {
        (Some(after), _) => (after.created_at.as_millis(), after.id.to_string()),
        (None, false) => (i64::MIN, String::new()),
        // Behind every id.
        (None, true) => (i64::MAX, "~".to_owned()),
    };
    let mut statement = tables.prepare_cached(sql)?;
    let rows = statement.query_map(
        params![
            query.tenant.as_str(),
            value,
            query.created_from.map_or(i64::MIN, |from| from.as_millis()),
            query.created_before.map_or(i64::MAX, |before| before.as_millis()),
            after,
            after_id,
            i64::from(query.limit) + 1,
        ],
        |row| Ok((row.get::<_, i64>(8)?, rows::found(Some(&query.tenant), row)?)),
    )?;
    page(rows.collect::<rusqlite::Result<_>>()?, limit)
}

/// What finds the rows of a list, and its `?2`.
fn statement(query: &Query) -> (&'static str, String) {
    match &query.select {
        Select::Ids(ids) => {
            let place = |id: &SessionId| {
                let (first, last) = rows::row_numbers(*id).into_inner();
                format!("[{first},{last},\"{id}\"]")
            };
            let ids: Vec<_> = ids.iter().map(place).collect();
            let sql = both_ways!(
                query,
                by number,
                "r.number IN (SELECT n.number FROM json_each(?2) AS i CROSS JOIN records AS n \
                 WHERE n.number BETWEEN i.value ->> 0 AND i.value ->> 1 AND n.id = i.value ->> 2)"
            );
            (sql, format!("[{}]", ids.join(",")))
        }
        Select::Subject(subject) => {
            (both_ways!(query, "r.subject = ?2"), subject.as_str().to_owned())
        }
        Select::Device(device) => (both_ways!(query, "r.device = ?2"), device.as_str().to_owned()),
        Select::Actor(actor) => {
            let sql = both_ways!(
                query,
                by number,
                "r.number IN (SELECT record FROM actors WHERE tenant = ?1 AND actor = ?2)"
            );
            (sql, actor.as_str().to_owned())
        }
        Select::Creator(creator) => {
            (both_ways!(query, "r.creator = ?2"), creator.as_str().to_owned())
        }
        Select::Fingerprint(print) => (both_ways!(query, "r.fingerprint = ?2"), print.clone()),
        Select::Tenant => (both_ways!(query, "?2 = ''"), String::new()),
    }
}

fn page(mut found: Vec<(i64, FoundRow)>, limit: usize) -> Result<RecordPage, StoreError> {
    let more = found.len() > limit;
    found.truncate(limit);
    let mut page = RecordPage::default();
    for (created_at, FoundRow { id, snapshot, .. }) in found {
        let Some(id) = id else { continue };
        page.next = more.then(|| PageKey::new(Timestamp::from_millis(created_at), id));
        match snapshot {
            Ok(snapshot) if snapshot.record.tombstone().is_none() => page.items.push(snapshot),
            Ok(_) => {}
            Err(_) => page.damaged.push(id),
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{CreatorId, DeviceId, SubjectId, TenantId},
        store::{SqliteStore, sqlite::open},
        testing::fixtures,
    };

    #[test]
    fn ids_that_share_a_place_are_listed_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let (tables, _) =
            open::open(&folder.path().join("sessions.db"), SqliteStore::options()).unwrap();
        let tenants = [TenantId::default(), TenantId::new("other").unwrap()];
        let ids: Vec<_> = (0..9)
            .map(|tag| SessionId::assemble(Timestamp::from_secs(1), 7, [1; 6], tag))
            .collect();
        for id in &ids {
            for tenant in &tenants {
                let record = fixtures::session().tenant(tenant.clone()).id(*id).build();
                let number = rows::free_row_number(&tables, &record.key()).unwrap().unwrap();
                rows::insert(&tables, number, &record, &record.encode().unwrap()).unwrap();
            }
        }
        for tenant in tenants {
            let asked = [ids[8], ids[1], ids[4], ids[1]];
            let mut query = Query::new(tenant.clone(), Select::Ids(asked.to_vec()));
            query.limit = 9;
            let items = list(&tables, &query).unwrap().items;
            let mut found: Vec<_> =
                items.iter().map(|on| (on.record.tenant(), on.record.id())).collect();
            found.sort_unstable();
            assert_eq!(found, [1, 4, 8].map(|number| (&tenant, ids[number])));
        }
    }

    #[test]
    fn a_list_looks_at_what_was_named_and_walks_through_the_tenant_when_that_was_asked_for_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (tables, _) =
            open::open(&folder.path().join("sessions.db"), SqliteStore::options()).unwrap();
        let subject = SubjectId::new("alice").unwrap();
        for (select, first) in [
            (Select::Ids(Vec::new()), "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)"),
            (Select::Actor(subject.clone()), "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)"),
            (
                Select::Subject(subject),
                "SEARCH r USING INDEX records_by_subject (tenant=? AND subject=?",
            ),
            (
                Select::Device(DeviceId::new("d").unwrap()),
                "SEARCH r USING INDEX records_by_device (tenant=? AND device=?",
            ),
            (
                Select::Creator(CreatorId::new("c").unwrap()),
                "SEARCH r USING INDEX records_by_creator (tenant=? AND creator=?",
            ),
            (
                Select::Fingerprint("f".to_owned()),
                "SEARCH r USING INDEX records_by_fingerprint (tenant=? AND fingerprint=?",
            ),
            (Select::Tenant, "SEARCH r USING INDEX records_by_birth (tenant=?"),
        ] {
            let mut query = Query::new(TenantId::default(), select);
            for newest_first in [false, true] {
                query.newest_first = newest_first;
                let sql = format!("EXPLAIN QUERY PLAN {}", statement(&query).0);
                let mut statement = tables.prepare(&sql).unwrap();
                let values = vec![None::<i64>; statement.parameter_count()];
                let mut plan = statement.query(rusqlite::params_from_iter(values)).unwrap();
                let step: String = plan.next().unwrap().unwrap().get(3).unwrap();
                assert!(step.starts_with(first), "{sql}: {step}");
            }
        }
    }
}
