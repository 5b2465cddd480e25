//! One connection to the broker, from CONNECT to its end.
//!
//! Every connection starts clean, with packet identifiers and accounts of its own: what the last
//! one left unacknowledged is read again from the event log behind the cursor. So the library's
//! own resending, which keeps neither order nor bounds, is never used.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use doorward_core::controller::DoorStatus;
use doorward_core::ids::DoorId;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{
    ConnAck, ConnectReturnCode, LastWill, LastWillProperties, Packet, PubAck, PubAckReason,
    PublishProperties,
};
use rumqttc::v5::{AsyncClient, ConnectionError, Event, EventLoop, MqttOptions};
use rumqttc::{Outgoing, TlsConfiguration, Transport};
use tokio::sync::{Notify, broadcast};
use tokio::time::MissedTickBehavior;

use super::link::Link;
use super::message::{CONTENT_TYPE, SiteState, Topics, Writer};
use super::outbox::Outbox;
use super::window::{Cargo, Window, WindowError};
use crate::doors::{DoorsHandle, Live};
use crate::store::{EventRow, StoreError};

/// How long reaching the broker may take: name, TCP, TLS and CONNACK together.
const CONNECT_WITHIN_S: u64 = 10;
/// How long the broker may leave every packet under way unanswered, in seconds.
const ANSWER_WITHIN_S: u64 = 30;
/// How long taking leave of the broker may take.
const STOP_WITHIN: Duration = Duration::from_secs(2);
/// Packets handed to the library and not yet written.
const REQUESTS_MAX: usize = 16;
/// Events read from the store at once.
const READ_MAX: usize = 512;
/// Events handed over before live changes are looked at again.
const TURN_MAX: usize = 64;
/// How often the site's state is compared with what was sent.
const STATE_EVERY: Duration = Duration::from_secs(1);
/// How old the newest sequence number in the retained state may be.
const NEWEST_SEQ_EVERY: Duration = Duration::from_secs(30);

/// Why a connection ended, or was not made.
#[derive(Debug, thiserror::Error)]
pub(super) enum SessionError {
    /// The broker refused the connection.
    #[error("the broker refused the connection: `{0:?}`")]
    Refused(ConnectReturnCode),
    /// The broker did not take an event.
    #[error("the broker refused event {seq}: `{reason:?}`")]
    EventRefused {
        /// Its number.
        seq: u64,
        /// Why, as the broker says.
        reason: PubAckReason,
    },
    /// The broker is there and does not answer.
    #[error("the broker left every packet unanswered for {ANSWER_WITHIN_S} s")]
    Unanswered,
    /// The connection could not be made, or broke.
    #[error("{0}")]
    Connection(ConnectionError),
    /// The broker or the library broke the protocol.
    #[error("the broker broke the protocol")]
    Protocol(#[from] WindowError),
    /// The store failed.
    #[error("the passage log cannot be read")]
    Storage(#[from] StoreError),
    /// A message could not be written.
    #[error("a message could not be written")]
    Encode(#[from] serde_json::Error),
    /// A task of the runtime failed.
    #[error("the uplink was stopped in the middle of its work")]
    Interrupted,
}

impl From<ConnectionError> for SessionError {
    fn from(error: ConnectionError) -> Self {
        match error {
            ConnectionError::ConnectionRefused(code) => Self::Refused(code),
            other => Self::Connection(other),
        }
    }
}

/// What the parts of one connection share.
struct Shared {
    window: Mutex<Window>,
    /// Room in the window, or the end of everything under way.
    answered: Notify,
}

impl Shared {
    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Connects and serves the connection. `Ok` only after a stop in order.
pub(super) async fn run<O: Outbox>(link: &Link<O>, connection: u64) -> Result<(), SessionError> {
    let mut writer = Writer::new(&link.broker.config.client_id, connection);
    let options = options(link, &mut writer)?;
    let (client, mut eventloop) = AsyncClient::new(options, REQUESTS_MAX);
    let acknowledged = link.acknowledged.load(Ordering::Relaxed);
    let mut window = Window::new(acknowledged, link.broker.config.in_flight);

    // Nothing is under way before CONNACK, so that dropping the attempt loses nothing.
    let connack = tokio::select! {
        connack = connect(&mut eventloop) => connack?,
        () = link.shutdown.cancelled() => return Ok(()),
    };
    if let Some(maximum) = connack.properties.and_then(|all| all.receive_max) {
        window.restrict(maximum);
    }
    if eventloop.options.keep_alive().is_zero() {
        // The broker waives signs of life (MQTT 5, 3.2.2.3.14); the library would send them
        // without a pause.
        let keep_alive = Duration::from_secs(link.broker.config.keep_alive_s.into());
        eventloop.options.set_keep_alive(keep_alive);
    }
    link.connected();

    let shared = Shared {
        window: Mutex::new(window),
        answered: Notify::new(),
    };
    let mut feeder = Feeder::new(link, &shared, client, writer, acknowledged);
    // All three are dropped together at the end of the connection, and what they leave unfinished
    // is done again by the next one.
    let ended = tokio::select! {
        ended = drive(&mut eventloop, link, &shared) => ended,
        ended = feeder.run() => ended,
        ended = limit(link, &shared) => ended,
    };
    // Answers that came in one piece with the end still count.
    for event in std::mem::take(&mut eventloop.state.events) {
        if handle(event, link, &shared).is_err() {
            break;
        }
    }
    ended
}

fn options<O: Outbox>(link: &Link<O>, writer: &mut Writer) -> Result<MqttOptions, SessionError> {
    let config = &link.broker.config;
    let mut options = MqttOptions::new(&config.client_id, &config.host, config.port);
    let will = LastWill::new(
        &link.topics.state,
        writer.site(&SiteState::lost(), None)?,
        QoS::AtLeastOnce,
        true,
        Some(LastWillProperties {
            delay_interval: None,
            payload_format_indicator: Some(1),
            message_expiry_interval: None,
            content_type: Some(CONTENT_TYPE.to_owned()),
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        }),
    );
    options
        .set_keep_alive(Duration::from_secs(config.keep_alive_s.into()))
        .set_clean_start(true)
        .set_connection_timeout(CONNECT_WITHIN_S)
        .set_outgoing_inflight_upper_limit(config.in_flight)
        .set_last_will(will);
    if let (Some(login), Some(password)) = (&config.login, &link.broker.password) {
        options.set_credentials(&login.user, password);
    }
    if let Some(tls) = &link.broker.tls {
        let tls = TlsConfiguration::Rustls(Arc::clone(tls));
        options.set_transport(Transport::tls_with_config(tls));
    }
    Ok(options)
}

async fn connect(eventloop: &mut EventLoop) -> Result<ConnAck, SessionError> {
    loop {
        if let Event::Incoming(Packet::ConnAck(connack)) = eventloop.poll().await? {
            return Ok(connack);
        }
    }
}

/// Keeps the connection going. Its `poll` is never cancelled but at the end: what it has taken
/// from the queue and not written would be lost.
async fn drive<O: Outbox>(
    eventloop: &mut EventLoop,
    link: &Link<O>,
    shared: &Shared,
) -> Result<(), SessionError> {
    loop {
        let event = eventloop.poll().await?;
        if event == Event::Outgoing(Outgoing::Disconnect) {
            return Ok(());
        }
        handle(event, link, shared)?;
    }
}

fn handle<O: Outbox>(event: Event, link: &Link<O>, shared: &Shared) -> Result<(), SessionError> {
    match event {
        Event::Outgoing(Outgoing::Publish(packet)) => {
            shared.window().sent(packet, Instant::now())?;
        }
        Event::Incoming(Packet::PubAck(puback)) => answered(&puback, link, shared)?,
        _ => {}
    }
    Ok(())
}

fn answered<O: Outbox>(
    puback: &PubAck,
    link: &Link<O>,
    shared: &Shared,
) -> Result<(), SessionError> {
    let mut window = shared.window();
    let cargo = window.answered(puback.pkid, Instant::now())?;
    let reason = puback.reason;
    let taken = matches!(
        reason,
        PubAckReason::Success | PubAckReason::NoMatchingSubscribers
    );
    match cargo {
        Cargo::Event(seq) if taken => {
            window.confirm(seq);
            link.acknowledge(window.acknowledged());
            link.heard(reason == PubAckReason::Success);
        }
        Cargo::Event(seq) => return Err(SessionError::EventRefused { seq, reason }),
        Cargo::State if taken => {}
        Cargo::State => link.state_refused(reason),
    }
    drop(window);
    shared.answered.notify_one();
    Ok(())
}

/// Ends a connection whose broker does not answer, or that cannot be left in time.
async fn limit<O: Outbox>(link: &Link<O>, shared: &Shared) -> Result<(), SessionError> {
    let unanswered = async {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let since = shared.window().waiting_since();
            if since.is_some_and(|since| since.elapsed().as_secs() >= ANSWER_WITHIN_S) {
                return;
            }
        }
    };
    let stop = async {
        link.shutdown.cancelled().await;
        tokio::time::sleep(STOP_WITHIN).await;
    };
    tokio::select! {
        () = unanswered => Err(SessionError::Unanswered),
        () = stop => Err(SessionError::Interrupted),
    }
}

/// State that waits to be sent. Bounded by the doors there are: a newer state replaces an older.
#[derive(Default)]
struct Waiting {
    /// `None` for a door that is gone.
    doors: BTreeMap<DoorId, Option<DoorStatus>>,
    alarms: bool,
    site: bool,
}

impl Waiting {
    /// Everything, for a new connection or after changes were missed: the doors there are, and
    /// those that were `sent` and are gone.
    fn all(doors: &DoorsHandle, sent: &BTreeSet<DoorId>) -> Self {
        let gone = sent.iter().map(|&id| (id, None));
        let there = doors
            .live()
            .doors
            .into_iter()
            .map(|(id, door)| (id, Some(door)));
        Self {
            doors: gone.chain(there).collect(),
            alarms: true,
            site: true,
        }
    }

    fn change(&mut self, change: Live) {
        match change {
            Live::Door(door) => drop(self.doors.insert(door.door, Some(door))),
            Live::DoorRemoved(door) => drop(self.doors.insert(door, None)),
            Live::AlarmRaised(_) | Live::AlarmCleared(_) => {
                self.alarms = true;
                self.site = true;
            }
            Live::Reader(_) | Live::Board(_) => self.site = true,
        }
    }
}

/// Hands events and state to the library, as far as the window allows.
struct Feeder<'l, O> {
    link: &'l Link<O>,
    shared: &'l Shared,
    client: AsyncClient,
    writer: Writer,
    topics: Topics,
    properties: PublishProperties,
    rows: VecDeque<EventRow>,
    /// The newest event handed over.
    handed: u64,
    waiting: Waiting,
    site_sent: Option<(SiteState, Instant)>,
}

impl<'l, O: Outbox> Feeder<'l, O> {
    fn new(
        link: &'l Link<O>,
        shared: &'l Shared,
        client: AsyncClient,
        writer: Writer,
        handed: u64,
    ) -> Self {
        Self {
            link,
            shared,
            client,
            writer,
            topics: link.topics.clone(),
            properties: PublishProperties {
                payload_format_indicator: Some(1),
                content_type: Some(CONTENT_TYPE.to_owned()),
                ..PublishProperties::default()
            },
            rows: VecDeque::new(),
            handed,
            waiting: Waiting::default(),
            site_sent: None,
        }
    }

    async fn run(&mut self) -> Result<(), SessionError> {
        let mut live = self.link.doors.subscribe();
        let mut newest = self.link.outbox.newest();
        let mut look = tokio::time::interval(STATE_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.waiting = Waiting::all(&self.link.doors, &self.link.doors_sent());
        loop {
            let newest_seq = *newest.borrow_and_update();
            self.send_state().await?;
            let more = self.send_events(newest_seq).await?;
            // Each arm waits for a notice and takes nothing that would be lost with it.
            tokio::select! {
                change = live.recv() => match change {
                    Ok(change) => self.waiting.change(change),
                    Err(broadcast::error::RecvError::Lagged(_)) => {
                        self.waiting = Waiting::all(&self.link.doors, &self.link.doors_sent());
                    }
                    Err(broadcast::error::RecvError::Closed) => return Err(SessionError::Interrupted),
                },
                () = self.shared.answered.notified() => {}
                open = newest.changed() => open.map_err(|_| SessionError::Interrupted)?,
                _ = look.tick() => self.waiting.site = true,
                () = std::future::ready(()), if more => {}
                () = self.link.shutdown.cancelled() => return self.leave().await,
            }
        }
    }

    /// Sends what state waits. It goes before events: it is small, and the newest matters most.
    async fn send_state(&mut self) -> Result<(), SessionError> {
        while self.shared.window().has_room() {
            let at = self.link.wall();
            let (topic, payload) = if let Some((id, door)) = self.waiting.doors.pop_first() {
                self.link.doors_sent().insert(id);
                // An empty retained message takes the retained state away (MQTT 5.0, 3.3.1.3).
                let payload = door.map(|door| self.writer.door(&door, at)).transpose()?;
                (self.topics.door(id), payload.unwrap_or_default())
            } else if std::mem::take(&mut self.waiting.alarms) {
                let live = self.link.doors.live();
                let payload = self.writer.alarms(live.alarms.values(), at)?;
                (self.topics.alarms.clone(), payload)
            } else if std::mem::take(&mut self.waiting.site) {
                let Some(state) = self.changed_site().await? else {
                    continue;
                };
                let payload = self.writer.site(&state, Some(at))?;
                self.site_sent = Some((state, Instant::now()));
                (self.topics.state.clone(), payload)
            } else {
                break;
            };
            self.publish(Cargo::State, topic, payload).await?;
        }
        Ok(())
    }

    /// The site's state, if it is worth a message.
    async fn changed_site(&self) -> Result<Option<SiteState>, SessionError> {
        let revision = self.ask(O::revision).await?;
        let heads = self.ask(O::heads).await?;
        let state = SiteState::online(&self.link.doors.live(), revision, &heads);
        let worth = match &self.site_sent {
            None => true,
            Some((sent, at)) => {
                state.differs_from(sent) || (state != *sent && at.elapsed() >= NEWEST_SEQ_EVERY)
            }
        };
        Ok(worth.then_some(state))
    }

    /// Sends events in order while the window has room; true if there are more and room for them.
    async fn send_events(&mut self, newest_seq: u64) -> Result<bool, SessionError> {
        for _ in 0..TURN_MAX {
            if !self.shared.window().has_room() {
                return Ok(false);
            }
            if self.rows.is_empty() {
                if self.handed >= newest_seq {
                    return Ok(false);
                }
                let after = self.handed;
                let read = move |outbox: &O| outbox.events_after(after, READ_MAX);
                self.rows = self.ask(read).await?.into();
            }
            let Some(row) = self.rows.pop_front() else {
                return Ok(false);
            };
            if row.seq != self.handed + 1 {
                let expected = self.handed + 1;
                log::error!(
                    "uplink: event {} follows where {expected} was expected",
                    row.seq
                );
            }
            let payload = self.writer.event(&row)?;
            let topic = self.topics.events.clone();
            self.publish(Cargo::Event(row.seq), topic, payload).await?;
            self.handed = row.seq;
        }
        Ok(true)
    }

    /// Asks the store, off this task: it may block on the disk.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&O) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, SessionError> {
        let outbox = Arc::clone(&self.link.outbox);
        let answer = tokio::task::spawn_blocking(move || question(&outbox)).await;
        Ok(answer.map_err(|_| SessionError::Interrupted)??)
    }

    async fn publish(
        &mut self,
        cargo: Cargo,
        topic: String,
        payload: Vec<u8>,
    ) -> Result<(), SessionError> {
        self.shared.window().queue(cargo);
        let retain = cargo == Cargo::State;
        let properties = self.properties.clone();
        self.client
            .publish_with_properties(topic, QoS::AtLeastOnce, retain, payload, properties)
            .await
            .map_err(|_| SessionError::Interrupted)
    }

    /// Says goodbye: what is under way is waited for, the retained state says offline, and the
    /// broker is told to forget the will.
    async fn leave(&mut self) -> Result<(), SessionError> {
        self.wait_until(Window::has_room).await;
        let payload = self
            .writer
            .site(&SiteState::stopped(), Some(self.link.wall()))?;
        let topic = self.topics.state.clone();
        self.publish(Cargo::State, topic, payload).await?;
        self.wait_until(|window| window.under_way() == 0).await;
        self.client
            .disconnect()
            .await
            .map_err(|_| SessionError::Interrupted)?;
        // `drive` ends the connection once the packet is written.
        std::future::pending().await
    }

    async fn wait_until(&self, reached: impl Fn(&Window) -> bool) {
        while !reached(&self.shared.window()) {
            self.shared.answered.notified().await;
        }
    }
}
