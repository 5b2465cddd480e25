//! `doorward log`

use std::io::{self, Write};

use doorward_api::{EventRow, EventsQuery, ProofQuery};
use serde_json::{Value, json};

use super::args::{LogAction, LogExportArgs, LogFormat, LogName};
use super::context::Context;
use super::failure::{Exit, Failure};

/// Rows asked for at once.
const PAGE_ROWS: u32 = 1000;

/// What the first line of a proof names.
const PROOF: &str = "doorward/1";

/// The columns of a CSV export, in the order of the fields of an event.
const COLUMNS: [&str; 20] = [
    "seq",
    "at",
    "clock",
    "kind",
    "reason",
    "door",
    "reader",
    "board",
    "direction",
    "key",
    "user",
    "credential",
    "card",
    "actor",
    "mode",
    "area",
    "alarm",
    "port",
    "of",
    "note",
];

pub(super) async fn run(context: &mut Context, action: LogAction) -> Result<(), Failure> {
    let LogAction::Export(args) = action;
    match (args.proof, args.log) {
        (true, _) => prove(context, &args).await,
        (false, LogName::Events) => export(context, &args).await,
        (false, LogName::Audit) => Err(Failure::said(
            Exit::Usage,
            "the admin log is exported with `--proof`",
        )),
    }
}

/// Header, rows and a last line that says how many they were: a file that was cut is found out.
async fn prove(context: &mut Context, args: &LogExportArgs) -> Result<(), Failure> {
    let mut query = ProofQuery {
        after: args.after,
        limit: Some(PAGE_ROWS),
    };
    let mut rows = 0_u64;
    let mut head = None;
    loop {
        let page = match args.log {
            LogName::Events => context.client.prove_events(query).await?,
            LogName::Audit => context.client.prove_audit(query).await?,
        };
        if head.is_none() {
            let log = match args.log {
                LogName::Events => "events",
                LogName::Audit => "audit",
            };
            let header = json!({
                "proof": PROOF, "log": log, "after": args.after, "previous": page.previous,
            });
            writeln!(context.out, "{header}")?;
            head = Some(page.previous);
        }
        let wanted = page.rows.iter().filter(|row| row.seq <= args.until);
        for row in wanted {
            writeln!(
                context.out,
                "{}",
                serde_json::to_value(row).unwrap_or_default()
            )?;
            rows += 1;
            head = Some(row.hash.clone());
        }
        match page.rows.last() {
            Some(last) if last.seq < args.until => query.after = last.seq,
            _ => break,
        }
    }
    let last = json!({ "rows": rows, "head": head });
    Ok(writeln!(context.out, "{last}")?)
}

async fn export(context: &mut Context, args: &LogExportArgs) -> Result<(), Failure> {
    if args.format == LogFormat::Csv {
        let names = COLUMNS.map(str::to_owned);
        write_csv(&mut context.out, &names)?;
    }
    let mut query = EventsQuery {
        after: Some(args.after),
        before: args.until.checked_add(1),
        limit: Some(PAGE_ROWS),
        ..EventsQuery::default()
    };
    loop {
        let page = context.client.events(&query).await?;
        for row in &page.events {
            match args.format {
                LogFormat::Jsonl => context.print_json(row)?,
                LogFormat::Csv => write_csv(&mut context.out, &fields(row))?,
            }
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(()),
        }
    }
}

/// The values of a row in the order of [`COLUMNS`].
fn fields(row: &EventRow) -> [String; COLUMNS.len()] {
    let row = serde_json::to_value(row).unwrap_or_default();
    COLUMNS.map(|name| match &row[name] {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    })
}

/// One line of CSV. What a spreadsheet would take for a formula is written with an apostrophe
/// before it.
fn write_csv(out: &mut dyn Write, fields: &[String]) -> io::Result<()> {
    for (at, field) in fields.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        let guard = field.starts_with(['=', '+', '-', '@', '\t', '\r']);
        if guard || field.contains([',', '"', '\n', '\r']) {
            let quote = if guard { "\"'" } else { "\"" };
            write!(out, "{quote}{}\"", field.replace('"', "\"\""))?;
        } else {
            out.write_all(field.as_bytes())?;
        }
    }
    out.write_all(b"\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_quoted_where_it_must_be_and_holds_no_formula() {
        let check = |fields: &[&str], expect: &str| {
            let fields: Vec<String> = fields.iter().map(|field| (*field).to_owned()).collect();
            let mut out = Vec::new();
            write_csv(&mut out, &fields).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), expect);
        };
        check(&["1", "", "main"], "1,,main\r\n");
        check(
            &["a,b", "say \"no\"", "x\ny"],
            "\"a,b\",\"say \"\"no\"\"\",\"x\ny\"\r\n",
        );
        check(&["=1+1", "@x"], "\"'=1+1\",\"'@x\"\r\n");
    }

    #[test]
    fn every_field_of_an_event_has_a_column() {
        let rows = crate::console::sample::passages();
        for row in rows {
            let value = serde_json::to_value(&row).unwrap();
            for name in value.as_object().unwrap().keys() {
                let known = COLUMNS.contains(&name.as_str());
                assert!(
                    known || ["hash", "erased", "revision"].contains(&name.as_str()),
                    "{name}"
                );
            }
        }
    }
}
