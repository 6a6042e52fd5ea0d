//! Studies, with real processes and real signals.

use super::Bench;
use super::resume::{newest, wait_for};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

/// `studies/smoke.toml` beside a pack of phantoms.
pub fn smoke(bench: &Bench, edit: impl Fn(String) -> String) {
    bench.phantom_pack("packs/phantom");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../studies/smoke.toml");
    let text = std::fs::read_to_string(path).unwrap();
    std::fs::create_dir_all(bench.path("studies")).unwrap();
    std::fs::write(bench.path("studies/smoke.toml"), edit(text)).unwrap();
}

/// One short training and nothing after it.
pub fn only_a_training(text: String) -> String {
    let (text, _) = text.split_once("[best]").unwrap();
    text.replace("[[gan]]\npreset = \"wgan\"\nset = [\"training.critic_boost=false\", \"training.critic_steps=2\"]\n", "")
        .replace("runs = 4", "runs = 1")
        .replace("kimg = 0.2\n", "kimg = 1.0\n")
        .replace("[[search.parameter]]\npaths = [\"regularise.weight_clip\"]\nchoices = [0.01, 0.1]\nwhen = { preset = [\"wgan\"] }\n", "")
}

pub const RUN: [&str; 5] = ["study", "run", "studies/smoke.toml", "--jobs", "2"];

pub fn status(bench: &Bench) -> serde_json::Value {
    let text = bench.ok(&["study", "status", "studies/smoke.toml", "--json"]);
    serde_json::from_str(&text).unwrap()
}

/// Folders of tasks of a stage.
pub fn tasks(bench: &Bench, stage: &str) -> Vec<PathBuf> {
    let entries =
        std::fs::read_dir(bench.path("study-smoke/tasks")).into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = entries
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(stage))
        .map(|entry| entry.path())
        .collect();
    found.sort();
    found
}

pub fn attempts(task: &Path) -> usize {
    std::fs::read_dir(task.join("attempts")).map_or(0, Iterator::count)
}

pub fn start(bench: &Bench) -> Child {
    bench.command(&RUN).stderr(Stdio::null()).spawn().unwrap()
}

/// What a study can say of its judges.
const JUDGES: &str = "\
distance = [\"unet\", { extractor = \"unet\", real_split = \"test\", biased = true }]
metrics = { extractor = \"unet\", metrics = [\"kid\", \"psnr\"], kid_subset = 5 }
copying = { planted = 2, pairs = 2, pixels_only = true }
plausibility = { false_alarms = 0.1 }";

#[test]
fn a_study_goes_from_a_file_to_a_report_and_survives_its_coordinators_deaths() {
    let bench = Bench::new();
    bench.with_judge();
    smoke(&bench, |text| text.replace("distance = [\"unet\"]", JUDGES));
    let plan = bench.ok(&["study", "plan", "studies/smoke.toml"]);
    assert!(plan.contains("1 dataset x 2 GANs, 4 trainings"), "{plan}");

    // Killed three times at moments of the work, with whatever was running.
    for results in [1, 4, 7] {
        let mut coordinator = start(&bench);
        wait_for("results", || {
            let done = tasks(&bench, "").iter().filter(|t| t.join("result.json").exists()).count();
            done >= results
        });
        coordinator.kill().unwrap();
        coordinator.wait().unwrap();
    }
    bench.ok(&RUN);
    let state = status(&bench);
    let counts = &state["counts"];
    // 1 judge, 2 baselines, 4 trainings, and for the best of each GAN a pack, two distances, metrics, an audit, a check
    // of masks and two U-Nets.
    assert_eq!(
        counts["finished"].as_u64().unwrap() + counts["diverged"].as_u64().unwrap(),
        23,
        "{state}"
    );
    for other in ["failed", "blocked", "to_do", "later"] {
        assert_eq!(counts[other], 0, "{state}");
    }
    assert_eq!(tasks(&bench, "").len(), 23, "nothing was done twice under two names");

    let before = status(&bench);
    std::fs::remove_file(bench.path("study-smoke/store.sqlite")).unwrap();
    bench.ok(&["study", "reindex", "studies/smoke.toml"]);
    assert_eq!(status(&bench), before, "the store is what the folders say");

    let page = bench.ok(&["study", "report", "studies/smoke.toml", "--out", "report"]);
    let html = std::fs::read_to_string(bench.path(page.trim())).unwrap();
    assert!(html.contains("DCGAN") && html.contains("data:image/png;base64,"));
    for part in ["KID", "PSNR", "Flagged share", "Implausible share"] {
        assert!(html.contains(part), "{part}");
    }

    let edited = tasks(&bench, "segment")[0].join("result.json");
    let text = std::fs::read_to_string(&edited).unwrap();
    std::fs::write(&edited, text.replace("\"value\": 0.", "\"value\": 0.9")).unwrap();
    bench.refused(&RUN, &["result.json", "was edited", "reindex"]);
    std::fs::remove_file(&edited).unwrap();
    bench.refused(&RUN, &["result.json", "is gone", "reindex"]);
    bench.ok(&["study", "reindex", "studies/smoke.toml"]);
    bench.ok(&RUN);
    assert_eq!(status(&bench)["counts"]["to_do"], 0);
}

/// The process of a coordinator's worker.
pub fn child_at_work_on(coordinator: u32, task: &str) -> String {
    let children = format!("/proc/{coordinator}/task/{coordinator}/children");
    let all = std::fs::read_to_string(children).unwrap();
    let on_it = |pid: &&str| {
        std::fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|line| line.contains(task))
    };
    all.split_whitespace().find(on_it).expect("a worker on the task").to_owned()
}

#[test]
fn a_worker_killed_on_its_way_leaves_no_trace_in_what_is_learned() {
    let straight = Bench::new();
    straight.with_judge();
    smoke(&straight, only_a_training);
    straight.ok(&RUN);
    let killed = Bench::new();
    killed.with_judge();
    smoke(&killed, only_a_training);
    let mut coordinator = start(&killed);
    let checkpoints = || {
        tasks(&killed, "train")
            .iter()
            .map(|t| super::resume::checkpoints(&t.join("attempts/1")))
            .sum::<usize>()
    };
    wait_for("two checkpoints", || checkpoints() >= 2);
    let task = tasks(&killed, "train").remove(0);
    let worker = child_at_work_on(coordinator.id(), "train-");
    // Two jobs share out the machine.
    let line = std::fs::read_to_string(format!("/proc/{worker}/cmdline")).unwrap();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    assert!(line.contains(&format!("\0--threads\0{}\0", (cpus / 2).max(1))), "{line:?}");
    let killed_it =
        std::process::Command::new("kill").args(["-KILL", &worker]).status().unwrap().success();
    assert!(killed_it);
    assert_eq!(coordinator.wait().unwrap().code(), Some(0));
    assert_eq!(attempts(&task), 2);
    let failure = std::fs::read_to_string(task.join("attempts/1/failure.json")).unwrap();
    assert!(failure.contains("signal 9"), "{failure}");
    let other = tasks(&straight, "train").remove(0);
    assert_eq!(newest(&task.join("attempts/2"), 1000), newest(&other.join("attempts/1"), 1000));
}

#[test]
fn a_second_coordinator_and_a_changed_pack_are_refused_and_a_signal_stops() {
    let bench = Bench::new();
    smoke(&bench, only_a_training);
    let mut coordinator = start(&bench);
    wait_for("a worker", || tasks(&bench, "judge").iter().any(|task| attempts(task) > 0));
    bench.refused(&RUN, &["coordinates here since", "host", "process"]);
    std::process::Command::new("kill")
        .args(["-TERM", &coordinator.id().to_string()])
        .status()
        .unwrap();
    assert_eq!(coordinator.wait().unwrap().code(), Some(75));
    // The same command goes on; the judge is there by then.
    bench.with_judge();
    bench.ok(&RUN);
    assert_eq!(status(&bench)["counts"]["finished"], 2);

    std::fs::rename(bench.path("packs/phantom"), bench.path("packs/old")).unwrap();
    bench.ok(&["phantom", "acdc", "others", "--patients", "4", "--seed", "9"]);
    bench.ok(&[
        "prepare",
        "acdc",
        "others",
        "--out",
        "packs/phantom",
        "--size",
        "32x32",
        "--crop",
        "centre:128x128",
    ]);
    bench.refused(&RUN, &["packs/phantom", "the pack changed since study smoke began"]);
}

#[test]
fn a_task_that_fails_three_times_is_said_why_and_the_study_goes_on_without_it() {
    let bench = Bench::new();
    // A baseline needs no judge.
    let baseline = "[unet]\nsteps = 5\nbatch = 4\n[baselines]\nreal = true\n";
    smoke(&bench, |text| only_a_training(text) + baseline);
    // The judge's cache cannot be written where a file stands in its way.
    std::fs::write(bench.path("cache"), "in the way").unwrap();
    assert_eq!(bench.run(&RUN).status.code(), Some(1));
    let state = status(&bench);
    for (count, expected) in [("failed", 1), ("blocked", 1), ("finished", 1), ("to_do", 0)] {
        assert_eq!(state["counts"][count], expected, "{count}: {state}");
    }
    let failure = &state["failures"][0];
    assert!(failure["reason"].as_str().unwrap().contains("cache"), "{state}");
    assert!(!failure["output"].as_array().unwrap().is_empty(), "{state}");
    assert_eq!(attempts(&tasks(&bench, "judge")[0]), 3);
    std::fs::remove_file(bench.path("cache")).unwrap();
    bench.with_judge();
    bench.ok(&["study", "retry", "studies/smoke.toml"]);
    bench.ok(&RUN);
    assert_eq!(status(&bench)["counts"]["finished"], 3);
}

#[test]
fn what_is_wrong_with_a_space_is_named_before_anything_starts() {
    for (from, to, parts) in [
        (
            "regularise.weight_clip",
            "regularise.weight_clap",
            &[":37:11:", "wgan", "weight_clap"][..],
        ),
        ("[0.01, 0.1]", "[0.01, -1.0]", &[":37:11:", "regularise.weight_clip = -1"]),
        ("preset = \"dcgan\"", "preset = \"dcgam\"", &[":20:10:", "dcgam", "expected one of"]),
        ("[\"wgan\"]", "[\"wgam\"]", &["can never hold", "wgam"]),
        ("training.batch=8", "training.bath=8", &[":10:5:", "bath"]),
        ("critic_steps=2", "critic_step=2", &[":23:39:", "critic_step"]),
        ("training.batch=8", "training.kimg=8", &[":10:5:", "kimg of [budget]"]),
        ("[\"regularise.weight_clip\"]", "[\"training.seed\"]", &[":36:9:", "expected seeds"]),
    ] {
        let bench = Bench::new();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../studies/smoke.toml");
        let text = std::fs::read_to_string(path).unwrap().replacen(from, to, 1);
        std::fs::write(bench.path("smoke.toml"), text).unwrap();
        bench.refused(&["study", "plan", "smoke.toml"], parts);
        assert!(!bench.path("study-smoke").exists());
    }
}

#[test]
fn the_published_study_has_1500_trainings() {
    let bench = Bench::new();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../studies/paper.toml");
    let plan = bench.ok(&["study", "plan", path]);
    assert!(plan.contains("3 datasets x 8 GANs, 1500 trainings"), "{plan}");
    let row = |stage: &str| plan.lines().find(|line| line.starts_with(stage)).unwrap().to_owned();
    assert!(row("train").split_whitespace().eq(["train", "1500", "0", "1500", "0"]), "{plan}");
    assert!(row("sample").split_whitespace().eq(["sample", "24", "0", "0", "24"]), "{plan}");
}
