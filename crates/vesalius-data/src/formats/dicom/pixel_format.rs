//! How the numbers of a picture are stored, and the numbers themselves.

use super::object::{integer, text};
use anyhow::{Context as _, Result, bail};
use dicom_object::{DefaultDicomObject, Tag};

/// Of the stored integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PixelFormat {
    pub(crate) rows: usize,
    pub(crate) columns: usize,
    /// 8, 16 or 32.
    pub(crate) allocated: u32,
    /// The lowest bits of each cell; the others may hold overlays.
    pub(crate) stored: u32,
    pub(crate) signed: bool,
    /// The least value is white.
    pub(crate) inverted: bool,
}

impl PixelFormat {
    /// Of one grey image.
    ///
    /// # Errors
    /// When it is colour, several frames, or contradicts itself.
    pub(crate) fn of(object: &DefaultDicomObject) -> Result<Self> {
        let get = |number: u16, name: &str| integer(object, Tag(0x0028, number), name);
        let need =
            |number: u16, name: &str| get(number, name)?.with_context(|| format!("no {name}"));
        let samples = get(0x0002, "SamplesPerPixel")?.unwrap_or(1);
        let frames = get(0x0008, "NumberOfFrames")?.unwrap_or(1);
        if samples != 1 || frames != 1 {
            bail!("{samples} samples per pixel and {frames} frames, expected one grey image");
        }
        let inverted = match text(object, Tag(0x0028, 0x0004)).as_deref() {
            Some("MONOCHROME1") => true,
            Some("MONOCHROME2") => false,
            other => bail!(
                "PhotometricInterpretation {}, expected MONOCHROME1 or MONOCHROME2",
                other.unwrap_or("is missing")
            ),
        };
        let (rows, columns) = (need(0x0010, "Rows")?, need(0x0011, "Columns")?);
        if !(1..=65535).contains(&rows) || !(1..=65535).contains(&columns) {
            bail!("{rows} rows of {columns} pixels, expected 1 to 65535 of each");
        }
        let (allocated, stored) = (need(0x0100, "BitsAllocated")?, need(0x0101, "BitsStored")?);
        if ![8, 16, 32].contains(&allocated) {
            bail!("{allocated} bits allocated, expected 8, 16 or 32");
        }
        if !(1..=allocated).contains(&stored) {
            bail!("{stored} bits stored of {allocated} allocated, expected 1 to {allocated}");
        }
        let signed = match get(0x0103, "PixelRepresentation")? {
            None | Some(0) => false,
            Some(1) => true,
            Some(other) => bail!("PixelRepresentation {other}, expected 0 or 1"),
        };
        Ok(Self {
            rows: rows as usize,
            columns: columns as usize,
            allocated: allocated as u32,
            stored: stored as u32,
            signed,
            inverted,
        })
    }

    /// Bytes of all cells.
    pub(crate) fn bytes(&self) -> usize {
        self.rows * self.columns * (self.allocated / 8) as usize
    }

    /// The number in a cell: bits above the stored ones are not its.
    pub(crate) fn value(&self, cell: u32) -> i64 {
        let unused = 32 - self.stored;
        if self.signed {
            i64::from(((cell << unused) as i32) >> unused)
        } else {
            i64::from((cell << unused) >> unused)
        }
    }

    /// Least plus greatest number that can be stored: what a number and its inverse add up to.
    pub(crate) fn ends(&self) -> i64 {
        if self.signed { -1 } else { (1 << self.stored) - 1 }
    }
}
