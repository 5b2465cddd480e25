//! Whoever keeps the readers' keys: one task that opens and closes install windows, has keys rotated,
//! and makes every key durable before it is sent.

mod handle;
mod record;

use std::sync::Arc;
use std::time::Duration;

use doorward_core::event::EventKind;
use doorward_core::ids::{Actor, DeviceName, ReaderIx};
use doorward_core::time::Wall;
use doorward_wire::osdp::{KeySent, Scbk};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub use handle::{KeyError, ReaderKeys};

use self::handle::Request;
use self::record::KeyLog;
use super::folder::KeyFolder;
use super::order::{KeyNews, KeyOrder, KeyOrderError, KeyShown};
use super::ring::KeyRing;
use crate::clock::Clock;
use crate::permit::Permit;
use crate::store::Store;

/// How long an install window may be open, in minutes.
pub const WINDOW_MINUTES: core::ops::RangeInclusive<u8> = 1..=60;

/// How long a reader may take to show whether it took a new key.
const ROTATION: Duration = Duration::from_secs(15);
/// How long a bus may take to take an order.
const ORDER: Duration = Duration::from_secs(5);

/// One reader, as its keys are kept.
#[derive(Debug)]
pub(crate) struct KeptReader {
    pub(crate) ix: ReaderIx,
    pub(crate) name: DeviceName,
    pub(crate) ring: KeyRing,
    /// Its bus; `None` if it is spoken to in clear.
    pub(crate) bus: Option<mpsc::Sender<KeyOrder>>,
}

/// What goes on with the key of a reader.
#[derive(Debug)]
enum Work {
    Window {
        until: Instant,
        actor: Actor,
    },
    Rotation {
        until: Instant,
        actor: Actor,
        done: oneshot::Sender<Result<(), KeyError>>,
    },
}

impl Work {
    const fn until(&self) -> Instant {
        match self {
            Self::Window { until, .. } | Self::Rotation { until, .. } => *until,
        }
    }
}

/// The task.
#[derive(Debug)]
pub(crate) struct KeyKeeper {
    readers: Vec<(KeptReader, Option<Work>)>,
    folder: Arc<KeyFolder>,
    log: KeyLog,
    clock: Arc<Clock>,
    requests: mpsc::Receiver<Request>,
    news: mpsc::Receiver<KeyNews>,
}

impl KeyKeeper {
    /// The keeper of these readers' keys, and the handle by which it is asked.
    pub(crate) fn new(
        readers: Vec<KeptReader>,
        folder: KeyFolder,
        store: &Store,
        clock: Arc<Clock>,
        news: mpsc::Receiver<KeyNews>,
    ) -> (Self, ReaderKeys) {
        let (handle, requests) = ReaderKeys::new();
        let keeper = Self {
            readers: readers.into_iter().map(|reader| (reader, None)).collect(),
            folder: Arc::new(folder),
            log: KeyLog::new(store, Arc::clone(&clock)),
            clock,
            requests,
            news,
        };
        (keeper, handle)
    }

    /// Keeps the keys until stopped. Windows that are open then close with the panel.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        loop {
            let next = self.readers.iter().filter_map(|(_, work)| work.as_ref());
            let until = next.map(Work::until).min();
            // Cancel-safe: receiving takes a message only when its arm is chosen, and sleeping until
            // a time can begin again.
            tokio::select! {
                () = stop.cancelled() => break,
                Some(news) = self.news.recv() => self.on_news(news).await,
                Some(request) = self.requests.recv() => self.on_request(request).await,
                () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                    self.on_time().await;
                }
            }
        }
        log::debug!("task `keys` ended");
    }

    async fn on_request(&mut self, request: Request) {
        // Whoever asked may have gone; what was begun goes on all the same.
        match request {
            Request::Install {
                permit,
                reader,
                minutes,
                done,
            } => {
                let _ = done.send(self.open_window(&permit, &reader, minutes).await);
            }
            Request::Close {
                permit,
                reader,
                done,
            } => {
                let _ = done.send(self.close_by_hand(&permit, &reader).await);
            }
            Request::Rotate {
                permit,
                reader,
                done,
            } => match self.begin_rotation(&permit, &reader).await {
                Ok(at) => {
                    self.readers[at].1 = Some(Work::Rotation {
                        until: Instant::now() + ROTATION,
                        actor: permit.actor().clone(),
                        done,
                    });
                }
                Err(error) => {
                    let _ = done.send(Err(error));
                }
            },
        }
    }

    fn find(&self, name: &DeviceName) -> Result<(usize, mpsc::Sender<KeyOrder>), KeyError> {
        let at = self
            .readers
            .iter()
            .position(|(reader, _)| reader.name == *name);
        let at = at.ok_or_else(|| KeyError::Unknown(name.clone()))?;
        let (reader, work) = &self.readers[at];
        let bus = reader.bus.clone();
        let bus = bus.ok_or_else(|| KeyError::Clear(name.clone()))?;
        match work {
            None => Ok((at, bus)),
            Some(Work::Window { .. }) => Err(KeyError::WindowOpen(name.clone())),
            Some(Work::Rotation { .. }) => Err(KeyError::Rotating(name.clone())),
        }
    }

    async fn open_window(
        &mut self,
        permit: &Permit,
        name: &DeviceName,
        minutes: u8,
    ) -> Result<Wall, KeyError> {
        let (at, bus) = self.find(name)?;
        if !WINDOW_MINUTES.contains(&minutes) {
            return Err(KeyError::Minutes(minutes));
        }
        let window = Duration::from_secs(60 * u64::from(minutes));
        let key = random_key()?;
        let before = self.readers[at].0.ring.clone();
        self.keep(at, before.with_candidate(key.clone())).await?;
        let note = format!("for {minutes} minutes");
        let logged = self
            .log
            .write(EventKind::InstallOpened, name, Some(permit.actor()), &note)
            .await;
        if let Err(error) = logged {
            self.keep(at, before).await?;
            return Err(error.into());
        }
        let reader = self.readers[at].0.ix;
        let opened = ask(&bus, |done| KeyOrder::OpenInstall {
            reader,
            key,
            window,
            done,
        })
        .await;
        if let Err(refused) = opened {
            // It was never sent.
            self.keep(at, before).await?;
            self.closed(name, None, &format!("not opened: {refused}"))
                .await;
            return Err(refused);
        }
        self.readers[at].1 = Some(Work::Window {
            until: Instant::now() + window,
            actor: permit.actor().clone(),
        });
        let ends = self.clock.now().wall.0 + 60_000 * i64::from(minutes);
        log::warn!(reader = &**name; "{} opened the install window of reader `{name}` for {minutes} minutes", permit.actor());
        Ok(Wall(ends))
    }

    async fn close_by_hand(&mut self, permit: &Permit, name: &DeviceName) -> Result<(), KeyError> {
        let at = match self.find(name) {
            Err(KeyError::WindowOpen(_)) => self
                .readers
                .iter()
                .position(|(reader, _)| reader.name == *name),
            Err(other) => return Err(other),
            Ok(_) => None,
        };
        let at = at.ok_or_else(|| KeyError::NoWindow(name.clone()))?;
        self.close_window(at, Some(permit.actor().clone())).await;
        Ok(())
    }

    async fn begin_rotation(
        &mut self,
        permit: &Permit,
        name: &DeviceName,
    ) -> Result<usize, KeyError> {
        let (at, bus) = self.find(name)?;
        let key = random_key()?;
        let before = self.readers[at].0.ring.clone();
        self.keep(at, before.with_candidate(key.clone())).await?;
        let reader = self.readers[at].0.ix;
        let sent = ask(&bus, |done| KeyOrder::Rotate { reader, key, done }).await;
        if let Err(refused) = sent {
            self.keep(at, before).await?;
            return Err(refused);
        }
        log::info!(reader = &**name; "{} has the key of reader `{name}` rotated", permit.actor());
        Ok(at)
    }

    async fn on_time(&mut self) {
        let now = Instant::now();
        for at in 0..self.readers.len() {
            match &self.readers[at].1 {
                Some(Work::Window { until, .. }) if *until <= now => {
                    self.close_window(at, None).await;
                }
                Some(Work::Rotation { until, .. }) if *until <= now => {
                    if let Some(Work::Rotation { done, .. }) = self.readers[at].1.take() {
                        let name = self.readers[at].0.name.clone();
                        let _ = done.send(Err(KeyError::NotShown(name)));
                    }
                }
                _ => {}
            }
        }
    }

    async fn close_window(&mut self, at: usize, actor: Option<Actor>) {
        self.readers[at].1 = None;
        let (reader, _) = &self.readers[at];
        let (name, ix, bus) = (reader.name.clone(), reader.ix, reader.bus.clone());
        let sent = match bus {
            Some(bus) => ask_plainly(&bus, |done| KeyOrder::CloseInstall { reader: ix, done })
                .await
                .unwrap_or(Some(KeySent::Yes)),
            None => None,
        };
        let note = match sent {
            Some(KeySent::No) => {
                let ring = self.readers[at].0.ring.without_newest();
                self.keep_or_log(at, ring).await;
                "the reader asked for no key"
            }
            // What became of it shows later.
            Some(KeySent::Yes) => "the key was sent, and the reader has not shown it",
            None => return,
        };
        self.closed(&name, actor.as_ref(), note).await;
    }

    async fn closed(&mut self, name: &DeviceName, actor: Option<&Actor>, note: &str) {
        log::warn!(reader = &**name; "the install window of reader `{name}` is closed: {note}");
        self.log
            .write_or_log(EventKind::InstallClosed, name, actor, note)
            .await;
    }

    async fn on_news(&mut self, news: KeyNews) {
        let Some(at) = self
            .readers
            .iter()
            .position(|(reader, _)| reader.ix == news.reader)
        else {
            return;
        };
        let ring = &self.readers[at].0.ring;
        let ring = match &news.shown {
            KeyShown::Changed(key) => ring.proved(key.clone()),
            KeyShown::Kept => ring.kept(),
            KeyShown::Refused => ring.without_newest(),
        };
        self.keep_or_log(at, ring).await;
        let name = self.readers[at].0.name.clone();
        match (self.readers[at].1.take(), news.shown) {
            (Some(Work::Window { actor, .. }), KeyShown::Changed(_)) => {
                self.changed(&name, Some(&actor), "installed").await;
            }
            (Some(Work::Rotation { actor, done, .. }), KeyShown::Changed(_)) => {
                self.changed(&name, Some(&actor), "rotated").await;
                let _ = done.send(Ok(()));
            }
            (None, KeyShown::Changed(_)) => {
                self.changed(&name, None, "shown later than it was sent")
                    .await;
            }
            (Some(Work::Window { actor, .. }), KeyShown::Kept) => {
                let note = "the reader has the key that is known here already";
                self.closed(&name, Some(&actor), note).await;
            }
            (Some(Work::Window { actor, .. }), KeyShown::Refused) => {
                let note = "the reader refuses the key";
                self.closed(&name, Some(&actor), note).await;
            }
            (Some(Work::Rotation { actor, done, .. }), shown) => {
                let (note, error) = match shown {
                    KeyShown::Refused => ("refused by the reader", KeyError::Refused(name.clone())),
                    _ => ("not taken by the reader", KeyError::Kept(name.clone())),
                };
                self.log
                    .write_or_log(EventKind::ReaderKeyKept, &name, Some(&actor), note)
                    .await;
                let _ = done.send(Err(error));
            }
            (None, KeyShown::Kept | KeyShown::Refused) => {
                log::info!(reader = &*name; "reader `{name}` has the key that it had");
            }
        }
    }

    async fn changed(&mut self, name: &DeviceName, actor: Option<&Actor>, note: &str) {
        log::warn!(reader = &**name; "reader `{name}` has a new key: {note}");
        self.log
            .write_or_log(EventKind::ReaderKeyChanged, name, actor, note)
            .await;
    }

    /// Keeps a ring: durable when it returns.
    async fn keep(&mut self, at: usize, ring: KeyRing) -> Result<(), KeyError> {
        let folder = Arc::clone(&self.folder);
        let (name, kept) = (self.readers[at].0.name.clone(), ring.clone());
        let saved = tokio::task::spawn_blocking(move || folder.save(&name, &kept)).await;
        saved.map_err(|_| KeyError::Stopped)??;
        self.readers[at].0.ring = ring;
        Ok(())
    }

    /// Keeps a ring of fewer keys than are kept: if that fails, what is kept is still right.
    async fn keep_or_log(&mut self, at: usize, ring: KeyRing) {
        self.readers[at].0.ring = ring.clone();
        if let Err(error) = self.keep(at, ring).await {
            let name = &self.readers[at].0.name;
            log::error!(reader = &**name; "what is known of the key of reader `{name}` is not kept: {error}");
        }
    }
}

/// Has a bus do something that may be refused.
async fn ask(
    bus: &mpsc::Sender<KeyOrder>,
    order: impl FnOnce(oneshot::Sender<Result<(), KeyOrderError>>) -> KeyOrder,
) -> Result<(), KeyError> {
    ask_plainly(bus, order).await?.map_err(KeyError::Bus)
}

async fn ask_plainly<T>(
    bus: &mpsc::Sender<KeyOrder>,
    order: impl FnOnce(oneshot::Sender<T>) -> KeyOrder,
) -> Result<T, KeyError> {
    let (done, answer) = oneshot::channel();
    bus.try_send(order(done)).map_err(|error| match error {
        mpsc::error::TrySendError::Full(_) => KeyError::Busy,
        mpsc::error::TrySendError::Closed(_) => KeyError::Stopped,
    })?;
    match tokio::time::timeout(ORDER, answer).await {
        Ok(answer) => answer.map_err(|_| KeyError::Stopped),
        Err(_) => Err(KeyError::Busy),
    }
}

/// A key from the operating system's random numbers.
fn random_key() -> Result<Scbk, KeyError> {
    loop {
        let mut bytes = [0; Scbk::LEN];
        getrandom::fill(&mut bytes).map_err(KeyError::Random)?;
        let key = Scbk::new(bytes);
        if !key.is_weak() {
            return Ok(key);
        }
    }
}
