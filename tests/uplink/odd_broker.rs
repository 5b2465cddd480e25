//! A broker that does what MQTT 5 allows and mosquitto never does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use doorwardd::uplink::Connection;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::appliance::{Appliance, config};

/// How it differs.
#[derive(Debug, Clone, Copy)]
enum Oddity {
    /// Answers the first so many events with reason 0x97, quota exceeded.
    RefusesEvents(usize),
    /// Collects packets until nothing more comes, then answers the newest first.
    AnswersBackwards,
    /// Waives signs of life: Server Keep Alive of 0 (MQTT 5, 3.2.2.3.14).
    WaivesSignsOfLife,
    /// Says of every packet that nobody subscribes to it: reason 0x10.
    HasNoSubscriber,
    /// Acknowledges a packet that never was.
    AnswersUnasked,
}

#[derive(Default)]
struct Seen {
    /// Numbers of the events in the order of arrival.
    events: Vec<u64>,
    refused: usize,
    connections: usize,
    pings: usize,
}

async fn broker(oddity: Oddity) -> (u16, Arc<Mutex<Seen>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen = Arc::new(Mutex::new(Seen::default()));
    let own = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            own.lock().unwrap().connections += 1;
            tokio::spawn(serve(stream, oddity, Arc::clone(&own)));
        }
    });
    (port, seen)
}

async fn serve(mut stream: TcpStream, oddity: Oddity, seen: Arc<Mutex<Seen>>) {
    let mut held = Vec::new();
    loop {
        let packet = tokio::time::timeout(Duration::from_millis(20), packet(&mut stream));
        let (kind, body) = match packet.await {
            Ok(Some(packet)) => packet,
            Ok(None) => return,
            Err(_) => {
                while let Some(id) = held.pop() {
                    answer(&mut stream, id, 0).await;
                }
                continue;
            }
        };
        match kind >> 4 {
            1 => {
                let connack: &[u8] = match oddity {
                    Oddity::WaivesSignsOfLife => &[0x20, 6, 0, 0, 3, 0x13, 0, 0],
                    _ => &[0x20, 3, 0, 0, 0],
                };
                stream.write_all(connack).await.unwrap();
                if matches!(oddity, Oddity::AnswersUnasked) {
                    answer(&mut stream, 77, 0).await;
                }
            }
            3 => {
                let topic_end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
                let id = [body[topic_end], body[topic_end + 1]];
                let is_event = body[..topic_end].ends_with(b"/events");
                let reason = publish(oddity, is_event, &body, &seen);
                if matches!(oddity, Oddity::AnswersBackwards) {
                    held.push(u16::from_be_bytes(id));
                } else {
                    answer(&mut stream, u16::from_be_bytes(id), reason).await;
                }
            }
            12 => {
                seen.lock().unwrap().pings += 1;
                stream.write_all(&[0xD0, 0]).await.unwrap();
            }
            _ => return,
        }
    }
}

/// Takes note of an event; the reason to answer with.
fn publish(oddity: Oddity, is_event: bool, body: &[u8], seen: &Mutex<Seen>) -> u8 {
    if !is_event {
        return 0;
    }
    let mut seen = seen.lock().unwrap();
    match oddity {
        Oddity::RefusesEvents(count) if seen.refused < count => {
            seen.refused += 1;
            return 0x97;
        }
        Oddity::HasNoSubscriber => return 0x10,
        _ => {}
    }
    let text = String::from_utf8_lossy(body);
    let json = &text[text.find("{\"specversion").unwrap()..];
    let json: serde_json::Value = serde_json::from_str(json).unwrap();
    seen.events.push(json["data"]["seq"].as_u64().unwrap());
    0
}

async fn answer(stream: &mut TcpStream, id: u16, reason: u8) {
    let [high, low] = id.to_be_bytes();
    // The other side may have left.
    let _ = stream.write_all(&[0x40, 3, high, low, reason]).await;
}

/// The next packet: its first byte and what follows the length.
async fn packet(stream: &mut TcpStream) -> Option<(u8, Vec<u8>)> {
    // Looks before it takes, so that the timeout above never cuts a packet in two.
    stream.readable().await.ok()?;
    if stream.peek(&mut [0]).await.ok()? == 0 {
        return None;
    }
    let kind = stream.read_u8().await.ok()?;
    let (mut length, mut shift) = (0usize, 0);
    loop {
        let byte = stream.read_u8().await.ok()?;
        length |= usize::from(byte & 0x7F) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    Some((kind, body))
}

fn is_up(connection: &Connection) -> bool {
    matches!(connection, Connection::Up { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_event_is_told_with_the_reason_and_sent_again() {
    let (port, seen) = broker(Oddity::RefusesEvents(2)).await;
    let mut appliance = Appliance::start(&config(port));
    appliance.log.append(1);
    appliance
        .wait_until_down("the broker refused event 1: `QuotaExceeded`")
        .await;
    assert_eq!(appliance.log.cursor_now(), 0);
    appliance
        .wait_for(|status| is_up(&status.connection) && status.backlog == 0)
        .await;
    appliance.stop().await;
    assert_eq!(seen.lock().unwrap().events, [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_in_any_order_keep_the_order_of_events() {
    for in_flight in [1, 2, 7, 200] {
        let (port, seen) = broker(Oddity::AnswersBackwards).await;
        let mut config = config(port);
        config.in_flight = in_flight;
        let log = crate::appliance::MemoryLog::new();
        log.append(100);
        let mut appliance = Appliance::start_with(&config, log);
        appliance.wait_until_up().await;
        while seen.lock().unwrap().events.len() < 100 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        appliance.wait_for(|status| status.backlog == 0).await;
        let log = appliance.log.clone();
        appliance.stop().await;
        assert_eq!(log.cursor_now(), 100);
        let seen = seen.lock().unwrap();
        let expected: Vec<u64> = (1..=100).collect();
        assert_eq!(seen.events, expected, "with {in_flight} in flight");
        assert_eq!(seen.connections, 1, "with {in_flight} in flight");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_waives_signs_of_life_is_not_flooded_with_them() {
    let (port, seen) = broker(Oddity::WaivesSignsOfLife).await;
    let mut appliance = Appliance::start(&config(port));
    appliance.log.append(10);
    appliance.wait_until_up().await;
    while seen.lock().unwrap().events.len() < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    {
        let seen = seen.lock().unwrap();
        assert!(seen.pings <= 2, "{} pings", seen.pings);
        assert_eq!(seen.connections, 1);
    }
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_that_nobody_hears_are_told() {
    let (port, _) = broker(Oddity::HasNoSubscriber).await;
    let mut appliance = Appliance::start(&config(port));
    assert!(!appliance.status().unheard);
    appliance.log.append(3);
    appliance.wait_for(|status| status.unheard).await;
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_answer_to_nothing_ends_the_connection() {
    let (port, _) = broker(Oddity::AnswersUnasked).await;
    let mut appliance = Appliance::start(&config(port));
    appliance.wait_until_down("77").await;
    appliance.stop().await;
}
