use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::parts::{
    Cell, Choice, Columns, bars, first_row, fit, list, name_columns, passage, row, titled,
};
use super::readers;
use super::surround::alarms_in_words;
use crate::console::screens::Pane;
use crate::console::state::State;
use crate::console::theme::Tone;
use crate::text::{self, console as words};
use doorward_core::controller::LockState;
use doorward_core::model::{Door, DoorMode};

/// From this many columns on, the alarms stand beside the doors.
const ALARMS_BESIDE: u16 = 100;

/// From this many columns on, the passages stand beside doors and alarms.
const PASSAGES_BESIDE: u16 = 160;

/// Columns of a door's row beside its name, with the borders: lock, contact, health.
const DOOR_COLUMNS: u16 = 46;

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let has_readers = readers::is_shown(state);
    let has_table = has_readers && area.width >= PASSAGES_BESIDE;
    let line = u16::from(has_readers && !has_table);
    let [graph, reader_line, panes] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(line),
        Constraint::Fill(1),
    ])
    .areas(area);
    rate(state, frame, graph);
    if line > 0 {
        readers::line(state, frame, reader_line);
    }
    let rows = u16::try_from(state.site.doors.len()).unwrap_or(u16::MAX);
    let rows = rows.max(1).saturating_add(2);
    let names = u16::try_from(name_columns(&state.site)).unwrap_or(u16::MAX);
    let columns = names.saturating_add(DOOR_COLUMNS).min(area.width * 3 / 5);
    if area.width >= PASSAGES_BESIDE {
        let [left, passages_area] =
            Layout::horizontal([Constraint::Length(columns), Constraint::Fill(1)]).areas(panes);
        let readers_rows = if has_table { readers::rows(state) } else { 0 };
        let readers_rows = readers_rows.min(left.height / 3);
        let rows = rows.min(left.height * 2 / 3 - readers_rows / 2);
        let [doors_area, alarms_area, readers_area] = Layout::vertical([
            Constraint::Length(rows),
            Constraint::Fill(1),
            Constraint::Length(readers_rows),
        ])
        .areas(left);
        doors(state, frame, doors_area);
        alarms(state, frame, alarms_area);
        if has_table {
            readers::table(state, frame, readers_area);
        }
        passages(state, frame, passages_area);
        return;
    }
    let rows = rows.min(panes.height / 2);
    let [top, passages_area] =
        Layout::vertical([Constraint::Length(rows), Constraint::Fill(1)]).areas(panes);
    passages(state, frame, passages_area);
    if area.width >= ALARMS_BESIDE {
        let [doors_area, alarms_area] =
            Layout::horizontal([Constraint::Length(columns), Constraint::Fill(1)]).areas(top);
        doors(state, frame, doors_area);
        alarms(state, frame, alarms_area);
    } else {
        doors(state, frame, top);
    }
}

/// Every alarm on a row of its own, where there is room beside the bar above.
fn alarms(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let alarms = alarms_in_words(state);
    let block = titled(
        &state.theme,
        &format!("{} ({})", words::ALARMS, alarms.len()),
        false,
    );
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let symbols = state.theme.symbols;
    let lines: Vec<Line<'static>> = if alarms.is_empty() && state.site.status.is_some() {
        let text = format!(" {} {}", symbols.yes, words::NO_ALARMS);
        vec![Line::styled(text, state.theme.style(Tone::Good))]
    } else {
        alarms
            .iter()
            .map(|alarm| {
                let text = fit(
                    &format!(" {} {alarm}", symbols.alarm),
                    usize::from(inner.width),
                );
                Line::styled(text, state.theme.style(Tone::Bad))
            })
            .collect()
    };
    frame.render_widget(Paragraph::new(lines), inner);
}

/// Passages a minute, granted and denied, the present minute at the right.
fn rate(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let half = usize::from(area.width / 2);
    let length = half.saturating_sub(24).clamp(8, 60);
    let (granted, denied) = state.site.rate.last(length, state.now);
    let tallest = granted.iter().chain(&denied).copied().max().unwrap_or(0);
    let graph = |word: &str, values: &[u32], tone: Tone| {
        let now = values.last().copied().unwrap_or(0);
        let number = format!("{now:>3} {}", words::PER_MINUTE);
        vec![
            Span::raw(format!(" {word} ")),
            Span::styled(bars(&state.theme, values, tallest), state.theme.style(tone)),
            Span::raw(format!(" {number} ")),
        ]
    };
    let mut spans = graph(words::GRANTED, &granted, Tone::Good);
    spans.push(Span::raw("  "));
    spans.extend(graph(words::DENIED, &denied, Tone::Warn));
    frame.render_widget(Line::from(spans), area);
}

fn doors(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let has_keys = state.dashboard.pane == Pane::Doors;
    let site = &state.site;
    let title = format!("{} ({})", words::DOORS, site.doors.len());
    let block = titled(&state.theme, &title, has_keys);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if site.doors.is_empty() {
        let text = if site.status.is_some() {
            words::NO_DOORS
        } else {
            ""
        };
        frame.render_widget(Paragraph::new(text), inner);
        return;
    }
    let at = state.dashboard.door_at(site);
    let choice = if has_keys {
        Choice::Keys(at)
    } else {
        Choice::Marked(at)
    };
    let first = first_row(choice, site.doors.len(), usize::from(inner.height));
    let room = usize::from(inner.width);
    let lines = site
        .doors
        .iter()
        .skip(first)
        .map(|door| door_row(state, door, room));
    list(&state.theme, lines, first, choice, frame, inner);
}

fn door_row(state: &State, door: &Door, room: usize) -> Line<'static> {
    let symbols = state.theme.symbols;
    let status = state.site.door_status(door.id);
    let (lock, lock_tone) = match status.map(|status| status.lock) {
        Some(LockState::Locked) => (
            format!("{} {}", symbols.locked, text::lock(LockState::Locked)),
            Tone::Plain,
        ),
        Some(LockState::Unlocked) => (
            format!("{} {}", symbols.unlocked, text::lock(LockState::Unlocked)),
            Tone::Good,
        ),
        None => (text::NONE.to_owned(), Tone::Dim),
    };
    let open = status.and_then(|status| status.open);
    let leaf_tone = if open == Some(true) {
        Tone::Warn
    } else {
        Tone::Plain
    };
    let leaf = status.map_or(text::NONE, |status| text::leaf(status.open));
    let (health, health_tone) = health(state, door);
    let left = room.saturating_sub(1 + 10 + 1 + 10 + 1 + 1);
    let name = name_columns(&state.site).min(left * 11 / 20);
    row(
        &state.theme,
        &[
            Cell(&door.name, name, Tone::Plain),
            Cell(&lock, 10, lock_tone),
            Cell(leaf, 10, leaf_tone),
            Cell(&health, left.saturating_sub(name + 1), health_tone),
        ],
    )
}

/// Troubles first; otherwise a mode that is not the normal one; otherwise that all is well.
fn health(state: &State, door: &Door) -> (String, Tone) {
    let symbols = state.theme.symbols;
    let Some(status) = state.site.door_status(door.id) else {
        return ("not served".to_owned(), Tone::Warn);
    };
    let troubles = text::troubles(door, status);
    if let Some(worst) = troubles.first() {
        let alarm = status.forced_open || status.held_open;
        let sign = if alarm { symbols.alarm } else { symbols.no };
        let more = match troubles.len() {
            1 => String::new(),
            more => format!(" +{}", more - 1),
        };
        return (format!("{sign} {worst}{more}"), Tone::Bad);
    }
    match status.mode {
        DoorMode::Normal => (format!("{} ok", symbols.yes), Tone::Good),
        mode => (
            format!("{} mode {}", symbols.operator, text::mode(mode)),
            Tone::Warn,
        ),
    }
}

fn passages(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let dashboard = &state.dashboard;
    let has_keys = dashboard.pane == Pane::Passages;
    let title = if dashboard.all_events {
        words::ALL_EVENTS
    } else {
        words::PASSAGES
    };
    let block = titled(&state.theme, title, has_keys);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let length = dashboard.rows(&state.site).count();
    if length == 0 {
        let text = if state.site.status.is_some() {
            words::NO_PASSAGES
        } else {
            ""
        };
        frame.render_widget(Paragraph::new(text), inner);
        return;
    }
    let at = dashboard.passage_at(&state.site);
    let choice = if has_keys {
        Choice::Keys(at)
    } else {
        Choice::None
    };
    let shown = if has_keys { choice } else { Choice::Marked(at) };
    let first = first_row(shown, length, usize::from(inner.height));
    let room = usize::from(inner.width);
    let lines = dashboard
        .rows(&state.site)
        .skip(first)
        .map(|row| passage(state, row, Columns::WithDoor, room));
    list(&state.theme, lines, first, choice, frame, inner);
}
