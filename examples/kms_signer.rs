//! A signing key that lives elsewhere: a key management service that is slow, rate-limited, and
//! sometimes away.
//!
//! ```text
//! cargo run --example kms_signer --features rust-crypto
//! ```
//!
//! The service here is a task of this process. What counts is `KmsSigner`: a time limit on each
//! call, an error of its own kind for each way to fail, and signatures verified locally with the
//! public key.

use std::{
    error::Error as _,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use session_issuer::{
    Error, Issuer, NewSession, Refresh, Requirement, SessionQuery, Timestamp,
    entropy::SystemEntropy,
    id::SubjectId,
    issuer::Issued,
    signer::{
        Jwks, KeyRing, SecretKey, SignError, SignErrorKind, SignRequest, SigningKey, TokenSigner,
        VerifyRequest,
    },
    store::MemoryStore,
    token::{Algorithm, TokenKeys},
};
use tokio::{
    sync::{mpsc, oneshot},
    time::{Instant, sleep, timeout},
};

type Outcome = Result<(), Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome {
    let (kms, signer) = Kms::start()?;
    let issuer = Issuer::builder()
        .store(MemoryStore::new())
        .token_keys(TokenKeys::generate(&SystemEntropy)?)
        .signer(signer)
        .build()?;
    let alice = SubjectId::new("alice")?;

    let login = issuer.create(NewSession::for_subject(alice.clone())).await?;
    issuer.verify(login.token())?;
    println!("alice has logged in: the service signed, and her token is verified without it");
    let spent = login.refresh_token().unwrap_or_default();

    println!("\nthe service goes away while alice refreshes:");
    kms.behave(Behaviour::Away);
    tell("refresh", &issuer.refresh(Refresh::new(spent)).await);
    kms.behave(Behaviour::Hangs);
    tell("refresh", &issuer.refresh(Refresh::new(spent)).await);
    tell("create", &issuer.create(NewSession::for_subject(alice.clone())).await);
    kms.behave(Behaviour::Works);
    let first = issuer.refresh(Refresh::new(spent)).await?;
    let again = issuer.refresh(Refresh::new(spent)).await?;
    println!(
        "  back again: the same refresh token is answered, twice with the same successor: {}",
        first.refresh_token() == again.refresh_token()
    );
    issuer.check(again.token(), &Requirement::new()).await?;

    println!("\nsixty logins at once, and the service takes {} in 200 ms:", Kms::BURST);
    let logins = (0..60).map(|_| {
        let (issuer, bob) = (issuer.clone(), SubjectId::new("bob"));
        tokio::spawn(async move {
            match bob {
                Ok(bob) => with_retries(|| issuer.create(NewSession::for_subject(bob.clone())))
                    .await
                    .is_ok(),
                Err(_) => false,
            }
        })
    });
    let mut made = 0;
    for login in logins.collect::<Vec<_>>() {
        made += usize::from(login.await?);
    }
    let refused = kms.refused.load(Ordering::SeqCst);
    let query = SessionQuery::of_subject(SubjectId::new("bob")?).limit(100);
    let listed = issuer.list(query).await?.sessions().len();
    println!("  it refused {refused} times; with up to three retries, {made} have their tokens");
    println!("  sessions that exist: {listed}, so nobody's was left behind without its tokens");
    Ok(())
}

fn tell(verb: &str, outcome: &Result<Issued, Error>) {
    match outcome {
        Ok(_) => println!("  {verb}: done"),
        Err(error) => {
            let source = error.source().map(ToString::to_string).unwrap_or_default();
            println!("  {verb}: {} ({source}); retry: {}", error.code(), error.is_retryable());
        }
    }
}

/// What a host does with an error that says so: again, a few times, and later each time.
async fn with_retries<T, F: Future<Output = Result<T, Error>>>(
    mut call: impl FnMut() -> F,
) -> Result<T, Error> {
    let mut pause = Duration::from_millis(40);
    for _ in 0..3 {
        match call().await {
            Err(error) if error.is_retryable() => sleep(pause).await,
            outcome => return outcome,
        }
        pause *= 2;
    }
    call().await
}

/// The signer that an issuer gets: a connection to the service, and the public key.
struct KmsSigner {
    name: SigningKey,
    requests: mpsc::Sender<Request>,
    public: Jwks,
}

/// How long a signature may take.
const LIMIT: Duration = Duration::from_millis(150);

#[async_trait]
impl TokenSigner for KmsSigner {
    fn signing_key(&self, _: Timestamp) -> Result<SigningKey, SignError> {
        Ok(self.name.clone())
    }

    async fn sign(&self, request: SignRequest<'_>) -> Result<Vec<u8>, SignError> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            let message = request.message.to_vec();
            self.requests.send(Request { message, reply }).await.map_err(|_| KmsError::Away)?;
            answer.await.map_err(|_| KmsError::Away)?
        };
        match timeout(LIMIT, asked).await {
            Ok(Ok(signature)) => Ok(signature),
            Ok(Err(error)) => {
                let kind = match error {
                    KmsError::Away => SignErrorKind::Unavailable,
                    KmsError::TooMany => SignErrorKind::RateLimited,
                };
                Err(SignError::new(kind).with_source(error))
            }
            Err(elapsed) => Err(SignError::new(SignErrorKind::TimedOut).with_source(elapsed)),
        }
    }

    fn verify(&self, request: VerifyRequest<'_>) -> Result<(), SignError> {
        self.public.verify(&request)
    }
}

impl fmt::Debug for KmsSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KmsSigner").field("name", &self.name).finish_non_exhaustive()
    }
}

/// What stands in for the service: it alone has the private key.
struct Kms {
    behaviour: Arc<AtomicU8>,
    refused: Arc<AtomicU32>,
}

#[derive(Clone, Copy, PartialEq)]
enum Behaviour {
    Works,
    Away,
    Hangs,
}

struct Request {
    message: Vec<u8>,
    reply: oneshot::Sender<Result<Vec<u8>, KmsError>>,
}

#[derive(Debug)]
enum KmsError {
    Away,
    TooMany,
}

impl fmt::Display for KmsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Away => "the service does not answer",
            Self::TooMany => "too many requests",
        })
    }
}

impl std::error::Error for KmsError {}

impl Kms {
    /// How many signatures it makes in 200 ms.
    const BURST: u32 = 25;

    fn start() -> Result<(Self, KmsSigner), Box<dyn std::error::Error>> {
        let key = SecretKey::generate(Algorithm::Es256, &SystemEntropy)?.key;
        let ring = KeyRing::new(key);
        let now = Timestamp::from_secs(0);
        let (name, public) = (ring.signing_key(now)?, ring.jwks(now));
        let (requests, mut inbox) = mpsc::channel::<Request>(256);
        let behaviour = Arc::new(AtomicU8::new(Behaviour::Works as u8));
        let refused = Arc::new(AtomicU32::new(0));
        let (how, refusals, own) = (Arc::clone(&behaviour), Arc::clone(&refused), name.clone());
        tokio::spawn(async move {
            let (mut window, mut used) = (Instant::now(), 0);
            let mut hanging = Vec::new();
            while let Some(Request { message, reply }) = inbox.recv().await {
                if window.elapsed() > Duration::from_millis(200) {
                    (window, used) = (Instant::now(), 0);
                }
                used += 1;
                let answer = match how.load(Ordering::SeqCst) {
                    away if away == Behaviour::Away as u8 => Err(KmsError::Away),
                    hangs if hangs == Behaviour::Hangs as u8 => {
                        hanging.push(reply);
                        continue;
                    }
                    _ if used > Self::BURST => {
                        refusals.fetch_add(1, Ordering::SeqCst);
                        Err(KmsError::TooMany)
                    }
                    _ => ring
                        .sign(SignRequest::new(&own, &message))
                        .await
                        .map_err(|_| KmsError::Away),
                };
                tokio::spawn(async move {
                    sleep(Duration::from_millis(20)).await;
                    let _ = reply.send(answer);
                });
            }
        });
        Ok((Self { behaviour, refused }, KmsSigner { name, requests, public }))
    }

    fn behave(&self, behaviour: Behaviour) {
        self.behaviour.store(behaviour as u8, Ordering::SeqCst);
    }
}
