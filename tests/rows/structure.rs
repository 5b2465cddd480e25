//! Rows 1 to 5: places, doors, sharing, door groups, companies.

use doorward_api::{Client, ClientError, ListQuery, ProblemDetails};
use doorward_core::event::Reason;
use doorward_core::ids::{CompanyId, DoorGroupId, DoorId, KeyId, PlaceId, UserId};
use doorward_core::model::{
    Company, Door, DoorGroup, Grant, Key, Language, Place, Problem, Record, Share, User, UserState,
};

use crate::house::{House, Plan};
use crate::table::{ALL_DOORS, ALWAYS, card, door, furnish, grant, holder, key, user};

const ANNEX: PlaceId = PlaceId(2);

fn annex() -> Place {
    Place {
        id: ANNEX,
        name: "Annex".to_owned(),
        parent: Some(PlaceId(1)),
        details: "Behind the garden".to_owned(),
        category: "Ward".to_owned(),
        support: "Ring 42".to_owned(),
        users_max: Some(2),
        language: Some(Language::Swedish),
        log_retention_days: Some(30),
        ..Place::default()
    }
}

fn call<T>(house: &House, call: impl AsyncFnOnce(&Client) -> Result<T, ClientError>) -> T {
    house.daemon().call(call).unwrap()
}

/// What a call is refused with: every problem as `field: message`, or every reason.
fn refused<T: std::fmt::Debug>(
    house: &House,
    call: impl AsyncFnOnce(&Client) -> Result<T, ClientError>,
) -> Vec<String> {
    let problem: ProblemDetails = match house.daemon().call(call).unwrap_err() {
        ClientError::Problem(problem) => *problem,
        other => panic!("{other}"),
    };
    if problem.problems.is_empty() {
        return problem.detail.split("; ").map(str::to_owned).collect();
    }
    let told = |problem: &Problem| format!("{}: {}", problem.field, problem.message);
    problem.problems.iter().map(told).collect()
}

fn two_doors() -> House {
    let house = House::start(Plan {
        secure: vec![true, true],
        ..Plan::default()
    });
    furnish(&house);
    house
}

#[test]
fn row_01_a_place_is_found_by_its_details_and_stays_while_it_owns_something() {
    let house = House::start(Plan::default());
    furnish(&house);
    house.put(vec![Record::Place(annex())]);
    let query = ListQuery {
        q: Some("GARDEN".to_owned()),
        ..ListQuery::default()
    };
    let found = call(&house, async |client| client.list::<Place>(&query).await);
    assert_eq!(found.items, [annex()]);

    let inside = |id| {
        let Record::User(user) = user(id, UserState::Active) else {
            unreachable!()
        };
        User {
            place: Some(ANNEX),
            ..user
        }
    };
    house.put(vec![Record::User(inside(7)), Record::User(inside(8))]);
    let full = refused(&house, async |client| client.create(&inside(9)).await);
    assert_eq!(full, ["place: place 2 takes 2 users, and would have more"]);
    let users = call(&house, async |client| {
        client.place_users(ANNEX, &ListQuery::default()).await
    });
    assert_eq!(users.items.len(), 2);

    house.put(
        vec![Record::Key(Key {
            place: ANNEX,
            ..key(KeyId(5), ALWAYS, vec![DoorId(1)])
        })]
        .into_iter()
        .chain([Record::Share(Share {
            door: DoorId(1),
            place: ANNEX,
        })])
        .collect(),
    );
    let used = refused(&house, async |client| client.delete::<Place>(ANNEX).await);
    assert_eq!(
        used,
        [
            "place 2 is still used by key 5 `Key 5`",
            "place 2 is still used by user 7 `User 7`",
            "place 2 is still used by user 8 `User 8`",
        ]
    );
    let itself = Place {
        parent: Some(ANNEX),
        ..annex()
    };
    let cycle = refused(&house, async |client| client.replace(&itself).await);
    assert_eq!(cycle, ["parent: place 2 would be part of itself"]);
    let contents = call(&house, async |client| client.place_contents(ANNEX).await);
    assert_eq!(contents.keys, [KeyId(5)]);
    assert_eq!(contents.shared_doors, [DoorId(1)]);
    assert_eq!(contents.users, 2);

    call(&house, async |client| client.delete::<Key>(KeyId(5)).await);
    for id in [7, 8] {
        call(&house, async |client| {
            client.delete::<User>(UserId(id)).await
        });
    }
    call(&house, async |client| client.delete::<Place>(ANNEX).await);
}

#[test]
fn row_02_a_door_is_renamed_and_says_who_can_open_it() {
    let mut house = two_doors();
    let following = Key {
        flags: doorward_core::model::KeyFlags {
            name_follows_door: true,
            ..doorward_core::model::KeyFlags::default()
        },
        name: String::new(),
        ..key(KeyId(2), ALWAYS, vec![DoorId(2)])
    };
    let made = call(&house, async |client| client.create(&following).await);
    assert_eq!(made.record.name, "Door 2");
    house.put(holder(2, made.record.id).to_vec());
    let renamed = Door {
        name: "Pharmacy".to_owned(),
        ..door(2)
    };
    call(&house, async |client| client.replace(&renamed).await);
    let named = call(&house, async |client| {
        client.record::<Key>(made.record.id).await
    });
    assert_eq!(named.name, "Pharmacy");
    let users = |house: &House, door| {
        let page = call(house, async |client| {
            client.door_users(DoorId(door), &ListQuery::default()).await
        });
        page.items
            .into_iter()
            .map(|found| found.user.id.0)
            .collect::<Vec<_>>()
    };
    assert_eq!(users(&house, 1), [1]);
    assert_eq!(users(&house, 2), [1, 2]);
    house.tap(2, card(2));
    house.assert_granted(2);
    house.tap(1, card(2));
    house.assert_denied(1, Reason::NoGrant);
}

#[test]
fn row_03_a_shared_door_opens_until_it_is_withdrawn() {
    let mut house = two_doors();
    house.put(vec![Record::Place(annex())]);
    let annex_key = Key {
        place: ANNEX,
        ..key(KeyId(2), ALWAYS, vec![DoorId(2)])
    };
    let early = refused(&house, async |client| client.create(&annex_key).await);
    assert_eq!(
        early,
        ["doors[0]: door 2 belongs to place 1 and is not shared to place 2"]
    );
    let share = Share {
        door: DoorId(2),
        place: ANNEX,
    };
    call(&house, async |client| client.share_door(share).await);
    let made = call(&house, async |client| client.create(&annex_key).await);
    let annex_key = made.record.id;
    house.put(holder(2, annex_key).to_vec());
    house.tap(2, card(2));
    house.assert_granted(2);

    // What it would do is known before it is done.
    let before = call(&house, async |client| {
        client.withdraw_door(share, true).await
    });
    let impact = before.impact.unwrap();
    assert_eq!(impact.users, 1);
    assert_eq!(impact.keys_without_doors, [annex_key]);
    house.tap(2, card(2));
    house.assert_granted(2);

    call(&house, async |client| {
        client.withdraw_door(share, false).await
    });
    house.tap(2, card(2));
    house.assert_denied(2, Reason::NoGrant);
    house.tap(2, card(1));
    house.assert_granted(2);
    let keys = call(&house, async |client| {
        client.keys(&ListQuery::default()).await
    });
    let flags: Vec<_> = keys
        .items
        .iter()
        .map(|view| (view.key.id, view.without_doors))
        .collect();
    assert_eq!(flags, [(ALL_DOORS, false), (annex_key, true)]);
}

#[test]
fn row_03_a_door_that_moves_is_shared_back() {
    let mut house = two_doors();
    house.put(vec![Record::Place(annex())]);
    call(&house, async |client| {
        client.move_door(DoorId(2), ANNEX).await
    });
    let moved = call(&house, async |client| {
        client.record::<Door>(DoorId(2)).await
    });
    assert_eq!(moved.place, ANNEX);
    let shares = call(&house, async |client| client.door_shares(DoorId(2)).await);
    let back = Share {
        door: DoorId(2),
        place: PlaceId(1),
    };
    assert_eq!(shares.items, [back]);
    house.tap(2, card(1));
    house.assert_granted(2);
    call(&house, async |client| {
        client.withdraw_door(back, false).await
    });
    house.tap(2, card(1));
    house.assert_denied(2, Reason::NoGrant);
}

#[test]
fn row_04_a_key_opens_whatever_doors_its_group_has() {
    let mut house = two_doors();
    let group = DoorGroup {
        id: DoorGroupId(0),
        name: "Outer doors".to_owned(),
        place: PlaceId(1),
        doors: vec![DoorId(1)],
        ..DoorGroup::default()
    };
    let made = call(&house, async |client| client.create(&group).await);
    let group = made.record;
    let grouped = Key {
        groups: vec![group.id],
        ..key(KeyId(2), ALWAYS, vec![])
    };
    let made = call(&house, async |client| client.create(&grouped).await);
    house.put(holder(2, made.record.id).to_vec());
    house.tap(1, card(2));
    house.assert_granted(1);
    house.tap(2, card(2));
    house.assert_denied(2, Reason::NoGrant);

    let other = DoorGroup {
        doors: vec![DoorId(2)],
        ..group
    };
    call(&house, async |client| client.replace(&other).await);
    house.tap(2, card(2));
    house.assert_granted(2);
    house.tap(1, card(2));
    house.assert_denied(1, Reason::NoGrant);
    let doors = call(&house, async |client| {
        client.user_doors(UserId(2), &ListQuery::default()).await
    });
    let doors: Vec<_> = doors.items.iter().map(|found| found.door.id.0).collect();
    assert_eq!(doors, [2]);
    let how = call(&house, async |client| {
        client
            .key_doors(made.record.id, &ListQuery::default())
            .await
    });
    assert_eq!(how.items[0].groups, [group.id]);
    assert!(!how.items[0].listed && !how.items[0].shared);
}

#[test]
fn row_05_users_belong_to_companies_and_a_key_goes_to_all_of_one() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    let company = Company {
        id: CompanyId(0),
        name: "Clean & Co".to_owned(),
        place: PlaceId(1),
        details: String::new(),
    };
    let made = call(&house, async |client| client.create(&company).await);
    let company = made.record.id;
    for id in [2, 3] {
        let mut records = holder(id, ALL_DOORS).to_vec();
        records.pop();
        if let Record::User(user) = &mut records[0] {
            user.company = Some(company);
        }
        house.put(records);
    }
    let users = call(&house, async |client| {
        client.company_users(company, &ListQuery::default()).await
    });
    assert_eq!(users.items.len(), 2);
    let used = refused(&house, async |client| {
        client.delete::<Company>(company).await
    });
    assert_eq!(used.len(), 2, "{used:?}");
    house.tap(1, card(3));
    house.assert_denied(1, Reason::NoGrant);
    let body = doorward_api::SendBody {
        to: doorward_core::model::Recipients {
            companies: vec![company],
            ..doorward_core::model::Recipients::default()
        },
        ..doorward_api::SendBody::default()
    };
    let sent = call(&house, async |client| {
        client.send_key(ALL_DOORS, &body, false).await
    });
    assert_eq!(sent.put.len(), 2);
    house.tap(1, card(3));
    house.assert_granted(1);
    let held: Vec<Grant> = call(&house, async |client| {
        client.user_keys(UserId(3), &ListQuery::default()).await
    })
    .items;
    assert_eq!(held, [grant(3, ALL_DOORS)]);
}
