//! Reads of what a filter left out and nobody gives now.

use std::time::Duration;

use gitside::error::{Code, Datum, Failure, GitError};
use gitside::format::oid::ObjectId;
use gitside::ops::remote::Version;
use gitside::ops::{Repository, cat};
use gitside_server::{Fault, When};
use tokio::task::LocalSet;

use super::support::{block_on, host};
use super::{Place, by, cloned, error, filtered, place, task};

async fn missed(repo: &Repository, oid: &ObjectId) -> GitError {
    let failure = cat::object(&task(&repo.host), repo, oid).await;
    error(failure.err().expect("it cannot be read"))
}

fn datum<'a>(error: &'a GitError, name: &str) -> &'a str {
    match error.data.iter().find(|(found, _)| *found == name) {
        Some((_, Datum::Text(text))) => text,
        other => panic!("{name}: {other:?}"),
    }
}

fn assert_promised(error: &GitError, oid: &ObjectId, cause: Code) {
    assert_eq!(error.code, Code::PromisedMissing, "{error}");
    assert_eq!(datum(error, "oid"), oid.to_hex());
    assert_eq!(datum(error, "remote"), "origin");
    assert_eq!(datum(error, "cause"), cause.name(), "{error}");
    assert!(error.message.contains(&oid.to_hex()), "{error}");
}

#[test]
fn without_a_network_a_promised_object_is_promised_still() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(async {
        let repo = cloned(&host, &place, &filtered("blob:none")).await;
        let oid = place.oid("main:README.md");
        let Place { server, .. } = place;
        drop(server);
        let error = missed(&repo, &oid).await;
        assert_promised(&error, &oid, Code::NetworkOpaque);
        assert!(error.retryable);
    });
}

#[test]
fn what_the_server_refuses_is_promised_missing_and_says_why() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(async {
        let repo = cloned(&host, &place, &filtered("blob:none")).await;
        let oid = place.oid("main:README.md");
        let refusals = [
            (403, Code::Forbidden),
            (401, Code::AuthRequired),
            (429, Code::RateLimited),
        ];
        for (status, cause) in refusals {
            let fault = place.server.fault(When::any(), Fault::status(status));
            let error = missed(&repo, &oid).await;
            assert_promised(&error, &oid, cause);
            assert_eq!(error.status, Some(status));
            place.server.remove_fault(fault);
        }
        cat::object(&task(&host), &repo, &oid).await.unwrap();
    });
}

#[test]
fn an_object_that_the_server_lost_does_not_take_others_with_it() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(LocalSet::new().run_until(async {
        let repo = cloned(&host, &place, &filtered("blob:none")).await;
        place.server.clear_log();
        let lost: ObjectId = "1234567812345678123456781234567812345678".parse().unwrap();
        let oids = [place.oid("main:README.md"), lost, place.oid("main:LICENSE")];
        let reads: Vec<_> = oids
            .iter()
            .map(|oid| {
                let (repo, oid) = (repo.clone(), *oid);
                tokio::task::spawn_local(async move {
                    let found = cat::object(&task(&repo.host), &repo, &oid).await;
                    found.map(|found| found.oid)
                })
            })
            .collect();
        let mut found = Vec::new();
        for read in reads {
            found.push(read.await.unwrap());
        }
        assert_eq!(found[0], Ok(oids[0]));
        assert_eq!(found[2], Ok(oids[2]));
        let refused = error(found.remove(1).err().unwrap());
        assert_promised(&refused, &lost, Code::StaleRefs);
        // The server stops at the one that it does not have.
        assert_eq!(place.requests().len(), 2);
    }));
}

#[test]
fn a_server_of_version_0_without_single_objects_is_told_apart() {
    let place = place(|git| git.config("uploadpack.allowFilter", "true"));
    let host = host();
    block_on(async {
        let options = by(Version::V0, filtered("blob:none"));
        let repo = cloned(&host, &place, &options).await;
        let oid = place.oid("main:README.md");
        let error = missed(&repo, &oid).await;
        assert_promised(&error, &oid, Code::CapabilityMissing);
        let hint = error.hint.unwrap();
        assert!(
            hint.contains("uploadpack.allowAnySHA1InWant") && hint.contains("version 2"),
            "{hint}"
        );
    });
}

#[test]
fn what_nobody_promised_is_missing() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(async {
        let repo = cloned(&host, &place, &Default::default()).await;
        place.server.clear_log();
        let lost = "1234567812345678123456781234567812345678".parse().unwrap();
        assert_eq!(missed(&repo, &lost).await.code, Code::MissingObject);
        assert!(place.requests().is_empty());
    });
}

#[test]
fn who_gives_up_does_not_take_the_others_request_away() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(LocalSet::new().run_until(async {
        let repo = cloned(&host, &place, &filtered("blob:none")).await;
        place.server.clear_log();
        place
            .server
            .fault(When::post(), Fault::delay(Duration::from_millis(300)));
        let start = |path: &'static str| {
            let (repo, task) = (repo.clone(), task(&host));
            let running = task.clone();
            let read = tokio::task::spawn_local(async move {
                cat::blob(&running, &repo, b"HEAD", Some(path.as_bytes()))
                    .await
                    .map(|blob| blob.oid)
            });
            (task, read)
        };
        // The first of them drives the request, and its options are used.
        let reads = [start("README.md"), start("LICENSE"), start("README.md")];
        let sent = |log: &[gitside_server::Entry]| !log.is_empty();
        while !sent(&place.server.log()) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(reads[0].0.cancel());
        let [(_, first), (_, second), (_, third)] = reads;
        assert_eq!(first.await.unwrap(), Err(Failure::Cancelled));
        assert_eq!(second.await.unwrap(), Ok(place.oid("main:LICENSE")));
        assert_eq!(third.await.unwrap(), Ok(place.oid("main:README.md")));
        assert_eq!(place.requests().len(), 1);
    }));
}

#[test]
fn when_all_give_up_the_request_ends_and_the_next_read_starts_anew() {
    let place = place(|git| git.partial());
    let host = host();
    block_on(LocalSet::new().run_until(async {
        let repo = cloned(&host, &place, &filtered("blob:none")).await;
        place.server.clear_log();
        place.server.fault(When::post().once(), Fault::stall(0));
        let reading = task(&host);
        let (running, reader) = (reading.clone(), repo.clone());
        let read = tokio::task::spawn_local(async move {
            cat::blob(&running, &reader, b"HEAD", Some(b"README.md"))
                .await
                .map(|blob| blob.oid)
        });
        while place.server.log().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert!(reading.cancel());
        assert_eq!(read.await.unwrap(), Err(Failure::Cancelled));
        let again = cat::blob(&task(&host), &repo, b"HEAD", Some(b"README.md")).await;
        assert_eq!(again.unwrap().oid, place.oid("main:README.md"));
        assert_eq!(place.server.log().len(), 2);
    }));
}
