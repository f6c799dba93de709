//! Messages of commits and tags: how they are tidied before they are written (git-commit(1),
//! `--cleanup`; git-stripspace(1)), and their first line.

/// What becomes of a message before it is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cleanup {
    /// Nothing: it is written as it is.
    Verbatim,
    /// Blanks at ends of lines and empty lines at both ends go, several empty lines become one, and
    /// the last line ends in a newline. What git does unless an editor was open.
    #[default]
    Whitespace,
    /// The same, and lines that start with `#` go too. What git does after an editor was open.
    Strip,
    /// The same as `Whitespace`, without anything from the scissors line on.
    Scissors,
}

/// `wt_status_locate_end` in git's `wt-status.c` looks for it.
const SCISSORS: &[u8] = b"# ------------------------ >8 ------------------------\n";

impl Cleanup {
    /// From git's word for it.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "verbatim" => Some(Cleanup::Verbatim),
            "whitespace" => Some(Cleanup::Whitespace),
            "strip" => Some(Cleanup::Strip),
            "scissors" => Some(Cleanup::Scissors),
            _ => None,
        }
    }

    /// The message as it is to be written.
    pub fn apply(self, message: &[u8]) -> Vec<u8> {
        match self {
            Cleanup::Verbatim => message.to_vec(),
            Cleanup::Whitespace => strip_space(message, false),
            Cleanup::Strip => strip_space(message, true),
            Cleanup::Scissors => strip_space(before_scissors(message), false),
        }
    }
}

/// `strbuf_stripspace` in git's `strbuf.c`.
fn strip_space(message: &[u8], comments: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 1);
    let mut empty = false;
    for line in message.split(|byte| *byte == b'\n') {
        if comments && line.starts_with(b"#") {
            continue;
        }
        // Git's `isspace`.
        let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r');
        let end = line.iter().rposition(|byte| !blank(byte)).map_or(0, |last| last + 1);
        if end == 0 {
            empty = true;
            continue;
        }
        if empty && !out.is_empty() {
            out.push(b'\n');
        }
        empty = false;
        out.extend_from_slice(line.get(..end).unwrap_or_default());
        out.push(b'\n');
    }
    out
}

fn before_scissors(message: &[u8]) -> &[u8] {
    if message.starts_with(SCISSORS) {
        return b"";
    }
    let found = message.windows(SCISSORS.len() + 1).position(|window| {
        let (newline, line) = window.split_first().unwrap_or((&0, b""));
        *newline == b'\n' && line == SCISSORS
    });
    found.map_or(message, |at| message.get(..=at).unwrap_or_default())
}

/// What reflogs say of a commit.
pub fn first_line(message: &[u8]) -> &[u8] {
    message.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn messages_are_tidied() {
        const FULL: &str = "\n \n# note\nSubject  \r\n\n\n\t\nBody\u{b}\n#not a note?\n\n\
            # ------------------------ >8 ------------------------\ndiff --git\n\n";
        for (cleanup, expected) in [
            (Cleanup::Verbatim, FULL),
            (
                Cleanup::Whitespace,
                "# note\nSubject\n\nBody\u{b}\n#not a note?\n\n\
                 # ------------------------ >8 ------------------------\ndiff --git\n",
            ),
            (Cleanup::Strip, "Subject\n\nBody\u{b}\n\ndiff --git\n"),
            (Cleanup::Scissors, "# note\nSubject\n\nBody\u{b}\n#not a note?\n"),
        ] {
            let tidied = cleanup.apply(FULL.as_bytes());
            assert_eq!(String::from_utf8_lossy(&tidied), expected, "{cleanup:?}");
        }
        for message in ["", "\n", " \t\r\n\n", "#\n"] {
            assert_eq!(Cleanup::Strip.apply(message.as_bytes()), b"", "{message:?}");
        }
        assert_eq!(Cleanup::Whitespace.apply(b"no newline"), b"no newline\n");
        assert_eq!(Cleanup::Scissors.apply(SCISSORS), b"");
        for name in ["verbatim", "whitespace", "strip", "scissors"] {
            let found = Cleanup::from_name(name).map(|cleanup| format!("{cleanup:?}").to_lowercase());
            assert_eq!(found.as_deref(), Some(name));
        }
        assert_eq!(Cleanup::from_name("default"), None);
    }
}
