//! What the console asks of the daemon, away from the loop that draws.

use doorward_api::{Client, EventsQuery, ListQuery, PAGE_MAX};
use doorward_core::ids::{DoorId, UserId};
use doorward_core::model::User;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::event::{DoorDetail, Event, Reply, Request, UserDetail, Wanted};
use crate::cli::{held, with_cause};

/// Acts at doors that may wait; more are refused.
const ACTS_MAX: usize = 8;

/// Rows of the log fetched for a door.
const DOOR_ROWS: u32 = 200;

/// Where requests are handed over.
#[derive(Debug)]
pub(super) struct Sender {
    acts: mpsc::Sender<DoorId>,
    wanted: watch::Sender<Wanted>,
}

/// Where requests arrive.
#[derive(Debug)]
pub(super) struct Desk {
    acts: mpsc::Receiver<DoorId>,
    wanted: watch::Receiver<Wanted>,
}

pub(super) fn queue() -> (Sender, Desk) {
    let (acts, acts_in) = mpsc::channel(ACTS_MAX);
    let (wanted, wanted_in) = watch::channel(Wanted::Nothing);
    let sender = Sender { acts, wanted };
    let desk = Desk {
        acts: acts_in,
        wanted: wanted_in,
    };
    (sender, desk)
}

impl Sender {
    /// Hands a request over without waiting; returns the reply to one that is refused.
    pub(super) fn hand_over(&self, request: Request) -> Option<Reply> {
        match request {
            Request::Unlock(door) => self.acts.try_send(door).err().map(|_| Reply::Unlocked {
                door,
                result: Err("too many requests wait already".to_owned()),
            }),
            Request::Detail(wanted) => {
                // Only the newest wish counts: it replaces one that was not begun.
                self.wanted.send_replace(wanted);
                None
            }
            Request::Repaint => None,
        }
    }
}

/// Starts the two tasks that do what is asked for.
pub(super) fn spawn(
    client: &Client,
    desk: Desk,
    events: &mpsc::Sender<Event>,
) -> [JoinHandle<()>; 2] {
    [
        tokio::spawn(act(client.clone(), desk.acts, events.clone())),
        tokio::spawn(look_up(client.clone(), desk.wanted, events.clone())),
    ]
}

/// The act task: unlocks doors, one after the other.
async fn act(client: Client, mut acts: mpsc::Receiver<DoorId>, events: mpsc::Sender<Event>) {
    while let Some(door) = acts.recv().await {
        let result = client
            .unlock(door)
            .await
            .map_err(|error| with_cause(&error));
        let reply = Reply::Unlocked { door, result };
        if events.send(Event::Reply(Box::new(reply))).await.is_err() {
            return;
        }
    }
}

/// The look-up task: fetches the details wished for last.
async fn look_up(client: Client, mut wishes: watch::Receiver<Wanted>, events: mpsc::Sender<Event>) {
    while wishes.changed().await.is_ok() {
        let wanted = *wishes.borrow_and_update();
        let reply = match wanted {
            Wanted::Nothing => continue,
            Wanted::Door(door) => door_detail(&client, door).await.map(Reply::Door),
            Wanted::User(user) => user_detail(&client, user).await.map(Reply::User),
        };
        let reply = reply.unwrap_or_else(|error| Reply::NoDetail {
            wanted,
            reason: with_cause(&error),
        });
        if events.send(Event::Reply(Box::new(reply))).await.is_err() {
            return;
        }
    }
}

fn most() -> ListQuery {
    ListQuery {
        limit: Some(PAGE_MAX),
        ..ListQuery::default()
    }
}

async fn door_detail(
    client: &Client,
    door: DoorId,
) -> Result<DoorDetail, doorward_api::ClientError> {
    let rows = EventsQuery {
        door: Some(door),
        limit: Some(DOOR_ROWS),
        ..EventsQuery::default()
    };
    let passages = client.events(&rows).await?.events;
    let users = client.door_users(door, &most()).await?;
    Ok(DoorDetail {
        door,
        users: users.items.len(),
        more: users.next.is_some(),
        passages,
    })
}

async fn user_detail(
    client: &Client,
    user: UserId,
) -> Result<UserDetail, doorward_api::ClientError> {
    let record: User = client.record(user).await?;
    let keys = held::keys(client, user).await?;
    let credentials = client.user_credentials(user, &most()).await?.items;
    let doors = client.user_doors(user, &most()).await?.items;
    Ok(UserDetail {
        user: record,
        keys,
        credentials,
        doors: doors.into_iter().map(|row| row.door).collect(),
    })
}
