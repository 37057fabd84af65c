//! Challenges: what a request asks for, and what the answer shows of them.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::{
    ApiError, AskCode, AskWebAuthN, ChallengeMaker, Delivery, MadeWebAuthN, Service,
    error::{LENGTH, has_length, invalid, unanswered},
    proto::message,
    wire::user_verification::UserVerificationRequirement,
};
use crate::{
    compat::redacted,
    error::{Error, ErrorKind, Operation, VerifyError},
    factor::FactorKind,
    id::SessionId,
    secret::Secret,
    verifier::{Ask, Asked, Challenger, Channel},
};

/// The challenges that a request asks for. Made once all its checks have passed; each takes the slot of its kind, and the
/// one before is dead.
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

/// A code by SMS.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct RequestOtpSms {
    /// Give the code back, and send nothing. False where it is absent.
    #[serde(alias = "return_code")]
    pub return_code: Option<bool>,
}

/// A code by email: sent with the host's own template unless one of these says otherwise. They exclude each other.
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
    /// `https://example.com/otp/verify?userID={{.UserID}}&code={{.Code}}`. What it may name is the host's to say.
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

/// Challenges that keep every rule of the schema, and what came of them.
#[derive(Debug)]
pub(super) struct Wanted {
    by: Option<Arc<dyn ChallengeMaker>>,
    session: Option<SessionId>,
    web_authn: Option<(String, UserVerificationRequirement)>,
    sms: Option<Way>,
    email: Option<Way>,
    made: Mutex<Challenges>,
}

/// Which way a code goes: to the user, or back to the caller.
#[derive(Debug)]
enum Way {
    Out(Option<String>),
    Back,
}

impl Wanted {
    pub(super) fn kinds(&self) -> Vec<FactorKind> {
        let wanted = [
            self.web_authn.as_ref().map(|_| FactorKind::WebAuthn),
            self.sms.as_ref().map(|_| FactorKind::OtpSms),
            self.email.as_ref().map(|_| FactorKind::OtpEmail),
        ];
        wanted.into_iter().flatten().collect()
    }

    /// What the caller gets, once the session is stored.
    pub(super) fn answer(&self) -> Challenges {
        self.made.lock().map(|mut made| std::mem::take(&mut *made)).unwrap_or_default()
    }

    async fn code(
        &self,
        by: &dyn ChallengeMaker,
        ask: Ask<'_>,
        channel: Channel,
        way: &Way,
    ) -> Result<Asked, VerifyError> {
        let delivery = match way {
            Way::Out(template) => Delivery::Send { url_template: template.as_deref() },
            Way::Back => Delivery::Return,
        };
        let ask = AskCode { channel, holder: ask.holder, session: self.session, delivery, now: ask.now };
        let Some(sent) = by.code(ask).await? else { return Ok(Asked::NotReady) };
        if delivery == Delivery::Return {
            let mut made = self.made()?;
            match channel {
                Channel::Sms => made.otp_sms = Some(sent.code),
                Channel::Email => made.otp_email = Some(sent.code),
            }
        }
        Ok(Asked::Made(sent.challenge))
    }

    fn made(&self) -> Result<std::sync::MutexGuard<'_, Challenges>, VerifyError> {
        self.made.lock().map_err(|_| VerifyError::new("the lock of the challenges is poisoned"))
    }
}

#[async_trait]
impl Challenger for Wanted {
    async fn challenge(&self, ask: Ask<'_>) -> Result<Asked, VerifyError> {
        let Some(by) = &self.by else { return Err(VerifyError::new("nobody makes challenges here")) };
        match (ask.kind, &self.web_authn, &self.sms, &self.email) {
            (FactorKind::WebAuthn, Some((domain, user_verification)), ..) => {
                let (holder, now) = (ask.holder, ask.now);
                let ask = AskWebAuthN { holder, domain, user_verification: *user_verification, now };
                let Some(MadeWebAuthN { challenge, options }) = by.web_authn(ask).await? else {
                    return Ok(Asked::NotSetUp);
                };
                let shown = WebAuthNChallenge { public_key_credential_request_options: options };
                self.made()?.web_auth_n = Some(shown);
                Ok(Asked::Made(challenge))
            }
            (FactorKind::OtpSms, _, Some(way), _) => self.code(&**by, ask, Channel::Sms, way).await,
            (FactorKind::OtpEmail, _, _, Some(way)) => self.code(&**by, ask, Channel::Email, way).await,
            _ => Ok(Asked::NotSetUp),
        }
    }
}

impl RequestChallenges {
    /// The challenges, or the first rule that they break.
    pub(super) fn read(
        self,
        request: &str,
        service: &Service,
        session: Option<SessionId>,
    ) -> Result<Arc<Wanted>, ApiError> {
        let outer = format!("{request}.Challenges");
        let web_authn = self.web_auth_n.map(|wanted| wanted.read(&outer)).transpose()?;
        let sms = self.otp_sms.map(|RequestOtpSms { return_code }| match return_code {
            Some(true) => Way::Back,
            _ => Way::Out(None),
        });
        let email = self.otp_email.map(|wanted| wanted.read(&outer)).transpose()?;
        let by = service.challenges.clone();
        let wanted = Wanted { by, session, web_authn, sms, email, made: Mutex::default() };
        match wanted.by.is_none() && !wanted.kinds().is_empty() {
            true => Err(unanswered(Error::new(ErrorKind::NotSupported, Operation::Input))),
            false => Ok(Arc::new(wanted)),
        }
    }
}

impl RequestWebAuthN {
    fn read(self, outer: &str) -> Result<(String, UserVerificationRequirement), ApiError> {
        let broken =
            |field: &str, rule: &str| Err(invalid(&[outer, "RequestChallenges.WebAuthN", field], rule));
        let domain = self.domain.unwrap_or_default();
        if !has_length(&domain) {
            return broken("RequestChallenges_WebAuthN.Domain", LENGTH);
        }
        match self.user_verification_requirement.unwrap_or_default() {
            UserVerificationRequirement::Unspecified => {
                let field = "RequestChallenges_WebAuthN.UserVerificationRequirement";
                broken(field, "value must not be in list [0]")
            }
            required => Ok((domain, required)),
        }
    }
}

impl RequestOtpEmail {
    fn read(self, outer: &str) -> Result<Way, ApiError> {
        let path = |field| [outer, "RequestChallenges.OtpEmail", field];
        match (self.send_code, self.return_code) {
            (Some(_), Some(_)) => {
                let field = "RequestChallenges_OTPEmail.DeliveryType";
                Err(invalid(&path(field), "sendCode and returnCode exclude each other"))
            }
            (None, Some(_)) => Ok(Way::Back),
            (Some(SendCode { url_template: Some(template) }), None) if !has_length(&template) => {
                Err(invalid(&path("RequestChallenges_OTPEmail_SendCode.UrlTemplate"), LENGTH))
            }
            (send, None) => Ok(Way::Out(send.and_then(|send| send.url_template))),
        }
    }
}
