use doorward_tests::power_cut::{prove, unavailable};

#[test]
#[allow(
    clippy::print_stdout,
    reason = "why a test was skipped is for a person to read"
)]
fn nothing_is_lost_when_the_power_is_cut() {
    if let Some(why) = unavailable() {
        println!("skipped: {why}");
        return;
    }

    for (rounds, seed) in [(60, 3), (40, 12)] {
        let tally = prove(rounds, seed).unwrap();
        let wrong = (tally.unopened, tally.lost, tally.torn);
        assert_eq!((tally.rounds, wrong), (rounds, (0, 0, 0)), "{tally:?}");
        assert!(tally.events > 100 && tally.changes > 10, "{tally:?}");
    }
}
