//! Answers that were recorded, or made up, given again byte for byte.

use std::cell::RefCell;
use std::rc::Rc;

use gitside::host::{Async, Body, Http, HttpError, Request, Response, Surroundings};

use crate::support::http::{SocketHttp, read_all};

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    pub content_type: String,
    pub body: Vec<u8>,
}

/// A client that asks real servers and remembers the answers.
#[derive(Clone, Default)]
pub struct Recorder {
    inner: SocketHttp,
    pub answers: Rc<RefCell<Vec<Answer>>>,
}

impl Http for Recorder {
    fn send(&self, request: Request) -> Async<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            let mut response = self.inner.send(request).await?;
            let body = read_all(&mut *response.body).await?;
            let content_type = response.header("content-type").unwrap_or_default().to_owned();
            self.answers.borrow_mut().push(Answer {
                content_type,
                body: body.clone(),
            });
            response.body = Box::new(Bytes {
                left: body,
                piece: usize::MAX,
            });
            Ok(response)
        })
    }

    fn surroundings(&self) -> Surroundings {
        self.inner.surroundings()
    }
}

/// A client that gives answers in their order, whatever is asked, in pieces of `piece` bytes.
#[derive(Clone)]
pub struct Replay {
    pub answers: Rc<RefCell<std::vec::IntoIter<Answer>>>,
    pub piece: usize,
}

impl Replay {
    pub fn new(answers: Vec<Answer>) -> Self {
        Replay {
            answers: Rc::new(RefCell::new(answers.into_iter())),
            piece: usize::MAX,
        }
    }
}

impl Http for Replay {
    fn send(&self, request: Request) -> Async<'_, Result<Response, HttpError>> {
        let answer = self.answers.borrow_mut().next();
        Box::pin(async move {
            let Some(Answer { content_type, body }) = answer else {
                return Err(HttpError::Opaque {
                    detail: "there is no further answer".to_owned(),
                });
            };
            Ok(Response {
                status: 200,
                url: request.url,
                redirected: false,
                redirect_refused: false,
                headers: vec![("content-type".to_owned(), content_type)],
                body: Box::new(Bytes {
                    left: body,
                    piece: self.piece,
                }),
            })
        })
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            origin: None,
            online: true,
        }
    }
}

struct Bytes {
    left: Vec<u8>,
    piece: usize,
}

impl Body for Bytes {
    fn chunk(&mut self) -> Async<'_, Result<Option<Vec<u8>>, HttpError>> {
        let rest = self.left.split_off(self.piece.min(self.left.len()));
        let piece = std::mem::replace(&mut self.left, rest);
        Box::pin(async move { Ok((!piece.is_empty()).then_some(piece)) })
    }
}
