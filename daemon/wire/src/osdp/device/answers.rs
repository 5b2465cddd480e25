//! What the device answers.

use super::channel::SecureLink;
use super::config::DeviceSecurity;
use super::event::PdEvent;
use super::{PeripheralDevice, reply_header};
use crate::osdp::command::{ComSettings, Command, LedRecords, OutputRecords};
use crate::osdp::fields::DecodeError;
use crate::osdp::frame::{Frame, Header};
use crate::osdp::identity::Function;
use crate::osdp::reply::{NakCode, Points, Reply};
use crate::osdp::time::Mono;

impl PeripheralDevice {
    /// A command with the right number, opened if it was sealed: `body` is its code and data.
    pub(super) fn answer(&mut self, now: Mono, frame: &Frame<'_>, body: &[u8]) {
        let command = Command::decode(body);
        let objection = self.objection(frame, body);
        if let Some(code) = objection.filter(|_| self.is_secure()) {
            self.refuse(now, &frame.header, code);
            return;
        }
        // A command that is authentic and new shows that the reply before it arrived.
        self.reports.on_delivered(&mut self.events);
        let header = reply_header(&frame.header);
        match command {
            _ if let Some(code) = objection => self.put(now, &header, &Reply::Nak(code)),
            Ok(Command::Challenge(random)) => self.answer_challenge(now, &header, frame, &random),
            Ok(Command::ServerCryptogram(cryptogram)) => {
                self.answer_cryptogram(now, &header, frame, &cryptogram);
            }
            Ok(command) => {
                let reply = self.carry_out(now, &command);
                self.put_in_channel(now, &header, &reply);
                self.after_reply(command, &reply);
            }
            Err(error) => self.put_in_channel(now, &header, &Reply::Nak(nak_for(error))),
        }
        self.last.sequence = Some(header.sequence);
        self.last.command.clear();
        self.last.command.extend_from_slice(frame.raw);
        self.last.reply.clone_from(&self.tx);
    }

    /// Why a command is not to be carried out in clear.
    fn objection(&self, frame: &Frame<'_>, body: &[u8]) -> Option<NakCode> {
        const ID: u8 = 0x61;
        const CAP: u8 = 0x62;
        const CHLNG: u8 = 0x76;
        const SCRYPT: u8 = 0x77;
        let code = body.first().copied().unwrap_or_default();
        let is_handshake = matches!(code, CHLNG | SCRYPT);
        if frame.mac.is_some() || is_handshake {
            return None;
        }
        let must_be_secure = matches!(self.config.security, DeviceSecurity::Required(_));
        let is_open = !self.is_secure() && (!must_be_secure || matches!(code, ID | CAP));
        (!is_open).then_some(NakCode::SecurityConditions)
    }

    fn answer_challenge(
        &mut self,
        now: Mono,
        header: &Header,
        frame: &Frame<'_>,
        random: &[u8; 8],
    ) {
        if self.is_secure() {
            self.events.push_back(PdEvent::SecureChannelLost);
        }
        let block = frame.header.security;
        let uid = self.uid();
        let answer =
            self.secure
                .on_challenge(&self.config.security, random, block, uid, &mut self.nonces);
        match answer {
            Ok((reply, block)) => self.put(
                now,
                &Header {
                    security: Some(block),
                    ..*header
                },
                &reply,
            ),
            Err(code) => self.put(now, header, &Reply::Nak(code)),
        }
    }

    fn answer_cryptogram(
        &mut self,
        now: Mono,
        header: &Header,
        frame: &Frame<'_>,
        cryptogram: &[u8; 16],
    ) {
        match self.secure.on_cryptogram(cryptogram, frame.header.security) {
            Ok(((reply, block), used)) => {
                self.put(
                    now,
                    &Header {
                        security: Some(block),
                        ..*header
                    },
                    &reply,
                );
                self.events.push_back(PdEvent::SecureChannel(used));
            }
            Err(code) => self.put(now, header, &Reply::Nak(code)),
        }
    }

    /// The PD's unique identifier: the parts of PDID (SIA OSDP 2.2, annex D.4.2).
    fn uid(&self) -> [u8; 8] {
        let id = &self.config.id;
        let [a, b, _] = id.vendor;
        let [e, f, g, h] = id.serial.to_le_bytes();
        [a, b, id.model, id.version, e, f, g, h]
    }

    fn carry_out(&mut self, now: Mono, command: &Command) -> Reply {
        match command {
            Command::Poll => self
                .reports
                .take(now, &mut self.events)
                .unwrap_or(Reply::Ack),
            Command::Id => Reply::Id(self.config.id),
            Command::Capabilities => Reply::Capabilities(self.config.capabilities),
            Command::LocalStatus => Reply::LocalStatus(self.local),
            Command::InputStatus => {
                self.with(Function::ContactStatus, Reply::InputStatus(self.inputs))
            }
            Command::OutputStatus => {
                self.with(Function::OutputControl, Reply::OutputStatus(self.outputs))
            }
            Command::ReaderStatus => Reply::ReaderStatus(Points::one(0)),
            Command::Output(records) => self.drive(records),
            Command::Led(records) => self.light(records),
            Command::Buzzer(buzzer) => self.acknowledge(Function::Buzzer, PdEvent::Buzzer(*buzzer)),
            Command::Text(text) => self.acknowledge(Function::Text, PdEvent::Text(text.clone())),
            Command::ComSet(settings) => Reply::Com(self.agreed(*settings)),
            Command::KeySet(_) if self.is_secure() => Reply::Ack,
            Command::KeySet(_) | Command::Challenge(_) | Command::ServerCryptogram(_) => {
                Reply::Nak(NakCode::SecurityConditions)
            }
            Command::Abort => {
                self.events.push_back(PdEvent::Abort);
                Reply::Ack
            }
            Command::AcuReceiveSize(_) => Reply::Ack,
            Command::KeepActive(ms) => {
                self.events.push_back(PdEvent::KeepActive(*ms));
                Reply::Ack
            }
        }
    }

    /// What the device makes of the settings it is told.
    fn agreed(&self, told: ComSettings) -> ComSettings {
        let baud = if told.baud <= self.config.fastest {
            told.baud
        } else {
            self.config.baud
        };
        ComSettings { baud, ..told }
    }

    fn with(&self, function: Function, reply: Reply) -> Reply {
        let has = self.config.capabilities.has(function);
        if has {
            reply
        } else {
            Reply::Nak(NakCode::UnknownCommand)
        }
    }

    fn acknowledge(&mut self, function: Function, event: PdEvent) -> Reply {
        let reply = self.with(function, Reply::Ack);
        if reply == Reply::Ack {
            self.events.push_back(event);
        }
        reply
    }

    fn light(&mut self, records: &LedRecords) -> Reply {
        let count = self.config.capabilities.count(Function::Led);
        if records.iter().any(|record| record.led >= count) && count > 0 {
            return Reply::Nak(NakCode::CannotProcess);
        }
        let reply = self.with(Function::Led, Reply::Ack);
        if reply == Reply::Ack {
            self.events
                .extend(records.iter().copied().map(PdEvent::Led));
        }
        reply
    }

    fn drive(&mut self, records: &OutputRecords) -> Reply {
        if records
            .iter()
            .any(|record| usize::from(record.output) >= self.outputs.len())
        {
            return self.with(Function::OutputControl, Reply::Nak(NakCode::CannotProcess));
        }
        self.events
            .extend(records.iter().copied().map(PdEvent::Output));
        Reply::Ack
    }

    /// What takes effect only behind the reply.
    fn after_reply(&mut self, command: Command, reply: &Reply) {
        match (command, reply) {
            (Command::ComSet(_), Reply::Com(settings)) => {
                let settings = *settings;
                self.config.address = settings.address;
                self.config.baud = settings.baud;
                self.events.push_back(PdEvent::ComSet(settings));
            }
            (Command::KeySet(key), Reply::Ack) => {
                self.config.security = DeviceSecurity::Required(key.clone());
                self.secure = SecureLink::default();
                self.events.push_back(PdEvent::SecureChannelLost);
                self.events.push_back(PdEvent::KeySet(key));
            }
            _ => {}
        }
    }
}

const fn nak_for(error: DecodeError) -> NakCode {
    match error {
        DecodeError::UnknownCode(_) | DecodeError::Empty => NakCode::UnknownCommand,
        DecodeError::Length { .. } => NakCode::CommandLength,
        DecodeError::Value { .. } => NakCode::CannotProcess,
    }
}
