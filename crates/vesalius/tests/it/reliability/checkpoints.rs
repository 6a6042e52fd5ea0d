//! Damaged checkpoints: gone round where that is exact, refused where it is not.

use super::super::Bench;
use super::super::resume::{checkpoints, newest, wait_for};
use super::super::study::{RUN, attempts, only_a_training, smoke, start, status, tasks};
use super::tiny;
use std::path::{Path, PathBuf};

const OFTEN: [&str; 1] = ["training.checkpoint_every_kimg=0.08"];

fn folders(run: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(run.join("checkpoints"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_string_lossy().starts_with("kimg_"))
        .collect();
    found.sort();
    found
}

fn trained(bench: &Bench, run: &str, kimg: &str) -> PathBuf {
    bench.ok(&tiny(run, kimg, &OFTEN));
    std::fs::remove_file(bench.path(run).join("result.json")).unwrap();
    bench.path(run)
}

/// A name, and what is done to a checkpoint.
type Spoil<'a> = (&'a str, &'a dyn Fn(&Path));

#[test]
fn a_training_goes_on_from_the_newest_checkpoint_that_is_whole_and_ends_the_same() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    bench.ok(&tiny("straight", "0.4", &OFTEN));
    let expected = newest(&bench.path("straight"), 400);
    let spoil: [Spoil; 5] = [
        ("emptied", &|path| std::fs::write(path.join("generator.safetensors"), b"").unwrap()),
        ("missing", &|path| {
            std::fs::remove_file(path.join("generator_optimiser.safetensors")).unwrap();
        }),
        ("flipped", &|path| {
            let file = path.join("averaged.safetensors");
            let mut bytes = std::fs::read(&file).unwrap();
            let last = bytes.len() - 3;
            bytes[last] ^= 1;
            std::fs::write(file, bytes).unwrap();
        }),
        ("pack digest", &|path| {
            let file = path.join("state.json");
            let text = std::fs::read_to_string(&file).unwrap();
            let at = text.find("\"pack_digest\": \"").unwrap() + 16;
            let other = if &text[at..=at] == "0" { "1" } else { "0" };
            std::fs::write(&file, [&text[..at], other, &text[at + 1..]].concat()).unwrap();
        }),
        ("settings", &|path| std::fs::write(path.join("task.toml"), "preset = \"x\"").unwrap()),
    ];
    for (name, spoil) in spoil {
        let run = trained(&bench, name, "0.32");
        let all = folders(&run);
        let [.., whole, damaged] = all.as_slice() else { panic!("{all:?}") };
        spoil(damaged);
        let arguments =
            ["train", "pack", "--out", name, "--resume", "--kimg", "0.4", "--threads", "1"];
        let output = bench.run(&arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{name}: {said}");
        let warning = said.lines().find(|line| line.starts_with("warning: ")).unwrap();
        for path in [whole, damaged] {
            let path = path.file_name().unwrap().to_string_lossy().into_owned();
            assert!(warning.contains(&path), "{name}: {warning}");
        }
        // The length stands in the settings that both keep.
        let mut found = newest(&run, 400);
        let mut expected = expected.clone();
        assert_ne!(found.remove("task.toml"), None);
        expected.remove("task.toml");
        assert_eq!(found, expected, "{name}");
        // It was written again under its name, and what was set aside is there to look at.
        assert!(folders(&run).contains(damaged), "{name}");
    }
}

#[test]
fn where_no_checkpoint_is_whole_all_are_named_and_nothing_changes() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    let run = trained(&bench, "run", "0.24");
    for folder in folders(&run) {
        std::fs::write(folder.join("discriminator.safetensors"), b"half").unwrap();
    }
    let lines = std::fs::read_to_string(run.join("stats.jsonl")).unwrap();
    let count = checkpoints(&run);
    let arguments =
        ["train", "pack", "--out", "run", "--resume", "--kimg", "0.4", "--threads", "1"];
    bench.refused(&arguments, &["no checkpoint is whole", "kimg_000000.240", "kimg_000000.160"]);
    assert_eq!(std::fs::read_to_string(run.join("stats.jsonl")).unwrap(), lines);
    assert_eq!(checkpoints(&run), count);
    bench.refused(&["sample", "run", "--count", "2", "--out", "x"], &["discriminator.safetensors"]);
}

#[test]
fn a_folder_of_checkpoints_that_cannot_be_listed_is_refused_and_the_statistics_stay() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    let run = trained(&bench, "run", "0.16");
    let lines = std::fs::read_to_string(run.join("stats.jsonl")).unwrap();
    // Root may list everything: a file in its place cannot be listed by anybody.
    std::fs::rename(run.join("checkpoints"), run.join("elsewhere")).unwrap();
    std::fs::write(run.join("checkpoints"), b"").unwrap();
    let arguments = ["train", "pack", "--out", "run", "--resume", "--threads", "1"];
    bench.refused(&arguments, &["run/checkpoints: cannot be listed"]);
    assert_eq!(std::fs::read_to_string(run.join("stats.jsonl")).unwrap(), lines);
}

#[test]
fn settings_that_were_edited_after_the_training_are_refused_when_it_is_sampled() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    bench.ok(&tiny("run", "0.08", &[]));
    let task = bench.path("run/task.toml");
    let text = std::fs::read_to_string(&task).unwrap();
    let edited = text.replace("activation = \"relu\"", "activation = \"elu\"");
    assert_ne!(edited, text);
    std::fs::write(&task, edited).unwrap();
    bench.refused(&["sample", "run", "--count", "2", "--out", "x"], &["task.toml", "expected"]);
}

/// What the training of a study found.
fn found(attempt: &Path) -> (std::collections::BTreeMap<String, String>, String) {
    let result: serde_json::Value =
        serde_json::from_slice(&std::fs::read(attempt.join("result.json")).unwrap()).unwrap();
    (newest(attempt, 1000), format!("{} {}", result["outcome"], result["scores"]))
}

#[test]
fn a_studys_training_without_a_whole_checkpoint_begins_anew_and_ends_the_same() {
    let straight = Bench::new();
    straight.with_judge();
    smoke(&straight, only_a_training);
    straight.ok(&RUN);
    let bench = Bench::new();
    bench.with_judge();
    smoke(&bench, only_a_training);
    let mut coordinator = start(&bench);
    let begun = || tasks(&bench, "train").pop().map(|task| task.join("attempts/1"));
    wait_for("two checkpoints", || begun().is_some_and(|attempt| checkpoints(&attempt) >= 2));
    let pid = rustix::process::Pid::from_child(&coordinator);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    assert_eq!(coordinator.wait().unwrap().code(), Some(75));
    let task = tasks(&bench, "train").remove(0);
    let first = task.join("attempts/1");

    // Whether there are any cannot be told: that is not "none".
    std::fs::rename(first.join("checkpoints"), first.join("elsewhere")).unwrap();
    std::fs::write(first.join("checkpoints"), b"").unwrap();
    assert_eq!(bench.run(&RUN).status.code(), Some(1));
    let reason = status(&bench)["failures"][0]["reason"].to_string();
    assert!(reason.contains("attempts/1/checkpoints: cannot be listed"), "{reason}");
    std::fs::remove_file(first.join("checkpoints")).unwrap();
    std::fs::rename(first.join("elsewhere"), first.join("checkpoints")).unwrap();

    let damaged = folders(&first);
    for (i, folder) in damaged.iter().enumerate() {
        let file = ["state.json", "generator.safetensors", "averaged.safetensors"][i % 3];
        let bytes = std::fs::read(folder.join(file)).unwrap();
        std::fs::write(folder.join(file), &bytes[..bytes.len() - 9]).unwrap();
    }
    bench.ok(&["study", "retry", "studies/smoke.toml"]);
    bench.ok(&RUN);
    let log = std::fs::read_to_string(task.join("output.log")).unwrap();
    let warning = log.lines().find(|line| line.contains("no checkpoint is whole")).unwrap();
    for folder in &damaged {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        assert!(warning.contains(&name), "{warning}");
    }
    assert!(warning.starts_with("warning: ") && warning.contains("begins anew"), "{warning}");
    let last = task.join(format!("attempts/{}", attempts(&task)));
    let other = tasks(&straight, "train").remove(0);
    assert_eq!(found(&last), found(&other.join("attempts/1")));
    assert!(task.join("result.json").exists());
}

#[test]
fn a_studys_training_killed_behind_its_last_checkpoint_keeps_its_pictures() {
    let bench = Bench::new();
    bench.with_judge();
    smoke(&bench, only_a_training);
    bench.ok(&RUN);
    let task = tasks(&bench, "train").remove(0);
    let pictures = std::fs::read(task.join("samples.png")).unwrap();
    let before = found(&task.join("attempts/1"));
    for gone in ["result.json", "samples.png", "attempts/1/result.json"] {
        std::fs::remove_file(task.join(gone)).unwrap();
    }
    bench.ok(&["study", "reindex", "studies/smoke.toml"]);
    bench.ok(&RUN);
    assert_eq!(found(&task.join("attempts/2")), before);
    for place in ["samples.png", "attempts/2/samples.png"] {
        assert!(std::fs::read(task.join(place)).unwrap() == pictures, "{place}");
    }
}
