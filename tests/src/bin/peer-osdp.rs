//! libosdp, the independent OSDP implementation, as a process of its own: as readers or as the
//! control panel. Orders come as JSON lines on standard input, reports leave as JSON lines on
//! standard output; see `doorward_tests::osdp_peer::orders`.

use clap::{Parser, Subcommand};
use doorward_tests::osdp_peer::{panel, readers};

#[derive(Debug, Parser)]
#[command(about = "libosdp as readers or as the control panel, for tests")]
struct Arguments {
    #[command(subcommand)]
    role: Role,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Peripheral devices, each on its own device file.
    Readers,
    /// A control panel on one device file.
    Panel,
}

fn main() -> anyhow::Result<()> {
    match Arguments::parse().role {
        Role::Readers => readers::serve()?,
        Role::Panel => panel::serve()?,
    }
    Ok(())
}
