//! Many threads at what goes over all records: the log, sweeps, lists.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::testing::suite::tools::*;

pub async fn a_reader_of_the_log_beside_writers_misses_nothing(store: Store) {
    a_reader_misses_nothing(&store, &[&store; 4]).await;
}

/// Reads the log until the last of these has written a hundred entries.
pub(in super::super) async fn a_reader_misses_nothing(reader: &Store, writers: &[&Store]) {
    if skips_log(reader) {
        return;
    }
    let finished = AtomicUsize::new(0);
    let outcomes = together(writers.len() + 1, |number| {
        block_on(async {
            let (mut keys, mut seen, mut cursor) = (Vec::new(), Vec::new(), Cursor::start());
            if let Some(writer) = writers.get(number) {
                for _ in 0..100 {
                    let key = create(writer, fixtures::session().build()).await;
                    let _ = end(writer, &key, RevokeReason::Logout, 1).await;
                    keys.push(key);
                }
                finished.fetch_add(1, Ordering::SeqCst);
                return (keys, seen);
            }
            loop {
                let is_last = finished.load(Ordering::SeqCst) == writers.len();
                let (entries, next) = log_after(reader, cursor).await;
                seen.extend(entries);
                cursor = next;
                if is_last {
                    return (keys, seen);
                }
                std::thread::yield_now();
            }
        })
    });
    let seen = &outcomes[writers.len()].1;
    assert!(outcomes.iter().flat_map(|(keys, _)| keys).all(|key| names(seen, key)));
}

pub async fn a_sweep_beside_logins_and_ends_takes_only_the_dead(store: Store) {
    let alice = subject("alice");
    // A session that lasts, so that the subject is never without one and forgotten.
    let anchor = login(&store, &alice, 0).await;
    let known = epoch(&store, &alice).await;
    let lasting: Vec<_> = together(4, |number| {
        block_on(async {
            let mut keys = Vec::new();
            for _ in 0..100 {
                if number == 0 {
                    let _ = store.sweep(at(3 * DAY), 50).await.unwrap();
                    continue;
                }
                let brief = fixtures::session().lifetime(Some(std::time::Duration::from_secs(1)));
                let brief = create(&store, brief.subject(alice.clone(), known).build()).await;
                let _ = end(&store, &brief, RevokeReason::Logout, 1).await;
                let lasting = fixtures::session().at(at(2 * DAY)).subject(alice.clone(), known);
                keys.push(create(&store, lasting.build()).await);
            }
            keys
        })
    })
    .concat();
    sweep_all(&store, 3 * DAY, 50).await;
    for key in lasting.iter().chain([&anchor]) {
        assert!(is_live(&store, key, 3 * DAY).await);
    }
    if !skips_lists(&store) {
        assert_eq!(sessions_of(&store, &alice).await.len(), lasting.len() + 1);
    }
}

pub async fn of_many_sweeps_one_answers_a_record(store: Store) {
    let alice = subject("alice");
    let mut keys = Vec::new();
    for born in 0..80 {
        keys.push(login(&store, &alice, born).await.id);
    }
    each_is_swept_once(&[store], keys).await;
}

pub(in super::super) async fn each_is_swept_once(handles: &[Store], mut ids: Vec<SessionId>) {
    let swept =
        together(8, |number| block_on(sweep_all(&handles[number % handles.len()], 60 * DAY, 7)));
    let mut gone: Vec<_> = swept.iter().flatten().map(|gone| gone.record.id()).collect();
    gone.sort_unstable();
    ids.sort_unstable();
    assert_eq!(gone, ids, "each is answered once");
}

pub async fn a_list_beside_logins_and_ends_shows_all_who_stay(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let alice = subject("alice");
    let mut stay = Vec::new();
    for born in 0..20 {
        stay.push(login(&store, &alice, born).await.id);
    }
    together(4, |number| {
        block_on(async {
            for round in 0..30 {
                if number > 0 {
                    let key = login(&store, &alice, round).await;
                    let _ = end(&store, &key, RevokeReason::Logout, 40).await;
                    continue;
                }
                let mut query = Query::new(TenantId::default(), Select::Subject(alice.clone()));
                query.limit = 3;
                let found = list(&store, query).await;
                assert!(stay.iter().all(|id| found.contains(id)), "one who stays is not there");
                let mut once = found.clone();
                once.sort_unstable();
                once.dedup();
                assert_eq!(once.len(), found.len(), "one is there twice");
            }
        });
    });
}

pub async fn calls_that_need_each_others_records_do_not_wait_for_ever(store: Store) {
    let names = [subject("alice"), subject("bob"), subject("carol")];
    let keys = together(8, |number| {
        block_on(async {
            let mut keys = Vec::new();
            for round in 0..60_u64 {
                let name = &names[(number + usize::try_from(round).unwrap()) % 3];
                let key = create(&store, fixtures::session().at(at(round)).build()).await;
                let _ = bind(&store, &key, name, cap(4, OnFull::EvictOldest), round).await;
                let _ = bump(&store, name, Bump::all_but(key.id, RevokeReason::Admin), round).await;
                let _ = end(&store, &key, RevokeReason::Logout, round).await;
                let _ = store.sweep(at(round), 5).await.unwrap();
                keys.push(key);
            }
            keys
        })
    });
    // Each has come to its end, whatever the others did meanwhile.
    for key in keys.concat() {
        assert!(!is_live(&store, &key, 60).await);
    }
}
