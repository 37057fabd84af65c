//! Which of ZITADEL's sessions are enough of a login, and for how long. Numbers are those of the
//! seed cases.

use std::sync::Arc;

use async_trait::async_trait;
use session_issuer::{
    Issuer, NewSession, Policy, Requirement, Revoke, Update,
    actor::{Actor, ActorChain},
    compat::zitadel::{
        Caller, ConfiguredFactors, ForceMfa, Lack, LoginPolicy, Service, amr, is_sufficient, lack,
    },
    error::ErrorKind,
    factor::{Check, FactorDetails, FactorKind},
    issuer::{Issued, SessionView},
    testing::{Fault, ManualClock, SeededEntropy, Verb, block_on},
    token::TokenKeys,
    verifier::{Attempt, FactorVerifier, Outcome, SubjectProfile, VerifyError},
};

use crate::{
    compat::{create::*, zitadel::get::*},
    world::*,
};

/// Believes every check; an assertion says itself whether its user was verified.
#[derive(Debug)]
struct Believer;

#[async_trait]
impl FactorVerifier for Believer {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let details = match attempt.check {
            Check::WebAuthn(given) => {
                FactorDetails::default().with_user_verified(given.expose() == "verified")
            }
            _ => FactorDetails::default(),
        };
        Ok(Outcome::Passed(details))
    }
}

fn believing() -> (Issuer, ManualClock) {
    let clock = ManualClock::new();
    let issuer = Issuer::builder()
        .store(crate::world::any_store())
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .verifier(Arc::new(Believer))
        .clock(clock.clone())
        .entropy(SeededEntropy::new(5))
        .policy(Policy::zitadel())
        .build()
        .unwrap();
    (issuer, clock)
}

fn user() -> Check {
    Check::subject(id(USER))
}

fn password() -> Check {
    Check::password("p").unwrap()
}

fn intent() -> Check {
    Check::intent("i", "t").unwrap()
}

fn passkey() -> Check {
    Check::web_authn("verified").unwrap()
}

fn touched_key() -> Check {
    Check::web_authn("present").unwrap()
}

fn totp() -> Check {
    Check::totp("123456").unwrap()
}

fn sms() -> Check {
    Check::otp_sms("1").unwrap()
}

fn recovery() -> Check {
    Check::recovery_code("r").unwrap()
}

fn proved(issuer: &Issuer, checks: Vec<Check>) -> SessionView {
    let new = match checks.is_empty() {
        true => NewSession::anonymous(),
        false => NewSession::from_checks(checks),
    };
    block_on(issuer.create(new)).unwrap().session().clone()
}

fn profile(second_factor: bool) -> SubjectProfile {
    SubjectProfile::new(id(USER)).with_second_factor(second_factor)
}

fn relaxed() -> LoginPolicy {
    LoginPolicy::new().configured(ConfiguredFactors::Optional)
}

// 120
#[test]
fn no_user_no_primary_factor_and_an_expired_session_are_not_sufficient() {
    let (issuer, clock) = believing();
    let judge = |view: &SessionView, policy| lack(view, &profile(false), policy, issuer.now());
    for policy in [relaxed(), LoginPolicy::new(), relaxed().force(ForceMfa::Everybody)] {
        assert_eq!(judge(&proved(&issuer, vec![]), policy), Some(Lack::User));
        // Who only named a user, or only has what comes second, has not logged in, whatever the
        // policy says.
        for checks in [
            vec![user()],
            vec![user(), totp()],
            vec![user(), sms()],
            vec![user(), totp(), sms()],
            vec![user(), recovery()],
            vec![user(), touched_key()],
            vec![user(), touched_key(), totp()],
        ] {
            let view = proved(&issuer, checks);
            assert_eq!(judge(&view, policy), Some(Lack::PrimaryFactor), "{view:?}");
            assert!(!is_sufficient(&view, &profile(false), policy, issuer.now()));
        }
    }
    let new = NewSession::from_checks([user(), password()]).lifetime(20 * SECOND);
    let view = block_on(issuer.create(new)).unwrap().session().clone();
    assert_eq!(judge(&view, relaxed()), None);
    clock.advance(20 * SECOND);
    assert_eq!(judge(&view, relaxed()), Some(Lack::Life));
    let goofy = SubjectProfile::new(id("goofy"));
    let view = proved(&issuer, vec![user(), password()]);
    assert_eq!(
        lack(&view, &goofy, relaxed(), issuer.now()),
        Some(Lack::User),
        "another user's profile"
    );
}

// 121
#[test]
fn a_password_alone_is_sufficient_where_nobody_asks_for_more() {
    let (issuer, _) = believing();
    let view = proved(&issuer, vec![user(), password()]);
    let judge = |user: bool, policy| is_sufficient(&view, &profile(user), policy, issuer.now());
    assert!(judge(false, LoginPolicy::new()));
    assert!(judge(false, relaxed()));
    // Who has a second factor: the policy says whether it must be proved (zitadel #12575).
    assert!(judge(true, relaxed()));
    assert!(!judge(true, LoginPolicy::new()));
    for force in [ForceMfa::LocalUsers, ForceMfa::Everybody] {
        assert!(!judge(false, relaxed().force(force)));
        assert!(!judge(true, LoginPolicy::new().force(force)));
    }
}

// 123
#[test]
fn a_passkey_that_verified_its_user_is_two_factors_by_itself() {
    let (issuer, _) = believing();
    let view = proved(&issuer, vec![user(), passkey()]);
    for policy in [relaxed(), LoginPolicy::new(), LoginPolicy::new().force(ForceMfa::Everybody)] {
        for has_totp in [false, true] {
            assert!(is_sufficient(&view, &profile(has_totp), policy, issuer.now()), "{policy:?}");
        }
    }
}

#[test]
fn what_a_key_proved_is_shown_with_whether_its_user_was_verified() {
    let (issuer, _) = believing();
    let service = Service::new(issuer.clone());
    for (check, verified) in [(passkey(), true), (touched_key(), false)] {
        let view = proved(&issuer, vec![user(), check]);
        let answer = get(&service, &admin(), &view.id().to_string(), None).unwrap();
        let shown = serde_json::to_value(answer.session.factors.unwrap().web_auth_n).unwrap();
        let at = issuer.now().to_string();
        assert_eq!(shown, serde_json::json!({ "verifiedAt": at, "userVerified": verified }));
    }
    let checks = vec![user(), intent(), totp(), sms(), Check::otp_email("1").unwrap(), recovery()];
    let view = proved(&issuer, checks);
    let answer = get(&service, &admin(), &view.id().to_string(), None).unwrap();
    let shown = serde_json::to_value(answer.session.factors).unwrap();
    let names: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["intent", "otpEmail", "otpSms", "recoveryCode", "totp", "user"]);
}

// 124
#[test]
fn a_key_that_was_merely_touched_comes_second_and_never_first() {
    let (issuer, _) = believing();
    let forced = LoginPolicy::new().force(ForceMfa::Everybody);
    let judge =
        |checks, policy| lack(&proved(&issuer, checks), &profile(false), policy, issuer.now());
    assert_eq!(judge(vec![user(), touched_key()], relaxed()), Some(Lack::PrimaryFactor));
    assert_eq!(judge(vec![user(), password(), touched_key()], forced), None);
    assert_eq!(judge(vec![user(), password()], forced), Some(Lack::SecondFactor));
}

#[test]
fn who_must_prove_two_factors_depends_on_where_the_login_came_from() {
    let (issuer, _) = believing();
    let judge = |checks, has_second, policy| {
        is_sufficient(&proved(&issuer, checks), &profile(has_second), policy, issuer.now())
    };
    let (local, all) =
        (relaxed().force(ForceMfa::LocalUsers), relaxed().force(ForceMfa::Everybody));
    assert!(judge(vec![user(), intent()], false, local), "the provider asks its own users");
    assert!(!judge(vec![user(), intent()], false, all));
    assert!(
        !judge(vec![user(), intent()], true, LoginPolicy::new()),
        "what is set up is asked of everybody"
    );
    assert!(judge(vec![user(), intent(), totp()], false, all));
    for second in [totp(), sms(), recovery(), Check::otp_email("1").unwrap()] {
        let kind = second.kind();
        assert!(judge(vec![user(), password(), second], true, all), "{kind}");
    }
    assert!(
        !judge(vec![user(), password(), intent()], false, all),
        "neither is something that one has"
    );
}

#[test]
fn methods_have_zitadels_words() {
    let (issuer, _) = believing();
    let words = |checks| amr(&proved(&issuer, checks));
    assert_eq!(words(vec![]), [""; 0]);
    assert_eq!(words(vec![user()]), [""; 0]);
    assert_eq!(words(vec![user(), password()]), ["pwd"]);
    assert_eq!(words(vec![user(), password(), totp()]), ["pwd", "otp", "mfa"]);
    assert_eq!(
        words(vec![user(), password(), totp(), sms()]),
        ["pwd", "otp", "mfa"],
        "all codes are one word"
    );
    assert_eq!(words(vec![user(), passkey()]), ["user", "mfa"]);
    assert_eq!(words(vec![user(), touched_key()]), ["user"]);
    assert_eq!(words(vec![user(), password(), touched_key()]), ["pwd", "user", "mfa"]);
    assert_eq!(words(vec![user(), intent()]), [""; 0], "RFC 8176 has no word for it");
    assert_eq!(words(vec![user(), intent(), totp()]), ["otp", "mfa"]);
    assert_eq!(words(vec![user(), recovery()]), ["otp"]);
    assert_eq!(words(vec![user(), totp(), sms()]), ["otp"], "two things that one has");
}

// 104, 126
#[test]
fn the_user_was_authenticated_when_the_latest_check_but_the_users_passed() {
    let (issuer, clock) = believing();
    let mut session = block_on(issuer.create(NewSession::anonymous())).unwrap();
    let mut kinds = Vec::new();
    assert_eq!(session.session().authenticated_at(), None);
    for check in [user(), password(), intent(), passkey(), totp(), sms(), recovery()] {
        clock.advance(MINUTE);
        kinds.push(check.kind());
        let update = Update::with_token(session.token()).check(check);
        session = block_on(issuer.update(update)).unwrap();
        let view = session.session();
        let has: Vec<_> = view.factors().iter().map(session_issuer::factor::Factor::kind).collect();
        assert_eq!(has, kinds, "factors accumulate");
        let expected = (kinds.len() > 1).then(|| issuer.now());
        assert_eq!(view.authenticated_at(), expected);
    }
    let before = session.session().authenticated_at();
    clock.advance(MINUTE);
    session = block_on(issuer.update(Update::with_token(session.token()).check(user()))).unwrap();
    assert_eq!(session.session().authenticated_at(), before, "a name proves nothing");
    assert!(is_sufficient(session.session(), &profile(true), LoginPolicy::new(), issuer.now()));
    assert_eq!(kinds.len(), FactorKind::ALL.len() - 1);
}

fn bearer(world: &World, token: &str) -> Result<Caller, session_issuer::compat::zitadel::ApiError> {
    block_on(Service::new(world.issuer.clone()).authenticate(token, LoginPolicy::new()))
}

fn not_authenticated() -> (u16, serde_json::Value) {
    (401, zitadel(16, "AUTH-7fs1e", "Errors.Token.Invalid"))
}

// 128
#[test]
fn a_session_token_is_a_bearer_token_until_its_session_expires() {
    let world = world_of(Policy::zitadel());
    let new = with_password(USER).lifetime(20 * SECOND).client(browser("fp-1"));
    let issued = made(&world, "login-page", new);
    let id_text = issued.session_id().to_string();
    world.advance(19 * SECOND);
    let caller = bearer(&world, issued.token()).unwrap();
    // It is the session's own user, in its user agent, without a permission.
    get(&service(&world), &caller, &id_text, None).unwrap();
    let of_agent = made(&world, "else", NewSession::anonymous().client(browser("fp-1")));
    get(&service(&world), &caller, &of_agent.session_id().to_string(), None).unwrap();
    let of_others = made(&world, "else", NewSession::anonymous());
    let answer = get(&service(&world), &caller, &of_others.session_id().to_string(), None);
    assert_eq!(shown(answer), not_permitted());
    world.advance(SECOND);
    assert_eq!(shown(bearer(&world, issued.token())), not_authenticated());
    assert_eq!(cause(bearer(&world, issued.token())), Some(ErrorKind::Expired));
}

#[test]
fn a_bearer_has_proved_enough_and_is_somebody_whom_the_directory_lets_in() {
    let world = world_of(Policy::zitadel());
    let named = made(&world, "login-page", NewSession::from_checks([user()]));
    let nobody = made(&world, "login-page", NewSession::anonymous());
    for token in [named.token(), nobody.token(), "no token", ""] {
        assert_eq!(shown(bearer(&world, token)), not_authenticated(), "{token}");
    }
    let issued = login(&world, USER);
    bearer(&world, issued.token()).unwrap();
    world.people.change(USER, |person| person.second_factor = true);
    assert_eq!(
        shown(bearer(&world, issued.token())),
        (403, zitadel(7, "AUTHZ-Kl3p0", "mfa required"))
    );
    world.people.change(USER, |person| person.totp = Some("123456".to_owned()));
    let update = Update::with_token(issued.token()).check(totp());
    let stepped_up = block_on(world.issuer.update(update)).unwrap();
    assert_eq!(
        shown(bearer(&world, issued.token())),
        not_authenticated(),
        "the token was replaced"
    );
    bearer(&world, stepped_up.token()).unwrap();
    for (disabled, locked) in [(true, false), (false, true)] {
        world.people.change(USER, |person| (person.disabled, person.locked) = (disabled, locked));
        assert_eq!(
            shown(bearer(&world, stepped_up.token())),
            not_authenticated(),
            "disabled: {disabled}"
        );
        world.people.change(USER, |person| (person.disabled, person.locked) = (false, false));
        bearer(&world, stepped_up.token()).unwrap();
    }
    world.people.add("goofy", "x");
    world.people.remove(USER);
    assert_eq!(shown(bearer(&world, stepped_up.token())), not_authenticated(), "removed");
    world.store.fail_next(Verb::Load, Fault::Before);
    assert_eq!(shown(bearer(&world, stepped_up.token())), busy());
}

#[test]
fn nobody_is_signed_in_by_a_session_in_which_somebody_acts_in_the_users_place() {
    let world = world_of(Policy::zitadel());
    let chain = ActorChain::new(Actor::new(id("support")), "ticket 7").unwrap();
    let issued = made(&world, "support", NewSession::impersonating(id(USER), chain));
    world.check(issued.token()).unwrap();
    assert_eq!(shown(bearer(&world, issued.token())), not_authenticated());
    assert_eq!(cause(bearer(&world, issued.token())), Some(ErrorKind::ImpersonationRefused));
}

// 119
#[test]
fn a_changed_password_leaves_a_session_that_is_no_longer_sufficient() {
    let world = world_of(Policy::zitadel());
    let issued = login(&world, USER);
    let judge = |issued: &Issued| {
        let checked = world.check(issued.token()).expect("the session lives on");
        lack(checked.session().unwrap(), &profile(false), LoginPolicy::new(), world.issuer.now())
    };
    assert_eq!(judge(&issued), None);
    world.advance(SECOND);
    block_on(service(&world).password_changed(&id(USER))).unwrap();
    assert_eq!(judge(&issued), Some(Lack::PrimaryFactor));
    assert_eq!(shown(bearer(&world, issued.token())), not_authenticated());
    world.advance(SECOND);
    assert_eq!(judge(&login(&world, USER)), None, "a new login proves the new one");
    let need = Requirement::new().factor(FactorKind::Password);
    refused(world.check_for(issued.token(), &need), ErrorKind::RequirementNotMet);
}

#[test]
fn who_is_deactivated_locked_or_removed_has_no_session_left() {
    let world = world_of(Policy::zitadel());
    let (one, two) = (login(&world, USER), login(&world, USER));
    world.store.fail_next(Verb::ChangeSubject, Fault::Before);
    assert_eq!(shown(block_on(service(&world).user_ended(&id(USER)))), busy());
    bearer(&world, one.token()).unwrap();
    block_on(service(&world).user_ended(&id(USER))).unwrap();
    for issued in [one, two] {
        refused(world.check(issued.token()), ErrorKind::Revoked);
        assert_eq!(shown(bearer(&world, issued.token())), not_authenticated());
    }
    world.advance(SECOND);
    let back = login(&world, USER);
    bearer(&world, back.token()).expect("whom the directory lets in again may log in again");
    block_on(world.issuer.revoke(Revoke::all(id(USER)))).unwrap();
    world.store.fail_next(Verb::ChangeSubject, Fault::Before);
    assert_eq!(shown(block_on(service(&world).password_changed(&id(USER)))), busy());
}
