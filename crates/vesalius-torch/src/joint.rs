//! Image and mask as one sample: the channels a joint GAN generates, and back.

use crate::batch::Pair;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// How the mask enters the sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MaskEncoding {
    /// K channels, 1 for the pixel's class and -1 for the others; generated as a softmax, decoded by arg-max.
    OneHot,
    /// One channel, label values spread evenly over [-1, 1]; decoded to the nearest. What the paper describes.
    LabelMap,
}

/// Channels of a joint sample: C of the image, then those of the mask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joint {
    /// C.
    pub channels: i64,
    /// K.
    pub classes: i64,
    /// How the mask is written.
    pub encoding: MaskEncoding,
}

impl Joint {
    /// Mask channels M.
    pub fn mask_channels(&self) -> i64 {
        match self.encoding {
            MaskEncoding::OneHot => self.classes,
            MaskEncoding::LabelMap => 1,
        }
    }

    /// C + M.
    pub fn total(&self) -> i64 {
        self.channels + self.mask_channels()
    }

    /// A pair as `[N, C+M, H, W]` in [-1, 1].
    pub fn encode(&self, pair: &Pair) -> Tensor {
        let mask = match self.encoding {
            MaskEncoding::OneHot => {
                let one_hot = pair.labels.one_hot(self.classes).permute([0, 3, 1, 2]);
                one_hot.to_kind(Kind::Float) * 2.0 - 1.0
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
            MaskEncoding::LabelMap => raw.tanh(),
            MaskEncoding::OneHot => {
                let image = raw.narrow(1, 0, self.channels).tanh();
                let scores = raw.narrow(1, self.channels, self.classes);
                Tensor::cat(&[image, scores.softmax(1, Kind::Float) * 2.0 - 1.0], 1)
            }
        }
    }

    /// `[N, C+M, H, W]` as a pair.
    pub fn decode(&self, sample: &Tensor) -> Pair {
        let image = sample.narrow(1, 0, self.channels);
        let mask = sample.narrow(1, self.channels, self.mask_channels());
        let labels = match self.encoding {
            MaskEncoding::OneHot => mask.argmax(1, false),
            MaskEncoding::LabelMap => ((mask.squeeze_dim(1) + 1.0) / self.label_step())
                .round()
                .clamp(0.0, (self.classes - 1) as f64)
                .to_kind(Kind::Int64),
        };
        Pair { image, labels }
    }

    /// Distance between neighbouring label values; with a single class every value is -1.
    fn label_step(&self) -> f64 {
        2.0 / (self.classes - 1).max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn masks_survive_both_encodings() {
        let labels =
            Tensor::arange(2 * 4 * 4, (Kind::Int64, Device::Cpu)).remainder(5).reshape([2, 4, 4]);
        let image = Tensor::rand([2, 3, 4, 4], (Kind::Float, Device::Cpu)) * 2.0 - 1.0;
        for encoding in [MaskEncoding::OneHot, MaskEncoding::LabelMap] {
            let joint = Joint { channels: 3, classes: 5, encoding };
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
    fn generated_masks_are_probabilities_in_the_networks_range() {
        let joint = Joint { channels: 1, classes: 3, encoding: MaskEncoding::OneHot };
        let sample = joint.activate(&Tensor::randn([2, 4, 8, 8], (Kind::Float, Device::Cpu)));
        let sum = ((sample.narrow(1, 1, 3) + 1.0) / 2.0).sum_dim_intlist(1, false, Kind::Float);
        assert!((sum - 1.0).abs().max().double_value(&[]) < 1e-5);
    }
}
