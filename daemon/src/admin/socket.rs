//! The Unix socket: made with its mode and group, never stolen from a daemon that runs.

use std::fs;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, UnixAddr, bind, listen as sys_listen, socket,
};
use nix::sys::stat::{Mode, fchmod};
use nix::unistd::{Gid, Group, User, chown};
use tokio::net::UnixListener;

use crate::config::ApiConfig;

/// Connections that may wait to be accepted.
const BACKLOG: i32 = 512;

/// Where the socket is and who may use it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SocketSettings {
    /// Its path.
    pub path: PathBuf,
    /// Its permission bits.
    pub mode: u32,
    /// Its group; `None` for the daemon's own.
    pub group: Option<Gid>,
    /// Ids of the users who may use it beside root and the daemon's own; empty for everybody who
    /// can open it.
    pub users: Vec<u32>,
}

/// Why the socket cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// A daemon listens on it already.
    #[error("another daemon listens on `{}`; stop that one first", path.display())]
    InUse {
        /// The socket.
        path: PathBuf,
    },
    /// Something else is there.
    #[error("`{}` is there and is no socket; it was left alone: move it away", path.display())]
    NotASocket {
        /// What is there.
        path: PathBuf,
    },
    /// The system refuses.
    #[error("cannot {doing} `{}`", path.display())]
    Io {
        /// What was tried.
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// No such group.
    #[error("`api.group`: there is no group `{name}` on this machine")]
    GroupUnknown {
        /// As configured.
        name: String,
    },
    /// No such user.
    #[error("`api.users`: there is no user `{name}` on this machine")]
    UserUnknown {
        /// As configured.
        name: String,
    },
}

impl SocketSettings {
    /// Settings for `path` with mode 0660, for everybody who can open it.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            mode: 0o660,
            group: None,
            users: Vec::new(),
        }
    }

    /// Looks up the names in `config` on this machine.
    pub fn resolve(config: &ApiConfig) -> Result<Self, SocketError> {
        let group = config.group.as_ref().map(|name| {
            let unknown = || SocketError::GroupUnknown { name: name.clone() };
            let group = Group::from_name(name).map_err(|_| unknown())?;
            group.map(|group| group.gid).ok_or_else(unknown)
        });
        let users = config.users.iter().map(|name| {
            let unknown = || SocketError::UserUnknown { name: name.clone() };
            let user = User::from_name(name).map_err(|_| unknown())?;
            user.map(|user| user.uid.as_raw()).ok_or_else(unknown)
        });
        Ok(Self {
            path: config.socket.clone(),
            mode: config.mode,
            group: group.transpose()?,
            users: users.collect::<Result<_, _>>()?,
        })
    }
}

/// A listening socket. Its path is removed when it is dropped, unless another took its place.
#[derive(Debug)]
pub struct Socket {
    pub(super) listener: UnixListener,
    pub(super) users: Vec<u32>,
    own: Option<OwnPath>,
}

#[derive(Debug)]
struct OwnPath {
    path: PathBuf,
    inode: u64,
}

impl Socket {
    /// Listens as `settings` say. Must be called within a runtime.
    ///
    /// A socket that nobody listens on any more is replaced; one that is in use is not.
    pub fn bind(settings: &SocketSettings) -> Result<Self, SocketError> {
        let path = &settings.path;
        let failed = |doing| {
            move |source| SocketError::Io {
                doing,
                path: path.clone(),
                source,
            }
        };
        clear_stale(path)?;
        let listener = listen(path).map_err(failed("listen on"))?;
        let inode = fs::symlink_metadata(path).map_err(failed("look at"))?.ino();
        let socket = Self {
            listener,
            users: settings.users.clone(),
            own: Some(OwnPath {
                path: path.clone(),
                inode,
            }),
        };
        if let Some(group) = settings.group {
            chown(path, None, Some(group))
                .map_err(io::Error::from)
                .map_err(failed("give its group to"))?;
        }
        fs::set_permissions(path, fs::Permissions::from_mode(settings.mode))
            .map_err(failed("set the mode of"))?;
        Ok(socket)
    }

    /// Serves a listener that somebody else made and will remove, such as the service manager.
    #[must_use]
    pub fn from_listener(listener: UnixListener, users: Vec<u32>) -> Self {
        Self {
            listener,
            users,
            own: None,
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let Some(own) = &self.own else { return };
        if fs::symlink_metadata(&own.path).is_ok_and(|found| found.ino() == own.inode) {
            // The daemon is stopping; a socket left behind is replaced at the next start.
            let _ = fs::remove_file(&own.path);
        }
    }
}

/// Listens on `path` with a mode that lets in nobody but the daemon's own user.
///
/// The mode is that of the socket before it is bound (unix(7) on Linux): there is no moment in
/// which others could connect, and the mask of the process, which threads share, is left alone.
fn listen(path: &Path) -> io::Result<UnixListener> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    fchmod(&socket, Mode::S_IRUSR | Mode::S_IWUSR)?;
    bind(socket.as_raw_fd(), &UnixAddr::new(path)?)?;
    sys_listen(&socket, Backlog::new(BACKLOG)?)?;
    UnixListener::from_std(socket.into())
}

/// Removes a socket that nobody listens on.
fn clear_stale(path: &Path) -> Result<(), SocketError> {
    let failed = |doing| {
        move |source| SocketError::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    };
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed("look at")(error)),
    };
    let path = path.to_owned();
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket { path });
    }
    match std::os::unix::net::UnixStream::connect(&path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            fs::remove_file(&path).map_err(failed("remove the old"))
        }
        // A full queue of connections, or a socket not open to us: somebody listens.
        Ok(_) | Err(_) => Err(SocketError::InUse { path }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(folder: &tempfile::TempDir) -> SocketSettings {
        SocketSettings::new(folder.path().join("api.sock"))
    }

    #[tokio::test]
    async fn the_socket_has_its_mode_and_goes_with_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let settings = SocketSettings {
            mode: 0o640,
            ..settings(&folder)
        };
        let socket = Socket::bind(&settings).unwrap();
        let found = fs::metadata(&settings.path).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o640);
        drop(socket);
        assert!(!settings.path.exists());
    }

    #[tokio::test]
    async fn nobody_else_may_connect_before_the_mode_is_set() {
        let folder = tempfile::tempdir().unwrap();
        let path = settings(&folder).path;
        let _listener = listen(&path).unwrap();
        let found = fs::metadata(&path).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o600);
    }

    #[tokio::test]
    async fn a_socket_in_use_is_not_stolen() {
        let folder = tempfile::tempdir().unwrap();
        let _first = Socket::bind(&settings(&folder)).unwrap();
        let second = Socket::bind(&settings(&folder));
        assert!(matches!(second, Err(SocketError::InUse { .. })));
        assert!(settings(&folder).path.exists());
    }

    #[tokio::test]
    async fn a_stale_socket_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = settings(&folder).path;
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        assert!(path.exists());
        let _socket = Socket::bind(&settings(&folder)).unwrap();
        tokio::net::UnixStream::connect(&path).await.unwrap();
    }

    #[tokio::test]
    async fn what_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = settings(&folder).path;
        fs::write(&path, "precious").unwrap();
        let found = Socket::bind(&settings(&folder));
        assert!(matches!(found, Err(SocketError::NotASocket { .. })));
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_socket_that_took_the_place_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let first = Socket::bind(&settings(&folder)).unwrap();
        let path = settings(&folder).path;
        fs::rename(&path, folder.path().join("old")).unwrap();
        let _second = Socket::bind(&settings(&folder)).unwrap();
        drop(first);
        assert!(path.exists());
    }

    #[test]
    fn names_are_looked_up() {
        let config = |group: &str, user: &str| ApiConfig {
            socket: "/run/doorward/api.sock".into(),
            mode: 0o660,
            group: Some(group.to_owned()),
            users: vec![user.to_owned()],
        };
        let found = SocketSettings::resolve(&config("root", "root")).unwrap();
        assert_eq!(
            (found.group, found.users),
            (Some(Gid::from_raw(0)), vec![0])
        );
        let check = |group, user, expect: &str| {
            let error = SocketSettings::resolve(&config(group, user)).unwrap_err();
            assert_eq!(error.to_string(), expect);
        };
        check(
            "no-such",
            "root",
            "`api.group`: there is no group `no-such` on this machine",
        );
        check(
            "root",
            "nobody-x",
            "`api.users`: there is no user `nobody-x` on this machine",
        );
    }
}
