//! SPADE's residual block, which is told the mask at every normalisation.

use super::{SLOPE, conv};
use crate::layers::activation::leaky_relu;
use crate::layers::axes::Axes;
use crate::layers::compute::Convolution;
use crate::layers::conv::{Conv, channels_last};
use crate::layers::norm::NormKind;
use crate::layers::params::Params;
use crate::layers::soundness::{LayerKind, checked_by};
use tch::{Device, Kind, Tensor};

const MOMENTUM: f64 = 0.1;
const EPS: f64 = 1e-5;

/// Batch normalisation without parameters, then scale and shift from the mask.
#[derive(Debug)]
struct Spade {
    mean: Tensor,
    var: Tensor,
    shared: Conv,
    gamma: Conv,
    beta: Conv,
    /// Of those three convolutions.
    padding: Axes,
}

impl Spade {
    fn new(params: &mut Params, name: &str, channels: i64, mask: [i64; 2], kernel: Axes) -> Self {
        let [classes, hidden] = mask;
        let options = (Kind::Float, Device::Cpu);
        let norm = format!("{name}.param_free_norm");
        let zeros = Tensor::zeros([channels], options);
        Self {
            mean: params.buffer(format!("{norm}.running_mean"), &zeros),
            var: params.buffer(format!("{norm}.running_var"), &Tensor::ones([channels], options)),
            shared: conv(params, &format!("{name}.mlp_shared.0"), [classes, hidden], kernel, false),
            gamma: conv(params, &format!("{name}.mlp_gamma"), [hidden, channels], kernel, false),
            padding: kernel.map(|side| side / 2),
            beta: conv(params, &format!("{name}.mlp_beta"), [hidden, channels], kernel, false),
        }
    }

    fn normalise(&self, x: &Tensor, train: bool) -> Tensor {
        let none = None::<&Tensor>;
        let kind = NormKind::Batch;
        checked_by(
            LayerKind::Norm(kind),
            x,
            &[],
            |x, _| kind.of_batch(x, &[]),
            |x| {
                x.batch_norm(
                    none,
                    none,
                    Some(&self.mean),
                    Some(&self.var),
                    train,
                    MOMENTUM,
                    EPS,
                    false,
                )
            },
        )
    }

    /// `normal · (1 + γ) + β`. γ and β come from one convolution, and the 1 is in its bias.
    fn modulate(&self, normal: &Tensor, mask: &Tensor) -> Tensor {
        let hidden = self.shared.forward(mask, false).relu();
        let weight =
            Tensor::cat(&[self.gamma.weight(false).values, self.beta.weight(false).values], 0);
        let weight = channels_last(&weight, weight.device());
        let bias = |conv: &Conv| conv.bias().expect("only a shortcut has no bias").shallow_clone();
        let bias = Tensor::cat(&[bias(&self.gamma) + 1.0, bias(&self.beta)], 0);
        let both = Convolution::along(self.padding.map(|_| 1), self.padding).apply(
            &hidden,
            &weight,
            Some(&bias),
        );
        let both = both.chunk(2, 1);
        both[1].addcmul(normal, &both[0])
    }
}

/// Residual block: (SPADE, LeakyReLU, convolution) twice, and (SPADE, 1x1) as shortcut where channels change.
#[derive(Debug)]
pub struct SpadeBlock {
    norm_0: Spade,
    norm_1: Spade,
    conv_0: Conv,
    conv_1: Conv,
    shortcut: Option<(Spade, Conv)>,
}

impl SpadeBlock {
    /// From `channels[0]` to `channels[1]`, modulated by masks of `mask[0]` classes through `mask[1]` channels; `kernel`: of
    /// every convolution but the shortcut's, 3 (or 1 along planes that lie far apart).
    pub fn new(
        params: &mut Params,
        name: &str,
        channels: [i64; 2],
        mask: [i64; 2],
        kernel: Axes,
    ) -> Self {
        let [inputs, outputs] = channels;
        let middle = inputs.min(outputs);
        let one = kernel.map(|_| 1);
        let part = |part: &str| format!("{name}.{part}");
        let conv_0 = conv(params, &part("conv_0"), [inputs, middle], kernel, true);
        let conv_1 = conv(params, &part("conv_1"), [middle, outputs], kernel, true);
        let shortcut = (inputs != outputs)
            .then(|| conv(params, &part("conv_s"), [inputs, outputs], one, true));
        let norm_0 = Spade::new(params, &part("norm_0"), inputs, mask, kernel);
        let norm_1 = Spade::new(params, &part("norm_1"), middle, mask, kernel);
        let shortcut =
            shortcut.map(|conv| (Spade::new(params, &part("norm_s"), inputs, mask, kernel), conv));
        Self { norm_0, norm_1, conv_0, conv_1, shortcut }
    }

    /// `x` `[N, inputs, (D,) H, W]`, `mask` `[N, K, (D,) H, W]` → `[N, outputs, (D,) H, W]`.
    pub fn forward(&self, x: &Tensor, mask: &Tensor, train: bool) -> Tensor {
        let normal = self.norm_0.normalise(x, train);
        let skipped = match &self.shortcut {
            None => x.shallow_clone(),
            Some((norm, conv)) => {
                // Both normalisations see the same x, so their statistics are the same.
                let normal = if train {
                    norm.mean.shallow_clone().copy_(&self.norm_0.mean);
                    norm.var.shallow_clone().copy_(&self.norm_0.var);
                    normal.shallow_clone()
                } else {
                    norm.normalise(x, false)
                };
                conv.forward(&norm.modulate(&normal, mask), train)
            }
        };
        let active = |x: &Tensor| leaky_relu(x, SLOPE);
        let y = self.conv_0.forward(&active(&self.norm_0.modulate(&normal, mask)), train);
        let normal = self.norm_1.normalise(&y, train);
        skipped + self.conv_1.forward(&active(&self.norm_1.modulate(&normal, mask)), train)
    }
}
