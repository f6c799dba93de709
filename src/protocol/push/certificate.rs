//! Push certificates: gitprotocol-pack(5), "Push Certificate" (`generate_push_cert` of git's
//! send-pack.c). The text is made here; whoever has the key signs it.
//!
//! ```text
//!   certificate version 0.1
//!   pusher <who> <seconds> <zone>
//!   pushee <url>
//!   nonce <nonce>                     what the server asked to be signed
//!   push-option <option>              for each
//!   (an empty line)
//!   <old> <new> <name>                for each command
//!   -----BEGIN … SIGNATURE-----       as the signer gave it
//! ```

use super::error::PushRequestError;
use super::request::Command;

/// git's `NONCE_LEN_LIMIT`: a nonce is shorter.
const NONCE_LIMIT: usize = 256;

/// What a certificate says.
#[derive(Clone, Copy, Debug)]
pub struct Certificate<'a> {
    /// Who pushes, and when: `Name <mail> 1700000000 +0000`, or a key's id in place of the name.
    pub pusher: &'a [u8],
    /// Where to, without userinfo; left out if empty.
    pub pushee: &'a str,
    /// What the server wants signed; left out if empty.
    pub nonce: &'a [u8],
    /// The push options.
    pub options: &'a [Vec<u8>],
    /// The commands.
    pub commands: &'a [Command],
}

/// A certificate with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedCertificate(Vec<u8>);

impl Certificate<'_> {
    /// The text to be signed. Refuses a nonce that could say something else than a nonce
    /// (`reject_invalid_nonce`), and anything with a line break in it.
    pub fn text(&self) -> Result<Vec<u8>, PushRequestError> {
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-./+=_".contains(byte);
        if self.nonce.len() >= NONCE_LIMIT || !self.nonce.iter().all(is_plain) {
            return Err(PushRequestError::BadNonce);
        }
        let breaks = |text: &[u8]| text.iter().any(|byte| matches!(byte, 0 | b'\n'));
        if breaks(self.pusher) || breaks(self.pushee.as_bytes()) {
            return Err(PushRequestError::BadPusher);
        }
        if self.options.iter().any(|option| breaks(option)) {
            return Err(PushRequestError::BadOption);
        }
        let mut text = b"certificate version 0.1\n".to_vec();
        let mut line = |name: &[u8], value: &[u8]| {
            text.extend_from_slice(name);
            text.extend_from_slice(value);
            text.push(b'\n');
        };
        line(b"pusher ", self.pusher);
        if !self.pushee.is_empty() {
            line(b"pushee ", self.pushee.as_bytes());
        }
        if !self.nonce.is_empty() {
            line(b"nonce ", self.nonce);
        }
        for option in self.options {
            line(b"push-option ", option);
        }
        line(b"", b"");
        for command in self.commands {
            line(b"", &command.line());
        }
        Ok(text)
    }
}

impl SignedCertificate {
    /// The text of [`Certificate::text`] and its armoured signature. Refused unless the signature
    /// begins as one that git knows: the server could not tell where the text ends.
    pub fn new(mut text: Vec<u8>, signature: &[u8]) -> Result<Self, PushRequestError> {
        const MARKS: [&[u8]; 4] = [
            b"-----BEGIN PGP SIGNATURE-----",
            b"-----BEGIN PGP MESSAGE-----",
            b"-----BEGIN SIGNED MESSAGE-----",
            b"-----BEGIN SSH SIGNATURE-----",
        ];
        if !MARKS.iter().any(|mark| signature.starts_with(mark)) {
            return Err(PushRequestError::BadSignature);
        }
        text.extend(signature.iter().filter(|byte| **byte != b'\r'));
        if text.last() != Some(&b'\n') {
            text.push(b'\n');
        }
        Ok(SignedCertificate(text))
    }

    /// The text and the signature.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::super::super::capability::V0Capabilities;
    use super::super::super::smart_http::Advertisement;
    use super::super::{PushOffer, PushRequest};
    use super::*;
    use crate::format::oid::ObjectId;
    use crate::format::refname::RefName;

    const SIGNATURE: &[u8] = b"-----BEGIN SSH SIGNATURE-----\r\nabc\r\n-----END SSH SIGNATURE-----";

    fn commands() -> Vec<Command> {
        vec![Command {
            name: RefName::new("refs/heads/a").unwrap(),
            old: None,
            new: Some(ObjectId::new([2; 20])),
        }]
    }

    fn certificate<'a>(commands: &'a [Command], options: &'a [Vec<u8>]) -> Certificate<'a> {
        Certificate {
            pusher: b"A U Thor <a@example.org> 1700000000 +0000",
            pushee: "https://example.org/a.git",
            nonce: b"1700000000-0123abcd",
            options,
            commands,
        }
    }

    #[test]
    fn the_text_is_what_git_signs() {
        let (commands, options) = (commands(), vec![b"o=1".to_vec()]);
        let text = certificate(&commands, &options).text().unwrap();
        let (zero, two) = ("00".repeat(20), "02".repeat(20));
        assert_eq!(
            String::from_utf8(text).unwrap(),
            format!(
                "certificate version 0.1\npusher A U Thor <a@example.org> 1700000000 +0000\n\
                 pushee https://example.org/a.git\nnonce 1700000000-0123abcd\npush-option o=1\n\n\
                 {zero} {two} refs/heads/a\n"
            )
        );
    }

    #[test]
    fn commands_are_in_the_certificate_alone_and_its_lines_keep_their_ends() {
        let (commands, options) = (commands(), vec![b"o=1".to_vec()]);
        let text = certificate(&commands, &options).text().unwrap();
        let request = PushRequest {
            certificate: Some(SignedCertificate::new(text, SIGNATURE).unwrap()),
            commands,
            options,
            ..PushRequest::default()
        };
        let offer = PushOffer::of(&Advertisement {
            capabilities: V0Capabilities::parse(b"report-status push-options push-cert=n"),
            ..Advertisement::default()
        });
        let body = String::from_utf8(request.write(&offer, "a").unwrap()).unwrap();
        assert!(
            body.starts_with("0029push-cert\0 report-status push-options001ccertificate version 0.1\n"),
            "{body}"
        );
        assert!(body.contains("\n0005\n0063"), "{body}");
        let end = "0022-----BEGIN SSH SIGNATURE-----\n0008abc\n0020-----END SSH SIGNATURE-----\n\
                   0012push-cert-end\n00000007o=10000";
        assert!(body.ends_with(end), "{body}");
        assert_eq!(body.matches("refs/heads/a").count(), 1);
    }

    #[test]
    fn a_nonce_that_could_be_something_else_is_not_signed() {
        let commands = commands();
        for (nonce, good) in [
            (&b""[..], true),
            (b"aZ09-./+=_", true),
            (&[b'x'; 255], true),
            (&[b'x'; 256], false),
            (b"a b", false),
            (b"a\nb", false),
            (b"a<b", false),
            (b"\xff", false),
        ] {
            let text = Certificate {
                nonce,
                ..certificate(&commands, &[])
            }
            .text();
            assert_eq!(text.is_ok(), good, "{}", nonce.escape_ascii());
            assert!(good || text == Err(PushRequestError::BadNonce));
        }
    }

    #[test]
    fn lines_cannot_be_smuggled_into_a_certificate() {
        let commands = commands();
        let with = |pusher: &'static [u8], pushee, option: &[u8]| {
            let options = [option.to_vec()];
            let certificate = Certificate {
                pusher,
                pushee,
                ..certificate(&commands, &options)
            };
            certificate.text()
        };
        assert_eq!(with(b"a\nnonce x", "", b""), Err(PushRequestError::BadPusher));
        assert_eq!(with(b"a", "http://x/\n", b""), Err(PushRequestError::BadPusher));
        assert_eq!(with(b"a", "", b"x\ny"), Err(PushRequestError::BadOption));
        for signature in [&b""[..], b"\n-----BEGIN SSH SIGNATURE-----", b"signed!"] {
            assert_eq!(
                SignedCertificate::new(Vec::new(), signature),
                Err(PushRequestError::BadSignature)
            );
        }
    }
}
