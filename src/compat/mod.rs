//! The five systems whose sessions this crate speaks.
