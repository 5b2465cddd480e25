//! `doorward readers figures`, `scan` and `raise-speed`: what concerns a whole bus.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use doorward_api::{
    BusJob, BusJobKind, BusJobState, BusStatus, RaiseSpeedBody, ReaderIdentity, ScanBody,
};
use jiff::tz::TimeZone;

use super::args::{BusesAction, RaiseSpeedArgs, ScanArgs};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::table::Table;
use super::time;
use crate::text;

/// How often the daemon is asked how far it is.
const LOOK: Duration = Duration::from_millis(250);

pub(super) async fn run(context: &mut Context, action: BusesAction) -> Result<(), Failure> {
    match action {
        BusesAction::Figures { bus } => figures(context, bus.as_deref()).await,
        BusesAction::Scan(args) => scan(context, args).await,
        BusesAction::RaiseSpeed(args) => raise_speed(context, args).await,
    }
}

async fn figures(context: &mut Context, bus: Option<&str>) -> Result<(), Failure> {
    let mut buses = context.client.buses().await?;
    if let Some(name) = bus {
        let all: Vec<String> = buses.iter().map(|bus| format!("`{}`", bus.name)).collect();
        buses.retain(|bus| &*bus.name == name);
        if buses.is_empty() {
            let known = all.join(", ");
            let message = format!("there is no OSDP bus `{name}`; there are: {known}");
            return Err(Failure::said(Exit::Data, message));
        }
    }
    if context.json {
        return context.print_json(&buses);
    }
    Ok(write_figures(&mut context.out, &buses, &context.zone)?)
}

async fn scan(context: &mut Context, args: ScanArgs) -> Result<(), Failure> {
    let body = ScanBody {
        first: Some(args.first),
        last: Some(args.last),
        bauds: args.baud,
    };
    context.client.scan(&args.bus, &body).await?;
    let job = wait(context, &args.bus).await?;
    if context.json {
        context.print_json(&job)?;
    } else {
        write_found(&mut context.out, &job)?;
    }
    ended(&job)
}

async fn raise_speed(context: &mut Context, args: RaiseSpeedArgs) -> Result<(), Failure> {
    let body = RaiseSpeedBody {
        limit: args.limit,
        leave_offline: args.leave_offline,
    };
    context.client.raise_speed(&args.bus, &body).await?;
    let job = wait(context, &args.bus).await?;
    if context.json {
        context.print_json(&job)?;
    } else {
        write_speeds(&mut context.out, &job)?;
    }
    ended(&job)
}

/// Waits for the end of what was ordered, showing how far it is; Ctrl-C has it ended.
async fn wait(context: &mut Context, bus: &str) -> Result<BusJob, Failure> {
    let mut shown = Progress::new();
    let mut is_interrupted = false;
    loop {
        let job = context.client.bus_job(bus).await?;
        if job.state != BusJobState::Running {
            shown.end()?;
            return Ok(job);
        }
        shown.show(&job)?;
        // Cancel-safe: a timer, and a signal that is taken only when its arm is chosen.
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            signal = tokio::signal::ctrl_c(), if !is_interrupted => {
                signal?;
                is_interrupted = true;
                context.client.cancel_bus_job(bus).await?;
            }
        }
    }
}

fn ended(job: &BusJob) -> Result<(), Failure> {
    match job.state {
        BusJobState::Running | BusJobState::Done => Ok(()),
        BusJobState::Cancelled => Err(Failure::said(Exit::TryAgain, "ended before it was done")),
        BusJobState::PortLost => {
            let message = format!("the serial device of bus `{}` was lost", job.bus);
            Err(Failure::said(Exit::Unavailable, message))
        }
    }
}

/// One line on standard error that is written over again, where that is a terminal.
struct Progress {
    is_terminal: bool,
    line: String,
}

impl Progress {
    fn new() -> Self {
        Self {
            is_terminal: io::stderr().is_terminal(),
            line: String::new(),
        }
    }

    fn show(&mut self, job: &BusJob) -> io::Result<()> {
        let line = progress_line(job);
        if self.is_terminal && line != self.line {
            let wipe = " ".repeat(self.line.len().saturating_sub(line.len()));
            write!(io::stderr(), "\r{line}{wipe}")?;
            io::stderr().flush()?;
            self.line = line;
        }
        Ok(())
    }

    fn end(&self) -> io::Result<()> {
        if !self.line.is_empty() {
            write!(io::stderr(), "\r{}\r", " ".repeat(self.line.len()))?;
        }
        Ok(())
    }
}

fn progress_line(job: &BusJob) -> String {
    let (done, of) = (job.done, job.of);
    match (job.kind, job.trying_baud) {
        (BusJobKind::Scan, _) => {
            let percent = done * 100 / of.max(1);
            format!(
                "asked {percent} % of {of} places, found {}",
                job.found.len()
            )
        }
        (BusJobKind::RaiseSpeed, Some(baud)) => format!("{done} of {of} readers at {baud} baud"),
        (BusJobKind::RaiseSpeed, None) => format!("{done} of {of} readers back"),
    }
}

fn write_figures(out: &mut dyn Write, buses: &[BusStatus], zone: &TimeZone) -> io::Result<()> {
    let mut table = Table::new(&[
        "READER", "BUS", "ADDRESS", "BAUD", "STATE", "SINCE", "REPLIES", "AGAIN", "TIMEOUTS",
        "DAMAGED", "REFUSALS", "LOST", "P50", "P99",
    ]);
    for bus in buses {
        for reader in &bus.readers {
            let state = match (reader.online, reader.secure) {
                _ if reader.address_shared => "ADDRESS SHARED",
                _ if reader.unreadable => "UNREADABLE",
                (true, true) => "secure",
                (true, false) => "in clear",
                (false, _) => "OFFLINE",
            };
            let naks: Vec<String> = reader
                .naks
                .iter()
                .map(|(code, count)| format!("{count} {code}"))
                .collect();
            let damaged = reader.bad_checks + reader.bad_macs + reader.bad_sequences;
            let lost = format!("{}/{}", reader.outages, reader.sessions_lost);
            table.row(&[
                reader.name.to_string(),
                bus.name.to_string(),
                reader.address.to_string(),
                reader.baud.to_string(),
                state.to_owned(),
                time::date_and_time(reader.since, zone),
                reader.replies.to_string(),
                reader.retries.to_string(),
                reader.timeouts.to_string(),
                damaged.to_string(),
                if naks.is_empty() {
                    text::NONE.to_owned()
                } else {
                    naks.join(", ")
                },
                lost,
                ms(reader.latency_p50_us),
                ms(reader.latency_p99_us),
            ]);
        }
    }
    if table.is_empty() {
        return writeln!(out, "no readers");
    }
    table.write(out)?;
    for bus in buses.iter().filter(|bus| !bus.works) {
        writeln!(out, "bus {}: {} DOES NOT WORK", bus.name, bus.port)?;
    }
    Ok(())
}

fn ms(us: u64) -> String {
    format!("{}.{} ms", us / 1000, us % 1000 / 100)
}

fn write_found(out: &mut dyn Write, job: &BusJob) -> io::Result<()> {
    if job.found.is_empty() {
        return writeln!(out, "no readers found on bus {}", job.bus);
    }
    let mut table = Table::new(&["ADDRESS", "BAUD", "CONFIGURED AS", "WHO IT IS", "CAN DO"]);
    for found in &job.found {
        let (who, can) = match &found.identity {
            Some(identity) => (in_words(identity), identity.capabilities.join(", ")),
            None => (
                "UNREADABLE: two readers at this address, or a disturbed line".to_owned(),
                text::NONE.to_owned(),
            ),
        };
        let name = found.name.as_ref().map(ToString::to_string);
        table.row(&[
            found.address.to_string(),
            found.baud.to_string(),
            name.unwrap_or_else(|| text::NONE.to_owned()),
            who,
            can,
        ]);
    }
    table.write(out)
}

fn in_words(identity: &ReaderIdentity) -> String {
    let ReaderIdentity {
        vendor,
        model,
        version,
        serial,
        firmware,
        ..
    } = identity;
    format!("{vendor} model {model} version {version} firmware {firmware} serial {serial}")
}

fn write_speeds(out: &mut dyn Write, job: &BusJob) -> io::Result<()> {
    let mut table = Table::new(&["READER", "ADDRESS", "BEFORE", "NOW", "NOT ABOVE"]);
    for speed in &job.speeds {
        let now = if speed.online {
            speed.to_baud.to_string()
        } else {
            format!("{} OFFLINE", speed.to_baud)
        };
        let refused = match (speed.refused_baud, &speed.refusal) {
            (Some(baud), Some(why)) => format!("{baud}: {why}"),
            _ => text::NONE.to_owned(),
        };
        table.row(&[
            speed.name.to_string(),
            speed.address.to_string(),
            speed.from_baud.to_string(),
            now,
            refused,
        ]);
    }
    table.write(out)?;
    match job.baud {
        Some(baud) => writeln!(out, "bus {} runs at {baud} baud", job.bus),
        None => writeln!(
            out,
            "the readers of bus {} run at different speeds",
            job.bus
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_api::{FoundReader, ReaderFigures, ReaderSpeed};
    use doorward_core::time::Wall;

    fn shown(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn job(kind: BusJobKind) -> BusJob {
        BusJob {
            number: 1,
            bus: "north".into(),
            kind,
            state: BusJobState::Done,
            actor: "uid 0 (root)".into(),
            started: Wall(1_774_342_800_000),
            done: 381,
            of: 762,
            trying_baud: None,
            baud: None,
            speeds: Vec::new(),
            found: Vec::new(),
        }
    }

    fn identity() -> ReaderIdentity {
        ReaderIdentity {
            vendor: "00-06-8E".to_owned(),
            model: 3,
            version: 1,
            serial: 4711,
            firmware: "2.0.1".to_owned(),
            capabilities: ["cards", "light", "buzzer"].map(str::to_owned).into(),
        }
    }

    #[test]
    fn found_readers() {
        let found = |address, baud, name: Option<&str>, identity| FoundReader {
            address,
            baud,
            name: name.map(Into::into),
            identity,
        };
        let job = BusJob {
            found: vec![
                found(0, 115_200, Some("front-in"), Some(identity())),
                found(0, 9600, None, Some(identity())),
                found(7, 9600, None, None),
            ],
            ..job(BusJobKind::Scan)
        };
        assert_eq!(progress_line(&job), "asked 50 % of 762 places, found 3");
        insta::assert_snapshot!(shown(|out| write_found(out, &job)));
    }

    #[test]
    fn raised_speeds() {
        let speed = |name: &str, address, refusal: Option<(u32, &str)>| ReaderSpeed {
            name: name.into(),
            address,
            from_baud: 9600,
            to_baud: 57_600,
            refused_baud: refusal.map(|(baud, _)| baud),
            refusal: refusal.map(|(_, why)| why.to_owned()),
            online: true,
        };
        let refusal = Some((115_200, "it agreed and did not come back"));
        let job = BusJob {
            baud: Some(57_600),
            speeds: vec![speed("front-in", 0, None), speed("lab-in", 1, refusal)],
            ..job(BusJobKind::RaiseSpeed)
        };
        insta::assert_snapshot!(shown(|out| write_speeds(out, &job)));
    }

    #[test]
    fn figures_of_readers() {
        let reader = |name: &str, address, online, naks: &[(&str, u64)]| ReaderFigures {
            name: name.into(),
            address,
            baud: 115_200,
            online,
            secure: online,
            since: Wall(1_774_342_800_000),
            identity: online.then(identity),
            address_shared: false,
            unreadable: false,
            polls: 90_000,
            commands: 14,
            replies: 90_003,
            retries: 11,
            timeouts: 12,
            bad_checks: 2,
            bad_macs: 0,
            bad_sequences: 1,
            clear_refused: 0,
            busy: 0,
            naks: naks
                .iter()
                .map(|(code, count)| ((*code).to_owned(), *count))
                .collect(),
            sessions: 2,
            sessions_lost: 1,
            outages: 1,
            probes: 3,
            latency_p50_us: 1_450,
            latency_p99_us: 12_060,
            latency_max_us: 48_000,
        };
        let bus = BusStatus {
            name: "north".into(),
            port: "/dev/ttyUSB0".into(),
            works: false,
            readers: vec![
                reader("front-in", 0, true, &[("bad_check", 2), ("sequence", 1)]),
                reader("lab-in", 1, false, &[]),
            ],
            job: None,
        };
        insta::assert_snapshot!(shown(|out| write_figures(out, &[bus], &TimeZone::UTC)));
    }
}
