//! Whether the segmenters behind an answer were trained to their end: of what was not, nothing is concluded.

use super::compare::Comparison;
use crate::document::fixed;
use crate::evidence::{Evidence, TrainingSet};
use vesalius_data::run::TrainedOn;
use vesalius_data::run::segmented::{CURVES, Curves};

/// Steps below which nobody can tell whether a loss still falls.
const SHORT: u64 = 200;
/// Dice by which real images alone may stay below what another segmenter of the report made of them.
const FAR_BELOW: f64 = 0.1;

/// Why the answer of a comparison says nothing, where the segmenter of the real images alone was not trained to its end.
pub fn doubt(evidence: &Evidence, answer: &Comparison) -> Option<String> {
    let reference = evidence.sets.iter().find(|set| {
        set.gan.is_none() && !set.judged.is_empty() && set.is_original() && set.name() == answer.b
    })?;
    short(reference).or_else(|| below(evidence, reference))
}

/// Of its runs the first that was too short.
fn short(reference: &TrainingSet) -> Option<String> {
    reference.judged.iter().find_map(|run| {
        // A damaged file is the training page's to refuse.
        let curves: Curves = run.json(CURVES).ok().flatten()?;
        let steps = curves.training.last()?.step;
        if steps < SHORT {
            return Some(format!("it had {steps} steps"));
        }
        if let Some(length) = curves.length.as_ref().filter(|length| length.falling) {
            let looks = length.looks.last().map_or(0, |point| point.step);
            return Some(format!(
                "the loss on held-back patients was still falling after {looks} steps"
            ));
        }
        let share = curves.falling().filter(|_| curves.length.is_none())?;
        Some(format!(
            "its loss was still falling at the end, in the last tenth of {steps} steps by {:.0} % of all that it fell",
            100.0 * share
        ))
    })
}

/// Whether the same patients gave much more to another segmenter of real images.
fn below(evidence: &Evidence, reference: &TrainingSet) -> Option<String> {
    let others = evidence.sets.iter().filter(|set| {
        matches!(set.trained_on, TrainedOn::Real | TrainedOn::RealAugmented)
            && set.is_original()
            && set.patients.keys().eq(reference.patients.keys())
    });
    let best =
        others.filter_map(|set| Some((set.value()?, set))).max_by(|a, b| a.0.total_cmp(&b.0))?;
    let own = reference.value()?;
    (own < best.0 - FAR_BELOW).then(|| {
        format!(
            "its Dice is {}, and the same patients gave {} to \"{}\"",
            fixed(own, 3),
            fixed(best.0, 3),
            best.1.name()
        )
    })
}
