//! When nothing comes back, or nothing that can be used.

use std::collections::VecDeque;

use super::event::{BusEvent, CommandOutcome, LinkEvent, OfflineReason, SecureChannelFailure};
use super::handshake::KeyKind;
use super::link::{Link, Purpose, Stage, Told};
use super::sharing::Neighbours;
use crate::osdp::frame::{Direction, Frame, Sequence};
use crate::osdp::identity::PdId;
use crate::osdp::time::Mono;

/// How many waits must end without a reply before a PD is offline.
const OFFLINE_ATTEMPTS: u32 = 4;
/// How long a PD must have been silent before it is offline.
const OFFLINE_SILENCE_US: u64 = 300_000;
/// The same for a PD that can be heard, but not understood.
const OFFLINE_GARBLED_US: u64 = 2_000_000;
/// How long a PD may answer nothing but BUSY.
const OFFLINE_BUSY_US: u64 = 5_000_000;
/// Waits in a row that must bring bytes and no reply before somebody is told.
const UNREADABLE_WAITS: u32 = 8;
/// When a busy PD is asked again.
const BUSY_PAUSE_US: u64 = 50_000;
/// The rest before the second and later repetitions, for the neighbours' sake.
const RETRY_PAUSE_US: u64 = 20_000;
/// The rest between probes of an absent PD: doubled from the first to the last.
const PROBE_PAUSE_US: core::ops::RangeInclusive<u64> = 100_000..=800_000;
/// The rest after a failed handshake: doubled from the first to the last.
const HANDSHAKE_PAUSE_US: core::ops::RangeInclusive<u64> = 250_000..=10_000_000;
/// An absence after which the PD's quickness is no longer taken for granted.
const FORGET_WINDOW_US: u64 = 120_000_000;
impl Link {
    /// The wait ended without a reply that could be accepted.
    pub(super) fn on_timeout(
        &mut self,
        now: Mono,
        is_silent: bool,
        neighbours: Neighbours,
        events: &mut VecDeque<BusEvent>,
    ) {
        self.is_silent = is_silent;
        self.stats.timeouts += 1;
        self.count_unreadable(now, is_silent, neighbours, events);
        self.attempts += 1;
        if matches!(self.exchange, Some(Purpose::Probe)) {
            self.on_probe_timeout(now, events);
            return;
        }
        let silent_us = now.since_us(self.accepted_at);
        let is_heard = self
            .heard_at
            .is_some_and(|at| now.since_us(at) < OFFLINE_SILENCE_US);
        let patience_us = if is_heard {
            OFFLINE_GARBLED_US
        } else {
            OFFLINE_SILENCE_US
        };
        if self.attempts >= OFFLINE_ATTEMPTS && silent_us >= patience_us {
            self.go_offline(now, OfflineReason::NoReply, events);
        } else {
            let pause_us = if self.attempts > 1 { RETRY_PAUSE_US } else { 0 };
            self.not_before = now.plus_us(pause_us);
        }
    }

    /// At another rate than its own a PD cannot be understood; silence says nothing of who is there.
    fn count_unreadable(
        &mut self,
        now: Mono,
        is_silent: bool,
        neighbours: Neighbours,
        events: &mut VecDeque<BusEvent>,
    ) {
        if is_silent || self.baud != self.home {
            return;
        }
        self.damaged_waits += 1;
        self.unreadable_waits = self.unreadable_waits.saturating_add(1);
        if self.unreadable_waits == UNREADABLE_WAITS {
            self.report(events, LinkEvent::Unreadable);
        }
        if self.is_unreadable() && self.sharing.on_unreadable(now, neighbours) {
            self.report(events, LinkEvent::AddressShared(true));
        }
    }

    /// A frame has come that nobody waits for.
    pub(super) fn on_stray_frame(
        &mut self,
        now: Mono,
        frame: &Frame<'_>,
        events: &mut VecDeque<BusEvent>,
    ) {
        self.is_heard_late |= self.is_absent();
        let is_second = self.is_answered && frame.header.direction == Direction::Reply;
        if is_second && self.sharing.on_second_answer(now) {
            self.report(events, LinkEvent::AddressShared(true));
        }
    }

    /// The PD has said who it is.
    pub(super) fn on_identity(&mut self, now: Mono, id: PdId, events: &mut VecDeque<BusEvent>) {
        self.id = id;
        if self.sharing.on_identity(now, id) {
            self.report(events, LinkEvent::AddressShared(true));
        }
    }

    /// A reply was accepted.
    pub(super) fn end_sharing(&mut self, now: Mono, events: &mut VecDeque<BusEvent>) {
        if self.is_online() && self.sharing.is_over(now) {
            self.report(events, LinkEvent::AddressShared(false));
        }
    }

    pub(super) const fn is_unreadable(&self) -> bool {
        self.unreadable_waits >= UNREADABLE_WAITS
    }

    fn on_probe_timeout(&mut self, now: Mono, events: &mut VecDeque<BusEvent>) {
        self.exchange = None;
        self.sequence = Sequence::START;
        self.drop_queue(events);
        self.is_heard_late = false;
        self.not_before = now.plus_us(doubled(&PROBE_PAUSE_US, self.probes));
        self.probes += 1;
        // It is not there: what failed before will be tried at once when it is back.
        self.handshake_failures = 0;
        if now.since_us(self.absent_since) > FORGET_WINDOW_US {
            self.window.forget();
        }
        if self.told == Told::Nothing {
            self.told = Told::Offline;
            self.report(events, LinkEvent::Offline(OfflineReason::NoReply));
        }
    }

    /// The PD is busy: the same frame again, later.
    pub(super) fn on_busy(&mut self, now: Mono, events: &mut VecDeque<BusEvent>) {
        self.stats.busy += 1;
        let since = *self.busy_since.get_or_insert(now);
        if now.since_us(since) >= OFFLINE_BUSY_US {
            self.go_offline(now, OfflineReason::Busy, events);
        } else {
            self.not_before = now.plus_us(BUSY_PAUSE_US);
        }
    }

    /// The PD could not read the command: the same frame again.
    pub(super) fn on_unread(&mut self, now: Mono, events: &mut VecDeque<BusEvent>) {
        self.attempts += 1;
        let silent_us = now.since_us(self.accepted_at);
        if self.attempts >= OFFLINE_ATTEMPTS && silent_us >= OFFLINE_GARBLED_US {
            self.go_offline(now, OfflineReason::NoReply, events);
        }
    }

    /// A key that waits is not sent after a handshake: what it was to replace may have changed.
    fn drop_keys(&mut self, events: &mut VecDeque<BusEvent>) {
        for queued in self.queue.take_keys() {
            self.finish(&queued, CommandOutcome::Offline, events);
        }
    }

    fn drop_queue(&mut self, events: &mut VecDeque<BusEvent>) {
        while let Some(queued) = self.queue.pop() {
            self.finish(&queued, CommandOutcome::Offline, events);
        }
    }

    /// Starts all over: session and sequence are gone, and a probe is next.
    pub(super) fn go_offline(
        &mut self,
        now: Mono,
        reason: OfflineReason,
        events: &mut VecDeque<BusEvent>,
    ) {
        if let Some(Purpose::Queued(queued)) = self.exchange.take() {
            self.finish(&queued, CommandOutcome::Offline, events);
        }
        // Where the PD is there and only the link begins anew, what waits can go out soon.
        let is_restart = matches!(
            reason,
            OfflineReason::SecureChannelLost
                | OfflineReason::SequenceLost
                | OfflineReason::KeyChanged
        );
        if is_restart {
            self.drop_keys(events);
        } else {
            self.drop_queue(events);
        }
        // At once after a working link; a PD that falls from one restart into the next has to wait.
        let is_relapse = self.told == Told::Offline;
        // A PD that has just said that it left the session is there, and known: the handshake is all
        // that is missing, and a card that waits in it comes the sooner.
        self.is_resuming = reason == OfflineReason::SecureChannelLost && self.told == Told::Online;
        self.stage = if self.is_resuming {
            Stage::Challenge(self.first_key().unwrap_or(KeyKind::Own))
        } else {
            Stage::Absent
        };
        self.stats.sessions_lost += u64::from(self.session.take().is_some());
        self.sequence = Sequence::START;
        self.attempts = 0;
        self.is_silent = false;
        self.probes = 0;
        self.baud = self.home;
        self.chosen_for = None;
        self.busy_since = None;
        self.absent_since = now;
        self.not_before = now.plus_us(if is_relapse {
            *PROBE_PAUSE_US.start()
        } else {
            0
        });
        if self.told != Told::Offline {
            let was_online = self.told == Told::Online;
            self.stats.outages += u64::from(was_online);
            self.told = Told::Offline;
            self.report(events, LinkEvent::Offline(reason));
        }
    }

    /// No Secure Channel this time; another try follows after a rest.
    pub(super) fn fail_handshake(
        &mut self,
        now: Mono,
        failure: SecureChannelFailure,
        events: &mut VecDeque<BusEvent>,
    ) {
        self.exchange = None;
        self.drop_queue(events);
        self.stage = Stage::Absent;
        self.is_resuming = false;
        self.session = None;
        self.sequence = Sequence::START;
        self.not_before = now.plus_us(doubled(&HANDSHAKE_PAUSE_US, self.handshake_failures));
        // A PD that restarts in the middle refuses once; only the second time is it worth telling.
        let is_certain = failure != SecureChannelFailure::Refused || self.handshake_failures > 0;
        self.handshake_failures += 1;
        if is_certain {
            self.tell_failure(failure, events);
        }
    }

    pub(super) fn tell_failure(
        &mut self,
        failure: SecureChannelFailure,
        events: &mut VecDeque<BusEvent>,
    ) {
        if self.failure_told != Some(failure) {
            self.failure_told = Some(failure);
            self.report(events, LinkEvent::SecureChannelFailed(failure));
        }
    }
}

fn doubled(range: &core::ops::RangeInclusive<u64>, times: u32) -> u64 {
    (range.start() << times.min(16)).min(*range.end())
}
