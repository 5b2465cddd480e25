use super::*;
use crate::osdp::address::Address;
use crate::osdp::frame::{Check, Sequence, Station};
use crate::osdp::testing::hex;
use proptest::prelude::*;

const PANEL_RANDOM: [u8; 8] = [0xB0, 0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7];
const PD_RANDOM: [u8; 8] = [0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0xA7];

fn keys() -> SessionKeys {
    SessionKeys::derive(&Scbk::new(Scbk::DEFAULT), &PANEL_RANDOM)
}

fn pair() -> (Session, Session) {
    let initial = keys().initial_r_mac([7; 16]);
    (Session::new(keys(), initial), Session::new(keys(), initial))
}

fn header(direction: Direction) -> Header {
    Header {
        station: Station::One(Address::new(3).unwrap()),
        direction,
        sequence: Sequence::from_bits(2),
        check: Check::Crc,
        security: None,
    }
}

fn sealed(session: &mut Session, direction: Direction, body: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    session
        .seal(&header(direction), &mut body.to_vec(), &mut raw)
        .unwrap();
    raw
}

fn opened(session: &mut Session, raw: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut body = Vec::new();
    session
        .open(&Frame::parse(raw).unwrap(), &mut body)
        .map(|()| body)
}

// SIA OSDP 2.x annex E: the handshake with the default key.

#[test]
fn session_keys_of_the_standards_example() {
    fn check(tag: u8, expect: &str) {
        let cipher = Aes128::new(&Array::from(Scbk::DEFAULT));
        assert_eq!(
            derived_key(&cipher, tag, &PANEL_RANDOM).to_vec(),
            hex(expect),
            "tag {tag:#04x}"
        );
    }
    check(0x01, "5E 86 C6 76 60 3B DE E2 D8 BE AF E1 78 63 73 32");
    check(0x02, "6F DA 86 E8 57 77 7E 81 13 20 35 75 82 39 17 2E");
    check(0x82, "BF 8D C2 A8 32 9A CB 8C 67 C6 D0 CD 9A 45 16 82");
}

#[test]
fn cryptograms_of_the_standards_example() {
    let server = keys().server_cryptogram(&PANEL_RANDOM, &PD_RANDOM);
    assert_eq!(
        server.to_vec(),
        hex("26 D3 35 6E 07 76 2D 26 28 01 FC 8E 66 65 A8 91")
    );
    let client = keys().client_cryptogram(&PANEL_RANDOM, &PD_RANDOM);
    assert_eq!(
        client.to_vec(),
        hex("FD E5 D2 F4 28 EC 16 31 24 71 EA 3C 02 BD 77 96")
    );
}

#[test]
fn initial_r_mac_of_the_standards_example() {
    let server = keys().server_cryptogram(&PANEL_RANDOM, &PD_RANDOM);
    let r_mac = keys().initial_r_mac(server);
    assert_eq!(
        r_mac.to_vec(),
        hex("B2 A3 00 57 EB 98 BA 22 29 EC 1F 87 56 62 B5 24")
    );
}

proptest! {
    #[test]
    fn whatever_is_sealed_opens_in_turn(turns in prop::collection::vec((prop::collection::vec(any::<u8>(), 1..100), prop::collection::vec(any::<u8>(), 1..100)), 1..8)) {
        let (mut panel, mut pd) = pair();
        for (command, reply) in turns {
            let raw = sealed(&mut panel, Direction::Command, &command);
            prop_assert_eq!(opened(&mut pd, &raw), Ok(command));
            let raw = sealed(&mut pd, Direction::Reply, &reply);
            prop_assert_eq!(opened(&mut panel, &raw), Ok(reply));
        }
    }

    #[test]
    fn a_frame_altered_and_given_a_right_crc_is_refused_and_harms_nothing(
        body in prop::collection::vec(any::<u8>(), 1..40),
        at in any::<prop::sample::Index>(),
        flip in 1u8..,
    ) {
        let (mut panel, mut pd) = pair();
        let good = sealed(&mut panel, Direction::Command, &body);
        let mut bad = good[..good.len() - 2].to_vec();
        // Address, code, data and MAC; the fields that shape the frame are refused earlier.
        let places: Vec<usize> = core::iter::once(1).chain(7..bad.len()).collect();
        let at = *at.get(&places);
        bad[at] ^= if at == 1 { flip & 0x7F | 1 } else { flip };
        let crc = crate::osdp::crc::crc16(&bad);
        bad.extend(crc.to_le_bytes());
        prop_assert_eq!(opened(&mut pd, &bad), Err(OpenError::Mac));
        prop_assert_eq!(opened(&mut pd, &good), Ok(body));
    }
}

#[test]
fn a_frame_replayed_is_refused() {
    let (mut panel, mut pd) = pair();
    let first = sealed(&mut panel, Direction::Command, &[0x60]);
    assert!(opened(&mut pd, &first).is_ok());
    sealed(&mut pd, Direction::Reply, &[0x40]);
    assert_eq!(opened(&mut pd, &first), Err(OpenError::Mac));
}

#[test]
fn block_types_tell_whether_there_is_data() {
    fn check(direction: Direction, body: &[u8], expect: BlockType, length: usize) {
        let raw = sealed(&mut pair().0, direction, body);
        let frame = Frame::parse(&raw).unwrap();
        assert_eq!(
            frame.header.security,
            Some(SecurityBlock {
                kind: expect,
                data: None
            })
        );
        assert_eq!(raw.len(), length);
    }
    check(Direction::Command, &[0x60], BlockType::Scs15, 14);
    check(Direction::Reply, &[0x40], BlockType::Scs16, 14);
    check(Direction::Command, &[0x61, 0], BlockType::Scs17, 30);
    check(Direction::Reply, &[0x50; 16], BlockType::Scs18, 30);
    // Sixteen bytes of data need a second block for the end mark.
    check(Direction::Reply, &[0x50; 17], BlockType::Scs18, 46);
}

#[test]
fn data_does_not_show_on_the_wire() {
    let card = [0x50, 0, 1, 26, 0, 0x12, 0x34, 0x56, 0x78];
    let raw = sealed(&mut pair().1, Direction::Reply, &card);
    assert!(
        !raw.windows(4)
            .any(|bytes| bytes == [0x12, 0x34, 0x56, 0x78])
    );
}

#[test]
fn a_frame_in_clear_is_not_of_the_session() {
    let mut raw = Vec::new();
    encode_frame(&header(Direction::Command), &[0x60], |_| [0; 4], &mut raw).unwrap();
    assert_eq!(opened(&mut pair().1, &raw), Err(OpenError::Clear));
}
