use super::check_with;

#[test]
fn the_lock_waits_for_the_record() {
    check_with(
        |site| site.acks = false,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         1015 ack
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 6015 1-in shows Locked
         > 6015 1-out shows Locked
         > 6515 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         7000 wait",
    );
}

#[test]
fn the_lock_waits_no_longer_than_the_deadline() {
    check_with(
        |site| site.acks = false,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > 1020 relay 1 pulse 5000
         > 1020 1-in shows Granted
         > 1020 1-out shows Unlocked
         > 1020 alarm StorageFailing Present
         > 1020 record AlarmRaised StorageFailing
         1100 wait
         1500 ack
         > 6020 1-in shows Locked
         > 6020 1-out shows Locked
         > 6520 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         > 11500 alarm StorageFailing Gone
         > 11500 record AlarmCleared StorageFailing
         30000 wait",
    );
}

#[test]
fn a_record_that_fails_opens_at_once_and_alarms() {
    check_with(
        |site| site.acks = false,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         1005 fail
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > alarm StorageFailing Present
         > record AlarmRaised StorageFailing
         2000 ack
         > 6005 1-in shows Locked
         > 6005 1-out shows Locked
         > 6505 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         > 12000 alarm StorageFailing Gone
         > 12000 record AlarmCleared StorageFailing
         20000 wait",
    );
}

#[test]
fn the_alarm_stays_while_a_record_is_late() {
    check_with(
        |site| site.acks = false,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > 1020 relay 1 pulse 5000
         > 1020 1-in shows Granted
         > 1020 1-out shows Unlocked
         > 1020 alarm StorageFailing Present
         > 1020 record AlarmRaised StorageFailing
         > 6020 1-in shows Locked
         > 6020 1-out shows Locked
         > 6520 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         60000 ack
         > 70000 alarm StorageFailing Gone
         > 70000 record AlarmCleared StorageFailing
         80000 wait",
    );
}

#[test]
fn without_a_deadline_the_lock_opens_at_once() {
    check_with(
        |site| {
            site.acks = false;
            site.config.record_deadline_ms = 0;
        },
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked",
    );
}

#[test]
fn the_same_card_again_while_it_waits_is_the_same_showing() {
    check_with(
        |site| site.acks = false,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         1005 card 1-in 100
         1010 card 1-in 200
         > record Granted granted door 1 at 1-in Entry user 2 credential 2 key 1
         1012 ack
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         1015 ack
         > relay 1 pulse 15000
         > 1-in shows Granted
         > 1-out shows Unlocked
         1016 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         1017 ack
         > relay 1 pulse 14998
         > 1-in shows Granted
         > 1-out shows Unlocked",
    );
}

#[test]
fn exit_does_not_wait() {
    check_with(
        |site| site.acks = false,
        "0 running
         1000 rex 1
         > relay 1 pulse 5000
         > record ExitRequested door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         1001 unrex 1",
    );
}

#[test]
fn an_operator_s_command_waits_for_its_record_too() {
    check_with(
        |site| site.acks = false,
        "0 running
         1000 unlock 1
         > record UnlockedByOperator door 1 by uid 1000
         1005 ack
         > relay 1 pulse 5000
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > command 1 Ok(())
         2000 unlock 1
         > record UnlockedByOperator door 1 by uid 1000
         > 2020 relay 1 pulse 5000
         > 2020 1-in shows Unlocked
         > 2020 1-out shows Unlocked
         > 2020 command 2 Ok(())
         > 2020 alarm StorageFailing Present
         > 2020 record AlarmRaised StorageFailing
         2100 wait",
    );
}

#[test]
fn what_changes_while_a_record_is_awaited_counts() {
    check_with(
        |site| site.acks = false,
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         1005 mode 1 lockdown
         > relay 1 off
         > record ModeChanged door 1 Lockdown
         > 1-in shows Locked
         > 1-out shows Locked
         1010 ack
         > record Denied door_lockdown door 1 at 1-in Entry user 1 credential 1 key 1
         > 1-in shows Denied
         1011 ack
         1012 ack
         2000 mode 1 normal
         > relay 1 off
         > record ModeChanged door 1 Normal
         > 1-in shows Locked
         > 1-out shows Locked
         2001 ack
         3000 unlock 1
         > record UnlockedByOperator door 1 by uid 1000
         3005 board offline
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         > record BoardOffline board b
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > 2-in shows OutOfOrder
         > 2-out shows OutOfOrder
         3010 ack
         > record Denied relay_unavailable door 1 by uid 1000
         > command 1 Err(RelayUnavailable)",
    );
}
