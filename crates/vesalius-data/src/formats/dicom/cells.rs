//! The stored numbers of a picture, unpacked.

use super::compressed;
use super::object::element;
use super::pixel_format::PixelFormat;
use super::syntax::Syntax;
use crate::formats::guard::guarded;
use anyhow::{Context as _, Result, bail};
use dicom_object::{DefaultDicomObject, Tag};

const PIXEL_DATA: Tag = Tag(0x7fe0, 0x0010);

/// All cells, row by row.
///
/// # Errors
/// When there are fewer than rows and columns say, or the compression is not one that can be read.
pub(crate) fn cells(format: &PixelFormat, object: &DefaultDicomObject) -> Result<Vec<u32>> {
    let pixels = element(object, PIXEL_DATA).context("no Pixel Data, expected some")?;
    let syntax = object.meta().transfer_syntax().trim_end_matches('\0');
    let decoded;
    let native;
    let bytes: &[u8] = match (Syntax::of(syntax)?, pixels.fragments()) {
        (Syntax::Native, None) => {
            native = pixels.to_bytes().context("Pixel Data")?;
            &native
        }
        (syntax, Some(fragments)) => {
            decoded = guarded(|| compressed::decode(syntax, object, fragments, format))?;
            &decoded
        }
        (_, None) => bail!("Pixel Data without fragments, expected some of compressed pixels"),
    };
    let needed = format.bytes();
    let Some(bytes) = bytes.get(..needed) else {
        bail!(
            "{} bytes of DICOM pixel data, expected {needed} for {} rows of {} pixels: truncated, or the header lies",
            bytes.len(),
            format.rows,
            format.columns
        );
    };
    let size = (format.allocated / 8) as usize;
    // The reading library gives words in the machine's order.
    let cell = |bytes: &[u8]| {
        let mut word = [0; 4];
        if cfg!(target_endian = "big") {
            word[4 - size..].copy_from_slice(bytes);
            u32::from_be_bytes(word)
        } else {
            word[..size].copy_from_slice(bytes);
            u32::from_le_bytes(word)
        }
    };
    Ok(bytes.chunks_exact(size).map(cell).collect())
}
