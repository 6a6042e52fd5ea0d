//! Masks that are and are not anatomy, from phantoms with faults put in by hand.

use super::Bench;
use std::path::Path;
use vesalius_data::pack::manifest::{CaseRecord, Manifest, Provenance, SliceRecord, Split};
use vesalius_data::pack::{Pack, PackWriter};

/// Phantom patients, four of whom train: 16x16 pixels, so that the judge is trained in seconds (on one thread: images
/// so
/// small gain nothing from more).
pub fn real_pack(bench: &Bench) {
    bench.ok(&["phantom", "acdc", "data", "--patients", "6", "--seed", "3"]);
    let crop = ["--size", "16x16", "--crop", "centre:128x128"];
    let mut prepare = vec!["prepare", "acdc", "data", "--out", "real"];
    prepare.extend(crop);
    bench.ok(&prepare);
}

/// A pack of the real training slices as a GAN might have made them; `change` has its way with each mask.
pub fn synthetic_pack(bench: &Bench, name: &str, change: impl Fn(usize, &mut [u8])) -> usize {
    let real = Pack::open(&bench.path("real")).unwrap();
    let mut writer = PackWriter::create(&bench.path(name), real.slice_shape()).unwrap();
    let indices = real.indices(Split::Train);
    let mut cases = Vec::new();
    for (i, &index) in indices.iter().enumerate() {
        let slice = real.slice(index).unwrap();
        let mut labels = slice.labels.to_vec();
        change(i, &mut labels);
        let id = format!("lsgan_{i:05}");
        cases.push(CaseRecord::new(id.clone(), id, Split::Train));
        writer.push(slice.pixels, &labels, SliceRecord { case: i, position: 0 }).unwrap();
    }
    let provenance = Provenance::made("lsgan", real.digest());
    let manifest = Manifest { provenance, cases, ..real.manifest().clone() };
    writer.finish(manifest).unwrap();
    indices.len()
}

/// A speck of RV cavity (class 1) in the corner.
fn speck(labels: &mut [u8]) {
    labels[0] = 1;
}

fn json(path: &Path) -> serde_json::Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn faults_are_found_counted_pictured_and_sorted_out() {
    let bench = Bench::new();
    real_pack(&bench);
    // Every fourth mask has a speck, as no real one has.
    let all = synthetic_pack(&bench, "fake", |i, labels| {
        if i % 4 == 0 {
            speck(labels);
        }
    });
    let faulty = all.div_ceil(4);
    let run = ["plausibility", "--real", "real", "--synthetic", "fake", "--out", "runs/check"];
    let mut arguments = run.to_vec();
    arguments.extend(["--filtered", "plausible", "--json", "--threads", "1"]);
    let printed: serde_json::Value = serde_json::from_str(&bench.ok(&arguments)).unwrap();
    let of = |metric: &str, of: serde_json::Value| {
        let scores = printed["scores"].as_array().unwrap();
        scores.iter().find(|s| s["metric"] == metric && s["of"] == of).unwrap_or_else(|| {
            panic!("{metric} of {of} is not in {printed}");
        })
    };
    let share = of("implausible_share", serde_json::Value::Null);
    let found = share["value"].as_f64().unwrap() * all as f64;
    // Besides the specks a few real masks are beyond the margin, as they may be.
    assert!(found >= faulty as f64 && found <= faulty as f64 + 0.05 * all as f64, "{share}");
    assert!(share["interval"][0].as_f64().unwrap() > 0.1 && share["synthetic_count"] == all);
    of("implausible_share", "held-out real".into());
    of("implausible_share", "rule/border of LV cavity with LV myocardium".into());
    let edge = of("implausible_share", "rule/border of RV cavity with the image's edge".into());
    let two = of("implausible_share", "rule/components of RV cavity".into());
    let value = |score: &serde_json::Value| score["value"].as_f64().unwrap();
    assert!(value(edge).max(value(two)) > 0.2, "{edge} {two}");
    for name in ["mean", "LV cavity", "pooled/mean", "real test mean"] {
        let dice = of("pair_dice", name.into());
        assert!(dice["interval"][0].as_f64() <= dice["value"].as_f64(), "{dice}");
        assert!(dice["extractor"].as_str().unwrap().starts_with("unet@"));
    }
    assert!(of("pair_dice", "mean".into())["value"].as_f64() > Some(0.5), "the pairs do agree");

    let result = json(&bench.path("runs/check/result.json"));
    assert_eq!(
        (&result["stage"], &result["subject"]["gan"]),
        (&"plausibility".into(), &"lsgan".into())
    );
    assert!(result["settings"]["summary"].as_str().unwrap().contains("of the synthetic masks"));
    assert!(result["settings"]["rules"]["ranges"].as_array().unwrap().len() > 10);
    let png = std::fs::read(bench.path("runs/check/implausible.png")).unwrap();
    assert_eq!(&png[1..4], b"PNG");
    let csv = std::fs::read_to_string(bench.path("runs/check/checks.csv")).unwrap();
    let lines: Vec<&str> = csv.lines().skip(1).collect();
    assert_eq!(lines.len(), all);
    for (i, line) in lines.iter().enumerate() {
        assert!(line.starts_with(&format!("{i},")), "{line}");
        assert!(i % 4 != 0 || line.contains("RV cavity"), "{line}");
    }

    let filtered = Pack::open(&bench.path("plausible")).unwrap();
    assert_eq!(filtered.len(), all - found.round() as usize);
    for i in 0..filtered.len() {
        assert_eq!(filtered.slice(i).unwrap().labels[0], 0, "a speck was kept");
    }
    let segment = ["segment", "--train", "plausible", "--test", "real", "--out", "runs/unet"];
    let mut arguments = segment.to_vec();
    arguments.extend(["--steps", "2", "--batch", "4"]);
    bench.ok(&arguments);
    let result = json(&bench.path("runs/unet/result.json"));
    assert_eq!(result["subject"]["gan"], "lsgan, plausible only");

    // The judge is in the cache by now: these are quick.
    bench.refused(&run, &["runs/check", "finished run"]);
    let again = ["--synthetic", "plausible", "--out", "again", "--filtered", "twice"];
    let mut arguments = vec!["plausibility", "--real", "real", "--threads", "1"];
    arguments.extend(again);
    bench.refused(&arguments, &["plausible", "filtered already"]);
    synthetic_pack(&bench, "hopeless", |_, labels| speck(labels));
    let hopeless = ["--synthetic", "hopeless", "--out", "none", "--filtered", "nothing"];
    let mut arguments = vec!["plausibility", "--real", "real", "--threads", "1"];
    arguments.extend(hopeless);
    bench.refused(&arguments, &["hopeless", "pairs are implausible", "expected at least one"]);
    assert!(!bench.path("none").exists() && !bench.path("nothing").exists());
}

#[test]
fn what_cannot_be_checked_gives_a_line_and_no_number() {
    let bench = Bench::new();
    real_pack(&bench);
    let refused = |real: &str, synthetic: &str, more: &[&str], parts: &[&str]| {
        let mut arguments =
            vec!["plausibility", "--real", real, "--synthetic", synthetic, "--out", "run"];
        arguments.extend(more);
        bench.refused(&arguments, parts);
        assert!(!bench.path("run").exists(), "{arguments:?} left a run");
    };
    synthetic_pack(&bench, "fake", |_, _| {});
    synthetic_pack(&bench, "blank", |_, labels| labels.fill(0));
    refused("real", "blank", &[], &["blank", "no mask has a labelled pixel"]);
    refused("fake", "fake", &[], &["--real", "made by lsgan", "expected real patients"]);
    refused("real", "nowhere", &[], &["nowhere", "cannot be read"]);
    refused(
        "real",
        "fake",
        &["--false-alarms", "0.7"],
        &["--false-alarms 0.7", "between 0 and 0.5"],
    );
    refused("real", "fake", &["--filtered", "blank"], &["--filtered blank", "already exists"]);
    refused("real", "real", &["--filtered", "new"], &["real slices", "expected a synthetic pack"]);
    // Another size, other classes, a class that no training patient has.
    bench.phantom_pack("large");
    refused("real", "large", &[], &["large", "32x32", "16x16"]);
    let edited = |name: &str, edit: &dyn Fn(&mut Manifest), mask: &dyn Fn(u8) -> u8| {
        let real = Pack::open(&bench.path("real")).unwrap();
        let mut writer = PackWriter::create(&bench.path(name), real.slice_shape()).unwrap();
        for i in 0..real.len() {
            let slice = real.slice(i).unwrap();
            let labels: Vec<u8> = slice.labels.iter().map(|&label| mask(label)).collect();
            writer.push(slice.pixels, &labels, real.manifest().slices[i].clone()).unwrap();
        }
        let mut manifest = real.manifest().clone();
        edit(&mut manifest);
        writer.finish(manifest).unwrap();
    };
    edited("renamed", &|manifest| manifest.classes[1] = "liver".into(), &|label| label);
    refused("real", "renamed", &[], &["renamed", "liver", "RV cavity"]);
    edited("lacking", &|_| {}, &|label| if label == 3 { 0 } else { label });
    // The samples do not say who was seen, and were made of another pack.
    let allowed = ["--allow-overlap"];
    refused("lacking", "fake", &[], &["fake was trained on the pack", "cannot be told"]);
    refused("lacking", "fake", &allowed, &["lacking", "`LV cavity` is in 0 training masks"]);
}
