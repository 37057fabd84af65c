//! What the workers were answered, and what they had begun when they were killed.

use std::{collections::HashMap, fmt};

use session_issuer::id::SessionId;

use crate::Dice;

/// A session as its owner knows it.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) id: SessionId,
    pub(crate) subject: String,
    pub(crate) refresh: String,
    pub(crate) access: String,
    pub(crate) spent: u64,
    pub(crate) change: u64,
}

impl fmt::Display for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, subject, refresh, access, spent, change } = self;
        write!(f, "{id} {subject} {refresh} {access} {spent} {change}")
    }
}

impl Known {
    pub(crate) fn read(line: &str) -> Self {
        let words: Vec<&str> = line.split(' ').collect();
        let [id, subject, refresh, access, spent, change] = words[..] else { panic!("{line}") };
        Self {
            id: id.parse().unwrap(),
            subject: subject.to_owned(),
            refresh: refresh.to_owned(),
            access: access.to_owned(),
            spent: spent.parse().unwrap(),
            change: change.parse().unwrap(),
        }
    }
}

/// What must be true of a session.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) known: Known,
    pub(crate) fate: Fate,
    /// What was begun and not answered.
    pub(crate) begun: Option<Begun>,
    /// Something was said about it since the last audit.
    pub(crate) touched: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Alive,
    /// Its end was begun and not answered.
    Either,
    Dead,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Begun {
    Refresh,
    Spend,
    Change,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) sessions: HashMap<SessionId, Entry>,
    /// Subjects for whom a session was begun and not answered.
    pub(crate) unborn: Vec<String>,
    /// Sessions that were made, and whose maker was killed before it was answered.
    pub(crate) orphans: std::collections::HashSet<SessionId>,
    /// What each thread was about to do.
    open: HashMap<String, Vec<String>>,
    pub(crate) count: Count,
}

/// What happened, for people to read.
#[derive(Debug, Default)]
pub(crate) struct Count {
    pub(crate) answered: u64,
    pub(crate) killed_at_work: u32,
    pub(crate) cut: u64,
    pub(crate) cut_and_done: u64,
    pub(crate) audited: u64,
    by_verb: HashMap<String, u64>,
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut verbs: Vec<_> = self.by_verb.iter().collect();
        verbs.sort();
        let verbs: Vec<_> = verbs.iter().map(|(verb, count)| format!("{verb} {count}")).collect();
        writeln!(f, "answered: {} ({})", self.answered, verbs.join(", "))?;
        writeln!(f, "cut short: {}, of which {} had been done", self.cut, self.cut_and_done)?;
        write!(
            f,
            "sessions compared with what was answered: {}, none lost, none revived",
            self.audited
        )
    }
}

impl Ledger {
    /// What one worker said, to the last whole line.
    pub(crate) fn read(&mut self, lines: &[String]) {
        for line in lines {
            let mut words = line.split(' ').map(str::to_owned);
            let (kind, thread) = (words.next().unwrap(), words.next().unwrap());
            let words: Vec<String> = words.collect();
            match kind.as_str() {
                "?" => assert!(self.open.insert(thread, words).is_none(), "two things at once"),
                "!" => {
                    let begun = self.open.remove(&thread).expect("an answer to nothing");
                    assert_eq!(begun[0], words[0]);
                    self.count.answered += 1;
                    *self.count.by_verb.entry(words[0].clone()).or_default() += 1;
                    self.answered(&words);
                }
                other => panic!("a worker said {other:?}"),
            }
        }
    }

    pub(crate) fn all_answered(&self, name: &str) -> bool {
        !self.open.keys().any(|thread| thread.starts_with(name))
    }

    fn answered(&mut self, words: &[String]) {
        let verb = words[0].as_str();
        if verb == "create" {
            let known = Known::read(&words[1..].join(" "));
            let entry = Entry { known, fate: Fate::Alive, begun: None, touched: true };
            assert!(
                self.sessions.insert(entry.known.id, entry).is_none(),
                "one id for two sessions"
            );
            return;
        }
        if verb == "revoke-all" {
            for entry in self.sessions.values_mut().filter(|entry| entry.known.subject == words[1])
            {
                (entry.fate, entry.touched) = (Fate::Dead, true);
            }
            return;
        }
        let entry = self.sessions.get_mut(&words[1].parse().unwrap()).unwrap();
        entry.touched = true;
        match verb {
            "refresh" => {
                (entry.known.refresh, entry.known.access) = (words[2].clone(), words[3].clone());
            }
            "spend" => entry.known.spent = words[2].parse().unwrap(),
            "change" => entry.known.change = words[2].parse().unwrap(),
            "revoke" => entry.fate = Fate::Dead,
            other => panic!("{other}"),
        }
    }

    /// After a kill: what was begun may have happened.
    pub(crate) fn close(&mut self) {
        let open = std::mem::take(&mut self.open);
        self.count.killed_at_work += u32::from(!open.is_empty());
        self.count.cut += open.len() as u64;
        for words in open.into_values() {
            match words[0].as_str() {
                "create" => self.unborn.push(words[1].clone()),
                "revoke-all" => {
                    let of_subject =
                        self.sessions.values_mut().filter(|entry| entry.known.subject == words[1]);
                    for entry in of_subject.filter(|entry| entry.fate == Fate::Alive) {
                        (entry.fate, entry.touched) = (Fate::Either, true);
                    }
                }
                verb => {
                    let entry = self.sessions.get_mut(&words[1].parse().unwrap()).unwrap();
                    entry.touched = true;
                    match verb {
                        "refresh" => entry.begun = Some(Begun::Refresh),
                        "spend" => entry.begun = Some(Begun::Spend),
                        "change" => entry.begun = Some(Begun::Change),
                        "revoke" => entry.fate = Fate::Either,
                        other => panic!("{other}"),
                    }
                }
            }
        }
    }

    /// Some sessions that live, for the next worker to go on with.
    pub(crate) fn some_alive(&self, many: usize, dice: &mut Dice) -> Vec<Known> {
        let mut alive: Vec<_> = self
            .sessions
            .values()
            .filter(|entry| entry.fate == Fate::Alive)
            .map(|entry| &entry.known)
            .collect();
        alive.sort_by_key(|known| known.id);
        let mut chosen = Vec::new();
        while chosen.len() < many && !alive.is_empty() {
            let at = usize::try_from(dice.below(alive.len() as u64)).unwrap();
            let first = alive.swap_remove(at).clone();
            // A subject has one owner, or what a revoke-all ends would not be known.
            alive.retain(|other| other.subject != first.subject);
            chosen.push(first);
        }
        chosen
    }
}
