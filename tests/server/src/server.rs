//! The server's life: the builder, the thread with its runtime, the connections.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::auth::Auth;
use crate::cors::Cors;
use crate::fault::{Fault, FaultId, Faults};
use crate::files::Files;
use crate::git::Git;
use crate::log::{Entry, Log};
use crate::proxy::Proxy;
use crate::route::{self, Slot};
use crate::when::When;
use crate::wire;

/// A running server. Dropping it stops it and everything it started.
pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server with nothing mounted.
    pub fn builder() -> Builder {
        Builder {
            address: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            mounts: Vec::new(),
            control: false,
            keep_bodies: false,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:port`, without a slash at the end.
    pub fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The URL of a path, which starts with a slash.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// All requests since the start or the last [`Server::clear_log`], in order of arrival.
    pub fn log(&self) -> Vec<Entry> {
        self.shared.log.entries()
    }

    /// Forgets all requests.
    pub fn clear_log(&self) {
        self.shared.log.clear();
    }

    /// Waits until `done` holds of the log; false if it does not within `timeout`.
    pub fn wait_until(&self, timeout: Duration, done: impl FnMut(&[Entry]) -> bool) -> bool {
        self.shared.log.wait_until(timeout, done)
    }

    /// Sets a fault. It stays until it is removed; [`When`] says how often it acts.
    pub fn fault(&self, when: When, fault: Fault) -> FaultId {
        self.shared.faults.add(when, fault)
    }

    /// Takes a fault back.
    pub fn remove_fault(&self, id: FaultId) {
        self.shared.faults.remove(id);
    }

    /// Takes all faults back.
    pub fn clear_faults(&self) {
        self.shared.faults.clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What is mounted under a path prefix. The longest prefix that fits answers.
pub enum Mount {
    /// Repositories.
    Git(Git),
    /// Static files.
    Files(Files),
    /// A CORS proxy.
    Proxy(Proxy),
}

impl Mount {
    pub(crate) fn common(&self) -> &Common {
        match self {
            Mount::Git(git) => &git.common,
            Mount::Files(files) => &files.common,
            Mount::Proxy(proxy) => &proxy.common,
        }
    }
}

impl From<Git> for Mount {
    fn from(git: Git) -> Mount {
        Mount::Git(git)
    }
}

impl From<Files> for Mount {
    fn from(files: Files) -> Mount {
        Mount::Files(files)
    }
}

impl From<Proxy> for Mount {
    fn from(proxy: Proxy) -> Mount {
        Mount::Proxy(proxy)
    }
}

/// What all mounts have.
pub(crate) struct Common {
    /// Empty, or with a slash first and none last.
    pub(crate) prefix: String,
    pub(crate) cors: Cors,
    pub(crate) auth: Option<Auth>,
}

impl Common {
    pub(crate) fn new(prefix: &str) -> Common {
        let trimmed = prefix.trim_matches('/');
        let prefix = if trimmed.is_empty() {
            String::new()
        } else {
            format!("/{trimmed}")
        };
        Common {
            prefix,
            cors: Cors::None,
            auth: None,
        }
    }
}

/// A server to be.
pub struct Builder {
    address: SocketAddr,
    mounts: Vec<Mount>,
    control: bool,
    keep_bodies: bool,
}

impl Builder {
    /// Adds a mount.
    pub fn mount(mut self, mount: impl Into<Mount>) -> Builder {
        self.mounts.push(mount.into());
        self
    }

    /// The port; 0, the default, lets the system choose.
    pub fn port(mut self, port: u16) -> Builder {
        self.address.set_port(port);
        self
    }

    /// The address: 127.0.0.1, the default, or another of loopback. Others are refused at the start.
    pub fn bind(mut self, ip: IpAddr) -> Builder {
        self.address.set_ip(ip);
        self
    }

    /// Answers under `/__control/`: faults and the log over HTTP.
    pub fn control(mut self) -> Builder {
        self.control = true;
        self
    }

    /// Keeps the bodies of requests in the log.
    pub fn keep_bodies(mut self) -> Builder {
        self.keep_bodies = true;
        self
    }

    /// Listens, and answers on a thread of its own.
    pub fn start(self) -> io::Result<Server> {
        if !self.address.ip().is_loopback() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{} is not loopback", self.address.ip()),
            ));
        }
        let listener = std::net::TcpListener::bind(self.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            mounts: self.mounts,
            control: self.control,
            keep_bodies: self.keep_bodies,
            log: Arc::new(Log::new()),
            faults: Faults::default(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let served = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("gitside-server".into())
            .spawn(move || {
                runtime.block_on(async move {
                    tokio::select! {
                        () = accept(listener, served) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Server {
            address,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) mounts: Vec<Mount>,
    pub(crate) control: bool,
    pub(crate) keep_bodies: bool,
    pub(crate) log: Arc<Log>,
    pub(crate) faults: Faults,
}

async fn accept(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let _ = stream.set_nodelay(true);
                tokio::spawn(connection(stream, Arc::clone(&shared)));
            }
            // Out of file descriptors: those of other connections come back.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let slot = Slot::default();
    let for_requests = Arc::clone(&slot);
    let service =
        service_fn(move |request| Box::pin(route::handle(Arc::clone(&shared), Arc::clone(&for_requests), request)));
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .half_close(false)
        .serve_connection(TokioIo::new(stream), service);
    let finished = poll_fn(|cx| Pin::new(&mut connection).poll_without_shutdown(cx)).await;
    let stream = connection.into_parts().io.into_inner();
    let takeover = slot.lock().unwrap_or_else(PoisonError::into_inner).take();
    match takeover {
        Some(takeover) => {
            let _ = wire::take_over(stream, takeover).await;
        }
        None if finished.is_ok() => {
            use tokio::io::AsyncWriteExt;
            let mut stream = stream;
            let _ = stream.shutdown().await;
        }
        None => {}
    }
}
