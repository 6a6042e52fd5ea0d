//! NIfTI files, version 1 and 2: `.nii`, `.hdr` with `.img`, each plain, `.gz` or `.zst`. Sizes are checked before
//! anything is allocated, and scaling is applied.
//!
//! Axes: NIfTI stores x fastest, so a volume of x × y × z becomes z slices of y rows and x columns, the order in
//! which SimpleITK and nnU-Net see it. A fourth axis is read as channels.

mod header;
mod write;

pub use write::{write_i16, write_labels, write_u8, write_u16};

use super::contents::VolumeFile;
use super::voxels::{drain, inflate};
use crate::volume::{Reader, Volume};
use anyhow::{Context, Result, bail};
use header::Header;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Compressions of whole files, by what their names end with.
const COMPRESSED: [&str; 2] = [".gz", ".zst"];

/// The name of a NIfTI file without `.nii` or `.hdr` and what compresses it, in whatever case; `None` of another file.
pub fn nifti_name(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let lower = name.to_ascii_lowercase();
    let bare = COMPRESSED.iter().find_map(|ending| lower.strip_suffix(ending)).unwrap_or(&lower);
    let bare = bare.strip_suffix(".nii").or_else(|| bare.strip_suffix(".hdr"))?;
    Some(name[..bare.len()].to_owned())
}

/// Whether a file begins as NIfTI does, plain or compressed: nothing else of ours is compressed as a whole.
pub(super) fn is_nifti(bytes: &[u8]) -> bool {
    let magic = |at: usize| bytes.get(at..at + 3);
    is_compressed(bytes)
        || [Some(&b"n+1"[..]), Some(&b"ni1"[..])].contains(&magic(344))
        || [Some(&b"n+2"[..]), Some(&b"ni2"[..])].contains(&magic(4))
}

const GZIP: [u8; 2] = [0x1f, 0x8b];
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

fn is_compressed(bytes: &[u8]) -> bool {
    bytes.starts_with(&GZIP) || bytes.starts_with(&ZSTD)
}

/// A file's bytes, unpacked from the beginning: a second call begins anew.
fn unpacked<'a>(file: &'a [u8]) -> Result<Box<dyn Read + 'a>> {
    Ok(if file.starts_with(&GZIP) {
        Box::new(flate2::read::MultiGzDecoder::new(file))
    } else if file.starts_with(&ZSTD) {
        let stream = ruzstd::decoding::StreamingDecoder::new(file);
        Box::new(stream.map_err(|error| anyhow::anyhow!("damaged Zstandard data ({error})"))?)
    } else {
        Box::new(file)
    })
}

/// The first bytes that the header says there are, of a file that may be compressed; the rest has to be sound.
fn unpack(file: &[u8], bytes: usize) -> Result<Vec<u8>> {
    let mut stream = unpacked(file)?;
    let plain = inflate(&mut stream, bytes)?;
    if is_compressed(file) {
        // Only the end holds the checksum of what came before.
        drain(stream)?;
    }
    Ok(plain)
}

/// Parses a whole file, compressed or not.
///
/// # Errors
/// Not NIfTI, compressed data cut short, an element type that is not a plain number, a header that lies about its
/// size, voxels in another file.
pub fn parse(file: &[u8]) -> Result<VolumeFile> {
    let header = header(file)?;
    if header.pair {
        bail!("a header whose voxels are in another file (.img), expected both in one file");
    }
    header.volume(&unpack(file, header.file_bytes()?)?)
}

/// The same of a file that may be the header of a pair: then its voxels are read, too.
///
/// # Errors
/// As [`parse`]; names the file of the voxels where that is missing or too short.
pub fn read_bytes(path: &Path, file: &[u8], reader: &mut Reader) -> Result<VolumeFile> {
    let failure = || format!("{}", path.display());
    let header = header(file).with_context(failure)?;
    if !header.pair {
        let plain = unpack(file, header.file_bytes().with_context(failure)?);
        return plain.and_then(|plain| header.volume(&plain)).with_context(failure);
    }
    let Some(image) = image_of(path) else {
        bail!("{}: a header without voxels, expected its .img beside it", path.display());
    };
    let failure = || format!("{}", image.display());
    let bytes = reader.read(&image)?;
    let plain = unpack(&bytes, header.file_bytes().with_context(failure)?);
    plain.and_then(|plain| header.volume(&plain)).with_context(failure)
}

/// The file of voxels beside a header.
fn image_of(header: &Path) -> Option<PathBuf> {
    let stem = nifti_name(header)?;
    let endings = ["img", "img.gz", "IMG", "img.zst"];
    endings.iter().map(|end| header.with_file_name(format!("{stem}.{end}"))).find(|p| p.exists())
}

/// Whether a file holds the voxels of a header beside it.
pub(super) fn is_data_file(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return false };
    let lower = name.to_ascii_lowercase();
    let bare = COMPRESSED.iter().find_map(|ending| lower.strip_suffix(ending)).unwrap_or(&lower);
    let Some(bare) = bare.strip_suffix(".img") else { return false };
    let endings = ["hdr", "HDR", "hdr.gz", "hdr.zst"];
    endings.iter().any(|end| path.with_file_name(format!("{}.{end}", &name[..bare.len()])).exists())
}

fn header(file: &[u8]) -> Result<Header> {
    let head = inflate(unpacked(file)?, header::LONGEST)?;
    Header::of(&head)
}

impl Header {
    /// Voxels of the unpacked file that holds them.
    fn volume(&self, file: &[u8]) -> Result<VolumeFile> {
        let needed = self.file_bytes()?;
        let Some(raw) = file.get(self.offset..needed) else {
            bail!(
                "{} bytes of voxels, expected {} for {:?} {:?}: truncated, or its header lies",
                file.len().saturating_sub(self.offset),
                needed - self.offset,
                self.shape,
                self.element
            );
        };
        let mut values = self.element.decode(raw, self.big_endian);
        if self.slope != 1.0 || self.intercept != 0.0 {
            for value in &mut values {
                *value = *value * self.slope + self.intercept;
            }
        }
        let [channels, slices, height, width] = self.shape;
        let pixels = height * width;
        // Stored [C, S, H, W].
        if channels > 1 {
            values = (0..slices * channels)
                .flat_map(|i| {
                    let (slice, channel) = (i / channels, i % channels);
                    let start = (channel * slices + slice) * pixels;
                    values[start..start + pixels].iter().copied()
                })
                .collect();
        }
        let volume = Volume::new([slices, channels, height, width], values);
        Ok(VolumeFile { volume, spacing_mm: self.spacing_mm, geometry: self.geometry })
    }
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
            assert_eq!(image.volume.shape(), [2, 1, 3, 4]);
            assert_eq!(image.volume.values, (0..24).map(|i| i as f32 - 3.0).collect::<Vec<_>>());
            assert_eq!(image.spacing_mm, Some([1.5, 0.75]));
        }
    }

    #[test]
    fn scaling_is_applied_and_a_slope_of_zero_means_none() {
        let mut file = written([1, 1, 2], false);
        file[112..116].copy_from_slice(&2.0_f32.to_le_bytes());
        file[116..120].copy_from_slice(&10.0_f32.to_le_bytes());
        assert_eq!(parse(&file).unwrap().volume.values, [4.0, 6.0]);
        file[112..116].copy_from_slice(&0.0_f32.to_le_bytes());
        assert_eq!(parse(&file).unwrap().volume.values, [-3.0, -2.0]);
    }

    #[test]
    fn pairs_without_voxels_and_headers_of_other_kinds_are_refused_in_a_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.hdr");
        let read = |bytes: &[u8]| {
            let mut reader = Reader::new(folder.path());
            format!("{:#}", read_bytes(&path, bytes, &mut reader).unwrap_err())
        };
        let whole = written([2, 3, 4], false);
        let with = |magic: &[u8]| {
            let mut bytes = whole.clone();
            bytes[344..344 + magic.len()].copy_from_slice(magic);
            bytes[108..112].copy_from_slice(&0_f32.to_le_bytes()); // vox_offset
            bytes
        };
        let pair = with(b"ni1");
        assert!(read(&pair).contains("a.hdr: a header without voxels, expected its .img"));
        std::fs::write(folder.path().join("a.img"), [0; 47]).unwrap();
        assert!(read(&pair).contains("a.img: 47 bytes of voxels, expected 48"));
        assert!(read(&with(b"\0\0\0")).contains("Analyze files do not say where left is"));
        let mut second = pair.clone();
        second[..4].copy_from_slice(&540_i32.to_le_bytes());
        assert!(read(&second[..400]).contains("400 bytes, expected a NIfTI header of 540"));
        second[..4].copy_from_slice(&541_i32.to_le_bytes());
        assert!(read(&second).contains("a header of 541 bytes, expected 348 (NIfTI-1) or 540"));
        assert!(read(&[0x28, 0xb5, 0x2f, 0xfd, 9]).contains("a.hdr: damaged"));
        let mut complex = whole.clone();
        complex[70..72].copy_from_slice(&32_i16.to_le_bytes());
        assert!(read(&complex).contains("data type 32 (complex numbers), expected integers"));
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
                let size = image.volume.shape().iter().product::<usize>();
                prop_assert_eq!(image.volume.values.len(), size);
            }
        }
    }
}
