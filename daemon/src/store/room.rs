//! Room on the disk: a reserve is kept for events, and given up for them when the disk is full.
//!
//! The reserve is a file beside the database that takes the room. While there is little else, it is
//! gone, changes of the table are refused, and events go on being durable. Once there is room again,
//! the reserve is made anew before changes are taken.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::fcntl::posix_fallocate;
use nix::sys::statvfs::statvfs;
use tokio::time::Instant;

use super::StoreError;

/// The reserve, where the disk is not small, in bytes: for some 50,000 events, with all that the
/// database writes besides.
pub(super) const RESERVE_BYTES: u64 = 32 * 1024 * 1024;

/// On a small disk the reserve is one part in so many of it.
const SHARE_OF_DISK: u64 = 8;

/// How often to look.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often to say anew how long the room lasts.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// The least time, and the least use of room, from which can be told how long it lasts.
const RATE_AFTER: Duration = Duration::from_secs(10);
const RATE_BYTES_MIN: u64 = 64 * 1024;

const MIB: u64 = 1024 * 1024;

/// Whether there is room for changes.
#[derive(Debug)]
pub(super) struct Room {
    folder: PathBuf,
    reserve_bytes: u64,
    short: Option<Short>,
    look_at: Instant,
}

/// The disk is full: what is left is for events.
#[derive(Debug)]
struct Short {
    since: Instant,
    /// What was free then, with the reserve given up.
    free_then: u64,
    said_at: Instant,
    says: String,
}

impl Room {
    /// Makes the reserve, of at most so many bytes; 0 for none.
    pub(super) fn open(folder: &Path, reserve_bytes_max: u64) -> Self {
        let disk = total_and_free(folder).map_or(0, |(total, _)| total);
        let mut room = Self {
            folder: folder.to_owned(),
            reserve_bytes: reserve_bytes_max.min(disk / SHARE_OF_DISK),
            short: None,
            look_at: Instant::now() + LOOK_EVERY,
        };
        room.look();
        if room.short.is_none() {
            room.make_reserve();
        }
        room
    }

    /// When to [`Self::look`] again.
    pub(super) const fn look_at(&self) -> Instant {
        self.look_at
    }

    /// What there is to say while the disk is full.
    pub(super) fn says(&self) -> Option<&str> {
        self.short.as_ref().map(|short| short.says.as_str())
    }

    /// Why changes are refused, if they are.
    pub(super) fn refusal(&self) -> Option<StoreError> {
        let what = self.says()?.to_owned();
        Some(StoreError::Storage { what })
    }

    /// Looks how much room there is. Returns whether there is something new to say.
    pub(super) fn look(&mut self) -> bool {
        let now = Instant::now();
        self.look_at = now + LOOK_EVERY;
        if self.reserve_bytes == 0 {
            return false;
        }
        // A file system that does not tell is not taken for a full one.
        let Ok((_, free)) = total_and_free(&self.folder) else {
            return false;
        };
        let floor = self.floor();
        match &mut self.short {
            None if free >= floor => false,
            None => {
                self.give_up_reserve();
                true
            }
            Some(_) if free >= self.reserve_bytes + 2 * floor => self.make_reserve(),
            Some(short) if now >= short.said_at + SAY_EVERY => {
                short.say(now, free, self.reserve_bytes);
                true
            }
            Some(_) => false,
        }
    }

    /// Writing failed: if there is no room, the reserve is given up at once.
    pub(super) fn writing_failed(&mut self) {
        if self.short.is_none() {
            self.look();
        }
    }

    /// Below this the disk counts as full: the database must not meet its end.
    const fn floor(&self) -> u64 {
        self.reserve_bytes / 4
    }

    fn path(&self) -> PathBuf {
        self.folder.join("reserve")
    }

    fn give_up_reserve(&mut self) {
        match fs::remove_file(self.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                log::error!("the reserve cannot be given up: {error}");
            }
            _ => {}
        }
        let free = total_and_free(&self.folder).map_or(0, |(_, free)| free);
        let now = Instant::now();
        let mut short = Short {
            since: now,
            free_then: free,
            said_at: now,
            says: String::new(),
        };
        short.say(now, free, self.reserve_bytes);
        self.short = Some(short);
    }

    /// Returns whether there is a reserve now.
    fn make_reserve(&mut self) -> bool {
        if self.reserve_bytes == 0 {
            return false;
        }
        let made = File::create(self.path()).and_then(|file| {
            let bytes = i64::try_from(self.reserve_bytes).unwrap_or(i64::MAX);
            posix_fallocate(&file, 0, bytes).map_err(io::Error::from)
        });
        match made {
            Ok(()) => {
                self.short = None;
                true
            }
            Err(error) => {
                let _ = fs::remove_file(self.path());
                if self.short.is_none() {
                    log::warn!("no room is reserved for events: {error}");
                }
                false
            }
        }
    }
}

impl Short {
    fn say(&mut self, now: Instant, free: u64, reserve_bytes: u64) {
        self.said_at = now;
        let used = self.free_then.saturating_sub(free);
        let lasts = lasting(now - self.since, used, free);
        let needed = reserve_bytes
            .saturating_add(reserve_bytes / 2)
            .div_ceil(MIB);
        self.says = format!(
            "the disk is full: the last {} MiB are for events, {lasts}; changes are refused until \
             {needed} MiB are free",
            free / MIB
        );
    }
}

/// How long the room lasts at the present rate.
fn lasting(passed: Duration, used: u64, free: u64) -> String {
    if passed < RATE_AFTER || used < RATE_BYTES_MIN {
        return "which at the present rate last long".to_owned();
    }
    let seconds = u128::from(free) * passed.as_millis() / u128::from(used) / 1000;
    let (number, unit) = match seconds {
        0..120 => (seconds, "seconds"),
        120..7_200 => (seconds / 60, "minutes"),
        7_200..172_800 => (seconds / 3_600, "hours"),
        _ => (seconds / 86_400, "days"),
    };
    format!("which at the present rate last for {number} {unit}")
}

/// The size of the file system, and what of it is free for us, in bytes.
fn total_and_free(folder: &Path) -> nix::Result<(u64, u64)> {
    let found = statvfs(folder)?;
    #[allow(
        clippy::useless_conversion,
        reason = "the width of these differs between platforms"
    )]
    let (unit, blocks, available) = (
        u64::from(found.fragment_size()),
        u64::from(found.blocks()),
        u64::from(found.blocks_available()),
    );
    Ok((blocks * unit, available * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_room_lasts_is_said_in_words_of_people() {
        let check = |passed_s, used_mib: u64, free_mib: u64, expect: &str| {
            let passed = Duration::from_secs(passed_s);
            let says = lasting(passed, used_mib * MIB, free_mib * MIB);
            assert_eq!(says, format!("which at the present rate last {expect}"));
        };
        check(5, 10, 10, "long");
        check(60, 0, 10, "long");
        check(60, 10, 10, "for 60 seconds");
        check(60, 1, 30, "for 30 minutes");
        check(3_600, 1, 30, "for 30 hours");
        check(86_400, 1, 30, "for 30 days");
    }

    #[test]
    fn a_reserve_takes_its_room_and_gives_it_back() {
        let folder = tempfile::tempdir().unwrap();
        let mut room = Room::open(folder.path(), MIB);
        let reserve = folder.path().join("reserve");
        assert_eq!(fs::metadata(&reserve).unwrap().len(), MIB);
        assert!(room.refusal().is_none());
        room.give_up_reserve();
        assert!(!reserve.exists());
        let says = room.refusal().unwrap().to_string();
        assert!(says.contains("the disk is full"), "{says}");
        // There is room, so that the next look ends it.
        assert!(room.look());
        assert!(reserve.exists() && room.refusal().is_none());
    }
}
