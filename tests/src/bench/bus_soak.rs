//! A bus with everything that happens to one, for as long as wished.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use clap::Args;
use doorward_api::{EventsQuery, ReaderFigures};
use doorward_core::event::EventKind;
use doorward_sim::line::{Damage, Noise};
use serde::Serialize;

use crate::modbus_board::{BoardOrder, BoardReport};

use super::bus::{ReaderBus, h10301};
use super::figures::Spread;
use super::idle::resident_mb;
use super::opening::Opening;
use super::progress;

/// Users, each with a card and a key to every door.
const USERS: u32 = 1000;
/// A card whose event has not come by now will not come.
const ARRIVAL: Duration = Duration::from_secs(4);
/// Between two looks for it.
const LOOK: Duration = Duration::from_millis(10);
/// Pulses and retries are over by then.
const QUIET: Duration = Duration::from_secs(5);
/// What the daemon's start takes of memory is taken by then.
const WARM: Duration = Duration::from_secs(20);

/// Between two looks at the readers' figures.
const WATCH: Duration = Duration::from_millis(100);
/// What a fault of the line does to a reader shows by then: the panel's patience with a silent
/// reader, and a look's distance from the next.
const AFTERMATH: Duration = Duration::from_secs(2);

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// How long, in minutes
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=10_080))]
    minutes: u64,
    /// Readers on the bus
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(2..=16))]
    readers: u8,
    /// Bits per second of the bus
    #[arg(long, default_value_t = 115_200)]
    baud: u32,
    /// What the happenings are drawn from
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What was measured.
#[derive(Debug, Clone, Serialize)]
pub struct Figures {
    /// Cards of which no event came though their reader's link had no fault meanwhile: neither a
    /// repeated command nor an outage.
    missed_cards: u32,
    /// Cards lost with a fault of the link: libosdp's readers answer a repeated command anew, and
    /// forget the card they sent.
    lost_with_fault: u32,
    /// Cards of which more than one event came.
    doubled_cards: u32,
    /// Coils that were on at the end, when nothing had been shown for a while.
    stuck_coils: u32,
    rss_start_mb: f64,
    rss_end_mb: f64,
    taps: u32,
    arrived: u32,
    unplugged: u32,
    noises: u32,
    board_restarts: u32,
    /// Readers that answered at the end.
    online_at_end: usize,
    /// Repeated commands and lost Secure Channels of all readers.
    retries: u64,
    sessions_lost: u64,
    /// Of those, the readers' that had been unplugged.
    lost_by_unplugging: u64,
    /// Of those, while the line damaged what was said, by noise or by a reader pulled in the middle
    /// of a word. libosdp's readers leave their session at every damaged frame that they hear, also
    /// when it is to or from a neighbour: one damaged byte may cost all of them theirs.
    lost_by_noise: u64,
    /// Of those, after two had talked at once.
    lost_by_collision: u64,
    /// The rest: nothing that the bench did explains them.
    lost_unexplained: u64,
    /// Bytes damaged by noise, bytes two talkers spoiled, and words cut short by unplugging.
    noisy_bytes: u64,
    collided_bytes: u64,
    halved: u64,
    readers: u8,
    baud: u32,
    minutes: u64,
}

/// The bench as it goes on.
struct Soak {
    bus: ReaderBus,
    opening: Opening,
    spread: Spread,
    /// Readers that are away, and until when.
    away: BTreeMap<usize, Instant>,
    noisy_until: Option<Instant>,
    board_closed_until: Option<Instant>,
    /// What each output was last.
    coils: BTreeMap<u16, bool>,
    /// The newest event looked at.
    seen: u64,
    watched: Watched,
    figures: Figures,
}

/// What is watched to know why a session was lost.
#[derive(Debug, Default)]
struct Watched {
    at: Option<Instant>,
    /// Sessions lost by each reader at the last look.
    lost: Vec<u64>,
    damage: Damage,
    noisy_at: Option<Instant>,
    collided_at: Option<Instant>,
    unplugged_at: BTreeMap<usize, Instant>,
}

/// Why a session was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    Unplugged,
    Noise,
    Collision,
    Unexplained,
}

impl Watched {
    /// What the line has damaged by `now`.
    fn note_damage(&mut self, now: Instant, damage: Damage) {
        let before = std::mem::replace(&mut self.damage, damage);
        if (damage.noisy_bytes, damage.halved) != (before.noisy_bytes, before.halved) {
            self.noisy_at = Some(now);
        }
        if damage.collided_bytes != before.collided_bytes {
            self.collided_at = Some(now);
        }
    }

    /// Why a reader that had its session at the last look has lost it by `now`.
    fn cause(&self, now: Instant, reader: usize) -> Cause {
        let is_fresh = |at: &Instant| now.duration_since(*at) < AFTERMATH;
        if self.unplugged_at.get(&reader).is_some_and(is_fresh) {
            Cause::Unplugged
        } else if self.noisy_at.as_ref().is_some_and(is_fresh) {
            Cause::Noise
        } else if self.collided_at.as_ref().is_some_and(is_fresh) {
            Cause::Collision
        } else {
            Cause::Unexplained
        }
    }
}

/// Runs it.
///
/// # Errors
/// When a peer or the daemon cannot be started, or ends.
pub fn run(options: &Options) -> Result<Figures> {
    let bus = ReaderBus::start(options.readers, options.baud, true)?;
    let opening = Opening::start(&bus, options.baud, USERS)?;
    let mut soak = Soak {
        bus,
        opening,
        spread: Spread::new(options.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)),
        away: BTreeMap::new(),
        noisy_until: None,
        board_closed_until: None,
        coils: BTreeMap::new(),
        seen: 0,
        watched: Watched::default(),
        figures: Figures::new(options),
    };
    let begun = Instant::now();
    let end = begun + Duration::from_secs(60 * options.minutes);
    let mut told = begun;
    while Instant::now() < end {
        soak.happen()?;
        soak.tap()?;
        if soak.figures.rss_start_mb == 0.0 && begun.elapsed() > WARM {
            soak.figures.rss_start_mb = resident_mb(soak.opening.appliance.pid())?;
        }
        if told.elapsed() > Duration::from_secs(60) {
            told = Instant::now();
            progress(&format!("{:?}", soak.figures));
        }
    }
    soak.finish()
}

impl Figures {
    const fn new(options: &Options) -> Self {
        Self {
            missed_cards: 0,
            lost_with_fault: 0,
            doubled_cards: 0,
            stuck_coils: 0,
            rss_start_mb: 0.0,
            rss_end_mb: 0.0,
            taps: 0,
            arrived: 0,
            unplugged: 0,
            noises: 0,
            board_restarts: 0,
            online_at_end: 0,
            retries: 0,
            sessions_lost: 0,
            lost_by_unplugging: 0,
            lost_by_noise: 0,
            lost_by_collision: 0,
            lost_unexplained: 0,
            noisy_bytes: 0,
            collided_bytes: 0,
            halved: 0,
            readers: options.readers,
            baud: options.baud,
            minutes: options.minutes,
        }
    }
}

impl Soak {
    /// What is due ends, and now and then something begins.
    fn happen(&mut self) -> Result<()> {
        let now = Instant::now();
        let due: Vec<usize> = self
            .away
            .iter()
            .filter(|(_, until)| **until <= now)
            .map(|(at, _)| *at)
            .collect();
        for at in due {
            self.away.remove(&at);
            self.bus.replug(at)?;
        }
        if self.noisy_until.take_if(|until| *until <= now).is_some() {
            self.bus.disturb(Noise::NONE);
        }
        let open = self.board_closed_until.take_if(|until| *until <= now);
        if open.is_some() {
            self.opening.board.send(&BoardOrder::Listen)?;
        }
        let least = Duration::from_millis(500);
        match self.spread.below(200) {
            0..=5 if self.away.len() + 1 < self.bus.specs.len() => {
                let at = self.spread.below(self.bus.specs.len() as u64) as usize;
                if !self.away.contains_key(&at) {
                    let time = self.spread.between(least, Duration::from_secs(20));
                    self.bus.unplug(at)?;
                    self.watched.unplugged_at.insert(at, now);
                    self.away.insert(at, now + time);
                    self.figures.unplugged += 1;
                }
            }
            6..=9 if self.noisy_until.is_none() => {
                let rate = self.spread.below(400) as u32;
                self.bus.disturb(Noise {
                    seed: self.spread.below(1 << 40),
                    flip_per_million: rate,
                    drop_per_million: rate / 3,
                    repeat_per_million: rate / 3,
                });
                let time = self.spread.between(least, Duration::from_secs(5));
                self.noisy_until = Some(now + time);
                self.figures.noises += 1;
            }
            10..=11 if self.board_closed_until.is_none() => {
                self.opening.board.send(&BoardOrder::Close)?;
                let time = self.spread.between(least, Duration::from_secs(3));
                self.board_closed_until = Some(now + time);
                self.figures.board_restarts += 1;
            }
            _ => {}
        }
        Ok(())
    }

    /// Shows a card at a reader that is there, and looks for its event.
    fn tap(&mut self) -> Result<()> {
        let pause = (Duration::from_millis(20), Duration::from_millis(200));
        std::thread::sleep(self.spread.between(pause.0, pause.1));
        self.watch()?;
        let at = self.spread.below(self.bus.specs.len() as u64) as usize;
        let before = self.link(at)?;
        if self.away.contains_key(&at) || !before.online {
            return Ok(());
        }
        let number = self.figures.taps % USERS + 1;
        let name = self.bus.specs[at].name.clone();
        let card = h10301(u16::try_from(number)?);
        if self.bus.readers.show_card(&name, card).is_err() {
            return Ok(());
        }
        self.figures.taps += 1;
        let until = Instant::now() + ARRIVAL;
        let mut events = 0;
        while events == 0 && Instant::now() < until {
            std::thread::sleep(LOOK);
            events = self.new_events(number, &name)?;
            self.watch()?;
        }
        self.figures.arrived += u32::from(events > 0);
        self.figures.doubled_cards += u32::from(events > 1);
        if events == 0 {
            let after = self.link(at)?;
            let faults = |link: &ReaderFigures| (link.retries, link.outages, link.sessions_lost);
            if faults(&before) == faults(&after) {
                progress(&format!("card {number} at `{name}` was missed: {after:?}"));
                self.figures.missed_cards += 1;
            } else {
                self.figures.lost_with_fault += 1;
            }
        }
        self.note_coils();
        Ok(())
    }

    /// How many new events tell of a user's card at a reader.
    fn new_events(&mut self, user: u32, reader: &str) -> Result<usize> {
        let query = EventsQuery {
            after: Some(self.seen),
            ..EventsQuery::default()
        };
        let rows = self
            .opening
            .appliance
            .call(async |client| client.events(&query).await)?
            .events;
        self.seen = rows.last().map_or(self.seen, |row| row.seq);
        let of_card = rows.iter().filter(|row| {
            let event = &row.event;
            matches!(event.kind, EventKind::Granted | EventKind::Denied)
                && event.user.is_some_and(|id| id.0 == user)
                && event.reader.as_deref() == Some(reader)
        });
        Ok(of_card.count())
    }

    fn link(&self, at: usize) -> Result<ReaderFigures> {
        let readers = self.links()?;
        readers.into_iter().nth(at).context("no such reader")
    }

    fn links(&self) -> Result<Vec<ReaderFigures>> {
        let appliance = &self.opening.appliance;
        let buses = appliance.call(async |client| client.buses().await)?;
        Ok(buses.into_iter().flat_map(|bus| bus.readers).collect())
    }

    /// Looks which readers have lost their session, and why.
    fn watch(&mut self) -> Result<()> {
        let now = Instant::now();
        if self.watched.at.is_some_and(|at| now - at < WATCH) {
            return Ok(());
        }
        self.watched.at = Some(now);
        let links = self.links()?;
        self.watched.note_damage(now, self.bus.damage());
        self.watched.lost.resize(links.len(), 0);
        for (reader, link) in links.iter().enumerate() {
            let lost = link.sessions_lost - self.watched.lost[reader];
            self.watched.lost[reader] = link.sessions_lost;
            if lost == 0 {
                continue;
            }
            let figures = &mut self.figures;
            *match self.watched.cause(now, reader) {
                Cause::Unplugged => &mut figures.lost_by_unplugging,
                Cause::Noise => &mut figures.lost_by_noise,
                Cause::Collision => &mut figures.lost_by_collision,
                Cause::Unexplained => {
                    progress(&format!("a session was lost without a fault: {link:?}"));
                    &mut figures.lost_unexplained
                }
            } += lost;
        }
        Ok(())
    }

    fn note_coils(&mut self) {
        let coils = &mut self.coils;
        // An error says that there is nothing more to hear.
        let _ = self
            .opening
            .board
            .wait_for("coils", Duration::ZERO, |report| -> Option<()> {
                if let BoardReport::Level { output, on, .. } = *report {
                    coils.insert(output, on);
                }
                None
            });
    }

    fn finish(mut self) -> Result<Figures> {
        self.bus.disturb(Noise::NONE);
        if self.board_closed_until.take().is_some() {
            self.opening.board.send(&BoardOrder::Listen)?;
        }
        for at in std::mem::take(&mut self.away).into_keys() {
            self.bus.replug(at)?;
        }
        std::thread::sleep(QUIET);
        self.watched.at = None;
        self.watch()?;
        let damage = self.bus.damage();
        self.figures.noisy_bytes = damage.noisy_bytes;
        self.figures.collided_bytes = damage.collided_bytes;
        self.figures.halved = damage.halved;
        self.note_coils();
        self.figures.stuck_coils = self.coils.values().filter(|on| **on).count() as u32;
        for at in 0..self.bus.specs.len() {
            let link = self.link(at)?;
            self.figures.online_at_end += usize::from(link.online && link.secure);
            self.figures.retries += link.retries;
            self.figures.sessions_lost += link.sessions_lost;
        }
        self.figures.rss_end_mb = resident_mb(self.opening.appliance.pid())?;
        Ok(self.figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn why_a_session_was_lost() {
        let begun = Instant::now();
        let after = |ms| begun + Duration::from_millis(ms);
        let noisy = |bytes| Damage {
            noisy_bytes: bytes,
            ..Damage::default()
        };
        let collided = Damage {
            collided_bytes: 3,
            ..noisy(1)
        };
        let mut watched = Watched::default();
        watched.note_damage(after(0), Damage::default());
        assert_eq!(watched.cause(after(10), 0), Cause::Unexplained);
        watched.note_damage(after(100), noisy(1));
        assert_eq!(watched.cause(after(110), 0), Cause::Noise);
        watched.note_damage(after(3000), noisy(1));
        assert_eq!(watched.cause(after(3010), 0), Cause::Unexplained);
        watched.note_damage(after(3100), collided);
        assert_eq!(watched.cause(after(3200), 0), Cause::Collision);
        watched.unplugged_at.insert(1, after(3000));
        assert_eq!(watched.cause(after(3200), 1), Cause::Unplugged);
        assert_eq!(watched.cause(after(3200), 0), Cause::Collision);
    }
}
