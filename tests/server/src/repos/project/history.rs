//! The commits of a project, as a `git fast-import` stream that is written as it is made.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::super::Random;
use super::files::Files;
use super::text::{Words, skewed};

/// 2010-01-01 00:00 UTC.
const START: u64 = 1_262_304_000;
/// Fourteen years, in seconds.
const SPAN: u64 = 441_504_000;
/// Topics that are worked on at the same time, at most.
const OPEN_TOPICS: usize = 5;
/// Releases in the life of a project.
const RELEASES: u64 = 40;
/// One table of some megabytes among so many objects.
const OBJECTS_OF_A_TABLE: u64 = 45_000;

/// Commits that are to be merged. Nobody else touches the area meanwhile, so the merge is clean.
struct Topic {
    area: usize,
    tip: u32,
    /// Where `main` was when it began.
    fork: u32,
    left: usize,
    /// What it changed, to be told again by the merge.
    touched: BTreeSet<usize>,
    removed: BTreeSet<String>,
}

pub struct History<W> {
    out: W,
    random: Random,
    words: Words,
    files: Files,
    people: Vec<String>,
    topics: Vec<Topic>,
    marks: u32,
    objects: u64,
    wanted: u64,
    date: u64,
    main: u32,
    releases: u64,
    tables: u64,
}

/// What a commit does to the files.
#[derive(Default)]
struct Edits {
    touched: BTreeSet<usize>,
    removed: BTreeSet<String>,
    new_blobs: BTreeSet<usize>,
}

impl<W: Write> History<W> {
    /// Begins with the first commit.
    pub fn new(out: W, wanted: u64, seed: u64) -> io::Result<History<W>> {
        let mut random = Random::new(seed);
        let words = Words::new(&mut random);
        let files = Files::new(&mut random, &words, wanted);
        let person = |n| {
            let name = words.some(&mut random, 2);
            format!("{name} <{}{n}@example.org>", name.replace(' ', "."))
        };
        let people = (0..60).map(person).collect();
        let mut history = History {
            out,
            random,
            words,
            files,
            people,
            topics: Vec::new(),
            marks: 0,
            objects: 0,
            wanted,
            date: START,
            main: 0,
            releases: 0,
            tables: 0,
        };
        let mut edits = Edits::default();
        for area in 0..history.files.areas() {
            for _ in 0..1 + wanted.min(20_000) / 800 {
                history.files.add(&mut history.random, &history.words, area);
            }
        }
        edits.new_blobs.extend(0..history.files.all.len());
        history.main = history.commit("refs/heads/main", None, None, edits, "Begin")?;
        Ok(history)
    }

    /// Objects so far.
    pub fn objects(&self) -> u64 {
        self.objects
    }

    /// A commit or two: on `main`, on a topic, a merge, a release.
    pub fn step(&mut self) -> io::Result<()> {
        if self.objects * RELEASES > self.wanted * (self.releases + 1) {
            return self.release();
        }
        if self.topics.len() < OPEN_TOPICS && self.random.once_in(2) {
            self.open_topic();
        }
        if self.topics.is_empty() || self.random.once_in(4) {
            let edits = self.on_main()?;
            let main = self.main;
            self.main = self.change("refs/heads/main", main, edits)?;
            return Ok(());
        }
        let at = self.random.below(self.topics.len());
        if self.topics[at].left == 0 {
            let topic = self.topics.swap_remove(at);
            return self.merge(topic);
        }
        let (area, tip) = (self.topics[at].area, self.topics[at].tip);
        let edits = self.in_area(area)?;
        let (touched, removed) = (edits.all_touched(), edits.removed.clone());
        let tip = self.change("refs/heads/topic", tip, edits)?;
        let topic = &mut self.topics[at];
        topic.tip = tip;
        topic.left -= 1;
        topic.touched.extend(touched);
        topic.removed.extend(removed);
        Ok(())
    }

    /// Merges what is open, and names the branches.
    pub fn finish(mut self) -> io::Result<()> {
        while let Some(topic) = self.topics.pop() {
            if topic.tip != topic.fork {
                self.merge(topic)?;
            }
        }
        writeln!(self.out, "reset refs/heads/topic\nfrom {:040}\n", 0)?;
        writeln!(self.out, "reset refs/heads/main\nfrom :{}\n", self.main)?;
        self.out.flush()
    }

    fn open_topic(&mut self) {
        let area = skewed(&mut self.random, self.files.areas());
        if self.is_free(area) {
            let left = 1 + skewed(&mut self.random, 9);
            self.topics.push(Topic {
                area,
                tip: self.main,
                fork: self.main,
                left,
                touched: BTreeSet::new(),
                removed: BTreeSet::new(),
            });
        }
    }

    fn is_free(&self, area: usize) -> bool {
        self.topics.iter().all(|topic| topic.area != area)
    }

    fn on_main(&mut self) -> io::Result<Edits> {
        let area = self.random.below(self.files.areas());
        let mut edits = Edits::default();
        if self.tables * OBJECTS_OF_A_TABLE < self.objects && self.is_free(area) {
            self.tables += 1;
            let table = self.files.add_large(&mut self.random, &self.words, area);
            edits.new_blobs.insert(table);
            return Ok(edits);
        }
        if self.random.once_in(400) {
            // A name changes everywhere.
            for area in (0..self.files.areas())
                .filter(|area| self.topics.iter().all(|topic| topic.area != *area))
                .collect::<Vec<_>>()
            {
                edits
                    .new_blobs
                    .extend((0..4).filter_map(|_| self.files.likely(&mut self.random, area)));
            }
            return Ok(edits);
        }
        if self.random.once_in(3) || !self.is_free(area) {
            edits.new_blobs.insert(self.files.at_top(&mut self.random));
            return Ok(edits);
        }
        self.in_area(area)
    }

    /// A few changes of an area's files.
    fn in_area(&mut self, area: usize) -> io::Result<Edits> {
        let mut edits = Edits::default();
        let count = 1 + if self.random.once_in(4) {
            skewed(&mut self.random, 10)
        } else {
            0
        };
        for _ in 0..count {
            let Some(file) = self
                .files
                .likely(&mut self.random, area)
                .filter(|_| !self.random.once_in(8))
            else {
                edits
                    .new_blobs
                    .insert(self.files.add(&mut self.random, &self.words, area));
                continue;
            };
            let known = !edits.new_blobs.contains(&file) && !edits.touched.contains(&file);
            match self.random.below(300) {
                0 if known => {
                    edits.removed.insert(self.files.all[file].path.clone());
                    self.files.remove(file);
                }
                1 | 2 if known => {
                    edits.removed.insert(self.files.all[file].path.clone());
                    let new = self.files.rename(&mut self.random, &self.words, file);
                    edits.touched.insert(new);
                }
                _ => {
                    edits.new_blobs.insert(file);
                }
            }
        }
        Ok(edits)
    }

    fn change(&mut self, branch: &str, from: u32, edits: Edits) -> io::Result<u32> {
        let about = edits.all_touched().first().map_or("all", |file| {
            self.files.all[*file]
                .area
                .map_or("top", |area| self.files.area_name(area))
        });
        let mut message = format!("{about}: {}", self.words.some(&mut self.random, 4));
        if self.random.once_in(3) {
            for _ in 0..1 + self.random.below(8) {
                message.push('\n');
                message.push_str(&self.words.some(&mut self.random, 11));
            }
        }
        self.commit(branch, Some(from), None, edits, &message)
    }

    fn merge(&mut self, topic: Topic) -> io::Result<()> {
        let name = self.words.some(&mut self.random, 2);
        let message = format!("Merge {name} into {}", self.files.area_name(topic.area));
        let (touched, removed) = (topic.touched, topic.removed);
        let is_ahead = topic.fork == self.main;
        let edits = Edits {
            touched,
            removed,
            ..Edits::default()
        };
        let main = self.main;
        let before = self.objects;
        self.main = self.commit("refs/heads/main", Some(main), Some(topic.tip), edits, &message)?;
        // The directory of the area is the topic's, and the rest is main's.
        self.objects = before + if is_ahead { 1 } else { 2 };
        Ok(())
    }

    /// An annotated tag, and a branch with a fix that stays there.
    fn release(&mut self) -> io::Result<()> {
        self.releases += 1;
        let number = self.releases;
        let tagger = self.signature(self.date);
        writeln!(self.out, "tag v{number}.0\nfrom :{}\ntagger {tagger}", self.main)?;
        let notes = self.words.some(&mut self.random, 60);
        data(&mut self.out, format!("Release {number}\n\n{notes}\n").as_bytes())?;
        self.objects += 1;
        if number % 4 == 1 {
            let mut tip = self.main;
            for fix in 1..=2 + self.random.below(3) {
                let text = format!("{number}.{fix}\n{}\n", self.words.some(&mut self.random, 8));
                self.date += 60;
                let branch = format!("refs/heads/release/{number}");
                let mark = self.head(&branch, Some(tip), None, &format!("Fix {number}.{fix}"))?;
                writeln!(self.out, "M 100644 inline VERSION")?;
                data(&mut self.out, text.as_bytes())?;
                writeln!(self.out)?;
                self.objects += 3;
                tip = mark;
            }
        }
        Ok(())
    }

    fn commit(
        &mut self,
        branch: &str,
        from: Option<u32>,
        merge: Option<u32>,
        edits: Edits,
        message: &str,
    ) -> io::Result<u32> {
        for file in &edits.new_blobs {
            if self.files.all[*file].mark != 0 {
                self.files.edit(&mut self.random, &self.words, *file);
            }
            self.marks += 1;
            writeln!(self.out, "blob\nmark :{}", self.marks)?;
            data(&mut self.out, self.files.content(*file))?;
            self.files.all[*file].mark = self.marks;
            self.objects += 1;
        }
        let step = SPAN * 5 / self.wanted.max(1);
        self.date += 1 + self.random.any() % (2 * step).max(1);
        let mark = self.head(branch, from, merge, message)?;
        for path in &edits.removed {
            writeln!(self.out, "D {path}")?;
        }
        let mut folders = BTreeSet::new();
        for file in edits.all_touched() {
            let file = &self.files.all[file];
            // A merge tells of what its topic touched, and may have removed later.
            if file.gone {
                continue;
            }
            writeln!(self.out, "M 100644 :{} {}", file.mark, file.path)?;
            folders.extend(file.path.match_indices('/').map(|(at, _)| &file.path[..at]));
        }
        self.objects += 2 + folders.len() as u64;
        writeln!(self.out)?;
        Ok(mark)
    }

    /// A commit up to its files.
    fn head(&mut self, branch: &str, from: Option<u32>, merge: Option<u32>, message: &str) -> io::Result<u32> {
        self.marks += 1;
        // Clocks differ, and work is older than its commit.
        let late = if self.random.once_in(50) {
            self.random.any() % 4000
        } else {
            0
        };
        let age = if self.random.once_in(4) {
            self.random.any() % 200_000
        } else {
            0
        };
        let (author, committer) = (self.signature(self.date - late - age), self.signature(self.date - late));
        writeln!(
            self.out,
            "commit {branch}\nmark :{}\nauthor {author}\ncommitter {committer}",
            self.marks
        )?;
        data(&mut self.out, format!("{message}\n").as_bytes())?;
        if let Some(from) = from {
            writeln!(self.out, "from :{from}")?;
        }
        if let Some(merge) = merge {
            writeln!(self.out, "merge :{merge}")?;
        }
        Ok(self.marks)
    }

    fn signature(&mut self, date: u64) -> String {
        let person = skewed(&mut self.random, self.people.len());
        let zone = ["+0000", "+0100", "-0700", "+0900"][person % 4];
        format!("{} {date} {zone}", self.people[person])
    }
}

impl Edits {
    fn all_touched(&self) -> BTreeSet<usize> {
        self.touched.union(&self.new_blobs).copied().collect()
    }
}

fn data(out: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    writeln!(out, "data {}", bytes.len())?;
    out.write_all(bytes)?;
    out.write_all(b"\n")
}
