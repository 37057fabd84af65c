//! Rows that cannot be read: nobody else notices, and no revocation stops at them. Numbers are
//! those of the requirements.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use serde_json::json;
use session_issuer::{
    NewSession, Policy, Revoke, SessionQuery, Timestamp,
    actor::{Actor, ActorChain},
    compat::{hanko, zelf},
    error::ErrorKind,
    event::EventKind,
    id::{SessionId, SessionKey, SubjectKey},
    session::{SubjectStamp, Tombstone, Use},
    store::{
        Capabilities, Change, Committed, Cursor, Ended, Inserted, NewRecord, Noted, Query,
        RecordPage, RevocationBatch, SessionStore, Snapshot, StoreError, StoreErrorKind,
        SubjectChange, SubjectChanged, Swept,
    },
    testing::{FaultyStore, ManualClock, Verb, block_on},
};

use crate::{
    compat::{
        create::shown,
        hanko::validate::created,
        zelf::create::{create as zelf_create, from},
    },
    world::*,
};

/// A store of which some rows cannot be read any more.
#[derive(Debug)]
struct Rotten {
    inner: Arc<dyn SessionStore>,
    rows: Mutex<HashSet<SessionId>>,
    end: OfRotten,
}

/// What comes of ending a row that cannot be read. The answer is the error, either way.
#[derive(Debug, Clone, Copy, PartialEq)]
enum OfRotten {
    /// Its tombstone stands beside it, and it is listed no longer.
    Noted,
    /// Nothing.
    Nothing,
}

impl Rotten {
    /// A world over such a store, in which nothing is rotten yet.
    fn world(policy: Policy, end: OfRotten) -> (World, Arc<Self>) {
        let store = Arc::new(Self { inner: any_store(), rows: Mutex::default(), end });
        let faulty = FaultyStore::new(Arc::clone(&store) as Arc<dyn SessionStore>);
        let world = World::over(policy, ManualClock::new(), Arc::new(faulty));
        (world, store)
    }

    fn rot(&self, id: SessionId) {
        self.rows.lock().unwrap().insert(id);
    }

    fn mend_all(&self) {
        self.rows.lock().unwrap().clear();
    }

    fn read(&self, id: SessionId) -> Result<(), StoreError> {
        match self.rows.lock().unwrap().contains(&id) {
            true => Err(StoreError::new(StoreErrorKind::Damaged)),
            false => Ok(()),
        }
    }
}

impl std::fmt::Display for Rotten {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("rotten")
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl SessionStore for Rotten {
    async fn insert(&self, new: NewRecord) -> Result<Inserted, StoreError> {
        self.inner.insert(new).await
    }
    async fn load(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError> {
        self.read(key.id)?;
        self.inner.load(key).await
    }
    async fn stamp(
        &self,
        subject: &SubjectKey,
        now: Timestamp,
    ) -> Result<SubjectStamp, StoreError> {
        self.inner.stamp(subject, now).await
    }
    async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
        self.read(change.seen.record.id())?;
        self.inner.commit(change).await
    }
    async fn end(&self, key: &SessionKey, tombstone: &Tombstone) -> Result<Ended, StoreError> {
        if self.end == OfRotten::Nothing {
            self.read(key.id)?;
        }
        let ended = self.inner.end(key, tombstone).await?;
        self.read(key.id)?;
        Ok(ended)
    }
    async fn note_use(&self, seen: &Snapshot, used: Use) -> Result<Noted, StoreError> {
        self.read(seen.record.id())?;
        self.inner.note_use(seen, used).await
    }
    async fn change_subject(
        &self,
        subject: &SubjectKey,
        change: SubjectChange,
    ) -> Result<SubjectChanged, StoreError> {
        self.inner.change_subject(subject, change).await
    }
    async fn list(&self, query: &Query) -> Result<RecordPage, StoreError> {
        let mut page = self.inner.list(query).await?;
        let (items, damaged): (Vec<_>, Vec<_>) =
            page.items.into_iter().partition(|item| self.read(item.record.id()).is_ok());
        page.items = items;
        page.damaged.extend(damaged.iter().map(|item| item.record.id()));
        Ok(page)
    }
    async fn revoked_since(
        &self,
        cursor: &Cursor,
        limit: u32,
    ) -> Result<RevocationBatch, StoreError> {
        self.inner.revoked_since(cursor, limit).await
    }
    async fn sweep(&self, now: Timestamp, limit: u32) -> Result<Swept, StoreError> {
        self.inner.sweep(now, limit).await
    }
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }
}

// 68
#[test]
fn a_row_that_cannot_be_read_is_an_error_for_its_token_alone() {
    let (world, store) = Rotten::world(opaque_pairs(), OfRotten::Noted);
    let (good, bad) = (world.login("alice"), world.login("alice"));
    store.rot(bad.session_id());
    let page = block_on(world.issuer.list(SessionQuery::of_subject(id("alice")))).unwrap();
    assert_eq!(
        page.sessions().iter().map(|view| view.id()).collect::<Vec<_>>(),
        [good.session_id()]
    );
    assert_eq!(page.damaged(), [bad.session_id()]);
    world.check(good.token()).unwrap();
    let error = refused(world.check(bad.token()), ErrorKind::Damaged);
    assert!(
        !error.is_terminal() && !error.is_retryable(),
        "neither a log-out nor worth another try"
    );
    // It can be ended all the same: whoever mends the row mends an ended session.
    refused(block_on(world.issuer.revoke(Revoke::session(bad.session_id()))), ErrorKind::Damaged);
    store.mend_all();
    refused(world.check(bad.token()), ErrorKind::Revoked);
}

#[test]
fn an_unreadable_row_keeps_no_other_session_of_its_device_or_actor_alive() {
    for (end, of_actor) in [
        (OfRotten::Noted, false),
        (OfRotten::Nothing, false),
        (OfRotten::Noted, true),
        (OfRotten::Nothing, true),
    ] {
        let (world, store) = Rotten::world(opaque_pairs(), end);
        let logins: Vec<_> = (0..5)
            .map(|n| {
                let subject = id(&format!("s{n}"));
                let chain = || ActorChain::new(Actor::new(id("op")), "ticket 4711").unwrap();
                let new = match of_actor {
                    true => NewSession::impersonating(subject, chain()),
                    false => NewSession::for_subject(subject).device(device("kiosk")),
                };
                world.create(new).unwrap()
            })
            .collect();
        let revoke = || match of_actor {
            true => Revoke::actor(id("op")),
            false => Revoke::device(device("kiosk")),
        };
        store.rot(logins[1].session_id());
        let error = refused(block_on(world.issuer.revoke(revoke())), ErrorKind::Damaged);
        assert!(!error.is_retryable());
        for (n, login) in logins.iter().enumerate().filter(|(n, _)| *n != 1) {
            assert_eq!(
                world.check(login.token()).unwrap_err().kind(),
                ErrorKind::Revoked,
                "{n}, {end:?}"
            );
        }
        assert_eq!(
            world.count(|kind| matches!(kind, EventKind::Revoked { .. })),
            4,
            "each is emitted once"
        );
        // What was mended is ended as well: by what was noted then, or by the next call.
        store.mend_all();
        let left = block_on(world.issuer.revoke(revoke())).unwrap();
        assert_eq!(left.sessions().len(), usize::from(end == OfRotten::Nothing));
        refused(world.check(logins[1].token()), ErrorKind::Revoked);
    }
}

#[test]
fn a_row_that_cannot_be_read_keeps_no_session_of_a_later_batch_alive() {
    for end in [OfRotten::Noted, OfRotten::Nothing] {
        let (world, store) = Rotten::world(opaque_pairs(), end);
        let login = |n: u32| {
            world
                .create(NewSession::for_subject(id(&format!("s{n}"))).device(device("kiosk")))
                .unwrap()
        };
        let logins: Vec<_> = (0..502).map(login).collect();
        let (newest, others) = logins.split_last().unwrap(); // of the first batch
        store.rot(newest.session_id());
        refused(block_on(world.issuer.revoke(Revoke::device(device("kiosk")))), ErrorKind::Damaged);
        for login in others {
            refused(world.check(login.token()), ErrorKind::Revoked);
        }
    }
}

#[test]
fn of_sessions_that_are_named_one_that_cannot_be_read_keeps_none_of_the_others_alive() {
    for end in [OfRotten::Noted, OfRotten::Nothing] {
        let (world, store) = Rotten::world(opaque_pairs(), end);
        let logins = [world.login("alice"), world.login("bob"), world.login("carol")];
        store.rot(logins[0].session_id());
        let ids = logins.iter().map(|login| login.session_id());
        refused(block_on(world.issuer.revoke(Revoke::sessions(ids))), ErrorKind::Damaged);
        for login in &logins[1..] {
            refused(world.check(login.token()), ErrorKind::Revoked);
        }
    }
}

#[test]
fn a_store_that_does_not_answer_is_not_asked_for_the_rest() {
    let (world, store) = Rotten::world(opaque_pairs(), OfRotten::Nothing);
    let logins = [world.login("alice"), world.login("bob"), world.login("carol")];
    store.rot(logins[0].session_id());
    let ids: Vec<_> = logins.iter().map(|login| login.session_id()).collect();
    world.store.reset_calls();
    world.store.fail_all(true);
    let error = refused(
        block_on(world.issuer.revoke(Revoke::sessions(ids.clone()))),
        ErrorKind::Unavailable,
    );
    assert!(error.is_retryable());
    assert_eq!(world.store.calls().of(Verb::End), 1);
    // Of two troubles, the one that another try may heal is reported.
    world.store.fail_all(false);
    world.store.reset_calls();
    world.store.fail_nth(3, session_issuer::testing::Fault::Before);
    refused(block_on(world.issuer.revoke(Revoke::sessions(ids.clone()))), ErrorKind::Unavailable);
    refused(block_on(world.issuer.revoke(Revoke::sessions(ids))), ErrorKind::Damaged);
    refused(world.check(logins[2].token()), ErrorKind::Revoked);
}

#[test]
fn all_sessions_of_a_subject_end_with_those_that_cannot_be_read() {
    let (world, store) = Rotten::world(opaque_pairs(), OfRotten::Nothing);
    let [bad, good, kept] = [world.login("alice"), world.login("alice"), world.login("alice")];
    store.rot(bad.session_id());
    block_on(world.issuer.revoke(Revoke::others_than(kept.token()))).unwrap();
    refused(world.check(good.token()), ErrorKind::Revoked);
    world.check(kept.token()).unwrap();
    block_on(world.issuer.revoke(Revoke::subject_disabled(id("alice")))).unwrap();
    refused(world.check(kept.token()), ErrorKind::Revoked);
    store.mend_all();
    refused(world.check(bad.token()), ErrorKind::Revoked);
}

#[test]
fn a_hanko_logout_with_two_tokens_ends_the_readable_session() {
    let (world, store) = Rotten::world(Policy::hanko(), OfRotten::Nothing);
    let (bad, good) = (created(&world), created(&world));
    store.rot(world.check(&bad).unwrap().session_id());
    let service = hanko::Service::new(world.issuer.clone());
    assert_eq!(shown(block_on(service.logout(&[&bad, &good]))).0, 500);
    refused(world.check(&good), ErrorKind::Revoked);
}

#[test]
fn an_unreadable_row_does_not_hold_up_a_finished_operation_of_zelf() {
    for end in [OfRotten::Noted, OfRotten::Nothing] {
        let (world, store) = Rotten::world(Policy::zelf(), end);
        let token = |ip: [u8; 4]| {
            let request = json!({ "identifier": "device-1" });
            zelf_create(&world, &from(ip), request).token.expose().to_owned()
        };
        let (own, bad, other) =
            (token([192, 0, 2, 7]), token([192, 0, 2, 8]), token([192, 0, 2, 9]));
        store.rot(world.check(&bad).unwrap().session_id());
        let service = zelf::Service::new(world.issuer.clone());
        let finish = || block_on(service.finish_session(zelf::UseSession::new(own.as_str())));
        finish().unwrap();
        assert_eq!(finish().unwrap_err().status, 403, "once");
        for gone in [&own, &other] {
            refused(world.check(gone), ErrorKind::Revoked);
        }
        refused(world.check(&bad), ErrorKind::Damaged);
        store.mend_all();
        // What could be noted was.
        match end == OfRotten::Nothing {
            true => drop(world.check(&bad).unwrap()),
            false => drop(refused(world.check(&bad), ErrorKind::Revoked)),
        }
    }
}
