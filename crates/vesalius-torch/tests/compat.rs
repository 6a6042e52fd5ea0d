//! What version 0.1 wrote still opens and means the same: specs with the fields of all families, their digests, the
//! names of
//! studies' tasks that stand on them, and runs that go on from their checkpoints.

use serde_json::Value;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tch::Device;
use vesalius_data::pack::Pack;
use vesalius_torch::checkpoint;
use vesalius_torch::sample::read_spec;
use vesalius_torch::spec::{TrainSpec, preset_names};
use vesalius_torch::train::{Ended, TrainContext, begin, train};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../golden/compat").join(name)
}

/// Presets and settings with what version 0.1 made of them.
fn specs() -> BTreeMap<String, Value> {
    serde_json::from_slice(&std::fs::read(golden("specs-1.json")).unwrap()).unwrap()
}

fn resolved(golden: &Value) -> TrainSpec {
    let settings: Vec<String> = serde_json::from_value(golden["settings"].clone()).unwrap();
    TrainSpec::resolve(golden["preset"].as_str().unwrap(), &settings).unwrap()
}

#[test]
fn every_preset_is_known_by_what_it_was_known_by() {
    let specs = specs();
    // Those of version 0.1; a preset that came later was known by nothing.
    let presets = preset_names();
    assert!(specs.values().all(|golden| presets.iter().any(|name| golden["preset"] == **name)));
    for (name, golden) in specs {
        let spec = resolved(&golden);
        assert_eq!(spec.digest().unwrap(), golden["spec_sha256"], "{name}");
        // A study's task holds it, and its SHA-256 is the task's name.
        let identity = spec.identity().unwrap();
        assert_eq!(serde_json::to_value(&identity).unwrap(), golden["task"], "{name}");
        assert_eq!(toml::to_string_pretty(&identity).unwrap(), golden["toml"], "{name}");
    }
}

#[test]
fn flat_specs_open_as_those_of_today() {
    for (name, golden) in specs() {
        let spec = resolved(&golden);
        let from_toml = TrainSpec::from_toml(golden["toml"].as_str().unwrap()).unwrap();
        assert_eq!(from_toml, spec, "{name}");
        let from_task: TrainSpec = serde_json::from_value(golden["task"].clone()).unwrap();
        assert_eq!(from_task, spec, "{name}");
    }
}

/// A study file that switched a foreign term off for all its GANs still plans the same tasks.
#[test]
fn a_study_may_still_switch_off_what_a_family_lacks() {
    let specs = specs();
    for (preset, setting) in [
        ("dcgan", "regularise.kl=0"),
        ("stylegan2", "regularise.gradient_penalty=0"),
        ("stylegan", "training.critic_boost=false"),
        ("stylegan", "regularise.vgg=0.0"),
    ] {
        let spec = TrainSpec::resolve_saved(preset, &[setting.to_owned()]).unwrap();
        let task = serde_json::to_value(spec.identity().unwrap()).unwrap();
        assert_eq!(task, specs[preset]["task"], "{preset} {setting}");
        assert!(TrainSpec::resolve(preset, &[setting.to_owned()]).is_err(), "{preset} {setting}");
    }
    let on = TrainSpec::resolve_saved("dcgan", &["regularise.kl=1".to_owned()]).unwrap_err();
    assert!(on.to_string().contains("regularise.kl = 1: dcgan has no such term"), "{on}");
}

/// Its digest is in checkpoints: an old run can be resumed only if nothing of it reads differently.
#[test]
fn a_task_file_of_version_0_1_still_means_the_same() {
    let text = std::fs::read_to_string(golden("task-1.toml")).unwrap();
    let spec = TrainSpec::from_toml(&text).unwrap();
    assert_eq!(toml::to_string_pretty(&spec.identity().unwrap()).unwrap(), text);
}

#[test]
fn a_term_that_was_on_where_no_family_has_it_is_refused_in_one_line() {
    let specs = specs();
    for (preset, table, field, value) in [
        ("hinge", "regularise", "kl", "1.0"),
        ("dcgan", "augment", "ada", "{ transforms = [], target = 0.6, kimg = 500.0, every = 4 }"),
        (
            "wgan",
            "regularise",
            "style",
            "{ r1 = 1.0, r1_every = 1, path_length = 0.0, path_length_every = 1, mixing = 0.0 }",
        ),
        ("stylegan2", "regularise", "gradient_penalty", "10.0"),
        ("stylegan2", "regularise", "weight_clip", "0.01"),
        ("stylegan", "regularise", "feature_matching", "1"),
        ("stylegan", "regularise", "vgg", "2.5"),
        ("stylegan", "training", "critic_boost", "true"),
        ("spade", "training", "critic_steps", "2"),
        ("spade", "training", "critic_boost", "true"),
        ("spade", "augment", "mask_noise", "0.5"),
        ("spade", "regularise", "gradient_penalty", "-1.0"),
    ] {
        let mut spec: toml::Table =
            toml::from_str(specs[preset]["toml"].as_str().unwrap()).unwrap();
        let value: toml::Table = toml::from_str(&format!("value = {value}")).unwrap();
        let fields = spec[table].as_table_mut().unwrap();
        fields.insert(field.to_owned(), value["value"].clone());
        let text = toml::to_string_pretty(&spec).unwrap();
        let error = format!("{:#}", TrainSpec::from_toml(&text).unwrap_err());
        let expected = format!("{table}.{field} = ");
        assert!(error.contains(&expected) && !error.contains('\n'), "{preset}: {error}");
        assert!(error.contains("expected it to be off"), "{preset}: {error}");
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Digests of the tensors of a run's newest checkpoint; its settings are written in the form of today.
fn tensors(run: &Path) -> BTreeMap<String, String> {
    let newest = checkpoint::list(run).unwrap().pop().unwrap();
    let mut files = checkpoint::verify(&newest).unwrap().files;
    files.remove("task.toml");
    files
}

fn close(found: f64, expected: f64) -> bool {
    (found - expected).abs() <= 1e-3 * expected.abs().max(1.0)
}

/// Goes on with a run that version 0.1 stopped between two lines of its statistics. The rounding of another CPU than
/// its own
/// may differ; on that one everything is as it would have been.
fn goes_on(name: &str) {
    // LibTorch has one generator of random numbers for all threads.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    let root = tempfile::tempdir().unwrap();
    let pack = Pack::open(&golden("pack-1")).unwrap();
    let spec = read_spec(&golden(name)).unwrap();
    let expected: Value =
        serde_json::from_slice(&std::fs::read(golden(name).join("expected.json")).unwrap())
            .unwrap();
    let go_on = |run: &Path, stop: &dyn Fn() -> bool| {
        let context = TrainContext { probe: None, stop, report: &mut |_| {}, moved: &|_| {} };
        train(run, &spec, &pack, Device::Cpu, context).unwrap()
    };

    let resumed = root.path().join("resumed");
    copy(&golden(name), &resumed);
    let stopped = checkpoint::list(&resumed).unwrap().pop().unwrap();
    let stopped = checkpoint::read_state(&stopped).unwrap();
    let (ended, state) = go_on(&resumed, &|| false);
    assert_eq!((ended, state.images), (Ended::Finished, expected["images"].as_u64().unwrap()));
    let newest = checkpoint::list(&resumed).unwrap().pop().unwrap();
    let written: Value =
        serde_json::from_slice(&std::fs::read(newest.join("state.json")).unwrap()).unwrap();
    assert_eq!(written["updates"], expected["updates"], "as a pair, as before");

    // The same program from the start, as far as that of version 0.1 went: is this a CPU like its own?
    let straight = root.path().join("straight");
    begin(&straight, &spec, &pack).unwrap();
    let left = Cell::new(stopped.step);
    go_on(&straight, &|| {
        left.set(left.get() - 1);
        left.get() == 0
    });
    let alike = tensors(&straight) == tensors(&golden(name));
    if !alike {
        eprintln!("{name}: a CPU that rounds otherwise, the last bits are not compared");
    }

    let lines = std::fs::read_to_string(resumed.join("stats.jsonl")).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told = expected["stats"].as_array().unwrap();
    assert_eq!(lines.len(), told.len());
    for (found, told) in lines.iter().zip(told) {
        let names = |line: &Value| line.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(found), names(told));
        for of in ["kimg", "loss_d", "loss_g"] {
            let (found, told) = (found[of].as_f64().unwrap(), told[of].as_f64().unwrap());
            assert!(if alike { found == told } else { close(found, told) }, "{of} {found} {told}");
        }
    }
    if alike {
        let mut files: BTreeMap<String, String> =
            serde_json::from_value(expected["files"].clone()).unwrap();
        files.remove("task.toml");
        assert_eq!(tensors(&resumed), files);
    }
}

#[test]
fn a_wgan_gp_of_version_0_1_goes_on() {
    goes_on("run-2-wgan-gp");
}

#[test]
fn a_stylegan2_of_version_0_1_goes_on_with_its_controls() {
    goes_on("run-2-stylegan2");
}
