//! Images as readers get them: real and synthetic through one encoder that leaves no trace but the picture.

use anyhow::{Context as _, Result};
use vesalius_data::pack::manifest::SliceShape;
use vesalius_data::pictures::montage::eight_bits;

/// PNG of a slice's pixels `[C, H, W]`, at 8 bits; of a volume its planes, one below the other. Stored without compression,
/// without filter and without any text or time, so that every picture of a layout has the same number of bytes and differs
/// from others in its pixels and their checksums alone: how well a picture compresses would tell a smooth synthetic one from a noisy real one.
///
/// # Errors
/// When the channels are neither 1 nor 3.
pub fn png(pixels: &[u8], slice_shape: SliceShape) -> Result<Vec<u8>> {
    let of_plane = SliceShape { planes: 1, ..slice_shape };
    let size = slice_shape.height * slice_shape.width;
    let bytes: Vec<u8> = pixels
        .chunks_exact(of_plane.pixel_bytes())
        .flat_map(|plane| {
            (0..size).flat_map(move |at| {
                (0..of_plane.channels).map(move |c| eight_bits(plane, of_plane, c, at))
            })
        })
        .collect();
    let colour = match slice_shape.channels {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        other => anyhow::bail!("{other} channels, expected 1 or 3"),
    };
    encode(&bytes, slice_shape, colour)
}

/// PNG of a label map `[(D,) H, W]`, planes one below the other: grey values are labels.
///
/// # Errors
/// None but those of the encoder.
pub fn mask_png(labels: &[u8], slice_shape: SliceShape) -> Result<Vec<u8>> {
    encode(labels, slice_shape, png::ColorType::Grayscale)
}

fn encode(bytes: &[u8], slice_shape: SliceShape, colour: png::ColorType) -> Result<Vec<u8>> {
    let mut file = Vec::new();
    let height = slice_shape.height * slice_shape.planes;
    let mut encoder = png::Encoder::new(&mut file, slice_shape.width as u32, height as u32);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::NoCompression);
    encoder.set_filter(png::Filter::NoFilter);
    let mut writer = encoder.write_header().context("PNG")?;
    writer.write_image_data(bytes).context("PNG")?;
    writer.finish().context("PNG")?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use vesalius_data::pack::manifest::PixelType;

    #[test]
    fn pictures_differ_in_pixels_and_checksums_alone() {
        let slice_shape =
            SliceShape { channels: 1, planes: 1, height: 32, width: 40, pixel_type: PixelType::U8 };
        let flat = vec![7_u8; 32 * 40];
        let noisy: Vec<u8> =
            (0..32 * 40_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        let (a, b) = (png(&flat, slice_shape).unwrap(), png(&noisy, slice_shape).unwrap());
        assert_eq!(a.len(), b.len());
        for (file, pixels) in [(&a, &flat), (&b, &noisy)] {
            let read = image::load_from_memory(file).unwrap().to_luma8();
            assert_eq!((read.width(), read.height()), (40, 32));
            assert_eq!(read.as_raw(), pixels);
            let text = String::from_utf8_lossy(file);
            for chunk in ["tEXt", "tIME", "pHYs", "gAMA", "iCCP", "eXIf"] {
                assert!(!text.contains(chunk), "{chunk}");
            }
        }
        // Width, height, type and everything up to the pixels.
        assert_eq!(a[..37], b[..37]);
    }

    #[test]
    fn planes_of_a_volume_lie_one_below_the_other() {
        let shape =
            SliceShape { channels: 3, planes: 2, height: 1, width: 2, pixel_type: PixelType::U8 };
        let file = png(&[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12], shape).unwrap();
        let read = image::load_from_memory(&file).unwrap().to_rgb8();
        assert_eq!((read.width(), read.height()), (2, 2));
        assert_eq!(read.as_raw(), &[1, 3, 5, 2, 4, 6, 7, 9, 11, 8, 10, 12]);
        let mask = image::load_from_memory(&mask_png(&[1, 2, 3, 4], shape).unwrap()).unwrap();
        assert_eq!(mask.to_luma8().as_raw(), &[1, 2, 3, 4]);
    }

    #[test]
    fn sixteen_bits_show_their_high_byte() {
        let wide =
            SliceShape { channels: 3, planes: 1, height: 1, width: 2, pixel_type: PixelType::U16 };
        let file = png(&[0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6], wide).unwrap();
        let read = image::load_from_memory(&file).unwrap().to_rgb8();
        assert_eq!(read.as_raw(), &[1, 3, 5, 2, 4, 6]);
    }
}
