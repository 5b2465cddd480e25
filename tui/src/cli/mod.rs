//! The command line.

mod alarms;
mod areas;
pub mod args;
mod buses;
pub mod calendar;
mod cards;
mod context;
mod credentials;
mod doors;
mod enrol;
mod events;
pub mod failure;
pub mod held;
mod holidays;
mod impact;
mod keys;
mod log;
mod names;
mod pages;
pub mod parse;
mod readers;
mod schedules;
mod standing;
mod status;
mod structure;
pub mod table;
pub mod time;
mod users;
mod vault;
mod week;
mod why;
mod why_event;

use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use context::Context;
pub(crate) use context::with_cause;
pub(crate) use credentials::in_words as credential_in_words;
pub(crate) use doors::settings;
use failure::{Exit, Failure};

/// Reads the command line, does what it says, and returns the process's exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are printed this way too. Nobody can be told if even this fails.
            let _ = error.print();
            let usage = error.use_stderr();
            return if usage {
                Exit::Usage.into()
            } else {
                ExitCode::SUCCESS
            };
        }
    };
    if let Some(Command::Daemon(args)) = &cli.command {
        return crate::demo::serve(args);
    }
    match run(cli) {
        Ok(()) | Err(Failure::ReaderGone) => ExitCode::SUCCESS,
        Err(Failure::Said { exit, message }) => {
            let _ = writeln!(io::stderr(), "doorward: {message}");
            exit.into()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let Some(command) = cli.command else {
        return crate::console::run(cli.socket);
    };
    match command {
        Command::Completions { shell } => pages::completions(shell),
        Command::Man { dir } => pages::man(dir.as_deref()),
        Command::Demo(args) => crate::demo::run(&args),
        command => {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .map_err(|error| {
                    Failure::said(Exit::Software, format_args!("cannot start: {error}"))
                })?;
            let mut context = Context::new(cli.socket, cli.json);
            runtime.block_on(call(&mut context, command))?;
            Ok(context.out.flush()?)
        }
    }
}

async fn call(context: &mut Context, command: Command) -> Result<(), Failure> {
    match command {
        Command::Status => status::show(context).await,
        Command::Doors { action } => doors::run(context, action).await,
        Command::Users { action } => users::run(context, action).await,
        Command::Keys { action } => keys::run(context, action).await,
        Command::Places { action } => structure::places(context, action).await,
        Command::Groups { action } => structure::groups(context, action).await,
        Command::Companies { action } => structure::companies(context, action).await,
        Command::Credentials { action } => credentials::run(context, action).await,
        Command::Schedules { action } => schedules::run(context, action).await,
        Command::Cards { action } => cards::run(context, action).await,
        Command::Readers { action } => readers::run(context, action).await,
        Command::Areas { action } => areas::run(context, action).await,
        Command::Alarms { action } => alarms::run(context, action).await,
        Command::Events(args) => events::run(context, args).await,
        Command::Verify => vault::verify(context).await,
        Command::Backup(args) => vault::backup(context, args).await,
        Command::Log { action } => log::run(context, action).await,
        Command::Unlock {
            door,
            until_relocked,
        } if until_relocked => standing::unlock_until_relocked(context, &door).await,
        Command::Unlock { door, .. } => doors::unlock(context, &door).await,
        Command::Relock { door } => standing::relock(context, &door).await,
        Command::Mode(args) => standing::mode(context, args).await,
        Command::Plan(args) => standing::plan(context, args).await,
        Command::Activate { door } => standing::activate(context, &door).await,
        Command::Holidays { action } => holidays::run(context, action).await,
        Command::Why(args) => why::run(context, &args).await,
        // Done before a runtime is started.
        Command::Completions { .. }
        | Command::Man { .. }
        | Command::Demo(_)
        | Command::Daemon(_) => Ok(()),
    }
}
