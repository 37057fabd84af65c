//! Checks that ask the store: every token there ever was, at any time, under every requirement,
//! while the session is refreshed, steps up, and ends. Each answer and each note is compared with
//! the text of sections 5, 7 and 8, which here reads a history that the test writes itself.

use std::{sync::OnceLock, time::Duration};

use super::{
    super::{
        Age, AuthenticKind, AuthenticToken, CheckRefusal, FactorFloor, NotLive, Record, Use,
        decide_check, decide_use,
    },
    DAY, MINUTE, SECOND, SEED,
    issuer::{IssuerKey, ModelIssuer},
    search::{Broken, Explored, World, promise, search, walk},
};
use crate::{
    clock::Timestamp,
    factor::FactorKind,
    policy::{Noting, Policy, Requirement, Spend},
    reason::RevokeReason,
};

const STANDS: &str = "access tokens of g and g - 1 stand, unless a jump lies between";
const DEAD: &str = "a session that is not live passes no check";
const FORWARD: &str = "last-seen never moves back";
const DUE: &str = "a use is noted when it is due, and only then";
const FIRST_USE: &str = "the first use of a generation is noted at once, and once";
const QUIET: &str = "a check moves neither version nor generation nor end";
const REFUSED_IN_PEACE: &str = "a refused check notes nothing";
const READER: &str = "a reader notes nothing but counters";
const LIMIT: &str = "a counter counts the checks that passed, and never passes its limit";
const PROOF: &str = "a requirement of a proof passes while the proof counts and is fresh";

/// How often use is written down, and how long a session may go unused.
const THROTTLE: i64 = MINUTE;
const IDLE: i64 = 60 * MINUTE;
/// How old the proof may be that `Need::Totp` asks for.
const FRESH: i64 = 10 * MINUTE;
/// How often the counter may move.
const CALLS: u64 = 2;
const DEPTH: usize = 6;

const WAITS: [i64; 6] = [1, THROTTLE - 1, THROTTLE, FRESH, IDLE, -SECOND];

#[derive(Clone)]
struct Checks {
    issuer: ModelIssuer,
    history: History,
}

/// What has happened to the session, as its record should know it.
#[derive(Clone, PartialEq, Eq)]
struct History {
    generation: u32,
    /// The newest generation that tokens of the one before cannot follow.
    jumped_to: u32,
    seen_at: i64,
    ends_at: i64,
    /// The current generation was used in a check that noted it.
    used: bool,
    proved_at: Option<i64>,
    /// The credential has changed: what was proved up to then no longer counts.
    voided_at: Option<i64>,
    calls: u64,
    ended: bool,
    bumped: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Plain,
    ArrivalOnly,
    AtOnce,
    Reader,
    Spend,
    ReaderWhoSpends,
    Totp,
}

const NEEDS: [Need; 7] = [
    Need::Plain,
    Need::ArrivalOnly,
    Need::AtOnce,
    Need::Reader,
    Need::Spend,
    Need::ReaderWhoSpends,
    Need::Totp,
];

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(i64),
    Check(u32, Need),
    Refresh,
    /// A step-up: the generation jumps.
    Prove,
    /// The subject has changed the credential that was proved.
    ChangeCredential,
    LogOut,
    LogOutEverywhere,
}

impl Need {
    fn requirement(self) -> Requirement {
        let spend = Spend::one("calls", CALLS);
        match self {
            Self::Plain => Requirement::new(),
            Self::ArrivalOnly => Requirement::new().noting(Noting::ArrivalOnly),
            Self::AtOnce => Requirement::new().noting(Noting::AtOnce),
            Self::Reader => Requirement::new().noting(Noting::Never),
            Self::Spend => Requirement::new().spend(spend),
            Self::ReaderWhoSpends => Requirement::new().noting(Noting::Never).spend(spend),
            Self::Totp => {
                let fresh = Duration::from_millis(FRESH.unsigned_abs());
                Requirement::new().factor_within(FactorKind::Totp, fresh)
            }
        }
    }

    fn reads_only(self) -> bool {
        matches!(self, Self::Reader | Self::ReaderWhoSpends)
    }

    fn spends(self) -> bool {
        matches!(self, Self::Spend | Self::ReaderWhoSpends)
    }
}

fn policy() -> Policy {
    Policy::default().idle_timeout(Some(Duration::from_millis(IDLE.unsigned_abs())))
}

impl Checks {
    fn new() -> Self {
        let issuer = ModelIssuer::new(&policy());
        let now = issuer.now.as_millis();
        let history = History {
            generation: 1,
            jumped_to: 0,
            seen_at: now,
            ends_at: now + 14 * DAY,
            used: false,
            proved_at: None,
            voided_at: None,
            calls: 0,
            ended: false,
            bumped: false,
        };
        Self { issuer, history }
    }

    fn after(steps: &[Step]) -> Self {
        let mut world = Self::new();
        for step in steps {
            world.take(*step).unwrap_or_else(|broken| panic!("{broken:?}"));
        }
        world
    }

    fn now(&self) -> i64 {
        self.issuer.now.as_millis()
    }

    /// The real rule: how old the token is, and what is noted.
    fn decide(
        &self,
        token: AuthenticToken,
        need: &Requirement,
    ) -> Result<(Age, Option<Use>), CheckRefusal> {
        let ModelIssuer { record, stamp, now, .. } = &self.issuer;
        let age = decide_check(record, Some(stamp), token, *now)?;
        Ok((age, decide_use(record, Some(stamp), token, *now, &policy(), need)?))
    }

    fn checks(&mut self, generation: u32, need: Need) -> Result<(), Broken> {
        let before = self.issuer.record.clone();
        let token = AuthenticToken { kind: AuthenticKind::Access, generation, expires_at: None };
        let decided = self.decide(token, &need.requirement());
        let how = || format!("{need:?} with {generation}: {decided:?}");

        let life = self.history.life(self.now());
        promise(DEAD, life.is_none() || decided == Err(CheckRefusal::NotLive(life.unwrap())), how)?;
        if life.is_some() {
            return Ok(());
        }
        let expected = self.history.age(generation);
        let answer = match &decided {
            Ok((age, _)) => Some(*age),
            Err(CheckRefusal::RefreshRequired) => None,
            Err(CheckRefusal::Unmet(_)) => expected,
            Err(_) => return promise(STANDS, false, how),
        };
        promise(STANDS, answer == expected, how)?;
        if expected.is_none() {
            return Ok(());
        }
        let is_proved = self.history.is_proved(self.now());
        let lacks = matches!(decided, Err(CheckRefusal::Unmet(_)));
        promise(PROOF, lacks == (need == Need::Totp && !is_proved), how)?;
        let Ok((_, to_note)) = &decided else { return Ok(()) };
        self.is_due(generation, need, to_note.as_ref())?;
        self.notes(need, to_note.as_ref(), &before)
    }

    /// What is to be noted is what the text says.
    fn is_due(&self, generation: u32, need: Need, note: Option<&Use>) -> Result<(), Broken> {
        let how = || format!("{need:?} with {generation} notes {note:?}");
        let (history, now) = (&self.history, self.now());
        let writes_a_time =
            note.is_some_and(|note| note.seen_at.is_some() || note.seen_generation.is_some());
        promise(READER, !(need.reads_only() && writes_a_time), how)?;
        let is_first_use =
            generation == history.generation && history.generation > 1 && !history.used;
        let seen = is_first_use && !need.reads_only();
        let seen_generation = note.and_then(|note| note.seen_generation);
        promise(FIRST_USE, seen_generation == seen.then_some(generation), how)?;

        let unused = now - history.seen_at;
        let is_use = !need.reads_only() && need != Need::ArrivalOnly;
        let is_due = is_use && (seen || unused >= THROTTLE || need == Need::AtOnce && unused > 0);
        let seen_at = note.and_then(|note| note.seen_at).map(Timestamp::as_millis);
        promise(DUE, seen_at == is_due.then_some(now), how)?;
        let spends = note.is_some_and(|note| !note.spend.is_empty());
        promise(LIMIT, spends == need.spends(), how)
    }

    /// Writes what is to be noted, as a store does.
    fn notes(&mut self, need: Need, note: Option<&Use>, before: &Record) -> Result<(), Broken> {
        let Some(note) = note else { return Ok(()) };
        let noted = self.issuer.record.note_use(note);
        let how = || format!("{need:?} noted {note:?}: {noted:?}");
        let is_full = need.spends() && self.history.calls == CALLS;
        promise(LIMIT, noted.is_err() == is_full, how)?;
        promise(REFUSED_IN_PEACE, noted.is_ok() || self.issuer.record == *before, how)?;
        if noted.is_ok() {
            self.history.calls += u64::from(need.spends());
            self.history.used |= note.seen_generation.is_some();
            let seen_at = note.seen_at.map_or(self.history.seen_at, Timestamp::as_millis);
            self.history.seen_at = self.history.seen_at.max(seen_at);
        }
        let after = &self.issuer.record;
        let ends = [before, after].map(|record| record.session().unwrap().ends_at());
        let is_quiet = after.version() == before.version()
            && after.generation() == before.generation()
            && ends[0] == ends[1];
        promise(QUIET, is_quiet, how)
    }

    fn moves(&mut self, generation: u32) {
        self.history.generation = generation;
        self.history.seen_at = self.history.seen_at.max(self.now());
        self.history.used = false;
    }

    /// The record says what has happened to it.
    fn agrees(&self, seen_before: Timestamp) -> Result<(), Broken> {
        let session = self.issuer.session();
        let how = || format!("{:?}", self.issuer.record);
        promise(FORWARD, session.last_seen_at() >= seen_before, how)?;
        promise(FORWARD, session.last_seen_at().as_millis() == self.history.seen_at, how)?;
        promise(
            LIMIT,
            session.counter("calls") == self.history.calls && self.history.calls <= CALLS,
            how,
        )
    }
}

impl History {
    fn life(&self, now: i64) -> Option<NotLive> {
        match self {
            Self { ended: true, .. } => Some(NotLive::Revoked(RevokeReason::Logout)),
            Self { bumped: true, .. } => Some(NotLive::Revoked(RevokeReason::CredentialChange)),
            _ if now >= self.ends_at => Some(NotLive::Expired),
            _ if now >= self.seen_at + IDLE => Some(NotLive::Inactive),
            _ => None,
        }
    }

    fn is_proved(&self, now: i64) -> bool {
        let counts = |at: &i64| self.voided_at.is_none_or(|voided| *at > voided);
        self.proved_at.filter(counts).is_some_and(|at| now - at <= FRESH)
    }

    /// How old an access token is; none when it is too old.
    fn age(&self, generation: u32) -> Option<Age> {
        match i64::from(self.generation) - i64::from(generation) {
            ..=0 => Some(Age::Current),
            1 if self.jumped_to != self.generation => Some(Age::Previous),
            _ => None,
        }
    }
}

impl World for Checks {
    type Step = Step;
    type Key = (IssuerKey, [i64; 5], u64);

    fn key(&self) -> Self::Key {
        let History { generation, jumped_to, used, proved_at, voided_at, .. } = self.history;
        let ago = |at: Option<i64>| at.map_or(i64::MAX, |at| self.now() - at);
        let history = [
            i64::from(generation.min(2)),
            i64::from(jumped_to == generation),
            i64::from(used),
            ago(proved_at),
            ago(voided_at),
        ];
        (self.issuer.key(), history, self.history.calls)
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<_> = WAITS.map(Step::Wait).into();
        let generation = self.issuer.generation();
        for token in generation.saturating_sub(2).max(1)..=generation + 1 {
            // Only what needs it is asked with every need: one of each suffices for the others.
            match token == generation {
                true => steps.extend(NEEDS.map(|need| Step::Check(token, need))),
                false => {
                    steps.extend([Need::Plain, Need::AtOnce].map(|need| Step::Check(token, need)))
                }
            }
        }
        if self.issuer.is_live() {
            steps.extend([Step::Refresh, Step::Prove, Step::LogOut]);
        }
        if !self.history.bumped {
            steps.push(Step::LogOutEverywhere);
        }
        steps.push(Step::ChangeCredential);
        steps
    }

    fn take(&mut self, step: Step) -> Result<(), Broken> {
        let seen_before = self.issuer.session().last_seen_at();
        match step {
            Step::Wait(millis) => self.issuer.wait(millis),
            Step::Check(token, need) => self.checks(token, need)?,
            Step::Refresh => {
                self.issuer.refresh(self.issuer.generation());
                self.moves(self.issuer.generation());
            }
            Step::Prove => {
                let before = self.issuer.generation();
                self.issuer.step_up();
                // Proving the same factor twice in a millisecond changes nothing.
                if self.issuer.generation() != before {
                    self.moves(before + 2);
                    self.history.jumped_to = before + 2;
                    self.history.proved_at = Some(self.now());
                    self.history.ends_at = self.now() + 14 * DAY;
                }
            }
            Step::ChangeCredential => {
                let at = self.issuer.now;
                self.issuer.stamp.raise_floor(FactorFloor::new(FactorKind::Totp, at));
                self.history.voided_at = self.history.voided_at.max(Some(at.as_millis()));
            }
            Step::LogOut => {
                self.issuer.end(RevokeReason::Logout);
                self.history.ended = true;
            }
            Step::LogOutEverywhere => {
                self.issuer.bump();
                self.history.bumped = true;
            }
        }
        self.agrees(seen_before)
    }
}

/// One search for all of the promises below.
fn explored() -> &'static Explored {
    static EXPLORED: OnceLock<Explored> = OnceLock::new();
    EXPLORED.get_or_init(|| {
        use Step::{Prove, Refresh, Wait};
        let roots: [&[Step]; 3] =
            [&[], &[Refresh, Wait(THROTTLE)], &[Refresh, Prove, Wait(THROTTLE), Refresh]];
        search("checks", roots.map(Checks::after), DEPTH)
    })
}

#[test]
fn access_tokens_of_g_and_the_one_before_pass_a_check_unless_a_jump_lies_between() {
    explored().keeps(STANDS);
    assert!(explored().states > 10_000, "{}", explored().states);
}

#[test]
fn a_session_that_is_not_live_passes_no_check() {
    explored().keeps(DEAD);
}

#[test]
fn a_check_never_moves_last_seen_back() {
    explored().keeps(FORWARD);
}

#[test]
fn a_use_is_noted_when_it_is_due_and_only_then() {
    explored().keeps(DUE);
}

#[test]
fn the_first_use_of_a_generation_is_noted_at_once_and_once() {
    explored().keeps(FIRST_USE);
}

#[test]
fn a_check_moves_neither_version_nor_generation_nor_end() {
    explored().keeps(QUIET);
}

#[test]
fn a_check_that_is_refused_notes_nothing() {
    explored().keeps(REFUSED_IN_PEACE);
}

#[test]
fn a_check_that_only_reads_notes_nothing_but_counters() {
    explored().keeps(READER);
}

#[test]
fn a_counter_counts_the_checks_that_passed_and_never_passes_its_limit() {
    explored().keeps(LIMIT);
}

#[test]
fn a_requirement_of_a_proof_passes_while_the_proof_counts_and_is_fresh() {
    explored().keeps(PROOF);
}

#[test]
fn all_of_this_holds_for_checks_in_long_walks() {
    walk(&Checks::after(&[]), 1_000, 60, SEED);
}
