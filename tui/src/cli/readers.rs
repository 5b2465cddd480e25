//! `doorward readers`

use std::io::{self, Write};

use doorward_api::{Live, LiveMessage, LiveStream, ReaderKey, ReaderStatus};
use serde_json::json;

use super::args::{InstallArgs, ReadersAction, RotateArgs};
use super::context::Context;
use super::failure::{Exit, Failure};
use super::table::Table;
use super::time;
use crate::text;

pub(super) async fn run(
    context: &mut Context,
    action: Option<ReadersAction>,
) -> Result<(), Failure> {
    match action.unwrap_or(ReadersAction::List) {
        ReadersAction::List => list(context).await,
        ReadersAction::Install(args) if args.close => close(context, &args.reader).await,
        ReadersAction::Install(args) => install(context, &args).await,
        ReadersAction::RotateKey(args) => rotate(context, &args).await,
        ReadersAction::Bus(action) => super::buses::run(context, action).await,
    }
}

async fn list(context: &mut Context) -> Result<(), Failure> {
    let readers = context.client.status().await?.readers;
    if context.json {
        return context.print_json(&json!({ "readers": readers }));
    }
    Ok(write_list(&mut context.out, &readers)?)
}

fn write_list(out: &mut dyn Write, readers: &[ReaderStatus]) -> io::Result<()> {
    if readers.is_empty() {
        return writeln!(out, "no readers");
    }
    let mut table = Table::new(&["READER", "ANSWERS", "CHANNEL", "KEY", "WHO IT IS"]);
    for reader in readers {
        let channel = match (reader.online, reader.secure) {
            (true, true) => "secure",
            (true, false) => "CLEAR",
            (false, _) => text::NONE,
        };
        table.row(&[
            reader.name.to_string(),
            if reader.online { "yes" } else { "NO" }.to_owned(),
            channel.to_owned(),
            text::reader_key(reader.key).to_owned(),
            reader.identity.as_deref().unwrap_or(text::NONE).to_owned(),
        ]);
    }
    table.write(out)
}

async fn close(context: &mut Context, reader: &str) -> Result<(), Failure> {
    context.client.close_install(reader).await?;
    if context.json {
        return context.print_json(&json!({ "reader": reader, "closed": true }));
    }
    context.print(format_args!("{reader}: the install window is closed"))
}

async fn install(context: &mut Context, args: &InstallArgs) -> Result<(), Failure> {
    // Before the window opens, so that nothing is missed.
    let live = context.client.live_stream().await?;
    let window = context
        .client
        .open_install(&args.reader, args.minutes)
        .await?;
    if args.no_wait && context.json {
        return context.print_json(&window);
    }
    if !context.json {
        let until = time::date_and_time(window.until, &context.zone);
        context.print(format_args!(
            "{}: the install window is open until {until}; bring the reader into install mode now",
            args.reader
        ))?;
        context.out.flush()?;
    }
    if args.no_wait {
        return Ok(());
    }
    let reader = outcome(live, &args.reader).await?;
    if !reader.secure {
        let message = format!(
            "{}: the install window is closed and the reader has shown no new key; {}",
            args.reader,
            text::reader_key(reader.key)
        );
        return Err(Failure::said(Exit::Unavailable, message));
    }
    if context.json {
        return context.print_json(&reader);
    }
    context.print(format_args!(
        "{}: the reader has a key of its own, and is in Secure Channel",
        args.reader
    ))
}

/// Waits until the install window of a reader has served or closed.
async fn outcome(mut live: LiveStream, name: &str) -> Result<ReaderStatus, Failure> {
    let mut was_open = false;
    while let Some(message) = live.next().await? {
        let reader = match message {
            LiveMessage::Change(Live::Reader(reader)) => Some(reader),
            LiveMessage::Snapshot(site) => {
                let mut readers = site.readers.into_iter();
                readers.find(|reader| *reader.name == *name)
            }
            LiveMessage::Change(_) => None,
        };
        let Some(reader) = reader.filter(|reader| *reader.name == *name) else {
            continue;
        };
        let is_open = reader.key == ReaderKey::Installing;
        if was_open && !is_open {
            return Ok(reader);
        }
        was_open |= is_open;
    }
    Err(Failure::said(
        Exit::Unavailable,
        "the daemon has stopped; its install windows are closed",
    ))
}

async fn rotate(context: &mut Context, args: &RotateArgs) -> Result<(), Failure> {
    let names = match &args.reader {
        Some(reader) => vec![reader.clone()],
        None => {
            let readers = context.client.status().await?.readers.into_iter();
            let secure = readers.filter(|reader| reader.secure);
            secure.map(|reader| reader.name.to_string()).collect()
        }
    };
    let mut failed = 0;
    for name in &names {
        let result = context.client.rotate_key(name).await;
        if names.len() == 1 {
            result?;
            told(context, name, None)?;
            continue;
        }
        // The others can be rotated all the same.
        let problem = result.err().map(|error| super::with_cause(&error));
        failed += usize::from(problem.is_some());
        told(context, name, problem)?;
        context.out.flush()?;
    }
    if failed > 0 {
        let message = format!("{failed} of {} keys were not rotated", names.len());
        return Err(Failure::said(Exit::Unavailable, message));
    }
    Ok(())
}

fn told(context: &mut Context, name: &str, problem: Option<String>) -> Result<(), Failure> {
    if context.json {
        let rotated = problem.is_none();
        return context
            .print_json(&json!({ "reader": name, "rotated": rotated, "problem": problem }));
    }
    match problem {
        None => context.print(format_args!("{name}: has a new key")),
        Some(problem) => context.print(format_args!("{name}: NOT ROTATED: {problem}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_readers() {
        let reader = |name: &str, online, secure, key| ReaderStatus {
            name: name.into(),
            online,
            secure,
            identity: online.then(|| "00-06-8E model 1 version 1".to_owned()),
            key,
        };
        let readers = [
            reader("front-in", true, true, ReaderKey::Set),
            reader("front-out", true, false, ReaderKey::Clear),
            reader("lab-in", false, false, ReaderKey::Missing),
            reader("lab-out", false, false, ReaderKey::Lost),
            reader("store", false, false, ReaderKey::Installing),
        ];
        let mut out = Vec::new();
        write_list(&mut out, &readers).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
