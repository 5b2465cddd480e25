//! Records come and go, and come into force before "saved" is said.

use doorward_api::{Changes, ListQuery, ProblemKind, WhyRequest, WhySubject};
use doorward_core::card::CardNumber;
use doorward_core::controller::LockState;
use doorward_core::event::Reason;
use doorward_core::ids::{CredentialId, DoorId, KeyId, UserId};
use doorward_core::model::{
    Change, Credential, CredentialData, CredentialState, Door, Grant, Key, Record, RecordRef, User,
};
use serde_json::json;

use crate::curl::{curl, fetch, send};
use crate::site::{BROKEN_DOOR, Site};

/// The example bodies of the API document, sent in the order in which they build on each other.
pub(crate) async fn send_examples(site: &Site) {
    let document = site.client.openapi().await.unwrap();
    for path in [
        "places",
        "schedules",
        "doors",
        "users",
        "keys",
        "credentials",
        "door_groups",
        "companies",
    ] {
        let path = format!("/v1/{path}");
        let example = &document["paths"][&path]["post"]["requestBody"]["content"]["application/json"]
            ["example"];
        let answer = send(&site.socket, "POST", &path, &example.to_string()).await;
        assert_eq!(answer.status, 201, "{path}: {answer:?}");
        let location = format!("{path}/1");
        assert_eq!(answer.header("location"), Some(location.as_str()));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_examples_of_the_document_work_as_they_stand() {
    let site = Site::start().await;
    send_examples(&site).await;
    let document = site.client.openapi().await.unwrap();
    let example = |method: &str, path: &str| {
        let operation = &document["paths"][path][method];
        operation["requestBody"]["content"]["application/json"]["example"].to_string()
    };
    let body = example("put", "/v1/users/{id}/keys/{key}");
    let answer = send(&site.socket, "PUT", "/v1/users/1/keys/1", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let answer = send(&site.socket, "POST", "/v1/why", &example("post", "/v1/why")).await;
    assert_eq!(answer.json()["reason"], "granted", "{answer:?}");
    for (method, path) in [
        ("post", "/v1/keys/{id}/send"),
        ("post", "/v1/doors/{id}/move"),
        ("put", "/v1/keys/{id}/block"),
    ] {
        let concrete = path.replace("{id}", "1");
        let body = example(method, path);
        let answer = send(&site.socket, &method.to_uppercase(), &concrete, &body).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let body = example("post", "/v1/changes");
    let answer = send(&site.socket, "POST", "/v1/changes", &body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let removed = &answer.json()["removed"];
    assert_eq!(
        *removed,
        json!([{"kind": "grant", "id": {"user": 1, "key": 1}}])
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_whom_it_would_touch_and_changes_nothing() {
    let site = Site::start().await;
    send_examples(&site).await;
    let grant = r#"{"quick":"one_week"}"#;
    let given = send(&site.socket, "PUT", "/v1/users/1/keys/1", grant).await;
    assert_eq!(given.status, 200, "{given:?}");
    let before = site.client.status().await.unwrap().revision;
    let delete = ["--request", "DELETE"];
    let dry = curl(&site.socket, &delete, "/v1/keys/1?dry_run=true", None).await;
    assert_eq!(dry.status, 200, "{dry:?}");
    assert_eq!(dry.json()["impact"]["users"], 1);
    assert_eq!(dry.json()["impact"]["grants_removed"], 1);
    assert_eq!(dry.json()["revision"], before);
    assert_eq!(site.client.status().await.unwrap().revision, before);
    // What is refused is refused dry as well.
    let used = curl(&site.socket, &delete, "/v1/places/1?dry_run=true", None).await;
    assert_eq!(used.status, 409, "{used:?}");
    // Nobody shall believe in a dry run that is none.
    let body = r#"{"name":"X","place":1,"doors":[1]}"#;
    let wet = send(&site.socket, "POST", "/v1/keys?dry_run=true", body).await;
    assert_eq!(wet.status, 400, "{wet:?}");
    let wrong = curl(&site.socket, &delete, "/v1/keys/1?dryrun=true", None).await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    assert_eq!(site.client.status().await.unwrap().revision, before);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_for_an_interval_needs_no_intervals_beside_it() {
    let site = Site::start().await;
    send_examples(&site).await;
    for (body, field) in [
        (
            r#"{"quick":"today","intervals":[{"until":"2026-03-29T06:00:00Z"}]}"#,
            "quick",
        ),
        (
            r#"{"quick":"today","time_zone":"Mars/Olympus"}"#,
            "time_zone",
        ),
        (r#"{"time_zone":"Europe/Prague"}"#, "time_zone"),
        (r#"{"quick":"someday"}"#, "quick"),
    ] {
        let answer = send(&site.socket, "PUT", "/v1/users/1/keys/1", body).await;
        assert_eq!(answer.status, 422, "{body}: {answer:?}");
        assert_eq!(answer.json()["problems"][0]["field"], field, "{body}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_is_made_read_replaced_and_taken_away() {
    let site = Site::start().await;
    let socket = &site.socket;

    let made = send(
        socket,
        "POST",
        "/v1/users",
        r#"{"first_name":"Åsa","last_name":"Lind"}"#,
    )
    .await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["record"]["id"], 1);
    assert_eq!(made.json()["revision"], 1);
    assert_eq!(made.header("etag"), Some("\"1\""));
    assert_eq!(made.header("location"), Some("/v1/users/1"));

    let read = fetch(socket, "/v1/users/1").await;
    assert_eq!(read.json()["first_name"], "Åsa");
    // What was read may be sent back as it is.
    let mut changed = read.json();
    changed["state"] = json!("suspended");
    let replaced = send(socket, "PUT", "/v1/users/1", &changed.to_string()).await;
    assert_eq!(
        replaced.json()["record"]["state"],
        "suspended",
        "{replaced:?}"
    );
    assert_eq!(replaced.json()["revision"], 2);

    let gone = curl(socket, &["--request", "DELETE"], "/v1/users/1", None).await;
    assert_eq!(gone.json()["removed"], json!([{"kind": "user", "id": 1}]));
    assert_eq!(fetch(socket, "/v1/users/1").await.status, 404);
    // A number is never given again.
    let next = send(socket, "POST", "/v1/users", r#"{"first_name":"Jan"}"#).await;
    assert_eq!(next.json()["record"]["id"], 2);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_is_shown_with_its_live_state_and_can_be_sent_back() {
    let site = Site::start().await;
    send_examples(&site).await;
    let door = fetch(&site.socket, "/v1/doors/1").await;
    assert_eq!(door.json()["status"]["lock"], "locked", "{door:?}");
    let answer = send(&site.socket, "PUT", "/v1/doors/1", &door.body).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let doors = site.client.doors(&ListQuery::default()).await.unwrap();
    assert_eq!(
        doors.items[0].status.as_ref().unwrap().lock,
        LockState::Locked
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lockdown_does_not_end_by_being_left_out() {
    let site = Site::start().await;
    send_examples(&site).await;
    let socket = &site.socket;
    for path in ["/v1/doors/1", "/v1/door_groups/1", "/v1/places/1"] {
        let set = send(
            socket,
            "POST",
            &format!("{path}/mode"),
            r#"{"mode":"lockdown"}"#,
        )
        .await;
        assert_eq!(set.status, 200, "{path}: {set:?}");
        let mut record = fetch(socket, path).await.json();
        record["name"] = json!("Renamed");
        let fields = record.as_object_mut().unwrap();
        fields.remove("mode");
        let answer = send(socket, "PUT", path, &record.to_string()).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        let renamed = fetch(socket, path).await.json();
        assert_eq!(renamed["name"], "Renamed", "{path}");
        assert_eq!(renamed["mode"], "lockdown", "{path}");
        record["mode"] = json!("normal");
        let answer = send(socket, "PUT", path, &record.to_string()).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        assert_eq!(fetch(socket, path).await.json()["mode"], "normal", "{path}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lockdown_does_not_end_by_being_left_out_of_several_steps() {
    let site = Site::start().await;
    send_examples(&site).await;
    let socket = &site.socket;
    for (kind, path) in [
        ("door", "/v1/doors/1"),
        ("door_group", "/v1/door_groups/1"),
        ("place", "/v1/places/1"),
    ] {
        let mode = json!({ "mode": "lockdown" }).to_string();
        let set = send(socket, "POST", &format!("{path}/mode"), &mode).await;
        assert_eq!(set.status, 200, "{path}: {set:?}");
        let mut record = fetch(socket, path).await.json();
        // What a door shows of itself is not part of the record.
        for field in ["mode", "status"] {
            record.as_object_mut().unwrap().remove(field);
        }
        let named = |name: &str, mode: Option<&str>| {
            let mut record = record.clone();
            record["name"] = json!(name);
            if let Some(mode) = mode {
                record["mode"] = json!(mode);
            }
            json!({ "put": { "kind": kind, "record": record } })
        };
        let apply = async |steps: Vec<serde_json::Value>| {
            let body = json!({ "changes": steps }).to_string();
            let answer = send(socket, "POST", "/v1/changes", &body).await;
            assert_eq!(answer.status, 200, "{path}: {answer:?}");
            let now = fetch(socket, path).await.json();
            (now["name"].clone(), now["mode"].clone())
        };
        let left_out = apply(vec![named("Second", None)]).await;
        assert_eq!(left_out, (json!("Second"), json!("lockdown")), "{path}");
        // The step before it is what the record has by then.
        let steps = vec![named("Third", Some("locked")), named("Fourth", None)];
        assert_eq!(apply(steps).await, (json!("Fourth"), json!("locked")));
        let said = apply(vec![named("Fifth", Some("normal"))]).await;
        assert_eq!(said, (json!("Fifth"), json!("normal")), "{path}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_problem_of_a_record_is_told_at_once() {
    let site = Site::start().await;
    let body = r#"{"name":"","place":9,"time_zone":"Europe/Nowhere","unlock_ms":1}"#;
    let answer = send(&site.socket, "POST", "/v1/doors", body).await;
    assert_eq!(answer.problem().0, "invalid");
    let problems = answer.json()["problems"].clone();
    let fields: Vec<&str> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["field"].as_str().unwrap())
        .collect();
    for field in ["name", "place", "time_zone", "unlock_ms"] {
        assert!(fields.contains(&field), "{field} is missing in {problems}");
    }
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_changes_is_all_or_nothing() {
    let site = Site::start().await;
    send_examples(&site).await;
    let before = site.client.status().await.unwrap().revision;
    let user = |id: u32| Change::Put(Record::User(user(id)));
    let grant = |key: u32| {
        Change::Put(Record::Grant(Grant {
            user: UserId(7),
            key: KeyId(key),
            intervals: Vec::new(),
        }))
    };

    let changes = vec![user(7), grant(1), grant(99)];
    let refused = site.client.apply(&Changes { changes }, None).await;
    let refused = refused.unwrap_err();
    let problem = refused.problem().unwrap();
    assert_eq!(problem.kind, ProblemKind::Invalid);
    assert!(
        problem.problems[0].field.starts_with("changes[2]"),
        "{problem}"
    );
    assert_eq!(site.client.status().await.unwrap().revision, before);
    assert!(site.client.record::<User>(UserId(7)).await.is_err());

    let changes = vec![user(7), grant(1)];
    let applied = site.client.apply(&Changes { changes }, Some(before)).await;
    let applied = applied.unwrap();
    assert_eq!(applied.revision, before + 1);
    assert_eq!(applied.put.len(), 2);
    assert_eq!(
        site.client.record::<User>(UserId(7)).await.unwrap(),
        self::user(7)
    );

    let changes = vec![user(8)];
    let stale = site.client.apply(&Changes { changes }, Some(before)).await;
    let stale = stale.unwrap_err();
    assert_eq!(stale.problem().unwrap().kind, ProblemKind::RevisionChanged);
    site.stop().await;
}

fn user(id: u32) -> User {
    serde_json::from_value(json!({ "id": id, "first_name": format!("User {id}") })).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn if_match_guards_a_single_record_too() {
    let site = Site::start().await;
    let made = send(&site.socket, "POST", "/v1/users", r#"{"first_name":"A"}"#).await;
    assert_eq!(made.header("etag"), Some("\"1\""));
    let replace = async |etag: &str, expect: u16| {
        let if_match = format!("If-Match: {etag}");
        let json = "Content-Type: application/json";
        let args = ["--request", "PUT", "--header", json, "--header", &if_match];
        let body = br#"{"first_name":"B"}"#;
        let answer = curl(&site.socket, &args, "/v1/users/1", Some(body)).await;
        assert_eq!(answer.status, expect, "{etag}: {answer:?}");
    };
    replace("\"1\"", 200).await;
    replace("\"1\"", 412).await;
    replace("\"2\"", 200).await;
    replace("nonsense", 400).await;
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_have_pages_and_can_be_searched() {
    let site = Site::start().await;
    let changes = (1..=250).map(|id| Change::Put(Record::User(user(id))));
    let changes = changes.collect();
    site.client.apply(&Changes { changes }, None).await.unwrap();

    let first = fetch(&site.socket, "/v1/users").await.json();
    assert_eq!(first["items"].as_array().unwrap().len(), 100);
    assert_eq!(first["next"], 100);
    let all = site.client.list_all::<User>().await.unwrap();
    assert_eq!(all, (1..=250).map(user).collect::<Vec<_>>());

    let check = async |query: &str, expect: &[u64]| {
        let page = fetch(&site.socket, &format!("/v1/users?{query}"))
            .await
            .json();
        let found: Vec<u64> = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|user| user["id"].as_u64().unwrap())
            .collect();
        assert_eq!(found, expect, "{query}");
        page["next"].clone()
    };
    assert_eq!(check("after=247", &[248, 249, 250]).await, json!(null));
    assert_eq!(check("after=100&limit=2", &[101, 102]).await, json!(102));
    assert_eq!(
        check("q=USER%2024&limit=3", &[24, 240, 241]).await,
        json!(241)
    );
    assert_eq!(
        check("q=ser+24&after=241&limit=3", &[242, 243, 244]).await,
        json!(244)
    );
    assert_eq!(check("q=nobody", &[]).await, json!(null));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_can_open_and_what_can_be_opened() {
    let site = Site::start().await;
    send_examples(&site).await;
    let client = &site.client;
    let grant = Grant {
        user: UserId(1),
        key: KeyId(1),
        intervals: Vec::new(),
    };
    let saved = client.give_key(&grant).await.unwrap();
    assert_eq!(saved.record, grant);

    let query = ListQuery::default();
    assert_eq!(
        client.user_keys(UserId(1), &query).await.unwrap().items,
        std::slice::from_ref(&grant)
    );
    assert_eq!(
        client.key_holders(KeyId(1), &query).await.unwrap().items,
        [grant]
    );
    let users = client.door_users(DoorId(1), &query).await.unwrap();
    assert_eq!(
        (users.items[0].user.id, users.items[0].keys.as_slice()),
        (UserId(1), &[KeyId(1)][..])
    );
    let doors = client.user_doors(UserId(1), &query).await.unwrap();
    assert_eq!(
        (doors.items[0].door.id, doors.items[0].keys.as_slice()),
        (DoorId(1), &[KeyId(1)][..])
    );
    let credentials = client.user_credentials(UserId(1), &query).await.unwrap();
    assert_eq!(credentials.items[0].id, CredentialId(1));

    let taken = client.take_key(UserId(1), KeyId(1)).await.unwrap();
    assert_eq!(taken.removed.len(), 1);
    assert!(
        client
            .door_users(DoorId(1), &query)
            .await
            .unwrap()
            .items
            .is_empty()
    );
    let again = client.take_key(UserId(1), KeyId(1)).await.unwrap_err();
    assert_eq!(again.problem().unwrap().kind, ProblemKind::NotFound);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_door_with_thousands_of_holders_is_listed_page_by_page() {
    let site = Site::start().await;
    send_examples(&site).await;
    let mut second: Key = site.client.record(KeyId(1)).await.unwrap();
    second.name = "Second".to_owned();
    site.client.create(&second).await.unwrap();
    // Key 1 is held by everybody, key 2 by every third.
    for batch in 0..3 {
        let mut changes = Vec::new();
        for id in 1 + batch * 1000..=1000 + batch * 1000 {
            changes.push(Change::Put(Record::User(user(id))));
            for key in [1, 2] {
                if key == 1 || id % 3 == 0 {
                    changes.push(Change::Put(Record::Grant(Grant {
                        user: UserId(id),
                        key: KeyId(key),
                        intervals: Vec::new(),
                    })));
                }
            }
        }
        site.client.apply(&Changes { changes }, None).await.unwrap();
    }
    let mut query = ListQuery {
        limit: Some(700),
        ..ListQuery::default()
    };
    let mut found = Vec::new();
    loop {
        let page = site.client.door_users(DoorId(1), &query).await.unwrap();
        found.extend(
            page.items
                .iter()
                .map(|item| (item.user.id.0, item.keys.len())),
        );
        match page.next {
            Some(next) => query = query.after(next),
            None => break,
        }
    }
    let expect: Vec<_> = (1..=3000)
        .map(|id| (id, if id % 3 == 0 { 2 } else { 1 }))
        .collect();
    assert_eq!(found, expect);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unlocking_reaches_the_doors_and_tells_what_went_wrong() {
    let site = Site::start().await;
    send_examples(&site).await;
    let answer = curl(
        &site.socket,
        &["--request", "POST"],
        "/v1/doors/1/unlock",
        None,
    )
    .await;
    assert_eq!((answer.status, answer.body.as_str()), (204, ""));
    let door = site.client.door(DoorId(1)).await.unwrap();
    assert_eq!(door.status.unwrap().lock, LockState::Unlocked);

    let path = format!("/v1/doors/{BROKEN_DOOR}/unlock");
    let answer = curl(&site.socket, &["--request", "POST"], &path, None).await;
    assert_eq!(answer.status, 503);
    assert!(
        answer.problem().1.contains("relay cannot be driven"),
        "{answer:?}"
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn why_is_answered_for_users_credentials_and_cards() {
    let site = Site::start().await;
    send_examples(&site).await;
    let check = async |subject, expect: Reason| {
        let mut request = WhyRequest::new(DoorId(1), subject);
        request.at = Some("2026-03-30T08:00:00Z".parse().unwrap());
        let explanation = site.client.why(&request).await.unwrap();
        assert_eq!(explanation.reason, expect, "{explanation:?}");
        assert!(!explanation.steps.is_empty());
    };
    check(WhySubject::User(UserId(1)), Reason::NoGrant).await;
    let grant = Grant {
        user: UserId(1),
        key: KeyId(1),
        intervals: Vec::new(),
    };
    site.client.give_key(&grant).await.unwrap();
    check(WhySubject::User(UserId(1)), Reason::Granted).await;
    check(WhySubject::Credential(CredentialId(1)), Reason::Granted).await;
    check(
        WhySubject::Card("0101".parse().unwrap()),
        Reason::CardUnknown,
    )
    .await;

    let body = r#"{"door":1,"user":1,"credential":1}"#;
    let answer = send(&site.socket, "POST", "/v1/why", body).await;
    assert!(answer.problem().1.contains("exactly one of"), "{answer:?}");
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn saved_means_in_force_even_for_a_caller_who_gave_up() {
    let site = Site::start().await;
    send_examples(&site).await;
    let mut live = site.doors.subscribe();
    let closed = site.gate.lock().await;

    let mut door: Door = site.client.record(DoorId(1)).await.unwrap();
    door.name = "Changed".to_owned();
    let client = site.client.clone();
    let call = tokio::spawn(async move { client.replace(&door).await });
    // The change is durable, and the doors have not taken it in: nobody may say saved.
    while site.client.record::<Door>(DoorId(1)).await.unwrap().name != "Changed" {
        tokio::task::yield_now().await;
    }
    assert!(
        !call.is_finished(),
        "saved was said before the doors had it"
    );
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    drop(closed);
    // The doors' end publishes the door's state when it takes the change in.
    live.recv().await.unwrap();
    let made = site.client.create(&user(0)).await.unwrap();
    assert_eq!(made.record.id, UserId(2));
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn typed_calls_keep_every_field() {
    let site = Site::start().await;
    send_examples(&site).await;
    let credential: Credential = site.client.record(CredentialId(1)).await.unwrap();
    let copy = site.client.replace(&credential).await.unwrap().record;
    assert_eq!(copy, credential);
    let removed = site
        .client
        .delete::<Credential>(CredentialId(1))
        .await
        .unwrap();
    assert_eq!(removed.removed, [RecordRef::Credential(CredentialId(1))]);
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cards_are_decoded_and_encoded() {
    let site = Site::start().await;
    let client = &site.client;
    let formats = client.card_formats().await.unwrap().formats;
    let in_use = formats.iter().filter(|format| format.in_use);
    let in_use: Vec<_> = in_use.map(|format| format.name.as_str()).collect();
    assert_eq!(
        in_use,
        ["H10301", "H10306", "C1k35s", "H10302", "H10304", "C1k48s"]
    );
    let body = doorward_api::EncodeBody {
        format: "h10302".to_owned(),
        number: 12_345_678,
        ..doorward_api::EncodeBody::default()
    };
    let encoded = client.encode_card(&body).await.unwrap();
    assert_eq!(
        (encoded.format.as_str(), encoded.card.len()),
        ("H10302", 37)
    );
    // A card of one 37 bit format is one of the others too.
    let decoded = client.decode_card(encoded.card).await.unwrap();
    assert!(decoded.ambiguous && decoded.credentials.is_empty());
    let right = decoded
        .readings
        .iter()
        .filter(|each| each.faults.is_empty());
    let right: Vec<_> = right
        .map(|each| (each.format.as_str(), each.in_use))
        .collect();
    assert_eq!(right[..2], [("H10302", true), ("H10304", true)]);
    assert!(right[2..].contains(&("MDI37", false)));
    let wrong = decoded.readings.iter().find(|each| each.format == "HGen37");
    assert!(!wrong.unwrap().faults.is_empty());
    let refused = client
        .encode_card(&doorward_api::EncodeBody {
            facility: Some(1),
            ..body
        })
        .await;
    let message = refused.unwrap_err().to_string();
    assert!(
        message.contains("`h10302`") || message.contains("H10302"),
        "{message}"
    );
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_card_in_a_format_that_is_not_in_use_is_saved_with_a_warning() {
    let site = Site::start().await;
    send_examples(&site).await;
    let card = |format: &str, number| Credential {
        id: CredentialId(0),
        user: Some(UserId(1)),
        data: CredentialData::Card(CardNumber {
            format: format.parse().unwrap(),
            facility: None,
            number,
        }),
        state: CredentialState::Active,
        valid_from: None,
        valid_until: None,
        label: String::new(),
    };
    for (format, expect) in [
        ("H10302", None),
        ("MDI37", Some("is not in use at this site")),
        ("Homemade", Some("is not known here")),
    ] {
        let saved = site.client.create(&card(format, 77)).await.unwrap();
        let id = saved.record.id;
        assert_eq!(saved.warnings.len(), usize::from(expect.is_some()));
        for (warning, expect) in saved.warnings.iter().zip(expect) {
            assert!(
                warning.contains(expect) && warning.contains(format),
                "{warning}"
            );
        }
        // Replaced, and as a step of a larger change, it is told as well.
        let replaced = site.client.replace(&saved.record).await.unwrap();
        assert_eq!(replaced.warnings, saved.warnings);
        let changes = Changes {
            changes: vec![Change::Put(Record::Credential(saved.record))],
        };
        let applied = site.client.apply(&changes, None).await.unwrap();
        assert_eq!(applied.warnings, saved.warnings);
        assert_eq!(applied.put, [RecordRef::Credential(id)]);
    }
    site.stop().await;
}
