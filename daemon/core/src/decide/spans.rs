use core::ops::ControlFlow;
use serde::{Deserialize, Serialize};

use super::{Decision, Outcome, Policy, Request, Shown, decide};
use crate::event::Reason;
use crate::ids::KeyId;
use crate::model::Interval;
use crate::time::{ClockTrust, Mono, Now, Wall};
use crate::view::{AccessView, BlockFacts, Unreadable};

/// Schedules open and close on whole minutes.
const MINUTE_MS: i64 = 60_000;

/// The longest time that is looked through at once, in milliseconds: 31 days and an hour for DST.
pub const SPANS_MS_MAX: i64 = (31 * 24 + 1) * 60 * MINUTE_MS;

/// A time during which one answer holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AccessSpan {
    /// From here on.
    pub from: Wall,
    /// Until here, not included.
    pub until: Wall,
    /// Granted or denied.
    pub outcome: Outcome,
    /// Why.
    pub reason: Reason,
    /// The key that opens, or that gets furthest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
}

/// From when until when a request would be granted, and why not in between: by the very rules of
/// [`decide`](super::decide()), with a clock that is trusted. Looks no further than
/// [`SPANS_MS_MAX`].
pub fn access_spans<V: AccessView>(
    view: &V,
    request: &Request<'_>,
    from: Wall,
    until: Wall,
    policy: Policy,
) -> Result<Vec<AccessSpan>, Unreadable> {
    let until = until.min(from.plus_ms(SPANS_MS_MAX));
    let mut instants = limits(view, request)?;
    let first_minute = from.0.div_euclid(MINUTE_MS) + 1;
    let last_minute = until.0.div_euclid(MINUTE_MS);
    instants.extend((first_minute..=last_minute).map(|minute| Wall(minute * MINUTE_MS)));
    instants.retain(|at| from < *at && *at < until);
    instants.push(from);
    instants.sort_unstable();
    instants.dedup();
    let mut spans: Vec<AccessSpan> = Vec::new();
    for at in instants.into_iter().filter(|at| *at < until) {
        let now = Now {
            mono: Mono(0),
            wall: at,
            trust: ClockTrust::Trusted,
        };
        let Decision {
            outcome,
            reason,
            matched,
            ..
        } = decide(view, request, now, policy);
        match spans.last_mut() {
            Some(last)
                if (last.outcome, last.reason, last.key) == (outcome, reason, matched.key) => {}
            last => {
                if let Some(last) = last {
                    last.until = at;
                }
                spans.push(AccessSpan {
                    from: at,
                    until,
                    outcome,
                    reason,
                    key: matched.key,
                });
            }
        }
    }
    Ok(spans)
}

/// The ends of everything that limits a request in time otherwise than by the minute.
fn limits<V: AccessView>(view: &V, request: &Request<'_>) -> Result<Vec<Wall>, Unreadable> {
    let mut ends = Vec::new();
    let mut add =
        |interval: &Interval| ends.extend([interval.from, interval.until].into_iter().flatten());
    let user = match request.shown {
        Shown::User(user) => view.find_user(user)?,
        Shown::Credential(credential) => {
            let facts = view.credential(credential)?;
            if let Some(facts) = &facts {
                add(&facts.validity);
            }
            facts.and_then(|facts| facts.user)
        }
        // Asked at a desk, where nobody shows a card.
        Shown::Card(_) | Shown::Pin(_) | Shown::CardAndPin(..) => None,
    };
    let Some(user) = user else {
        return Ok(ends);
    };
    let mut keys = Vec::new();
    view.grants(user, |key, intervals| {
        intervals.as_ref().iter().for_each(&mut add);
        keys.push(key);
        ControlFlow::Continue(())
    })?;
    for key in keys {
        if let Some(facts) = view.key(key)? {
            facts.window.iter().for_each(&mut add);
            if let BlockFacts::Until(until) = facts.block {
                add(&Interval {
                    from: None,
                    until: Some(until),
                });
            }
        }
    }
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::decide::{Relay, Rex};
    use crate::event::Direction;
    use crate::fixture::{grant, interval, key, office_hours, small_site, wall};
    use crate::ids::{DoorId, ScheduleId, UserId};
    use crate::model::{Block, Record};
    use crate::view::MapView;

    fn request() -> Request<'static> {
        Request {
            door: Some(DoorId(1)),
            direction: Direction::Entry,
            shown: Shown::User(UserId(1)),
            relay: Relay::Ready,
            rex: Rex::Seen,
        }
    }

    fn site(more: Vec<Record>) -> MapView {
        small_site().into_iter().chain(more).collect()
    }

    /// Office hours by key 1, and key 2 with an interval and a block to the second.
    fn two_keys(from: &str, until: &str, blocked: &str) -> MapView {
        let mut scheduled = key(1, &[1]);
        scheduled.schedule = Some(ScheduleId(1));
        let mut second = key(2, &[1]);
        second.blocked = blocked.parse().ok().map(|until| Block {
            reason: "renovation".to_owned(),
            until: Some(until),
        });
        let mut booked = grant(1, 2);
        booked.intervals = vec![interval(from, until)];
        site(vec![
            Record::Schedule(office_hours(1)),
            Record::Key(scheduled),
            Record::Key(second),
            Record::Grant(booked),
        ])
    }

    #[test]
    fn spans_begin_and_end_to_the_second_and_say_why() {
        let view = two_keys(
            "2026-03-24T18:30:10Z",
            "2026-03-24T18:30:50Z",
            "2026-03-24T18:30:20Z",
        );
        let (from, until) = (wall("2026-03-24T05:00:30Z"), wall("2026-03-24T20:00:00Z"));
        let spans = access_spans(&view, &request(), from, until, Policy::default()).unwrap();
        let told: Vec<_> = spans
            .iter()
            .map(|span| {
                let key = span.key.map(|key| key.0);
                (span.from.to_string(), span.reason.code(), key)
            })
            .collect();
        let expect = [
            ("2026-03-24T05:00:30.000Z", "outside_schedule", Some(1)),
            ("2026-03-24T06:00:00.000Z", "granted", Some(1)),
            ("2026-03-24T17:00:00.000Z", "outside_schedule", Some(1)),
            ("2026-03-24T18:30:20.000Z", "granted", Some(2)),
            ("2026-03-24T18:30:50.000Z", "outside_schedule", Some(1)),
        ];
        let expect: Vec<_> = expect
            .map(|(at, code, key)| (at.to_owned(), code, key))
            .to_vec();
        assert_eq!(told, expect);
        assert!(spans.windows(2).all(|pair| pair[0].until == pair[1].from));
        assert_eq!(spans.last().unwrap().until, until);
    }

    #[test]
    fn who_may_never_and_who_may_always_have_one_span() {
        let (from, until) = (wall("2026-01-01T00:00:00Z"), wall("2026-02-20T00:00:00Z"));
        let always = access_spans(&site(vec![]), &request(), from, until, Policy::default());
        let always = always.unwrap();
        assert_eq!(always.len(), 1);
        assert_eq!(always[0].outcome, Outcome::Granted);
        assert_eq!(always[0].until, from.plus_ms(SPANS_MS_MAX));
        let mut elsewhere = request();
        elsewhere.door = Some(DoorId(2));
        let never = access_spans(&site(vec![]), &elsewhere, from, until, Policy::default());
        assert_eq!(never.unwrap()[0].reason, Reason::NoGrant);
        let empty = access_spans(&site(vec![]), &request(), until, from, Policy::default());
        assert_eq!(empty.unwrap(), []);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]

        /// At any time, the span says what the decision says.
        #[test]
        fn spans_say_what_is_decided(
            begin in 0i64..86_400,
            length in 1i64..200_000,
            blocked in 0i64..100_000,
            times in proptest::collection::vec(0i64..7 * 86_400_000, 200),
        ) {
            let monday = wall("2026-03-23T00:00:00Z");
            let at = |seconds: i64| monday.plus_ms(seconds * 1000).to_string();
            let view = two_keys(&at(begin), &at(begin + length), &at(blocked));
            let until = monday.plus_ms(7 * 86_400_000);
            let policy = Policy::default();
            let spans = access_spans(&view, &request(), monday, until, policy).unwrap();
            for time in times {
                let wall = monday.plus_ms(time);
                let now = Now { mono: Mono(0), wall, trust: ClockTrust::Trusted };
                let expect = decide(&view, &request(), now, policy);
                let span = spans.iter().find(|span| span.from <= wall && wall < span.until);
                let span = span.unwrap();
                prop_assert_eq!(span.reason, expect.reason, "{}", wall);
                prop_assert_eq!(span.key, expect.matched.key, "{}", wall);
            }
        }
    }
}
