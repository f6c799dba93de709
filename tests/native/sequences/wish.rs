//! What a fetch is asked for, in git's words and in gitside's.

use std::process::Output;

use gitside::ops::fetch::{Depth, Options};
use gitside::ops::remotes::TagMode;
use gitside_server::repos::Random;

use crate::objects::START;
use crate::pair::Pair;
use crate::server::Served;

#[derive(Clone, Debug, Default)]
pub struct Wish {
    remote: Option<String>,
    refspecs: Vec<String>,
    depth: Depth,
    tags: Option<TagMode>,
    prune: Option<bool>,
    prune_tags: Option<bool>,
    force: bool,
    pub atomic: bool,
    refetch: bool,
    update_head: bool,
    filter: Option<String>,
}

impl Wish {
    pub fn random(random: &mut Random, served: &Served, pair: &Pair, url: &str) -> Wish {
        let mut wish = Wish::default();
        if random.once_in(3) {
            wish.remote = Some("origin".to_owned());
        }
        if random.below(10) < 4 {
            // Filters are of remotes that have a name: only there is what they leave out promised.
            let nameless = random.once_in(10) && pair.manner.filter.is_none();
            wish.remote = Some(if nameless { url } else { "origin" }.to_owned());
            for _ in 0..1 + random.below(3) {
                wish.refspecs.push(refspec(random, served));
            }
        }
        // Of a call with nothing but omissions git says nothing, and sometimes fails.
        if wish.refspecs.iter().all(|spec| spec.starts_with('^')) {
            wish.refspecs.clear();
        }
        let shallow = pair.manner.depth.is_some() || pair.manner.since.is_some();
        if random.once_in(if shallow { 3 } else { 10 }) {
            wish.depth = match random.below(8) {
                0..=2 => Depth::Commits(1 + below(random, 5)),
                3 | 4 => Depth::Deepen(1 + below(random, 3)),
                5 => Depth::Cut {
                    since: Some(cut(random, served)),
                    exclude: Vec::new(),
                },
                // Over HTTP in version 0, git sends other names than ASCII ones in quotes, which no server
                // understands.
                6 => match served.any_ref(random, "refs/").filter(|name| name.is_ascii()) {
                    Some(name) => Depth::Cut {
                        since: None,
                        exclude: vec![name],
                    },
                    None => Depth::Unchanged,
                },
                _ => Depth::Unshallow,
            };
        }
        if random.once_in(4) {
            wish.tags = [None, Some(TagMode::All), Some(TagMode::None)][random.below(3)];
        }
        if random.once_in(3) {
            wish.prune = Some(!random.once_in(5));
        }
        if random.once_in(8) {
            wish.prune_tags = Some(!random.once_in(5));
        }
        wish.force = random.once_in(6);
        wish.atomic = random.once_in(8);
        wish.refetch = random.once_in(20);
        wish.update_head = random.once_in(12);
        if pair.manner.filter.is_some() && random.once_in(4) {
            wish.filter = Some(random.one_of(&["blob:none", "tree:1", "blob:limit=1k"]).to_owned());
        }
        wish
    }

    fn args(&self) -> Vec<String> {
        let mut args: Vec<String> = Vec::new();
        let mut yes_or_no = |name: &str, value: Option<bool>| {
            args.extend(value.map(|yes| format!("--{}{name}", if yes { "" } else { "no-" })));
        };
        yes_or_no("prune", self.prune);
        yes_or_no("prune-tags", self.prune_tags);
        yes_or_no("tags", self.tags.map(|tags| tags == TagMode::All));
        yes_or_no("force", self.force.then_some(true));
        yes_or_no("atomic", self.atomic.then_some(true));
        yes_or_no("refetch", self.refetch.then_some(true));
        yes_or_no("update-head-ok", self.update_head.then_some(true));
        match &self.depth {
            Depth::Unchanged => {}
            Depth::Commits(depth) => args.push(format!("--depth={depth}")),
            Depth::Deepen(depth) => args.push(format!("--deepen={depth}")),
            Depth::Unshallow => args.push("--unshallow".to_owned()),
            Depth::Cut { since, exclude } => {
                args.extend(since.map(|since| format!("--shallow-since={since}")));
                args.extend(exclude.iter().map(|name| format!("--shallow-exclude={name}")));
            }
        }
        args.extend(self.filter.as_ref().map(|filter| format!("--filter={filter}")));
        args.extend(self.remote.clone());
        for spec in &self.refspecs {
            args.extend(spec.split(' ').map(str::to_owned));
        }
        args
    }

    /// The command, to be read.
    pub fn shown(&self) -> String {
        format!("git fetch {}", self.args().join(" "))
    }

    pub fn by_git(&self, pair: &Pair) -> Output {
        pair.git_fetch(&self.args())
    }

    pub fn options(&self, pair: &Pair) -> Options {
        Options {
            remote: self.remote.clone(),
            refspecs: self.refspecs.clone(),
            depth: self.depth.clone(),
            filter: self.filter.clone(),
            refetch: self.refetch,
            tags: self.tags,
            prune: self.prune,
            prune_tags: self.prune_tags,
            force: self.force,
            atomic: self.atomic,
            update_head: self.update_head,
            transport: pair.manner.transport(),
            ..Options::default()
        }
    }
}

fn below(random: &mut Random, bound: u32) -> u32 {
    u32::try_from(random.below(bound as usize)).unwrap()
}

/// A moment within the history.
pub fn cut(random: &mut Random, served: &Served) -> u64 {
    START + random.any() % (served.maker.clock - START + 1)
}

fn refspec(random: &mut Random, served: &Served) -> String {
    let branch = served
        .any_ref(random, "refs/heads/")
        .unwrap_or_else(|| "refs/heads/main".to_owned());
    let short = branch.trim_start_matches("refs/heads/").to_owned();
    let any = served.any_ref(random, "refs/").unwrap_or_else(|| branch.clone());
    let tag = served
        .any_ref(random, "refs/tags/")
        .unwrap_or_else(|| "refs/tags/v1".to_owned());
    let tag = tag.trim_start_matches("refs/tags/");
    let plus = if random.once_in(3) { "+" } else { "" };
    match random.below(26) {
        0..=2 => short,
        3 => branch,
        4 => any,
        5 => format!("{plus}{branch}:refs/remotes/origin/{short}"),
        6 => format!("{plus}{short}:refs/heads/copy"),
        7 => format!("{plus}{short}:copy-of-{}", short.replace('/', "-")),
        8 => format!("{plus}{any}:refs/elsewhere/one"),
        9 => format!("{plus}refs/heads/*:refs/elsewhere/*"),
        10 => format!("{plus}refs/heads/t*:refs/remotes/origin/t*"),
        11 => format!("{plus}refs/tags/*:refs/tags/*"),
        12 => format!("^{branch}"),
        13 => "refs/heads/*".to_owned(),
        14 | 15 => format!("tag {tag}"),
        16 => served.any_commit(random).oid.to_hex(),
        17 => format!("{}:refs/heads/by-id", served.any_commit(random).oid),
        18 => "HEAD".to_owned(),
        19 => ":refs/heads/from-head".to_owned(),
        20 => "@".to_owned(),
        21 => format!("{plus}refs/*:refs/all/*"),
        22 => format!("heads/{short}:heads/again"),
        23 => format!("{plus}{branch}:refs/tags/from-branch"),
        24 => format!("{plus}{short}:refs/heads/main"),
        _ if random.once_in(3) => "refs/heads/no-such".to_owned(),
        _ => format!("tags/{tag}"),
    }
}
