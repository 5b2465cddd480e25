//! Whom and what a change touches, in words.

use doorward_api::Applied;
use doorward_core::model::Impact;

use super::context::Context;
use super::failure::Failure;
use crate::text;

/// `3 users, 2 keys (1 left without doors)`, or `nobody`.
pub(super) fn in_words(impact: &Impact) -> String {
    let mut words = Vec::new();
    let mut tell = |count: usize, word: &str| {
        if count > 0 {
            words.push(text::count(count, word));
        }
    };
    tell(impact.users, "user");
    tell(impact.keys.len(), "key");
    tell(impact.doors.len(), "door");
    let mut told = match words.is_empty() {
        true => "nobody".to_owned(),
        false => words.join(", "),
    };
    if !impact.keys_without_doors.is_empty() {
        let keys = text::count(impact.keys_without_doors.len(), "key");
        told.push_str(&format!("; {keys} left without doors"));
    }
    told
}

/// What a dry run would touch, in words.
pub(super) fn of(applied: &Applied) -> String {
    in_words(&applied.impact.clone().unwrap_or_default())
}

/// Prints what a dry run has found.
pub(super) fn print(context: &mut Context, applied: &Applied) -> Result<(), Failure> {
    if context.json {
        return context.print_json(applied);
    }
    let touched = of(applied);
    context.print(format_args!("would touch {touched}; nothing was changed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::ids::{DoorId, KeyId};

    #[test]
    fn an_impact_is_counted_in_words() {
        let check = |impact: Impact, expect: &str| assert_eq!(in_words(&impact), expect);
        check(Impact::default(), "nobody");
        let one = Impact {
            users: 1,
            ..Impact::default()
        };
        check(one, "1 user");
        let emptied = Impact {
            users: 12,
            keys: vec![KeyId(1), KeyId(2)],
            keys_without_doors: vec![KeyId(1)],
            doors: vec![DoorId(3)],
            ..Impact::default()
        };
        check(
            emptied,
            "12 users, 2 keys, 1 door; 1 key left without doors",
        );
    }
}
