//! A set of samples on a map.

use crate::context::Context;
use crate::judge::{self, Judge};
use crate::side::Side;
use anyhow::{Context as _, Result, bail};
use rand::SeedableRng as _;
use rand::seq::index::sample;
use rand_chacha::ChaCha8Rng;
use std::path::Path;
use vesalius_data::pack::manifest::Split;
use vesalius_report::map::Kind;
use vesalius_report::paper::display_name;
use vesalius_torch::Tensor;
use vesalius_torch::features::images::PackImages;
use vesalius_torch::metrics::features::FeatureSet;

/// A set of samples, and which of them are mapped.
pub struct Plotted {
    /// Where they come from.
    pub source: Side,
    /// Real or synthetic.
    pub kind: Kind,
    /// Rows of all samples of this side (of a real pack: training slices).
    pub samples: Vec<usize>,
    /// How many there are.
    pub of: usize,
}

impl Plotted {
    /// Opens a set and draws `count` of its samples, or all where there are fewer.
    ///
    /// # Errors
    /// When it cannot be read or is a folder of images.
    pub fn open(path: &Path, kind: Kind, count: usize, seed: u64) -> Result<Self> {
        let source = Side::open(path)?;
        let all: Vec<usize> = match &source {
            Side::Pack(pack) if kind == Kind::Real => pack.indices(Split::Train),
            Side::Pack(pack) => (0..pack.len()).collect(),
            Side::Features { matrix, .. } => (0..matrix.size()[0] as usize).collect(),
            Side::Folder { .. } => {
                bail!("{}: a folder of images, expected a pack or a feature file", path.display())
            }
        };
        let of = all.len();
        let samples = if of > count {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let mut drawn = sample(&mut rng, of, count).into_vec();
            drawn.sort_unstable();
            drawn.into_iter().map(|i| all[i]).collect()
        } else {
            all
        };
        Ok(Self { source, kind, samples, of })
    }

    /// As inputs of runs have it.
    pub fn role(&self) -> &'static str {
        if self.kind == Kind::Real { "real" } else { "synthetic" }
    }

    /// What the map calls it.
    pub fn name(&self, panel: usize) -> String {
        match &self.source {
            Side::Pack(pack) => match pack.manifest().provenance.row() {
                Some(row) => display_name(&row),
                None => pack.manifest().dataset.clone(),
            },
            other => {
                let stem = other.path().file_stem().map(|stem| stem.to_string_lossy().into_owned());
                stem.unwrap_or_else(|| format!("set {}", panel + 1))
            }
        }
    }

    /// What the map calls sample `i`.
    pub fn sample_name(&self, i: usize) -> String {
        let Side::Pack(pack) = &self.source else { return format!("row {i}") };
        let (case, slice) = (pack.manifest().case(i), &pack.manifest().slices[i]);
        match pack.manifest().provenance.row() {
            None => format!("{} slice {}", case.id, slice.position),
            Some(_) => format!("sample {i}"),
        }
    }

    /// Features of the samples `[N, D]`, finite.
    ///
    /// # Errors
    /// When they cannot be had.
    pub fn features(&self, judge: Option<&Judge>, context: &Context) -> Result<Tensor> {
        let role = self.role();
        let features = match (&self.source, judge) {
            (Side::Features { matrix, .. }, _) => {
                let rows: Vec<i64> = self.samples.iter().map(|&i| i as i64).collect();
                matrix.index_select(0, &Tensor::from_slice(&rows))
            }
            (Side::Pack(pack), Some(judge)) => {
                let images = PackImages { pack, indices: self.samples.clone() };
                judge::features(judge, (role, &images), self.kind == Kind::Real, context)?
            }
            _ => bail!("{}: no network to look at it", self.source.path().display()),
        };
        let checked = FeatureSet::new(role, &features)
            .with_context(|| format!("{}", self.source.path().display()))?;
        Ok(checked.matrix())
    }
}
