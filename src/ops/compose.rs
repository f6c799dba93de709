//! What commits and tags are made of, put together as git does (`commit_tree_extended` in git's
//! `commit.c`, `create_tag` in `builtin/tag.c`): who, when, the message, the signature.

use std::rc::Rc;

use crate::error::{Code, Datum, Failure, GitError, Outcome, Stage};
use crate::format::commit;
use crate::format::config::Config;
use crate::format::header;
use crate::format::ident::Signature;
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::format::refname::RefName;
use crate::format::tag;
use crate::host::{Async, Host};
pub use crate::ops::cat::Person;
use crate::ops::fault;
use crate::task::Task;

/// The longest name of an encoding; the longest that is registered has 45 characters.
const ENCODING_BYTES: usize = 64;

/// Signs: gets the bytes that are signed, and answers with the signature, armored; `None` if whoever
/// was asked gives up. OpenPGP, SSH and X.509 are all text here.
pub type Sign = Rc<dyn Fn(Vec<u8>) -> Async<'static, Option<Vec<u8>>>>;

/// Who did something, and when if it was not just now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Author {
    /// The name, in the encoding of the commit.
    pub name: Vec<u8>,
    /// The e-mail address.
    pub email: Vec<u8>,
    /// When.
    pub when: Option<When>,
}

/// A time, as commits and tags hold it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// Seconds since 1970.
    pub time: i64,
    /// A sign and four digits, for instance `+0200`.
    pub tz: Vec<u8>,
}

/// Knows who acts where the caller does not say, and what time it is.
pub(crate) struct Authors<'a> {
    config: &'a Config,
    now: When,
}

impl<'a> Authors<'a> {
    /// Of a repository with these settings, where clocks show `tz`.
    pub fn new(host: &Host, config: &'a Config, tz: Option<&[u8]>) -> Self {
        let now = When {
            time: host.clock.unix_seconds(),
            tz: tz.unwrap_or(b"+0000").to_vec(),
        };
        Authors { config, now }
    }

    /// The author named, or else the one that is configured.
    pub fn author(&self, named: Option<&Author>) -> Option<Person> {
        named
            .map(|named| self.person(named))
            .or_else(|| self.configured("author"))
    }

    /// The committer named, or else the one that is configured, or else the author.
    pub fn committer(&self, named: Option<&Author>, author: Option<&Author>) -> Outcome<Person> {
        let named = named.map(|named| self.person(named));
        let found = named.or_else(|| self.configured("committer"));
        let found = found.or_else(|| {
            let author = author?;
            let now = Author {
                when: None,
                ..author.clone()
            };
            Some(self.person(&now))
        });
        found.ok_or_else(|| nobody().into())
    }

    fn person(&self, author: &Author) -> Person {
        let when = author.when.as_ref().unwrap_or(&self.now);
        Person {
            name: author.name.clone(),
            email: author.email.clone(),
            time: when.time,
            tz: when.tz.clone(),
        }
    }

    /// `author.name` and `author.email`, or else `user.name` and `user.email`.
    fn configured(&self, role: &str) -> Option<Person> {
        let text = |what: &str| {
            let own = self.config.get(format!("{role}.{what}").as_bytes());
            own.or_else(|| self.config.get(format!("user.{what}").as_bytes()))
        };
        Some(Person {
            name: text("name")?.to_vec(),
            email: text("email")?.to_vec(),
            time: self.now.time,
            tz: self.now.tz.clone(),
        })
    }
}

/// The parts of a commit.
pub(crate) struct CommitParts<'a> {
    pub tree: ObjectId,
    pub parents: Vec<ObjectId>,
    pub author: &'a Person,
    pub committer: &'a Person,
    /// The name of the encoding of message and names; none: UTF-8.
    pub encoding: Option<&'a [u8]>,
    /// Header lines that follow those, each as it is stored.
    pub headers: Vec<Vec<u8>>,
    /// As it is written.
    pub message: &'a [u8],
}

/// The content of a commit, signed if there is somebody to do it.
pub(crate) async fn commit(task: &Task, parts: CommitParts<'_>, sign: Option<&Sign>) -> Outcome<Vec<u8>> {
    let encoding = parts.encoding.filter(|name| !is_utf8(name));
    if let Some(name) = encoding.filter(|name| !is_encoding(name)) {
        let message = format!("{} cannot be the name of an encoding", fault::quoted(name));
        return Err(refused(message, "encoding").into());
    }
    let (author, committer) = (person("author", parts.author)?, person("committer", parts.committer)?);
    check_text(parts.message, encoding)?;
    check_text(&author, encoding)?;
    check_text(&committer, encoding)?;
    let mut headers = vec![header::line("author", &author), header::line("committer", &committer)];
    headers.extend(encoding.map(|name| header::line("encoding", name)));
    headers.extend(parts.headers);
    let mut commit = commit::Commit {
        tree: parts.tree,
        parents: parts.parents,
        headers,
        message: Some(parts.message.to_vec()),
    };
    if let Some(sign) = sign {
        let signature = signature(task, sign, commit.write()).await?;
        let lines = signature.strip_suffix(b"\n").unwrap_or(&signature);
        commit.headers.push(header::line("gpgsig", lines));
    }
    Ok(commit.write())
}

/// The parts of a tag.
pub(crate) struct TagParts<'a> {
    pub object: ObjectId,
    pub kind: Kind,
    /// Without `refs/tags/`.
    pub name: &'a [u8],
    pub tagger: &'a Person,
    /// As it is written.
    pub message: &'a [u8],
}

/// The content of a tag, signed if there is somebody to do it.
pub(crate) async fn tag(task: &Task, parts: TagParts<'_>, sign: Option<&Sign>) -> Outcome<Vec<u8>> {
    let full = RefName::new([b"refs/tags/", parts.name].concat());
    if full.is_err() || parts.name.starts_with(b"-") {
        return Err(bad_tag_name(parts.name).into());
    }
    let tagger = person("tagger", parts.tagger)?;
    check_text(parts.message, None)?;
    let mut content = tag::Tag {
        object: parts.object,
        kind: parts.kind,
        name: parts.name.to_vec(),
        headers: vec![header::line("tagger", &tagger)],
        message: Some(parts.message.to_vec()),
    }
    .write();
    if let Some(sign) = sign {
        // A signature is found by the line it starts with.
        if !content.ends_with(b"\n") {
            content.push(b'\n');
        }
        content.extend(signature(task, sign, content.clone()).await?);
    }
    Ok(content)
}

/// Asks for a signature.
async fn signature(task: &Task, sign: &Sign, payload: Vec<u8>) -> Outcome<Vec<u8>> {
    let answer = task.race(sign(payload)).await?;
    let mut signature = answer.ok_or(Failure::Cancelled)?;
    // As git takes it from gpg, which may run on Windows.
    signature.retain(|byte| *byte != b'\r');
    if !tag::starts_signature(&signature) || signature.contains(&0) {
        let message =
            "what was given for a signature is none: it starts with a line like -----BEGIN SSH SIGNATURE-----";
        return Err(refused(message.to_owned(), "signature").into());
    }
    if !signature.ends_with(b"\n") {
        signature.push(b'\n');
    }
    Ok(signature)
}

fn person(role: &str, person: &Person) -> Outcome<Vec<u8>> {
    let line = Signature {
        name: &person.name,
        email: &person.email,
        time: person.time,
        tz: &person.tz,
    };
    line.clean_line().map_err(|error| {
        let message = format!("the {role} cannot be written: {error}");
        refused(message, "identity").into()
    })
}

/// No NUL, which no commit may hold; and UTF-8 where nothing else is said.
fn check_text(text: &[u8], encoding: Option<&[u8]>) -> Outcome<()> {
    if text.contains(&0) {
        return Err(refused("a message holds a NUL".to_owned(), "message").into());
    }
    if encoding.is_none() && std::str::from_utf8(text).is_err() {
        let error = refused("a message is not UTF-8".to_owned(), "message");
        return Err(error.with_hint("name the encoding that it has").into());
    }
    Ok(())
}

/// `is_encoding_utf8` in git's `utf8.c`.
fn is_utf8(name: &[u8]) -> bool {
    name.is_empty() || name.eq_ignore_ascii_case(b"utf-8") || name.eq_ignore_ascii_case(b"utf8")
}

fn is_encoding(name: &[u8]) -> bool {
    name.len() <= ENCODING_BYTES && name.iter().all(u8::is_ascii_graphic)
}

/// Something that was to be written, and cannot; `what` is for programs.
pub(crate) fn refused(message: String, what: &str) -> GitError {
    GitError::new(Code::Unsupported, Stage::Request, message).with("reason", Datum::Text(what.to_owned()))
}

/// A name that no tag may have.
pub(crate) fn bad_tag_name(name: &[u8]) -> GitError {
    let message = format!("{} cannot be the name of a tag", fault::quoted(name));
    GitError::new(Code::InvalidRef, Stage::Request, message)
        .with("ref", Datum::Text(String::from_utf8_lossy(name).into_owned()))
}

fn nobody() -> GitError {
    refused("nobody is named as author or committer".to_owned(), "identity")
        .with_hint("pass a name and an e-mail address, or set user.name and user.email")
}
