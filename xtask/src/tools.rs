//! What the commands need and a machine may lack: the wasm target, programs from crates.io, npm
//! packages, a browser. Each is looked for first, said before it is installed, and installed once.
//!
//! Programs go to `<tools>/<name>-<version>`, made under another name and renamed when complete, so
//! that an interrupted install is done again. One run installs at a time.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sh::{cargo, on_path, output, path_with, run, succeeds};
use crate::{Result, root};

/// Wraps cargo's test command for browsers.
const WASM_PACK: &str = "0.15.1";
const WASM: &str = "wasm32-unknown-unknown";

/// The tool folder, held by this run alone until dropped.
pub struct Tools {
    folder: PathBuf,
    _lock: File,
}

impl Tools {
    /// Waits until no other run installs anything.
    pub fn open() -> Result<Tools> {
        let folder = folder()?;
        let failed = |error: std::io::Error| format!("cannot use the tool folder {}: {error}", folder.display());
        fs::create_dir_all(&folder).map_err(failed)?;
        let lock = File::options()
            .create(true)
            .append(true)
            .open(folder.join(".lock"))
            .map_err(failed)?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                eprintln!(
                    "tools: another run is installing into {}, waiting for it",
                    folder.display()
                );
                lock.lock().map_err(failed)?;
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        Ok(Tools { folder, _lock: lock })
    }

    /// The standard library for wasm32.
    pub fn wasm_target(&self) -> Result<()> {
        let mut rustc = Command::new(on_path(&["rustc"]).unwrap_or_else(|| "rustc".into()));
        rustc
            .current_dir(root())
            .args(["--print", "target-libdir", "--target", WASM]);
        if Path::new(output(&mut rustc)?.trim()).is_dir() {
            return Ok(());
        }
        eprintln!("tools: adding Rust's {WASM} target");
        run(Command::new("rustup").current_dir(root()).args(["target", "add", WASM]))
    }

    /// rustfmt and clippy.
    pub fn lints(&self) -> Result<()> {
        for (command, component) in [("fmt", "rustfmt"), ("clippy", "clippy")] {
            if !succeeds(cargo().args([command, "--version"])) {
                eprintln!("tools: adding Rust's {component}");
                run(Command::new("rustup")
                    .current_dir(root())
                    .args(["component", "add", component]))?;
            }
        }
        Ok(())
    }

    /// The folder with wasm-bindgen's programs, of the version that the crate uses.
    pub fn wasm_bindgen(&self) -> Result<PathBuf> {
        let lock = fs::read_to_string(root().join("Cargo.lock")).map_err(|error| format!("Cargo.lock: {error}"))?;
        let version = locked(&lock, "wasm-bindgen").ok_or("Cargo.lock names no wasm-bindgen")?;
        self.install_crate("wasm-bindgen-cli", &version)
    }

    /// The folder with wasm-pack.
    pub fn wasm_pack(&self) -> Result<PathBuf> {
        self.install_crate("wasm-pack", WASM_PACK)
    }

    /// Node.js and the packages of `tests/package-lock.json`. Answers node's path.
    pub fn node(&self) -> Result<PathBuf> {
        if on_path(&["node"]).is_none() || on_path(&["npm"]).is_none() {
            apt(&["nodejs", "npm"])?;
        }
        self.packages("tests")?;
        on_path(&["node"]).ok_or_else(|| "node is not on the PATH after its installation".into())
    }

    /// The packages of a folder's `package-lock.json`.
    pub fn packages(&self, folder: &str) -> Result<()> {
        let npm = on_path(&["npm"]).ok_or("npm is not on the PATH")?;
        let place = root().join(folder);
        let lock = fs::read(place.join("package-lock.json")).map_err(|error| format!("package-lock.json: {error}"))?;
        let installed = place.join("node_modules/.installed-lock");
        if fs::read(&installed).is_ok_and(|old| old == lock) {
            return Ok(());
        }
        eprintln!("tools: installing the npm packages of {folder}/package-lock.json");
        run(Command::new(npm)
            .current_dir(&place)
            .args(["ci", "--no-audit", "--no-fund"]))?;
        fs::write(&installed, lock).map_err(|error| format!("{}: {error}", installed.display()))
    }

    /// wasm-opt, a program for Node.js.
    pub fn wasm_opt(&self) -> Result<PathBuf> {
        self.packages("xtask")?;
        Ok(root().join("xtask/node_modules/binaryen/bin/wasm-opt"))
    }

    /// Chromium, or a browser like it.
    pub fn chrome(&self) -> Result<PathBuf> {
        let names = [
            "chromium",
            "google-chrome",
            "google-chrome-stable",
            "chromium-browser",
            "chrome",
        ];
        self.find_in_system("CHROME", &names, "chromium")
    }

    /// The driver that goes with it.
    pub fn chromedriver(&self) -> Result<PathBuf> {
        self.find_in_system("CHROMEDRIVER", &["chromedriver"], "chromium-driver")
    }

    fn find_in_system(&self, variable: &str, names: &[&str], package: &str) -> Result<PathBuf> {
        if let Some(chosen) = std::env::var_os(variable) {
            let chosen = PathBuf::from(chosen);
            return if chosen.is_file() {
                Ok(chosen)
            } else {
                Err(format!("${variable} is no file: {}", chosen.display()))
            };
        }
        if let Some(found) = on_path(names) {
            return Ok(found);
        }
        apt(&["chromium", "chromium-driver"])?;
        on_path(names).ok_or_else(|| format!("{} is not on the PATH after installing {package}", names[0]))
    }

    fn install_crate(&self, name: &str, version: &str) -> Result<PathBuf> {
        let place = self.folder.join(format!("{name}-{version}"));
        if place.join("bin").is_dir() {
            return Ok(place.join("bin"));
        }
        eprintln!(
            "tools: installing {name} {version} into {} (once, some minutes)",
            place.display()
        );
        let unfinished = self.folder.join(format!(".unfinished-{name}-{version}"));
        let build = self.folder.join(format!(".build-{name}-{version}"));
        let failed = |error: std::io::Error| format!("{}: {error}", place.display());
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(failed)?;
        }
        let mut install = cargo();
        // Not `--locked`: the lock file of wasm-bindgen-cli 0.2.130 names a version that cannot be
        // had. A quick build is worth more here than a quick program.
        install
            .current_dir(&self.folder)
            .args([
                "install",
                name,
                "--version",
                &format!("={version}"),
                "--no-track",
                "--quiet",
            ])
            .arg("--root")
            .arg(&unfinished)
            .env("CARGO_TARGET_DIR", &build)
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "1")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .env("CARGO_PROFILE_RELEASE_DEBUG", "false")
            .env_remove("CARGO_BUILD_TARGET");
        run(&mut install)?;
        fs::rename(&unfinished, &place).map_err(failed)?;
        // Only to save room; what is left of it does no harm.
        let _ = fs::remove_dir_all(&build);
        Ok(place.join("bin"))
    }
}

/// A command from the tools, which finds its companions on the PATH.
pub fn tool(bin: &Path, name: &str, also: &[&Path]) -> Command {
    let mut command = Command::new(bin.join(name));
    let folders: Vec<&Path> = std::iter::once(bin).chain(also.iter().copied()).collect();
    command.current_dir(root()).env("PATH", path_with(&folders));
    command
}

fn folder() -> Result<PathBuf> {
    let variable = |name| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let chosen = variable("GITSIDE_TOOLS")
        .or_else(|| variable("XDG_CACHE_HOME").map(|cache| cache.join("gitside/tools")))
        .or_else(|| variable("HOME").map(|home| home.join(".cache/gitside/tools")))
        .ok_or("no folder for tools: set GITSIDE_TOOLS")?;
    std::path::absolute(&chosen).map_err(|error| format!("{}: {error}", chosen.display()))
}

/// Installs packages of a Debian-like system.
fn apt(packages: &[&str]) -> Result<()> {
    let wanted = packages.join(" ");
    if on_path(&["apt-get"]).is_none() {
        return Err(format!(
            "please install these first, and have them on the PATH: {wanted}"
        ));
    }
    eprintln!("tools: installing the system packages {wanted}");
    let root = output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0");
    let apt = |arguments: &[&str]| {
        let mut command = Command::new(if root { "apt-get" } else { "sudo" });
        if !root {
            command.arg("apt-get");
        }
        run(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
    };
    apt(&["update", "-q"])?;
    apt(&[&["install", "-y", "-q", "--no-install-recommends"], packages].concat())
}

/// The version of a package in a Cargo.lock.
fn locked(lock: &str, name: &str) -> Option<String> {
    let (_, after) = lock.split_once(&format!("name = \"{name}\"\nversion = \""))?;
    after.split_once('"').map(|(version, _)| version.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_a_tool_is_the_one_in_the_lock_file() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"9\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.130\"\n";
        assert_eq!(locked(lock, "wasm-bindgen").as_deref(), Some("0.2.130"));
        assert_eq!(locked(lock, "wasm"), None);
    }

    #[test]
    fn the_npm_lock_files_name_no_place_to_download_from() {
        for (folder, package) in [
            ("tests", "playwright-core"),
            ("benches", "isomorphic-git"),
            ("xtask", "binaryen"),
        ] {
            let lock = fs::read_to_string(root().join(folder).join("package-lock.json")).unwrap();
            assert!(lock.contains(&format!("node_modules/{package}")));
            assert!(
                !lock.contains("\"resolved\"") && !lock.contains("://"),
                "an address is in {folder}/package-lock.json"
            );
        }
    }
}
