//! Errors: stable codes, classes, one public face, and nothing secret in any of them.

use std::collections::BTreeSet;

use session_issuer::{
    Error, Issuer, Policy,
    error::{ConfigurationProblems, ErrorClass, ErrorKind, Operation},
    policy::{AccessFormat, Cap, Credentials, OnFull},
    session::RevokeReason,
    store::{MemoryStore, StoreError, StoreErrorKind},
    testing::{Fault, Verb},
    token::TokenKeys,
};

use crate::world::*;

#[test]
fn codes_classes_and_faces_are_frozen() {
    let table: Vec<_> = ErrorKind::ALL
        .iter()
        .map(|kind| {
            let error = Error::new(*kind, Operation::Check);
            let terminal = if error.is_terminal() { " terminal" } else { "" };
            let face = error.public();
            format!(
                "{} {:?} {} {} {}{terminal}",
                error.code(),
                error.class(),
                error.http_status(),
                face.http_status,
                face.code
            )
        })
        .collect();
    let expected = include_str!("errors.txt");
    assert_eq!(table.join("\n"), expected.trim_end(), "a code is a promise: add, and never change");
}

#[test]
fn an_error_of_the_store_says_whether_the_call_surely_did_not_happen() {
    let world = World::new(Policy::default());
    for (fault, in_doubt) in [(Fault::Before, false), (Fault::After, true)] {
        let login = world.login("alice");
        world.store.fail_next(Verb::Commit, fault);
        let error = refused(world.refresh(&refresh_of(&login)), ErrorKind::Unavailable);
        assert_eq!((error.is_retryable(), error.is_in_doubt()), (true, in_doubt));
        // What the documentation says of a repeated refresh: it comes to the same end.
        world.refresh(&refresh_of(&login)).unwrap();
    }
    let revoked = world.check("no token").unwrap_err();
    assert!(!revoked.is_in_doubt());
}

#[test]
fn reasons_are_frozen() {
    let codes: Vec<_> = RevokeReason::ALL.iter().map(|reason| reason.code()).collect();
    assert_eq!(
        codes,
        [
            "logout",
            "admin",
            "limit",
            "idle",
            "reuse",
            "credential_change",
            "subject_disabled",
            "superseded"
        ]
    );
    for reason in RevokeReason::ALL {
        assert_eq!(serde_json::to_string(reason).unwrap(), format!("\"{}\"", reason.code()));
    }
}

#[test]
fn every_rejection_of_a_credential_looks_the_same_from_outside() {
    let faces: BTreeSet<_> = ErrorKind::ALL
        .iter()
        .map(|kind| Error::new(*kind, Operation::Check))
        .filter(|error| error.class() == ErrorClass::Rejected && error.http_status() == 401)
        .map(|error| (error.public().code, error.public().http_status, error.public().message))
        .collect();
    assert_eq!(faces.len(), 1);
}

#[test]
fn only_the_surroundings_are_worth_another_try() {
    for kind in ErrorKind::ALL {
        let error = Error::new(*kind, Operation::Check);
        assert_eq!(error.is_retryable(), error.class() == ErrorClass::Unavailable, "{kind:?}");
        assert!(!(error.is_retryable() && error.is_terminal()), "{kind:?}");
    }
    let damaged = Error::new(ErrorKind::Damaged, Operation::Check)
        .with_source(StoreError::new(StoreErrorKind::Damaged).with_source("row 7"));
    assert!(!damaged.is_retryable());
    assert_eq!(
        std::error::Error::source(&damaged).unwrap().to_string(),
        "store: a row cannot be read"
    );
}

#[test]
fn a_builder_with_several_mistakes_reports_all_of_them() {
    let policy = Policy::default()
        .access_lifetime(std::time::Duration::ZERO)
        .cap(Cap::new(0, OnFull::Refuse))
        .session_claim("sid");
    let error = Issuer::builder().policy(policy).name("").audience("a\nb").build().unwrap_err();
    assert_eq!(
        (error.kind(), error.class()),
        (ErrorKind::InvalidConfiguration, ErrorClass::Misuse)
    );
    let problems =
        std::error::Error::source(&error).unwrap().downcast_ref::<ConfigurationProblems>().unwrap();
    let problems: Vec<_> = problems.iter().collect();
    assert_eq!(problems.len(), 8, "{problems:#?}");
    for part in [
        "access lifetime",
        "cap",
        "session claim",
        "no store",
        "no token keys",
        "no signer",
        "name",
        "audience",
    ] {
        assert!(problems.iter().any(|problem| problem.contains(part)), "{part}: {problems:#?}");
    }
}

#[test]
fn a_signer_is_only_needed_for_signed_tokens() {
    let builder = || {
        Issuer::builder()
            .store(MemoryStore::new())
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
    };
    refused(builder().build().map(drop), ErrorKind::InvalidConfiguration);
    let opaque = Policy::default().credentials(Credentials::Pair(AccessFormat::Opaque));
    let issuer = builder().policy(opaque).build().unwrap();
    refused(issuer.verify("a.b.c"), ErrorKind::NotSupported);
    builder().policy(Policy::zitadel()).build().unwrap();
}
