//! The virtual site as a whole: lines, readers, relay board and people.

use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use doorward_core::card::FormatNameError;
use doorward_core::model::Change;
use doorward_core::time::Wall;
use doorward_wire::card::{CardFields, EncodeError, FormatErrors, FormatTable};
use doorward_wire::osdp::{
    Address, AddressError, Baud, BaudError, CardCoding, CardLengthError, CardRead, Scbk,
};

use crate::board::{Board, CoilWrite};
use crate::crowd::{Act, Crowd};
use crate::latency::Stopwatch;
use crate::layout::{self, BOARD, DOORS, READERS};
use crate::line::{Hearing, LineError, LineSpec, PacedLine, Port, monotonic_ns};
use crate::plan::{Plan, Trip};
use crate::population::{Person, Population};
use crate::readers::{self, ReaderBus, ReaderCounts};

/// Monday, 2 March 2026, 07:40 UTC: the demo opens while people come to work.
pub const OPENING: Wall = Wall(1_772_437_200_000);
/// The slowest and the fastest clock, times real time.
pub const SPEED_MIN: f64 = 0.1;
/// See [`SPEED_MIN`].
pub const SPEED_MAX: f64 = 10_000.0;

const BAUD: u32 = 115_200;
const BUSES: usize = 2;
const READERS_PER_BUS: usize = READERS / BUSES;
const DAY_MS: i64 = 24 * 3_600_000;
/// Strike writes that may wait for the people.
const WRITES_MAX: usize = 1_024;
/// The longest sleep of the people's thread: how late a stop is seen.
const NAP_MS: u64 = 50;

/// What site to make.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// The same seed makes the same people, who do the same.
    pub seed: u64,
    /// How fast the people's clock runs, [`SPEED_MIN`] to [`SPEED_MAX`].
    pub speed: f64,
    /// A folder of its own, short enough for a socket's path (at most 80 bytes).
    pub dir: PathBuf,
}

/// Why a site could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The clock's speed is out of bounds.
    #[error("a speed of {found} was asked for, allowed are {SPEED_MIN} to {SPEED_MAX}")]
    Speed {
        /// What was asked for.
        found: f64,
    },
    /// A file, port or thread could not be made.
    #[error("cannot make {what}")]
    Io {
        /// What was to be made.
        what: String,
        /// Why not.
        source: io::Error,
    },
    /// A line could not be laid.
    #[error(transparent)]
    Line(#[from] LineError),
    /// A constant of the site is refused by what it is for.
    #[error("the site is made up wrongly")]
    MadeUp(#[source] Box<dyn std::error::Error + Send + Sync>),
}

macro_rules! made_up {
    ($($error:ty),*) => {
        $(impl From<$error> for SiteError {
            fn from(error: $error) -> Self {
                Self::MadeUp(Box::new(error))
            }
        })*
    };
}
made_up!(
    FormatErrors,
    EncodeError,
    FormatNameError,
    CardLengthError,
    AddressError,
    BaudError
);

/// What has happened so far.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct SiteStats {
    /// Cards shown at readers.
    pub taps: u64,
    /// People who opened a door and went through.
    pub went_through: u64,
    /// People for whom the door stayed locked.
    pub locked_out: u64,
    /// People who found the queue too long.
    pub walked_on: u64,
    /// Cards that a reader could not hand over to the panel.
    pub dropped: u64,
    /// Secure Channels set up.
    pub channels: u64,
    /// How many times the next two are taken from.
    pub samples: usize,
    /// From a card shown at the reader to its strike's coil written, in milliseconds: half of all.
    pub p50_ms: Option<f64>,
    /// The same, 99 of 100.
    pub p99_ms: Option<f64>,
}

/// A running site.
#[derive(Debug)]
pub struct Site {
    options: SiteOptions,
    config: String,
    changes: Vec<Change>,
    shared: Arc<Shared>,
    people: Option<JoinHandle<World>>,
    world: Option<World>,
    // Dropped behind what uses them.
    _lines: Vec<PacedLine>,
}

#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    stats: Mutex<SiteStats>,
}

/// What the people's thread takes with it.
#[derive(Debug)]
struct World {
    board: Board,
    buses: Vec<ReaderBus>,
    counts: Arc<ReaderCounts>,
    writes: Receiver<CoilWrite>,
    people: Vec<Person>,
    cards: Vec<CardRead>,
}

impl Site {
    /// Lays lines, starts readers and the relay board, and writes `site.toml` into the folder.
    /// Nobody comes before [`Site::open`].
    pub fn start(options: SiteOptions) -> Result<Self, SiteError> {
        if !(SPEED_MIN..=SPEED_MAX).contains(&options.speed) {
            return Err(SiteError::Speed {
                found: options.speed,
            });
        }
        let Population { people, changes } = Population::new(options.seed, midnight(OPENING))?;
        let cards = cards(&people)?;
        let (write, writes) = sync_channel(WRITES_MAX);
        let board = start_board(write)?;
        let counts = Arc::<ReaderCounts>::default();
        let mut config = config_head(&options.dir);
        let mut lines = Vec::new();
        let mut buses = Vec::new();
        for bus in 0..BUSES {
            let (line, readers) = lay(&options.dir, bus, &counts, &mut config)?;
            lines.push(line);
            buses.push(readers);
        }
        let address = board.address;
        let _ = write!(
            config,
            "[[board]]\nname = \"{BOARD}\"\nprofile = \"generic-coil\"\naddress = \"{address}\"\n"
        );
        let site = Self {
            config,
            changes,
            shared: Arc::default(),
            people: None,
            world: Some(World {
                board,
                buses,
                counts,
                writes,
                people,
                cards,
            }),
            _lines: lines,
            options,
        };
        write_file(&site.config_path(), &site.config)?;
        Ok(site)
    }

    /// The text of `site.toml`.
    #[must_use]
    pub fn config(&self) -> &str {
        &self.config
    }

    /// Where it is.
    #[must_use]
    pub fn config_path(&self) -> PathBuf {
        self.options.dir.join("site.toml")
    }

    /// The socket that the configuration names.
    #[must_use]
    pub fn socket_path(&self) -> PathBuf {
        socket_path(&self.options.dir)
    }

    /// The access table, as one change.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// The people come, from the time `now` of the site's clock on. While they are there, and
    /// once they were sent home, this does nothing.
    pub fn open(&mut self, now: Wall) -> Result<(), SiteError> {
        if self.shared.stop.load(Ordering::Relaxed) {
            return Ok(());
        }
        let Some(world) = self.world.take() else {
            return Ok(());
        };
        let street = Street {
            world,
            plan: Plan::new(self.options.seed),
            crowd: Crowd::new(),
            watch: Stopwatch::default(),
            shared: Arc::clone(&self.shared),
            speed: self.options.speed,
            began: Instant::now(),
            opened: now,
            is_on: [false; DOORS],
        };
        let thread = std::thread::Builder::new()
            .name("sim-people".to_owned())
            .spawn(move || street.run())
            .map_err(|source| SiteError::Io {
                what: "the people's thread".to_owned(),
                source,
            })?;
        self.people = Some(thread);
        Ok(())
    }

    /// What has happened so far; at most `NAP_MS` old.
    #[must_use]
    pub fn stats(&self) -> SiteStats {
        *self
            .shared
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the people home. Readers and relay board go on until the site is dropped.
    pub fn close(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(people) = self.people.take() {
            self.world = people.join().ok();
        }
    }

    /// Sends the people home and takes everything down. The folder stays.
    pub fn stop(mut self) -> SiteStats {
        self.close();
        self.stats()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.close();
    }
}

fn socket_path(dir: &Path) -> PathBuf {
    dir.join("api.sock")
}

const fn midnight(at: Wall) -> Wall {
    Wall(at.0 - at.0.rem_euclid(DAY_MS))
}

fn cards(people: &[Person]) -> Result<Vec<CardRead>, SiteError> {
    let formats = FormatTable::built_in()?;
    let bits = |person: &Person| {
        let number = &person.card;
        let fields = CardFields {
            facility: number.facility,
            number: number.number,
            ..CardFields::default()
        };
        let card = formats.encode(number.format.as_str(), &fields)?;
        Ok(CardRead::new(
            0,
            CardCoding::Wiegand,
            card.bit_count(),
            card.bytes(),
        )?)
    };
    people.iter().map(bits).collect()
}

fn start_board(write: SyncSender<CoilWrite>) -> Result<Board, SiteError> {
    let board = Board::start(write).map_err(|source| SiteError::Io {
        what: "the relay board".to_owned(),
        source,
    })?;
    for door in 0..DOORS {
        board.set_input(layout::contact(door), true);
    }
    Ok(board)
}

fn config_head(dir: &Path) -> String {
    let dir = dir.display();
    let socket = socket_path(Path::new("")).display().to_string();
    format!(
        "[site]\nname = \"Demo site\"\n\n[paths]\ndata = \"{dir}/data\"\n\n\
         [api]\nsocket = \"{dir}/{socket}\"\nmode = \"0600\"\n\n"
    )
}

/// Lays one line with its readers, and adds them to the configuration.
fn lay(
    dir: &Path,
    bus: usize,
    counts: &Arc<ReaderCounts>,
    config: &mut String,
) -> Result<(PacedLine, ReaderBus), SiteError> {
    let failed = |what: &Path| {
        let what = what.display().to_string();
        move |source| SiteError::Io { what, source }
    };
    let name = format!("bus-{}", bus + 1);
    let folder = dir.join(&name);
    std::fs::create_dir(&folder).map_err(failed(&folder))?;
    let line = PacedLine::start(
        &folder,
        LineSpec {
            hearing: Hearing::FOUR_WIRE,
            ..LineSpec::new(BAUD, READERS_PER_BUS)
        },
    )?;
    let port = line.path(Port::Panel);
    let _ = write!(
        config,
        "[[osdp_bus]]\nname = \"{name}\"\nport = \"{}\"\nbaud = {BAUD}\n",
        port.display()
    );
    let mut ports = Vec::new();
    for at in 0..READERS_PER_BUS {
        let reader = layout::reader_name(bus * READERS_PER_BUS + at);
        let address = u8::try_from(at).unwrap_or(u8::MAX);
        let key = readers::seed().map_err(failed(&folder))?;
        let key_file = folder.join(format!("{reader}.key"));
        let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        write_file(&key_file, &digits)?;
        let _ = write!(
            config,
            "[[osdp_bus.reader]]\nname = \"{reader}\"\naddress = {address}\nkey_file = \"{}\"\n",
            key_file.display()
        );
        ports.push((
            line.path(Port::Device(at)),
            Address::new(address)?,
            Scbk::new(key),
        ));
    }
    config.push('\n');
    let readers = ReaderBus::start(&name, ports, Baud::new(BAUD)?, Arc::clone(counts))
        .map_err(failed(&folder))?;
    Ok((line, readers))
}

fn write_file(path: &Path, text: &str) -> Result<(), SiteError> {
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|source| SiteError::Io {
        what: path.display().to_string(),
        source,
    })
}

/// The people's thread: carries out in real time what the plan and the bodies say.
struct Street {
    world: World,
    plan: Plan,
    crowd: Crowd,
    watch: Stopwatch,
    shared: Arc<Shared>,
    speed: f64,
    began: Instant,
    opened: Wall,
    is_on: [bool; DOORS],
}

impl Street {
    fn run(mut self) -> World {
        let mut midnight = midnight(self.opened);
        let mut trips = self.day(midnight);
        let mut acts = Vec::new();
        while !self.shared.stop.load(Ordering::Relaxed) {
            let (now_ms, wall) = self.now();
            while let Some(trip) = trips.next_if(|trip| trip.at <= wall) {
                self.crowd.arrive(trip);
            }
            if trips.peek().is_none() {
                midnight = midnight.plus_ms(DAY_MS);
                trips = self.day(midnight);
            }
            self.crowd.advance(now_ms, &mut acts);
            for act in acts.drain(..) {
                self.carry_out(act);
            }
            self.tell();
            let next_ms = self
                .crowd
                .next_at()
                .map_or(NAP_MS, |at| at.saturating_sub(now_ms));
            match self
                .world
                .writes
                .recv_timeout(Duration::from_millis(next_ms.clamp(1, NAP_MS)))
            {
                Ok(write) => self.strike(write),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.tell();
        self.world
    }

    /// Real milliseconds since the opening, and the site's time.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "centuries of milliseconds fit"
    )]
    fn now(&self) -> (u64, Wall) {
        let elapsed = self.began.elapsed();
        let real_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let site_ms = (elapsed.as_secs_f64() * 1_000.0 * self.speed) as i64;
        (real_ms, self.opened.plus_ms(site_ms))
    }

    /// What is left of the day that begins at `midnight`.
    fn day(&self, midnight: Wall) -> std::iter::Peekable<std::vec::IntoIter<Trip>> {
        let mut trips = self.plan.day(midnight, &self.world.people);
        trips.retain(|trip| trip.at >= self.opened);
        trips.into_iter().peekable()
    }

    fn carry_out(&mut self, act: Act) {
        match act {
            Act::Shows {
                reader,
                person,
                door,
            } => {
                if !self.is_on[door] {
                    self.watch.start(door, monotonic_ns());
                }
                let (bus, at) = (reader / READERS_PER_BUS, reader % READERS_PER_BUS);
                if let (Some(bus), Some(&card)) =
                    (self.world.buses.get(bus), self.world.cards.get(person))
                {
                    bus.show(at, card);
                }
            }
            Act::Contact { door, is_closed } => {
                self.world.board.set_input(layout::contact(door), is_closed);
            }
            Act::Rex { door, is_pressed } => {
                self.world.board.set_input(layout::rex(door), is_pressed);
            }
        }
    }

    fn strike(&mut self, write: CoilWrite) {
        let Some(door) = (0..DOORS).find(|&door| layout::strike(door) == write.coil) else {
            return;
        };
        if write.is_on && !self.is_on[door] {
            self.watch.stop(door, write.at_ns);
        }
        self.is_on[door] = write.is_on;
        self.crowd.strike(door, write.is_on);
    }

    fn tell(&self) {
        let tally = self.crowd.tally();
        let counts = &self.world.counts;
        let mut stats = self
            .shared
            .stats
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_new = stats.samples != self.watch.samples();
        *stats = SiteStats {
            taps: tally.shown,
            went_through: tally.went_through,
            locked_out: tally.locked_out,
            walked_on: tally.walked_on,
            dropped: counts.dropped.load(Ordering::Relaxed),
            channels: counts.channels.load(Ordering::Relaxed),
            samples: self.watch.samples(),
            p50_ms: if is_new {
                self.watch.percentile_ms(50)
            } else {
                stats.p50_ms
            },
            p99_ms: if is_new {
                self.watch.percentile_ms(99)
            } else {
                stats.p99_ms
            },
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(speed: f64) -> (tempfile::TempDir, Result<Site, SiteError>) {
        let dir = tempfile::tempdir().unwrap();
        let options = SiteOptions {
            seed: 1,
            speed,
            dir: dir.path().to_owned(),
        };
        (dir, Site::start(options))
    }

    #[test]
    fn a_site_has_its_files_and_takes_them_down() {
        let (dir, site) = start(20.0);
        let mut site = site.unwrap();
        assert_eq!(
            std::fs::read_to_string(site.config_path()).unwrap(),
            site.config()
        );
        assert_eq!(
            site.config().matches("[[osdp_bus.reader]]").count(),
            READERS
        );
        let panel = dir.path().join("bus-1/panel");
        assert!(panel.exists());
        site.open(OPENING).unwrap();
        site.open(OPENING).unwrap();
        let stats = site.stop();
        assert_eq!(stats.channels, 0);
        assert!(!panel.exists(), "the line is taken down");
    }

    #[test]
    fn people_show_cards_though_no_panel_is_there() {
        let (_dir, site) = start(SPEED_MAX);
        let mut site = site.unwrap();
        site.open(OPENING).unwrap();
        let deadline = Instant::now() + Duration::from_secs(30);
        while site.stats().locked_out < 4 {
            assert!(Instant::now() < deadline, "{:?}", site.stats());
            std::thread::sleep(Duration::from_millis(10));
        }
        let stats = site.stop();
        assert!(stats.taps >= 4 && stats.samples == 0, "{stats:?}");
    }

    #[test]
    fn a_speed_out_of_bounds_is_refused() {
        for speed in [0.0, -1.0, f64::NAN, 1e9] {
            let (_dir, site) = start(speed);
            assert!(matches!(site, Err(SiteError::Speed { .. })), "{speed}");
        }
    }
}
