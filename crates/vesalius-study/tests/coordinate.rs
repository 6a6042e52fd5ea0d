//! The coordinator with workers that misbehave.

use serde_json::{Value, json};
use vesalius_study::coordinate::{self, Ended, Event};
use vesalius_study::exec::local::Local;
use vesalius_study::plan::{Ask, Resolved, Stages};
use vesalius_study::store::{GivenUp, MAX_STOPS, Store};
use vesalius_study::study::Study;
use vesalius_study::task::Stage;
use vesalius_study::task_dir::TaskDir;

const STUDY: &str = r#"
name = "small"
out = "out"
dataset = [{ pack = "PACK" }]
gan = [{ preset = "x" }]
budget = { runs = 1, kimg = 1.0 }
search = { sampler = { kind = "random" } }
"#;

fn study(folder: &std::path::Path) -> Study {
    let pack = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/compat/pack-1");
    let path = folder.join("study.toml");
    std::fs::write(&path, STUDY.replace("PACK", pack)).unwrap();
    Study::read(&path).unwrap()
}

/// Stages that take whatever they are given.
struct Fake;

impl Stages for Fake {
    fn training(&self, ask: &Ask) -> anyhow::Result<Resolved> {
        Ok(Resolved {
            spec: json!({ "preset": ask.preset }),
            paints_masks: false,
            truncates: false,
            encodes_styles: false,
        })
    }

    fn settings(&self, _: Stage, said: Value) -> anyhow::Result<Value> {
        Ok(said)
    }
}

#[test]
fn a_worker_that_always_wants_to_go_on_is_given_up_after_twenty_times() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path());
    let arguments = ["-c", "exit 75"].map(str::to_owned).to_vec();
    let mut local = Local::new("sh".into(), arguments, 1);
    let mut stops = 0;
    let mut count = |event: Event| stops += usize::from(matches!(event, Event::Stopped(_)));
    let ended = coordinate::run(&study, &Fake, &mut local, &|| false, &mut count).unwrap();
    assert_eq!((ended, stops), (Ended::Done { failed: 1 }, MAX_STOPS - 1));

    let store = Store::open(&study.folder()).unwrap();
    let given_up = store.progress().unwrap().given_up;
    let key = given_up.iter().next().unwrap();
    let Some(GivenUp::Failed(failure)) = store.given_up(key).unwrap() else { panic!("no failure") };
    assert!(failure.reason.contains("stopped 20 times"), "{}", failure.reason);
    let judge = std::fs::read_dir(study.folder().join("tasks")).unwrap().next().unwrap().unwrap();
    assert_eq!(TaskDir::at(&judge.path()).attempts().unwrap().len(), MAX_STOPS);
}

#[test]
fn asking_to_stop_never_counts_against_a_task() {
    let folder = tempfile::tempdir().unwrap();
    let study = study(folder.path());
    for _ in 0..=MAX_STOPS {
        let arguments =
            ["-c", "trap 'exit 75' TERM; echo > $0/at-work; while :; do sleep 0.01; done"];
        let mut local = Local::new("sh".into(), arguments.map(str::to_owned).to_vec(), 1);
        let tasks = study.folder().join("tasks");
        let at_work = || {
            let entries = std::fs::read_dir(&tasks).into_iter().flatten().flatten();
            entries.map(|entry| entry.path().join("at-work")).find(|path| path.exists())
        };
        let ended =
            coordinate::run(&study, &Fake, &mut local, &|| at_work().is_some(), &mut |_| {});
        assert_eq!(ended.unwrap(), Ended::Stopped);
        std::fs::remove_file(at_work().unwrap()).unwrap();
    }
    assert!(Store::open(&study.folder()).unwrap().progress().unwrap().given_up.is_empty());
}
