//! What an attacker or a careless host would try, and what holds against it.

use crate::world::*;
use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use session_issuer::{
    Issuer, NewSession, Policy, Refresh, Requirement, Revoke, SessionQuery, Update,
    actor::{Actor, ActorChain},
    error::{ErrorKind, InputField},
    event::EventKind,
    factor::{AssuranceLevel, Challenge, Check, Factor, FactorKind},
    id::{AppId, TenantId},
    issuer::{CredentialChange, Decide, Exchange, OpenRequest},
    metadata::HostClaims,
    policy::*,
    signer::{KeyRing, SignRequest, TokenSigner},
    store::Select,
    testing::{ManualClock, SeededEntropy, block_on},
    token::TokenKeys,
    verifier::{Attempt, FactorVerifier, Outcome, VerifyError},
};
use std::sync::{Arc, Mutex, OnceLock};

fn impersonate(world: &World, subject: &str, actor: Actor) -> session_issuer::issuer::Issued {
    world
        .create(NewSession::impersonating(id(subject), ActorChain::new(actor, "t").unwrap()))
        .unwrap()
}
fn sign_with(header: &str, payload: &str) -> String {
    let ring = KeyRing::hs256("k1", &secret(2)).unwrap();
    let key = ring.signing_key(ManualClock::START).unwrap();
    let input = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = block_on(ring.sign(SignRequest::new(&key, input.as_bytes()))).unwrap();
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}
fn payload(token: &str) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap()).unwrap()).unwrap()
}

// A verifier that does something in the middle of a verification.
type Hook = Box<dyn FnOnce(&Issuer) + Send>;
#[derive(Default)]
struct Hooked {
    issuer: OnceLock<Issuer>,
    hook: Mutex<Option<Hook>>,
}
impl std::fmt::Debug for Hooked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hooked")
    }
}
#[async_trait]
impl FactorVerifier for Hooked {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let outcome = match attempt.check {
            Check::OtpSms(_) if attempt.challenge.is_none() => Outcome::NoChallenge,
            _ => Outcome::passed(),
        };
        let hook = self.hook.lock().unwrap().take();
        if let Some(hook) = hook {
            hook(self.issuer.get().unwrap());
        }
        Ok(outcome)
    }
}
fn hooked(policy: Policy) -> (Issuer, ManualClock, Arc<Hooked>) {
    let (clock, verifier) = (ManualClock::new(), Arc::new(Hooked::default()));
    let issuer = Issuer::builder()
        .store(crate::world::any_store())
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .signer(KeyRing::hs256("k1", &secret(2)).unwrap())
        .verifier(Arc::clone(&verifier))
        .clock(clock.clone())
        .entropy(SeededEntropy::new(77))
        .policy(policy)
        .build()
        .unwrap();
    verifier.issuer.set(issuer.clone()).ok().unwrap();
    (issuer, clock, verifier)
}

#[test]
fn an_access_token_does_not_buy_a_refresh_token() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    let got = block_on(world.issuer.update(Update::with_token(login.token()))).unwrap();
    assert!(
        got.refresh_token().is_none(),
        "a 10 minute access token bought the 14 day refresh token"
    );
}
#[test]
fn the_access_token_of_the_generation_before_does_not_buy_the_current_refresh_token() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    let owner = world.refresh(&refresh_of(&login)).unwrap();
    let got = block_on(world.issuer.update(Update::with_token(login.token()))).unwrap();
    assert_ne!(got.refresh_token(), owner.refresh_token());
}
#[test]
fn an_access_token_does_not_renew_itself_without_its_refresh_token() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    world.advance(9 * MINUTE);
    let stolen = login.token();
    let same = block_on(world.issuer.update(Update::with_token(stolen))).unwrap();
    assert_eq!((same.token(), same.refresh_token()), (stolen, None));
    assert_eq!(same.expires_at(), login.expires_at());
    world.advance(MINUTE);
    world.store.reset_calls();
    refused(block_on(world.issuer.update(Update::with_token(stolen))), ErrorKind::TokenExpired);
    refused(world.check(stolen), ErrorKind::TokenExpired);
    assert_eq!(world.store.writes(), 0);
    assert_eq!(only_session_of(&world.issuer, "alice").version(), login.session().version());
    // The session itself lives on, for whoever holds its refresh token.
    let owner = world.refresh(&refresh_of(&login)).unwrap();
    world.check(owner.token()).unwrap();
}

#[test]
fn a_challenge_is_used_once_also_when_two_updates_by_the_host_race() {
    let (issuer, clock, verifier) = hooked(Policy::zitadel());
    let login = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    let sid = login.session_id();
    use session_issuer::clock::Clock;
    let slot =
        Challenge::new(FactorKind::OtpSms, "sent", clock.now().saturating_add(MINUTE)).unwrap();
    block_on(issuer.update(Update::as_host(sid).challenge(slot))).unwrap();
    let inner = Arc::new(Mutex::new(None));
    let seen = Arc::clone(&inner);
    *verifier.hook.lock().unwrap() = Some(Box::new(move |issuer| {
        let code = Check::otp_sms("0000").unwrap();
        *seen.lock().unwrap() = Some(block_on(issuer.update(Update::as_host(sid).check(code))));
    }));
    let code = Check::otp_sms("0000").unwrap();
    let outer = block_on(issuer.update(Update::as_host(sid).check(code)));
    let inner = inner.lock().unwrap().take().unwrap().unwrap();
    refused(outer, ErrorKind::ChallengeMissing);
    // The record is as the winner left it.
    let kept = only_session_of(&issuer, "alice");
    assert_eq!(kept.version(), inner.session().version());
    assert_eq!(kept.session().unwrap().challenge(FactorKind::OtpSms), None);
    let is_code = |factor: &&Factor| factor.kind() == FactorKind::OtpSms;
    let by_code = kept.factors().iter().filter(is_code).count();
    assert_eq!(by_code, 1);
}

#[test]
fn an_answer_to_an_old_challenge_does_not_swallow_a_newer_one() {
    let (issuer, clock, verifier) = hooked(Policy::zitadel());
    let sid = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap().session_id();
    use session_issuer::clock::Clock;
    let end = clock.now().saturating_add(MINUTE);
    block_on(issuer.update(
        Update::as_host(sid).challenge(Challenge::new(FactorKind::OtpSms, "old", end).unwrap()),
    ))
    .unwrap();
    *verifier.hook.lock().unwrap() = Some(Box::new(move |issuer| {
        block_on(issuer.update(
            Update::as_host(sid).challenge(Challenge::new(FactorKind::OtpSms, "new", end).unwrap()),
        ))
        .unwrap();
    }));
    let code = Check::otp_sms("0000").unwrap();
    let outer = block_on(issuer.update(Update::as_host(sid).check(code)));
    refused(outer, ErrorKind::ChallengeMissing);
    // The newer challenge is still open, and its own answer is taken.
    let kept = only_session_of(&issuer, "alice");
    assert_eq!(kept.session().unwrap().challenge(FactorKind::OtpSms).unwrap().state(), "new");
    assert!(kept.factors().iter().all(|factor| factor.kind() != FactorKind::OtpSms));
    let code = Check::otp_sms("0000").unwrap();
    let done = block_on(issuer.update(Update::as_host(sid).check(code))).unwrap();
    assert_eq!(done.session().session().unwrap().challenge(FactorKind::OtpSms), None);
    assert_eq!(done.session().version(), kept.version() + 1);
}

#[test]
fn a_dead_impersonation_cannot_be_laundered_into_a_live_one() {
    let world = World::new(Policy::default());
    let acting = impersonate(&world, "a1", Actor::new(id("boss")));
    block_on(world.issuer.revoke(Revoke::all(id("boss")))).unwrap();
    refused(world.check(acting.token()), ErrorKind::ActorEnded);
    let chain =
        ActorChain::new(Actor::new(id("a1")).with_session(acting.session_id()), "t").unwrap();
    refused(world.create(NewSession::impersonating(id("a2"), chain)), ErrorKind::ActorEnded);
    assert!(sessions_of(&world.issuer, "a2").is_empty());
}
#[test]
fn the_root_behind_an_actor_in_the_middle_is_kept_and_cascades() {
    let world = World::new(Policy::default());
    let acting = impersonate(&world, "a1", Actor::new(id("root")));
    let middle = Actor::new(id("a1")).with_session(acting.session_id());
    let through = || ActorChain::new(middle.clone(), "t").unwrap();
    // The actor in the middle has a root already: no other may be put behind it.
    let other_root = ActorChain::of([middle.clone(), Actor::new(id("service"))], "t").unwrap();
    refused_input(
        world.create(NewSession::impersonating(id("a2"), other_root)),
        InputField::ActorChain,
    );
    assert!(sessions_of(&world.issuer, "a2").is_empty());

    let second = world.create(NewSession::impersonating(id("a2"), through())).unwrap();
    let actors: Vec<_> = second.session().session().unwrap().actors().unwrap().actors().to_vec();
    assert_eq!(actors.iter().map(Actor::subject).collect::<Vec<_>>(), [&id("a1"), &id("root")]);
    world.check(second.token()).unwrap();
    block_on(world.issuer.revoke(Revoke::all(id("root")))).unwrap();
    refused(world.check(acting.token()), ErrorKind::ActorEnded);
    refused(world.check(second.token()), ErrorKind::ActorEnded);
}

#[test]
fn at_most_knows_a_revocation_for_as_long_as_a_token_outlives_its_idle_timeout() {
    let policy = Policy::default()
        .credentials(Credentials::Access(AccessFormat::Signed))
        .absolute_lifetime(AbsoluteLifetime::After(14 * DAY))
        .access_lifetime(14 * DAY)
        .idle_timeout(Some(HOUR));
    let world = World::new(policy);
    let need = Requirement::new().freshness(Freshness::AtMost(5 * SECOND));
    let login = world.login("alice");
    block_on(world.issuer.revoke(Revoke::session(login.session_id()))).unwrap();
    block_on(world.issuer.sync_revocations()).unwrap();
    refused(world.check_for(login.token(), &need), ErrorKind::Revoked);
    world.advance(26 * HOUR);
    block_on(world.issuer.sync_revocations()).unwrap();
    refused(world.check_for(login.token(), &need), ErrorKind::Revoked);
}
#[test]
fn at_most_knows_the_revocation_of_a_session_that_was_shortened() {
    let world = World::new(Policy::default().keep_after_end(std::time::Duration::ZERO));
    let need = Requirement::new().freshness(Freshness::AtMost(5 * SECOND));
    let login = world.login("alice");
    block_on(world.issuer.update(Update::as_host(login.session_id()).lifetime(MINUTE))).unwrap();
    block_on(world.issuer.revoke(Revoke::session(login.session_id()))).unwrap();
    world.advance(2 * MINUTE);
    block_on(world.issuer.sync_revocations()).unwrap();
    refused(world.check_for(login.token(), &need), ErrorKind::Revoked);
}

#[test]
fn a_header_or_an_actor_that_is_an_array_is_refused() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    let body = payload(login.token());
    world.issuer.verify(&sign_with(r#"{"alg":"HS256","kid":"k1","typ":"at+jwt"}"#, &body)).unwrap();
    let array = sign_with(r#"["HS256","k1","at+jwt"]"#, &body);
    refused(world.issuer.verify(&array), ErrorKind::MalformedToken);
}
#[test]
fn an_actor_that_is_an_array_or_no_subject_is_refused() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    let body = payload(login.token());
    for act in [r#"["op"]"#, r#"{"sub":""}"#, r#"{"sub":"a\u0000b"}"#] {
        let with = format!(r#"{},"act":{act}}}"#, body.strip_suffix('}').unwrap());
        let header = r#"{"alg":"HS256","kid":"k1","typ":"at+jwt"}"#;
        refused(world.issuer.verify(&sign_with(header, &with)), ErrorKind::InvalidToken);
    }
}

#[test]
fn a_claim_named_as_the_alias_is_refused() {
    let world = World::new(Policy::stack_auth());
    let named = |name: &str| {
        let claims = HostClaims::of([(name, "mine")]).unwrap();
        world.create(NewSession::for_subject(id("alice")).claims(claims))
    };
    refused_input(named("refresh_token_id"), InputField::ClaimName);
    assert!(sessions_of(&world.issuer, "alice").is_empty());

    let login = named("refresh_token").unwrap();
    assert!(!world.check(login.token()).unwrap().needs_refresh());
}
#[test]
fn float_claims_need_no_refresh_for_ever() {
    let world = World::new(Policy::default());
    let mut bad = Vec::new();
    let mut x = 0.1f64;
    for n in 1..3000u32 {
        x = (x * 1.37 + f64::from(n) * 1e-7) % 1e9;
        let claims = HostClaims::of([("f", x)]).unwrap();
        let login = world.create(NewSession::for_subject(id("alice")).claims(claims)).unwrap();
        if world.check(login.token()).unwrap().needs_refresh() {
            bad.push(x);
        }
    }
    assert!(
        bad.is_empty(),
        "{} of 3000 need a refresh for ever, e.g. {:?}",
        bad.len(),
        bad.first()
    );
}

#[test]
fn fail_open_does_not_let_in_what_is_known_to_be_revoked() {
    let world = World::new(Policy::default().on_store_failure(OnStoreFailure::AcceptSigned));
    let need = Requirement::new().freshness(Freshness::AtMost(5 * SECOND));
    let (login, other) = (world.login("alice"), world.login("bob"));
    block_on(world.issuer.revoke(Revoke::all(id("alice")))).unwrap();
    block_on(world.issuer.sync_revocations()).unwrap();
    refused(world.check_for(login.token(), &need), ErrorKind::Revoked);
    world.store.fail_all(true);
    for need in [&need, &Requirement::new()] {
        world.check_for(other.token(), need).unwrap();
        refused(world.check_for(login.token(), need), ErrorKind::Unavailable);
    }
    world.store.fail_all(false);
    refused(world.check_for(login.token(), &need), ErrorKind::Revoked);
}

#[test]
fn one_factor_said_twice_is_one_factor() {
    let world = World::new(Policy::default());
    let login = world
        .create(
            NewSession::for_subject(id("alice"))
                .verified_by_host(FactorKind::Password)
                .verified_by_host(FactorKind::Password),
        )
        .unwrap();
    let checked = world.check(login.token()).unwrap();
    assert_eq!(
        checked.assurance_level(),
        Some(AssuranceLevel::Aal1),
        "{:?}",
        checked.amr().iter().collect::<Vec<_>>()
    );
}

#[test]
fn a_step_up_does_not_take_a_sessions_own_limit_away() {
    let world = World::new(Policy::zitadel());
    let login = world.create(NewSession::for_subject(id("alice")).lifetime(HOUR)).unwrap();
    assert!(login.session().ends_at().is_some());
    let up = block_on(
        world.issuer.update(Update::with_token(login.token()).verified_by_host(FactorKind::Totp)),
    )
    .unwrap();
    assert!(up.session().ends_at().is_some(), "an hour became for ever");
}
#[test]
fn a_step_up_does_not_lengthen_a_short_session() {
    let world = World::new(Policy::default());
    let login = world.create(NewSession::for_subject(id("alice")).lifetime(HOUR)).unwrap();
    let up = block_on(
        world.issuer.update(Update::with_token(login.token()).verified_by_host(FactorKind::Totp)),
    )
    .unwrap();
    let end = up.session().session().unwrap().ends_at().unwrap();
    assert!(
        end <= world.issuer.now().saturating_add(HOUR),
        "an hour became {:?}",
        end.since(world.issuer.now())
    );
}

#[test]
fn no_row_of_updates_passes_the_levels_absolute_limit_without_authentication() {
    let world = World::new(Policy::aal3().idle_timeout(None));
    let login = world
        .create(NewSession::for_subject(id("alice")).verified_by_host(FactorKind::Password))
        .unwrap();
    let born = world.issuer.now();
    world.advance(11 * HOUR);
    for asked in [12 * HOUR, HOUR + SECOND] {
        let longer = world.update(Update::as_host(login.session_id()).lifetime(asked));
        refused(longer, ErrorKind::InvalidInput);
    }
    let end = born.saturating_add(12 * HOUR);
    assert_eq!(only_session_of(&world.issuer, "alice").ends_at(), Some(end));
    let to_the_end = Update::as_host(login.session_id()).lifetime(HOUR);
    let kept = block_on(world.issuer.update(to_the_end)).unwrap();
    assert_eq!(kept.session().ends_at(), Some(end));
    world.advance(HOUR);
    refused(world.refresh(&refresh_of(&login)), ErrorKind::Expired);
}
#[test]
fn a_beginning_does_not_outgrow_its_single_factor_lifetime() {
    let world = World::new(Policy::default().single_factor_lifetime(10 * MINUTE));
    world.people.add("alice", "pw");
    world.people.change("alice", |p| p.second_factor = true);
    let login = world
        .create(NewSession::from_checks([
            Check::subject(id("alice")),
            Check::password("pw").unwrap(),
        ]))
        .unwrap();
    let r = block_on(world.issuer.update(Update::with_token(login.token()).lifetime(14 * DAY)));
    refused(r, ErrorKind::InvalidInput);
    let kept = only_session_of(&world.issuer, "alice");
    assert_eq!(kept.ends_at(), Some(world.issuer.now().saturating_add(10 * MINUTE)));
    assert_eq!(kept.version(), login.session().version());
}
#[test]
fn an_exchange_does_not_outgrow_the_single_factor_lifetime() {
    let world = World::new(Policy::default().single_factor_lifetime(10 * MINUTE));
    world.people.add("alice", "pw");
    world.people.change("alice", |p| p.second_factor = true);
    let app = AppId::new("films").unwrap();
    let open = block_on(world.issuer.open(OpenRequest::new(app.clone()))).unwrap();
    let t = open.token().unwrap();
    block_on(world.issuer.decide(Decide::approve_by_checks(
        t,
        [Check::subject(id("alice")), Check::password("pw").unwrap()],
    )))
    .unwrap();
    let s = block_on(world.issuer.exchange(Exchange::new(t, app))).unwrap();
    let end = s.session().session().unwrap().ends_at().unwrap();
    assert!(
        end <= world.issuer.now().saturating_add(10 * MINUTE),
        "{:?}",
        end.since(world.issuer.now())
    );
}

#[test]
fn nobody_learns_who_exists_from_the_public_answer() {
    let world = World::new(Policy::zitadel());
    world.people.add("alice", "pw");
    let ask = |name: &str| {
        world
            .create(NewSession::from_checks([
                Check::login_name(name).unwrap(),
                Check::otp_sms("1234").unwrap(),
            ]))
            .unwrap_err()
            .public()
    };
    assert_eq!(ask("alice@example.com"), ask("nobody@example.com"));
}
#[test]
fn nobody_learns_who_exists_from_his_own_session() {
    let world = World::new(Policy::zitadel());
    world.people.add("alice", "pw");
    world.people.add("mallory", "pw");
    let mine = world.create(NewSession::from_checks([Check::subject(id("mallory"))])).unwrap();
    let ask = |name: &str| {
        block_on(
            world
                .issuer
                .update(Update::with_token(mine.token()).check(Check::login_name(name).unwrap())),
        )
        .unwrap_err()
        .public()
    };
    assert_eq!(ask("alice@example.com"), ask("nobody@example.com"));
}

#[test]
fn a_request_token_ends_no_session_once_exchanged() {
    let world = World::new(Policy::tmdb());
    let app = AppId::new("films").unwrap();
    let open = block_on(world.issuer.open(OpenRequest::new(app.clone()))).unwrap();
    let t = open.token().unwrap();
    block_on(world.issuer.decide(Decide::approve(t, id("alice")))).unwrap();
    let s = block_on(world.issuer.exchange(Exchange::new(t, app))).unwrap();
    assert_eq!(block_on(world.issuer.revoke(Revoke::token(t))).unwrap().sessions(), []);
    world.check(s.token()).unwrap();
    assert_eq!(world.count(|kind| matches!(kind, EventKind::Revoked { .. })), 0);
}

#[test]
fn logging_out_with_an_expired_signed_token_works() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    world.advance(11 * MINUTE);
    block_on(world.issuer.revoke(Revoke::token(login.token()))).unwrap();
    refused(world.refresh(&refresh_of(&login)), ErrorKind::Revoked);
}

#[test]
fn naming_a_subject_approves_nothing() {
    let world = World::new(Policy::tmdb());
    world.people.add("alice", "pw");
    let app = AppId::new("films").unwrap();
    let open = block_on(world.issuer.open(OpenRequest::new(app.clone()))).unwrap();
    let t = open.token().unwrap();
    let r =
        block_on(world.issuer.decide(Decide::approve_by_checks(
            t,
            [Check::login_name("alice@example.com").unwrap()],
        )));
    refused(r, ErrorKind::InvalidInput);
    refused(block_on(world.issuer.exchange(Exchange::new(t, app))), ErrorKind::NotApproved);
    assert!(sessions_of(&world.issuer, "alice").is_empty());
}

#[test]
fn fresh_host_claims_are_in_every_access_token_of_a_refresh() {
    let world = World::new(Policy::default());
    let claims = |role: &str| HostClaims::of([("role", role)]).unwrap();
    let login = world.create(NewSession::for_subject(id("alice")).claims(claims("admin"))).unwrap();
    let old = refresh_of(&login);
    block_on(world.issuer.refresh(Refresh::new(&old).claims(claims("admin")))).unwrap();
    for wait in [SECOND, HOUR] {
        world.advance(wait);
        let again =
            block_on(world.issuer.refresh(Refresh::new(&old).claims(claims("user")))).unwrap();
        assert!(again.is_replay());
        assert_eq!(
            world.issuer.verify(again.token()).unwrap().host().get("role").unwrap(),
            "user",
            "after {wait:?}"
        );
    }
}

#[test]
fn no_token_is_handed_out_that_is_too_long_to_be_read() {
    let world = World::new(Policy::default());
    let big = |length| HostClaims::of([("big", "x".repeat(length))]).unwrap();
    let long = "ä".repeat(200);
    let actors = (1..=4).map(|n| Actor::new(id(&format!("{}{n}", &long[..396]))));
    let chain = ActorChain::of(actors, "t").unwrap();
    let new = || NewSession::impersonating(id(&long), chain.clone());
    refused(world.create(new().claims(big(4000))), ErrorKind::InvalidInput);
    assert!(sessions_of(&world.issuer, &long).is_empty());
    assert_eq!(world.count(|_| true), 0);

    let issued = world.create(new().claims(big(1000))).unwrap();
    world.issuer.verify(issued.token()).unwrap();
}
#[test]
fn audiences_of_the_builder_fit_a_token() {
    let with_audiences = |count: usize| {
        let mut builder = Issuer::builder()
            .store(crate::world::any_store())
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(KeyRing::hs256("k1", &secret(2)).unwrap());
        for n in 0..count {
            builder = builder.audience(format!("https://{n}.{}.example", "a".repeat(120)));
        }
        builder.build()
    };
    let error = refused(with_audiences(60).map(drop), ErrorKind::InvalidConfiguration);
    let mistakes = std::error::Error::source(&error).unwrap().to_string();
    assert!(mistakes.contains("audience"), "{mistakes}");

    let fits = (1..60).rev().find_map(|count| with_audiences(count).ok()).unwrap();
    let login = block_on(fits.create(NewSession::for_subject(id("alice")))).unwrap();
    fits.verify(login.token()).unwrap();
}

#[test]
fn an_impersonation_does_not_log_the_owner_out_everywhere() {
    let world = World::new(Policy::default());
    let owner = world.login("alice");
    let acting = impersonate(&world, "alice", Actor::new(id("op")));
    let others = block_on(world.issuer.revoke(Revoke::others_than(acting.token())));
    refused(others, ErrorKind::ImpersonationRefused);
    world.check(owner.token()).unwrap();
    world.check(acting.token()).unwrap();
    assert_eq!(world.count(|kind| matches!(kind, EventKind::Revoked { .. })), 0);
}

#[test]
fn a_required_audience_is_never_ignored() {
    let world = World::new(opaque_pairs());
    let login = world.login("alice");
    let need = Requirement::new().audience("https://payments.example");
    refused(world.check_for(login.token(), &need), ErrorKind::WrongAudience);
    world.check(login.token()).unwrap();
}

#[test]
fn every_use_of_an_impersonation_emits_an_event() {
    let world = World::new(Policy::default());
    let acting = impersonate(&world, "alice", Actor::new(id("op")));
    world.check_for(acting.token(), &Requirement::new().freshness(Freshness::Stateless)).unwrap();
    assert_eq!(world.count(|k| matches!(k, EventKind::ImpersonationUsed)), 1);
}

#[test]
fn a_token_never_claims_a_factor_that_was_void_before_it_was_made() {
    let (issuer, clock, verifier) = hooked(Policy::default());
    let login = block_on(
        issuer.create(NewSession::for_subject(id("alice")).verified_by_host(FactorKind::Password)),
    )
    .unwrap();
    block_on(issuer.sync_revocations()).unwrap();
    clock.advance(MINUTE);
    let c = clock.clone();
    *verifier.hook.lock().unwrap() = Some(Box::new(move |issuer| {
        block_on(issuer.credential_changed(
            CredentialChange::new(id("alice"), FactorKind::Password).keeping_all(),
        ))
        .unwrap();
        c.advance(2 * SECOND);
    }));
    let up = block_on(
        issuer.update(Update::with_token(login.token()).check(Check::totp("123456").unwrap())),
    )
    .unwrap();
    block_on(issuer.sync_revocations()).unwrap();
    let by_store =
        block_on(issuer.check(up.token(), &Requirement::new())).unwrap().assurance_level();
    let at_most = Requirement::new().freshness(Freshness::AtMost(5 * SECOND));
    let by_view = block_on(issuer.check(up.token(), &at_most)).unwrap().assurance_level();
    assert_eq!((by_store, by_view), (Some(AssuranceLevel::Aal1), Some(AssuranceLevel::Aal1)));
}

#[test]
fn lowering_the_access_lifetime_leaves_live_tokens_expired_or_good_never_invalid() {
    let world = World::new(Policy::default());
    let login = world.login("alice");
    let lower = World::over(
        Policy::default().access_lifetime(MINUTE),
        world.clock.clone(),
        world.store.clone(),
    );
    // Good for as long as the shorter policy allows (and a second), and expired from then on.
    world.advance(MINUTE);
    lower.check(login.token()).unwrap();
    world.advance(SECOND);
    refused(lower.check(login.token()), ErrorKind::TokenExpired);
    let next = lower.refresh(&refresh_of(&login)).unwrap();
    lower.check(next.token()).unwrap();
}

#[test]
fn a_token_that_does_not_hold_writes_nothing_in_decide() {
    let world = World::new(Policy::tmdb());
    let open = block_on(world.issuer.open(OpenRequest::new(AppId::new("films").unwrap()))).unwrap();
    let other = world.issuer.tenant(TenantId::new("other").unwrap());
    world.store.reset_calls();
    refused(
        block_on(other.decide(Decide::approve(open.token().unwrap(), id("ghost")))),
        ErrorKind::InvalidToken,
    );
    assert_eq!(world.store.writes(), 0);
}

#[test]
fn expires_at_is_the_tokens_own_end() {
    let world = World::new(Policy::default());
    world.advance(std::time::Duration::from_millis(900));
    let login = world.create(NewSession::for_subject(id("alice")).access_lifetime(SECOND)).unwrap();
    let claims = world.issuer.verify(login.token());
    assert_eq!(Some(claims.unwrap().expires_at()), login.expires_at());
}

/// A store that lets something happen before a verb.
mod hookstore {
    use super::*;
    use session_issuer::{
        clock::Timestamp,
        id::{SessionKey, SubjectKey},
        session::{SubjectStamp, Tombstone, Use},
        store::*,
    };
    #[derive(Debug, Default)]
    pub struct Plan {
        pub end_before_note: bool,
        pub fail_note: bool,
        pub down: bool,
    }
    #[derive(Debug)]
    pub struct HookStore(pub Arc<dyn SessionStore>, pub Mutex<Plan>);
    impl std::fmt::Display for HookStore {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("hook")
        }
    }
    fn away() -> StoreError {
        StoreError::new(StoreErrorKind::Unavailable)
    }
    #[async_trait]
    impl SessionStore for HookStore {
        async fn insert(&self, new: NewRecord) -> Result<Inserted, StoreError> {
            self.0.insert(new).await
        }
        async fn load(&self, key: &SessionKey) -> Result<Option<Snapshot>, StoreError> {
            if self.1.lock().unwrap().down {
                return Err(away());
            }
            self.0.load(key).await
        }
        async fn stamp(&self, s: &SubjectKey, now: Timestamp) -> Result<SubjectStamp, StoreError> {
            self.0.stamp(s, now).await
        }
        async fn commit(&self, c: Change) -> Result<Committed, StoreError> {
            self.0.commit(c).await
        }
        async fn end(&self, k: &SessionKey, t: &Tombstone) -> Result<Ended, StoreError> {
            self.0.end(k, t).await
        }
        async fn note_use(&self, seen: &Snapshot, used: Use) -> Result<Noted, StoreError> {
            let (end, fail) = {
                let p = self.1.lock().unwrap();
                (p.end_before_note, p.fail_note)
            };
            if end {
                let _ = self
                    .0
                    .end(
                        &seen.record.key(),
                        &Tombstone::new(session_issuer::session::RevokeReason::Logout, used.now),
                    )
                    .await?;
            }
            if fail {
                return Err(away());
            }
            let r = self.0.note_use(seen, used).await;
            if end {
                self.1.lock().unwrap().down = true;
            }
            r
        }
        async fn change_subject(
            &self,
            s: &SubjectKey,
            c: SubjectChange,
        ) -> Result<SubjectChanged, StoreError> {
            self.0.change_subject(s, c).await
        }
        async fn list(&self, q: &Query) -> Result<RecordPage, StoreError> {
            self.0.list(q).await
        }
        async fn revoked_since(&self, c: &Cursor, l: u32) -> Result<RevocationBatch, StoreError> {
            self.0.revoked_since(c, l).await
        }
        async fn sweep(&self, now: Timestamp, l: u32) -> Result<Swept, StoreError> {
            self.0.sweep(now, l).await
        }
        fn capabilities(&self) -> Capabilities {
            self.0.capabilities()
        }
    }
    pub fn issuer(policy: Policy) -> (Issuer, Arc<HookStore>, ManualClock) {
        let store = Arc::new(HookStore(crate::world::any_store(), Mutex::default()));
        let clock = ManualClock::new();
        let issuer = Issuer::builder()
            .store(Arc::clone(&store))
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(KeyRing::hs256("k1", &secret(2)).unwrap())
            .clock(clock.clone())
            .entropy(SeededEntropy::new(5))
            .policy(policy)
            .build()
            .unwrap();
        (issuer, store, clock)
    }
}
#[test]
fn fail_open_never_overrules_a_store_that_said_not_live() {
    let (issuer, store, clock) =
        hookstore::issuer(Policy::default().on_store_failure(OnStoreFailure::AcceptSigned));
    let login = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    clock.advance(MINUTE);
    store.1.lock().unwrap().end_before_note = true;
    let r = block_on(issuer.check(login.token(), &Requirement::new()));
    refused(r, ErrorKind::Revoked);
}
#[test]
fn nothing_is_signed_after_a_revocation_when_noting_the_use_fails() {
    let (issuer, store, clock) = hookstore::issuer(Policy::default());
    let login = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    let old = refresh_of(&login);
    block_on(issuer.refresh(Refresh::new(&old))).unwrap();
    clock.advance(SECOND);
    {
        let mut p = store.1.lock().unwrap();
        p.end_before_note = true;
        p.fail_note = true;
    }
    let r = block_on(issuer.refresh(Refresh::new(&old)));
    refused(r, ErrorKind::Unavailable);
    // The caller tries again, and learns why there are no more tokens.
    *store.1.lock().unwrap() = hookstore::Plan::default();
    refused(block_on(issuer.refresh(Refresh::new(&old))), ErrorKind::Revoked);
    assert!(sessions_of(&issuer, "alice").is_empty());
}
#[test]
fn numbers_in_host_claims_stay_numbers() {
    let world = World::new(Policy::default());
    let claims =
        HostClaims::of([("n", serde_json::json!(7)), ("o", serde_json::json!({"a": 1}))]).unwrap();
    let login = world.create(NewSession::for_subject(id("alice")).claims(claims)).unwrap();
    assert_eq!(
        world.issuer.verify(login.token()).unwrap().host().get("n").unwrap(),
        &serde_json::json!(7)
    );
}
#[test]
fn decide_asks_nothing_before_the_token_is_proven() {
    let world = World::new(Policy::tmdb());
    let open = block_on(world.issuer.open(OpenRequest::new(AppId::new("films").unwrap()))).unwrap();
    let other = world.issuer.tenant(TenantId::new("other").unwrap());
    world.store.reset_calls();
    refused(
        block_on(other.decide(Decide::approve(open.token().unwrap(), id("ghost")))),
        ErrorKind::InvalidToken,
    );
    assert_eq!(world.store.calls().of(session_issuer::testing::Verb::Stamp), 0);
}
#[test]
fn voided_factors_do_not_end_a_beginning() {
    let world = World::new(Policy::default().single_factor_lifetime(10 * MINUTE));
    world.people.add("alice", "pw");
    world.people.change("alice", |p| {
        p.second_factor = true;
        p.totp = Some("123456".into());
    });
    let login = world
        .create(NewSession::from_checks([
            Check::subject(id("alice")),
            Check::password("pw").unwrap(),
        ]))
        .unwrap();
    world.advance(SECOND);
    block_on(world.issuer.credential_changed(
        CredentialChange::new(id("alice"), FactorKind::Password).keeping_all(),
    ))
    .unwrap();
    world.advance(SECOND);
    let up = block_on(
        world
            .issuer
            .update(Update::with_token(login.token()).check(Check::totp("123456").unwrap())),
    )
    .unwrap();
    assert_eq!(up.session().assurance_level(), Some(AssuranceLevel::Aal1));
    let end = up.session().session().unwrap().ends_at().unwrap();
    assert!(
        end <= world.issuer.now().saturating_add(10 * MINUTE),
        "one factor that counts, and {:?}",
        end.since(world.issuer.now())
    );
}
#[test]
fn a_binding_to_a_client_is_not_lost_by_a_device_session() {
    // host that binds by fingerprint: a session without one is open to every client without one
    let world = World::new(opaque_pairs().client_binding(ClientBinding::Fingerprint));
    let login = world.login("alice");
    world.store.reset_calls();
    refused(world.refresh(&refresh_of(&login)), ErrorKind::ClientMismatch);
    assert_eq!(world.store.writes(), 0);
    assert_eq!(only_session_of(&world.issuer, "alice").version(), login.session().version());
}
#[test]
fn a_failed_login_stores_nothing() {
    let (issuer, _c, _v) = hooked(Policy::zitadel());
    // no directory: any name is taken at its word; OtpSms without challenge fails
    for n in 0..5 {
        let made_up = format!("made-up-{n}");
        let checks = [Check::subject(id(&made_up)), Check::otp_sms("1").unwrap()];
        let failed = block_on(issuer.create(NewSession::from_checks(checks)));
        refused(failed, ErrorKind::ChallengeMissing);
        assert!(sessions_of(&issuer, &made_up).is_empty());
    }
    let all = SessionQuery::select(Select::Tenant).dead_too();
    assert!(block_on(issuer.list(all)).unwrap().sessions().is_empty());
}
#[test]
fn floats_in_host_claims_stay_floats() {
    let world = World::new(Policy::default());
    let claims = HostClaims::of([("n", 0.5)]).unwrap();
    let login = world.create(NewSession::for_subject(id("alice")).claims(claims)).unwrap();
    assert_eq!(
        world.issuer.verify(login.token()).unwrap().host().get("n").unwrap(),
        &serde_json::json!(0.5)
    );
}
