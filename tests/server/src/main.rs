//! The server as a program, for tests that are not written in Rust. It prints one line of JSON,
//! `{"url": "http://127.0.0.1:…", "port": …}`, when it is ready, and serves until it is stopped or,
//! with `--until-eof`, until its standard input ends.

use std::ffi::OsString;
use std::io::{self, Read as _, Write as _};
use std::path::PathBuf;

use gitside_server::{Auth, Cors, Files, Git, Proxy, Server, repos};
use lexopt::prelude::*;

const USAGE: &str = "gitside-server [options], in order; a mount has the settings given before it

  --git [PREFIX=]DIR     bare repositories below DIR, under /git or PREFIX
  --www [PREFIX=]DIR     static files, under / or PREFIX
  --proxy [PREFIX]       a CORS proxy, under /proxy or PREFIX, to loopback
  --example [PREFIX]     the example repository as example.git, under /git or PREFIX
  --cors none|gitea|full for the mounts that follow (at first: none)
  --auth USER:PASSWORD   for the mounts that follow
  --no-auth              for the mounts that follow
  --config KEY=VALUE     a setting of git for the --git mounts that follow
  --env NAME=VALUE       a variable of the backend for the --git mounts that follow
  --header NAME=VALUE    a header for the --www mounts that follow
  --allow HOST:PORT      another host for the --proxy mounts that follow
  --port N               default: any
  --control              faults and the log under /__control/
  --keep-bodies          keep the bodies of requests in the log
  --until-eof            stop when the standard input ends";

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut builder = Server::builder();
    let mut settings = Settings::default();
    let mut until_eof = false;
    let mut examples = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("git") => {
                let (prefix, folder) = prefixed(parser.value()?, "/git");
                builder = builder.mount(settings.git(Git::at(&prefix, folder)));
            }
            Long("www") => {
                let (prefix, folder) = prefixed(parser.value()?, "/");
                builder = builder.mount(settings.files(Files::at(&prefix, folder)));
            }
            Long("proxy") => {
                let prefix = optional(&mut parser, "/proxy")?;
                builder = builder.mount(settings.proxy(&prefix));
            }
            Long("example") => {
                let prefix = optional(&mut parser, "/git")?;
                let folder = tempfile::tempdir()?;
                repos::example(&folder.path().join("example.git"))?;
                builder = builder.mount(settings.git(Git::at(&prefix, folder.path())));
                examples.push(folder);
            }
            Long("cors") => {
                settings.cors = Some(match parser.value()?.string()?.as_str() {
                    "none" => Cors::None,
                    "gitea" => Cors::Gitea,
                    "full" => Cors::Full,
                    other => return Err(format!("--cors {other}? none, gitea or full").into()),
                });
            }
            Long("auth") => settings.auth = Some(pair(parser.value()?, ':')?),
            Long("no-auth") => settings.auth = None,
            Long("config") => settings.config.push(pair(parser.value()?, '=')?),
            Long("env") => settings.env.push(pair(parser.value()?, '=')?),
            Long("header") => settings.headers.push(pair(parser.value()?, '=')?),
            Long("allow") => settings.allowed.push(parser.value()?.string()?),
            Long("port") => builder = builder.port(parser.value()?.parse()?),
            Long("control") => builder = builder.control(),
            Long("keep-bodies") => builder = builder.keep_bodies(),
            Long("until-eof") => until_eof = true,
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(());
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    let server = builder.start()?;
    let line = serde_json::json!({ "url": server.origin(), "port": server.address().port() });
    let mut out = io::stdout();
    writeln!(out, "{line}")?;
    out.flush()?;
    if until_eof {
        io::stdin().read_to_end(&mut Vec::new())?;
        return Ok(());
    }
    loop {
        std::thread::park();
    }
}

/// What the mounts that follow are given.
#[derive(Default)]
struct Settings {
    cors: Option<Cors>,
    auth: Option<(String, String)>,
    config: Vec<(String, String)>,
    env: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    allowed: Vec<String>,
}

impl Settings {
    fn git(&self, mut git: Git) -> Git {
        git = git.cors(self.cors.unwrap_or_default());
        git = self.config.iter().fold(git, |git, (key, value)| git.config(key, value));
        git = self.env.iter().fold(git, |git, (name, value)| git.env(name, value));
        match &self.auth {
            Some((user, password)) => git.auth(Auth::basic(user, password)),
            None => git,
        }
    }

    fn files(&self, mut files: Files) -> Files {
        files = files.cors(self.cors.unwrap_or_default());
        files = self
            .headers
            .iter()
            .fold(files, |files, (name, value)| files.header(name, value));
        match &self.auth {
            Some((user, password)) => files.auth(Auth::basic(user, password)),
            None => files,
        }
    }

    fn proxy(&self, prefix: &str) -> Proxy {
        let mut proxy = Proxy::at(prefix)
            .allow("127.0.0.1:*")
            .allow("localhost:*")
            .cors(self.cors.unwrap_or(Cors::Full));
        proxy = self.allowed.iter().fold(proxy, |proxy, host| proxy.allow(host));
        match &self.auth {
            Some((user, password)) => proxy.auth(Auth::basic(user, password)),
            None => proxy,
        }
    }
}

/// `PREFIX=DIR`, or `DIR` under the usual prefix.
fn prefixed(value: OsString, usual: &str) -> (String, PathBuf) {
    match value.to_str().and_then(|text| text.split_once('=')) {
        Some((prefix, folder)) => (prefix.to_owned(), PathBuf::from(folder)),
        None => (usual.to_owned(), PathBuf::from(value)),
    }
}

fn optional(parser: &mut lexopt::Parser, usual: &str) -> Result<String, lexopt::Error> {
    match parser.raw_args()?.peek().and_then(|next| next.to_str()) {
        Some(next) if next.starts_with('/') => parser.value()?.string(),
        _ => Ok(usual.to_owned()),
    }
}

fn pair(value: OsString, separator: char) -> Result<(String, String), Box<dyn std::error::Error>> {
    let text = value.string()?;
    let (first, second) = text
        .split_once(separator)
        .ok_or_else(|| format!("{text}: there is no {separator} in it"))?;
    Ok((first.to_owned(), second.to_owned()))
}
