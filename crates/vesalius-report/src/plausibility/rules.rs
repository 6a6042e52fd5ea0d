//! Rules: what a mask of this dataset may look like, as learned from real ones.
//!
//! Of each quantity a range: between the 1st and the 99th percentile of the real training masks that have it, widened
//! at both ends by a margin times the tail's width there: the distance to the 5th and from the 95th percentile (areas
//! by
//! ratio). So a quantity that hardly ever leaves 0 has a narrow range and one that spreads a wide one. Of counts
//! (components, holes) what at
//! least two patients show, of classes together every combination that at least two patients show: one patient alone
//! may be a slip of the annotation.

use super::anatomy::Anatomy;
use super::quantity::{Quantity, Scale};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use vesalius_statistics::resample::quantile;

/// Share of real values left out at either end of a range before it is widened.
pub const TAIL: f64 = 0.01;
/// Share of real values beyond which a tail begins.
pub const TAIL_START: f64 = 0.05;
/// Patients who must show a count or a combination of classes.
pub const WITNESSES: usize = 2;
/// Least width of a tail: of shares and circularities.
const LEAST_WIDTH: f64 = 0.05;
/// The same of areas, as a ratio.
const LEAST_RATIO: f64 = 1.1;

/// A real mask to learn from.
#[derive(Debug, Clone, Copy)]
pub struct Example<'a> {
    /// Whose it is.
    pub patient: &'a str,
    /// The mask, measured.
    pub anatomy: &'a Anatomy,
}

/// What real masks show of one quantity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Range {
    /// Which.
    pub quantity: Quantity,
    /// Masks it was learned from.
    pub masks: usize,
    /// Both ends, on the quantity's scale, not yet widened.
    ends: [f64; 2],
    /// What a margin of 1 adds at either end: the tails' widths.
    widths: [f64; 2],
}

impl Range {
    fn learn(quantity: Quantity, examples: &[Example]) -> Option<Self> {
        let mut values: Vec<f64> = examples
            .iter()
            .filter_map(|example| Some(on_scale(quantity, quantity.value(example.anatomy)?)))
            .collect();
        values.sort_by(f64::total_cmp);
        values.first()?;
        let least_width = match quantity.scale() {
            Scale::Count => {
                let ends = witnessed(quantity, examples)?;
                return Some(Self { quantity, masks: values.len(), ends, widths: [0.0; 2] });
            }
            Scale::Linear => LEAST_WIDTH,
            Scale::Logarithmic => LEAST_RATIO.ln(),
        };
        let at = |share| quantile(&values, share);
        let ends = [at(TAIL), at(1.0 - TAIL)];
        let widths = [at(TAIL_START) - ends[0], ends[1] - at(1.0 - TAIL_START)];
        let widths = widths.map(|width| width.max(least_width));
        Some(Self { quantity, masks: values.len(), ends, widths })
    }

    /// How far outside of the range a mask lies, in widths of the tail there; 0 inside and where the mask does not have
    /// the quantity;
    /// infinite for a count outside, which no margin admits.
    pub fn excess(&self, anatomy: &Anatomy) -> f64 {
        let Some(value) = self.quantity.value(anatomy) else { return 0.0 };
        let value = on_scale(self.quantity, value);
        // Real values at the very end are inside, whatever the last digit of a logarithm.
        let widths =
            |outside: f64, width: f64| if outside <= 1e-12 { 0.0 } else { outside / width };
        let [low, high] = self.ends;
        widths(low - value, self.widths[0]).max(widths(value - high, self.widths[1]))
    }

    /// Least and greatest value allowed with `margin`; areas in pixels.
    pub fn allowed(&self, margin: f64) -> [f64; 2] {
        let [below, above] = self.widths;
        let widened = [self.ends[0] - margin * below, self.ends[1] + margin * above];
        let [least, greatest] = self.quantity.bounds();
        let natural = |end: f64| match self.quantity.scale() {
            Scale::Logarithmic => end.exp(),
            Scale::Count | Scale::Linear => end,
        };
        widened.map(|end| natural(end).clamp(least, greatest))
    }
}

fn on_scale(quantity: Quantity, value: f64) -> f64 {
    match quantity.scale() {
        Scale::Logarithmic => value.ln(),
        Scale::Count | Scale::Linear => value,
    }
}

/// Least and greatest count that enough patients reach.
fn witnessed(quantity: Quantity, examples: &[Example]) -> Option<[f64; 2]> {
    // Of each patient the least and the greatest count.
    let mut spans: BTreeMap<&str, [f64; 2]> = BTreeMap::new();
    for example in examples {
        if let Some(count) = quantity.value(example.anatomy) {
            let span = spans.entry(example.patient).or_insert([count, count]);
            *span = [span[0].min(count), span[1].max(count)];
        }
    }
    let nth = |end: usize| {
        let mut values: Vec<f64> = spans.values().map(|span| span[end]).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let (least, greatest) = (nth(0), nth(1));
    let low = *least.get(WITNESSES - 1)?;
    let high = *greatest.get(greatest.len() - WITNESSES)?;
    Some([low, high])
}

/// What was learned from some real masks, before a margin is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranges {
    /// Of every quantity that was seen.
    pub all: Vec<Range>,
    /// Combinations of classes that enough patients show.
    pub combinations: BTreeSet<Vec<usize>>,
}

impl Ranges {
    /// Learns them.
    pub fn learn(classes: usize, examples: &[Example]) -> Self {
        let all = Quantity::all(classes)
            .into_iter()
            .filter_map(|quantity| Range::learn(quantity, examples))
            .collect();
        let mut witnesses: BTreeMap<Vec<usize>, BTreeSet<&str>> = BTreeMap::new();
        for example in examples {
            witnesses.entry(example.anatomy.present()).or_default().insert(example.patient);
        }
        witnesses.retain(|_, patients| patients.len() >= WITNESSES);
        Self { all, combinations: witnesses.into_keys().collect() }
    }

    /// The smallest margin with which a mask would pass; infinite when none helps.
    pub fn excess(&self, anatomy: &Anatomy) -> f64 {
        if !self.combinations.contains(&anatomy.present()) {
            return f64::INFINITY;
        }
        self.all.iter().map(|range| range.excess(anatomy)).fold(0.0, f64::max)
    }
}

/// Name of the rule about which classes stand together.
pub const TOGETHER: &str = "classes together";

/// Ranges with the margin that was chosen for them.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// Names of the label values, the background's first.
    pub classes: Vec<String>,
    /// What real masks show.
    pub ranges: Ranges,
    /// Widening of each range at either end, in widths of the tail there.
    pub margin: f64,
    /// Share of real masks that the margin was to leave outside.
    pub target: f64,
    /// Share of real training masks outside when ranges were learned from other patients.
    pub cross_validated: f64,
    /// Real training masks.
    pub masks: usize,
    /// Real training patients.
    pub patients: usize,
}

impl Rules {
    /// Names of all rules: those of the ranges, then [`TOGETHER`].
    pub fn names(&self) -> Vec<String> {
        let ranges = self.ranges.all.iter().map(|range| range.quantity.name(&self.classes));
        ranges.chain([TOGETHER.to_owned()]).collect()
    }

    /// Combinations of classes that are allowed, by name.
    fn combinations(&self) -> Vec<String> {
        let text = |classes: &Vec<usize>| {
            let names: Vec<&str> = classes.iter().map(|&c| self.classes[c].as_str()).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(" + ") }
        };
        self.ranges.combinations.iter().map(text).collect()
    }

    /// All of it, for `result.json` and manifests.
    pub fn to_json(&self) -> Value {
        let ranges: Vec<Value> = self
            .ranges
            .all
            .iter()
            .map(|range| {
                let [low, high] = range.allowed(self.margin);
                json!({
                    "rule": range.quantity.name(&self.classes),
                    "low": low,
                    "high": high,
                    "real_masks": range.masks,
                })
            })
            .collect();
        json!({
            "ranges": ranges,
            "combinations": self.combinations(),
            "tail": TAIL,
            "tail_start": TAIL_START,
            "margin": self.margin,
            "false_alarm_target": self.target,
            "false_alarms_cross_validated": self.cross_validated,
            "real_masks": self.masks,
            "real_patients": self.patients,
        })
    }
}
