use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use doorward_core::ids::DeviceName;
use doorward_wire::card::FORMATS_MAX;
use doorward_wire::document::{Fields, Findings, Located, Problems, read_document};
use doorward_wire::wiegand::Keypad;

use crate::vault::lock::Lock;

use super::{
    ApiConfig, BAUDS, BOARDS_MAX, BUSES_MAX, BackupConfig, BoardConfig, BoardTransport, BusConfig,
    CONFIG_BYTES_MAX, ClientCertificate, ClockRule, DoorsConfig, GpioBoard, KeySource, Parity,
    PlanRule, READERS_PER_BUS_MAX, ReaderConfig, ReaderSecurity, SiteConfig, UntrustedClock,
    UplinkConfig, UplinkLogin, UplinkTls, WIEGAND_READERS_MAX, WiegandConfig, WiegandPlace,
};

pub(super) fn parse(text: &str) -> Result<SiteConfig, Problems> {
    read_document(text, CONFIG_BYTES_MAX, site)
}

fn site(root: &mut Fields<'_>, found: &mut Findings<'_>) -> Option<SiteConfig> {
    let mut names = Names::default();
    let name = match root.table("site", found) {
        Some(mut fields) => {
            let name = fields.required_text_if("name", NAME_RULE, is_name, found);
            fields.refuse_unknown(found);
            name
        }
        None => {
            found.add(
                0,
                "site.name",
                format!("is missing, allowed is {NAME_RULE}"),
            );
            None
        }
    };
    let (data, card_formats, board_profiles, reader_profiles) = match root.table("paths", found) {
        Some(mut fields) => {
            let data = path(&mut fields, "data", found);
            let card_formats = path(&mut fields, "card_formats", found);
            let board_profiles = path(&mut fields, "board_profiles", found);
            let reader_profiles = path(&mut fields, "reader_profiles", found);
            fields.refuse_unknown(found);
            (data, card_formats, board_profiles, reader_profiles)
        }
        None => (None, None, None, None),
    };
    let formats_in_use = root.table("cards", found).and_then(|mut fields| {
        let named = fields.has("formats");
        let names = fields.texts("formats", FORMATS_MAX, found);
        fields.refuse_unknown(found);
        named.then_some(names)
    });
    let api = api(root.table("api", found), found);
    let doors = doors(root.table("doors", found), found);
    let buses = root.tables("osdp_bus", BUSES_MAX, found);
    let buses: Vec<_> = buses
        .into_iter()
        .map(|fields| bus(fields, &mut names, found))
        .collect();
    let wiegand = root.tables("wiegand", WIEGAND_READERS_MAX, found);
    let wiegand: Vec<_> = wiegand
        .into_iter()
        .map(|fields| wiegand_reader(fields, &mut names, found))
        .collect();
    let boards = root.tables("board", BOARDS_MAX, found);
    let boards: Vec<_> = boards
        .into_iter()
        .map(|fields| board(fields, &mut names, found))
        .collect();
    let uplink = root
        .table("uplink", found)
        .map(|fields| uplink(fields, found));

    let backup = root
        .table("backup", found)
        .map(|fields| backup(fields, found));
    let uplink = match uplink {
        Some(uplink) => Some(uplink?),
        None => None,
    };
    Some(SiteConfig {
        name: name?.value.to_owned(),
        data: data.unwrap_or_else(|| PathBuf::from("/var/lib/doorward")),
        card_formats,
        formats_in_use,
        board_profiles,
        api,
        doors,
        buses: buses.into_iter().collect::<Option<_>>()?,
        wiegand: wiegand.into_iter().collect::<Option<_>>()?,
        reader_profiles,
        boards: boards.into_iter().collect::<Option<_>>()?,
        uplink,
        backup: match backup {
            Some(backup) => Some(backup?),
            None => None,
        },
    })
}

fn backup(mut fields: Fields<'_>, found: &mut Findings<'_>) -> Option<BackupConfig> {
    let folder = fields.required_text_if("folder", PATH_RULE, is_path, found);
    let is_recipient = |text: &str| Lock::recipient(text).is_ok();
    let recipient = fields.required_text_if("recipient", RECIPIENT_RULE, is_recipient, found);
    let mut number = |name, range, unless_said| {
        let number = fields.number(name, range, found);
        number.map_or(unless_said, |number| number.value)
    };
    let (hour_utc, keep) = (number("hour_utc", 0..=23, 2), number("keep", 1..=1000, 14));
    fields.refuse_unknown(found);
    Some(BackupConfig {
        folder: PathBuf::from(folder?.value),
        hour_utc: u8::try_from(hour_utc).ok()?,
        keep: u16::try_from(keep).ok()?,
        recipient: recipient?.value.to_owned(),
    })
}

fn api(fields: Option<Fields<'_>>, found: &mut Findings<'_>) -> ApiConfig {
    let mut api = ApiConfig {
        socket: PathBuf::from("/run/doorward/api.sock"),
        mode: 0o660,
        group: None,
        users: Vec::new(),
    };
    let Some(mut fields) = fields else { return api };
    if let Some(socket) = fields.text_if("socket", SOCKET_RULE, is_socket, found) {
        api.socket = PathBuf::from(socket.value);
    }
    if let Some(mode) = fields.text_if("mode", MODE_RULE, is_mode, found) {
        api.mode = u32::from_str_radix(mode.value, 8).unwrap_or(0o660);
    }
    api.group = fields
        .text_if("group", ACCOUNT_RULE, is_account, found)
        .map(|group| group.value.to_owned());
    api.users = fields.texts("users", 100, found);
    fields.refuse_unknown(found);
    api
}

fn doors(fields: Option<Fields<'_>>, found: &mut Findings<'_>) -> DoorsConfig {
    let mut doors = DoorsConfig {
        record_deadline_ms: 20,
        untrusted_clock: UntrustedClock::RefuseScheduled,
        clock: ClockRule::Auto,
        activate_plans: PlanRule::AtDoor,
    };
    let Some(mut fields) = fields else {
        return doors;
    };
    let deadline = fields
        .number("record_deadline_ms", 0..=1000, found)
        .map_or(20, |number| number.value);
    doors.record_deadline_ms = deadline;
    doors.untrusted_clock = fields.choice(
        "untrusted_clock",
        &[
            ("refuse_scheduled", UntrustedClock::RefuseScheduled),
            ("trust_anyway", UntrustedClock::TrustAnyway),
        ],
        UntrustedClock::RefuseScheduled,
        found,
    );
    doors.clock = fields.choice(
        "clock",
        &[("auto", ClockRule::Auto), ("trusted", ClockRule::Trusted)],
        ClockRule::Auto,
        found,
    );
    doors.activate_plans = fields.choice(
        "activate_plans",
        &[
            ("at_door", PlanRule::AtDoor),
            ("also_at_console", PlanRule::AlsoAtConsole),
        ],
        PlanRule::AtDoor,
        found,
    );
    fields.refuse_unknown(found);
    doors
}

fn bus(mut fields: Fields<'_>, names: &mut Names, found: &mut Findings<'_>) -> Option<BusConfig> {
    let name = fields.required_text_if("name", NAME_RULE, is_name, found);
    let port = fields.required_text_if("port", PATH_RULE, is_path, found);
    let baud = fields.number_of("baud", &BAUDS, 9600, found);
    let tables = fields.tables("reader", READERS_PER_BUS_MAX, found);
    let mut addresses = BTreeMap::new();
    let readers: Vec<_> = tables
        .into_iter()
        .map(|fields| reader(fields, names, &mut addresses, found))
        .collect();
    if let Some(name) = &name {
        names.bus(name, found);
    }
    if let Some(port) = &port {
        names.bus_port(port, found);
    }
    fields.refuse_unknown(found);
    Some(BusConfig {
        name: DeviceName::from(name?.value),
        port: PathBuf::from(port?.value),
        baud,
        readers: readers.into_iter().collect::<Option<_>>()?,
    })
}

fn reader(
    mut fields: Fields<'_>,
    names: &mut Names,
    addresses: &mut BTreeMap<u8, String>,
    found: &mut Findings<'_>,
) -> Option<ReaderConfig> {
    let name = fields.required_text_if("name", NAME_RULE, is_name, found);
    let address = fields.required_number("address", 0..=126, found);
    let address = address.and_then(|address| u8::try_from(address.value).ok());
    let secure = fields.choice(
        "security",
        &[("secure", true), ("clear", false)],
        true,
        found,
    );
    let security = security(&mut fields, secure, found);
    if let Some(name) = &name {
        names.reader(name, found);
        let other = address.and_then(|address| addresses.insert(address, name.value.to_owned()));
        if let (Some(address), Some(other)) = (address, other) {
            let message = format!("is {address}, already that of reader `{other}` on this bus");
            found.add(fields.offset(), fields.key("address"), message);
        }
    }
    fields.refuse_unknown(found);
    Some(ReaderConfig {
        name: DeviceName::from(name?.value),
        address: address?,
        security: security?,
    })
}

fn security(
    fields: &mut Fields<'_>,
    secure: bool,
    found: &mut Findings<'_>,
) -> Option<ReaderSecurity> {
    let file = path(fields, "key_file", found);
    let credential = fields.text_if("key_credential", CREDENTIAL_RULE, is_credential, found);
    let key = match (file, credential) {
        (Some(_), Some(credential)) => {
            let message = "is given beside `key_file`, allowed is one of them";
            found.add(credential.offset, credential.key, message);
            return None;
        }
        (Some(file), None) => KeySource::File(file),
        (None, Some(credential)) => KeySource::Credential(credential.value.to_owned()),
        (None, None) => KeySource::Installed,
    };
    if secure {
        return Some(ReaderSecurity::Secure(key));
    }
    let unused = match key {
        KeySource::File(_) => "key_file",
        KeySource::Credential(_) => "key_credential",
        KeySource::Installed => return Some(ReaderSecurity::Clear),
    };
    let message = "is not used with `security = \"clear\"`";
    found.add(fields.offset(), fields.key(unused), message);
    None
}

/// How a device is reached.
enum Place<'d> {
    Network(&'d str),
    Port(Located<&'d str>),
}

/// Reads `address` or `port`, of which one is needed. `missing` says which key is told where both
/// are missing, and what of it.
fn place<'d>(
    fields: &mut Fields<'d>,
    missing: (&'static str, String),
    found: &mut Findings<'_>,
) -> Option<Place<'d>> {
    let address = fields.text_if("address", ADDRESS_RULE, is_address, found);
    let port = fields.text_if("port", PATH_RULE, is_path, found);
    match (address, port) {
        (Some(address), None) => Some(Place::Network(address.value)),
        (None, Some(port)) => Some(Place::Port(port)),
        (Some(_), Some(port)) => {
            let message = "is given beside `address`, allowed is one of them";
            found.add(port.offset, port.key, message);
            None
        }
        (None, None) => {
            let (key, message) = missing;
            found.add(fields.offset(), fields.key(key), message);
            None
        }
    }
}

fn parity(fields: &mut Fields<'_>, found: &mut Findings<'_>) -> Parity {
    let parities = [
        ("none", Parity::None),
        ("even", Parity::Even),
        ("odd", Parity::Odd),
    ];
    fields.choice("parity", &parities, Parity::None, found)
}

fn wiegand_reader(
    mut fields: Fields<'_>,
    names: &mut Names,
    found: &mut Findings<'_>,
) -> Option<WiegandConfig> {
    if fields.has("chip") {
        return wiegand_on_gpio(fields, names, found);
    }
    let name = fields.required_text_if("name", NAME_RULE, is_name, found);
    let profile = fields.required_text_if("profile", NAME_RULE, is_name, found);
    let missing = format!("is missing, needed is {PATH_RULE}, or `address` with {ADDRESS_RULE}");
    let place = place(&mut fields, ("port", missing), found);
    let baud = fields
        .has("baud")
        .then(|| fields.number_of("baud", &BAUDS, 9600, found));
    let parity = parity(&mut fields, found);
    let unit = fields.number("unit", 1..=247, found);
    if let Some(name) = &name {
        names.reader(name, found);
    }
    let place = match place {
        Some(Place::Network(address)) => Some(WiegandPlace::Network {
            address: address.to_owned(),
        }),
        Some(Place::Port(port)) => {
            names.bus_port(&port, found);
            Some(WiegandPlace::Port {
                port: PathBuf::from(port.value),
                baud,
                parity,
            })
        }
        None => None,
    };
    fields.refuse_unknown(found);
    Some(WiegandConfig {
        name: DeviceName::from(name?.value),
        profile: Some(profile?.value.to_owned()),
        place: place?,
        unit: unit.and_then(|unit| u8::try_from(unit.value).ok()),
    })
}

/// A reader whose wires are at GPIO lines.
fn wiegand_on_gpio(
    mut fields: Fields<'_>,
    names: &mut Names,
    found: &mut Findings<'_>,
) -> Option<WiegandConfig> {
    let name = fields.required_text_if("name", NAME_RULE, is_name, found);
    let chip = fields.required_text_if("chip", PATH_RULE, is_path, found);
    let d0 = fields.required_number("d0", 0..=GPIO_LINE_MAX, found);
    let d1 = fields.required_number("d1", 0..=GPIO_LINE_MAX, found);
    let gap = fields.number("frame_gap_ms", 25..=50, found);
    let keypads = [
        ("none", Keypad::None),
        ("4_bit", Keypad::FourBits),
        ("8_bit", Keypad::EightBits),
        ("4_or_8_bit", Keypad::FourOrEightBits),
    ];
    let keypad = fields.choice("keypad", &keypads, Keypad::None, found);
    if let Some(name) = &name {
        names.reader(name, found);
    }
    if let Some(chip) = &chip {
        for line in [&d0, &d1].into_iter().flatten() {
            names.gpio_line(
                chip.value,
                line.value,
                (line.offset, line.key.clone()),
                found,
            );
        }
    }
    fields.refuse_unknown(found);
    Some(WiegandConfig {
        name: DeviceName::from(name?.value),
        profile: None,
        place: WiegandPlace::Gpio {
            chip: PathBuf::from(chip?.value),
            d0: d0?.value,
            d1: d1?.value,
            frame_gap_ms: gap.map_or(30, |gap| gap.value),
            keypad,
        },
        unit: None,
    })
}

/// A board whose relays and inputs are at GPIO lines.
fn board_on_gpio(
    mut fields: Fields<'_>,
    names: &mut Names,
    found: &mut Findings<'_>,
) -> Option<BoardConfig> {
    let name = fields.required_text_if("name", NAME_RULE, is_name, found);
    let chip = fields.required_text_if("chip", PATH_RULE, is_path, found);
    let mut lines = |key, found: &mut Findings<'_>| {
        let list = fields.text_if(key, GPIO_RULE, |list| gpio_lines(list).is_some(), found);
        let Some(list) = list else { return Vec::new() };
        let lines = gpio_lines(list.value).unwrap_or_default();
        if let Some(chip) = &chip {
            for line in &lines {
                names.gpio_line(chip.value, *line, (list.offset, list.key.clone()), found);
            }
        }
        lines
    };
    let outputs = lines("outputs", found);
    let inputs = lines("inputs", found);
    let is_active_low = fields.flag("active_low", false, found);
    let poll_ms = fields.number("poll_ms", 5..=10_000, found);
    if outputs.is_empty() && inputs.is_empty() {
        fields.missing("outputs", GPIO_RULE, found);
    }
    if let Some(name) = &name {
        names.board(name, found);
    }
    fields.refuse_unknown(found);
    Some(BoardConfig {
        name: DeviceName::from(name?.value),
        profile: "gpio".to_owned(),
        transport: BoardTransport::Gpio(GpioBoard {
            chip: PathBuf::from(chip?.value),
            outputs,
            inputs,
            is_active_low,
        }),
        unit: 1,
        poll_ms: poll_ms.map_or(20, |number| number.value),
    })
}

/// Lines as an electrician writes them: `5, 6, 13`.
fn gpio_lines(list: &str) -> Option<Vec<u32>> {
    let line = |part: &str| {
        part.trim()
            .parse()
            .ok()
            .filter(|line| *line <= GPIO_LINE_MAX)
    };
    let lines: Option<Vec<u32>> = list.split(',').map(line).collect();
    lines.filter(|lines| lines.len() <= 64)
}

fn board(
    mut fields: Fields<'_>,
    names: &mut Names,
    found: &mut Findings<'_>,
) -> Option<BoardConfig> {
    if fields.has("chip") {
        return board_on_gpio(fields, names, found);
    }
    let name = fields.required_text_if("name", NAME_RULE, is_name, found);
    let profile = fields.required_text_if("profile", NAME_RULE, is_name, found);
    let missing = format!(
        "is missing, needed is {ADDRESS_RULE} for Modbus TCP, or `port` with {PATH_RULE} for Modbus RTU"
    );
    let place = place(&mut fields, ("address", missing), found);
    let baud = fields.number_of("baud", &BAUDS, 9600, found);
    let parity = parity(&mut fields, found);
    let unit = u8::try_from(
        fields
            .number("unit", 1..=247, found)
            .map_or(1, |number| number.value),
    )
    .ok()?;
    let poll_ms = fields
        .number("poll_ms", 5..=10_000, found)
        .map_or(20, |number| number.value);
    if let Some(name) = &name {
        names.board(name, found);
    }
    let transport = match place {
        Some(Place::Network(address)) => Some(BoardTransport::Tcp {
            address: address.to_owned(),
        }),
        Some(Place::Port(port)) => {
            names.rtu_line(&port, (baud, parity), found);
            Some(BoardTransport::Rtu {
                port: PathBuf::from(port.value),
                baud,
                parity,
            })
        }
        None => None,
    };
    fields.refuse_unknown(found);
    Some(BoardConfig {
        name: DeviceName::from(name?.value),
        profile: profile?.value.to_owned(),
        transport: transport?,
        unit,
        poll_ms,
    })
}

fn uplink(mut fields: Fields<'_>, found: &mut Findings<'_>) -> Option<UplinkConfig> {
    let host = fields.required_text_if("host", HOST_RULE, is_host, found);
    let tls = fields.table("tls", found).map(|fields| tls(fields, found));
    let default_port = if tls.is_some() { 8883 } else { 1883 };
    let port = u16::try_from(
        fields
            .number("port", 1..=65_535, found)
            .map_or(default_port, |number| number.value),
    )
    .ok()?;
    let client_id = fields.required_text_if("client_id", TOPIC_RULE, is_topic, found);
    let topic_prefix = fields.text_if("topic_prefix", TOPIC_RULE, is_topic, found);
    let keep_alive_s = u16::try_from(
        fields
            .number("keep_alive_s", 5..=3600, found)
            .map_or(30, |number| number.value),
    )
    .ok()?;
    let in_flight = u16::try_from(
        fields
            .number("in_flight", 1..=1000, found)
            .map_or(200, |number| number.value),
    )
    .ok()?;
    let user = fields.text_if("user", ACCOUNT_RULE, |text| !text.is_empty(), found);
    let password_file = path(&mut fields, "password_file", found);
    let login = match (user, password_file) {
        (Some(user), Some(password_file)) => Some(UplinkLogin {
            user: user.value.to_owned(),
            password_file,
        }),
        (None, None) => None,
        _ => {
            found.add(
                fields.offset(),
                fields.key("user"),
                "and `password_file` belong together, one is missing",
            );
            None
        }
    };
    fields.refuse_unknown(found);
    let client_id = client_id?.value.to_owned();
    Some(UplinkConfig {
        host: host?.value.to_owned(),
        port,
        topic_prefix: topic_prefix.map_or_else(
            || format!("doorward/{client_id}"),
            |prefix| prefix.value.to_owned(),
        ),
        client_id,
        keep_alive_s,
        in_flight,
        login,
        tls: match tls {
            Some(tls) => Some(tls?),
            None => None,
        },
    })
}

fn tls(mut fields: Fields<'_>, found: &mut Findings<'_>) -> Option<UplinkTls> {
    let ca_file = fields.required_text_if("ca_file", PATH_RULE, is_path, found);
    let certificate_file = path(&mut fields, "certificate_file", found);
    let key_file = path(&mut fields, "key_file", found);
    let client = match (certificate_file, key_file) {
        (Some(certificate_file), Some(key_file)) => Some(ClientCertificate {
            certificate_file,
            key_file,
        }),
        (None, None) => None,
        _ => {
            let message = "and `key_file` belong together, one is missing";
            found.add(fields.offset(), fields.key("certificate_file"), message);
            None
        }
    };
    fields.refuse_unknown(found);
    Some(UplinkTls {
        ca_file: PathBuf::from(ca_file?.value),
        client,
    })
}

/// What must be unique over several tables.
#[derive(Default)]
struct Names {
    buses: BTreeMap<String, String>,
    readers: BTreeMap<String, String>,
    boards: BTreeMap<String, String>,
    bus_ports: BTreeMap<String, String>,
    rtu_lines: BTreeMap<String, (u32, Parity)>,
    gpio_lines: BTreeMap<(String, u32), String>,
}

impl Names {
    fn gpio_line(
        &mut self,
        chip: &str,
        line: u32,
        (offset, key): (usize, String),
        found: &mut Findings<'_>,
    ) {
        let before = self.gpio_lines.insert((chip.to_owned(), line), key.clone());
        if let Some(before) = before {
            let message = format!("has line {line} of `{chip}`, already used by `{before}`");
            found.add(offset, key, message);
        }
    }

    fn bus(&mut self, name: &Located<&str>, found: &mut Findings<'_>) {
        unique(&mut self.buses, name, found);
    }

    fn reader(&mut self, name: &Located<&str>, found: &mut Findings<'_>) {
        unique(&mut self.readers, name, found);
    }

    fn board(&mut self, name: &Located<&str>, found: &mut Findings<'_>) {
        unique(&mut self.boards, name, found);
    }

    fn bus_port(&mut self, port: &Located<&str>, found: &mut Findings<'_>) {
        unique(&mut self.bus_ports, port, found);
    }

    fn rtu_line(&mut self, port: &Located<&str>, line: (u32, Parity), found: &mut Findings<'_>) {
        if let Some(bus) = self.bus_ports.get(port.value) {
            found.add(
                port.offset,
                port.key.clone(),
                format!("is already the port of `{bus}`, an OSDP bus"),
            );
        }
        let shared = *self.rtu_lines.entry(port.value.to_owned()).or_insert(line);
        if shared != line {
            let message = "is shared with another board at another `baud` or `parity`";
            found.add(port.offset, port.key.clone(), message);
        }
    }
}

fn unique(taken: &mut BTreeMap<String, String>, name: &Located<&str>, found: &mut Findings<'_>) {
    if let Some(first) = taken.get(name.value) {
        let message = format!("is \"{}\", already used by `{first}`", name.value);
        found.add(name.offset, name.key.clone(), message);
    } else {
        taken.insert(name.value.to_owned(), name.key.clone());
    }
}

fn path(fields: &mut Fields<'_>, name: &'static str, found: &mut Findings<'_>) -> Option<PathBuf> {
    fields
        .text_if(name, PATH_RULE, is_path, found)
        .map(|path| PathBuf::from(path.value))
}

/// The highest line of a GPIO chip that is believed.
const GPIO_LINE_MAX: u32 = 1023;
const GPIO_RULE: &str = "a list of at most 64 GPIO lines, such as \"5, 6, 13\"";
const NAME_RULE: &str = "a text of 1 to 60 letters, digits, spaces, `-`, `_` and `.`";
const PATH_RULE: &str = "an absolute path";
const SOCKET_RULE: &str = "an absolute path of at most 100 bytes";
const MODE_RULE: &str = "an octal mode as text, such as \"0660\", that gives nothing to others";
const RECIPIENT_RULE: &str = "a public key of age, `age1…`, as `age-keygen` prints it";
const ACCOUNT_RULE: &str = "the name of an account";
const CREDENTIAL_RULE: &str =
    "the name of a credential: 1 to 100 letters, digits, `-`, `_` and `.`";
const ADDRESS_RULE: &str = "`host:port` as text";
const HOST_RULE: &str = "a host name or an address";
const TOPIC_RULE: &str = "a text of 1 to 100 letters, digits, `-`, `_`, `.` and `/`";

fn is_name(text: &str) -> bool {
    (1..=60).contains(&text.chars().count())
        && text.trim() == text
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_' | '.'))
}

fn is_path(text: &str) -> bool {
    Path::new(text).is_absolute() && !text.contains('\0') && text.len() <= 4096
}

fn is_socket(text: &str) -> bool {
    is_path(text) && text.len() <= 100
}

fn is_mode(text: &str) -> bool {
    u32::from_str_radix(text, 8).is_ok_and(|mode| mode <= 0o770 && mode & 0o007 == 0)
}

fn is_account(text: &str) -> bool {
    (1..=32).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_credential(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && !text.starts_with('.')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn is_address(text: &str) -> bool {
    text.rsplit_once(':').is_some_and(|(host, port)| {
        is_host(host.trim_start_matches('[').trim_end_matches(']'))
            && port.parse::<u16>().is_ok_and(|port| port > 0)
    })
}

fn is_host(text: &str) -> bool {
    (1..=253).contains(&text.len())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | ':'))
}

fn is_topic(text: &str) -> bool {
    (1..=100).contains(&text.len())
        && !text.starts_with('/')
        && !text.ends_with('/')
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/'))
}
