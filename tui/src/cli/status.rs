//! `doorward status`

use std::io::{self, Write};

use doorward_api::{Status, StorageState, UplinkState};
use doorward_core::ids::DoorId;
use doorward_core::model::Door;
use doorward_core::time::ClockTrust;
use jiff::tz::TimeZone;

use super::context::Context;
use super::failure::Failure;
use super::table::Fields;
use super::time;
use crate::text;

pub(super) async fn show(context: &mut Context) -> Result<(), Failure> {
    let status = context.client.status().await?;
    if context.json {
        return context.print_json(&status);
    }
    // Only alarms at doors need the doors' names.
    let doors = if status.alarms.is_empty() {
        Vec::new()
    } else {
        context.client.list_all::<Door>().await?
    };
    let name = |id| door_name(&doors, id);
    Ok(write(&mut context.out, &status, name, &context.zone)?)
}

fn door_name(doors: &[Door], id: DoorId) -> String {
    let door = doors.iter().find(|door| door.id == id);
    door.map_or_else(|| text::unknown_door(id), |door| door.name.clone())
}

fn write(
    out: &mut dyn Write,
    status: &Status,
    door_name: impl Fn(DoorId) -> String,
    zone: &TimeZone,
) -> io::Result<()> {
    let mut fields = Fields::default();
    fields.add("Site", &status.site);
    let uptime = text::duration_ms(status.uptime_s.saturating_mul(1000));
    fields.add("Daemon", format!("version {}, up {uptime}", status.version));
    let trust = match status.clock {
        ClockTrust::Trusted => "trusted",
        ClockTrust::Untrusted => "NOT TRUSTED",
    };
    fields.add(
        "Clock",
        format!("{}, {trust}", time::date_and_time(status.now, zone)),
    );
    fields.add(
        "Log",
        format!(
            "newest event {}, table revision {}",
            status.newest_event, status.revision
        ),
    );
    fields.add("Doors", status.doors.to_string());
    let online = status.readers.iter().filter(|reader| reader.online).count();
    let secure = status.readers.iter().filter(|reader| reader.secure).count();
    fields.add(
        "Readers",
        format!(
            "{online} of {} answer, {secure} in Secure Channel",
            status.readers.len()
        ),
    );
    let online = status.boards.iter().filter(|board| board.online).count();
    fields.add(
        "Relay boards",
        format!("{online} of {} answer", status.boards.len()),
    );
    fields.add("Storage", storage(status));
    fields.add("Uplink", uplink(status));
    let alarms: Vec<String> = status
        .alarms
        .iter()
        .map(|alarm| {
            let subject = text::alarm_subject(&alarm.subject, &door_name);
            let at = subject.map_or_else(String::new, |subject| format!(": {subject}"));
            let since = time::date_and_time(alarm.since, zone);
            format!("{}{at}, since {since}", text::alarm(alarm.kind))
        })
        .collect();
    if alarms.is_empty() {
        fields.add("Alarms", "none");
    } else {
        fields.add_all("ALARMS", &alarms);
    }
    fields.write(out)
}

/// The store in words.
pub(crate) fn storage(status: &Status) -> String {
    match (status.storage.state, &status.storage.problem) {
        (StorageState::Working, _) => "ok".to_owned(),
        (StorageState::Failing, Some(problem)) => format!("FAILING: {problem}"),
        (StorageState::Failing, None) => "FAILING".to_owned(),
    }
}

/// The way to headquarters in words, with the events that wait for it.
pub(crate) fn uplink(status: &Status) -> String {
    let waiting = status
        .newest_event
        .saturating_sub(status.uplink.acknowledged_event);
    let broker = status.uplink.broker.as_deref().unwrap_or(text::NONE);
    match (status.uplink.state, &status.uplink.problem) {
        (UplinkState::Off, _) => "off: no broker is configured".to_owned(),
        (UplinkState::Connected, _) => format!("connected to {broker}, {waiting} events waiting"),
        (UplinkState::Disconnected, Some(problem)) => {
            format!("NOT CONNECTED to {broker}: {problem}; {waiting} events waiting")
        }
        (UplinkState::Disconnected, None) => {
            format!("NOT CONNECTED to {broker}; {waiting} events waiting")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_api::{Alarm, ApiInfo, BoardStatus, ReaderStatus, StorageStatus, UplinkStatus};
    use doorward_core::alarm::{AlarmKind, AlarmSubject};

    fn status() -> Status {
        let reader = |name: &str, online, secure| ReaderStatus {
            name: name.into(),
            online,
            secure,
            identity: None,
            key: doorward_api::ReaderKey::Set,
        };
        Status {
            version: "0.1.0".to_owned(),
            site: "Example building".to_owned(),
            uptime_s: 7300,
            now: "2026-03-29T06:00:00Z".parse().unwrap(),
            clock: ClockTrust::Trusted,
            revision: 12,
            newest_event: 1041,
            doors: 4,
            readers: vec![
                reader("front-in", true, true),
                reader("front-out", false, false),
            ],
            boards: vec![BoardStatus {
                name: "attic".into(),
                online: true,
            }],
            alarms: vec![],
            uplink: UplinkStatus::default(),
            storage: StorageStatus {
                state: StorageState::Working,
                problem: None,
            },
            logs: doorward_api::LogsStatus::default(),
            api: ApiInfo::default(),
        }
    }

    fn shown(status: &Status) -> String {
        let mut out = Vec::new();
        let zone = TimeZone::get("Europe/Stockholm").unwrap();
        let name = |id| {
            if id == DoorId(1) {
                "Main entrance".to_owned()
            } else {
                text::unknown_door(id)
            }
        };
        write(&mut out, status, name, &zone).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn all_is_well() {
        insta::assert_snapshot!(shown(&status()));
    }

    #[test]
    fn what_is_not_well_stands_out() {
        let mut status = status();
        status.clock = ClockTrust::Untrusted;
        status.storage.state = StorageState::Failing;
        status.storage.problem = Some("no space left on device".to_owned());
        status.uplink = UplinkStatus {
            state: UplinkState::Disconnected,
            broker: Some("hq.example.org:8883".to_owned()),
            problem: Some("connection refused".to_owned()),
            acknowledged_event: 1000,
        };
        let since = "2026-03-29T05:58:00Z".parse().unwrap();
        let alarm = |kind, subject| Alarm {
            kind,
            subject,
            since,
        };
        status.alarms = vec![
            alarm(AlarmKind::HeldOpen, AlarmSubject::Door(DoorId(1))),
            alarm(
                AlarmKind::ReaderOffline,
                AlarmSubject::Reader("front-out".into()),
            ),
            alarm(AlarmKind::StorageFailing, AlarmSubject::Appliance),
        ];
        insta::assert_snapshot!(shown(&status));
    }
}
