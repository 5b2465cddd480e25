//! The connection to the daemon: attached, followed, and made again for ever.

use std::time::{Duration, Instant};

use doorward_api::{Client, ClientError, EventsQuery, ListQuery, LiveMessage, PAGE_MAX, Status};
use doorward_core::model::User;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::event::{Attached, Event, Update, UsersPage};
use super::site::PASSAGES_MAX;
use crate::cli::with_cause;

/// The first pause before the daemon is called again; doubled up to [`PAUSE_LAST`].
const PAUSE_FIRST: Duration = Duration::from_millis(250);
const PAUSE_LAST: Duration = Duration::from_secs(5);

/// How often storage, uplink, clock and table revision are asked for: nothing else tells them.
const STATUS_EVERY: Duration = Duration::from_secs(3);

/// Pages of the log that are fetched at once when much has happened since the connection was
/// lost; of more than that only the newest page is shown.
const RESUME_PAGES_MAX: usize = 1;

/// Fetching all users takes at most this part of the time.
const USERS_SHARE: u32 = 20;

/// Why a connection ended.
enum End {
    /// As the client says it.
    Failed(ClientError),
    /// The daemon ended the stream in order.
    Stopped,
    /// Nobody listens here any more.
    Left,
}

impl From<ClientError> for End {
    fn from(error: ClientError) -> Self {
        Self::Failed(error)
    }
}

/// The link task.
pub(super) async fn run(client: Client, events: mpsc::Sender<Event>) {
    let mut link = Link {
        client,
        events,
        last: None,
        pause: PAUSE_FIRST,
    };
    loop {
        let reason = match link.attach().await {
            Err(End::Left) => return,
            Err(End::Failed(error)) => with_cause(&error),
            Ok(()) | Err(End::Stopped) => "the daemon is stopping".to_owned(),
        };
        if link.send(Update::Lost { reason }).await.is_err() {
            return;
        }
        sleep(link.pause).await;
        link.pause = (link.pause * 2).min(PAUSE_LAST);
    }
}

struct Link {
    client: Client,
    events: mpsc::Sender<Event>,
    /// The newest row of the log that was passed on.
    last: Option<u64>,
    pause: Duration,
}

impl Link {
    async fn send(&self, update: Update) -> Result<(), End> {
        let event = Event::Update(Box::new(update));
        self.events.send(event).await.map_err(|_| End::Left)
    }

    /// One connection, from attaching until it breaks.
    async fn attach(&mut self) -> Result<(), End> {
        let status = self.client.status().await?;
        if self.last.is_some_and(|last| status.newest_event < last) {
            // Another log than before: a restored or a new appliance.
            self.last = None;
        }
        let doors = self.all_doors().await?;
        let passages = self.missed(&status).await?;
        let last = passages.last().map(|row| row.seq);
        let last = last.max(self.last).max(Some(0));
        let revision = status.revision;
        let attached = Attached {
            status,
            doors,
            passages,
        };
        self.send(Update::Attached(Box::new(attached))).await?;
        self.last = last;
        self.pause = PAUSE_FIRST;
        self.follow(revision).await
    }

    /// The figures of the readers. A daemon or a role that does not tell them is no reason to end.
    async fn send_buses(&self) -> Result<(), End> {
        match self.client.buses().await {
            Ok(buses) => self.send(Update::Buses(buses)).await,
            Err(ClientError::Problem(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    async fn all_doors(&self) -> Result<Vec<doorward_api::DoorView>, End> {
        let mut query = most();
        let mut doors = Vec::new();
        loop {
            let page = self.client.doors(&query).await?;
            doors.extend(page.items);
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(doors),
            }
        }
    }

    /// The newest rows of the log that were not passed on yet, rising.
    async fn missed(&self, status: &Status) -> Result<Vec<doorward_api::EventRow>, End> {
        let missing = status.newest_event.saturating_sub(self.last.unwrap_or(0));
        let page = (RESUME_PAGES_MAX * PASSAGES_MAX) as u64;
        let limit = u32::try_from(missing.clamp(1, page)).unwrap_or(1);
        let query = EventsQuery {
            limit: Some(limit),
            ..EventsQuery::default()
        };
        let mut rows = self.client.events(&query).await?.events;
        rows.reverse();
        Ok(rows)
    }

    /// Passes on what is live until the connection breaks.
    async fn follow(&mut self, mut revision: u64) -> Result<(), End> {
        let mut log = self.client.event_stream(self.last).await?;
        let mut live = self.client.live_stream().await?;
        let mut status = interval(STATUS_EVERY);
        status.set_missed_tick_behavior(MissedTickBehavior::Delay);
        status.reset();
        let mut users = UsersFetch::new(revision);
        self.send_buses().await?;
        loop {
            // All arms are cancel-safe: the streams say so of themselves, an interval keeps its
            // time, and the fetch is only a moment to begin the next page.
            tokio::select! {
                row = log.next() => {
                    let row = row?.ok_or(End::Stopped)?;
                    self.last = Some(row.seq);
                    self.send(Update::Passage(row)).await?;
                }
                message = live.next() => match message?.ok_or(End::Stopped)? {
                    LiveMessage::Snapshot(snapshot) => self.send(Update::Snapshot(snapshot)).await?,
                    LiveMessage::Change(change) => self.send(Update::Live(change)).await?,
                },
                _ = status.tick() => {
                    let status = self.client.status().await?;
                    if status.revision != revision {
                        revision = status.revision;
                        let doors = self.all_doors().await?;
                        self.send(Update::Doors(doors)).await?;
                        users.changed(revision);
                    }
                    self.send(Update::Status(status)).await?;
                    self.send_buses().await?;
                }
                () = users.due() => {
                    let (page, place) = users.next(&self.client).await?;
                    self.send(Update::Users { users: page, page: place }).await?;
                }
            }
        }
    }
}

fn most() -> ListQuery {
    ListQuery {
        limit: Some(PAGE_MAX),
        ..ListQuery::default()
    }
}

/// Fetches all users page by page, again when the table has changed, and never so often that it
/// takes more than its share of the time.
struct UsersFetch {
    wanted: u64,
    fetched: Option<u64>,
    query: ListQuery,
    /// The revision whose list is being fetched.
    began: Option<u64>,
    busy: Duration,
    not_before: tokio::time::Instant,
}

impl UsersFetch {
    fn new(revision: u64) -> Self {
        Self {
            wanted: revision,
            fetched: None,
            query: most(),
            began: None,
            busy: Duration::ZERO,
            not_before: tokio::time::Instant::now(),
        }
    }

    fn changed(&mut self, revision: u64) {
        self.wanted = revision;
    }

    /// Returns when a page is to be fetched; never while there is nothing to fetch.
    async fn due(&self) {
        if self.began.is_some() {
            return;
        }
        if self.fetched == Some(self.wanted) {
            core::future::pending::<()>().await;
        }
        tokio::time::sleep_until(self.not_before).await;
    }

    async fn next(&mut self, client: &Client) -> Result<(Vec<User>, UsersPage), ClientError> {
        let started = Instant::now();
        let revision = *self.began.get_or_insert(self.wanted);
        let page = client.list::<User>(&self.query).await?;
        self.busy += started.elapsed();
        if let Some(next) = page.next {
            self.query = core::mem::take(&mut self.query).after(next);
            return Ok((page.items, UsersPage::More));
        }
        self.fetched = Some(revision);
        self.began = None;
        self.query = most();
        self.not_before = tokio::time::Instant::now() + self.busy * USERS_SHARE;
        self.busy = Duration::ZERO;
        Ok((page.items, UsersPage::Last))
    }
}
