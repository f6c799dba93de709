//! Push certificates: the caller signs what is pushed where, once, under the server's nonce
//! (git-push(1), `--signed`).

use std::rc::Rc;

use crate::error::{Code, GitError, Outcome, Stage};
use crate::format::reflog::Who;
use crate::host::Async;
use crate::ops::remote::Session;
use crate::protocol::push::{Certificate, PushRequest, PushRequestError, SignedCertificate};
use crate::task::{Event, Task};

/// Signs a text: answers the armoured signature, or `None` to give up.
pub type AskSignature = Rc<dyn Fn(Vec<u8>) -> Async<'static, Option<Vec<u8>>>>;

/// Who signs a push certificate, and whether there must be one.
#[derive(Clone)]
pub struct Sign {
    /// Gives the signature.
    pub sign: AskSignature,
    /// When.
    pub when: Signing,
}

/// When a push is signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signing {
    /// Always; a server that takes no certificates is an error.
    #[default]
    Always,
    /// Where the server takes certificates.
    IfAsked,
}

/// Adds the certificate that `sign` asks for.
pub(super) async fn sign(
    task: &Task,
    session: &Session,
    request: &mut PushRequest,
    sign: &Sign,
    who: &Who,
) -> Outcome<()> {
    let Some(nonce) = session.push_offer().push_cert else {
        return match sign.when {
            Signing::Always => Err(session.push_request_fault(&PushRequestError::MissingCapability("push-cert"))),
            Signing::IfAsked => {
                let warning = "not sending a push certificate since the receiving end does not support signed pushes";
                task.tell(Event::Warning(warning.to_owned()));
                Ok(())
            }
        };
    };
    if who.name.is_empty() || who.email.is_empty() {
        let message = "a push certificate names who pushes, and nobody is configured";
        return Err(GitError::new(Code::Unsupported, Stage::Request, message)
            .with_hint("set user.name and user.email in the repository's configuration")
            .into());
    }
    let time = who.time.to_string();
    let pusher = [
        who.name.as_slice(),
        b" <",
        &who.email,
        b"> ",
        time.as_bytes(),
        b" ",
        &who.tz,
    ];
    let text = Certificate {
        pusher: &pusher.concat(),
        pushee: &session.url(),
        nonce: &nonce,
        options: &request.options,
        commands: &request.commands,
    }
    .text()
    .map_err(|error| session.push_request_fault(&error))?;
    let Some(signature) = task.race((sign.sign)(text.clone())).await? else {
        let message = "the push certificate was not signed";
        return Err(GitError::new(Code::PushRejectedLocal, Stage::Request, message).into());
    };
    let signed = SignedCertificate::new(text, &signature);
    request.certificate = Some(signed.map_err(|error| session.push_request_fault(&error))?);
    Ok(())
}
