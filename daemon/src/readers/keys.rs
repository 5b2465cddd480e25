//! Keys on a bus: what whoever keeps them wants done, and what shows of them.

use doorward_api::ReaderKey;
use doorward_wire::osdp::{Command, CommandOutcome, LinkEvent, SecureChannelFailure, Token};
use tokio::sync::mpsc;

use super::bus::{Bus, BusReader};
use crate::keys::{KeyNews, KeyOrder, KeyOrderError, KeyShown};

/// A bus's connection to whoever keeps the keys.
#[derive(Debug)]
pub(crate) struct KeyLine {
    pub(crate) orders: mpsc::Receiver<KeyOrder>,
    pub(crate) news: mpsc::Sender<KeyNews>,
}

impl Bus {
    /// Carries out an order. `works` says whether the port does.
    pub(super) fn on_order(&mut self, order: KeyOrder, works: bool) {
        // Whoever ordered it may have given up; its order stands all the same.
        match order {
            KeyOrder::OpenInstall {
                reader,
                key,
                window,
                done,
            } => {
                let opened = self.place(reader, works).and_then(|slot| {
                    let now = self.now();
                    let address = self.setup.readers[slot].address;
                    let panel = &mut self.setup.panel;
                    panel.open_install(now, address, key, now + window)?;
                    self.update(slot, |status| status.key = ReaderKey::Installing);
                    Ok(())
                });
                let _ = done.send(opened);
            }
            KeyOrder::CloseInstall { reader, done } => {
                let sent = self.place(reader, true).ok().and_then(|slot| {
                    let sent = self
                        .setup
                        .panel
                        .close_install(self.setup.readers[slot].address);
                    let key = self.known_key(slot);
                    self.update(slot, |status| {
                        if status.key == ReaderKey::Installing {
                            status.key = key;
                        }
                    });
                    sent
                });
                let _ = done.send(sent);
            }
            KeyOrder::Rotate { reader, key, done } => {
                let sent = self.place(reader, works).and_then(|slot| {
                    let address = self.setup.readers[slot].address;
                    let token = self.setup.panel.send(address, Command::KeySet(key))?;
                    self.rotations[slot] = Some(token);
                    Ok(())
                });
                let _ = done.send(sent);
            }
        }
    }

    fn place(
        &self,
        reader: doorward_core::ids::ReaderIx,
        works: bool,
    ) -> Result<usize, KeyOrderError> {
        if !works {
            return Err(KeyOrderError::PortFails);
        }
        let mut readers = self.setup.readers.iter();
        readers
            .position(|other| other.ix == reader)
            .ok_or(KeyOrderError::NotHere)
    }

    /// What is known of the key of a reader that shows none.
    pub(super) fn known_key(&self, slot: usize) -> ReaderKey {
        let BusReader {
            address, is_clear, ..
        } = &self.setup.readers[slot];
        if *is_clear {
            ReaderKey::Clear
        } else if self.setup.panel.key(*address).is_some() {
            ReaderKey::Set
        } else {
            ReaderKey::Missing
        }
    }

    /// Takes note of what an event says of a reader's key.
    pub(super) fn mind_key(&mut self, slot: usize, event: &LinkEvent) {
        let shown = match event {
            LinkEvent::SecureChannelFailed(failure) => {
                let is_refused = *failure == SecureChannelFailure::InstallRefused;
                let is_open = self.status[slot].key == ReaderKey::Installing;
                if is_refused {
                    let address = self.setup.readers[slot].address;
                    self.setup.panel.close_install(address);
                }
                if let Some(key) = failed_key(*failure)
                    && (is_refused || !is_open)
                {
                    self.update(slot, |status| status.key = key);
                }
                if !is_refused {
                    return;
                }
                KeyShown::Refused
            }
            LinkEvent::KeyChanged => {
                let address = self.setup.readers[slot].address;
                let Some(key) = self.setup.panel.key(address) else {
                    return;
                };
                KeyShown::Changed(key.clone())
            }
            LinkEvent::KeyKept => KeyShown::Kept,
            LinkEvent::Command { token, outcome } => {
                if !self.end_rotation(slot, *token, *outcome) {
                    return;
                }
                KeyShown::Refused
            }
            _ => return,
        };
        let reader = self.setup.readers[slot].ix;
        let news = KeyNews { reader, shown };
        if let Err(error) = self.setup.keys.news.try_send(news) {
            let name = &self.setup.readers[slot].name;
            log::error!(reader = &**name; "news of the key of reader `{name}` is lost until it is online again: {error}");
        }
    }

    /// Tells whether the key on its way was refused.
    fn end_rotation(&mut self, slot: usize, token: Token, outcome: CommandOutcome) -> bool {
        let is_it = self.rotations[slot].take_if(|rotation| *rotation == token);
        is_it.is_some() && matches!(outcome, CommandOutcome::Refused(_))
    }
}

/// What a failed handshake says of a reader's key.
const fn failed_key(failure: SecureChannelFailure) -> Option<ReaderKey> {
    Some(match failure {
        SecureChannelFailure::NoKey => ReaderKey::Missing,
        SecureChannelFailure::DefaultKeyOffered => ReaderKey::Lost,
        SecureChannelFailure::KeyMismatch => ReaderKey::Wrong,
        SecureChannelFailure::NotSupported
        | SecureChannelFailure::Refused
        | SecureChannelFailure::InstallRefused => ReaderKey::Refused,
        SecureChannelFailure::DemandedByReader => return None,
    })
}
