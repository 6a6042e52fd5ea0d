use super::super::fixture::Fixture;
use super::super::runs::Run;
use crate::document::Block;
use crate::evidence::fixture::evidence;
use crate::inference::questions::Kind;
use crate::inference::verdict::{Verdict, verdict};
use crate::pages::answers::summary;
use serde_json::{Value, json};
use vesalius_data::run::TrainedOn::{self, Real, RealAndSynthetic, RealAugmented, Synthetic};

const REAL: [f64; 8] = [0.70, 0.71, 0.72, 0.73, 0.74, 0.75, 0.76, 0.77];
const PREPARED: &str = "vesalius prepare folder images/ --out packs/other";
const OWN: (&str, &str) = ("test", "vesalius prepare acdc acdc/ --out packs/acdc");
const OTHER: (&str, &str) = ("other", PREPARED);

fn moved(by: f64) -> [f64; 8] {
    REAL.map(|dice| dice + by)
}

fn sampled(name: &str, count: u64) -> String {
    format!("vesalius sample runs/{name} --count {count} --out packs/{name}-{count}")
}

/// Rows that have a Dice: name, number of runs, Dice. Of results that say what they read by command lines, and of the
/// same
/// ones that say it as data.
fn rows(build: impl Fn(&mut Fixture)) -> Vec<(String, usize, f64)> {
    let mut fixture = Fixture::new();
    build(&mut fixture);
    let runs = fixture.runs();
    let mut silent = Fixture::new();
    for run in &runs {
        let mut result = run.result.clone();
        result.command.clear();
        result.inputs.iter_mut().for_each(|input| input.command.clear());
        silent.add(&result);
    }
    let found = rows_of(&runs);
    assert_eq!(rows_of(&silent.runs()), found, "without command lines");
    found
}

fn rows_of(runs: &[Run]) -> Vec<(String, usize, f64)> {
    let evidence = evidence(runs).unwrap();
    let judged = evidence[0].sets.iter().filter(|set| set.dice.is_some());
    let dice = |value: f64| (value * 1e6).round() / 1e6;
    judged.map(|set| (set.name(), set.judged.len(), dice(set.value().unwrap()))).collect()
}

fn names(build: impl Fn(&mut Fixture)) -> Vec<(String, usize)> {
    rows(build).into_iter().map(|(name, runs, _)| (name, runs)).collect()
}

fn refusal(build: impl Fn(&mut Fixture)) -> String {
    let mut fixture = Fixture::new();
    build(&mut fixture);
    let error = format!("{:#}", evidence(&fixture.runs()).unwrap_err());
    assert!(!error.contains('\n'), "{error}");
    error
}

fn first_sentence(build: impl Fn(&mut Fixture)) -> (Verdict, String) {
    let mut fixture = Fixture::new();
    build(&mut fixture);
    let runs = fixture.runs();
    let evidence = &evidence(&runs).unwrap()[0];
    let Block::Answers(answers) = &summary::section(evidence).blocks[0] else { panic!("answers") };
    (verdict(evidence), answers[0].1.clone())
}

fn real(runs: &mut Fixture, pack: (&str, &str), settings: Value, dice: &[f64]) {
    runs.unet_on(&[pack], None, Real, settings, dice);
}

fn with(runs: &mut Fixture, packs: &[(&str, &str)], kind: TrainedOn, settings: Value, by: f64) {
    runs.unet_on(packs, Some("wgan-gp"), kind, settings, &moved(by));
}

#[test]
fn seeds_of_one_pack_are_one_row() {
    let found = rows(|runs| {
        for seed in [1, 2, 3] {
            real(
                runs,
                OWN,
                json!({ "steps": 4, "batch": 8, "seed": seed }),
                &moved(0.01 * f64::from(seed)),
            );
        }
    });
    assert_eq!(found, [("Original".to_owned(), 3, 0.755)]);
}

#[test]
fn other_patients_and_other_steps_are_rows_of_their_own() {
    let found = rows(|runs| {
        real(runs, OWN, json!({ "steps": 4, "seed": 1 }), &REAL);
        real(runs, OTHER, json!({ "steps": 8, "seed": 1 }), &moved(0.1));
    });
    let expected = [
        ("Original".to_owned(), 1, 0.735),
        ("Other real data (other), 8 steps".to_owned(), 1, 0.835),
    ];
    assert_eq!(found, expected);
}

#[test]
fn each_setting_that_differs_names_a_row() {
    for (setting, value, word) in [
        ("steps", json!(8), "8 steps"),
        ("batch", json!(4), "batch 4"),
        ("learning_rate", json!(0.01), "learning rate 0.01"),
        ("unet", json!({ "filters": 8, "depth": 4, "norm": "batch" }), "8 filters"),
        ("unet", json!({ "filters": 16, "depth": 3, "norm": "batch" }), "depth 3"),
        ("unet", json!({ "filters": 16, "depth": 4, "norm": "none" }), "norm none"),
        ("ensemble", json!([1, 2]), "ensemble of seeds 1 + 2"),
        ("later", json!(true), "later on"),
    ] {
        let usual = json!({ "steps": 4, "batch": 16, "learning_rate": 0.001, "seed": 1,
            "unet": { "filters": 16, "depth": 4, "norm": "batch" }, "augment": false });
        let found = names(|runs| {
            real(runs, OWN, usual.clone(), &REAL);
            let mut second = usual.clone();
            second["seed"] = 2.into();
            real(runs, OWN, second, &moved(0.02));
            let mut other = usual.clone();
            other[setting] = value.clone();
            real(runs, OWN, other, &moved(0.1));
        });
        let expected = [("Original".to_owned(), 2), (format!("Original, {word}"), 1)];
        assert_eq!(found, expected);
    }
}

/// Settings of a result of today.
fn settings(preset: &str, filters: u64, steps: u64) -> Value {
    let network = match preset {
        "small" => json!({ "kind": "unet", "filters": filters, "depth": 4, "norm": "batch" }),
        _ => json!({ "kind": "nnunet", "filters": filters }),
    };
    json!({ "preset": preset, "network": network,
        "steps": steps, "batch": 16, "rule": "adam", "learning_rate": 0.001, "classical": false,
        "augmentation": if preset == "small" { "none" } else { "nnunet" }, "draw": "epochs",
        "standardise": preset != "small", "mirror": false, "seed": 1 })
}

#[test]
fn another_preset_says_all_that_it_sets_and_the_strong_judge_makes_the_tables() {
    let found = names(|runs| {
        real(runs, OWN, settings("small", 16, 10), &REAL);
        real(runs, OWN, settings("strong", 32, 10), &moved(0.1));
    });
    let expected = [("Original".to_owned(), 1), ("Original, small segmenter".to_owned(), 1)];
    assert_eq!(found, expected);
    let found = names(|runs| {
        real(runs, OWN, settings("small", 16, 10), &REAL);
        real(runs, OWN, settings("small", 16, 20), &REAL);
        real(runs, OWN, settings("strong", 32, 10), &moved(0.1));
        real(runs, OWN, settings("strong", 48, 10), &moved(0.1));
    });
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names.len(), 4, "a name for each: {names:?}");
    assert!(names.contains(&"Original, small segmenter"), "{names:?}");
    assert!(names.contains(&"Original, small segmenter, 20 steps"), "{names:?}");
}

#[test]
fn results_from_before_there_were_presets_are_those_of_the_small_one() {
    let found = names(|runs| {
        let older = json!({ "steps": 10, "batch": 16, "learning_rate": 0.001, "seed": 2,
            "unet": { "filters": 16, "depth": 4, "norm": "batch" }, "augment": false });
        real(runs, OWN, older, &REAL);
        real(runs, OWN, settings("small", 16, 10), &moved(0.1));
    });
    assert_eq!(found, [("Original".to_owned(), 2)]);
    // Augmentation is what makes a row of its own already, whatever its setting is called.
    let found = names(|runs| {
        real(runs, OWN, settings("small", 16, 10), &REAL);
        let mut augmented = settings("small", 16, 10);
        augmented["classical"] = true.into();
        runs.unet_on(&[OWN], None, RealAugmented, augmented, &REAL);
    });
    let expected =
        [("Original".to_owned(), 1), ("Original + classical augmentation".to_owned(), 1)];
    assert_eq!(found, expected);
}

#[test]
fn one_seed_twice_is_one_run_and_refused() {
    let twice = refusal(|runs| {
        real(runs, OWN, json!({ "steps": 4, "seed": 1 }), &REAL);
        real(runs, OWN, json!({ "steps": 4, "seed": 1 }), &moved(0.001));
    });
    assert!(twice.contains("seed 1") && twice.contains("one run, not a repetition"), "{twice}");
    let gan = sampled("a", 50);
    let twice = refusal(|runs| {
        for by in [0.0, 0.01] {
            with(runs, &[OWN, ("a", &gan)], RealAndSynthetic, json!({ "seed": 7 }), by);
        }
    });
    assert!(twice.contains("001-segment") && twice.contains("002-segment"), "{twice}");
    // The order of packs on the command line makes no other training set.
    let twice = refusal(|runs| {
        with(runs, &[OWN, ("a", &gan)], RealAndSynthetic, json!({ "seed": 7 }), 0.0);
        with(runs, &[("a", &gan), OWN], RealAndSynthetic, json!({ "seed": 7 }), 0.1);
    });
    assert!(twice.contains("seed 7"), "{twice}");
}

#[test]
fn fifty_and_two_hundred_samples_are_rows_of_their_own() {
    let (few, many) = (sampled("w", 50), sampled("w", 200));
    let build = |runs: &mut Fixture| {
        for seed in [1, 2] {
            let by = 0.001 * f64::from(seed);
            real(runs, OWN, json!({ "seed": seed }), &moved(by));
            with(runs, &[OWN, ("few", &few)], RealAndSynthetic, json!({ "seed": seed }), 0.05 + by);
            with(
                runs,
                &[OWN, ("many", &many)],
                RealAndSynthetic,
                json!({ "seed": seed }),
                0.2 + by,
            );
            with(runs, &[("many", &many)], Synthetic, json!({ "seed": seed }), -0.1 + by);
        }
    };
    let expected = [
        ("Original".to_owned(), 2),
        ("WGAN-GP, 200 samples".to_owned(), 2),
        ("Original + WGAN-GP, 50 samples".to_owned(), 2),
        ("Original + WGAN-GP, 200 samples".to_owned(), 2),
    ];
    assert_eq!(names(build), expected);
    let mut fixture = Fixture::new();
    build(&mut fixture);
    let runs = fixture.runs();
    let evidence = &evidence(&runs).unwrap()[0];
    let added = evidence.inference().question(Kind::AddedToReal);
    let found: Vec<(&str, i64)> =
        added.iter().map(|c| (c.a.as_str(), (c.difference * 1000.0).round() as i64)).collect();
    let expected =
        [("Original + WGAN-GP, 50 samples", 50), ("Original + WGAN-GP, 200 samples", 200)];
    assert_eq!(found, expected);
    let (verdict, sentence) = first_sentence(build);
    assert!(matches!(verdict, Verdict::Answered(best) if (best.difference - 0.2).abs() < 1e-9));
    assert!(sentence.contains("images of WGAN-GP (200 samples)"), "{sentence}");
}

#[test]
fn shares_are_rows_of_their_own_and_compare_with_the_same_real_images() {
    let gan = sampled("w", 50);
    let build = |runs: &mut Fixture| {
        for seed in [1, 2] {
            real(runs, OWN, json!({ "seed": seed }), &REAL);
            let equal = json!({ "seed": seed });
            with(runs, &[OWN, ("w", &gan)], RealAndSynthetic, equal, 0.1);
            let quarter = json!({ "seed": seed, "share": 0.25 });
            with(runs, &[OWN, ("w", &gan)], RealAndSynthetic, quarter, 0.2);
        }
    };
    let expected = [
        ("Original".to_owned(), 2),
        ("Original + WGAN-GP".to_owned(), 2),
        ("Original + WGAN-GP, synthetic share 0.25".to_owned(), 2),
    ];
    assert_eq!(names(build), expected);
    let mut fixture = Fixture::new();
    build(&mut fixture);
    let runs = fixture.runs();
    let evidence = &evidence(&runs).unwrap()[0];
    assert_eq!(evidence.inference().question(Kind::AddedToReal).len(), 2);
}

#[test]
fn a_foreign_folder_is_never_the_original_and_moves_no_sentence() {
    let gan = sampled("w", 50);
    let build = |runs: &mut Fixture| {
        real(runs, OWN, json!({ "seed": 1 }), &REAL);
        with(runs, &[OWN, ("w", &gan)], RealAndSynthetic, json!({ "seed": 1 }), -0.085);
    };
    let alone = first_sentence(build);
    assert!(alone.1.contains("-0.085") || alone.1.contains("−0.085"), "{}", alone.1);
    for (packs, name) in [
        (vec![OTHER], "Other real data (other)"),
        (vec![OWN, OTHER], "Original and other real data (other)"),
    ] {
        let build = |runs: &mut Fixture| {
            build(runs);
            for seed in [1, 2] {
                runs.unet_on(&packs, None, Real, json!({ "seed": seed }), &moved(-0.17));
                let mut both = packs.clone();
                both.push(("w", &gan));
                with(runs, &both, RealAndSynthetic, json!({ "seed": seed }), 0.3);
            }
        };
        assert_eq!(first_sentence(build), alone);
        let found = names(build);
        assert!(found.contains(&("Original".to_owned(), 1)), "{found:?}");
        assert!(found.contains(&(name.to_owned(), 2)), "{found:?}");
        assert!(found.contains(&(format!("{name} + WGAN-GP"), 2)), "{found:?}");
    }
    // Without any U-Net on the test pack's own patients there is nothing to compare with.
    let (verdict, _) = first_sentence(|runs| {
        real(runs, OTHER, json!({ "seed": 1 }), &REAL);
        with(runs, &[OWN, ("w", &gan)], RealAndSynthetic, json!({ "seed": 1 }), 0.1);
    });
    assert_eq!(verdict, Verdict::NoBaseline);
    let (verdict, _) = first_sentence(|runs| {
        real(runs, OWN, json!({ "seed": 1 }), &REAL);
        with(runs, &[OTHER, ("w", &gan)], RealAndSynthetic, json!({ "seed": 1 }), 0.1);
    });
    assert_eq!(verdict, Verdict::NothingAdded);
}

#[test]
fn what_was_trained_otherwise_is_compared_with_its_like_only() {
    let gan = sampled("w", 50);
    let found = first_sentence(|runs| {
        real(runs, OWN, json!({ "steps": 4, "seed": 1 }), &REAL);
        with(runs, &[OWN, ("w", &gan)], RealAndSynthetic, json!({ "steps": 8, "seed": 1 }), 0.1);
    });
    assert_eq!(found.0, Verdict::Unlike);
    assert!(found.1.contains("the same --steps"), "{}", found.1);
    // Most sets have 8 steps: those are the usual ones here.
    let (verdict, _) = first_sentence(|runs| {
        real(runs, OWN, json!({ "steps": 4, "seed": 1 }), &REAL);
        real(runs, OWN, json!({ "steps": 8, "seed": 1 }), &moved(0.2));
        with(runs, &[OWN, ("w", &gan)], RealAndSynthetic, json!({ "steps": 8, "seed": 1 }), 0.1);
    });
    assert!(
        matches!(&verdict, Verdict::Answered(c) if c.b == "Original" && c.difference < 0.0),
        "{verdict:?}"
    );
    // Augmentation is what makes a row of its own already, and is none of the others' settings.
    let found = names(|runs| {
        real(runs, OWN, json!({ "augment": false, "seed": 1 }), &REAL);
        runs.unet_on(&[OWN], None, RealAugmented, json!({ "augment": true, "seed": 1 }), &REAL);
        let augmented = json!({ "augment": true, "seed": 1 });
        with(runs, &[OWN, ("w", &gan)], RealAndSynthetic, augmented, 0.1);
    });
    let expected = [
        ("Original".to_owned(), 1),
        ("Original + classical augmentation".to_owned(), 1),
        ("Original + WGAN-GP, classical augmentation".to_owned(), 1),
    ];
    assert_eq!(found, expected);
}

fn spec(seed: u64, kimg: f64) -> Value {
    json!({ "preset": "wgan-gp", "training": { "seed": seed, "kimg": kimg } })
}

#[test]
fn trainings_of_a_gan_are_repetitions_only_where_the_results_show_it() {
    let (a, b, c) = (sampled("a", 50), sampled("b", 50), sampled("c", 50));
    let u_nets = |runs: &mut Fixture| {
        with(runs, &[("a", &a)], Synthetic, json!({ "seed": 1 }), 0.0);
        with(runs, &[("b", &b)], Synthetic, json!({ "seed": 1 }), 0.1);
    };
    // Nothing is known of the trainings.
    let apart =
        [("WGAN-GP, 50 samples, a".to_owned(), 1), ("WGAN-GP, 50 samples, b".to_owned(), 1)];
    assert_eq!(names(u_nets), apart);
    // They differ in their seed only.
    let trained = |runs: &mut Fixture, pack: &str, other: Value| {
        u_nets(runs);
        runs.trained("wgan-gp", "a", "test", spec(1, 10.0));
        runs.trained("wgan-gp", "b", pack, other);
    };
    assert_eq!(names(|runs| trained(runs, "test", spec(2, 10.0))), [("WGAN-GP".to_owned(), 2)]);
    // In more than that, or of another pack.
    assert_eq!(names(|runs| trained(runs, "test", spec(2, 20.0))), apart);
    assert_eq!(names(|runs| trained(runs, "other", spec(2, 10.0))), apart);
    // Two trainings of one name: either may have been sampled.
    let twice = names(|runs| {
        trained(runs, "test", spec(2, 10.0));
        runs.trained("wgan-gp", "b", "test", spec(3, 10.0));
    });
    assert_eq!(twice, apart);
    // Other images that claim to be the same sample.
    let claimed = names(|runs| {
        trained(runs, "test", spec(2, 10.0));
        with(runs, &[("foreign", &b)], Synthetic, json!({ "seed": 1 }), 0.2);
    });
    assert_eq!(claimed.len(), 3, "{claimed:?}");
    // Other options of the sampling, or another number.
    for more in ["--count 60", "--count 50 --truncation 0.5"] {
        let other = c.replace("--count 50", more);
        let found = names(|runs| {
            trained(runs, "test", spec(2, 10.0));
            runs.trained("wgan-gp", "c", "test", spec(3, 10.0));
            with(runs, &[("c", &other)], Synthetic, json!({ "seed": 1 }), 0.2);
        });
        assert_eq!(found.iter().map(|(_, runs)| *runs).max(), Some(2), "{found:?}");
        assert_eq!(found.len(), 2, "{found:?}");
    }
    // Another seed of the sampling, and what changes speed only.
    let again = format!("{} --seed 9 --batch 4 --device=cuda:0", sampled("a", 50));
    let found = names(|runs| {
        trained(runs, "test", spec(2, 10.0));
        with(runs, &[("again", &again)], Synthetic, json!({ "seed": 1 }), 0.2);
    });
    assert_eq!(found, [("WGAN-GP".to_owned(), 3)]);
}

#[test]
fn results_of_the_first_version_are_sorted_by_what_their_protocols_say() {
    let found = names(|runs| {
        for (steps, seed) in [(10, 1), (10, 2), (20, 1)] {
            let mut result = super::super::fixture::result("segment", None, vec![]);
            let protocol =
                format!("U-Net, {steps} steps of 16 slices, seed {seed}; per_volume Dice");
            let of = Some("per_volume/mean".into());
            result.scores = vec![vesalius_data::run::score::Score {
                of,
                ..vesalius_data::run::score::Score::new("dice", 0.5, protocol)
            }];
            result.subject.trained_on = Some(Real);
            runs.add(&result);
        }
    });
    assert_eq!(found, [("Original".to_owned(), 2), ("Original, 20 steps".to_owned(), 1)]);
}
