//! What must be shown, and what was.

use core::fmt;
use core::ops::ControlFlow;

use super::found::Clock;
use crate::model::{AuthMethod, CredentialState, Factor};
use crate::pin::PinPrint;
use crate::view::{AccessView, CardIdentity, Unreadable};

/// The PIN entered after a card, judged by the card's holder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PinShown {
    /// None was entered.
    None,
    /// It is none of the holder's that is in force.
    Wrong,
    Right,
    /// It is the holder's, used under duress.
    Duress,
}

/// What was shown, all in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    Card,
    Pin,
    CardAndPin,
    /// Nobody stands at the door: whatever is asked for is supposed to be in order.
    Everything,
}

impl Shown {
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Card => "a card",
            Self::Pin => "a PIN",
            Self::CardAndPin => "a card and a PIN",
            Self::Everything => "whatever that is",
        }
    }
}

/// What is asked for, as text.
pub(super) struct Asking(pub(super) Option<AuthMethod>);

impl fmt::Display for Asking {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Some(AuthMethod::Card) => "a card",
            Some(AuthMethod::Pin) => "a PIN",
            Some(AuthMethod::CardAndPin) => "a card and a PIN",
            Some(AuthMethod::CardOrPin) => "a card or a PIN",
            None => "what all times ask for",
        })
    }
}

/// The methods that have to be met: one, or, where the clock cannot tell which, all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Asked {
    card_is_enough: bool,
    pin_is_enough: bool,
    /// The method, where there is one.
    pub(super) method: Option<AuthMethod>,
}

impl Asked {
    /// At an exit reader.
    pub(super) const ANYTHING: Self = Self {
        card_is_enough: true,
        pin_is_enough: true,
        method: Some(AuthMethod::CardOrPin),
    };

    pub(super) fn is_met_by(self, shown: Shown) -> bool {
        match shown {
            Shown::Card => self.card_is_enough,
            Shown::Pin => self.pin_is_enough,
            Shown::CardAndPin | Shown::Everything => true,
        }
    }
}

/// What a door asks for now. Schedules that cannot be read ask for all that they might.
#[inline]
pub(super) fn asked<V: AccessView>(
    view: &V,
    clock: Clock,
    door: V::Door,
) -> Result<Asked, Unreadable> {
    let mut asked = Asked {
        card_is_enough: true,
        pin_is_enough: true,
        method: None,
    };
    let mut unreadable = None;
    let mut methods = 0;
    view.authentication(door, |schedule, method| {
        let certain = match schedule {
            None => true,
            Some(_) if !clock.is_usable() => false,
            Some(schedule) => match view.schedule(schedule, clock.wall()) {
                Ok(Some(reading)) if !reading.says.open => return ControlFlow::Continue(()),
                Ok(Some(_)) => true,
                Ok(None) => false,
                Err(error) => {
                    unreadable = Some(error);
                    return ControlFlow::Break(());
                }
            },
        };
        methods += 1;
        asked.card_is_enough &= method.takes_card();
        asked.pin_is_enough &= method.takes_pin();
        asked.method = (methods == 1).then_some(method);
        match certain {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    unreadable.map_or(Ok(asked), Err)
}

/// Finds the PIN among those of a user.
#[inline]
pub(super) fn pin_of<V: AccessView>(
    view: &V,
    clock: Clock,
    user: Option<V::User>,
    print: PinPrint,
) -> Result<PinShown, Unreadable> {
    let mut found = PinShown::Wrong;
    view.credentials(&CardIdentity::Pin(print), |pin| {
        let own = pin.user.is_some() && pin.user == user;
        let in_force = pin.state == CredentialState::Active
            && clock.reads(&pin.validity) == super::found::Reading::Within;
        if own && in_force {
            found = match pin.factor {
                Factor::DuressPin => PinShown::Duress,
                Factor::Card | Factor::Pin => PinShown::Right,
            };
        }
    })?;
    Ok(found)
}
