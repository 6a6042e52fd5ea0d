use super::*;
use crate::evidence::fixture::Fixture;
use crate::evidence::fixture::evidence;
use vesalius_data::run::TrainedOn::{Real, RealAndSynthetic, RealAugmented, Synthetic};

fn answers(build: impl Fn(&mut Fixture)) -> Vec<String> {
    let mut fixture = Fixture::new();
    build(&mut fixture);
    let runs = fixture.runs();
    let section = section(&evidence(&runs).unwrap()[0]);
    let Block::Answers(answers) = &section.blocks[0] else { panic!("answers") };
    answers.iter().map(|(_, answer)| answer.clone()).collect()
}

fn holds(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "`{text}` lacks `{part}`");
    }
}

#[test]
fn what_was_allowed_to_overlap_is_said_before_everything_else() {
    let found = answers(|runs| {
        runs.unet(None, Real, 1, &[0.7; 8]);
        let mut leaked = crate::evidence::fixture::result("copying", Some("lsgan"), vec![]);
        leaked.overlap = Some(vec!["2 patients of b test there and train a: p1, p2".to_owned()]);
        runs.add(&leaked);
        let mut old = crate::evidence::fixture::result("metrics", Some("wgan"), vec![]);
        old.overlap = None;
        runs.add(&old);
    });
    holds(&found[0], &["Not as they stand: in 1 of 3 runs", "train a: p1, p2"]);
    holds(&found[0], &["Not asked: 1 of 3 runs"]);
}

/// Dice of 40 patients in three runs, moved by `by`; chance from run to run and patient to patient.
fn dice(seed: u64, by: f64) -> Vec<f64> {
    let of = |k: u64| {
        let chance = (k * 7919 + seed * 104_729 + (by.abs() * 1e4) as u64) * 31 % 101;
        0.7 + by + 0.003 * (seed as f64 - 2.0) + 0.0002 * (chance as f64 - 50.0)
    };
    (0..40).map(of).collect()
}

fn thrice(runs: &mut Fixture, gan: Option<&str>, on: vesalius_data::run::TrainedOn, by: f64) {
    for seed in 1..=3 {
        runs.unet(gan, on, seed, &dice(seed, by));
    }
}

#[test]
fn help_is_claimed_with_its_numbers_and_limits() {
    let found = answers(|runs| {
        thrice(runs, None, Real, 0.0);
        thrice(runs, None, RealAugmented, 0.03);
        thrice(runs, Some("lsgan"), RealAndSynthetic, 0.05);
        thrice(runs, Some("lsgan"), Synthetic, -0.1);
    });
    holds(
        &found[0],
        &["Yes:", "40 test patients", "LSGAN", "+0.020", "against real ones with classical"],
    );
    holds(&found[1], &["No:", "0.600", "0.700"]);
    holds(&found[2], &["LSGAN, added"]);
    holds(&found[3], &["100 per GAN", "not tried"]);
    holds(&found[4], &["Unknown: no copying audit"]);
    holds(&found[5], &["tried 3 times", "each GAN was trained and sampled once"]);
    holds(&found[6], &["40 test patients and these runs show", "in 80 of 100"]);
    holds(&found[5], &["at most 0.05 to the question, 0.01 to the other 3"]);
    let harmed = answers(|runs| {
        thrice(runs, None, Real, 0.0);
        thrice(runs, Some("lsgan"), RealAndSynthetic, -0.05);
        thrice(runs, Some("wgan"), RealAndSynthetic, -0.08);
    });
    holds(&harmed[0], &["No, it harms:", "images of LSGAN", "−0.050", "Those of WGAN lowered it."]);
    holds(&harmed[5], &["Nothing but the test patients tells these GANs apart"]);
    let same = answers(|runs| {
        thrice(runs, None, Real, 0.0);
        thrice(runs, Some("lsgan"), RealAndSynthetic, 0.0001);
    });
    holds(&same[0], &["no difference larger than 0.010", "LSGAN"]);
    assert!(!same[0].contains("Yes") && !same[0].contains("No,"), "{}", same[0]);
}

#[test]
fn one_run_each_asks_for_seeds_and_says_how_many() {
    let found = answers(|runs| {
        runs.unet(None, Real, 1, &dice(1, 0.0));
        runs.unet(Some("lsgan"), RealAndSynthetic, 1, &dice(2, 0.05));
    });
    holds(&found[0], &["Not known: each training set was tried once", "--seeds 1,2,3"]);
    holds(&found[0], &["runs of each would show", "On these very networks", "over patients"]);
    assert!(!found[0].contains("Yes"), "{}", found[0]);
    holds(&found[2], &["None can be recommended"]);
}

#[test]
fn what_helps_a_small_segmenter_is_no_verdict_where_a_strong_one_speaks() {
    let judged = |runs: &mut Fixture, preset: &str, real: f64, added: f64| {
        let packs = [("lsgan", "vesalius sample runs/lsgan --count 100 --out packs/lsgan")];
        for seed in 1..=3 {
            let settings = serde_json::json!({ "preset": preset, "seed": seed });
            runs.unet_on(&[], None, Real, settings.clone(), &dice(seed, real));
            runs.unet_on(&packs, Some("lsgan"), RealAndSynthetic, settings, &dice(seed, added));
        }
    };
    let small = " The small segmenter gained by images of LSGAN (+0.050 Dice";
    let found = answers(|runs| {
        judged(runs, "small", 0.0, 0.05);
        judged(runs, "strong", 0.2, 0.15);
    });
    holds(&found[0], &["No, it harms:", "LSGAN", "−0.050", small, "was not shown to."]);
    holds(&found[2], &["None can be recommended"]);
    // What helps both needs no remark; what is judged by the small one alone is its to say.
    let found = answers(|runs| {
        judged(runs, "small", 0.0, 0.05);
        judged(runs, "strong", 0.1, 0.2);
    });
    holds(&found[0], &["Yes", "+0.100"]);
    assert!(!found[0].contains(small), "{}", found[0]);
    let found = answers(|runs| judged(runs, "small", 0.0, 0.05));
    holds(&found[0], &["Yes", "+0.050"]);
    assert!(!found[0].contains(small), "{}", found[0]);
}

#[test]
fn nothing_is_recommended_where_nothing_was_shown() {
    let found = answers(|runs| {
        runs.unet(None, Real, 1, &[0.7, 0.6, 0.8]);
        runs.unet(None, Real, 2, &[0.71, 0.6, 0.79]);
        runs.unet(Some("lsgan"), RealAndSynthetic, 1, &[0.75, 0.65, 0.85]);
        runs.judged("copying", "lsgan", &[("planted_recall", Some("all"), 0.83)]);
    });
    holds(&found[0], &["Not known: 3 test patients are too few", "15 are needed"]);
    holds(&found[2], &["None can be recommended"]);
    holds(&found[4], &["Unknown", "planted", "83.0 %"]);
    assert!(!found[0].contains("Yes"));
    let open = answers(|runs| {
        thrice(runs, None, Real, 0.0);
        for (seed, by) in [(1, -0.04), (2, 0.02), (3, 0.05)] {
            runs.unet(Some("lsgan"), RealAndSynthetic, seed, &dice(seed, by));
        }
    });
    holds(&open[0], &["Undecided:", "LSGAN", "runs of each training set", "would show"]);
}

#[test]
fn without_runs_to_compare_the_summary_says_which_are_missing() {
    let found = answers(|runs| runs.unet(Some("lsgan"), Synthetic, 1, &[0.7; 4]));
    holds(&found[0], &["Cannot say", "real images alone"]);
    holds(&found[1], &["Cannot say", "0.700"]);
    let found = answers(|runs| runs.training("wgan", serde_json::Value::Null, None));
    holds(&found[0], &["Cannot say", "WGAN", "broke down"]);
    holds(&found[2], &["None", "Diverged: WGAN"]);
}

/// Three runs on images of a GAN whose masks were dealt out anew.
fn shuffled(runs: &mut Fixture, gan: &str, on: vesalius_data::run::TrainedOn, by: f64) {
    for seed in 1..=3 {
        runs.unet(Some(gan), on, seed, &dice(seed, by));
        runs.shuffled();
    }
}

#[test]
fn controls_have_rows_of_their_own_and_no_say_in_the_answer() {
    let mut fixture = Fixture::new();
    thrice(&mut fixture, None, Real, 0.0);
    thrice(&mut fixture, Some("lsgan"), RealAndSynthetic, 0.05);
    shuffled(&mut fixture, "lsgan", RealAndSynthetic, -0.2);
    shuffled(&mut fixture, "lsgan", Synthetic, -0.5);
    thrice(&mut fixture, Some("memory"), RealAndSynthetic, 0.001);
    thrice(&mut fixture, Some("memory"), Synthetic, -0.01);
    let runs = fixture.runs();
    let evidence = &evidence(&runs).unwrap()[0];
    let names: Vec<String> =
        evidence.sets.iter().filter(|set| set.dice.is_some()).map(TrainingSet::name).collect();
    for name in [
        "Original + LSGAN, labels shuffled",
        "LSGAN, labels shuffled",
        "Original + memory",
        "memory",
    ] {
        assert!(names.iter().any(|other| other == name), "{name}: {names:#?}");
    }
    let inference = evidence.inference();
    let asked: Vec<&str> =
        inference.question(Kind::AddedToReal).iter().map(|c| c.a.as_str()).collect();
    assert_eq!(asked, ["Original + LSGAN"]);
    assert_eq!(inference.question(Kind::Controls).len(), 4);
    let section = section(evidence);
    let Block::Answers(answers) = &section.blocks[0] else { panic!("answers") };
    let said = &answers.iter().find(|(asked, _)| asked.contains("controls")).unwrap().1;
    holds(
        said,
        &[
            "images of LSGAN with the masks of others, alone: −0.500 Dice",
            "worse, as it must be",
            "perturbed training pairs in place of a GAN's, added to the real ones: +0.001 Dice",
        ],
    );
    assert!(!said.contains("NOT"), "{said}");
    // Before them stands that this test edited its runs.
    holds(&answers[1].1, &["Yes: adding images of LSGAN"]);
    holds(&answers[3].1, &["LSGAN, added"]);
}

#[test]
fn controls_that_do_not_fail_are_said() {
    let found = answers(|runs| {
        thrice(runs, None, Real, 0.0);
        thrice(runs, Some("lsgan"), RealAndSynthetic, 0.05);
        shuffled(runs, "lsgan", RealAndSynthetic, 0.05);
        shuffled(runs, "lsgan", Synthetic, 0.0);
        thrice(runs, Some("memory"), RealAndSynthetic, 0.05);
    });
    let said = found.last().unwrap();
    holds(
        said,
        &[
            "better, though they teach nothing: what helps here is not what images show",
            "NOT shown to be worse, though they teach nothing: this judge cannot tell",
            "better without any GAN: a gain of that size is no GAN's",
        ],
    );
}

#[test]
fn of_several_shares_the_one_that_validation_patients_chose_is_asked() {
    let mut fixture = Fixture::new();
    let mixed = |fixture: &mut Fixture, share: f64, seed: u64, by: f64, validated: f64| {
        let settings = serde_json::json!({ "seed": seed, "share": share });
        let packs = [("lsgan", "vesalius sample runs/lsgan --count 100 --out packs/lsgan")];
        fixture.unet_on(&packs, Some("lsgan"), RealAndSynthetic, settings, &dice(seed, by));
        fixture.validates(validated);
    };
    thrice(&mut fixture, None, Real, 0.0);
    mixed(&mut fixture, 0.25, 1, 0.09, 0.80);
    for seed in 1..=3 {
        mixed(&mut fixture, 0.5, seed, 0.02, 0.81);
    }
    let runs = fixture.runs();
    let evidence = &evidence(&runs).unwrap()[0];
    let inference = evidence.inference();
    let asked: Vec<&str> =
        inference.question(Kind::AddedToReal).iter().map(|c| c.a.as_str()).collect();
    assert_eq!(asked, ["Original + LSGAN, synthetic share 0.5"], "however good the other looks");
    let section = section(evidence);
    let Block::Answers(answers) = &section.blocks[0] else { panic!("answers") };
    let sure = &answers.iter().find(|(asked, _)| asked.contains("sure")).unwrap().1;
    holds(sure, &["in a batch, 0.5, was chosen of 0.25 and 0.5 by validation patients"]);
}

#[test]
fn an_augmented_mix_is_compared_with_augmented_real_images_only() {
    let mut fixture = Fixture::new();
    thrice(&mut fixture, None, Real, 0.0);
    thrice(&mut fixture, None, RealAugmented, 0.03);
    thrice(&mut fixture, Some("lsgan"), RealAndSynthetic, 0.02);
    for seed in 1..=3 {
        let settings = serde_json::json!({ "seed": seed, "classical": "on" });
        let packs = [("lsgan", "vesalius sample runs/lsgan --count 100 --out packs/lsgan")];
        fixture.unet_on(&packs, Some("lsgan"), RealAndSynthetic, settings, &dice(seed, 0.04));
    }
    let runs = fixture.runs();
    let evidence = &evidence(&runs).unwrap()[0];
    let inference = evidence.inference();
    let asked = |kind: Kind| -> Vec<(&str, &str, bool)> {
        let all = inference.question(kind).iter();
        all.map(|c| (c.a.as_str(), c.b.as_str(), c.is_primary)).collect()
    };
    let augmented = "Original + classical augmentation";
    assert_eq!(asked(Kind::AddedToReal), [("Original + LSGAN", "Original", false)]);
    assert_eq!(
        asked(Kind::AddedAgainstAugmented),
        [
            ("Original + LSGAN", augmented, true),
            ("Original + LSGAN, classical augmentation", augmented, false),
        ]
    );
}

/// What the first screen says in each case: whether it helps, which GAN, what could have been shown.
#[test]
fn every_case_has_its_sentences_and_no_others() {
    type Build = fn(&mut Fixture);
    let cases: [(&str, Build, [&str; 3]); 7] = [
        (
            "helps",
            |runs| {
                thrice(runs, None, Real, 0.0);
                thrice(runs, Some("lsgan"), RealAndSynthetic, 0.05);
            },
            ["Yes: adding images of LSGAN", "LSGAN, added", "show a true difference of"],
        ),
        (
            "harms",
            |runs| {
                thrice(runs, None, Real, 0.0);
                thrice(runs, Some("lsgan"), RealAndSynthetic, -0.05);
            },
            [
                "No, it harms: adding images of LSGAN",
                "None can be recommended",
                "show a true difference of",
            ],
        ),
        (
            "equal",
            |runs| {
                thrice(runs, None, Real, 0.0);
                thrice(runs, Some("lsgan"), RealAndSynthetic, 0.0001);
            },
            [
                "It makes no difference larger than 0.010",
                "None can be recommended",
                "within the margin",
            ],
        ),
        (
            "undecided",
            |runs| {
                thrice(runs, None, Real, 0.0);
                for (seed, by) in [(1, -0.04), (2, 0.02), (3, 0.05)] {
                    runs.unet(Some("lsgan"), RealAndSynthetic, seed, &dice(seed, by));
                }
            },
            [
                "Undecided: adding images of LSGAN",
                "None can be recommended",
                "For the margin, 0.010",
            ],
        ),
        (
            "one patient",
            |runs| {
                for seed in 1..=3 {
                    runs.unet(None, Real, seed, &[0.7 + 0.01 * seed as f64]);
                    runs.unet(Some("lsgan"), RealAndSynthetic, seed, &[0.8 + 0.01 * seed as f64]);
                }
            },
            [
                "Cannot say: differences are tested patient by patient",
                "None can be recommended",
                "Not known",
            ],
        ),
        (
            "one seed",
            |runs| {
                runs.unet(None, Real, 1, &dice(1, 0.0));
                runs.unet(Some("lsgan"), RealAndSynthetic, 1, &dice(2, 0.05));
            },
            [
                "Not known: each training set was tried once",
                "None can be recommended",
                "Not known: that takes",
            ],
        ),
        (
            "diverged",
            |runs| {
                thrice(runs, None, Real, 0.0);
                runs.training("lsgan", serde_json::Value::Null, None);
            },
            ["Cannot say: the training of LSGAN broke down", "Diverged: LSGAN", "Not known"],
        ),
    ];
    let openings = [
        "Yes:",
        "No, it harms:",
        "It makes no difference",
        "Undecided:",
        "Not known:",
        "Cannot say:",
    ];
    for (case, build, [help, which, power]) in cases {
        let found = answers(build);
        holds(&found[0], &[help]);
        let said: Vec<&&str> =
            openings.iter().filter(|opening| found[0].contains(**opening)).collect();
        assert_eq!(said.len(), 1, "{case}: {}", found[0]);
        holds(&found[2], &[which]);
        holds(&found[6], &[power]);
    }
}
