//! Nobody gets in who should not, and the log says why.

use doorward_core::event::Reason;
use doorward_core::ids::{DoorId, KeyId};
use doorward_core::model::{Block, Record, UserState};

use crate::house::{House, Plan};
use crate::table::{
    ALL_DOORS, ALWAYS, ANOTHER_DAY, card, credential, furnish, grant, holder, key, odd_card, user,
};

#[test]
fn whoever_has_no_right_is_denied_with_the_reason() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    let [other_day, blocked] = [KeyId(2), KeyId(3)];
    let mut blocked_key = key(blocked, ALWAYS, vec![DoorId(1)]);
    blocked_key.blocked = Some(Block {
        reason: "the lock is being repaired".to_owned(),
        until: None,
    });
    let mut records = vec![
        Record::Key(key(other_day, ANOTHER_DAY, vec![DoorId(1)])),
        Record::Key(blocked_key),
        user(2, UserState::Suspended),
        credential(2),
        Record::Grant(grant(2, ALL_DOORS)),
        user(5, UserState::Active),
        credential(5),
    ];
    records.extend(holder(3, other_day));
    records.extend(holder(4, blocked));
    house.put(records);

    for (number, reason) in [
        (2, Reason::UserSuspended),
        (3, Reason::OutsideSchedule),
        (4, Reason::KeyBlocked),
        (5, Reason::NoGrant),
    ] {
        house.tap(1, card(number));
        let row = house.assert_denied(1, reason);
        assert_eq!(row.event.user.map(|user| user.0), Some(number.into()));
        assert_eq!(
            row.event.card, None,
            "a known card is told by its credential"
        );
    }
    for bits in [card(4711), odd_card()] {
        house.tap(1, bits);
        let row = house.assert_denied(1, Reason::CardUnknown);
        assert_eq!(row.event.card, Some(bits), "to enrol it from its event");
        assert_eq!(row.event.credential, None);
    }

    house.tap(1, card(1));
    house.assert_granted(1);
}
