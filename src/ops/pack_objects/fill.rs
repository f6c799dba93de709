//! Writes what is planned, object by object; while an object is here, a base for it is looked for.

use std::collections::VecDeque;
use std::rc::Rc;

use super::Wish;
use super::plan::{DEPTH, Item, Plan, Reuse};
use super::write::Out;
use crate::error::{Outcome, Stage};
use crate::format::oid::ObjectId;
use crate::format::pack::delta_window::{DeltaWindow, Made, WindowLimits};
use crate::format::pack::entry::EntryKind;
use crate::ops::fault::At;
use crate::ops::{Repository, object};
use crate::sorted::order;
use crate::store::StoreError;
use crate::store::odb::Info;
use crate::store::odb::raw::Whole;
use crate::task::{Phase, Progress, Task};

/// Objects that are read together, and their bytes.
const TOGETHER: usize = 2048;
const TOGETHER_BYTES: u64 = 16 << 20;

/// Objects between two reports of progress: a report is a message to another thread.
const REPORT_EVERY: u64 = 256;

/// A base, by its name or its place.
#[derive(Clone, Copy)]
struct Base {
    oid: ObjectId,
    /// Where it is in the pack; `None` if the other side has it.
    offset: Option<u64>,
}

/// A pack that is being filled.
pub(super) struct Filling<'a> {
    task: &'a Task,
    repo: &'a Repository,
    plan: &'a Plan,
    out: Out<'a>,
    ofs_delta: bool,
    window: DeltaWindow<Base>,
    progress: Progress,
}

impl<'a> Filling<'a> {
    /// Writes the objects of a plan.
    pub(super) async fn fill(
        task: &'a Task,
        repo: &'a Repository,
        wish: &Wish<'_>,
        plan: &'a Plan,
        out: Out<'a>,
    ) -> Outcome<Out<'a>> {
        let mut filling = Filling {
            task,
            repo,
            plan,
            out,
            ofs_delta: wish.ofs_delta,
            window: DeltaWindow::new(WindowLimits {
                depth: DEPTH,
                ..WindowLimits::default()
            }),
            progress: Progress {
                phase: Phase::Compressing,
                loaded: 0,
                total: u64::try_from(plan.objects).ok(),
                bytes: None,
            },
        };
        filling.report();
        let mut contents = Contents::of(plan);
        for number in plan.order() {
            let Some(item) = plan.get(*number) else { continue };
            let content = contents.take(task, repo, plan, *number).await?;
            if item.object.is_base {
                if let Some(content) = content {
                    let (oid, offset) = (item.object.oid, None);
                    filling
                        .window
                        .offer(item.object.kind, &content.data, Base { oid, offset });
                }
            } else {
                filling.family(item, content).await?;
            }
            task.checkpoint().await?;
        }
        filling.report();
        Ok(filling.out)
    }

    /// Writes an object, and all that is reused against it.
    async fn family(&mut self, item: &Item, content: Option<Content>) -> Outcome<()> {
        let offset = self.out.bytes();
        match item.reuse {
            Reuse::Held(base) => self.copy(item, EntryKind::RefDelta(base)).await?,
            Reuse::None | Reuse::Item(_) => self.search(item, content).await?,
        }
        let mut open: Vec<(u32, Base)> = Vec::new();
        let mut written = Some((item, offset));
        loop {
            if let Some((item, offset)) = written.take() {
                self.count();
                let base = Base {
                    oid: item.object.oid,
                    offset: Some(offset),
                };
                open.extend(self.plan.children(item).map(|child| (child, base)));
            }
            let Some((number, base)) = open.pop() else {
                return Ok(());
            };
            if let Some(item) = self.plan.get(number) {
                let offset = self.out.bytes();
                self.copy(item, self.against(&base)).await?;
                written = Some((item, offset));
            }
            self.task.checkpoint().await?;
        }
    }

    /// Writes an object for which a base is to be looked for, if that is worth it.
    async fn search(&mut self, item: &Item, content: Option<Content>) -> Outcome<()> {
        let kind = item.object.kind;
        let whole = EntryKind::Whole(kind);
        let Some(content) = content else {
            return self.copy(item, whole).await;
        };
        if item.is_searched {
            let mut search = self.window.search(kind, &content.data, item.above);
            while self.window.step(&mut search) {
                self.task.checkpoint().await?;
            }
            let what = Base {
                oid: item.object.oid,
                offset: Some(self.out.bytes()),
            };
            if let Some(Made { base, delta }) = self.window.settle(search, what) {
                return self.out.deflated(self.against(&base), &delta).await;
            }
        }
        match &content.stream {
            Some(stream) => self.out.streamed(whole, item.size, stream).await,
            None => self.out.deflated(whole, &content.data).await,
        }
    }

    /// Copies an entry as it is stored. If its pack was retired meanwhile, or if the entry is none
    /// that could be copied, the object is written whole.
    async fn copy(&mut self, item: &Item, kind: EntryKind) -> Outcome<()> {
        let is_delta = !matches!(kind, EntryKind::Whole(_));
        if let Some(place) = self.plan.place(item).filter(|_| item.is_delta == is_delta)
            && self.out.copied(kind, &place, !is_delta).await?
        {
            return Ok(());
        }
        let object = object::read(self.task, self.repo, &item.object.oid).await?;
        self.out.deflated(EntryKind::Whole(object.kind), &object.data).await
    }

    /// A delta against a base.
    fn against(&self, base: &Base) -> EntryKind {
        match base.offset {
            Some(offset) if self.ofs_delta => EntryKind::OffsetDelta(self.out.bytes() - offset),
            _ => EntryKind::RefDelta(base.oid),
        }
    }

    fn count(&mut self) {
        self.progress.loaded += 1;
        if self.progress.loaded.is_multiple_of(REPORT_EVERY) {
            self.report();
        }
    }

    fn report(&mut self) {
        self.progress.bytes = Some(self.out.bytes());
        self.task.progress(self.progress);
    }
}

/// The contents of objects in the order of a plan, read some at a time.
struct Contents {
    /// Those not read yet.
    numbers: VecDeque<u32>,
    read: VecDeque<(u32, Content)>,
}

/// The content of an object.
struct Content {
    data: Rc<Vec<u8>>,
    /// Its zlib stream, if it is stored whole in a pack.
    stream: Option<Vec<u8>>,
}

impl Contents {
    fn of(plan: &Plan) -> Self {
        let wanted = |item: &Item| match item.object.is_base {
            true => item.is_searched,
            // What is stored whole is copied.
            false => item.is_searched || item.reuse == Reuse::None && item.is_delta || plan.place(item).is_none(),
        };
        let order = plan.order().iter().copied();
        Contents {
            numbers: order.filter(|number| plan.get(*number).is_some_and(wanted)).collect(),
            read: VecDeque::new(),
        }
    }

    /// The content of an object; `None` if it is not needed.
    async fn take(&mut self, task: &Task, repo: &Repository, plan: &Plan, number: u32) -> Outcome<Option<Content>> {
        if self.read.is_empty() && self.numbers.front() == Some(&number) {
            let batch = self.batch(plan);
            self.read = read(task, repo, plan, &batch).await?.into();
        }
        let next = self.read.pop_front_if(|(next, _)| *next == number);
        Ok(next.map(|(_, content)| content))
    }

    /// Takes numbers off the front that can be read together.
    fn batch(&mut self, plan: &Plan) -> Vec<u32> {
        let (mut batch, mut bytes) = (Vec::new(), 0u64);
        while let Some(number) = self.numbers.front().copied() {
            bytes = bytes.saturating_add(plan.get(number).map_or(0, |item| item.size));
            if !batch.is_empty() && (bytes > TOGETHER_BYTES || batch.len() == TOGETHER) {
                break;
            }
            batch.push(number);
            self.numbers.pop_front();
        }
        batch
    }
}

/// Reads objects. What is sent and stored whole is read as it is stored, too, in the order of its
/// pack: it lies scattered, and if no base is found for it, it is copied.
async fn read(task: &Task, repo: &Repository, plan: &Plan, batch: &[u32]) -> Outcome<Vec<(u32, Content)>> {
    let mut contents: Vec<(u32, Option<Content>)> = batch.iter().map(|number| (*number, None)).collect();
    let whole = contents.iter_mut().filter_map(|(number, slot)| {
        let item = plan
            .get(*number)
            .filter(|item| !item.is_delta && !item.object.is_base)?;
        Some((plan.place(item)?, item, slot))
    });
    let mut whole: Vec<_> = whole.collect();
    order::sort_by_key(&mut whole, |(place, ..)| (place.pack.id, place.offset));
    for (place, item, slot) in whole {
        let info = Info {
            kind: item.object.kind,
            size: item.size,
        };
        *slot = match task.race(repo.odb.read_whole(&place, info)).await? {
            // Packed anew meanwhile: it is elsewhere now.
            Err(StoreError::Replaced) => None,
            read => read.at(Stage::Read).map(|Whole { data, stream }| {
                let stream = Some(stream);
                Some(Content { data, stream })
            })?,
        };
        task.checkpoint().await?;
    }
    let others = contents.iter().filter(|(_, content)| content.is_none());
    let others = others.filter_map(|(number, _)| Some(plan.get(*number)?.object.oid));
    let others: Vec<ObjectId> = others.collect();
    let objects = object::read_many(task, repo, &others).await?;
    let slots = contents.iter_mut().filter(|(_, content)| content.is_none());
    for ((_, slot), object) in slots.zip(objects) {
        let (data, stream) = (object.data, None);
        *slot = Some(Content { data, stream });
    }
    let contents = contents.into_iter();
    Ok(contents
        .filter_map(|(number, content)| Some((number, content?)))
        .collect())
}
