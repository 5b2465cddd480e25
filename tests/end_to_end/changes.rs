//! A change is in force at the doors before its answer is given.

use doorward_core::event::Reason;
use doorward_core::ids::UserId;
use doorward_core::model::{DoorMode, Record, UserState};

use crate::house::{House, Plan};
use crate::table::{ALL_DOORS, card, door, furnish, grant, user};

#[test]
fn what_the_api_has_answered_holds_at_the_next_card() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    for _ in 0..3 {
        house.tap(1, card(1));
        house.assert_granted(1);

        let taken = house
            .daemon()
            .call(async |client| client.take_key(UserId(1), ALL_DOORS).await);
        taken.unwrap();
        house.tap(1, card(1));
        house.assert_denied(1, Reason::NoGrant);

        let again = grant(1, ALL_DOORS);
        let given = house
            .daemon()
            .call(async |client| client.give_key(&again).await);
        given.unwrap();
        house.tap(1, card(1));
        house.assert_granted(1);

        house.put(vec![user(1, UserState::Suspended)]);
        house.tap(1, card(1));
        house.assert_denied(1, Reason::UserSuspended);
        house.put(vec![user(1, UserState::Active)]);
    }
    let mut locked = door(1);
    locked.mode = DoorMode::Locked;
    house.put(vec![Record::Door(locked)]);
    house.tap(1, card(1));
    house.assert_denied(1, Reason::DoorLocked);
}
