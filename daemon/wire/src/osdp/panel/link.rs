//! The link to one PD: what is sent next, and what happens when nothing comes back.

use std::collections::VecDeque;

use super::config::{PdConfig, Security};
use super::event::{BusEvent, Channel, CommandOutcome, LinkEvent, Presence, SecureChannelFailure};
use super::handshake::{Handshake, KeyKind};
use super::keys::Install;
use super::queue::{CommandQueue, Queued};
use super::sharing::Sharing;
use super::stats::PdStats;
use super::status::Known;
use super::window::ReplyWindow;
use crate::osdp::address::Address;
use crate::osdp::command::Command;
use crate::osdp::frame::{
    BlockType, Check, Direction, FrameTooLong, Header, SecurityBlock, Sequence, Station,
    encode_frame,
};
use crate::osdp::identity::{Capabilities, Function, PdId};
use crate::osdp::reply::NakCode;
use crate::osdp::secure::{Nonces, Scbk, Session};
use crate::osdp::time::{Baud, Mono};

/// How many queued commands may go out in a row before a POLL, so that cards are never shut out.
const MAX_COMMANDS_IN_A_ROW: u8 = 3;

/// Where the link stands: what is to be sent when no command waits for its reply.
#[derive(Debug)]
pub(super) enum Stage {
    /// Nobody has answered yet: ID, with sequence number 0.
    Absent,
    /// CAP in clear.
    Capabilities,
    /// CHLNG.
    Challenge(KeyKind),
    /// SCRYPT.
    Cryptogram(Box<Handshake>),
    /// ID in the session.
    SecureId,
    /// CAP in the session.
    SecureCapabilities,
    /// KEYSET in a session with the default key.
    InstallKey,
    /// POLL, and what the caller sends.
    Online,
}

/// Why the command that waits for its reply was sent.
#[derive(Debug)]
pub(super) enum Purpose {
    Probe,
    Capabilities,
    Challenge(KeyKind, [u8; 8]),
    Cryptogram(Box<Handshake>),
    SecureId,
    SecureCapabilities,
    InstallKey,
    Poll,
    Status,
    Queued(Queued),
}

/// What the caller was last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    Nothing,
    Online,
    Offline,
}

/// The link to one PD.
#[derive(Debug)]
pub(crate) struct Link {
    pub(super) address: Address,
    /// The rate it is spoken to at.
    pub(super) baud: Baud,
    /// The rate it was last heard at.
    pub(super) home: Baud,
    /// At how many other rates it has been looked for.
    pub(super) searched: usize,
    /// How long its reply to a probe is waited for, where somebody else decides that.
    pub(super) visit_us: Option<u64>,
    /// The probe whose rate has been chosen.
    pub(super) chosen_for: Option<u32>,
    pub(super) check: Check,
    pub(super) security: Security,
    /// Keys that the PD may have been given: the newest last.
    pub(super) candidates: Vec<Scbk>,
    pub(super) install: Option<Install>,
    pub(super) stage: Stage,
    pub(super) session: Option<Session>,
    /// The number of the command that waits, or of the next one.
    pub(super) sequence: Sequence,
    pub(super) exchange: Option<Purpose>,
    /// The frame of that command, to be repeated byte for byte.
    tx: Vec<u8>,
    pub(super) body: Vec<u8>,
    pub(super) attempts: u32,
    /// Not a byte came in the last wait.
    pub(super) is_silent: bool,
    /// Not before this is it the link's turn.
    pub(super) not_before: Mono,
    pub(super) accepted_at: Mono,
    pub(super) heard_at: Option<Mono>,
    pub(super) busy_since: Option<Mono>,
    pub(super) absent_since: Mono,
    pub(super) probes: u32,
    /// The PD was heard outside its turn: its answers take longer than the probe waits.
    pub(super) is_heard_late: bool,
    /// The PD was online until it left its session: who it is need not be asked again.
    pub(super) is_resuming: bool,
    /// Waits in a row that brought bytes and no reply.
    pub(super) unreadable_waits: u32,
    /// Waits ever that brought bytes and no reply.
    pub(super) damaged_waits: u64,
    /// Whether several PDs answer here.
    pub(super) sharing: Sharing,
    /// The last command was answered at once, and none has been sent since.
    pub(super) is_answered: bool,
    pub(super) handshake_failures: u32,
    pub(super) failure_told: Option<SecureChannelFailure>,
    pub(super) refusal_told_at: Option<Mono>,
    pub(super) window: ReplyWindow,
    pub(super) stats: PdStats,
    pub(super) queue: CommandQueue,
    commands_in_a_row: u8,
    pub(super) id: PdId,
    pub(super) capabilities: Option<Capabilities>,
    pub(super) known: Known,
    pub(super) told: Told,
}

impl Link {
    pub(super) fn new(config: PdConfig, baud: Baud, now: Mono) -> Self {
        Self {
            address: config.address,
            baud,
            home: baud,
            searched: 0,
            visit_us: None,
            chosen_for: None,
            check: config.check,
            security: config.security,
            candidates: config.candidates,
            install: None,
            stage: Stage::Absent,
            session: None,
            sequence: Sequence::START,
            exchange: None,
            tx: Vec::new(),
            body: Vec::new(),
            attempts: 0,
            is_silent: false,
            not_before: now,
            accepted_at: now,
            heard_at: None,
            busy_since: None,
            absent_since: now,
            probes: 0,
            is_heard_late: false,
            is_resuming: false,
            unreadable_waits: 0,
            damaged_waits: 0,
            sharing: Sharing::default(),
            is_answered: false,
            handshake_failures: 0,
            failure_told: None,
            refusal_told_at: None,
            window: ReplyWindow::default(),
            stats: PdStats::default(),
            queue: CommandQueue::default(),
            commands_in_a_row: 0,
            id: PdId::default(),
            capabilities: None,
            known: Known::default(),
            told: Told::Nothing,
        }
    }

    pub(super) const fn is_absent(&self) -> bool {
        matches!(self.stage, Stage::Absent)
    }

    /// Absent, or silent in its last wait.
    pub(super) const fn is_doubtful(&self) -> bool {
        self.is_absent() || self.is_silent
    }

    pub(super) const fn is_online(&self) -> bool {
        matches!(self.stage, Stage::Online)
    }

    pub(super) const fn due_at(&self) -> Mono {
        self.not_before
    }

    pub(super) const fn is_secure(&self) -> bool {
        self.session.is_some()
    }

    pub(super) fn presence(&self) -> Option<Presence> {
        let channel = if self.is_secure() {
            Channel::Secure
        } else {
            Channel::Clear
        };
        let (id, capabilities) = (self.id, self.capabilities);
        self.is_online().then_some(Presence {
            id,
            capabilities,
            channel,
        })
    }

    pub(super) const fn queue_mut(&mut self) -> &mut CommandQueue {
        &mut self.queue
    }

    pub(super) fn report(&self, events: &mut VecDeque<BusEvent>, event: LinkEvent) {
        events.push_back(BusEvent {
            address: self.address,
            event,
        });
    }

    /// How long to wait for the first byte of the reply to what is sent now, and whether that is the
    /// standard's full time for a PD that may not be there at all.
    pub(super) fn reply_window(&self, may_wait_fully: bool) -> (u64, bool) {
        if !self.is_absent() {
            return (self.window.online_us(), false);
        }
        if let Some(visit_us) = self.visit_us {
            return (visit_us, false);
        }
        if self.baud != self.home {
            return (super::window::UNKNOWN_PROBE_US, false);
        }
        let is_stranger = self.window.mean_us().is_none();
        if self.is_heard_late || (is_stranger && (may_wait_fully || self.stats.probes == 1)) {
            (super::window::STANDARD_WINDOW_US, true)
        } else {
            (self.window.probe_us(), false)
        }
    }

    /// Appends the frame to send now to `out`.
    pub(super) fn compose(&mut self, nonces: &mut Nonces, out: &mut Vec<u8>) {
        self.is_answered = false;
        if self.exchange.is_some() {
            self.stats.retries += 1;
        } else {
            let purpose = self.next_purpose(nonces);
            self.begin(purpose);
        }
        out.extend_from_slice(&self.tx);
    }

    fn next_purpose(&mut self, nonces: &mut Nonces) -> Purpose {
        match core::mem::replace(&mut self.stage, Stage::Online) {
            Stage::Online => return self.next_online(),
            Stage::Cryptogram(handshake) => {
                // The reply decides; until then the command waits and no stage is looked at.
                self.stage = Stage::SecureId;
                return Purpose::Cryptogram(handshake);
            }
            stage => self.stage = stage,
        }
        match self.stage {
            Stage::Capabilities => Purpose::Capabilities,
            Stage::Challenge(kind) => Purpose::Challenge(kind, nonces.draw()),
            Stage::SecureId => Purpose::SecureId,
            Stage::SecureCapabilities => Purpose::SecureCapabilities,
            Stage::InstallKey => Purpose::InstallKey,
            Stage::Absent | Stage::Cryptogram(_) | Stage::Online => Purpose::Probe,
        }
    }

    fn next_online(&mut self) -> Purpose {
        if self.commands_in_a_row < MAX_COMMANDS_IN_A_ROW {
            self.commands_in_a_row += 1;
            if let Some(queued) = self.queue.pop() {
                return Purpose::Queued(queued);
            }
            if self.known.next_question().is_some() {
                return Purpose::Status;
            }
        }
        self.commands_in_a_row = 0;
        Purpose::Poll
    }

    /// Builds the frame for `purpose`; a command that does not fit was refused by `send`.
    fn begin(&mut self, purpose: Purpose) {
        let plain = |command: &Command, body: &mut Vec<u8>| {
            body.clear();
            // Only commands that `send` has validated, and those made here, come this way.
            let _ = command.encode(body);
        };
        let mut body = core::mem::take(&mut self.body);
        match &purpose {
            Purpose::Probe | Purpose::SecureId => plain(&Command::Id, &mut body),
            Purpose::Capabilities | Purpose::SecureCapabilities => {
                plain(&Command::Capabilities, &mut body);
            }
            Purpose::Challenge(_, random) => plain(&Command::Challenge(*random), &mut body),
            Purpose::Cryptogram(handshake) => {
                plain(
                    &Command::ServerCryptogram(handshake.server_cryptogram()),
                    &mut body,
                );
            }
            Purpose::InstallKey => {
                if let Some(key) = self.use_install() {
                    plain(&Command::KeySet(key), &mut body);
                }
            }
            Purpose::Poll => plain(&Command::Poll, &mut body),
            Purpose::Status => plain(
                &self.known.next_question().unwrap_or(Command::Poll),
                &mut body,
            ),
            Purpose::Queued(queued) => plain(&queued.command, &mut body),
        }
        match purpose {
            Purpose::Poll => self.stats.polls += 1,
            Purpose::Probe => self.stats.probes += 1,
            _ => self.stats.commands += 1,
        }
        self.tx.clear();
        self.attempts = 0;
        if self.frame(&purpose, &mut body).is_ok() {
            self.exchange = Some(purpose);
        }
        self.body = body;
    }

    fn frame(&mut self, purpose: &Purpose, body: &mut Vec<u8>) -> Result<(), FrameTooLong> {
        let handshake_block = |kind, key: KeyKind| SecurityBlock {
            kind,
            data: Some(key.block_data()),
        };
        let security = match purpose {
            Purpose::Challenge(kind, _) => Some(handshake_block(BlockType::Scs11, *kind)),
            Purpose::Cryptogram(handshake) => {
                Some(handshake_block(BlockType::Scs13, handshake.kind()))
            }
            _ => None,
        };
        let header = Header {
            station: Station::One(self.address),
            direction: Direction::Command,
            sequence: self.sequence,
            check: self.check,
            security,
        };
        match &mut self.session {
            Some(session) => session.seal(&header, body, &mut self.tx),
            None => encode_frame(&header, body, |_| [0; 4], &mut self.tx),
        }
    }

    /// Bytes came in this link's wait.
    pub(super) const fn on_bytes(&mut self, now: Mono) {
        self.heard_at = Some(now);
    }

    /// A reply was accepted: what it answers, with the sequence number moved on.
    pub(super) fn accept(&mut self, now: Mono) -> Option<Purpose> {
        self.stats.replies += 1;
        self.sequence = self.sequence.next();
        // A command that was sent again may well be answered twice.
        self.is_answered = self.attempts == 0;
        self.attempts = 0;
        self.is_silent = false;
        self.probes = 0;
        self.accepted_at = now;
        self.busy_since = None;
        self.not_before = now;
        self.home = self.baud;
        self.unreadable_waits = 0;
        self.sharing.on_understood();
        self.exchange.take()
    }

    pub(super) fn observe_latency(&mut self, latency_us: u64) {
        self.window.observe(latency_us);
        self.stats.latency.count(latency_us);
    }

    pub(super) fn go_online(&mut self, events: &mut VecDeque<BusEvent>) {
        self.stage = Stage::Online;
        self.told = Told::Online;
        self.failure_told = None;
        self.is_resuming = false;
        self.handshake_failures = 0;
        let has_inputs = self
            .capabilities
            .is_some_and(|list| list.has(Function::ContactStatus));
        self.known = Known::at_start(has_inputs);
        if let Some(presence) = self.presence() {
            self.report(events, LinkEvent::Online(presence));
        }
    }

    pub(super) fn finish(
        &self,
        queued: &Queued,
        outcome: CommandOutcome,
        events: &mut VecDeque<BusEvent>,
    ) {
        self.report(
            events,
            LinkEvent::Command {
                token: queued.token,
                outcome,
            },
        );
    }

    pub(super) fn count_nak(&mut self, code: NakCode) {
        self.stats.count_nak(code);
    }
}
