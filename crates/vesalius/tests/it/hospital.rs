//! Files as hospitals have them, through the program: DICOM with SEG and RTSTRUCT in and out, 3D Slicer's segmentations,
//! and nothing of a patient in any output.

use super::Bench;
use super::pipeline::TINY;
use base64::Engine as _;
use serde_json::Value;
use std::path::{Path, PathBuf};
use vesalius_data::formats::{dicom, nifti};
use vesalius_data::pack::Pack;
use vesalius_data::volume::segments::{Grid, Naming, labels};

/// A case of `golden/segments.json`.
fn golden(name: &str) -> Value {
    let text = include_str!("../../../../golden/segments.json");
    let golden: Value = serde_json::from_str(text).unwrap();
    let cases = golden["cases"].as_array().unwrap();
    cases.iter().find(|case| case["name"] == name).unwrap().clone()
}

/// Writes a case's files as a PACS exports them: folders and files are called by identifiers.
fn export(case: &Value, root: &Path, patient: &str) {
    let write = |folder: &str, files: &Value| {
        for (at, file) in files.as_array().unwrap().iter().enumerate() {
            let bytes = base64::engine::general_purpose::STANDARD.decode(file.as_str().unwrap());
            let folder =
                root.join(patient).join("1.2.826.0.1.7").join(format!("1.2.826.0.1.7.{folder}"));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("1.2.826.0.1.7.9.{at}")), bytes.unwrap()).unwrap();
        }
    };
    write("1", &case["images"]);
    write("2", &case["masks"]);
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found
}

/// A training and what follows from it.
const STUDY: &str = r#"
name = "hospital"
out = "out/study"
set = [
    "networks.generator.filters=8", "networks.discriminator.filters=8",
    "training.batch=8", "training.distance_every_kimg=0.05", "training.distance_images=8",
]
[[dataset]]
pack = "out/pack"
[[gan]]
preset = "dcgan"
[budget]
runs = 1
kimg = 0.05
[search]
sampler = { kind = "grid" }
[best]
count = 8
unet_alone = true
[unet]
steps = 2
batch = 4
[baselines]
real = true
"#;

#[test]
fn nothing_of_a_dicom_header_is_in_a_pack_a_run_a_report_or_an_export() {
    let bench = Bench::new();
    let cases = [golden("binary"), golden("pixels that are not square")];
    for (case, patient) in cases.iter().zip(["first", "second"]) {
        export(case, &bench.path("pacs"), patient);
    }
    let mut planted: Vec<String> = vec!["1.2.826.0.1.7".to_owned()];
    for case in &cases {
        let words = case["planted"].as_array().unwrap();
        planted.extend(words.iter().map(|word| word.as_str().unwrap().to_owned()));
    }
    assert!(planted.len() > 25 && planted.contains(&"Rumpelstiltskin".to_owned()), "{planted:?}");
    // They are in the files that are read.
    let all: Vec<u8> =
        files(&bench.path("pacs")).iter().flat_map(|f| std::fs::read(f).unwrap()).collect();
    let holds =
        |bytes: &[u8], word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
    assert!(planted[1..].iter().all(|word| holds(&all, word)));

    let classes = ["--classes", "background,liver,liver_tumour"];
    let mut said = String::new();
    let mut run = |arguments: &[&str]| {
        let output = bench.run(arguments);
        let text =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert!(output.status.success(), "{arguments:?}: {text}");
        said += &text;
    };
    let prepare =
        ["prepare", "dicom", "pacs", "--out", "out/pack", "--size", "32x32", "--test-share", "0.5"];
    run(&[&prepare[..], &classes].concat());
    run(&["inspect", "out/pack", "--montage", "out/montage.png"]);
    let small =
        ["--preset", "small", "--filters", "4", "--depth", "2", "--steps", "2", "--threads", "1"];
    run(&[
        &["segment", "--train", "out/pack", "--test", "out/pack", "--out", "out/run"][..],
        &small,
    ]
    .concat());
    run(&["report", "out/run", "--out", "out/report"]);
    run(&["predict", "out/run", "--data", "out/pack", "--split", "test", "--out", "out/maps"]);
    let gan = ["train", "out/pack", "--preset", "dcgan", "--kimg", "0.05", "--out", "out/gan"];
    run(&[&gan[..], &TINY].concat());
    run(&["sample", "out/gan", "--count", "8", "--out", "out/synthetic"]);
    run(&["inspect", "out/synthetic", "--html", "out/synthetic.html"]);
    run(&["inspect", "out/pack", "--html", "out/pack.html"]);
    let sides = ["--real", "out/pack", "--synthetic", "out/synthetic"];
    run(&[
        &["turing", "create"][..],
        &sides,
        &["--per-reader", "4", "--readers", "1", "--out", "out/turing"],
    ]
    .concat());
    std::fs::write(bench.path("study.toml"), STUDY).unwrap();
    run(&["study", "plan", "study.toml", "--tasks"]);
    run(&["study", "run", "study.toml", "--jobs", "1"]);
    run(&["study", "status", "study.toml"]);
    run(&["report", "out/study", "--out", "out/report-study"]);
    for form in ["dicom", "rtstruct", "nrrd", "nifti", "png"] {
        run(&["export", "out/pack", "--as", form, "--out", &format!("out/{form}")]);
    }
    let found = files(&bench.path("out"));
    assert!(found.len() > 50, "{} files", found.len());
    for path in found {
        let bytes = std::fs::read(&path).unwrap();
        let name = path.display().to_string();
        for word in &planted {
            assert!(!holds(&bytes, word), "{name} holds {word}");
            assert!(!name.contains(word), "{name} is called {word}");
        }
    }
    for word in &planted {
        assert!(!said.contains(word), "said: {word}\n{said}");
    }
}

#[test]
fn predictions_are_drawn_on_the_series_of_a_folder_and_of_its_patient() {
    let bench = Bench::new();
    for (name, patient) in [("binary", "first"), ("pixels that are not square", "second")] {
        export(&golden(name), &bench.path("pacs"), patient);
    }
    let prepare = ["prepare", "dicom", "pacs", "--out", "pack", "--size", "16x16"];
    let classes = ["--test-share", "0.5", "--classes", "background,liver,liver_tumour"];
    bench.ok(&[&prepare[..], &classes].concat());
    let small =
        ["--preset", "small", "--filters", "4", "--depth", "2", "--steps", "2", "--threads", "1"];
    bench
        .ok(&[&["segment", "--train", "pack", "--test", "pack", "--out", "run"][..], &small]
            .concat());
    let predict = |form: &str, out: &str| {
        let data = ["predict", "run", "--data", "pacs", "--threads", "1"];
        bench.ok(&[&data[..], &["--as", form, "--out", out]].concat())
    };
    predict("volume", "maps");
    predict("dicom", "segs");
    predict("rtstruct", "structures");
    let classes = ["background", "liver", "liver_tumour"].map(str::to_owned).to_vec();
    let naming = Naming::of(&classes);
    let mut drawn = 0;
    for patient in ["first", "second"] {
        let name = std::fs::read_dir(bench.path("maps")).unwrap();
        let name = name.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let name = name.filter(|name| name.starts_with(patient)).collect::<Vec<_>>();
        let [name] = &name[..] else { panic!("{name:?}") };
        let name = name.trim_end_matches(".nii.gz");
        assert!(!name.contains("1.2.826"), "identifiers are hidden: {name}");
        let map = nifti::parse(&std::fs::read(bench.path(&format!("maps/{name}.nii.gz"))).unwrap());
        let map = map.unwrap();
        let (geometry, values) = (map.geometry.unwrap(), map.volume.values);
        if values.iter().all(|value| *value == 0.0) {
            assert!(!bench.path(&format!("segs/{name}.dcm")).exists());
            continue;
        }
        drawn += 1;
        for form in ["segs", "structures"] {
            let bytes = std::fs::read(bench.path(&format!("{form}/{name}.dcm"))).unwrap();
            let segments = vec![dicom::segments(&bytes).unwrap()];
            let grid = Grid { size: geometry.size, geometry: Some(geometry) };
            let (labels, _) = labels(segments, &naming, &grid).unwrap();
            let found: Vec<f32> = labels.values.iter().map(|label| f32::from(*label)).collect();
            assert_eq!(found, values, "{form} of {patient}");
            // It is the patient's, whom a viewer shows it with.
            let holds = |word: &[u8]| bytes.windows(word.len()).any(|part| part == word);
            assert!(holds(b"Rumpelstiltskin"), "{form}: the patient's name");
        }
    }
    assert!(drawn > 0, "nothing was drawn");
    let refused = |data: &str, parts: &[&str]| {
        bench.refused(&["predict", "run", "--data", data, "--as", "dicom", "--out", "x"], parts);
        assert!(!bench.path("x").exists(), "{data}");
    };
    refused("pack", &["--as dicom", "pack is a pack", "folder of series"]);
    refused("maps", &["--as dicom", ".nii.gz", "no series of DICOM"]);
}

/// Slices with their labels, in the order of patients and positions.
fn slices(bench: &Bench, pack: &str) -> Vec<(String, usize, Vec<u8>, Vec<u8>)> {
    let pack = Pack::open(&bench.path(pack)).unwrap();
    let mut found: Vec<_> = pack
        .manifest()
        .slices
        .iter()
        .enumerate()
        .map(|(i, record)| {
            let slice = pack.slice(i).unwrap();
            let case = pack.manifest().cases[record.case].id.clone();
            (case, record.position, slice.pixels.to_vec(), slice.labels.to_vec())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn exports_for_viewers_come_back_with_their_masks_and_say_what_they_are() {
    let bench = Bench::new();
    bench.phantom_pack("real");
    let names = ["--classes", "background,RV cavity,LV myocardium,LV cavity"];
    let common = ["--size", "32x32", "--window", "0,255"];
    let real = slices(&bench, "real");
    for form in ["dicom", "rtstruct"] {
        bench.ok(&["export", "real", "--as", form, "--out", form]);
        let again = format!("from-{form}");
        let prepare = ["prepare", "dicom", form, "--out", &again];
        bench.ok(&[&prepare[..], &common, &names].concat());
        assert!(slices(&bench, &again) == real, "{form} is another pack");
    }
    bench.ok(&["export", "real", "--as", "nrrd", "--out", "nrrd"]);
    let prepare =
        ["prepare", "folder", "nrrd", "--out", "from-nrrd", "--patient", "^(patient[0-9]+)"];
    bench.ok(&[&prepare[..], &common, &names].concat());
    assert!(slices(&bench, "from-nrrd") == real, "nrrd is another pack");
    // What a generator made is called so in every object.
    let generator = ["--like", "real", "--trained-on", "real", "--out", "made"];
    bench.ok(&["export", "real", "--as", "png", "--out", "foreign"]);
    bench.ok(&[&["import", "foreign/train", "--name", "gan"][..], &generator].concat());
    bench.ok(&["export", "made", "--as", "dicom", "--out", "synthetic"]);
    let objects = files(&bench.path("synthetic"));
    assert!(objects.len() > 10);
    for path in objects {
        let bytes = std::fs::read(&path).unwrap();
        let holds = |word: &str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
        assert!(
            holds("SYNTHETIC^") && holds("DERIVED") && holds("no diagnostic use"),
            "{}",
            path.display()
        );
        assert!(path.ends_with("masks.dcm") || holds("SYN "), "{}", path.display());
    }
}
