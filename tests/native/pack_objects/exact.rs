//! The objects that are sent are those that the server lacks.

use gitside::format::oid::ObjectId;
use gitside::ops::pack_objects::Wish;
use gitside_server::repos::{Random, generate};

use crate::pack_oracle::Scratch;
use crate::world::{LAYOUTS, Server, commits, git_pack, load, tips};

#[test]
fn the_objects_of_a_push_are_those_that_git_would_send() {
    for seed in 0..24 {
        let scratch = Scratch::new("pack-exact");
        let git = generate(&scratch.path().join("git"), seed, 40).unwrap();
        let mut random = Random::new(seed);
        let (all, commits) = (tips(&git), commits(&git));
        for round in 0..2 {
            let have: Vec<ObjectId> = match (seed + round) % 6 {
                0 => Vec::new(),
                _ => (0..1 + random.below(3))
                    .map(|_| commits[random.below(commits.len())])
                    .collect(),
            };
            let want: Vec<ObjectId> = (0..1 + random.below(5)).map(|_| all[random.below(all.len())]).collect();
            let layout = LAYOUTS[random.below(3)];
            let thin = !random.once_in(3);
            let wish = Wish {
                thin,
                ofs_delta: !random.once_in(3),
                ..Wish::new(&want, &have)
            };
            let ours = load(&git, layout, &all, &have).pack(&wish);
            let options: &[&str] = if thin {
                &["--thin", "--no-sparse"]
            } else {
                &["--no-sparse"]
            };
            let theirs = git_pack(&git, &want, &have, options);
            let taken = |pack: &[u8]| Server::new("pack-exact-server", &git, &have).take(pack, thin, &want);
            assert_eq!(
                taken(&ours),
                taken(&theirs),
                "seed {seed}, round {round}, {layout:?}, {wish:?}"
            );
        }
    }
}
