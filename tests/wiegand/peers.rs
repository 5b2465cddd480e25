//! A converter's end of a serial line, and a Modbus device with the last card.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use doorward_tests::peer::JsonPeer;
use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use serde::{Deserialize, Serialize};

/// A serial port with a converter at its other end.
pub(crate) struct Converter {
    link: PathBuf,
    plugged: Option<Plugged>,
}

struct Plugged {
    master: PtyMaster,
    /// Held open, so that the line is not hung up while nobody listens.
    _device: File,
}

impl Converter {
    pub(crate) fn plug(link: PathBuf) -> Self {
        let mut converter = Self {
            link,
            plugged: None,
        };
        converter.replug();
        converter
    }

    pub(crate) fn path(&self) -> &Path {
        &self.link
    }

    /// Pulled out: the device is gone, and whoever has it open is told.
    pub(crate) fn unplug(&mut self) {
        self.plugged = None;
        std::fs::remove_file(&self.link).unwrap();
    }

    pub(crate) fn replug(&mut self) {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname_r(&master).unwrap();
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options.custom_flags((OFlag::O_NOCTTY | OFlag::O_CLOEXEC).bits());
        let device = options.open(&name).unwrap();
        std::os::unix::fs::symlink(&name, &self.link).unwrap();
        self.plugged = Some(Plugged {
            master,
            _device: device,
        });
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        let plugged = self.plugged.as_mut().unwrap();
        plugged.master.write_all(bytes).unwrap();
    }
}

#[derive(Debug, Serialize)]
#[serde(tag = "order", rename_all = "snake_case")]
pub(crate) enum DeviceOrder {
    Card { bits: String },
    Silent { on: bool },
}

#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(tag = "report", rename_all = "snake_case")]
pub(crate) enum DeviceReport {
    Listening { port: u16 },
    Read,
}

pub(crate) type Device = JsonPeer<DeviceOrder, DeviceReport>;

/// Starts a device on a free port of this machine, and tells which.
pub(crate) fn modbus_device(unit: u8) -> (Device, u16) {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = std::env::var_os("DOORWARD_TEST_PYTHON").map(PathBuf::from);
    let mut command = Command::new(python.unwrap_or_else(|| tests.join(".venv/bin/python")));
    command.arg(tests.join("peers/pymodbus_wiegand.py")).args([
        "127.0.0.1",
        "0",
        &unit.to_string(),
    ]);
    let mut device = Device::start("pymodbus wiegand", command).unwrap();
    let start = Duration::from_secs(60);
    let port = device.wait_for("the device to listen", start, |report| match report {
        DeviceReport::Listening { port } => Some(*port),
        DeviceReport::Read => None,
    });
    (device, port.unwrap())
}
