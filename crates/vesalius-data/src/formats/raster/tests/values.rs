//! What the numbers of a mask mean, and transparency.

use super::*;
use image::{GrayAlphaImage, LumaA, Rgba, RgbaImage};

fn grey(values: &[u8]) -> Vec<u8> {
    png_of(GrayImage::from_raw(values.len() as u32, 1, values.to_vec()).unwrap())
}

fn deep(values: &[u16]) -> ImageBuffer<Luma<u16>, Vec<u16>> {
    ImageBuffer::from_raw(values.len() as u32, 1, values.to_vec()).unwrap()
}

fn refusal(bytes: &[u8], classes: usize) -> String {
    let error = mask(bytes, classes).unwrap_err().to_string();
    assert!(!error.contains('\n'), "{error}");
    error
}

#[test]
fn of_two_classes_255_and_65535_alone_mean_on() {
    for values in [[0, 255, 0], [0, 1, 0], [255, 255, 255], [0, 0, 0], [1, 1, 1]] {
        let on = values.map(|value| u8::from(value > 0));
        assert_eq!(mask(&grey(&values), 2).unwrap().values, on);
    }
    for values in [[0, 65535, 0], [0, 255, 0], [0, 1, 0], [65535, 65535, 65535]] {
        let on = values.map(|value| u8::from(value > 0));
        for format in [ImageFormat::Png, ImageFormat::Tiff] {
            let file = encoded(deep(&values), format);
            assert_eq!(mask(&file, 2).unwrap().values, on, "{values:?}");
        }
    }
}

#[test]
fn of_two_classes_any_other_number_is_refused_even_where_it_stands_alone() {
    for other in [2, 3, 127, 128, 254] {
        let expected = format!("label value {other}, expected 0 to 1, or 0 and 255 alone");
        for values in [[0, other, 0], [other, other, other], [0, 1, other], [0, 255, other]] {
            assert_eq!(refusal(&grey(&values), 2), expected, "{values:?}");
        }
    }
    assert!(refusal(&grey(&[0, 1, 255]), 2).starts_with("label value 255, expected 0 to 1"));
    for values in [[0, 256, 0], [0, 255, 65535], [0, 1, 65535], [0, 32768, 0]] {
        assert!(refusal(&png_of(deep(&values)), 2).starts_with("label value"), "{values:?}");
    }
}

#[test]
fn of_more_classes_every_number_is_its_own() {
    assert_eq!(
        mask(&grey(&[0, 255, 2]), 3).unwrap().values,
        [0, 255, 2],
        "refused by the check of labels"
    );
    assert!(refusal(&png_of(deep(&[0, 65535])), 3).contains("label value 65535"));
}

/// A grey PNG of one row, samples packed by hand.
fn packed(bits: ::png::BitDepth, width: u32, row: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = ::png::Encoder::new(&mut bytes, width, 1);
    encoder.set_color(::png::ColorType::Grayscale);
    encoder.set_depth(bits);
    encoder.write_header().unwrap().write_image_data(row).unwrap();
    bytes
}

#[test]
fn samples_of_few_bits_are_labels_and_their_white_is_told() {
    let two = packed(::png::BitDepth::Two, 4, &[0b00_01_10_11]);
    assert_eq!(mask(&two, 4).unwrap().values, [0, 1, 2, 3]);
    assert!(refusal(&two, 2).starts_with("label value 2"));
    let one = mask_noted(&packed(::png::BitDepth::One, 4, &[0b0101_0000]), 2).unwrap();
    assert_eq!((one.value.values, one.notes.len()), (vec![0, 1, 0, 1], 0));
    let white = mask_noted(&packed(::png::BitDepth::Four, 2, &[0x0F]), 2).unwrap();
    assert_eq!(white.value.values, [0, 1]);
    assert_eq!(white.notes, ["value 15, white of the file's type, taken for 1"]);
    // An image of the same file is what a viewer shows.
    assert_eq!(image(&two).unwrap().values, [0.0, 85.0, 170.0, 255.0]);
}

#[test]
fn a_mask_whose_shape_is_in_the_transparency_is_refused_in_every_format() {
    let alpha = |x: u32| if x == 1 { 255 } else { 0 };
    let grey = GrayAlphaImage::from_fn(3, 1, |x, _| LumaA([255, alpha(x)]));
    let colour = RgbaImage::from_fn(3, 1, |x, _| Rgba([255, 255, 255, alpha(x)]));
    let files = [
        png_of(grey),
        png_of(colour.clone()),
        encoded(colour.clone(), ImageFormat::Tiff),
        encoded(colour, ImageFormat::Bmp),
        png_of(RgbaImage::from_pixel(3, 1, Rgba([0, 0, 0, 254]))),
    ];
    for file in files {
        let error = refusal(&file, 2);
        assert!(error.starts_with("a mask with transparency ("), "{error}");
        assert!(error.contains("of 3 pixels are not opaque), expected grey or palette"), "{error}");
    }
}

#[test]
fn transparency_that_is_opaque_everywhere_is_none() {
    let grey = GrayAlphaImage::from_fn(3, 1, |x, _| LumaA([255 * (x as u8 % 2), 255]));
    let colour =
        RgbaImage::from_fn(3, 1, |x, _| Rgba([x as u8 % 2, x as u8 % 2, x as u8 % 2, 255]));
    for file in [png_of(grey), png_of(colour.clone()), encoded(colour, ImageFormat::Tiff)] {
        assert_eq!(mask(&file, 2).unwrap().values, [0, 1, 0]);
        assert_eq!(image_noted(&file).unwrap().notes, [""; 0]);
    }
}

#[test]
fn a_palette_with_transparent_colours_is_refused_where_they_are_used() {
    let file = |transparency: &[u8]| {
        let mut bytes = Vec::new();
        let mut encoder = ::png::Encoder::new(&mut bytes, 3, 1);
        encoder.set_color(::png::ColorType::Indexed);
        encoder.set_palette(vec![0, 0, 0, 255, 0, 0, 0, 255, 0]);
        encoder.set_trns(transparency.to_vec());
        encoder.write_header().unwrap().write_image_data(&[0, 1, 1]).unwrap();
        bytes
    };
    assert!(refusal(&file(&[0]), 2).contains("(1 of 3 pixels are not opaque)"));
    assert!(refusal(&file(&[255, 128]), 2).contains("(2 of 3 pixels are not opaque)"));
    assert_eq!(mask(&file(&[255, 255, 0]), 2).unwrap().values, [0, 1, 1], "colour 2 is not used");
}

#[test]
fn transparency_of_an_image_is_told() {
    let picture = RgbaImage::from_fn(2, 1, |x, _| Rgba([7, 8, 9, 255 * x as u8]));
    for format in [ImageFormat::Png, ImageFormat::Tiff] {
        let read = image_noted(&encoded(picture.clone(), format)).unwrap();
        assert_eq!(read.value.values, [7.0, 7.0, 8.0, 8.0, 9.0, 9.0]);
        assert!(read.notes[0].starts_with("transparency is not used"), "{:?}", read.notes);
    }
}
