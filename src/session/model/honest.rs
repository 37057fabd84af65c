//! An honest client, alone: replies get lost, two tabs share its storage, it proves factors again.
//!
//! The promise (section 7, clauses 4 to 6): it is never refused for reuse, and the newest token it
//! has is always answered, as long as
//! - the session is within its limits,
//! - an unanswered refresh is tried again within the retry window,
//! - no more than `late_replays_in_a_row` generations in a row had to be asked for again outside
//!   the overlap; a store-checked check with the newest access token, and a refresh that is
//!   answered in time, begin the row anew,
//! - a second tab's request is under way for less than the overlap, while the record moves at most
//!   twice, and jumps at most once,
//! - a step-up presents an access token that a store-checked check accepts.
//!
//! A client that never hears of its own step-up is refused `Superseded` and logs in anew.

use super::{
    super::{Age, RefreshDecision, RefreshRefusal, check::access_age},
    HOUR, IDLE, LATE_REPLAYS_IN_A_ROW, MINUTE, OVERLAP, RETRY, SECOND, SEED,
    issuer::{IssuerKey, ModelIssuer},
    search::{Broken, World, promise, search, walk},
};

const NO_REUSE: &str = "an honest client is never refused for reuse";
const NO_LOCKOUT: &str = "an honest client's newest token is answered";

/// How far the clocks of two nodes are apart: just less than the overlap window.
const SKEW: i64 = OVERLAP - 1;

const WAITS: [i64; 7] = [5 * SECOND, OVERLAP - 1, OVERLAP, MINUTE, HOUR, 23 * HOUR, 25 * HOUR];

#[derive(Clone)]
struct Honest {
    issuer: ModelIssuer,
    /// The newest tokens in the storage that the tabs share.
    refresh: u32,
    access: u32,
    /// Its checks ask the store, which hears what was used.
    store_checked: bool,
    has_two_tabs: bool,
    /// The node that answers is the one whose clock is behind.
    clock_is_slow: bool,
    under_way: Option<UnderWay>,
    attempt: LastRefresh,
    /// How many generations in a row had to be asked for again outside the overlap.
    late_in_a_row: u8,
    missed_a_step_up: bool,
    has_to_log_in: bool,
}

/// A second tab's request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct UnderWay {
    token: u32,
    /// How often the record has moved since it was sent, and whether it jumped.
    moves: u8,
    jumped: bool,
}

/// How it stands with the refresh that led to the current generation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum LastRefresh {
    Answered,
    Unanswered,
    /// Asked again outside the overlap.
    Late,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reply {
    Arrives,
    Lost,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(i64),
    /// From here on the other of two nodes answers, whose clock differs by this much.
    NextNode(i64),
    Refresh(Reply),
    Check,
    /// A step-up: the generation jumps.
    Prove(Reply),
    SecondTabSends,
    SecondTabArrives(Reply),
}

impl Honest {
    fn new(issuer: ModelIssuer, store_checked: bool, has_two_tabs: bool) -> Self {
        Self {
            issuer,
            refresh: 1,
            access: 1,
            store_checked,
            has_two_tabs,
            under_way: None,
            clock_is_slow: false,
            attempt: LastRefresh::Answered,
            late_in_a_row: 0,
            missed_a_step_up: false,
            has_to_log_in: false,
        }
    }

    fn is_behind(&self) -> bool {
        self.refresh < self.issuer.generation()
    }

    /// True when asking now would be outside the overlap, for a generation that was not yet asked
    /// for so late.
    fn would_be_late(&self) -> bool {
        self.is_behind() && !self.issuer.is_in_overlap() && self.attempt != LastRefresh::Late
    }

    fn may_wait(&self, millis: i64) -> bool {
        let age = self.issuer.age() + millis;
        let idle = self.issuer.now.millis_since(self.issuer.session().last_seen_at()) + millis;
        let is_moved_past = |tab: UnderWay| tab.token != self.issuer.generation();
        let tab_in_time = self.under_way.is_none_or(|tab| !is_moved_past(tab) || age < OVERLAP);
        idle < IDLE && (!self.is_behind() || age < RETRY) && tab_in_time
    }

    /// The record may move unless that would leave the second tab's request more than two moves
    /// behind.
    fn may_move(&self) -> bool {
        self.under_way.is_none_or(|tab| tab.moves < 2)
    }

    fn may_jump(&self) -> bool {
        let is_accepted = access_age(&self.issuer.record, self.access) != Age::Outdated;
        is_accepted && self.may_move() && self.under_way.is_none_or(|tab| !tab.jumped)
    }

    fn learns(&mut self, reply: Reply) {
        if reply == Reply::Arrives {
            self.refresh = self.issuer.generation();
            self.access = self.issuer.generation();
            self.attempt = LastRefresh::Answered;
        }
    }

    /// What it makes of an answer to a token that was the newest one it had.
    fn refreshed(&mut self, decision: RefreshDecision, reply: Reply) -> Result<(), Broken> {
        match decision {
            RefreshDecision::Rotate { .. } => {
                if self.attempt == LastRefresh::Answered && reply == Reply::Arrives {
                    self.late_in_a_row = 0;
                }
                self.attempt = LastRefresh::Unanswered;
            }
            RefreshDecision::Replay { .. } => {}
            RefreshDecision::Refuse(RefreshRefusal::Superseded) if self.missed_a_step_up => {
                self.has_to_log_in = true
            }
            RefreshDecision::Reuse => return promise(NO_REUSE, false, || format!("{decision:?}")),
            _ => return promise(NO_LOCKOUT, false, || format!("{decision:?}")),
        }
        if !self.has_to_log_in {
            self.learns(reply);
        }
        Ok(())
    }

    fn refreshes(&mut self, reply: Reply) -> Result<(), Broken> {
        if self.would_be_late() {
            self.attempt = LastRefresh::Late;
            self.late_in_a_row += 1;
        } else if self.is_behind()
            && self.attempt == LastRefresh::Unanswered
            && reply == Reply::Arrives
        {
            self.late_in_a_row = 0;
        }
        let decision = self.moving(|issuer, token| issuer.refresh(token));
        self.refreshed(decision, reply)
    }

    fn second_tab_arrives(&mut self, token: u32, reply: Reply) -> Result<(), Broken> {
        let before = self.issuer.generation();
        match self.issuer.refresh(token) {
            RefreshDecision::Reuse => promise(NO_REUSE, false, || "the second tab was".into()),
            RefreshDecision::Refuse(RefreshRefusal::Superseded) => {
                // It reads the storage again, and finds what the first tab has.
                promise(NO_LOCKOUT, before != token, || {
                    "the second tab's token was the newest".into()
                })
            }
            RefreshDecision::Rotate { .. } => {
                self.attempt = LastRefresh::Unanswered;
                self.learns(reply);
                Ok(())
            }
            RefreshDecision::Replay { .. } => {
                self.learns(reply);
                Ok(())
            }
            other => promise(NO_LOCKOUT, false, || format!("{other:?}")),
        }
    }

    /// Lets something happen that may move the record past the second tab's request.
    fn moving<T>(&mut self, happen: impl FnOnce(&mut ModelIssuer, u32) -> T) -> T {
        let before = self.issuer.generation();
        let result = happen(&mut self.issuer, self.refresh);
        let steps = self.issuer.generation() - before;
        if let Some(tab) = &mut self.under_way
            && steps > 0
        {
            tab.moves += 1;
            tab.jumped |= steps == 2;
        }
        result
    }
}

impl World for Honest {
    type Step = Step;
    type Key = (IssuerKey, [i64; 2], Option<UnderWay>, LastRefresh, u8, [bool; 3]);

    fn key(&self) -> Self::Key {
        let behind = [self.refresh, self.access].map(|generation| self.issuer.behind(generation));
        let relative =
            |tab: UnderWay| UnderWay { token: self.issuer.generation() - tab.token, ..tab };
        let flags = [self.clock_is_slow, self.missed_a_step_up, self.has_to_log_in];
        let under_way = self.under_way.map(relative);
        (self.issuer.key(), behind, under_way, self.attempt, self.late_in_a_row, flags)
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if self.has_to_log_in {
            return steps;
        }
        steps.extend(WAITS.into_iter().filter(|wait| self.may_wait(*wait)).map(Step::Wait));
        let is_bearable =
            !self.would_be_late() || self.late_in_a_row < self.issuer.rule.late_replays_in_a_row;
        for reply in [Reply::Arrives, Reply::Lost] {
            if is_bearable && (self.may_move() || self.is_behind()) {
                steps.push(Step::Refresh(reply));
            }
            if self.may_jump() {
                steps.push(Step::Prove(reply));
            }
            if self.under_way.is_some() {
                steps.push(Step::SecondTabArrives(reply));
            }
        }
        match self.clock_is_slow {
            true if self.may_wait(SKEW) => steps.push(Step::NextNode(SKEW)),
            true => {}
            false => steps.push(Step::NextNode(-SKEW)),
        }
        if self.store_checked && !self.issuer.session().successor_seen() {
            steps.push(Step::Check);
        }
        if self.has_two_tabs && self.under_way.is_none() && self.refresh == self.issuer.generation()
        {
            steps.push(Step::SecondTabSends);
        }
        steps
    }

    fn take(&mut self, step: Step) -> Result<(), Broken> {
        match step {
            Step::Wait(millis) => self.issuer.wait(millis),
            Step::NextNode(skew) => {
                self.clock_is_slow = skew < 0;
                self.issuer.wait(skew);
            }
            Step::Refresh(reply) => return self.refreshes(reply),
            Step::Check => {
                self.issuer.check(self.access);
                if self.access == self.issuer.generation() {
                    self.late_in_a_row = 0;
                }
            }
            Step::Prove(reply) => {
                let before = self.issuer.generation();
                self.moving(|issuer, _| issuer.step_up());
                if self.issuer.generation() != before {
                    self.attempt = LastRefresh::Unanswered;
                    self.missed_a_step_up = reply == Reply::Lost;
                }
                self.learns(reply);
            }
            Step::SecondTabSends => {
                self.under_way = Some(UnderWay { token: self.refresh, moves: 0, jumped: false });
            }
            Step::SecondTabArrives(reply) => {
                let tab = self.under_way.take().unwrap();
                return self.second_tab_arrives(tab.token, reply);
            }
        }
        Ok(())
    }
}

/// The depth of the design's own search.
const DEPTH: usize = 8;

fn honest(store_checked: bool, has_two_tabs: bool) -> Honest {
    Honest::new(ModelIssuer::endless(LATE_REPLAYS_IN_A_ROW), store_checked, has_two_tabs)
}

#[test]
fn an_honest_stateless_client_is_never_taken_for_a_thief() {
    search("honest, stateless", [honest(false, false)], DEPTH + 1).holds(100_000);
}

#[test]
fn an_honest_store_checked_client_is_never_taken_for_a_thief() {
    search("honest, store-checked", [honest(true, false)], DEPTH).holds(100_000);
}

#[test]
fn two_tabs_of_an_honest_client_are_never_taken_for_a_thief() {
    search("honest, two tabs", [honest(true, true)], DEPTH).holds(100_000);
}

#[test]
fn an_honest_client_is_never_taken_for_a_thief_in_long_walks() {
    for (store_checked, has_two_tabs) in
        [(false, false), (false, true), (true, false), (true, true)]
    {
        walk(&honest(store_checked, has_two_tabs), 500, 200, SEED);
    }
}

/// Loses the reply to every refresh, and asks again a minute later: so many generations in a row
/// are answered.
fn answered_late_in_a_row(mut client: Honest, rounds: u32) -> u32 {
    let is_store_checked = client.store_checked;
    (0..rounds)
        .take_while(|_| {
            let unheard = client.issuer.refresh(client.refresh);
            assert_eq!(unheard, RefreshDecision::Rotate { ahead: false });
            client.issuer.wait(MINUTE);
            let heard = client.issuer.refresh(client.refresh);
            client.learns(Reply::Arrives);
            if is_store_checked {
                client.issuer.check(client.access);
            }
            matches!(heard, RefreshDecision::Replay { late: true, .. })
        })
        .count()
        .try_into()
        .unwrap()
}

#[test]
fn a_stateless_client_may_ask_late_for_two_generations_in_a_row_and_a_store_checked_one_for_any_number()
 {
    assert_eq!(answered_late_in_a_row(honest(false, false), 100), u32::from(LATE_REPLAYS_IN_A_ROW));
    assert_eq!(answered_late_in_a_row(honest(true, false), 100), 100);
}

#[test]
fn a_jump_that_overtakes_a_refresh_does_not_make_a_thief_of_who_asks_again() {
    // The reply to a refresh is lost; the access token before it still steps up; the client tries
    // again.
    let mut issuer = ModelIssuer::endless(LATE_REPLAYS_IN_A_ROW);
    assert_eq!(issuer.refresh(1), RefreshDecision::Rotate { ahead: false });
    assert_eq!(issuer.check(1), Age::Previous);
    issuer.step_up();
    for wait in [0, OVERLAP, RETRY - OVERLAP - 1] {
        issuer.wait(wait);
        assert_eq!(issuer.refresh(1), RefreshDecision::Refuse(RefreshRefusal::Superseded));
    }
    issuer.wait(1);
    assert_eq!(issuer.decide(1), RefreshDecision::Reuse);
    // Once the owner went on from the jump it is an old token like any other.
    issuer.refresh(4);
    assert_eq!(issuer.decide(1), RefreshDecision::Reuse);
}
