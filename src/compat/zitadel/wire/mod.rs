//! What calls take and answer, as JSON.
//!
//! | file | call |
//! | --- | --- |
//! | `list` | the search of sessions |
//! | `user_verification` | how an authenticator verifies its user |

pub(super) mod list;
pub(super) mod user_verification;
