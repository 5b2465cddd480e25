//! The API document: generated from the code, then completed with what is true of every route.

use axum::body::Bytes;
use serde_json::{Value, json};
use utoipa::OpenApi;

use super::routes;

/// What the document says of the API as a whole.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Doorward local API",
        description = "HTTP/1.1 and JSON on a Unix socket: \
            `curl --unix-socket /run/doorward/api.sock http://doorward/v1/status`. \
            Whoever may open the socket may call. Every refusal is a problem detail (RFC 9457) \
            that says what was wrong, where, and what is allowed. Fields that nobody knows are \
            refused. Bodies have at most 1 MiB.",
    ),
    components(schemas(doorward_api::ProblemDetails)),
    tags(
        (name = "appliance", description = "How it is, live"),
        (name = "places", description = "The site and its sub-places"),
        (name = "doors", description = "Doors, and operating them"),
        (name = "readers", description = "Readers and their keys"),
        (name = "buses", description = "OSDP buses: figures, finding readers, speed"),
        (name = "users", description = "People, and what they hold"),
        (name = "credentials", description = "Cards and phones"),
        (name = "keys", description = "Bundles of doors with hours"),
        (name = "door_groups", description = "Named sets of doors"),
        (name = "companies", description = "Tenants"),
        (name = "schedules", description = "Weekly hours"),
        (name = "changes", description = "Many changes as one"),
        (name = "events", description = "The passage log"),
        (name = "vault", description = "Checking the store, and backing it up"),
        (name = "audit", description = "The admin log"),
        (name = "decisions", description = "Why a door opens or not"),
    ),
)]
pub(super) struct Document;

/// The API document as JSON.
#[must_use]
pub fn document() -> Bytes {
    routes::router().1
}

/// Completes what the routes say of themselves.
pub(super) fn finished(document: &utoipa::openapi::OpenApi) -> Bytes {
    // A document of plain maps and texts can always be written.
    let mut json = serde_json::to_value(document).unwrap_or_default();
    add_new_records(&mut json);
    for_each_operation(&mut json, |method, path, operation| {
        operation["responses"]["default"] = json!({
            "description": "refused",
            "content": { "application/problem+json": {
                "schema": { "$ref": "#/components/schemas/ProblemDetails" }
            }}
        });
        if method == "post" {
            refer_to_new_record(operation);
        }
        if let Some(example) = example(method, path) {
            operation["requestBody"]["content"]["application/json"]["example"] = example;
        }
    });
    Bytes::from(serde_json::to_vec_pretty(&json).unwrap_or_default())
}

fn for_each_operation(json: &mut Value, mut each: impl FnMut(&str, &str, &mut Value)) {
    let Some(paths) = json["paths"].as_object_mut() else {
        return;
    };
    for (path, operations) in paths {
        let Some(operations) = operations.as_object_mut() else {
            continue;
        };
        for (method, operation) in operations {
            each(method, path, operation);
        }
    }
}

const RECORDS: [&str; 8] = [
    "Place",
    "Door",
    "User",
    "Credential",
    "Key",
    "Schedule",
    "DoorGroup",
    "Company",
];

/// A record that is to be made is the record without its id.
fn add_new_records(json: &mut Value) {
    let schemas = &mut json["components"]["schemas"];
    for name in RECORDS {
        let mut schema = schemas[name].clone();
        if let Some(properties) = schema["properties"].as_object_mut() {
            properties.remove("id");
        }
        if let Some(required) = schema["required"].as_array_mut() {
            required.retain(|field| field != "id");
        }
        schemas[format!("New{name}")] = schema;
    }
}

fn refer_to_new_record(operation: &mut Value) {
    let schema = &mut operation["requestBody"]["content"]["application/json"]["schema"];
    let Some(reference) = schema["$ref"].as_str() else {
        return;
    };
    let name = reference.rsplit('/').next().unwrap_or_default().to_owned();
    if RECORDS.contains(&name.as_str()) {
        *schema = json!({ "$ref": format!("#/components/schemas/New{name}") });
    }
}

/// Bodies to try. The tests send each of them.
fn example(method: &str, path: &str) -> Option<Value> {
    Some(match (method, path) {
        ("post", "/v1/readers/{name}/install") => json!({ "minutes": 5 }),
        ("post", "/v1/places") => json!({ "name": "Head office" }),
        ("post", "/v1/schedules") => json!({
            "name": "Office hours", "time_zone": "Europe/Stockholm",
            "weekly": [{ "day": "monday", "from_minute": 420, "until_minute": 1080 }]
        }),
        ("post", "/v1/doors") => json!({
            "name": "Front door", "place": 1, "time_zone": "Europe/Stockholm", "unlock_ms": 5000,
            "wiring": {
                "entry_readers": ["front-in"],
                "relay": { "board": "hall", "output": 1 },
                "contact": { "board": "hall", "input": 1 }
            }
        }),
        ("post", "/v1/users") => json!({
            "first_name": "Åsa", "last_name": "Lind", "email": "asa.lind@example.org",
            "department": "Ward 3"
        }),
        ("post", "/v1/keys") => json!({
            "name": "Day staff", "place": 1, "doors": [1], "schedule": 1
        }),
        ("post", "/v1/door_groups") => json!({
            "name": "Outer doors", "place": 1, "doors": [1]
        }),
        ("post", "/v1/companies") => json!({ "name": "Clean & Co", "place": 1 }),
        ("put", "/v1/keys/{id}/block") => json!({
            "reason": "renovation", "until": "2026-04-01T06:00:00Z"
        }),
        ("post", "/v1/keys/{id}/send") => json!({
            "to": { "users": [1], "companies": [1] }, "quick": "one_week"
        }),
        ("post", "/v1/doors/{id}/move") => json!({ "place": 1 }),
        ("post", "/v1/credentials") => json!({
            "user": 1, "label": "blue card",
            "data": { "kind": "card", "format": "H10301", "facility": 12, "number": 34567 }
        }),
        ("put", "/v1/users/{id}/keys/{key}") => json!({
            "intervals": [{ "from": "2026-03-29T06:00:00Z", "until": "2027-03-29T06:00:00Z" }]
        }),
        ("post", "/v1/changes") => json!({
            "changes": [
                { "put": { "kind": "user", "record": { "id": 7, "first_name": "Jan" } } },
                { "put": { "kind": "grant", "record": { "user": 7, "key": 1 } } },
                { "remove": { "kind": "grant", "id": { "user": 1, "key": 1 } } }
            ]
        }),
        ("post", "/v1/cards/decode") => json!({ "card": "10010101000000000010001010" }),
        ("post", "/v1/cards/encode") => json!({
            "format": "H10301", "facility": 42, "number": 69
        }),
        ("post", "/v1/why") => json!({
            "door": 1, "user": 1, "at": "2026-03-30T08:00:00Z"
        }),
        _ => return None,
    })
}
