//! The device's side of a Secure Channel.

use super::config::DeviceSecurity;
use super::event::KeyUsed;
use crate::osdp::frame::{BlockType, SecurityBlock};
use crate::osdp::reply::{ClientCryptogram, NakCode, Reply};
use crate::osdp::secure::{Nonces, Scbk, Session, SessionKeys, is_same};

/// A challenge that has been answered.
#[derive(Debug)]
struct Handshake {
    keys: SessionKeys,
    expected: [u8; 16],
    used: KeyUsed,
}

/// The handshake under way, and the session once there is one.
#[derive(Debug, Default)]
pub(super) struct SecureLink {
    handshake: Option<Handshake>,
    pub(super) session: Option<Session>,
}

/// A reply of the handshake: it goes in clear, with a block of its own.
pub(super) type HandshakeReply = (Reply, SecurityBlock);

impl SecureLink {
    /// The reply to CHLNG. A new handshake ends the session.
    pub(super) fn on_challenge(
        &mut self,
        security: &DeviceSecurity,
        panel_random: &[u8; 8],
        block: Option<SecurityBlock>,
        uid: [u8; 8],
        nonces: &mut Nonces,
    ) -> Result<HandshakeReply, NakCode> {
        *self = Self::default();
        let asked = block
            .filter(|block| block.kind == BlockType::Scs11)
            .and_then(|block| block.data);
        let (key, used) = match (security, asked) {
            (DeviceSecurity::Unsupported, _) => return Err(NakCode::SecurityUnsupported),
            // Whatever the panel asked for: the reply's block says that it is the default key.
            (DeviceSecurity::Install, Some(_)) => (Scbk::new(Scbk::DEFAULT), KeyUsed::Default),
            (DeviceSecurity::Keyed(key) | DeviceSecurity::Required(key), Some(1)) => {
                (key.clone(), KeyUsed::Own)
            }
            _ => return Err(NakCode::SecurityConditions),
        };
        let keys = SessionKeys::derive(&key, panel_random);
        let random = nonces.draw();
        let cryptogram = keys.client_cryptogram(panel_random, &random);
        let expected = keys.server_cryptogram(panel_random, &random);
        self.handshake = Some(Handshake {
            keys,
            expected,
            used,
        });
        let data = Some(u8::from(used == KeyUsed::Own));
        let reply = Reply::ClientCryptogram(ClientCryptogram {
            uid,
            random,
            cryptogram,
        });
        Ok((
            reply,
            SecurityBlock {
                kind: BlockType::Scs12,
                data,
            },
        ))
    }

    /// The reply to SCRYPT; when it is right, the session begins behind it.
    pub(super) fn on_cryptogram(
        &mut self,
        cryptogram: &[u8; 16],
        block: Option<SecurityBlock>,
    ) -> Result<(HandshakeReply, KeyUsed), NakCode> {
        let is_scs_13 = block.is_some_and(|block| block.kind == BlockType::Scs13);
        let Some(handshake) = self.handshake.take().filter(|_| is_scs_13) else {
            return Err(NakCode::SecurityConditions);
        };
        if !is_same(&handshake.expected, cryptogram) {
            return Err(NakCode::SecurityConditions);
        }
        let initial = handshake.keys.initial_r_mac(*cryptogram);
        self.session = Some(Session::new(handshake.keys, initial));
        let block = SecurityBlock {
            kind: BlockType::Scs14,
            data: Some(1),
        };
        Ok(((Reply::InitialRMac(initial), block), handshake.used))
    }
}
