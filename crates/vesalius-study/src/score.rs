//! A score: a number that never travels without the protocol that made it.

use serde::{Deserialize, Serialize};

/// One measured number. A run that diverged has no score; there is no sentinel value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// What was measured: `frechet_distance`, `dice`, …
    pub metric: String,
    /// The number itself; always finite.
    pub value: f64,
    /// 95 % interval, where one was computed (the protocol says how).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interval: Option<[f64; 2]>,
    /// What of the subject: a class (`LV cavity`), `per_volume_mean`, …; absent for a whole-set score.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<String>,
    /// Feature extractor, with its weights' digest after `@`, where features were used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extractor: Option<String>,
    /// Samples (or volumes) on the real side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_count: Option<usize>,
    /// Samples on the synthetic side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synthetic_count: Option<usize>,
    /// How it was computed, in words that `docs/method.md` explains.
    pub protocol: String,
}

/// What `--json` prints: one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The scores, in the order they were computed.
    pub scores: Vec<Score>,
}
