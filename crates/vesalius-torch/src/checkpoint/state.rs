//! `state.json`: what a training is besides its tensors.

use super::{STATE, damaged};
use crate::train::WindowState;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use vesalius_data::files::seal::{self, Seal};

/// Version of the folder's layout. 1 had no seal and no digest of the settings; it opens.
pub const CHECKPOINT_FORMAT: u32 = 2;
/// The version before.
const UNSEALED: u32 = 1;

/// Counters of a training, and everything else that decides how it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// [`CHECKPOINT_FORMAT`].
    pub format: u32,
    /// Generator steps done.
    pub step: u64,
    /// Real images shown to the discriminator.
    pub images: u64,
    /// Seconds of training, earlier attempts included.
    pub wall_secs: f64,
    /// SHA-256 of the resolved spec, but for its length: a training may be continued for longer.
    pub spec_sha256: String,
    /// Digest of the pack.
    pub pack_digest: String,
    /// Optimiser updates of generator and discriminator.
    pub updates: [i64; 2],
    /// Best Fréchet distance so far, and at how many images.
    pub best: Option<(f64, u64)>,
    /// Measurements in a row at which the generated images were next to the same.
    #[serde(default)]
    pub collapsed: u32,
    /// What the next line of `stats.jsonl` has of it so far; none where a line was just written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub window: Option<WindowState>,
    /// SHA-256 of each file.
    pub files: BTreeMap<String, String>,
}

impl State {
    /// Before the first step.
    pub fn new(spec_sha256: String, pack_digest: String) -> Self {
        Self {
            format: CHECKPOINT_FORMAT,
            step: 0,
            images: 0,
            wall_secs: 0.0,
            spec_sha256,
            pack_digest,
            updates: [0; 2],
            best: None,
            collapsed: 0,
            window: None,
            files: BTreeMap::new(),
        }
    }
}

/// Reads a checkpoint's counters.
///
/// # Errors
/// [`super::Damaged`] when they are missing or not what was written; otherwise when they cannot be read or are of another
/// version.
pub fn read_state(folder: &Path) -> Result<State> {
    let path = folder.join(STATE);
    let text = match vesalius_data::files::read::state(&path) {
        Err(error) => return Err(unreadable(&path, error)),
        Ok(text) => text,
    };
    let found: State = serde_json::from_slice(&text).map_err(|error| {
        damaged!("{}: not a checkpoint of this version ({error}): damaged", path.display())
    })?;
    match (found.format, seal::check(&text)) {
        (UNSEALED, Seal::Missing) | (CHECKPOINT_FORMAT, Seal::Whole) => Ok(found),
        (UNSEALED | CHECKPOINT_FORMAT, _) => Err(damaged!(
            "{}: not what was written (its seal does not match): damaged or edited",
            path.display()
        )),
        (format, _) => bail!("{}: format {format}, expected {CHECKPOINT_FORMAT}", path.display()),
    }
}

/// Why a file of a checkpoint cannot be read. Where that is about who asks, or about this moment, nothing is given up for it.
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
