//! What a study could show: the report's own rules, asked before it runs.

pub use crate::inference::primary::{FEWEST_PATIENTS, POWER, TRAINING_DEVIATION};
pub use vesalius_statistics::mrmc::{Spread, Study};

use crate::evidence::evidence;
use crate::evidence::runs::gather;
use crate::inference::primary::PrimaryQuestion;
use anyhow::Result;
use std::path::PathBuf;

/// Standard deviations that are assumed without runs: of patients' differences between one training of two sets, and of
/// trainings of one set; as measured on ACDC at 64x64.
pub const DEFAULT: [f64; 2] = [0.06, TRAINING_DEVIATION];

/// Spreads over patients and trainings that finished runs show: of their primary comparison, or of any; none where no
/// training set was repeated.
///
/// # Errors
/// As [`write`](crate::write): a run that cannot be read, or runs that do not belong together.
pub fn pilot(folders: &[PathBuf], question: &PrimaryQuestion) -> Result<Option<Spread>> {
    if folders.is_empty() {
        return Ok(None);
    }
    let runs = gather(folders)?;
    for evidence in evidence(&runs, question)? {
        let inference = evidence.inference();
        let mut known = inference.primary().chain(inference.secondary());
        if let Some(found) = known.find_map(|comparison| comparison.study.as_ref()) {
            return Ok(Some(found.spread()));
        }
    }
    Ok(None)
}
