//! A change of a session.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    client::ClientInfo,
    factor::{Challenge, Check, FactorKind},
    id::{SessionId, SubjectId},
    metadata::HostClaims,
    session::{Epoch, LifetimeChange},
    verifier::Challenger,
};

/// A change of a session, by its token or by the host's own authority.
///
/// # Examples
/// ```
/// use session_issuer::{Update, factor::{Check, FactorKind}};
///
/// let step_up = Update::with_token("ses_s1_...").check(Check::totp("123456")?);
/// let verified_elsewhere = Update::with_token("ses_s1_...").verified_by_host(FactorKind::WebAuthn);
/// let note = Update::with_token("ses_s1_...").metadata("theme", "dark");
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
pub struct Update<'a> {
    pub(in crate::issuer) by: Authority<'a>,
    pub(in crate::issuer) about: Option<SubjectId>,
    pub(in crate::issuer) checks: Vec<Check>,
    pub(in crate::issuer) verified: Vec<FactorKind>,
    pub(in crate::issuer) epoch: Option<Epoch>,
    pub(in crate::issuer) challenges: Vec<Challenge>,
    pub(in crate::issuer) asked: Vec<(FactorKind, Arc<dyn Challenger>)>,
    pub(in crate::issuer) metadata: Vec<(String, Vec<u8>)>,
    pub(in crate::issuer) claims: Option<HostClaims>,
    pub(in crate::issuer) client: Option<ClientInfo>,
    pub(in crate::issuer) lifetime: LifetimeChange,
}

#[derive(Clone, Copy)]
pub(in crate::issuer) enum Authority<'a> {
    Token(&'a str),
    Host(SessionId),
}

impl fmt::Debug for Update<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Update")
            .field("checks", &self.checks)
            .field("lifetime", &self.lifetime)
            .finish_non_exhaustive()
    }
}

impl<'a> Update<'a> {
    /// By whoever holds the session's token: a session token of its exact generation, or an access
    /// token.
    pub fn with_token(token: &'a str) -> Self {
        Self::by(Authority::Token(token))
    }

    /// By the host's own authority. Who may ask for that is the host's to decide.
    pub fn as_host(session: SessionId) -> Self {
        Self::by(Authority::Host(session))
    }

    fn by(by: Authority<'a>) -> Self {
        Self {
            by,
            about: None,
            checks: Vec::new(),
            verified: Vec::new(),
            epoch: None,
            challenges: Vec::new(),
            asked: Vec::new(),
            metadata: Vec::new(),
            claims: None,
            client: None,
            lifetime: LifetimeChange::Keep,
        }
    }

    /// A check to run. They run in their fixed order; if one fails, nothing of the call is stored
    /// on the session.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// Where the session has no subject yet, the check that names one must name this one.
    ///
    /// For a request that names its subject twice, by login name and by id: the directory finds the
    /// one, and `SubjectChange` refuses an answer that is not the other. A session that has a
    /// subject keeps it.
    ///
    /// # Examples
    /// ```
    /// use session_issuer::{Update, factor::Check, id::SubjectId};
    ///
    /// let name = Check::login_name("alice@example.com")?;
    /// let update = Update::with_token("ses_s1_...").check(name).about(SubjectId::new("alice")?);
    /// # Ok::<(), session_issuer::error::InvalidInput>(())
    /// ```
    #[must_use]
    pub fn about(mut self, subject: SubjectId) -> Self {
        self.about = Some(subject);
        self
    }

    /// The host has verified this factor of the subject itself, just now.
    #[must_use]
    pub fn verified_by_host(mut self, kind: FactorKind) -> Self {
        self.verified.push(kind);
        self
    }

    /// The subject's epoch, read before the host verified its credential.
    #[must_use]
    pub fn epoch(mut self, epoch: Epoch) -> Self {
        self.epoch = Some(epoch);
        self
    }

    /// A challenge to keep until it is answered. It takes the slot of its kind.
    #[must_use]
    pub fn challenge(mut self, challenge: Challenge) -> Self {
        self.challenges.push(challenge);
        self
    }

    /// A challenge to make once the checks have passed, and to keep until it is answered: for the
    /// subject that this call or the session names.
    #[must_use]
    pub fn ask(mut self, kind: FactorKind, challenger: Arc<dyn Challenger>) -> Self {
        self.asked.push((kind, challenger));
        self
    }

    /// Sets one entry of the metadata; an empty value removes it.
    #[must_use]
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<Vec<u8>>) -> Self {
        self.metadata.push((key.into(), value.into()));
        self
    }

    /// The host's claims as they shall be, for all later access tokens.
    #[must_use]
    pub fn claims(mut self, claims: HostClaims) -> Self {
        self.claims = Some(claims);
        self
    }

    /// The client that the session lives in now.
    #[must_use]
    pub fn client(mut self, client: ClientInfo) -> Self {
        self.client = Some(client);
        self
    }

    /// How long the session lives from now on: above zero, and at most what the policy allows from
    /// its last proof, or from its birth (of a request token: from its opening). By an access
    /// token, no longer than it would.
    #[must_use]
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = LifetimeChange::Set(lifetime);
        self
    }

    /// Leaves the end where it is, whatever the call proves; without this, a proof starts the
    /// session's lifetime anew. Under a [single-factor
    /// lifetime](crate::Policy::single_factor_lifetime), a proof always does.
    #[must_use]
    pub fn keep_end(mut self) -> Self {
        self.lifetime = LifetimeChange::KeepEnd;
        self
    }

    /// Takes a lifetime back, where the policy knows sessions without an end.
    #[must_use]
    pub fn clear_lifetime(mut self) -> Self {
        self.lifetime = LifetimeChange::Clear;
        self
    }
}
