//! Image and mask as one sample: the channels a joint GAN generates, and back.

use crate::pairs::batch::{Pair, one_hot};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// How the mask enters the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskEncoding {
    /// K channels, 1 for the pixel's class and -1 for the others; generated as a softmax, decoded by arg-max.
    OneHot,
    /// K channels as `one_hot`, but generated as they are, unbounded.
    Scores,
    /// K channels: signed distance to the border of the class, positive inside, clipped at an eighth of the smaller
    /// side and scaled to [-1, 1]; decoded by arg-max.
    SignedDistance,
    /// One channel, label values spread evenly over [-1, 1]; decoded to the nearest. What the paper describes.
    LabelMap,
}

/// Channels of an image, and what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pictures {
    /// C.
    pub channels: i64,
    /// 1: grey or colour. C: each channel is a picture of its own, as sequences of MRI are.
    pub pictures: i64,
}

impl Pictures {
    /// Channels with names are sequences, and so are numbers of channels that no picture has.
    pub fn new(channels: usize, named: bool) -> Self {
        let one = !named && [1, 3].contains(&channels);
        Self { channels: channels as i64, pictures: if one { 1 } else { channels as i64 } }
    }
}

/// Channels of a joint sample: C of the image, then those of the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joint {
    /// C.
    pub channels: i64,
    /// What they are, see [`Pictures`].
    pub pictures: i64,
    /// K.
    pub classes: i64,
    /// How the mask is written.
    pub encoding: MaskEncoding,
}

impl Joint {
    /// The joint sample of such images.
    pub fn new(image: Pictures, classes: usize, encoding: MaskEncoding) -> Self {
        let Pictures { channels, pictures } = image;
        Self { channels, pictures, classes: classes as i64, encoding }
    }

    /// Its image.
    pub fn pictures(&self) -> Pictures {
        Pictures { channels: self.channels, pictures: self.pictures }
    }

    /// Mask channels M.
    pub fn mask_channels(&self) -> i64 {
        match self.encoding {
            MaskEncoding::OneHot | MaskEncoding::Scores | MaskEncoding::SignedDistance => {
                self.classes
            }
            MaskEncoding::LabelMap => 1,
        }
    }

    /// C + M.
    pub fn total(&self) -> i64 {
        self.channels + self.mask_channels()
    }

    /// A pair as `[N, C+M, (D,) H, W]` in [-1, 1].
    pub fn encode(&self, pair: &Pair) -> Tensor {
        let mask = match self.encoding {
            MaskEncoding::SignedDistance => signed_distance(&pair.labels, self.classes),
            MaskEncoding::OneHot | MaskEncoding::Scores => {
                one_hot(&pair.labels, self.classes) * 2.0 - 1.0
            }
            MaskEncoding::LabelMap => {
                let labels = pair.labels.unsqueeze(1).to_kind(Kind::Float);
                labels * self.label_step() - 1.0
            }
        };
        Tensor::cat(&[&pair.image, &mask], 1)
    }

    /// A generator's last activation, on what its last convolution gives `[N, C+M, H, W]`.
    pub fn activate(&self, raw: &Tensor) -> Tensor {
        match self.encoding {
            MaskEncoding::LabelMap | MaskEncoding::SignedDistance => raw.tanh(),
            MaskEncoding::OneHot => {
                Tensor::cat(&[self.image(raw).tanh(), self.probabilities(raw)], 1)
            }
            MaskEncoding::Scores => Tensor::cat(&[self.image(raw).tanh(), self.mask(raw)], 1),
        }
    }

    /// The same for families whose samples are unbounded (StyleGAN, StyleGAN2): only one-hot masks become
    /// probabilities.
    pub fn activate_linear(&self, raw: &Tensor) -> Tensor {
        match self.encoding {
            MaskEncoding::OneHot => Tensor::cat(&[self.image(raw), self.probabilities(raw)], 1),
            _ => raw.shallow_clone(),
        }
    }

    fn image(&self, sample: &Tensor) -> Tensor {
        sample.narrow(1, 0, self.channels)
    }

    fn mask(&self, sample: &Tensor) -> Tensor {
        sample.narrow(1, self.channels, self.mask_channels())
    }

    fn probabilities(&self, raw: &Tensor) -> Tensor {
        self.mask(raw).softmax(1, Kind::Float) * 2.0 - 1.0
    }

    /// `[N, C+M, (D,) H, W]` as a pair.
    pub fn decode(&self, sample: &Tensor) -> Pair {
        let (image, mask) = (self.image(sample), self.mask(sample));
        let labels = match self.encoding {
            MaskEncoding::LabelMap => ((mask.squeeze_dim(1) + 1.0) / self.label_step())
                .round()
                .clamp(0.0, (self.classes - 1) as f64)
                .to_kind(Kind::Int64),
            _ => likeliest(&mask),
        };
        Pair { image, labels }
    }

    /// Distance between neighbouring label values; with a single class every value is -1.
    fn label_step(&self) -> f64 {
        2.0 / (self.classes - 1).max(1) as f64
    }
}

/// The class with the highest score at each pixel, the first of equals: `[N, K, H, W]` → `[N, H, W]`, Int64.
///
/// Not `argmax`, which sets up a reduction for every single pixel: nine times as long for four classes.
pub fn likeliest(scores: &Tensor) -> Tensor {
    scores.max_dim(1, false).1
}

/// Signed distances of label maps `[N, H, W]` as `[N, K, H, W]` in [-1, 1], f32.
fn signed_distance(labels: &Tensor, classes: i64) -> Tensor {
    let (n, h, w) = labels.size3().expect("label maps");
    let limit = (h.min(w) as f32 / 8.0).max(1.0);
    let bytes =
        Vec::<u8>::try_from(labels.to_kind(Kind::Uint8).to_device(Device::Cpu).reshape([-1]))
            .expect("a dense tensor");
    let mut all = Vec::with_capacity(bytes.len() * classes as usize);
    for map in bytes.chunks_exact((h * w) as usize) {
        for class in 0..classes as u8 {
            let inside: Vec<bool> = map.iter().map(|&label| label == class).collect();
            let outside: Vec<bool> = inside.iter().map(|inside| !inside).collect();
            let (to_outside, to_inside) =
                (distances(&outside, w as usize), distances(&inside, w as usize));
            all.extend(inside.iter().enumerate().map(|(i, &inside)| {
                // Borders run between pixels: half a pixel from either side.
                let distance = if inside { to_outside[i] - 0.5 } else { 0.5 - to_inside[i] };
                (distance / limit).clamp(-1.0, 1.0)
            }));
        }
    }
    Tensor::from_slice(&all).reshape([n, classes, h, w]).to_device(labels.device())
}

/// Euclidean distance of every pixel of a row-major grid to the nearest true one; infinite where there is none.
/// Exact: nearest along each column, then the minimum over each row.
fn distances(targets: &[bool], width: usize) -> Vec<f32> {
    let height = targets.len() / width;
    let mut along = vec![f32::INFINITY; targets.len()];
    for x in 0..width {
        let mut sweep = |rows: &mut dyn Iterator<Item = usize>| {
            let mut last = f32::INFINITY;
            for y in rows {
                last = if targets[y * width + x] { 0.0 } else { last + 1.0 };
                let at = &mut along[y * width + x];
                *at = at.min(last);
            }
        };
        sweep(&mut (0..height));
        sweep(&mut (0..height).rev());
    }
    let mut found = Vec::with_capacity(targets.len());
    for row in along.chunks_exact(width) {
        found.extend((0..width).map(|x| {
            let nearest = row.iter().enumerate().map(|(other, &column)| {
                let step = x.abs_diff(other) as f32;
                step * step + column * column
            });
            nearest.fold(f32::INFINITY, f32::min).sqrt()
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_survive_their_encodings() {
        let labels =
            Tensor::arange(2 * 4 * 4, (Kind::Int64, Device::Cpu)).remainder(5).reshape([2, 4, 4]);
        let image = Tensor::rand([2, 3, 4, 4], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
        for encoding in [MaskEncoding::OneHot, MaskEncoding::Scores, MaskEncoding::LabelMap] {
            let joint = Joint { channels: 3, pictures: 1, classes: 5, encoding };
            let pair = Pair { image: image.copy(), labels: labels.copy() };
            let sample = joint.encode(&pair);
            assert_eq!(sample.size(), [2, joint.total(), 4, 4]);
            assert_eq!(
                (sample.min().double_value(&[]), sample.max().double_value(&[])),
                (-1.0, 1.0)
            );
            let back = joint.decode(&sample);
            assert_eq!(back.labels, labels);
            assert_eq!(back.image, image);
        }
    }

    #[test]
    fn signed_distances_are_counted_from_the_border_and_decode_to_the_classes() {
        // Left half class 0, right half class 1; the limit is an eighth of 16 pixels.
        let labels = Tensor::arange(16, (Kind::Int64, Device::Cpu)).ge(8).to_kind(Kind::Int64);
        let labels = labels.reshape([1, 1, 16]).repeat([1, 16, 1]);
        let image = Tensor::zeros([1, 1, 16, 16], (Kind::Float, Device::Cpu));
        let joint =
            Joint { channels: 1, pictures: 1, classes: 3, encoding: MaskEncoding::SignedDistance };
        let sample = joint.encode(&Pair { image, labels: labels.copy() });
        let row = |channel: i64| -> Vec<f32> {
            Vec::try_from(sample.select(0, 0).select(0, channel).select(0, 5)).unwrap()
        };
        assert_eq!(row(1)[5..11], [1.0, 0.75, 0.25, -0.25, -0.75, -1.0]);
        assert_eq!(row(2)[5..11], [-1.0, -0.75, -0.25, 0.25, 0.75, 1.0]);
        assert!(row(3).iter().all(|&distance| distance == -1.0), "a class that is nowhere");
        assert_eq!(joint.decode(&sample).labels, labels);
    }

    #[test]
    fn generated_masks_are_probabilities_in_the_networks_range() {
        let joint = Joint { channels: 1, pictures: 1, classes: 3, encoding: MaskEncoding::OneHot };
        let sample = joint.activate(&Tensor::randn([2, 4, 8, 8], (Kind::Float, Device::Cpu)));
        let sum = ((sample.narrow(1, 1, 3) + 1.0) / 2.0).sum_dim_intlist(1, false, Kind::Float);
        assert!((sum - 1.0).abs().max().double_value(&[]) < 1e-5);
    }
}
