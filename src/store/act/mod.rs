//! The acts of every store, as pure functions: from the rows that were read to what is written.
//!
//! A store reads the rows that an act [wants](Wants), hands them over as [`Facts`], and carries
//! out the [`Plan`] that comes back. The decisions are made here; a store only reads, compares
//! and writes.
//!
//! | act | wants | writes |
//! | --- | --- | --- |
//! | [`insert`] | the id, the subject's stamp, its sessions under a cap, the device's slot | the record, the stamp of a new subject, what it evicts |
//! | [`commit`] | the record, the stamp of its next subject, its sessions under a cap | the next record, what it evicts |
//! | [`end`] | the record | the tombstone and its log entry |
//! | [`note_use`] | the record | last use, counters |
//! | [`begin_subject`] | the subject's stamp | the stamp of a new subject |
//! | [`change_subject`] | the subject's stamp, the session to keep | the stamp and its log entry |
//!
//! There are two ways to run an act:
//!
//! - **A store that locks** reads what the act wants under a lock or in a transaction, and writes
//!   before it lets go. It marks its facts as [held](Basis::Held), and plans compare nothing.
//! - **A store that compares** begins with [what the call assumes](Facts::assumed_by_insert), or
//!   with the snapshot that the call [has seen](Facts::assumed_by_commit), and sends the plan as
//!   one statement or script: compare, then write. Where a comparison fails, it reads the facts
//!   anew and runs the act again. So it does where a plan does not
//!   [stand](Plan::stands).
//!
//! # Examples
//! A store that locks, as `examples/own_store.rs` does it:
//! ```text
//! async fn commit(&self, change: Change) -> Result<Committed, StoreError> {
//!     let mut rows = self.lock();
//!     let facts = rows.facts(&act::commit_wants(&change));
//!     rows.carry_out(act::commit(change, facts))
//! }
//! ```

mod admission;
mod change_subject;
mod commit;
mod end;
mod facts;
mod insert;
mod note_use;
mod plan;

pub use self::{
    change_subject::{begin_subject, begin_subject_wants, change_subject, change_subject_wants},
    commit::{commit, commit_wants},
    end::{end, end_wants},
    facts::{Basis, Facts, Others, Row, Wants},
    insert::{insert, insert_wants},
    note_use::{note_use, note_use_wants},
    plan::{Compare, Plan, Write, Writes},
};
pub(crate) use self::{
    commit::{Alone, commit_alone},
    insert::insert_alone,
};
