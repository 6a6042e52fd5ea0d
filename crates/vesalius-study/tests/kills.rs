//! A coordinator that is killed at random moments loses nothing and doubles nothing. Real processes: this program is
//! the
//! test, the coordinator and the workers, so it has a main of its own.

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use vesalius_data::run::score::Score;
use vesalius_data::run::{Cost, Outcome, RESULT_FORMAT, RunResult, Subject};
use vesalius_study::coordinate::{self, Ended};
use vesalius_study::exec::local::Local;
use vesalius_study::plan::{Ask, Resolved, Stages};
use vesalius_study::store::Store;
use vesalius_study::study::Study;
use vesalius_study::task::{Stage, Task};
use vesalius_study::task_dir::TaskDir;

const NAME: &str = "a_coordinator_killed_at_fifty_random_moments_loses_and_doubles_nothing";
const KILLS: usize = 50;
/// From a coordinator's start to its death, milliseconds: anything from its first steps to a few results.
const MOMENTS_MS: std::ops::Range<u64> = 0..250;

// Halving plans from scores, `best` from the winners: what is lost or doubled changes what follows.
const STUDY: &str = r#"
name = "killed"
out = "out"
dataset = [{ pack = "PACK" }]
gan = [{ preset = "x" }, { preset = "y" }]
budget = { runs = 48, kimg = 9.0 }
best = { count = 2, distance = ["unet"], unet_alone = true }
baselines = { real = true }
[search]
sampler = { kind = "halving", seed = 5, first_kimg = 1.0 }
parameter = [{ paths = ["rate"], range = [1e-5, 1e-2], scale = "log" }]
"#;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.first().map(String::as_str) {
        Some("coordinator") => return coordinator(Path::new(&arguments[1])),
        Some("worker") => return worker(Path::new(arguments.last().expect("a folder"))),
        _ => {}
    }
    // As the usual harness: words are filters.
    let mut words = arguments.iter().filter(|argument| !argument.starts_with('-')).peekable();
    if arguments.iter().any(|argument| argument == "--list") {
        println!("{NAME}: test");
    } else if words.peek().is_none() || words.any(|word| NAME.contains(word.as_str())) {
        test();
        println!("test {NAME} ... ok");
    }
}

fn test() {
    let undisturbed = new_study();
    assert!(start(undisturbed.path()).wait().unwrap().success());
    let expected = outcome(undisturbed.path());
    assert!(expected.len() > 50, "{} tasks", expected.len());

    let mut rng = ChaCha8Rng::seed_from_u64(20_261_125);
    let (mut kills, mut studies) = (0, 0);
    while kills < KILLS {
        studies += 1;
        let study = new_study();
        let finished = loop {
            let mut coordinator = start(study.path());
            std::thread::sleep(Duration::from_millis(rng.random_range(MOMENTS_MS)));
            if let Some(status) = coordinator.try_wait().unwrap() {
                break status;
            }
            if kills == KILLS {
                break coordinator.wait().unwrap();
            }
            coordinator.kill().unwrap();
            coordinator.wait().unwrap();
            kills += 1;
        };
        assert!(finished.success(), "{finished}");
        assert_eq!(outcome(study.path()), expected);
    }
    println!("{kills} kills in {studies} studies of {} tasks", expected.len());
}

fn new_study() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/compat/pack-1");
    std::fs::write(folder.path().join("study.toml"), STUDY.replace("PACK", pack)).unwrap();
    folder
}

fn start(folder: &Path) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .arg("coordinator")
        .arg(folder.join("study.toml"))
        .stdin(Stdio::null())
        .spawn()
        .unwrap()
}

/// Stages that take whatever they are given.
struct Fake;

impl Stages for Fake {
    fn training(&self, ask: &Ask) -> anyhow::Result<Resolved> {
        let spec = json!({ "settings": ask.settings, "preset": ask.preset, "kimg": ask.kimg });
        Ok(Resolved { spec, paints_masks: false, truncates: false, encodes_styles: false })
    }

    fn settings(&self, _: Stage, said: Value) -> anyhow::Result<Value> {
        Ok(said)
    }
}

fn coordinator(path: &Path) {
    let study = Study::read(path).unwrap();
    let program = std::env::current_exe().unwrap();
    let mut local = Local::new(program, vec!["worker".to_owned()], 4);
    let ended = coordinate::run(&study, &Fake, &mut local, &|| false, &mut |_| {}).unwrap();
    assert_eq!(ended, Ended::Done { failed: 0 });
}

/// A stand-in for `vesalius worker`: same folder, same order of writing. One task in five fails at first, and those
/// that
/// outlive their coordinator meet the worker that its successor starts.
fn worker(path: &Path) {
    let folder = TaskDir::at(path);
    let task = Task::read(path).unwrap();
    if folder.is_finished() {
        return;
    }
    let key = task.key();
    let number = u32::from_str_radix(&key.text()[..4], 16).unwrap();
    let attempt = folder.begin_attempt().unwrap();
    std::thread::sleep(Duration::from_millis(u64::from(number % 30)));
    if number.is_multiple_of(5) && folder.failures().unwrap().is_empty() {
        folder.note_failure(attempt, "fails at first").unwrap();
        std::process::exit(1);
    }
    let distance = f64::from(number);
    let result = RunResult {
        format: RESULT_FORMAT,
        stage: task.stage.name().to_owned(),
        subject: Subject { dataset: "a".to_owned(), gan: None, trained_on: None },
        outcome: Outcome::Finished,
        scores: vec![Score::new("frechet_distance", distance, "synthetic".to_owned())],
        inputs: vec![],
        wall_secs: 0.0,
        cost: Cost::default(),
        // Differs from attempt to attempt: two that were both accepted would show.
        command: format!("attempt {attempt} of process {}", std::process::id()),
        vesalius: "0".to_owned(),
        machine: "m".to_owned(),
        settings: serde_json::Value::Null,
        overlap: Some(vec![]),
        training: None,
        files: std::collections::BTreeMap::new(),
    };
    result.publish(&folder.attempt(attempt)).unwrap();
    folder.publish(attempt).unwrap();
}

/// Every task and what it found, from the folders; checked against the store.
fn outcome(folder: &Path) -> BTreeMap<String, f64> {
    let out = folder.join("out");
    let store = Store::open(&out).unwrap();
    store.verify().unwrap();
    let known = store.progress().unwrap();
    let mut found = BTreeMap::new();
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(out.join("tasks")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    for path in paths {
        let task = Task::read(&path).unwrap();
        let dir = TaskDir::at(&path);
        let (result, _) = dir.result().unwrap();
        dir.accepted().unwrap();
        assert!(known.finished.contains_key(&task.key()), "{}: not in the store", path.display());
        assert!(
            dir.failures().unwrap().len() < 3,
            "{}: what was killed is no failure",
            path.display()
        );
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        found.insert(name, result.scores[0].value);
    }
    assert_eq!(known.finished.len(), found.len());
    assert!(known.given_up.is_empty());
    found
}
