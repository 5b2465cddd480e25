//! What systemd is told (sd_notify(3)). Without systemd nothing is sent.

use std::env;
use std::fmt::Write as _;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

use sd_notify::NotifyState;

/// How long systemd may keep the daemon waiting before it hears that the doors are served.
const READY_WAIT_MAX: Duration = Duration::from_secs(5);

/// What becomes of a message that systemd has no room for.
#[derive(Debug, Clone, Copy)]
enum Full {
    /// It is dropped: no door waits for systemd.
    Drop,
    /// It waits, but not for ever.
    Wait,
}

fn send(states: &[NotifyState<'_>], full: Full) {
    match try_send(states, full) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            log::debug!("systemd does not listen: {states:?} is not told");
        }
        Err(error) => log::warn!("cannot notify systemd: {error}"),
        Ok(()) => {}
    }
}

fn try_send(states: &[NotifyState<'_>], full: Full) -> io::Result<()> {
    let Some(name) = env::var_os("NOTIFY_SOCKET") else {
        return Ok(());
    };
    let address = match name.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(&name)?,
    };
    let mut message = String::new();
    for state in states {
        // Writing to a string does not fail.
        let _ = writeln!(message, "{state}");
    }
    let socket = UnixDatagram::unbound()?;
    match full {
        Full::Drop => socket.set_nonblocking(true)?,
        Full::Wait => socket.set_write_timeout(Some(READY_WAIT_MAX))?,
    }
    socket.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

/// The doors are served.
pub fn ready(status: &str) {
    send(
        &[NotifyState::Ready, NotifyState::Status(status)],
        Full::Wait,
    );
}

/// The daemon stops.
pub fn stopping() {
    send(
        &[
            NotifyState::Stopping,
            NotifyState::Status("stopping: driving relays to their safe state"),
        ],
        Full::Drop,
    );
}

/// The controller has completed a turn. Never blocks.
pub fn alive() {
    send(&[NotifyState::Watchdog], Full::Drop);
}

/// How often [`alive`] is to be said: half of what the unit allows. `None` without a watchdog.
#[must_use]
pub fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled().map(|allowed| allowed / 2)
}
