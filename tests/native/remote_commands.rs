//! What version 2 of the protocol can do beyond listing and fetching, asked of `git http-backend`:
//! refs wanted by name, options for the server, acknowledgments without a pack.

#![cfg(not(target_arch = "wasm32"))]

mod support;

use gitside::error::{Code, Failure, GitError, Outcome, Stage};
use gitside::format::oid::ObjectId;
use gitside::host::{Async, Host};
use gitside::ops::clone::{self, clone};
use gitside::ops::ls_remote::ls_remote;
use gitside::ops::remote::{Acks, Deepen, FetchRequest, Negotiator, Options, Remote, Service, Session, Version};
use gitside::protocol::url::RemoteUrl;
use gitside::task::Task;
use gitside_server::repos::{self, Repo};
use gitside_server::{Fault, Git, Server, When};
use support::{block_on, host};

struct Place {
    _folder: tempfile::TempDir,
    repo: Repo,
    server: Server,
    url: String,
}

fn place(mount: impl FnOnce(Git) -> Git) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let repo = repos::example(&folder.path().join("example.git")).unwrap();
    let server = Server::builder()
        .mount(mount(Git::at("/git", folder.path()).trace()))
        .keep_bodies()
        .start()
        .unwrap();
    let url = server.url("/git/example.git");
    Place {
        _folder: folder,
        repo,
        server,
        url,
    }
}

fn by_name() -> Place {
    place(|git| git.config("uploadpack.allowRefInWant", "true"))
}

impl Place {
    fn oid(&self, rev: &str) -> ObjectId {
        self.repo.git_line(["rev-parse", rev]).unwrap().parse().unwrap()
    }

    /// Makes the next listing of refs say something else.
    fn next_listing_lies(&self, truth: String, lie: String) {
        let listing = When::post().matching(|head| head.path.ends_with("/git-upload-pack"));
        self.server.fault(listing.once(), Fault::replace(truth, lie));
    }

    /// The lines of requests that the server was sent, by its own trace.
    fn heard(&self) -> Vec<String> {
        let traces = self.server.log().into_iter().map(|entry| entry.stderr);
        let lines: Vec<String> = traces
            .flat_map(|trace| trace.lines().map(str::to_owned).collect::<Vec<_>>())
            .filter_map(|line| line.split_once("upload-pack< ").map(|(_, line)| line.to_owned()))
            .collect();
        lines
    }

    fn methods(&self) -> Vec<String> {
        self.server.log().into_iter().map(|entry| entry.method).collect()
    }
}

fn task(host: &Host) -> Task {
    Task::new(host.clock.clone(), |_| {})
}

async fn connect(host: &Host, url: &str, options: &Options) -> Outcome<Session> {
    let url = RemoteUrl::parse(url).unwrap();
    Remote::connect(host, &task(host), &url, Service::UploadPack, options).await
}

fn error<T>(result: Outcome<T>) -> GitError {
    match result {
        Err(Failure::Error(error)) => *error,
        Err(Failure::Cancelled) => panic!("cancelled"),
        Ok(_) => panic!("it worked"),
    }
}

fn with_options(options: &[&str]) -> Options {
    Options {
        server_options: options.iter().map(|option| (*option).to_owned()).collect(),
        ..Options::default()
    }
}

#[test]
fn refs_wanted_by_name_are_told_with_and_without_a_depth() {
    let place = by_name();
    for deepen in [Deepen::No, Deepen::Depth(1)] {
        let host = host();
        let (told, shallow, pack) = block_on(async {
            let mut session = connect(&host, &place.url, &Options::default()).await.unwrap();
            assert!(session.takes_want_refs(2));
            let request = FetchRequest {
                want_refs: vec![b"refs/heads/main".to_vec(), b"HEAD".to_vec(), b"HEAD".to_vec()],
                deepen: deepen.clone(),
                ..FetchRequest::default()
            };
            let mut stream = session.fetch(request, None).await.unwrap();
            let mut pack = Vec::new();
            while let Some(piece) = stream.next().await.unwrap() {
                pack.extend(piece);
            }
            let mut told = stream.wanted_refs().to_vec();
            told.sort();
            (told, stream.shallow().shallow.clone(), pack)
        });
        let tip = place.oid("refs/heads/main");
        assert_eq!(told, [(b"HEAD".to_vec(), tip), (b"refs/heads/main".to_vec(), tip)]);
        assert!(pack.starts_with(b"PACK"));
        // What git's own client does not understand of its own server: it dies of shallow-info
        // after wanted-refs.
        let boundary = if deepen == Deepen::No { vec![] } else { vec![tip] };
        assert_eq!(shallow, boundary);
    }
}

#[test]
fn a_clone_wants_refs_by_name_where_the_server_takes_names() {
    for (takes, depth) in [(true, None), (true, Some(1)), (false, None)] {
        let place = place(|git| git.config("uploadpack.allowRefInWant", if takes { "true" } else { "false" }));
        let host = host();
        let options = clone::Options {
            depth,
            ..clone::Options::default()
        };
        let repo = block_on(clone(&host, &task(&host), &place.url, "copy", &options)).unwrap();
        let heard = place.heard();
        let by_name = heard.iter().filter(|line| line.starts_with("want-ref ")).count();
        let by_oid = heard.iter().filter(|line| line.starts_with("want ")).count();
        assert_eq!((by_name > 0, by_oid > 0), (takes, !takes), "{heard:#?}");
        let mut once: Vec<_> = heard.iter().filter(|line| line.starts_with("want-ref ")).collect();
        once.sort();
        once.dedup();
        assert_eq!(once.len(), by_name, "no ref is wanted twice");
        let head = block_on(repo.refs.resolve(b"HEAD")).unwrap().unwrap();
        assert_eq!(head.oid, Some(place.oid("HEAD")));
    }
}

/// As git's t5703: the listing shows an older commit, or one that the server does not have.
#[test]
fn a_listing_that_is_out_of_date_does_not_matter_to_who_wants_by_name() {
    let place = by_name();
    let (tip, before) = (place.oid("refs/heads/main"), place.oid("refs/heads/main~1"));
    let missing: ObjectId = "1234567890123456789012345678901234567890".parse().unwrap();
    for other in [before, missing] {
        place.server.clear_log();
        place.next_listing_lies(tip.to_string(), other.to_string());
        let host = host();
        let options = clone::Options::default();
        let repo = block_on(clone(&host, &task(&host), &place.url, "copy", &options)).unwrap();
        let resolve = |name: &'static [u8]| block_on(repo.refs.resolve(name)).unwrap().unwrap().oid;
        assert_eq!(resolve(b"refs/heads/main"), Some(tip));
        assert_eq!(resolve(b"refs/remotes/origin/main"), Some(tip));
        assert_eq!(place.methods(), ["GET", "POST", "POST"], "nothing was asked twice");
    }
}

#[test]
fn a_detached_head_is_wanted_by_name_too() {
    let place = by_name();
    let (tip, before) = (place.oid("refs/heads/main"), place.oid("refs/heads/main~1"));
    place
        .repo
        .git(["update-ref", "--no-deref", "HEAD", &before.to_string()])
        .unwrap();
    place.next_listing_lies(before.to_string(), place.oid("refs/heads/main~2").to_string());
    let host = host();
    let repo = block_on(clone(
        &host,
        &task(&host),
        &place.url,
        "copy",
        &clone::Options::default(),
    ))
    .unwrap();
    let head = block_on(repo.refs.resolve(b"HEAD")).unwrap().unwrap();
    assert_eq!(head.oid, Some(before));
    let main = block_on(repo.refs.resolve(b"refs/remotes/origin/main"))
        .unwrap()
        .unwrap();
    assert_eq!(main.oid, Some(tip));
}

#[test]
fn a_ref_that_is_gone_since_the_listing_is_listed_anew_once() {
    let place = by_name();
    // Of the same length, as the packet around it says.
    let lie = (
        "refs/heads/draft/harbours".to_owned(),
        "refs/heads/draft/channels".to_owned(),
    );
    place.next_listing_lies(lie.0.clone(), lie.1.clone());
    let host = host();
    let options = clone::Options::default();
    assert!(block_on(clone(&host, &task(&host), &place.url, "copy", &options)).is_ok());
    assert_eq!(place.methods(), ["GET", "POST", "POST", "GET", "POST", "POST"]);

    let listings = When::post().matching(|head| head.path.ends_with("/git-upload-pack"));
    place.server.fault(listings, Fault::replace(lie.0, lie.1));
    let error = error(block_on(clone(&host, &task(&host), &place.url, "again", &options)));
    assert_eq!(error.code, Code::StaleRefs);
    assert!(error.remote_text.unwrap().contains("unknown ref"));
}

#[test]
fn names_are_no_wants_for_a_server_that_does_not_take_them() {
    for options in [
        Options::default(),
        Options {
            protocol_version: Some(Version::V0),
            ..Options::default()
        },
    ] {
        let place = place(|git| git);
        let host = host();
        let error = block_on(async {
            let mut session = connect(&host, &place.url, &options).await.unwrap();
            assert!(!session.takes_want_refs(1));
            let request = FetchRequest {
                want_refs: vec![b"HEAD".to_vec()],
                ..FetchRequest::default()
            };
            error(session.fetch(request, None).await)
        });
        assert_eq!((error.code, error.stage), (Code::CapabilityMissing, Stage::Negotiate));
        assert!(error.message.contains("ref-in-want"), "{error}");
    }
}

#[test]
fn server_options_reach_the_server_with_every_command() {
    let place = place(|git| git);
    let host = host();
    let options = clone::Options {
        remote: with_options(&["hello=world", "two words"]),
        ..clone::Options::default()
    };
    block_on(clone(&host, &task(&host), &place.url, "copy", &options)).unwrap();
    let heard = place.heard();
    for option in ["server-option=hello=world", "server-option=two words"] {
        let times = heard.iter().filter(|line| *line == option).count();
        assert_eq!(times, 2, "ls-refs and fetch: {heard:#?}");
    }
    place.server.clear_log();
    block_on(ls_remote(&host, &task(&host), &place.url, &with_options(&["x"]), &[])).unwrap();
    assert_eq!(
        place.heard().iter().filter(|line| *line == "server-option=x").count(),
        1
    );
}

#[test]
fn server_options_are_refused_where_they_cannot_be_sent() {
    let place = place(|git| git);
    let host = host();
    let ls = |options: &Options| error(block_on(ls_remote(&host, &task(&host), &place.url, options, &[])));
    for bad in ["a\nb", "a\0"] {
        assert_eq!(ls(&with_options(&[bad])).code, Code::Unsupported);
    }
    let old = Options {
        protocol_version: Some(Version::V0),
        ..with_options(&["x"])
    };
    assert_eq!(ls(&old).code, Code::Unsupported);
    assert!(place.server.log().is_empty(), "nothing was sent");

    place
        .server
        .fault(When::any(), Fault::drop_request_header("git-protocol"));
    let old = ls(&with_options(&["x"]));
    assert_eq!((old.code, old.stage), (Code::CapabilityMissing, Stage::Discover));
    assert!(old.message.contains("require version 2"), "{old}");
    place.server.clear_faults();
    place.server.fault(
        When::get(),
        Fault::replace("0012server-option\n", "0012server-optiom\n"),
    );
    let without = ls(&with_options(&["x"]));
    assert_eq!(without.code, Code::CapabilityMissing);
    assert!(without.message.contains("server-option"), "{without}");
}

/// Tells commits in the order of a list.
struct Told {
    left: Vec<ObjectId>,
    acked: Vec<ObjectId>,
}

impl Negotiator for Told {
    fn haves(&mut self, count: usize) -> Async<'_, Outcome<Vec<ObjectId>>> {
        let count = count.min(self.left.len());
        let told = self.left.drain(..count).collect();
        Box::pin(std::future::ready(Ok(told)))
    }

    fn acks<'a>(&'a mut self, acks: &'a Acks) -> Async<'a, Outcome<Vec<ObjectId>>> {
        self.acked.extend(acks.acks.iter().map(|(oid, _)| *oid));
        Box::pin(std::future::ready(Ok(Vec::new())))
    }
}

#[test]
fn a_server_says_what_it_has_without_sending_a_pack() {
    let place = place(|git| git);
    let all = place.repo.git(["rev-list", "refs/heads/main"]).unwrap();
    let theirs: Vec<ObjectId> = String::from_utf8(all)
        .unwrap()
        .lines()
        .map(|oid| oid.parse().unwrap())
        .collect();
    assert!(theirs.len() > 40, "several rounds");
    let ours = (0..40_u8).map(|byte| ObjectId::new([byte | 0x80; 20]));
    let mut negotiator = Told {
        left: ours.chain(theirs.iter().copied()).collect(),
        acked: Vec::new(),
    };
    let host = host();
    block_on(async {
        let mut session = connect(&host, &place.url, &Options::default()).await.unwrap();
        session.negotiate(&mut negotiator).await.unwrap();
    });
    // Of commits told in one request it leaves out the parents of those it has.
    assert_eq!(negotiator.acked.first(), theirs.first());
    assert!(negotiator.acked.iter().all(|oid| theirs.contains(oid)));
    let posts = place.server.log().iter().filter(|entry| entry.method == "POST").count();
    assert!(posts >= 3, "{posts}");

    let old = Options {
        protocol_version: Some(Version::V0),
        ..Options::default()
    };
    let error = block_on(async {
        let mut session = connect(&host, &place.url, &old).await.unwrap();
        error(session.negotiate(&mut negotiator).await)
    });
    assert_eq!(error.code, Code::CapabilityMissing);
}
