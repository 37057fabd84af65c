//! `open`: a request token for an app (flow D).

use std::sync::Arc;

use super::{OpenRequest, OpenedRequest, core::Issuer};
use crate::{
    error::{Error, ErrorKind, Operation},
    event::EventKind,
    session::{Record, RequestBirth},
    store::{Inserted, NewRecord},
    token::TokenKind,
};

impl Issuer {
    /// Opens a request token for an app, which alone may exchange it.
    ///
    /// # Errors
    /// [`InvalidInput`] (a lifetime out of range, a redirect), [`Unavailable`].
    ///
    /// [`InvalidInput`]: crate::error::ErrorKind::InvalidInput
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    pub async fn open(&self, open: OpenRequest) -> Result<OpenedRequest, Error> {
        let call = self.call(Operation::Open);
        call.checked_redirect(open.redirect.as_deref())?;
        let now = self.now();
        let lifetime =
            self.inner.policy.request(open.lifetime).map_err(|input| call.invalid(input))?;
        let (id, salt) = call.new_id(None, now)?;
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
        let token = call.opaque(&record, TokenKind::Request, None)?;
        match self
            .inner
            .store
            .insert(NewRecord::new(Arc::clone(&record), now))
            .await
            .map_err(call.store_failed())?
        {
            Inserted::Created { .. } => {
                self.emit(&record, EventKind::RequestOpened { app: open.app });
                Ok(OpenedRequest { token: Some(token), record })
            }
            // Two draws of the same 62 bits in one millisecond; the caller tries again.
            Inserted::DuplicateId => Err(call.error(ErrorKind::Unavailable)),
            _ => Err(call.error(ErrorKind::Internal)),
        }
    }
}
