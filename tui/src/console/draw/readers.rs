//! How the readers' buses are: one line, and where there is room a row for each reader.

use doorward_api::ReaderFigures;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Paragraph;

use super::parts::{Cell, fit, row, titled};
use crate::cli::table::width;
use crate::console::state::State;
use crate::console::theme::Tone;
use crate::text::console as words;

/// Of so many commands one that had to be repeated is worth a second look.
const REPEATS_SHARE: u64 = 100;
/// Columns of a reader's figures beside its name: state, round trip, repeats, lost sessions.
const FIGURES: usize = 9 + 1 + 9 + 1 + 9 + 1 + 6 + 2;

/// The readers of all buses, those in trouble first.
fn readers(state: &State) -> Vec<&ReaderFigures> {
    let buses = state.site.buses.iter();
    let mut readers: Vec<_> = buses.flat_map(|bus| &bus.readers).collect();
    readers.sort_by_key(|reader| (tone(reader) as u8, &reader.name));
    readers
}

/// How much a reader is to be worried about; the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Worry {
    Bad,
    Some,
    None,
}

const fn tone(reader: &ReaderFigures) -> Worry {
    let commands = reader.polls + reader.commands;
    if !reader.online || reader.address_shared || reader.unreadable {
        Worry::Bad
    } else if reader.retries * REPEATS_SHARE > commands || reader.sessions_lost > 0 {
        Worry::Some
    } else {
        Worry::None
    }
}

impl Worry {
    const fn tone(self) -> Tone {
        match self {
            Self::Bad => Tone::Bad,
            Self::Some => Tone::Warn,
            Self::None => Tone::Good,
        }
    }
}

const fn state_word(reader: &ReaderFigures) -> &'static str {
    match (reader.online, reader.secure) {
        _ if reader.address_shared => words::READER_SHARED,
        _ if reader.unreadable => words::READER_UNREADABLE,
        (true, true) => words::READER_SECURE,
        (true, false) => words::READER_CLEAR,
        (false, _) => words::READER_OFFLINE,
    }
}

/// Microseconds as `3.4 ms`, or nothing yet.
fn ms(us: u64) -> String {
    match us {
        0 => crate::text::NONE.to_owned(),
        _ => format!("{}.{} ms", us / 1000, us / 100 % 10),
    }
}

/// Whether there is anything to tell: a site may have no OSDP readers.
pub(super) fn is_shown(state: &State) -> bool {
    state.site.buses.iter().any(|bus| !bus.readers.is_empty())
}

/// All readers in one line, the one that is worst off named.
pub(super) fn line(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let readers = readers(state);
    let online = readers.iter().filter(|reader| reader.online).count();
    let sum = |count: fn(&ReaderFigures) -> u64| readers.iter().map(|reader| count(reader)).sum();
    let repeats: u64 = sum(|reader| reader.retries);
    let lost: u64 = sum(|reader| reader.sessions_lost);
    let slowest = readers.iter().map(|reader| reader.latency_p50_us).max();
    let text = format!(
        " {} {online}/{}  {} {}  {} {repeats}  {} {lost} ",
        words::READERS,
        readers.len(),
        words::ROUND_TRIP,
        ms(slowest.unwrap_or(0)),
        words::REPEATS,
        words::LOST_SESSIONS,
    );
    let theme = &state.theme;
    let mut spans = Vec::new();
    let room = usize::from(area.width);
    if let Some(worst) = readers.first()
        && tone(worst) != Worry::None
    {
        let sign = match tone(worst) {
            Worry::Bad => theme.symbols.alarm,
            _ => theme.symbols.no,
        };
        let worst_text = format!(" {sign} {}: {}", worst.name, worry(worst));
        let worst_room = room.saturating_sub(width(&text));
        spans.push(Span::raw(fit(&text, width(&text).min(room))));
        spans.push(Span::styled(
            fit(&worst_text, worst_room),
            theme.style(tone(worst).tone()),
        ));
    } else {
        spans.push(Span::raw(fit(&text, room)));
    }
    frame.render_widget(Line::from(spans), area);
}

/// What is to be said of a reader in trouble.
fn worry(reader: &ReaderFigures) -> String {
    match tone(reader) {
        Worry::Bad => state_word(reader).to_owned(),
        _ => format!(
            "{} {}, {} {}",
            words::REPEATS,
            reader.retries,
            words::LOST_SESSIONS,
            reader.sessions_lost
        ),
    }
}

/// Rows that the readers would take, with their box.
pub(super) fn rows(state: &State) -> u16 {
    let readers: usize = state.site.buses.iter().map(|bus| bus.readers.len()).sum();
    u16::try_from(readers + 3).unwrap_or(u16::MAX)
}

/// A row for each reader, those in trouble first.
pub(super) fn table(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let readers = readers(state);
    let title = format!("{} ({})", words::READERS, readers.len());
    let block = titled(&state.theme, &title, false);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let names = usize::from(inner.width).saturating_sub(FIGURES);
    let cells = |name: &str, said: &str, figures: [&str; 3], tone: Tone, plain: Tone| {
        let [round_trip, repeats, lost] = figures;
        row(
            &state.theme,
            &[
                Cell(&format!(" {name}"), names, plain),
                Cell(said, 9, tone),
                Cell(&format!("{round_trip:>9}"), 9, plain),
                Cell(&format!("{repeats:>9}"), 9, plain),
                Cell(&format!("{lost:>6}"), 6, plain),
            ],
        )
    };
    let head = [words::ROUND_TRIP, words::REPEATS, words::LOST_SESSIONS];
    let mut lines = vec![cells("", "", head, Tone::Dim, Tone::Dim)];
    lines.extend(readers.iter().map(|reader| {
        let figures = [
            ms(reader.latency_p50_us),
            reader.retries.to_string(),
            reader.sessions_lost.to_string(),
        ];
        let figures = [0, 1, 2].map(|at: usize| figures[at].as_str());
        let said = state_word(reader);
        cells(
            &reader.name,
            said,
            figures,
            tone(reader).tone(),
            Tone::Plain,
        )
    }));
    frame.render_widget(Paragraph::new(lines), inner);
}
