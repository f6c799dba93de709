//! The files of a project. The top-level directories are its areas, and every file below one
//! belongs to it.

use std::collections::BTreeSet;

use super::super::Random;
use super::text::{Words, skewed};

/// Directories nest no deeper.
const DEEPEST: usize = 6;
/// In a hundred changes, how many touch files below so many directories; the first is one.
const CHANGES_AT_DEPTH: [usize; DEEPEST] = [12, 42, 28, 9, 6, 3];
/// The files at the top that many changes touch.
const TOP: [&str; 6] = [
    "CHANGES.md",
    "Makefile",
    "README.md",
    "versions.lock",
    "build.rs",
    "settings.toml",
];

/// One file, as it is in the newest commit that has it.
pub struct File {
    pub path: String,
    /// Its area; none for a file at the top.
    pub area: Option<usize>,
    /// The mark of its blob.
    pub mark: u32,
    text: Vec<u8>,
    is_text: bool,
    /// Removed or moved away.
    pub gone: bool,
}

/// A top-level directory.
struct Area {
    /// The directories below it, itself first, by how deep they are; the path and how many names
    /// were given in it.
    folders: Vec<Vec<(String, usize)>>,
    /// Files by how deep they are. A file stands there once for each change: the more it was
    /// changed, the more likely it is to be changed again.
    changed: Vec<Vec<usize>>,
}

/// All files.
pub struct Files {
    pub all: Vec<File>,
    areas: Vec<Area>,
}

impl Files {
    pub fn new(random: &mut Random, words: &Words, objects: u64) -> Files {
        let count = match objects {
            0..20_000 => 10,
            20_000..500_000 => 24,
            _ => 40,
        };
        let mut names = BTreeSet::new();
        while names.len() < count {
            names.insert(words.any(random).to_owned());
        }
        let area = |name: String| Area {
            folders: [vec![(name, 0)]]
                .into_iter()
                .chain((1..DEEPEST).map(|_| Vec::new()))
                .collect(),
            changed: vec![Vec::new(); DEEPEST],
        };
        let mut files = Files {
            all: Vec::new(),
            areas: names.into_iter().map(area).collect(),
        };
        for path in TOP {
            files.add_at(random, words, path.to_owned(), None);
        }
        files
    }

    pub fn areas(&self) -> usize {
        self.areas.len()
    }

    pub fn area_name(&self, area: usize) -> &str {
        &self.areas[area].folders[0][0].0
    }

    /// A new file somewhere in an area.
    pub fn add(&mut self, random: &mut Random, words: &Words, area: usize) -> usize {
        let depth = self.depth(random);
        let file_name = words.any(random).to_owned();
        let folders = &mut self.areas[area].folders;
        let roomy = folders[depth].len() > 1 + skewed(random, 40);
        if depth > 0 && !roomy {
            // A directory needs all of those above it.
            for depth in 1..=depth {
                let parents = folders[depth - 1].len();
                let (parent, names) = &mut folders[depth - 1][random.below(parents)];
                *names += 1;
                let path = format!("{parent}/{}{names}", words.any(random));
                folders[depth].push((path, 0));
            }
        }
        let at = random.below(folders[depth].len());
        let (folder, names) = &mut folders[depth][at];
        *names += 1;
        let ending = if random.once_in(30) { "png" } else { "rs" };
        let path = format!("{folder}/{file_name}{names}.{ending}");
        self.add_at(random, words, path, Some((area, depth)))
    }

    /// A table of some megabytes.
    pub fn add_large(&mut self, random: &mut Random, words: &Words, area: usize) -> usize {
        let (folder, names) = &mut self.areas[area].folders[0][0];
        *names += 1;
        let path = format!("{folder}/table{names}.csv");
        let file = self.add_at(random, words, path, Some((area, 0)));
        let rows = 30_000 + random.below(60_000);
        let text = &mut self.all[file].text;
        for row in 0..rows {
            let numbers = (random.below(100_000), random.below(100_000));
            text.extend_from_slice(format!("{row},{},{},{}\n", numbers.0, numbers.1, words.any(random)).as_bytes());
        }
        file
    }

    fn add_at(&mut self, random: &mut Random, words: &Words, path: String, place: Option<(usize, usize)>) -> usize {
        let is_text = !path.ends_with(".png");
        let mut text = Vec::new();
        if is_text {
            let lines = 12 + skewed(random, 2400);
            words.lines(random, lines, &mut text);
        } else {
            picture(random, &mut text);
        }
        let file = self.all.len();
        self.all.push(File {
            path,
            area: place.map(|(area, _)| area),
            mark: 0,
            text,
            is_text,
            gone: false,
        });
        if let Some((area, depth)) = place {
            self.areas[area].changed[depth].push(file);
        }
        file
    }

    /// A file at the top.
    pub fn at_top(&self, random: &mut Random) -> usize {
        random.below(TOP.len())
    }

    /// A file of the area that is likely to be changed; none if it has hardly any.
    pub fn likely(&mut self, random: &mut Random, area: usize) -> Option<usize> {
        (0..8).find_map(|_| {
            let depth = self.depth(random);
            let changed = &self.areas[area].changed[depth];
            let file = *changed.get(random.below(changed.len().max(1)))?;
            let File { gone, is_text, .. } = self.all[file];
            // Pictures are hardly ever drawn anew.
            if gone || !(is_text || random.once_in(8)) {
                return None;
            }
            self.areas[area].changed[depth].push(file);
            Some(file)
        })
    }

    /// Changes the content of a file.
    pub fn edit(&mut self, random: &mut Random, words: &Words, file: usize) {
        let File { text, is_text, .. } = &mut self.all[file];
        if *is_text {
            words.edit(random, text);
        } else {
            text.clear();
            picture(random, text);
        }
    }

    pub fn content(&self, file: usize) -> &[u8] {
        &self.all[file].text
    }

    /// Takes a file out; its blob is that of the answered one, which has another name there.
    pub fn rename(&mut self, random: &mut Random, words: &Words, file: usize) -> usize {
        let old = &mut self.all[file];
        old.gone = true;
        let text = std::mem::take(&mut old.text);
        let (area, mark, is_text) = (old.area, old.mark, old.is_text);
        let (stem, ending) = old.path.rsplit_once('.').unwrap_or((&old.path, "rs"));
        let path = format!("{stem}_{}.{ending}", words.any(random));
        let depth = path.matches('/').count().saturating_sub(1);
        let new = self.all.len();
        self.all.push(File {
            path,
            area,
            mark,
            text,
            is_text,
            gone: false,
        });
        if let Some(area) = area {
            self.areas[area].changed[depth].push(new);
        }
        new
    }

    /// Takes a file out.
    pub fn remove(&mut self, file: usize) {
        let File { text, gone, .. } = &mut self.all[file];
        *gone = true;
        *text = Vec::new();
    }

    /// How deep the next change is: 0 for right below an area.
    fn depth(&self, random: &mut Random) -> usize {
        let mut at = random.below(CHANGES_AT_DEPTH.iter().sum());
        for (depth, share) in CHANGES_AT_DEPTH.iter().enumerate() {
            match at.checked_sub(*share) {
                Some(rest) => at = rest,
                None => return depth,
            }
        }
        0
    }
}

/// Bytes that nothing makes smaller.
fn picture(random: &mut Random, out: &mut Vec<u8>) {
    out.extend_from_slice(b"\x89PNG\r\n\x1a\n");
    let size = 2000 + skewed(random, 120_000);
    while out.len() < size {
        out.extend_from_slice(&random.any().to_le_bytes());
    }
}
