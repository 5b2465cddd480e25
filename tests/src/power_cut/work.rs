//! What the store is made to do while its file calls are recorded, and what must be there afterwards.
//!
//! Every event and every change follows from its number, so that whoever opens the store knows what
//! it must hold.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use doorward_core::alarm::AlarmKind;
use doorward_core::event::{Event, EventKind};
use doorward_core::ids::{CompanyId, CredentialId, DoorId, PlaceId, UserId};
use doorward_core::model::{Change, Company, Place, Record, RecordRef, User, validate_changes};
use doorward_core::time::{ClockTrust, Wall};
use doorwardd::permit::{Action, Operator, authorise};
use doorwardd::store::{ChangeNote, EventSink, Store, StoreOptions};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::bench::figures::Spread;

/// The state that is kept before each event: the event's number.
pub(super) const KEPT: &str = "newest";
/// Users of small changes.
const SMALL_IDS: u32 = 60;
/// Users of a large change: more than one batch of the store takes.
const LARGE_USERS: u32 = 280;
/// Large changes touch one of so many blocks of users.
const LARGE_BLOCKS: u64 = 3;
/// Companies whose details are large, so that the log is written soon.
const COMPANIES: u64 = 24;
const DETAILS: usize = 1_900;
/// The most events under way at once.
const TOGETHER: u64 = 12;
/// Between two events that raise an alarm.
const ALARM_EVERY: u64 = 10;
/// From an event that raises one to the event that ends it.
const ALARM_LASTS: u64 = 5;

/// How a session of the store ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Ending {
    /// In order.
    Stop,
    /// By SIGKILL: the system lives on, and writes what it was given.
    Kill,
}

/// One session.
#[derive(Debug, Clone, clap::Args)]
pub struct Session {
    /// The store's folder
    pub folder: std::path::PathBuf,
    /// Where acknowledgements are written
    pub told: std::path::PathBuf,
    /// Changes to make
    #[arg(long)]
    pub changes: u64,
    /// How it ends
    #[arg(long)]
    pub ending: Ending,
    /// What the events are drawn from
    #[arg(long)]
    pub seed: u64,
}

/// The table at a revision: what identifies each record's state.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Table {
    users: BTreeMap<u32, String>,
    companies: BTreeMap<u32, String>,
    has_place: bool,
    /// Entries of the admin log.
    pub(super) entries: u64,
}

impl Table {
    pub(super) fn at(revision: u64) -> Self {
        let mut table = Self::default();
        for revision in 1..=revision {
            table.step(revision);
        }
        table
    }

    /// Makes the change that leads to a revision.
    fn step(&mut self, revision: u64) -> Vec<Change> {
        let mut spread = Spread::new(revision.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut changes = Vec::new();
        if !self.has_place {
            self.has_place = true;
            changes.push(Change::Put(Record::Place(place())));
        }
        match revision % 8 {
            3 => self.import(revision, &mut spread, &mut changes),
            7 => self.take_away_import(revision, &mut spread, &mut changes),
            _ => self.small(revision, &mut spread, &mut changes),
        }
        self.entries += changes.len() as u64;
        changes
    }

    fn import(&mut self, revision: u64, spread: &mut Spread, changes: &mut Vec<Change>) {
        let first = block(spread);
        for id in first..first + LARGE_USERS {
            self.put_user(id, revision, changes);
        }
    }

    fn take_away_import(&mut self, revision: u64, spread: &mut Spread, changes: &mut Vec<Change>) {
        let first = block(spread);
        let there = self.users.range(first..first + LARGE_USERS);
        let there: Vec<u32> = there.map(|(id, _)| *id).collect();
        for id in &there {
            self.users.remove(id);
            changes.push(Change::Remove(RecordRef::User(UserId(*id))));
        }
        if changes.is_empty() {
            self.import(revision, spread, changes);
        }
    }

    fn small(&mut self, revision: u64, spread: &mut Spread, changes: &mut Vec<Change>) {
        let first = spread.below(SMALL_IDS.into()) as u32 + 1;
        for id in first..=first + spread.below(4) as u32 {
            if self.users.contains_key(&id) && spread.below(3) == 0 {
                self.users.remove(&id);
                changes.push(Change::Remove(RecordRef::User(UserId(id))));
            } else {
                self.put_user(id, revision, changes);
            }
        }
        let id = spread.below(COMPANIES) as u32 + 1;
        let company = company(id, revision);
        self.companies.insert(id, company.name.clone());
        changes.push(Change::Put(Record::Company(company)));
    }

    fn put_user(&mut self, id: u32, revision: u64, changes: &mut Vec<Change>) {
        let user = user(id, revision);
        self.users.insert(id, user.last_name.clone());
        changes.push(Change::Put(Record::User(user)));
    }

    /// As the store has it.
    pub(super) fn of(store: &Store) -> Result<Self> {
        let view = store.view();
        let users: Vec<User> = view.list(None, usize::MAX)?;
        let companies: Vec<Company> = view.list(None, usize::MAX)?;
        let places: Vec<Place> = view.list(None, usize::MAX)?;
        Ok(Self {
            users: users
                .into_iter()
                .map(|user| (user.id.0, user.last_name))
                .collect(),
            companies: companies
                .into_iter()
                .filter(|company| company.details.len() == DETAILS)
                .map(|company| (company.id.0, company.name))
                .collect(),
            has_place: !places.is_empty(),
            entries: store.verify_audit(1)?,
        })
    }
}

fn block(spread: &mut Spread) -> u32 {
    1_000 * (spread.below(LARGE_BLOCKS) as u32 + 1)
}

fn place() -> Place {
    Place {
        id: PlaceId(1),
        name: "House".to_owned(),
        ..Place::default()
    }
}

fn user(id: u32, revision: u64) -> User {
    User {
        id: UserId(id),
        first_name: "User".to_owned(),
        last_name: format!("{revision}"),
        department: "x".repeat((id % 90) as usize),
        ..User::default()
    }
}

fn company(id: u32, revision: u64) -> Company {
    let letter = char::from(b'a' + (revision % 26) as u8);
    Company {
        id: CompanyId(id),
        place: PlaceId(1),
        name: format!("Company {revision}"),
        details: letter.to_string().repeat(DETAILS),
    }
}

/// The event of a number. One in ten raises an alarm, which the fifth behind it ends.
pub(super) fn event(seq: u64) -> Event {
    let at = wall(seq);
    let alarm = match seq % ALARM_EVERY {
        0 => Some(EventKind::AlarmRaised),
        ALARM_LASTS => Some(EventKind::AlarmCleared),
        _ => None,
    };
    if let Some(kind) = alarm {
        let mut event = Event::new(kind, at, ClockTrust::Trusted, 1);
        event.alarm = Some(AlarmKind::HeldOpen);
        event.door = Some(DoorId(1));
        return event;
    }
    let mut event = Event::new(EventKind::Granted, at, ClockTrust::Trusted, 1);
    event.user = Some(UserId(seq as u32 % 500));
    event.credential = Some(CredentialId(seq as u32 % 700));
    event.note = Some("n".repeat((seq % 200) as usize));
    event
}

/// A reserve that is no burden to make again and again.
fn options() -> StoreOptions {
    StoreOptions {
        reserve_bytes: 64 * 1024,
        ..StoreOptions::default()
    }
}

fn wall(seq: u64) -> Wall {
    Wall(i64::try_from(seq).unwrap_or(i64::MAX))
}

/// Works, and says in `told` what was acknowledged. The process that calls this is traced.
///
/// # Errors
/// When the store does not do what it is asked.
pub fn work(session: &Session) -> Result<()> {
    let mut told = File::options()
        .append(true)
        .create(true)
        .open(&session.told)?;
    let (store, thread) = Store::open(&session.folder, options())?;
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (done, is_done) = tokio::sync::watch::channel(false);
    let (tell, mut to_tell) = tokio::sync::mpsc::unbounded_channel::<String>();
    runtime.block_on(async {
        let tell_too = tell.clone();
        let changes = async {
            let made = change(&store, session.changes, tell_too).await;
            done.send_replace(true);
            made
        };
        let events = append(&store, session.seed, tell, &is_done);
        let telling = async {
            while let Some(line) = to_tell.recv().await {
                told.write_all(line.as_bytes())?;
            }
            anyhow::Ok(())
        };
        let (changed, appended, told) = tokio::join!(changes, events, telling);
        changed.and(appended).and(told)
    })?;
    if session.ending == Ending::Kill {
        nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL)?;
    }
    store.stop();
    thread.join();
    Ok(())
}

type Tell = tokio::sync::mpsc::UnboundedSender<String>;

async fn append(
    store: &Store,
    seed: u64,
    tell: Tell,
    is_done: &tokio::sync::watch::Receiver<bool>,
) -> Result<()> {
    let (sink, mut acks): (EventSink, UnboundedReceiver<_>) = store.event_sink();
    let states = store.state_sink();
    let mut spread = Spread::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut seq = *store.durable_seq().borrow();
    while !*is_done.borrow() {
        let count = spread.below(TOGETHER) + 1;
        for _ in 0..count {
            seq += 1;
            states.keep(KEPT, seq.to_string().into_bytes());
            sink.append(seq, event(seq));
        }
        for _ in 0..count {
            let ack = acks.recv().await.context("no acknowledgement")?;
            if ack.result != Ok(ack.token) {
                bail!("event {} came out as {:?}", ack.token, ack.result);
            }
            let _ = tell.send(format!("event {}\n", ack.token));
        }
        if spread.below(4) == 0 {
            store.advance_cursor("reader", seq);
        }
    }
    Ok(())
}

async fn change(store: &Store, count: u64, tell: Tell) -> Result<()> {
    let permit = authorise(&Operator::Appliance, Action::ChangeTable)
        .map_err(|refusal| anyhow::anyhow!("{refusal}"))?;
    let view = store.view();
    let revision = view.revision()?;
    let mut table = Table::at(revision);
    for next in revision + 1..=revision + count {
        let changes = table.step(next);
        let change = validate_changes(&view, &changes)
            .map_err(|refused| anyhow::anyhow!("change {next} is refused: {refused:?}"))?;
        let note = ChangeNote {
            at: Wall(1),
            text: String::new(),
            expected_revision: Some(next - 1),
        };
        let committed = store.commit(&permit, change, note).await?;
        let _ = tell.send(format!("revision {}\n", committed.revision));
    }
    Ok(())
}

/// What was acknowledged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) event: u64,
    pub(super) revision: u64,
}

impl Told {
    /// Takes in whole lines.
    pub(super) fn hear(&mut self, text: &[u8]) -> Result<()> {
        for line in std::str::from_utf8(text)?.lines() {
            match line.split_once(' ') {
                Some(("event", number)) => self.event = self.event.max(number.parse()?),
                Some(("revision", number)) => self.revision = self.revision.max(number.parse()?),
                _ => bail!("`{line}` is no acknowledgement"),
            }
        }
        Ok(())
    }
}

/// What a store was found to lack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lack {
    /// It does not open.
    Unopened(String),
    /// Something acknowledged is not there.
    Lost(String),
    /// Something is there in part, altered, or out of its row.
    Torn(String),
}

/// Opens a store and looks at everything.
pub(super) fn examine(folder: &Path, told: Told) -> Option<Lack> {
    let (store, thread) = match Store::open(folder, options()) {
        Ok(opened) => opened,
        Err(error) => return Some(Lack::Unopened(format!("{:#}", anyhow::Error::from(error)))),
    };
    let lack = look(&store, told).unwrap_or_else(|error| Some(Lack::Torn(format!("{error:#}"))));
    store.stop();
    thread.join();
    lack
}

fn look(store: &Store, told: Told) -> Result<Option<Lack>> {
    let newest = *store.durable_seq().borrow();
    let revision = store.view().revision()?;
    if newest < told.event || revision < told.revision {
        return Ok(Some(Lack::Lost(format!(
            "newest event {newest}, revision {revision}, acknowledged was {told:?}"
        ))));
    }
    let chained = store.verify_events(1, u64::MAX)?;
    if chained != newest {
        return Ok(Some(Lack::Torn(format!("{chained} of {newest} events"))));
    }
    let mut seq = 0;
    while seq < newest {
        for row in store.events_after(seq, 1_000)? {
            seq += 1;
            if (row.seq, &row.event) != (seq, &event(seq)) {
                return Ok(Some(Lack::Torn(format!("event {seq} is {row:?}"))));
            }
        }
    }
    let (expected, found) = (Table::at(revision), Table::of(store)?);
    if expected != found {
        let what = format!(
            "the table at revision {revision}: {} users of {}, {} entries of {}",
            found.users.len(),
            expected.users.len(),
            found.entries,
            expected.entries
        );
        return Ok(Some(Lack::Torn(what)));
    }
    // What is kept before an event is durable no later than it.
    let kept = store.state_sink().kept(KEPT)?;
    let kept = kept
        .get("")
        .and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
    if kept.unwrap_or(0) < newest {
        let what = format!("the state kept before event {newest} is {kept:?}");
        return Ok(Some(Lack::Lost(what)));
    }
    look_at_alarms(store, newest)
}

/// The history of alarms says what the events say.
fn look_at_alarms(store: &Store, newest: u64) -> Result<Option<Lack>> {
    for seq in (1..=newest).filter(|seq| seq % ALARM_EVERY == 0) {
        let end = seq + ALARM_LASTS;
        let expected = Some((wall(seq), (end <= newest).then(|| wall(end))));
        let found = store.alarm(seq)?.map(|alarm| (alarm.raised, alarm.ended));
        if found != expected {
            let what = format!("alarm {seq} of {newest} events is {found:?}, not {expected:?}");
            return Ok(Some(Lack::Torn(what)));
        }
    }
    Ok(None)
}
