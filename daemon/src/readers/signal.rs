//! What a reader shows and sounds for each feedback of the controller.

use doorward_core::controller::Feedback;
use doorward_wire::osdp::{Blink, BuzzerControl, Colour, LedControl, TextOutput};

/// How long a grant or a denial stays on the light, in units of 100 ms.
const OUTCOME_100MS: u16 = 20;
/// How long the light may say "waiting" when nothing follows, in units of 100 ms.
const WAITING_100MS: u16 = 50;
/// How long a held-open warning lasts when nothing follows, in units of 100 ms.
const WARNING_100MS: u16 = 100;

/// The light and the sound of one feedback. Colours differ in rhythm as well.
pub(super) const fn signal(feedback: Feedback) -> (LedControl, Option<BuzzerControl>) {
    match feedback {
        Feedback::Locked => (LedControl::until_further(Blink::steady(Colour::Red)), None),
        Feedback::Unlocked => (
            LedControl::until_further(Blink::steady(Colour::Green)),
            None,
        ),
        Feedback::Granted => (
            LedControl::for_a_while(Blink::steady(Colour::Green), OUTCOME_100MS),
            Some(BuzzerControl::beeps(1, 2)),
        ),
        Feedback::Denied => (
            LedControl::for_a_while(Blink::blinking(Colour::Red, 2), OUTCOME_100MS),
            Some(BuzzerControl::beeps(3, 1)),
        ),
        Feedback::Waiting => (
            LedControl::for_a_while(Blink::blinking(Colour::Amber, 1), WAITING_100MS),
            None,
        ),
        Feedback::HeldOpenWarning => (
            LedControl::for_a_while(Blink::blinking(Colour::Amber, 5), WARNING_100MS),
            Some(BuzzerControl::beeps(5, 10)),
        ),
        Feedback::OutOfOrder => (
            LedControl::until_further(Blink {
                on_100ms: 5,
                off_100ms: 5,
                on: Colour::Red,
                off: Colour::Amber,
            }),
            None,
        ),
    }
}

/// What a display says at a door that cannot be opened by anybody.
const OUT_OF_ORDER: &str = "OUT OF ORDER";

/// What a display is to say: that its door is out of order, and nothing any more once it is not.
pub(super) fn words(feedback: Feedback, is_said: bool) -> Option<TextOutput> {
    let text = match (feedback, is_said) {
        (Feedback::OutOfOrder, false) => OUT_OF_ORDER.to_owned(),
        (Feedback::Locked | Feedback::Unlocked, true) => " ".repeat(OUT_OF_ORDER.len()),
        _ => return None,
    };
    Some(TextOutput {
        row: 1,
        column: 1,
        text,
        ..TextOutput::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_wire::osdp::Temporary;

    #[test]
    fn every_feedback_looks_different() {
        let all = [
            Feedback::Locked,
            Feedback::Unlocked,
            Feedback::Granted,
            Feedback::Denied,
            Feedback::Waiting,
            Feedback::HeldOpenWarning,
            Feedback::OutOfOrder,
        ];
        let signals: Vec<_> = all.into_iter().map(signal).collect();
        for (at, one) in signals.iter().enumerate() {
            assert!(!signals[..at].contains(one), "{:?}", all[at]);
        }
    }

    #[test]
    fn a_display_says_once_that_the_door_is_out_of_order_and_once_that_it_is_not() {
        let check = |feedback, is_said, expect: Option<&str>| {
            let words = words(feedback, is_said).map(|words| words.text);
            assert_eq!(words.as_deref(), expect, "{feedback:?} {is_said}");
        };
        check(Feedback::OutOfOrder, false, Some("OUT OF ORDER"));
        check(Feedback::OutOfOrder, true, None);
        check(Feedback::Locked, true, Some("            "));
        check(Feedback::Unlocked, true, Some("            "));
        check(Feedback::Locked, false, None);
        check(Feedback::Denied, true, None);
    }

    #[test]
    fn an_outcome_gives_way_to_the_state_of_the_door() {
        for feedback in [Feedback::Granted, Feedback::Denied, Feedback::Waiting] {
            let (led, _) = signal(feedback);
            assert!(
                matches!(led.temporary, Temporary::Set { for_100ms: 1.., .. }),
                "{feedback:?}"
            );
        }
    }
}
