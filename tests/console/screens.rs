use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::daemon::Daemon;
use crate::terminal::Terminal;

fn furnished() -> Daemon {
    let daemon = Daemon::start();
    daemon.furnish();
    daemon
}

/// The terminal is as it was: not raw, echoing, on its first screen, with a cursor.
fn is_put_back(terminal: &Terminal, code: i32) {
    let picture = terminal.wait_for("-cstopb");
    assert!(picture.contains(&format!("ended with {code}")), "{picture}");
    let modes: Vec<&str> = picture.split_whitespace().collect();
    for mode in ["icanon", "echo", "isig", "opost"] {
        assert!(modes.contains(&mode), "{mode} is off:\n{picture}");
    }
    assert!(
        !picture.contains("Doorward"),
        "the console's screen is left:\n{picture}"
    );
}

#[test]
fn the_console_attaches_and_shows_the_doors() {
    let daemon = furnished();
    let began = Instant::now();
    let terminal = Terminal::attach(&daemon);
    let picture = terminal.wait_for("Main entrance");
    eprintln!(
        "attached after {} ms, tmux included",
        began.elapsed().as_millis()
    );
    assert!(picture.contains("Example building"), "{picture}");
    assert!(picture.contains("● connected"), "{picture}");
    assert!(picture.contains("doors are served"), "{picture}");
    assert!(picture.contains("q quit"), "{picture}");
    terminal.resize(130, 40);
    terminal.wait_for("Alarms (0)");
    terminal.resize(80, 24);
    terminal.wait_until("the alarms' pane to go", |picture| {
        !picture.contains("Alarms (0)")
    });
}

#[test]
fn a_door_is_unlocked_only_after_yes() {
    let daemon = furnished();
    let terminal = Terminal::attach(&daemon);
    terminal.wait_for("Lab");
    terminal.press(&["Down", "Enter"]);
    terminal.wait_for("Lab (#2)");
    terminal.press(&["u"]);
    terminal.wait_for("Unlock Lab once, for 5 s?");
    terminal.press(&["n"]);
    terminal.wait_until("the question to go", |picture| {
        !picture.contains("Unlock Lab once")
    });
    terminal.press(&["u", "y"]);
    // No relay is wired: the daemon refuses, and its reason is shown.
    terminal.wait_for("Lab was not unlocked: the door's relay cannot be driven");
}

#[test]
fn a_door_of_the_demo_opens_and_nothing_stays_behind() {
    let folder = tempfile::tempdir_in("/tmp").unwrap();
    let terminal = Terminal::demo(folder.path());
    terminal.wait_for("Main entrance");
    terminal.wait_for("granted, in");
    terminal.press(&["Down", "Down", "Enter"]);
    terminal.wait_for("Main entrance (#");
    terminal.press(&["u", "y"]);
    terminal.wait_for("Main entrance was unlocked");
    terminal.wait_for("unlocked by uid");
    terminal.press(&["q"]);
    is_put_back(&terminal, 0);
    let left = || std::fs::read_dir(folder.path()).unwrap().count();
    let until = Instant::now() + Duration::from_secs(10);
    while left() > 0 {
        assert!(Instant::now() < until, "{} entries are left behind", left());
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn users_are_found_by_typing() {
    let daemon = furnished();
    for (first, last) in [("Anna", "Berg"), ("Bo", "Ek"), ("Zoë", "Dubois")] {
        daemon.done(&["users", "add", "--first", first, "--last", last]);
    }
    daemon.done(&["keys", "add", "Staff", "--door", "lab"]);
    daemon.done(&["keys", "grant", "staff", "zoë"]);
    let terminal = Terminal::attach(&daemon);
    terminal.wait_for("Lab");
    terminal.press(&["2"]);
    terminal.wait_for("Users 3 of 3");
    terminal.press(&["/", "z", "o", "ë"]);
    let picture = terminal.wait_until("Zoë's keys", |picture| picture.contains("Staff, always"));
    assert!(picture.contains("Users 1 of 3"), "{picture}");
    // Somebody adds a user meanwhile: the list follows the table.
    daemon.done(&["users", "add", "--first", "Zoltán", "--last", "Kis"]);
    terminal.wait_for("Users 1 of 4");
    terminal.press(&["BSpace"]);
    terminal.wait_for("Zoltán Kis");
}

#[test]
fn a_lost_daemon_is_found_again_with_what_happened_meanwhile() {
    let mut daemon = furnished();
    let terminal = Terminal::attach(&daemon);
    terminal.wait_for("Lab");
    daemon.stop();
    terminal.wait_for("NOT CONNECTED since");
    // The first reason may be a call cut off in its middle; the attempts that follow say this.
    terminal.wait_for("is the daemon running?");
    daemon.run();
    let picture = terminal.wait_for("● connected");
    assert!(picture.contains("stopped in order"), "{picture}");
    let served = |picture: &str| picture.matches("doors are served").count();
    terminal.wait_until("the second start", |picture| served(picture) == 2);
    terminal.press(&["q"]);
    is_put_back(&terminal, 0);
}

#[test]
fn the_console_starts_without_a_daemon_and_says_why_nothing_is_there() {
    let mut daemon = furnished();
    daemon.stop();
    let terminal = Terminal::attach(&daemon);
    terminal.wait_for("is the daemon running?");
    daemon.run();
    terminal.wait_for("Main entrance");
}

#[test]
fn signals_put_the_terminal_back() {
    let daemon = furnished();
    for signal in [Signal::SIGTERM, Signal::SIGHUP, Signal::SIGINT] {
        let terminal = Terminal::attach(&daemon);
        terminal.wait_for("Main entrance");
        kill(Pid::from_raw(terminal.console()), signal).unwrap();
        is_put_back(&terminal, 0);
    }
}

#[test]
fn a_terminal_that_goes_takes_the_console_along() {
    let daemon = furnished();
    let terminal = Terminal::attach(&daemon);
    terminal.wait_for("Main entrance");
    let console = terminal.console();
    terminal.hang_up();
    let until = Instant::now() + Duration::from_secs(5);
    while Path::new(&format!("/proc/{console}")).exists() {
        assert!(
            Instant::now() < until,
            "the console goes on without a terminal"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_terminal_without_colours_and_symbols_gets_none() {
    let daemon = furnished();
    let terminal = Terminal::attach_with(&daemon, "NO_COLOR=1 LC_ALL=C");
    let picture = terminal.wait_for("Main entrance");
    assert!(picture.is_ascii(), "{picture}");
    assert!(picture.contains("* connected"), "{picture}");
}
