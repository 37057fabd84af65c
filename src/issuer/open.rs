//! `open`: a request token for an app (flow D).

use std::sync::Arc;

use super::{
    OpenRequest, OpenedRequest,
    core::{Issuer, store_failed},
};
use crate::{
    error::{Error, ErrorKind, Operation},
    event::EventKind,
    session::{Record, RequestBirth},
    store::{Inserted, NewRecord},
    token::TokenKind,
};

const OPERATION: Operation = Operation::Open;

impl Issuer {
    /// Opens a request token for an app, which alone may exchange it.
    ///
    /// # Errors
    /// `InvalidInput` (a lifetime out of range), `Unavailable`.
    pub async fn open(&self, open: OpenRequest) -> Result<OpenedRequest, Error> {
        let now = self.now();
        let lifetime =
            self.inner.policy.request(open.lifetime).map_err(|input| Error::from(input).during(OPERATION))?;
        let (id, salt) = self.new_id(None, now, OPERATION)?;
        let record = Arc::new(Record::new_request(RequestBirth {
            id,
            tenant: self.tenant.clone(),
            salt,
            now,
            keep: self.inner.policy.keep_after_end,
            app: open.app.clone(),
            redirect: open.redirect,
            lifetime,
        }));
        let token = self.opaque(&record, TokenKind::Request, None, OPERATION)?;
        match self
            .inner
            .store
            .insert(NewRecord::new(Arc::clone(&record), now))
            .await
            .map_err(store_failed(OPERATION))?
        {
            Inserted::Created { .. } => {
                self.tell(&record, EventKind::RequestOpened { app: open.app });
                Ok(OpenedRequest { token: Some(token), record })
            }
            // Two draws of the same 62 bits in one millisecond; the caller tries again.
            Inserted::DuplicateId => Err(Error::new(ErrorKind::Unavailable, OPERATION)),
            _ => Err(Error::new(ErrorKind::Internal, OPERATION)),
        }
    }
}
