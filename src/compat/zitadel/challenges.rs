//! The challenges that a request asks for: against the rules of the schema, made, and shown.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::{
    ApiError, AskCode, AskWebAuthN, ChallengeMaker, Challenges, Delivery, MadeWebAuthN,
    RequestChallenges, RequestOtpEmail, RequestOtpSms, RequestWebAuthN, SendCode, Service,
    UserVerificationRequirement, WebAuthNChallenge,
    fields::{LENGTH, has_length},
    refusals::Refusal,
};
use crate::{
    error::{Error, ErrorKind, Operation},
    factor::FactorKind,
    id::SessionId,
    verifier::{Ask, Asked, Challenger, Channel, VerifyError},
};

/// Challenges that keep every rule of the schema, and what came of them.
#[derive(Debug)]
pub(super) struct RequestedChallenges {
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

impl RequestedChallenges {
    /// Each kind of challenge that was asked for, with who makes it.
    pub(super) fn each(
        self: &Arc<Self>,
    ) -> impl Iterator<Item = (FactorKind, Arc<dyn Challenger>)> {
        self.kinds().into_iter().map(|kind| (kind, Arc::clone(self) as Arc<dyn Challenger>))
    }

    fn kinds(&self) -> Vec<FactorKind> {
        let asked = [
            self.web_authn.as_ref().map(|_| FactorKind::WebAuthn),
            self.sms.as_ref().map(|_| FactorKind::OtpSms),
            self.email.as_ref().map(|_| FactorKind::OtpEmail),
        ];
        asked.into_iter().flatten().collect()
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
        let ask =
            AskCode { channel, holder: ask.holder, session: self.session, delivery, now: ask.now };
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
impl Challenger for RequestedChallenges {
    async fn challenge(&self, ask: Ask<'_>) -> Result<Asked, VerifyError> {
        let Some(by) = &self.by else {
            return Err(VerifyError::new("nobody makes challenges here"));
        };
        match (ask.kind, &self.web_authn, &self.sms, &self.email) {
            (FactorKind::WebAuthn, Some((domain, user_verification)), ..) => {
                let (holder, now) = (ask.holder, ask.now);
                let ask =
                    AskWebAuthN { holder, domain, user_verification: *user_verification, now };
                let Some(MadeWebAuthN { challenge, options }) = by.web_authn(ask).await? else {
                    return Ok(Asked::NotSetUp);
                };
                let shown = WebAuthNChallenge { public_key_credential_request_options: options };
                self.made()?.web_auth_n = Some(shown);
                Ok(Asked::Made(challenge))
            }
            (FactorKind::OtpSms, _, Some(way), _) => self.code(&**by, ask, Channel::Sms, way).await,
            (FactorKind::OtpEmail, _, _, Some(way)) => {
                self.code(&**by, ask, Channel::Email, way).await
            }
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
    ) -> Result<Arc<RequestedChallenges>, ApiError> {
        let outer = format!("{request}.Challenges");
        let web_authn = self.web_auth_n.map(|asked| asked.read(&outer)).transpose()?;
        let sms = self.otp_sms.map(|RequestOtpSms { return_code }| match return_code {
            Some(true) => Way::Back,
            _ => Way::Out(None),
        });
        let email = self.otp_email.map(|asked| asked.read(&outer)).transpose()?;
        let by = service.challenges.clone();
        let made = Mutex::default();
        let requested = RequestedChallenges { by, session, web_authn, sms, email, made };
        match requested.by.is_none() && !requested.kinds().is_empty() {
            true => Err(Error::new(ErrorKind::NotSupported, Operation::Input).into()),
            false => Ok(Arc::new(requested)),
        }
    }
}

impl RequestWebAuthN {
    fn read(self, outer: &str) -> Result<(String, UserVerificationRequirement), ApiError> {
        let broken = |field: &str, rule: &str| {
            Err(Refusal::Rule(&[outer, "RequestChallenges.WebAuthN", field], rule).error())
        };
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
                Err(Refusal::Rule(&path(field), "sendCode and returnCode exclude each other")
                    .error())
            }
            (None, Some(_)) => Ok(Way::Back),
            (Some(SendCode { url_template: Some(template) }), None) if !has_length(&template) => {
                let field = "RequestChallenges_OTPEmail_SendCode.UrlTemplate";
                Err(Refusal::Rule(&path(field), LENGTH).error())
            }
            (send, None) => Ok(Way::Out(send.and_then(|send| send.url_template))),
        }
    }
}
