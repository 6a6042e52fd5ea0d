use super::*;

fn grid(size: [usize; 3], origin_mm: [f64; 3], steps_mm: [[f64; 3]; 3]) -> Geometry {
    Geometry { size, origin_mm, steps_mm }.checked().unwrap()
}

/// 3 columns, 4 rows, 2 slices of 1 x 2 x 5 mm.
fn image() -> Geometry {
    grid([3, 4, 2], [10.0, 20.0, 30.0], [[1.0, 0.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 5.0]])
}

#[test]
fn a_mirrored_and_permuted_grid_is_reordered_to_the_images() {
    // Slices first, from head to feet; then columns from left to right.
    let mask =
        grid([2, 3, 4], [12.0, 20.0, 35.0], [[0.0, 0.0, -5.0], [-1.0, 0.0, 0.0], [0.0, 2.0, 0.0]]);
    let alignment = image().onto(&mask).unwrap();
    assert!(!alignment.is_identity());
    // Each voxel holds its place in the image.
    let mut stored = vec![0; 24];
    for (slice, row, column) in (0..24).map(|i| (i / 12, i / 3 % 4, i % 3)) {
        let (x, y, z) = (1 - slice, 2 - column, row);
        stored[(z * 3 + y) * 2 + x] = (slice * 4 + row) * 3 + column;
    }
    assert_eq!(alignment.apply(&stored), (0..24).collect::<Vec<_>>());
}

#[test]
fn less_than_half_a_voxel_is_the_same_grid_and_more_is_not() {
    let moved = |mm: f64| {
        let mut other = image();
        other.origin_mm[1] += mm;
        image().onto(&other)
    };
    assert!(moved(0.9).unwrap().is_identity());
    assert!(moved(1.1).is_none());
    assert!(image().to_string().contains("LPS from (10, 20, 30) mm"), "{}", image());
    // A spacing that is off by little adds up to the far end.
    let mut stretched = image();
    stretched.steps_mm[1][1] = 2.4;
    assert!(image().onto(&stretched).is_none());
    let mut smaller = image();
    smaller.size[0] = 2;
    assert!(image().onto(&smaller).is_none());
}

#[test]
fn a_single_slice_has_no_direction_of_its_own() {
    let mut flat = image();
    flat.size[2] = 1;
    let mut other = flat;
    other.steps_mm[2] = [0.0, 0.0, -1.0];
    assert!(flat.onto(&other).unwrap().is_identity());
}

#[test]
fn an_oblique_grid_names_its_axes_and_a_flat_one_is_none() {
    let (s, c) = (0.5, 0.75_f64.sqrt());
    let oblique = grid([2, 2, 2], [0.0; 3], [[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]]);
    assert_eq!(oblique.orientation(), "LPS");
    assert!(oblique.to_string().contains("axes (0.866, 0.5, 0)"), "{oblique}");
    let flat =
        Geometry { steps_mm: [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [0.0, 0.0, 1.0]], ..oblique };
    assert!(flat.checked().is_none());
}
