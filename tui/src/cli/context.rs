//! What every command works with: the daemon, the output, the present.

use std::io::{self, BufRead, BufWriter, IsTerminal, Stdout, Write};
use std::path::PathBuf;

use doorward_api::{Client, ClientError, ProblemKind};
use doorward_core::model::{Change, Record};
use doorward_core::time::Wall;
use jiff::tz::TimeZone;
use serde::Serialize;

use super::failure::{Exit, Failure};
use super::time;

/// How often a change is tried again when the table changes under it.
const TRIES_MAX: usize = 5;

/// What every command works with.
pub(super) struct Context {
    pub(super) client: Client,
    pub(super) json: bool,
    pub(super) out: BufWriter<Stdout>,
    pub(super) zone: TimeZone,
    pub(super) now: Wall,
}

impl Context {
    pub(super) fn new(socket: PathBuf, json: bool) -> Self {
        Self {
            client: Client::new(socket),
            json,
            out: BufWriter::new(io::stdout()),
            zone: time::local_zone(),
            now: time::now(),
        }
    }

    /// Prints one JSON object on a line of its own.
    pub(super) fn print_json(&mut self, value: &impl Serialize) -> Result<(), Failure> {
        let text =
            serde_json::to_string(value).map_err(|error| Failure::said(Exit::Software, error))?;
        Ok(writeln!(self.out, "{text}")?)
    }

    /// Prints a line for people.
    pub(super) fn print(&mut self, line: impl core::fmt::Display) -> Result<(), Failure> {
        Ok(writeln!(
            self.out,
            "{}",
            crate::text::printable(&line.to_string())
        )?)
    }

    /// Tells people what was done and may not be as they meant it, beside the output.
    pub(super) fn warn(&mut self, warnings: &[String]) -> Result<(), Failure> {
        self.out.flush()?;
        for warning in warnings {
            writeln!(io::stderr(), "warning: {}", crate::text::printable(warning))?;
        }
        Ok(())
    }

    /// Reads a time of the command line, in this machine's time zone unless it has an offset.
    pub(super) fn time(&self, text: Option<&str>) -> Result<Option<Wall>, Failure> {
        text.map(|text| time::parse(text, &self.zone, self.now).map_err(Failure::usage))
            .transpose()
    }

    /// Asks before something is destroyed, unless `yes` was given on the command line.
    pub(super) fn confirm(&mut self, question: &str, yes: bool) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Err(Failure::usage(format_args!(
                "{question} Nobody can be asked here: give `--yes` to do it"
            )));
        }
        self.out.flush()?;
        // Asked on stderr, so that the output stays what was asked for.
        write!(io::stderr(), "{} [y/N] ", crate::text::printable(question))?;
        let mut answer = String::new();
        stdin.lock().read_line(&mut answer)?;
        if matches!(answer.trim(), "y" | "Y" | "yes") {
            Ok(())
        } else {
            Err(Failure::said(Exit::Usage, "nothing was changed"))
        }
    }

    /// Changes a record that may be changed by others meanwhile: reads it, and writes it only if
    /// the table is still the one that was read; otherwise begins again.
    pub(super) async fn edit<R: doorward_api::Resource>(
        &self,
        id: R::Id,
        change: impl Fn(&mut R),
    ) -> Result<doorward_api::Saved<R>, Failure> {
        for _ in 0..TRIES_MAX {
            let revision = self.client.status().await?.revision;
            let mut record: R = self.client.record(id).await?;
            change(&mut record);
            let put: Record = record.clone().into_record();
            match self.apply(vec![Change::Put(put)], Some(revision)).await {
                Ok(applied) => {
                    return Ok(doorward_api::Saved {
                        revision: applied.revision,
                        record,
                        warnings: applied.warnings,
                    });
                }
                Err(ClientError::Problem(problem))
                    if problem.kind == ProblemKind::RevisionChanged => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(Failure::said(
            Exit::TryAgain,
            "the table is being changed by others all the time; try again",
        ))
    }

    /// Applies several steps whole or not at all.
    pub(super) async fn apply(
        &self,
        changes: Vec<Change>,
        revision: Option<u64>,
    ) -> Result<doorward_api::Applied, ClientError> {
        let changes = doorward_api::Changes { changes };
        self.client.apply(&changes, revision).await
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        let exit = match &error {
            ClientError::Connect { source, .. } => match source.kind() {
                io::ErrorKind::PermissionDenied => Exit::Permission,
                _ => Exit::Unavailable,
            },
            ClientError::Problem(problem) => exit_of(problem.kind),
            ClientError::Broken { .. }
            | ClientError::TimedOut { .. }
            | ClientError::Silent { .. } => Exit::Unavailable,
            ClientError::Encode(_) | ClientError::Request(_) => Exit::Software,
            _ => Exit::Protocol,
        };
        Self::said(exit, with_cause(&error))
    }
}

/// An error of the client with its cause, where the text does not already tell it.
pub(crate) fn with_cause(error: &ClientError) -> String {
    let cause = match error {
        ClientError::Connect { .. } => None,
        error => core::error::Error::source(error),
    };
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}

const fn exit_of(kind: ProblemKind) -> Exit {
    match kind {
        ProblemKind::Forbidden => Exit::Permission,
        ProblemKind::Busy | ProblemKind::TimedOut | ProblemKind::RevisionChanged => Exit::TryAgain,
        ProblemKind::Unavailable => Exit::Unavailable,
        ProblemKind::Internal | ProblemKind::Other => Exit::Software,
        _ => Exit::Data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_api::ProblemDetails;

    #[test]
    fn scripts_can_tell_failures_apart() {
        fn check(error: ClientError, expect: Exit) {
            let text = error.to_string();
            let Failure::Said { exit, .. } = Failure::from(error) else {
                panic!("{text}: nobody is told");
            };
            assert_eq!(exit, expect, "{text}");
        }
        let connect = |kind: io::ErrorKind| ClientError::Connect {
            socket: "/run/none".into(),
            advice: String::new(),
            source: kind.into(),
        };
        let problem = |kind| ClientError::Problem(Box::new(ProblemDetails::new(kind, "no")));
        check(connect(io::ErrorKind::NotFound), Exit::Unavailable);
        check(connect(io::ErrorKind::PermissionDenied), Exit::Permission);
        check(problem(ProblemKind::NotFound), Exit::Data);
        check(problem(ProblemKind::Invalid), Exit::Data);
        check(problem(ProblemKind::Forbidden), Exit::Permission);
        check(problem(ProblemKind::Busy), Exit::TryAgain);
        check(problem(ProblemKind::Unavailable), Exit::Unavailable);
        check(problem(ProblemKind::Internal), Exit::Software);
        let path = || "/v1/status".to_owned();
        check(ClientError::TimedOut { path: path() }, Exit::Unavailable);
        check(ClientError::TooLarge { path: path() }, Exit::Protocol);
    }
}
