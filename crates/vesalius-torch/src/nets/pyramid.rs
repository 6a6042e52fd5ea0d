//! How often a size is halved on the way to a small base: shared by every family that grows samples from one.

use anyhow::{Result, bail};

/// How often H and W are halved, and what remains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pyramid {
    halvings: u32,
    base: [i64; 2],
}

impl Pyramid {
    /// Halves until the smaller side is 4 to 7 pixels.
    ///
    /// # Errors
    /// When a side cannot be halved that often, or the size is outside 32…512.
    pub fn new(height: i64, width: i64) -> Result<Self> {
        if !(32..=512).contains(&height) || !(32..=512).contains(&width) {
            bail!("size {height}x{width}: expected 32 to 512 pixels in each axis");
        }
        let halvings = (height.min(width) / 4).ilog2();
        let step = 1_i64 << halvings;
        if height % step != 0 || width % step != 0 {
            bail!(
                "size {height}x{width}: expected both divisible by {step}, to be halved {halvings} times"
            );
        }
        Ok(Self { halvings, base: [height / step, width / step] })
    }

    /// How often each side is halved.
    pub fn halvings(&self) -> u32 {
        self.halvings
    }

    /// Height and width that remain.
    pub fn base(&self) -> [i64; 2] {
        self.base
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_halved_to_a_base_of_four_to_seven() {
        assert_eq!(Pyramid::new(64, 64).unwrap(), Pyramid { halvings: 4, base: [4, 4] });
        assert_eq!(Pyramid::new(96, 160).unwrap(), Pyramid { halvings: 4, base: [6, 10] });
        assert_eq!(Pyramid::new(512, 512).unwrap(), Pyramid { halvings: 7, base: [4, 4] });
        let error = Pyramid::new(64, 72).unwrap_err().to_string();
        assert!(error.contains("64x72") && error.contains("divisible by 16"), "{error}");
        assert!(Pyramid::new(16, 16).is_err());
    }
}
