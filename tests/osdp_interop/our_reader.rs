//! libosdp's control panel drives Doorward's readers.

use std::time::Duration;

use anyhow::Result;
use doorward_core::card::CardBits;
use doorward_sim::line::{LineSpec, PacedLine, Port};
use doorward_tests::osdp_device::OsdpDevice;
use doorward_tests::osdp_peer::orders::{KeyText, PanelOrder, PanelSaw, PanelSpec};
use doorward_tests::osdp_peer::{OsdpPanel, reader_on, test_key};
use doorward_wire::osdp::{
    Address, Baud, CardCoding, CardRead, Colour, DeviceConfig, DeviceSecurity, Few, KeyUsed,
    Keypad, LocalStatus, PdEvent, Scbk, Temporary,
};

const SOON: Duration = Duration::from_secs(10);

struct Site {
    panel: OsdpPanel,
    devices: Vec<OsdpDevice>,
    _line: PacedLine,
    _folder: tempfile::TempDir,
}

fn site(
    count: u8,
    key: impl Fn(u8) -> Option<[u8; 16]>,
    security: impl Fn(u8) -> DeviceSecurity,
) -> Result<Site> {
    let folder = tempfile::tempdir()?;
    let baud = Baud::B115200;
    let line = PacedLine::start(
        folder.path(),
        LineSpec::new(baud.rate(), usize::from(count)),
    )?;
    let mut devices = Vec::new();
    let mut readers = Vec::new();
    for index in 0..count {
        let config = DeviceConfig::reader(Address::new(index)?, baud, security(index));
        let port = line.path(Port::Device(usize::from(index)));
        devices.push(OsdpDevice::start(&port, config)?);
        readers.push(reader_on(&line, index, baud.rate(), key(index)));
    }
    let panel = OsdpPanel::start(PanelSpec {
        path: line.path(Port::Panel),
        baud: baud.rate(),
        readers,
    })?;
    Ok(Site {
        panel,
        devices,
        _line: line,
        _folder: folder,
    })
}

fn secure(count: u8) -> Result<Site> {
    let key = |index| Some(test_key(index));
    site(count, key, |index| {
        DeviceSecurity::Required(Scbk::new(test_key(index)))
    })
}

fn show(device: &OsdpDevice, bits: CardBits) {
    device.order(move |device, now| {
        let card = CardRead::new(0, CardCoding::Wiegand, bits.len(), bits.bytes()).unwrap();
        device.show_card(now, card).unwrap();
    });
}

#[test]
fn cards_arrive_exactly_from_three_readers_in_secure_channel() -> Result<()> {
    let mut site = secure(3)?;
    for index in 0..3 {
        site.panel
            .wait_until(&format!("reader-{index}"), &PanelSaw::Secure, SOON)?;
        site.devices[index].wait_for("the channel", SOON, |event| {
            (*event == PdEvent::SecureChannel(KeyUsed::Own)).then_some(())
        })?;
    }
    for (index, text) in [
        (0, "1"),
        (1, "10101010111100001100110011"),
        (2, "0110100111010010110"),
        (0, "11"),
    ] {
        let bits: CardBits = text.parse()?;
        show(&site.devices[index], bits);
        let card = PanelSaw::Card { bits };
        site.panel
            .wait_until(&format!("reader-{index}"), &card, SOON)?;
        site.devices[index].wait_for("the delivery", SOON, |event| {
            matches!(event, PdEvent::Delivered(_)).then_some(())
        })?;
    }
    Ok(())
}

#[test]
fn a_reader_in_the_clear_tells_and_obeys() -> Result<()> {
    let mut site = site(1, |_| None, |_| DeviceSecurity::Unsupported)?;
    site.panel.wait_until("reader-0", &PanelSaw::Online, SOON)?;
    let device = &site.devices[0];
    device.order(|device, now| {
        let keys = Few::from_slice(b"42").unwrap();
        device.press_keys(now, Keypad { reader: 0, keys }).unwrap();
    });
    let keys = PanelSaw::Keys {
        keys: "42".to_owned(),
    };
    site.panel.wait_until("reader-0", &keys, SOON)?;
    device.order(|device, now| {
        let status = LocalStatus {
            is_tampered: true,
            has_power_failed: false,
        };
        device.set_local_status(now, status).unwrap();
    });
    let status = PanelSaw::LocalStatus {
        tamper: true,
        power: false,
    };
    site.panel.wait_until("reader-0", &status, SOON)?;

    site.panel.send(&PanelOrder::Led {
        name: "reader-0".to_owned(),
        color: 2,
        timer: 20,
    })?;
    let (colour, time) = device.wait_for("a light", SOON, |event| match event {
        PdEvent::Led(led) => match led.temporary {
            Temporary::Set { blink, for_100ms } => Some((blink.on, for_100ms)),
            _ => None,
        },
        _ => None,
    })?;
    assert_eq!((colour, time), (Colour::Green, 20));
    site.panel.send(&PanelOrder::Buzzer {
        name: "reader-0".to_owned(),
        on: 3,
    })?;
    device.wait_for("a sound", SOON, |event| match event {
        PdEvent::Buzzer(buzzer) => (buzzer.on_100ms == 3).then_some(()),
        _ => None,
    })
}

#[test]
fn a_panel_with_another_key_gets_nothing() -> Result<()> {
    let mut site = site(
        1,
        |_| Some(test_key(99)),
        |index| DeviceSecurity::Required(Scbk::new(test_key(index))),
    )?;
    show(&site.devices[0], "10101010111100001100110011".parse()?);
    let seen = site
        .panel
        .wait_for("nothing", Duration::from_secs(4), |report| {
            matches!(report.saw, PanelSaw::Secure | PanelSaw::Card { .. })
                .then(|| report.saw.clone())
        });
    assert!(seen.is_err(), "{seen:?} with another key");
    Ok(())
}

#[test]
fn a_new_key_is_taken() -> Result<()> {
    let mut site = secure(1)?;
    site.panel.wait_until("reader-0", &PanelSaw::Secure, SOON)?;
    let key = test_key(77);
    site.panel.send(&PanelOrder::KeySet {
        name: "reader-0".to_owned(),
        key: KeyText::new(key),
    })?;
    site.devices[0].wait_for("the key", SOON, |event| match event {
        PdEvent::KeySet(taken) => (*taken == Scbk::new(key)).then_some(()),
        _ => None,
    })?;
    let bits: CardBits = "1100".parse()?;
    site.devices[0].wait_for("the channel", SOON, |event| {
        (*event == PdEvent::SecureChannel(KeyUsed::Own)).then_some(())
    })?;
    show(&site.devices[0], bits);
    site.panel
        .wait_until("reader-0", &PanelSaw::Card { bits }, SOON)?;
    Ok(())
}
