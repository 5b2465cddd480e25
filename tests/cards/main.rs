//! Card formats against an independent implementation, and through the API.

use doorward_tests::card_peer::{CardPeer, Draws, PeerCard, bits_of, bits_text, random_card};
use doorward_wire::card::FormatTable;

/// Cards of each format, each way.
const CARDS: usize = 100;

#[test]
fn an_independent_implementation_writes_and_reads_the_same_cards() {
    let table = FormatTable::built_in().unwrap();
    let mut peer = CardPeer::start().unwrap();
    let own: Vec<_> = table
        .formats()
        .map(|format| format.name().to_owned())
        .collect();
    assert_eq!(peer.names().unwrap(), own);
    let mut draws = Draws::new(7);
    for format in table.formats() {
        let (name, count) = (format.name(), format.bit_count());
        let alone = table.in_use(Some(&[name.to_owned()])).unwrap();
        let cards: Vec<_> = (0..CARDS)
            .map(|_| random_card(&format, || draws.draw()))
            .collect();
        let encoded = cards
            .iter()
            .map(|fields| alone.encode(name, fields).unwrap());
        let encoded: Vec<_> = encoded.collect();
        let theirs = cards.iter().map(|&fields| PeerCard::from(fields)).collect();
        let theirs = peer.encode(name, theirs).unwrap();
        assert_eq!(
            encoded.iter().map(bits_of).collect::<Vec<_>>(),
            theirs,
            "{name}"
        );
        // Of a card, every single-bit error: both refuse the same ones, and read the same otherwise.
        let damaged = (0..count).map(|at| {
            let mut bytes = encoded[0].bytes().to_vec();
            bytes[at / 8] ^= 0x80 >> (at % 8);
            bytes
        });
        let all: Vec<Vec<u8>> = encoded
            .iter()
            .map(|card| card.bytes().to_vec())
            .chain(damaged)
            .collect();
        let texts = all.iter().map(|bytes| bits_text(count, bytes)).collect();
        let theirs = peer.decode(name, texts).unwrap();
        for (bytes, theirs) in all.iter().zip(theirs) {
            let ours = alone.decode(count, bytes).next().map(PeerCard::from);
            assert_eq!(ours, theirs, "{name} {}", bits_text(count, bytes));
        }
    }
}
