//! Whether every coil that went on has its event.

use doorward_api::EventRow;
use doorward_core::event::EventKind;

/// What an event's time and a coil's may lie apart by.
const APART_MAX_NS: u64 = 1_500_000_000;
/// Wall time in events is in whole milliseconds, and its offset is measured once a check.
const ROUNDED_NS: u64 = 3_000_000;

/// A coil that was written to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coil {
    pub(super) door: u32,
    pub(super) ns: u64,
}

/// Somebody who asked for a door: a card, or an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asking {
    pub(super) door: u32,
    pub(super) ns: u64,
}

/// What became of the coils.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) without_event: Vec<Coil>,
    pub(super) deadline_passed: Vec<Coil>,
    /// Events that no coil has, yet.
    pub(super) free: Vec<Unlock>,
}

/// An event that unlocks a door, by `CLOCK_MONOTONIC`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unlock {
    pub(super) door: u32,
    pub(super) ns: u64,
}

/// The events that unlock doors. `wall_offset_ns` is what is to be taken from wall time.
pub(super) fn unlocks(rows: &[EventRow], wall_offset_ns: i128) -> Vec<Unlock> {
    rows.iter()
        .filter(|row| {
            matches!(
                row.event.kind,
                EventKind::Granted | EventKind::UnlockedByOperator
            )
        })
        .filter_map(|row| {
            let ns = i128::from(row.event.at.0) * 1_000_000 - wall_offset_ns;
            Some(Unlock {
                door: row.event.door?.0,
                ns: u64::try_from(ns).ok()?,
            })
        })
        .collect()
}

/// Gives each coil the newest event of its door before it that no other coil has. A coil that is left
/// over went on because the deadline had passed, if that can be: whoever asked last had waited for so
/// long.
pub(super) fn judge(
    coils: &[Coil],
    unlocks: &[Unlock],
    askings: &[Asking],
    deadline_ns: u64,
) -> Judged {
    let mut free: Vec<Unlock> = unlocks.to_vec();
    let mut judged = Judged::default();
    for coil in coils {
        let until = coil.ns + ROUNDED_NS;
        let of_it = |unlock: &Unlock| {
            unlock.door == coil.door
                && unlock.ns <= until
                && coil.ns.saturating_sub(unlock.ns) <= APART_MAX_NS
        };
        let newest = (0..free.len())
            .filter(|at| of_it(&free[*at]))
            .max_by_key(|at| free[*at].ns);
        if let Some(at) = newest {
            free.swap_remove(at);
            continue;
        }
        let asked = askings
            .iter()
            .filter(|asking| asking.door == coil.door && asking.ns <= coil.ns)
            .map(|asking| asking.ns)
            .max();
        if asked.is_some_and(|asked| coil.ns - asked >= deadline_ns) {
            judged.deadline_passed.push(*coil);
        } else {
            judged.without_event.push(*coil);
        }
    }
    judged.free = free;
    judged
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn check(coils: &[u64], unlocks: &[u64], askings: &[u64], expect: (usize, usize)) {
        let at = 10_000 * MS;
        let coils: Vec<_> = coils
            .iter()
            .map(|ms| Coil {
                door: 1,
                ns: at + ms * MS,
            })
            .collect();
        let unlocks: Vec<_> = unlocks
            .iter()
            .map(|ms| Unlock {
                door: 1,
                ns: at + ms * MS,
            })
            .chain([Unlock { door: 2, ns: at }])
            .collect();
        let askings: Vec<_> = askings
            .iter()
            .map(|ms| Asking {
                door: 1,
                ns: at + ms * MS,
            })
            .collect();
        let judged = judge(&coils, &unlocks, &askings, 20 * MS);
        let found = (judged.without_event.len(), judged.deadline_passed.len());
        assert_eq!(found, expect, "{coils:?} {unlocks:?} {askings:?}");
    }

    #[test]
    fn a_coil_needs_an_event_of_its_own() {
        check(&[10], &[5], &[0], (0, 0));
        // An event whose coil never went on is nobody's fault.
        check(&[10], &[5, 300], &[0, 290], (0, 0));
        check(&[10, 310], &[5, 300], &[0, 290], (0, 0));
        check(&[10], &[], &[0], (1, 0));
        check(&[10, 310], &[5], &[0, 300], (1, 0));
        // Not the event of the one that follows.
        check(&[10], &[300], &[0], (1, 0));
        // Nor one of long ago.
        check(&[9_000], &[5], &[8_995], (1, 0));
    }

    #[test]
    fn a_coil_may_go_on_without_its_event_once_the_deadline_has_passed() {
        check(&[25], &[], &[0], (0, 1));
        check(&[19], &[], &[0], (1, 0));
        check(&[25], &[], &[], (1, 0));
    }
}
