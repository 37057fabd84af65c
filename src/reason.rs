//! Why a session was revoked.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a session was revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RevokeReason {
    /// The subject logged out.
    Logout,
    /// An administrator, or the subject from another session, ended it.
    Admin,
    /// The cap on sessions of one subject.
    Limit,
    /// The idle timeout, ended by a host that wants a tombstone at once.
    Idle,
    /// A spent refresh token was used again.
    Reuse,
    /// A password or another credential changed.
    CredentialChange,
    /// The subject was disabled, locked or removed.
    SubjectDisabled,
    /// A new session took its place.
    Superseded,
}

impl RevokeReason {
    /// Every reason there is.
    pub const ALL: &'static [RevokeReason] = &[
        Self::Logout,
        Self::Admin,
        Self::Limit,
        Self::Idle,
        Self::Reuse,
        Self::CredentialChange,
        Self::SubjectDisabled,
        Self::Superseded,
    ];

    /// A stable word for logs, events and stored rows.
    pub fn code(self) -> &'static str {
        match self {
            Self::Logout => "logout",
            Self::Admin => "admin",
            Self::Limit => "limit",
            Self::Idle => "idle",
            Self::Reuse => "reuse",
            Self::CredentialChange => "credential_change",
            Self::SubjectDisabled => "subject_disabled",
            Self::Superseded => "superseded",
        }
    }

    /// The reason of this word, as a stored row has it.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|reason| reason.code() == code)
    }
}

impl fmt::Display for RevokeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}
