//! The terminal: taken over at the start, put back however the console ends.

use std::io::{self, Stdout, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, terminal};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

use crate::cli::failure::Exit;

/// Whether the terminal is taken over, so that it is put back once and only then.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// A terminal that is put back when this is dropped.
#[derive(Debug)]
pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<Stdout>>,
}

impl Screen {
    /// Takes the terminal over: raw, on the alternate screen; put back also after a panic.
    pub(super) fn take() -> io::Result<Self> {
        put_back_on_panic();
        terminal::enable_raw_mode()?;
        TAKEN.store(true, Ordering::SeqCst);
        let taken = execute!(
            io::stdout(),
            EnterAlternateScreen,
            EnableBracketedPaste,
            cursor::Hide
        );
        match taken.and_then(|()| Terminal::new(CrosstermBackend::new(io::stdout()))) {
            Ok(terminal) => Ok(Self { terminal }),
            Err(error) => {
                put_back();
                Err(error)
            }
        }
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        put_back();
    }
}

/// Puts the terminal back as it was. Does nothing when it is not taken over.
pub(super) fn put_back() {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    // A terminal that has gone cannot be put back, and nobody is there to be told.
    let _ = execute!(
        io::stdout(),
        DisableBracketedPaste,
        LeaveAlternateScreen,
        cursor::Show
    );
    let _ = terminal::disable_raw_mode();
    let _ = io::stdout().flush();
}

/// Puts the terminal back before a panic is reported, so that the report can be read; then ends
/// the console, in whichever thread it was: what is left of it would paint over the report.
fn put_back_on_panic() {
    let report = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        put_back();
        report(info);
        std::process::exit(Exit::Software.code().into());
    }));
}
