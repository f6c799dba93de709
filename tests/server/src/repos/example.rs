//! A small repository that is pleasant to look at: a command-line tool for tide tables, written by
//! three people over a summer.

use std::io;
use std::path::Path;

use super::{Repo, Stream};

const PEOPLE: [&str; 3] = [
    "Ada Example <ada@example.org>",
    "Björn Östlund <bjorn@example.org>",
    "Chiara 佐藤 <chiara@example.org>",
];
/// 2024-06-03 08:00 UTC.
const START: i64 = 1_717_401_600;

/// Creates the example repository as a bare repository at `path`: some sixty commits on `main` and
/// `draft/harbours`, a merge, a lightweight and two annotated tags, paths in Unicode, an image, an
/// executable, a symbolic link.
pub fn example(path: &Path) -> io::Result<Repo> {
    let repo = Repo::init(path, "main")?;
    std::fs::write(path.join("description"), "Tide tables on the command line\n")?;
    let mut history = History {
        stream: Stream::default(),
        commits: 0,
    };

    let mut readme = README.to_owned();
    let mut tip = history.commit(
        "main",
        None,
        None,
        "Begin with a README",
        &[("README.md", "100644", readme.as_bytes())],
    );
    tip = history.commit(
        "main",
        Some(tip),
        None,
        "Add the licence",
        &[("LICENSE", "100644", LICENSE.as_bytes())],
    );
    tip = history.commit(
        "main",
        Some(tip),
        None,
        "Add the manifest and an empty program",
        &[
            ("Cargo.toml", "100644", MANIFEST.as_bytes()),
            ("src/main.rs", "100644", MAIN.as_bytes()),
        ],
    );
    tip = history.commit(
        "main",
        Some(tip),
        None,
        "Add a script that runs all checks\n\nIt is what the hook calls, so that nobody has to remember the order.",
        &[
            ("tools/check.sh", "100755", CHECK.as_bytes()),
            ("check", "120000", b"tools/check.sh"),
        ],
    );
    let picture = png(48, 48);
    tip = history.commit(
        "main",
        Some(tip),
        None,
        "Draw a logo",
        &[
            ("docs/logo.png", "100644", &picture),
            ("docs/logo.svg", "100644", SVG.as_bytes()),
        ],
    );

    let mut lib = String::from("//! Tides from harmonic constituents.\n");
    for (n, (name, speed, meaning)) in CONSTITUENTS.iter().enumerate() {
        lib.push_str(&format!(
            "\n/// {meaning}; degrees in an hour.\npub const {name}: f64 = {speed};\n"
        ));
        let message = format!("Add the constituent {name}\n\n{meaning}, {speed} degrees in an hour.");
        let test = format!(
            "#[test]\nfn {}_is_slower_than_an_hour_hand() {{\n    assert!(tides::{name} < 360.0);\n}}\n",
            name.to_lowercase()
        );
        let test_path = format!("tests/{}.rs", name.to_lowercase());
        let mut files: Vec<(&str, &str, &[u8])> = vec![("src/lib.rs", "100644", lib.as_bytes())];
        if n % 3 == 0 {
            files.push((&test_path, "100644", test.as_bytes()));
        }
        tip = history.commit("main", Some(tip), None, &message, &files);
    }
    history.stream.line("reset refs/tags/v0.1.0");
    history.stream.line(format!("from :{tip}\n"));

    let fork = tip;
    let mut topic = fork;
    for (path, name, text) in PLACES {
        let message = format!("Describe {name}");
        topic = history.commit(
            "topic",
            Some(topic),
            None,
            &message,
            &[(path, "100644", text.as_bytes())],
        );
    }
    for (n, section) in SECTIONS.iter().enumerate() {
        readme.push_str(section);
        let message = format!(
            "Explain {} in the README",
            section
                .lines()
                .nth(1)
                .unwrap_or_default()
                .trim_start_matches("## ")
                .to_lowercase()
        );
        let notes = format!("# Changes\n\nEntry {} of the log.\n", n + 1);
        tip = history.commit(
            "main",
            Some(tip),
            None,
            &message,
            &[
                ("README.md", "100644", readme.as_bytes()),
                ("CHANGES.md", "100644", notes.as_bytes()),
            ],
        );
    }
    tip = history.commit(
        "main",
        Some(tip),
        Some(topic),
        "Merge the places of the north coast",
        &[],
    );
    history.tag(
        "v0.2.0",
        tip,
        "The first release that knows places\n\nThanks to all who measured.",
    );

    let mut program = MAIN.to_owned();
    for (n, option) in OPTIONS.iter().enumerate() {
        program.push_str(&format!(
            "\n/// What `--{option}` does.\npub fn {}() -> u32 {{\n    {n}\n}}\n",
            option.replace('-', "_")
        ));
        let message = format!("Add the option --{option}");
        tip = history.commit(
            "main",
            Some(tip),
            None,
            &message,
            &[("src/main.rs", "100644", program.as_bytes())],
        );
    }
    history.tag("v1.0.0", tip, "One tide table for everybody");

    let mut draft = tip;
    for harbour in ["Ålesund", "Ísafjörður", "Μύκονος"] {
        let path = format!("data/{harbour}.json");
        let json = format!("{{ \"name\": \"{harbour}\", \"m2\": 0.73, \"s2\": 0.24 }}\n");
        let message = format!("Sketch the harbour of {harbour}");
        draft = history.commit(
            "draft/harbours",
            Some(draft),
            None,
            &message,
            &[(path.as_str(), "100644", json.as_bytes())],
        );
    }
    for (n, fix) in FIXES.iter().enumerate() {
        let notes = format!(
            "# Changes\n\n{}",
            FIXES[..=n].iter().map(|f| format!("- {f}\n")).collect::<String>()
        );
        tip = history.commit(
            "main",
            Some(tip),
            None,
            fix,
            &[("CHANGES.md", "100644", notes.as_bytes())],
        );
    }
    history.stream.line("reset refs/heads/topic");
    history.stream.line("from 0000000000000000000000000000000000000000\n");
    history.stream.import(&repo)?;
    repo.git(["repack", "-adq"])?;
    repo.git(["pack-refs", "--all"])?;
    Ok(repo)
}

struct History {
    stream: Stream,
    commits: i64,
}

type File<'a> = (&'a str, &'a str, &'a [u8]);

impl History {
    fn commit(
        &mut self,
        branch: &str,
        from: Option<u32>,
        merge: Option<u32>,
        message: &str,
        files: &[File<'_>],
    ) -> u32 {
        let blobs: Vec<u32> = files.iter().map(|(_, _, bytes)| self.stream.blob(bytes)).collect();
        let person = PEOPLE[(self.commits % 7 % 3) as usize];
        let zone = ["+0000", "+0200", "+0900"][(self.commits % 7 % 3) as usize];
        let date = START + self.commits * 97_531;
        self.commits += 1;
        self.stream.line(format!("commit refs/heads/{branch}"));
        let mark = self.stream.mark();
        self.stream.line(format!("author {person} {date} {zone}"));
        self.stream.line(format!("committer {person} {} {zone}", date + 60));
        self.stream.data(format!("{message}\n"));
        if let Some(from) = from {
            self.stream.line(format!("from :{from}"));
        }
        if let Some(merge) = merge {
            self.stream.line(format!("merge :{merge}"));
            for (path, _, text) in PLACES {
                let data = self.inline(path, text);
                self.stream.bytes.extend(data);
            }
        }
        for ((path, mode, _), blob) in files.iter().zip(blobs) {
            self.stream.file(mode, blob, path.as_bytes());
        }
        self.stream.line("");
        mark
    }

    fn inline(&self, path: &str, text: &str) -> Vec<u8> {
        let mut out = b"M 100644 inline ".to_vec();
        out.extend(Stream::quoted(path.as_bytes()));
        out.extend(format!("\ndata {}\n{text}\n", text.len()).into_bytes());
        out
    }

    fn tag(&mut self, name: &str, commit: u32, message: &str) {
        let date = START + self.commits * 97_531;
        self.stream.line(format!("tag {name}"));
        self.stream.line(format!("from :{commit}"));
        self.stream.line(format!("tagger {} {date} +0000", PEOPLE[0]));
        self.stream.data(format!("{message}\n"));
    }
}

/// A valid PNG of a wave, stored without compression.
fn png(width: u32, height: u32) -> Vec<u8> {
    let mut pixels = Vec::new();
    for y in 0..height {
        pixels.push(0);
        for x in 0..width {
            let crest = height / 2 + [0, 3, 5, 6, 6, 5, 3, 0, 0, 0, 0, 0][(x / 2 % 12) as usize];
            pixels.extend_from_slice(if y > crest { &[20, 90, 160] } else { &[235, 245, 250] });
        }
    }
    let mut zlib = vec![0x78, 0x01];
    for (n, block) in pixels.chunks(0xffff).enumerate() {
        let last = (n + 1) * 0xffff >= pixels.len();
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        zlib.push(u8::from(last));
        zlib.extend_from_slice(&length.to_le_bytes());
        zlib.extend_from_slice(&(!length).to_le_bytes());
        zlib.extend_from_slice(block);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for byte in &pixels {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    zlib.extend_from_slice(&((b << 16) | a).to_be_bytes());

    let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend_from_slice(&width.to_be_bytes());
    header.extend_from_slice(&height.to_be_bytes());
    header.extend_from_slice(&[8, 2, 0, 0, 0]);
    for (name, data) in [(b"IHDR", header), (b"IDAT", zlib), (b"IEND", Vec::new())] {
        png.extend_from_slice(&u32::try_from(data.len()).unwrap_or(u32::MAX).to_be_bytes());
        let mut checked = name.to_vec();
        checked.extend_from_slice(&data);
        png.extend_from_slice(&checked);
        png.extend_from_slice(&crc32(&checked).to_be_bytes());
    }
    png
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |c, _| {
            if c & 1 == 1 { (c >> 1) ^ 0xedb8_8320 } else { c >> 1 }
        })
    })
}

const README: &str = "# Tides\n\nTide tables on the command line, from **harmonic constituents**.\n\n![logo](docs/logo.png)\n\n```sh\ncargo install tides\ntides Reykjavík --days 3\n```\n\n- no network\n- no database\n- [licence](LICENSE): MIT\n";
const LICENSE: &str = "MIT License\n\nPermission is hereby granted, free of charge, to any person obtaining a copy\nof this software, to deal in it without restriction.\n";
const MANIFEST: &str = "[package]\nname = \"tides\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n[dependencies]\n";
const MAIN: &str = "//! Prints a tide table.\n\nfn main() {\n    println!(\"high water at {}\", \"06:12\");\n}\n";
const CHECK: &str = "#!/bin/sh\nset -e\ncargo fmt --check\ncargo clippy -- -D warnings\ncargo test\n";
const SVG: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 48 48\"><path d=\"M0 24q6-12 12 0t12 0 12 0 12 0v24H0z\" fill=\"#145aa0\"/></svg>\n";
const CONSTITUENTS: [(&str, &str, &str); 18] = [
    ("M2", "28.984_104_2", "Principal lunar semidiurnal"),
    ("S2", "30.0", "Principal solar semidiurnal"),
    ("N2", "28.439_729_5", "Larger lunar elliptic semidiurnal"),
    ("K1", "15.041_068_6", "Lunar diurnal"),
    ("M4", "57.968_208_4", "Shallow water overtides of principal lunar"),
    ("O1", "13.943_035_6", "Lunar diurnal"),
    ("M6", "86.952_312_7", "Shallow water overtides of principal lunar"),
    ("MK3", "44.025_172_9", "Shallow water terdiurnal"),
    ("S4", "60.0", "Shallow water overtides of principal solar"),
    ("MN4", "57.423_833_7", "Shallow water quarter diurnal"),
    ("NU2", "28.512_583_1", "Larger lunar evectional"),
    ("S6", "90.0", "Shallow water overtides of principal solar"),
    ("MU2", "27.968_208_4", "Variational"),
    ("OO1", "16.139_101_7", "Lunar diurnal"),
    ("LAM2", "29.455_625_3", "Smaller lunar evectional"),
    ("S1", "15.0", "Solar diurnal"),
    ("M1", "14.496_693_9", "Smaller lunar elliptic diurnal"),
    ("J1", "15.585_443_3", "Smaller lunar elliptic diurnal"),
];
const PLACES: [(&str, &str, &str); 4] = [
    (
        "data/Reykjavík.json",
        "Reykjavík",
        "{ \"name\": \"Reykjavík\", \"m2\": 1.33, \"s2\": 0.51 }\n",
    ),
    (
        "data/Tromsø.json",
        "Tromsø",
        "{ \"name\": \"Tromsø\", \"m2\": 0.99, \"s2\": 0.35 }\n",
    ),
    (
        "data/東京.json",
        "東京",
        "{ \"name\": \"東京\", \"m2\": 0.49, \"s2\": 0.23 }\n",
    ),
    (
        "data/Saint-Malo (Ille-et-Vilaine).json",
        "Saint-Malo",
        "{ \"name\": \"Saint-Malo\", \"m2\": 3.75, \"s2\": 1.45 }\n",
    ),
];
const SECTIONS: [&str; 8] = [
    "\n## Use\n\nName a place: `tides Tromsø`.\n",
    "\n## Places\n\nEach file in `data/` is a place.\n",
    "\n## Units\n\nMetres and hours, in the time of the place.\n",
    "\n## Accuracy\n\n| place | error |\n|---|---|\n| Reykjavík | 4 cm |\n| 東京 | 2 cm |\n",
    "\n## Building\n\n`./check` runs everything.\n",
    "\n## Names\n\nA place is found by any unambiguous beginning of its name.\n",
    "\n## Limits\n\nWind and air pressure are not in the tables.\n",
    "\n## Thanks\n\n> Time and tide wait for no man.\n",
];
const OPTIONS: [&str; 14] = [
    "days",
    "from",
    "until",
    "metres",
    "feet",
    "json",
    "csv",
    "graph",
    "low",
    "high",
    "place-list",
    "time-zone",
    "quiet",
    "colour",
];
const FIXES: [&str; 8] = [
    "Round to the minute, not down",
    "Do not panic on an empty name",
    "Accept names in any normal form of Unicode",
    "Print the year when it changes",
    "Keep the graph within eighty columns",
    "Read the time zone only once",
    "Say which file is damaged",
    "Make the table line up with wide characters",
];
