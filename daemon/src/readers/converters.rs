//! The profiles of converters: those built in, and those of a folder; and the plans of the readers
//! behind them.

use std::collections::BTreeMap;
use std::path::Path;

use doorward_wire::wiegand::{
    BUILT_IN, CONVERTER_BYTES_MAX, ConverterProfile, Framing, Lines, PulseRule,
};

use super::wiegand::{Source, WiegandPlan, serial_line};
use crate::config::{WiegandConfig, WiegandPlace};
use crate::relays::config::LineAddress;
use crate::relays::profiles::toml_files;

/// Converter profiles by name.
#[derive(Debug)]
pub(crate) struct Converters(BTreeMap<String, ConverterProfile>);

impl Converters {
    /// The profiles built in, and those of every `*.toml` in `folder`. A file goes before a profile
    /// built in of the same name. What is wrong is told in words.
    pub(crate) fn load(folder: Option<&Path>) -> Result<Self, String> {
        let mut profiles = BTreeMap::new();
        for (name, text) in BUILT_IN {
            let profile = ConverterProfile::parse(text);
            let profile = profile.map_err(|error| format!("built-in profile {name}: {error}"))?;
            profiles.insert(name.to_owned(), profile);
        }
        let files = folder.map(toml_files).transpose();
        let files = files.map_err(|error| error.to_string())?;
        for path in files.unwrap_or_default() {
            let shown = path.display();
            let told = |error: std::io::Error| format!("cannot read `{shown}`: {error}");
            let size = std::fs::metadata(&path).map_err(told)?.len();
            if size > CONVERTER_BYTES_MAX as u64 {
                return Err(format!(
                    "`{shown}` has {size} bytes, at most {CONVERTER_BYTES_MAX} are allowed"
                ));
            }
            let text = std::fs::read_to_string(&path).map_err(told)?;
            let profile = ConverterProfile::parse(&text)
                .map_err(|error| format!("`{shown}` is not a converter profile: {error}"))?;
            if path.file_stem().and_then(|stem| stem.to_str()) != Some(&profile.name) {
                return Err(format!(
                    "`{shown}` says `name = \"{}\"`, allowed is the name of the file",
                    profile.name
                ));
            }
            profiles.insert(profile.name.clone(), profile);
        }
        Ok(Self(profiles))
    }

    /// How a reader of `site.toml` is served. What is wrong is told in words.
    pub(crate) fn plan(&self, reader: &WiegandConfig) -> Result<WiegandPlan, String> {
        let name = &reader.name;
        if let WiegandPlace::Gpio {
            chip,
            d0,
            d1,
            frame_gap_ms,
            keypad,
        } = &reader.place
        {
            let rule = PulseRule {
                frame_gap_us: frame_gap_ms * 1000,
                ..PulseRule::default()
            };
            return Ok(WiegandPlan {
                name: name.clone(),
                keypad: *keypad,
                repeat_ms: 0,
                source: Source::Edges {
                    chip: chip.clone(),
                    d0: *d0,
                    d1: *d1,
                    rule,
                },
            });
        }
        let wanted = reader.profile.as_deref().unwrap_or_default();
        let Some(profile) = self.0.get(wanted) else {
            let known: Vec<_> = self.0.keys().map(|name| format!("`{name}`")).collect();
            return Err(format!(
                "reader `{name}` has the profile `{wanted}`, which does not exist; known are {}",
                known.join(", ")
            ));
        };
        let address = match &reader.place {
            WiegandPlace::Network { address } => LineAddress::Tcp(address.clone()),
            WiegandPlace::Port { port, baud, parity } => {
                let baud = baud.or(profile.baud).unwrap_or(9600);
                serial_line(port.clone(), baud, *parity)
            }
            WiegandPlace::Gpio { .. } => return Err(format!("reader `{name}` has no converter")),
        };
        let source = match profile.framing.clone() {
            Framing::Modbus(map) => Source::Registers {
                address,
                unit: reader.unit.unwrap_or(1),
                map,
            },
            _ if reader.unit.is_some() => {
                return Err(format!(
                    "reader `{name}` has a `unit`, which only Modbus has; `{}` sends bytes",
                    profile.name
                ));
            }
            Framing::Lines(rule) => Source::Bytes {
                address,
                lines: Lines::of_text(rule),
            },
            Framing::Stx(rule) => Source::Bytes {
                address,
                lines: Lines::of_stx(rule),
            },
        };
        Ok(WiegandPlan {
            name: name.clone(),
            keypad: profile.keypad,
            repeat_ms: profile.repeat_ms,
            source,
        })
    }
}
