//! Random tables for benches and demos: a large site made from a seed, the same every time.
//!
//! At [`Sample::NOW`] about seven in ten of its requests are granted; the others are denied for
//! all sorts of reasons.

use crate::card::{CardBits, CardNumber, CardRead};
use crate::event::Direction;
use crate::ids::{CredentialId, DoorId, HolidaySetId, KeyId, PlaceId, ScheduleId, UserId};
use crate::model::{
    Block, Credential, CredentialData, CredentialState, Door, DoorMode, DoorWiring, FailMode,
    Grant, Holiday, HolidayDate, HolidayRule, HolidaySet, Interval, Key, KeyFlags, Kind, Observed,
    Place, Record, Relock, Schedule, User, UserState, Weekday, WeeklyInterval,
};
use crate::time::Wall;

const ZONES: [&str; 5] = [
    "Europe/Stockholm",
    "Europe/Prague",
    "Europe/Paris",
    "Europe/Copenhagen",
    "Europe/London",
];
const HOLIDAYS: HolidaySetId = HolidaySetId(1);
const SCHEDULES: u32 = 40;
/// Every so many schedules one is of nights.
const NIGHTS: u32 = 8;

/// How large a site, and which of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// Another seed makes another site.
    pub seed: u64,
    /// Cards, and as many users: 1 to 16,000,000.
    pub credentials: u32,
    /// Keys that each user holds, at most as many as there are keys.
    pub keys_per_user: u32,
}

/// A card shown at a door.
#[derive(Debug, Clone, Copy)]
pub struct SampleRequest {
    /// Where.
    pub door: DoorId,
    /// Which way.
    pub direction: Direction,
    /// The card.
    pub card: CardRead,
}

impl Sample {
    /// The time that its requests are meant for: a Tuesday, late in the morning.
    pub const NOW: Wall = Wall(1_774_346_400_000);

    /// A site of so many credentials, five keys each.
    #[must_use]
    pub const fn new(seed: u64, credentials: u32) -> Self {
        Self {
            seed,
            credentials,
            keys_per_user: 5,
        }
    }

    /// How many doors it has.
    #[must_use]
    pub fn doors(&self) -> u32 {
        (self.credentials / 500).clamp(10, 500)
    }

    /// How many keys it has.
    #[must_use]
    pub fn keys(&self) -> u32 {
        (self.credentials / 250).clamp(20, 1_000)
    }

    /// All its records, those referred to first. Made one at a time.
    pub fn records(self) -> impl Iterator<Item = Record> {
        self.structure()
            .chain((1..=self.credentials).flat_map(move |id| self.holder(id)))
    }

    /// The same, users before credentials before grants, as a store reads them.
    pub fn records_by_kind(self) -> impl Iterator<Item = Record> {
        let kinds = [Kind::User, Kind::Credential, Kind::Grant];
        let holders = kinds.into_iter().flat_map(move |kind| {
            let all = (1..=self.credentials).flat_map(move |id| self.holder(id));
            all.filter(move |record| record.reference().kind() == kind)
        });
        self.structure().chain(holders)
    }

    /// All but users and what they have.
    fn structure(self) -> impl Iterator<Item = Record> {
        let place = core::iter::once(Record::Place(Place {
            id: PlaceId(1),
            name: "Site".to_owned(),
            parent: None,
            ..Place::default()
        }));
        place
            .chain(core::iter::once(Record::HolidaySet(holidays())))
            .chain((1..=SCHEDULES).map(|id| Record::Schedule(schedule(id))))
            .chain((1..=self.doors()).map(|id| Record::Door(door(id))))
            .chain((1..=self.keys()).map(move |id| Record::Key(self.key(id))))
    }

    /// Requests in random order, without end.
    pub fn requests(self) -> impl Iterator<Item = SampleRequest> {
        let mut random = Random::new(self.seed ^ 0x5EED);
        core::iter::repeat_with(move || self.request(&mut random))
    }

    fn request(&self, random: &mut Random) -> SampleRequest {
        let holder = random.below(self.credentials) + 1;
        let direction = if random.below(2) == 0 {
            Direction::Entry
        } else {
            Direction::Exit
        };
        let stranger = random.below(100) < 6;
        let number = if stranger {
            self.credentials + 1 + random.below(600_000)
        } else {
            holder
        };
        let door = if random.below(100) < 82 {
            self.door_of(holder, random)
        } else {
            DoorId(random.below(self.doors()) + 1)
        };
        SampleRequest {
            door,
            direction,
            card: card(number),
        }
    }

    /// A door of one of a user's keys, one that is open by day if there is any.
    fn door_of(&self, holder: u32, random: &mut Random) -> DoorId {
        let keys = self.keys_of(holder);
        let all = keys.iter().map(|&id| self.key(id));
        let by_day = |key: &Key| {
            key.blocked.is_none() && key.schedule.is_none_or(|schedule| schedule.0 % NIGHTS != 0)
        };
        let mut usable: Vec<_> = all.clone().filter(by_day).collect();
        if usable.is_empty() {
            usable = all.collect();
        }
        let key = &usable[random.below_len(usable.len())];
        key.doors[random.below_len(key.doors.len())]
    }

    fn key(&self, id: u32) -> Key {
        let mut random = Random::new(self.seed ^ (u64::from(id) << 32));
        let mut doors: Vec<_> = (0..=random.below(8))
            .map(|_| DoorId(random.below(self.doors()) + 1))
            .collect();
        doors.sort_unstable();
        doors.dedup();
        Key {
            id: KeyId(id),
            name: format!("Key {id}"),
            place: PlaceId(1),
            doors,
            schedule: (random.below(10) < 8).then(|| ScheduleId(random.below(SCHEDULES) + 1)),
            window: None,
            blocked: (random.below(50) == 0).then(|| Block {
                reason: "renovation".to_owned(),
                until: None,
            }),
            flags: KeyFlags::default(),
            ..Key::default()
        }
    }

    fn keys_of(&self, holder: u32) -> Vec<u32> {
        let mut random = Random::new(self.seed.wrapping_mul(31) ^ u64::from(holder));
        let wanted = self.keys_per_user.min(self.keys()) as usize;
        let mut keys = Vec::with_capacity(wanted);
        while keys.len() < wanted {
            let key = random.below(self.keys()) + 1;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    }

    /// A user with their card and grants.
    fn holder(self, id: u32) -> impl Iterator<Item = Record> {
        let mut random = Random::new(self.seed.wrapping_mul(17) ^ u64::from(id));
        let user = Record::User(User {
            id: UserId(id),
            first_name: "User".to_owned(),
            last_name: id.to_string(),
            email: None,
            department: format!("Department {}", id % 40),
            state: match random.below(100) {
                0 => UserState::Suspended,
                1 => UserState::Inactive,
                _ => UserState::Active,
            },
            extended_unlock: random.below(50) == 0,
            ..User::default()
        });
        let credential = Record::Credential(Credential {
            id: CredentialId(id),
            user: Some(UserId(id)),
            data: card_data(id),
            state: match random.below(100) {
                0 => CredentialState::Inactive,
                1 => CredentialState::Removed,
                _ => CredentialState::Active,
            },
            valid_from: None,
            valid_until: (random.below(5) == 0)
                .then(|| Self::NOW.plus_ms(i64::from(random.below(100_000_000)) - 5_000_000)),
            label: String::new(),
        });
        let grants = self.keys_of(id).into_iter().map(move |key| {
            let booked = random.below(20) == 0;
            let hour = 3_600_000;
            let from = Self::NOW.plus_ms(-i64::from(random.below(48)) * hour);
            let interval = Interval {
                from: Some(from),
                until: Some(from.plus_ms(40 * hour)),
            };
            Record::Grant(Grant {
                user: UserId(id),
                key: KeyId(key),
                intervals: booked.then_some(interval).into_iter().collect(),
            })
        });
        [user, credential].into_iter().chain(grants)
    }
}

fn schedule(id: u32) -> Schedule {
    let (from_minute, until_minute) = match id % NIGHTS {
        0 => (20 * 60, 5 * 60),
        early => (6 * 60, 16 * 60 + u16::try_from(early).unwrap_or(0) * 30),
    };
    Schedule {
        id: ScheduleId(id),
        name: format!("Schedule {id}"),
        time_zone: ZONES[id as usize % ZONES.len()].to_owned(),
        weekly: Weekday::ALL[..5]
            .iter()
            .map(|&day| WeeklyInterval {
                day,
                from_minute,
                until_minute,
            })
            .collect(),
        exceptions: Vec::new(),
        holidays: vec![HolidayRule {
            set: HOLIDAYS,
            hours: Vec::new(),
        }],
    }
}

/// Days on which every schedule is closed.
fn holidays() -> HolidaySet {
    let holiday = |name: &str, on| Holiday {
        name: name.to_owned(),
        on,
        observed: Observed::default(),
        from_year: None,
        until_year: None,
    };
    let yearly = |month, day| HolidayDate::Yearly { month, day };
    HolidaySet {
        id: HOLIDAYS,
        name: "Holidays".to_owned(),
        holidays: vec![
            holiday("New Year's Day", yearly(1, 1)),
            holiday("Good Friday", HolidayDate::Easter { days: -2 }),
            holiday("Easter Monday", HolidayDate::Easter { days: 1 }),
            holiday("Ascension Day", HolidayDate::Easter { days: 39 }),
            holiday("Christmas Day", yearly(12, 25)),
            holiday("Boxing Day", yearly(12, 26)),
        ],
    }
}

fn door(id: u32) -> Door {
    Door {
        id: DoorId(id),
        name: format!("Door {id}"),
        place: PlaceId(1),
        time_zone: ZONES[0].to_owned(),
        unlock_ms: 5_000,
        extended_unlock_ms: 15_000,
        held_open_ms: 30_000,
        held_open_warning_ms: 10_000,
        relock: Relock::default(),
        fail_mode: FailMode::default(),
        mode: DoorMode::Normal,
        wiring: DoorWiring::default(),
        ..Door::default()
    }
}

/// One card in ten is known by its bits.
fn is_raw(number: u32) -> bool {
    number.is_multiple_of(10)
}

fn card_data(number: u32) -> CredentialData {
    let card = card(number);
    match card.readings().next() {
        Some(reading) if !is_raw(number) => CredentialData::Card(*reading),
        _ => CredentialData::RawCard { bits: card.bits },
    }
}

/// The card of this number: 26 bits with a facility code as H10301 has them, or 37 bits that no
/// format reads.
fn card(number: u32) -> CardRead {
    if is_raw(number) {
        let scattered = Random::new(u64::from(number)).next() & 0xF;
        return CardRead::new(bits(37, u64::from(number) << 4 | scattered), []);
    }
    let (facility, of_facility) = (number >> 16, number & 0xFFFF);
    let data = u64::from(number & 0x00FF_FFFF);
    let even = u64::from((data >> 12).count_ones() % 2);
    let odd = u64::from((data & 0xFFF).count_ones() % 2 == 0);
    let reading = "H10301".parse().ok().map(|format| CardNumber {
        format,
        facility: Some(facility),
        number: u64::from(of_facility),
    });
    CardRead::new(bits(26, even << 25 | data << 1 | odd), reading)
}

/// The lower `len` bits, 1 to 64.
fn bits(len: usize, value: u64) -> CardBits {
    let aligned = (value << (64 - len)).to_be_bytes();
    match CardBits::new(len, &aligned) {
        Ok(bits) => bits,
        Err(_) => unreachable!("64 bits hold 1 to 64"),
    }
}

/// A small random generator (SplitMix64): the same numbers for the same seed on every machine.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// Begins anew with a seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// The next 64 bits.
    #[allow(clippy::should_implement_trait, reason = "it never ends")]
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let bits = self.0;
        let bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// A number from 0 to `end`, which is not included; 0 if `end` is 0.
    pub const fn below(&mut self, end: u32) -> u32 {
        #[allow(clippy::cast_possible_truncation, reason = "below a number of 32 bits")]
        let below = (((self.next() >> 32) * end as u64) >> 32) as u32;
        below
    }

    fn below_len(&mut self, len: usize) -> usize {
        self.below(u32::try_from(len).unwrap_or(u32::MAX)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Problems, Validate, validate_changes};
    use crate::view::MapView;

    #[test]
    fn a_sample_is_the_same_every_time_and_another_by_another_seed() {
        let records = |seed| Sample::new(seed, 300).records().collect::<Vec<_>>();
        assert_eq!(records(1), records(1));
        assert_ne!(records(1), records(2));
        let cards = |seed| {
            let requests = Sample::new(seed, 300).requests().take(50);
            requests
                .map(|each| (each.door, each.card))
                .collect::<Vec<_>>()
        };
        assert_eq!(cards(1), cards(1));
        assert_ne!(cards(1), cards(2));
    }

    #[test]
    fn a_sample_is_a_table_that_could_have_been_made_by_hand() {
        let changes: Vec<_> = Sample::new(9, 500)
            .records()
            .map(crate::model::Change::Put)
            .collect();
        let checked = validate_changes(&MapView::default(), &changes).unwrap();
        assert_eq!(checked.rows().len(), changes.len());
        for change in &changes {
            if let crate::model::Change::Put(record) = change {
                let mut problems = Problems::default();
                record.validate(&mut problems);
                assert_eq!(problems.into_result(), Ok(()));
            }
        }
    }
}
