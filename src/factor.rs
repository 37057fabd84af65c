//! Checks and factors: an attempt to prove something, and the proof that it passed.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    error::{InputField, InvalidInput, Problem},
    id::{SubjectId, check_line},
    secret::Secret,
};

/// How many characters a password, code or login name may have (ZITADEL's bound).
const MAX_CHECK_CHARS: usize = 200;
/// How many bytes a WebAuthn assertion may have (ZITADEL's bound).
pub const MAX_ASSERTION_BYTES: usize = 1024 * 1024;

/// The kinds of things that can be proved. The order of the variants is the order in which checks
/// run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FactorKind {
    /// Whom the session is about was named. Proves nothing yet.
    Subject,
    /// A password.
    Password,
    /// A login at an identity provider.
    Intent,
    /// A passkey or security key.
    WebAuthn,
    /// A time-based one-time password (RFC 6238).
    Totp,
    /// A one-time code sent by SMS.
    OtpSms,
    /// A one-time code sent by email.
    OtpEmail,
    /// A recovery code.
    RecoveryCode,
}

impl FactorKind {
    /// Every kind, in the order in which checks run.
    pub const ALL: &'static [FactorKind] = &[
        Self::Subject,
        Self::Password,
        Self::Intent,
        Self::WebAuthn,
        Self::Totp,
        Self::OtpSms,
        Self::OtpEmail,
        Self::RecoveryCode,
    ];

    /// A stable word for the kind.
    pub fn code(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Password => "password",
            Self::Intent => "intent",
            Self::WebAuthn => "web_authn",
            Self::Totp => "totp",
            Self::OtpSms => "otp_sms",
            Self::OtpEmail => "otp_email",
            Self::RecoveryCode => "recovery_code",
        }
    }
}

impl fmt::Display for FactorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A passed check: what was proved, and when.
///
/// Only the issuer makes one, from a verifier's answer, so a skipped check does not compile:
///
/// ```compile_fail
/// use session_issuer::factor::{Factor, FactorKind};
/// let forged = Factor { kind: FactorKind::Password, at: session_issuer::Timestamp::EPOCH };
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Factor {
    kind: FactorKind,
    at: Timestamp,
    details: FactorDetails,
}

impl Factor {
    pub(crate) fn new(kind: FactorKind, at: Timestamp, details: FactorDetails) -> Self {
        Self { kind, at, details }
    }

    /// The kind of factor.
    pub fn kind(&self) -> FactorKind {
        self.kind
    }

    /// The time of the proof.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// The details of the proof, as far as the verifier knows them.
    pub fn details(&self) -> FactorDetails {
        self.details
    }
}

/// The details of a proof, as far as the verifier knows them. False unless it says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct FactorDetails {
    /// The authenticator verified its user by PIN or biometrics (WebAuthn).
    pub user_verified: bool,
    /// The key cannot leave its hardware.
    pub hardware: bool,
}

impl FactorDetails {
    /// The authenticator verified its user.
    #[must_use]
    pub fn with_user_verified(mut self, yes: bool) -> Self {
        self.user_verified = yes;
        self
    }

    /// The key cannot leave its hardware.
    #[must_use]
    pub fn with_hardware(mut self, yes: bool) -> Self {
        self.hardware = yes;
        self
    }
}

/// The strength of an authentication (NIST SP 800-63B-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AssuranceLevel {
    /// One factor, or several of one category.
    Aal1,
    /// Something the subject knows and something it has, or an authenticator that verified its
    /// user.
    Aal2,
    /// As AAL2, with a key that cannot leave its hardware.
    Aal3,
}

impl AssuranceLevel {
    /// The level that these factors reach; none where nothing but the subject's name is known.
    pub fn of(factors: &[Factor]) -> Option<Self> {
        let proofs = || factors.iter().filter(|factor| factor.kind != FactorKind::Subject);
        // Two codes, from whatever two places, are twice something the subject has (NIST SP
        // 800-63B-4 section 2.2.1).
        let knows =
            proofs().any(|factor| matches!(factor.kind, FactorKind::Password | FactorKind::Intent));
        let has = proofs()
            .any(|factor| !matches!(factor.kind, FactorKind::Password | FactorKind::Intent));
        let verified = proofs().any(|factor| factor.details.user_verified);
        let hardware = proofs().any(|factor| factor.details.hardware);
        match (knows && has || verified, hardware) {
            (true, true) => Some(Self::Aal3),
            (true, false) => Some(Self::Aal2),
            (false, _) => proofs().next().map(|_| Self::Aal1),
        }
    }

    /// The word that tokens carry as `acr`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Aal3 => "aal3",
        }
    }

    pub(crate) fn from_code(code: &str) -> Option<Self> {
        [Self::Aal1, Self::Aal2, Self::Aal3].into_iter().find(|level| level.code() == code)
    }
}

/// When the subject last proved anything: the latest factor but its name.
pub(crate) fn authenticated_at(factors: &[Factor]) -> Option<Timestamp> {
    factors.iter().filter(|factor| factor.kind != FactorKind::Subject).map(Factor::at).max()
}

/// Authentication methods, in the words of RFC 8176.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Amr(u8);

impl Amr {
    const WORDS: [&'static str; 6] = ["pwd", "otp", "hwk", "swk", "user", "mfa"];

    /// The methods that these factors stand for: `mfa` is added from two factors on.
    pub fn of(factors: &[Factor]) -> Self {
        let mut set = Self::default();
        for factor in factors {
            match factor.kind {
                FactorKind::Subject | FactorKind::Intent => {}
                FactorKind::Password => set.add("pwd"),
                FactorKind::WebAuthn if factor.details.hardware => set.add("hwk"),
                FactorKind::WebAuthn => set.add("swk"),
                FactorKind::Totp
                | FactorKind::OtpSms
                | FactorKind::OtpEmail
                | FactorKind::RecoveryCode => {
                    set.add("otp");
                }
            }
            if factor.details.user_verified {
                set.add("user");
            }
        }
        if AssuranceLevel::of(factors) >= Some(AssuranceLevel::Aal2) {
            set.add("mfa");
        }
        set
    }

    /// The words, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = &'static str> {
        Self::WORDS
            .into_iter()
            .enumerate()
            .filter(move |(bit, _)| self.0 & (1 << bit) != 0)
            .map(|(_, word)| word)
    }

    /// True when there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Adds a word; false when it is not one of ours.
    pub(crate) fn insert(&mut self, word: &str) -> bool {
        match Self::WORDS.iter().position(|known| *known == word) {
            Some(bit) => {
                self.0 |= 1 << bit;
                true
            }
            None => false,
        }
    }

    fn add(&mut self, word: &str) {
        self.insert(word);
    }
}

/// An attempt to prove something. It becomes a [`Factor`] when a verifier says so.
#[derive(Debug)]
#[non_exhaustive]
pub enum Check {
    /// Whom the session is about.
    Subject(SubjectRef),
    /// The subject's password.
    Password(Secret),
    /// A finished login at an identity provider.
    Intent(IntentProof),
    /// A WebAuthn assertion, as the browser gave it (JSON).
    WebAuthn(Secret),
    /// A code from an authenticator app.
    Totp(Secret),
    /// A code sent by SMS.
    OtpSms(Secret),
    /// A code sent by email.
    OtpEmail(Secret),
    /// A recovery code.
    RecoveryCode(Secret),
}

/// The ways in which a check names a subject.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SubjectRef {
    /// A subject by its id.
    Id(SubjectId),
    /// By the name it logs in with; the directory finds the id.
    LoginName(String),
}

impl fmt::Debug for SubjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id(_) => "Id(..)",
            Self::LoginName(_) => "LoginName(..)",
        })
    }
}

/// A finished login at an identity provider: its id and the token that proves who finished it.
#[derive(Debug)]
#[non_exhaustive]
pub struct IntentProof {
    /// The id of the login.
    pub id: String,
    /// The token that proves who finished the login.
    pub token: Secret,
}

impl Check {
    /// Names the subject by its id.
    pub fn subject(id: SubjectId) -> Self {
        Self::Subject(SubjectRef::Id(id))
    }

    /// Names the subject by its login name: 1 to 200 characters.
    ///
    /// # Errors
    /// [`Problem::Empty`], [`Problem::TooLong`], [`Problem::ControlCharacter`] or
    /// [`Problem::BidiCharacter`], of the field [`LoginName`](InputField::LoginName).
    pub fn login_name(name: &str) -> Result<Self, InvalidInput> {
        crate::id::check_text(InputField::LoginName, name)?;
        Ok(Self::Subject(SubjectRef::LoginName(name.to_owned())))
    }

    /// A password: 1 to 200 characters (ZITADEL), any of them.
    ///
    /// # Errors
    /// [`Problem::Empty`] or [`Problem::TooLong`], of the field [`Password`](InputField::Password).
    pub fn password(password: &str) -> Result<Self, InvalidInput> {
        Ok(Self::Password(bounded(InputField::Password, password)?))
    }

    /// A finished login at an identity provider: id and token of 1 to 200 characters each.
    ///
    /// # Errors
    /// [`Problem::Empty`] or [`Problem::TooLong`], of the field [`Intent`](InputField::Intent) or
    /// [`IntentToken`](InputField::IntentToken); an id has no control or bidi character either.
    pub fn intent(id: &str, token: &str) -> Result<Self, InvalidInput> {
        crate::id::check_text(InputField::Intent, id)?;
        Ok(Self::Intent(IntentProof {
            id: id.to_owned(),
            token: bounded(InputField::IntentToken, token)?,
        }))
    }

    /// A WebAuthn assertion: at most 1 MiB of JSON.
    ///
    /// # Errors
    /// [`Problem::Empty`] or [`Problem::TooLong`], of the field
    /// [`Assertion`](InputField::Assertion). Whether it is JSON is for the verifier to judge.
    pub fn web_authn(assertion: &str) -> Result<Self, InvalidInput> {
        match assertion.len() {
            0 => Err(InvalidInput::new(InputField::Assertion, Problem::Empty)),
            len if len > MAX_ASSERTION_BYTES => {
                Err(InvalidInput::new(InputField::Assertion, Problem::TooLong(MAX_ASSERTION_BYTES)))
            }
            _ => Ok(Self::WebAuthn(assertion.into())),
        }
    }

    /// A code from an authenticator app: exactly 6 digits.
    ///
    /// # Errors
    /// [`Problem::Malformed`], of the field [`Code`](InputField::Code).
    pub fn totp(code: &str) -> Result<Self, InvalidInput> {
        match code.len() == 6 && code.bytes().all(|byte| byte.is_ascii_digit()) {
            true => Ok(Self::Totp(code.into())),
            false => Err(InvalidInput::new(InputField::Code, Problem::Malformed)),
        }
    }

    /// A code sent by SMS: 1 to 200 characters.
    ///
    /// # Errors
    /// [`Problem::Empty`] or [`Problem::TooLong`], of the field [`Code`](InputField::Code).
    pub fn otp_sms(code: &str) -> Result<Self, InvalidInput> {
        Ok(Self::OtpSms(bounded(InputField::Code, code)?))
    }

    /// A code sent by email: 1 to 200 characters.
    ///
    /// # Errors
    /// [`Problem::Empty`] or [`Problem::TooLong`], of the field [`Code`](InputField::Code).
    pub fn otp_email(code: &str) -> Result<Self, InvalidInput> {
        Ok(Self::OtpEmail(bounded(InputField::Code, code)?))
    }

    /// A recovery code: 1 to 200 characters.
    ///
    /// # Errors
    /// [`Problem::Empty`] or [`Problem::TooLong`], of the field [`Code`](InputField::Code).
    pub fn recovery_code(code: &str) -> Result<Self, InvalidInput> {
        Ok(Self::RecoveryCode(bounded(InputField::Code, code)?))
    }

    /// The kind of factor that the check would prove.
    pub fn kind(&self) -> FactorKind {
        match self {
            Self::Subject(_) => FactorKind::Subject,
            Self::Password(_) => FactorKind::Password,
            Self::Intent(_) => FactorKind::Intent,
            Self::WebAuthn(_) => FactorKind::WebAuthn,
            Self::Totp(_) => FactorKind::Totp,
            Self::OtpSms(_) => FactorKind::OtpSms,
            Self::OtpEmail(_) => FactorKind::OtpEmail,
            Self::RecoveryCode(_) => FactorKind::RecoveryCode,
        }
    }
}

fn bounded(field: InputField, secret: &str) -> Result<Secret, InvalidInput> {
    if secret.is_empty() {
        return Err(InvalidInput::new(field, Problem::Empty));
    }
    if secret.len() > MAX_CHECK_CHARS * 4 || secret.chars().count() > MAX_CHECK_CHARS {
        return Err(InvalidInput::new(field, Problem::TooLong(MAX_CHECK_CHARS)));
    }
    Ok(Secret::from(secret))
}

/// A challenge that waits for its answer: one slot a kind, used once, with an end of its own.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    kind: FactorKind,
    state: String,
    ends_at: Timestamp,
}

impl Challenge {
    /// A challenge of this kind until that time, with what the verifier must see again (at most
    /// 4096 characters, and no secret: a store keeps it).
    ///
    /// # Errors
    /// [`Problem::TooLong`], [`Problem::ControlCharacter`] or [`Problem::BidiCharacter`] of the
    /// state, of the field [`Challenge`](InputField::Challenge).
    pub fn new(kind: FactorKind, state: &str, ends_at: Timestamp) -> Result<Self, InvalidInput> {
        check_line(InputField::Challenge, state, 4096)?;
        Ok(Self { kind, state: state.to_owned(), ends_at })
    }

    /// The kind of check that answers it.
    pub fn kind(&self) -> FactorKind {
        self.kind
    }

    /// The state that the verifier kept in the challenge.
    pub fn state(&self) -> &str {
        &self.state
    }

    /// From when on it is no longer open.
    pub fn ends_at(&self) -> Timestamp {
        self.ends_at
    }
}

impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Challenge")
            .field("kind", &self.kind)
            .field("ends_at", &self.ends_at)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn factor(kind: FactorKind, details: FactorDetails) -> Factor {
        Factor::new(kind, Timestamp::from_secs(1), details)
    }

    #[test]
    fn a_session_that_only_names_a_subject_is_not_authenticated() {
        let named = [factor(FactorKind::Subject, FactorDetails::default())];
        assert_eq!(AssuranceLevel::of(&named), None);
        assert_eq!(authenticated_at(&named), None);
        assert!(Amr::of(&named).is_empty());
    }

    #[test]
    fn two_factors_or_one_that_verified_its_user_are_mfa() {
        let password = factor(FactorKind::Password, FactorDetails::default());
        let totp = factor(FactorKind::Totp, FactorDetails::default());
        let passkey =
            factor(FactorKind::WebAuthn, FactorDetails::default().with_user_verified(true));
        let words = |factors: &[Factor]| Amr::of(factors).iter().collect::<Vec<_>>();
        assert_eq!(words(&[password]), ["pwd"]);
        assert_eq!(words(&[password, totp]), ["pwd", "otp", "mfa"]);
        assert_eq!(words(&[passkey]), ["swk", "user", "mfa"]);
        assert_eq!(AssuranceLevel::of(&[passkey]), Some(AssuranceLevel::Aal2));
        let key = factor(FactorKind::WebAuthn, FactorDetails::default().with_hardware(true));
        assert_eq!(
            AssuranceLevel::of(&[key]),
            Some(AssuranceLevel::Aal1),
            "presence alone is one factor"
        );
        assert_eq!(AssuranceLevel::of(&[key, password]), Some(AssuranceLevel::Aal3));
        let sms = factor(FactorKind::OtpSms, FactorDetails::default());
        for twice_the_same in [[totp, sms], [key, sms], [sms, totp]] {
            assert_eq!(
                AssuranceLevel::of(&twice_the_same),
                Some(AssuranceLevel::Aal1),
                "two things one has"
            );
        }
        let login_elsewhere = factor(FactorKind::Intent, FactorDetails::default());
        assert_eq!(AssuranceLevel::of(&[login_elsewhere]), Some(AssuranceLevel::Aal1));
        assert_eq!(AssuranceLevel::of(&[login_elsewhere, totp]), Some(AssuranceLevel::Aal2));
    }

    #[test]
    fn checks_have_the_bounds_of_the_systems_they_come_from() {
        let refused = |check: Result<Check, InvalidInput>| check.map(drop).unwrap_err();
        Check::password(&"x".repeat(200)).unwrap();
        let long = refused(Check::password(&"x".repeat(201)));
        assert_eq!(long, InvalidInput::new(InputField::Password, Problem::TooLong(200)));
        let empty = refused(Check::password(""));
        assert_eq!(empty, InvalidInput::new(InputField::Password, Problem::Empty));
        Check::login_name("mini@mouse.com").unwrap();
        let two_lines = refused(Check::login_name("a\nb"));
        assert_eq!(two_lines, InvalidInput::new(InputField::LoginName, Problem::ControlCharacter));
        Check::totp("123456").unwrap();
        for code in ["12345", "12345a"] {
            let malformed = InvalidInput::new(InputField::Code, Problem::Malformed);
            assert_eq!(refused(Check::totp(code)), malformed, "{code}");
        }
        assert_eq!(format!("{:?}", Check::password("hunter2").unwrap()), "Password([redacted])");
    }
}
