//! Rules 13 to 17: what is shown, and what goes on at the site.

use super::{
    Decision, Location, Policy, QuietSite, Relay, Request, Rex, Shown, SiteMap, SiteState,
};
use super::{decide_at, explain_at};
use crate::event::{Direction, Reason};
use crate::fixture::{
    area, card, credential, door, grant, now, office_hours, pin, pin_credential, small_site, user,
};
use crate::ids::{AreaId, CredentialId, DoorId, ScheduleId, UserId};
use crate::model::{
    Area, AuthMethod, Authentication, Credential, CredentialState, Door, Interlock, Passback,
    Record, ScheduledMethod, TwoPerson,
};
use crate::time::{ClockTrust, Now};
use crate::view::MapView;

/// A Tuesday, 10:00 in Stockholm: office hours.
const DAY: &str = "2026-03-24T09:00:00Z";
const NIGHT: &str = "2026-03-24T22:00:00Z";

/// The small site, whose user 1 has PIN 1234 and duress PIN 9876, and user 2 with card 200, PIN
/// 5555 and the same key; with `changed` put over it.
fn site(changed: Vec<Record>) -> MapView {
    let mut records = small_site();
    records.extend([
        Record::Credential(pin_credential(11, 1, "1234", false)),
        Record::Credential(pin_credential(12, 1, "9876", true)),
        Record::User(user(2)),
        Record::Credential(credential(2, 2, 200)),
        Record::Credential(pin_credential(13, 2, "5555", false)),
        Record::Grant(grant(2, 1)),
    ]);
    records.into_iter().chain(changed).collect()
}

fn shown_at<S: SiteState>(
    view: &MapView,
    state: &S,
    (direction, shown): (Direction, Shown<'_>),
    now: Now,
) -> Decision {
    let request = Request {
        door: Some(DoorId(1)),
        direction,
        shown,
        relay: Relay::Ready,
        rex: Rex::Seen,
    };
    let decision = decide_at(view, state, &request, now, Policy::default());
    let explanation = explain_at(view, state, &request, now, Policy::default());
    assert_eq!(decision.reason, explanation.reason);
    let last = explanation.steps.last().unwrap();
    assert_eq!(last.passed, decision.is_granted());
    decision
}

fn asking(method: AuthMethod) -> Record {
    let mut door = door(1);
    door.authentication.method = method;
    Record::Door(door)
}

#[test]
fn each_method_takes_what_it_asks_for() {
    use Reason::{CardRequired, Granted, PinRequired, PinUnknown, PinWrong};
    let card = card(100);
    let shown = [
        Shown::Card(&card),
        Shown::Pin(pin("1234")),
        Shown::Pin(pin("0000")),
        Shown::CardAndPin(&card, pin("1234")),
        Shown::CardAndPin(&card, pin("5555")),
        Shown::CardAndPin(&card, pin("0000")),
    ];
    for (method, expect) in [
        (
            AuthMethod::Card,
            [
                Granted,
                CardRequired,
                PinUnknown,
                Granted,
                PinWrong,
                PinWrong,
            ],
        ),
        (
            AuthMethod::Pin,
            [
                PinRequired,
                Granted,
                PinUnknown,
                Granted,
                PinWrong,
                PinWrong,
            ],
        ),
        (
            AuthMethod::CardAndPin,
            [
                PinRequired,
                CardRequired,
                PinUnknown,
                Granted,
                PinWrong,
                PinWrong,
            ],
        ),
        (
            AuthMethod::CardOrPin,
            [Granted, Granted, PinUnknown, Granted, PinWrong, PinWrong],
        ),
    ] {
        let view = site(vec![asking(method)]);
        let entry = shown.map(|shown| {
            let at = (Direction::Entry, shown);
            shown_at(&view, &QuietSite, at, now(DAY)).reason
        });
        assert_eq!(entry, expect, "{method:?}");
        let exit = shown.map(|shown| {
            let at = (Direction::Exit, shown);
            shown_at(&view, &QuietSite, at, now(DAY)).reason
        });
        let freely = [Granted, Granted, PinUnknown, Granted, PinWrong, PinWrong];
        assert_eq!(exit, freely, "{method:?}, on the way out");
    }
}

#[test]
fn a_schedule_says_what_is_asked_for() {
    let mut door = door(1);
    door.authentication = Authentication {
        method: AuthMethod::CardAndPin,
        scheduled: vec![ScheduledMethod {
            schedule: ScheduleId(1),
            method: AuthMethod::Card,
        }],
    };
    let card = card(100);
    let check = |changed: Vec<Record>, at: &str, trust, expect: Reason| {
        let view = site(changed);
        let now = Now { trust, ..now(at) };
        let at = (Direction::Entry, Shown::Card(&card));
        assert_eq!(shown_at(&view, &QuietSite, at, now).reason, expect);
    };
    let rule = || Record::Door(door.clone());
    let trusted = ClockTrust::Trusted;
    check(vec![rule()], DAY, trusted, Reason::Granted);
    check(vec![rule()], NIGHT, trusted, Reason::PinRequired);
    // A clock that is not believed asks for all that it might ask for.
    check(
        vec![rule()],
        DAY,
        ClockTrust::Untrusted,
        Reason::PinRequired,
    );
    let mut nowhere = office_hours(1);
    nowhere.time_zone = "Nowhere/Atall".to_owned();
    let changed = vec![rule(), Record::Schedule(nowhere)];
    check(changed, DAY, trusted, Reason::PinRequired);
    // The first schedule that is open counts.
    let mut twice = door.clone();
    twice.authentication.scheduled.push(ScheduledMethod {
        schedule: ScheduleId(1),
        method: AuthMethod::Pin,
    });
    check(vec![Record::Door(twice)], DAY, trusted, Reason::Granted);
}

#[test]
fn a_pin_must_be_in_force_as_well_as_right() {
    let card = card(100);
    let check = |change: fn(&mut Credential), with_card: Reason, alone: Reason| {
        let mut changed = pin_credential(11, 1, "1234", false);
        change(&mut changed);
        let changed = || Record::Credential(changed.clone());
        let both = site(vec![asking(AuthMethod::CardAndPin), changed()]);
        let at = (Direction::Entry, Shown::CardAndPin(&card, pin("1234")));
        assert_eq!(shown_at(&both, &QuietSite, at, now(DAY)).reason, with_card);
        let only = site(vec![asking(AuthMethod::Pin), changed()]);
        let at = (Direction::Entry, Shown::Pin(pin("1234")));
        assert_eq!(shown_at(&only, &QuietSite, at, now(DAY)).reason, alone);
    };
    check(|_| {}, Reason::Granted, Reason::Granted);
    check(
        |pin| pin.state = CredentialState::Inactive,
        Reason::PinWrong,
        Reason::CredentialInactive,
    );
    check(
        |pin| pin.valid_until = Some(now("2026-03-01T00:00:00Z").wall),
        Reason::PinWrong,
        Reason::CredentialExpired,
    );
    check(
        |pin| pin.user = None,
        Reason::PinWrong,
        Reason::CredentialUnassigned,
    );
}

#[test]
fn a_pin_of_several_users_is_not_guessed() {
    let same = Record::Credential(pin_credential(14, 2, "1234", false));
    let (first, second) = (card(100), card(200));
    let view = site(vec![asking(AuthMethod::Pin), same.clone()]);
    let at = (Direction::Entry, Shown::Pin(pin("1234")));
    let decision = shown_at(&view, &QuietSite, at, now(DAY));
    assert_eq!(decision.reason, Reason::PinAmbiguous);
    assert_eq!(decision.matched.user, None);
    // With a card it is clear whose it is.
    let view = site(vec![asking(AuthMethod::CardAndPin), same]);
    for card in [&first, &second] {
        let at = (Direction::Entry, Shown::CardAndPin(card, pin("1234")));
        assert!(shown_at(&view, &QuietSite, at, now(DAY)).is_granted());
    }
}

#[test]
fn duress_opens_like_any_pin_and_is_noted_even_where_it_does_not_open() {
    let card = card(100);
    for (method, shown) in [
        (AuthMethod::Pin, Shown::Pin(pin("9876"))),
        (
            AuthMethod::CardAndPin,
            Shown::CardAndPin(&card, pin("9876")),
        ),
    ] {
        let view = site(vec![asking(method)]);
        let decision = shown_at(&view, &QuietSite, (Direction::Entry, shown), now(DAY));
        assert!(decision.is_granted() && decision.notes.duress, "{method:?}");
        let mut keyless = small_site();
        keyless.retain(|record| !matches!(record, Record::Grant(_)));
        let view: MapView = keyless
            .into_iter()
            .chain([
                asking(method),
                Record::Credential(pin_credential(12, 1, "9876", true)),
            ])
            .collect();
        let decision = shown_at(&view, &QuietSite, (Direction::Entry, shown), now(DAY));
        assert_eq!(decision.reason, Reason::NoGrant);
        assert!(decision.notes.duress, "{method:?}");
    }
}

#[test]
fn a_card_that_is_locked_out_takes_no_pin_not_even_the_right_one() {
    let state = SiteMap {
        locked_out: [CredentialId(1)].into(),
        ..SiteMap::default()
    };
    let card = card(100);
    let view = site(vec![asking(AuthMethod::CardAndPin)]);
    for digits in ["1234", "0000"] {
        let at = (Direction::Entry, Shown::CardAndPin(&card, pin(digits)));
        let decision = shown_at(&view, &state, at, now(DAY));
        assert_eq!(decision.reason, Reason::PinLockedOut);
    }
    // Where a card is enough it still is.
    let view = site(vec![]);
    let at = (Direction::Entry, Shown::Card(&card));
    assert!(shown_at(&view, &state, at, now(DAY)).is_granted());
}

/// Door 1 leads from area 2 to area 1, which `change` gives rules.
fn areas(from: Option<u32>, change: impl Fn(&mut Area)) -> MapView {
    let mut inside = area(1);
    change(&mut inside);
    let mut front = door(1);
    front.inside = Some(AreaId(1));
    front.outside = from.map(AreaId);
    site(vec![
        Record::Area(inside),
        Record::Area(area(2)),
        Record::Door(front),
    ])
}

fn user_1_at(area: Option<u32>, since: &str) -> SiteMap {
    let location = Location {
        area: area.map(AreaId),
        since: now(since).wall,
    };
    SiteMap {
        locations: [(UserId(1), location)].into(),
        ..SiteMap::default()
    }
}

const BOTH_WAYS: [Direction; 2] = [Direction::Entry, Direction::Exit];

#[test]
fn anti_passback_asks_where_somebody_was_let_in_last() {
    use Reason::{AntiPassback, Granted};
    let card = card(100);
    for (from, known, expect) in [
        (None, None, Granted),
        (None, Some(None), Granted),
        (None, Some(Some(1)), AntiPassback),
        (None, Some(Some(2)), Granted),
        (Some(2), None, Granted),
        (Some(2), Some(None), AntiPassback),
        (Some(2), Some(Some(1)), AntiPassback),
        (Some(2), Some(Some(2)), Granted),
        (Some(2), Some(Some(3)), AntiPassback),
    ] {
        let state = known.map_or_else(SiteMap::default, |area| user_1_at(area, DAY));
        let decide = |passback, direction| {
            let view = areas(from, |area| area.passback = passback);
            shown_at(&view, &state, (direction, Shown::Card(&card)), now(DAY))
        };
        let hard = decide(Passback::Hard, Direction::Entry);
        assert_eq!(hard.reason, expect, "{from:?} {known:?}");
        assert!(!hard.notes.passback);
        let soft = decide(Passback::Soft, Direction::Entry);
        assert!(soft.is_granted());
        assert_eq!(soft.notes.passback, expect == AntiPassback);
        for way in BOTH_WAYS {
            assert_eq!(decide(Passback::Off, way).notes, super::Notes::default());
        }
        assert!(decide(Passback::Hard, Direction::Exit).is_granted());
    }
}

#[test]
fn timed_anti_passback_ends_by_itself() {
    let view = areas(None, |area| area.passback_s = 60);
    let card = card(100);
    for (since, expect) in [
        ("2026-03-24T08:59:00.001Z", Reason::AntiPassbackTimed),
        ("2026-03-24T08:59:00Z", Reason::Granted),
        // The clock was put back.
        ("2026-03-24T09:30:00Z", Reason::AntiPassbackTimed),
    ] {
        let state = user_1_at(Some(1), since);
        let at = (Direction::Entry, Shown::Card(&card));
        assert_eq!(
            shown_at(&view, &state, at, now(DAY)).reason,
            expect,
            "{since}"
        );
        let elsewhere = user_1_at(None, since);
        assert!(shown_at(&view, &elsewhere, at, now(DAY)).is_granted());
    }
}

#[test]
fn a_mantrap_opens_one_door_at_a_time() {
    let state = SiteMap {
        open: [(AreaId(1), [DoorId(2)].into())].into(),
        ..SiteMap::default()
    };
    let own = SiteMap {
        open: [(AreaId(1), [DoorId(1)].into())].into(),
        ..SiteMap::default()
    };
    // Whoever wants to come in waits for a door that nobody sees, too; nobody is kept in for it.
    let unseen = SiteMap {
        unseen: [(AreaId(1), [DoorId(2)].into())].into(),
        ..SiteMap::default()
    };
    let own_unseen = SiteMap {
        unseen: [(AreaId(1), [DoorId(1)].into())].into(),
        ..SiteMap::default()
    };
    let card = card(100);
    for (interlock, entry, exit) in [
        (Interlock::Off, Reason::Granted, Reason::Granted),
        (Interlock::Entry, Reason::Interlock, Reason::Granted),
        (Interlock::Both, Reason::Interlock, Reason::Interlock),
    ] {
        let view = areas(None, |area| area.interlock = interlock);
        for (way, expect) in BOTH_WAYS.into_iter().zip([entry, exit]) {
            let at = (way, Shown::Card(&card));
            assert_eq!(shown_at(&view, &state, at, now(DAY)).reason, expect);
            assert!(shown_at(&view, &own, at, now(DAY)).is_granted());
            assert!(shown_at(&view, &own_unseen, at, now(DAY)).is_granted());
        }
        for (way, expect) in BOTH_WAYS.into_iter().zip([entry, Reason::Granted]) {
            let at = (way, Shown::Card(&card));
            assert_eq!(shown_at(&view, &unseen, at, now(DAY)).reason, expect);
        }
    }
}

#[test]
fn two_come_in_together_where_they_must() {
    use Reason::{Granted, SecondPersonNeeded};
    let card = card(100);
    for (rule, inside, first, expect) in [
        (TwoPerson::Off, 0, None, Granted),
        (TwoPerson::WhileEmpty, 0, None, SecondPersonNeeded),
        (TwoPerson::WhileEmpty, 1, None, Granted),
        (TwoPerson::WhileEmpty, 0, Some(2), Granted),
        (TwoPerson::WhileEmpty, 0, Some(1), SecondPersonNeeded),
        (TwoPerson::Always, 1, None, SecondPersonNeeded),
        (TwoPerson::Always, 1, Some(2), Granted),
        (TwoPerson::Always, 1, Some(1), SecondPersonNeeded),
    ] {
        let state = SiteMap {
            occupants: [(AreaId(1), inside)].into(),
            first_of_two: first
                .map(|user| (DoorId(1), UserId(user)))
                .into_iter()
                .collect(),
            ..SiteMap::default()
        };
        let view = areas(None, |area| area.two_person = rule);
        let at = (Direction::Entry, Shown::Card(&card));
        let decision = shown_at(&view, &state, at, now(DAY));
        assert_eq!(decision.reason, expect, "{rule:?} {inside} {first:?}");
        let together = decision.is_granted() && first.is_some();
        assert_eq!(decision.notes.first_of_two, together.then_some(UserId(2)));
        let out = (Direction::Exit, Shown::Card(&card));
        assert!(shown_at(&view, &state, out, now(DAY)).is_granted());
    }
}

#[test]
fn an_area_has_room_for_so_many() {
    let card = card(100);
    for (inside, first, expect) in [
        (1, None, Reason::Granted),
        (2, None, Reason::AreaFull),
        (u32::MAX, None, Reason::AreaFull),
        (0, Some(2), Reason::Granted),
        // Two who come in together need room for two.
        (1, Some(2), Reason::AreaFull),
    ] {
        let state = SiteMap {
            occupants: [(AreaId(1), inside)].into(),
            first_of_two: first
                .map(|user| (DoorId(1), UserId(user)))
                .into_iter()
                .collect(),
            ..SiteMap::default()
        };
        let view = areas(None, |area| {
            area.occupancy_max = Some(2);
            if first.is_some() {
                area.two_person = TwoPerson::Always;
            }
        });
        let at = (Direction::Entry, Shown::Card(&card));
        assert_eq!(shown_at(&view, &state, at, now(DAY)).reason, expect);
        let out = (Direction::Exit, Shown::Card(&card));
        assert!(shown_at(&view, &state, out, now(DAY)).is_granted());
    }
}

#[test]
fn nothing_of_it_allocates() {
    let mut guarded: Door = door(1);
    guarded.authentication.method = AuthMethod::CardAndPin;
    guarded.inside = Some(AreaId(1));
    let mut inside = area(1);
    inside.passback = Passback::Hard;
    inside.occupancy_max = Some(9);
    let view = site(vec![Record::Area(inside), Record::Door(guarded)]);
    let index: crate::index::AccessIndex = view.records().cloned().collect();
    let (card, print) = (card(100), pin("1234"));
    let request = Request {
        door: Some(DoorId(1)),
        direction: Direction::Entry,
        shown: Shown::CardAndPin(&card, print),
        relay: Relay::Ready,
        rex: Rex::Seen,
    };
    let state = user_1_at(None, DAY);
    let count = allocation_counter::measure(|| {
        let decision = decide_at(&index, &state, &request, now(DAY), Policy::default());
        assert!(decision.is_granted());
    });
    assert_eq!(count.count_total, 0);
}
