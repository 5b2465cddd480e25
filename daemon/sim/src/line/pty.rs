//! One pseudo-terminal of the line, in raw mode, with a stable name.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};
use rustix::termios;

use super::LineError;

#[derive(Debug)]
pub(super) struct PtyPort {
    master: PtyMaster,
    /// Held open so that the line is not told of a hang-up whenever nobody listens.
    device: File,
    link: PathBuf,
}

impl PtyPort {
    /// Opens a pseudo-terminal and names its device end `link`, replacing what had the name.
    pub(super) fn open(link: &Path, baud: u32) -> Result<Self, LineError> {
        Self::open_raw(link, baud).map_err(|source| LineError::Pty {
            path: link.to_owned(),
            source,
        })
    }

    fn open_raw(link: &Path, baud: u32) -> io::Result<Self> {
        let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        let master = posix_openpt(flags)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname_r(&master)?;
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(&name)?;
        let mut modes = tcgetattr(&device)?;
        cfmakeraw(&mut modes);
        tcsetattr(&device, SetArg::TCSANOW, &modes)?;
        set_baud(&device, baud)?;
        match std::fs::remove_file(link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::os::unix::fs::symlink(&name, link)?,
        }
        Ok(Self {
            master,
            device,
            link: link.to_owned(),
        })
    }

    /// Reads what the device's user wrote; 0 when there is nothing.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> usize {
        self.master.read(buffer).unwrap_or(0)
    }

    /// Hands bytes to the device's user. What does not fit is lost, as in a UART's overrun.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let _ = self.master.write(bytes);
    }

    /// The baud rate that the device's user has set, or that it was opened with.
    pub(super) fn baud(&self) -> Option<u32> {
        Some(termios::tcgetattr(&self.device).ok()?.output_speed())
    }

    /// Sets the baud rate as the device's user would.
    pub(super) fn set_baud(&self, baud: u32) {
        // One that it refuses leaves the one before.
        let _ = set_baud(&self.device, baud);
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.master.as_fd()
    }
}

impl Drop for PtyPort {
    fn drop(&mut self) {
        // A fresh port may have taken the name over already.
        if let (Ok(target), Ok(name)) = (std::fs::read_link(&self.link), ptsname_r(&self.master))
            && target == Path::new(&name)
        {
            let _ = std::fs::remove_file(&self.link);
        }
    }
}

/// Sets the baud rate of an open serial device, a pseudo-terminal among them; a line of
/// [`super::PacedLine`] goes at what its ends have set.
///
/// # Errors
/// When it is no serial device, or refuses the rate.
pub fn set_baud(device: &File, baud: u32) -> io::Result<()> {
    let mut modes = termios::tcgetattr(device)?;
    modes.set_speed(baud)?;
    Ok(termios::tcsetattr(
        device,
        termios::OptionalActions::Now,
        &modes,
    )?)
}
