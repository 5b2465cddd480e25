//! The man in the middle: between two lines, he passes frames on, changes, drops or makes them.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result};
use doorward_sim::line::{LineSpec, PacedLine, Port};
use doorward_wire::osdp::crc16;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// Frames kept; an attack takes fewer.
const CAPTURED_MAX: usize = 1_000_000;
/// How often the thread looks whether it is over.
const LOOK_MS: u16 = 20;
const SOM: u8 = 0x53;
const HAS_SECURITY: u8 = 0x08;

/// Where a frame goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the panel to the reader: a command.
    Command,
    /// From the reader to the panel.
    Reply,
}

/// A frame as it came past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// Where it went.
    pub way: Way,
    /// Its bytes, from the first of the header on.
    pub bytes: Vec<u8>,
}

impl Captured {
    /// The type of its security block, if it has one.
    #[must_use]
    pub fn security(&self) -> Option<u8> {
        (self.bytes[4] & HAS_SECURITY != 0).then(|| self.bytes[6])
    }

    /// Its sequence number.
    #[must_use]
    pub fn sequence(&self) -> u8 {
        self.bytes[4] & 3
    }

    /// Where its code stands.
    #[must_use]
    pub fn code_at(&self) -> usize {
        match self.security() {
            Some(_) => 5 + usize::from(self.bytes[5]),
            None => 5,
        }
    }

    /// Its code.
    #[must_use]
    pub fn code(&self) -> u8 {
        self.bytes.get(self.code_at()).copied().unwrap_or_default()
    }

    /// What follows the code, up to the CRC.
    #[must_use]
    pub fn data(&self) -> &[u8] {
        let end = self.bytes.len().saturating_sub(2);
        self.bytes.get(self.code_at() + 1..end).unwrap_or_default()
    }

    /// The same frame with a right CRC.
    #[must_use]
    pub fn repaired(mut self) -> Self {
        let end = self.bytes.len() - 2;
        let crc = crc16(&self.bytes[..end]).to_le_bytes();
        self.bytes[end..].copy_from_slice(&crc);
        self
    }
}

/// What the man in the middle does with a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Passes it on.
    Pass,
    /// Passes this on in its place.
    Instead(Vec<u8>),
    /// Keeps it, and answers this to whoever sent it.
    Answer(Vec<u8>),
}

type Plot = Box<dyn FnMut(&Captured) -> Act + Send>;

/// The man in the middle.
pub struct Middle {
    panel_line: PacedLine,
    reader_line: PacedLine,
    plot: Arc<Mutex<Plot>>,
    captured: Arc<Mutex<Vec<Captured>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    _folder: tempfile::TempDir,
}

impl std::fmt::Debug for Middle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Middle").finish_non_exhaustive()
    }
}

impl Middle {
    /// Lays both lines; everything passes.
    ///
    /// # Errors
    /// When the system gives no pseudo-terminals or thread.
    pub fn start(baud: u32) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let line = |name: &str| -> Result<PacedLine> {
            let folder = folder.path().join(name);
            std::fs::create_dir(&folder)?;
            Ok(PacedLine::start(&folder, LineSpec::new(baud, 1))?)
        };
        let (panel_line, reader_line) = (line("panel-side")?, line("reader-side")?);
        let panel = open(&panel_line.path(Port::Device(0)))?;
        let reader = open(&reader_line.path(Port::Panel))?;
        let pass: Plot = Box::new(|_| Act::Pass);
        let plot = Arc::new(Mutex::new(pass));
        let captured = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::Builder::new()
            .name("middle".to_owned())
            .spawn({
                let (plot, captured, over) =
                    (Arc::clone(&plot), Arc::clone(&captured), Arc::clone(&over));
                move || {
                    let mut sides = [Side::new(panel), Side::new(reader)];
                    while !over.load(Ordering::Relaxed) {
                        if turn(&mut sides, &plot, &captured).is_err() {
                            return;
                        }
                    }
                }
            })?;
        Ok(Self {
            panel_line,
            reader_line,
            plot,
            captured,
            over,
            thread: Some(thread),
            _folder: folder,
        })
    }

    /// Where the panel is plugged in.
    #[must_use]
    pub fn panel_port(&self) -> PathBuf {
        self.panel_line.path(Port::Panel)
    }

    /// Where the reader is plugged in.
    #[must_use]
    pub fn reader_port(&self) -> PathBuf {
        self.reader_line.path(Port::Device(0))
    }

    /// From now on this is done with each frame.
    pub fn plot(&self, plot: impl FnMut(&Captured) -> Act + Send + 'static) {
        *self.plot.lock().unwrap_or_else(PoisonError::into_inner) = Box::new(plot);
    }

    /// Everything that came past so far, as it was sent.
    #[must_use]
    pub fn captured(&self) -> Vec<Captured> {
        let captured = self.captured.lock();
        captured.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Middle {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// One of his two ports, and the frame that is coming in there.
struct Side {
    port: File,
    partial: Vec<u8>,
}

impl Side {
    fn new(port: File) -> Self {
        Self {
            port,
            partial: Vec::new(),
        }
    }

    /// The next whole frame. What is no frame, marks for example, is left out.
    fn next_frame(&mut self) -> Option<Vec<u8>> {
        let start = self.partial.iter().position(|byte| *byte == SOM);
        self.partial.drain(..start.unwrap_or(self.partial.len()));
        let length = match self.partial.get(2..4) {
            Some(&[low, high]) => usize::from(u16::from_le_bytes([low, high])),
            _ => return None,
        };
        if !(7..=1440).contains(&length) {
            self.partial.drain(..1);
            return self.next_frame();
        }
        (self.partial.len() >= length).then(|| self.partial.drain(..length).collect())
    }
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits())
        .open(path)
        .with_context(|| format!("cannot open `{}`", path.display()))
}

fn turn(
    sides: &mut [Side; 2],
    plot: &Mutex<Plot>,
    captured: &Mutex<Vec<Captured>>,
) -> std::io::Result<()> {
    let mut fds = [
        PollFd::new(sides[0].port.as_fd(), PollFlags::POLLIN),
        PollFd::new(sides[1].port.as_fd(), PollFlags::POLLIN),
    ];
    poll(&mut fds, PollTimeout::from(LOOK_MS))?;
    let ready = fds.map(|fd| fd.any().unwrap_or(false));
    for from in [0, 1] {
        if ready[from] {
            let mut buffer = [0; 512];
            let count = sides[from].port.read(&mut buffer)?;
            sides[from].partial.extend_from_slice(&buffer[..count]);
        }
        while let Some(bytes) = sides[from].next_frame() {
            let way = [Way::Command, Way::Reply][from];
            let frame = Captured { way, bytes };
            let act = plot.lock().unwrap_or_else(PoisonError::into_inner)(&frame);
            let (to, bytes) = match act {
                Act::Pass => (1 - from, frame.bytes.clone()),
                Act::Instead(bytes) => (1 - from, bytes),
                Act::Answer(bytes) => (from, bytes),
            };
            let mut captured = captured.lock().unwrap_or_else(PoisonError::into_inner);
            if captured.len() < CAPTURED_MAX {
                captured.push(frame);
            }
            drop(captured);
            if !bytes.is_empty() {
                sides[to].port.write_all(&bytes)?;
            }
        }
    }
    Ok(())
}
