//! Convolutions: plain, strided, transposed, and nearest-neighbour upsampling fused into one; with spectral
//! normalisation as an option of each.
//!
//! Weights are kept in channels-last memory order on a CPU: oneDNN then takes activations as they are, where the
//! default order costs a reordering of every activation on each pass (see `bench/README.md`).

pub use super::geometry::{DOUBLING, Geometry, HALVING, NEAREST_CONV3};
pub use super::spectral::Spectral;

use super::axes::Axes;
use super::compute::{Convolution, like};
use super::geometry::around;
use super::init::InitSpec;
use super::params::Params;
use super::patches;
use super::spectral::SpectralNorm;
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// How a generator doubles its resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Upsample {
    /// Transposed convolution 4x4, stride 2: DCGAN's and the paper's; can leave a checkerboard.
    Transposed,
    /// Nearest-neighbour ×2, then convolution 3x3 (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts").
    Resize,
}

/// A convolution.
#[derive(Debug)]
pub struct Conv {
    geometry: Geometry,
    weight: Tensor,
    bias: Option<Tensor>,
    spectral: Option<SpectralNorm>,
}

impl Conv {
    /// A convolution from `channels[0]` to `channels[1]` channels, registered as `<name>.weight` (but see [`Spectral`])
    /// and
    /// `<name>.bias`.
    pub fn new(
        params: &mut Params,
        name: &str,
        channels: [i64; 2],
        geometry: Geometry,
        init: &InitSpec,
        options: ConvOptions,
    ) -> Self {
        let [inputs, outputs] = channels;
        let (first, kernel) = match geometry {
            Geometry::Conv { kernel, .. } | Geometry::Nearest { kernel, .. } => {
                ([outputs, inputs], kernel)
            }
            Geometry::Transposed { kernel, .. } => ([inputs, outputs], kernel),
        };
        let shape = [&first[..], kernel.as_slice()].concat();
        let value = channels_last(&init.weight(&shape), params.device());
        let [suffix, ..] = options.spectral_norm.names();
        let weight = params.parameter(format!("{name}.{suffix}"), &value);
        let bias = options.bias.then(|| {
            let zeros = Tensor::zeros([outputs], (Kind::Float, Device::Cpu));
            params.parameter(format!("{name}.bias"), &zeros)
        });
        let spectral = (options.spectral_norm != Spectral::Off).then(|| {
            let transposed = matches!(geometry, Geometry::Transposed { .. });
            let [_, u, v] = options.spectral_norm.names().map(|part| format!("{name}.{part}"));
            SpectralNorm::new(params, [u, v], &weight, transposed)
        });
        Self { geometry, weight, bias, spectral }
    }

    /// `[N, inputs, (D,) H, W]` → `[N, outputs, (D',) H', W']`. In training, spectral normalisation advances its
    /// singular vectors by one power iteration.
    pub fn forward(&self, x: &Tensor, train: bool) -> Tensor {
        self.apply(x, &self.weight(train))
    }

    /// The weight of one pass: for several passes of one step.
    pub fn weight(&self, train: bool) -> Weight {
        let scale = self.spectral.as_ref().map(|spectral| {
            spectral.norm(&self.weight, train).reciprocal() // a scalar
        });
        Weight { values: self.weight.shallow_clone(), scale }
    }

    /// As [`Conv::forward`], with a weight from [`Conv::weight`].
    pub fn apply(&self, x: &Tensor, weight: &Weight) -> Tensor {
        let bias = self.bias.as_ref();
        let Some(scale) = &weight.scale else {
            return self.convolve(x, &weight.values, bias);
        };
        // A scale may as well be applied behind: deep layers have far fewer activations than weights.
        if x.numel() >= weight.values.numel() {
            return self.convolve(x, &(&weight.values * scale), bias);
        }
        let y = self.convolve(x, &weight.values, None);
        match bias {
            Some(bias) => per_channel(&like(bias, x), &y).addcmul(&y, &like(scale, x)),
            None => y * like(scale, x),
        }
    }

    /// Gradient with respect to the input, `[N, inputs, H, W]` like `shape`, from the gradient with respect to the
    /// output:
    /// a forward operation, so that its own derivatives are those of a transposed convolution (see
    /// [`crate::nets::dcgan::Discriminator::input_gradient`]). Of plain convolutions only.
    pub fn pull_back(&self, gradient: &Tensor, weight: &Weight, shape: &[i64]) -> Tensor {
        let Geometry::Conv { kernel, stride, padding } = self.geometry else {
            unreachable!("a discriminator has plain convolutions");
        };
        let size = Axes::of_activations(shape);
        let halving = self.geometry == HALVING;
        let pull = |gradient: &Tensor, weight: &Tensor| {
            if halving && patches::suits(size.in_plane(), weight) {
                return patches::pull_back(gradient, weight);
            }
            let room = size.zip(padding, |size, padding| size + 2 * padding);
            let rest = room.zip(kernel, |room, kernel| room - kernel).zip(stride, |a, b| a % b);
            Convolution::along(stride, padding)
                .turned()
                .with_rest(rest)
                .apply(gradient, weight, None)
        };
        match &weight.scale {
            None => pull(gradient, &weight.values),
            Some(scale) if gradient.numel() < weight.values.numel() => {
                pull(&(gradient * like(scale, gradient)), &weight.values)
            }
            Some(scale) => pull(gradient, &(&weight.values * scale)),
        }
    }

    fn convolve(&self, x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
        match self.geometry {
            HALVING if patches::suits(pixels(x), weight) => {
                with_bias(&patches::convolve(x, weight), bias)
            }
            Geometry::Conv { stride, padding, .. } => {
                Convolution::along(stride, padding).apply(x, weight, bias)
            }
            DOUBLING => double(x, weight, bias),
            Geometry::Transposed { stride, padding, .. } => {
                Convolution::along(stride, padding).turned().apply(x, weight, bias)
            }
            NEAREST_CONV3 => {
                let kernel = channels_last(&nearest_kernel(weight), weight.device());
                double(x, &kernel, bias)
            }
            Geometry::Nearest { factor, kernel } => {
                let fused = channels_last(&nearest_along(weight, factor), weight.device());
                let convolution = Convolution::along(factor, around(factor, kernel)).turned();
                convolution.apply(x, &fused, bias)
            }
        }
    }

    /// The bias, where there is one.
    pub fn bias(&self) -> Option<&Tensor> {
        self.bias.as_ref()
    }
}

/// A convolution's weight for one pass: `values`, to be multiplied with `scale` where it is spectrally normalised.
#[derive(Debug)]
pub struct Weight {
    /// As it is trained.
    pub values: Tensor,
    scale: Option<Tensor>,
}

/// Options of [`Conv::new`].
#[derive(Debug, Clone, Copy)]
pub struct ConvOptions {
    /// Whether there is a bias (not in front of a normalisation, which would remove it).
    pub bias: bool,
    /// Whether the weight is divided by its largest singular value.
    pub spectral_norm: Spectral,
}

/// The transposed 4x4 convolution of stride 2 and padding 1.
fn double(x: &Tensor, weight: &Tensor, bias: Option<&Tensor>) -> Tensor {
    if patches::suits(pixels(x).map(|side| 2 * side), weight) {
        return with_bias(&patches::pull_back(x, weight), bias);
    }
    Convolution::transposed(2, 1).apply(x, weight, bias)
}

/// `[N, C, …]` and, where there is one, a bias `[C]` for each pixel.
pub fn with_bias(y: &Tensor, bias: Option<&Tensor>) -> Tensor {
    bias.map_or_else(|| y.shallow_clone(), |bias| y + per_channel(&like(bias, y), y))
}

/// Values `[C]` as `[1, C, 1, …]`, of as many axes as the activations.
fn per_channel(values: &Tensor, activations: &Tensor) -> Tensor {
    let mut shape = vec![1; activations.dim()];
    shape[1] = -1;
    values.reshape(&shape[..])
}

fn pixels(x: &Tensor) -> [i64; 2] {
    let (_, _, height, width) = x.size4().expect("a batch of pictures");
    [height, width]
}

/// Pictures or volumes in channels-last memory order on a CPU; elsewhere, and of another rank, as it is.
pub fn channels_last(x: &Tensor, device: Device) -> Tensor {
    match (device, x.dim()) {
        (Device::Cpu, 4) => x.permute([0, 2, 3, 1]).contiguous().permute([0, 3, 1, 2]),
        (Device::Cpu, 5) => x.permute([0, 2, 3, 4, 1]).contiguous().permute([0, 4, 1, 2, 3]),
        _ => x.contiguous(),
    }
}

/// The 4x4 kernel whose transposed convolution with stride 2 and padding 1 equals nearest-neighbour upsampling ×2
/// followed by a 3x3 convolution with padding 1: an input pixel at j covers 2j and 2j + 1 upsampled, so output
/// 2j − 1 … 2j + 2 gets w₂, w₁ + w₂, w₀ + w₁, w₀ of it (in each axis). It saves the upsampled copy and 5/9 of the
/// multiplications. `[outputs, inputs, 3, 3]` → `[inputs, outputs, 4, 4]`.
pub fn nearest_kernel(weight: &Tensor) -> Tensor {
    nearest_along(weight, Axes::both(2))
}

/// The same for the axes of factor 2; along the others the kernel turned round, as a transposed convolution of stride 1
/// wants it.
fn nearest_along(weight: &Tensor, factor: Axes) -> Tensor {
    let doubled = |w: &Tensor, axis: i64| {
        let [w0, w1, w2] = [0, 1, 2].map(|k| w.select(axis, k));
        Tensor::stack(&[w2.shallow_clone(), &w1 + &w2, &w0 + &w1, w0.shallow_clone()], axis)
    };
    let mut fused = weight.shallow_clone();
    for (axis, factor) in (2..).zip(factor.as_slice()) {
        fused = if *factor == 2 { doubled(&fused, axis) } else { fused.flip([axis]) };
    }
    fused.transpose(0, 1)
}

#[cfg(test)]
mod tests {
    use super::super::spectral::as_matrix;
    use super::*;

    #[test]
    fn the_fused_kernel_equals_upsampling_and_convolving_at_every_pixel() {
        tch::manual_seed(3);
        let options = (Kind::Double, Device::Cpu);
        let x = Tensor::randn([2, 3, 5, 7], options);
        let weight = Tensor::randn([4, 3, 3, 3], options);
        let expected = x.upsample_nearest2d([10, 14], None, None).conv2d(
            &weight,
            None::<&Tensor>,
            [1, 1],
            [1, 1],
            [1, 1],
            1,
        );
        let found = x.conv_transpose2d(
            &nearest_kernel(&weight),
            None::<&Tensor>,
            [2, 2],
            [1, 1],
            [0, 0],
            1,
            [1, 1],
        );
        assert!((found - expected).abs().max().double_value(&[]) < 1e-12);
    }

    #[test]
    fn the_fused_kernel_of_volumes_equals_upsampling_and_convolving() {
        tch::manual_seed(3);
        let options = (Kind::Double, Device::Cpu);
        let x = Tensor::randn([2, 3, 4, 5, 7], options);
        for (factor, kernel) in [
            ([1, 2, 2], [1, 3, 3]),
            ([1, 2, 2], [3, 3, 3]),
            ([2, 2, 2], [3, 3, 3]),
            ([1, 1, 2], [3, 1, 3]),
        ] {
            let weight = Tensor::randn([4, 3, kernel[0], kernel[1], kernel[2]], options);
            let [d, h, w] = [4 * factor[0], 5 * factor[1], 7 * factor[2]];
            let padding = kernel.map(|kernel| kernel / 2);
            let none = None::<&Tensor>;
            let expected = x.upsample_nearest3d([d, h, w], None, None, None).conv3d(
                &weight,
                none,
                [1, 1, 1],
                padding,
                [1, 1, 1],
                1,
            );
            let geometry =
                Geometry::Nearest { factor: Axes::volume(factor), kernel: Axes::volume(kernel) };
            let bias = Tensor::zeros([4], options);
            let conv = Conv { geometry, weight: weight.copy(), bias: Some(bias), spectral: None };
            let found = conv.forward(&x, true);
            assert_eq!(found.size(), expected.size());
            let apart = (found - expected).abs().max().double_value(&[]);
            assert!(apart < 1e-12, "{factor:?} {kernel:?}: {apart}");
        }
    }

    #[test]
    fn a_spectrally_normalised_weight_has_largest_singular_value_one() {
        tch::manual_seed(4);
        let mut params = Params::new(Device::Cpu);
        let init = InitSpec { kind: super::super::init::InitKind::Normal, gain: 1.0 };
        let geometry = DOUBLING;
        let options = ConvOptions { bias: false, spectral_norm: Spectral::On };
        let conv = Conv::new(&mut params, "up", [6, 5], geometry, &init, options);
        let spectral = conv.spectral.as_ref().unwrap();
        for _ in 0..50 {
            let _ = spectral.norm(&conv.weight, true);
        }
        let weight = &conv.weight / spectral.norm(&conv.weight, false);
        let (_, singular, _) = as_matrix(&weight.detach(), true).svd(true, false);
        assert!((singular.double_value(&[0]) - 1.0).abs() < 1e-3);
    }
}
