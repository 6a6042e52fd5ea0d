use super::*;
use crate::prepare::settings::{Crop, Deep};
use crate::volume::geometry::Geometry;
use crate::volume::{Labels, Volume};

/// A case of `[S, C, H, W]`; without labels where there are none.
fn case(shape: [usize; 4], values: Vec<f32>, labels: &[u8]) -> Case {
    let [slices, _, height, width] = shape;
    let mut all = labels.to_vec();
    all.resize(slices * height * width, 0);
    let labels = Labels { slices, height, width, values: all };
    Case { spacing_mm: Some([0.5, 0.25]), ..Case::new(Volume::new(shape, values), labels) }
}

fn settings(size: [usize; 2]) -> Preprocess {
    Preprocess {
        orientation: None,
        size,
        spacing_mm: None,
        crop: Crop::None {},
        window: Window::Range { low: 0.0, high: 100.0 },
        depth: PixelType::U8,
        channels: None,
        modalities: None,
        slices: SliceChoice::All,
        volume: None,
    }
}

/// Pixel bytes of the first slice.
fn pixels(case: &Case, settings: &Preprocess) -> Vec<u8> {
    prepare_case(case, settings, 4).unwrap().slices.swap_remove(0).1
}

#[test]
fn percentiles_are_ranks_of_the_volume_whatever_the_order_of_its_voxels() {
    // 0 to 100 once each, shuffled: 37 and 101 have no common factor.
    let values: Vec<f32> = (0..101).map(|i| (i * 37 % 101) as f32).collect();
    let ramp = case([1, 1, 1, 101], values, &[]);
    let at = |low, high| limits(&ramp, Window::Percentile { low, high }).unwrap();
    assert_eq!(at(0.0, 100.0), [[0.0, 100.0]]);
    assert_eq!(at(5.0, 90.0), [[5.0, 90.0]]);
    // The nearest rank: 0.4 and 99.6 of 100 are the first and the last.
    assert_eq!(at(0.4, 99.6), [[0.0, 100.0]]);
    assert_eq!(at(0.6, 99.4), [[1.0, 99.0]]);
    // One bright voxel in a hundred does not decide what is white.
    let values = [vec![0.0; 50], vec![10.0; 49], vec![4000.0]].concat();
    let outlier = case([1, 1, 1, 100], values, &[]);
    let limits_of = |case: &Case, low, high| limits(case, Window::Percentile { low, high });
    assert_eq!(limits_of(&outlier, 0.5, 98.0).unwrap(), [[0.0, 10.0]]);
    let flat = case([1, 1, 2, 2], vec![7.0; 4], &[]);
    let error = limits_of(&flat, 0.0, 100.0).unwrap_err().to_string();
    assert!(error.contains("intensities from 7 to 7") && error.contains("contrast"), "{error}");
}

#[test]
fn windows_map_to_the_whole_range_of_the_pixel_type_and_clip() {
    let case = case([1, 1, 1, 5], vec![-50.0, 0.0, 25.0, 100.0, 900.0], &[]);
    assert_eq!(pixels(&case, &settings([1, 5])), [0, 0, 64, 255, 255]);
    let deep = Preprocess { depth: PixelType::U16, ..settings([1, 5]) };
    let words: Vec<u16> = pixels(&case, &deep)
        .chunks_exact(2)
        .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
        .collect();
    assert_eq!(words, [0, 0, 16384, 65535, 65535]);
    let negative = Window::Range { low: -150.0, high: -50.0 };
    assert_eq!(
        pixels(&case, &Preprocess { window: negative, ..settings([1, 5]) })[..2],
        [255, 255]
    );
}

#[test]
fn the_full_window_is_that_of_the_stored_type() {
    let full = Preprocess { window: Window::Full {}, ..settings([1, 2]) };
    let mut photograph = case([1, 1, 1, 2], vec![51.0, 102.0], &[]);
    let error = prepare_case(&photograph, &full, 2).unwrap_err().to_string();
    assert!(error.contains("no natural range"), "{error}");
    photograph.volume.full_range = Some([0.0, 255.0]);
    assert_eq!(pixels(&photograph, &full), [51, 102]);
}

#[test]
fn grey_is_repeated_and_colour_becomes_luma() {
    let with = |channels| Preprocess { channels: Some(channels), ..settings([1, 2]) };
    let grey = case([1, 1, 1, 2], vec![100.0, 0.0], &[]);
    assert_eq!(pixels(&grey, &with(3)), [255, 0, 255, 0, 255, 0]);
    assert_eq!(pixels(&grey, &with(1)), [255, 0]);
    // Red at the first pixel, three equal channels at the second.
    let colour = case([1, 3, 1, 2], vec![100.0, 40.0, 0.0, 40.0, 0.0, 40.0], &[]);
    assert_eq!(pixels(&colour, &with(3)), [255, 102, 0, 102, 0, 102]);
    assert_eq!(pixels(&colour, &with(1)), [76, 102], "0.299 of white, and the value itself");
    let two = case([1, 2, 1, 2], vec![1.0; 4], &[]);
    let error = prepare_case(&two, &with(3), 2).unwrap_err().to_string();
    assert!(error.contains("2 channels, expected 3"), "{error}");
}

#[test]
fn labelled_slices_are_those_with_a_label_left_after_cropping() {
    // Slice 0 is labelled in a corner, slice 1 nowhere, slice 2 in the middle.
    let mut labels = vec![0; 3 * 16];
    labels[0] = 1;
    labels[2 * 16 + 5] = 2;
    let case = case([3, 1, 4, 4], (0..48).map(|i| i as f32).collect(), &labels);
    let kept = |settings: &Preprocess| -> Vec<usize> {
        prepare_case(&case, settings, 4).unwrap().slices.iter().map(|slice| slice.0).collect()
    };
    let labelled = Preprocess { slices: SliceChoice::Labelled, ..settings([4, 4]) };
    assert_eq!(kept(&settings([4, 4])), [0, 1, 2]);
    assert_eq!(kept(&labelled), [0, 2]);
    let cropped = Preprocess { crop: Crop::Centre { size: [2, 2] }, size: [2, 2], ..labelled };
    assert_eq!(kept(&cropped), [2]);
    let prepared = prepare_case(&case, &cropped, 4).unwrap();
    assert_eq!(prepared.slices[0].2, [2, 0, 0, 0]);
    assert_eq!(prepared.cut_off, 0.5);
    assert_eq!(prepared.spacing_mm, Some([0.5, 0.25]));
    // Two source pixels each way in one: twice the spacing.
    let halved = prepare_case(&case, &settings([2, 2]), 4).unwrap();
    assert_eq!(halved.spacing_mm, Some([1.0, 0.5]));
}

#[test]
fn padding_is_black_in_every_window_and_decides_none() {
    // Padded pixels hold a bright value here: whatever a source writes into them, it must not show.
    let mut padded = case([1, 1, 1, 6], vec![900.0, 10.0, 20.0, 30.0, 40.0, 900.0], &[]);
    padded.volume.padding = vec![true, false, false, false, false, true];
    assert_eq!(
        limits(&padded, Window::Percentile { low: 0.0, high: 100.0 }).unwrap(),
        [[10.0, 40.0]]
    );
    for (low, high) in [(0.0, 40.0), (-1000.0, 1000.0), (-40.0, 0.0)] {
        let window = Window::Range { low, high };
        let found = pixels(&padded, &Preprocess { window, ..settings([1, 6]) });
        assert_eq!([found[0], found[5]], [0, 0], "{low} to {high}");
        assert!(found[1..5].iter().all(|&v| v > 0), "{found:?}");
    }
    // Grey as colour, and smaller: no padding brightens its neighbour.
    let colour = Preprocess { channels: Some(3), ..settings([1, 6]) };
    assert_eq!(pixels(&padded, &colour)[6..12], pixels(&padded, &settings([1, 6])));
    let mut bright = padded.clone();
    bright.volume.values[0] = 90000.0;
    assert_eq!(pixels(&padded, &settings([1, 3])), pixels(&bright, &settings([1, 3])));
    padded.volume.padding = vec![true; 6];
    let error = limits(&padded, Window::Percentile { low: 0.0, high: 100.0 }).unwrap_err();
    assert!(error.to_string().contains("padding alone"), "{error}");
}

#[test]
fn padding_of_one_channel_is_black_in_that_channel_and_in_grey_made_of_it() {
    // Three channels of two pixels; of the first pixel green was not measured, of the second nothing.
    let mut colour = case([1, 3, 1, 2], vec![60.0, 900.0, 900.0, 900.0, 60.0, 900.0], &[]);
    colour.volume.padding = vec![false, true, true, true, false, true];
    let window = Window::Range { low: 0.0, high: 100.0 };
    let kept = |channels| Preprocess { window, channels, ..settings([1, 2]) };
    assert_eq!(pixels(&colour, &kept(None)), [153, 0, 0, 0, 153, 0]);
    // 0.299 and 0.114 of 60, without green's 0.587.
    assert_eq!(pixels(&colour, &kept(Some(1))), [63, 0]);
    let window = Window::Range { low: 50.0, high: 100.0 };
    let raised = Preprocess { window, channels: Some(1), ..settings([1, 2]) };
    // Black is the window's lower end: 0.299 and 0.114 of 10 of 50 above it.
    assert_eq!(pixels(&colour, &raised), [21, 0]);
}

/// Slices of 4x4 that say their number, 5 mm apart, and a label in some of them.
fn stack(slices: usize, labelled: &[usize]) -> Case {
    let plane = |slice: usize| vec![slice as f32; 16];
    let volume = Volume::new([slices, 1, 4, 4], (0..slices).flat_map(plane).collect());
    let label = |slice: usize| vec![u8::from(labelled.contains(&slice)); 16];
    let labels =
        Labels { slices, height: 4, width: 4, values: (0..slices).flat_map(label).collect() };
    let geometry = Geometry {
        size: [4, 4, slices],
        origin_mm: [0.0; 3],
        steps_mm: [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 5.0]],
    };
    let spacing_mm = Some([1.0, 1.0]);
    Case { geometry: Some(geometry), spacing_mm, ..Case::new(volume, labels) }
}

/// A volume of so many planes.
fn deep(planes: usize, between_mm: Option<f64>) -> Preprocess {
    let window = Window::Range { low: 0.0, high: 255.0 };
    Preprocess { window, volume: Some(Deep { planes, between_mm }), ..settings([4, 4]) }
}

/// First pixel and label of each plane.
fn planes(case: &Case, settings: &Preprocess) -> Vec<(u8, u8)> {
    let found = prepare_case(case, settings, 2).unwrap();
    found.slices.iter().map(|(_, pixels, labels)| (pixels[0], labels[0])).collect()
}

#[test]
fn slices_are_the_planes_of_a_volume_cut_or_padded_about_the_middle() {
    let case = stack(6, &[2, 3]);
    assert_eq!(planes(&case, &deep(4, None)), [(1, 0), (2, 1), (3, 1), (4, 0)]);
    let padded = prepare_case(&case, &deep(8, None), 2).unwrap();
    let first: Vec<u8> = padded.slices.iter().map(|plane| plane.1[0]).collect();
    assert_eq!(first, [0, 0, 1, 2, 3, 4, 5, 0]);
    assert_eq!((padded.padded, padded.cut_off, padded.between_mm), (true, 0.0, Some(5.0)));
    assert_eq!(padded.source_grid.depth, Some([-1.0, 8.0]));
    // Labels at one end: about them, or cut off and said.
    let end = stack(6, &[4, 5]);
    assert_eq!(prepare_case(&end, &deep(2, None), 2).unwrap().cut_off, 1.0);
    assert_eq!(prepare_case(&end, &deep(4, None), 2).unwrap().cut_off, 0.5);
    let about = Preprocess { crop: Crop::Labels { size: [4, 4] }, ..deep(2, None) };
    assert_eq!(planes(&end, &about), [(4, 1), (5, 1)]);
}

#[test]
fn planes_of_another_distance_are_resampled_and_labels_never_invented() {
    let case = stack(8, &[0, 1, 2, 3]);
    let half = prepare_case(&case, &deep(4, Some(10.0)), 2).unwrap();
    assert_eq!(half.between_mm, Some(10.0));
    let found: Vec<(u8, u8)> = half.slices.iter().map(|plane| (plane.1[0], plane.2[0])).collect();
    // Weights 1/8, 3/8, 3/8, 1/8 of four slices; at the ends what lies beyond is not counted.
    assert_eq!(found, [(1, 1), (3, 1), (5, 0), (6, 0)]);
    assert_eq!(planes(&case, &deep(8, Some(5.0))), planes(&case, &deep(8, None)));
}

#[test]
fn what_is_no_volume_is_refused_with_what_it_is() {
    let refused = |case: &Case, settings: &Preprocess| {
        prepare_case(case, settings, 2).unwrap_err().to_string()
    };
    assert!(refused(&stack(1, &[0]), &deep(2, None)).contains("one slice"));
    let few = refused(&stack(3, &[0]), &deep(8, None));
    assert!(few.contains("3 slices of 5.00 mm, expected at least half of a volume of 8"), "{few}");
    let unplaced = Case { geometry: None, ..stack(8, &[0]) };
    assert!(refused(&unplaced, &deep(8, None)).contains("how far slices are apart"));
}
