//! The rules of access a second time: slow, obvious, written from the text of what the product does
//! and from nothing else, and compared with `decide` on random sites, users, keys and times.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod days;
mod naive;
mod table;

use std::collections::{BTreeSet, HashMap};

use doorward_core::decide::{decide_at, explain_at};
use doorward_core::event::Reason;
use doorward_core::index::AccessIndex;
use doorward_core::view::MapView;
use proptest::prelude::*;

use crate::days::{Days, Telling};
use crate::naive::Naive;
use crate::table::{Site, Wish};

/// Wishes tried at each site.
const WISHES: usize = 60;

/// Compares at one site; counts the reasons met.
fn compare(seed: u64, met: &mut HashMap<Reason, u32>) -> Result<(), TestCaseError> {
    let site = Site::random(seed);
    let map: MapView = site.records.iter().cloned().collect();
    let index: AccessIndex = site.records.iter().cloned().collect();
    let naive = Naive::new(&site);
    for number in 0..WISHES {
        let wish = Wish::random(seed, number as u64, &site);
        let request = wish.request();
        let expect = naive.judge(&wish);
        let by_map = decide_at(&map, &site.state, &request, wish.now, wish.policy);
        let by_index = decide_at(&index, &site.state, &request, wish.now, wish.policy);
        let explained = explain_at(&index, &site.state, &request, wish.now, wish.policy);
        let told = || format!("seed {seed} wish {number} {wish:?}\n{:#?}", site.records);
        prop_assert_eq!(by_map.reason, expect, "{}", told());
        prop_assert_eq!(by_map.is_granted(), expect == Reason::Granted);
        prop_assert_eq!(by_index, by_map, "the index and the map: {}", told());
        prop_assert_eq!(explained.reason, by_map.reason, "explain: {}", told());
        *met.entry(expect).or_default() += 1;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_rules_say_what_the_text_says(seed: u64) {
        compare(seed, &mut HashMap::new())?;
    }
}

/// Whatever can be refused is refused somewhere in so many sites: else the comparison is idle.
#[test]
fn every_reason_is_met() {
    let mut met = HashMap::new();
    for seed in 0..1_500 {
        compare(seed, &mut met).unwrap();
    }
    let missing: Vec<_> = naive::REASONS
        .iter()
        .filter(|reason| !met.contains_key(reason))
        .collect();
    assert!(missing.is_empty(), "never met: {missing:?}, met: {met:?}");
}

/// Steps of all sites together that the tests take.
const STEPS: u64 = 1_000_000;
/// Steps of one site.
const STEPS_OF_SITE: u64 = 2_000;

/// Seeds that once failed, kept for ever.
fn once_failed() -> impl Iterator<Item = u64> {
    let lines = include_str!("seeds.txt").lines();
    lines.filter_map(|line| line.split_whitespace().next()?.parse().ok())
}

/// Half of the sites: the tests of the two halves run side by side.
fn any_site_keeps_the_invariants(half: u64) {
    let mut met = BTreeSet::new();
    let seeds = once_failed().chain(0..STEPS / STEPS_OF_SITE);
    for seed in seeds.filter(|seed| seed % 2 == half) {
        let mut days = Days::new(seed, Telling::Nothing);
        for step in 0..STEPS_OF_SITE {
            days.step();
            if days.invariants().is_err() {
                panic!("seed {seed}, step {step}: {}", again(seed, step));
            }
        }
        met.append(&mut days.met);
    }
    // Else the days were too quiet to show anything.
    for kind in [
        "Granted",
        "Denied",
        "ExitRequested",
        "UnlockedByOperator",
        "Entered",
        "NotEntered",
        "ForcedOpen",
        "HeldOpen",
        "Fire",
        "EmergencyOpen",
        "Mode",
        "Hold",
        "Plan",
    ] {
        assert!(met.contains(kind), "`{kind}` was not met: {met:?}");
    }
}

/// The same days again, with their history.
fn again(seed: u64, step: u64) -> String {
    let mut days = Days::new(seed, Telling::History);
    for _ in 0..=step {
        days.step();
        if let Err(broken) = days.invariants() {
            return broken;
        }
    }
    "it went well the second time".to_owned()
}

#[test]
fn any_site_without_areas_keeps_the_invariants() {
    any_site_keeps_the_invariants(0);
}

#[test]
fn any_site_with_areas_keeps_the_invariants() {
    any_site_keeps_the_invariants(1);
}
