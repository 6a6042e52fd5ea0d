//! nnU-Net's loss: cross-entropy and soft Dice at several resolutions (deep supervision).
//!
//! Source: `nnUNetTrainer._build_loss`, `DC_and_CE_loss` with `MemoryEfficientSoftDiceLoss` of nnU-Net v2.

use super::loss::parts;
use tch::{Kind, Tensor};

/// Of `resolutions` (at least one), the highest first: halved from each to the next, the lowest left out, summing to 1.
pub fn weights(resolutions: usize) -> Vec<f64> {
    let mut weights: Vec<f64> = (0..resolutions).map(|i| 0.5_f64.powi(i as i32)).collect();
    if resolutions > 1 {
        weights[resolutions - 1] = 0.0;
    }
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// `scores`: logits `[N, K, (d,) h, w]` of each resolution, the highest first; `labels` `[N, (D,) H, W]` → the weighted sum over
/// resolutions of cross-entropy − soft Dice (over the batch, without the background): at least −1.
pub fn loss(scores: &[Tensor], labels: &Tensor) -> Tensor {
    let weighted =
        weights(scores.len()).into_iter().zip(scores).filter(|&(weight, _)| weight > 0.0);
    let losses = weighted.map(|(weight, scores)| {
        let size = scores.size();
        let (entropy, dice) = parts(scores, &nearest(labels, &size[2..]));
        (entropy - dice) * weight
    });
    losses.reduce(|sum, loss| sum + loss).expect("at least one resolution")
}

/// Labels `[N, (D,) H, W]` at another resolution: those of the nearest pixels (`nearest-exact`).
pub fn nearest(labels: &Tensor, size: &[i64]) -> Tensor {
    if labels.size()[1..] == *size {
        return labels.shallow_clone();
    }
    let labels = labels.unsqueeze(1).to_kind(Kind::Float);
    let found = if size.len() == 3 {
        labels.internal_upsample_nearest_exact3d(size, None, None, None)
    } else {
        labels.internal_upsample_nearest_exact2d(size, None, None)
    };
    found.squeeze_dim(1).to_kind(Kind::Int64)
}

/// nnU-Net's schedule: the learning rate falls from `start` to 0 as (1 − done)^0.9, `done` from 0 to 1.
pub fn learning_rate(start: f64, done: f64) -> f64 {
    start * (1.0 - done).powf(0.9)
}
