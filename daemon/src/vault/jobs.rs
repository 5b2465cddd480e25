//! Checks and backups while the daemon serves: one at a time, on a thread of its own.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use doorward_api::{BackupMade, CheckResult, VaultJob, VaultJobKind, VaultJobState};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::backup::{BackupError, BackupSource, Progress, make};
use super::files::BackupFiles;
use super::lock::Lock;
use crate::clock::Clock;
use crate::config::SiteConfig;
use crate::keys::{KeyFolder, Seal};
use crate::store::{Snapshot, Store, StoreError, Verification, verify};

/// Why a job does not begin.
#[derive(Debug, thiserror::Error)]
pub enum JobRefused {
    /// One runs.
    #[error("a check or a backup runs already; cancel it, or wait")]
    Runs,
    /// Without a configuration there is nothing to back up to.
    #[error("no folder is given, and `[backup]` in `site.toml` names none")]
    NoFolder,
    /// Nothing to lock it with.
    #[error("neither passphrase nor recipient is given, and `[backup]` in `site.toml` names none")]
    NoLock,
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gives no thread.
    #[error("no thread: {0}")]
    Thread(std::io::Error),
}

/// What is backed up beside the store.
#[derive(Debug, Clone)]
pub struct Appliance {
    /// The path of `site.toml`.
    pub path: PathBuf,
    /// What stands in it.
    pub config: SiteConfig,
    /// The folder of systemd's credentials.
    pub credentials: Option<PathBuf>,
}

/// The jobs. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Jobs(Arc<State>);

#[derive(Debug)]
struct State {
    store: Store,
    clock: Arc<Clock>,
    appliance: Option<Appliance>,
    job: watch::Sender<Option<VaultJob>>,
    running: Mutex<Option<Running>>,
}

#[derive(Debug)]
struct Running {
    cancel: CancellationToken,
    thread: JoinHandle<()>,
}

/// What came of a job.
enum Outcome {
    Verified(Option<Verification>),
    BackedUp(BackupMade),
}

impl Jobs {
    /// Of this store; without an appliance only checks.
    #[must_use]
    pub fn new(store: Store, clock: Arc<Clock>, appliance: Option<Appliance>) -> Self {
        Self(Arc::new(State {
            store,
            clock,
            appliance,
            job: watch::channel(None).0,
            running: Mutex::new(None),
        }))
    }

    /// The job that runs, or ran last.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<VaultJob>> {
        self.0.job.subscribe()
    }

    /// Checks every invariant of the store.
    pub async fn verify(&self) -> Result<VaultJob, JobRefused> {
        let view = self.0.store.view();
        let work = move |_: &State, snapshot: &Snapshot, tell: &mut Tell<'_>| {
            let tell = |at: crate::store::VerifyProgress| tell(at.done, at.total);
            let found = verify(snapshot, &view, tell);
            found
                .map(Outcome::Verified)
                .map_err(|error| error.to_string())
        };
        self.begin(VaultJobKind::Verify, work).await
    }

    /// Makes a backup in `folder`, or in the one that `site.toml` names.
    pub async fn back_up(
        &self,
        folder: Option<PathBuf>,
        lock: Option<Lock>,
    ) -> Result<VaultJob, JobRefused> {
        let night = self
            .0
            .appliance
            .as_ref()
            .and_then(|appliance| appliance.config.backup.as_ref());
        let folder = folder.or_else(|| night.map(|night| night.folder.clone()));
        let folder = folder.ok_or(JobRefused::NoFolder)?;
        let lock = match (lock, night) {
            (Some(lock), _) => lock,
            (None, Some(night)) => {
                Lock::recipient(&night.recipient).map_err(|_| JobRefused::NoLock)?
            }
            (None, None) => return Err(JobRefused::NoLock),
        };
        let work = move |state: &State, snapshot: &Snapshot, tell: &mut Tell<'_>| {
            state.back_up(snapshot, &folder, &lock, tell)
        };
        self.begin(VaultJobKind::Backup, work).await
    }

    /// Breaks off what runs. True if something did.
    pub fn cancel(&self) -> bool {
        let running = self.running();
        let runs = running
            .as_ref()
            .filter(|running| !running.thread.is_finished());
        if let Some(running) = runs {
            running.cancel.cancel();
        }
        runs.is_some()
    }

    /// Breaks off what runs, and waits for it.
    pub async fn stop(&self) {
        self.cancel();
        let running = self.running().take();
        if let Some(Running { thread, .. }) = running {
            // It looks at its token after each batch of rows.
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                log::error!("thread `vault` panicked");
            }
        }
    }

    fn running(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.0
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    async fn begin(
        &self,
        kind: VaultJobKind,
        work: impl FnOnce(&State, &Snapshot, &mut Tell<'_>) -> Result<Outcome, String> + Send + 'static,
    ) -> Result<VaultJob, JobRefused> {
        let is_busy = |running: &Option<Running>| {
            running
                .as_ref()
                .is_some_and(|running| !running.thread.is_finished())
        };
        if is_busy(&self.running()) {
            return Err(JobRefused::Runs);
        }
        let snapshot = match self.0.store.snapshot().await {
            Err(StoreError::Busy { .. }) => return Err(JobRefused::Runs),
            snapshot => snapshot?,
        };
        let mut running = self.running();
        if is_busy(&running) {
            return Err(JobRefused::Runs);
        }
        let job = VaultJob {
            kind,
            state: VaultJobState::Running,
            started: self.0.clock.now().wall,
            done: 0,
            total: 0,
            problem: None,
            checks: Vec::new(),
            backup: None,
        };
        self.0.job.send_replace(Some(job.clone()));
        let cancel = CancellationToken::new();
        let (state, token) = (Arc::clone(&self.0), cancel.clone());
        let thread = thread::Builder::new()
            .name("vault".to_owned())
            .spawn(move || state.run(&snapshot, &token, work))
            .map_err(JobRefused::Thread)?;
        *running = Some(Running { cancel, thread });
        Ok(job)
    }
}

/// Called with rows done and rows to come to.
type Tell<'a> = dyn FnMut(u64, u64) -> ControlFlow<()> + 'a;

impl State {
    fn run(
        &self,
        snapshot: &Snapshot,
        cancel: &CancellationToken,
        work: impl FnOnce(&Self, &Snapshot, &mut Tell<'_>) -> Result<Outcome, String>,
    ) {
        let mut tell = |done, total| {
            self.change(|job| (job.done, job.total) = (done, total));
            match cancel.is_cancelled() {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        };
        let outcome = work(self, snapshot, &mut tell);
        self.change(|job| match outcome {
            Ok(Outcome::Verified(Some(found))) => {
                job.state = match found.is_whole() {
                    true => VaultJobState::Done,
                    false => VaultJobState::Failed,
                };
                job.checks = found.checks.into_iter().map(api_check).collect();
                if job.state == VaultJobState::Failed {
                    let faults: u64 = job.checks.iter().map(|check| check.faults).sum();
                    job.problem = Some(format!("{faults} things do not hold"));
                }
            }
            Ok(Outcome::Verified(None)) => job.state = VaultJobState::Cancelled,
            Ok(Outcome::BackedUp(made)) => {
                job.state = VaultJobState::Done;
                job.done = job.total;
                job.backup = Some(made);
            }
            Err(_) if cancel.is_cancelled() => job.state = VaultJobState::Cancelled,
            Err(problem) => {
                job.state = VaultJobState::Failed;
                job.problem = Some(problem);
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut VaultJob)) {
        self.job.send_modify(|job| {
            if let Some(job) = job {
                change(job);
            }
        });
    }

    fn back_up(
        &self,
        snapshot: &Snapshot,
        folder: &Path,
        lock: &Lock,
        tell: &mut Tell<'_>,
    ) -> Result<Outcome, String> {
        let appliance = self
            .appliance
            .as_ref()
            .ok_or("there is no configuration to back up")?;
        let files = appliance.files();
        let source = BackupSource {
            snapshot,
            files: &files,
            site: &appliance.config.name,
            at: self.clock.now().wall,
        };
        let made = make(&source, folder, lock, |Progress { done, total }| {
            tell(done, total)
        });
        let made = made.map_err(|error| told(&error))?;
        for missing in files.missing() {
            log::warn!("not in the backup: {missing}");
        }
        log::info!(
            "backed up to `{}`: {} bytes",
            made.path.display(),
            made.bytes
        );
        Ok(Outcome::BackedUp(BackupMade {
            path: made.path.display().to_string(),
            bytes: made.bytes,
            revision: made.revision,
            events: made.events,
            audit: made.audit,
            table_hash: made.table_hash,
            missing: files.missing().to_vec(),
        }))
    }
}

impl Appliance {
    fn files(&self) -> BackupFiles {
        let mut missing = Vec::new();
        let seal = Seal::load(self.credentials.as_deref());
        let seal = seal.unwrap_or_else(|error| {
            missing.push(error.to_string());
            None
        });
        let folder = KeyFolder::new(&self.config.data, seal);
        let mut keys = Vec::new();
        for reader in self.config.buses.iter().flat_map(|bus| &bus.readers) {
            match folder.text_of(&reader.name) {
                Ok(Some(text)) => keys.push((reader.name.to_string(), text)),
                Ok(None) => {}
                Err(error) => missing.push(format!("the key of reader `{}`: {error}", reader.name)),
            }
        }
        BackupFiles::collect(&self.path, &self.config, keys).with_missing(missing)
    }
}

/// An error with all its causes.
fn told(error: &BackupError) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

/// What a check found, for the API and for people.
#[must_use]
pub fn api_check(check: crate::store::Check) -> CheckResult {
    CheckResult {
        name: check.name.to_owned(),
        rows: check.rows,
        faults: check.faults,
        told: check.told,
    }
}
