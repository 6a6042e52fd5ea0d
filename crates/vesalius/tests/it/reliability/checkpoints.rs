//! Damaged checkpoints: gone round where that is exact, refused where it is not.

use super::super::Bench;
use super::super::resume::{checkpoints, newest};
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
