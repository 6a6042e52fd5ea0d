use super::*;
use crate::run::part::Part;
use crate::run::score::Score;
use crate::run::{Cost, Outcome, RESULT_FORMAT, Subject};
use serde_json::json;

fn result(stage: &str, command: &str, trained_on: Option<TrainedOn>) -> RunResult {
    RunResult {
        format: RESULT_FORMAT,
        stage: stage.into(),
        subject: Subject { dataset: "acdc".into(), gan: None, trained_on },
        outcome: Outcome::Finished,
        scores: vec![],
        inputs: vec![],
        wall_secs: 1.0,
        cost: Cost::default(),
        command: command.into(),
        vesalius: "0.1.0".into(),
        machine: String::new(),
        settings: Value::Null,
        overlap: None,
        training: None,
        files: BTreeMap::new(),
    }
}

fn input(role: &str, sha256: &str, command: &str) -> Input {
    let path = format!("packs/{sha256}").into();
    Input { role: role.into(), path, sha256: sha256.into(), command: command.into(), pack: None }
}

fn settled(mut results: Vec<RunResult>) -> Vec<RunResult> {
    let path = Path::new("runs/x");
    let mut runs: Vec<Read> = results.iter_mut().map(|result| (path, result)).collect();
    settle(&mut runs);
    results
}

fn kinds(result: &RunResult) -> Vec<Option<bool>> {
    result.inputs.iter().map(|input| input.pack.as_ref().map(|_| input.is_real())).collect()
}

#[test]
fn what_was_real_is_told_by_command_role_and_test_pack() {
    use TrainedOn::{Real, RealAndSynthetic, Synthetic};
    let prepared = "vesalius prepare folder images/ --out packs/other";
    for (trained_on, expected) in [
        (Some(Real), [true, true, true, true]),
        (Some(Synthetic), [false, false, false, true]),
        (Some(RealAndSynthetic), [true, true, false, true]),
    ] {
        let mut unet = result("segment", "", trained_on);
        unet.inputs = vec![
            input("train", "test", ""),
            input("train", "other", prepared),
            input("train", "made", "vesalius copying --memory-gan packs/made"),
            input("test", "test", ""),
        ];
        let found = settled(vec![unet]);
        assert_eq!(kinds(&found[0]), expected.map(Some), "{trained_on:?}");
    }
    let mut judged = result("metrics", "", None);
    judged.inputs = vec![
        input("real", "a", ""),
        input("synthetic", "b", ""),
        input("held_out", "c", ""),
        input("masks", "d", "vesalius sample runs/a --count 4 --out packs/d"),
        input("features", "e", ""),
    ];
    let expected = [Some(true), Some(false), Some(true), Some(false), None];
    assert_eq!(kinds(&settled(vec![judged])[0]), expected);
}

#[test]
fn a_sample_is_joined_with_the_training_that_its_command_names() {
    let trained = result("train", "vesalius train packs/acdc --out runs/a/\nsecond attempt", None);
    let judged = |command: &str| {
        let mut judged = result("metrics", "", None);
        judged.inputs = vec![input("synthetic", "b", command)];
        judged
    };
    let facts = |command: &str| {
        let found = settled(vec![trained.clone(), judged(command)]);
        let checkpoints = found[0].training.clone().unwrap().checkpoints;
        let facts = found[1].inputs[0].synthetic().unwrap().clone();
        let joined = facts.checkpoint.as_ref().map(|name| checkpoints.contains(name));
        (joined, facts)
    };
    let (joined, facts_of_a) = facts("vesalius sample --count 50 runs/a --out packs/b --seed 3");
    assert_eq!(joined, Some(true));
    assert_eq!((facts_of_a.count, facts_of_a.seed), (Some(50), Some(3)));
    assert_eq!(facts_of_a.masks, Some(MaskSource::Generated));
    assert_eq!(facts("vesalius sample runs/other --count 50 --out packs/b").0, None);
    assert_eq!(facts("").0, None);
    let (_, painted) = facts("vesalius sample runs/a --masks packs/m --out packs/b");
    assert_eq!(painted.masks, Some(MaskSource::Other("masks of packs/m".into())));
    assert_eq!(painted.count, None);
    // Two packs that claim to be one sample.
    let command = "vesalius sample runs/a --count 50 --out packs/b";
    let mut other = judged(command);
    other.inputs[0].sha256 = "other".into();
    let found = settled(vec![trained.clone(), judged(command), other]);
    for run in &found[1..] {
        assert_eq!(run.inputs[0].synthetic().unwrap().checkpoint, None);
    }
}

#[test]
fn what_a_result_of_today_says_counts_for_all_results_on_the_pack() {
    let own = SyntheticFacts {
        count: Some(7),
        checkpoint: Some("digest".into()),
        ..SyntheticFacts::unknown("acdc")
    };
    let mut new = result("metrics", "", None);
    new.inputs = vec![Input {
        pack: Some(PackFacts::Synthetic(Box::new(own.clone()))),
        ..input("synthetic", "b", "vesalius sample runs/a --count 7 --out packs/b")
    }];
    let mut old = new.clone();
    old.inputs[0].pack = None;
    let found = settled(vec![old.clone(), new.clone()]);
    assert_eq!(found[0].inputs[0].synthetic(), Some(&own));
    // Its training is of an older version, which knows its checkpoints' digests not.
    let trained = result("train", "vesalius train packs/acdc --out runs/a", None);
    let found = settled(vec![old, new, trained]);
    let names = found[2].training.clone().unwrap().checkpoints;
    for run in &found[..2] {
        let facts = run.inputs[0].synthetic().unwrap();
        assert!(names.contains(facts.checkpoint.as_ref().unwrap()));
        assert_eq!(facts.count, Some(7));
    }
}

#[test]
fn a_result_of_today_is_left_as_it_is() {
    let mut trained = result("train", "vesalius train packs/acdc --out runs/a", None);
    trained.training = Some(TrainingFacts { run: "r".into(), checkpoints: vec!["digest".into()] });
    let mut judged = result("metrics", "", None);
    let facts =
        SyntheticFacts { checkpoint: Some("digest".into()), ..SyntheticFacts::unknown("acdc") };
    judged.inputs = vec![Input {
        pack: Some(PackFacts::Synthetic(Box::new(facts))),
        ..input("synthetic", "b", "vesalius prepare acdc acdc/ --out packs/b")
    }];
    let before = vec![trained, judged];
    assert_eq!(settled(before.clone()), before);
}

#[test]
fn settings_of_the_first_version_stand_in_protocols() {
    let mut unet = result("segment", "", Some(TrainedOn::Real));
    let protocol = "U-Net, 2000 steps of 16 slices, seed 12; per_volume Dice on 5 test patients";
    let of = Some(Part::PER_VOLUME_MEAN);
    unet.scores = vec![Score { of, ..Score::new("dice", 0.5, protocol.into()) }];
    let found = settled(vec![unet.clone()]).remove(0).settings;
    assert_eq!(found, json!({ "steps": 2000, "batch": 16, "seed": 12 }));
    unet.settings = json!({ "seed": 1, "steps": 4 });
    let found = settled(vec![unet.clone()]).remove(0).settings;
    assert_eq!(found, json!({ "seed": 1, "steps": 4, "batch": 16 }));
    unet.scores[0].protocol = "another sentence, seed none".into();
    assert_eq!(settled(vec![unet.clone()]).remove(0).settings, unet.settings);
}

#[test]
fn what_repetitions_have_in_common_is_their_protocol_without_their_own_seed() {
    let seedless = |seed: Value, protocol: &str| {
        let mut judged = result("segment", "", Some(TrainedOn::Real));
        judged.settings = json!({ "seed": seed });
        judged.scores = vec![Score::new("dice", 0.5, protocol.into())];
        settled(vec![judged]).remove(0).scores.remove(0).seedless
    };
    let protocol = "U-Net, 20 steps of 16 slices, seed 12; painted 4, seed 12; Dice";
    let without = "U-Net, 20 steps of 16 slices; painted 4, seed 12; Dice";
    assert_eq!(seedless(12.into(), protocol).as_deref(), Some(without));
    assert_eq!(seedless(1.into(), protocol), None, "seed 1 is not the beginning of seed 12");
    assert_eq!(seedless(2.into(), protocol), None);
    assert_eq!(seedless(Value::Null, protocol), None);
    let map = "UMAP (15 neighbours, least distance 0.1, seed 0); k = 15";
    let without = "UMAP (15 neighbours, least distance 0.1); k = 15";
    assert_eq!(seedless(0.into(), map).as_deref(), Some(without));
    // What a result says itself stays.
    let mut judged = result("segment", "", Some(TrainedOn::Real));
    judged.settings = json!({ "seed": 1 });
    let score =
        Score { seedless: Some("own".into()), ..Score::new("dice", 0.5, "a, seed 1".into()) };
    judged.scores = vec![score];
    assert_eq!(settled(vec![judged.clone()]), [judged]);
}
