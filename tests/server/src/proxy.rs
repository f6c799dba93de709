//! A CORS proxy, used as `@isomorphic-git/cors-proxy` is: `/proxy/host:port/path…`, or
//! `/proxy?https://host/path…`. Only what a Git client sends passes: GET of `…/info/refs` for one
//! of the two services, and POST of their exact request types; and only to allowed hosts, in plain
//! http. Redirects of a GET are followed for at most five hops, each checked against the allowed
//! hosts, and `x-redirected-url` then names the last URL; credentials stay with the host they
//! were sent for.

use std::io;

use http_body_util::Full;
use hyper::Request;
use hyper::body::{Bytes, Incoming};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::auth::Auth;
use crate::cors::Cors;
use crate::reply::{Answer, Inflow, Reply, Source};
use crate::route::Asked;
use crate::server::Common;

/// The request headers that pass.
const PASSED: [&str; 5] = [
    "accept",
    "authorization",
    "content-encoding",
    "content-type",
    "git-protocol",
];
/// The answer's headers that pass.
const RETURNED: [&str; 8] = [
    "cache-control",
    "content-encoding",
    "content-length",
    "content-type",
    "etag",
    "location",
    "retry-after",
    "www-authenticate",
];
const HOPS: usize = 5;

/// A CORS proxy to allowed hosts.
pub struct Proxy {
    pub(crate) common: Common,
    allowed: Vec<String>,
    follow: bool,
}

impl Proxy {
    /// A proxy under the path `prefix` that allows no host yet. Its CORS answers are
    /// [`Cors::Full`] unless set otherwise.
    pub fn at(prefix: &str) -> Proxy {
        let mut common = Common::new(prefix);
        common.cors = Cors::Full;
        Proxy {
            common,
            allowed: Vec::new(),
            follow: true,
        }
    }

    /// Allows `host:port`, or every port of a host with `host:*`.
    pub fn allow(mut self, host: &str) -> Proxy {
        self.allowed.push(host.to_ascii_lowercase());
        self
    }

    /// What other origins may ask.
    pub fn cors(mut self, cors: Cors) -> Proxy {
        self.common.cors = cors;
        self
    }

    /// Asks for a login of its own. `Authorization` then belongs to the proxy and is not passed on.
    pub fn auth(mut self, auth: Auth) -> Proxy {
        self.common.auth = Some(auth);
        self
    }

    /// Hands redirects back, with `Location` leading through the proxy, instead of following them.
    pub fn hand_back_redirects(mut self) -> Proxy {
        self.follow = false;
        self
    }

    pub(crate) async fn answer(&self, asked: &Asked<'_>, inflow: &mut Inflow) -> Answer {
        let body = match inflow.collect().await {
            Ok(body) => body,
            Err(_) => return Reply::text(400, "the request broke off\n").into(),
        };
        match self.pass(asked, body).await {
            Ok(answer) => answer,
            Err(reply) => reply.into(),
        }
    }

    async fn pass(&self, asked: &Asked<'_>, body: Bytes) -> Result<Answer, Reply> {
        let mut target = Target::of(asked).ok_or_else(|| Reply::text(400, "the proxy needs /host/path\n"))?;
        if !may_pass(asked, &target) {
            return Err(Reply::text(403, "the proxy passes the requests of Git alone\n"));
        }
        let mut redirected = false;
        for hop in 0.. {
            if !self.allows(&target.authority) {
                return Err(Reply::text(
                    403,
                    &format!("the proxy does not serve {}\n", target.authority),
                ));
            }
            let with_secret = !redirected && self.common.auth.is_none();
            let response = send(asked, &target, body.clone(), with_secret)
                .await
                .map_err(|error| Reply::text(502, &format!("the remote does not answer: {error}\n")))?;
            let location = response.headers().get("location").and_then(|v| v.to_str().ok());
            let next = location
                .filter(|_| response.status().is_redirection())
                .map(|l| target.join(l));
            match next {
                Some(None) => return Err(Reply::text(502, "the remote redirects to no http address\n")),
                Some(Some(next)) if self.follow && asked.method == "GET" => {
                    if hop == HOPS {
                        return Err(Reply::text(502, "the remote redirects too often\n"));
                    }
                    redirected = true;
                    target = next;
                }
                next => return Ok(self.hand_back(response, redirected.then_some(&target), next.flatten())),
            }
        }
        Err(Reply::status(502))
    }

    fn hand_back(
        &self,
        response: hyper::Response<Incoming>,
        redirected: Option<&Target>,
        next: Option<Target>,
    ) -> Answer {
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in response.headers() {
            if let (true, Ok(value)) = (RETURNED.contains(&name.as_str()), value.to_str()) {
                headers.push((name.as_str().to_owned(), value.to_owned()));
            }
        }
        if let Some(next) = next {
            headers.retain(|(name, _)| name != "location");
            let through = format!("{}/{}{}", self.common.prefix, next.authority, next.path_and_query);
            headers.push(("location".into(), through));
        }
        if let Some(target) = redirected {
            headers.push(("x-redirected-url".into(), target.url()));
        }
        Answer {
            status: response.status().as_u16(),
            headers,
            source: Source::Upstream(response.into_body()),
            without_cors: false,
        }
    }

    fn allows(&self, authority: &str) -> bool {
        let authority = authority.to_ascii_lowercase();
        self.allowed.iter().any(|allowed| match allowed.strip_suffix(":*") {
            Some(host) => authority
                .strip_prefix(host)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(':')),
            None => *allowed == authority,
        })
    }
}

/// Whether it is one of the four requests of smart HTTP.
fn may_pass(asked: &Asked<'_>, target: &Target) -> bool {
    let (path, query) = target
        .path_and_query
        .split_once('?')
        .unwrap_or((&target.path_and_query, ""));
    ["git-upload-pack", "git-receive-pack"]
        .iter()
        .any(|service| match asked.method {
            "GET" => path.ends_with("/info/refs") && query == format!("service={service}"),
            "POST" => {
                path.ends_with(&format!("/{service}"))
                    && asked.header("content-type") == Some(&format!("application/x-{service}-request"))
            }
            _ => false,
        })
}

/// An http URL in its parts.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Target {
    authority: String,
    path_and_query: String,
}

impl Target {
    fn of(asked: &Asked<'_>) -> Option<Target> {
        if asked.below.trim_matches('/').is_empty() {
            return Target::parse(asked.query);
        }
        let (authority, path) = asked.below.trim_start_matches('/').split_once('/')?;
        let query = if asked.query.is_empty() {
            String::new()
        } else {
            format!("?{}", asked.query)
        };
        Target::valid(authority, format!("/{path}{query}"))
    }

    fn parse(url: &str) -> Option<Target> {
        let rest = url.strip_prefix("http://")?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        Target::valid(authority, format!("/{path}"))
    }

    fn valid(authority: &str, path_and_query: String) -> Option<Target> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
        let valid = !authority.is_empty() && authority.bytes().all(plain);
        valid.then(|| Target {
            authority: authority.to_owned(),
            path_and_query,
        })
    }

    /// A `Location` against this URL.
    fn join(&self, location: &str) -> Option<Target> {
        let location = location.split('#').next().unwrap_or_default();
        if location.contains("://") {
            return Target::parse(location);
        }
        if let Some(rest) = location.strip_prefix("//") {
            return Target::parse(&format!("http://{rest}"));
        }
        if location.starts_with('/') {
            return Target::valid(&self.authority, location.to_owned());
        }
        let path = self.path_and_query.split('?').next().unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        Target::valid(&self.authority, format!("{folder}/{location}"))
    }

    fn url(&self) -> String {
        format!("http://{}{}", self.authority, self.path_and_query)
    }
}

async fn send(
    asked: &Asked<'_>,
    target: &Target,
    body: Bytes,
    with_secret: bool,
) -> io::Result<hyper::Response<Incoming>> {
    let has_port = target
        .authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let address = if has_port {
        target.authority.clone()
    } else {
        format!("{}:80", target.authority)
    };
    let stream = TcpStream::connect(&address).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    tokio::spawn(connection);
    let mut request = Request::builder().method(asked.method).uri(&target.path_and_query);
    request = request
        .header("host", &target.authority)
        .header("user-agent", "git/gitside-proxy");
    for name in PASSED {
        if let Some(value) = asked.header(name)
            && (with_secret || name != "authorization")
        {
            request = request.header(name, value);
        }
    }
    let request = request.body(Full::new(body)).map_err(io::Error::other)?;
    sender.send_request(request).await.map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(authority: &str, path: &str) -> Option<Target> {
        Some(Target {
            authority: authority.into(),
            path_and_query: path.into(),
        })
    }

    #[test]
    fn locations_are_joined_to_the_url_that_answered() {
        let base = target("h:1", "/a/info/refs?service=x").unwrap();
        assert_eq!(base.join("http://o:2/b"), target("o:2", "/b"));
        assert_eq!(base.join("//o/b?c"), target("o", "/b?c"));
        assert_eq!(base.join("/b#f"), target("h:1", "/b"));
        assert_eq!(base.join("b"), target("h:1", "/a/info/b"));
        assert_eq!(base.join("ftp://o/"), None);
        assert_eq!(base.join("http://u:p@o/"), None);
    }

    #[test]
    fn hosts_are_allowed_by_name_and_port() {
        let proxy = Proxy::at("/p").allow("127.0.0.1:*").allow("Example.org:80");
        for (host, allowed) in [
            ("127.0.0.1:9", true),
            ("127.0.0.1", true),
            ("127.0.0.10:9", false),
            ("example.org:80", true),
            ("example.org:81", false),
        ] {
            assert_eq!(proxy.allows(host), allowed, "{host}");
        }
    }
}
