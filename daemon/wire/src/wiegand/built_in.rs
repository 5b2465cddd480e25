//! The profiles compiled in.

/// Name and text of every converter profile compiled in: the files of `config/readers/` as shipped.
pub const BUILT_IN: [(&str, &str); 5] = [
    (
        "wiegand-hex-lines",
        include_str!("../../../../config/readers/wiegand-hex-lines.toml"),
    ),
    (
        "wiegand-bit-lines",
        include_str!("../../../../config/readers/wiegand-bit-lines.toml"),
    ),
    (
        "decimal-lines-32",
        include_str!("../../../../config/readers/decimal-lines-32.toml"),
    ),
    (
        "rdm6300",
        include_str!("../../../../config/readers/rdm6300.toml"),
    ),
    (
        "wiegand-modbus",
        include_str!("../../../../config/readers/wiegand-modbus.toml"),
    ),
];
