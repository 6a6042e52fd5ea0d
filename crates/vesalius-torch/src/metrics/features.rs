//! Feature sets as metrics take them: checked once, read in blocks, so that 50,000 x 2,048 never stand in memory twice.

use anyhow::{Result, bail};
use tch::{Kind, Tensor};

/// Rows in a block: 16 MiB of f64 at 2,048 dimensions. Passes over four times as much take three times as long
/// (`bench/README.md`).
const BLOCK: i64 = 1024;

/// Largest number that a feature may be, in absolute value: f32's. No network in f32 gives a larger one, and all that
/// is made
/// of features stays finite in f64: the highest power is the sixth (kernel distances), 1e231 before sums over samples
/// and
/// dimensions. In f64 files of a diverged extractor, 1e77 made Fréchet distances 0 and 1e160 precision.
pub const LARGEST: f64 = f32::MAX as f64;
/// How far samples have to be apart in some dimension: f32's least normal number. Of differences below the square root
/// of
/// f64's, squares are 0, and so is every distance.
pub const LEAST_SPREAD: f64 = f32::MIN_POSITIVE as f64;

/// A matrix `[N, D]` of numbers that metrics can reckon with, with the side it stands on. Every feature that is
/// measured
/// passes here.
#[derive(Debug)]
pub struct FeatureSet {
    side: &'static str,
    x: Tensor,
    /// Rows of `x` in this order; all where there are none. A selection shares its set's memory: bootstrap sets of
    /// 50,000 x 2,048 would take as much again.
    rows: Option<Tensor>,
}

impl FeatureSet {
    /// Checks `x`; `side` names it in errors ("real", "synthetic", "held-out").
    ///
    /// # Errors
    /// When it is no matrix of floats, has fewer than 2 samples or no dimension, holds NaN, infinity or numbers above
    /// [`LARGEST`], or its samples are all the same, or apart by less than [`LEAST_SPREAD`].
    pub fn new(side: &'static str, x: &Tensor) -> Result<Self> {
        let size = x.size();
        let &[n, d] = size.as_slice() else {
            bail!("{side} features of shape {size:?}, expected [samples, dimensions]");
        };
        if !x.is_floating_point() {
            bail!("{side} features are {:?}, expected floats", x.kind());
        }
        if n < 2 || d < 1 {
            bail!("{n} {side} samples of {d} dimensions, expected at least 2 samples");
        }
        let set = Self { side, x: x.shallow_clone(), rows: None };
        if set.blocks().any(|block| !holds(&block.isfinite().all())) {
            bail!("{side} features hold NaN or infinity, expected finite numbers");
        }
        let largest = set.blocks().map(|block| largest(&block)).fold(0.0, f64::max);
        if largest > LARGEST {
            bail!(
                "{side} features as large as {largest:.1e}, expected at most {LARGEST:.1e}, the largest number of f32 (a \
                 diverged extractor?)"
            );
        }
        set.varied()
    }

    /// Checks that not all samples are the same, as far as squares can tell.
    fn varied(self) -> Result<Self> {
        let spread = self.spread();
        if spread >= LEAST_SPREAD {
            return Ok(self);
        }
        if spread == 0.0 {
            bail!(
                "all {} {} samples have the same features, expected samples that differ (constant images?)",
                self.len(),
                self.side
            );
        }
        bail!(
            "all {} {} samples have the same features to within {spread:.1e}, expected samples that differ by at least \
             {LEAST_SPREAD:.1e}, the least normal number of f32 (constant images?)",
            self.len(),
            self.side
        );
    }

    /// How far samples are apart in some dimension; once it is enough, the rest is not read.
    fn spread(&self) -> f64 {
        let first = self.part(0, 1).to_kind(Kind::Double);
        let mut spread = 0.0;
        for block in self.blocks() {
            spread = largest(&(block - &first)).max(spread);
            if spread >= LEAST_SPREAD {
                break;
            }
        }
        spread
    }

    /// Checks that two sets can be compared.
    ///
    /// # Errors
    /// When their dimensions differ.
    pub fn same_width(&self, other: &Self) -> Result<()> {
        if self.width() != other.width() {
            bail!(
                "{} features have {} dimensions, {} {}; expected the same extractor",
                self.side,
                self.width(),
                other.side,
                other.width()
            );
        }
        Ok(())
    }

    /// "real", "synthetic", …
    pub fn side(&self) -> &'static str {
        self.side
    }

    /// N.
    pub fn len(&self) -> i64 {
        self.rows.as_ref().unwrap_or(&self.x).size()[0]
    }

    /// Never: a set has at least 2 samples.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// D.
    pub fn width(&self) -> i64 {
        self.x.size()[1]
    }

    /// The matrix: as it was given, or a copy of the rows of a selection.
    pub fn matrix(&self) -> Tensor {
        self.part(0, self.len())
    }

    fn part(&self, start: i64, length: i64) -> Tensor {
        match &self.rows {
            Some(rows) => self.x.index_select(0, &rows.narrow(0, start, length)),
            None => self.x.narrow(0, start, length),
        }
    }

    /// Rows `indices`, in that order.
    ///
    /// # Errors
    /// When fewer than 2 remain, or all that remain are the same.
    pub fn select(&self, indices: &[i64]) -> Result<Self> {
        let side = self.side;
        if indices.len() < 2 {
            bail!("{} {side} samples, expected at least 2", indices.len());
        }
        let indices = Tensor::from_slice(indices).to_device(self.x.device());
        let rows = match &self.rows {
            Some(rows) => rows.index_select(0, &indices),
            None => indices,
        };
        Self { side, x: self.x.shallow_clone(), rows: Some(rows) }.varied()
    }

    /// f64 blocks of consecutive rows.
    pub fn blocks(&self) -> impl Iterator<Item = Tensor> + '_ {
        starts(self.len()).map(|(start, length)| self.part(start, length).to_kind(Kind::Double))
    }

    /// Mean of the rows `[1, D]`, f64.
    pub fn mean(&self) -> Tensor {
        let sum = self
            .blocks()
            .map(|block| block.sum_dim_intlist(&[0_i64][..], true, Kind::Double))
            .reduce(|a, b| a + b)
            .expect("at least one block");
        sum / self.len() as f64
    }
}

/// f64 blocks of consecutive rows of any matrix.
pub fn blocks(x: &Tensor) -> impl Iterator<Item = Tensor> + '_ {
    starts(x.size()[0]).map(|(start, length)| x.narrow(0, start, length).to_kind(Kind::Double))
}

/// Where the blocks of `n` rows begin, and how long they are.
fn starts(n: i64) -> impl Iterator<Item = (i64, i64)> {
    (0..n).step_by(BLOCK as usize).map(move |start| (start, BLOCK.min(n - start)))
}

/// Largest absolute value.
fn largest(x: &Tensor) -> f64 {
    x.abs().max().double_value(&[])
}

fn holds(truth: &Tensor) -> bool {
    truth.int64_value(&[]) != 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn what_makes_no_sense_is_refused() {
        let draw = |n: i64| Tensor::randn([n, 3], (Kind::Float, Device::Cpu));
        let error = |x: &Tensor| FeatureSet::new("real", x).unwrap_err().to_string();
        assert!(error(&draw(1)).contains("1 real samples of 3 dimensions"));
        assert!(error(&(draw(4) / 0.0)).contains("NaN"));
        assert!(error(&draw(4).ones_like()).contains("constant images?"));
        assert!(error(&draw(4).get(0)).contains("expected [samples, dimensions]"));
        assert!(error(&draw(4).to_kind(Kind::Int)).contains("expected floats"));
    }

    #[test]
    fn numbers_that_squares_cannot_hold_are_refused_and_all_of_f32_are_not() {
        let draw = Tensor::randn([9, 3], (Kind::Double, Device::Cpu)).clamp(-2.0, 2.0);
        let error = |x: &Tensor| FeatureSet::new("real", x).unwrap_err().to_string();
        for large in [1e39, 1e77, 1e100, 1e155, 1e300] {
            let found = error(&(&draw * large));
            assert!(found.contains("expected at most 3.4e38"), "{found}");
        }
        // One number is enough, of either sign, at the end.
        let one = draw.copy();
        let _ = one.get(8).get(2).fill_(-4e38);
        assert!(error(&one).contains("real features as large as 4.0e38"), "{}", error(&one));
        for small in [1e-45, 1e-170, 1e-310] {
            let found = error(&(&draw * small));
            assert!(found.contains("to within"), "{found}");
        }
        for fine in [1.7e38, 1e30, 1.0, 1e-30, 1e-37] {
            FeatureSet::new("real", &(&draw * fine)).unwrap();
            FeatureSet::new("real", &(&draw * fine).to_kind(Kind::Float)).unwrap();
        }
    }

    #[test]
    fn the_mean_of_blocks_is_the_mean() {
        let x = Tensor::randn([BLOCK + 7, 3], (Kind::Float, Device::Cpu));
        let set = FeatureSet::new("real", &x).unwrap();
        let mean = x.to_kind(Kind::Double).mean_dim(&[0_i64][..], true, Kind::Double);
        assert!((set.mean() - mean).abs().max().double_value(&[]) < 1e-12);
    }

    #[test]
    fn a_selection_of_a_selection_is_of_the_first_sets_rows() {
        let x = Tensor::arange(2 * (BLOCK + 7), (Kind::Float, Device::Cpu)).reshape([-1, 2]);
        let set = FeatureSet::new("real", &x).unwrap();
        // Over a block's end, backwards, the last row twice.
        let last = BLOCK + 6;
        let backwards: Vec<i64> = (0..=last).rev().chain([last]).collect();
        let once = set.select(&backwards).unwrap();
        assert_eq!(once.len(), BLOCK + 8);
        assert_eq!(once.matrix(), x.index_select(0, &Tensor::from_slice(&backwards)));
        let blocks: Vec<Tensor> = once.blocks().collect();
        assert_eq!(Tensor::cat(&blocks, 0), once.matrix().to_kind(Kind::Double));
        let twice = once.select(&[0, 2]).unwrap();
        let expected = Tensor::from_slice(&[last, last - 2]);
        assert_eq!(twice.matrix(), x.index_select(0, &expected));
        let error = |indices: &[i64]| once.select(indices).unwrap_err().to_string();
        assert!(error(&[3]).contains("1 real samples"));
        assert!(error(&[0, BLOCK + 7]).contains("constant images?"));
    }
}
