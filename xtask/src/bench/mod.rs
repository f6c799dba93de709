//! `cargo xtask bench`: gitside in headless Chromium beside native git and other browser clients,
//! with the same server. The measuring is done by `benches/browser/*.mjs`, see `benches/README.md`.

mod repositories;

use std::process::Command;

use crate::build::{Profile, build};
use crate::serve::server;
use crate::sh::run;
use crate::tools::Tools;
use crate::{Result, root};

/// What has a benchmark of its own, with more cases than the suite.
const ALONE: [&str; 2] = ["fetch", "push"];

/// Runs the suite, or the benchmark that is named first.
pub fn bench(arguments: &[String]) -> Result<()> {
    let (script, options) = match arguments.split_first() {
        Some((name, rest)) if name == "repositories" => return repositories::command(rest),
        Some((name, rest)) if ALONE.contains(&name.as_str()) => (name.as_str(), rest),
        Some((name, _)) if !name.starts_with('-') => {
            return Err(format!(
                "there is no benchmark '{name}'. There is: repositories, {}, and all of it without a name",
                ALONE.join(", ")
            ));
        }
        _ => ("bench", arguments),
    };
    let tools = Tools::open()?;
    let (node, chrome) = (tools.node()?, tools.chrome()?);
    if options.iter().any(|option| option.starts_with("--peers")) {
        tools.packages("benches")?;
    }
    drop(tools);
    // Options can be asked for without the minutes that an optimised build takes.
    if !options.iter().any(|option| option == "--help") {
        build(Profile::Release)?;
    }
    let (server, generator, folder) = (server()?, repositories::generator()?, repositories::folder());
    let mut command = Command::new(node);
    command
        .current_dir(root())
        .arg(format!("benches/browser/{script}.mjs"))
        .args(options)
        .env("CHROME", chrome)
        .env("GITSIDE_SERVER", server)
        .env("GITSIDE_PROJECT", generator)
        .env("GITSIDE_PROJECTS", folder);
    run(&mut command)
}
