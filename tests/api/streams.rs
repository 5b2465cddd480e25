//! Server-sent events: in order, gapless, resumable.

use std::process::Stdio;
use std::time::Duration;

use doorward_api::{EventsQuery, Live, LiveMessage, SseParser};
use doorward_core::event::EventKind;
use doorward_core::ids::DoorId;
use doorwardd::admin::Times;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use crate::curl::fetch;
use crate::records::send_examples;
use crate::site::Site;

/// curl, following a stream.
struct Follow {
    child: Child,
    parser: SseParser,
    ready: Vec<doorward_api::SseEvent>,
}

impl Follow {
    fn start(site: &Site, args: &[&str], path: &str) -> Self {
        let child = Command::new("curl")
            .args(["--silent", "--no-buffer", "--unix-socket"])
            .arg(&site.socket)
            .args(args)
            .arg(format!("http://doorward{path}"))
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            child,
            parser: SseParser::default(),
            ready: Vec::new(),
        }
    }

    /// The ids of the next `count` events; fails after ten seconds.
    async fn ids(&mut self, count: usize) -> Vec<u64> {
        let reading = async {
            let mut bytes = [0; 4096];
            while self.ready.len() < count {
                let out = self.child.stdout.as_mut().unwrap();
                let read = out.read(&mut bytes).await.unwrap();
                assert_ne!(read, 0, "the stream ended");
                let ready = &mut self.ready;
                self.parser
                    .feed(&bytes[..read], |event| ready.push(event))
                    .unwrap();
            }
        };
        let within = tokio::time::timeout(Duration::from_secs(10), reading).await;
        within.expect("the events did not come");
        let events = self.ready.drain(..count);
        events
            .map(|event| event.id.unwrap().parse().unwrap())
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn curl_follows_the_log_and_resumes_with_last_event_id() {
    let mut site = Site::start().await;
    site.log_events(600).await;
    let mut follow = Follow::start(&site, &[], "/v1/events/stream?after=0");
    assert_eq!(follow.ids(600).await, (1..=600).collect::<Vec<_>>());
    site.log_events(3).await;
    assert_eq!(follow.ids(3).await, [601, 602, 603]);
    drop(follow);

    site.log_events(2).await;
    let args = ["--header", "Last-Event-ID: 602"];
    // The header has precedence: a browser resumes with the address it began with.
    let mut follow = Follow::start(&site, &args, "/v1/events/stream?after=0");
    assert_eq!(follow.ids(3).await, [603, 604, 605]);
    let args = ["--header", "Last-Event-ID: next"];
    let answer = crate::curl::curl(&site.socket, &args, "/v1/events/stream", None).await;
    assert_eq!(answer.problem().0, "bad-request");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_without_a_place_begins_with_what_is_new() {
    let mut site = Site::start().await;
    site.log_events(5).await;
    let mut stream = site.client.event_stream(None).await.unwrap();
    site.log_events(2).await;
    for seq in [6, 7] {
        assert_eq!(stream.next().await.unwrap().unwrap().seq, seq);
        assert_eq!(stream.last(), Some(seq));
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_end_when_the_daemon_stops() {
    let mut site = Site::start().await;
    let mut events = site.client.event_stream(None).await.unwrap();
    let mut live = site.client.live_stream().await.unwrap();
    site.log_events(1).await;
    events.next().await.unwrap().unwrap();
    assert!(matches!(
        live.next().await.unwrap(),
        Some(LiveMessage::Snapshot(_))
    ));
    // A stream moves only while it is waited for.
    let ends = tokio::spawn(async move {
        let events = events.next().await.unwrap();
        let live = live.next().await.unwrap();
        (events.is_none(), live.is_none())
    });
    site.stop().await;
    assert_eq!(ends.await.unwrap(), (true, true));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_stream_gives_signs_of_life() {
    let times = Times {
        heartbeat: Duration::from_millis(50),
        ..Times::default()
    };
    let site = Site::start_with(times).await;
    let mut follow = Follow::start(&site, &[], "/v1/live");
    let mut heard = String::new();
    let out = follow.child.stdout.as_mut().unwrap();
    let mut bytes = [0; 512];
    while heard.matches(": alive").count() < 3 {
        let read = tokio::time::timeout(Duration::from_secs(10), out.read(&mut bytes));
        let read = read.await.expect("no sign of life").unwrap();
        heard.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    assert!(heard.contains("event: snapshot\n"), "{heard}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn live_is_a_snapshot_and_then_what_changes() {
    let site = Site::start().await;
    send_examples(&site).await;
    let mut live = site.client.live_stream().await.unwrap();
    let Some(LiveMessage::Snapshot(mut shown)) = live.next().await.unwrap() else {
        panic!("the first message is no snapshot");
    };
    assert_eq!(shown.doors.len(), 1);
    site.client.unlock(DoorId(1)).await.unwrap();
    let Some(LiveMessage::Change(change)) = live.next().await.unwrap() else {
        panic!("no change came");
    };
    assert!(matches!(change, Live::Door(_)), "{change:?}");
    shown.apply(change);
    let now = site.client.door(DoorId(1)).await.unwrap();
    assert_eq!(Some(&shown.doors[0]), now.status.as_ref());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_read_both_ways_and_filtered() {
    let mut site = Site::start().await;
    site.log_events(2500).await;
    let check = async |query: &str, expect: &[u64], next: Option<u64>| {
        let page = fetch(&site.socket, &format!("/v1/events?{query}"))
            .await
            .json();
        let found: Vec<u64> = page["events"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["seq"].as_u64().unwrap())
            .collect();
        assert_eq!(found, expect, "{query}");
        assert_eq!(page["next"].as_u64(), next, "{query}");
        assert_eq!(page["newest"], 2500);
    };
    check("limit=2", &[2500, 2499], Some(2499)).await;
    check("before=2499&limit=2", &[2498, 2497], Some(2497)).await;
    check("before=3", &[2, 1], None).await;
    check("after=0&limit=3", &[1, 2, 3], Some(3)).await;
    check("after=2498", &[2499, 2500], None).await;
    check("after=10&before=13", &[11, 12], None).await;
    check("door=2&limit=2", &[2500, 2498], Some(2498)).await;
    check("door=2&after=0&limit=2", &[2, 4], Some(4)).await;
    check("kind=denied", &[], None).await;
    check("user=1", &[], None).await;

    // Every row of a filter is met once, page by page.
    let mut query = EventsQuery {
        door: Some(DoorId(1)),
        kind: Some(EventKind::Granted),
        limit: Some(999),
        ..EventsQuery::default()
    };
    let mut found = Vec::new();
    loop {
        let page = site.client.events(&query).await.unwrap();
        found.extend(page.events.iter().map(|row| row.seq));
        match page.next {
            Some(next) => query.before = Some(next),
            None => break,
        }
    }
    let expect: Vec<u64> = (1..=2500).rev().filter(|seq| seq % 2 == 1).collect();
    assert_eq!(found, expect);
    let one = site.client.event(7).await.unwrap();
    assert_eq!((one.seq, one.hash.len()), (7, 64));
    site.stop().await;
}
