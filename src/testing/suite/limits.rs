//! Names in every script, records of every largest size, and questions at their bounds.

use super::tools::*;
use crate::{
    actor::{Actor, ActorChain, MAX_ACTORS},
    client::{ClientInfo, MAX_AGENT_CHARS, MAX_HEADERS},
    factor::Challenge,
    id::{CreatorId, MAX_ID_CHARS},
    metadata::{HostClaims, MAX_CLAIMS_BYTES, MAX_ENTRIES, MAX_VALUE_BYTES, Metadata},
    session::SessionChange,
    store::StoreErrorKind,
};

/// A few dozen of the strings that break software, as far as they are names at all.
const NAUGHTY: &[&str] = &[
    "undefined",
    "null",
    "NULL",
    "(null)",
    "nil",
    "true",
    "0",
    "-1",
    "1E+02",
    "0x0",
    "NaN",
    "Infinity",
    "1/0",
    "{0}",
    "$HOME",
    "%d",
    "%s%s%s%s%s",
    "../../../../etc/passwd",
    "C:\\AUX",
    "CON",
    "' OR 1=1 -- 1",
    "1;DROP TABLE users",
    "1'; DROP TABLE users-- 1",
    "\"",
    "'",
    "`",
    "\\",
    "\\\\",
    "<script>alert(1)</script>",
    "&lt;",
    "]]>",
    ":",
    "::",
    "a:b",
    "a|b",
    "a\u{1f}b",
    "{tag}",
    "{a}{b}",
    "*",
    "?",
    "[a-z]",
    "h[^e]llo",
    "%",
    "_",
    "田中さん",
    "社會科學院",
    "울란바토르",
    "𠜎𠜱",
    "表ポあA鷗",
    "Ⱥ",
    "ﬀ",
    "ß",
    "ẞ",
    "İ",
    "ı",
    "😍",
    "👩🏽",
    "👾 🙇 💁",
    "🇺🇸🇷🇺",
    "１２３",
    "١٢٣",
    "ثم نفس",
    "הָיְתָה",
    "Ṱ̺̺̕o͞ ̷i̲̬",
    "\u{feff}",
    "\u{200b}",
    " leading",
    "trailing ",
    "  ",
    "e\u{301}",
    "\u{e9}",
    "\u{fffd}",
    "\u{10ffff}",
    "\u{e000}",
];

pub async fn naughty_names_come_back_byte_for_byte(store: Store) {
    let names: Vec<_> = NAUGHTY.iter().filter_map(|text| SubjectId::new(text).ok()).collect();
    assert!(names.len() > 60, "nearly all are names");
    let mut keys = Vec::new();
    for name in &names {
        keys.push(login(&store, name, 0).await);
    }
    for (name, key) in names.iter().zip(&keys) {
        assert_eq!(load(&store, key).await.record.bound().map(|(own, _)| own), Some(name));
        if !skips_lists(&store) {
            assert_eq!(sessions_of(&store, name).await, [key.id], "{name}");
        }
    }
}

pub async fn names_that_look_alike_are_different_names(store: Store) {
    let names =
        ["ada", "Ada", "ADA", "ada ", " ada", "adа", "\u{e9}", "e\u{301}", "ß", "ss"].map(subject);
    let mut last = Vec::new();
    for name in &names {
        last.push(login(&store, name, 0).await);
    }
    let _ = bump(&store, &names[0], Bump::all(RevokeReason::Admin), 1).await;
    let mut live = 0;
    for key in &last {
        live += u32::from(is_live(&store, key, 1).await);
    }
    assert_eq!(live, 9, "only the one that was meant");
}

/// As many characters as a name may have, four bytes each; two that end differently differ nowhere
/// else.
fn longest(end: char) -> String {
    std::iter::repeat_n('\u{2070e}', MAX_ID_CHARS - 1).chain([end]).collect()
}

/// A session whose every part is as long as it may be.
fn largest(name: &SubjectId, known: Epoch) -> Record {
    let text = longest('a');
    let line = "\u{2070e}".repeat(MAX_AGENT_CHARS);
    let actors = ('0'..).take(MAX_ACTORS).map(|end| {
        let actor = Actor::new(subject(&longest(end)));
        if end == '0' { actor } else { actor.with_session(fixtures::session().build().id()) }
    });
    let chain = ActorChain::of(actors, &text).unwrap();
    let client = ClientInfo::new()
        .with_user_agent(&line)
        .with_ip("2001:db8:ffff:ffff:ffff:ffff:ffff:ffff".parse().unwrap())
        .with_fingerprint(&text)
        .with_description(&text)
        .with_header(&text, vec![line.as_str(); MAX_HEADERS]);
    let mut metadata = Metadata::new();
    for number in 0..MAX_ENTRIES {
        let bytes = if number < 3 { MAX_VALUE_BYTES } else { 50 };
        metadata.set(&number.to_string(), vec![255; bytes]).unwrap();
    }
    let _ = (0..MAX_VALUE_BYTES).rev().find(|bytes| metadata.set("3", vec![255; *bytes]).is_ok());
    let claims = (0..MAX_CLAIMS_BYTES)
        .rev()
        .find_map(|bytes| HostClaims::of([("c", "\"".repeat(bytes))]).ok());
    fixtures::session()
        .tenant(tenant(&longest('t')))
        .subject(name.clone(), known)
        .factors(FactorKind::ALL)
        .client(client)
        .device(device(&longest('d')))
        .creator(CreatorId::new(longest('c')).unwrap())
        .actors(chain)
        .metadata(metadata)
        .claims(claims.unwrap())
        .resource_owner(&text)
        .build()
}

pub async fn the_largest_record_of_all_comes_back_whole(store: Store) {
    let name = subject(&longest('s'));
    let of_subject = SubjectKey::new(tenant(&longest('t')), name.clone());
    let known = store.stamp(&of_subject, at(0)).await.unwrap().epoch;
    let record = largest(&name, known);
    let key = record.key();
    let new = NewRecord::new(record.clone(), at(0));
    match store.insert(new).await {
        Ok(inserted) => assert!(created(inserted).is_empty()),
        Err(error) => {
            let bytes =
                store.capabilities().max_record_bytes.expect("a store without a bound takes it");
            assert_eq!(
                error.kind(),
                StoreErrorKind::TooLarge,
                "and one of {bytes} bytes says that it is too large"
            );
            assert!(store.load(&key).await.unwrap().is_none(), "and keeps nothing of it");
            return;
        }
    }
    assert!(*load(&store, &key).await.record == record);
    let full = "\u{2070e}".repeat(4096);
    let challenges =
        FactorKind::ALL.iter().map(|kind| Challenge::new(*kind, &full, at(600)).unwrap()).collect();
    let on = load(&store, &key).await;
    let change = SessionChange { challenges, ..SessionChange::default() };
    let larger = done(commit(&store, &on, on.record.updated(change, at(1), 1).unwrap(), 1).await);
    assert!(*load(&store, &key).await.record == *larger);
    let every = spend(1, &[Spend::one("n", u64::MAX).with_amount(u64::MAX)]);
    assert_eq!(note(&store, &key, every).await, Noted::Done);
    let tombstone = Tombstone::new(RevokeReason::CredentialChange, at(2)).by(Some(name.clone()));
    assert!(matches!(store.end(&key, &tombstone).await.unwrap(), Ended::Ended { .. }));
    let ended = load(&store, &key).await.record;
    assert!(ended.tombstone() == Some(&tombstone));
    assert_eq!(ended.session().unwrap().counter("n"), u64::MAX);
}

pub async fn the_longest_names_are_kept_apart_to_their_last_character(store: Store) {
    for (of, name, on) in [('x', 'x', 'x'), ('x', 'y', 'y'), ('y', 'x', 'x')] {
        let (of, name) = (tenant(&longest(of)), subject(&longest(name)));
        let key = SubjectKey::new(of.clone(), name.clone());
        let known = store.stamp(&key, at(0)).await.unwrap().epoch;
        let own = create(
            &store,
            fixtures::session().tenant(of.clone()).subject(name.clone(), known).build(),
        )
        .await;
        create(&store, fixtures::session().tenant(of.clone()).device(device(&longest(on))).build())
            .await;
        if !skips_lists(&store) {
            assert_eq!(list(&store, Query::new(of, Select::Subject(name))).await, [own.id]);
        }
    }
    let first = SubjectKey::new(tenant(&longest('x')), subject(&longest('x')));
    let _ = store
        .change_subject(&first, SubjectChange::bump(Bump::all(RevokeReason::Admin), at(1)))
        .await
        .unwrap();
    let stamp =
        store.stamp(&SubjectKey::new(first.tenant, subject(&longest('y'))), at(1)).await.unwrap();
    assert_eq!(stamp, SubjectStamp::first(at(0)));
}

pub async fn the_longest_names_find_their_sessions(store: Store) {
    if skips_lists(&store) {
        return;
    }
    let chain = |end| ActorChain::new(Actor::new(subject(&longest(end))), "T-1").unwrap();
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    let mut keys = Vec::new();
    for end in ['x', 'y'] {
        let client = ClientInfo::new().with_fingerprint(&longest(end));
        let record = fixtures::session()
            .subject(alice.clone(), known)
            .device(device(&longest(end)))
            .creator(CreatorId::new(longest(end)).unwrap())
            .client(client)
            .actors(chain(end))
            .build();
        keys.push(create(&store, record).await);
    }
    for select in [
        Select::Device(device(&longest('y'))),
        Select::Creator(CreatorId::new(longest('y')).unwrap()),
        Select::Fingerprint(longest('y')),
        Select::Actor(subject(&longest('y'))),
    ] {
        assert_eq!(list(&store, Query::new(TenantId::default(), select)).await, [keys[1].id]);
    }
}

pub async fn the_first_and_the_last_times_keep_their_order(store: Store) {
    let last = Timestamp::from_secs(253_402_300_799); // the end of the year 9999
    let mut keys = Vec::new();
    for born in [last, Timestamp::EPOCH, at(0)] {
        let key = create(&store, fixtures::session().at(born).build()).await;
        let on = load(&store, &key).await;
        assert_eq!(on.record.created_at(), born);
        keys.push(key);
    }
    if !skips_lists(&store) {
        let found = list(&store, Query::new(TenantId::default(), Select::Tenant)).await;
        assert_eq!(found, [keys[0].id, keys[2].id, keys[1].id]);
    }
    let alice = subject("alice");
    let change = SubjectChange::bump(Bump::all(RevokeReason::Admin), last);
    let SubjectChanged::Done(stamp) = store.change_subject(&of(&alice), change).await.unwrap()
    else {
        panic!("nothing was to be kept")
    };
    assert_eq!(store.stamp(&of(&alice), last).await.unwrap(), stamp);
}

pub async fn questions_at_their_bounds_are_answered(store: Store) {
    let key = create(&store, fixtures::session().build()).await;
    let ended = create(&store, fixtures::session().at(at(1)).build()).await;
    let _ = end(&store, &ended, RevokeReason::Logout, 1).await;
    for limit in [0, 1, u32::MAX] {
        let swept = store.sweep(at(2), limit).await.unwrap();
        assert!(swept.removed.is_empty(), "nothing has been over for long");
        if !skips_lists(&store) {
            let mut query = Query::new(TenantId::default(), Select::Tenant);
            query.limit = limit;
            let page = store.list(&query).await.unwrap();
            assert_eq!(page.items.len(), usize::from(limit > 0));
            assert!(page.next.is_none(), "nothing follows");
            query.after = Some(PageKey::new(at(0), key.id));
            query.created_from = Some(Timestamp::MAX);
            query.created_before = Some(Timestamp::EPOCH);
            assert!(store.list(&query).await.unwrap().items.is_empty());
            query.select = Select::Ids(vec![fixtures::session().build().id(); 2000]);
            assert!(store.list(&query).await.unwrap().items.is_empty());
        }
        if !skips_log(&store) {
            let batch = store.revoked_since(&Cursor::start(), limit).await.unwrap();
            let RevocationBatch::Entries { entries, .. } = batch else { panic!("{batch:?}") };
            assert_eq!(entries.len(), usize::from(limit > 0));
        }
    }
    let alice = subject("alice");
    let known = epoch(&store, &alice).await;
    let record = fixtures::session().subject(alice, known).build();
    created(insert_with(&store, record, |new| new.admit = cap(u32::MAX, OnFull::Refuse)).await);
}
