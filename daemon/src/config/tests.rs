use super::*;

const SHIPPED: &str = include_str!("../../../config/site.toml");

#[test]
fn the_shipped_file_is_valid_as_it_is() {
    let config = SiteConfig::parse(SHIPPED).unwrap();
    assert_eq!(config.name, "My site");
    assert_eq!(config.api.mode, 0o660);
    assert_eq!(config.formats_in_use, None);
    assert!(config.buses.is_empty() && config.boards.is_empty() && config.uplink.is_none());
}

/// Every key that is commented out is a real one: the file with all of them switched on is valid.
#[test]
fn the_shipped_file_is_valid_with_every_key_switched_on() {
    let is_key = |line: &str| {
        let rest = line.strip_prefix('#').unwrap_or_default();
        rest.starts_with('[')
            || rest
                .split_once(" = ")
                .is_some_and(|(key, _)| !key.contains(' '))
    };
    let text: String = SHIPPED
        .lines()
        .map(|line| if is_key(line) { &line[1..] } else { line })
        // A board is reached by address or by port, not by both; a key comes from one place.
        .filter(|line| !line.starts_with("address = \"") && !line.starts_with("key_credential"))
        .fold(String::new(), |text, line| text + line + "\n");
    let config =
        SiteConfig::parse(&text).unwrap_or_else(|problems| panic!("{problems:#?}\n{text}"));
    assert_eq!(config.formats_in_use.unwrap(), ["H10301", "H10304"]);
    assert_eq!(config.wiegand[0].unit, Some(1));
    let shed = WiegandPlace::Gpio {
        chip: PathBuf::from("/dev/gpiochip0"),
        d0: 17,
        d1: 27,
        frame_gap_ms: 30,
        keypad: Keypad::FourOrEightBits,
    };
    assert_eq!(config.wiegand[1].place, shed);
    let own = BoardTransport::Gpio(GpioBoard {
        chip: PathBuf::from("/dev/gpiochip0"),
        outputs: vec![5, 6, 13, 19],
        inputs: vec![16, 20, 21, 26],
        is_active_low: false,
    });
    assert_eq!(config.boards[1].transport, own);
    assert_eq!(config.buses[0].readers[0].address, 0);
    assert!(matches!(
        config.boards[0].transport,
        BoardTransport::Rtu { baud: 9600, .. }
    ));
    let uplink = config.uplink.unwrap();
    assert_eq!(uplink.port, 8883);
    assert!(uplink.tls.unwrap().client.is_some() && uplink.login.is_some());
}

const FOUR_DOORS: &str = include_str!("../../../config/examples/four-doors.toml");

/// The guide shows the example as it is shipped, and the example is served as it stands.
#[test]
fn the_worked_example_of_the_hardware_guide_is_valid() {
    let guide = include_str!("../../../docs/hardware.md");
    let (_, shown) = guide.split_once("```toml\n").unwrap();
    let (shown, _) = shown.split_once("```").unwrap();
    assert_eq!(shown, FOUR_DOORS);
    let config = SiteConfig::parse(FOUR_DOORS).unwrap_or_else(|problems| panic!("{problems}"));
    let readers: Vec<_> = config.reader_names().map(|name| &**name).collect();
    assert_eq!(
        readers,
        ["main-in", "staff-in", "store-in", "lab-in", "lab-out"]
    );
    let profiles = crate::relays::profiles::Profiles::load(None).unwrap();
    let board = profiles.by_name(&config.boards[0].profile).unwrap();
    // Two inputs and a relay for each door; the commands of the example use no others.
    assert!(board.inputs >= 8 && board.outputs >= 4);
    let commands = include_str!("../../../config/examples/four-doors.sh");
    let words = commands.lines().filter(|line| !line.starts_with('#'));
    let words = words.flat_map(str::split_whitespace);
    for word in words.clone() {
        if let Some(number) = word.strip_prefix("cabinet:") {
            assert!((1..=8).contains(&number.parse::<u16>().unwrap()), "{word}");
        }
    }
    for reader in readers {
        assert_eq!(
            words.clone().filter(|word| *word == reader).count(),
            1,
            "{reader}"
        );
    }
    assert_eq!(&*config.boards[0].name, "cabinet");
    assert_eq!(config.formats_in_use.unwrap(), ["H10301"]);
}

#[test]
fn gpio_lines_have_one_use_and_bounds() {
    let check = |text: &str, expect: &str| {
        let text = format!("[site]\nname = \"s\"\n{text}");
        let problems = SiteConfig::parse(&text).unwrap_err().to_string();
        assert!(problems.contains(expect), "{text}: {problems}");
    };
    let reader = "[[wiegand]]\nname = \"r\"\nchip = \"/dev/gpiochip0\"\n";
    let board = "[[board]]\nname = \"b\"\nchip = \"/dev/gpiochip0\"\n";
    check(
        &format!("{reader}d0 = 5\nd1 = 5"),
        "has line 5 of `/dev/gpiochip0`, already used",
    );
    check(&format!("{reader}d0 = 5"), "`wiegand[0].d1` is missing");
    check(&format!("{reader}d0 = 5\nd1 = 2000"), "from 0 to 1023");
    check(
        &format!("{reader}d0 = 5\nd1 = 6\nframe_gap_ms = 24"),
        "from 25 to 50",
    );
    check(
        &format!("{reader}d0 = 5\nd1 = 6\nprofile = \"rdm6300\""),
        "profile` is unknown",
    );
    check(board, "`board[0].outputs` is missing");
    check(
        &format!("{board}outputs = \"5,x\""),
        "a list of at most 64 GPIO lines",
    );
    check(
        &format!("{board}outputs = \"5\"\ninputs = \"6, 5\""),
        "has line 5",
    );
    check(
        &format!("{reader}d0 = 5\nd1 = 6\n{board}outputs = \"6\""),
        "already used by `wiegand[0]",
    );
}

fn problems(text: &str) -> Vec<String> {
    SiteConfig::parse(text)
        .unwrap_err()
        .list()
        .iter()
        .map(|problem| format!("{}: {}: {}", problem.line, problem.key, problem.message))
        .collect()
}

#[test]
fn all_problems_come_at_once_with_line_key_and_what_is_allowed() {
    let text = r#"[site]
nme = "x"
[doors]
record_deadline_ms = "soon"
untrusted_clock = "maybe"
[api]
mode = "0666"
[[osdp_bus]]
name = "north"
port = "ttyUSB0"
baud = 1200
[[osdp_bus.reader]]
name = "front-in"
address = 127
[[osdp_bus.reader]]
name = "front-in"
address = 127
security = "clear"
"#;
    let found = problems(text);
    let expect = [
        "1: site.name: is missing, allowed is a text of 1 to 60",
        "2: site.nme: is unknown, allowed are `name`",
        "4: doors.record_deadline_ms: is \"soon\", allowed is a whole number from 0 to 1000",
        "5: doors.untrusted_clock: is \"maybe\", allowed is one of \"refuse_scheduled\", \"trust_anyway\"",
        "7: api.mode: is \"0666\", allowed is an octal mode",
        "10: osdp_bus[0].port: is \"ttyUSB0\", allowed is an absolute path",
        "11: osdp_bus[0].baud: is 1200, allowed is one of 9600, 19200",
        "14: osdp_bus[0].reader[0].address: is 127, allowed is a whole number from 0 to 126",
        "16: osdp_bus[0].reader[1].name: is \"front-in\", already used by `osdp_bus[0].reader[0].name`",
    ];
    for expect in expect {
        assert!(
            found.iter().any(|line| line.starts_with(expect)),
            "{expect}\nin {found:#?}"
        );
    }
}

#[test]
fn shared_things_must_agree() {
    let two_boards = |second: &str| {
        format!(
            "[site]\nname='s'\n[[board]]\nname='a'\nprofile='generic-coil'\nport='/dev/ttyUSB1'\n\
             [[board]]\nname='b'\nprofile='generic-coil'\n{second}\n"
        )
    };
    assert!(SiteConfig::parse(&two_boards("port='/dev/ttyUSB1'\nunit=2")).is_ok());
    assert!(problems(&two_boards("port='/dev/ttyUSB1'\nbaud=19200"))[0].contains("another `baud`"));
    assert!(
        problems(&two_boards("port='/dev/ttyUSB2'\naddress='h:502'"))[0].contains("one of them")
    );
    assert!(problems(&two_boards(""))[0].contains("Modbus TCP"));
}

#[test]
fn syntax_errors_tell_their_line() {
    let found = problems("[site]\nname = \n");
    assert!(
        found[0].starts_with("2: : string values must be quoted"),
        "{found:?}"
    );
}

#[test]
fn a_readers_key_comes_from_one_place_or_is_installed() {
    let with = |lines: &str| {
        format!(
            "[site]\nname='s'\n[[osdp_bus]]\nname='b'\nport='/dev/ttyUSB0'\n\
             [[osdp_bus.reader]]\nname='r'\naddress=1\n{lines}\n"
        )
    };
    let key = |lines: &str| {
        let config = SiteConfig::parse(&with(lines)).unwrap();
        config.buses[0].readers[0].security.clone()
    };
    assert_eq!(key(""), ReaderSecurity::Secure(KeySource::Installed));
    let named = KeySource::Credential("front-in".to_owned());
    assert_eq!(
        key("key_credential='front-in'"),
        ReaderSecurity::Secure(named)
    );
    assert_eq!(key("security='clear'"), ReaderSecurity::Clear);
    let check = |lines: &str, expect: &str| {
        let found = problems(&with(lines));
        assert!(found[0].contains(expect), "{found:?}");
    };
    check(
        "key_file='/k'\nkey_credential='c'",
        "allowed is one of them",
    );
    check("key_credential='../k'", "the name of a credential");
    check("security='clear'\nkey_credential='c'", "is not used");
    check("security='clear'\nkey_file='/k'", "is not used");
}

#[test]
fn whole_numbers_may_be_written_in_hexadecimal() {
    let text = "[site]\nname='s'\n[[board]]\nname='a'\nprofile='p'\naddress='h:502'\nunit=0x10\n";
    assert_eq!(SiteConfig::parse(text).unwrap().boards[0].unit, 16);
}

#[test]
fn a_key_file_must_be_private_and_a_key() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    let read = |text: &str, mode: u32| {
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        read_scbk(&path).map_err(|error| error.to_string())
    };
    let key = "d10c5e9a70427fb3e8a1965b2c3f480c";
    assert_eq!(read(&format!("{key}\n"), 0o600).unwrap().expose()[15], 0x0c);
    assert!(read(key, 0o644).unwrap_err().contains("mode 0644"));
    assert!(
        read("00", 0o600)
            .unwrap_err()
            .contains("2 hexadecimal digits")
    );
    assert!(
        read(&key.replace('1', "x"), 0o600)
            .unwrap_err()
            .contains("position 1")
    );
    let patterned = read(&"00".repeat(16), 0o600).unwrap_err();
    assert!(patterned.contains("evenly patterned"), "{patterned}");
    assert_eq!(format!("{:?}", read(key, 0o600).unwrap()), "Scbk(redacted)");
}
