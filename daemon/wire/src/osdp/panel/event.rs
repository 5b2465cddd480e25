//! What a control panel reports.

use crate::osdp::address::Address;
use crate::osdp::card::{CardRead, FormattedCard, Keypad};
use crate::osdp::command::{ComSettings, EncodeError};
use crate::osdp::fields::DecodeError;
use crate::osdp::identity::{Capabilities, Function, PdId};
use crate::osdp::reply::{LocalStatus, NakCode, Points};

/// Something that happened at one PD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BusEvent {
    /// The PD's address.
    pub address: Address,
    /// What happened.
    pub event: LinkEvent,
}

/// What may happen at a PD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkEvent {
    /// The PD answers, and, where that is required, in a Secure Channel.
    Online(Presence),
    /// The PD cannot be used any more. Also sent once for a PD that does not answer at the start.
    Offline(OfflineReason),
    /// A card was read.
    Card(CardRead),
    /// A card was read and comes as characters.
    FormattedCard(FormattedCard),
    /// Keys were pressed.
    Keypad(Keypad),
    /// Tamper or power: the first state, then every change.
    LocalStatus(LocalStatus),
    /// All inputs: the first state, then every change.
    Inputs(Points),
    /// All outputs: the first state, then every change.
    Outputs(Points),
    /// All readers attached: the first state, then every change.
    Readers(Points),
    /// The PD's address and baud rate from now on. The panel follows both by itself.
    Com(ComSettings),
    /// The PD has taken the key of KEYSET, or the one to be installed, and has proved so in a
    /// handshake. The panel knows no other from now on ([`super::ControlPanel::key`]).
    KeyChanged,
    /// The PD was sent a key, or may have been, and has proved that it still has the one before. The
    /// panel knows no other from now on.
    KeyKept,
    /// What became of a command.
    Command {
        /// What [`super::ControlPanel::send`] returned.
        token: Token,
        /// What became of it.
        outcome: CommandOutcome,
    },
    /// No Secure Channel comes about. Sent again only when the reason changes or after a success.
    SecureChannelFailed(SecureChannelFailure),
    /// Something arrived in clear, or unencrypted, that is only accepted in a Secure Channel. It was
    /// dropped. Sent at most once a second for each PD.
    ClearRefused {
        /// The code of the reply.
        code: u8,
    },
    /// A reply that could not be read; it was dropped.
    Undecodable(DecodeError),
    /// Something answers, again and again, that cannot be read: two PDs have this address, or the line
    /// is bad. Sent once, until the PD is understood again.
    Unreadable,
    /// Several PDs answer at this address (`true`), or only one does again. Sent on every change; a
    /// line that damages what everybody says is no reason for it.
    AddressShared(bool),
}

/// A PD that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presence {
    /// Who it is.
    pub id: PdId,
    /// What it can do; `None` if it does not say.
    pub capabilities: Option<Capabilities>,
    /// How it is talked to. With [`Channel::Secure`], `id` and `capabilities` came that way, too.
    pub channel: Channel,
}

/// How a PD is talked to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// In clear.
    Clear,
    /// In a Secure Channel with the PD's own key.
    Secure,
}

/// Why a PD is offline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfflineReason {
    /// It does not answer.
    NoReply,
    /// It says BUSY, and nothing else, for too long.
    Busy,
    /// Its sequence numbers do not fit any more: one side has restarted.
    SequenceLost,
    /// It has left the Secure Channel.
    SecureChannelLost,
    /// Its key was changed, and the Secure Channel begins anew.
    KeyChanged,
    /// Its baud rate was changed, and it is looked for at the new one.
    BaudChanged,
    /// The serial port was lost.
    LineLost,
}

/// Why no Secure Channel comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecureChannelFailure {
    /// The PD does not speak Secure Channel.
    NotSupported,
    /// The PD has another key.
    KeyMismatch,
    /// The PD wants to use the default key SCBK-D, which is not allowed here.
    DefaultKeyOffered,
    /// The PD refuses the panel's cryptogram.
    Refused,
    /// The PD refuses the key that was to be installed.
    InstallRefused,
    /// The PD is configured for clear here, and asks for a Secure Channel.
    DemandedByReader,
    /// There is no key for the PD here yet.
    NoKey,
}

/// A command given to [`super::ControlPanel::send`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub(crate) u64);

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CommandOutcome {
    /// The PD has carried it out.
    Done,
    /// The PD refuses it.
    Refused(NakCode),
    /// The PD went offline before it answered; whether it was carried out is not known if it had
    /// been sent.
    Offline,
    /// A later command for the same light or buzzer took its place before it was sent.
    Superseded,
}

/// Why a command is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// No PD has this address.
    #[error("no reader on this bus has address `{0}`")]
    UnknownAddress(Address),
    /// The PD is offline.
    #[error("reader `{0}` is offline")]
    Offline(Address),
    /// Too many commands wait.
    #[error("reader `{address}` has {limit} commands waiting, which is the limit")]
    QueueFull {
        /// The PD.
        address: Address,
        /// [`super::MAX_QUEUED_COMMANDS`].
        limit: usize,
    },
    /// The PD has said that it cannot do this.
    #[error("reader `{address}` has no function {function:?}")]
    Unsupported {
        /// The PD.
        address: Address,
        /// What it lacks.
        function: Function,
    },
    /// The command is the panel's own: POLL, CHLNG or SCRYPT.
    #[error("{0} is sent by the panel itself")]
    Reserved(&'static str),
    /// KEYSET is only sent in a Secure Channel.
    #[error("a key is only sent in a secure channel, and reader `{0}` has none")]
    NeedsSecureChannel(Address),
    /// KEYSET with a key that is publicly known or evenly patterned.
    #[error("the key is publicly known or evenly patterned, a random one is needed")]
    WeakKey,
    /// A key was sent before, and it is not known yet whether the PD took it.
    #[error("reader `{0}` was sent a key already, and has not shown yet whether it took it")]
    KeyPending(Address),
    /// COMSET to an address another PD has.
    #[error("address `{0}` belongs to another reader on this bus")]
    AddressTaken(Address),
    /// The frame would be longer than the PD takes.
    #[error("{command} would need a frame of {found} bytes, reader takes {allowed}")]
    TooLong {
        /// The command.
        command: &'static str,
        /// Bytes the frame would have.
        found: usize,
        /// Bytes the PD takes.
        allowed: usize,
    },
    /// The command is not valid.
    #[error(transparent)]
    Invalid(#[from] EncodeError),
}
