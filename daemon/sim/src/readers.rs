//! The readers of one bus: OSDP peripheral devices on the device ends of a line.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use doorward_wire::osdp::{
    Address, Baud, CardRead, DeviceConfig, DeviceSecurity, Mono, PdEvent, PeripheralDevice, Scbk,
};
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

use crate::line::{monotonic_ns, set_baud};

/// Cards that may wait for a bus.
const SHOWN_MAX: usize = 64;

/// From the reply to COMSET to the new baud rate: the line has taken the reply by then.
const COMSET_US: u64 = 5_000;

/// What somebody does at a reader of this bus.
struct Shown {
    reader: usize,
    card: CardRead,
}

/// What became of the readers.
#[derive(Debug, Default)]
pub(crate) struct ReaderCounts {
    /// Secure Channels that were set up.
    pub(crate) channels: AtomicU64,
    /// Cards that the reader could not hand over.
    pub(crate) dropped: AtomicU64,
}

/// The readers of one bus, served by a thread.
#[derive(Debug)]
pub(crate) struct ReaderBus {
    shown: SyncSender<Shown>,
    wake: UnixStream,
    stop: Arc<AtomicBool>,
    counts: Arc<ReaderCounts>,
    thread: Option<JoinHandle<()>>,
}

impl ReaderBus {
    /// Serves the device files `ports`, the reader of each with its address and key.
    pub(crate) fn start(
        name: &str,
        ports: Vec<(std::path::PathBuf, Address, Scbk)>,
        baud: Baud,
        counts: Arc<ReaderCounts>,
    ) -> io::Result<Self> {
        let mut readers = Vec::new();
        for (path, address, key) in ports {
            let security = DeviceSecurity::Required(key);
            let config = DeviceConfig::reader(address, baud, security);
            let port = open(&path)?;
            set_baud(&port, baud.rate())?;
            readers.push(Reader {
                port,
                device: PeripheralDevice::new(config, seed()?, now()),
                next_baud: None,
            });
        }
        let (shown, showing) = sync_channel(SHOWN_MAX);
        let (wake, woken) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        woken.set_nonblocking(true)?;
        let stop = Arc::<AtomicBool>::default();
        let bus = Bus {
            readers,
            showing,
            woken,
            stop: Arc::clone(&stop),
            counts: Arc::clone(&counts),
        };
        let thread = std::thread::Builder::new()
            .name(format!("sim-{name}"))
            .spawn(move || bus.run())?;
        Ok(Self {
            shown,
            wake,
            stop,
            counts,
            thread: Some(thread),
        })
    }

    /// Shows a card at a reader of this bus.
    pub(crate) fn show(&self, reader: usize, card: CardRead) {
        if let Err(TrySendError::Full(_)) = self.shown.try_send(Shown { reader, card }) {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
        self.wake();
    }

    fn wake(&self) {
        // A full pipe already holds a wake-up.
        let _ = (&self.wake).write(&[0]);
    }
}

impl Drop for ReaderBus {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Reader {
    port: File,
    device: PeripheralDevice,
    /// The baud rate to be set, and when.
    next_baud: Option<(Mono, Baud)>,
}

struct Bus {
    readers: Vec<Reader>,
    showing: Receiver<Shown>,
    woken: UnixStream,
    stop: Arc<AtomicBool>,
    counts: Arc<ReaderCounts>,
}

impl Bus {
    fn run(mut self) {
        let mut ready = Vec::new();
        while !self.stop.load(Ordering::Relaxed) {
            for at in ready {
                self.receive(at);
            }
            while let Ok(Shown { reader, card }) = self.showing.try_recv() {
                let device = self
                    .readers
                    .get_mut(reader)
                    .map(|reader| &mut reader.device);
                if device.is_some_and(|device| device.show_card(now(), card).is_err()) {
                    self.counts.dropped.fetch_add(1, Ordering::Relaxed);
                }
            }
            for reader in &mut self.readers {
                reader.serve(&self.counts);
            }
            ready = self.wait();
        }
    }

    fn receive(&mut self, at: usize) {
        let mut buffer = [0; 2048];
        let Some(reader) = self.readers.get_mut(at) else {
            return;
        };
        // Nothing to read, or an end that is gone: the bus goes on without it.
        if let Ok(count) = reader.port.read(&mut buffer) {
            reader.device.handle_bytes(now(), &buffer[..count]);
        }
    }

    /// Sleeps until bytes come, somebody shows a card, or a reader has something to do by time.
    fn wait(&self) -> Vec<usize> {
        let next = self
            .readers
            .iter()
            .flat_map(|reader| {
                let baud = reader.next_baud.map(|(at, _)| at);
                [reader.device.poll_timeout(), baud]
            })
            .flatten()
            .min();
        let timeout = next.map(|next| {
            let left_us = next.as_micros().saturating_sub(now().as_micros());
            TimeSpec::from_duration(Duration::from_micros(left_us))
        });
        let mut polled: Vec<PollFd<'_>> = self
            .readers
            .iter()
            .map(|reader| PollFd::new(reader.port.as_fd(), PollFlags::POLLIN))
            .collect();
        polled.push(PollFd::new(self.woken.as_fd(), PollFlags::POLLIN));
        if ppoll(&mut polled, timeout, None).is_err() {
            return Vec::new();
        }
        let is_ready = |poll: &PollFd<'_>| poll.any() == Some(true);
        if polled.last().is_some_and(is_ready) {
            let _ = (&self.woken).read(&mut [0; 64]);
        }
        let readers = self.readers.len();
        (0..readers).filter(|&at| is_ready(&polled[at])).collect()
    }
}

impl Reader {
    fn serve(&mut self, counts: &ReaderCounts) {
        self.device.handle_timeout(now());
        let mut reply = Vec::new();
        while self.device.poll_transmit(now(), &mut reply).is_some() {
            // What the line does not take is lost, as on a wire.
            let _ = self.port.write_all(&reply);
            reply.clear();
        }
        while let Some(event) = self.device.poll_event() {
            match event {
                PdEvent::SecureChannel(_) => {
                    counts.channels.fetch_add(1, Ordering::Relaxed);
                }
                PdEvent::Dropped(_) => {
                    counts.dropped.fetch_add(1, Ordering::Relaxed);
                }
                PdEvent::ComSet(settings) => {
                    self.next_baud = Some((now().plus_us(COMSET_US), settings.baud));
                }
                _ => {}
            }
        }
        if let Some((_, baud)) = self.next_baud.take_if(|(at, _)| *at <= now()) {
            // Where it cannot be set, the panel finds the reader at the old one.
            let _ = set_baud(&self.port, baud.rate());
        }
    }
}

fn now() -> Mono {
    Mono::from_micros(monotonic_ns() / 1_000)
}

fn open(path: &Path) -> io::Result<File> {
    let flags = OFlag::O_NOCTTY | OFlag::O_NONBLOCK;
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.bits())
        .open(path)
}

/// Fresh random bytes of the system.
pub(crate) fn seed() -> io::Result<[u8; 16]> {
    let mut seed = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut seed)?;
    Ok(seed)
}
