//! Indexes packs as a clone does (scan, resolve, connectivity, idx) from memory, and says what it
//! cost: `cargo bench --bench index_pack -- PACK...`. To be held against
//! `git index-pack --threads=1` in the same minute.

use std::time::{Duration, Instant};

use gitside::algo::connected::Links;
use gitside::format::pack::Limits;
use gitside::format::pack::index::write_idx;
use gitside::format::pack::resolve::{DeltaResolver, Step};
use gitside::format::pack::scan::{PackScanner, What};

/// Network chunks arrive about this large.
const CHUNK: usize = 64 << 10;

fn main() {
    let mut links = true;
    let mut any = false;
    for argument in std::env::args().skip(1) {
        match argument.as_str() {
            "--bench" => {}
            "--no-links" => links = false,
            path => {
                any = true;
                run(path, links);
            }
        }
    }
    if !any {
        eprintln!("usage: cargo bench --bench index_pack -- [--no-links] PACK...");
    }
}

fn run(path: &str, with_links: bool) {
    let bytes = std::fs::read(path).expect("the pack can be read");
    let limits = Limits::default();
    let mut links = Links::new();
    let mut in_links = Duration::ZERO;
    let mut note = |kind, oid, content: &[u8]| {
        if with_links {
            let start = Instant::now();
            links.object(kind, oid, content).expect("the object is sound");
            in_links += start.elapsed();
        }
    };

    let start = Instant::now();
    let mut scanner = PackScanner::new(limits);
    for chunk in bytes.chunks(CHUNK) {
        scanner.feed(chunk).expect("the pack is sound");
        while let Some(found) = scanner.next().expect("the pack is sound") {
            match found.what {
                What::Object { kind, oid, content } => note(kind, oid, content),
                What::LargeBlob { oid, .. } => note(gitside::format::object::Kind::Blob, oid, b""),
                What::Passing { .. } | What::Delta => {}
            }
        }
    }
    let scanned = scanner.finish().expect("the pack is complete");
    let (objects, deltas) = (scanned.objects(), scanned.deltas());
    let scan = start.elapsed();

    let start = Instant::now();
    let mut resolver = DeltaResolver::new(scanned, limits).expect("the pack is sound");
    let mut resolved = 0;
    loop {
        match resolver.step(bytes.as_slice()).expect("the deltas are sound") {
            Step::Object { kind, oid, content, .. } => {
                resolved += content.len();
                note(kind, oid, content);
            }
            Step::Working => {}
            Step::Done => break,
            needs => panic!("{needs:?}"),
        }
    }
    let index = resolver.finish().expect("all is resolved");
    let resolve = start.elapsed();

    let start = Instant::now();
    let missing = links.missing(&[], &[]).len();
    in_links += start.elapsed();

    let start = Instant::now();
    let mut idx = Vec::new();
    write_idx(&index, |bytes| idx.extend_from_slice(bytes));
    let write = start.elapsed();
    if let Ok(gits) = std::fs::read(path.replace(".pack", ".idx")) {
        assert!(gits == idx, "the index differs from git's");
    }
    println!(
        "{path}: {objects} objects, {deltas} deltas, {} MB resolved, {missing} missing; scan {scan:.2?}, resolve {resolve:.2?}, \
         of which links {in_links:.2?}; idx {write:.2?}; total {:.2?}; peak {} MB",
        resolved >> 20,
        scan + resolve + write,
        peak() >> 10,
    );
}

/// The most memory this process had, in KiB.
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0)
}
