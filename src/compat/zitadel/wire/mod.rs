//! What calls take and answer, as JSON: every request, every answer, and nothing that decides.
//!
//! | file | bodies of |
//! | --- | --- |
//! | `create`, `set`, `get`, `list`, `delete` | one call each |
//! | `checks`, `challenges`, `user_agent` | parts of requests, and of answers |
//! | `session`, `details` | parts of answers |
//! | `error` | every refusal |
//! | `proto`, `span` | the forms of protobuf's JSON |

pub(super) mod challenges;
pub(super) mod checks;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod details;
pub(super) mod error;
pub(super) mod get;
pub(super) mod list;
pub(super) mod proto;
pub(super) mod session;
pub(super) mod set;
pub(super) mod span;
pub(super) mod user_agent;
