//! What a server that can be pushed to offers: the capabilities of its advertisement.

use super::super::capability::ObjectFormat;
use super::super::smart_http::Advertisement;

/// How a server reports what became of the commands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportVersion {
    /// `report-status`: a line for each command.
    V1,
    /// `report-status-v2`: and option lines, where a hook did something else than was asked for.
    V2,
}

/// What of a server's capabilities matters to a push. Only what is here is ever asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushOffer {
    /// For the `Git-Protocol` header.
    pub git_protocol: Option<&'static str>,
    /// How it reports; `None`: not at all.
    pub report: Option<ReportVersion>,
    /// It sends the report, and what hooks say, in a side-band.
    pub sideband: bool,
    /// Refs may be deleted.
    pub delete_refs: bool,
    /// Offset deltas.
    pub ofs_delta: bool,
    /// Thin packs; servers say where they are not taken (`no-thin`).
    pub thin_pack: bool,
    /// All commands or none.
    pub atomic: bool,
    /// Push options.
    pub push_options: bool,
    /// It names its own agent, and may be told ours.
    pub agent: bool,
    /// It names its object format, and may be told ours.
    pub object_format: bool,
    /// It takes push certificates with this nonce, which may be empty and is not checked yet.
    pub push_cert: Option<Vec<u8>>,
}

impl PushOffer {
    /// What a server offers.
    pub fn of(advertisement: &Advertisement) -> Self {
        let capabilities = &advertisement.capabilities;
        let has = |key| capabilities.has(key);
        PushOffer {
            git_protocol: advertisement.is_version_1.then_some("version=1"),
            report: match (has("report-status-v2"), has("report-status")) {
                (true, _) => Some(ReportVersion::V2),
                (false, true) => Some(ReportVersion::V1),
                (false, false) => None,
            },
            sideband: has("side-band-64k"),
            delete_refs: has("delete-refs"),
            ofs_delta: has("ofs-delta"),
            thin_pack: !has("no-thin"),
            atomic: has("atomic"),
            push_options: has("push-options"),
            agent: has("agent"),
            object_format: has("object-format") && capabilities.object_format() == ObjectFormat::Sha1,
            push_cert: has("push-cert").then(|| capabilities.value("push-cert").unwrap_or_default().to_vec()),
        }
    }
}
