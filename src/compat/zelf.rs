//! ZELF: the session of a device, made or found (flow E).
//!
//! Build the issuer with [`Policy::zelf`](crate::Policy::zelf): signed tokens of 600 seconds. Asking again gives a fresh
//! token with the same window.
//!
//! A device is an address and an identifier together. ZELF looks for the address alone where no identifier is sent, so
//! that everybody behind one address shares a session, and it hands out tokens for sessions that it could not save
//! where an identifier comes from two addresses. Here the identifier is the address when none is sent, and two
//! addresses are two devices.

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{exposed, redacted};
use crate::{
    Issuer, NewSession,
    client::ClientInfo,
    error::{Error, ErrorClass, ErrorKind, InvalidInput, Operation},
    id::{DeviceId, check_text},
    metadata::{HostClaims, Metadata},
    secret::Secret,
};

/// The types that a session may have.
pub const TYPES: [&str; 4] = ["createWallet", "decryptWallet", "importWallet", "general"];

/// An error as ZELF answers it.
pub type ApiError = super::ApiError<ErrorBody>;

/// `POST /api/sessions`: the session of the calling device, made where it has none.
///
/// # Errors
/// 403 `{error: "rejected"}` without origin or address; 409 `{validationError}` for a broken rule; 500
/// `{error}` when a part did not answer. Nothing is stored then, and no token handed out.
pub async fn create_session(
    service: &Service,
    caller: &Caller,
    request: CreateSession,
) -> Result<CreateSessionResponse, ApiError> {
    if service.strict && (caller.origin.is_none() || caller.ip.is_none()) {
        return Err(ApiError::new(403, ErrorBody::Error("rejected".to_owned())));
    }
    let new = checked(caller, &request)?;
    let issued = service.issuer.create(new).await.map_err(refused)?;
    let view = issued.session();
    let expires_at = view.ends_at().ok_or_else(|| {
        refused(
            Error::new(ErrorKind::InvalidConfiguration, Operation::Create)
                .with_source("the issuer's policy has sessions without an end"),
        )
    })?;
    Ok(CreateSessionResponse {
        data: SessionData {
            token: issued.token().into(),
            activated_at: view.created_at().as_secs(),
            expires_at: expires_at.as_secs(),
        },
    })
}

/// An issuer that answers as ZELF.
#[derive(Debug, Clone)]
pub struct Service {
    issuer: Issuer,
    strict: bool,
}

impl Service {
    /// This issuer, as ZELF in production: no origin or no address, no session.
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, strict: true }
    }

    /// As ZELF in development: callers without origin or address are answered too.
    #[must_use]
    pub fn development(mut self) -> Self {
        self.strict = false;
        self
    }
}

/// Where a call to ZELF comes from. Nobody is authenticated.
#[derive(Clone, Default)]
pub struct Caller {
    origin: Option<String>,
    ip: Option<IpAddr>,
}

impl Caller {
    /// From nowhere known.
    pub fn new() -> Self {
        Self::default()
    }

    /// The `origin` header; an empty one counts as none.
    #[must_use]
    pub fn origin(mut self, origin: &str) -> Self {
        self.origin = (!origin.is_empty()).then(|| origin.to_owned());
        self
    }

    /// The client's address, as the host trusts it. An IPv4 address in IPv6 form is the IPv4 address.
    #[must_use]
    pub fn ip(mut self, ip: IpAddr) -> Self {
        self.ip = Some(ip.to_canonical());
        self
    }
}

/// The body of `POST /api/sessions`.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateSession {
    /// Names the device: 1 to 200 characters; the client's address when absent or empty.
    pub identifier: Option<String>,
    /// The domain of the `domain` claim: 1 to 200 characters; `zelf` when absent or empty.
    pub domain: Option<String>,
    /// The caller is a web extension; false when absent.
    pub is_web_extension: Option<bool>,
    /// What the session is for: one of [`TYPES`]; `general` when absent.
    pub r#type: Option<String>,
    /// Ends the device's session, if it has one, and begins another; false when absent.
    pub kill_session: Option<bool>,
}

redacted!(CreateSession, Caller);

/// The answer to `POST /api/sessions`, status 200.
#[derive(Debug, Serialize)]
#[non_exhaustive]
pub struct CreateSessionResponse {
    /// The session.
    pub data: SessionData,
}

/// A session's token, and its window.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionData {
    /// The session's token: a JWT.
    #[serde(serialize_with = "exposed")]
    pub token: Secret,
    /// When the session began: seconds since the epoch.
    pub activated_at: i64,
    /// When it ends: seconds since the epoch, 600 later under [`Policy::zelf`](crate::Policy::zelf).
    pub expires_at: i64,
}

/// The body of an error: one member, whose name says whose fault it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ErrorBody {
    /// A field breaks a rule.
    ValidationError(String),
    /// Anything else.
    Error(String),
}

/// The session that a request asks for, or the first rule that it breaks.
fn checked(caller: &Caller, request: &CreateSession) -> Result<NewSession, ApiError> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let ip = caller.ip.map(|ip| ip.to_string());
    let identifier = given(&request.identifier).or_else(|| ip.clone());
    let identifier = identifier
        .ok_or_else(|| invalid("Session validation failed: identifier: Path `identifier` is required."))?;
    let domain = given(&request.domain).unwrap_or_else(|| "zelf".to_owned());
    check_text("identifier", &identifier).and(check_text("domain", &domain)).map_err(broken)?;
    let kind = request.r#type.as_deref().unwrap_or("general");
    if !TYPES.contains(&kind) {
        return Err(invalid(
            "Session validation failed: type: the value is not a valid enum value for path `type`.",
        ));
    }
    let flag = if request.is_web_extension.unwrap_or(false) { "true" } else { "false" };
    let metadata =
        Metadata::new().with("type", kind).and_then(|metadata| metadata.with("isWebExtension", flag));
    let device = device(ip.as_deref(), &identifier).map_err(broken)?;
    let claims = claims(domain, identifier, ip).map_err(broken)?;
    let client = caller.ip.map_or(ClientInfo::new(), |ip| ClientInfo::new().with_ip(ip));
    let new =
        NewSession::for_device(device).client(client).metadata(metadata.map_err(broken)?).claims(claims);
    Ok(if request.kill_session.unwrap_or(false) { new.replace_device() } else { new })
}

/// The device of an address and an identifier. A hash, since together they may be longer than a device id.
fn device(ip: Option<&str>, identifier: &str) -> Result<DeviceId, InvalidInput> {
    let ip = ip.unwrap_or_default();
    let mut hash = Sha256::new();
    // No address is longer than 255 bytes, so where it ends is never in doubt.
    hash.update([u8::try_from(ip.len()).unwrap_or(u8::MAX)]);
    hash.update(ip);
    hash.update(identifier);
    DeviceId::new(format!("zelf.{}", URL_SAFE_NO_PAD.encode(hash.finalize())))
}

fn claims(domain: String, identifier: String, ip: Option<String>) -> Result<HostClaims, InvalidInput> {
    HostClaims::new()
        .with("domain", domain)?
        .with("ethAddress", Value::Null)?
        .with("identifier", identifier)?
        .with("ip", ip)?
        .with("tagName", Value::Null)
}

fn broken(input: InvalidInput) -> ApiError {
    invalid(&format!("Session validation failed: {}: {}.", input.field, input.problem))
}

fn invalid(message: &str) -> ApiError {
    ApiError::new(409, ErrorBody::ValidationError(message.to_owned()))
}

/// How ZELF shows an error of the issuer.
fn refused(error: Error) -> ApiError {
    let (status, message) = match error.class() {
        ErrorClass::Rejected => (error.public().http_status, error.public().message),
        ErrorClass::Unavailable => (500, "The service is busy. Try again."),
        _ => (500, "Something went wrong."),
    };
    ApiError::new(status, ErrorBody::Error(message.to_owned())).caused_by(error)
}
