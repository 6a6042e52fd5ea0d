//! Terms added to the adversarial loss: gradient penalty, feature matching, perceptual distance.

use crate::nets::dcgan::Judgement;
use tch::{Kind, Tensor};

/// Penalty of WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028, equation 3): mean (‖∇D(x̂)‖₂ − 1)² at
/// x̂ = ε·real + (1 − ε)·fake, to be weighted with λ. `epsilon`: `[N, 1, 1, 1]`, uniform in [0, 1), one per sample.
/// `real` and `fake` `[N, ·, H, W]` enter as constants; the result is differentiable in the critic's weights.
pub fn gradient_penalty(
    critic: impl Fn(&Tensor) -> Tensor,
    real: &Tensor,
    fake: &Tensor,
    epsilon: &Tensor,
) -> Tensor {
    let (real, fake) = (real.detach(), fake.detach());
    let mixed = (&fake + (real - &fake) * epsilon).set_requires_grad(true);
    let logits = critic(&mixed);
    let gradient = Tensor::run_backward(&[logits.sum(Kind::Float)], &[&mixed], true, true);
    let norms = gradient[0].square().sum_dim_intlist(&[1_i64, 2, 3][..], false, Kind::Float).sqrt();
    (norms - 1.0).square().mean(Kind::Float)
}

/// Feature matching (Salimans et al. 2016, arXiv:1606.03498, section 3.1; L1 as in pix2pixHD and SPADE): mean
/// absolute difference of the batch means of the discriminator's activations, averaged over its blocks. The real
/// side is a constant.
pub fn feature_matching(real: &Judgement, fake: &Judgement) -> Tensor {
    let share = 1.0 / real.activations.len() as f64;
    let weights = vec![share; real.activations.len()];
    weighted_mean_distance(&real.activations, &fake.activations, &weights)
}

/// Sum over layers of `weights` × mean absolute difference of the batch means.
pub fn weighted_mean_distance(real: &[Tensor], fake: &[Tensor], weights: &[f64]) -> Tensor {
    let mean = |x: &Tensor| x.mean_dim(&[0_i64][..], false, Kind::Float);
    let terms: Vec<Tensor> = real
        .iter()
        .zip(fake)
        .zip(weights)
        .map(|((real, fake), &weight)| {
            (mean(&real.detach()) - mean(fake)).abs().mean(Kind::Float) * weight
        })
        .collect();
    Tensor::stack(&terms, 0).sum(Kind::Float)
}
