//! Searches the refresh rule.
