//! Do neighbouring planes of synthetic volumes fit each other as those of real ones do? A stack of slices that were made
//! one by one does not.

mod neighbours;

use crate::context::Context;
use crate::overlap::settle;
use anyhow::{Context as _, Result, bail};
use neighbours::{OF_CLASSES, OF_IMAGE, Stack};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use vesalius_data::checks::overlap::made_and_side;
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{Manifest, Provenance, Split};
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
    let classes = real.classes();
    let sides = [Split::Test, Split::Train].map(|side| of_patients(&real, side));
    let [test, train] = sides;
    let (test, train, made) = (test?, train?, of_pack(&synthetic, &real)?);
    let compared = |left: &Sample, right: &Sample| {
        energy::compare(left, right, SEED).context("two patients on a side, expected more")
    };
    let (found, own) = (compared(&test, &made)?, compared(&test, &train)?);
    let stacked =
        if synthetic.slice_shape().is_volume() { "" } else { ", slices stacked in their order" };
    let protocol = format!(
        "neighbouring planes of volumes of {} (Dice, area change and centre shift of each class, gaps, image change), energy \
         distance of {} test patients, one volume each, and {} synthetic volumes{stacked}, {} permutations",
        real.slice_shape().size(),
        test.len(),
        made.len(),
        energy::PERMUTATIONS
    );
    let mut scores = vec![];
    for (Energy { distance, p }, of) in [(found, None), (own, Some(Part::HeldOutReal))] {
        for (metric, value) in [("coherence_distance", distance), ("coherence_p", p)] {
            scores.push(Score {
                of: of.clone(),
                real_count: Some(test.len()),
                synthetic_count: Some(if of.is_none() { made.len() } else { train.len() }),
                ..Score::new(metric, value, protocol.clone())
            });
        }
    }
    settled.note(&mut scores);
    let names = names(&real.manifest().classes[1..]);
    let settings = json!({
        "seed": SEED,
        "means": means(&names, [("real test", &test), ("real train", &train), ("synthetic", &made)]),
    });
    let subject = Subject {
        dataset: real.manifest().dataset.clone(),
        gan: synthetic.manifest().provenance.row(),
        trained_on: None,
    };
    let inputs = vec![Input::pack("real", &real), Input::pack("synthetic", &synthetic)];
    debug_assert_eq!(names.len(), (classes - 1) * OF_CLASSES.len() + 1);
    let images = Some((test.len() + made.len()) as u64);
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
fn of_patients(real: &Pack, side: Split) -> Result<Sample> {
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
    let volumes: Vec<usize> = of.iter().map(drawn).collect();
    numbers(real, &volumes, real.slice_shape().planes, manifest)
}

/// Synthetic volumes, or slices stacked to as many planes as the real ones have.
fn of_pack(synthetic: &Pack, real: &Pack) -> Result<Sample> {
    let planes = real.slice_shape().planes;
    let volumes = synthetic.len() * synthetic.slice_shape().planes / planes;
    let all: Vec<usize> = (0..volumes.min(MOST)).collect();
    numbers(synthetic, &all, planes, real.manifest())
}

/// Of volumes by their number; pixels are as large as those of `like`.
fn numbers(pack: &Pack, volumes: &[usize], planes: usize, like: &Manifest) -> Result<Sample> {
    let slices = Pack::open_planes(pack.path())?;
    let [_, row, column] = like.spacing_mm();
    volumes
        .par_iter()
        .map(|volume| {
            let first = volume * planes;
            Stack { slices: &slices, first, planes, spacing_mm: [row, column] }
                .numbers(slices.classes())
        })
        .collect()
}

fn names(classes: &[String]) -> Vec<String> {
    let of = |class: &String| OF_CLASSES.map(|what| format!("{what} of {class}"));
    classes.iter().flat_map(of).chain([OF_IMAGE.to_owned()]).collect()
}

/// Means of each number, for people.
fn means(names: &[String], samples: [(&str, &Sample); 3]) -> serde_json::Value {
    let of = |sample: &Sample| {
        let mean = |at: usize| sample.iter().map(|v| v[at]).sum::<f64>() / sample.len() as f64;
        let all: BTreeMap<&str, f64> =
            names.iter().enumerate().map(|(at, name)| (name.as_str(), mean(at))).collect();
        json!(all)
    };
    let rows: BTreeMap<&str, serde_json::Value> =
        samples.into_iter().map(|(name, sample)| (name, of(sample))).collect();
    debug_assert_eq!(rows.keys().collect::<BTreeSet<_>>().len(), 3);
    json!(rows)
}
