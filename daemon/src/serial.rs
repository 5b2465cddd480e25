//! The only module that opens serial ports.

use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Group, Uid, User, geteuid};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio_serial::{ClearBuffer, DataBits, FlowControl, SerialPort, SerialPortBuilder, StopBits};

pub use tokio_serial::SerialStream;

use crate::config::Parity;

/// How a serial line is set: eight data bits, one stop bit, no flow control, and this.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SerialSettings {
    /// The device, or a link to it.
    pub path: PathBuf,
    /// Bits a second. Without meaning on a pseudo-terminal.
    pub baud: u32,
    /// The parity bit.
    pub parity: Parity,
}

/// Why a serial port was not opened.
#[derive(Debug, thiserror::Error)]
pub enum SerialError {
    /// No such device.
    #[error("serial port `{}` does not exist: unplugged, or another name", path.display())]
    Missing {
        /// Which port.
        path: PathBuf,
    },
    /// No right to open it.
    #[error("serial port `{}` may not be opened by {user}: {access}", path.display())]
    Permission {
        /// Which port.
        path: PathBuf,
        /// Who tried.
        user: String,
        /// Its mode, owner and group.
        access: String,
    },
    /// Somebody else has it open.
    #[error("serial port `{}` is in use by another process", path.display())]
    Busy {
        /// Which port.
        path: PathBuf,
    },
    /// Something, but not a serial port.
    #[error("`{}` is not a serial port but {found}", path.display())]
    NotSerial {
        /// Which path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// It was found, and could not be opened or set.
    #[error("serial port `{}` cannot be opened at {baud} baud", path.display())]
    Open {
        /// Which port.
        path: PathBuf,
        /// The baud rate asked for.
        baud: u32,
        /// Why.
        source: tokio_serial::Error,
    },
}

/// Opens a serial port for this process alone. What was received before is thrown away.
///
/// Must be called within a tokio runtime. Takes no time worth mentioning. Never flush the port
/// from an async task: that blocks the thread until the last bit is on the wire, and the kernel
/// sends what was written all the same.
pub fn open(settings: &SerialSettings) -> Result<SerialStream, SerialError> {
    let port = SerialStream::open(&builder(settings)).map_err(|error| explain(settings, error))?;
    port.clear(ClearBuffer::All)
        .map_err(|error| explain(settings, error))?;
    Ok(port)
}

fn builder(settings: &SerialSettings) -> SerialPortBuilder {
    tokio_serial::new(settings.path.to_string_lossy(), settings.baud)
        .data_bits(DataBits::Eight)
        .stop_bits(StopBits::One)
        .flow_control(FlowControl::None)
        .parity(match settings.parity {
            Parity::None => tokio_serial::Parity::None,
            Parity::Even => tokio_serial::Parity::Even,
            Parity::Odd => tokio_serial::Parity::Odd,
        })
        .exclusive(true)
}

/// A serial port for hundreds of short frames a second: its thread is woken by what arrives, not
/// by every few bytes that have left, and writing never waits.
#[derive(Debug)]
pub struct SerialLine {
    port: AsyncFd<mio_serial::SerialStream>,
}

impl SerialLine {
    /// Opens a port as [`open`] does.
    pub fn open(settings: &SerialSettings) -> Result<Self, SerialError> {
        let explain = |error| explain(settings, error);
        let port = mio_serial::SerialStream::open(&builder(settings)).map_err(explain)?;
        port.clear(ClearBuffer::All).map_err(explain)?;
        #[expect(
            deprecated,
            reason = "its successor is unsafe; what it asks for holds: the port owns its descriptor"
        )]
        let port = AsyncFd::with_interest(port, Interest::READABLE);
        let port = port.map_err(|error| explain(error.into()))?;
        Ok(Self { port })
    }

    /// Reads what has arrived, or waits for it. Cancel-safe: a read that is dropped has taken
    /// nothing.
    pub async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let mut ready = self.port.readable_mut().await?;
            match io::Read::read(ready.get_inner_mut(), into) {
                Ok(count) => {
                    // All that there was: whatever comes next makes the port readable anew.
                    if 0 < count && count < into.len() {
                        ready.clear_ready();
                    }
                    return Ok(count);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Hands a frame to the kernel, which sends it. What does not fit in the kernel's buffer (4 KiB
    /// at least, and a bus waits for the answer to each frame) is dropped: nobody takes the bytes.
    pub fn write(&mut self, frame: &[u8]) -> io::Result<()> {
        let mut rest = frame;
        while !rest.is_empty() {
            match io::Write::write(self.port.get_mut(), rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(count) => rest = &rest[count..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Sets the bits per second. What is still being sent is spoiled.
    pub fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        let port = self.port.get_mut();
        port.set_baud_rate(baud).map_err(io::Error::from)
    }
}

/// Throws away what was received and not read yet.
pub fn discard_received(port: &SerialStream) -> io::Result<()> {
    port.clear(ClearBuffer::Input).map_err(io::Error::from)
}

fn explain(settings: &SerialSettings, error: tokio_serial::Error) -> SerialError {
    let path = settings.path.clone();
    match error.kind() {
        tokio_serial::ErrorKind::Io(io::ErrorKind::NotFound) => SerialError::Missing { path },
        tokio_serial::ErrorKind::Io(io::ErrorKind::PermissionDenied) => {
            let (user, access) = (user_name(geteuid()), access(&path));
            SerialError::Permission { path, user, access }
        }
        // TIOCEXCL or flock by another process (serialport tells both as "no device").
        tokio_serial::ErrorKind::NoDevice => SerialError::Busy { path },
        _ => match not_a_device(&path) {
            Some(found) => SerialError::NotSerial { path, found },
            None => SerialError::Open {
                path,
                baud: settings.baud,
                source: error,
            },
        },
    }
}

fn not_a_device(path: &Path) -> Option<&'static str> {
    let kind = std::fs::metadata(path).ok()?.file_type();
    if kind.is_char_device() {
        None
    } else if kind.is_dir() {
        Some("a folder")
    } else if kind.is_file() {
        Some("a file")
    } else {
        Some("another kind of file")
    }
}

/// Mode, owner and group of the path, or of the nearest folder above it that can be seen.
fn access(path: &Path) -> String {
    for place in path.ancestors() {
        let Ok(metadata) = std::fs::metadata(place) else {
            continue;
        };
        let mode = metadata.permissions().mode() & 0o7777;
        let owner = user_name(Uid::from_raw(metadata.uid()));
        let group = group_name(Gid::from_raw(metadata.gid()));
        return format!(
            "`{}` has mode {mode:04o}, owner {owner}, group {group}",
            place.display()
        );
    }
    "nothing of the path can be seen".to_owned()
}

fn user_name(uid: Uid) -> String {
    match User::from_uid(uid) {
        Ok(Some(user)) => format!("`{}`", user.name),
        _ => format!("uid {uid}"),
    }
}

fn group_name(gid: Gid) -> String {
    match Group::from_gid(gid) {
        Ok(Some(group)) => format!("`{}`", group.name),
        _ => format!("gid {gid}"),
    }
}

#[cfg(test)]
mod tests {
    use nix::fcntl::OFlag;
    use nix::pty::{grantpt, posix_openpt, ptsname_r, unlockpt};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    fn settings(path: impl Into<PathBuf>) -> SerialSettings {
        SerialSettings {
            path: path.into(),
            baud: 9600,
            parity: Parity::None,
        }
    }

    #[tokio::test]
    async fn pseudo_terminals_are_opened_raw_and_alone() {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let settings = settings(ptsname_r(&master).unwrap());
        let mut port = open(&settings).unwrap();
        nix::unistd::write(&master, b"\x03\r\n\x00").unwrap();
        let mut read = [0; 4];
        port.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"\x03\r\n\x00");
        port.write_all(b"\n").await.unwrap();
        let mut written = [0; 8];
        assert_eq!(nix::unistd::read(&master, &mut written).unwrap(), 1);
        let error = open(&settings).unwrap_err();
        assert!(matches!(error, SerialError::Busy { .. }), "{error}");
        drop(port);
        assert!(open(&settings).is_ok());
    }

    #[tokio::test]
    async fn a_line_is_read_piece_by_piece_and_written_without_waiting() {
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let settings = settings(ptsname_r(&master).unwrap());
        let mut line = SerialLine::open(&settings).unwrap();
        let mut read = [0; 8];
        for piece in [&b"\x03\r"[..], b"\n", b"12345678", b"9"] {
            nix::unistd::write(&master, piece).unwrap();
            let count = line.read(&mut read).await.unwrap();
            assert_eq!(&read[..count], piece);
        }
        line.write(b"\n\x00").unwrap();
        let mut written = [0; 8];
        assert_eq!(nix::unistd::read(&master, &mut written).unwrap(), 2);
        // Nobody reads: what does not fit is dropped, and nothing hangs.
        for _ in 0..100 {
            line.write(&[0x55; 1440]).unwrap();
        }
        drop(master);
        // Linux tells a hang-up as an error or as the end.
        assert_eq!(line.read(&mut read).await.unwrap_or(0), 0);
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let check = |path: &Path, expect: &str| {
            let error = open(&settings(path)).unwrap_err();
            assert_eq!(error.to_string(), expect);
        };
        check(
            Path::new("/dev/ttyNONE"),
            "serial port `/dev/ttyNONE` does not exist: unplugged, or another name",
        );
        let file = tempfile::NamedTempFile::new().unwrap();
        let expect = format!(
            "`{}` is not a serial port but a file",
            file.path().display()
        );
        check(file.path(), &expect);
    }

    #[test]
    fn refused_permission_tells_mode_owner_and_group() {
        let denied = io::Error::from(io::ErrorKind::PermissionDenied);
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = explain(&settings(file.path()), denied.into()).to_string();
        let expect = format!("`{}` has mode 0600, owner ", file.path().display());
        assert!(error.contains(&expect), "{error}");
    }
}
