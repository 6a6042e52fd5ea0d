//! NIfTI-1 files (`.nii`, `.nii.gz`): the `nifti` crate parses the header, sizes are checked before anything is
//! allocated, and scaling is applied.
//!
//! Axes: NIfTI stores x fastest, so a volume of x × y × z becomes z slices of y rows and x columns, the order in
//! which SimpleITK and nnU-Net see it. A fourth axis is read as channels.

mod write;

pub use write::{write_i16, write_labels, write_u8, write_u16};

use super::voxels::{Element, drain, inflate, volume_bytes};
use crate::volume::geometry::Geometry;
use crate::volume::{Labels, Volume};
use anyhow::{Context, Result, bail};
use nifti::{NiftiHeader, NiftiType};
use std::path::Path;

/// Voxels of one file.
#[derive(Debug)]
pub struct NiftiImage {
    /// Channels, slices, rows, columns.
    pub shape: [usize; 4],
    /// Values `[C, S, H, W]`, scaled.
    pub values: Vec<f32>,
    /// Row and column spacing in mm.
    pub spacing_mm: Option<[f64; 2]>,
    /// Where the voxels lie; `None` where neither `sform_code` nor `qform_code` says.
    pub geometry: Option<Geometry>,
}

impl NiftiImage {
    /// As a volume: `[C, S, H, W]` becomes `[S, C, H, W]`.
    pub fn into_volume(self) -> Volume {
        let [channels, slices, height, width] = self.shape;
        let pixels = height * width;
        let values = if channels == 1 {
            self.values
        } else {
            (0..slices * channels)
                .flat_map(|i| {
                    let (slice, channel) = (i / channels, i % channels);
                    let start = (channel * slices + slice) * pixels;
                    self.values[start..start + pixels].iter().copied()
                })
                .collect()
        };
        Volume::new([slices, channels, height, width], values)
    }

    /// As labels.
    ///
    /// # Errors
    /// Several channels, or values that are not labels.
    pub fn labels(&self) -> Result<Labels> {
        let [channels, slices, height, width] = self.shape;
        if channels != 1 {
            bail!("{channels} volumes in one mask, expected 1");
        }
        Labels::from_values([slices, height, width], &self.values)
    }
}

/// Header bytes, with the four that say whether extensions follow.
const HEADER_BYTES: usize = 352;

/// The name of a NIfTI file without `.nii` or `.nii.gz` in whatever case; `None` of another file.
pub fn nifti_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let bare = lower.strip_suffix(".gz").unwrap_or(&lower).strip_suffix(".nii")?;
    Some(name[..bare.len()].to_owned())
}

/// Parses a whole file, compressed or not.
///
/// # Errors
/// Not NIfTI-1, compressed data cut short, an element type that is not a plain number, a header that lies about its
/// size.
pub fn parse(file: &[u8]) -> Result<NiftiImage> {
    if file.starts_with(&[0x1f, 0x8b]) {
        let gzip = || flate2::read::MultiGzDecoder::new(file);
        let head = inflate(gzip(), HEADER_BYTES)?;
        let bytes = Header::of(&head)?.file_bytes()?;
        let mut stream = gzip();
        let plain = inflate(&mut stream, bytes)?;
        // Only the end holds the checksum of what came before.
        drain(stream)?;
        parse_plain(&plain)
    } else {
        parse_plain(file)
    }
}

/// What the header says.
struct Header {
    shape: [usize; 4],
    element: Element,
    big_endian: bool,
    offset: usize,
    slope: f32,
    intercept: f32,
    spacing_mm: Option<[f64; 2]>,
    geometry: Option<Geometry>,
}

impl Header {
    fn of(head: &[u8]) -> Result<Self> {
        if head.len() < 348 {
            bail!("{} bytes, expected a NIfTI-1 header of 348", head.len());
        }
        refuse_others(head)?;
        let header = NiftiHeader::from_reader(head).context("not a NIfTI-1 header")?;
        if header.magic != *b"n+1\0" {
            bail!("magic {:?}, expected n+1: header and voxels in one file", header.magic);
        }
        let rank = usize::from(header.dim[0]);
        if !(2..=7).contains(&rank) {
            bail!("{rank} dimensions, expected 2 to 4");
        }
        let extent = |axis: usize| if axis <= rank { usize::from(header.dim[axis]) } else { 1 };
        if (5..=rank).any(|axis| extent(axis) > 1) {
            bail!("{rank} dimensions, expected 2 to 4");
        }
        let element = match header.data_type().context("NIfTI data type")? {
            NiftiType::Int8 => Element::I8,
            NiftiType::Uint8 => Element::U8,
            NiftiType::Int16 => Element::I16,
            NiftiType::Uint16 => Element::U16,
            NiftiType::Int32 => Element::I32,
            NiftiType::Uint32 => Element::U32,
            NiftiType::Int64 => Element::I64,
            NiftiType::Uint64 => Element::U64,
            NiftiType::Float32 => Element::F32,
            NiftiType::Float64 => Element::F64,
            other => bail!("data type {other:?}, expected integers or floats"),
        };
        if !(348.0..=1e9).contains(&header.vox_offset) {
            bail!("voxels at byte {}, expected 352 or a little more", header.vox_offset);
        }
        // The lowest three bits of xyzt_units: 1 metre, 2 millimetre, 3 micrometre.
        let unit_mm = match header.xyzt_units & 7 {
            1 => 1000.0,
            3 => 0.001,
            _ => 1.0,
        };
        let spacing = [header.pixdim[2], header.pixdim[1]].map(|s| f64::from(s.abs()) * unit_mm);
        // A slope of 0 means "not scaled".
        let scaled =
            header.scl_slope != 0.0 && header.scl_slope.is_finite() && header.scl_inter.is_finite();
        Ok(Self {
            shape: [extent(4), extent(3), extent(2), extent(1)],
            element,
            big_endian: header.endianness != nifti::Endianness::Little,
            offset: header.vox_offset as usize,
            slope: if scaled { header.scl_slope } else { 1.0 },
            intercept: if scaled { header.scl_inter } else { 0.0 },
            spacing_mm: spacing.iter().all(|s| s.is_finite() && *s > 0.0).then_some(spacing),
            geometry: geometry(&header, [extent(1), extent(2), extent(3)], unit_mm),
        })
    }

    fn file_bytes(&self) -> Result<usize> {
        volume_bytes(&self.shape, self.element)?.checked_add(self.offset).context("size overflows")
    }
}

/// NIfTI-2 and pairs of files by their own names: the crate's words for them are "invalid".
fn refuse_others(head: &[u8]) -> Result<()> {
    let size: [u8; 4] = head[..4].try_into().expect("four bytes");
    if [i32::from_le_bytes(size), i32::from_be_bytes(size)].contains(&540) {
        bail!(
            "a NIfTI-2 file, expected NIfTI-1; `nib.Nifti1Image.from_image` of nibabel converts it"
        );
    }
    if &head[344..347] == b"ni1" {
        bail!("a header without its voxels (.hdr with .img), expected both in one .nii or .nii.gz");
    }
    Ok(())
}

/// The affine that SimpleITK takes: the sform of a scanner, else the qform, else the sform.
fn geometry(header: &NiftiHeader, size: [usize; 3], unit_mm: f64) -> Option<Geometry> {
    const SCANNER: i16 = 1;
    let [sform, qform] = [header.sform_code, header.qform_code];
    let affine = if sform == SCANNER || (qform <= 0 && sform > 0) {
        [header.srow_x, header.srow_y, header.srow_z].map(|row| row.map(f64::from))
    } else if qform > 0 {
        qform_affine(header)
    } else {
        return None;
    };
    Geometry::from_ras(size, affine.map(|row| row.map(|value| value * unit_mm)))
}

/// Rotation by the quaternion, spacing, and the sign of the third axis in `pixdim[0]` (`nifti1_io.c`,
/// `nifti_quatern_to_mat44`).
fn qform_affine(header: &NiftiHeader) -> [[f64; 4]; 3] {
    let [b, c, d] = [header.quatern_b, header.quatern_c, header.quatern_d].map(f64::from);
    let rest = 1.0 - (b * b + c * c + d * d);
    // A half turn has no real part left; rounding must not make it imaginary.
    let (a, b, c, d) = if rest < 1e-7 {
        let scale = 1.0 / (b * b + c * c + d * d).sqrt();
        (0.0, b * scale, c * scale, d * scale)
    } else {
        (rest.sqrt(), b, c, d)
    };
    let length = |axis: usize| {
        let length = f64::from(header.pixdim[axis].abs());
        if length > 0.0 { length } else { 1.0 }
    };
    let handed = if header.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let [x, y, z] = [length(1), length(2), length(3) * handed];
    let offset = [header.quatern_x, header.quatern_y, header.quatern_z].map(f64::from);
    let rotation = [
        [a * a + b * b - c * c - d * d, 2.0 * (b * c - a * d), 2.0 * (b * d + a * c)],
        [2.0 * (b * c + a * d), a * a + c * c - b * b - d * d, 2.0 * (c * d - a * b)],
        [2.0 * (b * d - a * c), 2.0 * (c * d + a * b), a * a + d * d - c * c - b * b],
    ];
    std::array::from_fn(|i| {
        let [right, front, head] = rotation[i];
        [right * x, front * y, head * z, offset[i]]
    })
}

fn parse_plain(file: &[u8]) -> Result<NiftiImage> {
    let layout = Header::of(file)?;
    let needed = layout.file_bytes()?;
    if file.len() < needed {
        bail!(
            "{} bytes of voxels, expected {} for {:?} {:?}: truncated, or its header lies",
            file.len().saturating_sub(layout.offset),
            needed - layout.offset,
            layout.shape,
            layout.element
        );
    }
    let mut values = layout.element.decode(&file[layout.offset..needed], layout.big_endian);
    if layout.slope != 1.0 || layout.intercept != 0.0 {
        for value in &mut values {
            *value = *value * layout.slope + layout.intercept;
        }
    }
    let Header { shape, spacing_mm, geometry, .. } = layout;
    Ok(NiftiImage { shape, values, spacing_mm, geometry })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(shape: [usize; 3], gz: bool) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(if gz { "a.nii.gz" } else { "a.nii" });
        let voxels = (0..shape.iter().product::<usize>()).map(|i| i as i16 - 3).collect();
        write_i16(&path, shape, voxels, [5.0, 1.5, 0.75]).unwrap();
        std::fs::read(path).unwrap()
    }

    #[test]
    fn what_was_written_is_read_back_in_order_with_its_spacing() {
        for gz in [false, true] {
            let image = parse(&written([2, 3, 4], gz)).unwrap();
            assert_eq!(image.shape, [1, 2, 3, 4]);
            assert_eq!(image.values, (0..24).map(|i| i as f32 - 3.0).collect::<Vec<_>>());
            assert_eq!(image.spacing_mm, Some([1.5, 0.75]));
        }
    }

    #[test]
    fn scaling_is_applied_and_a_slope_of_zero_means_none() {
        let mut file = written([1, 1, 2], false);
        file[112..116].copy_from_slice(&2.0_f32.to_le_bytes());
        file[116..120].copy_from_slice(&10.0_f32.to_le_bytes());
        assert_eq!(parse(&file).unwrap().values, [4.0, 6.0]);
        file[112..116].copy_from_slice(&0.0_f32.to_le_bytes());
        assert_eq!(parse(&file).unwrap().values, [-3.0, -2.0]);
    }

    proptest! {
        #[test]
        fn any_bytes_end_in_an_image_or_an_error(bytes: Vec<u8>) {
            let _ = parse(&bytes);
        }

        #[test]
        fn a_damaged_header_ends_in_an_image_or_an_error(at in 0..352_usize, value: u8, gz: bool) {
            let mut file = written([2, 2, 2], false);
            file[at] = value;
            if gz {
                use std::io::Write as _;
                let level = flate2::Compression::fast();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), level);
                encoder.write_all(&file).unwrap();
                file = encoder.finish().unwrap();
            }
            if let Ok(image) = parse(&file) {
                prop_assert_eq!(image.values.len(), image.shape.iter().product::<usize>());
            }
        }
    }
}
