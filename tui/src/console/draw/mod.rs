//! The picture of the state. Drawing reads the state and changes nothing.

mod dashboard;
mod door;
mod overlay;
mod parts;
mod readers;
mod surround;
mod users;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::widgets::Paragraph;

use super::state::{Screen, State};
use crate::text::console as words;

/// The smallest terminal that can be drawn on, in columns and rows.
const SMALLEST: (u16, u16) = (40, 10);

/// Paints the state.
pub fn draw(state: &State, frame: &mut Frame<'_>) {
    let area = frame.area();
    if area.width < SMALLEST.0 || area.height < SMALLEST.1 {
        frame.render_widget(words::TOO_SMALL, area);
        return;
    }
    let bar = surround::bar(state, area.width);
    let bar_rows = u16::try_from(bar.len()).unwrap_or(1);
    let foot = surround::footer(state, area.width);
    let foot_rows = u16::try_from(foot.len()).unwrap_or(1);
    let [header, health, alarms, body, footer] = Layout::vertical([
        Constraint::Length(1),
        Constraint::Length(1),
        Constraint::Length(bar_rows),
        Constraint::Fill(1),
        Constraint::Length(foot_rows),
    ])
    .areas(area);
    surround::header(state, frame, header);
    surround::health(state, frame, health);
    frame.render_widget(Paragraph::new(bar), alarms);
    match state.screen {
        Screen::Dashboard => dashboard::draw(state, frame, body),
        Screen::Door => door::draw(state, frame, body),
        Screen::Users => users::draw(state, frame, body),
    }
    frame.render_widget(Paragraph::new(foot), footer);
    overlay::draw(state, frame, area);
}
