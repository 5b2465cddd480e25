//! The profiles compiled in.

use super::{BoardProfile, ProfileErrors};

/// Name and text of every profile compiled in: the files of `config/boards/` as shipped.
pub const BUILT_IN: [(&str, &str); 3] = [
    (
        "generic-coil",
        include_str!("../../../../config/boards/generic-coil.toml"),
    ),
    (
        "waveshare-rtu-relay-8ch",
        include_str!("../../../../config/boards/waveshare-rtu-relay-8ch.toml"),
    ),
    (
        "waveshare-rtu-relay-d-8ch",
        include_str!("../../../../config/boards/waveshare-rtu-relay-d-8ch.toml"),
    ),
];

/// The profile of this name among those compiled in.
#[must_use]
pub fn built_in(name: &str) -> Option<Result<BoardProfile, ProfileErrors>> {
    let (_, text) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    Some(BoardProfile::parse(text))
}
