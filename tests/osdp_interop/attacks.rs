//! Attacks with a man in the middle: none succeeds, and no card goes over the line readably.

use anyhow::Result;
use doorward_tests::attacks::{self, Attack, FURTHER, LIMIT, PUBLISHED};

fn check(attack: Attack) -> Result<()> {
    let outcome = attack()?;
    assert!(!outcome.succeeded, "{outcome:?}");
    assert_eq!(outcome.plaintext_bytes, 0, "{outcome:?}");
    Ok(())
}

#[test]
fn readers_that_talk_in_clear_are_not_heard() -> Result<()> {
    check(PUBLISHED[0])
}

#[test]
fn nobody_talks_the_panel_out_of_its_secure_channel() -> Result<()> {
    check(PUBLISHED[1])
}

#[test]
fn no_key_is_given_but_once_in_a_window() -> Result<()> {
    check(PUBLISHED[2])
}

#[test]
fn keys_that_can_be_guessed_are_not_used() -> Result<()> {
    check(PUBLISHED[3])
}

#[test]
fn keys_are_not_captured_at_a_commissioned_site() -> Result<()> {
    check(PUBLISHED[4])
}

#[test]
fn what_was_recorded_is_of_no_use() -> Result<()> {
    check(FURTHER[0])
}

#[test]
fn bits_that_are_turned_over_give_no_card() -> Result<()> {
    check(FURTHER[1])
}

#[test]
fn another_reader_is_not_heard() -> Result<()> {
    check(FURTHER[2])
}

/// The attacks would be seen to succeed: a card in clear is found on the line, and a key that is set
/// in an install window is read by whoever records it, as the documents say.
#[test]
fn the_attackers_can_read_what_can_be_read() -> Result<()> {
    attacks::control()?;
    assert!(LIMIT()?.succeeded);
    Ok(())
}
