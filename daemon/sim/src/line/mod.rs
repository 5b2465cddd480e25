//! A multi-drop RS-485 line on pseudo-terminals, as slow as a real one.
//!
//! A pseudo-terminal ignores its baud rate. This line gives every byte its ten bits of time at the
//! rate that its sender has set on its end, makes garbage of it for whoever has set another, lets
//! two talkers spoil each other, and can be cut, noisy or deaf. The control panel's end and each
//! device's end are ordinary serial device files; who opens them cannot tell the difference, save
//! that bytes sent to a port nobody has open wait in it (a consumer should flush on opening).
//!
//! Every byte is delivered after the moment it would have been sent, within a burst of at most
//! 1 ms that is handed over when its last byte is complete.

mod medium;
mod pty;
mod wire;

use std::collections::VecDeque;
use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use thiserror::Error;

use medium::Medium;
use pty::PtyPort;
pub use pty::set_baud;

/// The most devices on one line: an OSDP address has seven bits, and 0x7F is the broadcast.
pub const DEVICES_MAX: usize = 126;

/// The most bursts kept for [`PacedLine::take_traffic`]; older ones are forgotten first.
pub const TRAFFIC_BURSTS_MAX: usize = 100_000;

/// One end of the line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Port {
    /// The control panel's serial adapter.
    Panel,
    /// A device, counted from 0.
    Device(usize),
}

/// Who hears whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hearing {
    /// Every talker hears its own bytes, as with an adapter that leaves its receiver on.
    pub echo: bool,
    /// Devices hear each other's replies, as on two wires.
    pub devices_hear_devices: bool,
}

impl Hearing {
    /// Two wires: everybody hears everybody else. What OSDP buses are.
    pub const TWO_WIRE: Self = Self {
        echo: false,
        devices_hear_devices: true,
    };
    /// Four wires: devices hear only the panel.
    pub const FOUR_WIRE: Self = Self {
        echo: false,
        devices_hear_devices: false,
    };
}

/// Random damage, the same for the same seed. Rates are per million bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Noise {
    /// Where the randomness starts.
    pub seed: u64,
    /// Bytes with one bit turned over.
    pub flip_per_million: u32,
    /// Bytes lost.
    pub drop_per_million: u32,
    /// Bytes received twice.
    pub repeat_per_million: u32,
}

impl Noise {
    /// A good cable.
    pub const NONE: Self = Self {
        seed: 0,
        flip_per_million: 0,
        drop_per_million: 0,
        repeat_per_million: 0,
    };
}

/// What has happened to what was said, since the line was laid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Damage {
    /// Bytes turned, lost or repeated by [`Noise`].
    pub noisy_bytes: u64,
    /// Bytes that two talkers spoiled for each other.
    pub collided_bytes: u64,
    /// Talkers cut off before they had said all.
    pub halved: u64,
}

/// What line to lay.
#[derive(Debug, Clone, Copy)]
pub struct LineSpec {
    /// Bits per second that every port starts with, 300 to 4,000,000.
    pub baud: u32,
    /// How many device ports, at most [`DEVICES_MAX`].
    pub devices: usize,
    /// Who hears whom.
    pub hearing: Hearing,
    /// Damage on the way.
    pub noise: Noise,
    /// Keep what was said for [`PacedLine::take_traffic`].
    pub record: bool,
}

impl LineSpec {
    /// A clean two-wire line.
    #[must_use]
    pub const fn new(baud: u32, devices: usize) -> Self {
        Self {
            baud,
            devices,
            hearing: Hearing::TWO_WIRE,
            noise: Noise::NONE,
            record: false,
        }
    }
}

/// Bytes that went over the line together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traffic {
    /// When the last byte had been sent, `CLOCK_MONOTONIC` nanoseconds.
    pub at_ns: u64,
    /// Who sent them; `None` for what [`PacedLine::inject`] put there.
    pub from: Option<Port>,
    /// The bytes, as they were heard at the right baud rate.
    pub bytes: Vec<u8>,
}

/// Why a line could not be laid or changed.
#[derive(Debug, Error)]
pub enum LineError {
    /// The description makes no sense.
    #[error(
        "a line of `{devices}` devices at `{baud}` baud: expected at most {DEVICES_MAX} devices and 300 to 4000000 baud"
    )]
    Spec {
        /// The number of devices asked for.
        devices: usize,
        /// The baud rate asked for.
        baud: u32,
    },
    /// The system gave no pseudo-terminal, or it could not be named in the folder.
    #[error("cannot make the pseudo-terminal `{}`", path.display())]
    Pty {
        /// The name it was to have.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The thread that paces the bytes could not be started.
    #[error("cannot start the thread of the line")]
    Thread(#[source] std::io::Error),
}

/// A running line. Dropping it ends its thread and removes its device files.
#[derive(Debug)]
pub struct PacedLine {
    shared: Arc<Mutex<Shared>>,
    wake: UnixStream,
    thread: Option<JoinHandle<()>>,
    folder: PathBuf,
    baud: u32,
}

/// What the owner and the pacing thread both touch; neither holds it across a wait.
#[derive(Debug)]
struct Shared {
    medium: Medium,
    ports: Vec<(Port, Option<PtyPort>)>,
    traffic: Option<VecDeque<Traffic>>,
    /// Counts the changes to `ports`.
    laid: u64,
    stopping: bool,
}

impl PacedLine {
    /// Lays the line; its device files appear in `folder` as `panel` and `reader-0`, `reader-1`, …
    ///
    /// # Errors
    /// When the description makes no sense, or the system gives no pseudo-terminals or thread.
    pub fn start(folder: &Path, spec: LineSpec) -> Result<Self, LineError> {
        if spec.devices > DEVICES_MAX || !(300..=4_000_000).contains(&spec.baud) {
            return Err(LineError::Spec {
                devices: spec.devices,
                baud: spec.baud,
            });
        }
        let ports = std::iter::once(Port::Panel)
            .chain((0..spec.devices).map(Port::Device))
            .map(|port| {
                let pty = PtyPort::open(&port_path(folder, port), spec.baud)?;
                Ok((port, Some(pty)))
            })
            .collect::<Result<Vec<_>, LineError>>()?;
        let shared = Arc::new(Mutex::new(Shared {
            medium: Medium::new(spec.devices, spec.baud, spec.hearing, spec.noise),
            ports,
            traffic: spec.record.then(VecDeque::new),
            laid: 0,
            stopping: false,
        }));
        let (wake, woken) = UnixStream::pair().map_err(LineError::Thread)?;
        wake.set_nonblocking(true).map_err(LineError::Thread)?;
        woken.set_nonblocking(true).map_err(LineError::Thread)?;
        let thread = std::thread::Builder::new()
            .name("line".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || wire::run(&shared, &woken)
            })
            .map_err(LineError::Thread)?;
        Ok(Self {
            shared,
            wake,
            thread: Some(thread),
            folder: folder.to_owned(),
            baud: spec.baud,
        })
    }

    /// The device file of one end. It stays the same when the port is taken away and put back.
    #[must_use]
    pub fn path(&self, port: Port) -> PathBuf {
        port_path(&self.folder, port)
    }

    /// Cuts the wire to a port: it neither talks nor hears, but its device file stays.
    pub fn cut(&self, port: Port) {
        self.with(|shared| shared.medium.set_connected(port, false));
    }

    /// Mends the wire to a port.
    pub fn mend(&self, port: Port) {
        self.with(|shared| shared.medium.set_connected(port, true));
    }

    /// Pulls the serial adapter out: whoever has the device file open is hung up, and the file goes.
    pub fn pull(&self, port: Port) {
        self.with(|shared| {
            shared.medium.set_connected(port, false);
            for (at, pty) in &mut shared.ports {
                if *at == port {
                    *pty = None;
                }
            }
            shared.laid += 1;
        });
    }

    /// Puts a pulled adapter back, under the same name.
    ///
    /// # Errors
    /// When the system gives no pseudo-terminal.
    pub fn put_back(&self, port: Port) -> Result<(), LineError> {
        let fresh = PtyPort::open(&self.path(port), self.baud)?;
        self.with(|shared| {
            shared.medium.set_connected(port, true);
            if let Some((_, pty)) = shared.ports.iter_mut().find(|(at, _)| *at == port) {
                *pty = Some(fresh);
            }
            shared.laid += 1;
        });
        Ok(())
    }

    /// Sets the bits per second at which a port talks and listens, as who has its device file open
    /// may do as well; at two rates both hear garbage.
    pub fn set_baud(&self, port: Port, baud: u32) {
        self.with(|shared| {
            let named = shared.ports.iter().find(|(at, _)| *at == port);
            if let Some((_, Some(pty))) = named {
                pty.set_baud(baud);
            }
        });
    }

    /// Changes the damage done on the way.
    pub fn set_noise(&self, noise: Noise) {
        self.with(|shared| shared.medium.set_noise(noise));
    }

    /// What has been damaged so far.
    #[must_use]
    pub fn damage(&self) -> Damage {
        let shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.medium.damage()
    }

    /// Puts bytes on the wire from outside, at the rate the line started with; they collide with
    /// whoever talks.
    pub fn inject(&self, bytes: &[u8]) {
        self.with(|shared| shared.medium.send(monotonic_ns(), None, bytes));
    }

    /// What went over the line since the last call; empty unless [`LineSpec::record`] was set.
    #[must_use]
    pub fn take_traffic(&self) -> Vec<Traffic> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let traffic = shared.traffic.as_mut().map(std::mem::take);
        traffic.unwrap_or_default().into()
    }

    fn with(&self, change: impl FnOnce(&mut Shared)) {
        change(&mut self.shared.lock().unwrap_or_else(PoisonError::into_inner));
        // A full pipe already holds a wake-up.
        let _ = (&self.wake).write(&[0]);
    }
}

impl Drop for PacedLine {
    fn drop(&mut self) {
        self.with(|shared| shared.stopping = true);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds: the clock of every timestamp here, comparable between
/// processes of one machine.
#[must_use]
pub fn monotonic_ns() -> u64 {
    let now = nix::time::ClockId::CLOCK_MONOTONIC
        .now()
        .unwrap_or_else(|_| nix::sys::time::TimeSpec::new(0, 0));
    now.tv_sec() as u64 * 1_000_000_000 + now.tv_nsec() as u64
}

fn port_path(folder: &Path, port: Port) -> PathBuf {
    match port {
        Port::Panel => folder.join("panel"),
        Port::Device(index) => folder.join(format!("reader-{index}")),
    }
}

#[cfg(test)]
mod tests;
