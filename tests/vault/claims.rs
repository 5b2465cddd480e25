//! The threat model names a test for each claim; each of them is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The names of all functions in the Rust files below `folder`.
fn functions(folder: &Path, found: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            functions(&path, found);
        } else if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).unwrap();
            let names = text.split("fn ").skip(1);
            let names = names.filter_map(|rest| rest.split(['(', '<']).next());
            found.extend(names.map(str::to_owned));
        }
    }
}

/// What stands in backticks in the last column of a table's rows.
fn claimed(document: &str) -> Vec<String> {
    let rows = document.lines().filter(|line| line.starts_with('|'));
    let last = rows.filter_map(|row| row.trim_end_matches('|').rsplit('|').next());
    last.flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_claim_names_a_test_that_is_there() {
    let document = fs::read_to_string(Path::new(ROOT).join("docs/threat-model.md")).unwrap();
    let claimed = claimed(&document);
    assert!(claimed.len() > 25, "{claimed:?}");
    let mut there = BTreeSet::new();
    for folder in ["daemon", "tui", "tests"] {
        functions(&Path::new(ROOT).join(folder), &mut there);
    }
    let gone: Vec<_> = claimed
        .iter()
        .filter(|name| !there.contains(*name))
        .collect();
    assert!(gone.is_empty(), "no such tests: {gone:?}");
}

#[test]
fn a_claim_without_its_test_would_be_found() {
    let document = "| against | claim | test |\n|---|---|---|\n| A | x `y` | `one`, `two` |\n";
    assert_eq!(claimed(document), ["one", "two"]);
}
