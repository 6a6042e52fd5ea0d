//! Controls, doses and shares of a study from its file to its report; and that no test patient's mask has a say in
//! anything that is trained or chosen.

use super::Bench;
use std::collections::BTreeMap;
use std::path::Path;
use vesalius_data::files::digest;
use vesalius_data::pack::manifest::Split;
use vesalius_data::pack::{Pack, PackWriter};
use vesalius_data::run::RunResult;
use vesalius_data::run::part::Part;

const STUDY: &str = r#"
name = "controlled"
out = "study"
set = [
    "networks.generator.filters=4", "networks.discriminator.filters=4", "training.batch=8",
    "training.checkpoint_every_kimg=0.05", "training.distance_every_kimg=0.05", "training.distance_images=32",
]
dataset = [{ pack = "pack" }]
gan = [{ preset = "dcgan" }]
budget = { runs = 2, kimg = 0.1 }
baselines = { real = true, real_augmented = true }

[search]
sampler = { kind = "random", seed = 1 }
[[search.parameter]]
paths = ["optimiser.generator.learning_rate", "optimiser.discriminator.learning_rate"]
range = [1e-4, 1e-3]

[best]
count = 40
unet_alone = true
unet_with_real = true
shares = [0.25, 0.5]

[controls]
labels_shuffled = true
noise = true
real_and_synthetic_augmented = true

[dose]
images = [4, 40]
patients = [2]

[unet]
preset = "small"
filters = 2
depth = 2
seeds = [1, 2]
steps = 12
batch = 4
"#;

/// A pack with validation patients, and the same with other masks of those who test.
fn packs(bench: &Bench, other: &Path) {
    bench.ok(&["phantom", "acdc", "data", "--patients", "8", "--seed", "3"]);
    let prepare = ["prepare", "acdc", "data", "--out", "pack", "--size", "32x32"];
    let sides = ["--crop", "centre:128x128", "--test-share", "0.25", "--validation-share", "0.34"];
    bench.ok(&[&prepare[..], &sides].concat());
    let pack = Pack::open(&bench.path("pack")).unwrap();
    let mut writer = PackWriter::create(other, pack.slice_shape()).unwrap();
    for (i, record) in pack.manifest().slices.iter().enumerate() {
        let slice = pack.slice(i).unwrap();
        let tests = pack.manifest().case(i).split == Split::Test;
        let changed = |&label: &u8| if tests { (label + 1) % pack.classes() as u8 } else { label };
        let labels: Vec<u8> = slice.labels.iter().map(changed).collect();
        writer.push(slice.pixels, &labels, record.clone()).unwrap();
    }
    writer.finish(pack.manifest().clone()).unwrap();
}

fn study(bench: &Bench) {
    std::fs::write(bench.path("study.toml"), STUDY).unwrap();
    bench.ok(&["study", "run", "study.toml", "--jobs", "2", "--threads", "1"]);
}

/// Every finished task: its folder and what it was to do.
fn tasks(bench: &Bench) -> Vec<(std::path::PathBuf, toml::Value)> {
    let entries = std::fs::read_dir(bench.path("study/tasks")).unwrap().flatten();
    let read = |folder: std::path::PathBuf| {
        let task = std::fs::read_to_string(folder.join("task.toml")).unwrap();
        (folder, toml::from_str(&task).unwrap())
    };
    entries.map(|entry| read(entry.path())).collect()
}

/// What was trained or chosen, by what was asked: which part of the pack, which settings; to digests of weights and images
/// and the scores that choices go by.
fn decided(bench: &Bench) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (folder, task) in tasks(bench) {
        let part = Path::new(task["packs"][0]["path"].as_str().unwrap()).file_name().unwrap();
        let asked = format!("{} {} {}", task["stage"], part.display(), task["spec"]);
        let mut own = vec![];
        let result = RunResult::read(&folder).unwrap();
        for name in ["unet.safetensors", "pack/slices.bin"] {
            let path = folder.join("attempts/1").join(name);
            own.extend(
                path.exists().then(|| format!("{name} {}", digest::of_file(&path).unwrap())),
            );
        }
        for checkpoint in
            std::fs::read_dir(folder.join("attempts/1/checkpoints")).into_iter().flatten()
        {
            let path = checkpoint.unwrap().path();
            let weights = digest::of_file(&path.join("generator.safetensors")).unwrap();
            own.push(format!("{} {weights}", path.file_name().unwrap().display()));
        }
        let chooses =
            |of: &Option<Part>| matches!(of, Some(Part::Validation | Part::BestDuringTraining));
        let scores = result.scores.iter().filter(|score| chooses(&score.of));
        own.extend(scores.map(|score| format!("{} {}", score.metric, score.value)));
        own.sort();
        found.entry(asked).or_default().push(own.join("\n"));
    }
    for all in found.values_mut() {
        all.sort();
    }
    found
}

#[test]
fn a_study_with_controls_and_a_dose_hears_nothing_of_test_masks() {
    let (bench, other) = (Bench::new(), Bench::new());
    packs(&bench, &other.path("pack"));
    let plan = {
        std::fs::write(bench.path("study.toml"), STUDY).unwrap();
        bench.ok(&["study", "plan", "study.toml", "--no-trial"])
    };
    assert!(plan.contains("memory"), "{plan}");
    // 12 steps of 4 slices see 24 synthetic ones: 40 are more than enough, 4 are not.
    study(&bench);
    study(&other);
    let (found, without) = (decided(&bench), decided(&other));
    assert_eq!(found.keys().collect::<Vec<_>>(), without.keys().collect::<Vec<_>>());
    let trained = found.values().flatten().filter(|own| own.contains("safetensors")).count();
    assert!(trained > 20, "{trained} U-Nets left weights to compare");
    for (asked, own) in &found {
        assert_eq!(own, &without[asked], "{asked}");
    }
    // Their Dice does hear of it.
    let dice = |bench: &Bench| -> f64 {
        let scores = tasks(bench).into_iter().filter_map(|(folder, _)| {
            let result = RunResult::read(&folder).unwrap();
            let mean = result.scores.iter().find(|s| s.of == Some(Part::PER_VOLUME_MEAN))?;
            (mean.metric == "dice").then_some(mean.value)
        });
        scores.sum()
    };
    assert!((dice(&bench) - dice(&other)).abs() > 1e-3);

    // GANs of fewer patients saw those patients and nobody else.
    let of_part = |task: &toml::Value| {
        task["packs"][0]["path"].as_str().is_some_and(|path| path.ends_with("pack/patients-2"))
    };
    let few = tasks(&bench);
    let few: Vec<_> = few.iter().filter(|(_, task)| of_part(task)).collect();
    let sampled = few.iter().find(|(_, task)| task["stage"].as_str() == Some("sample")).unwrap();
    let made = Pack::open(&sampled.0.join("attempts/1/pack")).unwrap();
    let part = Pack::open(&bench.path("pack/patients-2")).unwrap();
    let vesalius_data::pack::manifest::Provenance::Synthetic { seen, trained_on, .. } =
        &made.manifest().provenance
    else {
        panic!("synthetic")
    };
    assert_eq!((seen.len(), trained_on.as_str()), (2, part.digest()));

    let page = bench.ok(&["study", "report", "study.toml", "--out", "report"]);
    let html = std::fs::read_to_string(bench.path(page.trim())).unwrap();
    for part in [
        "Do the controls hold?",
        "labels shuffled",
        "perturbed training pairs in place of",
        "classical augmentation",
        "Dice by training patients",
        "As real images of so many patients",
        "was chosen of",
    ] {
        assert!(html.contains(part), "{part}");
    }
    let rows = std::fs::read_to_string(bench.path("report/dose.csv")).unwrap();
    let patients: Vec<&str> =
        rows.lines().skip(1).map(|row| row.split(',').nth(2).unwrap()).collect();
    assert!(patients.contains(&"2"), "{rows}");
}

/// `--steps auto` chooses, too: by the real pack's training patients.
#[test]
fn a_length_that_is_found_hears_nothing_of_test_masks() {
    let (bench, other) = (Bench::new(), Bench::new());
    packs(&bench, &other.path("pack"));
    let trained = |bench: &Bench| {
        let segment = ["segment", "--train", "pack", "--test", "pack", "--out", "unet"];
        let how = ["--preset", "small", "--filters", "2", "--depth", "1", "--batch", "4"];
        let long = ["--learning-rate", "0.02", "--steps", "auto", "--threads", "1"];
        bench.ok(&[&segment[..], &how, &long].concat());
        let result = RunResult::read(&bench.path("unet")).unwrap();
        let dice = result.scores.iter().find(|score| score.of == Some(Part::PER_VOLUME_MEAN));
        let weights = digest::of_file(&bench.path("unet/unet.safetensors")).unwrap();
        (result.settings["steps"].as_u64().unwrap(), weights, dice.unwrap().value)
    };
    let (found, without) = (trained(&bench), trained(&other));
    assert_eq!((found.0, &found.1), (without.0, &without.1));
    assert!((found.2 - without.2).abs() > 1e-3, "their Dice does hear of it: {}", found.2);
}

#[test]
fn parts_of_packs_are_named_on_the_command_line_and_refused_in_a_line() {
    let bench = Bench::new();
    bench.phantom_pack("pack");
    let small = ["--preset", "small", "--filters", "2", "--depth", "2", "--steps", "2"];
    let segment = |train: &[&'static str], test: &'static str, out: &'static str| {
        let mut all = vec!["segment"];
        for pack in train {
            all.extend(["--train", pack]);
        }
        all.extend(["--test", test, "--out", out, "--threads", "1"]);
        [&all[..], &small].concat()
    };
    bench.ok(&["copying", "--real", "pack", "--memory-gan", "made", "--count", "30"]);
    bench.ok(&segment(&["pack/patients-2", "made/first-10/shuffled"], "pack/patients-2", "few"));
    let result = RunResult::read(&bench.path("few")).unwrap();
    let made = result.inputs.iter().find_map(|input| input.synthetic()).unwrap();
    assert_eq!((made.count, made.first_of, made.shuffled), (Some(10), Some(30), true));
    let few = result.inputs.iter().find_map(|input| input.patients()).unwrap();
    assert_eq!((few.count, few.of), (2, 3));
    for (train, parts) in [
        (["pack/patients-9"], ["patients-9", "expected 1 to 3 training patients"]),
        (["pack/shuffled"], ["shuffled", "expected a synthetic pack"]),
        (["pack/first-3"], ["first-3", "expected a synthetic pack"]),
        (["made/first-31"], ["first-31", "expected 1 to 30 pairs"]),
        (["pack/patients-02"], ["patients-02", "cannot be read"]),
    ] {
        bench.refused(&segment(&train, "pack", "no"), &parts);
    }
    let study = STUDY.replace("patients = [2]", "patients = [3]");
    std::fs::write(bench.path("study.toml"), study).unwrap();
    bench.refused(
        &["study", "plan", "study.toml"],
        &["study.toml:23:10", "validation patients", "prepare --validation-share"],
    );
    std::fs::write(
        bench.path("study.toml"),
        STUDY.replace("patients = [2]", "patients = [3]").replace("shares = [0.25, 0.5]\n", ""),
    )
    .unwrap();
    bench.refused(
        &["study", "plan", "study.toml"],
        &["3 patients, expected fewer than the 3 who train"],
    );
}
