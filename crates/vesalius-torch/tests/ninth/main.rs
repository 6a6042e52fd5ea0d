//! A family that is no GAN and lives outside of the crate trains, is stopped and killed and goes on bit for bit,
//! samples, and
//! is judged, and nothing of the loop, checkpoints, statistics, sampling or judges knows it.

mod denoiser;

use anyhow::Result;
use denoiser::DenoiserSpec;
use serde_json::Value;
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::Split;
use vesalius_torch::families::register;
use vesalius_torch::features::Extractor;
use vesalius_torch::features::images::{PackImages, of_images};
use vesalius_torch::metrics::features::FeatureSet;
use vesalius_torch::metrics::frechet::Divisor;
use vesalius_torch::metrics::kernel::Subset;
use vesalius_torch::metrics::suite::Comparison;
use vesalius_torch::nets::unet::UnetSpec;
use vesalius_torch::precision::Precision;
use vesalius_torch::sample::{Sampling, Trained};
use vesalius_torch::segment::spec::NetworkSpec;
use vesalius_torch::segment::{self, SegmentSpec};
use vesalius_torch::spec::TrainSpec;
use vesalius_torch::train::{Ended, Probe, TrainContext, begin, train};
use vesalius_torch::{checkpoint, trial};

/// Means over quarters of the image: enough for a distance.
#[derive(Debug)]
struct Quarters;

impl Extractor for Quarters {
    fn name(&self) -> String {
        "quarters".to_owned()
    }
    fn device(&self) -> Device {
        Device::Cpu
    }
    fn features(&self, image: &Tensor) -> Result<Tensor> {
        Ok(image.adaptive_avg_pool2d([2, 2]).flatten(1, -1).to_kind(Kind::Float))
    }
}

const SPEC: &str = r#"
preset = "denoiser"
[networks]
family = "denoiser"
steps = 3
unet = { filters = 4, depth = 2, norm = "instance" }
[optimiser]
denoiser = { kind = "adam", learning_rate = 2e-3, beta1 = 0.9, beta2 = 0.999 }
[training]
seed = 3
kimg = 0.32
batch = 4
batches = 2
ema_half_life_kimg = 0.02
ema_ramp = 0.05
checkpoint_every_kimg = 0.08
distance_every_kimg = 0.08
distance_images = 16
"#;

fn spec() -> TrainSpec {
    static KNOWN: Once = Once::new();
    KNOWN.call_once(|| register::<DenoiserSpec>().unwrap());
    TrainSpec::from_toml(SPEC).unwrap()
}

/// LibTorch has one generator of random numbers for all threads.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    alone
}

fn pack() -> Pack {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/compat/pack-1");
    Pack::open(Path::new(path)).unwrap()
}

fn go_on(run: &Path, spec: &TrainSpec, stop: &dyn Fn() -> bool, heard: &mut dyn FnMut()) -> Ended {
    let pack = pack();
    let images = PackImages { pack: &pack, indices: pack.indices(Split::Train) };
    let real = of_images(&Quarters, &images, &mut |_| {}).unwrap();
    let probe = Some(Probe { extractor: &Quarters, real });
    let context = TrainContext { probe, stop, report: &mut |_| heard(), moved: &|_| {} };
    train(run, spec, &pack, Device::Cpu, context).unwrap().0
}

fn begun(root: &Path, name: &str, spec: &TrainSpec) -> PathBuf {
    let run = root.join(name);
    begin(&run, spec, &pack()).unwrap();
    run
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

fn lines(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("stats.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What must not depend on interruptions: the newest checkpoint, and every line but for its times.
fn outcome(run: &Path) -> String {
    let newest = checkpoint::list(run).unwrap().pop().unwrap();
    let state = checkpoint::verify(&newest).unwrap();
    let lines: Vec<String> = lines(run)
        .into_iter()
        .map(|line| {
            let of = ["kimg", "losses", "frechet_distance", "updates"].map(|name| &line[name]);
            format!("{of:?}")
        })
        .collect();
    format!("{} {:?} {:?} {lines:#?}", state.images, state.best, state.files)
}

#[test]
fn it_is_stopped_and_killed_and_goes_on_bit_for_bit() {
    let _alone = alone();
    let (spec, root) = (spec(), tempfile::tempdir().unwrap());
    let straight = begun(root.path(), "straight", &spec);
    // What kill -9 leaves at that moment: the line is written, the checkpoint after it is not.
    let killed: RefCell<Vec<PathBuf>> = RefCell::default();
    let ended = go_on(&straight, &spec, &|| false, &mut || {
        let run = root.path().join(format!("killed-{}", killed.borrow().len()));
        copy(&straight, &run);
        killed.borrow_mut().push(run);
    });
    assert_eq!(ended, Ended::Finished);
    let undisturbed = outcome(&straight);
    assert_eq!(killed.borrow().len(), 4);
    for run in killed.into_inner() {
        assert_eq!(go_on(&run, &spec, &|| false, &mut || {}), Ended::Finished);
        assert_eq!(outcome(&run), undisturbed, "{}", run.display());
    }
    for steps in [7, 23] {
        let run = begun(root.path(), &format!("stopped-{steps}"), &spec);
        let left = Cell::new(steps);
        let stop = || {
            left.set(left.get() - 1);
            left.get() == 0
        };
        assert_eq!(go_on(&run, &spec, &stop, &mut || {}), Ended::Stopped);
        assert_eq!(go_on(&run, &spec, &|| false, &mut || {}), Ended::Finished);
        assert_eq!(outcome(&run), undisturbed, "stopped after {steps} steps");
    }
    files_have_its_names(&straight);
}

/// Checkpoints, statistics and TensorBoard say what the family calls its parts.
fn files_have_its_names(run: &Path) {
    let newest = checkpoint::list(run).unwrap().pop().unwrap();
    let mut files: Vec<String> = std::fs::read_dir(&newest)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let expected = [
        "averaged.safetensors",
        "denoiser.safetensors",
        "denoiser_optimiser.safetensors",
        "state.json",
        "task.toml",
    ];
    assert_eq!(files, expected);
    let state: Value =
        serde_json::from_slice(&std::fs::read(newest.join("state.json")).unwrap()).unwrap();
    assert_eq!(state["updates"], serde_json::json!({"denoiser": 80}));
    for line in lines(run) {
        assert!(line["losses"]["denoiser"].is_f64() && line["updates"].is_f64(), "{line}");
        assert!(line.get("loss_d").is_none() && line.get("loss_g").is_none(), "{line}");
    }
    let mut events = std::fs::read_dir(run).unwrap().map(|entry| entry.unwrap().path());
    let events = events.find(|path| path.to_string_lossy().contains("tfevents")).unwrap();
    let events = std::fs::read(events).unwrap();
    let tag = b"loss/denoiser";
    assert!(events.windows(tag.len()).any(|window| window == tag));
}

#[test]
fn it_learns_is_sampled_alike_in_any_batch_and_is_judged() {
    let _alone = alone();
    let (mut spec, root) = (spec(), tempfile::tempdir().unwrap());
    spec.training.kimg = 0.8;
    let run = begun(root.path(), "run", &spec);
    assert_eq!(go_on(&run, &spec, &|| false, &mut || {}), Ended::Finished);
    let losses: Vec<f64> =
        lines(&run).iter().map(|line| line["losses"]["denoiser"].as_f64().unwrap()).collect();
    assert!(losses[losses.len() - 1] < 0.6 * losses[0], "{losses:?}");

    let trained = Trained::load(&run, Device::Cpu, Precision::F32).unwrap();
    let sample = |name: &str, batch| {
        let target = root.path().join(name);
        let sampling = Sampling { count: 24, seed: 5, batch, truncation: 1.0, stack: 1 };
        trained.sample_pack(&target, &sampling, None, None, String::new(), |_| {}).unwrap();
        (std::fs::read(target.join("slices.bin")).unwrap(), Pack::open(&target).unwrap())
    };
    let (bytes, synthetic) = sample("eight", 8);
    for batch in [1, 5, 24] {
        assert!(sample(&format!("of-{batch}"), batch).0 == bytes, "batches of {batch}");
    }

    let real = pack();
    let features = |pack: &Pack, side| {
        let images = PackImages { pack, indices: pack.indices(Split::Train) };
        FeatureSet::new(side, &of_images(&Quarters, &images, &mut |_| {}).unwrap()).unwrap()
    };
    let comparison = Comparison {
        real: &features(&real, "real"),
        synthetic: &features(&synthetic, "synthetic"),
        held_out: None,
        logits: None,
        real_groups: None,
        held_out_groups: None,
        extractor: "quarters",
        dialect: None,
        treatment: "as they are",
        is_fid: false,
        kid_subset: Subset::Ours,
        divisor: Divisor::Unbiased,
        intervals: false,
    };
    let measured = [
        comparison.frechet_distance().unwrap(),
        comparison.kid().unwrap(),
        comparison.precision_recall().unwrap(),
    ];
    for score in measured.iter().flatten() {
        assert!(score.value.is_finite(), "{score}");
    }
    let unet = UnetSpec { filters: 4, depth: 2, ..UnetSpec::default() };
    let network = NetworkSpec::Unet(unet);
    let judge = SegmentSpec { network, steps: 4, batch: 4, ..SegmentSpec::default() };
    let network =
        segment::train(&judge, &[&synthetic], Device::Cpu, &|| false, &mut |_, _| {}, None)
            .unwrap()
            .segmenter;
    let test = real.indices(Split::Test);
    let judged =
        segment::evaluate_slices(&network, &real, &test, Device::Cpu, &mut |_| {}).unwrap();
    assert_eq!(judged.slice_count(), test.len());
}

#[test]
fn its_spec_is_read_strictly_and_is_known_by_its_own_form() {
    let spec = spec();
    let text = spec.to_toml().unwrap();
    assert_eq!(TrainSpec::from_toml(&text).unwrap(), spec);
    let task = serde_json::to_value(spec.identity().unwrap()).unwrap();
    assert_eq!(task, serde_json::to_value(&spec).unwrap());
    assert_eq!(serde_json::from_value::<TrainSpec>(task).unwrap(), spec);
    assert!(!spec.needs_masks());
    for (from, to, part) in [
        ("batches = 2", "batches = 0", "training.batches = 0"),
        ("batches = 2", "critic_steps = 2", "training.critic_steps"),
        ("steps = 3", "steps = 0", "networks.steps = 0"),
        ("steps = 3", "latent = 5", "latent"),
        ("2e-3", "-1.0", "optimiser.denoiser.learning_rate = -1"),
        ("[optimiser]", "[regularise]\nkl = 0.0\n[optimiser]", "regularise"),
        ("family = \"denoiser\"", "family = \"noiser\"", "spade, stylegan, stylegan2, denoiser"),
    ] {
        let error = format!("{:#}", TrainSpec::from_toml(&SPEC.replace(from, to)).unwrap_err());
        assert!(error.contains(part) && !error.contains('\n'), "{to}: {error}");
    }
    let error = register::<DenoiserSpec>().unwrap_err().to_string();
    assert!(error.contains("denoiser is there already"), "{error}");
}

#[test]
fn its_cost_is_tried() {
    let _alone = alone();
    let pack = pack();
    let cost = trial::gan(&spec(), &pack).unwrap();
    assert!(cost.secs > 0.0 && cost.bytes > 1e4, "{cost:?}");
}
