//! curl, the real one.

use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// What curl received.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case, as `name: value`.
    pub(crate) headers: Vec<String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find_map(|header| {
            let (found, value) = header.split_once(':')?;
            (found == name).then_some(value)
        });
        found.map(str::trim)
    }

    /// The problem's kind and detail, after checking that it is a whole problem detail.
    pub(crate) fn problem(&self) -> (String, String) {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let problem = self.json();
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert!(
            problem["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
        assert!(problem["instance"].as_str().is_some(), "{self:?}");
        let kind = problem["type"].as_str().unwrap();
        let kind = kind.rsplit(':').next().unwrap().to_owned();
        (kind, problem["detail"].as_str().unwrap().to_owned())
    }
}

/// Runs curl on the socket: `curl(socket, &["-X", "PUT"], "/v1/users/1", Some(body))`.
pub(crate) async fn curl(socket: &Path, args: &[&str], path: &str, body: Option<&[u8]>) -> Answer {
    let heads = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new("curl");
    command
        .args(["--silent", "--show-error", "--max-time", "60"])
        .args(["--write-out", "\n%{http_code}"])
        .arg("--dump-header")
        .arg(heads.path())
        .arg("--unix-socket")
        .arg(socket)
        .args(args);
    if body.is_some() {
        command.args(["--data-binary", "@-"]);
    }
    let mut child = command
        .arg(format!("http://doorward{path}"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("curl is needed for these tests: apt install curl");
    let mut stdin = child.stdin.take().unwrap();
    if let Some(body) = body {
        // curl stops reading when the daemon has answered already.
        let _ = stdin.write_all(body).await;
    }
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let (body, status) = text.rsplit_once('\n').unwrap();
    let status: u16 = status.parse().unwrap();
    assert_ne!(
        status,
        0,
        "curl got no answer: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let heads = std::fs::read_to_string(heads.path()).unwrap();
    let last_head = heads
        .trim_end()
        .rsplit("\r\n\r\n")
        .next()
        .unwrap_or_default();
    Answer {
        status,
        headers: last_head.lines().map(str::to_lowercase).collect(),
        body: body.to_owned(),
    }
}

/// `GET`.
pub(crate) async fn fetch(socket: &Path, path: &str) -> Answer {
    curl(socket, &[], path, None).await
}

/// `method` with a JSON body.
pub(crate) async fn send(socket: &Path, method: &str, path: &str, body: &str) -> Answer {
    let args = [
        "--request",
        method,
        "--header",
        "Content-Type: application/json",
    ];
    curl(socket, &args, path, Some(body.as_bytes())).await
}
