//! Running other programs: said before, checked after.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::Result;

/// Cargo, as started by the cargo that runs us, in the workspace.
pub fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(crate::root());
    command
}

/// Runs with the terminal handed through; an exit code other than 0 is an error.
pub fn run(command: &mut Command) -> Result<()> {
    let shown = show(command);
    eprintln!("$ {shown}");
    let status = command
        .status()
        .map_err(|error| format!("cannot start {shown}: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{shown}: {status}"))
    }
}

/// Runs in silence and answers what was printed.
pub fn output(command: &mut Command) -> Result<String> {
    let shown = show(command);
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start {shown}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{shown}: {}", output.status));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Whether the command runs and succeeds. Prints nothing.
pub fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Runs, shows each line as it comes, and hands it to `see` without colours. Standard error comes
/// in the same stream, so that the order is the program's. Answers whether it succeeded.
pub fn watch(command: &mut Command, mut see: impl FnMut(&str)) -> Result<bool> {
    let shown = show(command);
    println!("$ {shown}");
    let failed = |error: std::io::Error| format!("cannot run {shown}: {error}");
    let (reader, writer) = std::io::pipe().map_err(failed)?;
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always").env("FORCE_COLOR", "1");
    }
    command
        .stdin(Stdio::null())
        .stdout(writer.try_clone().map_err(failed)?)
        .stderr(writer);
    let mut child = command.spawn().map_err(failed)?;
    // The command keeps its ends of the pipe open until these are replaced.
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut lines = BufReader::new(reader);
    let mut line = Vec::new();
    let mut stdout = std::io::stdout();
    while lines.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        let _ = stdout.write_all(&line).and_then(|()| stdout.flush());
        see(plain(&String::from_utf8_lossy(&line)).trim_end());
        line.clear();
    }
    Ok(child.wait().map_err(failed)?.success())
}

/// The first of the programs that is on the PATH.
pub fn on_path(names: &[&str]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    names.iter().find_map(|name| {
        std::env::split_paths(&path)
            .map(|folder| folder.join(name).with_extension(std::env::consts::EXE_EXTENSION))
            .find(|file| file.is_file())
    })
}

/// `PATH` with folders before it.
pub fn path_with(folders: &[&Path]) -> std::ffi::OsString {
    let old = std::env::var_os("PATH").unwrap_or_default();
    let all = folders
        .iter()
        .map(|folder| folder.to_path_buf())
        .chain(std::env::split_paths(&old));
    std::env::join_paths(all).unwrap_or(old)
}

fn show(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut shown = program
        .file_name()
        .unwrap_or(program.as_os_str())
        .to_string_lossy()
        .into_owned();
    for argument in command.get_args() {
        shown.push(' ');
        shown.push_str(&argument.to_string_lossy());
    }
    shown
}

/// The text without terminal colours (`ESC [ … letter`).
fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            if characters.next() == Some('[') {
                characters.by_ref().find(|c| c.is_ascii_alphabetic());
            }
        } else {
            plain.push(character);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_taken_out() {
        assert_eq!(
            plain("\u{1b}[1m\u{1b}[32m     Running\u{1b}[0m tests"),
            "     Running tests"
        );
    }

    #[test]
    fn both_streams_are_seen_in_order_and_the_exit_code_is_told() {
        let mut seen = Vec::new();
        let mut command = Command::new("sh");
        command.args(["-c", "echo one; echo two >&2; echo three; exit 3"]);
        let succeeded = watch(&mut command, |line| seen.push(line.to_owned())).unwrap();
        assert!(!succeeded);
        assert_eq!(seen, ["one", "two", "three"]);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        assert!(run(&mut Command::new("gitside-no-such-program")).is_err());
        assert!(on_path(&["gitside-no-such-program"]).is_none());
    }
}
