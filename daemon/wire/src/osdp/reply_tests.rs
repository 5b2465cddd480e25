use super::*;
use crate::osdp::address::Address;
use crate::osdp::card::{CardCoding, MAX_CARD_BITS, MAX_CARD_CHARACTERS, MAX_KEYS};
use crate::osdp::identity::{Function, LEAST_RECEIVE_BUFFER, MAX_CAPABILITIES};
use crate::osdp::testing::hex;
use crate::osdp::time::Baud;
use proptest::prelude::*;

fn few<const N: usize>() -> impl Strategy<Value = Few<u8, N>> {
    prop::collection::vec(any::<u8>(), 0..=N).prop_map(|bytes| Few::from_slice(&bytes).unwrap())
}

fn card() -> impl Strategy<Value = CardRead> {
    let coding = any::<u8>().prop_map(|code| match code {
        0 => CardCoding::Unspecified,
        1 => CardCoding::Wiegand,
        other => CardCoding::Other(other),
    });
    (
        any::<u8>(),
        coding,
        1..=MAX_CARD_BITS,
        prop::collection::vec(any::<u8>(), MAX_CARD_BITS / 8),
    )
        .prop_map(|(reader, coding, bits, bytes)| {
            CardRead::new(reader, coding, bits, &bytes[..bits.div_ceil(8)]).unwrap()
        })
}

fn capabilities() -> impl Strategy<Value = Capabilities> {
    prop::collection::vec(any::<[u8; 3]>(), 0..=MAX_CAPABILITIES).prop_map(|records| {
        Capabilities::new(
            records
                .into_iter()
                .map(|[function, compliance, count]| Capability {
                    function,
                    compliance,
                    count,
                }),
        )
    })
}

fn identity() -> impl Strategy<Value = PdId> {
    (
        any::<[u8; 3]>(),
        any::<u8>(),
        any::<u8>(),
        any::<u32>(),
        any::<[u8; 3]>(),
    )
        .prop_map(|(vendor, model, version, serial, firmware)| PdId {
            vendor,
            model,
            version,
            serial,
            firmware,
        })
}

fn reply() -> impl Strategy<Value = Reply> {
    let client = (any::<[u8; 8]>(), any::<[u8; 8]>(), any::<[u8; 16]>()).prop_map(
        |(uid, random, cryptogram)| {
            Reply::ClientCryptogram(ClientCryptogram {
                uid,
                random,
                cryptogram,
            })
        },
    );
    let keypad = (any::<u8>(), few::<MAX_KEYS>())
        .prop_map(|(reader, keys)| Reply::Keypad(Keypad { reader, keys }));
    let formatted = (any::<u8>(), any::<bool>(), few::<MAX_CARD_CHARACTERS>()).prop_map(
        |(reader, is_reverse, characters)| {
            Reply::FormattedCard(FormattedCard {
                reader,
                is_reverse,
                characters,
            })
        },
    );
    prop_oneof![
        Just(Reply::Ack),
        Just(Reply::Busy),
        any::<u8>().prop_map(|code| Reply::Nak(NakCode::from_byte(code))),
        identity().prop_map(Reply::Id),
        capabilities().prop_map(Reply::Capabilities),
        any::<(bool, bool)>().prop_map(|(is_tampered, has_power_failed)| {
            Reply::LocalStatus(LocalStatus {
                is_tampered,
                has_power_failed,
            })
        }),
        few().prop_map(Reply::InputStatus),
        few().prop_map(Reply::OutputStatus),
        few().prop_map(Reply::ReaderStatus),
        card().prop_map(Reply::Card),
        formatted,
        keypad,
        (0u8..127).prop_map(|address| Reply::Com(ComSettings {
            address: Address::new(address).unwrap(),
            baud: Baud::B9600,
        })),
        client,
        any::<[u8; 16]>().prop_map(Reply::InitialRMac),
    ]
}

proptest! {
    #[test]
    fn every_reply_reads_back(reply in reply()) {
        let mut body = Vec::new();
        reply.encode(&mut body);
        prop_assert_eq!(Reply::decode(&body), Ok(reply));
    }

    #[test]
    fn what_is_read_is_written_the_same(body in prop::collection::vec(any::<u8>(), 0..80)) {
        if let Ok(reply) = Reply::decode(&body) {
            let mut again = Vec::new();
            reply.encode(&mut again);
            prop_assert_eq!(Reply::decode(&again), Ok(reply));
        }
    }
}

#[test]
fn bytes_on_the_wire() {
    fn check(reply: Reply, expect: &str) {
        let mut body = Vec::new();
        reply.encode(&mut body);
        assert_eq!(body, hex(expect), "{reply:?}");
    }
    check(Reply::Nak(NakCode::SecurityConditions), "41 06");
    let id = PdId {
        vendor: [1, 2, 3],
        model: 4,
        version: 5,
        serial: 0x0908_0706,
        firmware: [10, 11, 12],
    };
    check(Reply::Id(id), "45 01 02 03 04 05 06 07 08 09 0A 0B 0C");
    check(
        Reply::LocalStatus(LocalStatus {
            is_tampered: true,
            has_power_failed: false,
        }),
        "48 01 00",
    );
    let card = CardRead::new(0, CardCoding::Wiegand, 26, &[0x02, 0x81, 0xD5, 0x80]).unwrap();
    check(Reply::Card(card), "50 00 01 1A 00 02 81 D5 80");
    let keys = Few::from_slice(b"12\x0D").unwrap();
    check(
        Reply::Keypad(Keypad { reader: 0, keys }),
        "53 00 03 31 32 0D",
    );
}

#[test]
fn refusals_say_what_was_wrong() {
    fn check(body: &str, expect: &str) {
        assert_eq!(Reply::decode(&hex(body)).unwrap_err().to_string(), expect);
    }
    check("", "message is empty");
    check("80 01", "message code `0x80` is not known");
    check("40 00", "ACK has 1 bytes of data, expected 0");
    check(
        "50 00 01 00 00",
        "RAW has bit count `0`, allowed are 1 to 512",
    );
    check(
        "50 00 01 01 02 00",
        "RAW has bit count `513`, allowed are 1 to 512",
    );
    check(
        "50 00 01 1A 00 01 02 03",
        "RAW has 7 bytes of data, expected 4 and the bits, 8 in a byte",
    );
    check(
        "53 00 02 31",
        "KEYPAD has 3 bytes of data, expected 2 and the keys",
    );
    check(
        "46 01 01",
        "PDCAP has 2 bytes of data, expected 3 for each function",
    );
}

#[test]
fn capabilities_answer_questions() {
    let none = Capabilities::default();
    assert!(!none.has(Function::Led) && !none.has_secure_channel());
    assert_eq!(none.receive_buffer(), LEAST_RECEIVE_BUFFER);
    let some = Capabilities::new([
        Capability::new(Function::Led, 4, 2),
        Capability::new(Function::Buzzer, 0, 1),
        Capability::new(Function::Security, 1, 1),
        Capability::new(Function::ReceiveBuffer, 0x00, 0x01),
    ]);
    assert_eq!(
        (some.count(Function::Led), some.count(Function::Buzzer)),
        (2, 0)
    );
    assert!(some.has_secure_channel());
    assert_eq!(some.receive_buffer(), 256);
}
