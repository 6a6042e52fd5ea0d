//! Ten thousand finished tasks are planned and reported on in seconds.

use serde_json::{Value, json};
use std::time::Instant;
use vesalius_data::run::score::Score;
use vesalius_data::run::{Cost, Outcome, RESULT_FORMAT, RunResult, Subject};

use vesalius_data::run::part::Part;
use vesalius_study::plan::{Ask, PackInfo, Planner, Progress, Resolved, Stages};
use vesalius_study::store::Store;
use vesalius_study::study::Study;
use vesalius_study::task::Stage;
use vesalius_study::task_dir::TaskDir;

const STUDY: &str = r#"
name = "large"
out = "out"
dataset = [{ pack = "a" }, { pack = "b" }]
gan = [{ preset = "x" }, { preset = "y" }]
budget = { runs = 10_000, kimg = 1.0 }
[search]
sampler = { kind = "random" }
parameter = [{ paths = ["rate"], range = [1e-5, 1e-2], scale = "log" }, { paths = ["filters"], choices = [8, 16, 32] }]
"#;

/// Stages that take whatever they are given.
struct Fake;

impl Stages for Fake {
    fn training(&self, ask: &Ask) -> anyhow::Result<Resolved> {
        let spec = json!({ "preset": ask.preset, "settings": ask.settings, "seed": ask.seed });
        Ok(Resolved { spec, paints_masks: false, truncates: false, encodes_styles: false })
    }

    fn settings(&self, _: Stage, said: Value) -> anyhow::Result<Value> {
        Ok(said)
    }
}

fn result(distance: f64) -> RunResult {
    let score = Score::new("frechet_distance", distance, "synthetic, for this test".to_owned());
    RunResult {
        format: RESULT_FORMAT,
        stage: "train".to_owned(),
        subject: Subject { dataset: "a".to_owned(), gan: Some("x".into()), trained_on: None },
        outcome: Outcome::Finished,
        scores: vec![score],
        inputs: vec![],
        wall_secs: 1.0,
        cost: Cost::default(),
        command: "vesalius worker".to_owned(),
        vesalius: "0".to_owned(),
        machine: "m".to_owned(),
        settings: json!({ "text": "x".repeat(1500) }),
        overlap: Some(vec![]),
        training: None,
        files: std::collections::BTreeMap::new(),
    }
}

/// Peak memory of this process so far, bytes; 0 where the system does not say.
fn peak() -> u64 {
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = memory.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kib.unwrap_or(0) * 1024
}

/// Seconds that planning and reporting may take each: 5 where it is optimised, more in the build of other tests, beside
/// them.
const LIMIT_SECS: f64 = if cfg!(debug_assertions) { 25.0 } else { 5.0 };
const LIMIT_BYTES: u64 = 1_000_000_000;

#[test]
fn ten_thousand_trainings_and_a_hundred_thousand_lines_are_reported_in_seconds() {
    let root = tempfile::tempdir().unwrap();
    let lines = |count: usize| -> String {
        let line = |i: usize| {
            format!(
                "{{\"kimg\":{i}.0,\"loss_d\":1.0,\"loss_g\":2.0,\"images_per_sec\":100.0,\"wall_secs\":{i}.0}}\n"
            )
        };
        (1..=count).map(line).collect()
    };
    let (short, long) = (lines(20), lines(100_000));
    let mut folders = vec![];
    for i in 0..10_000_u32 {
        let folder = root.path().join(format!("train-{i:05}"));
        std::fs::create_dir(&folder).unwrap();
        let (filters, rate) = (8 << (i % 3), f64::from(1 + i % 97) * 1e-4);
        let mut run = result(1.0 + f64::from(i % 11) + f64::from(filters) * 0.1);
        run.subject.gan = Some(["lsgan", "wgan"][i as usize % 2].into());
        run.scores[0].of = Some(Part::BestDuringTraining);
        run.settings = json!({ "training": { "kimg": 5.0, "seed": i, "rate": rate }, "networks": { "filters": filters } });
        std::fs::write(folder.join("result.json"), serde_json::to_vec(&run).unwrap()).unwrap();
        let stats = if i == 0 { &long } else { &short };
        std::fs::write(folder.join("stats.jsonl"), stats).unwrap();
        folders.push(folder);
    }
    let started = Instant::now();
    let page = vesalius_report::write(
        &folders,
        &root.path().join("report"),
        &vesalius_report::PrimaryQuestion::default(),
    )
    .unwrap();
    let taken = started.elapsed();
    let bytes = std::fs::metadata(page).unwrap().len();
    let (peak, mega) = (peak(), 1_000_000);
    eprintln!(
        "report of 10,000 trainings: {taken:.2?}, {} MB, peak {} MB",
        bytes / mega,
        peak / mega
    );
    assert!(taken.as_secs_f64() < LIMIT_SECS, "{taken:?}");
    assert!(peak < LIMIT_BYTES, "{peak}");
}

#[test]
fn ten_thousand_finished_tasks_take_seconds() {
    let root = tempfile::tempdir().unwrap();
    std::fs::write(root.path().join("study.toml"), STUDY).unwrap();
    let study = Study::read(&root.path().join("study.toml")).unwrap();
    let packs = ["a", "b"].map(|name| PackInfo {
        name: name.to_owned(),
        path: name.into(),
        digest: name.repeat(64),
        planes: 1,
        imported: vec![],
        parts: vec![],
    });
    let plan = Planner::new(&study, packs.to_vec(), &Fake).plan(&Progress::default()).unwrap();
    assert_eq!(plan.tasks.len(), 10_002);
    let out = study.folder();
    for (i, planned) in plan.tasks.iter().enumerate() {
        // Written plainly: flushing 20,000 files to the disk is not what is measured here.
        let folder = TaskDir::of(&out, planned.task.stage, &planned.key);
        std::fs::create_dir_all(folder.path()).unwrap();
        std::fs::write(folder.path().join("task.toml"), planned.task.to_toml().unwrap()).unwrap();
        let text = serde_json::to_vec(&result(1.0 + i as f64)).unwrap();
        std::fs::write(folder.path().join("result.json"), text).unwrap();
    }
    let started = Instant::now();
    let done = Store::reindex(&out).unwrap();
    assert_eq!((done.found, done.strange.len()), (10_002, 0));
    let reindexed = started.elapsed();

    let started = Instant::now();
    let store = Store::open(&out).unwrap();
    store.verify().unwrap();
    let verified = started.elapsed();
    let started = Instant::now();
    let known = store.progress().unwrap();
    let plan = Planner::new(&study, packs.to_vec(), &Fake).plan(&known).unwrap();
    assert_eq!(plan.ready(&known).count(), 0);
    assert_eq!(plan.best.len(), 4);
    let planned = started.elapsed();
    eprintln!(
        "reindex {reindexed:.2?}, verify {verified:.2?}, read and plan {planned:.2?}, peak {} MB",
        peak() / 1_000_000
    );
    assert!((reindexed + verified + planned).as_secs_f64() < LIMIT_SECS, "{planned:?}");
    assert!(peak() < LIMIT_BYTES);
}
