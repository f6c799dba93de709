//! `cargo xtask test`: every kind of test in order, each under its heading, and a table at the end.
//!
//! A step fails if a case failed, but also if none ran or one was left out: see `harness`. All
//! steps run even if an earlier one failed, except those that need what it should have made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use crate::build::{Profile, build, weigh};
use crate::harness::Tally;
use crate::serve::server;
use crate::sh::{cargo, run, watch};
use crate::tools::{Tools, tool};
use crate::{Result, root, target, text};

const WASM: &str = "wasm32-unknown-unknown";

/// A part of the tests that can be run alone.
struct Step {
    name: &'static str,
    about: &'static str,
    /// A step whose failure makes this one pointless.
    after: Option<&'static str>,
    run: fn(&Installed) -> Result<Done>,
}

/// What a step that did not fail has to tell.
enum Done {
    /// Cases ran.
    Cases(Tally),
    /// There are no cases in it, only a verdict.
    Checked(String),
}

/// The programs the steps use.
struct Installed {
    node: PathBuf,
    chrome: PathBuf,
    chromedriver: PathBuf,
    bindgen: PathBuf,
    wasm_pack: PathBuf,
}

const STEPS: &[Step] = &[
    Step {
        name: "format",
        about: "cargo fmt --check",
        after: None,
        run: format,
    },
    Step {
        name: "clippy",
        about: "clippy without warnings, natively and for wasm32",
        after: None,
        run: clippy,
    },
    Step {
        name: "native",
        about: "unit, integration and documentation tests",
        after: None,
        run: native,
    },
    Step {
        name: "pure",
        about: "the unit tests again, compiled for wasm32, in Node.js",
        after: None,
        run: pure,
    },
    Step {
        name: "build",
        about: "pkg/wasm, as it is published",
        after: None,
        run: package_build,
    },
    Step {
        name: "size",
        about: "the weight of wasm and JavaScript against their budget",
        after: Some("build"),
        run: size,
    },
    Step {
        name: "browser",
        about: "tests/browser with wasm-pack in headless Chromium",
        after: None,
        run: browser,
    },
    Step {
        name: "types",
        about: "tsc over the package, the viewer, tests/types and the benchmarks",
        after: Some("build"),
        run: types,
    },
    Step {
        name: "package",
        about: "the packed package, installed by a stranger",
        after: Some("build"),
        run: package,
    },
    Step {
        name: "benches",
        about: "the benchmarks' arithmetic, and one run of them",
        after: Some("build"),
        run: benches,
    },
    Step {
        name: "e2e",
        about: "the viewer and the package in headless Chromium",
        after: Some("build"),
        run: e2e,
    },
];

/// Runs all steps, or those named.
pub fn test(arguments: &[String]) -> Result<()> {
    if arguments == ["--list"] {
        STEPS
            .iter()
            .for_each(|step| println!("{:<8} {}", step.name, step.about));
        return Ok(());
    }
    if let Some(unknown) = arguments
        .iter()
        .find(|name| STEPS.iter().all(|step| step.name != name.as_str()))
    {
        return Err(format!(
            "there is no step '{unknown}'; cargo xtask test --list shows them"
        ));
    }
    let chosen = |step: &&Step| arguments.is_empty() || arguments.iter().any(|name| name == step.name);

    heading("tools");
    let tools = Tools::open()?;
    tools.wasm_target()?;
    tools.lints()?;
    let installed = Installed {
        node: tools.node()?,
        chrome: tools.chrome()?,
        chromedriver: tools.chromedriver()?,
        bindgen: tools.wasm_bindgen()?,
        wasm_pack: tools.wasm_pack()?,
    };
    drop(tools);

    let mut rows = Vec::new();
    for step in STEPS.iter().filter(chosen) {
        heading(&format!("{}: {}", step.name, step.about));
        let start = Instant::now();
        let broken = |row: &&(&Step, Verdict, u64)| Some(row.0.name) == step.after && row.1.complaint.is_some();
        let verdict = match rows.iter().find(broken) {
            Some((before, ..)) => Verdict::failed(format!("not run, because {} failed", before.name)),
            None => Verdict::of((step.run)(&installed)),
        };
        if let Some(complaint) = &verdict.complaint {
            println!("{}: {complaint}", step.name);
        }
        rows.push((step, verdict, start.elapsed().as_secs()));
    }
    summary(&rows)
}

/// `cargo xtask lint`.
pub fn lint(arguments: &[String]) -> Result<()> {
    if !arguments.is_empty() {
        return Err("lint takes no arguments".into());
    }
    let tools = Tools::open()?;
    tools.wasm_target()?;
    tools.lints()?;
    drop(tools);
    lint_format()?;
    lint_clippy()
}

struct Verdict {
    tally: Tally,
    said: String,
    complaint: Option<String>,
}

impl Verdict {
    fn of(result: Result<Done>) -> Verdict {
        match result {
            Ok(Done::Cases(tally)) => {
                let complaint = tally.complaint();
                let said = format!("{} passed, {} failed", tally.passed, tally.failed);
                Verdict { tally, said, complaint }
            }
            Ok(Done::Checked(said)) => Verdict {
                tally: Tally::default(),
                said,
                complaint: None,
            },
            Err(message) => Verdict::failed(message),
        }
    }

    fn failed(message: String) -> Verdict {
        Verdict {
            tally: Tally::default(),
            said: String::new(),
            complaint: Some(message),
        }
    }
}

fn summary(rows: &[(&Step, Verdict, u64)]) -> Result<()> {
    heading("summary");
    let (mut passed, mut failed) = (0, 0);
    for (step, verdict, seconds) in rows {
        let said = match &verdict.complaint {
            Some(complaint) => format!("FAILED: {}", complaint.lines().next().unwrap_or_default()),
            None => verdict.said.clone(),
        };
        println!("{:<8} {:>5} s  {said}", step.name, seconds);
        passed += verdict.tally.passed;
        failed += verdict.tally.failed;
    }
    println!("\n{passed} passed, {failed} failed");
    let broken: Vec<_> = rows
        .iter()
        .filter(|row| row.1.complaint.is_some())
        .map(|row| row.0.name)
        .collect();
    if broken.is_empty() {
        Ok(())
    } else {
        Err(format!("failed: {}", broken.join(", ")))
    }
}

fn heading(text: &str) {
    println!("\n=== {text}");
}

/// Runs something that counts cases.
fn cases(command: &mut Command) -> Result<Done> {
    let mut tally = Tally::default();
    count(command, &mut tally)?;
    Ok(Done::Cases(tally))
}

/// Adds the cases of a run. A failure that no case explains is an error of its own.
fn count(command: &mut Command, tally: &mut Tally) -> Result<()> {
    let failed_before = tally.failed;
    let succeeded = watch(command, |line| tally.see(line))?;
    if succeeded || tally.failed > failed_before {
        Ok(())
    } else {
        Err("the run itself failed, see above".into())
    }
}

fn lint_format() -> Result<()> {
    run(cargo().args(["fmt", "--all", "--check"]))
}

fn lint_clippy() -> Result<()> {
    run(cargo().args([
        "clippy",
        "--quiet",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))?;
    let wasm = [
        "clippy",
        "--quiet",
        "--package",
        "gitside",
        "--package",
        "gitside-sha1",
        "--all-targets",
        "--target",
        WASM,
        "--",
        "-D",
        "warnings",
    ];
    run(cargo().args(wasm))
}

fn format(_: &Installed) -> Result<Done> {
    lint_format().map(|()| Done::Checked("clean".into()))
}

fn clippy(_: &Installed) -> Result<Done> {
    lint_clippy().map(|()| Done::Checked("clean".into()))
}

fn native(_: &Installed) -> Result<Done> {
    let mut done = cases(cargo().args(["test", "--workspace", "--no-fail-fast"]))?;
    if let Done::Cases(tally) = &mut done {
        // They are for wasm32 alone, and have a step of their own.
        tally.empty.retain(|file| !file.starts_with("tests/browser/"));
    }
    Ok(done)
}

fn pure(installed: &Installed) -> Result<Done> {
    let mut tally = Tally::default();
    for package in [".", "sha1"] {
        let mut command = tool(&installed.wasm_pack, "wasm-pack", &[&installed.bindgen]);
        command.args(["test", "--node", "--mode", "no-install", package, "--lib"]);
        count(&mut command, &mut tally)?;
    }
    Ok(Done::Cases(tally))
}

fn package_build(_: &Installed) -> Result<Done> {
    build(Profile::Release)?;
    Ok(Done::Checked("built".into()))
}

fn size(_: &Installed) -> Result<Done> {
    Ok(Done::Checked(weigh()?))
}

fn browser(installed: &Installed) -> Result<Done> {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).map_err(|error| format!("Cargo.toml: {error}"))?;
    let tests = browser_tests(&manifest);
    let mut command = tool(&installed.wasm_pack, "wasm-pack", &[&installed.bindgen]);
    command.args([
        "test",
        "--headless",
        "--chrome",
        "--mode",
        "no-install",
        "--chromedriver",
    ]);
    command.arg(&installed.chromedriver).arg(".");
    tests.iter().for_each(|name| {
        command.args(["--test", name]);
    });
    command.env("WASM_BINDGEN_TEST_TIMEOUT", "300");
    command.env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", capabilities(&installed.chrome)?);
    cases(&mut command)
}

/// `webdriver.json` with the browser that was found; ChromeDriver would look for one by itself.
fn capabilities(chrome: &Path) -> Result<PathBuf> {
    let failed = |error: std::io::Error| format!("webdriver.json: {error}");
    let given = fs::read_to_string(root().join("webdriver.json")).map_err(failed)?;
    let options = "\"goog:chromeOptions\": {";
    let named = given.replace(options, &format!("{options} \"binary\": {:?},", text(chrome)));
    let file = target().join("webdriver.json");
    fs::write(&file, named).map_err(failed)?;
    Ok(file)
}

/// The names of the test targets whose file lies in `tests/browser/`.
fn browser_tests(manifest: &str) -> Vec<String> {
    let value = |section: &str, key: &str| {
        let line = section
            .lines()
            .find_map(|line| line.trim().strip_prefix(key)?.trim().strip_prefix('='));
        line.map(|value| value.trim().trim_matches('"').to_owned())
    };
    let sections = manifest
        .split("[[test]]")
        .skip(1)
        .map(|section| section.split("\n[").next().unwrap_or(section));
    sections
        .filter(|section| value(section, "path").is_some_and(|path| path.starts_with("tests/browser/")))
        .filter_map(|section| value(section, "name"))
        .collect()
}

fn types(installed: &Installed) -> Result<Done> {
    let own = format!("{}/", text(&root()));
    let mut checked = 0_u64;
    // What runs in browsers, and what runs in Node.js.
    for project in ["tests/types", "tests/types/node.json"] {
        let mut command = Command::new(&installed.node);
        command.current_dir(root()).args([
            "tests/node_modules/typescript/bin/tsc",
            "--listFiles",
            "--project",
            project,
        ]);
        let before = checked;
        let succeeded = watch(&mut command, |line| {
            checked += u64::from(line.starts_with(&own) && !line.contains("/node_modules/"));
        })?;
        if !succeeded {
            return Err("the types do not fit, see above".into());
        }
        if checked == before {
            return Err(format!("{project}: no file was checked"));
        }
    }
    Ok(Done::Checked(format!("{checked} files checked")))
}

fn package(installed: &Installed) -> Result<Done> {
    node_tests(installed, "tests/package")
}

fn benches(installed: &Installed) -> Result<Done> {
    node_tests(installed, "benches/browser")
}

fn e2e(installed: &Installed) -> Result<Done> {
    node_tests(installed, "tests/e2e")
}

/// Every `*.test.mjs` of a folder, one file at a time: there are two cores, and Chromium wants both.
fn node_tests(installed: &Installed, folder: &str) -> Result<Done> {
    let listed = fs::read_dir(root().join(folder)).map_err(|error| format!("{folder}: {error}"))?;
    let names = listed.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut files: Vec<_> = names.filter(|name| name.ends_with(".test.mjs")).collect();
    files.sort();
    if files.is_empty() {
        return Err(format!("{folder} holds no *.test.mjs"));
    }
    let server = server()?;
    let mut command = Command::new(&installed.node);
    command
        .current_dir(root())
        .args(["--test", "--test-concurrency=1", "--test-reporter=spec"]);
    command.args(files.iter().map(|name| format!("{folder}/{name}")));
    let own = std::env::current_exe().map_err(|error| format!("cannot tell what runs: {error}"))?;
    cases(
        command
            .env("CHROME", &installed.chrome)
            .env("GITSIDE_SERVER", server)
            .env("GITSIDE_XTASK", own),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn browser_tests_are_found_by_their_folder() {
        let manifest = "[[test]]\nname = \"layers\"\npath = \"tests/native/layers.rs\"\n\n[[test]]\nname = \"page\"\npath = \"tests/browser/page.rs\"\n\n[lints]\nname = \"no\"\n";
        assert_eq!(browser_tests(manifest), ["page"]);
    }

    #[test]
    fn a_step_waits_only_for_a_step_before_it() {
        for (at, step) in STEPS.iter().enumerate() {
            assert!(
                step.after
                    .is_none_or(|after| STEPS[..at].iter().any(|before| before.name == after)),
                "{}",
                step.name
            );
        }
    }
}
