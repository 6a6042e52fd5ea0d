//! A training that is killed or stopped at any measurement ends as an undisturbed one does: the same outcome, at the
//! same
//! length, with the same weights and the same lines of `stats.jsonl`.

use anyhow::Result;
use std::cell::{Cell, RefCell};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::Pack;
use vesalius_torch::checkpoint::{self, State};
use vesalius_torch::features::Extractor;
use vesalius_torch::spec::TrainSpec;
use vesalius_torch::stats::Stat;
use vesalius_torch::train::{Ended, Probe, TrainContext, begin, train};

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

fn spec(preset: &str, settings: &[&str]) -> TrainSpec {
    let common = [
        "training.batch=8",
        "training.kimg=0.6",
        "networks.generator.filters=4",
        "networks.discriminator.filters=4",
        "training.checkpoint_every_kimg=0.08",
        "training.distance_every_kimg=0.04",
        "training.distance_images=16",
    ];
    let all: Vec<String> = common.iter().chain(settings).map(|s| (*s).to_owned()).collect();
    TrainSpec::resolve(preset, &all).unwrap()
}

fn pack() -> Pack {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/compat/pack-1");
    Pack::open(Path::new(path)).unwrap()
}

fn go_on(
    run: &Path,
    spec: &TrainSpec,
    stop: &dyn Fn() -> bool,
    report: &mut dyn FnMut(&Stat),
) -> (Ended, State) {
    let pack = pack();
    let real = Tensor::rand([32, 4], (Kind::Float, Device::Cpu));
    let probe = Some(Probe { extractor: &Quarters, real: fixed(&real) });
    train(run, spec, &pack, Device::Cpu, TrainContext { probe, stop, report, moved: &|_| {} })
        .unwrap()
}

/// The same numbers every time, whatever the generator of random numbers did before.
fn fixed(like: &Tensor) -> Tensor {
    let n = like.numel() as i64;
    (Tensor::arange(n, (Kind::Float, Device::Cpu)) * 12.9898).sin().reshape(like.size())
}

fn begun(root: &Path, name: &str, spec: &TrainSpec) -> PathBuf {
    let run = root.join(name);
    begin(&run, spec, &pack()).unwrap();
    run
}

/// What must not depend on interruptions: everything but times.
fn outcome(run: &Path, (ended, state): &(Ended, State)) -> String {
    let text = std::fs::read_to_string(run.join("stats.jsonl")).unwrap();
    let lines: Vec<String> = text
        .lines()
        .map(|line| {
            let stat: Stat = serde_json::from_str(line).unwrap();
            let Stat { kimg, losses, frechet_distance, .. } = stat;
            format!("{kimg} {losses:?} {frechet_distance:?}")
        })
        .collect();
    let kept: Vec<String> = checkpoint::list(run)
        .unwrap()
        .iter()
        .map(|folder| {
            let state = checkpoint::verify(folder).unwrap();
            format!("{} {:?} {} {:?}", state.images, state.files, state.collapsed, state.best)
        })
        .collect();
    format!(
        "{ended:?} {} {:?}\n{}\n{}",
        state.images,
        state.best,
        lines.join("\n"),
        kept.join("\n")
    )
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

/// Ends an undisturbed training, one killed at each line of its statistics, and ones stopped after each `every`th step.
/// Gives the number of lines.
fn check(preset: &str, settings: &[&str], every: usize, expected: &str) -> usize {
    // LibTorch has one generator of random numbers for all threads.
    static ALONE: Mutex<()> = Mutex::new(());
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    tch::set_num_threads(1);
    let root = tempfile::tempdir().unwrap();
    let spec = spec(preset, settings);
    let straight = begun(root.path(), "straight", &spec);
    // What kill -9 leaves at that moment: the line is written, the checkpoint after it is not.
    let snapshots: RefCell<Vec<PathBuf>> = RefCell::default();
    let asked = Cell::new(0_usize);
    let ended = go_on(
        &straight,
        &spec,
        &|| {
            asked.set(asked.get() + 1);
            false
        },
        &mut |_| {
            let snapshot = root.path().join(format!("killed-{}", snapshots.borrow().len()));
            copy(&straight, &snapshot);
            snapshots.borrow_mut().push(snapshot);
        },
    );
    let undisturbed = outcome(&straight, &ended);
    assert!(undisturbed.starts_with(expected), "{undisturbed}");
    let snapshots = snapshots.into_inner();
    for run in &snapshots {
        let ended = go_on(run, &spec, &|| false, &mut |_| {});
        assert_eq!(outcome(run, &ended), undisturbed, "{}", run.display());
    }
    for steps in (1..asked.get()).step_by(every) {
        let run = begun(root.path(), &format!("stopped-{steps}"), &spec);
        let left = Cell::new(steps);
        let stop = || {
            left.set(left.get() - 1);
            left.get() == 0
        };
        assert_eq!(go_on(&run, &spec, &stop, &mut |_| {}).0, Ended::Stopped);
        let ended = go_on(&run, &spec, &|| false, &mut |_| {});
        let found = outcome(&run, &ended);
        // Where it was stopped there is a checkpoint more, until others are newer.
        let lines = |text: &str| {
            text.lines()
                .take_while(|line| !line.contains('{'))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(lines(&found), lines(&undisturbed), "stopped after {steps} steps");
        if expected.starts_with("Finished") {
            let last = |text: &str| text.lines().last().map(str::to_owned);
            assert_eq!(last(&found), last(&undisturbed), "stopped after {steps} steps");
        }
    }
    snapshots.len()
}

#[test]
fn a_training_that_finishes() {
    check("dcgan", &["training.ema_half_life_kimg=0", "training.kimg=0.32"], 7, "Finished 320");
}

#[test]
fn a_training_in_bf16() {
    let short = ["training.precision=bf16", "training.ema_half_life_kimg=0", "training.kimg=0.32"];
    check("dcgan", &short, 7, "Finished 320");
}

#[test]
fn a_training_that_collapses() {
    let flat = [
        "networks.init.gain=1e-12",
        "optimiser.generator.learning_rate=1e-12",
        "networks.generator.norm=none",
    ];
    check("dcgan", &flat, 1, "Diverged(\"collapse");
}

/// The first step breaks it, and the line that says so comes 25 steps later: a training that was stopped in between has
/// to remember.
#[test]
fn a_training_that_breaks_down() {
    let broken = [
        "optimiser.discriminator.learning_rate=1e4",
        "networks.discriminator.norm=none",
        "training.distance_every_kimg=0.2",
        "training.checkpoint_every_kimg=0.04",
        "training.ema_half_life_kimg=0",
    ];
    check("lsgan", &broken, 1, "Diverged(\"losses");
}

/// The gradient penalty grows with the eighth power of the critic's weights, and the weights with every step: after
/// some
/// lines it is above what 32 bits hold.
#[test]
fn a_training_that_breaks_down_after_some_measurements() {
    let growing = [
        "optimiser.discriminator.learning_rate=5680",
        "networks.discriminator.norm=none",
        "training.critic_steps=1",
        "training.kimg=2",
        "training.distance_every_kimg=0.2",
        "training.checkpoint_every_kimg=0.04",
        "training.ema_half_life_kimg=0",
    ];
    let lines = check("wgan-gp", &growing, 5, "Diverged(\"losses");
    assert!(lines >= 3, "{lines} lines: too few to be killed at");
    eprintln!("killed at each of {lines} lines");
}
