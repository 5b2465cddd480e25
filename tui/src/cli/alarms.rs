//! `doorward alarms`

use std::io::{self, Write};

use doorward_api::{AlarmNote, AlarmsQuery};
use doorward_core::alarm_log::{AlarmMark, AlarmRecord};
use doorward_core::ids::DoorId;
use doorward_core::model::Door;
use jiff::tz::TimeZone;

use super::args::{AlarmMarkArgs, AlarmsAction};
use super::context::Context;
use super::failure::Failure;
use super::table::Table;
use super::time;
use crate::text;

pub(super) async fn run(
    context: &mut Context,
    action: Option<AlarmsAction>,
) -> Result<(), Failure> {
    let standing = AlarmsAction::List {
        all: false,
        limit: 100,
    };
    match action.unwrap_or(standing) {
        AlarmsAction::List { all, limit } => list(context, all, limit).await,
        AlarmsAction::Acknowledge(AlarmMarkArgs { number, note }) => {
            let note = AlarmNote { note };
            let alarm = context.client.acknowledge_alarm(number, &note).await?;
            marked(context, &alarm, "acknowledged")
        }
        AlarmsAction::Clear(AlarmMarkArgs { number, note }) => {
            let note = AlarmNote { note };
            let alarm = context.client.clear_alarm(number, &note).await?;
            marked(context, &alarm, "cleared")
        }
    }
}

async fn list(context: &mut Context, all: bool, limit: u32) -> Result<(), Failure> {
    let query = AlarmsQuery {
        limit: Some(limit),
        standing: !all,
        ..AlarmsQuery::default()
    };
    let page = context.client.alarm_log(&query).await?;
    if context.json {
        return context.print_json(&page);
    }
    let doors = context.client.list_all::<Door>().await?;
    let name = |id: DoorId| {
        let door = doors.iter().find(|door| door.id == id);
        door.map_or_else(|| format!("door {id}"), |door| door.name.clone())
    };
    Ok(write_list(
        &mut context.out,
        &page.alarms,
        &context.zone,
        name,
    )?)
}

fn marked(context: &mut Context, alarm: &AlarmRecord, word: &str) -> Result<(), Failure> {
    if context.json {
        return context.print_json(alarm);
    }
    let rest = if alarm.stands() {
        "; it still stands"
    } else {
        ""
    };
    context.print(format_args!(
        "alarm {} ({}) is {word}{rest}",
        alarm.number,
        text::alarm(alarm.kind)
    ))
}

fn write_list(
    out: &mut dyn Write,
    alarms: &[AlarmRecord],
    zone: &TimeZone,
    door_name: impl Fn(DoorId) -> String,
) -> io::Result<()> {
    if alarms.is_empty() {
        return writeln!(out, "no alarms");
    }
    let mut table = Table::new(&[
        "NUMBER", "ALARM", "WHERE", "RAISED", "ENDED", "SEEN", "CLEARED",
    ]);
    let mark = |mark: &Option<AlarmMark>| {
        mark.as_ref()
            .map_or_else(|| text::NONE.to_owned(), |mark| mark.by.to_string())
    };
    for alarm in alarms {
        let place = text::alarm_subject(&alarm.subject, &door_name);
        let ended = alarm.ended.map(|at| time::date_and_time(at, zone));
        table.row(&[
            alarm.number.to_string(),
            text::alarm(alarm.kind).to_owned(),
            place.unwrap_or_else(|| text::NONE.to_owned()),
            time::date_and_time(alarm.raised, zone),
            ended.unwrap_or_else(|| text::NONE.to_owned()),
            mark(&alarm.acknowledged),
            mark(&alarm.cleared),
        ]);
    }
    table.write(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use doorward_core::alarm::{AlarmKind, AlarmSubject};
    use doorward_core::time::Wall;

    #[test]
    fn a_list_of_alarms() {
        let alarm = |number, kind, subject| AlarmRecord {
            number,
            kind,
            subject,
            raised: Wall(1_774_342_800_000),
            door: None,
            reader: None,
            user: None,
            credential: None,
            ended: None,
            acknowledged: None,
            cleared: None,
        };
        let mut held = alarm(41, AlarmKind::HeldOpen, AlarmSubject::Door(DoorId(1)));
        held.ended = Some(Wall(1_774_342_860_000));
        held.acknowledged = Some(AlarmMark {
            at: Wall(1_774_342_870_000),
            by: "uid 1000 (anna)".into(),
            note: String::new(),
        });
        let alarms = [
            alarm(57, AlarmKind::Duress, AlarmSubject::Door(DoorId(2))),
            held,
            alarm(3, AlarmKind::UplinkDown, AlarmSubject::Appliance),
        ];
        let mut out = Vec::new();
        let name = |id: DoorId| format!("Door {id}");
        write_list(&mut out, &alarms, &TimeZone::UTC, name).unwrap();
        insta::assert_snapshot!(String::from_utf8(out).unwrap());
    }
}
