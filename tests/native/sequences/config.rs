//! The configuration both clients have.

use gitside_server::repos::Random;

use crate::pair::Manner;

const DEFAULT: &str = "+refs/heads/*:refs/remotes/origin/*";

/// What matters to a fetch, and now and then changes.
#[derive(Clone, Debug)]
pub struct Config {
    url: String,
    mirror: bool,
    filter: Option<String>,
    pub fetch: Vec<String>,
    tag_opt: Option<&'static str>,
    prune: Option<bool>,
    prune_tags: Option<bool>,
    prune_all: Option<bool>,
    unpack_limit: Option<u32>,
    negotiation: Option<&'static str>,
    merges: Vec<(&'static str, &'static str)>,
}

impl Config {
    pub fn new(url: &str, manner: &Manner) -> Config {
        let single = !manner.mirror
            && manner
                .single_branch
                .unwrap_or(manner.depth.or(manner.since.map(|_| 1)).is_some());
        let fetch = match (manner.mirror, single) {
            (true, _) => "+refs/*:refs/*",
            (false, true) => "+refs/heads/main:refs/remotes/origin/main",
            (false, false) => DEFAULT,
        };
        Config {
            url: url.to_owned(),
            mirror: manner.mirror,
            filter: manner.filter.clone(),
            fetch: vec![fetch.to_owned()],
            tag_opt: None,
            prune: None,
            prune_tags: None,
            prune_all: None,
            unpack_limit: None,
            negotiation: None,
            merges: if manner.mirror {
                vec![]
            } else {
                vec![("main", "refs/heads/main")]
            },
        }
    }

    pub fn change(&mut self, random: &mut Random) {
        match random.below(8) {
            0 | 1 if !self.mirror => {
                let sets: [&[&str]; 12] = [
                    &[DEFAULT],
                    &[DEFAULT],
                    &["refs/heads/*:refs/remotes/origin/*"],
                    &["+refs/heads/main:refs/remotes/origin/main"],
                    &[
                        "+refs/heads/main:refs/remotes/origin/main",
                        "+refs/heads/next:refs/remotes/origin/next",
                    ],
                    &[DEFAULT, "^refs/heads/topic/*"],
                    &[DEFAULT, "^refs/heads/fix"],
                    &[DEFAULT, "+refs/tags/*:refs/tags/*"],
                    &[DEFAULT, "+refs/pull/*/head:refs/remotes/pull/*"],
                    &[
                        "+refs/heads/*:refs/remotes/origin/heads/*",
                        "+refs/notes/*:refs/notes/*",
                    ],
                    &[DEFAULT, "+refs/heads/topic/*:refs/remotes/origin/topic/*"],
                    &["refs/heads/main", "refs/heads/next:refs/heads/their-next"],
                ];
                self.fetch = sets[random.below(sets.len())]
                    .iter()
                    .map(|&spec| spec.to_owned())
                    .collect();
            }
            2 => self.tag_opt = [None, Some("--tags"), Some("--no-tags")][random.below(3)],
            3 => self.prune = maybe(random),
            4 => self.prune_tags = maybe(random),
            5 => self.prune_all = maybe(random),
            6 => {
                self.merges = [
                    vec![],
                    vec![("main", "refs/heads/main")],
                    vec![("main", "refs/heads/next"), ("mine", "refs/heads/main")],
                    vec![("main", "refs/tags/v1")],
                    vec![("main", "refs/heads/no-such")],
                ][random.below(5)]
                .clone();
            }
            7 if random.once_in(2) => {
                self.negotiation = [None, Some("skipping"), Some("noop")][random.below(3)];
            }
            _ => self.unpack_limit = [None, Some(1), Some(100), Some(10_000)][random.below(4)],
        }
    }

    pub fn text(&self) -> String {
        let mut text = format!(
            "[core]\n\trepositoryformatversion = {}\n\tbare = {}\n",
            u8::from(self.filter.is_some()),
            self.mirror
        );
        if self.filter.is_some() {
            text.push_str("[extensions]\n\tpartialClone = origin\n");
        }
        text.push_str(&format!("[remote \"origin\"]\n\turl = {}\n", self.url));
        for spec in &self.fetch {
            text.push_str(&format!("\tfetch = {spec}\n"));
        }
        let mut set = |key: &str, value: Option<String>| {
            text.extend(value.map(|value| format!("\t{key} = {value}\n")));
        };
        set("mirror", self.mirror.then(|| "true".to_owned()));
        set("promisor", self.filter.as_ref().map(|_| "true".to_owned()));
        set("partialclonefilter", self.filter.clone());
        set("tagOpt", self.tag_opt.map(str::to_owned));
        set("prune", self.prune.map(|yes| yes.to_string()));
        set("pruneTags", self.prune_tags.map(|yes| yes.to_string()));
        text.push_str("[fetch]\n");
        let mut set = |key: &str, value: Option<String>| {
            text.extend(value.map(|value| format!("\t{key} = {value}\n")));
        };
        set("prune", self.prune_all.map(|yes| yes.to_string()));
        set("unpackLimit", self.unpack_limit.map(|limit| limit.to_string()));
        set("negotiationAlgorithm", self.negotiation.map(str::to_owned));
        for (branch, merge) in &self.merges {
            text.push_str(&format!(
                "[branch \"{branch}\"]\n\tremote = origin\n\tmerge = {merge}\n"
            ));
        }
        text
    }
}

fn maybe(random: &mut Random) -> Option<bool> {
    [None, Some(false), Some(true)][random.below(3)]
}
