use super::{check, check_with};
use crate::model::{FailMode, Relock};

#[test]
fn a_grant_unlocks_for_its_time() {
    check(
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         > 6500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         9000 wait",
    );
}

#[test]
fn a_passage_is_entered_and_relocks_when_the_door_closes() {
    check(
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         3000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         9000 wait",
    );
}

#[test]
fn relock_on_open_closes_the_lock_behind_the_leaf() {
    check_with(
        |site| site.doors[0].relock = Relock::OnOpen,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         3000 close 1
         > record Closed door 1
         9000 wait",
    );
}

#[test]
fn relock_after_time_lets_the_time_run() {
    check_with(
        |site| site.doors[0].relock = Relock::AfterTime,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         3000 close 1
         > record Closed door 1
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         9000 wait",
    );
}

#[test]
fn a_user_who_needs_more_time_gets_it() {
    check(
        "0 running
         1000 card 1-in 200
         > record Granted granted door 1 at 1-in Entry user 2 credential 2 key 1
         > relay 1 pulse 15000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 16000 1-in shows Locked
         > 16000 1-out shows Locked
         > 16500 record NotEntered door 1 at 1-in Entry user 2 credential 2 key 1
         20000 wait",
    );
}

#[test]
fn a_second_grant_restarts_the_time_and_never_shortens_it() {
    check(
        "0 running
         1000 card 1-in 200
         > record Granted granted door 1 at 1-in Entry user 2 credential 2 key 1
         > relay 1 pulse 15000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 14000
         > 1-in shows Granted
         > 1-out shows Unlocked
         13000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 18000 1-in shows Locked
         > 18000 1-out shows Locked
         > 18500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         20000 wait",
    );
}

#[test]
fn a_denial_tells_the_reader_at_once() {
    check(
        "0 running
         1000 card 1-in 300
         > 1-in shows Denied
         > record Denied no_grant door 1 at 1-in Entry user 3 credential 3
         2000 card 1-out 999
         > 1-out shows Denied
         > record Denied card_unknown door 1 at 1-out Exit card of 26 bits
         3000 card desk 100
         > desk shows Denied
         > record Denied door_unknown at desk card of 26 bits",
    );
}

#[test]
fn exit_unlocks_before_it_is_recorded() {
    check(
        "0 running
         1000 rex 1
         > relay 1 pulse 5000
         > record ExitRequested door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         1100 unrex 1
         2000 open 1
         3000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         9000 wait",
    );
}

#[test]
fn exit_holds_the_lock_open_while_it_is_asked_for() {
    check(
        "0 running
         1000 rex 1
         > relay 1 pulse 5000
         > record ExitRequested door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > 5700 relay 1 pulse 5000
         8000 unrex 1
         > 10700 1-in shows Locked
         > 10700 1-out shows Locked
         13000 wait",
    );
}

#[test]
fn exit_works_in_every_mode() {
    check(
        "0 running
         1000 mode 1 lockdown
         > relay 1 off
         > record ModeChanged door 1 Lockdown
         > 1-in shows Locked
         > 1-out shows Locked
         2000 rex 1
         > relay 1 pulse 5000
         > record ExitRequested door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         2100 unrex 1
         3000 open 1
         4000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         10000 mode 1 locked
         > relay 1 off
         > record ModeChanged door 1 Locked
         > 1-in shows Locked
         > 1-out shows Locked
         11000 rex 1
         > relay 1 pulse 5000
         > record ExitRequested door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         11100 unrex 1
         > 16000 1-in shows Locked
         > 16000 1-out shows Locked
         20000 mode 1 unlocked
         > relay 1 on
         > record ModeChanged door 1 Unlocked
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         21000 rex 1
         > relay 1 on
         > record ExitRequested door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         21100 unrex 1
         30000 wait",
    );
}

#[test]
fn lockdown_ends_an_entry_under_way_and_refuses_the_next() {
    check(
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 mode 1 lockdown
         > relay 1 off
         > record ModeChanged door 1 Lockdown
         > 1-in shows Locked
         > 1-out shows Locked
         3000 card 1-in 100
         > 1-in shows Denied
         > record Denied door_lockdown door 1 at 1-in Entry user 1 credential 1 key 1
         4000 card 1-out 100
         > record Granted granted door 1 at 1-out Exit user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Unlocked
         > 1-out shows Granted
         > 9000 1-in shows Locked
         > 9000 1-out shows Locked
         > 9500 record NotEntered door 1 at 1-out Exit user 1 credential 1 key 1
         12000 wait",
    );
}

#[test]
fn a_door_that_stands_unlocked_is_not_pulsed() {
    check(
        "0 running
         1000 mode 1 unlocked
         > relay 1 on
         > record ModeChanged door 1 Unlocked
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         2000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 on
         > 1-in shows Granted
         > 1-out shows Unlocked
         3000 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         60000 close 1
         > record Closed door 1
         61000 mode 1 normal
         > relay 1 off
         > record ModeChanged door 1 Normal
         > 1-in shows Locked
         > 1-out shows Locked",
    );
}

#[test]
fn a_fail_safe_lock_is_held_by_power() {
    check_with(
        |site| site.doors[0].fail_mode = FailMode::Safe,
        "0 start
         > record Started
         > relay 1 on
         > relay 2 off
         100 reader 1-in online
         > record ReaderOnline door 1 at 1-in
         > 1-in shows OutOfOrder
         200 board online
         > relay 1 on
         > 1-in shows Locked
         > relay 2 off
         > record BoardOnline board b
         300 inputs
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 off
         > 1-in shows Granted
         > 6000 relay 1 on
         > 6000 1-in shows Locked
         > 6500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         7000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 off
         > 1-in shows Granted
         7500 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         8000 close 1
         > record Closed door 1
         > relay 1 on
         > 1-in shows Locked
         9000 mode 1 unlocked
         > relay 1 off
         > record ModeChanged door 1 Unlocked
         > 1-in shows Unlocked
         10000 mode 1 normal
         > relay 1 on
         > record ModeChanged door 1 Normal
         > 1-in shows Locked
         > alarm ReaderOffline Present
         > record AlarmRaised ReaderOffline door 1 at 1-out
         > alarm ReaderOffline Present
         > record AlarmRaised ReaderOffline door 2 at 2-in
         > alarm ReaderOffline Present
         > record AlarmRaised ReaderOffline door 2 at 2-out
         > alarm ReaderOffline Present
         > record AlarmRaised ReaderOffline at desk
         11000 stop
         > relay 1 off
         > relay 2 off
         > record Stopped",
    );
}

#[test]
fn an_operator_unlocks_once() {
    check(
        "0 running
         1000 unlock 1
         > record UnlockedByOperator door 1 by uid 1000
         > relay 1 pulse 5000
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > command 1 Ok(())
         2000 open 1
         > record Entered door 1 by uid 1000
         3000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         4000 unlock 9
         > command 2 Err(DoorUnknown)
         5000 mode 1 locked
         > relay 1 off
         > record ModeChanged door 1 Locked
         > 1-in shows Locked
         > 1-out shows Locked
         6000 unlock 1
         > command 3 Err(DoorLocked)
         7000 board offline
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         > record BoardOffline board b
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > 2-in shows OutOfOrder
         > 2-out shows OutOfOrder
         8000 unlock 2
         > command 4 Err(RelayUnavailable)",
    );
}

#[test]
fn start_drives_the_resting_state_and_stop_the_safe_one() {
    check_with(
        |site| {
            site.doors[0].fail_mode = FailMode::Safe;
            site.doors[1].mode = crate::model::DoorMode::Unlocked;
        },
        "0 start
         > record Started
         > relay 1 on
         > relay 2 on
         10 board online
         > relay 1 on
         > relay 2 on
         > record BoardOnline board b
         20 stop
         > relay 1 off
         > relay 2 off
         > record Stopped
         1000 card 1-in 100
         2000 inputs",
    );
}

#[test]
fn the_live_state_is_told_when_it_changes() {
    check_with(
        |site| site.status = true,
        "0 start
         > record Started
         > relay 1 off
         > relay 2 off
         > door 1 Normal locked leaf unknown relay-offline readers-offline
         > door 2 Normal locked leaf unknown relay-offline readers-offline
         100 board online
         > relay 1 off
         > relay 2 off
         > record BoardOnline board b
         > door 1 Normal locked leaf unknown readers-offline
         > door 2 Normal locked leaf unknown readers-offline
         200 inputs
         > door 1 Normal locked closed readers-offline
         > door 2 Normal locked closed readers-offline
         300 reader 1-in online
         > record ReaderOnline door 1 at 1-in
         > 1-in shows Locked
         400 reader 1-out online
         > record ReaderOnline door 1 at 1-out
         > 1-out shows Locked
         > door 1 Normal locked closed
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
         1200 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         > door 1 Normal unlocked open
         1300 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         > door 1 Normal locked closed
         1400 mode 1 lockdown
         > relay 1 off
         > record ModeChanged door 1 Lockdown
         > 1-in shows Locked
         > 1-out shows Locked
         > door 1 Lockdown locked closed
         1500 open 1
         > record ForcedOpen door 1
         > alarm ForcedOpen Present
         > record AlarmRaised ForcedOpen door 1
         > door 1 Lockdown locked open forced
         1600 board offline
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         > record BoardOffline board b
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > door 1 Lockdown locked leaf unknown forced relay-offline
         > door 2 Normal locked leaf unknown relay-offline readers-offline",
    );
}

#[test]
fn a_door_removed_is_left_in_its_safe_state() {
    check(
        "0 running
         1000 mode 1 unlocked
         > relay 1 on
         > record ModeChanged door 1 Unlocked
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         2000 remove 1
         > relay 1 off
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         3000 card 1-in 100
         > 1-in shows Denied
         > record Denied door_unknown at 1-in card of 26 bits",
    );
}
