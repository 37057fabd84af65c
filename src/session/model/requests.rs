//! Request tokens: two nodes that decide and exchange at once, revocations between a read and its
//! commit, and the time that runs out. Each answer is compared with the text of sections 5 and 9,
//! which here reads a history that the test writes itself and not the record.

use std::{sync::OnceLock, time::Duration};

use super::{
    super::{
        NotLive, Record, RequestRefusal, SessionBirth, SubjectStamp, Tombstone, decide_decision,
        decide_exchange, decide_look,
        sample::{self, KEY},
    },
    DAY, MILLISECOND, MINUTE, SEED,
    search::{Broken, Explored, World, promise, search, walk},
};
use crate::{
    clock::Timestamp,
    epoch::Epoch,
    id::AppId,
    policy::{AbsoluteLifetime, Policy},
    reason::RevokeReason,
};

const AS_THE_TEXT: &str = "an answer is what the text says";
const ONCE: &str = "a request becomes a session once";
const ITS_APP: &str =
    "only the app that opened a request exchanges it, and to others it is unknown";
const APPROVED: &str = "only what its subject approved becomes a session";
const DEAD: &str = "what was denied, revoked or has expired never becomes a session";
const SECOND_EXCHANGE: &str = "a second exchange is refused and revokes nothing";
const FINAL: &str = "a decision is final";
const ANEW: &str = "an exchange jumps, keeps the id, and sets the limits anew";

/// How long a request waits.
const WAIT: i64 = 60 * MINUTE;
const DEPTH: usize = 6;

const WAITS: [i64; 4] = [MINUTE, WAIT - MILLISECOND, WAIT, DAY];

#[derive(Clone)]
struct Requests {
    record: Record,
    stamp: SubjectStamp,
    now: Timestamp,
    history: History,
    /// What each node has decided on what it read, and not yet committed.
    under_way: [Option<CallUnderWay>; 2],
}

/// What has happened to the request, as its record should know it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct History {
    decision: Option<Settlement>,
    exchanged: bool,
    revoked: bool,
    /// All sessions of the subject were revoked since it approved.
    dead_by_epoch: bool,
    ends_at: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Settlement {
    Approved,
    Denied,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Act {
    Approve,
    Deny,
    Exchange,
}

#[derive(Clone)]
struct CallUnderWay {
    act: Act,
    next: Record,
    read_version: u64,
    read_epoch: Epoch,
    at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(i64),
    /// A node reads the record and decides.
    Begin(usize, Act),
    /// The node commits; it reads and decides again where another act came between.
    Finish(usize),
    ExchangeByAnotherApp,
    Revoke,
    RevokeAllOfTheSubject,
}

fn policy() -> Policy {
    Policy::tmdb().absolute_lifetime(AbsoluteLifetime::After(Duration::from_secs(24 * 3_600)))
}

impl Requests {
    fn new() -> Self {
        let lifetime = policy().request_lifetime;
        let (record, now) = (sample::request(lifetime), sample::BORN);
        let history = History {
            decision: None,
            exchanged: false,
            revoked: false,
            dead_by_epoch: false,
            ends_at: now.as_millis() + WAIT,
        };
        Self { record, stamp: sample::stamp(), now, history, under_way: [None, None] }
    }

    /// The real rule, and the real transition that follows from a yes.
    fn decide(&self, act: Act) -> Result<Record, RequestRefusal> {
        let (stamp, now) = (Some(&self.stamp), self.now);
        let lifetime = policy().request_lifetime;
        let next = match act {
            Act::Approve => {
                decide_decision(&self.record, stamp, now)?;
                let approved = Some((sample::subject(), self.stamp.epoch));
                self.record.decided(approved, now, lifetime)
            }
            Act::Deny => {
                decide_decision(&self.record, stamp, now)?;
                self.record.decided(None, now, lifetime)
            }
            Act::Exchange => {
                decide_exchange(&self.record, stamp, &sample::app(), now)?;
                self.record.exchanged(SessionBirth {
                    now,
                    mac_key: KEY,
                    ..sample::birth(&policy())
                })
            }
        };
        // A yes that no transition follows changes nothing: the promises below find it.
        Ok(next.unwrap_or_else(|| self.record.clone()))
    }

    fn begins(&mut self, node: usize, act: Act) -> Result<(), Broken> {
        let decided = self.decide(act);
        let expected = self.history.answer(act, self.now.as_millis());
        let answer = decided.as_ref().map(drop).map_err(|refusal| *refusal);
        let how = || format!("{answer:?} to {act:?}, not {expected:?},");
        if let Act::Exchange = act {
            promise(SECOND_EXCHANGE, !(self.history.exchanged && answer.is_ok()), how)?;
            promise(
                APPROVED,
                answer.is_err() || self.history.decision == Some(Settlement::Approved),
                how,
            )?;
            promise(DEAD, !(answer.is_ok() && self.history.is_dead(self.now.as_millis())), how)?;
        } else {
            promise(FINAL, !(self.history.decision.is_some() && answer.is_ok()), how)?;
        }
        promise(AS_THE_TEXT, answer == expected, how)?;
        self.under_way[node] = decided.ok().map(|next| CallUnderWay {
            act,
            next,
            read_version: self.record.version(),
            read_epoch: self.stamp.epoch,
            at: self.now,
        });
        Ok(())
    }

    /// The commit of a store: refused after an end, another commit, or a mass revocation.
    fn finishes(&mut self, node: usize) -> Result<(), Broken> {
        let Some(mut act) = self.under_way[node].take() else { return Ok(()) };
        let is_stale =
            self.record.tombstone().is_some() || act.read_version != self.record.version();
        let names_somebody = act.next.bound().is_some();
        if is_stale || names_somebody && act.read_epoch != self.stamp.epoch {
            self.begins(node, act.act)?;
            match self.under_way[node].take() {
                Some(again) => act = again,
                None => return Ok(()),
            }
        }
        let before = self.record.clone();
        act.next.follow(&before);
        self.record = act.next;
        self.happened(act.act, act.at, &before)
    }

    fn happened(&mut self, act: Act, at: Timestamp, before: &Record) -> Result<(), Broken> {
        let how = || format!("{act:?} made {:?}", self.record);
        match act {
            Act::Approve | Act::Deny => {
                promise(FINAL, self.history.decision.is_none(), how)?;
                let is_approved = act == Act::Approve;
                self.history.decision =
                    Some(if is_approved { Settlement::Approved } else { Settlement::Denied });
                if is_approved {
                    self.history.ends_at = at.as_millis() + WAIT;
                }
                promise(AS_THE_TEXT, self.record.session().is_none(), how)
            }
            Act::Exchange => {
                promise(ONCE, !self.history.exchanged, how)?;
                promise(DEAD, !self.history.is_dead(at.as_millis()), how)?;
                promise(APPROVED, self.history.decision == Some(Settlement::Approved), how)?;
                self.history.exchanged = true;
                self.history.ends_at = at.as_millis() + DAY;
                let is_of_subject =
                    self.record.bound().is_some_and(|(own, _)| *own == sample::subject());
                let jumps = self.record.generation() == before.generation() + 2;
                let ends_at = self.record.effective_end().map(Timestamp::as_millis);
                let is_anew = ends_at == Some(self.history.ends_at);
                let is_same = self.record.id() == before.id() && self.record.session().is_some();
                promise(ANEW, is_of_subject && jumps && is_anew && is_same, how)
            }
        }
    }

    fn another_app_exchanges(&self) -> Result<(), Broken> {
        let other = AppId::new("other").unwrap();
        let stamp = Some(&self.stamp);
        let answers = [
            decide_exchange(&self.record, stamp, &other, self.now),
            decide_look(&self.record, stamp, Some(&other), self.now),
        ];
        let unknown = Err(RequestRefusal::OtherApp);
        promise(ITS_APP, answers == [unknown; 2], || format!("{answers:?}"))
    }

    /// What a page that shows the request is history.
    fn looks(&self) -> Result<(), Broken> {
        let app = sample::app();
        let answer = decide_look(&self.record, Some(&self.stamp), Some(&app), self.now);
        let expected = self.history.look(self.now.as_millis());
        promise(AS_THE_TEXT, answer == expected, || {
            format!("{answer:?} to a look, not {expected:?},")
        })
    }
}

impl History {
    /// Why the request, or the session that it became, is not live.
    fn life(&self, now: i64) -> Result<(), RequestRefusal> {
        let revoked = |reason| Err(RequestRefusal::NotLive(NotLive::Revoked(reason)));
        match self {
            Self { revoked: true, .. } => revoked(RevokeReason::Admin),
            Self { dead_by_epoch: true, .. } => revoked(RevokeReason::CredentialChange),
            _ if now >= self.ends_at => Err(RequestRefusal::NotLive(NotLive::Expired)),
            _ => Ok(()),
        }
    }

    fn is_dead(&self, now: i64) -> bool {
        self.life(now).is_err() || self.decision == Some(Settlement::Denied)
    }

    fn answer(&self, act: Act, now: i64) -> Result<(), RequestRefusal> {
        self.life(now)?;
        match (act, self.decision) {
            (Act::Approve | Act::Deny, None) => Ok(()),
            (Act::Approve | Act::Deny, Some(_)) => Err(RequestRefusal::AlreadyDecided),
            (Act::Exchange, None) => Err(RequestRefusal::NotApproved),
            (Act::Exchange, Some(Settlement::Denied)) => Err(RequestRefusal::Denied),
            (Act::Exchange, _) if self.exchanged => Err(RequestRefusal::AlreadyDecided),
            (Act::Exchange, Some(Settlement::Approved)) => Ok(()),
        }
    }

    fn look(&self, now: i64) -> Result<(), RequestRefusal> {
        self.life(now)?;
        match self.decision {
            Some(Settlement::Denied) => Err(RequestRefusal::Denied),
            _ if self.exchanged => Err(RequestRefusal::AlreadyDecided),
            _ => Ok(()),
        }
    }
}

impl World for Requests {
    type Step = Step;
    type Key = (History, i64, [Option<(Act, u64, bool, i64, i64)>; 2]);

    fn key(&self) -> Self::Key {
        // Only distances tell states apart: the time that is left, and what came between.
        let now = self.now.as_millis();
        let history = History { ends_at: self.history.ends_at - now, ..self.history };
        let left =
            |record: &Record| record.effective_end().map_or(i64::MAX, |end| end.as_millis() - now);
        let under_way = self.under_way.each_ref().map(|act| {
            let act = act.as_ref()?;
            let behind = self.record.version() - act.read_version;
            let moved = act.read_epoch != self.stamp.epoch;
            Some((act.act, behind, moved, now - act.at.as_millis(), left(&act.next)))
        });
        (history, left(&self.record), under_way)
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<_> = WAITS.map(Step::Wait).into();
        for node in 0..self.under_way.len() {
            match self.under_way[node] {
                Some(_) => steps.push(Step::Finish(node)),
                None => {
                    let acts = [Act::Approve, Act::Deny, Act::Exchange];
                    steps.extend(acts.map(|act| Step::Begin(node, act)));
                }
            }
        }
        steps.extend([Step::ExchangeByAnotherApp, Step::RevokeAllOfTheSubject]);
        if !self.history.revoked {
            steps.push(Step::Revoke);
        }
        steps
    }

    fn take(&mut self, step: Step) -> Result<(), Broken> {
        match step {
            Step::Wait(millis) => self.now = Timestamp::from_millis(self.now.as_millis() + millis),
            Step::Begin(node, act) => {
                let before = self.record.clone();
                self.begins(node, act)?;
                promise(SECOND_EXCHANGE, self.record == before, || format!("{:?}", self.record))?;
            }
            Step::Finish(node) => self.finishes(node)?,
            Step::ExchangeByAnotherApp => self.another_app_exchanges()?,
            Step::Revoke => {
                self.record = self.record.ended(&Tombstone::new(RevokeReason::Admin, self.now));
                self.history.revoked = true;
            }
            Step::RevokeAllOfTheSubject => {
                self.stamp.bump(None, RevokeReason::CredentialChange, self.now);
                self.history.dead_by_epoch |= self.history.decision == Some(Settlement::Approved);
            }
        }
        self.looks()
    }
}

/// One search for all of the promises below.
fn explored() -> &'static Explored {
    static EXPLORED: OnceLock<Explored> = OnceLock::new();
    EXPLORED.get_or_init(|| search("requests", [Requests::new()], DEPTH))
}

#[test]
fn every_answer_about_a_request_is_what_the_text_says() {
    explored().keeps(AS_THE_TEXT);
    assert!(explored().states > 10_000, "{}", explored().states);
}

#[test]
fn a_request_becomes_a_session_once_whoever_exchanges_it_at_the_same_time() {
    explored().keeps(ONCE);
}

#[test]
fn a_second_exchange_of_a_request_is_refused_and_revokes_nothing() {
    explored().keeps(SECOND_EXCHANGE);
}

#[test]
fn a_request_is_exchanged_by_the_app_that_opened_it_alone() {
    explored().keeps(ITS_APP);
}

#[test]
fn a_request_that_was_not_approved_never_becomes_a_session() {
    explored().keeps(APPROVED);
}

#[test]
fn a_request_that_was_denied_revoked_or_has_expired_never_becomes_a_session() {
    explored().keeps(DEAD);
}

#[test]
fn a_decision_on_a_request_is_final() {
    explored().keeps(FINAL);
}

#[test]
fn an_exchange_jumps_and_keeps_the_id_and_sets_the_limits_anew() {
    explored().keeps(ANEW);
}

#[test]
fn all_of_this_holds_for_requests_in_long_walks() {
    walk(&Requests::new(), 2_000, 30, SEED);
}
