//! `doorward events`

use std::collections::HashMap;
use std::io::{self, Write};
use std::time::Duration;

use doorward_api::{ClientError, EventRow, EventsQuery, ProblemKind};
use doorward_core::event::{Event, EventKind};
use doorward_core::ids::{DoorId, UserId};
use doorward_core::model::{Door, User};
use jiff::tz::TimeZone;
use serde_json::json;

use super::args::EventsArgs;
use super::context::{Context, with_cause};
use super::failure::Failure;
use super::{names, table, time};
use crate::text;

/// Rows of one page.
const PAGE_ROWS: u32 = 1000;
/// Names of users kept while following; more are asked for again.
const NAMES_MAX: usize = 10_000;
/// The first and the longest pause before the daemon is called again.
const RETRY_MS: (u64, u64) = (250, 5_000);

pub(super) async fn run(context: &mut Context, args: EventsArgs) -> Result<(), Failure> {
    let filter = Filter {
        door: match &args.door {
            Some(name) => Some(names::find::<Door>(&context.client, name).await?.id),
            None => None,
        },
        user: match &args.user {
            Some(name) => Some(names::find::<User>(&context.client, name).await?.id),
            None => None,
        },
    };
    let zone = time::local_zone();
    let moment = |text: &Option<String>| match text {
        Some(text) => time::parse(text, &zone, context.now).map(Some),
        None => Ok(None),
    };
    let query = EventsQuery {
        after: args.after,
        door: filter.door,
        user: filter.user,
        from: moment(&args.from).map_err(Failure::usage)?,
        until: moment(&args.until).map_err(Failure::usage)?,
        ..EventsQuery::default()
    };
    let (rows, newest) = listed(context, &args, query).await?;
    if context.json && !args.follow {
        let events = json!({ "events": rows, "newest": newest });
        return context.print_json(&events);
    }
    let mut printer = Printer::new(context).await?;
    for row in &rows {
        printer.print(context, row).await?;
    }
    if args.follow {
        follow(context, &mut printer, filter, newest).await?;
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Filter {
    door: Option<DoorId>,
    user: Option<UserId>,
}

impl Filter {
    fn fits(self, event: &Event) -> bool {
        self.door.is_none_or(|door| event.door == Some(door))
            && self.user.is_none_or(|user| event.user == Some(user))
    }
}

/// The rows asked for in rising order, and the number to follow on from.
async fn listed(
    context: &Context,
    args: &EventsArgs,
    mut query: EventsQuery,
) -> Result<(Vec<EventRow>, u64), Failure> {
    let mut rows: Vec<EventRow> = Vec::new();
    let mut newest = None;
    loop {
        let wanted = args
            .limit
            .saturating_sub(u32::try_from(rows.len()).unwrap_or(u32::MAX));
        query.limit = Some(wanted.clamp(1, PAGE_ROWS));
        let page = context.client.events(&query).await?;
        let first_newest = *newest.get_or_insert(page.newest);
        rows.extend(page.events.into_iter().take(wanted as usize));
        let full = rows.len() >= args.limit as usize;
        match page.next {
            Some(next) if !full && args.after.is_some() => query.after = Some(next),
            Some(next) if !full => query.before = Some(next),
            more => {
                if args.after.is_none() {
                    rows.reverse();
                }
                // Rows after `--after` that did not fit are followed; newer ones come anyway.
                let cut_off = args.after.is_some() && (full && more.is_some() || args.limit == 0);
                let last = rows.last().map(|row| row.seq).or(args.after);
                let on_from = if cut_off {
                    last
                } else {
                    last.max(Some(first_newest))
                };
                return Ok((rows, on_from.unwrap_or(0)));
            }
        }
    }
}

/// Prints new rows for ever; after a break goes on where it stopped.
async fn follow(
    context: &mut Context,
    printer: &mut Printer,
    filter: Filter,
    newest: u64,
) -> Result<(), Failure> {
    context.out.flush()?;
    let mut last = newest;
    let mut pause_ms = RETRY_MS.0;
    loop {
        let reason = match context.client.event_stream(Some(last)).await {
            Ok(mut stream) => loop {
                match stream.next().await {
                    Ok(Some(row)) => {
                        pause_ms = RETRY_MS.0;
                        last = row.seq;
                        if filter.fits(&row.event) {
                            printer.print(context, &row).await?;
                            context.out.flush()?;
                        }
                    }
                    Ok(None) => break "the daemon ended the stream".to_owned(),
                    Err(error) => break with_cause(&error),
                }
            },
            Err(ClientError::Problem(problem)) if !passes(problem.kind) => {
                return Err(ClientError::Problem(problem).into());
            }
            Err(error) => with_cause(&error),
        };
        writeln!(
            io::stderr(),
            "doorward: {reason}; trying again after event {last}"
        )?;
        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
        pause_ms = (pause_ms * 2).min(RETRY_MS.1);
    }
}

/// Whether the daemon may well say yes in a moment.
const fn passes(kind: ProblemKind) -> bool {
    matches!(
        kind,
        ProblemKind::Busy | ProblemKind::Unavailable | ProblemKind::TimedOut
    )
}

/// Prints rows one at a time in columns that do not depend on rows to come.
struct Printer {
    doors: Vec<Door>,
    door_width: usize,
    names: HashMap<UserId, String>,
}

impl Printer {
    async fn new(context: &Context) -> Result<Self, Failure> {
        let doors = if context.json {
            Vec::new()
        } else {
            context.client.list_all::<Door>().await?
        };
        Ok(Self::with_doors(doors))
    }

    fn with_doors(doors: Vec<Door>) -> Self {
        let widest = doors.iter().map(|door| table::width(&door.name)).max();
        Self {
            doors,
            door_width: widest.unwrap_or(0).clamp(8, 30),
            names: HashMap::new(),
        }
    }

    async fn print(&mut self, context: &mut Context, row: &EventRow) -> Result<(), Failure> {
        if context.json {
            return context.print_json(row);
        }
        let person = self.person(context, row).await?;
        let zone = context.zone.clone();
        Ok(writeln!(context.out, "{}", self.line(row, &person, &zone))?)
    }

    async fn person(&mut self, context: &Context, row: &EventRow) -> Result<String, Failure> {
        if row.erased {
            return Ok(text::ERASED.to_owned());
        }
        let event = &row.event;
        let Some(id) = event.user else {
            let bits = event.card.map(|card| text::card_of_bits(card.len()));
            return Ok(bits.unwrap_or_default());
        };
        if let Some(name) = self.names.get(&id) {
            return Ok(name.clone());
        }
        let name = match context.client.record::<User>(id).await {
            Ok(user) => user.full_name(),
            Err(ClientError::Problem(problem)) if problem.kind == ProblemKind::NotFound => {
                text::unknown_user(id)
            }
            Err(error) => return Err(error.into()),
        };
        if self.names.len() >= NAMES_MAX {
            self.names.clear();
        }
        self.names.insert(id, name.clone());
        Ok(name)
    }

    fn line(&self, row: &EventRow, person: &str, zone: &TimeZone) -> String {
        let event = &row.event;
        let door = event
            .door
            .and_then(|id| self.doors.iter().find(|door| door.id == id));
        let zone = door.map_or_else(|| zone.clone(), |door| time::zone(&door.time_zone));
        let place = match (event.door, door) {
            (_, Some(door)) => text::printable(&door.name),
            (Some(id), None) => text::unknown_door(id),
            (None, None) => String::new(),
        };
        let mark = match event.kind {
            EventKind::Denied
            | EventKind::ForcedOpen
            | EventKind::HeldOpen
            | EventKind::FireReleased
            | EventKind::AlarmRaised => "!",
            _ => " ",
        };
        let line = format!(
            "{:>8}  {}  {mark} {}  {}  {}",
            row.seq,
            time::date_and_time(event.at, &zone),
            padded(&place, self.door_width),
            padded(&text::printable(person), 22),
            text::printable(&text::happened(event)),
        );
        line.trim_end().to_owned()
    }
}

fn padded(text: &str, width: usize) -> String {
    let room = width.saturating_sub(table::width(text));
    format!("{text}{}", " ".repeat(room))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::sample;

    #[test]
    fn rows_in_the_doors_own_time_zone() {
        let doors = sample::doors().into_iter().map(|view| view.door).collect();
        let printer = Printer::with_doors(doors);
        let users = sample::users();
        let lines: Vec<String> = sample::passages()
            .iter()
            .map(|row| {
                let user = users.iter().find(|user| Some(user.id) == row.event.user);
                let name = user.map_or_else(String::new, User::full_name);
                printer.line(row, &name, &TimeZone::UTC)
            })
            .collect();
        insta::assert_snapshot!(lines.join("\n"));
    }

    #[test]
    fn filters_take_only_what_they_name() {
        let rows = sample::passages();
        let fitting = |door: Option<u32>, user: Option<u32>| {
            let filter = Filter {
                door: door.map(DoorId),
                user: user.map(UserId),
            };
            rows.iter().filter(|row| filter.fits(&row.event)).count()
        };
        assert_eq!(fitting(None, None), rows.len());
        assert!(fitting(Some(1), None) < rows.len());
        assert!(fitting(Some(1), None) > 0);
        assert_eq!(fitting(Some(99), None), 0);
        assert!(fitting(None, Some(1)) > 0);
    }
}
