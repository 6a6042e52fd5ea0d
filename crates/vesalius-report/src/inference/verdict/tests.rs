use super::*;
use crate::evidence::evidence;
use crate::evidence::fixture::Fixture;
use crate::inference::primary::PrimaryQuestion;
use crate::inference::questions::{Choice, Kind};
use vesalius_data::run::TrainedOn::{Real, RealAndSynthetic, RealAugmented, Synthetic};

/// Three runs of a training set on `patients` test patients whose Dice moves by `by`, each run and patient a little
/// apart.
fn runs(fixture: &mut Fixture, gan: Option<&str>, on: TrainedOn, patients: usize, by: f64) {
    apart(fixture, gan, on, patients, by, 0.004);
}

fn apart(
    fixture: &mut Fixture,
    gan: Option<&str>,
    on: TrainedOn,
    patients: usize,
    by: f64,
    spread: f64,
) {
    for seed in 1..=3_u32 {
        let dice: Vec<f64> = (0..patients)
            .map(|k| {
                // Neither patients nor runs lie alike.
                let patient = 0.6 + 0.2 * ((k * 7 % 11) as f64 / 11.0);
                let chance =
                    ((k as f64 * 12.9 + f64::from(seed) * 78.2 + by * 1e4).sin() * 43758.5).fract();
                patient + by + spread * (f64::from(seed) - 2.0) + 0.01 * chance
            })
            .collect();
        fixture.unet(gan, on, u64::from(seed), &dice);
    }
}

fn of(build: impl Fn(&mut Fixture)) -> Verdict {
    asked(&PrimaryQuestion::default(), build)
}

fn asked(asked: &PrimaryQuestion, build: impl Fn(&mut Fixture)) -> Verdict {
    let mut fixture = Fixture::new();
    build(&mut fixture);
    verdict(&evidence(&fixture.runs(), asked).unwrap()[0])
}

fn decision(verdict: &Verdict) -> Decision {
    let Verdict::Answered(answer) = verdict else { panic!("{verdict:?}") };
    answer.decision
}

#[test]
fn each_of_the_four_verdicts_is_reached() {
    let added = |by: f64, spread: f64| {
        of(|all| {
            runs(all, None, Real, 40, 0.0);
            apart(all, Some("lsgan"), RealAndSynthetic, 40, by, spread);
        })
    };
    assert_eq!(decision(&added(0.05, 0.004)), Decision::Helps);
    assert_eq!(decision(&added(-0.05, 0.004)), Decision::Harms);
    assert_eq!(decision(&added(0.0005, 0.0005)), Decision::Equivalent);
    assert_eq!(decision(&added(0.02, 0.03)), Decision::Undecided);
}

#[test]
fn nothing_is_claimed_of_one_run_each_or_of_few_patients() {
    let once = of(|all| {
        all.unet(None, Real, 1, &[0.7; 40]);
        all.unet(Some("lsgan"), RealAndSynthetic, 1, &[0.8; 40]);
    });
    assert_eq!(decision(&once), Decision::OneRunEach);
    let few = of(|all| {
        runs(all, None, Real, 14, 0.0);
        runs(all, Some("lsgan"), RealAndSynthetic, 14, 0.1);
    });
    assert_eq!(decision(&few), Decision::FewPatients);
}

#[test]
fn a_set_with_one_run_borrows_the_chance_of_others() {
    let lent = of(|all| {
        runs(all, None, Real, 40, 0.0);
        all.unet(Some("lsgan"), RealAndSynthetic, 1, &[0.9; 40]);
    });
    let Verdict::Answered(answer) = &lent else { panic!("{lent:?}") };
    assert_eq!((answer.runs, answer.decision), ([1, 3], Decision::Helps));
    // Segmenters of synthetic images alone lie further apart than those of real ones: nothing is lent to them.
    let mut fixture = Fixture::new();
    runs(&mut fixture, None, Real, 40, 0.0);
    fixture.unet(Some("lsgan"), Synthetic, 1, &[0.2; 40]);
    let found = &fixture.runs();
    let evidence = &evidence(found, &PrimaryQuestion::default()).unwrap()[0];
    let alone = &evidence.inference().question(Kind::AloneAgainstReal)[0];
    assert_eq!((alone.decision, alone.study.is_none()), (Decision::OneRunEach, true));
}

#[test]
fn one_comparison_is_primary_and_chosen_without_the_test_patients() {
    let build = |all: &mut Fixture| {
        runs(all, None, Real, 40, 0.0);
        runs(all, Some("lsgan"), RealAndSynthetic, 40, 0.001);
        runs(all, Some("wgan"), RealAndSynthetic, 40, 0.08);
    };
    let mut fixture = Fixture::new();
    build(&mut fixture);
    let found = &fixture.runs();
    let all = &evidence(found, &PrimaryQuestion::default()).unwrap()[0];
    assert_eq!(all.inference().choice, Choice::All);
    assert_eq!(all.inference().primary().count(), 2);
    // What was filtered is no candidate, and needs no distance.
    runs(&mut fixture, Some("wgan, plausible only"), RealAndSynthetic, 40, 0.2);
    // A distance chooses; that the other one helps is secondary.
    fixture.judged("distance", "lsgan", &[("frechet_distance", None, 1.0)]);
    fixture.judged("distance", "wgan", &[("frechet_distance", None, 2.0)]);
    let found = &fixture.runs();
    let nearest = &evidence(found, &PrimaryQuestion::default()).unwrap()[0];
    let inference = nearest.inference();
    assert!(matches!(&inference.choice, Choice::Nearest(gan, _) if *gan == RowId::of("lsgan")));
    let primary: Vec<&Comparison> = inference.primary().collect();
    assert_eq!(primary.len(), 1);
    assert_eq!(primary[0].gan, Some(RowId::of("lsgan")));
    let wgan = inference.secondary().find(|c| c.gan == Some(RowId::of("wgan"))).unwrap();
    assert_eq!(wgan.decision, Decision::Helps);
    // Segmenters that are best on validation patients choose before any distance.
    for (gan, dice) in [(None, 0.7), (Some("lsgan"), 0.7), (Some("wgan"), 0.8)] {
        fixture.validated(gan, dice);
    }
    let found = &fixture.runs();
    let validated = &evidence(found, &PrimaryQuestion::default()).unwrap()[0];
    let choice = &validated.inference().choice;
    assert!(matches!(choice, Choice::Validated(gan) if *gan == RowId::of("wgan")), "{choice:?}");
    // Who asked for one gets that one.
    let wanted = PrimaryQuestion { gan: Some(RowId::of("wgan")), ..PrimaryQuestion::default() };
    assert_eq!(decision(&asked(&wanted, build)), Decision::Helps);
    let absent = PrimaryQuestion { gan: Some(RowId::of("spade")), ..PrimaryQuestion::default() };
    assert_eq!(asked(&absent, build), Verdict::NotTried(RowId::of("spade")));
}

#[test]
fn classical_augmentation_is_what_images_are_held_against_where_it_was_tried() {
    let mut fixture = Fixture::new();
    runs(&mut fixture, None, Real, 40, 0.0);
    runs(&mut fixture, None, RealAugmented, 40, 0.05);
    runs(&mut fixture, Some("lsgan"), RealAndSynthetic, 40, 0.03);
    let found = &fixture.runs();
    let evidence = &evidence(found, &PrimaryQuestion::default()).unwrap()[0];
    assert_eq!(evidence.inference().primary, Kind::AddedAgainstAugmented);
    assert_eq!(decision(&verdict(evidence)), Decision::Harms);
}

#[test]
fn of_what_was_not_trained_nothing_is_said() {
    use vesalius_data::run::segmented::{CURVES, Curves, Point};
    let with = |steps: u64, loss: &dyn Fn(u64) -> f64| {
        let mut fixture = Fixture::new();
        runs(&mut fixture, None, Real, 40, 0.0);
        runs(&mut fixture, Some("lsgan"), RealAndSynthetic, 40, -0.05);
        let training = (1..=steps / 5).map(|i| Point { step: 5 * i, loss: loss(5 * i) }).collect();
        let curves = Curves { training, length: None };
        let path = fixture.path().join("001-segment").join(CURVES);
        std::fs::write(path, serde_json::to_vec(&curves).unwrap()).unwrap();
        verdict(&evidence(&fixture.runs(), &PrimaryQuestion::default()).unwrap()[0])
    };
    let flat = |step: u64| (-(step as f64) / 50.0).exp();
    assert_eq!(decision(&with(1000, &flat)), Decision::Harms);
    let short = with(5, &flat);
    assert!(matches!(&short, Verdict::Untrained(why) if why.contains("5 steps")), "{short:?}");
    let falling = with(1000, &|step| 1.0 - step as f64 / 1000.0);
    assert!(
        matches!(&falling, Verdict::Untrained(why) if why.contains("still falling")),
        "{falling:?}"
    );
    // Much worse than what the same patients gave to others.
    let weak = of(|all| {
        runs(all, None, Real, 40, 0.0);
        runs(all, Some("lsgan"), RealAndSynthetic, 40, 0.05);
        runs(all, None, RealAugmented, 40, 0.2);
    });
    assert!(matches!(&weak, Verdict::Answered(_)), "{weak:?}");
    let weak = of(|all| {
        for (preset, by) in [("strong", -0.5), ("small", 0.0)] {
            for seed in 1..=3 {
                let settings = serde_json::json!({ "preset": preset, "seed": seed });
                let dice: Vec<f64> = (0..40).map(|k| 0.8 + by + 0.001 * f64::from(k)).collect();
                all.unet_on(&[], None, Real, settings.clone(), &dice);
                let packs = [("lsgan", "vesalius sample runs/lsgan --count 100 --out packs/lsgan")];
                all.unet_on(&packs, Some("lsgan"), RealAndSynthetic, settings, &dice);
            }
        }
    });
    assert!(
        matches!(&weak, Verdict::Untrained(why) if why.contains("the same patients gave")),
        "{weak:?}"
    );
}

#[test]
fn folds_make_one_answer_of_all_patients() {
    let mut fixture = Fixture::new();
    for number in 0..3 {
        for seed in 1..=3_u32 {
            let dice = |by: f64| -> Vec<f64> {
                let chance = |k: usize| {
                    ((k * 31 + number * 17) as f64 + f64::from(seed) * 7.3 + by * 99.0).sin()
                };
                (0..10).map(|k| 0.7 + by + 0.004 * f64::from(seed) + 0.01 * chance(k)).collect()
            };
            let seed = u64::from(seed);
            fixture.unet_in_fold(None, Real, seed, [number, 3], &dice(0.0));
            fixture.unet_in_fold(Some("lsgan"), RealAndSynthetic, seed, [number, 3], &dice(0.05));
        }
    }
    let found = &fixture.runs();
    let all = &evidence(found, &PrimaryQuestion::default()).unwrap()[0];
    let Verdict::Answered(answer) = verdict(all) else { panic!("an answer") };
    assert_eq!((answer.patients, answer.runs, answer.decision), (30, [3, 3], Decision::Helps));
    assert!((answer.difference - 0.05).abs() < 0.01, "{}", answer.difference);
    let real = all.set(Real, None).unwrap();
    assert_eq!((real.judged.len(), real.trainings), (9, 3));
    let dice = real.dice.as_ref().unwrap();
    assert!(dice.protocol.contains("over 30 patients who test in 3 folds"), "{}", dice.protocol);
    assert!((dice.value - 0.708).abs() < 0.01 && dice.runs == 3);
    // A fold that was trained on once more is said, and is in no row.
    fixture.unet_in_fold(None, Real, 4, [1, 3], &[0.7; 10]);
    let found = &fixture.runs();
    let more = &evidence(found, &PrimaryQuestion::default()).unwrap()[0];
    let dice = more.set(Real, None).unwrap().dice.as_ref().unwrap();
    assert!(dice.protocol.contains("1 run left out: other folds have fewer"), "{}", dice.protocol);
}

#[test]
fn without_a_baseline_nothing_can_be_said() {
    let found = of(|all| all.unet(Some("lsgan"), RealAndSynthetic, 1, &[0.7; 20]));
    assert_eq!(found, Verdict::NoBaseline);
    let found = of(|all| {
        all.unet(None, Real, 1, &[0.7; 20]);
        all.unet(Some("lsgan"), Synthetic, 1, &[0.7; 20]);
    });
    assert_eq!(found, Verdict::NothingAdded);
}

#[test]
fn a_single_patient_tests_nothing() {
    let found = of(|all| {
        all.unet(None, Real, 1, &[0.5]);
        all.unet(Some("lsgan"), RealAndSynthetic, 1, &[0.9]);
    });
    assert_eq!(found, Verdict::Untested);
}

#[test]
fn where_every_gan_diverged_there_is_nothing_to_judge() {
    let found = of(|all| {
        all.unet(None, Real, 1, &[0.7; 20]);
        all.training("wgan", serde_json::Value::Null, None);
    });
    assert_eq!(found, Verdict::Diverged(vec!["wgan".into()]));
    let found = of(|all| {
        runs(all, None, Real, 20, 0.0);
        all.training("wgan", serde_json::Value::Null, None);
        all.training("lsgan", serde_json::Value::Null, Some(1.0));
        runs(all, Some("lsgan"), RealAndSynthetic, 20, 0.05);
    });
    assert_eq!(decision(&found), Decision::Helps);
}

#[test]
fn an_ensemble_never_answers_for_the_trainings_that_it_is_made_of() {
    let mut fixture = Fixture::new();
    runs(&mut fixture, None, Real, 40, 0.0);
    // Its harm would be the verdict that says least: an ensemble, tried once, must not stand before it.
    runs(&mut fixture, Some("lsgan"), RealAndSynthetic, 40, -0.05);
    let ensemble = serde_json::json!({ "seed": 1, "ensemble": [1, 2, 3] });
    let command = "vesalius sample runs/lsgan --count 100 --out packs/lsgan";
    fixture.unet_on(&[], None, Real, ensemble.clone(), &[0.7; 40]);
    fixture.unet_on(&[("lsgan", command)], Some("lsgan"), RealAndSynthetic, ensemble, &[0.9; 40]);
    let all = fixture.runs();
    let evidence = evidence(&all, &PrimaryQuestion::default()).unwrap();
    let Verdict::Answered(answer) = verdict(&evidence[0]) else { panic!("no answer") };
    assert_eq!((answer.decision, answer.runs), (Decision::Harms, [3, 3]));
    let inference = evidence[0].inference();
    assert_eq!((&inference.choice, inference.primary().count()), (&Choice::Only, 1));
    // It keeps its row among the others.
    assert!(inference.secondary().any(|c| c.a.contains("ensemble of seeds 1 + 2 + 3")));
}
