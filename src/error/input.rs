//! A value that breaks a rule, named by its field.

use std::fmt;

use super::InputField;

/// A value from outside breaks a rule: which field, and which rule.
///
/// It never holds the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
#[non_exhaustive]
pub struct InvalidInput {
    /// The field whose value breaks the rule.
    pub field: InputField,
    /// The rule that the value breaks.
    pub problem: Problem,
}

impl InvalidInput {
    /// This field breaks that rule.
    pub fn new(field: InputField, problem: Problem) -> Self {
        Self { field, problem }
    }
}

/// The rule that a value breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The value is empty.
    Empty,
    /// It is longer than this many characters or bytes, as the field's documentation says.
    TooLong(usize),
    /// There are more than this many.
    TooMany(usize),
    /// It has a control character (C0, DEL or C1).
    ControlCharacter,
    /// It has a character that turns the direction of text.
    BidiCharacter,
    /// It is not of the form that the field's documentation gives.
    Malformed,
    /// A duration is zero.
    Zero,
    /// A duration or count is above what the policy or the type allows.
    TooLarge,
    /// The name belongs to this crate.
    Reserved,
    /// It names another session, tenant or subject than it may.
    Foreign,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty"),
            Self::TooLong(max) => write!(f, "is longer than {max}"),
            Self::TooMany(max) => write!(f, "has more than {max} entries"),
            Self::ControlCharacter => f.write_str("has a control character"),
            Self::BidiCharacter => f.write_str("has a character that turns the direction of text"),
            Self::Malformed => f.write_str("is malformed"),
            Self::Zero => f.write_str("is zero"),
            Self::TooLarge => f.write_str("is larger than allowed"),
            Self::Reserved => f.write_str("is a reserved name"),
            Self::Foreign => f.write_str("belongs to something else"),
        }
    }
}
