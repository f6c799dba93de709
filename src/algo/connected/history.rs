//! Walks over the commits that were noted: what of a history came, and where it goes on.

use std::collections::HashSet;

use super::Links;
use crate::format::oid::ObjectId;

impl Links {
    /// The noted commits by parent, for walks from several tips.
    pub fn history(&self) -> History<'_> {
        let mut parents = self.parents.clone();
        parents.sort_unstable();
        History { links: self, parents }
    }
}

/// The commits of a [`Links`] with their parents.
pub struct History<'a> {
    links: &'a Links,
    /// Commit and parent, in order.
    parents: Vec<(u32, u32)>,
}

/// What a walk over noted commits came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    /// The noted commits that were reached.
    pub inside: HashSet<ObjectId>,
    /// The commits they lead to that were not noted; among them the tip, if it was not.
    pub outside: Vec<ObjectId>,
}

impl History<'_> {
    /// Walks from `tip`, and no further once `goal` is reached; parents of the `shallow` commits do not
    /// count.
    pub fn from(&self, tip: &ObjectId, goal: Option<&ObjectId>, shallow: &HashSet<ObjectId>) -> Frontier {
        let mut frontier = Frontier::default();
        let mut seen = HashSet::from([*tip]);
        let mut waiting = vec![*tip];
        while let Some(oid) = waiting.pop() {
            let noted = self.links.find(&oid);
            let noted = noted.filter(|number| self.links.node(*number).is_some_and(|node| node.kind.is_some()));
            let Some(number) = noted else {
                frontier.outside.push(oid);
                continue;
            };
            frontier.inside.insert(oid);
            if Some(&oid) == goal {
                break;
            }
            if shallow.contains(&oid) {
                continue;
            }
            waiting.extend(self.edges(number).filter(|parent| seen.insert(*parent)));
        }
        frontier
    }

    /// The parents of a noted commit.
    pub fn parents(&self, oid: &ObjectId) -> impl Iterator<Item = ObjectId> {
        self.links.find(oid).into_iter().flat_map(|number| self.edges(number))
    }

    fn edges(&self, number: u32) -> impl Iterator<Item = ObjectId> {
        let first = self.parents.partition_point(|(commit, _)| *commit < number);
        let edges = self.parents.get(first..).unwrap_or_default().iter();
        let edges = edges.take_while(move |(commit, _)| *commit == number);
        edges.filter_map(|(_, parent)| self.links.node(*parent).map(|node| node.oid))
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::format::object::Kind;

    fn oid(name: u8) -> ObjectId {
        ObjectId::new([name; 20])
    }

    /// Commits by number, each with its parents.
    fn links(commits: &[(u8, &[u8])]) -> Links {
        let mut links = Links::new();
        for (name, parents) in commits {
            let mut content = format!("tree {}\n", oid(200)).into_bytes();
            for parent in *parents {
                content.extend_from_slice(format!("parent {}\n", oid(*parent)).as_bytes());
            }
            content.extend_from_slice(b"author a <a> 0 +0000\ncommitter a <a> 0 +0000\n\n");
            links.object(Kind::Commit, oid(*name), &content).unwrap();
        }
        links
    }

    fn walk(links: &Links, tip: u8, goal: Option<u8>, shallow: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let shallow = shallow.iter().map(|name| oid(*name)).collect();
        let frontier = links.history().from(&oid(tip), goal.map(oid).as_ref(), &shallow);
        let names = |oids: &mut dyn Iterator<Item = &ObjectId>| {
            let mut names: Vec<u8> = oids.map(|oid| oid.as_bytes()[0]).collect();
            names.sort_unstable();
            names
        };
        (names(&mut frontier.inside.iter()), names(&mut frontier.outside.iter()))
    }

    #[test]
    fn a_walk_tells_what_was_noted_and_where_it_leads_out() {
        let links = links(&[(5, &[4, 3]), (4, &[2]), (3, &[2, 1]), (2, &[9])]);
        assert_eq!(walk(&links, 5, None, &[]), (vec![2, 3, 4, 5], vec![1, 9]));
        assert_eq!(walk(&links, 4, None, &[]), (vec![2, 4], vec![9]));
        assert_eq!(
            walk(&links, 7, None, &[]),
            (vec![], vec![7]),
            "a tip that was not noted leads out itself"
        );
        assert_eq!(links.history().parents(&oid(3)).count(), 2);
        assert_eq!(links.history().parents(&oid(9)).count(), 0);
    }

    #[test]
    fn a_boundary_ends_it_and_so_does_its_goal() {
        let links = links(&[(5, &[4, 3]), (4, &[2]), (3, &[2, 1]), (2, &[9])]);
        assert_eq!(walk(&links, 5, None, &[2, 3]), (vec![2, 3, 4, 5], vec![]));
        let (inside, _) = walk(&links, 4, Some(4), &[]);
        assert_eq!(inside, [4]);
    }
}
