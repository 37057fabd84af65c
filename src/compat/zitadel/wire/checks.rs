//! The checks of a request.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::proto::message;
use crate::{
    compat::{redacted, secret},
    secret::Secret,
};

/// Checks, of which each becomes a factor when it passes. They run in the order of the fields,
/// whatever their order in the request; the first that fails ends the call, and nothing of it is
/// stored on the session.
///
/// All but `user` need a user: of the same request, or checked earlier. v2alpha's names of codes
/// (`totp`, `otp`) are read as well as the later ones (`code`).
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Checks {
    /// Whom the session is about. A session's user never changes; the same user again is stamped
    /// again.
    #[serde(default, deserialize_with = "message")]
    pub user: Option<CheckUser>,
    /// The user's password.
    #[serde(default, deserialize_with = "message")]
    pub password: Option<CheckPassword>,
    /// A finished login at an identity provider.
    #[serde(default, deserialize_with = "message", alias = "idp_intent")]
    pub idp_intent: Option<CheckIdpIntent>,
    /// A passkey or security key. Needs an open challenge.
    #[serde(default, deserialize_with = "message", rename = "webAuthN", alias = "web_auth_n")]
    pub web_auth_n: Option<CheckWebAuthN>,
    /// A code of an authenticator app.
    #[serde(default, deserialize_with = "message")]
    pub totp: Option<CheckTotp>,
    /// A code sent by SMS. Needs an open challenge.
    #[serde(default, deserialize_with = "message", alias = "otp_sms")]
    pub otp_sms: Option<CheckOtp>,
    /// A code sent by email. Needs an open challenge.
    #[serde(default, deserialize_with = "message", alias = "otp_email")]
    pub otp_email: Option<CheckOtp>,
    /// A recovery code. Good once.
    #[serde(default, deserialize_with = "message", alias = "recovery_code")]
    pub recovery_code: Option<CheckRecoveryCode>,
}

/// A user, by id or by login name.
///
/// They exclude each other in ZITADEL's schema, and its own page sends both: both are taken when
/// they name one user.
#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CheckUser {
    /// The user's id: 1 to 200 characters.
    #[serde(alias = "user_id")]
    pub user_id: Option<String>,
    /// The name that the user logs in with: 1 to 200 characters.
    #[serde(alias = "login_name")]
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

/// A finished login at an identity provider. Good once: the host's verifier uses it up.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CheckIdpIntent {
    /// Its id: 1 to 200 characters.
    #[serde(alias = "idp_intent_id")]
    pub idp_intent_id: Option<String>,
    /// Its token: 1 to 200 characters.
    #[serde(default, alias = "idp_intent_token", deserialize_with = "secret")]
    pub idp_intent_token: Option<Secret>,
}

/// A WebAuthn assertion.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct CheckWebAuthN {
    /// The credential as the browser gave it: an object of at most 1 MiB. Required.
    #[serde(alias = "credential_assertion_data")]
    pub credential_assertion_data: Option<Map<String, Value>>,
}

/// A code of an authenticator app.
#[derive(Default, Deserialize)]
#[non_exhaustive]
pub struct CheckTotp {
    /// The code: 6 digits.
    #[serde(default, alias = "totp", deserialize_with = "secret")]
    pub code: Option<Secret>,
}

/// A code sent by SMS or email.
#[derive(Default, Deserialize)]
#[non_exhaustive]
pub struct CheckOtp {
    /// The code: 1 to 200 characters.
    #[serde(default, alias = "otp", deserialize_with = "secret")]
    pub code: Option<Secret>,
}

/// A recovery code.
#[derive(Default, Deserialize)]
#[non_exhaustive]
pub struct CheckRecoveryCode {
    /// The code: 1 to 200 characters.
    #[serde(default, deserialize_with = "secret")]
    pub code: Option<Secret>,
}

redacted!(
    Checks,
    CheckUser,
    CheckPassword,
    CheckIdpIntent,
    CheckWebAuthN,
    CheckTotp,
    CheckOtp,
    CheckRecoveryCode
);
