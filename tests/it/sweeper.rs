//! Sweeping: what is told of it, how much a call takes, and what a failing batch does.

use session_issuer::{Policy, Revoke, event::EventKind, policy::AbsoluteLifetime, testing::block_on};

use crate::world::*;

/// Sessions of an hour, kept for a day after.
fn an_hour() -> Policy {
    Policy::default().absolute_lifetime(AbsoluteLifetime::After(HOUR)).idle_timeout(None)
}

fn expired(world: &World) -> Vec<String> {
    let events = world.events().into_iter().filter(|event| event.kind == EventKind::Expired);
    events.map(|event| event.subject.unwrap().to_string()).collect()
}

#[test]
fn a_session_that_a_mass_revocation_ended_is_not_told_as_expired_when_it_is_swept() {
    let world = World::new(an_hour());
    world.login("alice");
    let kept = world.login("alice");
    world.login("bob");
    let ended = world.login("bob");
    block_on(world.issuer.revoke(Revoke::others_than(kept.token()))).unwrap();
    block_on(world.issuer.revoke(Revoke::token(ended.token()))).unwrap();
    world.advance(HOUR + DAY);
    let mut removed = 0;
    loop {
        let report = block_on(world.issuer.sweep(10)).unwrap();
        removed += report.removed;
        if !report.more {
            break;
        }
    }
    assert_eq!(removed, 4);
    let mut told = expired(&world);
    told.sort();
    assert_eq!(told, ["alice", "bob"], "the kept one and the one that nobody ended");
    let sessions: Vec<_> =
        world.events().into_iter().filter(|event| event.kind == EventKind::Expired).collect();
    assert!(sessions.iter().any(|event| event.session == Some(kept.session_id())));
}
