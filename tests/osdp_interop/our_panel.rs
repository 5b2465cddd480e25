//! Doorward's control panel drives libosdp's readers.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use doorward_core::card::CardBits;
use doorward_sim::line::{LineSpec, Noise, PacedLine, Port};
use doorward_tests::osdp_bus::OsdpBus;
use doorward_tests::osdp_peer::orders::{KeyText, ReaderSaw, ReaderSpec};
use doorward_tests::osdp_peer::{OsdpReaders, reader_on, test_key};
use doorward_wire::osdp::{
    Address, Baud, Blink, BusConfig, BusEvent, BuzzerControl, Channel, Colour, ComSettings,
    Command, CommandOutcome, LedControl, LedRecords, LinkEvent, LocalStatus, OfflineReason, Scbk,
    SecureChannelFailure, Security,
};

const SOON: Duration = Duration::from_secs(5);

struct Site {
    bus: OsdpBus,
    readers: OsdpReaders,
    line: PacedLine,
    specs: Vec<ReaderSpec>,
    _folder: tempfile::TempDir,
}

/// What a reader is, and how the panel believes it must be spoken to.
type Wanted = (Option<[u8; 16]>, Security);

fn secure(address: u8) -> Wanted {
    let key = test_key(address);
    (Some(key), Security::Required(Scbk::new(key)))
}

fn clear(_: u8) -> Wanted {
    (None, Security::Clear)
}

fn site(count: u8, baud: Baud, wanted: impl Fn(u8) -> Wanted) -> Result<Site> {
    site_with(count, baud, wanted, |spec| spec)
}

fn site_with(
    count: u8,
    baud: Baud,
    wanted: impl Fn(u8) -> Wanted,
    change: impl Fn(ReaderSpec) -> ReaderSpec,
) -> Result<Site> {
    let folder = tempfile::tempdir()?;
    let spec = LineSpec {
        record: true,
        ..LineSpec::new(baud.rate(), usize::from(count))
    };
    let line = PacedLine::start(folder.path(), spec)?;
    let mut readers = OsdpReaders::start()?;
    let mut config = BusConfig::new(baud);
    let mut specs = Vec::new();
    for index in 0..count {
        let (key, security) = wanted(index);
        let spec = change(reader_on(&line, index, baud.rate(), key));
        readers.add(spec.clone())?;
        specs.push(spec);
        config = config.with_reader(Address::new(index)?, security);
    }
    let bus = OsdpBus::open(&line.path(Port::Panel), config)?;
    Ok(Site {
        bus,
        readers,
        line,
        specs,
        _folder: folder,
    })
}

fn at(index: u8) -> Address {
    Address::new(index).unwrap()
}

/// The card of a number: 26 bits as on a Wiegand wire, different for each.
fn card(number: u32) -> CardBits {
    format!("{:026b}", number.wrapping_mul(2_654_435_761) & 0x03FF_FFFF)
        .parse()
        .unwrap()
}

fn card_seen(event: &BusEvent) -> Option<(Address, CardBits)> {
    match event.event {
        LinkEvent::Card(read) => {
            let bits = CardBits::new(read.bit_count(), read.bytes()).unwrap();
            Some((event.address, bits))
        }
        _ => None,
    }
}

/// Shows a card and waits for it, and for no other.
///
/// libosdp answers a repeated command anew instead of with the reply it gave, so a card is lost
/// when its reply came too late (a machine under load) or was damaged. Then, and only then, it is
/// shown again, as a person would.
fn show(site: &mut Site, index: u8, bits: CardBits) -> Result<()> {
    let name = format!("reader-{index}");
    for _ in 0..5 {
        let before = site.bus.panel.stats(at(index)).context("no such reader")?;
        site.readers.show_card(&name, bits)?;
        let seen = site
            .bus
            .wait_for("the card", Duration::from_secs(1), card_seen);
        let Err(missed) = seen else {
            let (address, seen) = seen?;
            assert_eq!((address, seen.to_string()), (at(index), bits.to_string()));
            return Ok(());
        };
        let after = site.bus.panel.stats(at(index)).context("no such reader")?;
        if after.retries == before.retries && after.outages == before.outages {
            return Err(missed.context("lost on a line without a fault"));
        }
    }
    bail!("reader-{index}: shown five times in vain")
}

fn channel(bus: &mut OsdpBus, index: u8) -> Result<Channel> {
    bus.wait_for("the reader to come online", SOON, |event| {
        match event.event {
            LinkEvent::Online(presence) if event.address == at(index) => Some(presence.channel),
            _ => None,
        }
    })
}

#[test]
fn cards_of_all_lengths_arrive_exactly() -> Result<()> {
    for wanted in [secure, clear] {
        let mut site = site(1, Baud::B115200, wanted)?;
        site.bus.wait_online(at(0), SOON)?;
        for length in [
            1, 7, 8, 9, 26, 32, 34, 35, 37, 48, 56, 64, 75, 128, 200, 256,
        ] {
            let bits: CardBits = (0..length)
                .map(|bit| {
                    if (bit * bit + length) % 3 == 0 {
                        '1'
                    } else {
                        '0'
                    }
                })
                .collect::<String>()
                .parse()?;
            show(&mut site, 0, bits).with_context(|| format!("{length} bits"))?;
        }
    }
    Ok(())
}

#[test]
fn eight_readers_share_a_line_in_secure_channel() -> Result<()> {
    let mut site = site(8, Baud::B115200, secure)?;
    for index in 0..8 {
        assert_eq!(channel(&mut site.bus, index)?, Channel::Secure);
    }
    for number in 0..40 {
        let index = (number * 5 % 8) as u8;
        show(&mut site, index, card(number))?;
    }
    Ok(())
}

#[test]
fn a_slow_line_carries_secure_channel_too() -> Result<()> {
    let mut site = site(2, Baud::B9600, secure)?;
    for index in 0..2 {
        assert_eq!(channel(&mut site.bus, index)?, Channel::Secure);
        show(&mut site, index, card(7))?;
    }
    Ok(())
}

#[test]
fn nothing_of_a_card_is_on_the_wire_in_clear() -> Result<()> {
    let said = |wanted: fn(u8) -> Wanted| -> Result<bool> {
        let mut site = site(1, Baud::B115200, wanted)?;
        site.bus.wait_online(at(0), SOON)?;
        let bits: CardBits =
            "1100101011111110101110101011111011011110101011011011111011101111".parse()?;
        show(&mut site, 0, bits)?;
        let said: Vec<u8> = site
            .line
            .take_traffic()
            .into_iter()
            .flat_map(|t| t.bytes)
            .collect();
        Ok(said.windows(8).any(|window| window == bits.bytes()))
    };
    assert!(said(clear)?, "the search finds a card that is there");
    assert!(!said(secure)?);
    Ok(())
}

#[test]
fn lights_and_sounds_are_carried_out() -> Result<()> {
    for wanted in [secure, clear] {
        let mut site = site(1, Baud::B115200, wanted)?;
        site.bus.wait_online(at(0), SOON)?;
        let light = LedControl::for_a_while(Blink::steady(Colour::Green), 30);
        let commands = [
            Command::Led(LedRecords::one(light)),
            Command::Buzzer(BuzzerControl::beeps(2, 3)),
        ];
        for command in commands {
            let token = site.bus.panel.send(at(0), command)?;
            let outcome = CommandOutcome::Done;
            site.bus
                .wait_until(at(0), LinkEvent::Command { token, outcome }, SOON)?;
        }
        site.readers
            .wait_for("green for 3 s", SOON, |report| match report.saw {
                ReaderSaw::Led {
                    temporary_code: 2,
                    temporary_on_color: 2,
                    temporary_timer: 30,
                    ..
                } => Some(()),
                _ => None,
            })?;
        let beeps = ReaderSaw::Buzzer {
            tone: 2,
            on: 3,
            off: 3,
            count: 2,
        };
        site.readers.wait_until("reader-0", &beeps, SOON)?;
    }
    Ok(())
}

#[test]
fn keys_and_tamper_are_told() -> Result<()> {
    let mut site = site(1, Baud::B115200, secure)?;
    site.bus.wait_online(at(0), SOON)?;
    site.readers.press_keys("reader-0", "1379")?;
    let keys = site.bus.wait_for("keys", SOON, |event| match event.event {
        LinkEvent::Keypad(keypad) => Some(keypad.keys.to_vec()),
        _ => None,
    })?;
    assert_eq!(keys, b"1379");
    for open in [true, false] {
        site.readers.set_tamper("reader-0", open)?;
        let status = LocalStatus {
            is_tampered: open,
            has_power_failed: false,
        };
        site.bus
            .wait_until(at(0), LinkEvent::LocalStatus(status), SOON)?;
    }
    Ok(())
}

#[test]
fn a_reader_with_another_key_is_refused() -> Result<()> {
    let mut site = site(1, Baud::B115200, |address| {
        (
            Some(test_key(99)),
            Security::Required(Scbk::new(test_key(address))),
        )
    })?;
    let failed = LinkEvent::SecureChannelFailed(SecureChannelFailure::KeyMismatch);
    site.bus.wait_until(at(0), failed, SOON)?;
    site.readers.show_card("reader-0", card(1))?;
    let events = site.bus.run_for(Duration::from_secs(2))?;
    for event in events {
        assert!(
            !matches!(event.event, LinkEvent::Online(_) | LinkEvent::Card(_)),
            "{event:?} from a reader that has another key"
        );
    }
    Ok(())
}

#[test]
fn a_reader_in_the_clear_is_refused_where_secure_channel_is_required() -> Result<()> {
    let mut site = site(1, Baud::B115200, |address| {
        (None, Security::Required(Scbk::new(test_key(address))))
    })?;
    site.bus.wait_for("the refusal", SOON, |event| {
        matches!(event.event, LinkEvent::SecureChannelFailed(_)).then_some(())
    })?;
    site.readers.show_card("reader-0", card(1))?;
    let events = site.bus.run_for(Duration::from_secs(2))?;
    assert!(
        events.iter().all(|event| card_seen(event).is_none()),
        "{events:?}"
    );
    assert!(site.bus.panel.presence(at(0)).is_none());
    Ok(())
}

#[test]
fn a_new_reader_is_given_its_key_only_while_its_window_is_open() -> Result<()> {
    let new = |spec: ReaderSpec| ReaderSpec {
        key: None,
        install_mode: true,
        ..spec
    };
    let mut refused = site_with(1, Baud::B115200, secure, new)?;
    refused.bus.wait_for("the refusal", SOON, |event| {
        matches!(event.event, LinkEvent::SecureChannelFailed(_)).then_some(())
    })?;
    assert!(refused.bus.panel.presence(at(0)).is_none());

    let mut site = site_with(1, Baud::B115200, |_| (None, Security::Unkeyed), new)?;
    let no_key = LinkEvent::SecureChannelFailed(SecureChannelFailure::NoKey);
    site.bus.wait_until(at(0), no_key, SOON)?;
    let key = Scbk::new(test_key(0));
    site.bus.open_install(at(0), key, Duration::from_secs(60))?;
    site.bus.wait_until(at(0), LinkEvent::KeyChanged, SOON)?;
    let given = ReaderSaw::KeySet {
        key: KeyText::new(test_key(0)),
    };
    site.readers.wait_until("reader-0", &given, SOON)?;
    assert_eq!(channel(&mut site.bus, 0)?, Channel::Secure);
    show(&mut site, 0, card(3))
}

#[test]
fn a_key_is_rotated_and_the_old_one_is_of_no_use_any_more() -> Result<()> {
    let mut site = site(1, Baud::B115200, secure)?;
    site.bus.wait_online(at(0), SOON)?;
    let new = Scbk::new(test_key(42));
    site.bus.panel.send(at(0), Command::KeySet(new.clone()))?;
    site.bus.wait_until(at(0), LinkEvent::KeyChanged, SOON)?;
    let given = ReaderSaw::KeySet {
        key: KeyText::new(test_key(42)),
    };
    site.readers.wait_until("reader-0", &given, SOON)?;
    assert_eq!(channel(&mut site.bus, 0)?, Channel::Secure);
    assert_eq!(site.bus.panel.key(at(0)), Some(&new));
    show(&mut site, 0, card(4))?;

    let old = BusConfig::new(Baud::B115200).with_reader(at(0), secure(0).1);
    let mut stranger = OsdpBus::open(&site.line.path(Port::Panel), old)?;
    stranger.wait_for("the refusal", SOON, |event| {
        matches!(event.event, LinkEvent::SecureChannelFailed(_)).then_some(())
    })?;
    Ok(())
}

#[test]
fn an_unplugged_reader_is_missed_and_comes_back() -> Result<()> {
    let mut site = site(2, Baud::B115200, secure)?;
    site.bus.wait_online(at(0), SOON)?;
    site.bus.wait_online(at(1), SOON)?;
    site.line.cut(Port::Device(0));
    let gone = LinkEvent::Offline(OfflineReason::NoReply);
    site.bus.wait_until(at(0), gone, SOON)?;

    show(&mut site, 1, card(5))?;

    site.bus.run_for(Duration::from_secs(3))?;
    let mended = Instant::now();
    site.line.mend(Port::Device(0));
    assert_eq!(channel(&mut site.bus, 0)?, Channel::Secure);
    assert!(
        mended.elapsed() < Duration::from_secs(2),
        "took {:?}",
        mended.elapsed()
    );
    show(&mut site, 0, card(6))
}

#[test]
fn a_reader_that_lost_power_comes_back() -> Result<()> {
    for wanted in [secure, clear] {
        let mut site = site(1, Baud::B115200, wanted)?;
        site.bus.wait_online(at(0), SOON)?;
        site.readers.remove("reader-0")?;
        site.bus.wait_for("the loss", SOON, |event| {
            matches!(event.event, LinkEvent::Offline(_)).then_some(())
        })?;
        site.readers.add(site.specs[0].clone())?;
        site.bus.wait_online(at(0), SOON)?;
        show(&mut site, 0, card(8))?;
    }
    Ok(())
}

#[test]
fn a_noisy_line_invents_no_card_and_the_link_survives() -> Result<()> {
    let mut site = site(2, Baud::B115200, secure)?;
    site.bus.wait_online(at(0), SOON)?;
    site.bus.wait_online(at(1), SOON)?;
    site.line.set_noise(Noise {
        seed: 11,
        flip_per_million: 300,
        drop_per_million: 100,
        repeat_per_million: 100,
    });
    let mut shown = [Vec::new(), Vec::new()];
    let mut seen = [Vec::new(), Vec::new()];
    for number in 0..60 {
        let index = (number % 2) as u8;
        // A reader that has been offline for a while takes no more cards than its queue holds.
        let taken = site
            .readers
            .show_card(&format!("reader-{index}"), card(number));
        shown[usize::from(index)].extend(taken.is_ok().then(|| card(number)));
        for event in site.bus.run_for(Duration::from_millis(100))? {
            let cards = card_seen(&event).into_iter();
            cards.for_each(|(address, bits)| seen[usize::from(address.number())].push(bits));
        }
    }
    let retries = [0, 1].map(|index| site.bus.panel.stats(at(index)).map_or(0, |s| s.retries));
    assert!(retries[0] > 0 && retries[1] > 0, "the line was not noisy");
    for (shown, seen) in shown.iter().zip(&seen) {
        let mut shown = shown.iter();
        for bits in seen {
            assert!(
                shown.any(|other| other == bits),
                "a card that was not shown, or twice"
            );
        }
        assert!(seen.len() >= 8, "only {} of 30 came through", seen.len());
    }
    site.line.set_noise(Noise::NONE);
    site.bus.run_for(Duration::from_secs(1))?;
    show(&mut site, 0, card(77))?;
    show(&mut site, 1, card(78))
}

#[test]
fn a_reader_changes_its_speed() -> Result<()> {
    let mut site = site(1, Baud::B9600, secure)?;
    site.bus.wait_online(at(0), SOON)?;
    let settings = ComSettings {
        address: at(0),
        baud: Baud::B115200,
    };
    site.bus.panel.send(at(0), Command::ComSet(settings))?;
    site.bus.wait_until(at(0), LinkEvent::Com(settings), SOON)?;
    let told = ReaderSaw::ComSet {
        address: 0,
        baud: 115_200,
    };
    site.readers.wait_until("reader-0", &told, SOON)?;
    site.bus.wait_online(at(0), SOON)?;
    show(&mut site, 0, card(9))
}

#[test]
fn all_readers_of_a_bus_are_raised_to_what_the_slowest_takes() -> Result<()> {
    let rate = |rate| Baud::new(rate).unwrap();
    let check = |fastest: Option<u32>, refuses: bool, expect: u32| -> Result<()> {
        let slower = |spec: ReaderSpec| match spec.address {
            1 => ReaderSpec {
                fastest_baud: fastest,
                refuses_comset: refuses,
                ..spec
            },
            _ => spec,
        };
        let mut site = site_with(3, Baud::B9600, secure, slower)?;
        (0..3).try_for_each(|index| site.bus.wait_online(at(index), SOON))?;
        let raised = site.bus.raise(rate(230_400), Duration::from_secs(120))?;
        assert_eq!(raised.baud, Some(rate(expect)), "{raised:?}");
        assert!(raised.readers.iter().all(|reader| reader.is_online));
        (0..3).try_for_each(|index| show(&mut site, index, card(u32::from(index))))
    };
    check(None, false, 230_400)?;
    check(Some(57_600), false, 57_600)?;
    check(None, true, 9_600)
}

#[test]
fn readers_are_found_at_a_speed_nobody_remembers() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let line = PacedLine::start(folder.path(), LineSpec::new(115_200, 1))?;
    let mut readers = OsdpReaders::start()?;
    readers.add(reader_on(&line, 0, 115_200, Some(test_key(0))))?;
    let (_, security) = secure(0);
    let config = BusConfig::new(Baud::B9600).with_reader(at(0), security);
    let mut bus = OsdpBus::open(&line.path(Port::Panel), config)?;
    bus.wait_online(at(0), Duration::from_secs(60))?;
    assert_eq!(bus.panel.baud(at(0)), Some(Baud::B115200));
    Ok(())
}
