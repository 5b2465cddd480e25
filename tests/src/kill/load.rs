//! What goes on over the API while the daemon is killed: changes small and large, unlocks, and
//! somebody who follows the passage log.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use doorward_api::{Changes, Client, EventRow};
use doorward_core::ids::{DoorId, UserId};
use doorward_core::model::{Change, Record, RecordRef, User};
use doorward_sim::line::monotonic_ns;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::bench::figures::Spread;
use crate::bench::progress;

/// Users that one import puts: more than one batch of the store takes.
const IMPORT_USERS: (u64, u64) = (260, 340);
/// Users that one client of small changes keeps.
const SMALL_USERS_MAX: usize = 60;
/// Between two small changes.
const SMALL_PAUSE: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(30));
/// Between two imports.
const IMPORT_PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(400));
/// Between two unlocks: the door is locked again, and known to be.
const UNLOCK_PAUSE: (Duration, Duration) = (Duration::from_millis(300), Duration::from_millis(450));

/// What the changes of a client are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// One to four users a change.
    Small,
    /// Hundreds of users a change: made, renamed, taken away.
    Imports,
}

/// The users that one client looks after: by number, with their last names.
pub(super) type Users = BTreeMap<u32, String>;

/// What a client was told, and what it has asked for without an answer.
#[derive(Debug, Clone)]
pub(super) struct Ledger {
    style: Style,
    /// The first number of this client, and the first of the next.
    ids: (u32, u32),
    next_id: u32,
    made: u64,
    users: Users,
    in_flight: Option<Users>,
    /// The newest revision that was acknowledged.
    pub(super) revision: u64,
    pub(super) acknowledged: u64,
    pub(super) refused: u64,
}

impl Ledger {
    pub(super) fn new(style: Style, first_id: u32, behind: u32) -> Self {
        Self {
            style,
            ids: (first_id, behind),
            next_id: first_id,
            made: 0,
            users: Users::new(),
            in_flight: None,
            revision: 0,
            acknowledged: 0,
            refused: 0,
        }
    }

    /// Compares what was acknowledged with what is there. A change without an answer is there whole
    /// or not at all. Returns how many users are wrong.
    pub(super) fn settle(&mut self, all: &Users) -> u64 {
        let (first, behind) = self.ids;
        let found: Users = all
            .range(first..behind)
            .map(|(k, v)| (*k, v.clone()))
            .collect();
        let in_flight = self.in_flight.take();
        if in_flight.as_ref() == Some(&found) {
            self.users = found;
            return 0;
        }
        let wrong = differences(&self.users, &found);
        self.users = found;
        wrong
    }

    fn next_change(&mut self, spread: &mut Spread) -> (Changes, Users) {
        let mut after = self.users.clone();
        let mut changes = Vec::new();
        self.made += 1;
        match self.style {
            Style::Small => {
                for _ in 0..=spread.below(4) {
                    self.small_step(spread, &mut after, &mut changes);
                }
            }
            Style::Imports => self.import(spread, &mut after, &mut changes),
        }
        (Changes { changes }, after)
    }

    fn small_step(&mut self, spread: &mut Spread, after: &mut Users, changes: &mut Vec<Change>) {
        let at = spread.below(after.len().max(1) as u64) as usize;
        let known = after.keys().nth(at).copied();
        match (known, spread.below(3)) {
            (Some(id), 0) => take(id, after, changes),
            (Some(id), 1) => self.put(id, after, changes),
            (Some(id), _) if after.len() >= SMALL_USERS_MAX => take(id, after, changes),
            _ => {
                let id = self.new_id();
                self.put(id, after, changes);
            }
        }
    }

    fn import(&mut self, spread: &mut Spread, after: &mut Users, changes: &mut Vec<Change>) {
        let known: Vec<u32> = after.keys().copied().collect();
        match self.made % 3 {
            step if step == 1 || known.is_empty() => {
                for _ in 0..IMPORT_USERS.0 + spread.below(IMPORT_USERS.1 - IMPORT_USERS.0) {
                    let id = self.new_id();
                    self.put(id, after, changes);
                }
            }
            2 => known.iter().for_each(|id| self.put(*id, after, changes)),
            _ => known.iter().for_each(|id| take(*id, after, changes)),
        }
    }

    fn new_id(&mut self) -> u32 {
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    fn put(&self, id: u32, after: &mut Users, changes: &mut Vec<Change>) {
        let last_name = format!("{}", self.made);
        after.insert(id, last_name.clone());
        changes.push(Change::Put(Record::User(User {
            id: UserId(id),
            first_name: "Imported".to_owned(),
            last_name,
            ..User::default()
        })));
    }
}

fn take(id: u32, after: &mut Users, changes: &mut Vec<Change>) {
    after.remove(&id);
    changes.push(Change::Remove(RecordRef::User(UserId(id))));
}

fn differences(expected: &Users, found: &Users) -> u64 {
    let ids: std::collections::BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let differs = |id: &&&u32| expected.get(**id) != found.get(**id);
    ids.iter().filter(differs).count() as u64
}

/// An unlock that was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    pub(super) ns: u64,
}

/// The clients, as long as the daemon lives.
pub(super) struct Load {
    changers: Vec<JoinHandle<Ledger>>,
    operator: JoinHandle<Vec<Asked>>,
    follower: JoinHandle<Vec<EventRow>>,
}

/// What they came by.
pub(super) struct Heard {
    pub(super) ledgers: Vec<Ledger>,
    pub(super) asked: Vec<Asked>,
    /// What the stream of events had said was durable.
    pub(super) rows: Vec<EventRow>,
}

impl Load {
    pub(super) fn start(
        runtime: &Runtime,
        socket: &Path,
        ledgers: Vec<Ledger>,
        door: DoorId,
        seen: u64,
        spread: &mut Spread,
    ) -> Self {
        let client = || Client::new(socket);
        let mut own = || Spread::new(spread.below(1 << 50).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let changers = ledgers.into_iter();
        Self {
            changers: changers
                .map(|ledger| runtime.spawn(change(client(), ledger, own())))
                .collect(),
            operator: runtime.spawn(unlock(client(), door, own())),
            follower: runtime.spawn(follow(client(), seen)),
        }
    }

    /// After the daemon's end: every client has noticed.
    pub(super) fn end(self, runtime: &Runtime) -> Result<Heard> {
        runtime.block_on(async {
            let mut ledgers = Vec::new();
            for changer in self.changers {
                ledgers.push(changer.await?);
            }
            Ok(Heard {
                ledgers,
                asked: self.operator.await?,
                rows: self.follower.await?,
            })
        })
    }
}

async fn change(client: Client, mut ledger: Ledger, mut spread: Spread) -> Ledger {
    loop {
        let (changes, after) = ledger.next_change(&mut spread);
        ledger.in_flight = Some(after);
        match client.apply(&changes, None).await {
            Ok(applied) => {
                ledger.users = ledger.in_flight.take().unwrap_or_default();
                ledger.revision = applied.revision;
                ledger.acknowledged += 1;
            }
            Err(error) if error.problem().is_some_and(|said| said.status < 500) => {
                progress(&format!("a change is refused: {error}"));
                ledger.in_flight = None;
                ledger.refused += 1;
            }
            // It may or may not have been carried out.
            Err(_) => return ledger,
        }
        let (least, most) = match ledger.style {
            Style::Small => SMALL_PAUSE,
            Style::Imports => IMPORT_PAUSE,
        };
        tokio::time::sleep(spread.between(least, most)).await;
    }
}

async fn unlock(client: Client, door: DoorId, mut spread: Spread) -> Vec<Asked> {
    let mut asked = Vec::new();
    loop {
        asked.push(Asked { ns: monotonic_ns() });
        match client.unlock(door).await {
            Ok(()) => {}
            Err(error) if error.problem().is_some() => {}
            Err(_) => return asked,
        }
        tokio::time::sleep(spread.between(UNLOCK_PAUSE.0, UNLOCK_PAUSE.1)).await;
    }
}

async fn follow(client: Client, seen: u64) -> Vec<EventRow> {
    let mut rows = Vec::new();
    let Ok(mut stream) = client.event_stream(Some(seen)).await else {
        return rows;
    };
    while let Ok(Some(row)) = stream.next().await {
        rows.push(row);
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(named: &[(u32, &str)]) -> Users {
        named
            .iter()
            .map(|(id, name)| (*id, (*name).to_owned()))
            .collect()
    }

    #[test]
    fn a_change_without_an_answer_is_there_whole_or_not_at_all() {
        let check = |found: &[(u32, &str)], wrong: u64| {
            let mut ledger = Ledger::new(Style::Small, 10, 20);
            ledger.users = users(&[(10, "a"), (11, "a")]);
            ledger.in_flight = Some(users(&[(10, "b"), (12, "b")]));
            assert_eq!(ledger.settle(&users(found)), wrong, "{found:?}");
        };
        check(&[(10, "a"), (11, "a")], 0);
        check(&[(10, "b"), (12, "b")], 0);
        // Those of others say nothing.
        check(&[(9, "x"), (10, "b"), (12, "b"), (20, "x")], 0);
        check(&[(10, "b"), (11, "a")], 1);
        check(&[(12, "b")], 3);
        check(&[], 2);
    }
}
