//! What the slices of a pack are: what two packs share before one is compared with the other, or trains beside it.

use super::manifest::{Manifest, PixelType, SliceShape};
use super::reader::Pack;
use anyhow::{Result, bail};
use std::fmt::Display;

/// What a slice is and what its labels mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SliceKind<'a> {
    /// Channels, size, type of the pixels.
    pub shape: SliceShape,
    /// Names of the channels, where each is a sequence of its own.
    pub sequences: &'a [String],
    /// Names of the labels 0, 1, ….
    pub classes: &'a [String],
}

impl<'a> SliceKind<'a> {
    /// What a manifest says.
    pub fn of(manifest: &'a Manifest) -> Self {
        Self {
            shape: manifest.slice_shape,
            sequences: &manifest.sequences,
            classes: &manifest.classes,
        }
    }

    /// Size and channels in words: `64x64 pixels, 2 channels (T1, FLAIR)`.
    pub fn images(&self) -> String {
        let channels = self.shape.channels;
        let named = match self.sequences {
            [] => String::new(),
            names => format!(" ({})", names.join(", ")),
        };
        format!("{} pixels, {channels} channels{named}", self.shape.size())
    }

    /// Refuses images of another size or of other channels, in name or in order, whatever the type of their pixels and
    /// whatever their labels mean.
    ///
    /// # Errors
    /// Names whose they are, what they are, and what `expected_of` has.
    pub fn same_images(
        &self,
        whose: impl Display,
        expected: &Self,
        expected_of: impl Display,
    ) -> Result<()> {
        let of = |kind: &Self| SliceShape { pixel_type: PixelType::U8, ..kind.shape };
        if of(self) == of(expected) && self.sequences == expected.sequences {
            return Ok(());
        }
        bail!("{whose}: {}; expected those of {expected_of}: {}", self.images(), expected.images())
    }

    /// Refuses whatever a network that was made for `expected` would misread: other images, other types of pixels,
    /// other classes, in name or in order.
    ///
    /// # Errors
    /// As [`Self::same_images`].
    pub fn same_pairs(
        &self,
        whose: impl Display,
        expected: &Self,
        expected_of: impl Display,
    ) -> Result<()> {
        if self == expected {
            return Ok(());
        }
        let text = |kind: &Self| {
            let (images, pixels) = (kind.images(), kind.shape.pixel_type);
            format!("{images}, {pixels:?}, classes {}", kind.classes.join(", "))
        };
        bail!("{whose}: {}; expected those of {expected_of}: {}", text(self), text(expected))
    }
}

impl Pack {
    /// What its slices are.
    pub fn kind(&self) -> SliceKind<'_> {
        SliceKind::of(self.manifest())
    }

    /// [`SliceKind::same_images`] of two packs.
    ///
    /// # Errors
    /// As there.
    pub fn same_images(&self, expected: &Self) -> Result<()> {
        let [whose, other] = [self, expected].map(|pack| pack.path().display());
        self.kind().same_images(whose, &expected.kind(), other)
    }

    /// [`SliceKind::same_pairs`] of two packs.
    ///
    /// # Errors
    /// As there.
    pub fn same_pairs(&self, expected: &Self) -> Result<()> {
        let [whose, other] = [self, expected].map(|pack| pack.path().display());
        self.kind().same_pairs(whose, &expected.kind(), other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::manifest::PixelType;

    const SHAPE: SliceShape =
        SliceShape { channels: 2, planes: 1, height: 64, width: 32, pixel_type: PixelType::U8 };

    #[test]
    fn channels_are_the_same_in_name_and_order_or_are_refused() {
        let text = |names: [&str; 2]| names.map(str::to_owned);
        let (ab, ba, classes) = (text(["T1", "T2"]), text(["T2", "T1"]), text(["no", "yes"]));
        let kind = |sequences, classes| SliceKind { shape: SHAPE, sequences, classes };
        let expected = kind(&ab, &classes);
        expected.same_pairs("a", &expected, "b").unwrap();
        for other in [&ba[..], &[]] {
            let found = kind(other, &classes);
            for refused in
                [found.same_pairs("a", &expected, "b"), found.same_images("a", &expected, "b")]
            {
                let line = refused.unwrap_err().to_string();
                assert!(line.starts_with("a: 64x32 pixels, 2 channels"), "{line}");
                assert!(
                    line.contains("expected those of b: 64x32 pixels, 2 channels (T1, T2)"),
                    "{line}"
                );
            }
        }
        // Labels and types of pixels make no difference to images.
        let swapped = text(["yes", "no"]);
        let mut labels = kind(&ab, &swapped);
        labels.same_images("a", &expected, "b").unwrap();
        let line = labels.same_pairs("a", &expected, "b").unwrap_err().to_string();
        assert!(line.contains("classes yes, no; expected"), "{line}");
        labels = expected;
        labels.shape.pixel_type = PixelType::U16;
        labels.same_images("a", &expected, "b").unwrap();
        assert!(labels.same_pairs("a", &expected, "b").is_err());
    }
}
