//! How links that were noted on another thread come together with those noted here.
//!
//! ```text
//! count: u32 | node * count | parent * rest
//! node:   id | kinds: u8 (what it is, and 16 times what it is named as; 0: unknown) | referrer: u32
//! parent: commit: u32 | parent: u32
//! ```
//!
//! Numbers are those of the other thread's nodes, in order, over all pieces.

use super::{LinkError, Links, NONE, Node, index};
use crate::format::object::Kind;
use crate::format::oid::{OID_LEN, ObjectId};
use crate::format::reader::Reader;

impl Links {
    /// A piece of what was noted: `nodes` of them from number `from` on, and, with the last of
    /// them, which commits have which parents. Empty beyond the last.
    pub fn piece(&self, from: u32, nodes: u32) -> Vec<u8> {
        let piece = self.nodes.get(index(from)..).unwrap_or_default();
        let piece = piece.get(..index(nodes)).unwrap_or(piece);
        if piece.is_empty() {
            return Vec::new();
        }
        let mut out = Vec::with_capacity(4 + piece.len() * NODE_LEN);
        out.extend_from_slice(&u32::try_from(piece.len()).unwrap_or(NONE).to_be_bytes());
        for node in piece {
            let number = |kind: Option<Kind>| kind.map_or(0, |kind| kind as u8);
            out.extend_from_slice(node.oid.as_bytes());
            out.push(number(node.kind) | number(node.expected) << 4);
            out.extend_from_slice(&node.referrer.to_be_bytes());
        }
        if index(from) + piece.len() == self.nodes.len() {
            for (commit, parent) in &self.parents {
                out.extend_from_slice(&commit.to_be_bytes());
                out.extend_from_slice(&parent.to_be_bytes());
            }
        }
        out
    }
}

const NODE_LEN: usize = OID_LEN + 1 + 4;

/// Links of another thread, while they are taken over.
#[derive(Default)]
pub struct Merging {
    /// The number here of each node there.
    numbers: Vec<u32>,
    /// Nodes here whose referrers come in a later piece, with their numbers there.
    later: Vec<(u32, u32)>,
}

impl Merging {
    /// How many nodes came.
    pub fn nodes(&self) -> u32 {
        u32::try_from(self.numbers.len()).unwrap_or(NONE)
    }

    /// Takes the next [piece](Links::piece). `None`: it is none.
    pub fn take(&mut self, links: &mut Links, piece: &[u8]) -> Option<Result<(), LinkError>> {
        let mut reader = Reader::new(piece);
        let count = u32::from_be_bytes(reader.array()?);
        for _ in 0..count {
            let oid = ObjectId::new(reader.array::<OID_LEN>()?);
            let kinds = reader.byte()?;
            let referrer = u32::from_be_bytes(reader.array()?);
            let (kind, expected) = (Kind::from_number(kinds & 15), Kind::from_number(kinds >> 4));
            match self.node(links, oid, kind, expected, referrer) {
                Ok(number) => self.numbers.push(number),
                Err(error) => return Some(Err(error)),
            }
        }
        while !reader.is_empty() {
            let mut number = || self.numbers.get(index(u32::from_be_bytes(reader.array()?))).copied();
            links.parents.push((number()?, number()?));
        }
        for (number, referrer) in &self.later {
            let referrer = self.numbers.get(index(*referrer)).copied();
            if let (Some(node), Some(referrer)) = (links.nodes.get_mut(index(*number)), referrer)
                && node.referrer == NONE
            {
                node.referrer = referrer;
            }
        }
        self.later
            .retain(|(_, referrer)| index(*referrer) >= self.numbers.len());
        Some(Ok(()))
    }

    fn node(
        &mut self,
        links: &mut Links,
        oid: ObjectId,
        kind: Option<Kind>,
        expected: Option<Kind>,
        referrer: u32,
    ) -> Result<u32, LinkError> {
        let malformed = LinkError::Malformed {
            oid,
            kind: kind.or(expected).unwrap_or(Kind::Blob),
        };
        let number = links.intern(oid).ok_or(malformed.clone())?;
        let Some(node) = links.nodes.get_mut(index(number)) else {
            return Err(malformed);
        };
        let (is, named) = (node.kind.or(kind), node.expected.or(expected));
        let clash = |expected: Kind, found: Kind, referrer: Option<ObjectId>| LinkError::Kind {
            oid,
            expected,
            found,
            referrer,
        };
        for (expected, found) in [(named, is), (expected, node.expected)] {
            if let (Some(expected), Some(found)) = (expected, found)
                && expected != found
            {
                let referrer = node.referrer;
                let referrer = links.node(referrer).map(|node: &Node| node.oid);
                return Err(clash(expected, found, referrer));
            }
        }
        (node.kind, node.expected) = (is, named);
        if node.referrer == NONE && referrer != NONE {
            match self.numbers.get(index(referrer)) {
                Some(referrer) => node.referrer = *referrer,
                None => self.later.push((number, referrer)),
            }
        }
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    fn oid(number: u8) -> ObjectId {
        ObjectId::new([number; OID_LEN])
    }

    fn tree(entries: &[(&str, u8, u8)]) -> Vec<u8> {
        let mut out = Vec::new();
        for (mode, name, to) in entries {
            out.extend_from_slice(format!("{mode} {}\0", char::from(*name)).as_bytes());
            out.extend_from_slice(oid(*to).as_bytes());
        }
        out
    }

    fn commit(tree: u8, parents: &[u8]) -> Vec<u8> {
        let mut out = format!("tree {}\n", oid(tree)).into_bytes();
        for parent in parents {
            out.extend_from_slice(format!("parent {}\n", oid(*parent)).as_bytes());
        }
        out.extend_from_slice(b"author A <a@b> 1 +0000\ncommitter A <a@b> 1 +0000\n\n");
        out
    }

    /// Objects that name each other in every way, and some that are not there.
    fn objects() -> Vec<(Kind, u8, Vec<u8>)> {
        vec![
            (Kind::Commit, 1, commit(10, &[])),
            (Kind::Commit, 2, commit(11, &[1])),
            (Kind::Commit, 3, commit(12, &[2, 4])),
            (Kind::Tree, 10, tree(&[("100644", b'a', 20), ("40000", b'b', 11)])),
            (Kind::Tree, 11, tree(&[("100644", b'a', 21), ("160000", b's', 99)])),
            (Kind::Blob, 20, b"x".to_vec()),
        ]
    }

    fn note(links: &mut Links, objects: &[(Kind, u8, Vec<u8>)]) {
        for (kind, number, content) in objects {
            links.object(*kind, oid(*number), content).unwrap();
        }
    }

    fn merge(into: &mut Links, from: &Links, nodes: u32) -> Result<(), LinkError> {
        let mut merging = Merging::default();
        loop {
            let piece = from.piece(merging.nodes(), nodes);
            if piece.is_empty() {
                assert_eq!(u64::from(merging.nodes()), from.ids());
                assert!(merging.later.is_empty());
                return Ok(());
            }
            merging.take(into, &piece).expect("a piece")?;
        }
    }

    #[test]
    fn however_objects_are_shared_out_the_same_is_missing() {
        let objects = objects();
        let mut together = Links::new();
        note(&mut together, &objects);
        let sorted = |links: &Links, shallow: &[ObjectId]| {
            let mut missing = links.missing(shallow, &[oid(3)]);
            missing.sort();
            missing
        };
        for shares in 0..1u32 << objects.len() {
            let (mut here, mut there) = (Links::with_seed(1), Links::with_seed(2));
            for (bit, object) in objects.iter().enumerate() {
                let links = if shares >> bit & 1 == 1 { &mut there } else { &mut here };
                note(links, std::slice::from_ref(object));
            }
            for nodes in [1, 3, 100] {
                let mut merged = Links::with_seed(3);
                merge(&mut merged, &here, nodes).unwrap();
                merge(&mut merged, &there, nodes).unwrap();
                for shallow in [&[][..], &[oid(3)]] {
                    assert_eq!(sorted(&merged, shallow), sorted(&together, shallow), "{shares:b}");
                }
                for (missing, _) in together.missing(&[], &[]) {
                    assert!(merged.referrer(&missing).is_some());
                }
                assert_eq!(merged.ids(), together.ids());
            }
        }
    }

    #[test]
    fn kinds_that_clash_are_found_wherever_they_were_noted() {
        let clashes: [[(Kind, u8, Vec<u8>); 2]; 2] = [
            [
                (Kind::Tree, 10, tree(&[("40000", b'a', 20)])),
                (Kind::Blob, 20, b"x".to_vec()),
            ],
            [
                (Kind::Tree, 10, tree(&[("40000", b'a', 20)])),
                (Kind::Tree, 11, tree(&[("100644", b'a', 20)])),
            ],
        ];
        for [one, other] in clashes {
            for (one, other) in [(&one, &other), (&other, &one)] {
                let (mut here, mut there) = (Links::new(), Links::new());
                note(&mut here, std::slice::from_ref(one));
                note(&mut there, std::slice::from_ref(other));
                let error = merge(&mut here, &there, 100).unwrap_err();
                assert!(matches!(error, LinkError::Kind { oid: clash, .. } if clash == oid(20)));
            }
        }
    }

    #[test]
    fn what_is_no_piece_is_told_from_one() {
        let mut links = Links::new();
        note(&mut links, &objects());
        let piece = links.piece(0, 100);
        for length in 0..piece.len() {
            let mut into = Links::new();
            let taken = Merging::default().take(&mut into, &piece[..length]);
            // Cut between two parents it is a piece of fewer.
            assert!(
                taken.is_none() || (piece.len() - length).is_multiple_of(8),
                "{length} bytes"
            );
        }
    }
}
