//! Two handles on one place are one store: what one did, the other knows, and they race as two threads would.

use super::tools::*;

async fn two(place: &Place) -> [Store; 2] {
    [place.open().await, place.open().await]
}

pub async fn what_one_handle_writes_the_other_reads(place: Place) {
    let [here, there] = two(&place).await;
    let alice = subject("alice");
    let key = login(&here, &alice, 0).await;
    let same = async |what: &str| {
        let (one, other) = (load(&here, &key).await, load(&there, &key).await);
        assert!(*one.record == *other.record && one.subject == other.subject, "{what}");
        other
    };
    let on = same("an insert").await;
    done(commit(&there, &on, refreshed(&on, 1), 1).await);
    same("a commit").await;
    assert_eq!(mark(&here, &key, seen(5), 5).await, Marked::Done);
    same("a mark").await;
    let _ = bump(&there, &alice, Bump::all_but(key.id, RevokeReason::Admin), 6).await;
    same("a bump").await;
    let _ = end(&here, &key, RevokeReason::Logout, 7).await;
    assert!(same("an end").await.record.tombstone().is_some());
}

pub async fn a_bump_on_one_handle_is_known_to_the_other_at_once(place: Place) {
    let [here, there] = two(&place).await;
    let alice = subject("alice");
    let (key, known) = (login(&here, &alice, 0).await, epoch(&there, &alice).await);
    let on = load(&there, &key).await;
    let _ = bump(&here, &alice, Bump::all(RevokeReason::Admin), 1).await;
    assert!(!is_live(&there, &key, 1).await);
    assert!(matches!(commit(&there, &on, refreshed(&on, 2), 2).await, Committed::EpochMoved));
    let record = fixtures::session().at(at(2)).subject(alice, known).build();
    assert!(matches!(insert(&there, record).await, Inserted::EpochMoved));
}

pub async fn of_many_commits_over_two_handles_one_wins(place: Place) {
    let handles = two(&place).await;
    let key = login(&handles[0], &subject("alice"), 0).await;
    for round in 1..=10 {
        let on = load(&handles[1], &key).await;
        let won =
            together(64, |number| block_on(commit(&handles[number % 2], &on, refreshed(&on, round), round)))
                .into_iter()
                .filter(|committed| matches!(committed, Committed::Done { .. }))
                .count();
        assert_eq!((won, load(&handles[0], &key).await.record.version()), (1, round + 1));
    }
}

pub async fn a_cap_holds_over_two_handles(place: Place) {
    let handles = two(&place).await;
    let alice = subject("alice");
    let known = epoch(&handles[0], &alice).await;
    let keys = together(64, |number| {
        let record = fixtures::session().subject(alice.clone(), known).build();
        let key = record.key();
        let rule = cap(5, OnFull::EvictOldest);
        created(block_on(insert_with(&handles[number % 2], record, |new| new.admit = rule)));
        key
    });
    let live = keys.iter().filter(|key| block_on(is_live(&handles[1], key, 0))).count();
    assert_eq!(live, 5);
    if handles[0].capabilities().lists {
        assert_eq!(sessions_of(&handles[0], &alice).await.len(), 5);
    }
}

pub async fn a_device_has_one_slot_over_two_handles(place: Place) {
    let handles = two(&place).await;
    for round in 0..10 {
        let name = format!("d{round}");
        let record = || fixtures::session().device(device(&name)).build();
        let inserted = together(16, |number| block_on(insert(&handles[number % 2], record())));
        let came = inserted.iter().filter(|inserted| matches!(inserted, Inserted::Created { .. })).count();
        assert_eq!(came, 1);
    }
}

pub async fn an_end_on_one_handle_wins_against_the_commits_of_the_other(place: Place) {
    let [here, there] = two(&place).await;
    for _ in 0..50 {
        let key = login(&here, &subject("alice"), 0).await;
        together(3, |number| {
            block_on(async {
                match number {
                    0 => drop(end(&here, &key, RevokeReason::Logout, 1).await),
                    _ => {
                        let on = load(&there, &key).await;
                        if on.record.tombstone().is_none() {
                            drop(commit(&there, &on, refreshed(&on, 2), 2).await);
                        }
                    }
                }
            });
        });
        for store in [&here, &there] {
            assert_eq!(life_of(store, &key, 3).await, Life::Revoked(RevokeReason::Logout));
        }
    }
}

pub async fn a_reader_of_the_log_on_one_handle_misses_nothing_of_the_other(place: Place) {
    let [here, there] = two(&place).await;
    if skips_log(&here) {
        return;
    }
    let finished = std::sync::atomic::AtomicBool::new(false);
    let outcomes = together(2, |number| {
        block_on(async {
            let (mut keys, mut seen, mut cursor) = (Vec::new(), Vec::new(), Cursor::start());
            if number == 0 {
                for _ in 0..100 {
                    let key = create(&here, fixtures::session().build()).await;
                    let _ = end(&here, &key, RevokeReason::Logout, 1).await;
                    keys.push(key);
                }
                finished.store(true, std::sync::atomic::Ordering::SeqCst);
                return (keys, seen);
            }
            loop {
                let is_last = finished.load(std::sync::atomic::Ordering::SeqCst);
                let (entries, next) = log_after(&there, cursor).await;
                seen.extend(entries);
                cursor = next;
                if is_last {
                    return (keys, seen);
                }
                std::thread::yield_now();
            }
        })
    });
    assert!(outcomes[0].0.iter().all(|key| names(&outcomes[1].1, key)));
}

pub async fn two_handles_that_sweep_answer_each_record_once(place: Place) {
    let (writer, handles) = (place.open().await, two(&place).await);
    let mut keys = Vec::new();
    for born in 0..60 {
        keys.push(create(&writer, fixtures::session().at(at(born)).build()).await.id);
    }
    let mut gone: Vec<_> = together(4, |number| {
        block_on(async {
            let mut gone = Vec::new();
            loop {
                let swept = handles[number % 2].sweep(at(60 * DAY), 7).await.unwrap();
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
    assert_eq!(gone, keys);
}
