//! How a command fails: with a message that helps, and an exit code that scripts can tell apart.

use core::fmt;
use std::process::ExitCode;

/// Exit codes, after `sysexits.h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The command line is wrong.
    Usage,
    /// What was given is wrong: an unknown or ambiguous name, a value that is refused.
    Data,
    /// The daemon or the door cannot be reached.
    Unavailable,
    /// The daemon failed.
    Software,
    /// Writing the answer failed.
    Io,
    /// The daemon is too busy.
    TryAgain,
    /// The daemon answered something that is not understood.
    Protocol,
    /// Not permitted.
    Permission,
}

impl Exit {
    /// The number that the process ends with.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Usage => 64,
            Self::Data => 65,
            Self::Unavailable => 69,
            Self::Software => 70,
            Self::Io => 74,
            Self::TryAgain => 75,
            Self::Protocol => 76,
            Self::Permission => 77,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// With a message and an exit code.
    #[error("{message}")]
    Said {
        /// What the process ends with.
        exit: Exit,
        /// What was wrong, where, and what is allowed.
        message: String,
    },
    /// Whoever read the output has gone: nothing is wrong, and nobody is there to be told.
    #[error("the reader of the output has gone")]
    ReaderGone,
}

impl Failure {
    /// What was given is wrong.
    pub fn data(message: impl fmt::Display) -> Self {
        Self::said(Exit::Data, message)
    }

    /// The command line is wrong.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self::said(Exit::Usage, message)
    }

    /// With a message and an exit code.
    pub fn said(exit: Exit, message: impl fmt::Display) -> Self {
        Self::Said {
            exit,
            message: message.to_string(),
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        if error.kind() == std::io::ErrorKind::BrokenPipe {
            Self::ReaderGone
        } else {
            Self::said(Exit::Io, format_args!("cannot write the answer: {error}"))
        }
    }
}
