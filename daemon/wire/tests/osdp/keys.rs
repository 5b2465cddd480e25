//! How readers come by their keys, and what is tried when nobody knows whether they did.

use crate::bus::{Bus, address, key};
use doorward_wire::osdp::{
    Baud, BusConfig, Command, CommandOutcome, DeviceSecurity, InstallError, KeySent, KeyUsed,
    LinkEvent, Mono, PdEvent, Scbk, SecureChannelFailure, Security, SendError, Token,
};

const MINUTE_US: u64 = 60_000_000;

fn one(config: BusConfig, device: &DeviceSecurity) -> Bus {
    Bus::new(config, 7, |_| device.clone())
}

fn with(security: Security) -> BusConfig {
    BusConfig::new(Baud::B115200).with_reader(address(0), security)
}

/// A new reader, not known to the panel, or known by a key that it has lost.
fn new_reader(security: Security) -> Bus {
    let mut bus = one(with(security), &DeviceSecurity::Install);
    bus.keeps_wire = true;
    bus.run_for(1_000_000);
    assert_eq!(bus.panel.presence(address(0)), None);
    bus
}

fn install(bus: &mut Bus, given: Scbk, for_us: u64) -> Result<(), InstallError> {
    let now = Mono::from_micros(bus.now);
    bus.panel
        .open_install(now, address(0), given, now.plus_us(for_us))
}

fn count(bus: &Bus, event: LinkEvent) -> usize {
    bus.events_of(0).filter(|seen| **seen == event).count()
}

fn last_failure(bus: &Bus) -> Option<SecureChannelFailure> {
    let failures = bus.events_of(0).filter_map(|event| match event {
        LinkEvent::SecureChannelFailed(failure) => Some(*failure),
        _ => None,
    });
    failures.last()
}

fn sessions(bus: &Bus) -> Vec<KeyUsed> {
    let events = bus.readers[0].events.iter();
    let used = events.filter_map(|event| match event {
        PdEvent::SecureChannel(used) => Some(*used),
        _ => None,
    });
    used.collect()
}

fn keys_set(bus: &Bus) -> Vec<Scbk> {
    let events = bus.readers[0].events.iter();
    let keys = events.filter_map(|event| match event {
        PdEvent::KeySet(key) => Some(key.clone()),
        _ => None,
    });
    keys.collect()
}

fn rotate(bus: &mut Bus, key: Scbk) -> Token {
    bus.panel.send(address(0), Command::KeySet(key)).unwrap()
}

fn outcome(bus: &Bus, token: Token) -> Option<CommandOutcome> {
    bus.events_of(0).find_map(|event| match event {
        LinkEvent::Command { token: of, outcome } if *of == token => Some(*outcome),
        _ => None,
    })
}

#[test]
fn a_reader_is_given_a_key_only_while_its_window_is_open() {
    for security in [Security::Unkeyed, Security::Required(key(3))] {
        let mut bus = new_reader(security);
        assert_eq!(sessions(&bus), []);
        install(&mut bus, key(0), MINUTE_US).unwrap();
        bus.run_while(2_000_000, |bus| !bus.all_online());
        assert_eq!(sessions(&bus), [KeyUsed::Default, KeyUsed::Own]);
        assert_eq!(keys_set(&bus), [key(0)]);
        assert_eq!(count(&bus, LinkEvent::KeyChanged), 1);
        assert_eq!(bus.panel.key(address(0)), Some(&key(0)));
        assert_eq!(bus.panel.close_install(address(0)), None);
        // The same reader, reset to install mode by somebody, is not given a key again.
        bus.replug(0);
        bus.run_for(3_000_000);
        assert_eq!(bus.panel.presence(address(0)), None);
        assert_eq!(
            last_failure(&bus),
            Some(SecureChannelFailure::DefaultKeyOffered)
        );
        assert_eq!(keys_set(&bus), [key(0)]);
    }
}

#[test]
fn a_window_closes_by_itself() {
    let mut bus = one(with(Security::Unkeyed), &DeviceSecurity::Install);
    bus.unplug(0);
    bus.run_for(1_000_000);
    install(&mut bus, key(0), 2_000_000).unwrap();
    bus.run_for(2_000_001);
    bus.replug(0);
    bus.run_for(20_000_000);
    assert_eq!(sessions(&bus), []);
    assert_eq!(bus.panel.close_install(address(0)), Some(KeySent::No));
    assert_eq!(last_failure(&bus), Some(SecureChannelFailure::NoKey));
}

#[test]
fn a_window_serves_one_key_and_no_other_reader() {
    // The first one to ask takes the key and its power fails; a second one asks in its place.
    let mut bus = new_reader(Security::Unkeyed);
    install(&mut bus, key(0), MINUTE_US).unwrap();
    bus.run_while(2_000_000, |bus| keys_set(bus).is_empty());
    bus.unplug(0);
    bus.run_for(1_000_000);
    bus.replug(0);
    bus.run_for(10_000_000);
    assert_eq!(bus.panel.presence(address(0)), None);
    assert_eq!(sessions(&bus), [KeyUsed::Default]);
    assert_eq!(keys_set(&bus).len(), 1);
    assert_eq!(
        last_failure(&bus),
        Some(SecureChannelFailure::DefaultKeyOffered)
    );
    assert_eq!(bus.panel.close_install(address(0)), Some(KeySent::Yes));
}

#[test]
fn a_reader_that_shows_its_own_key_is_given_none() {
    let device = DeviceSecurity::Required(key(0));
    let mut bus = one(with(Security::Required(key(0))), &device);
    bus.unplug(0);
    bus.run_for(1_000_000);
    install(&mut bus, key(5), MINUTE_US).unwrap();
    bus.replug(0);
    bus.run_while(2_000_000, |bus| !bus.all_online());
    assert_eq!(count(&bus, LinkEvent::KeyKept), 1);
    assert_eq!(keys_set(&bus), []);
    assert_eq!(
        install(&mut bus, key(5), MINUTE_US),
        Err(InstallError::HasKey(address(0)))
    );
}

#[test]
fn windows_that_cannot_be() {
    let weak = Scbk::new(Scbk::DEFAULT);
    let mut bus = new_reader(Security::Unkeyed);
    assert_eq!(
        install(&mut bus, weak, MINUTE_US),
        Err(InstallError::WeakKey)
    );
    let now = Mono::from_micros(bus.now);
    assert_eq!(
        bus.panel.open_install(now, address(9), key(0), now),
        Err(InstallError::UnknownAddress(address(9)))
    );
    let mut bus = one(with(Security::Clear), &DeviceSecurity::Install);
    assert_eq!(
        install(&mut bus, key(0), MINUTE_US),
        Err(InstallError::Clear(address(0)))
    );
}

#[test]
fn a_key_is_rotated() {
    let mut bus = Bus::secure(1, Baud::B115200, 9);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let token = rotate(&mut bus, key(5));
    let again = bus.panel.send(address(0), Command::KeySet(key(6)));
    assert_eq!(again, Err(SendError::KeyPending(address(0))));
    bus.run_while(1_000_000, |bus| count(bus, LinkEvent::KeyChanged) == 0);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    assert_eq!(outcome(&bus, token), Some(CommandOutcome::Done));
    assert_eq!(keys_set(&bus), [key(5)]);
    assert_eq!(bus.panel.key(address(0)), Some(&key(5)));
}

/// A reader's power fails at every moment of a rotation; whether it has the old key then or the new
/// one, it is spoken to again, and no third key is ever needed.
#[test]
fn a_rotation_that_is_cut_anywhere_leaves_a_reader_that_can_be_spoken_to() {
    let mut ends = [0, 0];
    for cut_us in (0..12_000).step_by(400) {
        let mut bus = Bus::secure(1, Baud::B115200, 11);
        bus.run_while(1_000_000, |bus| !bus.all_online());
        rotate(&mut bus, key(5));
        bus.run_for(cut_us);
        // Its power fails; what it has stored it keeps.
        bus.readers[0].plugged = false;
        bus.run_for(2_000_000);
        bus.readers[0].plugged = true;
        bus.run_while(5_000_000, |bus| !bus.all_online());
        let has_new = !keys_set(&bus).is_empty();
        ends[usize::from(has_new)] += 1;
        let expect = if has_new { key(5) } else { key(0) };
        assert_eq!(bus.panel.key(address(0)), Some(&expect), "cut at {cut_us}");
        let told = [LinkEvent::KeyKept, LinkEvent::KeyChanged].map(|event| count(&bus, event));
        assert_eq!(told[usize::from(has_new)], 1, "cut at {cut_us}");
        assert_eq!(told[usize::from(!has_new)], 0, "cut at {cut_us}");
        // Once it is known which one it has, the next rotation can begin.
        rotate(&mut bus, key(6));
        bus.run_while(5_000_000, |bus| {
            bus.panel.key(address(0)) != Some(&key(6)) || !bus.all_online()
        });
    }
    assert!(ends[0] > 0 && ends[1] > 0, "{ends:?}");
}

/// The panel's power fails: it starts again with what was stored before the key was sent.
#[test]
fn after_a_restart_the_new_key_is_tried_and_then_the_old_one() {
    let stored = || with(Security::Required(key(0))).with_candidate(key(5));
    for (has, event) in [
        (key(5), LinkEvent::KeyChanged),
        (key(0), LinkEvent::KeyKept),
    ] {
        let mut bus = one(stored(), &DeviceSecurity::Required(has.clone()));
        bus.run_while(2_000_000, |bus| !bus.all_online());
        assert_eq!(count(&bus, event), 1);
        assert_eq!(bus.panel.key(address(0)), Some(&has));
    }
    let mut bus = one(stored(), &DeviceSecurity::Required(key(9)));
    bus.run_for(3_000_000);
    assert_eq!(bus.panel.presence(address(0)), None);
    assert_eq!(last_failure(&bus), Some(SecureChannelFailure::KeyMismatch));
}

#[test]
fn a_new_reader_that_took_its_key_unseen_is_found_after_a_restart() {
    let config = with(Security::Unkeyed)
        .with_candidate(key(4))
        .with_candidate(key(5));
    for has in [4, 5] {
        let mut bus = one(config.clone(), &DeviceSecurity::Required(key(has)));
        bus.run_while(2_000_000, |bus| !bus.all_online());
        assert_eq!(bus.panel.key(address(0)), Some(&key(has)));
        assert_eq!(count(&bus, LinkEvent::KeyChanged), 1);
    }
}

#[test]
fn a_key_that_waits_is_not_sent_after_another_handshake() {
    let mut bus = Bus::secure(1, Baud::B115200, 13);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let token = rotate(&mut bus, key(5));
    // The reader restarts before the panel's next turn, so that the session is lost first.
    bus.replug(0);
    bus.run_while(5_000_000, |bus| outcome(bus, token).is_none());
    bus.run_for(1_000_000);
    if outcome(&bus, token) == Some(CommandOutcome::Offline) {
        assert_eq!(keys_set(&bus), []);
        assert_eq!(bus.panel.key(address(0)), Some(&key(0)));
    }
}

#[test]
fn keys_are_not_sent_in_clear_and_not_weak() {
    let mut bus = one(with(Security::Clear), &DeviceSecurity::Install);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let sent = bus.panel.send(address(0), Command::KeySet(key(1)));
    assert_eq!(sent, Err(SendError::NeedsSecureChannel(address(0))));
    let mut bus = Bus::secure(1, Baud::B115200, 1);
    bus.run_while(1_000_000, |bus| !bus.all_online());
    let default = Command::KeySet(Scbk::new(Scbk::DEFAULT));
    assert_eq!(bus.panel.send(address(0), default), Err(SendError::WeakKey));
}
