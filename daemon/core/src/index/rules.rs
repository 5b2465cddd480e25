//! The rules that doors have beside their mode: few doors have any.

use core::ops::ControlFlow;
use std::collections::BTreeMap;

use super::keys::Keys;
use crate::ids::{AreaId, DoorId};
use crate::model::{Area, AuthMethod, Door};
use crate::view::{AreaFacts, DoorAreas};

/// Rules of authentication, and areas with theirs.
#[derive(Debug, Default)]
pub(super) struct DoorRules {
    /// Doors with other rules than that a card opens them.
    doors: BTreeMap<DoorId, Rules>,
    areas: BTreeMap<AreaId, AreaFacts>,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Rules {
    method: AuthMethod,
    /// By schedules' slots.
    scheduled: Box<[(u32, AuthMethod)]>,
    inside: Option<AreaId>,
    outside: Option<AreaId>,
}

impl DoorRules {
    pub(super) fn put(&mut self, door: &Door, keys: &mut Keys) {
        let scheduled = door.authentication.scheduled.iter();
        let rules = Rules {
            method: door.authentication.method,
            // The new schedules are referred to before the old are let go: they may be the same.
            scheduled: scheduled
                .map(|each| (keys.refer_schedule(each.schedule.0), each.method))
                .collect(),
            inside: door.inside,
            outside: door.outside,
        };
        self.remove(door.id, keys);
        if rules != Rules::default() {
            self.doors.insert(door.id, rules);
        }
    }

    pub(super) fn remove(&mut self, door: DoorId, keys: &mut Keys) {
        for (slot, _) in self.doors.remove(&door).unwrap_or_default().scheduled {
            keys.unrefer_schedule(slot);
        }
    }

    pub(super) fn put_area(&mut self, area: &Area) {
        self.areas.insert(area.id, AreaFacts::of(area));
    }

    pub(super) fn remove_area(&mut self, area: AreaId) {
        self.areas.remove(&area);
    }

    #[inline]
    pub(super) fn authentication(
        &self,
        door: DoorId,
        mut visit: impl FnMut(Option<u32>, AuthMethod) -> ControlFlow<()>,
    ) {
        let Some(rules) = self.doors.get(&door) else {
            let _ = visit(None, AuthMethod::Card);
            return;
        };
        for &(slot, method) in &rules.scheduled {
            if visit(Some(slot), method).is_break() {
                return;
            }
        }
        let _ = visit(None, rules.method);
    }

    #[inline]
    pub(super) fn areas(&self, door: DoorId) -> DoorAreas {
        let Some(rules) = self.doors.get(&door) else {
            return DoorAreas::default();
        };
        let facts = |area: Option<AreaId>| area.and_then(|area| self.areas.get(&area)).copied();
        DoorAreas {
            inside: facts(rules.inside),
            outside: facts(rules.outside),
        }
    }
}
