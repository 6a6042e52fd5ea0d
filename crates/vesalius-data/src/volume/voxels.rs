//! Intensities in memory, and what is known of each voxel: no operation may lose it.

use crate::files::digest;
use crate::volume::geometry::Alignment;
use std::borrow::Cow;

/// Intensities `[S, C, H, W]`: S slices, C channels, rows of pixels.
#[derive(Debug, Clone, PartialEq)]
pub struct Volume {
    /// S.
    pub slices: usize,
    /// C.
    pub channels: usize,
    /// H in pixels.
    pub height: usize,
    /// W in pixels.
    pub width: usize,
    /// In the source's own units (HU for CT), row-major.
    pub values: Vec<f32>,
    /// Least and greatest value the stored type can hold (0 and 255 of an 8-bit PNG); `None` where that says
    /// nothing about brightness, as for a scanner's 16-bit integers, and where channels have several.
    pub full_range: Option<[f32; 2]>,
    /// Voxels `[S, C, H, W]` that the scanner filled without measuring (DICOM's pixel padding): they are black and
    /// count in no percentile. Empty: none.
    pub padding: Vec<bool>,
}

impl Volume {
    /// Voxels without padding and without a natural range; `values` are `[S, C, H, W]`.
    pub fn new([slices, channels, height, width]: [usize; 4], values: Vec<f32>) -> Self {
        Self { slices, channels, height, width, values, full_range: None, padding: vec![] }
    }

    /// Slices, channels, rows, columns.
    pub fn shape(&self) -> [usize; 4] {
        [self.slices, self.channels, self.height, self.width]
    }

    /// First 16 hexadecimal digits of the SHA-256 of each slice's values, whatever file held them: equal pictures have
    /// equal digests. Of a slice without any contrast an empty text: all black ones are alike and tell nothing.
    pub fn slice_digests(&self) -> Vec<String> {
        (0..self.slices).map(|slice| self.slice_digest(slice)).collect()
    }

    fn slice_digest(&self, slice: usize) -> String {
        let mut planes: Vec<&[f32]> = (0..self.channels).map(|c| self.plane(slice, c)).collect();
        // Grey stored as colour is the same picture.
        if planes.iter().skip(1).all(|plane| *plane == planes[0]) {
            planes.truncate(1);
        }
        if planes.iter().all(|plane| plane.iter().all(|value| value == &plane[0])) {
            return String::new();
        }
        let mut bytes = format!("{}x{}x{}:", planes.len(), self.height, self.width).into_bytes();
        let mut start = bytes.len();
        bytes.resize(start + planes.iter().map(|plane| 4 * plane.len()).sum::<usize>(), 0);
        // By planes and fours: one byte after the other was a fifth of what preparing takes.
        for plane in planes {
            for (four, value) in bytes[start..].chunks_exact_mut(4).zip(plane) {
                // -0 and 0 are one value.
                four.copy_from_slice(&(value + 0.0).to_le_bytes());
            }
            start += 4 * plane.len();
        }
        digest::of_bytes(&bytes)[..16].to_owned()
    }

    /// Whether pixels `[H, W]` of one plane are padding; empty: none is.
    pub fn padded(&self, slice: usize, channel: usize) -> &[bool] {
        let pixels = self.height * self.width;
        let start = (slice * self.channels + channel) * pixels;
        self.padding.get(start..start + pixels).unwrap_or(&[])
    }

    /// Its channels and those of `other`, of the same S, H and W. The full range stays where the two have the same: one
    /// volume has one black and one white.
    #[must_use]
    pub fn with_channels(&self, other: &Self) -> Self {
        // Every field is named: one that is added has to be thought of here.
        let Self { slices, channels, height, width, values, full_range, padding } = self;
        let padding = if padding.is_empty() && other.padding.is_empty() {
            vec![]
        } else {
            join(*slices, &self.whole_padding(), &other.whole_padding())
        };
        Self {
            slices: *slices,
            channels: channels + other.channels,
            height: *height,
            width: *width,
            values: join(*slices, values, &other.values),
            full_range: full_range.filter(|range| other.full_range == Some(*range)),
            padding,
        }
    }

    /// Some of its channels, in this order.
    ///
    /// # Panics
    /// When one is not there.
    #[must_use]
    pub fn selected(&self, chosen: &[usize]) -> Self {
        // Every field is named: one that is added has to be thought of here.
        let Self { slices, channels: _, height, width, values: _, full_range, padding } = self;
        let planes = || (0..*slices).flat_map(|slice| chosen.iter().map(move |c| (slice, *c)));
        let values = planes().flat_map(|(slice, c)| self.plane(slice, c)).copied().collect();
        let padding = if padding.is_empty() {
            vec![]
        } else {
            planes().flat_map(|(slice, c)| self.padded(slice, c)).copied().collect()
        };
        Self {
            slices: *slices,
            channels: chosen.len(),
            height: *height,
            width: *width,
            values,
            full_range: *full_range,
            padding,
        }
    }

    /// Values of one channel that are no padding, in order.
    pub fn measured_of(&self, channel: usize) -> Vec<f32> {
        let of_slice = |slice| {
            let padded = self.padded(slice, channel);
            let measured = move |i: &usize| !padded.get(*i).copied().unwrap_or(false);
            let plane = self.plane(slice, channel);
            (0..plane.len()).filter(measured).map(|i| plane[i])
        };
        (0..self.slices).flat_map(of_slice).collect()
    }

    /// Padding of every voxel, also where none is padded.
    fn whole_padding(&self) -> Cow<'_, [bool]> {
        if self.padding.is_empty() {
            vec![false; self.values.len()].into()
        } else {
            (&self.padding[..]).into()
        }
    }

    /// Its voxels in the order of another grid, channel by channel.
    ///
    /// # Panics
    /// When the alignment is of another number of voxels.
    #[must_use]
    pub fn reordered(&self, alignment: &Alignment) -> Self {
        // Every field is named: one that is added has to be thought of here.
        let Self { slices: _, channels, height: rows, width: columns, values, full_range, padding } =
            self;
        let planes = [*channels, rows * columns];
        let [width, height, slices] = alignment.size();
        Self {
            slices,
            channels: *channels,
            height,
            width,
            values: in_order(alignment, planes, values),
            full_range: *full_range,
            padding: in_order(alignment, planes, padding),
        }
    }

    /// Values of all voxels that are no padding, in order.
    pub fn measured(&self) -> Vec<f32> {
        if self.padding.is_empty() {
            return self.values.clone();
        }
        let measured = self.values.iter().zip(&self.padding).filter(|(_, padded)| !**padded);
        measured.map(|(value, _)| *value).collect()
    }

    /// Values of one plane `[H, W]`.
    pub fn plane(&self, slice: usize, channel: usize) -> &[f32] {
        let pixels = self.height * self.width;
        let start = (slice * self.channels + channel) * pixels;
        &self.values[start..start + pixels]
    }
}

/// One entry per voxel of two volumes `[S, C, H, W]`, slice by slice.
fn join<T: Copy>(slices: usize, here: &[T], there: &[T]) -> Vec<T> {
    let size = |all: &[T]| (all.len() / slices.max(1)).max(1);
    let pairs = here.chunks_exact(size(here)).zip(there.chunks_exact(size(there)));
    pairs.flat_map(|(here, there)| here.iter().chain(there)).copied().collect()
}

/// One entry per voxel `[S, C, H, W]` of planes of so many `pixels` in the order of another grid; none where there are
/// none.
fn in_order<T: Copy>(
    alignment: &Alignment,
    [channels, pixels]: [usize; 2],
    voxels: &[T],
) -> Vec<T> {
    if voxels.is_empty() {
        return vec![];
    }
    let moved: Vec<Vec<T>> = (0..channels)
        .map(|c| {
            let whole = voxels.chunks_exact(pixels).skip(c).step_by(channels).flatten();
            alignment.apply(&whole.copied().collect::<Vec<_>>())
        })
        .collect();
    let [width, height, slices] = alignment.size();
    let plane = |slice: usize| slice * height * width..(slice + 1) * height * width;
    (0..slices).flat_map(|slice| moved.iter().flat_map(move |c| c[plane(slice)].to_vec())).collect()
}

#[cfg(test)]
mod tests;
