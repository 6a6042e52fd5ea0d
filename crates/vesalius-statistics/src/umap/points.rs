//! Points of many dimensions.

use anyhow::{Result, bail};

/// Points `[N, D]`, row after row.
#[derive(Debug, Clone, Copy)]
pub struct Points<'a> {
    values: &'a [f32],
    width: usize,
}

impl<'a> Points<'a> {
    /// Takes `values` as rows of `width` numbers.
    ///
    /// # Errors
    /// When the rows are not whole, or a number is not finite.
    pub fn new(values: &'a [f32], width: usize) -> Result<Self> {
        if width == 0 || !values.len().is_multiple_of(width) {
            bail!("{} numbers, expected rows of {width}", values.len());
        }
        if values.iter().any(|value| !value.is_finite()) {
            bail!("features hold NaN or infinity, expected finite numbers");
        }
        Ok(Self { values, width })
    }

    /// N.
    pub fn len(&self) -> usize {
        self.values.len() / self.width
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// D.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Point `i` `[D]`.
    pub fn row(&self, i: usize) -> &'a [f32] {
        &self.values[i * self.width..(i + 1) * self.width]
    }
}
