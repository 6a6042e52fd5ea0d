//! Planted copies: training images copied on purpose, touched up in the ways that a generator or a thief might, so that
//! an
//! audit can say how many it would have found. Also the memory GAN, a generator that does nothing else.

use super::views::gaussian;
use crate::augment::classical;
use crate::pairs::batch::Pair;
use crate::rng::{Purpose, keyed};
use rand::RngExt as _;
use rand_distr::{Distribution as _, StandardNormal};
use tch::Tensor;

/// How a copy differs from its training image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not at all.
    Exact,
    /// Moved by up to a sixteenth of the side along each axis, edges continued.
    Shifted,
    /// Mirrored along one axis or both.
    Flipped,
    /// Gaussian noise with a standard deviation of 5 % of the grey range.
    Noised,
    /// Contrast times 0.7 to 1.3, brightness moved by up to 15 % of the grey range.
    Brightened,
    /// Gaussian blur with a standard deviation of 1/64 of the longer side.
    Blurred,
    /// Turned by up to 10 degrees and scaled by up to 10 %.
    Warped,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Exact,
        Self::Shifted,
        Self::Flipped,
        Self::Noised,
        Self::Brightened,
        Self::Blurred,
        Self::Warped,
    ];

    /// Name in scores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Shifted => "shifted",
            Self::Flipped => "flipped",
            Self::Noised => "noised",
            Self::Brightened => "brightened",
            Self::Blurred => "blurred",
            Self::Warped => "warped",
        }
    }

    /// The change in words.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Exact => "unchanged",
            Self::Shifted => "moved by up to 1/16 of the side along each axis",
            Self::Flipped => "mirrored along one axis or both",
            Self::Noised => "Gaussian noise, standard deviation 5 % of the grey range",
            Self::Brightened => "contrast times 0.7 to 1.3, brightness ±15 % of the grey range",
            Self::Blurred => "Gaussian blur, standard deviation 1/64 of the side",
            Self::Warped => "turned by up to 10 degrees, scaled by up to 10 %",
        }
    }
}

/// Copy `i` of a training image `[1, C, H, W]` in [-1, 1], rounded to pixels of 0…`max`; a function of (seed, kind, i).
pub fn plant(image: &Tensor, kind: Kind, max: u16, seed: u64, i: u64) -> Tensor {
    let mut rng = keyed(seed, Purpose::Planted, kind as u64 * 1_000_000 + i);
    let (_, c, h, w) = image.size4().expect("one image");
    let mut symmetric = |limit: f64| rng.random_range(-limit..=limit);
    let copy = match kind {
        Kind::Exact => image.shallow_clone(),
        Kind::Shifted => {
            let reach = (h.max(w) / 16).max(1);
            let (mut down, mut right) = (0, 0);
            while down == 0 && right == 0 {
                down = rng.random_range(-reach..=reach);
                right = rng.random_range(-reach..=reach);
            }
            let wide = image.replication_pad2d([reach, reach, reach, reach]);
            wide.narrow(2, reach - down, h).narrow(3, reach - right, w)
        }
        Kind::Flipped => image.flip([&[3][..], &[2], &[2, 3]][rng.random_range(0..3)]),
        Kind::Noised => image + noise(image, 0.1, &mut rng),
        Kind::Brightened => {
            let contrast = 1.0 + symmetric(0.3);
            image * contrast + symmetric(0.3)
        }
        Kind::Blurred => {
            let flat = image.reshape([c, 1, h, w]);
            gaussian(&flat, h.max(w) as f64 / 64.0).reshape([1, c, h, w])
        }
        Kind::Warped => {
            let (angle, scale) = (symmetric(10.0), 1.0 + symmetric(0.1));
            turned(image, angle, scale)
        }
    };
    rounded(&copy, max)
}

/// What a generator that has memorised its training set would make of one pair: mirrored or not, turned by up to 5
/// degrees,
/// scaled by up to 5 %, moved by up to a thirty-second of the side, noise with a standard deviation of 2.5 % of the
/// grey
/// range, all at once; the mask moves along. Planes `[D, C, H, W]` of a volume are moved alike. A function of (seed, i).
pub fn remembered(pair: &Pair, max: u16, seed: u64, i: u64) -> Pair {
    let mut rng = keyed(seed, Purpose::Planted, 1_000_000_000 + i);
    let (planes, _, h, w) = pair.image.size4().expect("one image");
    let one = |value: f64| Tensor::from_slice(&[value as f32]);
    let mut symmetric = |limit: f64| rng.random_range(-limit..=limit);
    let (angle, scale) = (symmetric(5_f64.to_radians()), 1.0 + symmetric(0.05));
    // Shifts are in units of half a side.
    let shift = [symmetric(1.0 / 16.0), symmetric(1.0 / 16.0)];
    let mut sign = || if rng.random::<bool>() { -1.0 } else { 1.0 };
    let flip = [sign(), sign()];
    let map = classical::affine(
        &one(angle),
        [&one(shift[0]), &one(shift[1])],
        [&one(flip[0]), &one(flip[1])],
        h as f64 / w as f64,
    );
    let moved = classical::apply(pair, &(map * scale).expand([planes, 2, 3], false));
    let image = &moved.image + noise(&moved.image, 0.05, &mut rng);
    Pair { image: rounded(&image, max), labels: moved.labels }
}

fn noise(like: &Tensor, deviation: f64, rng: &mut rand_chacha::ChaCha8Rng) -> Tensor {
    let values: Vec<f32> = (0..like.numel())
        .map(|_| {
            let value: f64 = StandardNormal.sample(rng);
            (value * deviation) as f32
        })
        .collect();
    Tensor::from_slice(&values).reshape(like.size())
}

/// Turned and scaled about the middle, bilinear, edges continued.
fn turned(image: &Tensor, degrees: f64, scale: f64) -> Tensor {
    let (_, _, h, w) = image.size4().expect("one image");
    let one = |value: f64| Tensor::from_slice(&[value as f32]);
    let (zero, plus) = (one(0.0), one(1.0));
    let map = classical::affine(
        &one(degrees.to_radians()),
        [&zero, &zero],
        [&plus, &plus],
        h as f64 / w as f64,
    );
    let grid = Tensor::affine_grid_generator(&(map * scale), image.size(), false);
    image.grid_sampler(&grid, 0, 1, false)
}

fn rounded(image: &Tensor, max: u16) -> Tensor {
    let half = f64::from(max) / 2.0;
    (((image.clamp(-1.0, 1.0) + 1.0) * half).round()) / half - 1.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::{Device, Kind as Type};

    fn image() -> Tensor {
        tch::manual_seed(3);
        let x = Tensor::rand([1, 3, 32, 48], (Type::Float, Device::Cpu)) * 2.0 - 1.0;
        rounded(&x, 255)
    }

    #[test]
    fn copies_change_as_their_kind_says_and_repeat() {
        let x = image();
        let error = |a: &Tensor, b: &Tensor| (a - b).abs().max().double_value(&[]);
        assert!(error(&plant(&x, Kind::Exact, 255, 0, 1), &x) < 1e-6);
        for kind in &Kind::ALL[1..] {
            let [first, again, other] = [1, 1, 2].map(|i| plant(&x, *kind, 255, 0, i));
            assert!(error(&first, &x) > 0.1, "{}", kind.name());
            assert_eq!(first, again);
            assert!(*kind == Kind::Flipped || *kind == Kind::Blurred || first != other);
            assert!(error(&first, &rounded(&first, 255)) < 1e-6, "{}: whole pixels", kind.name());
        }
        let noised = plant(&x.zeros_like(), Kind::Noised, 65535, 0, 1);
        assert!((noised.std(true).double_value(&[]) - 0.1).abs() < 0.005);
        let shifted = plant(&x, Kind::Shifted, 255, 0, 1);
        let matches = (-3..=3_i64).any(|down| {
            (-3..=3_i64).any(|right| {
                let a = shifted.narrow(2, 3 + down, 26).narrow(3, 3 + right, 42);
                error(&a, &x.narrow(2, 3, 26).narrow(3, 3, 42)) < 1e-6
            })
        });
        assert!(matches);
    }

    #[test]
    fn planes_of_a_remembered_volume_move_alike() {
        let noise = Tensor::randn([1, 1, 16, 16], (tch::Kind::Float, Device::Cpu));
        let image = noise.expand([3, 1, 16, 16], false).copy();
        let labels = image.select(1, 0).gt(0.0).to_kind(tch::Kind::Int64);
        let found = remembered(&Pair { image, labels: labels.copy() }, 255, 0, 1);
        for plane in 1..3 {
            assert_eq!(found.labels.get(plane), found.labels.get(0));
        }
        assert_ne!(found.labels.get(0), labels.get(0));
    }

    #[test]
    fn a_remembered_pair_moves_image_and_mask_together() {
        let labels = Tensor::zeros([1, 64, 64], (Type::Int64, Device::Cpu));
        let _ = labels.narrow(1, 16, 20).narrow(2, 30, 12).fill_(1);
        let image = labels.unsqueeze(1).to_kind(Type::Float) - 0.5;
        for i in 0..5 {
            let found = remembered(&Pair { image: image.copy(), labels: labels.copy() }, 255, 0, i);
            let seen = found.image.gt(0.0).to_kind(Type::Int64).squeeze_dim(1);
            let differ = (&seen - &found.labels).abs().sum(Type::Int64).int64_value(&[]);
            assert!(differ < 40, "{differ}");
            assert!((&found.labels - &labels).abs().sum(Type::Int64).int64_value(&[]) > 20);
        }
    }
}
