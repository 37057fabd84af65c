//! What the verbs take: one struct each, made from what is required, with a setter for everything
//! else.

mod create;
mod present;
mod query;
mod request;
mod revoke;
mod update;

pub use self::{
    create::NewSession,
    present::{Presented, Refresh},
    query::SessionQuery,
    request::{Decide, Exchange, FindRequest, OpenRequest},
    revoke::{CredentialChange, Revoke},
    update::Update,
};
pub(super) use self::{
    request::Decision,
    revoke::{AfterChange, Target},
    update::Authority,
};
