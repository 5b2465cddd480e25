//! Values of the command line that are more than words: numbers of cards, hours of the week.

use doorward_core::card::CardNumber;
use doorward_core::model::{
    Circuit, InputPoint, MINUTES_PER_DAY, OutputPoint, Weekday, WeeklyInterval,
};

/// A record's number, with or without a leading `#`.
pub fn id(text: &str) -> Result<u32, String> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    digits
        .parse()
        .map_err(|_| format!("`{text}` is not a number from 0 to {}", u32::MAX))
}

/// `H10301 123-45678`, `H10302 45678`, or the same with `:` for the space.
pub fn card_number(text: &str) -> Result<CardNumber, String> {
    let expected =
        "expected `FORMAT FACILITY-NUMBER` or `FORMAT NUMBER`, such as `H10301 123-45678`";
    let (format, numbers) = text
        .trim()
        .split_once([' ', ':'])
        .ok_or_else(|| format!("`{text}` has no number behind a format: {expected}"))?;
    let format = format.parse().map_err(|error| format!("{error}"))?;
    let (facility, number) = match numbers.trim().split_once('-') {
        Some((facility, number)) => {
            let facility = facility.parse().map_err(|_| {
                format!(
                    "facility code `{facility}` is not a number from 0 to {}",
                    u32::MAX
                )
            })?;
            (Some(facility), number)
        }
        None => (None, numbers.trim()),
    };
    let number = number
        .parse()
        .map_err(|_| format!("card number `{number}` is not a whole number: {expected}"))?;
    Ok(CardNumber {
        format,
        facility,
        number,
    })
}

/// `BOARD:OUTPUT`, such as `cabinet:1`.
pub fn output(text: &str) -> Result<OutputPoint, String> {
    let wrong = || format!("`{text}` is not `BOARD:OUTPUT`, such as `cabinet:1`");
    let (board, output) = text.split_once(':').ok_or_else(wrong)?;
    let output = output.parse().map_err(|_| wrong())?;
    Ok(OutputPoint {
        board: board.to_owned(),
        output,
    })
}

/// A door contact: `BOARD:INPUT`, normally closed unless `:no` says otherwise.
pub fn contact(text: &str) -> Result<InputPoint, String> {
    input(text, Circuit::NormallyClosed)
}

/// An exit button: `BOARD:INPUT`, normally open unless `:nc` says otherwise.
pub fn rex(text: &str) -> Result<InputPoint, String> {
    input(text, Circuit::NormallyOpen)
}

fn input(text: &str, usual: Circuit) -> Result<InputPoint, String> {
    let wrong = || format!("`{text}` is not `BOARD:INPUT`, such as `cabinet:1` or `cabinet:1:no`");
    let (point, circuit) = if let Some(point) = text.strip_suffix(":no") {
        (point, Circuit::NormallyOpen)
    } else if let Some(point) = text.strip_suffix(":nc") {
        (point, Circuit::NormallyClosed)
    } else {
        (text, usual)
    };
    let (board, input) = point.split_once(':').ok_or_else(wrong)?;
    let input = input.parse().map_err(|_| wrong())?;
    Ok(InputPoint {
        board: board.to_owned(),
        input,
        circuit,
    })
}

/// Some days with the same hours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Weekly(pub Vec<WeeklyInterval>);

/// `mon-fri 07:00-18:00`, `sat,sun 10:00-16:00`, `daily 22:00-06:00`.
pub fn weekly(text: &str) -> Result<Weekly, String> {
    let (days, hours) = text.trim().split_once(' ').ok_or_else(|| {
        format!("`{text}` is not days and hours: expected such as `mon-fri 07:00-18:00`")
    })?;
    let (from, until) = hours
        .trim()
        .split_once('-')
        .ok_or_else(|| format!("`{hours}` is not `FROM-UNTIL`, such as `07:00-18:00`"))?;
    let from_minute = minute(from, MINUTES_PER_DAY - 1)?;
    let until_minute = match minute(until, MINUTES_PER_DAY)? {
        // Midnight that ends the day is written 24:00 in records.
        0 => MINUTES_PER_DAY,
        minute => minute,
    };
    let intervals = self::days(days)?
        .into_iter()
        .map(|day| WeeklyInterval {
            day,
            from_minute,
            until_minute,
        })
        .collect();
    Ok(Weekly(intervals))
}

pub(super) fn minute(text: &str, last: u16) -> Result<u16, String> {
    let wrong = || {
        format!(
            "`{text}` is not a time of day from `00:00` to `{}`",
            clock(last)
        )
    };
    let (hour, minute) = text.trim().split_once(':').ok_or_else(wrong)?;
    let hour: u16 = hour.parse().map_err(|_| wrong())?;
    let minute: u16 = minute.parse().map_err(|_| wrong())?;
    let total = hour
        .checked_mul(60)
        .and_then(|minutes| minutes.checked_add(minute));
    match total {
        Some(total) if minute < 60 && total <= last => Ok(total),
        _ => Err(wrong()),
    }
}

/// A minute of the day as `07:00`.
#[must_use]
pub fn clock(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

fn days(text: &str) -> Result<Vec<Weekday>, String> {
    if text.eq_ignore_ascii_case("daily") {
        return Ok(Weekday::ALL.to_vec());
    }
    let mut chosen = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let (first, last) = (day(first)?.index(), day(last)?.index());
        let length = (last + 7 - first) % 7;
        for step in 0..=length {
            let day = Weekday::ALL[usize::from((first + step) % 7)];
            if !chosen.contains(&day) {
                chosen.push(day);
            }
        }
    }
    chosen.sort_unstable();
    Ok(chosen)
}

pub(super) fn day(text: &str) -> Result<Weekday, String> {
    let name = text.trim().to_ascii_lowercase();
    Weekday::ALL
        .into_iter()
        .find(|day| name.len() >= 2 && full_name(*day).starts_with(&name))
        .ok_or_else(|| {
            format!("`{text}` is not a day: allowed are `mon` to `sun`, ranges such as `mon-fri`, lists with `,`, and `daily`")
        })
}

const fn full_name(day: Weekday) -> &'static str {
    match day {
        Weekday::Monday => "monday",
        Weekday::Tuesday => "tuesday",
        Weekday::Wednesday => "wednesday",
        Weekday::Thursday => "thursday",
        Weekday::Friday => "friday",
        Weekday::Saturday => "saturday",
        Weekday::Sunday => "sunday",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_may_carry_a_hash() {
        assert_eq!(id("12"), Ok(12));
        assert_eq!(id("#12"), Ok(12));
        for bad in ["", "#", "-1", "1.5", "4294967296", "main"] {
            assert!(id(bad).unwrap_err().contains(bad), "{bad}");
        }
    }

    #[test]
    fn card_numbers_read_what_they_print() {
        for text in ["H10301 123-45678", "H10302 45678"] {
            assert_eq!(card_number(text).unwrap().to_string(), text);
            let colon = text.replace(' ', ":");
            assert_eq!(card_number(&colon).unwrap().to_string(), text);
        }
        for bad in [
            "",
            "H10301",
            "H10301 ",
            "H10301 a-1",
            "H10301 1-",
            "H10301 1-2-3",
            "H10301 -5",
        ] {
            assert!(card_number(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn points_of_boards() {
        assert_eq!(output("cabinet:2").unwrap().output, 2);
        let circuit = |point: Result<InputPoint, String>| point.unwrap().circuit;
        assert_eq!(circuit(contact("cabinet:1")), Circuit::NormallyClosed);
        assert_eq!(circuit(contact("cabinet:1:no")), Circuit::NormallyOpen);
        assert_eq!(circuit(rex("cabinet:1")), Circuit::NormallyOpen);
        assert_eq!(circuit(rex("cabinet:1:nc")), Circuit::NormallyClosed);
        for bad in [
            "",
            "cabinet",
            "cabinet:",
            "cabinet:x",
            "cabinet:1:maybe",
            "cabinet:70000",
        ] {
            assert!(contact(bad).unwrap_err().contains(bad), "{bad}");
            assert!(output(bad).unwrap_err().contains(bad), "{bad}");
        }
    }

    #[test]
    fn weekly_hours() {
        fn check(text: &str, days: &str, from: &str, until: &str) {
            let Weekly(intervals) = weekly(text).unwrap();
            let found: Vec<_> = intervals
                .iter()
                .map(|interval| &full_name(interval.day)[..2])
                .collect();
            assert_eq!(found.join(" "), days, "{text}");
            for interval in intervals {
                assert_eq!(clock(interval.from_minute), from, "{text}");
                assert_eq!(clock(interval.until_minute), until, "{text}");
            }
        }
        check("mon-fri 07:00-18:00", "mo tu we th fr", "07:00", "18:00");
        check("Sat,Sun 10:00-16:30", "sa su", "10:00", "16:30");
        check("fri-mon 22:00-06:00", "mo fr sa su", "22:00", "06:00");
        check(
            "daily 00:00-24:00",
            "mo tu we th fr sa su",
            "00:00",
            "24:00",
        );
        check("wednesday 8:00-0:00", "we", "08:00", "24:00");
    }

    #[test]
    fn wrong_hours_say_what_is_wrong() {
        fn check(text: &str, found: &str) {
            let error = weekly(text).unwrap_err();
            assert!(error.contains(found), "{text}: {error}");
        }
        check("mon-fri", "days and hours");
        check("mon 7-18", "`7` is not a time of day");
        check("mon 24:00-25:00", "`24:00`");
        check("mon 10:60-11:00", "`10:60`");
        check("mon 10:00", "FROM-UNTIL");
        check("xyz 10:00-11:00", "`xyz` is not a day");
        check("m 10:00-11:00", "`m` is not a day");
        check("mon 65535:00-11:00", "`65535:00`");
    }
}
