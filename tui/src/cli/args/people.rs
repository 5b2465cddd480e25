use clap::{Args, Subcommand, ValueEnum};
use doorward_core::card::FormatName;
use doorward_core::model::{AuthMethod, Interlock, Passback, TwoPerson};

/// What about alarms.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum AlarmsAction {
    /// List the alarms that stand; with `--all`, those of the past, too.
    #[command(alias = "ls")]
    List {
        /// The whole history.
        #[arg(long)]
        all: bool,
        /// At most so many, 1 to 1000.
        #[arg(long, value_name = "COUNT", default_value_t = 100)]
        limit: u32,
    },
    /// Say that you have seen an alarm.
    #[command(alias = "ack")]
    Acknowledge(AlarmMarkArgs),
    /// Put an alarm away.
    Clear(AlarmMarkArgs),
}

/// An alarm, and what there is to say of it.
#[derive(Debug, Args)]
pub struct AlarmMarkArgs {
    /// Its number, as `doorward alarms` lists it.
    pub number: u64,
    /// What to say of it.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
}

/// What about areas.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum AreasAction {
    /// List areas.
    #[command(alias = "ls")]
    List,
    /// Make an area; prints the new number.
    Add {
        /// Its name.
        name: String,
        /// Its rules.
        #[command(flatten)]
        rules: AreaRules,
    },
    /// Change an area; what is not given stays.
    Edit {
        /// Which area.
        area: String,
        /// Its new name.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// Its rules.
        #[command(flatten)]
        rules: AreaRules,
    },
    /// Show who is inside.
    Inside {
        /// Which area.
        area: String,
    },
    /// Forgive: it counts as not known where somebody is.
    Forgive {
        /// Whom.
        #[command(flatten)]
        whom: ForgiveArgs,
    },
    /// Remove an area that no door leads to.
    #[command(alias = "rm")]
    Remove {
        /// Which area.
        area: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// Whom to forgive: exactly one of these.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct ForgiveArgs {
    /// One user.
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// All who are inside an area.
    #[arg(long, value_name = "AREA")]
    pub area: Option<String>,
    /// Everybody.
    #[arg(long)]
    pub everyone: bool,
}

/// The rules of an area.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct AreaRules {
    /// What happens when somebody comes in who is inside already.
    #[arg(long, value_enum)]
    pub passback: Option<PassbackArg>,
    /// For so many seconds after somebody came in they are not let in again; 0 for no such rule.
    #[arg(long, value_name = "SECONDS")]
    pub passback_s: Option<u32>,
    /// How many may be inside at once; 0 for any number.
    #[arg(long, value_name = "COUNT")]
    pub most: Option<u32>,
    /// Whether two must come in together.
    #[arg(long, value_enum)]
    pub two_person: Option<TwoPersonArg>,
    /// Whether only one of its doors may stand open at a time.
    #[arg(long, value_enum)]
    pub interlock: Option<InterlockArg>,
}

/// What a door asks for, and the areas that it lies between.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct DoorRules {
    /// What must be shown at its entry readers.
    #[arg(long, value_enum, value_name = "METHOD")]
    pub ask: Option<MethodArg>,
    /// The same during a schedule: `SCHEDULE=METHOD`. Give it once for each, the strongest first;
    /// `none` for no schedule.
    #[arg(long, value_name = "SCHEDULE=METHOD", value_parser = parse_during)]
    pub during: Vec<(String, Option<MethodArg>)>,
    /// The area that its entry readers lead to, or `none`.
    #[arg(long, value_name = "AREA")]
    pub inside: Option<String>,
    /// The area that they lead from, or `none`.
    #[arg(long, value_name = "AREA")]
    pub outside: Option<String>,
}

fn parse_during(text: &str) -> Result<(String, Option<MethodArg>), String> {
    if text == "none" {
        return Ok((String::new(), None));
    }
    let (schedule, method) = text
        .rsplit_once('=')
        .ok_or("expected `SCHEDULE=METHOD`, such as `Night=card-and-pin`, or `none`")?;
    let method = MethodArg::from_str(method, true)?;
    Ok((schedule.to_owned(), Some(method)))
}

/// A card that was shown, and how it becomes a credential.
#[derive(Debug, Args)]
pub struct EnrolArgs {
    /// Who holds it; a spare unless given.
    #[arg(long, value_name = "USER")]
    pub user: Option<String>,
    /// By the number that this format reads; needed where several do.
    #[arg(long, value_name = "FORMAT", conflicts_with = "raw")]
    pub format: Option<FormatName>,
    /// By all its bits, whatever formats read.
    #[arg(long)]
    pub raw: bool,
    /// What is printed on it, or any note.
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub label: String,
}

/// A number of an event.
pub(in crate::cli) fn event_number(text: &str) -> Result<u64, String> {
    let number = text.strip_prefix('#').unwrap_or(text);
    number
        .parse()
        .map_err(|_| format!("`{text}` is not the number of an event"))
}

macro_rules! arg {
    ($(#[$doc:meta])* $name:ident as $of:ident { $($(#[$each:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        pub enum $name {
            $($(#[$each])* $variant),+
        }

        impl From<$name> for $of {
            fn from(arg: $name) -> Self {
                match arg {
                    $($name::$variant => Self::$variant),+
                }
            }
        }
    };
}

arg! {
    /// What must be shown.
    MethodArg as AuthMethod {
        /// A card.
        Card,
        /// A PIN.
        Pin,
        /// A card, then the PIN of its holder.
        CardAndPin,
        /// Either.
        CardOrPin,
    }
}
arg! {
    /// Anti-passback.
    PassbackArg as Passback {
        /// Nothing.
        Off,
        /// They are let in, and it is logged.
        Soft,
        /// They are refused.
        Hard,
    }
}
arg! {
    /// The two-person rule.
    TwoPersonArg as TwoPerson {
        /// One may come in alone.
        Off,
        /// Two come in together while nobody is inside.
        WhileEmpty,
        /// Always two together.
        Always,
    }
}
arg! {
    /// A mantrap.
    InterlockArg as Interlock {
        /// Any number of doors.
        Off,
        /// Entry readers wait for the other doors.
        Entry,
        /// Exit readers, too.
        Both,
    }
}
