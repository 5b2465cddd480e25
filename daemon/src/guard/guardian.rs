//! The guardian's side: a process that waits for the daemon's end.

use std::collections::BTreeSet;
use std::io::BufRead;
use std::path::Path;
use std::time::Duration;

use doorward_core::controller::BoardEvent;
use doorward_core::ids::BoardIx;
use doorward_wire::board::OutputState;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};

use super::kept::Kept;
use super::orders::{FAREWELL, Output};
use crate::config::SiteConfig;
use crate::relays::RelayLine;
use crate::relays::config::{self as relay_config, LineConfig};
use crate::relays::profiles::Profiles;
use crate::system::exit::Exit;
use crate::system::logging;
use crate::system::threads::NamedThread;

/// How long boards are tried. A daemon that starts meanwhile waits for it, and does the same.
const ACT_MAX: Duration = Duration::from_secs(5);
/// How long another guardian is waited for.
const PREVIOUS_MAX: Duration = Duration::from_secs(4);
/// Reports of boards that may wait.
const EVENTS_MAX: usize = 64;

/// Stands guard until the daemon at the other end of standard input says farewell, or dies.
#[must_use]
pub fn stand(config: &Path, log: log::LevelFilter) -> Exit {
    logging::start(log);
    match try_stand(config) {
        Ok(()) => Exit::Ok,
        Err(error) => {
            log::error!("guardian: {error:#}");
            Exit::Software
        }
    }
}

fn try_stand(config: &Path) -> anyhow::Result<()> {
    let config = SiteConfig::load(config)?;
    let lines = lines(&config)?;
    let _standing = super::lock(&config.data)?;
    let mut kept = kept(&config);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        // A stop of the whole service is for the daemon, which says farewell when it is done.
        let _deaf = [
            signal(SignalKind::terminate())?,
            signal(SignalKind::interrupt())?,
            signal(SignalKind::hangup())?,
        ];
        let (tell, ended) = oneshot::channel();
        let reading = NamedThread::spawn("orders", move || {
            // The other end is gone only when the process ends.
            let outputs = read(&mut std::io::stdin().lock(), &mut kept);
            let _ = tell.send((outputs, kept));
        })?;
        let (outputs, mut kept) = ended.await?;
        reading.join_within(ACT_MAX);
        let is_done = match outputs {
            Some(outputs) => release(lines, &outputs).await,
            None => true,
        };
        if is_done {
            kept.remove()?;
        }
        Ok(())
    })
}

/// Lets the outputs go that a guardian has left behind, if one has. A guardian that is at work is waited
/// for; one that stands guard over a daemon that lives is left alone, and so are the outputs.
#[must_use]
pub fn let_go(config: &Path, log: log::LevelFilter) -> Exit {
    logging::start(log);
    match try_let_go(config) {
        Ok(exit) => exit,
        Err(error) => {
            log::error!("{error:#}");
            Exit::Software
        }
    }
}

fn try_let_go(config: &Path) -> anyhow::Result<Exit> {
    let config = SiteConfig::load(config)?;
    let mut kept = kept(&config);
    if !kept.exists() {
        return Ok(Exit::Ok);
    }
    let Some(_standing) = super::lock_within(&config.data, PREVIOUS_MAX)? else {
        log::error!("a guardian stands guard: the daemon lives, or is just ending");
        return Ok(Exit::TryAgain);
    };
    let outputs = kept.read()?;
    if outputs.is_empty() {
        kept.remove()?;
        return Ok(Exit::Ok);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    if !runtime.block_on(release(lines(&config)?, &outputs)) {
        return Ok(Exit::Unavailable);
    }
    kept.remove()?;
    Ok(Exit::Ok)
}

fn lines(config: &SiteConfig) -> anyhow::Result<Vec<LineConfig>> {
    let profiles = Profiles::load(config.board_profiles.as_deref())?;
    relay_config::lines(&config.boards, &profiles, |_| Vec::new())
        .map_err(|unknown| anyhow::anyhow!("{unknown:?}"))
}

fn kept(config: &SiteConfig) -> Kept {
    let boards = config.boards.iter().map(|board| board.name.clone());
    Kept::new(&config.data, boards.collect())
}

/// Reads until the daemon's end: the outputs to be let go, or `None` after a farewell.
fn read(orders: &mut impl BufRead, kept: &mut Kept) -> Option<Vec<Output>> {
    let mut outputs: Vec<Output> = Vec::new();
    for line in orders.lines() {
        let Ok(line) = line else { break };
        if line == FAREWELL {
            return None;
        }
        match line.parse() {
            Ok(output) => {
                if let Err(error) = kept.add(output) {
                    log::error!("guardian: output `{line}` is not kept: {error}");
                }
                outputs.push(output);
            }
            Err(error) => log::error!("guardian: {error}"),
        }
    }
    Some(outputs)
}

/// Drives the outputs to their safe state. Says whether every board has answered.
async fn release(lines: Vec<LineConfig>, outputs: &[Output]) -> bool {
    log::warn!("the daemon has died: {} outputs are let go", outputs.len());
    let (events, mut inbox) = mpsc::channel(EVENTS_MAX);
    let mut waiting = BTreeSet::new();
    let mut handles = Vec::new();
    for mut line in lines {
        for board in &mut line.boards {
            let here = outputs.iter().filter(|output| output.board == board.board);
            board.safe = here.map(|at| (at.output, OutputState::Off)).collect();
        }
        line.boards.retain(|board| !board.safe.is_empty());
        if !line.boards.is_empty() {
            waiting.extend(line.boards.iter().map(|board| board.board));
            handles.push(RelayLine::spawn(line, events.clone()));
        }
    }
    drop(events);
    let released = tokio::time::timeout(ACT_MAX, all_safe(&mut inbox, &mut waiting)).await;
    if released.is_err() {
        log::error!("boards {waiting:?} do not answer; their outputs are as they were");
    }
    for handle in handles {
        if let Err(error) = handle.stop().await {
            log::error!("a relay line's task failed: {error}");
        }
    }
    released.is_ok()
}

/// Waits until every board has its outputs in their safe state, which it says by being online.
async fn all_safe(
    inbox: &mut mpsc::Receiver<(BoardIx, BoardEvent)>,
    waiting: &mut BTreeSet<BoardIx>,
) {
    while !waiting.is_empty() {
        match inbox.recv().await {
            Some((board, BoardEvent::Online)) => drop(waiting.remove(&board)),
            Some(_) => {}
            None => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpio;

    #[test]
    fn a_farewell_is_not_a_death() {
        let check = |orders: &str, expect: Option<&[(u16, u16)]>| {
            let folder = tempfile::tempdir().unwrap();
            let mut kept = Kept::new(folder.path(), vec!["a".into(), "b".into(), "c".into()]);
            let outputs = read(&mut orders.as_bytes(), &mut kept);
            let expect = expect.map(|outputs| {
                let outputs = outputs.iter();
                outputs
                    .map(|&(board, output)| Output {
                        board: BoardIx(board),
                        output,
                    })
                    .collect::<Vec<_>>()
            });
            assert_eq!(outputs, expect, "{orders}");
            if let Some(outputs) = outputs {
                assert_eq!(
                    kept.read().unwrap(),
                    outputs,
                    "what is left when it is killed"
                );
            }
        };
        check("", Some(&[]));
        check("0 1\n2 16\n", Some(&[(0, 1), (2, 16)]));
        check("0 1\nfarewell\n", None);
        check("0 1\nnonsense\n0 2", Some(&[(0, 1), (0, 2)]));
    }

    #[test]
    fn relays_on_gpio_pins_are_let_go() {
        let folder = tempfile::tempdir().unwrap();
        let chip = folder.path().join("chip");
        let pins = gpio::testing::chip(&chip);
        let text = format!(
            "[site]\nname = \"Pins\"\n[[board]]\nname = \"own\"\nchip = {chip:?}\noutputs = \"5, 6, 13, 19\"\n"
        );
        let config = SiteConfig::parse(&text).unwrap();
        let check = |used: &[u16], levels: u64, expect: u64| {
            pins.lock().unwrap().outputs = levels;
            let outputs: Vec<Output> = used
                .iter()
                .map(|&output| Output {
                    board: BoardIx(0),
                    output,
                })
                .collect();
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            assert!(runtime.block_on(release(lines(&config).unwrap(), &outputs)));
            assert_eq!(pins.lock().unwrap().outputs, expect, "{used:?}");
        };
        check(&[1], 0b0001, 0);
        check(&[1, 2, 3, 4], 0b1111, 0);
        // What no door uses is somebody else's.
        check(&[2, 4], 0b1111, 0b0101);
    }
}
