//! From stored numbers to the modality's units: Modality LUT or rescale, MONOCHROME1, padding.
//!
//! Values are those of pydicom's `apply_modality_lut`. In MONOCHROME1 the least value is white: stored numbers are
//! inverted in the range that their bits can hold before anything else, as GDCM and SimpleITK do, so that bright is
//! white in every image. A VOI LUT or window is the viewer's choice, and is not applied.

use super::cells::cells;
use super::object::{element, exactly, integer};
use super::pixel_format::PixelFormat;
use anyhow::{Context as _, Result, bail};
use dicom_object::{DefaultDicomObject, InMemDicomObject, Tag};

/// Pixels of one slice.
#[derive(Debug, Clone, PartialEq)]
pub struct Pixels {
    /// H.
    pub rows: usize,
    /// W.
    pub columns: usize,
    /// In the modality's units `[H, W]`; padding has the least of the others.
    pub values: Vec<f32>,
    /// What the scanner filled without measuring `[H, W]`; empty: nothing.
    pub padding: Vec<bool>,
    /// What a value and its inverse add up to, where the least stored value is white: slices of one series have to
    /// agree in it.
    pub(crate) mirror: Option<f64>,
    /// Whether numbers are as stored, without rescale or table.
    pub(crate) raw: bool,
}

impl Pixels {
    /// Of a file.
    ///
    /// # Errors
    /// What is no single grey image, or cannot be brought to the modality's units.
    pub(crate) fn of(object: &DefaultDicomObject) -> Result<Self> {
        let format = PixelFormat::of(object)?;
        let scale = Scale::of(object, &format)?;
        let padding = Padding::of(object, &format)?;
        let cells = cells(&format, object)?;
        let mut values: Vec<f32> = cells
            .iter()
            .map(|&cell| {
                let value = format.value(cell);
                scale.apply(if format.inverted { format.ends() - value } else { value }) as f32
            })
            .collect();
        let mut padded = Vec::new();
        if let Some(padding) = padding {
            padded.extend(cells.iter().map(|&cell| padding.holds(cell, format.value(cell))));
            if padded.contains(&true) {
                // Resampling mixes neighbours: the least measured value brightens none.
                let measured = values.iter().zip(&padded).filter(|(_, padded)| !**padded);
                let least = measured.map(|(value, _)| *value).reduce(f32::min).unwrap_or(0.0);
                for (value, _) in values.iter_mut().zip(&padded).filter(|(_, padded)| **padded) {
                    *value = least;
                }
            } else {
                padded.clear();
            }
        }
        let ends = format.ends() as f64;
        let mirror = format.inverted.then_some(match scale {
            Scale::Linear { slope, intercept } => ends * slope + 2.0 * intercept,
            Scale::Stored | Scale::Table { .. } => ends,
        });
        Ok(Self {
            rows: format.rows,
            columns: format.columns,
            values,
            padding: padded,
            mirror,
            raw: matches!(scale, Scale::Stored),
        })
    }
}

/// From stored numbers to the modality's.
#[derive(Debug, Clone, PartialEq)]
enum Scale {
    /// As they are: the header says nothing.
    Stored,
    Linear {
        slope: f64,
        intercept: f64,
    },
    /// Entry 0 is for `first` and all below, the last for all above.
    Table {
        first: i64,
        entries: Vec<u16>,
    },
}

const SEQUENCE: Tag = Tag(0x0028, 0x3000);

impl Scale {
    fn of(object: &InMemDicomObject, format: &PixelFormat) -> Result<Self> {
        let intercept = exactly(object, Tag(0x0028, 0x1052), "RescaleIntercept")?;
        let slope = exactly(object, Tag(0x0028, 0x1053), "RescaleSlope")?;
        let linear = match (slope, intercept) {
            (None, None) => None,
            (Some([0.0]), _) => bail!("RescaleSlope is 0, expected another: no contrast is left"),
            (Some([slope]), Some([intercept])) => Some((slope, intercept)),
            (Some(_), None) => bail!("RescaleSlope without RescaleIntercept, expected both"),
            (None, Some(_)) => bail!("RescaleIntercept without RescaleSlope, expected both"),
        };
        let table = element(object, SEQUENCE).map(|sequence| sequence.items().unwrap_or(&[]));
        let Some(items) = table.filter(|items| !items.is_empty()) else {
            return Ok(
                linear.map_or(Self::Stored, |(slope, intercept)| Self::Linear { slope, intercept })
            );
        };
        if linear.is_some_and(|linear| linear != (1.0, 0.0)) {
            bail!("a Modality LUT Sequence and RescaleSlope, expected one of them");
        }
        if format.inverted {
            bail!("a Modality LUT Sequence with MONOCHROME1, expected MONOCHROME2");
        }
        let [item] = items else {
            bail!("{} items in the Modality LUT Sequence, expected one", items.len());
        };
        table_of(item, format).context("Modality LUT Sequence")
    }

    fn apply(&self, stored: i64) -> f64 {
        match self {
            Self::Stored => stored as f64,
            Self::Linear { slope, intercept } => stored as f64 * slope + intercept,
            Self::Table { first, entries } => {
                let at = (stored - first).clamp(0, entries.len() as i64 - 1);
                f64::from(entries[at as usize])
            }
        }
    }
}

fn table_of(item: &InMemDicomObject, format: &PixelFormat) -> Result<Scale> {
    let [count, first, bits]: [f64; 3] =
        exactly(item, Tag(0x0028, 0x3002), "LUTDescriptor")?.context("no LUTDescriptor")?;
    let count = match count as usize {
        0 => 1 << 16,
        count => count,
    };
    if ![8.0, 16.0].contains(&bits) {
        bail!("entries of {bits} bits, expected 8 or 16");
    }
    // The same two bytes, whatever value representation the file gives them.
    let first = wrapped(first as i64, format.signed);
    let data = element(item, Tag(0x0028, 0x3006)).context("no LUTData")?;
    let entries: Vec<u16> = data.to_multi_int().context("LUTData")?;
    if entries.len() != count || count == 0 {
        bail!("{} entries, expected {count} as LUTDescriptor says", entries.len());
    }
    if bits == 8.0 && entries.iter().any(|entry| *entry > 255) {
        bail!("an entry above 255, expected entries of 8 bits");
    }
    Ok(Scale::Table { first, entries })
}

/// Two bytes as a number with or without sign.
fn wrapped(value: i64, signed: bool) -> i64 {
    match value {
        0x8000..=0xffff if signed => value - 0x10000,
        -0x8000..=-1 if !signed => value + 0x10000,
        other => other,
    }
}

/// Stored numbers that stand for nothing measured.
#[derive(Debug, Clone, Copy)]
struct Padding {
    least: i64,
    greatest: i64,
    /// The value's two bytes: scanners write it over bits that are not stored.
    cell: u32,
}

impl Padding {
    fn of(object: &InMemDicomObject, format: &PixelFormat) -> Result<Option<Self>> {
        let get = |number: u16, name: &str| integer(object, Tag(0x0028, number), name);
        let Some(value) = get(0x0120, "PixelPaddingValue")? else { return Ok(None) };
        let limit = get(0x0121, "PixelPaddingRangeLimit")?.unwrap_or(value);
        let [value, limit] = [value, limit].map(|value| wrapped(value, format.signed));
        let low_bits = if format.allocated == 8 { 0xff } else { 0xffff };
        let cell = value as u32 & low_bits;
        Ok(Some(Self { least: value.min(limit), greatest: value.max(limit), cell }))
    }

    fn holds(&self, cell: u32, value: i64) -> bool {
        (self.least..=self.greatest).contains(&value) || cell == self.cell
    }
}

#[cfg(test)]
mod tests;
