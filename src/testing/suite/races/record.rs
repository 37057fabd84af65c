//! Many threads at one record, or at one device's slot.

use crate::{id::AppId, testing::suite::tools::*};

pub async fn one_of_many_commits_on_one_version_wins(store: Store) {
    one_commit_wins(&[store], 20).await;
}

pub(in super::super) async fn one_commit_wins(handles: &[Store], rounds: u64) {
    let (first, last) = first_and_last(handles);
    let key = login(first, &subject("alice"), 0).await;
    for round in 1..=rounds {
        let on = load(last, &key).await;
        let won = together(64, |number| {
            block_on(commit(&handles[number % handles.len()], &on, refreshed(&on, round), round))
        })
        .into_iter()
        .filter(|committed| matches!(committed, Committed::Done { .. }))
        .count();
        assert_eq!((won, load(first, &key).await.record.version()), (1, round + 1));
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
        let created =
            together(16, |_| block_on(insert(&store, fixtures::session().id(id).build())))
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
    an_end_wins(&[store], 300).await;
}

pub(in super::super) async fn an_end_wins(handles: &[Store], rounds: u32) {
    let (here, there) = first_and_last(handles);
    for _ in 0..rounds {
        let key = login(here, &subject("alice"), 0).await;
        together(3, |number| {
            block_on(async {
                if number == 0 {
                    let _ = end(here, &key, RevokeReason::Logout, 1).await;
                    return;
                }
                for now in 1..4 {
                    let on = load(there, &key).await;
                    if on.record.tombstone().is_none() {
                        let _ = commit(there, &on, refreshed(&on, now), now).await;
                    }
                }
            });
        });
        for store in handles {
            assert_eq!(life_of(store, &key, 4).await, Life::Revoked(RevokeReason::Logout));
        }
    }
}

pub async fn an_end_wins_against_every_noted_use(store: Store) {
    for _ in 0..200 {
        let key = create(&store, fixtures::session().build()).await;
        together(3, |number| {
            block_on(async {
                match number {
                    0 => drop(end(&store, &key, RevokeReason::Logout, 1).await),
                    _ => drop(note(&store, &key, seen(5)).await),
                }
            });
        });
        assert!(!is_live(&store, &key, 5).await);
    }
}

pub async fn many_spenders_never_pass_the_limit(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    let spent: usize = together(64, |_| {
        let once = || block_on(note(&store, &key, spend(1, &[Spend::one("n", 100)])));
        (0..10).filter(|_| once() == Noted::Done).count()
    })
    .into_iter()
    .sum();
    assert_eq!(
        (spent, load(&store, &key).await.record.session().unwrap().counter("n")),
        (100, 100)
    );
}

pub async fn no_noted_use_is_lost_to_commits(store: Store) {
    let key = login(&store, &subject("alice"), 0).await;
    together(8, |number| {
        block_on(async {
            for now in 1..50 {
                if number % 2 == 0 {
                    let used = spend(now, &[Spend::one("n", u64::MAX)]);
                    assert_eq!(note(&store, &key, used).await, Noted::Done);
                } else {
                    let on = load(&store, &key).await;
                    let _ = commit(&store, &on, refreshed(&on, now), now).await;
                }
            }
        });
    });
    assert_eq!(load(&store, &key).await.record.session().unwrap().counter("n"), 4 * 49);
}

pub async fn one_of_many_inserts_takes_the_devices_slot(store: Store) {
    one_takes_the_slot(&[store], 30).await;
}

pub(in super::super) async fn one_takes_the_slot(handles: &[Store], rounds: u32) {
    for round in 0..rounds {
        let name = format!("d{round}");
        let record = || fixtures::session().device(device(&name)).build();
        let inserted =
            together(16, |number| block_on(insert(&handles[number % handles.len()], record())));
        let created =
            inserted.iter().filter(|inserted| matches!(inserted, Inserted::Created { .. })).count();
        let taken =
            inserted.iter().filter(|inserted| matches!(inserted, Inserted::DeviceTaken(_))).count();
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
