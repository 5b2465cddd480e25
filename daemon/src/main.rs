//! `doorwardd`: the access-control daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use doorwardd::guard;
use doorwardd::run::{self, Answer, OpenWith, Options};
use doorwardd::system::exit::Exit;
use log::LevelFilter;

/// The access-control daemon of the Doorward appliance.
#[derive(Debug, Parser)]
#[command(version, about, long_about = None, after_help = EXIT_CODES)]
struct Arguments {
    /// The configuration file.
    #[arg(
        short,
        long,
        global = true,
        env = "DOORWARD_CONFIG",
        default_value = "/etc/doorward/site.toml",
        value_name = "FILE"
    )]
    config: PathBuf,

    /// How much to log: error, warn, info, debug or trace.
    #[arg(long, global = true, default_value = "info", value_name = "LEVEL")]
    log: LevelFilter,

    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the doors until SIGTERM (the default).
    Run,
    /// Check the configuration and the files it names, then exit.
    Check,
    /// Add a reader to the configuration: to a bus, in Secure Channel, its key to be installed.
    Adopt {
        /// What the reader is called from now on.
        name: String,
        /// The bus it is on.
        #[arg(long)]
        bus: String,
        /// Its address, 0 to 126.
        #[arg(long)]
        address: u8,
    },
    /// Let the relays go that a daemon has left on which died together with its guardian.
    ///
    /// The unit runs it after every stop; where there is nothing to do it does nothing. Ends with 69
    /// when a board does not answer, with 75 while a daemon lives.
    Release,
    /// Check every invariant of the store that the configuration names, without touching it; no daemon
    /// may run on it (of a running one ask `doorward verify`).
    Verify {
        /// Where a copy has room; the folder for temporary files without it.
        #[arg(long, value_name = "FOLDER")]
        scratch: Option<PathBuf>,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Restore a backup: the store, the readers' keys and the configuration. What is there is moved
    /// aside, never overwritten.
    Restore {
        /// The backup.
        file: PathBuf,
        /// The passphrase is on the first line of this file, `-` for standard input.
        #[arg(
            long,
            value_name = "FILE",
            conflicts_with = "identity",
            required_unless_present = "identity"
        )]
        passphrase_file: Option<PathBuf>,
        /// The secret key of age is in this file.
        #[arg(long, value_name = "FILE")]
        identity: Option<PathBuf>,
        /// Keep the configuration that is there, and do not restore the one in the backup.
        #[arg(long)]
        keep_config: bool,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    /// Let the relays go when the daemon dies; the daemon starts it.
    #[command(hide = true)]
    Guard,
}

const EXIT_CODES: &str = "\
Exit codes (sysexits.h): 0 stopped in order, 64 wrong command line, 65 a store or a \
backup that does not hold, 69 something needed cannot be \
reached, 70 a fault of the daemon, 74 a file cannot be read or written, 75 the store is in use, \
77 permission denied, 78 wrong configuration.";

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let usage = error.use_stderr();
            // Nothing is left to say where even this cannot be printed.
            let _ = error.print();
            return if usage { Exit::Usage } else { Exit::Ok }.into();
        }
    };
    let mut options = Options::new(arguments.config, arguments.log);
    match arguments.command.unwrap_or(Command::Run) {
        Command::Run => {
            // Without its own path the daemon serves the doors all the same, and says so.
            options.guardian = std::env::current_exe().ok();
            run::run(&options)
        }
        Command::Check => run::check(&options),
        Command::Adopt { name, bus, address } => run::adopt(&options.config, &bus, &name, address),
        Command::Release => guard::let_go(&options.config, options.log),
        Command::Verify { scratch, json } => {
            run::verify(&options.config, scratch.as_deref(), answer(json))
        }
        Command::Restore {
            file,
            passphrase_file,
            identity,
            keep_config,
            json,
        } => {
            let open_with = match (passphrase_file, identity) {
                (Some(path), _) => OpenWith::PassphraseFile(path),
                (None, identity) => OpenWith::IdentityFile(identity.unwrap_or_default()),
            };
            run::restore(
                &file,
                &options.config,
                &open_with,
                keep_config,
                answer(json),
            )
        }
        Command::Guard => guard::stand(&options.config, options.log),
    }
    .into()
}

const fn answer(json: bool) -> Answer {
    match json {
        true => Answer::Json,
        false => Answer::Text,
    }
}
