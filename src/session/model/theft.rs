//! An owner and a thief with copies of one token, who refresh in turns outside the overlap (section
//! 7, clause 5).
//!
//! - Whoever comes back with a token two generations old is found at once, and so is whoever comes
//!   back after a store-checked check has used the current generation.
//! - Otherwise the record can only count. The first to come back after `late_replays_in_a_row + 1`
//!   rotations is found, when no store-checked check used the newest token in that time.
//! - Such a check begins the count anew, because it is what an honest client does that lost a
//!   reply. Each buys a thief up to `late_replays_in_a_row` more rotations; one who always
//!   refreshes first, and shows no store his tokens before the owner came back, is not found while
//!   the owner's checks ask the store.
//! - Inside the overlap nobody is found.

use std::time::Duration;

use super::{
    super::RefreshDecision,
    HOUR, LATE_REPLAYS_IN_A_ROW, MINUTE, OVERLAP, SECOND, SEED,
    issuer::{IssuerKey, ModelIssuer},
    search::{Broken, World, promise, search, walk},
};

const FOUND_IN_TIME: &str = "the first to come back after so many rotations is found";
const NOBODY_SHARES: &str = "after the theft was found nobody gets a token";

/// The depth of the design's own search.
const DEPTH: usize = 13;

const WAITS: [i64; 4] = [OVERLAP, MINUTE, HOUR, 23 * HOUR];

/// Whose checks ask the store, and when.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Checks {
    /// No check does.
    Stateless,
    /// Everybody uses a new access token at once.
    AtOnce,
    /// Anybody may, at any time, but all of them only so often.
    AtMost(u8),
    /// Anybody may, at any time; one that uses the newest token begins the count anew.
    Anytime,
}

#[derive(Clone)]
struct Theft {
    issuer: ModelIssuer,
    /// The newest tokens of the owner, and of the thief once he has copied one.
    owner: u32,
    thief: Option<u32>,
    checks: Checks,
    /// Rotations since the theft, or since the count began anew.
    rotations: u32,
    /// So many the rule may let pass.
    bound: u32,
    found: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Who {
    Owner,
    Thief,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Steal,
    Refresh(Who, i64),
    Check(Who),
}

impl Theft {
    fn new(issuer: ModelIssuer, checks: Checks, bound: u32) -> Self {
        Self { issuer, owner: 1, thief: None, checks, rotations: 0, bound, found: false }
    }

    fn holder(&mut self, who: Who) -> &mut u32 {
        match who {
            Who::Owner => &mut self.owner,
            Who::Thief => self.thief.as_mut().unwrap(),
        }
    }

    fn refreshes(&mut self, who: Who) -> Result<(), Broken> {
        let token = *self.holder(who);
        let comes_back = token < self.issuer.generation();
        let decision = self.issuer.refresh(token);
        let gets_one = !matches!(decision, RefreshDecision::Reuse | RefreshDecision::Refuse(_));
        promise(NOBODY_SHARES, !(self.found && gets_one), || format!("{decision:?}"))?;
        let is_due = comes_back && self.rotations >= self.bound;
        promise(FOUND_IN_TIME, !(is_due && gets_one), || {
            format!("{decision:?} after {}", self.rotations)
        })?;
        if decision == RefreshDecision::Reuse {
            self.found = true;
        } else if gets_one {
            self.rotations += u32::from(self.thief.is_some() && !comes_back);
            *self.holder(who) = self.issuer.generation();
            if self.checks == Checks::AtOnce {
                self.issuer.check(self.issuer.generation());
            }
        }
        Ok(())
    }
}

impl World for Theft {
    type Step = Step;
    type Key = (IssuerKey, [i64; 2], Checks, u32, bool);

    fn key(&self) -> Self::Key {
        let holders = [self.owner, self.thief.unwrap_or(0)].map(|token| self.issuer.behind(token));
        (self.issuer.key(), holders, self.checks, self.rotations.min(self.bound), self.found)
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps: Vec<_> = WAITS.map(|wait| Step::Refresh(Who::Owner, wait)).into();
        if self.thief.is_some() {
            steps.extend(WAITS.map(|wait| Step::Refresh(Who::Thief, wait)));
        } else {
            steps.push(Step::Steal);
        }
        if matches!(self.checks, Checks::AtMost(1..) | Checks::Anytime) {
            steps.push(Step::Check(Who::Owner));
            steps.extend(self.thief.map(|_| Step::Check(Who::Thief)));
        }
        steps
    }

    fn take(&mut self, step: Step) -> Result<(), Broken> {
        match step {
            Step::Steal => self.thief = Some(self.owner),
            Step::Refresh(who, wait) => {
                self.issuer.wait(wait);
                return self.refreshes(who);
            }
            Step::Check(who) => {
                let token = *self.holder(who);
                self.issuer.check(token);
                match &mut self.checks {
                    Checks::AtMost(left) => *left -= 1,
                    Checks::Anytime if token == self.issuer.generation() => self.rotations = 0,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

fn theft(checks: Checks, late_replays_in_a_row: u8, bound: u32) -> Theft {
    Theft::new(ModelIssuer::endless(late_replays_in_a_row), checks, bound)
}

/// After how many rotations the first to come back is found, in the worst case.
fn found_within(checks: Checks, late_replays_in_a_row: u8) -> u32 {
    let is_too_few = |bound: &u32| {
        let name =
            format!("theft, {checks:?}, {late_replays_in_a_row} in a row, found within {bound}");
        search(&name, [theft(checks, late_replays_in_a_row, *bound)], DEPTH).breaks(FOUND_IN_TIME)
    };
    let bound = (1..10).find(|bound| !is_too_few(bound)).unwrap();
    search("  and that for sure", [theft(checks, late_replays_in_a_row, bound)], DEPTH)
        .holds(5_000);
    bound
}

#[test]
fn with_stateless_checks_owner_and_thief_are_found_within_three_rotations_or_two() {
    assert_eq!(found_within(Checks::Stateless, 2), 3);
    assert_eq!(found_within(Checks::Stateless, 1), 2);
}

#[test]
fn who_uses_a_new_token_at_once_where_the_store_sees_it_finds_the_other_at_the_first_rotation() {
    assert_eq!(found_within(Checks::AtOnce, 2), 1);
    assert_eq!(found_within(Checks::AtOnce, 1), 1);
}

#[test]
fn owner_and_thief_are_found_within_three_rotations_that_no_store_checked_check_follows() {
    assert_eq!(found_within(Checks::Anytime, 2), 3);
    assert_eq!(found_within(Checks::Anytime, 1), 2);
}

#[test]
fn each_check_that_clears_the_late_replays_buys_two_more_rotations_or_one() {
    assert_eq!(found_within(Checks::AtMost(1), 2), 5);
    assert_eq!(found_within(Checks::AtMost(1), 1), 3);
}

#[test]
fn owner_and_thief_are_found_in_long_walks() {
    for late_replays_in_a_row in [0, 1, 2, 5] {
        let bound = u32::from(late_replays_in_a_row) + 1;
        for checks in [Checks::Stateless, Checks::Anytime] {
            walk(&theft(checks, late_replays_in_a_row, bound), 500, 60, SEED);
        }
    }
}

#[test]
fn a_thief_who_always_refreshes_first_is_not_found_while_only_the_owners_checks_ask_the_store() {
    // The limit of clause 5: to the record this is a client that loses the first reply to every
    // refresh.
    let mut theft = theft(Checks::Anytime, LATE_REPLAYS_IN_A_ROW, u32::MAX);
    theft.take(Step::Steal).unwrap();
    for _ in 0..1_000 {
        theft.take(Step::Refresh(Who::Thief, 9 * MINUTE)).unwrap();
        theft.take(Step::Refresh(Who::Owner, MINUTE)).unwrap();
        theft.take(Step::Check(Who::Owner)).unwrap();
        assert!(!theft.found);
        assert_eq!(Some(theft.owner), theft.thief);
    }
}

#[test]
fn a_thief_who_follows_inside_the_overlap_is_not_found_unless_it_is_zero() {
    // The other limit of clause 5.
    let mut theft = theft(Checks::AtOnce, LATE_REPLAYS_IN_A_ROW, u32::MAX);
    theft.take(Step::Steal).unwrap();
    for _ in 0..1_000 {
        theft.take(Step::Refresh(Who::Owner, 10 * MINUTE)).unwrap();
        theft.take(Step::Refresh(Who::Thief, 5 * SECOND)).unwrap();
        assert!(!theft.found);
    }
    theft.issuer.rule.overlap = Duration::ZERO;
    theft.take(Step::Refresh(Who::Owner, 10 * MINUTE)).unwrap();
    theft.take(Step::Refresh(Who::Thief, 5 * SECOND)).unwrap();
    assert!(theft.found);
}
