//! Refresh: rotation, replay, reuse. Numbers are those of the lifecycle cases.

use session_issuer::{
    NewSession, Policy, Refresh, Revoke,
    client::ClientInfo,
    error::ErrorKind,
    event::EventKind,
    factor::FactorKind,
    policy::{ClientBinding, Rotation},
    session::RevokeReason,
    testing::{Fault, Verb, block_on},
};

use crate::world::*;

// 1
#[test]
fn a_refresh_moves_the_generation_by_one_and_hands_out_a_new_pair() {
    let world = World::new(Policy::default());
    let first = world.login("alice");
    world.advance(MINUTE);
    let second = world.refresh(&refresh_of(&first)).unwrap();
    assert_ne!(refresh_of(&first), refresh_of(&second));
    assert_eq!(second.session().record().generation(), first.session().record().generation() + 1);
    assert_eq!(second.session().session().unwrap().rotated_at(), world.issuer.now());
    let claims = world.issuer.verify(second.token()).unwrap();
    assert_eq!(claims.generation(), 2);
    assert_eq!(claims.session_id(), first.session_id());
    assert!(!second.is_replay());
}

// 2, 3
#[test]
fn a_retry_inside_the_window_gets_the_same_refresh_token_and_rotates_nothing() {
    let world = World::new(Policy::default());
    let first = world.login("alice");
    let second = world.refresh(&refresh_of(&first)).unwrap();
    world.advance(9 * SECOND);
    let again = world.refresh(&refresh_of(&first)).unwrap();
    assert_eq!(refresh_of(&second), refresh_of(&again));
    assert!(again.is_replay());
    assert_eq!(again.session().record().generation(), 2);
    assert_eq!(again.session().record().version(), second.session().record().version());
    let (own, replayed) =
        (world.issuer.verify(second.token()).unwrap(), world.issuer.verify(again.token()).unwrap());
    assert_eq!((own.subject(), own.generation()), (replayed.subject(), replayed.generation()));
    assert_eq!(world.count(|kind| matches!(kind, EventKind::RefreshReplayed { .. })), 1);
}

// 25
#[test]
fn the_overlap_window_counts_from_the_rotation_and_never_slides() {
    let world = World::new(Policy::default().rotation(no_retry()));
    let first = refresh_of(&world.login("alice"));
    world.refresh(&first).unwrap();
    for _ in 0..9 {
        world.advance(SECOND);
        world.refresh(&first).unwrap();
    }
    world.advance(SECOND);
    refused(world.refresh(&first), ErrorKind::ReuseDetected);
}

fn no_retry() -> Rotation {
    Rotation::On {
        overlap: 10 * SECOND,
        retry: Some(std::time::Duration::ZERO),
        late_replays_in_a_row: 2,
    }
}

// 5, 31
#[test]
fn a_reused_refresh_token_ends_its_session() {
    let world = World::new(Policy::default().rotation(Rotation::strict()));
    let first = refresh_of(&world.login("alice"));
    let second = world.refresh(&first).unwrap();
    world.advance(MINUTE);
    let error = refused(world.refresh(&first), ErrorKind::ReuseDetected);
    assert!(error.is_terminal());
    let error = refused(world.refresh(&refresh_of(&second)), ErrorKind::Revoked);
    assert_eq!(error.reason(), Some(RevokeReason::Reuse));
    refused(world.check(second.token()), ErrorKind::Revoked);
    assert_eq!(world.count(|kind| *kind == EventKind::ReuseDetected), 1);
}

// 6
#[test]
fn however_little_an_outsider_is_told_the_session_of_a_reused_token_is_gone() {
    let world = World::new(Policy::default().rotation(Rotation::strict()));
    let first = refresh_of(&world.login("alice"));
    let second = world.refresh(&first).unwrap();
    let theft = world.refresh(&first).unwrap_err();
    let nonsense = world.refresh("nonsense").unwrap_err();
    assert_eq!(theft.public(), nonsense.public());
    refused(world.refresh(&refresh_of(&second)), ErrorKind::Revoked);
}

// 7, 16, 22, 27
#[test]
fn an_ancestor_that_comes_back_kills_every_token_of_the_session() {
    for ancestor in 0..3 {
        let world = World::new(Policy::default());
        let mut pairs = vec![world.login("alice")];
        for _ in 0..4 {
            world.advance(HOUR);
            let next = world.refresh(&refresh_of(pairs.last().unwrap())).unwrap();
            world.check(next.token()).unwrap();
            pairs.push(next);
        }
        world.advance(MINUTE);
        refused(world.refresh(&refresh_of(&pairs[ancestor])), ErrorKind::ReuseDetected);
        for pair in &pairs {
            refused(world.refresh(&refresh_of(pair)), ErrorKind::Revoked);
        }
        refused(world.check(pairs[4].token()), ErrorKind::Revoked);
    }
}

// 13
#[test]
fn a_lost_reply_is_given_again_ten_times_while_nobody_uses_the_successor() {
    let world = World::new(Policy::default());
    let first = refresh_of(&world.login("alice"));
    let lost = world.refresh(&first).unwrap();
    for _ in 0..10 {
        world.advance(HOUR);
        let again = world.refresh(&first).unwrap();
        assert_eq!(refresh_of(&again), refresh_of(&lost));
    }
    // The client moves on, and all is well.
    let next = world.refresh(&refresh_of(&lost)).unwrap();
    world.check(next.token()).unwrap();
}

// 14
#[test]
fn the_predecessor_is_theft_once_its_successor_was_used() {
    let world = World::new(Policy::default());
    let first = refresh_of(&world.login("alice"));
    let second = world.refresh(&first).unwrap();
    world.advance(MINUTE);
    world.check(second.token()).unwrap();
    refused(world.refresh(&first), ErrorKind::ReuseDetected);
    refused(world.check(second.token()), ErrorKind::Revoked);
}

#[test]
fn an_owner_and_a_thief_in_turns_are_found() {
    // Stateless checks never tell the issuer that a successor arrived.
    let world = World::new(Policy::default());
    let stolen = refresh_of(&world.login("alice"));
    let (mut owner, mut thief) = (stolen.clone(), stolen);
    let mut rotations = 0;
    let found = loop {
        world.advance(10 * MINUTE);
        match world.refresh(&owner) {
            Ok(issued) => owner = refresh_of(&issued),
            Err(error) => break error.kind(),
        }
        rotations += 1;
        world.advance(10 * MINUTE);
        match world.refresh(&thief) {
            Ok(issued) => thief = refresh_of(&issued),
            Err(error) => break error.kind(),
        }
        assert!(rotations <= 4, "nobody noticed");
    };
    assert_eq!(found, ErrorKind::ReuseDetected);
    assert!(rotations <= 4);
}

// 17
#[test]
fn without_rotation_the_refresh_token_stays_and_every_refresh_is_a_fresh_access_token() {
    let world = World::new(Policy::stack_auth());
    let login = world.login("alice");
    for _ in 0..3 {
        world.advance(HOUR);
        let again = world.refresh(&refresh_of(&login)).unwrap();
        assert_eq!(refresh_of(&again), refresh_of(&login));
        world.check(again.token()).unwrap();
    }
}

// 17, 34
#[test]
fn rotation_may_be_switched_on_and_off_while_sessions_live() {
    let rotating = World::new(Policy::default());
    let still = World::over(
        Policy::default().rotation(Rotation::Off),
        rotating.clock.clone(),
        rotating.store.clone(),
    );
    let first = refresh_of(&still.login("alice"));
    for _ in 0..3 {
        still.advance(HOUR);
        still.refresh(&first).unwrap();
    }
    // Counting starts now.
    let second = refresh_of(&rotating.refresh(&first).unwrap());
    rotating.advance(HOUR);
    let third = refresh_of(&rotating.refresh(&second).unwrap());
    // Off again: an ancient token is refused, and its session lives.
    refused(still.refresh(&first), ErrorKind::Superseded);
    still.refresh(&third).unwrap();
    // On again: it is theft, and what was revoked stays revoked.
    rotating.advance(HOUR);
    refused(rotating.refresh(&first), ErrorKind::ReuseDetected);
    refused(still.refresh(&third), ErrorKind::Revoked);
}

// 18
#[test]
fn inside_the_window_a_grandparent_is_refused_and_nothing_is_revoked() {
    let world = World::new(Policy::default());
    let first = refresh_of(&world.login("alice"));
    let second = refresh_of(&world.refresh(&first).unwrap());
    let third = refresh_of(&world.refresh(&second).unwrap());
    world.advance(5 * SECOND);
    let error = refused(world.refresh(&first), ErrorKind::Superseded);
    assert!(!error.is_terminal());
    world.refresh(&third).unwrap();
}

// 19
#[test]
fn another_client_can_neither_refresh_nor_log_the_owner_out() {
    let world = World::new(Policy::default().client_binding(ClientBinding::UserAgent));
    let own = ClientInfo::new().with_user_agent("own/1.0");
    let other = ClientInfo::new().with_user_agent("other/1.0");
    let refresh = |token: &str, client: &ClientInfo| {
        block_on(world.issuer.refresh(Refresh::new(token).client(client)))
    };
    let first = world.create(NewSession::for_subject(id("alice")).client(own.clone())).unwrap();
    let first = refresh_of(&first);
    refused(refresh(&first, &other), ErrorKind::ClientMismatch);
    let second = refresh_of(&refresh(&first, &own).unwrap());
    world.advance(HOUR);
    let third = refresh_of(&refresh(&second, &own).unwrap());
    // At every age of the token, and long after every window.
    for token in [&first, &second, &third] {
        refused(refresh(token, &other), ErrorKind::ClientMismatch);
        refused(world.refresh(token), ErrorKind::ClientMismatch);
    }
    refresh(&third, &own).unwrap();
}

// 21
#[test]
fn a_replay_that_the_store_did_not_hear_of_may_be_asked_for_again() {
    let world = World::new(Policy::default());
    let first = refresh_of(&world.login("alice"));
    let second = world.refresh(&first).unwrap();
    world.store.fail_next(Verb::NoteUse, Fault::Before);
    world.advance(SECOND);
    // Nothing is signed unless the store has said just now that the session lives.
    refused(world.refresh(&first), ErrorKind::Unavailable);
    assert_eq!(refresh_of(&world.refresh(&first).unwrap()), refresh_of(&second));
    world.refresh(&refresh_of(&second)).unwrap();
}

// 32
#[test]
fn two_logins_of_one_subject_are_two_families() {
    let world = World::new(Policy::default());
    let (one, two) = (world.login("alice"), world.login("alice"));
    let next = world.refresh(&refresh_of(&one)).unwrap();
    world.check(next.token()).unwrap();
    world.advance(HOUR);
    refused(world.refresh(&refresh_of(&one)), ErrorKind::ReuseDetected);
    world.refresh(&refresh_of(&two)).unwrap();
}

// 33
#[test]
fn a_new_login_brings_no_token_of_a_stolen_session_back() {
    let world = World::new(Policy::default());
    let first = refresh_of(&world.login("alice"));
    let second = world.refresh(&first).unwrap();
    world.check(second.token()).unwrap();
    world.advance(MINUTE);
    refused(world.refresh(&first), ErrorKind::ReuseDetected);
    let fresh = world.login("alice");
    refused(world.refresh(&first), ErrorKind::Revoked);
    refused(world.refresh(&refresh_of(&second)), ErrorKind::Revoked);
    refused(world.check(second.token()), ErrorKind::Revoked);
    world.check(fresh.token()).unwrap();
}

// 23, 66
#[test]
fn after_a_revocation_no_token_of_the_session_ever_works_again() {
    let world = World::new(Policy::default());
    let first = world.login("alice");
    let second = world.refresh(&refresh_of(&first)).unwrap();
    block_on(world.issuer.revoke(Revoke::session(first.session_id()))).unwrap();
    for token in [refresh_of(&first), refresh_of(&second)] {
        let error = refused(world.refresh(&token), ErrorKind::Revoked);
        assert_eq!(error.reason(), Some(RevokeReason::Admin), "a logged-out token is not theft");
    }
}

// 36, and section 6 of the design
#[test]
fn a_token_ahead_of_its_record_is_the_current_one() {
    // The failover has lost acknowledged rotations: the store is the one of an hour ago.
    let (before, after) = (World::new(Policy::default()), World::new(Policy::default()));
    let login = before.login("alice");
    let record = login.session().record().clone();
    let second = refresh_of(&before.refresh(&refresh_of(&login)).unwrap());
    before.advance(HOUR);
    let third = refresh_of(&before.refresh(&second).unwrap());

    let subject = session_issuer::id::SubjectKey::new(record.tenant().clone(), id("alice"));
    let stamp = block_on(async {
        use session_issuer::store::{NewRecord, SessionStore};
        let epoch = record.bound().unwrap().1;
        let at = session_issuer::Timestamp::from_millis(epoch.get());
        let stamp = after.store.stamp(&subject, at).await.unwrap();
        let _ = after.store.insert(NewRecord::new(record, at)).await.unwrap();
        stamp
    });
    after.advance(HOUR);
    assert!(stamp.kept.is_none());
    let fourth = after.refresh(&third).unwrap();
    assert_eq!(fourth.session().record().generation(), 4);
    assert_eq!(after.count(|kind| *kind == EventKind::TokenAhead), 1);
    after.check(fourth.token()).unwrap();
}

#[test]
fn old_tokens_cannot_follow_a_step_up() {
    let world = World::new(Policy::default());
    world.people.add("alice", "correct horse");
    let login = world.login("alice");
    let update =
        session_issuer::Update::with_token(login.token()).verified_by_host(FactorKind::Totp);
    let stepped = block_on(world.issuer.update(update)).unwrap();
    assert_eq!(stepped.session().record().generation(), 3);
    refused(world.refresh(&refresh_of(&login)), ErrorKind::Superseded);
    refused(world.check(login.token()), ErrorKind::RefreshRequired);
    world.check(stepped.token()).unwrap();
    world.advance(HOUR);
    refused(world.refresh(&refresh_of(&login)), ErrorKind::ReuseDetected);
}

// 46
#[test]
fn an_access_token_may_ask_for_less_and_never_for_more() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    let ask = |lifetime| {
        block_on(world.issuer.refresh(Refresh::new(&refresh_of(&login)).access_lifetime(lifetime)))
    };
    refused(ask(std::time::Duration::ZERO), ErrorKind::InvalidInput);
    refused(ask(601 * SECOND), ErrorKind::InvalidInput);
    let short = ask(60 * SECOND).unwrap();
    assert_eq!(short.expires_at(), Some(world.issuer.now().saturating_add(60 * SECOND)));
    let next = world.refresh(&refresh_of(&short)).unwrap();
    assert_eq!(
        next.expires_at(),
        Some(world.issuer.now().saturating_add(600 * SECOND)),
        "it is not kept"
    );
}

#[test]
fn the_event_of_a_replay_says_whether_it_came_from_elsewhere() {
    let world = World::new(Policy::default());
    let home = ClientInfo::new().with_user_agent("home").with_ip("192.0.2.1".parse().unwrap());
    let away = ClientInfo::new().with_user_agent("home").with_ip("198.51.100.1".parse().unwrap());
    let first = world.create(NewSession::for_subject(id("alice")).client(home)).unwrap();
    world.refresh(&refresh_of(&first)).unwrap();
    block_on(world.issuer.refresh(Refresh::new(&refresh_of(&first)).client(&away))).unwrap();
    let replay = world.events().into_iter().find_map(|event| match event.kind {
        EventKind::RefreshReplayed { ip_changed, agent_changed, .. } => {
            Some((ip_changed, agent_changed))
        }
        _ => None,
    });
    assert_eq!(replay, Some((true, false)));
}
