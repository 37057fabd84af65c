//! What goes in comes out, and a call happens whole or not at all.

use super::tools::*;
use crate::{
    actor::{Actor, ActorChain},
    client::ClientInfo,
    id::{AppId, CreatorId},
    metadata::{HostClaims, Metadata},
    session::State,
};

pub async fn an_inserted_record_is_loaded_as_it_was(store: Store) {
    let record = fixtures::session().build();
    let key = create(&store, record.clone()).await;
    let found = load(&store, &key).await;
    assert!(*found.record == record && found.subject.is_none());
}

pub async fn a_record_is_loaded_with_the_stamp_of_its_subject(store: Store) {
    let alice = subject("alice");
    let key = login(&store, &alice, 0).await;
    let stamp = store.stamp(&of(&alice), at(5)).await.unwrap();
    assert_eq!(load(&store, &key).await.subject, Some(stamp));
}

pub async fn an_unknown_id_is_not_there_and_asking_does_not_make_it(store: Store) {
    let key = fixtures::session().build().key();
    for _ in 0..2 {
        assert!(store.load(&key).await.unwrap().is_none());
    }
}

pub async fn a_second_record_of_one_id_is_refused_and_changes_nothing(store: Store) {
    let first = fixtures::session().build();
    let key = create(&store, first.clone()).await;
    let second = fixtures::session().id(first.id()).at(at(9)).lifetime(None).build();
    assert!(matches!(insert(&store, second).await, Inserted::DuplicateId));
    assert!(*load(&store, &key).await.record == first);
}

pub async fn an_id_with_a_tombstone_is_not_given_again(store: Store) {
    let key = create(&store, fixtures::session().build()).await;
    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
    let again = fixtures::session().id(key.id).build();
    assert!(matches!(insert(&store, again).await, Inserted::DuplicateId));
    assert!(load(&store, &key).await.record.tombstone().is_some());
}

pub async fn a_record_with_every_part_comes_back_whole(store: Store) {
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    let actors =
        ActorChain::new(Actor::new(subject("support")).with_session(fixtures::session().build().id()), "T-1")
            .and_then(|chain| chain.behind(Actor::new(subject("root"))));
    let client = ClientInfo::new()
        .user_agent("agent")
        .and_then(|client| client.ip_text("2001:db8::1"))
        .and_then(|client| client.fingerprint("print"))
        .and_then(|client| client.description("Anna's laptop"))
        .and_then(|client| client.header("accept", ["a", "b"]));
    let claims = HostClaims::new().with("role", "admin").unwrap().with("n", vec![1, 2]).unwrap();
    let record = fixtures::session()
        .subject(alice.clone(), known)
        .factors(&[FactorKind::Subject, FactorKind::Password])
        .client(client.unwrap())
        .device(device("d1"))
        .creator(CreatorId::new("service").unwrap())
        .actors(actors.unwrap())
        .metadata(Metadata::new().with("bytes", [0, 255, 128]).unwrap())
        .claims(claims)
        .resource_owner("org")
        .build();
    let key = create(&store, record.clone()).await;
    assert!(*load(&store, &key).await.record == record);
}

pub async fn a_session_without_any_end_comes_back_without_one(store: Store) {
    let key = create(&store, fixtures::session().lifetime(None).idle(None).build()).await;
    assert_eq!(load(&store, &key).await.record.effective_end(), None);
    assert!(is_live(&store, &key, 100 * 365 * DAY).await);
}

pub async fn a_request_is_opened_approved_and_exchanged_in_one_row(store: Store) {
    let alice = subject("alice");
    let request = fixtures::request(AppId::new("tv").unwrap()).at(at(0)).build();
    let key = create(&store, request).await;
    let known = epoch(&store, &alice).await;
    let on = load(&store, &key).await;
    let next = fixtures::approved(&on.record, alice.clone(), known, at(1)).unwrap();
    done(commit_under(&store, &on, next, Some(known), 1).await);
    let on = load(&store, &key).await;
    assert!(matches!(on.record.state(), State::Approved(..)) && on.subject.is_some());
    let session = done(commit(&store, &on, fixtures::exchanged(&on.record, at(2)).unwrap(), 2).await);
    assert_eq!((session.id(), session.version(), session.generation()), (key.id, 3, 3));
    assert!(matches!(load(&store, &key).await.record.state(), State::Active(_)));
}

pub async fn a_denied_request_stays_denied(store: Store) {
    let key = create(&store, fixtures::request(AppId::new("tv").unwrap()).at(at(0)).build()).await;
    let on = load(&store, &key).await;
    done(commit(&store, &on, fixtures::denied(&on.record, at(1)).unwrap(), 1).await);
    assert!(matches!(load(&store, &key).await.record.state(), State::Denied(_)));
}

/// A few dozen of the strings that break software, as far as they are names at all.
const NAUGHTY: &[&str] = &[
    "undefined",
    "null",
    "NULL",
    "(null)",
    "nil",
    "true",
    "0",
    "-1",
    "1E+02",
    "0x0",
    "NaN",
    "Infinity",
    "1/0",
    "{0}",
    "$HOME",
    "%d",
    "%s%s%s%s%s",
    "../../../../etc/passwd",
    "C:\\AUX",
    "CON",
    "' OR 1=1 -- 1",
    "1;DROP TABLE users",
    "1'; DROP TABLE users-- 1",
    "\"",
    "'",
    "`",
    "\\",
    "\\\\",
    "<script>alert(1)</script>",
    "&lt;",
    "]]>",
    ":",
    "::",
    "a:b",
    "a|b",
    "a\u{1f}b",
    "{tag}",
    "{a}{b}",
    "*",
    "?",
    "[a-z]",
    "h[^e]llo",
    "%",
    "_",
    "田中さん",
    "社會科學院",
    "울란바토르",
    "𠜎𠜱",
    "表ポあA鷗",
    "Ⱥ",
    "ﬀ",
    "ß",
    "ẞ",
    "İ",
    "ı",
    "😍",
    "👩🏽",
    "👾 🙇 💁",
    "🇺🇸🇷🇺",
    "１２３",
    "١٢٣",
    "ثم نفس",
    "הָיְתָה",
    "Ṱ̺̺̕o͞ ̷i̲̬",
    "\u{feff}",
    "\u{200b}",
    " leading",
    "trailing ",
    "  ",
    "e\u{301}",
    "\u{e9}",
    "\u{fffd}",
    "\u{10ffff}",
    "\u{e000}",
];

pub async fn naughty_names_come_back_byte_for_byte(store: Store) {
    let names: Vec<_> = NAUGHTY.iter().filter_map(|text| SubjectId::new(text).ok()).collect();
    assert!(names.len() > 60, "nearly all are names");
    let mut keys = Vec::new();
    for name in &names {
        keys.push(login(&store, name, 0).await);
    }
    for (name, key) in names.iter().zip(&keys) {
        assert_eq!(load(&store, key).await.record.bound().map(|(own, _)| own), Some(name));
        if store.capabilities().lists {
            assert_eq!(sessions_of(&store, name).await, [key.id], "{name}");
        }
    }
}

pub async fn names_that_look_alike_are_different_names(store: Store) {
    let names = ["ada", "Ada", "ADA", "ada ", " ada", "adа", "\u{e9}", "e\u{301}", "ß", "ss"].map(subject);
    let mut last = Vec::new();
    for name in &names {
        last.push(login(&store, name, 0).await);
    }
    let _ = bump(&store, &names[0], Bump::all(RevokeReason::Admin), 1).await;
    let mut live = 0;
    for key in &last {
        live += u32::from(is_live(&store, key, 1).await);
    }
    assert_eq!(live, 9, "only the one that was meant");
}

pub async fn an_insert_that_is_dropped_happened_or_did_not(store: Store) {
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    for polls in 0..6 {
        let record = fixtures::session().subject(alice.clone(), known).build();
        let key = record.key();
        let mut new = NewRecord::new(record, at(0));
        new.observed_epoch = Some(known);
        drop_after(polls, store.insert(new));
        let is_there = store.load(&key).await.unwrap().is_some();
        if is_there && store.capabilities().lists {
            assert!(sessions_of(&store, &alice).await.contains(&key.id), "never live and unlisted");
        }
    }
}

pub async fn a_commit_that_is_dropped_happened_or_did_not(store: Store) {
    let alice = subject("alice");
    let key = login(&store, &alice, 0).await;
    for polls in 0..6 {
        let on = load(&store, &key).await;
        let mut change = Change::new(on.record.version(), refreshed(&on, 1), at(1));
        change.observed_epoch = on.subject.as_ref().map(|stamp| stamp.epoch);
        drop_after(polls, store.commit(&key, change));
        let (old, new) = (&on.record, load(&store, &key).await.record);
        let moved = (new.version() - old.version(), u64::from(new.generation() - old.generation()));
        assert!(moved == (0, 0) || moved == (1, 1), "{moved:?}");
    }
}

pub async fn an_end_that_is_dropped_is_logged_if_it_happened(store: Store) {
    for polls in 0..6 {
        let key = create(&store, fixtures::session().build()).await;
        drop_after(polls, store.end(&key, &Tombstone::new(RevokeReason::Admin, at(1))));
        let ended = load(&store, &key).await.record.tombstone().is_some();
        if ended && store.capabilities().revocation_log {
            assert!(names(&log_after(&store, Cursor::start()).await.0, &key));
        }
    }
}

pub async fn a_bump_that_is_dropped_happened_or_did_not(store: Store) {
    let alice = subject("alice");
    for polls in 0..6 {
        let key = login(&store, &alice, 0).await;
        let before = load(&store, &key).await.subject.unwrap();
        let mark = SubjectMark::bump(Bump::all(RevokeReason::Admin), at(1));
        drop_after(polls, store.mark_subject(&of(&alice), mark));
        let after = load(&store, &key).await.subject.unwrap();
        assert_eq!(after.epoch > before.epoch, !is_live(&store, &key, 1).await);
        // So that the next round begins with a live session.
        let _ = store.stamp(&of(&alice), at(2)).await.unwrap();
    }
}
