//! How the console looks: sixteen colours or none, letters beyond ASCII or not.
//!
//! Colour never says anything alone: each tone comes with a symbol or a word beside it.

use ratatui::style::{Color, Modifier, Style};

/// What a piece of text means; the theme decides how that looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Ordinary text.
    Plain,
    /// As it should be.
    Good,
    /// Somebody must see it.
    Bad,
    /// Worth a look.
    Warn,
    /// Of less interest.
    Dim,
    /// A heading.
    Title,
    /// The chosen row of the pane that has the keys.
    Chosen,
    /// The chosen row of another pane.
    Marked,
    /// A key to press.
    Key,
    /// The alarm bar.
    Alarm,
}

/// Colours and symbols that the terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Theme {
    colours: Colours,
    /// Symbols in its character set.
    pub symbols: &'static Symbols,
}

/// How many colours the terminal shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colours {
    /// The sixteen that every colour terminal has.
    Sixteen,
    /// None: bold, dim and reversed only.
    None,
}

/// Signs that stand beside words.
#[derive(Debug, PartialEq, Eq)]
pub struct Symbols {
    /// A grant, or something in order.
    pub yes: &'static str,
    /// A denial, or something out of order.
    pub no: &'static str,
    /// An alarm.
    pub alarm: &'static str,
    /// A closed lock.
    pub locked: &'static str,
    /// An open lock.
    pub unlocked: &'static str,
    /// Connected.
    pub online: &'static str,
    /// Not connected.
    pub offline: &'static str,
    /// An operator's act.
    pub operator: &'static str,
    /// Way out.
    pub exit: &'static str,
    /// Anything else that happened.
    pub other: &'static str,
    /// The chosen row.
    pub chosen: &'static str,
    /// Between parts of a line.
    pub between: &'static str,
    /// Bars from empty to full.
    pub bars: [char; 9],
    /// Lines of boxes that any character set has.
    pub plain_boxes: bool,
}

static UNICODE: Symbols = Symbols {
    yes: "✓",
    no: "✗",
    alarm: "▲",
    locked: "■",
    unlocked: "□",
    online: "●",
    offline: "○",
    operator: "◆",
    exit: "→",
    other: "·",
    chosen: "▶",
    between: " · ",
    bars: [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'],
    plain_boxes: false,
};

static ASCII: Symbols = Symbols {
    yes: "+",
    no: "x",
    alarm: "!",
    locked: "#",
    unlocked: "_",
    online: "*",
    offline: "o",
    operator: "@",
    exit: ">",
    other: ".",
    chosen: ">",
    between: " | ",
    bars: [' ', '.', ':', '-', '=', '+', '*', '#', '@'],
    plain_boxes: true,
};

impl Theme {
    /// For a terminal with these colours; `unicode` says whether it shows more than ASCII.
    #[must_use]
    pub const fn new(colours: Colours, unicode: bool) -> Self {
        Self {
            colours,
            symbols: if unicode { &UNICODE } else { &ASCII },
        }
    }

    /// What the environment says: `NO_COLOR` and `TERM=dumb` or `vt…` take the colours away, a
    /// locale other than UTF-8 the symbols. The Linux console's fonts have few symbols, so it
    /// gets ASCII too.
    #[must_use]
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let set = |name: &str| variable(name).filter(|value| !value.is_empty());
        let terminal = set("TERM").unwrap_or_default();
        let colourless = set("NO_COLOR").is_some()
            || terminal == "dumb"
            || terminal.starts_with("vt1")
            || terminal.starts_with("vt2")
            || terminal.ends_with("-m");
        let locale = set("LC_ALL")
            .or_else(|| set("LC_CTYPE"))
            .or_else(|| set("LANG"));
        let unicode = terminal != "linux"
            && locale.is_some_and(|locale| {
                let locale = locale.to_ascii_lowercase();
                locale.contains("utf-8") || locale.contains("utf8")
            });
        let colours = if colourless {
            Colours::None
        } else {
            Colours::Sixteen
        };
        Self::new(colours, unicode)
    }

    /// How a tone looks.
    #[must_use]
    pub fn style(&self, tone: Tone) -> Style {
        let style = Style::new();
        let modified = match tone {
            Tone::Plain | Tone::Good => style,
            Tone::Bad | Tone::Title | Tone::Key | Tone::Warn => style.add_modifier(Modifier::BOLD),
            Tone::Dim if self.colours == Colours::None => style.add_modifier(Modifier::DIM),
            Tone::Dim => style,
            Tone::Marked => style.add_modifier(Modifier::UNDERLINED),
            Tone::Chosen => style.add_modifier(Modifier::REVERSED),
            Tone::Alarm => style.add_modifier(Modifier::REVERSED | Modifier::BOLD),
        };
        match (self.colours, tone) {
            (Colours::Sixteen, Tone::Good) => modified.fg(Color::Green),
            (Colours::Sixteen, Tone::Bad | Tone::Alarm) => modified.fg(Color::Red),
            (Colours::Sixteen, Tone::Warn) => modified.fg(Color::Yellow),
            (Colours::Sixteen, Tone::Dim) => modified.fg(Color::DarkGray),
            (Colours::Sixteen, Tone::Key) => modified.fg(Color::Cyan),
            _ => modified,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides() {
        fn check(environment: &[(&str, &str)], colours: Colours, unicode: bool) {
            let found = Theme::from_environment(|name| {
                let pair = environment.iter().find(|(key, _)| *key == name)?;
                Some(pair.1.to_owned())
            });
            assert_eq!(found, Theme::new(colours, unicode), "{environment:?}");
        }
        check(
            &[("TERM", "xterm"), ("LANG", "sv_SE.UTF-8")],
            Colours::Sixteen,
            true,
        );
        check(&[("TERM", "xterm"), ("LANG", "C")], Colours::Sixteen, false);
        check(
            &[("TERM", "xterm"), ("LANG", "en.UTF-8"), ("LC_ALL", "C")],
            Colours::Sixteen,
            false,
        );
        check(
            &[("TERM", "linux"), ("LANG", "C.utf8")],
            Colours::Sixteen,
            false,
        );
        check(
            &[("TERM", "xterm"), ("NO_COLOR", "1"), ("LANG", "C.UTF-8")],
            Colours::None,
            true,
        );
        check(
            &[("TERM", "xterm"), ("NO_COLOR", "")],
            Colours::Sixteen,
            false,
        );
        check(&[("TERM", "vt220")], Colours::None, false);
        check(&[("TERM", "xterm-m")], Colours::None, false);
    }

    #[test]
    fn without_colours_no_style_has_any() {
        let theme = Theme::new(Colours::None, true);
        for tone in [
            Tone::Good,
            Tone::Bad,
            Tone::Warn,
            Tone::Dim,
            Tone::Key,
            Tone::Alarm,
        ] {
            let style = theme.style(tone);
            assert_eq!((style.fg, style.bg), (None, None), "{tone:?}");
        }
    }
}
