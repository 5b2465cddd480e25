use clap::{Args, Subcommand, ValueEnum};
use doorward_core::model::{Holding, KeyFlags, Language, QuickPick};

/// What about places.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum PlacesAction {
    /// List places, each below the one that it is part of.
    #[command(alias = "ls")]
    List,
    /// Show one place with what it owns and what is shared to it.
    Show {
        /// Which place.
        place: String,
    },
    /// Add a place; prints the new number.
    Add {
        /// Its name.
        name: String,
        /// What there is to say of it.
        #[command(flatten)]
        fields: PlaceFields,
    },
    /// Change a place; what is not given stays.
    Edit {
        /// Which place.
        place: String,
        /// Its new name.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// What to change.
        #[command(flatten)]
        fields: PlaceFields,
    },
    /// Remove a place that owns nothing any more.
    #[command(alias = "rm")]
    Remove {
        /// Which place.
        place: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// What there is to say of a place.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct PlaceFields {
    /// The place that it is part of; a new place is part of the site.
    #[arg(long = "in", value_name = "PLACE")]
    pub parent: Option<String>,
    /// What there is to know of it, found by a search.
    #[arg(long, value_name = "TEXT")]
    pub details: Option<String>,
    /// What sort of place it is.
    #[arg(long, value_name = "TEXT")]
    pub category: Option<String>,
    /// What holders of its keys are told who need help.
    #[arg(long, value_name = "TEXT")]
    pub support: Option<String>,
    /// The most users of it and of the places in it; `none` for no cap.
    #[arg(long, value_name = "COUNT", value_parser = number_or_none)]
    pub users_max: Option<Setting>,
    /// What its users read unless they chose.
    #[arg(long, value_enum)]
    pub language: Option<LanguageArg>,
    /// How many days passages keep names; `none` for as long as the place above says.
    #[arg(long, value_name = "DAYS", value_parser = number_or_none)]
    pub log_retention_days: Option<Setting>,
}

/// A number, or none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Setting(pub Option<u32>);

fn number_or_none(text: &str) -> Result<Setting, String> {
    if text == "none" {
        return Ok(Setting(None));
    }
    let number = text.parse();
    number
        .map(|number| Setting(Some(number)))
        .map_err(|_| format!("found `{text}`, expected a number or `none`"))
}

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "the names say it")]
pub enum LanguageArg {
    En,
    Sv,
    Fr,
    Cs,
    Da,
}

impl From<LanguageArg> for Language {
    fn from(language: LanguageArg) -> Self {
        match language {
            LanguageArg::En => Self::English,
            LanguageArg::Sv => Self::Swedish,
            LanguageArg::Fr => Self::French,
            LanguageArg::Cs => Self::Czech,
            LanguageArg::Da => Self::Danish,
        }
    }
}

/// What about door groups.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum GroupsAction {
    /// List door groups with their doors.
    #[command(alias = "ls")]
    List,
    /// Make a door group; prints the new number.
    Add {
        /// Its name.
        name: String,
        /// A door it has; give it once for each.
        #[arg(long = "door", value_name = "DOOR")]
        doors: Vec<String>,
        /// The place that owns it; that of its doors, or the site, unless given.
        #[arg(long, value_name = "PLACE")]
        place: Option<String>,
    },
    /// Change a door group: keys open what it has from then on.
    Edit {
        /// Which group.
        group: String,
        /// Its new name.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// A door to add; give it once for each.
        #[arg(long = "add-door", value_name = "DOOR")]
        add: Vec<String>,
        /// A door to take out; give it once for each.
        #[arg(long = "drop-door", value_name = "DOOR")]
        drop: Vec<String>,
        /// Only say whom it would touch.
        #[arg(long)]
        dry_run: bool,
    },
    /// Remove a door group; keys lose its doors.
    #[command(alias = "rm")]
    Remove {
        /// Which group.
        group: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// What about companies.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum CompaniesAction {
    /// List companies.
    #[command(alias = "ls")]
    List,
    /// Show one company with its users.
    Show {
        /// Which company.
        company: String,
    },
    /// Add a company; prints the new number.
    Add {
        /// Its name.
        name: String,
        /// The place it is in; the site unless given.
        #[arg(long = "in", value_name = "PLACE")]
        place: Option<String>,
        /// What there is to know of it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        details: String,
    },
    /// Change a company; what is not given stays.
    Edit {
        /// Which company.
        company: String,
        /// Its new name.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// The place it is in.
        #[arg(long = "in", value_name = "PLACE")]
        place: Option<String>,
        /// What there is to know of it.
        #[arg(long, value_name = "TEXT")]
        details: Option<String>,
    },
    /// Remove a company that no user belongs to.
    #[command(alias = "rm")]
    Remove {
        /// Which company.
        company: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// Whom a key is given to, and when they may use it.
#[derive(Debug, Clone, Args)]
pub struct GrantArgs {
    /// Which users.
    #[arg(required_unless_present_any = ["companies", "places", "holders_of"])]
    pub users: Vec<String>,
    /// All users of a company; give it once for each.
    #[arg(long = "company", value_name = "COMPANY")]
    pub companies: Vec<String>,
    /// All users who belong to a place; give it once for each.
    #[arg(long = "place", value_name = "PLACE")]
    pub places: Vec<String>,
    /// All holders of another key; give it once for each.
    #[arg(long = "holders-of", value_name = "KEY")]
    pub holders_of: Vec<String>,
    /// Valid from this time; at once unless given.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Valid until this time; without end unless given.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Valid then, by the key's own clock.
    #[arg(long, value_enum, conflicts_with_all = ["from", "until"])]
    pub quick: Option<QuickArg>,
    /// What becomes of those who hold it already.
    #[arg(long, value_enum, default_value_t = HoldingArg::Replace)]
    pub holding: HoldingArg,
    /// Only say whom it would touch.
    #[arg(long)]
    pub dry_run: bool,
}

/// An interval by a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum QuickArg {
    /// From now until midnight.
    Today,
    /// The whole of tomorrow.
    Tomorrow,
    /// The whole of the first Monday after today.
    NextMonday,
    /// From now, for seven days.
    OneWeek,
}

impl From<QuickArg> for QuickPick {
    fn from(quick: QuickArg) -> Self {
        match quick {
            QuickArg::Today => Self::Today,
            QuickArg::Tomorrow => Self::Tomorrow,
            QuickArg::NextMonday => Self::NextMonday,
            QuickArg::OneWeek => Self::OneWeek,
        }
    }
}

/// What becomes of those who hold a key that is given to them again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HoldingArg {
    /// What they have is replaced.
    Replace,
    /// The interval is added; who holds it for always goes on so.
    Extend,
    /// They keep what they have.
    Keep,
}

impl From<HoldingArg> for Holding {
    fn from(holding: HoldingArg) -> Self {
        match holding {
            HoldingArg::Replace => Self::Replace,
            HoldingArg::Extend => Self::Extend,
            HoldingArg::Keep => Self::Keep,
        }
    }
}

/// What to change of a key; what is not given stays.
#[derive(Debug, Clone, Default, Args)]
pub struct KeyEdit {
    /// Its new name.
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// A door to add; give it once for each.
    #[arg(long = "add-door", value_name = "DOOR")]
    pub add_doors: Vec<String>,
    /// A door to take out; give it once for each.
    #[arg(long = "drop-door", value_name = "DOOR")]
    pub drop_doors: Vec<String>,
    /// A door group to add; give it once for each.
    #[arg(long = "add-group", value_name = "GROUP")]
    pub add_groups: Vec<String>,
    /// A door group to take out; give it once for each.
    #[arg(long = "drop-group", value_name = "GROUP")]
    pub drop_groups: Vec<String>,
    /// When it opens; `always` for no schedule.
    #[arg(long, value_name = "SCHEDULE")]
    pub schedule: Option<String>,
    /// What it allows beside opening.
    #[command(flatten)]
    pub flags: KeyFlagFields,
    /// Only say whom it would touch.
    #[arg(long)]
    pub dry_run: bool,
}

/// What a key allows beside opening its doors; what is not given stays, and is off in a new key.
#[derive(Debug, Clone, Default, Args)]
pub struct KeyFlagFields {
    /// Whether holders may hold a door open by a double badge.
    #[arg(long, value_name = "BOOL")]
    may_hold_open: Option<bool>,
    /// Whether integrations may send it.
    #[arg(long, value_name = "BOOL")]
    open_to_integrations: Option<bool>,
    /// Whether it is named as its only door is.
    #[arg(long, value_name = "BOOL")]
    name_follows_door: Option<bool>,
    /// Whether it opens in a lockdown, too.
    #[arg(long, value_name = "BOOL")]
    lockdown_exempt: Option<bool>,
    /// Whether its holders activate a door's pending plan at the door.
    #[arg(long, value_name = "BOOL")]
    activates_plans: Option<bool>,
}

impl KeyFlagFields {
    /// These flags with what is given.
    pub(crate) fn applied_to(&self, mut flags: KeyFlags) -> KeyFlags {
        let Self {
            may_hold_open,
            open_to_integrations,
            name_follows_door,
            lockdown_exempt,
            activates_plans,
        } = *self;
        for (flag, wanted) in [
            (&mut flags.may_hold_open, may_hold_open),
            (&mut flags.open_to_integrations, open_to_integrations),
            (&mut flags.name_follows_door, name_follows_door),
            (&mut flags.lockdown_exempt, lockdown_exempt),
            (&mut flags.activates_plans, activates_plans),
        ] {
            *flag = wanted.unwrap_or(*flag);
        }
        flags
    }
}
