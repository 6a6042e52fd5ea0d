//! TIFF files: grey, RGB, CMYK or palette, whole numbers and floats.

use super::picture::{Picture, Purpose, check_size, unpack};
use super::{orientation, pages};
use anyhow::{Context, Result, bail};
use std::io::Cursor;
use tiff::ColorType;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;

type TiffDecoder<'a> = Decoder<Cursor<&'a [u8]>>;

/// Its pages, grey or RGB; for masks palette indices as they are.
///
/// # Errors
/// When it is damaged, or has samples of a kind that is not read, or several meanings of its pages.
pub(super) fn decode(bytes: &[u8], purpose: Purpose, max_bytes: usize) -> Result<Vec<Picture>> {
    let pages = pages::of(&mut open(bytes, max_bytes)?)?;
    // All pages together take no more than one picture may.
    let max_bytes = max_bytes / pages.len().max(1);
    let page = |at: &usize| page(bytes, *at, purpose, max_bytes);
    match &pages[..] {
        [one] => Ok(vec![page(one)?]),
        _ => pages.iter().map(|at| page(at).with_context(|| format!("page {}", at + 1))).collect(),
    }
}

/// The picture of the directory at a place in the file's list.
fn page(bytes: &[u8], at: usize, purpose: Purpose, max_bytes: usize) -> Result<Picture> {
    let mut decoder = at_page(bytes, at, max_bytes)?;
    let tag = decoder.find_tag_unsigned::<u32>(Tag::Orientation).ok().flatten();
    let orientation = tag.and_then(orientation::valid).or_else(|| {
        const XMP: Tag = Tag::Unknown(700);
        orientation::of_xmp(&decoder.find_tag(XMP).ok()??.into_u8_vec().ok()?)
    });
    let picture = if photometric(&mut decoder) == Some(PALETTE) {
        palette(bytes, at, &mut decoder, purpose, max_bytes)?
    } else {
        plain(&mut decoder, max_bytes)?
    };
    Ok(Picture { orientation: orientation.unwrap_or(1), ..picture })
}

fn open(bytes: &[u8], max_bytes: usize) -> Result<TiffDecoder<'_>> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = max_bytes;
    limits.intermediate_buffer_size = max_bytes;
    let big = matches!(bytes.get(..4), Some(b"II\x2b\0" | b"MM\0\x2b"));
    let name = if big { "BigTIFF" } else { "TIFF" };
    let decoder = Decoder::new(Cursor::new(bytes));
    Ok(decoder.with_context(|| format!("not a readable {name}"))?.with_limits(limits))
}

fn at_page(bytes: &[u8], at: usize, max_bytes: usize) -> Result<TiffDecoder<'_>> {
    let mut decoder = open(bytes, max_bytes)?;
    if at > 0 {
        decoder.seek_to_image(at).context("damaged TIFF directory")?;
    }
    Ok(decoder)
}

fn photometric(decoder: &mut TiffDecoder) -> Option<u64> {
    decoder.find_tag_unsigned(Tag::PhotometricInterpretation).ok().flatten()
}

fn plain(decoder: &mut TiffDecoder, max_bytes: usize) -> Result<Picture> {
    let colour = decoder.colortype().context("TIFF of a kind that is not read")?;
    let (width, height) = decoder.dimensions()?;
    let size = [height as usize, width as usize];
    let bits = colour.bit_depth();
    let extra = decoder.find_tag_unsigned_vec::<u16>(Tag::ExtraSamples).ok().flatten();
    let extra = extra.unwrap_or_default();
    let alpha = matches!(extra.first(), Some(1 | 2));
    let channels = match colour {
        ColorType::Gray(1 | 2 | 4 | 8 | 16 | 32 | 64) => 1,
        ColorType::Gray(_) => {
            bail!("grey values of {bits} bits, expected 1, 2, 4, 8, 16, 32 or 64")
        }
        ColorType::Multiband { num_samples: 2, .. } if alpha && bits >= 8 => 2,
        ColorType::Multiband { num_samples, .. } => {
            bail!("TIFF of {num_samples} grey channels, expected one, or RGB")
        }
        ColorType::RGB(8 | 16 | 32 | 64) => 3,
        ColorType::RGBA(8 | 16 | 32 | 64) | ColorType::CMYK(8 | 16) => 4,
        other => bail!("TIFF of {other:?} samples, expected grey, RGB, CMYK or a palette"),
    };
    let further = extra.len().saturating_sub(usize::from(alpha));
    check_size(size, channels * usize::from(bits.div_ceil(8)), max_bytes)?;
    let mut result = DecodingResult::U8(vec![]);
    let layout = decoder.read_image_to_buffer(&mut result).context("damaged TIFF")?;
    if let (DecodingResult::U8(packed), true) = (&result, bits < 8) {
        let samples = unpack(packed, size, usize::from(bits))?;
        let picture =
            Picture::of_samples(size, 1, true, samples, f32::INFINITY)?.of_bits(bits.into());
        return Ok(Picture { white: picture.full_range.map(|[_, white]| white), ..picture });
    }
    let (samples, range) = numbers(result);
    if range.is_none() && photometric(decoder) == Some(WHITE_IS_ZERO) {
        bail!("TIFF of floats whose zero is white, expected black");
    }
    let opaque = range.map_or(1.0, |[_, greatest]| greatest);
    let planar = layout.planes > 1;
    let picture = if matches!(colour, ColorType::CMYK(_)) {
        let rgb = cmyk(&samples, size, planar, opaque)?;
        Picture::of_samples(size, 3, false, rgb, opaque)?
    } else {
        Picture::of_samples(size, channels, planar, samples, opaque)?
    };
    // Nobody means 0 to 4 billion: wide types hold measurements, and their window has to be said.
    let full_range = range.filter(|_| bits <= 16);
    Ok(Picture { further, full_range, ..picture })
}

/// Samples as f32, and the range of their type where it is one of whole numbers.
fn numbers(result: DecodingResult) -> (Vec<f32>, Option<[f32; 2]>) {
    macro_rules! whole {
        ($values:expr, $type:ty) => {
            (
                $values.into_iter().map(|v| v as f32).collect(),
                Some([<$type>::MIN as f32, <$type>::MAX as f32]),
            )
        };
    }
    match result {
        DecodingResult::U8(values) => whole!(values, u8),
        DecodingResult::U16(values) => whole!(values, u16),
        DecodingResult::U32(values) => whole!(values, u32),
        DecodingResult::U64(values) => whole!(values, u64),
        DecodingResult::I8(values) => whole!(values, i8),
        DecodingResult::I16(values) => whole!(values, i16),
        DecodingResult::I32(values) => whole!(values, i32),
        DecodingResult::I64(values) => whole!(values, i64),
        DecodingResult::F16(values) => (values.into_iter().map(f32::from).collect(), None),
        DecodingResult::F32(values) => (values, None),
        DecodingResult::F64(values) => (values.into_iter().map(|v| v as f32).collect(), None),
    }
}

/// RGB `[H, W, 3]` of inks, rounded down to whole numbers.
fn cmyk(samples: &[f32], size: [usize; 2], planar: bool, full: f32) -> Result<Vec<f32>> {
    let pixels = size[0] * size[1];
    if samples.len() < 4 * pixels {
        bail!("{} samples, expected {}", samples.len(), 4 * pixels);
    }
    let ink =
        |i: usize, c: usize| if planar { samples[c * pixels + i] } else { samples[4 * i + c] };
    let light = |i: usize, c: usize| ((full - ink(i, c)) * (1.0 - ink(i, 3) / full)).trunc();
    Ok((0..pixels).flat_map(|i| [0, 1, 2].map(|c| light(i, c))).collect())
}

const WHITE_IS_ZERO: u64 = 0;
const PALETTE: u64 = 3;
const BLACK_IS_ZERO: u16 = 1;

/// No decoder here reads palette TIFFs, but indices are grey values with another photometric tag: with that one number
/// changed the `tiff` crate unpacks them, whatever the compression.
fn palette(
    bytes: &[u8],
    at: usize,
    decoder: &mut TiffDecoder,
    purpose: Purpose,
    max_bytes: usize,
) -> Result<Picture> {
    let bits: u64 = decoder.find_tag_unsigned(Tag::BitsPerSample)?.unwrap_or(1);
    let samples: u64 = decoder.find_tag_unsigned(Tag::SamplesPerPixel)?.unwrap_or(1);
    if ![1, 2, 4, 8].contains(&bits) {
        bail!("a palette of {bits} bits, expected 1, 2, 4 or 8");
    }
    if samples != 1 {
        bail!("a palette and {samples} samples for each pixel, expected one");
    }
    let mut patched = bytes.to_vec();
    let directory = decoder.ifd_pointer().map_or(0, |pointer| pointer.0);
    set_photometric(&mut patched, directory).context("TIFF directory cut short")?;
    let indices = plain(&mut at_page(&patched, at, max_bytes)?, max_bytes)?;
    if purpose == Purpose::Mask {
        return Ok(Picture { white: None, ..indices });
    }
    let map: Vec<u16> =
        decoder.find_tag_unsigned_vec(Tag::ColorMap)?.context("a palette without colours")?;
    let colours = 1_usize << bits;
    if map.len() != 3 * colours {
        bail!("a palette of {} numbers, expected {}", map.len(), 3 * colours);
    }
    // 16 bits by the standard; some writers put 8 (libtiff looks at them the same way).
    let shift = if map.iter().all(|value| *value < 256) { 0 } else { 8 };
    let look_up = |channel: usize| {
        let map = &map[channel * colours..(channel + 1) * colours];
        indices.values.iter().map(move |index| f32::from(map[*index as usize] >> shift))
    };
    let values = (0..3).flat_map(look_up).collect();
    Ok(Picture::of_samples(indices.size, 3, true, values, 255.0)?.of_bits(8))
}

/// Overwrites tag 262 of a directory; `None` when the file ends before it.
fn set_photometric(file: &mut [u8], directory: u64) -> Option<()> {
    const TAG: u64 = 262;
    let little = file.first() == Some(&b'I');
    let number = |file: &[u8], at: usize, bytes: usize| {
        let bytes = file.get(at..at.checked_add(bytes)?)?;
        let add = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        Some(if little { bytes.iter().rev().fold(0, add) } else { bytes.iter().fold(0, add) })
    };
    let big = number(file, 2, 2)? == 43;
    let [count_bytes, entry_bytes, value_at] = if big { [8, 20, 12] } else { [2, 12, 8] };
    let directory = usize::try_from(directory).ok()?;
    let count = number(file, directory, count_bytes)?;
    for i in 0..usize::try_from(count).ok()? {
        let entry = i.checked_mul(entry_bytes)?.checked_add(directory)?.checked_add(count_bytes)?;
        if number(file, entry, 2)? == TAG {
            let value =
                if little { BLACK_IS_ZERO.to_le_bytes() } else { BLACK_IS_ZERO.to_be_bytes() };
            file.get_mut(entry + value_at..entry + value_at + 2)?.copy_from_slice(&value);
        }
    }
    Some(())
}
