//! Logging in: a password, a second factor by app, a code by email, a recovery code, and too many
//! attempts.
//!
//! ```text
//! cargo run --example login --features password,totp
//! cargo run --example login --features password,totp,sqlite -- --file sessions.db
//! ```
//!
//! With `--file`, sessions are in that file, and those of earlier runs are counted at the end.
//! Users with their passwords and apps, and the keys, are in memory and end with the run: the next
//! one signs alice up again, and tokens of this one are good no more. How a host goes on with its
//! sessions is in `desktop.rs`.

#[path = "kept/args.rs"]
mod args;
#[path = "kept/mod.rs"]
#[expect(dead_code, reason = "no later run needs a secret of this one")]
mod kept;

use std::{
    collections::{HashMap, HashSet},
    path::Path,
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};

use async_trait::async_trait;
use session_issuer::{
    Error, Issuer, NewSession, Policy, Requirement, Timestamp, Update,
    entropy::{Entropy, SystemEntropy},
    factor::{AssuranceLevel, Check, FactorKind, SubjectRef},
    id::{SubjectId, TenantId},
    issuer::{Issued, SessionQuery},
    token::TokenKeys,
    verifier::{
        Attempt, AttemptLimit, CodeRequest, Found, Holder, Lookup, OneTimeCodes, Outcome,
        PasswordStore, Passwords, RecoveryCodeStore, RecoveryCodes, Rehash, SpendRecoveryCode,
        SubjectDirectory, SubjectProfile, Totp, TotpFactor, TotpLabel, TotpSecret, TotpStore,
        UseStep, Verifiers, VerifyError,
    },
};

type Done = Result<(), Box<dyn std::error::Error>>;

fn main() -> Done {
    let file = args::file("login");
    pollster::block_on(run(file.as_deref()))
}

async fn run(file: Option<&Path>) -> Done {
    // Parts: one limit for all factors of a subject kind, five attempts, then a pause of a quarter
    // of an hour.
    let people = Arc::new(People::default());
    let limit = Arc::new(AttemptLimit::new(5, Duration::from_secs(15 * 60))?);
    let mut key = [0; 32];
    SystemEntropy.fill(&mut key)?; // a real host loads its keys
    let passwords = Arc::new(Passwords::new(Arc::clone(&people), Arc::clone(&limit)));
    let apps = Arc::new(Totp::new(Arc::clone(&people), Arc::clone(&limit)));
    let codes = Arc::new(OneTimeCodes::new(&key, Arc::clone(&limit))?);
    let recovery = Arc::new(RecoveryCodes::new(&key, Arc::clone(&people), limit)?);
    let issuer = Issuer::builder()
        .store(kept::store(file)?)
        .token_keys(TokenKeys::generate(&SystemEntropy)?)
        .directory(Arc::clone(&people))
        .verifier(
            Verifiers::new()
                .password(Arc::clone(&passwords))
                .totp(Arc::clone(&apps))
                .otp_email(Arc::clone(&codes))
                .recovery_code(Arc::clone(&recovery)),
        )
        .policy(Policy::zitadel()) // a session that grows by checks, its token replaced by each
        .build()?;
    let (tenant, alice) = (TenantId::default(), SubjectId::new("alice")?);
    let holder = Holder::new(&tenant, &alice);
    let begun = issuer.now();

    println!("sign-up");
    let hash = passwords.hash("correct horse battery staple").await?;
    println!("  kept: {}...", hash.expose().get(..31).unwrap_or_default());
    people.change("alice@example.com", |person| person.hash = hash.expose().to_owned());

    println!("login by password");
    let login = |password: &'static str| {
        let issuer = issuer.clone();
        async move {
            let checks = [Check::login_name("alice@example.com")?, Check::password(password)?];
            issuer.create(NewSession::from_checks(checks)).await
        }
    };
    tell("wrong password", &login("hunter2").await);
    let session = login("correct horse battery staple").await?;
    show(&session);

    println!("an app is enrolled, and its first code steps the session up");
    let secret = TotpSecret::generate(&SystemEntropy)?;
    let label = TotpLabel { issuer: "Example", account: "alice@example.com" };
    println!("  QR code of {}...", secret.uri(label)?.expose().get(..44).unwrap_or_default());
    people.change("alice@example.com", |person| {
        person.app = Some((secret.expose().to_vec(), false, 0))
    });
    let first = code_of_app(&secret, issuer.now().saturating_sub(Duration::from_secs(30)));
    let attempt = Check::totp(&first)?;
    let confirmed =
        apps.confirm(Attempt::new(&tenant, Some(&alice), &attempt, issuer.now())).await?;
    println!(
        "  first code: {}",
        if matches!(confirmed, Outcome::Passed(_)) { "right" } else { "wrong" }
    );
    people.change("alice@example.com", |person| {
        if let Some((_, is_confirmed, _)) = &mut person.app {
            *is_confirmed = true;
        }
    });
    let code = code_of_app(&secret, issuer.now());
    let session =
        issuer.update(Update::with_token(session.token()).check(Check::totp(&code)?)).await?;
    show(&session);
    tell("the same code again", &step_up(&issuer, &session, Check::totp(&code)?).await);

    println!("a payment asks for a code by email of the last five minutes");
    let payment = Requirement::new()
        .level(AssuranceLevel::Aal2)
        .factor_within(FactorKind::OtpEmail, Duration::from_secs(300));
    if let Err(error) = issuer.check(session.token(), &payment).await {
        println!("  refused: {}", error.unmet().map(ToString::to_string).unwrap_or_default());
    }
    let made = codes.make(CodeRequest::email(holder, issuer.now()))?;
    let session =
        issuer.update(Update::with_token(session.token()).challenge(made.challenge)).await?;
    let delivered = made.code; // by the host's mailer, once the challenge is stored
    let session = step_up(&issuer, &session, Check::otp_email(delivered.expose())?).await?;
    issuer.check(session.token(), &payment).await?;
    show(&session);

    println!("the phone is lost: a recovery code, once");
    let set = recovery.make(holder)?;
    people.change("alice@example.com", |person| {
        person.recovery = set.digests.iter().cloned().collect()
    });
    let paper = set.codes.first().ok_or("no codes")?.expose();
    let session = login("correct horse battery staple").await?;
    let session = step_up(&issuer, &session, Check::recovery_code(&paper.to_lowercase())?).await?;
    show(&session);
    tell("the same code again", &step_up(&issuer, &session, Check::recovery_code(paper)?).await);

    println!("somebody guesses");
    for attempt in 1..=6 {
        tell(&format!("attempt {attempt}"), &login("letmein").await);
    }
    tell("the right password, now", &login("correct horse battery staple").await);

    let Some(file) = file else { return Ok(()) };
    println!("what stays in {}", file.display());
    let page = issuer.list(SessionQuery::of_subject(alice.clone()).limit(1000)).await?;
    let earlier = page.sessions().iter().filter(|session| session.created_at() < begun).count();
    println!("  live sessions of alice: {}, from earlier runs: {earlier}", page.sessions().len());
    Ok(())
}

async fn step_up(issuer: &Issuer, session: &Issued, check: Check) -> Result<Issued, Error> {
    issuer.update(Update::with_token(session.token()).check(check)).await
}

/// What the subject's authenticator app shows.
fn code_of_app(secret: &TotpSecret, at: Timestamp) -> String {
    let app = totp_rs::Builder::new().with_secret(secret.expose()).build_noncompliant();
    app.generate(u64::try_from(at.as_secs()).unwrap_or_default()).to_string()
}

fn show(session: &Issued) {
    let view = session.session();
    let words: Vec<_> = view.amr().iter().collect();
    let level = view.assurance_level().map_or("none", AssuranceLevel::code);
    println!("  in: acr {level}, amr {}", words.join(" "));
}

/// The precise kind is for logs; an outsider sees `public()`.
fn tell(what: &str, outcome: &Result<Issued, Error>) {
    match outcome {
        Ok(_) => println!("  {what}: in"),
        Err(error) => println!("  {what}: {} (outside: {})", error.code(), error.public().code),
    }
}

/// The host's database: here, one table in memory.
#[derive(Debug, Default)]
struct People(Mutex<HashMap<String, Person>>);

#[derive(Default)]
struct Person {
    hash: String,
    /// Secret, whether its first code has held, and the last step that was used.
    app: Option<(Vec<u8>, bool, u64)>,
    recovery: HashSet<String>,
}

impl std::fmt::Debug for Person {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Person")
    }
}

impl People {
    fn table(&self) -> Result<MutexGuard<'_, HashMap<String, Person>>, VerifyError> {
        self.0.lock().map_err(|_| VerifyError::new("a poisoned lock"))
    }

    fn change(&self, login: &str, change: impl FnOnce(&mut Person)) {
        if let Ok(mut table) = self.table() {
            change(table.entry(login.to_owned()).or_default());
        }
    }
}

fn login_of(subject: &SubjectId) -> String {
    format!("{subject}@example.com")
}

#[async_trait]
impl SubjectDirectory for People {
    async fn find(&self, lookup: Lookup<'_>) -> Result<Found, VerifyError> {
        let login = match lookup.by {
            SubjectRef::Id(id) => login_of(id),
            SubjectRef::LoginName(name) => name.clone(),
            _ => return Ok(Found::Unknown),
        };
        let Some(person) = self.table()?.get(&login).map(|person| person.app.is_some()) else {
            return Ok(Found::Unknown);
        };
        let name = login.split('@').next().unwrap_or_default();
        let subject = SubjectId::new(name).map_err(VerifyError::new)?;
        Ok(Found::Active(SubjectProfile::new(subject).with_second_factor(person)))
    }
}

#[async_trait]
impl PasswordStore for People {
    async fn find(
        &self,
        holder: Holder<'_>,
    ) -> Result<Option<session_issuer::secret::Secret>, VerifyError> {
        Ok(self.table()?.get(&login_of(holder.subject)).map(|person| person.hash.as_str().into()))
    }

    async fn replace(&self, rehash: Rehash<'_>) -> Result<(), VerifyError> {
        if let Some(person) = self.table()?.get_mut(&login_of(rehash.holder.subject))
            && person.hash == rehash.old.expose()
        {
            person.hash = rehash.new.expose().to_owned();
        }
        Ok(())
    }
}

#[async_trait]
impl TotpStore for People {
    async fn find(&self, holder: Holder<'_>) -> Result<Option<TotpFactor>, VerifyError> {
        let table = self.table()?;
        let Some((secret, confirmed, _)) =
            table.get(&login_of(holder.subject)).and_then(|person| person.app.as_ref())
        else {
            return Ok(None);
        };
        let secret = TotpSecret::from_bytes(secret).map_err(VerifyError::new)?;
        Ok(Some(if *confirmed {
            TotpFactor::Confirmed(secret)
        } else {
            TotpFactor::Unconfirmed(secret)
        }))
    }

    async fn use_step(&self, step: UseStep<'_>) -> Result<bool, VerifyError> {
        let mut table = self.table()?;
        let app =
            table.get_mut(&login_of(step.holder.subject)).and_then(|person| person.app.as_mut());
        Ok(match app {
            Some((_, _, last)) if step.step > *last => {
                *last = step.step;
                true
            }
            _ => false,
        })
    }
}

#[async_trait]
impl RecoveryCodeStore for People {
    async fn has_codes(&self, holder: Holder<'_>) -> Result<bool, VerifyError> {
        Ok(self
            .table()?
            .get(&login_of(holder.subject))
            .is_some_and(|person| !person.recovery.is_empty()))
    }

    async fn spend(&self, code: SpendRecoveryCode<'_>) -> Result<bool, VerifyError> {
        let mut table = self.table()?;
        Ok(table
            .get_mut(&login_of(code.holder.subject))
            .is_some_and(|person| person.recovery.remove(code.digest)))
    }
}
