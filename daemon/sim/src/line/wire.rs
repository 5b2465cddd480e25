//! The thread that moves bytes between the pseudo-terminals at the pace of the wire.

use std::io::Read as _;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use super::medium::{Burst, QUEUED_BYTES_MAX};
use super::pty::PtyPort;
use super::{Port, Shared, TRAFFIC_BURSTS_MAX, Traffic, monotonic_ns};

/// Paces the line until it is told to stop.
pub(super) fn run(shared: &Mutex<Shared>, woken: &UnixStream) {
    let mut fds = Vec::new();
    let mut laid = None;
    let mut ready = Vec::new();
    loop {
        let (full, next_ns) = {
            let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
            if shared.stopping {
                return;
            }
            if laid != Some(shared.laid) {
                fds = shared.open_fds();
                laid = Some(shared.laid);
            }
            shared.take_in(&ready);
            shared.hand_out();
            (shared.full_ports(), shared.medium.next_ns())
        };
        ready = wait(&fds, &full, woken, next_ns);
    }
}

impl Shared {
    /// The pseudo-terminals' own ends, held apart so that waiting needs no lock.
    fn open_fds(&self) -> Vec<(Port, OwnedFd)> {
        let open = self.ports.iter().filter_map(|(port, pty)| {
            let fd = pty.as_ref()?.fd().try_clone_to_owned().ok()?;
            Some((*port, fd))
        });
        open.collect()
    }

    /// Ports that must wait until something of theirs has been sent.
    fn full_ports(&self) -> Vec<Port> {
        let ports = self.ports.iter().map(|(port, _)| *port);
        ports.filter(|port| self.medium.room(*port) == 0).collect()
    }

    fn take_in(&mut self, ready: &[Port]) {
        let mut buffer = [0; QUEUED_BYTES_MAX];
        for (port, pty) in &mut self.ports {
            if !ready.contains(port) {
                continue;
            }
            let room = self.medium.room(*port);
            let count = pty.as_mut().map_or(0, |pty| pty.read(&mut buffer[..room]));
            if let Some(baud) = pty.as_ref().and_then(PtyPort::baud) {
                self.medium.set_baud(*port, baud);
            }
            if count > 0 {
                self.medium
                    .send(monotonic_ns(), Some(*port), &buffer[..count]);
            }
        }
    }

    fn hand_out(&mut self) {
        while let Some(burst) = self.medium.deliver(monotonic_ns()) {
            for (port, pty) in &mut self.ports {
                let Some(pty) = pty else { continue };
                if let Some(baud) = pty.baud() {
                    self.medium.set_baud(*port, baud);
                }
                if let Some(bytes) = self.medium.heard(&burst, *port) {
                    pty.write(&bytes);
                }
            }
            self.note(burst);
        }
    }

    fn note(&mut self, burst: Burst) {
        let Some(traffic) = &mut self.traffic else {
            return;
        };
        if traffic.len() == TRAFFIC_BURSTS_MAX {
            traffic.pop_front();
        }
        traffic.push_back(Traffic {
            at_ns: burst.at_ns,
            from: burst.from,
            bytes: burst.bytes,
        });
    }
}

/// Sleeps until a port has bytes, the owner wants something, or a burst is complete.
fn wait(
    fds: &[(Port, OwnedFd)],
    full: &[Port],
    mut woken: &UnixStream,
    next_ns: Option<u64>,
) -> Vec<Port> {
    let (ports, mut polled): (Vec<Port>, Vec<PollFd<'_>>) = fds
        .iter()
        .filter(|(port, _)| !full.contains(port))
        .map(|(port, fd)| (*port, PollFd::new(fd.as_fd(), PollFlags::POLLIN)))
        .unzip();
    polled.push(PollFd::new(woken.as_fd(), PollFlags::POLLIN));
    let timeout = next_ns.map(|next_ns| {
        let left_ns = next_ns.saturating_sub(monotonic_ns());
        TimeSpec::from_duration(Duration::from_nanos(left_ns))
    });
    if ppoll(&mut polled, timeout, None).is_err() {
        return Vec::new();
    }
    if polled.last().is_some_and(|poll| poll.any() == Some(true)) {
        let _ = woken.read(&mut [0; 64]);
    }
    let answers = ports.into_iter().zip(&polled);
    answers
        .filter(|(_, poll)| poll.any() == Some(true))
        .map(|(port, _)| port)
        .collect()
}
