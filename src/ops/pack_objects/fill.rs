//! Writes what is planned, object by object; while an object is here, a base for it is looked for.

use std::collections::VecDeque;
use std::rc::Rc;

use super::Wish;
use super::plan::{DEPTH, Item, Plan, Reuse};
use super::write::Out;
use crate::error::Outcome;
use crate::format::oid::ObjectId;
use crate::format::pack::delta_window::{DeltaWindow, Made, WindowLimits};
use crate::format::pack::entry::EntryKind;
use crate::ops::{Repository, object};
use crate::task::{Phase, Progress, Task};

/// Smaller objects are not worth a delta (`should_attempt_deltas`).
const SMALLEST: u64 = 50;

/// Larger objects are neither made deltas nor bases: two of them and their tables would be much of
/// the memory there is.
const LARGEST: u64 = 16 << 20;

/// Objects that are read together, and their bytes.
const TOGETHER: usize = 512;
const TOGETHER_BYTES: u64 = 4 << 20;

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
                    filling.window.offer(item.object.kind, &content, Base { oid, offset });
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
    async fn family(&mut self, item: &Item, content: Option<Rc<Vec<u8>>>) -> Outcome<()> {
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
    async fn search(&mut self, item: &Item, content: Option<Rc<Vec<u8>>>) -> Outcome<()> {
        let kind = item.object.kind;
        let whole = EntryKind::Whole(kind);
        let Some(content) = content else {
            return self.copy(item, whole).await;
        };
        if is_searched(item) {
            let mut search = self.window.search(kind, &content, item.above);
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
        if let Some(place) = self.plan.place(item).filter(|_| !item.is_delta)
            && self.out.copied(whole, &place).await?
        {
            return Ok(());
        }
        self.out.deflated(whole, &content).await
    }

    /// Copies an entry as it is stored. If its pack was retired meanwhile, or if the entry is none
    /// that could be copied, the object is written whole.
    async fn copy(&mut self, item: &Item, kind: EntryKind) -> Outcome<()> {
        let is_delta = !matches!(kind, EntryKind::Whole(_));
        if let Some(place) = self.plan.place(item).filter(|_| item.is_delta == is_delta)
            && self.out.copied(kind, &place).await?
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

/// Whether a base is looked for, or the object is tried as one.
fn is_searched(item: &Item) -> bool {
    item.reuse == Reuse::None && (SMALLEST..=LARGEST).contains(&item.size)
}

/// The contents of objects in the order of a plan, read some at a time.
struct Contents {
    /// Those not read yet.
    numbers: VecDeque<u32>,
    read: VecDeque<(u32, Rc<Vec<u8>>)>,
}

impl Contents {
    fn of(plan: &Plan) -> Self {
        let wanted = |item: &Item| match item.object.is_base {
            true => is_searched(item),
            // What is stored whole is copied.
            false => is_searched(item) || item.reuse == Reuse::None && item.is_delta || plan.place(item).is_none(),
        };
        let order = plan.order().iter().copied();
        Contents {
            numbers: order.filter(|number| plan.get(*number).is_some_and(wanted)).collect(),
            read: VecDeque::new(),
        }
    }

    /// The content of an object; `None` if it is not needed.
    async fn take(&mut self, task: &Task, repo: &Repository, plan: &Plan, number: u32) -> Outcome<Option<Rc<Vec<u8>>>> {
        if self.read.is_empty() && self.numbers.front() == Some(&number) {
            let batch = self.batch(plan);
            let items = batch.iter().filter_map(|number| plan.get(*number));
            let oids: Vec<ObjectId> = items.map(|item| item.object.oid).collect();
            let objects = object::read_many(task, repo, &oids).await?;
            self.read = batch
                .into_iter()
                .zip(objects.into_iter().map(|object| object.data))
                .collect();
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
