//! Coming to a Secure Channel: CHLNG, CCRYPT, SCRYPT, RMAC_I (SIA OSDP 2.2, annex D.2).

use std::collections::VecDeque;

use super::event::{BusEvent, OfflineReason, SecureChannelFailure};
use super::link::{Link, Stage};
use crate::osdp::frame::{BlockType, SecurityBlock};
use crate::osdp::reply::{ClientCryptogram, NakCode, Reply};
use crate::osdp::secure::{Scbk, Session, SessionKeys, is_same};
use crate::osdp::time::Mono;

/// Which key a handshake is tried with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// The one the PD is known to have.
    Own,
    /// One of those that it may have been given.
    Candidate(usize),
    /// SCBK-D, to give it one of its own.
    Default,
}

impl KeyKind {
    /// The data byte of the handshake's security blocks.
    pub(super) const fn block_data(self) -> u8 {
        match self {
            Self::Own | Self::Candidate(_) => 1,
            Self::Default => 0,
        }
    }
}

/// A handshake whose PD has proved that it has the key.
#[derive(Debug)]
pub(crate) struct Handshake {
    kind: KeyKind,
    keys: SessionKeys,
    server_cryptogram: [u8; 16],
}

impl Handshake {
    pub(super) const fn kind(&self) -> KeyKind {
        self.kind
    }

    pub(super) const fn server_cryptogram(&self) -> [u8; 16] {
        self.server_cryptogram
    }
}

/// Whether a PD answers as one that has no key of its own: with SCBK-D, or with an empty key, as
/// libosdp does where it is challenged with another than the default one.
fn shows_no_key(random: &[u8; 8], client: &ClientCryptogram) -> bool {
    [Scbk::DEFAULT, [0; Scbk::LEN]].into_iter().any(|bytes| {
        let keys = SessionKeys::derive(&Scbk::new(bytes), random);
        let expected = keys.client_cryptogram(random, &client.random);
        is_same(&expected, &client.cryptogram)
    })
}

impl Link {
    /// The reply to CHLNG.
    pub(super) fn on_challenge_reply(
        &mut self,
        now: Mono,
        (kind, random): (KeyKind, [u8; 8]),
        reply: &Reply,
        block: Option<SecurityBlock>,
        events: &mut VecDeque<BusEvent>,
    ) {
        let client = match (reply, block) {
            (Reply::ClientCryptogram(client), Some(block)) if block.kind == BlockType::Scs12 => {
                client
            }
            (Reply::Nak(NakCode::SecurityConditions), _) => {
                return self.try_next_key(now, kind, SecureChannelFailure::Refused, events);
            }
            _ => return self.try_next_key(now, kind, SecureChannelFailure::NotSupported, events),
        };
        let offers_default = block.is_some_and(|block| block.data == Some(0));
        if offers_default && kind != KeyKind::Default {
            return self.try_next_key(now, kind, SecureChannelFailure::DefaultKeyOffered, events);
        }
        match self.answer_challenge(kind, &random, client) {
            Some(handshake) => self.stage = Stage::Cryptogram(Box::new(handshake)),
            None => {
                let failure = if shows_no_key(&random, client) {
                    SecureChannelFailure::DefaultKeyOffered
                } else {
                    SecureChannelFailure::KeyMismatch
                };
                self.try_next_key(now, kind, failure, events);
            }
        }
    }

    fn answer_challenge(
        &self,
        kind: KeyKind,
        random: &[u8; 8],
        client: &ClientCryptogram,
    ) -> Option<Handshake> {
        let keys = match kind {
            KeyKind::Own => SessionKeys::derive(self.security.key()?, random),
            KeyKind::Candidate(at) => SessionKeys::derive(self.candidates.get(at)?, random),
            KeyKind::Default => SessionKeys::derive(&Scbk::new(Scbk::DEFAULT), random),
        };
        let expected = keys.client_cryptogram(random, &client.random);
        let server_cryptogram = keys.server_cryptogram(random, &client.random);
        is_same(&expected, &client.cryptogram).then_some(Handshake {
            kind,
            keys,
            server_cryptogram,
        })
    }

    fn try_next_key(
        &mut self,
        now: Mono,
        tried: KeyKind,
        failure: SecureChannelFailure,
        events: &mut VecDeque<BusEvent>,
    ) {
        self.stage = match (self.next_key(tried), tried) {
            (Some(key), _) => Stage::Challenge(key),
            (None, KeyKind::Own | KeyKind::Candidate(_)) if self.may_install(now) => {
                Stage::Challenge(KeyKind::Default)
            }
            // The reader has a key, then, and not one that is known here.
            (None, KeyKind::Default) if failure == SecureChannelFailure::Refused => {
                let failure = SecureChannelFailure::KeyMismatch;
                return self.fail_handshake(now, failure, events);
            }
            _ => return self.fail_handshake(now, failure, events),
        };
    }

    /// The reply to SCRYPT.
    pub(super) fn on_cryptogram_reply(
        &mut self,
        now: Mono,
        handshake: Handshake,
        reply: &Reply,
        block: Option<SecurityBlock>,
        events: &mut VecDeque<BusEvent>,
    ) {
        let Handshake {
            kind,
            keys,
            server_cryptogram,
        } = handshake;
        let initial = keys.initial_r_mac(server_cryptogram);
        let is_right = matches!(reply, Reply::InitialRMac(mac) if is_same(mac, &initial))
            && block.is_some_and(|block| block.kind == BlockType::Scs14);
        if !is_right {
            return self.fail_handshake(now, SecureChannelFailure::Refused, events);
        }
        self.session = Some(Session::new(keys, initial));
        self.stats.sessions += 1;
        self.stage = Stage::SecureId;
        match kind {
            KeyKind::Default if self.may_install(now) => self.stage = Stage::InstallKey,
            // The window has closed meanwhile: this session is good for nothing else.
            KeyKind::Default => {
                let failure = SecureChannelFailure::DefaultKeyOffered;
                return self.fail_handshake(now, failure, events);
            }
            KeyKind::Candidate(at) => self.adopt_candidate(at, events),
            KeyKind::Own => self.keep_own(events),
        }
        if kind != KeyKind::Default && self.is_resuming {
            self.go_online(events);
        }
    }

    /// The PD says that it has taken the key of KEYSET, and leaves the session for it. Whether it really
    /// has shows in the handshake that follows: the key before is not forgotten until then.
    pub(super) fn on_key_taken(&mut self, now: Mono, events: &mut VecDeque<BusEvent>) {
        self.go_offline(now, OfflineReason::KeyChanged, events);
    }
}
