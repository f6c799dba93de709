//! No secret leaves by any channel, however a call fails and however the server writes back what
//! it was sent. The channels: the error with all its data, warnings and messages, questions for a
//! login, and the trace.

use std::cell::RefCell;
use std::rc::Rc;

use gitside::host::Request;
use gitside::ops::remote::{CorsProxy, Credentials, FetchRequest, Options, TraceEvent, TraceKind};

use crate::mock::*;

/// With a byte that URLs, headers and base64 each write differently.
const CANARY: &str = "S3CR3T/canary+1";
const PAGE: &str = "https://page.example";
const PROXY: &str = "https://proxy.example/K3Y-of-the-proxy/";

#[derive(Clone, Copy, Debug, PartialEq)]
enum Carries {
    Url,
    UrlToken,
    Basic,
    Bearer,
    Raw,
    Header,
    AuthorizationHeader,
}

const CARRIERS: [Carries; 7] = [
    Carries::Url,
    Carries::UrlToken,
    Carries::Basic,
    Carries::Bearer,
    Carries::Raw,
    Carries::Header,
    Carries::AuthorizationHeader,
];

/// Base64 as RFC 4648 has it; the test's own.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let word = group.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..=group.len() {
            text.push(char::from(DIGITS[(word >> (18 - 6 * place) & 63) as usize]));
        }
    }
    text
}

fn percent(text: &str) -> String {
    text.replace('/', "%2F").replace('+', "%2B")
}

/// What must be in no channel: the canary in every writing, and enough of each to know it by.
fn needles() -> Vec<String> {
    let mut needles = vec![
        CANARY.to_owned(),
        "S3CR3T".to_owned(),
        percent(CANARY),
        "K3Y-of".to_owned(),
    ];
    for before in ["", "u", "u:"] {
        let coded = base64(format!("{before}{CANARY}").as_bytes());
        // Without the digits that also hold what comes before it.
        needles.push(coded[4..14].to_owned());
    }
    needles
}

/// What a server says when it repeats all it knows of a request.
fn echo(request: &Request) -> String {
    let login = header(request, "authorization").unwrap_or_default();
    let token = header(request, "x-token").unwrap_or_default();
    if login.is_empty() && token.is_empty() {
        return "anonymous".to_owned();
    }
    let pair = base64(format!("u:{CANARY}").as_bytes());
    let alone = base64(CANARY.as_bytes());
    format!(
        "{login} {token} {CANARY} {} {pair} {alone} https://u:{}@h.example/x?t={CANARY}",
        percent(CANARY),
        percent(CANARY)
    )
}

type Failure = fn(&Request) -> Reply;

/// How a call may fail, the words of the request in every place where a server has some.
const FAILURES: [(&str, Failure); 14] = [
    ("401 in the realm", |request| {
        answer(401, "text/plain", "")
            .header("www-authenticate", &format!("Basic realm=\"{}\"", echo(request)))
            .into()
    }),
    ("401 as the scheme", |request| {
        answer(401, "text/plain", echo(request))
            .header("www-authenticate", &echo(request))
            .into()
    }),
    ("403", |request| answer(403, "text/plain", echo(request)).into()),
    ("404 page", |request| {
        answer(404, "text/html", format!("<title>{}</title>", echo(request))).into()
    }),
    ("429", |request| {
        answer(429, "application/json", echo(request))
            .header("retry-after", &echo(request))
            .into()
    }),
    ("500", |request| {
        answer(500, "text/plain", echo(request))
            .header("set-cookie", &echo(request))
            .into()
    }),
    ("503", |request| {
        answer(503, "text/plain", echo(request))
            .header("x-trace-token", &echo(request))
            .into()
    }),
    ("a content type", |request| {
        answer(200, &format!("text/{}", echo(request)), echo(request)).into()
    }),
    ("ERR", |request| {
        answer(200, ADVERTISEMENT, pkt(format!("ERR {}", echo(request)))).into()
    }),
    ("no packets", |request| answer(200, ADVERTISEMENT, echo(request)).into()),
    ("a cut answer", |request| {
        let mut cut = pkt(format!("# service=git-upload-pack {}", echo(request)));
        cut.pop();
        answer(200, ADVERTISEMENT, cut).into()
    }),
    ("a redirect", |request| {
        Reply::Redirect(
            302,
            format!(
                "https://u:x@evil.example/{}",
                percent(&echo(request)).replace(' ', "%20")
            ),
        )
    }),
    ("no answer", |_| Reply::Opaque),
    ("silence", |_| Reply::Hang),
];

struct Seen {
    text: String,
    trace: Vec<TraceEvent>,
}

/// Runs one call to its failure and collects all that its caller was given.
fn fail(carries: Carries, proxied: bool, failure: Failure) -> Seen {
    let world = World::of_page(PAGE, move |request| {
        let sent = header(request, "authorization").or(header(request, "x-token"));
        match sent {
            None => answer(401, "text/plain", "")
                .header("www-authenticate", "Basic realm=\"r\"")
                .into(),
            Some(_) => failure(request),
        }
    });
    let collected: Rc<RefCell<String>> = Rc::default();
    let trace: Rc<RefCell<Vec<TraceEvent>>> = Rc::default();
    let (asked, traced) = (Rc::clone(&collected), Rc::clone(&trace));
    let mut options = Options {
        trace: Some(Rc::new(move |event| traced.borrow_mut().push(event))),
        ..Options::default()
    };
    if proxied {
        options.cors_proxy = Some(CorsProxy {
            pass_credentials: true,
            ..CorsProxy::new(PROXY)
        });
    }
    let login = match carries {
        Carries::Basic => Some(Credentials::Basic {
            username: "u".into(),
            password: CANARY.into(),
        }),
        Carries::Bearer => Some(Credentials::Bearer(CANARY.into())),
        Carries::Raw => Some(Credentials::Authorization(format!("token {CANARY}").into())),
        _ => None,
    };
    if let Some(login) = login {
        options.credentials = Some(Rc::new(move |challenge| {
            let question = format!("{} {:?} {:?}\n", challenge.url, challenge.realm, challenge.schemes);
            asked.borrow_mut().push_str(&question);
            let login = login.clone();
            Box::pin(async move { Some(login) })
        }));
    }
    let basic = format!("Basic {}", base64(format!("u:{CANARY}").as_bytes()));
    match carries {
        Carries::Header => options.headers.push(("X-Token".to_owned(), CANARY.into())),
        Carries::AuthorizationHeader => options.headers.push(("Authorization".to_owned(), basic.into())),
        _ => {}
    }
    let url = match carries {
        Carries::Url => format!("https://u:{}@h.example/r.git", percent(CANARY)),
        Carries::UrlToken => format!("https://{}@h.example/r.git", percent(CANARY)),
        _ => "https://h.example/r.git".to_owned(),
    };
    let error = world.refusal(&url, &options);
    let mut text = collected.take();
    text.push_str(&format!("{error:?} {error} {:?}", world.events.borrow()));
    Seen {
        text,
        trace: trace.take(),
    }
}

#[test]
fn no_secret_leaves_by_any_channel_whatever_fails() {
    let needles = needles();
    let mut cells = 0;
    for carries in CARRIERS {
        for proxied in [false, true] {
            for (what, failure) in FAILURES {
                let seen = fail(carries, proxied, failure);
                assert!(
                    seen.trace.iter().any(|event| event.kind == TraceKind::Request),
                    "{what}"
                );
                // The words did come, and something was taken out of them.
                let speaks = matches!(what, "403" | "404 page" | "500" | "503" | "ERR");
                assert!(
                    !speaks || seen.text.contains("<redacted>"),
                    "{carries:?} {what}: {}",
                    seen.text
                );
                let trace: Vec<String> = seen.trace.into_iter().map(|event| event.text).collect();
                for channel in [&seen.text, &trace.join("\n")] {
                    for needle in &needles {
                        assert!(
                            !channel.contains(needle.as_str()),
                            "{carries:?} {what} {proxied}: {needle} in {channel}"
                        );
                    }
                }
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 196);
}

/// The trace of a call that works, with a login, a fetch and progress.
fn trace_of_a_fetch() -> Vec<TraceEvent> {
    let world = World::new(|request| match (&request.body, header(request, "authorization")) {
        (_, None) => answer(401, "text/plain", "")
            .header("www-authenticate", "Basic realm=\"r\"")
            .into(),
        (None, _) => v2().into(),
        (Some(_), _) if body(request).starts_with(b"0014command=ls-refs") => refs().into(),
        _ => {
            let said = format!("hello u, your password is {CANARY}\n");
            let body = [
                pkt("packfile\n"),
                band(2, said.as_bytes()),
                band(1, b"PACKxxxx"),
                band(1, b"yyyy"),
                b"0000".to_vec(),
            ];
            answer(200, RESULT, body.concat()).into()
        }
    });
    let trace: Rc<RefCell<Vec<TraceEvent>>> = Rc::default();
    let traced = Rc::clone(&trace);
    let options = Options {
        trace: Some(Rc::new(move |event| traced.borrow_mut().push(event))),
        ..Options::default()
    };
    let url = format!("https://u:{}@h.example/r.git", percent(CANARY));
    let mut session = world.connect(&url, &options).unwrap();
    let refs = world.run(session.ls_refs(&[])).unwrap();
    let wants = refs.iter().map(|found| found.oid).collect();
    world.run(async {
        let mut stream = session.fetch(FetchRequest::clone_of(wants), None).await.unwrap();
        while stream.next().await.unwrap().is_some() {}
    });
    trace.take()
}

#[test]
fn the_trace_shows_requests_answers_packets_and_decisions_in_their_order() {
    let trace = trace_of_a_fetch();
    let texts: Vec<&str> = trace.iter().map(|event| event.text.as_str()).collect();
    let mut at = 0;
    for (kind, words) in [
        (
            TraceKind::Request,
            "GET https://h.example/r.git/info/refs?service=git-upload-pack",
        ),
        (TraceKind::Response, "HTTP 401"),
        (TraceKind::Note, "a login is wanted (Basic)"),
        (TraceKind::Request, "authorization: Basic <redacted>"),
        (
            TraceKind::Response,
            "content-type: application/x-git-upload-pack-advertisement",
        ),
        (TraceKind::Packet, "packet:        fetch< version 2"),
        (TraceKind::Packet, "packet:        fetch< 0000"),
        (TraceKind::Note, "speaks version 2"),
        (TraceKind::Request, "POST https://h.example/r.git/git-upload-pack"),
        (TraceKind::Packet, "packet:        fetch> command=ls-refs"),
        (TraceKind::Packet, "packet:        fetch> 0001"),
        (
            TraceKind::Packet,
            "packet:        fetch< 1111111111111111111111111111111111111111 HEAD symref-target:refs/heads/main",
        ),
        (
            TraceKind::Packet,
            "packet:        fetch> want 1111111111111111111111111111111111111111",
        ),
        (TraceKind::Packet, "packet:        fetch> done"),
        (TraceKind::Packet, "packet:        fetch< packfile"),
        (
            TraceKind::Packet,
            "packet:        fetch< \\2hello u, your password is <redacted>",
        ),
        (TraceKind::Packet, "packet:        fetch< PACK …"),
        (TraceKind::Packet, "packet:        fetch< PACK … 12 bytes in 2 packets"),
        (TraceKind::Packet, "packet:        fetch< 0000"),
    ] {
        let found = trace
            .iter()
            .skip(at)
            .position(|event| event.kind == kind && event.text.contains(words));
        let Some(found) = found else {
            panic!("{words} is not in {:#?}", &texts[at..])
        };
        at += found + 1;
    }
    assert!(
        trace.windows(2).all(|pair| pair[0].at <= pair[1].at),
        "times never go back"
    );
    assert!(!texts.iter().any(|text| text.contains("S3CR3T")), "{texts:#?}");
}
