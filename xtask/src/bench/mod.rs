//! `cargo xtask bench NAME`: gitside in headless Chromium beside git, with the same server, in
//! interleaved pairs. The measuring is done by `benches/browser/NAME.mjs`.

mod repositories;

use std::process::Command;

use crate::build::{Profile, build};
use crate::serve::server;
use crate::sh::run;
use crate::tools::Tools;
use crate::{Result, root};

/// What there is.
const BENCHMARKS: &[&str] = &["clone", "fetch", "push"];

/// Runs a benchmark by name.
pub fn bench(arguments: &[String]) -> Result<()> {
    let there_is = format!("There is: {}", BENCHMARKS.join(", "));
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => return Err(format!("which one? {there_is}")),
    };
    if name == "repositories" {
        return repositories::command(rest);
    }
    if !BENCHMARKS.contains(&name) {
        return Err(format!("there is no benchmark '{name}'. {there_is}"));
    }
    let tools = Tools::open()?;
    let (node, chrome) = (tools.node()?, tools.chrome()?);
    drop(tools);
    build(Profile::Release)?;
    let mut command = Command::new(node);
    command.current_dir(root());
    command.arg(format!("benches/browser/{name}.mjs")).args(rest);
    run(command.env("CHROME", chrome).env("GITSIDE_SERVER", server()?))
}
