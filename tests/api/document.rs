//! The API document and the routes say the same.

use std::collections::BTreeMap;

use crate::curl::{curl, fetch};
use crate::site::Site;

/// Every route, as a person should review it.
const ROUTES: &str = "\
get    /v1/alarms
get    /v1/alarms/log
get    /v1/alarms/log/{number}
post   /v1/alarms/log/{number}/acknowledge
post   /v1/alarms/log/{number}/clear
get    /v1/areas
post   /v1/areas
delete /v1/areas/{id}
get    /v1/areas/{id}
put    /v1/areas/{id}
get    /v1/areas/{id}/inside
get    /v1/audit/proof
post   /v1/backup
get    /v1/buses
post   /v1/buses/{name}/cancel
get    /v1/buses/{name}/job
post   /v1/buses/{name}/raise-speed
post   /v1/buses/{name}/scan
get    /v1/card_formats
post   /v1/cards/decode
post   /v1/cards/encode
post   /v1/changes
get    /v1/companies
post   /v1/companies
delete /v1/companies/{id}
get    /v1/companies/{id}
put    /v1/companies/{id}
get    /v1/companies/{id}/users
get    /v1/credentials
post   /v1/credentials
delete /v1/credentials/{id}
get    /v1/credentials/{id}
put    /v1/credentials/{id}
get    /v1/door_groups
post   /v1/door_groups
delete /v1/door_groups/{id}
get    /v1/door_groups/{id}
put    /v1/door_groups/{id}
post   /v1/door_groups/{id}/mode
get    /v1/doors
post   /v1/doors
delete /v1/doors/{id}
get    /v1/doors/{id}
put    /v1/doors/{id}
post   /v1/doors/{id}/activate-plan
post   /v1/doors/{id}/mode
post   /v1/doors/{id}/move
post   /v1/doors/{id}/relock
get    /v1/doors/{id}/shares
delete /v1/doors/{id}/shares/{place}
put    /v1/doors/{id}/shares/{place}
post   /v1/doors/{id}/unlock
get    /v1/doors/{id}/users
get    /v1/events
get    /v1/events/proof
get    /v1/events/stream
get    /v1/events/{seq}
post   /v1/events/{seq}/enrol
get    /v1/events/{seq}/why
post   /v1/forgive
get    /v1/holiday_sets
post   /v1/holiday_sets
delete /v1/holiday_sets/{id}
get    /v1/holiday_sets/{id}
put    /v1/holiday_sets/{id}
get    /v1/holiday_sets/{id}/days
get    /v1/keys
post   /v1/keys
delete /v1/keys/{id}
get    /v1/keys/{id}
put    /v1/keys/{id}
delete /v1/keys/{id}/block
put    /v1/keys/{id}/block
get    /v1/keys/{id}/doors
delete /v1/keys/{id}/holders
get    /v1/keys/{id}/holders
post   /v1/keys/{id}/send
post   /v1/learn
get    /v1/live
get    /v1/openapi.json
get    /v1/places
post   /v1/places
delete /v1/places/{id}
get    /v1/places/{id}
put    /v1/places/{id}
get    /v1/places/{id}/contents
post   /v1/places/{id}/mode
get    /v1/places/{id}/users
get    /v1/presets
delete /v1/readers/{name}/install
post   /v1/readers/{name}/install
post   /v1/readers/{name}/rotate-key
get    /v1/schedules
post   /v1/schedules
post   /v1/schedules/preview
delete /v1/schedules/{id}
get    /v1/schedules/{id}
put    /v1/schedules/{id}
get    /v1/schedules/{id}/days
get    /v1/status
get    /v1/users
post   /v1/users
delete /v1/users/{id}
get    /v1/users/{id}
put    /v1/users/{id}
get    /v1/users/{id}/credentials
get    /v1/users/{id}/doors
get    /v1/users/{id}/doors/{door}/access
post   /v1/users/{id}/erase
delete /v1/users/{id}/keys
get    /v1/users/{id}/keys
delete /v1/users/{id}/keys/{key}
put    /v1/users/{id}/keys/{key}
delete /v1/users/{id}/keys/{key}/intervals
get    /v1/vault
post   /v1/vault/cancel
post   /v1/verify
post   /v1/why
";

type Operations = BTreeMap<String, Vec<String>>;

async fn documented(site: &Site) -> Operations {
    let document = fetch(&site.socket, "/v1/openapi.json").await.json();
    let mut operations = Operations::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let mut methods: Vec<String> = item.as_object().unwrap().keys().cloned().collect();
        methods.sort();
        operations.insert(path.clone(), methods);
    }
    operations
}

#[tokio::test(flavor = "multi_thread")]
async fn the_routes_are_these() {
    let site = Site::start().await;
    let mut found = String::new();
    for (path, methods) in documented(&site).await {
        for method in methods {
            found.push_str(&format!("{method:6} {path}\n"));
        }
    }
    assert_eq!(found, ROUTES);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_documented_route_is_served_and_no_other_method_is() {
    let site = Site::start().await;
    for (path, methods) in documented(&site).await {
        if methods.iter().any(|method| method == "get") && path.ends_with("/stream")
            || path == "/v1/live"
        {
            continue;
        }
        let concrete = path
            .replace("{id}", "1")
            .replace("{key}", "1")
            .replace("{place}", "1")
            .replace("{seq}", "1");
        for method in ["get", "put", "post", "delete", "patch"] {
            let upper = method.to_uppercase();
            let answer = curl(&site.socket, &["--request", &upper], &concrete, None).await;
            let documented = methods.iter().any(|found| found == method);
            assert_eq!(
                answer.status != 405,
                documented,
                "{upper} {concrete} is documented: {documented}, and got {answer:?}"
            );
            if answer.status == 404 {
                let detail = answer.problem().1;
                assert!(
                    !detail.contains("the paths are in"),
                    "{upper} {concrete}: {detail}"
                );
            }
            if answer.status >= 400 {
                answer.problem();
            }
        }
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_document_is_whole() {
    let site = Site::start().await;
    let document = fetch(&site.socket, "/v1/openapi.json").await.json();
    assert_eq!(document["openapi"], "3.1.0");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(
            schemas.contains_key(name),
            "`{name}` is referred to and not there"
        );
    }
    let mut ids = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(
                operation["summary"]
                    .as_str()
                    .is_some_and(|text| !text.is_empty()),
                "{at}"
            );
            assert!(operation["tags"][0].is_string(), "{at}");
            let refused = &operation["responses"]["default"]["content"];
            assert!(refused["application/problem+json"].is_object(), "{at}");
            ids.push(operation["operationId"].as_str().unwrap().to_owned());
        }
    }
    let count = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), count, "an operation id is used twice");
    // What is new has no id yet.
    assert!(schemas["NewUser"]["properties"]["id"].is_null());
    assert!(schemas["User"]["properties"]["id"].is_object());
    site.stop().await;
}
