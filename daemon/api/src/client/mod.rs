//! The client of the local API.

mod bus;
mod connect;
mod error;
mod exchange;
mod reader;
mod stream;
mod structure;

use std::path::{Path, PathBuf};
use std::time::Duration;

use doorward_core::alarm_log::AlarmRecord;
use doorward_core::card::CardBits;
use doorward_core::decide::Explanation;
use doorward_core::ids::{
    AreaId, DoorGroupId, DoorId, HolidaySetId, KeyId, PlaceId, ScheduleId, UserId,
};
use doorward_core::model::{Credential, DoorMode, Grant};
use hyper::Method;
use serde::Serialize;
use serde::de::DeserializeOwned;

pub use error::ClientError;
pub use stream::{EventStream, LiveMessage, LiveStream, SILENCE_MAX};

use crate::{
    Alarm, AlarmNote, AlarmsPage, AlarmsQuery, Applied, BackupBody, CardFormats, Changes,
    DEFAULT_SOCKET, DaysQuery, DecodeBody, DecodedCard, DoorUser, DoorView, EncodeBody,
    EncodedCard, EnrolBody, EventRow, EventWhy, EventsPage, EventsQuery, ForgiveBody, GrantBody,
    HolidayDays, Inside, LearnBody, LearnedCard, ListQuery, ModeBody, Page, Presets,
    PreviewRequest, ProofPage, ProofQuery, Resource, Saved, SchedulePreview, Status, UserAccess,
    UserDoor, VaultJob, WhyRequest,
};
use exchange::Call;

/// How long an answer may take.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(35);

/// The most bytes of one answer.
pub const ANSWER_MAX: usize = 64 * 1024 * 1024;

/// Calls the daemon on its Unix socket. Cheap to clone; every call is a connection of its own, so
/// that a daemon that was restarted meanwhile is found again at once.
#[derive(Debug, Clone)]
pub struct Client {
    socket: PathBuf,
}

impl Default for Client {
    fn default() -> Self {
        Self::new(DEFAULT_SOCKET)
    }
}

impl Client {
    /// A client of the daemon that listens on `socket`.
    #[must_use]
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// The socket it calls.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// How the appliance is.
    pub async fn status(&self) -> Result<Status, ClientError> {
        self.read("/v1/status").await
    }

    /// A page of records.
    pub async fn list<R: Resource>(&self, query: &ListQuery) -> Result<Page<R>, ClientError> {
        self.read(&format!("/v1/{}{}", R::COLLECTION, query.to_query()))
            .await
    }

    /// Every record of a kind, page by page.
    pub async fn list_all<R: Resource>(&self) -> Result<Vec<R>, ClientError> {
        let mut query = ListQuery {
            limit: Some(crate::PAGE_MAX),
            ..ListQuery::default()
        };
        let mut all = Vec::new();
        loop {
            let page = self.list(&query).await?;
            all.extend(page.items);
            match page.next {
                Some(next) => query = query.after(next),
                None => return Ok(all),
            }
        }
    }

    /// One record.
    pub async fn record<R: Resource>(&self, id: R::Id) -> Result<R, ClientError> {
        self.read(&format!("/v1/{}/{id}", R::COLLECTION)).await
    }

    /// Makes a record. Its id is given by the daemon and told with the answer.
    pub async fn create<R: Resource>(&self, record: &R) -> Result<Saved<R>, ClientError> {
        let mut body = serde_json::to_value(record).map_err(ClientError::Encode)?;
        if let Some(fields) = body.as_object_mut() {
            fields.remove("id");
        }
        self.write(Method::POST, &format!("/v1/{}", R::COLLECTION), &body)
            .await
    }

    /// Makes a PIN for a user. Only its print is stored, and nothing tells its digits again.
    pub async fn create_pin(
        &self,
        user: Option<UserId>,
        pin: &str,
        duress: bool,
        label: &str,
    ) -> Result<Saved<Credential>, ClientError> {
        let body = serde_json::json!({
            "user": user,
            "data": { "kind": "pin", "pin": pin, "duress": duress },
            "label": label,
        });
        self.write(Method::POST, "/v1/credentials", &body).await
    }

    /// Replaces the record of the same id.
    pub async fn replace<R: Resource>(&self, record: &R) -> Result<Saved<R>, ClientError> {
        let path = format!("/v1/{}/{}", R::COLLECTION, record.id());
        self.write(Method::PUT, &path, record).await
    }

    /// Takes a record away, with what cannot stand without it.
    pub async fn delete<R: Resource>(&self, id: R::Id) -> Result<Applied, ClientError> {
        let path = format!("/v1/{}/{id}", R::COLLECTION);
        self.send(Call::new(Method::DELETE, &path)).await
    }

    /// Applies several steps whole or not at all; with `revision`, only while the table is still
    /// at that revision.
    pub async fn apply(
        &self,
        changes: &Changes,
        revision: Option<u64>,
    ) -> Result<Applied, ClientError> {
        let mut call = Call::new(Method::POST, "/v1/changes").json(changes)?;
        call.if_match = revision;
        self.send(call).await
    }

    /// A page of doors with their live state.
    pub async fn doors(&self, query: &ListQuery) -> Result<Page<DoorView>, ClientError> {
        self.read(&format!("/v1/doors{}", query.to_query())).await
    }

    /// One door with its live state.
    pub async fn door(&self, door: DoorId) -> Result<DoorView, ClientError> {
        self.read(&format!("/v1/doors/{door}")).await
    }

    /// Unlocks a door once. Returns when its relay is driven.
    pub async fn unlock(&self, door: DoorId) -> Result<(), ClientError> {
        let path = format!("/v1/doors/{door}/unlock");
        self.send_for_nothing(Call::new(Method::POST, &path)).await
    }

    /// Puts a mode in force at a door. Returns once it is.
    pub async fn set_door_mode(
        &self,
        door: DoorId,
        mode: DoorMode,
    ) -> Result<Applied, ClientError> {
        let path = format!("/v1/doors/{door}/mode");
        self.write(Method::POST, &path, &ModeBody { mode }).await
    }

    /// Puts a mode in force at the doors of a group. Returns once it is.
    pub async fn set_group_mode(
        &self,
        group: DoorGroupId,
        mode: DoorMode,
    ) -> Result<Applied, ClientError> {
        let path = format!("/v1/door_groups/{group}/mode");
        self.write(Method::POST, &path, &ModeBody { mode }).await
    }

    /// Puts a mode in force at the doors of a place. Returns once it is.
    pub async fn set_place_mode(
        &self,
        place: PlaceId,
        mode: DoorMode,
    ) -> Result<Applied, ClientError> {
        let path = format!("/v1/places/{place}/mode");
        self.write(Method::POST, &path, &ModeBody { mode }).await
    }

    /// Locks a door again: ends its mode `unlocked`, holds and unlocks.
    pub async fn relock(&self, door: DoorId) -> Result<(), ClientError> {
        let path = format!("/v1/doors/{door}/relock");
        self.send_for_nothing(Call::new(Method::POST, &path)).await
    }

    /// Puts the pending plan of a door in force.
    pub async fn activate_plan(&self, door: DoorId) -> Result<Applied, ClientError> {
        let path = format!("/v1/doors/{door}/activate-plan");
        self.send(Call::new(Method::POST, &path)).await
    }

    /// Who holds a key to a door.
    pub async fn door_users(
        &self,
        door: DoorId,
        query: &ListQuery,
    ) -> Result<Page<DoorUser>, ClientError> {
        self.read(&format!("/v1/doors/{door}/users{}", query.to_query()))
            .await
    }

    /// The doors that a user holds a key to.
    pub async fn user_doors(
        &self,
        user: UserId,
        query: &ListQuery,
    ) -> Result<Page<UserDoor>, ClientError> {
        self.read(&format!("/v1/users/{user}/doors{}", query.to_query()))
            .await
    }

    /// The credentials of a user.
    pub async fn user_credentials(
        &self,
        user: UserId,
        query: &ListQuery,
    ) -> Result<Page<Credential>, ClientError> {
        self.read(&format!("/v1/users/{user}/credentials{}", query.to_query()))
            .await
    }

    /// The grants of a user.
    pub async fn user_keys(
        &self,
        user: UserId,
        query: &ListQuery,
    ) -> Result<Page<Grant>, ClientError> {
        self.read(&format!("/v1/users/{user}/keys{}", query.to_query()))
            .await
    }

    /// The grants of a key.
    pub async fn key_holders(
        &self,
        key: KeyId,
        query: &ListQuery,
    ) -> Result<Page<Grant>, ClientError> {
        self.read(&format!("/v1/keys/{key}/holders{}", query.to_query()))
            .await
    }

    /// Gives a user a key, or changes when they may use it.
    pub async fn give_key(&self, grant: &Grant) -> Result<Saved<Grant>, ClientError> {
        let path = format!("/v1/users/{}/keys/{}", grant.user, grant.key);
        let body = GrantBody {
            intervals: grant.intervals.clone(),
            ..GrantBody::default()
        };
        self.write(Method::PUT, &path, &body).await
    }

    /// Takes a key from a user.
    pub async fn take_key(&self, user: UserId, key: KeyId) -> Result<Applied, ClientError> {
        let path = format!("/v1/users/{user}/keys/{key}");
        self.send(Call::new(Method::DELETE, &path)).await
    }

    /// The card formats that the appliance knows.
    pub async fn card_formats(&self) -> Result<CardFormats, ClientError> {
        self.read("/v1/card_formats").await
    }

    /// What the bits of a card can mean, in every format.
    pub async fn decode_card(&self, card: CardBits) -> Result<DecodedCard, ClientError> {
        let body = DecodeBody { card };
        self.write(Method::POST, "/v1/cards/decode", &body).await
    }

    /// The bits of a card with a number.
    pub async fn encode_card(&self, body: &EncodeBody) -> Result<EncodedCard, ClientError> {
        self.write(Method::POST, "/v1/cards/encode", body).await
    }

    /// Why somebody can or cannot pass a door.
    pub async fn why(&self, request: &WhyRequest) -> Result<Explanation, ClientError> {
        self.write(Method::POST, "/v1/why", request).await
    }

    /// Why a past decision came out as it did.
    pub async fn event_why(&self, seq: u64) -> Result<EventWhy, ClientError> {
        self.read(&format!("/v1/events/{seq}/why")).await
    }

    /// From when until when a user may pass a door.
    pub async fn user_access(
        &self,
        user: UserId,
        door: DoorId,
        query: &DaysQuery,
    ) -> Result<UserAccess, ClientError> {
        let query = query.to_query();
        self.read(&format!("/v1/users/{user}/doors/{door}/access{query}"))
            .await
    }

    /// What to begin schedules and holiday sets with.
    pub async fn presets(&self) -> Result<Presets, ClientError> {
        self.read("/v1/presets").await
    }

    /// What a schedule comes to, day by day.
    pub async fn schedule_days(
        &self,
        schedule: ScheduleId,
        query: &DaysQuery,
    ) -> Result<SchedulePreview, ClientError> {
        self.read(&format!(
            "/v1/schedules/{schedule}/days{}",
            query.to_query()
        ))
        .await
    }

    /// What a schedule that need not be saved would come to.
    pub async fn preview_schedule(
        &self,
        request: &PreviewRequest,
    ) -> Result<SchedulePreview, ClientError> {
        self.write(Method::POST, "/v1/schedules/preview", request)
            .await
    }

    /// The days of a holiday set in a year; in the present one unless given.
    pub async fn holiday_days(
        &self,
        set: HolidaySetId,
        year: Option<i16>,
    ) -> Result<HolidayDays, ClientError> {
        let query = year.map_or_else(String::new, |year| format!("?year={year}"));
        self.read(&format!("/v1/holiday_sets/{set}/days{query}"))
            .await
    }

    /// Rows of the passage log.
    pub async fn events(&self, query: &EventsQuery) -> Result<EventsPage, ClientError> {
        self.read(&format!("/v1/events{}", query.to_query())).await
    }

    /// One row of the passage log.
    pub async fn event(&self, seq: u64) -> Result<EventRow, ClientError> {
        self.read(&format!("/v1/events/{seq}")).await
    }

    /// The passage log as it grows: every row after `after`; without it, from now on.
    pub async fn event_stream(&self, after: Option<u64>) -> Result<EventStream, ClientError> {
        let path = match after {
            Some(seq) => format!("/v1/events/stream?after={seq}"),
            None => "/v1/events/stream".to_owned(),
        };
        EventStream::open(&self.socket, &path).await
    }

    /// Rows of the passage log with their proof.
    pub async fn prove_events(&self, query: ProofQuery) -> Result<ProofPage, ClientError> {
        self.read(&format!("/v1/events/proof{}", query.to_query()))
            .await
    }

    /// Entries of the admin log with their proof.
    pub async fn prove_audit(&self, query: ProofQuery) -> Result<ProofPage, ClientError> {
        self.read(&format!("/v1/audit/proof{}", query.to_query()))
            .await
    }

    /// Erases a person from the table and, in the background, from the logs. It cannot be undone.
    pub async fn erase_user(&self, user: UserId) -> Result<(), ClientError> {
        let call = Call::new(Method::POST, &format!("/v1/users/{user}/erase"));
        self.send_for_nothing(call).await
    }

    /// Begins to check every invariant of the store.
    pub async fn verify(&self) -> Result<VaultJob, ClientError> {
        self.send(Call::new(Method::POST, "/v1/verify")).await
    }

    /// Begins a backup.
    pub async fn back_up(&self, body: &BackupBody) -> Result<VaultJob, ClientError> {
        self.write(Method::POST, "/v1/backup", body).await
    }

    /// The check or backup that runs, or ran last.
    pub async fn vault_job(&self) -> Result<VaultJob, ClientError> {
        self.read("/v1/vault").await
    }

    /// Breaks off the check or backup that runs.
    pub async fn cancel_vault_job(&self) -> Result<(), ClientError> {
        let call = Call::new(Method::POST, "/v1/vault/cancel");
        self.send_for_nothing(call).await
    }

    /// The live state: first a snapshot, then what changes.
    pub async fn live_stream(&self) -> Result<LiveStream, ClientError> {
        LiveStream::open(&self.socket, "/v1/live").await
    }

    /// The history of alarms.
    pub async fn alarm_log(&self, query: &AlarmsQuery) -> Result<AlarmsPage, ClientError> {
        self.read(&format!("/v1/alarms/log{}", query.to_query()))
            .await
    }

    /// Says that an alarm was seen.
    pub async fn acknowledge_alarm(
        &self,
        number: u64,
        note: &AlarmNote,
    ) -> Result<AlarmRecord, ClientError> {
        let path = format!("/v1/alarms/log/{number}/acknowledge");
        self.write(Method::POST, &path, note).await
    }

    /// Puts an alarm away.
    pub async fn clear_alarm(
        &self,
        number: u64,
        note: &AlarmNote,
    ) -> Result<AlarmRecord, ClientError> {
        let path = format!("/v1/alarms/log/{number}/clear");
        self.write(Method::POST, &path, note).await
    }

    /// Waits for the next card at a reader: it is told, and not judged.
    pub async fn learn_card(&self, reader: &str) -> Result<LearnedCard, ClientError> {
        let body = LearnBody {
            reader: reader.into(),
        };
        self.write(Method::POST, "/v1/learn", &body).await
    }

    /// Makes a credential of the card of an event.
    pub async fn enrol(
        &self,
        event: u64,
        body: &EnrolBody,
    ) -> Result<Saved<Credential>, ClientError> {
        let path = format!("/v1/events/{event}/enrol");
        self.write(Method::POST, &path, body).await
    }

    /// Forgives: it counts as not known where somebody is.
    pub async fn forgive(&self, body: &ForgiveBody) -> Result<(), ClientError> {
        let call = Call::new(Method::POST, "/v1/forgive").json(body)?;
        self.send_for_nothing(call).await
    }

    /// Who is inside an area.
    pub async fn inside(
        &self,
        area: AreaId,
        query: &ListQuery,
    ) -> Result<Page<Inside>, ClientError> {
        self.read(&format!("/v1/areas/{area}/inside{}", query.to_query()))
            .await
    }

    /// Alarms whose condition holds.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, ClientError> {
        self.read("/v1/alarms").await
    }

    /// The API document.
    pub async fn openapi(&self) -> Result<serde_json::Value, ClientError> {
        self.read("/v1/openapi.json").await
    }

    async fn read<T: DeserializeOwned>(&self, path: &str) -> Result<T, ClientError> {
        self.send(Call::new(Method::GET, path)).await
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, ClientError> {
        self.send(Call::new(method, path).json(body)?).await
    }

    async fn send<T: DeserializeOwned>(&self, call: Call) -> Result<T, ClientError> {
        let path = call.path.clone();
        let body = self.send_for_bytes(call).await?;
        serde_json::from_slice(&body).map_err(|source| ClientError::Decode { path, source })
    }

    async fn send_for_nothing(&self, call: Call) -> Result<(), ClientError> {
        self.send_for_bytes(call).await.map(drop)
    }

    async fn send_for_bytes(&self, call: Call) -> Result<Vec<u8>, ClientError> {
        let path = call.path.clone();
        tokio::time::timeout(ANSWER_TIMEOUT, exchange::exchange(&self.socket, call))
            .await
            .map_err(|_| ClientError::TimedOut { path })?
    }
}
