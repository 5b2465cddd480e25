//! Doorward's own control panel on a serial device file, driven by a plain blocking loop.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use doorward_sim::line::{monotonic_ns, set_baud};
use doorward_wire::osdp::{
    Address, Baud, BusConfig, BusEvent, ControlPanel, LinkEvent, Mono, Raised, Scbk, SpeedRaise,
};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::termios::{FlushArg, tcflush};
use nix::sys::time::TimeSpec;

/// Events shown in the message of a wait in vain.
const SHOWN_MAX: usize = 12;

/// A bus under a blocking control panel.
#[derive(Debug)]
pub struct OsdpBus {
    /// The state machine, to queue commands and to ask for its figures.
    pub panel: ControlPanel,
    port: File,
    baud: Baud,
    /// Seen, and not yet waited for.
    events: VecDeque<BusEvent>,
}

impl OsdpBus {
    /// Takes over a line.
    ///
    /// # Errors
    /// When the device file cannot be opened, or the bus is not well described.
    pub fn open(path: &Path, config: BusConfig) -> Result<Self> {
        let port = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits())
            .open(path)
            .with_context(|| format!("cannot open `{}`", path.display()))?;
        tcflush(&port, FlushArg::TCIOFLUSH)?;
        let baud = config.baud;
        set_baud(&port, baud.rate())?;
        // Tests need no secrecy; the time is seed enough to differ between two of them.
        let mut seed = [0x35; 16];
        seed[..8].copy_from_slice(&monotonic_ns().to_le_bytes());
        Ok(Self {
            panel: ControlPanel::new(config, seed, now())?,
            port,
            baud,
            events: VecDeque::new(),
        })
    }

    /// Drives the bus until an event comes, or has come, of which `wanted` makes something. The
    /// others are kept for later waits.
    ///
    /// # Errors
    /// When none comes within `within`; the message tells what came instead.
    pub fn wait_for<T>(
        &mut self,
        what: &str,
        within: Duration,
        mut wanted: impl FnMut(&BusEvent) -> Option<T>,
    ) -> Result<T> {
        for at in 0..self.events.len() {
            if let Some(found) = wanted(&self.events[at]) {
                self.events.remove(at);
                return Ok(found);
            }
        }
        let until = now() + within;
        while now() < until {
            self.turn(until)?;
            let mut found = None;
            while let Some(event) = self.panel.poll_event() {
                match found {
                    None => found = wanted(&event),
                    Some(_) => self.events.push_back(event),
                }
                if found.is_none() {
                    self.events.push_back(event);
                }
            }
            if let Some(found) = found {
                return Ok(found);
            }
        }
        let skipped = self.events.len().saturating_sub(SHOWN_MAX);
        let seen: Vec<_> = self.events.iter().skip(skipped).collect();
        bail!("waited {within:?} for {what}; seen instead: {seen:?}")
    }

    /// Drives the bus until exactly this happens at an address.
    ///
    /// # Errors
    /// When it does not within `within`.
    pub fn wait_until(
        &mut self,
        address: Address,
        event: LinkEvent,
        within: Duration,
    ) -> Result<()> {
        self.wait_for(&format!("{event:?} at {address}"), within, |seen| {
            (seen.address == address && seen.event == event).then_some(())
        })
    }

    /// Drives the bus until the PD at an address is online.
    ///
    /// # Errors
    /// When it is not within `within`.
    pub fn wait_online(&mut self, address: Address, within: Duration) -> Result<()> {
        self.wait_for(
            &format!("reader {address} to come online"),
            within,
            |seen| {
                (seen.address == address && matches!(seen.event, LinkEvent::Online(_)))
                    .then_some(())
            },
        )
    }

    /// Drives the bus for a time, and returns everything that happened and was not waited for.
    ///
    /// # Errors
    /// When the device file fails.
    pub fn run_for(&mut self, time: Duration) -> Result<Vec<BusEvent>> {
        let until = now() + time;
        while now() < until {
            self.turn(until)?;
            while let Some(event) = self.panel.poll_event() {
                self.events.push_back(event);
            }
        }
        Ok(self.events.drain(..).collect())
    }

    /// Opens a reader's install window.
    ///
    /// # Errors
    /// When the panel refuses it.
    pub fn open_install(&mut self, address: Address, key: Scbk, window: Duration) -> Result<()> {
        let now = now();
        Ok(self.panel.open_install(now, address, key, now + window)?)
    }

    /// Raises all readers to the highest speed up to `limit` that they take.
    ///
    /// # Errors
    /// When a reader is offline, or it takes longer than `within`.
    pub fn raise(&mut self, limit: Baud, within: Duration) -> Result<Raised> {
        let mut raise = SpeedRaise::new(&self.panel, limit, false)?;
        let until = now() + within;
        while now() < until {
            raise.handle_timeout(now(), &mut self.panel);
            if let Some(raised) = raise.poll_done(&self.panel) {
                return Ok(raised);
            }
            self.turn(raise.poll_timeout().map_or(until, |due| due.min(until)))?;
            while let Some(event) = self.panel.poll_event() {
                raise.handle_event(now(), &event);
                self.events.push_back(event);
            }
        }
        bail!("waited {within:?} for the speed to be raised: {raise:?}")
    }

    /// Sends what is due, then waits for bytes or the time the panel names.
    fn turn(&mut self, until: Mono) -> Result<()> {
        let mut bytes = Vec::new();
        while let Some(transmit) = self.panel.poll_transmit(now(), &mut bytes) {
            if transmit.baud != self.baud {
                set_baud(&self.port, transmit.baud.rate())?;
                self.baud = transmit.baud;
            }
            self.port.write_all(&bytes)?;
            bytes.clear();
        }
        let wake = self
            .panel
            .poll_timeout()
            .map_or(until, |due| due.min(until));
        let left = Duration::from_micros(wake.since_us(now()));
        let mut fds = [PollFd::new(self.port.as_fd(), PollFlags::POLLIN)];
        let ready = ppoll(&mut fds, Some(TimeSpec::from_duration(left)), None)?;
        if ready > 0 {
            let mut buffer = [0; 512];
            let count = self.port.read(&mut buffer)?;
            self.panel.handle_bytes(now(), &buffer[..count]);
        }
        self.panel.handle_timeout(now());
        Ok(())
    }
}

fn now() -> Mono {
    Mono::from_micros(monotonic_ns() / 1000)
}
