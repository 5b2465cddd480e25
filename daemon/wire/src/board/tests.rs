use proptest::prelude::*;

use super::*;

fn profile(text: &str) -> BoardProfile {
    match BoardProfile::parse(text) {
        Ok(profile) => profile,
        Err(problems) => panic!("{problems}"),
    }
}

fn shipped(name: &str) -> BoardProfile {
    built_in(name).unwrap().unwrap()
}

fn coil(address: u16, value: u16) -> ModbusRequest {
    ModbusRequest::WriteCoil { address, value }
}

#[test]
fn profiles_built_in_are_right_and_named_as_their_files() {
    for (name, text) in BUILT_IN {
        assert_eq!(profile(text).name, name);
    }
    assert!(built_in("other").is_none());
}

#[test]
fn a_generic_board_is_driven_by_coils() {
    let board = shipped("generic-coil");
    assert_eq!(board.drive(1, OutputState::On), Some(coil(0, 0xFF00)));
    assert_eq!(board.drive(16, OutputState::Off), Some(coil(15, 0)));
    assert_eq!(board.drive(0, OutputState::On), None);
    assert_eq!(board.drive(17, OutputState::On), None);
    assert_eq!(board.pulse(1, 1000), None);
    let inputs = ModbusRequest::ReadDiscreteInputs {
        address: 0,
        count: 16,
    };
    assert_eq!(board.read_inputs(), Some(inputs));
    assert_eq!(
        board.input_levels(&ReplyValue::Bits(0x1_8001)),
        Some(0x8001)
    );
    assert_eq!(board.input_levels(&ReplyValue::Registers(vec![1])), None);
}

#[test]
fn boards_that_people_buy_are_driven_as_their_makers_say() {
    let register = |address, value| ModbusRequest::WriteRegister { address, value };
    let coils = |address, count| ModbusRequest::ReadCoils { address, count };
    let discrete = |address, count| ModbusRequest::ReadDiscreteInputs { address, count };
    let holding = |address, count| ModbusRequest::ReadHoldingRegisters { address, count };
    // Name; output 2 on and off; read back; inputs; whether it times pulses.
    let table = [
        (
            "generic-register",
            register(1, 1),
            register(1, 0),
            holding(0, 16),
            None,
            false,
        ),
        (
            "waveshare-poe-eth-relay-8ch",
            coil(1, 0xFF00),
            coil(1, 0),
            coils(0, 8),
            None,
            true,
        ),
        (
            "waveshare-poe-eth-relay-b-8ch",
            coil(1, 0xFF00),
            coil(1, 0),
            coils(0, 8),
            Some(discrete(0, 8)),
            true,
        ),
        (
            "advantech-adam-6050",
            coil(17, 0xFF00),
            coil(17, 0),
            coils(16, 6),
            Some(coils(0, 12)),
            false,
        ),
        (
            "advantech-adam-6060",
            coil(17, 0xFF00),
            coil(17, 0),
            coils(16, 6),
            Some(coils(0, 6)),
            false,
        ),
        (
            "eletechsup-r4d8a08",
            register(2, 0x0100),
            register(2, 0x0200),
            holding(1, 8),
            None,
            false,
        ),
        (
            "rlh-smart-8",
            register(1, 2),
            register(1, 1),
            coils(0, 8),
            None,
            false,
        ),
        (
            "kmtronic-rtu-8ch",
            coil(1, 0xFF00),
            coil(1, 0),
            coils(0, 8),
            None,
            false,
        ),
        (
            "wirenboard-mr6c",
            coil(1, 0xFF00),
            coil(1, 0),
            coils(0, 6),
            Some(discrete(0, 7)),
            false,
        ),
    ];
    for (name, on, off, back, inputs, times_pulses) in table {
        let board = shipped(name);
        assert_eq!(board.drive(2, OutputState::On), Some(on), "{name}");
        assert_eq!(board.drive(2, OutputState::Off), Some(off), "{name}");
        assert_eq!(board.read_outputs(), Some(back), "{name}");
        assert_eq!(board.read_inputs(), inputs, "{name}");
        assert_eq!(board.pulse(2, 5000).is_some(), times_pulses, "{name}");
    }
    let registers = ReplyValue::Registers(vec![0, 1, 0, 0, 0, 0, 0, 1]);
    assert_eq!(
        shipped("eletechsup-r4d8a08").output_levels(&registers),
        Some(0x82)
    );
}

#[test]
fn a_supervised_loop_tells_short_closed_open_and_cut() {
    let text = |thresholds: &str| {
        format!(
            "name = \"loops\"\noutputs = 0\ninputs = 6\n[read_back]\nfunction = 1\naddress = 0\n\
             [input]\nfunction = 4\naddress = 0\nlayout = \"loop\"\n{thresholds}"
        )
        .replace("[read_back]\nfunction = 1\naddress = 0\n", "")
    };
    let board = profile(&text(
        "short_below = 800\nclosed_below = 2600\ncut_above = 3800",
    ));
    let measured = ReplyValue::Registers(vec![0, 799, 800, 2599, 2600, 3801]);
    assert_eq!(board.input_levels(&measured), Some(0b00_1100));
    let faults = LoopFaults {
        short: 0b00_0011,
        cut: 0b10_0000,
    };
    assert_eq!(board.loop_faults(&measured), Some(faults));
    assert_eq!(
        shipped("generic-coil").loop_faults(&ReplyValue::Bits(1)),
        None
    );
    let wrong = |thresholds: &str, expect: &str| {
        let problems = BoardProfile::parse(&text(thresholds))
            .unwrap_err()
            .to_string();
        assert!(problems.contains(expect), "{thresholds}: {problems}");
    };
    wrong(
        "short_below = 800\nclosed_below = 800\ncut_above = 900",
        "out of order",
    );
    wrong(
        "short_below = 800\nclosed_below = 900",
        "`input.cut_above` is missing",
    );
    wrong(
        "inverted = true\nshort_below = 1\nclosed_below = 2\ncut_above = 3",
        "is of no use on a loop",
    );
}

#[test]
fn a_waveshare_board_times_pulses_itself() {
    let board = shipped("waveshare-rtu-relay-8ch");
    // The maker's example: relay 0 on for 7 * 100 ms.
    assert_eq!(board.pulse(1, 700), Some((coil(0x0200, 7), 700)));
    assert_eq!(board.pulse(8, 1), Some((coil(0x0207, 1), 100)));
    assert_eq!(board.pulse(1, 0), Some((coil(0x0200, 1), 100)));
    assert_eq!(board.pulse(1, 601), Some((coil(0x0200, 7), 700)));
    assert_eq!(
        board.pulse(1, 3_276_700),
        Some((coil(0x0200, 0x7FFF), 3_276_700))
    );
    assert_eq!(board.pulse(1, 3_276_701), None);
    assert_eq!(board.pulse(9, 700), None);
    assert_eq!(board.all_off(), Some(coil(0x00FF, 0)));
    assert_eq!(board.read_inputs(), None);
    assert_eq!(board.output_levels(&ReplyValue::Bits(0x83)), Some(0x83));
    assert_eq!(shipped("waveshare-rtu-relay-d-8ch").inputs, 8);
}

/// A board of everything in registers.
const REGISTERS: &str = r#"
name = "registers"
outputs = 4
inputs = 20
gap_ms = 10
[write]
function = 6
address = 0x10
on = 0x0100
off = 0x0200
[pulse]
function = 6
address = 0x20
unit_ms = 1000
max = 10
[read_back]
function = 3
address = 0x10
layout = "register"
mask = 0x0100
[input]
function = 4
address = 0
first_bit = 8
inverted = true
"#;

#[test]
fn registers_are_packed_or_one_each() {
    let board = profile(REGISTERS);
    let write = |address, value| Some(ModbusRequest::WriteRegister { address, value });
    assert_eq!(board.drive(2, OutputState::On), write(0x11, 0x0100));
    assert_eq!(board.drive(2, OutputState::Off), write(0x11, 0x0200));
    let expect = ModbusRequest::WriteRegister {
        address: 0x23,
        value: 10,
    };
    assert_eq!(board.pulse(4, 9001), Some((expect, 10_000)));
    assert_eq!(board.pulse(4, 10_001), None);
    let inputs = ModbusRequest::ReadInputRegisters {
        address: 0,
        count: 2,
    };
    assert_eq!(board.read_inputs(), Some(inputs));
    let reply = ReplyValue::Registers(vec![0xFE00, 0x0FFF]);
    assert_eq!(board.input_levels(&reply), Some(0x0_0001));
    let reply = ReplyValue::Registers(vec![0x0100, 0x0200, 0x0300, 0]);
    assert_eq!(board.output_levels(&reply), Some(0b101));
}

#[test]
fn function_15_drives_one_coil_at_a_time() {
    let text = "name = \"x\"\noutputs = 2\ninputs = 0\nwrite = { function = 15, address = 3 }\nread_back = { function = 1, address = 3 }";
    let expect = ModbusRequest::WriteCoils {
        address: 4,
        on: true,
    };
    assert_eq!(profile(text).drive(2, OutputState::On), Some(expect));
}

#[test]
fn every_mistake_in_a_profile_is_told_with_its_line() {
    let text = r#"
name = ""
outputs = 65
inputs = 4
colour = 1
transports = ["rtu", "usb"]
[write]
function = 16
address = 0x10000
on = 1
off = 1
[pulse]
function = 5
address = 0
unit_ms = 0
[read_back]
function = 3
address = 0
layout = "sideways"
"#;
    let problems = BoardProfile::parse(text).unwrap_err().to_string();
    let expect = r#"line 1: `input` is missing, needed to read the inputs
line 2: `name` is "", allowed is text of 1 to 60 characters
line 3: `outputs` is 65, allowed is a whole number from 0 to 64
line 5: `colour` is unknown, allowed are `name`, `description`, `source`, `transports`, `baud`, `unit`, `gap_ms`, `outputs`, `inputs`, `write`, `all_off`, `pulse`, `read_back`, `input`
line 6: `transports` is a list, allowed is a list out of "rtu", "tcp"
line 7: `write.on` is the same as `off`, allowed are different values
line 8: `write.function` is 16, allowed is one of 5, 6, 15
line 9: `write.address` is 0x10000, allowed is a whole number from 0 to 65535
line 12: `pulse.max` is missing, allowed is a whole number from 1 to 65535
line 15: `pulse.unit_ms` is 0, allowed is a whole number from 1 to 60000
line 16: `read_back.layout` is another word, allowed are "packed", "register" and "loop""#;
    assert_eq!(problems, expect);
}

#[test]
fn sections_are_those_the_counts_call_for() {
    let check = |text: &str, expect: &str| {
        let text = format!("name = \"x\"\n{text}");
        let problems = BoardProfile::parse(&text).unwrap_err().to_string();
        assert_eq!(problems, expect);
    };
    check(
        "outputs = 1\ninputs = 0",
        "line 1: `write` is missing, needed to drive the outputs\n\
         line 1: `read_back` is missing, needed to see a board without inputs going away",
    );
    check(
        "outputs = 0\ninputs = 1\npulse = { function = 5, address = 0, unit_ms = 1, max = 1 }\ninput = { function = 2, address = 0xFFFF }",
        "line 1: `pulse` is of no use with `outputs = 0`",
    );
    check(
        "outputs = 2\ninputs = 0\nread_back = { function = 1, address = 0 }\nwrite = { function = 5, address = 0xFFFF }",
        "line 5: `write.address` is 0xFFFF, allowed is a whole number from 0 to 65534",
    );
}

proptest! {
    #[test]
    fn a_pulse_is_never_shorter_than_asked_and_hardly_longer(ms in 1u32..=600_000, output in 1u16..=8) {
        let (request, actual) = shipped("waveshare-rtu-relay-8ch").pulse(output, ms).unwrap();
        prop_assert!(actual >= ms && actual < ms + 100);
        let ModbusRequest::WriteCoil { address, value } = request else { panic!() };
        prop_assert_eq!(address, 0x01FF + output);
        prop_assert_eq!(u32::from(value) * 100, actual);
    }

    #[test]
    fn any_text_is_taken_or_told(text in "(\\PC|[\\[\\]\n=\"0-9]|name|outputs|write|function|address){0,120}") {
        let _ = BoardProfile::parse(&text);
    }
}
