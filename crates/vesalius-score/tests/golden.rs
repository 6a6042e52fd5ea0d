//! Distances between surfaces against google-deepmind/surface-distance and MONAI (golden/surface.py).

use serde_json::Value;
use vesalius_score::edges::EdgeDistances;
use vesalius_score::{Distances, Grid};
use vesalius_testing::pseudo::uniform;

fn numbers(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(number).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap())
}

/// As golden/surface.py makes them.
fn mask(kind: &str, name: &str, shape: &[usize]) -> Vec<bool> {
    let count = shape.iter().product();
    let at = |i: usize| -> Vec<f64> {
        let of = |axis: usize| {
            let step: usize = shape[axis + 1..].iter().product();
            (i / step % shape[axis]) as f64
        };
        (0..shape.len()).map(of).collect()
    };
    let middle: Vec<f64> = shape.iter().map(|&side| (side as f64 - 1.0) / 2.0).collect();
    let (shift, size) = (uniform(name, shape.len()), uniform(&format!("{name}.size"), shape.len()));
    let noise = uniform(name, count);
    let within = |i: usize| match kind {
        "empty" => false,
        "full" => true,
        "noise" => noise[i] > 0.4,
        "voxel" => at(i).iter().zip(&middle).all(|(at, middle)| *at == middle.floor()),
        _ => {
            let apart = |axis: usize| {
                let side = shape[axis] as f64;
                (at(i)[axis] - middle[axis] - shift[axis] * side / 5.0)
                    / ((0.25 + 0.1 * size[axis]) * side)
            };
            (0..shape.len()).map(|axis| apart(axis).powi(2)).sum::<f64>() <= 1.0
        }
    };
    (0..count).map(within).collect()
}

/// NaN: there is no such number.
fn same(what: &str, found: Option<f64>, expected: f64, tolerance: f64) {
    let found = found.unwrap_or(f64::NAN);
    let alike = found == expected
        || found.is_nan() && expected.is_nan()
        || (found - expected).abs() <= tolerance * (1.0 + expected.abs());
    assert!(alike, "{what}: {found}, expected {expected}");
}

#[test]
fn distances_are_those_of_surface_distance_and_of_monai() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../golden/surface.json");
    let golden: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let [percents, tolerances] = ["percents", "tolerances"].map(|name| numbers(&golden[name]));
    let cases = golden["cases"].as_array().unwrap();
    assert!(cases.len() > 60, "{}", cases.len());
    for case in cases {
        let shape: Vec<usize> = numbers(&case["shape"]).iter().map(|&n| n as usize).collect();
        let spacing = numbers(&case["spacing"]);
        let side = |i: usize| {
            mask(case["kinds"][i].as_str().unwrap(), case["names"][i].as_str().unwrap(), &shape)
        };
        let (reference, prediction) = (side(0), side(1));
        let count = |mask: &[bool]| mask.iter().filter(|is| **is).count() as f64;
        assert_eq!(vec![count(&reference), count(&prediction)], numbers(&case["voxels"]));
        let grid = match (shape.as_slice(), spacing.as_slice()) {
            (&[rows, columns], &[row, column]) => Grid::picture([rows, columns], [row, column]),
            (&[slices, rows, columns], &[between, row, column]) => {
                Grid::volume([slices, rows, columns], [between, row, column])
            }
            _ => panic!("{case}"),
        };
        let what = format!("{shape:?} {}", case["kinds"]);
        let found = Distances::between(&reference, &prediction, grid);
        let expected = &case["google"];
        for (found, expected) in found.averages().into_iter().zip(numbers(&expected["averages"])) {
            same(&format!("{what} average"), found, expected, 1e-12);
        }
        for (i, &percent) in percents.iter().enumerate() {
            let what = format!("{what} {percent}");
            same(&what, Some(found.hausdorff(percent)), numbers(&expected["hausdorff"])[i], 1e-12);
        }
        for (i, &mm) in tolerances.iter().enumerate() {
            let expected = numbers(&expected["surface_dice"])[i];
            same(&format!("{what} {mm} mm"), found.surface_dice(mm), expected, 1e-12);
        }
        // MONAI's distances are f32.
        let found = EdgeDistances::between(&reference, &prediction, grid);
        let expected = &case["monai"];
        let what = format!("{what} MONAI");
        same(&what, found.average_symmetric(), number(&expected["average"]), 1e-6);
        for (i, &percent) in percents.iter().enumerate() {
            let (found, expected) = (found.hausdorff(percent), numbers(&expected["hausdorff"])[i]);
            // Between two infinite distances torch.quantile finds NaN.
            if found != Some(f64::INFINITY) || !expected.is_nan() {
                same(&what, found, expected, 1e-6);
            }
        }
        for (i, &mm) in tolerances.iter().enumerate() {
            same(&what, found.surface_dice(mm), numbers(&expected["surface_dice"])[i], 1e-6);
        }
    }
}
