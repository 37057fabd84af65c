//! The challenges of a request, and of an answer.

use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::proto::{message, numbered};
use crate::{compat::redacted, secret::Secret};

/// The challenges that a request asks for. Made once all its checks have passed; each takes the
/// slot of its kind, and the one before is dead.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RequestChallenges {
    /// For a passkey or security key.
    #[serde(default, deserialize_with = "message", rename = "webAuthN", alias = "web_auth_n")]
    pub web_auth_n: Option<RequestWebAuthN>,
    /// A code by SMS.
    #[serde(default, deserialize_with = "message", alias = "otp_sms")]
    pub otp_sms: Option<RequestOtpSms>,
    /// A code by email.
    #[serde(default, deserialize_with = "message", alias = "otp_email")]
    pub otp_email: Option<RequestOtpEmail>,
}

/// A WebAuthn challenge.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RequestWebAuthN {
    /// The domain of the relying party: 1 to 200 characters. Required.
    pub domain: Option<String>,
    /// Whether the authenticator must verify its user. Required: anything but unspecified.
    #[serde(default, alias = "user_verification_requirement")]
    pub user_verification_requirement: Option<UserVerificationRequirement>,
}

numbered! {
    /// Whether an authenticator verifies its user, by PIN or biometrics.
    UserVerificationRequirement {
        /// Nothing is said. Not allowed.
        #[default]
        Unspecified = 0, "USER_VERIFICATION_REQUIREMENT_UNSPECIFIED";
        /// It must: the key is a passkey, and stands for itself.
        Required = 1, "USER_VERIFICATION_REQUIREMENT_REQUIRED";
        /// It does where it can: the key is a second factor.
        Preferred = 2, "USER_VERIFICATION_REQUIREMENT_PREFERRED";
        /// It does not need to: the key is a second factor.
        Discouraged = 3, "USER_VERIFICATION_REQUIREMENT_DISCOURAGED";
    }
}

/// A code by SMS.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RequestOtpSms {
    /// Give the code back, and send nothing. False where it is absent.
    #[serde(alias = "return_code")]
    pub return_code: Option<bool>,
}

/// A code by email: sent with the host's own template unless one of these says otherwise. They
/// exclude each other.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RequestOtpEmail {
    /// Send the code.
    #[serde(default, deserialize_with = "message", alias = "send_code")]
    pub send_code: Option<SendCode>,
    /// Give the code back, and send nothing.
    #[serde(default, deserialize_with = "message", alias = "return_code")]
    pub return_code: Option<ReturnCode>,
}

/// How to send a code.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SendCode {
    /// The template of the address in the email: 1 to 200 characters, such as
    /// `https://example.com/otp/verify?userID={{.UserID}}&code={{.Code}}`. What it may name is the
    /// host's to say.
    #[serde(alias = "url_template")]
    pub url_template: Option<String>,
}

/// Nothing but the wish.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[non_exhaustive]
pub struct ReturnCode {}

redacted!(RequestChallenges, RequestWebAuthN, RequestOtpSms, RequestOtpEmail, SendCode);

/// The challenges that were made, as far as the caller may see them.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Challenges {
    /// For the browser.
    #[serde(rename = "webAuthN", skip_serializing_if = "Option::is_none")]
    pub web_auth_n: Option<WebAuthNChallenge>,
    /// The code by SMS, where it was to be given back.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "code")]
    pub otp_sms: Option<Secret>,
    /// The code by email, where it was to be given back.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "code")]
    pub otp_email: Option<Secret>,
}

/// A WebAuthn challenge for the browser.
#[derive(Clone, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WebAuthNChallenge {
    /// What `navigator.credentials.get` takes: an object with `publicKey`.
    pub public_key_credential_request_options: Value,
}

redacted!(WebAuthNChallenge);

fn code<S: Serializer>(code: &Option<Secret>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(code.as_ref().map(Secret::expose).unwrap_or_default())
}
