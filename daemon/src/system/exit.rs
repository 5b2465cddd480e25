//! Exit codes, as `sysexits.h` (BSD, 4.3) gives them.

use std::process::ExitCode;

/// Why the process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// In order.
    Ok = 0,
    /// The command line is wrong (`EX_USAGE`).
    Usage = 64,
    /// What was given is wrong: a store that does not hold, a backup that is damaged (`EX_DATAERR`).
    Data = 65,
    /// Something that is needed cannot be reached (`EX_UNAVAILABLE`).
    Unavailable = 69,
    /// The daemon's own fault (`EX_SOFTWARE`).
    Software = 70,
    /// The system refused (`EX_OSERR`).
    System = 71,
    /// A file cannot be read or written (`EX_IOERR`).
    Io = 74,
    /// Another time it may work: the store is in use (`EX_TEMPFAIL`).
    TryAgain = 75,
    /// Permission denied (`EX_NOPERM`).
    Permission = 77,
    /// The configuration is wrong (`EX_CONFIG`).
    Config = 78,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Exit {
    /// The code for an I/O error.
    #[must_use]
    pub fn for_io(error: &std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => Self::Permission,
            _ => Self::Io,
        }
    }
}
