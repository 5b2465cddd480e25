//! A Modbus device with the last card.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use doorward_tests::peer::JsonPeer;
use serde::{Deserialize, Serialize};

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
