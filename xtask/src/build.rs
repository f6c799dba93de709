//! `pkg/wasm/` from the Rust sources: cargo, then wasm-bindgen, and for a release wasm-opt. `pkg/`
//! beside it is written by hand.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::sh::{cargo, output, run};
use crate::tools::{Tools, tool};
use crate::{Result, root, target};

/// The most that a page may have to load, in bytes: `raw N`, `gzip N` and `brotli N`.
const BUDGET: &str = include_str!("../size-budget.txt");

/// What the compiler gives beyond WebAssembly 1.0.
const FEATURES: [&str; 7] = [
    "--enable-bulk-memory",
    "--enable-multivalue",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
    "--enable-reference-types",
    "--enable-sign-ext",
    "--enable-simd",
];

/// wasm-opt's passes that make what brotli makes of the file smaller: like stands by like, once. The
/// others, `-Oz` above all, make the file smaller and its compressed form larger.
const PASSES: [&str; 5] = [
    "--reorder-functions-by-name",
    "--duplicate-function-elimination",
    "--reorder-locals",
    "--strip-debug",
    "--strip-producers",
];

/// Compresses as a server does that has compressed its files ahead: prints a line `raw gzip brotli`
/// for each file.
const WEIGH: &str = "
import { readFileSync } from 'node:fs';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
const params = { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_LGWIN]: 24 };
for (const name of process.argv.slice(1)) {
  const file = readFileSync(name);
  console.log(file.length, gzipSync(file, { level: 9 }).length, brotliCompressSync(file, { params }).length);
}";

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
        weigh()?;
    }
    Ok(())
}

/// Builds `pkg/wasm`, and leaves it alone if nothing changed since.
pub fn build(profile: Profile) -> Result<()> {
    let tools = Tools::open()?;
    tools.wasm_target()?;
    let bindgen = tools.wasm_bindgen()?;
    let optimizer = match profile {
        Profile::Release => Some((tools.node()?, tools.wasm_opt()?)),
        Profile::Debug => None,
    };
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
    if profile == Profile::Debug {
        bind.args(["--debug", "--keep-debug"]);
    }
    run(bind.arg(&compiled))?;
    if let Some((node, wasm_opt)) = optimizer {
        // Function names are a quarter of the file, and of use only to those who build it.
        let mut optimize = Command::new(node);
        optimize.arg(wasm_opt).args(FEATURES).args(PASSES);
        run(optimize.arg(wasm()).arg("-o").arg(wasm()))?;
        let script = out.join("gitside.js");
        let text = fs::read_to_string(&script).map_err(failed)?;
        fs::write(&script, without_docs(&text)).map_err(failed)?;
    }
    fs::write(&stamp, made_from).map_err(failed)
}

/// A script without what documents its functions: the crate and `gitside.d.ts` have it too.
fn without_docs(script: &str) -> String {
    let mut inside = false;
    let code = script.lines().filter(|line| {
        inside |= line.trim_start().starts_with("/**");
        let keep = !inside;
        inside &= !line.ends_with("*/");
        keep
    });
    code.flat_map(|line| [line, "\n"]).collect()
}

/// Prints what a page loads, the wasm and the JavaScript, and fails if it is over the budget. Answers
/// the sum in words.
pub fn weigh() -> Result<String> {
    let files = loaded()?;
    let node = Tools::open()?.node()?;
    let mut command = Command::new(node);
    command
        .args(["--input-type=module", "--eval", WEIGH, "--"])
        .args(&files);
    let weights = weights(&output(&mut command)?)?;
    let (wasm, scripts) = weights.split_first().ok_or("nothing was weighed")?;
    let scripts = sum(scripts);
    let all = sum(&[*wasm, scripts]);
    let mut said = String::from("what a page loads, in bytes     raw      gzip    brotli");
    for (what, weight) in [
        ("gitside_bg.wasm", *wasm),
        ("JavaScript", scripts),
        ("together", all),
        ("at most", budget(BUDGET)?),
    ] {
        let [raw, gzip, brotli] = weight;
        said += &format!("\n  {what:<22} {raw:>10} {gzip:>9} {brotli:>9}");
    }
    println!("{said}");
    let [raw, gzip, brotli] = all;
    let said = format!("a page loads {raw} bytes, {gzip} with gzip -9, {brotli} with brotli -11");
    if all.iter().zip(budget(BUDGET)?).any(|(weight, most)| *weight > most) {
        return Err(format!("{said}: that is over the budget in xtask/size-budget.txt"));
    }
    Ok(said)
}

/// The wasm, and all scripts of the package: the page and its Worker load each of them.
fn loaded() -> Result<Vec<PathBuf>> {
    let mut files = vec![wasm(), root().join("pkg/wasm/gitside.js")];
    let folder = root().join("pkg");
    let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
    for entry in fs::read_dir(&folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "js") {
            files.push(path);
        }
    }
    Ok(files)
}

/// Sizes in bytes: as it is, with gzip, with brotli.
type Weight = [u64; 3];

fn weights(lines: &str) -> Result<Vec<Weight>> {
    let weight = |line: &str| -> Option<Weight> {
        let numbers: Option<Vec<u64>> = line.split(' ').map(|number| number.parse().ok()).collect();
        numbers?.try_into().ok()
    };
    let all: Option<Vec<Weight>> = lines.lines().map(weight).collect();
    all.ok_or_else(|| format!("the weights are not three numbers a line: {lines:?}"))
}

fn sum(weights: &[Weight]) -> Weight {
    let zero = [0; 3];
    weights
        .iter()
        .fold(zero, |sum, weight| std::array::from_fn(|at| sum[at] + weight[at]))
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

fn budget(text: &str) -> Result<Weight> {
    let mut most = [0; 3];
    for (name, most) in ["raw", "gzip", "brotli"].into_iter().zip(&mut most) {
        let line = text
            .lines()
            .filter_map(|line| line.split_once(' '))
            .find(|(other, _)| *other == name);
        let (_, bytes) = line.ok_or_else(|| format!("xtask/size-budget.txt has no line '{name}'"))?;
        *most = bytes
            .trim()
            .parse()
            .map_err(|error| format!("xtask/size-budget.txt, {name}: {error}"))?;
    }
    Ok(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_loses_its_documentation_alone() {
        let script =
            "/* @ts-self-types */\n/**\n * What it does.\n */\nf(a /* b */);\n    /** One line. */\n    g(); // h\n";
        assert_eq!(
            without_docs(script),
            "/* @ts-self-types */\nf(a /* b */);\n    g(); // h\n"
        );
    }

    #[test]
    fn the_budget_names_all_weights() {
        let [raw, gzip, brotli] = budget(BUDGET).unwrap();
        assert!(raw > gzip && gzip > brotli);
        assert!(budget("raw 3\ngzip 2\n").unwrap_err().contains("'brotli'"));
        assert!(budget("raw 3\ngzip 2\nbrotli many\n").unwrap_err().contains("brotli:"));
    }

    #[test]
    fn weights_are_three_numbers_a_line() {
        assert_eq!(weights("30 20 10\n3 2 1\n").unwrap(), [[30, 20, 10], [3, 2, 1]]);
        assert_eq!(sum(&[[30, 20, 10], [3, 2, 1]]), [33, 22, 11]);
        assert!(weights("30 20\n").is_err());
        assert!(weights("30 20 ten\n").is_err());
    }
}
