//! The rule of request tokens: who may look at one, decide on it, and exchange it (flow D).
//!
//! | the record is | shown | decided | exchanged, by its app |
//! | --- | --- | --- | --- |
//! | requested | yes | yes | not approved yet: it waits on |
//! | approved | yes | decided before | yes, once |
//! | denied | denied | decided before | denied |
//! | a session, or ended after its exchange | decided before | decided before | decided before |
//! | not live | refused | refused | refused |
//!
//! A refusal changes nothing and revokes nothing: request tokens travel in addresses, where others
//! read them. What follows from a yes is in `change` (decided) and in `birth` (exchanged). `model`
//! searches all of it.

use super::{
    life::SubjectStamp,
    not_live::{NotLive, live},
    record::{Record, State},
};
use crate::{clock::Timestamp, id::AppId};

/// Why something is not done with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestRefusal {
    /// Another app opened the request: to this one it is unknown.
    OtherApp,
    /// The request, or the session that it became, is not live.
    NotLive(NotLive),
    /// Nobody has decided yet.
    NotApproved,
    /// The subject has refused.
    Denied,
    /// The request was decided, or exchanged, before.
    AlreadyDecided,
}

/// Decides whether a request may be approved or denied now.
pub(crate) fn decide_decision(
    record: &Record,
    stamp: Option<&SubjectStamp>,
    now: Timestamp,
) -> Result<(), RequestRefusal> {
    live(record, stamp, now).map_err(RequestRefusal::NotLive)?;
    match record.state() {
        State::Requested(_) => Ok(()),
        State::Approved(..) | State::Denied(_) | State::Active(_) | State::Ended(_) => {
            Err(RequestRefusal::AlreadyDecided)
        }
    }
}

/// Decides whether an app may exchange a request for a session now.
pub(crate) fn decide_exchange(
    record: &Record,
    stamp: Option<&SubjectStamp>,
    app: &AppId,
    now: Timestamp,
) -> Result<(), RequestRefusal> {
    of_app(record, app)?;
    live(record, stamp, now).map_err(RequestRefusal::NotLive)?;
    match record.state() {
        State::Approved(..) => Ok(()),
        State::Requested(_) => Err(RequestRefusal::NotApproved),
        State::Denied(_) => Err(RequestRefusal::Denied),
        State::Active(_) | State::Ended(_) => Err(RequestRefusal::AlreadyDecided),
    }
}

/// Decides whether a request may be shown: to its app alone, where one asks.
pub(crate) fn decide_look(
    record: &Record,
    stamp: Option<&SubjectStamp>,
    app: Option<&AppId>,
    now: Timestamp,
) -> Result<(), RequestRefusal> {
    if let Some(app) = app {
        of_app(record, app)?;
    }
    live(record, stamp, now).map_err(RequestRefusal::NotLive)?;
    match record.state() {
        State::Requested(_) | State::Approved(..) => Ok(()),
        State::Denied(_) => Err(RequestRefusal::Denied),
        State::Active(_) | State::Ended(_) => Err(RequestRefusal::AlreadyDecided),
    }
}

/// Refuses every app but the one that opened the request.
fn of_app(record: &Record, app: &AppId) -> Result<(), RequestRefusal> {
    let opener = match (record.request(), record.session()) {
        (Some(request), _) => Some(request.app()),
        (None, Some(session)) => session.app(),
        (None, None) => None,
    };
    match opener == Some(app) {
        true => Ok(()),
        false => Err(RequestRefusal::OtherApp),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::{
            record::Tombstone,
            sample::{BORN, after, app, birth, bound, request, stamp},
        },
        *,
    };
    use crate::{policy::Policy, reason::RevokeReason};

    const WAIT: Duration = Duration::from_secs(600);

    fn approved() -> Record {
        request(WAIT).decided(bound(), BORN, WAIT).unwrap()
    }

    fn denied() -> Record {
        request(WAIT).decided(None, BORN, WAIT).unwrap()
    }

    fn exchanged() -> Record {
        approved().exchanged(birth(&Policy::tmdb())).unwrap()
    }

    fn ended(record: &Record) -> Record {
        record.ended(&Tombstone::new(RevokeReason::Admin, BORN))
    }

    /// What is said to a look, a decision and an exchange.
    fn said(record: &Record, now: Timestamp) -> [Result<(), RequestRefusal>; 3] {
        let stamp = stamp();
        [
            decide_look(record, Some(&stamp), Some(&app()), now),
            decide_decision(record, Some(&stamp), now),
            decide_exchange(record, Some(&stamp), &app(), now),
        ]
    }

    #[test]
    fn a_request_is_decided_once_and_exchanged_once_after_it_was_approved() {
        use RequestRefusal::{AlreadyDecided, Denied, NotApproved};
        assert_eq!(said(&request(WAIT), BORN), [Ok(()), Ok(()), Err(NotApproved)]);
        assert_eq!(said(&approved(), BORN), [Ok(()), Err(AlreadyDecided), Ok(())]);
        assert_eq!(said(&denied(), BORN), [Err(Denied), Err(AlreadyDecided), Err(Denied)]);
        assert_eq!(said(&exchanged(), BORN), [Err(AlreadyDecided); 3]);
    }

    #[test]
    fn what_was_revoked_or_has_expired_is_refused_as_that() {
        let revoked = Err(RequestRefusal::NotLive(NotLive::Revoked(RevokeReason::Admin)));
        let expired = Err(RequestRefusal::NotLive(NotLive::Expired));
        for record in [request(WAIT), approved(), denied()] {
            assert_eq!(said(&ended(&record), BORN), [revoked; 3]);
            assert_eq!(said(&record, after(WAIT)), [expired; 3]);
        }
        assert_eq!(said(&ended(&exchanged()), BORN), [revoked; 3]);
    }

    #[test]
    fn an_approval_falls_with_the_epoch_of_its_subject() {
        let mut moved = stamp();
        moved.bump(None, RevokeReason::CredentialChange, BORN);
        let why = RequestRefusal::NotLive(NotLive::Revoked(RevokeReason::CredentialChange));
        assert_eq!(decide_exchange(&approved(), Some(&moved), &app(), BORN), Err(why));
        // What nobody knows the epoch of is not live.
        let unknown = RequestRefusal::NotLive(NotLive::Revoked(RevokeReason::Admin));
        assert_eq!(decide_exchange(&approved(), None, &app(), BORN), Err(unknown));
        assert_eq!(decide_decision(&request(WAIT), None, BORN), Ok(()), "it names nobody yet");
    }

    #[test]
    fn another_app_learns_nothing_whatever_became_of_the_request() {
        let other = AppId::new("other").unwrap();
        let unknown = Err(RequestRefusal::OtherApp);
        for record in [request(WAIT), approved(), denied(), exchanged(), ended(&approved())] {
            for now in [BORN, after(WAIT)] {
                assert_eq!(decide_exchange(&record, Some(&stamp()), &other, now), unknown);
                assert_eq!(decide_look(&record, Some(&stamp()), Some(&other), now), unknown);
            }
        }
        // A session that no app opened is nobody's to exchange.
        let session = Record::new_session(birth(&Policy::tmdb()));
        assert_eq!(decide_exchange(&session, Some(&stamp()), &app(), BORN), unknown);
    }

    #[test]
    fn whoever_shows_a_request_without_naming_an_app_sees_it() {
        assert_eq!(decide_look(&request(WAIT), None, None, BORN), Ok(()));
    }
}
