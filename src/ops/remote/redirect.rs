//! Following, in the URL, a redirect that the platform or the proxy has followed already
//! (`update_url_from_redirect` of git's http.c).

use super::connection::Connection;
use super::proxy::REDIRECTED_URL;
use super::request::Prepared;
use crate::error::{Code, Outcome};
use crate::host::{Method, Response};
use crate::protocol::url::RedirectError;
use crate::task::Event;

/// Where an answer came from.
pub(super) enum Moved {
    /// The URL is up to date; go on with the answer.
    No,
    /// It leads to a login page, and there is a login to try.
    SignIn,
}

impl Connection {
    /// Takes the new place over, or says why it cannot be one.
    pub(super) fn moved(&mut self, prepared: &Prepared, response: &Response) -> Outcome<Moved> {
        let proxied = match &self.options.cors_proxy {
            Some(proxy) => {
                let told = response.header(REDIRECTED_URL).filter(|told| *told != prepared.target);
                if told.is_none() && !response.redirected {
                    return Ok(Moved::No);
                }
                Some(
                    proxy
                        .address
                        .upstream(&prepared.target, &response.url, response.redirected, told),
                )
            }
            None if !response.redirected => return Ok(Moved::No),
            None => None,
        };
        let place = self.place(prepared);
        if prepared.request.method == Method::Post {
            return Err(place
                .error(
                    Code::PostBecameGet,
                    format!("a redirect turned the POST to {} into another request", self.url),
                )
                .with_hint("use the URL that it redirects to")
                .into());
        }
        if !matches!(response.status, 200 | 203 | 401) {
            // What went wrong at the end of the chain says more than where that was.
            return Ok(Moved::No);
        }
        let Some(final_url) = proxied.unwrap_or_else(|| Some(response.url.clone())) else {
            return Err(place
                .error(
                    Code::RedirectBlocked,
                    format!("{} is redirected, and the CORS proxy does not tell where to", self.url),
                )
                .with_hint("use the repository's exact URL, or a proxy that sends x-redirected-url")
                .into());
        };
        match self.url.re_root(&final_url, self.service) {
            Ok(url) if url == self.url => Ok(Moved::No),
            Ok(url) => {
                let text = format!("redirecting to {url}; use this URL from now on");
                self.note(|| text.clone());
                self.task.tell(Event::Warning(text));
                self.url = url.without_userinfo();
                Ok(Moved::No)
            }
            Err(RedirectError::NotTheService { .. })
                if !prepared.authorized && !self.untrusted() && self.login.could_help(&self.url) =>
            {
                Ok(Moved::SignIn)
            }
            Err(error) => Err(place.redirected_wrongly(&error).into()),
        }
    }
}
