//! PSNR, SSIM and LPIPS of pairs of images.

use super::sides::Sides;
use crate::context::Context;
use crate::side::Side;
use crate::weights::in_cache;
use anyhow::{Result, bail};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;
use vesalius_statistics::resample::interval_of_mean;
use vesalius_torch::Tensor;
use vesalius_torch::features::images::ImageSet;
use vesalius_torch::metrics::pairs::{Likeness, Pairs, nearest_pairs, random_pairs};
use vesalius_torch::nets::frozen::lpips::{Backbone, Lpips};

/// Pairs for the diversity of a set.
const RANDOM_PAIRS: usize = 1000;

/// Network of LPIPS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LpipsNetwork {
    /// LPIPS' default.
    #[default]
    Alexnet,
    /// VGG16.
    Vgg16,
}

impl From<LpipsNetwork> for Backbone {
    fn from(network: LpipsNetwork) -> Self {
        match network {
            LpipsNetwork::Alexnet => Self::Alexnet,
            LpipsNetwork::Vgg16 => Self::Vgg16,
        }
    }
}

/// What is compared, image with image.
#[derive(Debug)]
pub struct Likened<'a> {
    /// Name of the metric, for errors.
    pub metric: &'static str,
    pub(super) sides: &'a Sides,
    /// Network of LPIPS.
    pub lpips: LpipsNetwork,
    /// What the stage leans on.
    pub context: &'a Context<'a>,
}

/// Peak signal-to-noise ratio.
///
/// # Errors
/// When there are no images, those of a side are constant or all the same, or they differ in shape.
pub fn psnr(likened: &Likened) -> Result<Vec<Score>> {
    likened.check()?;
    of(likened, Likeness::Psnr, None)
}

/// Structural similarity.
///
/// # Errors
/// Those of [`psnr`].
pub fn ssim(likened: &Likened) -> Result<Vec<Score>> {
    likened.check()?;
    of(likened, Likeness::Ssim, None)
}

/// Learned perceptual distance.
///
/// # Errors
/// Those of [`psnr`], and weights that are not there.
pub fn lpips(likened: &Likened) -> Result<Vec<Score>> {
    likened.check()?;
    let backbone = Backbone::from(likened.lpips);
    let name = format!("lpips-{}", backbone.name());
    let path = in_cache(&name)?;
    let network = Lpips::load(backbone, &path, likened.context.device)?;
    let digest = vesalius_data::files::digest::of_file(&path)?;
    of(likened, Likeness::Lpips(&network), Some(format!("{name}@{}", &digest[..12])))
}

impl Likened<'_> {
    fn check(&self) -> Result<()> {
        if matches!(self.sides.real, Side::Features { .. }) {
            bail!("{}: compares images, expected packs or folders", self.metric);
        }
        let (real, synthetic, _) = self.sides.images()?;
        for (side, set) in [("real", &real), ("synthetic", &synthetic)] {
            refuse_constant(self.metric, side, set.as_ref())?;
        }
        Ok(())
    }
}

fn of(likened: &Likened, likeness: Likeness, extractor: Option<String>) -> Result<Vec<Score>> {
    let Likened { metric, sides, .. } = *likened;
    let (real, synthetic, _) = sides.images()?;
    let paired = match (&sides.real, &sides.synthetic) {
        (Side::Folder { images: a, .. }, Side::Folder { images: b, .. }) => a.pairs_with(b),
        _ => false,
    };
    let score = |of: Part, how: &str, values: Vec<f64>| -> Result<Score> {
        // Only PSNR knows a number that is none, that of equal images; any other would be a fault.
        let psnr = matches!(likeness, Likeness::Psnr);
        let infinite = |value: &f64| psnr && *value == f64::INFINITY;
        let finite: Vec<f64> = values.iter().copied().filter(|value| !infinite(value)).collect();
        if finite.is_empty() {
            bail!("{}: all {} pairs are equal, their PSNR is infinite", metric, values.len());
        }
        let (all, left_out) = (values.len(), values.len() - finite.len());
        let mut how = format!("mean over {} of {all} {how}", finite.len());
        if left_out > 0 {
            let _ =
                write!(how, "; {left_out} pairs of equal images, whose PSNR is infinite, left out");
        }
        let score = Score {
            interval: interval_of_mean(&finite, 0),
            of: Some(of),
            extractor: extractor.clone(),
            real_count: Some(real.len()),
            synthetic_count: Some(synthetic.len()),
            note: (left_out > 0).then(|| {
                format!("{left_out} of {all} pairs are equal, their PSNR infinite, and left out")
            }),
            ..Score::new(
                likeness.name(),
                finite.iter().sum::<f64>() / finite.len() as f64,
                format!("{how}; interval: bootstrap over pairs"),
            )
        };
        Ok(score.finite()?)
    };
    if paired {
        let pairs: Pairs = (0..real.len()).map(|i| (i, i)).collect();
        let values = likeness.of(synthetic.as_ref(), real.as_ref(), &pairs)?;
        return Ok(vec![score(Part::Pairs, "pairs of the same file name", values)?]);
    }
    let pairs = nearest_pairs(synthetic.as_ref(), real.as_ref())?;
    let mut scores = vec![score(
        Part::NearestReal,
        "synthetic images with their nearest real one (Euclidean, pixels shrunk to at most 64)",
        likeness.of(synthetic.as_ref(), real.as_ref(), &pairs)?,
    )?];
    for (of, set) in [(Part::RandomSyntheticPairs, &synthetic), (Part::RandomRealPairs, &real)] {
        if set.len() > 1 {
            let pairs = random_pairs(set.len(), RANDOM_PAIRS, 0);
            let values = likeness.of(set.as_ref(), set.as_ref(), &pairs)?;
            scores.push(score(of, "random pairs of different images", values)?);
        }
    }
    Ok(scores)
}

/// Likenesses of images without content, or of one image with itself, are numbers that mean nothing.
fn refuse_constant(metric: &str, side: &str, set: &dyn ImageSet) -> Result<()> {
    const BATCH: usize = 64;
    let count = set.len();
    if count == 0 {
        bail!("{metric}: no {side} image, expected some");
    }
    let holds = |truth: Tensor| truth.all().int64_value(&[]) != 0;
    let all: Vec<usize> = (0..count).collect();
    let mut first: Option<Tensor> = None;
    let (mut flat, mut same) = (true, count > 1);
    for chunk in all.chunks(BATCH) {
        for batch in set.batches(chunk)? {
            // Every channel of an image for itself: one colour is no content either.
            let channels = batch.flatten(2, 3);
            flat = flat && holds(channels.eq_tensor(&channels.narrow(2, 0, 1)));
            let first = first.get_or_insert_with(|| batch.get(0));
            same = same && batch.size()[1..] == first.size() && holds(batch.eq_tensor(first));
        }
        // The first images of most sets settle it.
        if !flat && !same {
            return Ok(());
        }
    }
    if flat {
        bail!(
            "{metric}: all {count} {side} images are constant (one grey level or colour each), expected images with content"
        );
    }
    if same {
        bail!(
            "{metric}: all {count} {side} images are the same, expected images that differ (a constant set)"
        );
    }
    Ok(())
}
