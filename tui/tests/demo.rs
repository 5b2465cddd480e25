//! The demo as people start it: it serves, it counts, and nothing stays behind.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

const PATIENCE: Duration = Duration::from_secs(60);

fn demo(folder: &Path, seconds: u32) -> Child {
    Command::new(env!("CARGO_BIN_EXE_doorward"))
        .args(["demo", "--headless", "--seed", "7", "--speed", "120"])
        .args(["--for", &seconds.to_string()])
        .env("TMPDIR", folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).unwrap().next().is_none()
}

fn wait_until(what: &str, reached: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !reached() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The folder of the demo has the daemon's socket: it serves.
fn wait_until_it_serves(folder: &Path) {
    wait_until("the daemon does not serve", || {
        let demos = std::fs::read_dir(folder).unwrap();
        demos
            .flatten()
            .any(|demo| demo.path().join("api.sock").exists())
    });
}

#[test]
fn every_card_shown_is_decided_and_in_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path(), 12).wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let summary: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    let number = |field: &str| {
        summary[field]
            .as_u64()
            .unwrap_or_else(|| panic!("{field} in {summary}"))
    };
    assert!(number("taps") >= 8, "{summary}");
    assert_eq!(
        number("taps"),
        number("granted") + number("denied"),
        "{summary}"
    );
    let reasons = summary["denied_by_reason"].as_object().unwrap();
    let by_reason: u64 = reasons.values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(by_reason, number("denied"), "{summary}");
    assert!(number("events_durable") > number("taps"), "{summary}");
    assert!(summary["p50_ms"].as_f64().unwrap() > 0.0, "{summary}");
    assert!(
        summary["p99_ms"].as_f64() >= summary["p50_ms"].as_f64(),
        "{summary}"
    );
    assert!(is_empty(folder.path()), "the folder stays");
}

#[test]
fn a_demo_that_is_interrupted_or_killed_leaves_nothing_behind() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGKILL] {
        let folder = tempfile::tempdir().unwrap();
        let mut demo = demo(folder.path(), 600);
        wait_until_it_serves(folder.path());
        kill(Pid::from_raw(i32::try_from(demo.id()).unwrap()), signal).unwrap();
        assert!(!demo.wait().unwrap().success());
        wait_until(&format!("the folder stays after {signal}"), || {
            is_empty(folder.path())
        });
    }
}

#[test]
fn a_daemon_that_dies_ends_the_demo_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let demo = demo(folder.path(), 600);
    wait_until_it_serves(folder.path());
    let children = format!("/proc/{0}/task/{0}/children", demo.id());
    let child: i32 = std::fs::read_to_string(children)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    kill(Pid::from_raw(child), Signal::SIGKILL).unwrap();
    let output = demo.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("the daemon ended"), "{errors}");
    assert!(is_empty(folder.path()), "the folder stays");
}

#[test]
fn wrong_options_are_refused_with_what_is_allowed() {
    for (arguments, expect) in [
        (["--speed", "0"], "0.1 to 10000"),
        (["--speed", "fast"], "0.1 to 10000"),
        (["--for", "30"], "--headless"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_doorward"))
            .arg("demo")
            .args(arguments)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(64), "{errors}");
        assert!(errors.contains(expect), "{errors}");
    }
}
