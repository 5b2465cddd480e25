//! What a panel makes a device do.

use crate::osdp::command::ComSettings;
use crate::osdp::feedback::{BuzzerControl, LedControl, OutputControl, TextOutput};
use crate::osdp::secure::Scbk;

/// Something a panel has done to the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PdEvent {
    /// A panel talks to the device.
    Online,
    /// No panel has talked to it for [`super::SILENCE_US`].
    Offline,
    /// A Secure Channel is up.
    SecureChannel(KeyUsed),
    /// The Secure Channel is gone.
    SecureChannelLost,
    /// Set a light.
    Led(LedControl),
    /// Make a sound.
    Buzzer(BuzzerControl),
    /// Show a text.
    Text(TextOutput),
    /// Drive an output. Say with [`super::PeripheralDevice::set_output`] what comes of it.
    Output(OutputControl),
    /// The panel has been told these settings; the address is in use already, the baud rate is to be
    /// set on the line once the reply has gone out.
    ComSet(ComSettings),
    /// The key from now on; to be stored.
    KeySet(Scbk),
    /// End whatever lasts.
    Abort,
    /// Keep the credential reader powered for this many milliseconds.
    KeepActive(u16),
    /// The panel has this report: its next command has shown so.
    Delivered(ReportId),
    /// This report was given up: the link began anew while it was on its way, or it waited for longer
    /// than [`super::REPORT_AGE_US`]. A card must be shown again.
    Dropped(ReportId),
}

/// The key of a Secure Channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyUsed {
    /// The device's own.
    Own,
    /// SCBK-D.
    Default,
}

/// A card read, keys pressed, or a change of status, on its way to the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportId(pub(crate) u64);

/// Too many reports wait for the panel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{limit} reports wait for the panel already, which is the limit")]
pub struct ReportsFull {
    /// [`super::MAX_REPORTS`].
    pub limit: usize,
}
