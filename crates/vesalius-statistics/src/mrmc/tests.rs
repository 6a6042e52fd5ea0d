use super::*;

type Tables = Vec<Vec<Vec<f64>>>;

fn pooled(tables: &Tables) -> RunVariance {
    RunVariance::pooled(tables.iter().map(Vec::as_slice)).unwrap()
}

fn compared(tables: &Tables, with: usize) -> Difference {
    Difference::new(&tables[with], &tables[0], Trainings::Alike(pooled(tables))).unwrap()
}

#[test]
fn mean_squares_and_the_difference_are_statsmodels() {
    let text = include_str!("../../../../golden/mrmc.json");
    let golden: serde_json::Value = serde_json::from_str(text).unwrap();
    for case in golden["cases"].as_array().unwrap() {
        let tables: Tables = serde_json::from_value(case["tables"].clone()).unwrap();
        let found = pooled(&tables);
        let close = |found: f64, name: &str, within: f64| {
            let expected = case[name].as_f64().unwrap();
            assert!(
                (found - expected).abs() < within * expected.abs(),
                "{name}: {found} {expected}"
            );
        };
        close(found.of_means, "of_means", 1e-9);
        close(found.residual, "residual", 1e-9);
        assert_eq!(found.freedom as u64, case["freedom"].as_u64().unwrap());
        let difference = compared(&tables, 1);
        close(difference.estimate, "estimate", 1e-9);
        // The mixed model is fitted to a tolerance.
        close(difference.standard_error(), "standard_error", 1e-3);
    }
    // Without runs that differ, what is left is the paired t test.
    for case in golden["paired_t"].as_array().unwrap() {
        let list = |name: &str| -> Vec<f64> { serde_json::from_value(case[name].clone()).unwrap() };
        let tables = vec![vec![list("b"); 2], vec![list("a"); 2]];
        let found = compared(&tables, 1);
        let number = |name: &str| case[name].as_f64().unwrap();
        assert!((found.p() / number("p") - 1.0).abs() < 1e-4, "{} {}", found.p(), number("p"));
        let [low, high] = found.interval(0.95);
        assert!((low - number("low")).abs() < 1e-6 && (high - number("high")).abs() < 1e-6);
        let margin = number("margin");
        let equivalent = number("p_equivalent");
        assert!((found.p_equivalent(margin) / equivalent - 1.0).abs() < 1e-4);
    }
}

#[test]
fn what_cannot_be_known_is_not_said() {
    let one = [vec![vec![0.8, 0.7, 0.9]], vec![vec![0.8, 0.7, 0.8]]];
    assert_eq!(RunVariance::pooled(one.iter().map(Vec::as_slice)), None, "one run each");
    let patient = [vec![vec![0.8], vec![0.7]]];
    assert_eq!(RunVariance::pooled(patient.iter().map(Vec::as_slice)), None, "one patient");
    // A set with one run is lent the chance of one with two.
    let lent = vec![vec![vec![0.8, 0.7, 0.9]], vec![vec![0.8, 0.7, 0.8], vec![0.7, 0.7, 0.8]]];
    assert_eq!(pooled(&lent).freedom, 1);
}

#[test]
fn where_nothing_varies_the_estimate_is_certain() {
    let same = vec![vec![vec![0.8; 4]; 2], vec![vec![0.8; 4]; 2], vec![vec![0.9; 4]; 2]];
    assert!(compared(&same, 1).p() > 1.0 - 1e-9);
    assert!(compared(&same, 2).p() < 1e-9);
    assert!(compared(&same, 1).p_equivalent(0.01) < 1e-9);
}

#[test]
fn more_runs_and_patients_narrow_it_as_the_model_says() {
    let chances = Chances::default();
    let of = |runs, patients, seed| {
        let tables = study(&chances, &[0.0, 0.0], runs, patients, seed);
        compared(&tables, 1)
    };
    // From 3 runs of 20 patients to 6 of 40: the mean of what is foretold against that of what is found.
    let (mut foretold, mut found) = (0.0, 0.0);
    for seed in 0..200 {
        foretold += of(3, 20, seed).spread().standard_error(40, 6).powi(2);
        found += of(6, 40, 1000 + seed).standard_error().powi(2);
    }
    assert!((foretold / found - 1.0).abs() < 0.1, "{}", foretold / found);
}

#[test]
fn what_is_detectable_is_detected_in_four_of_five_studies() {
    let chances = Chances::default();
    let spread = Spread::from_deviations(chances.differences, chances.trainings);
    for (patients, runs, sets) in [(20, 3, 2), (48, 3, 6), (48, 5, 2)] {
        let size = Study { patients, runs, sets };
        let effect = spread.detectable(size, 0.05, 0.8).unwrap();
        let mut effects = vec![0.0; sets];
        effects[1] = effect;
        let shown = (0..300)
            .filter(|seed| {
                compared(&study(&chances, &effects, runs, patients, *seed), 1).p() < 0.05
            })
            .count() as f64;
        assert!((shown / 300.0 - 0.8).abs() < 0.06, "{size:?} {effect:.4}: {shown} of 300");
        // And the number of patients, or runs, that it takes is this one.
        assert_eq!(spread.patients_for(effect * 1.0001, size, 0.05, 0.8), Some(patients));
        assert_eq!(spread.runs_for(effect * 1.0001, size, 0.05, 0.8), Some(runs));
    }
    let size = Study { patients: 48, runs: 3, sets: 2 };
    assert_eq!(spread.patients_for(0.01, size, 0.05, 0.8), None, "trainings lie too far apart");
    assert_eq!(spread.detectable(Study { runs: 1, ..size }, 0.05, 0.8), None);
}

#[test]
fn sets_whose_runs_lie_apart_differently_are_not_pooled() {
    let loud = study(&Chances { trainings: 0.05, ..Chances::default() }, &[0.0], 3, 20, 1);
    let calm = study(&Chances { trainings: 0.005, ..Chances::default() }, &[0.0], 3, 20, 2);
    let each = [pooled(&loud), pooled(&calm)];
    let apart = Difference::new(&loud[0], &calm[0], Trainings::Apart(each)).unwrap();
    let variance =
        apart.over_patients / 20.0 + each.iter().map(|each| each.of_training() / 3.0).sum::<f64>();
    assert!((apart.standard_error() - variance.sqrt()).abs() < 1e-12);
    // The same chance on both sides, known twice as well where it is pooled.
    let both = Difference::new(&loud[0], &calm[0], Trainings::Apart([each[0]; 2])).unwrap();
    let alike = Difference::new(&loud[0], &calm[0], Trainings::Alike(each[0])).unwrap();
    assert!((both.standard_error() - alike.standard_error()).abs() < 1e-12);
}

#[test]
fn equivalence_is_rarely_claimed_of_a_difference_as_large_as_the_margin() {
    let chances = Chances { trainings: 0.003, differences: 0.02, ..Chances::default() };
    let claimed = (0..400).filter(|seed| {
        let tables = study(&chances, &[0.0, 0.01], 3, 48, *seed);
        claims(&[&compared(&tables, 1)], 0.01, 0.05)[0].1 == Claim::Equivalent
    });
    assert!(claimed.count() <= 28);
    let of_none = (0..400).filter(|seed| {
        let tables = study(&chances, &[0.0, 0.0], 3, 48, *seed);
        claims(&[&compared(&tables, 1)], 0.01, 0.05)[0].1 == Claim::Equivalent
    });
    assert!(of_none.count() >= 100, "a test that can find it");
}
