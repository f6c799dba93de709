//! Bodies of requests. A short one is bytes. A long one, such as a pack that is pushed, is handed
//! over piece by piece while it is made, and is held wherever the platform has more room than this
//! module's memory: in a browser outside the wasm memory, as Blobs. Either has a length from the
//! start and can be sent again, after a login for example; browsers can neither stream a body over
//! HTTP/1.1 nor replay a stream.

use std::any::Any;
use std::rc::Rc;

use super::{Async, HttpError};

/// What a request carries. Cloning one that is held elsewhere is cheap.
#[derive(Clone, Debug)]
pub enum RequestBody {
    /// Bytes in this memory.
    Bytes(Vec<u8>),
    /// Parts that were handed over.
    Held(Held),
}

impl RequestBody {
    /// Its length in bytes.
    pub fn len(&self) -> u64 {
        match self {
            RequestBody::Bytes(bytes) => bytes.len() as u64,
            RequestBody::Held(held) => held.length,
        }
    }

    /// Whether it is of no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes in their order, if they are in this memory: those of [`RequestBody::Bytes`], and
    /// those that [`MemoryParts`] took.
    pub fn pieces(&self) -> Option<&[Vec<u8>]> {
        match self {
            RequestBody::Bytes(bytes) => Some(std::slice::from_ref(bytes)),
            RequestBody::Held(held) => held.what::<Vec<Vec<u8>>>().map(Vec::as_slice),
        }
    }
}

impl From<Vec<u8>> for RequestBody {
    fn from(bytes: Vec<u8>) -> Self {
        RequestBody::Bytes(bytes)
    }
}

/// Parts that were handed over, for the platform that took them to send.
#[derive(Clone)]
pub struct Held {
    length: u64,
    what: Rc<dyn Any>,
}

impl Held {
    /// So many bytes, held as the platform likes.
    pub fn new(length: u64, what: impl Any) -> Self {
        let what = Rc::new(what);
        Held { length, what }
    }

    /// What was given to [`Held::new`], if it is of that type.
    pub fn what<T: Any>(&self) -> Option<&T> {
        self.what.downcast_ref()
    }
}

impl std::fmt::Debug for Held {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Held({} bytes)", self.length)
    }
}

/// A body in the making.
pub trait Parts {
    /// Takes the bytes that come next, in any size; pieces of a mebibyte or so are good ones. When
    /// it resolves, the bytes no longer burden this memory, if the platform can help it.
    fn push(&mut self, bytes: Vec<u8>) -> Async<'_, Result<(), HttpError>>;

    /// How many bytes were taken.
    fn len(&self) -> u64;

    /// Whether none were taken.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The body, ready to be sent by the client that made these parts, more than once if need be.
    fn finish(self: Box<Self>) -> Result<RequestBody, HttpError>;
}

/// Parts that stay in this memory.
#[derive(Debug, Default)]
pub struct MemoryParts {
    pieces: Vec<Vec<u8>>,
    length: u64,
}

impl Parts for MemoryParts {
    fn push(&mut self, bytes: Vec<u8>) -> Async<'_, Result<(), HttpError>> {
        self.length += bytes.len() as u64;
        self.pieces.push(bytes);
        Box::pin(std::future::ready(Ok(())))
    }

    fn len(&self) -> u64 {
        self.length
    }

    fn finish(self: Box<Self>) -> Result<RequestBody, HttpError> {
        Ok(RequestBody::Held(Held::new(self.length, self.pieces)))
    }
}
