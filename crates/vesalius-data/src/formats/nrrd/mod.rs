//! NRRD (`.nrrd`, `.nhdr` with its data file), and 3D Slicer's segmentations (`.seg.nrrd`).
//!
//! Read by hand because no kept crate does. Reference: Teem's definition of the format and ITK's `itkNrrdImageIO.cxx`,
//! whose geometry this gives; Slicer's `vtkMRMLSegmentationStorageNode` for segments.

mod axes;
mod fields;
mod segments;
mod write;

pub use write::{write_image, write_segmentation};

use super::contents::{Mask, VolumeFile};
use super::voxels::{Element, drain, inflate, volume_bytes};
use crate::volume::{Reader, Volume};
use anyhow::{Context as _, Result, bail};
use axes::Axes;
use fields::Fields;
use std::path::Path;

/// How the voxels are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Raw,
    Gzip,
    Text,
}

/// A header, with where its file's voxels begin.
struct Header {
    fields: Fields,
    axes: Axes,
    element: Element,
    big_endian: bool,
    encoding: Encoding,
    /// Lines, then bytes before the voxels; `None` for bytes: the voxels are the last of the file.
    skip: (usize, Option<usize>),
}

/// Whether a file begins as NRRD does.
pub(super) fn is_nrrd(bytes: &[u8]) -> bool {
    bytes.starts_with(b"NRRD00")
}

/// An image of a file's bytes and, where its header says so, of the data file beside it.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn image(path: &Path, bytes: &[u8], reader: &mut Reader) -> Result<VolumeFile> {
    read(path, bytes, reader).map(|(_, file)| file)
}

/// A mask likewise: segments where the file names some.
///
/// # Errors
/// As [`image`]; values that are no labels.
pub fn mask(path: &Path, bytes: &[u8], reader: &mut Reader) -> Result<Mask> {
    let (fields, file) = read(path, bytes, reader)?;
    let found = match segments::listed(&fields) {
        Ok(None) => file.into_mask().map(Mask::Labels),
        Ok(Some(listed)) => segments::of(&listed, &file).map(Mask::Segments),
        Err(error) => Err(error),
    };
    found.with_context(|| format!("{}", path.display()))
}

fn read(path: &Path, bytes: &[u8], reader: &mut Reader) -> Result<(Fields, VolumeFile)> {
    let failure = || format!("{}", path.display());
    let (fields, end) = Fields::of(bytes).with_context(failure)?;
    let header = Header::of(fields).with_context(failure)?;
    let file = match header.fields.get("data file") {
        None => header.volume(&bytes[end..]).with_context(failure)?,
        Some(name) => {
            let data = path.with_file_name(name);
            let bytes =
                reader.read(&data).with_context(|| format!("{}: its data file", path.display()))?;
            header.volume(&bytes).with_context(|| format!("{}", data.display()))?
        }
    };
    Ok((header.fields, file))
}

impl Header {
    fn of(fields: Fields) -> Result<Self> {
        let element = element(fields.need("type")?)?;
        let encoding = match fields.need("encoding")?.to_ascii_lowercase().as_str() {
            "raw" => Encoding::Raw,
            "gz" | "gzip" => Encoding::Gzip,
            "txt" | "text" | "ascii" => Encoding::Text,
            other => bail!("encoding {other}, expected raw, gzip or ascii"),
        };
        let big_endian = match fields.get("endian").map(str::to_ascii_lowercase).as_deref() {
            Some("little") => false,
            Some("big") => true,
            None if element.bytes() == 1 || encoding == Encoding::Text => false,
            other => bail!("endian {}, expected little or big", other.unwrap_or("is missing")),
        };
        let lines = fields.number("line skip")?.unwrap_or(0);
        let bytes = match fields.get("byte skip") {
            Some("-1") => None,
            _ => Some(fields.number("byte skip")?.unwrap_or(0)),
        };
        if let Some(name) = fields.get("data file")
            && (name.starts_with("LIST") || name.contains('%'))
        {
            bail!("data file: {name}, expected one file");
        }
        let axes = Axes::of(&fields)?;
        Ok(Self { fields, axes, element, big_endian, encoding, skip: (lines, bytes) })
    }

    /// Voxels of the bytes that hold them.
    fn volume(&self, bytes: &[u8]) -> Result<VolumeFile> {
        let shape = self.axes.shape();
        let needed = volume_bytes(&shape, self.element)?;
        let mut bytes = bytes;
        for _ in 0..self.skip.0 {
            let end = bytes
                .iter()
                .position(|byte| *byte == b'\n')
                .context("fewer lines than `line skip`")?;
            bytes = &bytes[end + 1..];
        }
        let inflated;
        let stored = match self.encoding {
            Encoding::Text => {
                return Ok(self.axes.volume(&numbers(bytes, needed / self.element.bytes())?));
            }
            Encoding::Raw => {
                let skip = self.skip.1.unwrap_or_else(|| bytes.len().saturating_sub(needed));
                bytes.get(skip..).unwrap_or(&[])
            }
            Encoding::Gzip => {
                let skip = self
                    .skip
                    .1
                    .context("byte skip: -1 of compressed voxels, expected 0 or more")?;
                let mut stream = flate2::read::MultiGzDecoder::new(bytes);
                let head = inflate(&mut stream, skip.saturating_add(needed))?;
                drain(stream)?;
                inflated = head;
                inflated.get(skip..).unwrap_or(&[])
            }
        };
        let Some(raw) = stored.get(..needed) else {
            bail!(
                "{} bytes of voxels, expected {needed} for {:?} (slices, channels, rows, columns) {:?}: truncated, or the \
                 header lies",
                stored.len(),
                shape,
                self.element
            );
        };
        Ok(self.axes.volume(&self.element.decode(raw, self.big_endian)))
    }
}

impl Axes {
    /// Values in the file's order as a volume.
    fn volume(&self, stored: &[f32]) -> VolumeFile {
        let values = self.places().map(|at| stored[at]).collect();
        VolumeFile {
            volume: Volume::new(self.shape(), values),
            spacing_mm: self.spacing_mm(),
            geometry: self.geometry,
        }
    }
}

/// Numbers written out.
fn numbers(bytes: &[u8], count: usize) -> Result<Vec<f32>> {
    let text = std::str::from_utf8(bytes).context("voxels in ascii")?;
    let numbers: Vec<f32> = text
        .split_ascii_whitespace()
        .map(|word| word.parse().map_err(|_| anyhow::anyhow!("voxel `{word}`, expected a number")))
        .collect::<Result<_>>()?;
    if numbers.len() != count {
        bail!("{} voxels, expected {count}: truncated, or the header lies", numbers.len());
    }
    Ok(numbers)
}

/// Teem's names of types.
fn element(name: &str) -> Result<Element> {
    let words: Vec<String> = name.split_whitespace().map(str::to_ascii_lowercase).collect();
    let bare: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| *word != "signed").collect();
    Ok(match bare.join(" ").as_str() {
        "char" | "int8" | "int8_t" => Element::I8,
        "uchar" | "unsigned char" | "uint8" | "uint8_t" => Element::U8,
        "short" | "short int" | "int16" | "int16_t" => Element::I16,
        "ushort" | "unsigned short" | "unsigned short int" | "uint16" | "uint16_t" => Element::U16,
        "int" | "int32" | "int32_t" => Element::I32,
        "uint" | "unsigned int" | "uint32" | "uint32_t" => Element::U32,
        "longlong" | "long long" | "long long int" | "int64" | "int64_t" => Element::I64,
        "ulonglong" | "unsigned long long" | "unsigned long long int" | "uint64" | "uint64_t" => {
            Element::U64
        }
        "float" => Element::F32,
        "double" => Element::F64,
        _ => bail!("type {name}, expected short, unsigned char, float or another number"),
    })
}

#[cfg(test)]
mod tests;
