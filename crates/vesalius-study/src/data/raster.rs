//! PNG, JPEG, TIFF and BMP files as images and as masks.

use super::volume::{Labels, Volume};
use anyhow::{Context, Result, bail};
use image::{DynamicImage, ImageReader};
use std::io::Cursor;
use std::path::Path;
use tiff::decoder::{Decoder, DecodingResult};
use tiff::tags::Tag;

/// Extensions of files that can be read.
const EXTENSIONS: [&str; 6] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp"];

/// Whether the name ends like an image's.
pub fn is_raster(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        EXTENSIONS.contains(&extension.to_string_lossy().to_lowercase().as_str())
    })
}

/// An image of one slice: grey or colour, 8 or 16 bits. Colour with three equal channels stays colour; `prepare
/// --channels 1` makes it grey without loss.
///
/// # Errors
/// When the bytes are not such an image.
pub fn image(bytes: &[u8]) -> Result<Volume> {
    let decoded = decode(bytes)?;
    let [height, width] = [decoded.height() as usize, decoded.width() as usize];
    let deep = decoded.color().bytes_per_pixel() / decoded.color().channel_count() > 1;
    let grey = !decoded.color().has_color();
    let (channels, values): (usize, Vec<f32>) = match (grey, deep) {
        (true, false) => (1, decoded.into_luma8().iter().map(|&v| f32::from(v)).collect()),
        (true, true) => (1, decoded.into_luma16().iter().map(|&v| f32::from(v)).collect()),
        (false, false) => (3, planar(&decoded.into_rgb8(), |v| f32::from(*v))),
        (false, true) => (3, planar(&decoded.into_rgb16(), |v| f32::from(*v))),
    };
    let max = if deep { 65535.0 } else { 255.0 };
    let volume = Volume::new([1, channels, height, width], values);
    Ok(Volume { full_range: Some([0.0, max]), ..volume })
}

fn planar<T>(interleaved: &[T], convert: impl Fn(&T) -> f32) -> Vec<f32> {
    (0..3).flat_map(|channel| interleaved.iter().skip(channel).step_by(3).map(&convert)).collect()
}

fn decode(bytes: &[u8]) -> Result<DynamicImage> {
    // The reader's default limits refuse pictures that ask for more than 512 MiB.
    ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()?
        .decode()
        .context("not a readable PNG, JPEG, TIFF or BMP")
}

/// A mask of one slice with labels below `classes`: palette or grey indices as they are; with two classes also 0 and
/// one other value (0/255), which becomes 1.
///
/// # Errors
/// When the bytes are not such an image, or hold colours.
pub fn mask(bytes: &[u8], classes: usize) -> Result<Labels> {
    let (shape, values) = match palette_tiff(bytes)? {
        Some(indices) => indices,
        None => match palette_png(bytes)? {
            Some(indices) => indices,
            None => grey_values(bytes)?,
        },
    };
    let mut labels = Labels::from_values([1, shape[0], shape[1]], &values)?;
    if classes == 2 {
        let greatest = labels.values.iter().copied().max().unwrap_or(0);
        if greatest > 1 && labels.values.iter().all(|&v| v == 0 || v == greatest) {
            labels.values.iter_mut().for_each(|v| *v = u8::from(*v != 0));
        }
    }
    Ok(labels)
}

type Plane = ([usize; 2], Vec<f32>);

fn grey_values(bytes: &[u8]) -> Result<Plane> {
    let volume = image(bytes)?;
    let pixels = volume.height * volume.width;
    if volume.channels == 3 {
        let (red, rest) = volume.values.split_at(pixels);
        let (green, blue) = rest.split_at(pixels);
        if red != green || green != blue {
            bail!("a mask in colours, expected grey or palette values");
        }
    }
    let mut values = volume.values;
    values.truncate(pixels);
    Ok(([volume.height, volume.width], values))
}

/// Palette indices of a PNG; `None` for other files. The `image` crate would turn them into colours.
fn palette_png(bytes: &[u8]) -> Result<Option<Plane>> {
    if !bytes.starts_with(b"\x89PNG") {
        return Ok(None);
    }
    let mut decoder = png::Decoder::new(Cursor::new(bytes));
    decoder.set_transformations(png::Transformations::IDENTITY);
    let mut reader = decoder.read_info().context("not a readable PNG")?;
    if reader.info().color_type != png::ColorType::Indexed {
        return Ok(None);
    }
    let size = reader.output_buffer_size().context("PNG: too large for this machine")?;
    let mut buffer = vec![0; size];
    let info = reader.next_frame(&mut buffer).context("not a readable PNG")?;
    let [height, width] = [info.height as usize, info.width as usize];
    let bits = match info.bit_depth {
        png::BitDepth::One => 1,
        png::BitDepth::Two => 2,
        png::BitDepth::Four => 4,
        png::BitDepth::Eight => 8,
        png::BitDepth::Sixteen => bail!("a palette of 16 bits, expected at most 8"),
    };
    Ok(Some(([height, width], unpack(&buffer, [height, width], bits)?)))
}

/// Samples of `bits` bits, rows padded to whole bytes.
fn unpack(packed: &[u8], [height, width]: [usize; 2], bits: usize) -> Result<Vec<f32>> {
    let row_bytes = (width * bits).div_ceil(8);
    if packed.len() < row_bytes * height {
        bail!("{} bytes of pixels, expected {}", packed.len(), row_bytes * height);
    }
    let mask = ((1_u16 << bits) - 1) as u8;
    let sample = |row: &[u8], x: usize| {
        let bit = x * bits;
        row[bit / 8] >> (8 - bits - bit % 8) & mask
    };
    let rows = packed.chunks_exact(row_bytes).take(height);
    Ok(rows.flat_map(|row| (0..width).map(move |x| f32::from(sample(row, x)))).collect())
}

const PALETTE: u64 = 3;
const BLACK_IS_ZERO: u16 = 1;

/// Palette indices of a TIFF; `None` for other files. No decoder here reads palette TIFFs, but indices are grey values
/// with another photometric tag: with that one number changed the `tiff` crate unpacks them, whatever the compression.
fn palette_tiff(bytes: &[u8]) -> Result<Option<Plane>> {
    if !bytes.starts_with(b"II*\0") && !bytes.starts_with(b"MM\0*") {
        return Ok(None);
    }
    let mut decoder = Decoder::new(Cursor::new(bytes)).context("not a readable TIFF")?;
    let samples: u64 = decoder.find_tag_unsigned(Tag::SamplesPerPixel)?.unwrap_or(1);
    if samples != 1 {
        // Colours have a number of bits for each sample.
        return Ok(None);
    }
    let photometric: Option<u64> = decoder.find_tag_unsigned(Tag::PhotometricInterpretation)?;
    let palette = photometric == Some(PALETTE);
    let bits: u64 = decoder.find_tag_unsigned(Tag::BitsPerSample)?.unwrap_or(1);
    if !palette && bits >= 8 {
        return Ok(None);
    }
    if ![1, 2, 4, 8].contains(&bits) {
        let what = if palette { "a palette" } else { "grey values" };
        bail!("{what} of {bits} bits, expected 1, 2, 4 or 8");
    }
    let mut patched = bytes.to_vec();
    if palette {
        set_photometric(&mut patched).context("TIFF directory cut short")?;
    }
    let mut decoder = Decoder::new(Cursor::new(&patched)).context("not a readable TIFF")?;
    let (width, height) = decoder.dimensions()?;
    let DecodingResult::U8(packed) = decoder.read_image().context("not a readable TIFF")? else {
        bail!("TIFF of {bits}-bit samples, expected 1 to 8");
    };
    let size = [height as usize, width as usize];
    Ok(Some((size, unpack(&packed, size, bits as usize)?)))
}

/// Overwrites tag 262 of the first directory; `None` when the file ends before it.
fn set_photometric(file: &mut [u8]) -> Option<()> {
    const TAG: u16 = 262;
    let little = file.first() == Some(&b'I');
    let short = |file: &[u8], at: usize| {
        let two: [u8; 2] = file.get(at..at + 2)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(two) } else { u16::from_be_bytes(two) })
    };
    let four: [u8; 4] = file.get(4..8)?.try_into().ok()?;
    let directory =
        if little { u32::from_le_bytes(four) } else { u32::from_be_bytes(four) } as usize;
    let count = usize::from(short(file, directory)?);
    for entry in (0..count).map(|i| directory + 2 + 12 * i) {
        if short(file, entry)? == TAG {
            let value =
                if little { BLACK_IS_ZERO.to_le_bytes() } else { BLACK_IS_ZERO.to_be_bytes() };
            file.get_mut(entry + 8..entry + 10)?.copy_from_slice(&value);
        }
    }
    Some(())
}

#[cfg(test)]
mod tests;
