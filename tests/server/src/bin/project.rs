//! Makes repositories of given sizes, see `repos::project`, and keeps them: one that was made before
//! is not made again. Prints the path and the shape of each, which its description tells too.

#[cfg(not(target_arch = "wasm32"))]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    use gitside_server::repos::{self, Shape};
    use lexopt::prelude::*;

    const USAGE: &str = "gitside-project [--seed N] FOLDER OBJECTS…";
    let (mut seed, mut values) = (1, Vec::new());
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next()? {
        match argument {
            Long("seed") => seed = parser.value()?.parse()?,
            Value(given) => values.push(given),
            Long("help") | Short('h') => {
                println!("{USAGE}");
                return Ok(());
            }
            _ => return Err(argument.unexpected().into()),
        }
    }
    let (folder, sizes) = values.split_first().ok_or(USAGE)?;
    let folder = std::path::Path::new(folder);
    std::fs::create_dir_all(folder)?;
    for size in sizes {
        let objects: u64 = size.parse()?;
        let path = folder.join(format!("v{}-seed{seed}-{objects}.git", repos::PROJECT_VERSION));
        if !path.exists() {
            // It gets its name when it is whole.
            let unfinished = tempfile::Builder::new().prefix("unfinished-").tempdir_in(folder)?;
            let repo = repos::project(unfinished.path(), objects, seed)?;
            repos::pack(&repo)?;
            std::fs::write(repo.path().join("description"), format!("{}\n", Shape::of(&repo)?))?;
            std::fs::rename(unfinished.keep(), &path)?;
        }
        let shape = std::fs::read_to_string(path.join("description"))?;
        println!("{}\t{}", path.display(), shape.trim_end());
    }
    Ok(())
}

#[cfg(target_arch = "wasm32")]
fn main() {}
