//! Why a checkpoint cannot be trusted, or not be read.

use std::io;
use std::path::Path;

/// Why a checkpoint cannot be trusted: a file is missing, cut short or not what was written.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Damaged(pub(super) String);

impl Damaged {
    /// Whether an error says that a checkpoint is damaged, rather than that it is another one than expected.
    pub fn is(error: &anyhow::Error) -> bool {
        error.downcast_ref::<Self>().is_some()
    }
}

/// `damaged!("{}: …", path)`: an error that [`Damaged::is`].
macro_rules! damaged {
    ($($text:tt)*) => { anyhow::Error::new($crate::checkpoint::damaged::Damaged(format!($($text)*))) };
}
pub(super) use damaged;

/// Why a file of a checkpoint cannot be read. Where that is about who asks, or about this moment, nothing is given up
/// for it.
pub(super) fn unreadable(path: &Path, error: io::Error) -> anyhow::Error {
    if is_of_the_moment(&error) {
        return anyhow::Error::new(error).context(format!("{}: cannot be read", path.display()));
    }
    damaged!("{}: cannot be read ({error}); expected a whole checkpoint", path.display())
}

fn is_of_the_moment(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, OutOfMemory, PermissionDenied, TimedOut};
    const TOO_MANY_OPEN: [i32; 2] = [23, 24]; // ENFILE, EMFILE
    matches!(error.kind(), Interrupted | OutOfMemory | PermissionDenied | TimedOut)
        || error.raw_os_error().is_some_and(|code| TOO_MANY_OPEN.contains(&code))
}
