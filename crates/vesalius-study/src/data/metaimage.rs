//! MetaImage (`.mhd` + `.raw`/`.zraw`, `.mha`): the text header and what it says about the voxels.
//!
//! Read by hand because no crate does. Reference: the MetaIO documentation and ITK's `metaImage.cxx`. As there, data
//! longer than the header says are accepted (the elastix masks are), shorter ones are not.

use super::volume::Reader;
use super::voxels::{Element, inflate, volume_bytes};
use anyhow::{Context, Result, bail};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Voxels of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct MetaImage {
    /// Channels, slices, rows, columns.
    pub shape: [usize; 4],
    /// Values `[S, C, H, W]`.
    pub values: Vec<f32>,
    /// Row and column spacing in mm.
    pub spacing_mm: Option<[f64; 2]>,
}

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
pub fn read(path: &Path, reader: &mut Reader) -> Result<MetaImage> {
    let file = reader.read(path)?;
    let header = MetaHeader::parse(&file).with_context(|| format!("{}", path.display()))?;
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
pub fn parse_local(file: &[u8]) -> Result<MetaImage> {
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
        let flag = |name: &str| field(name).is_some_and(|value| value.eq_ignore_ascii_case("true"));
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
        if field("BinaryData").is_some_and(|value| value.eq_ignore_ascii_case("false")) {
            bail!("BinaryData = False, expected binary voxels");
        }
        let skip = match field("HeaderSize") {
            None => Some(0),
            Some("-1") => None,
            Some(text) => Some(number("HeaderSize", text)?),
        };
        let data = match need("ElementDataFile")? {
            "LOCAL" => Data::Local(end),
            name if name == "LIST" || name.contains('%') => {
                bail!("ElementDataFile = {name}, expected one file")
            }
            name => Data::File(PathBuf::from(name)),
        };
        Ok(Self {
            shape: [channels, size.get(2).copied().unwrap_or(1), size[1], size[0]],
            element: element(need("ElementType")?)?,
            big_endian: flag("BinaryDataByteOrderMSB") || flag("ElementByteOrderMSB"),
            compressed: flag("CompressedData"),
            skip,
            spacing_mm: spacing(field("ElementSpacing").or(field("ElementSize"))),
            data,
        })
    }

    /// Voxels of the data file's bytes.
    ///
    /// # Errors
    /// When there are fewer than the header promises.
    fn voxels(&self, bytes: &[u8]) -> Result<MetaImage> {
        let needed = volume_bytes(&self.shape, self.element)?;
        let inflated;
        let raw = if self.compressed {
            inflated = inflate(flate2::read::ZlibDecoder::new(bytes), needed)?;
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
        Ok(MetaImage { shape: self.shape, values, spacing_mm: self.spacing_mm })
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
    (x > 0.0 && y > 0.0 && x.is_finite() && y.is_finite()).then_some([y, x])
}

#[cfg(test)]
mod tests;
