//! Thin packs that are cut off or damaged: nothing of them stays, and nothing is accepted that git
//! refuses to complete.

use gitside::error::Code;
use gitside::format::object::Kind;
use gitside::format::pack::entry::EntryKind;
use gitside::format::zlib::deflate;
use gitside::ops::receive::Intake;
use gitside::store::publish::Publication;

use crate::pack_builder::{PackBuilder, append, blob_id, reseal};
use crate::pack_oracle::{Random, Scratch, git};
use crate::support::block_on;
use crate::thin::Completer;
use crate::world::World;

/// What is stored, and a small thin pack that builds on it in every way.
fn thin() -> (Vec<u8>, Vec<u8>) {
    let (one, two) = (b"one line\n".repeat(20), b"another line\n".repeat(20));
    let mut stored = PackBuilder::new();
    stored.blob(&one);
    stored.blob(&two);
    let mut pack = PackBuilder::new();
    let deflated =
        |pack: &mut PackBuilder, kind, content: &[u8]| pack.entry(kind, content.len() as u64, &deflate(content, 6));
    let grown = append(&one, b"by id");
    let at = deflated(&mut pack, EntryKind::RefDelta(blob_id(&one)), &grown);
    let base = [&one[..], b"by id"].concat();
    let distance = pack.offset() - at;
    deflated(
        &mut pack,
        EntryKind::OffsetDelta(distance),
        &append(&base, b"by offset"),
    );
    deflated(&mut pack, EntryKind::Whole(Kind::Blob), b"whole");
    deflated(&mut pack, EntryKind::RefDelta(blob_id(&two)), &append(&two, b"2"));
    (stored.finish(), pack.finish())
}

#[test]
fn a_thin_pack_cut_off_at_any_byte_leaves_nothing() {
    let (stored, pack) = thin();
    let world = World::new(&stored);
    let before = world.rows();
    let writer = world.writer();
    for unpack_below in [0, 100] {
        let intake = Intake {
            unpack_below,
            ..world.intake()
        };
        for cut in 0..pack.len() {
            let error = world.receive(&writer, &pack[..cut], &intake).err();
            let error = error.unwrap_or_else(|| panic!("cut at {cut}: accepted"));
            assert_eq!(error.code, Code::PackInvalid, "cut at {cut}: {error:?}");
            assert_eq!(world.rows(), before, "cut at {cut}");
        }
    }
}

#[test]
fn damage_under_a_right_trailer_is_accepted_only_where_git_completes_it_to_the_same() {
    let (stored, pack) = thin();
    let gits = Completer::new("thin-damage", &stored);
    let world = World::new(&stored);
    let before = world.rows();
    let writer = world.writer();
    let scratch = Scratch::new("thin-damage-ids");
    git(scratch.path(), &["init", "-q", "."], b"").unwrap();
    let mut random = Random(0xdead_beef);
    let (mut accepted, mut refused) = (0, 0);
    for number in 0..6000 {
        let mut damaged = pack.clone();
        // Every bit once, then some bytes at once.
        let bits = (pack.len() - 20) * 8;
        if number < bits {
            damaged[number / 8] ^= 1 << (number % 8);
        } else {
            for _ in 0..1 + random.below(3) {
                let at = random.below(pack.len() - 20);
                damaged[at] = random.below(256) as u8;
            }
        }
        if damaged == pack {
            continue;
        }
        reseal(&mut damaged);
        match world.receive(&writer, &damaged, &world.intake()) {
            Err(error) => {
                refused += 1;
                assert!(
                    matches!(error.code, Code::PackInvalid | Code::LimitExceeded),
                    "{number}: {error:?}"
                );
            }
            Ok(received) => {
                accepted += 1;
                let packs = received.packs();
                let fresh = World::new(&stored);
                drop(received);
                fresh.fetch(&damaged, &fresh.intake()).unwrap();
                let ours = match packs {
                    0 => Vec::new(),
                    _ => crate::thin::ids_of(scratch.path(), &crate::world::exported(&fresh).1),
                };
                assert_eq!(gits.complete(&damaged), Ok(ours), "{number}");
            }
        }
    }
    println!("{accepted} accepted, {refused} refused");
    assert!(accepted > 0 && refused > 4000, "{accepted} accepted, {refused} refused");
    // What was accepted and not published is swept by the next writer.
    drop(writer);
    drop(world.writer());
    assert_eq!(world.rows(), before);
}

#[test]
fn a_pack_that_is_given_up_after_it_came_can_be_removed_at_once() {
    let (stored, pack) = thin();
    let world = World::new(&stored);
    let before = world.rows();
    let writer = world.writer();
    let received = world.receive(&writer, &pack, &world.intake()).unwrap();
    assert_ne!(world.rows(), before);
    block_on(received.discard(&writer));
    assert_eq!(world.rows(), before);
    // The writer goes on to write.
    let received = world.receive(&writer, &pack, &world.intake()).unwrap();
    let mut publication = Publication::new(&writer);
    received.publish(&mut publication);
    block_on(publication.commit()).unwrap();
}
