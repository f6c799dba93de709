//! Answers that are not Git's, that break off, or that say no in Git's way.

use gitside::error::{Code, Stage};
use gitside::ops::remote::{Timeouts, Version};
use gitside_server::{Fault, Reply, When};

use crate::rows::{Try, fetch, info_refs, pkt, rows};

#[test]
fn answers_that_are_not_gits_are_told_apart() {
    let mut rows = rows();
    let url = rows.url("/git/example.git");
    let (discover, negotiate) = (Stage::Discover, Stage::Negotiate);
    let page = || Fault::respond(Reply::html(200, "<html><title>A forge</title>SECRET"));
    rows.row(
        "a web page",
        &[(info_refs(), page())],
        Try::list(url.as_str()),
        Code::NotGitHtml,
        discover,
        &["web page", "A forge", "is this the URL of a Git repository?"],
    );
    rows.row(
        "a web page for the pack",
        &[(fetch(), page())],
        Try::clone(url.as_str()),
        Code::NotGitHtml,
        negotiate,
        &["captive portal"],
    );
    let files = rows.url("/files/example.git");
    rows.row(
        "only files",
        &[],
        Try::list(files),
        Code::DumbServer,
        discover,
        &[
            "not 'application/x-git-upload-pack-advertisement'",
            "smart HTTP",
            "git http-backend",
        ],
    );
    let text = Fault::respond(Reply::text(200, "hello"));
    rows.row(
        "another content type",
        &[(info_refs(), text)],
        Try::list(url.as_str()),
        Code::ContentType,
        discover,
        &["text/plain", "application/x-git-upload-pack-advertisement", "hello"],
    );
    rows.row(
        "nothing at all",
        &[(info_refs(), Fault::truncate(0))],
        Try::list(url.as_str()),
        Code::EmptyResponse,
        discover,
        &["empty answer", "more than nothing"],
    );
    rows.row(
        "nothing in answer to the fetch",
        &[(fetch(), Fault::truncate(0))],
        Try::clone(url.as_str()),
        Code::EmptyResponse,
        negotiate,
        &["0 bytes received", "GIT_HTTP_MAX_REQUEST_BUFFER", "10 MiB"],
    );
    let small = rows.url("/small/example.git");
    let mut old = Try::clone(small);
    old.options.remote.protocol_version = Some(Version::V0);
    rows.row(
        "a request larger than the server takes",
        &[],
        old,
        Code::EmptyResponse,
        negotiate,
        &["GIT_HTTP_MAX_REQUEST_BUFFER"],
    );
    let sha256 = rows.url("/git/sha256.git");
    rows.row(
        "another hash",
        &[],
        Try::list(sha256),
        Code::ObjectFormat,
        discover,
        &["sha256", "sha1"],
    );
    assert_eq!(rows.count, 8);
}

#[test]
fn transfers_that_end_early_say_how_far_they_came_and_that_trying_again_is_safe() {
    let mut rows = rows();
    let url = rows.url("/git/example.git");
    let (discover, receive) = (Stage::Discover, Stage::Receive);
    let reset = Code::ConnectionReset;
    let cut = |at| (info_refs(), Fault::truncate(at));
    rows.row(
        "a cut listing",
        &[cut(40)],
        Try::list(url.as_str()),
        reset,
        discover,
        &["40 bytes", "safe to try again"],
    );
    let broken = (info_refs(), Fault::reset_at(40));
    rows.row(
        "a reset connection",
        &[broken],
        Try::list(url.as_str()),
        reset,
        discover,
        &["broke off", "safe to try again"],
    );
    for fault in [Fault::truncate(3000), Fault::close_at(3000), Fault::reset_at(3000)] {
        let cut = [(fetch(), fault)];
        rows.row(
            "a cut pack",
            &cut,
            Try::clone(url.as_str()),
            reset,
            receive,
            &["bytes", "nothing was stored"],
        );
    }
    let impatient = |tried: Try| {
        let mut tried = tried;
        tried.options.remote.timeouts = Timeouts {
            first_byte: 1200,
            stall: 1200,
            ..Timeouts::default()
        };
        tried
    };
    let silent = (info_refs(), Fault::Delay { ms: None });
    let words = ["did not answer within 1 s", "raise the time limit"];
    rows.row(
        "silence",
        &[silent],
        impatient(Try::list(url.as_str())),
        Code::Stalled,
        discover,
        &words,
    );
    let stalled = (fetch(), Fault::stall(3000));
    let words = ["after 3000 bytes"];
    rows.row(
        "a pack that stops",
        &[stalled],
        impatient(Try::clone(url.as_str())),
        Code::Stalled,
        receive,
        &words,
    );
    assert_eq!(rows.count, 7);
}

#[test]
fn what_the_server_says_in_git_is_passed_on() {
    let mut rows = rows();
    let url = rows.url("/git/example.git");
    let err = Reply::advertisement("git-upload-pack", pkt(b"ERR access denied or not exported: \x1b[31m/p"));
    rows.row(
        "an error line",
        &[(info_refs(), Fault::respond(err))],
        Try::list(url.as_str()),
        Code::RemoteError,
        Stage::Discover,
        &["access denied or not exported: ^[[31m/p"],
    );
    let fatal = [
        pkt(b"packfile\n"),
        pkt(b"\x03aborting due to possible repository corruption on the remote side.\n"),
        b"0000".to_vec(),
    ];
    let fatal = Reply::result("git-upload-pack", fatal.concat());
    rows.row(
        "the last band",
        &[(fetch(), Fault::respond(fatal))],
        Try::clone(url.as_str()),
        Code::RemoteError,
        Stage::Negotiate,
        &["possible repository corruption on the remote side"],
    );
    let tip = rows.place.repo.git_line(["rev-parse", "main"]).unwrap();
    let lie = Fault::replace(tip.clone(), "1234567890123456789012345678901234567890");
    rows.place.server.clear_log();
    rows.row(
        "a ref that moves again and again",
        &[(When::post(), lie)],
        Try::clone(url.as_str()),
        Code::StaleRefs,
        Stage::Negotiate,
        &["not our ref", "fetch again"],
    );
    let discoveries = rows
        .place
        .server
        .log()
        .iter()
        .filter(|entry| entry.method == "GET")
        .count();
    assert_eq!(discoveries, 2, "listed anew once");
    let shallow = Fault::replace("fetch=shallow ", "fetch=shallov ");
    let mut deep = Try::clone(url.as_str());
    deep.options.depth = Some(1);
    rows.row(
        "a server that cannot cut histories",
        &[(info_refs(), shallow)],
        deep,
        Code::CapabilityMissing,
        Stage::Negotiate,
        &["does not support shallow"],
    );
    let mut branch = Try::clone(url.as_str());
    branch.options.reference = Some("no-such-branch".to_owned());
    rows.row(
        "a branch that is not there",
        &[],
        branch,
        Code::RefNotFound,
        Stage::Discover,
        &["no-such-branch", "lsRemote"],
    );
    assert_eq!(rows.count, 5);
}

#[test]
fn packs_that_are_not_what_they_should_be_leave_nothing_and_say_where() {
    let mut rows = rows();
    let url = rows.url("/git/example.git");
    rows.row(
        "a flipped bit",
        &[(fetch(), Fault::flip(4000))],
        Try::clone(url.as_str()),
        Code::PackInvalid,
        Stage::Receive,
        &["is damaged", "nothing was stored", "git fsck"],
    );
    let rev = |rev: &str| rows.place.repo.git_line(["rev-parse", rev]).unwrap();
    let (tip, before) = (rev("main"), rev("draft/harbours"));
    let less = Fault::ReplaceInRequest {
        from: gitside_server::Payload(format!("want {tip}").into_bytes()),
        to: gitside_server::Payload(format!("want {before}").into_bytes()),
    };
    rows.row(
        "objects that were not sent",
        &[(fetch(), less)],
        Try::clone(url.as_str()),
        Code::NotConnected,
        Stage::Unpack,
        &["did not send all necessary objects"],
    );
    let mut full = Try::clone(url.as_str());
    full.room = Some(4000);
    rows.row(
        "no room",
        &[],
        full,
        Code::Quota,
        Stage::Receive,
        &["no room left", "a shallow clone needs less"],
    );
    assert_eq!(rows.count, 3);
}
