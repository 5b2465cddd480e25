//! libosdp against itself: the line and the harness carry what OSDP needs.

use std::time::Duration;

use anyhow::Result;
use doorward_core::card::CardBits;
use doorward_sim::line::{LineSpec, PacedLine, Port};
use doorward_tests::osdp_peer::orders::{PanelOrder, PanelSaw, PanelSpec, ReaderSaw};
use doorward_tests::osdp_peer::{OsdpPanel, OsdpReaders, reader_on, test_key};

const SOON: Duration = Duration::from_secs(10);
const BAUD: u32 = 115_200;

struct Bus {
    readers: OsdpReaders,
    panel: OsdpPanel,
    line: PacedLine,
    _folder: tempfile::TempDir,
}

fn bus(count: u8, key: impl Fn(u8) -> Option<[u8; 16]>) -> Result<Bus> {
    let folder = tempfile::tempdir()?;
    let line = PacedLine::start(folder.path(), LineSpec::new(BAUD, usize::from(count)))?;
    let mut readers = OsdpReaders::start()?;
    let specs: Vec<_> = (0..count)
        .map(|index| reader_on(&line, index, BAUD, key(index)))
        .collect();
    for spec in &specs {
        readers.add(spec.clone())?;
    }
    let panel = OsdpPanel::start(PanelSpec {
        path: line.path(Port::Panel),
        baud: BAUD,
        readers: specs,
    })?;
    Ok(Bus {
        readers,
        panel,
        line,
        _folder: folder,
    })
}

#[test]
fn cards_arrive_exactly_in_secure_channel() -> Result<()> {
    let mut bus = bus(3, |index| Some(test_key(index)))?;
    for index in 0..3 {
        let name = format!("reader-{index}");
        bus.panel.wait_until(&name, &PanelSaw::Secure, SOON)?;
    }
    for (index, text) in [
        (0, "10101010111100001100110011"),
        (1, "1"),
        (2, "011010011"),
    ] {
        let bits: CardBits = text.parse()?;
        let name = format!("reader-{index}");
        let shown_ns = bus.readers.show_card(&name, bits)?;
        let seen_ns = bus
            .panel
            .wait_until(&name, &PanelSaw::Card { bits }, SOON)?;
        assert!(seen_ns > shown_ns);
    }
    Ok(())
}

#[test]
fn lights_and_sounds_reach_a_reader_in_the_clear() -> Result<()> {
    let mut bus = bus(1, |_| None)?;
    bus.panel.wait_until("reader-0", &PanelSaw::Online, SOON)?;
    bus.panel.send(&PanelOrder::Led {
        name: "reader-0".to_owned(),
        color: 2,
        timer: 20,
    })?;
    let light = bus
        .readers
        .wait_for("a light", SOON, |report| match report.saw {
            ReaderSaw::Led {
                temporary_on_color,
                temporary_timer,
                ..
            } => Some((temporary_on_color, temporary_timer)),
            _ => None,
        })?;
    assert_eq!(light, (2, 20));
    bus.panel.send(&PanelOrder::Buzzer {
        name: "reader-0".to_owned(),
        on: 3,
    })?;
    bus.readers
        .wait_for("a sound", SOON, |report| match report.saw {
            ReaderSaw::Buzzer { on: 3, .. } => Some(()),
            _ => None,
        })
}

#[test]
fn tamper_and_keys_are_reported() -> Result<()> {
    let mut bus = bus(1, |index| Some(test_key(index)))?;
    bus.panel.wait_until("reader-0", &PanelSaw::Secure, SOON)?;
    bus.readers.press_keys("reader-0", "1234#")?;
    let keys = PanelSaw::Keys {
        keys: "1234#".to_owned(),
    };
    bus.panel.wait_until("reader-0", &keys, SOON)?;
    bus.readers.set_tamper("reader-0", true)?;
    let status = PanelSaw::LocalStatus {
        tamper: true,
        power: false,
    };
    bus.panel.wait_until("reader-0", &status, SOON)?;
    Ok(())
}

#[test]
fn a_cut_reader_is_missed() -> Result<()> {
    let mut bus = bus(1, |_| None)?;
    bus.panel.wait_until("reader-0", &PanelSaw::Online, SOON)?;
    bus.line.cut(Port::Device(0));
    bus.panel.wait_until("reader-0", &PanelSaw::Offline, SOON)?;
    Ok(())
}
