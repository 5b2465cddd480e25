//! Shell completions and man pages, made from what the command line accepts.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use clap::CommandFactory;
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::Cli;
use super::failure::{Exit, Failure};

/// Prints the completions of a shell.
pub(super) fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "doorward", &mut script);
    Ok(io::stdout().write_all(&script)?)
}

/// Prints the man page of `doorward`, or writes one for each command into `dir`.
pub(super) fn man(dir: Option<&Path>) -> Result<(), Failure> {
    let Some(dir) = dir else {
        let mut page = Vec::new();
        Man::new(Cli::command()).render(&mut page)?;
        return Ok(io::stdout().write_all(&page)?);
    };
    for (name, page) in all_pages(Cli::command())? {
        let path = dir.join(name);
        fs::write(&path, page).map_err(|error| {
            Failure::said(
                Exit::Io,
                format_args!("cannot write `{}`: {error}", path.display()),
            )
        })?;
    }
    Ok(())
}

/// The page of a command and those of all commands below it, with their file names.
fn all_pages(command: clap::Command) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = command.disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    render(&command, &mut pages)?;
    Ok(pages)
}

fn render(command: &clap::Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    let man = Man::new(command.clone())
        .manual("Doorward")
        .source(concat!("doorward ", env!("CARGO_PKG_VERSION")));
    let mut page = Vec::new();
    man.render(&mut page)?;
    pages.push((man.get_filename(), page));
    command
        .get_subcommands()
        .filter(|below| !below.is_hide_set())
        .try_for_each(|below| render(below, pages))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_a_page() {
        let pages = all_pages(Cli::command()).unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        for name in [
            "doorward.1",
            "doorward-status.1",
            "doorward-users-add.1",
            "doorward-keys-grant.1",
            "doorward-why.1",
        ] {
            assert!(names.contains(&name), "{name} is not in {names:?}");
        }
        for (name, page) in &pages {
            let text = String::from_utf8_lossy(page);
            assert!(text.contains(".SH NAME"), "{name}");
            assert!(text.contains("SYNOPSIS"), "{name}");
        }
    }

    #[test]
    fn completions_know_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "doorward", &mut script);
            let script = String::from_utf8(script).unwrap();
            assert!(script.contains("credentials"), "{shell}");
        }
    }
}
