//! The mapping network of StyleGAN and StyleGAN2: latent → style, its running mean, truncation and mixing.
//! Karras et al. 2019 (arXiv:1812.04948), sections 2 and 3.1; NVlabs/stylegan2-ada-pytorch, `MappingNetwork`.

use crate::layers::equalised::{After, Dense, DenseOptions};
use crate::layers::params::Params;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Settings of the mapping network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MappingSpec {
    /// Latent size Z.
    pub latent: i64,
    /// Style width S.
    pub style: i64,
    /// Fully connected layers.
    pub layers: i64,
}

/// Factor on the mapping network's learning rate.
const LR_MULTIPLIER: f64 = 0.01;
/// Share of the old running mean of styles that stays.
const MEAN_DECAY: f64 = 0.995;
const EPS: f64 = 1e-8;

/// Latent → style.
#[derive(Debug)]
pub struct Mapping {
    layers: Vec<Dense>,
    mean: Tensor,
    latent: i64,
}

impl Mapping {
    /// Registered as `mapping.fc<i>` and `mapping.w_avg`; `after` is the activation's convention.
    pub fn new(params: &mut Params, spec: &MappingSpec, after: After) -> Self {
        let mut inputs = spec.latent;
        let mut layers = Vec::new();
        for i in 0..spec.layers {
            let options = DenseOptions { after, lr_multiplier: LR_MULTIPLIER, bias: 0.0 };
            let name = format!("mapping.fc{i}");
            layers.push(Dense::new(params, &name, [inputs, spec.style], options));
            inputs = spec.style;
        }
        let zeros = Tensor::zeros([spec.style], (Kind::Float, Device::Cpu));
        let mean = params.buffer("mapping.w_avg".to_owned(), &zeros);
        Self { layers, mean, latent: spec.latent }
    }

    /// Z.
    pub fn latent(&self) -> i64 {
        self.latent
    }

    /// Latents `[N, Z]` → styles `[N, S]`. The latent is first scaled to unit mean square.
    pub fn forward(&self, z: &Tensor) -> Tensor {
        let norm = (z.square().mean_dim(&[1_i64][..], true, Kind::Float) + EPS).rsqrt();
        self.layers.iter().fold(z * norm, |x, layer| layer.forward(&x))
    }

    /// Moves the running mean towards the mean of `styles` `[N, S]`.
    pub fn follow(&self, styles: &Tensor) {
        tch::no_grad(|| {
            let batch = styles.detach().mean_dim(&[0_i64][..], false, Kind::Float);
            self.mean.shallow_clone().copy_(&batch.lerp(&self.mean, MEAN_DECAY));
        });
    }

    /// Truncation: styles pulled towards their mean; ψ = 1 leaves them, ψ = 0 gives the mean.
    pub fn truncate(&self, styles: &Tensor, psi: f64) -> Tensor {
        if psi == 1.0 { styles.shallow_clone() } else { self.mean.lerp(styles, psi) }
    }
}

/// A style for each layer `[N, L, S]`: `styles` `[N, S]` before layer `cutoff`, `other` from it on (style mixing).
pub fn mix(styles: &Tensor, other: Option<(&Tensor, i64)>, layers: i64) -> Tensor {
    let spread = |styles: &Tensor, count: i64| styles.unsqueeze(1).expand([-1, count, -1], false);
    match other {
        Some((other, cutoff)) if cutoff < layers => {
            Tensor::cat(&[spread(styles, cutoff), spread(other, layers - cutoff)], 1)
        }
        _ => spread(styles, layers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two styles of two samples: 1 and 2, −1 and −2.
    fn styles() -> [Tensor; 2] {
        let own = Tensor::from_slice(&[1.0_f32, 2.0]).reshape([2, 1]).repeat([1, 3]);
        let other = -&own;
        [own, other]
    }

    /// The style of each layer of one sample, which is the same in its whole width.
    fn layers(mixed: &Tensor, sample: i64) -> Vec<f64> {
        assert_eq!(mixed.size(), [2, 4, 3]);
        let of = mixed.select(0, sample);
        assert_eq!(of.select(1, 0), of.select(1, 2));
        Vec::try_from(of.select(1, 0).to_kind(Kind::Double).contiguous()).unwrap()
    }

    #[test]
    fn every_layer_has_the_one_style_or_another_from_the_cut_on() {
        let [own, other] = styles();
        let plain = mix(&own, None, 4);
        assert_eq!([0, 1].map(|i| layers(&plain, i)), [vec![1.0; 4], vec![2.0; 4]]);
        for cut in 1..4 {
            let mixed = mix(&own, Some((&other, cut)), 4);
            for (sample, style) in [(0, 1.0), (1, 2.0)] {
                let expected: Vec<f64> =
                    (0..4).map(|layer| if layer < cut { style } else { -style }).collect();
                assert_eq!(layers(&mixed, sample), expected, "cut {cut}");
            }
        }
        // A cut behind the last layer leaves the style whole.
        assert_eq!(mix(&own, Some((&other, 4)), 4), plain);
    }
}
