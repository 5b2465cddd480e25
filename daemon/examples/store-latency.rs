//! Measures how long the store takes from append to acknowledgement, durable.
//!
//! `store-latency FOLDER [--events N] [--every-ms MS] [--together N] [--change-rows N]`: appends N
//! events together every MS milliseconds, meanwhile commits changes of N records back to back, and
//! prints one JSON object.

#![allow(clippy::print_stdout, reason = "printing is what it is for")]

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use doorward_core::event::{Event, EventKind};
use doorward_core::ids::{DoorId, UserId};
use doorward_core::model::{Change, Record, User, UserState, validate_changes};
use doorward_core::time::{ClockTrust, Wall};
use doorwardd::permit::{Action, Operator, authorise};
use doorwardd::store::{ChangeNote, Store, StoreOptions};

struct Arguments {
    folder: PathBuf,
    events: u64,
    every_ms: u64,
    together: u64,
    change_rows: u32,
}

fn arguments() -> anyhow::Result<Arguments> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().context("which folder?")?.into();
    let mut parsed = Arguments {
        folder,
        events: 1_000,
        every_ms: 10,
        together: 1,
        change_rows: 0,
    };
    while let Some(name) = words.next() {
        let value = words.next().context("a value is missing")?;
        match name.as_str() {
            "--events" => parsed.events = value.parse()?,
            "--every-ms" => parsed.every_ms = value.parse()?,
            "--together" => parsed.together = value.parse()?,
            "--change-rows" => parsed.change_rows = value.parse()?,
            _ => bail!("`{name}` is not known"),
        }
    }
    Ok(parsed)
}

fn main() -> anyhow::Result<()> {
    let arguments = arguments()?;
    let begun = Instant::now();
    let (store, thread) = Store::open(&arguments.folder, StoreOptions::default())?;
    let open_ms = begun.elapsed().as_millis();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()?;
    let changing = (arguments.change_rows > 0)
        .then(|| runtime.spawn(change(store.clone(), arguments.change_rows)));
    let mut latencies_us = runtime.block_on(append(&store, &arguments))?;
    let mut changes_ms = match changing {
        Some(changing) => {
            store.stop();
            runtime.block_on(changing)??
        }
        None => Vec::new(),
    };
    store.stop();
    thread.join();
    latencies_us.sort_unstable();
    changes_ms.sort_unstable();
    let at = |values: &[u64], share: f64| {
        let last = values.len().saturating_sub(1);
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a place"
        )]
        #[allow(clippy::cast_precision_loss, reason = "few values")]
        let place = (last as f64 * share).round() as usize;
        values.get(place).copied().unwrap_or_default()
    };
    println!(
        "{{\"open_ms\":{open_ms},\"events\":{},\"p50_us\":{},\"p95_us\":{},\"p99_us\":{},\"max_us\":{},\
         \"changes\":{},\"change_p50_ms\":{},\"change_max_ms\":{}}}",
        latencies_us.len(),
        at(&latencies_us, 0.5),
        at(&latencies_us, 0.95),
        at(&latencies_us, 0.99),
        at(&latencies_us, 1.0),
        changes_ms.len(),
        at(&changes_ms, 0.5),
        at(&changes_ms, 1.0),
    );
    Ok(())
}

async fn append(store: &Store, arguments: &Arguments) -> anyhow::Result<Vec<u64>> {
    let (sink, mut acks) = store.event_sink();
    let mut latencies_us = Vec::new();
    let mut due = Instant::now();
    for round in 0..arguments.events / arguments.together {
        tokio::time::sleep_until(due.into()).await;
        due = due.max(Instant::now()) + Duration::from_millis(arguments.every_ms);
        let begun = Instant::now();
        for nth in 0..arguments.together {
            sink.append(round * arguments.together + nth, event());
        }
        for _ in 0..arguments.together {
            acks.recv().await.context("the store has stopped")?.result?;
            latencies_us.push(u64::try_from(begun.elapsed().as_micros())?);
        }
    }
    Ok(latencies_us)
}

fn event() -> Event {
    let at = Wall(1_764_000_000_000);
    let mut event = Event::new(EventKind::Granted, at, ClockTrust::Trusted, 1);
    event.user = Some(UserId(1));
    event.door = Some(DoorId(1));
    event.reader = Some("front-in".into());
    event
}

async fn change(store: Store, rows: u32) -> anyhow::Result<Vec<u64>> {
    let permit = authorise(&Operator::Appliance, Action::ChangeTable)?;
    let mut took_ms = Vec::new();
    for round in 0u32.. {
        let changes: Vec<_> = (0..rows)
            .map(|row| Change::Put(Record::User(user(round * rows + row + 1))))
            .collect();
        let view = store.view();
        // The view ends with the store.
        let Ok(checked) = tokio::task::block_in_place(|| validate_changes(&view, &changes)) else {
            break;
        };
        let note = ChangeNote {
            at: Wall(1_764_000_000_000),
            text: "bench".to_owned(),
            expected_revision: None,
        };
        let begun = Instant::now();
        if store.commit(&permit, checked, note).await.is_err() {
            break;
        }
        took_ms.push(u64::try_from(begun.elapsed().as_millis())?);
    }
    Ok(took_ms)
}

fn user(id: u32) -> User {
    User {
        id: UserId(id),
        first_name: "Ann".to_owned(),
        last_name: format!("Number {id}"),
        email: Some(format!("ann.{id}@example.org")),
        department: "Ward 7".to_owned(),
        state: UserState::Active,
        extended_unlock: false,
        ..User::default()
    }
}
