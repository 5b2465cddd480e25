use super::{check, check_with};

#[test]
fn a_door_opened_by_nobody_is_forced() {
    check(
        "0 running
         1000 open 1
         > record ForcedOpen door 1
         > alarm ForcedOpen Present
         > record AlarmRaised ForcedOpen door 1
         60000 close 1
         > record Closed door 1
         > alarm ForcedOpen Gone
         > record AlarmCleared ForcedOpen door 1",
    );
}

#[test]
fn a_late_contact_still_belongs_to_the_unlock() {
    check(
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         6400 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         7000 close 1
         > record Closed door 1
         8000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 13000 1-in shows Locked
         > 13000 1-out shows Locked
         > 13500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         13600 open 1
         > record ForcedOpen door 1
         > alarm ForcedOpen Present
         > record AlarmRaised ForcedOpen door 1",
    );
}

#[test]
fn a_door_held_open_warns_and_then_alarms() {
    check(
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         > 22000 1-in shows HeldOpenWarning
         > 22000 1-out shows HeldOpenWarning
         > 32000 record HeldOpen door 1
         > 32000 alarm HeldOpen Present
         > 32000 record AlarmRaised HeldOpen door 1
         40000 close 1
         > record Closed door 1
         > alarm HeldOpen Gone
         > record AlarmCleared HeldOpen door 1
         > 1-in shows Locked
         > 1-out shows Locked",
    );
}

#[test]
fn a_door_closed_after_the_warning_is_no_alarm() {
    check(
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         > 22000 1-in shows HeldOpenWarning
         > 22000 1-out shows HeldOpenWarning
         25000 close 1
         > record Closed door 1
         > 1-in shows Locked
         > 1-out shows Locked
         60000 wait",
    );
}

#[test]
fn a_new_grant_gives_new_time_to_close() {
    check(
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         > 22000 1-in shows HeldOpenWarning
         > 22000 1-out shows HeldOpenWarning
         25000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 30000 1-in shows Locked
         > 30000 1-out shows Locked
         > 45000 1-in shows HeldOpenWarning
         > 45000 1-out shows HeldOpenWarning
         54000 close 1
         > record Closed door 1
         > 1-in shows Locked
         > 1-out shows Locked",
    );
}

#[test]
fn without_a_limit_nobody_minds() {
    check_with(
        |site| site.doors[0].held_open_ms = 0,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         90000000 close 1
         > record Closed door 1",
    );
}

#[test]
fn without_a_warning_the_alarm_comes_alone() {
    check_with(
        |site| site.doors[0].held_open_warning_ms = 0,
        "0 running
         1000 rex 1
         > relay 1 pulse 5000
         > record ExitRequested door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         1500 unrex 1
         2000 open 1
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         > 32000 record HeldOpen door 1
         > 32000 alarm HeldOpen Present
         > 32000 record AlarmRaised HeldOpen door 1
         40000 close 1
         > record Closed door 1
         > alarm HeldOpen Gone
         > record AlarmCleared HeldOpen door 1",
    );
}

#[test]
fn a_warning_as_long_as_the_limit_begins_with_the_opening() {
    check_with(
        |site| site.doors[0].held_open_warning_ms = 30_000,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         > 1-in shows HeldOpenWarning
         > 1-out shows HeldOpenWarning
         3000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked",
    );
}

#[test]
fn a_door_found_open_is_not_forced_but_must_be_closed() {
    check(
        "0 running
         1000 board offline
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         > record BoardOffline board b
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > 2-in shows OutOfOrder
         > 2-out shows OutOfOrder
         2000 open 1
         3000 board online
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         > relay 2 off
         > 2-in shows Locked
         > 2-out shows Locked
         > alarm BoardOffline Gone
         > record AlarmCleared BoardOffline board b
         > record BoardOnline board b
         3100 inputs
         > 22000 1-in shows HeldOpenWarning
         > 22000 1-out shows HeldOpenWarning
         > 32000 record HeldOpen door 1
         > 32000 alarm HeldOpen Present
         > 32000 record AlarmRaised HeldOpen door 1
         40000 close 1
         > record Closed door 1
         > alarm HeldOpen Gone
         > record AlarmCleared HeldOpen door 1
         > 1-in shows Locked
         > 1-out shows Locked",
    );
}

#[test]
fn alarms_stand_while_the_contact_cannot_be_seen() {
    check(
        "0 running
         1000 open 1
         > record ForcedOpen door 1
         > alarm ForcedOpen Present
         > record AlarmRaised ForcedOpen door 1
         2000 board offline
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         > record BoardOffline board b
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > 2-in shows OutOfOrder
         > 2-out shows OutOfOrder
         3000 board online
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         > relay 2 off
         > 2-in shows Locked
         > 2-out shows Locked
         > alarm BoardOffline Gone
         > record AlarmCleared BoardOffline board b
         > record BoardOnline board b
         3100 inputs
         4000 board offline
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         > record BoardOffline board b
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > 2-in shows OutOfOrder
         > 2-out shows OutOfOrder
         5000 board online
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         > relay 2 off
         > 2-in shows Locked
         > 2-out shows Locked
         > alarm BoardOffline Gone
         > record AlarmCleared BoardOffline board b
         > record BoardOnline board b
         5100 close 1
         > record Closed door 1
         > alarm ForcedOpen Gone
         > record AlarmCleared ForcedOpen door 1",
    );
}

#[test]
fn leaving_the_unlocked_mode_with_the_door_open_starts_the_clock() {
    check(
        "0 running
         1000 mode 1 unlocked
         > relay 1 on
         > record ModeChanged door 1 Unlocked
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         2000 open 1
         100000 mode 1 normal
         > relay 1 off
         > record ModeChanged door 1 Normal
         > 1-in shows Locked
         > 1-out shows Locked
         > 120000 1-in shows HeldOpenWarning
         > 120000 1-out shows HeldOpenWarning
         > 130000 record HeldOpen door 1
         > 130000 alarm HeldOpen Present
         > 130000 record AlarmRaised HeldOpen door 1
         140000 mode 1 unlocked
         > relay 1 on
         > record ModeChanged door 1 Unlocked
         > alarm HeldOpen Gone
         > record AlarmCleared HeldOpen door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         150000 close 1
         > record Closed door 1",
    );
}

#[test]
fn exit_and_opening_at_once_is_no_force() {
    check(
        "0 running
         1000 rex 1
         > relay 1 pulse 5000
         > record ExitRequested door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         1000 open 1
         1500 unrex 1
         2000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked",
    );
}
