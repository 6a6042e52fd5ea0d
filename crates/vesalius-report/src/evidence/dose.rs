//! Segmenters of fewer patients, or of fewer synthetic images: points of a dose.

use super::lineage::{sampled_count, synthetic};
use super::repetition::Basis;
use super::rows::{self, Dice};
use super::runs::Run;
use super::{Evidence, TrainingSet};
use std::collections::BTreeMap;
use vesalius_data::pack::row::RowId;
use vesalius_data::pack::view;
use vesalius_data::run::{Input, TrainedOn};

/// Whether a run is of some of the training patients only, or of the first of a pack's pairs: no row of a table, which
/// is about all of both.
pub fn is_part(run: &Run) -> bool {
    let few = run.result.inputs.iter().any(|input| input.patients().is_some());
    few || synthetic(run).any(|(_, facts)| facts.first_of.is_some())
}

/// What tells a curve from others: whose images, how many of them, which share of a batch.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Curve {
    /// The generator; none: real images alone.
    pub gan: Option<RowId>,
    /// Synthetic pairs.
    pub images: u64,
    /// Share of a batch, where it is not an equal one.
    pub share: Option<String>,
}

/// Segmenters of one curve and one number of patients.
#[derive(Debug, Clone)]
pub struct Point {
    /// Training patients, of the GAN as well.
    pub patients: usize,
    /// Dice of each run's test patients.
    pub rows: Vec<Dice>,
}

/// All points, sorted by curve and patients: those of the dose, and of the training sets that hold all patients and
/// images. Empty without a dose.
pub fn curves(evidence: &Evidence) -> BTreeMap<Curve, Vec<Point>> {
    let mut groups: BTreeMap<(Curve, usize), Vec<&Run>> = BTreeMap::new();
    let few = |run: &Run| run.result.inputs.iter().find_map(Input::patients).cloned();
    let Some(all) = evidence.doses.iter().filter_map(|run| few(run)).map(|few| few.of).max() else {
        return BTreeMap::new();
    };
    for run in evidence.doses.iter().filter(|run| is_alike(evidence, run)) {
        let patients = few(run).map_or(all, |few| few.count);
        groups.entry((curve(run), patients)).or_default().push(run);
    }
    let gans: Vec<Option<RowId>> = groups.keys().map(|(curve, _)| curve.gan.clone()).collect();
    for set in evidence.sets.iter().filter(|set| is_last_point(set) && gans.contains(&set.gan)) {
        for run in &set.judged {
            groups.entry((curve(run), all)).or_default().push(run);
        }
    }
    let mut curves: BTreeMap<Curve, Vec<Point>> = BTreeMap::new();
    for ((curve, patients), runs) in groups {
        if let Some(rows) = rows::rows(&runs, None) {
            curves.entry(curve).or_default().push(Point { patients, rows: rows.each });
        }
    }
    curves
}

fn curve(run: &Run) -> Curve {
    let share = run.result.settings.get("share").filter(|share| !share.is_null());
    Curve {
        gan: run.gan().cloned(),
        images: sampled_count(run).unwrap_or(0),
        share: share.map(ToString::to_string),
    }
}

/// Whether a segmenter of the dose was trained as those of the tables are, on real images with or without synthetic ones
/// of a generator that saw the same patients.
fn is_alike(evidence: &Evidence, run: &Run) -> bool {
    let Some(basis) = Basis::of(&evidence.doses, run) else { return false };
    basis.settings == evidence.usual
        && !basis.shuffled
        && !basis.augmented
        && matches!(basis.trained_on, TrainedOn::Real | TrainedOn::RealAndSynthetic)
        && saw_the_same(run) == Some(true)
}

/// Whether a training set of the tables is the last point of a curve.
fn is_last_point(set: &TrainingSet) -> bool {
    set.is_usual
        && set.is_original()
        && set.control().is_none()
        && matches!(set.trained_on, TrainedOn::Real | TrainedOn::RealAndSynthetic)
        && set.basis.foreign.is_empty()
}

/// Whether the generators of a segmenter's images saw the patients of the real images beside them, and no others; none
/// without real images.
fn saw_the_same(run: &Run) -> Option<bool> {
    let mut real =
        run.result.inputs.iter().filter(|input| input.role == "train" && input.is_real());
    let digest = &real.next()?.sha256;
    let same = |seen: &str| view::is_pack_or_planes(seen, digest);
    Some(synthetic(run).all(|(_, facts)| facts.trained_on.as_deref().is_some_and(same)))
}

/// Segmenters of the dose that are no points because their generator saw other patients than those beside whom its images
/// trained.
pub fn with_other_patients(evidence: &Evidence) -> usize {
    let segmenters = evidence.doses.iter().filter(|run| run.result.stage == "segment");
    segmenters.filter(|run| saw_the_same(run) == Some(false)).count()
}
