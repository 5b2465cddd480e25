//! Puts the daemon together and takes it apart again.

mod office;
mod prepare;
mod retention;
mod stages;
mod vault;

use std::error::Error;
use std::path::{Path, PathBuf};

use log::LevelFilter;

use crate::clock::WallSource;
use crate::config::{self, AdoptError, ConfigError};
use crate::system::exit::Exit;
use crate::system::logging;
use prepare::Prepared;
pub use vault::{Answer, OpenWith, restore, verify};

/// How the daemon is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// The path of `site.toml`.
    pub config: PathBuf,
    /// How much to log.
    pub log: LevelFilter,
    /// Another source of wall time than `site.toml` says, for demonstrations.
    pub wall: Option<WallSource>,
    /// The program whose command `guard` lets the relays go if this process dies; none for boards
    /// that are not real.
    pub guardian: Option<PathBuf>,
}

impl Options {
    /// Options that leave everything else to `site.toml`.
    #[must_use]
    pub const fn new(config: PathBuf, log: LevelFilter) -> Self {
        Self {
            config,
            log,
            wall: None,
            guardian: None,
        }
    }
}

/// Why the daemon does not start or go on. The message says everything there is to say.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
struct Fault {
    message: String,
    exit: Exit,
}

impl Fault {
    fn new(exit: Exit, error: &dyn Error) -> Self {
        Self {
            message: told(error),
            exit,
        }
    }
}

/// An error with all its causes, in one line.
fn told(error: &dyn Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message
}

/// Serves the doors until SIGTERM or SIGINT. Everything that is wrong is logged.
#[must_use]
pub fn run(options: &Options) -> Exit {
    logging::start(options.log);
    let served =
        Prepared::load(&options.config).and_then(|prepared| stages::serve(prepared, options));
    match served {
        Ok(()) => Exit::Ok,
        Err(fault) => {
            log::error!("{fault}");
            fault.exit
        }
    }
}

/// Adds a reader to the configuration, and says what is to be done next.
#[must_use]
pub fn adopt(config: &Path, bus: &str, name: &str, address: u8) -> Exit {
    match config::adopt(config, bus, name, address) {
        Ok(()) => {
            #[expect(clippy::print_stdout, reason = "this is the answer that was asked for")]
            {
                println!(
                    "reader `{name}` is on bus `{bus}` in `{}`\n\
                     next: `systemctl restart doorwardd`, and give it a key: \
                     `doorward readers install {name}`",
                    config.display()
                );
            }
            Exit::Ok
        }
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "this is the answer that was asked for")]
            {
                eprintln!("{}", told(&error));
            }
            match error {
                AdoptError::Write { .. } => Exit::Io,
                AdoptError::Config(ConfigError::Read { .. }) => Exit::Io,
                _ => Exit::Config,
            }
        }
    }
}

/// Reads the configuration and every file that it names as [`run`] would, and says what is wrong.
#[must_use]
pub fn check(options: &Options) -> Exit {
    match Prepared::load(&options.config) {
        Ok(prepared) => {
            #[expect(clippy::print_stdout, reason = "this is the answer that was asked for")]
            {
                println!(
                    "`{}` is valid: {}",
                    options.config.display(),
                    prepared.summary()
                );
            }
            Exit::Ok
        }
        Err(fault) => {
            #[expect(clippy::print_stderr, reason = "this is the answer that was asked for")]
            {
                eprintln!("{fault}");
            }
            fault.exit
        }
    }
}
