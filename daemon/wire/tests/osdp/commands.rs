//! Commands and status.

use crate::bus::{Bus, address};
use doorward_wire::osdp::{
    Address, Baud, Blink, BusConfig, BuzzerControl, Capabilities, Capability, Check, Colour,
    ComSettings, Command, CommandOutcome, ControlPanel, DeviceConfig, DeviceSecurity, Few,
    Function, Keypad, LedControl, LinkEvent, LocalStatus, MAX_QUEUED_COMMANDS, Mono, OfflineReason,
    OutputAction, OutputControl, PdConfig, PdEvent, PeripheralDevice, Security, SendError,
    TextOutput, Token,
};

fn online(count: usize) -> Bus {
    let mut bus = Bus::secure(count, Baud::B115200, 31);
    bus.run_while(2_000_000, |bus| !bus.all_online());
    bus.run_for(100_000);
    bus
}

fn green() -> LedControl {
    LedControl::for_a_while(Blink::steady(Colour::Green), 20)
}

fn outcome(bus: &Bus, token: Token) -> Option<CommandOutcome> {
    bus.events_of(0).find_map(|event| match event {
        LinkEvent::Command {
            token: found,
            outcome,
        } if *found == token => Some(*outcome),
        _ => None,
    })
}

#[test]
fn feedback_reaches_the_reader_within_its_turn() {
    let mut bus = online(8);
    let output = OutputControl {
        output: 1,
        action: OutputAction::TimedOn,
        for_100ms: 50,
    };
    let text = TextOutput {
        row: 1,
        column: 1,
        text: "Welcome".to_owned(),
        ..TextOutput::default()
    };
    let commands = [
        (Command::led(green()), PdEvent::Led(green())),
        (
            Command::Buzzer(BuzzerControl::beeps(1, 1)),
            PdEvent::Buzzer(BuzzerControl::beeps(1, 1)),
        ),
        (Command::Text(text.clone()), PdEvent::Text(text)),
        (Command::output(output), PdEvent::Output(output)),
        (Command::Abort, PdEvent::Abort),
        (Command::KeepActive(700), PdEvent::KeepActive(700)),
    ];
    for (command, expect) in commands {
        let token = bus.panel.send(address(0), command).unwrap();
        let took_us = bus.run_while(60_000, |bus| outcome(bus, token).is_none());
        assert_eq!(outcome(&bus, token), Some(CommandOutcome::Done));
        assert!(bus.readers[0].events.contains(&expect), "{expect:?}");
        // One round of the others, and its own exchange.
        assert!(took_us <= 30_000, "{expect:?} took {took_us} us");
        bus.run_for(100_000);
    }
}

#[test]
fn commands_never_shut_out_cards() {
    let mut bus = online(1);
    for _ in 0..50 {
        while bus.panel.send(address(0), Command::LocalStatus).is_ok() {}
        bus.show(0);
        bus.run_for(60_000);
    }
    assert_eq!(bus.cards_of(0).len(), 50);
    assert!(*bus.latencies_us().last().unwrap() < 30_000);
}

#[test]
fn what_is_not_sent() {
    let mut bus = online(2);
    let panel = &mut bus.panel;
    let stranger = Address::new(99).unwrap();
    assert_eq!(
        panel.send(stranger, Command::Id),
        Err(SendError::UnknownAddress(stranger))
    );
    for own in [
        Command::Poll,
        Command::Challenge([0; 8]),
        Command::ServerCryptogram([0; 16]),
    ] {
        let name = own.name();
        assert_eq!(panel.send(address(0), own), Err(SendError::Reserved(name)));
    }
    assert!(matches!(
        panel.send(address(0), Command::Led(Few::new())),
        Err(SendError::Invalid(_))
    ));
    let taken = Command::ComSet(ComSettings {
        address: address(1),
        baud: Baud::B9600,
    });
    assert_eq!(
        panel.send(address(0), taken),
        Err(SendError::AddressTaken(address(1)))
    );
    for _ in 0..MAX_QUEUED_COMMANDS {
        panel.send(address(0), Command::LocalStatus).unwrap();
    }
    let full = SendError::QueueFull {
        address: address(0),
        limit: MAX_QUEUED_COMMANDS,
    };
    assert_eq!(panel.send(address(0), Command::LocalStatus), Err(full));
}

#[test]
fn commands_die_with_the_link() {
    let mut bus = online(1);
    bus.unplug(0);
    let token = bus.panel.send(address(0), Command::LocalStatus).unwrap();
    bus.run_for(2_000_000);
    assert_eq!(outcome(&bus, token), Some(CommandOutcome::Offline));
    assert_eq!(
        bus.panel.send(address(0), Command::Id),
        Err(SendError::Offline(address(0)))
    );
}

#[test]
fn a_light_set_twice_before_its_turn_is_set_once() {
    let mut bus = online(1);
    let red = LedControl::for_a_while(Blink::steady(Colour::Red), 20);
    let first = bus.panel.send(address(0), Command::led(red)).unwrap();
    let second = bus.panel.send(address(0), Command::led(green())).unwrap();
    bus.run_for(50_000);
    assert_eq!(outcome(&bus, first), Some(CommandOutcome::Superseded));
    assert_eq!(outcome(&bus, second), Some(CommandOutcome::Done));
    assert!(!bus.readers[0].events.contains(&PdEvent::Led(red)));
}

#[test]
fn status_is_told_at_first_and_when_it_changes() {
    let mut bus = online(1);
    let now = |bus: &Bus| Mono::from_micros(bus.now);
    let at_first = LinkEvent::LocalStatus(LocalStatus::default());
    let inputs = |bits: &[u8]| LinkEvent::Inputs(Few::from_slice(bits).unwrap());
    assert_eq!(
        bus.events_of(0).filter(|event| **event == at_first).count(),
        1
    );
    assert_eq!(
        bus.events_of(0)
            .filter(|event| **event == inputs(&[0, 0]))
            .count(),
        1
    );
    let tampered = LocalStatus {
        is_tampered: true,
        has_power_failed: false,
    };
    let at = now(&bus);
    bus.readers[0]
        .device
        .set_local_status(at, tampered)
        .unwrap();
    bus.readers[0].device.set_input(at, 1, true).unwrap();
    bus.readers[0].device.set_output(at, 0, true).unwrap();
    let keys = Keypad {
        reader: 0,
        keys: Few::from_slice(b"1234\x0D").unwrap(),
    };
    bus.readers[0].device.press_keys(at, keys).unwrap();
    bus.run_for(100_000);
    let outputs = LinkEvent::Outputs(Few::from_slice(&[1, 0]).unwrap());
    for expect in [
        LinkEvent::LocalStatus(tampered),
        inputs(&[0, 1]),
        outputs,
        LinkEvent::Keypad(keys),
    ] {
        assert_eq!(
            bus.events_of(0).filter(|event| **event == expect).count(),
            1,
            "{expect:?}"
        );
    }
    // Asking again for what is known is no news.
    bus.panel.send(address(0), Command::LocalStatus).unwrap();
    bus.run_for(100_000);
    let told = bus
        .events_of(0)
        .filter(|event| **event == LinkEvent::LocalStatus(tampered))
        .count();
    assert_eq!(told, 1);
}

#[test]
fn a_busy_reader_is_waited_for_and_not_for_ever() {
    let mut bus = online(2);
    bus.readers[0].device.set_busy(true);
    bus.run_for(1_000_000);
    assert!(bus.all_online());
    bus.readers[0].device.set_busy(false);
    bus.show(0);
    bus.run_for(200_000);
    assert_eq!(bus.cards_of(0).len(), 1);
    assert_eq!(bus.panel.stats(address(0)).unwrap().sessions, 1);
    bus.readers[0].device.set_busy(true);
    bus.run_for(6_000_000);
    assert!(
        bus.events_of(0)
            .any(|event| *event == LinkEvent::Offline(OfflineReason::Busy))
    );
    assert!(bus.panel.presence(address(1)).is_some());
}

#[test]
fn a_reader_moved_to_another_address_is_followed() {
    let mut bus = online(1);
    let settings = ComSettings {
        address: address(9),
        baud: Baud::B115200,
    };
    bus.panel
        .send(address(0), Command::ComSet(settings))
        .unwrap();
    bus.run_for(100_000);
    assert!(
        bus.events_of(0)
            .any(|event| *event == LinkEvent::Com(settings))
    );
    assert_eq!(bus.readers[0].device.address(), address(9));
    bus.run_for(1_000_000);
    assert!(bus.panel.presence(address(9)).is_some());
    assert_eq!(bus.panel.stats(address(9)).unwrap().outages, 0);
}

#[test]
fn what_a_reader_lacks_is_not_sent() {
    let config = BusConfig::new(Baud::B115200).with_reader(address(0), Security::Clear);
    let mut bus = Bus::new(config, 1, |_| DeviceSecurity::Unsupported);
    let mut device = DeviceConfig::reader(address(0), Baud::B115200, DeviceSecurity::Unsupported);
    device.capabilities = Capabilities::new([Capability::new(Function::Led, 4, 1)]);
    bus.readers[0].device = PeripheralDevice::new(device, [9; 16], Mono::ZERO);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let unsupported = |function| {
        Err(SendError::Unsupported {
            address: address(0),
            function,
        })
    };
    let beep = Command::Buzzer(BuzzerControl::beeps(1, 1));
    assert_eq!(
        bus.panel.send(address(0), beep),
        unsupported(Function::Buzzer)
    );
    assert_eq!(
        bus.panel.send(address(0), Command::OutputStatus),
        unsupported(Function::OutputControl)
    );
    // The shortest buffer the standard allows takes 8 lights, and no long text.
    assert!(bus.panel.send(address(0), Command::led(green())).is_ok());
    let lights = Few::from_slice(&[green(); 8]).unwrap();
    let sent = bus.panel.send(address(0), Command::Led(lights));
    assert!(
        matches!(sent, Err(SendError::TooLong { allowed: 128, .. })),
        "{sent:?}"
    );
    // A second light it does not have: it says so itself.
    let second = LedControl { led: 1, ..green() };
    let token = bus.panel.send(address(0), Command::led(second)).unwrap();
    bus.run_for(100_000);
    assert!(matches!(
        outcome(&bus, token),
        Some(CommandOutcome::Refused(_))
    ));
}

#[test]
fn checksum_readers_work_and_crc_readers_refuse_checksums() {
    let reader = PdConfig {
        address: address(0),
        security: Security::Clear,
        candidates: Vec::new(),
        check: Check::Checksum,
    };
    let mut config = BusConfig::new(Baud::B9600);
    config.readers.push(reader);
    let mut bus = Bus::new(config, 1, |_| DeviceSecurity::Unsupported);
    bus.run_while(2_000_000, |bus| !bus.all_online());
    bus.show(0);
    bus.run_for(200_000);
    assert_eq!(bus.cards_of(0).len(), 1);
}

#[test]
fn configurations_that_cannot_be() {
    fn check(config: BusConfig, expect: &str) {
        let error = ControlPanel::new(config, [1; 16], Mono::ZERO).unwrap_err();
        assert_eq!(error.to_string(), expect);
    }
    let bus = || BusConfig::new(Baud::B9600);
    check(bus(), "bus has 0 readers, 1 to 127 are allowed");
    let twice = bus()
        .with_reader(address(3), Security::Clear)
        .with_reader(address(3), Security::Clear);
    check(twice, "reader address `3` is used twice on one bus");
    let weak = Security::Required(doorward_wire::osdp::Scbk::new([0x55; 16]));
    check(
        bus().with_reader(address(4), weak),
        "reader `4` has a key that is publicly known or evenly patterned, a random one is needed",
    );
}

#[test]
fn what_waits_survives_a_restart_of_the_link() {
    let mut bus = online(2);
    // The reader restarts unseen, and the feedback comes before the panel knows.
    bus.replug(0);
    let tokens: Vec<Token> = [
        Command::Abort,
        Command::led(green()),
        Command::Buzzer(BuzzerControl::beeps(1, 1)),
    ]
    .into_iter()
    .map(|command| bus.panel.send(address(0), command).unwrap())
    .collect();
    bus.run_for(500_000);
    let outcomes: Vec<_> = tokens
        .into_iter()
        .map(|token| outcome(&bus, token))
        .collect();
    let (offline, done) = (Some(CommandOutcome::Offline), Some(CommandOutcome::Done));
    assert!(
        outcomes == [offline, done, done] || outcomes == [done, done, done],
        "{outcomes:?}"
    );
    assert!(bus.readers[0].events.contains(&PdEvent::Led(green())));
}
