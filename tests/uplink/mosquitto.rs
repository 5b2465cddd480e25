//! The real broker, on a port of its own, and a subscriber that is not ours.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

/// How long anything here may take before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// mosquitto, ended with the value.
pub(crate) struct Mosquitto {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) port: u16,
    child: Option<Child>,
}

impl Mosquitto {
    /// Starts one that keeps its state over restarts; `more` is added to its configuration.
    pub(crate) fn start(more: &str) -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), more)
    }

    /// The same in a folder that holds files which `more` names.
    pub(crate) fn start_in(dir: tempfile::TempDir, more: &str) -> Self {
        // mosquitto gives up root for an account of its own.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o777)).unwrap();
        let port = free_port();
        let mut broker = Self {
            dir,
            port,
            child: None,
        };
        let folder = broker.dir.path().display();
        let config = format!(
            "listener {port} 127.0.0.1\n\
             persistence true\npersistence_location {folder}/\n\
             max_inflight_messages 0\nmax_queued_messages 0\n{}\n",
            more.replace("DIR", &folder.to_string())
        );
        std::fs::write(broker.file("mosquitto.conf"), config).unwrap();
        broker.resume();
        broker
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Starts it, again or for the first time, and waits until it listens.
    pub(crate) fn resume(&mut self) {
        let log = std::fs::File::create(self.file("mosquitto.log")).unwrap();
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(self.file("mosquitto.conf"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("mosquitto is installed");
        self.child = Some(child);
        let deadline = Instant::now() + PATIENCE;
        while TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = std::fs::read_to_string(self.file("mosquitto.log")).unwrap();
            assert!(
                Instant::now() < deadline,
                "mosquitto does not listen: {log}"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it in order, so that it saves its state.
    pub(crate) fn stop(&mut self) {
        if let Some(mut child) = self.child.take() {
            signal(&child, Signal::SIGTERM);
            child.wait().unwrap();
        }
    }

    pub(crate) fn signal(&self, which: Signal) {
        signal(self.child.as_ref().unwrap(), which);
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn signal(child: &Child, which: Signal) {
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), which).unwrap();
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    listener.local_addr().unwrap().port()
}

/// One message as the subscriber saw it.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) topic: String,
    pub(crate) retained: bool,
    pub(crate) content_type: String,
    pub(crate) payload: Value,
}

impl Message {
    /// The sequence number of an event.
    pub(crate) fn seq(&self) -> u64 {
        self.payload["data"]["seq"].as_u64().unwrap()
    }
}

/// mosquitto_sub, collecting.
pub(crate) struct Subscriber {
    child: Child,
    messages: Arc<Mutex<Vec<Message>>>,
}

impl Subscriber {
    /// Subscribes to `filter` with a session that the broker keeps, so that the subscriber's own
    /// reconnecting loses nothing. Waits until the broker has the subscription.
    pub(crate) fn new(port: u16, filter: &str, more: &[&str]) -> Self {
        let mut command = Command::new("stdbuf");
        let identity = format!(
            "hq-{}-{port}-{}",
            std::process::id(),
            filter.replace('/', "-")
        );
        command
            // By the line, so that what it says of its subscription comes at once.
            .args(["-oL", "mosquitto_sub"])
            .args(["-V", "mqttv5", "-q", "1", "-c", "-x", "3600", "-d"])
            .args(["-h", "127.0.0.1", "-p", &port.to_string(), "-i", &identity])
            .args(["-t", filter, "-F", "> %t|%r|%C|%p"])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut child = command.spawn().expect("mosquitto-clients is installed");
        let messages = Arc::new(Mutex::new(Vec::new()));
        let (subscribed, is_subscribed) = std::sync::mpsc::channel();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let into = Arc::clone(&messages);
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if line.starts_with("Subscribed (mid") {
                    let _ = subscribed.send(());
                }
                if let Some(message) = line.strip_prefix("> ") {
                    into.lock().unwrap().push(parse(message));
                }
            }
        });
        is_subscribed.recv_timeout(PATIENCE).unwrap();
        Self { child, messages }
    }

    pub(crate) fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap().clone()
    }

    pub(crate) fn count(&self) -> usize {
        self.messages.lock().unwrap().len()
    }

    /// Waits until some message is as wanted, and returns the newest such.
    pub(crate) fn wait_for(&self, what: &str, wanted: impl Fn(&Message) -> bool) -> Message {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let found = {
                let messages = self.messages.lock().unwrap();
                messages
                    .iter()
                    .rev()
                    .find(|message| wanted(message))
                    .cloned()
            };
            if let Some(message) = found {
                return message;
            }
            assert!(
                Instant::now() < deadline,
                "{what}: not among {}",
                self.summary()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn summary(&self) -> String {
        let messages = self.messages.lock().unwrap();
        let mut text = format!("{} messages", messages.len());
        for message in messages.iter().rev().take(5) {
            let _ = write!(text, "\n{} {}", message.topic, message.payload);
        }
        text
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn parse(line: &str) -> Message {
    let mut parts = line.splitn(4, '|');
    let mut next = || parts.next().unwrap().to_owned();
    let (topic, retained, content_type, payload) = (next(), next() == "1", next(), next());
    let payload = match payload.as_str() {
        "" => Value::Null,
        text => serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {line}")),
    };
    Message {
        topic,
        retained,
        content_type,
        payload,
    }
}

/// Makes a certificate authority, a server certificate for 127.0.0.1 and `localhost`, and a client
/// certificate, all in `dir`, with OpenSSL.
pub(crate) fn certificates(dir: &Path) {
    let openssl = |arguments: &str| {
        let output = Command::new("openssl")
            .args(arguments.split_whitespace())
            .current_dir(dir)
            .output()
            .expect("openssl is installed");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments}: {error}");
    };
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
    std::fs::write(
        dir.join("server.ext"),
        "subjectAltName=IP:127.0.0.1,DNS:localhost\n",
    )
    .unwrap();
    std::fs::write(dir.join("client.ext"), "extendedKeyUsage=clientAuth\n").unwrap();
    for authority in ["ca", "other-ca"] {
        openssl(&format!(
            "req -x509 {key} -keyout {authority}.key -out {authority}.pem -subj /CN={authority} -days 2"
        ));
    }
    for name in ["server", "client"] {
        openssl(&format!(
            "req {key} -keyout {name}.key -out {name}.csr -subj /CN={name}"
        ));
        openssl(&format!(
            "x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out {name}.pem \
             -days 2 -extfile {name}.ext"
        ));
    }
    // The broker runs as an account of its own and must read its key; ours must be private.
    for (name, mode) in [("server.key", 0o644), ("client.key", 0o600)] {
        std::fs::set_permissions(dir.join(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }
}
