use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

use super::parts::{Cell, Choice, first_row, fit, list, row, titled};
use crate::cli::credential_in_words;
use crate::console::site::UserRow;
use crate::console::state::State;
use crate::console::theme::{Theme, Tone};
use crate::text::{self, console as words};
use doorward_core::model::{User, UserState};

/// Columns of the names of fields.
const NAMES: usize = 12;

pub(super) fn draw(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let [filter, panes] =
        Layout::vertical([Constraint::Length(1), Constraint::Fill(1)]).areas(area);
    filter_row(state, frame, filter);
    let [users, detail] =
        Layout::horizontal([Constraint::Percentage(48), Constraint::Fill(1)]).areas(panes);
    draw_list(state, frame, users);
    draw_detail(state, frame, detail);
}

fn filter_row(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let users = &state.users;
    let theme = &state.theme;
    let typing = users.is_typing();
    let mut spans = vec![
        Span::raw(format!(" {}: ", words::FILTER)),
        Span::styled(
            text::printable(users.filter()),
            theme.style(if typing { Tone::Title } else { Tone::Plain }),
        ),
    ];
    if typing {
        spans.push(Span::styled(" ", theme.style(Tone::Chosen)));
    } else if users.filter().is_empty() {
        spans.push(Span::styled(text::NONE, theme.style(Tone::Dim)));
    }
    frame.render_widget(Line::from(spans), area);
}

fn draw_list(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let (site, users) = (&state.site, &state.users);
    let all = site.users.rows().len();
    let title = if site.users.is_complete() {
        format!("{} {}", words::USERS, words::of_all(users.fitting(), all))
    } else {
        format!("{}: {}", words::USERS, words::LOADING)
    };
    let block = titled(&state.theme, &title, true);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    if users.fitting() == 0 {
        let text = match (site.users.is_complete(), all) {
            (false, _) => words::LOADING,
            (true, 0) => words::NO_USERS,
            (true, _) => words::NO_MATCH,
        };
        frame.render_widget(Paragraph::new(text), inner);
        return;
    }
    let choice = Choice::Keys(users.chosen_at());
    let first = first_row(choice, users.fitting(), usize::from(inner.height));
    let room = usize::from(inner.width);
    let lines = users
        .rows(site, first)
        .map(|row| user_row(state, row, room));
    list(&state.theme, lines, first, choice, frame, inner);
}

const fn tone_of(state: UserState) -> Tone {
    match state {
        UserState::Active => Tone::Good,
        UserState::Invited => Tone::Plain,
        UserState::Inactive | UserState::Suspended => Tone::Warn,
        UserState::Removed => Tone::Dim,
    }
}

fn sign_of(theme: &Theme, state: UserState) -> &'static str {
    match state {
        UserState::Active => theme.symbols.yes,
        UserState::Invited => theme.symbols.other,
        UserState::Inactive | UserState::Suspended | UserState::Removed => theme.symbols.no,
    }
}

fn user_row(state: &State, user: &UserRow, room: usize) -> Line<'static> {
    let tone = tone_of(user.user.state);
    let sign = sign_of(&state.theme, user.user.state);
    let left = room.saturating_sub(1 + 2 + 10);
    row(
        &state.theme,
        &[
            Cell(&user.name, left.saturating_sub(1), Tone::Plain),
            Cell(sign, 1, tone),
            Cell(text::user_state(user.user.state), 9, tone),
        ],
    )
}

fn draw_detail(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let Some(chosen) = state.users.chosen(&state.site) else {
        let block = titled(&state.theme, text::NONE, false);
        frame.render_widget(block, area);
        return;
    };
    let title = format!("{} (#{})", text::printable(&chosen.name), chosen.user.id);
    let block = titled(&state.theme, &title, false);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let lines = detail(state, &chosen.user);
    frame.render_widget(Paragraph::new(lines).wrap(Wrap { trim: false }), inner);
}

fn detail(state: &State, user: &User) -> Vec<Line<'static>> {
    let theme = &state.theme;
    let words_of_state = format!(
        "{} {}",
        sign_of(theme, user.state),
        text::user_state(user.state)
    );
    let mut lines = vec![
        field(theme, "State", &words_of_state, tone_of(user.state)),
        field(
            theme,
            "E-mail",
            user.email.as_deref().unwrap_or(text::NONE),
            Tone::Plain,
        ),
    ];
    if !user.department.is_empty() {
        lines.push(field(theme, "Department", &user.department, Tone::Plain));
    }
    if user.extended_unlock {
        lines.push(field(theme, "Unlock time", "extended", Tone::Plain));
    }
    let Some(detail) = state.users.detail(&state.site) else {
        lines.push(Line::styled(words::LOADING, theme.style(Tone::Dim)));
        return lines;
    };
    let keys = detail
        .keys
        .iter()
        .map(|held| format!("{}, {}", held.name(), held.validity(&state.zone)));
    section(theme, &mut lines, "Keys", &keys.collect::<Vec<_>>());
    let credentials = detail.credentials.iter();
    let credentials = credentials.map(|credential| credential_in_words(credential, &state.zone));
    section(
        theme,
        &mut lines,
        "Credentials",
        &credentials.collect::<Vec<_>>(),
    );
    let doors = detail.doors.iter().map(|door| door.name.clone());
    section(theme, &mut lines, "Doors", &doors.collect::<Vec<_>>());
    lines
}

/// A heading, and below it each value on a row of its own.
fn section(theme: &Theme, lines: &mut Vec<Line<'static>>, heading: &str, values: &[String]) {
    lines.push(Line::raw(""));
    let heading = format!("{heading} ({})", values.len());
    lines.push(Line::styled(heading, theme.style(Tone::Title)));
    lines.extend(
        values
            .iter()
            .map(|value| Line::raw(format!("  {}", text::printable(value)))),
    );
}

fn field(theme: &Theme, name: &str, value: &str, tone: Tone) -> Line<'static> {
    Line::from(vec![
        Span::styled(fit(name, NAMES), theme.style(Tone::Dim)),
        Span::styled(text::printable(value), theme.style(tone)),
    ])
}
