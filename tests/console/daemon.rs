//! `doorwardd` as a process, on a folder of its own, without readers and boards.

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::{Child, Output, Stdio};
use std::time::{Duration, Instant};

use doorward_tests::peer::program;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

const START_MAX: Duration = Duration::from_secs(20);

/// A daemon that can be stopped and started again on the same folder.
pub(crate) struct Daemon {
    folder: TempDir,
    child: Option<Child>,
}

impl Daemon {
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let site = format!(
            "[site]\nname = \"Example building\"\n[paths]\ndata = \"{path}/data\"\n\
             [api]\nsocket = \"{path}/api.sock\"\n[doors]\nclock = \"trusted\"\n"
        );
        fs::write(folder.path().join("site.toml"), site).unwrap();
        let mut daemon = Self {
            folder,
            child: None,
        };
        daemon.run();
        daemon
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn run(&mut self) {
        let log = File::create(self.folder.path().join("log")).unwrap();
        let child = program("doorwardd")
            .unwrap()
            .arg("--config")
            .arg(self.folder.path().join("site.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let until = Instant::now() + START_MAX;
        while self.doorward(&["status"]).status.code() != Some(0) {
            let log = fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(Instant::now() < until, "the daemon does not answer: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Stops it in order.
    pub(crate) fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let pid = Pid::from_raw(i32::try_from(child.id()).unwrap());
        kill(pid, Signal::SIGTERM).unwrap();
        assert!(child.wait().unwrap().success());
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    /// Runs the command line against it.
    pub(crate) fn doorward(&self, arguments: &[&str]) -> Output {
        program("doorward")
            .unwrap()
            .arg("--socket")
            .arg(self.socket())
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    /// Runs a command that must succeed; returns what it prints.
    pub(crate) fn done(&self, arguments: &[&str]) -> String {
        let output = self.doorward(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {stderr}");
        assert_eq!(stderr, "", "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command that must fail with `code`; returns what it says on stderr.
    pub(crate) fn refused(&self, arguments: &[&str], code: i32) -> String {
        let output = self.doorward(arguments);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {stderr}");
        stderr
    }

    /// Makes three doors that are wired to nothing.
    pub(crate) fn furnish(&self) {
        for name in ["Main entrance", "Lab", "Ambulance bay"] {
            self.done(&["doors", "add", name, "--time-zone", "Europe/Stockholm"]);
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
