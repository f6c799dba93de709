//! Objects that were read are hashed together, be they of one call or of several: four at once take
//! less than half of the time that they take one by one.

use std::cell::{OnceCell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use super::{Object, Odb};
use crate::format::hash::{Collision, ObjectHasher, hash_objects};
use crate::format::oid::ObjectId;

/// About how many bytes are hashed between two looks at the clock, half a millisecond of work.
/// Longer objects are hashed piece by piece.
const TOGETHER: usize = 512 << 10;

/// Objects that wait for being hashed.
#[derive(Default)]
pub(super) struct Hashing(RefCell<Vec<Rc<Job>>>);

struct Job {
    object: Object,
    id: OnceCell<Result<ObjectId, Collision>>,
}

impl Odb {
    /// The ids of objects, in their order.
    pub(super) async fn hash(&self, objects: Vec<Object>) -> Vec<Result<ObjectId, Collision>> {
        let mut jobs = Vec::with_capacity(objects.len());
        for object in objects {
            let job = Rc::new(Job {
                object,
                id: OnceCell::new(),
            });
            if job.object.data.len() > TOGETHER {
                let _ = job.id.set(self.hash_alone(&job.object).await);
            } else {
                self.hashing.0.borrow_mut().push(Rc::clone(&job));
            }
            jobs.push(job);
        }
        others_go_on().await;
        while jobs.iter().any(|job| job.id.get().is_none()) {
            let bytes = self.hashing.hash_some();
            self.worked(bytes).await;
        }
        jobs.iter().filter_map(|job| job.id.get().copied()).collect()
    }

    async fn hash_alone(&self, object: &Object) -> Result<ObjectId, Collision> {
        let mut hasher = ObjectHasher::new(object.kind, object.data.len() as u64);
        for piece in object.data.chunks(TOGETHER) {
            hasher.update(piece);
            self.worked(piece.len()).await;
        }
        hasher.finish()
    }
}

impl Hashing {
    /// Hashes some of those that wait; answers how many bytes that were.
    fn hash_some(&self) -> usize {
        let mut bytes = 0;
        let mut some = Vec::new();
        let mut waiting = self.0.borrow_mut();
        while bytes < TOGETHER
            && let Some(job) = waiting.pop()
        {
            bytes += job.object.data.len();
            some.push(job);
        }
        let contents: Vec<_> = some
            .iter()
            .map(|job| (job.object.kind, job.object.data.as_slice()))
            .collect();
        let mut ids = Vec::with_capacity(some.len());
        hash_objects(&contents, &mut ids);
        for (job, id) in some.iter().zip(ids) {
            let _ = job.id.set(id);
        }
        bytes
    }
}

/// Lets other calls that can go on do so first: they bring what they have read.
async fn others_go_on() {
    let mut went = false;
    poll_fn(|context| {
        if std::mem::replace(&mut went, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
