//! The client: what it says when the daemon cannot be reached.

use std::os::unix::fs::PermissionsExt;

use doorward_api::{Client, ClientError, StorageState, UplinkState};

use crate::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn the_status_tells_how_the_appliance_is() {
    let mut site = Site::start().await;
    site.log_events(3).await;
    let status = site.client.status().await.unwrap();
    assert_eq!(status.site, "Test site");
    assert_eq!((status.revision, status.newest_event), (0, 3));
    assert_eq!(status.uplink.state, UplinkState::Off);
    assert_eq!(status.storage.state, StorageState::Working);
    assert_eq!(status.api.connections, 1);
    assert!(site.client.alarms().await.unwrap().is_empty());
    site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_is_not_running() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("api.sock");
    let check = async |expect: &str| {
        let error = Client::new(&path).status().await.unwrap_err();
        assert!(matches!(error, ClientError::Connect { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains(&path.display().to_string()), "{text}");
        assert!(text.contains(expect), "{text}");
    };
    check("is the daemon running?").await;
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    check("nobody listens on it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_stopped_and_came_back_is_found_again() {
    let site = Site::start().await;
    let client = site.client.clone();
    client.status().await.unwrap();
    site.stop().await;
    assert!(matches!(
        client.status().await,
        Err(ClientError::Connect { .. })
    ));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_that_may_not_be_opened_tells_why() {
    if nix::unistd::geteuid().is_root() {
        // Root may open everything; the words are tested beside the code.
        return;
    }
    let site = Site::start().await;
    let closed = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(&site.socket, closed).unwrap();
    let text = site.client.status().await.unwrap_err().to_string();
    assert!(text.contains("permission denied"), "{text}");
    site.stop().await;
}
