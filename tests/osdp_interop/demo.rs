//! The demo's virtual devices, driven by implementations that share nothing with Doorward's: what is
//! shown with them is shown with devices that are true to their protocols.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use doorward_sim::{OPENING, Site, SiteOptions};
use doorward_tests::osdp_peer::OsdpPanel;
use doorward_tests::osdp_peer::orders::{KeyText, PanelOrder, PanelSaw, PanelSpec, ReaderSpec};
use doorwardd::config::{BoardTransport, KeySource, ReaderSecurity, SiteConfig};
use serde::Deserialize;

const SOON: Duration = Duration::from_secs(30);

fn site(folder: &Path, speed: f64) -> Result<(Site, SiteConfig)> {
    let site = Site::start(SiteOptions {
        seed: 1,
        speed,
        dir: folder.to_owned(),
    })?;
    let config = SiteConfig::load(&site.config_path())?;
    Ok((site, config))
}

#[test]
fn libosdp_drives_the_readers_of_the_demo() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // People come to work: their cards are what the readers are there for.
    let (mut site, config) = site(folder.path(), 20.0)?;
    for bus in &config.buses {
        let readers = bus.readers.iter().map(|reader| {
            let ReaderSecurity::Secure(KeySource::File(path)) = &reader.security else {
                bail!("reader `{}` has no key file", reader.name);
            };
            let key = std::fs::read_to_string(path)?;
            Ok(ReaderSpec {
                name: reader.name.to_string(),
                path: bus.port.clone(),
                address: reader.address,
                baud: bus.baud,
                key: Some(KeyText(key.trim().to_owned())),
                install_mode: false,
                refuses_comset: false,
                fastest_baud: None,
                plain: false,
            })
        });
        let readers = readers.collect::<Result<Vec<_>>>()?;
        let mut panel = OsdpPanel::start(PanelSpec {
            path: bus.port.clone(),
            baud: bus.baud,
            readers: readers.clone(),
        })?;
        for reader in &readers {
            panel.wait_until(&reader.name, &PanelSaw::Secure, SOON)?;
        }
        // A light and a sound are taken, and cost nobody the session.
        for reader in &readers {
            panel.send(&PanelOrder::Led {
                name: reader.name.clone(),
                color: 2,
                timer: 5,
            })?;
            panel.send(&PanelOrder::Buzzer {
                name: reader.name.clone(),
                on: 1,
            })?;
        }
        panel.forget();
        site.open(OPENING)?;
        let mut cards = 0;
        while cards < 3 {
            let bits = panel.wait_for("a card, or trouble", SOON, |report| match &report.saw {
                PanelSaw::Card { bits } => Some(Ok(bits.len())),
                PanelSaw::Insecure | PanelSaw::Offline => {
                    Some(Err(format!("{} left", report.name)))
                }
                _ => None,
            })?;
            let bits = bits.map_err(|why| anyhow::anyhow!(why))?;
            assert_eq!(bits, 26, "the cards of the demo are H10301");
            cards += 1;
        }
    }
    Ok(())
}

/// What the script read.
#[derive(Debug, Deserialize)]
struct Read {
    coils: Vec<Vec<bool>>,
    off: Vec<bool>,
    inputs: Vec<bool>,
    beyond: u8,
}

#[test]
fn pymodbus_drives_the_relay_board_of_the_demo() -> Result<()> {
    const COILS: usize = 8;
    let folder = tempfile::tempdir()?;
    let (_site, config) = site(folder.path(), 1.0)?;
    let board = config.boards.first().context("the demo has a board")?;
    let BoardTransport::Tcp { address } = &board.transport else {
        bail!("the demo's board is not at a network address");
    };
    let (host, port) = address.rsplit_once(':').context("no port")?;
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/pymodbus_client.py");
    let python = std::env::var_os("DOORWARD_TEST_PYTHON").map(PathBuf::from);
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    let output = Command::new(python.unwrap_or(own))
        .arg(script)
        .args([host, port, &board.unit.to_string(), &COILS.to_string()])
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let read: Read = serde_json::from_slice(&output.stdout).with_context(|| said.into_owned())?;
    for (on, coils) in read.coils.iter().enumerate() {
        let expect: Vec<bool> = (0..COILS).map(|coil| coil == on).collect();
        assert_eq!(*coils, expect, "coil {on} alone is on");
    }
    assert_eq!(read.off, [false; COILS]);
    assert_eq!(read.inputs.len(), COILS);
    assert_eq!(
        read.beyond, 2,
        "a coil that is not there: illegal data address"
    );
    Ok(())
}
