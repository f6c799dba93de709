//! The abbreviated ids that git shows (`repo_find_unique_abbrev` with `core.abbrev=auto`).

use crate::error::{Outcome, Stage};
use crate::format::oid::{OID_HEX_LEN, ObjectId};
use crate::ops::Repository;
use crate::ops::fault::At;
use crate::task::Task;

/// The fewest digits (`FALLBACK_DEFAULT_ABBREV`).
const FEWEST: usize = 7;

/// So many digits of an id that no other stored object's starts with them, and as many more as git
/// takes for a repository of that size.
pub(crate) async fn abbreviate(task: &Task, repo: &Repository, oid: &ObjectId) -> Outcome<String> {
    let objects = task.race(repo.meta.stats()).await?.at(Stage::Read)?.objects;
    let hex = oid.to_hex();
    for digits in fewest(objects)..OID_HEX_LEN {
        let prefix = hex.get(..digits).unwrap_or(&hex);
        let found = task.race(repo.odb.expand(prefix, 2)).await?.at(Stage::Read)?;
        if found.iter().all(|found| found == oid) {
            return Ok(prefix.to_owned());
        }
    }
    Ok(hex)
}

/// With as many digits, two of so many objects are unlikely to start alike.
fn fewest(objects: u64) -> usize {
    let bits = u64::BITS - objects.leading_zeros();
    let digits = usize::try_from(bits.div_ceil(2)).unwrap_or(OID_HEX_LEN);
    digits.clamp(FEWEST, OID_HEX_LEN)
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn large_repositories_have_longer_abbreviations() {
        for (objects, digits) in [(0, 7), (1 << 13, 7), ((1 << 14) - 1, 7), (1 << 14, 8), (1 << 16, 9)] {
            assert_eq!(fewest(objects), digits, "{objects}");
        }
    }
}
