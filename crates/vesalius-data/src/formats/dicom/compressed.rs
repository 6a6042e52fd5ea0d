//! Compressed pixel data, and guards before the decoders.
//!
//! The library's decoders index by what the compressed data promise and would panic where it contradicts the header.
//! RLE is therefore unpacked here (PS3.5 annex G), and a JPEG's own size is compared with the header's before it is
//! decoded.

use super::pixel_format::PixelFormat;
use super::syntax::Syntax;
use anyhow::{Context as _, Result, bail};
use dicom_object::DefaultDicomObject;
use dicom_pixeldata::PixelDecoder as _;

/// Bytes of all cells, little end first.
///
/// # Errors
/// When the fragments hold another image than the header says.
pub(crate) fn decode(
    syntax: Syntax,
    object: &DefaultDicomObject,
    fragments: &[Vec<u8>],
    format: &PixelFormat,
) -> Result<Vec<u8>> {
    match syntax {
        Syntax::Native => bail!("fragments of Pixel Data, expected uncompressed pixels"),
        Syntax::Rle => {
            let [fragment] = fragments else {
                bail!("{} RLE fragments, expected one for the image", fragments.len());
            };
            rle(fragment, format).context("RLE pixel data")
        }
        Syntax::Jpeg => {
            let stream = fragments.concat();
            check_jpeg(&stream, format).context("JPEG pixel data")?;
            let decoded = object.decode_pixel_data().context("JPEG pixel data")?;
            Ok(decoded.into_data())
        }
        Syntax::Jpeg2000 => {
            let stream = fragments.concat();
            check_jpeg2000(&stream, format).context("JPEG 2000 pixel data")?;
            let decoded = object.decode_pixel_data().context("JPEG 2000 pixel data")?;
            Ok(decoded.into_data())
        }
    }
}

/// One segment for each byte of a cell, the highest byte first.
fn rle(fragment: &[u8], format: &PixelFormat) -> Result<Vec<u8>> {
    let word = |i: usize| {
        let bytes = fragment.get(4 * i..4 * i + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let size = (format.allocated / 8) as usize;
    let count = word(0).filter(|count| *count == size).with_context(|| {
        format!("{} segments, expected {size}", word(0).map_or(0, |count| count))
    })?;
    let pixels = format.rows * format.columns;
    // Two bytes become 128 at most.
    if fragment.len().saturating_mul(64) < format.bytes() {
        bail!("{} bytes, expected more for {} pixels", fragment.len(), pixels);
    }
    let mut cells = vec![0; format.bytes()];
    for segment in 0..count {
        let start = word(1 + segment).context("header cut short")?;
        let end = if segment + 1 < count { word(2 + segment) } else { Some(fragment.len()) };
        let packed = end
            .and_then(|end| fragment.get(start..end))
            .with_context(|| format!("segment {segment} lies outside of the data"))?;
        let bytes = unpack(packed, pixels);
        if bytes.len() < pixels {
            bail!("segment {segment} of {} bytes, expected {pixels}: truncated", bytes.len());
        }
        for (cell, byte) in cells.chunks_exact_mut(size).zip(bytes) {
            cell[size - 1 - segment] = byte;
        }
    }
    Ok(cells)
}

/// `PackBits`, up to `most` bytes.
fn unpack(mut packed: &[u8], most: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(most);
    while let Some((&head, rest)) = packed.split_first()
        && bytes.len() < most
    {
        packed = rest;
        match head {
            0..=127 => {
                let count = (usize::from(head) + 1).min(packed.len());
                bytes.extend_from_slice(&packed[..count]);
                packed = &packed[count..];
            }
            128 => {}
            129..=255 => {
                let Some((&byte, rest)) = packed.split_first() else { break };
                bytes.extend(std::iter::repeat_n(byte, 257 - usize::from(head)));
                packed = rest;
            }
        }
    }
    bytes.truncate(most);
    bytes
}

/// Compares the frame header of a JPEG with the DICOM header.
fn check_jpeg(stream: &[u8], format: &PixelFormat) -> Result<()> {
    let mut at = 2;
    if !stream.starts_with(&[0xff, 0xd8]) {
        bail!("no start of an image");
    }
    loop {
        // Markers may be preceded by any number of fill bytes.
        while stream.get(at) == Some(&0xff) && stream.get(at + 1) == Some(&0xff) {
            at += 1;
        }
        let head = stream.get(at..at + 4).context("no frame header")?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        if head[0] != 0xff || length < 2 {
            bail!("byte {at} is no marker, expected a frame header");
        }
        match head[1] {
            // Start of frame: but for the tables of Huffman and arithmetic coding, and what is reserved.
            0xc0..=0xcf if ![0xc4, 0xc8, 0xcc].contains(&head[1]) => break,
            0xda | 0xd9 => bail!("no frame header before the scan"),
            _ => at += 2 + length,
        }
    }
    let frame = stream.get(at + 4..at + 10).context("frame header cut short")?;
    let precision = u32::from(frame[0]);
    let size = [[frame[1], frame[2]], [frame[3], frame[4]]].map(u16::from_be_bytes);
    let [rows, columns] = size.map(usize::from);
    let allocated = if precision <= 8 { 8 } else { 16 };
    if [rows, columns] != [format.rows, format.columns]
        || frame[5] != 1
        || allocated != format.allocated
    {
        bail!(
            "{rows} rows of {columns} pixels, {} channels of {precision} bits, expected {}x{}, 1 of {} bits as the header says",
            frame[5],
            format.rows,
            format.columns,
            format.stored
        );
    }
    // A block of 8 x 8 pixels takes two bits at least.
    if stream.len().saturating_mul(512) < format.rows * format.columns {
        bail!("{} bytes, expected more for {rows} rows of {columns} pixels", stream.len());
    }
    Ok(())
}

/// Compares the SIZ segment of a JPEG 2000 code stream (ISO 15444-1 A.5.1) with the DICOM header.
fn check_jpeg2000(stream: &[u8], format: &PixelFormat) -> Result<()> {
    // Start of the code stream, then SIZ; files of the format (JP2) are no DICOM.
    if !stream.starts_with(&[0xff, 0x4f, 0xff, 0x51]) {
        bail!("no code stream");
    }
    let word = |at: usize| -> Result<usize> {
        let bytes = stream.get(at..at + 4).context("header cut short")?;
        Ok(u32::from_be_bytes(bytes.try_into()?) as usize)
    };
    let [width, height, left, top] = [8, 12, 16, 20].map(word);
    let (columns, rows) = (width?.saturating_sub(left?), height?.saturating_sub(top?));
    let channels = stream.get(40..42).context("header cut short")?;
    let channels = u16::from_be_bytes([channels[0], channels[1]]);
    let depth = u32::from(stream.get(42).context("header cut short")? & 0x7f) + 1;
    let allocated = if depth <= 8 { 8 } else { 16 };
    if [rows, columns] != [format.rows, format.columns]
        || channels != 1
        || allocated != format.allocated
    {
        bail!(
            "{rows} rows of {columns} pixels, {channels} channels of {depth} bits, expected {}x{}, 1 of {} bits as the header says",
            format.rows,
            format.columns,
            format.stored
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: PixelFormat = PixelFormat {
        rows: 2,
        columns: 3,
        allocated: 16,
        stored: 16,
        signed: false,
        inverted: false,
    };

    fn fragment(segments: &[&[u8]]) -> Vec<u8> {
        let mut header = vec![segments.len() as u32];
        let mut at = 64;
        for segment in segments {
            header.push(at);
            at += segment.len() as u32;
        }
        header.resize(16, 0);
        [header.into_iter().flat_map(u32::to_le_bytes).collect(), segments.concat()].concat()
    }

    #[test]
    fn runs_and_literals_are_unpacked_into_cells() {
        // High bytes: 6 x 1; low bytes: 1, 2, 3, and 9 three times.
        let high: &[u8] = &[251, 1];
        let low: &[u8] = &[2, 1, 2, 3, 128, 254, 9];
        let cells = rle(&fragment(&[high, low]), &LAYOUT).unwrap();
        assert_eq!(cells, [1, 1, 2, 1, 3, 1, 9, 1, 9, 1, 9, 1]);
    }

    #[test]
    fn what_contradicts_the_header_is_refused() {
        let whole: &[u8] = &[251, 1];
        for (segments, part) in [
            (vec![whole], "1 segments, expected 2"),
            (vec![whole, &[252, 1]], "segment 1 of 5 bytes, expected 6"),
            (vec![whole, &[2, 1]], "segment 1 of 1 bytes, expected 6"),
            (vec![whole, &[251]], "segment 1 of 0 bytes, expected 6"),
        ] {
            let error = rle(&fragment(&segments), &LAYOUT).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        let mut outside = fragment(&[whole, whole]);
        outside[8..12].copy_from_slice(&[255; 4]);
        assert!(rle(&outside, &LAYOUT).unwrap_err().to_string().contains("lies outside"));
        assert!(rle(&[2, 0], &LAYOUT).is_err());
        let jpeg = |precision: u8, rows: u8, channels: u8| {
            [255, 0xd8, 255, 0xe0, 0, 2, 255, 0xc3, 0, 11, precision, 0, rows, 0, 3, channels]
        };
        assert!(check_jpeg(&jpeg(12, 2, 1), &LAYOUT).is_ok());
        for wrong in [jpeg(8, 2, 1), jpeg(12, 200, 1), jpeg(12, 2, 3)] {
            let error = check_jpeg(&wrong, &LAYOUT).unwrap_err().to_string();
            assert!(error.contains("expected 2x3, 1 of 16 bits"), "{error}");
        }
        assert!(check_jpeg(&[255, 0xd8, 255, 0xe0, 255, 255], &LAYOUT).is_err());
    }
}
