//! What `[controls]`, `[dose]` and shares come to: which tasks, of which packs and settings, and in which order they can
//! be named.

use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use vesalius_study::plan::{
    Ask, Finished, PackInfo, PartInfo, Plan, Planned, Planner, Progress, Resolved, Stages,
};
use vesalius_study::study::Study;
use vesalius_study::task::Stage;

const STUDY: &str = r#"
name = "controlled"
out = "out"
dataset = [{ pack = "a" }]
gan = [{ preset = "x" }, { preset = "y" }]
budget = { runs = 2, kimg = 2.0 }
best = { count = 1000, unet_alone = true, unet_with_real = true }
baselines = { real = true }
[unet]
seeds = [1, 2]
steps = 40
batch = 10
[search]
sampler = { kind = "grid" }
"#;

fn parse(more: &str) -> anyhow::Result<Study> {
    Study::parse(Path::new("study.toml"), format!("{STUDY}{more}"))
}

struct Fake;

impl Stages for Fake {
    fn training(&self, ask: &Ask) -> anyhow::Result<Resolved> {
        let spec = json!({ "preset": ask.preset, "kimg": ask.kimg });
        Ok(Resolved { spec, paints_masks: false, truncates: false, encodes_styles: false })
    }

    fn settings(&self, _: Stage, said: Value) -> anyhow::Result<Value> {
        Ok(said)
    }
}

fn plan(study: &Study, known: &Progress) -> Plan {
    let parts = study.dose.iter().flat_map(|dose| dose.patients.get_ref()).map(|&patients| {
        let path = format!("/a/patients-{patients}").into();
        PartInfo { patients, path, digest: format!("{patients:064}") }
    });
    let pack = PackInfo {
        name: "a".to_owned(),
        path: "/a".into(),
        digest: "a".repeat(64),
        planes: 1,
        imported: vec![],
        parts: parts.collect(),
    };
    Planner::new(study, vec![pack], &Fake).plan(known).unwrap()
}

fn of(plan: &Plan, stage: Stage) -> Vec<&Arc<Planned>> {
    plan.tasks.iter().filter(|planned| planned.task.stage == stage).collect()
}

/// With all trainings done.
fn trained(study: &Study) -> Progress {
    let mut known = Progress::default();
    for planned in of(&plan(study, &known), Stage::Train) {
        let finished = Finished { distance: Some(1.0), ..Finished::default() };
        known.finished.insert(planned.key.clone(), finished);
    }
    known
}

/// What U-Nets are trained on, each once.
fn diets(plan: &Plan) -> Vec<String> {
    let mut found: Vec<String> = of(plan, Stage::Segment)
        .into_iter()
        .map(|planned| {
            let what = planned.what.rsplit_once(", seed").unwrap();
            let after = what.1.trim_start_matches([' ', '1', '2']);
            format!(
                "{} {}{}",
                planned.gan.as_deref().unwrap_or("-"),
                what.0,
                if after.is_empty() { String::new() } else { format!(" {after}") }
            )
        })
        .collect();
    found.dedup();
    found
}

#[test]
fn controls_are_u_nets_of_the_gans_that_are_named_and_a_generator_that_only_remembers() {
    let study = parse(
        "[controls]\ngans = [\"y\"]\nlabels_shuffled = true\nnoise = true\nreal_and_synthetic_augmented = true",
    )
    .unwrap();
    let plan = plan(&study, &trained(&study));
    let mut found = diets(&plan);
    found.sort();
    assert_eq!(
        found,
        [
            "- U-Net on real",
            "memory U-Net on real + synthetic",
            "memory U-Net on synthetic",
            "x U-Net on real + synthetic",
            "x U-Net on synthetic",
            "y U-Net on real + synthetic",
            "y U-Net on real + synthetic, augmented",
            "y U-Net on real + synthetic, labels shuffled",
            "y U-Net on synthetic",
            "y U-Net on synthetic, labels shuffled",
        ]
    );
    let [memory] = of(&plan, Stage::Memory)[..] else { panic!("one") };
    assert_eq!(memory.task.spec, json!({ "count": 1000, "seed": 1 }));
    let shuffled: Vec<_> = of(&plan, Stage::Segment)
        .into_iter()
        .filter(|planned| planned.task.spec["shuffled"] == true)
        .collect();
    assert_eq!(shuffled.len(), 4, "two seeds, alone and with real images");
    // What nobody asked for is not written: names of older tasks stay.
    let plain = of(&plan, Stage::Segment)[0];
    assert!(plain.task.spec.get("shuffled").is_none() && plain.task.spec.get("share").is_none());
}

#[test]
fn a_dose_trains_gans_and_u_nets_on_the_same_patients() {
    let study =
        parse("[dose]\ngans = [\"x\"]\nimages = [300, 100, 1000]\npatients = [4, 8]").unwrap();
    let before = plan(&study, &Progress::default());
    assert_eq!(of(&before, Stage::Judge).len(), 3, "the pack's, and one of each part");
    assert_eq!(of(&before, Stage::Train).len(), 2);
    assert_eq!((before.later[&Stage::Train], before.later[&Stage::Sample]), (2, 4));

    let known = trained(&study);
    let plan = plan(&study, &known);
    let trainings = of(&plan, Stage::Train);
    assert_eq!(trainings.len(), 4);
    for (patients, training) in [4, 8].into_iter().zip(&trainings[2..]) {
        let part = format!("/a/patients-{patients}");
        assert_eq!(training.task.pack("real").unwrap().path, Path::new(&part));
        assert_eq!(training.task.spec, trainings[0].task.spec, "the best run's settings");
        let judge = &training.task.input("judge").unwrap().key;
        assert!(of(&plan, Stage::Judge).iter().any(|planned| planned.key == *judge
            && planned.task.pack("real").unwrap().path == Path::new(&part)));
        let sample = of(&plan, Stage::Sample)
            .into_iter()
            .find(|planned| planned.task.input("run").unwrap().key == training.key)
            .unwrap();
        assert_eq!(sample.task.spec["count"], 1000);
        let taught: Vec<_> = of(&plan, Stage::Segment)
            .into_iter()
            .filter(|planned| {
                planned.task.input("synthetic").is_some_and(|input| input.key == sample.key)
            })
            .collect();
        for unet in &taught {
            assert_eq!(unet.task.pack("real").unwrap().path, Path::new(&part));
        }
        let images: Vec<&Value> = taught.iter().map(|unet| &unet.task.spec["images"]).collect();
        // 40 steps of 10 slices, half of them synthetic: 200 are seen, so that 300 are as good as 1,000.
        assert_eq!(images, [&json!(100), &json!(100), &json!(300), &json!(300)]);
    }
    assert_eq!(plan.needless, 3, "1,000 images of 4, 8 and all patients");
    let found = diets(&plan);
    for expected in [
        "- U-Net on real, 4 patients",
        "- U-Net on real, 8 patients",
        "x U-Net on real + synthetic, 100 images",
        "x U-Net on real + synthetic, 300 images of 4 patients",
    ] {
        assert!(found.iter().any(|diet| diet == expected), "{expected}: {found:#?}");
    }
    assert!(!found.iter().any(|diet| diet.starts_with('y') && diet.contains("patients")));

    // A GAN that broke down on few patients has no images.
    let mut known = known;
    let broken = Finished { diverged: Some("losses NaN".to_owned()), ..Finished::default() };
    known.finished.insert(trainings[2].key.clone(), broken);
    let without = self::plan(&study, &known);
    assert_eq!(of(&without, Stage::Sample).len(), of(&plan, Stage::Sample).len() - 1);
}

#[test]
fn a_share_is_chosen_by_validation_patients_and_then_repeated() {
    let study = Study::parse(
        Path::new("study.toml"),
        STUDY
            .replace("unet_with_real = true", "unet_with_real = true, shares = [0.25, 0.5]")
            .replace("gan = [{ preset = \"x\" }, { preset = \"y\" }]", "gan = [{ preset = \"x\" }]")
            .replace("runs = 2", "runs = 1"),
    )
    .unwrap();
    let mut known = trained(&study);
    let shared = |plan: &Plan| -> Vec<Arc<Planned>> {
        let all = of(plan, Stage::Segment).into_iter();
        all.filter(|planned| planned.task.spec.get("share").is_some()).cloned().collect()
    };
    let first = plan(&study, &known);
    assert_eq!((shared(&first).len(), first.later[&Stage::Segment]), (2, 1));
    for (unet, dice) in shared(&first).iter().zip([0.7, 0.8]) {
        assert_eq!(plan(&study, &known).later[&Stage::Segment], 1, "not before all are known");
        let finished = Finished { validation: Some(dice), ..Finished::default() };
        known.finished.insert(unet.key.clone(), finished);
    }
    let chosen = plan(&study, &known);
    assert_eq!(chosen.later.get(&Stage::Segment), Some(&0).filter(|_| false));
    let last = shared(&chosen).pop().unwrap();
    assert_eq!((&last.task.spec["share"], &last.task.spec["seed"]), (&json!(0.5), &json!(2)));
    assert_eq!(shared(&chosen).len(), 3);
}

#[test]
fn what_cannot_be_asked_is_named() {
    let dose = "[dose]\nimages = [100]\npatients = [4]\n";
    for (more, parts) in [
        ("[controls]\ngans = [\"z\"]", &[":16:9", "z: no [[gan]]"][..]),
        ("[controls]\nlabels = true", &["unknown field `labels`"]),
        ("[dose]\nimages = [2000]\npatients = [4]", &[":16:10", "at most", "1000"]),
        ("[dose]\nimages = []\npatients = [4]", &["images []"]),
        ("[dose]\nimages = [1]\npatients = [4, 4]", &["each once"]),
        ("[dose]\nimages = [1]\npatients = [0]", &["above 0"]),
        ("[dose]\nimages = [1]\npatients = [1]\nshares = [1.0]", &["below 1"]),
        ("[dose]\nimages = [1]", &["patients"]),
    ] {
        let error = format!("{:#}", parse(more).unwrap_err());
        for part in parts {
            assert!(error.contains(part), "{more}: {error}");
        }
    }
    let without = |from: &str| {
        let text = format!("{STUDY}{dose}").replace(from, "");
        Study::parse(Path::new("study.toml"), text).unwrap_err().to_string()
    };
    assert!(without(", unet_with_real = true").contains("unet_with_real"));
    assert!(without("baselines = { real = true }\n").contains("[baselines]"));
}
