//! Adaptive discriminator augmentation: Karras et al. 2020, "Training Generative Adversarial Networks with Limited
//! Data" (arXiv:2006.06676); NVlabs/stylegan2-ada-pytorch, `training/augment.py` and `training_loop.py`.
//!
//! Every real and generated sample passes through transformations that each happen with probability p before the
//! discriminator sees it; p follows how often the discriminator is right about real samples. On joint samples geometry
//! moves image and mask alike, colour touches the image alone.
//!
//! Deviations: the reference filters even when p is 0, here nothing happens then; a label map in one channel is moved
//! by nearest neighbour, because a blend of classes 0 and 2 would read as class 1. Its image-space filters, noise and
//! cutout are not here: they are not part of "bgc" (blit, geometry, colour), the preset that its authors train with.

pub mod colour;
pub mod geometry;
mod transform;

pub use transform::{Draw, Effect, Transform};

use crate::pairs::joint::{Joint, MaskEncoding};
use anyhow::{Result, bail};
use colour::ColourMatrix;
use geometry::{Affine, Order};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

/// Settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdaSpec {
    /// What may happen to a sample; it happens in the order of [`Transform`] whatever the order here.
    pub transforms: Vec<Transform>,
    /// Mean sign of the logits of real samples that p is steered to.
    pub target: f64,
    /// Images over which p would go from 0 to 1, in thousands.
    pub kimg: f64,
    /// Steps between adjustments.
    pub every: u64,
}

impl AdaSpec {
    /// Refuses values that can only be mistakes.
    ///
    /// # Errors
    /// Names the setting, the value and what was expected.
    pub fn check(&self) -> Result<()> {
        if !(-1.0..=1.0).contains(&self.target) {
            bail!("augment.ada.target = {}: expected -1 to 1", self.target);
        }
        if !(self.kimg.is_finite() && self.kimg > 0.0) {
            bail!("augment.ada.kimg = {}: expected a number above 0", self.kimg);
        }
        if self.every == 0 {
            bail!("augment.ada.every = 0: expected at least 1");
        }
        Ok(())
    }
}

/// The pipeline with its controller.
#[derive(Debug)]
pub struct Ada {
    spec: AdaSpec,
    /// The transformations in the order they happen; rotation stands there twice.
    steps: Vec<Transform>,
    joint: Joint,
    /// p; sum of signs and count since the last adjustment. f64, saved with the checkpoint.
    state: Tensor,
    /// Sum of signs and count that `state` does not have yet, where the logits live: a GPU is not waited for.
    noted: Option<Tensor>,
}

impl Ada {
    /// With p = 0.
    pub fn new(spec: AdaSpec, joint: Joint) -> Self {
        let mut steps = spec.transforms.clone();
        steps.sort_unstable();
        steps.dedup();
        // Rotated before and after what stretches, if it does.
        if steps.contains(&Transform::Rotate) {
            let after = steps.partition_point(|&step| step <= Transform::Aniso);
            steps.insert(after, Transform::Rotate);
        }
        let state = Tensor::zeros([3], (Kind::Double, Device::Cpu));
        Self { spec, steps, joint, state, noted: None }
    }

    /// The tensor that a resumed training needs; shares memory.
    pub fn state(&self) -> Tensor {
        self.gather();
        self.state.shallow_clone()
    }

    /// Brings `state` up to date; waits for a GPU.
    fn gather(&self) {
        if let Some(noted) = &self.noted {
            let mut noted = noted.shallow_clone();
            let mut state = self.state.narrow(0, 1, 2);
            let _ = state.g_add_(&noted.to_device(Device::Cpu));
            let _ = noted.zero_();
        }
    }

    /// Probability of each transformation.
    pub fn p(&self) -> f64 {
        self.state.double_value(&[0])
    }

    /// Notes the discriminator's logits `[N]` of real samples.
    pub fn observe(&mut self, logits: &Tensor) {
        let signs = logits.detach().sign().sum(Kind::Double);
        let count = Tensor::full_like(&signs, logits.numel() as f64);
        let seen = Tensor::stack(&[signs, count], 0);
        self.noted = Some(match &self.noted {
            Some(noted) => noted + seen,
            None => seen,
        });
    }

    /// Once per step, `step` counting from 1: every few steps p moves towards the target, by `batch` × steps over
    /// `kimg`, never below 0.
    pub fn adjust(&mut self, step: u64, batch: i64) {
        if !step.is_multiple_of(self.spec.every) {
            return;
        }
        self.gather();
        let [p, signs, count] = [0, 1, 2].map(|i| self.state.double_value(&[i]));
        let rate = batch as f64 * self.spec.every as f64 / (self.spec.kimg * 1000.0);
        let direction = (signs / count.max(1.0) - self.spec.target).signum();
        self.state.copy_(&Tensor::from_slice(&[(p + direction * rate).max(0.0), 0.0, 0.0]));
    }

    /// Transforms joint samples `[N, C+M, H, W]`, each by its own draw from LibTorch's generator;
    /// differentiable in the samples as often as `order` says.
    pub fn apply(&self, sample: &Tensor, order: Order) -> Tensor {
        let p = self.p();
        // Without a transform it only watches how the discriminator holds; samples may then be volumes.
        if p <= 0.0 || self.steps.is_empty() {
            return sample.shallow_clone();
        }
        let (n, _, h, w) = sample.size4().expect("a batch of samples");
        let mut geometry = vec![Affine::identity(); n as usize];
        // Sequences are no colours: each has grey values of its own, and changes by itself.
        let pictures = self.joint.pictures;
        let mut dice = Dice::new((n * pictures) as usize, self.steps.len());
        let mut colour = vec![ColourMatrix::identity(); (n * pictures) as usize];
        for &transform in &self.steps {
            let of_sample = colour.chunks_mut(pictures as usize);
            for (map, matrices) in geometry.iter_mut().zip(of_sample) {
                // Geometry moves all channels together: it takes the first dice.
                for (channel, matrix) in matrices.iter_mut().enumerate() {
                    let channels = self.joint.channels / pictures;
                    if channel > 0 && transform < Transform::Brightness {
                        continue;
                    }
                    match transform.effect(p, dice.next(), [h, w], channels) {
                        Some(Effect::Geometry(step)) => *map = map.then(&step),
                        Some(Effect::Colour(step)) => *matrix = matrix.after(&step),
                        None => {}
                    }
                }
            }
        }
        let nearest = self.joint.encoding == MaskEncoding::LabelMap;
        let moved = if geometry.iter().all(Affine::is_identity) {
            sample.shallow_clone()
        } else if nearest {
            let image = geometry::warp(&sample.narrow(1, 0, self.joint.channels), &geometry, order);
            let mask = sample.narrow(1, self.joint.channels, self.joint.mask_channels());
            Tensor::cat(&[image, geometry::warp_nearest(&mask, &geometry)], 1)
        } else {
            geometry::warp(sample, &geometry, order)
        };
        if colour.iter().all(ColourMatrix::is_identity) {
            return moved;
        }
        let image = moved.narrow(1, 0, self.joint.channels);
        let image = image.reshape([n * pictures, -1, h, w]);
        let image = colour::apply(&image, &colour).reshape([n, self.joint.channels, h, w]);
        let mask = moved.narrow(1, self.joint.channels, self.joint.mask_channels());
        Tensor::cat(&[image, mask], 1)
    }
}

/// Random numbers for all samples and transformations, drawn at once: three uniform and two normal each.
struct Dice {
    values: Vec<f64>,
    at: usize,
}

impl Dice {
    fn new(samples: usize, transforms: usize) -> Self {
        let rows = (samples * transforms) as i64;
        let options = (Kind::Double, Device::Cpu);
        let uniform = Tensor::rand([rows, 3], options);
        let normal = Tensor::randn([rows, 2], options);
        let all = Tensor::cat(&[uniform, normal], 1).reshape([-1]);
        Self { values: Vec::try_from(all).expect("a dense tensor"), at: 0 }
    }

    fn next(&mut self) -> Draw {
        let row = &self.values[self.at..self.at + 5];
        self.at += 5;
        Draw { chance: row[0], uniform: [row[1], row[2]], normal: [row[3], row[4]] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joint() -> Joint {
        Joint { channels: 1, pictures: 1, classes: 2, encoding: MaskEncoding::OneHot }
    }

    fn ada(transforms: &[Transform], p: f64) -> Ada {
        ada_of(joint(), transforms, p)
    }

    fn ada_of(joint: Joint, transforms: &[Transform], p: f64) -> Ada {
        let spec = AdaSpec { transforms: transforms.into(), target: 0.6, kimg: 500.0, every: 4 };
        let ada = Ada::new(spec, joint);
        ada.state().copy_(&Tensor::from_slice(&[p, 0.0, 0.0]));
        ada
    }

    #[test]
    fn without_a_transform_volumes_stay_as_they_are_whatever_p_is() {
        let volumes = Tensor::rand([2, 3, 4, 8, 8], (Kind::Float, Device::Cpu));
        assert_eq!(ada(&[], 0.7).apply(&volumes, Order::Once), volumes);
    }

    #[test]
    fn p_moves_towards_the_target_by_the_authors_step_and_stays_above_0() {
        let mut ada = ada(&[Transform::Xflip], 0.0);
        let sure = Tensor::from_slice(&[1.0_f32, 2.0, 0.5, 3.0]);
        for step in 1..=8 {
            ada.observe(&sure);
            ada.adjust(step, 16);
        }
        assert!((ada.p() - 2.0 * 16.0 * 4.0 / 500_000.0).abs() < 1e-12, "{}", ada.p());
        for step in 1..=80 {
            ada.observe(&-&sure);
            ada.adjust(step, 16);
        }
        assert_eq!(ada.p(), 0.0);
    }

    #[test]
    fn geometry_moves_image_and_mask_together_and_colour_leaves_the_mask() {
        let image = Tensor::arange(256, (Kind::Float, Device::Cpu)).reshape([1, 1, 16, 16]).sin();
        let sample = Tensor::cat(&[&image, &image, &image], 1).repeat([4, 1, 1, 1]);
        let moved = ada(&[Transform::Rotate90, Transform::Rotate, Transform::Scale], 1.0)
            .apply(&sample, Order::Once);
        assert_eq!(moved.narrow(1, 0, 1), moved.narrow(1, 2, 1));
        assert!((&moved - &sample).abs().max().double_value(&[]) > 0.1);
        let coloured =
            ada(&[Transform::Brightness, Transform::Contrast], 1.0).apply(&sample, Order::Once);
        assert_eq!(coloured.narrow(1, 1, 2), sample.narrow(1, 1, 2));
        assert!((coloured - sample).abs().max().double_value(&[]) > 0.01);
    }

    #[test]
    fn sequences_change_each_by_itself_and_move_together() {
        let image = Tensor::arange(256, (Kind::Float, Device::Cpu)).reshape([1, 1, 16, 16]).sin();
        let sample = image.repeat([3, 6, 1, 1]);
        let joint = Joint { channels: 4, pictures: 4, ..joint() };
        let coloured = ada_of(joint, &[Transform::Brightness], 1.0).apply(&sample, Order::Once);
        let shift = |sample: i64, channel: i64, coloured: &Tensor| {
            let change = coloured.get(sample).get(channel) - image.get(0).get(0);
            let [least, greatest] = [change.min(), change.max()].map(|x| x.double_value(&[]));
            assert!((greatest - least).abs() < 1e-5, "brightness is one number");
            least
        };
        let shifts: Vec<f64> = (0..4).map(|channel| shift(1, channel, &coloured)).collect();
        assert!(shifts.windows(2).all(|pair| (pair[0] - pair[1]).abs() > 1e-4), "{shifts:?}");
        assert_eq!(coloured.narrow(1, 4, 2), sample.narrow(1, 4, 2));
        let moved = ada_of(joint, &[Transform::Rotate], 1.0).apply(&sample, Order::Once);
        assert_eq!(moved.narrow(1, 0, 1), moved.narrow(1, 3, 1));
        assert_eq!(moved.narrow(1, 0, 1), moved.narrow(1, 5, 1));
    }

    #[test]
    fn transformations_happen_in_the_authors_order() {
        use Transform::{Aniso, Brightness, Rotate, Scale, Xfrac};
        assert_eq!(
            ada(&[Brightness, Xfrac, Aniso, Rotate, Scale], 1.0).steps,
            [Scale, Rotate, Aniso, Rotate, Xfrac, Brightness]
        );
        assert_eq!(ada(&[Rotate, Scale], 1.0).steps, [Scale, Rotate, Rotate]);
    }

    #[test]
    fn a_label_map_keeps_its_values() {
        let mut ada = ada(&[Transform::Rotate, Transform::Scale], 1.0);
        ada.joint =
            Joint { encoding: MaskEncoding::LabelMap, classes: 4, channels: 1, pictures: 1 };
        let labels = Tensor::arange(512, (Kind::Float, Device::Cpu)).reshape([2, 1, 16, 16]);
        let labels = labels.remainder(4.0) * (2.0 / 3.0) - 1.0;
        let moved = ada.apply(&Tensor::cat(&[&labels, &labels], 1), Order::Twice).narrow(1, 1, 1);
        let steps = (moved + 1.0) * 1.5;
        assert!((&steps - steps.round()).abs().max().double_value(&[]) < 1e-5);
    }
}
