//! Repositories made by scripts, the same bytes every time: dates, names and contents are fixed
//! or follow from a seed. Histories are written with `git fast-import`; what it cannot write (tags
//! of trees, strange modes) with plumbing.

mod example;
mod generate;
mod project;

pub use example::example;
pub use generate::{Random, generate};
pub use project::{Shape, VERSION as PROJECT_VERSION, pack, project};

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

/// A bare repository on the disk, and how to ask git about it.
#[derive(Clone, Debug)]
pub struct Repo {
    path: std::path::PathBuf,
}

impl Repo {
    /// One that exists.
    pub fn at(path: impl AsRef<Path>) -> Repo {
        Repo {
            path: path.as_ref().to_owned(),
        }
    }

    /// Creates an empty bare repository whose HEAD names `branch`.
    pub fn init(path: impl AsRef<Path>, branch: &str) -> io::Result<Repo> {
        let path = path.as_ref();
        std::fs::create_dir_all(path)?;
        let repo = Repo::at(path);
        repo.git(["init", "--quiet", "--bare", "--template=", "-b", branch, "."])?;
        Ok(repo)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs git in it and returns its output; an error holds what git said.
    pub fn git<I, S>(&self, args: I) -> io::Result<Vec<u8>>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        self.git_with(args, &[])
    }

    /// The same, with bytes for its standard input.
    pub fn git_with<I, S>(&self, args: I, input: &[u8]) -> io::Result<Vec<u8>>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        let mut command = git();
        command.current_dir(&self.path).args(args);
        run(command, input)
    }

    /// The same, and the output is one line of text.
    pub fn git_line<I, S>(&self, args: I) -> io::Result<String>
    where
        I: IntoIterator<Item = S>,
        S: AsRef<OsStr>,
    {
        Ok(String::from_utf8_lossy(&self.git(args)?).trim_end().to_owned())
    }
}

/// A git that reads no configuration of the machine or its user, with fixed names and dates.
pub fn git() -> Command {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("GIT_") {
            command.env_remove(name);
        }
    }
    let fixed = [
        ("GIT_CONFIG_NOSYSTEM", "1"),
        ("GIT_CONFIG_GLOBAL", "/dev/null"),
        ("GIT_TERMINAL_PROMPT", "0"),
        ("GIT_AUTHOR_NAME", "Ada Example"),
        ("GIT_AUTHOR_EMAIL", "ada@example.org"),
        ("GIT_AUTHOR_DATE", "1700000000 +0000"),
        ("GIT_COMMITTER_NAME", "Ada Example"),
        ("GIT_COMMITTER_EMAIL", "ada@example.org"),
        ("GIT_COMMITTER_DATE", "1700000000 +0000"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
    ];
    command.envs(fixed);
    command
}

/// Runs a command to its end; an error holds what it said.
pub fn run(mut command: Command, input: &[u8]) -> io::Result<Vec<u8>> {
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // A command that does not read its input closes it, which is no error.
        scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        child.wait_with_output()
    })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!(
        "{command:?} failed with {}: {said}",
        output.status
    )))
}

/// Writes a `git fast-import` stream.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    marks: u32,
}

impl Stream {
    fn line(&mut self, line: impl AsRef<[u8]>) {
        self.bytes.extend_from_slice(line.as_ref());
        self.bytes.push(b'\n');
    }

    fn data(&mut self, data: impl AsRef<[u8]>) {
        self.line(format!("data {}", data.as_ref().len()));
        self.line(data);
    }

    fn mark(&mut self) -> u32 {
        self.marks += 1;
        self.line(format!("mark :{}", self.marks));
        self.marks
    }

    fn blob(&mut self, data: impl AsRef<[u8]>) -> u32 {
        self.line("blob");
        let mark = self.mark();
        self.data(data);
        mark
    }

    /// A path as the stream wants it: quoted, every unusual byte in octal.
    fn quoted(path: &[u8]) -> Vec<u8> {
        let mut quoted = vec![b'"'];
        for byte in path {
            match byte {
                b'"' | b'\\' => quoted.extend_from_slice(&[b'\\', *byte]),
                0x20..=0x7e => quoted.push(*byte),
                _ => quoted.extend_from_slice(format!("\\{byte:03o}").as_bytes()),
            }
        }
        quoted.push(b'"');
        quoted
    }

    /// A file of the commit being written.
    fn file(&mut self, mode: &str, mark: u32, path: &[u8]) {
        let mut line = format!("M {mode} :{mark} ").into_bytes();
        line.extend(Stream::quoted(path));
        self.line(line);
    }

    fn import(&self, repo: &Repo) -> io::Result<()> {
        repo.git_with(["fast-import", "--quiet", "--force"], &self.bytes)?;
        Ok(())
    }
}
