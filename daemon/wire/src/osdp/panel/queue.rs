//! Commands waiting for their PD's turn.

use std::collections::VecDeque;

use super::event::Token;
use crate::osdp::command::{Command, LedRecords};
use crate::osdp::feedback::{LedControl, Permanent, Temporary};

/// The most commands waiting for one PD.
pub const MAX_QUEUED_COMMANDS: usize = 16;

/// A command and its token.
#[derive(Debug, Clone)]
pub(crate) struct Queued {
    pub(crate) token: Token,
    pub(crate) command: Command,
}

/// First in, first out; a light or buzzer command takes the place of a waiting one that it would
/// overwrite anyway.
#[derive(Debug, Default)]
pub(crate) struct CommandQueue {
    waiting: VecDeque<Queued>,
}

impl CommandQueue {
    pub(crate) fn pop(&mut self) -> Option<Queued> {
        self.waiting.pop_front()
    }

    /// Takes out every KEYSET.
    pub(crate) fn take_keys(&mut self) -> VecDeque<Queued> {
        let (keys, others) = core::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|queued: &Queued| matches!(queued.command, Command::KeySet(_)));
        self.waiting = others;
        keys
    }

    /// Puts `queued` into the place of a waiting command that it overwrites, or else at the end.
    pub(crate) fn put(&mut self, queued: Queued) -> Put {
        for waiting in &mut self.waiting {
            if let Some(command) = merged(&waiting.command, &queued.command) {
                let superseded = waiting.token;
                *waiting = Queued {
                    token: queued.token,
                    command,
                };
                return Put::Instead(superseded);
            }
        }
        if self.waiting.len() >= MAX_QUEUED_COMMANDS {
            return Put::Full;
        }
        self.waiting.push_back(queued);
        Put::Last
    }
}

/// Where a command went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// To the end.
    Last,
    /// Into the place of the command with this token.
    Instead(Token),
    /// Nowhere.
    Full,
}

/// The one command that does what `earlier` and then `later` would have done, if there is one.
fn merged(earlier: &Command, later: &Command) -> Option<Command> {
    match (earlier, later) {
        (Command::Led(earlier), Command::Led(later)) => {
            merged_lights(earlier, later).map(Command::Led)
        }
        (Command::Buzzer(earlier), Command::Buzzer(later)) => {
            (earlier.reader == later.reader).then_some(Command::Buzzer(*later))
        }
        _ => None,
    }
}

fn merged_lights(earlier: &LedRecords, later: &LedRecords) -> Option<LedRecords> {
    let is_same = |a: &LedControl, b: &LedControl| a.reader == b.reader && a.led == b.led;
    if !earlier
        .iter()
        .all(|old| later.iter().any(|new| is_same(old, new)))
    {
        return None;
    }
    let mut records = *later;
    for new in records.as_mut_slice() {
        let Some(old) = earlier.iter().find(|old| is_same(old, new)) else {
            continue;
        };
        if new.temporary == Temporary::Keep {
            new.temporary = old.temporary;
        }
        if new.permanent == Permanent::Keep {
            new.permanent = old.permanent;
        }
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::osdp::feedback::{Blink, BuzzerControl, Colour};
    use crate::osdp::few::Few;

    fn light(led: u8, temporary: Option<Colour>, permanent: Option<Colour>) -> LedControl {
        let temporary = temporary.map_or(Temporary::Keep, |colour| Temporary::Set {
            blink: Blink::steady(colour),
            for_100ms: 10,
        });
        let permanent = permanent.map_or(Permanent::Keep, |colour| {
            Permanent::Set(Blink::steady(colour))
        });
        LedControl {
            reader: 0,
            led,
            temporary,
            permanent,
        }
    }

    fn led(records: &[LedControl]) -> Command {
        Command::Led(Few::from_slice(records).unwrap())
    }

    #[test]
    fn what_overwrites_what() {
        use Colour::{Green, Red};
        fn check(earlier: &Command, later: &Command, expect: Option<&Command>) {
            assert_eq!(
                merged(earlier, later).as_ref(),
                expect,
                "{earlier:?} {later:?}"
            );
        }
        let red = led(&[light(0, Some(Red), None)]);
        let green = led(&[light(0, Some(Green), None)]);
        check(&red, &green, Some(&green));
        // What the later one leaves alone stays as the earlier one set it.
        let base = led(&[light(0, None, Some(Red))]);
        check(
            &base,
            &green,
            Some(&led(&[light(0, Some(Green), Some(Red))])),
        );
        // A light the later one does not speak of would be lost.
        check(
            &led(&[light(0, Some(Red), None), light(1, Some(Red), None)]),
            &green,
            None,
        );
        check(&led(&[light(1, Some(Red), None)]), &green, None);
        let beep = Command::Buzzer(BuzzerControl::beeps(1, 1));
        let silence = Command::Buzzer(BuzzerControl::silence());
        check(&beep, &silence, Some(&silence));
        check(&beep, &green, None);
    }

    #[test]
    fn a_superseding_command_keeps_the_place_in_the_queue() {
        let mut queue = CommandQueue::default();
        let put = |queue: &mut CommandQueue, token, command: &Command| {
            queue.put(Queued {
                token: Token(token),
                command: command.clone(),
            })
        };
        let red = led(&[light(0, Some(Colour::Red), None)]);
        assert_eq!(put(&mut queue, 1, &red), Put::Last);
        assert_eq!(put(&mut queue, 2, &Command::LocalStatus), Put::Last);
        assert_eq!(put(&mut queue, 3, &red), Put::Instead(Token(1)));
        let order: Vec<u64> = core::iter::from_fn(|| queue.pop())
            .map(|queued| queued.token.0)
            .collect();
        assert_eq!(order, [3, 2]);
    }

    #[test]
    fn a_full_queue_takes_nothing_but_what_overwrites() {
        let mut queue = CommandQueue::default();
        let beep = Command::Buzzer(BuzzerControl::beeps(1, 1));
        let put = |queue: &mut CommandQueue, command: &Command| {
            queue.put(Queued {
                token: Token(0),
                command: command.clone(),
            })
        };
        assert_eq!(put(&mut queue, &beep), Put::Last);
        for _ in 1..MAX_QUEUED_COMMANDS {
            assert_eq!(put(&mut queue, &Command::LocalStatus), Put::Last);
        }
        assert_eq!(put(&mut queue, &Command::LocalStatus), Put::Full);
        assert_eq!(put(&mut queue, &beep), Put::Instead(Token(0)));
    }
}
