//! Rows 28, 31 and 37 to 39: credentials, what doors ask for, alarms, areas.

use doorward_api::{
    AlarmNote, AlarmsQuery, Client, ClientError, EnrolBody, ForgiveBody, ListQuery,
};
use doorward_core::alarm::AlarmKind;
use doorward_core::alarm_log::AlarmRecord;
use doorward_core::event::{EventKind, Reason};
use doorward_core::ids::{AreaId, CredentialId, PlaceId, UserId};
use doorward_core::model::{
    Area, AuthMethod, Authentication, Change, Credential, CredentialState, Door, Interlock,
    Passback, Record, RecordRef, Relock, ScheduledMethod, TwoPerson,
};
use doorward_tests::osdp_peer::orders::ReaderSaw;

use crate::house::{AMBER, House, Plan, SOON};
use crate::table::{
    ALL_DOORS, ALWAYS, ANOTHER_DAY, card, door, furnish, holder, odd_card, slow_door,
};

const ROOM: AreaId = AreaId(1);

fn call<T>(house: &House, call: impl AsyncFnOnce(&Client) -> Result<T, ClientError>) -> T {
    house.daemon().call(call).unwrap()
}

fn refused<T>(house: &House, call: impl AsyncFnOnce(&Client) -> Result<T, ClientError>) -> String {
    match house.daemon().call(call) {
        Ok(_) => panic!("it was not refused"),
        Err(error) => error.to_string(),
    }
}

fn house(doors: usize) -> House {
    let house = House::start(Plan {
        secure: vec![true; doors],
        ..Plan::default()
    });
    furnish(&house);
    house.put(holder(2, ALL_DOORS).to_vec());
    house
}

fn ask(house: &House, authentication: Authentication) {
    house.put(vec![Record::Door(Door {
        authentication,
        ..door(1)
    })]);
}

fn method(method: AuthMethod) -> Authentication {
    Authentication {
        method,
        scheduled: Vec::new(),
    }
}

fn press(house: &mut House, keys: &str) {
    house.readers.press_keys("reader-0", keys).unwrap();
}

/// Waits until the reader of door 1 shows that it waits for more.
fn wait_waiting(house: &mut House) {
    let shown = house.readers.wait_for("the waiting light", SOON, |report| {
        let is_light = matches!(report.saw, ReaderSaw::Led {
            temporary_code: 2, temporary_on_color, ..
        } if temporary_on_color == AMBER);
        (report.name == "reader-0" && is_light).then_some(())
    });
    shown.unwrap();
}

#[test]
fn row_28_a_removed_card_is_its_own_reason_until_somebody_else_has_it() {
    let mut house = house(1);
    let mut lost: Credential = call(&house, async |client| client.record(CredentialId(2)).await);
    for (state, reason) in [
        (CredentialState::Pending, Reason::CredentialPending),
        (CredentialState::Inactive, Reason::CredentialInactive),
        (CredentialState::Removed, Reason::CredentialRemoved),
    ] {
        lost.state = state;
        call(&house, async |client| client.replace(&lost).await);
        house.tap(1, card(2));
        house.assert_denied(1, reason);
    }
    let again = Credential {
        user: Some(UserId(1)),
        state: CredentialState::Active,
        ..lost
    };
    call(&house, async |client| client.create(&again).await);
    house.tap(1, card(2));
    let row = house.assert_granted(1);
    assert_eq!(row.event.user, Some(UserId(1)));
}

#[test]
fn row_28_an_unknown_card_is_enrolled_from_its_event() {
    let mut house = house(1);
    house.tap(1, card(77));
    let unknown = house.assert_denied(1, Reason::CardUnknown);
    let body = EnrolBody {
        user: Some(UserId(2)),
        ..EnrolBody::default()
    };
    call(&house, async |client| {
        client.enrol(unknown.seq, &body).await
    });
    house.tap(1, card(77));
    assert_eq!(house.assert_granted(1).event.user, Some(UserId(2)));
    let twice = refused(&house, async |client| {
        client.enrol(unknown.seq, &body).await
    });
    assert!(twice.contains("is the card of credential"), "{twice}");
    let granted = unknown.seq + 1;
    let none = refused(&house, async |client| client.enrol(granted, &body).await);
    assert!(none.contains("tells no card"), "{none}");
}

#[test]
fn row_28_a_card_is_learned_at_a_reader_by_its_bits() {
    let mut house = house(1);
    let socket = house.dir.path().join("api.sock");
    let learning = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async { Client::new(socket).learn_card("reader-0").await })
    });
    wait_waiting(&mut house);
    house.tap(1, odd_card());
    let learned = learning.join().unwrap().unwrap();
    assert_eq!((learned.bits, learned.numbers.len()), (odd_card(), 0));
    let row = house.next_of(EventKind::CardLearned);
    assert!(row.event.actor.is_some());
    let body = EnrolBody {
        user: Some(UserId(1)),
        ..EnrolBody::default()
    };
    call(&house, async |client| client.enrol(row.seq, &body).await);
    house.tap(1, odd_card());
    house.assert_granted(1);
    let nowhere = refused(&house, async |client| client.learn_card("nowhere").await);
    assert!(nowhere.contains("no such reader"), "{nowhere}");
}

#[test]
fn row_31_a_schedule_says_what_a_door_asks_for() {
    let mut house = house(1);
    let during = |schedule| Authentication {
        method: AuthMethod::CardAndPin,
        scheduled: vec![ScheduledMethod {
            schedule,
            method: AuthMethod::Card,
        }],
    };
    call(&house, async |client| {
        client.create_pin(Some(UserId(1)), "2468", false, "").await
    });
    ask(&house, during(ALWAYS));
    house.tap(1, card(1));
    house.assert_granted(1);
    ask(&house, during(ANOTHER_DAY));
    house.tap(1, card(1));
    wait_waiting(&mut house);
    press(&mut house, "2468#");
    house.assert_granted(1);
}

#[test]
fn row_38_pins_open_alone_or_with_a_card_as_the_door_asks() {
    let mut house = house(1);
    let pin = async |client: &Client, user, pin: &str| {
        client.create_pin(Some(UserId(user)), pin, false, "").await
    };
    let made = call(&house, async |client| pin(client, 1, "2468").await);
    let shown = serde_json::to_string(&made).unwrap();
    assert!(!shown.contains("2468"), "{shown}");
    call(&house, async |client| pin(client, 2, "13579").await);
    let short = refused(&house, async |client| pin(client, 1, "12").await);
    assert!(short.contains("4 to 12 digits"), "{short}");

    // At a door that takes cards only.
    press(&mut house, "2468#");
    house.assert_denied(1, Reason::CardRequired);
    ask(&house, method(AuthMethod::CardOrPin));
    press(&mut house, "2468#");
    assert_eq!(house.assert_granted(1).event.user, Some(UserId(1)));
    house.tap(1, card(2));
    house.assert_granted(1);
    ask(&house, method(AuthMethod::Pin));
    press(&mut house, "1*13579#");
    assert_eq!(house.assert_granted(1).event.user, Some(UserId(2)));
    // Whose a PIN is must be clear at a door that opens by PIN alone.
    let taken = refused(&house, async |client| pin(client, 2, "2468").await);
    assert!(taken.contains("choose another PIN"), "{taken}");

    ask(&house, method(AuthMethod::CardAndPin));
    house.tap(1, card(1));
    wait_waiting(&mut house);
    press(&mut house, "2468#");
    house.assert_granted(1);
    // Somebody else's PIN is none for this card.
    house.tap(1, card(1));
    wait_waiting(&mut house);
    press(&mut house, "13579#");
    house.assert_denied(1, Reason::PinWrong);
}

#[test]
fn row_38_duress_opens_and_alarms_in_silence() {
    let mut house = house(1);
    ask(&house, method(AuthMethod::CardOrPin));
    call(&house, async |client| {
        client.create_pin(Some(UserId(1)), "8642", true, "").await
    });
    press(&mut house, "8642#");
    house.assert_granted(1);
    let alarm = house.wait_alarm(AlarmKind::Duress);
    let query = AlarmsQuery {
        standing: true,
        ..AlarmsQuery::default()
    };
    let standing = call(&house, async |client| client.alarm_log(&query).await);
    let [found] = &standing.alarms[..] else {
        panic!("{standing:?}");
    };
    assert_eq!(
        (found.user, &found.subject),
        (Some(UserId(1)), &alarm.subject)
    );

    // It stands over a restart, until somebody clears it.
    house.take_daemon().kill().unwrap();
    house.start_daemon();
    house.wait_wired();
    house.wait_alarm(AlarmKind::Duress);
    let number = found.number;
    let note = AlarmNote {
        note: "police called".to_owned(),
    };
    call(&house, async |client| {
        client.clear_alarm(number, &note).await
    });
    house.wait_no_alarm(AlarmKind::Duress);
}

#[test]
fn row_38_a_guesser_is_locked_out_over_a_restart() {
    let mut house = house(1);
    ask(&house, method(AuthMethod::Pin));
    call(&house, async |client| {
        client.create_pin(Some(UserId(1)), "2468", false, "").await
    });
    for guess in ["0000#", "1111#", "2222#", "3333#", "4444#"] {
        press(&mut house, guess);
        house.assert_denied(1, Reason::PinUnknown);
    }
    house.wait_alarm(AlarmKind::RepeatedDenied);
    press(&mut house, "2468#");
    house.assert_denied(1, Reason::PinLockedOut);
    house.take_daemon().kill().unwrap();
    house.start_daemon();
    house.wait_wired();
    press(&mut house, "2468#");
    house.assert_denied(1, Reason::PinLockedOut);
}

#[test]
fn row_37_an_alarm_is_seen_and_has_a_history() {
    let mut house = house(1);
    house.set_open(1, true);
    house.next_of(EventKind::ForcedOpen);
    house.wait_alarm(AlarmKind::ForcedOpen);
    let newest = async |client: &Client, standing| {
        let query = AlarmsQuery {
            standing,
            limit: Some(1),
            ..AlarmsQuery::default()
        };
        let page = client.alarm_log(&query).await?;
        Ok(page.alarms.into_iter().next())
    };
    let find = |house: &House, standing| -> Option<AlarmRecord> {
        call(house, async |client| newest(client, standing).await)
    };
    let raised = find(&house, true).unwrap();
    assert_eq!(raised.kind, AlarmKind::ForcedOpen);
    let number = raised.number;
    let note = AlarmNote::default();
    let still = refused(&house, async |client| {
        client.clear_alarm(number, &note).await
    });
    assert!(still.contains("still so"), "{still}");

    house.set_open(1, false);
    house.wait_no_alarm(AlarmKind::ForcedOpen);
    let ended = find(&house, true).unwrap();
    assert!(ended.ended.is_some(), "nobody has seen it: {ended:?}");
    let seen = AlarmNote {
        note: "the wind".to_owned(),
    };
    let seen = call(&house, async |client| {
        client.acknowledge_alarm(number, &seen).await
    });
    assert!(!seen.stands());
    assert_eq!(find(&house, true), None);
    house.take_daemon().kill().unwrap();
    house.start_daemon();
    let history = call(&house, async |client| {
        client.alarm_log(&AlarmsQuery::default()).await
    });
    let kept = history
        .alarms
        .into_iter()
        .find(|alarm| alarm.number == number);
    let kept = kept.unwrap();
    assert_eq!(kept.acknowledged.unwrap().note, "the wind");
    let marks = house
        .log()
        .into_iter()
        .filter(|row| row.event.of == Some(number));
    assert_eq!(marks.count(), 1);
}

fn room(house: &House, doors: u32, change: impl FnOnce(&mut Area)) {
    let mut room = Area {
        id: ROOM,
        name: "Vault".to_owned(),
        place: PlaceId(1),
        passback: Passback::Off,
        passback_s: 0,
        occupancy_max: None,
        two_person: TwoPerson::Off,
        interlock: Interlock::Off,
    };
    change(&mut room);
    let doors = (1..=doors).map(|id| {
        Record::Door(Door {
            inside: Some(ROOM),
            ..slow_door(id, Relock::OnClose)
        })
    });
    house.put([Record::Area(room)].into_iter().chain(doors).collect());
}

/// Somebody is let in, opens the door and closes it behind them.
fn come_in(house: &mut House, nth: usize, number: u16) {
    house.tap(nth, card(number));
    house.wait_coil(nth, true);
    house.next_of(EventKind::Granted);
    house.set_open(nth, true);
    house.next_of(EventKind::Entered);
    house.set_open(nth, false);
    house.next_of(EventKind::Closed);
    house.wait_coil(nth, false);
}

/// Each decision in the log can be explained afterwards, by what went on at the site then.
#[track_caller]
fn assert_all_explained(house: &House) {
    let decisions: Vec<u64> = house
        .log()
        .iter()
        .filter(|row| matches!(row.event.kind, EventKind::Granted | EventKind::Denied))
        .map(|row| row.seq)
        .collect();
    assert!(!decisions.is_empty());
    for seq in decisions {
        let why = call(house, async |client| client.event_why(seq).await);
        assert!(why.agrees, "{why:#?}");
        assert_eq!(why.site_from, 1);
    }
}

#[test]
fn row_39_nobody_comes_in_twice_until_they_are_forgiven() {
    let mut house = house(1);
    room(&house, 1, |room| room.passback = Passback::Hard);
    come_in(&mut house, 1, 1);
    house.tap(1, card(1));
    house.assert_denied(1, Reason::AntiPassback);
    house.take_daemon().kill().unwrap();
    house.start_daemon();
    house.wait_wired();
    house.tap(1, card(1));
    house.assert_denied(1, Reason::AntiPassback);
    let query = ListQuery::default();
    let inside = call(&house, async |client| client.inside(ROOM, &query).await);
    let users: Vec<_> = inside.items.iter().map(|person| person.user).collect();
    assert_eq!(users, [UserId(1)]);

    let whom = ForgiveBody {
        user: Some(UserId(1)),
        ..ForgiveBody::default()
    };
    call(&house, async |client| client.forgive(&whom).await);
    house.next_of(EventKind::Forgiven);
    come_in(&mut house, 1, 1);
    let nobody = refused(&house, async |client| {
        client.forgive(&ForgiveBody::default()).await
    });
    assert!(nobody.contains("exactly one of"), "{nobody}");
    // An area that a door leads to stays.
    let gone = [Change::Remove(RecordRef::Area(ROOM))].to_vec();
    let changes = doorward_api::Changes { changes: gone };
    let used = refused(&house, async |client| client.apply(&changes, None).await);
    assert!(used.contains("still used"), "{used}");
    assert_all_explained(&house);
    // Whoever is in the table no more is nowhere.
    house.change(vec![Change::Remove(RecordRef::User(UserId(1)))]);
    let inside = call(&house, async |client| client.inside(ROOM, &query).await);
    assert!(inside.items.is_empty(), "{inside:?}");
}

#[test]
fn row_39_two_come_in_together_and_no_more_than_there_is_room_for() {
    let mut house = house(2);
    house.put(holder(3, ALL_DOORS).to_vec());
    room(&house, 2, |room| {
        room.two_person = TwoPerson::WhileEmpty;
        room.occupancy_max = Some(2);
    });
    house.tap(1, card(1));
    wait_waiting(&mut house);
    come_in(&mut house, 1, 2);
    let entered = call(&house, async |client| {
        client.inside(ROOM, &ListQuery::default()).await
    });
    assert_eq!(entered.items.len(), 2);
    house.tap(2, card(3));
    house.assert_denied(2, Reason::AreaFull);
    assert_all_explained(&house);
}

#[test]
fn row_39_a_mantrap_opens_one_door_at_a_time() {
    let mut house = house(2);
    room(&house, 2, |room| room.interlock = Interlock::Entry);
    house.tap(1, card(1));
    house.wait_coil(1, true);
    house.next_of(EventKind::Granted);
    house.tap(2, card(2));
    house.assert_denied(2, Reason::Interlock);
    house.set_open(1, true);
    house.next_of(EventKind::Entered);
    house.tap(2, card(2));
    house.assert_denied(2, Reason::Interlock);
    house.set_open(1, false);
    house.wait_coil(1, false);
    come_in(&mut house, 2, 2);
    assert_all_explained(&house);
}
