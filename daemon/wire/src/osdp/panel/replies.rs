//! What a reply means for the link.

use std::collections::VecDeque;

use super::event::{BusEvent, CommandOutcome, LinkEvent, OfflineReason, SecureChannelFailure};
use super::handshake::KeyKind;
use super::link::{Link, Purpose, Stage};
use super::queue::Queued;
use crate::osdp::command::Command;
use crate::osdp::fields::DecodeError;
use crate::osdp::frame::{Check, Direction, Frame, SecurityBlock, Sequence};
use crate::osdp::reply::{NakCode, Reply};
use crate::osdp::secure::OpenError;
use crate::osdp::time::Mono;

const ACK: u8 = 0x40;
const NAK: u8 = 0x41;
const PDID: u8 = 0x45;
const RAW: u8 = 0x50;
const FMT: u8 = 0x51;
const KEYPAD: u8 = 0x53;
const CCRYPT: u8 = 0x76;
const RMAC_I: u8 = 0x78;
const BUSY: u8 = 0x79;

/// How often refused replies are reported at most, for each PD.
const REFUSAL_PAUSE_US: u64 = 1_000_000;

/// What a frame meant for the wait it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Nothing; the reply may still come.
    Nothing,
    /// It was the PD, and not a reply that could be used. Nothing better will come.
    Garbled,
    /// The wait is over.
    Complete,
}

impl Link {
    /// A frame came from this PD's address in its wait.
    pub(super) fn on_frame(
        &mut self,
        now: Mono,
        frame: &Frame<'_>,
        events: &mut VecDeque<BusEvent>,
    ) -> Heard {
        if frame.header.direction != Direction::Reply || self.exchange.is_none() {
            return Heard::Nothing;
        }
        if frame.header.check == Check::Checksum && self.check == Check::Crc {
            self.stats.bad_checks += 1;
            return Heard::Garbled;
        }
        // BUSY comes in clear and with number 0, in a session, too (clause 7.19).
        let is_clear = frame.header.security.is_none();
        if is_clear && frame.body == [BUSY] && frame.header.sequence == Sequence::START {
            self.on_busy(now, events);
            return Heard::Complete;
        }
        match (self.session.is_some(), frame.mac.is_some()) {
            (true, true) => self.on_sealed(now, frame, events),
            (true, false) => self.on_clear_in_session(now, frame, events),
            (false, false) => self.on_clear(now, frame, events),
            (false, true) => Heard::Garbled,
        }
    }

    fn on_sealed(
        &mut self,
        now: Mono,
        frame: &Frame<'_>,
        events: &mut VecDeque<BusEvent>,
    ) -> Heard {
        if frame.header.sequence != self.sequence {
            // A late answer to a command that was repeated; the one to this command is still to come.
            self.stats.bad_sequences += 1;
            return Heard::Nothing;
        }
        let Some(session) = &mut self.session else {
            return Heard::Nothing;
        };
        let mut body = core::mem::take(&mut self.body);
        let opened = session.open(frame, &mut body);
        let heard = match opened {
            Ok(()) => {
                let is_encrypted = frame
                    .header
                    .security
                    .is_some_and(|block| block.kind.is_encrypted());
                self.on_opened(now, &body, is_encrypted, events);
                Heard::Complete
            }
            Err(OpenError::Padding) => {
                self.go_offline(now, OfflineReason::SecureChannelLost, events);
                Heard::Complete
            }
            Err(OpenError::Mac | OpenError::Clear) => {
                self.stats.bad_macs += 1;
                Heard::Garbled
            }
        };
        self.body = body;
        heard
    }

    fn on_opened(
        &mut self,
        now: Mono,
        body: &[u8],
        is_encrypted: bool,
        events: &mut VecDeque<BusEvent>,
    ) {
        let code = body.first().copied().unwrap_or_default();
        let is_secret = matches!(code, RAW | FMT | KEYPAD);
        if is_secret && !is_encrypted {
            // Authentic, but everybody on the line has read it.
            self.refuse_clear(now, code, events);
            if let Some(Purpose::Queued(queued)) = self.accept(now) {
                self.finish(&queued, CommandOutcome::Done, events);
            }
            return;
        }
        self.on_body(now, body, None, events);
    }

    fn on_clear_in_session(
        &mut self,
        now: Mono,
        frame: &Frame<'_>,
        events: &mut VecDeque<BusEvent>,
    ) -> Heard {
        match frame.code() {
            // A PD that has lost the session, by a restart for example, can only say so in clear.
            // Whoever forges this can as well disturb the line.
            NAK => {
                if let Ok(Reply::Nak(code)) = Reply::decode(frame.body) {
                    self.count_nak(code);
                    if code == NakCode::BadCheck {
                        self.on_unread(now, events);
                        return Heard::Complete;
                    }
                }
                self.go_offline(now, OfflineReason::SecureChannelLost, events);
                Heard::Complete
            }
            // Some PDs drop the session before they acknowledge a new key. Whether they really have
            // it shows in the handshake that follows, with the key before as well as the new one.
            ACK if self.is_sending_key() => {
                if let Some(Purpose::Queued(queued)) = self.accept(now) {
                    self.finish(&queued, CommandOutcome::Done, events);
                }
                self.go_offline(now, OfflineReason::KeyChanged, events);
                Heard::Complete
            }
            code => {
                self.refuse_clear(now, code, events);
                Heard::Nothing
            }
        }
    }

    fn is_sending_key(&self) -> bool {
        match &self.exchange {
            Some(Purpose::InstallKey) => true,
            Some(Purpose::Queued(queued)) => matches!(queued.command, Command::KeySet(_)),
            _ => false,
        }
    }

    fn on_clear(&mut self, now: Mono, frame: &Frame<'_>, events: &mut VecDeque<BusEvent>) -> Heard {
        let code = frame.code();
        let nak = if code == NAK {
            Reply::decode(frame.body).ok()
        } else {
            None
        };
        if let Some(Reply::Nak(NakCode::Sequence)) = nak {
            // The PD cannot know our number, so its own does not matter.
            self.count_nak(NakCode::Sequence);
            self.go_offline(now, OfflineReason::SequenceLost, events);
            return Heard::Complete;
        }
        if frame.header.sequence != self.sequence {
            // A late answer to a command that was repeated; the one to this command is still to come.
            self.stats.bad_sequences += 1;
            return Heard::Nothing;
        }
        if let Some(Reply::Nak(NakCode::BadCheck)) = nak {
            self.count_nak(NakCode::BadCheck);
            self.on_unread(now, events);
            return Heard::Complete;
        }
        if !self.security.is_clear() && !self.is_expected_in_clear(code) {
            self.refuse_clear(now, code, events);
            return Heard::Nothing;
        }
        self.on_body(now, frame.body, frame.header.security, events);
        Heard::Complete
    }

    fn is_expected_in_clear(&self, code: u8) -> bool {
        let expected = match self.exchange {
            Some(Purpose::Probe) => PDID,
            Some(Purpose::Challenge(..)) => CCRYPT,
            Some(Purpose::Cryptogram(_)) => RMAC_I,
            _ => return false,
        };
        code == expected || code == NAK
    }

    fn refuse_clear(&mut self, now: Mono, code: u8, events: &mut VecDeque<BusEvent>) {
        self.stats.clear_refused += 1;
        let is_pause = self
            .refusal_told_at
            .is_some_and(|at| now.since_us(at) < REFUSAL_PAUSE_US);
        if !is_pause {
            self.refusal_told_at = Some(now);
            self.report(events, LinkEvent::ClearRefused { code });
        }
    }

    /// Code and data of an acceptable reply.
    fn on_body(
        &mut self,
        now: Mono,
        body: &[u8],
        block: Option<SecurityBlock>,
        events: &mut VecDeque<BusEvent>,
    ) {
        let Some(purpose) = self.accept(now) else {
            return;
        };
        self.end_sharing(now, events);
        let reply = match Reply::decode(body) {
            Ok(reply) => reply,
            Err(error) => return self.on_undecodable(now, purpose, error, events),
        };
        if let Reply::Nak(code) = reply {
            self.count_nak(code);
        }
        match purpose {
            Purpose::Probe => self.on_probe_reply(now, &reply, events),
            Purpose::Capabilities => {
                self.on_capabilities(&reply);
                self.go_online(events);
            }
            Purpose::Challenge(kind, random) => {
                self.on_challenge_reply(now, (kind, random), &reply, block, events);
            }
            Purpose::Cryptogram(handshake) => {
                self.on_cryptogram_reply(now, *handshake, &reply, block, events);
            }
            Purpose::SecureId => {
                if let Reply::Id(id) = reply {
                    self.on_identity(now, id, events);
                }
                self.stage = Stage::SecureCapabilities;
            }
            Purpose::SecureCapabilities => {
                self.on_capabilities(&reply);
                self.go_online(events);
            }
            Purpose::InstallKey if reply == Reply::Ack => self.on_key_taken(now, events),
            Purpose::InstallKey => {
                self.candidates.pop();
                self.fail_handshake(now, SecureChannelFailure::InstallRefused, events);
            }
            Purpose::Poll => self.on_poll_reply(now, &reply, events),
            Purpose::Status => {
                self.known.on_answer();
                self.on_poll_reply(now, &reply, events);
            }
            Purpose::Queued(queued) => self.on_queued_reply(now, &queued, &reply, events),
        }
    }

    fn on_undecodable(
        &mut self,
        now: Mono,
        purpose: Purpose,
        error: DecodeError,
        events: &mut VecDeque<BusEvent>,
    ) {
        self.report(events, LinkEvent::Undecodable(error));
        match purpose {
            Purpose::Queued(queued) => self.finish(&queued, CommandOutcome::Done, events),
            Purpose::Status => self.known.on_answer(),
            Purpose::Capabilities | Purpose::SecureCapabilities => {
                self.capabilities = None;
                self.go_online(events);
            }
            Purpose::SecureId => self.stage = Stage::SecureCapabilities,
            Purpose::Probe => self.on_probe_reply(now, &Reply::Ack, events),
            Purpose::Challenge(..) | Purpose::Cryptogram(_) | Purpose::InstallKey => {
                self.fail_handshake(now, SecureChannelFailure::NotSupported, events);
            }
            Purpose::Poll => {}
        }
    }

    fn on_probe_reply(&mut self, now: Mono, reply: &Reply, events: &mut VecDeque<BusEvent>) {
        if let Reply::Id(id) = reply {
            self.on_identity(now, *id, events);
        }
        self.is_heard_late = false;
        if self.security.is_clear() {
            self.stage = Stage::Capabilities;
        } else if let Some(key) = self.first_key() {
            self.stage = Stage::Challenge(key);
        } else if self.may_install(now) {
            self.stage = Stage::Challenge(KeyKind::Default);
        } else {
            self.fail_handshake(now, SecureChannelFailure::NoKey, events);
        }
    }

    const fn on_capabilities(&mut self, reply: &Reply) {
        self.capabilities = match reply {
            Reply::Capabilities(capabilities) => Some(*capabilities),
            _ => None,
        };
    }

    fn on_poll_reply(&mut self, now: Mono, reply: &Reply, events: &mut VecDeque<BusEvent>) {
        let Reply::Nak(NakCode::SecurityUnsupported | NakCode::SecurityConditions) = reply else {
            return self.on_data(reply, events);
        };
        if self.is_secure() {
            self.go_offline(now, OfflineReason::SecureChannelLost, events);
        } else {
            self.tell_failure(SecureChannelFailure::DemandedByReader, events);
        }
    }

    fn on_queued_reply(
        &mut self,
        now: Mono,
        queued: &Queued,
        reply: &Reply,
        events: &mut VecDeque<BusEvent>,
    ) {
        let outcome = match reply {
            Reply::Nak(code) => CommandOutcome::Refused(*code),
            _ => CommandOutcome::Done,
        };
        if let Reply::Com(settings) = reply {
            self.report(events, LinkEvent::Com(*settings));
        }
        self.finish(queued, outcome, events);
        let is_key = matches!(queued.command, Command::KeySet(_));
        match reply {
            Reply::Ack if is_key => self.on_key_taken(now, events),
            Reply::Nak(_) if is_key => drop(self.candidates.pop()),
            Reply::Com(settings) => {
                self.address = settings.address;
                if settings.baud != self.baud {
                    self.follow(now, settings.baud, events);
                }
            }
            _ => self.on_data(reply, events),
        }
    }

    /// News from the PD, whatever it was that brought them.
    fn on_data(&mut self, reply: &Reply, events: &mut VecDeque<BusEvent>) {
        let event = match reply {
            Reply::Card(card) => Some(LinkEvent::Card(*card)),
            Reply::FormattedCard(card) => Some(LinkEvent::FormattedCard(*card)),
            Reply::Keypad(keypad) => Some(LinkEvent::Keypad(*keypad)),
            Reply::LocalStatus(status) => self.known.local(*status),
            Reply::InputStatus(points) => self.known.inputs(*points),
            Reply::OutputStatus(points) => self.known.outputs(*points),
            Reply::ReaderStatus(points) => self.known.readers(*points),
            Reply::Com(settings) => Some(LinkEvent::Com(*settings)),
            Reply::Ack
            | Reply::Nak(_)
            | Reply::Busy
            | Reply::Id(_)
            | Reply::Capabilities(_)
            | Reply::ClientCryptogram(_)
            | Reply::InitialRMac(_) => None,
        };
        if let Some(event) = event {
            self.report(events, event);
        }
    }
}
