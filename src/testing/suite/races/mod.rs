//! Many threads at once, hundreds of times over.
//!
//! | file | what they meet at |
//! | --- | --- |
//! | `record` | one record, or the slot of one device |
//! | `subject` | one subject: its epoch, its cap |
//! | `whole` | all records: the log, sweeps, lists |
//!
//! A race over several handles is the same race: what takes `handles` gives them to its threads in
//! turn.

mod record;
mod subject;
mod whole;

pub use self::{record::*, subject::*, whole::*};
