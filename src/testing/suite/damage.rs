//! A row that cannot be read is an error to whoever asks for it, and keeps nobody else from
//! anything.

use super::{
    errors::{shown, shows_nothing},
    tools::*,
};
use crate::{
    metadata::Metadata,
    store::{StoreError, StoreErrorKind},
};

/// In a word, what happens to a row's bytes, and what a store says of them then.
type Damage = (&'static str, fn(&mut Vec<u8>), StoreErrorKind);

const DAMAGES: &[Damage] = &[
    ("emptied", |row| row.clear(), StoreErrorKind::Damaged),
    ("cut in half", |row| row.truncate(row.len() / 2), StoreErrorKind::Damaged),
    ("one byte short", |row| row.truncate(row.len() - 1), StoreErrorKind::Damaged),
    ("one byte long", |row| row.push(b'}'), StoreErrorKind::Damaged),
    ("zeroed", |row| row.fill(0), StoreErrorKind::Damaged),
    ("no text", |row| row.fill(0xff), StoreErrorKind::Damaged),
    ("other words", |row| *row = b"telltale-row 192.0.2.77".to_vec(), StoreErrorKind::Damaged),
    (
        "another object",
        |row| *row = br#"{"telltale":"telltale-row"}"#.to_vec(),
        StoreErrorKind::Damaged,
    ),
    ("null", |row| *row = b"null".to_vec(), StoreErrorKind::Damaged),
    (
        "of a version without end",
        |row| set_version(row, "99999999999999999999"),
        StoreErrorKind::Damaged,
    ),
    ("of no version", |row| set_version(row, "0"), StoreErrorKind::Damaged),
    ("of a later release", |row| set_version(row, "4711"), StoreErrorKind::UnknownVersion),
];

fn set_version(row: &mut Vec<u8>, version: &str) {
    let text = std::str::from_utf8(row).unwrap();
    let rest = text.split_once(',').unwrap().1;
    *row = format!("{{\"v\":{version},{rest}").into_bytes();
}

/// A session with a word to look for in its every part.
fn telltale(name: &SubjectId, known: Epoch, born: u64) -> Record {
    fixtures::session()
        .at(at(born))
        .subject(name.clone(), known)
        .metadata(Metadata::of([("telltale-key", "telltale-value")]).unwrap())
        .build()
}

/// A place with the sessions of one subject, the one in the middle not yet damaged; no handle is
/// open.
async fn three(place: &Place) -> (SubjectId, Vec<SessionKey>) {
    let store = place.open().await;
    let name = subject("telltale-subject");
    let known = epoch(&store, &name).await;
    let mut keys = Vec::new();
    for born in 0..3 {
        keys.push(create(&store, telltale(&name, known, born)).await);
    }
    (name, keys)
}

/// Damages this row in the first way of the list that leaves nothing of it.
async fn wreck(place: &Place, key: &SessionKey) {
    place.tamper(key, &mut |row| *row = b"telltale-row".to_vec()).await;
}

#[track_caller]
fn is_damage<T>(outcome: Result<T, StoreError>) -> StoreError {
    let error = outcome.err().expect("a row that cannot be read is an error, and never an answer");
    let known = [StoreErrorKind::Damaged, StoreErrorKind::UnknownVersion].contains(&error.kind());
    assert!(known && !error.is_retryable(), "{error:?}");
    error
}

pub async fn a_row_that_cannot_be_read_is_an_error_and_never_a_default(place: Place) {
    let (_, keys) = three(&place).await;
    for (what, damage, kind) in DAMAGES {
        let mut whole = Vec::new();
        place
            .tamper(&keys[1], &mut |row| {
                whole.clone_from(row);
                damage(row);
                assert!(*row != whole, "{what}");
            })
            .await;
        let store = place.open().await;
        for _ in 0..2 {
            assert_eq!(is_damage(store.load(&keys[1]).await).kind(), *kind, "{what}");
        }
        for other in [&keys[0], &keys[2]] {
            assert!(is_live(&store, other, 5).await, "{what}");
        }
        drop(store);
        place.tamper(&keys[1], &mut |row| row.clone_from(&whole)).await;
    }
    assert!(is_live(&place.open().await, &keys[1], 5).await, "and whole again, it is there again");
}

pub async fn a_row_cut_anywhere_is_an_error(place: Place) {
    let (_, keys) = three(&place).await;
    let mut whole = Vec::new();
    place.tamper(&keys[1], &mut |row| whole.clone_from(row)).await;
    for bytes in (0..whole.len()).step_by(whole.len() / 24 + 1) {
        place.tamper(&keys[1], &mut |row| *row = whole[..bytes].to_vec()).await;
        is_damage(place.open().await.load(&keys[1]).await);
    }
}

pub async fn a_row_that_holds_another_record_is_damaged(place: Place) {
    let (_, keys) = three(&place).await;
    let mut others = Vec::new();
    place.tamper(&keys[0], &mut |row| others.clone_from(row)).await;
    place.tamper(&keys[1], &mut |row| row.clone_from(&others)).await;
    let store = place.open().await;
    is_damage(store.load(&keys[1]).await);
    assert!(is_live(&store, &keys[0], 5).await);
}

pub async fn nothing_is_done_to_a_row_that_cannot_be_read(place: Place) {
    let (name, keys) = three(&place).await;
    let store = place.open().await;
    let on = load(&store, &keys[1]).await;
    let known = epoch(&store, &name).await;
    drop(store);
    let mut wrecked = Vec::new();
    wreck(&place, &keys[1]).await;
    place.tamper(&keys[1], &mut |row| wrecked.clone_from(row)).await;
    let store = place.open().await;
    let change = Change::new(on.clone(), refreshed(&on, 5), at(5));
    is_damage(store.commit(change).await);
    is_damage(store.end(&keys[1], &Tombstone::new(RevokeReason::Admin, at(5))).await);
    is_damage(store.note_use(&on, seen(5)).await);
    let again =
        NewRecord::new(fixtures::session().id(keys[1].id).subject(name, known).build(), at(5));
    match store.insert(again).await {
        Ok(Inserted::DuplicateId) => {}
        Ok(other) => panic!("its id is taken: {other:?}"),
        Err(error) => drop(is_damage::<()>(Err(error))),
    }
    drop(store);
    place
        .tamper(&keys[1], &mut |row| {
            assert!(*row == wrecked, "its bytes stay for whoever repairs it")
        })
        .await;
}

pub async fn a_list_reports_a_damaged_row_and_goes_on(place: Place) {
    let (name, keys) = three(&place).await;
    wreck(&place, &keys[1]).await;
    let store = place.open().await;
    if skips_lists(&store) {
        return;
    }
    let ids = keys.iter().map(|key| key.id).collect();
    let selects =
        [(Select::Tenant, true), (Select::Ids(ids), true), (Select::Subject(name), false)];
    for (select, is_sure) in selects {
        for limit in [1, 2, 100] {
            let mut query = Query::new(TenantId::default(), select.clone());
            (query.limit, query.newest_first) = (limit, false);
            let (mut found, mut damaged) = (Vec::new(), Vec::new());
            for _ in 0..20 {
                let page = store.list(&query).await.unwrap();
                found.extend(page.items.iter().map(|item| item.record.id()));
                damaged.extend(page.damaged);
                query.after = page.next;
                if query.after.is_none() {
                    break;
                }
            }
            assert!(query.after.is_none(), "a list ends");
            assert_eq!(found, [keys[0].id, keys[2].id], "{select:?}, pages of {limit}");
            // Where only the row itself says whose it is, nobody can tell that it is missing.
            let is_reported = damaged == [keys[1].id];
            assert!(is_reported || (!is_sure && damaged.is_empty()), "{select:?}: {damaged:?}");
        }
    }
}

pub async fn a_damaged_row_keeps_nobody_out(place: Place) {
    let (name, keys) = three(&place).await;
    let store = place.open().await;
    let holder = create(&store, fixtures::session().device(device("d")).build()).await;
    drop(store);
    wreck(&place, &keys[1]).await;
    wreck(&place, &holder).await;
    let store = place.open().await;
    let known = epoch(&store, &name).await;
    let record = telltale(&name, known, 5);
    let evicted =
        created(insert_with(&store, record, |new| new.admit = cap(3, OnFull::Refuse)).await);
    assert!(evicted.is_empty(), "a cap does not count what is not live");
    let next = fixtures::session().at(at(5)).device(device("d")).build();
    created(insert(&store, next).await);
}

pub async fn a_subject_with_a_damaged_row_can_be_revoked(place: Place) {
    let (name, keys) = three(&place).await;
    let mut whole = Vec::new();
    place.tamper(&keys[1], &mut |row| whole.clone_from(row)).await;
    wreck(&place, &keys[1]).await;
    let store = place.open().await;
    let kept = Bump::all_but(keys[1].id, RevokeReason::Admin);
    let changed = store.change_subject(&of(&name), SubjectChange::bump(kept, at(5))).await;
    assert!(
        !matches!(changed, Ok(SubjectChanged::Done(_))),
        "what cannot be read is no session to keep"
    );
    assert!(is_live(&store, &keys[0], 5).await, "and nothing changed");
    assert!(matches!(
        bump(&store, &name, Bump::all(RevokeReason::Admin), 6).await,
        SubjectChanged::Done(_)
    ));
    drop(store);
    place.tamper(&keys[1], &mut |row| row.clone_from(&whole)).await;
    let store = place.open().await;
    for key in &keys {
        assert!(!is_live(&store, key, 6).await, "the repaired one is dead too");
    }
}

pub async fn a_sweep_goes_past_a_damaged_row(place: Place) {
    let (name, keys) = three(&place).await;
    wreck(&place, &keys[0]).await;
    let store = place.open().await;
    let (mut gone, mut damaged) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let swept = store.sweep(at(100 * DAY), 1).await.unwrap();
        gone.extend(swept.removed.iter().map(|gone| gone.record.id()));
        damaged.extend(swept.damaged);
        if !swept.more {
            break;
        }
    }
    gone.sort_unstable();
    assert_eq!(gone, [keys[1].id, keys[2].id]);
    assert!(!store.sweep(at(100 * DAY), 10).await.unwrap().more, "a sweep ends");
    is_damage(store.load(&keys[0]).await);
    assert!(damaged.iter().all(|key| *key == keys[0]));
    let known = store.stamp(&of(&name), at(100 * DAY)).await.unwrap().epoch;
    let fresh = create(&store, telltale(&name, known, 100 * DAY)).await;
    assert!(is_live(&store, &fresh, 100 * DAY).await);
}

pub async fn the_error_of_a_damaged_row_has_a_source_and_shows_nothing_of_it(place: Place) {
    let (_, keys) = three(&place).await;
    for (what, damage, _) in DAMAGES {
        let mut whole = Vec::new();
        place
            .tamper(&keys[1], &mut |row| {
                whole.clone_from(row);
                damage(row);
            })
            .await;
        let store = place.open().await;
        let error = is_damage(store.load(&keys[1]).await);
        assert!(std::error::Error::source(&error).is_some(), "{what}: the cause is kept");
        shows_nothing(&shown(&error));
        drop(store);
        place.tamper(&keys[1], &mut |row| row.clone_from(&whole)).await;
    }
}
