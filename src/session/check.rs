//! The check rule: for which tokens a session stands, and what of their use is noted.
//!
//! | token | of generation | then |
//! | --- | --- | --- |
//! | access | `g` or above | good |
//! | access | `g - 1`, unless a jump lies between | good, and a refresh would bring something newer |
//! | access | any other below `g` | refresh first: never theft |
//! | session | `g` exactly | good |
//! | session | any other | superseded: no window, no successor, never theft |
//!
//! Two steps, because an impersonation asks for its actors between them: [`decide_check`] judges
//! the token by its session, [`decide_use`] judges the session by the requirement. `model` searches
//! both.

use std::borrow::Cow;

use super::{
    change::Use,
    life::SubjectStamp,
    not_live::{NotLive, live},
    record::{CredentialsKind, Record, Session},
};
use crate::{
    clock::Timestamp,
    factor::Factor,
    policy::{Noting, Policy, Requirement, Unmet},
};

/// An authentic token that names a session: what the rule must know of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AuthenticToken {
    /// What the token is.
    pub(crate) kind: AuthenticKind,
    /// The generation at which it was minted.
    pub(crate) generation: u32,
    /// When it expires, where that was not judged when it was read.
    pub(crate) expires_at: Option<Timestamp>,
}

/// The kinds of token that stand for a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AuthenticKind {
    /// A proof for a short time.
    Access,
    /// A handle, good at its exact generation.
    Session,
}

/// How old an authentic token is in its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// Of the current generation, or of one that the record has not heard of yet.
    Current,
    /// Of the generation before, with no jump between: still good.
    Previous,
    /// Older: refresh first. Never theft.
    Outdated,
}

/// Why a check refuses an authentic token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CheckRefusal {
    /// The session is not live.
    NotLive(NotLive),
    /// The record has no such tokens.
    WrongTokenKind,
    /// The access token has expired.
    TokenExpired,
    /// The access token is too old in its session: a refresh brings a good one.
    RefreshRequired,
    /// A newer session token has taken this one's place.
    Superseded,
    /// The requirement wants no impersonation.
    ImpersonationRefused,
    /// The session lacks proofs.
    Unmet(Unmet),
}

/// Decides whether a live session stands for an authentic token now.
pub(crate) fn decide_check(
    record: &Record,
    stamp: Option<&SubjectStamp>,
    token: AuthenticToken,
    now: Timestamp,
) -> Result<Age, CheckRefusal> {
    live(record, stamp, now).map_err(CheckRefusal::NotLive)?;
    decide_standing(record, token, now)
}

/// As [`decide_check`], of a session that may have ended.
pub(crate) fn decide_standing(
    record: &Record,
    token: AuthenticToken,
    now: Timestamp,
) -> Result<Age, CheckRefusal> {
    let session = record.session().ok_or(CheckRefusal::WrongTokenKind)?;
    if token.expires_at.is_some_and(|end| now >= end) {
        return Err(CheckRefusal::TokenExpired);
    }
    match token.kind {
        AuthenticKind::Session if token.generation == record.generation() => Ok(Age::Current),
        AuthenticKind::Session => Err(CheckRefusal::Superseded),
        AuthenticKind::Access if session.credentials() == CredentialsKind::Session => {
            Err(CheckRefusal::WrongTokenKind)
        }
        AuthenticKind::Access => match access_age(record, token.generation) {
            Age::Outdated => Err(CheckRefusal::RefreshRequired),
            age => Ok(age),
        },
    }
}

/// Decides whether a live session meets a requirement, and what is to be noted of this use.
///
/// Noted are: the time, where the last one noted is older than the policy's throttle or the
/// requirement says at once; the first use of a generation; the counters that the requirement
/// spends. None where there is nothing to note.
pub(crate) fn decide_use(
    record: &Record,
    stamp: Option<&SubjectStamp>,
    token: AuthenticToken,
    now: Timestamp,
    policy: &Policy,
    need: &Requirement,
) -> Result<Option<Use>, CheckRefusal> {
    let Some(session) = record.session() else { return Ok(None) };
    if session.is_impersonation() && !need.impersonation {
        return Err(CheckRefusal::ImpersonationRefused);
    }
    if need.asks_for_proof()
        && let Some(unmet) = need.unmet(&counting(session, stamp), now)
    {
        return Err(CheckRefusal::Unmet(unmet));
    }
    // Whether the current generation was used tells a lost reply from a theft. The first generation
    // has no token before it that could come again.
    let follows_another = session.credentials() == CredentialsKind::Pair && record.generation() > 1;
    let is_current = token.generation == record.generation();
    let seen =
        is_current && follows_another && !session.successor_seen() && need.noting != Noting::Never;
    let is_use = matches!(need.noting, Noting::Throttled | Noting::AtOnce);
    let is_due = is_use
        && now > session.last_seen_at()
        && (need.noting == Noting::AtOnce
            || now.since(session.last_seen_at()) >= policy.noting_throttle(session.idle_timeout()));
    Ok((seen || is_due || !need.spend.is_empty()).then(|| Use {
        seen_at: (is_due || (seen && is_use)).then_some(now),
        seen_generation: seen.then(|| record.generation()),
        spend: need.spend.clone(),
        now,
    }))
}

/// Says how old an access token of this generation is.
pub(crate) fn access_age(record: &Record, generation: u32) -> Age {
    let current = record.generation();
    let jumped = record.session().is_some_and(|session| {
        session.jumped_from != 0 && session.jumped_from.checked_add(2) == Some(current)
    });
    match current.checked_sub(generation) {
        None | Some(0) => Age::Current,
        Some(1) if !jumped => Age::Previous,
        Some(_) => Age::Outdated,
    }
}

/// Gives the proofs of a session that still count.
pub(crate) fn counting<'a>(
    session: &'a Session,
    stamp: Option<&SubjectStamp>,
) -> Cow<'a, [Factor]> {
    match stamp {
        Some(stamp) if stamp.floors.is_some() => Cow::Owned(stamp.counting(session)),
        _ => Cow::Borrowed(session.factors()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{
        super::{
            birth::SessionBirth,
            life::FactorFloor,
            record::Tombstone,
            sample::{
                BORN, KEY, after, birth, impersonation, of_flow_c, proof, request, stamp, subject,
            },
        },
        *,
    };
    use crate::{
        factor::{AssuranceLevel, FactorKind},
        policy::Spend,
        reason::RevokeReason,
    };

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    fn access(generation: u32) -> AuthenticToken {
        AuthenticToken { kind: AuthenticKind::Access, generation, expires_at: None }
    }

    fn handle(generation: u32) -> AuthenticToken {
        AuthenticToken { kind: AuthenticKind::Session, generation, expires_at: None }
    }

    fn pair() -> Record {
        Record::new_session(birth(&Policy::default()))
    }

    /// The pair after one refresh.
    fn rotated() -> Record {
        pair().rotated(1, BORN, KEY).unwrap()
    }

    fn noted(record: &Record, generation: u32, now: Timestamp, need: &Requirement) -> Option<Use> {
        decide_use(record, Some(&stamp()), access(generation), now, &Policy::default(), need)
            .unwrap()
    }

    fn seen_at(at: Timestamp) -> Use {
        Use::new(at).seen()
    }

    #[test]
    fn a_session_token_is_good_at_its_exact_generation() {
        let mut record = of_flow_c(&Policy::zitadel());
        record.generation = 5;
        for other in [1, 3, 4, 6, 7] {
            let refusal = decide_standing(&record, handle(other), BORN);
            assert_eq!(refusal, Err(CheckRefusal::Superseded), "{other}");
        }
        assert_eq!(decide_standing(&record, handle(5), BORN), Ok(Age::Current));
    }

    #[test]
    fn an_access_token_is_good_at_this_generation_and_the_one_before_but_not_across_a_jump() {
        let mut record = pair();
        record.generation = 5;
        let ages =
            [3, 4, 5, 6].map(|generation| decide_standing(&record, access(generation), BORN));
        let outdated = Err(CheckRefusal::RefreshRequired);
        assert_eq!(ages, [outdated.clone(), Ok(Age::Previous), Ok(Age::Current), Ok(Age::Current)]);
        record.jump(BORN, KEY).unwrap();
        let ages = [5, 6, 7].map(|generation| decide_standing(&record, access(generation), BORN));
        assert_eq!(ages, [outdated.clone(), outdated, Ok(Age::Current)]);
    }

    #[test]
    fn a_record_refuses_kinds_of_token_that_it_does_not_have() {
        let wrong = Err(CheckRefusal::WrongTokenKind);
        assert_eq!(decide_standing(&of_flow_c(&Policy::zitadel()), access(1), BORN), wrong);
        assert_eq!(decide_standing(&request(MINUTE), access(1), BORN), wrong);
        assert_eq!(decide_standing(&request(MINUTE), handle(1), BORN), wrong);
    }

    #[test]
    fn an_access_token_is_refused_from_its_end_on() {
        let token = AuthenticToken { expires_at: Some(after(MINUTE)), ..access(1) };
        let before = Timestamp::from_millis(after(MINUTE).as_millis() - 1);
        assert_eq!(decide_standing(&pair(), token, before), Ok(Age::Current));
        assert_eq!(decide_standing(&pair(), token, after(MINUTE)), Err(CheckRefusal::TokenExpired));
    }

    #[test]
    fn why_a_session_is_not_live_comes_before_what_is_wrong_with_the_token() {
        let policy = Policy::default();
        let outdated = AuthenticToken { expires_at: Some(BORN), ..access(1) };
        let ended = pair().ended(&Tombstone::new(RevokeReason::Logout, BORN));
        let mut moved = stamp();
        moved.bump(None, RevokeReason::CredentialChange, BORN);
        let absolute = policy.absolute.as_duration().unwrap();
        let mut used = pair();
        used.note_use(&seen_at(after(absolute))).unwrap();
        for (record, stamp, now, why) in [
            (ended.clone(), stamp(), BORN, NotLive::Revoked(RevokeReason::Logout)),
            (pair(), moved, BORN, NotLive::Revoked(RevokeReason::CredentialChange)),
            (used, stamp(), after(absolute), NotLive::Expired),
            (pair(), stamp(), after(policy.idle.unwrap()), NotLive::Inactive),
        ] {
            let refusal = decide_check(&record, Some(&stamp), outdated, now);
            assert_eq!(refusal, Err(CheckRefusal::NotLive(why)));
        }
        assert_eq!(decide_standing(&ended, access(1), BORN), Ok(Age::Current));
    }

    #[test]
    fn the_time_of_a_use_is_noted_when_the_last_one_noted_is_as_old_as_the_throttle() {
        let (pair, need) = (pair(), Requirement::new());
        let last = Timestamp::from_millis(after(MINUTE).as_millis() - 1);
        assert_eq!(noted(&pair, 1, last, &need), None);
        assert_eq!(noted(&pair, 1, after(MINUTE), &need), Some(seen_at(after(MINUTE))));
        // A short idle timeout is touched ten times.
        let idle = Some(10 * SECOND);
        let short = Record::new_session(SessionBirth { idle, ..birth(&Policy::default()) });
        assert_eq!(noted(&short, 1, after(SECOND), &need), Some(seen_at(after(SECOND))));
    }

    #[test]
    fn a_requirement_may_note_at_once_or_never() {
        let pair = pair();
        let at_once = Requirement::new().noting(Noting::AtOnce);
        assert_eq!(noted(&pair, 1, after(SECOND), &at_once), Some(seen_at(after(SECOND))));
        assert_eq!(noted(&pair, 1, BORN, &at_once), None, "the time of the last use");
        let earlier = BORN.saturating_sub(MINUTE);
        assert_eq!(noted(&pair, 1, earlier, &at_once), None, "a clock that is behind");
        for need in [
            Requirement::new().noting(Noting::ArrivalOnly),
            Requirement::new().noting(Noting::Never),
        ] {
            assert_eq!(noted(&pair, 1, after(60 * MINUTE), &need), None);
        }
        assert_eq!(
            noted(&rotated(), 2, after(MINUTE), &Requirement::new().noting(Noting::Never)),
            None
        );
    }

    #[test]
    fn the_first_use_of_a_generation_is_noted_at_once() {
        let record = rotated();
        let first = noted(&record, 2, after(SECOND), &Requirement::new()).unwrap();
        assert_eq!((first.seen_at, first.seen_generation), (Some(after(SECOND)), Some(2)));
        let untouched =
            noted(&record, 2, after(SECOND), &Requirement::new().noting(Noting::ArrivalOnly))
                .unwrap();
        assert_eq!((untouched.seen_at, untouched.seen_generation), (None, Some(2)));
        assert_eq!(noted(&record, 1, after(SECOND), &Requirement::new()), None, "the one before");
        let mut seen = record;
        seen.note_use(&first).unwrap();
        assert_eq!(noted(&seen, 2, after(2 * SECOND), &Requirement::new()), None, "the second use");
        assert_eq!(
            noted(&pair(), 1, after(SECOND), &Requirement::new()),
            None,
            "no token before it"
        );
    }

    #[test]
    fn counters_are_spent_at_every_use_even_by_a_reader() {
        let spend = Spend::one("calls", 3);
        for need in [Requirement::new(), Requirement::new().noting(Noting::Never)] {
            let used = noted(&pair(), 1, BORN, &need.spend(spend.clone())).unwrap();
            assert_eq!(used, Use::new(BORN).spending(vec![spend.clone()]));
        }
    }

    #[test]
    fn an_impersonation_is_refused_where_none_is_wanted() {
        let policy = Policy::default();
        let record = impersonation(&policy);
        let decide = |need: Requirement| {
            decide_use(&record, Some(&stamp()), access(1), BORN, &policy, &need)
        };
        assert_eq!(decide(Requirement::new()), Ok(None));
        // This comes before what the session lacks.
        let need = Requirement::new().no_impersonation().factor(FactorKind::Totp);
        assert_eq!(decide(need), Err(CheckRefusal::ImpersonationRefused));
    }

    #[test]
    fn a_session_that_lacks_proofs_is_refused_with_all_that_it_lacks() {
        let policy = Policy::default();
        let factors = vec![proof(FactorKind::Password, BORN)];
        let record = Record::new_session(SessionBirth { factors, ..birth(&policy) });
        let need = Requirement::new()
            .factor(FactorKind::Password)
            .factor(FactorKind::Totp)
            .level(AssuranceLevel::Aal2);
        let unmet = |stamp| match decide_use(
            &record,
            Some(&stamp),
            access(1),
            after(MINUTE),
            &policy,
            &need,
        ) {
            Err(CheckRefusal::Unmet(unmet)) => unmet,
            other => panic!("{other:?}"),
        };
        let lacks = unmet(stamp());
        assert_eq!(lacks.missing, [FactorKind::Totp]);
        assert_eq!(lacks.level, Some(AssuranceLevel::Aal2));
        // A credential that has changed since takes its proof away.
        let mut changed = stamp();
        changed.raise_floor(FactorFloor::new(FactorKind::Password, BORN));
        assert_eq!(unmet(changed).missing, [FactorKind::Password, FactorKind::Totp]);
    }

    #[test]
    fn what_is_no_session_notes_nothing() {
        assert_eq!(request(MINUTE).bound(), None);
        assert_eq!(
            noted(&request(MINUTE), 1, after(SECOND), &Requirement::new().noting(Noting::AtOnce)),
            None
        );
        assert_eq!(pair().bound().unwrap().0, &subject());
    }
}
