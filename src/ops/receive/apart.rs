//! The deltas of a large pack, resolved family by family, here and on other threads.
//!
//! Helpers are kept supplied with portions, and in between portions are resolved here. Whatever
//! becomes of a helper, the outcome is the same: what it refuses is tried again here, so that errors
//! are those of one thread alone, and what it had done when it died is done again.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::help;
use super::{Intake, Noted, REPORT_EVERY, report};
use crate::error::{Outcome, Stage};
use crate::format::pack::error::PackError;
use crate::format::pack::families::{Cut, Families};
use crate::format::pack::portion::Portion;
use crate::format::pack::resolve::Step;
use crate::format::pack::{Limits, PackIndex};
use crate::host::{Async, Helper, Threads};
use crate::ops::fault::At;
use crate::store::pack_store::StagedPack;
use crate::task::{Phase, Task};

/// Portions a helper has at a time: the one it works on, and the next.
const AHEAD: usize = 2;

/// Steps between two looks at what the helpers have done.
const LOOK_EVERY: u32 = 256;

/// The threads that help.
#[derive(Default)]
pub(super) struct Crew(Vec<Member>);

struct Member {
    helper: Rc<dyn Helper>,
    /// Resolves when it has come to life. Until then it is sent nothing: work that never ends must
    /// not come of a thread that never begins.
    hello: Option<Async<'static, Option<Vec<u8>>>>,
    calls: VecDeque<Call>,
    /// What it resolved and noted.
    done: Vec<Cut>,
}

struct Call {
    cut: Cut,
    answer: Async<'static, Option<Vec<u8>>>,
}

impl Member {
    fn wants_more(&self) -> bool {
        self.hello.is_none() && self.calls.len() < AHEAD
    }
}

impl Crew {
    /// As many as there are to be had. They come to life while the pack arrives.
    pub(super) fn start(threads: &dyn Threads, seed: u64, limits: &Limits) -> Self {
        let start = || {
            let helper = threads.start()?;
            let hello = helper.call(help::start(seed, limits));
            Some(Member {
                helper,
                hello: Some(hello),
                calls: VecDeque::new(),
                done: Vec::new(),
            })
        };
        Crew(std::iter::from_fn(start).collect())
    }

    fn is_idle(&self) -> bool {
        self.0.iter().all(|member| member.calls.is_empty())
    }

    /// Looks who has come to life; forgets those that will not.
    fn greet(&mut self, context: &mut Context<'_>) {
        self.0.retain_mut(|member| match &mut member.hello {
            Some(hello) => match hello.as_mut().poll(context) {
                Poll::Ready(None) => false,
                Poll::Ready(Some(_)) => {
                    member.hello = None;
                    true
                }
                Poll::Pending => true,
            },
            None => true,
        });
    }

    /// An answer, the member it came from, and what it answers; pending while there is none.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<(usize, Cut, Option<Vec<u8>>)> {
        for (number, member) in self.0.iter_mut().enumerate() {
            if let Some(call) = member.calls.front_mut()
                && let Poll::Ready(answer) = call.answer.as_mut().poll(context)
                && let Some(Call { cut, .. }) = member.calls.pop_front()
            {
                return Poll::Ready((number, cut, answer));
            }
        }
        Poll::Pending
    }
}

/// Resolves all deltas, and notes what they become.
pub(super) async fn resolve(
    task: &Task,
    intake: &Intake<'_>,
    staged: &mut StagedPack,
    mut families: Families,
    crew: Crew,
    noted: &mut Noted,
) -> Outcome<PackIndex> {
    while families.prepare() {
        task.checkpoint().await?;
    }
    let mut apart = Apart {
        task,
        limits: intake.limits,
        total: u64::from(families.deltas()),
        staged,
        families,
        crew,
        noted,
        refused: Vec::new(),
        reported: 0,
    };
    loop {
        apart.resolve().await?;
        let Some(member) = apart.crew.0.pop() else {
            break;
        };
        apart.take_over(member).await?;
    }
    report(task, Phase::Resolving, apart.total, Some(apart.total), None);
    task.checkpoint().await?;
    apart.families.finish().ok_or(PackError::Misuse).at(Stage::Unpack)
}

struct Apart<'a> {
    task: &'a Task,
    limits: Limits,
    total: u64,
    staged: &'a mut StagedPack,
    families: Families,
    crew: Crew,
    noted: &'a mut Noted,
    /// What a helper did not want, to be looked at here.
    refused: Vec<Cut>,
    reported: u64,
}

impl Apart<'_> {
    /// Resolves what is not resolved yet.
    async fn resolve(&mut self) -> Outcome<()> {
        loop {
            self.supply().await?;
            match self.refused.pop().or_else(|| self.families.cut()) {
                Some(cut) => self.here(cut).await?,
                None if self.crew.is_idle() => return Ok(()),
                None => {
                    let crew = &mut self.crew;
                    let (number, cut, answer) = self.task.race(poll_fn(|context| crew.poll(context))).await?;
                    self.settle(number, cut, answer);
                }
            }
        }
    }

    /// Takes the answers that came, and sees to it that all helpers have enough to do.
    async fn supply(&mut self) -> Outcome<()> {
        loop {
            let crew = &mut self.crew;
            let come = poll_fn(|context| {
                crew.greet(context);
                Poll::Ready(crew.poll(context))
            });
            let come = come.await;
            let Poll::Ready((number, cut, answer)) = come else {
                break;
            };
            self.settle(number, cut, answer);
        }
        for number in 0..self.crew.0.len() {
            while self.crew.0.get(number).is_some_and(Member::wants_more)
                && let Some(cut) = self.families.cut()
            {
                let portion = self.portion(&cut).await?;
                if let Some(member) = self.crew.0.get_mut(number) {
                    let answer = member.helper.call(help::portion(&portion));
                    member.calls.push_back(Call { cut, answer });
                }
                self.task.checkpoint().await?;
            }
        }
        self.report(0);
        Ok(())
    }

    fn settle(&mut self, number: usize, cut: Cut, answer: Option<Vec<u8>>) {
        let Some(answer) = answer else {
            self.families.give_back(cut);
            if number < self.crew.0.len() {
                let member = self.crew.0.swap_remove(number);
                self.bury(member);
            }
            return;
        };
        match help::names(&answer) {
            Some(names) if self.families.settle(&cut, &names) => {
                if let Some(member) = self.crew.0.get_mut(number) {
                    member.done.push(cut);
                }
            }
            _ => self.refused.push(cut),
        }
    }

    /// Has everything done again that only a dead helper knew of.
    fn bury(&mut self, member: Member) {
        for call in member.calls {
            self.families.give_back(call.cut);
        }
        for cut in member.done {
            self.families.undo(cut);
        }
    }

    async fn portion(&mut self, cut: &Cut) -> Outcome<Portion> {
        let ranges: Vec<_> = self.families.ranges(cut).collect();
        let bytes = self.staged.gather(&ranges).await.at(Stage::Unpack)?;
        Ok(self.families.portion(cut, bytes))
    }

    /// Resolves a portion here.
    async fn here(&mut self, cut: Cut) -> Outcome<()> {
        let portion = self.portion(&cut).await?;
        self.task.checkpoint().await?;
        let mut resolver = portion.resolver(self.limits).at(Stage::Unpack)?;
        for step in 1u32.. {
            match resolver.step(&portion).at(Stage::Unpack)? {
                Step::Object { kind, oid, content, .. } => {
                    self.noted.object(kind, oid, content)?;
                    self.task.worked(content.len());
                }
                Step::Working => {}
                Step::Done => break,
                Step::External { .. } | Step::NeedBytes(_) | Step::NeedBases(_) => {
                    return Err(PackError::Misuse).at(Stage::Unpack);
                }
            }
            self.task.checkpoint().await?;
            if step % LOOK_EVERY == 0 {
                self.supply().await?;
                self.report(resolver.resolved().into());
            }
        }
        let entries = resolver.finish().at(Stage::Unpack)?.entries;
        let deltas = entries.iter().filter(|entry| entry.base.is_some());
        let names: Vec<_> = deltas.map(|entry| (entry.kind, entry.oid)).collect();
        match self.families.settle(&cut, &names) {
            true => Ok(()),
            false => Err(PackError::Misuse).at(Stage::Unpack),
        }
    }

    /// Takes over what a helper noted, which ends its work.
    async fn take_over(&mut self, member: Member) -> Outcome<()> {
        if member.done.is_empty() {
            return Ok(());
        }
        let ask = async |message| Ok(self.task.race(member.helper.call(message)).await?);
        if help::take_over(self.noted, ask).await?.is_none() {
            self.bury(member);
        }
        Ok(())
    }

    fn report(&mut self, more: u64) {
        let resolved = u64::from(self.families.resolved()).saturating_add(more);
        if resolved >= self.reported.saturating_add(REPORT_EVERY) {
            self.reported = resolved;
            report(
                self.task,
                Phase::Resolving,
                resolved.min(self.total),
                Some(self.total),
                None,
            );
        }
    }
}
