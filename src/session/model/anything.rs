//! Every token there ever was, presented at any time, while the owner steps up, the session is
//! revoked and failovers forget acknowledged writes. Each answer is compared with the text of
//! section 7, which here reads a history that the test writes itself and not the record.

use std::sync::OnceLock;

use super::{
    super::{Age, NotLive, Record, RefreshDecision, RefreshRefusal, check::access_age},
    DAY, HOUR, IDLE, OVERLAP, RETRY, SECOND, SEED,
    issuer::{IssuerKey, ModelIssuer},
    search::{Broken, Explored, World, promise, search, walk},
};
use crate::{policy::Policy, reason::RevokeReason};

const AS_THE_TEXT: &str = "an answer is what the text says";
const SAME_SUCCESSOR: &str = "a replay rotates nothing and its window does not slide";
const NOT_ACROSS_A_JUMP: &str = "a token from before a jump gets none from after it";
const DEAD_FOR_EVER: &str = "a session that was ended answers no token";
const AHEAD: &str = "a token ahead of its record rotates to the generation after its own";
const NEVER_BACK: &str = "generation and last-seen move back in a failover alone";
const REFUSED_IN_PEACE: &str = "a refusal changes nothing";
const FIXED_END: &str = "the absolute end moves by authentication alone";
const ACCESS: &str =
    "access tokens of this generation and the one before pass, but not across a jump";

/// How far from its generation the search presents tokens to a record.
const FAR_BEHIND: u32 = 4;
const FAR_AHEAD: u32 = 3;
const DEPTH: usize = 5;

const WAITS: [i64; 9] =
    [5 * SECOND, OVERLAP - 1, OVERLAP, HOUR, 23 * HOUR, 25 * HOUR, 6 * DAY, -(OVERLAP - 1), -HOUR];

#[derive(Clone)]
struct Anything {
    issuer: ModelIssuer,
    history: History,
    /// What a failover falls back to.
    saved: (Record, History),
    /// The highest generation that anybody was ever given a token of.
    minted: u32,
    bumped: bool,
}

/// What has happened to the session, as its record should know it.
#[derive(Clone, PartialEq, Eq)]
struct History {
    generation: u32,
    moved_at: i64,
    seen_at: i64,
    ends_at: i64,
    /// The generation that the last jump left, and whether anything moved since.
    jump: Option<(u32, bool)>,
    successor_seen: bool,
    /// The generations with a late replay, since late replays were last cleared.
    late_replays: Vec<u32>,
    ended: bool,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(i64),
    Present(u32),
    Check(u32),
    /// A step-up: the generation jumps.
    Prove,
    /// What is on disk now is what a failover will find.
    Save,
    Failover,
    LogOut,
    LogOutEverywhere,
}

impl Anything {
    fn new() -> Self {
        let issuer = ModelIssuer::new(&Policy::default());
        let now = issuer.now.as_millis();
        let history = History {
            generation: 1,
            moved_at: now,
            seen_at: now,
            ends_at: now + 14 * DAY,
            jump: None,
            successor_seen: false,
            late_replays: Vec::new(),
            ended: false,
        };
        Self {
            saved: (issuer.record.clone(), history.clone()),
            issuer,
            history,
            minted: 1,
            bumped: false,
        }
    }

    /// After these steps.
    fn after(steps: &[Step]) -> Self {
        let mut world = Self::new();
        for step in steps {
            world.take(*step).unwrap_or_else(|broken| panic!("{broken:?}"));
        }
        world
    }

    fn presents(&mut self, token: u32) -> Result<(), Broken> {
        let before = self.issuer.clone();
        let expected = self.history.answer(
            token,
            before.now.as_millis(),
            self.bumped,
            before.rule.late_replays_in_a_row,
        );
        let answer = self.issuer.refresh(token);
        let after = &self.issuer;
        let how = || format!("{answer:?}");
        promise(AS_THE_TEXT, Answer::of(answer) == expected, || {
            format!("{answer:?}, not {expected:?},")
        })?;

        let gets_a_token = !matches!(answer, RefreshDecision::Reuse | RefreshDecision::Refuse(_));
        let is_from_before = self.history.jump.is_some_and(|(left, _)| token <= left + 1);
        promise(NOT_ACROSS_A_JUMP, !(gets_a_token && is_from_before), how)?;
        promise(DEAD_FOR_EVER, !(gets_a_token && (self.history.ended || self.bumped)), how)?;
        match answer {
            RefreshDecision::Rotate { ahead } => {
                let is_right =
                    after.generation() == token + 1 && ahead == (token > before.generation());
                promise(AHEAD, is_right && after.record.tombstone().is_none(), how)?;
            }
            RefreshDecision::Replay { .. } => {
                let same =
                    after.generation() == before.generation() && token + 1 == after.generation();
                let stands = after.session().rotated_at() == before.session().rotated_at();
                promise(SAME_SUCCESSOR, same && stands, how)?;
            }
            RefreshDecision::Refuse(_) => {
                promise(REFUSED_IN_PEACE, after.record == before.record, how)?
            }
            RefreshDecision::Reuse => promise(AHEAD, token < before.generation(), how)?,
            RefreshDecision::Keep { .. } => promise(AS_THE_TEXT, false, how)?,
        }
        self.history.answered(expected, token, self.issuer.now.as_millis());
        self.minted = self.minted.max(self.issuer.generation());
        Ok(())
    }

    fn checks(&mut self, token: u32) -> Result<(), Broken> {
        let age = access_age(&self.issuer.record, token);
        let left_by_a_jump = self.history.jump.is_some_and(|(_, moved_since)| !moved_since);
        let expected = match i64::from(self.history.generation) - i64::from(token) {
            ..=0 => Age::Current,
            1 if !left_by_a_jump => Age::Previous,
            _ => Age::Outdated,
        };
        promise(ACCESS, age == expected, || format!("{age:?}, not {expected:?},"))?;
        if self.issuer.is_live() && age != Age::Outdated {
            self.history.seen_at = self.history.seen_at.max(self.issuer.now.as_millis());
            if token == self.history.generation {
                self.history.successor_seen = true;
                self.history.late_replays.clear();
            }
        }
        self.issuer.check(token);
        Ok(())
    }

    fn steps_up(&mut self) {
        let now = self.issuer.now.as_millis();
        let before = self.issuer.generation();
        self.issuer.step_up();
        // Proving the same factor twice in a millisecond changes nothing.
        if self.issuer.generation() != before {
            self.history.moved(self.history.generation + 2, now);
            self.history.jump = Some((before, false));
            self.history.ends_at = now + 14 * DAY;
            self.minted = self.minted.max(self.issuer.generation());
        }
    }

    /// The record says what has happened to it.
    fn agrees(&self) -> Result<(), Broken> {
        let session = self.issuer.session();
        let is_same = self.issuer.generation() == self.history.generation
            && session.last_seen_at().as_millis() == self.history.seen_at;
        promise(NEVER_BACK, is_same, || format!("{:?}", self.issuer.record))?;
        let ends_at = session.ends_at().unwrap().as_millis();
        promise(FIXED_END, ends_at == self.history.ends_at, || format!("{ends_at}"))
    }
}

impl World for Anything {
    type Step = Step;
    type Key = (IssuerKey, u32, Vec<i64>, bool);

    fn key(&self) -> Self::Key {
        // Of the fallback, what matters is how it differs from now.
        let saved = ModelIssuer { record: self.saved.0.clone(), ..self.issuer.clone() };
        let behind = self.issuer.behind(saved.generation());
        let mut other = vec![behind];
        other.extend(saved.key().numbers());
        (
            self.issuer.key(),
            self.minted - self.issuer.generation().min(self.minted),
            other,
            self.bumped,
        )
    }

    fn steps(&self) -> Vec<Step> {
        let generation = self.issuer.generation();
        let lowest = generation.saturating_sub(FAR_BEHIND).max(1);
        let highest = self.minted.min(generation + FAR_AHEAD);
        let mut steps: Vec<_> = WAITS.map(Step::Wait).into();
        steps.extend((lowest..=highest).map(Step::Present));
        steps.extend((generation.saturating_sub(2).max(1)..=highest).map(Step::Check));
        if self.issuer.is_live() {
            steps.extend([Step::Prove, Step::LogOut]);
        }
        steps.extend([Step::Save, Step::Failover]);
        if !self.bumped {
            steps.push(Step::LogOutEverywhere);
        }
        steps
    }

    fn take(&mut self, step: Step) -> Result<(), Broken> {
        match step {
            Step::Wait(millis) => self.issuer.wait(millis),
            Step::Present(token) => self.presents(token)?,
            Step::Check(token) => self.checks(token)?,
            Step::Prove => self.steps_up(),
            Step::Save => self.saved = (self.issuer.record.clone(), self.history.clone()),
            Step::Failover => (self.issuer.record, self.history) = self.saved.clone(),
            Step::LogOut => {
                self.issuer.end(RevokeReason::Logout);
                self.history.ended = true;
            }
            Step::LogOutEverywhere => {
                self.issuer.bump();
                self.bumped = true;
            }
        }
        self.agrees()
    }
}

/// What the text tells apart.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    Rotate,
    Replay { late: bool },
    Reuse,
    Superseded,
    Ended,
    PastItsLimits,
}

impl Answer {
    fn of(decision: RefreshDecision) -> Self {
        match decision {
            RefreshDecision::Rotate { .. } | RefreshDecision::Keep { .. } => Self::Rotate,
            RefreshDecision::Replay { late, .. } => Self::Replay { late },
            RefreshDecision::Reuse => Self::Reuse,
            RefreshDecision::Refuse(RefreshRefusal::Superseded) => Self::Superseded,
            RefreshDecision::Refuse(RefreshRefusal::NotLive(NotLive::Revoked(_))) => Self::Ended,
            RefreshDecision::Refuse(_) => Self::PastItsLimits,
        }
    }
}

impl History {
    /// Section 7, clause by clause.
    fn answer(&self, token: u32, now: i64, bumped: bool, late_replays_in_a_row: u8) -> Answer {
        if self.ended || bumped {
            return Answer::Ended; // 1, 2
        }
        if now >= self.ends_at || now >= self.seen_at + IDLE {
            return Answer::PastItsLimits; // 2
        }
        if token >= self.generation {
            return Answer::Rotate; // 3, 7
        }
        let age = now - self.moved_at;
        let in_overlap = -OVERLAP < age && age < OVERLAP;
        let by_rule_4 = in_overlap || (!self.successor_seen && age < RETRY);
        if let Some((left, moved_since)) = self.jump {
            let awaited = left - u32::from(!moved_since); // the one before, until something moves
            if (awaited..=left + 1).contains(&token) {
                return if by_rule_4 { Answer::Superseded } else { Answer::Reuse }; // 6
            }
        }
        match self.generation - token {
            1 if in_overlap => Answer::Replay { late: false }, // 4
            1 if by_rule_4 && self.row() <= late_replays_in_a_row => Answer::Replay { late: true }, // 5
            2 if in_overlap => Answer::Superseded, // 6
            _ => Answer::Reuse,
        }
    }

    /// How many generations in a row, up to this one, would have a late replay with this one.
    fn row(&self) -> u8 {
        let row = (1..=self.generation)
            .rev()
            .skip(1)
            .take_while(|older| self.late_replays.contains(older))
            .count();
        u8::try_from(row).unwrap() + 1
    }

    fn answered(&mut self, answer: Answer, token: u32, now: i64) {
        match answer {
            Answer::Rotate => {
                self.moved(token + 1, now);
                self.jump = self.jump.map(|(left, _)| (left, true));
            }
            Answer::Replay { late } => {
                self.seen_at = self.seen_at.max(now);
                if late {
                    self.late_replays.push(self.generation);
                }
            }
            Answer::Reuse => self.ended = true,
            Answer::Superseded | Answer::Ended | Answer::PastItsLimits => {}
        }
    }

    fn moved(&mut self, generation: u32, now: i64) {
        self.generation = generation;
        self.moved_at = now;
        self.seen_at = self.seen_at.max(now);
        self.successor_seen = false;
    }
}

/// One search for all of the promises below.
fn explored() -> &'static Explored {
    static EXPLORED: OnceLock<Explored> = OnceLock::new();
    EXPLORED.get_or_init(|| {
        use Step::{Failover, Present, Prove, Save, Wait};
        let roots: [&[Step]; 5] = [
            &[],
            &[Present(1), Wait(HOUR), Present(2), Wait(HOUR), Present(3)],
            &[Present(1), Wait(HOUR), Prove],
            &[Present(1), Wait(HOUR), Save, Present(2), Failover],
            &[Present(1), Wait(HOUR), Present(1), Present(2), Wait(HOUR), Present(2)],
        ];
        search("anything", roots.map(Anything::after), DEPTH)
    })
}

#[test]
fn every_answer_is_what_the_text_says() {
    explored().keeps(AS_THE_TEXT);
    assert!(explored().states > 50_000);
}

#[test]
fn a_replay_hands_out_the_same_generation_and_its_window_does_not_slide() {
    explored().keeps(SAME_SUCCESSOR);
}

#[test]
fn after_a_jump_no_older_generation_gets_a_token_not_even_one_that_a_failover_lost() {
    explored().keeps(NOT_ACROSS_A_JUMP);
}

#[test]
fn after_reuse_or_revocation_nothing_is_answered_again() {
    explored().keeps(DEAD_FOR_EVER);
}

#[test]
fn a_token_ahead_of_its_record_rotates_and_is_never_theft() {
    explored().keeps(AHEAD);
}

#[test]
fn generation_and_last_seen_move_back_in_a_failover_alone() {
    explored().keeps(NEVER_BACK);
}

#[test]
fn a_refusal_changes_nothing_at_any_generation_and_inside_any_window() {
    explored().keeps(REFUSED_IN_PEACE);
}

#[test]
fn the_absolute_end_moves_by_authentication_alone() {
    explored().keeps(FIXED_END);
}

#[test]
fn access_tokens_of_this_generation_and_the_one_before_pass_but_not_across_a_jump() {
    explored().keeps(ACCESS);
}

#[test]
fn all_of_this_holds_in_long_walks() {
    walk(&Anything::new(), 1_500, 60, SEED);
}
