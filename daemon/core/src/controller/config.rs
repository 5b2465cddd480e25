use crate::decide::Policy;
use crate::ids::{BoardIx, DeviceName, ReaderIx};
use crate::pin::PinKey;

/// How long storage may take for the event of a grant before the door opens anyway, in
/// milliseconds, where the site says nothing else.
pub const RECORD_DEADLINE_MS_DEFAULT: u32 = 20;
/// The longest record deadline, in milliseconds.
pub const RECORD_DEADLINE_MS_MAX: u32 = 1_000;
/// How long a reader stays offline before it is an alarm, in milliseconds: replugging one or
/// restarting it after an update is none.
pub const READER_OFFLINE_GRACE_MS: u64 = 10_000;
/// How long a board may take to answer after a start before it is an alarm, in milliseconds.
/// Later, going offline is an alarm at once.
pub const BOARD_START_GRACE_MS: u64 = 5_000;
/// How long after a board refused an output its alarm lasts, in milliseconds.
pub const OUTPUT_REFUSED_MS: u64 = 5_000;
/// How long after a refusal an output is driven again, in milliseconds.
pub const OUTPUT_RETRY_MS: u64 = 1_000;
/// How long storage must have been in time before its alarm ends, in milliseconds.
pub const STORAGE_QUIET_MS: u64 = 10_000;
/// How late after the end of an unlock an opening still belongs to it, in milliseconds: contacts
/// are polled, bolts are slow.
pub const OPEN_GRACE_MS: u64 = 500;
/// How long after a grant the same credential at the same reader makes a double badge, in
/// milliseconds; sooner, the reader may have read one showing twice.
pub const DOUBLE_BADGE_MS: core::ops::RangeInclusive<u64> = 400..=4_000;
/// How far ahead the next change of a door's hours is looked for, in milliseconds; further ahead,
/// it is looked for again then.
pub const HOURS_AHEAD_MS: i64 = 86_400_000;
/// The most unlocks of one door that wait for their records at once. A further grant is recorded
/// and shares the unlock of the youngest of them; a further command is refused.
pub const PENDING_PER_DOOR_MAX: usize = 16;

/// What the controller is told once, at its start.
#[derive(Debug, Clone)]
pub struct ControllerConfig {
    /// The readers of the site: [`ReaderIx`] counts them.
    pub readers: Vec<DeviceName>,
    /// Its relay boards: [`BoardIx`] counts them.
    pub boards: Vec<DeviceName>,
    /// How long the event of a grant may take to become durable before the door opens anyway, in
    /// milliseconds: 0 (unlock at once) to [`RECORD_DEADLINE_MS_MAX`]; more is taken as that.
    pub record_deadline_ms: u32,
    /// The site's choices in the rules of access.
    pub policy: Policy,
    /// The key under which the prints of PINs are made; without it no PIN is right.
    pub pin_key: Option<PinKey>,
}

impl ControllerConfig {
    /// A site of these devices with the default deadline and policy.
    #[must_use]
    pub fn new(readers: Vec<DeviceName>, boards: Vec<DeviceName>) -> Self {
        Self {
            readers,
            boards,
            record_deadline_ms: RECORD_DEADLINE_MS_DEFAULT,
            policy: Policy::default(),
            pin_key: None,
        }
    }

    pub(super) fn reader(&self, name: &str) -> Option<ReaderIx> {
        position(&self.readers, name).map(ReaderIx)
    }

    pub(super) fn board(&self, name: &str) -> Option<BoardIx> {
        position(&self.boards, name).map(BoardIx)
    }
}

fn position(names: &[DeviceName], name: &str) -> Option<u16> {
    let at = names.iter().position(|each| **each == *name)?;
    u16::try_from(at).ok()
}
