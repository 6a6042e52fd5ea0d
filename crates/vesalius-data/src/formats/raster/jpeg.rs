//! JPEG files: whole ones only, and what their segments say.

use super::orientation;
use super::picture::{Picture, check_size};
use anyhow::{Context, Result, bail};
use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// Grey, or RGB whatever the file's colour space.
///
/// # Errors
/// When it is damaged, cut short, or of a kind without a decoder.
pub(super) fn decode(bytes: &[u8], max_bytes: usize) -> Result<Picture> {
    let segments = segments(bytes)?;
    // Lenient decoders (the `image` crate asks for one) paint what is missing grey.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX));
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().context("not a readable JPEG")?;
    let (width, height) = decoder.dimensions().context("JPEG without a size")?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (channels, space) = if grey { (1, ColorSpace::Luma) } else { (3, ColorSpace::RGB) };
    check_size([height, width], channels, max_bytes)?;
    let options = options.jpeg_set_out_colorspace(space);
    let mut pixels = vec![0; height * width * channels];
    JpegDecoder::new_with_options(ZCursor::new(bytes), options)
        .decode_into(&mut pixels)
        .context("damaged JPEG")?;
    let samples = pixels.into_iter().map(f32::from).collect();
    let picture = Picture::of_samples([height, width], channels, false, samples, 255.0)?.of_bits(8);
    let exif = segments.iter().find_map(|part| part.strip_prefix(b"Exif\0\0"));
    let xmp = segments.iter().find_map(|part| part.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0"));
    let tag = exif.and_then(orientation::of_exif).or_else(|| xmp.and_then(orientation::of_xmp));
    Ok(Picture { orientation: tag.unwrap_or(1), ..picture })
}

const END_OF_IMAGE: u8 = 0xD9;
const START_OF_SCAN: u8 = 0xDA;
const APPLICATION_1: u8 = 0xE1;

/// Contents of the APP1 segments of a file that reaches its end marker; what follows that is not looked at.
fn segments(bytes: &[u8]) -> Result<Vec<&[u8]>> {
    let cut = || format!("truncated JPEG: {} bytes without the end marker", bytes.len());
    let mut found = Vec::new();
    let mut at = 2;
    let mut in_scan = false;
    loop {
        // In a scan FF 00 is a byte of data and FF D0 to D7 restart it; before others, FF may be repeated.
        let marker = loop {
            let next = bytes.get(at..).and_then(|rest| rest.iter().position(|byte| *byte == 0xFF));
            at += next.with_context(cut)? + 1;
            match bytes.get(at).with_context(cut)? {
                0xFF => {}
                0 | 0xD0..=0xD7 => at += 1,
                marker => break *marker,
            }
        };
        at += 1;
        match marker {
            END_OF_IMAGE if in_scan => return Ok(found),
            END_OF_IMAGE => bail!("truncated JPEG: it ends before its pixels"),
            // Start of image, and TEM: without contents.
            0xD8 | 1 => {}
            _ => {
                let length = bytes.get(at..at + 2).with_context(cut)?;
                let length = usize::from(u16::from_be_bytes([length[0], length[1]]));
                let contents = bytes.get(at + 2..at + length.max(2)).with_context(cut)?;
                if marker == APPLICATION_1 {
                    found.push(contents);
                }
                at += length.max(2);
                in_scan |= marker == START_OF_SCAN;
            }
        }
    }
}
