//! What the gateway does to the body of a request.

use serde::de::DeserializeOwned;

use super::{
    ApiError,
    refusals::{Code, Refusal},
    wire::proto::Message,
};

/// A request out of the JSON of a body, as protobuf reads it: for doors that want the gateway's own
/// answer to JSON that does not parse, or has a value of the wrong type. An empty body is an empty
/// request.
///
/// # Errors
/// `INVALID_ARGUMENT` (400). The answer says where, and never repeats what was sent.
///
/// # Examples
/// ```
/// use session_issuer::compat::zitadel::{CreateSession, read};
///
/// read::<CreateSession>(br#"{"checks": {"user": {"user_id": "alice"}}}"#)?;
/// let refused = read::<CreateSession>(br#"{"checks": {"user": {"userId": 7}}}"#).unwrap_err();
/// assert_eq!((refused.status, refused.body.code), (400, 3));
/// # Ok::<(), session_issuer::compat::zitadel::ApiError>(())
/// ```
pub fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    let body = if body.trim_ascii().is_empty() { b"{}" } else { body };
    serde_json::from_slice(body).map(|message: Message<T>| message.0).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "invalid value",
            _ => "syntax error",
        };
        let message = format!("proto: (line {}:{}): {what}", error.line(), error.column());
        Refusal::Plain(Code::InvalidArgument, &message).error()
    })
}
