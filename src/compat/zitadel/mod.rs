//! ZITADEL's session service, v2alpha: a session grown by checks (flow C).
//!
//! Build the issuer with [`Policy::zitadel`](crate::Policy::zitadel), a directory and a verifier. This is the API as its
//! first version has it: user and password checks, and metadata. Lifetimes and user agents came with v2. What happens at a
//! creation: [`guide::flows`](crate::guide::flows). The other calls are not there yet.
//!
//! # Security
//! ZITADEL tells an unknown user from a wrong password, by its answer and by its time. Here, a request with a password
//! has one answer for everything that is wrong with the pair, unless the service is made [`Answers::Precise`]; the
//! verifier works for unknown users too; and the precise kind is always in [`ApiError::cause`](super::ApiError::cause).

use std::collections::BTreeMap;

use base64::{
    Engine, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use serde::{Deserialize, Serialize, Serializer};

use super::{exposed, redacted, secret};
use crate::{
    Issuer, NewSession, Timestamp,
    error::{Error, ErrorClass, ErrorKind, InvalidInput, Problem},
    factor::{Check, MAX_CHECK_CHARS},
    id::{CreatorId, SessionId, SubjectId},
    metadata::Metadata,
    secret::Secret,
};

/// An error as ZITADEL's gateway answers it.
pub type ApiError = super::ApiError<ErrorBody>;

/// `POST /v2alpha/sessions`: a session with the factors that its checks prove.
///
/// `userId` and `loginName` exclude each other in ZITADEL's schema, and its own page sends both: both are taken when
/// they name one user.
///
/// # Errors
/// `INVALID_ARGUMENT` (400) for a broken rule, a password without a user, a wrong password; `NOT_FOUND` (404) and
/// `FAILED_PRECONDITION` (400) for a user that is unknown or not active, where no password is given;
/// `UNAVAILABLE` (503) when a part did not answer. Nothing is stored then.
pub async fn create_session(
    service: &Service,
    caller: &Caller,
    request: CreateSession,
) -> Result<CreateSessionResponse, ApiError> {
    let has_password = request.checks.as_ref().is_some_and(|checks| checks.password.is_some());
    let refused = |error| refused(error, has_password, service.answers);
    let new = checked(request)?
        .creator(caller.creator.clone())
        .resource_owner(&caller.resource_owner)
        .map_err(|input| refused(input.into()))?;
    let issued = service.issuer.create(new).await.map_err(refused)?;
    let view = issued.session();
    let owner = view.session().and_then(|session| session.resource_owner());
    Ok(CreateSessionResponse {
        details: Details {
            sequence: view.version(),
            change_date: view.created_at(),
            resource_owner: owner.unwrap_or(&caller.resource_owner).to_owned(),
        },
        session_id: view.id(),
        session_token: issued.token().into(),
    })
}

/// An issuer that answers as ZITADEL.
#[derive(Debug, Clone)]
pub struct Service {
    issuer: Issuer,
    answers: Answers,
}

impl Service {
    /// This issuer, with [`Answers::Alike`].
    pub fn new(issuer: Issuer) -> Self {
        Self { issuer, answers: Answers::Alike }
    }

    /// How much a failed login tells.
    #[must_use]
    pub fn answers(mut self, answers: Answers) -> Self {
        self.answers = answers;
        self
    }
}

/// How much the answer to a failed login tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Answers {
    /// Unknown, inactive, locked, or a wrong password: one answer, that of a wrong password.
    Alike,
    /// ZITADEL's own ids and codes. Whoever may call can find out who has an account: for trusted login servers.
    Precise,
}

/// Who calls ZITADEL, and which organisation owns what the call makes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    creator: CreatorId,
    resource_owner: String,
}

impl Caller {
    /// This user or service account, of this organisation (1 to 200 characters).
    pub fn new(creator: CreatorId, resource_owner: &str) -> Result<Self, InvalidInput> {
        crate::id::check_text("resource owner", resource_owner)?;
        Ok(Self { creator, resource_owner: resource_owner.to_owned() })
    }
}

/// The body of `POST /v2alpha/sessions`.
#[derive(Default, Deserialize)]
#[non_exhaustive]
pub struct CreateSession {
    /// What is to be proved. Without it, the session is about nobody yet.
    pub checks: Option<Checks>,
    /// What to keep on the session. Values in base64, at most 4 KiB each; keys of 1 to 200 characters; 64 entries and
    /// 16 KiB in all. An empty value sets nothing.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// Checks, of which each becomes a factor when it passes.
#[derive(Default, Deserialize)]
#[non_exhaustive]
pub struct Checks {
    /// Whom the session is about.
    pub user: Option<CheckUser>,
    /// The user's password. Needs `user`.
    pub password: Option<CheckPassword>,
}

/// A user, by id or by login name.
#[derive(Clone, Default, Deserialize)]
#[non_exhaustive]
pub struct CheckUser {
    /// The user's id: 1 to 200 characters.
    #[serde(rename = "userId", alias = "user_id")]
    pub user_id: Option<String>,
    /// The name that the user logs in with: 1 to 200 characters.
    #[serde(rename = "loginName", alias = "login_name")]
    pub login_name: Option<String>,
}

/// A password.
#[derive(Default, Deserialize)]
#[non_exhaustive]
pub struct CheckPassword {
    /// The password: 1 to 200 characters.
    #[serde(default, deserialize_with = "secret")]
    pub password: Option<Secret>,
}

redacted!(CreateSession, Checks, CheckUser, CheckPassword);

/// The answer to `POST /v2alpha/sessions`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CreateSessionResponse {
    /// What happened to the session.
    pub details: Details,
    /// The session's id: a UUID. Not a credential.
    pub session_id: SessionId,
    /// Needed for every later update of the session, and replaced by it.
    #[serde(serialize_with = "exposed")]
    pub session_token: Secret,
}

/// What happened to an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Details {
    /// The session's version; a string in JSON, as protobuf writes 64 bits.
    #[serde(serialize_with = "uint64")]
    pub sequence: u64,
    /// When the change happened. RFC 3339 in JSON, in UTC, with milliseconds where they are not zero.
    #[serde(serialize_with = "date_time")]
    pub change_date: Timestamp,
    /// The organisation that owns the session: the directory's word, or else the caller's.
    pub resource_owner: String,
}

/// The body of an error, as gRPC's gateway writes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErrorBody {
    /// The gRPC code: 3 for `INVALID_ARGUMENT`, 5 for `NOT_FOUND`, 9 for `FAILED_PRECONDITION`.
    pub code: u8,
    /// The message, with the error's id where it has one.
    pub message: String,
    /// The error's id and message, each once; empty for a broken rule of the schema.
    pub details: Vec<ErrorDetail>,
}

/// ZITADEL's own part of an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ErrorDetail {
    /// `type.googleapis.com/zitadel.v1.ErrorDetail`.
    #[serde(rename = "@type")]
    pub type_url: &'static str,
    /// The error's id, such as `COMMAND-SAF3g`.
    pub id: &'static str,
    /// The error's key, such as `Errors.User.Password.Invalid`; a host translates it.
    pub message: &'static str,
}

/// The session that a request asks for, or the first rule that it breaks.
fn checked(request: CreateSession) -> Result<NewSession, ApiError> {
    let Checks { user, password } = request.checks.unwrap_or_default();
    let mut new = match user {
        None => NewSession::anonymous(),
        Some(CheckUser { user_id: None, login_name: None }) => {
            return Err(invalid("Checks.User", "CheckUser.Search", "value is required"));
        }
        Some(CheckUser { user_id, login_name }) => {
            let id = user_id.map(SubjectId::new).transpose();
            let id = id.map_err(|input| out_of_bounds("Checks.User", "CheckUser.UserId", input))?;
            let name = login_name.as_deref().map(Check::login_name).transpose();
            let name = name.map_err(|input| out_of_bounds("Checks.User", "CheckUser.LoginName", input))?;
            match (id, name) {
                // The login name is looked up, and what it finds must be the user of that id.
                (Some(id), Some(name)) => NewSession::for_subject(id).check(name),
                (id, name) => NewSession::from_checks(id.map(Check::subject).or(name)),
            }
        }
    };
    if let Some(CheckPassword { password }) = password {
        let password = Check::password(password.as_ref().map(Secret::expose).unwrap_or_default());
        new = new.check(
            password.map_err(|input| out_of_bounds("Checks.Password", "CheckPassword.Password", input))?,
        );
    }
    let mut metadata = Metadata::new();
    for (key, value) in request.metadata.unwrap_or_default() {
        let value = bytes(&value).ok_or_else(|| invalid_metadata("a value is not base64"))?;
        metadata.set(&key, value).map_err(|input| invalid_metadata(&input.to_string()))?;
    }
    Ok(new.metadata(metadata))
}

/// Bytes as protobuf's JSON takes them: either alphabet, with or without padding.
fn bytes(text: &str) -> Option<Vec<u8>> {
    const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true);
    let alphabet = match text.contains(['-', '_']) {
        true => &alphabet::URL_SAFE,
        false => &alphabet::STANDARD,
    };
    GeneralPurpose::new(alphabet, LENIENT).decode(text).ok()
}

fn out_of_bounds(parent: &str, field: &str, input: InvalidInput) -> ApiError {
    match input.problem {
        Problem::Empty | Problem::TooLong(_) => {
            let rule = format!("value length must be between 1 and {MAX_CHECK_CHARS} runes, inclusive");
            invalid(parent, field, &rule)
        }
        problem => invalid(parent, field, &format!("value {problem}")),
    }
}

/// A broken rule of the schema, named from the outermost message to the field.
fn invalid(parent: &str, field: &str, rule: &str) -> ApiError {
    let path = |name: &str| format!("invalid {name}: embedded message failed validation | caused by: ");
    let message = format!("{}{}invalid {field}: {rule}", path("CreateSessionRequest.Checks"), path(parent));
    ApiError::new(400, ErrorBody { code: 3, message, details: Vec::new() })
}

fn invalid_metadata(rule: &str) -> ApiError {
    let message = format!("invalid CreateSessionRequest.Metadata: {rule}");
    ApiError::new(400, ErrorBody { code: 3, message, details: Vec::new() })
}

/// An error of ZITADEL's own: gRPC code, HTTP status, id, key.
struct Known(u8, u16, &'static str, &'static str);

const USER_MISSING: Known = Known(3, 400, "COMMAND-Sfw3f", "Errors.User.UserIDMissing");
const USER_UNKNOWN: Known = Known(5, 404, "QUERY-Dfbg2", "Errors.User.NotFound");
const USER_NOT_ACTIVE: Known = Known(9, 400, "SESSION-Gj4ko", "Errors.User.NotActive");
const USER_LOCKED: Known = Known(9, 400, "COMMAND-JLK35", "Errors.User.Locked");
const NO_PASSWORD: Known = Known(9, 400, "COMMAND-3nJ4t", "Errors.User.Password.NotSet");
const WRONG_PASSWORD: Known = Known(3, 400, "COMMAND-SAF3g", "Errors.User.Password.Invalid");

/// How ZITADEL shows an error of the issuer.
fn refused(error: Error, has_password: bool, answers: Answers) -> ApiError {
    let kind = error.kind();
    let known = match (kind, has_password, answers) {
        (
            ErrorKind::SubjectUnknown
            | ErrorKind::SubjectDisabled
            | ErrorKind::SubjectLocked
            | ErrorKind::SubjectChange
            | ErrorKind::FactorNotSetUp
            | ErrorKind::FactorNotReady,
            true,
            Answers::Alike,
        )
        | (ErrorKind::CheckFailed, ..) => Some(WRONG_PASSWORD),
        (ErrorKind::SubjectUnknown, ..) => Some(USER_UNKNOWN),
        (ErrorKind::SubjectLocked, true, _) => Some(USER_LOCKED),
        (ErrorKind::SubjectDisabled | ErrorKind::SubjectLocked, ..) => Some(USER_NOT_ACTIVE),
        (ErrorKind::FactorNotSetUp | ErrorKind::FactorNotReady, ..) => Some(NO_PASSWORD),
        (ErrorKind::SubjectMissing, ..) => Some(USER_MISSING),
        _ => None,
    };
    let shown = match (known, error.class()) {
        (Some(Known(code, status, id, key)), _) => {
            let type_url = "type.googleapis.com/zitadel.v1.ErrorDetail";
            let details = vec![ErrorDetail { type_url, id, message: key }];
            ApiError::new(status, ErrorBody { code, message: format!("{key} ({id})"), details })
        }
        (None, _) if kind == ErrorKind::SubjectChange => {
            invalid("Checks.User", "CheckUser.Search", "userId and loginName name different users")
        }
        (None, ErrorClass::Rejected) => {
            let public = error.public();
            let code = match public.http_status {
                401 => 16,
                403 => 7,
                404 => 5,
                409 | 429 => 8,
                _ => 3,
            };
            bare(public.http_status, code, public.message)
        }
        (None, ErrorClass::Unavailable) => bare(503, 14, "The service is busy. Try again."),
        (None, _) => bare(500, 13, "An internal error occurred"),
    };
    shown.caused_by(error)
}

fn bare(status: u16, code: u8, message: &str) -> ApiError {
    ApiError::new(status, ErrorBody { code, message: message.to_owned(), details: Vec::new() })
}

fn uint64<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

/// Protobuf's form of an instant: a fraction of three digits, or none.
fn date_time<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    let whole = Timestamp::from_secs(at.as_secs()).to_string();
    match (at.as_millis().rem_euclid(1000), whole.strip_suffix('Z')) {
        (1.., Some(date)) => {
            serializer.collect_str(&format_args!("{date}.{:03}Z", at.as_millis().rem_euclid(1000)))
        }
        _ => serializer.serialize_str(&whole),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_in_either_alphabet_and_with_or_without_padding() {
        assert_eq!(bytes("aGVsbG8="), Some(b"hello".to_vec()));
        assert_eq!(bytes("aGVsbG8"), Some(b"hello".to_vec()));
        assert_eq!(bytes("-_8"), Some(vec![0xfb, 0xff]));
        assert_eq!(bytes("+/8="), Some(vec![0xfb, 0xff]));
        assert_eq!(bytes(""), Some(Vec::new()));
        assert!(bytes("a b").is_none() && bytes("+_8").is_none() && bytes("a").is_none());
    }

    #[test]
    fn details_are_written_as_protobuf_writes_them() {
        let details = |millis| {
            let change_date = Timestamp::from_millis(millis);
            let details = Details { sequence: u64::MAX, change_date, resource_owner: "acme".to_owned() };
            serde_json::to_string(&details).unwrap()
        };
        assert_eq!(
            details(1_749_743_895_070),
            r#"{"sequence":"18446744073709551615","changeDate":"2025-06-12T15:58:15.070Z","resourceOwner":"acme"}"#
        );
        assert!(details(1_749_743_895_000).contains(r#""2025-06-12T15:58:15Z""#));
    }
}
