//! The control panel: one bus, its PDs in turn, as fast as the line allows.

mod config;
mod echo;
mod event;
mod handshake;
mod keys;
mod link;
mod outage;
mod permit;
mod queue;
mod raise;
mod replies;
mod scan;
mod search;
mod sharing;
mod stats;
mod status;
mod visit;
mod window;

use std::collections::VecDeque;

pub use config::{BusConfig, ConfigError, MAX_CANDIDATES, MAX_READERS, Mark, PdConfig, Security};
pub use event::{
    BusEvent, Channel, CommandOutcome, LinkEvent, OfflineReason, Presence, SecureChannelFailure,
    SendError, Token,
};
pub use keys::{InstallError, KeySent};
pub use queue::MAX_QUEUED_COMMANDS;
pub use raise::{Failures, RaiseError, Raised, RaisedReader, SpeedRaise, SpeedRefusal};
pub use scan::{BusScan, FoundReader, SLOW_PASS_US};
pub use stats::{Latency, PdStats};
pub use visit::{Visit, Visited};

use self::echo::Echo;
use self::link::Link;
use self::permit::permit;
use self::queue::{Put, Queued};
use self::replies::Heard;
use self::sharing::Neighbours;
use super::address::Address;
use super::command::Command;
use super::deframer::{Deframer, DeframerCounts};
use super::frame::{MARK, MAX_FRAME, Station};
use super::secure::Nonces;
use super::time::{Baud, Mono};

/// How many events may wait to be taken. While that many do, the bus rests.
pub const MAX_BUS_EVENTS: usize = 1024;

/// The longest silence inside a frame (SIA OSDP 2.2, clause 5.7).
const CHARACTER_GAP_US: u64 = 20_000;
/// How much longer to listen once a reply has come in damaged: it may have been noise in front of it.
const DAMAGED_WAIT_US: u64 = 4_000;
/// For how long stray bytes may keep a new command waiting.
const STRAY_WAIT_US: u64 = 50_000;
/// The wait for a PD that is absent or seems to be is followed by this many times its length for
/// those that are there.
const DOUBT_SHARE: u64 = 3;
/// The rest before a command at another baud rate than the last, in bytes of the slower one: whoever
/// listens at one of them must have seen the line at rest.
const SPEED_REST_BYTES: usize = 2;
/// For how long the line is kept free behind an answer to hear whether a second one comes.
const LISTEN_US: u64 = 50_000;
/// How often that is done at most, on the whole bus.
const LISTEN_PAUSE_US: u64 = 1_000_000;
/// How often a PD that has never answered gets the standard's full time, once others are online.
const FULL_PROBE_PAUSE_US: u64 = 60_000_000;

/// The control panel's side of one bus.
///
/// It does no I/O: see the [module documentation](super) for the loop around it.
#[derive(Debug)]
pub struct ControlPanel {
    /// What the line was last used at.
    baud: Baud,
    idle_bytes: u8,
    mark: Mark,
    /// The configured PDs, and behind them one that is only visited.
    links: Vec<Link>,
    configured: usize,
    visited: Option<Visit>,
    /// What happens at the one that is visited; nobody is told.
    unheard: VecDeque<BusEvent>,
    /// Whose turn it was.
    last: usize,
    deframer: Deframer,
    echo: Echo,
    line: Line,
    /// Whose answer ended the last wait.
    answered_last: Option<usize>,
    turns: Turns,
    events: VecDeque<BusEvent>,
    nonces: Nonces,
    next_token: u64,
}

#[derive(Debug, Clone, Copy)]
enum Line {
    Free,
    Waiting(Wait),
}

/// A command is out, and its reply is waited for.
#[derive(Debug, Clone, Copy)]
struct Wait {
    link: usize,
    baud: Baud,
    /// When the last byte of the command leaves.
    sent_at: Mono,
    /// When the wait ends, as things stand.
    until: Mono,
    /// When it ends at the latest.
    limit: Mono,
    first_byte_at: Option<Mono>,
    is_full_probe: bool,
    window_us: u64,
}

/// When who may send.
#[derive(Debug, Clone, Copy)]
struct Turns {
    /// The line rests until then.
    rest_until: Mono,
    ended_at: Mono,
    /// No wait for an absent or doubtful PD before this, while others are there.
    probe_at: Mono,
    full_probe_at: Mono,
    /// No listening for second answers before this.
    listen_at: Mono,
}

/// A frame that is to be sent now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transmit {
    /// The PD it is to.
    pub address: Address,
    /// How many bytes it has.
    pub len: usize,
    /// The baud rate it is to be sent at, and its reply to be received: set the port to it first.
    pub baud: Baud,
}

impl ControlPanel {
    /// The panel for `config`. `seed` must come from the operating system's random numbers, anew for
    /// each panel: the Secure Channel's freshness rests on it.
    pub fn new(config: BusConfig, seed: [u8; 16], now: Mono) -> Result<Self, ConfigError> {
        config.validate()?;
        Ok(Self {
            baud: config.baud,
            idle_bytes: config.idle_bytes,
            mark: config.mark,
            last: config.readers.len() - 1,
            configured: config.readers.len(),
            visited: None,
            unheard: VecDeque::new(),
            links: config
                .readers
                .into_iter()
                .map(|reader| Link::new(reader, config.baud, now))
                .collect(),
            deframer: Deframer::new(),
            echo: Echo::default(),
            line: Line::Free,
            turns: Turns {
                rest_until: now,
                ended_at: now,
                probe_at: now,
                full_probe_at: now,
                listen_at: now,
            },
            answered_last: None,
            events: VecDeque::with_capacity(64),
            nonces: Nonces::new(seed),
            next_token: 0,
        })
    }

    /// Bytes have arrived, in chunks of any size.
    pub fn handle_bytes(&mut self, now: Mono, mut bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        let Line::Waiting(wait) = &mut self.line else {
            self.on_stray_bytes(now, bytes);
            return;
        };
        let held = self.echo.strip(&mut bytes);
        if bytes.is_empty() {
            return;
        }
        wait.first_byte_at.get_or_insert(now);
        wait.until = wait
            .until
            .max(now.plus_us(CHARACTER_GAP_US))
            .min(wait.limit);
        if let Some(link) = self.links.get_mut(wait.link) {
            link.on_bytes(now);
        }
        if held > 0 {
            let sent = core::mem::take(&mut self.echo.sent);
            self.on_reply_bytes(now, &mut sent.get(..held).unwrap_or_default());
            self.echo.sent = sent;
        }
        self.on_reply_bytes(now, &mut bytes);
    }

    /// Time has passed: call at [`ControlPanel::poll_timeout`], or later, or earlier.
    pub fn handle_timeout(&mut self, now: Mono) {
        let Line::Waiting(wait) = self.line else {
            return;
        };
        if now < wait.until {
            return;
        }
        if self.deframer.is_midway() {
            self.deframer.give_up();
            self.on_reply_bytes(now, &mut &[][..]);
        }
        if matches!(self.line, Line::Waiting(_)) {
            self.end_wait(now);
            let answered_before = self.answered_last.take();
            if wait.first_byte_at.is_some()
                && let Some(link) = answered_before.and_then(|at| self.links.get_mut(at))
            {
                link.sharing.suspect(now);
            }
            let events = events_for(
                wait.link < self.configured,
                &mut self.events,
                &mut self.unheard,
            );
            let neighbours = neighbours_of(wait.link, &self.links);
            if let Some(link) = self.links.get_mut(wait.link) {
                link.on_timeout(now, wait.first_byte_at.is_none(), neighbours, events);
                // The first silence may be one lost frame; it is not made up for as thoroughly.
                let share = if link.attempts == 1 { 1 } else { DOUBT_SHARE };
                self.turns.probe_at = now.plus_us(share * wait.window_us);
                if wait.is_full_probe {
                    self.turns.full_probe_at = now.plus_us(FULL_PROBE_PAUSE_US);
                }
            }
            self.end_visit_in_vain(wait.link, wait.first_byte_at.is_some());
        }
    }

    /// Appends the frame to be sent now to `out`, if there is one. It must go to the line at once and
    /// whole; nothing else is sent before its reply has come or its time is over.
    pub fn poll_transmit(&mut self, now: Mono, out: &mut Vec<u8>) -> Option<Transmit> {
        if matches!(self.line, Line::Waiting(_))
            || now < self.turns.rest_until
            || self.events.len() >= MAX_BUS_EVENTS
        {
            return None;
        }
        let at = self.next_turn(now)?;
        let is_alone = !self.is_any_present();
        let may_wait_fully = now >= self.turns.full_probe_at || is_alone;
        let link = self.links.get_mut(at)?;
        link.choose_baud(is_alone);
        let baud = link.baud;
        if baud != self.baud {
            let slower = baud.min(self.baud);
            let rested_at = self
                .turns
                .ended_at
                .plus_us(slower.bytes_us(SPEED_REST_BYTES));
            if now < rested_at {
                self.turns.rest_until = rested_at;
                return None;
            }
            self.baud = baud;
        }
        self.last = at;
        self.deframer.clear();
        let start = out.len();
        if self.mark == Mark::Send {
            out.push(MARK);
        }
        link.compose(&mut self.nonces, out);
        let len = out.len() - start;
        self.echo.begin(out.get(start..).unwrap_or_default());
        let (window_us, is_full_probe) = link.reply_window(may_wait_fully);
        let sent_at = now.plus_us(baud.bytes_us(len));
        let until = sent_at.plus_us(window_us);
        let limit = until.plus_us(baud.bytes_us(MAX_FRAME) + CHARACTER_GAP_US);
        self.line = Line::Waiting(Wait {
            link: at,
            baud,
            sent_at,
            until,
            limit,
            first_byte_at: None,
            is_full_probe,
            window_us,
        });
        Some(Transmit {
            address: link.address,
            len,
            baud,
        })
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<BusEvent> {
        self.events.pop_front()
    }

    /// When to call [`ControlPanel::handle_timeout`] and then [`ControlPanel::poll_transmit`], if
    /// nothing happens before. It may lie in the past: then do it now. `None` while
    /// [`MAX_BUS_EVENTS`] wait to be taken.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        match self.line {
            Line::Waiting(wait) => Some(wait.until),
            Line::Free if self.events.len() >= MAX_BUS_EVENTS => None,
            Line::Free => {
                let any_present = self.is_any_present();
                let due = self
                    .links
                    .iter()
                    .map(|link| self.due_at(link, any_present))
                    .min()?;
                Some(due.max(self.turns.rest_until))
            }
        }
    }

    /// Queues a command for a PD. It goes out in the PD's next turn, instead of a POLL. A LED or BUZ
    /// command takes the place of a waiting one that it would overwrite.
    pub fn send(&mut self, address: Address, command: Command) -> Result<Token, SendError> {
        let is_taken = |other| self.own().iter().any(|link| link.address == other);
        if let Command::ComSet(settings) = &command
            && settings.address != address
            && is_taken(settings.address)
        {
            return Err(SendError::AddressTaken(settings.address));
        }
        let link = self
            .links
            .get_mut(..self.configured)
            .unwrap_or_default()
            .iter_mut()
            .find(|link| link.address == address)
            .ok_or(SendError::UnknownAddress(address))?;
        permit(link, &command)?;
        let key = match &command {
            Command::KeySet(key) => Some(key.clone()),
            _ => None,
        };
        let token = Token(self.next_token);
        self.next_token += 1;
        match link.queue_mut().put(Queued { token, command }) {
            Put::Last => link.candidates.extend(key),
            Put::Instead(token) => {
                let outcome = CommandOutcome::Superseded;
                link.report(&mut self.events, LinkEvent::Command { token, outcome });
            }
            Put::Full => {
                return Err(SendError::QueueFull {
                    address,
                    limit: MAX_QUEUED_COMMANDS,
                });
            }
        }
        Ok(token)
    }

    /// The serial port was lost. All PDs are looked for anew.
    pub fn line_lost(&mut self, now: Mono) {
        self.line = Line::Free;
        self.deframer.clear();
        self.visited = None;
        self.links.truncate(self.configured);
        for link in &mut self.links {
            link.go_offline(now, OfflineReason::LineLost, &mut self.events);
        }
    }

    /// The PD at `address` is known to speak at `baud`. If that is not the rate it is spoken to at,
    /// it is looked for anew.
    pub fn look_at(&mut self, now: Mono, address: Address, baud: Baud) {
        let Some(at) = self.own().iter().position(|link| link.address == address) else {
            return;
        };
        let is_waited_for = matches!(self.line, Line::Waiting(wait) if wait.link == at);
        if let Some(link) = self.links.get_mut(at)
            && (link.baud, link.home) != (baud, baud)
        {
            link.follow(now, baud, &mut self.events);
            if is_waited_for {
                self.end_wait(now);
            }
        }
    }

    /// The baud rate at which the PD at `address` is spoken to, or was before it went offline.
    #[must_use]
    pub fn baud(&self, address: Address) -> Option<Baud> {
        self.own()
            .iter()
            .find(|link| link.address == address)
            .map(|link| link.home)
    }

    /// The PD at `address`, if it is online.
    #[must_use]
    pub fn presence(&self, address: Address) -> Option<Presence> {
        self.own()
            .iter()
            .find(|link| link.address == address)
            .and_then(Link::presence)
    }

    /// What has happened on the link to the PD at `address`.
    #[must_use]
    pub fn stats(&self, address: Address) -> Option<PdStats> {
        self.own()
            .iter()
            .find(|link| link.address == address)
            .map(|link| link.stats)
    }

    /// Whether several PDs answer at `address`: it answers twice, tells two identities by turns, or
    /// alone cannot be read while the line is good.
    #[must_use]
    pub fn is_shared(&self, address: Address) -> bool {
        let mut own = self.own().iter();
        own.any(|link| link.address == address && link.sharing.is_shared())
    }

    /// Whether what answers at `address` cannot be read: two PDs with one address, or a bad line.
    #[must_use]
    pub fn is_unreadable(&self, address: Address) -> bool {
        let mut own = self.own().iter();
        own.any(|link| link.address == address && link.is_unreadable())
    }

    /// What the line has brought.
    #[must_use]
    pub const fn line_counts(&self) -> DeframerCounts {
        self.deframer.counts()
    }

    /// The PDs' addresses.
    pub fn addresses(&self) -> impl Iterator<Item = Address> + '_ {
        self.own().iter().map(|link| link.address)
    }

    fn on_reply_bytes(&mut self, now: Mono, bytes: &mut &[u8]) {
        let Line::Waiting(wait) = self.line else {
            return;
        };
        let bad_checks = self.deframer.counts().bad_checks;
        let mut is_garbled = false;
        while let Some(frame) = self.deframer.next_frame(bytes) {
            let is_from = |link: &Link| Station::One(link.address) == frame.header.station;
            if !self.links.get(wait.link).is_some_and(is_from) {
                if let Some(link) = self.links.iter_mut().find(|link| is_from(link)) {
                    link.on_stray_frame(now, &frame, &mut self.events);
                }
                continue;
            }
            let Some(link) = self.links.get_mut(wait.link) else {
                continue;
            };
            let is_retry = link.attempts > 0;
            let events = events_for(
                wait.link < self.configured,
                &mut self.events,
                &mut self.unheard,
            );
            match link.on_frame(now, &frame, events) {
                Heard::Nothing => {}
                Heard::Garbled => is_garbled = true,
                Heard::Complete => {
                    if !is_retry {
                        let first_at = wait.first_byte_at.unwrap_or(now);
                        link.observe_latency(first_at.since_us(wait.sent_at));
                    }
                    // Where bytes take no time, on a pseudo-terminal, the line is still not used
                    // faster than its baud rate allows.
                    let earliest = wait.sent_at.plus_us(wait.baud.bytes_us(frame.raw.len()));
                    let is_suspected = link.sharing.is_suspected(now);
                    self.end_wait(now.max(earliest));
                    self.answered_last = (!is_retry).then_some(wait.link);
                    if is_suspected && !is_retry && now >= self.turns.listen_at {
                        self.turns.listen_at = now.plus_us(LISTEN_PAUSE_US);
                        self.turns.rest_until = now.plus_us(LISTEN_US);
                    }
                    self.end_visit_at_home(wait.link);
                    // What came with it is nobody's turn any more.
                    self.note_strays(now, bytes);
                    return;
                }
            }
        }
        let bad_checks = self.deframer.counts().bad_checks - bad_checks;
        if let Some(link) = self.links.get_mut(wait.link) {
            link.stats.bad_checks += bad_checks;
        }
        if (is_garbled || bad_checks > 0)
            && !self.deframer.is_midway()
            && let Line::Waiting(wait) = &mut self.line
        {
            wait.until = wait.until.min(now.plus_us(DAMAGED_WAIT_US));
        }
    }

    /// Bytes outside of any wait: a late reply, an echo or noise. The line is not free while they come.
    fn on_stray_bytes(&mut self, now: Mono, mut bytes: &[u8]) {
        self.note_strays(now, &mut bytes);
        let limit = self.turns.ended_at.plus_us(STRAY_WAIT_US);
        let rest = now.plus_us(self.rest_us()).min(limit);
        self.turns.rest_until = self.turns.rest_until.max(rest);
    }

    /// Frames that nobody waits for, of those who may be absent, or there twice.
    fn note_strays(&mut self, now: Mono, bytes: &mut &[u8]) {
        let own = self.links.get_mut(..self.configured).unwrap_or_default();
        while let Some(frame) = self.deframer.next_frame(bytes) {
            let is_from = |link: &&mut Link| Station::One(link.address) == frame.header.station;
            if let Some(link) = own.iter_mut().find(is_from) {
                link.on_stray_frame(now, &frame, &mut self.events);
            }
        }
    }

    fn end_wait(&mut self, now: Mono) {
        self.line = Line::Free;
        self.turns.rest_until = now.plus_us(self.rest_us());
        self.turns.ended_at = now;
    }

    const fn rest_us(&self) -> u64 {
        self.baud.bytes_us(self.idle_bytes as usize)
    }

    /// The configured PDs.
    fn own(&self) -> &[Link] {
        self.links.get(..self.configured).unwrap_or_default()
    }

    fn is_any_present(&self) -> bool {
        self.own().iter().any(|link| !link.is_absent())
    }

    fn due_at(&self, link: &Link, any_present: bool) -> Mono {
        if link.is_doubtful() && any_present {
            link.due_at().max(self.turns.probe_at)
        } else {
            link.due_at()
        }
    }

    /// The next link in the round whose time has come.
    fn next_turn(&self, now: Mono) -> Option<usize> {
        let any_present = self.is_any_present();
        let count = self.links.len();
        (1..=count)
            .map(|step| (self.last + step) % count)
            .find(|at| {
                self.links
                    .get(*at)
                    .is_some_and(|link| self.due_at(link, any_present) <= now)
            })
    }
}

/// What the links beside this one have brought.
fn neighbours_of(at: usize, links: &[Link]) -> Neighbours {
    let others = links.iter().enumerate().filter(|(other, _)| *other != at);
    others.fold(Neighbours::default(), |sum, (_, link)| Neighbours {
        replies: sum.replies + link.stats.replies,
        damaged: sum.damaged + link.stats.bad_checks + link.damaged_waits,
    })
}

/// Where what happens at a link goes.
const fn events_for<'a>(
    is_configured: bool,
    events: &'a mut VecDeque<BusEvent>,
    unheard: &'a mut VecDeque<BusEvent>,
) -> &'a mut VecDeque<BusEvent> {
    if is_configured { events } else { unheard }
}
