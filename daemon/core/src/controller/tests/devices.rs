use super::{check, check_with};

#[test]
fn a_reader_offline_for_long_is_an_alarm() {
    check(
        "0 running
         1000 reader 1-in offline
         > record ReaderOffline door 1 at 1-in
         5000 reader 1-in online
         > record ReaderOnline door 1 at 1-in
         > 1-in shows Locked
         6000 reader 1-in offline
         > record ReaderOffline door 1 at 1-in
         7000 reader 1-in offline
         > 16000 alarm ReaderOffline Present
         > 16000 record AlarmRaised ReaderOffline door 1 at 1-in
         20000 reader 1-in online
         > record ReaderOnline door 1 at 1-in
         > alarm ReaderOffline Gone
         > record AlarmCleared ReaderOffline door 1 at 1-in
         > 1-in shows Locked
         21000 reader 1-in online
         > 1-in shows Locked",
    );
}

#[test]
fn a_reader_tells_its_faults() {
    check(
        "0 running
         1000 reader 1-in tamper on
         > alarm ReaderTamper Present
         > record AlarmRaised ReaderTamper door 1 at 1-in
         1100 reader 1-in tamper on
         2000 reader 1-in tamper off
         > alarm ReaderTamper Gone
         > record AlarmCleared ReaderTamper door 1 at 1-in
         3000 reader 1-in power failed
         > alarm ReaderPower Present
         > record AlarmRaised ReaderPower door 1 at 1-in
         4000 reader 1-in power back
         > alarm ReaderPower Gone
         > record AlarmCleared ReaderPower door 1 at 1-in
         5000 reader 1-in secure failed
         > alarm ReaderSecureChannel Present
         > record AlarmRaised ReaderSecureChannel door 1 at 1-in
         6000 reader 1-in secure back
         > alarm ReaderSecureChannel Gone
         > record AlarmCleared ReaderSecureChannel door 1 at 1-in
         7000 reader 1-in address shared
         > alarm ReaderAddressShared Present
         > record AlarmRaised ReaderAddressShared door 1 at 1-in
         8000 reader 1-in address alone
         > alarm ReaderAddressShared Gone
         > record AlarmCleared ReaderAddressShared door 1 at 1-in",
    );
}

#[test]
fn devices_that_never_answer_are_alarms() {
    check(
        "0 start
         > record Started
         > relay 1 off
         > relay 2 off
         100 reader 1-in online
         > record ReaderOnline door 1 at 1-in
         > 1-in shows OutOfOrder
         200 reader 1-out online
         > record ReaderOnline door 1 at 1-out
         > 1-out shows OutOfOrder
         300 reader 2-in online
         > record ReaderOnline door 2 at 2-in
         > 2-in shows OutOfOrder
         400 reader 2-out online
         > record ReaderOnline door 2 at 2-out
         > 2-out shows OutOfOrder
         > 5000 alarm BoardOffline Present
         > 5000 record AlarmRaised BoardOffline board b
         > 10000 alarm ReaderOffline Present
         > 10000 record AlarmRaised ReaderOffline at desk
         60000 wait",
    );
}

#[test]
fn a_board_offline_puts_its_doors_out_of_order() {
    check(
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 board offline
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         > record BoardOffline board b
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > 2-in shows OutOfOrder
         > 2-out shows OutOfOrder
         3000 card 1-in 100
         > 1-in shows OutOfOrder
         > record Denied relay_unavailable door 1 at 1-in Entry user 1 credential 1 key 1
         4000 card 1-in 300
         > 1-in shows Denied
         > record Denied no_grant door 1 at 1-in Entry user 3 credential 3
         4500 board online
         > relay 1 pulse 1500
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > relay 2 off
         > 2-in shows Locked
         > 2-out shows Locked
         > alarm BoardOffline Gone
         > record AlarmCleared BoardOffline board b
         > record BoardOnline board b
         4600 inputs
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         > 6500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         9000 wait",
    );
}

#[test]
fn a_board_restarted_is_driven_again() {
    check(
        "0 running
         1000 mode 1 unlocked
         > relay 1 on
         > record ModeChanged door 1 Unlocked
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         2000 board online
         > relay 1 on
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         > relay 2 off
         > 2-in shows Locked
         > 2-out shows Locked",
    );
}

#[test]
fn a_loop_that_is_cut_or_bridged_is_an_alarm() {
    check(
        "0 running
         1000 board loops 0
         2000 board loops 4
         > alarm InputFault Present
         > record AlarmRaised InputFault board b
         3000 board loops 6
         4000 board loops 0
         > alarm InputFault Gone
         > record AlarmCleared InputFault board b",
    );
}

#[test]
fn inputs_that_a_board_does_not_tell_are_an_alarm() {
    check(
        "0 running
         1000 board hides inputs
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         2000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         3000 board refuses 1
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > 4000 relay 1 pulse 3000
         > 4000 1-in shows Unlocked
         > 4000 1-out shows Unlocked
         > 7000 1-in shows Locked
         > 7000 1-out shows Locked
         9000 board inputs
         > alarm BoardOffline Gone
         > record AlarmCleared BoardOffline board b",
    );
}

#[test]
fn a_refused_output_is_tried_again() {
    check(
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         1010 board refuses 1
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > 2010 relay 1 pulse 3990
         > 2010 1-in shows Unlocked
         > 2010 1-out shows Unlocked
         2500 board refuses 1
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder
         > 3500 relay 1 pulse 2500
         > 3500 1-in shows Unlocked
         > 3500 1-out shows Unlocked
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         > 6500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         > 7500 alarm BoardOffline Gone
         > 7500 record AlarmCleared BoardOffline board b
         20000 wait",
    );
}

#[test]
fn keys_without_a_use_are_refused_when_complete() {
    check(
        "0 running
         1000 reader 1-in keys 12
         > 1-in shows Waiting
         2000 reader 1-in keys 34#
         > 1-in shows Denied
         > record Denied pin_unknown door 1 at 1-in Entry",
    );
}

#[test]
fn what_does_not_exist_is_not_listened_to() {
    check(
        "0 running
         1000 card nowhere 100",
    );
}

#[test]
fn alarms_told_are_passed_on_once() {
    check(
        "0 running
         1000 told uplink down
         > alarm UplinkDown Present
         > record AlarmRaised UplinkDown
         2000 told uplink down
         3000 told uplink up
         > alarm UplinkDown Gone
         > record AlarmCleared UplinkDown
         4000 told uplink up",
    );
}

#[test]
fn a_clock_not_trusted_is_an_alarm() {
    check(
        "0 running
         1000 clock doubtful
         > alarm ClockNotTrusted Present
         > record AlarmRaised ClockNotTrusted
         2000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         3000 clock trusted
         > alarm ClockNotTrusted Gone
         > record AlarmCleared ClockNotTrusted",
    );
}

#[test]
fn a_board_that_never_answers_denies() {
    check_with(
        |site| site.trust = crate::time::ClockTrust::Untrusted,
        "0 start
         > record Started
         > alarm ClockNotTrusted Present
         > record AlarmRaised ClockNotTrusted
         > relay 1 off
         > relay 2 off
         100 reader 1-in online
         > record ReaderOnline door 1 at 1-in
         > 1-in shows OutOfOrder
         1000 card 1-in 100
         > 1-in shows OutOfOrder
         > record Denied relay_unavailable door 1 at 1-in Entry user 1 credential 1 key 1",
    );
}
