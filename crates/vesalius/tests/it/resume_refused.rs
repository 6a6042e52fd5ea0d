//! A `--resume` that is refused says why in one line and leaves the run as it was.

use super::Bench;
use super::families::{STYLES, train};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every file below a folder, with its content.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

/// Refuses to go on with `run` on a pack, and nothing below it is another than before.
fn refuse(bench: &Bench, pack: &str, parts: &[&str]) {
    let before = files(&bench.path("run"));
    for name in ["task.toml", "commands.log", "stats.jsonl"] {
        assert!(before.contains_key(&bench.path("run").join(name)), "{name}");
    }
    // A length of its own, which would be written down.
    bench.refused(&["train", pack, "--out", "run", "--resume", "--kimg", "1"], parts);
    let after = files(&bench.path("run"));
    let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&before), names(&after));
    for (path, bytes) in &before {
        assert!(bytes == &after[path], "{} changed", path.display());
    }
}

/// Files of all checkpoints of `run` under a name.
fn of_checkpoints(bench: &Bench, name: &str) -> Vec<PathBuf> {
    let named = |path: &PathBuf| path.ends_with(name);
    files(&bench.path("run/checkpoints")).into_keys().filter(named).collect()
}

#[test]
fn a_resume_that_is_refused_leaves_the_run_as_it_was() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    bench.ok(&train("run", "stylegan", "0.1", &STYLES));
    std::fs::remove_file(bench.path("run/result.json")).unwrap();

    // From before the growing was changed.
    let task = bench.path("run/task.toml");
    let spec = std::fs::read_to_string(&task).unwrap();
    let grows = spec.replace("transition_kimg = 600.0", "transition_kimg = 5.0");
    assert_ne!(spec, grows);
    std::fs::write(&task, &grows).unwrap();
    let refusal = ["run/checkpoints/kimg_", "of other settings than task.toml", "start a new run"];
    let named = "(networks.growth.transition_kimg = 5.0, trained with 600.0)";
    refuse(&bench, "real", &[&refusal[..], &[named]].concat());

    // The same of a checkpoint that does not hold its settings, as of earlier versions.
    let settings = of_checkpoints(&bench, "task.toml");
    assert!(!settings.is_empty());
    for path in settings {
        std::fs::remove_file(&path).unwrap();
        // Version 1: no seal, no digest of the settings.
        let path = path.with_file_name("state.json");
        let mut state: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        state["format"] = 1.into();
        state.as_object_mut().unwrap().remove("seal");
        state["files"].as_object_mut().unwrap().remove("task.toml");
        std::fs::write(path, state.to_string()).unwrap();
    }
    refuse(&bench, "real", &[&refusal[..], &["networks.growth"]].concat());
    std::fs::write(&task, &spec).unwrap();

    // Of other pixels, and of another size: no StyleGAN of 64x64 is tried on it.
    bench.phantom_pack_of_classes("other", "32x32", &["background", "heart"]);
    refuse(&bench, "other", &["run/checkpoints/kimg_", "trained on another pack than other"]);
    bench.phantom_pack_of("larger", "64x64");
    refuse(&bench, "larger", &["run/checkpoints/kimg_", "trained on another pack than larger"]);

    let damaged = of_checkpoints(&bench, "generator_optimiser.safetensors").pop().unwrap();
    let good = std::fs::read(&damaged).unwrap();
    let mut bad = good.clone();
    *bad.last_mut().unwrap() ^= 1;
    std::fs::write(&damaged, bad).unwrap();
    refuse(&bench, "real", &["generator_optimiser.safetensors", "SHA-256", "damaged"]);

    // Whole again, it goes on, and for longer: the length is no setting that it was trained with.
    std::fs::write(&damaged, good).unwrap();
    bench.ok(&["train", "real", "--out", "run", "--resume", "--kimg", "0.12", "--threads", "1"]);
    assert!(bench.path("run/checkpoints/kimg_000000.120").exists());
    // The new one holds its settings again.
    assert_eq!(of_checkpoints(&bench, "task.toml").len(), 1);
}
