//! What takes a while on a bus: raising its speed, and looking for readers.

use std::time::Duration;

use doorward_api::{BusJob, BusJobKind, BusJobState, BusStatus};
use doorward_core::controller::{Input, ReaderEvent};
use doorward_core::ids::{Actor, DeviceName};
use doorward_wire::osdp::{
    Address, Baud, BusEvent, BusScan, ControlPanel, LinkEvent, Mono, OfflineReason, RaiseError,
    SpeedRaise,
};
use tokio::time::Instant;

use super::bus::Bus;
use super::figures;
use super::orders::{BusOrder, BusRefusal};

/// A scan that nobody has asked for in this time is ended.
const SCAN_UNASKED: Duration = Duration::from_secs(20);

/// A job that goes on.
#[derive(Debug)]
pub(super) struct RunningJob {
    work: Work,
    asked_at: Instant,
    is_given_up: bool,
}

#[derive(Debug)]
enum Work {
    Raise(SpeedRaise),
    Scan(BusScan),
}

impl RunningJob {
    pub(super) fn poll_timeout(&self) -> Option<Mono> {
        match &self.work {
            Work::Raise(raise) => raise.poll_timeout(),
            Work::Scan(_) => None,
        }
    }

    pub(super) const fn is_raise(&self) -> bool {
        matches!(self.work, Work::Raise(_))
    }

    pub(super) fn handle_event(&mut self, now: Mono, event: &BusEvent) {
        if let Work::Raise(raise) = &mut self.work {
            raise.handle_event(now, event);
        }
    }
}

impl Bus {
    pub(super) fn on_bus_order(&mut self, order: BusOrder) {
        // Whoever asked may have gone, in all of these.
        match order {
            BusOrder::Status { done } => drop(done.send(self.bus_status())),
            BusOrder::Job { done } => {
                if let Some(job) = &mut self.job {
                    job.asked_at = Instant::now();
                }
                drop(done.send(self.last_job.clone()));
            }
            BusOrder::Cancel { done } => {
                self.cancel();
                drop(done.send(self.last_job.clone()));
            }
            BusOrder::RaiseSpeed {
                limit,
                leave_offline,
                actor,
                done,
            } => drop(done.send(self.begin_raise(limit, leave_offline, actor))),
            BusOrder::Scan {
                addresses,
                bauds,
                actor,
                done,
            } => {
                let scan = BusScan::new(addresses, bauds);
                drop(done.send(self.begin(Work::Scan(scan), BusJobKind::Scan, actor)));
            }
        }
    }

    fn bus_status(&self) -> BusStatus {
        let readers = self.setup.readers.iter().zip(&self.since);
        BusStatus {
            name: self.setup.name.clone(),
            port: DeviceName::from(&*self.setup.port.to_string_lossy()),
            works: self.is_port_open,
            readers: readers
                .map(|(reader, since)| {
                    let panel = &self.setup.panel;
                    figures::figures(panel, &reader.name, reader.address, *since)
                })
                .collect(),
            job: self.last_job.clone(),
        }
    }

    fn begin_raise(
        &mut self,
        limit: Baud,
        leave_offline: bool,
        actor: Actor,
    ) -> Result<BusJob, BusRefusal> {
        self.may_begin()?;
        let raise = SpeedRaise::new(&self.setup.panel, limit, leave_offline);
        let raise = raise.map_err(|RaiseError::Offline(addresses)| {
            let names: Vec<String> = addresses
                .into_iter()
                .map(|address| format!("`{}`", self.name_at(address)))
                .collect();
            BusRefusal::Offline(names.join(", "))
        })?;
        self.begin(Work::Raise(raise), BusJobKind::RaiseSpeed, actor)
    }

    fn may_begin(&self) -> Result<(), BusRefusal> {
        let name = || self.setup.name.clone();
        if self.job.is_some() {
            return Err(BusRefusal::JobRuns(name()));
        }
        if !self.is_port_open {
            return Err(BusRefusal::PortFails(name()));
        }
        Ok(())
    }

    fn begin(&mut self, work: Work, kind: BusJobKind, actor: Actor) -> Result<BusJob, BusRefusal> {
        self.may_begin()?;
        let bus = &self.setup.name;
        log::info!(bus = &**bus; "bus `{bus}`: {kind:?} ordered by {actor}");
        let job = BusJob {
            number: self.last_job.as_ref().map_or(0, |job| job.number) + 1,
            bus: self.setup.name.clone(),
            kind,
            state: BusJobState::Running,
            actor,
            started: self.setup.clock.now().wall,
            done: 0,
            of: 0,
            trying_baud: None,
            baud: None,
            speeds: Vec::new(),
            found: Vec::new(),
        };
        self.last_job = Some(job.clone());
        self.job = Some(RunningJob {
            work,
            asked_at: Instant::now(),
            is_given_up: false,
        });
        Ok(job)
    }

    /// Lets what goes on go on.
    pub(super) async fn work(&mut self) {
        let now = self.now();
        let Some(running) = &mut self.job else { return };
        let unasked = running.asked_at.elapsed() > SCAN_UNASKED;
        match &mut running.work {
            Work::Raise(raise) => {
                raise.handle_timeout(now, &mut self.setup.panel);
                self.show_raise();
            }
            Work::Scan(scan) => {
                if scan.handle_timeout(now, &mut self.setup.panel) {
                    self.show_scan();
                }
                if unasked {
                    log::info!(
                        "the scan of bus `{}` is ended: nobody asks for it",
                        self.setup.name
                    );
                    self.cancel();
                }
            }
        }
        self.tell_lost_readers().await;
    }

    fn show_raise(&mut self) {
        let Some(RunningJob {
            work: Work::Raise(raise),
            ..
        }) = &self.job
        else {
            return;
        };
        let Some(job) = &mut self.last_job else {
            return;
        };
        let (done, of) = raise.progress();
        (job.done, job.of) = (count(done), count(of));
        job.trying_baud = raise.target().map(Baud::rate);
        let Some(raised) = raise.poll_done(&self.setup.panel) else {
            return;
        };
        job.baud = raised.baud.map(Baud::rate);
        let readers = &self.setup.readers;
        job.speeds = raised
            .readers
            .iter()
            .filter_map(|raised| {
                let mut known = readers.iter();
                let reader = known.find(|reader| reader.address == raised.address)?;
                Some(figures::speed(raised, reader.name.clone()))
            })
            .collect();
        self.end(BusJobState::Done);
    }

    fn show_scan(&mut self) {
        let Some(RunningJob {
            work: Work::Scan(scan),
            ..
        }) = &self.job
        else {
            return;
        };
        let Some(job) = &mut self.last_job else {
            return;
        };
        let (done, of) = scan.progress();
        (job.done, job.of) = (count(done), count(of));
        let readers = &self.setup.readers;
        if scan.found().len() != job.found.len() {
            let found = scan.found().iter().map(|pd| {
                let mut known = readers.iter();
                let reader = known.find(|reader| reader.address == pd.address);
                figures::found(pd, reader.map(|reader| reader.name.clone()))
            });
            job.found = found.collect();
        }
        if scan.is_done() {
            self.end(BusJobState::Done);
        }
    }

    fn cancel(&mut self) {
        let now = self.now();
        let Some(job) = &mut self.job else { return };
        job.is_given_up = true;
        match &mut job.work {
            // The readers must not be left at different speeds.
            Work::Raise(raise) => raise.give_up(),
            Work::Scan(_) => {
                self.setup.panel.end_visit(now);
                self.end(BusJobState::Cancelled);
            }
        }
    }

    /// The port is gone, and with it what went on.
    pub(super) fn port_gone(&mut self) {
        self.is_port_open = false;
        if self.job.is_some() {
            self.end(BusJobState::PortLost);
        }
    }

    fn end(&mut self, state: BusJobState) {
        let is_given_up = self.job.take().is_some_and(|job| job.is_given_up);
        let Some(job) = &mut self.last_job else {
            return;
        };
        job.state = match state {
            BusJobState::Done if is_given_up => BusJobState::Cancelled,
            state => state,
        };
        log::info!(bus = &*job.bus; "bus `{}`: {:?} {:?}", job.bus, job.kind, job.state);
        if job.kind == BusJobKind::RaiseSpeed {
            // What is not written here stands in the log of the daemon.
            if let Err(error) = self.setup.finished.try_send(job.clone()) {
                log::error!(
                    "what became of the speed of bus `{}` is not recorded: {error}",
                    job.bus
                );
            }
        }
    }

    /// While its speed is raised, a reader that goes to another one is not called offline.
    pub(super) fn is_moving(&self, reason: OfflineReason) -> bool {
        reason == OfflineReason::BaudChanged && self.job.as_ref().is_some_and(RunningJob::is_raise)
    }

    /// Readers that went to another speed and have not come back when all is done are offline.
    pub(super) async fn tell_lost_readers(&mut self) {
        if self.job.is_some() {
            return;
        }
        for slot in 0..self.moving.len() {
            let reader = &self.setup.readers[slot];
            let is_lost = std::mem::replace(&mut self.moving[slot], false)
                && is_absent(&self.setup.panel, reader.address);
            if is_lost {
                let input = Input::Reader {
                    reader: reader.ix,
                    event: ReaderEvent::Offline,
                };
                self.gone(slot);
                self.send(input).await;
            }
        }
    }

    fn name_at(&self, address: Address) -> DeviceName {
        let mut known = self.setup.readers.iter();
        let reader = known.find(|reader| reader.address == address);
        reader.map_or_else(|| "?".into(), |reader| reader.name.clone())
    }

    /// Hands an event to what goes on.
    pub(super) fn tell_job(&mut self, event: &BusEvent) {
        let now = self.now();
        if let Some(job) = &mut self.job {
            job.handle_event(now, event);
        }
        if let LinkEvent::Online(_) = event.event {
            self.keep_baud(event.address);
        }
    }

    /// Keeps the speed at which a reader answers, so that it is found at once after a restart.
    fn keep_baud(&self, address: Address) {
        let Some(baud) = self.setup.panel.baud(address) else {
            return;
        };
        let name = format!("{KEPT_BAUD}{}", self.name_at(address));
        let rate = baud.rate().to_string();
        self.setup.states.keep(&name, rate.into_bytes());
    }
}

/// What the names begin with of the speeds that are kept; the reader's name follows.
pub(crate) const KEPT_BAUD: &str = "baud/";

fn is_absent(panel: &ControlPanel, address: Address) -> bool {
    panel.presence(address).is_none()
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
