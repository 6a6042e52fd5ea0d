//! TIFF: several pages, and samples of every type.

use super::*;
use ::tiff::encoder::colortype::{self, ColorType};
use ::tiff::encoder::{TiffEncoder, TiffKind, TiffValue};
use ::tiff::tags::Tag;

/// Pages of 2x3 pixels with these values and tags.
fn pages<K: TiffKind>(mut encoder: TiffEncoder<&mut Cursor<Vec<u8>>, K>, tags: &[&[(Tag, u32)]]) {
    for (page, tags) in tags.iter().enumerate() {
        let mut image = encoder.new_image::<colortype::Gray8>(3, 2).unwrap();
        for (tag, value) in *tags {
            image.encoder().write_tag(*tag, *value).unwrap();
        }
        image.write_data(&[page as u8; 6]).unwrap();
    }
}

fn stack(tags: &[&[(Tag, u32)]]) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    pages(TiffEncoder::new(&mut file).unwrap(), tags);
    file.into_inner()
}

#[test]
fn a_stack_is_slices_of_a_volume_and_refused_where_one_picture_is_expected() {
    let mut big = Cursor::new(Vec::new());
    pages(TiffEncoder::new_big(&mut big).unwrap(), &[&[], &[], &[]]);
    let third_is_small: [&[(Tag, u32)]; 4] = [&[], &[], &[(Tag::NewSubfileType, 1)], &[]];
    for file in [stack(&[&[], &[], &[]]), big.into_inner(), stack(&third_is_small)] {
        for error in [image(&file).unwrap_err(), mask(&file, 4).unwrap_err()] {
            let error = format!("{error:#}");
            assert!(error.starts_with("TIFF of 3 pages, expected one"), "{error}");
        }
        let noted = image_noted(&file).unwrap();
        assert_eq!(noted.value.shape(), [3, 1, 2, 3]);
        let last = noted.value.values[12];
        assert!(last == 2.0 || last == 3.0, "{last}: the small copy is no slice");
        assert_eq!(noted.value.values, [[0.0; 6], [1.0; 6], [last; 6]].concat());
        assert_eq!(noted.notes, ["TIFF of 3 pages: slices of one volume"]);
        let labels = mask_noted(&file, 4).unwrap().value;
        assert_eq!((labels.slices, labels.values[6], labels.values[17]), (3, 1, last as u8));
        assert!(mask_noted(&file, 2).is_err(), "labels 2 and 3");
        assert!(image_within(&file, 17).is_err(), "18 bytes of pixels");
    }
    let deep = stack(&[&[(Tag::Unknown(32997), 5)]]);
    assert!(image(&deep).unwrap_err().to_string().contains("5 pages, and 1 of them"));
}

#[test]
fn pages_that_do_not_fit_each_other_are_refused() {
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    encoder.write_image::<colortype::Gray8>(3, 2, &[0; 6]).unwrap();
    encoder.write_image::<colortype::Gray8>(2, 3, &[0; 6]).unwrap();
    let error = image_noted(&file.into_inner()).unwrap_err().to_string();
    assert!(error.contains("pages 1 and 2 differ") && error.contains("2x3 and 3x2"), "{error}");
    let turned = stack(&[&[], &[(Tag::Orientation, 3)]]);
    assert!(image_noted(&turned).unwrap_err().to_string().contains("orientation"));
}

#[test]
fn small_copies_and_transparency_masks_are_no_pages() {
    let beside: [&[(Tag, u32)]; 4] =
        [&[], &[(Tag::NewSubfileType, 1)], &[(Tag::NewSubfileType, 4)], &[(Tag::Unknown(255), 2)]];
    let file = stack(&beside);
    assert_eq!(image(&file).unwrap().values, [0.0; 6]);
    assert_eq!(mask(&file, 2).unwrap().values, [0; 6]);
    let small_first = stack(&[&[(Tag::NewSubfileType, 1)], &[]]);
    let error = image(&small_first).unwrap_err().to_string();
    assert!(error.contains("first page is a reduced copy"), "{error}");
    assert!(image(&stack(&[&[(Tag::NewSubfileType, 1)]])).is_ok(), "nothing else to be found");
}

#[test]
fn pages_that_only_a_description_tells_of_are_counted() {
    let file = |text: &str| {
        let mut file = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).unwrap();
        let mut image = encoder.new_image::<colortype::Gray8>(3, 2).unwrap();
        image.encoder().write_tag(Tag::ImageDescription, text).unwrap();
        image.write_data(&[0; 6]).unwrap();
        file.into_inner()
    };
    let pages = |text: &str| image(&file(text)).map(|_| 1).map_err(|error| error.to_string());
    assert!(pages("ImageJ=1.53t\nimages=7\nslices=7\n").unwrap_err().contains("7 pages"));
    assert!(pages("ImageJ=1.53t\nimages=6\nchannels=2\n").unwrap_err().contains("channels=2"));
    assert!(pages(r#"{"shape": [4, 2, 3]}"#).unwrap_err().contains("4 pages"));
    for one in ["ImageJ=1.53t\nunit=um\n", r#"{"shape": [2, 3]}"#, "a heart", "{}"] {
        assert_eq!(pages(one), Ok(1), "{one}");
    }
}

/// A grey file of 1x3 samples of a type.
fn samples<C: ColorType>(values: &[C::Inner]) -> Vec<u8>
where
    [C::Inner]: TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    TiffEncoder::new(&mut file).unwrap().write_image::<C>(3, 1, values).unwrap();
    file.into_inner()
}

/// A file, its values, the range of its type.
type Sampled = (Vec<u8>, [f32; 3], Option<[f32; 2]>);

#[test]
fn samples_of_every_type_are_their_numbers_and_only_narrow_types_have_a_range() {
    let files: [Sampled; 6] = [
        (samples::<colortype::Gray8>(&[0, 7, 255]), [0.0, 7.0, 255.0], Some([0.0, 255.0])),
        (samples::<colortype::GrayI8>(&[-3, 7, 127]), [-3.0, 7.0, 127.0], Some([-128.0, 127.0])),
        (
            samples::<colortype::GrayI16>(&[-1000, 0, 3071]),
            [-1000.0, 0.0, 3071.0],
            Some([-32768.0, 32767.0]),
        ),
        (samples::<colortype::Gray32>(&[0, 7, 70000]), [0.0, 7.0, 70000.0], None),
        (samples::<colortype::Gray32Float>(&[-0.5, 0.25, 3000.0]), [-0.5, 0.25, 3000.0], None),
        (samples::<colortype::Gray64Float>(&[-0.5, 0.25, 3000.0]), [-0.5, 0.25, 3000.0], None),
    ];
    for (file, values, range) in files {
        let volume = image(&file).unwrap();
        assert_eq!(volume.values, values);
        assert_eq!(volume.full_range, range, "{values:?}");
    }
}

#[test]
fn label_files_of_wide_types_are_masks() {
    assert_eq!(mask(&samples::<colortype::Gray32>(&[0, 2, 1]), 3).unwrap().values, [0, 2, 1]);
    assert_eq!(
        mask(&samples::<colortype::Gray32Float>(&[0.0, 1.0, 1.0]), 2).unwrap().values,
        [0, 1, 1]
    );
    assert_eq!(mask(&samples::<colortype::GrayI16>(&[0, 255, 0]), 2).unwrap().values, [0, 1, 0]);
    for error in [
        mask(&samples::<colortype::Gray32Float>(&[0.0, 0.9999, 1.0]), 2),
        mask(&samples::<colortype::Gray32Float>(&[0.0, f32::NAN, 1.0]), 2),
        mask(&samples::<colortype::GrayI16>(&[0, -1, 0]), 2),
        mask(&samples::<colortype::Gray32>(&[0, 65536, 0]), 2),
    ] {
        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("label value"), "{error}");
    }
}

#[test]
fn cmyk_is_rgb_and_truncated_files_are_refused() {
    let mut file = Cursor::new(Vec::new());
    let inks = [255, 0, 0, 0, 0, 0, 0, 255, 0, 255, 0, 51];
    TiffEncoder::new(&mut file).unwrap().write_image::<colortype::CMYK8>(3, 1, &inks).unwrap();
    let file = file.into_inner();
    let volume = image(&file).unwrap();
    assert_eq!(volume.values, [0.0, 0.0, 204.0, 255.0, 0.0, 0.0, 255.0, 0.0, 204.0]);
    for length in 0..file.len() - 1 {
        assert!(image(&file[..length]).is_err(), "{length} of {} bytes", file.len());
    }
}
