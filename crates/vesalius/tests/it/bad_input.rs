//! Everything that can be wrong with data: one line, exit code 2, nothing left behind.

use super::Bench;
use std::io::Read as _;
use std::path::{Path, PathBuf};

fn prepare(bench: &Bench, parts: &[&str]) {
    bench.refused(
        &[
            "prepare",
            "acdc",
            "data",
            "--out",
            "pack",
            "--size",
            "32x32",
            "--crop",
            "centre:128x128",
        ],
        parts,
    );
    assert!(!bench.path("pack").exists(), "a half pack under its final name");
    let left: Vec<_> = std::fs::read_dir(bench.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.starts_with(".tmp"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

fn data(bench: &Bench, patients: &str) {
    bench.ok(&["phantom", "acdc", "data", "--patients", patients]);
}

/// Some file of the phantom whose name ends so.
fn file(bench: &Bench, ending: &str) -> PathBuf {
    fn find(folder: &Path, ending: &str) -> Option<PathBuf> {
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(folder).ok()?.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths.into_iter().find_map(|path| {
            if path.is_dir() {
                find(&path, ending)
            } else {
                path.to_string_lossy().ends_with(ending).then_some(path)
            }
        })
    }
    find(&bench.path("data"), ending).unwrap()
}

pub fn gunzip(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap())
        .read_to_end(&mut bytes)
        .unwrap();
    bytes
}

pub fn gzip(path: &Path, bytes: &[u8]) {
    use std::io::Write as _;
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap();
}

#[test]
fn a_folder_that_is_missing_or_empty_or_of_another_dataset() {
    let bench = Bench::new();
    prepare(&bench, &["data", "no such folder"]);
    std::fs::create_dir(bench.path("data")).unwrap();
    prepare(&bench, &["data", "expected ACDC's layout"]);
    bench.refused(
        &["prepare", "sliver07", "data", "--out", "pack", "--size", "32x32"],
        &["liver-orig", "expected"],
    );
    bench.refused(
        &["prepare", "idrid", "data", "--out", "pack", "--size", "32x32"],
        &["IDRiD_NN.jpg"],
    );
    bench
        .refused(&["prepare", "folder", "data", "--out", "pack", "--size", "32x32"], &["no image"]);
    bench.refused(&["prepare", "dicom", "data", "--out", "pack", "--size", "32x32"], &["DICOM"]);
    bench.refused(
        &["prepare", "nnunet", "data", "--out", "pack", "--size", "32x32"],
        &["dataset.json"],
    );
}

#[test]
fn one_patient_only() {
    let bench = Bench::new();
    data(&bench, "1");
    prepare(&bench, &["only one patient (patient001)", "expected at least 2"]);
}

#[test]
fn an_image_without_its_mask() {
    let bench = Bench::new();
    data(&bench, "2");
    std::fs::remove_file(file(&bench, "_gt.nii.gz")).unwrap();
    prepare(&bench, &["no mask", "_gt.nii.gz"]);
}

#[test]
fn a_truncated_gzip() {
    let bench = Bench::new();
    data(&bench, "2");
    let path = file(&bench, "frame01.nii.gz");
    let bytes = std::fs::read(&path).unwrap();
    std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    prepare(&bench, &["frame01.nii.gz", "truncated"]);
    std::fs::write(&path, b"").unwrap();
    prepare(&bench, &["frame01.nii.gz", "expected a NIfTI header"]);
    std::fs::write(&path, vec![7; 4000]).unwrap();
    prepare(&bench, &["frame01.nii.gz", "NIfTI-1"]);
}

#[test]
fn a_header_that_lies_about_its_size() {
    let bench = Bench::new();
    data(&bench, "2");
    let path = file(&bench, "frame01.nii.gz");
    let good = gunzip(&path);
    for (extents, part) in [
        ([32767_i16, 32767, 32767], "truncated, or its header lies"),
        ([300, 300, 40], "truncated, or its header lies"),
        ([0, 10, 10], "size [1, 10, 10, 0], expected no zero"),
    ] {
        let mut bad = good.clone();
        for (axis, extent) in extents.into_iter().enumerate() {
            bad[42 + 2 * axis..44 + 2 * axis].copy_from_slice(&extent.to_le_bytes());
        }
        gzip(&path, &bad);
        prepare(&bench, &["frame01.nii.gz", part]);
    }
}

#[test]
fn a_mask_of_another_shape_and_a_label_nobody_declared() {
    let bench = Bench::new();
    data(&bench, "2");
    let mask = file(&bench, "frame01_gt.nii.gz");
    let good = gunzip(&mask);
    let mut bad = good.clone();
    bad[400..420].fill(9);
    gzip(&mask, &bad);
    prepare(&bench, &["frame01_gt.nii.gz", "label value 9, expected 0 to 3", "LV cavity"]);
    let mut bad = good;
    let [width, height] = [42, 44].map(|at| i16::from_le_bytes([bad[at], bad[at + 1]]));
    bad[42..44].copy_from_slice(&height.to_le_bytes());
    bad[44..46].copy_from_slice(&width.to_le_bytes());
    gzip(&mask, &bad);
    prepare(&bench, &["mask of", "as its image"]);
}

#[test]
fn nan_intensities_and_all_empty_masks() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("set/imagesTr")).unwrap();
    std::fs::create_dir_all(bench.path("set/labelsTr")).unwrap();
    std::fs::write(
        bench.path("set/dataset.json"),
        r#"{"name": "tiny", "labels": {"background": 0, "organ": 1}}"#,
    )
    .unwrap();
    let write = |name: &str, kind: i16, bits: i16, voxels: &[u8]| {
        let mut file = vec![0_u8; 352];
        file[..4].copy_from_slice(&348_i32.to_le_bytes());
        for (i, extent) in [3_i16, 4, 4, 2, 1, 1, 1, 1].into_iter().enumerate() {
            file[40 + 2 * i..42 + 2 * i].copy_from_slice(&extent.to_le_bytes());
        }
        file[70..72].copy_from_slice(&kind.to_le_bytes());
        file[72..74].copy_from_slice(&bits.to_le_bytes());
        for i in 0..8 {
            file[76 + 4 * i..80 + 4 * i].copy_from_slice(&1.0_f32.to_le_bytes());
        }
        file[108..112].copy_from_slice(&352.0_f32.to_le_bytes());
        file[344..348].copy_from_slice(b"n+1\0");
        file.extend_from_slice(voxels);
        std::fs::write(bench.path("set").join(name), file).unwrap();
    };
    let floats = |poison: bool| -> Vec<u8> {
        (0..32)
            .flat_map(|i| (if poison && i == 5 { f32::NAN } else { i as f32 }).to_le_bytes())
            .collect()
    };
    for case in ["a", "b"] {
        write(&format!("imagesTr/{case}_0000.nii"), 16, 32, &floats(case == "b"));
        write(&format!("labelsTr/{case}.nii"), 2, 8, &[0; 32]);
    }
    let arguments = ["prepare", "nnunet", "set", "--out", "pack", "--size", "4x4"];
    bench.refused(&arguments, &["b_0000.nii", "intensity NaN", "finite"]);
    write("imagesTr/b_0000.nii", 16, 32, &floats(false));
    bench.refused(&arguments, &["every mask is empty", "expected labelled pixels"]);
    write("labelsTr/a.nii", 2, 8, &[1; 32]);
    write("labelsTr/b.nii", 2, 8, &[1; 32]);
    bench.ok(&arguments);
}

#[test]
fn packs_of_another_version_or_with_flipped_bytes() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let path = bench.path("real/slices.bin");
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    bad[8] = 7;
    std::fs::write(&path, &bad).unwrap();
    bench.refused(&["inspect", "real"], &["slices.bin", "version 7, expected 1"]);
    let mut bad = good.clone();
    bad[5000] ^= 1;
    std::fs::write(&path, &bad).unwrap();
    bench.refused(&["inspect", "real"], &["slices.bin", "checksum"]);
    std::fs::write(&path, &good[..good.len() - 9]).unwrap();
    bench.refused(&["inspect", "real"], &["slices.bin", "truncated"]);
    std::fs::remove_file(&path).unwrap();
    bench.refused(&["inspect", "real"], &["slices.bin", "cannot be read"]);
}

#[test]
fn settings_that_do_not_exist() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let train = |setting: &str, parts: &[&str]| {
        bench.refused(
            &["train", "real", "--preset", "dcgan", "--out", "run", "--set", setting],
            parts,
        );
        assert!(!bench.path("run").exists());
    };
    train("networks.discriminator.filter=32", &["filter", "filters"]);
    train("training.batch=many", &["training.batch", "many"]);
    train("optimizer.generator.learning_rate=1", &["optimizer"]);
    train("regularise.vgg=10", &["regularise.vgg_weights", "vesalius weights fetch vgg19"]);
    train("optimiser.generator.learning_rate=-1", &["learning_rate = -1", "above 0"]);
    train("optimiser.discriminator.beta1=1", &["beta1 = 1", "below 1"]);
    let mut nowhere = vec!["train", "real", "--preset", "dcgan", "--out", "run"];
    nowhere.extend(["--set", "regularise.vgg=10"]);
    nowhere.extend(["--set", "regularise.vgg_weights=no.safetensors"]);
    bench.refused(&nowhere, &["no.safetensors", "vesalius weights fetch vgg19"]);
    assert!(!bench.path("run").exists());
    bench.refused(
        &["train", "real", "--preset", "dcgann", "--out", "run"],
        &["dcgann", "dcgan, hinge, lsgan"],
    );
    bench.refused(
        &["train", "nowhere", "--preset", "dcgan", "--out", "run"],
        &["nowhere", "expected a pack"],
    );
    bench.refused(
        &["train", "real", "--preset", "dcgan", "--out", "run", "--device", "cuda:7"],
        &["cuda:7", "CUDA devices"],
    );
    bench.refused(&["sample", "real", "--out", "fake"], &["task.toml", "vesalius train"]);
    bench.refused(
        &["distance", "--real", "real", "--synthetic", "real", "--extractor", "inception"],
        &["--weights", "vesalius weights fetch inception"],
    );
}

/// `/dev/full` has no room for anything, but folders cannot be made there: a small file system is used where this
/// machine lets us mount one.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_nothing() {
    let bench = Bench::new();
    data(&bench, "3");
    let mount = bench.path("small");
    std::fs::create_dir(&mount).unwrap();
    let mounted = std::process::Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"])
        .arg(&mount)
        .output();
    if !mounted.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no right to mount a small file system here");
        return;
    }
    let output =
        bench.run(&["prepare", "acdc", "data", "--out", "small/pack", "--size", "128x128"]);
    let left: Vec<_> = std::fs::read_dir(&mount).unwrap().collect();
    let unmounted = std::process::Command::new("umount").arg(&mount).status().unwrap();
    assert!(unmounted.success());
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("small/pack") && text.contains("No space left"), "{text}");
    assert!(left.is_empty(), "{left:?}");
}
