//! What synthetic images are worth in patients: the number of real patients whose images alone give as much Dice, read off
//! a monotone fit.

use crate::mrmc::RunVariance;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution as _, StandardNormal};

/// Draws that make an interval.
pub const DRAWS: usize = 2000;

/// Dice of the segmenters of one number of training patients.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Training patients.
    pub patients: f64,
    /// Dice `[runs][test patients]`, the same test patients in every point.
    pub rows: Vec<Vec<f64>>,
}

/// How many patients' real images alone give as much Dice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Worth {
    /// Patients; -∞: fewer than the least tried number, ∞: more than the greatest.
    pub patients: f64,
    /// 95 % interval over test patients and trainings; none where every point has one run, so that nothing is known of
    /// chance in training.
    pub interval: Option<[f64; 2]>,
}

/// The non-decreasing sequence that is nearest to `values` in squares (pool adjacent violators; Barlow et al. 1972).
pub fn isotonic(values: &[f64]) -> Vec<f64> {
    let mut blocks: Vec<(f64, usize)> = vec![];
    for &value in values {
        let mut block = (value, 1);
        while let Some(&(mean, count)) = blocks.last().filter(|(mean, _)| *mean > block.0) {
            blocks.pop();
            let all = count + block.1;
            block = ((mean * count as f64 + block.0 * block.1 as f64) / all as f64, all);
        }
        blocks.push(block);
    }
    blocks.into_iter().flat_map(|(mean, count)| std::iter::repeat_n(mean, count)).collect()
}

/// The number of patients at which a curve reaches a Dice: linear in the logarithm of patients between the points, the
/// first of a level stretch. -∞ below all of the curve, ∞ above.
///
/// # Panics
/// When the curve has no points, or fewer values than numbers of patients.
pub fn patients_at(patients: &[f64], monotone: &[f64], dice: f64) -> f64 {
    if dice < monotone[0] {
        return f64::NEG_INFINITY;
    }
    let Some(next) = monotone.iter().position(|value| *value >= dice) else {
        return f64::INFINITY;
    };
    if next == 0 {
        return patients[0];
    }
    let (low, high) = (monotone[next - 1], monotone[next]);
    let share = (dice - low) / (high - low);
    let [from, to] = [patients[next - 1], patients[next]].map(f64::ln);
    (from + share * (to - from)).exp()
}

/// What the segmenters of `mixed` are worth on the curve of `real` alone, its points by number of patients. `trainings`
/// is pooled over all points of the study.
///
/// The interval: test patients are drawn with replacement, the same for every point, and each point's mean moves by what
/// trainings lie apart; the curve is fitted anew each time.
///
/// # Panics
/// Without real points, or with points of other test patients.
pub fn worth(real: &[Point], mixed: &Point, trainings: Option<&RunVariance>, seed: u64) -> Worth {
    let patients: Vec<f64> = real.iter().map(|point| point.patients).collect();
    let own: Vec<Vec<f64>> =
        real.iter().chain([mixed]).map(|point| means_of_patients(&point.rows)).collect();
    let all: Vec<usize> = (0..own[0].len()).collect();
    let read = |drawn: &[usize], moved: &mut dyn FnMut(usize) -> f64| {
        let mut means: Vec<f64> = own
            .iter()
            .enumerate()
            .map(|(i, dice)| {
                drawn.iter().map(|&k| dice[k]).sum::<f64>() / drawn.len() as f64 + moved(i)
            })
            .collect();
        let value = means.pop().expect("the mixed point");
        patients_at(&patients, &isotonic(&means), value)
    };
    let interval = trainings.map(|trainings| {
        let deviations: Vec<f64> = real
            .iter()
            .chain([mixed])
            .map(|point| (trainings.of_training() / point.rows.len() as f64).sqrt())
            .collect();
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        let mut found: Vec<f64> = (0..DRAWS)
            .map(|_| {
                let drawn: Vec<usize> =
                    all.iter().map(|_| rng.random_range(0..all.len())).collect();
                // Few trainings tell roughly how far they lie apart: a draw of that, too.
                let freedom = trainings.freedom as f64;
                let squares: f64 = (0..trainings.freedom)
                    .map(|_| {
                        let normal: f64 = StandardNormal.sample(&mut rng);
                        normal * normal
                    })
                    .sum();
                let scale = (freedom / squares).sqrt();
                read(&drawn, &mut |i| {
                    let normal: f64 = StandardNormal.sample(&mut rng);
                    normal * deviations[i] * scale
                })
            })
            .collect();
        found.sort_by(f64::total_cmp);
        // Ends may lie outside of the curve: no means of neighbours.
        [0.025, 0.975].map(|share| found[((found.len() - 1) as f64 * share).round() as usize])
    });
    Worth { patients: read(&all, &mut |_| 0.0), interval }
}

fn means_of_patients(rows: &[Vec<f64>]) -> Vec<f64> {
    let of = |k: usize| rows.iter().map(|row| row[k]).sum::<f64>() / rows.len() as f64;
    (0..rows[0].len()).map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mrmc::{Chances, study};

    #[test]
    fn monotone_fits_are_scipys() {
        let golden: serde_json::Value =
            serde_json::from_str(include_str!("../../../golden/dose.json")).unwrap();
        let list = |value: &serde_json::Value| -> Vec<f64> {
            serde_json::from_value(value.clone()).unwrap()
        };
        for case in golden["isotonic"].as_array().unwrap() {
            let (found, expected) = (isotonic(&list(&case["values"])), list(&case["fitted"]));
            assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
            assert_eq!(found.len(), expected.len());
        }
        for case in golden["inverse"].as_array().unwrap() {
            let number = |name: &str| case[name].as_f64().unwrap();
            let found = patients_at(&list(&case["patients"]), &list(&case["dice"]), number("at"));
            assert!((found - number("found")).abs() < 1e-9, "{found} {case}");
        }
    }

    #[test]
    fn what_leaves_the_curve_is_said_and_level_stretches_count_from_their_beginning() {
        let (patients, dice) = ([4.0, 8.0, 16.0], [0.6, 0.7, 0.7]);
        assert_eq!(patients_at(&patients, &dice, 0.5), f64::NEG_INFINITY);
        assert_eq!(patients_at(&patients, &dice, 0.6), 4.0);
        assert!((patients_at(&patients, &dice, 0.7) - 8.0).abs() < 1e-12);
        assert_eq!(patients_at(&patients, &dice, 0.71), f64::INFINITY);
    }

    /// Studies whose truth is known: 4, 8, 16 and 32 patients, synthetic images that make 8 patients worth 16.
    #[test]
    fn intervals_cover_what_is_true() {
        let effects = [0.0, 0.05, 0.10, 0.15, 0.10];
        let numbers = [4.0, 8.0, 16.0, 32.0, 8.0];
        let chances = Chances::default();
        let (mut covered, mut all) = (0, 0);
        for seed in 0..200 {
            let tables = study(&chances, &effects, 3, 48, seed);
            let trainings = RunVariance::pooled(tables.iter().map(Vec::as_slice)).unwrap();
            let mut points: Vec<Point> = numbers
                .iter()
                .zip(tables)
                .map(|(&patients, rows)| Point { patients, rows })
                .collect();
            let mixed = points.pop().unwrap();
            let found = worth(&points, &mixed, Some(&trainings), seed);
            let [low, high] = found.interval.unwrap();
            assert!(low <= found.patients && found.patients <= high);
            covered += usize::from(low <= 16.0 && 16.0 <= high);
            all += 1;
        }
        assert!((184..=199).contains(&covered), "{covered} of {all}");
    }

    #[test]
    fn without_repeated_trainings_there_is_no_interval() {
        let point = |patients, dice: f64| Point { patients, rows: vec![vec![dice, dice + 0.02]] };
        let real = [point(4.0, 0.5), point(8.0, 0.6)];
        let found = worth(&real, &point(4.0, 0.55), None, 1);
        assert_eq!(found.interval, None);
        assert!((found.patients - 32_f64.sqrt()).abs() < 1e-9);
    }
}
