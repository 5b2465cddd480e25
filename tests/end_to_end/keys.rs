//! Readers come by keys of their own, and keep them through every cut.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use doorward_api::{ClientError, ProblemKind, ReaderKey, ReaderStatus};
use doorward_core::alarm::AlarmKind;
use doorward_core::event::EventKind;
use doorward_core::ids::DoorId;
use doorward_tests::daemon::Daemon;
use doorward_tests::osdp_peer::orders::{KeyText, ReaderSaw, ReaderSpec};
use doorward_tests::peer::program;

use crate::house::{House, NEVER, Plan, SOON};
use crate::table::{card, furnish};

/// A house whose only reader is new, and has no key in `site.toml`.
fn house_with_a_new_reader() -> House {
    let mut house = House::build(Plan {
        powered: false,
        ..Plan::default()
    });
    let path = house.dir.path().join("site.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().filter(|line| !line.starts_with("key_file"));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    std::fs::write(&path, text).unwrap();
    house.specs[0].key = None;
    house.specs[0].install_mode = true;
    house.readers.add(house.specs[0].clone()).unwrap();
    house
}

fn install(house: &House) {
    let opened = house
        .daemon()
        .call(async |client| client.open_install("reader-0", 1).await);
    opened.unwrap();
}

fn rotate(house: &House) -> Result<(), ClientError> {
    house
        .daemon()
        .call(async |client| client.rotate_key("reader-0").await)
}

fn refusal(result: Result<(), ClientError>) -> (ProblemKind, String) {
    match result {
        Err(ClientError::Problem(problem)) => (problem.kind, problem.detail),
        other => panic!("not refused: {other:?}"),
    }
}

fn reader(house: &House) -> ReaderStatus {
    house.status().readers[0].clone()
}

fn wait_secure(house: &House) {
    house.wait_status("the reader in Secure Channel", |status| {
        status.readers[0].secure
    });
}

/// Waits until the reader is given a key, and returns it.
fn key_given(house: &mut House) -> KeyText {
    let given = house
        .readers
        .wait_for("a key", SOON, |report| match &report.saw {
            ReaderSaw::KeySet { key } => Some(key.clone()),
            _ => None,
        });
    given.unwrap()
}

fn assert_no_key_given(house: &mut House) {
    let given = house
        .readers
        .wait_for("a key", NEVER, |report| match &report.saw {
            ReaderSaw::KeySet { .. } => Some(()),
            _ => None,
        });
    assert!(given.is_err(), "the reader was given a key");
}

/// The reader's power fails, and it comes back with this key, or without one.
fn restart_reader(house: &mut House, key: Option<KeyText>) {
    house.readers.remove("reader-0").unwrap();
    house.readers.forget();
    let spec = ReaderSpec {
        install_mode: key.is_none(),
        key,
        ..house.specs[0].clone()
    };
    house.readers.add(spec).unwrap();
}

fn key_file(house: &House) -> String {
    let path = house.dir.path().join("data/keys/reader-0.key");
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_new_reader_is_given_its_key_in_its_window_and_never_again_by_itself() {
    let mut house = house_with_a_new_reader();
    house.start_daemon();
    furnish(&house);
    house.wait_alarm(AlarmKind::ReaderSecureChannel);
    assert_eq!(reader(&house).key, ReaderKey::Missing);
    assert_no_key_given(&mut house);

    install(&house);
    let opened = house.next_of(EventKind::InstallOpened);
    assert!(opened.event.actor.is_some(), "{opened:?}");
    assert_eq!(opened.event.reader.as_deref(), Some("reader-0"));
    let given = key_given(&mut house);
    wait_secure(&house);
    house.next_of(EventKind::ReaderKeyChanged);
    house.wait_no_alarm(AlarmKind::ReaderSecureChannel);
    assert_eq!(reader(&house).key, ReaderKey::Set);
    assert!(key_file(&house).contains(&format!("current = {}\n", given.0)));
    assert!(!key_file(&house).contains("candidate"));
    house.tap(1, card(1));
    house.assert_granted(1);

    // The window has served, and there is none for a reader that has its key.
    let (kind, detail) = refusal(
        house
            .daemon()
            .call(async |client| client.open_install("reader-0", 1).await)
            .map(drop),
    );
    assert_eq!(kind, ProblemKind::Conflict);
    assert!(detail.contains("has its own key already"), "{detail}");

    // Somebody puts the reader, or another one, into install mode.
    restart_reader(&mut house, None);
    house.wait_alarm(AlarmKind::ReaderSecureChannel);
    house.wait_status("the lost key", |status| {
        status.readers[0].key == ReaderKey::Lost
    });
    assert_no_key_given(&mut house);
    house.readers.show_card("reader-0", card(1)).unwrap();
    house.assert_no_coil();

    // A person looks at it, and gives it a key again.
    install(&house);
    let again = key_given(&mut house);
    assert_ne!(again, given);
    wait_secure(&house);
    house.wait_no_alarm(AlarmKind::ReaderSecureChannel);
}

#[test]
fn a_window_does_not_outlive_the_daemon_and_can_be_closed() {
    let mut house = house_with_a_new_reader();
    house.readers.remove("reader-0").unwrap();
    house.start_daemon();
    install(&house);
    assert_eq!(reader(&house).key, ReaderKey::Installing);
    house.take_daemon().kill().unwrap();
    house.start_daemon();
    house.readers.add(house.specs[0].clone()).unwrap();
    house.wait_alarm(AlarmKind::ReaderSecureChannel);
    assert_no_key_given(&mut house);

    house.readers.remove("reader-0").unwrap();
    install(&house);
    let close = async |client: &doorward_api::Client| client.close_install("reader-0").await;
    house.daemon().call(close).unwrap();
    house.next_of(EventKind::InstallClosed);
    house.readers.add(house.specs[0].clone()).unwrap();
    assert_no_key_given(&mut house);
    let (kind, _) = refusal(house.daemon().call(close));
    assert_eq!(kind, ProblemKind::Conflict);
}

#[test]
fn a_key_is_rotated_and_outlives_a_restart() {
    let mut house = House::start(Plan::default());
    furnish(&house);
    rotate(&house).unwrap();
    let given = key_given(&mut house);
    let changed = house.next_of(EventKind::ReaderKeyChanged);
    assert!(changed.event.actor.is_some());
    assert_eq!(changed.event.door, Some(DoorId(1)));
    wait_secure(&house);
    house.take_daemon().stop(SOON).unwrap();
    house.start_daemon();
    wait_secure(&house);
    rotate(&house).unwrap();
    assert_ne!(key_given(&mut house), given);
    wait_secure(&house);
    house.tap(1, card(1));
    house.assert_granted(1);
    house.readers.remove("reader-0").unwrap();
    house.wait_status("the reader to be missed", |status| {
        !status.readers[0].online
    });
    let (kind, _) = refusal(rotate(&house));
    assert_eq!(kind, ProblemKind::Conflict);
    let unknown = house
        .daemon()
        .call(async |client| client.rotate_key("no/such reader").await);
    assert_eq!(refusal(unknown).0, ProblemKind::NotFound);
}

/// The daemon is killed at the moment the reader has its new key, or just before, and the reader
/// comes back with the one or the other: it is spoken to again.
#[test]
fn a_cut_in_the_middle_leaves_a_reader_that_can_be_spoken_to() {
    for has_stored in [true, false] {
        let mut house = House::start(Plan::default());
        let old = house.specs[0].key.clone();
        // Whatever it answers to whoever is killed while asking does not matter.
        let mut command = program("doorward").unwrap();
        let mut asking = command
            .arg("--socket")
            .arg(house.dir.path().join("api.sock"))
            .args(["readers", "rotate-key", "reader-0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let new = key_given(&mut house);
        house.take_daemon().kill().unwrap();
        asking.wait().unwrap();
        // On a busy machine the kill may come only after the reader has shown its new key.
        let is_proved = !key_file(&house).contains("candidate");
        let has = if has_stored || is_proved {
            Some(new)
        } else {
            old
        };
        restart_reader(&mut house, has);
        house.start_daemon();
        wait_secure(&house);
        rotate(&house).unwrap();
        wait_secure(&house);
    }
}

/// The first key comes from a credential of systemd's, and the next ones are sealed by another one.
#[test]
fn keys_come_from_credentials_and_are_sealed_by_one() {
    let mut house = House::build(Plan::default());
    let credentials = house.dir.path().join("credentials");
    std::fs::create_dir(&credentials).unwrap();
    let key = house.specs[0].key.clone().unwrap();
    std::fs::write(credentials.join("front"), &key.0).unwrap();
    std::fs::write(credentials.join("doorward.reader-keys"), [0x5A; 32]).unwrap();
    let path = house.dir.path().join("site.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    let lines = text.lines().map(|line| match line.starts_with("key_file") {
        true => "key_credential = \"front\"\n".to_owned(),
        false => format!("{line}\n"),
    });
    std::fs::write(&path, lines.collect::<String>()).unwrap();
    let start = |house: &mut House| {
        let set = [("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())];
        let mut daemon = Daemon::spawn(house.dir.path(), &set).unwrap();
        daemon.wait_notice("READY=1", SOON).unwrap();
        house.daemon = Some(daemon);
    };
    start(&mut house);
    wait_secure(&house);
    rotate(&house).unwrap();
    let given = key_given(&mut house);
    let file = std::fs::read(house.dir.path().join("data/keys/reader-0.key")).unwrap();
    assert!(file.starts_with(b"doorward sealed"));
    let text = given.0.as_bytes();
    assert!(!file.windows(text.len()).any(|part| part == text));
    house.take_daemon().stop(SOON).unwrap();
    start(&mut house);
    wait_secure(&house);
    // Without the credential that seals, nothing is guessed and nothing is lost.
    house.take_daemon().stop(SOON).unwrap();
    let ended = Daemon::run_to_end(house.dir.path()).unwrap();
    assert_eq!(ended.status.code(), Some(78));
    assert!(ended.log.contains("is sealed"), "{}", ended.log);
    start(&mut house);
    wait_secure(&house);
}

#[test]
fn the_command_line_waits_for_what_becomes_of_a_window() {
    let house = house_with_a_new_reader();
    let mut house = house;
    house.start_daemon();
    let run = |house: &House, args: &[&str]| {
        let output = program("doorward")
            .unwrap()
            .arg("--socket")
            .arg(house.dir.path().join("api.sock"))
            .args(args)
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    let (code, text) = run(&house, &["readers", "install", "reader-0"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("has a key of its own"), "{text}");
    let (code, text) = run(&house, &["readers"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("reader-0"), "{text}");
    assert!(text.contains("its own"), "{text}");
    let (code, text) = run(&house, &["readers", "rotate-key", "--all"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("has a new key"), "{text}");
    let (code, text) = run(&house, &["readers", "rotate-key", "nobody"]);
    assert_eq!(code, Some(65), "{text}");
}
