use super::*;
use crate::osdp::feedback::{Blink, Colour, OutputAction, Permanent, Temporary, TextMode, Tone};
use crate::osdp::testing::hex;
use proptest::prelude::*;

fn blink() -> impl Strategy<Value = Blink> {
    any::<[u8; 4]>().prop_map(|[on_100ms, off_100ms, on, off]| Blink {
        on_100ms,
        off_100ms,
        on: Colour::from_byte(on),
        off: Colour::from_byte(off),
    })
}

fn led() -> impl Strategy<Value = LedControl> {
    let temporary = prop_oneof![
        Just(Temporary::Keep),
        Just(Temporary::Cancel),
        (blink(), any::<u16>()).prop_map(|(blink, for_100ms)| Temporary::Set { blink, for_100ms }),
    ];
    let permanent = prop_oneof![Just(Permanent::Keep), blink().prop_map(Permanent::Set)];
    (any::<u8>(), any::<u8>(), temporary, permanent).prop_map(
        |(reader, led, temporary, permanent)| LedControl {
            reader,
            led,
            temporary,
            permanent,
        },
    )
}

fn output() -> impl Strategy<Value = OutputControl> {
    use OutputAction::{Keep, Off, OffAfterTimer, On, OnAfterTimer, TimedOff, TimedOn};
    let actions = vec![
        Keep,
        Off,
        On,
        OffAfterTimer,
        OnAfterTimer,
        TimedOn,
        TimedOff,
    ];
    (any::<u8>(), prop::sample::select(actions), any::<u16>()).prop_map(
        |(output, action, for_100ms)| OutputControl {
            output,
            action,
            for_100ms,
        },
    )
}

fn buzzer() -> impl Strategy<Value = BuzzerControl> {
    let tone = prop_oneof![
        Just(Tone::Silent),
        Just(Tone::Default),
        (3u8..).prop_map(Tone::Other)
    ];
    (any::<u8>(), tone, any::<[u8; 3]>()).prop_map(
        |(reader, tone, [on_100ms, off_100ms, count])| BuzzerControl {
            reader,
            tone,
            on_100ms,
            off_100ms,
            count,
        },
    )
}

fn text() -> impl Strategy<Value = TextOutput> {
    use TextMode::{Permanent, PermanentWrapped, Temporary, TemporaryWrapped};
    let modes = vec![Permanent, PermanentWrapped, Temporary, TemporaryWrapped];
    let characters = prop::collection::vec(0x20u8..=0x7E, 0..=MAX);
    (any::<[u8; 4]>(), prop::sample::select(modes), characters).prop_map(
        |([reader, for_s, row, column], mode, characters)| TextOutput {
            reader,
            mode,
            for_s,
            row,
            column,
            text: String::from_utf8(characters).unwrap(),
        },
    )
}

const MAX: usize = crate::osdp::feedback::MAX_TEXT;

fn command() -> impl Strategy<Value = Command> {
    let plain = vec![
        Command::Poll,
        Command::Id,
        Command::Capabilities,
        Command::LocalStatus,
        Command::InputStatus,
        Command::OutputStatus,
        Command::ReaderStatus,
        Command::Abort,
    ];
    let bauds = vec![9600, 19_200, 38_400, 57_600, 115_200, 230_400];
    prop_oneof![
        prop::sample::select(plain),
        prop::collection::vec(output(), 1..=MAX_OUTPUT_RECORDS)
            .prop_map(|records| Command::Output(Few::from_slice(&records).unwrap())),
        prop::collection::vec(led(), 1..=MAX_LED_RECORDS)
            .prop_map(|records| Command::Led(Few::from_slice(&records).unwrap())),
        buzzer().prop_map(Command::Buzzer),
        text().prop_map(Command::Text),
        (0u8..127, prop::sample::select(bauds)).prop_map(|(address, rate)| Command::ComSet(
            ComSettings {
                address: Address::new(address).unwrap(),
                baud: Baud::new(rate).unwrap(),
            }
        )),
        any::<[u8; 16]>().prop_map(|key| Command::KeySet(Scbk::new(key))),
        any::<[u8; 8]>().prop_map(Command::Challenge),
        any::<[u8; 16]>().prop_map(Command::ServerCryptogram),
        any::<u16>().prop_map(Command::AcuReceiveSize),
        any::<u16>().prop_map(Command::KeepActive),
    ]
}

proptest! {
    #[test]
    fn every_command_reads_back(command in command()) {
        let mut body = Vec::new();
        command.encode(&mut body).unwrap();
        prop_assert_eq!(Command::decode(&body), Ok(command));
    }

    #[test]
    fn what_is_read_is_written_the_same(body in prop::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(command) = Command::decode(&body) {
            let mut again = Vec::new();
            command.encode(&mut again).unwrap();
            prop_assert_eq!(Command::decode(&again), Ok(command));
        }
    }

    #[test]
    fn no_command_is_read_from_one_byte_less(command in command()) {
        let mut body = Vec::new();
        command.encode(&mut body).unwrap();
        body.pop();
        prop_assert!(Command::decode(&body).is_err());
    }
}

#[test]
fn bytes_on_the_wire() {
    fn check(command: &Command, expect: &str) {
        let mut body = Vec::new();
        command.encode(&mut body).unwrap();
        assert_eq!(body, hex(expect), "{command:?}");
    }
    check(&Command::Poll, "60");
    check(&Command::Id, "61 00");
    check(
        &Command::Led(Few::one(LedControl::for_a_while(
            Blink::steady(Colour::Green),
            30,
        ))),
        "69 00 00 02 01 00 02 02 1E 00 00 00 00 00 00",
    );
    check(
        &Command::Led(Few::one(LedControl::until_further(Blink::blinking(
            Colour::Red,
            5,
        )))),
        "69 00 00 01 00 00 00 00 00 00 01 05 05 01 00",
    );
    check(
        &Command::Buzzer(BuzzerControl::beeps(3, 2)),
        "6A 00 02 02 02 03",
    );
    check(
        &Command::Buzzer(BuzzerControl::silence()),
        "6A 00 01 00 00 00",
    );
    let strike = OutputControl {
        output: 1,
        action: OutputAction::TimedOn,
        for_100ms: 300,
    };
    check(&Command::output(strike), "68 01 05 2C 01");
    let settings = ComSettings {
        address: Address::new(0).unwrap(),
        baud: Baud::B9600,
    };
    check(&Command::ComSet(settings), "6E 00 80 25 00 00");
    check(&Command::AcuReceiveSize(1440), "7B A0 05");
}

#[test]
fn refusals_say_what_was_wrong() {
    fn check(body: &str, expect: &str) {
        assert_eq!(Command::decode(&hex(body)).unwrap_err().to_string(), expect);
    }
    check("", "message is empty");
    check("99", "message code `0x99` is not known");
    check("60 00", "POLL has 1 bytes of data, expected 0");
    check(
        "69 00",
        "LED has 1 bytes of data, expected 14 for each of 1 to 8 lights",
    );
    check(
        "69",
        "LED has 0 bytes of data, expected 14 for each of 1 to 8 lights",
    );
    check(
        "68 01 07 00 00",
        "OUT has output control code `7`, allowed are 0 to 6",
    );
    check(
        "6B 00 01 00 01 01 02 41",
        "TEXT has 7 bytes of data, expected 6 and the characters",
    );
    check(
        "6B 00 01 00 01 01 01 0A",
        "TEXT has character `10`, allowed are 0x20 to 0x7e",
    );
    check(
        "6E 7F 80 25 00 00",
        "COMSET has address `127`, allowed are 0 to 126",
    );
    check("75 02 10", "KEYSET has key type `2`, allowed are 1");
}

#[test]
fn invalid_commands_are_not_written() {
    let mut body = Vec::new();
    assert_eq!(
        Command::Led(Few::new()).encode(&mut body),
        Err(EncodeError::NoRecord("LED"))
    );
    let text = TextOutput {
        text: "Öffnen".to_owned(),
        ..TextOutput::default()
    };
    assert_eq!(
        Command::Text(text).encode(&mut body),
        Err(EncodeError::Text)
    );
    assert!(body.is_empty());
}

#[test]
fn a_key_never_shows_in_debug() {
    assert_eq!(
        format!("{:?}", Command::KeySet(Scbk::new([0x41; 16]))),
        "KeySet(Scbk(redacted))"
    );
}
