//! What the command line accepts.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;
use doorward_core::card::{CardBits, CardNumber};
use doorward_core::model::{CredentialState, UserState};

use super::parse;

mod buses;
mod cards;
mod doors;
mod log;
mod people;
mod readers;
mod schedules;
mod standing;
mod structure;
mod vault;
mod why;

use crate::demo::{DaemonArgs, DemoArgs};
pub use buses::{BusesAction, RaiseSpeedArgs, ScanArgs};
pub use cards::{CardsAction, DecodeArgs, EncodeArgs};
pub use doors::{DoorFields, DoorsAction, FailModeArg, LockdownExitArg, RelockArg};
pub use log::{LogAction, LogExportArgs, LogFormat, LogName};
pub use people::{
    AlarmMarkArgs, AlarmsAction, AreaRules, AreasAction, DoorRules, EnrolArgs, ForgiveArgs,
};
pub use readers::{InstallArgs, ReadersAction, RotateArgs};
pub use schedules::{DaysArgs, HolidaysAction, PresetArg, ScheduleHours, SchedulesAction};
pub use standing::{ModeArg, ModeArgs, ModeAt, PlanArgs};
pub use structure::{
    CompaniesAction, GrantArgs, GroupsAction, HoldingArg, KeyEdit, KeyFlagFields, LanguageArg,
    PlaceFields, PlacesAction, QuickArg, Setting,
};
pub use vault::BackupArgs;
pub use why::WhyArgs;

/// Where the daemon listens unless told otherwise.
pub const DEFAULT_SOCKET: &str = "/run/doorward/api.sock";

/// The console and the command line of the Doorward access-control appliance.
///
/// Without a command it is the console: live doors, passages, users. With a command it does one
/// thing and ends.
#[derive(Debug, Parser)]
#[command(
    name = "doorward",
    version,
    propagate_version = true,
    max_term_width = 100,
    after_long_help = AFTER_HELP
)]
pub struct Cli {
    /// Where the daemon listens.
    #[arg(
        long,
        global = true,
        value_name = "PATH",
        env = "DOORWARD_SOCKET",
        default_value = DEFAULT_SOCKET,
        value_hint = ValueHint::FilePath
    )]
    pub socket: PathBuf,

    /// Print JSON: one object, or one object a line when following.
    #[arg(long, global = true)]
    pub json: bool,

    /// What to do; none starts the console.
    #[command(subcommand)]
    pub command: Option<Command>,
}

const AFTER_HELP: &str = "\
Names:
  Doors, users, keys and schedules are named by their number, their name, or the beginning of
  their name where only one fits. `#12` is always a number. Users may be named by e-mail.

Times:
  RFC 3339 (`2026-03-29T08:00:00+02:00`), or local (`2026-03-29 08:00`, `2026-03-29`, `08:00`
  for today, `now`). Local means the door's time zone where a door is named, otherwise this
  machine's.

Exit codes:
   0  done
  64  the command line is wrong
  65  what was given is wrong: an unknown or ambiguous name, a value that is refused
  69  the daemon or the door cannot be reached
  70  the daemon failed
  74  writing the answer failed
  75  the daemon is too busy; try again
  76  the daemon answered something that is not understood
  77  not permitted

Examples:
  doorward                               the console
  doorward status                        what is well and what is not
  doorward events --follow               passages as they happen
  doorward unlock 'Main entrance'        unlock once
  doorward why 'Anna Berg' lab --at 07:55
  doorward users --json | jq '.users[].email'";

/// What to do.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum Command {
    /// Show whether the appliance is well: doors, storage, uplink, clock, alarms.
    Status,
    /// List, show, add, change and remove doors.
    #[command(
        alias = "door",
        after_help = "Examples:\n  doorward doors\n  doorward doors show main\n  doorward doors add 'Main entrance' --entry front-in --exit front-out --relay cabinet:1 --contact cabinet:1 --rex cabinet:2\n  doorward doors edit main --mode lockdown"
    )]
    Doors {
        /// What about them; none lists.
        #[command(subcommand)]
        action: Option<DoorsAction>,
    },
    /// List, show, add, change and remove users.
    #[command(
        alias = "user",
        after_help = "Examples:\n  doorward users list --filter berg\n  doorward users add --first Anna --last Berg --email anna@example.org\n  doorward users edit anna@example.org --state inactive"
    )]
    Users {
        /// What about them; none lists.
        #[command(subcommand)]
        action: Option<UsersAction>,
    },
    /// List, show and make keys; give them to users and take them back.
    #[command(
        alias = "key",
        after_help = "Examples:\n  doorward keys add Staff --door main --door lab --schedule office\n  doorward keys grant Staff 'Anna Berg' --until 2026-12-31\n  doorward keys revoke Staff 'Anna Berg'"
    )]
    Keys {
        /// What about them; none lists.
        #[command(subcommand)]
        action: Option<KeysAction>,
    },
    /// List, show, add, change and remove places: the site and what is in it.
    #[command(
        alias = "place",
        after_help = "Examples:\n  doorward places\n  doorward places add Pharmacy --support 'Ring 42' --users-max 20\n  doorward places show pharmacy"
    )]
    Places {
        /// What about them; none lists.
        #[command(subcommand)]
        action: Option<PlacesAction>,
    },
    /// List, make, change and remove door groups.
    #[command(
        alias = "group",
        after_help = "Examples:\n  doorward groups add 'Outer doors' --door main --door garage\n  doorward groups edit outer --add-door yard --dry-run"
    )]
    Groups {
        /// What about them; none lists.
        #[command(subcommand)]
        action: Option<GroupsAction>,
    },
    /// List, show, add, change and remove companies.
    #[command(
        alias = "company",
        after_help = "Examples:\n  doorward companies add 'Clean & Co'\n  doorward keys grant Cleaning --company clean --quick one-week"
    )]
    Companies {
        /// What about them; none lists.
        #[command(subcommand)]
        action: Option<CompaniesAction>,
    },
    /// List, add, change and remove credentials: cards and phones.
    #[command(
        alias = "credential",
        after_help = "Examples:\n  doorward credentials list --user 'Anna Berg'\n  doorward credentials add --user 'Anna Berg' --card 'H10301 123-45678'\n  doorward credentials edit 17 --state inactive"
    )]
    Credentials {
        /// What about them; none lists.
        #[command(subcommand)]
        action: Option<CredentialsAction>,
    },
    /// List card formats; show what a card's bits mean, and which bits a number makes.
    #[command(
        alias = "card",
        after_help = "Examples:\n  doorward cards\n  doorward cards decode 10010101000000000010001010\n  doorward cards decode --bits 26 254008A\n  doorward cards encode H10301 69 --facility 42"
    )]
    Cards {
        /// What about them; none lists the formats.
        #[command(subcommand)]
        action: Option<CardsAction>,
    },
    /// List, show, add, change and remove schedules: hours of the week, exceptions, holidays.
    #[command(
        alias = "schedule",
        after_help = "Examples:\n  doorward schedules add Office --time-zone Europe/Stockholm --preset office --holidays 'Sverige: helgdagar'\n  doorward schedules week Office --from 2026-12-21\n  doorward schedules add Office --time-zone Europe/Stockholm --weekly 'mon-fri 07:00-18:00'\n  doorward schedules add Night --time-zone Europe/Stockholm --weekly 'daily 22:00-06:00'"
    )]
    Schedules {
        /// What about them; none lists.
        #[command(subcommand)]
        action: Option<SchedulesAction>,
    },
    /// List, add, change and remove areas; show who is inside, and forgive.
    #[command(
        alias = "area",
        after_help = "Examples:\n  doorward areas add Vault --passback hard --most 4 --two-person while-empty\n  doorward doors rules 'Vault door' --ask card-and-pin --inside Vault\n  doorward areas inside Vault\n  doorward areas forgive --user 'Anna Berg'"
    )]
    Areas {
        /// What about them; none lists.
        #[command(subcommand)]
        action: Option<AreasAction>,
    },
    /// List readers; give them keys of their own; find them on a bus, and raise its speed.
    #[command(
        alias = "reader",
        after_help = "Examples:\n  doorward readers\n  doorward readers install front-in --minutes 5\n  doorward readers rotate-key front-in\n  doorward readers rotate-key --all\n  doorward readers figures\n  doorward readers scan north --last 15\n  doorward readers raise-speed north --limit 115200"
    )]
    Readers {
        /// What about them; none lists.
        #[command(subcommand)]
        action: Option<ReadersAction>,
    },
    /// List alarms; acknowledge and clear them.
    #[command(
        alias = "alarm",
        after_help = "Examples:\n  doorward alarms\n  doorward alarms list --all\n  doorward alarms acknowledge 1041 --note 'on my way'\n  doorward alarms clear 1041"
    )]
    Alarms {
        /// What about them; none lists those that stand.
        #[command(subcommand)]
        action: Option<AlarmsAction>,
    },
    /// List, show, add, change and remove sets of holidays for schedules.
    #[command(
        alias = "holiday",
        after_help = "Examples:\n  doorward holidays add --preset 'Sverige: helgdagar'\n  doorward holidays add Ours --day 'Founders=03-24' --day 'Summer=2026-07-06..2026-07-31'\n  doorward holidays show Sverige --year 2027"
    )]
    Holidays {
        /// What about them; none lists.
        #[command(subcommand)]
        action: Option<HolidaysAction>,
    },
    /// Check every invariant of the store, while the doors go on.
    Verify,
    /// Make a backup of the appliance, while the doors go on.
    #[command(
        after_help = "Examples:\n  doorward backup --folder /mnt/usb --passphrase-file -\n  doorward backup --recipient age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p --folder /mnt/usb\n  doorwardd restore /mnt/usb/doorward-My-site-20261122T030000Z.age --passphrase-file -"
    )]
    Backup(BackupArgs),
    /// Export the logs, also with the proof that nothing in them was altered.
    #[command(
        after_help = "Examples:\n  doorward log export events --format csv > passages.csv\n  doorward log export events --proof > passages.proof\n  tests/verify_log.py passages.proof"
    )]
    Log {
        /// What about them.
        #[command(subcommand)]
        action: LogAction,
    },
    /// Show the passage log, oldest first; follow it as it grows.
    #[command(
        after_help = "Examples:\n  doorward events --limit 20\n  doorward events --follow --door main\n  doorward events --user 'Anna Berg' --from 2026-11-20 --until 2026-11-21\n  doorward events --after 1041 --json"
    )]
    Events(EventsArgs),
    /// Unlock a door once, for its unlock time; or until it is relocked.
    #[command(
        after_help = "Examples:\n  doorward unlock 'Main entrance'\n  doorward unlock 'Main entrance' --until-relocked"
    )]
    Unlock {
        /// Which door.
        door: String,
        /// Until somebody relocks it, over every restart.
        #[arg(long)]
        until_relocked: bool,
    },
    /// Lock a door again: ends what was unlocked until relocked, and who holds it open.
    #[command(after_help = "Example:\n  doorward relock 'Main entrance'")]
    Relock {
        /// Which door.
        door: String,
    },
    /// Put a mode in force at a door, a group, a place, or the whole site; the strongest counts.
    #[command(
        after_help = "Examples:\n  doorward mode lockdown\n  doorward mode locked --door lab\n  doorward mode emergency-open --place 'North wing'\n  doorward mode normal"
    )]
    Mode(ModeArgs),
    /// Say when a door stands unlocked by itself: pending until it is activated.
    #[command(
        after_help = "Examples:\n  doorward plan main --schedule office --first-in Staff\n  doorward plan main --schedule office --dated 'locked 2026-12-24 12:00/2026-12-25 00:00'\n  doorward plan main --none"
    )]
    Plan(PlanArgs),
    /// Put the pending plan of a door in force, where the site allows it away from the door.
    Activate {
        /// Which door.
        door: String,
    },
    /// Explain why a user can or cannot open a door, or why an event came out as it did, step by step.
    #[command(
        after_help = "Examples:\n  doorward why 'Anna Berg' lab\n  doorward why anna@example.org lab --at '2026-03-29 07:55'\n  doorward why 'Anna Berg' lab --week\n  doorward why --event 1041"
    )]
    Why(WhyArgs),
    /// Show a virtual site: doors, readers and people, and the daemon and the console on it.
    ///
    /// Nothing needs to be installed or configured, and nothing stays behind.
    #[command(
        after_help = "Examples:\n  doorward demo\n  doorward demo --speed 60 --seed 7\n  doorward demo --headless --for 30 | tail -1 | jq .p99_ms"
    )]
    Demo(DemoArgs),
    /// The daemon of a demo, in a process of its own.
    #[command(name = "__daemon", hide = true)]
    Daemon(DaemonArgs),
    /// Print shell completions.
    #[command(
        after_help = "Example:\n  doorward completions bash > /usr/share/bash-completion/completions/doorward"
    )]
    Completions {
        /// For which shell.
        shell: Shell,
    },
    /// Print the man page, or write the pages of all commands into a folder.
    #[command(
        after_help = "Examples:\n  doorward man | man -l -\n  doorward man --dir /usr/share/man/man1"
    )]
    Man {
        /// The folder; it must exist.
        #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
        dir: Option<PathBuf>,
    },
}

/// What about users.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum UsersAction {
    /// List users.
    #[command(alias = "ls")]
    List {
        /// Only those with this text in name, e-mail or department.
        #[arg(long, value_name = "TEXT")]
        filter: Option<String>,
        /// Only those in this state.
        #[arg(long, value_enum)]
        state: Option<UserStateArg>,
    },
    /// Show one user with keys and credentials.
    Show {
        /// Which user.
        user: String,
    },
    /// Add a user; prints the new number.
    Add(UserFields),
    /// Change a user; what is not given stays.
    Edit {
        /// Which user.
        user: String,
        /// What to change.
        #[command(flatten)]
        fields: UserFields,
    },
    /// Take every key from a user; cards stay.
    RevokeKeys {
        /// Which user.
        user: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Erase a person, for good: the user, their cards, and what the logs say of them.
    Erase {
        /// Which user; one who was removed before by `#` and their number.
        user: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Remove a user: keys are taken away and cards no longer open; log rows stay.
    #[command(alias = "rm")]
    Remove {
        /// Which user.
        user: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// The fields of a user.
#[derive(Debug, Args)]
pub struct UserFields {
    /// First name.
    #[arg(long, value_name = "NAME")]
    pub first: Option<String>,
    /// Last name.
    #[arg(long, value_name = "NAME")]
    pub last: Option<String>,
    /// E-mail, unique; an empty one takes it away.
    #[arg(long, value_name = "ADDRESS", value_hint = ValueHint::EmailAddress)]
    pub email: Option<String>,
    /// Department.
    #[arg(long, value_name = "TEXT")]
    pub department: Option<String>,
    /// The place the user belongs to; an empty one takes it away.
    #[arg(long, value_name = "PLACE")]
    pub place: Option<String>,
    /// The company the user belongs to; an empty one takes it away.
    #[arg(long, value_name = "COMPANY")]
    pub company: Option<String>,
    /// Where the user stands; only active users can open doors.
    #[arg(long, value_enum)]
    pub state: Option<UserStateArg>,
    /// Whether doors give this user the extended unlock time.
    #[arg(long, value_name = "BOOL")]
    pub extended_unlock: Option<bool>,
}

/// What about keys.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum KeysAction {
    /// List keys.
    #[command(alias = "ls")]
    List,
    /// Show one key with its doors and holders.
    Show {
        /// Which key.
        key: String,
    },
    /// Make a key; prints the new number.
    Add {
        /// Its name.
        name: String,
        /// A door it opens; give it once for each.
        #[arg(long = "door", value_name = "DOOR", required_unless_present = "groups")]
        doors: Vec<String>,
        /// A door group it opens; give it once for each.
        #[arg(long = "group", value_name = "GROUP")]
        groups: Vec<String>,
        /// The place that owns it; that of its doors, or the site, unless given.
        #[arg(long, value_name = "PLACE")]
        place: Option<String>,
        /// When it opens; always unless given.
        #[arg(long, value_name = "SCHEDULE")]
        schedule: Option<String>,
        /// The common window of all holders begins.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// The common window of all holders ends.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// What it allows beside opening.
        #[command(flatten)]
        flags: KeyFlagFields,
    },
    /// Change a key; what is not given stays.
    Edit {
        /// Which key.
        key: String,
        /// What to change.
        #[command(flatten)]
        change: KeyEdit,
    },
    /// Give a key to users, for good or for a time.
    #[command(alias = "send")]
    Grant {
        /// Which key.
        key: String,
        /// To whom, and when.
        #[command(flatten)]
        grant: GrantArgs,
    },
    /// Take a key back from users, or one of their intervals.
    Revoke {
        /// Which key.
        key: String,
        /// Which users.
        #[arg(required_unless_present = "all")]
        users: Vec<String>,
        /// From every holder.
        #[arg(long, conflicts_with_all = ["users", "from", "until"])]
        all: bool,
        /// Only the interval that begins at this time.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Only the interval that ends at this time.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// Block a key for a while: holders keep it, doors deny.
    Block {
        /// Which key.
        key: String,
        /// Why; shown to operators.
        #[arg(long, value_name = "TEXT")]
        reason: String,
        /// In force again from this time; until unblocked unless given.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Lift a block.
    Unblock {
        /// Which key.
        key: String,
    },
    /// Remove a key; its holders lose it.
    #[command(alias = "rm")]
    Remove {
        /// Which key.
        key: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// What about credentials.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum CredentialsAction {
    /// List credentials.
    #[command(alias = "ls")]
    List {
        /// Only this user's.
        #[arg(long, value_name = "USER")]
        user: Option<String>,
    },
    /// Add a card or a phone; prints the new number.
    Add {
        /// Who holds it; a spare unless given.
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// What the reader sends.
        #[command(flatten)]
        data: CredentialDataArgs,
        /// Where it stands.
        #[arg(long, value_enum, default_value_t = CredentialStateArg::Active)]
        state: CredentialStateArg,
        /// Valid from this time.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Expires at this time.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// What is printed on it, or any note.
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
    },
    /// Give a user a PIN. It is asked for, or read from the input; it is never shown again.
    Pin {
        /// Who has it.
        #[arg(long, value_name = "USER")]
        user: Option<String>,
        /// It opens as any PIN, and raises a silent alarm.
        #[arg(long)]
        duress: bool,
        /// Any note.
        #[arg(long, value_name = "TEXT", default_value = "")]
        label: String,
    },
    /// Wait for a card at a reader, and add it.
    Learn {
        /// At which reader, by its name in `site.toml`.
        reader: String,
        /// Whose it is, and what of it is meant.
        #[command(flatten)]
        enrol: EnrolArgs,
    },
    /// Add the card of an event: of an unknown card that was refused.
    Enrol {
        /// The number of the event.
        #[arg(value_parser = people::event_number)]
        event: u64,
        /// Whose it is, and what of it is meant.
        #[command(flatten)]
        enrol: EnrolArgs,
    },
    /// Change a credential; what is not given stays.
    Edit {
        /// Its number.
        #[arg(value_parser = parse::id)]
        credential: u32,
        /// Who holds it from now on.
        #[arg(long, value_name = "USER", conflicts_with = "spare")]
        user: Option<String>,
        /// Nobody holds it from now on.
        #[arg(long)]
        spare: bool,
        /// Where it stands; `inactive` for a lost card.
        #[arg(long, value_enum)]
        state: Option<CredentialStateArg>,
        /// Expires at this time.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
        /// What is printed on it, or any note.
        #[arg(long, value_name = "TEXT")]
        label: Option<String>,
    },
    /// Remove a credential from the table.
    #[command(alias = "rm")]
    Remove {
        /// Its number.
        #[arg(value_parser = parse::id)]
        credential: u32,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// What the reader sends: exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct CredentialDataArgs {
    /// A card by its number: `FORMAT FACILITY-NUMBER` or `FORMAT NUMBER`.
    #[arg(long, value_name = "NUMBER", value_parser = parse::card_number)]
    pub card: Option<CardNumber>,
    /// A phone by the card number that its reader shows.
    #[arg(long, value_name = "NUMBER", value_parser = parse::card_number)]
    pub phone: Option<CardNumber>,
    /// A card by its bits, as an unknown card's event tells them.
    #[arg(long, value_name = "BITS")]
    pub bits: Option<CardBits>,
}

/// Which rows of the passage log.
#[derive(Debug, Args)]
pub struct EventsArgs {
    /// Go on with new events as they happen, until interrupted.
    #[arg(long, short)]
    pub follow: bool,
    /// Only events with a higher number than this; the newest ones unless given.
    #[arg(long, value_name = "NUMBER")]
    pub after: Option<u64>,
    /// At most so many events before following.
    #[arg(long, value_name = "COUNT", default_value_t = 50)]
    pub limit: u32,
    /// Only events at this door.
    #[arg(long, value_name = "DOOR")]
    pub door: Option<String>,
    /// Only events of this user.
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// Only events at this time or later, in the zone of this terminal.
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub from: Option<String>,
    /// Only events before this time.
    #[arg(long, value_name = "TIME", conflicts_with = "follow")]
    pub until: Option<String>,
}

/// Where a user stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum UserStateArg {
    /// An invitation is out.
    Invited,
    /// In force.
    Active,
    /// Switched off.
    Inactive,
    /// Switched off with a reason; keeps cards and keys.
    Suspended,
    /// Gone; log rows stay.
    Removed,
}

impl From<UserStateArg> for UserState {
    fn from(state: UserStateArg) -> Self {
        match state {
            UserStateArg::Invited => Self::Invited,
            UserStateArg::Active => Self::Active,
            UserStateArg::Inactive => Self::Inactive,
            UserStateArg::Suspended => Self::Suspended,
            UserStateArg::Removed => Self::Removed,
        }
    }
}

/// Where a credential stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CredentialStateArg {
    /// Made, not yet handed over.
    Pending,
    /// In force.
    Active,
    /// Lost or put aside.
    Inactive,
    /// Taken back.
    Removed,
}

impl From<CredentialStateArg> for CredentialState {
    fn from(state: CredentialStateArg) -> Self {
        match state {
            CredentialStateArg::Pending => Self::Pending,
            CredentialStateArg::Active => Self::Active,
            CredentialStateArg::Inactive => Self::Inactive,
            CredentialStateArg::Removed => Self::Removed,
        }
    }
}
