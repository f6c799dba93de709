//! Push requests, up to the pack: the first half of `send_pack` of git's send-pack.c.

use std::collections::HashSet;

use super::super::ls_refs::clean_agent;
use super::super::pkt_line::Encoder;
use super::certificate::SignedCertificate;
use super::error::PushRequestError;
use super::offer::{PushOffer, ReportVersion};
use crate::format::oid::ObjectId;
use crate::format::refname::RefName;

/// The smallest request: it asks for nothing and is answered with nothing. Sent before a large
/// one, so that what the server wants of every request (a login) is found out before the upload
/// (`probe_rpc` of git's remote-curl.c).
pub const PROBE: &[u8] = b"0000";

/// One ref to be changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The server's ref.
    pub name: RefName,
    /// What the server said it holds; `None`: there is none. The server compares.
    pub old: Option<ObjectId>,
    /// What it shall hold; `None`: it shall be deleted.
    pub new: Option<ObjectId>,
}

impl Command {
    /// `<old> SP <new> SP <name>`.
    pub(super) fn line(&self) -> Vec<u8> {
        let hex = |oid: Option<ObjectId>| oid.unwrap_or(ObjectId::NULL).to_hex();
        let (old, new) = (hex(self.old), hex(self.new));
        [old.as_bytes(), b" ", new.as_bytes(), b" ", self.name.as_bytes()].concat()
    }
}

/// What to ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushRequest {
    /// What to change, one command for a ref.
    pub commands: Vec<Command>,
    /// The commits at which the history ends here. Every one must be told.
    pub shallow: Vec<ObjectId>,
    /// All commands or none.
    pub atomic: bool,
    /// Texts for the server's hooks.
    pub options: Vec<Vec<u8>>,
    /// The same commands and options, signed: see [`PushRequest::certificate`](Self::certificate).
    pub certificate: Option<SignedCertificate>,
}

impl PushRequest {
    /// Whether a pack follows, even one without objects: not if every command deletes.
    pub fn needs_pack(&self) -> bool {
        self.commands.iter().any(|command| command.new.is_some())
    }

    /// Whether the server can do what is asked for.
    pub fn check(&self, offer: &PushOffer) -> Result<(), PushRequestError> {
        if self.commands.is_empty() {
            return Err(PushRequestError::NothingToSend);
        }
        let mut names = HashSet::new();
        for command in &self.commands {
            if !names.insert(&command.name) {
                return Err(PushRequestError::Doubled(command.name.clone()));
            }
        }
        let deletes = self.commands.iter().any(|command| command.new.is_none());
        for (wanted, offered, capability) in [
            (deletes, offer.delete_refs, "delete-refs"),
            (self.atomic, offer.atomic, "atomic"),
            (!self.options.is_empty(), offer.push_options, "push-options"),
            (self.certificate.is_some(), offer.push_cert.is_some(), "push-cert"),
        ] {
            if wanted && !offered {
                return Err(PushRequestError::MissingCapability(capability));
            }
        }
        let unsendable = |option: &Vec<u8>| option.iter().any(|byte| matches!(byte, 0 | b'\n'));
        if self.options.iter().any(unsendable) {
            return Err(PushRequestError::BadOption);
        }
        Ok(())
    }

    /// Everything that comes before the pack. `agent` is what we call ourselves.
    pub fn write(&self, offer: &PushOffer, agent: &str) -> Result<Vec<u8>, PushRequestError> {
        self.check(offer)?;
        let mut body = Encoder::new();
        for oid in &self.shallow {
            body.data(format!("shallow {oid}").as_bytes())?;
        }
        let capabilities = self.capabilities(offer, agent);
        match &self.certificate {
            Some(certificate) => {
                body.data(&[b"push-cert\0", capabilities.as_slice()].concat())?;
                for line in certificate.as_bytes().split_inclusive(|byte| *byte == b'\n') {
                    body.data(line)?;
                }
                body.data(b"push-cert-end\n")?;
            }
            None => {
                for (index, command) in self.commands.iter().enumerate() {
                    let mut line = command.line();
                    if index == 0 {
                        line.push(0);
                        line.extend_from_slice(&capabilities);
                    }
                    body.data(&line)?;
                }
            }
        }
        body.flush();
        if !self.options.is_empty() {
            for option in &self.options {
                body.data(option)?;
            }
            body.flush();
        }
        Ok(body.into_bytes())
    }

    /// In git's order, each with a space before it.
    fn capabilities(&self, offer: &PushOffer, agent: &str) -> Vec<u8> {
        let mut words = Vec::new();
        let mut add = |asked: bool, word: &[u8]| {
            if asked {
                words.push(b' ');
                words.extend_from_slice(word);
            }
        };
        add(offer.report == Some(ReportVersion::V1), b"report-status");
        add(offer.report == Some(ReportVersion::V2), b"report-status-v2");
        add(offer.sideband, b"side-band-64k");
        add(self.atomic, b"atomic");
        add(!self.options.is_empty(), b"push-options");
        add(offer.object_format, b"object-format=sha1");
        add(offer.agent, &[b"agent=", clean_agent(agent).as_slice()].concat());
        words
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::super::super::capability::V0Capabilities;
    use super::super::super::smart_http::Advertisement;
    use super::*;

    const REAL: &str = "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta \
                        push-options object-format=sha1 agent=git/2.47.3";

    fn offer(capabilities: &str) -> PushOffer {
        PushOffer::of(&Advertisement {
            capabilities: V0Capabilities::parse(capabilities.as_bytes()),
            ..Advertisement::default()
        })
    }

    fn oid(byte: u8) -> ObjectId {
        ObjectId::new([byte; 20])
    }

    fn command(name: &str, old: Option<u8>, new: Option<u8>) -> Command {
        Command {
            name: RefName::new(name).unwrap(),
            old: old.map(oid),
            new: new.map(oid),
        }
    }

    fn written(request: &PushRequest, capabilities: &str) -> String {
        let bytes = request.write(&offer(capabilities), "gitside/0 (test)").unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn commands_carry_the_capabilities_once_and_the_old_value_always() {
        let request = PushRequest {
            commands: vec![
                command("refs/heads/a", Some(1), Some(2)),
                command("refs/heads/b", None, Some(2)),
                command("refs/heads/c", Some(1), None),
            ],
            shallow: vec![oid(9)],
            ..PushRequest::default()
        };
        let (one, two, nine, zero) = ("01".repeat(20), "02".repeat(20), "09".repeat(20), "00".repeat(20));
        let caps = " report-status-v2 side-band-64k object-format=sha1 agent=gitside/0.(test)";
        assert_eq!(
            written(&request, REAL),
            format!(
                "0034shallow {nine}00ac{one} {two} refs/heads/a\0{caps}0062{zero} {two} refs/heads/b0062{one} {zero} refs/heads/c0000"
            )
        );
        assert!(request.needs_pack());
    }

    #[test]
    fn only_what_was_advertised_is_asked_for() {
        let request = PushRequest {
            commands: vec![command("refs/heads/a", None, Some(2))],
            ..PushRequest::default()
        };
        for (offered, expected) in [
            ("", ""),
            ("report-status", " report-status"),
            ("report-status-v2 report-status", " report-status-v2"),
            ("xreport-status side-band quiet session-id=1", ""),
            ("side-band-64k", " side-band-64k"),
            ("agent=x", " agent=gitside/0.(test)"),
            ("object-format=sha1", " object-format=sha1"),
            ("atomic push-options delete-refs ofs-delta no-thin push-cert=n", ""),
        ] {
            let text = written(&request, offered);
            let (_, words) = text.split_once('\0').unwrap();
            assert_eq!(words.strip_suffix("0000").unwrap(), expected, "{offered}");
        }
    }

    #[test]
    fn push_options_come_after_the_commands_with_a_flush_of_their_own() {
        let request = PushRequest {
            commands: vec![command("refs/heads/a", None, Some(2))],
            options: vec![b"ci.skip".to_vec(), b"title=\"a b\"".to_vec(), Vec::new()],
            atomic: true,
            ..PushRequest::default()
        };
        let text = written(&request, REAL);
        assert!(text.contains(" atomic push-options "), "{text}");
        assert!(text.ends_with("0000000bci.skip000ftitle=\"a b\"00040000"), "{text}");
    }

    #[test]
    fn what_the_server_cannot_do_is_refused_before_it_is_sent() {
        let one = |new| vec![command("refs/heads/a", Some(1), new)];
        let check = |request: PushRequest, capabilities: &str, expected: PushRequestError| {
            assert_eq!(
                request.write(&offer(capabilities), "a"),
                Err(expected),
                "{capabilities}"
            );
        };
        let lacks = PushRequestError::MissingCapability;
        check(PushRequest::default(), REAL, PushRequestError::NothingToSend);
        let commands = one(None);
        check(
            PushRequest {
                commands,
                ..PushRequest::default()
            },
            "report-status",
            lacks("delete-refs"),
        );
        let (commands, atomic) = (one(Some(2)), true);
        check(
            PushRequest {
                commands,
                atomic,
                ..PushRequest::default()
            },
            "atomicx",
            lacks("atomic"),
        );
        let (commands, options) = (one(Some(2)), vec![b"o".to_vec()]);
        check(
            PushRequest {
                commands,
                options,
                ..PushRequest::default()
            },
            "",
            lacks("push-options"),
        );
        for bad in [&b"a\nb"[..], b"a\0b"] {
            let (commands, options) = (one(Some(2)), vec![bad.to_vec()]);
            check(
                PushRequest {
                    commands,
                    options,
                    ..PushRequest::default()
                },
                REAL,
                PushRequestError::BadOption,
            );
        }
        let (commands, options) = (one(Some(2)), vec![vec![b'x'; 65517]]);
        check(
            PushRequest {
                commands,
                options,
                ..PushRequest::default()
            },
            REAL,
            PushRequestError::TooLong,
        );
        let commands = [one(Some(2)), one(None)].concat();
        let doubled = PushRequestError::Doubled(RefName::new("refs/heads/a").unwrap());
        check(
            PushRequest {
                commands,
                ..PushRequest::default()
            },
            REAL,
            doubled,
        );
    }

    #[test]
    fn deletions_alone_need_no_pack() {
        let mut request = PushRequest {
            commands: vec![command("refs/heads/a", Some(1), None)],
            ..PushRequest::default()
        };
        assert!(!request.needs_pack());
        assert!(written(&request, REAL).ends_with("0000"));
        request.commands.push(command("refs/heads/b", None, Some(1)));
        assert!(request.needs_pack());
    }
}
