//! Label maps of test patients and of other data, by segmenters that runs keep.

use super::Bench;
use std::path::{Path, PathBuf};
use vesalius_data::formats::contents::VolumeFile;
use vesalius_data::formats::nifti;
use vesalius_data::pack::Pack;

/// Phantoms of four patients, prepared with a crop, and one segmenter for each of two seeds.
fn trained() -> Bench {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "4", "--seed", "3"]);
    let prepare = ["prepare", "acdc", "data", "--out", "real", "--size", "32x32"];
    bench.ok(&[&prepare[..], &["--crop", "centre:64x64", "--test-share", "0.5"]].concat());
    bench.ok(&[&SEGMENT[..], &["--seeds", "1,2", "--predictions", "predicted"]].concat());
    bench
}

const SEGMENT: [&str; 17] = [
    "segment",
    "--train",
    "real",
    "--test",
    "real",
    "--out",
    "runs",
    "--preset",
    "strong",
    "--filters",
    "4",
    "--steps",
    "30",
    "--batch",
    "4",
    "--threads",
    "1",
];

/// Names and contents of the label maps in a folder.
fn maps(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "gz" || ending == "png"))
        .map(|path| {
            let bytes = std::fs::read(&path).unwrap();
            (path.file_name().unwrap().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    found.sort();
    found
}

fn image_of(bench: &Bench, case: &str) -> PathBuf {
    let patient = case.split('_').next().unwrap();
    let places = ["training", "testing"];
    let places = places.map(|side| bench.path(&format!("data/{side}/{patient}/{case}.nii.gz")));
    places.into_iter().find(|path| path.exists()).unwrap()
}

#[test]
fn label_maps_lie_on_the_grids_of_their_images_whoever_asks_for_them() {
    let bench = trained();
    let predicted = maps(&bench.path("predicted"));
    assert_eq!(predicted.len(), 4, "two frames of two test patients");
    for (name, bytes) in &predicted {
        let case = name.trim_end_matches(".nii.gz");
        let image = nifti::parse(&std::fs::read(image_of(&bench, case)).unwrap()).unwrap();
        let map = nifti::parse(bytes).unwrap();
        let place = |file: &VolumeFile| (file.volume.shape(), file.spacing_mm);
        assert_eq!(place(&map), place(&image), "{name}");
        let (map, image) = (map.geometry.unwrap(), image.geometry.unwrap());
        assert!(map.onto(&image).is_some_and(|alignment| alignment.is_identity()), "{name}");
    }
    // The same of the pack, and of the images as files that nobody prepared.
    let predict = ["predict", "runs/ensemble", "--threads", "1", "--data"];
    bench.ok(&[&predict[..], &["real", "--split", "test", "--out", "of-pack"]].concat());
    assert_eq!(maps(&bench.path("of-pack")), predicted);
    std::fs::create_dir(bench.path("images")).unwrap();
    for (name, _) in &predicted {
        let case = name.trim_end_matches(".nii.gz");
        let to = bench.path(&format!("images/{}", name.replace(".nii", "_0000.nii")));
        std::fs::copy(image_of(&bench, case), to).unwrap();
    }
    bench.ok(&[&predict[..], &["images", "--out", "of-images"]].concat());
    assert_eq!(maps(&bench.path("of-images")), predicted);
    // One segmenter, all patients.
    let one = ["predict", "runs/seed-1", "--threads", "1", "--data", "real", "--out", "all"];
    bench.ok(&one);
    assert_eq!(maps(&bench.path("all")).len(), 8);

    let pack = Pack::open(&bench.path("predicted/pack")).unwrap();
    assert_eq!(pack.manifest().cases.len(), 4);
    assert!(bench.ok(&["inspect", "predicted/pack"]).contains("masks predicted by nnU-Net"));
    let path = "predicted/pack";
    let segment = |train, test| {
        ["segment", "--train", train, "--test", test, "--out", "x", "--steps", "1", "--batch", "1"]
    };
    for arguments in [segment("real", path), segment(path, "real")] {
        bench.refused(&arguments, &[path, "masks predicted by nnU-Net", "annotated"]);
    }
    let train = ["train", "--preset", "dcgan", path, "--out", "x"];
    bench.refused(&train, &[path, "masks predicted by nnU-Net", "annotated"]);
}

#[test]
fn seeds_that_are_done_stay_and_those_of_other_settings_are_refused() {
    let bench = trained();
    let result = |name: &str| {
        let text = std::fs::read(bench.path(&format!("runs/{name}/result.json"))).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()
    };
    let ensemble = result("ensemble");
    assert_eq!(ensemble["settings"]["ensemble"], serde_json::json!([1, 2]));
    let protocol = ensemble["scores"][0]["protocol"].as_str().unwrap();
    assert!(protocol.contains("mean prediction of seeds 1, 2"), "{protocol}");
    assert_ne!(result("seed-1")["scores"], result("seed-2")["scores"]);
    let again = [&SEGMENT[..], &["--seeds", "1,2"]].concat();
    bench.refused(&again, &["runs/ensemble"]);
    // The ensemble is made again of what is there.
    std::fs::remove_dir_all(bench.path("runs/ensemble")).unwrap();
    let [first, second] = ["seed-1", "seed-2"].map(result);
    bench.ok(&again);
    assert_eq!([first, second], ["seed-1", "seed-2"].map(result));
    assert_eq!(result("ensemble")["scores"], ensemble["scores"]);
    std::fs::remove_dir_all(bench.path("runs/ensemble")).unwrap();
    let other = [&again[..], &["--learning-rate", "0.1"]].concat();
    bench.refused(&other, &["runs/seed-1", "other settings"]);
    bench.refused(&[&SEGMENT[..], &["--seeds", "1,2,1"]].concat(), &["--seeds", "1 twice"]);
    bench.refused(&[&SEGMENT[..], &["--seeds", "3"]].concat(), &["--seeds", "two or more"]);
}

#[test]
fn data_that_a_segmenter_cannot_be_given_are_refused_before_anything_is_written() {
    let bench = trained();
    bench.phantom_pack_of("large", "48x48");
    let refused = |run, data, parts: &[&str]| {
        bench.refused(&["predict", run, "--data", data, "--out", "x"], parts);
        assert!(!bench.path("x").exists(), "{data}");
    };
    refused("runs/seed-1", "large", &["large", "48x48", "32x32"]);
    refused("runs", "real", &["runs/segmenter.json", "expected a run of `vesalius segment`"]);
    std::fs::create_dir(bench.path("empty")).unwrap();
    refused("runs/seed-1", "empty", &["empty", "no image"]);
    refused("runs/seed-1", "nowhere", &["nowhere", "cannot be listed"]);
    std::fs::write(bench.path("empty/a.dcm"), "").unwrap();
    refused("runs/seed-1", "empty", &["no image", "a.dcm: not readable as DICOM"]);
    std::fs::create_dir(bench.path("bad")).unwrap();
    std::fs::write(bench.path("bad/b.nii.gz"), "no image").unwrap();
    refused("runs/seed-1", "bad", &["bad/b.nii.gz"]);
    let split = ["predict", "runs/seed-1", "--data", "bad", "--split", "test", "--out", "x"];
    bench.refused(&split, &["--split", "no pack"]);
    // A file of weights that is not the run's.
    std::fs::write(bench.path("runs/seed-2/unet.safetensors"), "no weights").unwrap();
    refused("runs/seed-2", "real", &["runs/seed-2", "unet.safetensors was changed"]);
    let other = bench.path("runs/seed-1/unet.safetensors");
    std::fs::copy(other, bench.path("runs/seed-2/unet.safetensors")).unwrap();
    refused("runs/seed-2", "real", &["runs/seed-2", "unet.safetensors was changed"]);
    // What is there already is not written over; seen before anything is trained.
    let there = [&SEGMENT[..7], &["--seed", "5", "--predictions", "predicted"]].concat();
    bench.refused(
        &there.iter().map(|word| if *word == "runs" { "more" } else { *word }).collect::<Vec<_>>(),
        &["predicted", "already exists"],
    );
    assert!(!bench.path("more").exists());
}

#[test]
fn pictures_become_pictures() {
    let bench = Bench::new();
    for folder in ["data/images", "data/masks"] {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
    }
    for i in 0..8_u32 {
        let disk = |x: u32, y: u32| (x.abs_diff(18 + i)).pow(2) + (y.abs_diff(20)).pow(2) < 80;
        let image = image::GrayImage::from_fn(40, 40, |x, y| {
            image::Luma([if disk(x, y) { 200 } else { (x + y) as u8 }])
        });
        let mask = image::GrayImage::from_fn(40, 40, |x, y| image::Luma([u8::from(disk(x, y))]));
        image.save(bench.path(&format!("data/images/p{i}.png"))).unwrap();
        mask.save(bench.path(&format!("data/masks/p{i}.png"))).unwrap();
    }
    bench.ok(&["prepare", "folder", "data", "--out", "real", "--size", "32x32"]);
    let segment = ["segment", "--train", "real", "--test", "real", "--out", "run", "--steps", "80"];
    let more = ["--filters", "8", "--batch", "4", "--threads", "1", "--learning-rate", "0.01"];
    bench.ok(&[&segment[..], &more, &["--predictions", "predicted"]].concat());
    let predict = ["predict", "run", "--data", "data/images", "--out", "all", "--threads", "1"];
    bench.ok(&predict);
    assert_eq!(maps(&bench.path("all")).len(), 8);
    for (name, bytes) in maps(&bench.path("predicted")) {
        let map = image::load_from_memory(&bytes).unwrap().to_luma8();
        let mask = image::open(bench.path(&format!("data/masks/{name}"))).unwrap().to_luma8();
        assert_eq!(map.dimensions(), (40, 40));
        let both = map.pixels().zip(mask.pixels()).filter(|(a, b)| a.0 == [1] && b.0 == [1]);
        let dice = 2.0 * both.count() as f64
            / map.pixels().chain(mask.pixels()).filter(|pixel| pixel.0 == [1]).count() as f64;
        assert!(dice > 0.85, "{name}: {dice}");
    }
}
