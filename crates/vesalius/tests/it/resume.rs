//! Stopping and going on leaves no trace.

use super::Bench;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const SMALL: [&str; 16] = [
    "--kimg",
    "2",
    "--threads",
    "1",
    "--set",
    "networks.generator.filters=16",
    "--set",
    "networks.discriminator.filters=16",
    "--set",
    "training.batch=8",
    "--set",
    "training.checkpoint_every_kimg=0.25",
    "--set",
    "training.distance_every_kimg=0",
    "--set",
    "augment.classical=true",
];

fn train<'a>(run: &'a str, preset: &'a str) -> Vec<&'a str> {
    let mut arguments = vec!["train", "real", "--preset", preset, "--out", run];
    arguments.extend(SMALL);
    arguments
}

/// SHA-256 of every tensor file of the newest checkpoint, after at least `length` images.
pub fn newest(run: &Path, length: u64) -> BTreeMap<String, String> {
    let mut folders: Vec<_> = std::fs::read_dir(run.join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    let state = std::fs::read(folders.last().unwrap().join("state.json")).unwrap();
    let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
    // WGAN's steps of many batches may overshoot the length.
    assert!(state["images"].as_u64().unwrap() >= length);
    serde_json::from_value(state["files"].clone()).unwrap()
}

pub fn wait_for(what: &str, mut there: impl FnMut() -> bool) {
    let started = Instant::now();
    while !there() {
        assert!(started.elapsed() < Duration::from_mins(5), "waited five minutes for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

pub fn checkpoints(run: &Path) -> usize {
    std::fs::read_dir(run.join("checkpoints")).map_or(0, |entries| {
        entries
            .flatten()
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .count()
    })
}

#[test]
fn two_thousand_images_straight_equal_a_kill_and_a_resume() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.ok(&train("straight", "dcgan"));

    let killed = bench.path("killed");
    let mut child = bench.command(&train("killed", "dcgan")).spawn().unwrap();
    wait_for("two checkpoints", || checkpoints(&killed) >= 2);
    child.kill().unwrap(); // SIGKILL: nothing can be tidied up
    child.wait().unwrap();
    assert!(!killed.join("result.json").exists(), "killed too late to prove anything");
    bench.ok(&["train", "real", "--out", "killed", "--resume", "--threads", "1"]);

    assert_eq!(newest(&bench.path("straight"), 2000), newest(&killed, 2000));
    let kimgs = |run: &str| -> Vec<String> {
        let text = std::fs::read_to_string(bench.path(run).join("stats.jsonl")).unwrap();
        let line = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
        text.lines()
            .map(line)
            .map(|stat| format!("{} {} {}", stat["kimg"], stat["loss_d"], stat["loss_g"]))
            .collect()
    };
    assert_eq!(kimgs("straight"), kimgs("killed"));
    bench.refused(&["train", "real", "--out", "killed", "--resume"], &["finished"]);
}

#[cfg(unix)]
#[test]
fn each_signal_writes_a_checkpoint_and_asks_to_be_started_again() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let run = bench.path("run");
    // Long enough that no signal can come too late: WGAN's first steps take 100 batches each.
    let long = |run| {
        let mut arguments = train(run, "wgan");
        arguments[7] = "8"; // --kimg
        arguments
    };
    let resume = ["train", "real", "--out", "run", "--resume", "--threads", "1"];
    let statistics =
        || std::fs::read_to_string(run.join("stats.jsonl")).map_or(0, |text| text.lines().count());
    let mut before = 0;
    for (signal, arguments) in
        [("-USR1", long("run")), ("-TERM", resume.to_vec()), ("-INT", resume.to_vec())]
    {
        let mut child = bench.command(&arguments).spawn().unwrap();
        // From then on signals are caught.
        wait_for("new statistics", || statistics() > before);
        let signalled = std::process::Command::new("kill")
            .args([signal, &child.id().to_string()])
            .status()
            .unwrap();
        assert!(signalled.success());
        let status = child.wait().unwrap();
        assert_eq!(status.code(), Some(75), "{signal}");
        assert!(checkpoints(&run) >= 1, "{signal}");
        assert!(!run.join("result.json").exists(), "{signal}");
        before = statistics();
    }
    bench.ok(&resume);
    bench.ok(&long("straight"));
    assert_eq!(newest(&run, 8000), newest(&bench.path("straight"), 8000));
}

#[test]
fn breaking_down_is_an_outcome_with_a_reason() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.with_judge();
    let ends = |run: &str, settings: &[&str], reason: &str| {
        let mut arguments = train(run, "dcgan");
        for setting in settings {
            arguments.extend(["--set", *setting]);
        }
        let output = bench.run(&arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{run}: {text}");
        let result = std::fs::read(bench.path(run).join("result.json")).unwrap();
        let result: serde_json::Value = serde_json::from_slice(&result).unwrap();
        let outcome = &result["outcome"];
        assert_eq!(outcome["kind"], "diverged", "{run}: {outcome}");
        assert!(outcome["reason"].as_str().unwrap().contains(reason), "{run}: {outcome}");
        assert_eq!(result["scores"], serde_json::json!([]), "{run}: a number of a broken run");
    };
    ends("nan", &["optimiser.discriminator.learning_rate=1e30"], "losses NaN");
    // Broken by the very update before a measurement: no loss has seen it yet.
    let measured = ["training.distance_images=8", "training.distance_every_kimg=0.001"];
    let late = [&measured[..], &["optimiser.generator.learning_rate=1e30"]].concat();
    ends("late", &late, "generated images hold NaN");
    // Every latent gives the same image, of which no Fréchet distance is defined.
    let flat = [
        "training.distance_images=8",
        "training.distance_every_kimg=0.05",
        "networks.init.gain=1e-20",
        "optimiser.generator.learning_rate=1e-12",
    ];
    ends("flat", &flat, "collapse");
}

#[test]
fn a_checkpoint_of_another_family_or_pack_is_refused() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let mut short = train("run", "dcgan");
    short[7] = "0.1"; // --kimg
    bench.ok(&short);
    std::fs::remove_file(bench.path("run/result.json")).unwrap();
    let task = bench.path("run/task.toml");
    let spec = std::fs::read_to_string(&task).unwrap();
    std::fs::write(&task, spec.replace("filters = 16", "filters = 8")).unwrap();
    bench.refused(
        &["train", "real", "--out", "run", "--resume", "--kimg", "1"],
        &["run/checkpoints", "expected"],
    );
    std::fs::write(&task, spec).unwrap();
    bench.ok(&["phantom", "acdc", "others", "--patients", "3", "--seed", "9"]);
    bench.ok(&["prepare", "acdc", "others", "--out", "other", "--size", "32x32"]);
    bench.refused(
        &["train", "other", "--out", "run", "--resume", "--kimg", "1"],
        &["another pack", "other"],
    );
    std::fs::write(
        bench.path("run/checkpoints").join(last(&bench)).join("averaged.safetensors"),
        b"x",
    )
    .unwrap();
    bench.refused(&["sample", "run", "--out", "fake"], &["averaged.safetensors", "SHA-256"]);
}

fn last(bench: &Bench) -> String {
    let mut names: Vec<String> = std::fs::read_dir(bench.path("run/checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names.pop().unwrap()
}
