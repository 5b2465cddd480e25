//! OSDP, both sides, without I/O (SIA OSDP 2.2, IEC 60839-11-5).
//!
//! [`ControlPanel`] is the panel's side of one bus. It is a state machine: bytes and time go in,
//! bytes and events come out. What is around it owns the serial port and one timer:
//!
//! ```
//! use doorward_wire::osdp::{Address, Baud, BusConfig, ControlPanel, LinkEvent, Mono, Scbk, Security};
//!
//! # fn random() -> [u8; 16] { *b"from getrandom()" }
//! # fn key() -> Scbk {
//! #     Scbk::new(0x3A91_C7E0_5B2D_F846_19AE_D370_8C64_B5F2_u128.to_be_bytes())
//! # }
//! # struct Port;
//! # impl Port {
//! #     fn set_baud(&mut self, _: Baud) {}
//! #     fn write(&mut self, _: &[u8]) {}
//! #     /// Waits for bytes, until a time at most.
//! #     fn read_until(&mut self, _: Option<Mono>, _: &mut Vec<u8>) {}
//! # }
//! # let mut port = Port;
//! # let mut clock = 0;
//! # let mut now = || { clock += 100_000; Mono::from_micros(clock) };
//! let config = BusConfig::new(Baud::B115200).with_reader(Address::new(0)?, Security::Required(key()));
//! let mut panel = ControlPanel::new(config, random(), now())?;
//! let (mut received, mut to_send) = (Vec::new(), Vec::new());
//! # let mut turns = 0;
//! loop {
//!     // 1. Everything there is to send. The frame must go out whole and at once.
//!     while let Some(transmit) = panel.poll_transmit(now(), &mut to_send) {
//!         port.set_baud(transmit.baud);
//!         port.write(&to_send);
//!         to_send.clear();
//!     }
//!     // 2. Everything that has happened.
//!     while let Some(event) = panel.poll_event() {
//!         match event.event {
//!             LinkEvent::Card(card) => println!("{} bits at {}", card.bit_count(), event.address),
//!             other => println!("{other:?} at {}", event.address),
//!         }
//!     }
//!     // 3. Wait for bytes or for the time the panel names, whichever is first. Bytes go in before
//!     //    time does: a late wake-up must not make a reply that is already here a timeout.
//!     port.read_until(panel.poll_timeout(), &mut received);
//!     panel.handle_bytes(now(), &received);
//!     received.clear();
//!     panel.handle_timeout(now());
//! #   turns += 1;
//! #   if turns > 9 { break; }
//! }
//! # assert!(panel.stats(Address::new(0)?).unwrap().probes > 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Each reader is spoken to at the baud rate it was last heard at, which is the bus's own at first; one
//! that is absent is now and then looked for at the others. So a reader that was replaced, or one
//! whose rate was changed while nobody remembers, is found all the same, and [`SpeedRaise`] can take
//! readers to another rate one by one.
//!
//! The times between frames are short: at 115200 baud the line rests 174 us between a reply and the
//! next command. A timer that rounds up to milliseconds makes that the longest part of an exchange;
//! wait for less than a millisecond by other means, or set [`BusConfig::idle_bytes`] to 0 where the
//! hardware already takes that long to hand over the last byte.
//!
//! Random numbers are grown from the seed given at the start; nothing else is needed later.
//! Keys are overwritten when dropped, the session's own included; copies that the compiler makes
//! while moving them are not.

mod address;
mod card;
mod command;
mod crc;
mod deframer;
mod device;
mod feedback;
mod few;
mod fields;
mod frame;
mod identity;
mod panel;
mod reply;
mod secure;
#[cfg(test)]
mod testing;
mod time;

pub use address::{Address, AddressError, BROADCAST};
pub use card::{
    CardCoding, CardLengthError, CardRead, FormattedCard, Keypad, MAX_CARD_BITS,
    MAX_CARD_CHARACTERS, MAX_KEYS,
};
pub use command::{
    ComSettings, Command, EncodeError, LedRecords, MAX_LED_RECORDS, MAX_OUTPUT_RECORDS,
    OutputRecords,
};
pub use crc::{checksum, crc16};
pub use deframer::{Deframer, DeframerCounts};
pub use device::{
    DeviceConfig, DeviceSecurity, KeyUsed, MAX_REPORTS, PdEvent, PeripheralDevice, REPORT_AGE_US,
    ReportId, ReportsFull, SILENCE_US,
};
pub use feedback::{
    Blink, BuzzerControl, Colour, LedControl, MAX_TEXT, OutputAction, OutputControl, Permanent,
    Temporary, TextMode, TextOutput, Tone,
};
pub use few::{Few, TooMany};
pub use fields::DecodeError;
pub use frame::{
    BlockType, Check, Direction, Frame, FrameError, FrameTooLong, Header, MAC_LEN, MARK, MAX_FRAME,
    MIN_FRAME, SOM, SecurityBlock, Sequence, Station, encode_frame,
};
pub use identity::{
    Capabilities, Capability, Function, LEAST_RECEIVE_BUFFER, MAX_CAPABILITIES, PdId,
};
pub use panel::{
    BusConfig, BusEvent, BusScan, Channel, CommandOutcome, ConfigError, ControlPanel, Failures,
    FoundReader, InstallError, KeySent, Latency, LinkEvent, MAX_BUS_EVENTS, MAX_CANDIDATES,
    MAX_QUEUED_COMMANDS, MAX_READERS, Mark, OfflineReason, PdConfig, PdStats, Presence, RaiseError,
    Raised, RaisedReader, SLOW_PASS_US, SecureChannelFailure, Security, SendError, SpeedRaise,
    SpeedRefusal, Token, Transmit, Visit, Visited,
};
pub use reply::{ClientCryptogram, LocalStatus, MAX_POINTS, NakCode, Points, Reply};
pub use secure::Scbk;
pub use time::{Baud, BaudError, Mono};
