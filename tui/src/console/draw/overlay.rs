use ratatui::Frame;
use ratatui::layout::{Constraint, Flex, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph, Wrap};

use super::parts::{fit, titled};
use crate::console::keys::Command;
use crate::console::state::{Act, Overlay, State};
use crate::console::theme::Tone;
use crate::text::{self, console as words};

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    match state.overlay {
        None => {}
        Some(Overlay::Help) => help(state, frame, area),
        Some(Overlay::Confirm(act)) => confirm(state, act, frame, area),
    }
}

fn centred(area: Rect, columns: u16, rows: u16) -> Rect {
    let [row] = Layout::vertical([Constraint::Length(rows.min(area.height))])
        .flex(Flex::Center)
        .areas(area);
    let [middle] = Layout::horizontal([Constraint::Length(columns.min(area.width))])
        .flex(Flex::Center)
        .areas(row);
    middle
}

/// Every command that the screen below offers, with all its keys.
fn help(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let offers = state.screen_offers();
    let mut lines: Vec<Line<'static>> = offers
        .iter()
        .map(|offer| {
            let names: Vec<&str> = offer
                .command
                .chords()
                .iter()
                .map(|chord| chord.name)
                .collect();
            Line::from(vec![
                Span::styled(fit(&names.join(" "), 14), state.theme.style(Tone::Key)),
                Span::raw(words::long(offer.command)),
            ])
        })
        .collect();
    lines.push(Line::raw(""));
    lines.push(Line::styled(
        words::HELP_CLOSE,
        state.theme.style(Tone::Dim),
    ));
    let rows = u16::try_from(lines.len())
        .unwrap_or(u16::MAX)
        .saturating_add(2);
    let place = centred(area, 62, rows);
    frame.render_widget(Clear, place);
    let block = titled(&state.theme, words::HELP, false);
    frame.render_widget(Paragraph::new(lines).block(block), place);
}

fn confirm(state: &State, act: Act, frame: &mut Frame<'_>, area: Rect) {
    let key = |command: Command, word: &'static str| {
        [
            Span::styled(command.key_name(), state.theme.style(Tone::Key)),
            Span::raw(format!(" {word}   ")),
        ]
    };
    let mut answers = Vec::new();
    answers.extend(key(Command::Confirm, words::YES));
    answers.extend(key(Command::Cancel, words::NO));
    let question = text::printable(&state.question(act));
    let lines = vec![Line::raw(question), Line::raw(""), Line::from(answers)];
    let place = centred(area, 56, 7);
    frame.render_widget(Clear, place);
    let block = titled(&state.theme, words::CONFIRM, true);
    let paragraph = Paragraph::new(lines)
        .wrap(Wrap { trim: false })
        .block(block);
    frame.render_widget(paragraph, place);
}
