//! The demo users' authenticator apps.

use std::{
    collections::HashMap,
    error::Error,
    sync::{Mutex, PoisonError},
};

use async_trait::async_trait;
use session_issuer::{
    entropy::SystemEntropy,
    verifier::{Holder, TotpFactor, TotpSecret, TotpStore, UseStep, VerifyError},
};

use super::host::Users;

/// A secret for each user, and the step that was used last. A real host keeps secrets encrypted.
#[derive(Debug)]
pub(crate) struct Apps(Mutex<HashMap<&'static str, (TotpSecret, u64)>>);

impl Apps {
    pub(crate) fn draw() -> Result<Self, Box<dyn Error>> {
        let mut table = HashMap::new();
        for user in Users.all() {
            table.insert(user.id, (TotpSecret::generate(&SystemEntropy)?, 0));
        }
        Ok(Self(Mutex::new(table)))
    }

    /// In base 32, as apps take it.
    pub(crate) fn secret_of(&self, user: &str) -> Option<String> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        table.get(user).map(|(secret, _)| secret.base32().expose().to_owned())
    }
}

#[async_trait]
impl TotpStore for Apps {
    async fn find(&self, holder: Holder<'_>) -> Result<Option<TotpFactor>, VerifyError> {
        let table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((secret, _)) = table.get(holder.subject.as_str()) else { return Ok(None) };
        let secret = TotpSecret::from_bytes(secret.expose()).map_err(VerifyError::new)?;
        Ok(Some(TotpFactor::Confirmed(secret)))
    }

    async fn use_step(&self, step: UseStep<'_>) -> Result<bool, VerifyError> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(match table.get_mut(step.holder.subject.as_str()) {
            Some((_, last)) if step.step > *last => {
                *last = step.step;
                true
            }
            _ => false,
        })
    }
}
