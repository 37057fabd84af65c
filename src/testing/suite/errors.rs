//! What a store says of itself and of its failures shows nothing of what it keeps.

use super::tools::*;
use crate::{client::ClientInfo, metadata::Metadata, store::StoreError};

/// A session whose every part is a word to look for.
async fn telltale(store: &Store) -> SessionKey {
    let name = subject("telltale-subject");
    let known = epoch(store, &name).await;
    let client =
        ClientInfo::new().with_user_agent("telltale-agent").with_ip("192.0.2.77".parse().unwrap());
    let record = fixtures::session()
        .subject(name, known)
        .device(device("telltale-device"))
        .client(client)
        .metadata(Metadata::of([("telltale-key", "telltale-value")]).unwrap());
    create(store, record.build()).await
}

/// The error and all that lies behind it, as a log would show it.
pub(super) fn shown(error: &StoreError) -> String {
    let mut shown = format!("{error} {error:?}");
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        shown += &format!(" {cause} {cause:?}");
        source = cause.source();
    }
    shown
}

pub(super) fn shows_nothing(shown: &str) {
    for word in ["telltale", "192.0.2.77"] {
        assert!(!shown.contains(word), "{shown}");
    }
}

pub async fn a_change_of_subject_is_an_error_that_names_nobody(store: Store) {
    let key = telltale(&store).await;
    let other = subject("telltale-other");
    let known = epoch(&store, &other).await;
    let on = load(&store, &key).await;
    let next = fixtures::bound(&on.record, other, known, at(1)).unwrap();
    let mut change = Change::new(on.clone(), next, at(1));
    change.observed_epoch = Some(known);
    let error = store.commit(change).await.expect_err("a subject, once set, never changes");
    shows_nothing(&shown(&error));
    assert!(!error.is_retryable(), "the same call never succeeds");
    assert!(*load(&store, &key).await.record == *on.record);
}

pub async fn a_change_under_another_key_is_an_error_and_stores_nothing(store: Store) {
    let key = telltale(&store).await;
    let other = create(&store, fixtures::session().build()).await;
    let (on, before) = (load(&store, &key).await, load(&store, &other).await);
    let change = Change::new(before.clone(), refreshed(&on, 1), at(1));
    let error = store.commit(change).await.expect_err("a record stays where it is");
    shows_nothing(&shown(&error));
    assert!(*load(&store, &other).await.record == *before.record);
    assert!(*load(&store, &key).await.record == *on.record);
}

pub async fn nothing_is_born_ended(store: Store) {
    let record = fixtures::session().build();
    let ended = record.ended(&Tombstone::new(RevokeReason::Admin, at(0)));
    let error =
        store.insert(NewRecord::new(ended, at(0))).await.expect_err("a tombstone is put by an end");
    shows_nothing(&shown(&error));
    assert!(store.load(&record.key()).await.unwrap().is_none());
}

pub async fn a_store_shows_nothing_of_what_it_keeps(store: Store) {
    let key = telltale(&store).await;
    for shown in [format!("{store}"), format!("{store:?}"), format!("{store:#?}")] {
        shows_nothing(&shown);
        assert!(!shown.contains(&key.id.to_string()), "{shown}");
        assert!(!shown.is_empty());
    }
}
