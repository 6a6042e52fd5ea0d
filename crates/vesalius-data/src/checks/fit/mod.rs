//! Do the masks lie on their images? A check that needs no header.
//!
//! Every mask is compared with itself mirrored, turned, moved and in another order of slices ([`alternatives`]): which
//! of
//! them do the image's edges ([`edges`]) fit best? [`verdict`] warns where a patient or the whole dataset fits better
//! otherwise. What is symmetric about the middle of the picture cannot be told.

pub mod alternatives;
pub mod edges;
pub mod verdict;

use crate::volume::Case;
use alternatives::{Other, text_order};
use edges::{Border, Edges, Grid};
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};

/// Moves that are tried: as many steps to each side, each of a 64th of the longer side, or of a pixel where that is
/// more.
const MOVES: i32 = 8;
/// Side of the square of moves.
const MOVES_SIDE: usize = 2 * MOVES as usize + 1;
/// Score from which on a slice's mask is not moved about.
const FITS: f64 = 0.4;
/// Other slices, and other pictures, that are compared with a slice's own mask.
const STRANGERS: usize = 8;

/// How much better an alternative fits, summed: `votes` is the sum over slices of border length times gain.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Gain {
    /// Of all steps.
    pub votes: f64,
    /// Steps of the borders.
    pub steps: f64,
}

impl Gain {
    fn add(&mut self, own: (f64, usize), other: (f64, usize)) {
        // Each by its own length; the own border weighs.
        self.votes += (mean(other) - mean(own)) * own.1 as f64;
        self.steps += own.1 as f64;
    }

    fn merge(&mut self, other: &Self) {
        self.votes += other.votes;
        self.steps += other.steps;
    }

    /// Mean gain in the score, −1 to 1.
    pub fn mean(&self) -> f64 {
        if self.steps > 0.0 { self.votes / self.steps } else { 0.0 }
    }
}

/// The fit of one case or patient.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Score of the masks as they are, as a gain over 0.
    pub own: Gain,
    /// Gains, by alternative.
    pub others: BTreeMap<Other, Gain>,
    /// Gains of moved masks, rows of moves down by columns of moves to the right.
    pub moved: Vec<Gain>,
    /// Sum over slices of the share of other masks that fit better than the own, and how many slices were asked.
    pub strangers: [f64; 2],
    /// Slices that are pictures of their own, and were compared with those of other patients.
    pub pictures: usize,
    /// Steps of border that count as one independent vote: neighbouring pixels see the same edge. Largest of the cases.
    pub block: f64,
    /// One step of the moves, as a share of the longer side. Largest of the cases.
    pub step: f64,
    /// Slices with a border and an image.
    pub slices: usize,
}

impl Default for Fit {
    fn default() -> Self {
        Self {
            own: Gain::default(),
            others: BTreeMap::new(),
            moved: vec![Gain::default(); MOVES_SIDE * MOVES_SIDE],
            strangers: [0.0; 2],
            pictures: 0,
            block: 0.0,
            step: 0.0,
            slices: 0,
        }
    }
}

impl Fit {
    fn merge(&mut self, other: &Self) {
        self.own.merge(&other.own);
        for (way, gain) in &other.others {
            self.others.entry(*way).or_default().merge(gain);
        }
        self.moved.iter_mut().zip(&other.moved).for_each(|(sum, gain)| sum.merge(gain));
        self.strangers = [0, 1].map(|i| self.strangers[i] + other.strangers[i]);
        self.pictures += other.pictures;
        self.block = self.block.max(other.block);
        self.step = self.step.max(other.step);
        self.slices += other.slices;
    }

    fn ask<'a>(
        &mut self,
        edges: &Edges,
        own: (f64, usize),
        strangers: impl Iterator<Item = &'a Border>,
    ) {
        let votes: Vec<_> = strangers.filter_map(|border| edges.votes(border, [0, 0])).collect();
        // Noise fits every mask alike.
        if !votes.is_empty() && edges.structured() {
            let better = votes.iter().filter(|other| mean(**other) > mean(own)).count();
            self.strangers[0] += better as f64 / votes.len() as f64;
            self.strangers[1] += 1.0;
        }
    }

    /// Move down and to the right of an entry of `moved`, in steps.
    pub fn moves(entry: usize) -> [i32; 2] {
        [(entry / MOVES_SIDE) as i32 - MOVES, (entry % MOVES_SIDE) as i32 - MOVES]
    }
}

/// A picture of its own, kept until the next ones were seen.
#[derive(Debug, Clone)]
struct Picture {
    edges: Edges,
    border: Border,
    size: [usize; 2],
}

/// What one case tells; a few kilobytes, with a picture of at most 256 pixels a side for a case of one slice.
#[derive(Debug)]
pub struct CaseFit {
    fit: Fit,
    picture: Option<Picture>,
}

/// Looks at one case.
pub fn look(case: &Case) -> CaseFit {
    let Case { volume, labels, .. } = case;
    let (factor, grid) = Grid::of(volume.height, volume.width);
    let borders: Vec<Border> = (0..volume.slices)
        .map(|slice| Border::of(labels.plane(slice), volume.width, factor, grid))
        .collect();
    let text = text_order(volume.slices);
    // A longer side of 256 pixels: 8 neighbouring steps are one vote.
    let step = grid.side().div_ceil(64);
    let side = grid.side() as f64;
    let mut fit = Fit { block: (side / 32.0).max(2.0), step: step as f64 / side, ..Fit::default() };
    let mut picture = None;
    for (k, border) in borders.iter().enumerate().filter(|(_, border)| border.tells()) {
        let Some(edges) = Edges::of(volume, k) else { continue };
        let Some(own) = edges.votes(border, [0, 0]) else { continue };
        fit.slices += 1;
        fit.own.votes += own.0;
        fit.own.steps += own.1 as f64;
        for way in Other::ALL {
            let seen = match way.slice(k, volume.slices, &text) {
                Some(of) => Some(Cow::Borrowed(&borders[of])).filter(|border| border.tells()),
                None => way.of(border, grid).map(Cow::Owned),
            };
            if let Some(other) = seen.and_then(|border| edges.votes(&border, [0, 0])) {
                fit.others.entry(way).or_default().add(own, other);
            }
        }
        // A mask that fits need not be moved, and moves are most of the work: they count as no fit at all then.
        let fits = mean(own) >= FITS;
        for (entry, gain) in fit.moved.iter_mut().enumerate() {
            if fits {
                gain.add(own, (0.0, 1));
            } else if let Some(other) =
                edges.votes(border, Fit::moves(entry).map(|by| by * step as i32))
            {
                gain.add(own, other);
            }
        }
        fit.ask(&edges, own, strangers(k, &borders));
        if volume.slices == 1 {
            picture = Some(Picture {
                edges,
                border: border.clone(),
                size: [volume.height, volume.width],
            });
        }
    }
    CaseFit { fit, picture }
}

fn mean((votes, steps): (f64, usize)) -> f64 {
    votes / steps as f64
}

/// Up to eight masks of other slices, evenly chosen, none of them a neighbour's.
fn strangers(k: usize, borders: &[Border]) -> impl Iterator<Item = &Border> {
    let far: Vec<usize> =
        (0..borders.len()).filter(|i| i.abs_diff(k) > 2 && borders[*i].tells()).collect();
    let count = far.len().min(STRANGERS);
    (0..count).map(move |i| &borders[far[i * far.len() / count]])
}

/// Fits of all patients, gathered case by case in the dataset's order; memory per patient, not per case.
#[derive(Debug, Default)]
pub struct Fits {
    patients: BTreeMap<String, Fit>,
    /// The last picture, and the last of each of a few patients before.
    recent: VecDeque<(String, Picture)>,
}

impl Fits {
    /// Takes up what one case of `patient` tells.
    pub fn add(&mut self, patient: &str, case: CaseFit) {
        self.patients.entry(patient.to_owned()).or_default().merge(&case.fit);
        if let Some(picture) = case.picture {
            self.compare(patient, &picture);
            self.recent.retain(|(other, _)| other != patient);
            self.recent.push_back((patient.to_owned(), picture));
            if self.recent.len() > STRANGERS {
                self.recent.pop_front();
            }
        }
    }

    /// Pictures of one slice against those before them: masks are mixed up between pictures, too.
    fn compare(&mut self, patient: &str, picture: &Picture) {
        let own = |picture: &Picture| picture.edges.votes(&picture.border, [0, 0]);
        let Some(votes) = own(picture) else { return };
        let fit = self.patients.entry(patient.to_owned()).or_default();
        let alike = |(_, other): &&(String, Picture)| other.size == picture.size;
        let others = self.recent.iter().filter(alike).filter(|(other, _)| other != patient);
        fit.pictures += 1;
        fit.ask(&picture.edges, votes, others.map(|(_, other)| &other.border));
        let Some((last, other)) = self.recent.back().filter(alike) else { return };
        if let Some(before) = picture.edges.votes(&other.border, [0, 0]) {
            fit.others.entry(Other::PictureBefore).or_default().add(votes, before);
        }
        if let (Some(own), Some(after)) = (own(other), other.edges.votes(&picture.border, [0, 0])) {
            let fit = self.patients.entry(last.clone()).or_default();
            fit.others.entry(Other::PictureAfter).or_default().add(own, after);
        }
    }

    /// By patient.
    pub fn patients(&self) -> &BTreeMap<String, Fit> {
        &self.patients
    }
}

#[cfg(test)]
mod tests;
