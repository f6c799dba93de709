//! Writing a URL so that it reaches a CORS proxy, and finding out where the proxy ended up.

use super::options::ProxyAddress;

/// Where a proxy says that it followed redirects (`cors-proxy` of isomorphic-git, and others).
pub(super) const REDIRECTED_URL: &str = "x-redirected-url";

impl ProxyAddress {
    /// The URL to request for `url`, an absolute URL without userinfo.
    pub(super) async fn rewrite(&self, url: &str) -> Result<String, String> {
        let rewritten = match self {
            ProxyAddress::Prefix(prefix) if prefix.ends_with('?') => format!("{prefix}{url}"),
            ProxyAddress::Prefix(prefix) if prefix.ends_with('=') => format!("{prefix}{}", encode(url)),
            ProxyAddress::Prefix(prefix) => format!("{}/{}", prefix.trim_end_matches('/'), without_scheme(url)),
            ProxyAddress::Template(template) => fill(template, url)?,
            ProxyAddress::Function(function) => function(url.to_owned()).await?,
        };
        if is_http(&rewritten) {
            Ok(rewritten)
        } else {
            Err("it does not give an absolute http or https URL".to_owned())
        }
    }

    /// The URL that answered a request through the proxy: what `requested` was for, unless the
    /// proxy says otherwise, or the browser followed a redirect to another place behind the same
    /// proxy. `None` if that cannot be told.
    pub(super) fn upstream(
        &self,
        url: &str,
        answered_by: &str,
        redirected: bool,
        told: Option<&str>,
    ) -> Option<String> {
        if let Some(told) = told {
            return is_http(told).then(|| told.to_owned());
        }
        if !redirected {
            return Some(url.to_owned());
        }
        let scheme = url.split_once("://")?.0;
        match self {
            ProxyAddress::Prefix(prefix) if prefix.ends_with('?') => answered_by
                .strip_prefix(prefix.as_str())
                .filter(|url| is_http(url))
                .map(str::to_owned),
            ProxyAddress::Prefix(prefix) if !prefix.ends_with('=') => {
                let rest = answered_by
                    .strip_prefix(prefix.trim_end_matches('/'))?
                    .strip_prefix('/')?;
                (!rest.is_empty()).then(|| format!("{scheme}://{rest}"))
            }
            _ => None,
        }
    }
}

fn fill(template: &str, url: &str) -> Result<String, String> {
    let rest = without_scheme(url);
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut filled = String::new();
    let mut left = template;
    while let Some((before, after)) = left.split_once('{') {
        let Some((name, after)) = after.split_once('}') else {
            return Err("it has a '{' without a '}'".to_owned());
        };
        filled.push_str(before);
        match name {
            "url" => filled.push_str(url),
            "url:encode" => filled.push_str(&encode(url)),
            "host" => filled.push_str(host),
            "path" => filled.push_str(path),
            _ => return Err("it has a placeholder other than {url}, {url:encode}, {host}, {path}".to_owned()),
        }
        left = after;
    }
    filled.push_str(left);
    Ok(filled)
}

fn is_http(url: &str) -> bool {
    let start = |scheme: &str| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    };
    (start("https://") || start("http://")) && !url.chars().any(|c| c.is_control() || c.is_whitespace() || c == '\\')
}

fn without_scheme(url: &str) -> &str {
    url.split_once("://").map_or(url, |(_, rest)| rest)
}

/// As JavaScript's `encodeURIComponent`.
pub(super) fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;
    use crate::ops::remote::options::CorsProxy;
    use std::future::Future;
    use std::pin::pin;
    use std::rc::Rc;
    use std::task::{Context, Poll, Waker};

    const URL: &str = "https://h:8443/a%20b.git/info/refs?service=git-upload-pack";

    fn rewrite(address: &ProxyAddress) -> Result<String, String> {
        match pin!(address.rewrite(URL)).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("nothing here waits"),
        }
    }

    #[test]
    fn every_way_of_naming_a_proxy_gives_the_url_it_expects() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(
                rewrite(&CorsProxy::new(text).address).ok().as_deref(),
                expected,
                "{text}"
            );
        };
        let path = "h:8443/a%20b.git/info/refs?service=git-upload-pack";
        check("https://p", Some(&format!("https://p/{path}")));
        check("https://p/", Some(&format!("https://p/{path}")));
        check("https://p/x/", Some(&format!("https://p/x/{path}")));
        check("https://p/?", Some(&format!("https://p/?{URL}")));
        let encoded = "https%3A%2F%2Fh%3A8443%2Fa%2520b.git%2Finfo%2Frefs%3Fservice%3Dgit-upload-pack";
        check("https://p/?u=", Some(&format!("https://p/?u={encoded}")));
        check("https://p/{url}", Some(&format!("https://p/{URL}")));
        check(
            "https://p/?u={url:encode}&k=1",
            Some(&format!("https://p/?u={encoded}&k=1")),
        );
        check(
            "https://p/{host}/-/{path}",
            Some("https://p/h:8443/-/a%20b.git/info/refs?service=git-upload-pack"),
        );
        check("https://p/{hots}", None);
        check("https://p/{url", None);
        check("/relative", None);
        check("javascript:alert(1)//", None);
    }

    #[test]
    fn a_function_may_do_anything_but_must_give_a_web_url() {
        let function = |text: &'static str| {
            ProxyAddress::Function(Rc::new(move |url| {
                Box::pin(async move {
                    if text.is_empty() {
                        Err("no".to_owned())
                    } else {
                        Ok(format!("{text}{}", url.len()))
                    }
                })
            }))
        };
        assert_eq!(
            rewrite(&function("https://p/")).unwrap(),
            format!("https://p/{}", URL.len())
        );
        assert!(rewrite(&function("ftp://p/")).is_err());
        assert_eq!(rewrite(&function("")).unwrap_err(), "no");
    }

    #[test]
    fn the_place_behind_a_proxy_is_found_or_admitted_to_be_unknown() {
        let check = |proxy: &str, answered_by: &str, redirected: bool, told: Option<&str>, expected: Option<&str>| {
            let found = CorsProxy::new(proxy)
                .address
                .upstream("https://h/r/x", answered_by, redirected, told);
            assert_eq!(found.as_deref(), expected, "{proxy} {answered_by} {told:?}");
        };
        check("https://p/", "https://p/h/r/x", false, None, Some("https://h/r/x"));
        check(
            "https://p/",
            "https://p/h/r/x",
            false,
            Some("https://h/r.git/x"),
            Some("https://h/r.git/x"),
        );
        check("https://p/", "https://p/h/r/x", false, Some("data:x"), None);
        check(
            "https://p/",
            "https://p/h2/r.git/x",
            true,
            None,
            Some("https://h2/r.git/x"),
        );
        check(
            "https://p/?",
            "https://p/?https://h/r.git/x",
            true,
            None,
            Some("https://h/r.git/x"),
        );
        check("https://p/?", "https://q/?https://h/r.git/x", true, None, None);
        check("https://p/{url}", "https://p/elsewhere", true, None, None);
    }
}
