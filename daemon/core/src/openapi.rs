//! OpenAPI schemas of the types that are text on the wire.

use std::borrow::Cow;

use utoipa::openapi::{KnownFormat, ObjectBuilder, RefOr, Schema, SchemaFormat, schema::Type};
use utoipa::{PartialSchema, ToSchema};

use crate::card::{CardBits, FormatName};
use crate::date::CivilDate;
use crate::ids::{Actor, DeviceName};
use crate::pin::PinPrint;
use crate::time::Wall;

fn text(description: &str, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(description))
        .examples([example])
}

macro_rules! text_schema {
    ($name:ident, $schema:expr) => {
        impl PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                RefOr::T(Schema::Object($schema.build()))
            }
        }

        impl ToSchema for $name {
            fn name() -> Cow<'static, str> {
                Cow::Borrowed(stringify!($name))
            }
        }
    };
}

text_schema!(
    CardBits,
    text(
        "The bits of a card, first sent first.",
        "00000010100000000111101100"
    )
    .pattern(Some("^[01]{1,256}$"))
);
text_schema!(
    FormatName,
    text("The name of a card format.", "H10301").pattern(Some("^[!-~]{1,15}$"))
);
text_schema!(
    PinPrint,
    text(
        "What is stored of a PIN, under the appliance's key. To set a PIN, send its digits as `pin` \
         instead.",
        "0123456789abcdef00112233"
    )
    .pattern(Some("^[0-9a-fA-F]{24}$"))
);
text_schema!(
    Wall,
    text("An RFC 3339 time.", "2026-03-29T01:30:00.000Z")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime)))
);
text_schema!(
    CivilDate,
    text("A day of the calendar.", "2026-12-24")
        .format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
);
text_schema!(
    DeviceName,
    text("The name of a device in `site.toml`.", "front-in")
);
text_schema!(Actor, text("Who did it.", "uid 1000 (admin)"));
