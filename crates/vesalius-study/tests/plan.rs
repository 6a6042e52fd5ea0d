//! Plans from what is known: which trainings a budget of hours still pays for, and which points go on.

use serde_json::{Value, json};
use std::sync::Arc;
use vesalius_study::plan::{
    Ask, Finished, PackInfo, Plan, Planned, Planner, Progress, Resolved, Stages,
};
use vesalius_study::study::Study;
use vesalius_study::task::{Key, Stage};

const STUDY: &str = r#"
name = "planned"
out = "out"
dataset = [{ pack = "a" }]
gan = [{ preset = "x" }]
budget = { runs = 4, kimg = 2.0 }
best = { count = 2 }
[search]
sampler = { kind = "random" }
parameter = [{ paths = ["rate"], range = [1e-5, 1e-2], scale = "log" }]
"#;

/// The study with some of its words replaced.
fn study(edits: &[[&str; 2]]) -> Study {
    let mut text = STUDY.to_owned();
    for [from, to] in edits {
        assert!(text.contains(from), "{from}");
        text = text.replace(from, to);
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("study.toml");
    std::fs::write(&path, text).unwrap();
    Study::read(&path).unwrap()
}

/// Half of the points go on, from one thousand images to two.
const HALVING: [&str; 2] =
    ["{ kind = \"random\" }", "{ kind = \"halving\", first_kimg = 1.0, factor = 2 }"];

/// Stages that take whatever they are given.
struct Fake;

impl Stages for Fake {
    fn training(&self, ask: &Ask) -> anyhow::Result<Resolved> {
        let (preset, seed) = (ask.preset, ask.seed);
        let spec =
            json!({ "preset": preset, "settings": ask.settings, "seed": seed, "kimg": ask.kimg });
        Ok(Resolved {
            spec,
            paints_masks: preset == "painter",
            truncates: false,
            encodes_styles: false,
        })
    }

    fn settings(&self, _: Stage, said: Value) -> anyhow::Result<Value> {
        Ok(said)
    }
}

fn plan(study: &Study, known: &Progress) -> Plan {
    let pack = PackInfo {
        name: "a".to_owned(),
        path: "a".into(),
        digest: "a".repeat(64),
        planes: 1,
        imported: vec![],
        parts: vec![],
    };
    Planner::new(study, vec![pack], &Fake).plan(known).unwrap()
}

fn trainings(plan: &Plan) -> Vec<&Arc<Planned>> {
    plan.tasks.iter().filter(|planned| planned.task.stage == Stage::Train).collect()
}

fn samples(plan: &Plan) -> Vec<&Arc<Planned>> {
    plan.tasks.iter().filter(|planned| planned.task.stage == Stage::Sample).collect()
}

fn keys(plan: &Plan) -> Vec<Key> {
    trainings(plan).iter().map(|planned| planned.key.clone()).collect()
}

fn finished(distance: f64, wall_secs: f64) -> Finished {
    Finished { distance: Some(distance), wall_secs, ..Finished::default() }
}

#[test]
fn once_its_hours_are_spent_no_training_starts_and_the_best_so_far_is_the_best() {
    let study = study(&[["kimg = 2.0", "kimg = 2.0, hours = 1.0"]]);
    let mut known = Progress::default();
    let all = plan(&study, &known);
    assert_eq!((trainings(&all).len(), all.withheld), (4, 0));
    let keys = keys(&all);

    known.finished.insert(keys[0].clone(), finished(5.0, 1800.0));
    known.finished.insert(keys[1].clone(), finished(3.0, 1799.0));
    let nearly = plan(&study, &known);
    assert_eq!((trainings(&nearly).len(), nearly.withheld), (4, 0), "a second is left");

    // One that is at work when they are spent ends first, and has its say.
    known.finished.insert(keys[1].clone(), finished(3.0, 1800.0));
    known.running.insert(keys[2].clone());
    let waiting = plan(&study, &known);
    assert_eq!((trainings(&waiting).len(), waiting.withheld), (3, 1));
    assert_eq!((waiting.best[0].last_word, waiting.later[&Stage::Sample]), (false, 1));

    known.running.clear();
    let spent = plan(&study, &known);
    assert_eq!((trainings(&spent).len(), spent.withheld), (2, 2));
    assert!(spent.ready(&known).all(|planned| planned.task.stage != Stage::Train));
    assert_eq!((&spent.best[0].key, spent.best[0].last_word), (&keys[1], true));
    let sample = spent.tasks.iter().find(|planned| planned.task.stage == Stage::Sample).unwrap();
    assert_eq!(sample.task.input("run").unwrap().key, keys[1]);
}

#[test]
fn hours_of_a_training_that_goes_on_are_counted_once() {
    let study = study(&[["runs = 4, kimg = 2.0", "runs = 6, kimg = 2.0, hours = 1.0"], HALVING]);
    let mut known = Progress::default();
    for (i, key) in keys(&plan(&study, &known)).into_iter().enumerate() {
        known.finished.insert(key, finished(i as f64, 600.0));
    }
    let longer = keys(&plan(&study, &known));
    assert_eq!(longer.len(), 6, "four, of which two go on");
    // Its seconds are those of all its attempts, the 600 of the shorter one among them.
    for (wall_secs, withheld) in [(1799.0, 0), (1800.0, 1)] {
        known.finished.insert(longer[4].clone(), finished(0.0, wall_secs));
        assert_eq!(plan(&study, &known).withheld, withheld, "{wall_secs} s");
    }
}

#[test]
fn of_points_with_two_seeds_those_of_the_lowest_mean_go_on_and_none_that_broke_down() {
    let seeds = ["out = \"out\"", "out = \"out\"\nseeds = [1, 2]"];
    let study = study(&[seeds, ["runs = 4", "runs = 12"], HALVING]);
    let mut known = Progress::default();
    let first = plan(&study, &known);
    assert_eq!((trainings(&first).len(), first.later[&Stage::Train]), (8, 4));
    for point in trainings(&first).chunks(2) {
        let [one, two] = [0, 1].map(|i: usize| &point[i].task.spec);
        assert_eq!(one["settings"], two["settings"]);
        assert_eq!((&one["seed"], &two["seed"]), (&1.into(), &2.into()));
    }

    // The lowest distance of all is one seed's of a point whose other seed broke down; the next, of one whose other
    // seed is
    // bad.
    let keys = keys(&first);
    let broken = Finished { diverged: Some("losses NaN".to_owned()), ..Finished::default() };
    let found = [finished(1.0, 1.0), finished(9.0, 1.0), finished(4.0, 1.0), finished(4.0, 1.0)];
    let more = [finished(0.5, 1.0), broken, finished(3.0, 1.0), finished(6.0, 1.0)];
    known.finished.extend(keys.iter().cloned().zip(found.into_iter().chain(more)));
    let goes_on = |known: &Progress| -> Vec<Key> {
        let plan = plan(&study, known);
        let longer =
            trainings(&plan).into_iter().filter(|planned| planned.task.spec["kimg"] == 2.0);
        longer.map(|planned| planned.task.input("continues").unwrap().key.clone()).collect()
    };
    let expected = [2, 3, 6, 7].map(|i: usize| keys[i].clone());
    assert_eq!(goes_on(&known), expected);

    // One that was given up is as bad as one that broke down.
    known.finished.remove(&keys[5]);
    assert!(goes_on(&known).is_empty(), "the rung is not over");
    known.given_up.insert(keys[5].clone());
    assert_eq!(goes_on(&known), expected);
}

/// A GAN that paints, its masks, and one that makes its own.
fn painting(masks: &str) -> Study {
    let gans = format!("gan = [{{ preset = \"painter\"{masks} }}, {{ preset = \"x\" }}]");
    study(&[["gan = [{ preset = \"x\" }]", &gans]])
}

/// Trainings of a GAN.
fn keys_of(plan: &Plan, gan: &str) -> Vec<Key> {
    let of_gan = |planned: &&Arc<Planned>| planned.gan.as_deref() == Some(gan);
    trainings(plan).into_iter().filter(of_gan).map(|planned| planned.key.clone()).collect()
}

#[test]
fn masks_of_another_gan_are_those_of_its_best_run_and_waited_for() {
    let study = painting(", masks = \"x\"");
    let mut known = Progress::default();
    let first = plan(&study, &known);
    assert_eq!(first.later[&Stage::Sample], 2);
    let (painters, others) = (keys_of(&first, "painter"), keys_of(&first, "x"));
    assert_eq!((painters.len(), others.len()), (2, 2));

    // Its own search is over, the other's is not.
    known.finished.extend(painters.iter().cloned().zip([finished(2.0, 1.0), finished(1.0, 1.0)]));
    let waiting = plan(&study, &known);
    assert_eq!((samples(&waiting).len(), waiting.later[&Stage::Sample]), (0, 2));

    known.finished.extend(others.iter().cloned().zip([finished(3.0, 1.0), finished(4.0, 1.0)]));
    let named = plan(&study, &known);
    let [masks, painted] = samples(&named)[..] else { panic!("two packs") };
    assert_eq!((&masks.task.spec["masks"], masks.gan.as_deref()), (&"none".into(), Some("x")));
    assert_eq!(masks.task.input("run").unwrap().key, others[0]);
    assert_eq!(painted.task.spec["masks"], "sampled");
    assert_eq!(painted.task.input("run").unwrap().key, painters[1]);
    assert_eq!(painted.task.input("masks").unwrap().key, masks.key);
    let is_ready = |known: &Progress| named.ready(known).any(|other| other.key == painted.key);
    assert!(!is_ready(&known));
    known.finished.insert(masks.key.clone(), Finished::default());
    assert!(is_ready(&known));

    // Without those pairs there is nothing to paint.
    known.finished.remove(&masks.key);
    known.given_up.insert(masks.key.clone());
    assert!(named.blocked(&known).contains(&painted.key));
    known.given_up.clear();
    for key in &others {
        known.finished.remove(key);
        known.given_up.insert(key.clone());
    }
    let alone = plan(&study, &known);
    assert!(samples(&alone).is_empty() && !alone.later.contains_key(&Stage::Sample));
}

#[test]
fn masks_of_the_study_file_reach_the_task_of_a_gan_that_paints_them() {
    for (masks, expected) in [
        ("", "training"),
        (", masks = \"training\"", "training"),
        (", masks = \"warped\"", "warped"),
    ] {
        let study = painting(masks);
        let mut known = Progress::default();
        for key in keys(&plan(&study, &known)) {
            known.finished.insert(key, finished(1.0, 1.0));
        }
        let plan = plan(&study, &known);
        let [painted, own] = samples(&plan)[..] else { panic!("two packs") };
        assert_eq!(painted.task.spec["masks"], expected, "{masks}");
        assert_eq!(painted.task.inputs.len(), 1, "{masks}: nothing but its run");
        assert_eq!(own.task.spec["masks"], "none");
    }
}

#[test]
fn the_precision_of_a_study_is_that_of_every_stage_that_does_not_say_its_own() {
    let planned = |edits: &[[&str; 2]]| {
        let study = study(edits);
        let mut known = Progress::default();
        for key in keys(&plan(&study, &known)) {
            known.finished.insert(key, finished(1.0, 60.0));
        }
        let plan = plan(&study, &known);
        let first = trainings(&plan)[0].task.spec["settings"][0].clone();
        let of = |stage: Stage| {
            let mut tasks = plan.tasks.iter().filter(|planned| planned.task.stage == stage);
            tasks.next().unwrap().task.spec["precision"].clone()
        };
        [first, of(Stage::Sample), of(Stage::Segment)]
    };
    let bf16 = ["out = \"out\"", "out = \"out\"\nprecision = \"bf16\""];
    let baseline = ["[search]", "[baselines]\nreal = true\n[search]"];
    let own = ["[search]", "[unet]\nprecision = \"f32\"\n[search]"];
    let [training, sample, unet] = planned(&[bf16, baseline]);
    assert_eq!(
        (training, sample, unet),
        (json!("training.precision=bf16"), json!("bf16"), json!("bf16"))
    );
    let [.., unet] = planned(&[bf16, baseline, own]);
    assert_eq!(unet, json!("f32"));
    // Nothing is written where nothing is said: names of older tasks stay.
    let [training, sample, unet] = planned(&[baseline]);
    assert!(training.as_str().unwrap().starts_with("rate="), "{training}");
    assert_eq!((sample, unet), (Value::Null, Value::Null));
}
