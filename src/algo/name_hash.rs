//! A number for a path that puts what is likely to resemble each other side by side: git's
//! `pack_name_hash`. The last sixteen characters count, the last of them most, so that files of one
//! name or of one ending come together; white space does not count. Many paths share one number.

/// The hash of a path so far. Two that are equal are, but for a rare chance, of one path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NameHash {
    order: u32,
    /// Of the whole path: FNV-1a.
    path: u32,
}

impl NameHash {
    /// Of the root: the empty path.
    pub const ROOT: NameHash = NameHash {
        order: 0,
        path: 0x811c_9dc5,
    };

    /// Of an entry of the directory whose hash this is.
    pub fn enter(self, name: &[u8]) -> NameHash {
        match self == NameHash::ROOT {
            true => self.add(name),
            false => self.add(b"/").add(name),
        }
    }

    fn add(self, bytes: &[u8]) -> NameHash {
        let counts = bytes.iter().filter(|byte| !matches!(byte, b' ' | b'\t'..=b'\r'));
        NameHash {
            order: counts.fold(self.order, |hash, byte| {
                (hash >> 2).wrapping_add(u32::from(*byte) << 24)
            }),
            path: bytes.iter().fold(self.path, |hash, byte| {
                (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
            }),
        }
    }

    /// The number.
    pub fn order(self) -> u32 {
        self.order
    }
}

impl Default for NameHash {
    fn default() -> Self {
        NameHash::ROOT
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
                .order()
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

    #[test]
    fn paths_of_one_number_are_told_apart() {
        let enter = |names: [&str; 2]| NameHash::ROOT.enter(names[0].as_bytes()).enter(names[1].as_bytes());
        let (one, other) = (enter(["a", "b c"]), enter(["a", "bc"]));
        assert_eq!(one.order(), other.order());
        assert_ne!(one, other);
        assert_eq!(one, enter(["a", "b c"]));
    }
}
