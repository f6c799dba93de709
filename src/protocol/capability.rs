//! Capabilities: gitprotocol-capabilities(5) for versions 0 and 1, gitprotocol-v2(5) "Capability
//! Advertisement" for version 2.
//!
//! Whole tokens are compared, so that `multi_ack` is not found in `multi_ack_detailed` nor in an
//! agent's name. Unknown capabilities are kept and ignored. Every look-up is one pass over what
//! was advertised, however often a key is repeated.

use super::text::quote;

/// The hash function of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObjectFormat {
    /// SHA-1, said or unsaid.
    Sha1,
    /// SHA-256.
    Sha256,
    /// Something else; cleaned text.
    Unknown(String),
}

impl ObjectFormat {
    fn from_value(value: Option<&[u8]>) -> Self {
        match value {
            None | Some(b"sha1") => ObjectFormat::Sha1,
            Some(b"sha256") => ObjectFormat::Sha256,
            Some(other) => ObjectFormat::Unknown(quote(other)),
        }
    }

    /// The name git uses.
    pub fn name(&self) -> &str {
        match self {
            ObjectFormat::Sha1 => "sha1",
            ObjectFormat::Sha256 => "sha256",
            ObjectFormat::Unknown(name) => name,
        }
    }
}

/// What a server of version 0 or 1 can do: the words after the NUL of its first line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct V0Capabilities {
    line: Vec<u8>,
}

impl V0Capabilities {
    /// From everything after the NUL.
    pub fn parse(line: &[u8]) -> Self {
        V0Capabilities { line: line.to_vec() }
    }

    /// Whether it is there, with or without a value.
    pub fn has(&self, key: &str) -> bool {
        self.tokens().any(|(name, _)| name == key.as_bytes())
    }

    /// Its first value.
    pub fn value(&self, key: &str) -> Option<&[u8]> {
        let mut tokens = self.tokens().filter(|(name, _)| *name == key.as_bytes());
        tokens.find_map(|(_, value)| value)
    }

    /// All its values, in order.
    pub fn values<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.tokens()
            .filter(move |(name, _)| *name == key.as_bytes())
            .filter_map(|(_, value)| value)
    }

    /// The symrefs told, as name and target; malformed ones are left out. The names are not checked.
    pub fn symrefs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.values("symref").filter_map(|pair| split_at_byte(pair, b':'))
    }

    /// The hash function: the first one named.
    pub fn object_format(&self) -> ObjectFormat {
        ObjectFormat::from_value(self.value("object-format"))
    }

    /// Everything that was advertised, word by word.
    pub fn words(&self) -> impl Iterator<Item = &[u8]> {
        let words = self.line.split(|byte| matches!(byte, b' ' | b'\n' | b'\t' | b'\r'));
        words.filter(|word| !word.is_empty())
    }

    fn tokens(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.words().map(key_and_value)
    }
}

/// What a server of version 2 can do: one line for each capability.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct V2Capabilities {
    lines: Vec<Vec<u8>>,
}

impl V2Capabilities {
    /// Adds a line, without its LF.
    pub fn push(&mut self, line: &[u8]) {
        self.lines.push(line.to_vec());
    }

    /// Whether it is there, with or without a value.
    pub fn has(&self, key: &str) -> bool {
        self.pairs().any(|(name, _)| name == key.as_bytes())
    }

    /// Its first value.
    pub fn value(&self, key: &str) -> Option<&[u8]> {
        self.pairs()
            .find(|(name, _)| *name == key.as_bytes())
            .and_then(|(_, value)| value)
    }

    /// Whether a command has a feature: `feature("fetch", "shallow")`.
    pub fn feature(&self, command: &str, feature: &str) -> bool {
        let value = self.value(command).unwrap_or_default();
        value.split(|byte| *byte == b' ').any(|word| word == feature.as_bytes())
    }

    /// The hash function: the first one named.
    pub fn object_format(&self) -> ObjectFormat {
        ObjectFormat::from_value(self.value("object-format"))
    }

    /// Everything that was advertised, line by line.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.iter().map(Vec::as_slice)
    }

    fn pairs(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        self.lines.iter().map(|line| key_and_value(line))
    }
}

fn key_and_value(word: &[u8]) -> (&[u8], Option<&[u8]>) {
    match split_at_byte(word, b'=') {
        Some((key, value)) => (key, Some(value)),
        None => (word, None),
    }
}

/// The bytes before and after the first `byte`.
pub(crate) fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|other| *other == byte)?;
    Some((bytes.get(..at)?, bytes.get(at + 1..)?))
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn only_whole_words_count() {
        let caps = V0Capabilities::parse(b" multi_ack_detailed side-band-64k  agent=x-multi_ack/side-band thin-pack\n");
        for (key, expected) in [
            ("multi_ack_detailed", true),
            ("side-band-64k", true),
            ("agent", true),
            ("thin-pack", true),
            ("multi_ack", false),
            ("side-band", false),
            ("multi_ack_detailed side-band-64k", false),
            ("x-multi_ack", false),
            ("", false),
        ] {
            assert_eq!(caps.has(key), expected, "{key}");
        }
        assert_eq!(caps.value("agent"), Some(&b"x-multi_ack/side-band"[..]));
        assert_eq!(caps.value("thin-pack"), None);
    }

    #[test]
    fn symrefs_are_several_and_malformed_ones_are_left_out() {
        let caps =
            V0Capabilities::parse(b"symref=HEAD:refs/heads/main symref symref=HEAD symref= symref=A:B:C symref=:");
        let pairs: Vec<_> = caps.symrefs().collect();
        assert_eq!(
            pairs,
            [(&b"HEAD"[..], &b"refs/heads/main"[..]), (b"A", b"B:C"), (b"", b"")]
        );
    }

    #[test]
    fn the_first_object_format_counts() {
        for (line, expected) in [
            ("agent=git/2", ObjectFormat::Sha1),
            ("object-format=sha1 object-format=sha256", ObjectFormat::Sha1),
            ("object-format=sha256 object-format=sha1", ObjectFormat::Sha256),
            ("object-format=\x1bmd5", ObjectFormat::Unknown("^[md5".to_owned())),
            ("object-format object-format=sha256", ObjectFormat::Sha256),
            ("xobject-format=sha256", ObjectFormat::Sha1),
        ] {
            assert_eq!(
                V0Capabilities::parse(line.as_bytes()).object_format(),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn features_of_a_command_are_words_of_its_value() {
        let mut caps = V2Capabilities::default();
        for line in [
            &b"agent=git/2.47"[..],
            b"ls-refs=unborn",
            b"fetch=shallow wait-for-done filter",
            b"foo",
            b"bar=baz qux",
        ] {
            caps.push(line);
        }
        for (command, feature, expected) in [
            ("fetch", "shallow", true),
            ("fetch", "filter", true),
            ("fetch", "wait-for", false),
            ("fetch", "unborn", false),
            ("ls-refs", "unborn", true),
            ("bar", "qux", true),
            ("foo", "foo", false),
            ("object-info", "size", false),
        ] {
            assert_eq!(caps.feature(command, feature), expected, "{command} {feature}");
        }
        assert!(caps.has("foo") && caps.has("fetch") && !caps.has("fetc") && !caps.has("shallow"));
    }

    #[test]
    fn a_megabyte_of_symrefs_is_read_in_one_pass() {
        let line = "symref=HEAD:refs/heads/main symref=HEAD ".repeat(25_000);
        let caps = V0Capabilities::parse(line.as_bytes());
        assert_eq!(caps.symrefs().count(), 25_000);
        assert_eq!(caps.object_format(), ObjectFormat::Sha1);
    }
}
