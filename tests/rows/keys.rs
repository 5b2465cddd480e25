//! Rows 25 to 27: keys, grants, blocking.

use doorward_api::{Changes, Client, ClientError, GrantBody, ListQuery, SendBody};
use doorward_core::event::Reason;
use doorward_core::ids::{DoorId, KeyId, UserId};
use doorward_core::model::{
    Block, Change, Grant, Holding, Interval, Key, QuickPick, Recipients, Record, RecordRef,
};
use doorward_core::time::Wall;

use crate::house::{House, Plan};
use crate::table::{ALL_DOORS, ALWAYS, card, furnish, holder, key};

const HOUR_MS: i64 = 3_600_000;

fn call<T>(house: &House, call: impl AsyncFnOnce(&Client) -> Result<T, ClientError>) -> T {
    house.daemon().call(call).unwrap()
}

fn house() -> House {
    let house = House::start(Plan::default());
    furnish(&house);
    house
}

fn now(house: &House) -> Wall {
    house.status().now
}

/// From so many hours from now, for so many hours.
fn hours(house: &House, from: i64, count: i64) -> Interval {
    let from = now(house).plus_ms(from * HOUR_MS);
    Interval {
        from: Some(from),
        until: Some(from.plus_ms(count * HOUR_MS)),
    }
}

#[test]
fn row_25_a_change_of_a_key_reaches_every_holder_at_once() {
    let mut house = house();
    house.put(holder(2, ALL_DOORS).to_vec());
    let window = |window| Key {
        window: Some(window),
        ..key(ALL_DOORS, ALWAYS, vec![DoorId(1)])
    };
    let over = window(hours(&house, -2, 1));
    call(&house, async |client| client.replace(&over).await);
    for id in [1, 2] {
        house.tap(1, card(id));
        house.assert_denied(1, Reason::KeyOutsideWindow);
    }
    let open = window(hours(&house, -1, 2));
    call(&house, async |client| client.replace(&open).await);
    house.tap(1, card(2));
    house.assert_granted(1);
    // A grant has intervals of its own only where the key has no window.
    let own = Grant {
        user: UserId(2),
        key: ALL_DOORS,
        intervals: vec![hours(&house, 0, 1)],
    };
    let refused = house
        .daemon()
        .call(async |client| client.give_key(&own).await)
        .unwrap_err();
    assert!(refused.to_string().contains("one window"), "{refused}");

    let gone = call(&house, async |client| {
        client.preview_delete::<Key>(ALL_DOORS).await
    });
    let impact = gone.impact.unwrap();
    assert_eq!((impact.users, impact.grants_removed), (2, 2));
    house.tap(1, card(1));
    house.assert_granted(1);
    call(&house, async |client| client.delete::<Key>(ALL_DOORS).await);
    house.tap(1, card(1));
    house.assert_denied(1, Reason::NoGrant);
}

#[test]
fn row_26_grants_have_intervals_and_are_revoked_one_by_one_or_all() {
    let mut house = house();
    house.put(holder(2, ALL_DOORS).to_vec());
    let (past, present) = (hours(&house, -3, 1), hours(&house, -1, 2));
    let booked = Grant {
        user: UserId(2),
        key: ALL_DOORS,
        intervals: vec![past, present],
    };
    call(&house, async |client| client.give_key(&booked).await);
    house.tap(1, card(2));
    house.assert_granted(1);
    let revoke = async |client: &Client, interval| {
        client.revoke_interval(UserId(2), ALL_DOORS, interval).await
    };
    call(&house, async |client| revoke(client, &present).await);
    house.tap(1, card(2));
    house.assert_denied(1, Reason::GrantNotValid);
    // With the last interval the grant goes: it does not become one for always.
    call(&house, async |client| revoke(client, &past).await);
    house.tap(1, card(2));
    house.assert_denied(1, Reason::NoGrant);

    let quick = GrantBody {
        quick: Some(QuickPick::Today),
        ..GrantBody::default()
    };
    let given = call(&house, async |client| {
        client.give_key_as(UserId(2), ALL_DOORS, &quick).await
    });
    assert_eq!(given.record.intervals.len(), 1);
    house.tap(1, card(2));
    house.assert_granted(1);
    let tomorrow = GrantBody {
        quick: Some(QuickPick::Tomorrow),
        time_zone: Some("Europe/Prague".to_owned()),
        ..GrantBody::default()
    };
    call(&house, async |client| {
        client.give_key_as(UserId(2), ALL_DOORS, &tomorrow).await
    });
    house.tap(1, card(2));
    house.assert_denied(1, Reason::GrantNotValid);

    let before = call(&house, async |client| {
        client.revoke_all_of(UserId(1), true).await
    });
    assert_eq!(before.impact.unwrap().grants_removed, 1);
    call(&house, async |client| {
        client.revoke_all_of(UserId(1), false).await
    });
    house.tap(1, card(1));
    house.assert_denied(1, Reason::NoGrant);
}

#[test]
fn row_26_a_key_is_sent_to_many_in_one_change() {
    let mut house = house();
    for id in 2..5 {
        let mut records = holder(id, ALL_DOORS).to_vec();
        records.pop();
        house.put(records);
    }
    let to = |ids: &[u32]| Recipients {
        users: ids.iter().copied().map(UserId).collect(),
        ..Recipients::default()
    };
    let wrong = SendBody {
        to: to(&[2, 99]),
        ..SendBody::default()
    };
    let refused = house
        .daemon()
        .call(async |client| client.send_key(ALL_DOORS, &wrong, false).await)
        .unwrap_err();
    assert!(refused.to_string().contains("no user 99"), "{refused}");
    let revision = house.status().revision;
    let body = SendBody {
        to: to(&[1, 2, 3, 4]),
        quick: Some(QuickPick::OneWeek),
        holding: Holding::Extend,
        ..SendBody::default()
    };
    let dry = call(&house, async |client| {
        client.send_key(ALL_DOORS, &body, true).await
    });
    let impact = dry.impact.unwrap();
    // User 1 holds it for always already.
    assert_eq!((impact.users, impact.grants_put), (3, 3));
    assert_eq!(house.status().revision, revision);
    let sent = call(&house, async |client| {
        client.send_key(ALL_DOORS, &body, false).await
    });
    assert_eq!(sent.revision, revision + 1);
    for id in 1..5 {
        house.tap(1, card(id));
        house.assert_granted(1);
    }
    let holders = call(&house, async |client| {
        client.key_holders(ALL_DOORS, &ListQuery::default()).await
    });
    let intervals: Vec<_> = holders
        .items
        .iter()
        .map(|grant| grant.intervals.len())
        .collect();
    assert_eq!(intervals, [0, 1, 1, 1]);
    call(&house, async |client| {
        client.revoke_from_all(ALL_DOORS, false).await
    });
    house.tap(1, card(3));
    house.assert_denied(1, Reason::NoGrant);
}

#[test]
fn row_27_a_blocked_key_opens_nothing_until_its_time() {
    let mut house = house();
    let block = |until| Block {
        reason: "renovation".to_owned(),
        until,
    };
    let later = now(&house).plus_ms(HOUR_MS);
    call(&house, async |client| {
        client.block_key(ALL_DOORS, &block(Some(later))).await
    });
    house.tap(1, card(1));
    house.assert_denied(1, Reason::KeyBlocked);
    let held = call(&house, async |client| {
        client.user_keys(UserId(1), &ListQuery::default()).await
    });
    assert_eq!(held.items.len(), 1, "holders keep it");
    let over = now(&house).plus_ms(-1);
    call(&house, async |client| {
        client.block_key(ALL_DOORS, &block(Some(over))).await
    });
    house.tap(1, card(1));
    house.assert_granted(1);
    call(&house, async |client| {
        client.block_key(ALL_DOORS, &block(None)).await
    });
    house.tap(1, card(1));
    house.assert_denied(1, Reason::KeyBlocked);
    call(&house, async |client| client.unblock_key(ALL_DOORS).await);
    house.tap(1, card(1));
    house.assert_granted(1);
}

#[test]
fn bad_input_is_refused_whole_with_every_problem_listed() {
    let house = house();
    let revision = house.status().revision;
    let backwards = Interval {
        from: Some(Wall(2_000)),
        until: Some(Wall(1_000)),
    };
    let mut no_doors = key(KeyId(2), ALWAYS, vec![]);
    no_doors.name = "left\u{202E}right".to_owned();
    no_doors.window = Some(Interval {
        from: Some("1900-01-01T00:00:00Z".parse().unwrap()),
        until: Some("9999-01-01T00:00:00Z".parse().unwrap()),
    });
    let grant = |key| Grant {
        user: UserId(1),
        key,
        intervals: vec![backwards],
    };
    let changes = Changes {
        changes: vec![
            Change::Put(Record::Key(no_doors)),
            Change::Put(Record::Grant(grant(KeyId(2)))),
            Change::Remove(RecordRef::DoorGroup(7.into())),
        ],
    };
    let refused = house
        .daemon()
        .call(async |client| client.apply(&changes, None).await)
        .unwrap_err();
    let ClientError::Problem(problem) = refused else {
        panic!("{refused}")
    };
    let mut fields: Vec<_> = problem
        .problems
        .iter()
        .map(|problem| problem.field.as_str())
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "changes[0].doors",
            "changes[0].name",
            "changes[0].window.from",
            "changes[0].window.until",
            "changes[1].intervals",
            "changes[1].intervals[0].until",
            "changes[2]",
        ]
    );
    assert_eq!(house.status().revision, revision);
}
