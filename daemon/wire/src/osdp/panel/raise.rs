//! Taking the readers of a bus to the highest baud rate that all of them accept.
//!
//! One reader after the other is told by COMSET (SIA OSDP 2.2, clause 6.13) and has to be back at the
//! new rate before the next one is told; meanwhile each is spoken to at its own. Where one refuses,
//! does not come back, or the line damages too much, the next lower rate is tried, and in the end all
//! go back to where they were.

use super::ControlPanel;
use super::event::{BusEvent, CommandOutcome, LinkEvent, SendError, Token};
use super::stats::PdStats;
use crate::osdp::address::Address;
use crate::osdp::command::{ComSettings, Command};
use crate::osdp::reply::NakCode;
use crate::osdp::time::{Baud, Mono};

/// How long a reader may take to be back at another rate.
const RETURN_US: u64 = 3_000_000;
/// How long the readers are watched once all of them are at the new rate.
const WATCH_US: u64 = 1_500_000;
/// How many exchanges of all readers are watched before, for comparison.
const BASELINE_EXCHANGES: u64 = 150;
/// And how long at the most.
const BASELINE_US: u64 = 8_000_000;
/// How often that is looked at.
const LOOK_US: u64 = 250_000;
/// While they are watched so many exchanges of a reader may fail, and one in [`WATCH_SHARE`], and twice
/// the share of the whole bus that failed at the old rate: what is beyond is clearly worse.
const WATCH_FAILURES: u64 = 2;
/// See [`WATCH_FAILURES`].
const WATCH_SHARE: u64 = 50;
/// How often a reader is looked for at the old and the new rate in turn before it is given up.
const LOOKS: u32 = 4;
/// How often a reader is told a rate whose answer does not come.
const TELLS: u32 = 3;

/// Raises the baud rate of all readers of a bus.
///
/// Like the panel it does no I/O: hand it every event of the panel and let it see the time, until
/// [`SpeedRaise::poll_done`] has the result.
#[derive(Debug)]
pub struct SpeedRaise {
    readers: Vec<RaisedReader>,
    /// The rates still to be tried, the highest last.
    candidates: Vec<Baud>,
    /// What is tried; `None` is the way back.
    target: Option<Baud>,
    step: Step,
    /// How the line was before.
    baseline: Failures,
    /// Told so often in vain.
    tells: u32,
    is_done: bool,
}

/// How many exchanges there were, and how many of them had to be repeated or were damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Failures {
    /// Those that failed.
    pub failed: u64,
    /// All.
    pub of: u64,
}

impl Failures {
    fn between(then: &PdStats, now: &PdStats) -> Self {
        Self {
            failed: now.retries - then.retries + now.bad_checks - then.bad_checks,
            of: now.replies - then.replies,
        }
    }

    /// Whether this is clearly worse than what was `before`.
    const fn is_worse_than(&self, before: &Self) -> bool {
        let expected = 2 * before.failed * self.of / if before.of == 0 { 1 } else { before.of };
        self.failed > WATCH_FAILURES + self.of / WATCH_SHARE + expected
    }
}

#[derive(Debug, Clone)]
enum Step {
    /// How good is the line today?
    Listening {
        /// When to look next, and for how long; `None` before the first look.
        times: Option<(Mono, Mono)>,
        before: Vec<PdStats>,
    },
    /// Find the next reader that is to be told.
    Choose,
    /// COMSET is out.
    Told {
        reader: usize,
        baud: Baud,
        token: Token,
        answered: Option<Baud>,
    },
    /// Waiting for the reader at the rate it was told.
    Returning(Return),
    /// All are there; is the line good enough?
    Watching {
        until: Mono,
        before: Vec<PdStats>,
        /// They were watched before, and it was not.
        is_second: bool,
    },
}

/// A reader on its way from one rate to another.
#[derive(Debug, Clone, Copy)]
struct Return {
    reader: usize,
    /// The rate it was at, and the one it was told.
    old: Baud,
    told: Baud,
    /// The rate it is looked for at now, and until when.
    at: Baud,
    until: Mono,
    looks: u32,
}

/// What became of one reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RaisedReader {
    /// Its address.
    pub address: Address,
    /// Its baud rate before.
    pub from: Baud,
    /// Its baud rate now, as far as is known.
    pub to: Baud,
    /// The highest rate that it did not take, and why.
    pub refusal: Option<(Baud, SpeedRefusal)>,
    /// Whether it answers.
    pub is_online: bool,
}

/// Why a reader does not take a rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SpeedRefusal {
    /// It says so.
    Nak(NakCode),
    /// It answers that it will use another rate.
    Answered(Baud),
    /// It agreed and did not come back at it.
    NotBack,
    /// Too many exchanges failed at it.
    LineErrors {
        /// At this rate.
        here: Failures,
        /// At the rate before, of all readers.
        before: Failures,
    },
}

/// The result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// The rate all readers have now; `None` if they differ.
    pub baud: Option<Baud>,
    /// Each reader.
    pub readers: Vec<RaisedReader>,
}

/// Why the rate of a bus is not raised.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RaiseError {
    /// Some readers are offline.
    #[error("{} of its readers are offline", .0.len())]
    Offline(Vec<Address>),
}

impl SpeedRaise {
    /// Begins to take all readers to the highest rate up to `limit`. Readers that are offline are left
    /// out if `leaves_absent`, or else nothing is begun.
    pub fn new(panel: &ControlPanel, limit: Baud, leaves_absent: bool) -> Result<Self, RaiseError> {
        let (present, absent): (Vec<_>, Vec<_>) = panel
            .addresses()
            .partition(|address| panel.presence(*address).is_some());
        if present.is_empty() || (!leaves_absent && !absent.is_empty()) {
            return Err(RaiseError::Offline(absent));
        }
        let readers: Vec<_> = present
            .into_iter()
            .filter_map(|address| {
                let baud = panel.baud(address)?;
                Some(RaisedReader {
                    address,
                    from: baud,
                    to: baud,
                    refusal: None,
                    is_online: true,
                })
            })
            .collect();
        // Where they differ, all of them at the fastest of today's is a raise, too.
        let slowest = readers.iter().map(|reader| reader.from).min();
        let candidates = Baud::ALL
            .into_iter()
            .filter(|baud| *baud <= limit && Some(*baud) > slowest)
            .collect();
        let mut raise = Self {
            readers,
            candidates,
            target: None,
            step: Step::Listening {
                times: None,
                before: Vec::new(),
            },
            baseline: Failures::default(),
            tells: 0,
            is_done: false,
        };
        raise.lower();
        Ok(raise)
    }

    /// What is tried now: a rate, or `None` on the way back.
    #[must_use]
    pub const fn target(&self) -> Option<Baud> {
        self.target
    }

    /// Takes all readers back to where they were.
    pub fn give_up(&mut self) {
        self.candidates.clear();
        self.target = None;
        if let Step::Watching { .. } | Step::Listening { .. } = self.step {
            self.step = Step::Choose;
        }
    }

    /// How many readers are at the rate that is tried, and of how many.
    #[must_use]
    pub fn progress(&self) -> (usize, usize) {
        let there = |at: &usize| self.goal(*at) == self.readers[*at].to;
        let count = self.readers.len();
        ((0..count).filter(there).count(), count)
    }

    /// Something has happened on the bus.
    pub fn handle_event(&mut self, now: Mono, event: &BusEvent) {
        let Step::Told {
            reader,
            baud: told,
            token,
            answered,
        } = &mut self.step
        else {
            return;
        };
        if self.readers.get(*reader).map(|reader| reader.address) != Some(event.address) {
            return;
        }
        match event.event {
            LinkEvent::Com(settings) => *answered = Some(settings.baud),
            LinkEvent::Command {
                token: done,
                outcome,
            } if done == *token => {
                let (reader, told, answered) = (*reader, *told, *answered);
                self.on_outcome(now, reader, told, (outcome, answered));
            }
            _ => {}
        }
    }

    fn on_outcome(
        &mut self,
        now: Mono,
        reader: usize,
        told: Baud,
        answer: (CommandOutcome, Option<Baud>),
    ) {
        let old = self.readers[reader].to;
        let at = match answer {
            (CommandOutcome::Refused(code), _) => {
                return self.refuse(reader, told, SpeedRefusal::Nak(code));
            }
            (CommandOutcome::Done, Some(baud)) if baud != told => {
                self.readers[reader].to = baud;
                return self.refuse(reader, told, SpeedRefusal::Answered(baud));
            }
            (CommandOutcome::Done, Some(_)) => told,
            // No answer, or one that does not say: where it is will show.
            (CommandOutcome::Done | CommandOutcome::Offline | CommandOutcome::Superseded, _) => old,
        };
        self.step = Step::Returning(Return {
            reader,
            old,
            told,
            at,
            until: now.plus_us(RETURN_US),
            looks: 0,
        });
    }

    /// Takes the next step, if there is one. Call after [`SpeedRaise::handle_event`] and at
    /// [`SpeedRaise::poll_timeout`].
    pub fn handle_timeout(&mut self, now: Mono, panel: &mut ControlPanel) {
        while !self.is_done && self.step(now, panel) {}
    }

    /// Whether anything has changed.
    fn step(&mut self, now: Mono, panel: &mut ControlPanel) -> bool {
        match self.step.clone() {
            Step::Listening { times, before } => self.listen(now, panel, times, before),
            Step::Choose => self.choose(now, panel),
            Step::Told { .. } => false,
            Step::Returning(returning) => self.look(now, panel, returning),
            Step::Watching {
                until,
                before,
                is_second,
            } => self.watch(now, panel, (until, is_second), &before),
        }
    }

    /// Learns how many exchanges fail as things are.
    fn listen(
        &mut self,
        now: Mono,
        panel: &ControlPanel,
        times: Option<(Mono, Mono)>,
        before: Vec<PdStats>,
    ) -> bool {
        // Where there is nothing to be raised, there is nothing to be compared.
        if self.target.is_none() {
            self.step = Step::Choose;
            return true;
        }
        let Some((look_at, until)) = times else {
            self.step = Step::Listening {
                times: Some((now.plus_us(LOOK_US), now.plus_us(BASELINE_US))),
                before: self.stats(panel),
            };
            return true;
        };
        if now < look_at {
            return false;
        }
        let each = before.iter().zip(self.stats(panel));
        let each = each.map(|(then, now)| Failures::between(then, &now));
        self.baseline = each.fold(Failures::default(), |sum, one| Failures {
            failed: sum.failed + one.failed,
            of: sum.of + one.of,
        });
        let is_enough = self.baseline.of >= BASELINE_EXCHANGES || now >= until;
        self.step = if is_enough {
            Step::Choose
        } else {
            Step::Listening {
                times: Some((now.plus_us(LOOK_US), until)),
                before,
            }
        };
        true
    }

    fn stats(&self, panel: &ControlPanel) -> Vec<PdStats> {
        let stats = self.readers.iter();
        let stats = stats.map(|reader| panel.stats(reader.address).unwrap_or_default());
        stats.collect()
    }

    fn choose(&mut self, now: Mono, panel: &mut ControlPanel) -> bool {
        // Who has refused before is asked first: the others need not be moved in vain.
        let count = self.readers.len();
        let open = |at: &usize| {
            let reader = &self.readers[*at];
            reader.is_online && reader.to != self.goal(*at)
        };
        let next = (0..count)
            .filter(open)
            .max_by_key(|at| (self.readers[*at].refusal.is_some(), count - at));
        let Some(reader) = next else {
            if self.target.is_none() {
                self.is_done = true;
            } else {
                self.begin_watch(now, panel, false);
            }
            return true;
        };
        let address = self.readers[reader].address;
        let baud = self.goal(reader);
        match panel.send(address, Command::ComSet(ComSettings { address, baud })) {
            Ok(token) => {
                self.step = Step::Told {
                    reader,
                    baud,
                    token,
                    answered: None,
                };
            }
            Err(SendError::QueueFull { .. }) => return false,
            // It is offline just now: it is told once it is back.
            Err(_) => {
                let at = self.readers[reader].to;
                self.step = Step::Returning(Return {
                    reader,
                    old: at,
                    told: at,
                    at,
                    until: now.plus_us(RETURN_US),
                    looks: 0,
                });
            }
        }
        true
    }

    /// Is the reader back, and where?
    fn look(&mut self, now: Mono, panel: &mut ControlPanel, returning: Return) -> bool {
        let Return {
            reader,
            old,
            told,
            at,
            until,
            looks,
        } = returning;
        let address = self.readers[reader].address;
        if panel.presence(address).is_some()
            && let Some(baud) = panel.baud(address)
        {
            self.readers[reader].to = baud;
            if baud == told {
                self.tells = 0;
                self.step = Step::Choose;
            } else if looks == 0 && self.tells < TELLS {
                // It never heard the command: once more.
                self.tells += 1;
                self.step = Step::Choose;
            } else {
                self.refuse(reader, told, SpeedRefusal::NotBack);
            }
            return true;
        }
        if now < until {
            return false;
        }
        if looks == LOOKS {
            // The panel goes on looking for it, at every rate.
            self.readers[reader].is_online = false;
            self.refuse(reader, told, SpeedRefusal::NotBack);
            return true;
        }
        let elsewhere = if at == old { told } else { old };
        panel.look_at(now, address, elsewhere);
        self.step = Step::Returning(Return {
            at: elsewhere,
            until: now.plus_us(RETURN_US),
            looks: looks + 1,
            ..returning
        });
        true
    }

    fn begin_watch(&mut self, now: Mono, panel: &ControlPanel, is_second: bool) {
        self.step = Step::Watching {
            until: now.plus_us(WATCH_US),
            before: self.stats(panel),
            is_second,
        };
    }

    fn watch(
        &mut self,
        now: Mono,
        panel: &ControlPanel,
        (until, is_second): (Mono, bool),
        before: &[PdStats],
    ) -> bool {
        if now < until {
            return false;
        }
        self.is_done = true;
        for at in 0..self.readers.len() {
            let address = self.readers[at].address;
            let is_online = panel.presence(address).is_some();
            let (Some(then), Some(stats)) = (before.get(at), panel.stats(address)) else {
                continue;
            };
            let here = Failures::between(then, &stats);
            let outages = stats.outages - then.outages;
            if !is_online || outages > 0 || here.is_worse_than(&self.baseline) {
                self.is_done = false;
                // A machine that was busy for a moment looks like a bad line.
                if !is_second {
                    self.begin_watch(now, panel, true);
                    break;
                }
                self.readers[at].is_online = is_online;
                let told = self.readers[at].to;
                let before = self.baseline;
                self.refuse(at, told, SpeedRefusal::LineErrors { here, before });
                break;
            }
        }
        true
    }

    fn refuse(&mut self, reader: usize, told: Baud, why: SpeedRefusal) {
        self.tells = 0;
        self.step = Step::Choose;
        let refused = &mut self.readers[reader];
        refused.refusal.get_or_insert((told, why));
        if self.target == Some(told) {
            self.lower();
        } else if self.target.is_none() && told == refused.from {
            // Where it does not go back either, it stays where it answers.
            refused.from = refused.to;
        }
    }

    fn lower(&mut self) {
        self.target = self.candidates.pop();
    }

    fn goal(&self, reader: usize) -> Baud {
        self.target.unwrap_or(self.readers[reader].from)
    }

    /// When to call [`SpeedRaise::handle_timeout`] if nothing happens before.
    #[must_use]
    pub const fn poll_timeout(&self) -> Option<Mono> {
        match &self.step {
            Step::Listening { times, .. } => match times {
                Some((look_at, _)) => Some(*look_at),
                None => None,
            },
            Step::Returning(Return { until, .. }) | Step::Watching { until, .. } => Some(*until),
            Step::Choose | Step::Told { .. } => None,
        }
    }

    /// The result, once there is one.
    #[must_use]
    pub fn poll_done(&self, panel: &ControlPanel) -> Option<Raised> {
        if !self.is_done {
            return None;
        }
        let readers: Vec<RaisedReader> = self
            .readers
            .iter()
            .map(|reader| RaisedReader {
                is_online: panel.presence(reader.address).is_some(),
                to: panel.baud(reader.address).unwrap_or(reader.to),
                ..*reader
            })
            .collect();
        let first = readers.first().map(|reader| reader.to);
        let baud = first.filter(|first| readers.iter().all(|reader| reader.to == *first));
        Some(Raised { baud, readers })
    }
}
