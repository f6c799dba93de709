use super::*;
use crate::format::hash::hash_object;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

type Object = (Kind, ObjectId, Vec<u8>);

fn object(kind: Kind, content: impl Into<Vec<u8>>) -> Object {
    let content = content.into();
    (kind, hash_object(kind, &content).unwrap(), content)
}

fn tree(entries: &[(&str, &str, ObjectId)]) -> Object {
    let mut content = Vec::new();
    for (mode, name, oid) in entries {
        content.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        content.extend_from_slice(oid.as_bytes());
    }
    object(Kind::Tree, content)
}

fn commit(tree: ObjectId, parents: &[ObjectId]) -> Object {
    let mut text = format!("tree {tree}\n");
    for parent in parents {
        text += &format!("parent {parent}\n");
    }
    object(
        Kind::Commit,
        text + "author a <a> 0 +0000\ncommitter a <a> 0 +0000\n\nm\n",
    )
}

fn tag(target: &Object, kind: &str) -> Object {
    object(Kind::Tag, format!("object {}\ntype {kind}\ntag t\n\nm\n", target.1))
}

/// blob, tree, first commit, second commit, tag; all linked.
fn history() -> Vec<Object> {
    let blob = object(Kind::Blob, "hello");
    let sub = tree(&[("100644", "f", blob.1)]);
    let root = tree(&[
        ("100755", "a", blob.1),
        ("40000", "d", sub.1),
        ("160000", "module", ObjectId::new([7; 20])),
    ]);
    let first = commit(sub.1, &[]);
    let second = commit(root.1, &[first.1]);
    let tag = tag(&second, "commit");
    vec![blob, sub, root, first, second, tag]
}

fn links<'a>(objects: impl IntoIterator<Item = &'a Object>) -> Result<Links, LinkError> {
    let mut links = Links::with_seed(99);
    for (kind, oid, content) in objects {
        links.object(*kind, *oid, content)?;
    }
    Ok(links)
}

fn walk(objects: &[Object], tips: &[ObjectId], shallow: &[ObjectId]) -> Result<(), NotConnected> {
    let mut walk = Walk::new(tips, shallow, 5);
    loop {
        let wanted = walk.wanted(2);
        if wanted.is_empty() {
            return walk.finish();
        }
        for (oid, _) in wanted {
            if let Some((kind, oid, content)) = objects.iter().find(|object| object.1 == oid) {
                walk.object(*kind, *oid, content).unwrap();
            }
        }
    }
}

#[test]
fn a_complete_history_misses_nothing_in_either_order() {
    let objects = history();
    let tip = objects[5].1;
    let forth = links(&objects).unwrap();
    let back = links(objects.iter().rev()).unwrap();
    assert!(forth.missing(&[], &[tip]).is_empty());
    assert!(back.missing(&[], &[tip]).is_empty());
    assert_eq!(forth.kind(&tip), Some(Kind::Tag));
    assert_eq!(walk(&objects, &[tip], &[]), Ok(()));
}

#[test]
fn every_object_left_out_is_missed_and_its_referrer_is_named() {
    let objects = history();
    let tip = objects[5].1;
    for left_out in 0..objects.len() {
        let mut rest = objects.clone();
        let (kind, oid, _) = rest.remove(left_out);
        let links = links(&rest).unwrap();
        let missing = links.missing(&[], &[tip]);
        let expected = (left_out != 5).then_some(kind);
        assert_eq!(missing, [(oid, expected)], "{kind} left out");
        let error = links.not_connected(&missing);
        assert_eq!((error.count, error.missing.len()), (1, 1));
        let (named, referrer) = error.missing[0];
        assert_eq!((named, referrer.is_some()), (oid, left_out != 5));
        assert_eq!(walk(&rest, &[tip], &[]).unwrap_err().missing[0].0, oid);
    }
}

#[test]
fn a_shallow_boundary_cuts_the_parents_of_its_commits_only() {
    let mut objects = history();
    let first = objects.remove(3);
    let second = objects[3].clone();
    assert!(links(&objects).unwrap().missing(&[second.1], &[second.1]).is_empty());
    assert_eq!(walk(&objects, &[second.1], &[second.1]), Ok(()));
    let other = commit(objects[1].1, &[first.1]);
    objects.push(other.clone());
    let links = links(&objects).unwrap();
    assert_eq!(links.missing(&[second.1], &[]), [(first.1, Some(Kind::Commit))]);
    assert!(links.missing(&[second.1, other.1], &[]).is_empty());
    assert!(walk(&objects, &[second.1, other.1], &[second.1]).is_err());
}

#[test]
fn what_no_tip_reaches_may_be_incomplete_for_the_walk_alone() {
    let mut objects = history();
    let tip = objects[5].1;
    let stray = tree(&[("100644", "gone", ObjectId::new([3; 20]))]);
    objects.push(stray.clone());
    let links = links(&objects).unwrap();
    let missing = links.missing(&[], &[tip]);
    assert_eq!(missing, [(ObjectId::new([3; 20]), Some(Kind::Blob))]);
    assert_eq!(links.not_connected(&missing).missing[0].1, Some(stray.1));
    assert_eq!(walk(&objects, &[tip], &[]), Ok(()));
}

#[test]
fn an_object_of_another_kind_than_named_is_refused_in_either_order() {
    let blob = object(Kind::Blob, "x");
    let good = tree(&[("100644", "f", blob.1)]);
    let cases = [
        (blob.clone(), tree(&[("40000", "d", blob.1)])),
        (blob.clone(), commit(blob.1, &[])),
        (blob.clone(), tag(&blob, "tree")),
        (good.clone(), tree(&[("120000", "link", good.1)])),
        (good.clone(), commit(good.1, &[good.1])),
    ];
    for (target, referrer) in cases {
        for order in [[&target, &referrer], [&referrer, &target]] {
            let Err(LinkError::Kind { oid, found, .. }) = links(order).map(|_| ()) else {
                panic!("{referrer:?} was accepted");
            };
            assert!(oid == target.1 || found == target.0);
        }
    }
    // Two names that contradict each other, the object itself absent.
    let gone = ObjectId::new([1; 20]);
    let both = [tree(&[("100644", "f", gone)]), tree(&[("40000", "f", gone)])];
    assert!(matches!(links(&both).map(|_| ()), Err(LinkError::Kind { .. })));
}

#[test]
fn malformed_objects_are_refused_by_name() {
    for (kind, content) in [
        (Kind::Tree, &b"100644 f\0short"[..]),
        (Kind::Commit, b"no tree"),
        (Kind::Tag, b"object none"),
    ] {
        let (kind, oid, content) = object(kind, content);
        let result = links(&[(kind, oid, content)]).map(|_| ());
        assert_eq!(result, Err(LinkError::Malformed { oid, kind }));
    }
}

#[test]
fn a_hundred_thousand_ids_find_their_places() {
    let mut links = Links::with_seed(3);
    let oid = |number: u32| {
        let mut bytes = [0; 20];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        ObjectId::new(bytes)
    };
    for number in 0..100_000 {
        links.blob(oid(number)).unwrap();
        links.blob(oid(number / 2)).unwrap();
    }
    assert_eq!(links.nodes.len(), 100_000);
    assert!((0..100_000).all(|number| links.kind(&oid(number)) == Some(Kind::Blob)));
    assert_eq!(links.kind(&oid(100_000)), None);
    assert!(size_of::<Node>() <= 28);
}
