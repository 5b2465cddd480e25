//! How long passages keep the names of people: asked for by each place, done by the store.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use doorward_core::ids::{DoorId, PlaceId};
use doorward_core::model::{Door, Place};
use doorward_core::time::{ClockTrust, Wall};

use crate::clock::Clock;
use crate::store::{RetentionRule, Store, StoreError, TableView};

/// What a site keeps that says nothing.
const DAYS_DEFAULT: u16 = 90;
/// How often the store is told what is too old by now.
const LOOK_EVERY: Duration = Duration::from_secs(600);
/// Records read at once.
const BATCH: usize = 500;
/// Places in places that are followed; the table allows fewer.
const DEPTH_MAX: usize = 64;

const DAY_MS: i64 = 24 * 3600 * 1000;

/// Tells the store now and then what is too old. While the clock is not to be believed nothing is:
/// a date far ahead would erase everybody.
pub(super) async fn mind(store: Store, clock: Arc<Clock>) {
    let mut interval = tokio::time::interval(LOOK_EVERY);
    loop {
        interval.tick().await;
        let now = clock.now();
        if now.trust != ClockTrust::Trusted {
            continue;
        }
        let view = store.view();
        // The table may have to be read from the disk.
        let rule = tokio::task::spawn_blocking(move || rule(&view, now.wall)).await;
        let told = match rule {
            Ok(rule) => rule.and_then(|rule| store.retain(rule)),
            Err(_) => return,
        };
        if let Err(error) = told {
            log::warn!("old passages keep their names for now: {error}");
        }
    }
}

fn rule(view: &TableView, now: Wall) -> Result<RetentionRule, StoreError> {
    let mut places = BTreeMap::new();
    each(view, |place: Place| {
        places.insert(place.id, (place.parent, place.log_retention_days));
    })?;
    let before = |days: u16| Wall(now.0 - i64::from(days) * DAY_MS);
    let site = places
        .iter()
        .find(|(_, (parent, _))| parent.is_none())
        .and_then(|(_, (_, days))| *days);
    let mut doors = BTreeMap::new();
    each(view, |door: Door| {
        let days = days_of(&places, door.place).unwrap_or(DAYS_DEFAULT);
        doors.insert(door.id, before(days));
    })?;
    Ok(RetentionRule {
        doors,
        otherwise: before(site.unwrap_or(DAYS_DEFAULT)),
    })
}

/// What a place says, or the place it is part of.
fn days_of(
    places: &BTreeMap<PlaceId, (Option<PlaceId>, Option<u16>)>,
    place: PlaceId,
) -> Option<u16> {
    let mut at = place;
    for _ in 0..DEPTH_MAX {
        match places.get(&at)? {
            (_, Some(days)) => return Some(*days),
            (parent, None) => at = (*parent)?,
        }
    }
    None
}

trait Listed: crate::store::TableRecord {
    fn id(&self) -> Self::Id;
}

impl Listed for Place {
    fn id(&self) -> PlaceId {
        self.id
    }
}

impl Listed for Door {
    fn id(&self) -> DoorId {
        self.id
    }
}

fn each<T: Listed>(view: &TableView, mut visit: impl FnMut(T)) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let page = view.list::<T>(after, BATCH)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.id());
        page.into_iter().for_each(&mut visit);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_keeps_as_long_as_the_nearest_place_that_says() {
        let places = BTreeMap::from([
            (PlaceId(1), (None, Some(30))),
            (PlaceId(2), (Some(PlaceId(1)), None)),
            (PlaceId(3), (Some(PlaceId(2)), Some(7))),
            (PlaceId(4), (Some(PlaceId(9)), None)),
        ]);
        let check = |place: u32, expect: Option<u16>| {
            assert_eq!(days_of(&places, PlaceId(place)), expect, "place {place}");
        };
        check(1, Some(30));
        check(2, Some(30));
        check(3, Some(7));
        check(4, None);
        check(5, None);
    }
}
