use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read as _, Write as _};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::*;

fn open(path: &Path) -> File {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open(path)
        .unwrap()
}

/// Reads until `count` bytes have come or a second has passed, and says when the last came.
fn read(file: &mut File, count: usize) -> (Vec<u8>, u64) {
    let mut got = Vec::new();
    let until = Instant::now() + Duration::from_secs(1);
    while got.len() < count && Instant::now() < until {
        let mut fds = [PollFd::new(
            std::os::fd::AsFd::as_fd(file),
            PollFlags::POLLIN,
        )];
        if poll(&mut fds, PollTimeout::from(20_u8)).unwrap() == 1 {
            let mut buffer = [0; 256];
            let n = file.read(&mut buffer).unwrap();
            got.extend_from_slice(&buffer[..n]);
        }
    }
    (got, monotonic_ns())
}

fn quiet_for(file: &mut File, ms: u8) -> bool {
    let mut fds = [PollFd::new(
        std::os::fd::AsFd::as_fd(file),
        PollFlags::POLLIN,
    )];
    poll(&mut fds, PollTimeout::from(ms)).unwrap() == 0
}

#[test]
fn bytes_take_their_time_and_no_more_than_a_little() {
    let folder = tempfile::tempdir().unwrap();
    let line = PacedLine::start(folder.path(), LineSpec::new(115_200, 2)).unwrap();
    let mut panel = open(&line.path(Port::Panel));
    let mut readers = [0, 1].map(|n| open(&line.path(Port::Device(n))));
    let frame: Vec<u8> = (0..40).collect();
    let mut late_ns = Vec::new();
    for _ in 0..50 {
        let sent_ns = monotonic_ns();
        panel.write_all(&frame).unwrap();
        for reader in &mut readers {
            let (got, at_ns) = read(reader, frame.len());
            assert_eq!(got, frame);
            let took_ns = at_ns - sent_ns;
            let wire_ns = frame.len() as u64 * 10 * 1_000_000_000 / 115_200;
            assert!(
                took_ns + 1_000 >= wire_ns,
                "{took_ns} ns is faster than {wire_ns} ns"
            );
            late_ns.push(took_ns - wire_ns.min(took_ns));
        }
    }
    late_ns.sort_unstable();
    assert!(
        late_ns[late_ns.len() / 2] < 1_000_000,
        "median late by {} ns",
        late_ns[50]
    );
}

#[test]
fn a_reply_reaches_the_panel_and_the_other_devices() {
    let folder = tempfile::tempdir().unwrap();
    let spec = LineSpec {
        record: true,
        ..LineSpec::new(38_400, 2)
    };
    let line = PacedLine::start(folder.path(), spec).unwrap();
    let mut panel = open(&line.path(Port::Panel));
    let mut readers = [0, 1].map(|n| open(&line.path(Port::Device(n))));
    readers[0].write_all(b"reply").unwrap();
    assert_eq!(read(&mut panel, 5).0, b"reply");
    assert_eq!(read(&mut readers[1], 5).0, b"reply");
    assert!(quiet_for(&mut readers[0], 20), "a device heard itself");
    let said: Vec<u8> = line
        .take_traffic()
        .into_iter()
        .flat_map(|t| t.bytes)
        .collect();
    assert_eq!(said, b"reply");
}

#[test]
fn a_cut_wire_is_silent_until_mended() {
    let folder = tempfile::tempdir().unwrap();
    let line = PacedLine::start(folder.path(), LineSpec::new(115_200, 1)).unwrap();
    let mut panel = open(&line.path(Port::Panel));
    let mut reader = open(&line.path(Port::Device(0)));
    line.cut(Port::Device(0));
    panel.write_all(b"lost").unwrap();
    assert!(quiet_for(&mut reader, 50));
    line.mend(Port::Device(0));
    panel.write_all(b"heard").unwrap();
    assert_eq!(read(&mut reader, 5).0, b"heard");
}

#[test]
fn a_pulled_adapter_hangs_up_and_comes_back_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let line = PacedLine::start(folder.path(), LineSpec::new(115_200, 1)).unwrap();
    let mut panel = open(&line.path(Port::Panel));
    let mut reader = open(&line.path(Port::Device(0)));
    line.pull(Port::Panel);
    // The thread lets go of its end once it has been woken; reading tells when.
    match panel.read(&mut [0; 8]) {
        Ok(0) => {}
        Err(error) => assert_ne!(error.kind(), ErrorKind::WouldBlock),
        Ok(n) => panic!("read {n} bytes from nowhere"),
    }
    assert!(!line.path(Port::Panel).exists());
    line.put_back(Port::Panel).unwrap();
    let mut panel = open(&line.path(Port::Panel));
    panel.write_all(b"again").unwrap();
    assert_eq!(read(&mut reader, 5).0, b"again");
}

#[test]
fn noise_from_outside_is_heard_by_all() {
    let folder = tempfile::tempdir().unwrap();
    let line = PacedLine::start(folder.path(), LineSpec::new(115_200, 1)).unwrap();
    let mut panel = open(&line.path(Port::Panel));
    let mut reader = open(&line.path(Port::Device(0)));
    line.inject(b"\xFF\x53\x00");
    assert_eq!(read(&mut panel, 3).0, b"\xFF\x53\x00");
    assert_eq!(read(&mut reader, 3).0, b"\xFF\x53\x00");
}

#[test]
fn a_senseless_line_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    for (baud, devices) in [(0, 1), (9600, 127), (5_000_000, 1)] {
        let error = PacedLine::start(folder.path(), LineSpec::new(baud, devices)).unwrap_err();
        assert!(matches!(error, LineError::Spec { .. }), "{error}");
    }
}
