//! MetaImage (`.mhd` + `.raw`/`.zraw`, `.mha`): the text header and what it says about the voxels.
//!
//! Read by hand because no crate does. Reference: the MetaIO documentation and ITK's `metaImage.cxx`. As there, data
//! longer than the header says are accepted (the elastix masks are), shorter ones are not.

use super::contents::VolumeFile;
use super::voxels::{Element, drain, inflate, volume_bytes};
use crate::volume::geometry::Geometry;
use crate::volume::{Reader, Volume};
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The text header.
#[derive(Debug, Clone, PartialEq)]
pub struct MetaHeader {
    shape: [usize; 4],
    element: Element,
    big_endian: bool,
    compressed: bool,
    /// Bytes before the voxels in the data file; `None`: the voxels are its last bytes.
    skip: Option<usize>,
    spacing_mm: Option<[f64; 2]>,
    geometry: Option<Geometry>,
    data: Data,
}

#[derive(Debug, Clone, PartialEq)]
enum Data {
    /// After the header, at this byte.
    Local(usize),
    File(PathBuf),
}

/// Reads an image with its data file.
///
/// # Errors
/// Names the file and what is wrong with it.
pub fn read(path: &Path, reader: &mut Reader) -> Result<VolumeFile> {
    let file = reader.read(path)?;
    read_bytes(path, &file, reader)
}

/// The same of a header that was read already: `file` are the bytes of `path`.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(path: &Path, file: &[u8], reader: &mut Reader) -> Result<VolumeFile> {
    let header = MetaHeader::parse(file).with_context(|| format!("{}", path.display()))?;
    match &header.data {
        Data::Local(at) => {
            header.voxels(&file[*at..]).with_context(|| format!("{}", path.display()))
        }
        Data::File(name) => {
            let data = path.with_file_name(name);
            let bytes = reader
                .read(&data)
                .with_context(|| format!("{}: its ElementDataFile", path.display()))?;
            header.voxels(&bytes).with_context(|| format!("{}", data.display()))
        }
    }
}

/// Parses an image whose voxels follow its header (`ElementDataFile = LOCAL`).
///
/// # Errors
/// As [`read`]; also when the voxels are in another file.
pub fn parse_local(file: &[u8]) -> Result<VolumeFile> {
    let header = MetaHeader::parse(file)?;
    match header.data {
        Data::Local(at) => header.voxels(&file[at..]),
        Data::File(name) => {
            bail!("ElementDataFile = {}, expected LOCAL", name.display())
        }
    }
}

impl MetaHeader {
    /// Parses `Key = Value` lines up to `ElementDataFile`.
    ///
    /// # Errors
    /// A missing or contradictory field, an element type or layout that is not supported.
    pub fn parse(file: &[u8]) -> Result<Self> {
        let mut fields: HashMap<String, String> = HashMap::new();
        let mut at = 0;
        loop {
            let rest = &file[at..];
            let end = rest.iter().position(|&byte| byte == b'\n').unwrap_or(rest.len());
            let line = std::str::from_utf8(&rest[..end]).ok().map(str::trim);
            at = (at + end + 1).min(file.len());
            match line.and_then(|line| line.split_once('=')) {
                Some((key, value)) => {
                    let key = key.trim().to_owned();
                    let last = key == "ElementDataFile";
                    fields.insert(key, value.trim().to_owned());
                    if last {
                        break;
                    }
                }
                None if line == Some("") && at < file.len() => {}
                None => bail!("no ElementDataFile line, expected a MetaImage header"),
            }
        }
        Self::from_fields(&fields, at)
    }

    fn from_fields(fields: &HashMap<String, String>, end: usize) -> Result<Self> {
        let field = |name: &str| fields.get(name).map(String::as_str);
        // MetaIO looks at the first letter only; here the word has to be one.
        let flag = |name: &str| match field(name).map(str::to_ascii_lowercase).as_deref() {
            Some("true" | "t" | "1") => Ok(true),
            None | Some("false" | "f" | "0") => Ok(false),
            Some(other) => bail!("{name} = {other}, expected True or False"),
        };
        let need = |name: &str| field(name).with_context(|| format!("no {name}, expected one"));
        let number = |name: &str, text: &str| -> Result<usize> {
            text.parse().map_err(|_| anyhow::anyhow!("{name} = {text}, expected a whole number"))
        };
        let axes = number("NDims", need("NDims")?)?;
        if !(2..=3).contains(&axes) {
            bail!("NDims = {axes}, expected 2 or 3");
        }
        let size: Vec<usize> = need("DimSize")?
            .split_whitespace()
            .map(|text| number("DimSize", text))
            .collect::<Result<_>>()?;
        if size.len() != axes {
            bail!("DimSize has {} numbers, expected {axes} as NDims says", size.len());
        }
        let channels = match field("ElementNumberOfChannels") {
            Some(text) => number("ElementNumberOfChannels", text)?,
            None => 1,
        };
        if field("BinaryData").is_some() && !flag("BinaryData")? {
            bail!("BinaryData = False, expected binary voxels");
        }
        let skip = match field("HeaderSize") {
            None => Some(0),
            Some("-1") => None,
            Some(text) => Some(number("HeaderSize", text)?),
        };
        let data = match need("ElementDataFile")? {
            // MetaIO's own spelling, and what people write.
            name if name.eq_ignore_ascii_case("local") => Data::Local(end),
            name if name == "LIST" || name.contains('%') => {
                bail!("ElementDataFile = {name}, expected one file")
            }
            name => Data::File(PathBuf::from(name)),
        };
        Ok(Self {
            shape: [channels, size.get(2).copied().unwrap_or(1), size[1], size[0]],
            element: element(need("ElementType")?)?,
            big_endian: flag("BinaryDataByteOrderMSB")? || flag("ElementByteOrderMSB")?,
            compressed: flag("CompressedData")?,
            skip,
            spacing_mm: spacing(field("ElementSpacing").or(field("ElementSize"))),
            geometry: geometry(&size, &field)?,
            data,
        })
    }

    /// Voxels of the data file's bytes.
    ///
    /// # Errors
    /// When there are fewer than the header promises.
    fn voxels(&self, bytes: &[u8]) -> Result<VolumeFile> {
        let needed = volume_bytes(&self.shape, self.element)?;
        let inflated;
        let raw = if self.compressed {
            let mut stream = flate2::read::ZlibDecoder::new(bytes);
            inflated = inflate(&mut stream, needed)?;
            // Only the end holds the checksum of what came before.
            drain(stream)?;
            &inflated[..]
        } else {
            let skip = self.skip.unwrap_or_else(|| bytes.len().saturating_sub(needed));
            bytes.get(skip..).unwrap_or(&[])
        };
        let Some(raw) = raw.get(..needed) else {
            bail!(
                "{} bytes of voxels, expected {needed} for {:?} {:?}: truncated, or the header lies",
                raw.len(),
                self.shape,
                self.element
            );
        };
        let [channels, slices, height, width] = self.shape;
        let mut values = self.element.decode(raw, self.big_endian);
        if channels > 1 {
            // Stored [S, H, W, C].
            let pixels = height * width;
            values = (0..slices * channels * pixels)
                .map(|i| {
                    let (slice, rest) = (i / (channels * pixels), i % (channels * pixels));
                    let (channel, pixel) = (rest / pixels, rest % pixels);
                    values[(slice * pixels + pixel) * channels + channel]
                })
                .collect();
        }
        let (spacing_mm, geometry) = (self.spacing_mm, self.geometry);
        let volume = Volume::new([slices, channels, height, width], values);
        Ok(VolumeFile { volume, spacing_mm, geometry })
    }
}

/// MetaIO's names; `MET_LONG` has 4 bytes there, `MET_LONG_LONG` 8.
fn element(name: &str) -> Result<Element> {
    Ok(match name {
        "MET_CHAR" | "MET_ASCII_CHAR" => Element::I8,
        "MET_UCHAR" => Element::U8,
        "MET_SHORT" => Element::I16,
        "MET_USHORT" => Element::U16,
        "MET_INT" | "MET_LONG" => Element::I32,
        "MET_UINT" | "MET_ULONG" => Element::U32,
        "MET_LONG_LONG" => Element::I64,
        "MET_ULONG_LONG" => Element::U64,
        "MET_FLOAT" => Element::F32,
        "MET_DOUBLE" => Element::F64,
        other => bail!(
            "ElementType = {other}, expected MET_SHORT, MET_UCHAR, MET_FLOAT or another number"
        ),
    })
}

fn spacing(text: Option<&str>) -> Option<[f64; 2]> {
    let mut numbers = text?.split_whitespace().map(|text| text.parse::<f64>().ok());
    let (x, y) = (numbers.next()??, numbers.next()??);
    let (x, y) = (x.abs(), y.abs());
    (x > 0.0 && y > 0.0 && x.is_finite() && y.is_finite()).then_some([y, x])
}

/// Spacing, offset and direction as ITK takes them: the first numbers of the matrix are the direction of the columns, a
/// negative spacing turns its axis around, what is missing is 1, 0 and the identity. `CenterOfRotation` moves nothing.
fn geometry<'a>(
    size: &[usize],
    field: &impl Fn(&str) -> Option<&'a str>,
) -> Result<Option<Geometry>> {
    let axes = size.len();
    let numbers = |names: &[&str], count: usize| -> Result<Option<Vec<f64>>> {
        let Some((name, text)) = names.iter().find_map(|name| Some((name, field(name)?))) else {
            return Ok(None);
        };
        let found: Vec<f64> = text
            .split_whitespace()
            .map(|text| text.parse::<f64>().ok().filter(|value| value.is_finite()))
            .collect::<Option<_>>()
            .with_context(|| format!("{name} = {text}, expected numbers"))?;
        if found.len() != count {
            bail!("{name} has {} numbers, expected {count} for {axes} axes", found.len());
        }
        Ok(Some(found))
    };
    let spacing = numbers(&["ElementSpacing", "ElementSize"], axes)?;
    let offset = numbers(&["Offset", "Position", "Origin"], axes)?;
    let matrix = numbers(&["TransformMatrix", "Orientation", "Rotation"], axes * axes)?;
    if spacing.is_none() && offset.is_none() && matrix.is_none() {
        return Ok(None);
    }
    // A picture lies in a plane of space.
    let at = |values: &Option<Vec<f64>>, i: usize, missing: f64| {
        values.as_ref().and_then(|values| values.get(i)).copied().unwrap_or(missing)
    };
    let steps_mm = std::array::from_fn(|axis| {
        std::array::from_fn(|i| {
            let unit = f64::from(u8::from(axis == i));
            let cosine =
                if axis < axes && i < axes { at(&matrix, axis * axes + i, unit) } else { unit };
            cosine * at(&spacing, axis, 1.0)
        })
    });
    let grid = Geometry {
        size: std::array::from_fn(|axis| size.get(axis).copied().unwrap_or(1)),
        origin_mm: std::array::from_fn(|i| at(&offset, i, 0.0)),
        steps_mm,
    };
    Ok(grid.checked())
}

#[cfg(test)]
mod tests;
