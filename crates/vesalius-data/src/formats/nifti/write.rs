//! NIfTI-1 files are written by the `nifti` crate; where voxels lie is ours to say.

use crate::volume::Labels;
use crate::volume::geometry::Geometry;
use anyhow::{Context as _, Result, bail};
use bytemuck::Pod;
use ndarray::{Array3, ShapeBuilder as _};
use nifti::writer::WriterOptions;
use nifti::{DataElement, NiftiHeader};
use std::path::Path;

/// Writes 16-bit integers `[S, H, W]` as `.nii` or `.nii.gz`; `spacing_mm` of slice, row and column.
///
/// # Errors
/// When the file cannot be written.
pub fn write_i16(
    path: &Path,
    shape: [usize; 3],
    voxels: Vec<i16>,
    spacing_mm: [f64; 3],
) -> Result<()> {
    write(path, shape, voxels, spacing_mm)
}

/// Writes 8-bit integers likewise.
///
/// # Errors
/// When the file cannot be written.
pub fn write_u8(
    path: &Path,
    shape: [usize; 3],
    voxels: Vec<u8>,
    spacing_mm: [f64; 3],
) -> Result<()> {
    write(path, shape, voxels, spacing_mm)
}

/// Writes unsigned 16-bit integers likewise.
///
/// # Errors
/// When the file cannot be written.
pub fn write_u16(
    path: &Path,
    shape: [usize; 3],
    voxels: Vec<u16>,
    spacing_mm: [f64; 3],
) -> Result<()> {
    write(path, shape, voxels, spacing_mm)
}

/// Writes a label map that lies where `geometry` says; without one, as voxels of 1 mm.
///
/// # Errors
/// When the file cannot be written, or the geometry is of another grid.
pub fn write_labels(path: &Path, labels: &Labels, geometry: Option<&Geometry>) -> Result<()> {
    let shape = [labels.slices, labels.height, labels.width];
    let Some(geometry) = geometry else {
        return write_u8(path, shape, labels.values.clone(), [1.0; 3]);
    };
    let [columns, rows, slices] = geometry.size;
    if [slices, rows, columns] != shape {
        bail!("{}: labels of {shape:?}, expected {geometry}", path.display());
    }
    put(path, shape, labels.values.clone(), placed(geometry))
}

fn write<T: DataElement + Pod>(
    path: &Path,
    [slices, height, width]: [usize; 3],
    voxels: Vec<T>,
    spacing_mm: [f64; 3],
) -> Result<()> {
    let [z, y, x] = spacing_mm.map(|s| s as f32);
    let header = NiftiHeader {
        pixdim: [1.0, x, y, z, 1.0, 1.0, 1.0, 1.0],
        xyzt_units: 2, // millimetres
        qform_code: 1, // scanner: identity rotation
        sform_code: 1,
        srow_x: [x, 0.0, 0.0, 0.0],
        srow_y: [0.0, y, 0.0, 0.0],
        srow_z: [0.0, 0.0, z, 0.0],
        ..NiftiHeader::default()
    };
    put(path, [slices, height, width], voxels, header)
}

fn put<T: DataElement + Pod>(
    path: &Path,
    [slices, height, width]: [usize; 3],
    voxels: Vec<T>,
    header: NiftiHeader,
) -> Result<()> {
    // Rows of slices, column fastest, are NIfTI's own order with x = column, y = row, z = slice.
    let volume = Array3::from_shape_vec((width, height, slices).f(), voxels)
        .context("voxels of another number than the shape")?;
    WriterOptions::new(path)
        .reference_header(&header)
        .write_nifti(&volume)
        .with_context(|| format!("{}: cannot be written", path.display()))
}

/// A header that says where voxels lie, as sform and, where the axes are at right angles, as qform.
fn placed(geometry: &Geometry) -> NiftiHeader {
    // LPS to RAS.
    const SIGNS: [f64; 3] = [-1.0, -1.0, 1.0];
    let spacing = geometry.spacing_mm();
    let row = |i: usize| {
        let [x, y, z] = geometry.steps_mm.map(|step| (SIGNS[i] * step[i]) as f32);
        [x, y, z, (SIGNS[i] * geometry.origin_mm[i]) as f32]
    };
    let [x, y, z] = spacing.map(|mm| mm as f32);
    let header = NiftiHeader {
        pixdim: [1.0, x, y, z, 1.0, 1.0, 1.0, 1.0],
        xyzt_units: 2, // millimetres
        qform_code: 0,
        sform_code: 1, // scanner
        srow_x: row(0),
        srow_y: row(1),
        srow_z: row(2),
        ..NiftiHeader::default()
    };
    // Column j: where one step along axis j leads, of length 1.
    let units: [[f64; 3]; 3] = std::array::from_fn(|axis| {
        std::array::from_fn(|i| SIGNS[i] * geometry.steps_mm[axis][i] / spacing[axis])
    });
    let Some((handed, [b, c, d])) = quaternion(units) else { return header };
    let [offset_x, offset_y, offset_z] = [0, 1, 2].map(|i| row(i)[3]);
    NiftiHeader {
        pixdim: [handed, x, y, z, 1.0, 1.0, 1.0, 1.0],
        qform_code: 1,
        quatern_b: b as f32,
        quatern_c: c as f32,
        quatern_d: d as f32,
        quatern_x: offset_x,
        quatern_y: offset_y,
        quatern_z: offset_z,
        ..header
    }
}

/// Three axes of length 1 as a rotation, b, c and d of its quaternion, and -1 where the third runs against it
/// (`nifti1_io.c`, `nifti_mat44_to_quatern`). `None` where they are not at right angles: no rotation says them.
fn quaternion([x, y, z]: [[f64; 3]; 3]) -> Option<(f32, [f64; 3])> {
    const TOLERANCE: f64 = 1e-5;
    let dot = |a: [f64; 3], b: [f64; 3]| a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
    if [dot(x, y), dot(y, z), dot(z, x)].iter().any(|cosine| cosine.abs() > TOLERANCE) {
        return None;
    }
    let cross = [x[1] * y[2] - x[2] * y[1], x[2] * y[0] - x[0] * y[2], x[0] * y[1] - x[1] * y[0]];
    let handed = if dot(cross, z) < 0.0 { -1.0 } else { 1.0 };
    let z = z.map(|value| value * handed);
    let real = 1.0 + x[0] + y[1] + z[2];
    let turned = if real > 0.5 {
        let twice = 2.0 * real.sqrt();
        [(y[2] - z[1]) / twice, (z[0] - x[2]) / twice, (x[1] - y[0]) / twice]
    } else {
        // About half a turn: the largest of b, c and d is found first.
        let [along_x, along_y, along_z] =
            [1.0 + x[0] - y[1] - z[2], 1.0 + y[1] - x[0] - z[2], 1.0 + z[2] - x[0] - y[1]];
        let (b, c, d, a);
        if along_x >= along_y && along_x >= along_z {
            b = 0.5 * along_x.sqrt();
            c = 0.25 * (y[0] + x[1]) / b;
            d = 0.25 * (z[0] + x[2]) / b;
            a = 0.25 * (y[2] - z[1]) / b;
        } else if along_y >= along_z {
            c = 0.5 * along_y.sqrt();
            b = 0.25 * (y[0] + x[1]) / c;
            d = 0.25 * (z[1] + y[2]) / c;
            a = 0.25 * (z[0] - x[2]) / c;
        } else {
            d = 0.5 * along_z.sqrt();
            b = 0.25 * (z[0] + x[2]) / d;
            c = 0.25 * (z[1] + y[2]) / d;
            a = 0.25 * (x[1] - y[0]) / d;
        }
        // The real part is never negative: it is not stored.
        if a < 0.0 { [-b, -c, -d] } else { [b, c, d] }
    };
    Some((handed as f32, turned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::nifti::parse;
    use proptest::prelude::*;

    fn rotated([a, b, c]: [f64; 3], handed: f64) -> Geometry {
        // Rz(a) Ry(b) Rx(c), columns scaled.
        let (sa, ca, sb, cb, sc, cc) = (a.sin(), a.cos(), b.sin(), b.cos(), c.sin(), c.cos());
        let columns = [
            [ca * cb, sa * cb, -sb],
            [ca * sb * sc - sa * cc, sa * sb * sc + ca * cc, cb * sc],
            [ca * sb * cc + sa * sc, sa * sb * cc - ca * sc, cb * cc],
        ];
        let lengths = [0.7, 1.4, 8.0 * handed];
        let steps_mm = std::array::from_fn(|j| columns[j].map(|v| v * lengths[j]));
        Geometry { size: [3, 2, 2], origin_mm: [-12.5, 40.25, 7.0], steps_mm }
    }

    fn close(a: &Geometry, b: &Geometry, mm: f64) -> bool {
        let all = |g: &Geometry| -> Vec<f64> {
            g.steps_mm.iter().flatten().chain(&g.origin_mm).copied().collect()
        };
        a.size == b.size && all(a).iter().zip(all(b)).all(|(a, b)| (a - b).abs() < mm)
    }

    fn round_trip(geometry: &Geometry) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nii");
        let values: Vec<u8> = (0..12).map(|i| i % 4).collect();
        let labels = Labels { slices: 2, height: 2, width: 3, values };
        write_labels(&path, &labels, Some(geometry)).unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let read = parse(&bytes).unwrap();
        assert!(close(&read.geometry.unwrap(), geometry, 1e-5), "{geometry}");
        assert_eq!(read.labels().unwrap(), labels);
        // The quaternion says the same, as well as three f32 can: about half a turn to 3e-4.
        assert_eq!(placed(geometry).qform_code, 1);
        bytes[254..256].fill(0); // sform_code
        let of_qform = parse(&bytes).unwrap().geometry.unwrap();
        assert!(close(&of_qform, geometry, 0.01), "{geometry}: {of_qform}");
    }

    proptest! {
        #[test]
        fn label_maps_lie_where_they_are_said_to(
            a in -3.2..3.2_f64, b in -1.6..1.6_f64, c in -3.2..3.2_f64, left: bool
        ) {
            round_trip(&rotated([a, b, c], if left { -1.0 } else { 1.0 }));
        }
    }

    #[test]
    fn half_turns_too_and_oblique_axes_without_a_quaternion() {
        let pi = std::f64::consts::PI;
        for angles in [[pi, 0.0, 0.0], [0.0, 0.0, pi], [pi, 0.0, pi], [0.0; 3], [pi / 2.0; 3]] {
            round_trip(&rotated(angles, 1.0));
            round_trip(&rotated(angles, -1.0));
        }
        let mut sheared = rotated([0.1, 0.2, 0.3], 1.0);
        sheared.steps_mm[1][0] += 0.4;
        assert_eq!(placed(&sheared).qform_code, 0);
    }
}
