//! Storage that fails, is late, or is damaged, under the real daemon: doors keep working.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use doorward_api::{Changes, EventsQuery, StorageState};
use doorward_core::alarm::AlarmKind;
use doorward_core::event::EventKind;
use doorward_core::ids::UserId;
use doorward_core::model::{Change, Record, User};
use doorward_tests::daemon::Daemon;
use doorward_tests::kill::House;
use doorward_tests::modbus_board::BoardReport;
use doorward_tests::power_cut::unavailable;

const SOON: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(10);

/// strace at work on the daemon, making its calls to files fail or wait.
struct Sickness(Child);

impl Sickness {
    /// `what` as strace(1) says it behind `inject=`.
    fn begin(daemon: &Daemon, house: &House, what: &str) -> Self {
        let database = house.folder().join("data/db");
        let mut child = Command::new("strace")
            .args(["-f", "-qq", "-o", "/dev/null", "-P"])
            .arg(database)
            .args(["-e", &format!("inject={what}"), "-p"])
            .arg(daemon.pid().to_string())
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Every thread is held by it.
        let until = Instant::now() + SOON;
        while !traced(daemon.pid()) {
            assert!(child.try_wait().unwrap().is_none(), "strace has ended");
            assert!(Instant::now() < until, "strace does not attach");
            std::thread::sleep(LOOK);
        }
        Self(child)
    }
}

impl Drop for Sickness {
    fn drop(&mut self) {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.0.id()).unwrap());
        // Killed outright, it would take the daemon's threads with it.
        let _ = nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGINT);
        let _ = self.0.wait();
    }
}

fn traced(pid: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let mut statuses = tasks
        .flatten()
        .map(|task| std::fs::read_to_string(task.path().join("status")).unwrap_or_default());
    statuses.all(|status| !status.contains("TracerPid:\t0\n"))
}

struct Served {
    house: House,
    daemon: Daemon,
}

impl Served {
    fn start() -> Self {
        let house = House::lay().unwrap();
        let daemon = Daemon::start(house.folder()).unwrap();
        House::wait_wired(&daemon).unwrap();
        Self { house, daemon }
    }

    /// Shows a card, and waits for the door.
    fn pass(&mut self, holder: u32) {
        let shown = self.house.tap(0, holder).unwrap();
        assert!(shown.is_some(), "no panel is there");
        let on = |wanted: bool| {
            move |report: &BoardReport| match *report {
                BoardReport::Level {
                    output: 1, on, ns, ..
                } if on == wanted => Some(ns),
                _ => None,
            }
        };
        let opened = self
            .house
            .board
            .wait_for("the lock to open", SOON, on(true));
        opened.unwrap();
        let closed = self
            .house
            .board
            .wait_for("the lock to close", SOON, on(false));
        closed.unwrap();
    }

    fn wait_alarm(&self, wanted: bool) {
        let until = Instant::now() + SOON;
        loop {
            let status = self
                .daemon
                .call(async |client| client.status().await)
                .unwrap();
            let mut alarms = status.alarms.iter();
            let told = alarms.any(|alarm| alarm.kind == AlarmKind::StorageFailing);
            if told == wanted {
                return;
            }
            assert!(Instant::now() < until, "{status:?}");
            std::thread::sleep(LOOK);
        }
    }

    /// Who was granted passage, in the order of the log.
    fn granted(&self) -> Vec<u32> {
        let query = EventsQuery {
            after: Some(0),
            kind: Some(EventKind::Granted),
            limit: Some(1000),
            ..EventsQuery::default()
        };
        let page = self.daemon.call(async |client| client.events(&query).await);
        let rows = page.unwrap().events.into_iter();
        rows.map(|row| row.event.user.unwrap().0).collect()
    }

    fn wait_granted(&self, expected: &[u32]) {
        let until = Instant::now() + SOON;
        while self.granted() != expected {
            assert!(Instant::now() < until, "{:?}", self.granted());
            std::thread::sleep(LOOK);
        }
    }

    fn change(&self) -> Result<(), doorward_api::ClientError> {
        let changes = Changes {
            changes: vec![Change::Put(Record::User(User {
                id: UserId(900),
                first_name: "New".to_owned(),
                ..User::default()
            }))],
        };
        let applied = self
            .daemon
            .call(async |client| client.apply(&changes, None).await);
        applied.map(drop)
    }
}

#[allow(
    clippy::print_stdout,
    reason = "why a test was skipped is for a person to read"
)]
fn can_trace() -> bool {
    if let Some(why) = unavailable() {
        println!("skipped: {why}");
        return false;
    }
    true
}

#[test]
fn doors_open_while_the_disk_gives_errors_and_nothing_is_lost() {
    doors_open_through("fsync,fdatasync:error=EIO");
}

#[test]
fn doors_open_while_the_disk_can_only_be_read_and_nothing_is_lost() {
    doors_open_through("pwrite64,fsync,fdatasync,ftruncate:error=EROFS");
}

fn doors_open_through(sickness: &str) {
    if !can_trace() {
        return;
    }
    let mut site = Served::start();
    site.pass(1);
    let sickness = Sickness::begin(&site.daemon, &site.house, sickness);
    site.pass(2);
    site.wait_alarm(true);
    site.pass(3);
    let status = site
        .daemon
        .call(async |client| client.status().await)
        .unwrap();
    assert_eq!(status.storage.state, StorageState::Failing);
    assert!(status.storage.problem.is_some_and(|what| !what.is_empty()));
    let refused = site.change().unwrap_err();
    assert_eq!(
        refused.problem().map(|said| said.status),
        Some(503),
        "{refused}"
    );
    drop(sickness);
    site.wait_alarm(false);
    site.pass(4);
    site.wait_granted(&[1, 2, 3, 4]);
    site.change().unwrap();
    // What waited in memory is on the disk now.
    site.daemon.kill().unwrap();
    site.daemon = Daemon::start(site.house.folder()).unwrap();
    site.wait_granted(&[1, 2, 3, 4]);
}

#[test]
fn doors_open_while_the_disk_is_slow() {
    if !can_trace() {
        return;
    }
    let mut site = Served::start();
    site.pass(1);
    let sickness = Sickness::begin(&site.daemon, &site.house, "fdatasync:delay_enter=5000000");
    site.pass(2);
    // The lock has opened and closed, and the event is still on its way to the disk.
    assert_eq!(site.granted(), [1]);
    site.wait_alarm(true);
    drop(sickness);
    site.wait_granted(&[1, 2]);
    site.change().unwrap();
}

#[test]
fn a_database_that_does_not_open_is_moved_aside_and_every_door_stays_shut() {
    let mut site = Served::start();
    site.pass(1);
    let folder = site.house.folder().to_owned();
    site.daemon.kill().unwrap();
    let conf = folder.join("data/conf");
    let before = std::fs::read(folder.join("data/db")).unwrap();
    std::fs::write(&conf, [0xA5; 63]).unwrap();

    site.daemon = Daemon::start(&folder).unwrap();
    let until = Instant::now() + SOON;
    let alarm = loop {
        let status = site
            .daemon
            .call(async |client| client.status().await)
            .unwrap();
        let mut alarms = status.alarms.into_iter();
        if let Some(alarm) = alarms.find(|alarm| alarm.kind == AlarmKind::DatabaseSetAside) {
            break alarm;
        }
        assert!(Instant::now() < until);
        std::thread::sleep(LOOK);
    };
    let aside: Vec<_> = std::fs::read_dir(folder.join("data"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .starts_with("damaged-")
        })
        .collect();
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert_eq!(std::fs::read(aside[0].join("db")).unwrap(), before);
    // The reader is served, and opens nothing.
    let until = Instant::now() + SOON;
    while site.house.tap(0, 1).unwrap().is_none() {
        assert!(Instant::now() < until, "no panel comes");
        std::thread::sleep(LOOK);
    }
    let log = loop {
        let query = EventsQuery {
            after: Some(0),
            ..EventsQuery::default()
        };
        let page = site.daemon.call(async |client| client.events(&query).await);
        let rows = page.unwrap().events;
        if rows.iter().any(|row| row.event.kind == EventKind::Denied) {
            break rows;
        }
        assert!(Instant::now() < until, "{rows:?}");
        std::thread::sleep(LOOK);
    };
    assert!(log.iter().all(|row| row.event.kind != EventKind::Granted));
    let told = log[0].event.note.as_deref().unwrap_or_default();
    assert!(told.contains("damaged-"), "{log:?}");

    // It stands over a restart, until somebody clears it.
    site.daemon.kill().unwrap();
    site.daemon = Daemon::start(&folder).unwrap();
    let standing = site
        .daemon
        .call(async |client| client.alarms().await)
        .unwrap();
    assert!(
        standing.iter().any(|each| each.kind == alarm.kind),
        "{standing:?}"
    );
}
