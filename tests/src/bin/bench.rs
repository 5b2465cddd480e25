//! `tests/bench NAME [options]`: measures, and prints one JSON object as its last line.

use clap::Parser;
use doorward_tests::bench::Bench;

#[derive(Debug, Parser)]
#[command(
    name = "tests/bench",
    about = "Measures Doorward, beside its peers where there are any"
)]
struct Arguments {
    #[command(subcommand)]
    bench: Bench,
}

fn main() -> anyhow::Result<()> {
    Arguments::parse().bench.run()
}
