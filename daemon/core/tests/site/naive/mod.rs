//! Rule 29 as a person reads it: every condition by itself, searched for in a list of records.

mod lookup;

use doorward_core::card::CardRead;
use doorward_core::decide::{Relay, Rex, Shown, SiteState as _, UntrustedClock};
use doorward_core::event::{Direction, Reason};
use doorward_core::ids::{DoorId, KeyId, PlaceId, ScheduleId, UserId};
use doorward_core::model::{
    AuthMethod, Credential, CredentialData, CredentialState, DatedState, Door, DoorMode, Grant,
    Interlock, Interval, LockdownExit, Passback, Record, TwoPerson, User, UserState,
};
use doorward_core::pin::PinPrint;
use doorward_core::time::{ClockTrust, Now, Wall};

use jiff::tz::{TimeZone, TimeZoneDatabase};

use crate::table::{Site, Wish};

/// All reasons that the rules can give.
pub(crate) const REASONS: [Reason; 34] = [
    Reason::Granted,
    Reason::DoorUnknown,
    Reason::DoorLockdown,
    Reason::DoorLocked,
    Reason::CardUnknown,
    Reason::CardAmbiguous,
    Reason::PinUnknown,
    Reason::PinAmbiguous,
    Reason::CredentialPending,
    Reason::CredentialInactive,
    Reason::CredentialRemoved,
    Reason::CredentialNotYetValid,
    Reason::CredentialExpired,
    Reason::CredentialUnassigned,
    Reason::UserInvited,
    Reason::UserInactive,
    Reason::UserSuspended,
    Reason::UserRemoved,
    Reason::NoGrant,
    Reason::GrantNotValid,
    Reason::KeyBlocked,
    Reason::KeyOutsideWindow,
    Reason::OutsideSchedule,
    Reason::ClockNotTrusted,
    Reason::CardRequired,
    Reason::PinRequired,
    Reason::PinWrong,
    Reason::PinLockedOut,
    Reason::AntiPassback,
    Reason::AntiPassbackTimed,
    Reason::Interlock,
    Reason::SecondPersonNeeded,
    Reason::AreaFull,
    Reason::RelayUnavailable,
];

/// A site, and the obvious questions about it.
pub(crate) struct Naive<'a> {
    site: &'a Site,
}

/// What a limit in time says.
enum Limit {
    Met,
    Early,
    Late,
    /// Nobody knows what time it is.
    Unknown,
}

impl<'a> Naive<'a> {
    pub(crate) fn new(site: &'a Site) -> Self {
        Self { site }
    }

    /// Whether the door opens, and if not, why not.
    pub(crate) fn judge(&self, wish: &Wish) -> Reason {
        match self.first_refusal(wish) {
            Some(reason) => reason,
            None => Reason::Granted,
        }
    }

    /// Whose credential was shown, as far as it can be told.
    pub(crate) fn user_of(&self, wish: &Wish) -> Option<UserId> {
        self.who(wish).ok().map(|user| user.id)
    }

    fn first_refusal(&self, wish: &Wish) -> Option<Reason> {
        let Some(door) = wish.door.and_then(|id| self.door(id)) else {
            return Some(Reason::DoorUnknown);
        };
        let user = match self.who(wish) {
            Ok(user) => user,
            Err(refusal) => return Some(refusal),
        };
        match user.state {
            UserState::Active => {}
            UserState::Invited => return Some(Reason::UserInvited),
            UserState::Inactive => return Some(Reason::UserInactive),
            UserState::Suspended => return Some(Reason::UserSuspended),
            UserState::Removed => return Some(Reason::UserRemoved),
        }
        let mode = self.mode_in_force(door);
        if mode == DoorMode::Locked && wish.direction == Direction::Entry {
            return Some(Reason::DoorLocked);
        }
        // Nobody is kept in by a lockdown who could not leave by the button.
        let only_exempt = mode == DoorMode::Lockdown
            && (wish.direction == Direction::Entry
                || door.lockdown_exit == LockdownExit::ExemptOnly && wish.rex == Rex::Seen);
        self.no_key_opens(user, door, only_exempt, wish)
            .or_else(|| self.not_authenticated(door, user, wish))
            .or_else(|| self.against_area_rules(door, user, wish))
            .or_else(|| (wish.relay == Relay::Unavailable).then_some(Reason::RelayUnavailable))
    }

    /// The user whose credential was shown, if it is one, in order, and somebody's.
    fn who(&self, wish: &Wish) -> Result<&'a User, Reason> {
        let gone = Reason::UserRemoved;
        let found: Vec<&Credential> = match wish.shown() {
            Shown::User(user) => return self.user(user).ok_or(gone),
            Shown::Credential(id) => self.credentials().filter(|one| one.id == id).collect(),
            Shown::Pin(print) => self
                .credentials()
                .filter(|one| is_pin(one, print))
                .collect(),
            Shown::Card(read) | Shown::CardAndPin(read, _) => self
                .credentials()
                .filter(|one| is_card(one, read))
                .collect(),
        };
        let is_pin_alone = matches!(wish.shown(), Shown::Pin(_));
        // A removed card may have been given to someone else; alone it is known as removed. A
        // question about one credential is about that one.
        let is_question = matches!(wish.shown(), Shown::Credential(_));
        let still_there = found
            .iter()
            .filter(|one| one.state != CredentialState::Removed)
            .count();
        let candidates: Vec<_> = found
            .iter()
            .filter(|one| is_question || still_there == 0 || one.state != CredentialState::Removed)
            .collect();
        let credential = match candidates[..] {
            [] if is_pin_alone => return Err(Reason::PinUnknown),
            [] => return Err(Reason::CardUnknown),
            [one] => one,
            _ if still_there == 0 => return Err(Reason::CredentialRemoved),
            _ if is_pin_alone => return Err(Reason::PinAmbiguous),
            _ => return Err(Reason::CardAmbiguous),
        };
        match credential.state {
            CredentialState::Active => {}
            CredentialState::Pending => return Err(Reason::CredentialPending),
            CredentialState::Inactive => return Err(Reason::CredentialInactive),
            CredentialState::Removed => return Err(Reason::CredentialRemoved),
        }
        let valid = Interval {
            from: credential.valid_from,
            until: credential.valid_until,
        };
        match limit(valid, wish) {
            Limit::Met => {}
            Limit::Early => return Err(Reason::CredentialNotYetValid),
            Limit::Late => return Err(Reason::CredentialExpired),
            Limit::Unknown => return Err(Reason::ClockNotTrusted),
        }
        let user = credential.user.ok_or(Reason::CredentialUnassigned)?;
        self.user(user).ok_or(gone)
    }

    /// The strongest mode of the door, of the groups that its own place has it in, and of the places
    /// around it.
    pub(crate) fn mode_in_force(&self, door: &Door) -> DoorMode {
        let of_groups = self.all(|record| match record {
            Record::DoorGroup(group)
                if group.place == door.place && group.doors.contains(&door.id) =>
            {
                Some(group.mode)
            }
            _ => None,
        });
        let mut modes = of_groups;
        modes.push(door.mode);
        let mut place = Some(door.place);
        while let Some(found) = place.and_then(|id| self.place(id)) {
            modes.push(found.mode);
            place = found.parent;
        }
        let strength = [
            DoorMode::EmergencyOpen,
            DoorMode::Lockdown,
            DoorMode::Locked,
            DoorMode::Unlocked,
        ];
        let strongest = strength.into_iter().find(|mode| modes.contains(mode));
        strongest.unwrap_or(DoorMode::Normal)
    }

    /// `None` if some key of the user opens the door now; else how the key failed that got furthest.
    fn no_key_opens(
        &self,
        user: &User,
        door: &Door,
        only_exempt: bool,
        wish: &Wish,
    ) -> Option<Reason> {
        let mut grants = self.all(|record| match record {
            Record::Grant(grant) if grant.user == user.id => Some(grant),
            _ => None,
        });
        grants.sort_by_key(|grant| grant.key);
        let mut furthest = (0, Reason::NoGrant);
        for grant in grants {
            match self.grant_fails(grant, door, only_exempt, wish) {
                None => return None,
                Some((step, reason)) if step > furthest.0 => furthest = (step, reason),
                Some(_) => {}
            }
        }
        Some(furthest.1)
    }

    /// At which condition a grant fails at a door, counted from 0.
    fn grant_fails(
        &self,
        grant: &Grant,
        door: &Door,
        only_exempt: bool,
        wish: &Wish,
    ) -> Option<(u32, Reason)> {
        let Some(key) = self.key(grant) else {
            return Some((0, Reason::NoGrant));
        };
        let in_a_group = key.groups.iter().any(|group| {
            let group = self.group(*group);
            group.is_some_and(|group| group.doors.contains(&door.id))
        });
        let listed = key.doors.contains(&door.id) || in_a_group;
        if !listed || !self.sharing_valid(door, key.place) {
            return Some((0, Reason::NoGrant));
        }
        if only_exempt && !key.flags.lockdown_exempt {
            return Some((1, Reason::DoorLockdown));
        }
        if !grant.intervals.is_empty() {
            let limits: Vec<_> = grant
                .intervals
                .iter()
                .map(|one| limit(*one, wish))
                .collect();
            if !limits.iter().any(|limit| matches!(limit, Limit::Met)) {
                let unknown = limits.iter().any(|limit| matches!(limit, Limit::Unknown));
                let reason = if unknown {
                    Reason::ClockNotTrusted
                } else {
                    Reason::GrantNotValid
                };
                return Some((2, reason));
            }
        }
        if let Some(block) = &key.blocked {
            let Some(until) = block.until else {
                return Some((3, Reason::KeyBlocked));
            };
            if !knows_the_time(wish) {
                return Some((3, Reason::ClockNotTrusted));
            }
            if wish.now.wall < until {
                return Some((3, Reason::KeyBlocked));
            }
        }
        if let Some(window) = key.window {
            match limit(window, wish) {
                Limit::Met => {}
                Limit::Unknown => return Some((4, Reason::ClockNotTrusted)),
                Limit::Early | Limit::Late => return Some((4, Reason::KeyOutsideWindow)),
            }
        }
        if let Some(schedule) = key.schedule {
            if !knows_the_time(wish) {
                return Some((5, Reason::ClockNotTrusted));
            }
            if !self.in_schedule(schedule, wish.now.wall) {
                return Some((5, Reason::OutsideSchedule));
            }
        }
        None
    }

    /// Why this user may not pass this door by this key, whatever was shown.
    pub(crate) fn unlawful(
        &self,
        door: DoorId,
        user: UserId,
        key: KeyId,
        direction: Direction,
        now: Now,
    ) -> Option<Reason> {
        let Some(door) = self.door(door) else {
            return Some(Reason::DoorUnknown);
        };
        let holder = self.user(user);
        if holder.is_none_or(|holder| holder.state != UserState::Active) {
            return Some(Reason::UserInactive);
        }
        let mode = self.mode_in_force(door);
        let entering = direction == Direction::Entry;
        if entering && mode == DoorMode::Locked {
            return Some(Reason::DoorLocked);
        }
        let grant = self.one(|record| match record {
            Record::Grant(grant) if grant.user == user && grant.key == key => Some(grant),
            _ => None,
        });
        let Some(grant) = grant else {
            return Some(Reason::NoGrant);
        };
        let wish = Wish::of_user(user, now);
        let only_exempt = entering && mode == DoorMode::Lockdown;
        let failed = self.grant_fails(grant, door, only_exempt, &wish);
        failed.map(|(_, reason)| reason)
    }

    /// Whether a key lets its holders hold doors open.
    pub(crate) fn may_hold(&self, key: KeyId) -> bool {
        self.site.records.iter().any(
            |record| matches!(record, Record::Key(one) if one.id == key && one.flags.may_hold_open),
        )
    }

    /// Whether a door's plan has it unlocked: the first dated hours that say something of now, or
    /// else its schedule.
    pub(crate) fn plan_is_open(&self, door: &Door, at: Wall) -> bool {
        let Some(plan) = &door.plan else {
            return false;
        };
        let dated = plan
            .dated
            .iter()
            .find(|one| one.from <= at && at < one.until);
        match dated {
            Some(dated) => dated.door == DatedState::Unlocked,
            None => plan
                .schedule
                .is_some_and(|schedule| self.in_schedule(schedule, at)),
        }
    }

    fn sharing_valid(&self, door: &Door, place: PlaceId) -> bool {
        door.place == place
            || self.site.records.iter().any(|record| {
                matches!(record, Record::Share(share) if share.door == door.id && share.place == place)
            })
    }

    /// By the local clock: an hour that is skipped does not occur, one that is repeated counts twice.
    fn in_schedule(&self, id: ScheduleId, at: Wall) -> bool {
        let Some(schedule) = self.schedule(id) else {
            return false;
        };
        let Ok(zone) = zone(&schedule.time_zone) else {
            return false;
        };
        let at = jiff::Timestamp::from_millisecond(at.0).unwrap();
        let local = at.to_zoned(zone);
        let minute = local.hour() as u16 * 60 + local.minute() as u16;
        let today = local.weekday().to_monday_zero_offset() as u16;
        let yesterday = (today + 6) % 7;
        schedule.weekly.iter().any(|open| {
            let day = open.day.index();
            if open.until_minute > open.from_minute {
                day == today && open.from_minute <= minute && minute < open.until_minute
            } else {
                day == today && open.from_minute <= minute
                    || day == yesterday && minute < open.until_minute
            }
        })
    }

    /// Whether something else must be shown at this door, at this time.
    fn not_authenticated(&self, door: &Door, user: &User, wish: &Wish) -> Option<Reason> {
        let (card, pin) = match wish.shown() {
            Shown::User(_) => return None,
            Shown::Card(_) => (true, None),
            Shown::Pin(_) => (false, None),
            Shown::CardAndPin(_, pin) => (true, Some(pin)),
            Shown::Credential(id) => {
                let one = self.credentials().find(|one| one.id == id)?;
                (!matches!(one.data, CredentialData::Pin { .. }), None)
            }
        };
        if let Some(pin) = pin {
            let Shown::CardAndPin(read, _) = wish.shown() else {
                unreachable!()
            };
            let shown = self.credentials().filter(|one| is_card(one, read));
            let shown = shown.filter(|one| one.state == CredentialState::Active);
            if shown
                .into_iter()
                .any(|one| self.site.state.is_locked_out(one.id))
            {
                return Some(Reason::PinLockedOut);
            }
            let own = self.credentials().any(|one| {
                let valid = Interval {
                    from: one.valid_from,
                    until: one.valid_until,
                };
                is_pin(one, pin)
                    && one.user == Some(user.id)
                    && one.state == CredentialState::Active
                    && matches!(limit(valid, wish), Limit::Met)
            });
            return (!own).then_some(Reason::PinWrong);
        }
        if wish.direction == Direction::Exit {
            return None;
        }
        let asked = self.methods(door, wish);
        let enough = asked.iter().all(|method| match method {
            AuthMethod::Card => card,
            AuthMethod::Pin => !card,
            AuthMethod::CardOrPin => true,
            AuthMethod::CardAndPin => false,
        });
        let wanting = if card {
            Reason::PinRequired
        } else {
            Reason::CardRequired
        };
        (!enough).then_some(wanting)
    }

    /// The method of the first schedule in force, else the door's own. While the time is not known,
    /// all of them: none may be the one.
    fn methods(&self, door: &Door, wish: &Wish) -> Vec<AuthMethod> {
        let own = door.authentication.method;
        let scheduled = &door.authentication.scheduled;
        if !knows_the_time(wish) {
            let all = scheduled.iter().map(|one| one.method);
            return all.chain([own]).collect();
        }
        let mut methods = Vec::new();
        for one in scheduled {
            let readable = self
                .schedule(one.schedule)
                .is_some_and(|schedule| zone(&schedule.time_zone).is_ok());
            if !readable {
                methods.push(one.method);
            } else if self.in_schedule(one.schedule, wish.now.wall) {
                methods.push(one.method);
                return methods;
            }
        }
        methods.push(own);
        methods
    }

    fn against_area_rules(&self, door: &Door, user: &User, wish: &Wish) -> Option<Reason> {
        let inside = door.inside.and_then(|id| self.area(id));
        let outside = door.outside.and_then(|id| self.area(id));
        let entering = wish.direction == Direction::Entry;
        let state = &self.site.state;
        if let Some(area) = inside.filter(|_| entering)
            && let Some(place) = state.location(user.id)
        {
            let is_inside = place.area == Some(area.id);
            let s_ago = (wish.now.wall.0 - place.since.0) / 1_000;
            if is_inside && s_ago < i64::from(area.passback_s) {
                return Some(Reason::AntiPassbackTimed);
            }
            let elsewhere = outside.is_some_and(|outside| place.area != Some(outside.id));
            if area.passback == Passback::Hard && (is_inside || elsewhere) {
                return Some(Reason::AntiPassback);
            }
        }
        for area in [inside, outside].into_iter().flatten() {
            let applies = match area.interlock {
                Interlock::Off => false,
                Interlock::Entry => entering,
                Interlock::Both => true,
            };
            let others = state.open.get(&area.id);
            if applies && others.is_some_and(|open| open.iter().any(|other| *other != door.id)) {
                return Some(Reason::Interlock);
            }
            let unseen = state.unseen.get(&area.id);
            let unseen = unseen.is_some_and(|unseen| unseen.iter().any(|other| *other != door.id));
            if applies && entering && unseen {
                return Some(Reason::Interlock);
            }
        }
        let area = inside.filter(|_| entering)?;
        let present = state.occupants.get(&area.id).copied().unwrap_or(0);
        let two_needed = match area.two_person {
            TwoPerson::Off => false,
            TwoPerson::WhileEmpty => present == 0,
            TwoPerson::Always => true,
        };
        let first = state
            .first_of_two
            .get(&door.id)
            .filter(|first| **first != user.id);
        if two_needed && first.is_none() {
            return Some(Reason::SecondPersonNeeded);
        }
        let coming = if two_needed { 2 } else { 1 };
        let most = area.occupancy_max?;
        (present + coming > most).then_some(Reason::AreaFull)
    }
}

fn zone(name: &str) -> Result<TimeZone, jiff::Error> {
    TimeZoneDatabase::bundled().get(name)
}

fn knows_the_time(wish: &Wish) -> bool {
    wish.now.trust == ClockTrust::Trusted
        || wish.policy.untrusted_clock == UntrustedClock::TrustAnyway
}

fn limit(interval: Interval, wish: &Wish) -> Limit {
    if interval == Interval::default() {
        return Limit::Met;
    }
    if !knows_the_time(wish) {
        return Limit::Unknown;
    }
    let at = wish.now.wall;
    if interval.from.is_some_and(|from| at < from) {
        return Limit::Early;
    }
    if interval.until.is_some_and(|until| at >= until) {
        return Limit::Late;
    }
    Limit::Met
}

fn is_pin(credential: &Credential, shown: PinPrint) -> bool {
    matches!(&credential.data, CredentialData::Pin { print, .. } if *print == shown)
}

fn is_card(credential: &Credential, read: &CardRead) -> bool {
    match &credential.data {
        CredentialData::Card(number) | CredentialData::Phone(number) => {
            read.readings().any(|reading| reading == number)
        }
        CredentialData::RawCard { bits } => *bits == read.bits,
        CredentialData::Pin { .. } => false,
    }
}
