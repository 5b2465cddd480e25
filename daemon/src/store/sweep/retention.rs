//! Retention: passages older than their place keeps them lose their persons.

use std::collections::{BTreeMap, BTreeSet};

use doorward_core::ids::DoorId;
use doorward_core::time::Wall;
use sled::Tree;

use super::super::database::Trees;
use super::super::postings::{self, Subject};
use super::super::{StoreError, alarms, events};
use super::{Budget, Step};

/// How far it has come, among the kept states: MessagePack, the number of the last row done with
/// by door, 0 standing for no door.
const KEPT: &str = "retention";

/// Stands for rows without a door, and for doors that are gone.
const NO_DOOR: DoorId = DoorId(0);

/// Before when passages lose their persons.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionRule {
    /// For each door of the table.
    pub doors: BTreeMap<DoorId, Wall>,
    /// For passages of no door, or of one that is gone.
    pub otherwise: Wall,
}

/// One run of it.
#[derive(Debug)]
pub(super) struct Retention {
    /// The last row done with, by door. What was done with stays so: a longer period applies
    /// forward only.
    done: BTreeMap<DoorId, u64>,
    passes: Vec<Pass>,
}

/// The doors of one period, and the row that is looked at next.
#[derive(Debug)]
struct Pass {
    before: Wall,
    doors: BTreeSet<DoorId>,
    next: u64,
}

impl Retention {
    pub(super) fn plan(trees: &Trees, rule: &RetentionRule) -> Result<Self, StoreError> {
        let mut done = load(&trees.kept)?;
        // A door that is new has no rows before those that are done with.
        let first = done.values().min().copied().unwrap_or(0);
        for door in rule.doors.keys().chain([&NO_DOOR]) {
            done.entry(*door).or_insert(first);
        }
        let mut passes: BTreeMap<Wall, Pass> = BTreeMap::new();
        for (door, seq) in &done {
            let before = *rule.doors.get(door).unwrap_or(&rule.otherwise);
            let pass = passes.entry(before).or_insert(Pass {
                before,
                doors: BTreeSet::new(),
                next: u64::MAX,
            });
            pass.doors.insert(*door);
            pass.next = pass.next.min(seq + 1);
        }
        Ok(Self {
            done,
            passes: passes.into_values().collect(),
        })
    }

    pub(super) fn step(
        &mut self,
        trees: &Trees,
        durable: u64,
        budget: &mut Budget,
    ) -> Result<Step, StoreError> {
        let Some(pass) = self.passes.last_mut() else {
            return Ok(Step::Done);
        };
        let step = pass.step(trees, durable, &self.done, budget)?;
        for door in &pass.doors {
            let done = self.done.entry(*door).or_default();
            *done = (*done).max(pass.next - 1);
        }
        save(&trees.kept, &self.done)?;
        if step == Step::Done {
            self.passes.pop();
        }
        Ok(if self.passes.is_empty() {
            Step::Done
        } else {
            Step::More
        })
    }
}

impl Pass {
    fn step(
        &mut self,
        trees: &Trees,
        durable: u64,
        known: &BTreeMap<DoorId, u64>,
        budget: &mut Budget,
    ) -> Result<Step, StoreError> {
        if self.next > durable {
            return Ok(Step::Done);
        }
        for row in trees
            .events
            .range(self.next.to_be_bytes()..=durable.to_be_bytes())
        {
            if budget.is_spent() {
                return Ok(Step::More);
            }
            let (key, value) = row?;
            let seq = events::number(&key)?;
            let event = events::decode(seq, &value)?.event;
            // Wall time never runs behind the newest event: all after this one are younger.
            if event.at >= self.before {
                return Ok(Step::Done);
            }
            budget.read -= 1;
            let door = event.door.filter(|door| known.contains_key(door));
            let names = event.user.is_some() || event.credential.is_some() || event.card.is_some();
            if names && self.doors.contains(&door.unwrap_or(NO_DOOR)) {
                // First, so that a cut leaves nothing of it behind an erased row.
                if let Some(user) = event.user {
                    postings::forget(&trees.postings, Subject::User(user), seq)?;
                }
                alarms::forget(&trees.alarms, seq)?;
                trees.events.insert(key, events::erased(seq, &value)?)?;
                budget.written -= 1;
            }
            self.next = seq + 1;
        }
        Ok(Step::Done)
    }
}

fn load(kept: &Tree) -> Result<BTreeMap<DoorId, u64>, StoreError> {
    let Some(value) = kept.get(KEPT)? else {
        return Ok(BTreeMap::new());
    };
    rmp_serde::from_slice(&value).map_err(|error| StoreError::row("kept", KEPT.as_bytes(), error))
}

fn save(kept: &Tree, done: &BTreeMap<DoorId, u64>) -> Result<(), StoreError> {
    let value =
        rmp_serde::to_vec(done).map_err(|error| StoreError::row("kept", KEPT.as_bytes(), error))?;
    kept.insert(KEPT, value)?;
    Ok(())
}
