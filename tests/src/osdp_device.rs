//! Doorward's own reader on a serial device file, in a thread of its own.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context as _, Result};
use doorward_sim::line::monotonic_ns;
use doorward_wire::osdp::{DeviceConfig, Mono, PdEvent, PeripheralDevice};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::termios::{FlushArg, tcflush};
use nix::sys::time::TimeSpec;

/// Events not yet looked at; when there are more, the reader waits.
const EVENTS_MAX: usize = 10_000;

/// How often the thread looks for orders.
const ORDERS_EVERY: Duration = Duration::from_millis(2);

/// Something done to the reader.
type Order = Box<dyn FnOnce(&mut PeripheralDevice, Mono) + Send>;

/// A running reader. Dropping it takes its power away.
#[derive(Debug)]
pub struct OsdpDevice {
    orders: Option<SyncSender<Order>>,
    events: Receiver<PdEvent>,
    thread: Option<JoinHandle<()>>,
}

impl OsdpDevice {
    /// Powers a reader up on a device file.
    ///
    /// # Errors
    /// When the device file cannot be opened.
    pub fn start(path: &Path, config: DeviceConfig) -> Result<Self> {
        let port = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits())
            .open(path)
            .with_context(|| format!("cannot open `{}`", path.display()))?;
        tcflush(&port, FlushArg::TCIOFLUSH)?;
        let mut seed = [0x53; 16];
        seed[..8].copy_from_slice(&monotonic_ns().to_le_bytes());
        let device = PeripheralDevice::new(config, seed, now());
        let (give, orders) = sync_channel(64);
        let (tell, events) = sync_channel(EVENTS_MAX);
        let thread = std::thread::Builder::new()
            .name("reader".to_owned())
            .spawn(move || serve(device, port, &orders, &tell))?;
        Ok(Self {
            orders: Some(give),
            events,
            thread: Some(thread),
        })
    }

    /// Does something to the reader, such as showing it a card.
    pub fn order(&self, order: impl FnOnce(&mut PeripheralDevice, Mono) + Send + 'static) {
        if let Some(orders) = &self.orders {
            let _ = orders.send(Box::new(order));
        }
    }

    /// Forgets everything that has happened so far.
    pub fn forget(&self) {
        while self.events.try_recv().is_ok() {}
    }

    /// Waits for an event of which `wanted` makes something; the others are dropped.
    ///
    /// # Errors
    /// When none comes within `within`; the message tells what came instead.
    pub fn wait_for<T>(
        &self,
        what: &str,
        within: Duration,
        mut wanted: impl FnMut(&PdEvent) -> Option<T>,
    ) -> Result<T> {
        let until = std::time::Instant::now() + within;
        let mut seen = Vec::new();
        loop {
            let left = until.saturating_duration_since(std::time::Instant::now());
            let event = self.events.recv_timeout(left);
            let event = event.with_context(|| format!("waited for {what}; seen: {seen:?}"))?;
            if let Some(found) = wanted(&event) {
                return Ok(found);
            }
            seen.push(event);
        }
    }
}

impl Drop for OsdpDevice {
    fn drop(&mut self) {
        self.orders = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(
    mut device: PeripheralDevice,
    mut port: File,
    orders: &Receiver<Order>,
    events: &SyncSender<PdEvent>,
) {
    use std::sync::mpsc::TryRecvError;
    let mut bytes = Vec::new();
    loop {
        match orders.try_recv() {
            Ok(order) => order(&mut device, now()),
            Err(TryRecvError::Disconnected) => return,
            Err(TryRecvError::Empty) => {}
        }
        while device.poll_transmit(now(), &mut bytes).is_some() {
            if port.write_all(&bytes).is_err() {
                return;
            }
            bytes.clear();
        }
        while let Some(event) = device.poll_event() {
            if events.send(event).is_err() {
                return;
            }
        }
        let look = now() + ORDERS_EVERY;
        let wake = device.poll_timeout().map_or(look, |due| due.min(look));
        let left = TimeSpec::from_duration(Duration::from_micros(wake.since_us(now())));
        let mut fds = [PollFd::new(port.as_fd(), PollFlags::POLLIN)];
        if ppoll(&mut fds, Some(left), None).is_ok_and(|ready| ready > 0) {
            let mut buffer = [0; 512];
            match port.read(&mut buffer) {
                Ok(count) => device.handle_bytes(now(), &buffer[..count]),
                Err(_) => return,
            }
        }
        device.handle_timeout(now());
    }
}

fn now() -> Mono {
    Mono::from_micros(monotonic_ns() / 1000)
}
