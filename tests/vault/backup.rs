//! A backup is made while the daemon goes on, and becomes an appliance elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use doorward_tests::peer::program;
use serde_json::Value;

use crate::daemon::Daemon;

const PASSPHRASE: &str = "correct horse battery";

fn folder_of(daemon: &Daemon) -> PathBuf {
    daemon.socket().parent().unwrap().to_owned()
}

/// A daemon with a table, and a folder for backups.
fn site() -> Daemon {
    let daemon = Daemon::start();
    daemon.furnish();
    for at in 0..30 {
        daemon.done(&[
            "users",
            "add",
            "--first",
            "Ann",
            "--last",
            &format!("No {at}"),
        ]);
    }
    daemon.done(&[
        "credentials",
        "add",
        "--user",
        "Ann No 3",
        "--card",
        "H10301 12-345",
    ]);
    fs::create_dir(folder_of(&daemon).join("disk")).unwrap();
    fs::write(folder_of(&daemon).join("pass"), format!("{PASSPHRASE}\n")).unwrap();
    daemon
}

fn back_up(daemon: &Daemon) -> Value {
    let folder = folder_of(daemon);
    let (disk, pass) = (folder.join("disk"), folder.join("pass"));
    let (disk, pass) = (disk.to_str().unwrap(), pass.to_str().unwrap());
    let arguments = [
        "--json",
        "backup",
        "--folder",
        disk,
        "--passphrase-file",
        pass,
    ];
    let job: Value = serde_json::from_str(&daemon.done(&arguments)).unwrap();
    assert_eq!(job["state"], "done", "{job}");
    job["backup"].clone()
}

fn doorwardd(arguments: &[&str], config: &Path) -> Output {
    let mut command: Command = program("doorwardd").unwrap();
    command
        .arg("--config")
        .arg(config)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn restore(backup: &Path, pass: &Path, config: &Path) -> Output {
    let (backup, pass) = (backup.to_str().unwrap(), pass.to_str().unwrap());
    doorwardd(
        &["restore", backup, "--passphrase-file", pass, "--json"],
        config,
    )
}

fn json(output: &Output) -> Value {
    assert!(output.status.success(), "{}", said(output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_dead_appliance_is_replaced_from_its_backup() {
    let mut daemon = site();
    let made = back_up(&daemon);
    let backup = PathBuf::from(made["path"].as_str().unwrap());
    let users = daemon.done(&["users", "--json"]);
    let log = daemon.done(&[
        "log",
        "export",
        "events",
        "--proof",
        "--until",
        &made["events"].to_string(),
    ]);
    // What comes after it is not in it.
    daemon.done(&["users", "add", "--first", "Late", "--last", "Comer"]);
    daemon.stop();

    // The new appliance has nothing; its configuration will lie in another place than the old one's.
    let folder = folder_of(&daemon);
    let data = folder.join("data");
    fs::rename(&data, folder.join("dead")).unwrap();
    let config = folder.join("site.toml");
    let wiring = fs::read_to_string(&config).unwrap();
    fs::remove_file(&config).unwrap();
    let done = json(&restore(&backup, &folder.join("pass"), &config));
    assert_eq!(done["table_hash"], made["table_hash"]);
    assert_eq!(done["events"]["seq"], made["events"]);
    assert_eq!(done["aside"], serde_json::json!([]));
    assert_eq!(fs::read_to_string(&config).unwrap(), wiring);

    daemon.run();
    assert_eq!(daemon.done(&["users", "--json"]), users);
    let again = daemon.done(&[
        "log",
        "export",
        "events",
        "--proof",
        "--until",
        &made["events"].to_string(),
    ]);
    assert_eq!(again, log);
    let verified: Value = serde_json::from_str(&daemon.done(&["--json", "verify"])).unwrap();
    assert_eq!(verified["state"], "done", "{verified}");
}

#[test]
fn a_restore_moves_aside_what_is_there_and_never_works_under_a_daemon() {
    let mut daemon = site();
    let made = back_up(&daemon);
    let backup = PathBuf::from(made["path"].as_str().unwrap());
    let folder = folder_of(&daemon);
    let (pass, config) = (folder.join("pass"), folder.join("site.toml"));
    let refused = restore(&backup, &pass, &config);
    assert_eq!(refused.status.code(), Some(75), "{}", said(&refused));
    assert!(said(&refused).contains("in use"), "{}", said(&refused));

    daemon.done(&["users", "add", "--first", "Late", "--last", "Comer"]);
    daemon.stop();
    let done = json(&restore(&backup, &pass, &config));
    let aside = PathBuf::from(done["aside"][0].as_str().unwrap());
    assert!(aside.join("db").exists());
    daemon.run();
    assert!(!daemon.done(&["users"]).contains("Late"));
    daemon.stop();
    // The one before is whole, and can be put back.
    fs::remove_dir_all(folder.join("data")).unwrap();
    fs::rename(aside, folder.join("data")).unwrap();
    daemon.run();
    assert!(daemon.done(&["users"]).contains("Late"));
}

#[test]
fn what_is_wrong_with_a_backup_is_said_and_nothing_is_touched() {
    let mut daemon = site();
    let made = back_up(&daemon);
    let backup = PathBuf::from(made["path"].as_str().unwrap());
    daemon.stop();
    let folder = folder_of(&daemon);
    let (pass, config) = (folder.join("pass"), folder.join("site.toml"));
    let listing = || {
        let mut names: Vec<_> = fs::read_dir(&folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        (names, fs::read(folder.join("data/db")).unwrap())
    };
    let bad = folder.join("bad.age");
    fs::write(&bad, "").unwrap();
    let before = listing();
    let check = |expect: &str, code: i32, bytes: &[u8], pass: &Path| {
        fs::write(&bad, bytes).unwrap();
        let output = restore(&bad, pass, &config);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{expect}: {said}");
        assert!(said.contains(expect), "expected `{expect}`: {said}");
        assert!(listing() == before, "{expect}: something was touched");
    };
    let whole = fs::read(&backup).unwrap();
    let wrong = folder.join("disk/wrong");
    fs::write(&wrong, "another passphrase\n").unwrap();
    check("not the passphrase", 77, &whole, &wrong);
    check("not a backup", 65, b"something else", &pass);
    for length in [whole.len() - 1, whole.len() / 2, 400] {
        check("not whole", 65, &whole[..length], &pass);
    }
    for at in [whole.len() / 3, whole.len() / 2, whole.len() - 1] {
        let mut flipped = whole.clone();
        flipped[at] ^= 1;
        check("not whole", 65, &flipped, &pass);
    }
    let missing = restore(Path::new("/does/not/exist"), &pass, &config);
    assert_eq!(missing.status.code(), Some(74), "{}", said(&missing));
}

#[test]
fn a_backup_that_cannot_be_made_leaves_nothing_behind() {
    let daemon = site();
    let folder = folder_of(&daemon);
    let disk = folder.join("disk");
    let refused = |arguments: &[&str], code: i32, expect: &str| {
        let said = daemon.refused(arguments, code);
        assert!(said.contains(expect), "{said}");
        assert_eq!(fs::read_dir(&disk).unwrap().count(), 0, "{expect}");
    };
    let pass = folder.join("pass");
    let pass = pass.to_str().unwrap();
    refused(
        &[
            "backup",
            "--folder",
            "/does/not/exist",
            "--passphrase-file",
            pass,
        ],
        65,
        "/does/not/exist",
    );
    refused(
        &["backup", "--folder", "disk", "--passphrase-file", pass],
        65,
        "path from the root",
    );
    refused(&["backup", "--passphrase-file", pass], 65, "no folder");
    let short = folder.join("short");
    fs::write(&short, "short\n").unwrap();
    let (disk_text, short) = (disk.to_str().unwrap(), short.to_str().unwrap());
    refused(
        &["backup", "--folder", disk_text, "--passphrase-file", short],
        65,
        "at least 12",
    );
    refused(
        &["backup", "--folder", disk_text, "--recipient", "age1nobody"],
        65,
        "not a recipient",
    );
}

#[test]
fn a_store_is_checked_off_line_with_an_exit_code_and_json() {
    let mut daemon = site();
    let config = folder_of(&daemon).join("site.toml");
    let busy = doorwardd(&["verify"], &config);
    assert_eq!(busy.status.code(), Some(75), "{}", said(&busy));
    let online = daemon.done(&["verify"]);
    assert!(
        online.contains("events") && !online.contains("WRONG"),
        "{online}"
    );
    daemon.stop();
    let found = json(&doorwardd(&["verify", "--json"], &config));
    assert_eq!(found["whole"], true, "{found}");
    assert_eq!(found["checks"].as_array().unwrap().len(), 9);

    let data = folder_of(&daemon).join("data");
    let options = doorwardd::store::StoreOptions::default();
    let (store, thread) = doorwardd::store::Store::open(&data, options).unwrap();
    store.advance_cursor("uplink", 1_000_000);
    store.stop();
    thread.join();
    let output = doorwardd(&["verify", "--json"], &config);
    assert_eq!(output.status.code(), Some(65), "{}", said(&output));
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["whole"], false);
    let text = doorwardd(&["verify"], &config);
    let text = String::from_utf8(text.stdout).unwrap();
    assert!(text.contains("`uplink` is at event 1000000"), "{text}");
}
