//! A strided convolution over small pictures as one matrix product, and the transposed one.
//!
//! oneDNN goes through all weights of a convolution again for every few pixels of every picture. Where the weights are
//! many and the pixels few, as in a discriminator's last halving (512 x 256 x 4 x 4 weights, 4x4 pixels), that takes
//! half as long again as the product of all patches with the weights (`bench/README.md`).

use super::compute::like;
use super::soundness::{LayerKind, checked};
use tch::{Device, Tensor};

/// Halvings of pictures to at most so many pixels …
const MOST_PIXELS: i64 = 16;
/// … with at least so many weights.
const LEAST_WEIGHTS: usize = 1 << 20;

/// Whether the 4x4 convolution of stride 2 and padding 1 of pictures of so many pixels (height, width) is better done
/// here: on a CPU, with many weights and few pixels.
pub fn suits([height, width]: [i64; 2], weight: &Tensor) -> bool {
    weight.device() == Device::Cpu
        && height % 2 == 0
        && width % 2 == 0
        && height * width / 4 <= MOST_PIXELS
        && weight.numel() >= LEAST_WEIGHTS
}

/// The 4x4 convolution of stride 2 and padding 1: `[N, inputs, H, W]` with even H and W, weight
/// `[outputs, inputs, 4, 4]` → `[N, outputs, H/2, W/2]`, all in channels-last memory order.
pub fn convolve(x: &Tensor, weight: &Tensor) -> Tensor {
    checked(LayerKind::Halving, x, &[weight], |x, rest| halve(x, rest[0]))
}

fn halve(x: &Tensor, weight: &Tensor) -> Tensor {
    let (n, inputs, height, width) = x.size4().expect("a batch of pictures");
    let (outputs, h, w) = (weight.size()[0], height / 2, width / 2);
    let padded = x.permute([0, 2, 3, 1]).constant_pad_nd([0, 0, 1, 1, 1, 1]); // [N, H+2, W+2, inputs]
    // Patches begin at every second pixel: they are two neighbours of pairs of pixels, along each axis.
    let pairs = padded.reshape([n, height + 2, w + 1, 2 * inputs]);
    let rows = Tensor::cat(&[pairs.narrow(2, 0, w), pairs.narrow(2, 1, w)], 3); // [N, H+2, w, 4·inputs]
    let pairs = rows.reshape([n, h + 1, 2, w, 4 * inputs]).permute([0, 1, 3, 2, 4]); // [N, h+1, w, 2, 4·inputs]
    let patches = Tensor::cat(&[pairs.narrow(1, 0, h), pairs.narrow(1, 1, h)], 3); // [N, h, w, 4, 4·inputs]
    let y = patches.reshape([n * h * w, 16 * inputs]).matmul(&like(&matrix(weight), x).tr());
    y.reshape([n, h, w, outputs]).permute([0, 3, 1, 2])
}

/// The transposed 4x4 convolution of stride 2 and padding 1, `[N, outputs, h, w]` → `[N, inputs, 2h, 2w]`: the gradient
/// of
/// [`convolve`] with respect to its input from the one with respect to its output. The steps of [`convolve`] backwards.
pub fn pull_back(gradient: &Tensor, weight: &Tensor) -> Tensor {
    checked(LayerKind::Doubling, gradient, &[weight], |gradient, rest| double(gradient, rest[0]))
}

fn double(gradient: &Tensor, weight: &Tensor) -> Tensor {
    let (n, outputs, h, w) = gradient.size4().expect("a batch of pictures");
    let inputs = weight.size()[1];
    let rows = gradient.permute([0, 2, 3, 1]).reshape([n * h * w, outputs]);
    let patches = rows.matmul(&like(&matrix(weight), gradient)).reshape([n, h, w, 4, 4 * inputs]);
    let pairs = overlap(&patches, 1); // [N, h+1, w, 2, 4·inputs]
    let rows = pairs.permute([0, 1, 3, 2, 4]).reshape([n, 2 * h + 2, w, 4 * inputs]);
    let pairs = overlap(&rows, 2); // [N, 2h+2, w+1, 2·inputs]
    let padded = pairs.reshape([n, 2 * h + 2, 2 * w + 2, inputs]);
    padded.narrow(1, 1, 2 * h).narrow(2, 1, 2 * w).contiguous().permute([0, 3, 1, 2])
}

/// `[outputs, inputs, 4, 4]` → `[outputs, 16·inputs]`, as it lies in channels-last memory.
fn matrix(weight: &Tensor) -> Tensor {
    let (outputs, inputs, ..) = weight.size4().expect("a convolution's weight");
    weight.permute([0, 2, 3, 1]).reshape([outputs, 16 * inputs])
}

/// Sums what neighbours along `axis` have of each other: of the parts that [`convolve`] set side by side along the axis
/// behind the pixels, the first goes to its own place and the second one place on.
fn overlap(x: &Tensor, axis: i64) -> Tensor {
    let parts = x.chunk(2, 3);
    let [behind, before] = [[0, 1], [1, 0]];
    let pad = |part: &Tensor, [before, behind]: [i64; 2]| {
        // From the last axis on, two numbers each.
        let mut widths = vec![0; 2 * (part.dim() - axis as usize)];
        let last = widths.len();
        widths[last - 2] = before;
        widths[last - 1] = behind;
        part.constant_pad_nd(widths)
    };
    pad(&parts[0], behind) + pad(&parts[1], before)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layers::conv::channels_last;
    use crate::rng::Purpose;
    use crate::sample::latents;
    use tch::Kind;

    fn draw(shape: [i64; 4], seed: u64) -> Tensor {
        let values = latents(seed, Purpose::Latent, 0, 1, shape.iter().product());
        channels_last(&values.to_kind(Kind::Double).reshape(shape), Device::Cpu)
    }

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
        assert!(suits([8, 8], &weight));
        assert!(!suits([16, 8], &weight), "32 pixels");
        assert!(!suits([7, 8], &weight), "an odd side");
        assert!(!suits([8, 8], &zeros([256, 128, 4, 4])), "half a million weights");
    }

    #[test]
    fn it_equals_the_convolution_in_values_and_in_first_and_second_derivatives() {
        for [h, w] in [[8, 8], [2, 6], [4, 2]] {
            let (x, weight) = (draw([3, 5, h, w], 1), draw([4, 5, 4, 4], 2));
            let (found, expected) = (all(convolve, &x, &weight), all(reference, &x, &weight));
            for (found, expected) in found.iter().zip(&expected) {
                assert_eq!(found.size(), expected.size());
                let scale = expected.abs().max().double_value(&[]);
                assert!((found - expected).abs().max().double_value(&[]) < 1e-12 * scale.max(1.0));
            }
        }
    }

    #[test]
    fn the_way_back_equals_the_transposed_convolution() {
        for [h, w] in [[4, 4], [1, 3], [2, 1]] {
            let (gradient, weight) = (draw([3, 4, h, w], 3), draw([4, 5, 4, 4], 4));
            let none = None::<&Tensor>;
            let expected =
                gradient.conv_transpose2d(&weight, none, [2, 2], [1, 1], [0, 0], 1, [1, 1]);
            let found = pull_back(&gradient, &weight);
            assert_eq!(found.size(), expected.size());
            assert!((found - expected).abs().max().double_value(&[]) < 1e-12);
        }
    }
}
