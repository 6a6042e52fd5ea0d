//! What is looked at of a generator while it trains: a grid of its pairs, how much they differ, how far they are from
//! real
//! ones.

use crate::families::generator::{Generator, Request};
use crate::features::Extractor;
use crate::metrics::features::FeatureSet;
use crate::metrics::frechet::{Divisor, of_sets};
use crate::pairs::batch::{self, Pair};
use crate::pairs::masks::Masks;
use crate::rng::Purpose;
use crate::sample::{latents, pairs};
use crate::spec::TrainSpec;
use anyhow::Result;
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::Pack;
use vesalius_data::pack::manifest::{SliceShape, Split};
use vesalius_data::pictures::montage::{Tile, montage};

/// Measures the distance of generated to real images while training.
pub struct Probe<'a> {
    /// Network whose features are compared.
    pub extractor: &'a dyn Extractor,
    /// Features of the real training slices `[N, D]`.
    pub real: Tensor,
}

/// Side of the preview grid.
const PREVIEW_SIDE: usize = 6;

/// The averaged generator of a training, and what it is compared with.
pub(super) struct Look<'a> {
    pub generator: &'a dyn Generator,
    pub spec: &'a TrainSpec,
    pub pack: &'a Pack,
    pub device: Device,
}

impl Look<'_> {
    /// The spread of generated images as a share of the real ones', and the preview grid as PNG. Images that are not
    /// finite
    /// have no finite spread and no picture.
    pub fn preview(&self) -> Result<(f64, Option<Vec<u8>>)> {
        let count = if self.pack.slice_shape().is_volume() {
            PREVIEW_SIDE
        } else {
            PREVIEW_SIDE * PREVIEW_SIDE
        };
        let pair = self.pairs(Purpose::Preview, 0, count)?;
        let real = self.pack.indices(Split::Train);
        let some: Vec<usize> = (0..count.min(real.len()))
            .map(|i| real[i * real.len() / count.min(real.len())])
            .collect();
        let real = batch::load(self.pack, &some, self.device)?.image;
        let spread =
            |x: &Tensor| x.std_dim(&[0_i64][..], true, false).mean(Kind::Float).double_value(&[]);
        let share = spread(&pair.image) / spread(&real).max(1e-9);
        let png = if share.is_finite() { Some(grid(&pair, self.pack)?) } else { None };
        Ok((share, png))
    }

    /// Fréchet distance to the real training images; `None` where none is defined: for features that no metric takes:
    /// not
    /// finite, or all the same.
    pub fn distance(&self, probe: &Probe) -> Result<Option<f64>> {
        let count = self.spec.training.distance_images;
        let mut parts = Vec::new();
        let mut done = 0;
        // Planes are what is looked at.
        let planes = self.pack.slice_shape().planes;
        let (count, batch) = (count.div_ceil(planes), (64 / planes).max(1));
        while done < count {
            let n = batch.min(count - done);
            let image = self.pairs(Purpose::Latent, done, n)?.planes().image;
            parts.push(tch::no_grad(|| probe.extractor.features(&image))?);
            done += n;
        }
        let synthetic = Tensor::cat(&parts, 0);
        // Diverged, or collapsed to one image, which the previews count: not an error of the user's.
        let Ok(synthetic) = FeatureSet::new("synthetic", &synthetic.to_device(Device::Cpu)) else {
            return Ok(None);
        };
        of_sets(&FeatureSet::new("real", &probe.real)?, &synthetic, Divisor::Unbiased).map(Some)
    }

    /// Pairs `first..first + count`; a generator that paints masks gets training masks.
    fn pairs(&self, purpose: Purpose, first: usize, count: usize) -> Result<Pair> {
        let seed = self.spec.training.seed;
        let z = latents(seed, purpose, first as u64, count, self.generator.latent());
        let masks = if self.spec.needs_masks() {
            let masks = Masks::new(self.pack, false, seed)?;
            Some(masks.whole(first, count, self.device)?)
        } else {
            None
        };
        let request = Request { latents: &z, masks: masks.as_ref(), truncation: 1.0 };
        Ok(pairs(self.generator, &request))
    }
}

/// Pairs as a PNG grid with mask outlines; of volumes a row of planes each.
///
/// # Errors
/// When the images hold NaN.
fn grid(pair: &Pair, pack: &Pack) -> Result<Vec<u8>> {
    let SliceShape { planes, .. } = pack.slice_shape();
    let slice_shape = SliceShape { planes: 1, ..pack.slice_shape() };
    let pair = pair.planes();
    let pixels = batch::to_pixels(&pair.image, slice_shape.pixel_type)?;
    let labels = batch::to_labels(&pair.labels)?;
    let tiles: Vec<Tile> =
        pixels.iter().zip(&labels).map(|(pixels, labels)| Tile { pixels, labels }).collect();
    montage(&tiles, slice_shape, if planes > 1 { planes } else { PREVIEW_SIDE }, None)
}
