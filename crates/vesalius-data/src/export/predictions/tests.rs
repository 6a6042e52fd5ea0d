//! Slices are laid back where they were cut out, whatever the crop, the spacing and the size of the slice.

use super::*;
use crate::pack::manifest::PixelType;
use crate::prepare::preprocess::prepare_case;
use crate::prepare::settings::{Crop, Preprocess, SliceChoice, Window};
use crate::volume::{Case, Volume};

const ROWS: usize = 40;
const COLUMNS: usize = 52;

/// Two slices with a disk of class 2 in a disk of class 1, off the centre.
fn case() -> Case {
    let mut values = vec![0_u8; 2 * ROWS * COLUMNS];
    for (i, value) in values.iter_mut().enumerate() {
        let (slice, row, column) = (i / (ROWS * COLUMNS), i / COLUMNS % ROWS, i % COLUMNS);
        let distance = f64::hypot(row as f64 - 17.0, column as f64 - 29.0 + slice as f64);
        *value = if distance < 4.5 { 2 } else { u8::from(distance < 9.5) };
    }
    let labels = Labels { slices: 2, height: ROWS, width: COLUMNS, values };
    let image: Vec<f32> = labels.values.iter().map(|&label| 10.0 + f32::from(label)).collect();
    let volume = Volume::new([2, 1, ROWS, COLUMNS], image);
    Case { spacing_mm: Some([1.5, 1.25]), ..Case::new(volume, labels) }
}

/// Slices of one channel.
fn shape([height, width]: [usize; 2]) -> SliceShape {
    SliceShape { channels: 1, planes: 1, height, width, pixel_type: PixelType::U8 }
}

fn settings(size: [usize; 2], crop: Crop, spacing_mm: Option<f64>) -> Preprocess {
    Preprocess {
        orientation: None,
        size,
        spacing_mm,
        crop,
        window: Window::Range { low: 0.0, high: 20.0 },
        depth: PixelType::U8,
        channels: None,
        modalities: None,
        slices: SliceChoice::All,
        volume: None,
    }
}

/// Labels of the source after there and back, and the share of labelled pixels that are other ones then.
fn there_and_back(settings: &Preprocess) -> (Labels, f64) {
    let case = case();
    let prepared = prepare_case(&case, settings, 3).unwrap();
    let slices: Slices = prepared
        .slices
        .iter()
        .map(|(position, _, labels)| (*position, labels.as_slice()))
        .collect();
    let found = laid_back(&prepared.source_grid, &slices, shape(settings.size), 3).unwrap();
    let pairs = || found.values.iter().zip(&case.labels.values);
    let labelled = pairs().filter(|(_, label)| **label != 0).count();
    let other = pairs().filter(|(a, b)| a != b).count();
    (found, other as f64 / labelled as f64)
}

#[test]
fn a_crop_of_whole_pixels_comes_back_exactly() {
    for crop in [Crop::Centre { size: [32, 36] }, Crop::Labels { size: [32, 36] }] {
        let (found, other) = there_and_back(&settings([32, 36], crop, None));
        assert_eq!(other, 0.0, "{crop:?}");
        assert_eq!([found.slices, found.height, found.width], [2, ROWS, COLUMNS]);
    }
    // Larger than the image: what was added is cut off again.
    let wide = Crop::Centre { size: [64, 64] };
    assert_eq!(there_and_back(&settings([64, 64], wide, None)).1, 0.0);
}

#[test]
fn label_maps_of_turned_images_lie_as_their_files_do() {
    use crate::prepare::orient::turned;
    let geometry = Geometry {
        size: [COLUMNS, ROWS, 2],
        origin_mm: [1.0, 2.0, 3.0],
        steps_mm: [[0.0, 1.25, 0.0], [0.0, 0.0, -1.5], [4.0, 0.0, 0.0]],
    };
    let stored = Case { geometry: Some(geometry), ..case() };
    let case = turned(stored.clone(), "LPS").unwrap();
    assert_eq!((case.volume.width, case.volume.slices), (2, ROWS));
    let crop = Crop::Centre { size: [COLUMNS, 2] };
    let settings = settings([COLUMNS, 2], crop, None);
    let prepared = prepare_case(&case, &settings, 3).unwrap();
    let grid = &prepared.source_grid;
    let slices: Slices =
        prepared.slices.iter().map(|(at, _, labels)| (*at, labels.as_slice())).collect();
    let found = laid_back(grid, &slices, shape(settings.size), 3).unwrap();
    assert_eq!(as_stored(found, grid).unwrap(), (stored.labels, Some(geometry)));
}

#[test]
fn resampled_slices_come_back_to_the_width_of_a_pixel() {
    let none = Crop::None {};
    for (size, crop, spacing, most) in [
        ([80, 104], none, None, 0.0),
        ([64, 64], none, None, 0.06),
        ([32, 32], none, None, 0.17),
        ([48, 48], none, Some(1.0), 0.06),
        ([48, 40], Crop::Centre { size: [30, 34] }, Some(1.4), 0.06),
        ([40, 40], Crop::Foreground { margin: 3 }, None, 0.11),
    ] {
        let (_, other) = there_and_back(&settings(size, crop, spacing));
        assert!(other <= most, "{size:?} {crop:?} {spacing:?}: {other}");
    }
}

#[test]
fn slices_that_were_not_predicted_are_background_and_others_are_refused() {
    let grid = SourceGrid {
        shape: [3, 4, 4],
        frame: [0.0, 0.0, 4.0, 4.0],
        depth: None,
        geometry: None,
        stored: None,
    };
    let labels = [1; 16];
    let slices = Slices::from([(1, labels.as_slice())]);
    let found = laid_back(&grid, &slices, shape([4, 4]), 2).unwrap();
    assert_eq!(found.values, [[0; 16], [1; 16], [0; 16]].concat());
    let outside = Slices::from([(3, labels.as_slice())]);
    assert!(
        laid_back(&grid, &outside, shape([4, 4]), 2).unwrap_err().to_string().contains("slice 3")
    );
}

#[test]
fn a_volume_is_laid_back_in_all_three_axes() {
    let grid = |depth| SourceGrid {
        shape: [6, 4, 4],
        frame: [0.0, 0.0, 4.0, 4.0],
        depth: Some(depth),
        geometry: None,
        stored: None,
    };
    let planes: Vec<Vec<u8>> = (0..3_u8).map(|plane| vec![u8::from(plane == 1); 16]).collect();
    let slices: Slices = planes.iter().enumerate().map(|(i, plane)| (i, &plane[..])).collect();
    let shape = SliceShape { planes: 3, ..shape([4, 4]) };
    let found = |depth| {
        let labels = laid_back(&grid(depth), &slices, shape, 2).unwrap();
        labels.values.chunks(16).map(|plane| plane[0]).collect::<Vec<u8>>()
    };
    // Planes 2, 3 and 4 of the source.
    assert_eq!(found([2.0, 3.0]), [0, 0, 0, 1, 0, 0]);
    // Two slices a plane.
    assert_eq!(found([0.0, 6.0]), [0, 0, 1, 1, 0, 0]);
    // A volume that reaches beyond the source.
    assert_eq!(found([-1.0, 3.0]), [1, 0, 0, 0, 0, 0]);
}
