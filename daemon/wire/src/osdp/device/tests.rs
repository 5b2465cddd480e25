use super::*;
use crate::osdp::card::CardCoding;
use crate::osdp::frame::Check;
use crate::osdp::secure::Scbk;
use crate::osdp::testing::hex;

const KEY: [u8; 16] = *b"a key for tests.";

fn device(security: DeviceSecurity) -> PeripheralDevice {
    let address = Address::new(1).unwrap();
    let config = DeviceConfig::reader(address, Baud::B115200, security);
    PeripheralDevice::new(config, [3; 16], Mono::ZERO)
}

fn command(address: u8, sequence: u8, body: &str) -> Vec<u8> {
    let header = Header {
        station: Address::new(address).map_or(Station::Broadcast, Station::One),
        direction: Direction::Command,
        sequence: Sequence::from_bits(sequence),
        check: Check::Crc,
        security: None,
    };
    let mut raw = Vec::new();
    encode_frame(&header, &hex(body), |_| [0; 4], &mut raw).unwrap();
    raw
}

fn said(device: &mut PeripheralDevice, bytes: &[u8]) -> Option<Vec<u8>> {
    device.handle_bytes(Mono::ZERO, bytes);
    let mut out = Vec::new();
    device.poll_transmit(Mono::ZERO, &mut out).map(|_| out)
}

/// Code and data of the reply to a command to address 1.
fn answer(device: &mut PeripheralDevice, sequence: u8, body: &str) -> Vec<u8> {
    let raw = said(device, &command(1, sequence, body)).expect("an answer");
    let frame = Frame::parse(&raw).unwrap();
    assert_eq!(frame.header.direction, Direction::Reply);
    assert_eq!(frame.header.sequence.number(), sequence);
    frame.body.to_vec()
}

fn card(number: u8) -> CardRead {
    CardRead::new(0, CardCoding::Wiegand, 8, &[number]).unwrap()
}

#[test]
fn refusals_have_the_standards_codes() {
    fn check(security: DeviceSecurity, body: &str, nak: u8) {
        let mut device = device(security);
        answer(&mut device, 0, "61 00");
        assert_eq!(answer(&mut device, 1, body), [0x41, nak], "{body}");
        // The link goes on.
        assert_eq!(answer(&mut device, 2, "61 00")[0], 0x45);
    }
    let clear = || DeviceSecurity::Unsupported;
    check(clear(), "60 00", 2);
    check(clear(), "A0", 3);
    check(clear(), "68 00 09 00 00", 9);
    check(clear(), "68 07 02 00 00", 9);
    check(clear(), "76 01 02 03 04 05 06 07 08", 5);
    let required = || DeviceSecurity::Required(Scbk::new(KEY));
    check(required(), "60", 6);
    check(
        required(),
        "69 00 00 02 01 00 02 02 1E 00 00 00 00 00 00",
        6,
    );
    check(
        required(),
        "75 01 10 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F",
        6,
    );
    // CHLNG without its security block, and SCRYPT without CHLNG.
    check(required(), "76 01 02 03 04 05 06 07 08", 6);
    check(
        required(),
        "77 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10",
        6,
    );
    // In install mode a key only goes over a session, too.
    let key = "75 01 10 00 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F";
    check(DeviceSecurity::Install, key, 6);
}

#[test]
fn sequence_numbers() {
    let mut device = device(DeviceSecurity::Unsupported);
    assert_eq!(answer(&mut device, 2, "60"), [0x41, 4]);
    assert_eq!(answer(&mut device, 0, "60"), [0x40]);
    assert_eq!(answer(&mut device, 3, "60"), [0x41, 4]);
    assert_eq!(answer(&mut device, 1, "60"), [0x40]);
    // The same number with another command is no repetition.
    assert_eq!(answer(&mut device, 1, "64"), [0x41, 4]);
    assert_eq!(answer(&mut device, 2, "60"), [0x40]);
}

#[test]
fn a_repeated_command_gets_the_same_reply_and_happens_once() {
    let mut device = device(DeviceSecurity::Unsupported);
    answer(&mut device, 0, "61 00");
    let id = device.show_card(Mono::ZERO, card(0x11)).unwrap();
    device.show_card(Mono::ZERO, card(0x22)).unwrap();
    let poll = command(1, 1, "60");
    let first = said(&mut device, &poll);
    assert!(first.is_some());
    assert_eq!(said(&mut device, &poll), first);
    let delivered = |device: &mut PeripheralDevice| {
        core::iter::from_fn(|| device.poll_event()).any(|event| event == PdEvent::Delivered(id))
    };
    assert!(!delivered(&mut device));
    assert_eq!(answer(&mut device, 2, "60").last(), Some(&0x22));
    assert!(delivered(&mut device));
    // Lights are set once, however often the panel has to ask.
    let led = command(1, 3, "69 00 00 02 01 00 02 02 1E 00 00 00 00 00 00");
    assert_eq!(said(&mut device, &led), said(&mut device, &led));
    let lights = core::iter::from_fn(|| device.poll_event())
        .filter(|event| matches!(event, PdEvent::Led(_)));
    assert_eq!(lights.count(), 1);
}

#[test]
fn what_is_not_answered() {
    let mut device = device(DeviceSecurity::Unsupported);
    let mut damaged = command(1, 0, "61 00");
    damaged[5] ^= 1;
    assert_eq!(said(&mut device, &damaged), None);
    assert_eq!(said(&mut device, &command(2, 0, "61 00")), None);
    let mut reply = Vec::new();
    let header = reply_header(&Frame::parse(&command(1, 0, "60")).unwrap().header);
    encode_frame(&header, &[0x40], |_| [0; 4], &mut reply).unwrap();
    assert_eq!(said(&mut device, &reply), None);
    // Found late: the line has gone on.
    let mut late = command(1, 0, "61 00");
    late.extend(command(2, 0, "60"));
    assert_eq!(said(&mut device, &late), None);
}

#[test]
fn a_glitch_behind_a_command_does_not_matter() {
    let mut device = device(DeviceSecurity::Unsupported);
    let mut raw = vec![0xFF];
    raw.extend(command(1, 0, "61 00"));
    raw.extend([0x00, 0xFF]);
    assert!(said(&mut device, &raw).is_some());
}

#[test]
fn broadcast_is_answered_as_broadcast() {
    let mut device = device(DeviceSecurity::Unsupported);
    let raw = said(&mut device, &command(127, 0, "61 00")).unwrap();
    assert_eq!(raw[1], 0xFF);
}

#[test]
fn a_panel_that_falls_silent_is_gone() {
    let mut device = device(DeviceSecurity::Unsupported);
    answer(&mut device, 0, "60");
    assert_eq!(device.poll_event(), Some(PdEvent::Online));
    assert_eq!(device.poll_timeout(), Some(Mono::from_micros(SILENCE_US)));
    device.handle_timeout(Mono::from_micros(SILENCE_US - 1));
    assert_eq!(device.poll_event(), None);
    device.handle_timeout(Mono::from_micros(SILENCE_US));
    assert_eq!(device.poll_event(), Some(PdEvent::Offline));
    assert_eq!(device.poll_timeout(), None);
    assert_eq!(answer(&mut device, 1, "60"), [0x41, 4]);
}

#[test]
fn old_reports_are_dropped_and_their_number_is_limited() {
    let mut device = device(DeviceSecurity::Unsupported);
    let ids: Vec<ReportId> = (0..MAX_REPORTS)
        .map(|at| device.show_card(Mono::ZERO, card(at as u8)).unwrap())
        .collect();
    assert_eq!(
        device.show_card(Mono::ZERO, card(0)),
        Err(ReportsFull { limit: MAX_REPORTS })
    );
    let late = Mono::from_micros(REPORT_AGE_US + 1);
    device.handle_bytes(late, &command(1, 0, "60"));
    let mut out = Vec::new();
    device.poll_transmit(late, &mut out).unwrap();
    assert_eq!(Frame::parse(&out).unwrap().body, [0x40]);
    let dropped: Vec<PdEvent> = core::iter::from_fn(|| device.poll_event())
        .skip(1)
        .collect();
    assert_eq!(
        dropped,
        ids.into_iter().map(PdEvent::Dropped).collect::<Vec<_>>()
    );
}

#[test]
fn a_reply_waits_for_the_turnaround() {
    let mut config = DeviceConfig::reader(
        Address::new(1).unwrap(),
        Baud::B9600,
        DeviceSecurity::Unsupported,
    );
    config.turnaround_us = 3_000;
    let mut device = PeripheralDevice::new(config, [3; 16], Mono::ZERO);
    device.handle_bytes(Mono::ZERO, &command(1, 0, "60"));
    let mut out = Vec::new();
    assert_eq!(
        device.poll_transmit(Mono::from_micros(2_999), &mut out),
        None
    );
    assert_eq!(device.poll_timeout(), Some(Mono::from_micros(3_000)));
    assert!(
        device
            .poll_transmit(Mono::from_micros(3_000), &mut out)
            .is_some()
    );
    assert_eq!(
        device.poll_transmit(Mono::from_micros(3_001), &mut out),
        None
    );
}
