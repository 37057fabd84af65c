//! Noted uses move no version, so they race commits. Whatever the order of arrival, the outcome is
//! that of some order in which one came after the other.

use super::{
    super::{Record, RefreshDecision, Use, change::SpendRefused},
    MINUTE, OVERLAP, SEED,
    issuer::ModelIssuer,
    search::Dice,
};
use crate::{clock::Timestamp, policy::Spend};

const ROUNDS: usize = 20_000;
const USES_AT_MOST: usize = 4;
const LIMIT: u64 = 50;

/// What one writer does with the record it has read.
#[derive(Clone, Copy, Debug)]
enum Commit {
    Rotate,
    Replay,
    Use,
    StepUp,
}

const COMMITS: [Commit; 4] = [Commit::Rotate, Commit::Replay, Commit::Use, Commit::StepUp];

impl Commit {
    fn of(self, read: &Record, issuer: &ModelIssuer) -> Record {
        let now = issuer.now;
        let generation = read.generation();
        match self {
            Self::Rotate => read.rotated(generation, now, 1).unwrap(),
            Self::Replay => read.replayed(now).unwrap(),
            Self::Use => read.used(generation, now).unwrap(),
            Self::StepUp => {
                let mut issuer = ModelIssuer { record: read.clone(), ..issuer.clone() };
                issuer.step_up();
                issuer.record
            }
        }
    }
}

/// What must not get lost, whoever comes second.
#[derive(PartialEq, Eq, Debug)]
struct Kept {
    generation: u32,
    successor_seen: bool,
    late_replays: (u32, u8),
    last_seen_at: Timestamp,
    counters: [u64; 2],
}

impl Kept {
    fn of(record: &Record) -> Self {
        let session = record.session().unwrap();
        Self {
            generation: record.generation(),
            successor_seen: session.successor_seen(),
            late_replays: (session.late_generation, session.late_replays_in_a_row),
            last_seen_at: session.last_seen_at(),
            counters: ["calls", "mails"].map(|name| session.counter(name)),
        }
    }
}

fn spend(name: &'static str, amount: u64) -> Spend {
    Spend { name, amount, limit: LIMIT }
}

fn random_use(dice: &mut Dice, issuer: &ModelIssuer) -> Use {
    let late = i64::try_from(dice.below(4)).unwrap() * MINUTE - MINUTE;
    let at = Timestamp::from_millis(issuer.now.as_millis() + late);
    // Of the generation before, the current one, or one that a failover lost.
    let generation = issuer.generation() + u32::try_from(dice.below(3)).unwrap() - 1;
    Use {
        seen_at: (dice.below(3) > 0).then_some(at),
        seen_generation: (dice.below(2) > 0).then_some(generation),
        spend: match dice.below(4) {
            0 => vec![spend("calls", 1)],
            1 => vec![spend("calls", 2), spend("mails", 7)],
            _ => Vec::new(),
        },
        now: at,
    }
}

fn apply(record: &mut Record, uses: &[Use]) -> Vec<bool> {
    uses.iter().map(|used| record.note_use(used).is_ok()).collect()
}

#[test]
fn a_use_noted_between_a_read_and_its_commit_counts_as_before_or_after() {
    let mut dice = Dice(SEED);
    let mut issuer = ModelIssuer::endless(2);
    for _ in 0..ROUNDS {
        issuer.wait(i64::try_from(dice.below(3)).unwrap() * OVERLAP);
        let read = issuer.record.clone();
        let commit = match COMMITS[dice.below(COMMITS.len())] {
            Commit::Replay if issuer.session().successor_seen() => Commit::Use, // the rule replays no more
            commit => commit,
        };
        let uses: Vec<_> =
            (0..dice.below(USES_AT_MOST + 1)).map(|_| random_use(&mut dice, &issuer)).collect();

        // The race: read, uses, commit.
        let mut next = commit.of(&read, &issuer);
        let passed = apply(&mut issuer.record, &uses);
        assert_eq!(issuer.record.version(), read.version());
        if next == read {
            continue; // it changed nothing, so there is nothing to commit
        }
        next.follow(&issuer.record);

        // Every order in which the commit comes whole: after so many of the uses.
        let in_some_order = (0..=uses.len()).any(|before| {
            let mut record = read.clone();
            let mut serial = apply(&mut record, &uses[..before]);
            let mut after = commit.of(&record, &issuer);
            after.version = read.version() + 1;
            serial.extend(apply(&mut after, &uses[before..]));
            serial == passed
                && Kept::of(&after) == Kept::of(&next)
                && after.version() == next.version()
        });
        assert!(
            in_some_order,
            "{commit:?} against {uses:?} made {:?} of {:?}",
            Kept::of(&next),
            read
        );
        issuer.record = next;
        if issuer.session().counter("calls") + 2 > LIMIT && dice.below(3) == 0 {
            issuer = ModelIssuer::endless(2);
        }
    }
}

#[test]
fn a_refused_spend_changes_nothing_at_all() {
    let mut record = ModelIssuer::endless(2).record;
    record
        .note_use(&Use { spend: vec![spend("mails", LIMIT)], ..Use::new(Timestamp::EPOCH) })
        .unwrap();
    let before = record.clone();
    let used = Use {
        seen_at: Some(Timestamp::MAX),
        seen_generation: Some(1),
        spend: vec![spend("calls", 1), spend("mails", 1)],
        now: Timestamp::EPOCH,
    };
    assert_eq!(record.note_use(&used), Err(SpendRefused));
    assert!(record == before);
}

#[test]
fn the_use_of_a_generation_that_a_commit_left_behind_does_not_count_for_the_next() {
    let mut issuer = ModelIssuer::endless(2);
    let next = issuer.record.rotated(1, issuer.now, 1).unwrap();
    issuer.check(1);
    let current = std::mem::replace(&mut issuer.record, next);
    issuer.record.follow(&current);
    assert!(!issuer.session().successor_seen());
}

#[test]
fn late_replays_that_a_check_clears_during_a_rotation_stay_cleared() {
    let mut issuer = ModelIssuer::endless(2);
    for generation in [1, 2] {
        issuer.refresh(generation);
        issuer.wait(MINUTE);
        issuer.refresh(generation);
    }
    assert_eq!(issuer.session().late_replays_in_a_row, 2);
    let next = issuer.record.rotated(3, issuer.now, 1).unwrap();
    issuer.check(3);
    let current = std::mem::replace(&mut issuer.record, next);
    issuer.record.follow(&current);
    issuer.wait(MINUTE);
    assert!(matches!(issuer.refresh(3), RefreshDecision::Replay { late: true, .. }));
}

#[test]
fn the_use_of_a_generation_during_its_replay_is_not_forgotten() {
    let mut issuer = ModelIssuer::endless(2);
    issuer.refresh(1);
    issuer.wait(MINUTE);
    let next = issuer.record.replayed(issuer.now).unwrap();
    issuer.check(2);
    let current = std::mem::replace(&mut issuer.record, next);
    issuer.record.follow(&current);
    assert!(issuer.session().successor_seen());
    assert_eq!(issuer.session().late_replays_in_a_row, 0);
}
