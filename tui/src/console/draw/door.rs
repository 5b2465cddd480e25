use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::parts::{Choice, Columns, first_row, fit, list, passage, titled};
use crate::cli::settings;
use crate::console::state::State;
use crate::console::theme::{Theme, Tone};
use crate::text::{self, console as words};
use doorward_core::controller::{DoorStatus, LockState};
use doorward_core::model::Door;

/// Columns of the names of fields.
const NAMES: usize = 15;

/// From this many columns on, fields and passages stand side by side.
const SIDE_BY_SIDE: u16 = 116;

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let site = &state.site;
    let Some(door) = state.door.shown().and_then(|id| site.door(id)) else {
        frame.render_widget(Paragraph::new(words::DOOR_GONE), area);
        return;
    };
    let fields = fields(state, door);
    let rows = u16::try_from(fields.len()).unwrap_or(u16::MAX);
    let [about, log] = if area.width >= SIDE_BY_SIDE {
        Layout::horizontal([Constraint::Percentage(50), Constraint::Fill(1)]).areas(area)
    } else {
        let rows = rows.saturating_add(2).min(area.height.saturating_sub(4));
        Layout::vertical([Constraint::Length(rows), Constraint::Fill(1)]).areas(area)
    };
    let block = titled(
        &state.theme,
        &format!("{} (#{})", text::printable(&door.name), door.id),
        false,
    );
    let inner = block.inner(about);
    frame.render_widget(block, about);
    frame.render_widget(Paragraph::new(fields), inner);
    passages(state, frame, log);
}

fn fields(state: &State, door: &Door) -> Vec<Line<'static>> {
    let theme = &state.theme;
    let mut lines = Vec::new();
    match state.site.door_status(door.id) {
        Some(status) => lines.extend(live(theme, door, status)),
        None => lines.push(field(theme, "State", "not served", Tone::Warn)),
    }
    let users = state.door.detail().map_or_else(
        || words::LOADING.to_owned(),
        |detail| words::can_open(detail.users, detail.more),
    );
    lines.push(field(theme, "Keys held by", &users, Tone::Plain));
    for (name, value) in settings(door) {
        let (value, tone) = wired(state, name, value, door);
        lines.push(field(theme, name, &value, tone));
    }
    lines
}

fn live(theme: &Theme, door: &Door, status: &DoorStatus) -> [Line<'static>; 2] {
    let symbols = theme.symbols;
    let (sign, tone) = match status.lock {
        LockState::Locked => (symbols.locked, Tone::Plain),
        LockState::Unlocked => (symbols.unlocked, Tone::Good),
    };
    let lock = format!(
        "{sign} {}, {}",
        text::lock(status.lock),
        text::leaf(status.open)
    );
    let troubles = text::troubles(door, status);
    let (state, state_tone) = if troubles.is_empty() {
        (format!("{} ok", symbols.yes), Tone::Good)
    } else {
        (
            format!("{} {}", symbols.alarm, troubles.join(", ")),
            Tone::Bad,
        )
    };
    [
        field(theme, "Now", &lock, tone),
        field(theme, "State", &state, state_tone),
    ]
}

/// Wiring with the live state of what it names: which reader or board does not answer.
fn wired(state: &State, name: &str, value: String, door: &Door) -> (String, Tone) {
    let live = &state.site.live;
    let wiring = &door.wiring;
    let devices: Vec<&str> = match name {
        "Entry readers" => wiring.entry_readers.iter().map(String::as_str).collect(),
        "Exit readers" => wiring.exit_readers.iter().map(String::as_str).collect(),
        "Relay" => wiring
            .relay
            .iter()
            .map(|point| point.board.as_str())
            .collect(),
        "Door contact" => wiring
            .contact
            .iter()
            .map(|point| point.board.as_str())
            .collect(),
        "Exit button" => wiring
            .rex
            .iter()
            .map(|point| point.board.as_str())
            .collect(),
        _ => return (value, Tone::Plain),
    };
    if devices.is_empty() {
        return (value, Tone::Dim);
    }
    let symbols = state.theme.symbols;
    let mut tone = Tone::Plain;
    let mut told = Vec::new();
    for device in devices {
        let reader = live.readers.iter().find(|reader| &*reader.name == device);
        let board = live.boards.iter().find(|board| &*board.name == device);
        let (sign, words) = match (reader, board) {
            (Some(reader), _) if reader.online && reader.secure => (symbols.yes, "secure"),
            (Some(reader), _) if reader.online => (symbols.yes, "in clear"),
            (None, Some(board)) if board.online => (symbols.yes, "answers"),
            (None, None) => (symbols.no, "not wired"),
            _ => (symbols.no, "does not answer"),
        };
        if sign == symbols.no {
            tone = Tone::Bad;
        }
        let several = name.ends_with("readers") && value.contains(", ");
        told.push(if several {
            format!("{device} {sign} {words}")
        } else {
            format!("{sign} {words}")
        });
    }
    if name.ends_with("readers") && value.contains(", ") {
        (told.join(", "), tone)
    } else {
        (format!("{value}  {}", told.join(", ")), tone)
    }
}

fn field(theme: &Theme, name: &str, value: &str, tone: Tone) -> Line<'static> {
    Line::from(vec![
        Span::styled(fit(name, NAMES), theme.style(Tone::Dim)),
        Span::styled(text::printable(value), theme.style(tone)),
    ])
}

fn passages(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let block = titled(&state.theme, words::PASSAGES, true);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let rows = state.door.rows(&state.site);
    if rows.is_empty() {
        let text = if state.door.detail().is_some() {
            words::NO_PASSAGES
        } else {
            words::LOADING
        };
        frame.render_widget(Paragraph::new(text), inner);
        return;
    }
    let choice = Choice::Keys(state.door.scroll.min(rows.len() - 1));
    let first = first_row(choice, rows.len(), usize::from(inner.height));
    let room = usize::from(inner.width);
    let lines = rows
        .iter()
        .skip(first)
        .map(|row| passage(state, row, Columns::WithoutDoor, room));
    list(&state.theme, lines, first, choice, frame, inner);
}
