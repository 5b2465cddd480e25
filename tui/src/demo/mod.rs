//! `doorward demo`: a virtual site, the very same daemon on it, and the console attached.
//!
//! The daemon runs from its library in a child of this process (`child`). Everything lies in one
//! temporary folder. Whoever of the two processes ends last removes it: however the demo ends,
//! nothing stays behind.

mod child;
mod headless;

use std::time::{Duration, Instant};

use clap::Args;
use doorward_api::{Changes, Client, Status};
use doorward_sim::{OPENING, SPEED_MAX, SPEED_MIN, Site, SiteError, SiteOptions};
use tempfile::TempDir;

use crate::cli::failure::{Exit, Failure};
use child::Daemon;
pub use child::{DaemonArgs, serve};

/// How long the daemon may take until it serves, and its readers until they answer.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// How often that is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// The longest path of the folder, in bytes: the path of a socket has at most 108.
const FOLDER_BYTES_MAX: usize = 80;

/// What demo to show.
#[derive(Debug, Clone, Args)]
pub struct DemoArgs {
    /// Repeats a run: the same people do the same.
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    pub seed: u64,
    /// How many times faster than real time the site's clock runs, 0.1 to 10000. Hands and doors
    /// keep their own time.
    #[arg(long, value_name = "FACTOR", default_value_t = 30.0, value_parser = speed)]
    pub speed: f64,
    /// Without the console: prints one JSON object at the end.
    #[arg(long)]
    pub headless: bool,
    /// How long to run without the console, in seconds, 1 to 86400.
    #[arg(
        long = "for",
        value_name = "SECONDS",
        default_value_t = 30,
        requires = "headless",
        value_parser = clap::value_parser!(u64).range(1..=86_400)
    )]
    pub seconds: u64,
}

fn speed(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(speed) if (SPEED_MIN..=SPEED_MAX).contains(&speed) => Ok(speed),
        _ => Err(format!(
            "a number from {SPEED_MIN} to {SPEED_MAX} is allowed"
        )),
    }
}

/// Runs the demo until somebody leaves the console, or the time is over.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::said(Exit::Software, format_args!("cannot start: {error}")))?;
    if args.headless {
        let summary = runtime.block_on(headless::run(args))?;
        return headless::print(&summary);
    }
    let mut demo = runtime.block_on(Demo::start(args))?;
    demo.open()?;
    crate::console::run(demo.site.socket_path())
}

/// A demo under way. Dropped in this order: first the daemon stops, then its site, then the folder
/// goes.
struct Demo {
    daemon: Daemon,
    client: Client,
    site: Site,
    ready: Status,
    _folder: TempDir,
}

impl Demo {
    /// Makes the site, starts the daemon on it, and fills the access table. All readers answer when
    /// this returns.
    async fn start(args: &DemoArgs) -> Result<Self, Failure> {
        let folder = folder()?;
        let site = Site::start(SiteOptions {
            seed: args.seed,
            speed: args.speed,
            dir: folder.path().to_owned(),
        })
        .map_err(|error| no_site(&error))?;
        let mut daemon = Daemon::start(folder.path(), &site.config_path(), OPENING, args.speed)?;
        let client = Client::new(site.socket_path());
        let deadline = Instant::now() + READY_WITHIN;
        until(&client, &mut daemon, deadline, "serve", |_| true).await?;
        let changes = Changes {
            changes: site.changes().to_vec(),
        };
        client.apply(&changes, None).await.map_err(|error| {
            Failure::said(
                Exit::Software,
                format_args!(
                    "the access table was refused: {}",
                    crate::cli::with_cause(&error)
                ),
            )
        })?;
        let ready = until(
            &client,
            &mut daemon,
            deadline,
            "reach all its readers",
            |status| {
                let readers = status
                    .readers
                    .iter()
                    .all(|reader| reader.online && reader.secure);
                readers
                    && !status.readers.is_empty()
                    && status.boards.iter().all(|board| board.online)
            },
        )
        .await?;
        Ok(Self {
            daemon,
            client,
            site,
            ready,
            _folder: folder,
        })
    }

    /// The people come.
    fn open(&mut self) -> Result<(), Failure> {
        self.site
            .open(self.ready.now)
            .map_err(|error| no_site(&error))
    }
}

fn no_site(error: &SiteError) -> Failure {
    let cause = std::error::Error::source(error);
    let message = cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"));
    Failure::said(Exit::Software, message)
}

fn folder() -> Result<TempDir, Failure> {
    let folder = tempfile::Builder::new()
        .prefix("doorward-demo-")
        .tempdir()
        .map_err(|error| {
            Failure::said(
                Exit::Io,
                format_args!(
                    "cannot make a folder in `{}`: {error}",
                    std::env::temp_dir().display()
                ),
            )
        })?;
    let bytes = folder.path().as_os_str().len();
    if bytes > FOLDER_BYTES_MAX {
        return Err(Failure::usage(format_args!(
            "the folder `{}` has a path of {bytes} bytes, allowed are {FOLDER_BYTES_MAX}; set TMPDIR to a shorter one",
            folder.path().display()
        )));
    }
    Ok(folder)
}

/// Waits until the daemon's status is as wanted.
async fn until(
    client: &Client,
    daemon: &mut Daemon,
    deadline: Instant,
    what: &str,
    wanted: impl Fn(&Status) -> bool,
) -> Result<Status, Failure> {
    loop {
        if let Ok(status) = client.status().await
            && wanted(&status)
        {
            return Ok(status);
        }
        daemon.check_alive()?;
        if Instant::now() >= deadline {
            let within = READY_WITHIN.as_secs();
            let message = format!("the daemon does not {what} within {within} s");
            return Err(daemon.failure(&message));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
