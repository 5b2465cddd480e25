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
