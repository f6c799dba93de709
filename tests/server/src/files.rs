//! Static files: MIME types that browsers accept for modules and wasm, no caching, nothing outside
//! the folder by way of `..`.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::auth::Auth;
use crate::cors::Cors;
use crate::reply::Reply;
use crate::server::Common;

/// A folder of static files.
pub struct Files {
    pub(crate) common: Common,
    root: PathBuf,
    headers: Vec<(String, String)>,
}

impl Files {
    /// Serves `root` under the path `prefix`. A folder is answered with its `index.html`. Where `root`
    /// is a file, it is the answer to `prefix` itself.
    pub fn at(prefix: &str, root: impl AsRef<Path>) -> Files {
        Files {
            common: Common::new(prefix),
            root: root.as_ref().to_owned(),
            headers: Vec::new(),
        }
    }

    /// What other origins may ask.
    pub fn cors(mut self, cors: Cors) -> Files {
        self.common.cors = cors;
        self
    }

    /// Asks for a login.
    pub fn auth(mut self, auth: Auth) -> Files {
        self.common.auth = Some(auth);
        self
    }

    /// A header of every answer, as Content-Security-Policy or Cross-Origin-Opener-Policy.
    pub fn header(mut self, name: &str, value: &str) -> Files {
        self.headers.push((name.to_ascii_lowercase(), value.to_owned()));
        self
    }

    /// Answers a GET or HEAD for the path below the prefix.
    pub(crate) fn answer(&self, method: &str, path: &str) -> Reply {
        let mut reply = if matches!(method, "GET" | "HEAD") {
            self.read(path)
        } else {
            Reply::text(405, "only GET\n").header("allow", "GET, HEAD, OPTIONS")
        };
        reply = reply
            .header("cache-control", "no-store")
            .header("x-content-type-options", "nosniff");
        reply.headers.extend(self.headers.iter().cloned());
        reply
    }

    fn read(&self, path: &str) -> Reply {
        let Some(relative) = safe_path(path) else {
            return Reply::text(400, "not a path\n");
        };
        // Joining nothing would add a slash, which is wrong where the root is a file.
        let mut file = if relative.as_os_str().is_empty() {
            self.root.clone()
        } else {
            self.root.join(relative)
        };
        if file.is_dir() {
            if !path.is_empty() && !path.ends_with('/') {
                let name = path.rsplit('/').next().unwrap_or_default();
                return Reply::text(301, "").header("location", &format!("{name}/"));
            }
            file.push("index.html");
        }
        match std::fs::read(&file) {
            Ok(bytes) => Reply::typed(200, content_type(&file), bytes),
            Err(_) => Reply::text(404, "no such file\n"),
        }
    }
}

/// The path as a relative path without tricks, or nothing.
fn safe_path(path: &str) -> Option<PathBuf> {
    let decoded = percent_decode_str(path).decode_utf8().ok()?;
    let mut safe = PathBuf::new();
    for part in decoded.split('/').filter(|part| !part.is_empty()) {
        if part == "." || part == ".." || part.contains(['\\', '\0']) {
            return None;
        }
        safe.push(part);
    }
    Some(safe)
}

fn content_type(path: &Path) -> &'static str {
    match path.extension().and_then(|e| e.to_str()).unwrap_or_default() {
        "html" | "htm" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "txt" | "md" | "ts" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_cannot_leave_its_folder() {
        for path in [
            "../a",
            "a/../../b",
            "%2e%2e/a",
            "a/%2E%2e/b",
            "..%2fa",
            "a\\..\\b",
            "%00",
            "./a",
            "%ff",
        ] {
            assert_eq!(safe_path(path), None, "{path}");
        }
        assert_eq!(safe_path("a//b%20c/ü..x"), Some(PathBuf::from("a/b c/ü..x")));
        assert_eq!(safe_path(""), Some(PathBuf::new()));
    }

    #[test]
    fn modules_and_wasm_have_types_that_browsers_accept() {
        let of = |name: &str| content_type(Path::new(name));
        assert_eq!(of("a/x.mjs"), "text/javascript; charset=utf-8");
        assert_eq!(of("x_bg.wasm"), "application/wasm");
        assert_eq!(of("x.svg"), "image/svg+xml");
        assert_eq!(of("LICENSE"), "application/octet-stream");
    }
}
