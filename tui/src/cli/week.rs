//! A schedule as an hour grid: a row a day, a column each half an hour.

use std::io::{self, Write};

use doorward_api::SchedulePreview;
use doorward_core::model::{DayInterval, MINUTES_PER_DAY};
use doorward_core::schedule::{Change, ClockChange, DayPreview};

use super::{calendar, parse};
use crate::console::theme::Symbols;
use crate::text;

/// Minutes of a column.
const COLUMN: u16 = 30;

/// Writes the grid, and what its symbols mean.
pub(super) fn write(
    out: &mut dyn Write,
    preview: &SchedulePreview,
    symbols: &Symbols,
) -> io::Result<()> {
    let title = format!("{} ({})", preview.name, preview.time_zone);
    writeln!(out, "{}\n", text::printable(&title))?;
    let hours: String = (0..24)
        .step_by(3)
        .map(|hour| format!("{hour:<6}"))
        .collect();
    writeln!(out, "{:16}{}", "", hours.trim_end())?;
    for day in &preview.days {
        let row: String = (0..MINUTES_PER_DAY / COLUMN)
            .map(|column| cell(&day.hours, column * COLUMN, symbols))
            .collect();
        let date = format!("{} {}", text::weekday(day.weekday), day.date);
        let line = format!("{date:<16}{row}  {}", remarks(day));
        writeln!(out, "{}", text::printable(line.trim_end()))?;
    }
    let [closed, partly, open] = cells(symbols);
    writeln!(out, "\n{open} open  {partly} in part  {closed} closed")
}

const fn cells(symbols: &Symbols) -> [char; 3] {
    ['.', symbols.bars[4], symbols.bars[8]]
}

fn cell(hours: &[DayInterval], from: u16, symbols: &Symbols) -> char {
    let until = from + COLUMN;
    let open: u16 = hours
        .iter()
        .map(|each| {
            each.until_minute
                .min(until)
                .saturating_sub(each.from_minute.max(from))
        })
        .sum();
    let [closed, partly, whole] = cells(symbols);
    match open {
        0 => closed,
        COLUMN => whole,
        _ => partly,
    }
}

/// The hours in words, what day it is, and where the clock is changed.
fn remarks(day: &DayPreview) -> String {
    let mut remarks = calendar::hours(&day.hours);
    if !day.names.is_empty() {
        remarks.push_str(&format!("  {}", day.names.join(", ")));
    }
    for ClockChange {
        change,
        from_minute,
        until_minute,
    } in &day.clock_changes
    {
        let word = match change {
            Change::Skipped => "does not occur",
            Change::Repeated => "comes twice",
        };
        let (from, until) = (parse::clock(*from_minute), parse::clock(*until_minute));
        remarks.push_str(&format!("  [{from}-{until} {word}]"));
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::theme::{Colours, Theme};
    use doorward_core::model::Weekday;
    use doorward_core::schedule::DaySource;

    fn day(nth: u8, hours: &[(u16, u16)]) -> DayPreview {
        let date = doorward_core::date::CivilDate::new(2026, 10, 22 + nth).unwrap();
        DayPreview {
            date,
            weekday: date.weekday(),
            source: DaySource::Week,
            names: Vec::new(),
            hours: hours
                .iter()
                .map(|&(from_minute, until_minute)| DayInterval {
                    from_minute,
                    until_minute,
                })
                .collect(),
            clock_changes: Vec::new(),
        }
    }

    fn shown(symbols: &Symbols) -> String {
        let mut founders = day(1, &[]);
        founders.names = vec!["Founders' Day\u{202e}".to_owned()];
        let mut clocks = day(3, &[(0, 120), (1200, 1440)]);
        clocks.clock_changes = vec![ClockChange {
            change: Change::Repeated,
            from_minute: 120,
            until_minute: 180,
        }];
        assert_eq!(clocks.weekday, Weekday::Sunday);
        let preview = SchedulePreview {
            name: "Office".to_owned(),
            time_zone: "Europe/Stockholm".to_owned(),
            days: vec![
                day(0, &[(420, 1080)]),
                founders,
                day(2, &[(0, 1440)]),
                clocks,
                day(4, &[(435, 720), (750, 760)]),
            ],
        };
        let mut out = Vec::new();
        write(&mut out, &preview, symbols).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_week_is_a_grid() {
        insta::assert_snapshot!(shown(Theme::new(Colours::None, true).symbols));
    }

    #[test]
    fn a_week_is_a_grid_in_any_character_set() {
        insta::assert_snapshot!(shown(Theme::new(Colours::None, false).symbols));
    }
}
