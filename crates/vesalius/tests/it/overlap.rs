//! Who trained and who tests, whatever brings packs together: refused with names, or said in every protocol.

use super::{Bench, copy};
use std::sync::OnceLock;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Manifest, Split};

fn manifest(bench: &Bench, pack: &str) -> Manifest {
    Pack::open(&bench.path(pack)).unwrap().manifest().clone()
}

fn patients(bench: &Bench, pack: &str, split: Split) -> Vec<String> {
    let cases = manifest(bench, pack).cases;
    let mut names: Vec<String> =
        cases.into_iter().filter(|case| case.split == split).map(|case| case.patient).collect();
    names.dedup();
    names
}

/// `pack1` and `pack2` of one dataset cut with other seeds, `renamed` of the same scans in folders of other names and
/// at
/// another size, `made` of a GAN that was trained on `pack1`; drawn once for all tests.
fn packs() -> Bench {
    static DRAWN: OnceLock<Bench> = OnceLock::new();
    let master = DRAWN.get_or_init(|| {
        let bench = Bench::shared();
        bench.ok(&["phantom", "acdc", "data/acdc", "--patients", "6", "--seed", "1"]);
        std::fs::create_dir_all(bench.path("data/study")).unwrap();
        for i in 1..=6 {
            let (from, to) = (format!("patient{i:03}"), format!("patient{:03}", 90 + i));
            let source = ["training", "testing"]
                .map(|side| bench.path("data/acdc").join(side).join(&from))
                .into_iter()
                .find(|folder| folder.is_dir())
                .unwrap();
            let target = bench.path("data/study").join(&to);
            std::fs::create_dir(&target).unwrap();
            for entry in std::fs::read_dir(source).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_string_lossy().replace(&from, &to);
                std::fs::copy(&path, target.join(name)).unwrap();
            }
        }
        for (out, data, seed, size) in [
            ("pack1", "data/acdc", "1", "32x32"),
            ("pack2", "data/acdc", "2", "32x32"),
            ("renamed", "data/study", "5", "48x48"),
        ] {
            bench.ok(&[
                "prepare",
                "acdc",
                data,
                "--out",
                out,
                "--size",
                size,
                "--crop",
                "centre:128x128",
                "--seed",
                seed,
                "--test-share",
                "0.34",
            ]);
        }
        bench.ok(&[
            "train",
            "pack1",
            "--preset",
            "dcgan",
            "--kimg",
            "0.05",
            "--out",
            "gan",
            "--threads",
            "1",
            "--set",
            "training.batch=8",
            "--set",
            "networks.generator.filters=4",
            "--set",
            "networks.discriminator.filters=4",
            "--set",
            "training.distance_every_kimg=0",
        ]);
        bench.ok(&["sample", "gan", "--count", "24", "--out", "made", "--threads", "1"]);
        bench
    });
    let bench = Bench::new();
    for pack in ["pack1", "pack2", "renamed", "made"] {
        copy(&master.path(pack), &bench.path(pack));
    }
    bench
}

/// A patient that trains in the one and tests in the other.
fn on_both_sides(bench: &Bench) -> String {
    let test = patients(bench, "pack2", Split::Test);
    let train = patients(bench, "pack1", Split::Train);
    test.into_iter().find(|name| train.contains(name)).expect("other seeds, other sides")
}

const SMALL: [&str; 8] = ["--preset", "small", "--steps", "2", "--filters", "4", "--threads", "1"];

fn segment<'a>(train: &[&'a str], test: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["segment", "--test", test, "--out", "run"];
    arguments.extend(train.iter().flat_map(|pack| ["--train", *pack]));
    arguments.extend(SMALL);
    arguments.extend(more);
    arguments
}

#[test]
fn test_patients_who_trained_are_refused_with_their_names_or_stand_in_every_protocol() {
    let bench = packs();
    let name = on_both_sides(&bench);
    bench
        .refused(&segment(&["pack1"], "pack2", &[]), &["pack1", "pack2", &name, "--allow-overlap"]);
    // Also through a GAN, which only knows them by what its pack says.
    bench.refused(&segment(&["made"], "pack2", &[]), &["its generator was trained on them", &name]);
    assert!(!bench.path("run").exists());
    bench.ok(&segment(&["pack1", "made"], "pack1", &[]));
    std::fs::remove_dir_all(bench.path("run")).unwrap();
    let printed = bench.ok(&segment(&["pack1"], "pack2", &["--allow-overlap", "--json"]));
    let scores: serde_json::Value = serde_json::from_str(&printed).unwrap();
    for score in scores["scores"].as_array().unwrap() {
        let protocol = score["protocol"].as_str().unwrap();
        assert!(protocol.contains("overlap allowed") && protocol.contains(&name), "{protocol}");
    }
}

#[test]
fn renamed_folders_and_another_size_hide_nobody() {
    let bench = packs();
    assert!(manifest(&bench, "renamed").cases.iter().all(|case| !case.source_slices.is_empty()));
    bench.refused(
        &["copying", "--real", "renamed", "--synthetic", "made", "--out", "run", "--pixels-only"],
        &["made was not trained on renamed", "though its generator saw them", "patient09"],
    );
    bench.refused(
        &["turing", "create", "--real", "pack2", "--synthetic", "made", "--out", "turing"],
        &["held out there and were seen by the generator of made", &on_both_sides(&bench)],
    );
}

#[test]
fn a_copying_audit_wants_the_pack_that_the_generator_saw() {
    let bench = packs();
    let audit = |real: &'static str, run: &'static str| {
        vec![
            "copying",
            "--real",
            real,
            "--synthetic",
            "made",
            "--out",
            run,
            "--pixels-only",
            "--planted",
            "5",
            "--threads",
            "1",
        ]
    };
    bench.refused(
        &audit("pack2", "run"),
        &["made was not trained on pack2", &on_both_sides(&bench)],
    );
    bench.ok(&audit("pack1", "run1"));
    let mut allowed = audit("pack2", "run2");
    allowed.extend(["--allow-overlap", "--json"]);
    assert!(bench.ok(&allowed).contains("overlap allowed"));
}

#[test]
fn metrics_of_who_was_seen_ask_and_those_of_nearness_say() {
    let bench = packs();
    let base = ["metrics", "--real", "pack2", "--synthetic", "made", "--threads", "1"];
    for metric in ["auth_pct", "c_t"] {
        let arguments = [&base[..], &["--metrics", metric]].concat();
        bench.refused(&arguments, &["was not trained on pack2"]);
    }
    let held_out = [&base[..], &["--held-out", "pack1", "--metrics", "c_t"]].concat();
    bench.refused(&held_out, &["held out in pack1", "are also in pack2", "seen by the generator"]);
    // Of other sizes nothing is computed; of pictures it is said.
    bench.refused(
        &["distance", "--real", "renamed", "--synthetic", "made"],
        &["made: 32x32 pixels, 1 channels; expected those of renamed: 48x48"],
    );
    // Its judge is trained already.
    bench.phantom_pack("real");
    bench.with_judge();
    let distance = |synthetic: &str| {
        let output = bench.run(&[
            "distance",
            "--real",
            "real",
            "--synthetic",
            synthetic,
            "--threads",
            "1",
            "--json",
        ]);
        assert!(output.status.success());
        [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap())
    };
    for text in distance("made") {
        assert!(
            text.contains("made was not trained on real (but on some of its patients)"),
            "{text}"
        );
    }
    for text in distance("pack1") {
        assert!(text.contains("pack1: real images, compared as if"), "{text}");
    }
    std::fs::create_dir(bench.path("pictures")).unwrap();
    bench.ok(&["inspect", "pack1", "--montage", "pictures/a.png"]);
    bench.refused(
        &["distance", "--real", "pack1", "--synthetic", "pictures", "--out", "run"],
        &["--out: pictures is no pack"],
    );
}

#[test]
fn a_test_pack_of_other_classes_is_refused_before_anything_is_trained() {
    let bench = packs();
    let change = |name: &str, edit: &dyn Fn(&mut serde_json::Value)| {
        copy(&bench.path("pack1"), &bench.path(name));
        let path = bench.path(name).join("manifest.json");
        let mut json: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
        edit(&mut json);
        json.as_object_mut().unwrap().remove("seal");
        std::fs::write(path, serde_json::to_vec(&json).unwrap()).unwrap();
    };
    change("turned", &|json| json["classes"].as_array_mut().unwrap().swap(1, 3));
    for test in ["turned", "renamed"] {
        bench.refused(&segment(&["pack1"], test, &[]), &[test, "expected those of pack1"]);
    }
    assert!(!bench.path("run").exists());
}
