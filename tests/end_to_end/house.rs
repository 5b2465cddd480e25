//! A house with real peers: libosdp readers on a paced line, a pymodbus relay board, the daemon.
//!
//! Door N (from 1) has reader N - 1, output N, and where it is wired a normally closed contact at
//! input 2N - 1 and a normally open request-to-exit at input 2N.

use std::fmt::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use doorward_api::{Alarm, Changes, EventRow, Status};
use doorward_core::alarm::AlarmKind;
use doorward_core::card::CardBits;
use doorward_core::event::{EventKind, Reason};
use doorward_core::model::{Change, Record};
use doorward_sim::line::{LineSpec, PacedLine, Port};
use doorward_tests::daemon::Daemon;
use doorward_tests::modbus_board::{BoardOrder, BoardReport, Boards, rtu_boards, tcp_boards};
use doorward_tests::osdp_peer::orders::{ReaderSaw, ReaderSpec};
use doorward_tests::osdp_peer::{OsdpReaders, reader_on, test_key};

/// Longer than anything should take on a slow and busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// What must not happen is waited for this long.
pub(crate) const NEVER: Duration = Duration::from_millis(400);

/// After this long nobody believes any more that a reader has still got the card.
const AGAIN: Duration = Duration::from_secs(3);

const LOOK: Duration = Duration::from_millis(10);
pub(crate) const BAUD: u32 = 115_200;
pub(crate) const RED: u8 = 1;
pub(crate) const GREEN: u8 = 2;
pub(crate) const AMBER: u8 = 3;

/// What to build.
pub(crate) struct Plan {
    /// One reader a door; whether it has a key.
    pub(crate) secure: Vec<bool>,
    pub(crate) board: BoardPlan,
    /// Places on the line besides, for readers that nobody has configured.
    pub(crate) spare: usize,
    /// Readers that have no light, no buzzer and no display, and say so.
    pub(crate) plain: bool,
    /// Whether the readers have power from the beginning.
    pub(crate) powered: bool,
    /// More of `site.toml`.
    pub(crate) more: String,
    /// More of its `[doors]`.
    pub(crate) doors_more: String,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum BoardPlan {
    Tcp,
    Rtu,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            secure: vec![true],
            board: BoardPlan::Tcp,
            spare: 0,
            plain: false,
            powered: true,
            more: String::new(),
            doors_more: String::new(),
        }
    }
}

pub(crate) struct House {
    pub(crate) daemon: Option<Daemon>,
    pub(crate) readers: OsdpReaders,
    pub(crate) specs: Vec<ReaderSpec>,
    pub(crate) board: Boards,
    pub(crate) line: PacedLine,
    /// The line of a serial board; its end is the line's end.
    _board_line: Option<PacedLine>,
    /// The newest event looked at.
    seen: u64,
    /// The last card shown and where, and the newest event then.
    shown: Option<(usize, CardBits)>,
    tapped_after: u64,
    levels: u64,
    pub(crate) dir: tempfile::TempDir,
}

impl House {
    /// Builds everything, starts the daemon, and waits until all that has power answers.
    pub(crate) fn start(plan: Plan) -> Self {
        let mut house = Self::build(plan);
        house.start_daemon();
        house.wait_wired();
        house
    }

    /// Builds everything but starts no daemon.
    #[expect(clippy::needless_pass_by_value, reason = "a plan is carried out once")]
    pub(crate) fn build(plan: Plan) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let bus = dir.path().join("bus");
        std::fs::create_dir(&bus).unwrap();
        let doors = plan.secure.len();
        let line = PacedLine::start(&bus, LineSpec::new(BAUD, doors + plan.spare)).unwrap();
        let mut readers = OsdpReaders::start().unwrap();
        let specs: Vec<_> = plan
            .secure
            .iter()
            .zip(0..)
            .map(|(&secure, at)| ReaderSpec {
                plain: plan.plain,
                ..reader_on(&line, at, BAUD, secure.then(|| test_key(at)))
            })
            .collect();
        if plan.powered {
            for spec in &specs {
                readers.add(spec.clone()).unwrap();
            }
        }
        let (board, board_line, address) = match plan.board {
            BoardPlan::Tcp => {
                let (board, port) = tcp_boards(&[1]).unwrap();
                (board, None, format!("address = \"127.0.0.1:{port}\""))
            }
            BoardPlan::Rtu => {
                let folder = dir.path().join("rtu");
                std::fs::create_dir(&folder).unwrap();
                let line = PacedLine::start(&folder, LineSpec::new(BAUD, 1)).unwrap();
                let board = rtu_boards(&line.path(Port::Device(0)), BAUD, &[1]).unwrap();
                let port = line.path(Port::Panel);
                (board, Some(line), format!("port = {port:?}\nbaud = {BAUD}"))
            }
        };
        let mut house = Self {
            daemon: None,
            readers,
            board,
            line,
            _board_line: board_line,
            seen: 0,
            shown: None,
            tapped_after: 0,
            levels: 0,
            dir,
            specs,
        };
        for door in 1..=doors {
            house.set_open(door, false);
        }
        let text = house.site_toml(&plan, &address);
        std::fs::write(house.dir.path().join("site.toml"), text).unwrap();
        house
    }

    fn site_toml(&self, plan: &Plan, board: &str) -> String {
        let dir = self.dir.path();
        let mut text = format!(
            "[site]\nname = \"House\"\n[paths]\ndata = {:?}\n[api]\nsocket = {:?}\n\
             [doors]\nclock = \"trusted\"\n{}\n\
             [[osdp_bus]]\nname = \"bus\"\nport = {:?}\nbaud = {BAUD}\n",
            dir.join("data"),
            dir.join("api.sock"),
            plan.doors_more,
            self.line.path(Port::Panel),
        );
        for spec in &self.specs {
            let (name, address) = (&spec.name, spec.address);
            write!(
                text,
                "[[osdp_bus.reader]]\nname = {name:?}\naddress = {address}\n"
            )
            .unwrap();
            match &spec.key {
                None => text.push_str("security = \"clear\"\n"),
                Some(key) => {
                    let file = dir.join(format!("{name}.key"));
                    write_private(&file, &key.0);
                    writeln!(text, "key_file = {file:?}").unwrap();
                }
            }
        }
        write!(
            text,
            "[[board]]\nname = \"cabinet\"\nprofile = \"generic-coil\"\n{board}\n{}",
            plan.more
        )
        .unwrap();
        text
    }

    pub(crate) fn start_daemon(&mut self) {
        self.daemon = Some(Daemon::start(self.dir.path()).unwrap());
    }

    pub(crate) fn daemon(&self) -> &Daemon {
        self.daemon.as_ref().unwrap()
    }

    pub(crate) fn take_daemon(&mut self) -> Daemon {
        self.daemon.take().unwrap()
    }

    // The table.

    pub(crate) fn change(&self, changes: Vec<Change>) {
        let changes = Changes { changes };
        self.daemon()
            .call(async |client| client.apply(&changes, None).await)
            .unwrap();
    }

    pub(crate) fn put(&self, records: Vec<Record>) {
        self.change(records.into_iter().map(Change::Put).collect());
    }

    // The readers.

    /// Shows a card at the reader of a door.
    pub(crate) fn tap(&mut self, door: usize, bits: CardBits) {
        self.shown = Some((door, bits));
        self.tapped_after = self.status().newest_event;
        self.readers
            .show_card(&format!("reader-{}", door - 1), bits)
            .unwrap();
    }

    /// Waits until the reader of a door shows this colour for a while, and beeps so often.
    pub(crate) fn wait_shown(&mut self, door: usize, colour: u8, beeps: u8) {
        let name = format!("reader-{}", door - 1);
        self.readers
            .wait_for(&format!("light {colour} at {name}"), SOON, |report| {
                let is_light = matches!(report.saw, ReaderSaw::Led {
                    temporary_code: 2, temporary_on_color, ..
                } if temporary_on_color == colour);
                (report.name == name && is_light).then_some(())
            })
            .unwrap();
        self.readers
            .wait_for(&format!("{beeps} beeps at {name}"), SOON, |report| {
                let is_sound =
                    matches!(report.saw, ReaderSaw::Buzzer { count, .. } if count == beeps);
                (report.name == name && is_sound).then_some(())
            })
            .unwrap();
    }

    // The board.

    /// Waits until the output of a door changes to this, and returns when.
    pub(crate) fn wait_coil(&mut self, door: usize, wanted: bool) -> u64 {
        let what = format!("coil {door} to go {}", if wanted { "on" } else { "off" });
        let coil = self.board.wait_for(&what, SOON, |report| match *report {
            BoardReport::Level { output, on, ns, .. }
                if usize::from(output) == door && on == wanted =>
            {
                Some(ns)
            }
            _ => None,
        });
        coil.unwrap_or_else(|error| panic!("{error:#}\n{}", self.status_text()))
    }

    /// The coil of a door goes on and off again.
    pub(crate) fn wait_pulse(&mut self, door: usize) {
        let on = self.wait_coil(door, true);
        let off = self.wait_coil(door, false);
        assert!(
            on < off,
            "the coil of door {door} went off before it went on"
        );
    }

    /// No coil goes on.
    pub(crate) fn assert_no_coil(&mut self) {
        let seen = self
            .board
            .wait_for("a coil to go on", NEVER, |report| match report {
                BoardReport::Level { on: true, .. } => Some(*report),
                _ => None,
            });
        assert!(seen.is_err(), "a coil went on: {seen:?}");
    }

    pub(crate) fn set_open(&mut self, door: usize, open: bool) {
        self.set_level(2 * door - 1, !open);
    }

    fn set_exit_button(&mut self, door: usize, pressed: bool) {
        self.set_level(2 * door, pressed);
    }

    /// Presses the exit button, which opens the door at once and for as long as it is held.
    pub(crate) fn leave_by_button(&mut self, door: usize) {
        self.set_exit_button(door, true);
        self.wait_coil(door, true);
        self.set_exit_button(door, false);
        self.wait_coil(door, false);
    }

    pub(crate) fn set_level(&mut self, input: usize, level: bool) {
        let bit = 1 << (input - 1);
        self.levels = if level {
            self.levels | bit
        } else {
            self.levels & !bit
        };
        let levels = self.levels;
        self.order(BoardOrder::Inputs { unit: 1, levels });
    }

    pub(crate) fn order(&mut self, order: BoardOrder) {
        self.board.send(&order).unwrap();
    }

    // What the daemon says.

    pub(crate) fn status(&self) -> Status {
        self.daemon()
            .call(async |client| client.status().await)
            .unwrap()
    }

    fn status_text(&self) -> String {
        format!(
            "{:?}",
            self.daemon().call(async |client| client.status().await)
        )
    }

    pub(crate) fn wait_status(&self, what: &str, wanted: impl Fn(&Status) -> bool) -> Status {
        let until = Instant::now() + SOON;
        loop {
            let status = self.daemon().call(async |client| client.status().await);
            match status {
                Ok(status) if wanted(&status) => return status,
                _ => assert!(Instant::now() < until, "waited for {what}: {status:?}"),
            }
            std::thread::sleep(LOOK);
        }
    }

    /// Waits until every reader and board answers.
    pub(crate) fn wait_wired(&self) {
        self.wait_status("readers and boards to answer", |status| {
            status.readers.iter().all(|reader| reader.online)
                && status.boards.iter().all(|board| board.online)
        });
    }

    pub(crate) fn wait_alarm(&self, kind: AlarmKind) -> Alarm {
        let of = |status: &Status| {
            let mut alarms = status.alarms.iter();
            alarms.find(|alarm| alarm.kind == kind).cloned()
        };
        of(&self.wait_status(&format!("alarm {kind:?}"), |status| of(status).is_some())).unwrap()
    }

    pub(crate) fn wait_no_alarm(&self, kind: AlarmKind) {
        self.wait_status(&format!("no alarm {kind:?}"), |status| {
            status.alarms.iter().all(|alarm| alarm.kind != kind)
        });
    }

    /// The next decision. A card may be lost in a reader whose connection broke, and is then shown
    /// again as anybody would; what happens there is tested where readers are unplugged.
    fn next_decision(&mut self, door: usize) -> EventRow {
        let name = format!("reader-{}", door - 1);
        let mut is_lost = false;
        loop {
            let within = if is_lost { AGAIN } else { SOON };
            let row = self.try_event(within, |row| {
                matches!(
                    row.event.kind,
                    EventKind::Granted | EventKind::Denied | EventKind::ReaderOffline
                )
            });
            match row {
                Ok(row) if row.event.kind != EventKind::ReaderOffline => return row,
                Ok(row) => {
                    let is_here = row.event.reader.as_deref() == Some(name.as_str());
                    is_lost |= is_here && row.seq > self.tapped_after;
                }
                Err(_) if is_lost => {
                    is_lost = false;
                    self.wait_wired();
                    let (at, bits) = self.shown.unwrap();
                    self.tap(at, bits);
                }
                Err(passed) => panic!("waited {SOON:?} for a decision; seen instead: {passed:#?}"),
            }
        }
    }

    /// The next event from here of which `wanted` is true; all before it count as seen.
    pub(crate) fn next_event(
        &mut self,
        what: &str,
        wanted: impl Fn(&EventRow) -> bool,
    ) -> EventRow {
        self.try_event(SOON, wanted).unwrap_or_else(|passed| {
            panic!("waited {SOON:?} for {what}; seen instead: {passed:#?}")
        })
    }

    /// The same, or else what came instead.
    fn try_event(
        &mut self,
        within: Duration,
        wanted: impl Fn(&EventRow) -> bool,
    ) -> Result<EventRow, Vec<EventRow>> {
        let after = Some(self.seen);
        let mut passed = Vec::new();
        let found = self.daemon().call(async |client| {
            let mut stream = client.event_stream(after).await.unwrap();
            let search = async {
                while let Some(row) = stream.next().await.unwrap() {
                    if wanted(&row) {
                        return Some(row);
                    }
                    passed.push(row);
                }
                None
            };
            tokio::time::timeout(within, search).await
        });
        match found {
            Ok(Some(row)) => {
                self.seen = row.seq;
                Ok(row)
            }
            _ => Err(passed),
        }
    }

    /// The next event of this kind.
    pub(crate) fn next_of(&mut self, kind: EventKind) -> EventRow {
        self.next_event(&format!("{kind:?}"), |row| row.event.kind == kind)
    }

    /// The next decision at a door is a denial for this reason, shown as such, and no coil moves.
    pub(crate) fn assert_denied(&mut self, door: usize, reason: Reason) -> EventRow {
        let row = self.next_decision(door);
        assert_eq!(row.event.reason, Some(reason), "{row:?}");
        assert_eq!(row.event.kind, EventKind::Denied);
        self.wait_shown(door, RED, 3);
        self.assert_no_coil();
        row
    }

    /// The next decision is a grant, and the door opens and locks again.
    pub(crate) fn assert_granted(&mut self, door: usize) -> EventRow {
        let row = self.next_decision(door);
        assert_eq!(row.event.kind, EventKind::Granted, "{row:?}");
        self.wait_pulse(door);
        row
    }

    /// Every row of the log, which has no gap.
    pub(crate) fn log(&self) -> Vec<EventRow> {
        let mut rows = Vec::new();
        loop {
            let query = doorward_api::EventsQuery {
                after: Some(rows.len() as u64),
                ..Default::default()
            };
            let page = self
                .daemon()
                .call(async |client| client.events(&query).await)
                .unwrap();
            if page.events.is_empty() {
                return rows;
            }
            for row in page.events {
                assert_eq!(row.seq, rows.len() as u64 + 1, "the log has a gap");
                rows.push(row);
            }
        }
    }
}

pub(crate) fn write_private(path: &Path, text: &str) {
    use std::io::Write as _;
    let mut options = std::fs::OpenOptions::new();
    let options = options.write(true).create(true).truncate(true).mode(0o600);
    writeln!(options.open(path).unwrap(), "{text}").unwrap();
}
