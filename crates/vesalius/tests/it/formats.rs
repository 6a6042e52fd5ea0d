//! Every source on phantoms in its own file format, and every export back through a loader.

use super::Bench;
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use vesalius_data::files::digest;
use vesalius_data::formats::nifti;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Manifest, Provenance, Split};

fn prepare(bench: &Bench, source: &str, data: &str, pack: &str, options: &[&str]) {
    bench.ok(&[&["prepare", source, data, "--out", pack][..], options].concat());
}

fn manifest(bench: &Bench, pack: &str) -> Manifest {
    Pack::open(&bench.path(pack)).unwrap().manifest().clone()
}

/// Pixels and labels of every slice, sorted: other file names put the cases in another order.
fn slices(bench: &Bench, pack: &str) -> Vec<(Vec<u8>, Vec<u8>)> {
    let pack = Pack::open(&bench.path(pack)).unwrap();
    let slice = |i| pack.slice(i).map(|slice| (slice.pixels.to_vec(), slice.labels.to_vec()));
    let mut slices: Vec<_> = (0..pack.len()).map(|i| slice(i).unwrap()).collect();
    slices.sort();
    slices
}

fn summary(bench: &Bench, pack: &str) -> Value {
    serde_json::from_str(&bench.ok(&["inspect", pack, "--json"])).unwrap()
}

#[test]
fn phantoms_of_all_three_datasets_are_read() {
    let bench = Bench::new();
    for (kind, channels, class) in
        [("acdc", 1, "RV cavity"), ("sliver07", 1, "liver"), ("idrid", 3, "optic disc")]
    {
        bench.ok(&["phantom", kind, kind, "--patients", "3"]);
        let pack = format!("{kind}-pack");
        bench.ok(&["prepare", kind, kind, "--out", &pack, "--size", "64x48", "--depth", "u16"]);
        let summary = summary(&bench, &pack);
        assert_eq!(summary["histograms"].as_array().unwrap().len(), channels);
        let classes = &summary["sides"][0]["classes"];
        assert_eq!(classes[1]["name"], class);
        assert!(classes[1]["pixel_share"].as_f64().unwrap() > 0.001, "{kind}: {classes}");
        let montage = format!("{kind}.png");
        bench.ok(&["inspect", &pack, "--montage", &montage]);
        assert!(std::fs::read(bench.path(&montage)).unwrap().starts_with(b"\x89PNG"));
    }
    bench.ok(&[
        "prepare", "acdc", "acdc", "--out", "official", "--size", "32x32", "--split", "official",
    ]);
    assert_eq!(summary(&bench, "official")["sides"][1]["patients"], 1);
    bench.ok(&["prepare", "acdc", "acdc", "--out", "spaced", "--size", "64x64", "--spacing", "2"]);
    let manifest = std::fs::read(bench.path("spaced/manifest.json")).unwrap();
    let manifest: Value = serde_json::from_slice(&manifest).unwrap();
    let spacing = manifest["cases"][0]["spacing_mm"][0].as_f64().unwrap();
    assert!((spacing - 2.0).abs() < 1e-5, "{spacing}");
    bench.refused(
        &["prepare", "idrid", "idrid", "--out", "no", "--size", "32x32", "--spacing", "2"],
        &[".jpg", "no spacing"],
    );
}

/// nnU-Net's folder as the Medical Segmentation Decathlon has it: no channel in the names, labels by their number.
fn as_decathlon(root: &Path) {
    for side in ["imagesTr", "imagesTs"] {
        let entries: Vec<_> = std::fs::read_dir(root.join(side)).unwrap().collect();
        for entry in entries {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().replace("_0000.", ".");
            std::fs::rename(&path, path.with_file_name(name)).unwrap();
        }
    }
    let path = root.join("dataset.json");
    let mut json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let labels = json["labels"].as_object().unwrap();
    let turned: serde_json::Map<String, Value> =
        labels.iter().map(|(name, number)| (number.to_string(), name.clone().into())).collect();
    json["labels"] = turned.into();
    std::fs::write(&path, json.to_string()).unwrap();
}

/// The `nifti` export under the names that the `nnunet` source looks for.
fn as_training_set(root: &Path) {
    for folder in ["images", "labels"] {
        std::fs::rename(root.join(folder), root.join(format!("{folder}Tr"))).unwrap();
    }
}

#[test]
fn exports_come_back_with_the_same_pixels_and_labels() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let patients = ["--size", "32x32", "--patient", "^(patient[0-9]+)"];
    let official = [&patients[..], &["--split", "official"]].concat();
    let bytes = [&official[..], &["--window", "0,255"]].concat();
    let names = ["--classes", "background,RV cavity,LV myocardium,LV cavity"];
    bench.ok(&["export", "real", "--as", "nnunet", "--out", "raw"]);
    prepare(&bench, "nnunet", "raw", "again", &bytes);
    assert_eq!(slices(&bench, "real"), slices(&bench, "again"));
    let classes = |pack: &str| manifest(&bench, pack).classes;
    assert_eq!(classes("real"), classes("again"));

    as_decathlon(&bench.path("raw"));
    prepare(&bench, "nnunet", "raw", "decathlon", &bytes);
    let file = |pack: &str| std::fs::read(bench.path(pack).join("slices.bin")).unwrap();
    assert!(file("again") == file("decathlon"), "another pack of the same volumes");
    assert_eq!(manifest(&bench, "again").cases, manifest(&bench, "decathlon").cases);
    assert_eq!(classes("real"), classes("decathlon"));

    bench.ok(&["export", "real", "--as", "png", "--out", "png"]);
    prepare(&bench, "folder", "png", "pictures", &[&official[..], &names].concat());
    assert_eq!(slices(&bench, "real"), slices(&bench, "pictures"));

    bench.ok(&["export", "real", "--as", "nifti", "--out", "nifti"]);
    as_training_set(&bench.path("nifti"));
    let named = ["--test-patients", "patient002", "--window", "0,255"];
    prepare(&bench, "nnunet", "nifti", "volumes", &[&patients[..], &names, &named].concat());
    assert_eq!(slices(&bench, "real"), slices(&bench, "volumes"));
    let volumes = manifest(&bench, "volumes");
    for case in manifest(&bench, "real").cases {
        let found = volumes.cases.iter().find(|other| other.id == case.id).unwrap();
        let ([row, _], [found_row, _]) = (case.spacing_mm.unwrap(), found.spacing_mm.unwrap());
        assert!((row / found_row - 1.0).abs() < 1e-6, "{}: {row} {found_row} mm", case.id);
    }
}

#[test]
fn colours_of_16_bits_come_back_from_every_export() {
    let bench = Bench::new();
    bench.ok(&["phantom", "idrid", "eyes", "--patients", "3"]);
    let deep = ["--size", "32x48", "--depth", "u16"];
    let official = [&deep[..], &["--split", "official"]].concat();
    let names = ["--classes", "background,optic disc"];
    let window = ["--window", "0,65535"];
    prepare(&bench, "idrid", "eyes", "real", &official);
    let real = slices(&bench, "real");
    assert_eq!(real[0].0.len(), 3 * 32 * 48 * 2);
    for form in ["png", "nnunet", "nifti"] {
        bench.ok(&["export", "real", "--as", form, "--out", form]);
    }
    prepare(&bench, "folder", "png", "from-png", &[&official[..], &names].concat());
    prepare(&bench, "nnunet", "nnunet", "from-nnunet", &[&official[..], &window].concat());
    as_training_set(&bench.path("nifti"));
    let named = [&deep[..], &names, &window, &["--test-patients", "IDRiD_03"]].concat();
    prepare(&bench, "nnunet", "nifti", "from-nifti", &named);
    for pack in ["from-png", "from-nnunet", "from-nifti"] {
        assert!(slices(&bench, pack) == real, "{pack} is another pack");
    }
}

/// Patients on the test side.
fn testers(manifest: &Manifest) -> Vec<String> {
    let tests = manifest.cases.iter().filter(|case| case.split == Split::Test);
    let patients: BTreeSet<&String> = tests.map(|case| &case.patient).collect();
    patients.into_iter().cloned().collect()
}

#[test]
fn options_decide_who_tests_and_what_is_kept_and_the_manifest_says_whence() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "5"]);
    // The first slice of one volume without a label.
    let mask = bench.path("data/training/patient001/patient001_frame01_gt.nii.gz");
    let image = nifti::parse(&std::fs::read(&mask).unwrap()).unwrap();
    let [depth, _, height, width] = image.volume.shape();
    let mut voxels: Vec<u8> = image.volume.values.iter().map(|&value| value as u8).collect();
    voxels[..height * width].fill(0);
    let [x, y, z] = image.geometry.unwrap().spacing_mm();
    nifti::write_u8(&mask, [depth, height, width], voxels, [z, y, x]).unwrap();

    let base = ["--size", "32x32", "--crop", "centre:128x128"];
    let with = |pack: &str, options: &[&str]| {
        prepare(&bench, "acdc", "data", pack, &[&base[..], options].concat());
        manifest(&bench, pack)
    };
    let all = with("all", &["--test-patients", "patient002,patient005"]);
    assert_eq!(testers(&all), ["patient002", "patient005"]);
    assert_eq!(testers(&with("two", &["--test-share", "0.4"])).len(), 2);
    assert_eq!(testers(&with("one", &["--test-share", "0.01"])).len(), 1);
    let arguments = ["prepare", "acdc", "data", "--out", "no", "--size", "32x32"];
    for (options, part) in [
        (["--test-share", "1"], "test share 1: expected more than 0 and less than 1"),
        (["--test-patients", "patient009"], "test patient patient009: not in this dataset"),
    ] {
        bench.refused(&[&arguments[..], &options].concat(), &[part]);
    }

    with("labelled", &["--slices", "labelled"]);
    let mut labelled = slices(&bench, "all");
    let count = labelled.len();
    labelled.retain(|(_, labels)| labels.iter().any(|&label| label != 0));
    assert!(labelled.len() < count, "every slice has a label");
    assert!(slices(&bench, "labelled") == labelled, "not the labelled slices");
    with("colour", &["--channels", "3"]);
    let mut repeated = slices(&bench, "all");
    for (pixels, _) in &mut repeated {
        *pixels = pixels.repeat(3);
    }
    assert!(slices(&bench, "colour") == repeated, "not the grey values three times");

    let groups: BTreeSet<&str> =
        all.cases.iter().map(|case| case.group.as_deref().unwrap()).collect();
    assert_eq!(groups, BTreeSet::from(["NOR", "DCM", "HCM", "MINF", "RV"]));
    let Provenance::Real { source, split, files, .. } = &all.provenance else {
        panic!("{:?}", all.provenance);
    };
    assert_eq!((source.as_str(), split.as_str()), ("acdc", "test patients patient002, patient005"));
    // Image, mask and Info.cfg of two phases.
    assert_eq!(files.len(), 5 * 2 * 3);
    for file in files {
        let path = bench.path("data").join(&file.path);
        assert_eq!(file.sha256, digest::of_file(&path).unwrap(), "{}", path.display());
    }
}

#[test]
fn the_cine_of_a_patient_is_left_out_whatever_is_in_it() {
    let bench = Bench::new();
    bench.ok(&["phantom", "acdc", "data", "--patients", "2"]);
    prepare(&bench, "acdc", "data", "without", &["--size", "32x32"]);
    let cine = bench.path("data/training/patient001/patient001_4d.nii.gz");
    std::fs::write(cine, b"rubbish").unwrap();
    prepare(&bench, "acdc", "data", "with", &["--size", "32x32"]);
    let manifests = ["without", "with"].map(|pack| manifest(&bench, pack));
    assert_eq!(manifests[0].data_sha256, manifests[1].data_sha256);
    assert_eq!(manifests[0].provenance, manifests[1].provenance);
}

#[test]
fn a_foreground_crop_leaves_out_the_black_beside_an_eye() {
    let bench = Bench::new();
    bench.ok(&["phantom", "idrid", "eyes", "--patients", "2"]);
    let share = |pack: &str, options: &[&str]| {
        prepare(&bench, "idrid", "eyes", pack, &[&["--size", "128x128"][..], options].concat());
        let slices = slices(&bench, pack);
        let labels = slices.iter().flat_map(|(_, labels)| labels);
        labels.filter(|label| **label != 0).count() as f64 / (slices.len() * 128 * 128) as f64
    };
    // The field of view fills 94 % of the width: the disc's share grows by (1 / 0.94)^2 = 1.13.
    let growth = share("cropped", &["--crop", "foreground"]) / share("whole", &[]);
    assert!((1.05..1.2).contains(&growth), "{growth}");
}

#[test]
fn a_pack_is_the_same_whenever_it_is_made() {
    let bench = Bench::new();
    bench.phantom_pack("one");
    bench.phantom_pack("two");
    let bytes = |name: &str| std::fs::read(bench.path(name).join("slices.bin")).unwrap();
    assert_eq!(bytes("one"), bytes("two"));
}
