//! A full disk is waited for: what failed for lack of room has not failed, and goes on once somebody made some.

use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::{Duration, Instant};

/// Between two looks at the disk.
const TICK: Duration = Duration::from_millis(200);
/// First wait, where nothing tells that there is room; doubled each time.
const FIRST: Duration = Duration::from_secs(10);
/// Longest wait.
const LONGEST: Duration = Duration::from_mins(10);
/// Bytes that somebody has to free before it is tried again at once.
const FREED: u64 = 1 << 20;
/// Bytes below which a disk counts as full.
const FULL: u64 = 1 << 20;

/// Whether something failed because a disk is full, a quota is used up, or a file may not grow.
pub fn lacks(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        let full = io.is_some_and(|io| {
            matches!(io.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
        });
        let sqlite =
            cause.downcast_ref::<rusqlite::Error>().and_then(rusqlite::Error::sqlite_error_code);
        // LibTorch says it in words.
        let text = cause.to_string();
        full || sqlite == Some(rusqlite::ErrorCode::DiskFull)
            || text.contains("No space left on device")
            || text.contains("Disk quota exceeded")
    })
}

/// Bytes that are free where a folder lies; none where nobody tells.
pub fn free(folder: &Path) -> Option<u64> {
    let there = folder.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
    let found = rustix::fs::statvfs(there).ok()?;
    Some(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Whether hardly anything can be written to a folder.
pub fn is_full(folder: &Path) -> bool {
    free(folder).is_some_and(|free| free < FULL)
}

/// Waits that grow while nothing changes.
#[derive(Debug, Default)]
pub struct Patience {
    waits: u32,
}

impl Patience {
    /// Waits until there is more room in a folder than now, or a while has passed; `false` when asked to stop.
    pub fn wait(&mut self, folder: &Path, stop: &dyn Fn() -> bool) -> bool {
        let before = free(folder);
        let longest = FIRST.saturating_mul(1 << self.waits.min(10)).min(LONGEST);
        self.waits += 1;
        let started = Instant::now();
        while started.elapsed() < longest {
            if stop() {
                return false;
            }
            if free(folder) >= before.map(|before| before + FREED) && before.is_some() {
                break;
            }
            std::thread::sleep(TICK);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::{Context as _, anyhow};

    #[test]
    fn a_full_disk_is_known_in_every_library_s_words() {
        let full = |kind: ErrorKind| {
            Err::<(), _>(io::Error::from(kind)).context("x: cannot be written").unwrap_err()
        };
        assert!(lacks(&full(ErrorKind::StorageFull)) && lacks(&full(ErrorKind::QuotaExceeded)));
        assert!(!lacks(&full(ErrorKind::PermissionDenied)));
        let sqlite = rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_FULL),
            None,
        );
        assert!(lacks(&anyhow::Error::from(sqlite).context("store.sqlite")));
        assert!(lacks(&anyhow!("I/O error: No space left on device (os error 28)")));
        assert!(!lacks(&anyhow!("no space: a word")));
    }

    #[test]
    fn who_waits_stops_when_asked() {
        assert!(!Patience::default().wait(Path::new("."), &|| true));
        assert!(free(Path::new("not/there/yet")).is_some());
    }
}
