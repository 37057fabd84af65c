//! Looks at one session as it is, live or not: for `compat`, whose systems show and end what has expired.

use super::{SessionView, core::Issuer};
use crate::{
    error::{Error, Operation},
    id::SessionId,
    store::Snapshot,
};

impl Issuer {
    /// The session of this id, ended or not; none while it is a request. Changes nothing.
    pub(crate) async fn look(
        &self,
        id: SessionId,
        operation: Operation,
    ) -> Result<Option<SessionView>, Error> {
        let found = self.load(id, operation).await?;
        Ok(found.filter(|snapshot| snapshot.record.session().is_some()).map(SessionView::of))
    }

    /// The session of a token that is genuine and that no newer one has replaced, ended or not: whoever shows it has been
    /// given the session, and no more. Changes nothing.
    pub(crate) async fn look_by(&self, token: &str, operation: Operation) -> Result<SessionView, Error> {
        let token = self.read_token(token, None, operation)?;
        let snapshot: Snapshot = self.locate(&token, operation).await?;
        self.stands(&token, &snapshot.record, self.now(), operation)?;
        Ok(SessionView::of(snapshot))
    }
}
