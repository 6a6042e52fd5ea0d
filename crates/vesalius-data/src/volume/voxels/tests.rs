use super::*;
use crate::volume::geometry::Geometry;

/// Distinct values; each third voxel from `first` is padding.
fn volume([slices, channels, height, width]: [usize; 4], from: u16, first: usize) -> Volume {
    let count = slices * channels * height * width;
    let values = (0..count).map(|i| f32::from(from) + i as f32).collect();
    let padding = (0..count).map(|i| i >= first && (i - first).is_multiple_of(3)).collect();
    let full_range = Some([0.0, 65535.0]);
    Volume { full_range, padding, ..Volume::new([slices, channels, height, width], values) }
}

/// What is known of each voxel, so that two volumes are compared voxel by voxel.
fn voxel(of: &Volume, [s, c, y, x]: [usize; 4]) -> (f32, bool) {
    let at = y * of.width + x;
    (of.plane(s, c)[at], of.padded(s, c).get(at).copied().unwrap_or(false))
}

fn places([slices, channels, height, width]: [usize; 4]) -> Vec<[usize; 4]> {
    let all = 0..slices * channels * height * width;
    all.map(|i| {
        let plane = i / (height * width);
        [plane / channels, plane % channels, i / width % height, i % width]
    })
    .collect()
}

#[test]
fn channels_keep_their_padding_whichever_of_the_two_has_some() {
    let shape = [2, 2, 3, 2];
    let one = [2, 1, 3, 2];
    let none = |volume: Volume| Volume { padding: vec![], ..volume };
    for (here, there) in [
        (volume(shape, 0, 0), volume(one, 500, 1)),
        (none(volume(shape, 0, 0)), volume(one, 500, 2)),
        (volume(shape, 0, 1), none(volume(one, 500, 0))),
        (none(volume(shape, 0, 0)), none(volume(one, 500, 0))),
    ] {
        let both = here.with_channels(&there);
        assert_eq!([both.slices, both.channels, both.height, both.width], [2, 3, 3, 2]);
        for [s, c, y, x] in places([2, 3, 3, 2]) {
            let expected =
                if c < 2 { voxel(&here, [s, c, y, x]) } else { voxel(&there, [s, 0, y, x]) };
            assert_eq!(voxel(&both, [s, c, y, x]), expected, "{s} {c} {y} {x}");
        }
        let padded = |of: &Volume| of.padding.iter().filter(|padded| **padded).count();
        assert_eq!(padded(&both), padded(&here) + padded(&there));
        assert_eq!(both.padding.is_empty(), here.padding.is_empty() && there.padding.is_empty());
        assert_eq!(both.full_range, Some([0.0, 65535.0]));
    }
    let bytes = Volume { full_range: Some([0.0, 255.0]), ..volume(one, 0, 0) };
    assert_eq!(volume(shape, 0, 0).with_channels(&bytes).full_range, None);
}

#[test]
fn every_fact_of_a_voxel_goes_with_it_into_another_order_of_axes() {
    let steps = |order: [usize; 3], signs: [f64; 3]| {
        std::array::from_fn(|axis| {
            let mut step = [0.0; 3];
            step[order[axis]] = signs[axis];
            step
        })
    };
    // Columns, rows and slices of the image; the stored axes are some order of them, some running back.
    let size = [3, 4, 2];
    let plain = steps([0, 1, 2], [1.0; 3]);
    let image = Geometry { size, origin_mm: [0.0; 3], steps_mm: plain }.checked().unwrap();
    for order in [[0, 1, 2], [1, 0, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0], [0, 2, 1]] {
        for signs in [[1.0, 1.0, 1.0], [-1.0, 1.0, 1.0], [1.0, -1.0, -1.0], [-1.0, -1.0, -1.0]] {
            let mut origin_mm = [0.0; 3];
            for axis in (0..3).filter(|axis| signs[*axis] < 0.0) {
                origin_mm[order[axis]] = size[order[axis]] as f64 - 1.0;
            }
            let stored_size = order.map(|axis| size[axis]);
            let stored =
                Geometry { size: stored_size, origin_mm, steps_mm: steps(order, signs) }.checked();
            let alignment = image.onto(&stored.unwrap()).unwrap();
            let [width, height, slices] = stored_size;
            let before = volume([slices, 2, height, width], 7, 1);
            let after = before.reordered(&alignment);
            let shape = [after.slices, after.channels, after.height, after.width];
            assert_eq!(shape, [2, 2, 4, 3], "{alignment}");
            assert_eq!(after.full_range, before.full_range);
            for [s, c, y, x] in places(shape) {
                let at = [x, y, s];
                let [x0, y0, s0] = std::array::from_fn(|axis| {
                    let index = at[order[axis]];
                    if signs[axis] < 0.0 { stored_size[axis] - 1 - index } else { index }
                });
                let expected = voxel(&before, [s0, c, y0, x0]);
                assert_eq!(voxel(&after, [s, c, y, x]), expected, "{alignment}");
            }
            let bare = Volume { padding: vec![], ..before };
            assert_eq!(bare.reordered(&alignment).padding, Vec::<bool>::new());
        }
    }
}

#[test]
fn measured_values_are_all_but_padding_in_order() {
    let volume = volume([1, 2, 1, 3], 10, 1);
    assert_eq!(volume.measured(), [10.0, 12.0, 13.0, 15.0]);
    assert_eq!(Volume { padding: vec![], ..volume.clone() }.measured(), volume.values);
}
