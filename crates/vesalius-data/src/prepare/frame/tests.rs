use super::*;
use crate::pack::manifest::PixelType;
use crate::prepare::settings::{SliceChoice, Window};
use crate::volume::{Labels, Volume};

/// Two slices of 8 x 10: in the first, rows 2 to 4 and columns 3 to 5 are bright; in the second, one pixel of row 5.
/// The labels are the bright pixels.
fn case() -> Case {
    let [height, width] = [8, 10];
    let mut values = vec![1.0_f32; 2 * height * width];
    for row in 2..5 {
        for column in 3..6 {
            values[row * width + column] = 100.0;
        }
    }
    values[height * width + 5 * width + 4] = 50.0;
    let labels = values.iter().map(|&v| u8::from(v > 10.0)).collect();
    let volume = Volume::new([2, 1, height, width], values);
    let labels = Labels { slices: 2, height, width, values: labels };
    Case { spacing_mm: Some([0.5, 2.0]), ..Case::new(volume, labels) }
}

fn settings(size: [usize; 2], spacing_mm: Option<f64>, crop: Crop) -> Preprocess {
    Preprocess {
        orientation: None,
        size,
        spacing_mm,
        crop,
        window: Window::Range { low: 0.0, high: 100.0 },
        depth: PixelType::U8,
        channels: None,
        modalities: None,
        slices: SliceChoice::All,
        volume: None,
    }
}

/// Top, left, height, width of the frame.
fn frame(settings: &Preprocess) -> [f64; 4] {
    let Frame { top, left, height, width } = Frame::of(&case(), settings, &[5.0]).unwrap();
    [top, left, height, width]
}

#[test]
fn the_foreground_is_the_bounding_box_over_all_slices() {
    let crop = |margin| Crop::Foreground { margin };
    // Rows 2 to 5, columns 3 to 5.
    assert_eq!(frame(&settings([8, 6], None, crop(0))), [2.0, 3.0, 4.0, 3.0]);
    // One pixel around it, then widened about its centre to the slice's aspect ratio.
    assert_eq!(frame(&settings([6, 6], None, crop(1))), [1.0, 1.5, 6.0, 6.0]);
    assert_eq!(frame(&settings([6, 12], None, crop(1))), [1.0, -1.5, 6.0, 12.0]);
    // A margin ends at the image.
    assert_eq!(frame(&settings([4, 5], None, crop(99))), [0.0, 0.0, 8.0, 10.0]);
    let error = Frame::of(&case(), &settings([4, 4], None, crop(0)), &[100.0]).unwrap_err();
    assert!(error.to_string().contains("nothing brighter than 100"), "{error}");
}

#[test]
fn crops_lie_about_the_centre_of_the_image_or_of_the_labels_in_whole_pixels() {
    let centre = |size| settings([4, 4], None, Crop::Centre { size });
    assert_eq!(frame(&centre([4, 4])), [2.0, 3.0, 4.0, 4.0]);
    assert_eq!(frame(&centre([5, 5])), [1.0, 2.0, 5.0, 5.0]);
    // Larger than the image: outside is background.
    assert_eq!(frame(&centre([12, 12])), [-2.0, -1.0, 12.0, 12.0]);
    // Nine labelled pixels about (3.5, 4.5), one at (5.5, 4.5).
    let labels = settings([4, 4], None, Crop::Labels { size: [2, 2] });
    assert_eq!(frame(&labels), [2.0, 3.0, 2.0, 2.0]);
    let mut empty = case();
    empty.labels.values.fill(0);
    let error = Frame::of(&empty, &labels, &[5.0]).unwrap_err().to_string();
    assert!(error.contains("no labelled pixel"), "{error}");
}

#[test]
fn with_a_spacing_sizes_count_pixels_of_that_spacing() {
    // 1 mm is two source rows and half a source column.
    let whole = settings([4, 4], Some(1.0), Crop::None {});
    assert_eq!(frame(&whole), [0.0, 4.0, 8.0, 2.0]);
    let part = settings([4, 4], Some(1.0), Crop::Centre { size: [2, 6] });
    assert_eq!(frame(&part), [2.0, 3.5, 4.0, 3.0]);
    let mut unknown = case();
    unknown.spacing_mm = None;
    let error = Frame::of(&unknown, &whole, &[5.0]).unwrap_err().to_string();
    assert!(error.contains("no spacing in the header"), "{error}");
}

#[test]
fn without_a_crop_everything_is_kept_and_padded_to_the_aspect_ratio() {
    assert_eq!(frame(&settings([8, 10], None, Crop::None {})), [0.0, 0.0, 8.0, 10.0]);
    assert_eq!(frame(&settings([4, 4], None, Crop::None {})), [-1.0, 0.0, 10.0, 10.0]);
    assert_eq!(frame(&settings([4, 8], None, Crop::None {})), [0.0, -3.0, 8.0, 16.0]);
}

#[test]
fn what_a_frame_cuts_off_is_counted_in_labelled_pixels() {
    let case = case();
    let share =
        |top, left, height, width| Frame { top, left, height, width }.cut_off(&case, &|_| true);
    assert_eq!(share(0.0, 0.0, 8.0, 10.0), 0.0);
    // Without row 5, which holds one of the ten.
    assert_eq!(share(2.0, 3.0, 3.0, 3.0), 0.1);
    assert_eq!(share(0.0, 6.0, 8.0, 4.0), 1.0);
}

#[test]
fn padding_is_no_foreground_whatever_value_it_has() {
    let mut padded = case();
    let settings = settings([3, 3], None, Crop::Foreground { margin: 0 });
    let whole = Frame::of(&padded, &settings, &[5.0]).unwrap();
    // A bright frame around both slices.
    let [height, width] = [8, 10];
    padded.volume.padding = vec![false; 2 * height * width];
    for i in 0..2 * height * width {
        let (y, x) = (i / width % height, i % width);
        if y == 0 || y == height - 1 || x == 0 || x == width - 1 {
            padded.volume.padding[i] = true;
            padded.volume.values[i] = 900.0;
        }
    }
    assert_eq!(Frame::of(&padded, &settings, &[5.0]).unwrap(), whole);
    padded.volume.padding.clear();
    assert_ne!(Frame::of(&padded, &settings, &[5.0]).unwrap(), whole);
}
