//! Terms added to the adversarial loss: gradient penalties, path lengths, feature matching, perceptual distance.

use crate::layers::axes::Axes;
use crate::nets::dcgan::Judgement;
use tch::{Device, Kind, Tensor};

/// Penalty of WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028, equation 3): mean (‖∇D(x̂)‖₂ − 1)² at
/// x̂ = ε·real + (1 − ε)·fake, to be weighted with λ. `gradient` gives ∇D, as
/// [`crate::nets::dcgan::Discriminator::input_gradient`] does. `epsilon`: `[N, 1, …]`, uniform in [0, 1), one per
/// sample. `real` and `fake` `[N, ·, …]` enter as constants; the result is differentiable in the critic's weights.
pub fn gradient_penalty(
    gradient: impl Fn(&Tensor) -> Tensor,
    real: &Tensor,
    fake: &Tensor,
    epsilon: &Tensor,
) -> Tensor {
    let (real, fake) = (real.detach(), fake.detach());
    let mixed = &fake + (real - &fake) * epsilon;
    let squares = gradient(&mixed).square();
    let all: Vec<i64> = (1..squares.dim() as i64).collect();
    let norms = squares.sum_dim_intlist(&all[..], false, None).sqrt();
    (norms - 1.0).square().mean(None)
}

/// R1 (Mescheder et al. 2018, arXiv:1801.04406, equation 9): mean ‖∇D(x)‖² over real samples `[N, ·, H, W]`, to be
/// weighted with γ/2; differentiable in the discriminator's weights.
pub fn r1_penalty(judge: impl FnOnce(&Tensor) -> Tensor, real: &Tensor) -> Tensor {
    let real = real.detach().set_requires_grad(true);
    let logits = judge(&real);
    let gradient = Tensor::run_backward(&[logits.sum(Kind::Float)], &[&real], true, true);
    gradient[0].square().sum(Kind::Float) / real.size()[0] as f64
}

/// Path-length regularisation of StyleGAN2 (Karras et al. 2020, arXiv:1912.04958, section 3.2;
/// NVlabs/stylegan2-ada-pytorch, `training/loss.py`).
#[derive(Debug)]
pub struct PathLength {
    mean: Tensor,
}

/// Share of the old mean length that goes at each measurement.
const PATH_LENGTH_DECAY: f64 = 0.01;

impl PathLength {
    /// With mean length 0.
    pub fn new(device: Device) -> Self {
        Self { mean: Tensor::zeros([0; 0], (Kind::Float, device)) }
    }

    /// The running mean: a scalar that shares this one's memory.
    pub fn mean(&self) -> Tensor {
        self.mean.shallow_clone()
    }

    /// Mean squared deviation of ‖J'y‖ from its running mean, which moves along. `sample` `[N, ·, (D,) H, W]` was made from
    /// `styles` `[N, L, S]`; `noise` is N(0, 1), shaped as the sample.
    pub fn penalty(&mut self, sample: &Tensor, styles: &Tensor, noise: &Tensor) -> Tensor {
        let pixels = Axes::of_activations(&sample.size()).product();
        let projected = (sample * noise).sum(Kind::Float) / (pixels as f64).sqrt();
        let gradient = Tensor::run_backward(&[projected], &[styles], true, true);
        let lengths = gradient[0]
            .square()
            .sum_dim_intlist(&[2_i64][..], false, Kind::Float)
            .mean_dim(&[1_i64][..], false, Kind::Float)
            .sqrt(); // [N]
        let mean = self.mean.lerp(&lengths.mean(Kind::Float), PATH_LENGTH_DECAY);
        tch::no_grad(|| self.mean.copy_(&mean.detach()));
        (lengths - mean).square().mean(Kind::Float)
    }
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

/// SPADE's feature matching (Wang et al. 2018, arXiv:1711.11585, equation 4; NVlabs/SPADE, `pix2pix_model.py`): mean
/// absolute difference of the activations on a generated image and on the real one of the same layout, summed over all
/// layers but the logits, averaged over scales. The real side is a constant.
pub fn paired_feature_matching(real: &[Vec<Tensor>], fake: &[Vec<Tensor>]) -> Tensor {
    let mut terms = Vec::new();
    for (real, fake) in real.iter().zip(fake) {
        let layers = real.len() - 1;
        for (real, fake) in real.iter().zip(fake).take(layers) {
            terms.push((fake - real.detach()).abs().mean(Kind::Float));
        }
    }
    Tensor::stack(&terms, 0).sum(Kind::Float) / real.len() as f64
}

/// Kullback-Leibler divergence of N(mean, exp(log variance)) from N(0, 1), summed over styles and samples as SPADE
/// does (NVlabs/SPADE, `loss.py`).
pub fn kl_divergence(mean: &Tensor, log_var: &Tensor) -> Tensor {
    (mean.square() + log_var.exp() - log_var - 1.0).sum(Kind::Float) * 0.5
}
