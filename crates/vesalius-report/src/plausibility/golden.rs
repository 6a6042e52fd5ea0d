//! Shapes and intervals against scikit-image's and scipy's: `golden/plausibility.py`.

use super::anatomy::Anatomy;
use super::shape::{LabelMap, Regions, circularity};
use serde_json::Value;
use vesalius_statistics::proportion::wilson;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../../golden/plausibility.json")).unwrap()
}

fn array(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn whole(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn wholes(value: &Value) -> Vec<usize> {
    array(value).iter().map(whole).collect()
}

/// Label maps from runs, with their sizes and what was measured in them.
fn maps() -> Vec<(Vec<u8>, [usize; 2], Value)> {
    array(&golden()["maps"])
        .iter()
        .map(|map| {
            let runs = wholes(&map["runs"]);
            let labels = runs
                .chunks_exact(2)
                .flat_map(|run| std::iter::repeat_n(u8::try_from(run[0]).unwrap(), run[1]))
                .collect();
            let size = wholes(&map["size"]);
            (labels, [size[0], size[1]], map.clone())
        })
        .collect()
}

#[test]
fn components_holes_areas_and_perimeters_are_scikit_images() {
    let maps = maps();
    assert_eq!(maps.len(), 8);
    for (labels, [height, width], map) in maps {
        let regions = Regions::of(LabelMap::new(&labels, height, width));
        for expected in array(&map["shapes"]) {
            let class = whole(&expected["class"]);
            let own: Vec<usize> = (0..regions.all.len())
                .filter(|&i| usize::from(regions.all[i].class) == class)
                .collect();
            assert_eq!(own.len(), whole(&expected["components"]));
            assert!(wholes(&expected["first_pixels"]).is_sorted(), "components in one order");
            let areas: Vec<usize> = own.iter().map(|&i| regions.all[i].area_px).collect();
            assert_eq!(areas, wholes(&expected["areas_px"]));
            let holes: Vec<usize> = own.iter().map(|&i| regions.holes(i)).collect();
            assert_eq!(holes, wholes(&expected["holes"]));
            for (at, &i) in own.iter().enumerate() {
                let found = regions.perimeter_px(i);
                let perimeter = expected["perimeters_px"][at].as_f64().unwrap();
                assert!((found - perimeter).abs() < 1e-9, "class {class}: {found} {perimeter}");
                if let Some(expected) = expected["circularities"][at].as_f64() {
                    let found = circularity(regions.all[i].area_px, found);
                    assert!((found / expected - 1.0).abs() < 1e-9, "{found} {expected}");
                }
            }
        }
    }
}

#[test]
fn border_shares_are_those_counted_with_numpy() {
    for (labels, [height, width], map) in maps() {
        let classes = whole(&map["classes"]);
        let anatomy = Anatomy::of(LabelMap::new(&labels, height, width), classes);
        for class in 1..classes {
            let sides = wholes(&map["borders"][class - 1]);
            let sum: usize = sides.iter().sum();
            for (neighbour, &sides) in sides.iter().enumerate().filter(|(n, _)| *n != class) {
                let found = anatomy.border_share(class, neighbour).unwrap_or(0.0);
                assert_eq!(found, sides as f64 / sum as f64, "{class} with {neighbour}");
            }
        }
    }
}

#[test]
fn wilsons_interval_is_scipys() {
    for row in array(&golden()["wilson"]) {
        let [low, high] = wilson(whole(&row[0]), whole(&row[1])).unwrap();
        assert!((low - row[2].as_f64().unwrap()).abs() < 1e-12, "{low} {row}");
        assert!((high - row[3].as_f64().unwrap()).abs() < 1e-12, "{high} {row}");
    }
}
