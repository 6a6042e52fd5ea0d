//! Outlines (RTSTRUCT's contours) filled on an image's grid.
//!
//! A voxel is in where its centre lies within an odd number of a slice's outlines, or on one of them: holes by a second
//! outline and holes by a keyhole come out alike, and outlines through the centres of a mask's border, as OpenCV's
//! `findContours` gives them, give back the mask. Nothing is filled between slices.

use super::geometry::Geometry;
use anyhow::{Result, bail};

/// A closed outline in one plane.
#[derive(Debug, Clone, PartialEq)]
pub struct Contour {
    /// Its corners, mm, LPS.
    pub points_mm: Vec<[f64; 3]>,
}

/// How far an outline may lie from the middle of a slice, in slices: headers round to hundredths of a millimetre.
const FROM_SLICE: f64 = 0.25;
/// Corners nearer than this to a voxel's centre, in voxels, are on it: contours are written in decimal.
const ON_CENTRE: f64 = 1e-3;

/// Voxels `[S, H, W]` in the contours, and how many contours lie in no slice of the grid.
///
/// # Errors
/// A contour between two slices, or through several.
pub fn fill(contours: &[Contour], grid: &Geometry) -> Result<(Vec<bool>, usize)> {
    let [width, height, slices] = grid.size;
    let mut inside = vec![false; width * height * slices];
    let mut of_slice: Vec<Vec<Vec<[f64; 2]>>> = vec![vec![]; slices];
    let mut outside = 0;
    for contour in contours {
        let points: Vec<[f64; 3]> =
            contour.points_mm.iter().map(|point| grid.index_of(*point)).collect();
        let Some(first) = points.first() else { continue };
        let (least, greatest) = points
            .iter()
            .fold((first[2], first[2]), |(a, b), point| (a.min(point[2]), b.max(point[2])));
        let slice = f64::midpoint(least, greatest).round();
        if greatest - least > 2.0 * FROM_SLICE {
            bail!(
                "a contour from slice {least:.2} to {greatest:.2} of the image, expected contours in its slices: they are \
                 of another plane or series"
            );
        }
        match usize::try_from(slice as i64).ok().filter(|slice| *slice < slices) {
            None => outside += 1,
            Some(at) => {
                if (least - slice).abs() > FROM_SLICE || (greatest - slice).abs() > FROM_SLICE {
                    bail!(
                        "a contour at slice {:.2} of the image, expected it in a slice: it lies between two, and is not \
                         interpolated",
                        f64::midpoint(least, greatest)
                    );
                }
                of_slice[at]
                    .push(points.iter().map(|point| [point[0], point[1]].map(snapped)).collect());
            }
        }
    }
    for (slice, polygons) in of_slice.iter().enumerate().filter(|(_, all)| !all.is_empty()) {
        let plane = &mut inside[slice * width * height..(slice + 1) * width * height];
        fill_plane(polygons, plane, [width, height]);
    }
    Ok((inside, outside))
}

fn snapped(value: f64) -> f64 {
    if (value - value.round()).abs() < ON_CENTRE { value.round() } else { value }
}

/// Even-odd filling of all polygons together, their edges included.
fn fill_plane(polygons: &[Vec<[f64; 2]>], plane: &mut [bool], [width, height]: [usize; 2]) {
    for row in 0..height {
        let y = row as f64;
        let mut crossings = Vec::new();
        let line = &mut plane[row * width..(row + 1) * width];
        for polygon in polygons {
            for (i, &[x1, y1]) in polygon.iter().enumerate() {
                let [x0, y0] = polygon[(i + polygon.len() - 1) % polygon.len()];
                if y0 == y && y1 == y {
                    mark(line, x0.min(x1), x0.max(x1));
                }
                if y0.min(y1) <= y && y <= y0.max(y1) && y0 != y1 {
                    let x = snapped(x0 + (y - y0) / (y1 - y0) * (x1 - x0));
                    mark(line, x, x);
                    // Each corner belongs to the edge above it: none is counted twice.
                    if y < y0.max(y1) {
                        crossings.push(x);
                    }
                }
            }
        }
        crossings.sort_by(f64::total_cmp);
        for pair in crossings.chunks_exact(2) {
            mark(line, pair[0], pair[1]);
        }
    }
}

/// Marks the centres from `left` to `right`, both included.
fn mark(line: &mut [bool], left: f64, right: f64) {
    let from = left.ceil().max(0.0);
    let to = right.floor().min(line.len() as f64 - 1.0);
    if from <= to {
        line[from as usize..=to as usize].fill(true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 6 x 5 pixels of 0.5 mm, slices 3 mm apart.
    const GRID: Geometry = Geometry {
        size: [6, 5, 2],
        origin_mm: [10.0, 20.0, 30.0],
        steps_mm: [[0.5, 0.0, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 3.0]],
    };

    fn contour(slice: f64, corners: &[[f64; 2]]) -> Contour {
        let at = |[x, y]: &[f64; 2]| [10.0 + 0.5 * x, 20.0 + 0.5 * y, 30.0 + 3.0 * slice];
        Contour { points_mm: corners.iter().map(at).collect() }
    }

    fn drawn(contours: &[Contour]) -> String {
        let (inside, _) = fill(contours, &GRID).unwrap();
        let row = |row: &[bool]| row.iter().map(|v| if *v { '#' } else { '.' }).collect::<String>();
        inside[..30].chunks(6).map(row).collect::<Vec<_>>().join("/")
    }

    #[test]
    fn outlines_through_centres_hold_their_border_and_others_what_they_surround() {
        let square = contour(0.0, &[[1.0, 1.0], [4.0, 1.0], [4.0, 3.0], [1.0, 3.0]]);
        assert_eq!(drawn(&[square]), "....../.####./.####./.####./......");
        let between = contour(0.0, &[[0.6, 0.6], [3.4, 0.6], [3.4, 2.4], [0.6, 2.4]]);
        assert_eq!(drawn(&[between]), "....../.###../.###../....../......");
        // One point is one voxel, and a line the voxels it goes through.
        assert_eq!(drawn(&[contour(0.0, &[[2.0, 2.0]])]), "....../....../..#.../....../......");
        let line = contour(0.0, &[[1.0, 1.0], [3.0, 3.0]]);
        assert_eq!(drawn(&[line]), "....../.#..../..#.../...#../......");
    }

    #[test]
    fn holes_by_a_second_outline_and_by_a_keyhole_are_alike() {
        let outer = [[0.6, -0.4], [5.4, -0.4], [5.4, 4.4], [0.6, 4.4]];
        let inner = [[1.6, 0.6], [4.4, 0.6], [4.4, 3.4], [1.6, 3.4]];
        let ring = ".#####/.#...#/.#...#/.#...#/.#####";
        assert_eq!(drawn(&[contour(0.0, &outer), contour(0.0, &inner)]), ring);
        // To the hole, around it, and back the same way.
        let keyhole: Vec<[f64; 2]> = [&outer[..], &outer[..1], &inner[..], &inner[..1]].concat();
        assert_eq!(drawn(&[contour(0.0, &keyhole)]), ring);
    }

    #[test]
    fn what_lies_between_slices_is_refused_and_what_lies_outside_is_counted() {
        let square = [[1.0, 1.0], [4.0, 1.0], [4.0, 3.0]];
        let error = |contour| fill(&[contour], &GRID).unwrap_err().to_string();
        assert!(error(contour(0.5, &square)).contains("at slice 0.50"));
        let mut tilted = contour(0.0, &square);
        tilted.points_mm[1][2] += 3.0;
        assert!(error(tilted).contains("from slice 0.00 to 1.00"));
        let (inside, outside) =
            fill(&[contour(2.0, &square), contour(1.01, &square)], &GRID).unwrap();
        assert_eq!(
            (outside, inside[..30].contains(&true), inside[30..].contains(&true)),
            (1, false, true)
        );
    }
}
