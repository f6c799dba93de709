//! `cargo xtask bench repositories`: the repositories that the benchmarks clone, from a seed.

use std::path::PathBuf;
use std::process::Command;

use crate::sh::{cargo, run};
use crate::{Result, target};

/// The sizes that are made unless told otherwise, in objects.
const SIZES: [&str; 4] = ["1000", "50000", "250000", "1000000"];

/// Makes those that are not there yet, and says where each is and what it is like.
pub fn command(arguments: &[String]) -> Result<()> {
    let (seed, sizes) = match arguments {
        [flag, seed, sizes @ ..] if flag == "--seed" => (seed.as_str(), sizes),
        sizes => ("1", sizes),
    };
    let mut make = Command::new(generator()?);
    make.args(["--seed", seed]).arg(folder());
    if sizes.is_empty() {
        make.args(SIZES);
    } else {
        make.args(sizes);
    }
    run(&mut make)
}

/// The program that makes them, built if need be.
pub fn generator() -> Result<PathBuf> {
    run(cargo().args(["build", "--package", "gitside-server", "--bin", "gitside-project"]))?;
    Ok(target()
        .join("debug")
        .join("gitside-project")
        .with_extension(std::env::consts::EXE_EXTENSION))
}

/// Where they are kept.
pub fn folder() -> PathBuf {
    target().join("bench-repositories")
}
