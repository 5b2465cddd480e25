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
    let profiles = Profiles::load(config.board_profiles.as_deref())?;
    let lines = relay_config::lines(&config.boards, &profiles, |_| Vec::new())
        .map_err(|unknown| anyhow::anyhow!("{unknown:?}"))?;
    let _standing = super::lock(&config.data)?;
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
            let _ = tell.send(read(&mut std::io::stdin().lock()));
        })?;
        let outputs = ended.await?;
        reading.join_within(ACT_MAX);
        if let Some(outputs) = outputs {
            release(lines, &outputs).await;
        }
        Ok(())
    })
}

/// Reads until the daemon's end: the outputs to be let go, or `None` after a farewell.
fn read(orders: &mut impl BufRead) -> Option<Vec<Output>> {
    let mut outputs: Vec<Output> = Vec::new();
    for line in orders.lines() {
        let Ok(line) = line else { break };
        if line == FAREWELL {
            return None;
        }
        match line.parse() {
            Ok(output) => outputs.push(output),
            Err(error) => log::error!("guardian: {error}"),
        }
    }
    Some(outputs)
}

/// Drives the outputs to their safe state.
async fn release(lines: Vec<LineConfig>, outputs: &[Output]) {
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

    #[test]
    fn a_farewell_is_not_a_death() {
        let check = |orders: &str, expect: Option<&[(u16, u16)]>| {
            let outputs = read(&mut orders.as_bytes());
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
        };
        check("", Some(&[]));
        check("0 1\n2 16\n", Some(&[(0, 1), (2, 16)]));
        check("0 1\nfarewell\n", None);
        check("0 1\nnonsense\n0 2", Some(&[(0, 1), (0, 2)]));
    }
}
