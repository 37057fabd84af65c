//! Factors from end to end: logins and step-ups through an issuer, and what the host verifies
//! itself.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use session_issuer::{
    Issuer, NewSession, Policy, Requirement, Timestamp, Update,
    error::ErrorKind,
    factor::{AssuranceLevel, Challenge, Check, FactorDetails, FactorKind},
    id::{SubjectId, TenantId},
    issuer::Issued,
    testing::{ManualClock, SeededEntropy, block_on},
    token::TokenKeys,
    verifier::{
        Ask, Asked, Attempt, Challenger, CodeRequest, FactorVerifier, Holder, OneTimeCodes,
        Outcome, RefusedCheck, Unlimited, Verifiers, VerifyError,
    },
};
use sha2::{Digest, Sha256};

use crate::world::*;

/// An issuer without a directory over an empty store, with these verifiers.
pub fn issuer_with(policy: Policy, verifiers: Verifiers) -> (Issuer, ManualClock) {
    let clock = ManualClock::new();
    let issuer = Issuer::builder()
        .store(crate::world::any_store())
        .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
        .verifier(verifiers)
        .clock(clock.clone())
        .entropy(SeededEntropy::new(77))
        .policy(policy)
        .build()
        .unwrap();
    (issuer, clock)
}

fn step_up(
    issuer: &Issuer,
    session: &Issued,
    check: Check,
) -> Result<Issued, session_issuer::Error> {
    block_on(issuer.update(Update::as_host(session.session_id()).check(check)))
}

// 86, 92, 104, 119, 126
#[cfg(all(feature = "password", feature = "totp"))]
#[test]
fn a_password_and_an_app_make_two_factors_until_the_password_is_changed() {
    use crate::{
        passwords::{Hashes, cheap},
        totp::{Apps, code_at},
    };
    use session_issuer::verifier::{Passwords, Totp};

    let (hashes, apps) = (Arc::new(Hashes::default()), Arc::new(Apps::default()));
    let passwords = Passwords::new(Arc::clone(&hashes), Unlimited).cost(cheap());
    let hash = block_on(passwords.hash("V3ryS3cure!")).unwrap();
    hashes.table.lock().unwrap().insert("alice".into(), hash.expose().to_owned());
    apps.enrol("alice", &[7; 20], true);
    let verifiers = Verifiers::new().password(passwords).totp(Totp::new(apps, Unlimited));
    let (issuer, clock) = issuer_with(Policy::zitadel(), verifiers);

    let named =
        block_on(issuer.create(NewSession::from_checks([Check::subject(id("alice"))]))).unwrap();
    assert_eq!(
        (named.session().assurance_level(), named.session().authenticated_at()),
        (None, None)
    );
    step_up(&issuer, &named, Check::password("V3ryS3cure!").unwrap()).unwrap();
    clock.advance(MINUTE);
    let code = code_at(&[7; 20], issuer.now());
    let session = step_up(&issuer, &named, Check::totp(&code).unwrap()).unwrap();
    refused(step_up(&issuer, &named, Check::totp(&code).unwrap()), ErrorKind::CheckFailed);
    let checked = block_on(issuer.check(session.token(), &Requirement::new())).unwrap();
    assert_eq!(checked.amr().iter().collect::<Vec<_>>(), ["pwd", "otp", "mfa"]);
    assert_eq!(checked.assurance_level(), Some(AssuranceLevel::Aal2));
    assert_eq!(checked.authenticated_at(), Some(issuer.now()), "the latest check");

    clock.advance(MINUTE);
    let change = session_issuer::issuer::CredentialChange::new(id("alice"), FactorKind::Password)
        .keeping_all();
    block_on(issuer.credential_changed(change)).unwrap();
    let checked = block_on(issuer.check(session.token(), &Requirement::new())).unwrap();
    assert_eq!(checked.amr().iter().collect::<Vec<_>>(), ["otp"]);
}

#[test]
fn an_emailed_code_satisfies_a_requirement_for_as_long_as_it_is_fresh() {
    let codes = Arc::new(OneTimeCodes::new(&secret(3), Unlimited).unwrap());
    let (issuer, clock) =
        issuer_with(Policy::zitadel(), Verifiers::new().otp_email(Arc::clone(&codes)));
    let session = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    let need = Requirement::new().factor_within(FactorKind::OtpEmail, 5 * MINUTE);
    refused(block_on(issuer.check(session.token(), &need)), ErrorKind::RequirementNotMet);
    let (tenant, alice) = (TenantId::default(), id("alice"));
    let made = codes.make(CodeRequest::email(Holder::new(&tenant, &alice), issuer.now())).unwrap();
    block_on(issuer.update(Update::as_host(session.session_id()).challenge(made.challenge)))
        .unwrap();
    let session =
        step_up(&issuer, &session, Check::otp_email(made.code.expose()).unwrap()).unwrap();
    clock.advance(5 * MINUTE);
    block_on(issuer.check(session.token(), &need)).unwrap();
    clock.advance(Duration::from_millis(1));
    refused(block_on(issuer.check(session.token(), &need)), ErrorKind::RequirementNotMet);
}

#[test]
fn a_kind_that_nobody_was_set_for_is_not_set_up() {
    let (issuer, _) = issuer_with(Policy::zitadel(), Verifiers::new());
    let session = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    refused(step_up(&issuer, &session, Check::password("x").unwrap()), ErrorKind::FactorNotSetUp);
    let (tenant, check) = (TenantId::default(), Check::password("x").unwrap());
    let unknown = Attempt::new(&tenant, None, &check, issuer.now());
    assert_eq!(block_on(Verifiers::new().verify(unknown)).unwrap(), Outcome::Wrong);
}

/// A host's passkeys: `authenticatorData || SHA-256(clientDataJSON)` signed with Ed25519.
#[derive(Debug)]
struct Passkeys {
    key: VerifyingKey,
}

const USER_PRESENT: u8 = 0x01;
const USER_VERIFIED: u8 = 0x04;

fn assertion(key: &SigningKey, challenge: &str, flags: u8) -> Check {
    let client = serde_json::json!({
        "type": "webauthn.get", "challenge": challenge, "origin": "https://example.com"
    });
    let client = client.to_string();
    let data = [Sha256::digest(b"example.com").as_slice(), &[flags], &[0, 0, 0, 1]].concat();
    let signature = key.sign(&[data.as_slice(), &Sha256::digest(&client)].concat());
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    let json = serde_json::json!({
        "clientDataJSON": encode(client.as_bytes()),
        "authenticatorData": encode(&data),
        "signature": encode(&signature.to_bytes()),
    });
    Check::web_authn(&json.to_string()).unwrap()
}

impl Passkeys {
    fn read(&self, json: &str, challenge: &str) -> Option<FactorDetails> {
        let json: serde_json::Value = serde_json::from_str(json).ok()?;
        let part = |name: &str| URL_SAFE_NO_PAD.decode(json.get(name)?.as_str()?).ok();
        let (client, data) = (part("clientDataJSON")?, part("authenticatorData")?);
        let said: serde_json::Value = serde_json::from_slice(&client).ok()?;
        let holds = said["type"] == "webauthn.get"
            && said["challenge"] == challenge
            && said["origin"] == "https://example.com"
            && data.get(..32)? == Sha256::digest(b"example.com").as_slice()
            && data.get(32)? & USER_PRESENT != 0;
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature = Signature::from_slice(&part("signature")?).ok()?;
        self.key.verify_strict(&signed, &signature).ok()?;
        holds.then(|| FactorDetails::default().with_user_verified(data[32] & USER_VERIFIED != 0))
    }
}

#[async_trait]
impl FactorVerifier for Passkeys {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let (Check::WebAuthn(given), Some(_)) = (attempt.check, attempt.subject) else {
            return Ok(Outcome::Wrong);
        };
        let Some(challenge) = attempt.challenge else { return Ok(Outcome::NoChallenge) };
        Ok(self.read(given.expose(), challenge.state()).map_or(Outcome::Wrong, Outcome::Passed))
    }
}

// 94, 95, 97, 124
#[test]
fn a_passkey_answers_its_challenge_once_and_counts_for_two_only_where_it_verified_its_user() {
    let key = SigningKey::from_bytes(&[9; 32]);
    let thief = SigningKey::from_bytes(&[8; 32]);
    for (flags, level) in
        [(USER_PRESENT | USER_VERIFIED, AssuranceLevel::Aal2), (USER_PRESENT, AssuranceLevel::Aal1)]
    {
        let passkeys = Passkeys { key: key.verifying_key() };
        let (issuer, _) = issuer_with(Policy::zitadel(), Verifiers::new().web_authn(passkeys));
        let session = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
        refused(
            step_up(&issuer, &session, assertion(&key, "c1", flags)),
            ErrorKind::ChallengeMissing,
        );
        let slot = Challenge::new(FactorKind::WebAuthn, "c1", issuer.now().saturating_add(MINUTE))
            .unwrap();
        block_on(issuer.update(Update::as_host(session.session_id()).challenge(slot))).unwrap();
        refused(step_up(&issuer, &session, assertion(&thief, "c1", flags)), ErrorKind::CheckFailed);
        refused(step_up(&issuer, &session, assertion(&key, "c2", flags)), ErrorKind::CheckFailed);
        refused(step_up(&issuer, &session, assertion(&key, "c1", 0)), ErrorKind::CheckFailed);
        let proved = step_up(&issuer, &session, assertion(&key, "c1", flags)).unwrap();
        assert_eq!(proved.session().assurance_level(), Some(level));
        refused(
            step_up(&issuer, &session, assertion(&key, "c1", flags)),
            ErrorKind::ChallengeMissing,
        );
    }
}

/// A host's finished logins at identity providers: (id, token, subject, end).
#[derive(Debug)]
struct Intents(Mutex<Vec<(&'static str, &'static str, SubjectId, Timestamp)>>);

#[async_trait]
impl FactorVerifier for Intents {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let Check::Intent(proof) = attempt.check else { return Ok(Outcome::NotSetUp) };
        let mut open = self.0.lock().unwrap();
        let found = open.iter().position(|(id, token, subject, ends_at)| {
            *id == proof.id
                && *token == proof.token.expose()
                && Some(subject) == attempt.subject
                && attempt.now < *ends_at
        });
        Ok(found.map_or(Outcome::Wrong, |at| {
            open.remove(at);
            Outcome::passed()
        }))
    }
}

// 101, 102, 103
#[test]
fn a_login_at_an_identity_provider_is_good_once_in_time_and_for_its_own_subject() {
    let end = ManualClock::START.saturating_add(SECOND);
    let intents = vec![
        ("1", "t1", id("alice"), end),
        ("2", "t2", id("bob"), end),
        ("3", "t3", id("alice"), end),
    ];
    let (issuer, clock) =
        issuer_with(Policy::zitadel(), Verifiers::new().intent(Intents(Mutex::new(intents))));
    let session = block_on(issuer.create(NewSession::for_subject(id("alice")))).unwrap();
    let present = |id, token| step_up(&issuer, &session, Check::intent(id, token).unwrap());
    refused(present("1", "wrong"), ErrorKind::CheckFailed);
    refused(present("2", "t2"), ErrorKind::CheckFailed);
    present("1", "t1").unwrap();
    refused(present("1", "t1"), ErrorKind::CheckFailed);
    clock.advance(SECOND);
    refused(present("3", "t3"), ErrorKind::CheckFailed);
}

/// A host's mail: codes by email, as long as there is an answer to give.
#[derive(Debug)]
struct Mail {
    codes: Arc<OneTimeCodes>,
    answers: Mutex<Vec<Result<(), Asked>>>,
    sent: Mutex<Vec<String>>,
}

#[async_trait]
impl Challenger for Mail {
    async fn challenge(&self, ask: Ask<'_>) -> Result<Asked, VerifyError> {
        match self.answers.lock().unwrap().pop() {
            Some(Ok(())) => {
                let made = self.codes.make(CodeRequest::email(ask.holder, ask.now)).unwrap();
                self.sent.lock().unwrap().push(made.code.expose().to_owned());
                Ok(Asked::Made(made.challenge))
            }
            Some(Err(refused)) => Ok(refused),
            None => Err(VerifyError::new("the mail is down")),
        }
    }
}

#[test]
fn a_call_names_its_subject_and_asks_for_a_code_in_one_change() {
    let codes = Arc::new(OneTimeCodes::new(&secret(3), Unlimited).unwrap());
    let world = World::new(Policy::zitadel());
    world.people.add("alice", "V3ryS3cure!");
    let mail = Arc::new(Mail {
        codes: Arc::clone(&codes),
        answers: Mutex::default(),
        sent: Mutex::default(),
    });
    let mail_of = |answer: Option<Result<(), Asked>>| {
        *mail.answers.lock().unwrap() = answer.into_iter().collect();
        Arc::clone(&mail) as Arc<dyn Challenger>
    };
    let email = FactorKind::OtpEmail;
    let other =
        Challenge::new(FactorKind::OtpSms, "x", world.issuer.now().saturating_add(MINUTE)).unwrap();
    let (alice, password) =
        (|| Check::subject(id("alice")), || Check::password("V3ryS3cure!").unwrap());
    unchanged(&world, || {
        for (new, kind, refused_for) in [
            (NewSession::anonymous(), ErrorKind::SubjectMissing, Some((email, true))),
            (
                NewSession::from_checks([alice(), Check::password("wrong").unwrap()]),
                ErrorKind::CheckFailed,
                Some((FactorKind::Password, false)),
            ),
            (NewSession::from_checks([Check::subject(id("bob"))]), ErrorKind::SubjectUnknown, None),
        ] {
            let error = refused(world.create(new.ask(email, mail_of(Some(Ok(()))))), kind);
            let shown =
                RefusedCheck::of(&error).map(|refused| (refused.kind, refused.is_challenge));
            assert_eq!(shown, refused_for.or(Some((FactorKind::Subject, false))));
        }
        assert!(
            mail.sent.lock().unwrap().is_empty(),
            "nobody is written to before the checks have passed"
        );
        for (answer, kind) in [
            (Some(Err(Asked::NotSetUp)), ErrorKind::FactorNotSetUp),
            (Some(Err(Asked::NotReady)), ErrorKind::FactorNotReady),
            (Some(Err(Asked::Made(other.clone()))), ErrorKind::NotSupported),
            (None, ErrorKind::Unavailable),
        ] {
            let new = NewSession::from_checks([alice(), password()]).ask(email, mail_of(answer));
            refused(world.create(new), kind);
        }
    });

    let new = NewSession::from_checks([alice(), password()])
        .ask(email, mail_of(Some(Ok(()))))
        .ask(FactorKind::OtpSms, Arc::new(Fixed(other.clone())));
    let session = world.create(new).unwrap();
    let record = session.session().session().unwrap();
    assert_eq!(record.challenge(email).map(Challenge::kind), Some(email));
    assert_eq!(record.challenge(FactorKind::OtpSms), Some(&other));
    assert_eq!(session.session().version(), 1, "one write");

    let first = record.challenge(email).cloned();
    let ask = |answer| Update::as_host(session.session_id()).ask(email, mail_of(answer));
    unchanged(&world, || {
        refused(block_on(world.issuer.update(ask(None))), ErrorKind::Unavailable);
        refused(
            block_on(world.issuer.update(ask(Some(Err(Asked::NotReady))))),
            ErrorKind::FactorNotReady,
        );
    });
    let asked = block_on(world.issuer.update(ask(Some(Ok(()))).check(alice()))).unwrap();
    let newest = asked.session().session().unwrap().challenge(email).cloned();
    assert!(newest.is_some() && newest != first, "the newest takes the slot");
    assert_eq!(mail.sent.lock().unwrap().len(), 2);

    let nobody = world.create(NewSession::anonymous()).unwrap();
    let unnamed = Update::as_host(nobody.session_id()).ask(email, mail_of(Some(Ok(()))));
    refused(block_on(world.issuer.update(unnamed)), ErrorKind::SubjectMissing);
    let named =
        Update::as_host(nobody.session_id()).check(alice()).ask(email, mail_of(Some(Ok(()))));
    assert!(
        block_on(world.issuer.update(named))
            .unwrap()
            .session()
            .session()
            .unwrap()
            .challenge(email)
            .is_some()
    );

    let actor = session_issuer::actor::ActorChain::new(
        session_issuer::actor::Actor::new(id("operator")),
        "ticket 1",
    )
    .unwrap();
    let acting =
        NewSession::impersonating(id("alice"), actor.clone()).ask(email, mail_of(Some(Ok(()))));
    refused(world.create(acting), ErrorKind::ImpersonationRefused);
    let acting = world.create(NewSession::impersonating(id("alice"), actor)).unwrap();
    let ask = Update::as_host(acting.session_id()).ask(email, mail_of(Some(Ok(()))));
    refused(block_on(world.issuer.update(ask)), ErrorKind::ImpersonationRefused);
}

/// Always the same challenge.
#[derive(Debug)]
struct Fixed(Challenge);

#[async_trait]
impl Challenger for Fixed {
    async fn challenge(&self, _: Ask<'_>) -> Result<Asked, VerifyError> {
        Ok(Asked::Made(self.0.clone()))
    }
}

#[test]
fn a_proof_may_leave_the_end_where_it_is() {
    let world = World::new(Policy::zitadel());
    world.people.add("alice", "V3ryS3cure!");
    let new = || NewSession::from_checks([Check::subject(id("alice"))]).lifetime(10 * MINUTE);
    let proof = |session: &Issued| {
        Update::as_host(session.session_id()).check(Check::password("V3ryS3cure!").unwrap())
    };
    let (kept, renewed) = (world.create(new()).unwrap(), world.create(new()).unwrap());
    let end = kept.session().ends_at();
    world.advance(MINUTE);
    let kept = block_on(world.issuer.update(proof(&kept).keep_end())).unwrap();
    assert_eq!(kept.session().ends_at(), end);
    assert!(kept.session().authenticated_at().is_some());
    let renewed = block_on(world.issuer.update(proof(&renewed))).unwrap();
    assert_eq!(renewed.session().ends_at(), Some(world.issuer.now().saturating_add(10 * MINUTE)));

    let world = World::new(Policy::zitadel().single_factor_lifetime(MINUTE));
    world.people.add("alice", "V3ryS3cure!");
    world.people.change("alice", |alice| {
        (alice.second_factor, alice.totp) = (true, Some("123456".to_owned()));
    });
    let beginning = world.create(new()).unwrap();
    assert_eq!(beginning.session().ends_at(), Some(world.issuer.now().saturating_add(MINUTE)));
    let whole = proof(&beginning).check(Check::totp("123456").unwrap()).keep_end();
    let whole = block_on(world.issuer.update(whole)).unwrap();
    assert_eq!(whole.session().ends_at(), Some(world.issuer.now().saturating_add(10 * MINUTE)));
}
