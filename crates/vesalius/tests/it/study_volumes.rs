//! A study of volumes: one GAN makes them, another's slices are stacked, a third paints their masks plane by plane; all
//! are judged alike.

use super::Bench;
use std::collections::BTreeMap;
use std::path::PathBuf;
use vesalius_data::pack::Pack;

const STUDY: &str = r#"
name = "volumes"
out = "study"
set = ["training.batch=4", "training.checkpoint_every_kimg=0.03", "training.distance_every_kimg=0.03",
    "training.distance_images=16"]
dataset = [{ pack = "pack" }]
budget = { runs = 4, kimg = 0.03 }
search = { sampler = { kind = "grid" } }
baselines = { real = true }

[[gan]]
preset = "lsgan"
set = ["networks.generator.filters=4", "networks.discriminator.filters=4"]

[[gan]]
preset = "dcgan"
slices = true
set = ["networks.generator.filters=4", "networks.discriminator.filters=4"]

[[gan]]
preset = "dcgan"
set = ["networks.generator.filters=4", "networks.discriminator.filters=4"]

[[gan]]
preset = "spade"
slices = true
masks = "warped"
training_styles = true
set = ["networks.generator.filters=1", "networks.generator.hidden=4", "networks.generator.style=4", "regularise.vgg=0",
    "networks.discriminator.filters=2"]

[best]
count = 20
distance = ["unet"]
copying = true
coherence = true
unet_alone = true
unet_with_real = true

[controls]
noise = true
labels_shuffled = true

[dose]
gans = ["dcgan-slices"]
images = [4]
patients = [2]

[question]
gan = "spade-slices"

[unet]
filters = 2
steps = 4
batch = 2
"#;

fn prepared() -> Bench {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "8", "--seed", "3"]);
    let prepare = ["prepare", "acdc", "data", "--out", "pack", "--volume", "4x64x64"];
    bench.ok(&[&prepare[..], &["--spacing", "10x2x2", "--test-share", "0.5"]].concat());
    bench
}

/// Packs that tasks of a stage left, by their rows.
fn made(bench: &Bench) -> BTreeMap<String, PathBuf> {
    let tasks = std::fs::read_dir(bench.path("study/tasks")).unwrap().flatten();
    let packs = tasks.map(|task| task.path().join("attempts/1/pack")).filter(|path| path.exists());
    let row = |path: PathBuf| {
        let pack = Pack::open_any(&path).unwrap();
        assert!(pack.slice_shape().is_volume(), "{}", path.display());
        (pack.manifest().provenance.row().unwrap().to_string(), path)
    };
    packs.map(row).collect()
}

#[test]
fn volumes_stacks_and_painted_masks_are_judged_in_one_study() {
    let bench = prepared();
    std::fs::write(bench.path("study.toml"), STUDY).unwrap();
    let plan = bench.ok(&["study", "plan", "study.toml"]);
    assert!(plan.contains("coherence"), "{plan}");
    bench.ok(&["study", "run", "study.toml", "--jobs", "2", "--threads", "1"]);
    let status = bench.ok(&["study", "status", "study.toml"]);
    assert!(!status.contains("failed"), "{status}");

    let made = made(&bench);
    let rows: Vec<&str> = made.keys().map(String::as_str).collect();
    assert_eq!(
        rows,
        [
            "dcgan",
            "dcgan, stacked slices",
            "lsgan",
            "memory",
            "spade, warped masks, stacked slices"
        ]
    );
    let report = bench.ok(&["study", "report", "study.toml", "--out", "report"]);
    let html = std::fs::read_to_string(bench.path(report.trim())).unwrap();
    for part in [
        "DCGAN, stacked slices",
        "SPADE, warped masks, stacked slices",
        "Volumes: do neighbouring planes fit?",
        "Copying: are training patients repeated?",
        "labels shuffled",
        "Dice by training patients",
    ] {
        assert!(html.contains(part), "{part}");
    }
    // The question names the painter; its row is called by its masks and stacks.
    assert!(!html.contains("the question is about images of"), "the question's GAN has a row");
    assert!(!html.contains("left out: their generator saw other patients"));
    // Distance and copying look at planes and at whole volumes, and no table mixes the two.
    for part in
        ["DCGAN, whole volumes", "Fréchet distance (unet, volumes)", "Fréchet distance (unet)"]
    {
        assert!(html.contains(part), "{part}");
    }
    let means = std::fs::read_to_string(bench.path("report/coherence_means.csv")).unwrap();
    assert!(means.lines().count() > 3 && means.contains("LV cavity"), "{means}");
}

#[test]
fn what_is_asked_of_volumes_is_refused_for_slices_before_anything_is_trained() {
    let bench = prepared();
    let refused = |pack: &str, from: &str, to: &str, parts: &[&str]| {
        let text = STUDY.replace("\"pack\"", &format!("\"{pack}\"")).replace(from, to);
        std::fs::write(bench.path("study.toml"), text).unwrap();
        for command in ["plan", "run"] {
            bench.refused(&["study", command, "study.toml"], parts);
        }
        assert!(!bench.path("study/tasks").exists());
    };
    refused("pack/slices", "x", "x", &["study.toml:", "slices = true", "a pack of slices"]);
    // Without the GANs that stand there as makers of slices.
    let start = STUDY.find("[[gan]]\npreset = \"dcgan\"\nslices").unwrap();
    let end = STUDY.find("[best]").unwrap();
    let [all, named] = [&STUDY[start..end], "gans = [\"dcgan-slices\"]\n"];
    let study = STUDY.replace(all, "").replace(named, "").replace("gan = \"spade-slices\"\n", "");
    std::fs::write(bench.path("study.toml"), study.replace("\"pack\"", "\"pack/slices\"")).unwrap();
    let parts = ["study.toml:", "coherence", "a pack of slices"];
    bench.refused(&["study", "plan", "study.toml"], &parts);
    let parts = ["real_augmented", "turns slices", "expected false"];
    refused("pack", "real = true }", "real = true, real_augmented = true }", &parts);
    let stylegan = "[[gan]]\npreset = \"stylegan\"\n";
    let text =
        STUDY.replace("runs = 4", "runs = 5").replace("[best]", &format!("{stylegan}[best]"));
    std::fs::write(bench.path("study.toml"), text).unwrap();
    let parts = ["volumes of 4x64x64: networks.family stylegan ", "PACK/slices"];
    bench.refused(&["study", "plan", "study.toml"], &parts);
}
