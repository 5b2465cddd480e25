use core::ops::ControlFlow;

use super::{Decision, Policy, Relay, Request, Rex, Rule, Shown, UnlockTime, UntrustedClock};
use super::{decide, explain};
use crate::card::CardRead;
use crate::event::{Direction, Reason};
use crate::fixture::{
    bits, card, credential, door, grant, interval, key, now, number, office_hours, small_site, user,
};
use crate::ids::{CredentialId, DoorId, KeyId, ScheduleId, UserId};
use crate::model::{
    AuthMethod, Block, Change, CredentialData, CredentialState, DoorMode, Grant, Interval, Key,
    LockdownExit, Record, RecordRef, UserState,
};
use crate::time::{ClockTrust, Now, Wall};
use crate::view::{
    AccessView, CardIdentity, CredentialFacts, DoorAreas, DoorFacts, KeyFacts, MapView,
    ScheduleReading, Unreadable, UserFacts,
};

/// A Tuesday, 10:00 in Stockholm.
const NOON_ISH: &str = "2026-03-24T09:00:00Z";

fn at_door(door: u32, card: &CardRead) -> Request<'_> {
    Request {
        door: Some(DoorId(door)),
        direction: Direction::Entry,
        shown: Shown::Card(card),
        relay: Relay::Ready,
        rex: Rex::Seen,
    }
}

/// Decides, and checks that the explanation says the same.
fn decided<V: AccessView>(view: &V, request: &Request<'_>, now: Now, policy: Policy) -> Decision {
    let decision = decide(view, request, now, policy);
    let explanation = explain(view, request, now, policy);
    assert_eq!(decision.outcome, explanation.outcome);
    assert_eq!(decision.reason, explanation.reason);
    assert_eq!(decision.matched.credential, explanation.credential);
    assert_eq!(decision.matched.user, explanation.user);
    assert_eq!(decision.matched.key, explanation.key);
    decision
}

/// The small site with `changed` put over it, card 100 at door 1.
fn check(changed: Vec<Record>, expect: Reason) -> Decision {
    check_at(changed, NOON_ISH, expect)
}

fn check_at(changed: Vec<Record>, at: &str, expect: Reason) -> Decision {
    let view: MapView = small_site().into_iter().chain(changed).collect();
    let decision = decided(&view, &at_door(1, &card(100)), now(at), Policy::default());
    assert_eq!(decision.reason, expect);
    assert_eq!(decision.is_granted(), expect == Reason::Granted);
    decision
}

#[test]
fn a_valid_card_is_granted() {
    let decision = check(vec![], Reason::Granted);
    assert_eq!(decision.matched.credential, Some(CredentialId(1)));
    assert_eq!(decision.matched.user, Some(UserId(1)));
    assert_eq!(decision.matched.key, Some(KeyId(1)));
    assert_eq!(decision.unlock, UnlockTime::Normal);
}

#[test]
fn users_who_need_more_time_get_it() {
    let mut slow = user(1);
    slow.extended_unlock = true;
    let decision = check(vec![Record::User(slow)], Reason::Granted);
    assert_eq!(decision.unlock, UnlockTime::Extended);
}

#[test]
fn a_reader_without_a_door_denies() {
    let view: MapView = small_site().into_iter().collect();
    let card = card(100);
    let mut request = at_door(9, &card);
    for door in [Some(DoorId(9)), None] {
        request.door = door;
        let decision = decided(&view, &request, now(NOON_ISH), Policy::default());
        assert_eq!(decision.reason, Reason::DoorUnknown);
    }
}

#[test]
fn modes_keep_people_out_and_nobody_in() {
    for (mode, entry, exit) in [
        (DoorMode::Normal, Reason::Granted, Reason::Granted),
        (DoorMode::Unlocked, Reason::Granted, Reason::Granted),
        (DoorMode::Locked, Reason::DoorLocked, Reason::Granted),
        (DoorMode::Lockdown, Reason::DoorLockdown, Reason::Granted),
        (DoorMode::EmergencyOpen, Reason::Granted, Reason::Granted),
    ] {
        let mut door = door(1);
        door.mode = mode;
        let decision = check(vec![Record::Door(door.clone())], entry);
        assert_eq!(decision.matched.user, Some(UserId(1)), "{mode:?}");

        let view: MapView = small_site()
            .into_iter()
            .chain([Record::Door(door)])
            .collect();
        let card = card(100);
        let mut request = at_door(1, &card);
        request.direction = Direction::Exit;
        let decision = decided(&view, &request, now(NOON_ISH), Policy::default());
        assert_eq!(decision.reason, exit, "{mode:?}");
    }
}

#[test]
fn in_a_lockdown_only_exempt_keys_count() {
    let mut door = door(1);
    door.mode = DoorMode::Lockdown;
    let mut exempt = key(1, &[1]);
    exempt.flags.lockdown_exempt = true;
    // (the door's exit, its exit button, exempt key) -> (entry, exit)
    let (granted, denied) = (Reason::Granted, Reason::DoorLockdown);
    for (exit, rex, is_exempt, expect) in [
        (LockdownExit::AsUsual, Rex::Seen, false, (denied, granted)),
        (LockdownExit::AsUsual, Rex::Seen, true, (granted, granted)),
        (LockdownExit::ExemptOnly, Rex::Seen, false, (denied, denied)),
        (
            LockdownExit::ExemptOnly,
            Rex::Seen,
            true,
            (granted, granted),
        ),
        // Where no button lets people out, the reader does.
        (
            LockdownExit::ExemptOnly,
            Rex::Unseen,
            false,
            (denied, granted),
        ),
    ] {
        door.lockdown_exit = exit;
        let held = if is_exempt {
            exempt.clone()
        } else {
            key(1, &[1])
        };
        let changed = [Record::Door(door.clone()), Record::Key(held)];
        let view: MapView = small_site().into_iter().chain(changed).collect();
        let card = card(100);
        for (direction, expect) in [(Direction::Entry, expect.0), (Direction::Exit, expect.1)] {
            let request = Request {
                direction,
                rex,
                ..at_door(1, &card)
            };
            let decision = decided(&view, &request, now(NOON_ISH), Policy::default());
            let what = format!("{exit:?} {rex:?} {is_exempt} {direction:?}");
            assert_eq!(decision.reason, expect, "{what}");
        }
    }
}

#[test]
fn a_lockdown_tells_strangers_nothing_of_itself() {
    let mut door = door(1);
    door.mode = DoorMode::Lockdown;
    let other = Record::Key(key(1, &[2]));
    check(vec![Record::Door(door), other], Reason::NoGrant);
}

#[test]
fn an_unknown_card_is_denied() {
    let view: MapView = small_site().into_iter().collect();
    let decision = decided(
        &view,
        &at_door(1, &card(999)),
        now(NOON_ISH),
        Policy::default(),
    );
    assert_eq!(decision.reason, Reason::CardUnknown);
    assert_eq!(decision.matched, super::Matched::default());
}

#[test]
fn a_card_that_could_mean_two_credentials_is_not_guessed() {
    let mut raw = credential(2, 1, 0);
    raw.data = CredentialData::RawCard { bits: bits(100) };
    let decision = check(vec![Record::Credential(raw.clone())], Reason::CardAmbiguous);
    assert_eq!(decision.matched.credential, None);

    // Once one of the two is taken back, the other is meant.
    raw.state = CredentialState::Removed;
    check(vec![Record::Credential(raw)], Reason::Granted);
}

#[test]
fn one_credential_read_by_two_formats_is_one() {
    let view: MapView = small_site().into_iter().collect();
    let twice = CardRead::new(bits(100), [number(100), number(100)]);
    let decision = decided(&view, &at_door(1, &twice), now(NOON_ISH), Policy::default());
    assert_eq!(decision.reason, Reason::Granted);
}

#[test]
fn raw_bits_are_compared_whole() {
    let mut raw = credential(1, 1, 0);
    raw.data = CredentialData::RawCard { bits: bits(100) };
    check(vec![Record::Credential(raw.clone())], Reason::Granted);
    raw.data = CredentialData::RawCard {
        bits: crate::card::CardBits::new(25, bits(100).bytes()).unwrap(),
    };
    check(vec![Record::Credential(raw)], Reason::CardUnknown);
}

#[test]
fn credentials_out_of_force_are_denied() {
    for (state, expect) in [
        (CredentialState::Pending, Reason::CredentialPending),
        (CredentialState::Inactive, Reason::CredentialInactive),
        (CredentialState::Removed, Reason::CredentialRemoved),
    ] {
        let mut changed = credential(1, 1, 100);
        changed.state = state;
        let decision = check(vec![Record::Credential(changed)], expect);
        assert_eq!(decision.matched.credential, Some(CredentialId(1)));
    }
}

#[test]
fn a_card_removed_from_two_users_is_nobody_s() {
    let removed = |id| {
        let mut credential = credential(id, 1, 100);
        credential.state = CredentialState::Removed;
        Record::Credential(credential)
    };
    let decision = check(vec![removed(1), removed(2)], Reason::CredentialRemoved);
    assert_eq!(decision.matched.credential, None);
}

#[test]
fn credentials_have_their_time() {
    let mut changed = credential(1, 1, 100);
    changed.valid_from = Some(now("2026-03-24T08:00:00Z").wall);
    changed.valid_until = Some(now("2026-03-24T10:00:00Z").wall);
    for (at, expect) in [
        ("2026-03-24T07:59:59.999Z", Reason::CredentialNotYetValid),
        ("2026-03-24T08:00:00Z", Reason::Granted),
        ("2026-03-24T09:59:59.999Z", Reason::Granted),
        ("2026-03-24T10:00:00Z", Reason::CredentialExpired),
    ] {
        check_at(vec![Record::Credential(changed.clone())], at, expect);
    }
}

#[test]
fn a_credential_held_by_nobody_is_denied() {
    let mut spare = credential(1, 1, 100);
    spare.user = None;
    let decision = check(
        vec![Record::Credential(spare)],
        Reason::CredentialUnassigned,
    );
    assert_eq!(decision.matched.user, None);
}

#[test]
fn users_out_of_force_are_denied() {
    for (state, expect) in [
        (UserState::Invited, Reason::UserInvited),
        (UserState::Inactive, Reason::UserInactive),
        (UserState::Suspended, Reason::UserSuspended),
        (UserState::Removed, Reason::UserRemoved),
    ] {
        let mut changed = user(1);
        changed.state = state;
        check(vec![Record::User(changed)], expect);
    }
}

#[test]
fn a_user_missing_from_the_table_is_denied() {
    check(
        vec![Record::Credential(credential(1, 77, 100))],
        Reason::UserRemoved,
    );
}

#[test]
fn a_user_without_a_key_to_the_door_is_denied() {
    let decision = check(vec![Record::Key(key(1, &[2]))], Reason::NoGrant);
    assert_eq!(decision.matched.key, None);

    let mut view: MapView = small_site().into_iter().collect();
    view.change(&Change::Remove(RecordRef::Grant {
        user: UserId(1),
        key: KeyId(1),
    }));
    let decision = decided(
        &view,
        &at_door(1, &card(100)),
        now(NOON_ISH),
        Policy::default(),
    );
    assert_eq!(decision.reason, Reason::NoGrant);
}

#[test]
fn grants_have_their_intervals() {
    let booked = Grant {
        intervals: vec![
            interval("2026-03-24T08:00:00Z", "2026-03-24T08:30:00Z"),
            interval("2026-03-24T09:00:00Z", "2026-03-24T10:00:00Z"),
        ],
        ..grant(1, 1)
    };
    for (at, expect) in [
        ("2026-03-24T07:00:00Z", Reason::GrantNotValid),
        ("2026-03-24T08:00:00Z", Reason::Granted),
        ("2026-03-24T08:30:00Z", Reason::GrantNotValid),
        ("2026-03-24T09:00:00Z", Reason::Granted),
        ("2026-03-24T10:00:00Z", Reason::GrantNotValid),
    ] {
        check_at(vec![Record::Grant(booked.clone())], at, expect);
    }
}

fn changed_key(change: impl FnOnce(&mut Key)) -> Vec<Record> {
    let mut changed = key(1, &[1]);
    change(&mut changed);
    vec![Record::Key(changed)]
}

#[test]
fn blocked_keys_deny_until_their_time() {
    let block = |until: Option<&str>| {
        changed_key(|key| {
            key.blocked = Some(Block {
                reason: "lost".to_owned(),
                until: until.map(|until| now(until).wall),
            });
        })
    };
    let decision = check(block(None), Reason::KeyBlocked);
    assert_eq!(decision.matched.key, Some(KeyId(1)));
    check(block(Some("2026-03-24T09:00:00.001Z")), Reason::KeyBlocked);
    check(block(Some("2026-03-24T09:00:00Z")), Reason::Granted);
}

#[test]
fn keys_have_their_common_window() {
    let window = changed_key(|key| {
        key.window = Some(interval("2026-03-24T09:00:00Z", "2026-03-24T09:00:01Z"));
    });
    check(window.clone(), Reason::Granted);
    check_at(
        window.clone(),
        "2026-03-24T08:59:59Z",
        Reason::KeyOutsideWindow,
    );
    check_at(window, "2026-03-24T09:00:01Z", Reason::KeyOutsideWindow);
}

#[test]
fn keys_have_their_schedule() {
    let scheduled = changed_key(|key| key.schedule = Some(ScheduleId(1)));
    for (at, expect) in [
        ("2026-03-24T05:59:59Z", Reason::OutsideSchedule),
        ("2026-03-24T06:00:00Z", Reason::Granted),
        ("2026-03-24T16:59:59Z", Reason::Granted),
        ("2026-03-24T17:00:00Z", Reason::OutsideSchedule),
        ("2026-03-28T09:00:00Z", Reason::OutsideSchedule), // a Saturday
        ("2026-03-30T05:00:00Z", Reason::Granted),         // a Monday in summer time
    ] {
        check_at(scheduled.clone(), at, expect);
    }
}

#[test]
fn a_schedule_that_cannot_be_read_is_closed() {
    check(
        changed_key(|key| key.schedule = Some(ScheduleId(99))),
        Reason::OutsideSchedule,
    );
    let mut nowhere = office_hours(1);
    nowhere.time_zone = "Europe/Atlantis".to_owned();
    let mut changed = changed_key(|key| key.schedule = Some(ScheduleId(1)));
    changed.push(Record::Schedule(nowhere));
    check(changed, Reason::OutsideSchedule);
}

#[test]
fn rights_of_several_keys_unite() {
    let blocked = changed_key(|key| {
        key.blocked = Some(Block {
            reason: "lost".to_owned(),
            until: None,
        });
    });
    let mut changed = blocked;
    changed.push(Record::Key(key(2, &[2, 1])));
    changed.push(Record::Grant(grant(1, 2)));
    let decision = check(changed, Reason::Granted);
    assert_eq!(decision.matched.key, Some(KeyId(2)));
}

#[test]
fn the_key_that_got_furthest_gives_the_reason() {
    // Key 1 fails at its grant, keys 2 and 4 at their schedule, key 3 is for another door.
    let mut scheduled = key(2, &[1]);
    scheduled.schedule = Some(ScheduleId(99));
    let mut late = scheduled.clone();
    late.id = KeyId(4);
    let expired = Grant {
        intervals: vec![interval("", "2026-01-01T00:00:00Z")],
        ..grant(1, 1)
    };
    let decision = check(
        vec![
            Record::Grant(expired),
            Record::Key(scheduled),
            Record::Key(key(3, &[2])),
            Record::Key(late),
            Record::Grant(grant(1, 2)),
            Record::Grant(grant(1, 3)),
            Record::Grant(grant(1, 4)),
        ],
        Reason::OutsideSchedule,
    );
    assert_eq!(decision.matched.key, Some(KeyId(2)));
}

#[test]
fn a_relay_out_of_reach_denies_last() {
    let view: MapView = small_site().into_iter().collect();
    let (known, unknown) = (card(100), card(999));
    for (card, expect) in [
        (&known, Reason::RelayUnavailable),
        (&unknown, Reason::CardUnknown),
    ] {
        let mut request = at_door(1, card);
        request.relay = Relay::Unavailable;
        let decision = decided(&view, &request, now(NOON_ISH), Policy::default());
        assert_eq!(decision.reason, expect);
    }
}

/// A view that fails at one kind of question.
struct Failing {
    table: MapView,
    at: Question,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Door,
    Credentials,
    User,
    Grants,
    Opens,
    Key,
    Schedule,
    Authentication,
    Areas,
}

impl Failing {
    fn asked(&self, question: Question) -> Result<(), Unreadable> {
        if question == self.at {
            return Err(Unreadable);
        }
        Ok(())
    }
}

impl AccessView for Failing {
    type User = UserId;
    type Key = KeyId;
    type Schedule = ScheduleId;
    type Door = DoorId;
    type Granted = [Interval];

    fn door(&self, door: DoorId) -> Result<Option<(DoorId, DoorFacts)>, Unreadable> {
        self.asked(Question::Door)?;
        self.table.door(door)
    }

    fn credentials(
        &self,
        identity: &CardIdentity,
        visit: impl FnMut(CredentialFacts<UserId>),
    ) -> Result<(), Unreadable> {
        self.asked(Question::Credentials)?;
        self.table.credentials(identity, visit)
    }

    fn credential(
        &self,
        credential: CredentialId,
    ) -> Result<Option<CredentialFacts<UserId>>, Unreadable> {
        self.table.credential(credential)
    }

    fn find_user(&self, user: UserId) -> Result<Option<UserId>, Unreadable> {
        self.table.find_user(user)
    }

    fn user(&self, user: UserId) -> Result<Option<UserFacts>, Unreadable> {
        self.asked(Question::User)?;
        self.table.user(user)
    }

    fn grants(
        &self,
        user: UserId,
        visit: impl FnMut(KeyId, &[Interval]) -> ControlFlow<()>,
    ) -> Result<(), Unreadable> {
        self.asked(Question::Grants)?;
        self.table.grants(user, visit)
    }

    fn opens(&self, key: KeyId, door: DoorId) -> Result<bool, Unreadable> {
        self.asked(Question::Opens)?;
        self.table.opens(key, door)
    }

    fn key(&self, key: KeyId) -> Result<Option<KeyFacts<ScheduleId>>, Unreadable> {
        self.asked(Question::Key)?;
        self.table.key(key)
    }

    fn schedule(
        &self,
        schedule: ScheduleId,
        at: Wall,
    ) -> Result<Option<ScheduleReading>, Unreadable> {
        self.asked(Question::Schedule)?;
        self.table.schedule(schedule, at)
    }

    fn authentication(
        &self,
        door: DoorId,
        visit: impl FnMut(Option<ScheduleId>, AuthMethod) -> ControlFlow<()>,
    ) -> Result<(), Unreadable> {
        self.asked(Question::Authentication)?;
        self.table.authentication(door, visit)
    }

    fn areas(&self, door: DoorId) -> Result<DoorAreas, Unreadable> {
        self.asked(Question::Areas)?;
        self.table.areas(door)
    }
}

#[test]
fn a_table_that_cannot_be_read_denies() {
    for at in [
        Question::Door,
        Question::Credentials,
        Question::User,
        Question::Grants,
        Question::Opens,
        Question::Key,
        Question::Schedule,
        Question::Authentication,
        Question::Areas,
    ] {
        let scheduled = changed_key(|key| key.schedule = Some(ScheduleId(1)));
        let table = small_site().into_iter().chain(scheduled).collect();
        let view = Failing { table, at };
        let decision = decided(
            &view,
            &at_door(1, &card(100)),
            now(NOON_ISH),
            Policy::default(),
        );
        assert_eq!(decision.reason, Reason::TableUnreadable, "{at:?}");
    }
}

#[test]
fn what_is_not_limited_in_time_needs_no_clock() {
    let lasting = |key: &mut Key| {
        key.blocked = Some(Block {
            reason: "lost".to_owned(),
            until: None,
        });
    };
    let mut dated = credential(1, 1, 100);
    dated.valid_until = Some(now("2030-01-01T00:00:00Z").wall);
    let booked = Grant {
        intervals: vec![interval("2026-03-24T09:00:00Z", "2026-03-24T10:00:00Z")],
        ..grant(1, 1)
    };
    let windowed = changed_key(|key| key.window = Some(interval("2026-01-01T00:00:00Z", "")));
    let open_window = changed_key(|key| key.window = Some(interval("", "")));
    let lifted = changed_key(|key| {
        key.blocked = Some(Block {
            reason: "lost".to_owned(),
            until: Some(now("2026-01-01T00:00:00Z").wall),
        });
    });
    let scheduled = changed_key(|key| key.schedule = Some(ScheduleId(1)));
    for (changed, refusing, believing) in [
        (vec![], Reason::Granted, Reason::Granted),
        (open_window, Reason::Granted, Reason::Granted),
        (changed_key(lasting), Reason::KeyBlocked, Reason::KeyBlocked),
        (
            vec![Record::Credential(dated)],
            Reason::ClockNotTrusted,
            Reason::Granted,
        ),
        (
            vec![Record::Grant(booked)],
            Reason::ClockNotTrusted,
            Reason::Granted,
        ),
        (windowed, Reason::ClockNotTrusted, Reason::Granted),
        (lifted, Reason::ClockNotTrusted, Reason::Granted),
        (scheduled, Reason::ClockNotTrusted, Reason::Granted),
    ] {
        let view: MapView = small_site().into_iter().chain(changed).collect();
        let mut now = now(NOON_ISH);
        now.trust = ClockTrust::Untrusted;
        for (untrusted_clock, expect) in [
            (UntrustedClock::RefuseScheduled, refusing),
            (UntrustedClock::TrustAnyway, believing),
        ] {
            let policy = Policy { untrusted_clock };
            let decision = decided(&view, &at_door(1, &card(100)), now, policy);
            assert_eq!(decision.reason, expect);
        }
    }
}

#[test]
fn a_desk_may_ask_for_a_credential_or_a_user() {
    let view: MapView = small_site().into_iter().collect();
    for (shown, expect) in [
        (Shown::Credential(CredentialId(1)), Reason::Granted),
        (Shown::Credential(CredentialId(2)), Reason::CardUnknown),
        (Shown::User(UserId(1)), Reason::Granted),
        (Shown::User(UserId(2)), Reason::UserRemoved),
    ] {
        let card = card(0);
        let mut request = at_door(1, &card);
        request.shown = shown;
        let decision = decided(&view, &request, now(NOON_ISH), Policy::default());
        assert_eq!(decision.reason, expect, "{shown:?}");
    }
}

#[test]
fn an_explanation_reads_from_door_to_relay() {
    let mut scheduled = key(2, &[1]);
    scheduled.schedule = Some(ScheduleId(1));
    let view: MapView = small_site()
        .into_iter()
        .chain([
            Record::Key(key(1, &[2])),
            Record::Key(scheduled),
            Record::Grant(grant(1, 2)),
        ])
        .collect();
    let request_card = card(100);
    let request = at_door(1, &request_card);
    let lines = |at: &str| -> Vec<String> {
        explain(&view, &request, now(at), Policy::default())
            .steps
            .iter()
            .map(|step| {
                let mark = if step.passed { "ok" } else { "NO" };
                format!("{} {mark} {}", step.number, step.facts)
            })
            .collect()
    };
    let until_schedule = [
        "1 ok door 1 is in the table",
        "2 ok credential 1",
        "3 ok state Active",
        "4 ok valid always",
        "5 ok a user holds it",
        "6 ok user 1, state Active",
        "7 ok mode Normal, way Entry",
        "8 NO key 1 does not open door 1",
        "8 ok key 2 opens door 1",
        "9 ok nothing to be exempt from",
        "10 ok granted for always",
        "11 ok not blocked",
        "12 ok no common window",
    ];
    let mut expect = until_schedule.to_vec();
    expect.push("13 ok Tuesday 10:00 is within schedule 1");
    expect.push("14 ok a card asked for, shown a card");
    expect.push("19 ok the relay can be driven");
    assert_eq!(lines(NOON_ISH), expect);

    let mut expect = until_schedule.to_vec();
    expect.push("13 NO Saturday 10:00 is outside schedule 1");
    assert_eq!(lines("2026-03-28T09:00:00Z"), expect);
}

#[test]
fn explanations_are_plain_data() {
    let view: MapView = small_site().into_iter().collect();
    let unknown = card(999);
    let request = at_door(1, &unknown);
    let explanation = explain(&view, &request, now(NOON_ISH), Policy::default());
    let text = serde_json::to_string(&explanation.steps[1]).unwrap();
    assert_eq!(
        text,
        r#"{"number":2,"rule":"credential_known","passed":false,"reason":"card_unknown","facts":"no credential is known by this"}"#
    );
    let back: super::Explanation =
        serde_json::from_str(&serde_json::to_string(&explanation).unwrap()).unwrap();
    assert_eq!(back, explanation);
    assert_eq!(Rule::RelayReady.number(), 19);
}

#[test]
fn deciding_allocates_nothing() {
    let mut scheduled = key(2, &[1]);
    scheduled.schedule = Some(ScheduleId(1));
    let view: MapView = small_site()
        .into_iter()
        .chain([Record::Key(scheduled), Record::Grant(grant(1, 2))])
        .collect();
    let card = card(100);
    let request = at_door(1, &card);
    decide(&view, &request, now(NOON_ISH), Policy::default());
    let count = allocation_counter::measure(|| {
        decide(
            &view,
            &request,
            now("2026-07-01T00:00:00Z"),
            Policy::default(),
        );
    });
    assert_eq!(count.count_total, 0);
}
