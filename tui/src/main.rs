//! `doorward`: the console without a command, the command line with one.

use std::process::ExitCode;

fn main() -> ExitCode {
    doorward::cli::main()
}
