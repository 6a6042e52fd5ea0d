//! Several sequences of MRI in nnU-Net's layout go the whole way: each with its own window and its name.

use super::Bench;
use serde_json::{Value, json};
use vesalius_data::formats::nifti::{write_i16, write_u8};
use vesalius_data::pack::Pack;

const NAMES: [&str; 4] = ["T1", "T1gd", "T2", "FLAIR"];
const SHAPE: [usize; 3] = [3, 32, 32];
const SPACING: [f64; 3] = [4.0, 1.0, 1.0];

/// Five patients with a tumour that each sequence shows on a scale of its own.
fn dataset(bench: &Bench) {
    for folder in ["data/imagesTr", "data/labelsTr"] {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
    }
    for patient in 0..5_usize {
        let labels: Vec<u8> = (0..SHAPE.iter().product::<usize>())
            .map(|i| {
                let (row, column) = (i / 32 % 32, i % 32);
                let apart = row.abs_diff(14 + patient).pow(2) + column.abs_diff(16).pow(2);
                if apart < 16 { 2 } else { u8::from(apart < 64) }
            })
            .collect();
        for (channel, scale) in [100_i16, 1000, 10, 400].into_iter().enumerate() {
            let voxel = |(i, label): (usize, &u8)| {
                let contrast = [1, 3, 2, 4][channel] * i16::from(*label);
                scale * (1 + contrast) + (i % 7) as i16 * scale / 10
            };
            let voxels = labels.iter().enumerate().map(voxel).collect();
            let name = format!("data/imagesTr/p{patient}_{channel:04}.nii.gz");
            write_i16(&bench.path(&name), SHAPE, voxels, SPACING).unwrap();
        }
        let name = format!("data/labelsTr/p{patient}.nii.gz");
        write_u8(&bench.path(&name), SHAPE, labels, SPACING).unwrap();
    }
    let names: serde_json::Map<String, Value> =
        NAMES.iter().enumerate().map(|(i, name)| (i.to_string(), json!(name))).collect();
    let json = json!({ "name": "tumours", "channel_names": names, "numTraining": 5,
        "labels": { "background": 0, "edema": 1, "core": 2 }, "file_ending": ".nii.gz" });
    std::fs::write(bench.path("data/dataset.json"), json.to_string()).unwrap();
}

const PREPARE: [&str; 7] = ["prepare", "nnunet", "data", "--size", "32x32", "--patient", "(.*)"];

#[test]
fn four_sequences_go_the_whole_way_under_their_names() {
    let bench = Bench::new();
    dataset(&bench);
    bench.ok(&[&PREPARE[..], &["--out", "real"]].concat());
    let pack = Pack::open(&bench.path("real")).unwrap();
    assert_eq!(pack.manifest().sequences, NAMES);
    // Each has black and white of its own, whatever its scale.
    for channel in 0..4 {
        let of_slice = |i: usize| &pack.slice(i).unwrap().pixels[channel * 1024..][..1024];
        let (least, greatest) = (0..pack.len())
            .flat_map(|i| of_slice(i).iter().copied())
            .fold((255, 0), |(least, greatest), value| (value.min(least), value.max(greatest)));
        assert!(least < 10 && greatest > 245, "{channel}: {least} to {greatest}");
    }
    let shown = bench.ok(&["inspect", "real", "--montage", "flair.png", "--channel", "FLAIR"]);
    assert!(NAMES.iter().all(|name| shown.contains(&format!("{name}: black |"))), "{shown}");
    bench.refused(
        &["inspect", "real", "--montage", "x.png", "--channel", "T3"],
        &["--channel T3", "0 to 3", "FLAIR"],
    );
    // Trained, sampled, and exported under the names that nnU-Net normalises by.
    let train = ["train", "real", "--preset", "stylegan2", "--kimg", "0.004", "--out", "gan"];
    let few = [
        "--set",
        "training.batch=2",
        "--set",
        "networks.generator.channel_base=64",
        "--threads",
        "1",
    ];
    let distance = ["--set", "training.distance_every_kimg=0"];
    bench.ok(&[&train[..], &few, &distance].concat());
    bench.ok(&["sample", "gan", "--count", "3", "--out", "made", "--threads", "1"]);
    assert_eq!(Pack::open(&bench.path("made")).unwrap().manifest().sequences, NAMES);
    bench.ok(&["export", "made", "--as", "nnunet", "--out", "nnunet"]);
    let json = std::fs::read(bench.path("nnunet/dataset.json")).unwrap();
    let json: Value = serde_json::from_slice(&json).unwrap();
    assert_eq!(json["channel_names"]["3"], "FLAIR");
    bench.ok(&["export", "made", "--as", "png", "--out", "png"]);
    let pictures = std::fs::read_dir(bench.path("png/train/images")).unwrap().count();
    assert_eq!(pictures, 3 * 4, "one for each channel");
    // Judged with real images, and used on files of another folder.
    let segment =
        ["segment", "--train", "real", "--train", "made", "--test", "real", "--out", "run"];
    let few = ["--steps", "3", "--batch", "4", "--filters", "4", "--threads", "1"];
    bench.ok(&[&segment[..], &few, &["--predictions", "predicted"]].concat());
    let predict = ["predict", "run", "--data", "data/imagesTr", "--out", "all", "--threads", "1"];
    bench.ok(&predict);
    let maps = std::fs::read_dir(bench.path("all")).unwrap().count();
    assert_eq!(maps, 5 + 1, "a label map for each patient, and the names of the classes");
    // The same sequences in another order are other channels, whoever is given them.
    bench.ok(&[&PREPARE[..], &["--out", "turned", "--modalities", "FLAIR,T2,T1gd,T1"]].concat());
    for refused in [
        &["predict", "run", "--data", "turned", "--out", "x"][..],
        &["segment", "--train", "turned", "--train", "made", "--test", "turned", "--out", "x"],
        &["segment", "--train", "real", "--test", "turned", "--out", "x"],
        &["distance", "--real", "turned", "--synthetic", "made", "--out", "x"],
        &["plausibility", "--real", "turned", "--synthetic", "made", "--out", "x"],
        &["copying", "--real", "turned", "--synthetic", "made", "--out", "x"],
    ] {
        bench.refused(
            refused,
            &["(T1, T1gd, T2, FLAIR)", "(FLAIR, T2, T1gd, T1)", "expected those of"],
        );
    }
    std::fs::remove_file(bench.path("data/imagesTr/p3_0002.nii.gz")).unwrap();
    let predict = ["predict", "run", "--data", "data/imagesTr", "--out", "other"];
    bench.refused(&predict, &["p3_0003", "expected 0 to 3", "FLAIR"]);
}

#[test]
fn sequences_are_chosen_by_their_names() {
    let bench = Bench::new();
    dataset(&bench);
    bench.ok(&[&PREPARE[..], &["--out", "two", "--modalities", "FLAIR,T1gd"]].concat());
    let two = Pack::open(&bench.path("two")).unwrap();
    assert_eq!(two.manifest().sequences, ["FLAIR", "T1gd"]);
    bench.ok(&[&PREPARE[..], &["--out", "all"]].concat());
    let all = Pack::open(&bench.path("all")).unwrap();
    for i in 0..two.len() {
        let [two, all] = [&two, &all].map(|pack| pack.slice(i).unwrap().pixels);
        assert_eq!((&two[..1024], &two[1024..]), (&all[3072..], &all[1024..2048]));
    }
    bench.ok(&[&PREPARE[..], &["--out", "one", "--modalities", "T2"]].concat());
    let one = Pack::open(&bench.path("one")).unwrap();
    assert_eq!((one.slice_shape().channels, one.manifest().sequences.len()), (1, 0));
    let refused = |modalities: &'static str, parts: &[&str]| {
        bench.refused(&[&PREPARE[..], &["--out", "x", "--modalities", modalities]].concat(), parts);
    };
    refused("T1,T9", &["--modalities T9", "T1, T1gd, T2, FLAIR"]);
    refused("T1,T1", &["--modalities", "T1 twice"]);
    let grey = [&PREPARE[..], &["--out", "x", "--channels", "1"]].concat();
    bench.refused(&grey, &["4 sequences (T1, T1gd, T2, FLAIR)", "--modalities"]);
    std::fs::create_dir(bench.path("folder")).unwrap();
    let folder =
        ["prepare", "folder", "folder", "--size", "32x32", "--out", "x", "--modalities", "T1"];
    bench.refused(&folder, &["--modalities", "folder names no channels"]);
}
