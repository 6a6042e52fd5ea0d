//! Packs of volumes, through the program: prepared, trained on, sampled, looked at plane by plane and exported.

use super::Bench;
use super::families::SPADE;
use super::pipeline::TINY;
use vesalius_data::formats::nifti;
use vesalius_data::pack::manifest::Split;
use vesalius_data::pack::{Pack, PackWriter};

/// Phantoms as volumes of 8 planes.
fn prepared() -> Bench {
    prepared_as("8x32x32", "10x4x4")
}

fn prepared_as(size: &str, spacing: &str) -> Bench {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "4", "--seed", "3"]);
    let prepare = ["prepare", "acdc", "data", "--out", "pack", "--volume", size];
    let said = bench.ok(&[&prepare[..], &["--spacing", spacing, "--test-share", "0.5"]].concat());
    assert!(said.is_empty(), "{said}");
    bench
}

#[test]
fn volumes_are_trained_on_sampled_and_exported_with_their_spacing() {
    let bench = prepared();
    let shown = bench.ok(&["inspect", "pack"]);
    assert!(shown.contains("8 volumes of 8x32x32 pixels"), "{shown}");
    let pack = Pack::open_any(&bench.path("pack")).unwrap();
    assert_eq!(pack.manifest().spacing_mm(), [10.0, 4.0, 4.0]);

    let train = ["train", "pack", "--preset", "wgan-gp", "--threads", "1", "--out"];
    bench.ok(&[&train[..], &["gan", "--kimg", "0.064"], &TINY].concat());
    assert!(bench.path("gan/samples.png").exists());
    bench.ok(&["sample", "gan", "--count", "5", "--out", "made", "--threads", "1"]);
    let made = Pack::open_any(&bench.path("made")).unwrap();
    assert_eq!((made.len(), made.slice_shape()), (5, pack.slice_shape()));
    assert_eq!(made.manifest().spacing_mm(), [10.0, 4.0, 4.0]);
    bench.ok(&["inspect", "made", "--html", "made.html"]);
    let page = std::fs::read_to_string(bench.path("made.html")).unwrap();
    let planes = page.matches("<img alt=\"plane ").count();
    assert_eq!(planes, 5 * 8, "planes of all volumes");
    assert_eq!(page.matches("surfaces of wgan-gp_").count(), 5);
    bench.ok(&["export", "made", "--as", "nifti", "--out", "nifti"]);
    let path = bench.path("nifti/images/wgan-gp_00003.nii.gz");
    let image = nifti::parse(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(image.volume.shape(), [8, 1, 32, 32]);
    assert_eq!(image.geometry.unwrap().spacing_mm(), [4.0, 4.0, 10.0]);

    // A training that stops in the middle goes on as if it had not.
    bench.ok(&[&train[..], &["short", "--kimg", "0.032"], &TINY].concat());
    std::fs::remove_file(bench.path("short/result.json")).unwrap();
    bench.ok(&["train", "pack", "--out", "short", "--resume", "--kimg", "0.064", "--threads", "1"]);
    bench.ok(&["sample", "short", "--count", "5", "--out", "again", "--threads", "1"]);
    let again = Pack::open_any(&bench.path("again")).unwrap();
    for i in 0..5 {
        assert_eq!(again.slice(i).unwrap().pixels, made.slice(i).unwrap().pixels, "{i}");
    }

    // Whoever looks at slices looks at planes, if told so.
    let sides = ["--real", "pack/slices", "--synthetic", "made/slices", "--threads", "1"];
    let plausible = [&["plausibility"][..], &sides, &["--out", "plausible"]].concat();
    bench.refused(&plausible, &["pack/slices", "training patients"]);
    let small = ["segment", "--train", "pack", "--test", "pack", "--preset", "small", "--out", "x"];
    bench.refused(&small, &["volumes of 8x32x32", "preset small sees slices", "PACK/slices"]);
    bench.refused(
        &["map", "--real", "pack", "--synthetic", "made", "--out", "map"],
        &["pack", "a pack of volumes (8x32x32), expected slices", "pack/slices"],
    );
    let unet = ["segment", "--train", "pack/slices", "--test", "pack/slices", "--out", "unet"];
    let small = ["--preset", "small", "--filters", "4", "--steps", "5", "--batch", "4"];
    bench.ok(&[&unet[..], &small, &["--threads", "1", "--predictions", "predicted"]].concat());
    lies_on_its_image(&bench, "predicted");
}

/// As large as a hippocampus: cubes of 32 voxels, whose three axes are alike to networks and to the segmenter's augmentation.
#[test]
fn small_cubes_go_the_whole_way() {
    let bench = prepared_as("32x32x32", "3x3x3");
    let train = ["train", "pack", "--preset", "dcgan", "--threads", "1", "--kimg", "0.016"];
    bench.ok(&[&train[..], &["--out", "gan"], &TINY].concat());
    let made = sampled(&bench, "gan", "made", &["--count", "4"]);
    assert_eq!(made.manifest().spacing_mm(), [3.0; 3]);
    let segment = ["segment", "--train", "pack", "--train", "made", "--test", "pack"];
    let tiny = ["--out", "unet", "--filters", "4", "--steps", "6", "--threads", "1"];
    let scores = bench.ok(&[&segment[..], &tiny].concat());
    assert!(scores.contains("dice (per volume, mean)"), "{scores}");
    let scores =
        bench.ok(&["coherence", "--real", "pack", "--synthetic", "made", "--out", "coherence"]);
    assert!(scores.contains("anatomy_p") && scores.contains("coherence_p"), "{scores}");
}

#[test]
fn volumes_are_compared_whole_where_they_are_given_and_plane_by_plane_where_planes_are() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "10", "--seed", "3"]);
    let prepare = ["prepare", "acdc", "data", "--out", "pack", "--volume", "4x32x32"];
    bench.ok(&[&prepare[..], &["--spacing", "10x4x4", "--test-share", "0.3"]].concat());
    bench.ok(&["copying", "--real", "pack", "--memory-gan", "memory", "--count", "30"]);
    let audit = ["copying", "--real", "pack", "--synthetic", "memory", "--threads", "1", "--out"];
    bench.ok(&[&audit[..], &["copies", "--pixels-only"]].concat());
    let result = std::fs::read_to_string(bench.path("copies/result.json")).unwrap();
    let result: serde_json::Value = serde_json::from_str(&result).unwrap();
    assert_ne!(result["settings"]["level"], "none_found", "{:#}", result["settings"]);
    let scores = result["scores"].as_array().unwrap();
    assert!(scores.iter().all(|score| score["dialect"] == "volumes"), "{scores:#?}");
    let csv = std::fs::read_to_string(bench.path("copies/nearest.csv")).unwrap();
    assert_eq!(csv.lines().filter(|line| line.starts_with("synthetic,")).count(), 30);
    let picture = image::open(bench.path("copies/closest.png")).unwrap();
    assert!(picture.width() > 3 * 4 * 32, "three rows of planes, {}", picture.width());

    let distance = ["distance", "--real", "pack", "--threads", "1", "--json", "--synthetic"];
    let scores = bench.ok(&[&distance[..], &["memory"]].concat());
    let scores: serde_json::Value = serde_json::from_str(&scores).unwrap();
    let score = &scores["scores"][0];
    assert_eq!(score["synthetic_count"], 30, "{scores:#}");
    assert_eq!(score["dialect"], "volumes", "{scores:#}");
    assert!(score["protocol"].as_str().unwrap().contains("nnU-Net of volumes"), "{scores:#}");
    let incepted = [&distance[..], &["memory", "--extractor", "inception"]].concat();
    bench.refused(&incepted, &["--extractor inception", "looks at slices", "pack/slices"]);
    bench.refused(&[&distance[..], &["memory/slices"]].concat(), &["4x32x32", "32x32"]);
}

/// Label maps lie on the grids of the files, all three axes undone.
fn lies_on_its_image(bench: &Bench, folder: &str) {
    let entry = std::fs::read_dir(bench.path(folder)).unwrap().map(|entry| entry.unwrap().path());
    let map = entry.filter(|path| path.extension().is_some_and(|e| e == "gz")).min().unwrap();
    let name = map.file_name().unwrap().to_string_lossy().into_owned();
    let patient = name.split('_').next().unwrap().to_owned();
    let places = ["training", "testing"].map(|side| format!("data/{side}/{patient}/{name}"));
    let image = places.iter().map(|place| bench.path(place)).find(|path| path.exists()).unwrap();
    let [map, image] =
        [map, image].map(|path| nifti::parse(&std::fs::read(path).unwrap()).unwrap());
    assert_eq!(map.volume.shape(), image.volume.shape());
    let (map, image) = (map.geometry.unwrap(), image.geometry.unwrap());
    assert!(map.onto(&image).is_some_and(|alignment| alignment.is_identity()));
}

#[test]
fn what_is_no_volume_or_has_no_form_for_volumes_ends_in_one_line() {
    let bench = prepared();
    let prepare = |more: &[&str], parts: &[&str]| {
        let arguments = [&["prepare", "acdc", "data", "--out", "x"][..], more].concat();
        bench.refused(&arguments, parts);
        assert!(!bench.path("x").exists(), "{more:?}");
    };
    prepare(&["--volume", "1x32x32"], &["--volume", "1 planes", "2 to 1024"]);
    prepare(&["--volume", "32x32"], &["PLANESxHEIGHTxWIDTH"]);
    prepare(&["--volume", "64x32x32"], &["slices of 10.00 mm", "at least half of a volume of 64"]);
    prepare(&["--volume", "8x32x32", "--spacing", "0x1x1"], &["--spacing 0", "above 0"]);
    prepare(&["--volume", "8x32x32", "--spacing", "5x1x2"], &["expected the same of both"]);
    prepare(&["--size", "32x32", "--spacing", "5x1x1"], &["--volume only"]);
    prepare(&["--volume", "8x32x32", "--slices", "labelled"], &["--slices labelled", "all slices"]);
    let train = |preset: &str, more: &[&str], parts: &[&str]| {
        let arguments = [&["train", "pack", "--preset", preset, "--out", "x"][..], more].concat();
        bench.refused(&arguments, parts);
        assert!(!bench.path("x").exists(), "{preset}");
    };
    train("stylegan", &[], &["volumes of 8x32x32", "family stylegan", "PACK/slices"]);
    train("stylegan2", &[], &["augment.ada.transforms", "expected []", "augment.diff_augment"]);
    let spade = ["--set", "regularise.vgg=0"];
    train("spade", &spade, &["size 8x32x32", "64 to 512 pixels in each axis of a plane"]);
    let turned = [&spade[..], &["--set", "augment.classical=true"]].concat();
    train("spade", &turned, &["augment.classical", "expected false"]);
    train("dcgan", &["--set", "augment.classical=true"], &["augment.classical", "volumes"]);
}

/// Names and bytes of the label maps in a folder.
fn maps(bench: &Bench, folder: &str) -> Vec<(String, Vec<u8>)> {
    let entries = std::fs::read_dir(bench.path(folder)).unwrap().map(|entry| entry.unwrap().path());
    let maps = entries.filter(|path| path.extension().is_some_and(|ending| ending == "gz"));
    let mut found: Vec<(String, Vec<u8>)> = maps
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read(&path).unwrap())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn a_segmenter_sees_volumes_and_is_judged_by_what_it_says_of_each() {
    let bench = prepared();
    let segment =
        ["segment", "--train", "pack", "--test", "pack", "--out", "runs", "--threads", "1"];
    let tiny = ["--filters", "4", "--steps", "6", "--seeds", "1,2", "--predictions", "predicted"];
    let output = bench.run(&[&segment[..], &tiny].concat());
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && said.contains("batches of 2 volumes"), "{said}");
    lies_on_its_image(&bench, "predicted");
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&std::fs::read(bench.path(name)).unwrap()).unwrap()
    };
    let kept = read("runs/seed-1/segmenter.json");
    let strides = serde_json::json!([[1, 1, 1], [1, 2, 2], [2, 2, 2], [1, 2, 2]]);
    assert_eq!(kept["plan"]["strides"], strides);
    let result = read("runs/seed-1/result.json");
    let scores = result["scores"].as_array().unwrap();
    let of = |metric: &str| scores.iter().filter(|score| score["metric"] == metric).count();
    assert!(of("dice") > 4, "{result}");
    assert!(scores[0]["protocol"].as_str().unwrap().contains("6 steps of 2 volumes"));
    // The same of the pack and of the images that it was made from.
    let predict = ["predict", "runs/ensemble", "--threads", "1", "--data"];
    bench.ok(&[&predict[..], &["pack", "--split", "test", "--out", "of-pack"]].concat());
    let expected = maps(&bench, "predicted");
    assert_eq!(maps(&bench, "of-pack"), expected);
    std::fs::create_dir(bench.path("images")).unwrap();
    for (name, _) in &expected {
        let patient = name.split('_').next().unwrap();
        let places = ["training", "testing"].map(|side| format!("data/{side}/{patient}/{name}"));
        let from = places.iter().map(|place| bench.path(place)).find(|path| path.exists()).unwrap();
        std::fs::copy(from, bench.path(&format!("images/{name}"))).unwrap();
    }
    bench.ok(&[&predict[..], &["images", "--out", "of-images"]].concat());
    assert_eq!(maps(&bench, "of-images"), expected);
}

/// Samples of a run as a pack.
fn sampled(bench: &Bench, run: &str, out: &str, more: &[&str]) -> Pack {
    bench.ok(&[&["sample", run, "--threads", "1", "--out", out][..], more].concat());
    Pack::open_any(&bench.path(out)).unwrap()
}

/// One line, and nothing is written.
fn not_sampled(bench: &Bench, run: &str, more: &[&str], parts: &[&str]) {
    bench.refused(&[&["sample", run, "--out", "never"][..], more].concat(), parts);
    assert!(!bench.path("never").exists(), "{more:?}");
}

#[test]
fn slices_are_stacked_to_volumes_one_behind_the_other() {
    let bench = prepared();
    let train = ["train", "pack/slices", "--threads", "1", "--kimg", "0.016", "--out", "gan"];
    bench.ok(&[&train[..], &["--preset", "dcgan"], &TINY].concat());
    let slices = sampled(&bench, "gan", "made", &["--count", "24"]);
    let more = ["--count", "3", "--stack", "8", "--batch", "7"];
    let stacks = sampled(&bench, "gan", "stacks", &more);
    assert_eq!((stacks.len(), stacks.slice_shape().planes), (3, 8));
    assert_eq!(stacks.manifest().spacing_mm(), [10.0, 4.0, 4.0], "as long as the real ones");
    let planes = Pack::open(&bench.path("stacks/slices")).unwrap();
    for i in 0..24 {
        let [own, other] = [&planes, &slices].map(|pack| pack.slice(i).unwrap());
        assert_eq!((own.pixels, own.labels), (other.pixels, other.labels), "{i}");
    }
    let segment = ["segment", "--train", "pack", "--train", "stacks", "--test", "pack"];
    let tiny = ["--out", "unet", "--filters", "4", "--steps", "2", "--threads", "1"];
    bench.ok(&[&segment[..], &tiny].concat());

    not_sampled(&bench, "gan", &["--stack", "0"], &["--stack 0", "at least 2"]);
    let deep = ["train", "pack", "--preset", "dcgan", "--threads", "1", "--kimg", "0.008"];
    bench.ok(&[&deep[..], &["--out", "deep"], &TINY].concat());
    not_sampled(&bench, "deep", &["--stack", "8"], &["makes volumes (8x32x32)", "one of slices"]);
}

/// Trains a small SPADE on `pack`; the masks of the training volumes.
fn painter(bench: &Bench, pack: &str) -> Vec<Vec<u8>> {
    let small = ["training.batch=4", "training.distance_every_kimg=0"];
    let settings: Vec<&str> = SPADE.iter().chain(&small).flat_map(|one| ["--set", *one]).collect();
    let train = ["train", pack, "--threads", "1", "--kimg", "0.016", "--out", "painter"];
    bench.ok(&[&train[..], &["--preset", "spade"], &settings].concat());
    let real = Pack::open_any(&bench.path("pack")).unwrap();
    let train = real.indices(Split::Train).into_iter();
    train.map(|i| real.slice(i).unwrap().labels.to_vec()).collect()
}

#[test]
fn a_painter_of_volumes_paints_whole_masks() {
    let bench = prepared_as("4x64x64", "10x2x2");
    let training = painter(&bench, "pack");
    assert!(bench.path("painter/samples.png").exists());
    let masks = ["--count", "3", "--masks", "pack"];
    let painted = sampled(&bench, "painter", "painted", &[&masks[..], &["--batch", "2"]].concat());
    for i in 0..3 {
        let labels = painted.slice(i).unwrap().labels;
        assert!(training.iter().any(|mask| mask == labels), "{i}");
    }
    assert_eq!(painted.manifest().spacing_mm(), [10.0, 2.0, 2.0]);
    let again = sampled(&bench, "painter", "again", &[&masks[..], &["--batch", "3"]].concat());
    assert_eq!(again.slice(2).unwrap().pixels, painted.slice(2).unwrap().pixels, "any batch");
    let warped = sampled(&bench, "painter", "warped", &[&masks[..], &["--warp"]].concat());
    assert!(training.iter().all(|mask| mask != warped.slice(0).unwrap().labels), "moved");
    let styles = [&masks[..], &["--styles", "pack"]].concat();
    let guided = sampled(&bench, "painter", "guided", &styles);
    // So little trained a painter shows no style in eight bits; that styles differ is seen of slices (families.rs).
    assert!(guided.slice(0).unwrap().labels == painted.slice(0).unwrap().labels);

    let slices = ["--count", "3", "--masks", "pack/slices"];
    not_sampled(&bench, "painter", &slices, &["masks of 64x64 pixels", "training, 4x64x64"]);
    let stacked = [&masks[..], &["--stack", "4"]].concat();
    not_sampled(&bench, "painter", &stacked, &["makes volumes (4x64x64)", "one of slices"]);
}

#[test]
fn masks_of_volumes_are_painted_plane_by_plane() {
    let bench = prepared_as("4x64x64", "10x2x2");
    let training = painter(&bench, "pack/slices");
    let real = Pack::open_any(&bench.path("pack")).unwrap();
    let masks = ["--count", "3", "--masks", "pack", "--stack", "4"];
    let painted = sampled(&bench, "painter", "painted", &[&masks[..], &["--batch", "3"]].concat());
    for i in 0..3 {
        let labels = painted.slice(i).unwrap().labels;
        assert!(training.iter().any(|mask| mask == labels), "{i}");
    }
    let warped = sampled(&bench, "painter", "warped", &[&masks[..], &["--warp"]].concat());
    let labels = warped.slice(0).unwrap().labels;
    assert!(labels.iter().any(|label| *label > 0));
    assert!(training.iter().all(|mask| mask != labels), "moved");
    let again = sampled(&bench, "painter", "again", &[&masks[..], &["--batch", "5"]].concat());
    assert_eq!(again.slice(2).unwrap().pixels, painted.slice(2).unwrap().pixels, "any batch");

    // In one style: where all planes have one mask, they are one picture; the next volume has a style of its own.
    let mut writer = PackWriter::create(&bench.path("flat"), real.slice_shape()).unwrap();
    let plane = 64 * 64;
    for (i, record) in real.manifest().slices.iter().enumerate() {
        let volume = real.slice(i).unwrap();
        writer
            .push(volume.pixels, &volume.labels[plane..2 * plane].repeat(4), record.clone())
            .unwrap();
    }
    writer.finish(real.manifest().clone()).unwrap();
    let flat = ["--count", "3", "--masks", "flat", "--stack", "4"];
    let styled = sampled(&bench, "painter", "styled", &flat);
    let planes = |i: usize| -> Vec<Vec<u8>> {
        styled.slice(i).unwrap().pixels.chunks(plane).map(<[u8]>::to_vec).collect()
    };
    let pictures: Vec<Vec<u8>> = (0..3).map(|i| planes(i)[0].clone()).collect();
    for (i, picture) in pictures.iter().enumerate() {
        assert!(planes(i).iter().all(|other| other == picture), "{i}");
    }
    assert!(pictures[0] != pictures[1] || pictures[1] != pictures[2]);

    let masks = ["--count", "3", "--masks", "pack"];
    not_sampled(&bench, "painter", &masks, &["volumes of 4 planes", "--stack 4"]);
    let stack = [&masks[..], &["--stack", "8"]].concat();
    not_sampled(&bench, "painter", &stack, &["volumes of 4 planes", "--stack 4"]);
}
