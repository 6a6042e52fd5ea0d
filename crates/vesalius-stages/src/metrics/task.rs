//! What is measured, and how.

use super::likeness::LpipsNetwork;
use super::registry::{self, METRICS, Metric};
use crate::judge::JudgeSpec;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};

/// The settings, as a study's task holds them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The network that looks.
    pub extractor: JudgeSpec,
    /// Names of [`METRICS`]; none: all that can be measured on this input, and of the others why not.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub metrics: Option<Vec<String>>,
    /// Network of LPIPS.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub lpips: LpipsNetwork,
    /// Samples in each subset of KID; 1000, or half the smaller side if that is less, where nobody says.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub kid_subset: Option<usize>,
    /// Divide covariances by N instead of N-1.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub biased: bool,
    /// Whether Fréchet distances get an interval, which costs a hundred of them.
    #[serde(default, skip_serializing_if = "crate::is_default")]
    pub intervals: bool,
}

impl Task {
    /// What is to be measured, and whether what cannot be is only listed.
    ///
    /// # Errors
    /// A name that no metric has, or none at all.
    pub fn wanted(&self) -> Result<(Vec<&'static Metric>, bool)> {
        match &self.metrics {
            None => Ok((METRICS.iter().collect(), true)),
            Some(names) if names.is_empty() => bail!("metrics: none named, expected at least one"),
            Some(names) => {
                Ok((names.iter().map(|name| registry::find(name)).collect::<Result<_>>()?, false))
            }
        }
    }
}
