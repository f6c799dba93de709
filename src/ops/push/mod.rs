//! Push: git-push(1).
//!
//! ```text
//!   plan       which of the remote's refs become what, and which are refused before anything is sent
//! ```

pub mod plan;
