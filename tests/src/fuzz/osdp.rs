//! OSDP: frames, and both machines.

use doorward_wire::osdp::{
    Address, Baud, BlockType, BusConfig, BuzzerControl, CardCoding, CardRead, Check, ComSettings,
    Command, ControlPanel, Deframer, DeviceConfig, DeviceSecurity, Direction, Few, Frame, Header,
    Keypad, LocalStatus, MAC_LEN, MARK, MAX_BUS_EVENTS, MAX_FRAME, Mono, PeripheralDevice, Reply,
    Scbk, Security, SecurityBlock, Sequence, Station, encode_frame,
};

use super::script::Script;

/// The most steps of one script: more teach nothing and only take time.
const STEPS_MAX: usize = 400;

/// Frames are found whatever chunks they come in, and what can be read can be written again.
pub fn osdp_frames(data: &[u8]) {
    let Some((&chunk, stream)) = data.split_first() else {
        return;
    };
    let whole = frames(stream, stream.len().max(1));
    let cut = frames(stream, usize::from(chunk).max(1));
    assert_eq!(whole, cut, "frames depend on how the bytes were cut");
    for raw in &whole {
        let frame = Frame::parse(raw).expect("what the deframer gave is a frame");
        written_again(&frame);
        message(frame.header.direction, frame.body);
    }
    message(Direction::Command, stream);
    message(Direction::Reply, stream);
}

fn frames(stream: &[u8], chunk: usize) -> Vec<Vec<u8>> {
    let mut deframer = Deframer::new();
    let mut found = Vec::new();
    for mut bytes in stream.chunks(chunk) {
        while let Some(frame) = deframer.next_frame(&mut bytes) {
            found.push(frame.raw.to_vec());
        }
        assert!(bytes.is_empty(), "bytes were left over");
    }
    deframer.give_up();
    while let Some(frame) = deframer.next_frame(&mut &[][..]) {
        found.push(frame.raw.to_vec());
    }
    let counts = deframer.counts();
    assert!(counts.framed_bytes + counts.discarded_bytes <= stream.len() as u64);
    found
}

fn written_again(frame: &Frame<'_>) {
    let mut out = Vec::new();
    let mac = frame.mac.unwrap_or_default();
    encode_frame(&frame.header, frame.body, |_| mac, &mut out).expect("it was short enough");
    // A security block may hold bytes that no block has; they are read over, and not written.
    if out.len() == frame.raw.len() {
        let again = Frame::parse(&out).expect("what was written is a frame");
        assert_eq!((again.header, again.body), (frame.header, frame.body));
    }
}

fn message(direction: Direction, body: &[u8]) {
    let mut out = Vec::new();
    match direction {
        Direction::Command => {
            let Ok(command) = Command::decode(body) else {
                return;
            };
            command.encode(&mut out).expect("what was read is valid");
            assert_eq!(Command::decode(&out), Ok(command));
        }
        Direction::Reply => {
            let Ok(reply) = Reply::decode(body) else {
                return;
            };
            reply.encode(&mut out);
            assert_eq!(Reply::decode(&out), Ok(reply));
        }
    }
}

fn key(at: u8) -> Scbk {
    Scbk::new(std::array::from_fn(|i| {
        (i * i + 31 * usize::from(at) + 7) as u8
    }))
}

/// The panel takes any bytes at any times: it goes on, it has bounds, and it talks in turn.
pub fn osdp_panel(data: &[u8]) {
    let mut script = Script(data);
    let setup = script.byte();
    let mut config = BusConfig::new(Baud::B115200);
    for index in 0..=setup % 3 {
        let address = Address::new(index).expect("a small address");
        let security = match (setup >> (2 + 2 * index)) & 3 {
            0 => Security::Clear,
            1 => Security::Unkeyed,
            _ => Security::Required(key(index)),
        };
        config = config.with_reader(address, security);
    }
    let mut now = Mono::ZERO;
    let mut panel = ControlPanel::new(config, [7; 16], now).expect("a valid bus");
    let mut sent = Vec::new();
    for _ in 0..STEPS_MAX {
        if script.is_over() {
            break;
        }
        match script.byte() % 8 {
            6 => {
                let address = Address::new(script.byte() % 4).expect("a small address");
                let until = now.plus_us(1000 * u64::from(script.u16()));
                let _ = panel.open_install(now, address, key(script.byte()), until);
            }
            7 => {
                let address = Address::new(script.byte() % 4).expect("a small address");
                let _ = panel.close_install(address);
            }
            0 => now = now.plus_us(u64::from(script.byte())),
            1 => now = now.plus_us(1000 * u64::from(script.u16())),
            2 => {
                let count = usize::from(script.byte());
                panel.handle_bytes(now, script.take(count));
            }
            3 | 4 => panel.handle_bytes(now, &framed(&mut script, Direction::Reply, &sent)),
            _ => {
                let address = Address::new(script.byte() % 4).expect("a small address");
                if let Some(command) = some_command(&mut script) {
                    let _ = panel.send(address, command);
                }
            }
        }
        panel.handle_timeout(now);
        drain_panel(&mut panel, now, &mut sent);
    }
}

fn drain_panel(panel: &mut ControlPanel, now: Mono, sent: &mut Vec<u8>) {
    let mut out = Vec::new();
    if let Some(transmit) = panel.poll_transmit(now, &mut out) {
        assert_eq!(transmit.len, out.len());
        assert!(out.len() <= MAX_FRAME + 1);
        let frame = out.strip_prefix(&[MARK]).unwrap_or(&out);
        Frame::parse(frame).expect("what the panel sends is a frame");
        assert!(
            panel.poll_transmit(now, &mut Vec::new()).is_none(),
            "two commands at once"
        );
        *sent = out;
    }
    let events = std::iter::from_fn(|| panel.poll_event()).count();
    assert!(
        events <= MAX_BUS_EVENTS + 64,
        "{events} events from one step"
    );
    assert!(
        panel.poll_timeout().is_some(),
        "the panel has gone to sleep"
    );
}

/// A reader takes any bytes at any times: it goes on, and it talks only when asked.
pub fn osdp_device(data: &[u8]) {
    let mut script = Script(data);
    let security = match script.byte() % 4 {
        0 => DeviceSecurity::Unsupported,
        1 => DeviceSecurity::Install,
        2 => DeviceSecurity::Keyed(key(0)),
        _ => DeviceSecurity::Required(key(0)),
    };
    let address = Address::new(0).expect("a small address");
    let config = DeviceConfig::reader(address, Baud::B115200, security);
    let mut now = Mono::ZERO;
    let mut device = PeripheralDevice::new(config, [9; 16], now);
    let mut sent = Vec::new();
    for _ in 0..STEPS_MAX {
        if script.is_over() {
            break;
        }
        let mut asked = false;
        match script.byte() % 6 {
            0 => now = now.plus_us(u64::from(script.byte())),
            1 => now = now.plus_us(1000 * u64::from(script.u16())),
            2 => {
                let count = usize::from(script.byte());
                device.handle_bytes(now, script.take(count));
                asked = count > 0;
            }
            3 | 4 => {
                device.handle_bytes(now, &framed(&mut script, Direction::Command, &sent));
                asked = true;
            }
            _ => happen(&mut device, now, &mut script),
        }
        device.handle_timeout(now);
        let mut out = Vec::new();
        while let Some(count) = device.poll_transmit(now, &mut out) {
            assert!(asked || count > 0);
            Frame::parse(&out).expect("what the reader sends is a frame");
            sent = std::mem::take(&mut out);
        }
        while device.poll_event().is_some() {}
    }
}

fn happen(device: &mut PeripheralDevice, now: Mono, script: &mut Script<'_>) {
    match script.byte() % 5 {
        0 => {
            let bits = usize::from(script.u16() % 600);
            if let Ok(card) = CardRead::new(0, CardCoding::Wiegand, bits, script.take(64)) {
                let _ = device.show_card(now, card);
            }
        }
        1 => {
            if let Ok(keys) = Few::from_slice(script.take(8)) {
                let _ = device.press_keys(now, Keypad { reader: 0, keys });
            }
        }
        2 => {
            let status = LocalStatus {
                is_tampered: script.byte() % 2 == 1,
                has_power_failed: script.byte() % 2 == 1,
            };
            let _ = device.set_local_status(now, status);
        }
        3 => device.set_busy(script.byte() % 2 == 1),
        _ => {
            let (point, level) = (usize::from(script.byte()), script.byte() % 2 == 1);
            let _ = device.set_input(now, point, level);
        }
    }
}

/// A frame with the right check field, so that what is inside is looked at. The sequence number is
/// often that of the frame it answers.
fn framed(script: &mut Script<'_>, direction: Direction, last: &[u8]) -> Vec<u8> {
    let control = script.byte();
    let sequence = match last.get(4) {
        Some(&answered) if control & 4 == 0 => Sequence::from_bits(answered),
        _ => Sequence::from_bits(control),
    };
    let security = (control & 8 != 0).then(|| security_block(script, direction));
    let header = Header {
        station: Address::new(control >> 6).map_or(Station::Broadcast, Station::One),
        direction,
        sequence,
        check: if control & 16 == 0 {
            Check::Crc
        } else {
            Check::Checksum
        },
        security,
    };
    let count = usize::from(script.byte() % 64) + 1;
    let body = script.take(count);
    let body = if body.is_empty() { &[0x40] } else { body };
    let mac = [control; MAC_LEN];
    let mut out = Vec::new();
    encode_frame(&header, body, |_| mac, &mut out).expect("it is short");
    out
}

fn security_block(script: &mut Script<'_>, direction: Direction) -> SecurityBlock {
    let choice = script.byte();
    let kinds = match direction {
        Direction::Command => [
            BlockType::Scs11,
            BlockType::Scs13,
            BlockType::Scs15,
            BlockType::Scs17,
        ],
        Direction::Reply => [
            BlockType::Scs12,
            BlockType::Scs14,
            BlockType::Scs16,
            BlockType::Scs18,
        ],
    };
    let kind = kinds[usize::from(choice % 4)];
    SecurityBlock {
        kind,
        data: (!kind.has_mac()).then_some(choice >> 7),
    }
}

fn some_command(script: &mut Script<'_>) -> Option<Command> {
    let address = Address::new(script.byte() % 128).ok()?;
    Some(match script.byte() % 6 {
        0 => Command::Buzzer(BuzzerControl::beeps(script.byte(), script.byte())),
        1 => Command::KeySet(key(script.byte())),
        2 => Command::ComSet(ComSettings {
            address,
            baud: Baud::B9600,
        }),
        3 => Command::AcuReceiveSize(script.u16()),
        4 => Command::InputStatus,
        _ => Command::decode(script.take(40)).ok()?,
    })
}
