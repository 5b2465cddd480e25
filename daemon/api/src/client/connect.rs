//! Reaching the socket, and saying what to do when it cannot be reached.

use std::fmt::Write;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Group, Uid, User, geteuid};
use tokio::net::UnixStream;

use super::ClientError;

pub(super) async fn connect(socket: &Path) -> Result<UnixStream, ClientError> {
    UnixStream::connect(socket)
        .await
        .map_err(|source| ClientError::Connect {
            socket: socket.to_owned(),
            advice: advice(socket, &source),
            source,
        })
}

fn advice(socket: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such socket; is the daemon running? \
             (`systemctl status doorwardd`; another path is given with `--socket`)"
            .to_owned(),
        io::ErrorKind::ConnectionRefused => "nobody listens on it; the daemon is not running \
             (`systemctl start doorwardd`, `journalctl -u doorwardd`)"
            .to_owned(),
        io::ErrorKind::PermissionDenied => format!(
            "permission denied; you are {}{}",
            user_name(geteuid()),
            permissions(socket)
        ),
        io::ErrorKind::WouldBlock => {
            "too many connections wait for the daemon already; try again".to_owned()
        }
        _ => error.to_string(),
    }
}

/// Mode and owner of the socket and of each folder above it, one a line, and what would help.
fn permissions(socket: &Path) -> String {
    let mut text = String::new();
    for path in socket
        .ancestors()
        .filter(|path| !path.as_os_str().is_empty())
    {
        // Writing to a `String` cannot fail.
        let _ = match fs::metadata(path) {
            Ok(metadata) => write!(
                text,
                "\n  {:o} {} {} {}",
                metadata.mode() & 0o7777,
                user_name(Uid::from_raw(metadata.uid())),
                group_name(Gid::from_raw(metadata.gid())),
                path.display()
            ),
            Err(error) => write!(text, "\n  ? {}: {error}", path.display()),
        };
    }
    if let Ok(metadata) = fs::metadata(socket) {
        let group = group_name(Gid::from_raw(metadata.gid()));
        let _ = write!(
            text,
            "\n  members of {group} may use it: `sudo usermod -aG …`, then sign in again"
        );
    }
    text
}

fn user_name(uid: Uid) -> String {
    match User::from_uid(uid) {
        Ok(Some(user)) => format!("user `{}`", user.name),
        _ => format!("user {uid}"),
    }
}

fn group_name(gid: Gid) -> String {
    match Group::from_gid(gid) {
        Ok(Some(group)) => format!("group `{}`", group.name),
        _ => format!("group {gid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn advice_fits_what_went_wrong() {
        let check = |kind: io::ErrorKind, expect: &str| {
            let text = advice(Path::new("/nowhere/api.sock"), &kind.into());
            assert!(text.contains(expect), "{text}");
        };
        check(io::ErrorKind::NotFound, "is the daemon running?");
        check(io::ErrorKind::ConnectionRefused, "nobody listens");
        check(io::ErrorKind::PermissionDenied, "? /nowhere/api.sock: ");
        check(io::ErrorKind::PermissionDenied, "group `root` /");
    }

    #[test]
    fn permissions_tell_every_folder() {
        let text = permissions(Path::new("/etc/passwd"));
        assert!(text.contains("\n  644 user `root` group `root` /etc/passwd\n  755 user `root` group `root` /etc\n"), "{text}");
    }
}
