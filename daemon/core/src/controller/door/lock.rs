use super::super::config::{OPEN_GRACE_MS, OUTPUT_RETRY_MS, PENDING_PER_DOOR_MAX};
use super::super::effects::Effects;
use super::super::io::{CommandError, CommandId, Feedback, RecordToken, RelayCommand};
use super::{Cause, Contact, DoorMachine};
use crate::decide::Relay;
use crate::event::{EventKind, Reason};
use crate::model::{DoorMode, UNLOCK_MS_MAX};
use crate::time::Mono;

/// How long before the end of an unlock it is renewed while somebody still asks to exit, in
/// milliseconds: early enough that the bolt does not fall between.
const RENEW_MS: u32 = 300;

/// An unlock for a time, until what followed from it is known.
#[derive(Debug)]
pub(super) struct Unlock {
    /// When the lock closes; `None` once it has.
    pub(super) relock_at: Option<Mono>,
    /// Until when it is open for somebody on their way out, whatever the mode becomes.
    exit_until: Option<Mono>,
    /// Until when an opening belongs to this unlock.
    settle_at: Mono,
    pub(super) cause: Cause,
    pub(super) opened: bool,
}

/// An unlock that waits until its event is durable.
#[derive(Debug)]
pub(in super::super) struct Pending {
    pub(in super::super) token: RecordToken,
    pub(in super::super) deadline: Mono,
    pub(in super::super) cause: Cause,
    pub(in super::super) unlock_ms: u32,
    pub(in super::super) command: Option<CommandId>,
}

/// What became due at a door that its owner must know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Due {
    /// The record of this token did not become durable by its deadline.
    pub(in super::super) late: RecordToken,
}

impl DoorMachine {
    pub(super) fn is_unlocked(&self) -> bool {
        let timed = self.unlock.as_ref().and_then(|unlock| unlock.relock_at);
        self.stands_unlocked() || timed.is_some()
    }

    /// Whether an opening now is expected.
    pub(super) fn may_be_opened(&self) -> bool {
        self.stands_unlocked() || self.rex || self.unlock.is_some()
    }

    /// Whether this credential's own grant is still on its way to the lock: the same card read
    /// again meanwhile is the same showing.
    pub(in super::super) fn is_pending_for(&self, cause: &Cause) -> bool {
        self.pending.iter().any(|pending| pending.cause == *cause)
    }

    /// Holds an unlock until its record is durable or its deadline passes. In a crowd it is that of
    /// the youngest that waits already, for as long as either asks.
    pub(in super::super) fn await_record(&mut self, pending: Pending) {
        if self.is_crowded() {
            if let Some(youngest) = self.pending.last_mut() {
                youngest.unlock_ms = youngest.unlock_ms.max(pending.unlock_ms);
            }
            return;
        }
        self.pending.push(pending);
    }

    /// Whether as many unlocks wait as may.
    pub(in super::super) fn is_crowded(&self) -> bool {
        self.pending.len() >= PENDING_PER_DOOR_MAX
    }

    /// The event of this token is durable, or storage has given up for now: what waited for it
    /// goes on.
    pub(in super::super) fn recorded(&mut self, fx: &mut Effects, token: RecordToken) -> bool {
        let at = self.pending.iter().position(|each| each.token == token);
        match at {
            Some(at) => {
                let pending = self.pending.remove(at);
                self.carry_out(fx, pending);
                true
            }
            None => false,
        }
    }

    /// Does an unlock, unless the door has meanwhile come to keep people out.
    pub(in super::super) fn carry_out(&mut self, fx: &mut Effects, pending: Pending) {
        let Pending {
            cause,
            unlock_ms,
            command,
            ..
        } = pending;
        let result = if self.is_forbidden(&cause) && !cause.is_exit() {
            Err(CommandError::DoorLocked)
        } else if self.relay() == Relay::Unavailable {
            Err(CommandError::RelayUnavailable)
        } else {
            Ok(())
        };
        let shown_at = match &cause {
            Cause::Grant(passage) => Some(passage.at),
            Cause::Operator(_) | Cause::Exit => None,
        };
        match result {
            Ok(()) => {
                self.unlock_for(fx, unlock_ms, cause.clone());
                for &(reader, _) in &self.wiring.readers {
                    if Some(reader) == shown_at {
                        fx.feedback(reader, Feedback::Granted);
                    } else {
                        fx.feedback(reader, Feedback::Unlocked);
                    }
                }
                if let Cause::Grant(passage) = &cause {
                    self.go_beyond(fx, passage);
                }
            }
            Err(error) => {
                if let Cause::Grant(passage) = &cause {
                    fx.not_let_in(self.id(), passage.user);
                }
                let mut event = self.event(fx, EventKind::Denied);
                cause.sign(&mut event);
                event.reason = Some(match (error, self.mode()) {
                    (CommandError::RelayUnavailable, _) => Reason::RelayUnavailable,
                    (_, DoorMode::Lockdown) => Reason::DoorLockdown,
                    _ => Reason::DoorLocked,
                });
                fx.record(event);
                if let Some(reader) = shown_at {
                    fx.feedback(reader, error_feedback(error));
                }
            }
        }
        if let Some(id) = command {
            fx.command_done(id, result);
        }
    }

    fn unlock_for(&mut self, fx: &mut Effects, unlock_ms: u32, cause: Cause) {
        let until = fx.now.mono.plus_ms(unlock_ms.into());
        let before = self.unlock.as_ref();
        let exit_before = before.and_then(|unlock| unlock.exit_until);
        let exit_until = if cause.is_exit() {
            exit_before.max(Some(until))
        } else {
            exit_before
        };
        // A shorter time never cuts a longer one.
        let until = before
            .and_then(|unlock| unlock.relock_at)
            .map_or(until, |before| before.max(until));
        self.unlock = Some(Unlock {
            relock_at: Some(until),
            exit_until,
            settle_at: until.plus_ms(OPEN_GRACE_MS),
            cause,
            opened: self.contact.is_open() == Some(true),
        });
        self.drive(fx);
        self.watch_opening_again(fx);
    }

    /// The exit input. Free exit is decided by nobody and waits for nothing.
    pub(super) fn rex_level(&mut self, fx: &mut Effects, active: bool) {
        let asked = active && !self.rex;
        self.rex = active;
        if asked {
            self.unlock_for(fx, self.door.unlock_ms, Cause::Exit);
            fx.record(self.event(fx, EventKind::ExitRequested));
            for &(reader, _) in &self.wiring.readers {
                fx.feedback(reader, Feedback::Unlocked);
            }
        }
    }

    /// Drives the relay to what the door's state asks for.
    pub(super) fn drive(&self, fx: &mut Effects) {
        let Some(relay) = self.wiring.relay else {
            return;
        };
        let timed = self.unlock.as_ref().and_then(|unlock| unlock.relock_at);
        let command = match (self.stands_unlocked(), timed, self.is_fail_safe()) {
            (true, _, false) => RelayCommand::On,
            (true, _, true) | (false, Some(_), true) | (false, None, false) => RelayCommand::Off,
            (false, None, true) => RelayCommand::On,
            (false, Some(until), false) => RelayCommand::Pulse {
                ms: pulse_ms(fx.now.mono, until),
            },
        };
        fx.relay(relay, command);
    }

    /// Drives the relay to its safe state and forgets every unlock, carried out or not.
    pub(in super::super) fn release(&mut self, fx: &mut Effects) {
        self.unlock = None;
        self.retry_at = None;
        for pending in self.pending.drain(..) {
            if let Some(id) = pending.command {
                fx.command_done(id, Err(CommandError::RelayUnavailable));
            }
        }
        if let Some(relay) = self.wiring.relay {
            // De-energised is the safe state of both kinds of lock.
            fx.relay(relay, RelayCommand::Off);
        }
    }

    pub(in super::super) fn start(&mut self, fx: &mut Effects) {
        self.drive(fx);
    }

    /// Closes the lock before its time, unless somebody still asks to exit.
    /// Tells whether it did.
    pub(super) fn relock_early(&mut self, fx: &mut Effects) -> bool {
        if self.rex || self.stands_unlocked() {
            return false;
        }
        let now = fx.now.mono;
        if let Some(unlock) = &mut self.unlock
            && unlock.relock_at.take().is_some()
        {
            unlock.settle_at = now.plus_ms(OPEN_GRACE_MS);
            self.drive(fx);
            self.show_steady(fx);
            return true;
        }
        false
    }

    /// Ends an unlock now, as far as it is not for somebody on their way out.
    pub(super) fn end_unlock(&mut self, fx: &mut Effects) {
        let now = fx.now.mono;
        if self.rex {
            return;
        }
        if let Some(unlock) = &mut self.unlock
            && unlock.relock_at.is_some()
        {
            let out = unlock.exit_until.filter(|&until| until > now);
            unlock.relock_at = out;
            unlock.settle_at = out.unwrap_or(now).plus_ms(OPEN_GRACE_MS);
            if !self.stands_unlocked() {
                self.drive(fx);
                self.show_steady(fx);
            }
        }
    }

    /// After a change of mode, fail mode or relay: ends what the mode forbids, drives the relay.
    pub(super) fn mode_changed(&mut self, fx: &mut Effects) {
        let forbidden = self
            .unlock
            .as_ref()
            .is_some_and(|unlock| self.is_forbidden(&unlock.cause));
        if forbidden && let Some(unlock) = &mut self.unlock {
            match unlock.exit_until.filter(|&until| until > fx.now.mono) {
                Some(until) if unlock.relock_at.is_some() => {
                    unlock.relock_at = Some(until);
                    unlock.settle_at = until.plus_ms(OPEN_GRACE_MS);
                }
                _ => self.unlock = None,
            }
        }
        self.drive(fx);
    }

    /// The board refused this door's output: it is tried again, and the people at the door are
    /// told.
    pub(in super::super) fn output_failed(&mut self, fx: &mut Effects) {
        self.retry_at = Some(fx.now.mono.plus_ms(OUTPUT_RETRY_MS));
        if let Some(Unlock {
            cause: Cause::Grant(passage),
            opened: false,
            ..
        }) = &self.unlock
            && !self.sees_openings()
        {
            fx.not_let_in(self.id(), passage.user);
        }
        for &(reader, _) in &self.wiring.readers {
            fx.feedback(reader, Feedback::OutOfOrder);
        }
    }

    pub(in super::super) fn poll_timeout(&self) -> Option<Mono> {
        let pending = self.pending.iter().map(|pending| pending.deadline).min();
        let unlock = self.unlock.as_ref().map(|unlock| self.unlock_due(unlock));
        [pending, unlock, self.opening_due(), self.retry_at]
            .into_iter()
            .flatten()
            .min()
    }

    fn unlock_due(&self, unlock: &Unlock) -> Mono {
        match unlock.relock_at {
            Some(at) if self.rex => Mono(at.0.saturating_sub(self.renew_us())),
            Some(at) => at,
            None => unlock.settle_at,
        }
    }

    fn renew_us(&self) -> u64 {
        u64::from(RENEW_MS.min(self.door.unlock_ms / 2)) * 1_000
    }

    /// Does what has become due. Tells one late record a call; call again until it tells none.
    pub(in super::super) fn handle_timeout(&mut self, fx: &mut Effects) -> Option<Due> {
        let now = fx.now.mono;
        if let Some(at) = self.pending.iter().position(|each| each.deadline <= now) {
            let pending = self.pending.remove(at);
            let late = pending.token;
            self.carry_out(fx, pending);
            return Some(Due { late });
        }
        if self
            .unlock
            .as_ref()
            .is_some_and(|unlock| self.unlock_due(unlock) <= now)
        {
            self.unlock_ends(fx);
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
            self.drive(fx);
            self.show_steady(fx);
        }
        self.opening_timeout(fx);
        None
    }

    fn unlock_ends(&mut self, fx: &mut Effects) {
        let now = fx.now.mono;
        let (rex, unlock_ms) = (self.rex, self.door.unlock_ms);
        let Some(unlock) = &mut self.unlock else {
            return;
        };
        if unlock.relock_at.is_none() {
            self.unlock_settled(fx);
        } else if rex {
            let until = now.plus_ms(unlock_ms.into());
            unlock.relock_at = Some(until);
            unlock.exit_until = Some(until);
            unlock.settle_at = until.plus_ms(OPEN_GRACE_MS);
            self.drive(fx);
        } else {
            unlock.relock_at = None;
            unlock.settle_at = now.plus_ms(OPEN_GRACE_MS);
            // The pulse of an electric strike ends by itself.
            if self.is_fail_safe() {
                self.drive(fx);
            }
            if !self.stands_unlocked() {
                self.show_steady(fx);
            }
        }
    }

    fn unlock_settled(&mut self, fx: &mut Effects) {
        let Some(unlock) = self.unlock.take() else {
            return;
        };
        let seen_closed = matches!(self.contact, Contact::Closed);
        if seen_closed && !unlock.opened && unlock.cause != Cause::Exit {
            let mut event = self.event(fx, EventKind::NotEntered);
            unlock.cause.sign(&mut event);
            fx.record(event);
        }
    }
}

const fn error_feedback(error: CommandError) -> Feedback {
    match error {
        CommandError::RelayUnavailable => Feedback::OutOfOrder,
        CommandError::DoorLocked | CommandError::DoorUnknown => Feedback::Denied,
    }
}

fn pulse_ms(now: Mono, until: Mono) -> u32 {
    let ms = until.since_us(now).div_ceil(1_000);
    u32::try_from(ms).map_or(UNLOCK_MS_MAX, |ms| ms.clamp(1, UNLOCK_MS_MAX))
}
