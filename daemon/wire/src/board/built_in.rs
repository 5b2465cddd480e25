//! The profiles compiled in.

use super::{BoardProfile, ProfileErrors};

/// Name and text of every profile compiled in: the files of `config/boards/` as shipped.
pub const BUILT_IN: [(&str, &str); 13] = [
    (
        "generic-coil",
        include_str!("../../../../config/boards/generic-coil.toml"),
    ),
    (
        "generic-register",
        include_str!("../../../../config/boards/generic-register.toml"),
    ),
    (
        "waveshare-rtu-relay-8ch",
        include_str!("../../../../config/boards/waveshare-rtu-relay-8ch.toml"),
    ),
    (
        "waveshare-rtu-relay-d-8ch",
        include_str!("../../../../config/boards/waveshare-rtu-relay-d-8ch.toml"),
    ),
    (
        "waveshare-poe-eth-relay-8ch",
        include_str!("../../../../config/boards/waveshare-poe-eth-relay-8ch.toml"),
    ),
    (
        "waveshare-poe-eth-relay-b-8ch",
        include_str!("../../../../config/boards/waveshare-poe-eth-relay-b-8ch.toml"),
    ),
    (
        "advantech-adam-6050",
        include_str!("../../../../config/boards/advantech-adam-6050.toml"),
    ),
    (
        "advantech-adam-6060",
        include_str!("../../../../config/boards/advantech-adam-6060.toml"),
    ),
    (
        "eletechsup-r4d8a08",
        include_str!("../../../../config/boards/eletechsup-r4d8a08.toml"),
    ),
    (
        "rlh-smart-8",
        include_str!("../../../../config/boards/rlh-smart-8.toml"),
    ),
    (
        "kmtronic-rtu-8ch",
        include_str!("../../../../config/boards/kmtronic-rtu-8ch.toml"),
    ),
    (
        "waveshare-rtu-analog-input-8ch-b",
        include_str!("../../../../config/boards/waveshare-rtu-analog-input-8ch-b.toml"),
    ),
    (
        "wirenboard-mr6c",
        include_str!("../../../../config/boards/wirenboard-mr6c.toml"),
    ),
];

/// The profile of this name among those compiled in.
#[must_use]
pub fn built_in(name: &str) -> Option<Result<BoardProfile, ProfileErrors>> {
    let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    Some(BoardProfile::parse(text))
}
