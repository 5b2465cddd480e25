//! Which events are under way to the broker, and how far they are acknowledged without a gap.

use std::collections::VecDeque;
use std::time::Instant;

/// What a PUBLISH carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cargo {
    /// The event of this sequence number.
    Event(u64),
    /// State: a newer one replaces it, so that its loss costs nothing.
    State,
}

/// The broker or the library did what MQTT 5 does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum WindowError {
    /// A PUBLISH left that nobody had queued.
    #[error("packet {0} left without having been queued")]
    NotQueued(u16),
    /// A packet identifier outside the window, or in use already.
    #[error("packet {0} is outside the window or in use")]
    Identifier(u16),
    /// A PUBACK for a packet that is not under way.
    #[error("packet {0} was acknowledged and is not under way")]
    NotSent(u16),
}

/// The accounts of one connection.
///
/// A packet is *queued*, then *sent* under an identifier, then *acknowledged*, in any order of
/// identifiers. [`Window::acknowledged`] moves only over events without a gap before them.
#[derive(Debug)]
pub(super) struct Window {
    limit: usize,
    queued: VecDeque<Cargo>,
    /// Indexed by packet identifier.
    sent: Vec<Option<(Cargo, Instant)>>,
    sent_count: usize,
    /// Events queued and not yet within `acknowledged`, in order, and whether they are confirmed.
    events: VecDeque<(u64, bool)>,
    acknowledged: u64,
    last_progress: Option<Instant>,
}

impl Window {
    /// An empty window behind `acknowledged`, for at most `limit` packets (1 to 65535).
    pub(super) fn new(acknowledged: u64, limit: u16) -> Self {
        Self {
            limit: usize::from(limit),
            queued: VecDeque::new(),
            sent: vec![None; usize::from(limit) + 1],
            sent_count: 0,
            events: VecDeque::new(),
            acknowledged,
            last_progress: None,
        }
    }

    /// Lowers the limit to what the broker receives at once.
    pub(super) fn restrict(&mut self, receive_maximum: u16) {
        self.limit = self.limit.min(usize::from(receive_maximum));
    }

    pub(super) fn has_room(&self) -> bool {
        self.under_way() < self.limit
    }

    /// Packets queued or sent, not yet acknowledged.
    pub(super) fn under_way(&self) -> usize {
        self.queued.len() + self.sent_count
    }

    /// The newest event up to which all are acknowledged.
    pub(super) const fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Since when the broker owes an acknowledgement: the oldest packet under way, or the last
    /// acknowledgement if that was later.
    pub(super) fn waiting_since(&self) -> Option<Instant> {
        let oldest = self.sent.iter().flatten().map(|&(_, at)| at).min()?;
        Some(self.last_progress.map_or(oldest, |last| last.max(oldest)))
    }

    /// Takes note of a packet handed to the library. Events come in rising order.
    pub(super) fn queue(&mut self, cargo: Cargo) {
        self.queued.push_back(cargo);
        if let Cargo::Event(seq) = cargo {
            self.events.push_back((seq, false));
        }
    }

    /// The oldest queued packet has left as `packet`.
    pub(super) fn sent(&mut self, packet: u16, at: Instant) -> Result<(), WindowError> {
        let slot = match self.sent.get_mut(usize::from(packet)) {
            Some(slot @ None) if packet != 0 => slot,
            _ => return Err(WindowError::Identifier(packet)),
        };
        let cargo = self
            .queued
            .pop_front()
            .ok_or(WindowError::NotQueued(packet))?;
        *slot = Some((cargo, at));
        self.sent_count += 1;
        Ok(())
    }

    /// The broker has answered `packet`; returns what that was.
    pub(super) fn answered(&mut self, packet: u16, at: Instant) -> Result<Cargo, WindowError> {
        let (cargo, _) = self
            .sent
            .get_mut(usize::from(packet))
            .and_then(Option::take)
            .ok_or(WindowError::NotSent(packet))?;
        self.sent_count -= 1;
        self.last_progress = Some(at);
        Ok(cargo)
    }

    /// The broker has taken event `seq` over.
    pub(super) fn confirm(&mut self, seq: u64) {
        if let Ok(at) = self.events.binary_search_by_key(&seq, |&(seq, _)| seq) {
            self.events[at].1 = true;
        }
        while let Some(&(seq, true)) = self.events.front() {
            self.acknowledged = seq;
            self.events.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_acknowledgement_out_of_order_does_not_move_the_cursor() {
        let now = Instant::now();
        let mut window = Window::new(10, 3);
        for (packet, seq) in [(1, 11), (2, 12), (3, 13)] {
            assert!(window.has_room());
            window.queue(Cargo::Event(seq));
            window.sent(packet, now).unwrap();
        }
        assert!(!window.has_room());
        for (packet, expect) in [(2, 10), (1, 12), (3, 13)] {
            let Cargo::Event(seq) = window.answered(packet, now).unwrap() else {
                panic!("not an event");
            };
            window.confirm(seq);
            assert_eq!(window.acknowledged(), expect, "after packet {packet}");
        }
        assert_eq!(window.under_way(), 0);
        assert_eq!(window.waiting_since(), None);
    }

    #[test]
    fn what_mqtt_does_not_allow_is_an_error() {
        let now = Instant::now();
        let mut window = Window::new(0, 2);
        assert_eq!(window.sent(1, now), Err(WindowError::NotQueued(1)));
        window.queue(Cargo::State);
        window.queue(Cargo::State);
        assert_eq!(window.sent(0, now), Err(WindowError::Identifier(0)));
        assert_eq!(window.sent(3, now), Err(WindowError::Identifier(3)));
        window.sent(2, now).unwrap();
        assert_eq!(window.sent(2, now), Err(WindowError::Identifier(2)));
        assert_eq!(window.answered(1, now), Err(WindowError::NotSent(1)));
        assert_eq!(window.answered(2, now), Ok(Cargo::State));
        assert_eq!(window.answered(2, now), Err(WindowError::NotSent(2)));
        assert_eq!(
            window.answered(u16::MAX, now),
            Err(WindowError::NotSent(u16::MAX))
        );
    }

    #[test]
    fn the_broker_may_ask_for_less() {
        let mut window = Window::new(0, 200);
        window.restrict(u16::MAX);
        assert_eq!(window.limit, 200);
        window.restrict(20);
        assert_eq!(window.limit, 20);
    }

    proptest! {
        /// Whatever the order of acknowledgements and the mixture with state, the cursor is the
        /// newest event with no unacknowledged one before it.
        #[test]
        fn the_cursor_never_passes_an_unacknowledged_event(
            order in Just((1u16..=40).collect::<Vec<_>>()).prop_shuffle(),
            is_event in proptest::collection::vec(any::<bool>(), 40),
            answers in 0usize..=40,
        ) {
            let now = Instant::now();
            let mut window = Window::new(0, 40);
            let mut seq = 0;
            let cargo: Vec<Cargo> = is_event.iter().map(|&event| {
                if event { seq += 1; Cargo::Event(seq) } else { Cargo::State }
            }).collect();
            for (packet, &cargo) in (1u16..).zip(&cargo) {
                window.queue(cargo);
                window.sent(packet, now).unwrap();
            }
            let mut confirmed = [false; 41];
            for &packet in &order[..answers] {
                let answer = window.answered(packet, now).unwrap();
                prop_assert_eq!(answer, cargo[usize::from(packet) - 1]);
                if let Cargo::Event(seq) = answer {
                    window.confirm(seq);
                    confirmed[usize::try_from(seq).unwrap()] = true;
                }
                let expect = (1..=seq).take_while(|&seq| confirmed[usize::try_from(seq).unwrap()]).last();
                prop_assert_eq!(window.acknowledged(), expect.unwrap_or(0));
            }
            prop_assert_eq!(window.under_way(), 40 - answers);
        }
    }
}
