//! The commits of a pack, for whoever reads all of them: in the order of the pack, which has them
//! next to each other.

use super::{Object, Odb};
use crate::format::object::Kind;
use crate::format::oid::ObjectId;
use crate::store::error::StoreError;
use crate::store::pack_store::LivePack;

impl Odb {
    /// Those that a block of the index lists, and the offsets of their entries; `None` behind the last
    /// block. Fails with [`StoreError::Replaced`] if the pack was replaced by another one.
    pub(crate) async fn commits_of(
        &self,
        pack: &LivePack,
        block: u32,
    ) -> Result<Option<Vec<(ObjectId, u64)>>, StoreError> {
        let first = block.checked_mul(pack.block_entries);
        if first.is_none_or(|first| first >= pack.objects) {
            return Ok(None);
        }
        let blocks = self.replaced(pack.id, self.block_rows(&[(*pack, block)]).await).await?;
        let entries = blocks.iter().flat_map(|block| block.entries());
        let commits = entries.filter(|entry| entry.kind == Kind::Commit);
        Ok(Some(commits.map(|entry| (entry.oid, entry.offset)).collect()))
    }

    /// Reads some of them, in the order asked. Fails as [`Odb::commits_of`] does.
    pub(crate) async fn read_commits(
        &self,
        pack: &LivePack,
        commits: &[(ObjectId, u64)],
    ) -> Result<Vec<Object>, StoreError> {
        self.replaced(pack.id, self.read_entries(pack, commits).await).await
    }
}
