//! What is refused, and how it is said.

use std::os::unix::fs::PermissionsExt;

use doorwardd::admin::Times;
use tokio::process::Command;

use crate::curl::{Answer, curl, fetch, send};
use crate::records::send_examples;
use crate::site::Site;

#[track_caller]
fn check(answer: &Answer, status: u16, kind: &str, detail: &str) {
    assert_eq!(answer.status, status, "{answer:?}");
    let (found, text) = answer.problem();
    assert_eq!(found, kind, "{answer:?}");
    assert!(text.contains(detail), "`{detail}` is not in `{text}`");
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_and_methods_that_are_not_there() {
    let site = Site::start().await;
    let socket = &site.socket;
    let answer = fetch(socket, "/v2/status").await;
    check(&answer, 404, "not-found", "there is no `/v2/status`");
    assert_eq!(answer.json()["instance"], "/v2/status");
    let answer = fetch(socket, "/v1/doors/9").await;
    check(&answer, 404, "not-found", "there is no door 9");
    let answer = fetch(socket, "/v1/events/9").await;
    check(&answer, 404, "not-found", "there is no event 9");
    let answer = fetch(socket, "/v1/doors/front").await;
    check(&answer, 400, "bad-request", "front");
    let answer = curl(socket, &["--request", "PATCH"], "/v1/users/1", None).await;
    check(
        &answer,
        405,
        "method-not-allowed",
        "`PATCH` cannot be asked of `/v1/users/1`",
    );
    let allowed = answer.header("allow").unwrap();
    for method in ["get", "put", "delete"] {
        assert!(allowed.contains(method), "{allowed}");
    }
    for path in ["/v1/users/9", "/v1/users/9/keys/1"] {
        let answer = curl(socket, &["--request", "DELETE"], path, None).await;
        assert_eq!(answer.problem().0, "not-found", "{answer:?}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_no_json() {
    let site = Site::start().await;
    let socket = &site.socket;
    let answer = send(socket, "POST", "/v1/users", "{\"first_name\": \n \"A\",}").await;
    check(&answer, 400, "malformed-body", "at line 2 column 6");
    let answer = send(socket, "POST", "/v1/users", "").await;
    check(&answer, 400, "malformed-body", "the body is empty");
    let answer = send(socket, "POST", "/v1/users", "[1]").await;
    check(&answer, 422, "invalid", "a list, expected an object");
    let twice = r#"{"first_name":"A","first_name":"B"}"#;
    let answer = send(socket, "POST", "/v1/users", twice).await;
    check(
        &answer,
        400,
        "malformed-body",
        "`first_name` is said twice at line 1",
    );
    let deep = "[".repeat(100_000);
    let answer = send(socket, "POST", "/v1/changes", &deep).await;
    check(&answer, 400, "malformed-body", "recursion limit");
    let form = ["--request", "POST"];
    let answer = curl(socket, &form, "/v1/users", Some(b"first_name=A")).await;
    check(
        &answer,
        415,
        "unsupported-media-type",
        "`application/x-www-form-urlencoded`, expected `application/json`",
    );
    let none = ["--request", "POST", "--header", "Content-Type:"];
    let answer = curl(socket, &none, "/v1/users", Some(b"{}")).await;
    check(
        &answer,
        415,
        "unsupported-media-type",
        "expected `application/json`",
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_that_nobody_knows_and_types_that_do_not_fit() {
    let site = Site::start().await;
    send_examples(&site).await;
    let socket = &site.socket;
    let body = r#"{"first_name":"A","lastname":"B"}"#;
    let answer = send(socket, "POST", "/v1/users", body).await;
    check(
        &answer,
        422,
        "invalid",
        "`lastname`: unknown field; allowed are",
    );
    assert_eq!(answer.json()["problems"][0]["field"], "lastname");
    let body = r#"{"first_name":["A"]}"#;
    let answer = send(socket, "POST", "/v1/users", body).await;
    check(
        &answer,
        422,
        "invalid",
        "`first_name`: invalid type: sequence, expected a string",
    );
    let body = r#"{"id":4,"first_name":"A"}"#;
    let answer = send(socket, "POST", "/v1/users", body).await;
    check(&answer, 422, "invalid", "id is given by the daemon");
    let answer = send(socket, "PUT", "/v1/users/1", body).await;
    check(&answer, 422, "invalid", "is 4, and the path says 1");
    let body = r#"{"changes":[{"put":{"kind":"user","record":{"id":3,"first_name":"A","x":1}}}]}"#;
    let answer = send(socket, "POST", "/v1/changes", body).await;
    check(
        &answer,
        422,
        "invalid",
        "`changes[0].put.record.x`: unknown field",
    );
    let answer = send(socket, "POST", "/v1/changes", r#"{"changes":[]}"#).await;
    check(&answer, 422, "invalid", "expected at least one step");
    let answer = send(socket, "POST", "/v1/doors/1/unlock", r#"{"ms":9}"#).await;
    check(&answer, 422, "invalid", "none is expected");
    for (query, detail) in [
        ("limit=0", "`limit` is 0, allowed are 1 to 1000"),
        ("limit=1001", "allowed are 1 to 1000"),
        ("limit=x", "invalid digit"),
        (
            "page=2",
            "unknown field `page`, expected one of `after`, `limit`, `q`",
        ),
    ] {
        let answer = fetch(socket, &format!("/v1/users?{query}")).await;
        check(&answer, 400, "bad-request", detail);
    }
    let answer = fetch(socket, "/v1/events?kind=opened").await;
    check(
        &answer,
        400,
        "bad-request",
        "unknown variant `opened`, expected one of `granted`",
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_of_10_mb_is_refused_and_the_next_is_served() {
    let site = Site::start().await;
    let body = vec![b' '; 10 * 1024 * 1024];
    // With `Expect: 100-continue` curl asks first; without, it sends at once.
    for expect in ["Expect: 100-continue", "Expect:"] {
        let args = [
            "--request",
            "POST",
            "--header",
            expect,
            "--header",
            "Content-Type: application/json",
        ];
        let answer = curl(&site.socket, &args, "/v1/users", Some(&body)).await;
        check(
            &answer,
            413,
            "body-too-large",
            "the body has 10485760 bytes, allowed are 1048576",
        );
    }
    // Sent in chunks, a body does not say its size.
    let args = [
        "--request",
        "POST",
        "--header",
        "Transfer-Encoding: chunked",
        "--header",
        "Content-Type: application/json",
    ];
    let answer = curl(&site.socket, &args, "/v1/users", Some(&body)).await;
    check(&answer, 413, "body-too-large", "allowed are 1048576");
    assert_eq!(fetch(&site.socket, "/v1/status").await.status, 200);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_cannot_be_taken_away() {
    let site = Site::start().await;
    send_examples(&site).await;
    let answer = curl(
        &site.socket,
        &["--request", "DELETE"],
        "/v1/schedules/1",
        None,
    )
    .await;
    check(&answer, 409, "conflict", "key 1");
    let answer = curl(&site.socket, &["--request", "DELETE"], "/v1/places/1", None).await;
    check(&answer, 409, "conflict", "door 1");
    site.stop().await;
}

/// The user id of `nobody` on every Linux.
const NOBODY: &str = "65534";

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_among_the_users_is_refused_on_every_path() {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: only root can call as somebody else");
        return;
    }
    let site = Site::start_for(Times::default(), 0o666, vec![1]).await;
    let folder = site.socket.parent().unwrap();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    for path in ["/v1/status", "/v1/nothing", "/v1/events/stream"] {
        let output = Command::new("setpriv")
            .args(["--reuid", NOBODY, "--clear-groups"])
            .args(["curl", "--silent", "--include", "--unix-socket"])
            .arg(&site.socket)
            .arg(format!("http://doorward{path}"))
            .output()
            .await
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.starts_with("HTTP/1.1 403 "), "{path}: {text}");
        assert!(
            text.contains("uid 65534 (nobody) is not among `api.users`"),
            "{text}"
        );
    }
    assert_eq!(fetch(&site.socket, "/v1/status").await.status, 200);
    site.stop().await;
}
