//! `cargo xtask bench repositories`: the repositories that the benchmarks clone, from a seed.

use std::process::Command;

use crate::sh::{cargo, output, run};
use crate::{Result, target};

/// The sizes that are made unless told otherwise, in objects.
const SIZES: [&str; 4] = ["1000", "50000", "250000", "1000000"];
/// The seed of those whose figures are told.
const SEED: &str = "1";

/// `cargo xtask bench repositories [--seed N] [SIZE…]`
pub fn command(arguments: &[String]) -> Result<()> {
    let (seed, sizes) = match arguments {
        [flag, seed, sizes @ ..] if flag == "--seed" => (seed.as_str(), sizes),
        sizes => (SEED, sizes),
    };
    let all = SIZES.map(str::to_owned);
    let sizes = if sizes.is_empty() { &all[..] } else { sizes };
    for (path, shape) in make(seed, sizes)? {
        println!("{path}\n  {shape}");
    }
    Ok(())
}

/// Makes those that are not there yet, and answers the path and the shape of each.
pub fn make(seed: &str, sizes: &[String]) -> Result<Vec<(String, String)>> {
    run(cargo().args(["build", "--quiet", "--package", "gitside-server"]))?;
    let program = target()
        .join("debug/gitside-project")
        .with_extension(std::env::consts::EXE_EXTENSION);
    let folder = target().join("bench-repositories");
    let mut make = Command::new(program);
    let told = output(make.args(["--seed", seed]).arg(folder).args(sizes))?;
    Ok(told
        .lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(path, shape)| (path.to_owned(), shape.to_owned()))
        .collect())
}
