//! Many threads at once, hundreds of times over.

use std::sync::atomic::{AtomicUsize, Ordering};

use super::tools::*;
use crate::id::AppId;

pub async fn one_of_many_commits_on_one_version_wins(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    for round in 1..=20 {
        let on = load(&store, &key).await;
        let won = together(64, |_| block_on(commit(&store, &on, refreshed(&on, round), round)))
            .into_iter()
            .filter(|committed| matches!(committed, Committed::Done { .. }))
            .count();
        assert_eq!((won, load(&store, &key).await.record.version()), (1, round + 1));
    }
}

pub async fn one_of_many_ends_is_the_end(store: Store) {
    for _ in 0..50 {
        let key = create(&store, fixtures::session().build()).await;
        let ended = together(16, |_| block_on(end(&store, &key, RevokeReason::Logout, 1)))
            .into_iter()
            .filter(|ended| matches!(ended, Ended::Ended { .. }))
            .count();
        assert_eq!(ended, 1);
    }
}

pub async fn one_of_many_inserts_of_an_id_is_the_record(store: Store) {
    for _ in 0..50 {
        let id = fixtures::session().build().id();
        let created = together(16, |_| block_on(insert(&store, fixtures::session().id(id).build())))
            .into_iter()
            .filter(|inserted| matches!(inserted, Inserted::Created { .. }))
            .count();
        assert_eq!(created, 1);
    }
}

pub async fn one_of_many_exchanges_is_the_session(store: Store) {
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    for _ in 0..20 {
        let key = create(&store, fixtures::request(AppId::new("tv").unwrap()).build()).await;
        let on = load(&store, &key).await;
        let approved = fixtures::approved(&on.record, alice.clone(), known, at(1)).unwrap();
        done(commit_under(&store, &on, approved, Some(known), 1).await);
        let on = load(&store, &key).await;
        let done = together(16, |_| {
            let next = fixtures::exchanged(&on.record, at(2)).unwrap();
            block_on(commit(&store, &on, next, 2))
        });
        assert_eq!(done.iter().filter(|done| matches!(done, Committed::Done { .. })).count(), 1);
    }
}

pub async fn an_end_wins_against_every_commit(store: Store) {
    let alice = subject("alice");
    for _ in 0..300 {
        let key = login(&store, &alice, 0).await;
        together(3, |number| {
            block_on(async {
                if number == 0 {
                    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
                    return;
                }
                for now in 1..4 {
                    let on = load(&store, &key).await;
                    if on.record.tombstone().is_none() {
                        let _ = commit(&store, &on, refreshed(&on, now), now).await;
                    }
                }
            });
        });
        assert_eq!(life_of(&store, &key, 4).await, Life::Revoked(RevokeReason::Logout));
    }
}

pub async fn an_end_wins_against_every_mark(store: Store) {
    for _ in 0..200 {
        let key = create(&store, fixtures::session().build()).await;
        together(3, |number| {
            block_on(async {
                match number {
                    0 => drop(end(&store, &key, RevokeReason::Logout, 1).await),
                    _ => drop(mark(&store, &key, seen(5), 5).await),
                }
            });
        });
        assert!(!is_live(&store, &key, 5).await);
    }
}

pub async fn many_spenders_never_pass_the_limit(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    let spent: usize = together(64, |_| {
        let once = || block_on(mark(&store, &key, spend(&[Spend::one("n", 100)]), 1));
        (0..10).filter(|_| once() == Marked::Done).count()
    })
    .into_iter()
    .sum();
    assert_eq!((spent, load(&store, &key).await.record.session().unwrap().counter("n")), (100, 100));
}

pub async fn no_mark_is_lost_to_commits(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    together(8, |number| {
        block_on(async {
            for now in 1..50 {
                if number % 2 == 0 {
                    let marks = spend(&[Spend::one("n", u64::MAX)]);
                    assert_eq!(mark(&store, &key, marks, now).await, Marked::Done);
                } else {
                    let on = load(&store, &key).await;
                    let _ = commit(&store, &on, refreshed(&on, now), now).await;
                }
            }
        });
    });
    assert_eq!(load(&store, &key).await.record.session().unwrap().counter("n"), 4 * 49);
}

async fn hundred_against_five(store: Store, on_full: OnFull) {
    for round in 0..5 {
        let name = subject(&format!("alice {round}"));
        let known = epoch(&store, &name).await;
        let inserted = together(100, |number| {
            let born = u64::try_from(number).unwrap();
            let record = fixtures::session().at(at(born)).subject(name.clone(), known).build();
            let key = record.key();
            let rule = cap(5, on_full);
            (key, block_on(insert_with(&store, record, |new| new.admit = rule)))
        });
        let mut live = 0;
        for (key, inserted) in &inserted {
            if let Inserted::Created { .. } = inserted {
                live += u32::from(is_live(&store, key, 100).await);
            }
        }
        assert_eq!(live, 5);
        if store.capabilities().lists {
            assert_eq!(sessions_of(&store, &name).await.len(), 5);
        }
    }
}

pub async fn a_hundred_logins_against_five_leave_five_when_the_oldest_goes(store: Store) {
    hundred_against_five(store, OnFull::EvictOldest).await;
}

pub async fn a_hundred_logins_against_five_leave_five_when_the_least_used_goes(store: Store) {
    hundred_against_five(store, OnFull::EvictLeastRecentlyUsed).await;
}

pub async fn a_hundred_logins_against_five_leave_five_when_the_rest_is_refused(store: Store) {
    hundred_against_five(store, OnFull::Refuse).await;
}

pub async fn late_bindings_against_a_cap_leave_as_many_as_it_says(store: Store) {
    let alice = subject("alice");
    let mut keys = Vec::new();
    for born in 0..32 {
        keys.push(create(&store, fixtures::session().at(at(born)).build()).await);
    }
    together(32, |number| {
        drop(block_on(bind(&store, &keys[number], &alice, cap(3, OnFull::EvictOldest), 40)))
    });
    let mut live = 0;
    for key in &keys {
        let found = load(&store, key).await;
        assert!(found.record.bound().is_some());
        live += u32::from(is_live(&store, key, 40).await);
    }
    assert_eq!(live, 3);
}

pub async fn one_of_many_inserts_takes_the_devices_slot(store: Store) {
    for round in 0..30 {
        let name = format!("d{round}");
        let inserted =
            together(16, |_| block_on(insert(&store, fixtures::session().device(device(&name)).build())));
        let created = inserted.iter().filter(|inserted| matches!(inserted, Inserted::Created { .. })).count();
        let taken = inserted.iter().filter(|inserted| matches!(inserted, Inserted::DeviceTaken(_))).count();
        assert_eq!((created, taken), (1, 15));
    }
}

pub async fn many_replacements_of_a_device_leave_one_session(store: Store) {
    for round in 0..20 {
        let name = format!("d{round}");
        let keys = together(16, |_| {
            let record = fixtures::session().device(device(&name)).build();
            let key = record.key();
            created(block_on(insert_with(&store, record, |new| new.replace_device = true)));
            key
        });
        let live = keys.iter().filter(|key| block_on(is_live(&store, key, 0))).count();
        assert_eq!(live, 1);
    }
}

pub async fn many_first_looks_at_a_subject_see_one_epoch(store: Store) {
    for round in 0..50 {
        let key = of(&subject(&format!("alice {round}")));
        let stamps = together(16, |number| {
            let now = at(u64::try_from(number).unwrap());
            block_on(store.stamp(&key, now)).unwrap()
        });
        assert!(stamps.iter().all(|stamp| *stamp == stamps[0]));
    }
}

pub async fn a_login_beside_a_bump_is_refused_or_dead_or_listed(store: Store) {
    for round in 0..100 {
        let name = subject(&format!("alice {round}"));
        epoch(&store, &name).await;
        let outcomes = together(8, |number| {
            block_on(async {
                if number == 0 {
                    let _ = bump(&store, &name, Bump::all(RevokeReason::Admin), 1).await;
                    return None;
                }
                let known = store.stamp(&of(&name), at(1)).await.unwrap().epoch;
                let record = fixtures::session().at(at(1)).subject(name.clone(), known).build();
                let key = record.key();
                matches!(insert(&store, record).await, Inserted::Created { .. }).then_some((key, known))
            })
        });
        let bumped = store.stamp(&of(&name), at(2)).await.unwrap().epoch;
        let listed = if store.capabilities().lists { Some(sessions_of(&store, &name).await) } else { None };
        for (key, known) in outcomes.into_iter().flatten() {
            assert_eq!(is_live(&store, &key, 2).await, known == bumped, "who saw the old epoch is dead");
            assert!(listed.as_ref().is_none_or(|listed| listed.contains(&key.id)), "never unlisted");
        }
    }
}

pub async fn a_late_binding_beside_a_bump_is_refused_or_dead_or_listed(store: Store) {
    for round in 0..100 {
        let name = subject(&format!("alice {round}"));
        let known = epoch(&store, &name).await;
        let key = create(&store, fixtures::session().build()).await;
        together(2, |number| {
            block_on(async {
                match number {
                    0 => drop(bump(&store, &name, Bump::all(RevokeReason::Admin), 1).await),
                    _ => {
                        let on = load(&store, &key).await;
                        let next = fixtures::bound(&on.record, name.clone(), known, at(1)).unwrap();
                        drop(commit_under(&store, &on, next, Some(known), 1).await);
                    }
                }
            });
        });
        let is_bound = load(&store, &key).await.record.bound().is_some();
        assert_ne!(is_bound, is_live(&store, &key, 1).await, "bound before the bump and dead, or not bound");
        if store.capabilities().lists {
            assert_eq!(sessions_of(&store, &name).await.contains(&key.id), is_bound);
        }
    }
}

pub async fn many_bumps_that_keep_their_own_session_leave_one_alive(store: Store) {
    for round in 0..60 {
        let name = subject(&format!("alice {round}"));
        let mut keys = Vec::new();
        for _ in 0..4 {
            keys.push(login(&store, &name, 0).await);
        }
        let kept: Vec<_> = together(4, |number| {
            let keep = Bump::all_but(keys[number].id, RevokeReason::Admin);
            matches!(block_on(bump(&store, &name, keep, 1)), SubjectMarked::Done(_))
        });
        assert_eq!(kept.iter().filter(|kept| **kept).count(), 1);
        for (key, kept) in keys.iter().zip(kept) {
            assert_eq!(is_live(&store, key, 1).await, kept);
        }
    }
}

pub async fn every_bump_of_many_moves_the_epoch(store: Store) {
    let alice = subject("alice");
    let mut epochs =
        together(64, |_| match block_on(bump(&store, &alice, Bump::all(RevokeReason::Admin), 1)) {
            SubjectMarked::Done(stamp) => stamp.epoch,
            SubjectMarked::KeepNotLive => panic!("nothing was to be kept"),
        });
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 64);
}

pub async fn a_reader_of_the_log_beside_writers_misses_nothing(store: Store) {
    if skips_log(&store) {
        return;
    }
    const WRITERS: usize = 4;
    let finished = AtomicUsize::new(0);
    let outcomes = together(WRITERS + 1, |number| {
        block_on(async {
            let (mut keys, mut seen) = (Vec::new(), Vec::new());
            if number < WRITERS {
                for _ in 0..100 {
                    let key = create(&store, fixtures::session().build()).await;
                    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
                    keys.push(key);
                }
                finished.fetch_add(1, Ordering::SeqCst);
                return (keys, seen);
            }
            let mut cursor = Cursor::start();
            loop {
                let is_last = finished.load(Ordering::SeqCst) == WRITERS;
                let (entries, next) = log_after(&store, cursor).await;
                seen.extend(entries);
                cursor = next;
                if is_last {
                    return (keys, seen);
                }
                std::thread::yield_now();
            }
        })
    });
    let seen = &outcomes[WRITERS].1;
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
    while store.sweep(at(3 * DAY), 50).await.unwrap().more {}
    for key in lasting.iter().chain([&anchor]) {
        assert!(is_live(&store, key, 3 * DAY).await);
    }
    if store.capabilities().lists {
        assert_eq!(sessions_of(&store, &alice).await.len(), lasting.len() + 1);
    }
}

pub async fn of_many_sweeps_one_answers_a_record(store: Store) {
    let alice = subject("alice");
    let mut keys = Vec::new();
    for born in 0..80 {
        keys.push(login(&store, &alice, born).await.id);
    }
    let mut gone = together(8, |_| {
        block_on(async {
            let mut gone = Vec::new();
            loop {
                let swept = store.sweep(at(60 * DAY), 7).await.unwrap();
                gone.extend(swept.removed.iter().map(|gone| gone.record.id()));
                if !swept.more {
                    return gone;
                }
            }
        })
    })
    .concat();
    gone.sort_unstable();
    keys.sort_unstable();
    assert_eq!(gone, keys, "each is told of once");
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
    together(8, |number| {
        block_on(async {
            for round in 0..60_u64 {
                let name = &names[(number + usize::try_from(round).unwrap()) % 3];
                let key = create(&store, fixtures::session().at(at(round)).build()).await;
                let _ = bind(&store, &key, name, cap(4, OnFull::EvictOldest), round).await;
                let _ = bump(&store, name, Bump::all_but(key.id, RevokeReason::Admin), round).await;
                let _ = end(&store, &key, RevokeReason::Logout, round).await;
                let _ = store.sweep(at(round), 5).await.unwrap();
            }
        });
    });
}
