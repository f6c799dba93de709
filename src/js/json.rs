//! Objects as JSON text, for lists of thousands: a batch of them crosses to the page as one string,
//! and becomes objects there. One by one, each would be made here, taken apart and made again.

use super::value::MAX_SAFE;
use crate::ops::ObjectId;

/// An object that is being written. Names are our own words.
pub(super) struct Json(String);

impl Json {
    pub(super) fn new() -> Self {
        Json("{".to_owned())
    }

    /// A property that is text; bytes that are no UTF-8 become U+FFFD.
    pub(super) fn text(&mut self, name: &str, value: &[u8]) -> &mut Self {
        self.name(name);
        quote(&mut self.0, &String::from_utf8_lossy(value));
        self
    }

    /// A text that is absent where there is none.
    pub(super) fn maybe(&mut self, name: &str, value: Option<&[u8]>) -> &mut Self {
        match value {
            Some(value) => self.text(name, value),
            None => self,
        }
    }

    pub(super) fn oid(&mut self, name: &str, oid: &ObjectId) -> &mut Self {
        self.text(name, oid.to_string().as_bytes())
    }

    /// Seconds since 1970; 0 where a number is not exact, as git shows dates that it cannot hold.
    pub(super) fn seconds(&mut self, name: &str, value: i64) -> &mut Self {
        let exact = if value.unsigned_abs() <= MAX_SAFE { value } else { 0 };
        self.json(name, &exact.to_string())
    }

    /// An array of what is JSON already.
    pub(super) fn list(&mut self, name: &str, items: &mut dyn Iterator<Item = String>) -> &mut Self {
        self.json(name, "[");
        for (at, item) in items.enumerate() {
            if at > 0 {
                self.0.push(',');
            }
            self.0.push_str(&item);
        }
        self.0.push(']');
        self
    }

    /// A property whose JSON is there.
    pub(super) fn json(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.0.push_str(value);
        self
    }

    fn name(&mut self, name: &str) {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        quote(&mut self.0, name);
        self.0.push(':');
    }

    pub(super) fn end(&mut self) -> String {
        self.0.push('}');
        std::mem::take(&mut self.0)
    }
}

/// A string (RFC 8259, section 7).
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    quote(&mut quoted, text);
    quoted
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    let mut plain = text;
    while let Some(at) = plain.find(|letter| letter < ' ' || letter == '"' || letter == '\\') {
        let (before, rest) = plain.split_at(at);
        let mut rest = rest.chars();
        let letter = rest.next().map_or(0, u32::from);
        out.push_str(before);
        // All that need it have two digits.
        out.push_str("\\u00");
        out.extend(
            [letter >> 4, letter & 15]
                .into_iter()
                .filter_map(|digit| char::from_digit(digit, 16)),
        );
        plain = rest.as_str();
    }
    out.push_str(plain);
    out.push('"');
}
