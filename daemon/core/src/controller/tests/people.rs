//! PINs, pairs, areas: what people do besides showing a card.

use super::check_with;
use super::site::Site;
use crate::fixture::{area, pin_credential};
use crate::ids::AreaId;
use crate::model::{Area, AuthMethod, Change, Interlock, Passback, Record, TwoPerson};
use crate::pin::PinKey;

/// Door 1 asks for what `method` says. User 1 has PIN 1234 and duress PIN 9876.
fn asking(method: AuthMethod) -> impl FnOnce(&mut Site) {
    move |site| {
        site.config.pin_key = Some(PinKey::new([7; 32]));
        site.doors[0].authentication.method = method;
        for pin in [
            pin_credential(11, 1, "1234", false),
            pin_credential(12, 1, "9876", true),
        ] {
            site.view.change(&Change::Put(Record::Credential(pin)));
        }
    }
}

/// Doors 1 and 2 lead in to area 1, which `change` gives rules.
fn leading_in(change: impl FnOnce(&mut Area)) -> impl FnOnce(&mut Site) {
    move |site| {
        let mut room = area(1);
        change(&mut room);
        site.view.change(&Change::Put(Record::Area(room)));
        for door in &mut site.doors {
            door.inside = Some(AreaId(1));
        }
    }
}

#[test]
fn a_pin_opens_where_a_pin_is_asked_for() {
    check_with(
        asking(AuthMethod::Pin),
        "0 running
         1000 keys 1-in 12
         > 1-in shows Waiting
         1500 keys 1-in 34#
         > record Granted granted door 1 at 1-in Entry user 1 credential 11 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 6500 1-in shows Locked
         > 6500 1-out shows Locked
         > 7000 record NotEntered door 1 at 1-in Entry user 1 credential 11 key 1
         9000 wait",
    );
}

#[test]
fn a_card_waits_for_its_pin() {
    check_with(
        asking(AuthMethod::CardAndPin),
        "0 running
         1000 card 1-in 100
         > 1-in shows Waiting
         2000 keys 1-in 1234#
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 7000 1-in shows Locked
         > 7000 1-out shows Locked
         > 7500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         20000 card 1-in 100
         > 1-in shows Waiting
         > 35000 1-in shows Denied
         > 35000 record Denied pin_timeout door 1 at 1-in Entry user 1 credential 1 key 1
         40000 wait
         50000 keys 1-in 1234#
         > 1-in shows Denied
         > record Denied card_required door 1 at 1-in Entry user 1 credential 11 key 1
         60000 card 1-out 100
         > record Granted granted door 1 at 1-out Exit user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Unlocked
         > 1-out shows Granted
         > 65000 1-in shows Locked
         > 65000 1-out shows Locked
         > 65500 record NotEntered door 1 at 1-out Exit user 1 credential 1 key 1
         90000 wait",
    );
}

#[test]
fn duress_opens_and_only_the_alarm_tells() {
    check_with(
        asking(AuthMethod::CardAndPin),
        "0 running
         1000 card 1-in 100
         > 1-in shows Waiting
         2000 keys 1-in 9876#
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > alarm Duress Present
         > record AlarmRaised Duress door 1 at 1-in Entry user 1 credential 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 7000 1-in shows Locked
         > 7000 1-out shows Locked
         > 7500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         9000 wait",
    );
}

#[test]
fn a_guesser_is_locked_out_over_a_restart() {
    check_with(
        asking(AuthMethod::CardAndPin),
        "0 running
         1000 card 1-in 100
         > 1-in shows Waiting
         1100 keys 1-in 0001#
         > 1-in shows Denied
         > record Denied pin_wrong door 1 at 1-in Entry user 1 credential 1 key 1
         2000 card 1-in 100
         > 1-in shows Waiting
         2100 keys 1-in 0002#
         > 1-in shows Denied
         > record Denied pin_wrong door 1 at 1-in Entry user 1 credential 1 key 1
         3000 card 1-in 100
         > 1-in shows Waiting
         3100 keys 1-in 0003#
         > 1-in shows Denied
         > record Denied pin_wrong door 1 at 1-in Entry user 1 credential 1 key 1
         4000 card 1-in 100
         > 1-in shows Waiting
         4100 keys 1-in 0004#
         > 1-in shows Denied
         > record Denied pin_wrong door 1 at 1-in Entry user 1 credential 1 key 1
         5000 card 1-in 100
         > 1-in shows Waiting
         5100 keys 1-in 0005#
         > 1-in shows Denied
         > record Denied pin_wrong door 1 at 1-in Entry user 1 credential 1 key 1
         > remember lockout of card 1
         > remember lockout of 1-in
         > alarm RepeatedDenied Present
         > record AlarmRaised RepeatedDenied door 1 at 1-in Entry user 1 credential 1
         6000 card 1-in 100
         > 1-in shows Waiting
         6100 keys 1-in 1234#
         > 1-in shows Denied
         > record Denied pin_locked_out door 1 at 1-in Entry user 1 credential 1 key 1
         7000 restart
         8000 card 1-in 100
         > 1-in shows Waiting
         8100 keys 1-in 1234#
         > 1-in shows Denied
         > record Denied pin_locked_out door 1 at 1-in Entry user 1 credential 1 key 1
         306000 card 1-in 100
         > 1-in shows Waiting
         306100 keys 1-in 1234#
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 311100 1-in shows Locked
         > 311100 1-out shows Locked
         > 311600 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         320000 wait",
    );
}

#[test]
fn nobody_comes_in_twice_until_they_went_out_or_are_forgiven() {
    check_with(
        leading_in(|room| room.passback = Passback::Hard),
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > remember user 1 in area 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         3000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         10000 card 2-in 100
         > 2-in shows Denied
         > record Denied anti_passback door 2 at 2-in Entry user 1 credential 1 key 1
         11000 restart
         12000 card 2-in 100
         > 2-in shows Denied
         > record Denied anti_passback door 2 at 2-in Entry user 1 credential 1 key 1
         13000 card 1-out 100
         > record Granted granted door 1 at 1-out Exit user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Unlocked
         > 1-out shows Granted
         14000 open 1
         > remember user 1 outside
         > record Entered door 1 at 1-out Exit user 1 credential 1 key 1
         15000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         20000 card 2-in 100
         > record Granted granted door 2 at 2-in Entry user 1 credential 1 key 1
         > relay 2 pulse 5000
         > 2-in shows Granted
         > 2-out shows Unlocked
         21000 open 2
         > remember user 1 in area 1
         > record Entered door 2 at 2-in Entry user 1 credential 1 key 1
         22000 close 2
         > record Closed door 2
         > relay 2 off
         > 2-in shows Locked
         > 2-out shows Locked
         30000 forgive user 1
         > forget user 1
         > record Forgiven user 1 by uid 1000
         > command 1 Ok(())
         31000 card 2-in 100
         > record Granted granted door 2 at 2-in Entry user 1 credential 1 key 1
         > relay 2 pulse 5000
         > 2-in shows Granted
         > 2-out shows Unlocked
         > 36000 2-in shows Locked
         > 36000 2-out shows Locked
         > 36500 record NotEntered door 2 at 2-in Entry user 1 credential 1 key 1
         40000 wait",
    );
}

#[test]
fn whoever_did_not_open_the_door_did_not_come_in() {
    check_with(
        leading_in(|room| room.passback = Passback::Hard),
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         > 6500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         8000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 13000 1-in shows Locked
         > 13000 1-out shows Locked
         > 13500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         20000 wait",
    );
}

/// Door 1 has no contact, door 2 has; both lead in to area 1.
fn without_contact(site: &mut Site) {
    leading_in(|room| room.passback = Passback::Hard)(site);
    site.doors[0].wiring.contact = None;
}

#[test]
fn where_nobody_sees_the_door_open_a_grant_counts_as_coming_in() {
    check_with(
        without_contact,
        "0 running
         1000 card 1-in 100
         > remember user 1 in area 1
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 6000 1-in shows Locked
         > 6000 1-out shows Locked
         7000 card 2-in 100
         > 2-in shows Denied
         > record Denied anti_passback door 2 at 2-in Entry user 1 credential 1 key 1
         8000 user 1 removed
         > forget user 1",
    );
}

#[test]
fn whoever_is_denied_after_the_grant_is_where_they_were() {
    check_with(
        |site| {
            without_contact(site);
            site.acks = false;
        },
        "0 running
         1000 card 1-in 100
         > remember user 1 in area 1
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         1005 mode 1 locked
         > relay 1 off
         > record ModeChanged door 1 Locked
         > 1-in shows Locked
         > 1-out shows Locked
         1010 ack
         > forget user 1
         > record Denied door_locked door 1 at 1-in Entry user 1 credential 1 key 1
         > 1-in shows Denied",
    );
}

#[test]
fn whoever_finds_the_output_refused_is_where_they_were() {
    check_with(
        without_contact,
        "0 running
         1000 card 1-in 100
         > remember user 1 in area 1
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         1100 board refuses 1
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         > forget user 1
         > 1-in shows OutOfOrder
         > 1-out shows OutOfOrder",
    );
}

#[test]
fn soft_anti_passback_lets_in_and_tells() {
    check_with(
        leading_in(|room| room.passback = Passback::Soft),
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         2000 open 1
         > remember user 1 in area 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         3000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         10000 card 2-in 100
         > record Granted granted door 2 at 2-in Entry user 1 credential 1 key 1
         > record PassbackViolated granted door 2 at 2-in Entry user 1 credential 1 key 1
         > relay 2 pulse 5000
         > 2-in shows Granted
         > 2-out shows Unlocked
         > 15000 2-in shows Locked
         > 15000 2-out shows Locked
         > 15500 record NotEntered door 2 at 2-in Entry user 1 credential 1 key 1
         20000 wait",
    );
}

#[test]
fn one_door_of_a_mantrap_at_a_time() {
    check_with(
        leading_in(|room| room.interlock = Interlock::Entry),
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         1500 card 2-in 200
         > 2-in shows Denied
         > record Denied interlock door 2 at 2-in Entry user 2 credential 2 key 1
         2000 open 1
         > remember user 1 in area 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         3000 card 2-in 200
         > 2-in shows Denied
         > record Denied interlock door 2 at 2-in Entry user 2 credential 2 key 1
         3500 rex 2
         > relay 2 pulse 5000
         > record ExitRequested door 2
         > 2-in shows Unlocked
         > 2-out shows Unlocked
         3600 unrex 2
         4000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         > 8500 2-in shows Locked
         > 8500 2-out shows Locked
         9000 card 2-in 200
         > record Granted granted door 2 at 2-in Entry user 2 credential 2 key 1
         > relay 2 pulse 15000
         > 2-in shows Granted
         > 2-out shows Unlocked
         > 24000 2-in shows Locked
         > 24000 2-out shows Locked
         > 24500 record NotEntered door 2 at 2-in Entry user 2 credential 2 key 1
         30000 wait",
    );
}

#[test]
fn two_come_in_together() {
    check_with(
        leading_in(|room| room.two_person = TwoPerson::WhileEmpty),
        "0 running
         1000 card 1-in 100
         > 1-in shows Waiting
         2000 card 1-in 100
         > 1-in shows Waiting
         3000 card 1-in 200
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > record Granted granted door 1 at 1-in Entry user 2 credential 2 key 1
         > relay 1 pulse 15000
         > 1-in shows Granted
         > 1-out shows Unlocked
         4000 open 1
         > remember user 1 in area 1
         > remember user 2 in area 1
         > record Entered door 1 at 1-in Entry user 2 credential 2 key 1
         5000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         20000 wait",
    );
}

#[test]
fn the_first_of_two_does_not_wait_for_ever() {
    check_with(
        leading_in(|room| room.two_person = TwoPerson::Always),
        "0 running
         1000 card 1-in 100
         > 1-in shows Waiting
         > 16000 1-in shows Denied
         > 16000 record Denied second_person_needed door 1 at 1-in Entry user 1 credential 1 key 1
         17000 card 1-in 200
         > 1-in shows Waiting
         > 32000 1-in shows Denied
         > 32000 record Denied second_person_needed door 1 at 1-in Entry user 2 credential 2 key 1
         40000 wait",
    );
}

#[test]
fn a_full_area_takes_nobody_in_and_keeps_nobody() {
    check_with(
        leading_in(|room| room.occupancy_max = Some(1)),
        "0 running
         1000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         1500 card 2-in 200
         > 2-in shows Denied
         > record Denied area_full door 2 at 2-in Entry user 2 credential 2 key 1
         2000 open 1
         > remember user 1 in area 1
         > record Entered door 1 at 1-in Entry user 1 credential 1 key 1
         3000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         4000 card 2-in 200
         > 2-in shows Denied
         > record Denied area_full door 2 at 2-in Entry user 2 credential 2 key 1
         5000 rex 1
         > relay 1 pulse 5000
         > record ExitRequested door 1
         > 1-in shows Unlocked
         > 1-out shows Unlocked
         5500 card 1-out 100
         > record Granted granted door 1 at 1-out Exit user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Unlocked
         > 1-out shows Granted
         6000 open 1
         > remember user 1 outside
         > record Entered door 1 at 1-out Exit user 1 credential 1 key 1
         7000 unrex 1
         8000 close 1
         > record Closed door 1
         > relay 1 off
         > 1-in shows Locked
         > 1-out shows Locked
         20000 card 2-in 200
         > record Granted granted door 2 at 2-in Entry user 2 credential 2 key 1
         > relay 2 pulse 15000
         > 2-in shows Granted
         > 2-out shows Unlocked
         30000 wait",
    );
}

#[test]
fn many_denials_in_a_row_are_an_alarm_once() {
    check_with(
        |_| {},
        "0 running
         1000 card 1-in 300
         > 1-in shows Denied
         > record Denied no_grant door 1 at 1-in Entry user 3 credential 3
         2000 card 1-in 300
         > 1-in shows Denied
         > record Denied no_grant door 1 at 1-in Entry user 3 credential 3
         3000 card 1-in 300
         > 1-in shows Denied
         > record Denied no_grant door 1 at 1-in Entry user 3 credential 3
         4000 card 1-in 300
         > 1-in shows Denied
         > record Denied no_grant door 1 at 1-in Entry user 3 credential 3
         5000 card 1-in 300
         > 1-in shows Denied
         > record Denied no_grant door 1 at 1-in Entry user 3 credential 3
         > alarm RepeatedDenied Present
         > record AlarmRaised RepeatedDenied door 1 at 1-in Entry user 3 credential 3
         6000 card 1-in 300
         > 1-in shows Denied
         > record Denied no_grant door 1 at 1-in Entry user 3 credential 3
         7000 card 1-in 100
         > record Granted granted door 1 at 1-in Entry user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Granted
         > 1-out shows Unlocked
         > 12000 1-in shows Locked
         > 12000 1-out shows Locked
         > 12500 record NotEntered door 1 at 1-in Entry user 1 credential 1 key 1
         20000 wait",
    );
}

#[test]
fn a_card_is_learned_and_not_judged() {
    check_with(
        |_| {},
        "0 running
         1000 learn 1-in
         > 1-in shows Waiting
         2000 learn 1-in
         > learned 2 Err(Busy)
         3000 card 1-in 100
         > record CardLearned door 1 at 1-in card of 26 bits by uid 1000
         > learned 1 Ok(26)
         > 1-in shows Locked
         4000 card 1-in 300
         > 1-in shows Denied
         > record Denied no_grant door 1 at 1-in Entry user 3 credential 3
         5000 learn 2-in
         > 2-in shows Waiting
         6000 learn nowhere
         > learned 4 Err(ReaderUnknown)
         7000 reader 2-out offline
         > record ReaderOffline door 2 at 2-out
         8000 learn 2-out
         > learned 5 Err(ReaderOffline)
         > 17000 alarm ReaderOffline Present
         > 17000 record AlarmRaised ReaderOffline door 2 at 2-out
         > 25000 learned 3 Err(NoCard)
         > 25000 2-in shows Locked
         40000 card 2-in 300
         > 2-in shows Denied
         > record Denied no_grant door 2 at 2-in Entry user 3 credential 3
         50000 wait",
    );
}

#[test]
fn a_mantrap_waits_for_a_contact_that_is_not_seen_but_keeps_nobody_in() {
    check_with(
        leading_in(|room| room.interlock = Interlock::Both),
        "0 running
         1000 board hides inputs
         > alarm BoardOffline Present
         > record AlarmRaised BoardOffline board b
         2000 card 1-in 100
         > 1-in shows Denied
         > record Denied interlock door 1 at 1-in Entry user 1 credential 1 key 1
         3000 card 1-out 100
         > remember user 1 outside
         > record Granted granted door 1 at 1-out Exit user 1 credential 1 key 1
         > relay 1 pulse 5000
         > 1-in shows Unlocked
         > 1-out shows Granted
         4000 board inputs
         > alarm BoardOffline Gone
         > record AlarmCleared BoardOffline board b",
    );
}
