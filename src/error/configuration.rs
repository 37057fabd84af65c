//! Everything that is wrong with a configuration.

use std::fmt;

/// Every mistake in a configuration: the source of
/// [`ErrorKind::InvalidConfiguration`](super::ErrorKind::InvalidConfiguration).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigurationProblems(pub(crate) Vec<String>);

impl ConfigurationProblems {
    /// The mistakes, a sentence each.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

impl fmt::Display for ConfigurationProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl std::error::Error for ConfigurationProblems {}
