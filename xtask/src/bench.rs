//! `cargo xtask bench clone`: a clone in headless Chromium beside `git clone --bare` from the same
//! server, in interleaved pairs. The measuring is done by `benches/browser/clone.mjs`.

use std::process::Command;

use crate::build::{Profile, build};
use crate::serve::server;
use crate::sh::run;
use crate::tools::Tools;
use crate::{Result, root};

/// Runs a benchmark by name.
pub fn bench(arguments: &[String]) -> Result<()> {
    let (name, rest) = match arguments.split_first() {
        Some((name, rest)) => (name.as_str(), rest),
        None => return Err("which one? There is: clone".into()),
    };
    if name != "clone" {
        return Err(format!("there is no benchmark '{name}'. There is: clone"));
    }
    let tools = Tools::open()?;
    let (node, chrome) = (tools.node()?, tools.chrome()?);
    drop(tools);
    build(Profile::Release)?;
    let mut command = Command::new(node);
    command.current_dir(root()).arg("benches/browser/clone.mjs").args(rest);
    run(command.env("CHROME", chrome).env("GITSIDE_SERVER", server()?))
}
