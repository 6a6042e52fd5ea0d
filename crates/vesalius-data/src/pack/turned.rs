//! Slices across the planes of volumes: rows and columns of voxels lie scattered in the file, and are gathered once.

use super::manifest::Manifest;
use super::reader::{Pack, PackError, Slice};

/// The axis that slices are cut across: `slices`, `slices-y`, `slices-x`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// Planes `[H, W]`, as they lie in the file.
    Z,
    /// One of each row of the planes: `[D, W]`.
    Y,
    /// One of each column: `[D, H]`.
    X,
}

impl Axis {
    /// Of a voxel's sides or a volume's extent `[D, H, W]`: the one cut across, then those of a slice.
    pub fn order<T: Copy>(self, [depth, height, width]: [T; 3]) -> [T; 3] {
        match self {
            Self::Z => [depth, height, width],
            Self::Y => [height, depth, width],
            Self::X => [width, depth, height],
        }
    }
}

/// Slices in memory: pixels `[C, A, B]` and labels `[A, B]` of each.
#[derive(Debug)]
pub(super) struct Turned {
    pixels: Vec<u8>,
    labels: Vec<u8>,
    /// Bytes of one slice: pixels, labels.
    bytes: [usize; 2],
}

impl Turned {
    /// Every slice across an axis, volume by volume.
    ///
    /// # Errors
    /// When a volume was damaged.
    pub fn of(pack: &Pack, axis: Axis) -> Result<Self, PackError> {
        let shape = pack.slice_shape();
        let [count, rows, columns] = axis.order([shape.planes, shape.height, shape.width]);
        let depth = shape.pixel_type.bytes();
        let bytes = [shape.channels * rows * columns * depth, rows * columns];
        let all = pack.len() * count;
        let mut pixels = Vec::with_capacity(all * bytes[0]);
        let mut labels = Vec::with_capacity(all * bytes[1]);
        let area = shape.height * shape.width;
        for volume in 0..pack.len() {
            let Slice { pixels: from, labels: classes } = pack.slice(volume)?;
            for at in 0..count {
                // Where a voxel of this slice lies in its plane, and in which.
                let voxel = |row: usize, column: usize| match axis {
                    Axis::Z => (at, row * shape.width + column),
                    Axis::Y => (row, at * shape.width + column),
                    Axis::X => (row, column * shape.width + at),
                };
                let places =
                    || (0..rows).flat_map(move |row| (0..columns).map(move |column| (row, column)));
                for channel in 0..shape.channels {
                    for (plane, in_plane) in places().map(|(row, column)| voxel(row, column)) {
                        let start = ((plane * shape.channels + channel) * area + in_plane) * depth;
                        pixels.extend_from_slice(&from[start..start + depth]);
                    }
                }
                labels.extend(places().map(|(row, column)| {
                    let (plane, in_plane) = voxel(row, column);
                    classes[plane * area + in_plane]
                }));
            }
        }
        Ok(Self { pixels, labels, bytes })
    }

    /// One slice.
    pub fn slice(&self, i: usize) -> Slice<'_> {
        let [pixels, labels] = self.bytes;
        Slice {
            pixels: &self.pixels[i * pixels..(i + 1) * pixels],
            labels: &self.labels[i * labels..(i + 1) * labels],
        }
    }
}

impl Manifest {
    /// Turns the sides of slices and voxels: what lies on the grid of the scans no longer does.
    pub(super) fn turn(&mut self, axis: Axis) {
        let shape = &mut self.slice_shape;
        [shape.planes, shape.height, shape.width] =
            axis.order([shape.planes, shape.height, shape.width]);
        for case in self.cases.iter_mut().filter(|_| axis != Axis::Z) {
            case.source_grid = None;
            let sides = case.spacing_mm.zip(case.between_mm);
            let turned = sides.map(|([row, column], plane)| axis.order([plane, row, column]));
            (case.spacing_mm, case.between_mm) =
                turned.map(|[between, row, column]| ([row, column], between)).unzip();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::PackWriter;
    use crate::pack::manifest::{
        CaseRecord, PixelType, Provenance, SliceRecord, SliceShape, Split,
    };
    use std::path::Path;

    /// Two volumes of 2x3x4 voxels with two channels of 16 bits: a pixel says volume, channel, z, y, x.
    fn write(target: &Path) {
        let shape =
            SliceShape { channels: 2, planes: 2, height: 3, width: 4, pixel_type: PixelType::U16 };
        let mut writer = PackWriter::create(target, shape).unwrap();
        for volume in 0..2_u16 {
            let mut pixels = vec![];
            let mut labels = vec![];
            for z in 0..2 {
                for channel in 0..2 {
                    for place in 0..12 {
                        let value = value(volume, channel, z, place / 4, place % 4);
                        pixels.extend(value.to_le_bytes());
                    }
                }
                labels.extend((0..12).map(|place| ((z + place / 4 + place % 4) % 5) as u8));
            }
            let record = SliceRecord { case: usize::from(volume), position: 0 };
            writer.push(&pixels, &labels, record).unwrap();
        }
        let case = |i: usize| {
            CaseRecord::new(format!("c{i}"), format!("p{i}"), Split::Train).spaced([9.0, 2.0, 1.0])
        };
        let classes = (0..5).map(|class| format!("class {class}")).collect();
        let manifest = Manifest::new("test", classes, shape, Provenance::real("folder", "seed 1"));
        writer.finish(Manifest { cases: (0..2).map(case).collect(), ..manifest }).unwrap();
    }

    fn value(volume: u16, channel: u16, z: u16, y: u16, x: u16) -> u16 {
        volume * 10_000 + channel * 1000 + z * 100 + y * 10 + x
    }

    #[test]
    fn slices_across_rows_and_columns_hold_the_voxels_that_lie_there() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        write(&path);
        let values = |pixels: &[u8]| -> Vec<u16> {
            pixels.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()
        };
        let rows = Pack::open(&path.join("slices-y")).unwrap();
        assert_eq!((rows.len(), rows.slice_shape().size()), (6, "2x4".to_owned()));
        // The second volume's third row: z by x, both channels.
        let slice = rows.slice(5).unwrap();
        let expected: Vec<u16> = (0..2)
            .flat_map(|channel| (0..8).map(move |at| value(1, channel, at / 4, 2, at % 4)))
            .collect();
        assert_eq!(values(slice.pixels), expected);
        assert_eq!(slice.labels, [2, 3, 4, 0, 3, 4, 0, 1]);
        assert_eq!(rows.manifest().slices[5], SliceRecord { case: 1, position: 2 });
        assert_eq!(rows.manifest().spacing_mm(), [2.0, 9.0, 1.0]);

        let columns = Pack::open(&path.join("slices-x")).unwrap();
        assert_eq!((columns.len(), columns.slice_shape().size()), (8, "2x3".to_owned()));
        let slice = columns.slice(3).unwrap();
        let expected: Vec<u16> = (0..2)
            .flat_map(|channel| (0..6).map(move |at| value(0, channel, at / 3, at % 3, 3)))
            .collect();
        assert_eq!(values(slice.pixels), expected);
        assert_eq!(columns.manifest().spacing_mm(), [1.0, 9.0, 2.0]);
        assert_ne!(columns.digest(), rows.digest());
    }

    #[test]
    fn every_second_slice_is_one_of_two_and_knows_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pack");
        write(&path);
        for (name, positions, all) in [
            ("slices-2", vec![1, 1], "slices"),
            ("slices-x-2", vec![1, 3, 1, 3], "slices-x"),
            ("slices-x-3", vec![1, 1], "slices-x"),
            ("patients-1/slices-y-2", vec![1], "patients-1/slices-y"),
        ] {
            let some = Pack::open(&path.join(name)).unwrap();
            let found: Vec<usize> =
                some.manifest().slices.iter().map(|slice| slice.position).collect();
            assert_eq!(found, positions, "{name}");
            let all = Pack::open(&path.join(all)).unwrap();
            let own = &some.manifest().slices[0];
            let same = (0..all.len()).find(|&i| {
                let slice = &all.manifest().slices[i];
                (all.manifest().case(i).id.as_str(), slice.position)
                    == (some.manifest().case(0).id.as_str(), own.position)
            });
            let (a, b) = (some.slice(0).unwrap(), all.slice(same.unwrap()).unwrap());
            assert_eq!((a.pixels, a.labels), (b.pixels, b.labels), "{name}");
        }
        for (name, parts) in [
            ("slices-3", "every 3rd of 2 planes, expected at most 2"),
            ("slices-x-9", "every 9th of 4 columns, expected at most 4"),
            ("slices-y/slices", "slices already"),
        ] {
            let error = Pack::open(&path.join(name)).unwrap_err().to_string();
            assert!(error.contains(parts), "{error}");
        }
        for wrong in ["slices-1", "slices-0", "slices-z", "slices-y-1", "slices-w"] {
            assert!(Pack::open(&path.join(wrong)).is_err(), "{wrong}");
        }
    }
}
