//! What a mount tells browsers about other origins. Answers to OPTIONS come before any login, and
//! the headers are on every status, as a page can otherwise not tell a 401 from a dead network.

/// Which cross-origin requests a mount allows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cors {
    /// None: no header is sent, OPTIONS is answered with 405.
    #[default]
    None,
    /// What Gitea's Git routes answer when an administrator allows all origins: the request
    /// headers Content-Type, Authorization and User-Agent, and nothing exposed. A request with
    /// `Git-Protocol` fails its preflight.
    Gitea,
    /// All a Git client can use: `Git-Protocol` too, and the headers it reads exposed.
    Full,
}

impl Cors {
    /// The headers for an answer; `preflight` adds those only an OPTIONS answer has.
    pub(crate) fn headers(self, preflight: bool) -> Vec<(&'static str, &'static str)> {
        let mut headers = Vec::new();
        match self {
            Cors::None => {}
            Cors::Gitea => {
                headers.push(("access-control-allow-origin", "*"));
                headers.push((
                    "access-control-allow-headers",
                    "Content-Type, Authorization, User-Agent",
                ));
            }
            Cors::Full => {
                headers.push(("access-control-allow-origin", "*"));
                headers.push((
                    "access-control-expose-headers",
                    "content-type, www-authenticate, x-redirected-url, retry-after, location",
                ));
                if preflight {
                    headers.push(("access-control-allow-methods", "GET, POST, OPTIONS"));
                    headers.push((
                        "access-control-allow-headers",
                        "authorization, content-type, git-protocol",
                    ));
                }
            }
        }
        headers
    }

    /// The status of an OPTIONS answer.
    pub(crate) fn preflight_status(self) -> u16 {
        match self {
            Cors::None => 405,
            Cors::Gitea => 200,
            Cors::Full => 204,
        }
    }
}
