use super::*;
use crate::evidence::fixture::{Fixture, evidence};
use vesalius_data::run::TrainedOn;
use vesalius_statistics::dose::Worth;

/// Twenty test patients about a mean, none like another; runs differ by their seed.
fn dice(mean: f64, seed: u64) -> Vec<f64> {
    let patient = |i: usize| 0.004 * ((i * 7 + seed as usize * 3) % 11) as f64 - 0.02;
    (0..20).map(|i| mean + patient(i) + 0.001 * seed as f64).collect()
}

#[test]
fn images_are_worth_what_real_ones_of_more_patients_give() {
    let mut fixture = Fixture::new();
    for seed in 1..=3 {
        for (patients, mean) in [(4, 0.5), (8, 0.6), (16, 0.7)] {
            fixture.unet_of_part(None, [patients, 32], seed, &dice(mean, seed));
        }
        fixture.unet(None, TrainedOn::Real, seed, &dice(0.8, seed));
        for (patients, mean) in [(4, 0.45), (8, 0.7), (16, 0.9)] {
            fixture.unet_of_part(Some(("lsgan", 1000)), [patients, 32], seed, &dice(mean, seed));
        }
        fixture.unet_of_part(Some(("lsgan", 1000)), [32, 32], seed, &dice(0.85, seed));
    }
    let runs = fixture.runs();
    let evidence = &evidence(&runs).unwrap()[0];
    let doses = evidence.doses_of();
    assert_eq!(doses.tested, 20);
    let patients: Vec<usize> = doses.fitted.iter().map(|(patients, _)| *patients).collect();
    assert_eq!(patients, [4, 8, 16, 32]);
    let said = sentences(doses);
    assert_eq!(said.len(), 3, "of all patients there is nothing to compare with: {said:#?}");
    assert!(said[0].contains("4 patients, 1,000 synthetic images of LSGAN were worth less"));
    assert!(said[1].contains("were worth 8.0 more patients (95 % interval"), "{}", said[1]);
    assert!(said[2].contains("all 16 patients that were left, or more"), "{}", said[2]);
    // None of them is a row of a table, nor a comparison.
    assert!(evidence.sets.iter().all(|set| set.judged.len() <= 3));
    assert!(!evidence.sets.iter().any(|set| set.gan.is_some() && !set.judged.is_empty()));
    let Some(Block::Figure(figure)) = figure(evidence) else { panic!("a figure") };
    assert_eq!(figure.name, "dose-acdc");
    // Of three runs each, every point has an interval about its Dice, and the figure a bar.
    for dose in &doses.points {
        let [low, high] = dose.interval.expect("of three runs");
        assert!(low < dose.dice && dose.dice < high, "{dose:?}");
    }
    assert!(page(evidence).unwrap().is_some());
}

#[test]
fn generators_of_other_patients_are_no_points() {
    let mut fixture = Fixture::new();
    fixture.unet(None, TrainedOn::Real, 1, &dice(0.8, 1));
    fixture.unet_of_part(None, [4, 32], 1, &dice(0.5, 1));
    fixture.unet_of_part(Some(("lsgan", 100)), [4, 32], 1, &dice(0.6, 1));
    fixture.says_trained_on("another");
    let runs = fixture.runs();
    let evidence = &evidence(&runs).unwrap()[0];
    assert!(evidence.doses_of().points.iter().all(|dose| dose.curve.gan.is_none()));
    assert_eq!(with_other_patients(evidence), 1);
}

#[test]
fn an_interval_across_nought_says_which_end_is_fewer() {
    let dose = |patients: f64, interval: [f64; 2]| Dose {
        curve: Curve { gan: None, images: 100, share: None },
        patients: 8,
        dice: 0.7,
        interval: None,
        runs: 3,
        worth: Some(Worth { patients, interval: Some(interval) }),
    };
    let said = |patients, interval| dose(patients, interval).said(32).unwrap();
    assert_eq!(said(10.0, [9.0, 12.5]), "2.0 more patients (95 % interval 1.0 to 4.5)");
    assert_eq!(said(10.0, [6.0, 12.5]), "2.0 more patients (95 % interval 2.0 fewer to 4.5 more)");
    let fewer = said(7.0, [f64::NEG_INFINITY, f64::INFINITY]);
    assert_eq!(fewer, "1.0 patients fewer (95 % interval less than none to 24 or more)");
}
