//! The task of one line.

use std::sync::Arc;
use std::time::Duration;

use doorward_core::controller::{BoardEvent, RelayCommand};
use doorward_core::ids::BoardIx;
use doorward_core::time::Mono;
use doorward_wire::board::{ModbusRequest, OutputState};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::task::{JoinError, JoinHandle};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::commands::{Commands, SendError};
use super::config::{LineAddress, LineConfig};
use super::driver::Outcome;
use super::driver::{Driver, Step};
use super::link::Link;
use crate::backoff::Backoff;
use crate::gpio::{self, GpioError, Pins};
use crate::serial::{self, SerialError};

/// How long opening a connection may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a board that did not answer lately is given even when a command for another one comes.
const PROBE_LEAST: Duration = Duration::from_millis(20);
/// Changes of safe states that may wait.
const SAFE_CHANGES_MAX: usize = 256;

/// One line with its boards.
#[derive(Debug)]
pub struct RelayLine;

impl RelayLine {
    /// Starts the task of a line on the current runtime. It opens the line, anew for ever when
    /// that fails or the line is lost, and tells `events` what the boards say.
    #[must_use]
    pub fn spawn(
        config: LineConfig,
        events: mpsc::Sender<(BoardIx, BoardEvent)>,
    ) -> RelayLineHandle {
        let commands = Arc::new(Commands::new(&config));
        let (safe_changes, inbox) = mpsc::channel(SAFE_CHANGES_MAX);
        let stop = CancellationToken::new();
        let task = LineTask {
            desk: Desk {
                driver: Driver::new(&config),
                commands: Arc::clone(&commands),
                safe_changes: inbox,
                stop: stop.clone(),
                events,
                started: Instant::now(),
            },
            config,
            open_wait: Backoff::default(),
        };
        RelayLineHandle {
            commands,
            safe_changes,
            _stop_on_drop: stop.clone().drop_guard(),
            stop,
            task: tokio::spawn(task.run()),
        }
    }
}

/// The controller's end of one line. Dropping it stops the line as well, without waiting.
#[derive(Debug)]
pub struct RelayLineHandle {
    commands: Arc<Commands>,
    safe_changes: mpsc::Sender<SafeChange>,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    task: JoinHandle<()>,
}

impl RelayLineHandle {
    /// Drives an output. Never blocks: the newest command of an output counts, one that was not
    /// sent yet is void. What became of it is told only when it failed, as
    /// [`BoardEvent::OutputFailed`].
    pub fn send(
        &self,
        board: BoardIx,
        output: u16,
        command: RelayCommand,
    ) -> Result<(), SendError> {
        self.commands.send(board, output, command)
    }

    /// Changes what an output does while nobody commands it. An output that was not in use so far
    /// is driven to it at once.
    pub fn set_safe(
        &self,
        board: BoardIx,
        output: u16,
        state: OutputState,
    ) -> Result<(), SendError> {
        let place = self.commands.place(board, output)?;
        let change = SafeChange {
            place,
            output,
            state,
        };
        self.safe_changes
            .try_send(change)
            .map_err(|_| SendError::Busy)
    }

    /// Drives every output to its safe state, closes the line and waits for the task's end:
    /// [`super::STOP_MS`] and one exchange at most.
    pub async fn stop(self) -> Result<(), JoinError> {
        self.stop.cancel();
        self.task.await
    }
}

#[derive(Debug, Clone, Copy)]
struct SafeChange {
    /// The board's place on the line.
    place: usize,
    output: u16,
    state: OutputState,
}

#[derive(Debug)]
struct LineTask {
    config: LineConfig,
    desk: Desk,
    open_wait: Backoff,
}

impl LineTask {
    async fn run(mut self) {
        log::debug!("relay line `{}` begins", self.config.address);
        while let Some(link) = self.open().await {
            self.desk.catch_up();
            self.desk.driver.line_up();
            self.serve(link).await;
            self.desk.driver.line_down(self.desk.now());
            let wait = self.open_wait.next_wait();
            self.desk.wait(wait).await;
        }
        self.desk.hand_over_events();
        log::debug!("relay line `{}` ends", self.config.address);
    }

    /// Opens the line, in as many attempts as it takes. `None` to stop.
    async fn open(&mut self) -> Option<OpenLine> {
        while !self.desk.driver.is_stopping() {
            match self.try_open().await? {
                Ok(link) => return Some(link),
                Err(error) => self.tell_once(&error),
            }
            let wait = self.open_wait.next_wait();
            self.desk.wait(wait).await;
        }
        None
    }

    /// Tells the first failure in a row.
    fn tell_once(&self, error: &OpenError) {
        if self.open_wait.attempts() == 0 {
            let address = &self.config.address;
            match std::error::Error::source(error) {
                Some(cause) => log::error!("{error}: {cause}; tried again for ever"),
                None => log::error!("{error}; tried again for ever"),
            }
            log::debug!("relay line `{address}` is not open");
        }
    }

    async fn try_open(&mut self) -> Option<Result<OpenLine, OpenError>> {
        let address = match &self.config.address {
            LineAddress::Rtu(settings) => {
                let port = serial::open(settings).map_err(OpenError::Serial);
                return Some(port.map(|port| OpenLine::Modbus(Link::rtu(port, settings.baud))));
            }
            LineAddress::Gpio(board) => {
                let pins = gpio::open_pins(board).map_err(OpenError::Gpio);
                return Some(pins.map(OpenLine::Gpio));
            }
            LineAddress::Tcp(address) => address.clone(),
        };
        let failed = |source| OpenError::Connect {
            address: address.clone(),
            source,
        };
        let connect = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&address));
        tokio::pin!(connect);
        while !self.desk.driver.is_stopping() {
            // The connection goes on being made when the desk is served meanwhile; the desk loses
            // nothing when the connection is there first.
            let stream = tokio::select! {
                stream = &mut connect => stream,
                () = self.desk.idle(None) => continue,
            };
            let stream = stream.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
            let stream = stream.and_then(|stream| stream.set_nodelay(true).map(|()| stream));
            let link = stream.map(|stream| OpenLine::Modbus(Link::tcp(stream)));
            return Some(link.map_err(failed));
        }
        None
    }

    /// Carries out what the driver asks for, until the line is lost or stopped.
    async fn serve(&mut self, mut link: OpenLine) {
        let desk = &mut self.desk;
        loop {
            desk.catch_up();
            match desk.driver.next(desk.now()) {
                Step::Exchange {
                    unit,
                    request,
                    timeout_us,
                    is_probe,
                } => {
                    let timeout = Duration::from_micros(timeout_us);
                    let commands = Arc::clone(&desk.commands);
                    let urgent = async {
                        if is_probe {
                            tokio::time::sleep(PROBE_LEAST).await;
                            commands.wait().await;
                        } else {
                            std::future::pending::<()>().await;
                        }
                    };
                    let outcome = match link.exchange(unit, request, timeout, urgent).await {
                        Ok(outcome) => outcome,
                        Err(error) => {
                            log::warn!("relay line `{}` is lost: {error}", self.config.address);
                            return;
                        }
                    };
                    desk.driver.done(desk.now(), &outcome);
                    if desk.driver.some_board_is_online() {
                        self.open_wait.reset();
                    }
                }
                Step::Wait(until) => {
                    let until = until.map(|until| desk.instant(until));
                    desk.idle(until).await;
                }
                Step::Close => {
                    if self.open_wait.attempts() == 0 {
                        log::error!(
                            "relay line `{}`: no board answers; opened anew for ever",
                            self.config.address
                        );
                    }
                    return;
                }
                Step::Stopped => return,
            }
        }
    }
}

/// A line that is open.
enum OpenLine {
    Modbus(Link),
    Gpio(Box<dyn Pins>),
}

impl OpenLine {
    /// Puts a question and waits for the answer; see [`Link::exchange`].
    async fn exchange(
        &mut self,
        unit: u8,
        request: ModbusRequest,
        timeout: Duration,
        urgent: impl Future<Output = ()>,
    ) -> std::io::Result<Outcome> {
        match self {
            Self::Modbus(link) => link.exchange(unit, request, timeout, urgent).await,
            Self::Gpio(pins) => gpio::answer(&mut **pins, request),
        }
    }
}

/// Why a line was not opened.
#[derive(Debug, thiserror::Error)]
enum OpenError {
    #[error(transparent)]
    Serial(SerialError),
    #[error(transparent)]
    Gpio(GpioError),
    #[error("no connection to the relay board at `{address}`")]
    Connect {
        address: String,
        source: std::io::Error,
    },
}

/// Everything of a line that goes on while it is closed.
#[derive(Debug)]
struct Desk {
    driver: Driver,
    commands: Arc<Commands>,
    safe_changes: mpsc::Receiver<SafeChange>,
    stop: CancellationToken,
    events: mpsc::Sender<(BoardIx, BoardEvent)>,
    started: Instant,
}

impl Desk {
    fn now(&self) -> Mono {
        let us = self.started.elapsed().as_micros();
        Mono(u64::try_from(us).unwrap_or(u64::MAX))
    }

    fn instant(&self, time: Mono) -> Instant {
        self.started + Duration::from_micros(time.0)
    }

    /// Waits, and serves what comes meanwhile. Ends early to stop.
    async fn wait(&mut self, wait: Duration) {
        let deadline = Instant::now() + wait;
        while !self.driver.is_stopping() && Instant::now() < deadline {
            self.idle(Some(deadline)).await;
        }
    }

    /// Waits until something came, and serves it; until `deadline` at most.
    ///
    /// Cancel-safe, as every arm is: a notification, a cancellation and a time can be awaited
    /// again, `recv` and `reserve` lose nothing.
    async fn idle(&mut self, deadline: Option<Instant>) {
        let has_events = !self.driver.events().is_empty();
        let is_stopping = self.driver.is_stopping();
        let at_deadline = async {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline).await,
                None => std::future::pending().await,
            }
        };
        let change = tokio::select! {
            () = self.commands.wait() => None,
            () = self.stop.cancelled(), if !is_stopping => None,
            Some(change) = self.safe_changes.recv() => Some(change),
            // The place is given back, and taken again below.
            _ = self.events.reserve(), if has_events => None,
            () = at_deadline => None,
        };
        if let Some(change) = change {
            self.change_safe(change);
        }
        self.catch_up();
    }

    /// Serves everything that waits.
    fn catch_up(&mut self) {
        while let Ok(change) = self.safe_changes.try_recv() {
            self.change_safe(change);
        }
        let driver = &mut self.driver;
        self.commands
            .take(|board, output, command| driver.command(board, output, command));
        if self.stop.is_cancelled() {
            self.driver.stop(self.now());
        }
        self.hand_over_events();
    }

    fn change_safe(&mut self, change: SafeChange) {
        let now = self.now();
        self.driver
            .set_safe(now, change.place, change.output, change.state);
    }

    /// Hands over as many events as the controller has room for.
    fn hand_over_events(&mut self) {
        let waiting = self.driver.events();
        while !waiting.is_empty() {
            let place = match self.events.try_reserve() {
                Ok(place) => place,
                Err(TrySendError::Full(())) => return,
                // The controller is gone, and this line will be stopped.
                Err(TrySendError::Closed(())) => return waiting.clear(),
            };
            if let Some(event) = waiting.pop_front() {
                place.send(event);
            }
        }
    }
}
