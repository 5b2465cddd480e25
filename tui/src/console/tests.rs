//! Whole screens after real key presses, through the same events as in a terminal.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use doorward_api::{BusStatus, EventRow, Live, ReaderFigures};
use doorward_core::controller::LockState;
use doorward_core::event::{Event as LogEvent, EventKind};
use doorward_core::ids::{DoorId, UserId};
use doorward_core::model::{User, UserState};
use doorward_core::time::{ClockTrust, Wall};
use jiff::tz::TimeZone;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::draw::draw;
use super::event::{Event, Reply, Request, Update, UsersPage, Wanted};
use super::sample::{self, NOW};
use super::state::{Link, Screen, State};
use super::theme::{Colours, Theme};

const SMALL: (u16, u16) = (80, 24);
const LARGE: (u16, u16) = (120, 40);

struct Console {
    state: State,
    now: Wall,
    asked: Vec<Request>,
}

impl Console {
    fn new(size: (u16, u16)) -> Self {
        Self::themed(size, Theme::new(Colours::Sixteen, true))
    }

    fn themed(size: (u16, u16), theme: Theme) -> Self {
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        Self {
            state: State::new(NOW, zone, size, theme),
            now: NOW,
            asked: Vec::new(),
        }
    }

    fn attached(size: (u16, u16)) -> Self {
        let mut console = Self::new(size);
        console.attach();
        console
    }

    fn attach(&mut self) {
        self.update(Update::Attached(Box::new(sample::attached())));
        self.update(Update::Users {
            users: sample::users(),
            page: UsersPage::Last,
        });
    }

    fn handle(&mut self, event: Event) {
        let requests = self.state.handle(self.now, event);
        self.asked.extend(requests);
    }

    fn update(&mut self, update: Update) {
        self.handle(Event::Update(Box::new(update)));
    }

    fn reply(&mut self, reply: Reply) {
        self.handle(Event::Reply(Box::new(reply)));
    }

    fn key(&mut self, code: KeyCode) {
        self.handle(Event::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    /// Presses a key for each letter.
    fn press(&mut self, letters: &str) {
        for letter in letters.chars() {
            self.key(KeyCode::Char(letter));
        }
    }

    fn picture(&self) -> String {
        let (columns, rows) = self.state.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
        terminal.draw(|frame| draw(&self.state, frame)).unwrap();
        terminal.backend().to_string()
    }

    fn asked(&mut self) -> Vec<Request> {
        core::mem::take(&mut self.asked)
    }
}

fn row(seq: u64, event: LogEvent) -> EventRow {
    EventRow {
        seq,
        event,
        erased: false,
        hash: String::new(),
    }
}

#[test]
fn before_anything_is_known() {
    insta::assert_snapshot!(Console::new(SMALL).picture());
}

#[test]
fn the_dashboard() {
    insta::assert_snapshot!("dashboard_80x24", Console::attached(SMALL).picture());
    insta::assert_snapshot!("dashboard_120x40", Console::attached(LARGE).picture());
}

/// Four readers, one of them in each sort of trouble.
fn buses() -> Vec<BusStatus> {
    let reader = |name: &str, address| ReaderFigures {
        polls: 90_000,
        commands: 40,
        replies: 90_040,
        retries: 3,
        latency_p50_us: 1_450 + 100 * u64::from(address),
        ..figures(name, address)
    };
    let offline = ReaderFigures {
        online: false,
        secure: false,
        ..reader("Lab in", 2)
    };
    let repeating = ReaderFigures {
        retries: 4_200,
        sessions_lost: 7,
        ..reader("Yard in", 1)
    };
    vec![BusStatus {
        name: "north".into(),
        port: "/dev/ttyUSB0".into(),
        works: true,
        readers: vec![
            reader("Main in", 0),
            repeating,
            offline,
            reader("Main out", 3),
        ],
        job: None,
    }]
}

fn figures(name: &str, address: u8) -> ReaderFigures {
    ReaderFigures {
        name: name.into(),
        address,
        baud: 115_200,
        online: true,
        secure: true,
        since: NOW,
        identity: None,
        address_shared: false,
        unreadable: false,
        polls: 0,
        commands: 0,
        replies: 0,
        retries: 0,
        timeouts: 0,
        bad_checks: 0,
        bad_macs: 0,
        bad_sequences: 0,
        clear_refused: 0,
        busy: 0,
        naks: std::collections::BTreeMap::new(),
        sessions: 1,
        sessions_lost: 0,
        outages: 0,
        probes: 0,
        latency_p50_us: 0,
        latency_p99_us: 0,
        latency_max_us: 0,
    }
}

#[test]
fn the_dashboard_tells_how_the_readers_are() {
    for (name, size) in [
        ("readers_80x24", SMALL),
        ("readers_120x40", LARGE),
        ("readers_170x40", (170, 40)),
    ] {
        let mut console = Console::attached(size);
        console.update(Update::Buses(buses()));
        insta::assert_snapshot!(name, console.picture());
    }
    // With all of them well, the line names none.
    let mut console = Console::attached(SMALL);
    let mut well = buses();
    well[0]
        .readers
        .retain(|reader| reader.name.starts_with("Main"));
    console.update(Update::Buses(well));
    let picture = console.picture();
    let line = picture
        .lines()
        .find(|line| line.contains("Readers"))
        .unwrap();
    assert!(
        line.contains("Readers 2/2") && line.contains("repeats 6"),
        "{line}"
    );
    assert!(!line.contains("Main"), "{line}");
    // And a site without OSDP readers has no such line.
    console.update(Update::Buses(Vec::new()));
    assert!(!console.picture().contains("Readers"));
}

#[test]
fn the_dashboard_in_ascii_without_colours() {
    let theme = Theme::new(Colours::None, false);
    let mut console = Console::themed(SMALL, theme);
    console.attach();
    insta::assert_snapshot!(console.picture());
    let (columns, rows) = console.state.size;
    let mut terminal = Terminal::new(TestBackend::new(columns, rows)).unwrap();
    terminal.draw(|frame| draw(&console.state, frame)).unwrap();
    for cell in terminal.backend().buffer().content() {
        use ratatui::style::Color::Reset;
        assert_eq!((cell.fg, cell.bg), (Reset, Reset), "{cell:?}");
    }
}

#[test]
fn every_colour_has_words_or_a_symbol_beside_it() {
    let coloured = Console::attached(SMALL).picture();
    let mut plain = Console::themed(SMALL, Theme::new(Colours::None, true));
    plain.attach();
    assert_eq!(coloured, plain.picture());
}

#[test]
fn live_changes_show_at_once() {
    let mut console = Console::attached(SMALL);
    let mut status = sample::doors().remove(0).status.unwrap();
    status.lock = LockState::Unlocked;
    status.forced_open = true;
    console.update(Update::Live(Live::Door(status)));
    let at = NOW.plus_ms(500);
    let mut event = LogEvent::new(EventKind::ForcedOpen, at, ClockTrust::Trusted, 12);
    event.door = Some(DoorId(1));
    console.update(Update::Passage(row(1042, event)));
    let picture = console.picture();
    let rows: Vec<&str> = picture.lines().collect();
    assert!(
        rows.iter()
            .any(|row| row.contains("Main entrance") && row.contains("▲ FORCED OPEN")),
        "{picture}"
    );
    let newest = rows.iter().find(|row| row.contains("11:30:00")).unwrap();
    assert!(newest.contains("▲ FORCED OPEN"), "{newest}");
}

#[test]
fn a_door_in_detail() {
    for (name, size) in [("door_80x24", SMALL), ("door_120x40", LARGE)] {
        let mut console = Console::attached(size);
        // Doors stand in the order of their names: Main entrance is the third.
        console.key(KeyCode::Down);
        console.key(KeyCode::Down);
        console.key(KeyCode::Enter);
        assert!(
            console
                .asked()
                .contains(&Request::Detail(Wanted::Door(DoorId(1))))
        );
        console.reply(Reply::Door(sample::door_detail()));
        insta::assert_snapshot!(name, console.picture());
        console.key(KeyCode::Esc);
        assert_eq!(console.state.screen, Screen::Dashboard);
    }
}

#[test]
fn unlocking_asks_first() {
    let mut console = Console::attached(SMALL);
    console.key(KeyCode::End);
    console.asked();
    console.press("u");
    insta::assert_snapshot!("unlock_question", console.picture());
    console.key(KeyCode::Enter);
    console.press("x");
    assert_eq!(console.asked(), [], "only `y` confirms");
    console.press("n");
    assert_eq!(console.asked(), []);
    assert!(console.state.overlay.is_none());
    console.press("uy");
    assert_eq!(console.asked(), [Request::Unlock(DoorId(4))]);
    let result = Err("the door's relay cannot be driven".to_owned());
    console.reply(Reply::Unlocked {
        door: DoorId(4),
        result,
    });
    let picture = console.picture();
    let footer = picture.lines().last().unwrap();
    assert!(
        footer.contains("✗ Staff room was not unlocked: the door's relay"),
        "{footer}"
    );
}

#[test]
fn a_notice_goes_by_itself() {
    let mut console = Console::attached(SMALL);
    console.reply(Reply::Unlocked {
        door: DoorId(1),
        result: Ok(()),
    });
    assert!(console.picture().contains("✓ Main entrance was unlocked"));
    let wake = console.state.wake_at();
    assert!(wake <= NOW.plus_ms(6_000), "{wake}");
    console.now = wake;
    console.handle(Event::Tick);
    assert!(!console.picture().contains("was unlocked"));
}

#[test]
fn users_are_listed_and_filtered() {
    for (name, size) in [("users_80x24", SMALL), ("users_120x40", LARGE)] {
        let mut console = Console::attached(size);
        console.press("2");
        assert_eq!(
            console.asked().last(),
            Some(&Request::Detail(Wanted::User(UserId(1))))
        );
        console.reply(Reply::User(sample::user_detail()));
        insta::assert_snapshot!(name, console.picture());
    }
    let mut console = Console::attached(SMALL);
    console.press("2/ék");
    assert_eq!(console.state.users.fitting(), 0);
    console.key(KeyCode::Backspace);
    console.key(KeyCode::Backspace);
    console.press("surg q");
    console.key(KeyCode::Backspace);
    assert_eq!(console.state.users.fitting(), 2);
    console.asked();
    console.key(KeyCode::Down);
    assert_eq!(console.asked(), [Request::Detail(Wanted::User(UserId(5)))]);
    insta::assert_snapshot!("users_filtered", console.picture());
    console.key(KeyCode::Enter);
    assert!(!console.state.users.is_typing());
    console.key(KeyCode::Esc);
    assert_eq!(console.state.users.fitting(), 5);
    assert_eq!(console.state.screen, Screen::Users);
    console.key(KeyCode::Esc);
    assert_eq!(console.state.screen, Screen::Dashboard);
}

#[test]
fn pasted_text_is_typed_into_a_filter_and_nowhere_else() {
    let mut console = Console::attached(SMALL);
    console.handle(Event::Paste("uy".to_owned()));
    assert_eq!(
        console
            .asked
            .iter()
            .filter(|asked| matches!(asked, Request::Unlock(_)))
            .count(),
        0
    );
    assert!(console.state.overlay.is_none());
    console.press("2/");
    console.handle(Event::Paste("berg\n\u{1b}[2J".to_owned()));
    assert_eq!(console.state.users.filter(), "berg[2J");
    console.handle(Event::Paste("x".repeat(1000)));
    assert_eq!(console.state.users.filter().chars().count(), 60);
}

#[test]
fn the_help_shows_what_the_screen_offers() {
    let mut console = Console::attached(SMALL);
    console.press("?");
    insta::assert_snapshot!("help_dashboard", console.picture());
    console.press("?");
    console.press("2?");
    insta::assert_snapshot!("help_users", console.picture());
}

#[test]
fn a_lost_connection_says_why_and_lets_nothing_be_done() {
    let mut console = Console::attached(SMALL);
    let reason = "cannot reach the daemon on `/run/doorward/api.sock`: nobody listens on it; the \
                  daemon is not running (`systemctl start doorwardd`, `journalctl -u doorwardd`)";
    console.update(Update::Lost {
        reason: reason.to_owned(),
    });
    console.now = NOW.plus_ms(90_000);
    console.update(Update::Lost {
        reason: reason.to_owned(),
    });
    insta::assert_snapshot!("lost", console.picture());
    console.asked();
    console.press("u");
    assert!(console.state.overlay.is_none());
    assert!(
        console
            .picture()
            .contains("not connected: nothing can be done")
    );
    console.attach();
    assert_eq!(console.state.link, Link::Up);
    assert!(!console.picture().contains("NOT CONNECTED"));
    let rows = console.state.site.passages.len();
    assert_eq!(rows, sample::passages().len(), "nothing is shown twice");
}

#[test]
fn a_lost_connection_takes_the_question_along() {
    let mut console = Console::attached(SMALL);
    console.press("u");
    console.update(Update::Lost {
        reason: "gone".to_owned(),
    });
    console.asked();
    console.press("y");
    assert_eq!(console.asked(), []);
}

#[test]
fn the_chosen_passage_stays_while_newer_ones_come() {
    let mut console = Console::attached(SMALL);
    console.key(KeyCode::Tab);
    console.key(KeyCode::Down);
    let before = console.state.dashboard.passage_at(&console.state.site);
    for seq in 1042..1060 {
        let mut event = LogEvent::new(EventKind::Granted, NOW, ClockTrust::Trusted, 12);
        event.door = Some(DoorId(2));
        console.update(Update::Passage(row(seq, event)));
    }
    let after = console.state.dashboard.passage_at(&console.state.site);
    assert_eq!(after, before + 18);
    console.key(KeyCode::Home);
    assert_eq!(console.state.dashboard.passage_at(&console.state.site), 0);
}

#[test]
fn opening_and_closing_is_listed_on_wish() {
    let mut console = Console::attached(SMALL);
    assert!(!console.picture().contains("door opened"));
    console.press("a");
    assert!(console.picture().contains("door opened"));
}

#[test]
fn quitting() {
    let mut console = Console::attached(SMALL);
    console.press("q");
    assert!(console.state.leaving);
    let mut console = Console::attached(SMALL);
    console.handle(Event::Ended);
    assert!(console.state.leaving);
    let mut console = Console::attached(SMALL);
    console.press("2/q");
    assert!(!console.state.leaving, "letters are typed into a filter");
}

#[test]
fn any_size_is_drawn() {
    for (columns, rows) in [
        (1, 1),
        (20, 5),
        (40, 10),
        (80, 12),
        (81, 25),
        (115, 30),
        (116, 30),
        (250, 80),
    ] {
        let mut console = Console::attached((columns, rows));
        console.handle(Event::Resize(columns, rows));
        for keys in ["", "?", "?2", "?"] {
            console.press(keys);
            console.picture();
        }
        console.press("?1");
        console.key(KeyCode::Enter);
        console.picture();
        console.press("u");
        console.picture();
    }
}

#[test]
fn a_log_that_began_anew_replaces_the_old_one() {
    let mut console = Console::attached(SMALL);
    let mut attached = sample::attached();
    attached.status.newest_event = 2;
    attached.passages = sample::passages().into_iter().take(2).collect();
    for (at, row) in attached.passages.iter_mut().enumerate() {
        row.seq = at as u64 + 1;
    }
    console.update(Update::Attached(Box::new(attached)));
    assert_eq!(console.state.site.newest_seq(), 2);
    assert_eq!(console.state.site.passages.len(), 2);
}

#[test]
fn typing_letter_by_letter_finds_the_same_as_searching_at_once() {
    for filter in [
        "",
        "a",
        "ber ann",
        "  surg  a",
        "ÅST",
        "nová",
        "xyz",
        "a xyz",
        "example.org e",
    ] {
        let mut console = Console::attached(SMALL);
        console.press("2/");
        console.press(filter);
        let users = &console.state.site.users;
        let at_once: Vec<_> = users
            .matching(filter)
            .iter()
            .map(|at| users.rows()[*at].user.id)
            .collect();
        let typed = console.state.users.rows(&console.state.site, 0);
        let typed: Vec<_> = typed.map(|row| row.user.id).collect();
        assert_eq!(typed, at_once, "{filter}");
    }
}

#[test]
fn a_hundred_thousand_users_are_searched_word_by_word() {
    let user = |id: u32| User {
        id: UserId(id),
        first_name: format!("First{}", id % 1000),
        last_name: format!("Last{}", id / 1000),
        email: Some(format!("u{id}@example.org")),
        department: String::new(),
        state: UserState::Active,
        extended_unlock: false,
        ..User::default()
    };
    let mut console = Console::attached(SMALL);
    for page in 0..100 {
        console.update(Update::Users {
            users: (page * 1000..page * 1000 + 1000).map(user).collect(),
            page: if page == 99 {
                UsersPage::Last
            } else {
                UsersPage::More
            },
        });
    }
    console.press("2/last7 u7123@");
    assert_eq!(console.state.users.fitting(), 1);
    let chosen = console.state.users.chosen(&console.state.site).unwrap();
    assert_eq!(chosen.user.id, UserId(7123));
}
