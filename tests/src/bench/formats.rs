//! Whether card formats are right: every format both ways, every single-bit error, and an independent
//! implementation beside them.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use doorward_wire::card::{CardFields, EncodedCard, FormatInfo, FormatTable};
use serde::Serialize;

use super::progress;
use crate::card_peer::{CardPeer, Draws, PeerCard, bits_of, bits_text, random_card};

/// Options of the bench.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// Random cards of each format
    #[arg(long, default_value_t = 100_000)]
    cards: u64,
    /// So many of them also through the Python implementation, each way
    #[arg(long, default_value_t = 2000)]
    peer_cards: usize,
    /// Which random cards
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What was found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// Layouts of the shipped table.
    formats: usize,
    cards_each: u64,
    /// Cards that were not read as they were written, or not written again as they were read.
    wrong: u64,
    /// Single-bit errors that were still read as a card of the same format, where a parity bit or a
    /// fixed value covers the bit that is wrong.
    false_accepts: u64,
    /// How many such errors were tried.
    errors_tried: u64,
    /// Formats with parity or fixed bits.
    formats_checked: usize,
    /// Formats of which every single bit is covered.
    formats_checked_whole: usize,
    /// Cards of each format that the independent implementation wrote and read as well.
    peer_cards_each: usize,
    /// Cards that it wrote or read otherwise, right ones and damaged ones.
    peer_wrong: u64,
    seconds: f64,
}

/// Compares.
///
/// # Errors
/// When the shipped table cannot be read, or the peer cannot be run or knows other formats.
pub fn run(options: &Options) -> Result<Figures> {
    let begun = Instant::now();
    let table = FormatTable::built_in().context("the shipped table")?;
    let mut peer = CardPeer::start()?;
    let own: Vec<_> = table
        .formats()
        .map(|format| format.name().to_owned())
        .collect();
    ensure!(peer.names()? == own, "the peer has other formats");
    let mut figures = Figures {
        formats: own.len(),
        cards_each: options.cards,
        peer_cards_each: options.peer_cards,
        ..Figures::default()
    };
    for (nth, format) in table.formats().enumerate() {
        let checked = format.checked_bits();
        figures.formats_checked += usize::from(!checked.is_empty());
        figures.formats_checked_whole += usize::from(checked.len() == format.bit_count());
        // Alone, so that no other format of the same length can answer for it.
        let alone = table.in_use(Some(&[format.name().to_owned()]))?;
        let mut random = Draws::new(options.seed << 16 ^ nth as u64);
        for _ in 0..options.cards {
            let fields = random_card(&format, || random.draw());
            one_card(&alone, &format, &checked, &fields, &mut figures)?;
        }
        for _ in 0..options.peer_cards.div_ceil(PEER_CARDS) {
            let cards: Vec<_> = (0..options.peer_cards.min(PEER_CARDS))
                .map(|_| random_card(&format, || random.draw()))
                .collect();
            figures.peer_wrong += by_peer(&mut peer, &alone, &format, &cards, &mut random)?;
        }
        progress(&format!(
            "{}: {} wrong, {} false accepts, {} otherwise at the peer so far",
            format.name(),
            figures.wrong,
            figures.false_accepts,
            figures.peer_wrong
        ));
    }
    figures.seconds = begun.elapsed().as_secs_f64().round();
    Ok(figures)
}

/// Cards that one order to the peer carries.
const PEER_CARDS: usize = 2000;

fn one_card(
    alone: &FormatTable,
    format: &FormatInfo<'_>,
    checked: &[usize],
    fields: &CardFields,
    figures: &mut Figures,
) -> Result<()> {
    let card = alone.encode(format.name(), fields)?;
    let mut read = alone.decode(card.bit_count(), card.bytes());
    let same = read.next().is_some_and(|reading| {
        let back = CardFields {
            facility: reading.facility,
            number: reading.number,
            issue: reading.issue,
            oem: reading.oem,
        };
        back == *fields
            && alone
                .encode(reading.format, &back)
                .is_ok_and(|again| again == card)
    });
    figures.wrong += u64::from(!same);
    let mut bytes = [0; doorward_wire::card::CARD_BITS_MAX / 8];
    bytes[..card.bytes().len()].copy_from_slice(card.bytes());
    for &at in checked {
        let bit = 0x80 >> (at % 8);
        bytes[at / 8] ^= bit;
        let accepted = alone.decode(card.bit_count(), &bytes).next().is_some();
        figures.false_accepts += u64::from(accepted);
        figures.errors_tried += 1;
        bytes[at / 8] ^= bit;
    }
    Ok(())
}

/// How many cards the peer writes or reads otherwise: each once right, and once with a random bit
/// turned over.
fn by_peer(
    peer: &mut CardPeer,
    alone: &FormatTable,
    format: &FormatInfo<'_>,
    cards: &[CardFields],
    random: &mut Draws,
) -> Result<u64> {
    let name = format.name();
    let encoded = cards.iter().map(|fields| alone.encode(name, fields));
    let encoded: Vec<EncodedCard> = encoded.collect::<Result<_, _>>()?;
    let ours: Vec<String> = encoded.iter().map(bits_of).collect();
    let theirs = peer.encode(
        name,
        cards.iter().map(|&card| PeerCard::from(card)).collect(),
    )?;
    ensure!(theirs.len() == ours.len(), "the peer left cards out");
    let mut wrong = ours.iter().zip(&theirs).filter(|(a, b)| a != b).count();
    let damaged = encoded.iter().map(|card| {
        let mut bytes = card.bytes().to_vec();
        let at = usize::try_from(random.draw() % card.bit_count() as u64).unwrap_or(0);
        bytes[at / 8] ^= 0x80 >> (at % 8);
        bytes
    });
    let damaged: Vec<Vec<u8>> = damaged.collect();
    let count = format.bit_count();
    let texts = damaged.iter().map(|bytes| bits_text(count, bytes));
    let texts: Vec<String> = ours.iter().cloned().chain(texts).collect();
    let read = peer.decode(name, texts)?;
    let all = encoded.iter().map(EncodedCard::bytes);
    let all = all.chain(damaged.iter().map(Vec::as_slice));
    for (bytes, theirs) in all.zip(&read) {
        let ours = alone.decode(count, bytes).next().map(PeerCard::from);
        wrong += usize::from(ours != *theirs);
    }
    Ok(wrong as u64)
}
