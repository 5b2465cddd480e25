use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use doorward_api::{BusJob, ReaderKey};
use doorward_core::alarm::{AlarmChange, AlarmKind, AlarmSubject, Condition};
use doorward_core::card::CardBits;
use doorward_core::controller::{Feedback, Input, ReaderEvent};
use doorward_core::ids::{DeviceName, ReaderIx};
use doorward_core::time::Wall;
use doorward_wire::osdp::{
    Address, Baud, BusEvent, Channel, Command, ControlPanel, Keypad, LedRecords, LinkEvent, Mono,
    OfflineReason, PdId, Presence, Token,
};
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::card::CardReader;
use super::jobs::RunningJob;
use super::keys::KeyLine;
use super::orders::BusOrder;
use super::signal::{signal, words};
use super::timer::LineTimer;
use crate::backoff::Backoff;
use crate::clock::Clock;
use crate::config::Parity;
use crate::doors::{Live, LiveOutbox, ReaderStatus};
use crate::keys::KeyOrder;
use crate::serial::{SerialError, SerialLine, SerialSettings};
use crate::store::StateSink;

/// Bytes read from the line at once: more than the longest OSDP frame (1440, clause 5.7).
const READ_BYTES: usize = 2048;

/// A reader on the bus, as the rest of the daemon knows it.
#[derive(Debug, Clone)]
pub(crate) struct BusReader {
    pub(crate) ix: ReaderIx,
    pub(crate) name: DeviceName,
    pub(crate) address: Address,
    /// By its configuration, it is spoken to in clear.
    pub(crate) is_clear: bool,
}

/// What a bus task needs.
pub(crate) struct BusSetup {
    pub(crate) name: DeviceName,
    pub(crate) port: PathBuf,
    pub(crate) baud: Baud,
    pub(crate) readers: Vec<BusReader>,
    pub(crate) panel: ControlPanel,
    pub(crate) cards: Arc<CardReader>,
    pub(crate) inputs: mpsc::Sender<Input>,
    pub(crate) live: LiveOutbox,
    pub(crate) clock: Arc<Clock>,
    pub(crate) keys: KeyLine,
    /// What the office asks of it.
    pub(crate) orders: mpsc::Receiver<BusOrder>,
    /// What was ordered and has come to its end.
    pub(crate) finished: mpsc::Sender<BusJob>,
    /// Where the readers' speeds are kept.
    pub(crate) states: StateSink,
    pub(crate) stop: CancellationToken,
}

/// Sends feedback to the readers of one bus. Never blocks: what waits for a reader is replaced.
#[derive(Debug, Clone)]
pub(crate) struct FeedbackSender {
    waiting: Rc<RefCell<Vec<Option<Feedback>>>>,
    wake: Rc<Notify>,
}

impl FeedbackSender {
    pub(crate) fn new(readers: usize) -> Self {
        Self {
            waiting: Rc::new(RefCell::new(vec![None; readers])),
            wake: Rc::default(),
        }
    }

    /// Shows `feedback` at the reader of this number on the bus.
    pub(crate) fn send(&self, reader: usize, feedback: Feedback) {
        if let Some(waiting) = self.waiting.borrow_mut().get_mut(reader) {
            *waiting = Some(feedback);
        }
        self.wake.notify_one();
    }
}

/// One bus: its panel, and what stands around it.
pub(crate) struct Bus {
    pub(super) setup: BusSetup,
    feedback: FeedbackSender,
    /// What each reader shows when nothing transient is shown, to be repeated when it returns.
    steady: Vec<Feedback>,
    pub(super) status: Vec<ReaderStatus>,
    /// Whose display says that the door is out of order.
    worded: Vec<bool>,
    /// Keys on their way, by reader.
    pub(super) rotations: Vec<Option<Token>>,
    port_subject: AlarmSubject,
    port_fails: bool,
    /// What the open port is set to.
    port_baud: Baud,
    pub(super) is_port_open: bool,
    /// Since when each reader is online or offline.
    pub(super) since: Vec<Wall>,
    /// Readers that have gone to another speed and are not back yet.
    pub(super) moving: Vec<bool>,
    pub(super) job: Option<RunningJob>,
    pub(super) last_job: Option<BusJob>,
}

/// Why a bus is not served.
#[derive(Debug, thiserror::Error)]
enum BusError {
    #[error(transparent)]
    Open(#[from] SerialError),
    #[error("serial port `{}` was lost: {source}", path.display())]
    Lost { path: PathBuf, source: io::Error },
}

enum Wake {
    Bytes(usize),
    Timer,
    Feedback,
    Order(KeyOrder),
    BusOrder(BusOrder),
    Stop,
}

impl Bus {
    pub(crate) fn new(setup: BusSetup) -> Self {
        let readers = setup.readers.len();
        let status = setup
            .readers
            .iter()
            .map(|reader| ReaderStatus {
                name: reader.name.clone(),
                online: false,
                secure: false,
                identity: None,
                key: ReaderKey::default(),
            })
            .collect();
        let port = setup.port.to_string_lossy();
        Self {
            port_subject: AlarmSubject::Port(DeviceName::from(&*port)),
            feedback: FeedbackSender::new(readers),
            steady: vec![Feedback::Locked; readers],
            status,
            worded: vec![false; readers],
            rotations: vec![None; readers],
            port_fails: false,
            port_baud: setup.baud,
            is_port_open: false,
            since: vec![setup.clock.now().wall; readers],
            moving: vec![false; readers],
            job: None,
            last_job: None,
            setup,
        }
    }

    pub(crate) fn feedback(&self) -> FeedbackSender {
        self.feedback.clone()
    }

    /// Serves the bus until stopped. A port that is missing or fails is tried for ever.
    pub(crate) async fn run(mut self) {
        for slot in 0..self.status.len() {
            self.status[slot].key = self.known_key(slot);
        }
        for status in &self.status {
            self.setup.live.send(Live::Reader(status.clone()));
        }
        let mut backoff = Backoff::default();
        while !self.setup.stop.is_cancelled() {
            match self.session(&mut backoff).await {
                Ok(()) => break,
                Err(error) => self.port_failed(&error).await,
            }
            self.rest(backoff.next_wait()).await;
        }
    }

    /// Waits before the port is tried again; what is ordered meanwhile is refused.
    async fn rest(&mut self, pause: Duration) {
        let until = Instant::now() + pause;
        loop {
            // Cancel-safe: an order is taken only when its arm is chosen, and the end of the rest
            // stays where it is.
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                () = self.setup.stop.cancelled() => return,
                Some(order) = self.setup.keys.orders.recv() => self.on_order(order, false),
                Some(order) = self.setup.orders.recv() => self.on_bus_order(order),
            }
        }
    }

    /// Opens the port and serves the bus until the port fails (`Err`) or it is stopped (`Ok`).
    async fn session(&mut self, backoff: &mut Backoff) -> Result<(), BusError> {
        let settings = SerialSettings {
            path: self.setup.port.clone(),
            baud: self.setup.baud.rate(),
            parity: Parity::None,
        };
        let mut port = SerialLine::open(&settings)?;
        self.port_baud = self.setup.baud;
        let mut timer = LineTimer::new().map_err(|error| self.lost(error))?;
        backoff.reset();
        self.is_port_open = true;
        self.port_works().await;
        let mut received = [0; READ_BYTES];
        let mut frame = Vec::with_capacity(READ_BYTES);
        loop {
            self.transmit(&mut port, &mut frame)
                .map_err(|error| self.lost(error))?;
            self.report().await;
            self.work().await;
            let job = self.job.as_ref().and_then(RunningJob::poll_timeout);
            let next = [self.setup.panel.poll_timeout(), job];
            let next = next.into_iter().flatten().min();
            timer
                .set(next, self.now())
                .map_err(|error| self.lost(error))?;
            match self
                .wait(&mut port, &mut timer, &mut received)
                .await
                .map_err(|error| self.lost(error))?
            {
                Wake::Bytes(count) => {
                    let now = self.now();
                    self.setup.panel.handle_bytes(now, &received[..count]);
                }
                Wake::Timer => {
                    let now = self.now();
                    self.setup.panel.handle_timeout(now);
                }
                Wake::Feedback => self.show_waiting(),
                Wake::Order(order) => self.on_order(order, true),
                Wake::BusOrder(order) => self.on_bus_order(order),
                Wake::Stop => return Ok(()),
            }
        }
    }

    async fn wait(
        &mut self,
        port: &mut SerialLine,
        timer: &mut LineTimer,
        received: &mut [u8],
    ) -> io::Result<Wake> {
        // Cancel-safe: a read that is dropped has taken no bytes, a timer that went off stays so
        // until it is set anew, a notification stays until it is taken, and so does an order.
        tokio::select! {
            biased;
            count = port.read(received) => match count? {
                0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the device was unplugged")),
                count => Ok(Wake::Bytes(count)),
            },
            result = timer.wait() => result.map(|()| Wake::Timer),
            () = self.feedback.wake.notified() => Ok(Wake::Feedback),
            Some(order) = self.setup.keys.orders.recv() => Ok(Wake::Order(order)),
            Some(order) = self.setup.orders.recv() => Ok(Wake::BusOrder(order)),
            () = self.setup.stop.cancelled() => Ok(Wake::Stop),
        }
    }

    fn transmit(&mut self, port: &mut SerialLine, frame: &mut Vec<u8>) -> io::Result<()> {
        loop {
            frame.clear();
            let now = self.now();
            let Some(transmit) = self.setup.panel.poll_transmit(now, frame) else {
                return Ok(());
            };
            if transmit.baud != self.port_baud {
                port.set_baud(transmit.baud.rate())?;
                self.port_baud = transmit.baud;
            }
            port.write(frame)?;
        }
    }

    pub(super) fn now(&self) -> Mono {
        Mono::from_micros(self.setup.clock.now().mono.0)
    }

    /// Hands what happened to the controller.
    async fn report(&mut self) {
        while let Some(event) = self.setup.panel.poll_event() {
            self.tell_job(&event);
            let BusEvent { address, event } = event;
            let Some(slot) = self
                .setup
                .readers
                .iter()
                .position(|reader| reader.address == address)
            else {
                continue;
            };
            self.mind_key(slot, &event);
            let reader = self.setup.readers[slot].ix;
            for event in self.translate(slot, event).into_iter().flatten() {
                self.send(Input::Reader { reader, event }).await;
            }
        }
    }

    pub(super) async fn send(&self, input: Input) {
        // An error says that the doors are being stopped.
        let _ = self.setup.inputs.send(input).await;
    }

    fn translate(&mut self, slot: usize, event: LinkEvent) -> [Option<ReaderEvent>; 2] {
        let name = self.setup.readers[slot].name.clone();
        match event {
            LinkEvent::Online(presence) => {
                self.online(slot, &presence);
                if std::mem::replace(&mut self.moving[slot], false) {
                    return [None, None];
                }
                let secure = presence.channel == Channel::Secure;
                [
                    Some(ReaderEvent::Online),
                    secure.then_some(ReaderEvent::SecureChannelFailed(false)),
                ]
            }
            LinkEvent::Offline(reason) if self.is_moving(reason) => {
                self.moving[slot] = true;
                [None, None]
            }
            LinkEvent::Offline(reason) => {
                // A lost port was told already, once for all its readers.
                if reason != OfflineReason::LineLost {
                    log::warn!(reader = &*name; "reader `{name}` is offline: {reason:?}");
                }
                self.gone(slot);
                [Some(ReaderEvent::Offline), None]
            }
            LinkEvent::Card(card) => match CardBits::new(card.bit_count(), card.bytes()) {
                Ok(bits) => [Some(ReaderEvent::Card(self.setup.cards.read(bits))), None],
                Err(error) => {
                    log::warn!(reader = &*name; "reader `{name}` sent a card that was refused: {error}");
                    [None, None]
                }
            },
            LinkEvent::Keypad(keypad) => {
                let keys: Vec<u8> = keypad.keys.iter().map(|&key| key_character(key)).collect();
                [Some(ReaderEvent::Keys(keys.into())), None]
            }
            LinkEvent::LocalStatus(status) => [
                Some(ReaderEvent::Tamper(status.is_tampered)),
                Some(ReaderEvent::PowerFailed(status.has_power_failed)),
            ],
            LinkEvent::SecureChannelFailed(failure) => {
                log::error!(reader = &*name; "reader `{name}` has no secure channel: {failure:?}");
                [Some(ReaderEvent::SecureChannelFailed(true)), None]
            }
            LinkEvent::Unreadable => {
                log::error!(reader = &*name; "something answers for reader `{name}` that cannot be read: the line is bad, or two readers have its address");
                [None, None]
            }
            LinkEvent::AddressShared(is_shared) => {
                if is_shared {
                    log::error!(reader = &*name; "several readers answer at the address of reader `{name}`");
                } else {
                    log::info!(reader = &*name; "only one reader answers at the address of reader `{name}` again");
                }
                [Some(ReaderEvent::AddressShared(is_shared)), None]
            }
            LinkEvent::ClearRefused { code } => {
                log::error!(reader = &*name, code; "reader `{name}` spoke in clear and was not heard");
                [None, None]
            }
            other => {
                log::debug!(reader = &*name; "reader `{name}`: {other:?}");
                [None, None]
            }
        }
    }

    fn online(&mut self, slot: usize, presence: &Presence) {
        let name = self.setup.readers[slot].name.clone();
        let secure = presence.channel == Channel::Secure;
        let identity = identity(&presence.id);
        log::info!(reader = &*name, secure; "reader `{name}` is online: {identity}");
        if !self.moving[slot] {
            self.since[slot] = self.setup.clock.now().wall;
        }
        let key = self.known_key(slot);
        self.update(slot, |status| {
            status.online = true;
            status.secure = secure;
            status.key = key;
            status.identity = Some(identity);
        });
        // Its display may have forgotten what it said, or still say it.
        self.worded[slot] = self.steady[slot] != Feedback::OutOfOrder;
        self.show(slot, self.steady[slot]);
    }

    /// The reader is offline.
    pub(super) fn gone(&mut self, slot: usize) {
        self.since[slot] = self.setup.clock.now().wall;
        self.update(slot, |status| {
            status.online = false;
            status.secure = false;
        });
    }

    pub(super) fn update(&mut self, slot: usize, change: impl FnOnce(&mut ReaderStatus)) {
        change(&mut self.status[slot]);
        self.setup
            .live
            .send(Live::Reader(self.status[slot].clone()));
    }

    fn show_waiting(&mut self) {
        for slot in 0..self.setup.readers.len() {
            let waiting = self.feedback.waiting.borrow_mut()[slot].take();
            let Some(feedback) = waiting else { continue };
            if matches!(
                feedback,
                Feedback::Locked | Feedback::Unlocked | Feedback::OutOfOrder
            ) {
                self.steady[slot] = feedback;
            }
            self.show(slot, feedback);
        }
    }

    fn show(&mut self, slot: usize, feedback: Feedback) {
        let reader = &self.setup.readers[slot];
        let (led, buzzer) = signal(feedback);
        let light = Command::Led(LedRecords::one(led));
        let words = words(feedback, self.worded[slot]);
        if words.is_some() {
            self.worded[slot] = feedback == Feedback::OutOfOrder;
        }
        let (buzzer, words) = (buzzer.map(Command::Buzzer), words.map(Command::Text));
        for command in [Some(light), buzzer, words].into_iter().flatten() {
            // A reader that is offline or has no light is told again when it can be.
            if let Err(error) = self.setup.panel.send(reader.address, command) {
                log::debug!(reader = &*reader.name; "{feedback:?} is not shown: {error}");
            }
        }
    }

    fn lost(&self, source: io::Error) -> BusError {
        BusError::Lost {
            path: self.setup.port.clone(),
            source,
        }
    }

    async fn port_failed(&mut self, error: &BusError) {
        if !std::mem::replace(&mut self.port_fails, true) {
            log::error!(bus = &*self.setup.name; "bus `{}`: {error}", self.setup.name);
            self.port_condition(Condition::Present).await;
        }
        let now = self.now();
        self.port_gone();
        self.setup.panel.line_lost(now);
        self.report().await;
        self.tell_lost_readers().await;
    }

    async fn port_works(&mut self) {
        if std::mem::replace(&mut self.port_fails, false) {
            log::info!(bus = &*self.setup.name; "bus `{}`: the port works again", self.setup.name);
            self.port_condition(Condition::Gone).await;
        }
    }

    async fn port_condition(&self, condition: Condition) {
        let subject = self.port_subject.clone();
        let alarm = AlarmChange {
            kind: AlarmKind::PortFailing,
            subject,
            condition,
        };
        self.send(Input::Alarm(alarm)).await;
    }
}

/// Vendor (IEEE OUI), model, firmware and serial number, as a person may compare them with the label.
fn identity(id: &PdId) -> String {
    let [a, b, c] = id.vendor;
    let [major, minor, build] = id.firmware;
    format!(
        "{a:02X}-{b:02X}-{c:02X} model {} version {} firmware {major}.{minor}.{build} serial {}",
        id.model, id.version, id.serial
    )
}

/// The character of a key as OSDP sends it (SIA OSDP 2.2, clause 7.12).
const fn key_character(key: u8) -> u8 {
    match key {
        Keypad::STAR => b'*',
        Keypad::HASH => b'#',
        other => other,
    }
}
