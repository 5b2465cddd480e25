//! Backups once they are decrypted: with a public key, anybody can have made one.

use doorwardd::vault::container::{FRAME_BYTES_MAX, Frame, Reader};

/// A backup is read to its end or refused, and no part of it is larger than it was given.
pub fn backups(data: &[u8]) {
    let mut reader = Reader::new(data);
    let mut bytes = 0;
    while let Ok(Some(frame)) = reader.next() {
        bytes += match frame {
            Frame::Header(header) => header.site.len(),
            Frame::File { name, bytes } => name.len() + bytes.len(),
            Frame::Row { key, value, .. } => key.len() + value.len(),
        };
        assert!(bytes <= data.len(), "{bytes} bytes of {}", data.len());
        assert!(bytes <= FRAME_BYTES_MAX * 1024);
    }
    // What has ended has ended.
    let _ = reader.next();
}
