//! Rows 32 to 36 and 40: how doors stand over time.

use std::time::{Duration, Instant};

use doorward_api::{Client, ClientError};
use doorward_core::alarm::AlarmKind;
use doorward_core::controller::{DoorStatus, PlanHours, StandsUnlocked};
use doorward_core::event::{EventKind, Reason};
use doorward_core::ids::{DoorGroupId, DoorId, KeyId, PlaceId, UserId};
use doorward_core::model::{
    Circuit, DatedHours, DatedState, Door, DoorGroup, DoorMode, DoorWiring, Grant, InputPoint,
    Interval, Key, KeyFlags, LockdownExit, Record, UnlockPlan,
};
use doorward_tests::peer::program;

use crate::house::{House, Plan, SOON};
use crate::table::{ALL_DOORS, ALWAYS, card, door, furnish, holder, key};

const HOUR_MS: i64 = 3_600_000;
/// The first input that no door of the house uses.
const FIRE_INPUT: u16 = 10;
const MASTER: KeyId = KeyId(2);

fn call<T>(house: &House, call: impl AsyncFnOnce(&Client) -> Result<T, ClientError>) -> T {
    house.daemon().call(call).unwrap()
}

fn house(readers: usize, doors_more: &str) -> House {
    let house = House::start(Plan {
        secure: vec![true; readers],
        doors_more: doors_more.to_owned(),
        ..Plan::default()
    });
    furnish(&house);
    house
}

/// User 2 with a key of these flags to all doors, beside the usual one.
fn master(house: &House, flags: KeyFlags) {
    let doors = (1..=u32::try_from(house.specs.len()).unwrap()).map(DoorId);
    let key = Key {
        flags,
        ..key(MASTER, ALWAYS, doors.collect())
    };
    house.put(vec![Record::Key(key)]);
    house.put(holder(2, MASTER).to_vec());
}

/// Runs the command line, and returns what it says.
#[track_caller]
fn doorward(house: &House, arguments: &[&str]) -> String {
    let output = program("doorward")
        .unwrap()
        .arg("--socket")
        .arg(house.dir.path().join("api.sock"))
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn change_door(house: &House, id: u32, change: impl FnOnce(&mut Door)) {
    let view = call(house, async |client| client.door(DoorId(id)).await);
    let mut door = view.door;
    change(&mut door);
    call(house, async |client| client.replace(&door).await);
}

/// Waits until a door's live state is as wanted.
#[track_caller]
fn wait_door(house: &House, id: u32, what: &str, wanted: impl Fn(&DoorStatus) -> bool) {
    let until = Instant::now() + SOON;
    loop {
        let view = call(house, async |client| client.door(DoorId(id)).await);
        match view.status {
            Some(status) if wanted(&status) => return,
            status => assert!(Instant::now() < until, "waited for {what}: {status:?}"),
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[track_caller]
fn wait_stands(house: &House, id: u32, stands: Option<StandsUnlocked>) {
    wait_door(house, id, &format!("{stands:?}"), |status| {
        status.stands == stands
    });
}

/// From so long ago, for so long, in milliseconds.
fn hours(house: &House, from_ms: i64, until_ms: i64, door: DatedState) -> DatedHours {
    let now = house.status().now;
    DatedHours {
        name: "Open day".to_owned(),
        from: now.plus_ms(from_ms),
        until: now.plus_ms(until_ms),
        door,
    }
}

fn always() -> UnlockPlan {
    UnlockPlan {
        schedule: Some(ALWAYS),
        ..UnlockPlan::default()
    }
}

/// Ends the daemon as a crash would, and starts it again.
fn crash(house: &mut House) {
    house.take_daemon().kill().unwrap();
    house.start_daemon();
    house.wait_wired();
}

#[test]
fn row_32_a_plan_is_pending_until_somebody_who_may_activates_it_at_the_door() {
    let mut house = house(1, "");
    let made = ["keys", "add", "Key 2", "--door", "Door 1"];
    doorward(
        &house,
        &[&made[..], &["--activates-plans", "true"]].concat(),
    );
    house.put(holder(2, MASTER).to_vec());
    change_door(&house, 1, |door| {
        door.pending_plan = Some(Box::new(always()));
    });
    wait_door(&house, 1, "a pending plan", |status| status.plan_pending);
    // Whoever has no such key is let in, and that is all.
    house.tap(1, card(1));
    house.assert_granted(1);
    wait_stands(&house, 1, None);
    // The console may not, here.
    let refused = house
        .daemon()
        .call(async |client| client.activate_plan(DoorId(1)).await)
        .unwrap_err();
    assert!(refused.to_string().contains("at_door"), "{refused}");
    // Nor does a change of the door get around it.
    let mut around = call(&house, async |client| client.door(DoorId(1)).await).door;
    around.plan.clone_from(&around.pending_plan);
    let refused = house
        .daemon()
        .call(async |client| client.replace(&around).await)
        .unwrap_err();
    assert!(refused.to_string().contains("pending_plan"), "{refused}");

    house.tap(1, card(2));
    house.next_of(EventKind::PlanActivated);
    house.next_of(EventKind::PlanBegan);
    wait_stands(&house, 1, Some(StandsUnlocked::Plan));
    house.wait_coil(1, true);
    crash(&mut house);
    wait_stands(&house, 1, Some(StandsUnlocked::Plan));
}

#[test]
fn row_32_the_console_activates_where_the_site_allows_it_and_the_old_plan_stays_until_then() {
    let house = house(1, "activate_plans = \"also_at_console\"");
    change_door(&house, 1, |door| {
        door.pending_plan = Some(Box::new(always()));
    });
    let activate = async |client: &Client| client.activate_plan(DoorId(1)).await;
    call(&house, activate);
    wait_stands(&house, 1, Some(StandsUnlocked::Plan));
    // A plan without hours ends the old one, once it is activated.
    change_door(&house, 1, |door| {
        door.pending_plan = Some(Box::default());
    });
    wait_door(&house, 1, "a pending plan", |status| status.plan_pending);
    wait_stands(&house, 1, Some(StandsUnlocked::Plan));
    call(&house, activate);
    wait_stands(&house, 1, None);
    let refused = house.daemon().call(activate).unwrap_err();
    assert!(refused.to_string().contains("none"), "{refused}");
}

/// Shows a card twice, as slowly as the door's own unlock takes, until it is held open or not.
fn double_badge(house: &mut House, number: u16, wanted: EventKind) {
    for _ in 0..5 {
        house.tap(1, card(number));
        let row = house.next_event("a grant or a hold", |row| {
            row.event.kind == EventKind::Granted || row.event.kind == wanted
        });
        if row.event.kind == wanted {
            return;
        }
        let held = house.log();
        if held.iter().any(|row| row.event.kind == wanted) {
            return;
        }
        std::thread::sleep(Duration::from_millis(600));
    }
    panic!("{wanted:?} did not come of a double badge");
}

#[test]
fn row_33_a_double_badge_holds_the_door_open_and_locks_it_again() {
    let mut house = house(1, "");
    let flags = KeyFlags {
        may_hold_open: true,
        ..KeyFlags::default()
    };
    master(&house, flags);
    // The key lasts for two hours more.
    let now = house.status().now;
    let until = now.plus_ms(2 * HOUR_MS);
    let grant = Grant {
        user: UserId(2),
        key: MASTER,
        intervals: vec![Interval {
            from: None,
            until: Some(until),
        }],
    };
    call(&house, async |client| client.give_key(&grant).await);

    // A holder of a key that does not allow it only comes in.
    for _ in 0..2 {
        house.tap(1, card(1));
        house.assert_granted(1);
    }
    wait_stands(&house, 1, None);

    double_badge(&mut house, 2, EventKind::HoldBegan);
    wait_door(&house, 1, "a hold until the key ends", |status| {
        status.stands == Some(StandsUnlocked::Hold) && status.held_until == Some(until)
    });
    crash(&mut house);
    wait_door(&house, 1, "the same hold", |status| {
        status.stands == Some(StandsUnlocked::Hold) && status.held_until == Some(until)
    });
    double_badge(&mut house, 2, EventKind::HoldEnded);
    wait_stands(&house, 1, None);
}

#[test]
fn row_34_hours_begin_with_the_first_who_comes_in_and_dates_take_precedence() {
    let mut house = house(1, "activate_plans = \"also_at_console\"");
    master(&house, KeyFlags::default());
    let plan = UnlockPlan {
        first_in: vec![MASTER],
        dated: vec![
            hours(&house, 12_000, 14_000, DatedState::Locked),
            hours(&house, -1_000, HOUR_MS, DatedState::Unlocked),
        ],
        ..UnlockPlan::default()
    };
    change_door(&house, 1, |door| door.pending_plan = Some(Box::new(plan)));
    call(&house, async |client| client.activate_plan(DoorId(1)).await);
    wait_door(&house, 1, "hours that wait", |status| {
        status.plan == Some(PlanHours::AwaitsFirst)
    });
    let came_in = |house: &mut House, number| {
        house.tap(1, card(number));
        house.wait_coil(1, true);
        house.set_open(1, true);
        house.next_of(EventKind::Entered);
        house.set_open(1, false);
        house.next_of(EventKind::Closed);
    };
    came_in(&mut house, 1);
    wait_door(&house, 1, "hours that still wait", |status| {
        status.plan == Some(PlanHours::AwaitsFirst)
    });
    house.wait_coil(1, false);
    came_in(&mut house, 2);
    wait_stands(&house, 1, Some(StandsUnlocked::Plan));
    // The one that comes first in the list locks it meanwhile, by itself and to the moment.
    house.next_of(EventKind::PlanEnded);
    house.wait_coil(1, false);
    // Another first is wanted after that.
    wait_door(&house, 1, "hours that wait again", |status| {
        status.plan == Some(PlanHours::AwaitsFirst)
    });
    // A key that hours hang on cannot go.
    let refused = house
        .daemon()
        .call(async |client| client.delete::<Key>(MASTER).await)
        .unwrap_err();
    assert!(refused.to_string().contains("door 1"), "{refused}");
}

#[test]
fn row_35_modes_of_door_group_and_site_over_a_restart_with_exempt_keys() {
    let mut house = house(2, "");
    master(&house, KeyFlags::default());
    doorward(
        &house,
        &["keys", "edit", "Key 2", "--lockdown-exempt", "true"],
    );
    let shown = doorward(&house, &["keys", "show", "Key 2"]);
    assert!(shown.contains("coming in during a lockdown"), "{shown}");
    let group = DoorGroup {
        id: DoorGroupId(0),
        name: "Upstairs".to_owned(),
        place: PlaceId(1),
        doors: vec![DoorId(2)],
        ..DoorGroup::default()
    };
    let group = call(&house, async |client| client.create(&group).await);
    let group = group.record.id;

    call(&house, async |client| {
        client.set_group_mode(group, DoorMode::Locked).await
    });
    house.tap(2, card(2));
    house.assert_denied(2, Reason::DoorLocked);
    house.tap(1, card(1));
    house.assert_granted(1);

    let set_site = |house: &House, mode: DoorMode| {
        call(house, async |client| {
            client.set_place_mode(PlaceId(1), mode).await
        });
    };
    set_site(&house, DoorMode::Lockdown);
    crash(&mut house);
    house.tap(1, card(1));
    house.assert_denied(1, Reason::DoorLockdown);
    house.tap(1, card(2));
    house.assert_granted(1);
    house.leave_by_button(1);
    // The exit readers of a door without a button let everybody out.
    let without_button = Door {
        lockdown_exit: LockdownExit::ExemptOnly,
        wiring: DoorWiring {
            rex: None,
            ..door(1).wiring
        },
        ..door(1)
    };
    let refused = house
        .daemon()
        .call(async |client| client.replace(&without_button).await)
        .unwrap_err();
    assert!(refused.to_string().contains("kept in"), "{refused}");

    set_site(&house, DoorMode::EmergencyOpen);
    for id in [1, 2] {
        wait_stands(&house, id, Some(StandsUnlocked::EmergencyOpen));
    }
    set_site(&house, DoorMode::Normal);
    wait_stands(&house, 1, None);
    wait_door(&house, 2, "the mode of its group", |status| {
        status.mode == DoorMode::Locked
    });
}

#[test]
fn row_36_unlocking_once_is_not_unlocking_until_relocked() {
    let mut house = house(1, "");
    call(&house, async |client| client.unlock(DoorId(1)).await);
    house.wait_pulse(1);
    wait_stands(&house, 1, None);

    doorward(&house, &["unlock", "Door 1", "--until-relocked"]);
    wait_stands(&house, 1, Some(StandsUnlocked::Mode));
    doorward(&house, &["relock", "Door 1"]);
    wait_stands(&house, 1, None);
    house.next_of(EventKind::RelockedByOperator);

    call(&house, async |client| {
        client.set_door_mode(DoorId(1), DoorMode::Unlocked).await
    });
    crash(&mut house);
    wait_stands(&house, 1, Some(StandsUnlocked::Mode));
}

#[test]
fn row_36_holders_who_need_it_have_the_extended_unlock_time() {
    let mut house = house(1, "");
    house.put(holder(2, ALL_DOORS).to_vec());
    change_door(&house, 1, |door| {
        door.unlock_ms = 300;
        door.extended_unlock_ms = 2_000;
    });
    let unlocked_ms = |house: &mut House, number| {
        house.tap(1, card(number));
        let on_ns = house.wait_coil(1, true);
        let off_ns = house.wait_coil(1, false);
        (off_ns - on_ns) / 1_000_000
    };
    let usual_ms = unlocked_ms(&mut house, 2);
    doorward(
        &house,
        &["users", "edit", "User 2", "--extended-unlock", "true"],
    );
    let extended_ms = unlocked_ms(&mut house, 2);
    assert!(
        usual_ms < extended_ms && extended_ms >= 1_900,
        "{usual_ms} ms, {extended_ms} ms"
    );
    // It is the holder who needs it, not whoever comes next.
    let next_ms = unlocked_ms(&mut house, 1);
    assert!(next_ms < extended_ms, "{next_ms} ms");
    crash(&mut house);
    let extended_ms = unlocked_ms(&mut house, 2);
    assert!(extended_ms >= 1_900, "{extended_ms} ms after a restart");
}

#[test]
fn row_40_fire_releases_the_doors_chosen_for_it_even_in_a_lockdown() {
    let mut house = house(2, "");
    // The fire panel's contact is closed while nothing burns.
    house.set_level(FIRE_INPUT.into(), true);
    change_door(&house, 1, |door| {
        door.mode = DoorMode::Lockdown;
        door.wiring.fire = Some(InputPoint {
            board: "cabinet".to_owned(),
            input: FIRE_INPUT,
            circuit: Circuit::NormallyClosed,
        });
    });
    wait_stands(&house, 1, None);
    house.set_level(FIRE_INPUT.into(), false);
    house.wait_coil(1, true);
    house.wait_alarm(AlarmKind::Fire);
    wait_stands(&house, 1, Some(StandsUnlocked::Fire));
    wait_stands(&house, 2, None);
    let released = house.next_of(EventKind::FireReleased);
    assert_eq!(released.event.door, Some(DoorId(1)));
    crash(&mut house);
    wait_stands(&house, 1, Some(StandsUnlocked::Fire));
    house.set_level(FIRE_INPUT.into(), true);
    house.wait_no_alarm(AlarmKind::Fire);
    wait_stands(&house, 1, None);
    house.tap(1, card(1));
    let denied = house.next_of(EventKind::Denied);
    assert_eq!(denied.event.reason, Some(Reason::DoorLockdown));
    wait_stands(&house, 1, None);
}
