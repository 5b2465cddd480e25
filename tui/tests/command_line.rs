//! The real binary: exit codes, messages, and what it does when nobody reads its output.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Read;
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};

fn doorward(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_doorward"));
    command.args(arguments).env_remove("DOORWARD_SOCKET");
    command
}

fn run(arguments: &[&str]) -> Output {
    doorward(arguments).output().unwrap()
}

/// Runs, and expects an exit code and a part of what is said on stderr.
fn check(arguments: &[&str], code: i32, said: &str) {
    let output = run(arguments);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
    assert!(stderr.contains(said), "{arguments:?}: {stderr}");
}

#[test]
fn a_wrong_command_line_is_64_and_says_what_is_near() {
    check(&["unlok", "main"], 64, "'unlock'");
    check(&["status", "--jsn"], 64, "'--json'");
    check(&["unlock"], 64, "<DOOR>");
    check(&["users", "add"], 64, "`--first`");
    check(&["users", "edit", "anna"], 64, "nothing to change");
    check(
        &["users", "add", "--first", "A", "--state", "actve"],
        64,
        "'active'",
    );
    check(
        &["credentials", "add", "--card", "H10301 x"],
        64,
        "card number `x`",
    );
    check(&["credentials", "add"], 64, "--card");
    check(
        &["credentials", "add", "--card", "A 1", "--bits", "01"],
        64,
        "--bits",
    );
    check(
        &["credentials", "add", "--bits", "012"],
        64,
        "`2` at position 2",
    );
    check(
        &[
            "schedules",
            "add",
            "Office",
            "--time-zone",
            "UTC",
            "--weekly",
            "mon 7-18",
        ],
        64,
        "`7` is not a time of day",
    );
    check(
        &[
            "keys",
            "grant",
            "Staff",
            "anna",
            "--from",
            "2026-01-02",
            "--until",
            "2026-01-01",
        ],
        64,
        "`--until` must be later",
    );
    check(
        &["keys", "block", "Staff", "--reason", "x", "--until", "soon"],
        64,
        "`soon` is not a time",
    );
}

#[test]
fn the_console_needs_a_terminal() {
    check(&[], 64, "needs a terminal");
}

#[test]
fn no_daemon_is_69_and_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("api.sock");
    let socket = socket.to_str().unwrap();
    check(
        &["--socket", socket, "status"],
        69,
        "is the daemon running?",
    );
    drop(UnixListener::bind(socket).unwrap());
    check(&["status", "--socket", socket], 69, "nobody listens");
    let output = doorward(&["status"])
        .env("DOORWARD_SOCKET", socket)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(69));
    assert!(String::from_utf8_lossy(&output.stderr).contains(socket));
}

#[test]
fn a_daemon_that_speaks_something_else_is_76() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("api.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).unwrap();
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]";
        std::io::Write::write_all(&mut stream, answer.as_bytes()).unwrap();
    });
    check(
        &["--socket", socket.to_str().unwrap(), "status"],
        76,
        "cannot be read",
    );
    server.join().unwrap();
}

#[test]
fn a_reader_of_the_output_that_goes_is_no_failure() {
    let mut child = doorward(&["completions", "bash"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn help_and_version_go_to_stdout() {
    for arguments in [&["--help"][..], &["users", "add", "--help"], &["--version"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}");
        assert!(
            !output.stdout.is_empty() && output.stderr.is_empty(),
            "{arguments:?}"
        );
    }
    let help = String::from_utf8(run(&["--help"]).stdout).unwrap();
    for word in [
        "Exit codes:",
        "Examples:",
        "DOORWARD_SOCKET",
        "/run/doorward/api.sock",
    ] {
        assert!(help.contains(word), "{word}");
    }
}

#[test]
fn man_pages_are_written_for_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    assert_eq!(run(&["man", "--dir", dir]).status.code(), Some(0));
    let pages = std::fs::read_dir(dir).unwrap().count();
    assert!(pages > 30, "{pages} pages");
    check(&["man", "--dir", "/nowhere"], 74, "`/nowhere/doorward");
}
