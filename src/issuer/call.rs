//! One call of a verb: what every verb asks of its issuer, and how its errors are named.

use std::{ops::Deref, sync::atomic::Ordering};

use super::core::Issuer;
use crate::{
    clock::Timestamp,
    error::{
        Error, ErrorKind, InputField, InvalidInput, Operation, SignError, SignErrorKind,
        StoreError, StoreErrorKind, VerifyError,
    },
    event::EventKind,
    id::{SessionId, SubjectId, check_line, subject_tag},
    session::{MAX_REDIRECT_CHARS, NotLive, Record, Session, SubjectStamp, live},
    store::Snapshot,
};

/// One call of a verb: the issuer that is called, and the operation that its errors name.
///
/// The time is no part of it: a call that loses a race reads the record and the time again.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    issuer: &'a Issuer,
    pub(super) operation: Operation,
}

impl Deref for Call<'_> {
    type Target = Issuer;

    fn deref(&self) -> &Issuer {
        self.issuer
    }
}

impl Issuer {
    /// A call of a verb.
    pub(super) fn call(&self, operation: Operation) -> Call<'_> {
        Call::new(self, operation)
    }
}

impl<'a> Call<'a> {
    pub(super) fn new(issuer: &'a Issuer, operation: Operation) -> Self {
        Self { issuer, operation }
    }

    /// An error of this kind, met in this call.
    pub(super) fn error(self, kind: ErrorKind) -> Error {
        Error::new(kind, self.operation)
    }

    /// An input that breaks a rule, met in this call.
    pub(super) fn invalid(self, input: InvalidInput) -> Error {
        Error::from(input).during(self.operation)
    }

    /// Refuses a redirect that no record keeps.
    pub(super) fn checked_redirect(self, redirect: Option<&str>) -> Result<(), Error> {
        let redirect = redirect.unwrap_or_default();
        check_line(InputField::Redirect, redirect, MAX_REDIRECT_CHARS)
            .map_err(|input| self.invalid(input))
    }

    pub(super) async fn stamp(self, subject: &SubjectId) -> Result<SubjectStamp, Error> {
        let stamp = self.inner.store.stamp(&self.subject_key(subject), self.now()).await;
        stamp.map_err(self.store_failed())
    }

    /// What is known of a record's subject now, for a token that names proofs: a credential may
    /// have changed while they were made. Where the store does not answer, what was known before.
    pub(super) async fn stamp_now(
        self,
        record: &Record,
        before: Option<SubjectStamp>,
    ) -> Option<SubjectStamp> {
        let proves = record.session().is_some_and(|session| !session.factors().is_empty());
        match record.subject_key() {
            Some(key) if proves => self.inner.store.stamp(&key, self.now()).await.ok().or(before),
            _ => before,
        }
    }

    pub(super) async fn load(self, id: SessionId) -> Result<Option<Snapshot>, Error> {
        self.inner.store.load(&self.key(id)).await.map_err(self.store_failed())
    }

    /// Random bytes for one new record or token.
    pub(super) fn random<const N: usize>(self) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        self.inner
            .entropy
            .fill(&mut bytes)
            .map_err(|source| self.error(ErrorKind::Unavailable).with_source(source))?;
        Ok(bytes)
    }

    /// A new id and a new salt. Ids rise: of two calls on one issuer, the later gets the higher id.
    pub(super) fn new_id(
        self,
        subject: Option<&SubjectId>,
        now: Timestamp,
    ) -> Result<(SessionId, [u8; 16]), Error> {
        let bytes: [u8; 26] = self.random()?;
        let [c0, c1, r0, r1, r2, r3, r4, r5, t0, t1, salt @ ..] = bytes;
        // The counter starts at random in its lower half and rises while the millisecond lasts (RFC
        // 9562, 6.2).
        let millis = u64::try_from(now.as_millis()).unwrap_or(0);
        let fresh = (millis << 12) | u64::from(u16::from_be_bytes([c0, c1]) & 0x7ff);
        let last = self.inner.last_id.fetch_update(Ordering::AcqRel, Ordering::Acquire, |last| {
            Some(fresh.max(last.saturating_add(1)))
        });
        let sequence = fresh.max(last.unwrap_or_default().saturating_add(1));
        let at = Timestamp::from_millis(i64::try_from(sequence >> 12).unwrap_or(i64::MAX));
        let counter = u16::try_from(sequence & 0xfff).unwrap_or_default();
        let tag = match subject {
            Some(subject) => subject_tag(&self.tenant, subject),
            None => u16::from_be_bytes([t0, t1]),
        };
        Ok((SessionId::assemble(at, counter, [r0, r1, r2, r3, r4, r5], tag), salt))
    }

    /// Emits that an authentic credential was refused, and makes the error.
    pub(super) fn refuse(self, record: &Record, error: Error) -> Error {
        self.emit(record, EventKind::Refused { operation: error.operation(), kind: error.kind() });
        error
    }

    /// Says whether a record is live, as an error when it is not.
    pub(super) fn live(self, snapshot: &Snapshot, now: Timestamp) -> Result<(), Error> {
        live(&snapshot.record, snapshot.subject.as_ref(), now)
            .map_err(|why| self.refuse(&snapshot.record, self.not_live(why)))
    }

    /// An impersonation lives only while every actor's own session does: each is loaded, or its
    /// epoch is read.
    pub(super) async fn actors_live(self, record: &Record, now: Timestamp) -> Result<(), Error> {
        let Some(chain) = record.session().and_then(Session::actors) else { return Ok(()) };
        for actor in chain.actors() {
            let live = match actor.session() {
                Some(id) => self.load(id).await?.is_some_and(|own| {
                    let of_actor =
                        own.record.bound().is_some_and(|(subject, _)| subject == actor.subject());
                    let active = own.record.session().is_some();
                    of_actor && active && live(&own.record, own.subject.as_ref(), now).is_ok()
                }),
                None => {
                    let epoch = self.stamp(actor.subject()).await?.epoch;
                    actor.epoch().is_some_and(|own| own >= epoch)
                }
            };
            if !live {
                return Err(self.refuse(record, self.error(ErrorKind::ActorEnded)));
            }
        }
        Ok(())
    }

    /// Says that a session is not live.
    pub(super) fn not_live(self, why: NotLive) -> Error {
        match why {
            NotLive::Revoked(reason) => Error::revoked(reason, self.operation),
            NotLive::Expired => self.error(ErrorKind::Expired),
            NotLive::Inactive => self.error(ErrorKind::Inactive),
        }
    }

    /// Shows a store's error.
    pub(super) fn store_failed(self) -> impl Fn(StoreError) -> Error {
        let operation = self.operation;
        move |source| {
            let kind = match source.kind() {
                StoreErrorKind::Damaged | StoreErrorKind::UnknownVersion => ErrorKind::Damaged,
                StoreErrorKind::NotSupported => ErrorKind::NotSupported,
                StoreErrorKind::TooLarge => ErrorKind::InvalidInput,
                StoreErrorKind::Broken => ErrorKind::Internal,
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, operation).with_source(source)
        }
    }

    /// Shows the error of a signer that was asked for a signature.
    pub(super) fn sign_failed(self) -> impl Fn(SignError) -> Error {
        let operation = self.operation;
        move |source| {
            let kind = match source.kind() {
                SignErrorKind::NoSigningKey | SignErrorKind::InvalidKey => {
                    ErrorKind::InvalidConfiguration
                }
                _ => ErrorKind::Unavailable,
            };
            Error::new(kind, operation).with_source(source)
        }
    }

    /// Shows a verifier's or a directory's error: nothing is known, and another try may help.
    pub(super) fn verifier_failed(self) -> impl Fn(VerifyError) -> Error {
        let operation = self.operation;
        move |source| Error::new(ErrorKind::Unavailable, operation).with_source(source)
    }
}
