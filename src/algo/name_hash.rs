//! A number for a path that puts what is likely to resemble each other side by side: git's
//! `pack_name_hash`. The last sixteen characters count, the last of them most, so that files of one
//! name or of one ending come together; white space does not count.

/// The hash of a path so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NameHash(u32);

impl NameHash {
    /// Of the root: the empty path.
    pub const ROOT: NameHash = NameHash(0);

    /// Of an entry of the directory whose hash this is.
    pub fn enter(self, name: &[u8]) -> NameHash {
        match self == NameHash::ROOT {
            true => self.add(name),
            false => self.add(b"/").add(name),
        }
    }

    fn add(self, bytes: &[u8]) -> NameHash {
        let counts = bytes.iter().filter(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'));
        NameHash(counts.fold(self.0, |hash, byte| (hash >> 2).wrapping_add(u32::from(*byte) << 24)))
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn a_path_has_the_hash_that_git_gives_it_however_deep_it_is() {
        let whole = |path: &str| {
            path.split('/')
                .fold(NameHash::ROOT, |hash, name| hash.enter(name.as_bytes()))
                .0
        };
        for (path, expected) in [
            ("", 0),
            ("a", 0x6100_0000),
            ("ab", 0x7a40_0000),
            ("a b", 0x7a40_0000),
            ("a/b", 0x73d0_0000),
            ("src/main.c", 0x7785_4ac0),
            ("Documentation/RelNotes/2.47.3.txt", 0x9a3a_ffc6),
        ] {
            assert_eq!(whole(path), expected, "{path}");
        }
    }
}
