//! One pseudo-terminal of the line, in raw mode, with a stable name.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};
use nix::sys::termios::{SetArg, cfmakeraw, tcgetattr, tcsetattr};

use super::LineError;

#[derive(Debug)]
pub(super) struct PtyPort {
    master: PtyMaster,
    /// Held open so that the line is not told of a hang-up whenever nobody listens.
    _device: File,
    link: PathBuf,
}

impl PtyPort {
    /// Opens a pseudo-terminal and names its device end `link`, replacing what had the name.
    pub(super) fn open(link: &Path) -> Result<Self, LineError> {
        Self::open_raw(link).map_err(|source| LineError::Pty {
            path: link.to_owned(),
            source,
        })
    }

    fn open_raw(link: &Path) -> io::Result<Self> {
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
        match std::fs::remove_file(link) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => std::os::unix::fs::symlink(&name, link)?,
        }
        Ok(Self {
            master,
            _device: device,
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
