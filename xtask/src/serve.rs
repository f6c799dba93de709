//! `cargo xtask serve`: the viewer and the package on the test server, with repositories to clone.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::build::{Profile, build};
use crate::sh::{cargo, output, run};
use crate::{Result, root, target, text};

/// Where to listen unless told otherwise; later ports are tried if it is taken.
const PORT: u16 = 8417;

/// Builds, starts the server, says what it serves, and waits for it to end, by Ctrl-C as a rule.
pub fn serve(arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    build(Profile::Release)?;
    let server = server()?;
    let mut repositories = vec![(
        "example".to_owned(),
        "git/example.git".to_owned(),
        "A small made-up project".to_owned(),
    )];
    let state = target().join("serve");
    let local = local_repositories(&options.repositories, &state.join("git"))?;
    repositories.extend(local.iter().map(|(name, path)| {
        (
            name.clone(),
            format!("local/{name}.git"),
            format!("{} on this machine", path.display()),
        )
    }));
    let examples = state.join("examples.json");
    fs::write(&examples, examples_json(&repositories)).map_err(|error| format!("{}: {error}", examples.display()))?;

    let mut command = Command::new(server);
    command.args([
        "--port",
        &options.port.to_string(),
        "--until-eof",
        "--cors",
        "full",
        // The example takes pushes; the repositories of this machine do not.
        "--config",
        "http.receivepack=true",
        "--example",
        "--config",
        "http.receivepack=false",
        "--proxy",
    ]);
    command.args(["--git", &format!("/local={}", text(&state.join("git")))]);
    for (prefix, path) in [
        ("/", root().join("www")),
        ("/pkg", root().join("pkg")),
        ("/examples.json", examples),
    ] {
        command.args(["--www", &format!("{prefix}={}", text(&path))]);
    }
    // In a group of its own, so that Ctrl-C is not for it too: it ends and cleans up when its input
    // ends, which it does with this process, whatever ends that.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot start the server: {error}"))?;
    // `wait` would close it.
    let _open = child.stdin.take();
    let mut ready = String::new();
    let stdout = child.stdout.take().ok_or("the server has no output")?;
    BufReader::new(stdout)
        .read_line(&mut ready)
        .map_err(|error| format!("the server says nothing: {error}"))?;
    if let Some(origin) = origin(&ready) {
        println!("\ngitside is at {origin}/\n\nRepositories to clone:");
        repositories
            .iter()
            .for_each(|(_, path, about)| println!("  {origin}/{path}  {about}"));
        println!("\nA CORS proxy for servers on this machine: {origin}/proxy/\nCtrl-C stops it.");
    }
    let status = child.wait().map_err(|error| format!("the server is gone: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the server ended: {status}"))
    }
}

/// The address in the line that the server prints when it is ready: `{"url": "http://…", …}`.
fn origin(ready: &str) -> Option<&str> {
    ready.split('"').find(|text| text.starts_with("http://"))
}

/// The server's program, built if need be.
pub fn server() -> Result<PathBuf> {
    run(cargo().args(["build", "--package", "gitside-server", "--bin", "gitside-server"]))?;
    Ok(target()
        .join("debug")
        .join("gitside-server")
        .with_extension(std::env::consts::EXE_EXTENSION))
}

struct Options {
    port: u16,
    /// Repositories of the user's, to be served too.
    repositories: Vec<PathBuf>,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Options> {
        let mut port = None;
        let mut repositories = Vec::new();
        let mut arguments = arguments.iter();
        while let Some(flag) = arguments.next() {
            match (flag.as_str(), arguments.next()) {
                ("--port", Some(value)) => {
                    port = Some(value.parse().map_err(|error| format!("--port {value}: {error}"))?);
                }
                ("--repo", Some(path)) => repositories.push(PathBuf::from(path)),
                _ => return Err(format!("serve takes --port N and --repo PATH, not {flag}")),
            }
        }
        let port = port.map_or_else(free_port, Ok)?;
        Ok(Options { port, repositories })
    }
}

fn free_port() -> Result<u16> {
    let free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    (PORT..PORT + 100)
        .find(free)
        .ok_or_else(|| format!("no port from {PORT} on is free, choose one with --port"))
}

/// Links this project's own repository and those of the user into `folder`, by name.
fn local_repositories(chosen: &[PathBuf], folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(failed)?;
    }
    fs::create_dir_all(folder).map_err(failed)?;
    let mut linked = Vec::new();
    let own = (root().join(".git").exists()).then(root);
    for path in own.iter().chain(chosen) {
        let path = fs::canonicalize(path).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut git = Command::new("git");
        git.arg("-C")
            .arg(&path)
            .args(["rev-parse", "--path-format=absolute", "--git-common-dir"]);
        let bare = output(&mut git).map_err(|error| format!("{} is no repository: {error}", path.display()))?;
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy();
        let name = if Some(&path) == own.as_ref() {
            "gitside"
        } else {
            name.trim_end_matches(".git")
        };
        link(Path::new(bare.trim()), &folder.join(format!("{name}.git"))).map_err(failed)?;
        linked.push((name.to_owned(), path));
    }
    Ok(linked)
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(not(unix))]
fn link(to: &Path, at: &Path) -> std::io::Result<()> {
    std::os::windows::fs::symlink_dir(to, at)
}

/// What the viewer's first page offers: `[{"name": …, "url": …, "description": …}]`.
fn examples_json(repositories: &[(String, String, String)]) -> String {
    let rows = repositories.iter().map(|(name, url, description)| {
        let [name, url, description] = [name, url, description].map(|value| json_text(value));
        format!("{{\"name\": {name}, \"url\": {url}, \"description\": {description}}}")
    });
    format!("[{}]\n", rows.collect::<Vec<_>>().join(", "))
}

fn json_text(value: &str) -> String {
    let mut text = String::from('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => text.extend(['\\', character]),
            control if control < ' ' => text.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => text.push(other),
        }
    }
    text + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_for_json() {
        let repositories = [("a\"b\\c\n".to_owned(), "git/a.git".to_owned(), String::new())];
        let expected = "[{\"name\": \"a\\\"b\\\\c\\u000a\", \"url\": \"git/a.git\", \"description\": \"\"}]\n";
        assert_eq!(examples_json(&repositories), expected);
    }

    #[test]
    fn the_address_is_read_from_the_ready_line() {
        let ready = "{\"port\":8417,\"url\":\"http://127.0.0.1:8417\"}\n";
        assert_eq!(origin(ready), Some("http://127.0.0.1:8417"));
        assert_eq!(origin(""), None);
    }

    #[test]
    fn options_are_read_and_others_refused() {
        let parse = |arguments: &[&str]| Options::parse(&arguments.iter().map(|a| a.to_string()).collect::<Vec<_>>());
        let options = parse(&["--port", "9000", "--repo", "/tmp/a"]).unwrap();
        assert_eq!(
            (options.port, options.repositories),
            (9000, vec![PathBuf::from("/tmp/a")])
        );
        assert!(parse(&["--port"]).is_err());
        assert!(parse(&["--port", "x"]).is_err());
        assert!(parse(&["--host", "x"]).is_err());
    }
}
