use super::config::ControllerConfig;
use crate::event::Direction;
use crate::ids::{BoardIx, ReaderIx};
use crate::model::{Circuit, Door, InputPoint};

/// A relay's place on its board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RelayPoint {
    pub(super) board: BoardIx,
    pub(super) output: u16,
}

/// An input's place on its board, and its resting state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ContactPoint {
    pub(super) board: BoardIx,
    input: u16,
    circuit: Circuit,
}

impl ContactPoint {
    /// Whether the input is away from rest, in the levels of its board's inputs.
    pub(super) fn is_active(self, levels: u64) -> bool {
        let bit = u32::from(self.input).checked_sub(1);
        let level = bit
            .and_then(|bit| levels.checked_shr(bit))
            .is_some_and(|shifted| shifted & 1 == 1);
        self.circuit.is_active(level)
    }
}

/// A door's wiring with the names of `site.toml` looked up. What is not there is not wired.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Wiring {
    pub(super) readers: Vec<(ReaderIx, Direction)>,
    pub(super) relay: Option<RelayPoint>,
    pub(super) contact: Option<ContactPoint>,
    pub(super) rex: Option<ContactPoint>,
    pub(super) fire: Option<ContactPoint>,
}

impl Wiring {
    pub(super) fn of(door: &Door, config: &ControllerConfig) -> Self {
        let wiring = &door.wiring;
        let side = |names: &[String], direction| {
            names
                .iter()
                .filter_map(|name| config.reader(name))
                .map(|reader| (reader, direction))
                .collect::<Vec<_>>()
        };
        let mut readers = side(&wiring.entry_readers, Direction::Entry);
        readers.extend(side(&wiring.exit_readers, Direction::Exit));
        let input = |point: &InputPoint| {
            Some(ContactPoint {
                board: config.board(&point.board)?,
                input: point.input,
                circuit: point.circuit,
            })
        };
        Self {
            readers,
            relay: wiring.relay.as_ref().and_then(|relay| {
                Some(RelayPoint {
                    board: config.board(&relay.board)?,
                    output: relay.output,
                })
            }),
            contact: wiring.contact.as_ref().and_then(input),
            rex: wiring.rex.as_ref().and_then(input),
            fire: wiring.fire.as_ref().and_then(input),
        }
    }
}
