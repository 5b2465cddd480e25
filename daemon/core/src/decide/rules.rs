use core::fmt;
use core::ops::ControlFlow;

use super::authentication::{self, Asked, Asking, PinShown};
use super::found::{Clock, Found, Reading, Search};
use super::trace::{Rule, Silent, Trace};
use super::{
    Decision, Matched, Notes, Outcome, Policy, QuietSite, Relay, Request, Rex, Shown, SiteState,
    UnlockTime,
};
use crate::card::CardRead;
use crate::event::{Direction, Reason};
use crate::ids::{DoorId, KeyId};
use crate::model::{CredentialState, DoorMode, Factor, Interval, LockdownExit, UserState};
use crate::time::Now;
use crate::view::{
    AccessView, BlockFacts, CardIdentity, CredentialFacts, DoorFacts, KeyFacts, Unreadable,
    UserFacts,
};

/// Decides whether a door opens. Pure, and allocates nothing.
///
/// The rules are asked in this order; the first that fails denies, and gives the reason:
///
/// 1. The door is in the table: `door_unknown`.
/// 2. What was shown is one credential of the table, and no other: `card_unknown`,
///    `card_ambiguous`. Removed credentials count only where no other is left.
/// 3. The credential is active: `credential_pending`, `credential_inactive`, `credential_removed`.
/// 4. It is valid now: `credential_not_yet_valid`, `credential_expired`.
/// 5. Somebody holds it: `credential_unassigned`.
/// 6. The user is active: `user_invited`, `user_inactive`, `user_suspended`, `user_removed`.
/// 7. The mode in force at the door lets people in: `door_locked`. Exit readers are not asked
///    this: a locked door keeps people out and nobody in.
///
/// Then each key that the user holds, in the order of their numbers, until one meets all of:
///
/// 8. It opens this door: `no_grant`.
/// 9. In a lockdown, it is exempt: `door_lockdown`. Exit readers are asked this only where the
///    door says so, and only while its request-to-exit input is seen.
/// 10. Its grant is valid now: `grant_not_valid`.
/// 11. It is not blocked: `key_blocked`.
/// 12. It is in its window: `key_outside_window`.
/// 13. It is in its schedule: `outside_schedule`.
///
/// If none does, the reason is that of the key that got furthest; of several, the first. Then:
///
/// 14. What was shown is what the door asks for at this time, and is not locked out: `pin_required`,
///     `card_required`, `pin_wrong`, `pin_locked_out`. At exit readers one card or PIN is enough.
/// 15. Whoever comes in is not inside already, nor was last let in elsewhere, nor came in just now:
///     `anti_passback`, `anti_passback_timed`. A soft rule only notes it.
/// 16. No other door of a mantrap stands open or unlocked: `interlock`.
/// 17. Where two must come in together, this is the second: `second_person_needed`.
/// 18. There is room inside: `area_full`.
///
/// Exit readers are not asked 15, 17 and 18, and 16 only where the area says so. At last:
///
/// 19. The door's relay can be driven: `relay_unavailable`.
///
/// Wherever 4 and 10 to 13 would have to look at a clock that is not trusted, the site's
/// [`UntrustedClock`](super::UntrustedClock) decides whether they do; if not, they fail with `clock_not_trusted`. A table
/// that cannot be read denies with `table_unreadable`.
///
/// Rules 14 to 18 are asked of a site at which nothing goes on; [`decide_at`] asks them of one that
/// runs.
#[inline]
pub fn decide<V: AccessView>(
    view: &V,
    request: &Request<'_>,
    now: Now,
    policy: Policy,
) -> Decision {
    decide_at(view, &QuietSite, request, now, policy)
}

/// The same, at a site that runs.
#[inline]
pub fn decide_at<V: AccessView, S: SiteState>(
    view: &V,
    site: &S,
    request: &Request<'_>,
    now: Now,
    policy: Policy,
) -> Decision {
    judge(view, site, request, now, policy, &mut Silent)
}

/// The rules themselves, for `decide` and `explain` alike.
#[inline]
pub(super) fn judge<V: AccessView, S: SiteState, T: Trace>(
    view: &V,
    site: &S,
    request: &Request<'_>,
    now: Now,
    policy: Policy,
    trace: &mut T,
) -> Decision {
    let mut case = Case {
        view,
        site,
        clock: Clock::new(now, policy),
        matched: Matched::default(),
        notes: Notes::default(),
        trace,
    };
    let (outcome, reason, unlock) = match case.judge(request) {
        Ok(unlock) => (Outcome::Granted, Reason::Granted, unlock),
        Err(denial) => (Outcome::Denied, denial.reason, UnlockTime::Normal),
    };
    Decision {
        outcome,
        reason,
        matched: case.matched,
        unlock,
        notes: case.notes,
    }
}

/// The rule that failed, and the reason it gives.
#[derive(Clone, Copy)]
pub(super) struct Denial {
    rule: Rule,
    reason: Reason,
}

impl From<Unreadable> for Denial {
    fn from(_: Unreadable) -> Self {
        Self {
            rule: Rule::RelayReady,
            reason: Reason::TableUnreadable,
        }
    }
}

/// One request being judged.
pub(super) struct Case<'a, V, S, T> {
    pub(super) view: &'a V,
    pub(super) site: &'a S,
    pub(super) clock: Clock,
    pub(super) matched: Matched,
    pub(super) notes: Notes,
    pub(super) trace: &'a mut T,
}

/// Which keys count at a door.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    All,
    /// Those exempt from a lockdown.
    Exempt,
}

impl Keys {
    fn that_count(door: DoorFacts, way: Direction, rex: Rex) -> Self {
        let kept_in = door.lockdown_exit == LockdownExit::ExemptOnly && rex == Rex::Seen;
        match (door.mode, way) {
            (DoorMode::Lockdown, Direction::Entry) => Self::Exempt,
            (DoorMode::Lockdown, Direction::Exit) if kept_in => Self::Exempt,
            _ => Self::All,
        }
    }
}

/// Who was met, and by what.
struct Met<U> {
    credential: Option<Found<CredentialFacts<U>>>,
    user: Option<Holder<U>>,
    shown: authentication::Shown,
    pin: PinShown,
}

/// A user, and how the view names them.
struct Holder<U> {
    name: U,
    facts: UserFacts,
}

/// A door, and how the view names it.
#[derive(Clone, Copy)]
pub(super) struct AtDoor<D> {
    pub(super) id: DoorId,
    pub(super) name: D,
}

impl<V: AccessView, S: SiteState, T: Trace> Case<'_, V, S, T> {
    fn judge(&mut self, request: &Request<'_>) -> Result<UnlockTime, Denial> {
        let door = self.door_known(request.door)?;
        let met = self.identify(&request.shown)?;
        if let Some(found) = met.credential {
            let credential = self.credential_known(found, met.shown)?;
            self.credential_active(&credential)?;
            self.credential_valid(&credential)?;
            self.credential_held(&credential)?;
        }
        let user = self.user_active(met.user)?;
        let keys = self.door_mode(door.1, request)?;
        self.some_key_opens(user.name, door.0, keys)?;
        self.authenticated(door.0.name, request.direction, met.shown, met.pin)?;
        self.area_rules(door.0, request.direction, user.facts.id)?;
        self.relay_ready(request.relay)?;
        Ok(match user.facts.extended_unlock {
            true => UnlockTime::Extended,
            false => UnlockTime::Normal,
        })
    }

    fn door_known(&mut self, door: Option<DoorId>) -> Result<(AtDoor<V::Door>, DoorFacts), Denial> {
        let rule = Rule::DoorKnown;
        let Some(id) = door else {
            let facts = format_args!("the reader belongs to no door");
            return Err(self.failed(rule, Reason::DoorUnknown, facts));
        };
        let Some((name, facts)) = self.view.door(id)? else {
            let facts = format_args!("door {id} is not in the table");
            return Err(self.failed(rule, Reason::DoorUnknown, facts));
        };
        self.met(rule, format_args!("door {id} is in the table"));
        Ok((AtDoor { id, name }, facts))
    }

    fn door_mode(&mut self, door: DoorFacts, request: &Request<'_>) -> Result<Keys, Denial> {
        let keys = Keys::that_count(door, request.direction, request.rex);
        let denied = match (door.mode, request.direction) {
            (DoorMode::Locked, Direction::Entry) => Some(Reason::DoorLocked),
            _ => None,
        };
        let (mode, way) = (door.mode, request.direction);
        self.rule(
            Rule::DoorMode,
            denied,
            format_args!("mode {mode:?}, way {way:?}"),
        )?;
        Ok(keys)
    }

    fn credential_known(
        &mut self,
        found: Found<CredentialFacts<V::User>>,
        shown: authentication::Shown,
    ) -> Result<CredentialFacts<V::User>, Denial> {
        let rule = Rule::CredentialKnown;
        let (reason, facts) = match found {
            Found::One(credential) => {
                self.met(rule, format_args!("credential {}", credential.id));
                return Ok(credential);
            }
            Found::None if shown == authentication::Shown::Pin => {
                (Reason::PinUnknown, "no credential is known by this PIN")
            }
            Found::None => (Reason::CardUnknown, "no credential is known by this"),
            Found::Several if shown == authentication::Shown::Pin => {
                (Reason::PinAmbiguous, "several users have this PIN")
            }
            Found::Several => (
                Reason::CardAmbiguous,
                "several credentials are known by this",
            ),
            Found::SeveralRemoved => (
                Reason::CredentialRemoved,
                "several credentials were known by this, all are removed",
            ),
        };
        Err(self.failed(rule, reason, format_args!("{facts}")))
    }

    fn credential_active(&mut self, credential: &CredentialFacts<V::User>) -> Result<(), Denial> {
        let denied = match credential.state {
            CredentialState::Active => None,
            CredentialState::Pending => Some(Reason::CredentialPending),
            CredentialState::Inactive => Some(Reason::CredentialInactive),
            CredentialState::Removed => Some(Reason::CredentialRemoved),
        };
        let facts = format_args!("state {:?}", credential.state);
        self.rule(Rule::CredentialActive, denied, facts)
    }

    fn credential_valid(&mut self, credential: &CredentialFacts<V::User>) -> Result<(), Denial> {
        let denied = match self.clock.reads(&credential.validity) {
            Reading::Within => None,
            Reading::Before => Some(Reason::CredentialNotYetValid),
            Reading::After => Some(Reason::CredentialExpired),
            Reading::NotTrusted => Some(Reason::ClockNotTrusted),
        };
        let facts = format_args!("valid {}", credential.validity);
        self.rule(Rule::CredentialValid, denied, facts)
    }

    fn credential_held(&mut self, credential: &CredentialFacts<V::User>) -> Result<(), Denial> {
        let (denied, facts) = match credential.user {
            Some(_) => (None, "a user holds it"),
            None => (Some(Reason::CredentialUnassigned), "nobody holds it"),
        };
        self.rule(Rule::CredentialHeld, denied, format_args!("{facts}"))
    }

    fn user_active(&mut self, user: Option<Holder<V::User>>) -> Result<Holder<V::User>, Denial> {
        let rule = Rule::UserActive;
        let Some(user) = user else {
            let facts = format_args!("the user is not in the table");
            return Err(self.failed(rule, Reason::UserRemoved, facts));
        };
        let denied = match user.facts.state {
            UserState::Active => None,
            UserState::Invited => Some(Reason::UserInvited),
            UserState::Inactive => Some(Reason::UserInactive),
            UserState::Suspended => Some(Reason::UserSuspended),
            UserState::Removed => Some(Reason::UserRemoved),
        };
        let UserFacts { id, state, .. } = user.facts;
        self.rule(rule, denied, format_args!("user {id}, state {state:?}"))?;
        Ok(user)
    }

    fn some_key_opens(
        &mut self,
        user: V::User,
        door: AtDoor<V::Door>,
        keys: Keys,
    ) -> Result<(), Denial> {
        let view = self.view;
        let mut furthest: Option<(Denial, Option<KeyId>)> = None;
        let mut opened = None;
        view.grants(user, |key, intervals| {
            let (id, result) = self.key_opens(key, intervals, door, keys);
            match result {
                Ok(()) => opened = id,
                Err(denial) => {
                    // Strictly further: of several that got as far, the first is told.
                    if furthest.is_none_or(|(best, _)| denial.rule > best.rule) {
                        furthest = Some((denial, id));
                    }
                }
            }
            match opened {
                Some(_) => ControlFlow::Break(()),
                None => ControlFlow::Continue(()),
            }
        })?;
        if opened.is_some() {
            self.matched.key = opened;
            return Ok(());
        }
        let Some((denial, key)) = furthest else {
            let facts = format_args!("the user holds no key");
            return Err(self.failed(Rule::KeyOpensDoor, Reason::NoGrant, facts));
        };
        if denial.rule > Rule::KeyOpensDoor {
            self.matched.key = key;
        }
        Err(denial)
    }

    /// Rules 8 to 13 of one key, and its number.
    pub(super) fn key_opens(
        &mut self,
        key: V::Key,
        intervals: &V::Granted,
        door: AtDoor<V::Door>,
        keys: Keys,
    ) -> (Option<KeyId>, Result<(), Denial>) {
        let rule = Rule::KeyOpensDoor;
        let opens = match self.view.opens(key, door.name) {
            Ok(opens) => opens,
            Err(unreadable) => return (None, Err(unreadable.into())),
        };
        // Most keys of most users do not open the door, and nobody listens: no need to look closer.
        if !opens && !T::LISTENS {
            let reason = Reason::NoGrant;
            return (None, Err(Denial { rule, reason }));
        }
        let key = match self.view.key(key) {
            Ok(Some(key)) => key,
            Ok(None) => {
                let facts = format_args!("a key that the user holds is not in the table");
                return (None, Err(self.failed(rule, Reason::NoGrant, facts)));
            }
            Err(unreadable) => return (None, Err(unreadable.into())),
        };
        let result = self
            .key_has_door(&key, opens, door.id)
            .and_then(|()| self.key_exempt(&key, keys))
            .and_then(|()| self.grant_valid(&key, intervals.as_ref()))
            .and_then(|()| self.key_not_blocked(&key))
            .and_then(|()| self.key_in_window(&key))
            .and_then(|()| self.key_in_schedule(&key));
        (Some(key.id), result)
    }

    fn key_has_door(
        &mut self,
        key: &KeyFacts<V::Schedule>,
        opens: bool,
        door: DoorId,
    ) -> Result<(), Denial> {
        let (denied, verb) = match opens {
            true => (None, "opens"),
            false => (Some(Reason::NoGrant), "does not open"),
        };
        let facts = format_args!("key {} {verb} door {door}", key.id);
        self.rule_of_key(Rule::KeyOpensDoor, key.id, denied, facts)
    }

    fn key_exempt(&mut self, key: &KeyFacts<V::Schedule>, keys: Keys) -> Result<(), Denial> {
        let (denied, facts) = match (keys, key.powers.lockdown_exempt) {
            (Keys::All, _) => (None, "nothing to be exempt from"),
            (Keys::Exempt, true) => (None, "exempt from the lockdown"),
            (Keys::Exempt, false) => (Some(Reason::DoorLockdown), "not exempt from the lockdown"),
        };
        self.rule_of_key(Rule::KeyExempt, key.id, denied, format_args!("{facts}"))
    }

    fn grant_valid(
        &mut self,
        key: &KeyFacts<V::Schedule>,
        intervals: &[Interval],
    ) -> Result<(), Denial> {
        let rule = Rule::GrantValid;
        if intervals.is_empty() {
            return self.rule_of_key(rule, key.id, None, format_args!("granted for always"));
        }
        let mut denied = Some(Reason::GrantNotValid);
        for interval in intervals {
            match self.clock.reads(interval) {
                Reading::Within => {
                    let facts = format_args!("granted {interval}");
                    return self.rule_of_key(rule, key.id, None, facts);
                }
                Reading::NotTrusted => denied = Some(Reason::ClockNotTrusted),
                Reading::Before | Reading::After => {}
            }
        }
        let facts = format_args!("granted {}", Intervals(intervals));
        self.rule_of_key(rule, key.id, denied, facts)
    }

    fn key_not_blocked(&mut self, key: &KeyFacts<V::Schedule>) -> Result<(), Denial> {
        let rule = Rule::KeyNotBlocked;
        let until = match key.block {
            BlockFacts::None => {
                return self.rule_of_key(rule, key.id, None, format_args!("not blocked"));
            }
            BlockFacts::UntilLifted => {
                let facts = format_args!("blocked until somebody lifts it");
                return self.rule_of_key(rule, key.id, Some(Reason::KeyBlocked), facts);
            }
            BlockFacts::Until(until) => until,
        };
        let lifted = Interval {
            from: Some(until),
            until: None,
        };
        let denied = match self.clock.reads(&lifted) {
            Reading::Within => None,
            Reading::Before | Reading::After => Some(Reason::KeyBlocked),
            Reading::NotTrusted => Some(Reason::ClockNotTrusted),
        };
        self.rule_of_key(rule, key.id, denied, format_args!("blocked until {until}"))
    }

    fn key_in_window(&mut self, key: &KeyFacts<V::Schedule>) -> Result<(), Denial> {
        let rule = Rule::KeyInWindow;
        let Some(window) = key.window else {
            return self.rule_of_key(rule, key.id, None, format_args!("no common window"));
        };
        let denied = match self.clock.reads(&window) {
            Reading::Within => None,
            Reading::Before | Reading::After => Some(Reason::KeyOutsideWindow),
            Reading::NotTrusted => Some(Reason::ClockNotTrusted),
        };
        self.rule_of_key(rule, key.id, denied, format_args!("window {window}"))
    }

    fn key_in_schedule(&mut self, key: &KeyFacts<V::Schedule>) -> Result<(), Denial> {
        let rule = Rule::KeyInSchedule;
        let Some(schedule) = key.schedule else {
            return self.rule_of_key(rule, key.id, None, format_args!("no schedule: always"));
        };
        if !self.clock.is_usable() {
            let facts = format_args!("the schedule needs a clock that is trusted");
            return self.rule_of_key(rule, key.id, Some(Reason::ClockNotTrusted), facts);
        }
        let Some(reading) = self.view.schedule(schedule, self.clock.wall())? else {
            let facts =
                format_args!("its schedule, the schedule's time zone or a holiday set is unknown");
            return self.rule_of_key(rule, key.id, Some(Reason::OutsideSchedule), facts);
        };
        let (denied, word) = match reading.says.open {
            true => (None, "within"),
            false => (Some(Reason::OutsideSchedule), "outside"),
        };
        let facts = format_args!("{} is {word} schedule {}", reading.says, reading.id);
        self.rule_of_key(rule, key.id, denied, facts)
    }

    fn authenticated(
        &mut self,
        door: V::Door,
        direction: Direction,
        shown: authentication::Shown,
        pin: PinShown,
    ) -> Result<(), Denial> {
        let asked = match direction {
            Direction::Entry => authentication::asked(self.view, self.clock, door)?,
            Direction::Exit => Asked::ANYTHING,
        };
        let locked_out = || {
            let credential = self.matched.credential;
            credential.is_some_and(|card| self.site.is_locked_out(card))
        };
        let denied = match (shown, pin) {
            // A right PIN counts for nothing while the card is locked out: else a guesser would see
            // by the grant that it was right.
            (authentication::Shown::CardAndPin, _) if locked_out() => Some(Reason::PinLockedOut),
            (authentication::Shown::CardAndPin, PinShown::Wrong) => Some(Reason::PinWrong),
            _ if asked.is_met_by(shown) => None,
            (authentication::Shown::Pin, _) => Some(Reason::CardRequired),
            _ => Some(Reason::PinRequired),
        };
        let method = asked.method;
        self.rule(
            Rule::Authenticated,
            denied,
            format_args!("{} asked for, shown {}", Asking(method), shown.word()),
        )
    }

    fn relay_ready(&mut self, relay: Relay) -> Result<(), Denial> {
        let (denied, facts) = match relay {
            Relay::Ready => (None, "the relay can be driven"),
            Relay::Unavailable => (
                Some(Reason::RelayUnavailable),
                "no relay is wired, or its board does not answer",
            ),
        };
        self.rule(Rule::RelayReady, denied, format_args!("{facts}"))
    }

    /// Finds what was shown and whose it is, and notes both as matched. Judges nothing.
    fn identify(&mut self, shown: &Shown<'_>) -> Result<Met<V::User>, Unreadable> {
        let holder = |found: Found<CredentialFacts<V::User>>| found.one().and_then(|one| one.user);
        let (credential, user) = match *shown {
            Shown::Card(read) | Shown::CardAndPin(read, _) => {
                let found = self.find_card(read)?;
                (Some(found), holder(found))
            }
            Shown::Pin(print) => {
                let mut search = Search::default();
                search.add(self.view, &CardIdentity::Pin(print))?;
                let found = search.found();
                (Some(found), holder(found))
            }
            Shown::Credential(id) => {
                let found = match self.view.credential(id)? {
                    Some(credential) => Found::One(credential),
                    None => Found::None,
                };
                (Some(found), holder(found))
            }
            Shown::User(id) => (None, self.view.find_user(id)?),
        };
        let holder = match user {
            Some(name) => self.view.user(name)?.map(|facts| Holder { name, facts }),
            None => None,
        };
        let one = credential.and_then(Found::one);
        self.matched.credential = one.map(|one| one.id);
        self.matched.user = holder.as_ref().map(|holder| holder.facts.id);
        let pin = match *shown {
            Shown::CardAndPin(_, print) => {
                authentication::pin_of(self.view, self.clock, user, print)?
            }
            _ => PinShown::None,
        };
        let factor = one.map(|one| one.factor);
        self.notes.duress = pin == PinShown::Duress || factor == Some(Factor::DuressPin);
        self.notes.wrong_pin = pin == PinShown::Wrong;
        let shown = match (*shown, factor) {
            (Shown::CardAndPin(..), _) => authentication::Shown::CardAndPin,
            (Shown::User(_), _) => authentication::Shown::Everything,
            (Shown::Pin(_), _) | (_, Some(Factor::Pin | Factor::DuressPin)) => {
                authentication::Shown::Pin
            }
            (Shown::Card(_) | Shown::Credential(_), _) => authentication::Shown::Card,
        };
        Ok(Met {
            credential,
            user: holder,
            shown,
            pin,
        })
    }

    fn find_card(&self, read: &CardRead) -> Result<Found<CredentialFacts<V::User>>, Unreadable> {
        let mut search = Search::default();
        search.add(self.view, &CardIdentity::Bits(read.bits))?;
        for number in read.readings() {
            search.add(self.view, &CardIdentity::Number(*number))?;
        }
        Ok(search.found())
    }

    fn met(&mut self, rule: Rule, facts: fmt::Arguments<'_>) {
        self.trace.step(rule, None, Ok(()), facts);
    }

    fn failed(&mut self, rule: Rule, reason: Reason, facts: fmt::Arguments<'_>) -> Denial {
        self.trace.step(rule, None, Err(reason), facts);
        Denial { rule, reason }
    }

    pub(super) fn rule(
        &mut self,
        rule: Rule,
        denied: Option<Reason>,
        facts: fmt::Arguments<'_>,
    ) -> Result<(), Denial> {
        self.judged(rule, None, denied, facts)
    }

    fn rule_of_key(
        &mut self,
        rule: Rule,
        key: KeyId,
        denied: Option<Reason>,
        facts: fmt::Arguments<'_>,
    ) -> Result<(), Denial> {
        self.judged(rule, Some(key), denied, facts)
    }

    fn judged(
        &mut self,
        rule: Rule,
        key: Option<KeyId>,
        denied: Option<Reason>,
        facts: fmt::Arguments<'_>,
    ) -> Result<(), Denial> {
        let result = denied.map_or(Ok(()), Err);
        self.trace.step(rule, key, result, facts);
        result.map_err(|reason| Denial { rule, reason })
    }
}

/// Several intervals as text.
struct Intervals<'a>(&'a [Interval]);

impl fmt::Display for Intervals<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, interval) in self.0.iter().enumerate() {
            write!(f, "{}{interval}", if at == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}
