//! The keys that a user holds, with what they refer to.

use doorward_api::{Client, ClientError, ListQuery, PAGE_MAX};
use doorward_core::ids::UserId;
use doorward_core::model::{Grant, Key, Schedule};
use jiff::tz::TimeZone;

use super::time;
use crate::text;

/// A key that a user holds.
#[derive(Debug, Clone)]
pub struct HeldKey {
    /// Since when and until when.
    pub grant: Grant,
    /// The key; `None` if it was taken away while it was looked up.
    pub key: Option<Key>,
    /// The name of its schedule, where it has one.
    pub schedule: Option<String>,
}

impl HeldKey {
    /// The key's name, or its number while it is not known.
    #[must_use]
    pub fn name(&self) -> String {
        self.key
            .as_ref()
            .map_or_else(|| format!("key {}", self.grant.key), |key| key.name.clone())
    }

    /// When it opens, as far as its intervals, window, schedule and a block say.
    #[must_use]
    pub fn validity(&self, zone: &TimeZone) -> String {
        let Some(key) = &self.key else {
            return text::NONE.to_owned();
        };
        validity(&self.grant, key, self.schedule.as_deref(), zone)
    }
}

/// When a grant opens, as far as its intervals, the key's window, schedule and a block say.
pub(super) fn validity(
    grant: &Grant,
    key: &Key,
    schedule: Option<&str>,
    zone: &TimeZone,
) -> String {
    if let Some(block) = &key.blocked {
        return format!("BLOCKED: {}", block.reason);
    }
    let limits = match (&key.window, grant.intervals.as_slice()) {
        (Some(window), _) => Some(time::interval(window.from, window.until, zone)),
        (None, []) => None,
        (None, intervals) => {
            let words = intervals
                .iter()
                .map(|interval| time::interval(interval.from, interval.until, zone));
            Some(words.collect::<Vec<_>>().join("; "))
        }
    };
    match (limits, schedule) {
        (None, None) => text::ALWAYS.to_owned(),
        (Some(limits), None) => limits,
        (None, Some(schedule)) => text::in_schedule(schedule),
        (Some(limits), Some(schedule)) => format!("{limits}, {}", text::in_schedule(schedule)),
    }
}

/// All keys that a user holds.
pub(crate) async fn keys(client: &Client, user: UserId) -> Result<Vec<HeldKey>, ClientError> {
    let most = ListQuery {
        limit: Some(PAGE_MAX),
        ..ListQuery::default()
    };
    let mut held = Vec::new();
    for grant in client.user_keys(user, &most).await?.items {
        let key = client.record::<Key>(grant.key).await.ok();
        let schedule = match key.as_ref().and_then(|key| key.schedule) {
            Some(id) => {
                let schedule = client.record::<Schedule>(id).await;
                Some(schedule.map_or_else(|_| format!("schedule {id}"), |schedule| schedule.name))
            }
            None => None,
        };
        held.push(HeldKey {
            grant,
            key,
            schedule,
        });
    }
    Ok(held)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::sample;
    use doorward_core::model::{Block, Interval};

    #[test]
    fn every_limit_is_told() {
        let until = Interval {
            from: None,
            until: Some(sample::NOW),
        };
        let mut key = sample::keys().remove(0);
        let mut grant = Grant {
            user: UserId(1),
            key: key.id,
            intervals: vec![],
        };
        let words =
            |grant: &Grant, key: &Key, schedule| validity(grant, key, schedule, &TimeZone::UTC);
        assert_eq!(words(&grant, &key, None), "always");
        assert_eq!(words(&grant, &key, Some("Office")), "in schedule Office");
        grant.intervals = vec![until, Interval::default()];
        assert_eq!(words(&grant, &key, None), "until 2026-03-29 09:30; always");
        key.window = Some(until);
        assert_eq!(
            words(&grant, &key, Some("Office")),
            "until 2026-03-29 09:30, in schedule Office"
        );
        key.blocked = Some(Block {
            reason: "lost".to_owned(),
            until: None,
        });
        assert_eq!(words(&grant, &key, None), "BLOCKED: lost");
    }
}
