//! Pieces that all screens are made of.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::symbols::border;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Paragraph};

use crate::cli::table::width;
use crate::cli::time;
use crate::console::site::Site;
use crate::console::state::State;
use crate::console::theme::{Theme, Tone};
use crate::text;
use doorward_api::EventRow;
use doorward_core::event::EventKind;
use doorward_core::time::Wall;
use jiff::tz::TimeZone;

const ASCII_BORDER: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

/// A box with a title.
pub(super) fn titled(theme: &Theme, title: &str, has_keys: bool) -> Block<'static> {
    let tone = if has_keys { Tone::Title } else { Tone::Plain };
    let mark = if has_keys { theme.symbols.chosen } else { "" };
    let set = if theme.symbols.plain_boxes {
        ASCII_BORDER
    } else {
        border::PLAIN
    };
    Block::new()
        .borders(Borders::ALL)
        .border_set(set)
        .border_style(theme.style(Tone::Dim))
        .title(Span::styled(format!(" {mark}{title} "), theme.style(tone)))
}

/// Text cut or filled up to exactly `columns`.
pub(super) fn fit(text: &str, columns: usize) -> String {
    let text = text::printable(text);
    let wide = width(&text);
    if wide <= columns {
        return format!("{text}{}", " ".repeat(columns - wide));
    }
    let mut cut = String::new();
    let mut used = 0;
    for letter in text.chars() {
        let wide = width(letter.encode_utf8(&mut [0; 4]));
        if used + wide + 1 > columns {
            break;
        }
        used += wide;
        cut.push(letter);
    }
    if columns > 0 {
        cut.push('~');
        used += 1;
    }
    cut.push_str(&" ".repeat(columns.saturating_sub(used)));
    cut
}

/// A cell of a row: text, columns, tone.
pub(super) struct Cell<'a>(pub(super) &'a str, pub(super) usize, pub(super) Tone);

/// A row of cells with a space between.
pub(super) fn row(theme: &Theme, cells: &[Cell<'_>]) -> Line<'static> {
    let mut spans = Vec::with_capacity(cells.len() * 2);
    for Cell(text, columns, tone) in cells {
        spans.push(Span::styled(fit(text, *columns), theme.style(*tone)));
        spans.push(Span::raw(" "));
    }
    Line::from(spans)
}

/// Which row of a list is chosen, and whether its pane has the keys.
#[derive(Debug, Clone, Copy)]
pub(super) enum Choice {
    /// None.
    None,
    /// This one, in the pane that has the keys.
    Keys(usize),
    /// This one, in another pane.
    Marked(usize),
}

impl Choice {
    const fn at(self) -> usize {
        match self {
            Self::None => 0,
            Self::Keys(at) | Self::Marked(at) => at,
        }
    }

    /// The first row shown, so that the chosen one is in view.
    pub(super) const fn first(self, rows: usize) -> usize {
        self.at().saturating_sub(rows.saturating_sub(1) / 2)
    }
}

/// The first row shown of a list of `length`, so that the chosen one is in view and no room is
/// wasted behind the last.
pub(super) fn first_row(choice: Choice, length: usize, rows: usize) -> usize {
    choice.first(rows).min(length.saturating_sub(rows))
}

/// Rows from `first` on, the chosen one marked.
pub(super) fn list(
    theme: &Theme,
    lines: impl Iterator<Item = Line<'static>>,
    first: usize,
    choice: Choice,
    frame: &mut Frame<'_>,
    area: Rect,
) {
    let lines: Vec<Line<'static>> = lines
        .take(usize::from(area.height))
        .enumerate()
        .map(|(at, line)| mark(theme, line, first + at, choice))
        .collect();
    frame.render_widget(Paragraph::new(lines), area);
}

fn mark(theme: &Theme, mut line: Line<'static>, at: usize, choice: Choice) -> Line<'static> {
    let (sign, tone) = match choice {
        Choice::Keys(chosen) if chosen == at => (theme.symbols.chosen, Some(Tone::Chosen)),
        Choice::Marked(chosen) if chosen == at => (theme.symbols.chosen, None),
        _ => (" ", None),
    };
    line.spans.insert(0, Span::raw(sign));
    match tone {
        Some(tone) => line.patch_style(theme.style(tone)),
        None => line,
    }
}

/// A graph of one row: a bar for each value, the tallest as high as the row.
pub(super) fn bars(theme: &Theme, values: &[u32], tallest: u32) -> String {
    let steps = theme.symbols.bars.len() - 1;
    let tallest = tallest.max(1) as usize;
    values
        .iter()
        .map(|value| {
            // Anything at all shows as at least the lowest bar.
            let height = (*value as usize * steps).div_ceil(tallest).min(steps);
            theme.symbols.bars[height]
        })
        .collect()
}

/// `12:34:56` today, otherwise `22 Nov 12:34`.
pub(super) fn moment(at: Wall, now: Wall, zone: &TimeZone) -> String {
    let day = |at| time::format(at, zone, "%Y-%m-%d");
    if day(at) == day(now) {
        time::time_of_day(at, zone)
    } else {
        time::format(at, zone, "%d %b %H:%M")
    }
}

/// A symbol for what happened, and how it looks.
pub(super) const fn sign(theme: &Theme, kind: EventKind) -> (&'static str, Tone) {
    let symbols = theme.symbols;
    match kind {
        EventKind::Granted => (symbols.yes, Tone::Good),
        EventKind::Denied => (symbols.no, Tone::Warn),
        EventKind::UnlockedByOperator | EventKind::RelockedByOperator => {
            (symbols.operator, Tone::Good)
        }
        EventKind::ExitRequested => (symbols.exit, Tone::Plain),
        EventKind::ForcedOpen
        | EventKind::HeldOpen
        | EventKind::AlarmRaised
        | EventKind::FireReleased
        | EventKind::ReaderOffline
        | EventKind::BoardOffline => (symbols.alarm, Tone::Bad),
        EventKind::PassbackViolated => (symbols.alarm, Tone::Warn),
        EventKind::Forgiven => (symbols.operator, Tone::Plain),
        EventKind::AlarmAcknowledged | EventKind::AlarmPutAway => (symbols.operator, Tone::Dim),
        EventKind::CardLearned => (symbols.other, Tone::Plain),
        EventKind::ModeChanged | EventKind::InstallOpened => (symbols.operator, Tone::Warn),
        EventKind::InstallClosed | EventKind::ReaderKeyChanged | EventKind::ReaderKeyKept => {
            (symbols.operator, Tone::Plain)
        }
        EventKind::PlanBegan | EventKind::HoldBegan => (symbols.other, Tone::Plain),
        EventKind::Entered
        | EventKind::NotEntered
        | EventKind::Closed
        | EventKind::ReaderOnline
        | EventKind::BoardOnline
        | EventKind::AlarmCleared
        | EventKind::PlanEnded
        | EventKind::PlanActivated
        | EventKind::HoldEnded
        | EventKind::FireEnded
        | EventKind::BusSpeedChanged
        | EventKind::Started
        | EventKind::Stopped => (symbols.other, Tone::Dim),
    }
}

/// Which columns a row of the log has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Columns {
    /// Time, door, person, what happened.
    WithDoor,
    /// Time, person, what happened.
    WithoutDoor,
}

/// Columns that the longest name of a door takes.
pub(super) fn name_columns(site: &Site) -> usize {
    site.doors
        .iter()
        .map(|door| width(&door.name))
        .max()
        .unwrap_or(0)
        .clamp(8, 40)
}

/// A row of the log.
pub(super) fn passage(
    state: &State,
    row_of_log: &EventRow,
    columns: Columns,
    room: usize,
) -> Line<'static> {
    let site: &Site = &state.site;
    let theme = &state.theme;
    let event = &row_of_log.event;
    let zone = site.zone_of(event.door, &state.zone);
    let (symbol, tone) = sign(theme, event.kind);
    let time = moment(event.at, state.now, &zone);
    let door = event
        .door
        .map_or_else(String::new, |door| site.door_name(door));
    let person = site.person(row_of_log);
    let what = text::happened(event);
    let left = room.saturating_sub(13 + 2);
    let (door_room, person_room) = match columns {
        Columns::WithDoor => (name_columns(site).min(left / 4), (left / 4).min(24)),
        Columns::WithoutDoor => (0, (left / 3).min(24)),
    };
    let what_room = left.saturating_sub(door_room + person_room + 3);
    let mut cells = vec![Cell(&time, 12, Tone::Plain)];
    if columns == Columns::WithDoor {
        cells.push(Cell(&door, door_room, Tone::Plain));
    }
    cells.push(Cell(&person, person_room, Tone::Plain));
    cells.push(Cell(symbol, 1, tone));
    cells.push(Cell(&what, what_room, tone));
    row(theme, &cells)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::theme::Colours;

    #[test]
    fn text_fits_its_columns_whatever_the_letters() {
        for text in [
            "",
            "Anna",
            "Anna Berg-Söderström",
            "山田太郎",
            "a\u{1b}[31m",
        ] {
            for columns in [0, 1, 2, 5, 9, 40] {
                assert_eq!(width(&fit(text, columns)), columns, "{text} in {columns}");
            }
        }
        assert_eq!(fit("Main entrance", 8), "Main en~");
    }

    #[test]
    fn bars_show_little_as_something_and_nothing_as_nothing() {
        let theme = Theme::new(Colours::None, false);
        assert_eq!(bars(&theme, &[0, 1, 50, 100], 100), " .=@");
        assert_eq!(bars(&theme, &[0, 0], 0), "  ");
    }

    #[test]
    fn the_chosen_row_is_in_view() {
        for length in [0usize, 1, 5, 50] {
            for rows in [1usize, 3, 10] {
                for at in 0..length {
                    let first = first_row(Choice::Keys(at), length, rows);
                    assert!(
                        first <= at && at < first + rows,
                        "{at} of {length} in {rows}"
                    );
                }
            }
        }
    }
}
