use doorward_tests::kill::prove;

#[test]
fn nothing_is_lost_when_the_daemon_is_killed() {
    let tally = prove(6, 4).unwrap();
    assert_eq!(
        (tally.rounds, tally.lost, tally.duplicated),
        (6, 0, 0),
        "{tally:?}"
    );
    assert_eq!(
        (tally.reordered, tally.coils_without_event),
        (0, 0),
        "{tally:?}"
    );
    assert_eq!(
        (tally.relays_left_on, tally.changes_refused),
        (0, 0),
        "{tally:?}"
    );
    // It was under load, and everything has come to the broker.
    assert!(tally.coils > 0 && tally.changes > 0, "{tally:?}");
    assert!(tally.events_at_broker > 0, "{tally:?}");
}
