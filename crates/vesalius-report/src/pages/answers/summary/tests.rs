use super::*;
use crate::evidence::evidence;
use crate::evidence::fixture::Fixture;
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

#[test]
fn help_is_claimed_with_its_numbers_and_limits() {
    let found = answers(|runs| {
        runs.unet(None, Real, 1, &[0.7; 8]);
        runs.unet(None, RealAugmented, 1, &[0.76; 8]);
        runs.unet(Some("lsgan"), RealAndSynthetic, 1, &[0.75; 8]);
        runs.unet(Some("lsgan"), Synthetic, 1, &[0.6; 8]);
    });
    holds(&found[0], &["Yes", "8 test patients", "LSGAN", "+0.050", "p = 0.008"]);
    holds(&found[0], &["Classical augmentation, which costs nothing, did better"]);
    holds(&found[1], &["No:", "0.600", "0.700"]);
    holds(&found[2], &["LSGAN, added"]);
    holds(&found[3], &["100 per GAN", "not tried"]);
    holds(&found[4], &["Unknown: no copying audit"]);
    holds(&found[5], &["tried once", "2 of 256"]);
}

#[test]
fn what_helps_a_small_segmenter_is_no_verdict_where_a_strong_one_speaks() {
    let judged = |runs: &mut Fixture, preset: &str, real: f64, added: f64| {
        let settings = serde_json::json!({ "preset": preset, "seed": 1 });
        runs.unet_on(&[], None, Real, settings.clone(), &[real; 8]);
        let packs = [("lsgan", "vesalius sample runs/lsgan --count 100 --out packs/lsgan")];
        runs.unet_on(&packs, Some("lsgan"), RealAndSynthetic, settings, &[added; 8]);
    };
    let small = " The small segmenter gained by images of LSGAN (+0.050 Dice";
    let found = answers(|runs| {
        judged(runs, "small", 0.7, 0.75);
        judged(runs, "strong", 0.9, 0.85);
    });
    holds(&found[0], &["No:", "LSGAN changed it by −0.050", small, "was not shown to."]);
    holds(&found[2], &["None can be recommended"]);
    // What helps both needs no remark; what is judged by the small one alone is its to say.
    let found = answers(|runs| {
        judged(runs, "small", 0.7, 0.75);
        judged(runs, "strong", 0.8, 0.9);
    });
    holds(&found[0], &["Yes", "+0.100"]);
    assert!(!found[0].contains(small) && !found[0].contains("lowered"), "{}", found[0]);
    // Where the strong one judged real images alone, the small one's verdict stands with all that it says.
    let found = answers(|runs| {
        judged(runs, "small", 0.7, 0.75);
        let packs = [("wgan", "vesalius sample runs/wgan --count 100 --out packs/wgan")];
        let settings = serde_json::json!({ "preset": "small", "seed": 1 });
        runs.unet_on(&packs, Some("wgan"), RealAndSynthetic, settings, &[0.6; 8]);
        runs.unet_on(
            &[],
            None,
            Real,
            serde_json::json!({ "preset": "strong", "seed": 1 }),
            &[0.9; 8],
        );
    });
    holds(&found[0], &["Yes", "+0.050", "WGAN", "lowered it"]);
    let found = answers(|runs| judged(runs, "small", 0.7, 0.75));
    holds(&found[0], &["Yes", "+0.050"]);
    assert!(!found[0].contains(small), "{}", found[0]);
}

#[test]
fn nothing_is_recommended_where_nothing_was_shown() {
    let found = answers(|runs| {
        runs.unet(None, Real, 1, &[0.7, 0.6, 0.8]);
        runs.unet(Some("lsgan"), RealAndSynthetic, 1, &[0.75, 0.65, 0.85]);
        runs.judged("copying", "lsgan", &[("planted_recall", Some("all"), 0.83)]);
    });
    holds(&found[0], &["Not shown", "3 patients", "no difference, however large"]);
    holds(&found[2], &["None can be recommended"]);
    holds(&found[4], &["Unknown", "planted", "83.0 %"]);
    assert!(!found[0].contains("Yes"));
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
