//! OSDP, both sides, without I/O (SIA OSDP 2.2, IEC 60839-11-5).

mod address;
mod card;
mod command;
mod crc;
mod deframer;
mod feedback;
mod few;
mod fields;
mod frame;
mod identity;
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
pub use reply::{ClientCryptogram, LocalStatus, MAX_POINTS, NakCode, Points, Reply};
pub use secure::Scbk;
pub use time::{Baud, BaudError, Mono};
