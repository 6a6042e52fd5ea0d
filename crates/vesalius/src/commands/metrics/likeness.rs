//! PSNR, SSIM and LPIPS of pairs of images.

use super::{Args, LpipsNetwork, Name, Sides, images};
use crate::commands::judge::Side;
use crate::commands::weights;
use anyhow::{Result, bail};
use std::fmt::Write as _;
use vesalius_data::run::part::Part;
use vesalius_data::run::score::Score;
use vesalius_statistics::resample::interval_of_mean;
use vesalius_torch::features::images::ImageSet;
use vesalius_torch::metrics::pairs::{Likeness, Pairs, nearest_pairs, random_pairs};
use vesalius_torch::nets::lpips::{Backbone, Lpips};
use vesalius_torch::{Device, Tensor};

/// Pairs for the diversity of a set.
const RANDOM_PAIRS: usize = 1000;

/// PSNR, SSIM or LPIPS.
///
/// # Errors
/// When there are no images, those of a side are constant or all the same, or they differ in shape.
pub fn likeness(args: &Args, sides: &Sides, name: Name, device: Device) -> Result<Vec<Score>> {
    if matches!(sides.real, Side::Features { .. }) {
        bail!("{}: compares images, expected packs or folders", name.text());
    }
    let (real, synthetic, _) = images(args, sides)?;
    for (side, set) in [("real", &real), ("synthetic", &synthetic)] {
        refuse_constant(name, side, set.as_ref())?;
    }
    let network;
    let (likeness, extractor) = match name {
        Name::Psnr => (Likeness::Psnr, None),
        Name::Ssim => (Likeness::Ssim, None),
        _ => {
            let backbone = match args.lpips {
                LpipsNetwork::Alexnet => Backbone::Alexnet,
                LpipsNetwork::Vgg16 => Backbone::Vgg16,
            };
            let path = weights::in_cache(&format!("lpips-{}", backbone.name()))?;
            network = Lpips::load(backbone, &path, device)?;
            let digest = vesalius_data::files::digest::of_file(&path)?;
            (
                Likeness::Lpips(&network),
                Some(format!("lpips-{}@{}", backbone.name(), &digest[..12])),
            )
        }
    };
    let paired = match (&sides.real, &sides.synthetic) {
        (Side::Folder { images: a, .. }, Side::Folder { images: b, .. }) => a.pairs_with(b),
        _ => false,
    };
    let score = |of: Part, how: &str, values: Vec<f64>| -> Result<Score> {
        // Only PSNR knows a number that is none, that of equal images; any other would be a fault.
        let infinite = |value: &f64| name == Name::Psnr && *value == f64::INFINITY;
        let finite: Vec<f64> = values.iter().copied().filter(|value| !infinite(value)).collect();
        if finite.is_empty() {
            bail!("{}: all {} pairs are equal, their PSNR is infinite", name.text(), values.len());
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
fn refuse_constant(name: Name, side: &str, set: &dyn ImageSet) -> Result<()> {
    const BATCH: usize = 64;
    let count = set.len();
    if count == 0 {
        bail!("{}: no {side} image, expected some", name.text());
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
            "{}: all {count} {side} images are constant (one grey level or colour each), expected images with content",
            name.text()
        );
    }
    if same {
        bail!(
            "{}: all {count} {side} images are the same, expected images that differ (a constant set)",
            name.text()
        );
    }
    Ok(())
}
