//! `POST /v2alpha/sessions/search`: sessions, for whoever may see them.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ApiError, Caller, ListDetails, ListQuery, ListSessions, ListSessionsResponse, Service, Session,
    criterion::Criterion,
    refusals::{INVALID_QUERY, LIMIT_EXCEEDED, TOO_MANY_TO_READ},
};
use crate::{SessionQuery, issuer::SessionView, store::Select};

/// How many sessions a page has where the request does not say.
const PAGE: u32 = 100;
/// How many a page has at most (ZITADEL's own bound).
const MAX_PAGE: u32 = 1000;
/// How many queries one call may have.
const MAX_QUERIES: usize = 100;
/// How many sessions one call reads at most. Each store page has a thousand.
const MAX_READ: usize = 10_000;

impl Service {
    /// `POST /v2alpha/sessions/search`: sessions that meet every query, by their creation, the
    /// newest first unless asked otherwise. Status 200.
    ///
    /// Shown are those that the caller may [get](super::Service::get_session) without a token;
    /// expired ones too, until they are deleted or swept. One call reads at most 10,000 sessions of
    /// the narrowest index that the queries name.
    ///
    /// # Errors
    /// `INVALID_ARGUMENT` (400) for a query that is none or several of the kinds, names nobody by
    /// an empty string, has no date, or has more than 1000 ids; for more than 100 queries, a limit
    /// above 1000, and an offset and limit beyond 10,000 together; `RESOURCE_EXHAUSTED` (429) when
    /// 10,000 sessions were read and the page is not full: narrow the query; `UNAVAILABLE` (503)
    /// when a part did not answer.
    pub async fn list_sessions(
        &self,
        caller: &Caller,
        request: ListSessions,
    ) -> Result<ListSessionsResponse, ApiError> {
        let ListQuery { offset, limit, asc } = request.query.unwrap_or_default();
        let page = page(offset.unwrap_or(0), limit.unwrap_or(0))?;
        let queries = request.queries.unwrap_or_default();
        if queries.len() > MAX_QUERIES {
            return Err(INVALID_QUERY.error());
        }
        let all = queries.into_iter().map(|query| Criterion::of(query, caller));
        let all = all.collect::<Result<Vec<_>, _>>()?;
        let asc = asc.unwrap_or(false);
        let found = self.search(caller, &all, asc, &page).await?;
        let mut names = BTreeMap::new();
        let mut sessions = Vec::new();
        for view in found.iter().skip(page.start).take(page.len()) {
            if let Some(user) = view.subject().filter(|user| !names.contains_key(*user)) {
                names.insert(user.clone(), self.names(user).await?);
            }
            let names =
                view.subject().and_then(|user| names.get(user)).cloned().unwrap_or_default();
            sessions.push(Session::of(view, names));
        }
        let total_result = u64::try_from(found.len()).unwrap_or(u64::MAX);
        let details = ListDetails { total_result, timestamp: self.issuer.now() };
        Ok(ListSessionsResponse { details, sessions })
    }
}

/// The places of a page.
fn page(offset: u64, limit: u32) -> Result<std::ops::Range<usize>, ApiError> {
    let exceeded = || LIMIT_EXCEEDED.error();
    let limit = if limit == 0 { PAGE } else { limit };
    let start = usize::try_from(offset).map_err(|_| exceeded())?;
    let end = usize::try_from(limit)
        .ok()
        .and_then(|limit| start.checked_add(limit))
        .ok_or_else(exceeded)?;
    match limit <= MAX_PAGE && end <= MAX_READ {
        true => Ok(start..end),
        false => Err(exceeded()),
    }
}

impl Service {
    /// What meets every query and may be seen, in order: all of it, or as much as fills the page.
    async fn search(
        &self,
        caller: &Caller,
        all: &[Criterion],
        asc: bool,
        page: &std::ops::Range<usize>,
    ) -> Result<Vec<SessionView>, ApiError> {
        let indexes = indexes(all, caller);
        let (mut read, mut is_whole) = (0, true);
        let mut seen = BTreeSet::new();
        let mut found = Vec::new();
        for select in &indexes {
            let mut query = SessionQuery::select(select.clone())
                .dead_too()
                .impersonations_too()
                .limit(MAX_PAGE);
            query = all.iter().fold(query, |query, one| one.narrow(query));
            if asc {
                query = query.oldest_first();
            }
            loop {
                let batch = self.issuer.list(query.clone()).await?;
                read += batch.sessions().len();
                found.extend(
                    batch
                        .sessions()
                        .iter()
                        .filter(|view| self.is_there(view) && caller.may_see(view))
                        .filter(|view| all.iter().all(|one| one.admits(view)))
                        .filter(|view| seen.insert(view.id()))
                        .cloned(),
                );
                match batch.next() {
                    None => break,
                    Some(_) if read >= MAX_READ => {
                        is_whole = false;
                        break;
                    }
                    Some(next) => query = query.after(next),
                }
            }
        }
        if !is_whole && (indexes.len() > 1 || found.len() < page.end) {
            return Err(TOO_MANY_TO_READ.error());
        }
        found.sort_by_key(SessionView::page_key);
        if !asc {
            found.reverse();
        }
        Ok(found)
    }
}

/// The indexes that have everything that is asked for: the narrowest that a query names, or else
/// what the caller may see.
fn indexes(all: &[Criterion], caller: &Caller) -> Vec<Select> {
    if all.iter().any(|one| matches!(one, Criterion::Nobody)) {
        return Vec::new();
    }
    let mut named: Vec<_> = all.iter().filter_map(Criterion::index).collect();
    named.sort_by_key(|select| match select {
        Select::Ids(_) => 0,
        Select::Subject(_) => 1,
        Select::Fingerprint(_) => 2,
        _ => 3,
    });
    match named.into_iter().next() {
        Some(select) => vec![select],
        None => caller.indexes(),
    }
}
