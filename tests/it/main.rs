mod access;
mod lifetimes;
mod requests;
mod revocation;
mod rotation;
mod tokens;
mod world;
