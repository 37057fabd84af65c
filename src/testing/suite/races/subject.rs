//! Many threads at one subject: its epoch, its cap.

use crate::testing::suite::tools::*;

pub async fn a_hundred_logins_against_five_leave_five_when_the_oldest_goes(store: Store) {
    hundred_against_five(&[store], OnFull::EvictOldest, 5).await;
}

pub async fn a_hundred_logins_against_five_leave_five_when_the_least_used_goes(store: Store) {
    hundred_against_five(&[store], OnFull::EvictLeastRecentlyUsed, 5).await;
}

pub async fn a_hundred_logins_against_five_leave_five_when_the_rest_is_refused(store: Store) {
    hundred_against_five(&[store], OnFull::Refuse, 5).await;
}

pub(in super::super) async fn hundred_against_five(
    handles: &[Store],
    on_full: OnFull,
    rounds: u32,
) {
    let (first, last) = first_and_last(handles);
    let lists = !skips_lists(first);
    for round in 0..rounds {
        let name = subject(&format!("alice {round}"));
        let known = epoch(first, &name).await;
        let inserted = together(100, |number| {
            let born = u64::try_from(number).unwrap();
            let record = fixtures::session().at(at(born)).subject(name.clone(), known).build();
            let (key, rule) = (record.key(), cap(5, on_full));
            let store = &handles[number % handles.len()];
            (key, block_on(insert_with(store, record, |new| new.admit = rule)))
        });
        let mut live = 0;
        for (key, inserted) in &inserted {
            match inserted {
                Inserted::Created { .. } => live += u32::from(is_live(last, key, 100).await),
                other => assert!(on_full == OnFull::Refuse, "not created: {other:?}"),
            }
        }
        assert_eq!(live, 5);
        if lists {
            assert_eq!(sessions_of(first, &name).await.len(), 5);
        }
    }
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
    let lists = !skips_lists(&store);
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
                matches!(insert(&store, record).await, Inserted::Created { .. })
                    .then_some((key, known))
            })
        });
        let bumped = store.stamp(&of(&name), at(2)).await.unwrap().epoch;
        let listed = if lists { Some(sessions_of(&store, &name).await) } else { None };
        for (key, known) in outcomes.into_iter().flatten() {
            assert_eq!(
                is_live(&store, &key, 2).await,
                known == bumped,
                "who saw the old epoch is dead"
            );
            assert!(
                listed.as_ref().is_none_or(|listed| listed.contains(&key.id)),
                "never unlisted"
            );
        }
    }
}

pub async fn a_late_binding_beside_a_bump_is_refused_or_dead_or_listed(store: Store) {
    let lists = !skips_lists(&store);
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
        assert_ne!(
            is_bound,
            is_live(&store, &key, 1).await,
            "bound before the bump and dead, or not bound"
        );
        if lists {
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
            matches!(block_on(bump(&store, &name, keep, 1)), SubjectChanged::Done(_))
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
            SubjectChanged::Done(stamp) => stamp.epoch,
            SubjectChanged::KeepNotLive => panic!("nothing was to be kept"),
        });
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 64);
}
