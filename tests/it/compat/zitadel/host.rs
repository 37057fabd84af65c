//! A host that speaks ZITADEL with real verifiers: Argon2id, TOTP, codes, recovery codes, Ed25519
//! keys, one-shot intents.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey};
use serde_json::{Value, json};
use session_issuer::{
    Issuer, Policy, Timestamp,
    compat::zitadel::{
        ApiError, AskCode, AskWebAuthN, ChallengeMaker, CreateSessionResponse, Delivery,
        MadeWebAuthN, Service, SetSessionResponse, TokenRule, UserVerificationRequirement,
    },
    factor::{Challenge, Check, FactorDetails, FactorKind},
    id::{SessionId, TenantId},
    signer::KeyRing,
    testing::block_on,
    token::TokenKeys,
    verifier::{
        Attempt, FactorVerifier, Holder, Lockout, OneTimeCode, OneTimeCodes, Outcome, Passwords,
        RecoveryCodeStore, RecoveryCodes, SpendRecoveryCode, Totp, Verifiers, VerifyError,
    },
};
use sha2::{Digest, Sha256};

use crate::{
    compat::{
        create::*,
        zitadel::set::{PASSWORD, login, patch, post},
    },
    passwords::{Hashes, cheap},
    totp::{Apps, code_at},
    world::*,
};

const APP: [u8; 20] = [7; 20];

pub struct Host {
    pub world: World,
    pub service: Service,
    pub hashes: Arc<Hashes>,
    pub apps: Arc<Apps>,
    pub desk: Arc<Desk>,
    pub intents: Arc<Intents>,
    pub recovery: Vec<String>,
    pub key: SigningKey,
}

impl Host {
    /// A host with one user who has every factor, and this lockout for all of them.
    pub fn new(lockout: impl Lockout + 'static) -> Self {
        let mut world = world_of(Policy::zitadel());
        let lockout = Arc::new(lockout);
        let (hashes, apps) = (Arc::new(Hashes::default()), Arc::new(Apps::default()));
        let passwords = Passwords::new(Arc::clone(&hashes), Arc::clone(&lockout)).cost(cheap());
        let hash = block_on(passwords.hash(PASSWORD)).unwrap();
        hashes.table.lock().unwrap().insert(USER.to_owned(), hash.expose().to_owned());
        apps.enrol(USER, &APP, true);
        let codes = Arc::new(OneTimeCodes::new(&secret(3), Arc::clone(&lockout)).unwrap());
        let digests = Arc::new(Digests::default());
        let recovery =
            RecoveryCodes::new(&secret(5), Arc::clone(&digests), Arc::clone(&lockout)).unwrap();
        let (tenant, user) = (TenantId::default(), id(USER));
        let set = recovery.make(Holder::new(&tenant, &user)).unwrap();
        digests
            .0
            .lock()
            .unwrap()
            .extend(set.digests.into_iter().map(|digest| (USER.to_owned(), digest)));
        let key = SigningKey::from_bytes(&[9; 32]);
        let (intents, desk) =
            (Arc::new(Intents::default()), Arc::new(Desk::new(Arc::clone(&codes))));
        let verifiers = Verifiers::new()
            .password(passwords)
            .totp(Totp::new(Arc::clone(&apps), lockout))
            .otp_sms(Arc::clone(&codes))
            .otp_email(codes)
            .recovery_code(recovery)
            .web_authn(Keys(key.clone()))
            .intent(Arc::clone(&intents));
        world.issuer = Issuer::builder()
            .store(Arc::clone(&world.store))
            .token_keys(TokenKeys::new(1, &secret(1)).unwrap())
            .signer(KeyRing::hs256("k1", &secret(2)).unwrap())
            .verifier(verifiers)
            .directory(Arc::clone(&world.people))
            .events(Arc::clone(&world.sink))
            .clock(world.clock.clone())
            .policy(Policy::zitadel())
            .build()
            .unwrap();
        let service = Service::new(world.issuer.clone())
            .token_rule(TokenRule::V2)
            .challenges(Arc::clone(&desk));
        let recovery = set.codes.iter().map(|code| code.expose().to_owned()).collect();
        Self { world, service, hashes, apps, desk, intents, recovery, key }
    }

    pub fn create(&self, request: Value) -> Result<CreateSessionResponse, ApiError> {
        post(&self.service, request)
    }

    /// A session of this user, by its id.
    pub fn begin(&self) -> String {
        self.create(json!({ "checks": { "user": { "userId": USER } } }))
            .unwrap()
            .session_id
            .to_string()
    }

    pub fn set(&self, session: &str, request: Value) -> Result<SetSessionResponse, ApiError> {
        patch(&self.service, &login(), session, request)
    }

    pub fn check(&self, session: &str, checks: Value) -> Result<SetSessionResponse, ApiError> {
        self.set(session, json!({ "checks": checks }))
    }

    /// What the user's app shows now.
    pub fn app_code(&self) -> String {
        code_at(&APP, self.world.issuer.now())
    }

    /// Asks for a WebAuthn challenge, and signs it.
    pub fn assertion(&self, session: &str, requirement: &str, flags: u8) -> Value {
        let wanted = json!({ "domain": "example.com", "userVerificationRequirement": requirement });
        let asked = self.set(session, json!({ "challenges": { "webAuthN": wanted } })).unwrap();
        let options =
            asked.challenges.unwrap().web_auth_n.unwrap().public_key_credential_request_options;
        sign(&self.key, options["publicKey"]["challenge"].as_str().unwrap(), "example.com", flags)
    }
}

pub const PRESENT: u8 = 0x01;
pub const VERIFIED: u8 = 0x05;

/// What a browser on a page of this domain gives for a challenge.
pub fn sign(key: &SigningKey, challenge: &str, domain: &str, flags: u8) -> Value {
    let origin = format!("https://login.{domain}");
    let client =
        json!({ "type": "webauthn.get", "challenge": challenge, "origin": origin }).to_string();
    let data = [Sha256::digest(domain).as_slice(), &[flags], &[0, 0, 0, 1]].concat();
    let signature = key.sign(&[data.as_slice(), &Sha256::digest(&client)].concat());
    let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({
        "id": "key-1",
        "type": "public-key",
        "response": {
            "clientDataJSON": encode(client.as_bytes()),
            "authenticatorData": encode(&data),
            "signature": encode(&signature.to_bytes()),
        },
    })
}

/// The host's WebAuthn server: one key of one user. A challenge's state is its bytes, domain and
/// requirement.
#[derive(Debug)]
struct Keys(SigningKey);

impl Keys {
    fn read(&self, json: &str, state: &str) -> Option<FactorDetails> {
        let (challenge, rest) = state.split_once('|')?;
        let (domain, requirement) = rest.split_once('|')?;
        let json: Value = serde_json::from_str(json).ok()?;
        let part = |name: &str| URL_SAFE_NO_PAD.decode(json["response"][name].as_str()?).ok();
        let (client, data) = (part("clientDataJSON")?, part("authenticatorData")?);
        let said: Value = serde_json::from_slice(&client).ok()?;
        let flags = *data.get(32)?;
        let holds = said["type"] == "webauthn.get"
            && said["challenge"] == challenge
            && said["origin"].as_str()?.ends_with(&format!(".{domain}"))
            && data.get(..32)? == Sha256::digest(domain).as_slice()
            && flags & PRESENT != 0
            && (requirement != "Required" || flags & VERIFIED == VERIFIED);
        let signed = [data.as_slice(), &Sha256::digest(&client)].concat();
        let signature = Signature::from_slice(&part("signature")?).ok()?;
        self.0.verifying_key().verify_strict(&signed, &signature).ok()?;
        holds.then(|| FactorDetails::default().with_user_verified(flags & VERIFIED == VERIFIED))
    }
}

#[async_trait]
impl FactorVerifier for Keys {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let (Check::WebAuthn(given), Some(_)) = (attempt.check, attempt.subject) else {
            return Ok(Outcome::Wrong);
        };
        let Some(challenge) = attempt.challenge else { return Ok(Outcome::NoChallenge) };
        Ok(self.read(given.expose(), challenge.state()).map_or(Outcome::Wrong, Outcome::Passed))
    }
}

/// Finished logins at identity providers.
#[derive(Debug, Default)]
pub struct Intents {
    pub table: Mutex<Vec<Intent>>,
    /// Who is who: (name there, user here).
    pub links: Mutex<HashSet<(&'static str, String)>>,
}

#[derive(Debug)]
pub struct Intent {
    pub id: &'static str,
    pub who: &'static str,
    pub succeeded: bool,
    pub ends_at: Timestamp,
}

#[async_trait]
impl FactorVerifier for Intents {
    async fn verify(&self, attempt: Attempt<'_>) -> Result<Outcome, VerifyError> {
        let Check::Intent(proof) = attempt.check else { return Ok(Outcome::NotSetUp) };
        let mut table = self.table.lock().unwrap();
        let found = table.iter_mut().find(|intent| intent.id == proof.id);
        let (Some(intent), true) =
            (found, proof.token.expose() == format!("token of {}", proof.id))
        else {
            return Ok(Outcome::Wrong);
        };
        let Some(subject) = attempt.subject else { return Ok(Outcome::Wrong) };
        let linked = self.links.lock().unwrap().contains(&(intent.who, subject.to_string()));
        Ok(match () {
            () if !intent.succeeded => Outcome::NotReady,
            () if attempt.now >= intent.ends_at => Outcome::NoChallenge,
            () if !linked => Outcome::NotSetUp,
            () => {
                intent.succeeded = false; // used up
                Outcome::passed()
            }
        })
    }
}

/// Recovery codes left, by user.
#[derive(Debug, Default)]
struct Digests(Mutex<HashSet<(String, String)>>);

#[async_trait]
impl RecoveryCodeStore for Digests {
    async fn has_codes(&self, holder: Holder<'_>) -> Result<bool, VerifyError> {
        Ok(self.0.lock().unwrap().iter().any(|(user, _)| user == holder.subject.as_str()))
    }

    async fn spend(&self, code: SpendRecoveryCode<'_>) -> Result<bool, VerifyError> {
        let row = (code.holder.subject.to_string(), code.digest.to_owned());
        Ok(self.0.lock().unwrap().remove(&row))
    }
}

/// What left the house: to whom, by which way, with which template.
pub type Sent = (String, FactorKind, Option<String>, String);

/// The host's mail room, and the other half of its WebAuthn server.
#[derive(Debug)]
pub struct Desk {
    codes: Arc<OneTimeCodes>,
    pub sent: Mutex<Vec<Sent>>,
    /// In which session the last code was asked for.
    pub session: Mutex<Option<SessionId>>,
    /// Kinds that the user has not got.
    pub lacks: Mutex<HashSet<FactorKind>>,
    pub is_down: Mutex<bool>,
    number: Mutex<u32>,
}

impl Desk {
    fn new(codes: Arc<OneTimeCodes>) -> Self {
        let (sent, lacks) = (Mutex::default(), Mutex::default());
        let (is_down, number, session) = (Mutex::default(), Mutex::default(), Mutex::default());
        Self { codes, sent, session, lacks, is_down, number }
    }

    fn has(&self, kind: FactorKind) -> Result<bool, VerifyError> {
        match *self.is_down.lock().unwrap() {
            true => Err(VerifyError::new("the mail is down")),
            false => Ok(!self.lacks.lock().unwrap().contains(&kind)),
        }
    }
}

#[async_trait]
impl ChallengeMaker for Desk {
    async fn code(&self, ask: AskCode<'_>) -> Result<Option<OneTimeCode>, VerifyError> {
        if !self.has(ask.channel.kind())? {
            return Ok(None);
        }
        *self.session.lock().unwrap() = ask.session;
        let made = self.codes.make(ask.request()).map_err(VerifyError::new)?;
        if let Delivery::Send { url_template } = ask.delivery {
            let (user, code) = (ask.holder.subject.to_string(), made.code.expose().to_owned());
            let template = url_template.map(str::to_owned);
            self.sent.lock().unwrap().push((user, ask.channel.kind(), template, code));
        }
        Ok(Some(made))
    }

    async fn web_authn(&self, ask: AskWebAuthN<'_>) -> Result<Option<MadeWebAuthN>, VerifyError> {
        if !self.has(FactorKind::WebAuthn)? {
            return Ok(None);
        }
        let number = {
            let mut number = self.number.lock().unwrap();
            *number += 1;
            *number
        };
        let bytes = URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{number}")));
        let state = format!("{bytes}|{}|{:?}", ask.domain, ask.user_verification);
        let ends_at = ask.now.saturating_add(5 * MINUTE);
        let challenge =
            Challenge::new(FactorKind::WebAuthn, &state, ends_at).map_err(VerifyError::new)?;
        let required = ask.user_verification == UserVerificationRequirement::Required;
        let options = json!({
            "publicKey": {
                "challenge": bytes,
                "rpId": ask.domain,
                "timeout": 300_000,
                "userVerification": if required { "required" } else { "preferred" },
                "allowCredentials": [{ "type": "public-key", "id": "key-1" }],
            },
        });
        Ok(Some(MadeWebAuthN { challenge, options }))
    }
}
