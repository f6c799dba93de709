//! Why a ref was refused, as a word for programs: the texts of git's builtin/receive-pack.c and of
//! its own send-pack, and those that forges use in their place. The text itself is always kept.

/// Why a ref was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// The server's branch has commits that are not here.
    FetchFirst,
    /// The old value is not in the history of the new one.
    NonFastForward,
    /// A tag of that name exists.
    AlreadyExists,
    /// The old or the new value is no commit.
    NeedsForce,
    /// It is not what the caller, or this repository, expected it to be.
    StaleInfo,
    /// The remote moved after it was fetched last, and what it moved to is not built upon
    /// (`--force-if-includes`).
    RemoteUpdated,
    /// Another ref of an atomic push was refused.
    Atomic,
    /// The server deletes no refs.
    DeletionsUnsupported,
    /// The server was told not to delete refs, or not this one.
    DeletionProhibited,
    /// The update hook, or another rule for this ref, refused it.
    HookDeclined,
    /// The pre-receive hook refused the whole push.
    PreReceiveDeclined,
    /// A hook in place of the usual handling refused it, or failed.
    ProcReceive,
    /// The branch is checked out there.
    CheckedOut,
    /// The ref is hidden.
    Hidden,
    /// The objects were not taken.
    Unpack,
    /// Objects are missing there.
    MissingObjects,
    /// The server is a shallow repository, or refuses to become one.
    Shallow,
    /// It moved meanwhile, or another ref is in its way.
    FailedToUpdate,
    /// The server does not take the name.
    BadName,
    /// The branch is protected.
    Protected,
    /// Two refs of the push are one there.
    Aliased,
    /// The push certificate and the push options differ.
    PushOptions,
    /// The server said nothing of it.
    Unreported,
    /// Anything else.
    Other,
}

impl Reason {
    /// What the server's words mean.
    pub fn of(text: &str) -> Reason {
        let text = text.trim().to_ascii_lowercase();
        let known = TEXTS.iter().find(|(known, how, _)| match how {
            How::Whole => text == *known,
            How::Within => text.contains(known),
        });
        known.map_or(Reason::Other, |(_, _, reason)| *reason)
    }

    /// Git's own words for it; of what only servers say, those that are met most.
    pub fn words(self) -> &'static str {
        let own = TEXTS.iter().find(|(_, _, reason)| *reason == self);
        own.map_or("", |(text, ..)| *text)
    }

    /// The word.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::FetchFirst => "fetch-first",
            Reason::NonFastForward => "non-fast-forward",
            Reason::AlreadyExists => "already-exists",
            Reason::NeedsForce => "needs-force",
            Reason::StaleInfo => "stale-info",
            Reason::RemoteUpdated => "remote-updated",
            Reason::Atomic => "atomic",
            Reason::DeletionsUnsupported => "deletions-unsupported",
            Reason::DeletionProhibited => "deletion-prohibited",
            Reason::HookDeclined => "hook-declined",
            Reason::PreReceiveDeclined => "pre-receive-declined",
            Reason::ProcReceive => "proc-receive",
            Reason::CheckedOut => "checked-out",
            Reason::Hidden => "hidden",
            Reason::Unpack => "unpack",
            Reason::MissingObjects => "missing-objects",
            Reason::Shallow => "shallow",
            Reason::FailedToUpdate => "failed-to-update",
            Reason::BadName => "bad-name",
            Reason::Protected => "protected",
            Reason::Aliased => "aliased",
            Reason::PushOptions => "push-options",
            Reason::Unreported => "unreported",
            Reason::Other => "other",
        }
    }
}

/// How a text is compared.
enum How {
    Whole,
    Within,
}

/// In lower case; the first that fits counts. Of those of one reason, git's own send-pack says the first.
const TEXTS: &[(&str, How, Reason)] = &[
    ("non-fast-forward", How::Whole, Reason::NonFastForward),
    ("fetch first", How::Whole, Reason::FetchFirst),
    ("already exists", How::Whole, Reason::AlreadyExists),
    ("needs force", How::Whole, Reason::NeedsForce),
    ("stale info", How::Whole, Reason::StaleInfo),
    ("remote ref updated since checkout", How::Whole, Reason::RemoteUpdated),
    ("atomic push failed", How::Whole, Reason::Atomic),
    ("atomic push failure", How::Whole, Reason::Atomic),
    ("atomic transaction failed", How::Whole, Reason::Atomic),
    ("transaction failed to start", How::Whole, Reason::FailedToUpdate),
    (
        "remote does not support deleting refs",
        How::Whole,
        Reason::DeletionsUnsupported,
    ),
    ("deletion prohibited", How::Whole, Reason::DeletionProhibited),
    (
        "deletion of the current branch prohibited",
        How::Whole,
        Reason::DeletionProhibited,
    ),
    (
        "refusing to delete the current branch",
        How::Within,
        Reason::DeletionProhibited,
    ),
    ("pre-receive hook declined", How::Whole, Reason::PreReceiveDeclined),
    ("push-to-checkout hook declined", How::Whole, Reason::HookDeclined),
    ("hook declined", How::Whole, Reason::HookDeclined),
    ("proc-receive", How::Within, Reason::ProcReceive),
    ("branch is currently checked out", How::Whole, Reason::CheckedOut),
    ("denycurrentbranch", How::Within, Reason::CheckedOut),
    ("working directory has", How::Within, Reason::CheckedOut),
    ("up-to-date check failed", How::Whole, Reason::CheckedOut),
    (
        "could not update working tree to new head",
        How::Whole,
        Reason::CheckedOut,
    ),
    ("deny updating a hidden ref", How::Whole, Reason::Hidden),
    ("deny deleting a hidden ref", How::Whole, Reason::Hidden),
    ("unpacker error", How::Whole, Reason::Unpack),
    ("missing necessary objects", How::Whole, Reason::MissingObjects),
    ("bad pack", How::Whole, Reason::MissingObjects),
    (
        "unable to migrate objects to permanent storage",
        How::Whole,
        Reason::Unpack,
    ),
    ("shallow update not allowed", How::Whole, Reason::Shallow),
    ("shallow error", How::Whole, Reason::Shallow),
    ("failed to update ref", How::Within, Reason::FailedToUpdate),
    ("failed to delete", How::Within, Reason::FailedToUpdate),
    ("failed to lock", How::Within, Reason::FailedToUpdate),
    ("cannot lock ref", How::Within, Reason::FailedToUpdate),
    ("reference already exists", How::Whole, Reason::FailedToUpdate),
    ("incorrect old value provided", How::Whole, Reason::FailedToUpdate),
    ("invalid new value provided", How::Whole, Reason::FailedToUpdate),
    ("refname conflict", How::Whole, Reason::FailedToUpdate),
    (
        "expected symref but found regular ref",
        How::Whole,
        Reason::FailedToUpdate,
    ),
    ("funny refname", How::Whole, Reason::BadName),
    ("bad ref", How::Whole, Reason::BadName),
    ("broken symref", How::Whole, Reason::BadName),
    ("refusing to update funny ref", How::Within, Reason::BadName),
    ("protected branch", How::Within, Reason::Protected),
    ("protected ref", How::Within, Reason::Protected),
    ("inconsistent aliased update", How::Within, Reason::Aliased),
    ("aliased ref", How::Within, Reason::Aliased),
    ("inconsistent push options", How::Whole, Reason::PushOptions),
];

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn the_words_of_servers_have_names() {
        for (text, expected) in [
            ("non-fast-forward", "non-fast-forward"),
            ("hook declined", "hook-declined"),
            ("pre-receive hook declined", "pre-receive-declined"),
            ("Unpacker Error", "unpack"),
            ("protected branch hook declined", "protected"),
            ("proc-receive failed to report status", "proc-receive"),
            ("failed to update ref", "failed-to-update"),
            ("denyCurrentBranch = updateInstead needs a worktree", "checked-out"),
            ("Working directory has unstaged changes", "checked-out"),
            ("deny deleting a hidden ref", "hidden"),
            ("my hook declined it politely", "other"),
            ("", "other"),
        ] {
            assert_eq!(Reason::of(text).name(), expected, "{text}");
        }
    }

    #[test]
    fn no_text_is_listed_in_vain() {
        for (text, _, reason) in TEXTS {
            assert_eq!(text.to_ascii_lowercase(), *text);
            assert_eq!(Reason::of(text), *reason, "{text}");
        }
    }
}
