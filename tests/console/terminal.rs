//! A real terminal around the console: tmux, on a server of its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use doorward_tests::peer::program_path;

use crate::daemon::Daemon;

const WAIT_MAX: Duration = Duration::from_secs(10);

static TERMINALS: AtomicU32 = AtomicU32::new(0);

/// A terminal of 80 by 24 with the console in it. The shell behind it says how the console ended.
pub(crate) struct Terminal {
    server: String,
}

impl Terminal {
    /// Starts the console, attached to a daemon.
    pub(crate) fn attach(daemon: &Daemon) -> Self {
        Self::attach_with(daemon, "LC_ALL=C.UTF-8")
    }

    /// The same with other variables of the environment.
    pub(crate) fn attach_with(daemon: &Daemon, environment: &str) -> Self {
        let terminal = Self::new();
        terminal.run(
            environment,
            &format!("--socket '{}'", daemon.socket().display()),
        );
        terminal
    }

    /// Starts `doorward demo`, with a temporary folder of its own for all that it makes.
    pub(crate) fn demo(folder: &Path) -> Self {
        let terminal = Self::new();
        let environment = format!("LC_ALL=C.UTF-8 TMPDIR='{}'", folder.display());
        terminal.run(&environment, "demo --seed 7");
        terminal
    }

    fn new() -> Self {
        let number = TERMINALS.fetch_add(1, Ordering::Relaxed);
        Self {
            server: format!("doorward-{}-{number}", std::process::id()),
        }
    }

    fn run(&self, environment: &str, arguments: &str) {
        let doorward = program_path("doorward").unwrap();
        let script = format!(
            "TZ=UTC {environment} '{}' {arguments}; echo \"ended with $?\"; stty -a; exec cat",
            doorward.display(),
        );
        self.done(&[
            "new-session",
            "-d",
            "-x",
            "80",
            "-y",
            "24",
            "bash",
            "-c",
            &script,
        ]);
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        Command::new("tmux")
            .args(["-L", &self.server, "-f", "/dev/null"])
            .args(arguments)
            .env_remove("TMUX")
            .output()
            .expect("tmux is needed: apt-get install tmux")
    }

    fn done(&self, arguments: &[&str]) -> String {
        let output = self.tmux(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "tmux {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Presses keys, by their names in tmux.
    pub(crate) fn press(&self, keys: &[&str]) {
        let mut arguments = vec!["send-keys"];
        arguments.extend(keys);
        self.done(&arguments);
    }

    /// What the terminal shows.
    pub(crate) fn picture(&self) -> String {
        self.done(&["capture-pane", "-p"])
    }

    /// Waits until the terminal shows what is wanted.
    pub(crate) fn wait_until(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let until = Instant::now() + WAIT_MAX;
        loop {
            let picture = self.picture();
            if wanted(&picture) {
                return picture;
            }
            assert!(
                Instant::now() < until,
                "waited for {what}, found:\n{picture}"
            );
            // tmux tells nobody that a picture has changed.
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the terminal shows a text.
    pub(crate) fn wait_for(&self, text: &str) -> String {
        self.wait_until(&format!("`{text}`"), |picture| picture.contains(text))
    }

    /// Gives the terminal another size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let (columns, rows) = (columns.to_string(), rows.to_string());
        self.done(&["resize-window", "-x", &columns, "-y", &rows]);
    }

    /// The process of the console.
    pub(crate) fn console(&self) -> i32 {
        let shell = self.done(&["display-message", "-p", "#{pane_pid}"]);
        let shell = shell.trim();
        let children = fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).unwrap();
        let console = children.split_whitespace().next();
        console.expect("nothing runs in the shell").parse().unwrap()
    }

    /// Closes the terminal under the console, as a broken SSH connection does.
    pub(crate) fn hang_up(&self) {
        self.done(&["kill-session"]);
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.tmux(&["kill-server"]);
    }
}
