//! The future of every verb is dropped at every await: its call happened whole, or not at all, and
//! the next one works.
//!
//! A store may go on with a call whose future is gone. So a case only asks what must hold at every
//! moment after.

use super::tools::*;

/// Drops a call at its first await, the next one at its second, and so on, until one comes to its
/// end.
async fn at_every_await(mut act: impl AsyncFnMut(usize) -> bool) {
    for polls in 0..10_000 {
        if act(polls).await {
            return;
        }
    }
    panic!("a call comes to its end");
}

async fn login_under(store: &Store, name: &SubjectId, born: u64) -> (SessionKey, NewRecord) {
    let known = epoch(store, name).await;
    let record = fixtures::session().at(at(born)).subject(name.clone(), known).build();
    let key = record.key();
    (key, NewRecord::new(record, at(born)))
}

async fn is_there(store: &Store, key: &SessionKey) -> bool {
    store.load(key).await.unwrap().is_some()
}

pub async fn an_insert_that_is_dropped_is_there_and_listed_or_not_there(store: Store) {
    let lists = !skips_lists(&store);
    let alice = subject("alice");
    at_every_await(async |polls| {
        let (key, new) = login_under(&store, &alice, 0).await;
        let ended = drop_at(polls, store.insert(new)).await.is_some();
        let there = is_there(&store, &key).await;
        assert!(there || !ended);
        if there && lists {
            assert!(sessions_of(&store, &alice).await.contains(&key.id), "never live and unlisted");
        }
        ended
    })
    .await;
}

pub async fn an_insert_that_is_dropped_pushes_nobody_out_for_nothing(store: Store) {
    let mut round = 0;
    at_every_await(async |polls| {
        round += 1;
        let alice = subject(&format!("alice {round}"));
        let old = login(&store, &alice, 0).await;
        let (key, mut new) = login_under(&store, &alice, 1).await;
        new.admit = cap(1, OnFull::EvictOldest);
        let ended = drop_at(polls, store.insert(new)).await.is_some();
        let pushed_out = !is_live(&store, &old, 1).await;
        assert!(!pushed_out || is_there(&store, &key).await, "gone, and nobody came");
        let came = is_there(&store, &key).await;
        assert!(!came || !is_live(&store, &old, 1).await, "one too many");
        ended
    })
    .await;
}

pub async fn an_insert_that_is_dropped_leaves_a_device_one_session(store: Store) {
    let on_device = |born| fixtures::session().at(at(born)).device(device("d")).build();
    let mut holder = create(&store, on_device(0)).await;
    let mut born = 0;
    at_every_await(async |polls| {
        born += 1;
        let mut new = NewRecord::new(on_device(born), at(born));
        new.replace_device = true;
        let key = new.record.key();
        let ended = drop_at(polls, store.insert(new)).await.is_some();
        let replaced = !is_live(&store, &holder, born).await;
        assert!(!replaced || is_there(&store, &key).await, "replaced by nobody");
        // Whoever has the slot now: the next insert without `replace_device` is told.
        match insert(&store, on_device(born)).await {
            Inserted::DeviceTaken(now) => holder = now.record.key(),
            other => panic!("the slot was free: {other:?}"),
        }
        ended
    })
    .await;
}

pub async fn a_commit_that_is_dropped_moves_all_or_nothing(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    at_every_await(async |polls| {
        let on = load(&store, &key).await;
        let change = Change::new(on.clone(), refreshed(&on, 1), at(1));
        let ended = drop_at(polls, store.commit(change)).await.is_some();
        let (old, new) = (&on.record, load(&store, &key).await.record);
        let moved = (new.version() - old.version(), u64::from(new.generation() - old.generation()));
        assert!(moved == (1, 1) || (moved == (0, 0) && !ended), "{moved:?}");
        ended
    })
    .await;
}

pub async fn a_late_binding_that_is_dropped_is_listed_and_capped_if_it_happened(store: Store) {
    let lists = !skips_lists(&store);
    let mut round = 0;
    at_every_await(async |polls| {
        round += 1;
        let alice = subject(&format!("alice {round}"));
        let old = login(&store, &alice, 0).await;
        let late = create(&store, fixtures::session().at(at(1)).build()).await;
        let binding = bind(&store, &late, &alice, cap(1, OnFull::EvictOldest), 2);
        let ended = drop_at(polls, binding).await.is_some();
        let is_bound = load(&store, &late).await.record.bound().is_some();
        assert!(is_bound || !ended);
        assert!(!is_bound || !is_live(&store, &old, 2).await, "one too many");
        if is_bound && lists {
            assert_eq!(sessions_of(&store, &alice).await, [late.id], "never live and unlisted");
        }
        ended
    })
    .await;
}

pub async fn an_end_that_is_dropped_is_logged_if_it_happened(store: Store) {
    let logs = !skips_log(&store);
    at_every_await(async |polls| {
        let key = create(&store, fixtures::session().build()).await;
        let tombstone = Tombstone::new(RevokeReason::Admin, at(1));
        let ended = drop_at(polls, store.end(&key, &tombstone)).await.is_some();
        let has_tombstone = load(&store, &key).await.record.tombstone().is_some();
        assert!(has_tombstone || !ended);
        if has_tombstone && logs {
            assert!(names(&log_after(&store, Cursor::start()).await.0, &key));
        }
        ended
    })
    .await;
}

pub async fn a_use_that_is_dropped_is_noted_whole_or_not_at_all(store: Store) {
    let mut round = 0;
    let key = login(&store, &subject("alice"), 0).await;
    at_every_await(async |polls| {
        round += 1;
        let both = [Spend::one("n", u64::MAX), Spend::one("m", u64::MAX)];
        let on = load(&store, &key).await;
        let used = spend(round, &both).seen();
        let ended = drop_at(polls, store.note_use(&on, used)).await.is_some();
        let record = load(&store, &key).await.record;
        let session = record.session().unwrap();
        assert_eq!(session.counter("n"), session.counter("m"));
        assert!(session.counter("n") >= u64::from(ended) && session.last_seen_at() <= at(round));
        assert!(session.last_seen_at() == at(round) || !ended);
        ended
    })
    .await;
}

pub async fn a_bump_that_is_dropped_is_whole_and_logged_if_it_happened(store: Store) {
    let logs = !skips_log(&store);
    let mut now = 10;
    at_every_await(async |polls| {
        now += 1;
        let alice = subject(&format!("alice {now}"));
        let (kept, other) = (login(&store, &alice, 0).await, login(&store, &alice, 0).await);
        let mut change = SubjectChange::bump(Bump::all_but(kept.id, RevokeReason::CredentialChange), at(now));
        change.floors = vec![FactorKind::Password, FactorKind::Totp];
        let ended = drop_at(polls, store.change_subject(&of(&alice), change)).await.is_some();
        let found = load(&store, &other).await;
        let stamp = found.subject.unwrap();
        let bumped = !stamp.spares(other.id, found.record.bound().unwrap().1);
        let floors = [FactorKind::Password, FactorKind::Totp]
            .map(|kind| !stamp.counts(&fixtures::factor(kind, at(1))));
        assert!(
            floors == [bumped; 2] && (stamp.kept == Some(kept.id)) == bumped,
            "the half of it: {stamp:?}"
        );
        assert!(bumped || !ended);
        assert!(is_live(&store, &kept, now).await);
        if bumped && logs {
            let (entries, _) = log_after(&store, Cursor::start()).await;
            assert!(entries.iter().any(|entry| matches!(entry,
                RevocationEntry::Subject { key, epoch, .. } if *key == of(&alice) && *epoch == stamp.epoch)));
        }
        ended
    })
    .await;
}

pub async fn a_sweep_that_is_dropped_leaves_records_whole_or_gone(store: Store) {
    let lists = !skips_lists(&store);
    let alice = subject("alice");
    let lasting = create(&store, fixtures::session().lifetime(None).idle(None).build()).await;
    at_every_await(async |polls| {
        let mut keys = Vec::new();
        for born in 0..5 {
            keys.push(login(&store, &alice, born).await);
        }
        let ended = drop_at(polls, store.sweep(at(60 * DAY), 3)).await.is_some();
        for key in &keys {
            let gone = !is_there(&store, key).await;
            if gone && lists {
                assert!(!sessions_of(&store, &alice).await.contains(&key.id), "gone, and listed");
            }
        }
        assert!(is_live(&store, &lasting, 60 * DAY).await);
        // The next one takes the rest.
        sweep_all(&store, 60 * DAY, 3).await;
        for key in &keys {
            assert!(!is_there(&store, key).await);
        }
        ended
    })
    .await;
}

pub async fn reads_that_are_dropped_leave_no_trace(store: Store) {
    let (alice, bob) = (subject("alice"), subject("bob"));
    let key = login(&store, &alice, 0).await;
    let before = load(&store, &key).await;
    at_every_await(async |polls| drop_at(polls, store.load(&key)).await.is_some()).await;
    at_every_await(async |polls| drop_at(polls, store.stamp(&of(&bob), at(1))).await.is_some())
        .await;
    if !skips_lists(&store) {
        let query = Query::new(TenantId::default(), Select::Tenant);
        at_every_await(async |polls| drop_at(polls, store.list(&query)).await.is_some()).await;
    }
    if !skips_log(&store) {
        let start = Cursor::start();
        at_every_await(async |polls| {
            drop_at(polls, store.revoked_since(&start, 10)).await.is_some()
        })
        .await;
    }
    let after = load(&store, &key).await;
    assert!(*after.record == *before.record && after.subject == before.subject);
    assert_eq!(
        store.stamp(&of(&bob), at(9)).await.unwrap(),
        SubjectStamp::first(at(1)),
        "known once"
    );
}

pub async fn calls_that_are_dropped_in_numbers_leave_the_store_at_work(store: Store) {
    let alice = subject("alice");
    let key = login(&store, &alice, 0).await;
    let on = load(&store, &key).await;
    let query = Query::new(TenantId::default(), Select::Subject(alice.clone()));
    let lists = !skips_lists(&store);
    for _ in 0..200 {
        let (_, new) = login_under(&store, &alice, 1).await;
        drop_at(1, store.insert(new)).await;
        drop_at(1, store.load(&key)).await;
        let change = Change::new(on.clone(), refreshed(&on, 1), at(1));
        drop_at(1, store.commit(change)).await;
        drop_at(1, store.note_use(&on, seen(1))).await;
        drop_at(1, store.stamp(&of(&alice), at(1))).await;
        let floors = SubjectChange::floors(vec![FactorKind::Totp], at(1));
        drop_at(1, store.change_subject(&of(&alice), floors)).await;
        if lists {
            drop_at(1, store.list(&query)).await;
        }
        drop_at(1, store.sweep(at(2), 5)).await;
    }
    let fresh = login(&store, &alice, 3).await;
    assert!(is_live(&store, &fresh, 3).await && is_live(&store, &key, 3).await);
    let now = load(&store, &key).await.record;
    assert!(now.generation() - on.record.generation() <= 1, "one of them at most was first");
    assert!(matches!(end(&store, &key, RevokeReason::Logout, 4).await, Ended::Ended { .. }));
}
