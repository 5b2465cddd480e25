//! The daemon under load, killed with SIGKILL at random moments and started again; what it said to
//! those outside is compared with what it knows afterwards.

mod coils;
mod house;
mod load;

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use doorward_api::{EventRow, EventsQuery};
use doorward_core::event::EventKind;
use doorward_core::model::User;
use doorward_sim::line::monotonic_ns;
use doorwardd::store::{Store, StoreOptions};
use tokio::runtime::Runtime;

use self::coils::{Asking, Coil, Unlock, judge, unlocks};
pub use self::house::House;
use self::house::{HOLDERS, OPERATORS_DOOR, READERS, UNLOCK_MS};
use self::load::{Asked, Ledger, Load, Style};
use crate::bench::figures::Spread;
use crate::bench::progress;
use crate::daemon::Daemon;
use crate::modbus_board::BoardReport;

/// Kills in one house before another is laid, so that a table that only grows slows nothing.
const ROUNDS_A_HOUSE: u32 = 200;
/// The first number of users that come in imports.
const IMPORTED: u32 = 10_000_000;
/// One kill in so many comes while the daemon starts.
const STARTS_KILLED: u64 = 8;
/// The moments of such a kill.
const WHILE_STARTING: (Duration, Duration) = (Duration::ZERO, Duration::from_millis(500));
/// How long the load goes on before the kill.
const UNDER_LOAD: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(900));
/// Between two cards, and between two at one reader.
const TAP_PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(90));
const TAP_AGAIN: Duration = Duration::from_millis(400);
/// The site's deadline for records.
const DEADLINE_NS: u64 = 20_000_000;
/// A reader gives a card up after 10 s.
const CARD_AGE_NS: u64 = 12_000_000_000;
/// What a relay may be late by.
const LATE: Duration = Duration::from_secs(1);
/// Longer than anything should take on a slow and busy machine.
const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);
/// Rows of the passage log asked for at once.
const PAGE: u32 = 1000;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// How often the daemon was killed.
    pub rounds: u32,
    /// Events and changes that were acknowledged, and are not there or not the same; numbers left out.
    pub lost: u64,
    /// Events that came of nothing, or came to the broker again under another number or changed.
    pub duplicated: u64,
    /// Events that came out of their order, here or at the broker.
    pub reordered: u64,
    /// Coils that went on without an event.
    pub coils_without_event: u64,
    /// Of those, such as may: the site's deadline for records had passed.
    pub deadline_passed: u64,
    /// Relays that were still on when their pulse had long been over.
    pub relays_left_on: u64,
    /// Kills while the daemon was starting.
    pub killed_while_starting: u32,
    /// Events in the log at the end; all of them have been looked at, and the chain holds.
    pub events: u64,
    /// Of those, how many the broker has: all but those of the last stop, in order.
    pub events_at_broker: u64,
    /// Entries of the admin log at the end; their chain holds.
    pub audit_entries: u64,
    /// Coils that went on.
    pub coils: u64,
    /// Cards shown.
    pub cards: u64,
    /// Changes of the table that were acknowledged, and of those, imports of hundreds of users.
    pub changes: u64,
    /// Imports among them.
    pub imports: u64,
    /// Changes that were refused.
    pub changes_refused: u64,
}

/// A card that was shown.
#[derive(Debug, Clone, Copy)]
struct Tap {
    holder: u32,
    door: u32,
    ns: u64,
}

struct Proof {
    house: House,
    runtime: Runtime,
    spread: Spread,
    tally: Tally,
    ledgers: Vec<Ledger>,
    /// What the stream had said was durable, and was not looked for yet.
    heard: Vec<EventRow>,
    /// The hash of each event that was looked at: the first is number 1.
    hashes: Vec<String>,
    /// The newest event that the broker has.
    delivered: u64,
    taps: VecDeque<Tap>,
    asked: VecDeque<Asked>,
    /// Events whose coil has not been seen.
    free: Vec<Unlock>,
    next_holder: u32,
    levels: BTreeMap<u16, bool>,
    /// Coils that went on before the load began.
    early: Vec<Coil>,
}

/// Kills the daemon so many times, and tells what was found.
///
/// # Errors
/// When a peer is missing, or the daemon does not start any more.
pub fn prove(rounds: u32, seed: u64) -> Result<Tally> {
    let mut all = Tally::default();
    while all.rounds < rounds {
        let house = u64::from(all.rounds / ROUNDS_A_HOUSE);
        let rounds = ROUNDS_A_HOUSE.min(rounds - all.rounds);
        let found = prove_in_one_house(rounds, seed.wrapping_add(house << 32))?;
        all.add(&found);
        progress(&format!("{all:?}"));
    }
    Ok(all)
}

fn prove_in_one_house(rounds: u32, seed: u64) -> Result<Tally> {
    let mut proof = Proof {
        house: House::lay()?,
        runtime: tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()?,
        spread: Spread::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        tally: Tally::default(),
        ledgers: vec![
            Ledger::new(Style::Small, 1_000, IMPORTED),
            Ledger::new(Style::Imports, IMPORTED, u32::MAX),
        ],
        heard: Vec::new(),
        hashes: Vec::new(),
        delivered: 0,
        taps: VecDeque::new(),
        asked: VecDeque::new(),
        free: Vec::new(),
        next_holder: 0,
        levels: BTreeMap::new(),
        early: Vec::new(),
    };
    while proof.tally.rounds < rounds {
        proof.round()?;
        if proof.tally.rounds.is_multiple_of(20) {
            progress(&format!("{} of {rounds} rounds", proof.tally.rounds));
        }
    }
    proof.finish()
}

impl Tally {
    fn add(&mut self, more: &Self) {
        self.rounds += more.rounds;
        self.lost += more.lost;
        self.duplicated += more.duplicated;
        self.reordered += more.reordered;
        self.coils_without_event += more.coils_without_event;
        self.deadline_passed += more.deadline_passed;
        self.relays_left_on += more.relays_left_on;
        self.killed_while_starting += more.killed_while_starting;
        self.events += more.events;
        self.events_at_broker += more.events_at_broker;
        self.audit_entries += more.audit_entries;
        self.coils += more.coils;
        self.cards += more.cards;
        self.changes += more.changes;
        self.imports += more.imports;
        self.changes_refused += more.changes_refused;
    }
}

impl Proof {
    /// One life of the daemon, from its start to its kill.
    fn round(&mut self) -> Result<()> {
        self.tally.rounds += 1;
        if self.spread.below(STARTS_KILLED) == 0 {
            let daemon = Daemon::spawn(self.house.folder(), &[])?;
            let (least, most) = WHILE_STARTING;
            std::thread::sleep(self.spread.between(least, most));
            self.tally.killed_while_starting += 1;
            return daemon.kill();
        }
        let daemon = self.start()?;
        self.relays_are_off()?;
        let seen = self.hashes.len() as u64;
        let load = Load::start(
            &self.runtime,
            &self.house.folder().join("api.sock"),
            std::mem::take(&mut self.ledgers),
            OPERATORS_DOOR,
            seen,
            &mut self.spread,
        );
        let time = self.spread.between(UNDER_LOAD.0, UNDER_LOAD.1);
        self.tap_for(time)?;
        daemon.kill()?;
        let heard = load.end(&self.runtime)?;
        self.ledgers = heard.ledgers;
        self.heard.extend(heard.rows);
        self.asked.extend(heard.asked);
        Ok(())
    }

    /// Starts the daemon, and compares.
    fn start(&mut self) -> Result<Daemon> {
        let daemon = Daemon::start(self.house.folder())?;
        self.check(&daemon)?;
        House::wait_wired(&daemon)?;
        Ok(daemon)
    }

    fn tap_for(&mut self, time: Duration) -> Result<()> {
        let until = Instant::now() + time;
        let mut free_at = [Instant::now(); READERS as usize];
        loop {
            let pause = self.spread.between(TAP_PAUSE.0, TAP_PAUSE.1);
            let left = until.saturating_duration_since(Instant::now());
            std::thread::sleep(pause.min(left));
            if left <= pause {
                return Ok(());
            }
            let reader = self.spread.below(READERS.into()) as usize;
            if free_at[reader] > Instant::now() {
                continue;
            }
            free_at[reader] = Instant::now() + TAP_AGAIN;
            let holder = self.next_holder % HOLDERS + 1;
            if let Some(ns) = self.house.tap(reader, holder)? {
                self.next_holder += 1;
                self.tally.cards += 1;
                let door = reader as u32 + 1;
                self.taps.push_back(Tap { holder, door, ns });
            }
        }
    }

    /// Everything that was said before the kill is compared with what is there after it.
    fn check(&mut self, daemon: &Daemon) -> Result<()> {
        // First what the broker has: all of it must be in the log.
        let delivered = self.house.subscriber.take()?;
        let rows = self.new_rows(daemon)?;
        self.check_numbers(&rows);
        self.check_heard(&rows);
        self.hashes.extend(rows.iter().map(|row| row.hash.clone()));
        self.check_broker(&delivered);
        self.check_table(daemon)?;
        self.check_cards(&rows);
        self.check_coils(&rows)
    }

    fn new_rows(&self, daemon: &Daemon) -> Result<Vec<EventRow>> {
        let mut rows: Vec<EventRow> = Vec::new();
        let mut after = self.hashes.len() as u64;
        loop {
            let query = EventsQuery {
                after: Some(after),
                limit: Some(PAGE),
                ..EventsQuery::default()
            };
            let page = daemon.call(async |client| client.events(&query).await)?;
            let Some(last) = page.events.last() else {
                return Ok(rows);
            };
            after = last.seq;
            rows.extend(page.events);
        }
    }

    fn check_numbers(&mut self, rows: &[EventRow]) {
        let mut expected = self.hashes.len() as u64 + 1;
        for row in rows {
            match row.seq.checked_sub(expected) {
                None => self.tally.reordered += 1,
                Some(missing) => self.tally.lost += missing,
            }
            expected = row.seq + 1;
        }
    }

    fn check_heard(&mut self, rows: &[EventRow]) {
        let first = self.hashes.len() as u64 + 1;
        for heard in self.heard.drain(..) {
            let Some(at) = heard.seq.checked_sub(first) else {
                continue;
            };
            let found = usize::try_from(at).ok().and_then(|at| rows.get(at));
            if found != Some(&heard) {
                progress(&format!("lost: {heard:?}, found {found:?}"));
                self.tally.lost += 1;
            }
        }
    }

    fn check_broker(&mut self, messages: &[serde_json::Value]) {
        for message in messages {
            let data = &message["data"];
            let (seq, hash) = (data["seq"].as_u64().unwrap_or(0), data["hash"].as_str());
            let known = (seq as usize)
                .checked_sub(1)
                .and_then(|at| self.hashes.get(at));
            if seq > self.delivered {
                // In order, and none left out. One that comes again has the number it had.
                self.tally.reordered += u64::from(seq != self.delivered + 1);
                self.delivered = seq;
                self.tally.lost += u64::from(known.is_none());
            }
            let same = known.map(String::as_str) == hash;
            self.tally.duplicated += u64::from(known.is_some() && !same);
        }
    }

    fn check_table(&mut self, daemon: &Daemon) -> Result<()> {
        let all = daemon.call(async |client| client.list_all::<User>().await)?;
        let all = all.into_iter().map(|user| (user.id.0, user.last_name));
        let all = all.collect();
        let revision = daemon.call(async |client| client.status().await)?.revision;
        for ledger in &mut self.ledgers {
            let wrong = ledger.settle(&all);
            let behind = ledger.revision.saturating_sub(revision);
            if wrong + behind > 0 {
                progress(&format!(
                    "{wrong} users are wrong, {behind} revisions are missing"
                ));
            }
            self.tally.lost += wrong + behind;
        }
        Ok(())
    }

    /// Every event of a card has the card that was shown for it.
    fn check_cards(&mut self, rows: &[EventRow]) {
        let offset = wall_offset_ns();
        for row in rows {
            if !matches!(row.event.kind, EventKind::Granted | EventKind::Denied) {
                continue;
            }
            let at = i128::from(row.event.at.0) * 1_000_000 - offset;
            let shown = self.taps.iter().position(|tap| {
                row.event.user.is_some_and(|user| user.0 == tap.holder)
                    && row.event.door.is_some_and(|door| door.0 == tap.door)
                    && i128::from(tap.ns) <= at + 3_000_000
            });
            match shown {
                Some(at) => drop(self.taps.remove(at)),
                None => {
                    progress(&format!("nobody showed the card of {row:?}"));
                    self.tally.duplicated += 1;
                }
            }
        }
    }

    fn check_coils(&mut self, rows: &[EventRow]) -> Result<()> {
        let mut coils = std::mem::take(&mut self.early);
        coils.extend(self.hear_board()?);
        let mut events = std::mem::take(&mut self.free);
        let mut askings = std::mem::take(&mut self.asked)
            .into_iter()
            .map(|asked| Asking {
                door: OPERATORS_DOOR.0,
                ns: asked.ns,
            })
            .collect::<Vec<_>>();
        // What has its event was taken out of the cards already; what has none is still there.
        askings.extend(self.taps.iter().map(|tap| Asking {
            door: tap.door,
            ns: tap.ns,
        }));
        events.extend(unlocks(rows, wall_offset_ns()));
        let judged = judge(&coils, &events, &askings, DEADLINE_NS);
        for coil in &judged.without_event {
            progress(&format!(
                "without an event: {coil:?} of {askings:?}, {events:?}"
            ));
        }
        self.tally.coils += coils.len() as u64;
        self.tally.coils_without_event += judged.without_event.len() as u64;
        self.tally.deadline_passed += judged.deadline_passed.len() as u64;
        self.free = judged.free;
        let old = monotonic_ns().saturating_sub(CARD_AGE_NS);
        self.taps.retain(|tap| tap.ns > old);
        Ok(())
    }

    /// What the board has reported since the last time.
    fn hear_board(&mut self) -> Result<Vec<Coil>> {
        let mut coils = Vec::new();
        let levels = &mut self.levels;
        let heard = self
            .house
            .board
            .wait_for("coils", Duration::ZERO, |report| {
                if let BoardReport::Level { output, on, ns, .. } = *report {
                    levels.insert(output, on);
                    if on {
                        coils.push(Coil {
                            door: output.into(),
                            ns,
                        });
                    }
                }
                None::<()>
            });
        // Nothing is waited for; but a board that has ended is not to be taken for a quiet one.
        if self.house.board.has_ended() {
            heard.context("the board has ended")?;
        }
        self.house.board.forget();
        Ok(coils)
    }

    /// After a start, every relay is in its safe state, or was driven anew.
    fn relays_are_off(&mut self) -> Result<()> {
        let until = Instant::now() + Duration::from_millis(UNLOCK_MS.into()) + LATE;
        let mut again = Vec::new();
        loop {
            again.extend(self.hear_board()?);
            let on = self.levels.values().filter(|on| **on).count() as u64;
            if on == 0 {
                break;
            }
            if Instant::now() > until {
                self.tally.relays_left_on += on;
                break;
            }
            std::thread::sleep(LOOK);
        }
        // A reader that had kept its card has handed it over to the new daemon.
        self.early = again;
        Ok(())
    }

    /// The last look: the broker has everything, the daemon stops, and both chains hold.
    fn finish(mut self) -> Result<Tally> {
        let daemon = self.start()?;
        let until = Instant::now() + SOON;
        while self.delivered < self.hashes.len() as u64 && Instant::now() < until {
            std::thread::sleep(LOOK);
            self.check(&daemon)?;
        }
        self.tally.lost += (self.hashes.len() as u64).saturating_sub(self.delivered);
        self.tally.events_at_broker = self.delivered;
        for ledger in &self.ledgers {
            self.tally.changes += ledger.acknowledged;
            self.tally.changes_refused += ledger.refused;
        }
        self.tally.imports = self.ledgers[1].acknowledged;
        let ended = daemon.stop(SOON)?;
        if !ended.status.success() {
            bail!("doorwardd has ended with {}\n{}", ended.status, ended.log);
        }
        let data = self.house.folder().join("data");
        let (store, thread) = Store::open(&data, StoreOptions::default())?;
        self.tally.events = store.verify_events(1, u64::MAX)?;
        self.tally.audit_entries = store.verify_audit(1)?;
        store.stop();
        thread.join();
        Ok(self.tally)
    }
}

/// What wall time is ahead of `CLOCK_MONOTONIC`.
fn wall_offset_ns() -> i128 {
    let wall = SystemTime::now().duration_since(UNIX_EPOCH);
    let wall = wall.map_or(0, |since| since.as_nanos());
    i128::try_from(wall).unwrap_or(0) - i128::from(monotonic_ns())
}
