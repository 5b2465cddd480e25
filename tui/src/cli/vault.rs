//! `doorward verify` and `doorward backup`

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::time::Duration;

use doorward_api::{BackupBody, VaultJob, VaultJobState};

use super::args::BackupArgs;
use super::context::Context;
use super::failure::{Exit, Failure};

/// Between two looks at how far it is.
const LOOK_EVERY: Duration = Duration::from_millis(150);

pub(super) async fn verify(context: &mut Context) -> Result<(), Failure> {
    context.client.verify().await?;
    let job = finished(context).await?;
    if context.json {
        context.print_json(&job)?;
    } else {
        for check in &job.checks {
            let found = match check.faults {
                0 => "ok".to_owned(),
                faults => format!("{faults} WRONG"),
            };
            context.print(format_args!(
                "{:<12}{:>10} rows  {found}",
                check.name, check.rows
            ))?;
            for told in &check.told {
                context.print(format_args!("    {told}"))?;
            }
        }
    }
    ended(&job)
}

pub(super) async fn backup(context: &mut Context, args: BackupArgs) -> Result<(), Failure> {
    let passphrase = args
        .passphrase_file
        .as_deref()
        .map(first_line)
        .transpose()?;
    let body = BackupBody {
        folder: args.folder.map(|folder| folder.display().to_string()),
        passphrase,
        recipient: args.recipient,
    };
    context.client.back_up(&body).await?;
    let job = finished(context).await?;
    match &job.backup {
        _ if context.json => context.print_json(&job)?,
        Some(made) => {
            context.print(format_args!(
                "{}: {} bytes, revision {}, event {}, read again and whole",
                made.path, made.bytes, made.revision, made.events
            ))?;
            for missing in &made.missing {
                context.print(format_args!("NOT in it: {missing}"))?;
            }
        }
        None => {}
    }
    ended(&job)
}

/// The passphrase in a file, `-` being standard input.
fn first_line(path: &Path) -> Result<String, Failure> {
    let text = if path == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.map_err(|error| {
        Failure::said(
            Exit::Data,
            format_args!("cannot read `{}`: {error}", path.display()),
        )
    })?;
    Ok(text.lines().next().unwrap_or_default().to_owned())
}

/// Waits for the end, and shows how far it is. Ctrl-C breaks it off.
async fn finished(context: &Context) -> Result<VaultJob, Failure> {
    let shows = io::stderr().is_terminal() && !context.json;
    loop {
        let job = context.client.vault_job().await?;
        if shows {
            let percent = 100 * job.done.min(job.total) / job.total.max(1);
            write!(io::stderr(), "\r{} rows, {percent} %   ", job.done)?;
        }
        if job.state != VaultJobState::Running {
            if shows {
                writeln!(io::stderr())?;
            }
            return Ok(job);
        }
        // Cancel-safe: a timer and a signal lose nothing.
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY) => {}
            _ = tokio::signal::ctrl_c() => context.client.cancel_vault_job().await?,
        }
    }
}

fn ended(job: &VaultJob) -> Result<(), Failure> {
    match job.state {
        VaultJobState::Done | VaultJobState::Running => Ok(()),
        VaultJobState::Failed => {
            let problem = job.problem.as_deref().unwrap_or("it failed");
            Err(Failure::said(Exit::Data, problem))
        }
        VaultJobState::Cancelled => Err(Failure::said(Exit::TryAgain, "it was cancelled")),
    }
}
