//! Whoever follows the log learns of every revocation.

use super::tools::*;
use crate::{clock::MAX_SIGNED_LIFETIME, id::DeviceId};

pub async fn an_empty_log_has_no_entries(store: Store) {
    if skips_log(&store) {
        return;
    }
    let (entries, cursor) = log_after(&store, Cursor::start()).await;
    assert!(entries.is_empty());
    assert!(log_after(&store, cursor).await.0.is_empty());
}

pub async fn an_end_is_logged_with_the_time_from_which_nobody_needs_to_know(store: Store) {
    if skips_log(&store) {
        return;
    }
    let key = login(&store, &subject("alice"), 0).await;
    let _ = end(&store, &key, RevokeReason::Logout, 5).await;
    let until = load(&store, &key).await.record.tokens_end_at().expect("it has a tombstone");
    let entry = RevocationEntry::Session { key, until };
    assert!(log_after(&store, Cursor::start()).await.0.contains(&entry));
}

pub async fn a_bump_is_logged_with_its_epoch_and_whom_it_kept(store: Store) {
    if skips_log(&store) {
        return;
    }
    let alice = subject("alice");
    let kept = login(&store, &alice, 0).await;
    let _ = bump(&store, &alice, Bump::all_but(kept.id, RevokeReason::Admin), 5).await;
    let stamp = store.stamp(&of(&alice), at(5)).await.unwrap();
    let entry = RevocationEntry::Subject {
        key: of(&alice),
        epoch: stamp.epoch,
        kept: Some(kept.id),
        factors_changed_at: None,
        until: at(5).saturating_add(MAX_SIGNED_LIFETIME),
    };
    assert!(log_after(&store, Cursor::start()).await.0.contains(&entry));
}

pub async fn a_floor_is_logged_with_its_time(store: Store) {
    if skips_log(&store) {
        return;
    }
    let alice = subject("alice");
    let change = SubjectChange::floors(vec![FactorKind::Totp], at(5));
    let _ = store.change_subject(&of(&alice), change).await.unwrap();
    let entries = log_after(&store, Cursor::start()).await.0;
    assert!(entries.iter().any(|entry| matches!(entry,
        RevocationEntry::Subject { key, factors_changed_at: Some(time), .. } if *key == of(&alice) && *time == at(5))));
}

pub async fn a_superseded_holder_of_a_device_is_logged(store: Store) {
    if skips_log(&store) {
        return;
    }
    let on_device = |born| {
        let device = DeviceId::new("d").unwrap();
        fixtures::session().at(at(born)).device(device).build()
    };
    let first = create(&store, on_device(0)).await;
    created(insert_with(&store, on_device(1), |new| new.replace_device = true).await);
    assert!(names(&log_after(&store, Cursor::start()).await.0, &first));
}

pub async fn the_log_is_read_page_by_page_and_skips_nothing(store: Store) {
    if skips_log(&store) {
        return;
    }
    let mut keys = Vec::new();
    for _ in 0..25 {
        let key = create(&store, fixtures::session().build()).await;
        let _ = end(&store, &key, RevokeReason::Logout, 1).await;
        keys.push(key);
    }
    let (mut entries, mut cursor) = (Vec::new(), Cursor::start());
    loop {
        let batch = store.revoked_since(&cursor, 4).await.unwrap();
        let RevocationBatch::Entries { entries: some, next, more } = batch else {
            panic!("{batch:?}")
        };
        assert!(some.len() <= 4 && (!some.is_empty() || !more), "every page brings one on");
        entries.extend(some);
        cursor = Cursor::from_bytes(next.as_bytes());
        if !more {
            break;
        }
    }
    assert!(keys.iter().all(|key| names(&entries, key)));
}

pub async fn a_cursor_at_the_end_gets_what_comes_next(store: Store) {
    if skips_log(&store) {
        return;
    }
    let old = create(&store, fixtures::session().build()).await;
    let _ = end(&store, &old, RevokeReason::Logout, 1).await;
    let (_, cursor) = log_after(&store, Cursor::start()).await;
    let new = create(&store, fixtures::session().build()).await;
    let _ = end(&store, &new, RevokeReason::Logout, 2).await;
    let (entries, cursor) = log_after(&store, cursor).await;
    assert!(names(&entries, &new));
    let (again, _) = log_after(&store, cursor).await;
    assert!(!names(&again, &old), "a cursor does not stand still");
}

pub async fn a_cursor_that_no_store_made_starts_anew(store: Store) {
    if skips_log(&store) {
        return;
    }
    for bytes in [&b"x"[..], &[255; 8], &[255; 16], &[0; 3], &[7; 200]] {
        let batch = store.revoked_since(&Cursor::from_bytes(bytes), 10).await.unwrap();
        let RevocationBatch::Reset { next } = batch else { panic!("{batch:?}") };
        assert!(log_after(&store, next).await.0.is_empty());
    }
}

pub async fn a_reset_goes_on_from_the_end(store: Store) {
    if skips_log(&store) {
        return;
    }
    let batch = store.revoked_since(&Cursor::from_bytes([255; 9]), 10).await.unwrap();
    let RevocationBatch::Reset { next } = batch else { panic!("{batch:?}") };
    let key = create(&store, fixtures::session().build()).await;
    let _ = end(&store, &key, RevokeReason::Logout, 1).await;
    assert!(names(&log_after(&store, next).await.0, &key));
}
