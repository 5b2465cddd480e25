use super::site::{FIRE_INPUT, Site};
use super::{check, check_with};
use crate::fixture::{key, office_hours, wall};
use crate::ids::{KeyId, ScheduleId};
use crate::model::{
    Circuit, DatedHours, DatedState, FailMode, InputPoint, Key, KeyFlags, Record, UnlockPlan,
};
use crate::time::Wall;

/// When every script begins: a Tuesday, 10:00 in Stockholm.
fn begin() -> Wall {
    wall("2026-03-24T09:00:00Z")
}

/// From and until, in milliseconds of the script.
fn dated(from: i64, until: i64, door: DatedState) -> DatedHours {
    DatedHours {
        name: String::new(),
        from: begin().plus_ms(from),
        until: begin().plus_ms(until),
        door,
    }
}

fn plan(dated: Vec<DatedHours>) -> Option<Box<UnlockPlan>> {
    Some(Box::new(UnlockPlan {
        dated,
        ..UnlockPlan::default()
    }))
}

/// Key 1, which users 1 and 2 hold, with these flags.
fn flagged(site: &mut Site, flags: KeyFlags) {
    let key = Key {
        flags,
        ..key(1, &[1, 2])
    };
    site.records.push(Record::Key(key));
}

fn may_hold(site: &mut Site) {
    flagged(
        site,
        KeyFlags {
            may_hold_open: true,
            ..KeyFlags::default()
        },
    );
}

#[test]
fn hours_begin_and_end_by_themselves() {
    check_with(
        |site| {
            site.doors[0].plan = plan(vec![dated(60_000, 120_000, DatedState::Unlocked)]);
        },
        "0 running
         > 60000 record PlanBegan door 1
         > 60000 relay 1 on
         > 60000 1-in shows Unlocked
         > 60000 1-out shows Unlocked
         > 120000 record PlanEnded door 1
         > 120000 relay 1 off
         > 120000 1-in shows Locked
         > 120000 1-out shows Locked
         130000 wait",
    );
}

#[test]
fn the_hours_of_a_schedule_end_when_it_closes() {
    // Office hours close at 18:00, eight hours from the beginning.
    check_with(
        |site| {
            site.records.push(Record::Schedule(office_hours(1)));
            site.doors[0].plan = Some(Box::new(UnlockPlan {
                schedule: Some(ScheduleId(1)),
                ..UnlockPlan::default()
            }));
        },
        "0 running
         28800000 wait
         > record PlanEnded door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         28800001 wait",
    );
}

#[test]
fn dated_hours_that_come_first_take_precedence() {
    check_with(
        |site| {
            site.doors[0].plan = plan(vec![
                dated(20_000, 30_000, DatedState::Locked),
                dated(10_000, 40_000, DatedState::Unlocked),
            ]);
        },
        "0 running
         > 10000 record PlanBegan door 1
         > 10000 relay 1 on
         > 10000 1-in shows Unlocked
         > 10000 1-out shows Unlocked
         > 20000 record PlanEnded door 1
         > 20000 relay 1 off
         > 20000 1-in shows Locked
         > 20000 1-out shows Locked
         > 30000 record PlanBegan door 1
         > 30000 relay 1 on
         > 30000 1-in shows Unlocked
         > 30000 1-out shows Unlocked
         > 40000 record PlanEnded door 1
         > 40000 relay 1 off
         > 40000 1-in shows Locked
         > 40000 1-out shows Locked
         50000 wait",
    );
}

fn first_in(site: &mut Site) {
    site.doors[0].plan = Some(Box::new(UnlockPlan {
        first_in: vec![KeyId(1)],
        dated: vec![dated(0, 600_000, DatedState::Unlocked)],
        ..UnlockPlan::default()
    }));
}

#[test]
fn hours_wait_for_the_first_to_come_in_and_remember_it() {
    check_with(
        first_in,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         > keep door 1 {\"first_in\":\"2026-03-24T09:00:02.000Z\"}
         > record PlanBegan door 1
         > relay 1 on
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         3000 close 1
         > record Closed door 1
         100000 start
         > record Started
         > record PlanBegan door 1
         > relay 1 on
         > relay 1 on
         > relay 2 off",
    );
}

#[test]
fn going_out_and_not_going_in_begin_no_hours() {
    check_with(
        first_in,
        "0 running
         1000 card 1-out 100
         > record Granted granted door 1 at 1-out Exit user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Unlocked
         > 1-out shows Granted
         2000 open 1
         > record Entered door 1 at 1-out Exit user 1 credential 1 key 1
         3000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         10000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 15000 1-in shows Locked
         > 15000 1-out shows Locked
         > 15500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         20000 wait",
    );
}

#[test]
fn a_lockdown_stands_above_hours_and_wants_a_new_first() {
    check_with(
        first_in,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         > keep door 1 {\"first_in\":\"2026-03-24T09:00:02.000Z\"}
         > record PlanBegan door 1
         > relay 1 on
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         3000 close 1
         > record Closed door 1
         10000 site lockdown
         > relay 1 off
         > record ModeChanged door 1 Lockdown
         > record PlanEnded door 1
         > 1-in shows Locked
         > 1-out shows Locked
         > keep door 1 {}
         > relay 2 off
         > record ModeChanged door 2 Lockdown
         > 2-in shows Locked
         > 2-out shows Locked
         11000 card 1-in 100
         > 1-in shows Denied
         > record Denied door_lockdown door 1 at 1-in Entry user 1 credential 1 key 1
         20000 site normal
         > relay 1 off
         > record ModeChanged door 1 Normal
         > 1-in shows Locked
         > 1-out shows Locked
         > relay 2 off
         > record ModeChanged door 2 Normal
         > 2-in shows Locked
         > 2-out shows Locked",
    );
}

#[test]
fn a_holder_of_an_exempt_key_comes_in_during_a_lockdown() {
    check_with(
        |site| {
            flagged(
                site,
                KeyFlags {
                    lockdown_exempt: true,
                    ..KeyFlags::default()
                },
            );
        },
        "0 running
         1000 mode 1 lockdown
         > relay 1 off
         > record ModeChanged door 1 Lockdown
         > 1-in shows Locked
         > 1-out shows Locked
         2000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         3000 mode 1 locked
         > relay 1 off
         > record ModeChanged door 1 Locked
         > 1-in shows Locked
         > 1-out shows Locked
         4000 card 1-in 100
         > 1-in shows Denied
         > record Denied door_locked door 1 at 1-in Entry user 1 credential 1",
    );
}

#[test]
fn a_plan_is_pending_until_somebody_activates_it_there() {
    check_with(
        |site| {
            flagged(
                site,
                KeyFlags {
                    activates_plans: true,
                    ..KeyFlags::default()
                },
            );
            site.doors[0].pending_plan = plan(vec![dated(0, 600_000, DatedState::Unlocked)]);
        },
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > activate door 1 Some(user#1)
         1010 activate 1
         > record PlanActivated door 1
         > record PlanBegan door 1
         > relay 1 on
         > 1-in shows Unlocked
         > 1-out shows Unlocked",
    );
}

#[test]
fn a_double_badge_holds_open_and_another_locks_again() {
    check_with(
        may_hold,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2500 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > keep door 1 {\"hold\":{\"until\":\"2026-03-25T09:00:02.500Z\",\"user\":1,\"credential\":1,\"key\":1}}
         > record HoldBegan door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 on
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > 8000 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         60000 card 1-in 200
         > record Granted granted door 1 at 1-in Entry user 2 credential 2 key 1
         > relay 1 on
         > 1-in shows Granted
         > 1-out shows Unlocked
         61000 card 1-in 200
         > record Granted granted door 1 at 1-in Entry user 2 credential 2 key 1
         > relay 1 on
         > 1-in shows Granted
         > 1-out shows Unlocked
         > keep door 1 {}
         > record HoldEnded door 1 at 1-in Entry user 2 credential 2 key 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked",
    );
}

#[test]
fn no_double_badge_are_two_cards_two_readers_or_a_long_pause() {
    check_with(
        |site| {
            may_hold(site);
            site.status = true;
        },
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > door 1 Normal unlocked closed
         1100 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 card 1-in 200
         > record Granted granted door 1 at 1-in Entry user 2 credential 2 key 1
         > relay 1 pulse 15000
         > 1-in shows Granted
         > 1-out shows Unlocked
         3000 card 1-out 200
         > record Granted granted door 1 at 1-out Exit user 2 credential 2 key 1
         > relay 1 pulse 15000
         > 1-in shows Unlocked
         > 1-out shows Granted
         7500 card 1-out 200
         > record Granted granted door 1 at 1-out Exit user 2 credential 2 key 1
         > relay 1 pulse 15000
         > 1-in shows Unlocked
         > 1-out shows Granted",
    );
}

#[test]
fn a_hold_ends_with_the_right_to_it() {
    check_with(
        may_hold,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > keep door 1 {\"hold\":{\"until\":\"2026-03-25T09:00:02.000Z\",\"user\":1,\"credential\":1,\"key\":1}}
         > record HoldBegan door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 on
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > 7500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         20000 revoke 2
         30000 revoke 1
         > keep door 1 {}
         > record HoldEnded door 1 user 1 key 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked",
    );
}

#[test]
fn a_hold_ends_no_later_than_the_key_and_survives_a_restart() {
    check_with(
        |site| {
            may_hold(site);
            site.records.push(Record::Schedule(office_hours(1)));
            let Some(Record::Key(key)) = site.records.first_mut() else {
                unreachable!()
            };
            key.schedule = Some(ScheduleId(1));
        },
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > keep door 1 {\"hold\":{\"until\":\"2026-03-24T17:00:00.000Z\",\"user\":1,\"credential\":1,\"key\":1}}
         > record HoldBegan door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 on
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > 7500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         28790000 start
         > record Started
         > relay 1 on
         > relay 2 off
         28790001 board online
         > relay 1 on
         > relay 2 off
         > record BoardOnline board b
         > 28800000 alarm ReaderOffline Present
         > 28800000 record AlarmRaised ReaderOffline door 1 at 1-in
         > 28800000 alarm ReaderOffline Present
         > 28800000 record AlarmRaised ReaderOffline door 1 at 1-out
         > 28800000 alarm ReaderOffline Present
         > 28800000 record AlarmRaised ReaderOffline door 2 at 2-in
         > 28800000 alarm ReaderOffline Present
         > 28800000 record AlarmRaised ReaderOffline door 2 at 2-out
         > 28800000 alarm ReaderOffline Present
         > 28800000 record AlarmRaised ReaderOffline at desk
         > 28800000 keep door 1 {}
         > 28800000 record HoldEnded door 1 user 1 key 1
         > 28800000 relay 1 off
         28801000 wait",
    );
}

#[test]
fn an_operator_relocks_what_a_holder_holds() {
    check_with(
        may_hold,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > keep door 1 {\"hold\":{\"until\":\"2026-03-25T09:00:02.000Z\",\"user\":1,\"credential\":1,\"key\":1}}
         > record HoldBegan door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 on
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > 7500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         20000 relock 1
         > record RelockedByOperator door 1 by uid 1000
         > keep door 1 {}
         > record HoldEnded door 1 user 1 key 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         > command 1 Ok(())
         21000 relock 9
         > command 2 Err(DoorUnknown)",
    );
}

fn fire_releases_both(site: &mut Site) {
    for door in &mut site.doors {
        door.wiring.fire = Some(InputPoint {
            board: "b".to_owned(),
            input: FIRE_INPUT,
            circuit: Circuit::NormallyClosed,
        });
    }
    site.doors[1].fail_mode = FailMode::Safe;
}

#[test]
fn fire_releases_first_and_tells_then_above_a_lockdown_and_over_a_restart() {
    check_with(
        fire_releases_both,
        "0 running
         1000 mode 1 lockdown
         > relay 1 off
         > record ModeChanged door 1 Lockdown
         > 1-in shows Locked
         > 1-out shows Locked
         2000 fire
         > relay 1 on
         > relay 2 off
         > keep door 1 {\"fire\":true}
         > record FireReleased door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > keep door 2 {\"fire\":true}
         > record FireReleased door 2
         > 2-in shows Unlocked
         > 2-out shows Unlocked
         > alarm Fire Present
         > record AlarmRaised Fire
         3000 board offline
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         > record BoardOffline board b
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > 2-in shows OutOfOrder
         > 2-out shows OutOfOrder
         4000 start
         > record Started
         > relay 1 on
         > relay 2 off
         > alarm Fire Present
         > record AlarmRaised Fire
         5000 board online
         > relay 1 on
         > relay 2 off
         > record BoardOnline board b
         6000 no fire
         > relay 1 off
         > relay 2 on
         > keep door 1 {}
         > record FireEnded door 1
         > keep door 2 {}
         > record FireEnded door 2
         > alarm Fire Gone
         > record AlarmCleared Fire",
    );
}

#[test]
fn an_emergency_opens_the_whole_site_above_everything_but_nobodys_exit() {
    check(
        "0 running
         1000 mode 1 lockdown
         > relay 1 off
         > record ModeChanged door 1 Lockdown
         > 1-in shows Locked
         > 1-out shows Locked
         2000 site emergency-open
         > relay 1 on
         > record ModeChanged door 1 EmergencyOpen
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > relay 2 on
         > record ModeChanged door 2 EmergencyOpen
         > 2-in shows Unlocked
         > 2-out shows Unlocked
         3000 rex 1
         > relay 1 on
         > record ExitRequested door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         3100 unrex 1
         20000 site normal
         > relay 1 off
         > record ModeChanged door 1 Lockdown
         > 1-in shows Locked
         > 1-out shows Locked
         > relay 2 off
         > record ModeChanged door 2 Normal
         > 2-in shows Locked
         > 2-out shows Locked",
    );
}

#[test]
fn without_a_clock_that_is_trusted_nothing_timed_stands_open() {
    check_with(
        |site| {
            site.doors[0].plan = plan(vec![dated(0, 60_000, DatedState::Unlocked)]);
        },
        "0 running
         1000 clock untrusted
         > alarm ClockNotTrusted Present
         > record AlarmRaised ClockNotTrusted
         > record PlanEnded door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         2000 clock trusted
         > alarm ClockNotTrusted Gone
         > record AlarmCleared ClockNotTrusted
         > record PlanBegan door 1
         > relay 1 on
         > 1-in shows Unlocked
         > 1-out shows Unlocked",
    );
}

#[test]
fn whoever_changes_the_mode_is_named() {
    check(
        "0 running
         1000 change by anna
         1001 site lockdown
         > relay 1 off
         > record ModeChanged door 1 Lockdown by anna
         > 1-in shows Locked
         > 1-out shows Locked
         > relay 2 off
         > record ModeChanged door 2 Lockdown by anna
         > 2-in shows Locked
         > 2-out shows Locked
         1002 changed
         2000 mode 1 normal
         3000 site normal
         > relay 1 off
         > record ModeChanged door 1 Normal
         > 1-in shows Locked
         > 1-out shows Locked
         > relay 2 off
         > record ModeChanged door 2 Normal
         > 2-in shows Locked
         > 2-out shows Locked",
    );
}
