//! libosdp's view of a serial device file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use libosdp::{Channel, ChannelError};
use nix::fcntl::OFlag;
use nix::sys::termios::{FlushArg, tcflush};

/// A device file that never blocks, in two copies: one for libosdp, one to wait on.
#[derive(Debug)]
pub(super) struct SerialChannel {
    id: i32,
    /// Gone once libosdp has closed it: its Rust binding keeps the channel itself for ever.
    file: Option<File>,
}

impl SerialChannel {
    /// Opens the device file, dropping what waits in it.
    pub(super) fn open(id: i32, path: &Path, baud: u32) -> io::Result<(Self, File)> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags((OFlag::O_NOCTTY | OFlag::O_NONBLOCK).bits())
            .open(path)?;
        doorward_sim::line::set_baud(&file, baud)?;
        tcflush(&file, FlushArg::TCIOFLUSH)?;
        let waiting = file.try_clone()?;
        Ok((
            Self {
                id,
                file: Some(file),
            },
            waiting,
        ))
    }

    fn file(&mut self) -> Result<&mut File, ChannelError> {
        self.file.as_mut().ok_or(ChannelError::TransportError)
    }
}

impl Channel for SerialChannel {
    fn get_id(&self) -> i32 {
        self.id
    }

    fn read(&mut self, buf: &mut [u8]) -> Result<usize, ChannelError> {
        Ok(self.file()?.read(buf)?)
    }

    fn write(&mut self, buf: &[u8]) -> Result<usize, ChannelError> {
        Ok(self.file()?.write(buf)?)
    }

    /// libosdp means: forget what has come in.
    fn flush(&mut self) -> Result<(), ChannelError> {
        tcflush(self.file()?, FlushArg::TCIFLUSH).map_err(|error| io::Error::from(error).into())
    }

    fn close(&mut self) -> Result<(), ChannelError> {
        self.file = None;
        Ok(())
    }
}
