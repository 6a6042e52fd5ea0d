//! What lies in a dataset's folder and what is made of it: whose mask, whose patient, what is not used.

use super::Bench;
use super::bad_input::{gunzip, gzip};
use std::path::Path;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Manifest, Split};

fn prepare(bench: &Bench, source: &str, data: &str, more: &[&str]) -> (bool, String) {
    let mut arguments = vec!["prepare", source, data, "--out", "pack", "--size", "32x32"];
    arguments.extend(more);
    let _ = std::fs::remove_dir_all(bench.path("pack"));
    let output = bench.run(&arguments);
    (output.status.success(), String::from_utf8(output.stderr).unwrap())
}

fn manifest(bench: &Bench) -> Manifest {
    Pack::open(&bench.path("pack")).unwrap().manifest().clone()
}

fn patients(bench: &Bench) -> Vec<String> {
    let mut names: Vec<String> =
        manifest(bench).cases.into_iter().map(|case| case.patient).collect();
    names.sort();
    names.dedup();
    names
}

/// Slices of phantoms as `OUT/{A,B,C}/{images,masks}/sliceNN.png`.
fn folders_of_patients(bench: &Bench) {
    bench.phantom_pack("drawn");
    bench.ok(&["export", "drawn", "--as", "png", "--out", "png"]);
    let mut names: Vec<String> = std::fs::read_dir(bench.path("png/train/images"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for (i, name) in names.iter().take(6).enumerate() {
        for role in ["images", "masks"] {
            let folder = bench.path("data").join(["A", "B", "C"][i / 2]).join(role);
            std::fs::create_dir_all(&folder).unwrap();
            let from = bench.path("png/train").join(role).join(name);
            std::fs::copy(from, folder.join(format!("slice{:02}.png", i % 2))).unwrap();
        }
    }
}

const HEART: [&str; 2] = ["--classes", "background,rv,myocardium,lv"];

#[test]
fn folders_of_patients_are_patients_and_what_is_not_used_is_named() {
    let bench = Bench::new();
    folders_of_patients(&bench);
    std::fs::write(bench.path("data/A/images/notes.txt"), "x").unwrap();
    std::fs::copy(bench.path("data/A/masks/slice00.png"), bench.path("data/A/masks/slice99.png"))
        .unwrap();
    std::os::unix::fs::symlink(".", bench.path("data/again")).unwrap();
    let (ok, text) = prepare(&bench, "folder", "data", &HEART);
    assert!(ok, "{text}");
    assert_eq!(patients(&bench), ["A", "B", "C"]);
    assert_eq!(manifest(&bench).cases.len(), 6);
    for part in [
        "A/images/notes.txt: not a PNG",
        "A/masks/slice99.png: mask without image",
        "again: a link to a folder that is read already",
        "each folder is taken as a patient",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // A pattern may name folders, too.
    let (ok, text) =
        prepare(&bench, "folder", "data", &[&HEART[..], &["--patient", "^([A-C])/"]].concat());
    assert!(ok && patients(&bench) == ["A", "B", "C"], "{text}");
}

#[test]
fn slices_of_patients_in_one_folder_are_refused_with_a_pattern_that_works() {
    let bench = Bench::new();
    bench.phantom_pack("drawn");
    bench.ok(&["export", "drawn", "--as", "png", "--out", "png"]);
    let (ok, text) = prepare(&bench, "folder", "png/train", &HEART);
    assert!(!ok && text.contains("they differ by a number only"), "{text}");
    let pattern = text.split("--patient '").nth(1).unwrap().split('\'').next().unwrap();
    let (ok, text) =
        prepare(&bench, "folder", "png/train", &[&HEART[..], &["--patient", pattern]].concat());
    assert!(ok, "{text}");
    // `patient001_frame01_0003` up to its last number.
    assert!(patients(&bench).iter().all(|name| name.contains("_frame")), "{:?}", patients(&bench));
}

#[test]
fn two_sites_with_equal_numbers_keep_their_own_masks() {
    let bench = Bench::new();
    for (site, seed) in [("siteA", "1"), ("siteB", "2")] {
        bench.ok(&[
            "phantom",
            "sliver07",
            &format!("data/{site}"),
            "--patients",
            "2",
            "--seed",
            seed,
        ]);
    }
    let (ok, text) = prepare(&bench, "sliver07", "data", &[]);
    assert!(ok, "{text}");
    let names = patients(&bench);
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.iter().any(|name| name.starts_with("siteB_")), "{names:?}");
    let pack = Pack::open(&bench.path("pack")).unwrap();
    let both: Vec<Vec<u8>> =
        (0..pack.len()).map(|i| pack.slice(i).unwrap().labels.to_vec()).collect();
    assert_ne!(both[..pack.len() / 2], both[pack.len() / 2..]);
    // The other site's mask is not its own.
    let seg = std::fs::read_dir(bench.path("data/siteB"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| {
            path.to_string_lossy().contains("liver-seg") && path.extension().unwrap() == "mhd"
        })
        .unwrap();
    std::fs::remove_file(seg).unwrap();
    let (ok, text) = prepare(&bench, "sliver07", "data", &[]);
    assert!(!ok && text.contains("no mask; expected liver-seg"), "{text}");
}

/// Bytes of the first mask of the phantom dataset, which is written back by `change`.
fn change_a_mask(bench: &Bench, change: &dyn Fn(&mut Vec<u8>)) {
    fn find(folder: &Path) -> Option<std::path::PathBuf> {
        let mut paths: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.into_iter().find_map(|path| {
            if path.is_dir() {
                find(&path)
            } else {
                path.to_string_lossy().ends_with("_gt.nii.gz").then_some(path)
            }
        })
    }
    let path = find(&bench.path("data")).unwrap();
    let mut bytes = gunzip(&path);
    change(&mut bytes);
    gzip(&path, &bytes);
}

#[test]
fn a_mask_stored_from_right_to_left_is_laid_on_its_image_and_a_shifted_one_refused() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "2"]);
    assert!(prepare(&bench, "acdc", "data", &[]).0);
    let labels = |bench: &Bench| -> Vec<Vec<u8>> {
        let pack = Pack::open(&bench.path("pack")).unwrap();
        (0..pack.len()).map(|i| pack.slice(i).unwrap().labels.to_vec()).collect()
    };
    let right = labels(&bench);
    let number =
        |bytes: &[u8], at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    // srow_x: its first and last number.
    change_a_mask(&bench, &|bytes| {
        let width = usize::from(u16::from_le_bytes([bytes[42], bytes[43]]));
        let (step, from) = (number(bytes, 280), number(bytes, 292));
        bytes[280..284].copy_from_slice(&(-step).to_le_bytes());
        bytes[292..296].copy_from_slice(&(from + step * (width - 1) as f32).to_le_bytes());
        bytes[352..].chunks_exact_mut(width).for_each(<[u8]>::reverse);
    });
    let (ok, text) = prepare(&bench, "acdc", "data", &[]);
    assert!(ok && text.contains("brought onto its image's grid (columns reversed)"), "{text}");
    assert_eq!(labels(&bench), right);
    change_a_mask(&bench, &|bytes| {
        let from = number(bytes, 292);
        bytes[292..296].copy_from_slice(&(from + 20.0).to_le_bytes());
    });
    let (ok, text) = prepare(&bench, "acdc", "data", &[]);
    assert!(
        !ok && text.contains("_gt.nii.gz: mask of") && text.contains("do not cover one grid"),
        "{text}"
    );
}

#[test]
fn nnunet_folders_name_what_they_lack_and_patients_with_several_frames() {
    let bench = Bench::new();
    bench.phantom_pack("drawn");
    bench.ok(&["export", "drawn", "--as", "nnunet", "--out", "data"]);
    let (ok, text) = prepare(&bench, "nnunet", "data", &[]);
    assert!(!ok && text.contains("they differ by a number only"), "{text}");
    let patient = ["--patient", "^(patient[0-9]+)"];
    assert!(prepare(&bench, "nnunet", "data", &patient).0);
    let before = manifest(&bench).cases.len();
    assert!(manifest(&bench).cases.iter().any(|case| case.split == Split::Test));
    // An ending in capitals is read, a mask without its image named.
    let images = bench.path("data/imagesTr");
    let mut files: Vec<_> =
        std::fs::read_dir(&images).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let name = files[0].to_string_lossy().replace(".nii.gz", ".NII.GZ");
    std::fs::rename(&files[0], name).unwrap();
    std::fs::remove_file(&files[1]).unwrap();
    let (ok, text) = prepare(&bench, "nnunet", "data", &patient);
    assert!(ok && text.contains("mask without image") && text.contains("numTraining is"), "{text}");
    assert_eq!(manifest(&bench).cases.len(), before - 1);
    let path = bench.path("data/dataset.json");
    let json = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, json.replace("LV cavity", "ignore")).unwrap();
    let (ok, text) = prepare(&bench, "nnunet", "data", &patient);
    assert!(!ok && text.contains("ignore: 3: pixels that nobody annotated"), "{text}");
}

#[test]
fn one_scan_under_two_names_stays_on_one_side_and_is_said() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "5"]);
    let folder = |name: &str| {
        ["training", "testing"]
            .map(|side| bench.path("data").join(side).join(name))
            .into_iter()
            .find(|path| path.is_dir())
            .unwrap()
    };
    // The images of patient001 once more; masks of its own.
    for entry in std::fs::read_dir(folder("patient001")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name.contains("frame") && !name.contains("_gt") {
            let to = folder("patient004");
            let target = std::fs::read_dir(&to)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .find(|path| {
                    let other = path.file_name().unwrap().to_string_lossy().into_owned();
                    other.contains("frame01") && !other.contains("_gt")
                })
                .unwrap();
            if name.contains("frame01") {
                // Another compression: other bytes, the same picture.
                gzip(&target, &gunzip(&path));
                let mask = |file: &Path| file.to_string_lossy().replace(".nii.gz", "_gt.nii.gz");
                std::fs::copy(mask(&path), mask(&target)).unwrap();
            }
        }
    }
    for seed in ["1", "2", "3", "4", "5"] {
        let (ok, text) = prepare(&bench, "acdc", "data", &["--seed", seed, "--test-share", "0.4"]);
        assert!(ok && text.contains("patient001 = patient004: equal images"), "{text}");
        let cases = manifest(&bench).cases;
        let side = |name: &str| cases.iter().find(|case| case.patient == name).unwrap().split;
        assert_eq!(side("patient001"), side("patient004"), "seed {seed}");
    }
    let (ok, text) = prepare(&bench, "acdc", "data", &["--test-patients", "patient001"]);
    assert!(!ok && text.contains("patient001 tests and patient004 trains"), "{text}");
}
