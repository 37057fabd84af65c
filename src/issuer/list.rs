//! `list`: which sessions there are.

use super::{SessionPage, SessionQuery, SessionView, core::Issuer};
use crate::{
    clock::Timestamp,
    error::{Error, InputField, InvalidInput, Operation, Problem},
    session::{Life, Session, State, life},
    store::{Query, Snapshot},
};

const MAX_PAGE: u32 = 1000;
/// How many pages of the store one call reads to fill its own.
const MAX_READS: usize = 64;

impl Issuer {
    /// Lists sessions: live ones, without impersonations, newest first, unless the query says
    /// otherwise.
    ///
    /// A page may be shorter than its limit; only one without [`next`](SessionPage::next) is the
    /// last.
    ///
    /// # Errors
    /// [`InvalidInput`] (a limit of zero or above 1000), [`NotSupported`] (a store without lists),
    /// [`Unavailable`].
    ///
    /// [`InvalidInput`]: crate::error::ErrorKind::InvalidInput
    /// [`NotSupported`]: crate::error::ErrorKind::NotSupported
    /// [`Unavailable`]: crate::error::ErrorKind::Unavailable
    pub async fn list(&self, query: SessionQuery) -> Result<SessionPage, Error> {
        let call = self.call(Operation::List);
        let problem = match query.limit {
            0 => Some(Problem::Zero),
            limit if limit > MAX_PAGE => Some(Problem::TooLarge),
            _ => None,
        };
        if let Some(problem) = problem {
            return Err(call.invalid(InvalidInput::new(InputField::Limit, problem)));
        }
        let now = self.now();
        let limit = usize::try_from(query.limit).unwrap_or(usize::MAX);
        let mut page = SessionPage { next: query.after, ..SessionPage::default() };
        for _ in 0..MAX_READS {
            let mut ask = Query::new(self.tenant.clone(), query.select.clone());
            ask.created_from = query.created_from;
            ask.created_before = query.created_before;
            ask.newest_first = query.newest_first;
            ask.after = page.next;
            ask.limit = u32::try_from(limit - page.sessions.len()).unwrap_or(MAX_PAGE);
            let found = self.inner.store.list(&ask).await.map_err(call.store_failed())?;
            let wanted = found.items.into_iter().filter(|item| query.admits(item, now));
            page.sessions.extend(wanted.map(SessionView::of));
            page.damaged.extend(found.damaged);
            page.next = found.next;
            if page.next.is_none() || page.sessions.len() >= limit {
                break;
            }
        }
        Ok(page)
    }
}

impl SessionQuery {
    /// Everything that a store's index does not decide.
    fn admits(&self, item: &Snapshot, now: Timestamp) -> bool {
        let State::Active(session) = item.record.state() else { return false };
        let end = item.record.effective_end().unwrap_or(Timestamp::MAX);
        (self.impersonations || !Session::is_impersonation(session))
            && (!self.live_only || life(&item.record, item.subject.as_ref(), now) == Life::Live)
            && self.ends_before.is_none_or(|at| end < at)
            && self.ends_from.is_none_or(|at| end >= at)
    }
}
