//! The peripheral device: a reader, as the panel sees it.

mod answers;
mod channel;
mod config;
mod event;
mod reports;

use std::collections::VecDeque;

pub use config::{DeviceConfig, DeviceSecurity};
pub use event::{KeyUsed, PdEvent, ReportId, ReportsFull};
pub use reports::{MAX_REPORTS, REPORT_AGE_US};

use self::channel::SecureLink;
use self::reports::Reports;
use super::address::Address;
use super::card::{CardRead, FormattedCard, Keypad};
use super::deframer::{Deframer, DeframerCounts};
use super::frame::{Direction, Frame, HEADER_LEN, Header, Sequence, Station, encode_frame};
use super::identity::Function;
use super::reply::{LocalStatus, MAX_POINTS, NakCode, Points, Reply};
use super::secure::{Nonces, OpenError};
use super::time::{Baud, Mono};

/// Without a command for this long, a device is offline and leaves its Secure Channel
/// (SIA OSDP 2.2, clause 5.7), in microseconds.
pub const SILENCE_US: u64 = 8_000_000;

/// The longest silence inside a frame (SIA OSDP 2.2, clause 5.7).
const CHARACTER_GAP_US: u64 = 20_000;

/// One device on a bus.
///
/// It does no I/O, like [`super::ControlPanel`]: bytes from the line go into
/// [`PeripheralDevice::handle_bytes`], also those meant for others;
/// [`PeripheralDevice::poll_transmit`] gives what is to be sent.
#[derive(Debug)]
pub struct PeripheralDevice {
    config: DeviceConfig,
    deframer: Deframer,
    secure: SecureLink,
    reports: Reports,
    last: Last,
    /// What is to be sent, and from when on.
    tx: Vec<u8>,
    send_at: Option<Mono>,
    local: LocalStatus,
    inputs: Points,
    outputs: Points,
    heard_at: Mono,
    commanded_at: Option<Mono>,
    is_busy: bool,
    events: VecDeque<PdEvent>,
    nonces: Nonces,
    body: Vec<u8>,
}

/// The last exchange, to be repeated when the panel repeats its command.
#[derive(Debug, Default)]
struct Last {
    sequence: Option<Sequence>,
    command: Vec<u8>,
    reply: Vec<u8>,
}

impl PeripheralDevice {
    /// The device for `config`. `seed` must come from the operating system's random numbers, anew for
    /// each device: the Secure Channel's freshness rests on it.
    #[must_use]
    pub fn new(config: DeviceConfig, seed: [u8; 16], now: Mono) -> Self {
        let points = |function| {
            let count = usize::from(config.capabilities.count(function)).min(MAX_POINTS);
            Points::from_slice(&[0; MAX_POINTS][..count]).unwrap_or_default()
        };
        Self {
            inputs: points(Function::ContactStatus),
            outputs: points(Function::OutputControl),
            config,
            deframer: Deframer::new(),
            secure: SecureLink::default(),
            reports: Reports::default(),
            last: Last::default(),
            tx: Vec::new(),
            send_at: None,
            local: LocalStatus::default(),
            heard_at: now,
            commanded_at: None,
            is_busy: false,
            events: VecDeque::new(),
            nonces: Nonces::new(seed),
            body: Vec::new(),
        }
    }

    /// Bytes have come from the line, in chunks of any size.
    pub fn handle_bytes(&mut self, now: Mono, mut bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.heard_at = now;
        self.take_frames(now, &mut bytes);
    }

    /// Time has passed: call at [`PeripheralDevice::poll_timeout`], or later, or earlier.
    pub fn handle_timeout(&mut self, now: Mono) {
        if self.deframer.is_midway() && now.since_us(self.heard_at) >= CHARACTER_GAP_US {
            self.deframer.give_up();
            // What comes out has been waited for in vain by the panel: answering would disturb.
            while self.deframer.next_frame(&mut &[][..]).is_some() {}
        }
        if self
            .commanded_at
            .is_some_and(|at| now.since_us(at) >= SILENCE_US)
        {
            self.commanded_at = None;
            self.restart();
            self.events.push_back(PdEvent::Offline);
        }
    }

    /// Appends the reply that is to be sent now to `out` and returns its length, if there is one.
    pub fn poll_transmit(&mut self, now: Mono, out: &mut Vec<u8>) -> Option<usize> {
        self.send_at.take_if(|at| *at <= now)?;
        out.extend_from_slice(&self.tx);
        Some(self.tx.len())
    }

    /// The next event, oldest first.
    pub fn poll_event(&mut self) -> Option<PdEvent> {
        self.events.pop_front()
    }

    /// When to call [`PeripheralDevice::handle_timeout`] and [`PeripheralDevice::poll_transmit`],
    /// if nothing happens before.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Mono> {
        let gap = self
            .deframer
            .is_midway()
            .then(|| self.heard_at.plus_us(CHARACTER_GAP_US));
        let silence = self.commanded_at.map(|at| at.plus_us(SILENCE_US));
        [self.send_at, gap, silence].into_iter().flatten().min()
    }

    /// A card is shown; it goes out with the next polls.
    pub fn show_card(&mut self, now: Mono, card: CardRead) -> Result<ReportId, ReportsFull> {
        self.reports.push(Reply::Card(card), now)
    }

    /// A card is shown that the reader sends as characters.
    pub fn show_formatted_card(
        &mut self,
        now: Mono,
        card: FormattedCard,
    ) -> Result<ReportId, ReportsFull> {
        self.reports.push(Reply::FormattedCard(card), now)
    }

    /// Keys are pressed.
    pub fn press_keys(&mut self, now: Mono, keypad: Keypad) -> Result<ReportId, ReportsFull> {
        self.reports.push(Reply::Keypad(keypad), now)
    }

    /// Tamper and power are so from now on; a change is reported.
    pub fn set_local_status(&mut self, now: Mono, status: LocalStatus) -> Result<(), ReportsFull> {
        if core::mem::replace(&mut self.local, status) != status {
            self.reports.push(Reply::LocalStatus(status), now)?;
        }
        Ok(())
    }

    /// An input is so from now on; a change is reported. One it does not have is ignored.
    pub fn set_input(
        &mut self,
        now: Mono,
        input: usize,
        is_active: bool,
    ) -> Result<(), ReportsFull> {
        if set_point(&mut self.inputs, input, is_active) {
            self.reports.push(Reply::InputStatus(self.inputs), now)?;
        }
        Ok(())
    }

    /// An output is so from now on; a change is reported. One it does not have is ignored.
    pub fn set_output(
        &mut self,
        now: Mono,
        output: usize,
        is_active: bool,
    ) -> Result<(), ReportsFull> {
        if set_point(&mut self.outputs, output, is_active) {
            self.reports.push(Reply::OutputStatus(self.outputs), now)?;
        }
        Ok(())
    }

    /// Whether to answer every command with BUSY.
    pub const fn set_busy(&mut self, is_busy: bool) {
        self.is_busy = is_busy;
    }

    /// The address, which COMSET may have changed.
    #[must_use]
    pub const fn address(&self) -> Address {
        self.config.address
    }

    /// The baud rate, which COMSET may have changed.
    #[must_use]
    pub const fn baud(&self) -> Baud {
        self.config.baud
    }

    /// Whether a reply is still to be sent.
    #[must_use]
    pub const fn is_answering(&self) -> bool {
        self.send_at.is_some()
    }

    /// Whether a Secure Channel is up.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure.session.is_some()
    }

    /// What the line has brought.
    #[must_use]
    pub const fn line_counts(&self) -> DeframerCounts {
        self.deframer.counts()
    }

    fn take_frames(&mut self, now: Mono, bytes: &mut &[u8]) {
        let mut deframer = core::mem::replace(&mut self.deframer, Deframer::placeholder());
        while let Some(frame) = deframer.next_frame(bytes) {
            let is_ours = matches!(frame.header.station, Station::Broadcast)
                || frame.header.station == Station::One(self.config.address);
            if frame.header.direction != Direction::Command || !is_ours {
                continue;
            }
            // Nobody sends behind a command before it is answered: with a frame behind it, this one was
            // found late, and an answer would disturb what goes on now. A byte or two may come from
            // the panel's transceiver letting go of the line.
            if bytes.len() < HEADER_LEN {
                self.on_command(now, &frame);
            }
        }
        self.deframer = deframer;
    }

    /// A command to this device: numbers first (SIA OSDP 2.2, clause 5.9.5).
    fn on_command(&mut self, now: Mono, frame: &Frame<'_>) {
        if self.commanded_at.replace(now).is_none() {
            self.events.push_back(PdEvent::Online);
        }
        let header = &frame.header;
        if self.is_busy {
            let header = Header {
                sequence: Sequence::START,
                ..reply_header(header)
            };
            self.put(now, &header, &Reply::Busy);
            return;
        }
        if header.sequence == Sequence::START {
            self.restart();
        } else if self.last.sequence == Some(header.sequence) && self.last.command == frame.raw {
            self.tx.clone_from(&self.last.reply);
            self.send_at = Some(now.plus_us(self.config.turnaround_us));
            return;
        } else if self.last.sequence.map(Sequence::next) != Some(header.sequence) {
            self.refuse(now, header, NakCode::Sequence);
            return;
        }
        self.on_new_command(now, frame);
    }

    /// Everything as after power-up, but for what waits to be reported.
    fn restart(&mut self) {
        if self.secure.session.is_some() {
            self.events.push_back(PdEvent::SecureChannelLost);
        }
        self.secure = SecureLink::default();
        self.last.sequence = None;
        self.send_at = None;
        self.reports.on_restart(&mut self.events);
    }

    fn on_new_command(&mut self, now: Mono, frame: &Frame<'_>) {
        let mut body = core::mem::take(&mut self.body);
        body.clear();
        let opened = match &mut self.secure.session {
            Some(session) if frame.mac.is_some() => session.open(frame, &mut body),
            None if frame.mac.is_some() => Err(OpenError::Mac),
            _ => {
                body.extend_from_slice(frame.body);
                Ok(())
            }
        };
        if opened.is_err() {
            if self.secure.session.is_some() {
                self.events.push_back(PdEvent::SecureChannelLost);
            }
            self.secure = SecureLink::default();
            self.refuse(now, &frame.header, NakCode::SecurityConditions);
        } else {
            self.answer(now, frame, &body);
        }
        self.body = body;
    }

    /// Sends NAK in clear. The exchange before stays the one that can be repeated.
    fn refuse(&mut self, now: Mono, header: &Header, code: NakCode) {
        self.put(now, &reply_header(header), &Reply::Nak(code));
    }

    /// Sends `reply` in clear.
    fn put(&mut self, now: Mono, header: &Header, reply: &Reply) {
        let mut body = Vec::new();
        reply.encode(&mut body);
        self.tx.clear();
        // No reply is as long as the longest frame: the largest is PDCAP with 97 bytes.
        let _ = encode_frame(header, &body, |_| [0; 4], &mut self.tx);
        self.send_at = Some(now.plus_us(self.config.turnaround_us));
    }

    /// Sends `reply`, sealed if there is a session.
    fn put_in_channel(&mut self, now: Mono, header: &Header, reply: &Reply) {
        let Some(session) = &mut self.secure.session else {
            return self.put(now, header, reply);
        };
        let mut body = Vec::new();
        reply.encode(&mut body);
        self.tx.clear();
        let _ = session.seal(header, &mut body, &mut self.tx);
        self.send_at = Some(now.plus_us(self.config.turnaround_us));
    }
}

const fn reply_header(command: &Header) -> Header {
    Header {
        direction: Direction::Reply,
        security: None,
        ..*command
    }
}

fn set_point(points: &mut Points, at: usize, is_active: bool) -> bool {
    let Some(point) = points.as_mut_slice().get_mut(at) else {
        return false;
    };
    let state = u8::from(is_active);
    core::mem::replace(point, state) != state
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
