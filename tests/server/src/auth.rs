//! Logins: HTTP Basic (RFC 7617, UTF-8) and Bearer (RFC 6750), and the challenges sent without them.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::reply::Reply;

/// Who may use a mount, and for what a login is asked.
#[derive(Clone)]
pub struct Auth {
    users: Vec<(String, String)>,
    tokens: Vec<String>,
    realm: String,
    challenges: Option<Vec<String>>,
    status: u16,
    scope: Scope,
}

#[derive(Clone)]
enum Scope {
    Everything,
    Posts,
    Pushes,
    Paths(Arc<dyn Fn(&str) -> bool + Send + Sync>),
}

/// What the login of one request came to.
pub(crate) enum Verdict {
    /// Go on; the user's name, where there is one.
    Pass(Option<String>),
    /// Answer with this.
    Refuse(Reply),
}

impl Auth {
    /// One user with a password.
    pub fn basic(user: &str, password: &str) -> Auth {
        Auth::new().user(user, password)
    }

    /// One bearer token.
    pub fn bearer(token: &str) -> Auth {
        Auth::new().token(token)
    }

    fn new() -> Auth {
        Auth {
            users: Vec::new(),
            tokens: Vec::new(),
            realm: "gitside".into(),
            challenges: None,
            status: 401,
            scope: Scope::Everything,
        }
    }

    /// Another user.
    pub fn user(mut self, user: &str, password: &str) -> Auth {
        self.users.push((user.into(), password.into()));
        self
    }

    /// Another bearer token.
    pub fn token(mut self, token: &str) -> Auth {
        self.tokens.push(token.into());
        self
    }

    /// The realm named in the challenges.
    pub fn realm(mut self, realm: &str) -> Auth {
        self.realm = realm.into();
        self
    }

    /// The exact values of `WWW-Authenticate`, instead of those that fit the logins.
    pub fn challenges(mut self, challenges: &[&str]) -> Auth {
        self.challenges = Some(challenges.iter().map(|c| (*c).to_owned()).collect());
        self
    }

    /// Answers with another status than 401, as servers that hide private repositories do.
    pub fn status(mut self, status: u16) -> Auth {
        self.status = status;
        self
    }

    /// Asks only for POST requests.
    pub fn only_posts(mut self) -> Auth {
        self.scope = Scope::Posts;
        self
    }

    /// Asks only for what belongs to a push.
    pub fn only_pushes(mut self) -> Auth {
        self.scope = Scope::Pushes;
        self
    }

    /// Asks only for paths of which `wanted` is true.
    pub fn only_paths(mut self, wanted: impl Fn(&str) -> bool + Send + Sync + 'static) -> Auth {
        self.scope = Scope::Paths(Arc::new(wanted));
        self
    }

    /// Judges a request. A login that was given is checked even where none was asked for.
    pub(crate) fn check(&self, method: &str, path: &str, query: &str, authorization: Option<&str>) -> Verdict {
        let asked = match &self.scope {
            Scope::Everything => true,
            Scope::Posts => method == "POST",
            Scope::Pushes => path.ends_with("/git-receive-pack") || query.contains("service=git-receive-pack"),
            Scope::Paths(wanted) => wanted(path),
        };
        match authorization {
            None if asked => Verdict::Refuse(self.challenge()),
            None => Verdict::Pass(None),
            Some(value) => match self.user_of(value) {
                Some(user) => Verdict::Pass(Some(user)),
                None => Verdict::Refuse(self.challenge()),
            },
        }
    }

    fn user_of(&self, value: &str) -> Option<String> {
        let (scheme, rest) = value.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return self
                .tokens
                .iter()
                .any(|t| t == rest.trim())
                .then(|| "bearer".to_owned());
        }
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let decoded = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        self.users
            .iter()
            .any(|(u, p)| u == user && p == password)
            .then(|| user.to_owned())
    }

    fn challenge(&self) -> Reply {
        let mut reply = Reply::text(self.status, "a login is needed\n");
        match &self.challenges {
            Some(values) => {
                for value in values {
                    reply = reply.header("www-authenticate", value);
                }
            }
            None if self.status == 401 => {
                if !self.users.is_empty() {
                    let value = format!("Basic realm=\"{}\", charset=\"UTF-8\"", self.realm);
                    reply = reply.header("www-authenticate", &value);
                }
                if !self.tokens.is_empty() {
                    reply = reply.header("www-authenticate", &format!("Bearer realm=\"{}\"", self.realm));
                }
            }
            None => {}
        }
        reply
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(auth: &Auth, method: &str, value: Option<&str>) -> Result<Option<String>, u16> {
        match auth.check(method, "/r.git/git-receive-pack", "", value) {
            Verdict::Pass(user) => Ok(user),
            Verdict::Refuse(reply) => Err(reply.status),
        }
    }

    #[test]
    fn logins_are_compared_as_utf8_and_split_at_the_first_colon() {
        let auth = Auth::basic("jürgen", "a:b:ü").user("other", "").token("t0k");
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        assert_eq!(
            check(&auth, "GET", Some(&basic("jürgen:a:b:ü"))),
            Ok(Some("jürgen".into()))
        );
        assert_eq!(check(&auth, "GET", Some(&basic("other:"))), Ok(Some("other".into())));
        assert_eq!(check(&auth, "GET", Some("bearer t0k")), Ok(Some("bearer".into())));
        for wrong in [
            basic("jürgen:a"),
            basic("nocolon"),
            "Bearer no".into(),
            "Digest x".into(),
            "Basic".into(),
        ] {
            assert_eq!(check(&auth, "GET", Some(&wrong)), Err(401), "{wrong}");
        }
        assert_eq!(check(&auth, "GET", None), Err(401));
    }

    #[test]
    fn a_login_may_be_asked_of_posts_or_pushes_alone() {
        assert_eq!(check(&Auth::basic("a", "b").only_posts(), "GET", None), Ok(None));
        assert_eq!(check(&Auth::basic("a", "b").only_posts(), "POST", None), Err(401));
        assert_eq!(check(&Auth::basic("a", "b").only_pushes(), "GET", None), Err(401));
        assert_eq!(
            check(&Auth::basic("a", "b").only_paths(|p| p.contains("x")), "GET", None),
            Ok(None)
        );
        assert_eq!(check(&Auth::basic("a", "b").status(404), "GET", None), Err(404));
    }
}
