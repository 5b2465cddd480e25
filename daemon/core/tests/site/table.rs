//! Small random sites, crowded so that everything meets everything, and random wishes to pass.

use doorward_core::card::{CardBits, CardNumber, CardRead};
use doorward_core::decide::{
    Location, Policy, Relay, Request, Rex, Shown, SiteMap, UntrustedClock,
};
use doorward_core::event::Direction;
use doorward_core::ids::{
    AreaId, CredentialId, DoorGroupId, DoorId, KeyId, PlaceId, ScheduleId, UserId,
};
use doorward_core::model::{
    Area, AuthMethod, Authentication, Block, Credential, CredentialData, CredentialState,
    DatedHours, DatedState, Door, DoorGroup, DoorMode, FailMode, Grant, Interlock, Interval, Key,
    KeyFlags, LockdownExit, Passback, Place, Record, Relock, Schedule, ScheduledMethod, Share,
    TwoPerson, UnlockPlan, User, UserState, Weekday, WeeklyInterval,
};
use doorward_core::pin::{PinKey, PinPrint};
use doorward_core::sample::Random;
use doorward_core::time::{ClockTrust, Mono, Now, Wall};
use serde_json::json;

/// About which all times lie: 29 March 2026, 01:00 UTC, when clocks in Europe go forward.
pub(crate) const NOON_MS: i64 = 1_774_746_000_000;
const HOUR_MS: i64 = 3_600_000;
const ZONES: [&str; 4] = [
    "Europe/Stockholm",
    "Asia/Kathmandu",
    "America/St_Johns",
    "UTC",
];
/// Numbers of each kind of record; one more is asked for and not there.
pub(crate) const FEW: u32 = 4;

/// A table, and what goes on.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) records: Vec<Record>,
    pub(crate) state: SiteMap,
}

/// Somebody at a door.
#[derive(Debug)]
pub(crate) struct Wish {
    pub(crate) door: Option<DoorId>,
    pub(crate) direction: Direction,
    pub(crate) relay: Relay,
    pub(crate) rex: Rex,
    pub(crate) now: Now,
    pub(crate) policy: Policy,
    shown: Showing,
}

#[derive(Debug)]
enum Showing {
    Card(CardRead),
    Pin(PinPrint),
    CardAndPin(CardRead, PinPrint),
    Credential(CredentialId),
    User(UserId),
}

/// Dice.
pub(crate) struct Dice(Random);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Random::new(seed))
    }

    /// A card as a reader sends it.
    pub(crate) fn card(&mut self, site: &Site) -> CardRead {
        read(self, site)
    }

    pub(crate) fn below(&mut self, end: u32) -> u32 {
        self.0.below(end)
    }

    /// Once in so many times.
    pub(crate) fn once_in(&mut self, times: u32) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u32) as usize]
    }

    /// The first choice mostly.
    pub(crate) fn mostly<T: Copy>(&mut self, choices: &[T]) -> T {
        if self.below(3) > 0 {
            choices[0]
        } else {
            self.of(choices)
        }
    }

    /// 1 to [`FEW`]; now and then one that is not there.
    fn id(&mut self) -> u32 {
        if self.once_in(24) {
            FEW + 1
        } else {
            self.below(FEW) + 1
        }
    }

    fn maybe_id(&mut self) -> Option<u32> {
        self.once_in(2).then(|| self.id())
    }

    /// Within two days, on a quarter of an hour.
    fn time(&mut self) -> Wall {
        Wall(NOON_MS + (i64::from(self.below(385)) - 192) * HOUR_MS / 4)
    }

    fn interval(&mut self) -> Interval {
        let (one, other) = (self.time(), self.time());
        let (from, until) = (one.min(other), Wall(one.max(other).0 + 1));
        Interval {
            from: (!self.once_in(3)).then_some(from),
            until: (!self.once_in(3)).then_some(until),
        }
    }
}

impl Site {
    pub(crate) fn random(seed: u64) -> Self {
        let mut dice = Dice(Random::new(seed));
        let dice = &mut dice;
        let mut records = Vec::new();
        for id in 1..=FEW {
            records.push(Record::Place(place(id, dice)));
            records.push(Record::Area(area(id, dice)));
            records.push(Record::Schedule(schedule(id, dice)));
            records.push(Record::Door(door(id, dice)));
            records.push(Record::DoorGroup(group(id, dice)));
            records.push(Record::User(user(id, dice)));
            records.push(Record::Key(key(id, dice)));
        }
        for id in 1..=FEW * 3 {
            records.push(Record::Credential(credential(id, dice)));
        }
        for door in 1..=FEW {
            for place in 1..=FEW {
                if dice.once_in(3) {
                    records.push(Record::Share(Share {
                        door: DoorId(door),
                        place: PlaceId(place),
                    }));
                }
            }
        }
        for user in 1..=FEW {
            for key in 1..=FEW + 1 {
                if dice.once_in(2) {
                    records.push(Record::Grant(grant(user, key, dice)));
                }
            }
        }
        let state = state(dice);
        Self { records, state }
    }
}

fn place(id: u32, dice: &mut Dice) -> Place {
    Place {
        id: PlaceId(id),
        name: format!("Place {id}"),
        // A tree: whoever is above has a smaller number.
        parent: (id > 1).then(|| PlaceId(dice.below(id - 1) + 1)),
        mode: if dice.once_in(12) {
            mode(dice)
        } else {
            DoorMode::Normal
        },
        ..Place::default()
    }
}

fn mode(dice: &mut Dice) -> DoorMode {
    dice.of(&[
        DoorMode::Normal,
        DoorMode::Unlocked,
        DoorMode::Locked,
        DoorMode::Lockdown,
        DoorMode::EmergencyOpen,
    ])
}

fn area(id: u32, dice: &mut Dice) -> Area {
    Area {
        id: AreaId(id),
        name: format!("Area {id}"),
        place: PlaceId(1),
        passback: dice.mostly(&[Passback::Off, Passback::Soft, Passback::Hard]),
        passback_s: dice.mostly(&[0, 60, 3_600]),
        occupancy_max: dice.once_in(2).then(|| dice.below(4) + 1),
        two_person: dice.mostly(&[TwoPerson::Off, TwoPerson::WhileEmpty, TwoPerson::Always]),
        interlock: dice.mostly(&[Interlock::Off, Interlock::Entry, Interlock::Both]),
    }
}

fn schedule(id: u32, dice: &mut Dice) -> Schedule {
    let minute = |dice: &mut Dice| dice.below(96) as u16 * 15;
    let weekly = (0..dice.below(8)).map(|_| {
        let day = dice.mostly(&[Weekday::Sunday, Weekday::Saturday, Weekday::Monday]);
        WeeklyInterval {
            day,
            from_minute: minute(dice),
            until_minute: minute(dice) + 15,
        }
    });
    let weekly: Vec<_> = weekly.collect();
    let zone = dice.of(&ZONES);
    let plain = json!({"id": id, "name": "Hours", "weekly": weekly, "time_zone": zone});
    serde_json::from_value(plain).unwrap()
}

fn door(id: u32, dice: &mut Dice) -> Door {
    let methods = [
        AuthMethod::Card,
        AuthMethod::CardOrPin,
        AuthMethod::Pin,
        AuthMethod::CardAndPin,
    ];
    let scheduled = (0..dice.below(3)).map(|_| ScheduledMethod {
        schedule: ScheduleId(dice.id()),
        method: dice.of(&methods),
    });
    let scheduled = scheduled.collect();
    Door {
        id: DoorId(id),
        name: format!("Door {id}"),
        place: PlaceId(dice.below(FEW) + 1),
        mode: if dice.once_in(4) {
            mode(dice)
        } else {
            DoorMode::Normal
        },
        lockdown_exit: dice.of(&[LockdownExit::AsUsual, LockdownExit::ExemptOnly]),
        authentication: Authentication {
            method: dice.mostly(&methods),
            scheduled,
        },
        inside: dice.maybe_id().map(AreaId),
        outside: dice.maybe_id().map(AreaId),
        plan: dice.once_in(3).then(|| Box::new(plan(dice))),
        pending_plan: dice.once_in(6).then(|| Box::new(plan(dice))),
        fail_mode: dice.mostly(&[FailMode::Secure, FailMode::Safe]),
        relock: dice.of(&[Relock::OnOpen, Relock::OnClose, Relock::AfterTime]),
        ..Door::default()
    }
}

fn plan(dice: &mut Dice) -> UnlockPlan {
    let dated = (0..dice.below(3)).map(|_| {
        let (one, other) = (dice.time(), dice.time());
        DatedHours {
            name: "Fair".to_owned(),
            from: one.min(other),
            until: Wall(one.max(other).0 + 1),
            door: dice.of(&[DatedState::Unlocked, DatedState::Locked]),
        }
    });
    let dated = dated.collect();
    UnlockPlan {
        schedule: dice.maybe_id().map(ScheduleId),
        first_in: (1..=FEW).filter(|_| dice.once_in(4)).map(KeyId).collect(),
        dated,
    }
}

fn doors(dice: &mut Dice) -> Vec<DoorId> {
    (1..=FEW + 1)
        .filter(|_| dice.once_in(2))
        .map(DoorId)
        .collect()
}

fn group(id: u32, dice: &mut Dice) -> DoorGroup {
    DoorGroup {
        id: DoorGroupId(id),
        name: format!("Group {id}"),
        place: PlaceId(dice.below(FEW) + 1),
        doors: doors(dice),
        mode: if dice.once_in(8) {
            mode(dice)
        } else {
            DoorMode::Normal
        },
    }
}

fn user(id: u32, dice: &mut Dice) -> User {
    User {
        id: UserId(id),
        first_name: format!("User {id}"),
        state: dice.mostly(&[
            UserState::Active,
            UserState::Active,
            UserState::Invited,
            UserState::Inactive,
            UserState::Suspended,
            UserState::Removed,
        ]),
        extended_unlock: dice.once_in(2),
        ..User::default()
    }
}

fn key(id: u32, dice: &mut Dice) -> Key {
    let groups = (1..=FEW + 1).filter(|_| dice.once_in(4)).map(DoorGroupId);
    let groups = groups.collect();
    Key {
        id: KeyId(id),
        name: format!("Key {id}"),
        place: PlaceId(dice.below(FEW) + 1),
        groups,
        doors: doors(dice),
        schedule: dice.maybe_id().map(ScheduleId),
        window: dice.once_in(4).then(|| dice.interval()),
        blocked: dice.once_in(5).then(|| Block {
            reason: "lost".to_owned(),
            until: dice.once_in(2).then(|| dice.time()),
        }),
        flags: KeyFlags {
            lockdown_exempt: dice.once_in(2),
            may_hold_open: dice.once_in(2),
            activates_plans: dice.once_in(2),
            ..KeyFlags::default()
        },
    }
}

fn grant(user: u32, key: u32, dice: &mut Dice) -> Grant {
    let intervals = match dice.below(3) {
        0 => 1 + dice.below(3),
        _ => 0,
    };
    Grant {
        user: UserId(user),
        key: KeyId(key),
        intervals: (0..intervals).map(|_| dice.interval()).collect(),
    }
}

fn credential(id: u32, dice: &mut Dice) -> Credential {
    let data = match dice.below(8) {
        0..4 => CredentialData::Card(number(dice)),
        4 => CredentialData::Phone(number(dice)),
        5 => CredentialData::RawCard { bits: bits(dice) },
        _ => CredentialData::Pin {
            print: print(dice),
            duress: dice.once_in(4),
        },
    };
    let validity = if dice.once_in(5) {
        dice.interval()
    } else {
        Interval::default()
    };
    Credential {
        id: CredentialId(id),
        user: (!dice.once_in(8)).then(|| UserId(dice.id())),
        data,
        state: dice.mostly(&[
            CredentialState::Active,
            CredentialState::Pending,
            CredentialState::Inactive,
            CredentialState::Removed,
        ]),
        valid_from: validity.from,
        valid_until: validity.until,
        label: String::new(),
    }
}

/// Few numbers, in two formats and two facilities, so that they are mistaken for each other.
fn number(dice: &mut Dice) -> CardNumber {
    CardNumber {
        format: dice.of(&["H10301", "C1000"]).parse().unwrap(),
        facility: Some(dice.below(2)),
        number: u64::from(dice.below(4)),
    }
}

fn bits(dice: &mut Dice) -> CardBits {
    CardBits::new(26, &[dice.below(4) as u8, 0, 0, 0]).unwrap()
}

fn print(dice: &mut Dice) -> PinPrint {
    let pin = ["1234", "2345", "3456", "4567"][dice.below(4) as usize];
    PinKey::new([7; 32]).print(&pin.parse().unwrap())
}

fn state(dice: &mut Dice) -> SiteMap {
    let mut state = SiteMap::default();
    for id in 1..=FEW {
        if dice.once_in(2) {
            let location = Location {
                area: dice.maybe_id().map(AreaId),
                since: dice.time(),
            };
            state.locations.insert(UserId(id), location);
        }
        if dice.once_in(2) {
            state.occupants.insert(AreaId(id), dice.below(4));
        }
        if dice.once_in(3) {
            state
                .open
                .insert(AreaId(id), doors(dice).into_iter().collect());
        }
        if dice.once_in(4) {
            let doors = doors(dice).into_iter().collect();
            state.unseen.insert(AreaId(id), doors);
        }
        if dice.once_in(2) {
            state.first_of_two.insert(DoorId(id), UserId(dice.id()));
        }
    }
    for id in 1..=FEW * 3 {
        if dice.once_in(6) {
            state.locked_out.insert(CredentialId(id));
        }
    }
    state
}

impl Wish {
    pub(crate) fn random(seed: u64, number: u64, site: &Site) -> Self {
        let mut dice = Dice(Random::new(seed ^ (number + 1).wrapping_mul(0x5EED_5EED)));
        let dice = &mut dice;
        let shown = match dice.below(12) {
            0..6 => Showing::Card(read(dice, site)),
            6 => Showing::Pin(print(dice)),
            7..10 => Showing::CardAndPin(read(dice, site), print(dice)),
            10 => Showing::Credential(CredentialId(dice.below(FEW * 3 + 1) + 1)),
            _ => Showing::User(UserId(dice.id())),
        };
        Self {
            door: (!dice.once_in(40)).then(|| DoorId(dice.id())),
            direction: dice.mostly(&[Direction::Entry, Direction::Exit]),
            relay: dice.mostly(&[Relay::Ready, Relay::Ready, Relay::Ready, Relay::Unavailable]),
            rex: dice.of(&[Rex::Seen, Rex::Unseen]),
            now: Now {
                mono: Mono(0),
                wall: dice.time(),
                trust: dice.mostly(&[ClockTrust::Trusted, ClockTrust::Untrusted]),
            },
            policy: Policy {
                untrusted_clock: dice
                    .mostly(&[UntrustedClock::RefuseScheduled, UntrustedClock::TrustAnyway]),
            },
            shown,
        }
    }

    /// A card at a reader of a running site.
    pub(crate) fn with_card(
        door: Option<DoorId>,
        direction: Direction,
        card: CardRead,
        now: Now,
        board_online: bool,
    ) -> Self {
        Self {
            door,
            direction,
            relay: if board_online {
                Relay::Ready
            } else {
                Relay::Unavailable
            },
            rex: if board_online { Rex::Seen } else { Rex::Unseen },
            now,
            policy: Policy::default(),
            shown: Showing::Card(card),
        }
    }

    /// A user, at a time.
    pub(crate) fn of_user(user: UserId, now: Now) -> Self {
        Self {
            door: None,
            direction: Direction::Entry,
            relay: Relay::Ready,
            rex: Rex::Seen,
            now,
            policy: Policy::default(),
            shown: Showing::User(user),
        }
    }

    pub(crate) fn shown(&self) -> Shown<'_> {
        match &self.shown {
            Showing::Card(read) => Shown::Card(read),
            Showing::Pin(print) => Shown::Pin(*print),
            Showing::CardAndPin(read, print) => Shown::CardAndPin(read, *print),
            Showing::Credential(id) => Shown::Credential(*id),
            Showing::User(id) => Shown::User(*id),
        }
    }

    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            door: self.door,
            direction: self.direction,
            shown: self.shown(),
            relay: self.relay,
            rex: self.rex,
        }
    }
}

/// A card of the site mostly, read in one way or in two.
fn read(dice: &mut Dice, site: &Site) -> CardRead {
    let cards: Vec<_> = site
        .records
        .iter()
        .filter_map(|record| match record {
            Record::Credential(one) => Some(&one.data),
            _ => None,
        })
        .collect();
    let mut numbers = Vec::new();
    let mut raw = bits(dice);
    if !dice.once_in(6) && !cards.is_empty() {
        match cards[dice.below(cards.len() as u32) as usize] {
            CredentialData::Card(number) | CredentialData::Phone(number) => numbers.push(*number),
            CredentialData::RawCard { bits } => raw = *bits,
            CredentialData::Pin { .. } => {}
        }
    }
    if dice.once_in(6) {
        numbers.push(number(dice));
    }
    CardRead::new(raw, numbers)
}
