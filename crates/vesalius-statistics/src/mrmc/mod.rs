//! Differences between training sets where patients and trainings are both chance: the analysis of multi-reader
//! multi-case studies (Obuchowski and Rockette 1995), with trainings for readers and patients for cases.
//!
//! Dice of training set i, run j, patient k: `μ_i + patient_k + (set × patient)_ik + run_ij + residual_ijk`, where runs
//! belong to one training set and patients to all.
//! The estimate of a difference is that of the means; its variance is
//! `E[s²(differences of patients)] / K + (1/J_a + 1/J_b) · σ²_run`.
//! Of a mean, Obuchowski and Rockette's covariances are these mean squares.
//! What differs is the distribution that the ratio is compared with.
//! Hillis's degrees of freedom (2007) take the patients' part for known, which 8 patients are not, and Satterthwaite's
//! take a training part of two to four degrees of freedom for better known than it is: in simulated studies with 48
//! patients and two runs each, 7 to 8.5 % false claims (500 to 1,500 studies each, by a script that was not kept).
//! So the variances are integrated over what their mean squares leave possible (generalised inference: Tsui and
//! Weerahandi 1989; of two samples it is the solution of Behrens and Fisher), which is exact where one part rules: a
//! paired t test where runs do not differ.

mod claims;
mod difference;
mod grid;
mod simulate;
mod spread;
mod variance;

pub use claims::{Claim, claims};
pub use difference::{Difference, Trainings};
pub use simulate::{Chances, study};
pub use spread::{Spread, Study};
pub use variance::RunVariance;

#[cfg(test)]
mod tests;
