//! Weights that a training starts from.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A file of converted weights (`init.rs`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InitSource {
    /// Where it lay.
    pub path: PathBuf,
    /// Of the file.
    pub sha256: String,
}
