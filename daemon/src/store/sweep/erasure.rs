//! Erasing one person: first from the admin log, which tells their cards, then from the passage log.

use std::collections::{BTreeSet, VecDeque};

use doorward_core::card::CardBits;
use doorward_core::ids::UserId;
use doorward_core::model::{Credential, CredentialData, Record, RecordRef};

use super::super::database::Trees;
use super::super::packed::Packed;
use super::super::postings::{self, Subject};
use super::super::{StoreError, alarms, audit, events, rows, salt, table};
use super::{Budget, EraseRequest, Step};

/// What is written in the admin log.
const NOTE: &str = "personal data erased";

/// A person being erased.
#[derive(Debug)]
pub(super) struct Erasure {
    user: UserId,
    /// Cards of theirs that are known by their bits: those that nobody knew yet carry them.
    cards: BTreeSet<CardBits>,
    stage: Stage,
}

/// The row that is looked at next.
#[derive(Debug, Clone, Copy)]
enum Stage {
    Audit(u64),
    Events(u64),
}

impl Erasure {
    const fn of(user: UserId) -> Self {
        Self {
            user,
            cards: BTreeSet::new(),
            stage: Stage::Audit(1),
        }
    }

    pub(super) const fn user(&self) -> UserId {
        self.user
    }

    /// Those who were not done with when the store was closed.
    pub(super) fn waiting(table: &Packed) -> Result<VecDeque<Self>, StoreError> {
        let waiting = table.scan_prefix(rows::ERASURES).keys();
        waiting
            .map(|row| Ok(Self::of(UserId(rows::found(&row?)?))))
            .collect()
    }

    /// Notes in the table that the person is to be erased, and in the admin log by whom.
    pub(super) fn begin(trees: &Trees, request: &EraseRequest) -> Result<Self, StoreError> {
        let (user, table) = (request.user, &trees.table);
        let target = RecordRef::User(user);
        if table.contains_key(rows::record(target))? {
            return Err(StoreError::StillThere { target });
        }
        let (newest, hash) = audit::head(table)?;
        let public = audit::Public {
            at: request.at,
            actor: request.actor.clone(),
            revision: table::revision(table)?,
            note: NOTE.to_owned(),
            target,
        };
        let nothing = audit::Personal {
            before: None,
            after: None,
        };
        let (_, entry) = audit::encode(newest + 1, &hash, &public, &nothing, &salt()?)?;
        let (noted, begun) = (rows::audit(newest + 1), rows::erasure(user));
        let mut both = [(&noted[..], &entry[..]), (&begun[..], &[])];
        both.sort_unstable();
        table.apply(both.map(|(row, value)| (row, Some(value))))?;
        for name in &request.kept {
            trees.kept.remove(name)?;
        }
        Ok(Self::of(user))
    }

    pub(super) fn step(
        &mut self,
        trees: &Trees,
        durable: u64,
        budget: &mut Budget,
    ) -> Result<Step, StoreError> {
        match self.stage {
            Stage::Audit(next) => {
                let (next, step) = self.audit(&trees.table, next, budget)?;
                self.stage = match step {
                    Step::More => Stage::Audit(next),
                    Step::Done => Stage::Events(1),
                };
                Ok(Step::More)
            }
            Stage::Events(next) if next <= durable => {
                let until = durable.min(next.saturating_add(budget.read as u64 - 1));
                let next = self.events(trees, next, until, budget)?;
                self.stage = Stage::Events(next);
                Ok(Step::More)
            }
            Stage::Events(_) => {
                trees.table.remove(rows::erasure(self.user))?;
                log::info!(
                    "the personal data of user {} is erased from the logs",
                    self.user
                );
                Ok(Step::Done)
            }
        }
    }

    fn audit(
        &mut self,
        table: &Packed,
        mut next: u64,
        budget: &mut Budget,
    ) -> Result<(u64, Step), StoreError> {
        for row in table.range(rows::audit(next)..=rows::audit(u64::MAX)) {
            if budget.is_spent() {
                return Ok((next, Step::More));
            }
            let (row, value) = row?;
            next = rows::audit_number(&row)? + 1;
            budget.read -= 1;
            let entry = audit::decode(next - 1, &value)?;
            if entry.erased || !self.concerns(&entry) {
                continue;
            }
            table.insert(row, audit::erased(next - 1, &value)?)?;
            budget.written -= 1;
        }
        Ok((next, Step::Done))
    }

    /// Whether an entry is about the person; notes their cards.
    fn concerns(&mut self, entry: &audit::AuditEntry) -> bool {
        match entry.target {
            RecordRef::User(user) | RecordRef::Grant { user, .. } => user == self.user,
            RecordRef::Credential(_) => {
                let both = [&entry.before, &entry.after];
                let theirs = both
                    .into_iter()
                    .flatten()
                    .filter_map(|record| match record {
                        Record::Credential(credential) if credential.user == Some(self.user) => {
                            Some(credential)
                        }
                        _ => None,
                    });
                let theirs: Vec<&Credential> = theirs.collect();
                self.cards.extend(
                    theirs
                        .iter()
                        .filter_map(|credential| match credential.data {
                            CredentialData::RawCard { bits } => Some(bits),
                            _ => None,
                        }),
                );
                !theirs.is_empty()
            }
            _ => false,
        }
    }

    fn events(
        &self,
        trees: &Trees,
        from: u64,
        until: u64,
        budget: &mut Budget,
    ) -> Result<u64, StoreError> {
        let mut next = from;
        for row in trees.events.range(from.to_be_bytes()..=until.to_be_bytes()) {
            if budget.is_spent() {
                return Ok(next);
            }
            let (key, value) = row?;
            next = events::number(&key)? + 1;
            budget.read -= 1;
            let event = events::decode(next - 1, &value)?.event;
            let is_theirs = event.user == Some(self.user)
                || event.card.is_some_and(|card| self.cards.contains(&card));
            if is_theirs {
                // First, so that a cut leaves nothing of it behind an erased row.
                if let Some(user) = event.user {
                    postings::forget(&trees.postings, Subject::User(user), next - 1)?;
                }
                alarms::forget(&trees.alarms, next - 1)?;
                trees
                    .events
                    .insert(key, events::erased(next - 1, &value)?)?;
                budget.written -= 1;
            }
        }
        Ok(next.max(until + 1))
    }
}
