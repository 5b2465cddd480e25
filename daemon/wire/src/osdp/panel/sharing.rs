//! Telling two PDs with one address from a bad line.
//!
//! A bad line damages what everybody says, and damage has no right check field. Two PDs with one
//! address do what neither of these can: the address answers twice to one command, says by turns that
//! it is one device and another, or is alone in never being understood while its neighbours are
//! understood all the time.

use super::super::identity::PdId;
use super::super::time::Mono;

/// So many second answers within [`MEMORY_US`] are no accident.
const SECOND_ANSWERS: u32 = 3;
/// So often must what follows an address's answer be damaged within [`MEMORY_US`] before the line is
/// kept free behind an answer now and then, to hear whether a second one comes.
const SUSPICIONS: u32 = 3;
/// So many returns from one identity to the one before it within [`MEMORY_US`] are no exchange of
/// devices.
const RETURNS: u32 = 2;
/// Evidence older than this counts no more.
const MEMORY_US: u64 = 60_000_000;
/// So long must an address that is online have been without new evidence before it is free again.
const CALM_US: u64 = 10_000_000;
/// So many replies of the neighbours, and none damaged, show that the line is good.
const GOOD_NEIGHBOUR_REPLIES: u64 = 16;

/// What the other PDs of the bus have said: to be compared with itself later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Neighbours {
    /// Replies that were right.
    pub(super) replies: u64,
    /// Replies that were damaged.
    pub(super) damaged: u64,
}

/// What speaks for a second PD at an address.
#[derive(Debug, Default)]
pub(super) struct Sharing {
    /// The identities told last, the newest first.
    ids: [Option<PdId>; 2],
    returns: Tally,
    second_answers: Tally,
    suspicions: Tally,
    /// The neighbours when this address was last understood, or last looked at.
    neighbours: Option<Neighbours>,
    /// The newest proof.
    proved_at: Option<Mono>,
    is_shared: bool,
}

/// How often something was seen of late.
#[derive(Debug, Default)]
struct Tally {
    since: Option<Mono>,
    count: u32,
}

impl Tally {
    fn count(&mut self, now: Mono) -> u32 {
        let since = *self.since.get_or_insert(now);
        if now.since_us(since) > MEMORY_US {
            *self = Self {
                since: Some(now),
                count: 0,
            };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}

impl Sharing {
    pub(super) const fn is_shared(&self) -> bool {
        self.is_shared
    }

    /// The address has said who it is. Says whether it is now known to be shared, and was not.
    pub(super) fn on_identity(&mut self, now: Mono, id: PdId) -> bool {
        let [newest, before] = self.ids;
        if newest == Some(id) {
            return false;
        }
        self.ids = [Some(id), newest];
        let returned = before == Some(id);
        returned && self.returns.count(now) >= RETURNS && self.prove(now)
    }

    /// A right reply came from the address after the one that it had given already.
    pub(super) fn on_second_answer(&mut self, now: Mono) -> bool {
        self.second_answers.count(now) >= SECOND_ANSWERS && self.prove(now)
    }

    /// What followed the answer of this address was damaged: a second answer may have been in its way.
    pub(super) fn suspect(&mut self, now: Mono) {
        self.suspicions.count(now);
    }

    /// Whether to listen behind the answer of this address.
    pub(super) fn is_suspected(&self, now: Mono) -> bool {
        let Tally { since, count } = &self.suspicions;
        since.is_some_and(|since| now.since_us(since) <= MEMORY_US) && *count >= SUSPICIONS
    }

    /// Nothing the address says has been understood for a while; the neighbours stand as given.
    pub(super) fn on_unreadable(&mut self, now: Mono, neighbours: Neighbours) -> bool {
        let Some(before) = self.neighbours else {
            self.neighbours = Some(neighbours);
            return false;
        };
        if neighbours.damaged != before.damaged {
            self.neighbours = Some(neighbours);
            return false;
        }
        let are_good = neighbours.replies - before.replies >= GOOD_NEIGHBOUR_REPLIES;
        are_good && self.prove(now)
    }

    /// The address was understood.
    pub(super) const fn on_understood(&mut self) {
        self.neighbours = None;
    }

    /// The address is online: says whether it is known to be of one PD again, and was not.
    pub(super) fn is_over(&mut self, now: Mono) -> bool {
        let is_calm = self.proved_at.is_none_or(|at| now.since_us(at) > CALM_US);
        let is_over = self.is_shared && is_calm;
        if is_over {
            *self = Self {
                ids: self.ids,
                ..Self::default()
            };
        }
        is_over
    }

    fn prove(&mut self, now: Mono) -> bool {
        self.proved_at = Some(now);
        !core::mem::replace(&mut self.is_shared, true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Mono {
        Mono::from_micros(ms * 1000)
    }

    fn id(serial: u32) -> PdId {
        PdId {
            serial,
            ..PdId::default()
        }
    }

    #[test]
    fn identities_by_turns_are_two_devices_and_an_exchange_is_not() {
        let check = |told: &[(u64, u32)], expect: bool| {
            let mut sharing = Sharing::default();
            for (ms, serial) in told {
                sharing.on_identity(at(*ms), id(*serial));
            }
            assert_eq!(sharing.is_shared(), expect, "{told:?}");
        };
        check(&[(0, 1), (100, 1), (200, 1)], false);
        // Exchanged, and exchanged back.
        check(&[(0, 1), (100, 2), (200, 2)], false);
        check(&[(0, 1), (100, 2), (200, 1)], false);
        // Three devices tried one after the other.
        check(&[(0, 1), (100, 2), (200, 3), (300, 4)], false);
        check(&[(0, 1), (100, 2), (200, 1), (300, 2)], true);
        // The same over hours is an installer at work.
        check(&[(0, 1), (100, 2), (200, 1), (3_600_000, 2)], false);
    }

    #[test]
    fn second_answers_are_counted_within_a_minute() {
        let check = |times_ms: &[u64], expect: bool| {
            let mut sharing = Sharing::default();
            let told: Vec<bool> = times_ms
                .iter()
                .map(|ms| sharing.on_second_answer(at(*ms)))
                .collect();
            assert_eq!(sharing.is_shared(), expect, "{times_ms:?}");
            let count = told.iter().filter(|is_new| **is_new).count();
            assert_eq!(count, usize::from(expect), "told once");
        };
        check(&[0, 100], false);
        check(&[0, 100, 200], true);
        check(&[0, 100, 200, 300], true);
        check(&[0, 100, 70_000], false);
    }

    #[test]
    fn an_address_is_alone_in_being_unreadable_only_on_a_good_line() {
        let check = |seen: &[(u64, u64)], expect: bool| {
            let mut sharing = Sharing::default();
            for (ms, (replies, damaged)) in seen.iter().enumerate() {
                let neighbours = Neighbours {
                    replies: *replies,
                    damaged: *damaged,
                };
                sharing.on_unreadable(at(ms as u64), neighbours);
            }
            assert_eq!(sharing.is_shared(), expect, "{seen:?}");
        };
        check(&[(100, 0), (110, 0)], false);
        check(&[(100, 0), (110, 0), (120, 0)], true);
        check(&[(100, 3), (200, 3)], true);
        // Nobody else is there, or nobody is understood well.
        check(&[(0, 0), (0, 0), (0, 0)], false);
        check(&[(100, 0), (200, 1), (300, 2), (400, 3)], false);
    }

    #[test]
    fn it_is_over_after_a_while_without_evidence() {
        let mut sharing = Sharing::default();
        let told = [0, 1, 2].map(|ms| sharing.on_second_answer(at(ms)));
        assert_eq!(told, [false, false, true]);
        assert!(!sharing.is_over(at(5_000)));
        assert!(!sharing.on_second_answer(at(9_000)));
        assert!(!sharing.is_over(at(12_000)));
        assert!(sharing.is_over(at(19_100)));
        assert!(!sharing.is_over(at(19_200)));
        assert!(!sharing.is_shared());
    }
}
