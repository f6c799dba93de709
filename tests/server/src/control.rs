//! The server's own switches over HTTP, for tests that are not written in Rust. Only where the
//! builder asked for it, without CORS (so that no page of another origin can use it), and not in
//! the log.
//!
//! | request | answer |
//! |---|---|
//! | `GET /__control/log` | all entries, as JSON |
//! | `DELETE /__control/log` | 204; the log is empty |
//! | `POST /__control/faults` with `{"when": {…}, "fault": {"kind": …}}` | `{"id": …}` |
//! | `DELETE /__control/faults` | 204; no fault is set |
//! | `DELETE /__control/faults/<id>` | 204; this one is gone |

use serde::Deserialize;

use crate::fault::{Fault, FaultId, Faults};
use crate::log::Log;
use crate::reply::Reply;
use crate::when::When;

pub(crate) const PREFIX: &str = "/__control/";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFault {
    #[serde(default)]
    when: When,
    fault: Fault,
}

/// Answers a request for the path below the prefix.
pub(crate) fn answer(log: &Log, faults: &Faults, method: &str, below: &str, body: &[u8]) -> Reply {
    match (method, below) {
        ("GET", "log") => json(&log.entries()),
        ("DELETE", "log") => {
            log.clear();
            Reply::status(204)
        }
        ("POST", "faults") => match serde_json::from_slice::<SetFault>(body) {
            Ok(set) => json(&serde_json::json!({ "id": faults.add(set.when, set.fault) })),
            Err(error) => Reply::text(400, &format!("{error}\n")),
        },
        ("DELETE", "faults") => {
            faults.clear();
            Reply::status(204)
        }
        ("DELETE", _) => match below.strip_prefix("faults/").and_then(|id| id.parse().ok()) {
            Some(id) => {
                faults.remove(FaultId(id));
                Reply::status(204)
            }
            None => Reply::status(404),
        },
        _ => Reply::status(404),
    }
}

fn json(value: &impl serde::Serialize) -> Reply {
    match serde_json::to_vec(value) {
        Ok(bytes) => Reply::typed(200, "application/json", bytes).header("cache-control", "no-store"),
        Err(error) => Reply::text(500, &format!("{error}\n")),
    }
}
