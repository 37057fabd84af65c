//! Who calls ZITADEL, and what each may do.

use session_issuer::{
    NewSession, Policy,
    compat::zitadel::{Caller, Permission, ResourceOwner, Scope, TokenRule},
    error::{InvalidInput, Problem},
    id::CreatorId,
};

use crate::{
    compat::{create::*, zitadel::get::*},
    world::*,
};

const ALL: [Permission; 3] =
    [Permission::SessionRead, Permission::SessionWrite, Permission::SessionDelete];

#[test]
fn a_caller_may_do_nothing_to_others_until_it_is_granted() {
    let bare = caller("x").user(id(USER)).user_agent(&browser("fp-1"));
    for permission in ALL {
        for organization in [None, Some("acme"), Some("org-1")] {
            assert!(
                !bare.may(permission, organization),
                "{permission:?}: its own organisation gives it nothing"
            );
        }
    }
}

#[test]
fn a_permission_reaches_as_far_as_its_scope_and_grants_no_other() {
    for granted in ALL {
        let of_acme = caller("x").grant(granted, Scope::Organization("acme".to_owned()));
        let of_instance = caller("x").grant(granted, Scope::Instance);
        for asked in ALL {
            let same = asked == granted;
            assert_eq!(of_acme.may(asked, Some("acme")), same);
            assert!(!of_acme.may(asked, Some("org-1")) && !of_acme.may(asked, Some("")));
            assert!(!of_acme.may(asked, None), "what has no user belongs to no organisation");
            for organization in [None, Some("acme"), Some("org-1")] {
                assert_eq!(of_instance.may(asked, organization), same);
            }
        }
    }
    let several = caller("x")
        .grant(Permission::SessionRead, Scope::Organization("a".to_owned()))
        .grant(Permission::SessionRead, Scope::Organization("b".to_owned()))
        .grant(Permission::SessionDelete, Scope::Organization("c".to_owned()));
    assert!(
        several.may(Permission::SessionRead, Some("a"))
            && several.may(Permission::SessionRead, Some("b"))
    );
    assert!(
        !several.may(Permission::SessionRead, Some("c"))
            && !several.may(Permission::SessionDelete, Some("a"))
    );
}

#[test]
fn organisations_and_fingerprints_have_1_to_200_characters() {
    let new = |owner: &str| Caller::new(CreatorId::new("x").unwrap(), owner).map(drop);
    let problem = |result: Result<(), InvalidInput>| result.unwrap_err().problem;
    assert_eq!(problem(new("")), Problem::Empty);
    assert_eq!(problem(new(&"a".repeat(201))), Problem::TooLong(200));
    assert_eq!(problem(new("a\nb")), Problem::ControlCharacter);
    new(&"a".repeat(200)).unwrap();
    let agent = |fingerprint: &str| browser(fingerprint).checked().map(drop);
    assert_eq!(problem(agent("")), Problem::Empty);
    assert_eq!(problem(agent(&"a".repeat(201))), Problem::TooLong(200));
    agent(&"a".repeat(200)).unwrap();
    assert_eq!(
        caller("x").user_agent(&browser("")),
        caller("x"),
        "a refused fingerprint opens nothing"
    );
}

#[test]
fn the_safest_era_is_the_one_that_nobody_has_to_choose() {
    assert_eq!(TokenRule::default(), TokenRule::V2Alpha);
    assert_eq!(ResourceOwner::default(), ResourceOwner::Organization);
}

#[test]
fn the_organisation_of_a_sessions_user_decides_and_not_that_of_its_creator() {
    let world = world_of(Policy::zitadel());
    let of = |name: &str| {
        caller("x").grant(Permission::SessionRead, Scope::Organization(name.to_owned()))
    };
    let view = |caller: &Caller, id: &str| get(&service(&world), caller, id, None);
    // Made by a caller of acme: about nobody, then about a user of org-1.
    let bare = made(&world, "login-page", NewSession::anonymous());
    let id_text = bare.session_id().to_string();
    assert_eq!(shown(view(&of("acme"), &id_text)), not_permitted());
    assert_eq!(shown(view(&of("org-1"), &id_text)), not_permitted());
    let update = session_issuer::Update::with_token(bare.token())
        .check(session_issuer::factor::Check::subject(id(USER)));
    session_issuer::testing::block_on(world.issuer.update(update)).unwrap();
    assert_eq!(shown(view(&of("acme"), &id_text)), not_permitted());
    let seen = view(&of("org-1"), &id_text).unwrap().session;
    assert_eq!(seen.factors.unwrap().user.organization_id.as_deref(), Some("org-1"));
}
