//! The house whose daemon is killed: readers on a line, a relay board, a broker, and a table.
//!
//! Doors 1 to [`READERS`] have a reader each, one door more is unlocked by an operator only. Door N
//! has output N.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use doorward_api::Changes;
use doorward_core::ids::{DoorId, KeyId, PlaceId};
use doorward_core::model::{Change, DoorWiring, Key, Place, Record};
use doorward_sim::line::{LineSpec, PacedLine, Port, monotonic_ns};
use doorward_wire::osdp::{
    Address, Baud, CardCoding, CardRead, DeviceConfig, DeviceSecurity, Scbk,
};

use crate::appliance::{door, holder};
use crate::bench::bus::h10301;
use crate::broker::{Mosquitto, Subscriber};
use crate::daemon::Daemon;
use crate::modbus_board::{Boards, tcp_boards};
use crate::osdp_device::OsdpDevice;
use crate::osdp_peer::test_key;

/// Readers on the bus.
pub(super) const READERS: u8 = 3;
/// The door that only an operator unlocks.
pub(super) const OPERATORS_DOOR: DoorId = DoorId(READERS as u32 + 1);
/// Users with a card, from 1.
pub(super) const HOLDERS: u32 = 100;
/// How long a door is unlocked.
pub(super) const UNLOCK_MS: u32 = 100;

const BAUD: u32 = 115_200;
/// Longer than anything should take on a slow and busy machine.
const SOON: Duration = Duration::from_secs(60);
const LOOK: Duration = Duration::from_millis(5);

/// The house. Dropping it takes everything down; a daemon is with whoever started it.
#[derive(Debug)]
pub struct House {
    /// The readers, by their addresses.
    pub readers: Vec<OsdpDevice>,
    /// The relay board.
    pub board: Boards,
    pub(super) subscriber: Subscriber,
    _broker: Mosquitto,
    _line: PacedLine,
    dir: tempfile::TempDir,
}

impl House {
    /// Lays it out, and furnishes the table.
    ///
    /// # Errors
    /// When a peer is missing, or the daemon does not start.
    pub fn lay() -> Result<Self> {
        Self::lay_in(tempfile::tempdir()?)
    }

    /// The same in a folder whose `data`, where there is one, is on a disk of its own.
    ///
    /// # Errors
    /// When a peer is missing, or the daemon does not start.
    pub fn lay_in(dir: tempfile::TempDir) -> Result<Self> {
        let bus = dir.path().join("bus");
        std::fs::create_dir(&bus)?;
        let line = PacedLine::start(&bus, LineSpec::new(BAUD, READERS.into()))?;
        let readers = (0..READERS)
            .map(|index| {
                let security = DeviceSecurity::Required(Scbk::new(test_key(index)));
                let baud = Baud::new(BAUD)?;
                let config = DeviceConfig::reader(Address::new(index)?, baud, security);
                OsdpDevice::start(&line.path(Port::Device(index.into())), config)
            })
            .collect::<Result<Vec<_>>>()?;
        let (board, board_port) = tcp_boards(&[1])?;
        let broker = Mosquitto::start()?;
        let subscriber = Subscriber::start(&broker, "doorward/killed/events")?;
        let text = site_toml(
            dir.path(),
            &line.path(Port::Panel),
            board_port,
            broker.port(),
        )?;
        std::fs::write(dir.path().join("site.toml"), text)?;
        let house = Self {
            readers,
            board,
            subscriber,
            _broker: broker,
            _line: line,
            dir,
        };
        house.furnish()?;
        Ok(house)
    }

    /// Of `site.toml`, the socket and the data.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.dir.path()
    }

    fn furnish(&self) -> Result<()> {
        let daemon = Daemon::start(self.folder())?;
        let changes = Changes {
            changes: records().into_iter().map(Change::Put).collect(),
        };
        daemon.call(async |client| client.apply(&changes, None).await)?;
        let ended = daemon.stop(SOON)?;
        if !ended.status.success() {
            bail!("doorwardd has ended with {}\n{}", ended.status, ended.log);
        }
        Ok(())
    }

    /// Waits until every reader is in Secure Channel and the board answers.
    ///
    /// # Errors
    /// When they do not.
    pub fn wait_wired(daemon: &Daemon) -> Result<()> {
        let until = Instant::now() + SOON;
        loop {
            let status = daemon.call(async |client| client.status().await);
            match &status {
                Ok(status)
                    if status.readers.iter().all(|reader| reader.secure)
                        && status.boards.iter().all(|board| board.online) =>
                {
                    return Ok(());
                }
                _ if Instant::now() > until => {
                    bail!("not all devices answer: {status:?}\n{}", daemon.log_end());
                }
                _ => std::thread::sleep(LOOK),
            }
        }
    }

    /// Shows a holder's card at a reader. Returns when, or `None` if no panel is there to take it.
    ///
    /// # Errors
    /// When the reader has ended.
    pub fn tap(&self, reader: usize, holder: u32) -> Result<Option<u64>> {
        let bits = h10301(u16::try_from(holder)?);
        let card = CardRead::new(0, CardCoding::Wiegand, bits.len(), bits.bytes())?;
        let (tell, told) = std::sync::mpsc::sync_channel(1);
        self.readers[reader].forget();
        self.readers[reader].order(move |device, now| {
            let shown = device.is_secure() && device.show_card(now, card).is_ok();
            let _ = tell.send(shown.then(monotonic_ns));
        });
        told.recv_timeout(SOON)
            .context("the reader does not answer")
    }
}

fn records() -> Vec<Record> {
    let mut records = vec![Record::Place(Place {
        id: PlaceId(1),
        name: "House".to_owned(),
        ..Place::default()
    })];
    records.extend((0..READERS).map(|index| {
        let mut door = door(u32::from(index) + 1, format!("reader-{index}"));
        (door.unlock_ms, door.extended_unlock_ms) = (UNLOCK_MS, UNLOCK_MS);
        Record::Door(door)
    }));
    let mut last = door(OPERATORS_DOOR.0, String::new());
    last.wiring = DoorWiring {
        entry_readers: Vec::new(),
        ..last.wiring
    };
    records.push(Record::Door(last));
    records.push(Record::Key(Key {
        id: KeyId(1),
        name: "All doors".to_owned(),
        place: PlaceId(1),
        doors: (1..=OPERATORS_DOOR.0).map(DoorId).collect(),
        ..Key::default()
    }));
    records.extend((1..=HOLDERS).flat_map(holder));
    records
}

fn site_toml(folder: &Path, line: &Path, board: u16, broker: u16) -> Result<String> {
    let mut text = format!(
        "[site]\nname = \"Killed\"\n[paths]\ndata = {:?}\n[api]\nsocket = {:?}\n\
         [doors]\nclock = \"trusted\"\n\
         [uplink]\nhost = \"127.0.0.1\"\nport = {broker}\nclient_id = \"killed\"\n\
         [[board]]\nname = \"cabinet\"\nprofile = \"generic-coil\"\naddress = \"127.0.0.1:{board}\"\n\
         [[osdp_bus]]\nname = \"bus\"\nport = {line:?}\nbaud = {BAUD}\n",
        folder.join("data"),
        folder.join("api.sock"),
    );
    for index in 0..READERS {
        let path = folder.join(format!("reader-{index}.key"));
        let mut options = std::fs::OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        for byte in test_key(index) {
            write!(file, "{byte:02x}")?;
        }
        writeln!(file)?;
        write!(
            text,
            "[[osdp_bus.reader]]\nname = \"reader-{index}\"\naddress = {index}\nkey_file = {path:?}\n"
        )?;
    }
    Ok(text)
}
