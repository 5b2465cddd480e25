use clap::{Args, Subcommand};

/// What to do with card formats.
#[derive(Debug, Subcommand)]
pub enum CardsAction {
    /// List the card formats, those in use at this site first.
    Formats,
    /// Show what the bits of a card can mean, in every format of their length.
    Decode(DecodeArgs),
    /// Show the bits of a card with a number.
    Encode(EncodeArgs),
}

/// Which bits to show.
#[derive(Debug, Args)]
pub struct DecodeArgs {
    /// The bits as `0` and `1`, or with `--bits` in hexadecimal; spaces do not count.
    #[arg(value_name = "BITS", required = true)]
    pub card: Vec<String>,
    /// How many bits; the card stands in the lowest of the hexadecimal digits.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub bits: Option<u16>,
}

/// What a card is to carry.
#[derive(Debug, Args)]
pub struct EncodeArgs {
    /// The format, by any of its names.
    pub format: String,
    /// The card number.
    pub number: u64,
    /// The facility code (site code): needed where the format has one.
    #[arg(long, value_name = "NUMBER")]
    pub facility: Option<u32>,
    /// The issue level; 0 unless given.
    #[arg(long, value_name = "NUMBER")]
    pub issue: Option<u32>,
    /// The maker's code; the usual one of the format unless given.
    #[arg(long, value_name = "NUMBER")]
    pub oem: Option<u32>,
}
