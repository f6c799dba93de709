//! Which tags come along: t5503, t5525, and the tag groups of t5510 and t5516.

use gitside::host::{Async, Http, HttpError, Request, RequestBody, Response, Surroundings};
use gitside::ops::fetch::UpdateKind;
use gitside::ops::remote::Version;
use gitside::ops::remotes::TagMode;
use gitside::ops::{Repository, clone};
use gitside::task::Task;

use crate::bench::{BOTH, Bench, kinds};
use crate::pair::Made;
use crate::support::http::{SocketHttp, read_all};
use crate::support::{block_on, host_with};

#[test]
fn tags_of_what_is_fetched_come_along_in_one_request_and_others_stay_away() {
    for version in BOTH {
        let bench = Bench::new();
        let pair = bench.clone(version);
        let tip = bench.commit("main");
        bench.tag("annotated", &tip);
        bench.set("refs/tags/light", &tip);
        let apart = bench.commit_on(Some(&tip));
        bench.tag("apart", &apart);
        bench.set("refs/tags/apart-light", &apart);
        let nested = bench.tag("inner", &tip);
        bench.tag("outer", &nested);
        bench.posts();
        pair.alike(&[], |_| ());
        assert_eq!(bench.posts(), 2, "{version:?}: one request of each");
        for (name, comes) in [
            ("annotated", true),
            ("light", true),
            ("outer", true),
            ("apart", false),
            ("apart-light", false),
        ] {
            assert_eq!(pair.has(&format!("refs/tags/{name}")), comes, "{version:?}: {name}");
        }
    }
}

#[test]
fn a_tag_on_what_is_here_already_is_fetched_for_itself() {
    for version in BOTH {
        let bench = Bench::new();
        let pair = bench.clone(version);
        bench.tag("late", "main~1");
        bench.set("refs/tags/light", &bench.oid("main~1"));
        let fetched = pair.alike(&[], |_| ());
        assert_eq!(
            kinds(&fetched),
            [
                "UpToDate refs/remotes/origin/main",
                "New refs/tags/late",
                "New refs/tags/light"
            ]
        );
    }
}

/// A server that neither offers nor does `include-tag`.
struct WithoutIncludeTag(SocketHttp);

const PACKET: &[u8] = b"0010include-tag\n";

impl Http for WithoutIncludeTag {
    fn send(&self, mut request: Request) -> Async<'_, Result<Response, HttpError>> {
        Box::pin(async move {
            if let Some(RequestBody::Bytes(body)) = &mut request.body
                && let Some(at) = body.windows(PACKET.len()).position(|window| window == PACKET)
            {
                body.drain(at..at + PACKET.len());
            }
            let mut response = self.0.send(request).await?;
            let mut body = read_all(&mut *response.body).await?;
            let offer = b" include-tag";
            if let Some(at) = body.windows(offer.len()).position(|window| window == offer) {
                body[at..at + offer.len()].copy_from_slice(b" exclude-tag");
            }
            response.body = Box::new(Whole(Some(body)));
            Ok(response)
        })
    }

    fn surroundings(&self) -> Surroundings {
        self.0.surroundings()
    }
}

struct Whole(Option<Vec<u8>>);

impl gitside::host::Body for Whole {
    fn chunk(&mut self) -> Async<'_, Result<Option<Vec<u8>>, HttpError>> {
        let chunk = self.0.take().filter(|bytes| !bytes.is_empty());
        Box::pin(async move { Ok(chunk) })
    }
}

#[test]
fn tags_that_the_server_does_not_send_along_are_fetched_by_one_more_request() {
    for version in BOTH {
        let bench = Bench::new();
        let host = host_with(WithoutIncludeTag(SocketHttp::default()));
        let task = Task::new(host.clock.clone(), |_| {});
        let mut options = clone::Options::default();
        options.remote.protocol_version = Some(version);
        let cloned = block_on(clone::clone(&host, &task, &bench.url(), "copy", &options)).unwrap();
        bench.grow("main", 2);
        let tag = bench.tag("annotated", "main~1");
        bench.posts();
        let mut options = gitside::ops::fetch::Options::default();
        options.transport.protocol_version = Some(version);
        let fetched = block_on(gitside::ops::fetch::fetch(&task, &cloned, &options)).unwrap();
        assert_eq!(bench.posts(), 2, "{version:?}");
        assert_eq!(
            kinds(&fetched),
            ["FastForward refs/remotes/origin/main", "New refs/tags/annotated"]
        );
        assert_eq!(block_on(oid_of(&cloned, "refs/tags/annotated")), tag);
    }
}

async fn oid_of(repo: &Repository, name: &str) -> String {
    let found = repo.refs.resolve(name.as_bytes()).await.unwrap().unwrap();
    found.oid.unwrap().to_hex()
}

#[test]
fn all_tags_or_none_are_fetched_where_that_is_asked_for() {
    let bench = Bench::new();
    let pair = bench.clone(Version::V2);
    let apart = bench.commit_on(None);
    bench.tag("apart", &apart);
    bench.tag("on-main", "main");
    pair.alike(&["--no-tags"], |options| options.tags = Some(TagMode::None));
    assert!(!pair.has("refs/tags/on-main") && !pair.has("refs/tags/apart"));
    pair.alike(&["--tags"], |options| options.tags = Some(TagMode::All));
    assert!(pair.has("refs/tags/on-main") && pair.has("refs/tags/apart"));
}

#[test]
fn the_configuration_says_which_tags_come_unless_the_call_does() {
    let bench = Bench::new();
    let pair = bench.clone(Version::V2);
    let config = crate::bench::config(&bench.url(), &["+refs/heads/*:refs/remotes/origin/*"]);
    let apart = bench.commit_on(None);
    bench.tag("apart", &apart);
    bench.tag("on-main", "main");
    pair.configure(&format!("{config}\ttagOpt = --no-tags\n"));
    pair.alike(&[], |_| ());
    assert!(!pair.has("refs/tags/on-main"));
    pair.configure(&format!("{config}\ttagOpt = --tags\n"));
    pair.alike(&["--no-tags"], |options| options.tags = Some(TagMode::None));
    assert!(!pair.has("refs/tags/on-main"));
    pair.alike(&[], |_| ());
    assert!(pair.has("refs/tags/on-main") && pair.has("refs/tags/apart"));
}

#[test]
fn an_existing_tag_is_replaced_only_by_force_and_its_siblings_go_on() {
    let bench = Bench::new();
    bench.tag("moving", "main");
    let pair = bench.clone(Version::V2);
    let old = bench.oid("refs/tags/moving");
    let tip = bench.commit("main");
    let new = bench.tag("moving", &tip);
    bench.tag("another", &tip);
    let fetched = pair.alike(&["origin", "tag", "moving", "tag", "another"], |options| {
        options.remote = Some("origin".to_owned());
        options.refspecs = vec!["tag moving".to_owned(), "tag another".to_owned()];
    });
    let rejected = fetched
        .changes
        .iter()
        .find(|change| change.name == b"refs/tags/moving")
        .unwrap();
    assert_eq!(rejected.kind, UpdateKind::Rejected);
    assert_eq!(rejected.reason.as_deref(), Some("would clobber existing tag"));
    assert_eq!(pair.refs()["refs/tags/moving"], old);
    assert!(pair.has("refs/tags/another"));
    let fetched = pair.alike(&["--force", "--tags"], |options| {
        options.force = true;
        options.tags = Some(TagMode::All);
    });
    assert!(
        kinds(&fetched).contains(&"TagReplaced refs/tags/moving".to_owned()),
        "{fetched:#?}"
    );
    assert_eq!(pair.refs()["refs/tags/moving"], new);
}

#[test]
fn tags_of_tags_of_trees_and_of_blobs_arrive_whole() {
    for version in BOTH {
        let bench = Bench::new();
        let pair = bench.clone(version);
        let apart = bench.commit_on(None);
        let inner = bench.tag("inner", &apart);
        bench.tag("outer", &inner);
        bench.delete("refs/tags/inner");
        bench.tag("tree", &format!("{apart}^{{tree}}"));
        bench.set("refs/tags/light-tree", &bench.oid(&format!("{apart}^{{tree}}")));
        let blob = bench
            .source
            .git_with(["hash-object", "-w", "--stdin"], b"alone\n")
            .unwrap();
        let blob = crate::pair::text(blob).trim().to_owned();
        bench.tag("blob", &blob);
        bench.set("refs/tags/light-blob", &blob);
        pair.alike(&["--tags"], |options| options.tags = Some(TagMode::All));
        for name in ["outer", "tree", "light-tree", "blob", "light-blob"] {
            assert!(pair.has(&format!("refs/tags/{name}")), "{name}");
        }
        assert_eq!(pair.faults(), "");
        // And where a local tag points to what the server has under another name.
        let local = crate::pair::Local {
            objects: Vec::<Made>::new(),
            refs: vec![("refs/tags/mine".to_owned(), Some(apart.parse().unwrap()))],
            head: None,
        };
        pair.apply(&local);
        pair.alike(&[], |_| ());
    }
}
