//! What a mask could be instead: the mistakes that are made with whole datasets.

use super::edges::{Border, Grid, Towards};
use serde::{Deserialize, Serialize};

/// Another way to lay masks on images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Other {
    /// Mirrored left to right.
    LeftRight,
    /// Mirrored up and down.
    UpDown,
    /// Turned by 180 degrees.
    Turned180,
    /// Rows and columns swapped.
    Transposed,
    /// Turned by 90 degrees, anticlockwise.
    Turned90,
    /// Turned by 270 degrees, anticlockwise.
    Turned270,
    /// Rows and columns swapped, and turned by 180 degrees.
    AntiTransposed,
    /// That of the slice after.
    Next,
    /// That of the slice before.
    Previous,
    /// Slices from the last to the first.
    Reversed,
    /// The i-th slice has the mask whose number is the i-th as text: 1, 10, 11, …, 2, 20.
    TextOrder,
    /// The other way around: the mask in its place, the slices as text.
    TextOrderOfImages,
    /// Of a picture of its own: the mask of the picture before.
    PictureBefore,
    /// Of a picture of its own: the mask of the picture after.
    PictureAfter,
}

impl Other {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::LeftRight,
        Self::UpDown,
        Self::Turned180,
        Self::Transposed,
        Self::Turned90,
        Self::Turned270,
        Self::AntiTransposed,
        Self::Next,
        Self::Previous,
        Self::Reversed,
        Self::TextOrder,
        Self::TextOrderOfImages,
        Self::PictureBefore,
        Self::PictureAfter,
    ];

    /// In a sentence: "the masks fit their images better …".
    pub const fn text(self) -> &'static str {
        match self {
            Self::LeftRight => "mirrored left to right",
            Self::UpDown => "mirrored up and down",
            Self::Turned180 => "turned by 180 degrees",
            Self::Transposed => "with rows and columns swapped",
            Self::Turned90 => "turned by 90 degrees anticlockwise",
            Self::Turned270 => "turned by 90 degrees clockwise",
            Self::AntiTransposed => "with rows and columns swapped and turned by 180 degrees",
            Self::Next => "when each slice gets the mask of the slice after it",
            Self::Previous => "when each slice gets the mask of the slice before it",
            Self::Reversed => "with the slices of the masks from the last to the first",
            Self::TextOrder | Self::TextOrderOfImages => {
                "when slices are numbered as text (1, 10, 11, …, 2)"
            }
            Self::PictureBefore => "when each image gets the mask of the image before it",
            Self::PictureAfter => "when each image gets the mask of the image after it",
        }
    }

    /// What to look for.
    pub const fn question(self) -> &'static str {
        match self {
            Self::Next
            | Self::Previous
            | Self::Reversed
            | Self::TextOrder
            | Self::TextOrderOfImages => "are images and masks in the same order of slices?",
            Self::PictureBefore | Self::PictureAfter => "does each image have its own mask?",
            _ => "are they stored in another orientation?",
        }
    }

    /// The border of one mask seen in this way; `None` for the ways that take another slice's, and for quarter turns of
    /// what is not square.
    pub fn of(self, border: &Border, grid: Grid) -> Option<Border> {
        let square = grid.height == grid.width;
        let flip = |border: &Border, towards| border.mirrored(grid, towards);
        let (right, below) = (Towards::Right, Towards::Below);
        match self {
            Self::LeftRight => Some(flip(border, right)),
            Self::UpDown => Some(flip(border, below)),
            Self::Turned180 => Some(flip(&flip(border, right), below)),
            Self::Transposed => square.then(|| border.transposed()),
            Self::Turned90 => square.then(|| flip(&border.transposed(), below)),
            Self::Turned270 => square.then(|| flip(&border.transposed(), right)),
            Self::AntiTransposed => square.then(|| flip(&flip(&border.transposed(), right), below)),
            _ => None,
        }
    }

    /// Which slice's mask slice `k` of `slices` gets; `None` where there is none or it is its own.
    pub fn slice(self, k: usize, slices: usize, text: &[usize]) -> Option<usize> {
        let of = match self {
            Self::Next => k + 1,
            Self::Previous => k.checked_sub(1)?,
            Self::Reversed => slices - 1 - k,
            Self::TextOrder => *text.get(k)?,
            Self::TextOrderOfImages => text.iter().position(|&i| i == k)?,
            _ => return None,
        };
        (of < slices && of != k).then_some(of)
    }
}

/// Slices 1, 2, …, n in the order of their numbers as text; empty where that is their own order.
pub fn text_order(slices: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..slices).collect();
    order.sort_by_key(|i| (i + 1).to_string());
    if order.is_sorted() { vec![] } else { order }
}
