//! Who there is, what they hold, and the access table that says so.

use doorward_core::card::{CardNumber, FormatNameError};
use doorward_core::ids::{CredentialId, DoorId, KeyId, PlaceId, ScheduleId, UserId};
use doorward_core::model::{
    Block, Change, Credential, CredentialData, CredentialState, Grant, Interval, Key, KeyFlags,
    Place, Record, Schedule, User, UserState, Weekday, WeeklyInterval,
};
use doorward_core::time::Wall;

use crate::layout::{self, DOORS, TIME_ZONE};
use crate::random::Random;

/// How many users the table has.
pub const USERS: usize = 200;
/// How many people come who are in no table.
const STRANGERS: usize = 6;
const FACILITY: u32 = 42;
const DAY_MS: i64 = 24 * 3_600_000;
const PLACE: PlaceId = PlaceId(1);

/// How somebody spends the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Office,
    Laboratory,
    Archive,
    Cleaner,
    NightWatch,
    Management,
    Contractor,
    /// Comes, and is turned away: lost, expired, suspended, blocked, not valid.
    TurnedAway,
    /// Has a card of some other building.
    Stranger,
}

/// Somebody with a card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) role: Role,
    /// The card's number in format H10301.
    pub(crate) card: CardNumber,
}

/// Everybody, and the table that knows most of them.
#[derive(Debug, Clone)]
pub(crate) struct Population {
    pub(crate) people: Vec<Person>,
    pub(crate) changes: Vec<Change>,
}

// The keys.
const STAFF: KeyId = KeyId(1);
const LABORATORY: KeyId = KeyId(2);
const ARCHIVE: KeyId = KeyId(3);
const CLEANING: KeyId = KeyId(4);
const NIGHT: KeyId = KeyId(5);
const MANAGEMENT: KeyId = KeyId(6);
const CONTRACTORS: KeyId = KeyId(7);
const REFURBISHMENT: KeyId = KeyId(8);
const INTERNS: KeyId = KeyId(9);

impl Population {
    /// The same people for the same seed. `today` is the day on which the site opens.
    pub(crate) fn new(seed: u64, today: Wall) -> Result<Self, FormatNameError> {
        let mut random = Random::part(seed, 1);
        let mut changes = structure(today);
        let mut people = Vec::new();
        for at in 0..USERS {
            let role = role(at);
            let card = card(1_000 + at as u64)?;
            let id = u32::try_from(at + 1).unwrap_or(u32::MAX);
            changes.extend(records(&mut random, id, role, card, today));
            people.push(Person { role, card });
        }
        for at in 0..STRANGERS {
            let card = card(60_000 + at as u64)?;
            people.push(Person {
                role: Role::Stranger,
                card,
            });
        }
        Ok(Self { people, changes })
    }
}

fn card(number: u64) -> Result<CardNumber, FormatNameError> {
    Ok(CardNumber {
        format: "H10301".parse()?,
        facility: Some(FACILITY),
        number,
    })
}

const fn role(at: usize) -> Role {
    match at {
        0..118 => Role::Office,
        118..140 => Role::Laboratory,
        140..150 => Role::Archive,
        150..162 => Role::Cleaner,
        162..168 => Role::NightWatch,
        168..174 => Role::Management,
        174..184 => Role::Contractor,
        _ => Role::TurnedAway,
    }
}

/// Place, doors, schedules and keys.
fn structure(today: Wall) -> Vec<Change> {
    let doors = |numbers: &[u32]| numbers.iter().copied().map(DoorId).collect::<Vec<_>>();
    let key = |id, name: &str, numbers: &[u32], schedule: Option<u32>| Key {
        id,
        name: name.to_owned(),
        place: PLACE,
        doors: doors(numbers),
        schedule: schedule.map(ScheduleId),
        window: None,
        blocked: None,
        flags: KeyFlags::default(),
        ..Key::default()
    };
    let mut records = vec![Record::Place(Place {
        id: PLACE,
        name: "Demo site".to_owned(),
        parent: None,
        ..Place::default()
    })];
    records.extend((0..DOORS).map(|door| Record::Door(layout::record(door, PLACE))));
    let weekdays = &Weekday::ALL[..5];
    records.extend([
        Record::Schedule(schedule(1, "Office hours", weekdays, 6 * 60 + 30, 19 * 60)),
        Record::Schedule(schedule(2, "Cleaning", weekdays, 17 * 60 + 30, 22 * 60)),
        Record::Schedule(schedule(3, "Night", &Weekday::ALL, 21 * 60, 7 * 60)),
    ]);
    let blocked = Key {
        blocked: Some(Block {
            reason: "Asbestos found, work is stopped".to_owned(),
            until: None,
        }),
        ..key(REFURBISHMENT, "Refurbishment", &[4], Some(1))
    };
    let ended = Key {
        window: Some(Interval {
            from: Some(today.plus_ms(-90 * DAY_MS)),
            until: Some(today.plus_ms(-10 * DAY_MS)),
        }),
        ..key(INTERNS, "Autumn interns", &[1, 2], Some(1))
    };
    records.extend(
        [
            key(STAFF, "Staff", &[1, 2], Some(1)),
            key(LABORATORY, "Laboratory", &[3], Some(1)),
            key(ARCHIVE, "Archive", &[4], Some(1)),
            key(CLEANING, "Cleaning", &[1, 2, 3, 4], Some(2)),
            key(NIGHT, "Night watch", &[1, 2, 3, 4], Some(3)),
            key(MANAGEMENT, "Management", &[1, 2, 3, 4], None),
            key(CONTRACTORS, "Contractors", &[2, 3], Some(1)),
            blocked,
            ended,
        ]
        .map(Record::Key),
    );
    records.into_iter().map(Change::Put).collect()
}

fn schedule(
    id: u32,
    name: &str,
    days: &[Weekday],
    from_minute: u16,
    until_minute: u16,
) -> Schedule {
    let interval = |&day| WeeklyInterval {
        day,
        from_minute,
        until_minute,
    };
    Schedule {
        id: ScheduleId(id),
        name: name.to_owned(),
        time_zone: TIME_ZONE.to_owned(),
        weekly: days.iter().map(interval).collect(),
        exceptions: Vec::new(),
        holidays: Vec::new(),
    }
}

/// One user with a credential and grants.
fn records(random: &mut Random, id: u32, role: Role, card: CardNumber, today: Wall) -> Vec<Change> {
    let mut user = User {
        id: UserId(id),
        first_name: (*random.one_of(&FIRST_NAMES)).to_owned(),
        last_name: (*random.one_of(&LAST_NAMES)).to_owned(),
        email: None,
        department: department(role).to_owned(),
        state: UserState::Active,
        extended_unlock: random.percent(3),
        ..User::default()
    };
    let mut credential = Credential {
        id: CredentialId(id),
        user: Some(user.id),
        data: CredentialData::Card(card),
        state: CredentialState::Active,
        valid_from: None,
        valid_until: None,
        label: format!("Card {}", card.number),
    };
    let mut intervals = Vec::new();
    let past = today.plus_ms(-5 * DAY_MS);
    let mut keys = match role {
        Role::Office => vec![STAFF],
        Role::Laboratory => vec![STAFF, LABORATORY],
        Role::Archive => vec![STAFF, ARCHIVE],
        Role::Cleaner => vec![CLEANING],
        Role::NightWatch => vec![NIGHT],
        Role::Management => vec![MANAGEMENT],
        Role::Contractor => vec![CONTRACTORS],
        Role::TurnedAway | Role::Stranger => vec![STAFF],
    };
    if role == Role::Contractor {
        intervals.push(Interval {
            from: Some(past),
            until: Some(today.plus_ms(60 * DAY_MS)),
        });
    }
    if role == Role::TurnedAway {
        match id % 8 {
            0 => credential.state = CredentialState::Inactive,
            1 => credential.valid_until = Some(past),
            2 => user.state = UserState::Suspended,
            3 => keys = vec![REFURBISHMENT],
            4 => keys = vec![INTERNS],
            5 => credential.state = CredentialState::Pending,
            6 => intervals.push(Interval {
                from: Some(today.plus_ms(30 * DAY_MS)),
                until: None,
            }),
            _ => credential.state = CredentialState::Removed,
        }
    }
    let user_id = user.id;
    let grants = keys.into_iter().map(|key| {
        Record::Grant(Grant {
            user: user_id,
            key,
            intervals: intervals.clone(),
        })
    });
    [Record::User(user), Record::Credential(credential)]
        .into_iter()
        .chain(grants)
        .map(Change::Put)
        .collect()
}

const fn department(role: Role) -> &'static str {
    match role {
        Role::Office | Role::TurnedAway | Role::Stranger => "Office",
        Role::Laboratory => "Laboratory",
        Role::Archive => "Archive",
        Role::Cleaner => "Cleaning",
        Role::NightWatch => "Security",
        Role::Management => "Management",
        Role::Contractor => "Contractors",
    }
}

const FIRST_NAMES: [&str; 32] = [
    "Anna", "Bo", "Cecilia", "David", "Elin", "Filip", "Greta", "Hugo", "Ines", "Jan", "Klara",
    "Lars", "Maja", "Nils", "Olga", "Petr", "Rosa", "Sven", "Tereza", "Ulf", "Vera", "William",
    "Yasmin", "Zoe", "Ahmed", "Chloe", "Dominik", "Freja", "Jonas", "Lucie", "Mads", "Simone",
];

const LAST_NAMES: [&str; 32] = [
    "Berg",
    "Novak",
    "Dubois",
    "Hansen",
    "Lind",
    "Svoboda",
    "Moreau",
    "Jensen",
    "Holm",
    "Dvorak",
    "Laurent",
    "Nielsen",
    "Ek",
    "Cerny",
    "Simon",
    "Larsen",
    "Dahl",
    "Prochazka",
    "Garnier",
    "Madsen",
    "Sand",
    "Kucera",
    "Faure",
    "Olsen",
    "Nord",
    "Vesely",
    "Girard",
    "Poulsen",
    "Falk",
    "Horak",
    "Andre",
    "Winther",
];

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Wall = Wall(1_772_409_600_000);

    #[test]
    fn a_seed_makes_the_same_people() {
        let make = |seed| Population::new(seed, TODAY).unwrap();
        assert_eq!(make(7).changes, make(7).changes);
        assert_eq!(make(7).people, make(7).people);
        assert_ne!(make(7).changes, make(8).changes);
    }

    #[test]
    fn the_table_fits_into_one_change_and_names_nothing_that_is_not_there() {
        let population = Population::new(1, TODAY).unwrap();
        assert!(population.changes.len() < 1_000);
        assert_eq!(population.people.len(), USERS + STRANGERS);
        let mut there = std::collections::BTreeSet::new();
        for change in &population.changes {
            let Change::Put(record) = change else {
                panic!("nothing is removed");
            };
            let mut needs = Vec::new();
            match record {
                Record::Key(key) => {
                    needs.extend(
                        key.doors
                            .iter()
                            .copied()
                            .map(doorward_core::model::RecordRef::Door),
                    );
                    needs.extend(key.schedule.map(doorward_core::model::RecordRef::Schedule));
                }
                Record::Grant(grant) => needs.extend([
                    doorward_core::model::RecordRef::User(grant.user),
                    doorward_core::model::RecordRef::Key(grant.key),
                ]),
                Record::Credential(credential) => {
                    needs.extend(credential.user.map(doorward_core::model::RecordRef::User));
                }
                _ => {}
            }
            for need in needs {
                assert!(
                    there.contains(&need),
                    "{:?} needs {need:?}",
                    record.reference()
                );
            }
            assert!(
                there.insert(record.reference()),
                "{:?} twice",
                record.reference()
            );
        }
    }
}
