//! A tool on somebody's own machine: no runtime, no threads, no server.
//!
//! ```text
//! cargo run --example desktop login alice , whoami , refresh , logout , whoami
//! cargo run --example desktop     # asks, line by line
//! ```
//!
//! The issuer's calls are futures that `pollster::block_on` runs to their end on the thread that asks. What such a tool
//! keeps between two runs (the store, its token keys, the tokens of whoever is logged in) is in [`Desk::open`] alone.

use std::{error::Error, io::BufRead, time::Duration};

use pollster::block_on;
use session_issuer::{
    Issuer, NewSession, Policy, Refresh, Requirement, Revoke,
    client::ClientInfo,
    entropy::SystemEntropy,
    error::Remedy,
    id::SubjectId,
    issuer::{Issued, Sweeper},
    policy::{AbsoluteLifetime, AccessFormat, Credentials},
    store::{MemoryStore, SessionStore},
    token::TokenKeys,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

type Done = Result<(), Box<dyn Error>>;

/// The tool: an issuer, and the tokens of whoever is logged in.
struct Desk {
    issuer: Issuer,
    tokens: Option<Tokens>,
}

struct Tokens {
    access: String,
    refresh: String,
}

/// Where sessions are kept: in memory, so they end with the process.
///
/// `SqliteStore::open(path)` goes here to keep them in a file. Then the token keys and the tokens are to be kept too, where
/// only this user can read them.
fn open_store() -> impl SessionStore {
    MemoryStore::new()
}

impl Desk {
    fn open() -> Result<Self, Box<dyn Error>> {
        // One user, one machine: opaque tokens need no signing key. A login lasts a quarter, or a month without use.
        let policy = Policy::default()
            .credentials(Credentials::Pair(AccessFormat::Opaque))
            .absolute_lifetime(AbsoluteLifetime::After(90 * DAY))
            .idle_timeout(Some(30 * DAY));
        let issuer = Issuer::builder()
            .store(open_store())
            .token_keys(TokenKeys::generate(&SystemEntropy)?)
            .policy(policy)
            .build()?;
        // Nothing runs in the background: what ended long ago goes when the tool starts.
        let swept = block_on(Sweeper::new(issuer.clone()).run_until_clean());
        if let Some(error) = swept.error {
            eprintln!("some old sessions are still there: {error}");
        }
        Ok(Self { issuer, tokens: None })
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
        let client = ClientInfo::new().description("the desktop tool")?;
        let login = NewSession::for_subject(SubjectId::new(name)?).client(client);
        let issued = block_on(self.issuer.create(login))?;
        println!("hello, {name}");
        self.keep(&issued);
        Ok(())
    }

    fn whoami(&mut self) -> Done {
        let tokens = self.tokens.as_ref().ok_or("nobody is logged in")?;
        match block_on(self.issuer.check(tokens.access.as_str().into(), &Requirement::new())) {
            Ok(checked) => println!("{}, for session {}", checked.subject()?, checked.session_id()),
            // Access tokens are short-lived: a tool that was left alone for a while gets the next pair, and asks again.
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
        self.keep(&issued);
        Ok(())
    }

    fn logout(&mut self) -> Done {
        let tokens = self.tokens.take().ok_or("nobody is logged in")?;
        block_on(self.issuer.revoke(Revoke::token(&tokens.refresh)))?;
        let left = block_on(self.issuer.check(tokens.access.as_str().into(), &Requirement::new()));
        println!("goodbye; the old token is {}", left.map_or_else(|error| error.code(), |_| "still good"));
        Ok(())
    }

    fn keep(&mut self, issued: &Issued) {
        let refresh = issued.refresh_token().unwrap_or_default().to_owned();
        self.tokens = Some(Tokens { access: issued.token().to_owned(), refresh });
    }
}

fn main() -> Done {
    let mut desk = Desk::open()?;
    let words = std::env::args().skip(1).collect::<Vec<_>>().join(" ");
    if !words.is_empty() {
        return words.split(',').try_for_each(|command| desk.obey(command));
    }
    for line in std::io::stdin().lock().lines() {
        if let Err(error) = desk.obey(&line?) {
            println!("{error}");
        }
    }
    Ok(())
}
