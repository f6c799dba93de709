//! When something goes wrong: which requests a fault meets, and how many of them.

use std::sync::Arc;

use serde::Deserialize;

/// Which requests a fault meets. All conditions must hold; [`When::any`] has none.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "camelCase")]
pub struct When {
    method: Option<String>,
    path: Option<String>,
    path_contains: Option<String>,
    query_contains: Option<String>,
    header: Option<String>,
    without_header: Option<String>,
    skip: u64,
    times: Option<u64>,
    #[serde(skip)]
    test: Option<Test>,
}

type Test = Arc<dyn Fn(&Head<'_>) -> bool + Send + Sync>;

/// What a [`When`] can look at.
pub struct Head<'a> {
    /// The method, in capitals.
    pub method: &'a str,
    /// The path, as sent.
    pub path: &'a str,
    /// What follows the question mark, or nothing.
    pub query: &'a str,
    /// The headers, names in lower case.
    pub headers: &'a [(String, String)],
}

impl When {
    /// Every request, those of OPTIONS too.
    pub fn any() -> When {
        When::default()
    }

    /// GET requests.
    pub fn get() -> When {
        When::any().method("GET")
    }

    /// POST requests.
    pub fn post() -> When {
        When::any().method("POST")
    }

    /// Requests of a method.
    pub fn method(mut self, method: &str) -> When {
        self.method = Some(method.into());
        self
    }

    /// Requests for exactly this path.
    pub fn path(mut self, path: &str) -> When {
        self.path = Some(path.into());
        self
    }

    /// Requests whose path contains the text.
    pub fn path_contains(mut self, text: &str) -> When {
        self.path_contains = Some(text.into());
        self
    }

    /// Requests whose query contains the text.
    pub fn query_contains(mut self, text: &str) -> When {
        self.query_contains = Some(text.into());
        self
    }

    /// Requests with such a header.
    pub fn header(mut self, name: &str) -> When {
        self.header = Some(name.to_ascii_lowercase());
        self
    }

    /// Requests without such a header.
    pub fn without_header(mut self, name: &str) -> When {
        self.without_header = Some(name.to_ascii_lowercase());
        self
    }

    /// Not the first `count` requests for which the rest holds.
    pub fn skip(mut self, count: u64) -> When {
        self.skip = count;
        self
    }

    /// At most `count` requests.
    pub fn times(mut self, count: u64) -> When {
        self.times = Some(count);
        self
    }

    /// The first request for which the rest holds, and no later one.
    pub fn once(self) -> When {
        self.times(1)
    }

    /// The `n`th request (1 is the first) for which the rest holds, and no other.
    pub fn nth(self, n: u64) -> When {
        self.skip(n.saturating_sub(1)).times(1)
    }

    /// Requests of which `test` is true. It is asked last.
    pub fn matching(mut self, test: impl Fn(&Head<'_>) -> bool + Send + Sync + 'static) -> When {
        self.test = Some(Arc::new(test));
        self
    }

    /// Whether all conditions but the count hold.
    pub(crate) fn holds(&self, head: &Head<'_>) -> bool {
        let has = |name: &String| head.headers.iter().any(|(n, _)| n == name);
        self.method.as_ref().is_none_or(|m| m == head.method)
            && self.path.as_ref().is_none_or(|p| p == head.path)
            && self.path_contains.as_ref().is_none_or(|p| head.path.contains(p))
            && self.query_contains.as_ref().is_none_or(|q| head.query.contains(q))
            && self.header.as_ref().is_none_or(has)
            && self.without_header.as_ref().is_none_or(|n| !has(n))
            && self.test.as_ref().is_none_or(|t| t(head))
    }

    /// Whether the `nth` request (1 is the first) for which the rest holds is among those counted.
    pub(crate) fn counts(&self, nth: u64) -> bool {
        nth > self.skip && self.times.is_none_or(|times| nth - self.skip <= times)
    }
}
