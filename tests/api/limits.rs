//! Many callers, slow callers, and callers who say nothing.

use std::time::{Duration, Instant};

use doorwardd::admin::Times;
use doorwardd::admin::limits::{CONNECTIONS_MAX, STREAMS_MAX};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::task::JoinSet;

use crate::curl::fetch;
use crate::records::send_examples;
use crate::site::Site;

fn short_times() -> Times {
    Times {
        head: Duration::from_millis(300),
        request: Duration::from_millis(600),
        write_stall: Duration::from_millis(300),
        ..Times::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_curls_at_once_are_all_served() {
    let site = Site::start().await;
    send_examples(&site).await;
    let mut calls = JoinSet::new();
    for _ in 0..100 {
        let socket = site.socket.clone();
        calls.spawn(async move { fetch(&socket, "/v1/doors").await });
    }
    let mut served = 0;
    while let Some(answer) = calls.join_next().await {
        let answer = answer.unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(answer.json()["items"][0]["id"], 1);
        served += 1;
    }
    assert_eq!(served, 100);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_connection_too_many_is_told_so() {
    let site = Site::start().await;
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        held.push(UnixStream::connect(&site.socket).await.unwrap());
    }
    let answer = fetch(&site.socket, "/v1/status").await;
    assert_eq!(answer.status, 503);
    assert_eq!(answer.problem().0, "busy");
    assert_eq!(answer.header("retry-after"), Some("1"));
    assert_eq!(answer.header("connection"), Some("close"));
    drop(held);
    // The places are free once the daemon has seen that the others left.
    let began = Instant::now();
    while fetch(&site.socket, "/v1/status").await.status != 200 {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "the places are not given back"
        );
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_have_a_limit_of_their_own() {
    let site = Site::start().await;
    let mut held = Vec::new();
    for _ in 0..STREAMS_MAX {
        held.push(site.client.event_stream(None).await.unwrap());
    }
    let refused = site.client.live_stream().await.unwrap_err();
    assert!(
        refused.to_string().contains("streams are open already"),
        "{refused}"
    );
    assert_eq!(site.client.status().await.unwrap().api.streams, 64);
    drop(held);
    let began = Instant::now();
    while site.client.live_stream().await.is_err() {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "the places are not given back"
        );
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_head_byte_by_byte_is_cut_off_and_holds_up_nobody() {
    let site = Site::start_with(short_times()).await;
    let mut slow = UnixStream::connect(&site.socket).await.unwrap();
    let began = Instant::now();
    let (mut reader, mut writer) = slow.split();
    let dripping = async {
        for byte in b"GET /v1/status HTTP/1.1\r\nHost: doorward\r\nX-Slow: "
            .iter()
            .cycle()
        {
            if writer.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let mut heard = Vec::new();
    tokio::select! {
        () = dripping => {}
        read = reader.read_to_end(&mut heard) => drop(read),
    }
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "it was not cut off"
    );
    assert_eq!(fetch(&site.socket, "/v1/status").await.status, 200);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_a_body_too_slowly_is_told_so() {
    let site = Site::start_with(short_times()).await;
    let mut slow = UnixStream::connect(&site.socket).await.unwrap();
    let head = b"POST /v1/users HTTP/1.1\r\nHost: doorward\r\n\
        Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{";
    slow.write_all(head).await.unwrap();
    let mut heard = String::new();
    let answer = tokio::time::timeout(Duration::from_secs(5), slow.read_to_string(&mut heard));
    answer.await.expect("it was not cut off").unwrap();
    assert!(heard.starts_with("HTTP/1.1 408 "), "{heard}");
    assert!(heard.contains("urn:doorward:problem:timed-out"), "{heard}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_a_stream_is_cut_off() {
    let mut site = Site::start_with(short_times()).await;
    let mut deaf = UnixStream::connect(&site.socket).await.unwrap();
    let request = b"GET /v1/events/stream?after=0 HTTP/1.1\r\nHost: doorward\r\n\r\n";
    deaf.write_all(request).await.unwrap();
    // Far more than the buffers of a socket hold.
    for _ in 0..10 {
        site.log_events(1000).await;
    }
    let began = Instant::now();
    while site.client.status().await.unwrap().api.streams > 0 {
        assert!(
            began.elapsed() < Duration::from_secs(10),
            "it was not cut off"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_is_too_large_is_refused() {
    let site = Site::start().await;
    let mut large = UnixStream::connect(&site.socket).await.unwrap();
    let head = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "x".repeat(64 * 1024));
    // The daemon may answer before all of it is written.
    let _ = large.write_all(head.as_bytes()).await;
    let mut heard = Vec::new();
    let _ = large.read_to_end(&mut heard).await;
    let heard = String::from_utf8(heard).unwrap();
    assert!(heard.starts_with("HTTP/1.1 431 "), "{heard}");
    assert_eq!(fetch(&site.socket, "/v1/status").await.status, 200);
    site.stop().await;
}
