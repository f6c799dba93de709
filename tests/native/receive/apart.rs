//! Large packs, resolved on several threads: the outcome is that of one, whatever becomes of them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use gitside::format::object::Kind;
use gitside::format::oid::ObjectId;
use gitside::host::{Async, Helper, NoThreads, Table, Threads};
use gitside::ops::receive::help::Help;
use gitside::ops::receive::{Intake, Received};
use gitside_server::repos::{pack, project};

use crate::pack_builder::{PackBuilder, append, delta, insert};
use crate::pack_oracle::{Random, Scratch};
use crate::world::{World, lines, pack_of};

/// What a helping thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// Its part.
    Works,
    /// Nothing at all: it never comes to life.
    NeverStarts,
    /// It comes to life and dies after so many messages.
    DiesAfter(u32),
    /// It dies when it is asked what it noted.
    DiesAtTheEnd,
    /// It refuses every portion.
    Refuses,
    /// It answers something else.
    Babbles,
}

/// Helpers that are no threads: they answer a little later, on this one.
struct Crew {
    manners: RefCell<Vec<Manner>>,
    portions: Rc<Cell<u32>>,
}

struct Hand {
    help: RefCell<Help>,
    manner: Manner,
    heard: Cell<u32>,
    portions: Rc<Cell<u32>>,
}

impl Threads for Crew {
    fn start(&self) -> Option<Rc<dyn Helper>> {
        let manner = self.manners.borrow_mut().pop()?;
        Some(Rc::new(Hand {
            help: RefCell::default(),
            manner,
            heard: Cell::new(0),
            portions: Rc::clone(&self.portions),
        }))
    }
}

impl Helper for Hand {
    fn call(&self, message: Vec<u8>) -> Async<'static, Option<Vec<u8>>> {
        self.heard.set(self.heard.get() + 1);
        let verb = message[0];
        let answer = match self.manner {
            Manner::NeverStarts => return Box::pin(std::future::pending()),
            Manner::DiesAfter(messages) if self.heard.get() > messages => None,
            Manner::DiesAtTheEnd if verb == b'L' => None,
            Manner::Refuses if verb == b'P' => Some(b"F".to_vec()),
            Manner::Babbles if verb != b'S' => Some(b"Nonsense".to_vec()),
            _ => {
                if verb == b'P' {
                    self.portions.set(self.portions.get() + 1);
                }
                Some(self.help.borrow_mut().answer(&message))
            }
        };
        Box::pin(async move {
            tokio::task::yield_now().await;
            answer
        })
    }
}

/// A history with a pack of some MiB, in which many families are.
fn large_pack(scratch: &Scratch) -> Vec<u8> {
    let origin = project(&scratch.path().join("origin"), 9000, 3).unwrap();
    pack(&origin).unwrap();
    let tips = lines(origin.path(), &["for-each-ref", "--format=%(objectname)"]);
    let pack = pack_of(origin.path(), &["--delta-base-offset"], &tips.join("\n"));
    assert!(pack.len() > 3 << 20, "{} bytes are few", pack.len());
    pack
}

fn take_in(pack: &[u8], threads: &dyn Threads) -> (World, Received) {
    let world = World::empty();
    let received = {
        let writer = world.writer();
        let intake = Intake {
            threads,
            base: None,
            ..world.intake()
        };
        world.receive(&writer, pack, &intake).unwrap()
    };
    (world, received)
}

/// What was noted, in a form that does not depend on the order in which it was.
fn told(received: &Received) -> (u64, Vec<(ObjectId, Option<Kind>)>) {
    let links = &received.noted.links;
    let mut missing = links.missing(&[], &[]);
    missing.sort();
    (links.ids(), missing)
}

#[test]
fn whatever_becomes_of_the_helpers_the_outcome_is_the_same() {
    let scratch = Scratch::new("apart");
    let pack = large_pack(&scratch);
    let (world, alone) = take_in(&pack, &NoThreads);
    let rows = |world: &World, table| -> Vec<_> {
        let rows = world.rows().into_iter().filter(|(of, ..)| *of == table);
        // The key begins with the writer's generation, the row is sealed with its key.
        rows.map(|(_, key, value)| (key[12..].to_vec(), value.len())).collect()
    };
    let expected = rows(&world, Table::Index);
    assert!(!expected.is_empty());
    use Manner::{Babbles, DiesAfter, DiesAtTheEnd, NeverStarts, Refuses, Works};
    let crews: &[&[Manner]] = &[
        &[Works],
        &[Works, Works, Works],
        &[NeverStarts],
        &[NeverStarts, Works],
        &[DiesAfter(0)],
        &[DiesAfter(1), Works],
        &[DiesAfter(4)],
        &[DiesAfter(3), DiesAfter(5), Works],
        &[DiesAtTheEnd],
        &[DiesAtTheEnd, DiesAtTheEnd],
        &[Refuses, Works],
        &[Babbles],
        &[Babbles, DiesAtTheEnd, Works],
    ];
    for manners in crews {
        let crew = Crew {
            manners: RefCell::new(manners.to_vec()),
            portions: Rc::default(),
        };
        let (world, received) = take_in(&pack, &crew);
        assert_eq!(rows(&world, Table::Index), expected, "{manners:?}");
        assert_eq!(told(&received), told(&alone), "{manners:?}");
        assert_eq!(received.objects(), alone.objects(), "{manners:?}");
        for tag in lines(&scratch.path().join("origin"), &["tag"]) {
            let oid = |what: &str| -> ObjectId {
                let lines = lines(&scratch.path().join("origin"), &["rev-parse", what]);
                lines[0].parse().unwrap()
            };
            let peeled = received.noted.tags.peel(&oid(&format!("refs/tags/{tag}")));
            assert_eq!(peeled, Some(oid(&format!("{tag}^{{}}"))), "{manners:?}: {tag}");
        }
        if manners.contains(&Works) {
            assert!(crew.portions.get() > 1, "{manners:?}: the helper was given nothing");
        }
    }
}

#[test]
fn what_is_wrong_is_told_as_one_thread_alone_would() {
    // Enough that cannot be compressed for helpers to be called, then families, one of them bad.
    let mut random = Random(11);
    let mut noise = || -> Vec<u8> {
        (0..64 << 10)
            .map(|_| u8::try_from(random.below(256)).unwrap())
            .collect()
    };
    let mut pack = PackBuilder::new();
    for _ in 0..40 {
        let base = noise();
        let at = pack.blob(&base);
        pack.ofs_delta(at, &append(&base, b"more"));
    }
    let base = noise();
    let length = u64::try_from(base.len()).unwrap();
    let at = pack.blob(&base);
    let reserved = delta(length, 5, &[insert(b"bytes"), vec![0]].concat());
    let bad = pack.offset();
    pack.ofs_delta(at, &reserved);
    let pack = pack.finish();
    let refusal = |threads: &dyn Threads| {
        let world = World::empty();
        let writer = world.writer();
        let intake = Intake {
            threads,
            base: None,
            ..world.intake()
        };
        let refusal = world.receive(&writer, &pack, &intake).err().expect("a refusal");
        drop(writer);
        assert_eq!(world.keys(Table::Chunks), Vec::<Vec<u8>>::new(), "nothing is left");
        refusal
    };
    let alone = refusal(&NoThreads);
    assert!(
        alone.to_string().contains(&bad.to_string()),
        "{alone} does not say where"
    );
    for manner in [Manner::Works, Manner::Refuses, Manner::DiesAfter(2)] {
        let helped = refusal(&Crew {
            manners: RefCell::new(vec![manner; 2]),
            portions: Rc::default(),
        });
        assert_eq!(helped.to_string(), alone.to_string(), "{manner:?}");
        assert_eq!(helped.code, alone.code, "{manner:?}");
    }
}
