//! Coming to a Secure Channel: CHLNG, CCRYPT, SCRYPT, RMAC_I (SIA OSDP 2.2, annex D.2).

use std::collections::VecDeque;

use super::config::Security;
use super::event::{BusEvent, LinkEvent, OfflineReason, SecureChannelFailure};
use super::link::{Link, Stage};
use crate::osdp::frame::{BlockType, SecurityBlock};
use crate::osdp::reply::{ClientCryptogram, NakCode, Reply};
use crate::osdp::secure::{Scbk, Session, SessionKeys, is_same};
use crate::osdp::time::Mono;

/// Which key a handshake is tried with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// The configured one.
    Own,
    /// One sent with KEYSET, if its reply got lost.
    Candidate,
    /// SCBK-D, to install the configured one.
    Default,
}

impl KeyKind {
    /// The data byte of the handshake's security blocks.
    pub(super) const fn block_data(self) -> u8 {
        match self {
            Self::Own | Self::Candidate => 1,
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
            None => self.try_next_key(now, kind, SecureChannelFailure::KeyMismatch, events),
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
            KeyKind::Candidate => SessionKeys::derive(self.candidate.as_ref()?, random),
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
        let may_install = matches!(self.security, Security::Install(_));
        self.stage = match tried {
            KeyKind::Own if self.candidate.is_some() => Stage::Challenge(KeyKind::Candidate),
            KeyKind::Own | KeyKind::Candidate if may_install => Stage::Challenge(KeyKind::Default),
            // The reader has a key, then, and not the one to be installed.
            KeyKind::Default if failure == SecureChannelFailure::Refused => {
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
            KeyKind::Default => self.stage = Stage::InstallKey,
            KeyKind::Candidate => self.adopt_candidate(events),
            KeyKind::Own => {
                // The PD has its key: from now on there is no way back to the default one.
                if let Security::Install(key) = &self.security {
                    self.security = Security::Required(key.clone());
                    if self.candidate.is_some() {
                        self.report(events, LinkEvent::KeyChanged);
                    }
                }
                self.candidate = None;
                if self.is_resuming {
                    self.go_online(events);
                }
            }
        }
    }

    /// The PD has taken the key of KEYSET, and leaves the session for it.
    pub(super) fn on_key_taken(&mut self, now: Mono, events: &mut VecDeque<BusEvent>) {
        self.adopt_candidate(events);
        self.go_offline(now, OfflineReason::KeyChanged, events);
    }

    fn adopt_candidate(&mut self, events: &mut VecDeque<BusEvent>) {
        if let Some(key) = self.candidate.take() {
            self.security = Security::Required(key);
            self.report(events, LinkEvent::KeyChanged);
        }
    }
}
