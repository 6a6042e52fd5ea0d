//! A disk that is full at any place of a command: nothing half-written under a final name, one line, and with room
//! again
//! the same command makes the same bytes.

use super::super::Bench;
use super::super::full_disk::Disk;
use super::{count, number, one_line, tiny};
use std::collections::BTreeMap;
use std::path::Path;
use vesalius_data::files::digest;

/// Digest of every file below a folder, and its size; but for what tells when something was done.
fn contents(folder: &Path, below: &str, found: &mut BTreeMap<String, (String, u64)>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = format!("{below}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            contents(&entry.path(), &name, found);
        } else {
            let digest = digest::of_file(&entry.path()).unwrap();
            found.insert(name, (digest, entry.metadata().unwrap().len()));
        }
    }
}

/// What depends on the clock or on how often the command was given.
const OF_THE_MOMENT: [&str; 6] =
    ["state.json", "stats.jsonl", "events.out", "result.json", "commands.log", "report"];

pub fn comparable(folder: &Path) -> BTreeMap<String, (String, u64)> {
    let mut found = BTreeMap::new();
    contents(folder, "", &mut found);
    found.retain(|name, _| !OF_THE_MOMENT.iter().any(|part| name.contains(part)));
    if let Ok(text) = std::fs::read(folder.join("manifest.json")) {
        // Its command names the folder.
        let mut json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        for field in ["command", "seal"] {
            json.as_object_mut().unwrap().remove(field);
        }
        found.insert("/manifest.json".to_owned(), (json.to_string(), 0));
    }
    found
}

/// A command whose `OUT` is another.
pub fn with(command: &[&str], out: &str) -> Vec<String> {
    command.iter().map(|word| if *word == "OUT" { out } else { word }.to_owned()).collect()
}

#[test]
fn a_disk_that_is_full_at_any_place_leaves_nothing_half_written() {
    let bench = Bench::new();
    let Some(disk) = Disk::mount(&bench.path("disk")) else { return };
    bench.phantom_pack("pack");
    bench.ok(&["phantom", "acdc", "data", "--patients", "3", "--seed", "3"]);
    bench.ok(&tiny("run", "0.16", &[]));
    let sample = vec!["sample", "run", "--count", "64", "--out", "OUT", "--threads", "1"];
    let export = vec!["export", "pack", "--as", "nifti", "--out", "OUT"];
    let prepare = vec![
        "prepare",
        "acdc",
        "data",
        "--out",
        "OUT",
        "--size",
        "32x32",
        "--crop",
        "centre:128x128",
    ];
    let report = vec!["report", "run", "--out", "OUT"];
    let train = tiny("OUT", "0.16", &["training.checkpoint_every_kimg=0.08"]);
    let commands = [sample, export, prepare, report, train];
    let mut refused = 0;
    let places = count("VESALIUS_PLACES", 10);
    let mut expected = vec![];
    for (i, command) in commands.iter().enumerate() {
        let out = format!("whole-{i}");
        let command = with(command, &out);
        bench.ok(&command.iter().map(String::as_str).collect::<Vec<_>>());
        let mut all = BTreeMap::new();
        contents(&bench.path(&out), "", &mut all);
        let bytes: u64 = all.values().map(|(_, size)| size.div_ceil(4096) * 4096).sum();
        expected.push((comparable(&bench.path(&out)), bytes));
    }
    for place in 0..places {
        let at = place % commands.len();
        let (whole, bytes) = &expected[at];
        let command = with(&commands[at], "disk/out");
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        disk.leave(number(place as u64) % bytes);
        let first = one_line(&bench, &command);
        if let Err(why) = &first {
            refused += 1;
            assert!(why.contains("No space left on device"), "{command:?}: {why}");
            let left: Vec<String> = std::fs::read_dir(bench.path("disk"))
                .unwrap()
                .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
                .filter(|name| name != "ballast")
                .collect();
            // A training's folder is there from its first file on; everything else appears whole.
            let may = if command[0] == "train" {
                left == ["out"] || left.is_empty()
            } else {
                left.is_empty()
            };
            assert!(may, "{command:?}: {left:?}");
        }
        disk.empty();
        let begun = bench.path("disk/out/task.toml").exists();
        if command[0] == "train" && begun && first.is_err() {
            bench.ok(&["train", "pack", "--out", "disk/out", "--resume", "--threads", "1"]);
        } else if first.is_err() {
            bench.ok(&command);
        }
        assert_eq!(comparable(&bench.path("disk/out")), *whole, "{command:?}");
        std::fs::remove_dir_all(bench.path("disk/out")).unwrap();
    }
    println!("full disk: {places} places, {refused} refused in one line, all the same after");
    assert!(refused * 2 > places, "{refused} of {places} places were full");
}
