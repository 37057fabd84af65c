//! A JSON object, written member by member: values by serde_json, names by us.

use serde::Serialize;

/// A JSON object that is being written: what it holds begins with a comma, which the brace takes
/// the place of.
pub(super) struct Object(pub(super) Vec<u8>);

impl Object {
    /// Adds a member of a name of ours: none has a character that JSON escapes.
    #[inline]
    pub(super) fn put<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        serde_json::to_writer(&mut self.0, value)
    }

    /// Adds a text of ours, which has no character that JSON escapes either.
    #[inline]
    pub(super) fn put_plain(&mut self, name: &'static str, text: &str) {
        for part in [",\"", name, "\":\"", text, "\""] {
            self.0.extend_from_slice(part.as_bytes());
        }
    }

    pub(super) fn put_named<T: Serialize + ?Sized>(
        &mut self,
        name: &str,
        value: &T,
    ) -> Result<(), serde_json::Error> {
        self.0.push(b',');
        serde_json::to_writer(&mut self.0, name)?;
        self.0.push(b':');
        serde_json::to_writer(&mut self.0, value)
    }

    pub(super) fn open(mut self) -> Vec<u8> {
        if let Some(comma) = self.0.first_mut() {
            *comma = b'{';
        }
        self.0
    }
}
