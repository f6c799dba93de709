//! What is tried, and what has to be told of it.

use std::rc::Rc;

use gitside::error::{Code, Failure, GitError, Stage};
use gitside::host::Host;
use gitside::ops::clone::{self, clone};
use gitside::ops::ls_remote::ls_remote;
use gitside::ops::remote::Credentials;
use gitside::store::memory::MemoryStorage;
use gitside::task::{Event, Task};
use gitside_server::repos::{self, Repo};
use gitside_server::{Auth, Cors, Fault, Files, Git, Server, When};

use crate::support::block_on;
use crate::support::http::{SocketHttp, SystemClock};

pub const PAGE: &str = "https://page.example";

pub struct Place {
    pub _folder: tempfile::TempDir,
    pub repo: Repo,
    pub server: Server,
}

pub fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let repo = repos::example(&folder.path().join("example.git")).unwrap();
    let sha256 = folder.path().join("sha256.git");
    let path = sha256.to_str().unwrap();
    let args = ["init", "--quiet", "--bare", "--object-format=sha256", path];
    repo.git(args).unwrap();
    repo.git(["update-server-info"]).unwrap();
    let at = |prefix: &str| Git::at(prefix, folder.path());
    let server = Server::builder()
        .mount(at("/git"))
        .mount(at("/cors").cors(Cors::Gitea))
        .mount(at("/private").auth(Auth::basic("ada", "lovelace").realm("the vault")))
        .mount(at("/kerberos").auth(Auth::basic("ada", "x").challenges(&["Negotiate", "NTLM"])))
        .mount(at("/small").env("GIT_HTTP_MAX_REQUEST_BUFFER", "100"))
        .mount(Files::at("/files", folder.path()))
        .start()
        .unwrap();
    Place {
        _folder: folder,
        repo,
        server,
    }
}

/// What is tried.
#[derive(Clone)]
pub struct Try {
    pub lists: bool,
    pub url: String,
    pub http: SocketHttp,
    pub options: clone::Options,
    /// Room in the storage, in bytes.
    pub room: Option<u64>,
}

impl Try {
    pub fn list(url: impl Into<String>) -> Try {
        Try {
            lists: true,
            ..Try::clone(url)
        }
    }

    pub fn clone(url: impl Into<String>) -> Try {
        Try {
            lists: false,
            url: url.into(),
            http: SocketHttp::default(),
            options: clone::Options::default(),
            room: None,
        }
    }

    pub fn page(mut self) -> Try {
        self.http = SocketHttp::of_page(PAGE);
        self
    }

    pub fn login(mut self, username: &'static str, password: &'static str) -> Try {
        self.options.remote.credentials = Some(Rc::new(move |_| {
            Box::pin(async move {
                Some(Credentials::Basic {
                    username: username.into(),
                    password: password.into(),
                })
            })
        }));
        self
    }

    pub fn run(&self) -> (Result<(), Failure>, Vec<Event>) {
        let storage = Rc::new(MemoryStorage::new());
        let host = Host {
            storage: storage.clone(),
            http: Rc::new(self.http.clone()),
            clock: Rc::new(SystemClock::default()),
            threads: Rc::new(gitside::host::NoThreads),
        };
        storage.set_limit(self.room);
        let events = Rc::new(std::cell::RefCell::new(Vec::new()));
        let told = Rc::clone(&events);
        let task = Task::new(host.clock.clone(), move |event| told.borrow_mut().push(event));
        let result = block_on(async {
            if self.lists {
                ls_remote(&host, &task, &self.url, &self.options.remote, &[])
                    .await
                    .map(drop)
            } else {
                clone(&host, &task, &self.url, "copy", &self.options).await.map(drop)
            }
        });
        (result, events.take())
    }

    pub fn error(&self, what: &str) -> GitError {
        match self.run().0 {
            Err(Failure::Error(error)) => *error,
            Err(Failure::Cancelled) => panic!("{what}: cancelled"),
            Ok(()) => panic!("{what}: it worked"),
        }
    }
}

pub struct Rows {
    pub place: Place,
    pub count: usize,
}

impl Rows {
    pub fn url(&self, path: &str) -> String {
        self.place.server.url(path)
    }

    /// A condition: faults of the server, what is tried, and what must be said of it.
    pub fn row(&mut self, what: &str, faults: &[(When, Fault)], tried: Try, code: Code, stage: Stage, words: &[&str]) {
        self.place.server.clear_faults();
        for (when, fault) in faults {
            self.place.server.fault(when.clone(), fault.clone());
        }
        let error = tried.error(what);
        assert_eq!((error.code, error.stage), (code, stage), "{what}: {error:?}");
        let text = format!("{error} {}", error.remote_text.as_deref().unwrap_or_default());
        for word in words {
            assert!(text.contains(word), "{what}: '{word}' is not in: {text}");
        }
        let known = matches!(
            code,
            Code::InvalidUrl | Code::UnsupportedTransport | Code::Quota | Code::PackInvalid
        );
        let local = known || matches!(code, Code::NotConnected | Code::RefNotFound);
        assert!(local || error.url.is_some(), "{what}: no url in {error:?}");
        self.count += 1;
    }
}

pub fn rows() -> Rows {
    Rows {
        place: place(),
        count: 0,
    }
}

pub fn info_refs() -> When {
    When::get().path_contains("/info/refs")
}

/// The answer to the fetch, in version 2 the second POST.
pub fn fetch() -> When {
    When::post().skip(1)
}

pub fn pkt(line: &[u8]) -> Vec<u8> {
    [format!("{:04x}", line.len() + 4).as_bytes(), line].concat()
}
