//! A number for each axis of a picture or of a volume: kernels, strides, sizes. The rank is known at run time only.

use std::fmt;

/// A number for each spatial axis: rows and columns, or planes, rows and columns.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Axes {
    /// Planes first; of a picture the first is not used.
    of: [i64; 3],
    rank: u8,
}

impl Axes {
    /// Rows and columns.
    pub const fn picture([rows, columns]: [i64; 2]) -> Self {
        Self { of: [0, rows, columns], rank: 2 }
    }

    /// Planes, rows and columns.
    pub const fn volume(of: [i64; 3]) -> Self {
        Self { of, rank: 3 }
    }

    /// Two or three numbers.
    pub fn of(numbers: &[i64]) -> Self {
        match *numbers {
            [rows, columns] => Self::picture([rows, columns]),
            [planes, rows, columns] => Self::volume([planes, rows, columns]),
            _ => unreachable!("two or three axes, not {numbers:?}"),
        }
    }

    /// The same for both axes of a picture.
    pub const fn both(number: i64) -> Self {
        Self::picture([number, number])
    }

    /// One for each axis, in their order.
    pub fn as_slice(&self) -> &[i64] {
        &self.of[3 - usize::from(self.rank)..]
    }

    /// Whether there are planes.
    pub const fn is_volume(self) -> bool {
        self.rank == 3
    }

    /// Of rows and columns.
    pub const fn in_plane(self) -> [i64; 2] {
        [self.of[1], self.of[2]]
    }

    /// The same planes, and other rows and columns.
    #[must_use]
    pub const fn with_plane(self, [rows, columns]: [i64; 2]) -> Self {
        Self { of: [self.of[0], rows, columns], rank: self.rank }
    }

    /// Another number for each axis.
    #[must_use]
    pub fn map(self, mut change: impl FnMut(i64) -> i64) -> Self {
        let mut of = self.of;
        of[3 - usize::from(self.rank)..].iter_mut().for_each(|number| *number = change(*number));
        Self { of, rank: self.rank }
    }

    /// Of two with the same axes.
    #[must_use]
    pub fn zip(self, other: Self, mut change: impl FnMut(i64, i64) -> i64) -> Self {
        debug_assert_eq!(self.rank, other.rank, "the same axes");
        let mut at = 3 - usize::from(self.rank);
        self.map(|number| {
            at += 1;
            change(number, other.of[at - 1])
        })
    }

    /// Sizes of the spatial axes of activations `[N, C, (D,) H, W]`.
    pub fn of_activations(size: &[i64]) -> Self {
        Self::of(&size[2..])
    }

    /// Their product.
    pub fn product(self) -> i64 {
        self.as_slice().iter().product()
    }
}

impl fmt::Debug for Axes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts: Vec<String> = self.as_slice().iter().map(ToString::to_string).collect();
        f.write_str(&parts.join("x"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_are_two_or_three_and_keep_their_order() {
        let (picture, volume) = (Axes::picture([2, 3]), Axes::volume([1, 2, 3]));
        assert_eq!((picture.as_slice(), volume.as_slice()), (&[2, 3][..], &[1, 2, 3][..]));
        assert_eq!(format!("{picture:?} {volume:?}"), "2x3 1x2x3");
        assert_eq!(volume.zip(Axes::volume([4, 5, 6]), |a, b| a * b), Axes::volume([4, 10, 18]));
        assert_eq!((picture.product(), volume.product()), (6, 6));
        assert_eq!(Axes::of_activations(&[8, 1, 4, 5, 6]), Axes::volume([4, 5, 6]));
    }
}
