//! The passage log, its acknowledgements and cursors.

use super::*;

#[test]
fn events_are_numbered_from_one_without_gaps_and_come_back_after_reopening() {
    let mut site = Site::new();
    for at in 1..=100 {
        assert_eq!(site.append(event(at)), at as u64);
    }
    let mut site = site.reopened();
    assert_eq!(*site.store.durable_seq().borrow(), 100);
    assert_eq!(site.append(event(101)), 101);
    let rows = site.store.events_after(0, 1_000).unwrap();
    assert_eq!(rows.len(), 101);
    for (at, row) in (1..).zip(&rows) {
        assert_eq!(
            (row.seq, &row.event, row.erased),
            (at as u64, &event(at), false)
        );
    }
    assert_eq!(site.store.verify_events(1, u64::MAX).unwrap(), 101);
    site.stopped();
}

#[test]
fn events_page_both_ways() {
    let mut site = Site::new();
    for at in 1..=10 {
        site.append(event(at));
    }
    let numbers =
        |rows: Vec<super::super::EventRow>| rows.iter().map(|row| row.seq).collect::<Vec<_>>();
    let after = |seq, limit| numbers(site.store.events_after(seq, limit).unwrap());
    let before = |seq, limit| numbers(site.store.events_before(seq, limit).unwrap());
    assert_eq!(after(0, 3), [1, 2, 3]);
    assert_eq!(after(8, 30), [9, 10]);
    assert_eq!(after(10, 3), [0; 0]);
    assert_eq!(after(u64::MAX, 3), [0; 0]);
    assert_eq!(before(u64::MAX, 3), [10, 9, 8]);
    assert_eq!(before(3, 30), [2, 1]);
    assert_eq!(before(1, 3), [0; 0]);
    assert_eq!(before(0, 3), [0; 0]);
    site.stopped();
}

#[test]
fn every_append_is_acknowledged_in_order_and_what_is_acknowledged_can_be_read() {
    let mut site = Site::new();
    (0..5_000).for_each(|token| site.sink.append(token, event(1)));
    for token in 0..5_000 {
        let ack = site.acks.blocking_recv().unwrap();
        assert_eq!((ack.token, ack.result), (token, Ok(token + 1)));
        assert!(!site.store.events_after(token, 1).unwrap().is_empty());
    }
    site.stopped();
}

#[test]
fn stopping_saves_what_is_queued() {
    let site = Site::new();
    (0..3_000).for_each(|token| site.sink.append(token, event(1)));
    let site = site.reopened();
    assert_eq!(site.store.verify_events(1, u64::MAX).unwrap(), 3_000);
    site.stopped();
}

#[test]
fn appending_to_a_stopped_store_is_told() {
    let mut site = Site::new();
    site.store.stop();
    site.thread.join();
    site.sink.append(7, event(1));
    let ack = site.acks.blocking_recv().unwrap();
    let result = Err(super::super::AppendError::Stopped);
    assert_eq!(ack, AppendAck { token: 7, result });
}

#[test]
fn the_newest_event_bounds_wall_time() {
    let mut site = Site::new();
    assert_eq!(site.store.newest_event_wall().unwrap(), None);
    site.append(event(5));
    site.append(event(9));
    let site = site.reopened();
    assert_eq!(site.store.newest_event_wall().unwrap(), Some(Wall(9)));
    site.stopped();
}

#[test]
fn cursors_move_at_once_and_survive() {
    let site = Site::new();
    assert_eq!(site.store.cursor("uplink").unwrap(), 0);
    site.store.advance_cursor("uplink", 5);
    site.store.advance_cursor("mail", 2);
    site.store.advance_cursor("uplink", 7);
    assert_eq!(site.store.cursor("uplink").unwrap(), 7);
    let site = site.reopened();
    assert_eq!(site.store.cursor("uplink").unwrap(), 7);
    assert_eq!(site.store.cursor("mail").unwrap(), 2);
    assert_eq!(site.store.cursor("other").unwrap(), 0);
    site.stopped();
}

#[test]
fn a_moved_cursor_becomes_durable_by_itself() {
    let site = Site::new();
    let syncs = || {
        let counts = site.store.sync_counts();
        counts.log.load(std::sync::atomic::Ordering::Relaxed)
    };
    let before = syncs();
    site.store.advance_cursor("uplink", 5);
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    while syncs() == before {
        assert!(std::time::Instant::now() < deadline, "no sync in 10 s");
        std::thread::yield_now();
    }
    assert_eq!(site.store.cursor("uplink").unwrap(), 5);
    site.stopped();
}

#[test]
fn nothing_is_acknowledged_before_its_sync() {
    let mut site = Site::new();
    for at in 1..=20 {
        let counts = site.store.sync_counts();
        let before = counts.log.load(std::sync::atomic::Ordering::Relaxed);
        site.append(event(at));
        let counts = site.store.sync_counts();
        let after = counts.log.load(std::sync::atomic::Ordering::Relaxed);
        assert!(after > before, "event {at} was acknowledged without a sync");
    }
    site.stopped();
}

/// Pages through everything that `filter` lets pass, in both directions.
fn found(store: &Store, filter: &EventFilter, limit: usize) -> (Vec<u64>, Vec<u64>) {
    let mut rising = Vec::new();
    let mut after = Some(0);
    while let Some(seq) = after {
        let before = u64::MAX;
        let page = store.find_events(filter, EventRange::After { seq, before }, limit);
        let page = page.unwrap();
        assert!(page.rows.len() <= limit);
        rising.extend(page.rows.iter().map(|row| row.seq));
        after = page.next;
    }
    let mut falling = Vec::new();
    let mut before = Some(u64::MAX);
    while let Some(seq) = before {
        let page = store.find_events(filter, EventRange::Before(seq), limit);
        let page = page.unwrap();
        falling.extend(page.rows.iter().map(|row| row.seq));
        before = page.next;
    }
    (rising, falling)
}

#[test]
fn rows_are_found_by_whom_where_what_and_when() {
    let mut site = Site::new();
    let mut state = 7_u64;
    let mut below = |bound: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % bound
    };
    let mut at = 0;
    let all: Vec<(u64, Event)> = (1..=6_000)
        .map(|seq| {
            // Several events may share a moment.
            at += below(3).cast_signed();
            let mut event = event(at);
            event.user = (below(4) > 0).then(|| UserId(below(5) as u32));
            event.door = (below(9) > 0).then(|| DoorId(below(3) as u32));
            if below(5) == 0 {
                event.kind = EventKind::Denied;
            }
            site.sink.append(seq, event.clone());
            (seq, event)
        })
        .collect();
    for _ in &all {
        site.acks.blocking_recv().unwrap().result.unwrap();
    }
    let site = site.reopened();
    for _ in 0..60 {
        let filter = EventFilter {
            user: (below(2) == 0).then(|| UserId(below(6) as u32)),
            door: (below(2) == 0).then(|| DoorId(below(4) as u32)),
            kind: (below(3) == 0).then_some(EventKind::Denied),
            from: (below(3) == 0).then(|| Wall(below(7_000).cast_signed())),
            until: (below(3) == 0).then(|| Wall(below(7_000).cast_signed())),
        };
        let mut expect: Vec<u64> = all
            .iter()
            .filter(|(_, event)| {
                filter.user.is_none_or(|user| event.user == Some(user))
                    && filter.door.is_none_or(|door| event.door == Some(door))
                    && filter.kind.is_none_or(|kind| event.kind == kind)
                    && filter.from.is_none_or(|from| event.at >= from)
                    && filter.until.is_none_or(|until| event.at < until)
            })
            .map(|(seq, _)| *seq)
            .collect();
        let (rising, falling) = found(&site.store, &filter, 1 + below(300) as usize);
        assert_eq!(rising, expect, "{filter:?}");
        expect.reverse();
        assert_eq!(falling, expect, "{filter:?}");
    }
    site.stopped();
}

#[test]
fn rows_of_an_older_version_are_found_after_opening() {
    let mut site = Site::new();
    for at in 1..=50 {
        site.append(event(at));
    }
    let folder = site.stopped();
    let config = sled::Config::new().path(folder.path().join("table"));
    let db = config.segment_size(2 * 1024 * 1024).open().unwrap();
    assert!(db.drop_tree("postings").unwrap());
    drop(db);
    let site = Site::at(folder);
    let filter = EventFilter {
        user: Some(UserId(3)),
        ..EventFilter::default()
    };
    assert_eq!(found(&site.store, &filter, 7).0, Vec::from_iter(1..=50));
    site.stopped();
}
