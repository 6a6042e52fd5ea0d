//! Shared by the example and the tests of the crate.

use vesalius_statistics::mrmc::{
    Chances, Claim, Difference, RunVariance, Trainings, claims, study,
};
use vesalius_statistics::test;

/// What reports on many studies came to.
pub struct Found {
    /// Share of studies whose report claims that some GAN helps or harms: the first GAN's comparison is primary.
    pub false_claims: f64,
    /// Share of the primary comparisons' 95 % intervals that cover 0.
    pub covered: f64,
}

/// Reports on studies in which no training set differs from the first.
pub fn without_effect(
    chances: &Chances,
    patients: usize,
    runs: usize,
    gans: usize,
    studies: u64,
) -> Found {
    let (mut false_claims, mut covered) = (0, 0);
    for seed in 0..studies {
        let tables = study(chances, &vec![0.0; gans + 1], runs, patients, seed);
        let pooled = RunVariance::pooled(tables.iter().map(Vec::as_slice)).expect("several runs");
        let found: Vec<Difference> = tables[1..]
            .iter()
            .map(|table| {
                Difference::new(table, &tables[0], Trainings::Alike(pooled)).expect("patients")
            })
            .collect();
        // The level of the question, and of all else together, as a report has them.
        let primary = claims(&[&found[0]], 0.01, 0.05);
        let secondary = claims(&found[1..].iter().collect::<Vec<_>>(), 0.01, 0.01);
        let is_false = |(_, claim): &(f64, Claim)| matches!(claim, Claim::Better | Claim::Worse);
        false_claims += u64::from(primary.iter().chain(&secondary).any(is_false));
        // What is not rejected is what the interval of that level covers (tested against SciPy).
        covered += u64::from(found[0].p() >= 0.05);
    }
    let share = |count: u64| count as f64 / studies as f64;
    Found { false_claims: share(false_claims), covered: share(covered) }
}

/// Share of the same studies in which sign flips over patients, corrected by Holm, claim something: as if there were no
/// trainings but these.
pub fn without_effect_of_networks(
    chances: &Chances,
    patients: usize,
    runs: usize,
    gans: usize,
    studies: u64,
) -> f64 {
    let claimed = (0..studies).filter(|seed| {
        let tables = study(chances, &vec![0.0; gans + 1], runs, patients, *seed);
        let mean = |table: &[Vec<f64>], k: usize| {
            table.iter().map(|row| row[k]).sum::<f64>() / runs as f64
        };
        let flips = tables[1..].iter().map(|table| {
            let differences = (0..patients).map(|k| mean(table, k) - mean(&tables[0], k));
            test::paired(&differences.collect::<Vec<_>>(), 0)
        });
        test::holm(&flips.collect::<Vec<_>>()).iter().any(|p| *p < 0.05)
    });
    claimed.count() as f64 / studies as f64
}
