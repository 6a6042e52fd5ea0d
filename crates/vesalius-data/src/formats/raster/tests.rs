mod golden;
mod stacks;
mod values;

use super::*;
use image::{GrayImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage};

/// A file of a format.
fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn png_of(image: impl Into<DynamicImage>) -> Vec<u8> {
    encoded(image, ImageFormat::Png)
}

#[test]
fn masks_of_0_and_255_and_of_indices_are_read_alike() {
    for white in [1, 255] {
        let picture = GrayImage::from_fn(3, 2, |x, _| Luma([if x == 1 { white } else { 0 }]));
        assert_eq!(mask(&png_of(picture), 2).unwrap().values, [0, 1, 0, 0, 1, 0]);
    }
    let many = GrayImage::from_fn(3, 1, |x, _| Luma([x as u8]));
    assert_eq!(mask(&png_of(many), 3).unwrap().values, [0, 1, 2]);
    let red = RgbImage::from_pixel(2, 1, Rgb([255, 0, 0]));
    assert!(mask(&png_of(red), 2).unwrap_err().to_string().contains("colours"));
}

#[test]
fn a_mask_whose_grey_is_stored_as_colour_or_in_16_bits_is_a_mask() {
    let grey_as_rgb = RgbImage::from_fn(2, 1, |x, _| Rgb([255 * x as u8; 3]));
    let deep = ImageBuffer::<Luma<u16>, Vec<u16>>::from_fn(3, 1, |x, _| Luma([x as u16]));
    for format in [ImageFormat::Png, ImageFormat::Tiff, ImageFormat::Bmp] {
        assert_eq!(mask(&encoded(grey_as_rgb.clone(), format), 2).unwrap().values, [0, 1]);
    }
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        assert_eq!(mask(&encoded(deep.clone(), format), 3).unwrap().values, [0, 1, 2]);
    }
}

#[test]
fn colour_becomes_planes() {
    let picture = RgbImage::from_fn(2, 1, |x, _| Rgb([x as u8, 10, 20]));
    let volume = image(&png_of(picture)).unwrap();
    assert_eq!((volume.channels, volume.values), (3, vec![0.0, 1.0, 10.0, 10.0, 20.0, 20.0]));
}

#[test]
fn sixteen_bits_keep_their_values_and_their_range() {
    let grey = ImageBuffer::<Luma<u16>, Vec<u16>>::from_fn(2, 1, |x, _| Luma([40000 + x as u16]));
    let colour = ImageBuffer::<Rgb<u16>, Vec<u16>>::from_pixel(1, 1, Rgb([40000, 7, 65535]));
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let volume = image(&encoded(grey.clone(), format)).unwrap();
        assert_eq!((volume.channels, volume.full_range), (1, Some([0.0, 65535.0])));
        assert_eq!(volume.values, [40000.0, 40001.0]);
        let volume = image(&encoded(colour.clone(), format)).unwrap();
        assert_eq!((volume.channels, volume.full_range), (3, Some([0.0, 65535.0])));
        assert_eq!(volume.values, [40000.0, 7.0, 65535.0]);
    }
}

#[test]
fn a_grey_jpeg_is_grey_within_a_few_levels() {
    let ramp = GrayImage::from_fn(16, 24, |x, y| Luma([(8 * x + 4 * y) as u8]));
    let volume = image(&encoded(ramp.clone(), ImageFormat::Jpeg)).unwrap();
    assert_eq!((volume.channels, volume.height, volume.width), (1, 24, 16));
    assert_eq!(volume.full_range, Some([0.0, 255.0]));
    let far = ramp.iter().zip(&volume.values).map(|(a, b)| (f32::from(*a) - b).abs());
    assert!(far.fold(0.0, f32::max) <= 6.0, "{:?}", volume.values);
}

/// A palette TIFF of one uncompressed strip, as scanners' software writes them.
fn palette_file(bits: u16, [height, width]: [u32; 2], packed: &[u8], little: bool) -> Vec<u8> {
    const SHORT: u16 = 3;
    const LONG: u16 = 4;
    let short = |v: u16| if little { v.to_le_bytes() } else { v.to_be_bytes() };
    let long = |v: u32| if little { v.to_le_bytes() } else { v.to_be_bytes() };
    let colours = vec![0_u8; 6_usize << bits];
    let colours_at = 8 + packed.len() as u32;
    let directory = colours_at + colours.len() as u32;
    let entries: [(u16, u16, u32, u32); 10] = [
        (256, LONG, 1, width),
        (257, LONG, 1, height),
        (258, SHORT, 1, u32::from(bits)),
        (259, SHORT, 1, 1),
        (262, SHORT, 1, 3),
        (273, LONG, 1, 8),
        (277, SHORT, 1, 1),
        (278, LONG, 1, height),
        (279, LONG, 1, packed.len() as u32),
        (320, SHORT, 3_u32 << bits, colours_at),
    ];
    let mut file = if little { b"II*\0".to_vec() } else { b"MM\0*".to_vec() };
    file.extend(long(directory));
    file.extend(packed);
    file.extend(colours);
    file.extend(short(entries.len() as u16));
    for (tag, kind, count, value) in entries {
        file.extend(short(tag));
        file.extend(short(kind));
        file.extend(long(count));
        if kind == SHORT && count == 1 {
            // A short fills the first half of its field.
            file.extend(short(value as u16));
            file.extend([0; 2]);
        } else {
            file.extend(long(value));
        }
    }
    file.extend([0; 4]);
    file
}

#[test]
fn palette_indices_of_a_tiff_are_labels_at_every_depth_and_in_both_byte_orders() {
    let files: [(u16, &[u8], [u8; 6]); 4] = [
        // Rows of three pixels, padded to whole bytes.
        (1, &[0b0100_0000, 0b1010_0000], [0, 1, 0, 1, 0, 1]),
        (2, &[0b0001_1000, 0b1100_0100], [0, 1, 2, 3, 0, 1]),
        (4, &[0x01, 0x20, 0x30, 0x10], [0, 1, 2, 3, 0, 1]),
        (8, &[0, 1, 2, 3, 0, 1], [0, 1, 2, 3, 0, 1]),
    ];
    for (bits, packed, expected) in files {
        for little in [true, false] {
            let labels = mask(&palette_file(bits, [2, 3], packed, little), 4).unwrap();
            assert_eq!((labels.height, labels.width), (2, 3));
            assert_eq!(labels.values, expected, "{bits} bits, little endian: {little}");
        }
    }
}

#[test]
fn a_palette_of_an_odd_number_of_bits_is_refused_in_one_line() {
    for bits in [3_u16, 5, 6, 7] {
        let packed = vec![0_u8; 2 * usize::from(3 * bits).div_ceil(8)];
        let error = mask(&palette_file(bits, [2, 3], &packed, true), 4).unwrap_err().to_string();
        let expected = format!("palette of {bits} bits, expected 1, 2, 4 or 8");
        assert!(error.contains(&expected), "{error}");
    }
}

fn has_avx2() -> bool {
    #[cfg(target_arch = "x86_64")]
    return std::is_x86_feature_detected!("avx2");
    #[cfg(not(target_arch = "x86_64"))]
    false
}

/// Found by fuzzing: sampling factors that the decoder's vector code asserts away.
#[test]
fn a_jpeg_at_which_its_decoder_panics_is_an_error_in_one_line() {
    let path = "../../fuzz/seeds/raster_mask/jpeg-sampled-finer-in-colour.jpg";
    let bytes = std::fs::read(path).unwrap();
    for error in [mask(&bytes, 2).err(), image(&bytes).err()] {
        // Without those vector instructions it is read, or refused by itself.
        let line = error.map_or_else(String::new, |error| format!("{error:#}"));
        assert!(!line.contains('\n'), "{line}");
        assert!(!has_avx2() || line.contains("its decoder"), "{line}");
    }
}

/// Found by fuzzing: a palette that ends within a colour, and a pixel that asks for that colour.
#[test]
fn a_png_at_which_its_decoder_panics_is_an_error_in_one_line() {
    let path = "../../fuzz/seeds/raster_image/png-palette-cut-within-a-colour.png";
    let error = format!("{:#}", image(&std::fs::read(path).unwrap()).unwrap_err());
    assert!(error.contains("its decoder") && !error.contains('\n'), "{error}");
}
