//! `pkg/wasm/` from the Rust sources: cargo, then wasm-bindgen. `pkg/` beside it is written by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::sh::{cargo, run};
use crate::tools::{Tools, tool};
use crate::{Result, root, target};

/// The most the wasm may weigh, in bytes: `raw N` and `gzip N`.
const BUDGET: &str = include_str!("../size-budget.txt");

/// How the wasm is compiled.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Optimised: what is published, served and tested.
    Release,
    /// Quick to build, with names and assertions.
    Debug,
}

/// `cargo xtask build`.
pub fn command(arguments: &[String]) -> Result<()> {
    let profile = match arguments {
        [] => Profile::Release,
        [flag] if flag == "--debug" => Profile::Debug,
        _ => return Err("build takes no argument but --debug".into()),
    };
    build(profile)?;
    if profile == Profile::Release {
        println!("{}", weigh()?);
    }
    Ok(())
}

/// Builds `pkg/wasm`, and leaves it alone if nothing changed since.
pub fn build(profile: Profile) -> Result<()> {
    let tools = Tools::open()?;
    tools.wasm_target()?;
    let bindgen = tools.wasm_bindgen()?;
    drop(tools);

    let mut compile = cargo();
    compile.args([
        "build",
        "--package",
        "gitside",
        "--lib",
        "--target",
        "wasm32-unknown-unknown",
    ]);
    let folder = match profile {
        Profile::Release => {
            compile.arg("--release");
            "release"
        }
        Profile::Debug => "debug",
    };
    run(&mut compile)?;

    let compiled = target()
        .join("wasm32-unknown-unknown")
        .join(folder)
        .join("gitside.wasm");
    let out = root().join("pkg/wasm");
    let stamp = target().join("pkg-wasm-made-from");
    let made_from = identity(&compiled)?;
    if wasm().is_file() && fs::read_to_string(&stamp).is_ok_and(|old| old == made_from) {
        return Ok(());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", out.display());
    let _ = fs::remove_file(&stamp);
    if out.exists() {
        fs::remove_dir_all(&out).map_err(failed)?;
    }
    let mut bind = tool(&bindgen, "wasm-bindgen", &[]);
    bind.args(["--target", "web", "--out-name", "gitside", "--out-dir"])
        .arg(&out);
    // Function names are a tenth of the file, and of use only to those who build it.
    match profile {
        Profile::Release => bind.args(["--remove-name-section", "--remove-producers-section"]),
        Profile::Debug => bind.args(["--debug", "--keep-debug"]),
    };
    run(bind.arg(&compiled))?;
    fs::write(&stamp, made_from).map_err(failed)
}

/// Says what the wasm weighs, and fails if it is over the budget.
pub fn weigh() -> Result<String> {
    let raw = fs::metadata(wasm())
        .map_err(|error| format!("{}: {error}", wasm().display()))?
        .len();
    let gzip = gzip(&wasm())?;
    let said = format!("pkg/wasm/gitside_bg.wasm: {raw} bytes, {gzip} with gzip -9");
    for (what, weight) in [("raw", raw), ("gzip", gzip)] {
        let most = budget(BUDGET, what)?;
        if weight > most {
            return Err(format!(
                "{said}\nthat is over the budget of {most} bytes {what} in xtask/size-budget.txt"
            ));
        }
    }
    Ok(said)
}

fn wasm() -> PathBuf {
    root().join("pkg/wasm/gitside_bg.wasm")
}

/// The compiled file's path, size and time: different whenever its content may be. The workspace is
/// part of it because several can share a target folder.
fn identity(compiled: &Path) -> Result<String> {
    let failed = |error| format!("{}: {error}", compiled.display());
    let about = fs::metadata(compiled).map_err(failed)?;
    let modified = about.modified().map_err(failed)?;
    Ok(format!(
        "{} {} {} {modified:?}",
        root().display(),
        compiled.display(),
        about.len()
    ))
}

fn gzip(file: &Path) -> Result<u64> {
    let mut gzip = Command::new("gzip");
    let packed = gzip.args(["-9", "-c"]).arg(file).stdin(Stdio::null()).output();
    let packed = packed.map_err(|error| format!("cannot run gzip: {error}"))?;
    if !packed.status.success() {
        return Err(format!("gzip {}: {}", file.display(), packed.status));
    }
    u64::try_from(packed.stdout.len()).map_err(|error| error.to_string())
}

fn budget(text: &str, what: &str) -> Result<u64> {
    let line = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(name, _)| *name == what);
    let (_, bytes) = line.ok_or_else(|| format!("xtask/size-budget.txt has no line '{what}'"))?;
    bytes
        .trim()
        .parse()
        .map_err(|error| format!("xtask/size-budget.txt, {what}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_budget_names_both_weights() {
        assert!(budget(BUDGET, "raw").unwrap() > budget(BUDGET, "gzip").unwrap());
        assert!(budget(BUDGET, "brotli").is_err());
    }
}
