//! What the fuzz targets do with arbitrary bytes: plain functions, which the fuzzer calls with its
//! own inputs, and the ordinary test suite with every seed and every find that was kept.
//!
//! A function panics when a law is broken; running to its end is all that is asked otherwise.
#![allow(
    clippy::panic,
    clippy::expect_used,
    reason = "a broken law must stop the fuzzer"
)]

mod backups;
mod calendars;
mod documents;
mod osdp;
mod problems;
mod script;
mod tables;

pub use backups::backups;
pub use calendars::{holiday_files, plans};
pub use documents::{api_bodies, site_config};
pub use osdp::{osdp_device, osdp_frames, osdp_panel};
pub use tables::{board_profiles, card_formats, converters};

/// One target's function.
pub type Target = fn(&[u8]);

/// All targets, by the name of their folder of seeds.
pub const TARGETS: [(&str, Target); 11] = [
    ("osdp_frames", osdp_frames),
    ("osdp_panel", osdp_panel),
    ("osdp_device", osdp_device),
    ("card_formats", card_formats),
    ("converters", converters),
    ("board_profiles", board_profiles),
    ("site_config", site_config),
    ("api_bodies", api_bodies),
    ("plans", plans),
    ("holiday_files", holiday_files),
    ("backups", backups),
];

/// The seeds of a target: everything in its folder, finds included.
///
/// # Errors
/// When the folder cannot be read.
pub fn seeds(target: &str) -> std::io::Result<Vec<(std::path::PathBuf, Vec<u8>)>> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/seeds")
        .join(target);
    let mut seeds = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let bytes = std::fs::read(&path)?;
        seeds.push((path, bytes));
    }
    seeds.sort();
    Ok(seeds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_seed_and_every_find_keeps_the_laws() {
        for (name, target) in TARGETS {
            let seeds = seeds(name).unwrap();
            assert!(!seeds.is_empty(), "`{name}` has no seeds");
            for (path, bytes) in seeds {
                let outcome = std::panic::catch_unwind(|| target(&bytes));
                assert!(outcome.is_ok(), "`{}` breaks a law", path.display());
            }
        }
    }

    /// A seed that is refused at its first byte teaches the fuzzer nothing.
    #[test]
    fn the_seed_of_a_whole_table_is_a_change_that_is_accepted() {
        let seeds = seeds("api_bodies").unwrap();
        let (_, whole) = seeds
            .iter()
            .find(|(path, _)| path.ends_with("whole_table"))
            .unwrap();
        let changes: doorward_api::Changes = serde_json::from_slice(whole).unwrap();
        let empty = doorward_core::view::MapView::default();
        let valid = doorward_core::model::validate_changes(&empty, &changes.changes);
        assert_eq!(valid.unwrap().rows().len(), changes.changes.len());
    }

    /// Cuts and changes of the seeds reach what the seeds themselves do not.
    #[test]
    fn damaged_seeds_keep_the_laws() {
        let mut random = crate::bench::figures::Spread::new(20);
        for (name, target) in TARGETS {
            for (path, seed) in seeds(name).unwrap() {
                for _ in 0..50 {
                    let mut bytes = seed.clone();
                    bytes.truncate(random.below(seed.len() as u64 + 1) as usize);
                    for _ in 0..random.below(4) {
                        if !bytes.is_empty() {
                            let at = random.below(bytes.len() as u64) as usize;
                            bytes[at] = random.below(256) as u8;
                        }
                    }
                    let outcome = std::panic::catch_unwind(|| target(&bytes));
                    assert!(
                        outcome.is_ok(),
                        "`{}` as {bytes:?} breaks a law",
                        path.display()
                    );
                }
            }
        }
    }
}
