//! Brokers that refuse, and files that are wrong.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use doorwardd::config::{ClientCertificate, UplinkConfig, UplinkLogin, UplinkTls};
use doorwardd::uplink::Broker;
use nix::sys::signal::Signal;

use crate::appliance::{Appliance, config};
use crate::mosquitto::{Mosquitto, Subscriber, certificates, free_port};

const TLS: &str = "cafile DIR/ca.pem\ncertfile DIR/server.pem\nkeyfile DIR/server.key\n\
                   require_certificate true\nallow_anonymous true";

fn tls_config(port: u16, dir: &Path) -> UplinkConfig {
    UplinkConfig {
        tls: Some(UplinkTls {
            ca_file: dir.join("ca.pem"),
            client: Some(ClientCertificate {
                certificate_file: dir.join("client.pem"),
                key_file: dir.join("client.key"),
            }),
        }),
        ..config(port)
    }
}

fn tls_broker() -> Mosquitto {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    Mosquitto::start_in(dir, TLS)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_go_over_tls_with_a_client_certificate() {
    let broker = tls_broker();
    let dir = broker.dir.path();
    let (ca, certificate, key) = (
        dir.join("ca.pem"),
        dir.join("client.pem"),
        dir.join("client.key"),
    );
    let text = |path: &Path| path.display().to_string();
    let subscriber = Subscriber::new(
        broker.port,
        "doorward/north/events",
        &[
            "--cafile",
            &text(&ca),
            "--cert",
            &text(&certificate),
            "--key",
            &text(&key),
        ],
    );
    for host in ["127.0.0.1", "localhost"] {
        let config = UplinkConfig {
            host: host.to_owned(),
            ..tls_config(broker.port, dir)
        };
        let appliance = Appliance::start(&config);
        appliance.log.append(100);
        subscriber.wait_for("event 100", |message| message.seq() == 100);
        appliance.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_of_another_authority_is_not_trusted() {
    let broker = tls_broker();
    let mut config = tls_config(broker.port, broker.dir.path());
    config.tls.as_mut().unwrap().ca_file = broker.file("other-ca.pem");
    let mut appliance = Appliance::start(&config);
    appliance.wait_until_down("UnknownIssuer").await;
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_without_tls_is_not_spoken_to_in_clear() {
    let broker = tls_broker();
    let plain = Mosquitto::start("allow_anonymous true");
    let mut appliance = Appliance::start(&tls_config(plain.port, broker.dir.path()));
    appliance.wait_until_down("TLS").await;
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_client_certificate_there_is_no_connection() {
    let broker = tls_broker();
    let mut config = tls_config(broker.port, broker.dir.path());
    config.tls.as_mut().unwrap().client = None;
    let mut appliance = Appliance::start(&config);
    appliance.wait_until_failed().await;
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_told_with_the_broker_s_reason() {
    let dir = tempfile::tempdir().unwrap();
    let passwords = dir.path().join("passwords");
    let made = Command::new("mosquitto_passwd")
        .args(["-b", "-c"])
        .arg(&passwords)
        .args(["north", "Right-1"])
        .status()
        .unwrap();
    assert!(made.success());
    std::fs::set_permissions(&passwords, std::fs::Permissions::from_mode(0o644)).unwrap();
    let own = dir.path().join("own-password");
    std::fs::write(&own, "Wrong-1\n").unwrap();
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o600)).unwrap();
    let broker = Mosquitto::start_in(dir, "allow_anonymous false\npassword_file DIR/passwords");
    let config = UplinkConfig {
        login: Some(UplinkLogin {
            user: "north".to_owned(),
            password_file: own.clone(),
        }),
        ..config(broker.port)
    };
    let mut appliance = Appliance::start(&config);
    appliance
        .wait_until_down("the broker refused the connection: `NotAuthorized`")
        .await;
    appliance.stop().await;

    std::fs::write(&own, "Right-1\n").unwrap();
    let mut appliance = Appliance::start(&config);
    appliance.wait_until_up().await;
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_event_that_the_broker_refuses_is_kept_until_it_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    let rights = dir.path().join("rights");
    std::fs::write(
        &rights,
        "topic read #\ntopic write doorward/+/state\ntopic write doorward/+/alarms\n",
    )
    .unwrap();
    std::fs::set_permissions(&rights, std::fs::Permissions::from_mode(0o644)).unwrap();
    let broker = Mosquitto::start_in(dir, "allow_anonymous true\nacl_file DIR/rights");
    let subscriber = Subscriber::new(broker.port, "doorward/north/events", &[]);
    let mut appliance = Appliance::start(&config(broker.port));
    appliance.log.append(10);
    // mosquitto 2.0 may cut the line before its reason is read.
    appliance.wait_until_failed().await;
    assert_eq!(appliance.log.cursor_now(), 0);
    std::fs::write(&rights, "topic readwrite #\n").unwrap();
    broker.signal(Signal::SIGHUP);
    subscriber.wait_for("event 10", |message| message.seq() == 10);
    assert_eq!(subscriber.messages()[0].seq(), 1);
    appliance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_there_is_told() {
    let mut appliance = Appliance::start(&config(free_port()));
    appliance.wait_until_down("refused").await;
    appliance.stop().await;
}

/// All problems of the broker's files come at once, each with key, file and what is allowed.
#[test]
fn wrong_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let at = |name: &str| dir.path().join(name);
    std::fs::write(at("other-ca.key"), "no key").unwrap();
    let check = |config: &UplinkConfig, expect: &[&str]| {
        let problems = Broker::prepare(config).map(drop).unwrap_err();
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(problems.len(), expect.len(), "{problems:?}");
        for (problem, expect) in problems.iter().zip(expect) {
            assert!(
                problem.contains(expect),
                "`{problem}` does not say `{expect}`"
            );
        }
    };
    let with = |ca: &str, certificate: &str, key: &str| UplinkConfig {
        tls: Some(UplinkTls {
            ca_file: at(ca),
            client: Some(ClientCertificate {
                certificate_file: at(certificate),
                key_file: at(key),
            }),
        }),
        ..config(1)
    };
    check(
        &with("missing.pem", "client.key", "other-ca.key"),
        &[
            "`uplink.tls.ca_file`: cannot read",
            "has no certificate, allowed is one or more X.509 certificates in PEM",
            "has no private key, allowed is one private key in PEM, not encrypted",
        ],
    );
    check(
        &with("ca.pem", "client.pem", "server.key"),
        &["server.key` has mode 0644 and others can read it"],
    );
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(at("server.key"), mode.clone()).unwrap();
    check(
        &with("ca.pem", "client.pem", "server.key"),
        &["server.key` is not the key of the certificate in `certificate_file`"],
    );
    std::fs::write(at("empty"), "\nsecond line\n").unwrap();
    std::fs::set_permissions(at("empty"), mode).unwrap();
    let login = UplinkConfig {
        login: Some(UplinkLogin {
            user: "north".to_owned(),
            password_file: at("empty"),
        }),
        ..config(1)
    };
    check(&login, &["`uplink.password_file`: "]);
    assert!(Broker::prepare(&with("ca.pem", "client.pem", "client.key")).is_ok());
}
