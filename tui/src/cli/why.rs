//! `doorward why`

use std::io::{self, Write};

use doorward_api::{WhyRequest, WhySubject};
use doorward_core::decide::{Explanation, Outcome, Step};
use doorward_core::ids::KeyId;
use doorward_core::model::{Door, Key, User};
use doorward_core::time::ClockTrust;
use serde_json::json;

use super::args::WhyArgs;
use super::context::Context;
use super::failure::Failure;
use super::{names, time, why_event};
use crate::console::theme::{Symbols, Theme};
use crate::text;

pub(super) async fn run(context: &mut Context, args: &WhyArgs) -> Result<(), Failure> {
    if let Some(seq) = args.event {
        return why_event::event(context, seq).await;
    }
    let (user, door) = match (&args.user, &args.door) {
        (Some(user), Some(door)) => (user, door),
        _ => return Err(Failure::usage("give a user and a door, or `--event`")),
    };
    let user: User = names::find(&context.client, user).await?;
    let door: Door = names::find(&context.client, door).await?;
    if args.week {
        return why_event::week(context, &user, &door, args.days).await;
    }
    let at = args.at.as_str();
    let zone = time::zone(&door.time_zone);
    let mut request = WhyRequest::new(door.id, WhySubject::User(user.id));
    // Without a time the daemon asks its own clock, which is the one that decides at the door.
    if !at.eq_ignore_ascii_case("now") {
        request.at = Some(time::parse(at, &zone, context.now).map_err(Failure::usage)?);
    }
    let explanation = context.client.why(&request).await?;
    if context.json {
        return context.print_json(&json!({
            "user": { "id": user.id, "name": user.full_name() },
            "door": { "id": door.id, "name": door.name },
            "explanation": explanation,
        }));
    }
    let keys = context.client.list_all::<Key>().await?;
    let theme = Theme::from_environment(|name| std::env::var(name).ok());
    let key_name = |id: KeyId| {
        let key = keys.iter().find(|key| key.id == id);
        key.map_or_else(|| format!("key {id}"), |key| key.name.clone())
    };
    let answer = Answer {
        user: &user,
        door: &door,
        explanation: &explanation,
    };
    Ok(answer.write(&mut context.out, theme.symbols, key_name)?)
}

struct Answer<'a> {
    user: &'a User,
    door: &'a Door,
    explanation: &'a Explanation,
}

impl Answer<'_> {
    fn write(
        &self,
        out: &mut dyn Write,
        symbols: &Symbols,
        key_name: impl Fn(KeyId) -> String,
    ) -> io::Result<()> {
        let explanation = self.explanation;
        let zone = time::zone(&self.door.time_zone);
        let at = time::date_and_time(explanation.at, &zone);
        let trust = match explanation.clock {
            ClockTrust::Trusted => "",
            ClockTrust::Untrusted => ", clock NOT TRUSTED",
        };
        let (user, door) = (self.user.full_name(), &self.door.name);
        let line = format!("{user} at {door}, {at} {}{trust}", self.door.time_zone);
        writeln!(out, "{}\n", text::printable(&line))?;
        write_steps(out, explanation, symbols, key_name)
    }
}

/// Every step, the first failure marked, and what comes of it.
pub(super) fn write_steps(
    out: &mut dyn Write,
    explanation: &Explanation,
    symbols: &Symbols,
    key_name: impl Fn(KeyId) -> String,
) -> io::Result<()> {
    let first_failure = explanation.steps.iter().position(|step| !step.passed);
    for (at, step) in explanation.steps.iter().enumerate() {
        let first = Some(at) == first_failure && explanation.outcome == Outcome::Denied;
        let line = step_line(step, first, symbols, &key_name);
        writeln!(out, "{}", text::printable(&line))?;
    }
    let (mark, outcome) = match explanation.outcome {
        Outcome::Granted => (symbols.yes, "GRANTED"),
        Outcome::Denied => (symbols.no, "DENIED"),
    };
    let reason = text::reason(explanation.reason);
    writeln!(out, "\n{mark} {outcome}: {reason} ({})", explanation.reason)
}

fn step_line(
    step: &Step,
    first_failure: bool,
    symbols: &Symbols,
    key_name: impl Fn(KeyId) -> String,
) -> String {
    let mark = if step.passed { symbols.yes } else { symbols.no };
    let key = step
        .key
        .map_or_else(String::new, |key| format!(" [{}]", key_name(key)));
    let facts = if step.facts.is_empty() {
        String::new()
    } else {
        format!(": {}", step.facts)
    };
    let here = if first_failure {
        "   <- the first that fails"
    } else {
        ""
    };
    format!(
        "{mark} {:>2}. {}{key}{facts}{here}",
        step.number,
        text::rule(step.rule)
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::sample;
    use crate::console::theme::Colours;
    use doorward_core::decide::Rule;
    use doorward_core::event::Reason;

    fn step(rule: Rule, key: Option<u32>, reason: Option<Reason>, facts: &str) -> Step {
        Step {
            number: rule.number(),
            rule,
            key: key.map(KeyId),
            passed: reason.is_none(),
            reason,
            facts: facts.to_owned(),
        }
    }

    fn shown(outcome: Outcome, reason: Reason, steps: Vec<Step>) -> String {
        let user = &sample::users()[0];
        let door = &sample::doors()[0].door;
        let explanation = Explanation {
            outcome,
            reason,
            at: sample::NOW,
            clock: ClockTrust::Trusted,
            credential: None,
            user: Some(user.id),
            key: None,
            steps,
        };
        let answer = Answer {
            user,
            door,
            explanation: &explanation,
        };
        let keys = sample::keys();
        let name = |id: KeyId| keys.iter().find(|key| key.id == id).unwrap().name.clone();
        let theme = Theme::new(Colours::None, true);
        let mut out = Vec::new();
        answer.write(&mut out, theme.symbols, name).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_denial_marks_the_first_step_that_fails() {
        let outside = Some(Reason::OutsideSchedule);
        insta::assert_snapshot!(shown(
            Outcome::Denied,
            Reason::OutsideSchedule,
            vec![
                step(Rule::DoorKnown, None, None, "door 1"),
                step(Rule::UserActive, None, None, "active"),
                step(Rule::KeyOpensDoor, Some(1), None, ""),
                step(
                    Rule::KeyInSchedule,
                    Some(1),
                    outside,
                    "Sun 08:00 is in none of its hours"
                ),
                step(
                    Rule::KeyInSchedule,
                    Some(2),
                    outside,
                    "Sun 08:00 is in none of its hours"
                ),
            ]
        ));
    }

    #[test]
    fn a_grant_marks_no_failure() {
        let outside = Some(Reason::OutsideSchedule);
        let text = shown(
            Outcome::Granted,
            Reason::Granted,
            vec![
                step(Rule::KeyInSchedule, Some(1), outside, ""),
                step(Rule::KeyInSchedule, Some(2), None, ""),
            ],
        );
        assert!(!text.contains("first that fails"), "{text}");
        assert!(
            text.ends_with("✓ GRANTED: a key opens it (granted)\n"),
            "{text}"
        );
    }
}
