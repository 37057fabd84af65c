//! The five systems: a folder for each, and what their calls have in common.

pub mod create;
pub mod hanko;
mod stack_auth;
mod tmdb;
mod types;
pub mod zelf;
mod zitadel;
