//! A strided convolution over small pictures as one matrix product.
//!
//! oneDNN goes through all weights of a convolution again for every few pixels of every picture. Where the weights are
//! many and the pixels few, as in a discriminator's last halving (512 x 256 x 4 x 4 weights, 4x4 pixels), that takes
//! half as long again as the product of all patches with the weights (`bench/README.md`).

use tch::{Device, Tensor};

/// Halvings of pictures to at most so many pixels …
const MOST_PIXELS: i64 = 16;
/// … with at least so many weights.
const LEAST_WEIGHTS: usize = 1 << 20;

/// Whether the 4x4 convolution of stride 2 and padding 1 of `x`, `[N, inputs, H, W]`, is better done here: on a CPU, with
/// many weights and few pixels.
pub fn suits(x: &Tensor, weight: &Tensor) -> bool {
    let [.., h, w] = x.size()[..] else { return false };
    x.device() == Device::Cpu
        && h % 2 == 0
        && w % 2 == 0
        && h * w / 4 <= MOST_PIXELS
        && weight.numel() >= LEAST_WEIGHTS
}

/// The 4x4 convolution of stride 2 and padding 1: `[N, inputs, H, W]` with even H and W, weight
/// `[outputs, inputs, 4, 4]` → `[N, outputs, H/2, W/2]`, all in channels-last memory order.
pub fn convolve(x: &Tensor, weight: &Tensor) -> Tensor {
    let (n, inputs, height, width) = x.size4().expect("a batch of pictures");
    let outputs = weight.size()[0];
    let (h, w) = (height / 2, width / 2);
    let padded = x.permute([0, 2, 3, 1]).constant_pad_nd([0, 0, 1, 1, 1, 1]); // [N, H+2, W+2, inputs]
    // Patches begin at every second pixel: they are two neighbours of pairs of pixels, along each axis.
    let pairs = padded.reshape([n, height + 2, w + 1, 2 * inputs]);
    let rows = Tensor::cat(&[pairs.narrow(2, 0, w), pairs.narrow(2, 1, w)], 3); // [N, H+2, w, 4·inputs]
    let pairs = rows.reshape([n, h + 1, 2, w, 4 * inputs]).permute([0, 1, 3, 2, 4]); // [N, h+1, w, 2, 4·inputs]
    let patches = Tensor::cat(&[pairs.narrow(1, 0, h), pairs.narrow(1, 1, h)], 3); // [N, h, w, 4, 4·inputs]
    let matrix = weight.permute([0, 2, 3, 1]).reshape([outputs, 16 * inputs]); // as it lies in memory
    let y = patches.reshape([n * h * w, 16 * inputs]).matmul(&matrix.tr());
    y.reshape([n, h, w, outputs]).permute([0, 3, 1, 2])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::conv::channels_last;
    use crate::rng::Purpose;
    use crate::sample::latents;
    use tch::Kind;

    fn reference(x: &Tensor, weight: &Tensor) -> Tensor {
        x.conv2d(weight, None::<&Tensor>, [2, 2], [1, 1], [1, 1], 1)
    }

    /// Values, both gradients, and both gradients of a gradient's norm (as of a gradient penalty).
    fn all(how: fn(&Tensor, &Tensor) -> Tensor, x: &Tensor, weight: &Tensor) -> Vec<Tensor> {
        let [x, weight] = [x, weight].map(|t| t.detach().set_requires_grad(true));
        let y = how(&x, &weight);
        let loss = (y.tanh() * y.sin()).sum(Kind::Double);
        let first = Tensor::run_backward(&[loss], &[&x, &weight], true, true);
        let penalty = (first[0].square().sum(Kind::Double) + 1.0).sqrt();
        let second = Tensor::run_backward(&[penalty], &[&x, &weight], false, false);
        std::iter::once(y).chain(first).chain(second).collect()
    }

    #[test]
    fn it_is_for_many_weights_and_few_pixels() {
        let zeros = |shape: [i64; 4]| Tensor::zeros(shape, (Kind::Float, Device::Cpu));
        let weight = zeros([512, 256, 4, 4]);
        assert!(suits(&zeros([1, 256, 8, 8]), &weight));
        assert!(!suits(&zeros([1, 256, 16, 8]), &weight), "32 pixels");
        assert!(!suits(&zeros([1, 256, 7, 8]), &weight), "an odd side");
        assert!(!suits(&zeros([1, 128, 8, 8]), &zeros([256, 128, 4, 4])), "half a million weights");
    }

    #[test]
    fn it_equals_the_convolution_in_values_and_in_first_and_second_derivatives() {
        for [h, w] in [[8, 8], [2, 6], [4, 2]] {
            let draw = |shape: [i64; 4], seed: u64| {
                let values = latents(seed, Purpose::Latent, 0, 1, shape.iter().product());
                channels_last(&values.to_kind(Kind::Double).reshape(shape), Device::Cpu)
            };
            let (x, weight) = (draw([3, 5, h, w], 1), draw([4, 5, 4, 4], 2));
            let (found, expected) = (all(convolve, &x, &weight), all(reference, &x, &weight));
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.size(), expected.size());
                let scale = expected.abs().max().double_value(&[]);
                assert!((found - expected).abs().max().double_value(&[]) < 1e-12 * scale.max(1.0));
            }
        }
    }
}
