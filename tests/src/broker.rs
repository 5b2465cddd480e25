//! mosquitto, on a port of its own, and mosquitto_sub, which collects what arrives there.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

/// Starting takes no longer than this, on a slow and busy machine.
const START: Duration = Duration::from_secs(30);

/// Between two looks at whether it listens.
const LOOK: Duration = Duration::from_millis(20);

/// Messages not yet looked at; when there are more, the subscriber waits.
const MESSAGES_MAX: usize = 100_000;

/// A running broker that keeps its state in memory. Dropping it ends it.
#[derive(Debug)]
pub struct Mosquitto {
    child: Child,
    port: u16,
    _folder: tempfile::TempDir,
}

impl Mosquitto {
    /// Starts it, and waits until it listens.
    ///
    /// # Errors
    /// When it is not installed, or does not listen.
    pub fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        // It gives up root for an account of its own.
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o777))?;
        let port = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let config = folder.path().join("mosquitto.conf");
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\n\
             max_inflight_messages 0\nmax_queued_messages 0\n"
        );
        std::fs::write(&config, text)?;
        let child = Command::new("mosquitto")
            .arg("-c")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start mosquitto; `tests/run` installs it")?;
        let broker = Self {
            child,
            port,
            _folder: folder,
        };
        let until = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if Instant::now() > until {
                bail!("mosquitto does not listen on port {port}");
            }
            std::thread::sleep(LOOK);
        }
        Ok(broker)
    }

    /// The port it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Mosquitto {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A subscriber that is not ours. Dropping it ends it.
#[derive(Debug)]
pub struct Subscriber {
    child: Child,
    messages: Receiver<Value>,
}

impl Subscriber {
    /// Subscribes to a topic, and waits until the broker has the subscription.
    ///
    /// # Errors
    /// When mosquitto_sub is not installed, or cannot subscribe.
    pub fn start(broker: &Mosquitto, topic: &str) -> Result<Self> {
        let mut child = Command::new("stdbuf")
            // By the line, so that what it says of its subscription comes at once.
            .args(["-oL", "mosquitto_sub", "-V", "mqttv5", "-q", "1", "-d"])
            .args(["-h", "127.0.0.1", "-p", &broker.port.to_string()])
            .args(["-t", topic, "-F", "> %p"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("cannot start mosquitto_sub; `tests/run` installs it")?;
        let stdout = child.stdout.take().context("no standard output")?;
        let (tell, messages) = sync_channel(MESSAGES_MAX);
        let (subscribed, is_subscribed) = sync_channel(1);
        std::thread::Builder::new()
            .name("subscriber".to_owned())
            .spawn(move || {
                for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                    if line.starts_with("Subscribed (mid") {
                        let _ = subscribed.try_send(());
                    }
                    let Some(text) = line.strip_prefix("> ") else {
                        continue;
                    };
                    let message = serde_json::from_str(text).unwrap_or(Value::Null);
                    if tell.send(message).is_err() {
                        return;
                    }
                }
            })?;
        let subscriber = Self { child, messages };
        is_subscribed
            .recv_timeout(START)
            .context("mosquitto_sub does not subscribe")?;
        Ok(subscriber)
    }

    /// What has arrived since the last look; `Null` for what is not JSON.
    ///
    /// # Errors
    /// When the subscriber has ended.
    pub fn take(&self) -> Result<Vec<Value>> {
        let mut messages = Vec::new();
        loop {
            match self.messages.try_recv() {
                Ok(message) => messages.push(message),
                Err(TryRecvError::Empty) => return Ok(messages),
                Err(TryRecvError::Disconnected) => bail!("mosquitto_sub has ended"),
            }
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
