//! Do neighbouring planes of synthetic volumes fit each other as those of real ones do? A stack of slices that were made
//! one by one does not. And are there as many bodies in them, as large?

mod anatomy;
mod neighbours;

use crate::context::Context;
use crate::overlap::settle;
use anyhow::{Context as _, Result, bail};
use neighbours::Stack;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use vesalius_data::checks::overlap::made_and_side;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Provenance, Split};
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;
use vesalius_data::run::{Input, RunResult, Subject, refuse_finished};
use vesalius_statistics::energy::{self, Energy};

/// The stage: which volumes, compared with which.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Coherence {
    /// Real pack of volumes: its test patients are what synthetic volumes are compared with, its training patients say
    /// what real ones give.
    pub real: PathBuf,
    /// Synthetic pack of volumes; of slices, which are stacked in their order.
    pub synthetic: PathBuf,
    /// Folder of the run.
    pub out: PathBuf,
    /// Go on although patients stand on both sides.
    pub allow_overlap: bool,
}

/// The settings as a study's task holds them: there are none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {}

/// Synthetic volumes that are looked at, the first.
const MOST: usize = 500;
/// Of the permutations.
const SEED: u64 = 1;

/// Numbers of each volume.
type Sample = Vec<Vec<f64>>;

/// What is measured of each volume, and tested together.
struct Measure {
    /// Distance and p.
    metrics: [&'static str; 2],
    /// For protocols.
    what: &'static str,
    /// Of each class, as people are shown it.
    of_classes: &'static [&'static str],
    /// And of the image.
    of_image: &'static [&'static str],
    numbers: fn(&Stack, usize) -> Result<Vec<f64>>,
}

/// Do planes fit each other, and are there as many and as large bodies as in real volumes?
const MEASURES: [Measure; 2] = [
    Measure {
        metrics: ["coherence_distance", "coherence_p"],
        what: "neighbouring planes (Dice, area change and centre shift of each class, gaps, image change)",
        of_classes: &neighbours::OF_CLASSES,
        of_image: &[neighbours::OF_IMAGE],
        numbers: |stack, classes| stack.neighbours(classes),
    },
    Measure {
        metrics: ["anatomy_distance", "anatomy_p"],
        what: "connected pieces and volume of each class",
        of_classes: &anatomy::OF_CLASSES,
        of_image: &[],
        numbers: |stack, classes| stack.anatomy(classes),
    },
];

impl Measure {
    /// Names of its numbers.
    fn names(&self, classes: &[String]) -> Vec<String> {
        let mut names = vec![];
        for class in classes {
            names.extend(self.of_classes.iter().map(|what| format!("{what} of {class}")));
        }
        names.extend(self.of_image.iter().map(|what| (*what).to_owned()));
        names
    }
}

/// Real volumes of test and training patients, and synthetic ones.
struct Sides<'a> {
    test: (&'a Pack, Vec<usize>),
    train: (&'a Pack, Vec<usize>),
    made: (&'a Pack, Vec<usize>),
}

/// Compares, and publishes the run.
///
/// # Errors
/// Packs that cannot be read, are not of volumes, do not go together or overlap, fewer than two patients on a side, a
/// folder that holds a finished run.
pub fn run(stage: &Coherence, context: &Context) -> Result<RunResult> {
    refuse_finished(&stage.out)?;
    let (real, synthetic) = (Pack::open_any(&stage.real)?, Pack::open_any(&stage.synthetic)?);
    real.in_a_fold()?;
    check(stage, &real, &synthetic)?;
    let settled = settle(&made_and_side(&real, &synthetic, Split::Test), stage.allow_overlap)?;
    let meter = context.meter();
    let sides = Sides {
        test: (&real, of_patients(&real, Split::Test)),
        train: (&real, of_patients(&real, Split::Train)),
        made: (&synthetic, of_pack(&synthetic, &real)),
    };
    let stacked =
        if synthetic.slice_shape().is_volume() { "" } else { ", slices stacked in their order" };
    let (mut scores, mut shown) = (vec![], BTreeMap::new());
    for measure in &MEASURES {
        let names = measure.names(&real.manifest().classes[1..]);
        let numbers =
            |(pack, volumes): &(&Pack, Vec<usize>)| numbers(measure, pack, volumes, &real);
        let [test, train, made] =
            [numbers(&sides.test)?, numbers(&sides.train)?, numbers(&sides.made)?];
        let compared = |left: &Sample, right: &Sample| {
            energy::compare(left, right, SEED).context("two patients on a side, expected more")
        };
        let protocol = format!(
            "{} of volumes of {}, energy distance of {} test patients, one volume each, and {} synthetic \
             volumes{stacked}, {} permutations",
            measure.what,
            real.slice_shape().size(),
            test.len(),
            made.len(),
            energy::PERMUTATIONS
        );
        let against = [(None, &made), (Some(Part::HeldOutReal), &train)];
        for (of, other) in against {
            let Energy { distance, p } = compared(&test, other)?;
            for (metric, value) in measure.metrics.into_iter().zip([distance, p]) {
                scores.push(Score {
                    of: of.clone(),
                    real_count: Some(test.len()),
                    synthetic_count: Some(other.len()),
                    ..Score::new(metric, value, protocol.clone())
                });
            }
        }
        for (side, sample) in [("real test", &test), ("real train", &train), ("synthetic", &made)] {
            shown.entry(side).or_insert_with(BTreeMap::new).extend(means(&names, sample));
        }
    }
    settled.note(&mut scores);
    let settings = json!({ "seed": SEED, "means": shown });
    let subject = Subject {
        dataset: real.manifest().dataset.clone(),
        gan: synthetic.manifest().provenance.row(),
        trained_on: None,
    };
    let inputs = vec![Input::pack("real", &real), Input::pack("synthetic", &synthetic)];
    let images = Some((sides.test.1.len() + sides.made.1.len()) as u64);
    let result = settled.of(meter.result("coherence", subject, scores, inputs, images, settings));
    result.publish(&stage.out)?;
    Ok(result)
}

fn check(stage: &Coherence, real: &Pack, synthetic: &Pack) -> Result<()> {
    if !real.slice_shape().is_volume() {
        bail!(
            "--real {}: slices of {}, expected a pack of volumes (`prepare --volume`)",
            stage.real.display(),
            real.slice_shape().size()
        );
    }
    if let Provenance::Synthetic { gan, .. } = &real.manifest().provenance {
        bail!("--real {}: made by {gan}, expected real volumes", stage.real.display());
    }
    if synthetic.slice_shape().is_volume() {
        return synthetic.same_pairs(real);
    }
    let planes = Pack::open_planes(real.path())?;
    synthetic.same_pairs(&planes)
}

/// One volume of each patient on a side, drawn by the patient's name: those of one patient are alike, and the test takes
/// its members for independent.
fn of_patients(real: &Pack, side: Split) -> Vec<usize> {
    let manifest = real.manifest();
    let mut of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for i in real.indices(side) {
        of.entry(&manifest.case(i).patient).or_default().push(i);
    }
    let drawn = |(patient, volumes): (&&str, &Vec<usize>)| {
        let digest =
            vesalius_data::files::digest::of_bytes(format!("coherence/{patient}").as_bytes());
        let number = u64::from_str_radix(&digest[..12], 16).unwrap_or(0);
        volumes[number as usize % volumes.len()]
    };
    of.iter().map(drawn).collect()
}

/// Synthetic volumes, or slices stacked to as many planes as the real ones have.
fn of_pack(synthetic: &Pack, real: &Pack) -> Vec<usize> {
    let volumes = synthetic.len() * synthetic.slice_shape().planes / real.slice_shape().planes;
    (0..volumes.min(MOST)).collect()
}

/// Of volumes by their number; voxels are as large as those of `real`, and a volume has as many planes.
fn numbers(measure: &Measure, pack: &Pack, volumes: &[usize], real: &Pack) -> Result<Sample> {
    let slices = Pack::open_planes(pack.path())?;
    let planes = real.slice_shape().planes;
    let spacing_mm = real.manifest().spacing_mm();
    let of = |volume: &usize| {
        let stack = Stack { slices: &slices, first: volume * planes, planes, spacing_mm };
        (measure.numbers)(&stack, slices.classes())
    };
    volumes.par_iter().map(of).collect()
}

/// Means of each number, for people.
fn means(names: &[String], sample: &Sample) -> BTreeMap<String, f64> {
    let mean = |at: usize| sample.iter().map(|v| v[at]).sum::<f64>() / sample.len() as f64;
    debug_assert!(sample.iter().all(|numbers| numbers.len() == names.len()));
    names.iter().enumerate().map(|(at, name)| (name.clone(), mean(at))).collect()
}
