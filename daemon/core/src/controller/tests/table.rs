//! Changes of the table while the doors are served.

use super::{check, check_with};
use crate::model::{DoorMode, FailMode};

#[test]
fn a_new_door_takes_over_devices_that_are_free() {
    check_with(
        |site| {
            site.status = true;
            site.doors.truncate(1);
        },
        "0 running
         1000 card 2-in 100
         > 2-in shows Denied
         > record Denied door_unknown at 2-in card of 26 bits
         2000 rewire 3 2
         > relay 2 off
         > 2-in shows Locked
         > 2-out shows Locked
         > door 3 Normal locked closed
         3000 card 2-in 100
         > 2-in shows Denied
         > record Denied no_grant door 3 at 2-in Entry user 1 credential 1
         4000 open 2
         > record ForcedOpen door 3
         > alarm ForcedOpen Present
         > record AlarmRaised ForcedOpen door 3
         > door 3 Normal locked open forced",
    );
}

#[test]
fn a_door_wired_to_another_relay_lets_go_of_the_first() {
    check_with(
        |site| site.doors[0].fail_mode = FailMode::Safe,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 off
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 remove 2
         > relay 2 off
         > 2-in shows OutOfOrder
         > 2-out shows OutOfOrder
         3000 rewire 1 2
         > relay 1 off
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > relay 2 on
         > 2-in shows Locked
         > 2-out shows Locked
         4000 card 1-in 100
         > 1-in shows Denied
         > record Denied door_unknown at 1-in card of 26 bits
         5000 card 2-in 100
         > record Granted granted door 1 at 2-in Entry user 1 credential 1 key 1
         > relay 2 off
         > 2-in shows Granted
         > 2-out shows Unlocked
         6000 open 2
         > record Entered door 1 at 2-in Entry user 1 credential 1 key 1",
    );
}

#[test]
fn a_new_limit_counts_from_now() {
    check(
        "0 running
         1000 rex 1
         > relay 1 pulse 5000
         > record ExitRequested door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         1100 unrex 1
         2000 open 1
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         10000 limit 1 5000
         > 15000 record HeldOpen door 1
         > 15000 alarm HeldOpen Present
         > 15000 record AlarmRaised HeldOpen door 1
         20000 limit 1 0
         > alarm HeldOpen Gone
         > record AlarmCleared HeldOpen door 1
         30000 close 1
         > record Closed door 1",
    );
}

#[test]
fn a_command_under_way_is_answered_when_its_door_goes() {
    check_with(
        |site| site.acks = false,
        "0 running
         1000 unlock 1
         > record UnlockedByOperator door 1 by uid 1000
         1010 remove 1
         > command 1 Err(RelayUnavailable)
         > relay 1 off
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         1020 ack
         2000 unlock 2
         > record UnlockedByOperator door 2 by uid 1000
         2010 stop
         > command 2 Err(RelayUnavailable)
         > relay 2 off
         > record Stopped",
    );
}

#[test]
fn a_door_that_was_unlocked_by_mode_stays_so_over_a_restart() {
    check_with(
        |site| site.doors[0].mode = DoorMode::Unlocked,
        "0 start
         > record Started
         > relay 1 on
         > relay 2 off
         100 board online
         > relay 1 on
         > relay 2 off
         > record BoardOnline board b
         200 inputs
         300 open 1
         400 stop
         > relay 1 off
         > relay 2 off
         > record Stopped
         1000 start
         > record Started
         > relay 1 on
         > relay 2 off
         1100 board online
         > relay 1 on
         > relay 2 off
         > record BoardOnline board b
         1200 inputs",
    );
}

#[test]
fn a_lockdown_lets_out_who_was_on_the_way_and_nobody_longer() {
    check(
        "0 running
         1000 card 1-in 200
         > record Granted granted door 1 at 1-in Entry user 2 credential 2 key 1
         > relay 1 pulse 15000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 card 1-out 100
         > record Granted granted door 1 at 1-out Exit user 1 credential 1 key 1
         > relay 1 pulse 14000
         > 1-in shows Unlocked
         > 1-out shows Granted
         3000 mode 1 lockdown
         > relay 1 pulse 4000
         > record ModeChanged door 1 Lockdown
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > 7000 1-in shows Locked
         > 7000 1-out shows Locked
         > 7500 record NotEntered door 1 at 1-out Exit user 1 credential 1 key 1
         20000 wait",
    );
}
