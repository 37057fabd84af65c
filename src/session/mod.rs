//! The session record and its rules: pure functions of (record, now, policy, input).
//!
//! | file | rule |
//! | --- | --- |
//! | `record` | what is kept of a session, and the states it can be in |
//! | `birth` | what a new session or request token is made of, and what an approved request becomes |
//! | `change` | what may change a record: every other transition is here |
//! | `life` | when a session is live, why not, and which sessions a cap lets go |
//! | `refresh` | the refresh rule: rotate, replay, reuse, refuse |
//! | `check` | the check rule: for which tokens a session stands, what of their use is noted |
//! | `update` | the update rule: what a session becomes when somebody asks for a change |
//! | `request` | the rule of request tokens: looked at, decided, exchanged once |
//! | `beginning` | how long a session lives that has proved too little |
//! | `not_live` | why a record is not live, for rules to refuse with |
//! | `stored` | the form in which stores keep it: versioned, legible, read on no trust |

mod beginning;
mod birth;
mod change;
mod check;
mod life;
#[cfg(test)]
mod model;
mod not_live;
mod record;
mod refresh;
mod request;
#[cfg(test)]
mod sample;
mod stored;
mod update;

pub use crate::{epoch::Epoch, reason::RevokeReason};
pub(crate) use beginning::{beginning_lifetime, is_beginning};
#[cfg(any(test, feature = "testing"))]
pub(crate) use birth::Lifetime;
pub(crate) use birth::{RequestBirth, SessionBirth};
#[cfg(any(test, feature = "testing"))]
pub(crate) use change::SessionChange;
pub use change::Use;
pub(crate) use check::{
    Age, AuthenticKind, AuthenticToken, CheckRefusal, counting, decide_check, decide_standing,
    decide_use,
};
pub(crate) use life::{Admission, admit, is_session_of_subject, life, may_follow};
pub use life::{CapRule, FactorFloor, Life, SubjectStamp};
pub(crate) use not_live::{NotLive, live};
pub use record::{CredentialsKind, MAX_REDIRECT_CHARS, Record, Request, Session, State, Tombstone};
pub(crate) use refresh::{
    PresentedRefresh, RefreshDecision, RefreshRefusal, RotationRule, decide_refresh,
};
pub(crate) use request::{RequestRefusal, decide_decision, decide_exchange, decide_look};
pub use stored::{Columns, Index, MAX_ROW_BYTES};
pub(crate) use update::{
    LifetimeChange, Proofs, UpdateRefusal, Wish, decide_attempt, decide_update,
};
