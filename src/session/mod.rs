//! The session record and its rules: pure functions of (record, now, policy, input).
//!
//! | file | rule |
//! | --- | --- |
//! | `record` | what is kept of a session, and the states it can be in |
//! | `birth` | what a new session or request token is made of, and what an approved request becomes |
//! | `change` | what may change a record: every other transition is here |
//! | `life` | when a session is live, why not, and which sessions a cap lets go |
//! | `rotation` | the refresh rule: rotate, replay, reuse, refuse |
//! | `stored` | the form in which stores keep it: versioned, legible, read on no trust |

mod birth;
mod change;
mod life;
#[cfg(test)]
mod model;
mod record;
mod rotation;
mod stored;

pub(crate) use birth::{Lifetime, RequestBirth, SessionBirth};
pub(crate) use change::SessionChange;
pub use change::{Mark, SpendRefused};
pub use life::{
    Admission, CapRule, FactorFloor, Life, SubjectStamp, admit, is_purgeable, is_session_of_subject, life,
    may_follow,
};
pub(crate) use record::MAX_REDIRECT_CHARS;
pub use record::{CredentialsKind, Record, Request, Session, State, Tombstone};
pub use rotation::{Age, Presented, RefreshDecision, Refusal, RotationRule, access_age, decide_refresh};
pub use stored::{Index, MAX_ROW_BYTES};
