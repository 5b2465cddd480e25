//! `doorwardd`: the access-control daemon.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use doorwardd::guard;
use doorwardd::run::{self, Options};
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
    /// Let the relays go when the daemon dies; the daemon starts it.
    #[command(hide = true)]
    Guard,
}

const EXIT_CODES: &str = "\
Exit codes (sysexits.h): 0 stopped in order, 64 wrong command line, 69 something needed cannot be \
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
        Command::Guard => guard::stand(&options.config, options.log),
    }
    .into()
}
