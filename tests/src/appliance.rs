//! The daemon itself, as a process, on a temporary folder, with a table to decide by.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use doorward_api::{Changes, Client, Status};
use doorward_core::card::CardNumber;
use doorward_core::ids::{CredentialId, DoorId, KeyId, PlaceId, UserId};
use doorward_core::model::{
    Change, Credential, CredentialData, CredentialState, Door, DoorWiring, FailMode, Grant, Key,
    KeyFlags, OutputPoint, Place, Record, Relock, User, UserState,
};
use tokio::runtime::Runtime;

use crate::osdp_peer::orders::ReaderSpec;
use crate::peer::program;

/// Starting takes no longer than this, on a slow and busy machine.
const START: Duration = Duration::from_secs(60);

/// Between two looks at whether something is so.
const LOOK: Duration = Duration::from_millis(20);

/// Users put in one change: three rows each, and a change has at most 5,000.
const USERS_PER_CHANGE: u32 = 1000;

/// What the appliance is wired to.
#[derive(Debug, Clone)]
pub struct Wiring {
    /// The serial device of the one OSDP bus.
    pub bus: PathBuf,
    /// Its speed.
    pub baud: u32,
    /// Its readers; door N has reader N alone, from 0.
    pub readers: Vec<ReaderSpec>,
    /// `host:port` of the one relay board, a generic one; door N has output N + 1.
    pub board: String,
    /// More of `site.toml`, such as the broker.
    pub more: String,
}

/// A running daemon. Dropping it ends it.
#[derive(Debug)]
pub struct Appliance {
    child: Child,
    client: Client,
    runtime: Runtime,
    /// The log of its life, standard error.
    log: PathBuf,
    folder: tempfile::TempDir,
}

impl Appliance {
    /// Starts the daemon, and waits until its API answers.
    ///
    /// # Errors
    /// When `doorwardd` has not been built, or does not start; the message has its log.
    pub fn start(wiring: &Wiring) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let socket = folder.path().join("api.sock");
        let config = folder.path().join("site.toml");
        std::fs::write(&config, site_toml(folder.path(), &socket, wiring)?)?;
        let log = folder.path().join("log");
        let child = program("doorwardd")?
            .arg("--config")
            .arg(&config)
            .args(["--log", "info", "run"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log)?)
            .spawn()
            .context("cannot start doorwardd")?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let mut appliance = Self {
            child,
            client: Client::new(&socket),
            runtime,
            log,
            folder,
        };
        appliance.wait_until("the API to answer", START, |_| true)?;
        Ok(appliance)
    }

    /// The socket of the API.
    #[must_use]
    pub fn socket(&self) -> &Path {
        self.client.socket()
    }

    /// The folder of its store, its configuration and its log.
    #[must_use]
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Calls the API.
    pub fn call<T>(&self, call: impl AsyncFnOnce(&Client) -> T) -> T {
        self.runtime.block_on(call(&self.client))
    }

    /// Waits until its status is as wanted.
    ///
    /// # Errors
    /// When it is not within `within`, or the daemon has ended; the message has its log.
    pub fn wait_until(
        &mut self,
        what: &str,
        within: Duration,
        wanted: impl Fn(&Status) -> bool,
    ) -> Result<Status> {
        let until = Instant::now() + within;
        loop {
            let status = self.runtime.block_on(self.client.status());
            match &status {
                Ok(status) if wanted(status) => return Ok(status.clone()),
                _ if Instant::now() > until => {
                    bail!(
                        "waited {within:?} for {what}: {status:?}\n{}",
                        self.log_text()
                    )
                }
                _ => {}
            }
            if let Some(exit) = self.child.try_wait()? {
                bail!("doorwardd has ended with {exit}\n{}", self.log_text());
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until every reader and every board answers.
    ///
    /// # Errors
    /// When they do not within `within`.
    pub fn wait_wired(&mut self, within: Duration) -> Result<()> {
        self.wait_until("readers and boards to answer", within, |status| {
            status.readers.iter().all(|reader| reader.online)
                && status.boards.iter().all(|board| board.online)
        })?;
        Ok(())
    }

    /// Makes a door for each reader, one key to all of them, and users 1 to `users`, each with that
    /// key and the card of their number: H10301, facility 1.
    ///
    /// # Errors
    /// When the API refuses them.
    pub fn furnish(&self, wiring: &Wiring, users: u32) -> Result<()> {
        let doors = 1..=wiring.readers.len() as u32;
        let mut records = vec![Record::Place(Place {
            id: PlaceId(1),
            name: "House".to_owned(),
            parent: None,
            ..Place::default()
        })];
        let names = wiring.readers.iter().map(|reader| reader.name.clone());
        records.extend(
            doors
                .clone()
                .zip(names)
                .map(|(id, reader)| Record::Door(door(id, reader))),
        );
        records.push(Record::Key(Key {
            id: KeyId(1),
            name: "All doors".to_owned(),
            place: PlaceId(1),
            doors: doors.map(DoorId).collect(),
            schedule: None,
            window: None,
            blocked: None,
            flags: KeyFlags::default(),
            ..Key::default()
        }));
        self.put(records)?;
        for first in (1..=users).step_by(USERS_PER_CHANGE as usize) {
            let last = users.min(first + USERS_PER_CHANGE - 1);
            self.put((first..=last).flat_map(holder).collect())?;
        }
        Ok(())
    }

    /// Puts records in one change.
    ///
    /// # Errors
    /// When the API refuses them.
    pub fn put(&self, records: Vec<Record>) -> Result<()> {
        let changes = Changes {
            changes: records.into_iter().map(Change::Put).collect(),
        };
        let applied = self.call(async |client| client.apply(&changes, None).await);
        applied.context("the API refused a change")?;
        Ok(())
    }

    /// What the daemon has logged.
    #[must_use]
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Appliance {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A door with one reader and the output of its number.
pub(crate) fn door(id: u32, reader: String) -> Door {
    Door {
        id: DoorId(id),
        name: format!("Door {id}"),
        place: PlaceId(1),
        time_zone: "Europe/Stockholm".to_owned(),
        unlock_ms: 100,
        extended_unlock_ms: 100,
        held_open_ms: 30_000,
        held_open_warning_ms: 10_000,
        relock: Relock::AfterTime,
        fail_mode: FailMode::Secure,
        mode: doorward_core::model::DoorMode::Normal,
        authentication: doorward_core::model::Authentication::default(),
        inside: None,
        outside: None,
        wiring: DoorWiring {
            entry_readers: vec![reader],
            relay: Some(OutputPoint {
                board: "cabinet".to_owned(),
                output: id as u16,
            }),
            ..DoorWiring::default()
        },
        ..Door::default()
    }
}

/// A user with the card of their number and the key to all doors.
pub(crate) fn holder(id: u32) -> [Record; 3] {
    let user = User {
        id: UserId(id),
        first_name: "User".to_owned(),
        last_name: format!("{id}"),
        email: None,
        department: String::new(),
        state: UserState::Active,
        extended_unlock: false,
        ..User::default()
    };
    let format = "H10301".parse();
    let credential = Credential {
        id: CredentialId(id),
        user: Some(UserId(id)),
        data: CredentialData::Card(CardNumber {
            format: format.unwrap_or_else(|_| unreachable!()),
            facility: Some(1),
            number: u64::from(id),
        }),
        state: CredentialState::Active,
        valid_from: None,
        valid_until: None,
        label: String::new(),
    };
    let grant = Grant {
        user: UserId(id),
        key: KeyId(1),
        intervals: Vec::new(),
    };
    [
        Record::User(user),
        Record::Credential(credential),
        Record::Grant(grant),
    ]
}

fn site_toml(folder: &Path, socket: &Path, wiring: &Wiring) -> Result<String> {
    let mut text = format!(
        "[site]\nname = \"Test\"\n\n[paths]\ndata = {:?}\n\n[api]\nsocket = {socket:?}\n\n\
         [doors]\nclock = \"trusted\"\n\n[[osdp_bus]]\nname = \"bus\"\nport = {:?}\nbaud = {}\n",
        folder.join("data"),
        wiring.bus,
        wiring.baud,
    );
    for reader in &wiring.readers {
        write!(
            text,
            "\n[[osdp_bus.reader]]\nname = {:?}\naddress = {}\n",
            reader.name, reader.address
        )?;
        match &reader.key {
            None => text.push_str("security = \"clear\"\n"),
            Some(key) => {
                let path = folder.join(format!("{}.key", reader.name));
                let mut options = std::fs::OpenOptions::new();
                let mut file = options
                    .write(true)
                    .create(true)
                    .truncate(true)
                    .mode(0o600)
                    .open(&path)?;
                writeln!(file, "{}", key.0)?;
                writeln!(text, "key_file = {path:?}")?;
            }
        }
    }
    write!(
        text,
        "\n[[board]]\nname = \"cabinet\"\nprofile = \"generic-coil\"\naddress = {:?}\n\n{}",
        wiring.board, wiring.more
    )?;
    Ok(text)
}
