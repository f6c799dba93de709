//! A push that cannot even be planned, in words.

use super::Wish;
use crate::error::{Code, Datum, Failure, GitError, Outcome, Stage};
use crate::format::refspec::{Direction, RefSpec};
use crate::ops::fault::quoted;

/// What is wrong with a refspec beside the refs there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// The source names nothing here.
    NoSource(Vec<u8>),
    /// The source names several refs here.
    Sources(Vec<u8>),
    /// The source says where to take from and not where to go to.
    NoBranch(Vec<u8>),
    /// What is to be deleted is not there.
    Absent(Vec<u8>),
    /// There is no telling what the destination is to be.
    Unqualified { source: Vec<u8>, destination: Vec<u8> },
    /// The destination names several refs of the remote.
    Destinations(Vec<u8>),
    /// The ref of the remote has two sources.
    Twice(Vec<u8>),
}

impl Problem {
    fn code(&self) -> Code {
        match self {
            Problem::NoSource(_) | Problem::Absent(_) => Code::RefNotFound,
            Problem::Sources(_) | Problem::Destinations(_) => Code::Ambiguous,
            Problem::NoBranch(_) | Problem::Unqualified { .. } | Problem::Twice(_) => Code::InvalidRef,
        }
    }

    /// The name it is about.
    fn name(&self) -> &[u8] {
        match self {
            Problem::NoSource(name) | Problem::Sources(name) | Problem::NoBranch(name) => name,
            Problem::Unqualified { destination: name, .. } => name,
            Problem::Absent(name) | Problem::Destinations(name) | Problem::Twice(name) => name,
        }
    }

    fn message(&self) -> String {
        let name = quoted(self.name());
        match self {
            Problem::NoSource(_) => format!("there is no {name} here to push"),
            Problem::Sources(_) => format!("{name} means more than one ref here"),
            Problem::NoBranch(_) => format!("{name} leads to no branch that it could be pushed to"),
            Problem::Absent(_) => format!("the remote has no ref {name} to delete"),
            Problem::Unqualified { .. } => format!("it cannot be told whether {name} is to be a branch or a tag"),
            Problem::Destinations(_) => format!("{name} means more than one ref of the remote"),
            Problem::Twice(_) => format!("the remote's ref {name} would get more than one value"),
        }
    }

    fn hint(&self) -> String {
        let text = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        match self {
            Problem::NoSource(_) => "commit something first, or see which refs there are".to_owned(),
            Problem::Sources(_) | Problem::Destinations(_) => {
                "write the name in full: refs/heads/… or refs/tags/…".to_owned()
            }
            Problem::NoBranch(name) => format!("say where to: {}:refs/heads/…", text(name)),
            Problem::Absent(_) => "it may have been deleted already".to_owned(),
            Problem::Unqualified { source, destination } => format!(
                "write {0}:refs/heads/{1} for a branch, {0}:refs/tags/{1} for a tag",
                text(source),
                text(destination)
            ),
            Problem::Twice(_) => "name one source only".to_owned(),
        }
    }
}

/// All that is wrong: the code and the hint are those of the first.
pub(super) fn problems(problems: &[Problem]) -> Outcome<()> {
    let Some(first) = problems.first() else {
        return Ok(());
    };
    let messages: Vec<String> = problems.iter().map(Problem::message).collect();
    let names = problems
        .iter()
        .map(|problem| String::from_utf8_lossy(problem.name()).into_owned());
    Err(GitError::new(first.code(), Stage::Request, messages.join("; "))
        .with_hint(first.hint())
        .with("refs", Datum::List(names.collect()))
        .into())
}

/// A refspec of the caller.
pub(super) fn parse(text: &[u8]) -> Outcome<RefSpec> {
    RefSpec::parse(text, Direction::Push).map_err(|error| {
        let message = format!("{} is no refspec: {error}", quoted(text));
        GitError::new(Code::InvalidRef, Stage::Request, message)
            .with("refspec", Datum::Text(String::from_utf8_lossy(text).into_owned()))
            .into()
    })
}

/// Options that contradict each other, as in git.
pub(super) fn check(wish: &Wish) -> Outcome<()> {
    let exclusive = [
        (wish.delete, "delete"),
        (wish.tags, "tags"),
        (wish.all, "all"),
        (wish.mirror, "mirror"),
    ];
    let asked: Vec<&str> = exclusive.iter().filter(|(is, _)| *is).map(|(_, name)| *name).collect();
    if let [one, other, ..] = asked.as_slice() {
        return Err(unsupported(format!("{one} and {other} cannot be asked for together")));
    }
    if wish.delete && wish.refspecs.is_empty() {
        return Err(unsupported("delete needs the names of refs".to_owned()));
    }
    Ok(())
}

/// The same of options that the configuration may bring.
pub(super) fn check_refspecs(wish: &Wish, mirror: bool) -> Outcome<()> {
    if (wish.all || mirror) && !wish.refspecs.is_empty() {
        let which = if wish.all { "all" } else { "mirror" };
        return Err(unsupported(format!(
            "{which} cannot be asked for together with refspecs"
        )));
    }
    Ok(())
}

/// What is asked for makes no sense.
pub(super) fn unsupported(message: String) -> Failure {
    GitError::new(Code::Unsupported, Stage::Request, message).into()
}

/// Nothing is said of what to push, and the configuration gives no answer either.
pub(super) fn nothing_said(message: String, hint: impl Into<String>) -> Failure {
    GitError::new(Code::PushRejectedLocal, Stage::Request, message)
        .with_hint(hint)
        .into()
}

/// The server cannot do all or nothing.
pub(super) fn no_atomic() -> Failure {
    let message = "the server cannot be asked to update all refs or none";
    GitError::new(Code::CapabilityMissing, Stage::Negotiate, message)
        .with("capability", Datum::Text("atomic".to_owned()))
        .with_hint("push without atomic, or one ref at a time")
        .into()
}
