//! ZITADEL's search: which sessions meet which queries, and who sees them. Numbers are those of the
//! seed cases.

use serde_json::{Value, json};
use session_issuer::{
    NewSession, Policy, Revoke, Timestamp,
    compat::{
        Profiles,
        zitadel::{
            ApiError, Caller, ListSessions, ListSessionsResponse, Permission, Profile, Scope,
            Service,
        },
    },
    id::{CreatorId, SubjectId, TenantId},
    store::{NewRecord, SessionStore},
    testing::{Fault, Verb, block_on, fixtures},
    verifier::VerifyError,
};

use crate::{
    compat::{create::*, zitadel::get::*},
    world::*,
};

fn search(
    service: &Service,
    caller: &Caller,
    request: Value,
) -> Result<ListSessionsResponse, ApiError> {
    block_on(service.list_sessions(caller, body::<ListSessions>(request)))
}

/// The ids that a search finds, in order, and how many there are in all.
fn found(service: &Service, caller: &Caller, request: Value) -> (Vec<String>, u64) {
    let answer = search(service, caller, request).unwrap();
    (
        answer.sessions.iter().map(|session| session.id.to_string()).collect(),
        answer.details.total_result,
    )
}

/// The ids that queries find.
fn meet(world: &World, caller: &Caller, queries: Value) -> Vec<String> {
    let (ids, total) = found(&service(world), caller, json!({ "queries": queries }));
    assert_eq!(ids.len(), usize::try_from(total).unwrap());
    ids
}

/// A session of a minute of its own, and its id.
fn born(world: &World, creator: &str, new: NewSession) -> String {
    let issued = made(world, creator, new);
    world.advance(MINUTE);
    issued.session_id().to_string()
}

fn invalid() -> (u16, Value) {
    (400, zitadel(3, "GRPC-Sfefs", "List.Query.Invalid"))
}

fn nobody() -> (u16, Value) {
    (400, zitadel(3, "GRPC-x8n23uh", "List.Query.Invalid"))
}

// 109
#[test]
fn sessions_are_found_by_id_user_creator_and_user_agent() {
    let world = world_of(Policy::zitadel());
    world.people.add("goofy", "V3ryS3cure!");
    let mini = born(&world, "login-page", with_password(USER).client(browser("fp-1")));
    let goofy = born(&world, "admin", with_password("goofy"));
    let nobodys = born(&world, "other", NewSession::anonymous());
    let all = [nobodys.clone(), goofy.clone(), mini.clone()];
    let admin = admin();
    let meet = |queries: Value| meet(&world, &admin, queries);

    assert_eq!(meet(json!([{ "idsQuery": { "ids": [STRANGER, "not an id"] } }])), [""; 0]);
    assert_eq!(meet(json!([{ "idsQuery": { "ids": [] } }])), [""; 0]);
    assert_eq!(
        meet(json!([{ "idsQuery": { "ids": [mini, STRANGER, goofy, mini] } }])),
        [&*goofy, &*mini]
    );
    assert_eq!(meet(json!([{ "userIdQuery": { "id": USER } }])), [&*mini]);
    assert_eq!(meet(json!([{ "userIdQuery": { "id": "nobody" } }])), [""; 0]);
    assert_eq!(meet(json!([{ "creatorQuery": {} }])), [&*goofy], "the caller's own");
    assert_eq!(meet(json!([{ "creatorQuery": { "id": null } }])), [&*goofy], "null is absent");
    assert_eq!(meet(json!([{ "creatorQuery": { "id": "login-page" } }])), [&*mini]);
    assert_eq!(meet(json!([{ "creatorQuery": { "id": "wrong" } }])), [""; 0]);
    assert_eq!(meet(json!([{ "userAgentQuery": { "fingerprintId": "fp-1" } }])), [&*mini]);
    assert_eq!(meet(json!([{ "userAgentQuery": { "fingerprintId": "wrong" } }])), [""; 0]);
    let in_fp_1 = admin.clone().user_agent(&browser("fp-1"));
    assert_eq!(self::meet(&world, &in_fp_1, json!([{ "userAgentQuery": {} }])), [&*mini]);
    assert_eq!(meet(json!([])), all);
    assert_eq!(meet(json!(null)), all);
    // What nobody can be named finds nothing.
    for too_long in [
        json!([{ "userIdQuery": { "id": "a".repeat(201) } }]),
        json!([{ "creatorQuery": { "id": "a".repeat(201) } }]),
        json!([{ "userAgentQuery": { "fingerprintId": "a".repeat(201) } }]),
    ] {
        world.store.reset_calls();
        assert_eq!(meet(too_long), [""; 0]);
        assert_eq!(world.store.calls().total(), 0, "and reads nothing");
    }
    // All of them hold at once, also twice the same kind.
    assert_eq!(
        meet(
            json!([{ "userIdQuery": { "id": USER } }, { "creatorQuery": { "id": "login-page" } }])
        ),
        [&*mini]
    );
    assert_eq!(
        meet(json!([{ "userIdQuery": { "id": USER } }, { "creatorQuery": { "id": "admin" } }])),
        [""; 0]
    );
    let both = json!([{ "idsQuery": { "ids": [mini, goofy] } }, { "idsQuery": { "ids": [goofy, nobodys] } }]);
    assert_eq!(meet(both), [&*goofy]);
}

// 110
#[test]
fn an_empty_name_a_missing_date_and_none_or_two_kinds_are_no_query() {
    let world = world_of(Policy::zitadel());
    let service = service(&world);
    let refused = |query: Value| shown(search(&service, &admin(), json!({ "queries": [query] })));
    for empty in [
        json!({ "creatorQuery": { "id": "" } }),
        json!({ "userAgentQuery": { "fingerprintId": "" } }),
        json!({ "userAgentQuery": {} }),
        json!({ "userAgentQuery": { "fingerprintId": null } }),
    ] {
        assert_eq!(refused(empty.clone()), nobody(), "{empty}");
    }
    for broken in [
        json!({}),
        json!({ "unknownQuery": {} }),
        json!({ "idsQuery": null }),
        json!({ "idsQuery": { "ids": [] }, "userIdQuery": { "id": USER } }),
        json!({ "creatorQuery": {}, "userAgentQuery": {} }),
        json!({ "userIdQuery": {} }),
        json!({ "userIdQuery": { "id": "" } }),
        json!({ "creationDateQuery": {} }),
        json!({ "creationDateQuery": { "method": 1 } }),
        json!({ "expirationDateQuery": { "expirationDate": null } }),
        json!({ "idsQuery": { "ids": vec![STRANGER; 1001] } }),
    ] {
        assert_eq!(refused(broken.clone()), invalid(), "{broken}");
    }
    let ids = json!({ "idsQuery": { "ids": vec![STRANGER; 1000] } });
    search(&service, &admin(), json!({ "queries": [ids] })).unwrap();
    let query = json!({ "creatorQuery": {} });
    search(&service, &admin(), json!({ "queries": vec![query.clone(); 100] })).unwrap();
    assert_eq!(
        shown(search(&service, &admin(), json!({ "queries": vec![query; 101] }))),
        invalid()
    );
}

// 112
#[test]
fn only_what_the_caller_may_see_is_listed_and_counted() {
    let world = world_of(Policy::zitadel());
    world.people.add("goofy", "V3ryS3cure!");
    let mini = born(&world, "login-page", with_password(USER).client(browser("fp-1")));
    let goofy = born(&world, "login-page", with_password("goofy").client(browser("fp-1")));
    let bare = born(&world, "console", NewSession::anonymous());
    let (service, all) = (service(&world), json!({}));
    let other = || caller("other");
    assert_eq!(found(&service, &other(), all.clone()), (vec![], 0));
    let by_user = json!({ "queries": [{ "userIdQuery": { "id": USER } }] });
    assert_eq!(
        found(&service, &other(), by_user.clone()),
        (vec![], 0),
        "naming a user shows nothing"
    );

    let read = |scope| other().grant(Permission::SessionRead, scope);
    let of_org_1 = read(Scope::Organization("org-1".to_owned()));
    for (caller, seen) in [
        (caller("login-page"), vec![&goofy, &mini]),
        (caller("console"), vec![&bare]),
        (other().user(id(USER)), vec![&mini]),
        (other().user_agent(&browser("fp-1")), vec![&goofy, &mini]),
        (caller("console").user(id(USER)), vec![&bare, &mini]),
        (caller("login-page").user(id(USER)).user_agent(&browser("fp-1")), vec![&goofy, &mini]),
        (of_org_1, vec![&goofy, &mini]),
        (read(Scope::Organization("acme".to_owned())), vec![]),
        (read(Scope::Instance), vec![&bare, &goofy, &mini]),
        (other().grant(Permission::SessionDelete, Scope::Instance), vec![]),
    ] {
        let seen: Vec<_> = seen.into_iter().cloned().collect();
        let total = u64::try_from(seen.len()).unwrap();
        assert_eq!(found(&service, &caller, all.clone()), (seen, total), "{caller:?}");
    }
    assert_eq!(found(&service, &other().user(id(USER)), by_user), (vec![mini], 1));
}

#[test]
fn pages_are_cut_from_the_order_of_creation() {
    let world = world_of(Policy::zitadel());
    let born: Vec<_> = (0..5).map(|_| born(&world, "admin", NewSession::anonymous())).collect();
    let newest: Vec<_> = born.iter().rev().cloned().collect();
    let (service, admin) = (service(&world), admin());
    let page = |query: Value| found(&service, &admin, json!({ "query": query }));
    assert_eq!(page(json!(null)), (newest.clone(), 5));
    assert_eq!(page(json!({})), (newest.clone(), 5));
    assert_eq!(page(json!({ "limit": 2 })), (newest[..2].to_vec(), 5));
    assert_eq!(page(json!({ "offset": "2", "limit": "2" })), (newest[2..4].to_vec(), 5));
    assert_eq!(page(json!({ "offset": 4, "limit": 2 })), (newest[4..].to_vec(), 5));
    assert_eq!(page(json!({ "offset": "9" })), (vec![], 5));
    assert_eq!(page(json!({ "asc": true, "limit": 3 })), (born[..3].to_vec(), 5));
    assert_eq!(page(json!({ "asc": true, "offset": 3 })), (born[3..].to_vec(), 5));
    for sorting in [json!(0), json!(1), json!("SESSION_FIELD_NAME_CREATION_DATE"), json!(null)] {
        let sorted =
            found(&service, &admin, json!({ "sortingColumn": sorting, "query": { "asc": true } }));
        assert_eq!(sorted.0, born);
    }
    // The same pages, where they are put together from two indexes.
    let own = caller("admin").user(id(USER));
    let mine = self::born(&world, "else", with_password(USER));
    let pages = |query: Value| found(&service, &own, json!({ "query": query }));
    assert_eq!(pages(json!({ "limit": 2 })), (vec![mine.clone(), newest[0].clone()], 6));
    assert_eq!(pages(json!({ "asc": true, "offset": 4 })), (vec![born[4].clone(), mine], 6));
}

#[test]
fn a_page_has_at_most_a_thousand_and_no_list_is_read_beyond_ten_thousand() {
    let world = world_of(Policy::zitadel());
    let (service, admin) = (service(&world), admin());
    let exceeded = (400, zitadel(3, "QUERY-4M0fs", "Errors.Query.LimitExceeded"));
    for query in [
        json!({ "limit": 1001 }),
        json!({ "offset": 9901 }),
        json!({ "offset": 9001, "limit": 1000 }),
        json!({ "offset": "18446744073709551615" }),
        json!({ "limit": u32::MAX }),
    ] {
        assert_eq!(shown(search(&service, &admin, json!({ "query": query }))), exceeded, "{query}");
    }
    for query in [json!({ "limit": 1000 }), json!({ "offset": 9000, "limit": 1000 })] {
        search(&service, &admin, json!({ "query": query })).unwrap();
    }

    let first = born(&world, "first", NewSession::anonymous());
    let store = world.store.inner();
    for n in 0..10_001 {
        let at = Timestamp::from_millis(world.issuer.now().as_millis() + n);
        let many = CreatorId::new("many").unwrap();
        let record = fixtures::session().tenant(TenantId::default()).creator(many).at(at).build();
        let _ = block_on(store.insert(NewRecord::new(record, at))).unwrap();
    }
    let last = made(&world, "last", NewSession::anonymous()).session_id().to_string();
    world.store.reset_calls();
    let (page, total) = found(&service, &admin, json!({ "query": { "limit": 3 } }));
    assert_eq!((page.len(), total), (3, 10_000), "as many as were read");
    assert_eq!(world.store.calls().of(Verb::List), 10);
    let limit = || json!({ "query": { "limit": 3 } });
    assert_eq!(found(&service, &caller("many"), limit()).1, 10_000);
    let of_two_indexes = search(&service, &caller("many").user(id(USER)), limit());
    assert_eq!(shown(of_two_indexes).0, 429, "which of them comes first is not known");
    let too_many = json!([{ "expirationDateQuery": { "expirationDate": "2020-01-01T00:00:00Z" } }]);
    let text = "More sessions meet these queries than one call reads: narrow them.";
    assert_eq!(
        shown(search(&service, &admin, json!({ "queries": too_many }))),
        (429, json!({ "code": 8, "message": text, "details": [] })),
        "an empty page would be a lie"
    );
    // A query for names reads its index, and no more.
    for (queries, wanted) in [
        (json!([{ "creatorQuery": { "id": "first" } }]), &first),
        (json!([{ "creatorQuery": { "id": "last" } }]), &last),
        (json!([{ "idsQuery": { "ids": [first] } }]), &first),
    ] {
        world.store.reset_calls();
        assert_eq!(meet(&world, &admin, queries), [&**wanted]);
        assert_eq!((world.store.calls().of(Verb::List), world.store.calls().total()), (1, 1));
    }
    world.store.reset_calls();
    assert_eq!(
        meet(&world, &caller("last"), json!([])),
        [&*last],
        "whoever sees little reads little"
    );
    assert_eq!(world.store.calls().total(), 1);
}

#[test]
fn a_creation_date_is_compared_as_the_method_says() {
    let world = world_of(Policy::zitadel());
    let at: Vec<_> =
        (0..3).map(|n| world.issuer.now().saturating_add(n * MINUTE).to_string()).collect();
    let born: Vec<_> = (0..3).map(|_| born(&world, "admin", NewSession::anonymous())).collect();
    let admin = admin();
    for (method, wanted) in [
        (json!(null), vec![1]),
        (json!(0), vec![1]),
        (json!("TIMESTAMP_QUERY_METHOD_EQUALS"), vec![1]),
        (json!("TIMESTAMP_QUERY_METHOD_GREATER"), vec![2]),
        (json!("TIMESTAMP_QUERY_METHOD_GREATER_OR_EQUALS"), vec![2, 1]),
        (json!("TIMESTAMP_QUERY_METHOD_LESS"), vec![0]),
        (json!(4), vec![1, 0]),
    ] {
        let query = json!({ "creationDate": at[1], "method": method });
        let wanted: Vec<_> = wanted.into_iter().map(|n: usize| born[n].clone()).collect();
        assert_eq!(
            meet(&world, &admin, json!([{ "creationDateQuery": query }])),
            wanted,
            "{method}"
        );
        // In another index, and written another way.
        let queries = json!([{ "creation_date_query": query }, { "creatorQuery": {} }]);
        assert_eq!(meet(&world, &admin, queries), wanted, "{method}");
    }
    let between = json!([
        { "creationDateQuery": { "creationDate": at[0], "method": 1 } },
        { "creationDateQuery": { "creationDate": at[2], "method": 3 } },
    ]);
    assert_eq!(meet(&world, &admin, between), [&*born[1]]);
    let cut = at[1].replace('Z', ".000999999Z");
    let query = json!([{ "creationDateQuery": { "creationDate": cut } }]);
    assert_eq!(
        meet(&world, &admin, query),
        [&*born[1]],
        "what is below the millisecond is dropped"
    );
}

#[test]
fn a_session_without_an_end_is_later_than_every_date_of_expiry() {
    let world = world_of(Policy::zitadel());
    let lives = |lifetime| NewSession::anonymous().lifetime(lifetime);
    let start = world.issuer.now();
    let early = made(&world, "admin", lives(HOUR)).session_id().to_string();
    let late = made(&world, "admin", lives(2 * HOUR)).session_id().to_string();
    let never = made(&world, "admin", NewSession::anonymous()).session_id().to_string();
    world.advance(DAY); // both have expired, and are listed all the same
    let admin = admin();
    for (at, method, wanted) in [
        (HOUR, 0, vec![&early]),
        (2 * HOUR, 0, vec![&late]),
        (HOUR, 1, vec![&never, &late]),
        (HOUR, 2, vec![&never, &late, &early]),
        (2 * HOUR, 3, vec![&early]),
        (2 * HOUR, 4, vec![&late, &early]),
        (3 * HOUR, 1, vec![&never]),
        (3 * HOUR, 4, vec![&late, &early]),
        (MINUTE, 0, vec![]),
    ] {
        let date = start.saturating_add(at).to_string();
        let query =
            json!([{ "expirationDateQuery": { "expirationDate": date, "method": method } }]);
        let wanted: Vec<_> = wanted.into_iter().cloned().collect();
        assert_eq!(meet(&world, &admin, query), wanted, "{at:?} {method}");
    }
    let latest = json!({ "expirationDate": "9999-12-31T23:59:59.999Z", "method": 4 });
    assert_eq!(meet(&world, &admin, json!([{ "expirationDateQuery": latest }])), [&*late, &*early]);
}

#[test]
fn what_has_ended_is_not_listed() {
    let world = world_of(Policy::zitadel());
    world.people.add("goofy", "V3ryS3cure!");
    let one = made(&world, "admin", NewSession::anonymous());
    login(&world, "goofy");
    let stays = login(&world, USER).session_id().to_string();
    block_on(world.issuer.revoke(Revoke::session(one.session_id()))).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id("goofy")))).unwrap();
    assert_eq!(meet(&world, &admin(), json!([])), [&*stays]);
    let ids = json!([{ "idsQuery": { "ids": [one.session_id().to_string(), stays] } }]);
    assert_eq!(meet(&world, &admin(), ids), [&*stays]);
}

#[test]
fn a_list_names_each_user_and_asks_for_the_names_once() {
    #[derive(Debug, Clone, Default)]
    struct Names(std::sync::Arc<std::sync::Mutex<Vec<String>>>);

    #[async_trait::async_trait]
    impl Profiles<Profile> for Names {
        async fn profile(&self, user: &SubjectId) -> Result<Profile, VerifyError> {
            self.0.lock().unwrap().push(user.to_string());
            let mut profile = Profile::default();
            profile.display_name = Some(format!("{user}'s name"));
            Ok(profile)
        }
    }

    let world = world_of(Policy::zitadel());
    world.people.add("goofy", "V3ryS3cure!");
    for user in [USER, "goofy", USER] {
        login(&world, user);
    }
    born(&world, "admin", NewSession::anonymous());
    let names = Names::default();
    let service = service(&world).profiles(names.clone());
    let listed = search(&service, &admin(), json!({ "query": { "limit": 3 } })).unwrap();
    let shown =
        listed.sessions.iter().map(|session| session.factors.as_ref()?.user.display_name.clone());
    let name = |user: &str| Some(format!("{user}'s name"));
    assert_eq!(shown.collect::<Vec<_>>(), [None, name(USER), name("goofy")]);
    assert_eq!(*names.0.lock().unwrap(), [USER, "goofy"], "of this page alone");
    search(&service, &admin(), json!({ "query": { "offset": 1 } })).unwrap();
    assert_eq!(*names.0.lock().unwrap(), [USER, "goofy", USER, "goofy"]);
}

#[test]
fn a_list_is_written_as_protobuf_writes_it_and_changes_nothing() {
    let world = world_of(Policy::zitadel());
    let empty =
        serde_json::to_value(search(&service(&world), &admin(), json!({})).unwrap()).unwrap();
    let now = world.issuer.now().to_string();
    assert_eq!(
        empty,
        json!({ "details": { "totalResult": "0", "timestamp": now }, "sessions": [] })
    );
    let issued = login(&world, USER);
    unchanged(&world, || {
        let answer = search(&service(&world), &admin(), json!({})).unwrap();
        let listed = serde_json::to_value(answer).unwrap();
        assert_eq!(listed["details"]["totalResult"], json!("1"));
        let got = get(&service(&world), &admin(), &issued.session_id().to_string(), None).unwrap();
        assert_eq!(listed["sessions"][0], serde_json::to_value(got.session).unwrap());
    });
    world.store.fail_next(Verb::List, Fault::Before);
    assert_eq!(shown(search(&service(&world), &admin(), json!({}))), busy());
    let elsewhere = Service::new(world.issuer.tenant(TenantId::new("elsewhere").unwrap()));
    assert_eq!(found(&elsewhere, &admin(), json!({})), (vec![], 0));
}
