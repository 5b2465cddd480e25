//! A Wiegand converter's end of a serial line.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use nix::fcntl::OFlag;
use nix::pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt};

/// A serial port with a converter at its other end.
#[derive(Debug)]
pub struct Converter {
    link: PathBuf,
    plugged: Option<Plugged>,
}

#[derive(Debug)]
struct Plugged {
    master: PtyMaster,
    /// Held open, so that the line is not hung up while nobody listens.
    _device: File,
}

impl Converter {
    /// Plugs it in; the port is there at `link`.
    ///
    /// # Errors
    /// When the system gives no pseudo-terminal, or something is at `link`.
    pub fn plug(link: PathBuf) -> io::Result<Self> {
        let mut converter = Self {
            link,
            plugged: None,
        };
        converter.replug()?;
        Ok(converter)
    }

    /// Where the port is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.link
    }

    /// Pulled out: the device is gone, and whoever has it open is told.
    ///
    /// # Errors
    /// When the port is not there.
    pub fn unplug(&mut self) -> io::Result<()> {
        self.plugged = None;
        std::fs::remove_file(&self.link)
    }

    /// Plugs it in again.
    ///
    /// # Errors
    /// As [`Self::plug`].
    pub fn replug(&mut self) -> io::Result<()> {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC)?;
        grantpt(&master)?;
        unlockpt(&master)?;
        let name = ptsname_r(&master)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options.custom_flags((OFlag::O_NOCTTY | OFlag::O_CLOEXEC).bits());
        let device = options.open(&name)?;
        std::os::unix::fs::symlink(&name, &self.link)?;
        self.plugged = Some(Plugged {
            master,
            _device: device,
        });
        Ok(())
    }

    /// Sends what it has read.
    ///
    /// # Errors
    /// When it is not plugged in, or the line takes nothing.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let plugged = self.plugged.as_mut();
        let plugged = plugged.ok_or_else(|| io::Error::other("it is not plugged in"))?;
        plugged.master.write_all(bytes)
    }
}
