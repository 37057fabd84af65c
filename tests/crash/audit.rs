//! The file against the ledger.

use std::{collections::HashSet, path::Path};

use session_issuer::{
    Issuer, Refresh, Requirement, SessionQuery,
    error::ErrorKind,
    id::{SessionId, SubjectId},
    issuer::{Issued, SessionView},
    testing::block_on,
};

use crate::{
    ledger::{Begun, Entry, Fate, Ledger},
    worker::{SPEND, issuer},
};

/// What the last worker may have touched.
pub(crate) fn touched(file: &Path, ledger: &mut Ledger) {
    ledger.close();
    audit(file, ledger, |entry| entry.touched);
}

/// All of it, and the file's own opinion of itself.
pub(crate) fn everything(file: &Path, ledger: &mut Ledger) {
    audit(file, ledger, |_| true);
}

fn audit(file: &Path, ledger: &mut Ledger, which: impl Fn(&Entry) -> bool) {
    {
        let issuer = issuer(file);
        let unborn = std::mem::take(&mut ledger.unborn);
        let mut subjects: HashSet<String> = unborn.iter().cloned().collect();
        let mut done = 0;
        for entry in ledger.sessions.values_mut().filter(|entry| which(entry)) {
            subjects.insert(entry.known.subject.clone());
            ledger.count.audited += 1;
            done += u64::from(compare(&issuer, entry));
        }
        // No session that nobody was answered, but for those that had begun.
        for subject in subjects {
            let found = listed(&issuer, &subject);
            let strangers: Vec<_> =
                found.iter().filter(|view| !ledger.sessions.contains_key(&view.id())).collect();
            let begun = unborn.iter().filter(|name| **name == subject).count();
            // Sessions that were born unheard stay: only those of this round are new.
            let new = strangers.iter().filter(|view| ledger.orphans.insert(view.id())).count();
            assert!(new <= begun, "{subject} has sessions that nobody made: {strangers:?}");
            done += new as u64;
        }
        ledger.count.cut_and_done += done;
    }
    let file = rusqlite::Connection::open(file).unwrap();
    let verdict: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
}

/// Compares one session. True when something that was cut short turns out to have been done.
fn compare(issuer: &Issuer, entry: &mut Entry) -> bool {
    entry.touched = false;
    let id = entry.known.id;
    let view = one(issuer, id);
    let refreshed = block_on(issuer.refresh(Refresh::new(&entry.known.refresh)));
    match (entry.fate, &refreshed) {
        (Fate::Dead, Ok(_)) => panic!("{id} was revoked, and lives"),
        (Fate::Dead, Err(error)) => {
            assert_eq!(error.kind(), ErrorKind::Revoked, "{id}: {error:?}");
            let checked = block_on(issuer.check(entry.known.access.as_str(), &Requirement::new()));
            let checked = checked.map(drop).map_err(|error| error.kind());
            assert_eq!(checked, Err(ErrorKind::Revoked), "{id} was revoked: its access token");
            return false;
        }
        (Fate::Alive, Err(error)) => panic!("{id} was not revoked, and is gone: {error:?}"),
        (Fate::Either, Err(error)) => {
            assert_eq!(error.kind(), ErrorKind::Revoked, "{id}: {error:?}");
            (entry.fate, entry.begun) = (Fate::Dead, None);
            return true;
        }
        (Fate::Alive | Fate::Either, Ok(_)) => entry.fate = Fate::Alive,
    }
    let (view, refreshed): (SessionView, Issued) = (view.expect("it lives"), refreshed.unwrap());
    let begun = entry.begun.take();
    let known = &mut entry.known;
    if begun != Some(Begun::Refresh) {
        assert!(!refreshed.is_replay(), "{id} was refreshed, and nobody asked");
    }
    let spent = view.session().unwrap().counter(SPEND.0);
    let change = view.metadata().and_then(|metadata| metadata.get("change"));
    let change: u64 =
        change.map_or(0, |bytes| std::str::from_utf8(bytes).unwrap().parse().unwrap());
    assert_eq!(view.subject().unwrap().as_str(), known.subject);
    let may = |what| u64::from(begun == Some(what));
    let more_spent = spent.checked_sub(known.spent).expect("a counter went back");
    let more_changed = change.checked_sub(known.change).expect("a change was lost");
    assert!(
        more_spent <= may(Begun::Spend) && more_changed <= may(Begun::Change),
        "{id}: {begun:?}"
    );
    (known.spent, known.change) = (spent, change);
    known.refresh = refreshed.refresh_token().unwrap().to_owned();
    known.access = refreshed.token().to_owned();
    refreshed.is_replay() || more_spent + more_changed > 0
}

fn one(issuer: &Issuer, id: SessionId) -> Option<SessionView> {
    let select = session_issuer::store::Select::Ids(vec![id]);
    let page = block_on(issuer.list(SessionQuery::select(select))).unwrap();
    assert!(page.damaged().is_empty(), "half a record: {:?}", page.damaged());
    page.sessions().first().cloned()
}

fn listed(issuer: &Issuer, subject: &str) -> Vec<SessionView> {
    let (mut all, subject) = (Vec::new(), SubjectId::new(subject).unwrap());
    let mut query = SessionQuery::of_subject(subject.clone());
    loop {
        let page = block_on(issuer.list(query)).unwrap();
        assert!(page.damaged().is_empty(), "half a record: {:?}", page.damaged());
        all.extend(page.sessions().iter().cloned());
        let Some(next) = page.next() else { return all };
        query = SessionQuery::of_subject(subject.clone()).after(next);
    }
}
