//! `state.json`: what a training is besides its tensors.

use super::damaged::{damaged, unreadable};
use crate::stats::WindowState;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;
use vesalius_data::files::seal::{self, Seal};

/// Counters and digests.
pub(super) const STATE: &str = "state.json";
/// Version of the folder's layout. 1 had no seal and no digest of the settings; it opens.
pub const CHECKPOINT_FORMAT: u32 = 2;
/// The version before.
const UNSEALED: u32 = 1;

/// Counters of a training, and everything else that decides how it goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// [`CHECKPOINT_FORMAT`].
    pub format: u32,
    /// Steps done.
    pub step: u64,
    /// Real images seen.
    pub images: u64,
    /// Seconds of training, earlier attempts included.
    pub wall_secs: f64,
    /// SHA-256 of the resolved spec, but for its length: a training may be continued for longer.
    pub spec_sha256: String,
    /// Digest of the pack.
    pub pack_digest: String,
    /// Updates of each optimiser, by its name.
    #[serde(with = "updates")]
    pub updates: BTreeMap<String, i64>,
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
            updates: BTreeMap::new(),
            best: None,
            collapsed: 0,
            window: None,
            files: BTreeMap::new(),
        }
    }
}

/// A GAN's are written as a pair.
mod updates {
    use crate::named::Written;
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};
    use std::collections::BTreeMap;

    const PAIR: [&str; 2] = ["generator", "discriminator"];

    pub fn serialize<S: Serializer>(
        named: &BTreeMap<String, i64>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        Written::new(PAIR, named).serialize(to)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<BTreeMap<String, i64>, D::Error> {
        Ok(Written::deserialize(from)?.named(PAIR))
    }
}

/// Reads a checkpoint's counters.
///
/// # Errors
/// [`super::damaged::Damaged`] when they are missing or not what was written; otherwise when they cannot be read or are
/// of another
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
