//! The claims of a signed access token, strictly: written here, and read back here.

use std::{borrow::Cow, fmt, time::Duration};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{
    TokenFault,
    object::Object,
    strict::{Audience, Methods, Str, Strict, once},
};
use crate::{
    actor::MAX_ACTORS,
    clock::{MAX_SIGNED_LIFETIME, Timestamp},
    epoch::Epoch,
    error::ErrorKind,
    factor::{Amr, AssuranceLevel},
    id::{SessionId, SubjectId, TenantId},
    metadata::HostClaims,
};

/// How deep claims may be nested, and how many there may be.
const MAX_DEPTH: usize = 16;
const MAX_CLAIMS: usize = 128;
/// Room for the claims of most tokens.
const USUAL_JSON_BYTES: usize = 512;
/// The last second of the year 9999.
const MAX_SECS: i64 = 253_402_300_799;

/// What a signed access token says.
pub(crate) struct Claims<'a> {
    /// What all tokens of one issuer begin with.
    pub(crate) opening: &'a Opening,
    pub(crate) tenant: &'a TenantId,
    pub(crate) subject: Option<&'a SubjectId>,
    pub(crate) session: SessionId,
    /// Another name under which the session's id is written too.
    pub(crate) session_claim: Option<&'static str>,
    pub(crate) generation: u32,
    pub(crate) epoch: Option<Epoch>,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) token_id: &'a str,
    pub(crate) authenticated_at: Option<Timestamp>,
    pub(crate) amr: Amr,
    pub(crate) level: Option<AssuranceLevel>,
    pub(crate) actors: Option<ActorClaim>,
    pub(crate) host: Option<&'a HostClaims>,
}

/// An actor, with those behind it nested (RFC 8693 section 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct ActorClaim {
    pub(crate) sub: SubjectId,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) epo: Option<Epoch>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) act: Option<Box<ActorClaim>>,
}

impl ActorClaim {
    /// Reads an actor and those behind it, at most so many: objects with members of ours alone.
    fn read(value: Value, most: usize) -> Result<Box<Self>, TokenFault> {
        let fault = TokenFault::invalid("a chain of actors that is not ours");
        let Value::Object(mut members) = value else { return Err(fault) };
        let mut take = |name: &str| members.remove(name);
        let (sub, sid, epo, act) = (take("sub"), take("sid"), take("epo"), take("act"));
        let Some(Value::String(sub)) = sub else { return Err(fault) };
        let sid = match sid {
            None => None,
            Some(Value::String(id)) => Some(id.parse().map_err(|_| fault)?),
            Some(_) => return Err(fault),
        };
        let epo = match epo {
            None => None,
            Some(epoch) => Some(
                epoch.as_i64().filter(|epoch| *epoch >= 0).map(Epoch::from_number).ok_or(fault)?,
            ),
        };
        let act = match act {
            None => None,
            Some(behind) => Some(Self::read(
                behind,
                most.checked_sub(1).filter(|left| *left > 0).ok_or(fault)?,
            )?),
        };
        match members.is_empty() {
            true => {
                Ok(Box::new(Self { sub: SubjectId::new(sub).map_err(|_| fault)?, sid, epo, act }))
            }
            false => Err(fault),
        }
    }
}

impl Claims<'_> {
    /// The claims as a JSON object.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut json = Object(Vec::with_capacity(USUAL_JSON_BYTES));
        json.0.extend_from_slice(&self.opening.0);
        if let Some(subject) = self.subject {
            json.put("sub", subject.as_str())?;
        }
        json.put("iat", &self.issued_at.as_secs())?;
        json.put("nbf", &self.issued_at.as_secs())?;
        json.put("exp", &self.expires_at.as_secs())?;
        json.put_plain("jti", self.token_id);
        let mut buffer = Uuid::encode_buffer();
        json.put_plain("sid", self.session.as_uuid().as_hyphenated().encode_lower(&mut buffer));
        json.put("gen", &self.generation)?;
        if let Some(epoch) = self.epoch {
            json.put("epo", &epoch)?;
        }
        json.put("tenant", self.tenant.as_str())?;
        if let Some(at) = self.authenticated_at {
            json.put("auth_time", &at.as_secs())?;
        }
        if !self.amr.is_empty() {
            json.put("amr", &Words(self.amr))?;
        }
        if let Some(level) = self.level {
            json.put_plain("acr", level.code());
        }
        if let Some(actors) = &self.actors {
            json.put("act", actors)?;
        }
        if let Some(name) = self.session_claim {
            json.put_named(name, &self.session)?;
        }
        for (name, value) in self.host.into_iter().flat_map(HostClaims::iter) {
            // The alias of the session's id is as reserved as the claims above.
            if Some(name) != self.session_claim {
                json.put_named(name, value)?;
            }
        }
        json.0.push(b'}');
        Ok(json.0)
    }
}

/// The issuer's name and its audiences as JSON, without the brace that closes it.
pub(crate) struct Opening(Box<[u8]>);

impl Opening {
    /// `as_text`: one audience is told as plain text.
    pub(crate) fn new(
        issuer: &str,
        audience: &[String],
        as_text: bool,
    ) -> Result<Self, serde_json::Error> {
        let mut json = Object(Vec::new());
        json.put("iss", issuer)?;
        match audience {
            [one] if as_text => json.put("aud", one)?,
            audience => json.put("aud", audience)?,
        }
        Ok(Self(json.open().into()))
    }
}

struct Words(Amr);

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

/// What a token must say to be believed.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    /// One of these must be among the token's audiences.
    pub(crate) audience: &'a [String],
    pub(crate) tenant: &'a TenantId,
    pub(crate) session_claim: Option<&'static str>,
    pub(crate) now: Timestamp,
    /// Its own time may be over.
    pub(crate) may_have_expired: bool,
    /// Tolerance for `nbf` and `iat`; `exp` has none.
    pub(crate) skew: Duration,
    /// How long after `iat` a token is good at most.
    pub(crate) longest: Duration,
}

/// The verified claims of a signed access token.
///
/// Only a signature that held, from a key of the ring, makes one: a skipped check does not compile.
/// `Debug` shows no subject and no claim of the host.
#[derive(Clone)]
pub struct VerifiedClaims {
    pub(crate) subject: Option<SubjectId>,
    pub(crate) session: SessionId,
    pub(crate) generation: u32,
    pub(crate) epoch: Option<Epoch>,
    pub(crate) audience: Vec<String>,
    pub(crate) issued_at: Timestamp,
    pub(crate) expires_at: Timestamp,
    pub(crate) token_id: Box<str>,
    pub(crate) authenticated_at: Option<Timestamp>,
    pub(crate) amr: Amr,
    pub(crate) level: Option<AssuranceLevel>,
    pub(crate) actors: Option<Box<ActorClaim>>,
    pub(crate) host: HostClaims,
}

impl VerifiedClaims {
    #[cfg(feature = "testing")]
    pub(crate) fn of(
        session: SessionId,
        subject: Option<SubjectId>,
        issued_at: Timestamp,
        expires_at: Timestamp,
    ) -> Self {
        Self {
            epoch: subject.is_some().then(|| Epoch::first(issued_at)),
            subject,
            session,
            generation: 1,
            audience: Vec::new(),
            issued_at,
            expires_at,
            token_id: "fixture".into(),
            authenticated_at: None,
            amr: Amr::default(),
            level: None,
            actors: None,
            host: HostClaims::new(),
        }
    }

    /// The subject of the token (`sub`); none for a session without a subject.
    pub fn subject(&self) -> Option<&SubjectId> {
        self.subject.as_ref()
    }

    /// The session it proves (`sid`).
    pub fn session_id(&self) -> SessionId {
        self.session
    }

    /// Its generation in that session (`gen`).
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// The subject's epoch when the session was bound (`epo`).
    pub fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// The services that the token is meant for (`aud`).
    pub fn audience(&self) -> &[String] {
        &self.audience
    }

    /// The time of issue (`iat`), in whole seconds.
    pub fn issued_at(&self) -> Timestamp {
        self.issued_at
    }

    /// From when on it is no longer good (`exp`), in whole seconds.
    pub fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Its own name (`jti`).
    pub fn token_id(&self) -> &str {
        &self.token_id
    }

    /// The time of the latest proof of the subject (`auth_time`), in whole seconds.
    pub fn authenticated_at(&self) -> Option<Timestamp> {
        self.authenticated_at
    }

    /// The methods of authentication (`amr`, RFC 8176).
    pub fn amr(&self) -> Amr {
        self.amr
    }

    /// The assurance of the authentication (`acr`).
    pub fn assurance_level(&self) -> Option<AssuranceLevel> {
        self.level
    }

    /// True when somebody else acts in the subject's place (`act`).
    pub fn is_impersonation(&self) -> bool {
        self.actors.is_some()
    }

    /// The actors in the subject's place (`act`): the nearest first, the root actor last.
    pub fn actors(&self) -> impl Iterator<Item = &str> {
        std::iter::successors(self.actors.as_deref(), |actor| actor.act.as_deref())
            .map(|actor| actor.sub.as_str())
    }

    /// Sessions and epochs of the actors, as the revocation log is asked for them.
    pub(crate) fn actor_claims(&self) -> impl Iterator<Item = &ActorClaim> {
        std::iter::successors(self.actors.as_deref(), |actor| actor.act.as_deref())
    }

    /// The host's own claims.
    pub fn host(&self) -> &HostClaims {
        &self.host
    }
}

impl fmt::Debug for VerifiedClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedClaims")
            .field("session", &self.session)
            .field("generation", &self.generation)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// Reads the payload of a token whose signature has held, and judges it.
pub(crate) fn parse(payload: &[u8], expected: &Expected<'_>) -> Result<VerifiedClaims, TokenFault> {
    let not_ours = TokenFault::invalid("claims that are not ours");
    // Once for all of it, and not once for each text in it.
    let text = std::str::from_utf8(payload).map_err(|_| not_ours)?;
    let raw: Raw<'_> = serde_json::from_str(text).map_err(|_| not_ours)?;
    raw.judge(expected)
}

/// The claims as they stand in the token.
#[derive(Default)]
struct Raw<'a> {
    iss: Option<Cow<'a, str>>,
    sub: Option<Cow<'a, str>>,
    aud: Option<Vec<String>>,
    exp: Option<i64>,
    nbf: Option<i64>,
    iat: Option<i64>,
    jti: Option<Cow<'a, str>>,
    sid: Option<SessionId>,
    r#gen: Option<u32>,
    epo: Option<Epoch>,
    tenant: Option<Cow<'a, str>>,
    auth_time: Option<i64>,
    amr: Option<Amr>,
    acr: Option<Cow<'a, str>>,
    act: Option<Value>,
    host: Map<String, Value>,
}

impl Raw<'_> {
    /// In the order of trust: issuer and tenant, audience, times, then the shape of the names.
    fn judge(self, expected: &Expected<'_>) -> Result<VerifiedClaims, TokenFault> {
        let lacks = TokenFault::invalid("a claim is missing");
        if self.iss.as_deref() != Some(expected.issuer) {
            return Err(TokenFault::invalid("another issuer"));
        }
        if self.tenant.as_deref() != Some(expected.tenant.as_str()) {
            return Err(TokenFault::invalid("another tenant"));
        }
        let audience = self.aud.ok_or(lacks)?;
        if !audience.iter().any(|audience| expected.audience.contains(audience)) {
            return Err(TokenFault { kind: ErrorKind::WrongAudience, what: "another audience" });
        }
        let (issued_at, expires_at) = (instant(self.iat)?, instant(self.exp)?);
        let not_before = instant(self.nbf)?;
        // A policy that has become shorter makes old tokens expire early.
        let is_over = expected.now >= expires_at
            || expected.now >= issued_at.saturating_add(expected.longest);
        if is_over && !expected.may_have_expired {
            return Err(TokenFault { kind: ErrorKind::TokenExpired, what: "exp has passed" });
        }
        let latest = expected.now.saturating_add(expected.skew);
        if not_before > latest || issued_at > latest {
            return Err(TokenFault::invalid("nbf or iat is in the future"));
        }
        let longest = MAX_SIGNED_LIFETIME.saturating_add(Duration::from_secs(1));
        if expires_at <= issued_at || expires_at.since(issued_at) > longest {
            return Err(TokenFault::invalid("a lifetime that is not ours"));
        }
        let token_id = self.jti.filter(|jti| !jti.is_empty() && jti.len() <= 64).ok_or(lacks)?;
        let subject = self.sub.map(SubjectId::new).transpose();
        let actors = self.act.map(|act| ActorClaim::read(act, MAX_ACTORS)).transpose()?;
        let mut host = self.host;
        if let Some(name) = expected.session_claim {
            host.remove(name);
        }
        let level = match self.acr {
            Some(code) => Some(
                AssuranceLevel::from_code(&code).ok_or(TokenFault::invalid("no acr of ours"))?,
            ),
            None => None,
        };
        let subject = subject.map_err(|_| TokenFault::invalid("sub is not a subject"))?;
        if subject.is_some() != self.epo.is_some() || self.epo.is_some_and(|epoch| epoch.get() < 0)
        {
            return Err(TokenFault::invalid("sub and epo go together"));
        }
        Ok(VerifiedClaims {
            subject,
            session: self.sid.ok_or(lacks)?,
            generation: self.r#gen.filter(|generation| *generation > 0).ok_or(lacks)?,
            epoch: self.epo,
            audience,
            issued_at,
            expires_at,
            token_id: token_id.into(),
            authenticated_at: self.auth_time.map(|at| instant(Some(at))).transpose()?,
            amr: self.amr.unwrap_or_default(),
            level,
            actors,
            host: HostClaims::from_verified(host),
        })
    }
}

fn instant(secs: Option<i64>) -> Result<Timestamp, TokenFault> {
    match secs {
        Some(secs @ 0..=MAX_SECS) => Ok(Timestamp::from_secs(secs)),
        Some(_) => Err(TokenFault::invalid("an instant that no clock shows")),
        None => Err(TokenFault::invalid("a claim is missing")),
    }
}

impl<'de> Deserialize<'de> for Raw<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct RawVisitor;

        impl<'de> Visitor<'de> for RawVisitor {
            type Value = Raw<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of claims")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Raw<'de>, A::Error> {
                let mut raw = Raw::default();
                while let Some(name) = map.next_key::<Str<'de>>()? {
                    match &*name.0 {
                        "iss" => once(&mut raw.iss, map.next_value::<Str<'de>>()?.0)?,
                        "sub" => once(&mut raw.sub, map.next_value::<Str<'de>>()?.0)?,
                        "aud" => once(&mut raw.aud, map.next_value::<Audience>()?.0)?,
                        "exp" => once(&mut raw.exp, map.next_value()?)?,
                        "nbf" => once(&mut raw.nbf, map.next_value()?)?,
                        "iat" => once(&mut raw.iat, map.next_value()?)?,
                        "jti" => once(&mut raw.jti, map.next_value::<Str<'de>>()?.0)?,
                        "sid" => once(&mut raw.sid, map.next_value()?)?,
                        "gen" => once(&mut raw.r#gen, map.next_value()?)?,
                        "epo" => once(&mut raw.epo, map.next_value()?)?,
                        "tenant" => once(&mut raw.tenant, map.next_value::<Str<'de>>()?.0)?,
                        "auth_time" => once(&mut raw.auth_time, map.next_value()?)?,
                        "amr" => once(&mut raw.amr, map.next_value::<Methods>()?.0)?,
                        "acr" => once(&mut raw.acr, map.next_value::<Str<'de>>()?.0)?,
                        "act" => once(&mut raw.act, map.next_value_seed(Strict(MAX_DEPTH))?)?,
                        "cnf" | "typ" => return Err(A::Error::custom("a claim that is not ours")),
                        _ if raw.host.len() >= MAX_CLAIMS => {
                            return Err(A::Error::custom("too many claims"));
                        }
                        _ => {
                            let value = map.next_value_seed(Strict(MAX_DEPTH))?;
                            if raw.host.insert(name.0.into_owned(), value).is_some() {
                                return Err(A::Error::custom("a claim that comes twice"));
                            }
                        }
                    }
                }
                Ok(raw)
            }
        }

        deserializer.deserialize_map(RawVisitor)
    }
}
