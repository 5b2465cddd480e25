use clap::{Args, Subcommand, ValueEnum};
use doorward_core::date::CivilDate;
use doorward_core::model::SchedulePreset;

use crate::cli::{calendar, parse};

/// What about schedules.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum SchedulesAction {
    /// List schedules.
    #[command(alias = "ls")]
    List,
    /// Show one schedule.
    Show {
        /// Which schedule.
        schedule: String,
    },
    /// Make a schedule; prints the new number.
    Add {
        /// Its name.
        name: String,
        /// IANA time zone, such as `Europe/Stockholm`.
        #[arg(long, value_name = "ZONE")]
        time_zone: String,
        /// Its hours.
        #[command(flatten)]
        hours: ScheduleHours,
    },
    /// Change a schedule; what is not given stays.
    Edit {
        /// Which schedule.
        schedule: String,
        /// Its name from now on.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// IANA time zone, such as `Europe/Stockholm`.
        #[arg(long, value_name = "ZONE")]
        time_zone: Option<String>,
        /// Its hours from now on; those of the week replace all that it had.
        #[command(flatten)]
        hours: ScheduleHours,
        /// It follows no holidays from now on.
        #[arg(long, conflicts_with = "holidays")]
        no_holidays: bool,
    },
    /// Make a schedule like another, under a new name; prints the new number.
    #[command(alias = "cp")]
    Copy {
        /// Which schedule.
        schedule: String,
        /// The name of the new one.
        name: String,
    },
    /// Give days of the calendar hours of their own; without hours they are closed.
    #[command(
        after_help = "Examples:\n  doorward schedules except Office 2026-12-24 --hours 08:00-12:00 --note 'Christmas Eve'\n  doorward schedules except Office 2026-07-06 --until 2026-07-31 --note closed\n  doorward schedules except Office 2026-12-24 --remove"
    )]
    Except {
        /// Which schedule.
        schedule: String,
        /// The first day.
        date: CivilDate,
        /// The last day, included; the first unless given.
        #[arg(long, value_name = "DATE")]
        until: Option<CivilDate>,
        /// When it is open on each of them; give it once for each interval.
        #[arg(long, value_name = "HOURS", value_parser = calendar::interval)]
        hours: Vec<doorward_core::model::DayInterval>,
        /// What it is, for people.
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
        /// Take the exception of that day away: it has its ordinary hours again.
        #[arg(long, conflicts_with_all = ["until", "hours", "note"])]
        remove: bool,
    },
    /// Show as an hour grid what a schedule comes to, with exceptions and holidays.
    Week {
        /// Which schedule.
        schedule: String,
        /// Which days.
        #[command(flatten)]
        days: DaysArgs,
    },
    /// List the hours that a schedule can begin with.
    Presets,
    /// Remove a schedule that nothing uses.
    #[command(alias = "rm")]
    Remove {
        /// Which schedule.
        schedule: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}

/// The hours of a schedule.
#[derive(Debug, Args)]
pub struct ScheduleHours {
    /// Days and hours, such as `mon-fri 07:00-18:00`, `sat,sun 10:00-16:00` or
    /// `daily 22:00-06:00`; give it once for each.
    #[arg(long, value_name = "HOURS", value_parser = parse::weekly)]
    pub weekly: Vec<parse::Weekly>,
    /// Hours of the week to begin with.
    #[arg(long, value_enum)]
    pub preset: Option<PresetArg>,
    /// A holiday set that it follows: closed on its days, or `SET=08:00-12:00,13:00-15:00`; give
    /// it once for each, the most important first.
    #[arg(long, value_name = "SET", value_parser = calendar::rule)]
    pub holidays: Vec<calendar::Rule>,
}

/// Hours of the week by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[allow(
    missing_docs,
    reason = "`doorward schedules presets` tells their hours"
)]
pub enum PresetArg {
    Office,
    Shop,
    Days,
    Nights,
    Workdays,
    Weekends,
    Always,
}

impl From<PresetArg> for SchedulePreset {
    fn from(preset: PresetArg) -> Self {
        match preset {
            PresetArg::Office => Self::Office,
            PresetArg::Shop => Self::Shop,
            PresetArg::Days => Self::Days,
            PresetArg::Nights => Self::Nights,
            PresetArg::Workdays => Self::Workdays,
            PresetArg::Weekends => Self::Weekends,
            PresetArg::Always => Self::Always,
        }
    }
}

/// Which days to look at.
#[derive(Debug, Clone, Copy, Args)]
pub struct DaysArgs {
    /// The first day; the Monday of this week unless given.
    #[arg(long, value_name = "DATE")]
    pub from: Option<CivilDate>,
    /// How many days; 7 unless given.
    #[arg(long, value_name = "COUNT")]
    pub days: Option<u16>,
}

/// What about holidays.
#[derive(Debug, Subcommand)]
#[command(disable_help_subcommand = true)]
pub enum HolidaysAction {
    /// List holiday sets.
    #[command(alias = "ls")]
    List,
    /// Show one holiday set, and its days in a year.
    Show {
        /// Which set.
        set: String,
        /// Which year; the present one unless given.
        #[arg(long)]
        year: Option<i16>,
    },
    /// Make a holiday set; prints the new number.
    Add {
        /// Its name; that of the preset unless given.
        #[arg(required_unless_present = "preset")]
        name: Option<String>,
        /// Begin with the holidays of a country: a name, or its beginning, of those that
        /// `doorward holidays presets` lists.
        #[arg(long, value_name = "NAME")]
        preset: Option<String>,
        /// A holiday, as `NAME=WHEN`; give it once for each.
        #[arg(long = "day", value_name = "NAME=WHEN", value_parser = calendar::holiday)]
        days: Vec<doorward_core::model::Holiday>,
    },
    /// Change a holiday set; what is not given stays.
    Edit {
        /// Which set.
        set: String,
        /// Its name from now on.
        #[arg(long, value_name = "NAME")]
        name: Option<String>,
        /// A holiday more, as `NAME=WHEN`; give it once for each.
        #[arg(long = "day", value_name = "NAME=WHEN", value_parser = calendar::holiday)]
        days: Vec<doorward_core::model::Holiday>,
        /// A holiday less, by its name; give it once for each.
        #[arg(long = "drop", value_name = "NAME")]
        dropped: Vec<String>,
    },
    /// List the holidays of countries that a set can begin with.
    Presets,
    /// Remove a holiday set that no schedule follows.
    #[command(alias = "rm")]
    Remove {
        /// Which set.
        set: String,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
}
