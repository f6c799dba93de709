//! A remote after discovery: its version, what it can do, its refs.

use super::connection::{Answer, Connection};
use super::options::{Options, Version};
use super::request::Call;
use super::watch::Trouble;
use super::wire_fault;
use crate::error::{Code, Datum, Failure, Outcome, Stage};
use crate::host::Host;
use crate::protocol::fetch::Offer;
use crate::protocol::ls_refs::{LsRefs, LsRefsReader};
use crate::protocol::remote_refs::RemoteRefs;
use crate::protocol::smart_http::{Discovery, DiscoveryReader, Service};
use crate::protocol::url::RemoteUrl;
use crate::task::Task;

/// What we call ourselves, to servers that say what they are.
pub(super) const AGENT: &str = concat!("gitside/", env!("CARGO_PKG_VERSION"));

/// How often an answer that broke off is asked for again; what it would say is not changed by
/// asking.
const MOST_REPEATS: u32 = 1;

/// How many refs are wanted by name at once: with names of 200 bytes that is 8 MiB.
const MOST_WANT_REFS: usize = 40_000;

/// A remote that answered discovery. It belongs to one operation.
pub struct Session {
    pub(super) connection: Connection,
    pub(super) discovery: Discovery,
    /// Where it was looked for, without userinfo.
    pub(super) asked: RemoteUrl,
}

/// The way to a [`Session`].
pub struct Remote;

impl Remote {
    /// Finds out what the remote at `url` offers. A login in `url` is used if the server asks for
    /// one.
    ///
    /// Fails before any traffic with [`crate::error::Code::Unsupported`] for options that cannot
    /// be honoured, and with [`crate::error::Code::MixedContent`].
    pub async fn connect(
        host: &Host,
        task: &Task,
        url: &RemoteUrl,
        service: Service,
        options: &Options,
    ) -> Outcome<Session> {
        let mut connection = Connection::new(host, task, url.clone(), service, options)?;
        let asked = connection.url().clone();
        let discovery = discover(&mut connection).await?;
        let session = Session {
            connection,
            discovery,
            asked,
        };
        session.check_version(service)?;
        Ok(session)
    }
}

/// Asks the remote what it has and can do.
async fn discover(connection: &mut Connection) -> Outcome<Discovery> {
    let service = connection.service;
    let wish = wished_version(connection, service);
    let mut repeats = 0;
    loop {
        let mut answer = connection.call(Call::Discover(wish), Stage::Discover).await?;
        let mut reader = DiscoveryReader::new(service, answer.content_type.as_deref());
        let url = connection.url().to_string();
        let fault = |error| {
            let at = |code, message: String| connection.error(code, Stage::Discover, message);
            Failure::from(connection.redacted(wire_fault::discovery(&error, service, &url, &at)))
        };
        match feed(&mut answer, |bytes| reader.feed(bytes)).await {
            Ok(Ok(())) => return reader.finish().map_err(fault),
            Ok(Err(error)) => return Err(fault(error)),
            Err(Trouble::Http(_)) if repeats < MOST_REPEATS => repeats += 1,
            Err(trouble) => {
                return Err(connection.body_trouble(Stage::Discover, false, trouble, answer.body.received()));
            }
        }
    }
}

impl Session {
    /// Where the repository is, without userinfo; after redirects.
    pub fn url(&self) -> String {
        self.connection.url().to_string()
    }

    /// Asks once more what the remote has, with the login there is.
    pub async fn refresh(&mut self) -> Outcome<()> {
        self.discovery = discover(&mut self.connection).await?;
        Ok(())
    }

    /// What the server answered to discovery.
    pub fn discovery(&self) -> &Discovery {
        &self.discovery
    }

    /// The version that is spoken.
    pub fn version(&self) -> Version {
        match &self.discovery {
            Discovery::V0(advertisement) if advertisement.is_version_1 => Version::V1,
            Discovery::V0(_) => Version::V0,
            Discovery::V2(_) => Version::V2,
        }
    }

    /// Whether [`FetchRequest::want_refs`](super::FetchRequest::want_refs) may name so many refs:
    /// the server takes names, and the request stays below the 10 MiB that `git http-backend`
    /// takes by default (`GIT_HTTP_MAX_REQUEST_BUFFER`). What is wanted so cannot be stale.
    pub fn takes_want_refs(&self, count: usize) -> bool {
        count <= MOST_WANT_REFS && Offer::of(&self.discovery).ref_in_want
    }

    /// What goes to the server with every command.
    pub(super) fn server_options(&self) -> Vec<Vec<u8>> {
        let options = &self.connection.options().server_options;
        options.iter().map(|option| option.as_bytes().to_vec()).collect()
    }

    /// Says which version is spoken, and refuses one without what was asked for (`die_if_server_options`
    /// of git's transport.c).
    fn check_version(&self, service: Service) -> Outcome<()> {
        let version = self.version();
        self.connection
            .note(|| format!("the server speaks version {}", version.number()));
        if version == Version::V2 || service == Service::ReceivePack || self.server_options().is_empty() {
            return Ok(());
        }
        let message = format!(
            "{} speaks version {} of the protocol; server options require version 2",
            self.url(),
            version.number()
        );
        let error = self.connection.error(Code::CapabilityMissing, Stage::Discover, message);
        Err(error.with("capability", Datum::Text("server-option".to_owned())).into())
    }

    /// The remote's refs that start with one of `prefixes`; all, if there is none. Servers may list
    /// more than was asked for; older versions told all of them at discovery, so that nothing is
    /// sent.
    pub async fn ls_refs(&mut self, prefixes: &[Vec<u8>]) -> Outcome<RemoteRefs> {
        let capabilities = match &self.discovery {
            Discovery::V0(advertisement) => return Ok(advertisement.refs.clone()),
            Discovery::V2(capabilities) => capabilities,
        };
        let what = LsRefs {
            prefixes: prefixes.to_vec(),
            server_options: self.server_options(),
        };
        let url = self.url();
        let connection = &mut self.connection;
        let request = what
            .request(capabilities, AGENT)
            .map_err(|error| refs_fault(connection, &url, &error))?;
        let mut repeats = 0;
        loop {
            let mut answer = connection.call(Call::Rpc(&request), Stage::Discover).await?;
            let mut reader = LsRefsReader::new();
            match feed(&mut answer, |bytes| reader.feed(bytes)).await {
                Ok(Ok(())) => return reader.finish().map_err(|error| refs_fault(connection, &url, &error)),
                Ok(Err(error)) => return Err(refs_fault(connection, &url, &error)),
                Err(Trouble::Http(_)) if repeats < MOST_REPEATS => repeats += 1,
                Err(trouble) => {
                    return Err(connection.body_trouble(Stage::Discover, true, trouble, answer.body.received()));
                }
            }
        }
    }
}

/// Which version to ask for. Asking costs a CORS preflight that many servers refuse, so it is done
/// where there is none, where the caller says so, and where version 2 is what makes the difference.
fn wished_version(connection: &Connection, service: Service) -> Option<&'static str> {
    let options = connection.options();
    match (options.protocol_version, service) {
        (Some(Version::V0), _) => None,
        (Some(Version::V1), _) => Some("version=1"),
        // There is no version 2 of pushing.
        (_, Service::ReceivePack) => None,
        (Some(Version::V2), _) => Some("version=2"),
        (None, _) => (options.wants_v2 || !options.server_options.is_empty() || !connection.crosses_directly())
            .then_some("version=2"),
    }
}

fn refs_fault(connection: &Connection, url: &str, error: &crate::protocol::ls_refs::LsRefsError) -> Failure {
    let at = |code, message: String| connection.error(code, Stage::Discover, message);
    connection.redacted(wire_fault::ls_refs(error, url, &at)).into()
}

/// Reads a body to its end, or to the first error of its reader.
async fn feed<E>(
    answer: &mut Answer,
    mut reader: impl FnMut(Vec<u8>) -> Result<(), E>,
) -> Result<Result<(), E>, Trouble> {
    while let Some(bytes) = answer.body.chunk().await? {
        if let Err(error) = reader(bytes) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}
