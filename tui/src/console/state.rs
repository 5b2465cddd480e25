//! What the console knows and shows. [`State::handle`] is the only way in, drawing only reads.

use doorward_core::ids::DoorId;
use doorward_core::time::Wall;
use jiff::tz::TimeZone;

use super::clock::SiteClock;
use super::event::{Event, Reply, Request, Update};
use super::keys::{self, Command, Offer};
use super::screens::{self, Dashboard, DoorScreen, UsersScreen};
use super::site::Site;
use super::theme::{Theme, Tone};
use crate::text::{self, console as words};

/// How long a notice stays, in milliseconds.
const NOTICE_MS: i64 = 6_000;

/// What the console knows and shows.
#[derive(Debug)]
pub struct State {
    /// The present, by the appliance's clock.
    pub now: Wall,
    /// The present, by the clock of this machine.
    here: Wall,
    clock: SiteClock,
    /// The time zone of this machine.
    pub zone: TimeZone,
    /// Columns and rows of the terminal.
    pub size: (u16, u16),
    /// How it looks.
    pub theme: Theme,
    /// The connection to the daemon.
    pub link: Link,
    /// What is known of the site.
    pub site: Site,
    /// Which screen is shown.
    pub screen: Screen,
    /// The dashboard.
    pub dashboard: Dashboard,
    /// A door's detail.
    pub door: DoorScreen,
    /// The list of users.
    pub users: UsersScreen,
    /// What lies over the screen.
    pub overlay: Option<Overlay>,
    /// Said in the place of the footer for a while.
    pub notice: Option<Notice>,
    /// The console ends.
    pub leaving: bool,
}

/// The connection to the daemon.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Link {
    /// Being made for the first time.
    Connecting,
    /// It stands.
    Up,
    /// It was lost, or could not be made.
    Lost {
        /// Why.
        reason: String,
        /// Since when.
        since: Wall,
    },
}

/// The screens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Screen {
    /// Live doors and passages.
    Dashboard,
    /// One door.
    Door,
    /// Users.
    Users,
}

/// What lies over the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overlay {
    /// The commands of the screen below.
    Help,
    /// A question that must be answered before something is done.
    Confirm(Act),
}

/// Something that is done only after it was confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Unlock a door once.
    UnlockOnce(DoorId),
}

/// Said in the place of the footer for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What.
    pub text: String,
    /// Good or bad.
    pub tone: Tone,
    until: Wall,
}

impl State {
    /// A console that knows nothing yet.
    #[must_use]
    pub fn new(now: Wall, zone: TimeZone, size: (u16, u16), theme: Theme) -> Self {
        Self {
            now,
            here: now,
            clock: SiteClock::default(),
            zone,
            size,
            theme,
            link: Link::Connecting,
            site: Site::default(),
            screen: Screen::Dashboard,
            dashboard: Dashboard::default(),
            door: DoorScreen::default(),
            users: UsersScreen::default(),
            overlay: None,
            notice: None,
            leaving: false,
        }
    }

    /// Takes in an event when it is `here` by this machine's clock; returns what is to be asked
    /// for.
    pub fn handle(&mut self, here: Wall, event: Event) -> Vec<Request> {
        self.here = here;
        self.now = self.clock.at(here);
        self.notice = self.notice.take().filter(|notice| here < notice.until);
        match event {
            Event::Key(key) => self.press(key),
            Event::Paste(text) => screens::paste(self, &text),
            Event::Resize(columns, rows) => {
                self.size = (columns, rows);
                Vec::new()
            }
            Event::Tick => Vec::new(),
            Event::Update(update) => self.update(*update),
            Event::Reply(reply) => {
                self.reply(*reply);
                Vec::new()
            }
            Event::Ended => {
                self.leaving = true;
                Vec::new()
            }
        }
    }

    /// When the picture changes by itself, by this machine's clock: at the appliance's next full
    /// minute, or when a notice goes.
    #[must_use]
    pub fn wake_at(&self) -> Wall {
        let minute = self
            .clock
            .after(self.here, 60_000 - self.now.0.rem_euclid(60_000));
        match &self.notice {
            Some(notice) => notice.until.min(minute),
            None => minute,
        }
    }

    /// What can be done at this moment. Footer, help and dispatcher read nothing else.
    #[must_use]
    pub fn offers(&self) -> Vec<Offer> {
        match self.overlay {
            Some(Overlay::Confirm(_)) => {
                vec![
                    Offer::footer(Command::Confirm),
                    Offer::footer(Command::Cancel),
                ]
            }
            Some(Overlay::Help) => vec![
                Offer::footer(Command::Help),
                Offer::footer(Command::Back),
                Offer::footer(Command::Quit),
            ],
            None => self.screen_offers(),
        }
    }

    /// What can be done on the screen below any overlay.
    #[must_use]
    pub fn screen_offers(&self) -> Vec<Offer> {
        screens::offers(self)
    }

    fn press(&mut self, key: crossterm::event::KeyEvent) -> Vec<Request> {
        let offers = self.offers();
        match keys::command_for(&key, &offers) {
            Some(command) => {
                self.notice = None;
                self.obey(command)
            }
            None if self.overlay.is_none() => match keys::typed(&key) {
                Some(letter) => screens::typed(self, letter),
                None => screens::edited(self, key.code),
            },
            None => Vec::new(),
        }
    }

    fn obey(&mut self, command: Command) -> Vec<Request> {
        match (self.overlay, command) {
            (Some(Overlay::Confirm(act)), Command::Confirm) => {
                self.overlay = None;
                self.carry_out(act)
            }
            (Some(_), _) => {
                self.overlay = None;
                Vec::new()
            }
            (None, Command::Quit) => {
                self.leaving = true;
                Vec::new()
            }
            (None, Command::Help) => {
                self.overlay = Some(Overlay::Help);
                Vec::new()
            }
            (None, Command::Repaint) => vec![Request::Repaint],
            (None, command) => screens::obey(self, command),
        }
    }

    /// Asks whether to do it, if it can be done at all.
    pub(super) fn ask(&mut self, act: Act) {
        if self.link == Link::Up {
            self.overlay = Some(Overlay::Confirm(act));
        } else {
            self.say(words::NO_CONNECTION.to_owned(), Tone::Bad);
        }
    }

    fn carry_out(&mut self, act: Act) -> Vec<Request> {
        let Act::UnlockOnce(door) = act;
        if self.link != Link::Up {
            self.say(words::NO_CONNECTION.to_owned(), Tone::Bad);
            return Vec::new();
        }
        self.say(words::unlocking(&self.site.door_name(door)), Tone::Plain);
        vec![Request::Unlock(door)]
    }

    /// The question that goes with an act.
    #[must_use]
    pub fn question(&self, act: Act) -> String {
        let Act::UnlockOnce(id) = act;
        let time = self.site.door(id).map_or_else(
            || text::NONE.to_owned(),
            |door| text::duration_ms(door.unlock_ms.into()),
        );
        words::ask_unlock(&self.site.door_name(id), &time)
    }

    fn say(&mut self, text: String, tone: Tone) {
        self.notice = Some(Notice {
            text,
            tone,
            until: self.here.plus_ms(NOTICE_MS),
        });
    }

    fn update(&mut self, update: Update) -> Vec<Request> {
        let attached = matches!(update, Update::Attached(_));
        match &update {
            Update::Attached(attached) => {
                self.link = Link::Up;
                self.set_clock(attached.status.now);
            }
            Update::Status(status) => self.set_clock(status.now),
            Update::Lost { reason } => self.lose(reason.clone()),
            _ => {}
        }
        let users = self.site.users.generation();
        self.site.update(update);
        let relisted = self.site.users.generation() != users;
        if relisted {
            self.users.relist(&self.site);
        }
        if attached || relisted {
            // Details shown may be out of date: what happened meanwhile is not known.
            return vec![Request::Detail(screens::wanted(self))];
        }
        Vec::new()
    }

    fn set_clock(&mut self, there: Wall) {
        self.clock.tell(self.here, there);
        self.now = there;
    }

    fn lose(&mut self, reason: String) {
        let since = match self.link {
            Link::Lost { since, .. } => since,
            Link::Connecting | Link::Up => self.now,
        };
        self.link = Link::Lost { reason, since };
        self.site.users.forget_arriving();
    }

    fn reply(&mut self, reply: Reply) {
        match reply {
            Reply::Unlocked { door, result } => {
                let name = self.site.door_name(door);
                match result {
                    Ok(()) => self.say(words::unlocked(&name), Tone::Good),
                    Err(why) => self.say(words::not_unlocked(&name, &why), Tone::Bad),
                }
            }
            Reply::Door(detail) => self.door.take(detail),
            Reply::User(detail) => self.users.take(detail),
            Reply::NoDetail { wanted, reason } => {
                if wanted == screens::wanted(self) {
                    self.say(reason, Tone::Bad);
                }
            }
        }
    }

    /// Rows that a page holds, about.
    pub(super) fn page_rows(&self) -> usize {
        usize::from(self.size.1).saturating_sub(9).max(1)
    }
}
