//! What a report is asked before it looks at test patients.

use vesalius_data::pack::row::RowId;

/// The question: what is compared first, what difference matters, how sure an answer has to be.
#[derive(Debug, Clone, PartialEq)]
pub struct PrimaryQuestion {
    /// GAN of the primary comparison; none: the one that was best without the test patients.
    pub gan: Option<RowId>,
    /// Dice below which a difference does not matter.
    pub margin: f64,
    /// Chance of a false answer to the primary question.
    pub level: f64,
}

/// Chance of a false claim among all secondary comparisons together.
pub const SECONDARY: f64 = 0.01;
/// Share of studies that should find what is there.
pub const POWER: f64 = 0.8;
/// Patients below which nothing is claimed: differences of patients are skewed, and intervals of fewer too narrow then.
pub const FEWEST_PATIENTS: usize = 15;
/// Standard deviation of Dice between trainings of one set that is assumed where every set has one run: as measured on
/// ACDC.
pub const TRAINING_DEVIATION: f64 = 0.015;

impl Default for PrimaryQuestion {
    fn default() -> Self {
        Self { gan: None, margin: 0.01, level: 0.05 }
    }
}
