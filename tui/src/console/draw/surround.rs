//! What stands around every screen: header, health, alarms, footer.

use doorward_api::{StorageState, UplinkState};
use doorward_core::time::ClockTrust;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::parts::{fit, moment};
use crate::cli::{table::width, time};
use crate::console::keys::{Offer, Shown};
use crate::console::state::{Link, State};
use crate::console::theme::Tone;
use crate::text::{self, console as words};

/// Rows that the reason of a lost connection may take.
const REASON_ROWS_MAX: usize = 4;

/// Rows that a notice may take.
const NOTICE_ROWS_MAX: usize = 3;

/// Product, site, connection, clock.
pub(super) fn header(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let symbols = state.theme.symbols;
    let site = state
        .site
        .status
        .as_ref()
        .map_or("", |status| status.site.as_str());
    let (sign, word, tone) = match state.link {
        Link::Up => (symbols.online, words::CONNECTED, Tone::Good),
        Link::Connecting => (symbols.offline, words::CONNECTING, Tone::Warn),
        Link::Lost { .. } => (symbols.offline, words::NOT_CONNECTED, Tone::Bad),
    };
    let clock = time::format(state.now, &state.zone, "%a %d %b %H:%M");
    let right = format!("{sign} {word}  {clock} ");
    let room = usize::from(area.width).saturating_sub(width(&right));
    let product = format!(" {}  ", words::PRODUCT);
    let left = room.saturating_sub(width(&product));
    let line = Line::from(vec![
        Span::styled(fit(&product, room - left), state.theme.style(Tone::Title)),
        Span::raw(fit(site, left)),
        Span::styled(format!("{sign} {word}"), state.theme.style(tone)),
        Span::raw(format!("  {clock} ")),
    ]);
    frame.render_widget(line, area);
}

/// Storage, uplink, clock, readers and boards, in words.
pub(super) fn health(state: &State, frame: &mut Frame<'_>, area: Rect) {
    let Some(status) = &state.site.status else {
        let line = Line::styled(format!(" {}", words::WAITING), state.theme.style(Tone::Dim));
        frame.render_widget(line, area);
        return;
    };
    let live = &state.site.live;
    let waiting = status.newest_event.max(state.site.newest_seq());
    let waiting = waiting.saturating_sub(status.uplink.acknowledged_event);
    let readers = live.readers.iter().filter(|reader| reader.online).count();
    let boards = live.boards.iter().filter(|board| board.online).count();
    let parts = [
        match status.storage.state {
            StorageState::Working => (true, "storage ok".to_owned()),
            StorageState::Failing => (false, "STORAGE FAILING".to_owned()),
        },
        match status.uplink.state {
            UplinkState::Off => (true, "uplink off".to_owned()),
            UplinkState::Connected => (true, format!("uplink ok, {waiting} waiting")),
            UplinkState::Disconnected => (false, format!("UPLINK DOWN, {waiting} waiting")),
        },
        match status.clock {
            ClockTrust::Trusted => (true, "clock ok".to_owned()),
            ClockTrust::Untrusted => (false, "CLOCK NOT TRUSTED".to_owned()),
        },
        (
            readers == live.readers.len(),
            format!("readers {readers}/{}", live.readers.len()),
        ),
        (
            boards == live.boards.len(),
            format!("boards {boards}/{}", live.boards.len()),
        ),
    ];
    let mut spans = vec![Span::raw(" ")];
    for (at, (well, words)) in parts.into_iter().enumerate() {
        if at > 0 {
            let between = state.theme.symbols.between;
            spans.push(Span::styled(between, state.theme.style(Tone::Dim)));
        }
        let tone = if well { Tone::Plain } else { Tone::Bad };
        let sign = if well { "" } else { state.theme.symbols.no };
        let gap = if well { "" } else { " " };
        spans.push(Span::styled(
            format!("{sign}{gap}{words}"),
            state.theme.style(tone),
        ));
    }
    frame.render_widget(Line::from(spans), area);
}

/// The bar of what somebody must see: the lost connection, or the alarms; one row or more.
pub(super) fn bar(state: &State, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    match &state.link {
        Link::Lost { reason, since } => lost(state, reason, *since, columns),
        Link::Connecting => vec![Line::raw("")],
        Link::Up => vec![alarms(state, columns)],
    }
}

fn lost(
    state: &State,
    reason: &str,
    since: doorward_core::time::Wall,
    columns: usize,
) -> Vec<Line<'static>> {
    let style = state.theme.style(Tone::Alarm);
    let since = moment(since, state.now, &state.zone);
    let sign = state.theme.symbols.offline;
    let mut rows: Vec<String> = Vec::new();
    for line in reason.lines() {
        rows.extend(wrapped(line, columns.saturating_sub(3)));
    }
    if rows.len() > REASON_ROWS_MAX {
        rows.truncate(REASON_ROWS_MAX);
    }
    let first = format!(
        " {sign} {} since {since}, {}",
        words::NOT_CONNECTED,
        words::TRYING_AGAIN
    );
    let mut lines = vec![Line::styled(fit(&first, columns), style)];
    lines.extend(
        rows.iter()
            .map(|row| Line::styled(fit(&format!("   {row}"), columns), style)),
    );
    lines
}

/// Text broken at spaces into rows of at most `columns`.
fn wrapped(text: &str, columns: usize) -> Vec<String> {
    let mut rows: Vec<String> = vec![String::new()];
    for word in text.split_whitespace() {
        let Some(row) = rows.last_mut() else { continue };
        if !row.is_empty() && width(row) + 1 + width(word) > columns {
            rows.push(word.to_owned());
        } else {
            if !row.is_empty() {
                row.push(' ');
            }
            row.push_str(word);
        }
    }
    rows
}

fn alarms(state: &State, columns: usize) -> Line<'static> {
    let alarms = &state.site.live.alarms;
    let symbols = state.theme.symbols;
    if alarms.is_empty() {
        let text = format!(" {} {}", symbols.yes, words::NO_ALARMS);
        return Line::styled(fit(&text, columns), state.theme.style(Tone::Good));
    }
    let each = alarms_in_words(state);
    let count = words::alarms(alarms.len());
    let text = format!(
        " {} {count}{}{}",
        symbols.alarm,
        symbols.between,
        each.join(symbols.between)
    );
    Line::styled(fit(&text, columns), state.theme.style(Tone::Alarm))
}

/// Each alarm on a line, the newest first.
pub(super) fn alarms_in_words(state: &State) -> Vec<String> {
    let mut newest: Vec<_> = state.site.live.alarms.iter().collect();
    newest.sort_by_key(|alarm| core::cmp::Reverse(alarm.since));
    newest
        .iter()
        .map(|alarm| {
            let subject = state.site.alarm_subject(alarm);
            let at = subject.map_or_else(String::new, |subject| format!(": {subject}"));
            let since = moment(alarm.since, state.now, &state.zone);
            format!("{}{at}, {since}", text::alarm(alarm.kind))
        })
        .collect()
}

/// What can be done now; a notice in its place for a while, on as many rows as it needs.
pub(super) fn footer(state: &State, columns: u16) -> Vec<Line<'static>> {
    let columns = usize::from(columns);
    let Some(notice) = &state.notice else {
        return vec![offers(state, &state.offers(), columns)];
    };
    let sign = match notice.tone {
        Tone::Good => state.theme.symbols.yes,
        Tone::Bad => state.theme.symbols.no,
        _ => state.theme.symbols.other,
    };
    let style = state.theme.style(notice.tone);
    let text = text::printable(&notice.text);
    wrapped(&text, columns.saturating_sub(3))
        .iter()
        .take(NOTICE_ROWS_MAX)
        .enumerate()
        .map(|(at, row)| {
            let sign = if at == 0 { sign } else { " " };
            Line::styled(fit(&format!(" {sign} {row}"), columns), style)
        })
        .collect()
}

/// Offers with their keys, as many as fit.
fn offers(state: &State, offers: &[Offer], columns: usize) -> Line<'static> {
    let mut spans = vec![Span::raw(" ")];
    let mut used = 1;
    for offer in offers.iter().filter(|offer| offer.shown == Shown::Footer) {
        let key = offer.command.key_name();
        let word = words::short(offer.command);
        let wide = width(key) + 1 + width(word) + 2;
        if used + wide > columns {
            break;
        }
        used += wide;
        spans.push(Span::styled(key, state.theme.style(Tone::Key)));
        spans.push(Span::raw(format!(" {word}  ")));
    }
    Line::from(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_broken_at_spaces() {
        assert_eq!(wrapped("one two three", 8), ["one two", "three"]);
        assert_eq!(wrapped("incomprehensible", 5), ["incomprehensible"]);
        assert_eq!(wrapped("", 5), [""]);
    }
}
