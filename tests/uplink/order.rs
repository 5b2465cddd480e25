//! Nothing lost, in order, whatever happens to the broker or the line.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use doorwardd::store::{Store, StoreOptions};
use nix::sys::signal::Signal;

use crate::appliance::{Appliance, MemoryLog, config, event};
use crate::mosquitto::{Message, Mosquitto, Subscriber};
use crate::wire::Line;

const EVENTS: &str = "doorward/north/events";

/// Every event from 1 to `newest` is there; first appearances are in order without a gap. Returns
/// how many messages were repeats.
fn check_order(messages: &[Message], newest: u64) -> u64 {
    let mut expected = 1;
    let mut repeats = 0;
    for message in messages {
        let seq = message.seq();
        assert!(seq <= expected, "event {seq} came before event {expected}");
        assert_eq!(message.payload["id"], format!("north/{seq}"));
        if seq == expected {
            expected += 1;
        } else {
            repeats += 1;
        }
    }
    assert_eq!(expected, newest + 1, "the last events are missing");
    repeats
}

fn wait_for_event(subscriber: &Subscriber, seq: u64) {
    subscriber.wait_for(&format!("event {seq}"), |message| message.seq() >= seq);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_events_arrive_in_order_through_broker_restarts() {
    let mut broker = Mosquitto::start("allow_anonymous true");
    let subscriber = Subscriber::new(broker.port, EVENTS, &[]);
    let appliance = Appliance::start(&config(broker.port));
    appliance.log.append(500);
    for seen in [200, 2_500, 5_000, 8_000] {
        appliance.log.append(2_000);
        wait_for_event(&subscriber, seen);
        broker.stop();
        appliance.log.append(375);
        broker.resume();
    }
    wait_for_event(&subscriber, 10_000);
    // How many are repeated is not looked at: a restarted broker repeats some of its own accord.
    check_order(&subscriber.messages(), 10_000);
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_cut_anywhere_loses_nothing_and_repeats_no_more_than_was_under_way() {
    let broker = Mosquitto::start("allow_anonymous true");
    let subscriber = Subscriber::new(broker.port, EVENTS, &[]);
    let line = Line::to(broker.port).await;
    let appliance = Appliance::start(&config(line.port));
    appliance.log.append(10_000);
    // The waits between cuts are in bytes, so that they fall inside packets at odd places.
    let mut next_cut = 7_001;
    let cuts = 20;
    for _ in 0..cuts {
        while line.carried.load(Ordering::Relaxed) < next_cut {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        line.cut();
        next_cut = line.carried.load(Ordering::Relaxed) + 7_001;
    }
    wait_for_event(&subscriber, 10_000);
    let repeats = check_order(&subscriber.messages(), 10_000);
    assert!(repeats <= cuts * 200, "{repeats} repeats over {cuts} cuts");
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_stops_answering_is_left_and_tried_again() {
    let broker = Mosquitto::start("allow_anonymous true");
    let subscriber = Subscriber::new(broker.port, EVENTS, &[]);
    let mut appliance = Appliance::start(&config(broker.port));
    appliance.log.append(10);
    wait_for_event(&subscriber, 10);
    broker.signal(Signal::SIGSTOP);
    appliance.log.append(50_000);
    appliance
        .wait_for(|status| {
            matches!(
                status.connection,
                doorwardd::uplink::Connection::Down { .. }
            )
        })
        .await;
    broker.signal(Signal::SIGCONT);
    wait_for_event(&subscriber, 50_010);
    check_order(&subscriber.messages(), 50_010);
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cursor_outlives_the_daemon() {
    let broker = Mosquitto::start("allow_anonymous true");
    let subscriber = Subscriber::new(broker.port, EVENTS, &[]);
    let log = MemoryLog::new();
    log.append(500);
    let first = Appliance::start_with(&config(broker.port), log.clone());
    wait_for_event(&subscriber, 500);
    first.stop().await;

    log.append(500);
    let second = Appliance::start_with(&config(broker.port), log.clone());
    wait_for_event(&subscriber, 1_000);
    assert_eq!(
        check_order(&subscriber.messages(), 1_000),
        0,
        "after a stop in order nothing is repeated"
    );
    second.abort().await;

    log.append(500);
    let third = Appliance::start_with(&config(broker.port), log);
    wait_for_event(&subscriber, 1_500);
    check_order(&subscriber.messages(), 1_500);
    third.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_real_store_is_drained_over_restarts() {
    let broker = Mosquitto::start("allow_anonymous true");
    let subscriber = Subscriber::new(broker.port, EVENTS, &[]);
    let folder = tempfile::tempdir().unwrap();
    let mut newest = 0;
    let mut hashes = Vec::new();
    for _ in 0..3 {
        let (store, thread) = Store::open(folder.path(), StoreOptions::default()).unwrap();
        let appliance = Appliance::start_with(&config(broker.port), Arc::new(store.clone()));
        let (sink, mut acks) = store.event_sink();
        for _ in 0..300 {
            newest += 1;
            sink.append(newest, event(newest));
        }
        for _ in 0..300 {
            acks.recv().await.unwrap().result.unwrap();
        }
        wait_for_event(&subscriber, newest);
        appliance.stop().await;
        hashes.extend(
            store
                .events_after(newest - 300, 300)
                .unwrap()
                .iter()
                .map(|row| row.hash),
        );
        store.stop();
        thread.join();
    }
    let messages = subscriber.messages();
    assert_eq!(check_order(&messages, 900), 0);
    for (message, hash) in messages.iter().zip(hashes) {
        let expected: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(message.payload["data"]["hash"], expected);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_event_log_is_told_and_tried_again() {
    let broker = Mosquitto::start("allow_anonymous true");
    let subscriber = Subscriber::new(broker.port, EVENTS, &[]);
    let log = MemoryLog::new();
    log.failing.store(true, Ordering::Relaxed);
    log.append(50);
    let mut appliance = Appliance::start_with(&config(broker.port), log);
    appliance.wait_until_down("the disk is gone").await;
    assert_eq!(subscriber.count(), 0);
    appliance.log.failing.store(false, Ordering::Relaxed);
    wait_for_event(&subscriber, 50);
    check_order(&subscriber.messages(), 50);
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_small_window_of_the_broker_is_kept() {
    let broker = Mosquitto::start("allow_anonymous true\nmax_inflight_messages 3");
    let subscriber = Subscriber::new(broker.port, EVENTS, &[]);
    let appliance = Appliance::start(&config(broker.port));
    appliance.log.append(1_000);
    wait_for_event(&subscriber, 1_000);
    assert_eq!(check_order(&subscriber.messages(), 1_000), 0);
    let numbers: BTreeSet<u64> = subscriber.messages().iter().map(Message::seq).collect();
    assert_eq!(numbers.len(), 1_000);
    appliance.stop().await;
}

/// `cargo test --release -p doorward-tests --test uplink backlog -- --ignored --nocapture`
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn backlog_of_a_million() {
    let broker = Mosquitto::start("allow_anonymous true");
    let log = MemoryLog::new();
    log.append(1_000_000);
    let began = std::time::Instant::now();
    let mut appliance = Appliance::start_with(&config(broker.port), log);
    appliance.wait_until_up().await;
    while appliance.status().backlog > 0 || appliance.log.cursor_now() < 1_000_000 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let took = began.elapsed().as_secs_f64();
    println!("1000000 events in {took:.1} s, {:.0} a second", 1e6 / took);
    appliance.stop().await;
}
