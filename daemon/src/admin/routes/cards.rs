//! Card formats: what bits mean, and which bits a number makes.

use axum::extract::State;
use doorward_api::{
    CardFormat, CardFormats, CardReading, DecodeBody, DecodedCard, EncodeBody, EncodedCard,
};
use doorward_core::card::{CardBits, CardRead};
use doorward_core::ids::CredentialId;
use doorward_core::view::CardIdentity;
use doorward_wire::card::{CardFields, EncodeError, Examined};

use crate::admin::body::Json;
use crate::admin::caller::{May, Read};
use crate::admin::office::Desk;
use crate::admin::refused::Refused;
use crate::admin::reply::Reply;
use crate::readers::CardReader;
use crate::store::{StoreError, TableView};

/// The card formats that the appliance knows
#[utoipa::path(
    get, path = "/v1/card_formats", tag = "credentials", operation_id = "card_formats",
    responses((status = OK, description = "in the order of the table", body = CardFormats)),
)]
pub(super) async fn formats(_: May<Read>, State(desk): State<Desk>) -> Reply<CardFormats> {
    let cards = &desk.office.cards;
    let formats = cards.table().formats().map(|format| CardFormat {
        name: format.name().to_owned(),
        also: format.also().map(str::to_owned).collect(),
        description: format.description().to_owned(),
        source: format.source().to_owned(),
        bits: u16::try_from(format.bit_count()).unwrap_or(u16::MAX),
        parity_bits: u16::try_from(format.parity_count()).unwrap_or(u16::MAX),
        in_use: cards.is_in_use(format.name()),
        number_max: format.number_max(),
        facility_max: format.facility_max(),
        issue_max: format.issue_max(),
        oem_max: format.oem_max(),
    });
    Reply::new(CardFormats {
        formats: formats.collect(),
    })
}

/// What the bits of a card can mean
///
/// In every format of their length: also in those that are not in use at the site, and in those
/// whose parity or fixed bits are wrong, which is told.
#[utoipa::path(
    post, path = "/v1/cards/decode", tag = "credentials", operation_id = "decode_card",
    request_body = DecodeBody,
    responses((status = OK, description = "all its readings", body = DecodedCard)),
)]
pub(super) async fn decode(
    _: May<Read>,
    State(desk): State<Desk>,
    Json(body): Json<DecodeBody>,
) -> Result<Reply<DecodedCard>, Refused> {
    let cards = &desk.office.cards;
    let readings = readings(cards, body.card);
    let read = cards.read(body.card);
    let credentials = desk.read(move |view| Ok(known_by(view, &read)?)).await?;
    Ok(Reply::new(DecodedCard {
        card: body.card,
        ambiguous: read.readings().count() > 1,
        readings,
        credentials,
    }))
}

/// The bits of a card with a number
#[utoipa::path(
    post, path = "/v1/cards/encode", tag = "credentials", operation_id = "encode_card",
    request_body = EncodeBody,
    responses((status = OK, description = "its bits", body = EncodedCard)),
)]
pub(super) async fn encode(
    _: May<Read>,
    State(desk): State<Desk>,
    Json(body): Json<EncodeBody>,
) -> Result<Reply<EncodedCard>, Refused> {
    let table = desk.office.cards.table();
    let fields = CardFields {
        facility: body.facility,
        number: body.number,
        issue: body.issue,
        oem: body.oem,
    };
    let encoded = table.encode(&body.format, &fields);
    let encoded = encoded.map_err(|error| Refused::field(at_fault(&error), error.to_string()))?;
    let card = CardBits::new(encoded.bit_count(), encoded.bytes());
    let card = card.map_err(|error| Refused::field("format", error.to_string()))?;
    let format = table
        .format(&body.format)
        .map_or("", |format| format.name());
    Ok(Reply::new(EncodedCard {
        format: format.to_owned(),
        card,
    }))
}

/// The credentials known by a card: by its bits, or by a number that is read from it.
pub(super) fn known_by(view: &TableView, card: &CardRead) -> Result<Vec<CredentialId>, StoreError> {
    let numbers = card.readings().copied().map(CardIdentity::Number);
    let mut known = Vec::new();
    for identity in [CardIdentity::Bits(card.bits)].into_iter().chain(numbers) {
        let found = view.credentials_known_by(&identity)?;
        known.extend(found.iter().map(|credential| credential.id));
    }
    known.sort_unstable();
    known.dedup();
    Ok(known)
}

fn readings(cards: &CardReader, bits: CardBits) -> Vec<CardReading> {
    let examined = cards.table().examine(bits.len(), bits.bytes());
    let reading = |Examined {
                       format,
                       fields,
                       faults,
                   }: Examined<'_>| CardReading {
        format: format.name().to_owned(),
        description: format.description().to_owned(),
        in_use: cards.is_in_use(format.name()),
        facility: fields.facility,
        number: fields.number,
        issue: fields.issue,
        oem: fields.oem,
        faults: faults.iter().map(ToString::to_string).collect(),
    };
    let mut readings: Vec<_> = examined.into_iter().map(reading).collect();
    readings.sort_by_key(|reading| (!reading.in_use, !reading.faults.is_empty()));
    readings
}

/// Which field of the request is wrong.
fn at_fault(error: &EncodeError) -> &'static str {
    match error {
        EncodeError::FormatUnknown { .. } => "format",
        EncodeError::NumberRange { .. } => "number",
        EncodeError::Missing { what, .. }
        | EncodeError::Unexpected { what, .. }
        | EncodeError::Range { what, .. } => match *what {
            "issue level" => "issue",
            "maker's code" => "oem",
            _ => "facility",
        },
    }
}
