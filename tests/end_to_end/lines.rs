//! Bad luck with cables, readers and boards: the other doors go on, and somebody is told.

use doorward_core::alarm::{AlarmKind, AlarmSubject};
use doorward_core::event::{EventKind, Reason};
use doorward_core::ids::{DoorId, UserId};
use doorward_core::model::{Record, Relock};
use doorward_sim::line::Port;
use doorward_tests::modbus_board::BoardOrder;
use doorward_tests::osdp_peer::orders::{KeyText, ReaderSaw};

use crate::house::{House, Plan, SOON};
use crate::table::{card, furnish, slow_door};

fn two_doors() -> Plan {
    Plan {
        secure: vec![true, true],
        ..Plan::default()
    }
}

#[test]
fn a_serial_port_that_comes_late_is_taken_up() {
    let mut house = House::build(Plan::default());
    house.line.pull(Port::Panel);
    house.start_daemon();
    furnish(&house);
    let alarm = house.wait_alarm(AlarmKind::PortFailing);
    let port = house.line.path(Port::Panel);
    let port = port.to_str().unwrap();
    assert_eq!(alarm.subject, AlarmSubject::Port(port.into()));
    assert!(
        house.daemon().log_text().contains("bus"),
        "the log says which"
    );
    // The exit button is on the board, which nothing is wrong with.
    house.leave_by_button(1);

    house.line.put_back(Port::Panel).unwrap();
    house.wait_wired();
    house.wait_no_alarm(AlarmKind::PortFailing);
    house.tap(1, card(1));
    house.assert_granted(1);
}

#[test]
fn a_serial_port_may_be_unplugged() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    for _ in 0..2 {
        house.line.pull(Port::Panel);
        house.wait_alarm(AlarmKind::PortFailing);
        house.leave_by_button(1);
        house.line.put_back(Port::Panel).unwrap();
        house.wait_wired();
        house.wait_no_alarm(AlarmKind::PortFailing);
        house.tap(1, card(1));
        house.assert_granted(1);
    }
}

#[test]
fn a_reader_that_loses_power_comes_back_and_its_neighbour_never_notices() {
    let mut house = House::start(two_doors());
    furnish(&house);
    house.readers.remove("reader-0").unwrap();
    let alarm = house.wait_alarm(AlarmKind::ReaderOffline);
    assert_eq!(alarm.subject, AlarmSubject::Reader("reader-0".into()));
    house.tap(2, card(1));
    house.assert_granted(2);

    house.readers.add(house.specs[0].clone()).unwrap();
    house.wait_no_alarm(AlarmKind::ReaderOffline);
    house.wait_wired();
    assert!(house.status().readers[0].secure);
    house.tap(1, card(1));
    house.assert_granted(1);
}

#[test]
fn garbage_on_the_bus_opens_nothing_and_stops_nobody() {
    let mut house = House::start(two_doors());
    furnish(&house);
    for round in 0_u8..20 {
        // A start of message, a length, an address, and then anything.
        let noise: Vec<u8> = (0..64_u8)
            .map(|at| {
                if at % 16 == 0 {
                    0x53
                } else {
                    at.wrapping_mul(37) ^ round
                }
            })
            .collect();
        house.line.inject(&noise);
        if round % 5 == 0 {
            house.tap(2, card(1));
            house.assert_granted(2);
        }
    }
    house.assert_no_coil();
    house.wait_wired();
    // A card is shown again where its reader had to be connected anew; none is invented.
    for row in house.log() {
        assert!(row.event.kind != EventKind::Denied, "{row:?}");
        if row.event.kind == EventKind::Granted {
            assert_eq!(row.event.door, Some(DoorId(2)), "{row:?}");
            assert_eq!(row.event.user, Some(UserId(1)), "{row:?}");
        }
    }
}

#[test]
fn a_reader_with_a_wrong_key_is_refused_with_an_alarm() {
    let mut house = House::build(Plan {
        secure: vec![true, true],
        powered: false,
        ..Plan::default()
    });
    let mut stranger = house.specs[0].clone();
    stranger.key = Some(KeyText::new([0xEE; 16]));
    house.readers.add(stranger.clone()).unwrap();
    house.readers.add(house.specs[1].clone()).unwrap();
    house.start_daemon();
    furnish(&house);
    let alarm = house.wait_alarm(AlarmKind::ReaderSecureChannel);
    assert_eq!(alarm.subject, AlarmSubject::Reader("reader-0".into()));
    house.wait_status("the other reader", |status| status.readers[1].online);
    house.tap(2, card(1));
    house.assert_granted(2);
    assert!(!house.status().readers[0].online);

    // The same without any key: its cards would come in the clear.
    house.readers.remove("reader-0").unwrap();
    stranger.key = None;
    house.readers.add(stranger).unwrap();
    let _ = house.readers.show_card("reader-0", card(1));
    house.assert_no_coil();
    house.tap(2, card(1));
    house.assert_granted(2);
    assert!(!house.status().readers[0].online);

    // Its own key again.
    house.readers.remove("reader-0").unwrap();
    house.readers.add(house.specs[0].clone()).unwrap();
    house.wait_wired();
    house.wait_no_alarm(AlarmKind::ReaderSecureChannel);
    house.tap(1, card(1));
    house.assert_granted(1);
}

/// A board is lost by `lose` and found again after `find`: meanwhile nobody is promised an open
/// door, and afterwards everything works.
fn check_board(lose: &[BoardOrder], find: &[BoardOrder]) {
    let mut house = House::start(Plan::default());
    furnish(&house);
    house.tap(1, card(1));
    house.assert_granted(1);
    for order in lose {
        house.order(*order);
    }
    let alarm = house.wait_alarm(AlarmKind::BoardOffline);
    assert_eq!(alarm.subject, AlarmSubject::Board("cabinet".into()));
    house.tap(1, card(1));
    let row = house.next_of(EventKind::Denied);
    assert_eq!(row.event.reason, Some(Reason::RelayUnavailable), "{lose:?}");

    for order in find {
        house.order(*order);
    }
    house.wait_no_alarm(AlarmKind::BoardOffline);
    house.wait_wired();
    house.assert_no_coil();
    house.tap(1, card(1));
    house.assert_granted(1);
}

#[test]
fn a_silent_board_is_an_alarm_and_comes_back() {
    check_board(
        &[BoardOrder::Silent { unit: 1, on: true }],
        &[BoardOrder::Silent { unit: 1, on: false }],
    );
}

#[test]
fn a_closed_connection_is_an_alarm_and_comes_back() {
    check_board(&[BoardOrder::Close], &[BoardOrder::Listen]);
}

#[test]
fn a_board_that_refuses_to_be_written_is_an_alarm_and_is_tried_again() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    let refuse = |code| BoardOrder::Refuse { unit: 1, code };
    house.order(refuse(Some(4)));
    house.tap(1, card(1));
    let alarm = house.wait_alarm(AlarmKind::BoardOffline);
    assert_eq!(alarm.subject, AlarmSubject::Board("cabinet".into()));
    house.assert_no_coil();

    house.order(refuse(None));
    house.wait_no_alarm(AlarmKind::BoardOffline);
    house.next_of(EventKind::Granted);
    house.tap(1, card(1));
    house.assert_granted(1);
}

#[test]
fn a_board_that_does_not_tell_its_inputs_is_an_alarm() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    let refuse = |code| BoardOrder::RefuseReads { unit: 1, code };
    house.order(refuse(Some(4)));
    let alarm = house.wait_alarm(AlarmKind::BoardOffline);
    assert_eq!(alarm.subject, AlarmSubject::Board("cabinet".into()));
    house.tap(1, card(1));
    house.assert_granted(1);

    house.order(refuse(None));
    house.wait_no_alarm(AlarmKind::BoardOffline);
    house.leave_by_button(1);
}

#[test]
fn an_output_left_on_is_released_when_the_board_is_found_again() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    house.put(vec![Record::Door(slow_door(1, Relock::AfterTime))]);
    house.tap(1, card(1));
    house.wait_coil(1, true);
    house.order(BoardOrder::Close);
    house.wait_alarm(AlarmKind::BoardOffline);
    house.order(BoardOrder::Listen);
    house.wait_coil(1, false);
    house.wait_no_alarm(AlarmKind::BoardOffline);
}

#[test]
fn a_door_whose_board_is_gone_says_so_at_its_display() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    let wait_text = |house: &mut House, wanted: &str| {
        let said = house
            .readers
            .wait_for(wanted, SOON, |report| match &report.saw {
                ReaderSaw::Text { text } if text == wanted => Some(()),
                _ => None,
            });
        said.unwrap();
    };
    house.order(BoardOrder::Close);
    wait_text(&mut house, "OUT OF ORDER");
    house.order(BoardOrder::Listen);
    wait_text(&mut house, &" ".repeat(12));
    house.wait_wired();
}
