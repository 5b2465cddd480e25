//! The loop around the state: events in, pictures out.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crossterm::event::{Event as TerminalEvent, EventStream, KeyEventKind};
use doorward_api::Client;
use futures_util::StreamExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::draw::draw;
use super::event::{Event, Request};
use super::state::State;
use super::terminal::{self, Screen};
use super::theme::Theme;
use super::{link, work};
use crate::cli::failure::{Exit, Failure};
use crate::cli::time;

/// Events that may wait to be shown. When it is full the stream from the daemon waits.
const EVENTS_MAX: usize = 256;

/// Events taken in before a picture is painted, at most.
const BATCH_MAX: usize = 256;

/// The shortest time between two pictures of what is live: 30 a second. A key press is painted at
/// once.
const FRAME: Duration = Duration::from_millis(33);

/// How long tasks may take to end before they are left.
const JOIN_MAX: Duration = Duration::from_millis(500);

/// How long the console may take to end after a signal, when the terminal takes no output.
const SIGNAL_GRACE: Duration = Duration::from_secs(1);

/// Runs the console until somebody leaves it or the system ends it.
pub fn run(socket: PathBuf) -> Result<(), Failure> {
    use std::io::IsTerminal;
    if !io::stdout().is_terminal() || !io::stdin().is_terminal() {
        return Err(Failure::usage(
            "the console needs a terminal; `doorward --help` shows the commands that do not",
        ));
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("console")
        .enable_all()
        .build()
        .map_err(|error| Failure::said(Exit::Software, format_args!("cannot start: {error}")))?;
    let result = runtime.block_on(attached(Client::new(socket)));
    runtime.shutdown_timeout(JOIN_MAX);
    result.map_err(|error| Failure::said(Exit::Io, format_args!("the terminal failed: {error}")))
}

async fn attached(client: Client) -> io::Result<()> {
    let (events, mut inbox) = mpsc::channel(EVENTS_MAX);
    let (work, desk) = work::queue();
    let signals = tokio::spawn(signals(events.clone())?);
    let mut screen = Screen::take()?;
    let size = screen.terminal.size()?;
    let theme = Theme::from_environment(|name| std::env::var(name).ok());
    let mut state = State::new(
        time::now(),
        time::local_zone(),
        (size.width, size.height),
        theme,
    );
    let mut tasks: Vec<JoinHandle<()>> = vec![
        tokio::spawn(keys(events.clone())),
        tokio::spawn(link::run(client.clone(), events.clone())),
    ];
    tasks.extend(work::spawn(&client, desk, &events));
    drop(events);
    let result = show(&mut screen, &mut state, &mut inbox, &work).await;
    drop(screen);
    // From here on nothing can hold the console up: what its caller has to tidy up gets its time.
    signals.abort();
    for task in &tasks {
        task.abort();
    }
    for task in tasks {
        // Each ends at its next await; whatever it was doing is of no use any more.
        let _ = timeout(JOIN_MAX, task).await;
    }
    result
}

async fn show(
    screen: &mut Screen,
    state: &mut State,
    inbox: &mut mpsc::Receiver<Event>,
    work: &work::Sender,
) -> io::Result<()> {
    let mut painted = Instant::now();
    screen.terminal.draw(|frame| draw(state, frame))?;
    // When the picture is out of date, the moment to paint the next one.
    let mut due: Option<Instant> = None;
    while !state.leaving {
        let wake = due.unwrap_or_else(|| Instant::now() + until(state));
        // Both arms are cancel-safe: an event not taken stays in the channel, a sleep is made anew.
        tokio::select! {
            biased;
            event = inbox.recv() => {
                let Some(event) = event else { return Ok(()) };
                let mut urgent = take(screen, state, event, work)?;
                for _ in 0..BATCH_MAX {
                    let Ok(event) = inbox.try_recv() else { break };
                    urgent |= take(screen, state, event, work)?;
                }
                let at = if urgent { Instant::now() } else { painted + FRAME };
                due = Some(due.map_or(at, |due| due.min(at)));
            }
            () = sleep_until(wake) => {
                if due.is_none() {
                    state.handle(time::now(), Event::Tick);
                }
                due = Some(wake);
            }
        }
        if due.is_some_and(|due| due <= Instant::now()) {
            screen.terminal.draw(|frame| draw(state, frame))?;
            painted = Instant::now();
            due = None;
        }
    }
    Ok(())
}

/// Hands an event to the state and its requests on; says whether it must be painted at once.
fn take(
    screen: &mut Screen,
    state: &mut State,
    event: Event,
    work: &work::Sender,
) -> io::Result<bool> {
    let urgent = matches!(event, Event::Key(_) | Event::Paste(_) | Event::Resize(..));
    for request in state.handle(time::now(), event) {
        if request == Request::Repaint {
            screen.terminal.clear()?;
        } else if let Some(refused) = work.hand_over(request) {
            state.handle(time::now(), Event::Reply(Box::new(refused)));
        }
    }
    Ok(urgent)
}

/// How long until the picture changes by itself.
fn until(state: &State) -> Duration {
    let ms = state.wake_at().0 - time::now().0;
    Duration::from_millis(u64::try_from(ms).unwrap_or(0)).max(FRAME)
}

/// The keyboard task: what the terminal says, until it says no more.
async fn keys(events: mpsc::Sender<Event>) {
    let mut stream = EventStream::new();
    while let Some(Ok(event)) = stream.next().await {
        let event = match event {
            TerminalEvent::Key(key) if key.kind != KeyEventKind::Release => Event::Key(key),
            TerminalEvent::Paste(text) => Event::Paste(text),
            TerminalEvent::Resize(columns, rows) => Event::Resize(columns, rows),
            _ => continue,
        };
        if events.send(event).await.is_err() {
            return;
        }
    }
    // The terminal has gone: nobody looks any more.
    let _ = events.send(Event::Ended).await;
}

/// The signal task: the first of SIGTERM, SIGHUP, SIGINT and SIGQUIT ends the console in order,
/// or by force when a terminal that takes no output holds it up.
fn signals(events: mpsc::Sender<Event>) -> io::Result<impl Future<Output = ()>> {
    let mut term = signal(SignalKind::terminate())?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut quit = signal(SignalKind::quit())?;
    Ok(async move {
        // All arms are cancel-safe: a signal that was not taken is of no use any more.
        tokio::select! {
            _ = term.recv() => {}
            _ = hangup.recv() => {}
            _ = interrupt.recv() => {}
            _ = quit.recv() => {}
        }
        let _ = timeout(SIGNAL_GRACE, events.send(Event::Ended)).await;
        tokio::time::sleep(SIGNAL_GRACE).await;
        terminal::put_back();
        std::process::exit(0);
    })
}
