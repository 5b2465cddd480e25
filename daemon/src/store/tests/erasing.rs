//! Personal data leaves the logs: for good, everywhere, and the chains hold.

use std::time::{Duration, Instant};

use doorward_core::alarm::AlarmKind;

use super::super::{Domain, RetentionRule};
use super::*;

fn erasing_permit() -> Permit {
    authorise(&Operator::Appliance, Action::ErasePerson).unwrap()
}

impl Site {
    fn erase(&self, user: u32) -> Result<(), StoreError> {
        let kept = vec![format!("people/user/{user}")];
        let (permit, user) = (erasing_permit(), UserId(user));
        block_on(self.store.erase(&permit, user, kept, Wall(9_000)))
    }

    fn wait(&self, what: &str, mut is_so: impl FnMut(&Store) -> bool) {
        let until = Instant::now() + Duration::from_secs(30);
        while !is_so(&self.store) {
            assert!(Instant::now() < until, "{what} is not so after 30 s");
            std::thread::yield_now();
        }
    }

    fn users_in_log(&self) -> Vec<Option<u32>> {
        let rows = self.store.events_after(0, 10_000).unwrap();
        rows.iter()
            .map(|row| row.event.user.map(|user| user.0))
            .collect()
    }

    fn verify_all(&self) {
        self.store.verify_events(1, u64::MAX).unwrap();
        self.store.verify_audit(1).unwrap();
    }
}

fn of(user: u32, at: i64) -> Event {
    let mut event = event(at);
    event.user = Some(UserId(user));
    event
}

/// With user 3, who has a card, and user 4; both have passed, and user 3 has raised an alarm.
fn furnished() -> Site {
    let mut site = Site::new();
    let changes = [
        put(Record::User(user(3))),
        put(Record::User(user(4))),
        put(credential(5, 3, 77)),
    ];
    site.commit(&changes).unwrap();
    for at in 1..=600 {
        site.append(of(3 + u32::from(at % 3 == 0), at));
    }
    let mut alarm = of(3, 601);
    alarm.kind = EventKind::AlarmRaised;
    alarm.alarm = Some(AlarmKind::Duress);
    site.append(alarm);
    site.store
        .state_sink()
        .keep("people/user/3", b"{}".to_vec());
    site.append(of(4, 602));
    site
}

#[test]
fn a_person_is_erased_everywhere_and_the_chains_hold() {
    let site = furnished();
    let heads = site.store.heads().unwrap();
    let refused = site.erase(3).unwrap_err();
    assert!(
        matches!(refused, StoreError::StillThere { .. }),
        "{refused}"
    );
    site.commit(&[
        Change::Remove(RecordRef::Credential(CredentialId(5))),
        Change::Remove(RecordRef::User(UserId(3))),
    ])
    .unwrap();
    site.erase(3).unwrap();
    site.wait("nobody is being erased", |store| {
        *store.erasing().borrow() == 0
    });

    let users = site.users_in_log();
    assert!(!users.contains(&Some(3)));
    assert_eq!(users.iter().filter(|user| **user == Some(4)).count(), 201);
    assert_eq!(site.store.alarm(601).unwrap().unwrap().user, None);
    assert!(site.store.state_sink().kept("people/").unwrap().is_empty());
    for entry in site.store.audit_before(u64::MAX, 100).unwrap() {
        let theirs = match entry.target {
            RecordRef::User(user) => user == UserId(3),
            RecordRef::Credential(_) => true,
            _ => false,
        };
        // The last one says only that they were erased.
        let says = entry.before.is_some() || entry.after.is_some();
        assert_eq!(says, !theirs, "{entry:?}");
    }
    site.verify_all();
    assert_eq!(site.store.heads().unwrap().events, heads.events);

    let site = site.reopened();
    site.verify_all();
    assert!(!site.users_in_log().contains(&Some(3)));
    site.stopped();
}

#[test]
fn an_unknown_card_is_erased_with_whoever_got_it_later() {
    let mut site = Site::new();
    let bits = "10110011".parse().unwrap();
    let mut unknown = event(1);
    (unknown.user, unknown.card) = (None, Some(bits));
    site.append(unknown);
    let Record::Credential(mut card) = credential(5, 3, 77) else {
        unreachable!()
    };
    card.data = CredentialData::RawCard { bits };
    let changes = [put(Record::User(user(3))), put(Record::Credential(card))];
    site.commit(&changes).unwrap();
    site.commit(&[Change::Remove(RecordRef::User(UserId(3)))])
        .unwrap();
    site.erase(3).unwrap();
    site.wait("nobody is being erased", |store| {
        *store.erasing().borrow() == 0
    });
    let row = site.store.events_after(0, 1).unwrap().remove(0);
    assert_eq!((row.event.card, row.erased), (None, true));
    site.verify_all();
    site.stopped();
}

#[test]
fn erasing_goes_on_after_a_restart() {
    let site = furnished();
    site.commit(&[Change::Remove(RecordRef::User(UserId(3)))])
        .unwrap();
    site.erase(3).unwrap();
    let site = site.reopened();
    site.wait("the log forgot them", |store| {
        let rows = store.events_after(0, 10_000).unwrap();
        rows.iter().all(|row| row.event.user != Some(UserId(3)))
    });
    site.stopped();
}

#[test]
fn passages_lose_their_names_when_their_place_says_so() {
    let mut site = Site::new();
    for at in 1..=1_000 {
        let mut event = of(3, at);
        event.door = (at % 4 != 0).then_some(DoorId(u32::try_from(at % 4).unwrap()));
        site.append(event);
    }
    // Door 1 keeps what is not before 500, door 2 what is not before 900; door 3 is gone.
    let rule = |first: i64, second: i64, otherwise: i64| RetentionRule {
        doors: [(DoorId(1), Wall(first)), (DoorId(2), Wall(second))].into(),
        otherwise: Wall(otherwise),
    };
    let check = |site: &Site, first: i64, second: i64, otherwise: i64| {
        site.wait("old passages have no names", |store| {
            let rows = store.events_after(0, 10_000).unwrap();
            rows.iter().all(|row| {
                let before = match row.event.door {
                    Some(DoorId(1)) => first,
                    Some(DoorId(2)) => second,
                    _ => otherwise,
                };
                row.erased == (row.event.at.0 < before)
            })
        });
        site.verify_all();
    };
    site.store.retain(rule(500, 900, 300)).unwrap();
    check(&site, 500, 900, 300);
    // A longer period applies forward only, a shorter one to what is still named.
    site.store.retain(rule(950, 100, 300)).unwrap();
    check(&site, 950, 900, 300);
    let site = site.reopened();
    site.store.retain(rule(950, 960, 970)).unwrap();
    check(&site, 950, 960, 970);
    site.stopped();
}

#[test]
fn a_proof_is_read_page_by_page() {
    let mut site = furnished();
    site.append(of(4, 700));
    let mut after = 0;
    let mut rows = Vec::new();
    let mut previous = Domain::Events.genesis();
    loop {
        let page = site.store.proof(Domain::Events, after, 100).unwrap();
        assert_eq!(page.previous, previous);
        let Some(last) = page.rows.last() else { break };
        (after, previous) = (last.seq, last.hash);
        rows.extend(page.rows);
    }
    assert_eq!(rows.len(), 603);
    assert_eq!(site.store.heads().unwrap().events.hash, previous);
    let past_the_end = site.store.proof(Domain::Audit, u64::MAX, 10).unwrap();
    assert!(past_the_end.rows.is_empty());
    site.stopped();
}
