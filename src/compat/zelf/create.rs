//! A device's session: made, or found.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{
    ApiError, Caller, Service,
    status::{broken, invalid, mistyped},
};
use crate::{
    NewSession,
    client::ClientInfo,
    compat::{Field, exposed, from_object, redacted},
    error::{Error, ErrorKind, InputField, InvalidInput, Operation},
    id::{DeviceId, check_text},
    metadata::{HostClaims, Metadata},
    secret::Secret,
};

/// The types that a session may have.
pub const TYPES: [&str; 4] = ["createWallet", "decryptWallet", "importWallet", "general"];

/// Where a session's type is kept.
pub(super) const TYPE: &str = "type";
/// Where it is kept whether a session is a web extension's.
pub(super) const IS_WEB_EXTENSION: &str = "isWebExtension";

impl Service {
    /// `POST /api/sessions`: the session of the calling device, made where it has none.
    ///
    /// One that is found keeps its window, and the type, domain and flag that it was made with.
    ///
    /// # Errors
    /// 403 `{error: "rejected"}` without origin or address; 409 `{validationError}` for a broken
    /// rule; 500 `{error}` when a part did not answer. Nothing is stored then, and no token handed
    /// out.
    pub async fn create_session(
        &self,
        caller: &Caller,
        request: CreateSession,
    ) -> Result<CreateSessionResponse, ApiError> {
        self.admits(caller)?;
        let new = checked(caller, &request)?;
        let issued = self.issuer.create(new).await?;
        let view = issued.session();
        let expires_at = view.ends_at().ok_or_else(|| {
            Error::new(ErrorKind::InvalidConfiguration, Operation::Create)
                .with_source("the issuer's policy has sessions without an end")
        })?;
        Ok(CreateSessionResponse {
            data: SessionData {
                token: issued.token().into(),
                activated_at: view.created_at().as_secs(),
                expires_at: expires_at.as_secs(),
            },
        })
    }
}

/// The body of `POST /api/sessions`.
#[derive(Clone, Default)]
#[non_exhaustive]
pub struct CreateSession {
    /// Names the device: 1 to 200 characters; the client's address when absent or empty.
    pub identifier: Field<String>,
    /// The domain of the `domain` claim: 1 to 200 characters; `zelf` when absent or empty.
    pub domain: Field<String>,
    /// The caller is a web extension; false when absent.
    pub is_web_extension: Field<bool>,
    /// What the session is for: one of [`TYPES`]; `general` when absent.
    pub r#type: Field<String>,
    /// Ends the device's session, if it has one, and begins another; false when absent.
    pub kill_session: Field<bool>,
}

redacted!(CreateSession);
from_object!(CreateSession {
    identifier: "identifier",
    domain: "domain",
    is_web_extension: "isWebExtension",
    r#type: "type",
    kill_session: "killSession"
});

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
    /// When it ends: seconds since the epoch, 600 later under
    /// [`Policy::zelf`](crate::Policy::zelf).
    pub expires_at: i64,
}

/// The session that a request asks for, or the first rule that it breaks.
fn checked(caller: &Caller, request: &CreateSession) -> Result<NewSession, ApiError> {
    let given = |path, text: &Field<String>| {
        let text = text.nullable().map_err(|got| mistyped("string", path, got))?;
        Ok::<_, ApiError>(text.filter(|text| !text.is_empty()).cloned())
    };
    let flag = |path, flag: &Field<bool>| {
        let flag = flag.nullable().map_err(|got| mistyped("Boolean", path, got))?;
        Ok::<_, ApiError>(flag.copied().unwrap_or_default())
    };
    let ip = caller.ip.map(|ip| ip.to_string());
    let identifier = given("identifier", &request.identifier)?.or_else(|| ip.clone());
    let identifier = identifier.ok_or_else(|| {
        invalid("Session validation failed: identifier: Path `identifier` is required.")
    })?;
    let domain = given("domain", &request.domain)?.unwrap_or_else(|| "zelf".to_owned());
    check_text(InputField::Host("identifier"), &identifier)
        .and(check_text(InputField::Host("domain"), &domain))
        .map_err(broken)?;
    let kind = request.r#type.nullable().map_err(|got| mistyped("string", "type", got))?;
    let kind = kind.map_or("general", String::as_str);
    if !TYPES.contains(&kind) {
        return Err(invalid(
            "Session validation failed: type: the value is not a valid enum value for path `type`.",
        ));
    }
    let is_web_extension = flag("isWebExtension", &request.is_web_extension)?.to_string();
    let kill_session = flag("killSession", &request.kill_session)?;
    let metadata = Metadata::of([(TYPE, kind), (IS_WEB_EXTENSION, &is_web_extension)]);
    let device = device(ip.as_deref(), &identifier).map_err(broken)?;
    // By which all sessions of an identifier are found when one of them is used up.
    let mut client = ClientInfo::new().with_fingerprint(&identifier).checked().map_err(broken)?;
    if let Some(ip) = caller.ip {
        client = client.with_ip(ip);
    }
    let claims = claims(domain, identifier, ip).map_err(broken)?;
    let new = NewSession::for_device(device)
        .client(client)
        .metadata(metadata.map_err(broken)?)
        .claims(claims);
    Ok(if kill_session { new.replace_device() } else { new })
}

/// The device of an address and an identifier. A hash, since together they may be longer than a
/// device id.
fn device(ip: Option<&str>, identifier: &str) -> Result<DeviceId, InvalidInput> {
    let ip = ip.unwrap_or_default();
    let mut hash = Sha256::new();
    // No address is longer than 255 bytes, so where it ends is never in doubt.
    hash.update([u8::try_from(ip.len()).unwrap_or(u8::MAX)]);
    hash.update(ip);
    hash.update(identifier);
    DeviceId::new(format!("zelf.{}", URL_SAFE_NO_PAD.encode(hash.finalize())))
}

fn claims(
    domain: String,
    identifier: String,
    ip: Option<String>,
) -> Result<HostClaims, InvalidInput> {
    HostClaims::of([
        ("domain", domain.into()),
        ("ethAddress", Value::Null),
        ("identifier", identifier.into()),
        ("ip", ip.into()),
        ("tagName", Value::Null),
    ])
}
