//! Maps: points of many dimensions laid out on a plane so that neighbours stay neighbours.
//!
//! UMAP (McInnes, Healy and Melville 2018, arXiv:1802.03426) in five steps, one file each: exact neighbours
//! ([`neighbours`]), the fuzzy graph of who is near whom ([`fuzzy`]), the curve that says how near is near on the plane
//! ([`curve`]), a start from principal components ([`start`]), and the layout ([`layout`]).
//!
//! Deviations from umap-learn: neighbours are exact at every size; the start is PCA rather than the graph's spectrum
//! (it also places parts of the graph that no edge connects); points move in waves instead of one by one, so that the
//! result is the same bit for bit whatever the number of threads. `docs/method.md` says what that costs: nothing that
//! trustworthiness sees.

pub mod curve;
pub mod fuzzy;
pub mod layout;
pub mod neighbours;
mod points;
pub mod start;

use anyhow::{Result, bail};
use curve::Curve;
use neighbours::{Candidates, Neighbours};

pub use points::Points;

/// What a map depends on beside its points.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Settings {
    /// Points in a neighbourhood, the point itself among them (as umap-learn counts): 2 or more.
    pub neighbours: usize,
    /// How near points may come on the map, 0 to 1 (spread is 1).
    pub min_dist: f64,
    /// Draws of the layout.
    pub seed: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self { neighbours: 15, min_dist: 0.1, seed: 1 }
    }
}

impl Settings {
    /// Checks that `points` can be mapped with these.
    ///
    /// # Errors
    /// When a setting is out of range, or there are not more points than neighbours.
    pub fn check(&self, points: usize) -> Result<()> {
        if self.neighbours < 2 {
            bail!("{} neighbours, expected at least 2", self.neighbours);
        }
        if !(0.0..=1.0).contains(&self.min_dist) {
            bail!("least distance {}, expected 0 to 1", self.min_dist);
        }
        if points <= self.neighbours {
            bail!(
                "{points} points and {} neighbours, expected more points than neighbours",
                self.neighbours
            );
        }
        Ok(())
    }
}

/// Passes over the graph's edges: umap-learn's numbers.
pub const fn epochs(points: usize) -> usize {
    if points <= 10_000 { 500 } else { 200 }
}

/// Lays `points` out; `candidates`: those among which each point's nearest neighbours are.
///
/// # Errors
/// When a setting does not fit, or all points are the same.
pub fn umap(points: Points, candidates: &Candidates, settings: Settings) -> Result<Vec<[f32; 2]>> {
    settings.check(points.len())?;
    let neighbours = Neighbours::among(points, candidates, settings.neighbours)?;
    let graph = fuzzy::graph(&neighbours);
    let start = start::principal_components(points, settings.seed)?;
    let curve = Curve::fit(settings.min_dist, 1.0);
    Ok(layout::optimise(&graph, start, curve, epochs(points.len()), settings.seed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_mapped_is_refused() {
        let refuse = |settings: Settings, points| settings.check(points).unwrap_err().to_string();
        let settings = Settings::default();
        assert!(refuse(settings, 15).contains("15 points and 15 neighbours"));
        assert!(refuse(Settings { neighbours: 1, ..settings }, 90).contains("at least 2"));
        assert!(refuse(Settings { min_dist: f64::NAN, ..settings }, 90).contains("0 to 1"));
        assert!(Points::new(&[1.0, f32::NAN], 1).unwrap_err().to_string().contains("NaN"));
        assert!(Points::new(&[1.0; 3], 2).unwrap_err().to_string().contains("rows of 2"));
        let same = [0.5; 40];
        let points = Points::new(&same, 2).unwrap();
        let error = umap(points, &Candidates::everybody(20), settings).unwrap_err().to_string();
        assert!(error.contains("all 20 points are the same"), "{error}");
    }
}
