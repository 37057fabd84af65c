//! The revocation log in memory: a bounded queue whose entries are numbered from zero.

use std::{
    collections::VecDeque,
    hash::{BuildHasher, RandomState},
};

use crate::{
    clock::Timestamp,
    store::{Cursor, RevocationBatch, RevocationEntry},
};

pub(super) struct Log {
    /// Tells this log's cursors from those of another process or store, whose numbers mean
    /// something else.
    instance: u64,
    entries: VecDeque<RevocationEntry>,
    capacity: usize,
    /// The number of the entry in front.
    first: u64,
    /// Entries below this number are gone although somebody may still need them.
    lost: u64,
}

impl Log {
    pub(super) fn new(capacity: usize) -> Self {
        let instance = RandomState::new().hash_one("revocation log");
        Self { instance, entries: VecDeque::new(), capacity: capacity.max(1), first: 0, lost: 0 }
    }

    pub(super) fn push(&mut self, entry: RevocationEntry) {
        if self.entries.len() >= self.capacity {
            self.entries.pop_front();
            self.first += 1;
            self.lost = self.first;
        }
        self.entries.push_back(entry);
    }

    pub(super) fn since(&self, cursor: &Cursor, limit: u32) -> RevocationBatch {
        let end = self.first + self.entries.len() as u64;
        let Some(from) = self.number(cursor).filter(|from| (self.lost..=end).contains(from)) else {
            return RevocationBatch::Reset { next: self.cursor(end) };
        };
        // Between `lost` and `first` there were only entries that nobody needs any more.
        let skip = usize::try_from(from.saturating_sub(self.first)).unwrap_or(usize::MAX);
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let entries: Vec<_> = self.entries.iter().skip(skip).take(limit).cloned().collect();
        let next = from.max(self.first) + entries.len() as u64;
        RevocationBatch::Entries { entries, next: self.cursor(next), more: next < end }
    }

    /// Forgets entries in front that no token can need any more.
    pub(super) fn forget(&mut self, now: Timestamp) {
        while let Some(entry) = self.entries.front() {
            let (RevocationEntry::Session { until, .. } | RevocationEntry::Subject { until, .. }) =
                entry;
            if now < *until {
                break;
            }
            self.entries.pop_front();
            self.first += 1;
        }
    }

    fn cursor(&self, number: u64) -> Cursor {
        Cursor::from_bytes([self.instance.to_be_bytes(), number.to_be_bytes()].concat())
    }

    /// The number that a cursor stands for; none when it is not of this log.
    fn number(&self, cursor: &Cursor) -> Option<u64> {
        match cursor.as_bytes() {
            [] => Some(0),
            bytes => {
                let (instance, number) = bytes.split_first_chunk::<8>()?;
                let number = <[u8; 8]>::try_from(number).ok()?;
                (*instance == self.instance.to_be_bytes()).then(|| u64::from_be_bytes(number))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{SessionId, SessionKey, TenantId};

    fn entry(number: u16, until: i64) -> RevocationEntry {
        let id = SessionId::assemble(Timestamp::from_secs(1), number, [0; 6], 0);
        RevocationEntry::Session {
            key: SessionKey::new(TenantId::default(), id),
            until: Timestamp::from_secs(until),
        }
    }

    #[test]
    fn forgetting_what_nobody_needs_is_no_reason_to_reset() {
        let mut log = Log::new(8);
        (1..4).for_each(|number| log.push(entry(number, i64::from(number))));
        log.forget(Timestamp::from_secs(2));
        let RevocationBatch::Entries { entries, more, .. } = log.since(&Cursor::start(), 10) else {
            panic!()
        };
        assert_eq!(entries, [entry(3, 3)]);
        assert!(!more);
    }

    #[test]
    fn an_entry_that_fell_out_is_a_reason_to_reset_for_those_who_had_not_read_it() {
        let mut log = Log::new(2);
        let RevocationBatch::Entries { next: early, .. } = log.since(&Cursor::start(), 1) else {
            panic!()
        };
        log.push(entry(1, 9));
        let RevocationBatch::Entries { next: later, .. } = log.since(&early, 1) else { panic!() };
        log.push(entry(2, 9));
        log.push(entry(3, 9));
        assert!(matches!(log.since(&early, 10), RevocationBatch::Reset { .. }));
        assert!(
            matches!(log.since(&later, 10), RevocationBatch::Entries { entries, .. } if entries.len() == 2)
        );
    }

    #[test]
    fn a_cursor_of_another_process_is_not_taken_for_ours() {
        let (mut ours, mut theirs) = (Log::new(8), Log::new(8));
        ours.push(entry(1, 9));
        theirs.push(entry(2, 9));
        let RevocationBatch::Entries { next, .. } = theirs.since(&Cursor::start(), 1) else {
            panic!()
        };
        assert!(matches!(ours.since(&next, 1), RevocationBatch::Reset { .. }));
    }
}
