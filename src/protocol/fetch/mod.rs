//! One request of a fetch and its answer: gitprotocol-pack(5) for versions 0 and 1,
//! gitprotocol-v2(5) "fetch" for version 2.
//!
//! [`FetchRequest::write`] makes the request and the [`FetchResponse`] that can read its answer.
//! How requests follow each other is for [`super::fetch_state`].

mod error;
mod event;
mod request;
mod response;

pub use error::{FetchError, FetchRequestError};
pub use event::{AckStatus, Acks, FetchEvent, ShallowInfo};
pub(crate) use request::Ending;
pub use request::{Deepen, FetchRequest, Offer, SidebandMode};
pub use response::FetchResponse;
pub(crate) use response::Found;
