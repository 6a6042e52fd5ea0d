//! How often a size is halved on the way to a small base: shared by every family that grows samples from one.
//!
//! Planes of a volume that lie farther apart than its pixels are halved later: first the planes themselves become
//! smaller, until a voxel is nearly as long as it is wide, as nnU-Net plans its strides (Isensee et al. 2021).

use crate::layers::axes::Axes;
use anyhow::{Result, bail};

/// Most levels: 512 pixels to 4.
const MOST: usize = 7;
/// Sides are halved while half of them is at least this.
const LEAST: i64 = 4;
/// Voxels this much longer than wide are no neighbours: kernels do not look along that axis yet.
const ALIKE: f64 = 2.0;

/// One halving, seen from the larger size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// 2 for axes that are halved, else 1.
    pub factor: Axes,
    /// 3, or 1 along an axis whose voxels are far apart.
    pub kernel: Axes,
}

/// Halvings from a size on, each as the voxels that the ones before left ask for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Descent {
    /// Planes and spacing in mm, of a volume.
    volume: Option<(i64, [f64; 3])>,
    near: bool,
}

impl Descent {
    /// Of pictures: every halving is one of both axes.
    pub const PICTURES: Self = Self { volume: None, near: false };

    /// Of volumes of so many planes whose voxels have these sides in mm.
    pub const fn of_volumes(planes: i64, spacing_mm: [f64; 3]) -> Self {
        Self { volume: Some((planes, spacing_mm)), near: false }
    }

    /// All of them; they never end.
    pub fn halvings(mut self) -> impl Iterator<Item = Level> {
        std::iter::repeat_with(move || self.halve())
    }

    /// The next one.
    pub fn halve(&mut self) -> Level {
        let Some((planes, spacing)) = &mut self.volume else { return PICTURE };
        // Once planes are near enough to be looked along they stay so, even where they are too few to be halved.
        let near = spacing[0] / spacing[1].min(spacing[2]) < ALIKE;
        self.near |= near;
        let deep = *planes >= 2 * LEAST && near;
        let factor = [if deep { 2 } else { 1 }, 2, 2];
        *planes /= factor[0];
        for (spacing, factor) in spacing.iter_mut().zip(factor) {
            *spacing *= factor as f64;
        }
        let kernel = [if self.near { 3 } else { 1 }, 3, 3];
        Level { factor: Axes::volume(factor), kernel: Axes::volume(kernel) }
    }
}

/// The halvings of a size, and what remains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pyramid {
    levels: [Level; MOST],
    halvings: u32,
    base: Axes,
}

/// Both axes of a picture.
const PICTURE: Level = Level { factor: Axes::both(2), kernel: Axes::both(3) };

impl Pyramid {
    /// Halves pictures until the smaller side is 4 to 7 pixels.
    ///
    /// # Errors
    /// When a side cannot be halved that often, or the size is outside 32…512.
    pub fn new(height: i64, width: i64) -> Result<Self> {
        in_range(height, width, &format!("{height}x{width}"))?;
        let halvings = (height.min(width) / 4).ilog2();
        let step = 1_i64 << halvings;
        if height % step != 0 || width % step != 0 {
            bail!(
                "size {height}x{width}: expected both divisible by {step}, to be halved {halvings} times"
            );
        }
        Self::of(Axes::picture([height, width]), Descent::PICTURES, halvings)
    }

    /// Halves volumes `[D, H, W]` whose voxels have these sides in mm, as far as pictures of their planes are.
    ///
    /// # Errors
    /// When a side cannot be halved as often as it should be, or planes are outside 32…512.
    pub fn of_volume(size: [i64; 3], spacing_mm: [f64; 3]) -> Result<Self> {
        let text = size.map(|side| side.to_string()).join("x");
        in_range(size[1], size[2], &text)?;
        // In-plane sides decide how deep it goes; planes are halved where voxels are as near along them.
        let halvings = (size[1].min(size[2]) / LEAST).ilog2();
        Self::of(Axes::volume(size), Descent::of_volumes(size[0], spacing_mm), halvings)
    }

    /// So many halvings of a size, at most 7.
    ///
    /// # Errors
    /// When a side cannot be halved as often as it should be.
    pub fn of(size: Axes, descent: Descent, halvings: u32) -> Result<Self> {
        let mut base = size;
        let mut levels = [PICTURE; MOST];
        for (level, halving) in levels.iter_mut().zip(descent.halvings()).take(halvings as usize) {
            let odd = base.zip(halving.factor, |side, factor| side % factor);
            if let Some(axis) = odd.as_slice().iter().position(|rest| *rest != 0) {
                bail!(
                    "size {size:?}: {} cannot be halved on its way to 4 to 7, expected sides of b x 2^k, b from 4 to 7",
                    base.as_slice()[axis]
                );
            }
            base = base.zip(halving.factor, |side, factor| side / factor);
            *level = halving;
        }
        Ok(Self { levels, halvings, base })
    }

    /// How often the sides are halved.
    pub fn halvings(&self) -> u32 {
        self.halvings
    }

    /// The halving from level to level, counted from 1, the full size.
    pub fn level(&self, level: u32) -> Level {
        self.levels[level as usize - 1]
    }

    /// Sizes that remain.
    pub fn base(&self) -> Axes {
        self.base
    }
}

fn in_range(height: i64, width: i64, text: &str) -> Result<()> {
    if !(32..=512).contains(&height) || !(32..=512).contains(&width) {
        bail!("size {text}: expected 32 to 512 pixels in each axis of a plane");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_halved_to_a_base_of_four_to_seven() {
        for ([height, width], halvings, base) in
            [([64, 64], 4, [4, 4]), ([96, 160], 4, [6, 10]), ([512, 512], 7, [4, 4])]
        {
            let found = Pyramid::new(height, width).unwrap();
            assert_eq!((found.halvings(), found.base()), (halvings, Axes::picture(base)));
        }
        let error = Pyramid::new(64, 72).unwrap_err().to_string();
        assert!(error.contains("64x72") && error.contains("divisible by 16"), "{error}");
        assert!(Pyramid::new(16, 16).is_err());
    }

    #[test]
    fn planes_are_halved_when_voxels_are_nearly_cubes() {
        let of = |size, spacing| {
            let found = Pyramid::of_volume(size, spacing).unwrap();
            let levels: Vec<String> = (1..=found.halvings())
                .map(|level| {
                    format!("{:?}/{:?}", found.level(level).factor, found.level(level).kernel)
                })
                .collect();
            (levels.join(" "), found.base())
        };
        // Slices 5 times as far apart as pixels: 5, 2.5, 1.25.
        assert_eq!(
            of([8, 64, 64], [10.0, 2.0, 2.0]),
            ("1x2x2/1x3x3 1x2x2/1x3x3 2x2x2/3x3x3 1x2x2/3x3x3".to_owned(), Axes::volume([4, 4, 4]))
        );
        assert_eq!(
            of([32, 32, 32], [1.0; 3]),
            ("2x2x2/3x3x3 2x2x2/3x3x3 2x2x2/3x3x3".to_owned(), Axes::volume([4, 4, 4]))
        );
        assert_eq!(of([6, 32, 48], [8.0, 1.0, 1.0]).1, Axes::volume([6, 4, 6]));
        let error = Pyramid::of_volume([9, 32, 32], [1.0; 3]).unwrap_err().to_string();
        assert!(error.contains("9x32x32") && error.contains("9 cannot be halved"), "{error}");
        assert!(Pyramid::of_volume([8, 16, 16], [1.0; 3]).is_err());
    }
}
