use core::ops::ControlFlow;

use super::found::Clock;
use super::rules::{AtDoor, Case, Keys};
use super::trace::Silent;
use super::{Matched, Notes, Policy, QuietSite};
use crate::ids::{DoorId, KeyId, ScheduleId, UserId};
use crate::model::UserState;
use crate::time::{Now, Wall};
use crate::view::{AccessView, KeyPowers, Unreadable};

/// A key by which a user is let in at a door at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenKey {
    /// Its number.
    pub id: KeyId,
    /// What it allows beyond that.
    pub powers: KeyPowers,
    /// When its window, or the user's grant of it, ends; `None` for never.
    pub until: Option<Wall>,
    /// The schedule in whose hours the moment lies.
    pub schedule: Option<ScheduleId>,
}

/// Visits every key that lets a user in at a door now, in the order of their numbers. A user who
/// is not active has none. Lockdowns are not looked at.
pub fn keys_that_open<V: AccessView>(
    view: &V,
    user: UserId,
    door: DoorId,
    now: Now,
    policy: Policy,
    mut visit: impl FnMut(OpenKey),
) -> Result<(), Unreadable> {
    let Some((at, _)) = view.door(door)? else {
        return Ok(());
    };
    let door = AtDoor { id: door, name: at };
    let Some(name) = view.find_user(user)? else {
        return Ok(());
    };
    let active = view
        .user(name)?
        .is_some_and(|user| user.state == UserState::Active);
    if !active {
        return Ok(());
    }
    let mut case = Case {
        view,
        site: &QuietSite,
        clock: Clock::new(now, policy),
        matched: Matched::default(),
        notes: Notes::default(),
        trace: &mut Silent,
    };
    let mut unreadable = None;
    view.grants(name, |key, intervals| {
        if let (Some(_), Ok(())) = case.key_opens(key, intervals, door, Keys::All) {
            let granted = intervals
                .as_ref()
                .iter()
                .filter(|each| each.contains(now.wall));
            // Of several intervals, the one that ends last; one without an end never does.
            let granted = granted
                .map(|each| each.until.unwrap_or(Wall(i64::MAX)))
                .max();
            match open_key(view, key, now, granted) {
                Ok(open) => open.into_iter().for_each(&mut visit),
                Err(error) => unreadable = Some(error),
            }
        }
        ControlFlow::Continue(())
    })?;
    unreadable.map_or(Ok(()), Err)
}

fn open_key<V: AccessView>(
    view: &V,
    key: V::Key,
    now: Now,
    granted: Option<Wall>,
) -> Result<Option<OpenKey>, Unreadable> {
    let Some(facts) = view.key(key)? else {
        return Ok(None);
    };
    let schedule = match facts.schedule {
        Some(schedule) => view.schedule(schedule, now.wall)?.map(|reading| reading.id),
        None => None,
    };
    let window = facts.window.and_then(|window| window.until);
    let granted = granted.filter(|until| *until != Wall(i64::MAX));
    Ok(Some(OpenKey {
        id: facts.id,
        powers: facts.powers,
        until: [window, granted].into_iter().flatten().min(),
        schedule,
    }))
}
