use super::*;

fn weights(range: [f64; 2], slices: usize, planes: usize) -> Vec<Vec<(usize, f32)>> {
    taps(range, slices, planes)
}

#[test]
fn whole_slices_stay_what_they_are_and_what_lies_outside_is_black() {
    let found = weights([0.0, 4.0], 4, 4);
    assert_eq!(found, [[(0, 1.0)], [(1, 1.0)], [(2, 1.0)], [(3, 1.0)]]);
    let found = weights([-1.0, 4.0], 2, 4);
    assert_eq!(found, [vec![], vec![(0, 1.0)], vec![(1, 1.0)], vec![]]);
    let found = weights([2.0, 2.0], 6, 2);
    assert_eq!(found, [[(2, 1.0)], [(3, 1.0)]]);
}

#[test]
fn halved_planes_average_and_doubled_ones_lie_between() {
    for (range, slices, planes) in [([0.0, 8.0], 8, 4), ([0.0, 8.0], 8, 5), ([1.5, 5.0], 8, 4)] {
        for taps in weights(range, slices, planes) {
            let sum: f32 = taps.iter().map(|(_, weight)| weight).sum();
            assert!((sum - 1.0).abs() < 1e-6, "{taps:?}");
        }
    }
    // Twice as many planes as slices: three quarters of the nearer and a quarter of the other.
    let found = weights([0.0, 4.0], 4, 8);
    assert_eq!(found[0], [(0, 1.0)], "nothing lies before the first");
    assert_eq!(found[3], [(1, 0.75), (2, 0.25)]);
}

#[test]
fn rows_and_planes_are_resampled_alike() {
    use crate::prepare::frame::Frame;
    use crate::prepare::resample::Resampler;
    let column: Vec<f32> = (0..9).map(|i| ((i * 7) % 5) as f32 / 4.0).collect();
    for (start, extent, size) in
        [(0.0, 9.0, 4), (1.3, 6.1, 5), (-2.0, 13.0, 6), (0.5, 4.0, 9), (-1.6, 8.0, 8)]
    {
        let frame = Frame { top: start, left: 0.0, height: extent, width: 1.0 };
        let rows = Resampler::new(frame, [9, 1], [size, 1]).image(&column).unwrap();
        let slices: Vec<Vec<f32>> = column.iter().map(|value| vec![*value]).collect();
        let depth = Depth::between([start, extent], 9, size);
        let planes: Vec<f32> = depth.apply(&slices).concat();
        let near = |(a, b): (&f32, &f32)| (a - b).abs() < 1e-4;
        assert!(rows.iter().zip(&planes).all(near), "{start} {extent}: {rows:?} {planes:?}");
    }
}
