//! Bare repositories answered by `git http-backend`, as CGI (RFC 3875): the request's body is
//! streamed into the child, the answer out of it. A compressed request body is passed as it is;
//! the backend inflates it.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command as StdCommand;
use std::sync::OnceLock;

use bytes::{Bytes, BytesMut};
use percent_encoding::percent_decode_str;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::auth::Auth;
use crate::cors::Cors;
use crate::log::Ticket;
use crate::reply::{Answer, Inflow, Reply, Source, piped};
use crate::route::Asked;
use crate::server::Common;

/// A folder of bare repositories.
pub struct Git {
    pub(crate) common: Common,
    root: PathBuf,
    env: Vec<(String, String)>,
    config: Vec<(String, String)>,
}

impl Git {
    /// Serves the repositories below `root` under the path `prefix`, all of them, for reading.
    pub fn at(prefix: &str, root: impl AsRef<Path>) -> Git {
        Git {
            common: Common::new(prefix),
            root: root.as_ref().to_owned(),
            env: Vec::new(),
            config: Vec::new(),
        }
        .config("safe.directory", "*")
    }

    /// What other origins may ask.
    pub fn cors(mut self, cors: Cors) -> Git {
        self.common.cors = cors;
        self
    }

    /// Asks for a login; who logged in becomes `REMOTE_USER` and may push.
    pub fn auth(mut self, auth: Auth) -> Git {
        self.common.auth = Some(auth);
        self
    }

    /// A variable of the backend's environment, as `GIT_HTTP_MAX_REQUEST_BUFFER`.
    pub fn env(mut self, name: &str, value: &str) -> Git {
        self.env.push((name.into(), value.into()));
        self
    }

    /// A setting of Git for all repositories, as `uploadpack.allowFilter`.
    pub fn config(mut self, key: &str, value: &str) -> Git {
        self.config.push((key.into(), value.into()));
        self
    }

    /// Lets anybody push.
    pub fn push(self) -> Git {
        self.config("http.receivepack", "true")
    }

    /// Filters, and wants of any object, are allowed.
    pub fn partial(self) -> Git {
        self.config("uploadpack.allowFilter", "true")
            .config("uploadpack.allowAnySHA1InWant", "true")
    }

    /// Writes the packets of each request into its log entry's `stderr`.
    pub fn trace(self) -> Git {
        self.env("GIT_TRACE_PACKET", "1")
    }

    /// Answers a request for the path below the prefix.
    pub(crate) async fn answer(&self, asked: &Asked<'_>, mut inflow: Inflow, ticket: &Ticket) -> io::Result<Answer> {
        let mut child = match self.command(asked).spawn() {
            Ok(child) => child,
            Err(error) => return Ok(Reply::text(500, &format!("git http-backend: {error}\n")).into()),
        };
        if let Some(mut stdin) = child.stdin.take() {
            tokio::spawn(async move {
                // A backend that does not want the rest closes its end; the rest is read all the same.
                let mut open = true;
                while let Ok(Some(chunk)) = inflow.chunk().await {
                    open = open && stdin.write_all(&chunk).await.is_ok();
                }
            });
        }
        let (stderr, ticket) = (child.stderr.take(), ticket.clone());
        let stderr = tokio::spawn(async move {
            if let Some(mut stderr) = stderr {
                let mut buffer = Vec::with_capacity(4096);
                while stderr.read_buf(&mut buffer).await.is_ok_and(|n| n > 0) {
                    ticket.note(|entry| entry.stderr.push_str(&String::from_utf8_lossy(&buffer)));
                    buffer.clear();
                }
            }
        });
        let Some(stdout) = child.stdout.take() else {
            return Err(io::Error::from(io::ErrorKind::BrokenPipe));
        };
        Ok(read_answer(child, stdout, stderr)
            .await?
            .unwrap_or_else(|| Reply::text(500, "the backend said nothing\n").into()))
    }

    fn command(&self, asked: &Asked<'_>) -> Command {
        let mut command = Command::new(backend());
        command.env_clear();
        let path_info = percent_decode_str(asked.below).decode_utf8_lossy().into_owned();
        let variables: [(&str, &str); 13] = [
            ("PATH", &std::env::var("PATH").unwrap_or_default()),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GATEWAY_INTERFACE", "CGI/1.1"),
            ("SERVER_PROTOCOL", "HTTP/1.1"),
            ("GIT_HTTP_EXPORT_ALL", "1"),
            ("REQUEST_METHOD", asked.method),
            ("QUERY_STRING", asked.query),
            ("PATH_INFO", &path_info),
            ("SCRIPT_NAME", &self.common.prefix),
            ("REMOTE_ADDR", "127.0.0.1"),
            ("LC_ALL", "C.UTF-8"),
            ("TZ", "UTC"),
        ];
        command.envs(variables).env("GIT_PROJECT_ROOT", &self.root);
        for (header, variable) in [
            ("content-type", "CONTENT_TYPE"),
            ("content-length", "CONTENT_LENGTH"),
            ("content-encoding", "HTTP_CONTENT_ENCODING"),
            ("git-protocol", "GIT_PROTOCOL"),
            ("user-agent", "HTTP_USER_AGENT"),
            ("accept", "HTTP_ACCEPT"),
            ("accept-encoding", "HTTP_ACCEPT_ENCODING"),
        ] {
            if let Some(value) = asked.header(header) {
                command.env(variable, value);
            }
        }
        if let Some(user) = asked.user {
            command.env("REMOTE_USER", user);
        }
        command.env("GIT_CONFIG_COUNT", self.config.len().to_string());
        for (n, (key, value)) in self.config.iter().enumerate() {
            command
                .env(format!("GIT_CONFIG_KEY_{n}"), key)
                .env(format!("GIT_CONFIG_VALUE_{n}"), value);
        }
        command.envs(self.env.iter().map(|(n, v)| (n, v)));
        let (stdin, stdout, stderr) = piped();
        command.stdin(stdin).stdout(stdout).stderr(stderr).kill_on_drop(true);
        command
    }
}

/// Reads the CGI head; `None` if the child ends before it.
async fn read_answer(child: Child, mut stdout: ChildStdout, stderr: JoinHandle<()>) -> io::Result<Option<Answer>> {
    let mut buffer = BytesMut::with_capacity(64 * 1024);
    loop {
        if let Some((status, headers, body)) = parse_head(&buffer) {
            let first = Bytes::from(buffer).slice(body..);
            let source = Source::Child {
                first: Some(first),
                stdout,
                child: Box::new(child),
                stderr,
            };
            return Ok(Some(Answer {
                status,
                headers,
                source,
                without_cors: false,
            }));
        }
        if stdout.read_buf(&mut buffer).await? == 0 {
            return Ok(None);
        }
    }
}

type CgiHead = (u16, Vec<(String, String)>, usize);

/// Parses the head of a CGI answer, if all of it is there: status, headers, where the body starts.
fn parse_head(bytes: &[u8]) -> Option<CgiHead> {
    let mut status = 200;
    let mut headers = Vec::new();
    let mut at = 0;
    loop {
        let end = at + bytes.get(at..)?.iter().position(|b| *b == b'\n')?;
        let line = String::from_utf8_lossy(&bytes[at..end]);
        let line = line.trim_end_matches('\r');
        at = end + 1;
        if line.is_empty() {
            return Some((status, headers, at));
        }
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let (name, value) = (name.to_ascii_lowercase(), value.trim());
        if name == "status" {
            status = value
                .split(' ')
                .next()
                .and_then(|code| code.parse().ok())
                .unwrap_or(500);
        } else {
            headers.push((name, value.to_owned()));
        }
    }
}

/// Where the backend is: started directly, it saves a process per request.
fn backend() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| {
        let output = StdCommand::new("git").arg("--exec-path").output();
        let folder = output
            .map(|o| String::from_utf8_lossy(&o.stdout).trim().to_owned())
            .unwrap_or_default();
        Path::new(&folder).join("git-http-backend")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cgi_head_is_parsed_once_it_is_whole() {
        let text = b"Status: 404 Not Found\r\nX-Y:  a: b \r\n\r\nbody";
        for cut in 0..text.len() - 4 {
            assert!(parse_head(&text[..cut]).is_none(), "{cut}");
        }
        let expected = (404, vec![("x-y".to_owned(), "a: b".to_owned())], text.len() - 4);
        assert_eq!(parse_head(text), Some(expected));
        assert_eq!(parse_head(b"A: b\n\n"), Some((200, vec![("a".into(), "b".into())], 6)));
    }
}
