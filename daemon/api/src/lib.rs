//! The types of the local API, and its client.
//!
//! HTTP/1.1 and JSON on a Unix socket. The records of the access table, the events and the reasons
//! are those of [`doorward_core`]; this crate adds what surrounds them on the wire.
//!
//! - [`Client`]: every call, typed. [`EventStream`] and [`LiveStream`]: what is live.
//! - [`ProblemDetails`]: how the daemon says no. [`ClientError`]: everything that can go wrong.
//! - [`Resource`]: the kinds of records that are listed, read, created, replaced and deleted alike.
//!
//! ```no_run
//! # async fn example() -> Result<(), doorward_api::ClientError> {
//! use doorward_api::{Client, ListQuery};
//! use doorward_core::model::Door;
//!
//! let client = Client::default();
//! for door in client.list::<Door>(&ListQuery::default()).await?.items {
//!     println!("{} {}", door.id, door.name);
//! }
//! # Ok(())
//! # }
//! ```

mod alarm;
mod bus;
mod card;
mod change;
mod client;
mod event;
mod live;
mod log;
mod page;
mod people;
mod problem;
mod reader;
mod resource;
mod schedule;
mod sse;
mod status;
mod vault;
mod why;

pub use alarm::{AlarmNote, AlarmsPage, AlarmsQuery};
pub use bus::{
    BusJob, BusJobKind, BusJobState, BusStatus, FoundReader, RaiseSpeedBody, ReaderFigures,
    ReaderIdentity, ReaderSpeed, ScanBody,
};
pub use card::{
    CardFormat, CardFormats, CardReading, DecodeBody, DecodedCard, EncodeBody, EncodedCard,
};
pub use change::{Applied, Changes, DryRun, GrantBody, ModeBody, MoveBody, Saved, SendBody};
pub use client::{
    ANSWER_MAX, ANSWER_TIMEOUT, Client, ClientError, EventStream, LiveMessage, LiveStream,
    SILENCE_MAX,
};
pub use event::{EventRow, EventsPage, EventsQuery};
pub use live::{Alarm, BoardStatus, Live, LiveSnapshot, ReaderKey, ReaderStatus};
pub use log::{LogHead, LogsStatus, ProofPage, ProofQuery, ProofRow};
pub use page::{ListQuery, PAGE_DEFAULT, PAGE_MAX, Page};
pub use people::{EnrolBody, ForgiveBody, Inside, LearnBody, LearnedCard};
pub use problem::{PROBLEM_JSON, ProblemDetails, ProblemKind};
pub use reader::{InstallBody, InstallWindow};
pub use resource::{DoorUser, DoorView, KeyDoor, KeyView, PlaceContents, Resource, UserDoor};
pub use schedule::{
    DaysQuery, HolidayDay, HolidayDays, PresetHolidays, PresetHours, Presets, PreviewRequest,
    SchedulePreview, YearQuery,
};
pub use sse::{SSE_EVENT_MAX, SseError, SseEvent, SseParser};
pub use status::{ApiInfo, Status, StorageState, StorageStatus, UplinkState, UplinkStatus};
pub use vault::{BackupBody, BackupMade, CheckResult, VaultJob, VaultJobKind, VaultJobState};
pub use why::{EventWhy, UserAccess, WhyRequest, WhySubject};

/// Where the daemon listens unless `site.toml` says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/doorward/api.sock";
