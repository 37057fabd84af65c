//! The field that an invalid input names: a list of all of them, and a host's own.

use std::fmt;

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident: $word:literal;)*) => {
        /// The field of an [`InvalidInput`](super::InvalidInput): which value broke a rule.
        ///
        /// `Display` writes the field in plain words, such as `metadata key`.
        ///
        /// # Examples
        /// ```
        /// use session_issuer::{error::InputField, id::SubjectId};
        ///
        /// let refused = SubjectId::new("").unwrap_err();
        /// assert_eq!(refused.field, InputField::Subject);
        /// assert_eq!(refused.to_string(), "subject is empty");
        /// ```
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum InputField {
            $($(#[$doc])* #[doc = concat!("\n\nWritten `", $word, "`.")] $name,)*
            /// A field of the host's own, in the host's words.
            Host(&'static str),
        }

        impl InputField {
            fn word(self) -> &'static str {
                match self {
                    $(Self::$name => $word,)*
                    Self::Host(word) => word,
                }
            }
        }
    };
}

fields! {
    /// The length of an access token's life.
    AccessLifetime: "access lifetime";
    /// The account in the label of an authenticator app.
    Account: "account";
    /// The actors of an impersonation.
    ActorChain: "actor chain";
    /// The id of an app that opens request tokens.
    App: "app";
    /// A WebAuthn assertion.
    Assertion: "assertion";
    /// How many wrong attempts a lockout allows.
    AttemptLimit: "attempt limit";
    /// An audience of signed tokens.
    Audience: "audience";
    /// The state that a challenge keeps for its verifier.
    Challenge: "challenge";
    /// The list of checks of one call.
    Checks: "checks";
    /// The value of one host claim.
    Claim: "claim";
    /// The name of one host claim.
    ClaimName: "claim name";
    /// All host claims of a session together.
    Claims: "claims";
    /// The description of a client, for people.
    ClientDescription: "client description";
    /// A one-time code or a recovery code.
    Code: "code";
    /// How long a one-time code is good.
    CodeLifetime: "code lifetime";
    /// The id of whoever creates sessions.
    Creator: "creator";
    /// The id of a device.
    Device: "device";
    /// How many digits a one-time code has.
    Digits: "digits";
    /// The fingerprint of a client.
    Fingerprint: "fingerprint";
    /// The name of one header of a client.
    HeaderName: "header name";
    /// One value of a client's header.
    HeaderValue: "header value";
    /// All headers of a client together.
    Headers: "headers";
    /// How long a session may go unused.
    IdleTimeout: "idle timeout";
    /// Why somebody acts in a subject's place.
    ImpersonationReason: "impersonation reason";
    /// The id of a login at an identity provider.
    Intent: "intent";
    /// The token of a login at an identity provider.
    IntentToken: "intent token";
    /// The address of a client.
    Ip: "ip";
    /// The issuer in the label of an authenticator app.
    LabelIssuer: "issuer";
    /// How long a session or a request token lives.
    Lifetime: "lifetime";
    /// How many sessions one page of a list has.
    Limit: "limit";
    /// The name that a subject logs in with.
    LoginName: "login name";
    /// All metadata of a session together.
    Metadata: "metadata";
    /// The key of one metadata entry.
    MetadataKey: "metadata key";
    /// The value of one metadata entry.
    MetadataValue: "metadata value";
    /// The name of an issuer (`iss`).
    Name: "name";
    /// A password.
    Password: "password";
    /// How long a lockout makes its holder wait.
    Pause: "pause";
    /// How many recovery codes are made at once.
    RecoveryCodes: "recovery codes";
    /// Where the host sends a subject after a decision on a request token.
    Redirect: "redirect";
    /// Who owns a session: an organisation.
    ResourceOwner: "resource owner";
    /// The id of a session.
    SessionId: "session id";
    /// The id of a subject.
    Subject: "subject";
    /// The id of a tenant.
    Tenant: "tenant";
    /// The user agent of a client.
    UserAgent: "user agent";
}

impl fmt::Display for InputField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}
