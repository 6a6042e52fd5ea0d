//! Values as a segmenter is given them: the pack's, or each volume's standardised.

use crate::pairs::batch;
use anyhow::Result;
use std::collections::HashMap;
use tch::{Device, Kind, Tensor};
use vesalius_data::pack::Pack;

/// Mean and standard deviation of each channel of each volume (nnU-Net's `ZScoreNormalization`).
#[derive(Debug)]
pub struct Scale {
    /// By case: mean and deviation of each channel.
    cases: HashMap<usize, Vec<[f32; 2]>>,
    /// Case of each slice of the pack.
    of_slices: Vec<usize>,
}

/// Keeps volumes of one value finite.
const EPS: f64 = 1e-8;

impl Scale {
    /// Of the volumes that `indices` belong to, over all slices of theirs that the pack has.
    ///
    /// # Errors
    /// When a slice was damaged.
    pub fn of(pack: &Pack, indices: &[usize]) -> Result<Self> {
        let of_slices: Vec<usize> = pack.manifest().slices.iter().map(|slice| slice.case).collect();
        let wanted: std::collections::HashSet<usize> =
            indices.iter().map(|&i| of_slices[i]).collect();
        let channels = pack.slice_shape().channels;
        // Count, sum and sum of squares, about -1, where most of a slice is.
        let mut sums: HashMap<usize, Vec<[f64; 3]>> = HashMap::new();
        for (i, case) in of_slices.iter().enumerate().filter(|(_, case)| wanted.contains(case)) {
            let values = batch::read(pack, &[i])?;
            let sums = sums.entry(*case).or_insert_with(|| vec![[0.0; 3]; channels]);
            // Of a volume plane by plane.
            for (at, channel) in values.channels().enumerate() {
                let sum = &mut sums[at % channels];
                for &value in channel {
                    let value = f64::from(value) + 1.0;
                    sum[0] += 1.0;
                    sum[1] += value;
                    sum[2] += value * value;
                }
            }
        }
        let of = |[count, sum, squares]: [f64; 3]| {
            let mean = sum / count;
            let deviation = (squares / count - mean * mean).max(0.0).sqrt();
            [(mean - 1.0) as f32, deviation.max(EPS) as f32]
        };
        let cases = sums.into_iter().map(|(case, sums)| (case, sums.into_iter().map(of).collect()));
        Ok(Self { cases: cases.collect(), of_slices })
    }

    /// Slices `indices` `[N, C, (D,) H, W]` in [-1, 1] → standardised.
    pub fn apply(&self, image: &Tensor, indices: &[usize]) -> Tensor {
        let of = |part: usize| {
            let values: Vec<f32> = indices
                .iter()
                .flat_map(|&i| self.cases[&self.of_slices[i]].iter().map(move |of| of[part]))
                .collect();
            let mut shape = vec![1; image.dim()];
            (shape[0], shape[1]) = (indices.len() as i64, -1);
            Tensor::from_slice(&values).reshape(&shape[..]).to_device(image.device())
        };
        (image - of(0)) / of(1)
    }
}

/// Each channel of each image `[N, C, (D,) H, W]` to mean 0 and standard deviation 1.
pub fn by_itself(image: &Tensor) -> Tensor {
    let space: Vec<i64> = (2..image.dim() as i64).collect();
    let mean = image.mean_dim(&space[..], true, Kind::Float);
    let centred = image - mean;
    let variance = centred.square().mean_dim(&space[..], true, Kind::Float);
    centred / variance.sqrt().clamp_min(EPS)
}

/// Slices of a pack as a segmenter is given them.
///
/// # Errors
/// When a slice was damaged.
pub fn load(
    pack: &Pack,
    indices: &[usize],
    scale: Option<&Scale>,
    device: Device,
) -> Result<Tensor> {
    let image = batch::load(pack, indices, device)?.image;
    Ok(scale.map_or_else(|| image.shallow_clone(), |scale| scale.apply(&image, indices)))
}
