//! What hosts keep on a session: bounded metadata, and claims for its tokens.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value};

use crate::{
    error::{InputField, InvalidInput, Problem},
    id::check_text,
};

/// How many entries metadata may have.
pub(crate) const MAX_ENTRIES: usize = 64;
/// How many bytes one value may have.
pub(crate) const MAX_VALUE_BYTES: usize = 4 * 1024;
/// How many bytes all keys and values, or all claims as JSON, may have together.
const MAX_TOTAL_BYTES: usize = 16 * 1024;
/// How many bytes the claims of one host may have together, as JSON: a token of 8 KiB must hold
/// them.
pub(crate) const MAX_CLAIMS_BYTES: usize = 4 * 1024;
/// How deep claims may be nested.
pub(crate) const MAX_CLAIMS_DEPTH: usize = 8;

/// Keys and values that a host keeps on a session, and tokens never carry.
///
/// At most 64 entries, keys of 1 to 200 characters, values of at most 4 KiB, 16 KiB in all. `Debug`
/// shows the keys.
///
/// # Examples
/// ```
/// use session_issuer::metadata::Metadata;
///
/// let metadata = Metadata::of([("plan", "pro"), ("theme", "dark")])?;
/// assert_eq!(metadata.get("plan"), Some(b"pro".as_slice()));
/// assert!(Metadata::of([("photo", vec![0; 5000])]).is_err());
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Metadata(BTreeMap<String, Vec<u8>>);

impl Metadata {
    pub(crate) const EMPTY: Self = Self(BTreeMap::new());

    /// Metadata without an entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// These entries. Of two with one key the later counts, and an empty value removes its key
    /// (ZITADEL's rule).
    ///
    /// # Errors
    /// The first bound that is passed: of a key, a value, their number or their bytes in all.
    pub fn of(
        entries: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<[u8]>)>,
    ) -> Result<Self, InvalidInput> {
        let mut all = Self::new();
        for (key, value) in entries {
            all.set(key.as_ref(), value)?;
        }
        Ok(all)
    }

    /// Sets an entry; an empty value removes the key (ZITADEL's rule).
    ///
    /// # Errors
    /// Those of [`of`](Self::of). A refused entry changes nothing.
    pub fn set(&mut self, key: &str, value: impl AsRef<[u8]>) -> Result<(), InvalidInput> {
        let value = value.as_ref();
        check_text(InputField::MetadataKey, key)?;
        if value.is_empty() {
            self.0.remove(key);
            return Ok(());
        }
        if value.len() > MAX_VALUE_BYTES {
            return Err(InvalidInput::new(
                InputField::MetadataValue,
                Problem::TooLong(MAX_VALUE_BYTES),
            ));
        }
        let old = self.0.get(key).map_or(0, |old| key.len() + old.len());
        if old == 0 && self.0.len() >= MAX_ENTRIES {
            return Err(InvalidInput::new(InputField::Metadata, Problem::TooMany(MAX_ENTRIES)));
        }
        if self.bytes() - old + key.len() + value.len() > MAX_TOTAL_BYTES {
            return Err(InvalidInput::new(InputField::Metadata, Problem::TooLong(MAX_TOTAL_BYTES)));
        }
        self.0.insert(key.to_owned(), value.to_owned());
        Ok(())
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(key, value)| key.len() + value.len()).sum()
    }

    /// The value of this key.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.0.get(key).map(Vec::as_slice)
    }

    /// The entries, by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_slice()))
    }

    /// True when there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The number of entries.
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// Claim names that belong to this crate and to JWT; a host's claims never take their place.
pub const RESERVED_CLAIMS: [&str; 17] = [
    "iss",
    "sub",
    "aud",
    "exp",
    "nbf",
    "iat",
    "jti",
    "sid",
    "gen",
    "epo",
    "tenant",
    "auth_time",
    "amr",
    "acr",
    "act",
    "cnf",
    "typ",
];

/// Claims of the host's own, for its access tokens.
///
/// At most 64 names of 1 to 200 characters, none of them reserved, 4 KiB of JSON in all, nested at
/// most 8 deep. `Debug` shows the names.
///
/// # Examples
/// ```
/// use serde_json::json;
/// use session_issuer::metadata::HostClaims;
///
/// let claims = HostClaims::of([("role", json!("admin")), ("seats", json!(7))])?;
/// assert_eq!(claims.get("role"), Some(&json!("admin")));
/// assert!(HostClaims::of([("sub", "mallory")]).is_err());
/// # Ok::<(), session_issuer::error::InvalidInput>(())
/// ```
#[derive(Clone, PartialEq, Default)]
pub struct HostClaims(Map<String, Value>);

impl HostClaims {
    /// Claims without a name.
    pub fn new() -> Self {
        Self::default()
    }

    /// These claims. Of two with one name the later counts; `null` is a value like any other.
    ///
    /// # Errors
    /// The first bound that is passed: of a name, a depth, their number or their bytes as JSON. A
    /// reserved name is refused.
    pub fn of(
        claims: impl IntoIterator<Item = (impl AsRef<str>, impl Into<Value>)>,
    ) -> Result<Self, InvalidInput> {
        let mut all = Self::new();
        for (name, value) in claims {
            all.insert(name.as_ref(), value.into())?;
        }
        all.problem().map_or(Ok(all), Err)
    }

    /// Sets a claim; `null` is a value like any other.
    ///
    /// # Errors
    /// Those of [`of`](Self::of). A refused claim changes nothing.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) -> Result<(), InvalidInput> {
        let before = self.0.get(name).cloned();
        self.insert(name, value.into())?;
        let passed = self.problem();
        match (passed, before) {
            (None, _) => return Ok(()),
            (Some(_), Some(before)) => self.0.insert(name.to_owned(), before),
            (Some(_), None) => self.0.remove(name),
        };
        passed.map_or(Ok(()), Err)
    }

    fn insert(&mut self, name: &str, value: Value) -> Result<(), InvalidInput> {
        check_text(InputField::ClaimName, name)?;
        if RESERVED_CLAIMS.contains(&name) {
            return Err(InvalidInput::new(InputField::ClaimName, Problem::Reserved));
        }
        if depth(&value) > MAX_CLAIMS_DEPTH {
            return Err(InvalidInput::new(InputField::Claim, Problem::TooLarge));
        }
        if !self.0.contains_key(name) && self.0.len() >= MAX_ENTRIES {
            return Err(InvalidInput::new(InputField::Claims, Problem::TooMany(MAX_ENTRIES)));
        }
        self.0.insert(name.to_owned(), value);
        Ok(())
    }

    fn problem(&self) -> Option<InvalidInput> {
        let is_too_long = !self.is_empty() && self.json_bytes() > MAX_CLAIMS_BYTES;
        is_too_long
            .then(|| InvalidInput::new(InputField::Claims, Problem::TooLong(MAX_CLAIMS_BYTES)))
    }

    /// How many bytes they have together, as JSON.
    pub(crate) fn json_bytes(&self) -> usize {
        serde_json::to_vec(&self.0).map_or(usize::MAX / 2, |json| json.len())
    }

    pub(crate) fn from_verified(map: Map<String, Value>) -> Self {
        Self(map)
    }

    /// The value of this claim.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// The claims, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for HostClaims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_stays_within_each_of_its_bounds() {
        let mut metadata = Metadata::new();
        for n in 0..64 {
            metadata.set(&format!("k{n}"), "v").unwrap();
        }
        assert_eq!(
            metadata.set("k64", "v"),
            Err(InvalidInput::new(InputField::Metadata, Problem::TooMany(64)))
        );
        metadata.set("k63", "another").expect("a full one can still change");
        metadata.set("k1", "").unwrap();
        assert!(metadata.get("k1").is_none(), "an empty value removes");
        Metadata::of([("k", vec![0; 4096])]).unwrap();
        let long = InvalidInput::new(InputField::MetadataValue, Problem::TooLong(4096));
        assert_eq!(Metadata::of([("k", vec![0; 4097])]), Err(long));
        let nameless = InvalidInput::new(InputField::MetadataKey, Problem::Empty);
        assert_eq!(Metadata::of([("", "v")]), Err(nameless));
        let long = InvalidInput::new(InputField::MetadataKey, Problem::TooLong(200));
        assert_eq!(Metadata::of([("k".repeat(201), "v")]), Err(long));
        let mut full = Metadata::new();
        for n in 0..3 {
            full.set(&n.to_string(), vec![1; 4096]).unwrap();
        }
        assert_eq!(
            full.set("3", vec![1; 4096]),
            Err(InvalidInput::new(InputField::Metadata, Problem::TooLong(16384)))
        );
        full.set("2", vec![1; 4095]).unwrap();
        assert_eq!(full.get("2"), Some(&[1; 4095][..]));
    }

    #[test]
    fn host_claims_never_take_a_reserved_name_and_stay_small() {
        for name in RESERVED_CLAIMS {
            assert_eq!(
                HostClaims::of([(name, 1)]).unwrap_err(),
                InvalidInput::new(InputField::ClaimName, Problem::Reserved)
            );
        }
        let long = InvalidInput::new(InputField::Claims, Problem::TooLong(4096));
        assert_eq!(HostClaims::of([("big", "x".repeat(5000))]), Err(long));
        let mut deep = serde_json::json!(1);
        for _ in 0..9 {
            deep = serde_json::json!([deep]);
        }
        let too_deep = InvalidInput::new(InputField::Claim, Problem::TooLarge);
        assert_eq!(HostClaims::of([("deep", deep)]), Err(too_deep));
    }

    #[test]
    fn a_refused_claim_changes_nothing() {
        let mut claims = HostClaims::of([("role", "admin")]).unwrap();
        let before = claims.clone();
        for name in ["role", "other"] {
            let long = InvalidInput::new(InputField::Claims, Problem::TooLong(4096));
            assert_eq!(claims.set(name, "x".repeat(5000)), Err(long));
            assert_eq!(claims, before);
        }
        claims.set("role", "guest").unwrap();
        assert_eq!(claims.get("role"), Some(&Value::from("guest")));
    }
}
