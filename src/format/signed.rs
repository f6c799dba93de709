//! Signed commits and tags taken apart: what was signed, and the signature
//! (`parse_buffer_signed_by_header` in git's `commit.c`, `parse_signature` in `gpg-interface.c`).

use super::header::{Headers, unfold};
use super::tag::TagRef;

/// The bytes that a signature is over, and the signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    /// What was signed.
    pub payload: Vec<u8>,
    /// Armored; its last line ends in a newline.
    pub signature: Vec<u8>,
}

/// Of a commit's content: the header `gpgsig`, and everything else but signatures by other hash
/// algorithms. `None` if there is no signature.
pub fn commit(content: &[u8]) -> Option<Signed> {
    let mut payload = Vec::with_capacity(content.len());
    let mut signature = Vec::new();
    let mut rest = content;
    for header in Headers::new(content) {
        match header.name {
            b"gpgsig" => {
                signature.extend(unfold(header.value));
                signature.push(b'\n');
            }
            b"gpgsig-sha256" => {}
            _ => payload.extend_from_slice(header.raw),
        }
        rest = rest.get(header.raw.len()..).unwrap_or_default();
    }
    payload.extend_from_slice(rest);
    (!signature.is_empty()).then_some(Signed { payload, signature })
}

/// Of a tag's content: the signature at its end, and what is before it.
pub fn tag(content: &[u8]) -> Option<Signed> {
    let signature = TagRef::parse(content).ok()?.message().1?;
    let (payload, signature) = content.split_at_checked(content.len().checked_sub(signature.len())?)?;
    Some(Signed {
        payload: payload.to_vec(),
        signature: signature.to_vec(),
    })
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    const HEAD: &str = "tree 4b825dc642cb6eb9a060e54bf8d69288fbee4904\nauthor A <a> 1 +0000\n";
    const SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----\n\nabc\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn a_commit_is_taken_apart() {
        let folded = SIGNATURE.trim_end().replace('\n', "\n ");
        let other = "gpgsig-sha256 x\n y\n";
        let content = format!("{HEAD}gpgsig {folded}\n{other}mergetag z\n\ngpgsig no header\n");
        let signed = commit(content.as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&signed.signature), SIGNATURE);
        let payload = format!("{HEAD}mergetag z\n\ngpgsig no header\n");
        assert_eq!(String::from_utf8_lossy(&signed.payload), payload);
        assert_eq!(commit(payload.as_bytes()), None);
    }

    #[test]
    fn a_tag_is_taken_apart() {
        let payload =
            "object 4b825dc642cb6eb9a060e54bf8d69288fbee4904\ntype tree\ntag v\ntagger A <a> 1 +0000\n\nText\n";
        let signed = tag(format!("{payload}{SIGNATURE}").as_bytes()).unwrap();
        assert_eq!(String::from_utf8_lossy(&signed.payload), payload);
        assert_eq!(String::from_utf8_lossy(&signed.signature), SIGNATURE);
        assert_eq!(tag(payload.as_bytes()), None);
    }
}
