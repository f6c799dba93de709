//! gzip framing (RFC 1952) around a raw deflate stream, for request bodies. git compresses
//! bodies of more than 1024 bytes (`remote-curl.c`, `post_rpc`), and so do we where the header
//! that says so is allowed.
//!
//! ```text
//! 1f 8b 08 00  00000000  00 ff   deflate ...   CRC-32 (LE)   length mod 2^32 (LE)
//! ```

use crate::format::crc32::Crc32;

/// Bodies up to this many bytes are sent as they are.
pub(super) const THRESHOLD: usize = 1024;

/// zlib's default level.
const LEVEL: u8 = 6;

/// Compresses a body.
pub(super) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    out.extend(miniz_oxide::deflate::compress_to_vec(body, LEVEL));
    out.extend(Crc32::of(body).to_le_bytes());
    let length = u32::try_from(body.len() as u64 & 0xffff_ffff).unwrap_or(0);
    out.extend(length.to_le_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::process::{Command, Stdio};

    #[test]
    fn gzip_itself_unpacks_what_is_packed() {
        for body in [
            Vec::new(),
            b"0032want \n".repeat(500),
            (0..=255u8).cycle().take(70_000).collect(),
        ] {
            let mut child = Command::new("gzip")
                .arg("-dc")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let packed = gzip(&body);
            let mut input = child.stdin.take().unwrap();
            let writer = std::thread::spawn(move || input.write_all(&packed).unwrap());
            let output = child.wait_with_output().unwrap();
            writer.join().unwrap();
            assert!(output.status.success());
            assert_eq!(output.stdout, body);
        }
    }
}
