//! A TCP line to the broker that can be cut and stalled.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Forwards connections to the broker, both ways.
pub(crate) struct Line {
    pub(crate) port: u16,
    /// Bytes carried towards the broker.
    pub(crate) carried: Arc<AtomicU64>,
    cut: watch::Sender<u64>,
}

impl Line {
    pub(crate) async fn to(broker: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let cut = watch::Sender::new(0);
        let carried = Arc::new(AtomicU64::new(0));
        let line = Self {
            port,
            carried: Arc::clone(&carried),
            cut: cut.clone(),
        };
        tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let mut cut = cut.subscribe();
                let carried = Arc::clone(&carried);
                tokio::spawn(async move {
                    let Ok(far) = TcpStream::connect(("127.0.0.1", broker)).await else {
                        return;
                    };
                    // Dropping both ends in the middle of whatever they carry is the point.
                    tokio::select! {
                        () = carry(near, far, &carried) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        });
        line
    }

    /// Cuts every connection at once, wherever it stands.
    pub(crate) fn cut(&self) {
        self.cut.send_modify(|cuts| *cuts += 1);
    }
}

async fn carry(near: TcpStream, far: TcpStream, carried: &AtomicU64) {
    let (mut near_read, mut near_write) = near.into_split();
    let (mut far_read, mut far_write) = far.into_split();
    let up = async {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = near_read.read(&mut buffer).await {
            carried.fetch_add(count as u64, Ordering::Relaxed);
            if far_write.write_all(&buffer[..count]).await.is_err() {
                break;
            }
        }
    };
    let down = async {
        let _ = tokio::io::copy(&mut far_read, &mut near_write).await;
    };
    tokio::select! { () = up => {}, () = down => {} }
}
