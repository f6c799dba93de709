//! What a session found out of a remote, for later sessions of the same repository: with it they
//! begin where discovery ends.

use super::connection::Connection;
use super::login::Accepted;
use super::options::{Options, ProxyAddress, Version};
use super::session::{Remote, Session};
use crate::error::Outcome;
use crate::host::Host;
use crate::protocol::remote_refs::RemoteRefs;
use crate::protocol::smart_http::{Discovery, Service};
use crate::protocol::url::RemoteUrl;
use crate::task::Task;

/// A remote's answer to discovery, and the login it accepted: to be kept in memory alone, for one
/// repository. It holds for the URL it came from, and for the way there: another proxy, or another
/// version wished for, asks anew.
pub struct Known {
    asked: RemoteUrl,
    /// After redirects.
    url: RemoteUrl,
    service: Service,
    discovery: Discovery,
    login: Option<Accepted>,
    way: Way,
}

/// What of the options changes an answer to discovery.
#[derive(PartialEq, Eq)]
struct Way {
    version: Option<Version>,
    proxy: Option<String>,
}

impl Way {
    fn of(options: &Options) -> Self {
        let text = |address: &ProxyAddress| match address {
            ProxyAddress::Prefix(text) | ProxyAddress::Template(text) => text.clone(),
            // Each call brings a function of its own, which does what the one before did.
            ProxyAddress::Function(_) => String::new(),
        };
        Way {
            version: options.protocol_version,
            proxy: options.cors_proxy.as_ref().map(|proxy| text(&proxy.address)),
        }
    }
}

impl Session {
    /// What was found out by connecting. Refs that were told at discovery (versions 0 and 1) are not part
    /// of it: they move.
    pub fn known(&self) -> Known {
        let mut discovery = self.discovery.clone();
        if let Discovery::V0(advertisement) = &mut discovery {
            advertisement.refs = RemoteRefs::default();
        }
        Known {
            asked: self.asked.clone(),
            url: self.connection.url.clone(),
            service: self.connection.service,
            discovery,
            login: self.connection.login.accepted(),
            way: Way::of(&self.connection.options),
        }
    }
}

impl Remote {
    /// A session that begins after discovery, from what an earlier one found out; `None` if that is
    /// not about this URL, or this way there. Nothing is sent. A server that has changed meanwhile
    /// shows that in its next answer: then [`Remote::connect`] is called for.
    pub fn resume(
        host: &Host,
        task: &Task,
        url: &RemoteUrl,
        service: Service,
        options: &Options,
        known: &Known,
    ) -> Outcome<Option<Session>> {
        let asked = url.clone().without_userinfo();
        if (asked != known.asked && asked != known.url) || service != known.service || Way::of(options) != known.way {
            return Ok(None);
        }
        let mut connection = Connection::new(host, task, url.clone(), service, options)?;
        connection.url = known.url.clone();
        connection.answered = true;
        if let Some(login) = &known.login {
            connection.login.resume(login.clone());
        }
        Ok(Some(Session {
            connection,
            discovery: known.discovery.clone(),
            asked,
        }))
    }
}
