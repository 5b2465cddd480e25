//! `doorward credentials learn`, `enrol` and `pin`: what comes from readers and from people.

use std::io::{self, BufRead, IsTerminal, Write};

use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::terminal;
use doorward_api::{EnrolBody, LearnedCard, Saved};
use doorward_core::ids::CredentialId;
use doorward_core::model::{Credential, CredentialData, CredentialState};
use doorward_core::pin::Pin;

use super::areas::holder;
use super::args::EnrolArgs;
use super::context::Context;
use super::credentials::in_words;
use super::failure::Failure;

pub(super) async fn learn(
    context: &mut Context,
    reader: &str,
    args: &EnrolArgs,
) -> Result<(), Failure> {
    let user = holder(context, args.user.as_deref()).await?;
    if !context.json {
        context.print(format_args!("show the card at {reader} now"))?;
        context.out.flush()?;
    }
    let card = context.client.learn_card(reader).await?;
    let credential = Credential {
        id: CredentialId(0),
        user,
        data: meant(&card, args)?,
        state: CredentialState::Active,
        valid_from: None,
        valid_until: None,
        label: args.label.clone(),
    };
    let saved = context.client.create(&credential).await?;
    told(context, &saved)
}

pub(super) async fn enrol(
    context: &mut Context,
    event: u64,
    args: &EnrolArgs,
) -> Result<(), Failure> {
    let body = EnrolBody {
        user: holder(context, args.user.as_deref()).await?,
        format: args.format,
        raw: args.raw,
        label: args.label.clone(),
    };
    let saved = context.client.enrol(event, &body).await?;
    told(context, &saved)
}

pub(super) async fn pin(
    context: &mut Context,
    user: Option<&str>,
    duress: bool,
    label: &str,
) -> Result<(), Failure> {
    let user = holder(context, user).await?;
    let digits = ask_pin()?;
    // What is wrong is told before anything is sent.
    digits.parse::<Pin>().map_err(Failure::data)?;
    let saved = context
        .client
        .create_pin(user, &digits, duress, label)
        .await?;
    told(context, &saved)
}

fn told(context: &mut Context, saved: &Saved<Credential>) -> Result<(), Failure> {
    if context.json {
        return context.print_json(saved);
    }
    let words = in_words(&saved.record, &context.zone);
    context.print(format_args!(
        "credential #{} is added: {words}",
        saved.record.id
    ))?;
    context.warn(&saved.warnings)
}

/// What of a learned card is meant. Never guessed.
fn meant(card: &LearnedCard, args: &EnrolArgs) -> Result<CredentialData, Failure> {
    let raw = CredentialData::RawCard { bits: card.bits };
    if args.raw {
        return Ok(raw);
    }
    let names: Vec<_> = card
        .numbers
        .iter()
        .map(|each| each.format.to_string())
        .collect();
    let names = names.join(", ");
    match (args.format, card.numbers.as_slice()) {
        (Some(format), numbers) => {
            let fitting = numbers.iter().find(|number| number.format == format);
            fitting.copied().map(CredentialData::Card).ok_or_else(|| {
                Failure::data(format_args!(
                    "`{format}` does not read this card; fitting: {names}"
                ))
            })
        }
        (None, []) => Ok(raw),
        (None, [number]) => Ok(CredentialData::Card(*number)),
        (None, _) => Err(Failure::data(format_args!(
            "several formats fit this card ({names}): give `--format` or `--raw`"
        ))),
    }
}

/// Reads a PIN: unseen from a terminal, otherwise a line of the input. Never from the command line,
/// which others can read.
fn ask_pin() -> Result<String, Failure> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        let mut line = String::new();
        stdin.lock().read_line(&mut line)?;
        return Ok(line.trim().to_owned());
    }
    write!(io::stderr(), "PIN: ")?;
    io::stderr().flush()?;
    terminal::enable_raw_mode()?;
    let typed = read_unseen();
    terminal::disable_raw_mode()?;
    writeln!(io::stderr())?;
    typed
}

fn read_unseen() -> Result<String, Failure> {
    let mut typed = String::new();
    loop {
        let Event::Key(KeyEvent {
            code,
            modifiers,
            kind: KeyEventKind::Press,
            ..
        }) = crossterm::event::read()?
        else {
            continue;
        };
        match code {
            KeyCode::Enter => return Ok(typed),
            KeyCode::Char('c') if modifiers.contains(KeyModifiers::CONTROL) => {
                return Err(Failure::usage("nothing was changed"));
            }
            KeyCode::Esc => return Err(Failure::usage("nothing was changed")),
            KeyCode::Backspace => drop(typed.pop()),
            KeyCode::Char(key) => typed.push(key),
            _ => {}
        }
    }
}
