//! What the console knows of the site.

use std::collections::{HashMap, VecDeque};

use doorward_api::{Alarm, BusStatus, DoorView, EventRow, LiveSnapshot, Status};
use doorward_core::controller::DoorStatus;
use doorward_core::event::{Event, EventKind};
use doorward_core::ids::{DoorId, UserId};
use doorward_core::model::{Door, User};
use doorward_core::time::Wall;
use jiff::tz::TimeZone;

use super::event::{Attached, Update, UsersPage};
use crate::cli::time;
use crate::text;

/// Rows of the passage log kept for display.
pub const PASSAGES_MAX: usize = 1000;

/// Minutes of passages counted for the graph.
pub const MINUTES_MAX: usize = 240;

const MINUTE_MS: i64 = 60_000;

/// What the console knows of the site.
#[derive(Debug, Default)]
pub struct Site {
    /// How the appliance is; `None` until it was told once.
    pub status: Option<Status>,
    /// The doors of the table, by name.
    pub doors: Vec<Door>,
    /// The live state of doors, readers, boards and alarms.
    pub live: LiveSnapshot,
    /// The newest rows of the passage log, the newest first.
    pub passages: VecDeque<EventRow>,
    /// Passages minute by minute.
    pub rate: Rate,
    /// The users of the table.
    pub users: Users,
    /// The OSDP buses and their readers' figures.
    pub buses: Vec<BusStatus>,
}

impl Site {
    /// Takes in what the daemon told.
    pub fn update(&mut self, update: Update) {
        match update {
            Update::Attached(attached) => self.attach(*attached),
            Update::Lost { .. } => {}
            Update::Status(status) => self.status = Some(status),
            Update::Buses(buses) => self.buses = buses,
            Update::Snapshot(snapshot) => self.live = snapshot,
            Update::Live(change) => self.live.apply(change),
            Update::Passage(row) => self.add_passage(row),
            Update::Doors(doors) => self.set_doors(doors),
            Update::Users { users, page } => self.users.add_page(users, page),
        }
    }

    fn attach(&mut self, attached: Attached) {
        let newest = attached.status.newest_event;
        if self.newest_seq() > newest {
            // Another log than before: a restored or a new appliance.
            self.passages.clear();
            self.rate = Rate::default();
        }
        self.live.readers.clone_from(&attached.status.readers);
        self.live.boards.clone_from(&attached.status.boards);
        self.live.alarms.clone_from(&attached.status.alarms);
        self.live.doors = attached
            .doors
            .iter()
            .filter_map(|view| view.status.clone())
            .collect();
        self.status = Some(attached.status);
        self.set_doors(attached.doors);
        for row in attached.passages {
            self.add_passage(row);
        }
    }

    fn set_doors(&mut self, doors: Vec<DoorView>) {
        self.doors = doors.into_iter().map(|view| view.door).collect();
        self.doors
            .sort_by(|one, other| (&one.name, one.id).cmp(&(&other.name, other.id)));
        let known: Vec<DoorId> = self.doors.iter().map(|door| door.id).collect();
        self.live
            .doors
            .retain(|status| known.contains(&status.door));
    }

    fn add_passage(&mut self, row: EventRow) {
        if row.seq <= self.newest_seq() {
            return;
        }
        self.rate.count(&row.event);
        self.passages.push_front(row);
        self.passages.truncate(PASSAGES_MAX);
    }

    /// The number of the newest row known; 0 for none.
    #[must_use]
    pub fn newest_seq(&self) -> u64 {
        self.passages.front().map_or(0, |row| row.seq)
    }

    /// A door of the table.
    #[must_use]
    pub fn door(&self, id: DoorId) -> Option<&Door> {
        self.doors.iter().find(|door| door.id == id)
    }

    /// A door's live state.
    #[must_use]
    pub fn door_status(&self, id: DoorId) -> Option<&DoorStatus> {
        self.live.doors.iter().find(|status| status.door == id)
    }

    /// A door's name, or its number where it is not in the table any more.
    #[must_use]
    pub fn door_name(&self, id: DoorId) -> String {
        self.door(id)
            .map_or_else(|| text::unknown_door(id), |door| door.name.clone())
    }

    /// A user's name, or the number while the name is not known.
    #[must_use]
    pub fn user_name(&self, id: UserId) -> String {
        self.users
            .by_id(id)
            .map_or_else(|| text::unknown_user(id), User::full_name)
    }

    /// Who a row of the log is about, in words; empty for nobody.
    #[must_use]
    pub fn person(&self, row: &EventRow) -> String {
        if row.erased {
            return text::ERASED.to_owned();
        }
        match (row.event.user, &row.event.card) {
            (Some(user), _) => self.user_name(user),
            (None, Some(card)) => text::card_of_bits(card.len()),
            (None, None) => String::new(),
        }
    }

    /// The time zone of a door; `otherwise` where it has none.
    #[must_use]
    pub fn zone_of(&self, door: Option<DoorId>, otherwise: &TimeZone) -> TimeZone {
        door.and_then(|id| self.door(id))
            .map_or_else(|| otherwise.clone(), |door| time::zone(&door.time_zone))
    }

    /// What an alarm is about, in words.
    #[must_use]
    pub fn alarm_subject(&self, alarm: &Alarm) -> Option<String> {
        text::alarm_subject(&alarm.subject, |door| self.door_name(door))
    }
}

/// Whether an event is a passage, or something that concerns passages; opening and closing of
/// doors is shown by the doors themselves.
#[must_use]
pub const fn is_passage(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Entered | EventKind::Closed)
}

/// Passages granted and denied, minute by minute.
#[derive(Debug, Default)]
pub struct Rate {
    minutes: VecDeque<Minute>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    number: i64,
    granted: u32,
    denied: u32,
}

impl Rate {
    fn count(&mut self, event: &Event) {
        let (granted, denied) = match event.kind {
            EventKind::Granted | EventKind::UnlockedByOperator | EventKind::ExitRequested => (1, 0),
            EventKind::Denied => (0, 1),
            _ => return,
        };
        let number = event.at.0.div_euclid(MINUTE_MS);
        let at = match self
            .minutes
            .binary_search_by_key(&number, |minute| minute.number)
        {
            Ok(at) => at,
            Err(at) => {
                let minute = Minute {
                    number,
                    ..Minute::default()
                };
                self.minutes.insert(at, minute);
                at
            }
        };
        self.minutes[at].granted += granted;
        self.minutes[at].denied += denied;
        if self.minutes.len() > MINUTES_MAX {
            self.minutes.pop_front();
        }
    }

    /// The last `length` minutes up to `now`, the oldest first: granted and denied.
    #[must_use]
    pub fn last(&self, length: usize, now: Wall) -> (Vec<u32>, Vec<u32>) {
        let newest = now.0.div_euclid(MINUTE_MS);
        let oldest = newest - i64::try_from(length).unwrap_or(0) + 1;
        (oldest..=newest)
            .map(|number| {
                self.minutes
                    .binary_search_by_key(&number, |minute| minute.number)
                    .map_or((0, 0), |at| {
                        (self.minutes[at].granted, self.minutes[at].denied)
                    })
            })
            .unzip()
    }
}

/// All users, in the order of their names, ready to be searched.
#[derive(Debug, Default)]
pub struct Users {
    rows: Vec<UserRow>,
    by_id: HashMap<UserId, usize>,
    arriving: Vec<User>,
    complete: bool,
    /// Counts the replacements of the list.
    generation: u64,
}

/// A user of the list.
#[derive(Debug)]
pub struct UserRow {
    /// Who.
    pub user: User,
    /// Full name.
    pub name: String,
    search: String,
}

impl Users {
    fn add_page(&mut self, users: Vec<User>, page: UsersPage) {
        self.arriving.extend(users);
        if page == UsersPage::Last {
            let arrived = core::mem::take(&mut self.arriving);
            self.set(arrived);
        }
    }

    fn set(&mut self, users: Vec<User>) {
        self.rows = users.into_iter().map(UserRow::new).collect();
        self.rows
            .sort_by_cached_key(|row| (row.name.to_lowercase(), row.user.id));
        self.by_id = self
            .rows
            .iter()
            .enumerate()
            .map(|(at, row)| (row.user.id, at))
            .collect();
        self.complete = true;
        self.generation += 1;
    }

    /// The pages of a list begun are forgotten: another will begin.
    pub fn forget_arriving(&mut self) {
        self.arriving.clear();
    }

    /// A user by number.
    #[must_use]
    pub fn by_id(&self, id: UserId) -> Option<&User> {
        self.by_id.get(&id).map(|at| &self.rows[*at].user)
    }

    /// All, in the order of their names.
    #[must_use]
    pub fn rows(&self) -> &[UserRow] {
        &self.rows
    }

    /// Whether the list has arrived.
    #[must_use]
    pub const fn is_complete(&self) -> bool {
        self.complete
    }

    /// Changes whenever the list is replaced.
    #[must_use]
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The places in the list of those who have every word of `filter` in name, e-mail or
    /// department, in any case.
    #[must_use]
    pub fn matching(&self, filter: &str) -> Vec<usize> {
        self.search(filter, 0..self.rows.len())
    }

    /// The same among those who fitted a filter that `filter` begins with: whatever is typed
    /// behind a filter leaves fewer, so that nobody else need be looked at.
    #[must_use]
    pub fn narrowed(&self, filter: &str, fitting: &[usize]) -> Vec<usize> {
        self.search(filter, fitting.iter().copied())
    }

    fn search(&self, filter: &str, among: impl Iterator<Item = usize>) -> Vec<usize> {
        let filter = folded(filter);
        let words: Vec<&str> = filter.split_whitespace().collect();
        among
            .filter(|at| {
                let row = self.rows.get(*at);
                row.is_some_and(|row| words.iter().all(|word| row.search.contains(word)))
            })
            .collect()
    }
}

/// Lower case letter by letter, so that a text's beginning stays the same whatever follows it.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

impl UserRow {
    fn new(user: User) -> Self {
        let name = user.full_name();
        let email = user.email.as_deref().unwrap_or_default();
        let search = folded(&format!("{name}\n{email}\n{}", user.department));
        Self { user, name, search }
    }
}
