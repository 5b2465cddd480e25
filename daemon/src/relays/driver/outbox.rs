//! What the controller is to be told.

use std::collections::VecDeque;

use doorward_core::controller::BoardEvent;
use doorward_core::ids::BoardIx;

/// Events kept for a controller that does not take them.
pub(super) const EVENTS_MAX: usize = 256;

#[derive(Debug, Default)]
pub(super) struct Outbox(VecDeque<(BoardIx, BoardEvent)>);

impl Outbox {
    /// Keeps an event. When there are too many, the oldest input levels go: newer ones follow,
    /// while nothing would tell again that a board was lost.
    pub(super) fn push(&mut self, board: BoardIx, event: BoardEvent) {
        if self.0.len() >= EVENTS_MAX {
            let inputs = |(_, event): &(_, BoardEvent)| matches!(event, BoardEvent::Inputs(_));
            let oldest = self.0.iter().position(inputs).unwrap_or(0);
            self.0.remove(oldest);
            log::error!("the controller takes no board events; the oldest is given up");
        }
        self.0.push_back((board, event));
    }

    pub(super) const fn events(&mut self) -> &mut VecDeque<(BoardIx, BoardEvent)> {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_levels_go_first() {
        let mut outbox = Outbox::default();
        outbox.push(BoardIx(0), BoardEvent::Offline);
        for levels in 0..300 {
            outbox.push(BoardIx(0), BoardEvent::Inputs(levels));
        }
        let events = outbox.events();
        assert_eq!(events.len(), EVENTS_MAX);
        assert!(matches!(events[0].1, BoardEvent::Offline));
        assert!(matches!(events[1].1, BoardEvent::Inputs(45)));
        assert!(matches!(events[255].1, BoardEvent::Inputs(299)));
    }
}
