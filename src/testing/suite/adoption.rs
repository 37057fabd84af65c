//! Records of subjects for whom nothing was verified: they come under whatever epoch there is.

use std::sync::Arc;

use super::tools::*;
use crate::{id::AppId, testing::fixtures::SessionBuilder};

async fn stamp(store: &Store, name: &SubjectId, now: u64) -> SubjectStamp {
    store.stamp(&of(name), at(now)).await.unwrap()
}

async fn revoke_all(store: &Store, name: &SubjectId, now: u64) -> SubjectStamp {
    match bump(store, name, Bump::all(RevokeReason::Admin), now).await {
        SubjectChanged::Done(stamp) => stamp,
        SubjectChanged::KeepNotLive => panic!("nothing was to be kept"),
    }
}

/// Inserts a record that nobody verified anything for. The epoch that it is made with is never the
/// right one.
async fn adopting(store: &Store, record: SessionBuilder, cap: Option<CapRule>) -> Inserted {
    insert_with(store, record.build(), |new| {
        new.binding = Binding::Adopt;
        new.admit = cap;
    })
    .await
}

fn of_subject(name: &SubjectId, born: u64) -> SessionBuilder {
    fixtures::session().at(at(born)).subject(name.clone(), Epoch::from_number(1))
}

#[track_caller]
fn adopted(inserted: Inserted) -> Arc<Record> {
    match inserted {
        Inserted::Created { record, .. } => record,
        other => panic!("not created: {other:?}"),
    }
}

pub async fn a_record_that_adopts_comes_under_the_epoch_that_its_subject_has(store: Store) {
    let alice = subject("alice");
    let before = adopted(adopting(&store, of_subject(&alice, 0), None).await);
    let known = revoke_all(&store, &alice, 5).await;
    let after = adopted(adopting(&store, of_subject(&alice, 6), None).await);
    assert_eq!(after.bound(), Some((&alice, known.epoch)));
    assert_eq!(load(&store, &after.key()).await.record, after, "what is answered is what is there");
    assert!(is_live(&store, &after.key(), 6).await && !is_live(&store, &before.key(), 6).await);
    assert_eq!(stamp(&store, &alice, 7).await, known, "and nothing of what is known has changed");
    // An approved request has a subject too; here it claims an epoch that no revocation would
    // reach.
    let request = fixtures::request(AppId::new("tv").unwrap()).at(at(6)).build();
    let approved =
        fixtures::approved(&request, alice.clone(), Epoch::from_number(i64::MAX), at(6)).unwrap();
    let adopting = insert_with(&store, approved, |new| {
        new.binding = Binding::Adopt;
    });
    let approved = adopted(adopting.await);
    assert_eq!(approved.bound(), Some((&alice, known.epoch)));
    revoke_all(&store, &alice, 7).await;
    assert!(!is_live(&store, &approved.key(), 7).await);
}

pub async fn a_record_that_adopts_makes_its_subject_known(store: Store) {
    let alice = subject("alice");
    let record = adopted(adopting(&store, of_subject(&alice, 7), None).await);
    assert_eq!(record.bound(), Some((&alice, Epoch::first(at(7)))));
    assert_eq!(stamp(&store, &alice, 9).await, SubjectStamp::first(at(7)));
    assert_eq!(load(&store, &record.key()).await.record, record);
    assert!(is_live(&store, &record.key(), 9).await);
    revoke_all(&store, &alice, 9).await;
    assert!(!is_live(&store, &record.key(), 9).await);
}

pub async fn a_record_that_adopts_is_capped_like_any_other(store: Store) {
    let alice = subject("alice");
    let first = adopted(adopting(&store, of_subject(&alice, 0), cap(1, OnFull::Refuse)).await);
    let refused = of_subject(&alice, 1).build();
    let key = refused.key();
    let outcome = insert_with(&store, refused, |new| {
        new.binding = Binding::Adopt;
        new.admit = cap(1, OnFull::Refuse);
    });
    assert!(matches!(outcome.await, Inserted::CapReached));
    assert!(store.load(&key).await.unwrap().is_none());
    let Inserted::Created { record, evicted } =
        adopting(&store, of_subject(&alice, 2), cap(1, OnFull::EvictOldest)).await
    else {
        panic!("the oldest makes room")
    };
    assert_eq!(evicted.iter().map(|old| old.id()).collect::<Vec<_>>(), [first.id()]);
    assert!(is_live(&store, &record.key(), 2).await);
}

pub async fn a_record_that_adopts_and_has_no_subject_is_like_any_other(store: Store) {
    let record = adopted(adopting(&store, fixtures::session(), None).await);
    assert_eq!(record.bound(), None);
    assert!(is_live(&store, &record.key(), 1).await);
}

pub async fn many_first_records_that_adopt_come_under_one_epoch(store: Store) {
    for round in 0..50 {
        let name = subject(&format!("alice {round}"));
        let records = together(16, |number| {
            let born = u64::try_from(number).unwrap();
            adopted(block_on(adopting(&store, of_subject(&name, born), None)))
        });
        let known = stamp(&store, &name, 99).await.epoch;
        for record in &records {
            assert_eq!(record.bound(), Some((&name, known)));
            assert!(is_live(&store, &record.key(), 20).await);
        }
    }
}

pub async fn a_record_that_adopts_beside_a_bump_is_dead_or_under_the_new_epoch(store: Store) {
    let lists = !skips_lists(&store);
    for round in 0..100 {
        let name = subject(&format!("alice {round}"));
        let is_known = round % 2 == 0;
        if is_known {
            epoch(&store, &name).await;
        }
        let records = together(6, |number| match number {
            0 => {
                block_on(revoke_all(&store, &name, 1));
                None
            }
            _ => match block_on(adopting(&store, of_subject(&name, 1), None)) {
                Inserted::Created { record, .. } => Some(record),
                Inserted::EpochMoved => None,
                other => panic!("neither created nor overtaken: {other:?}"),
            },
        });
        let bumped = stamp(&store, &name, 2).await.epoch;
        let listed = if lists { Some(sessions_of(&store, &name).await) } else { None };
        for record in records.into_iter().flatten() {
            let is_new = record.bound().is_some_and(|(_, epoch)| epoch == bumped);
            assert_eq!(is_live(&store, &record.key(), 2).await, is_new);
            assert!(
                listed.as_ref().is_none_or(|listed| listed.contains(&record.id())),
                "never unlisted"
            );
        }
    }
}
