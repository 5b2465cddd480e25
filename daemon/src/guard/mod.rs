//! A second process that lets the relays go when the daemon dies.
//!
//! A board that times pulses by itself needs nobody. One that does not would leave its relay on when
//! the daemon is killed in the middle of a pulse. The guardian holds the end of a pipe from the daemon;
//! when that closes without a farewell, it drives every output that a door uses to its safe state, and
//! ends. It is the same program, started by the daemon, and does nothing else.
//!
//! Where guardian and daemon die at once, as when systemd kills all that is in their unit, a file is
//! left that names those outputs. `doorwardd release`, which the unit runs after every stop, lets them
//! go and removes it.

mod guardian;
mod kept;
mod orders;

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use doorward_core::ids::BoardIx;
use nix::fcntl::{FcntlArg, Flock, FlockArg, OFlag, fcntl};

pub use guardian::{let_go, stand};

use self::orders::{FAREWELL, Output};
use crate::system::threads::NamedThread;

/// How long the daemon waits at its start for the guardian of the one before to be done.
const PREVIOUS_MAX: Duration = Duration::from_secs(6);
/// The rest before a guardian that has died is replaced.
const AGAIN: Duration = Duration::from_secs(1);

/// The daemon's side. Dropping it without a farewell is as if the daemon had died.
#[derive(Debug)]
pub struct Guard {
    post: Arc<Mutex<Post>>,
    minding: Option<NamedThread>,
}

/// Tells the guardian of outputs that come into use. Cheap to clone; never blocks.
#[derive(Debug, Clone)]
pub struct GuardNews(Option<Arc<Mutex<Post>>>);

#[derive(Debug)]
struct Post {
    program: PathBuf,
    config: PathBuf,
    outputs: Vec<Output>,
    pipe: Option<ChildStdin>,
    is_over: bool,
}

impl Guard {
    /// Starts the guardian of these outputs: `program guard --config CONFIG`.
    pub fn start(
        program: PathBuf,
        config: PathBuf,
        outputs: Vec<(BoardIx, u16)>,
    ) -> io::Result<Self> {
        let outputs = outputs.into_iter();
        let post = Arc::new(Mutex::new(Post {
            program,
            config,
            outputs: outputs
                .map(|(board, output)| Output { board, output })
                .collect(),
            pipe: None,
            is_over: false,
        }));
        let child = locked(&post).spawn()?;
        let minding = NamedThread::spawn("guard", {
            let post = Arc::clone(&post);
            move || mind(&post, child)
        })?;
        Ok(Self {
            post,
            minding: Some(minding),
        })
    }

    /// How the doors tell of outputs that come into use.
    #[must_use]
    pub fn news(&self) -> GuardNews {
        GuardNews(Some(Arc::clone(&self.post)))
    }

    /// The relays are in their safe state: the guardian ends and does nothing.
    pub fn dismiss(mut self, limit: Duration) {
        {
            let mut post = locked(&self.post);
            post.is_over = true;
            if let Some(mut pipe) = post.pipe.take() {
                post.say(&mut pipe, FAREWELL);
            }
        }
        if let Some(minding) = self.minding.take() {
            minding.join_within(limit);
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut post = locked(&self.post);
        post.is_over = true;
        post.pipe = None;
    }
}

impl GuardNews {
    /// Nobody stands guard.
    #[must_use]
    pub const fn nobody() -> Self {
        Self(None)
    }

    /// A door uses this output from now on.
    pub fn output(&self, board: BoardIx, output: u16) {
        let Some(post) = &self.0 else { return };
        let output = Output { board, output };
        let mut post = locked(post);
        if post.outputs.contains(&output) {
            return;
        }
        post.outputs.push(output);
        if let Some(mut pipe) = post.pipe.take() {
            post.say(&mut pipe, &output.to_string());
            post.pipe = Some(pipe);
        }
    }
}

impl Post {
    fn spawn(&mut self) -> io::Result<Child> {
        let mut child = Command::new(&self.program)
            .arg("--config")
            .arg(&self.config)
            .args(["--log", "warn", "guard"])
            .env_remove("NOTIFY_SOCKET")
            .env_remove("WATCHDOG_USEC")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            // What is typed at the daemon's terminal is not for the guardian.
            .process_group(0)
            .spawn()?;
        if let Some(mut pipe) = child.stdin.take() {
            // The doors must not wait for a guardian that does not read.
            fcntl(&pipe, FcntlArg::F_SETFL(OFlag::O_NONBLOCK))?;
            for output in self.outputs.clone() {
                self.say(&mut pipe, &output.to_string());
            }
            self.pipe = Some(pipe);
        }
        Ok(child)
    }

    fn say(&self, pipe: &mut ChildStdin, line: &str) {
        use io::Write as _;
        if let Err(error) = pipe.write_all(format!("{line}\n").as_bytes()) {
            log::error!("the guardian is not told `{line}`: {error}");
        }
    }
}

fn locked(post: &Mutex<Post>) -> MutexGuard<'_, Post> {
    post.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces a guardian that dies before it is dismissed.
fn mind(post: &Mutex<Post>, mut child: Child) {
    loop {
        let ended = child.wait();
        if locked(post).is_over {
            return;
        }
        log::error!("the guardian has ended ({ended:?}) and is replaced");
        loop {
            std::thread::sleep(AGAIN);
            let mut post = locked(post);
            if post.is_over {
                return;
            }
            match post.spawn() {
                Ok(new) => {
                    child = new;
                    break;
                }
                Err(error) => log::error!("no guardian: {error}"),
            }
        }
    }
}

/// Where a guardian says that it stands.
fn lock_path(data: &Path) -> PathBuf {
    data.join("guard.lock")
}

fn lock(data: &Path) -> io::Result<Flock<File>> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(lock_path(data))?;
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, error)| error.into())
}

/// The lock, if nobody keeps it for longer than `limit`.
fn lock_within(data: &Path, limit: Duration) -> io::Result<Option<Flock<File>>> {
    let (tell, locked) = std::sync::mpsc::sync_channel(1);
    let data = data.to_owned();
    // Who comes too late gives the lock back at once: nobody takes it from the channel.
    let _waiting = NamedThread::spawn("guard-lock", move || drop(tell.send(lock(&data))))?;
    match locked.recv_timeout(limit) {
        Ok(lock) => lock.map(Some),
        Err(_) => Ok(None),
    }
}

/// Waits until the guardian of a daemon that died here before is done, so that two do not speak to
/// the boards at once.
pub fn wait_for_previous(data: &Path) {
    if !lock_path(data).exists() {
        return;
    }
    let data = data.to_owned();
    let waiting = NamedThread::spawn("guard-wait", move || match lock(&data) {
        Ok(lock) => drop(lock),
        Err(error) => log::error!("cannot tell whether a guardian is at work: {error}"),
    });
    match waiting {
        Ok(waiting) => waiting.join_within(PREVIOUS_MAX),
        Err(error) => log::error!("cannot wait for a guardian: {error}"),
    }
}
