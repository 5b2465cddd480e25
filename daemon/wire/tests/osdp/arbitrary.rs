//! Whatever arrives, in whatever order time and bytes come: nothing breaks.

use crate::bus::{Bus, address};
use doorward_wire::osdp::{
    Baud, BlockType, BusConfig, Check, Command, ControlPanel, DeviceConfig, DeviceSecurity,
    Direction, Header, LinkEvent, Mono, PeripheralDevice, Scbk, Security, SecurityBlock, Sequence,
    Station, encode_frame,
};
use proptest::prelude::*;

/// Something near to a frame: right in form, arbitrary in content.
fn near_frame(direction: Direction) -> impl Strategy<Value = Vec<u8>> {
    use BlockType::{Scs11, Scs12, Scs13, Scs14, Scs15, Scs16, Scs17, Scs18};
    let kinds = match direction {
        Direction::Command => vec![Scs11, Scs13, Scs15, Scs17],
        Direction::Reply => vec![Scs12, Scs14, Scs16, Scs18],
    };
    let block = (prop::sample::select(kinds), prop::option::of(0u8..3))
        .prop_map(|(kind, data)| SecurityBlock { kind, data });
    let code = prop_oneof![0x40u8..0x80, any::<u8>()];
    let data = prop::collection::vec(any::<u8>(), 0..40);
    (0u8..2, 0u8..4, prop::option::of(block), code, data).prop_map(
        move |(at, sequence, security, code, mut body)| {
            body.insert(0, code);
            let header = Header {
                station: Station::One(address(usize::from(at))),
                direction,
                sequence: Sequence::from_bits(sequence),
                check: Check::Crc,
                security,
            };
            let mut raw = Vec::new();
            encode_frame(&header, &body, |_| [1, 2, 3, 4], &mut raw).unwrap();
            raw
        },
    )
}

fn stream(direction: Direction) -> impl Strategy<Value = Vec<(u64, Vec<u8>)>> {
    let bytes = prop_oneof![
        4 => near_frame(direction),
        1 => prop::collection::vec(any::<u8>(), 0..60),
        1 => Just(Vec::new()),
    ];
    prop::collection::vec((0u64..300_000, bytes), 0..60)
}

fn key() -> Scbk {
    Scbk::new(core::array::from_fn(|at| (at * at + 7) as u8))
}

proptest! {
    #[test]
    fn a_panel_survives_and_takes_no_card_from_strangers(
        stream in stream(Direction::Reply),
        install in any::<bool>(),
    ) {
        let security = if install { Security::Unkeyed } else { Security::Required(key()) };
        let config = BusConfig::new(Baud::B115200)
            .with_reader(address(0), security.clone())
            .with_reader(address(1), security);
        let mut panel = ControlPanel::new(config, [5; 16], Mono::ZERO).unwrap();
        if install {
            let until = Mono::from_micros(5_000_000);
            panel.open_install(Mono::ZERO, address(0), key(), until).unwrap();
        }
        let (mut now, mut out) = (Mono::ZERO, Vec::new());
        for (pause, bytes) in stream {
            now = now.plus_us(pause);
            panel.handle_timeout(now);
            panel.poll_transmit(now, &mut out);
            panel.handle_bytes(now, &bytes);
            prop_assert!(panel.poll_timeout().is_some());
            let _ = panel.send(address(0), Command::LocalStatus);
            while let Some(event) = panel.poll_event() {
                let is_taken = matches!(
                    event.event,
                    LinkEvent::Card(_) | LinkEvent::FormattedCard(_) | LinkEvent::Keypad(_) | LinkEvent::Online(_)
                );
                prop_assert!(!is_taken, "{event:?}");
            }
        }
    }

    #[test]
    fn a_clear_panel_survives(stream in stream(Direction::Reply)) {
        let config = BusConfig::new(Baud::B9600)
            .with_reader(address(0), Security::Clear)
            .with_reader(address(1), Security::Clear);
        let mut panel = ControlPanel::new(config, [5; 16], Mono::ZERO).unwrap();
        let (mut now, mut out) = (Mono::ZERO, Vec::new());
        for (pause, bytes) in stream {
            now = now.plus_us(pause);
            panel.handle_timeout(now);
            panel.poll_transmit(now, &mut out);
            panel.handle_bytes(now, &bytes);
            let _ = panel.send(address(0), Command::LocalStatus);
            while panel.poll_event().is_some() {}
        }
    }

    #[test]
    fn a_device_survives_and_obeys_no_stranger(stream in stream(Direction::Command)) {
        let config = DeviceConfig::reader(address(0), Baud::B115200, DeviceSecurity::Required(key()));
        let mut device = PeripheralDevice::new(config, [6; 16], Mono::ZERO);
        let (mut now, mut out) = (Mono::ZERO, Vec::new());
        for (pause, bytes) in stream {
            now = now.plus_us(pause);
            device.handle_timeout(now);
            device.handle_bytes(now, &bytes);
            device.poll_transmit(now, &mut out);
            prop_assert!(!device.is_secure());
        }
        prop_assert_eq!(device.address(), address(0));
    }
}

#[test]
fn a_panel_that_is_not_read_from_rests() {
    let mut bus = Bus::secure(1, Baud::B115200, 3);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let mut panel = bus.panel;
    let (mut now, mut out) = (Mono::from_micros(bus.now), Vec::new());
    // Nobody answers and nobody takes the events: they are bounded, and time goes on.
    for _ in 0..100_000 {
        now = panel
            .poll_timeout()
            .map_or(now, |at| at.max(now))
            .plus_us(1);
        panel.handle_timeout(now);
        out.clear();
        panel.poll_transmit(now, &mut out);
        let _ = panel.send(address(0), Command::LocalStatus);
    }
    let events = core::iter::from_fn(|| panel.poll_event()).count();
    assert!(events < 100, "{events}");
}
