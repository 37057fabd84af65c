//! The checks of a request, against the rules of the schema.

use serde_json::Value;

use super::{
    ApiError, CheckIdpIntent, CheckOtp, CheckPassword, CheckRecoveryCode, CheckTotp, CheckUser,
    CheckWebAuthN, Checks, fields::LENGTH, refusals::Refusal,
};
use crate::{
    error::{InputField, InvalidInput, Problem},
    factor::{Check, MAX_ASSERTION_BYTES},
    id::SubjectId,
    secret::Secret,
};

/// Checks that keep every rule of the schema.
#[derive(Default)]
pub(super) struct Asserted {
    pub(super) user: Option<NamedUser>,
    /// In the order in which they run.
    pub(super) proofs: Vec<Check>,
}

/// Whom a request names.
pub(super) enum NamedUser {
    By(Check),
    /// The login name is looked up, and what it finds must be the user of that id.
    Both(SubjectId, Check),
}

impl Checks {
    /// The checks, or the first rule that they break.
    pub(super) fn read(self, request: &str) -> Result<Asserted, ApiError> {
        let Self {
            user,
            password,
            idp_intent,
            web_auth_n,
            totp,
            otp_sms,
            otp_email,
            recovery_code,
        } = self;
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
                InputField::Intent => {
                    rules("IdpIntent").broken("CheckIDPIntent.IdpIntentId")(input)
                }
                _ => rules("IdpIntent").broken("CheckIDPIntent.IdpIntentToken")(input),
            };
            proofs.push(check.map_err(field)?);
        }
        if let Some(CheckWebAuthN { credential_assertion_data }) = web_auth_n {
            let assertion = credential_assertion_data.map(|data| Value::Object(data).to_string());
            let check = Check::web_authn(&assertion.unwrap_or_default());
            proofs.push(
                check.map_err(rules("WebAuthN").broken("CheckWebAuthN.CredentialAssertionData"))?,
            );
        }
        if let Some(CheckTotp { code }) = totp {
            proofs.push(Check::totp(text(&code)).map_err(rules("Totp").broken("CheckTOTP.Code"))?);
        }
        if let Some(CheckOtp { code }) = otp_sms {
            proofs.push(
                Check::otp_sms(text(&code)).map_err(rules("OtpSms").broken("CheckOTP.Code"))?,
            );
        }
        if let Some(CheckOtp { code }) = otp_email {
            proofs.push(
                Check::otp_email(text(&code)).map_err(rules("OtpEmail").broken("CheckOTP.Code"))?,
            );
        }
        if let Some(CheckRecoveryCode { code }) = recovery_code {
            let check = Check::recovery_code(text(&code));
            proofs.push(check.map_err(rules("RecoveryCode").broken("CheckRecoveryCode.Code"))?);
        }
        Ok(Asserted { user, proofs })
    }
}

impl CheckUser {
    fn read(self, rules: Rules<'_>) -> Result<NamedUser, ApiError> {
        let id = self.user_id.map(SubjectId::new).transpose();
        let id = id.map_err(rules.broken("CheckUser.UserId"))?;
        let name = self.login_name.as_deref().map(Check::login_name).transpose();
        let name = name.map_err(rules.broken("CheckUser.LoginName"))?;
        match (id, name) {
            (Some(id), Some(name)) => Ok(NamedUser::Both(id, name)),
            (Some(id), None) => Ok(NamedUser::By(Check::subject(id))),
            (None, Some(name)) => Ok(NamedUser::By(name)),
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
        Refusal::Rule(&[&outer, &inner, field], rule).error()
    }

    /// The error for a value out of its bounds.
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
