//! An error of ZITADEL's own.

/// An error of ZITADEL's own: gRPC code, HTTP status, id, key.
#[derive(Clone, Copy)]
pub(super) struct Known(pub(super) u8, pub(super) u16, pub(super) &'static str, pub(super) &'static str);
