//! PNG files: for a mask the stored numbers, for an image what a viewer shows.

use super::orientation;
use super::picture::{Picture, Purpose, check_size, unpack};
use anyhow::{Context, Result, bail};
use png::{BitDepth, ColorType, Decoder, Info, Limits, Transformations};
use std::io::Cursor;

/// Grey or RGB; for masks palette indices as they are.
///
/// # Errors
/// When it is damaged, or has several pictures.
pub(super) fn decode(bytes: &[u8], purpose: Purpose, max_bytes: usize) -> Result<Picture> {
    let expanded = |bytes| read(bytes, Transformations::EXPAND, max_bytes);
    match purpose {
        Purpose::Image => Ok(expanded(bytes)?.0),
        Purpose::Mask => {
            let (picture, transparent) = read(bytes, Transformations::IDENTITY, max_bytes)?;
            // Transparent colours of a palette are known only once it is looked up.
            let see_through =
                if transparent { expanded(bytes)?.0.see_through } else { picture.see_through };
            Ok(Picture { see_through, ..picture })
        }
    }
}

/// The picture, and whether some colours are transparent by a table.
fn read(
    bytes: &[u8],
    transformations: Transformations,
    max_bytes: usize,
) -> Result<(Picture, bool)> {
    let limits = Limits { bytes: max_bytes };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(transformations);
    let mut reader = decoder.read_info().context("not a readable PNG")?;
    if let Some(frames) = reader.info().animation_control.map(|control| control.num_frames)
        && frames > 1
    {
        bail!("PNG animation of {frames} frames, expected one picture");
    }
    let [height, width] = [reader.info().height as usize, reader.info().width as usize];
    // Four samples of two bytes at most.
    check_size([height, width], reader.info().bytes_per_pixel(), max_bytes)?;
    let size = reader.output_buffer_size().context("PNG: too large for this machine")?;
    if size > max_bytes {
        bail!("{size} bytes of pixels, expected at most {} MiB", max_bytes >> 20);
    }
    let mut buffer = vec![0; size];
    let output = reader.next_frame(&mut buffer).context("damaged PNG")?;
    buffer.truncate(output.buffer_size());
    // What follows the pixels may hold the orientation; files that end there are complete pictures.
    let _ = reader.finish();
    let info = reader.info();
    let (channels, bits) = (output.color_type.samples(), output.bit_depth as u32);
    let samples = match output.bit_depth {
        BitDepth::Eight => buffer.iter().map(|v| f32::from(*v)).collect(),
        BitDepth::Sixteen => {
            let pairs = buffer.chunks_exact(2);
            pairs.map(|pair| f32::from(u16::from_be_bytes([pair[0], pair[1]]))).collect()
        }
        _ if channels > 1 => bail!("PNG of {bits}-bit colours, expected 8 or 16 bits"),
        _ => unpack(&buffer, [height, width], bits as usize)?,
    };
    let opaque = ((1_u32 << bits) - 1) as f32;
    let picture = Picture::of_samples([height, width], channels, false, samples, opaque)?;
    let white = (output.color_type == ColorType::Grayscale && bits < 8).then_some(opaque);
    let orientation = tag(info).unwrap_or(1);
    Ok((Picture { white, orientation, ..picture.of_bits(bits) }, info.trns.is_some()))
}

/// Orientation of the EXIF chunk, of ImageMagick's EXIF as text, or of XMP.
fn tag(info: &Info) -> Option<u8> {
    const AT_MOST: usize = 1 << 20;
    let chunk = || info.exif_metadata.as_deref().and_then(orientation::of_exif);
    let raw = || {
        const KEYWORD: &str = "Raw profile type exif";
        let compressed = info.compressed_latin1_text.iter().find(|text| text.keyword == KEYWORD);
        let compressed = compressed.and_then(|text| {
            let mut text = text.clone();
            text.decompress_text_with_limit(AT_MOST).ok()?;
            text.get_text().ok()
        });
        let plain = info.uncompressed_latin1_text.iter().find(|text| text.keyword == KEYWORD);
        let text = compressed.or_else(|| plain.map(|text| text.text.clone()))?;
        orientation::of_exif(&hex(&text))
    };
    let xmp = || {
        let mut text =
            info.utf8_text.iter().find(|text| text.keyword == "XML:com.adobe.xmp")?.clone();
        text.decompress_text_with_limit(AT_MOST).ok()?;
        orientation::of_xmp(text.get_text().ok()?.as_bytes())
    };
    chunk().or_else(raw).or_else(xmp)
}

/// Bytes of `\nexif\n   1234\n45786966…`: a name, a length, then hexadecimal digits in lines.
fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.trim_start().lines().skip(2).flat_map(str::chars).collect();
    let digits: Vec<u8> =
        digits.chars().map_while(|c| c.to_digit(16).map(|digit| digit as u8)).collect();
    digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect()
}
