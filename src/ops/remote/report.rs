//! What a connection says of what went wrong, with the secrets in use taken out.

use super::connection::Connection;
use super::diagnose::Place;
use super::redact::Redactor;
use super::request::Prepared;
use super::said::{MOST_BYTES, Said};
use super::watch::{Trouble, WatchedBody};
use crate::error::{Code, Datum, Failure, GitError, Outcome, Stage};
use crate::host::{Body, HttpError, Method};

/// How long the text of an error may take to arrive, in milliseconds. It is a courtesy.
const ERROR_TEXT_STALL: u32 = 5_000;

impl Connection {
    /// The secrets in use.
    pub(super) fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        self.login.secrets(&mut redactor);
        for (name, value) in &self.options.headers {
            match name.eq_ignore_ascii_case("authorization") {
                true => redactor.add_authorization(value.reveal().trim()),
                false => redactor.add(value.reveal().trim()),
            }
        }
        redactor
    }

    /// Takes the secrets in use out of a text of the server's.
    pub(super) fn redact(&self, text: &str) -> String {
        self.redactor().apply(text)
    }

    /// The same error without any secret that the server may have sent back.
    pub(super) fn redacted(&self, mut error: GitError) -> GitError {
        error.message = self.redact(&error.message);
        error.remote_text = error.remote_text.map(|text| self.redact(&text).into());
        error.hint = error.hint.map(|hint| self.redact(&hint));
        for (_, datum) in &mut error.data {
            match datum {
                Datum::Text(text) => *text = self.redact(text),
                Datum::List(texts) => texts.iter_mut().for_each(|text| *text = self.redact(text)),
                Datum::Number(_) => {}
            }
        }
        error
    }

    /// What a transfer's end without success means.
    pub(super) fn body_trouble(&self, stage: Stage, post: bool, trouble: Trouble, received: u64) -> Failure {
        let place = Place {
            url: &self.url,
            service: self.service,
            stage,
            post,
            proxied: self.options.cors_proxy.is_some(),
            authorized: false,
            crosses_from: None,
            special_headers: &[],
            online: true,
            answered_before: true,
        };
        match trouble {
            Trouble::Cancelled => Failure::Cancelled,
            Trouble::Stalled { limit } => place.stalled(limit, received).into(),
            Trouble::TooLarge { limit } => place.too_many_bytes(limit).into(),
            Trouble::Http(error) => {
                let (HttpError::Opaque { detail } | HttpError::Broken { detail } | HttpError::Invalid { detail }) =
                    error;
                place.broken(&self.redact(&detail), received).into()
            }
        }
    }

    /// An error about the remote as a whole.
    pub(super) fn error(&self, code: Code, stage: Stage, message: impl Into<String>) -> GitError {
        GitError::new(code, stage, message).with_url(self.url.to_string())
    }

    /// The text of an error, if it comes soon.
    pub(super) async fn said(&self, content_type: &str, body: Box<dyn Body>) -> Outcome<Said> {
        let stall = ERROR_TEXT_STALL.min(self.options.timeouts.stall);
        let mut body = WatchedBody::new(body, self.task.clone(), stall, u64::MAX, None);
        let mut bytes = Vec::new();
        while bytes.len() < MOST_BYTES {
            match body.chunk().await {
                Ok(Some(piece)) => bytes.extend(piece),
                Err(Trouble::Cancelled) => return Err(Failure::Cancelled),
                Ok(None) | Err(_) => break,
            }
        }
        // Before it is cut to a length, and again after it was decoded.
        let bytes = match String::from_utf8(bytes) {
            Ok(text) => self.redact(&text).into_bytes(),
            Err(error) => error.into_bytes(),
        };
        Ok(match Said::read(Some(content_type), &bytes) {
            Said::Text(text) => Said::Text(self.redact(&text)),
            Said::Page {
                title: Some(title),
                sign_in,
            } => Said::Page {
                title: Some(self.redact(&title)),
                sign_in,
            },
            said => said,
        })
    }

    pub(super) fn place<'a>(&'a self, prepared: &'a Prepared) -> Place<'a> {
        Place {
            url: &self.url,
            service: self.service,
            stage: prepared.stage,
            post: prepared.request.method == Method::Post,
            proxied: self.options.cors_proxy.is_some(),
            authorized: prepared.authorized,
            crosses_from: self.page.as_deref().filter(|_| prepared.crosses),
            special_headers: &prepared.special,
            online: self.http.surroundings().online,
            answered_before: self.answered,
        }
    }

    pub(super) fn trouble(&self, prepared: &Prepared, trouble: Trouble, received: u64) -> Failure {
        let place = self.place(prepared);
        match trouble {
            Trouble::Cancelled => Failure::Cancelled,
            Trouble::Stalled { limit } => place.stalled(limit, received).into(),
            Trouble::TooLarge { limit } => place.too_many_bytes(limit).into(),
            Trouble::Http(HttpError::Opaque { detail } | HttpError::Broken { detail }) => {
                place.opaque(&self.redact(&detail)).into()
            }
            Trouble::Http(HttpError::Invalid { detail }) => place
                .error(
                    Code::Unsupported,
                    format!("the browser refuses to make the request: {}", self.redact(&detail)),
                )
                .into(),
        }
    }
}
