//! One Wiegand reader: behind a converter on a serial line or a network, behind Modbus registers, or on
//! two GPIO lines. Nothing is ever sent to it; what it should show, it cannot.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use doorward_core::alarm::{AlarmChange, AlarmKind, AlarmSubject, Condition};
use doorward_core::card::CardBits;
use doorward_core::controller::{Input, ReaderEvent};
use doorward_core::ids::{DeviceName, ReaderIx};
use doorward_wire::board::ReplyValue;
use doorward_wire::wiegand::{Frame, Keypad, Lines, PulseRule, Pulses, RegisterMap, Repeats};
use nix::sys::socket::{setsockopt, sockopt};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::card::CardReader;
use super::edges::next_frame;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::config::Parity;
use crate::doors::{Live, LiveOutbox, ReaderStatus};
use crate::gpio::{self, GpioError};
use crate::relays::config::LineAddress;
use crate::relays::link::Link;
use crate::relays::{CONNECT_TIMEOUT, Outcome};
use crate::serial::{self, SerialError, SerialSettings};

/// Bytes read at once.
const READ_BYTES: usize = 512;
/// How long a Modbus device may take to answer.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(500);
/// Questions in a row without an answer after which a device is offline.
const SILENCES_MAX: u8 = 3;
/// After how many seconds without a byte a converter on a network is asked whether it is there.
const KEEPALIVE_IDLE_S: u32 = 5;
/// How often it is asked, in seconds, and how often in vain.
const KEEPALIVE_INTERVAL_S: u32 = 2;
const KEEPALIVE_TRIES: u32 = 3;

/// A Wiegand reader, ready to be served.
#[derive(Debug, Clone)]
pub(crate) struct WiegandPlan {
    pub(crate) name: DeviceName,
    pub(crate) keypad: Keypad,
    /// For how long the same card again is the same showing, in milliseconds.
    pub(crate) repeat_ms: u32,
    pub(crate) source: Source,
}

/// Where its frames come from.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// A converter that sends bytes.
    Bytes { address: LineAddress, lines: Lines },
    /// A device that keeps the last card in registers.
    Registers {
        address: LineAddress,
        unit: u8,
        map: RegisterMap,
    },
    /// The two wires themselves, at GPIO lines.
    Edges {
        chip: PathBuf,
        d0: u32,
        d1: u32,
        rule: PulseRule,
    },
}

/// What the task of a reader needs.
pub(crate) struct WiegandSetup {
    pub(crate) ix: ReaderIx,
    pub(crate) plan: WiegandPlan,
    pub(crate) cards: Arc<CardReader>,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) live: LiveOutbox,
    pub(crate) clock: Arc<Clock>,
    pub(crate) stop: CancellationToken,
}

/// Why a reader is not served.
#[derive(Debug, thiserror::Error)]
enum LinkError {
    #[error(transparent)]
    Open(#[from] SerialError),
    #[error(transparent)]
    Gpio(#[from] GpioError),
    #[error("no connection to `{address}`")]
    Connect { address: String, source: io::Error },
    #[error("`{address}` was lost")]
    Lost { address: String, source: io::Error },
}

/// One reader and what stands around it.
pub(crate) struct WiegandReader {
    setup: WiegandSetup,
    online: bool,
    /// The port's alarm is raised.
    port_fails: bool,
    repeats: Repeats,
    /// The counter of the last card in registers; `None` before it was read.
    sequence: Option<u16>,
}

impl WiegandReader {
    pub(crate) fn new(setup: WiegandSetup) -> Self {
        Self {
            online: false,
            port_fails: false,
            repeats: Repeats::new(u64::from(setup.plan.repeat_ms) * 1000),
            sequence: None,
            setup,
        }
    }

    /// Serves the reader until stopped. What is missing or fails is tried for ever.
    pub(crate) async fn run(mut self) {
        self.tell_status();
        let stop = self.setup.stop.clone();
        let mut backoff = Backoff::default();
        while !stop.is_cancelled() {
            let served = match self.setup.plan.source.clone() {
                Source::Bytes { address, lines } => self.bytes(&address, lines, &mut backoff).await,
                Source::Registers { address, unit, map } => {
                    self.registers(&address, unit, &map, &mut backoff).await
                }
                Source::Edges { chip, d0, d1, rule } => {
                    self.edges(&chip, (d0, d1), rule, &mut backoff).await
                }
            };
            let Err(error) = served else { break };
            self.failed(&error).await;
            // Cancel-safe: nothing is under way in either arm.
            tokio::select! {
                () = tokio::time::sleep(backoff.next_wait()) => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Reads what a converter sends, until it is lost (`Err`) or the reader is stopped (`Ok`).
    async fn bytes(
        &mut self,
        address: &LineAddress,
        mut lines: Lines,
        backoff: &mut Backoff,
    ) -> Result<(), LinkError> {
        let mut stream: Box<dyn AsyncRead + Unpin> = match address {
            LineAddress::Rtu(settings) => Box::new(serial::open(settings)?),
            LineAddress::Tcp(address) => Box::new(connect(address).await?),
            LineAddress::Gpio(_) => return Ok(()),
        };
        backoff.reset();
        self.port_works().await;
        self.set_online(true).await;
        let stop = self.setup.stop.clone();
        let mut received = [0; READ_BYTES];
        loop {
            // Cancel-safe: a read that is dropped has taken no bytes.
            let count = tokio::select! {
                count = stream.read(&mut received) => count,
                () = stop.cancelled() => return Ok(()),
            };
            let count = count.and_then(|count| match count {
                0 => Err(io::ErrorKind::UnexpectedEof.into()),
                count => Ok(count),
            });
            let count = count.map_err(|source| lost(address, source))?;
            let mut frames = Vec::new();
            lines.push(&received[..count], |frame| frames.push(frame));
            for frame in frames {
                match frame {
                    Ok(frame) => self.heard(frame).await,
                    Err(noise) => {
                        let name = &self.setup.plan.name;
                        log::warn!(reader = &**name; "reader `{name}`: {noise}");
                    }
                }
            }
        }
    }

    /// Listens to two GPIO lines, until they are lost (`Err`) or the reader is stopped (`Ok`).
    async fn edges(
        &mut self,
        chip: &Path,
        (d0, d1): (u32, u32),
        rule: PulseRule,
        backoff: &mut Backoff,
    ) -> Result<(), LinkError> {
        let mut edges = gpio::open_edges(chip, d0, d1)?;
        backoff.reset();
        self.port_works().await;
        self.set_online(true).await;
        let stop = self.setup.stop.clone();
        let gap = Duration::from_micros(u64::from(rule.frame_gap_us));
        let mut pulses = Pulses::new(rule);
        loop {
            // Cancel-safe: edges that were taken stay in `pulses`.
            let frame = tokio::select! {
                frame = next_frame(&mut edges, &mut pulses, gap) => frame,
                () = stop.cancelled() => return Ok(()),
            };
            let frame = frame.map_err(|source| LinkError::Lost {
                address: chip.display().to_string(),
                source,
            })?;
            match frame {
                Ok(frame) => self.heard(frame).await,
                Err(noise) => {
                    let name = &self.setup.plan.name;
                    log::warn!(reader = &**name; "reader `{name}`: {noise}");
                }
            }
        }
    }

    /// Reads registers again and again, until the line is lost (`Err`) or the reader is stopped.
    async fn registers(
        &mut self,
        address: &LineAddress,
        unit: u8,
        map: &RegisterMap,
        backoff: &mut Backoff,
    ) -> Result<(), LinkError> {
        let mut link = match address {
            LineAddress::Rtu(settings) => Link::rtu(serial::open(settings)?, settings.baud),
            LineAddress::Tcp(address) => Link::tcp(connect(address).await?),
            LineAddress::Gpio(_) => return Ok(()),
        };
        self.port_works().await;
        let stop = self.setup.stop.clone();
        let mut silences = 0;
        let mut pace = tokio::time::interval(Duration::from_millis(u64::from(map.poll_ms)));
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            // Cancel-safe: a tick that is dropped comes again.
            tokio::select! {
                _ = pace.tick() => {}
                () = stop.cancelled() => return Ok(()),
            }
            let never = std::future::pending();
            let answer = link
                .exchange(unit, map.request(), ANSWER_TIMEOUT, never)
                .await;
            match answer.map_err(|source| lost(address, source))? {
                Outcome::Reply(ReplyValue::Registers(registers)) => {
                    silences = 0;
                    backoff.reset();
                    self.set_online(true).await;
                    self.read(map, &registers).await;
                }
                outcome => {
                    silences += 1;
                    if silences >= SILENCES_MAX {
                        log::debug!("reader `{}`: {outcome:?}", self.setup.plan.name);
                        let source = io::ErrorKind::TimedOut.into();
                        return Err(lost(address, source));
                    }
                }
            }
        }
    }

    /// Takes the card out of registers, if it is a new one. What stood there when the device was
    /// found was shown while nobody listened: no door opens for it.
    async fn read(&mut self, map: &RegisterMap, registers: &[u16]) {
        let name = self.setup.plan.name.clone();
        let (sequence, frame) = match map.card(registers) {
            Ok(read) => read,
            Err(noise) => {
                log::warn!(reader = &*name; "reader `{name}`: {noise}");
                return;
            }
        };
        let before = self.sequence.replace(sequence);
        match (before, frame) {
            (Some(before), Some(frame)) if before != sequence => {
                let missed = sequence.wrapping_sub(before) - 1;
                if missed > 0 {
                    log::warn!(reader = &*name; "reader `{name}`: {missed} cards were shown between two readings");
                }
                self.heard(frame).await;
            }
            _ => {}
        }
    }

    async fn heard(&mut self, frame: Frame) {
        let name = &self.setup.plan.name;
        let keypad = self.setup.plan.keypad;
        if let Some(key) = keypad.key(&frame) {
            return self.send(ReaderEvent::Keys([key].into())).await;
        }
        if keypad.has_length_of(&frame) {
            log::warn!(reader = &**name; "reader `{name}` sent a key that is none");
            return;
        }
        if !self.repeats.is_new(&frame, self.setup.clock.now().mono.0) {
            return;
        }
        match CardBits::new(frame.bit_count(), frame.bytes()) {
            Ok(bits) => {
                let card = self.setup.cards.read(bits);
                self.send(ReaderEvent::Card(card)).await;
            }
            Err(error) => {
                log::warn!(reader = &**name; "reader `{name}` sent a card that was refused: {error}");
            }
        }
    }

    async fn send(&self, event: ReaderEvent) {
        let reader = self.setup.ix;
        // An error says that the doors are being stopped.
        let _ = self
            .setup
            .inputs
            .send(Input::Reader { reader, event })
            .await;
    }

    async fn set_online(&mut self, online: bool) {
        if std::mem::replace(&mut self.online, online) == online {
            return;
        }
        let name = &self.setup.plan.name;
        match online {
            true => log::info!(reader = &**name; "reader `{name}` is online"),
            false => log::warn!(reader = &**name; "reader `{name}` is offline"),
        }
        self.tell_status();
        self.send(match online {
            true => ReaderEvent::Online,
            false => ReaderEvent::Offline,
        })
        .await;
    }

    fn tell_status(&self) {
        self.setup.live.send(Live::Reader(ReaderStatus {
            name: self.setup.plan.name.clone(),
            online: self.online,
            secure: false,
            identity: None,
            key: doorward_api::ReaderKey::Clear,
        }));
    }

    async fn failed(&mut self, error: &LinkError) {
        let name = &self.setup.plan.name;
        if self.online || !self.port_fails {
            let cause = std::error::Error::source(error);
            let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
            log::error!(reader = &**name; "reader `{name}`: {error}{cause}; tried again for ever");
        }
        // The same card that is read again later was shown again.
        self.repeats.forget();
        self.sequence = None;
        self.set_online(false).await;
        if !std::mem::replace(&mut self.port_fails, true) {
            self.port_condition(Condition::Present).await;
            // A reader that was never online is missed, too.
            self.send(ReaderEvent::Offline).await;
        }
    }

    async fn port_works(&mut self) {
        if std::mem::replace(&mut self.port_fails, false) {
            self.port_condition(Condition::Gone).await;
        }
    }

    /// Raises or ends the alarm of a serial port; on a network only the reader is missed.
    async fn port_condition(&self, condition: Condition) {
        let port = match &self.setup.plan.source {
            Source::Edges { chip, .. } => chip,
            Source::Bytes { address, .. } | Source::Registers { address, .. } => match address {
                LineAddress::Rtu(settings) => &settings.path,
                LineAddress::Gpio(board) => &board.chip,
                LineAddress::Tcp(_) => return,
            },
        };
        let port = port.to_string_lossy();
        let alarm = AlarmChange {
            kind: AlarmKind::PortFailing,
            subject: AlarmSubject::Port(DeviceName::from(&*port)),
            condition,
        };
        let _ = self.setup.inputs.send(Input::Alarm(alarm)).await;
    }
}

/// Connects to a converter, and has the kernel ask now and then whether it is still there.
async fn connect(address: &str) -> Result<TcpStream, LinkError> {
    let failed = |source| LinkError::Connect {
        address: address.to_owned(),
        source,
    };
    let stream = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address))
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        .map_err(failed)?;
    let alive = setsockopt(&stream, sockopt::KeepAlive, &true)
        .and_then(|()| setsockopt(&stream, sockopt::TcpKeepIdle, &KEEPALIVE_IDLE_S))
        .and_then(|()| setsockopt(&stream, sockopt::TcpKeepInterval, &KEEPALIVE_INTERVAL_S))
        .and_then(|()| setsockopt(&stream, sockopt::TcpKeepCount, &KEEPALIVE_TRIES));
    alive.map_err(|error| failed(error.into()))?;
    Ok(stream)
}

fn lost(address: &LineAddress, source: io::Error) -> LinkError {
    LinkError::Lost {
        address: address.to_string(),
        source,
    }
}

/// A serial line of a converter: eight data bits, one stop bit.
pub(crate) fn serial_line(path: PathBuf, baud: u32, parity: Parity) -> LineAddress {
    LineAddress::Rtu(SerialSettings { path, baud, parity })
}
