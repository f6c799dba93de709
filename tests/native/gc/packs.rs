//! What comes out is one pack, which git takes, and which holds what there was.

use std::collections::BTreeSet;

use gitside::format::oid::ObjectId;
use gitside::ops::gc::Grace;
use gitside_server::repos::Repo;

use crate::history::{Growing, all, pack_of, reachable, scatter};
use crate::oracle::{Listing, write_bare};
use crate::pack_oracle::{GitIndexer, Random};
use crate::support::run;
use crate::world::{From, NOW, World, ids, packs, read_all};

/// A pack of what is new, completed as git completes the thin pack of a fetch.
fn completed(git: &Repo, mirror: &Repo, old: Option<ObjectId>, new: ObjectId) -> Vec<u8> {
    let revs = match old {
        Some(old) => format!("{new}\n^{old}\n"),
        None => format!("{new}\n"),
    };
    let thin = ["pack-objects", "--revs", "--thin", "--stdout", "-q", "--threads=1"];
    let thin = git.git_with(thin, revs.as_bytes()).unwrap();
    let kept = mirror.git_with(["index-pack", "--fix-thin", "--stdin"], &thin).unwrap();
    let name = String::from_utf8(kept).unwrap();
    let name = name.split_whitespace().last().unwrap().to_owned();
    std::fs::read(mirror.path().join(format!("objects/pack/pack-{name}.pack"))).unwrap()
}

#[test]
fn after_fifty_small_fetches_one_pack_is_left_that_git_takes_and_that_is_no_larger() {
    let scratch = tempfile::tempdir().unwrap();
    let mut growing = Growing::new(&scratch.path().join("growing.git"));
    let mirror = Repo::init(scratch.path().join("mirror.git"), "main").unwrap();
    let world = World::new();
    let (mut old, mut known) = (None, BTreeSet::new());
    for fetch in 0..50 {
        let new = growing.grow();
        let pack = completed(&growing.git, &mirror, old, new);
        let fresh: Vec<ObjectId> = all(&growing.git).difference(&known).copied().collect();
        // Small fetches are taken apart, others keep their pack.
        match fetch % 3 {
            1 => world.rows(&growing.git, &fresh),
            _ => {
                world.pack(&pack, From::Remote);
                let tags: Vec<ObjectId> = fresh.iter().copied().filter(|oid| is_tag(&growing.git, oid)).collect();
                world.rows(&growing.git, &tags);
            }
        }
        known.extend(fresh);
        old = Some(new);
    }
    world.refs_of(&growing.git);
    let repo = world.open();
    assert_eq!(ids(&repo), known);
    let before = run(repo.usage()).unwrap().stats;
    assert!(before.packs > 30);
    let report = world.gc(Grace::default()).unwrap();
    assert_eq!(
        (report.packs_before, report.packs, report.dropped, report.objects),
        (before.packs, 1, 0, known.len() as u64)
    );
    assert!(
        report.bytes * 10 <= before.bytes * 12,
        "{} bytes of {}",
        report.bytes,
        before.bytes
    );
    // The handle from before sees it all, and so does git.
    let after = run(repo.usage()).unwrap().stats;
    assert_eq!(
        (after.packs, after.bytes, after.objects),
        (1, report.bytes, report.objects)
    );
    assert_eq!(ids(&repo), known);
    read_all(&repo, &known);
    let [pack] = &packs(&world)[..] else { panic!() };
    let listed = GitIndexer::new("gc-fifty").index(pack, &["--strict"]).unwrap();
    assert_eq!(listed, known.iter().copied().collect::<Vec<_>>());
    assert_eq!(pack.len() as u64, report.bytes);
    assert_eq!(world.leaked(), 0);
    // Again: there is nothing to do.
    let bytes = world.storage.bytes();
    let again = world.gc(Grace::default()).unwrap();
    assert_eq!((again.bytes, again.packs, again.dropped), (report.bytes, 1, 0));
    assert_eq!((world.storage.bytes(), packs(&world)), (bytes, vec![pack.clone()]));
}

fn is_tag(git: &Repo, oid: &ObjectId) -> bool {
    git.git_line(["cat-file", "-t", &oid.to_hex()]).unwrap() == "tag"
}

#[test]
fn random_repositories_scattered_over_packs_and_rows_come_out_as_git_has_them() {
    let scratch = tempfile::tempdir().unwrap();
    for seed in 0..12 {
        let path = scratch.path().join(format!("{seed}.git"));
        let git = gitside_server::repos::generate(&path, seed, 40).unwrap();
        let mut random = Random(seed + 77);
        // Refs that go leave objects behind that nothing reaches.
        let names = git.git_line(["for-each-ref", "--format=%(refname)"]).unwrap();
        for name in names.lines().filter(|_| random.below(4) == 0) {
            git.git(["update-ref", "--no-deref", "-d", name]).unwrap();
        }
        let (stored, kept) = (all(&git), reachable(&git));
        let world = World::of(&scatter(&git, &stored, &mut random));
        let older = world.open();
        assert_eq!(ids(&older), stored, "seed {seed}");
        // With grace everything stays; what nothing reaches gets a pack of its own.
        let report = world.gc(Grace::default()).unwrap();
        assert_eq!(report.objects, stored.len() as u64);
        assert_eq!(report.packs, 1 + u64::from(stored != kept), "seed {seed}");
        assert_eq!(ids(&older), stored, "seed {seed}");
        read_all(&older, &stored);
        // Without, what git would keep stays.
        let report = world.gc(NOW).unwrap();
        assert_eq!(report.dropped, (stored.len() - kept.len()) as u64, "seed {seed}");
        assert_eq!(report.packs, 1);
        let newer = world.open();
        assert_eq!(ids(&newer), kept, "seed {seed}");
        read_all(&newer, &kept);
        read_all(&older, &kept);
        let bare = scratch.path().join(format!("{seed}-copy.git"));
        let copy = run(write_bare(&world.task(), &newer, &bare));
        let fsck = copy.git(["fsck", "--full", "--strict", "--no-dangling", "--connectivity-only"]);
        fsck.unwrap();
        assert_eq!(all(&copy), kept, "seed {seed}");
        let ours = run(Listing::of_gitside(&world.task(), &newer)).objects;
        let mut gits = Listing::of_git(&git).objects;
        gits.retain(|oid, _| kept.contains(&oid.parse().unwrap()));
        assert!(ours == gits, "seed {seed}");
        assert_eq!(world.leaked(), 0);
    }
}

#[test]
fn chains_grow_no_longer_than_gits_default_when_every_pack_builds_on_the_one_before() {
    let scratch = tempfile::tempdir().unwrap();
    let mut growing = Growing::new(&scratch.path().join("growing.git"));
    let mirror = Repo::init(scratch.path().join("mirror.git"), "main").unwrap();
    let world = World::new();
    let mut old = None;
    // One file changes again and again: thirty steps bring it round.
    for _ in 0..80 {
        let new = growing.grow();
        world.pack(&completed(&growing.git, &mirror, old, new), From::Remote);
        world.refs(&[("refs/heads/main", Some(new))]);
        world.gc(NOW).unwrap();
        old = Some(new);
    }
    let [pack] = &packs(&world)[..] else { panic!() };
    let copy = Repo::init(scratch.path().join("copy.git"), "main").unwrap();
    copy.git_with(["index-pack", "--stdin", "--strict"], pack).unwrap();
    let idx = std::fs::read_dir(copy.path().join("objects/pack")).unwrap();
    let mut idx = idx.map(|file| file.unwrap().path());
    let idx = idx
        .find(|path| path.extension().is_some_and(|end| end == "idx"))
        .unwrap();
    let verified = copy.git_line(["verify-pack", "-v", idx.to_str().unwrap()]).unwrap();
    let depths = verified.lines().filter_map(|line| line.strip_prefix("chain length = "));
    let deepest = depths
        .map(|line| line.split(':').next().unwrap().parse::<u32>().unwrap())
        .max();
    assert!((10..=50).contains(&deepest.unwrap()), "{verified}");
}

#[test]
fn a_delta_whose_base_goes_elsewhere_is_stored_whole() {
    let scratch = tempfile::tempdir().unwrap();
    let mut growing = Growing::new(&scratch.path().join("growing.git"));
    let first = growing.grow();
    for _ in 0..40 {
        growing.grow();
    }
    let git = &growing.git;
    let world = World::new();
    world.pack(&pack_of(git, &all(git)), From::Remote);
    // Only the oldest commit stays: git makes the old the delta of the new.
    git.git(["update-ref", "refs/heads/main", &first.to_hex()]).unwrap();
    for tag in git.git_line(["tag"]).unwrap().lines() {
        git.git(["tag", "-d", tag]).unwrap();
    }
    world.refs_of(git);
    let kept = reachable(git);
    assert_eq!(world.gc(NOW).unwrap().objects, kept.len() as u64);
    let [pack] = &packs(&world)[..] else { panic!() };
    let listed = GitIndexer::new("gc-cut").index(pack, &["--strict"]).unwrap();
    assert_eq!(listed, kept.iter().copied().collect::<Vec<_>>());
}
