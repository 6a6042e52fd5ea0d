//! PSNR, SSIM and LPIPS over sets of images: of pairs that belong together, of each synthetic image with its nearest
//! real one, and of random pairs within a set (diversity).

use super::numerics::neighbours::{Between, nearest};
use super::similarity::{psnr, ssim};
use crate::features::images::ImageSet;
use crate::nets::frozen::lpips::Lpips;
use crate::rng::{Purpose, keyed};
use anyhow::{Result, bail};
use rand::RngExt as _;
use tch::{Kind, Tensor};

/// Black and white of images in [-1, 1].
pub const SPAN: [f64; 2] = [-1.0, 1.0];
/// Longest side on which nearest images are looked for.
const SEARCH_SIDE: i64 = 64;

/// Which image is compared with which.
pub type Pairs = Vec<(usize, usize)>;

/// A likeness of two images.
#[derive(Debug, Clone, Copy)]
pub enum Likeness<'a> {
    /// Decibels.
    Psnr,
    /// Structural similarity.
    Ssim,
    /// Learned distance.
    Lpips(&'a Lpips),
}

impl Likeness<'_> {
    /// Name of the score.
    pub fn name(self) -> &'static str {
        match self {
            Self::Psnr => "psnr",
            Self::Ssim => "ssim",
            Self::Lpips(_) => "lpips",
        }
    }

    /// Of each pair of images of `a` and of `b`, in order. Equal images have an infinite PSNR.
    ///
    /// # Errors
    /// When a pair differs in shape, or an image is damaged or too small.
    pub fn of(self, a: &dyn ImageSet, b: &dyn ImageSet, pairs: &Pairs) -> Result<Vec<f64>> {
        const BATCH: usize = 64;
        let mut values = Vec::with_capacity(pairs.len());
        for chunk in pairs.chunks(BATCH) {
            let (left, right): (Vec<usize>, Vec<usize>) = chunk.iter().copied().unzip();
            let (left, right) = (single(a, &left)?, single(b, &right)?);
            for (i, (x, y)) in left.iter().zip(&right).enumerate() {
                if x.size() != y.size() {
                    bail!(
                        "{} is {:?}, {} is {:?}: expected images of the same shape",
                        a.name(chunk[i].0),
                        &x.size()[1..],
                        b.name(chunk[i].1),
                        &y.size()[1..]
                    );
                }
            }
            if left.iter().all(|x| x.size() == left[0].size()) {
                values.extend(self.values(&Tensor::cat(&left, 0), &Tensor::cat(&right, 0))?);
            } else {
                for (x, y) in left.iter().zip(&right) {
                    values.extend(self.values(x, y)?);
                }
            }
        }
        Ok(values)
    }

    fn values(self, x: &Tensor, y: &Tensor) -> Result<Vec<f64>> {
        let values = match self {
            Self::Psnr => psnr(x, y, SPAN[1] - SPAN[0])?,
            Self::Ssim => ssim(x, y, SPAN)?,
            Self::Lpips(network) => tch::no_grad(|| network.distance(x, y))?,
        };
        Ok(Vec::try_from(values.to_kind(Kind::Double))?)
    }
}

/// Images one by one, each `[1, C, H, W]`.
fn single(set: &dyn ImageSet, indices: &[usize]) -> Result<Vec<Tensor>> {
    Ok(set.batches(indices)?.iter().flat_map(|batch| batch.split(1, 0)).collect())
}

/// Each image of `queries` with its nearest in `points`, by Euclidean distance of pixels (shrunk to at most 64 along
/// the longer side).
///
/// # Errors
/// When images differ in shape, or one is damaged.
pub fn nearest_pairs(queries: &dyn ImageSet, points: &dyn ImageSet) -> Result<Pairs> {
    let (queries, points) = (pixels(queries)?, pixels(points)?);
    if queries.size()[1] != points.size()[1] {
        bail!("images of different shapes on the two sides, expected one shape");
    }
    let rows = nearest(&queries, &points, 1, Between::TwoSets).indices.squeeze_dim(1);
    let rows: Vec<i64> = Vec::try_from(rows)?;
    Ok(rows.into_iter().enumerate().map(|(i, row)| (i, row as usize)).collect())
}

/// Pixels of all images `[N, C·h·w]`, f32, shrunk for the search.
///
/// # Errors
/// When images differ in shape, or one is damaged.
pub fn pixels(set: &dyn ImageSet) -> Result<Tensor> {
    const BATCH: usize = 256;
    let all: Vec<usize> = (0..set.len()).collect();
    let mut parts: Vec<Tensor> = Vec::new();
    for chunk in all.chunks(BATCH) {
        for batch in set.batches(chunk)? {
            let (n, _, h, w) = batch.size4()?;
            let longest = h.max(w);
            let small = if longest > SEARCH_SIDE {
                let shrink = |side: i64| (side * SEARCH_SIDE / longest).max(1);
                batch.internal_upsample_bilinear2d_aa([shrink(h), shrink(w)], false, None, None)
            } else {
                batch
            };
            let flat = small.reshape([n, -1]).to_kind(Kind::Float);
            if parts.first().is_some_and(|first| first.size()[1] != flat.size()[1]) {
                bail!("{}: another shape than the images before, expected one", set.name(chunk[0]));
            }
            parts.push(flat);
        }
    }
    Ok(Tensor::cat(&parts, 0))
}

/// `count` random pairs of different images out of `n`.
pub fn random_pairs(n: usize, count: usize, seed: u64) -> Pairs {
    let mut rng = keyed(seed, Purpose::Subset, 1);
    (0..count)
        .map(|_| {
            let a = rng.random_range(0..n);
            let b = rng.random_range(0..n - 1);
            (a, if b >= a { b + 1 } else { b })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_pairs_are_never_an_image_with_itself() {
        let pairs = random_pairs(3, 500, 1);
        assert!(pairs.iter().all(|&(a, b)| a != b && a < 3 && b < 3));
        assert_eq!(pairs, random_pairs(3, 500, 1));
    }
}
