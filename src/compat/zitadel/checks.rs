//! What a request wants proved, as ZITADEL writes it.

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{
    ApiError,
    error::{LENGTH, invalid},
    proto::message,
};
use crate::{
    compat::{redacted, secret},
    error::{InputField, InvalidInput, Problem},
    factor::{Check, MAX_ASSERTION_BYTES},
    id::SubjectId,
    secret::Secret,
};

/// Checks, of which each becomes a factor when it passes. They run in the order of the fields, whatever their order in the
/// request; the first that fails ends the call, and nothing of it is stored on the session.
///
/// All but `user` need a user: of the same request, or checked earlier. v2alpha's names of codes (`totp`, `otp`) are read
/// as well as the later ones (`code`).
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Checks {
    /// Whom the session is about. A session's user never changes; the same user again is stamped again.
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
/// They exclude each other in ZITADEL's schema, and its own page sends both: both are taken when they name one user.
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

/// Checks that keep every rule of the schema.
#[derive(Default)]
pub(super) struct Asserted {
    pub(super) user: Option<Named>,
    /// In the order in which they run.
    pub(super) proofs: Vec<Check>,
}

/// Whom a request names.
pub(super) enum Named {
    By(Check),
    /// The login name is looked up, and what it finds must be the user of that id.
    Both(SubjectId, Check),
}

impl Checks {
    /// The checks, or the first rule that they break.
    pub(super) fn read(self, request: &str) -> Result<Asserted, ApiError> {
        let Self { user, password, idp_intent, web_auth_n, totp, otp_sms, otp_email, recovery_code } = self;
        let rules = |field: &'static str| Rules { request, field };
        let user = user.map(|user| user.read(rules("User"))).transpose()?;
        let mut proofs = Vec::new();
        if let Some(CheckPassword { password }) = password {
            let check = Check::password(text(&password));
            proofs.push(check.map_err(rules("Password").broken("CheckPassword.Password"))?);
        }
        if let Some(CheckIdpIntent { idp_intent_id, idp_intent_token }) = idp_intent {
            let token = text(&idp_intent_token);
            let check = Check::intent(idp_intent_id.as_deref().unwrap_or_default(), token);
            let field = |input: InvalidInput| match input.field {
                InputField::Intent => rules("IdpIntent").broken("CheckIDPIntent.IdpIntentId")(input),
                _ => rules("IdpIntent").broken("CheckIDPIntent.IdpIntentToken")(input),
            };
            proofs.push(check.map_err(field)?);
        }
        if let Some(CheckWebAuthN { credential_assertion_data }) = web_auth_n {
            let assertion = credential_assertion_data.map(|data| Value::Object(data).to_string());
            let check = Check::web_authn(&assertion.unwrap_or_default());
            proofs.push(check.map_err(rules("WebAuthN").broken("CheckWebAuthN.CredentialAssertionData"))?);
        }
        if let Some(CheckTotp { code }) = totp {
            proofs.push(Check::totp(text(&code)).map_err(rules("Totp").broken("CheckTOTP.Code"))?);
        }
        if let Some(CheckOtp { code }) = otp_sms {
            proofs.push(Check::otp_sms(text(&code)).map_err(rules("OtpSms").broken("CheckOTP.Code"))?);
        }
        if let Some(CheckOtp { code }) = otp_email {
            proofs.push(Check::otp_email(text(&code)).map_err(rules("OtpEmail").broken("CheckOTP.Code"))?);
        }
        if let Some(CheckRecoveryCode { code }) = recovery_code {
            let check = Check::recovery_code(text(&code));
            proofs.push(check.map_err(rules("RecoveryCode").broken("CheckRecoveryCode.Code"))?);
        }
        Ok(Asserted { user, proofs })
    }
}

impl CheckUser {
    fn read(self, rules: Rules<'_>) -> Result<Named, ApiError> {
        let id = self.user_id.map(SubjectId::new).transpose();
        let id = id.map_err(rules.broken("CheckUser.UserId"))?;
        let name = self.login_name.as_deref().map(Check::login_name).transpose();
        let name = name.map_err(rules.broken("CheckUser.LoginName"))?;
        match (id, name) {
            (Some(id), Some(name)) => Ok(Named::Both(id, name)),
            (Some(id), None) => Ok(Named::By(Check::subject(id))),
            (None, Some(name)) => Ok(Named::By(name)),
            (None, None) => Err(rules.invalid("CheckUser.Search", "value is required")),
        }
    }
}

fn text(secret: &Option<Secret>) -> &str {
    secret.as_ref().map(Secret::expose).unwrap_or_default()
}

/// Where a check stands in a request.
#[derive(Clone, Copy)]
struct Rules<'a> {
    request: &'a str,
    field: &'static str,
}

impl Rules<'_> {
    fn invalid(self, field: &str, rule: &str) -> ApiError {
        let (outer, inner) = (format!("{}.Checks", self.request), format!("Checks.{}", self.field));
        invalid(&[&outer, &inner, field], rule)
    }

    /// How a value out of its bounds is told.
    fn broken(self, field: &'static str) -> impl Fn(InvalidInput) -> ApiError {
        move |input| {
            let rule = match (field, input.problem) {
                ("CheckTOTP.Code", _) => "value must be 6 digits".to_owned(),
                ("CheckWebAuthN.CredentialAssertionData", Problem::TooLong(_)) => {
                    format!("value must be at most {MAX_ASSERTION_BYTES} bytes")
                }
                ("CheckWebAuthN.CredentialAssertionData", _) => "value is required".to_owned(),
                (_, Problem::Empty | Problem::TooLong(_)) => LENGTH.to_owned(),
                (_, problem) => format!("value {problem}"),
            };
            self.invalid(field, &rule)
        }
    }
}
