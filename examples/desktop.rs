//! A tool on somebody's own machine: no runtime, no server.
//!
//! ```text
//! cargo run --example desktop login alice , whoami , refresh , logout , whoami
//! cargo run --example desktop     # asks, line by line
//!
//! cargo run --example desktop --features sqlite -- --file sessions.db login alice
//! cargo run --example desktop --features sqlite -- --file sessions.db whoami , logout
//! ```
//!
//! The issuer's calls are futures that `pollster::block_on` runs to their end on the thread that
//! asks. Without `--file`, all is in memory and ends with the process. With it, sessions are in the
//! file, and what only this user may know (the token key, and the refresh token of whoever is
//! logged in) is in `sessions.db.secrets` beside it: a real tool gives that to the system's
//! keychain.

#[path = "kept/mod.rs"]
mod kept;

use std::{error::Error, io::BufRead, path::Path, time::Duration};

use pollster::block_on;
use serde::{Deserialize, Serialize};
use session_issuer::{
    Issuer, NewSession, Policy, Refresh, Requirement, Revoke,
    client::ClientInfo,
    entropy::{Entropy, SystemEntropy},
    error::Remedy,
    id::SubjectId,
    issuer::{Issued, Sweeper},
    policy::{AbsoluteLifetime, AccessFormat, Credentials},
    token::TokenKeys,
};

use self::kept::PrivateFile;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Done = Result<(), Box<dyn Error>>;

/// The tool: an issuer, and the tokens of whoever is logged in.
struct Desk {
    issuer: Issuer,
    tokens: Option<Tokens>,
    secrets: Secrets,
    file: Option<PrivateFile>,
}

struct Tokens {
    access: String,
    refresh: String,
}

/// What outlives a run. An access token is not worth keeping: the refresh token buys a new one.
#[derive(Serialize, Deserialize)]
struct Secrets {
    token_key: [u8; 32],
    refresh_token: Option<String>,
}

impl Secrets {
    fn draw() -> Result<Self, Box<dyn Error>> {
        let mut token_key = [0; 32];
        SystemEntropy.fill(&mut token_key)?;
        Ok(Self { token_key, refresh_token: None })
    }
}

impl Desk {
    fn open(file: Option<&Path>) -> Result<Self, Box<dyn Error>> {
        let store = kept::store(file)?;
        let file = file.map(PrivateFile::beside);
        let secrets = match &file {
            Some(file) => file.read()?,
            None => None,
        };
        let secrets: Secrets = secrets.map_or_else(Secrets::draw, Ok)?;
        // One user, one machine: opaque tokens need no signing key. A login lasts a quarter, or a
        // month without use.
        let policy = Policy::default()
            .credentials(Credentials::Pair(AccessFormat::Opaque))
            .absolute_lifetime(AbsoluteLifetime::After(90 * DAY))
            .idle_timeout(Some(30 * DAY));
        let issuer = Issuer::builder()
            .store(store)
            .token_keys(TokenKeys::new(1, &secrets.token_key)?)
            .policy(policy)
            .build()?;
        // Nothing runs in the background: what ended long ago goes when the tool starts.
        let swept = block_on(Sweeper::new(issuer.clone()).run_until_clean());
        if let Some(error) = swept.error {
            eprintln!("some old sessions are still there: {error}");
        }
        let mut desk = Self { issuer, tokens: None, secrets, file };
        desk.resume()?;
        Ok(desk)
    }

    /// The session of the last run goes on, if there was one. Should this run die before it has
    /// kept the new token, the old one buys the same again.
    fn resume(&mut self) -> Done {
        let Some(token) = self.secrets.refresh_token.take() else { return Ok(()) };
        match block_on(self.issuer.refresh(Refresh::new(&token))) {
            Ok(issued) => self.keep(&issued),
            Err(error) if error.is_retryable() => Err(error.into()),
            Err(error) => {
                println!("the last session is over: {}", error.code());
                self.save()
            }
        }
    }

    fn obey(&mut self, command: &str) -> Done {
        match command.split_whitespace().collect::<Vec<_>>().as_slice() {
            ["login", name] => self.login(name),
            ["whoami"] => self.whoami(),
            ["refresh"] => self.refresh(),
            ["logout"] => self.logout(),
            _ => Err("login NAME, whoami, refresh, logout".into()),
        }
    }

    /// The machine has asked for the password; the issuer takes the tool's word for it.
    fn login(&mut self, name: &str) -> Done {
        let client = ClientInfo::new().with_description("the desktop tool");
        let login = NewSession::for_subject(SubjectId::new(name)?).client(client);
        let issued = block_on(self.issuer.create(login))?;
        println!("hello, {name}");
        self.keep(&issued)
    }

    fn whoami(&mut self) -> Done {
        let tokens = self.tokens.as_ref().ok_or("nobody is logged in")?;
        match block_on(self.issuer.check(tokens.access.as_str(), &Requirement::new())) {
            Ok(checked) => println!("{}, for session {}", checked.subject()?, checked.session_id()),
            // Access tokens are short-lived: a tool that was left alone for a while gets the next
            // pair, and asks again.
            Err(error) if error.remedy() == Remedy::Refresh => {
                self.refresh()?;
                return self.whoami();
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn refresh(&mut self) -> Done {
        let tokens = self.tokens.as_ref().ok_or("nobody is logged in")?;
        let issued = block_on(self.issuer.refresh(Refresh::new(&tokens.refresh)))?;
        println!("generation {}", issued.session().record().generation());
        self.keep(&issued)
    }

    fn logout(&mut self) -> Done {
        let tokens = self.tokens.take().ok_or("nobody is logged in")?;
        block_on(self.issuer.revoke(Revoke::token(&tokens.refresh)))?;
        let left = block_on(self.issuer.check(tokens.access.as_str(), &Requirement::new()));
        println!(
            "goodbye; the old token is {}",
            left.map_or_else(|error| error.code(), |_| "still good")
        );
        self.secrets.refresh_token = None;
        self.save()
    }

    fn keep(&mut self, issued: &Issued) -> Done {
        let refresh = issued.refresh_token().unwrap_or_default().to_owned();
        self.secrets.refresh_token = Some(refresh.clone());
        self.tokens = Some(Tokens { access: issued.token().to_owned(), refresh });
        self.save()
    }

    fn save(&self) -> Done {
        self.file.as_ref().map_or(Ok(()), |file| file.write(&self.secrets))
    }
}

fn main() -> Done {
    let mut words: Vec<_> = std::env::args().skip(1).collect();
    let file = match words.iter().position(|word| word == "--file") {
        Some(at) if at + 1 < words.len() => words.drain(at..at + 2).nth(1),
        Some(_) => return Err("--file needs a path".into()),
        None => None,
    };
    let mut desk = Desk::open(file.as_deref().map(Path::new))?;
    if !words.is_empty() {
        return words.join(" ").split(',').try_for_each(|command| desk.obey(command));
    }
    for line in std::io::stdin().lock().lines() {
        if let Err(error) = desk.obey(&line?) {
            println!("{error}");
        }
    }
    Ok(())
}
