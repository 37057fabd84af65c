//! Two handles on one place are one store: what one did, the other knows, and they race as two
//! threads would.

use super::{
    races::{
        a_reader_misses_nothing, an_end_wins, each_is_swept_once, hundred_against_five,
        one_commit_wins, one_takes_the_slot,
    },
    tools::*,
};

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
    assert_eq!(note(&here, &key, seen(5)).await, Noted::Done);
    same("a noted use").await;
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
    one_commit_wins(&two(&place).await, 10).await;
}

pub async fn a_cap_holds_over_two_handles(place: Place) {
    hundred_against_five(&two(&place).await, OnFull::EvictOldest, 1).await;
}

pub async fn a_device_has_one_slot_over_two_handles(place: Place) {
    one_takes_the_slot(&two(&place).await, 10).await;
}

pub async fn an_end_on_one_handle_wins_against_the_commits_of_the_other(place: Place) {
    an_end_wins(&two(&place).await, 50).await;
}

pub async fn a_reader_of_the_log_on_one_handle_misses_nothing_of_the_other(place: Place) {
    let [here, there] = two(&place).await;
    a_reader_misses_nothing(&there, &[&here]).await;
}

pub async fn two_handles_that_sweep_answer_each_record_once(place: Place) {
    let (writer, handles) = (place.open().await, two(&place).await);
    let mut ids = Vec::new();
    for born in 0..60 {
        ids.push(create(&writer, fixtures::session().at(at(born)).build()).await.id);
    }
    each_is_swept_once(&handles, ids).await;
}
