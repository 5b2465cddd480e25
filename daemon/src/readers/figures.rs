//! What a panel knows of its readers, as the API tells it.

use std::collections::BTreeMap;

use doorward_api::{FoundReader, ReaderFigures, ReaderIdentity, ReaderSpeed};
use doorward_core::ids::DeviceName;
use doorward_core::time::Wall;
use doorward_wire::osdp::{
    Address, Baud, Capabilities, Channel, ControlPanel, FoundReader as FoundPd, Function, PdId,
    RaisedReader, SpeedRefusal,
};

/// The names of NAK codes 1 to 9 (SIA OSDP 2.2, clause 7.3); all others are at 0.
const NAK_NAMES: [&str; 10] = [
    "other",
    "bad_check",
    "command_length",
    "unknown_command",
    "sequence",
    "security_unsupported",
    "security_conditions",
    "biometric_type",
    "biometric_format",
    "cannot_process",
];

/// The functions that are told by name.
const FUNCTIONS: [(Function, &str); 8] = [
    (Function::ContactStatus, "inputs"),
    (Function::OutputControl, "outputs"),
    (Function::CardFormat, "cards"),
    (Function::Led, "light"),
    (Function::Buzzer, "buzzer"),
    (Function::Text, "text"),
    (Function::Security, "secure_channel"),
    (Function::Biometrics, "biometrics"),
];

pub(super) fn figures(
    panel: &ControlPanel,
    name: &DeviceName,
    address: Address,
    since: Wall,
) -> ReaderFigures {
    let stats = panel.stats(address).unwrap_or_default();
    let presence = panel.presence(address);
    let secure = presence.is_some_and(|presence| presence.channel == Channel::Secure);
    let naks: BTreeMap<String, u64> = NAK_NAMES
        .into_iter()
        .zip(stats.naks)
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), count))
        .collect();
    ReaderFigures {
        name: name.clone(),
        address: address.number(),
        baud: panel.baud(address).map_or(0, Baud::rate),
        online: presence.is_some(),
        secure,
        since,
        identity: presence.map(|presence| identity(&presence.id, presence.capabilities.as_ref())),
        address_shared: panel.is_shared(address),
        unreadable: panel.is_unreadable(address),
        polls: stats.polls,
        commands: stats.commands,
        replies: stats.replies,
        retries: stats.retries,
        timeouts: stats.timeouts,
        bad_checks: stats.bad_checks,
        bad_macs: stats.bad_macs,
        bad_sequences: stats.bad_sequences,
        clear_refused: stats.clear_refused,
        busy: stats.busy,
        naks,
        sessions: stats.sessions,
        sessions_lost: stats.sessions_lost,
        outages: stats.outages,
        probes: stats.probes,
        latency_p50_us: stats.latency.percentile_us(50),
        latency_p99_us: stats.latency.percentile_us(99),
        latency_max_us: stats.latency.max_us(),
    }
}

fn identity(id: &PdId, capabilities: Option<&Capabilities>) -> ReaderIdentity {
    let [a, b, c] = id.vendor;
    let [major, minor, build] = id.firmware;
    let has = |function| capabilities.is_some_and(|list| list.has(function));
    let known = FUNCTIONS.into_iter();
    ReaderIdentity {
        vendor: format!("{a:02X}-{b:02X}-{c:02X}"),
        model: id.model,
        version: id.version,
        serial: id.serial,
        firmware: format!("{major}.{minor}.{build}"),
        capabilities: known
            .filter(|(function, _)| has(*function))
            .map(|(_, name)| name.to_owned())
            .collect(),
    }
}

pub(super) fn found(pd: &FoundPd, name: Option<DeviceName>) -> FoundReader {
    FoundReader {
        address: pd.address.number(),
        baud: pd.baud.rate(),
        name: name.filter(|_| pd.is_in_service),
        identity: pd.id.map(|id| identity(&id, pd.capabilities.as_ref())),
    }
}

pub(super) fn speed(reader: &RaisedReader, name: DeviceName) -> ReaderSpeed {
    ReaderSpeed {
        name,
        address: reader.address.number(),
        from_baud: reader.from.rate(),
        to_baud: reader.to.rate(),
        refused_baud: reader.refusal.map(|(baud, _)| baud.rate()),
        refusal: reader.refusal.map(|(_, why)| refusal(why)),
        online: reader.is_online,
    }
}

fn refusal(why: SpeedRefusal) -> String {
    match why {
        SpeedRefusal::Nak(code) => format!("it refuses with NAK code {}", code.byte()),
        SpeedRefusal::Answered(baud) => format!("it answers that it uses {} baud", baud.rate()),
        SpeedRefusal::NotBack => "it agreed and did not come back".to_owned(),
        SpeedRefusal::LineErrors { here, before } => format!(
            "{} of {} exchanges failed at it, {} of {} on the whole bus before",
            here.failed, here.of, before.failed, before.of
        ),
    }
}
