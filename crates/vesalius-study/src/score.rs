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
    /// Whose input treatment the extractor's images had, where packages differ (`clean-fid`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dialect: Option<String>,
    /// Standard error of a value that is a mean over random subsets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<f64>,
    /// Samples (or volumes) on the real side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub real_count: Option<usize>,
    /// Samples on the synthetic side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synthetic_count: Option<usize>,
    /// How it was computed, in words that `docs/method.md` explains.
    pub protocol: String,
}

impl Score {
    /// A whole-set score without interval, extractor and counts.
    pub fn new(metric: &str, value: f64, protocol: String) -> Self {
        Self {
            metric: metric.to_owned(),
            value,
            interval: None,
            of: None,
            extractor: None,
            dialect: None,
            standard_error: None,
            real_count: None,
            synthetic_count: None,
            protocol,
        }
    }
}

/// A score that was asked for and could not be had.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What was to be measured.
    pub metric: String,
    /// Why it was not.
    pub reason: String,
}

/// What `--json` prints: one object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The scores, in the order they were computed.
    pub scores: Vec<Score>,
    /// What could not be measured, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<Missing>,
}
