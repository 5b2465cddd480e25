//! Exports of both logs, checked by a verifier that shares no code with the product.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use doorward_core::event::{Event, EventKind};
use doorward_core::ids::UserId;
use doorward_core::time::ClockTrust;
use doorwardd::store::{Store, StoreOptions};
use serde_json::Value;

use crate::daemon::Daemon;

const VERIFIER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/verify_log.py");

/// Flips the lowest bit of every byte of a proof, one after the other; takes away each line, and
/// doubles it; cuts the file anywhere. All in one process, with the verifier as it is.
const TAMPER: &str = "
import sys
sys.path.insert(0, sys.argv[1])
from verify_log import Altered, verify
whole = open(sys.argv[2], 'rb').read()
def holds(data):
    try:
        text = data.decode('utf-8')
        lines = text.split('\\n')
        lines = [line + '\\n' for line in lines[:-1]] + [line for line in lines[-1:] if line]
        return len(list(verify(lines))) > 0
    except (Altered, UnicodeDecodeError):
        return False
assert holds(whole)
tried = 0
for at in range(len(whole)):
    for flip in (1, 0x20):
        data = bytearray(whole)
        data[at] ^= flip
        assert not holds(bytes(data)), f'byte {at} was flipped by {flip} and nobody saw it'
        tried += 1
    if at % 7 == 0:
        assert not holds(whole[:at]), f'the file was cut at {at} and nobody saw it'
lines = whole.splitlines(keepends=True)
for at in range(len(lines)):
    assert not holds(b''.join(lines[:at] + lines[at + 1:])), f'line {at} is gone and nobody saw it'
    assert not holds(b''.join(lines[:at] + lines[at:at + 1] + lines[at:])), f'line {at} comes twice'
print(tried)
";

fn python() -> Command {
    Command::new(std::env::var("DOORWARD_TEST_PYTHON").unwrap_or_else(|_| "python3".to_owned()))
}

fn verify(proof: &str, arguments: &[&str]) -> Output {
    let mut child = python()
        .arg(VERIFIER)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(proof.as_bytes())
        .unwrap();
    child.wait_with_output().unwrap()
}

/// The rows of a proof, as the verifier reads them.
fn rows(proof: &str) -> Vec<Value> {
    let output = verify(proof, &["--print"]);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{stderr}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// A daemon whose log has passages of users 1 and 2, who are in the table.
fn site() -> Daemon {
    let mut daemon = Daemon::start();
    daemon.stop();
    let folder = daemon.socket().parent().unwrap().join("data");
    let (store, thread) = Store::open(&folder, StoreOptions::default()).unwrap();
    let (events, mut acks) = store.event_sink();
    for at in 0..12 {
        let wall = store.newest_event_wall().unwrap().unwrap();
        let mut event = Event::new(EventKind::Granted, wall, ClockTrust::Trusted, 0);
        event.user = Some(UserId(1 + at % 2));
        event.reader = Some("front-in".into());
        events.append(u64::from(at), event);
        acks.blocking_recv().unwrap().result.unwrap();
    }
    drop((events, acks));
    store.stop();
    thread.join();
    daemon.run();
    for name in ["Ann", "Ben"] {
        daemon.done(&["users", "add", "--first", name, "--last", "Berg"]);
    }
    daemon.done(&[
        "credentials",
        "add",
        "--user",
        "Ann Berg",
        "--card",
        "H10301 12-345",
    ]);
    daemon
}

fn export(daemon: &Daemon, log: &str) -> String {
    daemon.done(&["log", "export", log, "--proof"])
}

fn status(daemon: &Daemon) -> Value {
    serde_json::from_str(&daemon.done(&["status", "--json"])).unwrap()
}

fn erase(daemon: &Daemon, user: &str) {
    daemon.done(&["users", "erase", user, "--yes"]);
    let until = Instant::now() + Duration::from_secs(30);
    while status(daemon)["logs"]["erasing"] != 0 {
        assert!(Instant::now() < until, "{user} is not erased in 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The folder of the daemon, with a file in it.
fn written(daemon: &Daemon, name: &str, text: &str) -> PathBuf {
    let path = daemon.socket().with_file_name(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn an_export_proves_itself_to_a_stranger_and_after_somebody_was_erased() {
    let daemon = site();
    let before = [export(&daemon, "events"), export(&daemon, "audit")];
    let passages = |rows: &[Value], user: u64| {
        let of = |row: &&Value| row["personal"]["user"] == user;
        rows.iter().filter(of).count()
    };
    let events = rows(&before[0]);
    assert_eq!((passages(&events, 1), passages(&events, 2)), (6, 6));
    let audit = rows(&before[1]);
    assert_eq!(audit.len(), 3);
    assert!(before[1].contains(&hex("Ann")), "the admin log knows her");

    erase(&daemon, "Ann Berg");
    let after = [export(&daemon, "events"), export(&daemon, "audit")];
    let events_after = rows(&after[0]);
    assert_eq!(
        (passages(&events_after, 1), passages(&events_after, 2)),
        (0, 6)
    );
    assert_eq!(events_after.len(), events.len());
    rows(&after[1]);
    assert!(!after[1].contains(&hex("Ann")), "the admin log forgot her");
    assert!(after[1].contains(&hex("Ben")));
    // What was exported before says the same of every row, but for who it was.
    for (before, after) in before.iter().zip(&after) {
        for (before, after) in before.lines().zip(after.lines()).skip(1) {
            let hash = |line: &str| {
                let row: Value = serde_json::from_str(line).unwrap();
                row["hash"].clone()
            };
            if hash(before).is_string() {
                assert_eq!(hash(before), hash(after));
            }
        }
    }
    let gone = daemon.refused(&["users", "show", "Ann Berg"], 65);
    assert!(gone.contains("Ann Berg"), "{gone}");
}

#[test]
fn no_byte_of_an_export_can_be_altered_unseen() {
    let daemon = site();
    erase(&daemon, "Ben Berg");
    for log in ["events", "audit"] {
        let proof = written(&daemon, &format!("{log}.proof"), &export(&daemon, log));
        let output = python()
            .args(["-c", TAMPER])
            .arg(Path::new(VERIFIER).parent().unwrap())
            .arg(&proof)
            .output()
            .unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{log}: {stderr}");
        let tried: usize = String::from_utf8(output.stdout)
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        assert!(tried > 2_000, "{log}: {tried} bytes");
    }
}

#[test]
fn an_export_is_held_against_a_head_that_was_noted() {
    let daemon = site();
    let head = status(&daemon)["logs"]["events"].clone();
    let noted = format!("{}:{}", head["seq"], head["hash"].as_str().unwrap());
    daemon.done(&["users", "add", "--first", "Eve", "--last", "Berg"]);
    let whole = export(&daemon, "events");
    assert!(verify(&whole, &["--head", &noted]).status.success());
    // A log written anew from the beginning holds in itself, and not against the head.
    let forged = site();
    let other = export(&forged, "events");
    assert!(verify(&other, &[]).status.success());
    let refused = verify(&other, &["--head", &noted]);
    let stderr = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("noted"), "{stderr}");
    let part = daemon.done(&[
        "log", "export", "events", "--proof", "--after", "3", "--until", "9",
    ]);
    assert_eq!(rows(&part).len(), 6);
}

#[test]
fn whoever_is_being_erased_when_the_power_goes_is_erased_after_it() {
    let mut daemon = site();
    daemon.done(&["users", "erase", "Ann Berg", "--yes"]);
    daemon.stop();
    daemon.run();
    let until = Instant::now() + Duration::from_secs(30);
    while status(&daemon)["logs"]["erasing"] != 0 {
        assert!(Instant::now() < until);
        std::thread::sleep(Duration::from_millis(20));
    }
    let events = rows(&export(&daemon, "events"));
    assert!(events.iter().all(|row| row["personal"]["user"] != 1));
    let csv = daemon.done(&["log", "export", "events", "--format", "csv"]);
    assert_eq!(csv.lines().count(), events.len() + 1);
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
