//! `doorward why --event` and `doorward why --week`

use std::io::{self, Write};

use doorward_api::{DaysQuery, EventWhy, UserAccess};
use doorward_core::decide::{AccessSpan, Outcome};
use doorward_core::ids::KeyId;
use doorward_core::model::{Door, Key, User};
use jiff::tz::TimeZone;

use super::args::DaysArgs;
use super::context::Context;
use super::failure::Failure;
use super::{time, why};
use crate::console::theme::{Symbols, Theme};
use crate::text;

/// Explains a past event.
pub(super) async fn event(context: &mut Context, seq: u64) -> Result<(), Failure> {
    let found = context.client.event_why(seq).await?;
    if context.json {
        return context.print_json(&found);
    }
    let keys = context.client.list_all::<Key>().await?;
    let key_name = |id: KeyId| name_of(&keys, id);
    let theme = Theme::from_environment(|name| std::env::var(name).ok());
    let zone = context.zone.clone();
    Ok(write_event(
        &mut context.out,
        &found,
        &zone,
        theme.symbols,
        key_name,
    )?)
}

fn name_of(keys: &[Key], id: KeyId) -> String {
    let key = keys.iter().find(|key| key.id == id);
    key.map_or_else(|| format!("key {id}"), |key| key.name.clone())
}

fn write_event(
    out: &mut dyn Write,
    found: &EventWhy,
    zone: &TimeZone,
    symbols: &Symbols,
    key_name: impl Fn(KeyId) -> String,
) -> io::Result<()> {
    let event = &found.event.event;
    let at = time::date_and_time(event.at, zone);
    let happened = text::happened(event);
    let line = format!("event {}, {at}: {happened}", found.event.seq);
    writeln!(out, "{}", text::printable(&line))?;
    if found.decided_under == found.revision {
        let revision = found.revision;
        writeln!(
            out,
            "decided under table revision {revision}, the present one\n"
        )?;
    } else {
        let (then, now) = (found.decided_under, found.revision);
        writeln!(
            out,
            "decided under table revision {then}; the table is at {now} now"
        )?;
        if found.explained_by != then {
            writeln!(
                out,
                "what the table was then cannot be told any more: this is by the present one"
            )?;
        }
        let changed: Vec<String> = found
            .changed_since
            .iter()
            .map(ToString::to_string)
            .collect();
        match &changed[..] {
            [] => writeln!(out, "nothing about it was changed since\n")?,
            changed => writeln!(out, "changed since: {}\n", changed.join(", "))?,
        }
    }
    let Some(explanation) = &found.explanation else {
        let none = "the event does not tell who or what was judged: there is nothing to explain";
        return writeln!(out, "{none}");
    };
    why::write_steps(out, explanation, symbols, key_name)?;
    if found.site_from > 1 {
        writeln!(
            out,
            "who was where is told by the log from event {} on; what went on before is not known",
            found.site_from
        )?;
    }
    if !found.agrees
        && let Some(reason) = event.reason
    {
        writeln!(
            out,
            "the decision itself was: {} ({reason}); it hung on something that neither the table nor \
             the log tells, such as whether a door's contact was seen",
            text::reason(reason)
        )?;
    }
    Ok(())
}

/// Shows from when until when a user may pass a door.
pub(super) async fn week(
    context: &mut Context,
    user: &User,
    door: &Door,
    days: DaysArgs,
) -> Result<(), Failure> {
    let query = DaysQuery {
        from: days.from,
        days: days.days,
    };
    let access = context.client.user_access(user.id, door.id, &query).await?;
    if context.json {
        return context.print_json(&access);
    }
    let keys = context.client.list_all::<Key>().await?;
    let title = format!(
        "{} at {} ({})",
        user.full_name(),
        door.name,
        access.time_zone
    );
    Ok(write_week(&mut context.out, &title, &access, |id| {
        name_of(&keys, id)
    })?)
}

fn write_week(
    out: &mut dyn Write,
    title: &str,
    access: &UserAccess,
    key_name: impl Fn(KeyId) -> String,
) -> io::Result<()> {
    let zone = time::zone(&access.time_zone);
    writeln!(out, "{}\n", text::printable(title))?;
    let granted = |span: &&AccessSpan| span.outcome == Outcome::Granted;
    let clock = |at| time::format(at, &zone, "%a %Y-%m-%d %H:%M:%S");
    for span in access.spans.iter().filter(granted) {
        let key = span.key.map(&key_name).unwrap_or_default();
        let line = format!("{}  to  {}  {key}", clock(span.from), clock(span.until));
        writeln!(out, "{}", text::printable(line.trim_end()))?;
    }
    if access.spans.iter().any(|span| granted(&span)) {
        return Ok(());
    }
    let mut reasons: Vec<&str> = Vec::new();
    for span in &access.spans {
        let reason = text::reason(span.reason);
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
    }
    writeln!(out, "never: {}", reasons.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::sample;
    use crate::console::theme::Colours;
    use doorward_api::EventRow;
    use doorward_core::decide::{Explanation, Rule, Step};
    use doorward_core::event::{Event, EventKind, Reason};
    use doorward_core::ids::{DoorId, UserId};
    use doorward_core::model::RecordRef;
    use doorward_core::time::ClockTrust;

    fn denied(reason: Reason, explained: Reason, revision: u64) -> String {
        let mut event = Event::new(EventKind::Denied, sample::NOW, ClockTrust::Trusted, 41);
        event.reason = Some(reason);
        let step = Step {
            number: Rule::UserActive.number(),
            rule: Rule::UserActive,
            key: None,
            passed: explained == Reason::Granted,
            reason: (explained != Reason::Granted).then_some(explained),
            facts: "user 1".to_owned(),
        };
        let found = EventWhy {
            event: EventRow {
                seq: 7,
                event,
                erased: false,
                hash: String::new(),
            },
            decided_under: 41,
            revision,
            explained_by: 41,
            changed_since: if revision == 41 {
                vec![]
            } else {
                vec![RecordRef::User(UserId(1))]
            },
            explanation: Some(Explanation {
                outcome: Outcome::Denied,
                reason: explained,
                at: sample::NOW,
                clock: ClockTrust::Trusted,
                credential: None,
                user: Some(UserId(1)),
                key: None,
                steps: vec![step],
            }),
            site_from: 1,
            agrees: reason == explained,
        };
        let theme = Theme::new(Colours::None, true);
        let mut out = Vec::new();
        let key_name = |id: KeyId| format!("key {id}");
        write_event(&mut out, &found, &TimeZone::UTC, theme.symbols, key_name).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_past_event_says_what_has_changed_since() {
        let suspended = Reason::UserSuspended;
        insta::assert_snapshot!(denied(suspended, suspended, 57));
        let present = denied(suspended, suspended, 41);
        assert!(
            present.contains("revision 41, the present one"),
            "{present}"
        );
        let other = denied(Reason::RelayUnavailable, suspended, 57);
        assert!(other.contains("the decision itself was"), "{other}");
    }

    #[test]
    fn a_week_lists_when_and_by_which_key_or_says_why_never() {
        let span = |from: i64, until: i64, reason| AccessSpan {
            from: sample::NOW.plus_ms(from * 1000),
            until: sample::NOW.plus_ms(until * 1000),
            outcome: match reason {
                Reason::Granted => Outcome::Granted,
                _ => Outcome::Denied,
            },
            reason,
            key: Some(KeyId(1)),
        };
        let shown = |spans: &[AccessSpan]| {
            let access = UserAccess {
                user: UserId(1),
                door: DoorId(1),
                time_zone: "UTC".to_owned(),
                revision: 1,
                spans: spans.to_vec(),
            };
            let mut out = Vec::new();
            write_week(&mut out, "Anna at Lab (UTC)", &access, |id| {
                format!("key {id}")
            })
            .unwrap();
            String::from_utf8(out).unwrap()
        };
        let outside = Reason::OutsideSchedule;
        let some = shown(&[
            span(0, 60, outside),
            span(60, 3600, Reason::Granted),
            span(3600, 7200, outside),
        ]);
        assert_eq!(some.lines().count(), 3, "{some}");
        assert!(some.ends_with("  key 1\n"), "{some}");
        let never = shown(&[span(0, 60, outside), span(60, 90, Reason::NoGrant)]);
        let expect = "never: outside the key's schedule; no key for this door\n";
        assert!(never.ends_with(expect), "{never}");
    }
}
