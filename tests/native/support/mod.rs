//! What native integration tests share: an HTTP client behind the host's traits, a clock, an
//! executor, and hosts made of them.

#![allow(dead_code, reason = "no test uses all of it")]

pub mod http;
pub mod oracle;

use std::future::Future;
use std::rc::Rc;

use gitside::host::{Host, Http};
use gitside::store::memory::MemoryStorage;

/// Runs a future to its end on this thread, with sockets and timers.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

/// A host with storage in memory and real sockets.
pub fn host() -> Host {
    host_with(http::SocketHttp::default())
}

/// A host with storage in memory and a given client.
pub fn host_with(http: impl Http + 'static) -> Host {
    Host {
        storage: Rc::new(MemoryStorage::new()),
        http: Rc::new(http),
        clock: Rc::new(http::SystemClock::default()),
        threads: Rc::new(gitside::host::NoThreads),
    }
}
