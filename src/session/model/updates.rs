//! Updates: by the newest token, by older ones and by the host, with replies that get lost,
//! factors, challenges and lifetimes. What comes of each is compared with the text of sections 5, 6
//! and 9, which here reads a history that the test writes itself.

use std::{sync::OnceLock, time::Duration};

use super::{
    super::{
        AuthenticKind, AuthenticToken, CheckRefusal, CredentialsKind, FactorFloor, LifetimeChange,
        Proofs, Record, SessionBirth, SubjectStamp, Tombstone, UpdateRefusal, Wish, decide_attempt,
        decide_check, decide_update, live,
        sample::{self, KEY, proof},
    },
    DAY, HOUR, MILLISECOND, SEED,
    search::{Broken, Explored, World, promise, search, walk},
};
use crate::{
    clock::Timestamp,
    factor::{Challenge, Factor, FactorKind},
    id::SubjectId,
    policy::{AbsoluteLifetime, Policy},
    reason::RevokeReason,
};

const LONGEST: &str = "no row of updates passes the longest lifetime";
const SHORTER: &str = "a lifetime that is shorter than what is left is granted";
const SUPERSEDED: &str = "a superseded session token never gets a token, and never is theft";
const NEWEST: &str = "the newest token is answered while the session lives";
const NO_OP: &str = "an update that changes nothing changes nothing";
const ONE_STEP: &str = "a proof jumps, and any other change moves session tokens alone, by one";
const ANEW: &str = "a proof starts the given lifetime anew unless the end is kept";
const ACCESS: &str = "an access token buys no longer life and no other token";
const DEAD: &str = "a session that is not live is not updated";
const SUBJECT: &str = "a subject that is set never changes";
const ANSWERED_ONCE: &str = "a challenge is answered once, and not in the place of a newer one";
const NO_PROOF: &str = "an impersonation proves nothing";

const ABSOLUTE: i64 = DAY;
const GRANTED: i64 = 3 * DAY;
const IMPERSONATION: i64 = HOUR;
const GRANTED_IMPERSONATION: i64 = 2 * HOUR;
const BEGINNING: i64 = HOUR;
const DEPTH: usize = 4;

const WAITS: [i64; 4] = [HOUR / 2, HOUR, DAY - 1, DAY];
const LIFETIMES: [i64; 4] = [HOUR / 2, GRANTED_IMPERSONATION, DAY, GRANTED];

/// What kind of session it is, under which policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Kind {
    /// A session token, at most three days from the last proof.
    FlowC,
    /// A session token, and no subject yet.
    Nobody,
    /// A session token, and no end.
    Endless,
    /// A session token of a subject with a second factor, under a single-factor lifetime.
    Beginning,
    /// Refresh and access tokens, at most three days from the last proof.
    Pair,
    /// Refresh and access tokens, and no end.
    EndlessPair,
    /// Refresh and access tokens of an impersonation, under a policy of endless sessions.
    Impersonation,
}

impl Kind {
    fn policy(self) -> Policy {
        let millis = |millis: i64| Duration::from_millis(millis.unsigned_abs());
        let policy = Policy::zitadel()
            .impersonation_lifetime(millis(IMPERSONATION), millis(GRANTED_IMPERSONATION));
        if self.is_endless() || self == Self::Impersonation {
            return policy;
        }
        let policy = policy
            .absolute_lifetime(AbsoluteLifetime::After(millis(ABSOLUTE)))
            .longest_lifetime(millis(GRANTED));
        match self {
            Self::Beginning => policy.single_factor_lifetime(millis(BEGINNING)),
            _ => policy,
        }
    }

    fn has_session_token(self) -> bool {
        !matches!(self, Self::Pair | Self::EndlessPair | Self::Impersonation)
    }

    fn is_endless(self) -> bool {
        matches!(self, Self::Endless | Self::EndlessPair)
    }

    fn record(self) -> Record {
        let policy = self.policy();
        let birth =
            SessionBirth { credentials: CredentialsKind::Session, ..sample::birth(&policy) };
        match self {
            Self::FlowC | Self::Endless => Record::new_session(birth),
            Self::Nobody => Record::new_session(SessionBirth { bound: None, ..birth }),
            Self::Beginning => Record::new_session(SessionBirth {
                beginning: policy.single_factor_lifetime,
                ..birth
            }),
            Self::Pair | Self::EndlessPair => Record::new_session(sample::birth(&policy)),
            Self::Impersonation => sample::impersonation(&policy),
        }
    }
}

#[derive(Clone)]
struct Updates {
    kind: Kind,
    record: Record,
    stamp: SubjectStamp,
    now: Timestamp,
    history: History,
    /// The newest token that the client has.
    newest: u32,
    /// The challenge that a slow call has seen answered, and not yet committed.
    slow: Option<u32>,
}

/// What has happened to the session, as its record should know it.
#[derive(Clone, PartialEq, Eq, Hash)]
struct History {
    born: i64,
    /// When the password, the code and the key were proved.
    proved: [Option<i64>; 3],
    /// The code's secret has changed: what was proved up to then no longer counts.
    voided: Option<i64>,
    given: Option<i64>,
    named: Option<bool>,
    note: u8,
    /// The challenge that is open, and how many there were.
    open: Option<u32>,
    asked: u32,
    ended: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    /// The newest token that the client has; its reply arrives or is lost.
    Client {
        lost: bool,
    },
    /// The token of this many generations before the record's.
    Older(u32),
    Host,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Nothing,
    Note(u8),
    Name { other: bool },
    Prove { code: bool, keeps_end: bool },
    Last(i64),
    Clear,
    Ask,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(i64),
    Update(Asker, What),
    /// A slow call sees the open challenge answered.
    SlowCallBegins,
    /// It commits what it saw.
    SlowCallEnds,
    ChangeCredential,
    LogOut,
}

/// Why nothing was changed.
#[derive(Debug, PartialEq)]
enum Refusal {
    Check(CheckRefusal),
    Update(UpdateRefusal),
}

fn challenge(serial: u32) -> Challenge {
    Challenge::new(FactorKind::WebAuthn, &serial.to_string(), Timestamp::MAX).unwrap()
}

fn subject(other: bool) -> SubjectId {
    if other { SubjectId::new("other").unwrap() } else { sample::subject() }
}

impl Updates {
    fn new(kind: Kind) -> Self {
        let record = kind.record();
        let lifetime = record.session().unwrap().lifetime();
        let history = History {
            born: sample::BORN.as_millis(),
            proved: [None; 3],
            voided: None,
            given: lifetime.map(|lifetime| i64::try_from(lifetime.as_millis()).unwrap()),
            named: (kind != Kind::Nobody).then_some(false),
            note: 0,
            open: None,
            asked: 0,
            ended: false,
        };
        Self {
            kind,
            record,
            stamp: sample::stamp(),
            now: sample::BORN,
            history,
            newest: 1,
            slow: None,
        }
    }

    fn after(kind: Kind, steps: &[Step]) -> Self {
        let mut world = Self::new(kind);
        for step in steps {
            world.take(*step).unwrap_or_else(|broken| panic!("{broken:?}"));
        }
        world
    }

    fn ends_at(&self) -> i64 {
        self.record.session().unwrap().ends_at().unwrap_or(Timestamp::MAX).as_millis()
    }

    fn generation_of(&self, by: Asker) -> Option<u32> {
        match by {
            Asker::Client { .. } => Some(self.newest),
            Asker::Older(behind) => Some(self.record.generation().saturating_sub(behind).max(1)),
            Asker::Host => None,
        }
    }

    /// The real rule of who may.
    fn may(&self, by: Asker) -> Result<(), CheckRefusal> {
        let Some(generation) = self.generation_of(by) else {
            return live(&self.record, Some(&self.stamp), self.now).map_err(CheckRefusal::NotLive);
        };
        let kind = match self.kind.has_session_token() {
            true => AuthenticKind::Session,
            false => AuthenticKind::Access,
        };
        let token = AuthenticToken { kind, generation, expires_at: None };
        decide_check(&self.record, Some(&self.stamp), token, self.now).map(drop)
    }

    /// The real rule of what becomes of the session, and the real transition.
    fn decide(&self, by: Asker, wish: &Wish) -> Result<Option<Record>, Refusal> {
        self.may(by).map_err(Refusal::Check)?;
        let policy = self.kind.policy();
        let proves = !wish.proofs.factors.is_empty();
        decide_attempt(&self.record, &policy, proves, wish.lifetime).map_err(Refusal::Update)?;
        let change = decide_update(&self.record, Some(&self.stamp), self.now, &policy, wish);
        Ok(self.record.updated(change.map_err(Refusal::Update)?, self.now, KEY))
    }

    fn wish(&self, by: Asker, what: What) -> Wish {
        let by_access_token = by != Asker::Host && !self.kind.has_session_token();
        let mut wish = Wish { by_access_token, ..Wish::default() };
        wish.proofs.second_factor = self.kind == Kind::Beginning;
        match what {
            What::Nothing => {}
            What::Note(value) => wish.metadata = vec![("note".to_owned(), vec![value])],
            What::Name { other } => {
                wish.proofs.subject = Some(subject(other));
                wish.proofs.epoch = Some(self.stamp.epoch);
                wish.proofs.factors = vec![proof(FactorKind::Subject, self.now)];
            }
            What::Prove { code, keeps_end } => {
                let kind = if code { FactorKind::Totp } else { FactorKind::Password };
                wish.proofs.factors = vec![proof(kind, self.now)];
                wish.lifetime =
                    if keeps_end { LifetimeChange::KeepEnd } else { LifetimeChange::Keep };
            }
            What::Last(millis) => {
                wish.lifetime = LifetimeChange::Set(Duration::from_millis(millis.unsigned_abs()));
            }
            What::Clear => wish.lifetime = LifetimeChange::Clear,
            What::Ask => wish.challenges = vec![challenge(self.history.asked + 1)],
        }
        wish
    }

    fn is_live(&self) -> bool {
        !self.history.ended && self.now.as_millis() < self.ends_at()
    }

    fn updates(&mut self, by: Asker, what: What) -> Result<(), Broken> {
        let before = self.clone();
        let decided = self.decide(by, &self.wish(by, what));
        let how = || format!("{what:?} by {by:?}: {decided:?}");
        if !self.is_live() {
            let is_refused = matches!(decided, Err(Refusal::Check(CheckRefusal::NotLive(_))));
            return promise(DEAD, is_refused, how);
        }
        if let Some(generation) = self.generation_of(by)
            && self.kind.has_session_token()
        {
            let is_superseded = decided == Err(Refusal::Check(CheckRefusal::Superseded));
            if generation != self.record.generation() {
                return promise(SUPERSEDED, is_superseded, how);
            }
            promise(NEWEST, !matches!(decided, Err(Refusal::Check(_))), how)?;
        } else if matches!(decided, Err(Refusal::Check(_))) {
            // An access token that is too old: refresh first.
            return Ok(());
        }
        self.may_be_refused(&before, what, decided.as_ref().err())?;
        let Ok(next) = decided else { return Ok(()) };
        if let Some(mut next) = next {
            next.follow(&self.record);
            self.record = next;
        }
        self.happened(&before, by, what)?;
        if by == (Asker::Client { lost: false }) {
            self.newest = self.record.generation();
        }
        Ok(())
    }

    fn may_be_refused(
        &self,
        before: &Self,
        what: What,
        refusal: Option<&Refusal>,
    ) -> Result<(), Broken> {
        let how = || format!("{what:?}: {refusal:?}");
        let is_refused = refusal.is_some();
        let is_impersonation = self.kind == Kind::Impersonation;
        match what {
            What::Name { other } => {
                let changes = self.history.named.is_some_and(|named| named != other);
                promise(SUBJECT, is_refused == (changes || is_impersonation), how)
            }
            What::Prove { .. } => promise(NO_PROOF, is_refused == is_impersonation, how),
            What::Last(millis) => {
                let granted = match self.kind {
                    Kind::Impersonation => GRANTED_IMPERSONATION,
                    kind if kind.is_endless() => i64::MAX,
                    _ => GRANTED,
                };
                let is_shorter = self.now.as_millis() + millis <= before.ends_at();
                promise(SHORTER, !(is_refused && is_shorter && millis <= granted), how)
            }
            What::Clear => promise(LONGEST, is_refused || self.kind.is_endless(), how),
            What::Nothing | What::Note(_) | What::Ask => promise(NO_OP, !is_refused, how),
        }
    }

    /// What became of the session is what the text says.
    fn happened(&mut self, before: &Self, by: Asker, what: What) -> Result<(), Broken> {
        let now = self.now.as_millis();
        let is_changed = self.record != before.record;
        let how = || format!("{what:?} by {by:?} made {:?}", self.record);
        let is_proof = matches!(what, What::Prove { .. });
        let binds = matches!(what, What::Name { .. }) && before.history.named.is_none();
        let proved_now = |code| before.history.proved[usize::from(code)] == Some(now);
        let is_no_op = match what {
            What::Nothing => true,
            What::Note(value) => before.history.note == value,
            What::Prove { code, .. } if proved_now(code) => !is_changed,
            What::Last(_) | What::Clear | What::Name { .. } => !is_changed,
            What::Prove { .. } | What::Ask => false,
        };
        promise(NO_OP, is_changed != is_no_op, how)?;
        promise(NO_OP, is_changed || self.record.version() == before.record.version(), how)?;

        let steps = self.record.generation() - before.record.generation();
        let expected = match is_changed {
            false => 0,
            true if is_proof || binds => 2,
            true => u32::from(self.kind.has_session_token()),
        };
        promise(ONE_STEP, steps == expected, how)?;
        let lengthens = self.ends_at() > before.ends_at();
        let is_access = by != Asker::Host && !self.kind.has_session_token();
        promise(ACCESS, !(is_access && !is_proof && (lengthens || steps > 0)), how)?;

        let mut history = self.history.clone();
        match what {
            What::Note(value) => history.note = value,
            What::Name { other } => history.named = Some(other),
            What::Prove { code, .. } => history.proved[usize::from(code)] = Some(now),
            What::Last(millis) => history.given = Some(millis),
            What::Clear => history.given = None,
            What::Ask => {
                history.asked += 1;
                history.open = Some(history.asked);
            }
            What::Nothing => {}
        }
        self.history = history;
        self.ends_in_time(before, what)?;
        let named = self.record.bound().map(|(own, _)| *own == subject(true));
        promise(SUBJECT, named == self.history.named, || format!("{what:?} made {:?}", self.record))
    }

    /// The end is where the text allows it.
    fn ends_in_time(&self, before: &Self, what: What) -> Result<(), Broken> {
        let (now, end) = (self.now.as_millis(), self.ends_at());
        let how = || format!("{what:?} ends in {} h", (end - now) / HOUR);
        let longest = match self.kind {
            kind if kind.is_endless() => i64::MAX,
            Kind::Impersonation => GRANTED_IMPERSONATION,
            Kind::Beginning if !self.history.is_proved_twice() => BEGINNING,
            _ => GRANTED,
        };
        let since = self.history.last_proof().unwrap_or(self.history.born);
        let is_in_time = end <= before.ends_at() || end <= since.saturating_add(longest);
        promise(LONGEST, is_in_time, how)?;
        let What::Prove { keeps_end, .. } = what else { return Ok(()) };
        let expected = match self.history.given {
            _ if keeps_end && self.kind != Kind::Beginning => before.ends_at(),
            None => i64::MAX,
            Some(given) => now + given.min(longest),
        };
        // A proof of the same millisecond changes nothing.
        promise(ANEW, end == expected || self.record == before.record, how)
    }

    /// The slow call has verified an answer to the challenge that was open when it began.
    fn slow_call_ends(&mut self) -> Result<(), Broken> {
        let Some(serial) = self.slow.take() else { return Ok(()) };
        let factors = vec![Factor::new(FactorKind::WebAuthn, self.now, Default::default())];
        let (answered, second_factor) = (vec![challenge(serial)], self.kind == Kind::Beginning);
        let proofs = Proofs { factors, answered, second_factor, ..Proofs::default() };
        let wish = Wish { proofs, ..Wish::default() };
        if !self.is_live() {
            return Ok(());
        }
        let before = self.clone();
        let decided = self.decide(Asker::Host, &wish);
        let is_open = self.history.open == Some(serial);
        let missing = Refusal::Update(UpdateRefusal::ChallengeMissing(FactorKind::WebAuthn));
        let is_right = match &decided {
            Ok(next) => is_open && next.is_some(),
            Err(refusal) => !is_open && *refusal == missing,
        };
        promise(ANSWERED_ONCE, is_right, || format!("{decided:?}"))?;
        if let Ok(Some(mut next)) = decided {
            next.follow(&self.record);
            self.record = next;
            self.history.open = None;
            self.history.proved[2] = Some(self.now.as_millis());
            self.ends_in_time(&before, What::Ask)?;
        }
        let open = self.record.session().unwrap().challenge(FactorKind::WebAuthn).is_some();
        promise(ANSWERED_ONCE, open == self.history.open.is_some(), || format!("{:?}", self.record))
    }
}

impl History {
    fn counting(&self) -> [Option<i64>; 3] {
        let [password, code, key] = self.proved;
        [password, code.filter(|at| self.voided.is_none_or(|voided| *at > voided)), key]
    }

    fn last_proof(&self) -> Option<i64> {
        self.counting().into_iter().flatten().max()
    }

    /// Something that the subject knows, and something that it has.
    fn is_proved_twice(&self) -> bool {
        let [password, code, key] = self.counting();
        password.is_some() && (code.is_some() || key.is_some())
    }
}

impl World for Updates {
    type Step = Step;
    type Key = (Kind, History, [i64; 4], [Option<u32>; 2]);

    fn key(&self) -> Self::Key {
        // Only distances tell states apart.
        let now = self.now.as_millis();
        let ago = |at: Option<i64>| at.map(|at| now - at);
        let history = History {
            born: now - self.history.born,
            proved: self.history.proved.map(ago),
            voided: ago(self.history.voided),
            asked: 0,
            open: None,
            ..self.history.clone()
        };
        let generation = i64::from(self.record.generation());
        let left = self.ends_at().saturating_sub(now);
        let numbers = [
            left,
            generation - i64::from(self.newest),
            generation.min(3),
            self.record.session().map_or(0, |session| i64::from(session.jumped_from != 0)),
        ];
        let behind = |serial: Option<u32>| serial.map(|serial| self.history.asked - serial);
        (self.kind, history, numbers, [behind(self.history.open), behind(self.slow)])
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<_> = WAITS.map(Step::Wait).into();
        let mut whats = vec![What::Nothing, What::Note(1), What::Note(2), What::Clear, What::Ask];
        whats.extend(LIFETIMES.map(What::Last));
        whats.extend([false, true].map(|code| What::Prove { code, keeps_end: false }));
        whats.push(What::Prove { code: true, keeps_end: true });
        whats.extend([false, true].map(|other| What::Name { other }));
        for what in whats {
            let by = [Asker::Client { lost: false }, Asker::Client { lost: true }, Asker::Host];
            steps.extend(by.map(|by| Step::Update(by, what)));
        }
        for by in [Asker::Older(1), Asker::Older(2)] {
            let whats =
                [What::Note(1), What::Last(DAY), What::Prove { code: true, keeps_end: false }];
            steps.extend(whats.map(|what| Step::Update(by, what)));
        }
        match self.slow {
            Some(_) => steps.push(Step::SlowCallEnds),
            None if self.history.open.is_some() && self.kind != Kind::Impersonation => {
                steps.push(Step::SlowCallBegins);
            }
            None => {}
        }
        steps.extend([Step::ChangeCredential, Step::LogOut]);
        steps
    }

    fn take(&mut self, step: Step) -> Result<(), Broken> {
        match step {
            Step::Wait(millis) => self.now = Timestamp::from_millis(self.now.as_millis() + millis),
            Step::Update(by, what) => {
                let before = self.record.clone();
                self.updates(by, what)?;
                let is_whole = self.record.tombstone() == before.tombstone();
                promise(SUPERSEDED, is_whole, || format!("{:?}", self.record))?;
            }
            Step::SlowCallBegins => self.slow = self.history.open,
            Step::SlowCallEnds => self.slow_call_ends()?,
            Step::ChangeCredential => {
                self.stamp.raise_floor(FactorFloor::new(FactorKind::Totp, self.now));
                self.history.voided = self.history.voided.max(Some(self.now.as_millis()));
                // As an issuer does, so that whatever is proved next is proved after the change.
                self.now = Timestamp::from_millis(self.now.as_millis() + MILLISECOND);
            }
            Step::LogOut => {
                self.record = self.record.ended(&Tombstone::new(RevokeReason::Logout, self.now));
                self.history.ended = true;
            }
        }
        Ok(())
    }
}

/// One search for all of the promises below.
fn explored() -> &'static Explored {
    static EXPLORED: OnceLock<Explored> = OnceLock::new();
    EXPLORED.get_or_init(|| {
        let kinds = [
            Kind::FlowC,
            Kind::Nobody,
            Kind::Endless,
            Kind::Beginning,
            Kind::Pair,
            Kind::EndlessPair,
            Kind::Impersonation,
        ];
        search("updates", kinds.map(Updates::new), DEPTH)
    })
}

#[test]
fn no_row_of_updates_passes_the_longest_lifetime() {
    explored().keeps(LONGEST);
    assert!(explored().states > 10_000, "{}", explored().states);
}

#[test]
fn a_lifetime_that_is_shorter_than_what_is_left_is_granted() {
    explored().keeps(SHORTER);
}

#[test]
fn a_superseded_session_token_never_gets_a_token_and_never_is_theft() {
    explored().keeps(SUPERSEDED);
}

#[test]
fn the_newest_token_updates_its_session_while_that_lives() {
    explored().keeps(NEWEST);
}

#[test]
fn an_update_that_changes_nothing_moves_no_version_and_no_token() {
    explored().keeps(NO_OP);
}

#[test]
fn a_proof_jumps_and_any_other_change_moves_session_tokens_alone() {
    explored().keeps(ONE_STEP);
}

#[test]
fn a_proof_starts_the_given_lifetime_anew_unless_the_end_is_kept() {
    explored().keeps(ANEW);
}

#[test]
fn an_access_token_buys_no_longer_life_and_no_other_token() {
    explored().keeps(ACCESS);
}

#[test]
fn a_session_that_is_not_live_is_not_updated() {
    explored().keeps(DEAD);
}

#[test]
fn a_subject_that_is_set_is_never_changed_by_an_update() {
    explored().keeps(SUBJECT);
}

#[test]
fn a_challenge_is_answered_once_and_not_by_what_was_verified_for_an_older_one() {
    explored().keeps(ANSWERED_ONCE);
}

#[test]
fn an_impersonation_proves_nothing_by_any_update() {
    explored().keeps(NO_PROOF);
}

#[test]
fn all_of_this_holds_for_updates_in_long_walks() {
    for kind in
        [Kind::FlowC, Kind::Nobody, Kind::Endless, Kind::Beginning, Kind::Pair, Kind::EndlessPair]
    {
        walk(&Updates::after(kind, &[]), 300, 40, SEED);
    }
}
