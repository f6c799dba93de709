//! The project's own commands: `cargo xtask serve | test | build | bench | lint`.
//!
//! No dependencies, because this is the first thing a newcomer compiles. Whatever a command needs
//! and the machine lacks is installed first, see `tools`.

mod bench;
mod build;
mod harness;
mod serve;
mod sh;
mod test;
mod tools;

use std::path::PathBuf;
use std::process::ExitCode;

const HELP: &str = "\
The commands of gitside.

  cargo xtask serve [--port N]       build, then serve the viewer, the package and example
                                     repositories on this machine
  cargo xtask test [STEP…]           every test, or the steps named (--list shows them)
  cargo xtask build [--debug]        pkg/wasm from the Rust sources
  cargo xtask bench [OPTION…]        gitside in the browser beside git, and beside other clients;
                                     --help tells the options
  cargo xtask lint                   formatting and clippy, natively and for wasm32

Tools that are missing are installed into a folder of this project's own:
$GITSIDE_TOOLS, else $XDG_CACHE_HOME/gitside/tools, else ~/.cache/gitside/tools.
Chromium and ChromeDriver come from the system's packages unless they are on the PATH,
or named by $CHROME and $CHROMEDRIVER.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (command, rest) = match arguments.split_first() {
        Some((command, rest)) => (command.as_str(), rest),
        None => ("help", &[][..]),
    };
    let done = match command {
        "serve" => serve::serve(rest),
        "test" => test::test(rest),
        "build" => build::command(rest),
        "bench" => bench::bench(rest),
        "lint" => test::lint(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        other => Err(format!("there is no command '{other}'\n\n{HELP}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}

/// What a command answers; the error is the text to show.
type Result<T> = std::result::Result<T, String>;

/// The folder of the workspace's Cargo.toml.
fn root() -> PathBuf {
    let own = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    let own = PathBuf::from(own);
    own.parent().map(PathBuf::from).unwrap_or(own)
}

/// Cargo's target folder, whatever chose it: this program lies in `<target>/debug`.
fn target() -> PathBuf {
    let own = std::env::current_exe().ok();
    let folder = own
        .as_deref()
        .and_then(|exe| exe.parent())
        .and_then(|profile| profile.parent());
    folder.map(PathBuf::from).unwrap_or_else(|| root().join("target"))
}

/// A path as text for a command line or an environment variable.
fn text(path: &std::path::Path) -> String {
    path.display().to_string()
}
